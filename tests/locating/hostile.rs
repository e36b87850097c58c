//! Answers of a name server that means ill.

use sipveil::locate::search::QUESTIONS_MAX;
use sipveil::locate::{HostName, Ways, Wish};
use sipveil::sip::Transport;

use super::{order, policy, sent_to, world};
use crate::locating::zone::{Zone, host};
use crate::mutation::{answers, dice::Dice};
use crate::world::World;

//= LOC-007 type=test
#[test]
fn names_do_not_lead_to_this_machine_or_to_nobody() {
    let evil = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "169.254.7.7",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:192.0.2.60",
    ];
    for address in evil {
        let kind = if address.contains(':') { "AAAA" } else { "A" };
        let mut zone = Zone::new(&format!("e.example {kind} {address}\n"));
        let mut world = world("sip:e.example:5060");
        assert_eq!(
            sent_to(&mut zone, &mut world, "a"),
            "500 Server Internal Error",
            "{address}"
        );
        assert_eq!(world.engine.counters().addresses_refused, 1);
        // Another address of the same name is used.
        let mut zone = Zone::new(&format!("e.example {kind} {address}\ne.example A 192.0.2.60\n"));
        assert_eq!(
            sent_to(&mut zone, &mut super::world("sip:e.example:5060"), "b"),
            "udp 192.0.2.60:5060"
        );
    }
}

//= LOC-007 type=test
#[test]
fn names_do_not_lead_back_to_us() {
    let mut zone = Zone::new("e.example A 192.0.2.1\n");
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:e.example:5060"), "a"),
        "500 Server Internal Error"
    );
    // The other listener is us as well; another port of ours is somebody else.
    let mut zone = Zone::new("e.example A 10.20.0.1\n");
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:e.example:5060"), "a"),
        "500 Server Internal Error"
    );
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:e.example:5070"), "a"),
        "udp 10.20.0.1:5070"
    );
    // Accepting local addresses does not accept our own.
    let accept = "[dns]\nlocal_addresses = \"accept\"\n";
    let mut world = World::new(&policy("sip:e.example:5060", accept));
    assert_eq!(sent_to(&mut zone, &mut world, "a"), "500 Server Internal Error");
    let mut zone = Zone::new("e.example A 127.0.0.1\n");
    let mut world = World::new(&policy("sip:e.example:5060", accept));
    assert_eq!(sent_to(&mut zone, &mut world, "a"), "udp 127.0.0.1:5060");
}

//= LOC-007 type=test
#[test]
fn aliases_are_followed_and_loops_end() {
    let mut zone = Zone::new("e.example CNAME f.example\nf.example CNAME g.example\ng.example A 192.0.2.60\n");
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:e.example:5060"), "a"),
        "udp 192.0.2.60:5060"
    );
    let mut zone = Zone::new("e.example CNAME f.example\nf.example CNAME e.example\n");
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:e.example:5060"), "a"),
        "500 Server Internal Error"
    );
    // A service that points at itself is a host without addresses.
    let mut zone = Zone::new("_sip._udp.e.example SRV 0 0 5060 _sip._udp.e.example\n");
    let hop = "sip:e.example;transport=udp";
    assert_eq!(sent_to(&mut zone, &mut world(hop), "a"), "500 Server Internal Error");
}

//= LOC-007 type=test
//= SEC-009 type=test
#[test]
fn floods_of_records_are_cut() {
    let servers: String = (0..3_000)
        .map(|at| {
            format!(
                "_sip._udp.e.example SRV 0 0 5060 h{at}.e.example\nh{at}.e.example A 192.0.2.{}\n",
                100 + at % 100
            )
        })
        .collect();
    let mut zone = Zone::new(&servers);
    let mut world = world("sip:e.example;transport=udp");
    let places = order(&mut zone, &mut world, "a");
    assert_eq!(places.len(), sipveil::locate::search::SERVERS_MAX + 1, "and the answer");
    assert!(zone.questions().len() <= QUESTIONS_MAX);
    let addresses: String = (0..3_000)
        .map(|at| format!("e.example A 10.9.{}.{}\n", at / 200, 1 + at % 200))
        .collect();
    let mut zone = Zone::new(&addresses);
    let places = order(&mut zone, &mut super::world("sip:e.example:5060"), "a");
    assert_eq!(places.len(), sipveil::locate::search::ADDRESSES_MAX + 1);
}

//= LOC-007 type=test
#[test]
fn whatever_comes_a_search_ends_within_its_bounds() {
    let mut dice = Dice::new(7);
    for _ in 0..3_000 {
        let mut ways = Ways::default();
        let transports = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Wss];
        for _ in 0..dice.below(6) {
            ways.add(*dice.pick(&transports), dice.one_in(2));
        }
        let wish = Wish {
            host: host("asked.example"),
            transport: dice.one_in(3).then(|| *dice.pick(&transports)),
            secure: dice.one_in(3),
            port: dice.one_in(4).then_some(5060),
            ways,
        };
        let ended = answers::search(wish, &mut |end| dice.below(end));
        assert_eq!(ended, Ok(()));
    }
}

#[test]
fn the_longest_name_has_no_services() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    let mut zone = Zone::new(&format!("{longest} A 192.0.2.60\n"));
    assert_eq!(
        sent_to(&mut zone, &mut world(&format!("sip:{longest}")), "a"),
        "udp 192.0.2.60:5060"
    );
    assert!(HostName::parse(format!("{longest}b").as_bytes()).is_none());
}
