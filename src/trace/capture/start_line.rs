//! What the first line of a SIP message looks like (RFC 3261 section 7.1 and 7.2).

use memchr::{memchr, memmem, memrchr};

use crate::sip::Method;

/// The longest start line that is recognised.
pub const START_LINE_BYTES_MAX: usize = 8 * 1024;
/// How far the name of the header after a found start line is looked for.
const HEADER_NAME_BYTES_MAX: usize = 256;
const METHOD_BYTES_MAX: usize = 64;

/// Whether a datagram is SIP: its first line, after any empty ones, is a start line.
pub(super) fn begins_message(datagram: &[u8]) -> bool {
    let text = &datagram[empty_lines(datagram)..];
    let text = &text[..text.len().min(START_LINE_BYTES_MAX)];
    is_start_line(&text[..memchr(b'\n', text).unwrap_or(text.len())])
}

/// How many octets of CR and LF `bytes` begins with.
pub(super) fn empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count()
}

/// A request or status line of any version. Generous: what is odd is for the message's reader to refuse.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    if let Some(rest) = after_version(line) {
        return is_status(rest);
    }
    let Some(method_bytes) = memchr(b' ', line) else {
        return false;
    };
    let (method, rest) = line.split_at(method_bytes);
    let Some(space) = memrchr(b' ', rest) else {
        return false;
    };
    let (uri, version) = (rest[..space].trim_ascii(), &rest[space + 1..]);
    is_method(method) && !uri.is_empty() && after_version(version) == Some(b"")
}

/// Where a message begins in the middle of unknown text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    At(usize),
    /// Perhaps here, or after here: more text is needed. What is before is not part of a message.
    Perhaps(usize),
}

/// Looks for a start line of version 2.0 with a header after it, also one glued to the end of a body.
///
/// The text may be searched again with more at its end, from the offset given with [`Start::Perhaps`].
pub(super) fn find_start(text: &[u8]) -> Start {
    for found in memmem::find_iter(text, b"SIP/2.0") {
        let after = &text[found + 7..];
        let begin = match after.first() {
            None => return Start::Perhaps(line_start(text, found)),
            Some(b'\r') if after.len() == 1 => return Start::Perhaps(line_start(text, found)),
            Some(b' ') if after.len() < 5 => return Start::Perhaps(line_start(text, found)),
            Some(b' ') if is_status(after) => found,
            Some(b'\r' | b'\n') if after.starts_with(b"\n") || after.starts_with(b"\r\n") => {
                match request_start(text, found) {
                    Some(begin) => begin,
                    None => continue,
                }
            }
            _ => continue,
        };
        match header_follows(after) {
            Some(true) => return Start::At(begin),
            Some(false) => continue,
            None => return Start::Perhaps(begin),
        }
    }
    Start::Perhaps(line_start(text, text.len()))
}

/// Where the last line begins, or as much of it as a start line may hold.
fn line_start(text: &[u8], end: usize) -> usize {
    let floor = end.saturating_sub(START_LINE_BYTES_MAX);
    memrchr(b'\n', &text[floor..end]).map_or(floor, |line_feed| floor + line_feed + 1)
}

/// Where the request line begins that ends with the version at `version`.
fn request_start(text: &[u8], version: usize) -> Option<usize> {
    let begin = line_start(text, version);
    let line = text[begin..version].strip_suffix(b" ")?;
    let uri = memrchr(b' ', line)?;
    let scheme = memchr(b':', &line[uri..])?;
    if scheme <= 1 {
        return None;
    }
    let before = &line[..uri];
    let capitals = before
        .iter()
        .rev()
        .take_while(|octet| octet.is_ascii_uppercase())
        .count();
    let method = &before[uri - capitals..];
    if Method::from_bytes(method) != Method::Other {
        // Also with the end of a body glued to it.
        return Some(begin + uri - capitals);
    }
    // At the very beginning it may be the rest of a method.
    (begin > 0 && is_method(before)).then_some(begin)
}

/// Whether the line after the one in which `rest` begins has the name of a header in front; none: too short to tell.
fn header_follows(rest: &[u8]) -> Option<bool> {
    let rest_of_line = &rest[..rest.len().min(START_LINE_BYTES_MAX)];
    let Some(line_feed) = memchr(b'\n', rest_of_line) else {
        return (rest.len() >= START_LINE_BYTES_MAX).then_some(false);
    };
    let next = &rest[line_feed + 1..];
    let next = &next[..next.len().min(HEADER_NAME_BYTES_MAX)];
    let name_bytes = next.iter().take_while(|&&octet| is_token(octet)).count();
    let blank = |octet: &&u8| matches!(octet, b' ' | b'\t');
    let name_and_blanks = name_bytes + next[name_bytes..].iter().take_while(blank).count();
    match next.get(name_and_blanks) {
        Some(&octet) => Some(octet == b':' && name_bytes > 0),
        None => (next.len() == HEADER_NAME_BYTES_MAX).then_some(false),
    }
}

/// What follows `SIP/` and a version of digits.
fn after_version(line: &[u8]) -> Option<&[u8]> {
    let version = line.get(..4)?.eq_ignore_ascii_case(b"SIP/").then(|| &line[4..])?;
    let digits = |text: &[u8]| text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let major = digits(version);
    let minor = version[major..].strip_prefix(b".")?;
    let rest = &minor[digits(minor)..];
    (major > 0 && rest.len() < minor.len()).then_some(rest)
}

/// Blanks, three digits, and then nothing or a blank.
fn is_status(rest: &[u8]) -> bool {
    let code = rest.trim_ascii_start();
    let digits = code.iter().take_while(|octet| octet.is_ascii_digit()).count();
    code.len() < rest.len() && digits == 3 && code.get(3).is_none_or(|octet| octet.is_ascii_whitespace())
}

fn is_method(name: &[u8]) -> bool {
    (1..=METHOD_BYTES_MAX).contains(&name.len()) && name.iter().all(|&octet| is_token(octet))
}

/// RFC 3261 section 25.1.
pub(super) fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_lines() {
        for line in [
            "INVITE sip:bob@example.com SIP/2.0\r",
            "SIP/2.0 200 OK",
            "SIP/2.0 180",
            "sip/2.0  486 Busy Here",
            "OPTIONS urn:service:sos SIP/7.0",
            "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)@example.com SIP/2.0",
            "INVITE sip:a b@example.com SIP/2.0  ",
        ] {
            assert!(is_start_line(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "Via: SIP/2.0/UDP host",
            "GET / HTTP/1.1",
            "SIP/2.0 20 OK",
            "SIP/2.0 2000 OK",
            "SIP/2.0",
            "INVITE SIP/2.0",
            "INVITE  SIP/2.0",
            "IN(VITE sip:a SIP/2.0",
            "INVITE sip:a SIP/2",
        ] {
            assert!(!is_start_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn finds_a_start_line_in_the_middle() {
        let text = b"lost tail\r\n\r\nv=0\r\na=sendrecvBYE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a";
        assert_eq!(find_start(text), Start::At(28));
        assert_eq!(find_start(b"junkSIP/2.0 200 OK\r\nv: SIP/2.0"), Start::At(4));
        assert_eq!(find_start(b"Via: SIP/2.0/TCP a\r\nTo: b"), Start::Perhaps(20));
    }

    #[test]
    fn passes_over_a_sipfrag_body() {
        let text = b"\r\n\r\nSIP/2.0 200 OK\r\nNOTIFY sip:a@b.example SIP/2.0\r\nVia: x";
        assert_eq!(find_start(text), Start::At(20));
    }

    #[test]
    fn any_cut_of_the_text_finds_the_same_start() {
        let text = b"zzz\r\nzzzz OPTIONS sip:a@b.example SIP/2.0\r\nVia: x";
        let begin = text.iter().position(|&octet| octet == b'O').unwrap();
        for cut in 0..text.len() {
            match find_start(&text[..cut]) {
                Start::At(at) => assert_eq!(at, begin, "cut at {cut}"),
                Start::Perhaps(at) => assert!(at <= begin, "cut at {cut} keeps from {at}"),
            }
        }
        assert_eq!(find_start(text), Start::At(begin));
    }

    #[test]
    fn a_start_line_has_a_longest_length() {
        let line = |uri_bytes: usize| format!("OPTIONS sip:{} SIP/2.0\r\nVia: x", "a".repeat(uri_bytes)).into_bytes();
        let fixed = "OPTIONS sip: ".len();
        assert_eq!(find_start(&line(START_LINE_BYTES_MAX - fixed)), Start::At(0));
        assert_ne!(find_start(&line(START_LINE_BYTES_MAX - fixed + 1)), Start::At(0));
        assert!(begins_message(&line(START_LINE_BYTES_MAX - fixed - 7)));
        assert!(!begins_message(&line(START_LINE_BYTES_MAX - fixed + 1)));
    }
}
