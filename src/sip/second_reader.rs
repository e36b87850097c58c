//! An independent reader of SIP: what somebody else's parser finds in a message.
//!
//! For `explain`, `replay`, `audit` and the properties, never on the proxy's path: it refuses much that is valid (IPv6
//! references, folds, compact forms), prints messages anew, and takes a `<` within a quoted name for the start of the
//! address. A message it refuses is not compared, which is no fault.

use std::fmt;

use rsip::Header;
use rsip::message::{HasHeaders, HeadersExt};

/// Bytes of a message that is read; a longer one is not compared.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Header rows of a message that is read, one a line; one with more is not compared.
pub const ROWS_MAX: usize = 512;

/// The identities the other reader finds. Texts are its own, in its spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// The URI of From; `None` if it has no From it understands.
    pub from_uri: Option<String>,
    /// The display name of From, with its quotes if it keeps them.
    pub from_display: Option<String>,
    /// The URI of To; `None` if it has no To it understands.
    pub to_uri: Option<String>,
    /// The URI of each Contact row, `None` for one it does not understand.
    pub contact_uris: Vec<Option<String>>,
    /// Each P-Asserted-Identity row, whole.
    pub asserted: Vec<String>,
    /// Each P-Preferred-Identity row, whole.
    pub preferred: Vec<String>,
    /// Each Privacy row, whole.
    pub privacy: Vec<String>,
}

/// What the other reader finds in a message; `None` when it refuses it or the message is larger than it is trusted with.
pub fn identities(bytes: &[u8]) -> Option<Seen> {
    if bytes.len() > MESSAGE_BYTES_MAX || memchr::memchr_iter(b'\n', head(bytes)).count() > ROWS_MAX {
        return None;
    }
    let message = rsip::SipMessage::try_from(bytes).ok()?;
    let from = message.from_header().ok();
    let rows_named = |name: &str| {
        message
            .headers()
            .iter()
            .filter_map(|header| match header {
                Header::Other(other, value) if other.trim().eq_ignore_ascii_case(name) => Some(value.clone()),
                _ => None,
            })
            .collect()
    };
    Some(Seen {
        from_uri: from.and_then(|from| from.uri().ok()).map(|uri| uri.to_string()),
        from_display: from.and_then(|from| from.display_name().ok()).flatten(),
        to_uri: message
            .to_header()
            .ok()
            .and_then(|to| to.uri().ok())
            .map(|uri| uri.to_string()),
        contact_uris: message
            .headers()
            .iter()
            .filter_map(|header| match header {
                Header::Contact(contact) => Some(contact.uri().ok().map(|uri| uri.to_string())),
                _ => None,
            })
            .collect(),
        asserted: rows_named("P-Asserted-Identity"),
        preferred: rows_named("P-Preferred-Identity"),
        privacy: rows_named("Privacy"),
    })
}

/// Start line and header block, as far as there is an empty line.
fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len())]
}

impl fmt::Debug for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Seen")
            .field("contacts", &self.contact_uris.len())
            .field("asserted", &self.asserted.len())
            .field("privacy", &self.privacy.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sip::headers::NameAddr;

    fn message(from: &str, rows: &str) -> Vec<u8> {
        format!(
            "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a.example.com;branch=z9hG4bK1\r\n\
             From: {from}\r\nTo: <sip:bob@example.com>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n{rows}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn it_sees_every_identity() {
        let seen = identities(&message(
            "\"Alice\" <sip:alice@example.com>;tag=1",
            "p-asserted-identity: <sip:a@x>, <tel:+1>\r\nP-Asserted-Identity: <sip:b@x>\r\n\
             P-Preferred-Identity: <sip:c@x>\r\nPRIVACY: id;critical\r\nContact: <sip:alice@a.example.com>\r\n",
        ))
        .unwrap();
        assert_eq!(seen.from_uri.as_deref(), Some("sip:alice@example.com"));
        assert!(seen.from_display.unwrap().contains("Alice"));
        assert_eq!(seen.to_uri.as_deref(), Some("sip:bob@example.com"));
        assert_eq!(seen.contact_uris, [Some("sip:alice@a.example.com".to_owned())]);
        assert_eq!(seen.asserted, ["<sip:a@x>, <tel:+1>", "<sip:b@x>"]);
        assert_eq!(seen.preferred, ["<sip:c@x>"]);
        assert_eq!(seen.privacy, ["id;critical"]);
    }

    #[test]
    fn what_it_refuses_or_is_too_large_is_not_compared() {
        assert_eq!(identities(b""), None);
        let mut not_utf8 = message("<sip:a@x>", "X: ?\r\n");
        assert!(identities(&not_utf8).is_some());
        let place = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
        not_utf8[place] = 0xff;
        assert_eq!(identities(&not_utf8), None);
        let rows = |count: usize| "X: 1\r\n".repeat(count);
        let others = head(&message("<sip:a@x>", ""))
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert!(identities(&message("<sip:a@x>", &rows(ROWS_MAX - others))).is_some());
        assert!(identities(&message("<sip:a@x>", &rows(ROWS_MAX - others + 1))).is_none());
        let of_length = |length: usize| {
            let mut bytes = message("<sip:a@x>", "");
            bytes.resize(length, b'b');
            identities(&bytes)
        };
        assert!(of_length(MESSAGE_BYTES_MAX).is_some() && of_length(MESSAGE_BYTES_MAX + 1).is_none());
    }

    proptest! {
        #[test]
        fn both_readers_take_the_same_address(
            display in "(\"[a-z @:;]{0,20}\" )?",
            uri in "sip:[a-z]{1,8}@[a-z]{1,8}\\.example",
            params in "(;tag=[a-z0-9]{1,5})?",
        ) {
            let from = format!("{display}<{uri}>{params}");
            let ours = NameAddr::parse(from.as_bytes()).unwrap();
            if let Some(theirs) = identities(&message(&from, "")).and_then(|seen| seen.from_uri) {
                prop_assert_eq!(theirs.as_bytes(), ours.uri_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = identities(&bytes);
        }

        #[test]
        fn broken_messages_are_read_or_refused(at in 0usize..220, byte in any::<u8>()) {
            let mut bytes = message("\"Alice\" <sip:alice@example.com>;tag=1", "Contact: <sip:a@x;lr>;q=1\r\n");
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = identities(&bytes);
        }
    }
}
