//! The same over TCP: one set is for both transports.

use sipveil::engine::{Input, ShownBy};
use sipveil::sip::Transport;
use sipveil::trust::ConnectionId;

use super::*;
use crate::world::{contact_uri, respond, routes};

/// What a UE writes, as it writes it over TCP.
fn over_tcp(text: &str) -> String {
    text.replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

impl Ue {
    /// By a connection of its own.
    fn streams(&self, world: &mut World, connection: u64, text: &str) -> Vec<Sent> {
        world.stream("access 6101", &self.from(), connection, &over_tcp(text))
    }

    /// What it says when it is in a call.
    fn in_dialog(&mut self, method: &str, answer: &Sent, transport: &str) -> String {
        self.number += 1;
        let (number, from) = (self.number, self.from());
        let route = routes(&answer.rows("Record-Route"), true);
        let target = contact_uri(answer.row("Contact").unwrap());
        let [own, other, call] = ["From", "To", "Call-ID"].map(|name| answer.row(name).unwrap());
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bKd{number}\r\n{route}\
             From: {own}\r\nTo: {other}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:alice@{UE}:{SERVER_PORT}>\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

/// A UE that registered by its connection 1, and the Path by which it is reached.
fn registered_by_tcp(world: &mut World) -> (Ue, String) {
    let mut ue = challenged(world);
    let text = ue.answers();
    let inward = only(ue.streams(world, 1, &text));
    let path = inward.row("Path").unwrap().to_owned();
    let accepted = only(from_core(world, &answer(&inward, "200 OK", &granted(600))));
    assert_eq!(accepted.start(), "SIP/2.0 200 OK");
    assert_eq!(
        (accepted.transport, accepted.connection),
        (Transport::Tcp, Some(ConnectionId(1)))
    );
    (ue, path)
}

/// The same by datagrams.
fn registered_by_udp(world: &mut World) -> (Ue, String) {
    let mut ue = challenged(world);
    let text = ue.answers();
    let inward = only(ue.sends(world, &text));
    let path = inward.row("Path").unwrap().to_owned();
    from_core(world, &answer(&inward, "200 OK", &granted(600)));
    (ue, path)
}

/// The UE after a second authentication, by TCP on the connection 2 of its new client port.
fn registered_again(world: &mut World, ue: &mut Ue, transport: Transport) -> Ue {
    let (next, server) = (client(31010), ue.server.clone());
    let text = ue.register(NOTHING_YET, Some(&next), Some(&server));
    let inward = only(match transport {
        Transport::Tcp => ue.streams(world, 1, &text),
        _ => ue.sends(world, &text),
    });
    let told = only(from_core(world, &answer(&inward, "401 Unauthorized", &challenge("n1"))));
    let mut new = Ue {
        who: ue.who,
        port_c: 31010,
        number: ue.number,
        server: told.row("Security-Server").unwrap().to_owned(),
    };
    let text = new.answers();
    let inward = only(match transport {
        Transport::Tcp => new.streams(world, 2, &text),
        _ => new.sends(world, &text),
    });
    only(from_core(world, &answer(&inward, "200 OK", &granted(600))));
    new
}

/// A request of the network to the UE. `target`: what it registered.
fn to_ue(path: &str, target: &str, method: &str, number: u32, body: usize) -> String {
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKc{number}\r\nRoute: {path}\r\n\
         From: <sip:bob@home1.example>;tag=3\r\nTo: <sip:alice@home1.example>\r\nCall-ID: c{number}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:bob@10.20.0.9>\r\nContent-Length: {body}\r\n\r\n{}",
        "x".repeat(body)
    )
}

fn plain_target() -> String {
    format!("sip:alice@{UE}:{SERVER_PORT}")
}

fn outward<'a>(sent: &'a [Sent], method: &str) -> &'a Sent {
    let mut found = sent.iter().filter(|one| one.start().starts_with(method));
    found.next().unwrap_or_else(|| panic!("{sent:#?}"))
}

/// The server port of the UE, over its set.
fn reached(transport: Transport, from: &'static str) -> (Transport, String, &'static str, Option<ConnectionId>) {
    (transport, format!("{UE}:{SERVER_PORT}"), from, None)
}

fn way(sent: &Sent) -> (Transport, String, &str, Option<ConnectionId>) {
    (
        sent.transport,
        sent.to.to_string(),
        &sent.from_listener,
        sent.connection,
    )
}

//= PCSCF-024 type=test
//= PCSCF-022 type=test
#[test]
fn who_registers_over_tcp_is_called_over_tcp() {
    let mut world = world();
    let (mut ue, path) = registered_by_tcp(&mut world);
    // Its connection stands for one from our client port to its server port, and is told once.
    let to = "10.30.0.7:31001".parse().unwrap();
    let told: Vec<_> = world
        .aliases
        .iter()
        .map(|(connection, of, by)| (connection.0, of.transport, of.remote, of.connection, *by))
        .collect();
    assert_eq!(told, [(1, Transport::Tcp, to, None, ShownBy::Association)]);

    let text = ue.invite("");
    let sent = ue.streams(&mut world, 1, &text);
    assert_eq!(sent[0].row("P-Asserted-Identity"), Some("<sip:alice@home1.example>"));
    assert_eq!(
        (sent[1].start(), sent[1].connection),
        ("SIP/2.0 100 Trying", Some(ConnectionId(1)))
    );
    assert_eq!(world.aliases.len(), 1);

    let sent = from_core(&mut world, &to_ue(&path, &plain_target(), "INVITE", 1, 0));
    let invite = outward(&sent, "INVITE");
    assert_eq!(way(invite), reached(Transport::Tcp, "access 6102"));
    assert!(
        invite.row("Via").unwrap().starts_with("SIP/2.0/TCP 10.30.0.1:6101;"),
        "{invite:#?}"
    );
    // By the connection it opened, or by the one we did.
    let text = answer(invite, "180 Ringing", "");
    assert_eq!(start_of(&ue.streams(&mut world, 1, &text)), ["SIP/2.0 180 Ringing"]);
    let text = answer(invite, "486 Busy Here", "");
    let sent = world.stream("access 6102", "10.30.0.7:31001", 9, &text);
    assert_eq!(
        start_of(&sent),
        ["ACK sip:alice@10.30.0.7:31001 SIP/2.0", "SIP/2.0 486 Busy Here"]
    );
    assert_eq!(way(&sent[0]), reached(Transport::Tcp, "access 6102"));
    assert_eq!(world.closed, []);
}

//= PCSCF-024 type=test
#[test]
fn a_uri_that_names_its_transport_is_taken_at_its_word() {
    let named = |transport: &str| format!("{};transport={transport}", plain_target());
    let mut by_tcp = world();
    let (_, path_by_tcp) = registered_by_tcp(&mut by_tcp);
    let mut by_udp = world();
    let (_, path_by_udp) = registered_by_udp(&mut by_udp);
    for (number, target, transport) in [(1, named("udp"), Transport::Udp), (2, named("sctp"), Transport::Tcp)] {
        let sent = from_core(&mut by_tcp, &to_ue(&path_by_tcp, &target, "INVITE", number, 0));
        assert_eq!(
            way(outward(&sent, "INVITE")),
            reached(transport, "access 6102"),
            "{target}"
        );
    }
    for (number, target, transport) in [(1, named("TCP"), Transport::Tcp), (2, plain_target(), Transport::Udp)] {
        let sent = from_core(&mut by_udp, &to_ue(&path_by_udp, &target, "INVITE", number, 0));
        assert_eq!(
            way(outward(&sent, "INVITE")),
            reached(transport, "access 6102"),
            "{target}"
        );
    }
}

//= TPT-004 type=test
#[test]
fn what_is_too_large_for_a_datagram_goes_over_tcp_and_then_as_one() {
    let mut world = world();
    let (ue, path) = registered_by_udp(&mut world);
    let sent = from_core(&mut world, &to_ue(&path, &plain_target(), "MESSAGE", 1, 1400));
    let first = outward(&sent, "MESSAGE");
    assert_eq!(way(first), reached(Transport::Tcp, "access 6102"));
    assert!(first.row("Via").unwrap().starts_with("SIP/2.0/TCP "));
    // Nobody takes the connection.
    let sent = world.input(Input::SendFailed(first.id));
    let second = outward(&sent, "MESSAGE");
    assert_eq!(way(second), reached(Transport::Udp, "access 6102"));
    let text = answer(second, "200 OK", "");
    assert_eq!(start_of(&ue.sends(&mut world, &text)), ["SIP/2.0 200 OK"]);
}

//= PCSCF-025 type=test
#[test]
fn a_connection_that_belongs_to_no_set_is_closed() {
    let mut world = world();
    let mut ue = challenged(&mut world);
    // What its set does not take yet costs it the message alone.
    let text = ue.invite("");
    assert_eq!(ue.streams(&mut world, 1, &text), []);
    assert_eq!((world.closed.as_slice(), world.aliases.len()), (&[][..], 0));
    for (number, (listener, from)) in [
        ("access 6101", "10.30.0.7:31002"),
        ("access 6101", "10.30.0.8:31000"),
        ("access 6101", CLEAR),
    ]
    .into_iter()
    .enumerate()
    {
        let text = ue.invite("");
        assert_eq!(world.stream(listener, from, 20 + number as u64, &over_tcp(&text)), []);
        let text = ue.answers();
        assert_eq!(world.stream(listener, from, 20 + number as u64, &over_tcp(&text)), []);
    }
    let closed: Vec<u64> = world.closed.iter().map(|connection| connection.0).collect();
    assert_eq!(closed, [20, 20, 21, 21, 22, 22]);
    // What cannot be framed is not answered either.
    let flow = world.flow("access 6101", Transport::Tcp, CLEAR, Some(ConnectionId(30)));
    let (bytes, fault) = (
        over_tcp(&ue.invite("")).into_bytes().into(),
        sipveil::sip::framing::FramingError::HeaderTooLarge,
    );
    assert_eq!(world.input(Input::Unframed { flow, bytes, fault }), []);
    assert_eq!(world.closed.last(), Some(&ConnectionId(30)));
    // In clear nothing is different.
    let text = over_tcp(&ue.invite(""));
    assert_eq!(
        start_of(&world.stream("access", CLEAR, 31, &text)),
        ["SIP/2.0 403 Forbidden"]
    );
    assert_eq!(world.closed.last(), Some(&ConnectionId(30)));
}

/// A call that began on one set goes on by the next, whatever the dialog remembers.
//= AKA-023 type=test
//= PCSCF-016 type=test
#[test]
fn a_call_goes_on_by_the_next_set() {
    for (transport, contact) in [
        (Transport::Tcp, ""),
        (Transport::Udp, ""),
        (Transport::Udp, ";ob"),
        (Transport::Tcp, ";ob"),
    ] {
        let mut world = world();
        let mut ue = challenged(&mut world);
        let text = ue.answers();
        let say = |world: &mut World, ue: &Ue, connection, text: &str| match transport {
            Transport::Tcp => ue.streams(world, connection, text),
            _ => ue.sends(world, text),
        };
        let inward = only(say(&mut world, &ue, 1, &text));
        let path = inward.row("Path").unwrap().to_owned();
        from_core(&mut world, &answer(&inward, "200 OK", &granted(600)));
        // A call of the UE.
        let with_contact =
            |text: String| text.replace(&format!(":{SERVER_PORT}>"), &format!(":{SERVER_PORT}{contact}>"));
        let text = with_contact(ue.invite(""));
        let sent = say(&mut world, &ue, 1, &text);
        let inward = outward(&sent, "INVITE");
        let ok = respond(inward, "200 OK", "9", "Contact: <sip:bob@10.20.0.9>\r\n");
        let ok = only(from_core(&mut world, &ok));
        let other_way = routes(&inward.rows("Record-Route"), false);
        // A call to it.
        let target = format!("{}{contact}", plain_target());
        let sent = from_core(&mut world, &to_ue(&path, &target, "INVITE", 1, 0));
        let called = outward(&sent, "INVITE").clone();
        let text = with_contact(respond(&called, "200 OK", "8", &format!("Contact: <{target}>\r\n")));
        let taken = only(say(&mut world, &ue, 1, &text));
        let taken_way = routes(&taken.rows("Record-Route"), true);

        let mut new = registered_again(&mut world, &mut ue, transport);
        let bye = new.in_dialog("INFO", &ok, if transport == Transport::Tcp { "TCP" } else { "UDP" });
        let sent = say(&mut world, &new, 2, &bye);
        assert!(
            sent[0].start().starts_with("INFO sip:bob@10.20.0.9"),
            "{transport:?} {contact} {sent:#?}"
        );
        let _ = world.pass(Duration::from_secs(130));
        assert_eq!(removed(&world), 1);
        for (number, way_in, from, to, call) in [
            (
                1,
                &other_way,
                ok.row("To").unwrap(),
                ok.row("From").unwrap(),
                ok.row("Call-ID").unwrap(),
            ),
            (
                2,
                &taken_way,
                taken.row("From").unwrap(),
                taken.row("To").unwrap(),
                taken.row("Call-ID").unwrap(),
            ),
        ] {
            let bye = format!(
                "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKb{number}\r\n{way_in}From: {from}\r\n\
                 To: {to}\r\nCall-ID: {call}\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            let sent = from_core(&mut world, &bye);
            let outward = outward(&sent, "BYE");
            assert_eq!(
                way(outward),
                reached(transport, "access 6103"),
                "{transport:?} {contact} {number}"
            );
        }
    }
}

/// The telephone rings longer than the set lasts on which the call began.
//= AKA-023 type=test
#[test]
fn an_answer_finds_its_way_when_its_set_has_ended() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = world();
        let mut ue = challenged(&mut world);
        let text = ue.answers();
        let inward = only(match transport {
            Transport::Tcp => ue.streams(&mut world, 1, &text),
            _ => ue.sends(&mut world, &text),
        });
        from_core(&mut world, &answer(&inward, "200 OK", &granted(600)));
        // Where it is reached stands in its Via, as TS 24.229 wants it.
        let text = ue
            .invite("")
            .replace(&format!("UDP {UE}:31000"), &format!("UDP {UE}:{SERVER_PORT}"));
        let sent = match transport {
            Transport::Tcp => ue.streams(&mut world, 1, &text),
            _ => ue.sends(&mut world, &text),
        };
        let inward = outward(&sent, "INVITE").clone();
        let ringing = only(from_core(&mut world, &respond(&inward, "180 Ringing", "9", "")));
        if transport == Transport::Tcp {
            // The UE has ended its connection.
            let again = only(world.input(Input::SendFailed(ringing.id)));
            assert_eq!(way(&again), reached(transport, "access 6102"));
        }
        let mut new = registered_again(&mut world, &mut ue, transport);
        // It is used, so the old one ends.
        let text = new.invite("");
        new.sends(&mut world, &text);
        let _ = world.pass(Duration::from_secs(100));
        from_core(&mut world, &respond(&inward, "180 Ringing", "9", ""));
        let _ = world.pass(Duration::from_secs(30));
        assert_eq!(removed(&world), 1);
        let ok = respond(&inward, "200 OK", "9", "Contact: <sip:bob@10.20.0.9>\r\n");
        let sent = from_core(&mut world, &ok);
        let last = outward(&sent, "SIP/2.0 200");
        assert_eq!(way(last), reached(transport, "access 6103"));
    }
}
