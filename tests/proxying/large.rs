//! Requests too large for a datagram: RFC 3261 section 18.1.1.

use sipveil::engine::Input;
use sipveil::sip::Transport;

use super::{CORE, NET, request, seconds, to, wide, world};
use crate::world::{Sent, World, respond};

/// A request whose copy for the next hop has this many bytes.
fn of_size(domain: &str, bytes: usize, rows: &str) -> String {
    let plain = request("MESSAGE", domain, "large", rows);
    let mut probe = world();
    let forwarded = only(&probe.packet("core", CORE, &plain)).bytes.len();
    // `X: ` and a line end, and one more digit where Content-Length is longer: there is none.
    let filler = format!("X: {}\r\n", "x".repeat(bytes - forwarded - 5));
    plain.replace("Content-Length", &format!("{filler}Content-Length"))
}

fn only(sent: &[Sent]) -> Sent {
    let sent = to(sent, NET);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent[0].clone()
}

//= TPT-004 type=test
#[test]
fn past_1300_bytes_a_request_goes_by_tcp() {
    for (bytes, transport) in [(1300, Transport::Udp), (1301, Transport::Tcp), (9000, Transport::Tcp)] {
        let mut world = world();
        let sent = only(&world.packet("core", CORE, &of_size("net.example", bytes, "")));
        assert_eq!(sent.transport, transport, "{bytes}");
        assert!(transport == Transport::Tcp || sent.bytes.len() == bytes);
        let via = format!("SIP/2.0/{} 192.0.2.1:5060", transport.via_name());
        assert!(sent.row("Via").unwrap().starts_with(&via), "{}", sent.text());
        let back = world.packet("net", NET, &respond(&sent, "200 OK", "b", ""));
        assert!(
            to(&back, CORE)[0].start().starts_with("SIP/2.0 200"),
            "its response goes as it came"
        );
        assert_eq!(to(&back, CORE)[0].transport, Transport::Udp);
    }
}

//= TPT-004 type=test
#[test]
fn where_tcp_does_not_reach_a_datagram_does() {
    let mut world = world();
    let by_tcp = only(&world.packet("core", CORE, &of_size("net.example", 2000, "")));
    let by_udp = only(&world.input(Input::SendFailed(by_tcp.id)));
    assert_eq!((by_tcp.transport, by_udp.transport), (Transport::Tcp, Transport::Udp));
    assert_eq!(by_tcp.to, by_udp.to);
    assert!(by_udp.row("Via").unwrap().starts_with("SIP/2.0/UDP "));
    assert_ne!(by_tcp.row("Via"), by_udp.row("Via"));
    // And when that does not arrive either, it is over.
    let refused = world.input(Input::SendFailed(by_udp.id));
    assert!(to(&refused, CORE)[0].start().starts_with("SIP/2.0 500"), "{refused:#?}");
}

//= TPT-004 type=test
#[test]
fn who_was_reached_over_tcp_and_declined_is_not_asked_again() {
    let mut world = world();
    let by_tcp = only(&world.packet("core", CORE, &of_size("two.example", 2000, "")));
    let next = world.packet("net", NET, &respond(&by_tcp, "503 Service Unavailable", "b", ""));
    assert!(to(&next, NET).is_empty(), "{next:#?}");
    let second = to(&next, "192.0.2.10:5060");
    assert_eq!((second.len(), second[0].transport), (1, Transport::Tcp));
    // Nor is who did not answer.
    let passed = world.pass(seconds(40));
    assert!(
        passed
            .iter()
            .all(|(_, sent)| sent.transport == Transport::Udp && sent.to.to_string() == CORE)
    );
}

//= TPT-004 type=test
#[test]
fn a_route_that_names_udp_and_a_policy_with_a_larger_limit_keep_it() {
    let text = wide().replace("\"sip:192.0.2.9:5060\"", "\"sip:192.0.2.9:5060;transport=udp\"");
    let mut world = World::new(&text);
    let sent = only(&world.packet("core", CORE, &of_size("net.example", 2000, "")));
    assert_eq!(sent.transport, Transport::Udp);
    let more = wide() + "[limits]\ndatagram_request_bytes_max = 3000\n";
    let sent = only(&World::new(&more).packet("core", CORE, &of_size("net.example", 2000, "")));
    assert_eq!(sent.transport, Transport::Udp);
}
