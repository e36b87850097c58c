//! Messages without Content-Length, which a datagram may do without and a stream may not.

use sipveil::sip::Transport;

use crate::world::{POLICY, World, respond};

fn invite(domain: &str) -> String {
    format!(
        "INVITE sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
         From: <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@{domain}>\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\n\r\n"
    )
}

//= PROXY-029 type=test
#[test]
fn the_failure_of_an_invite_without_a_length_is_acknowledged() {
    let mut world = World::new(POLICY);
    let sent = world.packet("core", "10.20.0.9:5060", &invite("net.example"));
    let busy = respond(&sent[0], "486 Busy Here", "b", "");
    let sent = world.packet("net", "192.0.2.9:5060", &busy);
    let ack = sent
        .iter()
        .find(|sent| sent.start().starts_with("ACK sip:bob@net.example"));
    assert!(ack.is_some(), "{sent:#?}");
}

//= PROXY-027 type=test
#[test]
fn an_invite_without_a_length_can_be_cancelled() {
    let mut world = World::new(POLICY);
    let sent = world.packet("core", "10.20.0.9:5060", &invite("net.example"));
    world.packet("net", "192.0.2.9:5060", &respond(&sent[0], "180 Ringing", "b", ""));
    let cancel = invite("net.example").replace("INVITE", "CANCEL");
    let sent = world.packet("core", "10.20.0.9:5060", &cancel);
    let cancel = sent
        .iter()
        .find(|sent| sent.start().starts_with("CANCEL sip:bob@net.example"));
    assert!(cancel.is_some(), "{sent:#?}");
}

//= MSG-005 type=test
#[test]
fn what_goes_on_a_stream_has_a_length() {
    let policy = POLICY
        .replace(
            "bind = [\"udp://192.0.2.1:5060\"]",
            "bind = [\"udp://192.0.2.1:5060\", \"tcp://192.0.2.1:5060\"]",
        )
        .replace(
            "next_hop = [\"sip:192.0.2.9:5060\"]",
            "next_hop = [\"sip:192.0.2.9:5060;transport=tcp\"]",
        );
    let mut world = World::new(&policy);
    let with_body = format!("{}smuggled", invite("net.example"));
    let sent = world.packet("core", "10.20.0.9:5060", &with_body);
    assert_eq!(sent[0].transport, Transport::Tcp);
    assert_eq!(sent[0].row("Content-Length"), Some("8"), "{}", sent[0].text());
    let bare = invite("net.example").replace("bKa", "bKb").replace("\r\n", "\n");
    let sent = world.packet("core", "10.20.0.9:5060", &bare);
    assert_eq!(sent[0].row("Content-Length"), Some("0"));
    assert!(!sent[0].text().replace("\r\n", "").contains('\n'), "{}", sent[0].text());
}

//= SEC-009 type=test
#[test]
fn a_list_of_contacts_does_not_make_a_small_message_a_large_one() {
    let private = |contacts: usize| {
        let values = vec!["<sip:al@10.20.0.9>"; contacts].join(", ");
        let rows = format!("CSeq: 1 INVITE\r\nPrivacy: user;id\r\nContact: {values}\r\n");
        let text = invite("net.example").replace("CSeq: 1 INVITE\r\n", &rows);
        let mut world = World::new(POLICY);
        world.packet("core", "10.20.0.9:5060", &text).remove(0)
    };
    let most = sipveil::topology::hide::CONTACTS_MAX;
    let sent = private(most);
    assert!(
        sent.start().starts_with("INVITE ") && !sent.text().contains("al@"),
        "{}",
        sent.text()
    );
    let sent = private(most + 1);
    assert!(
        !sent.start().starts_with("INVITE ") && sent.bytes.len() < 2000,
        "{}",
        sent.text()
    );
}
