use super::*;

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

//= P2P-044 type=test
#[test]
fn a_name_that_a_peer_drew_is_what_others_see_where_the_policy_wants_that() {
    let content = Content::new(1, 4);
    let (full, none) = (ChunkMap::full(4), ChunkMap::of_ranges(4, &[]).unwrap());
    let mut world = world(Settings {
        expose: Expose::Drawn,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    let drawn = "kZ3v0m1lqX9sT7yQ4cR2bA";
    let what = What::Connect(Connect {
        swarms: vec![join(content.swarm, Mode::Seeder, &full)],
        peer_count: None,
        addresses: Vec::new(),
    });
    let body = world.body(what, Some(drawn));
    let reply = world.publish(ALICE, None, None, Some(&body));
    let shown = format!("sip:t2.{drawn}@{HOST}");
    assert_eq!(swarm(&reply).assigned, [shown.as_str()]);
    let proof = content.proof(&swarm(&reply).challenge.unwrap(), &full);
    let report = StatReport {
        proof: Some(proof),
        ..Default::default()
    };
    let reply = world.report(ALICE, &tag(&reply), report);
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none)]);
    assert_eq!(world.list(BOB, content.swarm), [shown.as_str()]);
    assert_eq!(world.resolve(BOB, &shown), Ok(ALICE.into()));
    // Who is in no swarm with it is led nowhere, and so is everybody once it is gone.
    assert_eq!(world.resolve(CAROL, &shown), Err(Unusable));
    world.publish(ALICE, Some(&tag(&reply)), Some(0), None);
    assert_eq!(world.resolve(BOB, &shown), Err(Unusable));
}
