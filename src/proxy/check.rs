//! Is a request fit to be forwarded: RFC 3261 section 16.3.

use crate::sip::headers::{max_forwards, tokens};
use crate::sip::uri::Scheme;
use crate::sip::{Draft, Method, Name};
use crate::trust::Standing;

/// Why a request is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the Request-URI is malformed")]
    RequestUri,
    #[error("the scheme of the Request-URI is not served")]
    Scheme,
    #[error("Max-Forwards is used up")]
    TooManyHops,
    #[error("Max-Breadth leaves no room for the branches it needs")]
    NoBreadth,
    /// Option tags of Proxy-Require that are not understood.
    #[error("Proxy-Require asks for extensions this node lacks")]
    Extensions(String),
}

/// Checks the Request-URI, then Max-Forwards; the first failure counts. Whether the request loops is asked next, and
/// [`extensions`] last.
//= PROXY-001
pub fn check(draft: &Draft) -> Result<(), Unfit> {
    //= MSG-011
    match draft.read_request_uri() {
        Ok(uri) => {
            let served = match uri.scheme() {
                Scheme::Sip | Scheme::Sips => true,
                Scheme::Tel => draft.has(Name::Route),
                Scheme::Urn => uri.is_service_urn(),
                Scheme::Other => false,
            };
            if !served {
                return Err(Unfit::Scheme);
            }
        }
        Err(_) => return Err(unreadable(draft.request_uri())),
    }
    //= PROXY-003
    if draft.first(Name::MaxForwards).and_then(max_forwards::read) == Some(0) {
        return Err(Unfit::TooManyHops);
    }
    Ok(())
}

/// A Request-URI that does not parse: of another scheme altogether, or malformed.
fn unreadable(uri: &[u8]) -> Unfit {
    let scheme = uri.split(|byte| *byte == b':').next().unwrap_or_default();
    let known = [&b"sip"[..], b"sips", b"tel", b"urn"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    let is_scheme = scheme.len() < uri.len()
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if is_scheme && !known {
        Unfit::Scheme
    } else {
        Unfit::RequestUri
    }
}

/// Checks Proxy-Require.
//= PROXY-002
//= PRIV-039
pub fn extensions(draft: &Draft, standing: Standing, understands_privacy: bool) -> Result<(), Unfit> {
    if !draft.has(Name::ProxyRequire) || matches!(draft.method(), Some(Method::Ack | Method::Cancel)) {
        return Ok(());
    }
    let mut unknown = String::new();
    for tag in draft.rows(Name::ProxyRequire).flat_map(tokens::tokens) {
        let is = |known: &[u8]| tag.eq_ignore_ascii_case(known);
        let understood = (is(b"privacy") && understands_privacy)
            || (is(b"sec-agree") && standing == Standing::Served)
            || is(b"path")
            || is(b"outbound")
            || is(b"gruu");
        if !understood {
            let shown: String = tag
                .iter()
                .filter(|byte| byte.is_ascii_graphic())
                .map(|byte| char::from(*byte))
                .collect();
            unknown.push_str(if unknown.is_empty() { "" } else { ", " });
            unknown.push_str(&shown);
        }
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Unfit::Extensions(unknown))
    }
}
