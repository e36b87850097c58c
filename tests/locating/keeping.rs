//! What is kept of the answers, how long, and how calls are spread over the servers.

use sipveil::engine::Input;

use super::{CORE, policy, request, seconds, sent_to, world};
use crate::locating::zone::Zone;
use crate::world::World;

const HOP: &str = "sip:k.example:5060";

//= LOC-007 type=test
#[test]
fn a_name_is_asked_for_again_when_its_time_is_over() {
    for (lifetime, within, after) in [(300, 299, 301), (0, 0, 1), (10_000_000, 86_399, 86_401)] {
        let (mut zone, mut world) = (Zone::new("k.example A 192.0.2.11\n"), world(HOP));
        zone.lifetime = seconds(lifetime);
        sent_to(&mut zone, &mut world, "a");
        assert_eq!(zone.questions().len(), 2);
        world.pass(seconds(within));
        sent_to(&mut zone, &mut world, "b");
        assert!(zone.questions().is_empty(), "{lifetime}");
        world.pass(seconds(after - within));
        assert_eq!(sent_to(&mut zone, &mut world, "c"), "udp 192.0.2.11:5060");
        assert_eq!(zone.questions().len(), 2, "{lifetime}");
    }
}

//= LOC-007 type=test
#[test]
fn that_there_is_nothing_is_kept_too() {
    let (mut zone, mut world) = (Zone::new(""), world(HOP));
    zone.lifetime = seconds(60);
    sent_to(&mut zone, &mut world, "a");
    assert_eq!(zone.questions().len(), 2);
    world.pass(seconds(59));
    assert_eq!(sent_to(&mut zone, &mut world, "b"), "500 Server Internal Error");
    assert!(zone.questions().is_empty());
    world.pass(seconds(2));
    let mut zone = Zone::new("k.example A 192.0.2.11\n");
    assert_eq!(sent_to(&mut zone, &mut world, "c"), "udp 192.0.2.11:5060");
}

#[test]
fn many_who_wait_for_one_name_ask_once() {
    let mut world = world(HOP);
    let mut silent = Zone::new("k.example SILENT\n");
    for branch in ["a", "b", "c"] {
        silent.packet(&mut world, "core", CORE, &request("MESSAGE", branch));
    }
    assert_eq!((silent.asked.len(), world.engine.held().pending), (2, 3));
    let zone = Zone::new("k.example A 192.0.2.11\n");
    let mut sent = Vec::new();
    for (id, question) in silent.asked {
        let answer = zone.answer(&question).unwrap();
        sent.extend(world.input(Input::Located { id, answer }));
    }
    assert_eq!(sent.len(), 3);
}

//= LOC-004 type=test
#[test]
fn a_thousand_calls_follow_the_weights() {
    let mut zone = Zone::new(
        "
        _sip._udp.k.example SRV 0 1 5060 a.k.example
        _sip._udp.k.example SRV 0 3 5060 b.k.example
        a.k.example A 192.0.2.11
        b.k.example A 192.0.2.12",
    );
    let mut world = world("sip:k.example;transport=udp");
    let first = |call: usize| sent_to(&mut zone, &mut world, &call.to_string()) == "udp 192.0.2.11:5060";
    let count = (0..1000).map(first).filter(|first| *first).count();
    // Three standard deviations of a share of a quarter are 41.
    assert!((209..=291).contains(&count), "{count} of 1000 at weight 1 of 4");
}

//= SEC-012 type=test
#[test]
fn the_same_seed_gives_the_same_order() {
    let text = "
        _sip._udp.k.example SRV 0 1 5060 a.k.example
        _sip._udp.k.example SRV 0 1 5060 b.k.example
        a.k.example A 192.0.2.11
        b.k.example A 192.0.2.12";
    let run = || {
        let (mut zone, mut world) = (Zone::new(text), world("sip:k.example;transport=udp"));
        (0..20)
            .map(|call| sent_to(&mut zone, &mut world, &call.to_string()))
            .collect::<Vec<_>>()
    };
    let places = run();
    assert_eq!(places, run());
    assert!(places.iter().any(|place| *place != places[0]), "and still it is chance");
}

#[test]
fn what_is_kept_has_a_maximum() {
    let routes: String = ["a", "b", "c"]
        .iter()
        .map(|name| {
            format!("[[route]]\nfrom = \"core\"\ndomain = [\"{name}.far\"]\nnext_hop = [\"sip:{name}.k.example:5060\"]\nvia = \"net\"\n")
        })
        .collect();
    let limits = "[limits]\nplans_max = 2\navoided_max = 2\nquestions_max = 3\n";
    let mut world = World::new(&policy(HOP, &(routes + limits)));
    let mut zone = Zone::new("a.k.example A 192.0.2.11\nb.k.example A 192.0.2.12\nc.k.example A 192.0.2.13\n");
    for name in ["a", "b", "c", "c"] {
        let text = super::request_to(&format!("sip:bob@{name}.far"), "MESSAGE", name);
        let sent = zone.packet(&mut world, "core", CORE, &text);
        if let [sent] = &sent[..] {
            zone.input(&mut world, Input::SendFailed(sent.id));
        }
    }
    let held = world.engine.held();
    assert_eq!((held.plans, held.avoided), (2, 2));
    // Three questions at most; what cannot be asked counts as failed.
    let mut silent = Zone::new("k.example SILENT\na.k.example SILENT\n");
    silent.packet(&mut world, "core", CORE, &request("MESSAGE", "x"));
    let text = super::request_to("sip:bob@a.far", "MESSAGE", "y");
    silent.packet(&mut world, "core", CORE, &text);
    assert_eq!(world.engine.held().questions, 3);
}

//= LOC-007 type=test
#[test]
fn a_new_policy_forgets_what_other_name_servers_said() {
    let (mut zone, mut world) = (Zone::new("k.example A 192.0.2.11\n"), world(HOP));
    sent_to(&mut zone, &mut world, "a");
    world.input(Input::Policy(std::sync::Arc::new(crate::world::policy(&policy(
        HOP, "",
    )))));
    zone.questions();
    sent_to(&mut zone, &mut world, "b");
    assert_eq!(zone.questions().len(), 2);
}
