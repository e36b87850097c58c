//! P-Asserted-Identity and P-Preferred-Identity: the identities that all rows of a message name.

use std::fmt;

use super::list::values;
use super::{NameAddr, Span};
use crate::sip::uri::{Scheme, Uri};

/// One value of one row.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Which of the rows handed in, counted from 0.
    pub row: usize,
    /// The value in its row, without white space around it.
    pub span: Span,
    /// The URI in its row; empty when the value cannot be read.
    pub uri_span: Span,
    /// The URI; `None` when the value cannot be read.
    pub uri: Option<Uri<'a>>,
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity")
            .field("row", &self.row)
            .field("span", &self.span)
            .field("uri", &self.uri)
            .finish()
    }
}

/// Whether a value may be forwarded beside those before it.
//= PAI-008
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first sip or sips URI, or the first tel URI.
    First,
    /// A second sip, sips or tel URI, or sip after sips, or the other way round.
    Second,
    /// A scheme that asserts nothing.
    ForeignScheme,
    /// No name-addr, or no URI: what becomes of it depends on where it goes.
    //= MSG-013
    Unreadable,
}

/// All values of all rows, in order.
//= MSG-010
pub fn identities<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = Identity<'a>> {
    rows.into_iter()
        .enumerate()
        .flat_map(|(row, value)| values(value).map(move |span| identity(row, value, span)))
}

/// All values of all rows, in order, each with what becomes of it.
//= PAI-008
pub fn judged<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = (Identity<'a>, Verdict)> {
    let mut sip_seen = false;
    let mut tel_seen = false;
    identities(rows).map(move |identity| {
        let seen = match identity.uri.map(|uri| uri.scheme()) {
            Some(Scheme::Sip | Scheme::Sips) => &mut sip_seen,
            Some(Scheme::Tel) => &mut tel_seen,
            Some(Scheme::Urn | Scheme::Other) => return (identity, Verdict::ForeignScheme),
            None => return (identity, Verdict::Unreadable),
        };
        let verdict = if std::mem::replace(seen, true) {
            Verdict::Second
        } else {
            Verdict::First
        };
        (identity, verdict)
    })
}

fn identity<'a>(row: usize, value: &'a [u8], span: Span) -> Identity<'a> {
    let parsed = NameAddr::parse(span.of(value)).and_then(|name_addr| Ok((name_addr, name_addr.uri()?)));
    let (uri_span, uri) = match parsed {
        Ok((name_addr, uri)) => {
            let within = name_addr.uri_span();
            let uri_span = Span::new(span.start() + within.start(), span.start() + within.end());
            (uri_span, Some(uri))
        }
        Err(_) => (Span::new(span.start(), span.start()), None),
    };
    Identity {
        row,
        span,
        uri_span,
        uri,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Verdict::*;
    use super::*;

    fn verdicts(rows: &[&[u8]]) -> Vec<Verdict> {
        judged(rows.iter().copied()).map(|(_, verdict)| verdict).collect()
    }

    //= PAI-008 type=test
    #[test]
    fn the_first_sip_and_the_first_tel_survive() {
        assert_eq!(
            verdicts(&[b"<sip:a>,<sip:b>,<tel:+1>,<sips:c>"]),
            [First, Second, First, Second]
        );
        assert_eq!(
            verdicts(&[b"<sips:c@x>", b"<mailto:a@x>, \"T\" <tel:+1>", b"<sip:a@x>,tel:+2"]),
            [First, ForeignScheme, First, Second, Second]
        );
    }

    //= MSG-013 type=test
    #[test]
    fn an_unreadable_value_is_one_value_and_no_first() {
        assert_eq!(verdicts(&[b"<sip:broken, <sip:a@x", b"<sip:a@x>"]), [Unreadable, First]);
        assert_eq!(verdicts(&[b"<sip:a@x@y>", b"", b"*"]), [Unreadable, Unreadable]);
    }

    //= MSG-010 type=test
    #[test]
    fn spans_count_from_the_row() {
        let rows = [&b" \"a <sip:evil@x>\" <sip:a@x>;p ,\r\n <tel:+1> "[..], b"sip:b@x"];
        let seen: Vec<_> = identities(rows)
            .map(|identity| {
                let row = rows[identity.row];
                (identity.span.of(row), identity.uri_span.of(row))
            })
            .collect();
        assert_eq!(
            seen,
            [
                (&b"\"a <sip:evil@x>\" <sip:a@x>;p"[..], &b"sip:a@x"[..]),
                (b"<tel:+1>", b"tel:+1"),
                (b"sip:b@x", b"sip:b@x")
            ]
        );
    }

    proptest! {
        #[test]
        fn at_most_two_survive(row in "[<>\", :@a;+1]{0,10}((<sip:a@x>|<sips:b@x>|<tel:\\+1>|<x:y>)[,; \"<]{0,2}){0,6}") {
            prop_assert!(judged([row.as_bytes()]).filter(|(_, verdict)| *verdict == First).count() <= 2);
        }
    }
}
