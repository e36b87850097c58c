use super::*;

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

//= P2P-099 type=test
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

/// Who takes everything back and comes anew has asked as often.
//= P2P-026 type=test
#[test]
fn going_and_coming_again_is_not_free() {
    let content = Content::new(1, 4);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let mut world = world(Settings {
        changes_per_minute: 6,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    let comes = |world: &mut World| {
        let reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Leech, &none)]);
        if let Some(etag) = &reply.etag {
            assert_eq!(world.publish(ALICE, Some(etag), Some(0), None).status, 200);
        }
        fault(&reply)
    };
    let came = (0..20).filter(|_| comes(&mut world) == (200, None)).count();
    assert_eq!(came, 6);
    assert_eq!(comes(&mut world), (403, Some(Fault::Rate)));
    world.pass(60);
    assert_eq!(comes(&mut world), (200, None));
}
