mod announcements;
mod kept;
mod lists;
mod names;
mod pacing;
mod posts;
mod proofs;
mod reports;
mod size;
mod tickets;
mod visits;
mod watches;
mod whereabouts;

use std::collections::BTreeSet;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use super::NotLed::Unusable;
use super::*;
use crate::ppsp::challenge::Challenge;
use crate::ppsp::proof::TreeProof;
use crate::ppsp::request::{Action, Connect, Find, Mode, Proof, Shown, Stat, StatReport, SwarmAction, Tamper, What};
use crate::ppsp::response::{self, Have, Outcome, Response, Role, State, SwarmResult};
use crate::ppsp::tree::{LEAF_BYTES, Tree, TreeBuilder};
use crate::ppsp::visit::Found;
use crate::ppsp::{ChunkMap, Fault, Request};
use crate::seal::temporary_id::{Encoding, Hosts, Secret};

const HOST: &str = "tid.p2p.home1.example";
/// 2026-11-30.
const NOW: u64 = 1_796_000_000;

/// A content, and who holds it can prove that.
struct Content {
    bytes: Vec<u8>,
    tree: Tree,
    layout: Layout,
    swarm: SwarmId,
}

impl Content {
    fn new(seed: u8, pieces: usize) -> Content {
        let bytes: Vec<u8> = (0..pieces * 262_144 - 100)
            .map(|at| (at * 31 % 251) as u8 ^ seed)
            .collect();
        let mut builder = TreeBuilder::new();
        builder.push(&bytes).unwrap();
        let tree = builder.finish().unwrap();
        Content {
            swarm: tree.root(),
            layout: Layout::new(bytes.len() as u64, 262_144).unwrap(),
            bytes,
            tree,
        }
    }

    fn leaf(&self, index: u32) -> Option<Vec<u8>> {
        let first = index as usize * LEAF_BYTES;
        let last = (first + LEAF_BYTES).min(self.bytes.len());
        self.bytes.get(first..last).map(<[u8]>::to_vec)
    }

    /// What an honest holder answers; `map` is what it announced.
    fn proof(&self, asked: &response::Challenge, map: &ChunkMap) -> Proof {
        let challenge = Challenge::draw(asked.nonce, &self.layout, map.ranges(), asked.leaves.len()).unwrap();
        let leaves: Vec<u64> = challenge.leaves().iter().map(|leaf| u64::from(*leaf)).collect();
        assert_eq!(leaves, asked.leaves, "who is asked draws the same leaves");
        let TreeProof { leaves, hashes } = TreeProof::make(&self.tree, &challenge, |leaf| self.leaf(leaf)).unwrap();
        Proof {
            swarm: self.swarm,
            nonce: asked.nonce,
            shown: Shown::Tree { leaves, hashes },
        }
    }
}

struct World {
    tracker: Tracker,
    random: ChaCha12Rng,
    now: Moment,
    transaction: u32,
}

fn world(settings: Settings) -> World {
    let day = ((NOW - BEGINNING) / 86_400) as u32;
    let secret = Secret::new(day, [7; 32], [8; 32]);
    let ids = TemporaryIds::new(secret, Hosts::new(HOST, &[]), Encoding::Base64Url, day, 1).unwrap();
    World {
        tracker: Tracker::new(settings, ids, (1, 2)),
        random: ChaCha12Rng::from_seed([9; 32]),
        now: Moment {
            at: Duration::from_secs(1000),
            unix: NOW,
        },
        transaction: 0,
    }
}

/// Rates as high as tests need them.
fn settings() -> Settings {
    Settings {
        announces_per_second: 100_000,
        changes_per_minute: 60,
        lists_per_minute: 60,
        calls_per_pair_and_minute: 60,
        misses_per_minute: 60,
        ..Settings::default()
    }
}

fn member(name: &str) -> Member<'_> {
    Member {
        identity: name.as_bytes(),
        device: b"1",
        reach: b"flow",
        path: Path::Stream,
        network: 0,
        address: None,
    }
}

fn join(swarm: SwarmId, mode: Mode, map: &ChunkMap) -> SwarmAction {
    SwarmAction {
        swarm,
        action: Action::Join,
        mode,
        map: Some(map.clone()),
    }
}

impl World {
    fn pass(&mut self, seconds: u64) {
        self.now.at += Duration::from_secs(seconds);
        self.now.unix += seconds;
    }

    fn body(&mut self, what: What, peer_id: Option<&str>) -> Vec<u8> {
        self.transaction += 1;
        let request = Request {
            transaction: format!("t{}", self.transaction),
            peer_id: peer_id.map(str::to_string),
            what,
        };
        request.to_bytes()
    }

    fn publish(&mut self, name: &str, tag: Option<&str>, expires: Option<u32>, body: Option<&[u8]>) -> Reply {
        let publish = Publish {
            member: member(name),
            if_match: tag.map(str::as_bytes),
            expires,
            body,
            accepts: true,
            peers_max: 29,
        };
        self.tracker.publish(self.now, &publish, &mut self.random)
    }

    fn connect(&mut self, name: &str, tag: Option<&str>, swarms: Vec<SwarmAction>) -> Reply {
        let what = What::Connect(Connect {
            swarms,
            peer_count: None,
            addresses: Vec::new(),
        });
        let body = self.body(what, None);
        self.publish(name, tag, None, Some(&body))
    }

    fn report(&mut self, name: &str, tag: &str, report: StatReport) -> Reply {
        let body = self.body(What::StatReport(report), None);
        self.publish(name, Some(tag), None, Some(&body))
    }

    /// Announces and proves; gives the entity tag.
    fn holds(&mut self, name: &str, content: &Content, map: &ChunkMap) -> String {
        let mode = if map.is_full() { Mode::Seeder } else { Mode::Leech };
        let reply = self.connect(name, None, vec![join(content.swarm, mode, map)]);
        let asked = swarm(&reply).challenge.expect("what is new is to be proved");
        let proof = content.proof(&asked, map);
        let reply = self.report(
            name,
            &tag(&reply),
            StatReport {
                proof: Some(proof),
                ..Default::default()
            },
        );
        assert_eq!(swarm(&reply).state, Some(State::Verified));
        tag(&reply)
    }

    fn find(&mut self, name: &str, swarm: SwarmId, count: u8) -> Reply {
        let what = What::Find(Find {
            swarm,
            peer_count: Some(count),
        });
        let body = self.body(what, None);
        self.tracker.find(self.now, member(name), &body, 29, &mut self.random)
    }

    /// IDs in a list.
    fn list(&mut self, name: &str, of: SwarmId) -> Vec<String> {
        let reply = self.find(name, of, 29);
        swarm(&reply).peers.into_iter().map(|peer| peer.id).collect()
    }

    fn resolve(&mut self, caller: &str, uri: &str) -> Result<String, NotLed> {
        let target = self.tracker.resolve(self.now, member(caller), uri.as_bytes())?;
        Ok(String::from_utf8(target.identity.to_vec()).unwrap())
    }
}

fn response(reply: &Reply) -> Response {
    Response::read(reply.body.as_deref().expect("a body")).expect("a response")
}

fn swarms(reply: &Reply) -> Vec<SwarmResult> {
    match response(reply).outcome {
        Outcome::Successful(swarms) => swarms,
        Outcome::Failed { fault, .. } => panic!("{} {fault:?}", reply.status),
    }
}

fn swarm(reply: &Reply) -> SwarmResult {
    swarms(reply).remove(0)
}

fn fault(reply: &Reply) -> (u16, Option<Fault>) {
    match response(reply).outcome {
        Outcome::Successful(_) => (reply.status, None),
        Outcome::Failed { fault, .. } => (reply.status, Some(fault)),
    }
}

fn tag(reply: &Reply) -> String {
    reply.etag.clone().expect("an entity tag")
}

const ALICE: &str = "sip:alice@home1.example";
const BOB: &str = "sip:bob@home1.example";
const CAROL: &str = "sip:carol@home1.example";
