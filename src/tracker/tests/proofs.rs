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

/// Who lacks some of it gets no other leaves by coming again, whichever way: who takes back what it is asked about has not proved
/// it.
//= P2P-105 type=test
//= P2P-111 type=test
#[test]
fn nobody_walks_away_from_a_challenge() {
    let content = Content::new(1, 4);
    let (full, some) = (ChunkMap::full(4), ChunkMap::of_ranges(4, &[(0, 2)]).unwrap());
    for way in 0..6 {
        let mut world = world(settings());
        world.tracker.register(content.swarm, content.layout);
        let (mut etag, mut asked, mut refused): (Option<String>, _, _) = (None, BTreeSet::new(), 0);
        for attempt in 0..20 {
            let claim = match (way, attempt % 2) {
                (4 | 5, 1) => &some,
                _ => &full,
            };
            let joins = vec![join(content.swarm, Mode::Leech, claim)];
            let reply = match (way, etag.take()) {
                (_, None) | (0, _) => world.connect(ALICE, None, joins),
                (1, Some(etag)) => {
                    let leaves = SwarmAction {
                        action: Action::Leave,
                        ..join(content.swarm, Mode::Leech, &full)
                    };
                    let left: Reply = world.connect(ALICE, Some(&etag), vec![leaves]);
                    world.connect(ALICE, left.etag.as_deref(), joins)
                }
                (2, Some(etag)) => {
                    world.publish(ALICE, Some(&etag), Some(0), None);
                    world.connect(ALICE, None, joins)
                }
                (3, Some(_)) => {
                    world.tracker.deregistered(world.now, ALICE.as_bytes(), b"1");
                    world.connect(ALICE, None, joins)
                }
                (4, Some(etag)) => world.connect(ALICE, Some(&etag), joins),
                (_, Some(etag)) => {
                    let stat = Stat {
                        swarm: content.swarm,
                        uploaded_bytes: 0,
                        downloaded_bytes: 0,
                        map: Some(claim.clone()),
                    };
                    let report = StatReport {
                        stats: vec![stat],
                        ..Default::default()
                    };
                    world.report(ALICE, &etag, report)
                }
            };
            match fault(&reply) {
                (200, None) => {
                    etag = reply.etag.clone();
                    let challenge = swarm(&reply).challenge;
                    asked.extend(challenge.map(|challenge| challenge.nonce));
                }
                _ => refused += 1,
            }
            world.now.at += Duration::from_millis(100);
        }
        let expected = if way == 0 { (1, false) } else { (1, true) };
        assert_eq!((asked.len(), refused > 0), expected, "way {way}");
    }
}

/// Nor by saying all of it at once.
//= P2P-105 type=test
#[test]
fn one_request_asks_for_one_challenge() {
    let content = Content::new(1, 4);
    let (full, some) = (ChunkMap::full(4), ChunkMap::of_ranges(4, &[(0, 2)]).unwrap());
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let joins = (0..20).map(|number| join(content.swarm, Mode::Leech, if number % 2 == 0 { &full } else { &some }));
    let results = swarms(&world.connect(ALICE, None, joins.collect()));
    assert_eq!(results.iter().filter(|result| result.challenge.is_some()).count(), 1);
    let faults: BTreeSet<Option<Fault>> = results.into_iter().skip(1).map(|result| result.fault).collect();
    assert_eq!(faults, BTreeSet::from([Some(Fault::ProofFailed), Some(Fault::Rate)]));
    assert_eq!(world.tracker.len().1, 0);
}

/// Who claims more while it is asked answers that first, and is then asked about all of it.
//= P2P-105 type=test
//= P2P-108 type=test
#[test]
fn who_claims_more_meanwhile_is_asked_about_that_too() {
    let content = Content::new(1, 4);
    let (full, some) = (ChunkMap::full(4), ChunkMap::of_ranges(4, &[(0, 2)]).unwrap());
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let first = world.connect(ALICE, None, vec![join(content.swarm, Mode::Leech, &some)]);
    let asked = swarm(&first).challenge.unwrap();
    let more = world.connect(ALICE, Some(&tag(&first)), vec![join(content.swarm, Mode::Leech, &full)]);
    assert_eq!(swarm(&more).challenge.unwrap().nonce, asked.nonce);
    let proves = |world: &mut World, etag: &str, asked: &response::Challenge, map: &ChunkMap| {
        let proof = Some(content.proof(asked, map));
        world.report(
            ALICE,
            etag,
            StatReport {
                proof,
                ..Default::default()
            },
        )
    };
    let reply = proves(&mut world, &tag(&more), &asked, &some);
    assert_eq!(swarm(&reply).state, Some(State::Provisional));
    let rest = swarm(&reply).challenge.unwrap();
    assert_ne!(rest.nonce, asked.nonce);
    let reply = proves(&mut world, &tag(&reply), &rest, &full);
    assert_eq!(
        (swarm(&reply).state, swarm(&reply).challenge.is_none()),
        (Some(State::Verified), true)
    );
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

/// Who takes no question stands in no list once it is its turn to be asked; and who says other things does not keep up by that
/// what it announced.
//= P2P-104 type=test
//= P2P-112 type=test
#[test]
fn nobody_keeps_out_of_the_way_of_questions() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    for (path, accepts) in [(Path::Stream, false), (Path::Datagram, true)] {
        let mut world = world(Settings {
            proofs_per_mille: 1000,
            ..settings()
        });
        world.tracker.register(content.swarm, content.layout);
        world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
        let etag = world.holds(ALICE, &content, &ChunkMap::full(4));
        assert_eq!(world.list(BOB, content.swarm).len(), 1);
        world.pass(1000);
        let reported = world.report(ALICE, &etag, StatReport::default());
        assert_eq!(reported.expires, Some(800));
        let etag = tag(&reported);
        let refresh = Publish {
            member: Member { path, ..member(ALICE) },
            if_match: Some(etag.as_bytes()),
            expires: None,
            body: None,
            accepts,
            peers_max: 29,
        };
        let refreshed = world.tracker.publish(world.now, &refresh, &mut world.random);
        assert_eq!(
            (refreshed.status, refreshed.expires, refreshed.body),
            (200, Some(1800), None)
        );
        world.publish(BOB, None, None, None);
        assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
        // It proves it, and is there again.
        world.pass(60);
        world.holds(ALICE, &content, &ChunkMap::full(4));
        assert_eq!(world.list(BOB, content.swarm).len(), 1);
    }
}
