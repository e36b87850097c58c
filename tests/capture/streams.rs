//! SIP on TCP: order, loss, joins, ends.

use std::net::SocketAddr;

use sipveil::trace::capture::{
    MIDWAY_SEGMENTS_MAX, PENDING_AGE_MAX, PENDING_BYTES_MAX, PENDING_SEGMENTS_MAX, SEQUENCE_WINDOW, STREAMS_MAX,
};

use super::{Outcome, read, wire::*};

/// Writes the segments of one direction; the file has one packet a millisecond.
struct Stream {
    src: SocketAddr,
    dst: SocketAddr,
    initial: u32,
    text: Vec<u8>,
    packets: Vec<(u32, Vec<u8>)>,
}

impl Stream {
    fn new(initial: u32, messages: &[Vec<u8>]) -> Stream {
        Stream {
            src: address("192.0.2.1:40000"),
            dst: address("192.0.2.2:5060"),
            initial,
            text: messages.concat(),
            packets: Vec::new(),
        }
    }

    fn opened(messages: &[Vec<u8>]) -> Stream {
        let mut stream = Stream::new(1000, messages);
        stream.send(0, 0, SYN);
        stream
    }

    /// The octets `from..to` of the text; a SYN comes before octet 0.
    fn send(&mut self, from: usize, to: usize, flags: u8) {
        let before = if flags & SYN == 0 { 1 } else { 0 };
        let sequence = self.initial.wrapping_add(from as u32).wrapping_add(before);
        let packet = tcp(self.src, self.dst, sequence, flags, &self.text[from..to]);
        self.packets.push((1, packet));
    }

    fn data(&mut self, from: usize, to: usize) {
        self.send(from, to, ACK);
    }

    fn wait(&mut self, milliseconds: u32) {
        self.packets.push((milliseconds, ethernet(0x0806, &[0; 46])));
    }

    fn file(&self) -> Vec<u8> {
        let mut writer = PcapWriter::new(ETHERNET);
        let mut now = 0;
        for (milliseconds, packet) in &self.packets {
            now += milliseconds;
            let packet = if packet[0] >> 4 == 4 {
                frame(packet)
            } else {
                packet.clone()
            };
            writer.record(now / 1000, now % 1000 * 1000, &packet, packet.len());
        }
        writer.bytes
    }

    fn read(&self) -> Outcome {
        read(&self.file())
    }
}

fn three() -> Vec<Vec<u8>> {
    vec![
        request("one", "first body"),
        request("two", ""),
        request("three", "SIP/2.0 200 OK\r\nTo: x\r\n"),
    ]
}

#[test]
fn one_byte_at_a_time() {
    let mut stream = Stream::opened(&three());
    for at in 0..stream.text.len() {
        stream.data(at, at + 1);
    }
    let outcome = stream.read();
    assert_eq!(outcome.texts(), three());
    let ends = three().into_iter().scan(1, |end, message| {
        *end += message.len() as u64;
        Some(*end)
    });
    assert_eq!(outcome.numbers(), ends.collect::<Vec<_>>());
    assert_eq!(
        (
            outcome.counts.gaps,
            outcome.counts.resyncs,
            outcome.counts.retransmissions
        ),
        (0, 0, 0)
    );
    assert_eq!(outcome.counts.streams, 1);
}

#[test]
fn all_in_one_segment() {
    let mut stream = Stream::opened(&three());
    stream.data(0, stream.text.len());
    assert_eq!(stream.read().texts(), three());
}

#[test]
fn out_of_order_with_retransmissions_and_overlaps() {
    let mut stream = Stream::opened(&three());
    let end = stream.text.len();
    for (from, to) in [
        (100, 150),
        (100, 150),
        (50, 120),
        (200, end),
        (0, 60),
        (0, 40),
        (140, 210),
        (30, 190),
    ] {
        stream.data(from, to);
    }
    let outcome = stream.read();
    assert_eq!(outcome.texts(), three());
    assert_eq!(outcome.counts.gaps, 0);
    assert_eq!(outcome.counts.retransmissions, 3);
}

#[test]
fn every_order_of_segments() {
    let messages = three();
    for seed in 0..200u64 {
        let mut stream = Stream::opened(&messages);
        let mut parts: Vec<_> = (0..stream.text.len()).step_by(37).collect();
        let mut state = seed;
        for at in (1..parts.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            parts.swap(at, (state >> 33) as usize % (at + 1));
        }
        for from in parts {
            stream.data(from, (from + 37).min(stream.text.len()));
        }
        assert_eq!(stream.read().texts(), messages, "seed {seed}");
    }
}

#[test]
fn sequence_numbers_wrap() {
    for before in [0, 1, 2, 50, 150] {
        let mut stream = Stream::opened(&three());
        stream.initial = 0u32.wrapping_sub(before);
        stream.packets.clear();
        stream.send(0, 0, SYN);
        stream.data(100, 200);
        stream.data(0, 100);
        stream.data(200, stream.text.len());
        assert_eq!(stream.read().texts(), three(), "{before} before the wrap");
    }
}

#[test]
fn a_missing_segment_costs_only_what_it_touches() {
    let messages = three();
    let first = messages[0].len();
    let mut stream = Stream::opened(&messages);
    stream.data(0, first - 20);
    // first - 20 .. first + 10 is lost: the body of one, the start line of two.
    stream.data(first + 10, stream.text.len());
    let outcome = stream.read();
    // Within the headers, whole lines are given.
    let lines = messages[0][..first - 20]
        .iter()
        .rposition(|&octet| octet == b'\n')
        .unwrap()
        + 1;
    assert_eq!(outcome.texts(), [&messages[0][..lines], &messages[2][..]]);
    assert!(outcome.messages[0].truncated && !outcome.messages[1].truncated);
    assert_eq!(outcome.counts.gaps, 1);
    assert_eq!(outcome.numbers(), [2, 3]);
}

#[test]
fn a_gap_is_given_up_by_age() {
    let messages = three();
    let first = messages[0].len();
    for (milliseconds, expected) in [
        (PENDING_AGE_MAX.as_millis() as u32, 0),
        (PENDING_AGE_MAX.as_millis() as u32 + 1, 1),
    ] {
        let mut stream = Stream::opened(&messages);
        stream.data(first, first + 60);
        stream.wait(milliseconds - 1);
        stream.data(first + 60, stream.text.len());
        let outcome = stream.read();
        // Given up in time, the gap is behind us when the rest comes; else the end of the file is waited for.
        assert_eq!(outcome.texts(), [&messages[1][..], &messages[2][..]]);
        assert_eq!(outcome.counts.gaps, 1);
        let mut late = Stream::opened(&messages);
        late.packets = stream.packets.clone();
        late.data(0, first);
        assert_eq!(late.read().messages.len(), 3 - expected, "after {milliseconds} ms");
    }
}

#[test]
fn the_other_direction_gives_up_a_gap_too() {
    let messages = three();
    let first = messages[0].len();
    let mut stream = Stream::opened(&messages);
    stream.data(first, stream.text.len());
    stream.wait(PENDING_AGE_MAX.as_millis() as u32 + 1);
    stream.packets.push((1, tcp(stream.dst, stream.src, 2, ACK, b"")));
    stream.data(0, first);
    let outcome = stream.read();
    assert_eq!(outcome.texts(), messages[1..]);
    assert_eq!((outcome.counts.streams, outcome.counts.gaps), (1, 1));
}

#[test]
fn waiting_segments_are_bounded_in_number() {
    for (count, expected) in [(PENDING_SEGMENTS_MAX, 0), (PENDING_SEGMENTS_MAX + 1, 1)] {
        let mut stream = Stream::opened(&[request("long", &"x".repeat(2000)), request("after", "")]);
        for at in 1..=count {
            stream.data(at, at + 1);
        }
        stream.data(0, 1);
        assert_eq!(stream.read().counts.gaps, expected, "{count} waiting");
    }
}

#[test]
fn waiting_segments_are_bounded_in_bytes() {
    for (over, expected) in [(0, 0), (1, 1)] {
        let mut stream = Stream::opened(&[request("long", &"x".repeat(PENDING_BYTES_MAX + 10))]);
        for from in (0..PENDING_BYTES_MAX).step_by(32 * 1024) {
            stream.data(1 + from, 1 + from + 32 * 1024);
        }
        stream.data(PENDING_BYTES_MAX + 1, PENDING_BYTES_MAX + 1 + over);
        stream.data(0, 1);
        assert_eq!(stream.read().counts.gaps, expected, "{over} over");
    }
}

#[test]
fn a_capture_may_begin_in_the_middle() {
    let messages = three();
    let first = messages[0].len();
    // In the middle of a message, with the next start line in the same segment, or not, or split.
    for cuts in [
        vec![30, first + 100],
        vec![30, first - 5, first + 100],
        vec![30, first - 5, first + 4, first + 100],
    ] {
        let mut stream = Stream::new(7, &messages);
        for pair in cuts.windows(2) {
            stream.data(pair[0], pair[1]);
        }
        stream.data(*cuts.last().unwrap(), stream.text.len());
        let outcome = stream.read();
        assert_eq!(outcome.texts(), messages[1..], "{cuts:?}");
        assert_eq!(outcome.counts.gaps, 0);
    }
}

#[test]
fn the_first_segments_of_a_stream_joined_midway_may_be_swapped() {
    let messages = three();
    let mut stream = Stream::new(7, &messages);
    stream.data(100, 130);
    stream.data(50, 100);
    stream.data(0, 50);
    stream.data(130, stream.text.len());
    assert_eq!(stream.read().texts(), messages);
}

#[test]
fn a_stream_joined_midway_is_held_back_for_some_segments_only() {
    for (count, expected) in [(MIDWAY_SEGMENTS_MAX - 1, 1), (MIDWAY_SEGMENTS_MAX, 0)] {
        let mut stream = Stream::new(7, &[vec![b'z'; 100], request("one", "")]);
        for at in 0..count {
            stream.data(20 + at, 21 + at);
        }
        stream.packets.push((1, tcp(stream.src, stream.dst, 8, SYN, b"")));
        stream.data(100, stream.text.len());
        let outcome = stream.read();
        assert_eq!(outcome.messages.len(), 1);
        // Held back, they wait for what is before them; otherwise they are the beginning.
        assert_eq!(
            outcome.counts.gaps > 1,
            expected == 1,
            "{count} segments: {:?}",
            outcome.counts
        );
    }
}

#[test]
fn a_late_or_repeated_syn_changes_nothing() {
    let messages = three();
    let mut stream = Stream::opened(&messages);
    stream.data(0, 100);
    stream.send(0, 0, SYN);
    stream.data(100, stream.text.len());
    assert_eq!(stream.read().texts(), messages);
    let mut stream = Stream::new(1000, &messages);
    stream.data(0, 100);
    stream.send(0, 0, SYN);
    stream.data(100, stream.text.len());
    assert_eq!(stream.read().texts(), messages);
}

#[test]
fn a_port_may_be_used_again() {
    for end in [FIN | ACK, RST, 0] {
        let mut stream = Stream::opened(&[request("one", "")]);
        stream.data(0, stream.text.len());
        if end != 0 {
            stream.send(stream.text.len(), stream.text.len(), end);
        }
        let mut again = Stream::new(77_000_000, &[request("two", "")]);
        again.send(0, 0, SYN);
        again.data(0, again.text.len());
        stream.packets.extend(again.packets);
        let outcome = stream.read();
        assert_eq!(
            outcome.texts(),
            [request("one", ""), request("two", "")],
            "ended by {end}"
        );
    }
}

#[test]
fn a_retransmission_after_the_end_is_not_given_again() {
    let mut stream = Stream::opened(&[request("one", "")]);
    let end = stream.text.len();
    stream.send(0, end, FIN | ACK);
    stream.send(0, end, FIN | ACK);
    stream.data(0, end);
    assert_eq!(stream.read().messages.len(), 1);
}

#[test]
fn data_in_the_syn_counts() {
    let mut stream = Stream::new(1000, &three());
    stream.send(0, 120, SYN);
    stream.data(120, stream.text.len());
    assert_eq!(stream.read().texts(), three());
}

#[test]
fn a_message_the_connection_ended_in_is_marked() {
    for end in [FIN | ACK, RST] {
        let messages = three();
        let mut stream = Stream::opened(&messages);
        stream.data(0, messages[0].len() - 3);
        stream.send(messages[0].len() - 3, messages[0].len() - 3, end);
        let outcome = stream.read();
        assert_eq!(outcome.texts(), [&messages[0][..messages[0].len() - 3]]);
        assert_eq!(
            (outcome.messages[0].truncated, outcome.counts.truncated_messages),
            (true, 1)
        );
    }
}

#[test]
fn a_far_sequence_number_begins_anew() {
    let messages = three();
    for (distance, gaps) in [(SEQUENCE_WINDOW as u32, 1), (SEQUENCE_WINDOW as u32 + 1, 0)] {
        let mut stream = Stream::opened(&messages[..1]);
        stream.data(0, messages[0].len());
        let mut far = Stream::new(
            stream
                .initial
                .wrapping_add(messages[0].len() as u32)
                .wrapping_add(distance),
            &messages[1..],
        );
        far.data(0, far.text.len());
        stream.packets.extend(far.packets);
        let outcome = stream.read();
        assert_eq!(outcome.texts(), messages);
        assert_eq!(outcome.counts.gaps, gaps);
    }
}

#[test]
fn keep_alives_and_probes_on_a_stream() {
    let mut stream = Stream::opened(&[
        b"\r\n\r\n".to_vec(),
        request("one", ""),
        b"\r\n".to_vec(),
        request("two", ""),
    ]);
    let first = 4 + request("one", "").len();
    stream.data(0, 4);
    stream.data(4, first);
    // A probe repeats the last octet.
    stream.data(first - 1, first);
    stream.data(first, first + 2);
    stream.data(first + 2, stream.text.len());
    let outcome = stream.read();
    assert_eq!(outcome.texts(), [request("one", ""), request("two", "")]);
    assert_eq!(outcome.counts.keep_alives, 2);
    assert_eq!(outcome.counts.retransmissions, 1);
}

#[test]
fn the_oldest_stream_makes_room() {
    for (others, expected) in [(STREAMS_MAX - 1, 1), (STREAMS_MAX, 0)] {
        let text = request("one", "");
        let (src, dst) = (address("192.0.2.1:40000"), address("192.0.2.2:5060"));
        let mut writer = PcapWriter::new(RAW);
        let mut record = |packet: &[u8]| writer.record(1, 0, packet, packet.len());
        record(&tcp(src, dst, 0, SYN, b""));
        // Not by a start line of its own: only who remembers the stream can read on.
        record(&tcp(src, dst, 1, ACK, &text[..10]));
        for other in 0..others {
            let other = SocketAddr::new(address("192.0.2.3:1").ip(), other as u16);
            record(&tcp(other, dst, 0, SYN, b""));
        }
        record(&tcp(src, dst, 11, ACK, &text[10..]));
        let outcome = read(&writer.bytes);
        assert_eq!(outcome.messages.len(), expected, "{others} others");
        assert_eq!(outcome.counts.streams_evicted > 0, expected == 0);
    }
}

#[test]
fn all_streams_together_are_bounded_in_bytes() {
    // Each connection sends the headers of a message and most of a large body, and then falls silent.
    let dst = address("192.0.2.2:5060");
    let head = b"MESSAGE sip:bob@b.example SIP/2.0\r\nl: 1000000\r\n\r\n".to_vec();
    let part = vec![b'x'; 60_000];
    let mut writer = PcapWriter::new(RAW);
    let connections = 100;
    for connection in 0..connections {
        let src = SocketAddr::new(address("192.0.2.3:1").ip(), 1000 + connection);
        let mut sequence = 1;
        let mut record = |flags, payload: &[u8]| {
            let packet = tcp(src, dst, sequence, flags, payload);
            sequence += payload.len() as u32 + u32::from(flags & SYN != 0);
            writer.record(1, 0, &packet, packet.len());
        };
        record(SYN, b"");
        record(ACK, &head);
        for _ in 0..16 {
            record(ACK, &part);
        }
    }
    let outcome = read(&writer.bytes);
    assert!(outcome.counts.streams_evicted >= 30, "{:?}", outcome.counts);
    assert_eq!(outcome.messages.len(), usize::from(connections));
    assert!(outcome.messages.iter().all(|message| message.truncated));
}

#[test]
fn other_protocols_cost_nothing() {
    let mut stream = Stream::opened(&[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000), request("one", "")]);
    for from in (0..stream.text.len()).step_by(1000) {
        stream.data(from, (from + 1000).min(stream.text.len()));
    }
    let outcome = stream.read();
    assert_eq!(outcome.texts(), [request("one", "")]);
    assert_eq!(outcome.counts.resyncs, 1);
}
