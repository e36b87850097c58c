//! What another parser reads in the message that leaves.

use serde::Serialize;

use super::screen::{printable, sealed};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::second_reader::{Seen, identities};
use crate::sip::{Message, Name};

/// Agreement, or what the two read.
#[derive(Debug, Serialize)]
#[serde(tag = "compared", rename_all = "lowercase")]
pub(super) enum Reading {
    Same,
    Different {
        at: Vec<Difference>,
    },
    /// It refuses the message.
    Not,
}

#[derive(Debug, Serialize)]
pub(super) struct Difference {
    header: &'static str,
    we_read: String,
    it_reads: String,
}

/// Reads the message with the other parser and compares who it says is who.
pub(super) fn compare(message: &Message) -> Reading {
    let Some(seen) = identities(message.bytes()) else {
        return Reading::Not;
    };
    let at: Vec<Difference> = pairs(message, &seen)
        .into_iter()
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(header, ours, theirs)| Difference {
            header,
            we_read: sealed(&ours.join(", ")),
            it_reads: sealed(&theirs.join(", ")),
        })
        .collect();
    match at.is_empty() {
        true => Reading::Same,
        false => Reading::Different { at },
    }
}

fn pairs(message: &Message, seen: &Seen) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let one = |uri: &Option<String>| uri.iter().cloned().collect();
    let rows = |name| message.rows(name).map(printable).collect();
    vec![
        ("From", uris(message, Name::From), one(&seen.from_uri)),
        ("To", uris(message, Name::To), one(&seen.to_uri)),
        (
            "P-Asserted-Identity",
            rows(Name::PAssertedIdentity),
            seen.asserted.clone(),
        ),
        (
            "P-Preferred-Identity",
            rows(Name::PPreferredIdentity),
            seen.preferred.clone(),
        ),
        ("Privacy", rows(Name::Privacy), seen.privacy.clone()),
    ]
}

fn uris(message: &Message, name: Name) -> Vec<String> {
    let rows = message.rows(name);
    rows.flat_map(|row| list::values(row).map(|span| span.of(row)))
        .filter_map(|value| Some(printable(NameAddr::parse(value).ok()?.uri_bytes())))
        .collect()
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: we read {}, it reads {}",
            self.header, self.we_read, self.it_reads
        )
    }
}
