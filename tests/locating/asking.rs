//! What is asked for a URI, and where it leads.

use super::{CORE, order, place, request_to, sent_to, world};
use crate::locating::zone::Zone;
use crate::world::World;

/// The records of the example in RFC 3263 section 4.1.
const RFC: &str = "
    example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
    example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com
    example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com
    _sip._tcp.example.com SRV 0 1 5060 server1.example.com
    _sip._tcp.example.com SRV 0 2 5060 server2.example.com
    server1.example.com A 192.0.2.11
    server2.example.com A 192.0.2.12
    example.com A 192.0.2.99";

//= LOC-001 type=test
#[test]
fn without_tls_the_example_of_the_rfc_leads_to_tcp() {
    let (mut zone, mut world) = (Zone::new(RFC), world("sip:example.com"));
    let places = order(&mut zone, &mut world, "a");
    assert_eq!(places.len(), 3, "{places:?}");
    assert!(places.contains(&"tcp 192.0.2.11:5060".to_owned()) && places.contains(&"tcp 192.0.2.12:5060".to_owned()));
    assert_eq!(places[2], "500 Server Internal Error");
    assert_eq!(
        zone.questions(),
        [
            "example.com Naptr",
            "_sip._tcp.example.com Srv",
            "_sip._udp.example.com Srv",
            "server1.example.com Aaaa",
            "server1.example.com A",
            "server2.example.com Aaaa",
            "server2.example.com A",
        ]
    );
}

//= LOC-001 type=test
//= LOC-002 type=test
#[test]
fn what_the_uri_says_is_not_asked() {
    let zone = "
        h.example NAPTR 1 1 s SIP+D2T _sip._tcp.h.example
        _sip._udp.h.example SRV 0 0 5070 u.h.example
        _sip._tcp.h.example SRV 0 0 5071 t.h.example
        h.example A 192.0.2.30
        h.example AAAA 2001:db8:2::30
        u.h.example A 192.0.2.31
        t.h.example A 192.0.2.32";
    let cases: &[(&str, &str, &[&str])] = &[
        // A port, even the usual one: addresses only. IPv6 first.
        (
            "sip:h.example:5060",
            "udp [2001:db8:2::30]:5060",
            &["h.example Aaaa", "h.example A"],
        ),
        (
            "sip:h.example:5080;transport=tcp",
            "tcp [2001:db8:2::30]:5080",
            &["h.example Aaaa", "h.example A"],
        ),
        // A transport: its servers.
        (
            "sip:h.example;transport=udp",
            "udp 192.0.2.31:5070",
            &["_sip._udp.h.example Srv", "u.h.example Aaaa", "u.h.example A"],
        ),
        (
            "sip:h.example;transport=TCP",
            "tcp 192.0.2.32:5071",
            &["_sip._tcp.h.example Srv", "t.h.example Aaaa", "t.h.example A"],
        ),
        // Neither: the domain says.
        (
            "sip:h.example",
            "tcp 192.0.2.32:5071",
            &[
                "h.example Naptr",
                "_sip._tcp.h.example Srv",
                "t.h.example Aaaa",
                "t.h.example A",
            ],
        ),
        // A number, a maddr: nothing is asked.
        ("sip:192.0.2.33", "udp 192.0.2.33:5060", &[]),
        (
            "sip:h.example;maddr=192.0.2.34;transport=tcp",
            "tcp 192.0.2.34:5060",
            &[],
        ),
        ("sip:[2001:db8:2::35]", "udp [2001:db8:2::35]:5060", &[]),
    ];
    for (hop, expected, questions) in cases {
        let (mut zone, mut world) = (Zone::new(zone), world(hop));
        assert_eq!(sent_to(&mut zone, &mut world, "a"), *expected, "{hop}");
        assert_eq!(zone.questions(), *questions, "{hop}");
    }
}

//= LOC-002 type=test
#[test]
fn only_families_we_can_send_by_are_asked_for() {
    let text = super::policy("sip:h.example:5060", "").replace(", \"udp://[2001:db8:2::1]:5060\"", "");
    let mut zone = Zone::new("h.example A 192.0.2.30\nh.example AAAA 2001:db8:2::30\n");
    assert_eq!(sent_to(&mut zone, &mut World::new(&text), "a"), "udp 192.0.2.30:5060");
    assert_eq!(zone.questions(), ["h.example A"]);
}

//= LOC-001 type=test
#[test]
fn a_domain_without_records_is_asked_by_transport_and_then_taken_as_a_host() {
    let mut zone = Zone::new(
        "
        _sip._tcp.h.example SRV 0 0 5071 t.h.example
        t.h.example A 192.0.2.32
        plain.example A 192.0.2.40",
    );
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:h.example"), "a"),
        "tcp 192.0.2.32:5071"
    );
    assert_eq!(
        zone.questions(),
        [
            "h.example Naptr",
            "_sip._udp.h.example Srv",
            "_sip._tcp.h.example Srv",
            "t.h.example Aaaa",
            "t.h.example A"
        ]
    );
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:plain.example"), "a"),
        "udp 192.0.2.40:5060"
    );
    let tcp = "sip:plain.example;transport=tcp";
    assert_eq!(sent_to(&mut zone, &mut world(tcp), "a"), "tcp 192.0.2.40:5060");
    // No such name at all.
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:none.example"), "a"),
        "500 Server Internal Error"
    );
}

//= LOC-001 type=test
#[test]
fn services_that_are_not_for_us_are_passed_over() {
    // Other applications, other flags, and a regular expression (which the zone cannot write) are no offer of SIP.
    let mut zone = Zone::new(
        "
        enum.example NAPTR 1 1 u E2U+sip x.example
        enum.example NAPTR 1 2 a SIP+D2U x.example
        enum.example A 192.0.2.41
        ws.example NAPTR 1 1 s SIP+D2W _sip._ws.example
        ws.example NAPTR 2 1 S sip+d2u _sip._udp.ws.example
        _sip._udp.ws.example SRV 0 0 5062 w.example
        w.example A 192.0.2.42
        tls.example NAPTR 1 1 s SIPS+D2T _sips._tcp.tls.example
        tls.example A 192.0.2.43
        gone.example NAPTR 1 1 s SIP+D2U _sip._udp.gone.example
        _sip._udp.gone.example SRV 0 0 0 .
        gone.example A 192.0.2.44",
    );
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:enum.example"), "a"),
        "udp 192.0.2.41:5060"
    );
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:ws.example"), "a"),
        "udp 192.0.2.42:5062"
    );
    // It offers SIP by TLS only, which this listener has not: nothing goes in clear.
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:tls.example"), "a"),
        "500 Server Internal Error"
    );
    // Its service is decidedly not there.
    assert_eq!(
        sent_to(&mut zone, &mut world("sip:gone.example"), "a"),
        "500 Server Internal Error"
    );
}

//= PROXY-017 type=test
//= LOC-001 type=test
#[test]
fn sips_goes_by_tls_or_not_at_all() {
    let mut zone = Zone::new(
        "
        h.example NAPTR 1 1 s SIP+D2U _sip._udp.h.example
        _sip._udp.h.example SRV 0 0 5060 u.h.example
        u.h.example A 192.0.2.31
        h.example A 192.0.2.30
        safe.example NAPTR 1 1 s SIP+D2U _sip._udp.h.example
        safe.example NAPTR 2 1 s SIPS+D2T _sips._tcp.safe.example
        _sips._tcp.safe.example SRV 0 0 5071 s.safe.example
        s.safe.example A 192.0.2.50
        bare.example A 192.0.2.51",
    );
    let sips = request_to("sips:bob@far.example", "MESSAGE", "a");
    let send = |zone: &mut Zone, world: &mut World| place(&zone.packet(world, "core", CORE, &sips));
    // Without TLS, and with it but a target that has it not.
    for (hop, more) in [
        ("sip:h.example", ""),
        ("sip:192.0.2.31", ""),
        ("sip:h.example;transport=tcp", ""),
    ] {
        let mut world = World::new(&super::policy(hop, more));
        assert_eq!(send(&mut zone, &mut world), "480 Temporarily Unavailable", "{hop}");
    }
    let mut world = with_tls("sip:h.example");
    assert_eq!(send(&mut zone, &mut world), "480 Temporarily Unavailable");
    for (hop, expected) in [
        ("sip:safe.example", "tls 192.0.2.50:5071"),
        ("sip:bare.example", "tls 192.0.2.51:5061"),
        ("sips:192.0.2.52", "tls 192.0.2.52:5061"),
    ] {
        assert_eq!(send(&mut zone, &mut with_tls(hop)), expected);
    }
    // A sip URI takes TLS where the domain prefers it.
    assert_eq!(
        sent_to(
            &mut Zone::new(super::asking::PREFERS_TLS),
            &mut with_tls("sip:p.example"),
            "b"
        ),
        "tls 192.0.2.53:5061"
    );
}

const PREFERS_TLS: &str = "
    p.example NAPTR 1 1 s SIPS+D2T _sips._tcp.p.example
    p.example NAPTR 2 1 s SIP+D2U _sip._udp.p.example
    _sips._tcp.p.example SRV 0 0 5061 s.p.example
    s.p.example A 192.0.2.53";

/// A world whose outer listener has TLS too, as far as the engine sees it.
fn with_tls(hop: &str) -> World {
    World::bound_also(
        &super::policy(hop, ""),
        "net",
        sipveil::sip::Transport::Tls,
        "192.0.2.1:5061",
    )
}

//= LOC-002 type=test
//= PROXY-010 type=test
#[test]
fn a_stranger_cannot_aim_with_maddr() {
    let mut world = world("sip:192.0.2.9");
    let route = |uri: &str| {
        format!(
            "MESSAGE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bKx\r\n\
             Route: <{uri};lr>\r\nFrom: <sip:eve@x.example>;tag=7\r\nTo: <sip:bob@home1.example>\r\nCall-ID: x{}\r\n\
             CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
            uri.len()
        )
    };
    let mut send = |uri: &str| place(&world.packet("net", "203.0.113.7:5060", &route(uri)));
    assert_eq!(send("sip:home1.example;maddr=203.0.113.9"), "403 Forbidden");
    assert_eq!(
        send("sip:home1.example;maddr=home1.example.evil.example"),
        "403 Forbidden"
    );
}
