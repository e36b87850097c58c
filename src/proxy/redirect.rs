//! The Contacts of a redirection, as places to try: RFC 3261 section 16.7 item 4 and section 8.1.3.4.

use crate::sip::draft::Row;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Scheme, Uri};
use crate::sip::{Draft, Name};

/// One Contact that a request can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub uri: Vec<u8>,
    /// Thousandths; those of one value stand beside each other.
    pub q: u16,
    row: Row,
    /// Which value of its row.
    at: usize,
}

/// Whether a status says that the request belongs elsewhere. A 305 names a proxy, a 380 another service.
pub fn redirects(status: u16) -> bool {
    matches!(status, 300..=302)
}

/// The Contacts to which a request may go, best first. One that a `sips` request must not go to, or that would write header
/// fields of its own into the request, is none.
//= PROXY-025
pub fn places(response: &Draft, is_secure: bool) -> Vec<Place> {
    let mut places = Vec::new();
    for (row, value) in response.rows_at(Name::Contact) {
        for (at, span) in list::values(value).enumerate() {
            let Ok(contact) = NameAddr::parse(span.of(value)) else {
                continue;
            };
            let fits = contact.uri().is_ok_and(|uri: Uri<'_>| match uri.scheme() {
                Scheme::Sips => true,
                Scheme::Sip => !is_secure,
                Scheme::Tel | Scheme::Urn | Scheme::Other => false,
            });
            if !fits || contact.uri_bytes().contains(&b'?') {
                continue;
            }
            places.push(Place {
                uri: contact.uri_bytes().to_vec(),
                q: q(&contact),
                row,
                at,
            });
        }
    }
    places.sort_by_key(|place| std::cmp::Reverse(place.q));
    places
}

/// The preference of a Contact in thousandths; without one, or one that cannot be read, it is wanted as much as any.
fn q(contact: &NameAddr<'_>) -> u16 {
    let written = contact.params().find(b"q").and_then(|q| q.value);
    let number = written.and_then(|q| std::str::from_utf8(q).ok()?.trim().parse::<f32>().ok());
    let number = number.filter(|q| (0.0..=1.0).contains(q));
    number.map_or(1000, |q| (q * 1000.0).round() as u16)
}

/// Takes the places that are tried out of the response. Gives whether a Contact is left.
//= PROXY-025
pub fn take_out(response: &mut Draft, tried: &[Place]) -> bool {
    let rows: Vec<(Row, Vec<u8>)> = response
        .rows_at(Name::Contact)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    // From the last to the first: a row that goes moves those behind it.
    for (row, value) in rows.iter().rev() {
        let left: Vec<&[u8]> = list::values(value)
            .enumerate()
            .filter(|(at, _)| !tried.iter().any(|place| place.row == *row && place.at == *at))
            .map(|(_, span)| span.of(value))
            .collect();
        match left.is_empty() {
            true => response.remove_row(*row),
            false => response.set(*row, &[&left.join(&b", "[..])]),
        }
    }
    response.has(Name::Contact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::{Carrier, ParseLimits, parse};

    fn response(contacts: &str) -> Draft {
        let text = format!("SIP/2.0 302 Moved\r\n{contacts}Content-Length: 0\r\n\r\n");
        let limits = ParseLimits {
            start_line_bytes_max: 1000,
            header_bytes_max: 1000,
            header_block_bytes_max: 10_000,
            header_rows_max: 100,
            body_bytes_max: 0,
        };
        match parse(text.into_bytes().into(), Carrier::Datagram, &limits) {
            Ok(message) => Draft::from(message),
            Err(_) => panic!("unreadable"),
        }
    }

    //= PROXY-025 type=test
    #[test]
    fn the_places_of_a_redirection_best_first() {
        let mut draft = response(
            "Contact: <sip:c@c.example>;q=0.2, <tel:+1555>;q=0.9\r\nm: \"A, B\" <sip:a@a.example>\r\n\
             Contact: <sip:x@x.example?Privacy=none>, <sips:b@b.example>;q=0.75, <sip:odd@o.example>;q=2\r\n",
        );
        let found = |is_secure| -> Vec<(String, u16)> {
            let places = places(&draft, is_secure).into_iter();
            places
                .map(|place| (String::from_utf8(place.uri).unwrap(), place.q))
                .collect()
        };
        let all = [
            ("sip:a@a.example", 1000),
            ("sip:odd@o.example", 1000),
            ("sips:b@b.example", 750),
            ("sip:c@c.example", 200),
        ];
        assert_eq!(found(false), all.map(|(uri, q)| (uri.to_owned(), q)));
        assert_eq!(found(true), [("sips:b@b.example".to_owned(), 750)]);
        let tried = places(&draft, false);
        assert!(take_out(&mut draft, &tried[..3]));
        let left: Vec<&[u8]> = draft.rows(Name::Contact).collect();
        assert_eq!(
            left,
            [
                &b"<sip:c@c.example>;q=0.2, <tel:+1555>;q=0.9"[..],
                b"<sip:x@x.example?Privacy=none>"
            ]
        );
        let mut draft = response("Contact: <sip:c@c.example>\r\n");
        let tried = places(&draft, false);
        assert!(!take_out(&mut draft, &tried));
    }
}
