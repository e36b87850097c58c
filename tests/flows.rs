//! Connections that a peer opened, and what may come back on them: RFC 5626 within a dialog.

use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::{Input, Output, ShownBy};
use sipveil::policy::CertifiedName;
use sipveil::sip::Transport;
use sipveil::trust::{ConnectionId, Destination};

use crate::world::{POLICY, Sent, World, contact_uri, keys_of_instance, policy, respond, routes};

/// One end of a connection, or a place that sends datagrams.
#[derive(Clone, Copy)]
struct Party {
    listener: &'static str,
    transport: Transport,
    address: &'static str,
    connection: Option<u64>,
    /// What its certificate proved.
    certified: Option<&'static str>,
    /// A domain that leads to its side.
    domain: &'static str,
    contact: &'static str,
}

const CORE: Party = Party {
    listener: "core",
    transport: Transport::Udp,
    address: "10.20.0.9:5060",
    connection: None,
    certified: None,
    domain: "home1.example",
    contact: "<sip:core@10.20.0.9>",
};

const NET: Party = Party {
    listener: "net",
    transport: Transport::Udp,
    address: "192.0.2.9:5060",
    connection: None,
    certified: None,
    domain: "net.example",
    contact: "<sip:net@192.0.2.9>",
};

/// A telephone that names the port it calls from, where nobody else can connect to.
const PHONE: Party = Party {
    transport: Transport::Tcp,
    address: "192.0.2.9:40000",
    connection: Some(5),
    contact: "<sip:phone@192.0.2.9:40000;transport=tcp>",
    ..NET
};

/// The same behind a NAT that it knows nothing of.
const NATED: Party = Party {
    contact: "<sip:phone@192.168.1.7:5060;transport=tcp>",
    ..PHONE
};

const BROWSER: Party = Party {
    transport: Transport::Ws,
    contact: "<sip:phone@df7jal23ls0d.invalid;transport=ws>",
    ..PHONE
};

/// A PBX in T that connects to us.
const PBX: Party = Party {
    transport: Transport::Tcp,
    address: "10.20.0.8:41000",
    connection: Some(6),
    contact: "<sip:pbx@10.20.0.8:41000;transport=tcp>",
    ..CORE
};

const UE: Party = Party {
    listener: "access",
    transport: Transport::Tcp,
    address: "10.30.0.9:42000",
    connection: Some(7),
    certified: None,
    domain: "ue.example",
    contact: "<sip:ue@10.30.0.9:42000;transport=tcp>",
};

/// The policy of the other tests, over streams too.
fn streams() -> String {
    let with = |text: String, address: &str, more: &str| {
        let udp = format!("\"udp://{address}:5060\"");
        text.replace(&udp, &format!("{udp}, \"tcp://{address}:5060\"{more}"))
    };
    let net = ", \"tls://192.0.2.1:5061\", \"ws://192.0.2.1:8080\"";
    let text = with(POLICY.to_owned(), "10.20.0.1", "");
    let text = with(with(text, "192.0.2.1", net), "10.30.0.1", ", \"ws://10.30.0.1:8080\"");
    let tls =
        "tls = { certificate = \"edge.pem\", key = \"edge.key\", client_ca = \"peers.pem\", ca = \"peers.pem\" }\n";
    text.replacen("name = \"net\"\n", &format!("name = \"net\"\n{tls}"), 1)
        .replacen(
            "inter_node_security = [\"physical\"]",
            "inter_node_security = [\"physical\", \"mutual-tls\"]",
            1,
        )
        .replacen(
            "[[peer]]\n",
            "[[peer]]\nname = \"friend\"\nnames = [\"ibcf.home2.example\"]\nsecured_by = \"mutual-tls\"\n[[peer]]\n",
            1,
        )
}

fn world() -> World {
    World::new(&streams())
}

fn arrives(world: &mut World, from: Party, text: &str) -> Vec<Sent> {
    let connection = from.connection.map(ConnectionId);
    let mut flow = world.flow(from.listener, from.transport, from.address, connection);
    flow.certified = from.certified.map(CertifiedName::of);
    let bytes = text.to_owned().into();
    world.input(Input::Packet { flow, bytes })
}

fn via(party: Party) -> String {
    format!("SIP/2.0/{} {}", party.transport.via_name(), party.address)
}

fn opening(from: Party, to: Party, rows: &str) -> String {
    format!(
        "INVITE sip:b@{} SIP/2.0\r\nVia: {};branch=z9hG4bKopen\r\nMax-Forwards: 70\r\nFrom: <sip:a@{}>;tag=a\r\n\
         To: <sip:b@{}>\r\nCall-ID: call-1\r\nCSeq: 1 INVITE\r\nContact: {}\r\n{rows}Content-Length: 0\r\n\r\n",
        to.domain,
        via(from),
        from.domain,
        to.domain,
        from.contact
    )
}

/// What reached the callee of a call that one party opened, as the callee's later requests are made of it.
fn invite(world: &mut World, from: Party, to: Party, rows: &str) -> Sent {
    let sent = arrives(world, from, &opening(from, to, rows));
    let invite = sent.iter().find(|sent| sent.start().starts_with("INVITE"));
    invite.unwrap_or_else(|| panic!("{sent:#?}")).clone()
}

/// A request of the callee in the dialog it got this INVITE of.
fn of_callee(callee: Party, invite: &Sent, method: &str, number: u32) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: {};branch=z9hG4bKin{method}{number}\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\nTo: {}\r\n\
         Call-ID: call-1\r\nCSeq: {number} {method}\r\nContact: {}\r\nContent-Length: 0\r\n\r\n",
        contact_uri(invite.row("Contact").unwrap()),
        via(callee),
        routes(&invite.rows("Record-Route"), false),
        invite.row("To").unwrap(),
        invite.row("From").unwrap(),
        callee.contact
    )
}

/// The one request among what was sent.
#[track_caller]
fn request(sent: &[Sent]) -> Sent {
    let requests: Vec<&Sent> = sent
        .iter()
        .filter(|sent| !sent.start().starts_with("SIP/2.0"))
        .collect();
    assert_eq!(requests.len(), 1, "{sent:#?}");
    requests[0].clone()
}

fn is_on(sent: &Sent, party: Party) -> bool {
    let place = (sent.to.to_string(), sent.transport, sent.from_listener.as_str());
    place == (party.address.to_owned(), party.transport, party.listener)
        && sent.connection == party.connection.map(ConnectionId)
}

//= SEC-004 type=test
//= TPT-010 type=test
#[test]
fn the_callee_reaches_a_caller_by_the_connection_it_called_on() {
    for (caller, callee) in [(PHONE, CORE), (NATED, CORE), (BROWSER, CORE), (PBX, NET), (UE, NET)] {
        let mut world = world();
        if caller.listener == "access" {
            register(&mut world, caller);
        }
        let invite = invite(&mut world, caller, callee, "");
        assert!(is_on(&invite, callee));
        for (number, method) in ["UPDATE", "INVITE", "BYE"].into_iter().enumerate() {
            let text = of_callee(callee, &invite, method, number as u32 + 1);
            let sent = request(&arrives(&mut world, callee, &text));
            assert!(is_on(&sent, caller), "{method} of {}: {sent:#?}", caller.contact);
            assert!(sent.row("Route").is_none(), "{}", sent.text());
        }
    }
}

/// Enters a UE, as far as the core says yes.
fn register(world: &mut World, ue: Party) {
    let aor = "<sip:a@ue.example>";
    let text = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: {};branch=z9hG4bKreg\r\nMax-Forwards: 70\r\nFrom: {aor};tag=r\r\n\
         To: {aor}\r\nCall-ID: register-{}\r\nCSeq: 1 REGISTER\r\nContact: {}\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
        via(ue),
        ue.address,
        ue.contact
    );
    let register = request(&arrives(world, ue, &text));
    let rows = format!("Contact: {};expires=600\r\nP-Associated-URI: {aor}\r\n", ue.contact);
    let sent = arrives(world, CORE, &respond(&register, "200 OK", "r", &rows));
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK");
}

fn to_phone(world: &mut World, method: &str) -> Sent {
    let invite = invite(world, PHONE, CORE, "");
    request(&arrives(world, CORE, &of_callee(CORE, &invite, method, 1)))
}

//= LOC-004 type=test
#[test]
fn where_a_connection_is_gone_the_contact_is_tried() {
    let mut world = world();
    let bye = to_phone(&mut world, "BYE");
    let again = request(&world.input(Input::SendFailed(bye.id)));
    assert_eq!(
        (again.to, again.transport, again.connection),
        (bye.to, Transport::Tcp, None)
    );
    assert_ne!(again.row("Via"), bye.row("Via"), "a branch of its own");
    let sent = world.input(Input::SendFailed(again.id));
    assert_eq!(sent[0].start(), "SIP/2.0 500 Server Internal Error");
    // So it is for whoever comes to a process that does not know the connection.
    let mut world = self::world();
    let invite = invite(&mut world, PHONE, CORE, "");
    let mut other = World::with(&streams(), keys_of_instance(8), [9; 32]);
    let bye = request(&arrives(&mut other, CORE, &of_callee(CORE, &invite, "BYE", 1)));
    assert_eq!((bye.to.to_string().as_str(), bye.connection), (PHONE.address, None));
    // What that one writes into the token is nothing to the first, whose connections have the same numbers.
    let text = of_callee(CORE, &invite, "INVITE", 2);
    let again = request(&arrives(
        &mut other,
        Party {
            connection: Some(5),
            ..PBX
        },
        &text,
    ));
    let answered = again.row("Record-Route").unwrap().split('@').next().unwrap().len();
    let known = invite.row("Record-Route").unwrap().split('@').next().unwrap().len();
    assert!(answered < known, "no connection is in it");
}

//= LOC-004 type=test
#[test]
fn who_is_there_on_its_connection_is_not_tried_elsewhere() {
    let mut world = world();
    let bye = to_phone(&mut world, "BYE");
    let sent = arrives(&mut world, PHONE, &respond(&bye, "503 Service Unavailable", "a", ""));
    let starts: Vec<&str> = sent.iter().map(Sent::start).collect();
    assert_eq!(starts, ["SIP/2.0 500 Server Internal Error"]);
    let mut world = self::world();
    to_phone(&mut world, "UPDATE");
    let later = world.pass(Duration::from_secs(64));
    assert!(
        later.iter().all(|(_, sent)| !sent.start().starts_with("UPDATE")),
        "{later:#?}"
    );
}

//= PCSCF-022 type=test
//= TPT-010 type=test
#[test]
fn who_cannot_be_connected_to_is_gone_with_its_connection() {
    const WS_UE: Party = Party {
        transport: Transport::Ws,
        contact: BROWSER.contact,
        ..UE
    };
    for caller in [BROWSER, UE, WS_UE] {
        let mut world = world();
        if caller.listener == "access" {
            register(&mut world, caller);
        }
        let invite = invite(&mut world, caller, CORE, "");
        let text = of_callee(CORE, &invite, "BYE", 1);
        let mut other = World::with(&streams(), keys_of_instance(8), [9; 32]);
        let sent = arrives(&mut other, CORE, &text);
        assert_eq!(sent[0].start(), "SIP/2.0 430 Flow Failed", "{}", caller.contact);
        let bye = request(&arrives(&mut world, CORE, &text));
        let sent = world.input(Input::SendFailed(bye.id));
        assert_eq!(sent[0].start(), "SIP/2.0 430 Flow Failed", "{}", caller.contact);
    }
}

//= SEC-005 type=test
#[test]
fn a_stranger_is_not_told_that_a_connection_is_gone() {
    let mut world = world();
    register(&mut world, UE);
    let invite = invite(&mut world, UE, NET, "");
    let bye = request(&arrives(&mut world, NET, &of_callee(NET, &invite, "BYE", 1)));
    let sent = world.input(Input::SendFailed(bye.id));
    assert_eq!(sent[0].start(), "SIP/2.0 404 Not Found");
}

//= TPT-007 type=test
#[test]
fn a_connection_draws_nothing_but_its_own_dialog() {
    let mut world = world();
    let held = invite(&mut world, PHONE, CORE, "");
    // Another call for the very same place is not for who is connected from there, whatever its Via asks.
    let aliased = opening(PHONE, CORE, "").replace(";branch=z9hG4bKopen", ";alias;branch=z9hG4bKalias");
    arrives(&mut world, PHONE, &aliased.replace("call-1", "call-2"));
    for target in ["192.0.2.9:40000", "192.0.2.9:5060"] {
        let text = opening(CORE, NET, &format!("Route: <sip:{target};transport=tcp;lr>\r\n"))
            .replace("bKopen", &format!("bK{}", target.len()));
        let sent = request(&arrives(&mut world, CORE, &text));
        assert_eq!((sent.to.to_string().as_str(), sent.connection), (target, None));
    }
    // A token of one dialog opens nothing in another.
    let text = of_callee(CORE, &held, "BYE", 1).replace("call-1", "call-9");
    let sent = arrives(&mut world, CORE, &text);
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
}

//= PROXY-013 type=test
#[test]
fn behind_a_proxy_its_record_route_counts_not_its_connection() {
    let behind = "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKbehind\r\n";
    for (rows, to) in [
        (behind.to_owned(), "192.0.2.9:40000"),
        (
            format!("{behind}Record-Route: <sip:192.0.2.9:5070;transport=tcp;lr>\r\n"),
            "192.0.2.9:5070",
        ),
    ] {
        let mut world = world();
        let invite = invite(&mut world, PHONE, CORE, &rows);
        let bye = request(&arrives(&mut world, CORE, &of_callee(CORE, &invite, "BYE", 1)));
        assert_eq!((bye.to.to_string().as_str(), bye.connection), (to, None));
    }
}

//= SEC-004 type=test
#[test]
fn both_parties_may_be_on_connections_of_one_listener() {
    let other = Party {
        address: "10.30.0.10:43000",
        connection: Some(8),
        contact: "<sip:other@10.30.0.10:43000;transport=tcp>",
        ..UE
    };
    let mut world = world();
    register(&mut world, UE);
    register(&mut world, other);
    // The callee is found by its flow, as the core knows it from the Path.
    let path = {
        let text = format!(
            "REGISTER sip:home1.example SIP/2.0\r\nVia: {};branch=z9hG4bKagain\r\nMax-Forwards: 70\r\nFrom: <sip:a@ue.example>;tag=r\r\n\
             To: <sip:a@ue.example>\r\nCall-ID: again\r\nCSeq: 2 REGISTER\r\nContact: {}\r\nContent-Length: 0\r\n\r\n",
            via(other),
            other.contact
        );
        request(&arrives(&mut world, other, &text))
            .row("Path")
            .unwrap()
            .to_owned()
    };
    let text = opening(PBX, other, &format!("Route: {path}\r\n"));
    let invite = request(&arrives(&mut world, PBX, &text));
    assert!(is_on(&invite, other), "{invite:#?}");
    let bye = request(&arrives(&mut world, other, &of_callee(other, &invite, "BYE", 1)));
    assert!(is_on(&bye, PBX), "{bye:#?}");
    // And back: the caller's requests reach the callee by its connection.
    let ok = respond(&invite, "200 OK", "b", &format!("Contact: {}\r\n", other.contact));
    let ok = arrives(&mut world, other, &ok);
    let ok = ok.iter().find(|sent| sent.start() == "SIP/2.0 200 OK").unwrap();
    let text = format!(
        "ACK {} SIP/2.0\r\nVia: {};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n{}From: <sip:a@{}>;tag=a\r\nTo: {}\r\n\
         Call-ID: call-1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        contact_uri(ok.row("Contact").unwrap()),
        via(PBX),
        routes(&ok.rows("Record-Route"), true),
        PBX.domain,
        ok.row("To").unwrap()
    );
    let ack = request(&arrives(&mut world, PBX, &text));
    assert!(ack.start().starts_with("ACK ") && is_on(&ack, other), "{ack:#?}");
}

//= PROXY-017 type=test
#[test]
fn what_asks_for_tls_takes_no_connection_without() {
    for (caller, start) in [(PHONE, None), (BROWSER, Some("SIP/2.0 480 Temporarily Unavailable"))] {
        let mut world = world();
        let invite = invite(&mut world, caller, CORE, "");
        let text = of_callee(CORE, &invite, "BYE", 1)
            .replacen(
                "BYE sip:phone@192.0.2.9:40000;transport=tcp",
                "BYE sips:phone@192.0.2.9:5061",
                1,
            )
            .replacen("BYE sip:", "BYE sips:", 1);
        let sent = arrives(&mut world, CORE, &text);
        match start {
            Some(start) => assert_eq!(sent[0].start(), start),
            None => {
                let bye = request(&sent);
                assert_eq!((bye.transport, bye.connection), (Transport::Tls, None));
            }
        }
    }
}

const FRIEND: Party = Party {
    transport: Transport::Tls,
    connection: Some(9),
    certified: Some("ibcf.home2.example"),
    contact: "<sip:friend@192.0.2.9:40000;transport=tls>",
    ..PHONE
};

const IDENTITY: &str = "P-Asserted-Identity: <sip:core@home1.example>\r\n";

/// A BYE of the core, which asserts who it is, with a wish to show that to nobody outside T.
fn bye_to(world: &mut World, caller: Party) -> Sent {
    let invite = invite(world, caller, CORE, "");
    let text =
        of_callee(CORE, &invite, "BYE", 1).replacen("Contact: ", &format!("{IDENTITY}Privacy: id\r\nContact: "), 1);
    request(&arrives(world, CORE, &text))
}

//= TRUST-010 type=test
//= TRUST-029 type=test
#[test]
fn the_hop_is_judged_by_what_was_proved_on_the_connection_it_uses() {
    let unknown = Party {
        certified: None,
        ..FRIEND
    };
    for (caller, trusted) in [(FRIEND, true), (unknown, false), (PHONE, false)] {
        let bye = bye_to(&mut world(), caller);
        assert!(is_on(&bye, caller), "{bye:#?}");
        assert_eq!(bye.row("P-Asserted-Identity").is_some(), trusted, "{}", bye.text());
    }
    // The address is that of a member, the connection is of nobody who proved to be one.
    let text = streams().replacen("prefixes", "direction = \"in\"\nprefixes", 1);
    let from_ally = Party {
        address: "192.0.2.70:40000",
        ..PHONE
    };
    for (text, trusted) in [(streams(), true), (text, false)] {
        let bye = bye_to(&mut World::new(&text), from_ally);
        assert_eq!(bye.row("P-Asserted-Identity").is_some(), trusted);
    }
}

//= TRUST-032 type=test
#[test]
fn who_is_no_member_any_more_is_none_on_the_old_connection_either() {
    let mut world = world();
    let invite = invite(&mut world, FRIEND, CORE, "");
    let text = streams().replacen("ibcf.home2.example", "another.example", 1);
    world.input(Input::Policy(Arc::new(policy(&text))));
    let text =
        of_callee(CORE, &invite, "BYE", 1).replacen("Contact: ", &format!("{IDENTITY}Privacy: id\r\nContact: "), 1);
    let bye = request(&arrives(&mut world, CORE, &text));
    assert!(
        is_on(&bye, FRIEND) && bye.row("P-Asserted-Identity").is_none(),
        "{}",
        bye.text()
    );
}

/// What a request that came so says its connection stands for.
fn alias(text: &str, from: Party, sent_by: &str) -> Option<(ConnectionId, Destination)> {
    let mut world = World::new(text);
    let mut flow = world.flow(
        from.listener,
        from.transport,
        from.address,
        from.connection.map(ConnectionId),
    );
    flow.certified = from.certified.map(CertifiedName::of);
    let bytes = opening(from, CORE, "").replacen(from.address, sent_by, 1).into();
    world.engine.handle(world.now, Input::Packet { flow, bytes });
    let outputs = std::iter::from_fn(|| world.engine.poll_output());
    let mut aliases = outputs.filter_map(|output| match output {
        Output::Alias { connection, of, by } => {
            assert_eq!(by, ShownBy::Certificate);
            Some((connection, of))
        }
        _ => None,
    });
    let found = aliases.next();
    assert!(aliases.next().is_none());
    found
}

//= TPT-007 type=test
#[test]
fn alias_counts_on_tls_with_a_proved_name_and_for_the_senders_own_address() {
    for (sent_by, place) in [
        ("192.0.2.9:5071;alias", "192.0.2.9:5071"),
        ("ibcf.home2.example;alias", "192.0.2.9:5061"),
        // Whoever is there, it is not this one.
        ("192.0.2.200:5061;alias", "192.0.2.9:5061"),
    ] {
        let (connection, of) = alias(&streams(), FRIEND, sent_by).unwrap();
        assert_eq!((connection, of.remote.to_string().as_str()), (ConnectionId(9), place));
        assert_eq!(of.certified, FRIEND.certified.map(CertifiedName::of));
        assert_eq!((of.transport, of.connection), (Transport::Tls, None));
    }
    let asks = "192.0.2.9:5061;alias";
    let nameless = Party {
        certified: None,
        ..FRIEND
    };
    for (text, from, sent_by) in [
        (streams(), FRIEND, "192.0.2.9:5061"),
        (streams(), nameless, asks),
        (streams(), PHONE, asks),
        // Others vouch for who comes in than for whom we call.
        (streams().replace(", ca = \"peers.pem\"", ""), FRIEND, asks),
        (
            streams().replace(", ca = \"peers.pem\"", ", ca = \"others.pem\""),
            FRIEND,
            asks,
        ),
    ] {
        assert_eq!(alias(&text, from, sent_by), None, "{}", from.contact);
    }
}

//= TPT-007 type=test
#[test]
fn our_via_says_alias_where_we_connect_with_tls() {
    for (target, says) in [
        ("sip:friend@192.0.2.9:5061;transport=tls", true),
        ("sip:friend@192.0.2.9:5060;transport=tcp", false),
        ("sip:friend@192.0.2.9", false),
    ] {
        let text = opening(CORE, NET, &format!("Route: <{target};lr>\r\n"));
        let sent = request(&arrives(&mut world(), CORE, &text));
        let via = sent.row("Via").unwrap();
        assert_eq!(via.contains(";alias"), says, "{via}");
    }
    // On a connection of the other side there is nothing to be had by it.
    let bye = bye_to(&mut world(), FRIEND);
    assert!(!bye.text().contains(";alias"), "{}", bye.text());
}

//= PCSCF-021 type=test
#[test]
fn what_opens_a_dialog_of_a_ue_is_record_routed_on_both_sides() {
    for method in ["INVITE", "SUBSCRIBE", "REFER", "FOO"] {
        let mut world = world();
        register(&mut world, UE);
        let text = opening(UE, CORE, "").replace("INVITE", method);
        let sent = request(&arrives(&mut world, UE, &text));
        let values = sent.rows("Record-Route");
        assert_eq!(values.len(), 2, "{method}");
        assert!(values[0].ends_with("@10.20.0.1:5060;lr>"), "{}", values[0]);
        assert_eq!(values[1], "<sip:10.30.0.1:5060;transport=tcp;lr>");
        for value in values {
            assert!(!value.contains("10.30.0.9"), "nothing of where the UE is: {value}");
        }
    }
}

/// Sends datagrams from behind a NAT, and knows it.
const OUTBOUND: Party = Party {
    address: "192.0.2.9:46000",
    contact: "<sip:phone@192.168.1.7:5060;ob>",
    ..NET
};

//= SEC-004 type=test
//= PCSCF-022 type=test
#[test]
fn who_sends_datagrams_and_says_ob_is_reached_where_they_come_from() {
    let ue = Party {
        listener: "access",
        address: "10.30.0.9:46000",
        domain: "ue.example",
        ..OUTBOUND
    };
    let silent = Party {
        contact: "<sip:phone@192.168.1.7:5060>",
        ..OUTBOUND
    };
    for (caller, to) in [
        (OUTBOUND, OUTBOUND.address),
        (ue, ue.address),
        (silent, "192.168.1.7:5060"),
    ] {
        let mut world = world();
        if caller.listener == "access" {
            register(&mut world, caller);
        }
        let invite = invite(&mut world, caller, CORE, "");
        let text = of_callee(CORE, &invite, "UPDATE", 1);
        // It is the same for another run of the process: there is no connection that could be gone.
        let mut other = World::with(&streams(), keys_of_instance(8), [9; 32]);
        for world in [&mut world, &mut other] {
            let sent = request(&arrives(world, CORE, &text));
            assert_eq!(
                (sent.to.to_string().as_str(), sent.from_listener.as_str()),
                (to, caller.listener)
            );
            assert!(sent.start().contains("sip:phone@192.168.1.7:5060"), "{}", sent.start());
        }
        // The Contact it has come to show since, without: there it is.
        let moved = text
            .replace("192.168.1.7:5060;ob", "192.168.1.8")
            .replace("bKin", "bKmoved");
        let moved = moved.replace("192.168.1.7:5060", "192.168.1.8");
        let sent = request(&arrives(&mut world, CORE, &moved));
        assert_eq!(sent.to.to_string(), "192.168.1.8:5060");
    }
}

//= PCSCF-022 type=test
#[test]
fn a_called_ue_that_says_ob_is_reached_where_its_registration_came_from() {
    let ue = Party {
        listener: "access",
        address: "10.30.0.9:46000",
        domain: "ue.example",
        ..OUTBOUND
    };
    let mut world = world();
    let text = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: {};branch=z9hG4bKreg\r\nMax-Forwards: 70\r\nFrom: <sip:a@ue.example>;tag=r\r\n\
         To: <sip:a@ue.example>\r\nCall-ID: again\r\nCSeq: 2 REGISTER\r\nContact: {}\r\nContent-Length: 0\r\n\r\n",
        via(ue),
        ue.contact
    );
    let register = request(&arrives(&mut world, ue, &text));
    let path = register.row("Path").unwrap().to_owned();
    let rows = format!("Contact: {};expires=600\r\n", ue.contact);
    arrives(&mut world, CORE, &respond(&register, "200 OK", "r", &rows));
    let text = opening(CORE, ue, &format!("Route: {path}\r\n"));
    let text = text.replacen("sip:b@ue.example SIP/2.0", "sip:phone@192.168.1.7:5060;ob SIP/2.0", 1);
    let invite = request(&arrives(&mut world, CORE, &text));
    assert_eq!(invite.to.to_string(), ue.address);
    let ok = respond(&invite, "200 OK", "b", &format!("Contact: {}\r\n", ue.contact));
    let ok = arrives(&mut world, ue, &ok);
    let ok = ok.iter().find(|sent| sent.start() == "SIP/2.0 200 OK").unwrap();
    let text = format!(
        "ACK {} SIP/2.0\r\nVia: {};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n{}From: <sip:a@{}>;tag=a\r\nTo: {}\r\n\
         Call-ID: call-1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        contact_uri(ok.row("Contact").unwrap()),
        via(CORE),
        routes(&ok.rows("Record-Route"), true),
        CORE.domain,
        ok.row("To").unwrap()
    );
    let ack = request(&arrives(&mut world, CORE, &text));
    assert_eq!(ack.to.to_string(), ue.address, "{}", ack.text());
}
