//! What a stranger writes oddly gets inside as nothing but what we read in it, and what leaves is read by others as by us.
//!
//! Every message of `fixtures/torture/`, from a node of T and from a stranger, in a datagram and on a stream. Three readers
//! look at all that leaves: ours, rsip, and the rows of the mutation tests. `tests/smuggling/readers.py` adds Python's and
//! tshark's: give this test a folder in `SIPVEIL_READINGS`, and it leaves there what they are to compare.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::sip::framing::{Frame, Framer, FramingLimits};
use sipveil::sip::parse::{Carrier, parse};
use sipveil::sip::{Transport, second_reader};
use sipveil::trust::ConnectionId;

use crate::mutation::{reading, rows};
use crate::torture::{collect, folder};
use crate::world::{POLICY, Sent, World};

/// Who sends, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    listener: &'static str,
    from: &'static str,
    stream: bool,
}

const WAYS: [Way; 4] = [
    way("core", "10.20.0.9:5060", false),
    way("core", "10.20.0.9:5060", true),
    way("net", "192.0.2.30:5060", false),
    way("net", "192.0.2.30:5060", true),
];

const fn way(listener: &'static str, from: &'static str, stream: bool) -> Way {
    Way { listener, from, stream }
}

/// Fields that no stranger may bring.
const OF_T: [&str; 7] = [
    "p-asserted-identity",
    "p-preferred-identity",
    "p-charging-vector",
    "p-served-user",
    "p-profile-key",
    "p-user-database",
    "p-access-network-info",
];

/// Start line, rows and body as somebody read them; white space is one blank, since folds are.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    start: Vec<u8>,
    rows: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

//= MSG-010 type=test
//= PAI-002 type=test
#[test]
fn nothing_odd_makes_a_stranger_somebody_and_every_reader_reads_the_same() {
    let mut paths = Vec::new();
    collect(&folder(), &mut paths);
    paths.sort();
    let (mut left, mut compared, mut inward) = (BTreeSet::new(), 0, 0);
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy();
        for way in WAYS {
            for sent in sent(way, &std::fs::read(path).unwrap()) {
                let place = format!("{name}, {way:?}\n{}", sent.bytes.escape_ascii());
                compared += usize::from(read_the_same(&sent.bytes, &place));
                if way.listener == "net" && sent.from_listener == "core" {
                    inward += 1;
                    asserts_nobody(&sent.bytes, &place);
                }
                left.insert(sent.bytes);
            }
        }
    }
    assert!(
        left.len() > 250 && compared > 500 && inward > 50,
        "{} left, {compared} compared, {inward} inward",
        left.len()
    );
    if let Ok(folder) = std::env::var("SIPVEIL_READINGS") {
        left.iter()
            .enumerate()
            .for_each(|(number, bytes)| leave(&folder, number, bytes));
    }
}

/// What leaves when this message, and whatever it hides, comes this way.
fn sent(way: Way, message: &[u8]) -> Vec<Sent> {
    let policy = POLICY
        .replace(
            "\"udp://10.20.0.1:5060\"",
            "\"udp://10.20.0.1:5060\", \"tcp://10.20.0.1:5060\"",
        )
        .replace(
            "\"udp://192.0.2.1:5060\"",
            "\"udp://192.0.2.1:5060\", \"tcp://192.0.2.1:5060\"",
        );
    let mut world = World::new(&policy);
    if !way.stream {
        return world.packet_bytes(way.listener, way.from, Bytes::copy_from_slice(message));
    }
    let flow = world.flow(way.listener, Transport::Tcp, way.from, Some(ConnectionId(1)));
    let mut framer = framer();
    framer.push(message);
    let mut sent = Vec::new();
    for frame in framer {
        let input = match frame {
            Ok(Frame::Message(bytes)) => Input::Packet { flow, bytes },
            Ok(Frame::KeepAlive) => continue,
            Err(fault) => Input::Unframed {
                flow,
                bytes: fault.head,
                fault: fault.error,
            },
        };
        sent.extend(world.input(input));
    }
    sent
}

fn framer() -> Framer {
    Framer::new(FramingLimits {
        start_line_bytes_max: 16 * 1024,
        header_block_bytes_max: 128 * 1024,
        body_bytes_max: 512 * 1024,
    })
}

/// Compares the readers. Gives whether rsip took part, too.
fn read_the_same(bytes: &Bytes, place: &str) -> bool {
    let ours = ours(bytes, place);
    let theirs = Reading {
        start: rows::start_line(bytes).to_vec(),
        rows: rows::rows(bytes)
            .iter()
            .map(|row| (lower(row.name), one_blank(row.value)))
            .collect(),
        body: rows::body(bytes).to_vec(),
    };
    assert_eq!(ours, theirs, "{place}");
    let lengths: Vec<_> = values(&ours, &["content-length", "l"]).collect();
    assert!(
        lengths
            .iter()
            .all(|length| **length == ours.body.len().to_string().into_bytes()
                || number(length) == Some(ours.body.len())),
        "{place}"
    );
    let Some(seen) = second_reader::identities(bytes) else {
        return false;
    };
    let same = |name: &str, theirs: &[String]| {
        let theirs: Vec<Vec<u8>> = theirs.iter().map(|value| one_blank(value.as_bytes())).collect();
        assert!(values(&ours, &[name]).eq(theirs.iter()), "{name}: {theirs:?}\n{place}");
    };
    same("p-asserted-identity", &seen.asserted);
    same("p-preferred-identity", &seen.preferred);
    same("privacy", &seen.privacy);
    true
}

fn ours(bytes: &Bytes, place: &str) -> Reading {
    let message = parse(bytes.clone(), Carrier::Datagram, &reading::limits());
    let message = message.unwrap_or_else(|refused| panic!("{}: {place}", refused.error));
    let rows = message
        .all_rows()
        .map(|(name, _, value)| (lower(name), one_blank(value)));
    Reading {
        start: rows::start_line(message.bytes()).to_vec(),
        rows: rows.collect(),
        body: message.body().to_vec(),
    }
}

/// Nobody inside finds an identity in what a stranger sent.
fn asserts_nobody(bytes: &Bytes, place: &str) {
    let read = ours(bytes, place);
    for name in OF_T {
        assert_eq!(values(&read, &[name]).count(), 0, "{name}: {place}");
    }
    if let Some(seen) = second_reader::identities(bytes) {
        assert!(seen.asserted.is_empty() && seen.preferred.is_empty(), "{place}");
    }
}

fn values<'a>(reading: &'a Reading, names: &'a [&str]) -> impl Iterator<Item = &'a Vec<u8>> {
    let named = reading.rows.iter().filter(|(row, _)| names.contains(&&**row));
    named.map(|(_, value)| value)
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn lower(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn one_blank(value: &[u8]) -> Vec<u8> {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    words.join(&b' ')
}

/// Leaves a message, and how we read it, for the readers that are no Rust. Bytes are shown as the signs of Latin-1.
fn leave(folder: &str, number: usize, bytes: &Bytes) {
    let read = ours(bytes, "");
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let rows: Vec<_> = read.rows.iter().map(|(name, value)| (name, text(value))).collect();
    let reading = serde_json::json!({ "start": text(&read.start), "rows": rows, "body": read.body.len() });
    let path = |ending: &str| Path::new(folder).join(format!("{number:04}.{ending}"));
    std::fs::write(path("sip"), bytes).unwrap();
    std::fs::write(path("json"), reading.to_string()).unwrap();
}
