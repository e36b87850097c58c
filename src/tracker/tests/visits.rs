//! Auditors, who visit peers as any peer does.

use super::*;
use crate::ppsp::visit::Accused;

pub const AUDITORS: [&str; 2] = ["sip:test1@home1.example", "sip:test2@home1.example"];

impl World {
    /// Whom an auditor is sent to, having entered the swarm where it has to.
    pub fn is_sent(&mut self, auditor: &str, content: &Content) -> Option<(Accused, u64)> {
        let mut sent = self.tracker.next_visit(self.now, member(auditor), &mut self.random)?;
        if sent.number.is_none() {
            assert!(sent.visit.accused.is_none() && sent.visit.swarm == content.swarm);
            let none = ChunkMap::of_ranges(4, &[]).unwrap();
            self.connect(auditor, None, vec![join(content.swarm, Mode::Leech, &none)]);
            sent = self.tracker.next_visit(self.now, member(auditor), &mut self.random)?;
        }
        assert!(sent.visit.swarm == content.swarm);
        Some((sent.visit.accused.unwrap(), sent.number.unwrap()))
    }

    pub fn comes_back(&mut self, auditor: &str, number: u64, found: Found) -> bool {
        self.tracker.visited(self.now, member(auditor), number, found)
    }
}

/// Somebody holds everything, and two say that it is not what it should be.
fn accused() -> (World, Content, String) {
    let (mut world, content, alice) = reports::swarm_of_alice();
    world.accuses(CAROL, 1, &content, &alice);
    world.accuses("sip:dave@home1.example", 2, &content, &alice);
    (world, content, alice)
}

//= P2P-122 type=test
#[test]
fn a_visit_is_of_who_was_sent_and_reported_once_and_in_time() {
    let (mut world, content, _) = accused();
    let (_, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    // Nobody is sent where somebody is already.
    assert!(world.is_sent(AUDITORS[1], &content).is_none());
    assert!(!world.comes_back(AUDITORS[0], number ^ 1, Found::Good));
    assert!(world.comes_back(AUDITORS[0], number, Found::Good));
    assert!(!world.comes_back(AUDITORS[0], number, Found::Bad), "twice");
    let (mut world, content, _) = accused();
    let (_, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    world.pass(u64::from(VISIT_SECONDS));
    assert!(!world.comes_back(AUDITORS[0], number, Found::Bad), "too late");
    assert!(world.is_sent(AUDITORS[0], &content).is_some(), "somebody has to go");
}

/// What a visit says is of the auditor that made it.
//= P2P-122 type=test
#[test]
fn nobody_speaks_for_an_auditor() {
    let (mut world, content, _) = accused();
    let (_, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    assert!(!world.comes_back(AUDITORS[1], number, Found::Good));
    assert!(world.comes_back(AUDITORS[0], number, Found::Bad));
}

//= P2P-124 type=test
//= P2P-127 type=test
#[test]
fn who_is_set_aside_does_not_come_back_by_announcing_anew() {
    let (mut world, content, alice) = accused();
    world.accuses("sip:erin@home1.example", 3, &content, &alice);
    assert_eq!(world.list(BOB, content.swarm), [""; 0]);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    assert_eq!(
        world.list(BOB, content.swarm),
        [""; 0],
        "it proved that it holds it, which nobody doubts"
    );
    // And it is found where it is now.
    let (accused, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    assert_eq!(world.resolve(AUDITORS[0], &accused.peer), Ok(ALICE.into()));
    assert!(world.comes_back(AUDITORS[0], number, Found::Good));
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
}

/// Orders do not outlive the process, what is being looked into does.
//= P2P-122 type=test
#[test]
fn who_is_looked_into_is_visited_though_the_order_was_lost() {
    let (mut world, content, _) = accused();
    world.tracker.orders.clear();
    assert!(world.is_sent(AUDITORS[0], &content).is_none());
    world.holds(ALICE, &content, &ChunkMap::full(4));
    assert!(world.is_sent(AUDITORS[0], &content).is_some());
    // While somebody is there nobody else is sent.
    world.holds(ALICE, &content, &ChunkMap::full(4));
    assert!(world.is_sent(AUDITORS[1], &content).is_none());
}

//= P2P-122 type=test
#[test]
fn somebody_is_visited_by_chance_now_and_then() {
    let (mut world, content, _) = reports::swarm_of_alice();
    let (accused, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    assert_eq!(
        (world.resolve(AUDITORS[0], &accused.peer), accused.piece),
        (Ok(ALICE.into()), None)
    );
    assert!(world.comes_back(AUDITORS[0], number, Found::Bad));
    let (_, number) = world.is_sent(AUDITORS[1], &content).unwrap();
    assert!(world.comes_back(AUDITORS[1], number, Found::Bad));
    assert_eq!(
        world.list(BOB, content.swarm),
        [""; 0],
        "found without a word of anybody"
    );
    // One in a thousand an hour: of this many, one in more than a week.
    let (mut world, content, _) = reports::swarm_of_alice();
    let (_, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    assert!(world.comes_back(AUDITORS[0], number, Found::Good));
    assert!(world.is_sent(AUDITORS[1], &content).is_none());
}

/// Whoever looks after others is looked after by somebody else.
#[test]
fn an_auditor_does_not_visit_itself() {
    let content = Content::new(1, 4);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    world.holds(AUDITORS[0], &content, &ChunkMap::full(4));
    assert!(world.is_sent(AUDITORS[0], &content).is_none());
    assert!(world.is_sent(AUDITORS[1], &content).is_some());
}

#[test]
fn only_so_many_visits_wait() {
    let (mut world, content, _) = accused();
    let swarm = world.tracker.table.swarm_of(content.swarm).unwrap();
    for who in 0..2 * super::super::visits::VISITS_MAX as u64 {
        let slot = world.tracker.table.find(ALICE.as_bytes(), b"1").unwrap();
        let case = super::super::reports::CaseId::new(who, swarm);
        world.tracker.order(super::super::visits::Order::new(case, slot, None));
    }
    // Those of nobody went, for who came later.
    assert!(world.tracker.orders.len() <= super::super::visits::VISITS_MAX);
    assert!(world.is_sent(AUDITORS[0], &content).is_some());
}
