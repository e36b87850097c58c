//! UEs of one network that share content through the proxy, each over a connection of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Input;
use sipveil::engine::Recalling;
use sipveil::engine::storing::{Change, Piece, Stored};
use sipveil::policy::Policy;
use sipveil::policy::p2p::Content as Known;
use sipveil::ppsp::challenge::Challenge;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::proof::TreeProof;
use sipveil::ppsp::request::{Action, Connect, Find, Mode, Proof, Shown, StatReport, SwarmAction, What};
use sipveil::ppsp::response::{self, Outcome, Response, SwarmResult};
use sipveil::ppsp::tree::{LEAF_BYTES, Tree, TreeBuilder};
use sipveil::ppsp::{ChunkMap, Request, SwarmId};
use sipveil::seal::Keys;

use crate::world::{self, POLICY, Sent, World, respond};

const CORE: &str = "10.20.0.9:5060";
pub const MEDIA_TYPE: &str = "application/ppsp-tracker+json";

/// A content in the hands of somebody.
pub struct Content {
    bytes: Vec<u8>,
    tree: Tree,
    layout: Layout,
}

impl Content {
    pub fn new(seed: u8) -> Content {
        Content::of(600_000, seed)
    }

    pub fn of(length: u32, seed: u8) -> Content {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8 ^ seed).collect();
        let mut tree = TreeBuilder::new();
        tree.push(&bytes).unwrap();
        Content {
            layout: Layout::new(bytes.len() as u64, 262_144).unwrap(),
            tree: tree.finish().unwrap(),
            bytes,
        }
    }

    pub fn swarm(&self) -> SwarmId {
        self.tree.root()
    }

    pub fn full(&self) -> ChunkMap {
        ChunkMap::full(self.layout.pieces())
    }

    pub fn none(&self) -> ChunkMap {
        ChunkMap::of_ranges(self.layout.pieces(), &[]).unwrap()
    }

    fn leaf(&self, index: u32) -> Option<Vec<u8>> {
        self.bytes.chunks(LEAF_BYTES).nth(index as usize).map(<[u8]>::to_vec)
    }

    /// What an honest holder of all of it answers.
    pub fn proof(&self, asked: &response::Challenge) -> Proof {
        let all = self.full();
        let challenge = Challenge::draw(asked.nonce, &self.layout, all.ranges(), asked.leaves.len()).unwrap();
        let TreeProof { leaves, hashes } = TreeProof::make(&self.tree, &challenge, |leaf| self.leaf(leaf)).unwrap();
        Proof {
            swarm: self.swarm(),
            nonce: asked.nonce,
            shown: Shown::Tree { leaves, hashes },
        }
    }
}

/// The proxy with its tracker, and a network behind it that registers whoever asks.
pub struct Scene {
    pub world: World,
    pub content: Arc<Content>,
    next: u32,
    /// Of the last announcement of all of it.
    etag: String,
    /// What left beside an answer.
    later: Vec<Sent>,
    /// What is kept, where something takes it.
    pub kept: Option<Kept>,
}

/// A store.
#[derive(Clone, Default)]
pub struct Kept(pub BTreeMap<u128, Stored>);

/// A UE: its name, where it is, and its connection.
#[derive(Clone, Copy)]
pub struct Ue {
    pub name: &'static str,
    pub at: &'static str,
    pub connection: u64,
}

pub const ALICE: Ue = Ue {
    name: "alice",
    at: "10.30.0.7:41007",
    connection: 7,
};
pub const BOB: Ue = Ue {
    name: "bob",
    at: "10.30.0.8:41008",
    connection: 8,
};
pub const CAROL: Ue = Ue {
    name: "carol",
    at: "10.30.0.9:41009",
    connection: 9,
};

impl Ue {
    pub fn identity(self) -> String {
        format!("sip:{}@home1.example", self.name)
    }

    pub fn contact(self) -> String {
        format!("sip:{}@{};transport=tcp", self.name, self.at)
    }
}

/// The policy of the tests with a tracker in the proxy.
pub fn policy(lines: &str) -> String {
    let p2p = format!(
        "[proxy]\nworkers = 1\n[privacy]\nvalues = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]\n\
         [p2p]\ntracker = \"embedded\"\ndomain = \"p2p.home1.example\"\n{lines}\n[[peer]]"
    );
    POLICY
        .replace(
            "[\"udp://10.30.0.1:5060\"]",
            "[\"udp://10.30.0.1:5060\", \"tcp://10.30.0.1:5060\"]",
        )
        .replace("[[peer]]", &p2p)
}

impl Scene {
    /// All three registered.
    pub fn new(lines: &str) -> Scene {
        Scene::under(&policy(lines))
    }

    pub fn under(text: &str) -> Scene {
        let mut scene = Scene::before(text, world::keys(), 1);
        for ue in [ALICE, BOB, CAROL] {
            scene.register(ue, 600);
        }
        scene
    }

    /// A run on what is kept, under keys of its own instance. Nobody is registered.
    pub fn on(text: &str, kept: &Kept, instance: u64) -> Scene {
        Scene::recalling(text, (kept, &[]), world::keys_of_instance(instance)).0
    }

    /// The same with a snapshot, under any keys; with how much of all that was of no use.
    pub fn recalling(text: &str, (kept, pieces): (&Kept, &[Piece]), keys: Arc<Keys>) -> (Scene, usize) {
        let seed = keys.instance() as u8;
        let mut scene = Scene::before(text, keys, seed);
        let (engine, now) = (&mut scene.world.engine, scene.world.now);
        let mut recalling = Recalling::default();
        for stored in kept.0.values() {
            engine.recall_fact(now, &mut recalling, stored);
        }
        let unread = pieces
            .iter()
            .filter(|piece| !engine.recall_piece(now, &mut recalling, piece));
        let lost = unread.count() + recalling.lost;
        engine.recalled(now, &recalling);
        scene.kept = Some(kept.clone());
        (scene, lost)
    }

    fn before(text: &str, keys: Arc<Keys>, seed: u8) -> Scene {
        let content = Arc::new(Content::new(1));
        let policy = Scene::policy_with(text, &content);
        Scene::with(policy, content, keys, [seed; 32])
    }

    /// A policy under which this content is known.
    pub fn policy_with(text: &str, content: &Content) -> Arc<Policy> {
        let mut policy = world::policy(text);
        policy.p2p.contents = Arc::new([Known {
            swarm: content.swarm(),
            layout: content.layout,
        }]);
        Arc::new(policy)
    }

    /// These registered.
    pub fn of(policy: Arc<Policy>, content: Arc<Content>, seed: [u8; 32], ues: &[Ue]) -> Scene {
        let mut scene = Scene::with(policy, content, world::keys(), seed);
        ues.iter().for_each(|ue| scene.register(*ue, 600));
        scene
    }

    fn with(policy: Arc<Policy>, content: Arc<Content>, keys: Arc<Keys>, seed: [u8; 32]) -> Scene {
        Scene {
            world: World::under(policy, keys, seed),
            content,
            next: 0,
            etag: String::new(),
            later: Vec::new(),
            kept: None,
        }
    }

    /// Keeps what is to be kept, where something takes it; what leaves for that.
    fn keep(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let (Some(kept), false) = (&mut self.kept, self.world.store.is_empty()) {
            let (id, change) = self.world.store.remove(0);
            match change {
                Change::PutFact(stored) => drop(kept.0.insert(stored.record.0, stored)),
                Change::RemoveFact(record) => drop(kept.0.remove(&record.0)),
                Change::ForgetFacts => kept.0.clear(),
                Change::Put(_) | Change::Remove(_) => {}
            }
            let is_kept = true;
            sent.extend(self.world.input(Input::Stored { id, is_kept }));
        }
        sent
    }

    /// The process ends; what it wrote down.
    pub fn closes(&mut self) -> Vec<Piece> {
        self.world.pieces.clear();
        self.world.input(Input::Closing);
        let mut pieces = Vec::new();
        while let Some(piece) = self.world.pieces.pop() {
            pieces.push(piece);
            self.world.input(Input::Snapshotted { is_kept: true });
        }
        pieces
    }

    pub fn register_text(&mut self, ue: Ue, expires: u32) -> String {
        let (name, contact) = (ue.name, ue.contact());
        let number = self.number();
        format!(
            "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKr{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:{name}@home1.example>;tag=r\r\nTo: <sip:{name}@home1.example>\r\nCall-ID: register-{name}\r\n\
             CSeq: {number} REGISTER\r\nContact: <{contact}>;expires={expires}\r\nContent-Length: 0\r\n\r\n",
            ue.at
        )
    }

    pub fn register(&mut self, ue: Ue, expires: u32) {
        let text = self.register_text(ue, expires);
        let forwarded = one(self.says(ue, &text));
        let rows = match expires {
            0 => String::new(),
            _ => format!("Contact: <{}>;expires={expires}\r\n", ue.contact()),
        };
        // The end of a registration may end calls as well.
        let sent = self
            .world
            .packet("core", CORE, &respond(&forwarded, "200 OK", "s", &rows));
        let answer = sent
            .iter()
            .find(|sent| sent.row("CSeq").is_some_and(|cseq| cseq.ends_with("REGISTER")));
        assert_eq!(answer.expect("an answer").start(), "SIP/2.0 200 OK");
        self.later
            .extend(sent.into_iter().filter(|sent| sent.start().starts_with("BYE")));
        let kept = self.keep();
        self.later.extend(kept);
    }

    /// A message of a UE, and what leaves for it.
    pub fn says(&mut self, ue: Ue, text: &str) -> Vec<Sent> {
        let mut sent = self.world.stream("access", ue.at, ue.connection, text);
        sent.extend(self.keep());
        sent
    }

    pub fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub fn request_text(&mut self, ue: Ue, method: &str, uri: &str, rows: &str, body: &[u8]) -> String {
        let number = self.number();
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: \"{}\" <{}>;tag=f{number}\r\nTo: <{uri}>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\nContact: <{}>\r\n\
             {rows}Content-Length: {}\r\n\r\n{}",
            ue.at,
            ue.name,
            ue.identity(),
            ue.contact(),
            body.len(),
            std::str::from_utf8(body).unwrap()
        )
    }

    /// A request of a UE, and what leaves for it.
    pub fn request(&mut self, ue: Ue, method: &str, uri: &str, rows: &str, body: &[u8]) -> Vec<Sent> {
        let text = self.request_text(ue, method, uri, rows, body);
        self.says(ue, &text)
    }

    /// A PUBLISH to the tracker, and its answer.
    pub fn publish(&mut self, ue: Ue, rows: &str, body: &[u8]) -> Sent {
        let typed = match body {
            [] => String::new(),
            _ => format!("Content-Type: {MEDIA_TYPE}\r\n"),
        };
        let rows = format!("Event: p2p-content\r\nAccept: {MEDIA_TYPE}\r\n{typed}{rows}");
        one(self.request(ue, "PUBLISH", &ue.identity(), &rows, body))
    }

    fn connect(&mut self, mode: Mode, map: ChunkMap) -> Vec<u8> {
        let request = Request {
            transaction: format!("t{}", self.number()),
            peer_id: None,
            what: What::Connect(Connect {
                swarms: vec![SwarmAction {
                    swarm: self.content.swarm(),
                    action: Action::Join,
                    mode,
                    map: Some(map),
                }],
                peer_count: None,
                addresses: Vec::new(),
            }),
        };
        request.to_bytes()
    }

    /// Announces all of the content and proves it; gives the entity tag.
    pub fn shares(&mut self, ue: Ue) -> String {
        let body = self.seed();
        let answer = self.publish(ue, "", &body);
        assert_eq!(answer.start(), "SIP/2.0 200 OK");
        let result = result(&answer);
        let proof = self.content.proof(&result.challenge.expect("a challenge"));
        let report = Request {
            transaction: format!("t{}", self.number()),
            peer_id: None,
            what: What::StatReport(StatReport {
                proof: Some(proof),
                ..StatReport::default()
            }),
        };
        let etag = answer.row("SIP-ETag").unwrap();
        let answer = self.publish(ue, &format!("SIP-If-Match: {etag}\r\n"), &report.to_bytes());
        assert_eq!(answer.start(), "SIP/2.0 200 OK");
        self.etag = answer.row("SIP-ETag").unwrap().to_owned();
        self.etag.clone()
    }

    pub fn last_etag(&self) -> String {
        self.etag.clone()
    }

    /// What enters the swarm with all of it.
    pub fn seed(&mut self) -> Vec<u8> {
        let map = self.content.full();
        self.connect(Mode::Seeder, map)
    }

    /// What enters the swarm without any of it.
    pub fn join(&mut self) -> Vec<u8> {
        let map = self.content.none();
        self.connect(Mode::Leech, map)
    }

    /// Enters the swarm without any of it.
    pub fn joins(&mut self, ue: Ue) -> String {
        let body = self.join();
        let answer = self.publish(ue, "", &body);
        assert_eq!(answer.start(), "SIP/2.0 200 OK", "{answer:?}");
        answer.row("SIP-ETag").unwrap().to_owned()
    }

    pub fn swarm_uri(&self) -> String {
        format!("sip:sw.{}@p2p.home1.example", self.content.swarm().text())
    }

    pub fn find(&mut self) -> Vec<u8> {
        let request = Request {
            transaction: format!("t{}", self.number()),
            peer_id: None,
            what: What::Find(Find {
                swarm: self.content.swarm(),
                peer_count: Some(8),
            }),
        };
        request.to_bytes()
    }

    /// SUBSCRIBE to the swarm: its answer, and the NOTIFY.
    pub fn asks(&mut self, ue: Ue, expires: u32) -> (Sent, Option<Sent>) {
        let body = self.find();
        let uri = self.swarm_uri();
        let rows = format!("Event: p2p-content\r\nExpires: {expires}\r\nContent-Type: {MEDIA_TYPE}\r\n");
        let mut sent = self.request(ue, "SUBSCRIBE", &uri, &rows, &body).into_iter();
        let answer = sent.next().expect("an answer");
        let notify = sent.next();
        if let Some(notify) = &notify {
            let answered = self.says(ue, &respond(notify, "200 OK", "", ""));
            assert_eq!(answered, []);
        }
        (answer, notify)
    }

    /// What the peers of the swarm are called, as this UE hears it.
    pub fn listed(&mut self, ue: Ue) -> Vec<String> {
        let (answer, notify) = self.asks(ue, 0);
        assert_eq!(answer.start(), "SIP/2.0 200 OK");
        peers(&notify.expect("a list"))
    }

    pub fn pass(&mut self, seconds: u64) -> Vec<Sent> {
        let sent = self.world.pass(Duration::from_secs(seconds));
        let later = std::mem::take(&mut self.later);
        later
            .into_iter()
            .chain(sent.into_iter().map(|(_, sent)| sent))
            .collect()
    }
}

/// The one result of a response.
pub fn result(sent: &Sent) -> SwarmResult {
    let body = sent.text().split_once("\r\n\r\n").unwrap().1;
    match Response::read(body.as_bytes()).unwrap().outcome {
        Outcome::Successful(mut swarms) => swarms.remove(0),
        Outcome::Failed { fault, .. } => panic!("{fault:?}"),
    }
}

/// What the peers of a list are called.
pub fn peers(sent: &Sent) -> Vec<String> {
    result(sent).peers.into_iter().map(|peer| peer.id).collect()
}

/// The one message but a 100.
#[track_caller]
pub fn one(sent: Vec<Sent>) -> Sent {
    let mut sent = sent.into_iter().filter(|sent| !sent.start().starts_with("SIP/2.0 100"));
    match (sent.next(), sent.next()) {
        (Some(one), None) => one,
        other => panic!("{other:#?}"),
    }
}
