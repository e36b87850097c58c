//! The copy that goes on: RFC 3261 section 16.6, as far as it concerns no one's identity.

use crate::sip::headers::list;
use crate::sip::headers::max_forwards;
use crate::sip::headers::via::{Rport, Via};
use crate::sip::{Draft, Name};

/// Max-Forwards one lower; 70 when there is none or it cannot be read.
//= PROXY-003
//= MSG-004
pub fn count_hop(draft: &mut Draft) {
    match draft.first_at(Name::MaxForwards) {
        None => draft.append(Name::MaxForwards, &[b"70"]),
        Some((row, value)) => {
            let left = max_forwards::read(value).map_or(70, |left| left.saturating_sub(1));
            draft.set(row, &[decimal(left, &mut [0; 3])]);
        }
    }
}

fn decimal(number: u8, digits: &mut [u8; 3]) -> &[u8] {
    *digits = [b'0' + number / 100, b'0' + number / 10 % 10, b'0' + number % 10];
    let skip = if number >= 100 {
        0
    } else if number >= 10 {
        1
    } else {
        2
    };
    &digits[skip..]
}

/// Notes in the top Via where the request really came from.
//= TPT-002
pub fn mark_via(draft: &mut Draft, source: std::net::SocketAddr) {
    let Some((row, value)) = draft.first_at(Name::Via) else {
        return;
    };
    let Ok((via, _)) = Via::parse(value) else { return };
    let rport = via.rport();
    let asks = matches!(rport, Rport::Requested { .. });
    let needs_received = asks || via.host_ip().map(|ip| ip.to_canonical()) != Some(source.ip().to_canonical());
    let stale = via.received_span();
    if !needs_received && stale.is_none() {
        return;
    }
    let mut out = Vec::with_capacity(value.len() + 48);
    let mut from = 0;
    if let Rport::Requested { insert_at } = rport {
        out.extend_from_slice(&value[..insert_at]);
        out.extend_from_slice(format!("={}", source.port()).as_bytes());
        from = insert_at;
    }
    let end = via.span().end;
    match stale {
        // Whatever the sender wrote there itself goes.
        Some(stale) if stale.start >= from => {
            out.extend_from_slice(&value[from..stale.start]);
            out.extend_from_slice(&value[stale.end..end]);
        }
        Some(_) | None => out.extend_from_slice(&value[from..end]),
    }
    if needs_received {
        out.extend_from_slice(format!(";received={}", source.ip().to_canonical()).as_bytes());
    }
    out.extend_from_slice(&value[end..]);
    draft.set(row, &[&out]);
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
