//! Record-Route, Route, and the way back of responses.

use super::{CORE, NET, request, seconds, starts, to, world};
use crate::world::{World, contact_uri, respond, routes};

//= PROXY-013 type=test
#[test]
fn what_opens_a_dialog_is_record_routed_and_nothing_else_is() {
    let mut world = world();
    for method in ["INVITE", "SUBSCRIBE", "REFER", "NOVEL"] {
        let sent = world.packet("core", CORE, &request(method, "net.example", method, ""));
        let out = to(&sent, NET)[0];
        let rows = out.rows("Record-Route");
        assert_eq!(rows.len(), 2, "{method}: its two sides differ");
        assert!(
            rows[0].contains("@192.0.2.1:5060") && rows[1].contains("10.20.0.1:5060"),
            "{rows:?}"
        );
        assert!(rows.iter().all(|row| row.contains(";lr") && !row.contains("transport")));
    }
    for method in ["MESSAGE", "OPTIONS", "PUBLISH", "INFO"] {
        let sent = world.packet("core", CORE, &request(method, "net.example", method, ""));
        assert!(to(&sent, NET)[0].rows("Record-Route").is_empty(), "{method}");
    }
    // One side for both: one value.
    let text = request("INVITE", "net.example", "same", "").replace("10.20.0.9", "192.0.2.70");
    let sent = world.packet("net", "192.0.2.70:5060", &text);
    assert_eq!(to(&sent, NET)[0].rows("Record-Route").len(), 1);
}

//= PROXY-013 type=test
#[test]
fn tcp_in_and_udp_out_is_told_in_both_values() {
    let mut world = world();
    let text = request("INVITE", "net.example", "a", "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let sent = world.stream("core", "10.20.0.9:4711", 5, &text);
    let out = to(&sent, NET)[0].clone();
    let rows = out.rows("Record-Route");
    assert!(
        !rows[0].contains("transport") && rows[0].contains("192.0.2.1"),
        "{rows:?}"
    );
    assert!(rows[1].contains("10.20.0.1:5060;transport=tcp;lr"), "{rows:?}");
    // A response passes with them untouched, over the connection the request came by.
    let back = world.packet(
        "net",
        NET,
        &respond(&out, "200 OK", "b", "Contact: <sip:bob@192.0.2.9>\r\n"),
    );
    assert_eq!(back[0].connection.map(|connection| connection.0), Some(5));
    assert_eq!(back[0].rows("Record-Route"), rows);
    // The callee's BYE goes to the caller over TCP.
    let bye = format!(
        "BYE sip:al@10.20.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKb\r\n{}From: <sip:bob@x>;tag=b\r\n\
         To: <sip:al@x>;tag=7\r\nCall-ID: call-a\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        routes(&rows, false)
    );
    let sent = world.packet("net", NET, &bye);
    assert_eq!(sent[0].transport, sipveil::sip::Transport::Tcp, "{sent:#?}");
    assert!(sent[0].rows("Route").is_empty(), "both of our values are gone");
    assert!(
        sent[0]
            .row("Via")
            .unwrap()
            .starts_with("SIP/2.0/TCP 10.20.0.1:5060;branch=")
    );
    // And one that goes out over TCP says so.
    let sent = world.packet("core", CORE, &request("INVITE", "tcp.example", "t", ""));
    let rows = to(&sent, NET)[0].rows("Record-Route");
    assert!(
        rows[0].contains("192.0.2.1:5060;transport=tcp;lr") && !rows[1].contains("transport"),
        "{rows:?}"
    );
}

//= PROXY-008 type=test
#[test]
fn own_route_values_go_both_and_the_next_one_stays() {
    let mut world = world();
    let route = "Route: <sip:10.20.0.1:5060;lr>, <sip:192.0.2.1:5060;lr>,\r\n <sip:192.0.2.77;lr>\r\nRoute: <sip:192.0.2.1:5060;lr>\r\n";
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "a", route));
    let out = to(&sent, "192.0.2.77:5060");
    assert_eq!(out.len(), 1, "{sent:#?}");
    assert_eq!(out[0].rows("Route"), ["<sip:192.0.2.77;lr>", "<sip:192.0.2.1:5060;lr>"]);
    assert_eq!(out[0].start(), "MESSAGE sip:bob@net.example SIP/2.0");
    assert_eq!(world.engine.transactions(), 1);
}

//= PROXY-007 type=test
#[test]
fn a_strict_router_before_us_is_understood() {
    let mut world = world();
    let sent = world.packet(
        "core",
        CORE,
        &request("INVITE", "net.example", "a", "Contact: <sip:al@10.20.0.9>\r\n"),
    );
    let out = to(&sent, NET)[0].clone();
    let ours = contact_uri(out.rows("Record-Route")[0]).to_owned();
    world.packet(
        "net",
        NET,
        &respond(&out, "200 OK", "b", "Contact: <sip:bob@192.0.2.9>\r\n"),
    );
    let bye = format!(
        "BYE {ours} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKb\r\nRoute: <sip:10.20.0.1:5060;lr>, \
         <sip:al@10.20.0.9>\r\nFrom: <sip:bob@x>;tag=b\r\nTo: <sip:al@x>;tag=7\r\nCall-ID: call-a\r\nCSeq: 1 BYE\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let sent = world.packet("net", NET, &bye);
    assert_eq!(sent[0].start(), "BYE sip:al@10.20.0.9 SIP/2.0");
    assert!(sent[0].rows("Route").is_empty(), "{}", sent[0].text());
    assert_eq!(sent[0].to.to_string(), CORE);
}

//= PROXY-015 type=test
#[test]
fn a_strict_router_behind_us_gets_what_it_expects() {
    let mut world = world();
    let route = "Route: <sip:192.0.2.77>, <sip:192.0.2.78;lr>\r\n";
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "a", route));
    let out = to(&sent, "192.0.2.77:5060")[0];
    assert_eq!(out.start(), "MESSAGE sip:192.0.2.77 SIP/2.0");
    let rows = out.rows("Route").join(", ");
    assert_eq!(rows, "<sip:192.0.2.78;lr>, <sip:bob@net.example>");
}

//= PROXY-032 type=test
#[test]
fn a_response_goes_where_the_request_came_from() {
    let via = |world: &mut World, row: &str, from: &str, branch: &str| {
        let text = request("OPTIONS", "net.example", branch, "");
        let text = text.replace(&format!("SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{branch}"), row);
        let sent = world.packet("core", from, &text);
        let out = to(&sent, NET)[0].clone();
        world
            .packet("net", NET, &respond(&out, "200 OK", "b", ""))
            .swap_remove(0)
    };
    let mut world = world();
    // With rport: to the source, port and all.
    let back = via(
        &mut world,
        "SIP/2.0/UDP 10.9.9.9:5060;rport;branch=z9hG4bKa",
        "10.20.0.9:1234",
        "a",
    );
    assert_eq!(back.to.to_string(), "10.20.0.9:1234");
    assert_eq!(
        back.row("Via"),
        Some("SIP/2.0/UDP 10.9.9.9:5060;rport=1234;branch=z9hG4bKa;received=10.20.0.9")
    );
    // Without: to the source's address, and the port its Via says.
    let back = via(
        &mut world,
        "SIP/2.0/UDP host.example:5090;branch=z9hG4bKb",
        "10.20.0.9:1234",
        "b",
    );
    assert_eq!(back.to.to_string(), "10.20.0.9:5090");
    assert!(back.row("Via").unwrap().ends_with(";received=10.20.0.9"));
    let back = via(
        &mut world,
        "SIP/2.0/UDP 10.20.0.9;branch=z9hG4bKc",
        "10.20.0.9:1234",
        "c",
    );
    assert_eq!(back.to.to_string(), "10.20.0.9:5060");
    // A received that somebody else wrote is not believed.
    let back = via(
        &mut world,
        "SIP/2.0/UDP h;branch=z9hG4bKd;received=203.0.113.1",
        "10.20.0.9:5060",
        "d",
    );
    assert_eq!(back.to.to_string(), CORE);
    assert!(!back.text().contains("203.0.113.1"));
}

//= PROXY-032 type=test
//= TXN-005 type=test
#[test]
fn a_response_nobody_waits_for_is_dropped() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "a", ""));
    let out = to(&sent, NET)[0].clone();
    let ok = respond(&out, "200 OK", "b", "");
    for stray in [
        ok.replace("branch=z9hG4bK", "branch=z9hG4bKx"),
        ok.replacen("Via: SIP/2.0/UDP 192.0.2.1:5060", "Via: SIP/2.0/UDP 192.0.2.2:5060", 1),
        ok.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"),
        ok.replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL"),
    ] {
        assert!(world.packet("net", NET, &stray).is_empty(), "{stray}");
    }
    assert_eq!(world.packet("net", NET, &ok).len(), 1);
    // Another 2xx of a fork passes while the transaction accepts them, and not 40 seconds later.
    assert_eq!(world.packet("net", NET, &ok.replace("tag=b", "tag=c")).len(), 1);
    world.pass(seconds(40));
    assert!(world.packet("net", NET, &ok.replace("tag=b", "tag=d")).is_empty());
    assert_eq!(world.engine.transactions(), 0);
}

//= PROXY-020 type=test
#[test]
fn provisional_responses_pass_but_for_100() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "a", ""));
    assert_eq!(starts(&sent).last(), Some(&"SIP/2.0 100 Trying"));
    let out = to(&sent, NET)[0].clone();
    assert!(
        world
            .packet("net", NET, &respond(&out, "100 Trying", "b", ""))
            .is_empty()
    );
    for status in [
        "180 Ringing",
        "183 Session Progress",
        "199 Early Dialog Terminated",
        "101 Dialog",
    ] {
        let sent = world.packet("net", NET, &respond(&out, status, "b", ""));
        assert_eq!(starts(&sent), [format!("SIP/2.0 {status}")]);
    }
}

#[test]
fn ipv6_is_written_in_brackets() {
    let mut world = world();
    let text = request("INVITE", "six.example", "a", "").replace("10.20.0.9:5060", "[2001:db8:20::9]:5060");
    let sent = world.packet("core", "[2001:db8:20::9]:5060", &text);
    let out = to(&sent, "[2001:db8:2::9]:5060")[0].clone();
    assert!(
        out.row("Via")
            .unwrap()
            .starts_with("SIP/2.0/UDP [2001:db8:2::1]:5060;branch=")
    );
    let rows = out.rows("Record-Route");
    assert!(
        rows[0].contains("@[2001:db8:2::1]:5060;lr") && rows[1].contains("[2001:db8:20::1]:5060;lr"),
        "{rows:?}"
    );
    let back = world.packet(
        "net",
        "[2001:db8:2::9]:5060",
        &respond(&out, "200 OK", "b", "Contact: <sip:bob@[2001:db8:2::9]>\r\n"),
    );
    assert_eq!(back[0].to.to_string(), "[2001:db8:20::9]:5060");
    let ack = format!(
        "ACK sip:bob@[2001:db8:2::9] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8:20::9]:5060;branch=z9hG4bKk\r\n{}\
         From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@six.example>;tag=b\r\nCall-ID: call-a\r\nCSeq: 1 ACK\r\n\
         Content-Length: 0\r\n\r\n",
        routes(&back[0].rows("Record-Route"), true)
    );
    let sent = world.packet("core", "[2001:db8:20::9]:5060", &ack);
    assert_eq!(sent[0].to.to_string(), "[2001:db8:2::9]:5060");
}
