//! Link layers, IP, fragments, tunnels, UDP.

use std::net::SocketAddr;

use sipveil::trace::capture::{
    FRAGMENT_AGE_MAX, FRAGMENT_BYTES_MAX, FRAGMENTED_DATAGRAMS_MAX, FRAGMENTS_PER_DATAGRAM_MAX, TUNNEL_DEPTH_MAX,
};

use super::{Outcome, read, wire::*};

fn v4() -> (SocketAddr, SocketAddr) {
    (address("192.0.2.1:5060"), address("192.0.2.2:5070"))
}

fn v6() -> (SocketAddr, SocketAddr) {
    (address("[2001:db8::1]:5060"), address("[2001:db8::2]:5070"))
}

fn datagram((src, dst): (SocketAddr, SocketAddr)) -> Vec<u8> {
    udp(src, dst, &request("inner", "body"))
}

/// The one message of the file is the one of [`datagram`].
#[track_caller]
fn holds_one(outcome: &Outcome, (src, dst): (SocketAddr, SocketAddr)) {
    assert_eq!(outcome.texts(), [request("inner", "body")]);
    assert_eq!((outcome.messages[0].src, outcome.messages[0].dst), (src, dst));
    assert!(!outcome.messages[0].truncated);
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn every_link_type() {
    for ends in [v4(), v6()] {
        let ip = datagram(ends);
        let ether_type: u16 = if ends.0.is_ipv4() { 0x0800 } else { 0x86dd };
        let kind = ether_type.to_be_bytes();
        let tagged = |tags: &[&[u8]]| joined(&[&[2; 12], &tags.concat(), &kind, &ip]);
        let label = [0, 0x10, if ends.0.is_ipv4() { 0 } else { 2 }, 64];
        let last_label = [0, 0x20, 1, 64];
        let ppp: &[u8] = if ends.0.is_ipv4() { &[0, 0x21] } else { &[0, 0x57] };
        let cases: Vec<(&str, u16, Vec<u8>)> = vec![
            ("ethernet", 1, frame(&ip)),
            ("802.1Q", 1, tagged(&[&[0x81, 0, 0, 5]])),
            ("QinQ", 1, tagged(&[&[0x88, 0xa8, 0, 5], &[0x81, 0, 0, 6]])),
            ("MPLS", 1, joined(&[&[2; 12], &[0x88, 0x47], &label, &last_label, &ip])),
            (
                "PPPoE",
                1,
                joined(&[&[2; 12], &[0x88, 0x64], &[0x11, 0, 0, 1, 0, 0], ppp, &ip]),
            ),
            (
                "SNAP",
                1,
                joined(&[&[2; 12], &[1, 0], &[0xaa, 0xaa, 3, 0, 0, 0], &kind, &ip]),
            ),
            ("cooked", 113, joined(&[&[0; 14], &kind, &ip])),
            (
                "cooked and tagged",
                113,
                joined(&[&[0; 14], &[0x81, 0, 0, 5], &kind, &ip]),
            ),
            ("cooked 2", 276, joined(&[&kind, &[0; 18], &ip])),
            ("null, little-endian", 0, joined(&[&[2, 0, 0, 0], &ip])),
            ("null, big-endian", 0, joined(&[&[0, 0, 0, 30], &ip])),
            ("loop", 108, joined(&[&[0, 0, 0, 2], &ip])),
            ("raw", 101, ip.clone()),
            ("raw of BSD", 12, ip.clone()),
            ("raw of OpenBSD", 14, ip.clone()),
            ("IPv4", 228, ip.clone()),
            ("IPv6", 229, ip.clone()),
        ];
        for (name, link_type, packet) in cases {
            eprintln!("{name} {ether_type:x}");
            holds_one(&read(&pcap(link_type, &[packet])), ends);
        }
    }
}

#[test]
fn what_is_not_ip_is_counted() {
    let arp = ethernet(0x0806, &[0; 46]);
    let short = vec![1, 2, 3];
    let nonsense = ethernet(0x0800, &[0x4f; 30]);
    let outcome = read(&pcap(ETHERNET, &[arp, short, nonsense, frame(&datagram(v4()))]));
    holds_one(&outcome, v4());
    assert_eq!(outcome.counts.skipped_not_ip, 3);
    assert_eq!(read(&pcap(147, &[datagram(v4())])).counts.skipped_not_ip, 1);
}

#[test]
fn ipv6_extension_headers() {
    let (src, dst) = v6();
    let payload = udp_header(src.port(), dst.port(), &request("inner", "body"));
    let hop_by_hop = [43, 0, 1, 4, 0, 0, 0, 0];
    let routing = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let options = [51, 0, 1, 4, 0, 0, 0, 0];
    let authentication = [&[44, 4, 0, 0][..], &[0; 20]].concat();
    let atomic_fragment = [60, 0, 0, 0, 0, 0, 0, 9];
    let more_options = [17, 0, 1, 4, 0, 0, 0, 0];
    let chain = [
        &hop_by_hop[..],
        &routing,
        &options,
        &authentication,
        &atomic_fragment,
        &more_options,
        &payload,
    ]
    .concat();
    holds_one(&read(&pcap(RAW, &[ip(src.ip(), dst.ip(), 0, &chain)])), v6());
}

/// Cuts the payload of an IP packet into fragments of `size` octets.
fn fragments((src, dst): (SocketAddr, SocketAddr), identification: u16, size: usize, body: &str) -> Vec<Vec<u8>> {
    let payload = udp_header(src.port(), dst.port(), &request("inner", body));
    let count = payload.chunks(size).count();
    let fragment = |(number, part): (usize, &[u8])| {
        ip_fragment(
            src.ip(),
            dst.ip(),
            17,
            part,
            identification,
            number * size,
            number + 1 < count,
        )
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

#[test]
fn fragments_in_any_order() {
    for ends in [v4(), v6()] {
        let parts = fragments(ends, 7, 48, "body");
        assert!(parts.len() >= 4);
        let mut backwards = parts.clone();
        backwards.reverse();
        let mut twice: Vec<_> = parts.iter().flat_map(|part| [part.clone(), part.clone()]).collect();
        twice.pop();
        let mut shuffled = parts.clone();
        shuffled.swap(0, 2);
        shuffled.rotate_left(1);
        for packets in [parts, backwards, twice, shuffled] {
            let outcome = read(&pcap(RAW, &packets));
            holds_one(&outcome, ends);
            assert_eq!(outcome.messages[0].number, packets.len() as u64);
        }
    }
}

#[test]
fn fragments_of_several_datagrams_do_not_mix() {
    let (one, two) = (fragments(v4(), 1, 64, "first"), fragments(v4(), 2, 64, "other"));
    let packets: Vec<_> = one.iter().zip(&two).flat_map(|(one, two)| [one, two]).collect();
    assert_eq!(
        read(&pcap(RAW, &packets)).texts(),
        [request("inner", "first"), request("inner", "other")]
    );
}

#[test]
fn incomplete_datagrams_are_dropped_by_age() {
    let parts = fragments(v4(), 7, 48, "body");
    for (wait, expected) in [(FRAGMENT_AGE_MAX.as_secs(), 1), (FRAGMENT_AGE_MAX.as_secs() + 1, 0)] {
        let mut writer = PcapWriter::new(RAW);
        for (number, part) in parts.iter().enumerate() {
            writer.record(if number == 0 { 0 } else { wait as u32 }, 0, part, part.len());
        }
        let outcome = read(&writer.bytes);
        assert_eq!(outcome.messages.len(), expected, "after {wait} s");
        let dropped = if expected == 0 { parts.len() as u64 } else { 0 };
        assert_eq!(outcome.counts.fragments_dropped, dropped);
    }
}

#[test]
fn incomplete_datagrams_are_dropped_by_number() {
    for (others, expected) in [(FRAGMENTED_DATAGRAMS_MAX - 1, 1), (FRAGMENTED_DATAGRAMS_MAX, 0)] {
        let parts = fragments(v4(), 0xffff, 48, "body");
        let (src, dst) = v4();
        let mut packets = vec![parts[0].clone()];
        packets.extend((0..others).map(|id| ip_fragment(src.ip(), dst.ip(), 17, &[0; 8], id as u16, 0, true)));
        packets.extend_from_slice(&parts[1..]);
        let mut writer = PcapWriter::new(RAW);
        for packet in &packets {
            writer.record(1, 0, packet, packet.len());
        }
        assert_eq!(read(&writer.bytes).messages.len(), expected, "{others} others");
    }
}

#[test]
fn incomplete_datagrams_are_dropped_by_size() {
    // One fragment at the far end holds the place of a whole datagram.
    let most = FRAGMENT_BYTES_MAX / 65_528;
    for (others, expected) in [(most, 1), (most + 1, 0)] {
        let parts = fragments(v4(), 0xffff, 48, "body");
        let (src, dst) = v4();
        let far = |id| ip_fragment(src.ip(), dst.ip(), 17, &[0; 8], id as u16, 65_520, true);
        let mut writer = PcapWriter::new(RAW);
        let mut record = |packet: &[u8]| writer.record(1, 0, packet, packet.len());
        record(&parts[0]);
        (0..others).for_each(|id| record(&far(id)));
        parts[1..].iter().for_each(|part| record(part));
        assert_eq!(read(&writer.bytes).messages.len(), expected, "{others} others");
    }
}

#[test]
fn a_datagram_has_a_most_of_fragments() {
    for (count, expected) in [(FRAGMENTS_PER_DATAGRAM_MAX, 1), (FRAGMENTS_PER_DATAGRAM_MAX + 1, 0)] {
        let header = udp_header(1, 2, &request("inner", "")).len();
        let body = "x".repeat(8 * count - header - 3);
        let parts = fragments(v4(), 7, 8, &body);
        assert_eq!(parts.len(), count);
        let mut writer = PcapWriter::new(RAW);
        for part in &parts {
            writer.record(1, 0, part, part.len());
        }
        assert_eq!(read(&writer.bytes).messages.len(), expected, "{count} fragments");
    }
}

#[test]
fn fragments_that_contradict_do_no_harm() {
    let (src, dst) = v4();
    let mut packets = fragments(v4(), 7, 48, "body");
    let last = packets.pop().unwrap();
    packets.push(ip_fragment(src.ip(), dst.ip(), 17, &[0; 9], 7, 8, true));
    packets.push(ip_fragment(src.ip(), dst.ip(), 17, &[0; 1400], 7, 65_528, true));
    packets.push(last);
    let outcome = read(&pcap(RAW, &packets));
    holds_one(&outcome, v4());
    assert_eq!(outcome.counts.fragments_dropped, 2);
}

fn gtp(inner: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30 | flags, 0xff];
    packet.extend(((extra.len() + inner.len()) as u16).to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend_from_slice(extra);
    packet.extend_from_slice(inner);
    packet
}

#[test]
fn every_tunnel() {
    let outer = (address("198.51.100.1:2152"), address("198.51.100.2:2152"));
    let outer6 = (address("[2001:db8:f::1]:2152"), address("[2001:db8:f::2]:2152"));
    for ends in [v4(), v6()] {
        let inner = datagram(ends);
        let (protocol, kind): (u8, [u8; 2]) = if ends.0.is_ipv4() {
            (4, [8, 0])
        } else {
            (41, [0x86, 0xdd])
        };
        let in_udp = |port: u16, payload: &[u8]| {
            udp(
                SocketAddr::new(outer.0.ip(), port),
                SocketAddr::new(outer.1.ip(), port),
                payload,
            )
        };
        let gre = |head: &[u8], rest: &[u8]| ip(outer.0.ip(), outer.1.ip(), 47, &[head, rest].concat());
        let esp = null_esp(protocol, &inner, 12);
        let cases = [
            ("IP in IPv4", ip(outer.0.ip(), outer.1.ip(), protocol, &inner)),
            ("IP in IPv6", ip(outer6.0.ip(), outer6.1.ip(), protocol, &inner)),
            ("GRE", gre(&[&[0, 0], &kind[..]].concat(), &inner)),
            (
                "GRE with all options",
                gre(&[&[0xb0, 0], &kind[..], &[0; 12]].concat(), &inner),
            ),
            ("Ethernet in GRE", gre(&[0, 0, 0x65, 0x58], &frame(&inner))),
            (
                "ERSPAN",
                gre(
                    &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8],
                    &frame(&inner),
                ),
            ),
            ("ERSPAN type I", gre(&[0, 0, 0x88, 0xbe], &frame(&inner))),
            ("GTP-U", in_udp(2152, &gtp(&inner, 0, &[]))),
            ("GTP-U with a number", in_udp(2152, &gtp(&inner, 2, &[0, 1, 0, 0]))),
            ("GTP-U with extensions", {
                in_udp(2152, &gtp(&inner, 4, &[0, 0, 0, 0x85, 1, 0x10, 9, 0xc0, 1, 0, 0, 0]))
            }),
            (
                "VXLAN",
                in_udp(4789, &[&[8, 0, 0, 0, 0, 0, 9, 0][..], &frame(&inner)].concat()),
            ),
            ("ESP tunnel mode", ip(outer.0.ip(), outer.1.ip(), 50, &esp)),
            ("ESP in UDP", in_udp(4500, &esp)),
        ];
        for (name, packet) in cases {
            eprintln!("{name} for {}", ends.0);
            holds_one(&read(&pcap(ETHERNET, &[frame(&packet)])), ends);
        }
    }
}

#[test]
fn tunnels_have_a_greatest_depth() {
    let (src, dst) = v4();
    for (depth, expected) in [(TUNNEL_DEPTH_MAX, 1), (TUNNEL_DEPTH_MAX + 1, 0)] {
        let packet = (0..depth).fold(datagram(v4()), |inner, _| ip(src.ip(), dst.ip(), 4, &inner));
        let outcome = read(&pcap(RAW, &[packet]));
        assert_eq!(outcome.messages.len(), expected);
        assert_eq!(outcome.counts.tunnels_too_deep, 1 - expected as u64);
        let esp = |inner: Vec<u8>, _| null_esp(50, &inner, 12);
        let nested = (0..depth).fold(null_esp(17, &[], 12), esp);
        read(&pcap(RAW, &[ip(src.ip(), dst.ip(), 50, &nested)]));
    }
}

#[test]
fn esp_with_null_encryption() {
    for ends in [v4(), v6()] {
        for check_value_bytes in [12, 16] {
            for body in ["", "1", "22", "333"] {
                let (src, dst) = ends;
                let text = request("protected", body);
                let datagram = udp_header(src.port(), dst.port(), &text);
                let segment = tcp_header(src.port(), dst.port(), 1, ACK, &text);
                let esp = |next_header, payload: &[u8]| {
                    ip(
                        src.ip(),
                        dst.ip(),
                        50,
                        &null_esp(next_header, payload, check_value_bytes),
                    )
                };
                let outcome = read(&pcap(RAW, &[esp(17, &datagram), esp(6, &segment)]));
                assert_eq!(outcome.texts(), [&text[..], &text[..]]);
                assert_eq!(outcome.messages[1].transport, sipveil::sip::Transport::Tcp);
                assert_eq!(outcome.counts.esp_unread, 0);
            }
        }
    }
}

#[test]
fn encrypted_esp_is_counted() {
    let (src, dst) = v4();
    let noise: Vec<u8> = (0..200u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let outcome = read(&pcap(
        RAW,
        &[ip(src.ip(), dst.ip(), 50, &noise), ip(src.ip(), dst.ip(), 50, &[1])],
    ));
    assert_eq!((outcome.messages.len(), outcome.counts.esp_unread), (0, 2));
}

#[test]
fn keep_alives_are_counted_not_given() {
    let (src, dst) = v4();
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let payloads: [&[u8]; 5] = [b"\r\n\r\n", b"\r\n", &stun, b"", b"\0\0\0\0"];
    let packets = payloads.map(|payload| frame(&udp(src, dst, payload)));
    let outcome = read(&pcap(ETHERNET, &packets));
    assert_eq!((outcome.messages.len(), outcome.counts.keep_alives), (0, 3));
}

#[test]
fn sip_is_known_by_its_start_line_not_by_its_port() {
    let (sip, other) = (address("192.0.2.1:5060"), address("192.0.2.1:40000"));
    let text = [b"\r\n\r\n".as_slice(), &request("odd port", "")].concat();
    let packets = [
        udp(sip, sip, b"\x80\x08rtp or whatever\r\n"),
        udp(other, other, &text),
        udp(other, other, b"OPTIONS sip:a@a.example SIP/7.0\r\n"),
        udp(other, other, b"SIP/2.0 200"),
        udp(sip, sip, b"GET / HTTP/1.1\r\n\r\n"),
    ];
    let outcome = read(&pcap(RAW, &packets));
    assert_eq!(outcome.numbers(), [2, 3, 4]);
    assert_eq!(outcome.texts()[0], text);
}

#[test]
fn a_datagram_cut_by_the_snap_length_is_marked() {
    let packet = frame(&datagram(v4()));
    let mut writer = PcapWriter::new(ETHERNET);
    writer.record(1, 0, &packet[..100], packet.len());
    let outcome = read(&writer.bytes);
    let whole = request("inner", "body");
    assert_eq!(outcome.texts(), [&whole[..100 - 14 - 28]]);
    assert!(outcome.messages[0].truncated);
    assert_eq!((outcome.counts.truncated, outcome.counts.truncated_messages), (1, 1));
}
