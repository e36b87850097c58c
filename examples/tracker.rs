//! The tracker by itself, at size: what it holds, what it costs.
//!
//! ```text
//! cargo run --release --example tracker -- PEERS ANNOUNCEMENTS
//! cargo run --release --example tracker -- 10000000 100000000     # 12 GB
//! cargo run --release --example tracker -- 10000000 10000000 FOLDER     # a restart, by files in that folder
//! ```
//!
//! Enters that many peers with that many announcements among half as many contents as peers, a few of which everybody wants and
//! two of which a thousand and up to a million peers are in. Then tells what single steps cost, in CPU time of one thread: a
//! refresh; in each of the two a list of 20, and going and coming; the guard of a list of 29; an ID opened and resolved.
//!
//! With a folder: writes what is to outlive the process there, sealed, and reads it in again.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells"
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

#[cfg(feature = "mimalloc")]
use mimalloc as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sipveil::engine::storing::Piece;
use sipveil::pcscf::RecordId;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::request::{Action, Connect, Find, Mode, PEERS_MAX, SwarmAction, What};
use sipveil::ppsp::response::{Outcome, Response};
use sipveil::ppsp::{ChunkMap, Request, SwarmId};
use sipveil::privacy::guard::{Addresses, OnLeak, Terms};
use sipveil::seal::temporary_id::{BEGINNING, Encoding, Hosts, Secret};
use sipveil::seal::{Keys, Purpose, TemporaryIds};
use sipveil::store::{Durable, File, Shelf, Snapshots, Value, Write, each_piece};
use sipveil::tracker::{self, Member, Moment, Publish, Recalled, Root, Settings, Snapshot, Tracker};

const HOST: &str = "tid.p2p.home1.example";
/// Seconds of Unix time: 2026-11-30.
const NOW: u64 = 1_796_000_000;
const PIECES: u32 = 64;
/// Single steps that are timed.
const STEPS: u32 = 100_000;
/// Peers of two contents, as far as there are so many.
const CROWDS: [u32; 2] = [1_000, 1_000_000];
/// Steps of one peer in one crowd: below what it may ask in a minute.
const STEPS_EACH: u32 = 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u32>> = words.iter().take(2).map(|word| word.parse().ok()).collect();
    let Some([peers, announcements]) = numbers.as_deref() else {
        eprintln!("usage: tracker PEERS ANNOUNCEMENTS [FOLDER]");
        return ExitCode::from(2);
    };
    let load = Load::new(*peers, *announcements);
    match words.get(2) {
        Some(folder) => load.restart(Path::new(folder)),
        None => load.run(),
    }
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
    requests: u32,
    /// Entity tags of the first peers, as many as steps.
    tags: Vec<String>,
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
        path: tracker::Path::Datagram,
        network: 0,
        address: None,
    }
}

impl Load {
    fn new(peers: u32, announcements: u32) -> Load {
        let hosts = Hosts::new(HOST, &[]);
        Load {
            tracker: Tracker::new(settings(peers), ids(&hosts), (1, 2)),
            ids: ids(&hosts),
            hosts,
            random: ChaCha8Rng::seed_from_u64(1),
            peers,
            swarms: (peers / 2).max(1),
            announcements,
            requests: 0,
            tags: Vec::new(),
        }
    }

    /// Writes all that outlives the process, and reads it in again.
    fn restart(mut self, folder: &Path) {
        let keys = Keys::new(&[(1, [9; 32])], "T-home1", 1).unwrap();
        let (store, snapshot) = (folder.join("tracker.redb"), folder.join("tracker.redb.peers"));
        let (mut file, _) = File::open(&store).unwrap();
        register(&mut self.tracker, self.swarms);
        self.tracker.keep(now());
        let each = (self.announcements / self.peers.max(1)).max(1);
        let mut writes = Vec::new();
        for number in 0..self.peers {
            self.announce(number, each);
            facts(&mut self.tracker, &keys, &mut writes);
            if writes.len() >= 100_000 || number + 1 == self.peers {
                file.write(&std::mem::take(&mut writes)).unwrap();
            }
        }
        let (peers, announcements) = self.tracker.len();
        println!("{peers} peers, {announcements} announcements");
        let (begin, wall) = (Cpu::now(), Instant::now());
        write_snapshot(&self.tracker, &keys, &snapshot);
        told_once("a snapshot written", begin, wall);
        for path in [&store, &snapshot] {
            let bytes = std::fs::metadata(path).unwrap().len();
            println!(
                "{:<40} {:>9.2} GB",
                path.file_name().unwrap().to_string_lossy(),
                bytes as f64 / 1e9
            );
        }
        drop(file);
        let (all, swarms) = (self.peers, self.swarms);
        drop(self);
        let (begin, wall) = (Cpu::now(), Instant::now());
        let tracker = recalled(all, swarms, &keys, [&store, &snapshot]);
        told_once("a restart from both files", begin, wall);
        assert_eq!(tracker.len(), (peers, announcements));
    }

    fn run(mut self) {
        let before = resident();
        let contents = self.swarms + CROWDS.len() as u32;
        register(&mut self.tracker, self.swarms);
        let begin = Cpu::now();
        let each = (self.announcements / self.peers.max(1)).max(1);
        for number in 0..self.peers {
            let tag = self.announce(number, each);
            if number < STEPS {
                self.tags.push(tag);
            }
        }
        let (peers, announcements) = self.tracker.len();
        let seconds = begin.nanoseconds() as f64 / 1e9;
        println!("{peers} peers, {announcements} announcements of {contents} contents");
        println!(
            "{:<40} {:>9.0}",
            "announcements entered a second",
            announcements as f64 / seconds
        );
        println!("{:<40} {:>9.2} GB", "resident", (resident() - before) as f64 / 1e9);
        self.refreshes();
        for place in 0..CROWDS.len() as u32 {
            self.goings(place);
            self.lists(place);
        }
        let bodies = self.lists_of_29();
        self.guards(&bodies);
        self.resolves(&bodies);
    }

    /// A content: of each hundred, ten are of the few that everybody wants.
    fn content(&mut self) -> u32 {
        let few = (self.swarms / 1000).max(1);
        match self.random.next_u32() % 10 {
            0 => self.random.next_u32() % few,
            _ => self.random.next_u32() % self.swarms,
        }
    }

    fn crowd(&self, place: u32) -> u32 {
        CROWDS[place as usize].min(self.peers)
    }

    /// Whom the steps in a crowd are of: each of it in turn.
    fn steps(&self, place: u32) -> impl Iterator<Item = u32> + use<> {
        let crowd = self.crowd(place);
        (0..STEPS.min(crowd * STEPS_EACH)).map(move |step| step % crowd)
    }

    /// What a peer wants; what a crowd wants comes last.
    fn wanted(&mut self, number: u32, count: u32) -> Vec<u32> {
        let crowds = (0..CROWDS.len() as u32).filter(|place| number < self.crowd(*place));
        let crowds: Vec<u32> = crowds.map(|place| self.swarms + place).collect();
        let others = (crowds.len() as u32..count).map(|_| self.content());
        others.chain(crowds).collect()
    }

    fn announce(&mut self, number: u32, count: u32) -> String {
        let mut tag: Option<String> = None;
        let wanted = self.wanted(number, count);
        for swarms in wanted.chunks(64) {
            let joins = swarms.iter().map(|number| action(*number, Action::Join)).collect();
            tag = Some(self.publish(number, tag.as_deref(), Some(joins)));
        }
        tag.expect("it was taken")
    }

    /// Gives the new entity tag.
    fn publish(&mut self, number: u32, tag: Option<&str>, swarms: Option<Vec<SwarmAction>>) -> String {
        let body = swarms.map(|swarms| {
            self.request(What::Connect(Connect {
                swarms,
                peer_count: None,
                addresses: Vec::new(),
            }))
        });
        let identity = identity(number);
        let publish = Publish {
            member: member(&identity),
            if_match: tag.map(str::as_bytes),
            expires: Some(3600),
            body: body.as_deref(),
            accepts: false,
            peers_max: 0,
        };
        let reply = self.tracker.publish(now(), &publish, &mut self.random);
        assert_eq!(reply.status, 200);
        reply.etag.expect("what is taken has a tag")
    }

    fn request(&mut self, what: What) -> Vec<u8> {
        self.requests += 1;
        let request = Request {
            transaction: self.requests.to_string(),
            peer_id: None,
            what,
        };
        request.to_bytes()
    }

    /// The next step of a peer that has a tag, with what it changes.
    fn step(&mut self, number: u32, swarms: Option<Vec<SwarmAction>>) {
        let tag = std::mem::take(&mut self.tags[number as usize]);
        self.tags[number as usize] = self.publish(number, Some(&tag), swarms);
    }

    fn refreshes(&mut self) {
        let count = self.tags.len();
        let begin = Cpu::now();
        (0..count as u32).for_each(|number| self.step(number, None));
        told("a refresh", begin, count);
    }

    fn goings(&mut self, place: u32) {
        let content = self.swarms + place;
        let steps: Vec<u32> = self.steps(place).collect();
        let begin = Cpu::now();
        for number in &steps {
            self.step(*number, Some(vec![action(content, Action::Leave)]));
            self.step(*number, Some(vec![action(content, Action::Join)]));
        }
        let crowd = self.crowd(place);
        told(&format!("out of a swarm of {crowd} and in again"), begin, steps.len());
    }

    fn lists(&mut self, place: u32) {
        let steps: Vec<u32> = self.steps(place).collect();
        let begin = Cpu::now();
        for number in &steps {
            self.list(place, *number, 20);
        }
        let crowd = self.crowd(place);
        told(&format!("a list of 20, of a swarm of {crowd}"), begin, steps.len());
    }

    fn lists_of_29(&mut self) -> Vec<Vec<u8>> {
        let place = CROWDS.len() as u32 - 1;
        let askers = 0..STEPS.min(self.crowd(place));
        askers.map(|number| self.list(place, number, 29)).collect()
    }

    fn list(&mut self, place: u32, number: u32, count: u8) -> Vec<u8> {
        let body = self.request(What::Find(Find {
            swarm: swarm(self.swarms + place),
            peer_count: Some(count),
        }));
        let identity = identity(number);
        let reply = self.tracker.find(now(), member(&identity), &body, 29, &mut self.random);
        assert_eq!(reply.status, 200);
        reply.body.expect("a list has a body")
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
        assert!(bodies.iter().all(|body| peers(body).len() == 29));
        let begin = Cpu::now();
        for body in bodies {
            let guarded = terms.response(body, b"sip:asker@ims.home1.example", [0; 12]).unwrap();
            assert!(!guarded.leaks.any());
        }
        told("the guard of a list of 29", begin, bodies.len());
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

fn settings(peers: u32) -> Settings {
    Settings {
        peers_max: peers as usize,
        swarms_max: peers as usize + CROWDS.len(),
        // Nobody proves anything here, and all are listed.
        fills_up: true,
        seeders_min: usize::from(PEERS_MAX),
        // All of them in one second.
        announces_per_second: u32::MAX,
        changes_per_minute: 60,
        lists_per_minute: 60,
        ..Settings::default()
    }
}

fn register(tracker: &mut Tracker, swarms: u32) {
    let layout = Layout::new(u64::from(PIECES) << 20, 1 << 20).unwrap();
    let contents = swarms + CROWDS.len() as u32;
    (0..contents).for_each(|number| assert!(tracker.register(swarm(number), layout)));
}

/// The facts that changed, sealed as the proxy seals them.
fn facts(tracker: &mut Tracker, keys: &Keys, writes: &mut Vec<Write>) {
    while let Some((id, fact)) = tracker.poll_fact(now()) {
        let kept = fact.kept.expect("nobody leaves");
        let sealed = keys.seal_bytes(Purpose::Peers, &[&fact.name.to_be_bytes()], [7; 12], &kept.plain);
        let value = Value {
            expires_at: kept.until,
            sealed: sealed.unwrap(),
        };
        writes.push(Write::Put(Shelf::Peers, RecordId(fact.name), value));
        tracker.kept(now(), id, true);
    }
}

fn write_snapshot(tracker: &Tracker, keys: &Keys, path: &Path) {
    let writer = Snapshots::start(path.to_owned()).unwrap();
    let (told, heard) = channel();
    let (mut snapshot, mut number) = (Snapshot::default(), 0);
    loop {
        let plain = tracker.piece(now(), &mut snapshot);
        let is_last = plain.is_none();
        let sealed = keys.seal_bytes(Purpose::Peers, &[&[0; 13]], [7; 12], &plain.unwrap_or_default());
        let piece = Piece {
            of: 1,
            number,
            is_last,
            sealed: sealed.unwrap(),
        };
        let told = told.clone();
        writer.take(piece, Box::new(move |is_kept| told.send(is_kept).unwrap()));
        assert!(heard.recv().unwrap());
        if is_last {
            return;
        }
        number += 1;
    }
}

fn recalled(peers: u32, swarms: u32, keys: &Keys, [store, snapshot]: [&Path; 2]) -> Tracker {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let (file, _) = File::open(store).unwrap();
    let mut tracker = None;
    file.each_of_peers(|stored| {
        let name = stored.record.0.to_be_bytes();
        let plain = keys.open_bytes(Purpose::Peers, &[&name], stored.sealed).unwrap();
        match &mut tracker {
            None => {
                let root = Root::read(&plain, [8; 32]).unwrap();
                let hash_keys = root.hash_keys;
                let ids = root.next_run(Hosts::new(HOST, &[]), (day(), 1), [3; 16]).unwrap();
                let tracker = tracker.insert(Tracker::new(settings(peers), ids, hash_keys));
                register(tracker, swarms);
                tracker.keep(now());
            }
            Some(tracker) => assert!(tracker.recall(now(), &plain, stored.expires_at, &mut random)),
        }
    })
    .unwrap();
    let mut tracker = tracker.expect("there is a root");
    let mut pieces = Recalled::default();
    let is_whole = each_piece(snapshot, |piece| {
        let plain = keys.open_bytes(Purpose::Peers, &[&[0; 13]], piece.sealed).unwrap();
        piece.is_last || tracker.recall_piece(now(), &mut pieces, &plain).is_some()
    });
    assert!(is_whole.unwrap());
    tracker.recalled(now());
    tracker
}

fn told_once(what: &str, begin: Cpu, wall: Instant) {
    let (cpu, wall) = (begin.nanoseconds() as f64 / 1e9, wall.elapsed().as_secs_f64());
    println!("{what:<40} {cpu:>9.1} s, {wall:.1} s by the clock");
}

fn action(content: u32, action: Action) -> SwarmAction {
    SwarmAction {
        swarm: swarm(content),
        action,
        mode: Mode::Leech,
        map: (action == Action::Join).then(|| ChunkMap::full(PIECES)),
    }
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
    println!("{what:<40} {micros:>9.2} µs");
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
