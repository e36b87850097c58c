//! The file around the packets.

use std::{io::Read, time::Duration};

use sipveil::{sip::Transport, trace::capture::Capture};

use super::{read, wire::*};

fn packet(about: &str) -> Vec<u8> {
    frame(&udp(
        address("192.0.2.1:5060"),
        address("192.0.2.2:5070"),
        &request(about, "body"),
    ))
}

#[test]
fn a_datagram_is_given_whole_with_addresses_and_time() {
    let file = pcap(ETHERNET, &[packet("one"), frame(&[0x45; 20]), packet("two")]);
    let outcome = read(&file);
    assert_eq!(outcome.texts(), [request("one", "body"), request("two", "body")]);
    let second = &outcome.messages[1];
    assert_eq!(second.number, 3);
    assert_eq!(second.at, Duration::from_millis(200));
    assert_eq!(second.unix, 1000);
    assert_eq!(second.transport, Transport::Udp);
    assert_eq!(
        (second.src, second.dst),
        (address("192.0.2.1:5060"), address("192.0.2.2:5070"))
    );
    assert!(!second.truncated);
    assert_eq!(outcome.counts.packets, 3);
}

#[test]
fn debug_output_names_nobody() {
    let outcome = read(&pcap(ETHERNET, &[packet("secret-call")]));
    let text = format!("{:?}", outcome.messages[0]);
    for secret in ["secret-call", "bob", "192.0.2"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn pcap_in_both_byte_orders_and_both_units() {
    for (magic, big_endian, fraction) in [
        (0xa1b2_c3d4, false, 250_000),
        (0xa1b2_c3d4, true, 250_000),
        (0xa1b2_3c4d, false, 250_000_000),
        (0xa1b2_3c4d, true, 250_000_000),
    ] {
        let mut writer = PcapWriter::with(magic, big_endian, ETHERNET);
        for (number, about) in ["one", "two"].into_iter().enumerate() {
            let packet = packet(about);
            writer.record(
                1_700_000_000 + number as u32,
                number as u32 * fraction,
                &packet,
                packet.len(),
            );
        }
        let outcome = read(&writer.bytes);
        assert_eq!(outcome.texts(), [request("one", "body"), request("two", "body")]);
        assert_eq!(
            outcome.messages[1].at,
            Duration::from_millis(1250),
            "{magic:x} {big_endian}"
        );
        assert_eq!(outcome.messages[1].unix, 1_700_000_001);
    }
}

#[test]
fn pcapng_with_sections_interfaces_and_every_packet_block() {
    let mut writer = PcapNgWriter::new(false);
    let ip_packet = |about: &str| {
        udp(
            address("192.0.2.1:5060"),
            address("192.0.2.2:5070"),
            &request(about, ""),
        )
    };
    writer.interface(ETHERNET, 0, &[]);
    // Nanoseconds, ten seconds late.
    writer.interface(RAW, 0, &[(2, b"eth0"), (9, &[9]), (14, &10i64.to_le_bytes())]);
    writer.enhanced(0, 50_000_000, &packet("one"));
    writer.block(5, &[1; 40]);
    writer.block(0x0bad_beef, &[7; 200_000]);
    writer.enhanced(1, 41_500_000_000, &ip_packet("two"));
    writer.simple(&packet("three"));
    writer.obsolete(1, 42_000_000_000, &ip_packet("four"));
    writer.enhanced(2, 0, &packet("of no interface"));
    writer.section(true);
    // 2^-10 seconds.
    writer.interface(ETHERNET, 0, &[(9, &[0x8a]), (14, &(-5i64).to_be_bytes())]);
    writer.enhanced(0, 60 << 10 | 512, &packet("five"));
    writer.obsolete(0, 61 << 10, &packet("six"));

    let outcome = read(&writer.bytes);
    let texts = [
        request("one", "body"),
        request("two", ""),
        request("three", "body"),
        request("four", ""),
        request("five", "body"),
        request("six", "body"),
    ];
    assert_eq!(outcome.texts(), texts);
    assert_eq!(outcome.numbers(), [1, 2, 3, 4, 6, 7]);
    let times: Vec<u128> = outcome.messages.iter().map(|message| message.at.as_millis()).collect();
    assert_eq!(times, [0, 1500, 1500, 2000, 5500, 6000]);
    assert_eq!(outcome.counts.skipped_not_ip, 1);
}

#[test]
fn simple_packets_are_cut_at_the_snap_length() {
    let mut writer = PcapNgWriter::new(false);
    let packet = packet("one");
    writer.interface(ETHERNET, packet.len() as u32 - 2, &[]);
    let mut body = (packet.len() as u32).to_le_bytes().to_vec();
    body.extend_from_slice(&packet[..packet.len() - 2]);
    writer.block(3, &body);
    let outcome = read(&writer.bytes);
    let whole = request("one", "body");
    assert_eq!(outcome.texts(), [&whole[..whole.len() - 2]]);
    assert!(outcome.messages[0].truncated);
    assert_eq!((outcome.counts.truncated, outcome.counts.truncated_messages), (1, 1));
}

#[test]
fn odd_time_units_do_no_harm() {
    for resolution in [0x00, 0x13, 0x26, 0x27, 0x7f, 0x80, 0xbf, 0xff] {
        let mut writer = PcapNgWriter::new(false);
        writer.interface(ETHERNET, 0, &[(9, &[resolution]), (14, &i64::MAX.to_le_bytes())]);
        writer.enhanced(0, u64::MAX, &packet("one"));
        writer.enhanced(0, 0, &packet("two"));
        assert_eq!(read(&writer.bytes).numbers(), [1, 2], "{resolution:x}");
    }
}

#[test]
fn a_reader_may_give_one_byte_at_a_time() {
    struct Trickle<'a>(&'a [u8]);
    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }
    let file = pcap(ETHERNET, &[packet("one"), packet("two")]);
    let capture = Capture::new(Trickle(&file));
    let texts: Vec<_> = capture.map(|message| message.unwrap().bytes).collect();
    assert_eq!(texts, [request("one", "body"), request("two", "body")]);
}

#[test]
fn a_large_file_is_not_held() {
    let packet = frame(&udp(address("192.0.2.1:9"), address("192.0.2.2:9"), &[7; 1400]));
    let mut writer = PcapWriter::new(ETHERNET);
    for _ in 0..1000 {
        writer.record(1, 0, &packet, packet.len());
    }
    let block = writer.bytes.split_off(24);
    // 72 MB in blocks that are made when they are asked for.
    struct Again<'a> {
        block: &'a [u8],
        at: usize,
        left: usize,
    }
    impl Read for Again<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.at == self.block.len() && self.left > 0 {
                (self.at, self.left) = (0, self.left - 1);
            }
            let length = buffer.len().min(self.block.len() - self.at);
            buffer[..length].copy_from_slice(&self.block[self.at..self.at + length]);
            self.at += length;
            Ok(length)
        }
    }
    let mut capture = Capture::new(writer.bytes.as_slice().chain(Again {
        block: &block,
        at: 0,
        left: 49,
    }));
    assert!(capture.next().is_none());
    assert_eq!(capture.counts().packets, 50_000);
    assert_eq!(capture.bytes_read(), 24 + 50 * block.len() as u64);
}
