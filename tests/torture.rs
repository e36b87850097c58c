//! Odd messages of our own: a file each in `fixtures/torture/`, with what becomes of it. One or more stand for each point of
//! RFC 4475 and RFC 5118, named by its section; none is taken from there.
//!
//! Lines of `.expected`, with `\r`, `\n`, `\t` and `\\` written so:
//!
//! - `forwarded`, `silence`, or the status (and reason) of the answer;
//! - `from ADDRESS`: who sends it, else a node of T;
//! - `after METHOD`: it is a response to such a request, whose rows stand for `@VIAS@` and its like;
//! - `to ADDRESS`: where it leaves for;
//! - `with TEXT`, `without TEXT`: what the message that leaves shows, or does not.

use std::path::{Path, PathBuf};

use crate::world::{POLICY, Sent, World};

/// The sections of RFC 4475 that show a message.
const RFC_4475: [(&str, u32); 5] = [("3.1.1.", 13), ("3.1.2.", 19), ("3.2.", 1), ("3.3.", 15), ("3.4.", 1)];

/// The sections of RFC 5118 that show a message.
const RFC_5118: (&str, u32) = ("4.", 10);

const CORE: &str = "10.20.0.9:5060";

//= MSG-009 type=test
//= MSG-010 type=test
#[test]
fn odd_messages_meet_what_is_written_beside_them() {
    let mut paths = Vec::new();
    collect(&folder(), &mut paths);
    paths.sort();
    assert!(paths.len() >= 100, "{}", paths.len());
    let faults: Vec<String> = paths.iter().filter_map(|path| fault(path)).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_point_of_both_rfcs_has_a_message() {
    let points = |folder: &str, (section, last): (&str, u32)| {
        let mut paths = Vec::new();
        collect(&self::folder().join(folder), &mut paths);
        let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
        let lacks = |point: &String| !names.iter().any(|name| name.starts_with(point));
        let points = (1..=last).map(|number| format!("{section}{number}-"));
        points.filter(lacks).collect::<Vec<_>>()
    };
    let of_4475 = RFC_4475.into_iter().flat_map(|section| points("rfc4475", section));
    let missing: Vec<String> = of_4475.chain(points("rfc5118", RFC_5118)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/torture")
}

/// Every `.sip` below a folder.
pub fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "sip") {
            paths.push(path);
        }
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// What is written beside a message.
#[derive(Default)]
struct Expected {
    outcome: String,
    from: String,
    after: Option<String>,
    to: Option<String>,
    /// Texts, and whether they are to be seen.
    shows: Vec<(String, bool)>,
}

impl Expected {
    fn read(text: &str) -> Expected {
        let mut expected = Expected {
            from: CORE.to_owned(),
            ..Expected::default()
        };
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "from" => rest.clone_into(&mut expected.from),
                "after" => expected.after = Some(rest.to_owned()),
                "to" => expected.to = Some(rest.to_owned()),
                "with" => expected.shows.push((unescaped(rest), true)),
                "without" => expected.shows.push((unescaped(rest), false)),
                _ => line.clone_into(&mut expected.outcome),
            }
        }
        expected
    }
}

fn fault(path: &Path) -> Option<String> {
    let name = name(path);
    let message = std::fs::read(path).unwrap();
    let expected = Expected::read(&std::fs::read_to_string(path.with_extension("expected")).unwrap());
    let mut world = World::new(&policy());
    let sent = match &expected.after {
        Some(method) => answer(&mut world, &expected.from, method, &message),
        None => world.packet_bytes(listener(&expected.from), &expected.from, message.clone().into()),
    };
    let is_response = message.starts_with(b"SIP/");
    // What goes on, and is no answer of ours.
    let forwarded = sent.iter().find(|sent| sent.bytes.starts_with(b"SIP/") == is_response);
    let met = match (&*expected.outcome, forwarded, &sent[..]) {
        ("forwarded", Some(_), _) | ("silence", None, []) => true,
        ("forwarded" | "silence", _, _) => false,
        (status, None, [answer]) => start(answer).starts_with(&format!("SIP/2.0 {status}")),
        _ => false,
    };
    if !met {
        let starts: Vec<String> = sent.iter().map(start).collect();
        return Some(format!(
            "{name}: expected {}, and there left {starts:?}",
            expected.outcome
        ));
    }
    if let Some(to) = expected.to
        && forwarded.is_none_or(|sent| sent.to.to_string() != to)
    {
        return Some(format!("{name}: went to {:?}", forwarded.map(|sent| sent.to)));
    }
    expected.shows.iter().find_map(|(text, wanted)| {
        let shows = forwarded.is_some_and(|sent| memchr::memmem::find(&sent.bytes, text.as_bytes()).is_some());
        let out = forwarded.map(|sent| sent.bytes.escape_ascii().to_string());
        (shows != *wanted).then(|| format!("{name}: {text:?}, wanted {wanted}, in {out:?}"))
    })
}

/// The world's policy, reachable over IPv6, too.
fn policy() -> String {
    POLICY
        .replace(
            "[\"udp://10.20.0.1:5060\"]",
            "[\"udp://10.20.0.1:5060\", \"udp://[2001:db8:20::1]:5060\"]",
        )
        .replace(
            "[\"udp://192.0.2.1:5060\"]",
            "[\"udp://192.0.2.1:5060\", \"udp://[2001:db8:9::1]:5060\"]",
        )
}

fn listener(from: &str) -> &'static str {
    if from.starts_with("192.0.2.") { "net" } else { "core" }
}

/// Sends a request, and the response made of the rows that reached the stranger.
fn answer(world: &mut World, from: &str, method: &str, response: &[u8]) -> Vec<Sent> {
    let target = if from.starts_with('[') {
        "[2001:db8:9::9]"
    } else {
        "net.example"
    };
    let request = format!(
        "{method} sip:bob@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKt\r\nFrom: <sip:al@home1.example>;tag=7\r\n\
         To: <sip:bob@net.example>\r\nCall-ID: t\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = world.packet(listener(from), from, &request);
    let request = &sent[0];
    let vias: Vec<String> = request.rows("Via").iter().map(|via| format!("Via: {via}")).collect();
    let row = |name: &str| format!("{name}: {}", request.row(name).unwrap());
    let mut out = response.to_vec();
    for (mark, rows) in [
        ("@VIAS@", vias.join("\r\n")),
        ("@VIA@", vias[0].clone()),
        ("@OTHER-VIAS@", vias[1..].join("\r\n")),
        ("@FROM@", row("From")),
        ("@TO@", row("To") + ";tag=b"),
        ("@CALL-ID@", row("Call-ID")),
        ("@CSEQ@", row("CSeq")),
    ] {
        if let Some(at) = memchr::memmem::find(&out, mark.as_bytes()) {
            out.splice(at..at + mark.len(), rows.into_bytes());
        }
    }
    let stranger = request.to.to_string();
    world.packet_bytes("net", &stranger, out.into())
}

fn start(sent: &Sent) -> String {
    let end = memchr::memchr(b'\r', &sent.bytes).unwrap_or(sent.bytes.len());
    String::from_utf8_lossy(&sent.bytes[..end]).into_owned()
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '\\' => match letters.next() {
                Some('r') => '\r',
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            letter => letter,
        });
    }
    out
}
