//! The life of sets, one rule a test. What is recorded is what a backend would be told.

use std::time::Duration;

use super::*;
use crate::pcscf::security::set::{Association, Direction};
use crate::pcscf::security::suite::choose;
use crate::policy::ListenerId;

const ALICE: &[u8] = b"alice@home1.example";
const CLIENTS: [u16; 3] = [6102, 6103, 6104];
const PORTS: Ports<'static> = Ports {
    server: 6101,
    clients: &CLIENTS,
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn at(ue: &str) -> Between {
    Between {
        listener: ListenerId(0),
        ue: ue.parse().unwrap(),
        us: "10.30.0.1".parse().unwrap(),
    }
}

/// A table with its clock, its dice and what it told a backend.
struct Table {
    sets: Sets,
    now: Duration,
    drawn: u32,
    installed: Vec<Install>,
    removed: Vec<Removal>,
}

impl Table {
    fn new() -> Table {
        Table::of(Max {
            sets: 100,
            pending_of_source: 4,
        })
    }

    fn of(max: Max) -> Table {
        Table {
            sets: Sets::new(max, (1, 2)),
            now: seconds(1000),
            drawn: 5000,
            installed: Vec::new(),
            removed: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(change) = self.sets.poll() {
            match change {
                Change::Install(install) => self.installed.push(install),
                Change::Remove(removal) => self.removed.push(removal),
            }
        }
    }

    /// A UE whose client port is `port_c` asks and is challenged; its server port is always the same.
    fn challenge(&mut self, impi: &[u8], ue: &str, port_c: u16, on: Option<SetId>) -> Result<SetId, NoSet> {
        self.challenge_of(impi, ue, (port_c, 31001), on)
    }

    fn challenge_of(
        &mut self,
        impi: &[u8],
        ue: &str,
        (port_c, port_s): (u16, u16),
        on: Option<SetId>,
    ) -> Result<SetId, NoSet> {
        let spi = u32::from(port_c) - 30000;
        let row = format!(
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c={spi};spi-s={};port-c={port_c};port-s={port_s}",
            spi + 1
        );
        let client = Mechanisms::read([row.as_bytes()].into_iter()).unwrap();
        let asked = Asked {
            impi,
            between: at(ue),
            offer: choose(&client, Terms::USUAL).unwrap(),
            client,
            on,
            nonce: b"nonce",
        };
        let key = |byte| zeroize::Zeroizing::new([byte; 16]);
        let keys = CkIk { ck: key(1), ik: key(2) };
        let drawn = &mut self.drawn;
        let draw = || {
            *drawn += 1;
            *drawn
        };
        let made = self.sets.challenged(self.now, asked, &keys, PORTS, Terms::USUAL, draw);
        self.drain();
        made
    }

    fn established(&mut self, ue: &str, port_c: u16, on: Option<SetId>, granted: u64) -> SetId {
        let id = self.challenge(ALICE, ue, port_c, on).unwrap();
        self.sets.accepted(self.now, id, seconds(granted));
        self.drain();
        id
    }

    fn pass(&mut self, count: u64) {
        self.now += seconds(count);
        self.sets.expire(self.now);
        self.drain();
    }

    fn state(&self, id: SetId) -> Option<State> {
        self.sets.seen(id).map(|set| set.state)
    }

    /// The set by which something goes to the UE.
    fn towards(&self, ue: &str) -> Option<SetId> {
        self.sets.towards(at(ue), 31001, self.now).map(|set| set.id)
    }
}

const UE: &str = "10.30.0.7";

//= AKA-002 type=test
//= AKA-003 type=test
#[test]
fn a_challenge_installs_two_pairs_between_four_ports() {
    let mut table = Table::new();
    let id = table.challenge(ALICE, UE, 31000, None).unwrap();
    let set = table.sets.seen(id).unwrap();
    let (spi_c, spi_s) = (set.ours.spi_c, set.ours.spi_s);
    let install = table.installed.pop().unwrap();
    assert!(table.installed.is_empty() && table.removed.is_empty());
    let seen = install.associations.map(|association| {
        let Association {
            direction,
            spi,
            from,
            to,
        } = association;
        (direction, spi, from.to_string(), to.to_string())
    });
    let end = |text: &str| text.to_owned();
    assert_eq!(
        seen,
        [
            (Direction::In, spi_s, end("10.30.0.7:31000"), end("10.30.0.1:6101")),
            (Direction::Out, 1000, end("10.30.0.1:6101"), end("10.30.0.7:31000")),
            (Direction::Out, 1001, end("10.30.0.1:6102"), end("10.30.0.7:31001")),
            (Direction::In, spi_c, end("10.30.0.7:31001"), end("10.30.0.1:6102")),
        ]
    );
}

//= AKA-003 type=test
#[test]
fn on_reauthentication_our_client_port_changes_and_the_server_ports_stay() {
    let mut table = Table::new();
    let first = table.established(UE, 31000, None, 600);
    let second = table.established(UE, 31002, Some(first), 600);
    let (first, second) = (table.sets.seen(first).unwrap(), table.sets.seen(second).unwrap());
    assert_eq!(first.ours.port_s, second.ours.port_s);
    assert_eq!(first.theirs.port_s, second.theirs.port_s);
    assert_ne!(first.ours.port_c, second.ours.port_c);
    assert_ne!(first.theirs.port_c, second.theirs.port_c);
}

//= AKA-004 type=test
#[test]
fn an_spi_of_ours_is_nobody_elses() {
    let mut table = Table::new();
    table.drawn = 997;
    // 998, 999; then 1000 and 1001, which the UE sent, and what the first set has.
    let first = table.challenge(ALICE, UE, 31000, None).unwrap();
    let ours = table.sets.seen(first).unwrap().ours;
    assert_eq!((ours.spi_c, ours.spi_s), (998, 999));
    table.drawn = 997;
    let second = table.challenge(b"bob", "10.30.0.8", 31000, None).unwrap();
    let ours = table.sets.seen(second).unwrap().ours;
    assert_eq!((ours.spi_c, ours.spi_s), (1002, 1003));
    table.drawn = 253;
    let third = table.challenge(b"carol", "10.30.0.9", 31000, None).unwrap();
    let ours = table.sets.seen(third).unwrap().ours;
    assert_eq!((ours.spi_c, ours.spi_s), (256, 257));
}

//= AKA-020 type=test
//= AKA-023 type=test
#[test]
fn a_reauthentication_goes_from_temporary_to_established_to_old_to_removed() {
    let mut table = Table::new();
    let first = table.challenge(ALICE, UE, 31000, None).unwrap();
    assert_eq!((table.state(first), table.towards(UE)), (Some(State::Temporary), None));
    table.sets.accepted(table.now, first, seconds(600));
    assert_eq!(
        (table.state(first), table.towards(UE)),
        (Some(State::Established), Some(first))
    );

    let second = table.challenge(ALICE, UE, 31002, Some(first)).unwrap();
    assert_eq!(
        (table.state(first), table.towards(UE)),
        (Some(State::Established), Some(first))
    );
    table.sets.accepted(table.now, second, seconds(600));
    table.drain();
    assert_eq!(
        (table.state(first), table.state(second)),
        (Some(State::Old), Some(State::Established))
    );
    // The UE is reached by the old one until it shows that it uses the new one.
    assert_eq!(table.towards(UE), Some(first));
    table.sets.used(table.now, second);
    assert_eq!(table.towards(UE), Some(second));
    table.pass(127);
    assert_eq!(table.state(first), Some(State::Old));
    table.pass(1);
    assert_eq!(table.state(first), None);
    assert_eq!(table.removed.len(), 1);
    assert_eq!(table.removed[0].set, first);
    assert_eq!(table.removed[0].associations.map(|one| one.spi).len(), 4);
}

//= AKA-023 type=test
#[test]
fn what_is_about_to_end_carries_nothing_new() {
    let mut table = Table::new();
    let first = table.established(UE, 31000, None, 600);
    table.pass(400);
    let second = table.established(UE, 31002, Some(first), 3600);
    assert_eq!(table.towards(UE), Some(first));
    table.pass(230 - 128);
    assert_eq!(table.towards(UE), Some(second));
}

//= AKA-023 type=test
#[test]
fn of_older_sets_only_the_one_that_was_asked_on_stays() {
    let mut table = Table::new();
    let first = table.established(UE, 31000, None, 600);
    let second = table.established(UE, 31002, Some(first), 600);
    let third = table.established(UE, 31004, Some(second), 600);
    let states = [first, second, third].map(|id| table.state(id));
    assert_eq!(states, [None, Some(State::Old), Some(State::Established)]);
}

//= AKA-021 type=test
#[test]
fn a_challenge_waits_four_minutes() {
    let mut table = Table::new();
    let id = table.challenge(ALICE, UE, 31000, None).unwrap();
    assert_eq!(table.sets.next_end(), Some(table.now + seconds(240)));
    table.pass(239);
    assert_eq!(table.state(id), Some(State::Temporary));
    table.pass(1);
    assert_eq!(table.state(id), None);
    assert_eq!(table.removed.len(), 1);
}

//= AKA-021 type=test
#[test]
fn a_set_lasts_as_long_as_the_longest_registration_and_half_a_minute_more() {
    let mut table = Table::new();
    let begun = table.now;
    let id = table.established(UE, 31000, None, 600);
    assert_eq!(table.sets.next_end(), Some(begun + seconds(630)));
    table.pass(300);
    table.sets.refreshed(table.now, id, seconds(600));
    assert_eq!(table.sets.next_end(), Some(begun + seconds(930)));
    // Another identity of the same UE.
    table.sets.refreshed(table.now, id, seconds(60));
    assert_eq!(table.sets.next_end(), Some(begun + seconds(930)));
    // A newer set does not end before the one it replaces would have.
    let newer = table.established(UE, 31002, Some(id), 60);
    table.sets.used(table.now, newer);
    table.pass(629);
    assert_eq!(table.state(newer), Some(State::Established));
    table.pass(1);
    assert!(table.sets.is_empty());
}

//= AKA-022 type=test
#[test]
fn who_begins_anew_unprotected_loses_the_older_sets() {
    let mut table = Table::new();
    let here = table.established(UE, 31000, None, 600);
    let elsewhere = {
        let id = table.challenge(ALICE, "10.30.0.8", 31000, None).unwrap();
        table.sets.accepted(table.now, id, seconds(600));
        id
    };
    // That one shortened the first: it stands at another address.
    assert_eq!(table.state(here), Some(State::Established));
    let begun = table.now;
    let again = table.established(UE, 31002, None, 600);
    assert_eq!(table.state(here), None);
    assert_eq!(table.sets.next_end(), Some(begun + seconds(128)));
    table.pass(128);
    assert_eq!(
        (table.state(elsewhere), table.state(again)),
        (None, Some(State::Established))
    );
}

//= AKA-024 type=test
//= AKA-028 type=test
#[test]
fn a_failed_authentication_takes_its_own_set_and_no_other() {
    for (fails, stays) in [
        (
            Box::new(|sets: &mut Sets, id, _| sets.failed(id)) as Box<dyn Fn(&mut Sets, SetId, Duration)>,
            0,
        ),
        (Box::new(|sets: &mut Sets, _, _| sets.failed_of(ALICE, at(UE))), 0),
        (Box::new(|sets: &mut Sets, id, now| sets.refused(now, id)), 128),
        (Box::new(|sets: &mut Sets, _, now| sets.expire(now + TEMPORARY)), 0),
    ] {
        let mut table = Table::new();
        let first = table.established(UE, 31000, None, 600);
        let second = table.challenge(ALICE, UE, 31002, Some(first)).unwrap();
        fails(&mut table.sets, second, table.now);
        table.drain();
        assert_eq!(table.state(second).is_some(), stays > 0);
        table.pass(stays);
        assert_eq!(
            (table.state(first), table.state(second)),
            (Some(State::Established), None)
        );
        assert_eq!(table.towards(UE), Some(first));
        assert_eq!(table.sets.next_end(), Some(seconds(1630)));
        assert_eq!(table.sets.pending_count(), 0);
    }
}

//= AKA-024 type=test
#[test]
fn what_the_network_refused_is_never_established() {
    let mut table = Table::new();
    let id = table.challenge(ALICE, UE, 31000, None).unwrap();
    table.sets.refused(table.now, id);
    table.sets.accepted(table.now, id, seconds(600));
    assert_eq!((table.state(id), table.towards(UE)), (Some(State::Failed), None));
}

//= AKA-024 type=test
#[test]
fn a_new_challenge_takes_the_place_of_the_one_before_at_the_same_address() {
    let mut table = Table::new();
    let first = table.challenge(ALICE, UE, 31000, None).unwrap();
    // The same client port is no fault: it was the set's that goes.
    let second = table.challenge(ALICE, UE, 31000, None).unwrap();
    let elsewhere = table.challenge(ALICE, "10.30.0.8", 31000, None).unwrap();
    assert_eq!(table.state(first), None);
    assert_eq!(
        (table.state(second), table.state(elsewhere)),
        (Some(State::Temporary), Some(State::Temporary))
    );
    assert_eq!(table.removed[0].set, first);
}

//= AKA-025 type=test
#[test]
fn a_client_port_is_bound_to_one_set() {
    let mut table = Table::new();
    table.established(UE, 31000, None, 600);
    assert_eq!(table.challenge(ALICE, UE, 31000, None), Err(NoSet::PortTaken));
    assert_eq!(table.challenge(b"bob", UE, 31000, None), Err(NoSet::PortTaken));
    assert!(table.challenge(ALICE, "10.30.0.8", 31000, None).is_ok());
    assert!(table.challenge(ALICE, UE, 31002, None).is_ok());
}

//= AKA-025 type=test
#[test]
fn the_fourth_set_of_one_identity_at_one_address_is_refused() {
    let mut table = Table::new();
    // Of three that were refused each still carries its refusal.
    for port in [31000, 31002, 31004] {
        let id = table.challenge(ALICE, UE, port, None).unwrap();
        table.sets.refused(table.now, id);
    }
    assert_eq!(table.challenge(ALICE, UE, 31006, None), Err(NoSet::TooManyOfOne));
    table.pass(128);
    assert!(table.challenge(ALICE, UE, 31006, None).is_ok());
}

//= AKA-025 type=test
#[test]
fn an_spi_of_a_ue_is_bound_to_one_set() {
    let mut table = Table::new();
    table.established(UE, 31000, None, 600);
    // Other ports, and SPIs of which one is taken.
    assert_eq!(table.challenge(ALICE, UE, 30999, None), Err(NoSet::SpiTaken));
    assert_eq!(
        table.challenge_of(b"bob", UE, (30999, 31005), None),
        Err(NoSet::SpiTaken)
    );
    assert!(table.challenge_of(b"bob", "10.30.0.8", (30999, 31005), None).is_ok());
}

//= AKA-028 type=test
#[test]
fn a_source_waits_for_so_many_authentications() {
    let mut table = Table::new();
    let ask = |table: &mut Table, ue: &str, number: u16| {
        let impi = format!("ue{number}@home1.example");
        table.challenge_of(impi.as_bytes(), ue, (31000 + 2 * number, 41000 + number), None)
    };
    for number in 0..4 {
        assert!(ask(&mut table, "2001:db8::1", number).is_ok());
    }
    // The first 64 bits are one source.
    assert_eq!(ask(&mut table, "2001:db8::2", 4), Err(NoSet::TooManyPending));
    assert!(ask(&mut table, "2001:db8:0:1::2", 5).is_ok());
    // Asking again for one that waits takes no more room.
    assert!(ask(&mut table, "2001:db8::1", 3).is_ok());
    table.pass(240);
    assert!(ask(&mut table, "2001:db8::2", 4).is_ok());
}

//= AKA-028 type=test
#[test]
fn who_asks_leaves_room_for_who_is_there() {
    let mut table = Table::of(Max {
        sets: 4,
        pending_of_source: 10,
    });
    let ue = |number: u16| (format!("ue{number}"), format!("10.30.1.{number}"));
    for number in 0..2 {
        let (impi, address) = ue(number);
        assert!(table.challenge(impi.as_bytes(), &address, 31000, None).is_ok());
    }
    let (impi, address) = ue(2);
    assert_eq!(
        table.challenge(impi.as_bytes(), &address, 31000, None),
        Err(NoSet::Full)
    );
    for id in [SetId(0), SetId(1)] {
        table.sets.accepted(table.now, id, seconds(600));
    }
    for number in 2..4 {
        let (impi, address) = ue(number);
        let id = table.challenge(impi.as_bytes(), &address, 31000, None).unwrap();
        table.sets.accepted(table.now, id, seconds(600));
    }
    assert_eq!(table.sets.len(), 4);
    assert_eq!(table.challenge(b"ue5", "10.30.1.5", 31000, None), Err(NoSet::Full));
}

//= AKA-028 type=test
#[test]
fn a_hundred_strangers_who_know_an_identity_change_nothing_for_its_owner() {
    let mut table = Table::new();
    let id = table.established(UE, 31000, None, 600);
    for number in 0..100 {
        let _ = table.challenge(ALICE, &format!("10.30.9.{number}"), 31000, None);
    }
    assert_eq!(
        (table.state(id), table.towards(UE)),
        (Some(State::Established), Some(id))
    );
    table.pass(240);
    assert_eq!(table.sets.len(), 1);
    assert_eq!(table.towards(UE), Some(id));
}

//= PCSCF-025 type=test
#[test]
fn a_message_belongs_to_a_set_by_the_ues_address_its_port_and_ours() {
    let mut table = Table::new();
    let id = table.challenge(ALICE, UE, 31000, None).unwrap();
    let of = |ue, theirs, ours| table.sets.of_message(at(ue), theirs, ours).map(|set| set.id);
    assert_eq!(of(UE, 31000, 6101), Some(id));
    assert_eq!(of(UE, 31001, 6102), Some(id));
    for (ue, theirs, ours) in [
        (UE, 31001, 6101),
        (UE, 31000, 6102),
        (UE, 31000, 6103),
        (UE, 31002, 6101),
        ("10.30.0.8", 31000, 6101),
    ] {
        assert_eq!(of(ue, theirs, ours), None);
    }
}

//= AKA-003 type=test
#[test]
fn who_has_used_up_our_client_ports_is_told() {
    let mut table = Table::new();
    // Three identities behind one server port of one address.
    for (number, impi) in [b"a", b"b", b"c"].into_iter().enumerate() {
        assert!(table.challenge(impi, UE, 31000 + 2 * number as u16, None).is_ok());
    }
    assert_eq!(table.challenge(b"d", UE, 31010, None), Err(NoSet::NoNumbers));
}

//= PCSCF-011 type=test
#[test]
fn who_is_deregistered_keeps_its_set_until_its_transactions_are_over() {
    let mut table = Table::new();
    let id = table.established(UE, 31000, None, 600);
    table.sets.deregistered(table.now, id);
    assert_eq!(table.sets.next_end(), Some(table.now + seconds(128)));
}

//= LI-008 type=test
#[test]
fn nothing_here_is_printed() {
    let mut table = Table::new();
    let id = table.challenge(ALICE, UE, 31000, None).unwrap();
    let seen = format!(
        "{:?}{:?}{:?}{:?}",
        table.sets,
        table.sets.seen(id).map(|set| set.agreed),
        table.installed[0],
        table.installed[0].associations
    );
    for secret in ["alice", "10.30", "31000", "1000", "nonce", "6101"] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

proptest::proptest! {
    /// Whatever happens in whatever order: nothing is left over, and the maxima hold.
    #[test]
    fn the_tables_agree_and_end_empty(steps in proptest::collection::vec((0u8..8, 0u16..4, 0u16..4), 0..60)) {
        let mut table = Table::of(Max { sets: 6, pending_of_source: 3 });
        for (what, who, which) in steps {
            let impi = format!("ue{}", who % 2);
            let ue = format!("10.30.0.{}", who / 2);
            let all: Vec<SetId> = table.sets.sets.keys().copied().collect();
            let one = all.get(usize::from(which) % all.len().max(1)).copied();
            match (what, one) {
                (0..=2, on) => {
                    let _ = table.challenge(impi.as_bytes(), &ue, 31000 + 2 * which, on.filter(|_| what == 1));
                }
                (3, Some(id)) => table.sets.accepted(table.now, id, seconds(600)),
                (4, Some(id)) => table.sets.used(table.now, id),
                (5, Some(id)) => table.sets.refused(table.now, id),
                (6, Some(id)) => table.sets.failed(id),
                (7, _) => table.pass(50),
                _ => {}
            }
            let sets = &table.sets;
            proptest::prop_assert!(sets.len() <= 6 && sets.pending_count() <= 3);
            proptest::prop_assert_eq!(sets.by_mark.len(), 5 * sets.len());
            proptest::prop_assert_eq!(sets.spis.len(), 2 * sets.len());
            proptest::prop_assert_eq!(sets.by_end_time.len(), sets.len());
            let temporary = sets.sets.values().filter(|set| set.state == State::Temporary).count();
            proptest::prop_assert_eq!(sets.pending_count(), temporary);
        }
        table.pass(10_000);
        let sets = &table.sets;
        proptest::prop_assert!(sets.is_empty() && sets.by_mark.is_empty() && sets.by_end_time.is_empty());
        proptest::prop_assert!(sets.spis.is_empty() && sets.pending.is_empty());
        proptest::prop_assert_eq!(table.installed.len(), table.removed.len());
    }
}
