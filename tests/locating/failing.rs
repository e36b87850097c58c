//! A peer that is dead, refuses or is overloaded: the next one, and for a while not that one first.

use sipveil::engine::Input;

use super::{CORE, order, place, policy, request, seconds, sent_to, world};
use crate::locating::zone::Zone;
use crate::world::{Sent, World, respond};

const THREE: &str = "
    _sip._udp.f.example SRV 10 0 5060 a.f.example
    _sip._udp.f.example SRV 20 0 5060 b.f.example
    _sip._udp.f.example SRV 30 0 5060 c.f.example
    a.f.example A 192.0.2.11
    b.f.example A 192.0.2.12
    c.f.example A 192.0.2.13
    c.f.example A 192.0.2.14";

const HOP: &str = "sip:f.example;transport=udp";

//= LOC-004 type=test
//= PRIV-026 type=test
#[test]
fn the_whole_list_is_tried_in_order_each_with_a_branch_of_its_own() {
    let (mut zone, mut world) = (Zone::new(THREE), world(HOP));
    let mut sent = zone.packet(&mut world, "core", CORE, &request("MESSAGE", "a"));
    let mut branches = Vec::new();
    for place in [
        "192.0.2.11:5060",
        "192.0.2.12:5060",
        "192.0.2.13:5060",
        "192.0.2.14:5060",
    ] {
        assert_eq!(sent[0].to.to_string(), place);
        let via = sent[0].row("Via").unwrap().to_owned();
        assert!(!branches.contains(&via));
        branches.push(via);
        sent = zone.input(&mut world, Input::SendFailed(sent[0].id));
    }
    assert_eq!(sent[0].start(), "SIP/2.0 500 Server Internal Error");
}

//= LOC-004 type=test
#[test]
fn a_dead_a_refusing_and_an_overloaded_peer_make_room_for_the_next_and_are_avoided() {
    for way in ["dead", "refusing", "overloaded"] {
        let (mut zone, mut world) = (Zone::new(THREE), world(HOP));
        let sent = zone.packet(&mut world, "core", CORE, &request("INVITE", "a"));
        let first = sent
            .iter()
            .find(|sent| sent.start().starts_with("INVITE"))
            .unwrap()
            .clone();
        let sent: Vec<Sent> = match way {
            "dead" => world.pass(seconds(33)).into_iter().map(|(_, sent)| sent).collect(),
            "refusing" => world.input(Input::SendFailed(first.id)),
            _ => world.packet(
                "net",
                "192.0.2.11:5060",
                &respond(&first, "503 Service Unavailable", "x", ""),
            ),
        };
        assert!(
            sent.iter().any(|sent| sent.to.to_string() == "192.0.2.12:5060"),
            "{way} {sent:#?}"
        );
        // The next request does not begin with it, though DNS prefers it.
        assert_eq!(sent_to(&mut zone, &mut world, "b"), "udp 192.0.2.12:5060", "{way}");
        // After a while it does.
        world.pass(seconds(100));
        assert_eq!(sent_to(&mut zone, &mut world, "c"), "udp 192.0.2.11:5060", "{way}");
    }
}

//= LOC-004 type=test
#[test]
fn when_all_fail_all_are_tried_again() {
    let (mut zone, mut world) = (Zone::new(THREE), world(HOP));
    let all = order(&mut zone, &mut world, "a");
    assert_eq!(all.len(), 5);
    assert_eq!(order(&mut zone, &mut world, "b"), all);
    assert_eq!(world.engine.held().avoided, 4);
}

//= LOC-004 type=test
#[test]
fn an_answer_ends_the_avoidance_and_retry_after_shortens_it() {
    let (mut zone, mut world) = (Zone::new("f.example A 192.0.2.11\n"), world("sip:f.example:5060"));
    let sent = zone.packet(&mut world, "core", CORE, &request("MESSAGE", "a"));
    zone.input(&mut world, Input::SendFailed(sent[0].id));
    assert_eq!(world.engine.held().avoided, 1);
    let sent = zone.packet(&mut world, "core", CORE, &request("MESSAGE", "b"));
    world.packet("net", "192.0.2.11:5060", &respond(&sent[0], "200 OK", "x", ""));
    assert_eq!(world.engine.held().avoided, 0);

    let (mut zone, mut world) = (Zone::new(THREE), super::world(HOP));
    let sent = zone.packet(&mut world, "core", CORE, &request("MESSAGE", "a"));
    let busy = respond(&sent[0], "503 Service Unavailable", "x", "Retry-After: 5 (busy)\r\n");
    world.packet("net", "192.0.2.11:5060", &busy);
    assert_eq!(sent_to(&mut zone, &mut world, "b"), "udp 192.0.2.12:5060");
    world.pass(seconds(6));
    assert_eq!(sent_to(&mut zone, &mut world, "c"), "udp 192.0.2.11:5060");
}

//= LOC-004 type=test
#[test]
fn fixed_next_hops_are_avoided_as_well() {
    let (mut zone, mut world) = (Zone::new(""), world("sip:192.0.2.21 sip:192.0.2.22"));
    assert_eq!(order(&mut zone, &mut world, "a").len(), 3);
    let mut world = super::world("sip:192.0.2.21 sip:192.0.2.22");
    let sent = zone.packet(&mut world, "core", CORE, &request("MESSAGE", "a"));
    zone.input(&mut world, Input::SendFailed(sent[0].id));
    assert_eq!(sent_to(&mut zone, &mut world, "b"), "udp 192.0.2.22:5060");
}

//= LOC-005 type=test
//= LOC-004 type=test
#[test]
fn a_peer_that_answers_something_is_not_avoided_and_keeps_its_transaction() {
    let (mut zone, mut world) = (Zone::new(THREE), world(HOP));
    let sent = zone.packet(&mut world, "core", CORE, &request("INVITE", "a"));
    let first = sent
        .iter()
        .find(|sent| sent.start().starts_with("INVITE"))
        .unwrap()
        .clone();
    world.packet("net", "192.0.2.11:5060", &respond(&first, "180 Ringing", "x", ""));
    // DNS changes meanwhile, and the call is given up: the CANCEL goes where the INVITE went.
    let mut zone = Zone::new("_sip._udp.f.example SRV 1 0 5060 z.f.example\nz.f.example A 192.0.2.77\n");
    let sent = zone.packet(&mut world, "core", CORE, &request("CANCEL", "a"));
    let cancel = sent.iter().find(|sent| sent.start().starts_with("CANCEL")).unwrap();
    assert_eq!(cancel.to, first.to);
    let gone = respond(&first, "487 Request Terminated", "x", "");
    let sent = world.packet("net", "192.0.2.11:5060", &gone);
    let ack = sent.iter().find(|sent| sent.start().starts_with("ACK")).unwrap();
    assert_eq!(ack.to, first.to);
    assert_eq!(world.engine.held().avoided, 0);
}

//= LOC-007 type=test
#[test]
fn a_silent_name_server_costs_its_time_and_stalls_nobody_else() {
    let zone_text = "f.example SILENT\nwell.example A 192.0.2.60\n";
    let mut world = World::new(&policy("sip:f.example", &well()));
    let mut zone = Zone::new(zone_text);
    let sent = zone.packet(&mut world, "core", CORE, &request("INVITE", "a"));
    assert_eq!(place(&sent), "100 Trying");
    // Another call goes on at once.
    let other = super::request_to("sip:bob@well.example", "MESSAGE", "b");
    assert_eq!(
        place(&zone.packet(&mut world, "core", CORE, &other)),
        "udp 192.0.2.60:5060"
    );
    // The first one is answered within six seconds.
    let sent = world.pass(seconds(6));
    let answer = sent
        .iter()
        .find(|(_, sent)| sent.start().starts_with("SIP/2.0 500"))
        .unwrap();
    assert!(answer.0 <= seconds(6), "{answer:?}");
    assert_eq!((world.engine.held().pending, world.engine.held().questions), (0, 0));

    // With another target: that one.
    let mut world = World::new(&policy("sip:f.example sip:192.0.2.61", ""));
    zone.packet(&mut world, "core", CORE, &request("MESSAGE", "a"));
    assert!(leaves_for(&world.pass(seconds(6)), "192.0.2.61:5060"));
    // The silence is remembered: the next one does not wait.
    assert_eq!(sent_to(&mut zone, &mut world, "b"), "udp 192.0.2.61:5060");
    // An ACK waits as long and is dropped, as nobody answers an ACK.
    assert!(zone.packet(&mut world, "core", CORE, &request("ACK", "c")).is_empty());
}

fn well() -> String {
    "[[route]]\nfrom = \"core\"\ndomain = [\"well.example\"]\nnext_hop = [\"sip:well.example:5060\"]\nvia = \"net\"\n"
        .to_owned()
}

//= LOC-007 type=test
#[test]
fn half_an_answer_is_better_than_none() {
    // The AAAA question is never answered; the A one is.
    let mut world = world("sip:f.example:5060");
    let zone = Zone::new("f.example A 192.0.2.11\n");
    let flow = world.flow("core", sipveil::sip::Transport::Udp, CORE, None);
    let bytes = bytes::Bytes::from(request("MESSAGE", "a"));
    let mut silent = Zone::new("f.example SILENT\n");
    silent.input(&mut world, Input::Packet { flow, bytes });
    for (id, question) in silent.asked.clone() {
        if question.kind == sipveil::locate::Kind::A {
            let answer = zone.answer(&question).unwrap();
            assert!(world.input(Input::Located { id, answer }).is_empty());
        }
    }
    assert!(leaves_for(&world.pass(seconds(6)), "192.0.2.11:5060"));
}

fn leaves_for(sent: &[(std::time::Duration, Sent)], place: &str) -> bool {
    sent.iter().any(|(_, sent)| sent.to.to_string() == place)
}

//= LOC-007 type=test
#[test]
fn a_failing_name_server_is_the_end_or_the_next_target() {
    let mut zone = Zone::new("f.example SERVFAIL\n_sip._udp.f.example SERVFAIL\n");
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:f.example"), "a"),
        "500 Server Internal Error"
    );
    let two = "sip:f.example sip:192.0.2.61";
    assert_eq!(sent_to(&mut zone, &mut world(two), "a"), "udp 192.0.2.61:5060");
}
