//! What DNS calls an address counts where nothing else does, from the message after the answer on.

use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Input;
use sipveil::engine::event::{Event, Judged};
use sipveil::locate::reverse::NAMES_MAX;
use sipveil::trust::{Member, Standing};

use super::{IDENTITY, message, net};
use crate::locating::zone::Zone;
use crate::world::{POLICY, Sent, World, policy, respond};

const PEER: &str = "192.0.2.30:5060";
const OWN: &str = "30.2.0.192.in-addr.arpa PTR edge.home1.example\nedge.home1.example A 192.0.2.30\n";
const ON: &str = "[evidence]\nreverse_dns = true\n";

fn on(more: &str) -> String {
    format!("{POLICY}{ON}{more}")
}

/// Whether what `from` asserts here is believed this time. Every question it causes is answered afterwards.
fn believed(zone: &mut Zone, world: &mut World, listener: &str, from: &str, branch: &str) -> bool {
    let text = message(from, "home1.example", "").replace("z9hG4bKa", &format!("z9hG4bK{branch}"));
    let sent = zone.packet(world, listener, from, &text);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].to.to_string(), "10.20.0.9:5060", "it is never delayed");
    sent[0].row("P-Asserted-Identity").is_some()
}

/// The same of two messages, one before and one after the answers.
fn twice(records: &str, text: &str) -> [bool; 2] {
    let (mut zone, mut world) = (Zone::new(records), World::new(text));
    ["1", "2"].map(|branch| believed(&mut zone, &mut world, "net", PEER, branch))
}

/// The questions of a first message.
fn asked(records: &str, text: &str, listener: &str, from: &str) -> Vec<String> {
    let (mut zone, mut world) = (Zone::new(records), World::new(text));
    zone.packet(&mut world, listener, from, &message(from, "home1.example", ""));
    zone.questions()
}

//= TRUST-026 type=test
#[test]
fn a_name_of_ours_that_leads_back_makes_a_member_from_then_on() {
    let text = on("").replace("\"physical\"", "\"zb-ipsec\"");
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&text));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "1"), "not known yet");
    assert_eq!(
        zone.questions(),
        ["30.2.0.192.in-addr.arpa Ptr", "edge.home1.example A"],
        "no more than that"
    );
    world.engine.observe();
    assert!(believed(&mut zone, &mut world, "net", PEER, "2"));
    assert_eq!(zone.questions(), [""; 0]);
    let line = 1 + text.lines().position(|line| line == "reverse_dns = true").unwrap() as u32;
    let origin = world.events().into_iter().find_map(|event| match event {
        Event::Cleared(Judged { origin, .. }) => Some(origin),
        _ => None,
    });
    let (standing, evidence) = origin.unwrap();
    assert_eq!(standing, Standing::Trusted);
    assert_eq!(evidence.member, Member::ReverseName { line });
    assert_eq!(
        (evidence.reason(), evidence.policy_line()),
        ("same-domain-by-reverse-dns", line)
    );
    assert_eq!(evidence.peer(), None, "it has no terms of its own");
}

//= TRUST-026 type=test
#[test]
fn a_name_alone_proves_nothing() {
    let ptr = "30.2.0.192.in-addr.arpa PTR edge.home1.example\n";
    let with = |records: &str| twice(&format!("{ptr}{records}"), &on(""));
    assert_eq!(with("edge.home1.example A 192.0.2.31"), [false; 2], "another address");
    assert_eq!(with(""), [false; 2], "no address");
    assert_eq!(with("edge.home1.example SERVFAIL"), [false; 2]);
    assert_eq!(with("edge.home1.example SILENT"), [false; 2]);
    assert_eq!(with("edge.home1.example AAAA ::ffff:192.0.2.30"), [false; 2]);
    assert_eq!(
        with("edge.home1.example A 192.0.2.31\nedge.home1.example A 192.0.2.30"),
        [false, true]
    );
    assert_eq!(twice("30.2.0.192.in-addr.arpa SERVFAIL", &on("")), [false; 2]);
    assert_eq!(twice("30.2.0.192.in-addr.arpa SILENT", &on("")), [false; 2]);
    assert_eq!(twice("", &on("")), [false; 2]);
}

//= TRUST-026 type=test
#[test]
fn names_are_compared_label_by_label() {
    let of = |name: &str| {
        let records = format!(
            "30.2.0.192.in-addr.arpa PTR {name}\n{} A 192.0.2.30",
            name.trim_end_matches('.').to_lowercase()
        );
        twice(&records, &on(""))[1]
    };
    for ours in [
        "home1.example",
        "a.b.home1.example",
        "Edge.HOME1.example.",
        "home1.example.",
    ] {
        assert!(of(ours), "{ours}");
    }
    for foreign in [
        "evilhome1.example",
        "home1.example.evil.example",
        "example",
        "1.example",
        "peer.home2.example",
    ] {
        assert!(!of(foreign), "{foreign}");
        let records = format!("30.2.0.192.in-addr.arpa PTR {foreign}\n");
        assert_eq!(
            asked(&records, &on(""), "net", PEER).len(),
            1,
            "its addresses are not asked for"
        );
    }
}

//= TRUST-026 type=test
#[test]
fn any_of_several_names_will_do_but_only_so_many_are_looked_at() {
    let names = |foreign: usize| {
        let mut records: String = (0..foreign)
            .map(|at| format!("30.2.0.192.in-addr.arpa PTR n{at}.home1.example\n"))
            .collect();
        records += OWN;
        records
    };
    let text = on("");
    assert_eq!(twice(&names(1), &text), [false, true]);
    assert_eq!(twice(&names(NAMES_MAX - 1), &text), [false, true]);
    assert_eq!(asked(&names(NAMES_MAX - 1), &text, "net", PEER).len(), 1 + NAMES_MAX);
    assert_eq!(twice(&names(NAMES_MAX), &text), [false; 2], "one past it");
    assert_eq!(asked(&names(NAMES_MAX), &text, "net", PEER).len(), 1 + NAMES_MAX);
    let among_foreign = format!("30.2.0.192.in-addr.arpa PTR peer.home2.example\n{OWN}");
    assert_eq!(twice(&among_foreign, &text), [false, true]);
}

//= TRUST-026 type=test
#[test]
fn a_name_that_fails_takes_nothing_from_one_that_fits() {
    let records = format!("30.2.0.192.in-addr.arpa PTR gone.home1.example\ngone.home1.example SERVFAIL\n{OWN}");
    let (mut zone, mut world) = (Zone::new(&records), World::new(&on("")));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "1"));
    assert_eq!(zone.questions().len(), 3);
    world.pass(zone.lifetime - Duration::from_secs(1));
    assert!(believed(&mut zone, &mut world, "net", PEER, "2"));
    // Where none fits, the failure is tried again soon.
    let records = records.replace("A 192.0.2.30", "A 192.0.2.31");
    let (mut zone, mut world) = (Zone::new(&records), World::new(&on("")));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "1"));
    world.pass(Duration::from_secs(5));
    zone.questions();
    assert!(!believed(&mut zone, &mut world, "net", PEER, "2"));
    assert_eq!(zone.questions().len(), 3);
}

//= TRUST-026 type=test
#[test]
fn the_family_of_the_address_is_that_of_the_question() {
    let six = "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR edge.home1.example\n\
               edge.home1.example AAAA 2001:db8::3\n";
    let both = "bind = [\"udp://192.0.2.1:5060\", \"udp://[2001:db8::1]:5060\"]";
    let text = on("").replace("bind = [\"udp://192.0.2.1:5060\"]", both);
    let (mut zone, mut world) = (Zone::new(six), World::new(&text));
    assert!(!believed(&mut zone, &mut world, "net", "[2001:db8::3]:5060", "1"));
    assert_eq!(zone.questions().last().unwrap(), "edge.home1.example Aaaa");
    assert!(believed(&mut zone, &mut world, "net", "[2001:db8::3]:5060", "2"));
    // An IPv4 address is one, however it is written.
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&text));
    assert!(!believed(&mut zone, &mut world, "net", "[::ffff:192.0.2.30]:5060", "1"));
    assert!(believed(&mut zone, &mut world, "net", "[::ffff:192.0.2.30]:5060", "2"));
    assert!(believed(&mut zone, &mut world, "net", PEER, "3"));
}

//= TRUST-026 type=test
#[test]
fn it_counts_as_long_as_dns_says() {
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&on("")));
    zone.lifetime = Duration::from_secs(60);
    assert!(!believed(&mut zone, &mut world, "net", PEER, "1"));
    zone.questions();
    world.pass(Duration::from_secs(59));
    assert!(believed(&mut zone, &mut world, "net", PEER, "2"));
    assert_eq!(zone.questions(), [""; 0]);
    world.pass(Duration::from_secs(1));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "3"), "not known any more");
    assert_eq!(zone.questions().len(), 2, "asked again");
    assert!(believed(&mut zone, &mut world, "net", PEER, "4"));
}

//= TRUST-026 type=test
//= TRUST-013 type=test
#[test]
fn a_failure_is_remembered_for_a_while() {
    let (mut zone, mut world) = (Zone::new("30.2.0.192.in-addr.arpa SERVFAIL"), World::new(&on("")));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "1"));
    assert_eq!(zone.questions().len(), 1);
    world.pass(Duration::from_secs(4));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "2"));
    assert_eq!(zone.questions().len(), 0);
    world.pass(Duration::from_secs(1));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "3"));
    assert_eq!(zone.questions().len(), 1);
    // A foreign name is an answer like another.
    let mut zone = Zone::new("30.2.0.192.in-addr.arpa PTR peer.home2.example");
    let mut world = World::new(&on(""));
    believed(&mut zone, &mut world, "net", PEER, "1");
    world.pass(Duration::from_secs(200));
    believed(&mut zone, &mut world, "net", PEER, "2");
    assert_eq!(zone.questions().len(), 1);
}

//= TRUST-026 type=test
#[test]
fn a_silent_name_server_is_asked_once_at_a_time_and_given_up() {
    let (mut zone, mut world) = (
        Zone::new("30.2.0.192.in-addr.arpa SILENT\n31.2.0.192.in-addr.arpa SILENT"),
        World::new(&on("")),
    );
    for branch in ["1", "2", "3"] {
        assert!(!believed(&mut zone, &mut world, "net", PEER, branch));
    }
    assert_eq!(zone.questions().len(), 1);
    assert_eq!(world.engine.held().questions, 1);
    let timeout = policy(&on("")).dns.timeout.value;
    world.pass(timeout / 2);
    believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "4");
    assert_eq!((zone.questions().len(), world.engine.held().questions), (1, 2));
    world.pass(timeout / 2);
    assert_eq!(world.engine.held().questions, 1, "the later one has time left");
    world.pass(timeout / 2);
    let held = world.engine.held();
    assert_eq!((held.questions, held.reverse_names), (0, 2), "a failure is remembered");
    world.pass(Duration::from_secs(6));
    believed(&mut zone, &mut world, "net", PEER, "5");
    assert_eq!(zone.questions().len(), 1, "asked again");
}

//= TRUST-026 type=test
#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let (mut zone, mut world) = (Zone::new("30.2.0.192.in-addr.arpa SILENT"), World::new(&on("")));
    believed(&mut zone, &mut world, "net", PEER, "1");
    let (late, question) = zone.asked[0].clone();
    let answer = Zone::new(OWN).answer(&question).unwrap();
    // The policy is read again meanwhile: then it is asked anew.
    world.input(Input::Policy(Arc::new(policy(&on("")))));
    assert_eq!(world.engine.held().questions, 0);
    world.input(Input::Located {
        id: late,
        answer: answer.clone(),
    });
    assert_eq!(
        (world.engine.held().questions, world.engine.held().reverse_names),
        (0, 0)
    );
    let mut zone = Zone::new(OWN);
    assert!(!believed(&mut zone, &mut world, "net", PEER, "2"));
    // The same answer twice.
    let id = zone.asked[0].0;
    world.input(Input::Located { id, answer });
    assert!(believed(&mut zone, &mut world, "net", PEER, "3"));
    assert_eq!(
        (world.engine.held().questions, world.engine.held().reverse_names),
        (0, 1)
    );
}

//= TRUST-026 type=test
//= TRUST-032 type=test
#[test]
fn a_new_policy_begins_without_knowing() {
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&on("")));
    believed(&mut zone, &mut world, "net", PEER, "1");
    assert!(believed(&mut zone, &mut world, "net", PEER, "2"));
    world.input(Input::Policy(Arc::new(policy(&on("")))));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "3"));
    assert!(believed(&mut zone, &mut world, "net", PEER, "4"));
    let elsewhere = on("").replace(
        "admin_domains = [\"home1.example\"]",
        "admin_domains = [\"home2.example\"]",
    );
    world.input(Input::Policy(Arc::new(policy(&elsewhere))));
    for branch in ["5", "6"] {
        assert!(!believed(&mut zone, &mut world, "net", PEER, branch));
    }
    zone.questions();
    world.input(Input::Policy(Arc::new(policy(POLICY))));
    assert!(!believed(&mut zone, &mut world, "net", PEER, "7"));
    assert_eq!(zone.questions(), [""; 0]);
}

//= TRUST-026 type=test
#[test]
fn what_is_known_has_a_maximum() {
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&on("[limits]\nreverse_names_max = 2\n")));
    believed(&mut zone, &mut world, "net", PEER, "1");
    zone.lifetime = Duration::from_secs(20);
    believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "2");
    zone.questions();
    assert!(
        believed(&mut zone, &mut world, "net", PEER, "3"),
        "at the maximum both are known"
    );
    believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "4");
    assert_eq!((zone.questions().len(), world.engine.held().reverse_names), (0, 2));
    believed(&mut zone, &mut world, "net", "192.0.2.32:5060", "5");
    assert_eq!((zone.questions().len(), world.engine.held().reverse_names), (1, 2));
    assert!(believed(&mut zone, &mut world, "net", PEER, "6"));
    assert_eq!(zone.questions().len(), 0);
    believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "7");
    assert_eq!(zone.questions().len(), 1, "the one that was valid least long had to go");
}

//= TRUST-026 type=test
//= SEC-009 type=test
#[test]
fn strangers_do_not_ask_without_end() {
    let silent: String = (0..9)
        .map(|at| format!("3{at}.2.0.192.in-addr.arpa SILENT\n"))
        .collect();
    let (mut zone, mut world) = (Zone::new(&silent), World::new(&on("[limits]\nquestions_max = 6\n")));
    for at in 0..9 {
        believed(
            &mut zone,
            &mut world,
            "net",
            &format!("192.0.2.3{at}:5060"),
            &format!("{at}"),
        );
    }
    assert_eq!(zone.questions().len(), 3, "half of what may be asked at all");
    assert_eq!(world.engine.held().questions, 3);
}

//= TRUST-026 type=test
#[test]
fn nobody_is_asked_where_it_makes_no_difference() {
    let nothing = Vec::<String>::new();
    assert_eq!(asked(OWN, POLICY, "net", PEER), nothing, "off unless written");
    let off = format!("{POLICY}[evidence]\nreverse_dns = false\n");
    assert_eq!(asked(OWN, &off, "net", PEER), nothing);
    assert_eq!(
        asked(OWN, &on(""), "net", "192.0.2.70:5060"),
        nothing,
        "a peer by prefix"
    );
    assert_eq!(asked(OWN, &on(""), "access", "10.30.0.9:5060"), nothing, "a served UE");
    let listener = |rest: &str| net(rest) + ON;
    for rest in [
        "peers = \"listed\"",
        "peers = \"untrusted\"",
        "peers = \"trusted\"\nsecured_by = \"physical\"",
        "peers = \"listed\"\nsecured_by = \"physical\"\nimplicit_member = true",
    ] {
        assert_eq!(asked(OWN, &listener(rest), "net", PEER), nothing, "{rest}");
    }
    let nowhere = on("").replace("admin_domains = [\"home1.example\"]\n", "");
    assert_eq!(asked(OWN, &nowhere, "net", PEER), nothing, "no name could be ours");
}

//= TRUST-010 type=test
//= TRUST-026 type=test
#[test]
fn a_name_makes_no_way_secure_and_overrides_nothing() {
    assert_eq!(twice(OWN, &on("")), [false, true]);
    assert_eq!(twice(OWN, &(net("peers = \"listed\"") + ON)), [false; 2]);
    // A stranger with terms of its own stays one.
    let terms = on("[[peer]]\nname = \"known\"\nprefixes = [\"192.0.2.30/32\"]\n");
    assert_eq!(twice(OWN, &terms), [false; 2]);
    // What is known of one address says nothing of another, nor of the same one by an unsecured way.
    let open = "[[listener]]\nname = \"open\"\nbind = [\"udp://192.0.2.2:5060\"]\npeers = \"listed\"\n\
                [[route]]\nfrom = \"open\"\nnext_hop = [\"sip:10.20.0.9:5060\"]\nvia = \"core\"\n";
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&on(open)));
    believed(&mut zone, &mut world, "net", PEER, "1");
    assert!(believed(&mut zone, &mut world, "net", PEER, "2"));
    assert!(!believed(&mut zone, &mut world, "open", PEER, "3"));
    assert!(!believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "4"));
    assert!(!believed(&mut zone, &mut world, "net", "192.0.2.31:5060", "5"));
}

const HOP: &str = "9.2.0.192.in-addr.arpa PTR edge.home1.example\nedge.home1.example A 192.0.2.9\n";

/// One who asks for `id` sends to the peer at `net.example`.
fn outwards(zone: &mut Zone, world: &mut World, branch: &str) -> Sent {
    let text =
        message("10.20.0.9:5060", "net.example", "Privacy: id\r\n").replace("z9hG4bKa", &format!("z9hG4bK{branch}"));
    let mut sent = zone.packet(world, "core", "10.20.0.9:5060", &text);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent.remove(0)
}

fn shows(sent: &Sent) -> bool {
    sent.row("P-Asserted-Identity").is_some()
}

//= TRUST-026 type=test
//= TRUST-029 type=test
#[test]
fn a_next_hop_is_judged_alike() {
    let (mut zone, mut world) = (Zone::new(HOP), World::new(&on("")));
    assert!(!shows(&outwards(&mut zone, &mut world, "1")), "it is not waited for");
    assert_eq!(zone.questions().len(), 2);
    assert!(shows(&outwards(&mut zone, &mut world, "2")));
    let (mut zone, mut world) = (Zone::new(HOP), World::new(POLICY));
    assert!(!shows(&outwards(&mut zone, &mut world, "1")) && !shows(&outwards(&mut zone, &mut world, "2")));
    let foreign = "9.2.0.192.in-addr.arpa PTR edge.home2.example\nedge.home2.example A 192.0.2.9\n";
    let (mut zone, mut world) = (Zone::new(foreign), World::new(&on("")));
    assert!(!shows(&outwards(&mut zone, &mut world, "1")) && !shows(&outwards(&mut zone, &mut world, "2")));
}

//= TRUST-026 type=test
#[test]
fn an_answer_is_from_whom_the_request_went_to() {
    let (mut zone, mut world) = (Zone::new(HOP), World::new(&on("")));
    let answered = |world: &mut World, request: &Sent| {
        let sent = world.packet("net", "192.0.2.9:5060", &respond(request, "200 OK", "b", IDENTITY));
        assert_eq!(sent.len(), 1, "{sent:#?}");
        shows(&sent[0])
    };
    // Its address was not known when the request left.
    let before = outwards(&mut zone, &mut world, "1");
    assert!(!answered(&mut world, &before));
    // It was, and the answer comes when it is not any more.
    let after = outwards(&mut zone, &mut world, "2");
    world.input(Input::Policy(Arc::new(policy(&on("")))));
    assert!(answered(&mut world, &after));
}

//= TRUST-026 type=test
#[test]
fn the_answer_to_a_member_goes_back_to_a_member() {
    let (mut zone, mut world) = (Zone::new(OWN), World::new(&on("")));
    let mut shown = Vec::new();
    for branch in ["1", "2"] {
        let text = message(PEER, "home1.example", "").replace("z9hG4bKa", &format!("z9hG4bK{branch}"));
        let request = zone.packet(&mut world, "net", PEER, &text).remove(0);
        // Meanwhile it is learned, or forgotten.
        if branch == "2" {
            world.input(Input::Policy(Arc::new(policy(&on("")))));
        }
        let private = format!("Privacy: id\r\n{IDENTITY}");
        let sent = world.packet("core", "10.20.0.9:5060", &respond(&request, "200 OK", "b", &private));
        assert_eq!(sent[0].to.to_string(), PEER);
        shown.push(shows(&sent[0]));
    }
    assert_eq!(shown, [false, true]);
}

//= TRUST-026 type=test
//= TXN-005 type=test
#[test]
fn what_belongs_together_is_found_together_whatever_dns_says_by_then() {
    let row = |method: &str, branch: &str| {
        message(PEER, "home1.example", "Max-Forwards: 70\r\n")
            .replace("MESSAGE", method)
            .replace("z9hG4bKa", &format!("z9hG4bK{branch}"))
    };
    for known_first in [false, true] {
        let (mut zone, mut world) = (Zone::new(OWN), World::new(&on("")));
        zone.lifetime = Duration::from_secs(2);
        if known_first {
            believed(&mut zone, &mut world, "net", PEER, "0");
        }
        let invite = row("INVITE", "1");
        let sent = zone.packet(&mut world, "net", PEER, &invite);
        assert_eq!(sent.iter().filter(|one| one.start().starts_with("INVITE")).count(), 1);
        let request = sent.into_iter().find(|one| one.start().starts_with("INVITE")).unwrap();
        assert_eq!(shows(&request), known_first);
        if known_first {
            world.pass(Duration::from_secs(3));
        }
        // Again: nothing more goes on.
        let again = zone.packet(&mut world, "net", PEER, &invite);
        assert!(again.iter().all(|one| !one.start().starts_with("INVITE")), "{again:#?}");
        let ringing = world.packet("core", "10.20.0.9:5060", &respond(&request, "180 Ringing", "b", ""));
        assert_eq!(ringing.len(), 1);
        let cancelled = zone.packet(&mut world, "net", PEER, &row("CANCEL", "1"));
        assert!(
            cancelled.iter().any(|one| one.start().starts_with("CANCEL")),
            "{cancelled:#?}"
        );
        assert!(
            cancelled.iter().any(|one| one.start() == "SIP/2.0 200 OK"),
            "{cancelled:#?}"
        );
    }
}
