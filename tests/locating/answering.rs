//! Where a response goes: RFC 3263 section 5.

use sipveil::engine::Input;

use super::{policy, seconds};
use crate::world::{Sent, World, respond};

const STRANGER: &str = "203.0.113.7:40001";

/// A request over TCP from a stranger to a domain that the core serves.
fn request(method: &str, via: &str) -> String {
    format!(
        "{method} sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/TCP {via};branch=z9hG4bKx{method}\r\n\
         From: <sip:eve@x.example>;tag=7\r\nTo: <sip:bob@home1.example>\r\nCall-ID: x\r\n\
         CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn world() -> World {
    World::new(&policy("sip:192.0.2.9", ""))
}

/// The request goes to the core; gives it as it came there.
fn forwarded(world: &mut World, method: &str, via: &str) -> Sent {
    let sent = world.stream("net", STRANGER, 9, &request(method, via));
    sent.into_iter().find(|sent| sent.start().starts_with(method)).unwrap()
}

//= LOC-006 type=test
//= TRUST-030 type=test
//= TRAP-19 type=test
#[test]
fn when_its_connection_is_gone_a_response_goes_by_a_new_one_to_the_port_of_the_via() {
    for (via, port) in [("192.0.2.200:5071", 5071), ("eve.example", 5060)] {
        let mut world = world();
        let out = forwarded(&mut world, "MESSAGE", via);
        let hidden = "P-Asserted-Identity: <sip:bob.hidden@home1.example>\r\nPrivacy: id\r\n";
        let ok = world
            .packet("core", "10.20.0.9:5060", &respond(&out, "200 OK", "b", hidden))
            .swap_remove(0);
        assert!(ok.connection.is_some());
        assert!(!ok.text().contains("bob.hidden"));
        let again = world.input(Input::SendFailed(ok.id));
        assert_eq!(again.len(), 1);
        // To the address the request came from, whatever the Via says, and with what was cleared for it.
        assert_eq!(again[0].to.to_string(), format!("203.0.113.7:{port}"));
        assert_eq!((again[0].connection, &again[0].bytes), (None, &ok.bytes));
        // That fails as well: nothing more can be done, and the transaction ends in its time.
        assert!(world.input(Input::SendFailed(again[0].id)).is_empty());
        world.pass(seconds(40));
        assert_eq!(world.engine.transactions(), 0);
    }
}

//= LOC-006 type=test
//= PROXY-032 type=test
#[test]
fn later_responses_take_the_new_way_at_once() {
    let mut world = world();
    let out = forwarded(&mut world, "INVITE", "eve.example:5072");
    let mut answer = |status: &str| world.packet("core", "10.20.0.9:5060", &respond(&out, status, "b", ""));
    let ringing = answer("180 Ringing").swap_remove(0);
    assert!(ringing.connection.is_some());
    let again = world.input(Input::SendFailed(ringing.id)).swap_remove(0);
    assert_eq!((again.to.port(), again.connection), (5072, None));
    let ok = world
        .packet("core", "10.20.0.9:5060", &respond(&out, "200 OK", "b", ""))
        .swap_remove(0);
    assert_eq!((ok.to.port(), ok.connection), (5072, None));
}

//= LOC-002 type=test
//= LOC-006 type=test
#[test]
fn a_via_with_an_ipv6_reference_gets_its_answer_there() {
    let mut world = World::new(&policy("sip:192.0.2.9", ""));
    let request = "OPTIONS sip:bob@nowhere.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKx\r\n\
         From: <sip:eve@x.example>;tag=7\r\nTo: <sip:bob@nowhere.example>\r\nCall-ID: x\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n";
    let sent = world.packet("net", "[2001:db8::9]:40000", request);
    assert_eq!(sent[0].to.to_string(), "[2001:db8::9]:5070");
}
