//! The copy that goes on: RFC 3261 section 16.6, as far as it concerns no one's identity.

use std::net::{IpAddr, SocketAddr};

use crate::sip::draft::Piece;
use crate::sip::essentials::TopVia;
use crate::sip::headers::via::Rport;
use crate::sip::headers::{Span, grammar, list, max_forwards};
use crate::sip::scan::find;
use crate::sip::{Draft, Name};

/// Max-Forwards one lower; 70 when there is none or it cannot be read.
//= PROXY-003
//= MSG-004
pub fn count_hop(draft: &mut Draft) {
    match draft.first_at(Name::MaxForwards) {
        None => draft.append(Name::MaxForwards, &[b"70"]),
        Some((row, value)) => {
            let left = max_forwards::read(value).map_or(70, |left| left.saturating_sub(1));
            let mut text = Text::new();
            text.number(u32::from(left));
            draft.set(row, &[text.as_bytes()]);
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
    let Some((row, value)) = draft.first_at(Name::Via) else {
        return;
    };
    let sent_by = || grammar::ip(via.host.of(value)).map(|ip| ip.to_canonical());
    let needs_received = asks.is_some() || sent_by() != Some(address);
    if !needs_received && via.received.is_none() {
        return;
    }
    // Whatever the sender wrote as `received` itself goes.
    let stale = via.received.unwrap_or(Span::new(via.end, via.end));
    let insert_at = asks.unwrap_or(via.end);
    let length = value.len();
    let kept = |from: usize, to: usize| {
        let before = Piece::Kept(from..stale.start().clamp(from, to));
        let behind = Piece::Kept(stale.end().clamp(from, to)..to);
        (before, behind)
    };
    let mut text = Text::new();
    if asks.is_some() {
        text.byte(b'=');
        text.number(u32::from(source.port()));
    }
    let port_end = text.length;
    if needs_received {
        text.extend(b";received=");
        match address {
            IpAddr::V4(address) => text.dotted(address.octets()),
            IpAddr::V6(address) => text.extend(address.to_string().as_bytes()),
        }
    }
    let (port, received) = text.as_bytes().split_at(port_end);
    let (port, received) = (Piece::New(port), Piece::New(received));
    let rest = Piece::Kept(via.end..length);
    if via.received.is_none() {
        let (before, behind) = (Piece::Kept(0..insert_at), Piece::Kept(insert_at..via.end));
        return draft.rewrite(row, &[before, port, behind, received, rest]);
    }
    let ((a, b), (c, d)) = (kept(0, insert_at), kept(insert_at, via.end));
    draft.rewrite(row, &[a, b, port, c, d, received, rest]);
}

/// A short text, on the stack.
struct Text {
    bytes: [u8; Text::BYTES_MAX],
    length: usize,
}

impl Text {
    /// Room for `=`, a port, `;received=` and the longest address.
    const BYTES_MAX: usize = 64;

    fn new() -> Text {
        Text {
            bytes: [0; Text::BYTES_MAX],
            length: 0,
        }
    }

    /// What finds no room is left out.
    fn extend(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.length..self.length + bytes.len());
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(room) = self.bytes.get_mut(self.length) {
            *room = byte;
            self.length += 1;
        }
    }

    fn dotted(&mut self, octets: [u8; 4]) {
        for (place, octet) in octets.into_iter().enumerate() {
            if place > 0 {
                self.byte(b'.');
            }
            self.number(u32::from(octet));
        }
    }

    /// A decimal number without the machinery of formatting: this is written into every request.
    fn number(&mut self, number: u32) {
        let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
        let mut left = number;
        if let Some(room) = self.bytes.get_mut(self.length..self.length + digits) {
            for place in room.iter_mut().rev() {
                *place = b'0' + (left % 10) as u8;
                left /= 10;
            }
            self.length += digits;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Takes the top Via off; `end` is where it ends in its row.
pub fn pop_via(draft: &mut Draft, end: usize) {
    match draft.first_at(Name::Via) {
        Some((row, value)) if value.len() <= end => draft.remove_row(row),
        _ => pop_first(draft, Name::Via),
    }
}

/// Takes the first value off the first row of a list header.
pub fn pop_first(draft: &mut Draft, name: Name) {
    let Some((row, value)) = draft.first_at(name) else {
        return;
    };
    let mut values = list::values(value);
    let length = value.len();
    // Most rows hold one value, and no comma tells it at once.
    let second = find(b',', value).and_then(|_| values.nth(1));
    match second {
        None => draft.remove_row(row),
        Some(second) => draft.rewrite(row, &[Piece::Kept(second.start()..length)]),
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
