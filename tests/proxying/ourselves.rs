//! What is asked of this node itself, and what an answer of its own does not tell.

use super::{CORE, NET, request, starts, to, wide, world};
use crate::legs::{self, UE};
use crate::world::World;

/// An OPTIONS with this Request-URI, from the sender's own address.
fn options(from: &str, uri: &str, branch: &str, rows: &str) -> String {
    request("OPTIONS", "x", branch, rows)
        .replacen("sip:bob@x", uri, 1)
        .replace("10.20.0.9:5060", from)
}

//= PROXY-030 type=test
#[test]
fn options_for_this_node_say_what_it_can() {
    let mut world = legs::world_of(&wide(), &[UE]);
    let mut next = 0;
    let mut ask = |listener: &str, from: &str, uri: &str, rows: &str| {
        next += 1;
        let sent = world.packet(listener, from, &options(from, uri, &format!("o{next}"), rows));
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent[0].clone()
    };
    let own_route = "Route: <sip:10.20.0.1:5060;lr>\r\n";
    for (listener, from, uri, rows) in [
        ("core", CORE, "sip:10.20.0.1", ""),
        ("core", CORE, "sip:10.20.0.1:5060;transport=udp", own_route),
        ("net", NET, "sip:192.0.2.1", ""),
        ("access", UE.address, "sip:10.30.0.1", ""),
    ] {
        let answer = ask(listener, from, uri, rows);
        assert_eq!(
            (answer.start(), answer.to.to_string()),
            ("SIP/2.0 200 OK", from.to_owned()),
            "{uri}"
        );
        assert_eq!(answer.rows("Supported"), ["path, outbound, privacy, sec-agree"]);
        assert!(answer.row("Allow").unwrap().contains("INVITE") && answer.row("Accept").is_some());
        assert!(answer.row("To").unwrap().contains(";tag="));
    }
    // With a user, or with a Route that leads on, it is for somebody else.
    let answer = ask("core", CORE, "sip:bob@10.20.0.1", "");
    assert_eq!(answer.start(), "SIP/2.0 404 Not Found");
    let route = "Route: <sip:192.0.2.77;lr>\r\n";
    assert_eq!(
        ask("core", CORE, "sip:10.20.0.1", route).to.to_string(),
        "192.0.2.77:5060"
    );
    // What is not fit is not answered with 200.
    let answer = ask("core", CORE, "sip:10.20.0.1", "Max-Forwards: 0\r\n");
    assert_eq!(answer.start(), "SIP/2.0 483 Too Many Hops");
    let answer = ask("core", CORE, "sip:10.20.0.1", "Proxy-Require: foo\r\n");
    assert_eq!(answer.start(), "SIP/2.0 420 Bad Extension");
}

//= PROXY-030 type=test
#[test]
fn a_stranger_that_asks_what_we_can_gets_what_the_policy_says() {
    for (word, answers) in [
        ("answer", &["SIP/2.0 200 OK"][..]),
        ("refuse", &["SIP/2.0 403 Forbidden"]),
        ("drop", &[]),
    ] {
        let mut world = World::new(&(wide() + &format!("[proxy]\noptions_from_strangers = \"{word}\"\n")));
        let sent = world.packet("net", NET, &options(NET, "sip:192.0.2.1", "a", ""));
        assert_eq!(starts(&sent), answers);
        if word == "drop" {
            assert_eq!(world.engine.transactions(), 0, "silence takes no room");
        }
        let sent = world.packet("core", CORE, &options(CORE, "sip:10.20.0.1", "b", ""));
        assert_eq!(starts(&sent), ["SIP/2.0 200 OK"], "a node of T");
    }
}

//= PROXY-030 type=test
#[test]
fn one_request_by_two_paths_is_forwarded_twice() {
    let mut world = world();
    let text = request("INVITE", "net.example", "a", "");
    let merged = text.replace("branch=z9hG4bKa", "branch=z9hG4bKother");
    let both: Vec<_> = [text, merged]
        .iter()
        .map(|text| to(&world.packet("core", CORE, text), NET)[0].clone())
        .collect();
    assert_eq!(both[0].row("Call-ID"), both[1].row("Call-ID"));
    assert_ne!(both[0].row("Via"), both[1].row("Via"));
}

//= SEC-005 type=test
#[test]
fn outside_nobody_learns_why_nobody_is_there() {
    let no_route = "[[route]]\nfrom = \"net\"\nnext_hop = [\"sip:10.20.0.9:5060\"]\nvia = \"core\"\n";
    let gone = "[[route]]\nfrom = \"net\"\ndomain = [\"gone.example\"]\nnext_hop = [\"sip:x;transport=none\"]\nvia = \"core\"\n";
    for (line, from_net) in [
        ("", "SIP/2.0 404 Not Found"),
        ("absent_code = 404\n", "SIP/2.0 404 Not Found"),
        ("absent_code = 480\n", "SIP/2.0 480 Temporarily Unavailable"),
    ] {
        let policy = wide().replace(no_route, gone) + "[proxy]\n" + line;
        let mut world = World::new(&policy);
        let mut ask = |listener: &str, from: &str, domain: &str| {
            let text = request("MESSAGE", domain, &format!("{listener}{domain}"), "").replace("10.20.0.9:5060", from);
            let sent = world.packet(listener, from, &text);
            assert_eq!(sent.len(), 1, "{sent:#?}");
            let tail = sent[0].text().split_once("\r\n").unwrap().1.to_owned();
            (sent[0].start().to_owned(), tail)
        };
        let (unknown, tail) = ask("net", NET, "home1.example");
        let (unreachable, other_tail) = ask("net", NET, "gone.example");
        assert_eq!((unknown.as_str(), unreachable.as_str()), (from_net, from_net), "{line}");
        assert_eq!(tail.lines().count(), other_tail.lines().count());
        // A node of T is told.
        assert_eq!(ask("core", CORE, "home1.example").0, "SIP/2.0 404 Not Found");
    }
}
