//! CANCEL, the ACKs, and Timer C.

use super::{CORE, NET, ack_of, after, request, seconds, starts, to, world};
use crate::world::{respond, routes};

//= PROXY-027 type=test
#[test]
fn a_cancel_is_answered_at_once_and_waits_for_a_provisional_response() {
    let mut world = world();
    let invite = request("INVITE", "net.example", "a", "Subject: x\r\nRequire: y\r\n");
    let sent = world.packet("core", CORE, &invite);
    let out = to(&sent, NET)[0].clone();
    let cancel = request("CANCEL", "net.example", "a", "Reason: SIP;cause=200\r\n");
    let sent = world.packet("core", CORE, &cancel);
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK"]);
    assert_eq!(sent[0].row("CSeq"), Some("1 CANCEL"));
    // Its 100 comes, and the CANCEL goes: every field of the INVITE as sent.
    let sent = world.packet("net", NET, &respond(&out, "100 Trying", "b", ""));
    assert_eq!(sent.len(), 1);
    let cancel_out = sent[0].clone();
    assert_eq!(cancel_out.start(), out.start().replace("INVITE", "CANCEL"));
    assert_eq!(cancel_out.rows("Via"), out.rows("Via")[..1]);
    for name in ["From", "To", "Call-ID", "Route"] {
        assert_eq!(cancel_out.rows(name), out.rows(name), "{name}");
    }
    assert_eq!(cancel_out.row("CSeq"), Some("1 CANCEL"));
    assert!(cancel_out.rows("Require").is_empty() && cancel_out.rows("Subject").is_empty());
    assert_eq!(cancel_out.to, out.to);
    // The same CANCEL again is answered again, and causes nothing.
    assert_eq!(starts(&world.packet("core", CORE, &cancel)), ["SIP/2.0 200 OK"]);
    // The callee ends it: a 487 upstream, an ACK downstream; and the answer to the CANCEL ends here.
    assert!(
        world
            .packet("net", NET, &respond(&cancel_out, "200 OK", "b", ""))
            .is_empty()
    );
    let sent = world.packet("net", NET, &respond(&out, "487 Request Terminated", "b", ""));
    assert_eq!(
        starts(&to(&sent, CORE).into_iter().cloned().collect::<Vec<_>>()),
        ["SIP/2.0 487 Request Terminated"]
    );
    let ack = to(&sent, NET)[0];
    assert_eq!(ack.start(), out.start().replace("INVITE", "ACK"));
    assert_eq!(ack.rows("Via"), out.rows("Via")[..1]);
    assert!(ack.row("To").unwrap().ends_with(";tag=b"));
    let failure = to(&sent, CORE)[0].clone();
    assert!(world.packet("core", CORE, &ack_of(&invite, &failure)).is_empty());
    world.pass(seconds(200));
    assert_eq!(world.engine.transactions(), 0);
}

//= PROXY-027 type=test
#[test]
fn a_cancel_after_ringing_leaves_at_once_and_a_reason_stays_in_the_domain() {
    for (domain, hop, reason) in [
        ("ally.example", "192.0.2.70:5060", Some("SIP;cause=200")),
        ("net.example", NET, None),
    ] {
        let mut world = world();
        let sent = world.packet("core", CORE, &request("INVITE", domain, "a", ""));
        let out = to(&sent, hop)[0].clone();
        world.packet("net", hop, &respond(&out, "180 Ringing", "b", ""));
        let sent = world.packet(
            "core",
            CORE,
            &request("CANCEL", domain, "a", "Reason: SIP;cause=200\r\n"),
        );
        assert_eq!(sent.len(), 2);
        assert_eq!(to(&sent, CORE)[0].start(), "SIP/2.0 200 OK");
        assert_eq!(to(&sent, hop)[0].row("Reason"), reason, "{domain}");
    }
}

//= PROXY-027 type=test
//= TXN-005 type=test
#[test]
fn a_cancel_of_nothing_is_481() {
    let mut world = world();
    let cancel = request("CANCEL", "net.example", "a", "");
    let from_net = |text: &str| text.replace("10.20.0.9", "192.0.2.30");
    let sent = world.packet("net", "192.0.2.30:5060", &from_net(&cancel));
    assert_eq!(starts(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    // A branch copied by another stranger cancels nothing.
    let invite = from_net(&request("INVITE", "net.example", "b", ""));
    let out = world.packet("net", "192.0.2.30:5060", &invite);
    let cancel = from_net(&request("CANCEL", "net.example", "b", ""));
    let sent = world.packet("net", "192.0.2.31:5060", &cancel);
    assert_eq!(starts(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    let sent = world.packet("net", "192.0.2.30:5060", &cancel);
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK"]);
    assert_eq!(to(&out, NET).len(), 1);
    // After a 2xx there is nothing to cancel any more.
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "c", ""));
    let out = to(&sent, NET)[0].clone();
    world.packet("net", NET, &respond(&out, "200 OK", "b", ""));
    let sent = world.packet("core", CORE, &request("CANCEL", "net.example", "c", ""));
    assert!(to(&sent, NET).is_empty(), "{sent:#?}");
}

//= PROXY-027 type=test
#[test]
fn a_cancelled_invite_that_nobody_answers_ends() {
    let mut world = world();
    let invite = request("INVITE", "net.example", "a", "");
    let sent = world.packet("core", CORE, &invite);
    let out = to(&sent, NET)[0].clone();
    world.packet("core", CORE, &request("CANCEL", "net.example", "a", ""));
    world.packet("net", NET, &respond(&out, "180 Ringing", "b", ""));
    let sent = after(world.pass(seconds(33)));
    let final_one = to(&sent, CORE)[0].clone();
    assert_eq!(final_one.start(), "SIP/2.0 487 Request Terminated");
    world.packet("core", CORE, &ack_of(&invite, &final_one));
    world.pass(seconds(100));
    assert_eq!(world.engine.transactions(), 0);
}

//= PROXY-029 type=test
//= TXN-001 type=test
#[test]
fn the_ack_of_a_failure_ends_here_and_the_ack_of_a_2xx_passes() {
    let mut world = world();
    let invite = request("INVITE", "net.example", "a", "Contact: <sip:al@10.20.0.9>\r\n");
    let sent = world.packet("core", CORE, &invite);
    let out = to(&sent, NET)[0].clone();
    let sent = world.packet("net", NET, &respond(&out, "486 Busy Here", "b", ""));
    assert_eq!(to(&sent, NET)[0].start(), "ACK sip:bob@net.example SIP/2.0");
    let ack = to(&sent, NET)[0].clone();
    let failure = to(&sent, CORE)[0].clone();
    // The failure again: the same ACK again, and nothing upstream.
    let again = world.packet("net", NET, &respond(&out, "486 Busy Here", "b", ""));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].bytes, ack.bytes);
    assert!(world.packet("core", CORE, &ack_of(&invite, &failure)).is_empty());
    assert!(world.packet("core", CORE, &ack_of(&invite, &failure)).is_empty());
    // A 2xx.
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "b", ""));
    let out = to(&sent, NET)[0].clone();
    let ok = respond(&out, "200 OK", "b", "Contact: <sip:bob@192.0.2.9:5099>\r\n");
    let back = world.packet("net", NET, &ok).swap_remove(0);
    let ack = |route: &str| {
        format!(
            "ACK sip:bob@192.0.2.9:5099 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKack\r\n{route}\
             From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@net.example>;tag=b\r\nCall-ID: call-b\r\n\
             CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let route = routes(&back.rows("Record-Route"), true);
    let sent = world.packet("core", CORE, &ack(&route));
    assert_eq!(sent[0].to.to_string(), "192.0.2.9:5099");
    assert_eq!(sent[0].rows("Via").len(), 2);
    assert_ne!(sent[0].rows("Via")[0], out.rows("Via")[0], "a branch of its own");
    // A token that is not of this dialog: nothing, neither forwards nor back.
    let stale = ack(&route).replace("call-b", "call-c");
    assert!(world.packet("core", CORE, &stale).is_empty());
}

/// The ACK of a failure that comes when its transaction is over would show a stranger what the INVITE did not.
//= PRIV-130 type=test
//= PRIV-134 type=test
#[test]
fn a_late_ack_of_a_failure_shows_nothing() {
    let mut world = world();
    let invite = request("INVITE", "net.example", "a", "Privacy: user;id\r\n");
    let sent = world.packet("core", CORE, &invite);
    let out = to(&sent, NET)[0].clone();
    let sent = world.packet("net", NET, &respond(&out, "486 Busy Here", "b", ""));
    let failure = to(&sent, CORE)[0].clone();
    world.pass(seconds(100));
    assert_eq!(world.engine.transactions(), 0);
    assert!(world.packet("core", CORE, &ack_of(&invite, &failure)).is_empty());
}

//= PROXY-019 type=test
#[test]
fn timer_c_cancels_185_seconds_after_the_last_provisional() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "a", ""));
    let out = to(&sent, NET)[0].clone();
    let ringing = respond(&out, "180 Ringing", "b", "");
    world.packet("net", NET, &ringing);
    assert!(world.pass(seconds(100)).is_empty());
    world.packet("net", NET, &ringing);
    assert!(world.pass(seconds(184)).is_empty());
    let sent = world.pass(seconds(2));
    let (at, cancel) = &sent[0];
    assert_eq!((at.as_secs(), cancel.row("CSeq")), (1, Some("1 CANCEL")));
    // Nobody answers that either: 408, after as long as a CANCEL is repeated.
    let sent = after(world.pass(seconds(40)));
    assert_eq!(to(&sent, CORE)[0].start(), "SIP/2.0 408 Request Timeout");
    world.pass(seconds(100));
    assert_eq!(world.engine.transactions(), 0);
}
