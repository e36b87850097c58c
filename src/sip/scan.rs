//! Looking through the short texts of a message, sixteen bytes at a time: a call of `memchr` costs more than what it finds there.

use wide::u8x16;

use super::headers::grammar::{is_host_byte, is_param_value_byte, is_uri_byte};

/// Bytes looked at together.
const LANES: usize = 16;

/// Where the byte stands first.
#[inline]
pub fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let at = end_of(text, 0, |lanes| equal(lanes, byte), |other| other != byte);
    (at < text.len()).then_some(at)
}

/// Whether the byte is there. It mostly is not, so all of the text is looked at before it is told.
#[inline]
pub fn has(byte: u8, text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<LANES>();
    let Some(last) = text.last_chunk::<LANES>() else {
        return rest.contains(&byte);
    };
    let mut found = equal(u8x16::new(*last), byte);
    for chunk in chunks {
        found |= equal(u8x16::new(*chunk), byte);
    }
    found.to_bitmask() != 0
}

/// Where the byte stands first at or after `at`; the end of the text when it does not.
#[inline]
pub fn find_from(byte: u8, text: &[u8], at: usize) -> usize {
    end_of(text, at, |lanes| equal(lanes, byte), |other| other != byte)
}

/// Every place of the byte, in order.
#[inline]
pub fn places(byte: u8, text: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let place = find_from(byte, text, at);
        at = place + 1;
        (place < text.len()).then_some(place)
    })
}

/// The first place at or after `at` of what ends the name of a URI parameter: its `=`, or the next `;`.
#[inline]
pub fn param_mark(text: &[u8], at: usize) -> usize {
    end_of(
        text,
        at,
        |lanes| equal(lanes, b';') | equal(lanes, b'='),
        |byte| !matches!(byte, b';' | b'='),
    )
}

/// The first place at or after `at` whose byte cannot stand in a URI: white space, a control byte, a quote or an angle bracket.
#[inline]
pub fn uri_end(text: &[u8], at: usize) -> usize {
    end_of(text, at, no_uri, is_uri_byte)
}

/// The same, or of an `@` or `?`, which divide a URI.
#[inline]
pub fn uri_mark(text: &[u8], at: usize) -> usize {
    end_of(
        text,
        at,
        // They stand side by side in ASCII.
        |lanes| no_uri(lanes) | within(lanes, b'?', b'@'),
        |byte| is_uri_byte(byte) && !matches!(byte, b'?' | b'@'),
    )
}

/// The first place at or after `at` that cannot stand in the name of a host or in an IPv4 address.
#[inline]
pub fn host_name_end(text: &[u8], at: usize) -> usize {
    end_of(text, at, |lanes| equal(host_name(lanes), 0), is_host_byte)
}

/// The first place at or after `at` that cannot stand in base64url (RFC 4648 section 5).
#[inline]
pub fn base64url_end(text: &[u8], at: usize) -> usize {
    end_of(text, at, |lanes| equal(base64url(lanes), 0), is_base64url_byte)
}

/// The same as [`uri_end`] for the value of a parameter, which a semicolon or a comma ends too.
#[inline]
pub fn param_value_end(text: &[u8], at: usize) -> usize {
    let no_value = |lanes| no_uri(lanes) | equal(lanes, b';') | equal(lanes, b',');
    end_of(text, at, no_value, is_param_value_byte)
}

/// The first place at or after `at` of a comma, a quote or an opening bracket: what a list is split by, and what keeps it from
/// being split.
#[inline]
pub fn separator(text: &[u8], at: usize) -> usize {
    end_of(
        text,
        at,
        |lanes| equal(lanes, b',') | equal(lanes, b'"') | equal(lanes, b'<'),
        |byte| !matches!(byte, b',' | b'"' | b'<'),
    )
}

/// Whether there is a blank or a control byte below it.
#[inline]
pub fn has_blank(text: &[u8]) -> bool {
    end_of(text, 0, up_to_blank, |byte| byte > b' ') < text.len()
}

/// Whether these two letters, given in lower case and found in any, stand side by side somewhere.
#[inline]
pub fn pair(first: u8, second: u8, text: &[u8]) -> bool {
    let Some(behind) = text.get(1..) else { return false };
    let (firsts, rest) = text[..behind.len()].as_chunks::<LANES>();
    let (seconds, _) = behind.as_chunks::<LANES>();
    let stand_there = |one: &[u8; LANES], other: &[u8; LANES]| {
        let (one, other) = (u8x16::new(*one), u8x16::new(*other));
        (is_letter(one, first) & is_letter(other, second)).to_bitmask() != 0
    };
    if firsts.iter().zip(seconds).any(|(one, other)| stand_there(one, other)) {
        return true;
    }
    match (text[..behind.len()].last_chunk(), behind.last_chunk()) {
        (Some(one), Some(other)) => stand_there(one, other),
        _ => rest
            .iter()
            .zip(behind)
            .any(|(one, other)| (one | 0x20, other | 0x20) == (first, second)),
    }
}

/// The first place at or after `at` of a quote or a backslash.
#[inline]
pub fn quote_or_escape(text: &[u8], at: usize) -> usize {
    end_of(
        text,
        at,
        |lanes| equal(lanes, b'"') | equal(lanes, b'\\'),
        |byte| !matches!(byte, b'"' | b'\\'),
    )
}

/// The first place at or after `at` of a carriage return or a line feed.
#[inline]
pub fn line_end(text: &[u8], at: usize) -> usize {
    end_of(
        text,
        at,
        |lanes| equal(lanes, b'\n') | equal(lanes, b'\r'),
        |byte| !matches!(byte, b'\n' | b'\r'),
    )
}

/// The first place at or after `at` where the class ends, told for sixteen bytes by what is set of `ends`, for one by `class`.
#[inline]
fn end_of(text: &[u8], at: usize, ends: impl Fn(u8x16) -> u8x16, class: impl Fn(u8) -> bool) -> usize {
    let Some(rest) = text.get(at..) else { return at };
    let (chunks, rest) = rest.as_chunks::<LANES>();
    let mut at = at;
    for chunk in chunks {
        let hits = ends(u8x16::new(*chunk)).to_bitmask();
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += LANES;
    }
    if let Some(last) = text.last_chunk::<LANES>() {
        // The bytes that are left, with some before them that were looked at already.
        let hits = ends(u8x16::new(*last)).to_bitmask() >> (LANES - rest.len());
        return at + (hits.trailing_zeros() as usize).min(rest.len());
    }
    at + rest.iter().take_while(|byte| class(**byte)).count()
}

fn no_uri(lanes: u8x16) -> u8x16 {
    // `<` and `>` differ in one bit.
    up_to_blank(lanes) | equal(lanes, 0x7f) | equal(lanes, b'"') | equal(lanes & u8x16::splat(0xfd), b'<')
}

/// Letters, digits, `-` and `_`.
fn base64url(lanes: u8x16) -> u8x16 {
    let letter = within(lanes | u8x16::splat(0x20), b'a', b'z');
    letter | within(lanes, b'0', b'9') | equal(lanes, b'-') | equal(lanes, b'_')
}

fn is_base64url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Letters, digits, `-`, `.` and `_`.
fn host_name(lanes: u8x16) -> u8x16 {
    let letter = within(lanes | u8x16::splat(0x20), b'a', b'z');
    // Of what stands from `-` to `9`, only the slash is none.
    let digit_dot_or_hyphen = within(lanes, b'-', b'9') & !equal(lanes, b'/');
    letter | digit_dot_or_hyphen | equal(lanes, b'_')
}

fn is_letter(lanes: u8x16, lower: u8) -> u8x16 {
    equal(lanes | u8x16::splat(0x20), lower)
}

fn within(lanes: u8x16, first: u8, last: u8) -> u8x16 {
    lanes.max(u8x16::splat(first)).min(u8x16::splat(last)).simd_eq(lanes)
}

fn up_to_blank(lanes: u8x16) -> u8x16 {
    lanes.min(u8x16::splat(b' ')).simd_eq(lanes)
}

fn equal(lanes: u8x16, byte: u8) -> u8x16 {
    lanes.simd_eq(u8x16::splat(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(text: &[u8], at: usize, class: fn(u8) -> bool) -> usize {
        (at..text.len())
            .find(|place| !class(text[*place]))
            .unwrap_or(text.len().max(at))
    }

    proptest! {
        #[test]
        fn every_end_is_where_the_class_ends(
            text in proptest::collection::vec(prop_oneof![8 => b'a'..=b'z', 1 => any::<u8>()], 0..80),
            at in 0usize..90,
            byte in any::<u8>(),
        ) {
            prop_assert_eq!(find(byte, &text), text.iter().position(|found| *found == byte));
            prop_assert_eq!(find(b'a', &text), text.iter().position(|found| *found == b'a'));
            prop_assert_eq!(has(byte, &text), text.contains(&byte));
            prop_assert_eq!(has(b'a', &text), text.contains(&b'a'));
            prop_assert_eq!(uri_end(&text, at), end(&text, at, is_uri_byte));
            prop_assert_eq!(uri_mark(&text, at), end(&text, at, |byte| is_uri_byte(byte) && !b"?@".contains(&byte)));
            prop_assert_eq!(host_name_end(&text, at), end(&text, at, is_host_byte));
            prop_assert_eq!(base64url_end(&text, at), end(&text, at, is_base64url_byte));
            prop_assert_eq!(param_value_end(&text, at), end(&text, at, is_param_value_byte));
            prop_assert_eq!(separator(&text, at), end(&text, at, |byte| !b",\"<".contains(&byte)));
            let all = (0..text.len()).filter(|place| text[*place] == b'a');
            prop_assert!(places(b'a', &text).eq(all));
            prop_assert_eq!(find_from(b'a', &text, at), end(&text, at, |byte| byte != b'a'));
            prop_assert_eq!(param_mark(&text, at), end(&text, at, |byte| !b";=".contains(&byte)));
            prop_assert_eq!(quote_or_escape(&text, at), end(&text, at, |byte| !b"\"\\".contains(&byte)));
            prop_assert_eq!(line_end(&text, at), end(&text, at, |byte| !b"\r\n".contains(&byte)));
            prop_assert_eq!(has_blank(&text), text.iter().any(|byte| *byte <= b' '));
            let is_pair = |two: &[u8]| two.eq_ignore_ascii_case(b"oc");
            prop_assert_eq!(pair(b'o', b'c', &text), text.windows(2).any(is_pair));
        }

        #[test]
        fn each_byte_ends_what_it_should(before in 0usize..40, byte in any::<u8>(), after in 0usize..20) {
            let mut text = vec![b'x'; before];
            text.push(byte);
            text.resize(before + 1 + after, b'x');
            prop_assert_eq!(uri_end(&text, 0), end(&text, 0, is_uri_byte));
            prop_assert_eq!(uri_mark(&text, 0), end(&text, 0, |byte| is_uri_byte(byte) && !b"?@".contains(&byte)));
            prop_assert_eq!(host_name_end(&text, 0), end(&text, 0, is_host_byte));
            prop_assert_eq!(base64url_end(&text, 0), end(&text, 0, is_base64url_byte));
            prop_assert_eq!(param_value_end(&text, 0), end(&text, 0, is_param_value_byte));
            prop_assert_eq!(separator(&text, 0), end(&text, 0, |byte| !b",\"<".contains(&byte)));
            prop_assert_eq!(param_mark(&text, 0), end(&text, 0, |byte| !b";=".contains(&byte)));
            prop_assert_eq!(quote_or_escape(&text, 0), end(&text, 0, |byte| !b"\"\\".contains(&byte)));
            prop_assert_eq!(line_end(&text, 0), end(&text, 0, |byte| !b"\r\n".contains(&byte)));
            prop_assert!(!pair(b'o', b'c', &text));
            text.splice(before..before, *b"oC");
            prop_assert!(pair(b'o', b'c', &text));
        }
    }
}
