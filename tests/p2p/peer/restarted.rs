//! The built proxy, killed while peers share, and the one after it.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use sipveil::ppsp::request::{Shown, What};
use sipveil::ppsp::response::SwarmResult;
use sipveil::ppsp::{ChunkMap, Fault, Request, SwarmId};
use tempfile::TempDir;

use super::announce::{self, EVENT, MEDIA_TYPE, Refused};
use super::content::Whole;
use super::keyfile::Secret;
use super::source::{Folder, Wish, publish};
use super::{now, random};
use crate::end_to_end::node::Node;
use crate::end_to_end::phone::Phone;
use crate::world::{Sent, respond};

const SOURCE: &str = "studio.example";

/// What is shared, and the network behind the proxy.
struct Ground {
    folder: TempDir,
    content: Whole,
    source_key: String,
    registrar: Phone,
}

impl Ground {
    fn new() -> Ground {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        let plain: Vec<u8> = (0..600_000).map(|at| (at / 1024 + at) as u8).collect();
        std::fs::write(path.join("film"), plain).unwrap();
        let source = Secret::load_or_make(&path.join("source.key")).unwrap();
        let wish = Wish {
            title: "film",
            source: SOURCE,
            cache: None,
            is_encrypted: false,
            tracker_key: random::bytes(),
            is_closed: false,
            at: now(),
        };
        let files = Folder::of(&path.join("published"));
        let manifest = publish(&path.join("film"), &files, &wish, &source.signing).unwrap();
        Ground {
            content: Whole::open(&files.content(), &manifest).unwrap(),
            source_key: BASE64URL_NOPAD.encode(&source.public().unwrap().signs),
            registrar: Phone::on_udp(),
            folder,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn swarm(&self) -> SwarmId {
        self.content.tree().root()
    }

    /// A proxy on what is in the folder, with a network of its own behind it.
    fn node(&mut self) -> Node {
        // It answers who asked it first.
        self.registrar = Phone::on_udp();
        let (registrar, source_key) = (self.registrar.address, &self.source_key);
        let policy = format!(
            r#"schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["udp://127.0.0.1:0"], peers = "trusted", secured_by = "physical" }},
    {{ name = "access", bind = ["tcp://127.0.0.1:0"], peers = "ue", secured_by = "physical" }},
]
route = [{{ from = "access", next_hop = ["sip:{registrar}"], via = "core" }}]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["physical"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 1
drain = "10s"
key_file = "sipveil.keys"
[store]
url = "file:sipveil.redb"
[privacy]
values = ["none", "id", "critical", "user", "header", "history"]
[p2p]
tracker = "embedded"
domain = "p2p.home1.example"
manifests = ["published/content.manifest"]
sources = [{{ name = "{SOURCE}", key = "{source_key}" }}]
"#
        );
        Node::start(self.path(), &policy)
    }

    /// Whether a file holds this in clear.
    fn shows(&self, file: &str, word: &str) -> bool {
        let bytes = std::fs::read(self.path().join(file)).unwrap();
        bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes())
    }

    fn registered(&mut self, node: &Node, name: &'static str) -> Peer {
        let phone = Phone::connected_to(node.address("access", "tcp"));
        let mut peer = Peer { phone, name, number: 0 };
        let (contact, own) = (peer.contact(), peer.identity());
        peer.sends(
            "REGISTER",
            "sip:home1.example",
            &own,
            &format!("Contact: <{contact}>;expires=600\r\n"),
            b"",
        );
        let at_registrar = self.registrar.receive_only("REGISTER");
        let contact = format!("Contact: <{contact}>;expires=600\r\n");
        self.registrar.send(&respond(&at_registrar, "200 OK", "s", &contact));
        peer.phone.receive_only("SIP/2.0 200");
        peer
    }
}

/// A UE on one connection.
struct Peer {
    phone: Phone,
    name: &'static str,
    number: u32,
}

impl Peer {
    fn identity(&self) -> String {
        format!("sip:{}.liddell@home1.example", self.name)
    }

    /// The same on each connection: it is the same device.
    fn contact(&self) -> String {
        format!("sip:{}@192.0.2.7:5060;transport=tcp", self.name)
    }

    fn sends(&mut self, method: &str, uri: &str, to: &str, rows: &str, body: &[u8]) {
        self.number += 1;
        let (number, name, own, at) = (self.number, self.name, self.identity(), self.phone.address);
        let call_id = random::word();
        self.phone.send(&format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {at};branch=z9hG4bK{name}{number}{call_id}\r\nMax-Forwards: 70\r\n\
             From: <{own}>;tag=f\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n{rows}\
             Content-Length: {}\r\n\r\n{}",
            body.len(),
            std::str::from_utf8(body).unwrap()
        ));
    }

    fn publishes(&mut self, etag: Option<&str>, body: &[u8]) -> Sent {
        let (own, if_match) = (self.identity(), etag.map(|etag| format!("SIP-If-Match: {etag}\r\n")));
        let typed = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {MEDIA_TYPE}\r\n")
        };
        let rows = format!(
            "Event: {EVENT}\r\nAccept: {MEDIA_TYPE}\r\n{typed}{}",
            if_match.unwrap_or_default()
        );
        self.sends("PUBLISH", &own, &own, &rows, body);
        self.phone.receive()
    }

    fn joins(&mut self, ground: &Ground, is_whole: bool) -> Result<(String, SwarmResult), Refused> {
        let pieces = ground.content.layout().pieces();
        let map = match is_whole {
            true => ChunkMap::full(pieces),
            false => ChunkMap::of_ranges(pieces, &[]).unwrap(),
        };
        let answer = self.publishes(None, &announce::join(ground.swarm(), map, Vec::new()));
        let told = announce::told(ground.swarm(), body(&answer).as_bytes())?;
        Ok((answer.row("SIP-ETag").unwrap().to_owned(), told))
    }

    /// Announces all of it, and proves that as it can; gives the tag.
    fn shares(&mut self, ground: &Ground, is_honest: bool) -> Result<String, Refused> {
        let (etag, told) = self.joins(ground, true)?;
        let asked = told.challenge.expect("a challenge");
        let mut proof = announce::proof(ground.swarm(), &asked, Some(&ground.content)).unwrap();
        if !is_honest {
            let mut request = Request::read(&proof).unwrap();
            if let What::StatReport(report) = &mut request.what
                && let Some(proof) = &mut report.proof
                && let Shown::Tree { leaves, .. } = &mut proof.shown
            {
                leaves[0][0] ^= 1;
            }
            proof = request.to_bytes();
        }
        let answer = self.publishes(Some(&etag), &proof);
        announce::told(ground.swarm(), body(&answer).as_bytes())?;
        Ok(answer.row("SIP-ETag").unwrap().to_owned())
    }

    /// What the others are called.
    fn listed(&mut self, ground: &Ground) -> Vec<String> {
        let uri = format!("sip:sw.{}@p2p.home1.example", ground.swarm().text());
        let rows = format!(
            "Contact: <{}>\r\nEvent: {EVENT}\r\nExpires: 0\r\nContent-Type: {MEDIA_TYPE}\r\n",
            self.contact()
        );
        self.sends("SUBSCRIBE", &uri, &uri, &rows, &announce::find(ground.swarm(), 8));
        assert_eq!(self.phone.receive().start(), "SIP/2.0 200 OK");
        let notify = self.phone.receive_only("NOTIFY");
        self.phone.send(&respond(&notify, "200 OK", "", ""));
        let told = announce::told(ground.swarm(), body(&notify).as_bytes()).unwrap();
        told.peers.into_iter().map(|peer| peer.id).collect()
    }

    /// Asks a peer by what it is called; its answer, if it gets the question.
    fn asks(&mut self, id: &str, other: &mut Peer) -> String {
        self.sends("OPTIONS", id, id, "", b"");
        let asked = other.phone.receive_only("OPTIONS");
        other.phone.send(&respond(&asked, "200 OK", "o", ""));
        self.phone.receive_only("SIP/2.0 200").start().to_owned()
    }

    fn asks_in_vain(&mut self, id: &str) -> String {
        self.sends("OPTIONS", id, id, "", b"");
        self.phone.receive().start().to_owned()
    }
}

fn body(sent: &Sent) -> &str {
    sent.text().split_once("\r\n\r\n").unwrap().1
}

/// What was told stays true: nobody gets what is another's, and who is out is out.
//= P2P-042 type=test
//= P2P-111 type=test
//= P2P-141 type=test
#[test]
fn who_stood_where_and_who_is_out_is_known_when_the_process_is_killed() {
    let mut ground = Ground::new();
    let node = ground.node();
    let [mut alice, mut bob, mut mallory] = ["alice", "bob", "mallory"].map(|name| ground.registered(&node, name));
    bob.joins(&ground, false).unwrap();
    let etag = alice.shares(&ground, true).unwrap();
    let refused = mallory.shares(&ground, false).unwrap_err();
    assert_eq!(refused, Refused::Fault(Fault::ProofFailed));
    let id = bob.listed(&ground).remove(0);
    assert_eq!(bob.asks(&id, &mut alice), "SIP/2.0 200 OK");
    // Killed, not ended.
    drop(node);
    let node = ground.node();
    // Others come first.
    let [mut carol, mut bob, mut mallory, mut alice] =
        ["carol", "bob", "mallory", "alice"].map(|name| ground.registered(&node, name));
    carol.joins(&ground, false).unwrap();
    bob.joins(&ground, false).unwrap();
    assert_eq!(bob.asks_in_vain(&id), "SIP/2.0 404 Not Found");
    let stale = alice.publishes(Some(&etag), b"");
    assert_eq!(stale.start(), "SIP/2.0 412 Conditional Request Failed");
    alice.shares(&ground, true).unwrap();
    assert_eq!(bob.asks(&id, &mut alice), "SIP/2.0 200 OK");
    assert_eq!(mallory.joins(&ground, true).err(), Some(Refused::Fault(Fault::Rate)));
    assert!(!ground.shows("sipveil.redb", "liddell") && !ground.shows("sipveil.redb", "192.0.2.7"));
    node.stop();
}

//= P2P-042 type=test
//= P2P-142 type=test
#[test]
fn who_announced_need_not_do_so_anew_when_the_process_was_ended() {
    let mut ground = Ground::new();
    let mut node = ground.node();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| ground.registered(&node, name));
    let (of_bob, _) = bob.joins(&ground, false).unwrap();
    let of_alice = alice.shares(&ground, true).unwrap();
    let id = bob.listed(&ground).remove(0);
    node.signal("TERM");
    assert!(node.ends().success());
    let node = ground.node();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| ground.registered(&node, name));
    assert_eq!(bob.listed(&ground).len(), 1);
    for (peer, etag) in [(&mut alice, of_alice), (&mut bob, of_bob)] {
        assert_eq!(peer.publishes(Some(&etag), b"").start(), "SIP/2.0 200 OK");
    }
    assert_eq!(bob.asks(&id, &mut alice), "SIP/2.0 200 OK");
    assert!(!ground.shows("sipveil.redb.peers", "192.0.2.7"));
    node.stop();
}
