//! Parameters of Authorization and WWW-Authenticate: a scheme, and pairs between commas outside quotes.

use bytes::Bytes;

use super::grammar::{is_lws, is_token, quoted_end, trim};
use super::list;
use crate::sip::{Draft, Message, Name};

/// What is left of a value after parameters of some names were to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// None of them was there.
    Unchanged,
    Without(Vec<u8>),
    /// One stands where only some readers would see a parameter.
    Ambiguous,
}

/// `Digest a=1, b="2"` without the parameters of these names. A row may hold several challenges.
pub fn without(value: &[u8], names: &[&[u8]]) -> Left {
    let value = trim(value);
    let scheme_end = value.iter().position(|byte| is_lws(*byte)).unwrap_or(value.len());
    let (scheme, params) = value.split_at(scheme_end);
    let mentions_any = |text: &[u8]| names.iter().any(|gone| mentions(text, gone));
    // A scheme is one word, and not the name of a parameter: in anything else another reader may see one.
    let is_gone = |word: &[u8]| names.iter().any(|gone| word.eq_ignore_ascii_case(gone));
    if mentions_any(scheme) && (!is_token(scheme) || is_gone(scheme)) {
        return Left::Ambiguous;
    }
    let mut out = scheme.to_vec();
    let mut separator = &b" "[..];
    let mut found = false;
    let mut next_scheme = None;
    for param in split(params) {
        let (scheme, param) = scheme_and_param(param);
        next_scheme = scheme.or(next_scheme);
        let name = name_of(param);
        if is_gone(name) {
            found = true;
            continue;
        }
        // In what is no parameter by the grammar another reader may see several.
        let may_hide = || !is_plain(param) && mentions_any(param);
        if name.split(|byte| is_lws(*byte)).any(is_gone) || scheme.is_some_and(is_gone) || may_hide() {
            return Left::Ambiguous;
        }
        out.extend_from_slice(separator);
        if let Some(scheme) = next_scheme.take() {
            out.extend_from_slice(scheme);
            out.push(b' ');
        }
        out.extend_from_slice(param);
        separator = b", ";
    }
    match found {
        true => Left::Without(out),
        false => Left::Unchanged,
    }
}

/// The challenges of one row of WWW-Authenticate, each with its parameters in order.
pub fn challenges(value: &[u8]) -> Vec<Vec<Param<'_>>> {
    let mut challenges: Vec<Vec<Param<'_>>> = Vec::new();
    for param in split(value) {
        let (scheme, param) = scheme_and_param(param);
        if scheme.is_some() || challenges.is_empty() {
            challenges.push(Vec::new());
        }
        let value = param.get(name_end(param) + 1..).map(trim).unwrap_or_default();
        if let Some(challenge) = challenges.last_mut() {
            challenge.push(Param {
                name: name_of(param),
                value: unquoted(value),
            });
        }
    }
    challenges
}

/// A parameter as it is meant: its value without quotes.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

impl Param<'_> {
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// `Digest a=1` is a parameter behind the scheme of another challenge; `a=1` is one alone.
fn scheme_and_param(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let name = name_of(text);
    match name.iter().position(|byte| is_lws(*byte)) {
        Some(end) => (Some(&name[..end]), trim(&text[end..])),
        None => (None, text),
    }
}

/// Whether a value is one text in quotes and nothing behind it, or one word without a quote.
fn is_sound(param: &[u8]) -> bool {
    let Some(quote) = param.iter().position(|byte| *byte == b'"') else {
        let value = param.get(name_end(param) + 1..).map(trim).unwrap_or_default();
        return !value.iter().any(|byte| is_lws(*byte));
    };
    quote > name_end(param) && quoted_end(param, quote).is_some_and(|end| end == param.len())
}

/// Whether it is `name=word` or `name="text"`, and nothing else.
fn is_plain(param: &[u8]) -> bool {
    let value = param.get(name_end(param) + 1..).map(trim).unwrap_or_default();
    let is_word = || value.is_empty() || is_token(value);
    is_token(name_of(param)) && is_sound(param) && (value.starts_with(b"\"") || is_word())
}

fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

fn name_of(param: &[u8]) -> &[u8] {
    trim(&param[..name_end(param)])
}

fn name_end(param: &[u8]) -> usize {
    param.iter().position(|byte| *byte == b'=').unwrap_or(param.len())
}

fn unquoted(value: &[u8]) -> &[u8] {
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    bare.unwrap_or(value)
}

/// Parameters that prove something, or make keys.
const SECRETS: [&[u8]; 4] = [b"ck", b"ik", b"response", b"auts"];

/// A row as a person may see it: `response="***"`. One whose quotes do not end could hide them anywhere, so nothing of it is shown.
//= PCSCF-005
pub fn masked(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for param in split(value) {
        if !is_sound(param) {
            return b"***".to_vec();
        }
        if !out.is_empty() {
            out.extend_from_slice(b", ");
        }
        let name = name_of(param);
        let words = name.split(|byte| is_lws(*byte));
        match words
            .clone()
            .any(|word| SECRETS.iter().any(|secret| word.eq_ignore_ascii_case(secret)))
        {
            true => out.extend_from_slice(&[name, b"=\"***\""].concat()),
            false => out.extend_from_slice(param),
        }
    }
    out
}

/// The rows that hold some.
pub const ROWS: [Name; 4] = [
    Name::Authorization,
    Name::ProxyAuthorization,
    Name::WwwAuthenticate,
    Name::ProxyAuthenticate,
];

/// A message as a person may see it: without what proves something, or makes keys.
//= PCSCF-005
pub fn without_secrets(message: &Message) -> Bytes {
    let mut draft = Draft::from(message.clone());
    for name in ROWS {
        let rows: Vec<_> = draft.rows_at(name).map(|(row, value)| (row, masked(value))).collect();
        rows.iter().for_each(|(row, value)| draft.set(*row, &[value]));
    }
    draft.to_bytes()
}

/// The parameters of a `Digest` value.
#[derive(Debug, Clone, Copy)]
pub struct Digest<'a>(&'a [u8]);

/// `None`: another scheme.
pub fn digest(value: &[u8]) -> Option<Digest<'_>> {
    let value = trim(value);
    let scheme_end = value.iter().position(|byte| is_lws(*byte))?;
    let (scheme, params) = value.split_at(scheme_end);
    scheme.eq_ignore_ascii_case(b"Digest").then_some(Digest(params))
}

impl<'a> Digest<'a> {
    /// The parameters of this name, without their quotes.
    pub fn find_all(&self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        split(self.0).filter_map(move |param| {
            let equals = param.iter().position(|byte| *byte == b'=')?;
            let (key, value) = (trim(&param[..equals]), trim(&param[equals + 1..]));
            key.eq_ignore_ascii_case(name).then_some(unquoted(value))
        })
    }
}

/// The parameters of a challenge that carry the session keys of AKA, for the P-CSCF alone.
//= PCSCF-005
pub const SESSION_KEYS: &[&[u8]] = &[b"ck", b"ik"];

/// The parameters between commas outside quotes.
fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    list::pieces(params, b',').map(trim).filter(|param| !param.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_by_name_outside_quotes() {
        let names: &[&[u8]] = &[b"ck", b"ik"];
        let left = |value: &str| without(value.as_bytes(), names);
        assert_eq!(left("Digest realm=\"a, ck=1\", nonce=\"x\""), Left::Unchanged);
        assert_eq!(
            left("Digest realm=\"a, ck=1\", CK = \"00\",ik=11, qop=auth"),
            Left::Without(b"Digest realm=\"a, ck=1\", qop=auth".to_vec())
        );
        assert_eq!(left("Digest a=1, Digest b ck=00"), Left::Ambiguous);
        for hidden in [
            "Digest realm=\"x, ck=\"00\", ik=\"11\"",
            "Digest realm=\"x, CK=\"00\"",
            "Digest realm=\"x, ck=00",
            "Digest realm=\"\\\", ck=00",
            // No commas: who reads on at a blank sees a parameter.
            "Digest realm=h ck=00",
            "Digest realm=h, nonce=x\r\n IK = 11",
            // No blank: who ends the scheme at a comma sees one.
            "Digest,ck=00 realm=h",
            "CK = \"",
            "ck =00, realm=h",
            "Digest realm=h;ck=00",
            "Digest realm;ck=00",
            "D\"x,=ck=\"\"00\",ik=11, Basic realm=r",
        ] {
            assert_eq!(left(hidden), Left::Ambiguous, "{hidden}");
        }
        assert_eq!(left("Digest realm=\"\\\"ck\\\"\", a=\"b"), Left::Unchanged);
        assert_eq!(left(""), Left::Unchanged);
    }

    //= PCSCF-005 type=test
    #[test]
    fn what_proves_or_makes_keys_is_masked() {
        let masked = |value: &str| String::from_utf8(masked(value.as_bytes())).unwrap();
        assert_eq!(
            masked("Digest username=\"a, b\",response=\"0f\",  AUTS =\"x,y\", nc=1"),
            "Digest username=\"a, b\", response=\"***\", AUTS=\"***\", nc=1"
        );
        assert_eq!(
            masked("Digest ck=1, Digest ik=2"),
            "Digest ck=\"***\", Digest ik=\"***\""
        );
        for hidden in [
            "Digest realm=\"x, ck=1",
            "Digest realm=\"x, ck=\"1\"\"",
            "Digest a=1, \"x\" ck=1",
        ] {
            assert_eq!(masked(hidden), "***");
        }
    }

    #[test]
    fn a_row_may_hold_several_challenges() {
        let left = |value: &str| match without(value.as_bytes(), &[b"ck", b"ik"]) {
            Left::Without(rest) => String::from_utf8(rest).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(left("Digest a=1, Digest ck=00"), "Digest a=1");
        assert_eq!(
            left("Digest a=\"1\", IK=1 , digest  ck = 00,ik=\"2\", nonce=n, Basic realm=r, ck=3"),
            "Digest a=\"1\", digest nonce=n, Basic realm=r"
        );
        let of = |value: &'static str| -> Vec<Vec<(&str, &str)>> {
            let text = |bytes| std::str::from_utf8(bytes).unwrap();
            let read = challenges(value.as_bytes()).into_iter();
            read.map(|params| {
                params
                    .iter()
                    .map(|param| (text(param.name), text(param.value)))
                    .collect()
            })
            .collect()
        };
        assert_eq!(
            of(" Digest a = \"1, 2\",b=3,,Negotiate YQ==, DIGEST c, \"x"),
            [
                vec![("a", "1, 2"), ("b", "3")],
                vec![("YQ", "=")],
                vec![("c", ""), ("\"x", "")]
            ]
        );
        assert!(of("").is_empty());
    }
}
