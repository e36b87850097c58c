//! Parameters of Authorization and WWW-Authenticate: a scheme, and pairs between commas outside quotes.

use super::grammar::{is_lws, quoted_end, trim};

/// What is left of a value after parameters of some names were to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// None of them was there.
    Unchanged,
    Without(Vec<u8>),
    /// One stands where only some readers would see a parameter.
    Ambiguous,
}

/// `Digest a=1, b="2"` without the parameters of these names.
pub fn without(value: &[u8], names: &[&[u8]]) -> Left {
    let value = trim(value);
    let scheme_end = value.iter().position(|byte| is_lws(*byte)).unwrap_or(value.len());
    let (scheme, params) = value.split_at(scheme_end);
    let mut out = scheme.to_vec();
    let mut separator = &b" "[..];
    let mut found = false;
    for param in split(params) {
        let name = trim(param.split(|byte| *byte == b'=').next().unwrap_or_default());
        let is = |word: &[u8]| names.iter().any(|gone| word.eq_ignore_ascii_case(gone));
        if is(name) {
            found = true;
            continue;
        }
        if name.split(|byte| is_lws(*byte)).any(is) {
            return Left::Ambiguous;
        }
        out.extend_from_slice(separator);
        out.extend_from_slice(param);
        separator = b", ";
    }
    match found {
        true => Left::Without(out),
        false => Left::Unchanged,
    }
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
            let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            key.eq_ignore_ascii_case(name).then_some(bare.unwrap_or(value))
        })
    }
}

/// The parameters between commas outside quotes.
fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = params;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut at = 0;
        while at < rest.len() && rest[at] != b',' {
            at = match rest[at] {
                b'"' => quoted_end(rest, at).unwrap_or(rest.len()),
                _ => at + 1,
            };
        }
        let (param, behind) = rest.split_at(at.min(rest.len()));
        rest = behind.get(1..).unwrap_or_default();
        Some(trim(param))
    })
    .filter(|param| !param.is_empty())
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
        assert_eq!(left("Digest a=1, Digest ck=00"), Left::Ambiguous);
        assert_eq!(left(""), Left::Unchanged);
    }
}
