//! The copy that goes on: RFC 3261 section 16.6, as far as it concerns no one's identity.

use std::net::{IpAddr, SocketAddr};

use crate::sip::essentials::TopVia;
use crate::sip::headers::via::Rport;
use crate::sip::headers::{Span, list, max_forwards};
use crate::sip::{Draft, Name};

/// Max-Forwards one lower; 70 when there is none or it cannot be read.
//= PROXY-003
//= MSG-004
pub fn count_hop(draft: &mut Draft) {
    match draft.first_at(Name::MaxForwards) {
        None => draft.append(Name::MaxForwards, &[b"70"]),
        Some((row, value)) => {
            let left = max_forwards::read(value).map_or(70, |left| left.saturating_sub(1));
            let mut text = Vec::with_capacity(3);
            number(&mut text, u32::from(left));
            draft.set(row, &[&text]);
        }
    }
}

/// Notes in the top Via where the request really came from. `via` describes that row as received.
//= TPT-002
pub fn mark_via(draft: &mut Draft, via: &TopVia, source: SocketAddr) {
    let asks = match via.rport {
        Rport::Requested { insert_at } => Some(insert_at),
        Rport::Absent | Rport::Filled(_) => None,
    };
    let address = source.ip().to_canonical();
    let needs_received = asks.is_some() || via.host_ip.map(|ip| ip.to_canonical()) != Some(address);
    if !needs_received && via.received.is_none() {
        return;
    }
    let Some((row, value)) = draft.first_at(Name::Via) else {
        return;
    };
    // Whatever the sender wrote as `received` itself goes.
    let stale = via.received.unwrap_or(Span::new(via.end, via.end));
    let insert_at = asks.unwrap_or(via.end);
    let mut out = Vec::with_capacity(value.len() + 64);
    let copy = |out: &mut Vec<u8>, from: usize, to: usize| {
        out.extend_from_slice(value.get(from..stale.start.clamp(from, to)).unwrap_or_default());
        out.extend_from_slice(value.get(stale.end.clamp(from, to)..to).unwrap_or_default());
    };
    copy(&mut out, 0, insert_at);
    if asks.is_some() {
        out.push(b'=');
        number(&mut out, u32::from(source.port()));
    }
    copy(&mut out, insert_at, via.end);
    if needs_received {
        out.extend_from_slice(b";received=");
        match address {
            IpAddr::V4(address) => dotted(&mut out, address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(address.to_string().as_bytes()),
        }
    }
    out.extend_from_slice(value.get(via.end..).unwrap_or_default());
    draft.set(row, &[&out]);
}

fn dotted(out: &mut Vec<u8>, octets: [u8; 4]) {
    for (place, octet) in octets.into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        number(out, u32::from(octet));
    }
}

/// A decimal number without the machinery of formatting: this is written into every request.
fn number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Takes the first value off the first row of a list header.
pub fn pop_first(draft: &mut Draft, name: Name) {
    let Some((row, value)) = draft.first_at(name) else {
        return;
    };
    let mut values = list::values(value);
    let _first = values.next();
    match values.next() {
        None => draft.remove_row(row),
        Some(second) => {
            let rest = value[second.start..].to_vec();
            draft.set(row, &[&rest]);
        }
    }
}

/// A Route whose first value is a strict router: the Request-URI goes to the end, and the Route becomes the Request-URI.
//= PROXY-015
pub fn strict_next_hop(draft: &mut Draft) {
    use crate::sip::headers::name_addr::NameAddr;
    let Some(route) = draft.first(Name::Route) else { return };
    let Ok((first, _)) = NameAddr::parse_first(route) else {
        return;
    };
    let Ok(uri) = first.uri() else { return };
    if uri.lr() {
        return;
    }
    let next = first.uri_bytes().to_vec();
    let target = draft.request_uri().to_vec();
    pop_first(draft, Name::Route);
    draft.append(Name::Route, &[b"<", &target, b">"]);
    draft.set_request_uri(&next);
}
