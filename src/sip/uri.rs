//! SIP, SIPS, tel and URN URIs, and when two are the same.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use super::Malformed;
use super::headers::Span;
use super::headers::grammar::{host_end, ip, is_lws, port};
use super::scan::{find_from, param_mark, uri_end, uri_mark};

mod equal;
mod list;

pub use equal::{equal, key, same_text, unescaped};
pub use list::UriList;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Urn,
    /// Any other, named by [`Uri::scheme_bytes`].
    Other,
}

/// A URI as written. Nothing is unescaped; spans count from its first byte.
///
/// Source: RFC 3261 section 19.1, RFC 3966. A second `@` is a fault: readers differ on which one ends the user part.
#[derive(Clone, Copy)]
pub struct Uri<'a> {
    text: &'a [u8],
    places: Places,
}

/// What was found out about the text of a URI, without the text.
#[derive(Clone, Copy)]
pub(super) struct Places {
    scheme: Scheme,
    scheme_end: u32,
    parts: Parts,
}

/// Where what follows the scheme stands.
#[derive(Clone, Copy)]
struct Parts {
    user: Option<Span>,
    password: Option<Span>,
    host: Span,
    port: Option<u16>,
    params: Span,
    headers: Option<Span>,
}

impl<'a> Uri<'a> {
    /// Parses the whole text; no white space, brackets or header parameters around it.
    pub fn parse(text: &'a [u8]) -> Result<Uri<'a>, Malformed> {
        let (scheme, scheme_end) = scheme(text).map_err(malformed)?;
        let start = scheme_end + 1;
        if start == text.len() {
            return Err(malformed(start));
        }
        let parts = match scheme {
            Scheme::Sip | Scheme::Sips => sip_parts(text, start),
            Scheme::Tel => sound(text, start).and_then(|()| tel_parts(text, start)),
            Scheme::Urn | Scheme::Other => sound(text, start).map(|()| Parts {
                user: None,
                password: None,
                host: Span::new(start, start),
                port: None,
                params: Span::new(text.len(), text.len()),
                headers: None,
            }),
        };
        match parts {
            Ok(parts) => Ok(Uri {
                text,
                places: Places {
                    scheme,
                    scheme_end: scheme_end as u32,
                    parts,
                },
            }),
            Err(offset) => Err(malformed(offset)),
        }
    }

    /// What was found out about a text once, put together with the same text again.
    pub(super) fn again(text: &'a [u8], places: Places) -> Uri<'a> {
        Uri { text, places }
    }

    pub(super) fn places(&self) -> Places {
        self.places
    }

    pub fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    pub fn scheme(&self) -> Scheme {
        self.places.scheme
    }

    /// The scheme as written.
    pub fn scheme_bytes(&self) -> &'a [u8] {
        &self.text[..self.places.scheme_end as usize]
    }

    /// What follows the scheme and its colon.
    pub fn opaque(&self) -> &'a [u8] {
        &self.text[self.places.scheme_end as usize + 1..]
    }

    /// The user part as written, with `;` parameters of a telephone number if it holds any; of a tel URI, the number.
    pub fn user(&self) -> Option<&'a [u8]> {
        self.places.parts.user.map(|span| span.of(self.text))
    }

    pub fn user_span(&self) -> Option<Span> {
        self.places.parts.user
    }

    pub fn password(&self) -> Option<&'a [u8]> {
        self.places.parts.password.map(|span| span.of(self.text))
    }

    /// The host as written, an IPv6 address with its brackets. Empty for schemes other than sip and sips.
    pub fn host(&self) -> &'a [u8] {
        self.places.parts.host.of(self.text)
    }

    pub fn host_span(&self) -> Span {
        self.places.parts.host
    }

    /// The address the host is, `None` for a name.
    //= LOC-002
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip(self.host())
    }

    /// The port, if written; `:5060` is not the same as none.
    //= LOC-002
    pub fn port(&self) -> Option<u16> {
        self.places.parts.port
    }

    /// The parameters of the URI, in order; none for schemes other than sip, sips and tel.
    pub fn params(&self) -> UriParams<'a> {
        UriParams {
            text: &self.text[..self.places.parts.params.end()],
            at: self.places.parts.params.start(),
        }
    }

    /// All parameters, from the first `;`.
    pub fn params_span(&self) -> Span {
        self.places.parts.params
    }

    /// The first parameter of this name, in any case, escaped or not.
    pub fn param(&self, name: &[u8]) -> Option<UriParam<'a>> {
        self.params().find(|param| param.is(name))
    }

    /// The headers part, without its `?`. What it asks for never applies to the message that carries the URI.
    //= PRIV-015
    pub fn headers(&self) -> Option<&'a [u8]> {
        self.places.parts.headers.map(|span| span.of(self.text))
    }

    /// The `transport` parameter as written.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param(b"transport").and_then(|param| param.value)
    }

    /// The `maddr` parameter as written.
    pub fn maddr(&self) -> Option<&'a [u8]> {
        self.param(b"maddr").and_then(|param| param.value)
    }

    /// Whether the element behind it routes loosely (RFC 3261 section 19.1.1).
    pub fn lr(&self) -> bool {
        self.param(b"lr").is_some()
    }

    /// Whether the user part is a telephone number by its own word: `user=phone`.
    pub fn is_phone(&self) -> bool {
        self.param(b"user")
            .and_then(|param| param.value)
            .is_some_and(|value| value.eq_ignore_ascii_case(b"phone"))
    }

    /// Whether it is `urn:service:` and so on (RFC 5031).
    //= MSG-011
    pub fn is_service_urn(&self) -> bool {
        self.scheme() == Scheme::Urn
            && self
                .opaque()
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"service:"))
    }

    /// Whether it is an emergency service: `urn:service:sos` or one below it.
    //= ROLE-005
    pub fn is_emergency(&self) -> bool {
        self.is_service_urn()
            && self.opaque()[8..]
                .split(|byte| *byte == b'.')
                .next()
                .is_some_and(|service| service.eq_ignore_ascii_case(b"sos"))
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Uri")
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}

/// One parameter of a URI.
#[derive(Clone, Copy)]
pub struct UriParam<'a> {
    pub name: &'a [u8],
    /// `None`: no `=`. May be empty.
    pub value: Option<&'a [u8]>,
    /// From its `;` to its last byte.
    pub span: Span,
}

impl UriParam<'_> {
    /// Whether this is its name, in any case, escaped or not.
    #[inline]
    pub fn is(&self, name: &[u8]) -> bool {
        // An escaped name is longer.
        match self.name.len().cmp(&name.len()) {
            Ordering::Less => false,
            // As written first: letter by letter it is dearer.
            Ordering::Equal => self.name == name || self.name.eq_ignore_ascii_case(name),
            Ordering::Greater => self.name.contains(&b'%') && same_text(self.name, name),
        }
    }
}

impl fmt::Debug for UriParam<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UriParam")
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// Iterator of [`Uri::params`]; empty parameters (`;;`) are passed over.
#[derive(Clone)]
pub struct UriParams<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for UriParams<'a> {
    type Item = UriParam<'a>;

    fn next(&mut self) -> Option<UriParam<'a>> {
        let text = self.text;
        while self.at < text.len() {
            let (start, name_start) = (self.at, self.at + 1);
            let name_end = param_mark(text, name_start);
            let has_value = text.get(name_end) == Some(&b'=');
            self.at = match has_value {
                true => find_from(b';', text, name_end + 1),
                false => name_end,
            };
            if self.at > name_start {
                return Some(UriParam {
                    name: &text[name_start..name_end],
                    value: has_value.then(|| &text[name_end + 1..self.at]),
                    span: Span::new(start, self.at),
                });
            }
        }
        None
    }
}

impl fmt::Debug for UriParams<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UriParams").finish_non_exhaustive()
    }
}

/// Whether the text calls for help: `urn:service:sos` or what is below it.
//= ROLE-005
pub fn is_emergency(text: &[u8]) -> bool {
    let scheme = text.get(..4);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"urn:"))
        && Uri::parse(text).is_ok_and(|uri| uri.is_emergency())
}

/// Whether the text is no URI of any scheme.
pub fn is_malformed(text: &[u8]) -> bool {
    Uri::parse(text).is_err()
}

/// Whether a Request-URI stands in angle brackets, whole or half.
//= MSG-011
pub fn is_enclosed(text: &[u8]) -> bool {
    text.first() == Some(&b'<') || text.last() == Some(&b'>')
}

/// Whether a Request-URI holds white space.
//= MSG-011
pub fn contains_lws(text: &[u8]) -> bool {
    text.iter().any(|byte| is_lws(*byte))
}

#[inline]
fn sip_parts(text: &[u8], start: usize) -> Result<Parts, usize> {
    let (at_sign, question) = marks(text, start)?;
    let (mut user, mut password, mut host_start) = (None, None, start);
    if let Some(at_sign) = at_sign {
        let colon = Some(find_from(b':', &text[..at_sign], start)).filter(|colon| *colon < at_sign);
        let user_end = colon.unwrap_or(at_sign);
        if user_end == start {
            return Err(start);
        }
        user = Some(Span::new(start, user_end));
        password = colon.map(|colon| Span::new(colon + 1, at_sign));
        host_start = at_sign + 1;
    }
    let mut at = host_end(text, host_start)?;
    let host = Span::new(host_start, at);
    let mut port_number = None;
    if text.get(at) == Some(&b':') {
        let (number, end) = port(text, at + 1)?;
        (port_number, at) = (Some(number), end);
    }
    let params_end = question.unwrap_or(text.len());
    if params_end > at && text[at] != b';' {
        return Err(at);
    }
    Ok(Parts {
        user,
        password,
        host,
        port: port_number,
        params: Span::new(at, params_end),
        headers: question.map(|question| Span::new(question + 1, text.len())),
    })
}

fn tel_parts(text: &[u8], start: usize) -> Result<Parts, usize> {
    let number_end = find_from(b';', text, start);
    let mut digits = 0;
    for (offset, byte) in text[start..number_end].iter().enumerate() {
        match byte {
            b'+' if offset == 0 => {}
            b'-' | b'.' | b'(' | b')' => {}
            b'*' | b'#' | b'%' => digits += 1,
            _ if byte.is_ascii_hexdigit() => digits += 1,
            _ => return Err(start + offset),
        }
    }
    if digits == 0 {
        return Err(start);
    }
    Ok(Parts {
        user: Some(Span::new(start, number_end)),
        password: None,
        host: Span::new(number_end, number_end),
        port: None,
        params: Span::new(number_end, text.len()),
        headers: None,
    })
}

/// Where the user part ends and where the headers begin: the only `@`, and the first `?` behind it.
#[inline]
fn marks(text: &[u8], start: usize) -> Result<(Option<usize>, Option<usize>), usize> {
    let (mut at_sign, mut question) = (None, None);
    let mut at = start;
    loop {
        at = uri_mark(text, at);
        match text.get(at) {
            None => return Ok((at_sign, question)),
            Some(b'@') if at_sign.is_none() => (at_sign, question) = (Some(at), None),
            Some(b'?') => question = question.or(Some(at)),
            Some(_) => return Err(at),
        }
        at += 1;
    }
}

/// Whether all of it may stand in a URI; `Err` is the place of the fault.
fn sound(text: &[u8], start: usize) -> Result<(), usize> {
    match uri_end(text, start) {
        end if end < text.len() => Err(end),
        _ => Ok(()),
    }
}

/// The scheme and the place of its colon.
fn scheme(text: &[u8]) -> Result<(Scheme, usize), usize> {
    if text.starts_with(b"sip:") {
        return Ok((Scheme::Sip, 3));
    }
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'))
        .unwrap_or(text.len());
    if text.get(end) != Some(&b':') || !text[0].is_ascii_alphabetic() {
        return Err(end);
    }
    let name = &text[..end];
    let scheme = match end {
        3 if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
        4 if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
        3 if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
        3 if name.eq_ignore_ascii_case(b"urn") => Scheme::Urn,
        _ => Scheme::Other,
    };
    Ok((scheme, end))
}

fn malformed(offset: usize) -> Malformed {
    Malformed { what: "URI", offset }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &[u8]) -> Uri<'_> {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn the_parts_of_a_sip_uri() {
        let sip = uri(
            b"SIP:+1-555;phone-context=x,y?z:pa/ss@[2001:db8::9]:5070;LR;Transport=TCP;;x=1?Subject=a;b&Privacy=id",
        );
        assert_eq!(sip.scheme(), Scheme::Sip);
        assert_eq!(sip.user(), Some(&b"+1-555;phone-context=x,y?z"[..]));
        assert_eq!(sip.password(), Some(&b"pa/ss"[..]));
        assert_eq!(sip.host(), b"[2001:db8::9]");
        assert_eq!(sip.host_ip(), "2001:db8::9".parse().ok());
        assert_eq!(sip.port(), Some(5070));
        assert!(sip.lr() && sip.transport() == Some(b"TCP") && sip.maddr().is_none());
        assert_eq!(sip.params().count(), 3);
        assert_eq!(sip.params_span().of(sip.as_bytes()), b";LR;Transport=TCP;;x=1");
        assert_eq!(sip.headers(), Some(&b"Subject=a;b&Privacy=id"[..]));
        assert!(uri(b"sip:h;%6Cr").lr());
        assert_eq!(uri(b"sip:alice.jones@h").user(), Some(&b"alice.jones"[..]));
    }

    #[test]
    fn other_schemes_keep_their_text() {
        let tel = uri(b"tel:+1-201-555-0123;phone-context=x;isub=1");
        assert_eq!((tel.scheme(), tel.user()), (Scheme::Tel, Some(&b"+1-201-555-0123"[..])));
        assert_eq!(tel.param(b"ISUB").and_then(|param| param.value), Some(&b"1"[..]));
        assert_eq!((tel.host(), tel.host_ip()), (&b""[..], None));
        assert!(uri(b"urn:SERVICE:sos.fire").is_emergency());
        assert!(!uri(b"urn:service:sosx").is_emergency() && uri(b"urn:service:sosx").is_service_urn());
        let other = uri(b"nobodyKnowsThisScheme:totallyopaquecontent@a@b");
        assert_eq!((other.scheme(), other.host()), (Scheme::Other, &b""[..]));
        assert_eq!(other.opaque(), b"totallyopaquecontent@a@b");
    }

    //= MSG-011 type=test
    #[test]
    fn enclosed_or_blank_request_uris_are_seen() {
        assert!(is_enclosed(b"<sip:a@x>") && is_enclosed(b"<sip:a@x") && !is_enclosed(b"sip:a@x"));
        assert!(contains_lws(b"sip:a@x; lr") && contains_lws(b"sip:a\r\n @x") && !contains_lws(b"sip:a@x"));
        assert!(is_malformed(b"<sip:a@x>") && is_malformed(b"sip:a@x; lr"));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            &b""[..],
            b"sip",
            b":x",
            b"1sip:x",
            b"sip:",
            b"sip:@h",
            b"sip::p@h",
            b"sip:a@",
            b"sip:a@h:",
            b"sip:a@h:x",
            b"sip:a@h:99999",
            b"sip:a@h@i",
            b"sip:a@h;x=b@i",
            b"sip:a@[fe80::1%eth0]",
            b"sip:a@[::1",
            b"sip:a@h/x",
            b"sip:a@h\0",
            b"sip:a@\"h\"",
            b"tel:",
            b"tel:+",
            b"tel:1+2",
            b"tel:1@x",
            b"tel:;isub=1",
        ] {
            assert!(is_malformed(text), "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Uri::parse(&text).map(|uri| uri.params().count());
        }

        #[test]
        fn parts_give_back_the_input(
            user in "([a-z0-9;,/?%=+$&]{1,8}(:[a-z&=+$,]{0,4})?@)?",
            host in "([a-z][a-z0-9.-]{0,8}|\\[::1\\]|10\\.0\\.0\\.1)",
            port in "(:[1-9][0-9]{0,3})?",
            params in "(;[a-z]{1,5}(=[a-z:/%0-9]{0,5})?){0,4}",
            headers in "(\\?[a-z=&;?]{0,8})?",
        ) {
            let text = format!("sip:{user}{host}{port}{params}{headers}");
            let uri = Uri::parse(text.as_bytes()).unwrap();
            let mut printed = b"sip:".to_vec();
            if let Some(user) = uri.user() {
                printed.extend_from_slice(user);
                if let Some(password) = uri.password() {
                    printed.push(b':');
                    printed.extend_from_slice(password);
                }
                printed.push(b'@');
            }
            printed.extend_from_slice(uri.host());
            if let Some(port) = uri.port() {
                printed.extend_from_slice(format!(":{port}").as_bytes());
            }
            printed.extend(uri.params().flat_map(|param| param.span.of(text.as_bytes())));
            if let Some(headers) = uri.headers() {
                printed.push(b'?');
                printed.extend_from_slice(headers);
            }
            prop_assert_eq!(printed, text.as_bytes());
        }
    }
}
