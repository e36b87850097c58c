use super::*;

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
