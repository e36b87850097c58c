use super::*;

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
