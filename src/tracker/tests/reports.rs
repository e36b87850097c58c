use super::visits::AUDITORS;
use super::*;

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
