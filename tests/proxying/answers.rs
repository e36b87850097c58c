//! Requests that this node answers itself, and in which order it looks at them.

use super::{CORE, NET, ack_of, after, request, seconds, starts, to, world};
use crate::world::{World, respond};

fn answer(text: &str) -> String {
    let sent = world().packet("core", CORE, text);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent[0].start().to_owned()
}

//= PROXY-001 type=test
#[test]
fn the_first_check_that_fails_answers() {
    let fit = |uri: &str, hops: &str, requires: &str| {
        request(
            "INVITE",
            "net.example",
            "a",
            &format!("Max-Forwards: {hops}\r\nProxy-Require: {requires}\r\n"),
        )
        .replacen("sip:bob@net.example", uri, 1)
    };
    let bad_syntax = fit("foo:x", "0", "odd").replace("CSeq: 1 INVITE", "CSeq: x INVITE");
    assert!(answer(&bad_syntax).starts_with("SIP/2.0 400 "));
    assert!(answer(&fit("foo:x", "0", "odd")).starts_with("SIP/2.0 416 "));
    assert!(answer(&fit("sip:x@net.example", "0", "odd")).starts_with("SIP/2.0 483 "));
    assert!(answer(&fit("sip:x@net.example", "70", "odd")).starts_with("SIP/2.0 420 "));
    // A loop is seen before Proxy-Require is read, and after Max-Forwards.
    let mut world = world();
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "a", ""));
    let back = |branch: &str, hops: &str| {
        let via =
            format!("SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{branch}\r\nProxy-Require: odd\r\n");
        let text = sent[0].text().replacen("SIP/2.0\r\n", &via, 1);
        text.replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"))
    };
    let again = world.packet("core", CORE, &back("b", "69"));
    assert_eq!(starts(&again), ["SIP/2.0 482 Loop Detected"]);
    let again = world.packet("core", CORE, &back("c", "0"));
    assert_eq!(starts(&again), ["SIP/2.0 483 Too Many Hops"]);
}

//= PROXY-002 type=test
#[test]
fn an_extension_nobody_knows_is_named_and_no_other() {
    let mut world = world();
    let sent = world.packet(
        "core",
        CORE,
        &request(
            "MESSAGE",
            "net.example",
            "a",
            "Proxy-Require: foo, privacy, PATH\r\nProxy-Require: bar\r\n",
        ),
    );
    assert_eq!(starts(&sent), ["SIP/2.0 420 Bad Extension"]);
    let tags: Vec<&str> = sent[0]
        .rows("Unsupported")
        .iter()
        .flat_map(|row| row.split(", "))
        .collect();
    assert_eq!(tags, ["foo", "bar"]);
    // sec-agree is understood from UEs alone; Require is not for a proxy.
    let sent = world.packet(
        "core",
        CORE,
        &request("MESSAGE", "net.example", "b", "Proxy-Require: sec-agree\r\n"),
    );
    assert_eq!(sent[0].rows("Unsupported"), ["sec-agree"]);
    let sent = world.packet(
        "core",
        CORE,
        &request("MESSAGE", "net.example", "c", "Require: foo\r\n"),
    );
    assert_eq!(sent[0].to.to_string(), NET);
    // In an ACK and a CANCEL it counts for nothing.
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "d", ""));
    let cancel = request("CANCEL", "net.example", "d", "Proxy-Require: foo\r\n");
    assert_eq!(starts(&world.packet("core", CORE, &cancel)), ["SIP/2.0 200 OK"]);
    assert_eq!(sent.len(), 2);
}

//= PROXY-003 type=test
#[test]
fn max_forwards_counts_down_to_483() {
    let mut world = world();
    for (at, (given, left)) in [("70", "69"), ("1", "0"), ("255", "254")].into_iter().enumerate() {
        let text = request(
            "MESSAGE",
            "net.example",
            &format!("m{at}"),
            &format!("Max-Forwards: {given}\r\n"),
        );
        assert_eq!(world.packet("core", CORE, &text)[0].row("Max-Forwards"), Some(left));
    }
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "none", ""));
    assert_eq!(sent[0].row("Max-Forwards"), Some("70"));
    for method in ["INVITE", "OPTIONS", "REGISTER"] {
        let text = request(method, "net.example", "zero", "Max-Forwards: 0\r\n");
        assert_eq!(
            starts(&world.packet("core", CORE, &text)),
            ["SIP/2.0 483 Too Many Hops"]
        );
    }
}

//= PROXY-004 type=test
#[test]
fn a_request_that_comes_back_unchanged_is_a_loop_and_a_changed_one_a_spiral() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "ally.example", "a", ""));
    let out = sent.iter().find(|sent| sent.start().starts_with("INVITE")).unwrap();
    // A neighbour sends it back to us, its Via on top.
    let back = |uri: &str| {
        let via = "Via: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKback\r\n";
        let text = out.text().replacen("sip:bob@ally.example", uri, 1);
        let rows = text.find("\r\n").unwrap() + 2;
        format!("{}{via}{}", &text[..rows], &text[rows..])
    };
    let again = world.packet("core", CORE, &back("sip:bob@ally.example"));
    assert_eq!(starts(&again), ["SIP/2.0 482 Loop Detected"]);
    let spiral = back("sip:carol@ally.example").replace("z9hG4bKback", "z9hG4bKspiral");
    let again = world.packet("core", CORE, &spiral);
    assert!(
        again[0].start().starts_with("INVITE sip:carol@ally.example"),
        "{again:#?}"
    );
}

//= PROXY-010 type=test
//= PROXY-011 type=test
#[test]
fn strangers_get_no_relay_and_unknown_users_404() {
    let mut world = World::new(&super::wide().replace(
        "[[route]]\nfrom = \"net\"\nnext_hop = [\"sip:10.20.0.9:5060\"]\nvia = \"core\"\n",
        "",
    ));
    let from_net = |uri: &str, branch: &str, rows: &str| {
        request("INVITE", "x", branch, rows)
            .replacen("sip:bob@x", uri, 1)
            .replace("10.20.0.9:5060", "192.0.2.30:5060")
    };
    let stranger = "192.0.2.30:5060";
    let sent = world.packet("net", stranger, &from_net("sip:x@other.example", "a", ""));
    assert_eq!(starts(&sent), ["SIP/2.0 403 Forbidden"]);
    let sent = world.packet("net", stranger, &from_net("sip:x@home1.example", "b", ""));
    assert_eq!(starts(&sent), ["SIP/2.0 404 Not Found"]);
    let sent = world.packet(
        "net",
        stranger,
        &from_net("sip:x@home1.example", "c", "Route: <sip:203.0.113.5;lr>\r\n"),
    );
    assert_eq!(starts(&sent), ["SIP/2.0 403 Forbidden"]);
    let sent = world.packet(
        "net",
        stranger,
        &from_net("sip:x@home1.example;maddr=10.0.0.1", "d", ""),
    );
    assert!(sent[0].start().starts_with("SIP/2.0 40"), "{}", sent[0].start());
    // A node of T may name any place.
    let sent = world.packet(
        "core",
        CORE,
        &request("INVITE", "x", "e", "").replacen("bob@x", "x@203.0.113.5", 1),
    );
    assert_eq!(to(&sent, "203.0.113.5:5060").len(), 1, "{sent:#?}");
}

//= PROXY-026 type=test
#[test]
fn an_answer_of_ours_has_a_tag_and_a_forwarded_one_loses_one_via() {
    let mut world = world();
    let text = request("INVITE", "home1.example", "a", "");
    let sent = world.packet("core", CORE, &text);
    assert_eq!(starts(&sent), ["SIP/2.0 404 Not Found"]);
    assert!(sent[0].row("To").unwrap().contains(";tag="));
    world.packet("core", CORE, &ack_of(&text, &sent[0]));
    let tagged = request("BYE", "home1.example", "b", "")
        .replace("To: <sip:bob@home1.example>", "To: <sip:bob@home1.example>;tag=theirs");
    let sent = world.packet("core", CORE, &tagged);
    assert_eq!(sent[0].row("To"), Some("<sip:bob@home1.example>;tag=theirs"));
    let sent = world.packet(
        "core",
        CORE,
        &request(
            "MESSAGE",
            "ally.example",
            "c",
            "Via: SIP/2.0/TCP far;branch=z9hG4bKfar\r\n",
        ),
    );
    let given = respond(&sent[0], "200 OK", "b", "X-Row: \tas it is \r\nServer: x\r\n");
    let back = world.packet("net", "192.0.2.70:5060", &given);
    let own = given.split("\r\n").nth(1).unwrap();
    assert_eq!(back[0].text(), given.replacen(&format!("{own}\r\n"), "", 1));
}

//= TXN-004 type=test
#[test]
fn no_100_answers_a_non_invite_before_timer_e_is_long() {
    let mut world = world();
    world.packet("core", CORE, &request("MESSAGE", "net.example", "a", ""));
    let sent = world.pass(seconds(30));
    let answers: Vec<_> = sent.iter().filter(|(_, sent)| sent.to.to_string() == CORE).collect();
    assert!(
        answers
            .iter()
            .all(|(at, sent)| sent.start() == "SIP/2.0 100 Trying" && *at >= seconds(3)),
        "{answers:?}"
    );
    assert_eq!(answers.len(), 1);
}

//= TXN-002 type=test
#[test]
fn our_404_is_repeated_until_it_is_acknowledged() {
    let mut world = world();
    let text = request("INVITE", "home1.example", "a", "");
    let first = world.packet("core", CORE, &text).swap_remove(0);
    let times: Vec<u128> = world
        .pass(seconds(40))
        .iter()
        .map(|(at, sent)| {
            assert_eq!(sent.bytes, first.bytes);
            at.as_millis()
        })
        .collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(world.engine.transactions(), 0);
    // Acknowledged, it is not.
    let text = request("INVITE", "home1.example", "b", "");
    let first = world.packet("core", CORE, &text).swap_remove(0);
    assert!(world.packet("core", CORE, &ack_of(&text, &first)).is_empty());
    assert!(after(world.pass(seconds(40))).is_empty());
    assert_eq!(world.engine.transactions(), 0);
}
