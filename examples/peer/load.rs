//! The proxy and its tracker under load: so many UEs keep up what they announced and ask for lists, and what that costs the proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sipveil::ppsp::SwarmId;
use sipveil::ppsp::response::State;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::agent::Agent;
use super::commands::{Failure, runtime};
use super::content::Whole;
use super::demo::{programs, write_random};
use super::ground::{Ground, NAME, Proxy};
use super::line::{Line, Tls, Way};
use super::now;
use super::options::{Misused, Options};
use super::source::{Folder, open_manifest};
use super::ue::{Subscriber, Ue};

/// Lists that one peer may ask for at once.
const LISTS_EACH: usize = 6;
/// Peers of a list.
const PEERS: u8 = 20;
/// UEs have an address each on loopback.
const UES_MAX: usize = 250 * 250;

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

/// How much of it.
struct Wish {
    ues: usize,
    refreshes: usize,
    lists: usize,
    /// UEs that wait for an answer at a time.
    at_once: usize,
}

impl Wish {
    fn read(options: &Options) -> Result<Wish, Failure> {
        let ues = options.parsed("ues")?.unwrap_or(400).clamp(1, UES_MAX);
        let wish = Wish {
            ues,
            refreshes: options.parsed("refreshes")?.unwrap_or(20_000),
            lists: options.parsed("lists")?.unwrap_or(ues * LISTS_EACH),
            at_once: options.parsed("at-once")?.unwrap_or(64).clamp(1, ues),
        };
        if wish.lists > wish.ues * LISTS_EACH {
            let words = format!("--lists: each UE may ask for {LISTS_EACH}, so there are too few --ues");
            return Err(Misused(words).into());
        }
        Ok(wish)
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let wish = Wish::read(options)?;
    let under: Vec<String> = options
        .get("under")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let [own, program] = programs(options)?;
    let folder = TempDir::new().map_err(other)?;
    let ground = Ground::new(folder.path(), &own, &program).map_err(other)?;
    write_random(&ground.path("film"), 1).map_err(other)?;
    let published = ground.publish(None).and_then(|_| ground.network());
    let (network, core) = published.map_err(other)?;
    let proxy = ground.proxy(&core, false, 2, &under).map_err(other)?;
    let loaded = runtime()?.block_on(load(&ground, &proxy, &wish));
    let ended = proxy.process.terminate().map_err(other)?;
    network.stop(|_| {}).map_err(other)?;
    if loaded.is_err() || !ended.success() {
        println!("left behind: {}", folder.keep().display());
    }
    loaded
}

async fn load(ground: &Ground<'_>, proxy: &Proxy, wish: &Wish) -> Result<(), Failure> {
    let folder = Folder::of(&ground.path("published"));
    let manifest = open_manifest(&folder.manifest(), ground.source(), now()).map_err(other)?;
    let content = Whole::open(&folder.content(), &manifest).map_err(other)?;
    let door = Door {
        to: proxy.access.parse().map_err(other)?,
        authority: ground.path("ca.pem"),
        swarm: manifest.root,
        content: Arc::new(content),
    };
    let mut crowd = Crowd::enter(&door, wish).await?;
    println!(
        "{} UEs over TLS in one swarm, {} at a time; a list is of {PEERS}",
        wish.ues, wish.at_once
    );
    for (step, count) in [(Step::Refresh, wish.refreshes), (Step::List, wish.lists)] {
        let begin = (Instant::now(), cpu_of(proxy.process.id()));
        let done = crowd.step(&door, step, count).await?;
        let (wall, cpu) = (begin.0.elapsed(), cpu_of(proxy.process.id()).saturating_sub(begin.1));
        println!(
            "{:<8} {done:>7}: {:>6.0} a second, {:>5.1} µs of the proxy's CPU time each, which was {:.0} % of the time",
            step.name(),
            done as f64 / wall.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / done.max(1) as f64,
            cpu.as_secs_f64() * 100.0 / wall.as_secs_f64(),
        );
    }
    Ok(())
}

/// Where UEs come in, and what they share.
#[derive(Clone)]
struct Door {
    to: SocketAddr,
    authority: PathBuf,
    swarm: SwarmId,
    content: Arc<Whole>,
}

#[derive(Clone, Copy)]
enum Step {
    /// PUBLISH without a body and its answer, and a proof where one is asked for: of one in twenty.
    Refresh,
    /// SUBSCRIBE and its answer, NOTIFY and its answer.
    List,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Refresh => "refresh",
            Step::List => "list",
        }
    }
}

/// All UEs, in as many parts as act at a time.
struct Crowd(Vec<Vec<Ue>>);

impl Crowd {
    async fn enter(door: &Door, wish: &Wish) -> Result<Crowd, Failure> {
        let mut entering = JoinSet::new();
        for part in 0..wish.at_once {
            let numbers: Vec<usize> = (part..wish.ues).step_by(wish.at_once).collect();
            let door = door.clone();
            entering.spawn(async move {
                let mut ues = Vec::with_capacity(numbers.len());
                for number in numbers {
                    ues.push(entered(&door, number).await?);
                }
                Ok(ues)
            });
        }
        all(entering).await.map(Crowd)
    }

    /// So many steps, all UEs of a part in turn. Tells how many there were.
    async fn step(&mut self, door: &Door, step: Step, count: usize) -> Result<usize, Failure> {
        let ues: usize = self.0.iter().map(Vec::len).sum();
        let (mut acting, mut done) = (JoinSet::new(), 0);
        for mut part in std::mem::take(&mut self.0) {
            let (door, count) = (door.clone(), count * part.len() / ues.max(1));
            done += count;
            acting.spawn(async move {
                for place in 0..count {
                    let place = place % part.len();
                    act(&door, &mut part[place], step).await?;
                }
                Ok(part)
            });
        }
        self.0 = all(acting).await?;
        Ok(done)
    }
}

async fn all(mut parts: JoinSet<Result<Vec<Ue>, Failure>>) -> Result<Vec<Vec<Ue>>, Failure> {
    let mut all = Vec::with_capacity(parts.len());
    while let Some(part) = parts.join_next().await {
        all.push(part.map_err(other)??);
    }
    Ok(all)
}

/// A UE that is registered, and has announced and proved that it holds all of it.
async fn entered(door: &Door, number: usize) -> Result<Ue, Failure> {
    let tls = Tls {
        authority: door.authority.clone(),
        name: NAME.to_owned(),
    };
    let [high, low] = [number / 250, number % 250 + 1].map(|part| part as u8);
    let way = Way {
        to: door.to,
        from: Some(Ipv4Addr::new(127, 1, high, low).into()),
        tls: Some(tls),
    };
    let who = Subscriber {
        identity: format!("sip:+4420{number:08}@home1.example"),
        home: "home1.example".to_owned(),
        p2p: "p2p.home1.example".to_owned(),
    };
    let line = Line::open(&way).await.map_err(other)?;
    let mut ue = Ue::new(Agent::new(line, None), who);
    ue.register().await.map_err(other)?;
    let announced = ue
        .announce(door.swarm, Some(&door.content), door.content.map(), Vec::new())
        .await;
    match announced.map_err(other)?.told.state {
        Some(State::Verified) => Ok(ue),
        _ => Err(other("a UE that holds all of it is not listed")),
    }
}

async fn act(door: &Door, ue: &mut Ue, step: Step) -> Result<(), Failure> {
    match step {
        Step::Refresh => ue.refresh(door.swarm, &door.content).await.map_err(other),
        Step::List => match ue.find(door.swarm, PEERS).await.map_err(other)?.peers.len() {
            peers if peers == usize::from(PEERS) => Ok(()),
            peers => Err(other(format!("a list of {peers} peers: there are too few --ues"))),
        },
    }
}

/// Time that the threads of a process have had.
fn cpu_of(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let of_thread = |path: PathBuf| {
        let told = std::fs::read_to_string(path.join("schedstat")).ok()?;
        told.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.filter_map(|thread| of_thread(thread.path())).sum())
}
