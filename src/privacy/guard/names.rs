//! Whether a text says who somebody is, in any of the ways that others could read.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

/// Digits in a row that could be a subscriber, a device or a number to call.
const DIGITS_MIN: usize = 10;
/// Times a text is decoded, of what was decoded.
const DEPTH_MAX: usize = 3;
/// Bytes of a text that are looked at as one that hides another.
const HIDDEN_MIN: usize = 10;

/// Whether a text names somebody, as it stands or by what it decodes to.
//= P2P-060
pub fn names_somebody(text: &[u8]) -> bool {
    names(text, DEPTH_MAX)
}

/// As [`names_somebody`], of a URI whose own scheme and host are known to be ours.
pub fn names_somebody_within(uri: &[u8]) -> bool {
    let user = uri.strip_prefix(b"sip:").unwrap_or(uri);
    let user = user.split(|byte| *byte == b'@').next().unwrap_or_default();
    names(user, DEPTH_MAX)
}

/// Whether a token, which is to be nothing but chance, decodes to a text that names somebody.
//= P2P-058
//= P2P-060
pub fn hides_a_name(token: &[u8]) -> bool {
    decoded(token).any(|hidden| names_within(&hidden, DEPTH_MAX - 1))
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
    hidden.any(|hidden| names(&hidden, depth - 1))
        || percent_decoded(text).is_some_and(|plain| names(&plain, depth - 1))
}

/// The same of what was decoded. What is text counts as a whole; of other bytes, the runs in them that read as text: a name with
/// a byte of something else before it is a name.
fn names_within(bytes: &[u8], depth: usize) -> bool {
    if is_text(bytes) {
        return names(bytes, depth);
    }
    let runs = bytes.split(|byte| !(0x20..0x7f).contains(byte));
    runs.filter(|run| run.len() >= HIDDEN_MIN).any(|run| names(run, depth))
}

/// Digits in a row, whatever stands between them for the eye.
fn has_number(text: &[u8]) -> bool {
    let mut digits = 0;
    text.iter().any(|byte| {
        digits = match byte {
            b'0'..=b'9' => digits + 1,
            b'-' | b'.' | b'(' | b')' | b' ' | b'+' if digits > 0 => digits,
            _ => 0,
        };
        digits >= DIGITS_MIN
    })
}

fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// What a text may stand for, if that is text.
fn decoded(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let bare = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let of_four = &bare[..bare.len() / 4 * 4];
    [
        BASE64.decode(text).ok(),
        BASE64_NOPAD.decode(bare).ok(),
        BASE64URL_NOPAD.decode(bare).ok(),
        BASE64URL_NOPAD.decode(of_four).ok(),
        HEXLOWER_PERMISSIVE.decode(text).ok(),
    ]
    .into_iter()
    .flatten()
    .filter(|plain| plain.len() >= 4)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
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
mod tests {
    use super::*;

    //= P2P-060 type=test
    #[test]
    fn a_name_is_seen_in_each_of_its_dresses() {
        let url = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = "sip:alice@home1.example";
        let mut dresses: Vec<String> = [
            name,
            "SIP:alice@home1.example",
            "sips:alice@home1.example",
            "tel:+15551230001",
            "TeL:+1-555-123-0001",
            "alice@home1.example",
            "+1 555 123 0001",
            "+1(555)123-0001",
            "262015000000001",
            "a262015000000001b",
            "490154203237518",
            "4901-5420-3237-518",
            "urn:gsma:imei:90420156-025763-0",
            "URN:UUID:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "id urn:uuid:f81d4fae",
            "sip%3aalice%40home1.example",
            "alice%40home1.example",
            "%73%69%70%3Aalice",
            "%2540alice",
            "alice%2540home1.example",
            "{sip:alice@home1.example}",
            "x;y=sip:alice@home1.example",
            "imei:490154203237518",
        ]
        .map(str::to_string)
        .into();
        for name in [name, "tel:+15551230001", "262015000000001", "alice@home1.example"] {
            dresses.push(BASE64.encode(name.as_bytes()));
            dresses.push(BASE64_NOPAD.encode(name.as_bytes()));
            dresses.push(url(name));
            dresses.push(url(&url(name)));
            dresses.push(hex(name));
            dresses.push(hex(name).to_ascii_uppercase());
            dresses.push(percent(name));
            dresses.push(percent(&url(name)));
            dresses.push(url(&percent(name)));
            dresses.push(format!("id={};", url(name)));
        }
        assert!(dresses.len() >= 40);
        for dress in dresses {
            assert!(names_somebody(dress.as_bytes()), "{dress}");
        }
    }

    #[test]
    fn what_names_nobody_is_left_alone() {
        for text in [
            "a8f3c1d2",
            "12345",
            "123456789",
            "refresh",
            "AbCdEfGhIjKlMnOpQrStUvWxYz",
            "kZ3v0m1lqX9sT7yQ4cR2bA",
            "100%",
            "",
        ] {
            assert!(!names_somebody(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_token_of_chance_hides_nothing() {
        assert!(hides_a_name(
            BASE64URL_NOPAD.encode(b"sip:alice@home1.example").as_bytes()
        ));
        assert!(hides_a_name(b"NDkwMTU0MjAzMjM3NTE4NDkw"));
        assert!(!hides_a_name(b"kZ3v0m1lqX9sT7yQ4cR2bA"));
        // A byte that is no text does not cover it.
        for hidden in [
            &b"\xffsip:alice@home1.example"[..],
            b"alice@home1.example\x00",
            b"\xc3\xa9 +15551230001 \xc3",
        ] {
            assert!(hides_a_name(BASE64URL_NOPAD.encode(hidden).as_bytes()), "{hidden:?}");
        }
    }
}
