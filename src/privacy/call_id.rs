//! What a Call-ID tells of who made it, and whether it may be hidden.

use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::via::Via;
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Name};

/// Whether the Call-ID of a request may be hidden at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallId {
    /// Its sender's own, and nobody on the other side knows it yet.
    New,
    /// Both sides know what it is to be, or it is a token already.
    Settled,
}

impl CallId {
    /// Of a request as it came. `essentials`: with its token opened, when it came with one.
    pub fn of(draft: &Draft, essentials: &Essentials) -> CallId {
        let is_token = draft.first(Name::CallId) != Some(essentials.call_id());
        match is_token || essentials.to_tag().is_some() {
            true => CallId::Settled,
            false => CallId::New,
        }
    }
}

/// Whether the Call-ID names the originator's host: an IP address, or a name within the domain of From, Contact or the
/// first Via.
//= PRIV-062
pub(super) fn tells(draft: &Draft) -> bool {
    let Some(call_id) = draft.first(Name::CallId) else {
        return false;
    };
    let Some(at) = memchr::memrchr(b'@', call_id) else {
        return false;
    };
    let host = without_port(&call_id[at + 1..]);
    let bare = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"))
        .unwrap_or(host);
    if std::str::from_utf8(bare).is_ok_and(|host| host.parse::<std::net::IpAddr>().is_ok()) {
        return true;
    }
    let first_via = draft.rows(Name::Via).last().and_then(|row| {
        let value = list::values(row).last()?.of(row);
        Some(Via::parse(value).ok()?.0)
    });
    if first_via.is_some_and(|via| within(host, via.host())) {
        return true;
    }
    [Name::From, Name::Contact]
        .iter()
        .filter_map(|name| draft.first(*name))
        .any(|value| {
            let Ok(name_addr) = NameAddr::parse(value) else {
                return false;
            };
            let Ok(uri) = Uri::parse(name_addr.uri_bytes()) else {
                return false;
            };
            within(host, uri.host())
        })
}

/// A host, with the port that some write behind it taken off.
fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) && is_whole(&host[..at]) => &host[..at],
        _ => host,
    }
}

/// Whether a port may stand behind it: an address of IPv6 has its colons within brackets then.
fn is_whole(host: &[u8]) -> bool {
    host.ends_with(b"]") || !host.contains(&b':')
}

/// Whether a host is a domain or a name below it.
fn within(host: &[u8], domain: &[u8]) -> bool {
    if domain.is_empty() || host.len() < domain.len() {
        return false;
    }
    let (head, tail) = host.split_at(host.len() - domain.len());
    tail.eq_ignore_ascii_case(domain) && (head.is_empty() || head.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::{Carrier, ParseLimits, parse};

    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 1000,
        header_bytes_max: 1000,
        header_block_bytes_max: 1000,
        header_rows_max: 100,
        body_bytes_max: 1000,
    };

    //= PRIV-062 type=test
    #[test]
    fn an_address_or_a_name_of_the_originator_tells_with_a_port_behind_it_as_without() {
        let tells = |call_id: &str| {
            let text = format!(
                "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP pc.home1.example\r\nFrom: <sip:a@home1.example>;tag=1\r\n\
                 Call-ID: {call_id}\r\n\r\n"
            );
            let message = parse(text.into_bytes().into(), Carrier::Datagram, &LIMITS).unwrap();
            tells(&Draft::from(message))
        };
        for told in [
            "a@192.0.2.7",
            "a@192.0.2.7:5060",
            "a@2001:db8::7",
            "a@2001:db8::5060",
            "a@[2001:db8::7]",
            "a@[2001:db8::7]:5060",
            "a@pc.home1.example",
            "a@pc.home1.example:5060",
            "a@home1.example:",
        ] {
            assert!(tells(told), "{told}");
        }
        for untold in [
            "a",
            "192.0.2.7:5060",
            "a@other.example",
            "a@other.example:5060",
            "a@home1.example:x",
            "a@other.example:home1.example",
            "a@:5060",
        ] {
            assert!(!tells(untold), "{untold}");
        }
    }
}
