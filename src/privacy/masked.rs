//! A message as it may be shown to who only looks on: its form, and of its words those that everybody uses. What else stands in it
//! is masked, the same for the same word, so that one sees where it goes and not what it is.

mod words;

use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;

use words::is_known;

/// What stands for a word that is not shown. It shows nothing of it but that it is the same again.
pub trait Mask {
    /// A word, or what is between quotes. `out` ends with what stands before it.
    fn word(&mut self, word: &[u8], place: Place, out: &mut String);

    /// An address, as one. False: it is masked as the words it is made of.
    fn address(&mut self, _: IpAddr, _: &mut String) -> bool {
        false
    }
}

/// Where a masked word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before an `@`.
    User,
    Quoted,
    Body,
    Elsewhere,
}

/// Words that get a number of their own; beyond: all others share one.
pub const WORDS_MAX: usize = 100_000;

/// Masks for a report: numbers, in the order in which words come.
#[derive(Default)]
pub struct Masks(HashMap<Vec<u8>, usize>);

impl Masks {
    /// The rows of a message, one a line, and those of its body.
    pub fn message(&mut self, bytes: &[u8]) -> Vec<String> {
        let Masked { mut head, body } = masked(bytes, self);
        if !body.is_empty() {
            head.push(String::new());
            head.extend(body);
        }
        head
    }
}

impl Mask for Masks {
    fn word(&mut self, word: &[u8], _: Place, out: &mut String) {
        let next = self.0.len();
        let number = match self.0.get(word) {
            Some(number) => Some(*number),
            None if next >= WORDS_MAX => None,
            None => {
                self.0.insert(word.to_vec(), next);
                Some(next)
            }
        };
        let _ = match number {
            Some(number) => write!(out, "‹{}›", number + 1),
            None => write!(out, "‹*›"),
        };
    }
}

/// The rows of a message and the lines of its body.
pub struct Masked {
    pub head: Vec<String>,
    pub body: Vec<String>,
}

/// Rows in which a number counts something.
const COUNTS: [&str; 11] = [
    "cseq",
    "max-forwards",
    "max-breadth",
    "expires",
    "min-expires",
    "session-expires",
    "min-se",
    "content-length",
    "rseq",
    "rack",
    "retry-after",
];
/// Lines of SDP in which it names a codec.
const CODECS: [&str; 3] = ["a=rtpmap:", "a=ptime:", "a=maxptime:"];

/// Masks every word of a message that is not one that everybody uses.
pub fn masked(bytes: &[u8], by: &mut impl Mask) -> Masked {
    let (head, body) = match bytes.windows(4).position(|end| end == b"\r\n\r\n") {
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let mut head: Vec<String> = lines.next().map(|line| start(line, by)).into_iter().collect();
    head.extend(lines.map(|line| row(line, by)));
    if body.is_empty() {
        return Masked { head, body: Vec::new() };
    }
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let mut body: Vec<String> = lines.map(|line| line_of_body(line, by)).collect();
    if body.last().is_some_and(String::is_empty) {
        body.pop();
    }
    Masked { head, body }
}

fn start(line: &[u8], by: &mut impl Mask) -> String {
    // The status of a response counts, and nothing else does.
    match line.strip_prefix(b"SIP/2.0 ") {
        Some(rest) if rest.len() > 4 && rest[..3].iter().all(u8::is_ascii_digit) => {
            let status = String::from_utf8_lossy(&rest[..3]).into_owned();
            format!(
                "SIP/2.0 {status} {}",
                value(&rest[4..], Numbers::Masked, Place::Elsewhere, by)
            )
        }
        _ => value(line, Numbers::Masked, Place::Elsewhere, by),
    }
}

fn row(line: &[u8], by: &mut impl Mask) -> String {
    let Some(at) = line.iter().position(|byte| *byte == b':') else {
        return value(line, Numbers::Masked, Place::Elsewhere, by);
    };
    let name = value(&line[..at], Numbers::Masked, Place::Elsewhere, by);
    let numbers = match COUNTS.contains(&name.trim().to_ascii_lowercase().as_str()) {
        true => Numbers::Shown,
        false => Numbers::Masked,
    };
    format!("{name}:{}", value(&line[at + 1..], numbers, Place::Elsewhere, by))
}

fn line_of_body(line: &[u8], by: &mut impl Mask) -> String {
    let numbers = match CODECS.iter().any(|codec| line.starts_with(codec.as_bytes())) {
        true => Numbers::Shown,
        false => Numbers::Masked,
    };
    value(line, numbers, Place::Body, by)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Shown,
    Masked,
}

fn value(value: &[u8], numbers: Numbers, place: Place, by: &mut impl Mask) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(byte) = rest.first() {
        if *byte == b'"' {
            let end = quoted_end(rest);
            let inside = &rest[1..end.max(2) - 1];
            out.push('"');
            match is_known(inside) {
                true => out.push_str(&String::from_utf8_lossy(inside)),
                false if inside.is_empty() => {}
                false => by.word(inside, Place::Quoted, &mut out),
            }
            out.push('"');
            rest = &rest[end..];
        } else if let Some((address, behind)) = reference(rest)
            && by.address(address, &mut out)
        {
            rest = behind;
        } else if is_of_word(*byte) {
            let end = rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            let is_count = numbers == Numbers::Shown && word.len() <= 9 && word.iter().all(u8::is_ascii_digit);
            // Whoever stands before a host and what host that is are names, whatever words they are.
            let is_user = behind.first() == Some(&b'@') && !word.eq_ignore_ascii_case(b"anonymous");
            let is_host = out.ends_with('@') && !word.eq_ignore_ascii_case(b"anonymous.invalid");
            let place = if is_user { Place::User } else { place };
            match (is_known(word) || is_count) && !is_user && !is_host {
                true => out.push_str(&String::from_utf8_lossy(word)),
                false if !is_user && literal(word).is_some_and(|address| by.address(address, &mut out)) => {}
                false => by.word(word, place, &mut out),
            }
            rest = behind;
        } else {
            // Nothing that a word is made of: it separates.
            out.push(char::from(*byte));
            rest = &rest[1..];
        }
    }
    out
}

/// An IPv6 address in brackets, and what is behind it.
fn reference(text: &[u8]) -> Option<(IpAddr, &[u8])> {
    let inside = text.strip_prefix(b"[")?;
    let end = inside.iter().take(46).position(|byte| *byte == b']')?;
    let address = literal(&inside[..end]).filter(IpAddr::is_ipv6)?;
    Some((address, &inside[end + 1..]))
}

fn literal(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Where a quoted string ends, its end included.
fn quoted_end(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Whatever is no separator of SIP, control characters and all.
fn is_of_word(byte: u8) -> bool {
    !b" \t<>\"@,;:/[]?={}()&|".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INVITE: &[u8] = b"INVITE sip:bob@biloxi.example;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKx7;rport\r\n\
        From: \"Alice L.\" <sip:alice@home1.example>;tag=a1\r\n\
        To: <sip:bob@biloxi.example>\r\nCSeq: 4711 INVITE\r\nPrivacy: id;critical\r\n\
        X-Dept-Alice: 7\r\nContent-Length: 99\r\n\r\n\
        v=0\r\no=alice 2890 1 IN IP4 192.0.2.7\r\nm=audio 40004 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

    #[test]
    fn a_message_keeps_its_form_and_loses_its_names() {
        let rows = Masks::default().message(INVITE);
        assert_eq!(
            rows,
            [
                "INVITE sip:‹1›@‹2›;user=phone SIP/2.0",
                "Via: SIP/2.0/UDP ‹3›:‹4›;branch=‹5›;rport",
                "From: \"‹6›\" <sip:‹7›@‹8›>;tag=‹9›",
                "To: <sip:‹1›@‹2›>",
                "CSeq: 4711 INVITE",
                "Privacy: id;critical",
                "‹10›: ‹11›",
                "Content-Length: 99",
                "",
                "v=‹12›",
                "o=‹7› ‹13› ‹14› IN IP4 ‹3›",
                "m=audio ‹15› RTP/AVP ‹12›",
                "a=rtpmap:0 PCMU/8000",
            ]
        );
        let answer =
            b"SIP/2.0 200 Alice is here\r\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=2\r\n\r\n";
        assert_eq!(
            Masks::default().message(answer),
            [
                "SIP/2.0 200 ‹1› ‹2› here",
                "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=‹3›"
            ]
        );
        assert_eq!(
            Masks::default().message(b"200 <sip:invite@x>"),
            ["‹1› <sip:‹2›@‹3›>"],
            "a name that is a word"
        );
    }

    #[test]
    fn only_so_many_words_have_a_number() {
        let mut masks = Masks::default();
        for number in 0..WORDS_MAX {
            masks.message(format!("n{number}").as_bytes());
        }
        assert_eq!(masks.message(b"n7 one-more"), ["‹8› ‹*›"]);
        assert_eq!(masks.0.len(), WORDS_MAX);
    }

    proptest! {
        /// Wherever a name stands, and whatever is around it.
        #[test]
        fn no_name_comes_out(before in "[ -~\r\n]{0,40}", after in "[ -~\r\n]{0,40}") {
            let text = format!("{before}alice.liddell7@w0nder.example{after}");
            let shown = Masks::default().message(text.as_bytes()).concat();
            prop_assert!(!shown.contains("liddell") && !shown.contains("w0nder"), "{}", shown);
        }

        #[test]
        fn any_bytes_are_shown_somehow(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let shown = Masks::default().message(&bytes).concat();
            let breaks = shown.contains(['\u{0}', '\r', '\n']);
            prop_assert!(!breaks, "{:?}", shown);
        }
    }
}
