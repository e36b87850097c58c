//! Odd messages of our own: a file each in `fixtures/torture/`, with what becomes of it when the core sends it in a datagram.
//!
//! The first line of `.expected`: `forwarded`, `silence`, or the status (and reason) of the answer. Then what the message that
//! leaves shows (`with`) or does not (`without`), with `\r`, `\n`, `\t` and `\\` written so.

use std::path::Path;

use crate::world::{POLICY, Sent, World};

//= MSG-009 type=test
//= MSG-010 type=test
#[test]
fn odd_messages_meet_what_is_written_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/torture");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "sip"));
    names.sort();
    assert!(names.len() >= 25, "{}", names.len());
    let faults: Vec<String> = names.iter().filter_map(|path| fault(path)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn fault(path: &Path) -> Option<String> {
    let name = path.file_stem().unwrap().to_string_lossy();
    let message = std::fs::read(path).unwrap();
    let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
    let mut lines = expected.lines();
    let outcome = lines.next().unwrap_or_default();
    let mut world = World::new(POLICY);
    let sent = world.packet_bytes("core", "10.20.0.9:5060", message.into());
    let forwarded = sent.iter().find(|sent| sent.to.to_string() == "192.0.2.9:5060");
    let met = match (outcome, forwarded, &sent[..]) {
        ("forwarded", Some(_), _) | ("silence", None, []) => true,
        ("forwarded" | "silence", _, _) => false,
        (status, None, [answer]) => start(answer).starts_with(&format!("SIP/2.0 {status}")),
        _ => false,
    };
    if !met {
        let starts: Vec<String> = sent.iter().map(start).collect();
        return Some(format!("{name}: expected {outcome}, and there left {starts:?}"));
    }
    lines.find_map(|line| {
        let (word, text) = line.split_once(' ').unwrap_or_default();
        let text = unescaped(text);
        let shows = forwarded.is_some_and(|sent| memchr::memmem::find(&sent.bytes, text.as_bytes()).is_some());
        (shows != (word == "with")).then(|| format!("{name}: {line}"))
    })
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
