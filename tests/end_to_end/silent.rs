//! The binary at the most talkative level names nobody, on its screen or in its log.

use super::authority::{Authority, dns};
use super::tls::{Border, CLIENTS, Callee, FRIEND, from_core, message};
use super::{CALLER, Dialog};
use crate::world::respond;

/// Who calls and is called here, what their machines are called, and parts of what they say.
const SECRETS: &[&str] = &[
    "liddell",
    "x@home2.example",
    "home2.example",
    "bob@",
    "elsewhere.example",
    "hatter",
    "secret-call",
    "z9hg4bk",
];

/// Calls with privacy both ways, refusals, what cannot be read, certificates that are worth nothing, and a callee that cannot
/// prove its name.
//= LI-008 type=test
#[test]
fn what_the_binary_writes_down_names_nobody() {
    let callee = Callee::new();
    let next_hop = format!("sip:localhost:{};transport=tls", callee.port);
    let mut border = Border::with("127.0.0.1:0", &next_hop, CLIENTS);
    let mut ports = Vec::new();
    // From outside, believed and not.
    let friend = border.authority.issue(&dns(&[FRIEND]));
    let stranger = border.authority.issue(&dns(&["hatter.example"]));
    border.asserts(Some(&friend));
    border.asserts(Some(&stranger));
    // Certificates that open nothing.
    let rogue = Authority::new().issue(&dns(&["hatter.example"]));
    assert!(border.refuses(Some(&rogue)));
    assert!(border.refuses(None));
    // What cannot be read, and what cannot be had.
    let mut outside = border.outside(Some(&stranger));
    ports.push(outside.address.port());
    let good = message(&outside, "secret-call-1");
    outside.send(&good.replace("CSeq: 1", "CSeq: hatter"));
    outside.receive_only("SIP/2.0 400");
    outside.send(
        &good
            .replace("Max-Forwards: 70", "Max-Forwards: 0")
            .replace("call-1", "call-2"),
    );
    outside.receive_only("SIP/2.0 483");
    outside.send("hatter hatter\r\n\r\n");
    // To a stranger who cannot prove its name, and to a friend who can.
    let mut caller = from_core(&border);
    ports.push(caller.address.port());
    let wrong = border.authority.issue(&dns(&["hatter.example"]));
    let right = border.authority.issue(&dns(&["localhost"]));
    let dialog = Dialog {
        call_id: "secret-call-3",
        privacy: "Privacy: user;id;critical\r\n",
    };
    caller.send(&dialog.invite(&caller));
    drop(super::phone::Phone::accepts(&callee.listener, wrong.server(None)));
    caller.receive_only("SIP/2.0 500");
    let dialog = Dialog {
        call_id: "secret-call-4",
        privacy: "Privacy: id\r\n",
    };
    caller.send(&dialog.invite(&caller));
    let mut called = super::phone::Phone::accepts(&callee.listener, right.server(Some(&border.authority))).unwrap();
    let seen = called.receive_only("INVITE");
    assert!(seen.text().contains(CALLER), "it is a friend: {}", seen.text());
    called.send(&respond(
        &seen,
        "486 Busy Here",
        "hatter",
        "Warning: 399 hatter.example \"busy\"\r\n",
    ));
    caller.receive_only("SIP/2.0 486");
    // What it counted, too.
    border.node.signal("USR1");
    border.node.waits_for("decided so far");
    let told = border.node.stop_with_screen().to_lowercase();
    for word in ["cleared", "refused", "dropped", "sipveil_requests_total"] {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} is told:\n{told}");
    }
    for port in ports {
        assert!(!told.contains(&format!(":{port}")), "{port} is told:\n{told}");
    }
}
