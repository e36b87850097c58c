//! Connections that peers opened, used again: telephones that only call.

use std::net::{Shutdown, TcpStream};

use tempfile::TempDir;

use super::node::{Node, PATIENCE};
use super::phone::Phone;
use super::{ANYWHERE, Dialog, ok, policy};
use crate::world::{Sent, respond};

const CALL: Dialog = Dialog {
    call_id: "flow-call",
    privacy: "",
};

/// A call that stands: what the callee got.
fn stands(caller: &mut Phone, callee: &mut Phone, invite: &str) -> Sent {
    caller.send(invite);
    let invite = callee.receive_only("INVITE");
    callee.send(&ok(&invite, callee));
    let answer = caller.receive_only("SIP/2.0 200");
    caller.send(&CALL.later(caller, "ACK", 1, &answer));
    callee.receive_only("ACK");
    invite
}

fn start(callee: &Phone) -> (TempDir, Node) {
    let folder = TempDir::new().unwrap();
    let callee = format!("sip:{}", callee.address);
    let node = Node::start(folder.path(), &policy(ANYWHERE, &callee, "sip:127.0.0.1:9", ""));
    (folder, node)
}

/// Its Contact names the port it called from.
//= SEC-004 type=test
#[test]
fn the_callee_hangs_up_on_a_telephone_that_only_calls() {
    let mut callee = Phone::on_udp();
    let (_folder, node) = start(&callee);
    let mut caller = Phone::connected_to(node.address("core", "tcp"));
    let invite = CALL.invite(&caller);
    let invite = stands(&mut caller, &mut callee, &invite);
    callee.send(&CALL.callee_hangs_up(&callee, &invite));
    let bye = caller.receive_only("BYE");
    caller.send(&respond(&bye, "200 OK", "a", ""));
    callee.receive_only("SIP/2.0 200");
    node.stop();
}

//= LOC-004 type=test
#[test]
fn where_the_connection_is_gone_a_new_one_is_made_to_the_contact() {
    let (mut callee, mut contact) = (Phone::on_udp(), Phone::on_tcp());
    let (_folder, node) = start(&callee);
    let stream = TcpStream::connect_timeout(&node.address("core", "tcp"), PATIENCE).unwrap();
    let mut caller = Phone::on(stream.try_clone().unwrap());
    let there = format!("Contact: <sip:alice.liddell@{};", contact.address);
    let here = format!("Contact: <sip:alice.liddell@{};", caller.address);
    let invite = CALL.invite(&caller).replace(&here, &there);
    let invite = stands(&mut caller, &mut callee, &invite);
    // The proxy has noticed once it ends its side.
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(caller.is_closed());
    callee.send(&CALL.callee_hangs_up(&callee, &invite));
    let bye = contact.receive_only("BYE");
    contact.send(&respond(&bye, "200 OK", "a", ""));
    callee.receive_only("SIP/2.0 200");
    node.stop();
}
