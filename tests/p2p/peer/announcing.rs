//! What a peer announces and proves, before a tracker as it runs in the proxy.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sipveil::ppsp::response::State;
use sipveil::ppsp::{ChunkMap, Fault, SwarmId};
use sipveil::seal::TemporaryIds;
use sipveil::seal::temporary_id::{BEGINNING, Encoding, Hosts, Secret};
use sipveil::tracker::{Member, Moment, Path, Publish, Reply, Settings, Tracker};

use super::announce::{self, Refused, told};
use super::download::BadLeaf;
use super::published::{NOW, Published};

struct Ground {
    tracker: Tracker,
    random: ChaCha8Rng,
    now: Moment,
}

fn member(name: &str) -> Member<'_> {
    Member {
        identity: name.as_bytes(),
        device: b"1",
        reach: b"",
        path: Path::Stream,
        network: 0,
        address: None,
    }
}

impl Ground {
    fn of(published: &Published) -> Ground {
        let day = ((NOW - BEGINNING) / 86_400) as u32;
        let hosts = Hosts::new("tid.p2p.home1.example", &[]);
        let secret = Secret::new(day, [7; 32], [8; 32]);
        let ids = TemporaryIds::new(secret, hosts, Encoding::Base64Url, day, 1).unwrap();
        let mut tracker = Tracker::new(Settings::default(), ids, (1, 2));
        assert!(tracker.register(published.manifest.root, published.manifest.layout));
        Ground {
            tracker,
            random: ChaCha8Rng::seed_from_u64(1),
            now: Moment {
                at: Duration::from_secs(1),
                unix: NOW,
            },
        }
    }

    fn publish(&mut self, name: &str, tag: Option<&str>, body: &[u8]) -> Reply {
        let publish = Publish {
            member: member(name),
            if_match: tag.map(str::as_bytes),
            expires: None,
            body: Some(body),
            accepts: true,
            peers_max: 8,
        };
        self.tracker.publish(self.now, &publish, &mut self.random)
    }

    fn peers(&mut self, name: &str, swarm: SwarmId) -> Vec<String> {
        let body = announce::find(swarm, 8);
        let reply = self.tracker.find(self.now, member(name), &body, 8, &mut self.random);
        let peers = told(swarm, &reply.body.unwrap()).unwrap().peers;
        peers.into_iter().map(|peer| peer.id).collect()
    }

    /// Joins with everything, and gives the tag and the challenge.
    fn joins(&mut self, name: &str, published: &Published) -> (String, sipveil::ppsp::response::Challenge) {
        let swarm = published.manifest.root;
        let map = ChunkMap::full(published.manifest.layout.pieces());
        let reply = self.publish(name, None, &announce::join(swarm, map, Vec::new()));
        let told = told(swarm, &reply.body.unwrap()).unwrap();
        assert_eq!(told.state, Some(State::Provisional));
        (reply.etag.unwrap(), told.challenge.unwrap())
    }
}

//= P2P-106 type=test
#[test]
fn who_holds_it_proves_it_and_is_listed_without_a_name() {
    let published = Published::new(700_003, false);
    let (mut ground, swarm) = (Ground::of(&published), published.manifest.root);
    let (tag, asked) = ground.joins("sip:alice@home1.example", &published);
    let proof = announce::proof(swarm, &asked, Some(&published.whole())).unwrap();
    let reply = ground.publish("sip:alice@home1.example", Some(&tag), &proof);
    assert_eq!(told(swarm, &reply.body.unwrap()).unwrap().state, Some(State::Verified));
    let map = ChunkMap::of_ranges(published.manifest.layout.pieces(), &[]).unwrap();
    ground.publish("sip:bob@home1.example", None, &announce::join(swarm, map, Vec::new()));
    let peers = ground.peers("sip:bob@home1.example", swarm);
    assert_eq!(peers.len(), 1);
    assert!(peers[0].starts_with("sip:t1.") && peers[0].ends_with("@tid.p2p.home1.example"));
}

/// It has no answer to give, so it gives none, and is in no list.
//= P2P-104 type=test
#[test]
fn who_holds_nothing_never_answers_a_challenge() {
    let published = Published::new(700_003, false);
    let other = Published::new(700_004, false);
    let (mut ground, swarm) = (Ground::of(&published), published.manifest.root);
    let map = ChunkMap::of_ranges(published.manifest.layout.pieces(), &[]).unwrap();
    ground.publish("sip:bob@home1.example", None, &announce::join(swarm, map, Vec::new()));
    let (_, asked) = ground.joins("sip:liar@home1.example", &published);
    assert_eq!(announce::proof(swarm, &asked, None), None);
    assert_eq!(
        announce::proof(swarm, &asked, Some(&other.whole())),
        None,
        "another content"
    );
    assert_eq!(ground.peers("sip:bob@home1.example", swarm), Vec::<String>::new());
    // Nothing came in time: it is out, and not taken again at once.
    ground.now.at += Duration::from_secs(4);
    let map = ChunkMap::full(published.manifest.layout.pieces());
    let reply = ground.publish("sip:liar@home1.example", None, &announce::join(swarm, map, Vec::new()));
    assert!(matches!(told(swarm, &reply.body.unwrap()), Err(Refused::Fault(_))));
    assert_eq!(ground.peers("sip:bob@home1.example", swarm), Vec::<String>::new());
}

/// A tracker that asks for other leaves than its nonce draws asks for more than it may.
#[test]
fn only_what_the_nonce_draws_is_shown() {
    let published = Published::new(700_003, false);
    let mut ground = Ground::of(&published);
    let (_, asked) = ground.joins("sip:alice@home1.example", &published);
    let (swarm, whole) = (published.manifest.root, published.whole());
    for leaf in [asked.leaves[0] ^ 1, u64::MAX] {
        let mut others = asked.clone();
        others.leaves[0] = leaf;
        assert_eq!(announce::proof(swarm, &others, Some(&whole)), None);
    }
    let more = (0..64).collect();
    let more = sipveil::ppsp::response::Challenge { leaves: more, ..asked };
    assert_eq!(announce::proof(swarm, &more, Some(&whole)), None);
}

/// From the bad leaf to the tracker: taken of who was led to the sender, and of nobody else.
//= P2P-123 type=test
#[test]
fn a_bad_leaf_is_reported_by_who_got_it() {
    let published = Published::new(700_003, false);
    let (mut ground, swarm) = (Ground::of(&published), published.manifest.root);
    let (tag, asked) = ground.joins("sip:mallory@home1.example", &published);
    let proof = announce::proof(swarm, &asked, Some(&published.whole())).unwrap();
    ground.publish("sip:mallory@home1.example", Some(&tag), &proof);
    let map = ChunkMap::of_ranges(published.manifest.layout.pieces(), &[]).unwrap();
    let reply = ground.publish("sip:bob@home1.example", None, &announce::join(swarm, map, Vec::new()));
    let tag = reply.etag.unwrap();
    let sender = ground.peers("sip:bob@home1.example", swarm).remove(0);
    let bad = BadLeaf {
        leaf: 300,
        seen: [3; 32],
    };
    let report = || announce::tampered(swarm, &published.manifest.layout, &bad, &sender, NOW);
    let reply = ground.publish("sip:bob@home1.example", Some(&tag), &report());
    let refused = told(swarm, &reply.body.unwrap()).err();
    assert_eq!(refused, Some(Refused::Fault(Fault::NotMember)), "no session yet");
    let caller = member("sip:bob@home1.example");
    ground.tracker.resolve(ground.now, caller, sender.as_bytes()).unwrap();
    let reply = ground.publish("sip:bob@home1.example", Some(&tag), &report());
    assert_eq!(reply.status, 200);
}
