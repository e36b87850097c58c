//! An explanation as text for a person.

use std::fmt::{self, Display, Formatter, Write};

use super::reader::Reading;
use super::{Explanation, Party, Verdict};
use crate::topology::restore::looks_sealed;

/// Writes itself with colours, which a stream that shows none takes out.
pub(super) struct Screen<'a>(pub &'a Explanation);

/// Columns of the fate.
const FATE: usize = 13;

impl Display for Screen<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Explanation {
            message,
            verdict,
            from,
            to,
            asks_for,
            headers,
            beside,
            leaves,
            second_reader,
        } = self.0;
        write!(f, "{message}: ")?;
        match verdict {
            Verdict::Forwarded => writeln!(f, "{GREEN}forwarded{PLAIN}")?,
            Verdict::Refused {
                status,
                reason,
                why,
                rule,
                clause,
            } => {
                writeln!(f, "{RED}refused{PLAIN} with {status} {reason}")?;
                writeln!(f, "  {why}\n  {rule}, {clause}")?;
            }
            Verdict::Dropped { why } => writeln!(f, "{RED}dropped{PLAIN}, {why}")?,
        }
        writeln!(f)?;
        party(f, "from", from)?;
        party(f, "to", to)?;
        let asks_for = if asks_for.is_empty() {
            "nothing".to_owned()
        } else {
            asks_for.join(", ")
        };
        writeln!(f, "{:<6}privacy wanted: {asks_for}\n", "")?;
        for row in headers {
            let colour = colour(row.fate);
            writeln!(f, "{colour}{:<FATE$}{PLAIN}{}: {}", row.fate, row.header, row.value)?;
            if let Some(becomes) = &row.becomes {
                writeln!(f, "{:FATE$}→ {becomes}", "")?;
            }
            if let (Some(rule), Some(clause)) = (row.rule, row.clause) {
                write!(f, "{:FATE$}{FAINT}{rule}, {clause}", "")?;
                if let Some(policy) = &row.policy {
                    write!(f, "; {policy}")?;
                }
                writeln!(f, "{PLAIN}")?;
            }
        }
        if !beside.is_empty() {
            writeln!(f, "\nwhen it runs, beside this")?;
            beside.iter().try_for_each(|one| writeln!(f, "  {one}"))?;
        }
        if let Some(leaves) = leaves {
            writeln!(f, "\nleaves as")?;
            for line in leaves.trim_end().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        match second_reader {
            None => Ok(()),
            Some(Reading::Same) => writeln!(f, "\nanother parser reads: the same identities"),
            Some(Reading::Not) => writeln!(f, "\nanother parser reads: not compared, it refuses this message"),
            Some(Reading::Different { at }) => {
                writeln!(f, "\nanother parser reads: {RED}something else{PLAIN}")?;
                at.iter().try_for_each(|one| writeln!(f, "  {one}"))
            }
        }
    }
}

fn party(f: &mut Formatter<'_>, side: &str, party: &Party) -> fmt::Result {
    let Party {
        listener,
        address,
        standing,
        reason,
        policy,
    } = party;
    write!(f, "{side:<6}{address} at {listener}: {standing}, {reason}")?;
    match policy {
        Some(policy) => writeln!(f, "; {policy}"),
        None => writeln!(f),
    }
}

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const FAINT: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

fn colour(fate: &str) -> &'static str {
    match fate {
        "kept" => "",
        "added" => GREEN,
        "removed" | "not sent" => RED,
        _ => YELLOW,
    }
}

/// Text of a message without what could steer a terminal.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\r' => {}
                '\n' | '\t' => out.push(character),
                _ if character.is_control() => {
                    let _ = write!(out, "\\u{{{:x}}}", character as u32);
                }
                _ => out.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The same on one line: a folded row cannot pass for two.
pub(super) fn line(bytes: &[u8]) -> String {
    printable(bytes).replace('\n', "\\n")
}

/// Shows tokens for what they are: they are long, and made anew each time.
pub(super) fn sealed(text: &str) -> String {
    let is_inside = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_inside) {
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|character| !is_inside(character)).unwrap_or(word.len()));
        out.push_str(before);
        out.push_str(if looks_sealed(word.as_bytes()) {
            "<sealed>"
        } else {
            word
        });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_escaped() {
        assert_eq!(printable(b"a\x1b[2Jb\r\n\xffc\xc2\x9b"), "a\\u{1b}[2Jb\n\\xffc\\u{9b}");
        assert_eq!(line(b"a\r\n b"), "a\\n b");
    }

    #[test]
    fn only_tokens_are_replaced() {
        let token = "A1-_".repeat(20);
        assert_eq!(sealed(&format!("<sip:{token}@h>, x")), "<sip:<sealed>@h>, x");
        assert_eq!(sealed(&token[1..]), token[1..]);
    }
}
