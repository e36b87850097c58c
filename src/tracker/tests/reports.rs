use std::collections::BTreeMap;

use super::visits::AUDITORS;
use super::*;
use crate::ppsp::request::Missing;

impl World {
    /// Says that what it got from a peer is not what it should be.
    pub fn accuses(&mut self, name: &str, network: u32, content: &Content, accused: &str) -> (u16, Option<Fault>) {
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
pub fn swarm_of_alice() -> (World, Content, String) {
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
        assert_eq!(world.tracker.orders.len(), visits, "{slanderers}");
        assert_eq!(
            world.list(BOB, content.swarm).len(),
            usize::from(is_listed),
            "{slanderers}"
        );
        let Some((_, number)) = world.is_sent(AUDITORS[0], &content) else {
            assert_eq!(visits, 0);
            continue;
        };
        // The visitor found nothing wrong: she is where she was, and they are worth half.
        assert!(world.comes_back(AUDITORS[0], number, Found::Good));
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
    let (accused, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    // As anybody is led there, and to the piece that was complained of.
    assert_eq!(world.resolve(AUDITORS[0], &accused.peer), Ok(ALICE.into()));
    assert_eq!(accused.piece, Some(1));
    assert!(world.comes_back(AUDITORS[0], number, Found::Bad));
    // Once is not enough, nor is the word of one.
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
    assert!(world.is_sent(AUDITORS[0], &content).is_none());
    let (_, number) = world.is_sent(AUDITORS[1], &content).unwrap();
    assert!(world.comes_back(AUDITORS[1], number, Found::Bad));
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    let reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    assert_eq!(fault(&reply), (403, Some(Fault::Banned)));
    let carol = world.tracker.table.hash(CAROL.as_bytes());
    assert_eq!(world.tracker.standing.get(&carol), Some(&Weight::ONE.confirmed()));
}

/// What three members say of a peer makes the tracker ask it at once, with more leaves; what one says three times does not.
//= P2P-113 type=test
#[test]
fn who_gives_nothing_is_asked_for_a_proof_of_sixteen_leaves() {
    for (members, leaves) in [(1, None), (2, None), (3, Some(16))] {
        let content = Content::new(1, 4);
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        let mut world = world(Settings {
            proofs_per_mille: 0,
            ..settings()
        });
        world.tracker.register(content.swarm, content.layout);
        let mut alices = world.holds(ALICE, &content, &ChunkMap::full(4));
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
        let alice = world.list(BOB, content.swarm).remove(0);
        for member in 0..members {
            let name = format!("sip:member{member}@home1.example");
            let mut etag = tag(&world.connect(&name, None, vec![join(content.swarm, Mode::Leech, &none)]));
            world.resolve(&name, &alice).unwrap();
            for _ in 0..3 {
                let missing = Missing {
                    swarm: content.swarm,
                    holder: alice.clone(),
                };
                let report = StatReport {
                    missing: vec![missing],
                    ..Default::default()
                };
                let reply = world.report(&name, &etag, report);
                assert_eq!(reply.status, 200);
                etag = tag(&reply);
            }
        }
        let refreshed = world.publish(ALICE, Some(&alices), None, None);
        alices = tag(&refreshed);
        let asked = refreshed.body.as_ref().map(|_| swarm(&refreshed).challenge.unwrap());
        assert_eq!(asked.as_ref().map(|asked| asked.leaves.len()), leaves, "{members}");
        let Some(asked) = asked else { continue };
        let proof = Some(content.proof(&asked, &ChunkMap::full(4)));
        let report = StatReport {
            proof,
            ..Default::default()
        };
        let proved = world.report(ALICE, &alices, report);
        assert_eq!(swarm(&proved).state, Some(State::Verified));
        // That was that.
        let refreshed = world.publish(ALICE, Some(&tag(&proved)), None, None);
        assert_eq!(refreshed.body, None);
    }
}

/// Whoever had no session with a peer has nothing to complain of.
//= P2P-113 type=test
#[test]
fn only_who_was_led_to_a_peer_misses_anything_of_it() {
    let (mut world, content, alice) = swarm_of_alice();
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let etag = tag(&world.connect(CAROL, None, vec![join(content.swarm, Mode::Leech, &none)]));
    let missing = Missing {
        swarm: content.swarm,
        holder: alice,
    };
    let report = StatReport {
        missing: vec![missing],
        ..Default::default()
    };
    assert_eq!(
        fault(&world.report(CAROL, &etag, report)),
        (403, Some(Fault::NotMember))
    );
}

/// Two of whom one blocked the other never meet again, under whatever names, and neither hears why.
//= P2P-151 type=test
#[test]
fn a_pair_that_is_blocked_is_kept_apart() {
    for blocks in [ALICE, BOB] {
        let content = Content::new(1, 4);
        let full = ChunkMap::full(4);
        let mut world = world(settings());
        world.tracker.register(content.swarm, content.layout);
        let mut tags = BTreeMap::new();
        for name in [ALICE, BOB, CAROL] {
            tags.insert(name, world.holds(name, &content, &full));
        }
        let hears = |world: &mut World, name: &str| world.list(name, content.swarm);
        assert_eq!(hears(&mut world, ALICE).len(), 2);
        let other = if blocks == ALICE { BOB } else { ALICE };
        let listed = hears(&mut world, blocks);
        let blocked = listed
            .into_iter()
            .find(|id| world.resolve(blocks, id).as_deref() == Ok(other));
        let blocked = blocked.unwrap();
        let report = StatReport {
            // What leads nowhere is said nothing of.
            block: vec![blocked.clone(), format!("sip:t1.{}@{HOST}", "A".repeat(36))],
            ..Default::default()
        };
        assert_eq!(world.report(blocks, &tags[blocks], report).status, 200);
        assert_eq!(world.resolve(blocks, &blocked), Err(Unusable));
        // In other epochs, and announced anew: by who they are.
        for _ in 0..3 {
            world.pass(3600);
            for name in [ALICE, BOB, CAROL] {
                world.holds(name, &content, &full);
            }
            for (name, other) in [(ALICE, BOB), (BOB, ALICE)] {
                let listed = hears(&mut world, name);
                let met: Vec<_> = listed.iter().map(|id| world.resolve(name, id).unwrap()).collect();
                assert_eq!(met, [CAROL], "{name} and {other}");
            }
            assert_eq!(hears(&mut world, CAROL).len(), 2);
        }
    }
}

/// Who was not there is in no list for a minute, or until it says something.
//= P2P-071 type=test
#[test]
fn who_was_not_there_is_left_out_for_a_minute() {
    let (mut world, content, alice) = swarm_of_alice();
    world.tracker.unreachable(world.now, alice.as_bytes());
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    world.publish(ALICE, None, None, None);
    assert_eq!(world.list(BOB, content.swarm), std::slice::from_ref(&alice));
    world.tracker.unreachable(world.now, alice.as_bytes());
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    world.pass(59);
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    world.pass(1);
    assert_eq!(world.list(BOB, content.swarm), [alice]);
}

/// Samples that ten million peers cost by the default policy, a second; and what one of them is made of.
//= P2P-114 type=test
#[test]
fn proofs_cost_what_was_reckoned() {
    let settings = Settings::default();
    // Refreshed when seven tenths of an announcement are over.
    let refreshes = 10_000_000.0 / (f64::from(settings.expires.1) * 0.7);
    let samples = refreshes * f64::from(settings.proofs_per_mille) / 1000.0 * 2.0;
    assert!((700.0..1200.0).contains(&samples), "{samples}");
    // A leaf and the hashes up to the root of a tree of depth 20, in base64.
    let leaf: usize = data_encoding::BASE64URL_NOPAD.encode_len(LEAF_BYTES);
    let hashes: usize = data_encoding::BASE64URL_NOPAD.encode_len(20 * 32);
    assert_eq!(leaf + hashes, 2220);
}
/// The second ban is twice as long as the first.
//= P2P-127 type=test
#[test]
fn who_does_it_again_is_out_for_longer() {
    let (mut world, content, mut alice) = swarm_of_alice();
    for days in [1, 2] {
        world.accuses(CAROL, 1, &content, &alice);
        world.accuses("sip:dave@home1.example", 2, &content, &alice);
        for auditor in AUDITORS {
            let (_, number) = world.is_sent(auditor, &content).unwrap();
            world.comes_back(auditor, number, Found::Bad);
        }
        let returns = |world: &mut World| {
            let all = join(content.swarm, Mode::Seeder, &ChunkMap::full(4));
            fault(&world.connect(ALICE, None, vec![all])).1
        };
        world.pass(days * 86_400 - 1);
        assert_eq!(returns(&mut world), Some(Fault::Banned), "{days}");
        world.pass(1);
        world.holds(ALICE, &content, &ChunkMap::full(4));
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
        alice = world.list(BOB, content.swarm).remove(0);
    }
}
