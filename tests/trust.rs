//! Who is in T, message by message: section 10 of the catalogue.
//!
//! Seen by what happens to an asserted identity: from a member it is believed, from anybody else it is gone; towards a member
//! it is shown, towards anybody else not when its owner asks so.

mod certificates;
mod recent;
mod reverse;
mod users;

use sipveil::engine::event::{Drop, Event, Judged, What};
use sipveil::policy::{PeerId, Policy};
use sipveil::sip::Method;
use sipveil::trust::{Member, Secure, Standing};

use crate::world::{POLICY, Sent, World, policy};

const ALLY: &str = "192.0.2.70:5060";
const STRANGER: &str = "192.0.2.30:5060";
const IDENTITY: &str = "P-Asserted-Identity: <sip:someone@home1.example>\r\n";

/// A MESSAGE from somewhere to a domain, asserting an identity.
fn message(from: &str, domain: &str, rows: &str) -> String {
    format!(
        "MESSAGE sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKa\r\nFrom: <sip:x@y>;tag=7\r\n\
         To: <sip:bob@{domain}>\r\nCall-ID: call\r\nCSeq: 1 MESSAGE\r\n{IDENTITY}{rows}Content-Length: 0\r\n\r\n"
    )
}

/// Whether what `from` asserts on this listener is believed: it reaches the core.
fn believed(text: &str, listener: &str, from: &str) -> bool {
    believed_in(text, listener, from, &message(from, "home1.example", ""))
}

fn believed_in(text: &str, listener: &str, from: &str, message: &str) -> bool {
    let mut world = World::new(text);
    let sent = world.packet(listener, from, message);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].to.to_string(), "10.20.0.9:5060");
    sent[0].row("P-Asserted-Identity").is_some()
}

/// Whether the identity of one who asks for `id` is shown to who is at this domain.
fn shown(text: &str, domain: &str) -> bool {
    let mut world = World::new(text);
    let sent = world.packet(
        "core",
        "10.20.0.9:5060",
        &message("10.20.0.9:5060", domain, "Privacy: id\r\n"),
    );
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent[0].row("P-Asserted-Identity").is_some()
}

fn with(what: &str, instead: &str) -> String {
    assert!(POLICY.contains(what), "{what}");
    POLICY.replacen(what, instead, 1)
}

/// The `net` listener, with other words behind its name.
fn net(rest: &str) -> String {
    let written = "name = \"net\"\nbind = [\"udp://192.0.2.1:5060\"]\npeers = \"listed\"\nsecured_by = \"physical\"\n";
    with(
        written,
        &format!("name = \"net\"\nbind = [\"udp://192.0.2.1:5060\"]\n{rest}\n"),
    )
}

/// The `ally`, with other words behind its prefix.
fn ally(rest: &str) -> String {
    let written = "prefixes = [\"192.0.2.64/26\"]\nsecured_by = \"physical\"\n";
    with(written, &format!("prefixes = [\"192.0.2.64/26\"]\n{rest}\n"))
}

//= TRUST-005 type=test
#[test]
fn without_peers_everybody_listed_is_a_stranger() {
    let nobody = with(
        "[[peer]]\nname = \"ally\"\nprefixes = [\"192.0.2.64/26\"]\nsecured_by = \"physical\"\n",
        "",
    );
    assert!(believed(POLICY, "net", ALLY));
    assert!(!believed(&nobody, "net", ALLY));
    assert!(shown(POLICY, "ally.example"));
    assert!(!shown(&nobody, "ally.example"));
}

//= TRUST-010 type=test
//= TRUST-025 type=test
#[test]
fn trust_needs_a_secured_way_and_membership() {
    // Member and secured; secured alone; member alone; neither.
    assert!(believed(POLICY, "net", ALLY));
    assert!(!believed(POLICY, "net", STRANGER));
    let plain = net("peers = \"listed\"");
    assert!(!believed(&plain, "net", ALLY));
    assert!(!believed(&plain, "net", STRANGER));
    assert!(!shown(&plain, "ally.example"));
    assert!(!shown(POLICY, "net.example"));
    // At the edges of the prefix.
    for (from, inside) in [
        ("192.0.2.63:5060", false),
        ("192.0.2.64:5060", true),
        ("192.0.2.127:5060", true),
        ("192.0.2.128:5060", false),
    ] {
        assert_eq!(believed(POLICY, "net", from), inside, "{from}");
    }
}

//= TRUST-010 type=test
#[test]
fn of_two_prefixes_the_longer_one_says_who_it_is() {
    let ally = "[[peer]]\nname = \"ally\"\nprefixes = [\"192.0.2.64/26\"]\nsecured_by = \"physical\"\n";
    let exception = "[[peer]]\nname = \"exception\"\nprefixes = [\"192.0.2.70/32\"]\n";
    for peers in [format!("{ally}{exception}"), format!("{exception}{ally}")] {
        let text = with(ally, &peers);
        assert!(!believed(&text, "net", ALLY), "{peers}");
        assert!(believed(&text, "net", "192.0.2.71:5060"), "{peers}");
    }
}

//= TRUST-003 type=test
#[test]
fn a_peer_by_another_way_than_its_own_is_a_stranger() {
    let text = ally("secured_by = \"zb-ipsec\"").replace(
        "inter_node_security = [\"physical\"]",
        "inter_node_security = [\"physical\", \"zb-ipsec\"]",
    );
    assert!(!believed(&text, "net", ALLY));
    assert!(!shown(&text, "ally.example"));
    let (origin, _) = judged(&text, "net", ALLY);
    assert!(matches!(origin.1.secure, Secure::AnotherWay { .. }));
    assert_eq!(origin.1.reason(), "secured-another-way");
    // Which the listener it is on gives it.
    let right = text.replace(
        "bind = [\"udp://192.0.2.1:5060\"]\npeers = \"listed\"\nsecured_by = \"physical\"",
        "bind = [\"udp://192.0.2.1:5060\"]\npeers = \"listed\"\nsecured_by = \"zb-ipsec\"",
    );
    assert!(believed(&right, "net", ALLY));
}

//= TRUST-011 type=test
#[test]
fn a_peer_may_be_in_the_domain_one_way_only() {
    let inwards = ally("secured_by = \"physical\"\ndirection = \"in\"");
    assert!(believed(&inwards, "net", ALLY));
    assert!(!shown(&inwards, "ally.example"));
    let outwards = ally("secured_by = \"physical\"\ndirection = \"out\"");
    assert!(!believed(&outwards, "net", ALLY));
    assert!(shown(&outwards, "ally.example"));
    let both = ally("secured_by = \"physical\"\ndirection = \"both\"");
    assert!(believed(&both, "net", ALLY) && shown(&both, "ally.example"));
}

//= PAI-012 type=test
#[test]
fn an_address_of_ours_makes_no_application_server_a_member() {
    for inside in ["10.20.0.50:5060", "192.0.2.63:5060", "192.0.2.128:5060"] {
        assert!(!believed(POLICY, "net", inside), "{inside}");
    }
    let listed = POLICY.replacen(
        "[[route]]",
        "[[peer]]\nname = \"as\"\nprefixes = [\"10.20.0.50/32\"]\nsecured_by = \"physical\"\n[[route]]",
        1,
    );
    assert!(believed(&listed, "net", "10.20.0.50:5060"));
}

//= TRUST-042 type=test
#[test]
fn a_stranger_reaches_no_ue_by_naming_us() {
    let ue = "10.30.0.9:5060";
    let mut world = World::new(POLICY);
    let register =
        message(ue, "home1.example", "Contact: <sip:ue@10.30.0.9>;expires=600\r\n").replace("MESSAGE", "REGISTER");
    let path = world.packet("access", ue, &register)[0].row("Path").unwrap().to_owned();
    let ok = format!(
        "Contact: <sip:ue@10.30.0.9>;expires=600\r\nP-Associated-URI: <sip:ue@home1.example>\r\nPath: {path}\r\n"
    );
    let mut world = World::new(POLICY);
    let sent = world.packet("access", ue, &register);
    world.packet(
        "core",
        "10.20.0.9:5060",
        &crate::world::respond(&sent[0], "200 OK", "s", &ok),
    );
    let route = format!("Route: {path}\r\n");
    let token = path.trim_start_matches('<').split(['>', ';']).next().unwrap();
    let by_path = |from: &str| message(from, "ue.example", &route);
    let by_token = |from: &str| message(from, "x", "").replacen("sip:bob@x", token, 1);
    let by_contact = |from: &str| message(from, "x", "").replacen("sip:bob@x", "sip:ue@10.30.0.9", 1);
    for text in [by_path(STRANGER), by_token(STRANGER), by_contact(STRANGER)] {
        let sent = world.packet("net", STRANGER, &text);
        let starts: Vec<&str> = sent.iter().map(Sent::start).collect();
        assert_eq!(starts, ["SIP/2.0 403 Forbidden"], "{text}");
    }
    let core = "10.20.0.9:5060";
    let sent = world.packet("core", core, &by_path(core));
    assert_eq!(sent[0].to.to_string(), ue, "{sent:#?}");
}

//= TRUST-011 type=test
//= TRUST-030 type=test
#[test]
fn a_response_is_judged_by_who_asked_and_by_the_way_back() {
    for (direction, seen) in [("both", true), ("in", false), ("out", false)] {
        let text = ally(&format!("secured_by = \"physical\"\ndirection = \"{direction}\""));
        let mut world = World::new(&text);
        let sent = world.packet("net", ALLY, &message(ALLY, "home1.example", ""));
        let ok = crate::world::respond(&sent[0], "200 OK", "b", &format!("Privacy: id\r\n{IDENTITY}"));
        let back = world.packet("core", "10.20.0.9:5060", &ok);
        assert_eq!(back[0].to.to_string(), ALLY);
        assert_eq!(back[0].row("P-Asserted-Identity").is_some(), seen, "{direction}");
    }
}

//= TRUST-023 type=test
#[test]
fn the_same_packet_on_another_listener_is_another_matter() {
    assert!(believed(POLICY, "net", ALLY));
    assert!(!believed(&net("peers = \"untrusted\""), "net", ALLY));
    assert!(!shown(&net("peers = \"untrusted\""), "ally.example"));
    // Arrival alone makes no member, but by choice.
    let chosen = net("peers = \"listed\"\nsecured_by = \"physical\"\nimplicit_member = true");
    let unsaid = net("peers = \"listed\"\nsecured_by = \"physical\"\nimplicit_member = false");
    assert!(believed(&chosen, "net", STRANGER) && shown(&chosen, "net.example"));
    assert!(!believed(&unsaid, "net", STRANGER) && !shown(&unsaid, "net.example"));
}

/// TRAP-18: source address on a plain listener, domains in Via, From and Route, and what a name ends in.
//= TRAP-18 type=test
//= TRUST-014 type=test
#[test]
fn what_a_message_says_of_its_sender_counts_for_nothing() {
    let plain = message(STRANGER, "home1.example", "");
    let forged = [
        plain.replace(&format!("SIP/2.0/UDP {STRANGER}"), "SIP/2.0/UDP scscf.home1.example"),
        plain.replace(&format!("SIP/2.0/UDP {STRANGER}"), &format!("SIP/2.0/UDP {ALLY}")),
        plain.replace(";branch=", ";received=192.0.2.70;branch="),
        plain.replace("From: <sip:x@y>", "From: <sip:x@home1.example>"),
        plain.replace("From: <sip:x@y>", "From: <sip:x@evilhome1.example>"),
        plain.replace(IDENTITY, &format!("{IDENTITY}Route: <sip:10.20.0.1;lr>\r\n")),
        plain.replace(
            IDENTITY,
            &format!("{IDENTITY}P-Served-User: <sip:someone@home1.example>\r\n"),
        ),
        plain.replace(
            IDENTITY,
            &format!("{IDENTITY}P-Charging-Vector: icid-value=x;orig-ioi=home1.example\r\n"),
        ),
        plain.replace(
            "Via: ",
            &format!("Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bKb\r\nVia: ").replace(STRANGER, "10.20.0.9:5060"),
        ),
    ];
    for text in forged {
        assert_ne!(text, plain);
        let mut world = World::new(POLICY);
        world.engine.observe();
        let sent = world.packet("net", STRANGER, &text);
        assert_eq!(sent.len(), 1, "{text}");
        for name in ["P-Asserted-Identity", "P-Served-User", "P-Charging-Vector"] {
            assert!(sent[0].rows(name).is_empty(), "{text}");
        }
        let reason = cleared(&mut world)[0].origin;
        assert_eq!(
            (reason.0, reason.1.reason()),
            (Standing::Untrusted, "no-member-evidence")
        );
    }
    // A known address on a listener that proves nothing.
    assert!(!believed(&net("peers = \"listed\""), "net", ALLY));
    // A Route of the domain leads there, and makes nobody a member.
    let routed = plain.replace(IDENTITY, &format!("{IDENTITY}Route: <sip:192.0.2.70;lr>\r\n"));
    let mut world = World::new(POLICY);
    let sent = world.packet("net", STRANGER, &routed);
    assert!(
        sent.iter().all(|sent| sent.row("P-Asserted-Identity").is_none()),
        "{sent:#?}"
    );
}

/// Nothing a message says steers it, but its Request-URI and its Route.
//= TRUST-014 type=test
#[test]
fn no_identity_steers_a_request() {
    let rows = [
        "",
        "P-Served-User: <sip:x@net.example>\r\n",
        "P-Called-Party-ID: <sip:x@net.example>\r\n",
        "P-Preferred-Identity: <sip:x@net.example>\r\n",
        "Reply-To: <sip:x@net.example>\r\n",
    ];
    let places = rows.map(|row| {
        let sent = World::new(POLICY).packet("net", STRANGER, &message(STRANGER, "home1.example", row));
        assert_eq!(sent.len(), 1);
        (sent[0].to, sent[0].from_listener.clone())
    });
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
}

//= TRUST-014 type=test
#[test]
fn the_evidence_behind_each_judgement_is_kept() {
    let at = |text: &str, needle: &str| 1 + text[..text.find(needle).unwrap()].lines().count() as u32;
    let (origin, hop) = judged(POLICY, "net", ALLY);
    assert_eq!(origin.0, Standing::Trusted);
    assert_eq!(
        origin.1.member,
        Member::Prefix {
            peer: PeerId(0),
            line: at(POLICY, "prefixes = ")
        }
    );
    assert_eq!(origin.1.reason(), "peer-by-prefix");
    assert_eq!((hop.0, hop.1.reason()), (Standing::Trusted, "trusted-listener"));
    let (origin, _) = judged(POLICY, "net", STRANGER);
    assert_eq!(
        (origin.0, origin.1.reason()),
        (Standing::Untrusted, "no-member-evidence")
    );
    let (origin, _) = judged(&ally("secured_by = \"physical\"\ndirection = \"out\""), "net", ALLY);
    assert_eq!((origin.0, origin.1.reason()), (Standing::Untrusted, "wrong-direction"));
    let (origin, _) = judged(&net("peers = \"untrusted\""), "net", ALLY);
    assert_eq!(
        (origin.0, origin.1.reason()),
        (Standing::Untrusted, "untrusted-listener")
    );
    // A refusal keeps it too, and so does what goes back.
    let mut world = World::new(POLICY);
    world.engine.observe();
    world.packet(
        "net",
        STRANGER,
        &message(STRANGER, "home1.example", "Max-Forwards: 0\r\n"),
    );
    let refused = world.events();
    assert!(
        refused.iter().any(|event| matches!(
            event,
            Event::Refused {
                origin: Some((Standing::Untrusted, _)),
                ..
            }
        )),
        "{refused:?}"
    );
}

/// A policy that changes while a transaction lives changes nothing for it, and everything for the next.
//= TRUST-014 type=test
//= TRUST-032 type=test
#[test]
fn a_transaction_keeps_the_judgement_it_began_with() {
    let mut world = World::new(POLICY);
    let sent = world.packet("net", ALLY, &message(ALLY, "home1.example", ""));
    let without = with("prefixes = [\"192.0.2.64/26\"]", "prefixes = [\"198.51.100.0/24\"]");
    let changed: Policy = policy(&without);
    world.input(sipveil::engine::Input::Policy(std::sync::Arc::new(changed)));
    let ok = crate::world::respond(&sent[0], "200 OK", "b", &format!("Privacy: id\r\n{IDENTITY}"));
    let back = world.packet("core", "10.20.0.9:5060", &ok);
    assert!(back[0].row("P-Asserted-Identity").is_some());
    let next = message(ALLY, "home1.example", "").replace("z9hG4bKa", "z9hG4bKb");
    let sent = world.packet("net", ALLY, &next);
    assert!(sent[0].row("P-Asserted-Identity").is_none());
}

/// A response is as good as who sends it: a stranger who answers asserts nothing.
//= TRUST-010 type=test
//= TRUST-014 type=test
#[test]
fn an_answer_from_a_stranger_asserts_nothing() {
    for (domain, from, believed) in [("ally.example", ALLY, true), ("net.example", "192.0.2.9:5060", false)] {
        let mut world = World::new(POLICY);
        let core = "10.20.0.9:5060";
        let sent = world.packet("core", core, &message(core, domain, ""));
        let ok = crate::world::respond(&sent[0], "200 OK", "b", IDENTITY);
        let back: Vec<Sent> = world.packet("net", from, &ok);
        assert_eq!(back[0].row("P-Asserted-Identity").is_some(), believed, "{domain}");
    }
    // Nor does somebody else who answers for a member.
    let mut world = World::new(POLICY);
    let core = "10.20.0.9:5060";
    let sent = world.packet("core", core, &message(core, "ally.example", ""));
    let ok = crate::world::respond(&sent[0], "200 OK", "b", IDENTITY);
    let back = world.packet("net", STRANGER, &ok);
    assert!(
        back.iter().all(|sent| sent.row("P-Asserted-Identity").is_none()),
        "{back:#?}"
    );
}

#[test]
fn what_is_dropped_is_told_without_names() {
    let mut world = World::new(POLICY);
    world.engine.observe();
    world.packet(
        "net",
        STRANGER,
        &message(STRANGER, "home1.example", "")
            .replace("MESSAGE", "ACK")
            .replace("Call-ID: call\r\n", ""),
    );
    let told = world.events();
    let expected = Event::Dropped {
        what: What::Request(Method::Ack),
        why: Drop::Unanswerable,
    };
    assert_eq!(told, [expected]);
}

/// A domain that does not know RFC 5876 sends no identity of one who asks for `id` in a method RFC 3325 has no row for.
//= TRUST-008 type=test
//= PAI-014 type=test
#[test]
fn item_7_of_the_domain_holds_for_every_node_that_says_nothing_else() {
    let older = with(
        "default_privacy =",
        "compliance = { sip = [\"rfc3261\"], asserted_identity = [\"rfc3325\"] }\ndefault_privacy =",
    );
    let newer = older.replace("[\"rfc3325\"]", "[\"rfc3325\", \"rfc5876\"]");
    let peer_is_newer = older.replace("[[peer]]\n", "[[peer]]\nrfc5876 = true\n");
    // To a peer by its prefix, and to a node on a listener of nodes.
    assert!(!shown(&older, "ally.example"));
    assert!(shown(&newer, "ally.example") && shown(&peer_is_newer, "ally.example"));
    let private = message(ALLY, "home1.example", "Privacy: id\r\n");
    assert!(!believed_in(&older, "net", ALLY, &private));
    assert!(!believed_in(&peer_is_newer, "net", ALLY, &private));
    assert!(believed_in(&newer, "net", ALLY, &private));
    // A method it has a row for, and one who does not ask.
    assert!(believed_in(&older, "net", ALLY, &private.replace("MESSAGE", "OPTIONS")));
    assert!(believed_in(&older, "net", ALLY, &message(ALLY, "home1.example", "")));
}

type Side = (Standing, sipveil::trust::Evidence);

/// Origin and hop of a message to the core, as the events tell them.
fn judged(text: &str, listener: &str, from: &str) -> (Side, Side) {
    let mut world = World::new(text);
    world.engine.observe();
    world.packet(listener, from, &message(from, "home1.example", ""));
    let judged = cleared(&mut world).swap_remove(0);
    (judged.origin, judged.hop)
}

fn cleared(world: &mut World) -> Vec<Judged> {
    let cleared = world.events().into_iter().filter_map(|event| match event {
        Event::Cleared(judged) => Some(judged),
        _ => None,
    });
    cleared.collect()
}
