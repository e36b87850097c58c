//! A UE over TLS that registers by SIP digest: its connection is its own, and another one is nobody's.

use std::net::{SocketAddr, TcpStream};

use tempfile::TempDir;

use super::authority::{Authority, connect, dns};
use super::node::Node;
use super::phone::Phone;
use crate::world::respond;

fn request(method: &str, from: SocketAddr, rows: &str) -> String {
    format!(
        "{method} sip:home1.example SIP/2.0\r\nVia: SIP/2.0/TLS {from};branch=z9hG4bK{method}{}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=u\r\nTo: <sip:ue@home1.example>\r\nCall-ID: {method}-{from}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:ue@{from};transport=tls>;expires=600\r\n{rows}Content-Length: 0\r\n\r\n",
        from.port()
    )
}

//= AKA-030 type=test
//= PCSCF-004 type=test
#[test]
fn who_registered_over_tls_is_known_on_that_connection_alone() {
    let (folder, authority, mut core) = (TempDir::new().unwrap(), Authority::new(), Phone::on_udp());
    authority.issue(&dns(&["edge.example"])).put(folder.path(), "edge");
    let believed = folder.path().join("edge.pem");
    let tls = format!("ca = {:?}", believed);
    let text = super::tls::policy(folder.path(), "127.0.0.1:0", "sip:127.0.0.1:9", core.address, &tls)
        .replace("peers = \"listed\"", "peers = \"ue\"")
        .replace("ue_security = [\"physical\"]", "ue_security = [\"tls\"]");
    let node = Node::start(folder.path(), &text);
    let edge = node.address("edge", "tls");
    let secured = || Phone::secured(connect(TcpStream::connect(edge).unwrap(), None).unwrap());
    let [mut ue, mut other] = [secured(), secured()];

    let credentials = "Authorization: Digest username=\"ue\", nonce=\"n\", response=\"0123\"\r\n";
    ue.send(&request("REGISTER", ue.address, credentials));
    let register = core.receive_only("REGISTER");
    let seen = register.row("Authorization").unwrap();
    assert!(
        seen.starts_with("Digest integrity-protected=\"tls-pending\", "),
        "{seen}"
    );
    let contact = format!("Contact: <sip:ue@{};transport=tls>;expires=600\r\n", ue.address);
    core.send(&respond(&register, "200 OK", "r", &contact));
    ue.receive_only("SIP/2.0 200");

    other.send(&request("INVITE", other.address, ""));
    other.receive_only("SIP/2.0 403");
    ue.send(&request("INVITE", ue.address, ""));
    let invite = core.receive_only("INVITE");
    assert_eq!(invite.rows("P-Asserted-Identity"), ["<sip:ue@home1.example>"]);
    core.send(&respond(&invite, "486 Busy Here", "r", ""));
    ue.receive_only("SIP/2.0 486");
    node.stop();
}
