//! The tracker by itself, at size: what it holds, what it costs.
//!
//! ```text
//! cargo run --release --example tracker -- PEERS ANNOUNCEMENTS
//! cargo run --release --example tracker -- 10000000 100000000     # 12 GB
//! ```
//!
//! Enters that many peers with that many announcements among half as many contents as peers, a few of which everybody wants,
//! then tells what single steps cost, in CPU time of one thread: a refresh, a list of 20, the guard of a list of 29, an ID opened and resolved.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells"
)]

use std::process::ExitCode;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::request::{Action, Connect, Find, Mode, SwarmAction, What};
use sipveil::ppsp::response::{Outcome, Response};
use sipveil::ppsp::{ChunkMap, Request, SwarmId};
use sipveil::privacy::guard::{Addresses, OnLeak, Terms};
use sipveil::seal::TemporaryIds;
use sipveil::seal::temporary_id::{BEGINNING, Encoding, Hosts, Secret};
use sipveil::tracker::{Member, Moment, Path, Publish, Settings, Tracker};

const HOST: &str = "tid.p2p.home1.example";
/// Seconds of Unix time: 2026-11-30.
const NOW: u64 = 1_796_000_000;
const PIECES: u32 = 64;
/// Single steps that are timed.
const STEPS: u32 = 100_000;

fn main() -> ExitCode {
    let numbers: Option<Vec<u32>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    let Some([peers, announcements]) = numbers.as_deref() else {
        eprintln!("usage: tracker PEERS ANNOUNCEMENTS");
        return ExitCode::from(2);
    };
    Load::new(*peers, *announcements).run();
    ExitCode::SUCCESS
}

struct Load {
    tracker: Tracker,
    ids: TemporaryIds,
    hosts: Hosts,
    random: ChaCha8Rng,
    peers: u32,
    swarms: u32,
    announcements: u32,
}

fn now() -> Moment {
    Moment {
        at: Duration::from_secs(1000),
        unix: NOW,
    }
}

fn day() -> u32 {
    ((NOW - BEGINNING) / 86_400) as u32
}

fn ids(hosts: &Hosts) -> TemporaryIds {
    let secret = Secret::new(day(), [7; 32], [8; 32]);
    TemporaryIds::new(secret, hosts.clone(), Encoding::Base64Url, day(), 1).unwrap()
}

fn swarm(number: u32) -> SwarmId {
    let mut root = [0; 32];
    root[..4].copy_from_slice(&number.to_be_bytes());
    SwarmId::of_root(root)
}

fn identity(number: u32) -> String {
    format!("sip:+4420{number:09}@ims.home1.example")
}

/// As long as the token of a flow is.
const REACH: &[u8] = &[b'r'; 96];

fn member(identity: &str) -> Member<'_> {
    Member {
        identity: identity.as_bytes(),
        device: b"1",
        reach: REACH,
        // What is proved is not timed here.
        path: Path::Datagram,
        network: 0,
    }
}

impl Load {
    fn new(peers: u32, announcements: u32) -> Load {
        let hosts = Hosts::new(HOST, &[]);
        let settings = Settings {
            peers_max: peers as usize,
            swarms_max: peers as usize,
            fills_up: true,
            changes_per_minute: 60,
            lists_per_minute: 60,
            ..Settings::default()
        };
        Load {
            tracker: Tracker::new(settings, ids(&hosts), (1, 2)),
            ids: ids(&hosts),
            hosts,
            random: ChaCha8Rng::seed_from_u64(1),
            peers,
            swarms: (peers / 2).max(1),
            announcements,
        }
    }

    fn run(&mut self) {
        let layout = Layout::new(u64::from(PIECES) << 20, 1 << 20).unwrap();
        let before = resident();
        (0..self.swarms).for_each(|number| assert!(self.tracker.register(swarm(number), layout)));
        let begin = Cpu::now();
        let mut tags = Vec::new();
        let each = (self.announcements / self.peers.max(1)).max(1);
        for number in 0..self.peers {
            let tag = self.announce(number, each);
            if number < STEPS {
                tags.push(tag);
            }
        }
        let (peers, announcements) = self.tracker.len();
        let seconds = begin.nanoseconds() as f64 / 1e9;
        println!(
            "{peers} peers, {announcements} announcements of {} contents",
            self.swarms
        );
        println!(
            "announcements entered a second   {:>12.0}",
            announcements as f64 / seconds
        );
        println!(
            "resident                         {:>9.2} GB",
            (resident() - before) as f64 / 1e9
        );
        self.refreshes(tags);
        self.lists();
    }

    /// A content: of each hundred, ten are of the few that everybody wants.
    fn content(&mut self) -> u32 {
        let few = (self.swarms / 1000).max(1);
        match self.random.next_u32() % 10 {
            0 => self.random.next_u32() % few,
            _ => self.random.next_u32() % self.swarms,
        }
    }

    fn announce(&mut self, number: u32, count: u32) -> String {
        let mut tag: Option<String> = None;
        let identity = identity(number);
        let mut left = count;
        while left > 0 {
            let now_joined = left.min(64);
            left -= now_joined;
            let swarms = (0..now_joined).map(|_| SwarmAction {
                swarm: swarm(self.content()),
                action: Action::Join,
                mode: Mode::Leech,
                map: Some(ChunkMap::full(PIECES)),
            });
            let what = What::Connect(Connect {
                swarms: swarms.collect(),
                peer_count: None,
                addresses: Vec::new(),
            });
            let body = request(what);
            let publish = Publish {
                member: member(&identity),
                if_match: tag.as_deref().map(str::as_bytes),
                expires: Some(3600),
                body: Some(&body),
                accepts: false,
                peers_max: 0,
            };
            let reply = self.tracker.publish(now(), &publish, &mut self.random);
            tag = reply.etag;
        }
        tag.expect("it was taken")
    }

    fn refreshes(&mut self, tags: Vec<String>) {
        let count = tags.len();
        let begin = Cpu::now();
        for (number, tag) in tags.into_iter().enumerate() {
            let identity = identity(number as u32);
            let publish = Publish {
                member: member(&identity),
                if_match: Some(tag.as_bytes()),
                expires: Some(3600),
                body: None,
                accepts: true,
                peers_max: 0,
            };
            let reply = self.tracker.publish(now(), &publish, &mut self.random);
            assert_eq!(reply.status, 200);
        }
        told("a refresh", begin, count);
    }

    fn lists(&mut self) {
        let mut bodies = Vec::new();
        let asked = STEPS.min(self.peers) as usize;
        // Everybody who asks is in the swarm that most are in.
        for number in 0..asked as u32 {
            self.joins_first(number);
        }
        let begin = Cpu::now();
        for number in 0..asked as u32 {
            let identity = identity(number);
            let body = request(What::Find(Find {
                swarm: swarm(0),
                peer_count: Some(20),
            }));
            let reply = self.tracker.find(now(), member(&identity), &body, 29, &mut self.random);
            assert_eq!(reply.status, 200);
            bodies.push(reply.body.expect("a list has a body"));
        }
        told("a list of 20, from body to body", begin, asked);
        self.guards(&bodies);
        self.resolves(&bodies);
    }

    fn joins_first(&mut self, number: u32) {
        let identity = identity(number);
        let what = What::Connect(Connect {
            swarms: vec![SwarmAction {
                swarm: swarm(0),
                action: Action::Join,
                mode: Mode::Leech,
                map: Some(ChunkMap::full(PIECES)),
            }],
            peer_count: None,
            addresses: Vec::new(),
        });
        let body = request(what);
        let publish = Publish {
            member: member(&identity),
            if_match: None,
            expires: Some(3600),
            body: Some(&body),
            accepts: false,
            peers_max: 0,
        };
        self.tracker.publish(now(), &publish, &mut self.random);
    }

    fn guards(&self, bodies: &[Vec<u8>]) {
        let terms = Terms {
            hosts: &self.hosts,
            ids: Some(&self.ids),
            network_peers: &[],
            addresses: Addresses::None,
            on_leak: OnLeak::Redact,
            tracker: b"tracker",
            passes_tickets: true,
            epoch: ((NOW - BEGINNING) / 3600) as u32,
            epochs_kept: 1,
        };
        let entries: usize = bodies.iter().map(|body| peers(body).len()).sum();
        let begin = Cpu::now();
        for body in bodies {
            let guarded = terms.response(body, b"sip:asker@ims.home1.example", [0; 12]).unwrap();
            assert!(!guarded.leaks.any());
        }
        let micros = begin.nanoseconds() as f64 / 1e3 / entries.max(1) as f64;
        println!("the guard, an entry              {micros:>9.2} µs");
    }

    fn resolves(&mut self, bodies: &[Vec<u8>]) {
        let uris: Vec<String> = bodies
            .iter()
            .filter_map(|body| peers(body).into_iter().next())
            .collect();
        let begin = Cpu::now();
        uris.iter()
            .for_each(|uri| assert!(self.ids.open(uri.as_bytes()).is_ok()));
        told("an ID opened", begin, uris.len());
        let begin = Cpu::now();
        for (number, uri) in uris.iter().enumerate() {
            let caller = identity(number as u32);
            assert!(self.tracker.resolve(now(), member(&caller), uri.as_bytes()).is_ok());
        }
        told("an ID resolved for who may", begin, uris.len());
    }
}

fn request(what: What) -> Vec<u8> {
    let request = Request {
        transaction: "1".into(),
        peer_id: None,
        what,
    };
    request.to_bytes()
}

fn peers(body: &[u8]) -> Vec<String> {
    match Response::read(body).unwrap().outcome {
        Outcome::Successful(swarms) => swarms
            .into_iter()
            .flat_map(|swarm| swarm.peers)
            .map(|peer| peer.id)
            .collect(),
        Outcome::Failed { .. } => Vec::new(),
    }
}

fn told(what: &str, begin: Cpu, count: usize) {
    let micros = begin.nanoseconds() as f64 / 1e3 / count.max(1) as f64;
    println!("{what:<32} {micros:>9.2} µs");
}

/// Time of this thread on a processor: other work on the machine does not count.
struct Cpu(u64);

impl Cpu {
    fn now() -> Cpu {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Cpu(told
            .split_whitespace()
            .next()
            .and_then(|first| first.parse().ok())
            .unwrap_or_default())
    }

    fn nanoseconds(&self) -> u64 {
        Cpu::now().0 - self.0
    }
}

/// Bytes that the kernel counts as resident.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
