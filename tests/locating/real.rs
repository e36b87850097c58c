//! The built binary and a real name server: that the wiring holds.

use std::net::{TcpListener, UdpSocket};

use tempfile::TempDir;

use super::name_server::NameServer;
use crate::end_to_end::node::Node;
use crate::end_to_end::phone::Phone;
use crate::end_to_end::{ANYWHERE, Dialog, call, policy};
use crate::world::respond;

/// A port of the loopback where nobody listens any more.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn dns(server: &NameServer) -> String {
    format!("[dns]\nservers = [\"{}\"]\n", server.address)
}

//= LOC-001 type=test
//= LOC-004 type=test
#[test]
fn a_call_finds_its_way_by_naptr_srv_and_a_past_a_refusing_port() {
    let mut callee = Phone::on_udp();
    let server = NameServer::start(&format!(
        "secretpeer 60 IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp.secretpeer\n\
         secretpeer 60 IN NAPTR 2 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.secretpeer\n\
         _sip._tcp.secretpeer 60 IN SRV 0 0 {} secrethost\n_sip._udp.secretpeer 60 IN SRV 0 0 {} secrethost\n\
         secrethost 60 IN A 127.0.0.1\n",
        dead_port(),
        callee.address.port()
    ));
    let folder = TempDir::new().unwrap();
    let text = policy(ANYWHERE, "sip:secretpeer.test", "sip:127.0.0.1:9", &dns(&server));
    let node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    for call_id in ["first", "second"] {
        let dialog = Dialog { call_id, privacy: "" };
        call(&dialog, &mut caller, &mut callee);
    }
    // It writes down everything, but not whom it asked for.
    let log = node.stop();
    assert!(log.contains("cleared"), "{log}");
    assert!(!log.contains("secretpeer") && !log.contains("secrethost"), "{log}");
}

//= LOC-007 type=test
#[test]
fn a_name_server_that_is_silent_ends_in_500_and_a_reload_asks_another() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let text = |server: String| {
        let dns = format!("[dns]\nservers = [\"{server}\"]\ntimeout = \"300ms\"\n");
        policy(ANYWHERE, "sip:peer.test;transport=udp", "sip:127.0.0.1:9", &dns)
    };
    let mut node = Node::start(folder.path(), &text(silent.local_addr().unwrap().to_string()));
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    caller.send(&message(&caller, 0));
    assert_eq!(caller.receive().start(), "SIP/2.0 500 Server Internal Error");
    let server = NameServer::start(&format!(
        "_sip._udp.peer 60 IN SRV 1 0 {} host\nhost 60 IN A 127.0.0.1\n",
        callee.address.port()
    ));
    std::fs::write(folder.path().join("policy.toml"), text(server.address.to_string())).unwrap();
    node.signal("HUP");
    node.waits_for("the new policy is in force");
    let answering = std::thread::spawn(move || {
        let request = callee.receive();
        callee.send(&respond(&request, "200 OK", "b", ""));
    });
    // Each worker takes up the policy when it comes round to it.
    let answers = (1..).map(|number| {
        caller.send(&message(&caller, number));
        caller.receive().start().to_owned()
    });
    let mut not_yet = answers.skip_while(|answer| answer.starts_with("SIP/2.0 500"));
    assert_eq!(not_yet.next().as_deref(), Some("SIP/2.0 200 OK"));
    answering.join().unwrap();
    node.stop();
}

fn message(caller: &Phone, number: u32) -> String {
    let address = caller.address;
    format!(
        "MESSAGE sip:bob@elsewhere.example SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:al@home1.example>;tag=a\r\nTo: <sip:bob@elsewhere.example>\r\n\
         Call-ID: call-{number}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
}

//= LOC-004 type=test
#[test]
fn a_closed_port_makes_room_for_the_next_hop_at_once() {
    let mut callee = Phone::on_udp();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    let hops = format!("sip:{closed}\", \"sip:{}", callee.address);
    let node = Node::start(folder.path(), &policy(ANYWHERE, &hops, "sip:127.0.0.1:9", ""));
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let dialog = Dialog {
        call_id: "past-a-closed-port",
        privacy: "",
    };
    // Without a word of ICMP it would take 32 seconds, longer than a phone here waits.
    call(&dialog, &mut caller, &mut callee);
    node.stop();
}
