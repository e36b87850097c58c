//! Every case and some hundred dialogs of chance at the most talkative level: what was logged, counted, told as an event and
//! printed is searched for everything in the messages that names somebody.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::logs::logged;
use crate::non_interference::{Observed, Proof, SECRETS, SHOWN};
use crate::tree;
use crate::world::POLICY;
use crate::{cases, counts};

/// Everything a run printed, and what it may not hold.
#[derive(Default)]
struct Told {
    text: String,
    names: BTreeSet<String>,
}

impl Told {
    /// The first name that is told, with the line that tells it.
    fn found(&self) -> Option<String> {
        let lower = self.text.to_lowercase();
        let words: BTreeSet<&str> = lower.split(|letter| !is_of_word(letter)).collect();
        let is_told = |name: &&String| match name.chars().all(is_of_word) {
            true => words.contains(name.as_str()),
            false => lower.contains(name.as_str()),
        };
        let name = self.names.iter().find(is_told)?;
        let line = lower
            .lines()
            .find(|line| line.contains(name.as_str()))
            .unwrap_or_default();
        Some(format!("{name} is told:\n{line}"))
    }

    /// What in a message names somebody: users, numbers, display names, hosts, the Call-ID, branches.
    fn names_of(&mut self, message: &str) {
        for piece in message.split(|letter: char| " \r\n\t<>;,".contains(letter)) {
            let uri = ["sip:", "sips:", "tel:"]
                .iter()
                .find_map(|scheme| piece.strip_prefix(scheme));
            let address = uri.unwrap_or(piece).split(['?', ';']).next().unwrap_or_default();
            if let Some((user, host)) = address.split_once('@') {
                self.add(address);
                self.add(user);
                self.add(host);
            } else if uri.is_some() {
                self.add(address);
            }
            if let Some(branch) = piece.strip_prefix("branch=") {
                self.add(branch);
            }
        }
        for (at, text) in message.split('"').enumerate() {
            if at % 2 == 1 {
                self.add(text);
            }
        }
        for row in message.lines() {
            if let Some(call_id) = row.strip_prefix("Call-ID: ") {
                self.add(call_id.trim());
            }
        }
    }

    /// Words of the policy say nothing of a call, and a word of three letters is found in any text.
    fn add(&mut self, name: &str) {
        let name = name.trim().to_lowercase();
        let is_in_policy = POLICY.to_lowercase().contains(&name);
        if name.len() > 3 && !is_in_policy && !OURS.contains(&&*name) {
            self.names.insert(name);
        }
    }
}

/// What somebody is called in a case, and what we say of a message, too.
const OURS: &[&str] = &["hidden", "anonymous"];

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "+._-".contains(letter)
}

#[test]
fn a_name_that_is_left_behind_is_found() {
    let invite = "INVITE sip:bob@net.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKliddell1\r\n\
                  From: \"Alice Pleasance\" <sip:alice@wonder.example>;tag=7\r\nP-Asserted-Identity: <tel:+15551230001>\r\n\
                  Call-ID: secret\r\n\r\n";
    for name in [
        "Alice Pleasance",
        "alice",
        "wonder.example",
        "alice@wonder.example",
        "+15551230001",
        "secret",
        "z9hG4bKliddell1",
    ] {
        let mut told = Told {
            text: format!("cleared for=\"{name}\" listener=\"net\""),
            ..Told::default()
        };
        told.names_of(invite);
        assert!(told.found().is_some(), "{name}");
        told.text = "cleared listener=\"net\" call=#0123456789ab".to_owned();
        assert_eq!(told.found(), None);
    }
}

//= LI-008 type=test
#[test]
fn no_case_leaves_a_name_behind() {
    let mut names = Told::default();
    for file in tree::files("fixtures/cases", ".md") {
        if file.path.ends_with("README.md") {
            continue;
        }
        let mut told = Told::default();
        told.text = logged(|| match cases::observed(&file.text) {
            Ok((messages, printed)) => {
                messages.iter().for_each(|message| told.names_of(message));
                tracing::info!("{printed}");
            }
            Err(fault) => panic!("{}: {fault}", file.path),
        });
        assert!(told.text.contains("cleared"), "{}: nothing was logged", file.path);
        assert_eq!(told.found(), None, "{}", file.path);
        names.names.append(&mut told.names);
    }
    assert!(names.names.len() > 40, "{:?}", names.names);
}

/// The same for dialogs by chance, in which the words of everybody begin alike.
//= LI-008 type=test
#[test]
fn no_dialog_leaves_a_name_behind() {
    let proof = Proof::read();
    let mut lines = 0;
    for number in 0..300 {
        let mut told = Told::default();
        let mut sealed = Vec::new();
        told.text = logged(|| {
            let Observed { played, events } = proof.observed(number, 0);
            let mut printed = format!("{events:?} {:?}", played.counts);
            for row in counts::moved(&Default::default(), &played.counts) {
                write!(printed, "\n{row}").unwrap();
            }
            for seen in &played.seen {
                let words = seen
                    .sent
                    .text()
                    .split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter));
                sealed.extend(words.filter(|word| word.len() >= 80).map(str::to_owned));
                told.names_of(seen.sent.text());
            }
            tracing::info!("{printed}");
        });
        let marks = SECRETS.iter().chain(SHOWN);
        let marks = marks
            .copied()
            .chain(ADDRESSES.iter().copied())
            .chain(KEYS.iter().copied());
        for mark in marks.chain(sealed.iter().map(String::as_str)) {
            assert!(
                !told.text.contains(mark),
                "dialog {number}: {mark} is told:\n{}",
                told.text
            );
        }
        assert_eq!(told.found(), None, "dialog {number}");
        assert!(!told.text.contains("ERROR"), "dialog {number}:\n{}", told.text);
        lines += told.text.lines().count();
    }
    assert!(lines > 5_000, "{lines}");
}

/// What the two runs of a dialog log is the same, digests aside: no line depends on who hides.
#[test]
fn what_is_logged_does_not_depend_on_who_hides() {
    let proof = Proof::read();
    for number in 0..100 {
        let [one, other] = [0, 1].map(|run| {
            let text = logged(|| drop(proof.observed(number, run)));
            let rows = text.lines().map(|line| line.split_once(' ').map_or("", |(_, row)| row));
            rows.map(without_digests).collect::<Vec<_>>()
        });
        let differing = one.iter().zip(&other).find(|(one, other)| one != other);
        assert_eq!(differing, None, "dialog {number}");
        assert_eq!(one.len(), other.len(), "dialog {number}");
    }
}

/// `#` and twelve digits; and how long a span took.
fn without_digests(row: &str) -> String {
    let row = row.split(" time.busy=").next().unwrap_or(row);
    let mut out = String::new();
    for (at, piece) in row.split('#').enumerate() {
        out += match at {
            0 => piece,
            _ => piece.get(12..).unwrap_or(piece),
        };
    }
    out
}

/// Where the parties are.
const ADDRESSES: &[&str] = &[
    "10.20.0.9",
    "10.20.0.10",
    "10.20.0.77",
    "10.30.0.8",
    "10.30.0.9",
    "192.0.2.9",
    "192.0.2.10",
    "192.0.2.30",
    "192.0.2.70",
    "cid-",
    "z9hG4bK",
];

/// The key of the tests, as numbers, digits and base64.
const KEYS: &[&str] = &["42, 42", "2a2a2a2a", "2A2A2A2A", "KioqKio"];
