//! The built binary between real sockets: few tests, which show that the wiring holds.

mod attacks;
mod auditing;
pub mod authority;
mod digest;
mod floods;
mod flows;
mod keys;
mod load;
pub mod node;
pub mod phone;
mod restart;
mod silent;
mod sipp;
mod tls;
mod ws;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;

use self::node::Node;
use self::phone::Phone;
use crate::world::{Sent, contact_uri, respond, routes};

/// Who calls, in every test here; no stranger may see it when it is to be hidden.
const CALLER: &str = "sip:alice.liddell@home1.example";

/// A PBX inside, strangers outside, both on this machine; calls from inside go to `callee`, calls from outside to `caller`.
pub fn policy(listen: [&str; 2], callee: &str, caller: &str, more: &str) -> String {
    let [core, outside] = listen;
    format!(
        r#"
schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["udp://{core}"], peers = "trusted", secured_by = "physical" }},
    {{ name = "outside", bind = ["udp://{outside}"], peers = "untrusted" }},
]
route = [
    {{ from = "core", next_hop = ["{callee}"], via = "outside" }},
    {{ from = "outside", next_hop = ["{caller}"], via = "core" }},
]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["physical"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 2
drain = "10s"
{more}"#
    )
}

pub const ANYWHERE: [&str; 2] = ["127.0.0.1:0", "127.0.0.1:0"];

pub struct Dialog<'a> {
    pub call_id: &'a str,
    pub privacy: &'a str,
}

impl Dialog<'_> {
    /// The request that opens it, from a caller inside.
    pub fn invite(&self, caller: &Phone) -> String {
        let (address, transport, call_id) = (caller.address, caller.via_transport(), self.call_id);
        format!(
            "INVITE sip:bob@elsewhere.example SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch=z9hG4bK{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice Liddell\" <{CALLER}>;tag=a\r\nTo: <sip:bob@elsewhere.example>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice.liddell@{address};transport={}>\r\n\
             P-Asserted-Identity: <{CALLER}>\r\n{}Content-Length: 0\r\n\r\n",
            transport.to_lowercase(),
            self.privacy
        )
    }

    /// A later request of the caller, after this answer.
    pub fn later(&self, caller: &Phone, method: &str, number: u32, ok: &Sent) -> String {
        let (address, transport, call_id) = (caller.address, caller.via_transport(), self.call_id);
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch=z9hG4bK{call_id}{method}\r\n\
             Max-Forwards: 70\r\n{}From: \"Alice Liddell\" <{CALLER}>;tag=a\r\nTo: {}\r\nCall-ID: {call_id}\r\n\
             CSeq: {number} {method}\r\nP-Asserted-Identity: <{CALLER}>\r\nContent-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap()),
            routes(&ok.rows("Record-Route"), true),
            ok.row("To").unwrap(),
        )
    }

    /// A BYE of the callee, who got this INVITE and answered with the tag `b`.
    pub fn callee_hangs_up(&self, callee: &Phone, invite: &Sent) -> String {
        let (address, transport, call_id) = (callee.address, callee.via_transport(), self.call_id);
        format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch=z9hG4bKbye{call_id}\r\nMax-Forwards: 70\r\n\
             {}From: {};tag=b\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            contact_uri(invite.row("Contact").unwrap()),
            routes(&invite.rows("Record-Route"), false),
            invite.row("To").unwrap(),
            invite.row("From").unwrap(),
        )
    }
}

pub fn ok(request: &Sent, phone: &Phone) -> String {
    let transport = phone.via_transport().to_lowercase();
    let contact = format!("Contact: <sip:bob@{};transport={transport}>\r\n", phone.address);
    respond(request, "200 OK", "b", &contact)
}

/// INVITE, 200, ACK, BYE, 200. Gives every message the callee got.
pub fn call(dialog: &Dialog, caller: &mut Phone, callee: &mut Phone) -> Vec<Sent> {
    caller.send(&dialog.invite(caller));
    let invite = callee.receive_only("INVITE");
    callee.send(&ok(&invite, callee));
    let answer = caller.receive_only("SIP/2.0 200");
    caller.send(&dialog.later(caller, "ACK", 1, &answer));
    let ack = callee.receive_only("ACK");
    caller.send(&dialog.later(caller, "BYE", 2, &answer));
    let bye = callee.receive_only("BYE");
    callee.send(&respond(&bye, "200 OK", "b", ""));
    let gone = caller.receive_only("SIP/2.0 200");
    assert_eq!(gone.row("CSeq"), Some("2 BYE"));
    assert!(gone.row("From").unwrap().contains(CALLER), "{}", gone.text());
    vec![invite, ack, bye]
}

fn assert_no_asserted_identity(seen: &[Sent]) {
    for message in seen {
        assert!(message.row("P-Asserted-Identity").is_none(), "{}", message.text());
    }
}

const ID: Dialog = Dialog {
    call_id: "id-call",
    privacy: "Privacy: id\r\n",
};

//= PRIV-031 type=test
//= PRIV-130 type=test
#[test]
fn a_call_over_udp_shows_a_stranger_no_asserted_identity() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let node = Node::start(
        folder.path(),
        &policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", ""),
    );
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let seen = call(&ID, &mut caller, &mut callee);
    assert_no_asserted_identity(&seen);
    assert_eq!(seen[0].row("Privacy"), Some("id"));
    // Without the wish it is shown: what was absent above was taken out.
    let open = Dialog {
        call_id: "open-call",
        privacy: "",
    };
    let seen = call(&open, &mut caller, &mut callee);
    assert!(seen[0].row("P-Asserted-Identity").unwrap().contains(CALLER));
    node.stop();
}

//= TPT-001 type=test
#[test]
fn a_call_over_tcp_shows_a_stranger_no_asserted_identity() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_tcp();
    let next_hop = format!("sip:{};transport=tcp", callee.address);
    let node = Node::start(folder.path(), &policy(ANYWHERE, &next_hop, "sip:127.0.0.1:9", ""));
    let mut caller = Phone::connected_to(node.address("core", "tcp"));
    assert_no_asserted_identity(&call(&ID, &mut caller, &mut callee));
    node.stop();
}

//= PROXY-013 type=test
#[test]
fn a_call_may_come_by_udp_and_leave_by_tcp() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_tcp();
    let next_hop = format!("sip:{};transport=tcp", callee.address);
    let node = Node::start(folder.path(), &policy(ANYWHERE, &next_hop, "sip:127.0.0.1:9", ""));
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let seen = call(&ID, &mut caller, &mut callee);
    assert_no_asserted_identity(&seen);
    let record_route = seen[0].rows("Record-Route");
    assert_eq!(record_route.len(), 2, "{}", seen[0].text());
    assert!(record_route[0].contains(";transport=tcp"));
    node.stop();
}

#[test]
fn requests_that_come_in_one_piece_or_in_several_are_all_answered() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let node = Node::start(
        folder.path(),
        &policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", ""),
    );
    let mut caller = Phone::connected_to(node.address("core", "tcp"));
    let options = |number: u32| {
        ID.invite(&caller)
            .replace("INVITE", "OPTIONS")
            .replace("id-call", &format!("options-{number}"))
    };
    let all = [options(0), options(1), options(2)].concat();
    let (first, rest) = all.split_at(all.len() / 2 + 7);
    caller.send(first);
    let mut seen = vec![callee.receive_only("OPTIONS")];
    caller.send(rest);
    while seen.len() < 3 {
        let next = callee.receive_only("OPTIONS");
        if seen.iter().all(|before| before.row("Call-ID") != next.row("Call-ID")) {
            seen.push(next);
        }
    }
    for request in &seen {
        callee.send(&respond(request, "200 OK", "b", ""));
    }
    let mut answered: Vec<String> = (0..3)
        .map(|_| caller.receive_only("SIP/2.0 200").row("Call-ID").unwrap().to_owned())
        .collect();
    answered.sort();
    assert_eq!(answered, ["options-0", "options-1", "options-2"]);
    assert_no_asserted_identity(&seen);
    node.stop();
}

#[test]
fn sigterm_lets_a_call_that_is_being_set_up_be_answered() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let mut node = Node::start(
        folder.path(),
        &policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", ""),
    );
    // Over TCP nothing lingers after the ACK.
    let mut caller = Phone::connected_to(node.address("core", "tcp"));
    caller.send(&ID.invite(&caller));
    let invite = callee.receive_only("INVITE");
    node.signal("TERM");
    node.waits_for("draining");
    callee.send(&respond(&invite, "486 Busy Here", "b", ""));
    let busy = caller.receive();
    assert_eq!(busy.start(), "SIP/2.0 486 Busy Here");
    let ack = ID
        .later(&caller, "ACK", 1, &respond_as_seen(&busy))
        .replace("id-callACK", "id-call");
    caller.send(&ack);
    let status = node.ends();
    assert_eq!(status.code(), Some(0), "{}", node.logged);
}

/// A failure has no Contact; the ACK of one goes to the first Request-URI.
fn respond_as_seen(failure: &Sent) -> Sent {
    let text = failure
        .text()
        .replacen("\r\n", "\r\nContact: <sip:bob@elsewhere.example>\r\n", 1);
    Sent {
        bytes: text.into(),
        ..failure.clone()
    }
}

#[test]
fn sighup_takes_a_sound_policy_and_refuses_another() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let text = policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", "");
    let mut node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let file = folder.path().join("policy.toml");
    let mut shows_identity = |call_id| {
        let open = Dialog { call_id, privacy: "" };
        call(&open, &mut caller, &mut callee)[0]
            .row("P-Asserted-Identity")
            .is_some()
    };
    assert!(shows_identity("before"));
    std::fs::write(&file, text.replace("default_privacy", "default_privaci")).unwrap();
    node.signal("HUP");
    node.waits_for("the running policy stays");
    assert!(shows_identity("kept"));
    let stricter = text.replace(r#"to_untrusted = "keep""#, r#"to_untrusted = "remove""#);
    std::fs::write(&file, stricter).unwrap();
    node.signal("HUP");
    node.waits_for("the new policy is in force");
    assert!(!shows_identity("stricter"));
    node.stop();
}

/// An address that nobody else takes, for a proxy that comes back to it: the tests of this process ask the system for ports of
/// 127.0.0.1 alone, and another process has another number.
fn own_address() -> SocketAddr {
    static TAKEN: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, high | 0x80, low, taken], 5060))
}

//= PRIV-135 type=test
//= PRIV-133 type=test
#[test]
fn a_restart_in_the_middle_of_a_call_forgets_nothing() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (core, outside) = (own_address().to_string(), own_address().to_string());
    let text = policy(
        [&core, &outside],
        &format!("sip:{}", callee.address),
        "sip:127.0.0.1:9",
        "key_file = \"hiding.keys\"\n",
    );
    let node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(core.parse().unwrap());
    let dialogs = ["caller-ends", "callee-ends"].map(|call_id| Dialog {
        call_id,
        privacy: "Privacy: user;id\r\n",
    });
    let mut calls = Vec::new();
    for dialog in &dialogs {
        caller.send(&dialog.invite(&caller));
        let invite = callee.receive_only("INVITE");
        callee.send(&ok(&invite, &callee));
        let answer = caller.receive_only("SIP/2.0 200");
        caller.send(&dialog.later(&caller, "ACK", 1, &answer));
        let ack = callee.receive_only("ACK");
        for seen in [&invite, &ack] {
            assert!(!seen.text().contains("liddell"), "{}", seen.text());
        }
        calls.push((invite, answer));
    }
    node.stop();
    let node = Node::start(folder.path(), &text);
    // The caller hangs up: anonymous as before.
    caller.send(&dialogs[0].later(&caller, "BYE", 2, &calls[0].1));
    let bye = callee.receive_only("BYE");
    assert!(!bye.text().to_lowercase().contains("liddell"), "{}", bye.text());
    assert_eq!(bye.row("From"), calls[0].0.row("From"));
    callee.send(&respond(&bye, "200 OK", "b", ""));
    let gone = caller.receive_only("SIP/2.0 200");
    assert!(gone.row("From").unwrap().contains(CALLER), "{}", gone.text());
    // The callee hangs up: the caller sees itself as it is.
    callee.send(&dialogs[1].callee_hangs_up(&callee, &calls[1].0));
    let bye = caller.receive_only("BYE");
    assert!(bye.start().starts_with("BYE sip:alice.liddell@"), "{}", bye.text());
    assert!(bye.row("To").unwrap().contains(CALLER), "{}", bye.text());
    caller.send(&respond(&bye, "200 OK", "a", ""));
    let gone = callee.receive_only("SIP/2.0 200");
    assert!(!gone.text().to_lowercase().contains("liddell"), "{}", gone.text());
    node.stop();
}

/// One side of the call speaks IPv4, the other IPv6; each sees addresses of its own family alone.
//= LOC-002 type=test
//= TPT-001 type=test
#[test]
fn a_call_may_cross_from_ipv4_to_ipv6_and_back() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp_at("[::1]:0".parse().unwrap());
    let next_hop = format!("sip:{}", callee.address);
    let text = policy(["127.0.0.1:0", "[::1]:0"], &next_hop, "sip:127.0.0.1:9", "");
    let node = Node::start(folder.path(), &text);
    for (number, transport) in ["udp", "tcp"].into_iter().enumerate() {
        let to = node.address("core", transport);
        let mut caller = match transport {
            "udp" => Phone::on_udp().calls(to),
            _ => Phone::connected_to(to),
        };
        let call_id = format!("families-{number}");
        let dialog = Dialog {
            call_id: &call_id,
            privacy: "Privacy: id\r\n",
        };
        let seen = call(&dialog, &mut caller, &mut callee);
        assert_no_asserted_identity(&seen);
        let via = seen[0].row("Via").unwrap();
        assert!(via.starts_with("SIP/2.0/UDP [::1]:"), "{via}");
        let record_route = seen[0].rows("Record-Route");
        assert!(record_route[0].contains("@[::1]:"), "{record_route:?}");
        assert!(record_route[1].contains("127.0.0.1:"), "{record_route:?}");
        // The callee hangs up another one: back across, to a caller that can be called.
        if transport == "tcp" {
            continue;
        }
        let call_id = format!("families-back-{number}");
        let dialog = Dialog {
            call_id: &call_id,
            privacy: "",
        };
        caller.send(&dialog.invite(&caller));
        let invite = callee.receive_only("INVITE");
        callee.send(&ok(&invite, &callee));
        let answer = caller.receive_only("SIP/2.0 200");
        caller.send(&dialog.later(&caller, "ACK", 1, &answer));
        callee.receive_only("ACK");
        callee.send(&dialog.callee_hangs_up(&callee, &invite));
        let bye = caller.receive_only("BYE");
        caller.send(&respond(&bye, "200 OK", "a", ""));
        assert_eq!(callee.receive_only("SIP/2.0 200").row("CSeq"), Some("1 BYE"));
    }
    node.stop();
}

/// Asked by a signal and when it ends, the proxy tells what all its workers decided.
//= SEC-010 type=test
#[test]
fn the_counters_of_all_workers_are_told_when_asked_and_at_the_end() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let node = Node::start_telling(
        folder.path(),
        &policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", ""),
        "info",
    );
    let mut node = node;
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    for call_id in ["count-1", "count-2", "count-3", "count-4"] {
        let privacy = "Privacy: id\r\n";
        call(&Dialog { call_id, privacy }, &mut caller, &mut callee);
    }
    node.signal("USR1");
    node.waits_for("decided so far");
    node.waits_for("sipveil_requests_total{method=\"INVITE\"}");
    assert!(node.logged.lines().last().unwrap().ends_with(" 4"), "{}", node.logged);
    let log = node.stop();
    let told = log.rsplit("decided so far").next().unwrap();
    let has = |line: &str| {
        let found = told
            .lines()
            .any(|told| told.split_whitespace().eq(line.split_whitespace()));
        assert!(found, "{line} is not in\n{told}");
    };
    has("sipveil_requests_total{method=\"INVITE\"} 4");
    has("sipveil_requests_total{method=\"BYE\"} 4");
    has("sipveil_pai_total{action=\"removed\",reason=\"id\"} 12");
    has("sipveil_privacy_total{value=\"id\"} 12");
    assert!(!log.contains("liddell") && !log.contains("count-1"));
}
