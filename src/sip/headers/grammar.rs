//! The few rules of RFC 3261 section 25.1 that all values share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Span;
use crate::sip::scan::{host_name_end, quote_or_escape};

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const PARAM_VALUE: u8 = 4;
const URI: u8 = 8;

/// What each byte may be part of.
static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut index = 0usize;
    while index < 256 {
        let byte = index as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            table[index] |= HOST;
        }
        if byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
            )
        {
            table[index] |= TOKEN;
        }
        if byte > b' ' && byte != 0x7f {
            if !matches!(byte, b'<' | b'>' | b'"') {
                table[index] |= URI;
            }
            if !matches!(byte, b'<' | b'>' | b'"' | b';' | b',') {
                table[index] |= PARAM_VALUE;
            }
        }
        index += 1;
    }
    table
}

/// RFC 3261 `token` characters.
#[inline]
pub fn is_token_byte(byte: u8) -> bool {
    CLASS[byte as usize] & TOKEN != 0
}

/// Letters, digits, `-`, `.`, and `_`, which real host names hold.
#[inline]
pub fn is_host_byte(byte: u8) -> bool {
    CLASS[byte as usize] & HOST != 0
}

/// What an unquoted parameter value may hold: wider than the RFC, so that a value we need not read does not cost a call.
#[inline]
pub fn is_param_value_byte(byte: u8) -> bool {
    CLASS[byte as usize] & PARAM_VALUE != 0
}

/// What may stand inside a URI: no white space, control byte, quote or angle bracket. Bytes above ASCII pass.
#[inline]
pub fn is_uri_byte(byte: u8) -> bool {
    CLASS[byte as usize] & URI != 0
}

/// White space within a value, folds included.
//= MSG-010
//= PRIV-002
#[inline]
pub fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether all of it is one token.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// The first place at or after `at` that is no white space.
#[inline]
pub fn skip_lws(value: &[u8], mut at: usize) -> usize {
    while at < value.len() && is_lws(value[at]) {
        at += 1;
    }
    at
}

/// The first place at or after `at` whose byte is not of the class.
#[inline]
pub fn skip_while(value: &[u8], at: usize, class: impl Fn(u8) -> bool) -> usize {
    let mut rest = value.get(at..).unwrap_or_default();
    // Four at a time: most of what a proxy reads is skipped.
    while let [a, b, c, d, more @ ..] = rest {
        if !(class(*a) && class(*b) && class(*c) && class(*d)) {
            break;
        }
        rest = more;
    }
    while let [byte, more @ ..] = rest
        && class(*byte)
    {
        rest = more;
    }
    value.len().max(at) - rest.len()
}

/// The span without white space at either end.
pub fn trim_span(value: &[u8], span: Span) -> Span {
    let mut end = span.end();
    while end > span.start() && is_lws(value[end - 1]) {
        end -= 1;
    }
    let mut start = span.start();
    while start < end && is_lws(value[start]) {
        start += 1;
    }
    Span::new(start, end)
}

/// The value without white space at either end.
pub fn trim(value: &[u8]) -> &[u8] {
    trim_span(value, Span::new(0, value.len())).of(value)
}

/// Where the quoted string that begins at `at` ends: the place after its closing quote. `None` if it is never closed.
pub fn quoted_end(value: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at = quote_or_escape(value, at);
        match value.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Where the host that begins at `at` ends; `Err` is the place of the fault.
///
/// A name, an IPv4 address, or an IPv6 reference in brackets. An IPv6 zone is a fault.
//= LOC-002
pub fn host_end(value: &[u8], at: usize) -> Result<usize, usize> {
    if value.get(at) != Some(&b'[') {
        let end = host_name_end(value, at);
        return if end == at { Err(at) } else { Ok(end) };
    }
    // 45 octets is the longest text of an IPv6 address: no need to look further for the bracket.
    let window = &value[at..value.len().min(at + 48)];
    let close = window.iter().position(|byte| *byte == b']').ok_or(at)?;
    ipv6(&window[1..close]).ok_or(at)?;
    Ok(at + close + 1)
}

/// The port after a `:` at `at`, as number and end; `Err` is the place of the fault.
pub fn port(value: &[u8], at: usize) -> Result<(u16, usize), usize> {
    let mut number = 0u32;
    let mut end = at;
    while end < value.len() && value[end].is_ascii_digit() {
        number = number * 10 + u32::from(value[end] - b'0');
        end += 1;
        if number > u32::from(u16::MAX) {
            return Err(at);
        }
    }
    if end == at {
        return Err(at);
    }
    // 65535 at most, checked in the loop.
    Ok((number as u16, end))
}

/// The address a host text stands for; brackets around IPv6 are optional. `None` for a name, or an address with a zone.
//= LOC-002
pub fn ip(host: &[u8]) -> Option<IpAddr> {
    match host {
        [b'[', inner @ .., b']'] => ipv6(inner),
        _ => match ipv4(host) {
            Some(address) => Some(IpAddr::V4(address)),
            None if host.contains(&b':') => ipv6(host),
            None => None,
        },
    }
}

/// Four numbers up to 255 without leading zeros, as the standard library reads them; this is asked of every host.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut place) = ([0; 4], 0);
    let (mut number, mut digits) = (0u32, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 && (digits == 0 || number > 0) => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && place < 3 => {
                octets[place] = u8::try_from(number).ok()?;
                (place, number, digits) = (place + 1, 0, 0);
            }
            _ => return None,
        }
    }
    if digits == 0 || place < 3 {
        return None;
    }
    octets[3] = u8::try_from(number).ok()?;
    Some(Ipv4Addr::from(octets))
}

fn ipv6(text: &[u8]) -> Option<IpAddr> {
    if text.len() > 45 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ipv4_address_is_what_the_standard_library_says(text in "[0-9]{0,4}(\\.[0-9]{0,4}){0,4}|[0-9.:a]{0,16}") {
            prop_assert_eq!(ipv4(text.as_bytes()), text.parse().ok());
        }
    }

    #[test]
    fn quotes_end_where_they_should() {
        assert_eq!(quoted_end(br#""a\"b" c"#, 0), Some(6));
        assert_eq!(quoted_end(br#""a\"#, 0), None);
        assert_eq!(quoted_end(br#""a"#, 0), None);
    }

    //= LOC-002 type=test
    #[test]
    fn addresses_with_a_zone_are_none() {
        assert_eq!(ip(b"[fe80::1%25eth0]"), None);
        assert_eq!(ip(b"fe80::1%eth0"), None);
        assert!(host_end(b"[fe80::1%eth0]", 0).is_err());
        assert_eq!(ip(b"2001:db8::9"), "2001:db8::9".parse().ok());
        assert_eq!(ip(b"[2001:db8::9]"), "2001:db8::9".parse().ok());
        assert_eq!(host_end(b"[2001:db8::9]:5070", 0), Ok(13));
        assert_eq!(ip(b"192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(ip(b"10.example"), None);
    }

    #[test]
    fn ports_stop_at_16_bits() {
        assert_eq!(port(b"65535", 0), Ok((65535, 5)));
        assert_eq!(port(b"65536", 0), Err(0));
        assert_eq!(port(b"00000000000000000000000005060;", 0), Ok((5060, 29)));
        assert_eq!(port(b"", 0), Err(0));
    }
}
