//! When two URIs name the same thing.

use super::{Scheme, Uri, UriParam};

/// Parameters or URI headers one URI may have to be compared; one with more equals nothing. Keeps the work linear.
const COMPARED_MAX: usize = 32;

/// Whether two URIs are equivalent: sip and sips by RFC 3261 section 19.1.4, tel by RFC 3966 section 4, a sip URI with
/// `user=phone` and a tel URI by its user part. Other schemes by their bytes, but for the case of the scheme (of a URN, all).
//= MSG-014
pub fn equal(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    match (a.scheme(), b.scheme()) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => equal_sip(a, b),
        (Scheme::Tel, Scheme::Tel) | (Scheme::Tel, Scheme::Sip) | (Scheme::Sip, Scheme::Tel) => {
            match (Telephone::of(a), Telephone::of(b)) {
                (Some(a), Some(b)) => a.equal(&b),
                _ => false,
            }
        }
        (Scheme::Urn, Scheme::Urn) => a.opaque().eq_ignore_ascii_case(b.opaque()),
        (Scheme::Other, Scheme::Other) => {
            a.scheme_bytes().eq_ignore_ascii_case(b.scheme_bytes()) && a.opaque() == b.opaque()
        }
        _ => false,
    }
}

/// Whether two texts are the same after unescaping, in any case.
pub fn same_text(a: &[u8], b: &[u8]) -> bool {
    marked(a).map(lower).eq(marked(b).map(lower))
}

/// The bytes a text stands for.
pub fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    marked(text).map(|byte| byte as u8)
}

/// The same for any two equal URIs, so that one can be looked up among many. Others may share it.
pub fn key(uri: &Uri<'_>) -> Vec<u8> {
    let lower = |text| unescaped(text).map(|byte| byte.to_ascii_lowercase());
    if let Some(telephone) = Telephone::of(uri) {
        let is_digit = |byte: &u8| !matches!(byte, b'-' | b'.' | b'(' | b')');
        return lower(telephone.number).filter(is_digit).collect();
    }
    if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
        return lower(uri.opaque()).collect();
    }
    let mut key: Vec<u8> = unescaped(uri.user().unwrap_or_default()).collect();
    key.push(b'@');
    match uri.host_ip() {
        Some(ip) => key.extend_from_slice(ip.to_string().as_bytes()),
        None => key.extend(uri.host().to_ascii_lowercase()),
    }
    key
}

fn equal_sip(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let same_host = match (a.host_ip(), b.host_ip()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.host().eq_ignore_ascii_case(b.host()),
        _ => false,
    };
    same_host
        && a.port() == b.port()
        && same_exactly(a.user(), b.user())
        && same_exactly(a.password(), b.password())
        && params_agree(a, b)
        && same_headers(a.headers().unwrap_or_default(), b.headers().unwrap_or_default())
}

/// Present in both or neither, same bytes after unescaping.
fn same_exactly(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => marked(a).eq(marked(b)),
        (None, None) => true,
        _ => false,
    }
}

/// A parameter in both must agree; those in one only must be ones whose absence means nothing.
fn params_agree(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    if a.params().nth(COMPARED_MAX).is_some() || b.params().nth(COMPARED_MAX).is_some() {
        return false;
    }
    a.params().all(|param| match find(b, &param) {
        Some(other) => same_value(param.value, other.value),
        None => !is_compared_always(&param),
    }) && b
        .params()
        .all(|param| find(a, &param).is_some() || !is_compared_always(&param))
}

fn find<'a>(uri: &Uri<'a>, like: &UriParam<'_>) -> Option<UriParam<'a>> {
    uri.params().find(|param| same_text(param.name, like.name))
}

/// RFC 3261 names user, ttl, method and maddr, and shows by example that transport is another.
fn is_compared_always(param: &UriParam<'_>) -> bool {
    [&b"user"[..], b"ttl", b"method", b"maddr", b"transport"]
        .into_iter()
        .any(|name| param.is(name))
}

fn same_value(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_text(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// URI headers are never ignored; their order does not matter.
fn same_headers(a: &[u8], b: &[u8]) -> bool {
    let (a_count, b_count) = (
        uri_headers(a).take(COMPARED_MAX + 1),
        uri_headers(b).take(COMPARED_MAX + 1),
    );
    let (a_count, b_count) = (a_count.count(), b_count.count());
    let contained = |inner: &[u8], outer: &[u8]| {
        uri_headers(inner).all(|header| uri_headers(outer).any(|other| same_text(header, other)))
    };
    a_count == b_count && a_count <= COMPARED_MAX && contained(a, b) && contained(b, a)
}

fn uri_headers(headers: &[u8]) -> impl Iterator<Item = &[u8]> {
    headers.split(|byte| *byte == b'&').filter(|header| !header.is_empty())
}

/// A telephone number with its parameters, of a tel URI or of the user part of a sip URI.
struct Telephone<'a> {
    number: &'a [u8],
    params: &'a [u8],
}

impl<'a> Telephone<'a> {
    fn of(uri: &Uri<'a>) -> Option<Telephone<'a>> {
        let text = match uri.scheme() {
            Scheme::Tel => uri.opaque(),
            Scheme::Sip if uri.is_phone() => uri.user()?,
            _ => return None,
        };
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        Some(Telephone {
            number: &text[..end],
            params: &text[end..],
        })
    }

    fn params(&self) -> impl Iterator<Item = &'a [u8]> {
        self.params
            .split(|byte| *byte == b';')
            .filter(|param| !param.is_empty())
    }

    fn equal(&self, other: &Telephone<'_>) -> bool {
        let contains = |outer: &Telephone<'_>, param: &[u8]| outer.params().any(|other| same_tel_param(param, other));
        same_digits(self.number, other.number)
            && self.params().nth(COMPARED_MAX).is_none()
            && other.params().nth(COMPARED_MAX).is_none()
            && self.params().all(|param| contains(other, param))
            && other.params().all(|param| contains(self, param))
    }
}

fn same_tel_param(a: &[u8], b: &[u8]) -> bool {
    let (a_name, a_value) = name_and_value(a);
    let (b_name, b_value) = name_and_value(b);
    if !same_text(a_name, b_name) {
        return false;
    }
    match (a_value, b_value) {
        (Some(a), Some(b)) => {
            let of_digits = same_text(a_name, b"ext") || (same_text(a_name, b"phone-context") && a.starts_with(b"+"));
            if of_digits { same_digits(a, b) } else { same_text(a, b) }
        }
        (None, None) => true,
        _ => false,
    }
}

fn name_and_value(param: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', param) {
        Some(equals) => (&param[..equals], Some(&param[equals + 1..])),
        None => (param, None),
    }
}

/// Without the visual separators; a leading `+` counts, so a global number never equals a local one.
fn same_digits(a: &[u8], b: &[u8]) -> bool {
    let digits = |text| {
        marked(text)
            .filter(|byte: &u16| !matches!(byte, 0x2d | 0x2e | 0x28 | 0x29)) // - . ( )
            .map(lower)
    };
    // What is left must be a number: two texts of separators only name nothing.
    digits(a).next().is_some() && digits(a).eq(digits(b))
}

/// Bytes after unescaping. An escaped reserved character stays apart from a plain one (RFC 3261 section 19.1.4): its high
/// byte is 1. What follows a `%` and is no pair of hex digits stands for itself.
fn marked(text: &[u8]) -> impl Iterator<Item = u16> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, after) = rest.split_first()?;
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = tail;
            let byte = high << 4 | low;
            return Some(u16::from(byte) | u16::from(is_reserved(byte)) << 8);
        }
        rest = after;
        Some(u16::from(*first))
    })
}

fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b','
    )
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn lower(unit: u16) -> u16 {
    if (0x41..=0x5a).contains(&unit) {
        unit + 0x20
    } else {
        unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let (first, second) = (Uri::parse(a.as_bytes()).unwrap(), Uri::parse(b.as_bytes()).unwrap());
        let answer = equal(&first, &second);
        assert_eq!(answer, equal(&second, &first), "{a} {b}");
        answer
    }

    //= MSG-014 type=test
    #[test]
    fn the_equal_ones_of_rfc_3261() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
    }

    //= MSG-014 type=test
    #[test]
    fn the_unequal_ones_of_rfc_3261() {
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:a@x", "sips:a@x"),
            ("sip:x", "sip:a@x"),
            ("sip:a@x", "sip:a:b@x"),
            ("sip:a@x;maddr=192.0.2.1", "sip:a@x"),
            ("sip:a%40b@x", "sip:a%41b@x"),
            ("sip:a%3Bb@x", "sip:a;b@x"),
            ("sip:alice%00bob@x", "sip:alice@x"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    //= MSG-014 type=test
    #[test]
    fn telephone_numbers_drop_visual_separators() {
        assert!(same("tel:+1-555-123", "tel:+1555123"));
        assert!(same("tel:+1(555)1.2.3;ext=1-2", "tel:+1555123;EXT=12"));
        assert!(same("tel:555;phone-context=+1-2", "tel:555;phone-context=+12"));
        assert!(same(
            "tel:555;phone-context=Example.com;a=b",
            "tel:555;a=B;phone-context=example.com"
        ));
        assert!(!same("tel:+1555", "tel:1555"));
        assert!(!same("tel:+1555", "tel:+1555;foo=bar"));
        assert!(!same(
            "tel:555;phone-context=a.example",
            "tel:555;phone-context=b.example"
        ));
    }

    //= MSG-014 type=test
    #[test]
    fn a_phone_user_equals_its_tel_uri() {
        assert!(same("sip:+1-555@home1.example;user=phone", "tel:+1555"));
        assert!(same(
            "sip:555;phone-context=+1@home1.example;user=phone",
            "tel:555;phone-context=+1"
        ));
        assert!(!same("sip:+1-555@home1.example", "tel:+1555"));
        assert!(!same("sips:+1-555@home1.example;user=phone", "tel:+1555"));
        assert!(!same("sip:home1.example;user=phone", "tel:+1555"));
    }

    #[test]
    fn a_uri_with_too_many_parameters_equals_nothing() {
        let most = format!("sip:a@x{}", ";p=1".repeat(COMPARED_MAX));
        let more = format!("{most};p=1");
        assert!(same(&most, &most) && !same(&more, &more));
        let most = format!("sip:a@x?{}", "p=1&".repeat(COMPARED_MAX));
        let more = format!("{most}p=1");
        assert!(same(&most, &most) && !same(&more, &more));
    }
}
