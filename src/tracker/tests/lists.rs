use super::*;

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
    assert_eq!(roles(&mut world), [Role::Peer, Role::Peer, Role::Cache]);
    // Where there is room for peers alone they have it.
    let two = swarm(&world.find(BOB, content.swarm, 2)).peers;
    assert!(two.iter().all(|peer| peer.role == Role::Peer));
}

/// Who has nothing yet begins with what answers at once, if the policy says so.
//= P2P-135 type=test
#[test]
fn a_cdn_comes_first_for_who_begins_and_last_for_who_has_some() {
    let content = Content::new(1, 4);
    let cdn = NetworkPeer {
        id: "https://cdn.example/film".into(),
        role: Role::Cdn,
    };
    let mut world = world(Settings {
        network_peers: vec![cdn],
        seeders_min: 1,
        startup: Startup::Network,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    let mut roles = |name: &str, map: &ChunkMap| -> Vec<Role> {
        world.connect(name, None, vec![join(content.swarm, Mode::Leech, map)]);
        let peers = swarm(&world.find(name, content.swarm, 9)).peers;
        peers.iter().map(|peer| peer.role).collect()
    };
    let (nothing, some) = (
        ChunkMap::of_ranges(4, &[]).unwrap(),
        ChunkMap::of_ranges(4, &[(0, 0)]).unwrap(),
    );
    assert_eq!(roles(BOB, &nothing), [Role::Cdn, Role::Peer]);
    assert_eq!(roles(CAROL, &some), [Role::Peer, Role::Cdn]);
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
