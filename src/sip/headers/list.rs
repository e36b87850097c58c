//! One header value that holds a comma-separated list: where each of its values stands.

use super::Span;
use super::grammar::{is_lws, quoted_end, trim_span};
use crate::sip::scan::{find, separator};

/// The values of a list header, in order: split at commas outside quoted strings and angle brackets, trimmed.
///
/// Empty values are passed over. After a quote or bracket that is never closed the rest is one value, so that no text
/// within it can pass for a value of its own.
//= MSG-010
pub fn values(value: &[u8]) -> Values<'_> {
    Values { value, at: 0 }
}

/// Iterator of [`values`].
#[derive(Clone)]
pub struct Values<'a> {
    value: &'a [u8],
    at: usize,
}

impl Iterator for Values<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.at < self.value.len() {
            let start = self.at;
            let end = value_end(self.value, start);
            self.at = end + 1;
            let span = trim_span(self.value, Span::new(start, end));
            if !span.is_empty() {
                return Some(span);
            }
        }
        None
    }
}

/// The place of the comma that ends the value beginning at `at`, or the end of the row.
fn value_end(value: &[u8], mut at: usize) -> usize {
    loop {
        at = separator(value, at);
        match value.get(at) {
            Some(b'"') => match quoted_end(value, at) {
                Some(end) => at = end,
                None => return value.len(),
            },
            Some(b'<') => match find(b'>', &value[at..]) {
                Some(length) => at += length + 1,
                None => return value.len(),
            },
            _ => return at.min(value.len()),
        }
    }
}

/// What to take out of a row so that the value at `span` goes and the others stay a list: the value with one comma beside it.
pub fn removal(value: &[u8], span: Span) -> Span {
    let mut end = span.end();
    while end < value.len() && is_lws(value[end]) {
        end += 1;
    }
    if end < value.len() && value[end] == b',' {
        // The white space after the comma goes too, so that what follows stands where the value stood.
        end += 1;
        while end < value.len() && is_lws(value[end]) {
            end += 1;
        }
        return Span::new(span.start(), end);
    }
    let mut start = span.start();
    while start > 0 && is_lws(value[start - 1]) {
        start -= 1;
    }
    if start > 0 && value[start - 1] == b',' {
        return Span::new(start - 1, span.end());
    }
    span
}

/// What stands between separators outside quotes, as written; of an open quote, the rest.
pub fn pieces(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut at = 0;
        while at < text.len() && text[at] != separator {
            at = match text[at] {
                b'"' => quoted_end(text, at).unwrap_or(text.len()),
                _ => at + 1,
            };
        }
        rest = text.get(at + 1..);
        Some(&text[..at.min(text.len())])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(row: &[u8]) -> Vec<&[u8]> {
        values(row).map(|span| span.of(row)).collect()
    }

    //= MSG-010 type=test
    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        assert_eq!(
            split(b"\"a, <sip:b@x>\" <sip:c,d@x>;p=\"1,2\" ,\r\n <tel:+1>"),
            [&b"\"a, <sip:b@x>\" <sip:c,d@x>;p=\"1,2\""[..], b"<tel:+1>"]
        );
        assert_eq!(split(b" , a ,, b,"), [&b"a"[..], b"b"]);
        assert_eq!(split(b""), Vec::<&[u8]>::new());
    }

    #[test]
    fn the_rest_after_an_open_quote_or_bracket_is_one_value() {
        assert_eq!(split(b"a, \"b, <sip:c@x>"), [&b"a"[..], b"\"b, <sip:c@x>"]);
        assert_eq!(split(b"<sip:a@x, <sip:b@x"), [&b"<sip:a@x, <sip:b@x"[..]]);
    }

    #[test]
    fn a_removed_value_leaves_a_list() {
        let row = b"<sip:a>, <sip:b> ,<sip:c>";
        let kept: Vec<Vec<u8>> = values(row)
            .map(|span| {
                let gone = removal(row, span);
                [&row[..gone.start()], &row[gone.end()..]].concat()
            })
            .collect();
        assert_eq!(
            kept,
            [
                b"<sip:b> ,<sip:c>".to_vec(),
                b"<sip:a>, <sip:c>".to_vec(),
                b"<sip:a>, <sip:b> ".to_vec()
            ]
        );
    }

    proptest! {
        #[test]
        fn values_come_in_order_and_hold_all_but_separators(row in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut at = 0;
            for span in values(&row) {
                prop_assert!(span.start() >= at && span.end() > span.start() && span.end() <= row.len());
                prop_assert!(row[at..span.start()].iter().all(|byte| is_lws(*byte) || *byte == b','));
                at = span.end();
            }
            prop_assert!(row[at..].iter().all(|byte| is_lws(*byte) || *byte == b','));
        }
    }
}
