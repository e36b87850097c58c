//! What makes two requests one transaction.

use std::fmt;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;

use crate::sip::Method;

/// What a branch of RFC 3261 begins with. A token, so any case of it is the cookie of a peer.
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// Names a server transaction. Equal keys: the same transaction.
///
/// With the magic cookie: branch, sent-by and method (RFC 3261 section 17.2.3). Without: the parts RFC 2543 compares,
/// byte for byte, since a peer that sends a request again sends the same bytes. ACK counts as INVITE; a CANCEL has a key
/// of its own. Requests with a flow never match requests without, or with another.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// One byte of flags and then all parts in a fixed order, each of fixed length or after its length.
    bytes: SmallVec<[u8; 88]>,
}

/// What a key is made of, as received.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    pub method: &'a [u8],
    /// `branch` of the top Via, if it has one.
    pub branch: Option<&'a [u8]>,
    pub sent_by_host: &'a [u8],
    /// As written: a peer that leaves the port out leaves it out each time.
    pub sent_by_port: Option<u16>,
    /// Where the request came from, when only that origin may speak of the transaction; `None` for trusted origins.
    pub flow: Option<u64>,
}

/// What a key is made of when the branch has no magic cookie, as received.
#[derive(Clone, Copy)]
pub struct Rfc2543Parts<'a> {
    pub request_uri: &'a [u8],
    pub to_tag: Option<&'a [u8]>,
    pub from_tag: Option<&'a [u8]>,
    pub call_id: &'a [u8],
    pub cseq: u32,
    /// The whole first Via value.
    pub top_via: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The sender sees a 400, sent without a transaction.
    #[error("the branch is the magic cookie and nothing else")]
    BareCookie,
}

impl ServerKey {
    /// The transaction this request belongs to or begins. `rfc2543` is asked only when the branch has no magic cookie.
    //= TXN-005
    pub fn of<'a>(parts: &RequestParts<'_>, rfc2543: impl FnOnce() -> Rfc2543Parts<'a>) -> Result<ServerKey, KeyError> {
        let method = match Method::from_bytes(parts.method) {
            Method::Ack => Method::Invite,
            method => method,
        };
        ServerKey::with_method(method, parts, rfc2543)
    }

    /// The INVITE that a CANCEL with these parts wants to end.
    pub fn invite_of_cancel<'a>(
        parts: &RequestParts<'_>,
        rfc2543: impl FnOnce() -> Rfc2543Parts<'a>,
    ) -> Result<ServerKey, KeyError> {
        ServerKey::with_method(Method::Invite, parts, rfc2543)
    }

    fn with_method<'a>(
        method: Method,
        parts: &RequestParts<'_>,
        rfc2543: impl FnOnce() -> Rfc2543Parts<'a>,
    ) -> Result<ServerKey, KeyError> {
        let mut key = ServerKey { bytes: SmallVec::new() };
        let after_cookie = parts.branch.and_then(after_cookie);
        //= MSG-008
        match after_cookie {
            Some(b"") => return Err(KeyError::BareCookie),
            Some(branch) => {
                key.begin(method, parts, [parts.sent_by_port.is_some(), false, false, false]);
                key.bytes
                    .extend_from_slice(&parts.sent_by_port.unwrap_or(0).to_le_bytes());
                key.push(branch);
                let host = key.push(parts.sent_by_host);
                key.bytes[host..].make_ascii_lowercase();
            }
            None => {
                let old = rfc2543();
                // An ACK carries the To tag of the response, which the INVITE did not have.
                let to_tag = old.to_tag.filter(|_| method != Method::Invite);
                key.begin(method, parts, [false, true, old.from_tag.is_some(), to_tag.is_some()]);
                key.bytes.extend_from_slice(&old.cseq.to_le_bytes());
                key.push(old.call_id);
                key.push(old.from_tag.unwrap_or_default());
                key.push(to_tag.unwrap_or_default());
                key.push(old.top_via);
                key.push(old.request_uri);
            }
        }
        Ok(key)
    }

    /// Flags, flow and method: the parts of every key.
    fn begin(&mut self, method: Method, parts: &RequestParts<'_>, flags: [bool; 4]) {
        let flags = flags
            .into_iter()
            .fold(u8::from(parts.flow.is_some()), |bits, flag| bits << 1 | u8::from(flag));
        let [a, b, c, d, e, f, g, h] = parts.flow.unwrap_or(0).to_le_bytes();
        self.bytes
            .extend_from_slice(&[flags, a, b, c, d, e, f, g, h, method as u8]);
        if method == Method::Other {
            self.push(parts.method);
        }
    }

    /// Adds a part after its length and tells where the part begins.
    fn push(&mut self, part: &[u8]) -> usize {
        match u8::try_from(part.len()) {
            Ok(length) if length < u8::MAX => self.bytes.push(length),
            _ => {
                self.bytes.push(u8::MAX);
                self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            }
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(part);
        begin
    }
}

impl Hash for ServerKey {
    /// In one piece, as each has its price: the bytes say themselves where each part ends.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.bytes);
    }
}

/// A key holds what a peer wrote: hosts and Call-IDs.
impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({} bytes)", self.bytes.len())
    }
}

/// The rest of a branch that begins with the magic cookie.
fn after_cookie(branch: &[u8]) -> Option<&[u8]> {
    let (cookie, rest) = branch.split_at_checked(MAGIC_COOKIE.len())?;
    (cookie == MAGIC_COOKIE || cookie.eq_ignore_ascii_case(MAGIC_COOKIE)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    const PARTS: RequestParts<'static> = RequestParts {
        method: b"INVITE",
        branch: Some(b"z9hG4bK776asdhds"),
        sent_by_host: b"pc33.example.com",
        sent_by_port: Some(5060),
        flow: None,
    };

    const OLD: Rfc2543Parts<'static> = Rfc2543Parts {
        request_uri: b"sip:b@example.net",
        to_tag: None,
        from_tag: Some(b"a1"),
        call_id: b"c1@example.com",
        cseq: 7,
        top_via: b"SIP/2.0/UDP pc33.example.com",
    };

    fn key(parts: RequestParts<'_>) -> ServerKey {
        ServerKey::of(&parts, || panic!("this branch has the cookie")).unwrap()
    }

    fn old_key(method: &[u8], old: Rfc2543Parts<'_>) -> ServerKey {
        let parts = RequestParts {
            method,
            branch: None,
            ..PARTS
        };
        ServerKey::of(&parts, || old).unwrap()
    }

    //= TXN-005 type=test
    #[test]
    fn branch_sent_by_method_and_flow_tell_transactions_apart() {
        let others = [
            PARTS,
            RequestParts {
                method: b"BYE",
                ..PARTS
            },
            RequestParts {
                method: b"CANCEL",
                ..PARTS
            },
            RequestParts {
                method: b"FOO",
                ..PARTS
            },
            RequestParts {
                method: b"BAR",
                ..PARTS
            },
            RequestParts {
                branch: Some(b"z9hG4bK776asdhdS"),
                ..PARTS
            },
            RequestParts {
                sent_by_host: b"pc34.example.com",
                ..PARTS
            },
            RequestParts {
                sent_by_port: Some(5061),
                ..PARTS
            },
            RequestParts {
                sent_by_port: Some(0),
                ..PARTS
            },
            RequestParts {
                sent_by_port: None,
                ..PARTS
            },
            RequestParts { flow: Some(0), ..PARTS },
            RequestParts { flow: Some(1), ..PARTS },
        ];
        let keys: HashSet<ServerKey> = others.into_iter().map(key).collect();
        assert_eq!(keys.len(), others.len());
    }

    //= TXN-005 type=test
    #[test]
    fn an_ack_finds_its_invite_and_a_cancel_both_itself_and_its_invite() {
        let mut table = HashMap::from([(key(PARTS), "invite")]);
        let ack = RequestParts {
            method: b"ACK",
            sent_by_host: b"PC33.Example.COM",
            ..PARTS
        };
        assert_eq!(table.get(&key(ack)), Some(&"invite"));

        let cancel = RequestParts {
            method: b"CANCEL",
            ..PARTS
        };
        table.insert(key(cancel), "cancel");
        assert_eq!(table.get(&key(cancel)), Some(&"cancel"));
        let invite = ServerKey::invite_of_cancel(&cancel, || OLD).unwrap();
        assert_eq!(table.get(&invite), Some(&"invite"));
    }

    //= TXN-005 type=test
    #[test]
    fn a_cancel_with_a_copied_branch_from_another_flow_finds_nothing() {
        let invite = key(RequestParts { flow: Some(1), ..PARTS });
        let cancel = |flow| {
            let parts = RequestParts {
                method: b"CANCEL",
                flow,
                ..PARTS
            };
            ServerKey::invite_of_cancel(&parts, || OLD).unwrap()
        };
        assert_eq!(cancel(Some(1)), invite);
        assert_ne!(cancel(Some(2)), invite);
        assert_ne!(cancel(None), invite);
    }

    //= MSG-008 type=test
    #[test]
    fn a_bare_cookie_in_any_case_is_refused() {
        for branch in [&b"z9hG4bK"[..], b"Z9HG4BK", b"z9hg4bk"] {
            let parts = RequestParts {
                branch: Some(branch),
                ..PARTS
            };
            assert_eq!(ServerKey::of(&parts, || OLD).unwrap_err(), KeyError::BareCookie);
            assert_eq!(
                ServerKey::invite_of_cancel(&parts, || OLD).unwrap_err(),
                KeyError::BareCookie
            );
        }
    }

    //= MSG-008 type=test
    #[test]
    fn a_branch_without_the_cookie_is_matched_as_by_rfc_2543() {
        for branch in [None, Some(&b""[..]), Some(b"1"), Some(b"z9hG4b"), Some(b"xz9hG4bKa")] {
            let parts = RequestParts { branch, ..PARTS };
            assert_eq!(ServerKey::of(&parts, || OLD).unwrap(), old_key(b"INVITE", OLD));
        }
    }

    //= TXN-005 type=test
    #[test]
    fn every_part_of_rfc_2543_tells_transactions_apart() {
        let others = [
            OLD,
            Rfc2543Parts {
                request_uri: b"sip:c@example.net",
                ..OLD
            },
            Rfc2543Parts {
                to_tag: Some(b"b1"),
                ..OLD
            },
            Rfc2543Parts {
                to_tag: Some(b""),
                ..OLD
            },
            Rfc2543Parts {
                from_tag: Some(b"a2"),
                ..OLD
            },
            Rfc2543Parts { from_tag: None, ..OLD },
            Rfc2543Parts {
                call_id: b"c2@example.com",
                ..OLD
            },
            Rfc2543Parts { cseq: 8, ..OLD },
            Rfc2543Parts {
                top_via: b"SIP/2.0/UDP pc34.example.com",
                ..OLD
            },
        ];
        let keys: HashSet<ServerKey> = others.into_iter().map(|old| old_key(b"BYE", old)).collect();
        assert_eq!(keys.len(), others.len());
        assert_ne!(old_key(b"BYE", OLD), old_key(b"INFO", OLD));
    }

    //= TXN-005 type=test
    #[test]
    fn an_old_ack_finds_its_invite_though_it_has_the_tag_of_the_response() {
        let ack = Rfc2543Parts {
            to_tag: Some(b"b1"),
            ..OLD
        };
        assert_eq!(old_key(b"ACK", ack), old_key(b"INVITE", OLD));
        let cancel = RequestParts {
            method: b"CANCEL",
            branch: None,
            ..PARTS
        };
        assert_eq!(
            ServerKey::invite_of_cancel(&cancel, || OLD).unwrap(),
            old_key(b"INVITE", OLD)
        );
    }

    #[test]
    fn a_usual_key_needs_no_allocation_and_debug_shows_nothing_of_it() {
        let usual = key(RequestParts {
            branch: Some(b"z9hG4bKPj2f8a7c7e-62a5-4b9c-8b42-1f0c8d1f4b9e"),
            sent_by_host: b"[2001:db8:1234:5678::1]",
            flow: Some(u64::MAX),
            ..PARTS
        });
        assert!(!usual.bytes.spilled());
        assert!(size_of::<ServerKey>() <= 96);
        assert_eq!(format!("{:?}", key(PARTS)), "ServerKey(39 bytes)");
    }

    #[test]
    fn long_parts_keep_their_borders() {
        let long = vec![b'x'; 70_000];
        for split in [0, 1, 254, 255, 256, 69_999] {
            let (call_id, from_tag) = long.split_at(split);
            let old = Rfc2543Parts {
                call_id,
                from_tag: Some(from_tag),
                ..OLD
            };
            let next = Rfc2543Parts {
                call_id: &long[..split + 1],
                from_tag: Some(&long[split + 1..]),
                ..OLD
            };
            assert_ne!(old_key(b"BYE", old), old_key(b"BYE", next));
        }
    }

    proptest! {
        #[test]
        fn keys_are_equal_only_when_all_parts_are(
            texts in proptest::collection::vec("[ab]{0,3}", 10),
            tags in any::<[bool; 4]>(),
            cseqs in (0u32..2, 0u32..2),
        ) {
            let old = |from: usize, cseq, to_tag: bool, from_tag: bool| Rfc2543Parts {
                request_uri: texts[from].as_bytes(),
                to_tag: to_tag.then_some(texts[from + 1].as_bytes()),
                from_tag: from_tag.then_some(texts[from + 2].as_bytes()),
                call_id: texts[from + 3].as_bytes(),
                cseq,
                top_via: texts[from + 4].as_bytes(),
            };
            let one = old(0, cseqs.0, tags[0], tags[1]);
            let two = old(5, cseqs.1, tags[2], tags[3]);
            let same = one.request_uri == two.request_uri
                && one.to_tag == two.to_tag
                && one.from_tag == two.from_tag
                && one.call_id == two.call_id
                && one.cseq == two.cseq
                && one.top_via == two.top_via;
            prop_assert_eq!(old_key(b"BYE", one) == old_key(b"BYE", two), same);
        }
    }
}
