use super::*;

impl World {
    fn post(&mut self, name: &str, what: What) -> Reply {
        let body = self.body(what, None);
        self.tracker.post(self.now, member(name), &body, 29, &mut self.random)
    }

    fn posts_join(&mut self, name: &str, content: &Content, mode: Mode, map: &ChunkMap) -> Reply {
        let what = What::Connect(Connect {
            swarms: vec![join(content.swarm, mode, map)],
            peer_count: None,
            addresses: Vec::new(),
        });
        self.post(name, what)
    }
}

/// Without entity tags each request counts on top of what the peer did before.
//= P2P-132 type=test
#[test]
fn a_peer_is_the_same_whichever_way_it_asks() {
    let (mut world, content) = (world(settings()), Content::new(1, 4));
    world.tracker.register(content.swarm, content.layout);
    let full = ChunkMap::full(4);
    let joined = world.posts_join(ALICE, &content, Mode::Seeder, &full);
    let proof = content.proof(&swarm(&joined).challenge.unwrap(), &full);
    let proved = world.post(
        ALICE,
        What::StatReport(StatReport {
            proof: Some(proof),
            ..StatReport::default()
        }),
    );
    assert_eq!(swarm(&proved).state, Some(State::Verified));
    // By SIP it is the same peer, and the other way round.
    world.connect(
        BOB,
        None,
        vec![join(content.swarm, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap())],
    );
    let find = What::Find(Find {
        swarm: content.swarm,
        peer_count: None,
    });
    assert_eq!(swarm(&world.post(BOB, find)).peers.len(), 1);
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
    assert_eq!(world.tracker.len(), (2, 2));
}

//= P2P-132 type=test
#[test]
fn a_report_of_nothing_keeps_up_what_was_announced() {
    let (mut world, content) = (world(settings()), Content::new(1, 4));
    world.tracker.register(content.swarm, content.layout);
    let nothing = || What::StatReport(StatReport::default());
    assert_eq!(fault(&world.post(ALICE, nothing())), (403, Some(Fault::State)));
    world.posts_join(ALICE, &content, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap());
    world.pass(1700);
    let kept = world.post(ALICE, nothing());
    assert_eq!((kept.status, swarms(&kept).len()), (200, 0));
    assert_eq!(response(&kept).transaction, format!("t{}", world.transaction));
    world.pass(1700);
    assert_eq!(world.tracker.len(), (1, 1));
    world.post(
        ALICE,
        What::Connect(Connect {
            swarms: vec![SwarmAction {
                action: Action::Leave,
                map: None,
                ..join(content.swarm, Mode::Leech, &ChunkMap::full(4))
            }],
            peer_count: None,
            addresses: Vec::new(),
        }),
    );
    assert_eq!(world.tracker.len(), (1, 0));
}

/// Asked again in the same words, it answers in the same words.
#[test]
fn what_is_refused_is_refused_as_by_sip() {
    let (mut world, content) = (world(settings()), Content::new(1, 4));
    world.tracker.register(content.swarm, content.layout);
    let post = |world: &mut World, body: &[u8]| {
        world
            .tracker
            .post(world.now, member(ALICE), body, 29, &mut world.random)
    };
    assert_eq!(fault(&post(&mut world, b"{}")), (400, Some(Fault::BadBody)));
    let find = What::Find(Find {
        swarm: content.swarm,
        peer_count: None,
    });
    assert_eq!(fault(&world.post(ALICE, find)), (403, Some(Fault::NotMember)));
    let what = What::Connect(Connect {
        swarms: vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))],
        peer_count: None,
        addresses: Vec::new(),
    });
    let body = world.body(what, None);
    let (first, again) = (post(&mut world, &body), post(&mut world, &body));
    assert!(first.body == again.body && first.status == 200);
    for _ in 0..70 {
        world.posts_join(BOB, &content, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap());
    }
    let beyond = world.posts_join(BOB, &content, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap());
    assert_eq!(fault(&beyond), (403, Some(Fault::Rate)));
}
