//! Whether a text says who somebody is, in any of the ways that others could read.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

/// Digits in a row that could be a subscriber, a device or a number to call.
const DIGITS_MIN: usize = 10;
/// Times a text is decoded, of what was decoded.
const DEPTH_MAX: usize = 3;
/// Characters in a row, among other bytes too, that are looked at as a text of their own.
const HIDDEN_MIN: usize = 10;

/// Whether a text names somebody, as it stands or by what it decodes to. What was drawn by chance does not, but once in many
/// thousands.
//= P2P-058
//= P2P-060
pub fn names_somebody(text: &[u8]) -> bool {
    names(text, DEPTH_MAX)
}

fn names(text: &[u8], depth: usize) -> bool {
    let lower = text.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    let words: [&[u8]; 7] = [
        b"sip:",
        b"sips:",
        b"tel:",
        b"urn:gsma:imei",
        b"urn:uuid",
        b"imei:",
        b"@",
    ];
    if words.into_iter().any(has) || has_number(text) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let pieces = text
        .split(|byte| !is_encoded(*byte))
        .filter(|piece| piece.len() >= HIDDEN_MIN);
    let mut hidden = pieces.flat_map(decoded);
    hidden.any(|hidden| names_within(&hidden, depth - 1))
        || percent_decoded(text).is_some_and(|plain| names(&plain, depth - 1))
}

/// The same of what was decoded. What is text counts as a whole; of other bytes, the runs in them that read as text: a name with
/// a byte of something else before it is a name, and an `@` by itself among them is chance.
fn names_within(bytes: &[u8], depth: usize) -> bool {
    bytes
        .split(|byte| !(0x20..0x7f).contains(byte))
        .filter(|run| run.len() >= HIDDEN_MIN || run.len() == bytes.len())
        .any(|run| names(run, depth))
}

/// Digits in a row, whatever stands between them for the eye.
fn has_number(text: &[u8]) -> bool {
    let mut digits = 0;
    text.iter().any(|byte| {
        digits = match byte {
            b'0'..=b'9' => digits + 1,
            b'-' | b'.' | b'(' | b')' | b' ' | b'+' => digits,
            _ => 0,
        };
        digits >= DIGITS_MIN
    })
}

fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// What a text may stand for. Of base64 the last characters may be of something else.
fn decoded(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let of_four = &text[..text.len() / 4 * 4];
    [
        BASE64_NOPAD.decode(text).or_else(|_| BASE64_NOPAD.decode(of_four)),
        BASE64URL_NOPAD
            .decode(text)
            .or_else(|_| BASE64URL_NOPAD.decode(of_four)),
        HEXLOWER_PERMISSIVE.decode(text),
    ]
    .into_iter()
    .flatten()
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'%') {
        return None;
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut plain, mut at, mut changed) = (Vec::with_capacity(text.len()), 0, false);
    while let Some(&byte) = text.get(at) {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                (at, changed) = (at + 3, true);
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    changed.then_some(plain)
}

#[cfg(test)]
mod tests;
