//! What two views have in common: all but what is declared random.

use super::dialog::Seen;
use super::words::SECRETS;

/// How the lengths of sealed text count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Two persons whose words are of one length leave sealed text of one length.
    Count,
    /// It grows in steps with what it holds, and that is declared.
    Differ,
}

/// The first message in which two views differ.
pub fn difference(one: &[Seen], other: &[Seen], lengths: Lengths) -> Option<String> {
    let normal = |seen: &Seen| normal(seen, lengths);
    for (at, (left, right)) in one.iter().zip(other).enumerate() {
        let (shown_left, shown_right) = (normal(left), normal(right));
        if shown_left != shown_right {
            let rows = shown_left
                .lines()
                .zip(shown_right.lines())
                .find(|(left, right)| left != right);
            let (left, right) = rows.unwrap_or(("(longer)", "(longer)"));
            return Some(format!(
                "message {at}, first row that differs:\n  one:   {left}\n  other: {right}\n--- one\n{shown_left}\n--- other\n{shown_right}"
            ));
        }
    }
    (one.len() != other.len()).then(|| {
        let longer = if one.len() > other.len() { one } else { other };
        let extra = &longer[one.len().min(other.len())];
        format!(
            "{} messages against {}, the next:\n{}",
            one.len(),
            other.len(),
            normal(extra)
        )
    })
}

/// A message for somebody outside that holds what is to be hidden.
pub fn secret_in(seen: &[Seen]) -> Option<String> {
    let told = |seen: &&Seen| SECRETS.iter().any(|secret| seen.sent.text().contains(secret));
    seen.iter()
        .find(told)
        .map(|seen| format!("a secret stands in:\n{}", seen.sent.text()))
}

/// When, by which way, and the text with what is declared random made equal: sealed user parts, our branches.
fn normal(seen: &Seen, lengths: Lengths) -> String {
    let Seen { at, sent } = seen;
    let text = sent.text();
    let mut out = String::with_capacity(text.len() + 100);
    out += &format!("{at:?} {} {:?} {}\n", sent.to, sent.transport, sent.from_listener);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| word(*byte)).count();
        let (this, behind) = rest.split_at(length);
        let sealed = length >= SEALED && out.ends_with("sip:") && behind.starts_with('@');
        let branch = length == BRANCH && this.starts_with("z9hG4bK") && out.ends_with(";branch=");
        let call_id = length >= SEALED && out.ends_with("Call-ID: svc.");
        match (sealed || call_id, branch) {
            (true, _) => {
                out.push_str("SEALED");
                if lengths == Lengths::Count {
                    out += &length.to_string();
                }
            }
            (_, true) => out.push_str("BRANCH"),
            _ => out.push_str(this),
        }
        let next = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    out
}

/// Characters of sealed text at least. No word of a person is as long.
const SEALED: usize = 80;
const BRANCH: usize = sipveil::transaction::ClientBranch::LENGTH;
