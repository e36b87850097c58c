use std::collections::BTreeSet;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::ppsp::challenge::Challenge;
use crate::ppsp::proof::TreeProof;
use crate::ppsp::request::{Action, Connect, Find, Mode, Proof, Shown, Stat, StatReport, SwarmAction, Tamper, What};
use crate::ppsp::response::{self, Have, Outcome, Response, Role, State, SwarmResult};
use crate::ppsp::tree::{LEAF_BYTES, Tree, TreeBuilder};
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
        changes_per_minute: 60,
        lists_per_minute: 60,
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

    fn resolve(&mut self, caller: &str, uri: &str) -> Result<String, Unusable> {
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

/// The eight steps: announce, be acknowledged, be listed by a temporary ID, be found by it.
//= P2P-013 type=test
//= P2P-014 type=test
//= P2P-047 type=test
//= P2P-069 type=test
#[test]
fn who_announces_is_listed_and_found_and_never_named() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    assert!(world.tracker.register(content.swarm, content.layout));
    world.holds(ALICE, &content, &ChunkMap::full(4));
    let reply = world.connect(
        BOB,
        None,
        vec![join(content.swarm, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap())],
    );
    assert_eq!(
        (reply.status, reply.expires, swarm(&reply).state),
        (200, Some(1800), None)
    );
    let list = world.find(BOB, content.swarm, 20);
    let text = String::from_utf8(list.body.clone().unwrap()).unwrap();
    assert!(!text.contains("alice") && !text.contains("@home1"), "{text}");
    let peers = swarm(&list).peers;
    assert_eq!(
        (peers.len(), peers[0].role, peers[0].have.clone()),
        (1, Role::Peer, Some(Have::Full))
    );
    assert_eq!(world.resolve(BOB, &peers[0].id), Ok(ALICE.into()));
    // The one who is called hears of the caller what the caller hears of itself.
    let target = world
        .tracker
        .resolve(world.now, member(BOB), peers[0].id.as_bytes())
        .unwrap();
    assert_eq!(vec![target.caller.clone()], swarm(&reply).assigned);
    assert_eq!(world.resolve(ALICE, &swarm(&reply).assigned[0]), Ok(BOB.into()));
}

//= P2P-014 type=test
#[test]
fn a_body_comes_back_to_who_takes_one() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let what = What::Connect(Connect {
        swarms: vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))],
        peer_count: None,
        addresses: Vec::new(),
    });
    let body = world.body(what, None);
    let publish = Publish {
        member: member(ALICE),
        if_match: None,
        expires: None,
        body: Some(&body),
        accepts: false,
        peers_max: 29,
    };
    let reply = world.tracker.publish(world.now, &publish, &mut world.random);
    assert_eq!((reply.status, reply.body), (200, None));
}

//= P2P-015 type=test
//= P2P-018 type=test
//= P2P-020 type=test
#[test]
fn an_announcement_lasts_as_long_as_it_is_kept_up() {
    let contents: Vec<Content> = (0..3).map(|seed| Content::new(seed, 4)).collect();
    let mut world = world(settings());
    contents
        .iter()
        .for_each(|content| assert!(world.tracker.register(content.swarm, content.layout)));
    let all = contents
        .iter()
        .map(|content| join(content.swarm, Mode::Seeder, &ChunkMap::full(4)));
    let first = world.connect(ALICE, None, all.collect());
    let (none, old) = (ChunkMap::of_ranges(4, &[]).unwrap(), tag(&first));
    for (content, result) in contents.iter().zip(swarms(&first)) {
        let proof = content.proof(&result.challenge.unwrap(), &ChunkMap::full(4));
        let slot = world.tracker.table.find(ALICE.as_bytes(), b"1").unwrap();
        world.tracker.proved(world.now, slot, &proof).unwrap();
    }
    world.pass(1700);
    let refreshed = world.publish(ALICE, Some(&old), None, None);
    assert_eq!((refreshed.status, refreshed.expires), (200, Some(1800)));
    assert_ne!(tag(&refreshed), old);
    assert_eq!(world.publish(ALICE, Some(&old), None, None).status, 412);
    world.pass(1700);
    for content in &contents {
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
        assert_eq!(world.list(BOB, content.swarm).len(), 1);
    }
    world.pass(200);
    assert_eq!(world.publish(ALICE, Some(&tag(&refreshed)), None, None).status, 412);
    assert_eq!(world.tracker.len().0, 1);
    for (asked, status, expires, min_expires) in [
        (Some(30), 423, None, Some(60)),
        (Some(7200), 200, Some(3600), None),
        (Some(60), 200, Some(60), None),
        (None, 200, Some(1800), None),
    ] {
        let reply = world.connect(CAROL, None, vec![join(contents[0].swarm, Mode::Leech, &none)]);
        let reply = world.publish(CAROL, Some(&tag(&reply)), asked, None);
        assert_eq!(
            (reply.status, reply.expires, reply.min_expires),
            (status, expires, min_expires)
        );
    }
}

//= P2P-016 type=test
//= P2P-017 type=test
//= P2P-036 type=test
#[test]
fn swarms_are_entered_and_left_one_by_one_and_all_at_once() {
    let contents: Vec<Content> = (0..3).map(|seed| Content::new(seed, 4)).collect();
    let mut world = world(settings());
    contents
        .iter()
        .for_each(|content| assert!(world.tracker.register(content.swarm, content.layout)));
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let all = contents
        .iter()
        .map(|content| join(content.swarm, Mode::Leech, &none))
        .collect();
    let first = world.connect(ALICE, None, all);
    let names: Vec<String> = swarms(&first).iter().map(|result| result.assigned[0].clone()).collect();
    let leave = SwarmAction {
        swarm: contents[1].swarm,
        action: Action::Leave,
        mode: Mode::Leech,
        map: None,
    };
    let reply = world.connect(ALICE, Some(&tag(&first)), vec![leave.clone()]);
    assert_eq!((reply.status, world.tracker.len()), (200, (1, 2)));
    contents.iter().for_each(|content| {
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    });
    // Bob is in the last one alone: who comes anew is replaced.
    assert_eq!(world.resolve(BOB, &names[1]), Err(Unusable));
    assert_eq!(world.resolve(BOB, &names[2]), Ok(ALICE.into()));
    let gone = world.publish(ALICE, Some(&tag(&reply)), Some(0), None);
    assert_eq!((gone.status, gone.expires), (200, Some(0)));
    assert_eq!(world.resolve(BOB, &names[2]), Err(Unusable));
    assert_eq!(world.publish(ALICE, Some(&tag(&reply)), None, None).status, 412);
    // Whoever stands in the same place later is somebody else.
    world.connect(CAROL, None, vec![join(contents[2].swarm, Mode::Leech, &none)]);
    assert_eq!(world.resolve(BOB, &names[2]), Err(Unusable));
}

//= P2P-023 type=test
//= P2P-021 type=test
//= P2P-022 type=test
#[test]
fn what_does_not_fit_what_was_before_is_refused() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let (full, none) = (ChunkMap::full(4), ChunkMap::of_ranges(4, &[]).unwrap());
    let leave = SwarmAction {
        swarm: content.swarm,
        action: Action::Leave,
        mode: Mode::Leech,
        map: None,
    };
    let unknown = SwarmId::of_root([5; 32]);
    for (action, status, why) in [
        (leave.clone(), 403, Fault::State),
        (join(unknown, Mode::Leech, &none), 404, Fault::UnknownSwarm),
        (join(content.swarm, Mode::Seeder, &none), 400, Fault::BadBody),
        (
            join(content.swarm, Mode::Leech, &ChunkMap::full(5)),
            400,
            Fault::BadBody,
        ),
        (
            SwarmAction {
                map: None,
                ..join(content.swarm, Mode::Leech, &none)
            },
            400,
            Fault::BadBody,
        ),
    ] {
        assert_eq!(fault(&world.connect(ALICE, None, vec![action])), (status, Some(why)));
    }
    assert!(world.tracker.is_empty());
    assert_eq!(
        fault(&world.find(ALICE, content.swarm, 5)),
        (403, Some(Fault::NotMember))
    );
    let first = world.connect(ALICE, None, vec![join(content.swarm, Mode::Leech, &none)]);
    // From leech to seeder by a full map; and not twice.
    let seeds = world.connect(
        ALICE,
        Some(&tag(&first)),
        vec![join(content.swarm, Mode::Seeder, &full)],
    );
    assert_eq!(seeds.status, 200);
    let again = world.connect(
        ALICE,
        Some(&tag(&seeds)),
        vec![join(content.swarm, Mode::Seeder, &full)],
    );
    assert_eq!(fault(&again), (403, Some(Fault::State)));
    // One that fails among others that do not.
    let some = world.connect(
        ALICE,
        Some(&tag(&seeds)),
        vec![leave, join(unknown, Mode::Leech, &none)],
    );
    let results = swarms(&some);
    assert_eq!(
        (results[0].is_done, results[1].is_done, results[1].fault),
        (true, false, Some(Fault::UnknownSwarm))
    );
    assert_eq!(world.publish(ALICE, None, None, None).status, 400);
    let report = world.report(ALICE, &tag(&some), StatReport::default());
    assert_eq!(fault(&report), (403, Some(Fault::State)));
}

//= P2P-012 type=test
#[test]
fn what_is_asked_again_is_answered_the_same() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let connect = |map: &ChunkMap| {
        What::Connect(Connect {
            swarms: vec![join(content.swarm, Mode::Leech, map)],
            peer_count: None,
            addresses: Vec::new(),
        })
    };
    let body = world.body(connect(&ChunkMap::of_ranges(4, &[(0, 1)]).unwrap()), None);
    world.transaction -= 1;
    let other = world.body(connect(&ChunkMap::of_ranges(4, &[(0, 2)]).unwrap()), None);
    let first = world.publish(ALICE, None, None, Some(&body));
    world.pass(2);
    assert!(world.publish(ALICE, None, None, Some(&body)) == first);
    assert_eq!(
        fault(&world.publish(ALICE, None, None, Some(&other))),
        (400, Some(Fault::BadBody))
    );
    // The same once more with the tag that was true when it was sent first.
    let change = world.body(connect(&ChunkMap::of_ranges(4, &[(0, 2)]).unwrap()), None);
    let changed = world.publish(ALICE, Some(&tag(&first)), None, Some(&change));
    assert_eq!(changed.status, 200);
    assert!(world.publish(ALICE, Some(&tag(&first)), None, Some(&change)) == changed);
}

//= P2P-104 type=test
//= P2P-110 type=test
//= P2P-049 type=test
#[test]
fn who_has_not_proved_it_is_in_no_list() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let announced = world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    assert_eq!(swarm(&announced).state, Some(State::Provisional));
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    let proof = content.proof(&swarm(&announced).challenge.unwrap(), &ChunkMap::full(4));
    // Neither somebody else's proof nor one of another challenge.
    let carol = world.connect(CAROL, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    let swapped = world.report(
        CAROL,
        &tag(&carol),
        StatReport {
            proof: Some(proof.clone()),
            ..Default::default()
        },
    );
    assert_eq!(fault(&swapped), (403, Some(Fault::ProofFailed)));
    let proved = world.report(
        ALICE,
        &tag(&announced),
        StatReport {
            proof: Some(proof.clone()),
            ..Default::default()
        },
    );
    assert_eq!(swarm(&proved).state, Some(State::Verified));
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
    // It proves nothing a second time.
    let again = world.report(
        ALICE,
        &tag(&proved),
        StatReport {
            proof: Some(proof),
            ..Default::default()
        },
    );
    assert_eq!(fault(&again), (403, Some(Fault::ProofFailed)));
    // What changes is to be proved anew.
    let some = ChunkMap::of_ranges(4, &[(0, 1)]).unwrap();
    let stat = Stat {
        swarm: content.swarm,
        uploaded_bytes: 0,
        downloaded_bytes: 0,
        map: Some(some),
    };
    let less = world.report(
        ALICE,
        &tag(&proved),
        StatReport {
            stats: vec![stat],
            ..Default::default()
        },
    );
    assert_eq!(swarm(&less).state, Some(State::Provisional));
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
}

/// Whoever holds nothing is listed never, whatever it sends and however often it comes.
//= P2P-104 type=test
//= P2P-105 type=test
//= P2P-111 type=test
#[test]
fn a_liar_is_never_listed() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let mut bob = tag(&world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]));
    let (mut announced, mut refused) = (0, BTreeSet::new());
    for attempt in 0..10_000u32 {
        let name = format!("sip:liar{}@home1.example", attempt % 1000);
        let reply = world.connect(&name, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
        if reply.status != 200 {
            refused.insert(fault(&reply).1.unwrap());
            world.pass(30);
        } else {
            announced += 1;
            let asked = swarm(&reply).challenge.unwrap();
            let shown = Shown::Tree {
                leaves: asked.leaves.iter().map(|leaf| vec![*leaf as u8; LEAF_BYTES]).collect(),
                hashes: vec![[attempt as u8; 32]; 40],
            };
            let proof = Proof {
                swarm: content.swarm,
                nonce: asked.nonce,
                shown,
            };
            if attempt % 3 > 0 {
                let answer = world.report(
                    &name,
                    &tag(&reply),
                    StatReport {
                        proof: Some(proof),
                        ..Default::default()
                    },
                );
                assert_eq!(fault(&answer), (403, Some(Fault::ProofFailed)));
            }
        }
        if attempt % 97 == 0 {
            let kept = world.publish(BOB, Some(&bob), None, None);
            bob = match kept.etag {
                Some(etag) => etag,
                None => tag(&world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)])),
            };
            assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
        }
        world.pass(1);
    }
    assert!(
        announced >= 2000 && refused.contains(&Fault::Banned),
        "{announced} {refused:?}"
    );
}

//= P2P-109 type=test
//= P2P-111 type=test
#[test]
fn a_proof_that_does_not_come_costs_the_announcement_and_time() {
    let content = Content::new(1, 4);
    let full = ChunkMap::full(4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let announce = |world: &mut World| world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &full)]);
    for (wait, after) in [(60, 30), (240, 200), (86_400, 80_000)] {
        let reply = announce(&mut world);
        let late = content.proof(&swarm(&reply).challenge.unwrap(), &full);
        world.pass(4);
        let late = world.report(
            ALICE,
            &tag(&reply),
            StatReport {
                proof: Some(late),
                ..Default::default()
            },
        );
        assert_eq!(fault(&late).0, 403);
        assert_eq!(world.tracker.len().1, 0);
        world.pass(after);
        let again = fault(&announce(&mut world));
        assert_eq!(
            again,
            (403, Some(if wait == 86_400 { Fault::Banned } else { Fault::Rate }))
        );
        world.pass(wait);
    }
    // A day later it may try again.
    assert_eq!(announce(&mut world).status, 200);
}

//= P2P-105 type=test
#[test]
fn the_same_claim_gets_the_same_challenge() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let mut reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Leech, &ChunkMap::full(4))]);
    let first = swarm(&reply).challenge.unwrap();
    for _ in 0..40 {
        world.now.at += Duration::from_millis(50);
        world.now.unix += 1;
        let stat = Stat {
            swarm: content.swarm,
            uploaded_bytes: 0,
            downloaded_bytes: 0,
            map: Some(ChunkMap::full(4)),
        };
        reply = world.report(
            ALICE,
            &tag(&reply),
            StatReport {
                stats: vec![stat],
                ..Default::default()
            },
        );
        let again = swarm(&reply).challenge.unwrap();
        assert!((again.nonce, &again.leaves) == (first.nonce, &first.leaves) && again.deadline_ms < first.deadline_ms);
    }
}

//= P2P-112 type=test
#[test]
fn who_lost_half_of_it_is_found_at_the_stated_rate() {
    let content = Content::new(1, 4);
    let full = ChunkMap::full(4);
    let mut caught = 0;
    const PEERS: u32 = 400;
    for peer in 0..PEERS {
        let mut world = world(Settings {
            proofs_per_mille: 1000,
            ..settings()
        });
        world.random = ChaCha12Rng::from_seed([peer as u8; 32]);
        world.random.set_stream(u64::from(peer));
        world.tracker.register(content.swarm, content.layout);
        let etag = world.holds(ALICE, &content, &full);
        // The second half is gone: two leaves are asked for, and one of them is there in a quarter of the cases.
        let asked = world.publish(ALICE, Some(&etag), None, None);
        let asked = swarm(&asked).challenge.unwrap();
        let leaves = content.layout.shape().leaves();
        caught += u32::from(asked.leaves.iter().any(|leaf| *leaf >= u64::from(leaves / 2)));
    }
    let rate = f64::from(caught) / f64::from(PEERS);
    // 1 - (1 - 1/2)^2; the seeds are fixed.
    assert!((rate - 0.75).abs() < 0.06, "{rate}");
}

//= P2P-033 type=test
#[test]
fn ids_change_with_the_epoch_and_old_ones_lead_somewhere_for_a_while() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    // A second before the end of an epoch.
    let into = (NOW - BEGINNING) % 3600;
    world.pass(3600 - into - 1);
    let alice = world.holds(ALICE, &content, &ChunkMap::full(4));
    let mut bob = tag(&world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]));
    let before = world.list(BOB, content.swarm);
    world.pass(1);
    let after = world.list(BOB, content.swarm);
    assert!(before.len() == 1 && after.len() == 1 && before != after);
    world.pass(599);
    let alice = tag(&world.publish(ALICE, Some(&alice), None, None));
    bob = tag(&world.publish(BOB, Some(&bob), None, None));
    assert_eq!(world.resolve(BOB, &before[0]), Ok(ALICE.into()));
    world.pass(1);
    assert_eq!(world.resolve(BOB, &before[0]), Err(Unusable));
    assert_eq!(world.resolve(BOB, &after[0]), Ok(ALICE.into()));
    let _ = (alice, bob);
}

//= P2P-035 type=test
//= P2P-037 type=test
//= P2P-077 type=test
#[test]
fn an_id_is_of_no_use_to_who_is_not_meant() {
    let (content, other) = (Content::new(1, 4), Content::new(2, 4));
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut pairwise = world(Settings {
        view: View::Pairwise,
        ..settings()
    });
    let mut shared = world(settings());
    for world in [&mut pairwise, &mut shared] {
        world.tracker.register(content.swarm, content.layout);
        world.tracker.register(other.swarm, other.layout);
        world.holds(ALICE, &content, &ChunkMap::full(4));
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
        world.connect(CAROL, None, vec![join(content.swarm, Mode::Leech, &none)]);
        world.connect(
            "sip:dave@home1.example",
            None,
            vec![join(other.swarm, Mode::Leech, &none)],
        );
    }
    let id = |world: &mut World, name: &str| world.list(name, content.swarm).remove(0);
    let (for_bob, for_carol) = (id(&mut pairwise, BOB), id(&mut pairwise, CAROL));
    assert_ne!(for_bob, for_carol);
    assert_eq!(pairwise.resolve(BOB, &for_bob), Ok(ALICE.into()));
    assert_eq!(pairwise.resolve(CAROL, &for_bob), Err(Unusable));
    assert_eq!(id(&mut shared, BOB), id(&mut shared, CAROL));
    let id = id(&mut shared, BOB);
    assert_eq!(shared.resolve(CAROL, &id), Ok(ALICE.into()));
    // In another swarm, in none, and not known at all.
    for stranger in ["sip:dave@home1.example", "sip:erin@home1.example"] {
        assert_eq!(shared.resolve(stranger, &id), Err(Unusable));
    }
    assert_eq!(shared.resolve(BOB, &id.replace("t1.", "t1.A")), Err(Unusable));
}

//= P2P-024 type=test
#[test]
fn the_end_of_a_registration_is_the_end_of_its_announcements() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let id = world.list(BOB, content.swarm).remove(0);
    world.tracker.deregistered(world.now, ALICE.as_bytes(), b"2");
    assert_eq!(world.resolve(BOB, &id), Ok(ALICE.into()));
    world.tracker.deregistered(world.now, ALICE.as_bytes(), b"1");
    assert_eq!(world.resolve(BOB, &id), Err(Unusable));
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
}

//= P2P-025 type=test
#[test]
fn a_device_holds_a_content_once() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    for _ in 0..2 {
        world.holds(ALICE, &content, &ChunkMap::full(4));
    }
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    assert_eq!((world.list(BOB, content.swarm).len(), world.tracker.len()), (1, (2, 2)));
}

//= P2P-026 type=test
#[test]
fn who_asks_too_often_or_for_too_much_is_told_so() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(Settings {
        swarms_per_peer_max: 1,
        ..Settings::default()
    });
    world.tracker.register(content.swarm, content.layout);
    let announce = |world: &mut World| world.connect(ALICE, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let statuses: Vec<u16> = (0..7).map(|_| announce(&mut world).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 403]);
    // What was there before stays, and what was refused leaves nothing.
    assert_eq!(world.tracker.len(), (1, 1));
    world.pass(60);
    announce(&mut world);
    let lists: Vec<u16> = (0..7).map(|_| world.find(ALICE, content.swarm, 1).status).collect();
    assert_eq!(lists, [200, 200, 200, 200, 200, 200, 403]);
    let other = Content::new(2, 4);
    world.tracker.register(other.swarm, other.layout);
    let both = [&content, &other].map(|content| join(content.swarm, Mode::Leech, &none));
    assert_eq!(fault(&world.connect(BOB, None, both.into())), (403, Some(Fault::Rate)));
}

//= P2P-029 type=test
//= P2P-039 type=test
//= P2P-062 type=test
#[test]
fn what_a_peer_calls_itself_is_its_own_and_names_nobody() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let mut announce = |name: &str, drawn: &str| {
        let what = What::Connect(Connect {
            swarms: vec![join(content.swarm, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap())],
            peer_count: None,
            addresses: Vec::new(),
        });
        let body = world.body(what, Some(drawn));
        let reply = world.publish(name, None, None, Some(&body));
        fault(&reply)
    };
    assert_eq!(announce(ALICE, "kZ3v0m1lqX9sT7yQ4cR2bA"), (200, None));
    assert_eq!(announce(BOB, "kZ3v0m1lqX9sT7yQ4cR2bA"), (400, Some(Fault::TidConflict)));
    assert_eq!(announce(ALICE, "kZ3v0m1lqX9sT7yQ4cR2bA"), (200, None));
    for name in [
        ALICE,
        "tel:+15551230001",
        "+15551230001",
        "262015000000001",
        "15551230001555123000155",
    ] {
        assert_eq!(announce(BOB, name), (400, Some(Fault::TidIsPermanent)), "{name}");
    }
    assert_eq!(announce(BOB, "aaaaaaaaaaaaaaaaaaaaaa"), (400, Some(Fault::BadBody)));
    assert_eq!(world.tracker.len(), (1, 1));
}

//= P2P-054 type=test
//= P2P-135 type=test
#[test]
fn where_peers_do_not_suffice_the_network_has_it() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let cache = NetworkPeer {
        id: "sip:ccs1@p2p.home1.example".into(),
        role: Role::Cache,
    };
    let mut world = world(Settings {
        network_peers: vec![cache],
        seeders_min: 2,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let roles = |world: &mut World| -> Vec<Role> {
        let reply = world.find(BOB, content.swarm, 9);
        swarm(&reply).peers.iter().map(|peer| peer.role).collect()
    };
    assert_eq!(roles(&mut world), [Role::Cache]);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    assert_eq!(roles(&mut world), [Role::Cache, Role::Peer]);
    world.holds(CAROL, &content, &ChunkMap::full(4));
    assert_eq!(roles(&mut world), [Role::Peer, Role::Peer]);
}

//= P2P-052 type=test
//= P2P-053 type=test
#[test]
fn a_map_is_told_in_eighths() {
    let content = Content::new(1, 16);
    let none = ChunkMap::of_ranges(16, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    world.holds(ALICE, &content, &ChunkMap::of_ranges(16, &[(1, 1), (3, 9)]).unwrap());
    let reply = world.find(BOB, content.swarm, 9);
    assert_eq!(swarm(&reply).peers[0].have, Some(Have::Eighths(4)));
    let text = String::from_utf8(reply.body.unwrap()).unwrap();
    assert!(
        !text.contains("\"b\"") && !text.contains("[[") && !text.contains("peer_addr"),
        "{text}"
    );
}

//= P2P-115 type=test
#[test]
fn who_is_reached_by_datagrams_alone_proves_nothing_and_is_not_listed() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let what = What::Connect(Connect {
        swarms: vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))],
        peer_count: None,
        addresses: Vec::new(),
    });
    let body = world.body(what, None);
    let publish = Publish {
        member: Member {
            path: Path::Datagram,
            ..member(ALICE)
        },
        if_match: None,
        expires: None,
        body: Some(&body),
        accepts: true,
        peers_max: 4,
    };
    let reply = world.tracker.publish(world.now, &publish, &mut world.random);
    assert_eq!(
        (swarm(&reply).state, swarm(&reply).challenge.is_none()),
        (Some(State::Provisional), true)
    );
    world.connect(
        BOB,
        None,
        vec![join(content.swarm, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap())],
    );
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
}

//= P2P-127 type=test
#[test]
fn a_content_that_is_closed_is_nobodys() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    world.tracker.close(content.swarm);
    assert_eq!(world.tracker.len().1, 0);
    let reply = world.connect(BOB, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    assert_eq!(fault(&reply), (404, Some(Fault::UnknownSwarm)));
}

impl World {
    /// Says that what it got from a peer is not what it should be.
    fn accuses(&mut self, name: &str, network: u32, content: &Content, accused: &str) -> (u16, Option<Fault>) {
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        let reply = self.connect(name, None, vec![join(content.swarm, Mode::Leech, &none)]);
        let _ = self.resolve(name, accused);
        self.complains(name, network, content, accused, &tag(&reply))
    }

    fn complains(
        &mut self,
        name: &str,
        network: u32,
        content: &Content,
        accused: &str,
        etag: &str,
    ) -> (u16, Option<Fault>) {
        let tamper = Tamper {
            swarm: content.swarm,
            piece: 1,
            leaf: 300,
            sender: accused.into(),
            seen: [1; 32],
            time: self.now.unix,
            evidence: None,
        };
        let what = What::StatReport(StatReport {
            tamper: vec![tamper],
            ..Default::default()
        });
        let body = self.body(what, None);
        let publish = Publish {
            member: Member {
                network,
                ..member(name)
            },
            if_match: Some(etag.as_bytes()),
            expires: None,
            body: Some(&body),
            accepts: true,
            peers_max: 0,
        };
        fault(&self.tracker.publish(self.now, &publish, &mut self.random))
    }
}

/// A swarm in which Alice holds everything, and Bob looks on.
fn swarm_of_alice() -> (World, Content, String) {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let id = world.list(BOB, content.swarm).remove(0);
    (world, content, id)
}

//= P2P-123 type=test
#[test]
fn who_had_no_session_has_nothing_to_report() {
    let (mut world, content, alice) = swarm_of_alice();
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let carol = tag(&world.connect(CAROL, None, vec![join(content.swarm, Mode::Leech, &none)]));
    assert_eq!(
        world.complains(CAROL, 1, &content, &alice, &carol),
        (403, Some(Fault::NotMember))
    );
    assert_eq!(world.accuses(CAROL, 1, &content, &alice), (200, None));
    // Within the hour.
    world.resolve(BOB, &alice).unwrap();
    world.pass(3601);
    let bob = tag(&world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]));
    assert_eq!(
        world.complains(BOB, 1, &content, &alice, &bob),
        (403, Some(Fault::NotMember))
    );
}

//= P2P-122 type=test
//= P2P-124 type=test
//= P2P-127 type=test
#[test]
fn slander_sends_somebody_to_look_and_costs_who_slandered() {
    for (slanderers, visits, is_listed) in [(1, 0, true), (2, 1, true), (3, 1, false), (10, 1, false)] {
        let (mut world, content, alice) = swarm_of_alice();
        for number in 0..slanderers {
            let name = format!("sip:slanderer{number}@home1.example");
            world.accuses(&name, number, &content, &alice);
        }
        let orders: Vec<Order> = std::iter::from_fn(|| world.tracker.poll_order()).collect();
        assert_eq!(orders.len(), visits, "{slanderers}");
        assert_eq!(
            world.list(BOB, content.swarm).len(),
            usize::from(is_listed),
            "{slanderers}"
        );
        let Some(order) = orders.into_iter().next() else {
            continue;
        };
        // The visitor found nothing wrong: she is where she was, and they are worth half.
        world.tracker.visited(world.now, order.case, Found::Good);
        assert_eq!(world.list(BOB, content.swarm).len(), 1);
        let slanderer = world.tracker.table.hash("sip:slanderer0@home1.example".as_bytes());
        assert_eq!(world.tracker.standing.get(&slanderer), Some(&Weight::ONE.refuted()));
    }
}

/// What was told of who is set aside is void, and so is what was told of who is found guilty.
//= P2P-127 type=test
//= P2P-036 type=test
#[test]
fn a_tamperer_is_found_and_is_out() {
    let (mut world, content, alice) = swarm_of_alice();
    world.accuses(CAROL, 1, &content, &alice);
    world.accuses("sip:dave@home1.example", 2, &content, &alice);
    let order = world.tracker.poll_order().unwrap();
    assert_eq!(order.swarm, content.swarm);
    world.tracker.visited(world.now, order.case, Found::Bad);
    // Once is not enough.
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
    let again = world.tracker.poll_order().unwrap();
    world.tracker.visited(world.now, again.case, Found::Bad);
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    let reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    assert_eq!(fault(&reply), (403, Some(Fault::Banned)));
    let carol = world.tracker.table.hash(CAROL.as_bytes());
    assert_eq!(world.tracker.standing.get(&carol), Some(&Weight::ONE.confirmed()));
}

//= P2P-046 type=test
//= P2P-055 type=test
#[test]
fn who_watches_hears_when_somebody_goes_and_when_names_change() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    // At the beginning of an epoch.
    world.pass(3600 - (NOW - BEGINNING) % 3600);
    let alice = world.holds(ALICE, &content, &ChunkMap::full(4));
    world.holds(CAROL, &content, &ChunkMap::full(4));
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let what = What::Find(Find {
        swarm: content.swarm,
        peer_count: Some(9),
    });
    let body = world.body(what, None);
    let (reply, watch) = world
        .tracker
        .watch(world.now, member(BOB), &body, (1500, 29), &mut world.random);
    assert_eq!((reply.status, swarm(&reply).peers.len()), (200, 2));
    let heard = |world: &mut World| -> Vec<usize> {
        let mut lists = Vec::new();
        while let Some(notice) = world.tracker.poll_notice(world.now, &mut world.random) {
            assert_eq!(Some(notice.watch), watch);
            match Response::read(&notice.body).unwrap().outcome {
                Outcome::Successful(swarms) => lists.push(swarms[0].peers.len()),
                Outcome::Failed { .. } => lists.push(99),
            }
        }
        lists
    };
    // Nothing has changed.
    world.pass(60);
    assert_eq!(heard(&mut world), Vec::<usize>::new());
    world.publish(ALICE, Some(&alice), Some(0), None);
    assert_eq!(heard(&mut world), Vec::<usize>::new(), "not at once");
    world.pass(30);
    assert_eq!(heard(&mut world), [1]);
    assert_eq!(heard(&mut world), Vec::<usize>::new());
    // Others whom it does not know of come: that is no reason.
    world.holds("sip:dave@home1.example", &content, &ChunkMap::full(4));
    world.pass(60);
    assert_eq!(heard(&mut world), Vec::<usize>::new());
    // It ends by itself, with the watcher, and when nobody wants it.
    world.pass(1500);
    assert_eq!(heard(&mut world), Vec::<usize>::new());
    assert_eq!(world.tracker.watches.next(), None);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    for ends in 0..2 {
        let (_, watch) = world
            .tracker
            .watch(world.now, member(BOB), &body, (1500, 29), &mut world.random);
        assert!(world.tracker.watches.next().is_some());
        match ends {
            0 => world.tracker.unwatch(watch.unwrap()),
            _ => world.tracker.deregistered(world.now, BOB.as_bytes(), b"1"),
        }
        assert_eq!(
            (world.tracker.watches.next(), world.tracker.watches.kept()),
            (None, (0, 0))
        );
    }
}

//= P2P-055 type=test
#[test]
fn names_change_with_the_epoch_for_who_watches() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.pass(3600 - (NOW - BEGINNING) % 3600 - 20);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let what = What::Find(Find {
        swarm: content.swarm,
        peer_count: Some(9),
    });
    let body = world.body(what, None);
    let (reply, _) = world
        .tracker
        .watch(world.now, member(BOB), &body, (600, 29), &mut world.random);
    world.pass(30);
    let notice = world.tracker.poll_notice(world.now, &mut world.random).unwrap();
    assert_ne!(notice.body, reply.body.unwrap());
    assert_eq!(world.tracker.poll_notice(world.now, &mut world.random), None);
}

#[test]
fn of_watches_there_are_so_many_and_no_more() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(Settings {
        watches_max: 2,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    let what = What::Find(Find {
        swarm: content.swarm,
        peer_count: Some(9),
    });
    let body = world.body(what, None);
    for _ in 0..5 {
        world
            .tracker
            .watch(world.now, member(BOB), &body, (600, 29), &mut world.random);
        world.pass(1);
    }
    assert_eq!(world.tracker.watches.kept(), (2, 2));
}
