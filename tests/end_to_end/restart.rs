//! A process that is killed while UEs register, and the one after it.

use tempfile::TempDir;

use super::ANYWHERE;
use super::node::Node;
use super::phone::Phone;
use crate::world::respond;

const UES: usize = 60;
const ACKNOWLEDGED: usize = 40;

fn policy(listen: [&str; 2], registrar: &Phone) -> String {
    super::policy(
        listen,
        "sip:127.0.0.1:9",
        &format!("sip:{}", registrar.address),
        "key_file = \"sipveil.keys\"\n",
    )
    .replace("peers = \"untrusted\"", "peers = \"ue\", secured_by = \"physical\"")
        + "[store]\nurl = \"file:sipveil.redb\"\n"
}

fn register(ue: &Phone, number: usize) -> String {
    let at = ue.address;
    format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue{number}@home1.example>;tag=r\r\nTo: <sip:ue{number}@home1.example>\r\nCall-ID: r{number}\r\n\
         CSeq: 1 REGISTER\r\nContact: <sip:ue{number}@{at}>;expires=600\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Nobody who was told that it is registered is forgotten, and a call to it arrives at once.
//= PCSCF-033 type=test
#[test]
fn who_is_registered_stays_so_when_the_process_is_killed() {
    let folder = TempDir::new().unwrap();
    let mut registrar = Phone::on_udp();
    let node = Node::start(folder.path(), &policy(ANYWHERE, &registrar));
    let [core, outside] = ["core", "outside"].map(|listener| node.address(listener, "udp"));
    let mut ues: Vec<Phone> = (0..UES).map(|_| Phone::on_udp().calls(outside)).collect();
    let mut paths = Vec::new();
    for (number, ue) in ues.iter_mut().enumerate() {
        ue.send(&register(ue, number));
        let at_registrar = registrar.receive_only("REGISTER");
        paths.push(at_registrar.row("Path").unwrap().to_owned());
        let contact = format!("Contact: <sip:ue{number}@{}>;expires=600\r\n", ue.address);
        registrar.send(&respond(&at_registrar, "200 OK", "s", &contact));
        if number < ACKNOWLEDGED {
            ue.receive_only("SIP/2.0 200");
        }
    }
    // Killed, not ended, with registrations under way.
    drop(node);
    let text = policy([&core.to_string(), &outside.to_string()], &registrar);
    let node = Node::start(folder.path(), &text);
    let mut network = Phone::on_udp().calls(core);
    for (number, ue) in ues.iter_mut().enumerate().take(ACKNOWLEDGED) {
        network.send(&format!(
            "MESSAGE sip:ue{number}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKm{number}\r\nMax-Forwards: 70\r\n\
             Route: {}\r\nFrom: <sip:al@home1.example>;tag=a\r\nTo: <sip:ue{number}@home1.example>\r\nCall-ID: m{number}\r\n\
             CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
            ue.address, network.address, paths[number]
        ));
        let message = ue.receive_only("MESSAGE");
        ue.send(&respond(&message, "200 OK", "u", ""));
        network.receive_only("SIP/2.0 200");
    }
    node.stop();
}
