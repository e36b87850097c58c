//! Files that end early, lie, or were never captures.

use std::io::{self, Read};

use sipveil::trace::capture::{Capture, CaptureError, INTERFACES_MAX, RECORD_BYTES_MAX};

use super::{outcome, read, wire::*};

fn packet(about: &str) -> Vec<u8> {
    frame(&udp(
        address("192.0.2.1:5060"),
        address("192.0.2.2:5070"),
        &request(about, "body"),
    ))
}

fn both_formats() -> [Vec<u8>; 2] {
    let mut writer = PcapNgWriter::new(false);
    writer.interface(ETHERNET, 0, &[(9, &[9])]);
    writer.enhanced(0, 1, &packet("one"));
    writer.enhanced(0, 2, &packet("two"));
    [pcap(ETHERNET, &[packet("one"), packet("two")]), writer.bytes]
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole() {
    for file in both_formats() {
        let second = file.len() - packet("two").len() / 2;
        for length in 24..file.len() {
            let outcome = outcome(&file[..length]);
            assert!(outcome.messages.len() < 2, "{length}");
            if length == second {
                assert_eq!(outcome.messages.len(), 1);
            }
            match outcome.error {
                Some(CaptureError::CutShort { offset, .. }) => {
                    assert!(offset < length as u64, "{offset} of {length}");
                    // Up to there the file is whole, unless it is cut in its first block.
                    if offset > 0 {
                        assert_eq!(read(&file[..offset as usize]).messages, outcome.messages);
                    }
                }
                Some(error) => panic!("{error} at {length}"),
                None => assert_eq!(outcome.bytes_read, length as u64),
            }
        }
    }
}

#[test]
fn the_error_says_where() {
    let file = pcap(ETHERNET, &[packet("one"), packet("two")]);
    let second = 24 + 16 + packet("one").len() as u64;
    let error = outcome(&file[..file.len() - 1]).error.unwrap();
    assert_eq!(
        error.to_string(),
        format!("the capture ends inside the record that begins at byte {second}")
    );
}

#[test]
fn garbage_after_the_header() {
    let mut file = pcap(ETHERNET, &[packet("one")]);
    let whole = file.len() as u64;
    file.extend([0xff; 100]);
    let broken = outcome(&file);
    assert_eq!(broken.messages.len(), 1);
    assert!(matches!(broken.error, Some(CaptureError::TooLarge { offset, .. }) if offset == whole));

    let mut file = both_formats()[1].clone();
    let whole = file.len() as u64;
    file.extend(b"garbage!".repeat(10));
    let broken = outcome(&file);
    assert_eq!(broken.messages.len(), 2);
    assert!(
        matches!(broken.error, Some(CaptureError::Malformed { offset, .. } | CaptureError::CutShort { offset, .. }) if offset == whole)
    );
}

#[test]
fn what_is_no_capture() {
    for file in [
        &b""[..],
        b"short",
        &[0; 100],
        b"INVITE sip:bob@b.example SIP/2.0\r\n\r\n",
    ] {
        assert!(
            matches!(outcome(file).error, Some(CaptureError::NotACapture)),
            "{file:?}"
        );
    }
    assert!(matches!(
        outcome(&[0x1f, 0x8b, 8, 0, 0]).error,
        Some(CaptureError::Compressed)
    ));
}

#[test]
fn a_length_that_lies_within_a_block() {
    let mut writer = PcapNgWriter::new(false);
    writer.interface(ETHERNET, 0, &[]);
    let at = writer.bytes.len();
    writer.enhanced(0, 1, &packet("one"));
    for captured in [0x7fff_ffffu32, u32::MAX, u32::MAX - 4, 10_000] {
        let mut file = writer.bytes.clone();
        file[at + 20..at + 24].copy_from_slice(&captured.to_le_bytes());
        let broken = outcome(&file);
        assert!(matches!(broken.error, Some(CaptureError::Malformed { offset, .. }) if offset == at as u64));
    }
}

#[test]
fn a_record_has_a_largest_size() {
    for (bytes, expected) in [(RECORD_BYTES_MAX, true), (RECORD_BYTES_MAX + 1, false)] {
        let mut packet = packet("one");
        packet.resize(bytes, 0);
        let outcome = outcome(&pcap(ETHERNET, &[packet]));
        assert_eq!(
            (outcome.messages.len(), outcome.error.is_none()),
            (usize::from(expected), expected)
        );
    }
}

#[test]
fn a_section_has_a_most_of_interfaces() {
    for (interface, expected) in [(INTERFACES_MAX - 1, 1), (INTERFACES_MAX, 0)] {
        let mut writer = PcapNgWriter::new(false);
        for _ in 0..=interface {
            writer.interface(ETHERNET, 0, &[]);
        }
        writer.enhanced(interface as u32, 1, &packet("one"));
        let outcome = read(&writer.bytes);
        assert_eq!(outcome.messages.len(), expected);
        assert_eq!(outcome.counts.skipped_not_ip, 1 - expected as u64);
    }
}

#[test]
fn a_failing_reader_is_reported_once() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("the disk is gone"));
            }
            self.0.read(buffer)
        }
    }
    let file = pcap(ETHERNET, &[packet("one")]);
    let items: Vec<_> = Capture::new(Failing(&file)).collect();
    assert_eq!(items.len(), 2);
    assert!(items[0].is_ok());
    assert!(matches!(&items[1], Err(CaptureError::Read { offset, .. }) if *offset == file.len() as u64));
}

/// A capture of everything: what mutations start from.
fn everything() -> [Vec<u8>; 2] {
    let (src, dst) = (address("192.0.2.1:40000"), address("192.0.2.2:5060"));
    let (src6, dst6) = (address("[2001:db8::1]:5060"), address("[2001:db8::2]:2152"));
    let text = request("stream", "body");
    let datagram = udp_header(5060, 5060, &request("inner", "body"));
    let inner = udp(src, dst, &request("inner", "body"));
    let gtp = [
        &[
            0x34,
            0xff,
            0,
            inner.len() as u8 + 8,
            0,
            0,
            0,
            9,
            0,
            0,
            0,
            0x85,
            1,
            0,
            0,
            0,
        ][..],
        &inner,
    ]
    .concat();
    let packets = [
        packet("one"),
        frame(&tcp(src, dst, 99, SYN, b"")),
        frame(&tcp(src, dst, 150, ACK, &text[50..])),
        frame(&tcp(src, dst, 100, ACK, &text[..50])),
        frame(&tcp(dst, src, 7, ACK, &text[20..])),
        frame(&tcp(src, dst, 100 + text.len() as u32, FIN | ACK, b"")),
        frame(&ip_fragment(src6.ip(), dst6.ip(), 17, &datagram[64..], 9, 64, false)),
        frame(&ip_fragment(src6.ip(), dst6.ip(), 17, &datagram[..64], 9, 0, true)),
        frame(&ip_fragment(src.ip(), dst.ip(), 17, &datagram[..64], 9, 0, true)),
        frame(&ip_fragment(src.ip(), dst.ip(), 17, &datagram[64..], 9, 64, false)),
        frame(&ip(src.ip(), dst.ip(), 4, &inner)),
        frame(&ip(
            src.ip(),
            dst.ip(),
            47,
            &[&[0xb0, 0, 8, 0][..], &[0; 12], &inner].concat(),
        )),
        frame(&udp(src6, dst6, &gtp)),
        frame(&ip(src.ip(), dst.ip(), 50, &null_esp(17, &datagram, 12))),
        frame(&udp(src, dst, b"\r\n\r\n")),
    ];
    let mut writer = PcapNgWriter::new(false);
    writer.interface(ETHERNET, 0, &[(9, &[6]), (14, &[0; 8])]);
    for (number, packet) in packets.iter().enumerate() {
        writer.enhanced(0, number as u64, packet);
    }
    writer.simple(&packets[0]);
    writer.obsolete(0, 9, &packets[0]);
    [pcap(ETHERNET, &packets), writer.bytes]
}

#[test]
fn everything_is_found_before_it_is_mutated() {
    let [plain, ng] = everything();
    assert_eq!(read(&plain).messages.len(), 8);
    assert_eq!(read(&ng).messages.len(), 10);
}

/// A generator of our own, so that a failing seed fails everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

#[test]
fn twenty_thousand_mutations_do_no_harm() {
    let originals = everything();
    let mut messages = 0;
    for seed in 1..=20_000u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut file = originals[random.below(2)].clone();
        for _ in 0..=random.below(8) {
            // Most changes behind the file header, or little would be read at all.
            let at = if random.below(10) == 0 {
                random.below(file.len())
            } else {
                24 + random.below(file.len() - 24)
            };
            match random.below(6) {
                0 => file[at] = random.below(256) as u8,
                1 => file[at] ^= 1 << random.below(8),
                2 => file[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
                3 => file.truncate(at.max(25)),
                4 => {
                    let end = (at + 1 + random.below(64)).min(file.len());
                    let part = file[at..end].to_vec();
                    file.splice(at..at, part);
                }
                _ => {
                    let end = (at + 1 + random.below(8)).min(file.len());
                    if file.len() - (end - at) > 25 {
                        file.drain(at..end);
                    }
                }
            }
        }
        let outcome = outcome(&file);
        messages += outcome.messages.len();
        assert!(outcome.bytes_read <= file.len() as u64);
        assert!(
            outcome
                .messages
                .iter()
                .map(|message| message.bytes.len())
                .sum::<usize>()
                <= 2 * file.len()
        );
    }
    assert!(
        messages > 20_000,
        "{messages} messages: the mutations hit too hard to show anything"
    );
}
