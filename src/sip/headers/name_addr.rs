//! The shape of From, To, Contact, Route, Record-Route, Path and the identity headers: `"name" <uri>;params` or `uri;params`.

use std::fmt;

use super::Span;
use super::grammar::{is_lws, is_uri_byte, quoted_end, skip_lws, skip_while, trim, trim_span};
use super::params::{Params, behind_comma, next_param};
use crate::sip::Malformed;
use crate::sip::scan::{param_value_end, uri_end};
use crate::sip::uri::Uri;

/// One name-addr or addr-spec with the parameters of the header. All spans count from the start of the value handed in.
///
/// Source: RFC 3261 sections 20.10, 25.1. After a bare addr-spec every `;` begins a header parameter. What looks like an
/// address within a quoted display name is text. White space, quotes and brackets inside a URI are faults.
#[derive(Clone, Copy)]
pub struct NameAddr<'a> {
    value: &'a [u8],
    address: Span,
    display: Span,
    uri: Span,
    tag: Option<Span>,
    end: usize,
}

impl<'a> NameAddr<'a> {
    /// Parses a header that holds exactly one value (From, To), or one value of a list.
    pub fn parse(value: &'a [u8]) -> Result<NameAddr<'a>, Malformed> {
        let (name_addr, _) = NameAddr::parse_first(value)?;
        match skip_lws(value, name_addr.end) {
            after if after < value.len() => Err(malformed(after)),
            _ => Ok(name_addr),
        }
    }

    /// Parses the first value of a list; the rest begins with the next value, and is empty after the last.
    pub fn parse_first(value: &'a [u8]) -> Result<(NameAddr<'a>, &'a [u8]), Malformed> {
        let address = parse_address(value).map_err(malformed)?;
        let (tag, at) = parse_params(value, address.whole.end()).map_err(malformed)?;
        let name_addr = NameAddr {
            value,
            address: address.whole,
            display: address.display,
            uri: address.uri,
            tag,
            end: at,
        };
        Ok((name_addr, behind_comma(value, at)))
    }

    /// The tag of a header that holds exactly one value: what [`NameAddr::parse`] says, without the rest.
    pub fn tag_of(value: &'a [u8]) -> Result<Option<Span>, Malformed> {
        let address = parse_address(value).map_err(malformed)?;
        let (tag, end) = parse_params(value, address.whole.end()).map_err(malformed)?;
        match skip_lws(value, end) {
            after if after < value.len() => Err(malformed(after)),
            _ => Ok(tag),
        }
    }

    /// The URI as written, without brackets.
    pub fn uri_bytes(&self) -> &'a [u8] {
        self.uri.of(self.value)
    }

    /// The URI, parsed.
    pub fn uri(&self) -> Result<Uri<'a>, Malformed> {
        Uri::parse(self.uri_bytes())
    }

    /// The display name as written: a quoted string with its quotes, or words. `None` when there is none.
    pub fn display(&self) -> Option<&'a [u8]> {
        (!self.display.is_empty()).then(|| self.display.of(self.value))
    }

    /// The `tag` parameter, of which there is one at most.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag.map(|span| span.of(self.value))
    }

    /// Where that parameter's value stands.
    pub fn tag_span(&self) -> Option<Span> {
        self.tag
    }

    /// The header parameters, not those of the URI.
    pub fn params(&self) -> Params<'a> {
        Params::at(self.value, self.address.end())
    }

    /// Whether the URI stands in angle brackets.
    pub fn is_bracketed(&self) -> bool {
        self.address != self.uri
    }

    /// Display name, brackets and URI: what is replaced when the address is, everything before the header parameters.
    //= PRIV-080
    pub fn address_span(&self) -> Span {
        self.address
    }

    /// The URI, without brackets.
    pub fn uri_span(&self) -> Span {
        self.uri
    }

    /// From the first `;` after the address to the end of the last parameter; empty without parameters.
    pub fn params_span(&self) -> Span {
        trim_span(self.value, Span::new(self.address.end(), self.end))
    }

    /// All of this value: address and parameters.
    pub fn span(&self) -> Span {
        Span::new(self.address.start(), self.end)
    }

    /// All of this value, as written.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.span().of(self.value)
    }
}

impl fmt::Debug for NameAddr<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NameAddr")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// Whether a Contact value is `*` (RFC 3261 section 10.2.2), which is no address.
//= PRIV-083
pub fn is_star(value: &[u8]) -> bool {
    trim(value) == b"*"
}

struct Address {
    whole: Span,
    display: Span,
    uri: Span,
}

#[inline]
fn parse_address(value: &[u8]) -> Result<Address, usize> {
    let start = skip_lws(value, 0);
    match value.get(start) {
        Some(b'"') => {
            let end = quoted_end(value, start).ok_or(start)?;
            bracketed(value, Span::new(start, end), skip_lws(value, end))
        }
        Some(b'<') => bracketed(value, Span::new(start, start), start),
        _ => {
            // Words of a display name never hold a colon, a bare addr-spec always does: the first of both decides.
            let stop = skip_while(value, start, is_display_byte);
            match value.get(stop) {
                Some(b'<') => bracketed(value, trim_span(value, Span::new(start, stop)), stop),
                Some(b':') => bare(value, start),
                _ => Err(stop),
            }
        }
    }
}

/// The parameters that begin at `at`: the tag among them, and where they end.
#[inline]
fn parse_params(value: &[u8], at: usize) -> Result<(Option<Span>, usize), usize> {
    let (mut tag, mut at) = (None, at);
    // As nearly every sender writes it.
    if value[at..].starts_with(b";tag=") {
        let start = at + 5;
        let end = param_value_end(value, start);
        if end > start && matches!(value.get(end), None | Some(b';' | b',')) {
            tag = Some(Span::new(start, end));
            at = end;
        }
    }
    while at < value.len()
        && let Some(param) = next_param(value, at)?
    {
        at = param.span.end();
        // Two tags, or one without a value, would be read differently by different readers.
        if param.is(b"tag") && (param.value.is_none() || tag.replace(param.value_span).is_some()) {
            return Err(param.span.start());
        }
    }
    Ok((tag, at))
}

/// Wider than the `token LWS` of the RFC, so that a carelessly unquoted name does not cost a call.
#[inline]
fn is_display_byte(byte: u8) -> bool {
    is_lws(byte) || is_uri_byte(byte) && !matches!(byte, b':' | b';' | b',' | b'\\')
}

#[inline]
fn bracketed(value: &[u8], display: Span, open: usize) -> Result<Address, usize> {
    if value.get(open) != Some(&b'<') {
        return Err(open);
    }
    let close = uri_end(value, open + 1);
    if value.get(close) != Some(&b'>') {
        return Err(close);
    }
    let uri = Span::new(open + 1, close);
    check_scheme(value, uri)?;
    Ok(Address {
        whole: Span::new(display.start(), close + 1),
        display,
        uri,
    })
}

fn bare(value: &[u8], start: usize) -> Result<Address, usize> {
    let end = skip_while(value, start, |byte| is_uri_byte(byte) && !matches!(byte, b';' | b','));
    let uri = Span::new(start, end);
    check_scheme(value, uri)?;
    Ok(Address {
        whole: uri,
        display: Span::new(start, start),
        uri,
    })
}

#[inline]
fn check_scheme(value: &[u8], uri: Span) -> Result<(), usize> {
    let text = uri.of(value);
    if text.len() > 4 && (text.starts_with(b"sip:") || text.starts_with(b"tel:")) {
        return Ok(());
    }
    let colon = skip_while(text, 0, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
    });
    let sound = text.first().is_some_and(u8::is_ascii_alphabetic) && text.get(colon) == Some(&b':');
    if sound && colon + 1 < text.len() {
        Ok(())
    } else {
        Err(uri.start() + colon)
    }
}

fn malformed(offset: usize) -> Malformed {
    Malformed {
        what: "name-addr",
        offset,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quoted_name_is_never_the_address() {
        let value = br#""a \"<sip:evil@x>\" , <sip:evil@x>" <sip:jd@example.com>;tag=7"#;
        let from = NameAddr::parse(value).unwrap();
        assert_eq!(from.uri_bytes(), b"sip:jd@example.com");
        assert_eq!(from.display(), Some(&br#""a \"<sip:evil@x>\" , <sip:evil@x>""#[..]));
        assert_eq!(from.tag(), Some(&b"7"[..]));
        assert!(NameAddr::parse(b"\"a <sip:evil@x>").is_err());
        assert!(NameAddr::parse(b"sip:real@x <sip:evil@x>").is_err());
        assert!(NameAddr::parse(b"\"a\" \"b\" <sip:evil@x>").is_err());
        assert!(NameAddr::parse(b"a \"b\" <sip:evil@x>").is_err());
    }

    //= PRIV-080 type=test
    #[test]
    fn the_address_is_all_before_the_header_parameters() {
        let value = b" caller<sip:caller@example.com;lr>\r\n ; tag = 323;foo=1 ";
        let from = NameAddr::parse(value).unwrap();
        assert_eq!(from.address_span().of(value), b"caller<sip:caller@example.com;lr>");
        assert_eq!(from.params_span().of(value), b"; tag = 323;foo=1");
        assert_eq!(from.tag(), Some(&b"323"[..]));
        assert!(from.is_bracketed());
        assert_eq!(from.params().count(), 2);
    }

    #[test]
    fn parameters_after_a_bare_uri_belong_to_the_header() {
        let value = b"sip:j.user@example.com;tag=98asjd8;lr";
        let to = NameAddr::parse(value).unwrap();
        assert_eq!(to.uri_bytes(), b"sip:j.user@example.com");
        assert_eq!(to.tag(), Some(&b"98asjd8"[..]));
        assert_eq!(to.display(), None);
        assert!(!to.is_bracketed());
        assert_eq!(NameAddr::parse(b"tel:+1-201").unwrap().uri_bytes(), b"tel:+1-201");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for value in [
            &b""[..],
            b" ",
            b"*",
            b"<>",
            b"<sip:>",
            b"<1sip:a@x>",
            b"sip",
            b"<sip:broken",
            b"< sip:a@x >",
            b"<sip:a@x> x",
            b"<sip:a@x>;tag=",
            b"<sip:a@x>;tag",
            b"<sip:a@x>;tag=1;x;TAG=2",
            b"<sip:a@x>,<sip:b@x>",
            b"<sip:a@x>,",
            b"sip:a@x, sip:b@x",
            b"Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            b"\"Mr. J. User <sip:j.user@example.com>",
            b"<sip:a@x\">",
            b"<sip:a\0@x>",
        ] {
            assert!(NameAddr::parse(value).is_err(), "{}", value.escape_ascii());
        }
        assert!(is_star(b" *\r\n ") && !is_star(b"<*>"));
    }

    #[test]
    fn a_list_is_walked_value_by_value() {
        let row = b"<sip:p1;lr>;x=\"a,b\" ,\r\n <sip:p2;lr>,sip:p3 , ";
        let mut rest = &row[..];
        let mut seen = Vec::new();
        while !rest.is_empty() {
            let (route, after) = NameAddr::parse_first(rest).unwrap();
            seen.push(route.uri_bytes());
            rest = after;
        }
        assert_eq!(seen, [&b"sip:p1;lr"[..], b"sip:p2;lr", b"sip:p3"]);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = NameAddr::parse(&value).map(|parsed| parsed.params().count());
        }

        #[test]
        fn spans_give_back_the_input(
            display in "(\"([ -!#-\\[\\]-~]|\\\\[ -~])*\" ?|[a-z]*)",
            uri in "sip:[a-z]{1,5}@[a-z]{1,5}(;[a-z]{1,4})?",
            // No name is `tag`, which must have a value.
            params in "( ?; ?[a-su-z][a-z]{0,3}( ?= ?([a-z0-9]{1,4}|\"[a-z;,<>]*\"))?){0,4}",
        ) {
            let value = format!("{display}<{uri}>{params}");
            let parsed = NameAddr::parse(value.as_bytes()).unwrap();
            prop_assert_eq!(parsed.uri_bytes(), uri.as_bytes());
            prop_assert_eq!(parsed.display().unwrap_or_default(), display.trim_end().as_bytes());
            prop_assert_eq!(parsed.as_bytes(), value.as_bytes());
            prop_assert_eq!(parsed.params_span().of(value.as_bytes()), params.trim().as_bytes());
        }
    }
}
