//! A Call-ID and the token that stands for it on the other side of a dialog.
//!
//! The same Call-ID gives the same token on every node with the same keys, and the token alone gives it back. Does not know
//! which dialogs have one: `privacy` decides that, and a dialog remembers it.

use crate::seal::{Keys, Purpose};
use crate::sip::{Draft, Name};

/// Marks our tokens. Legal in a Call-ID, and told from a sealed text, which holds no dot.
pub(super) const MARK: &[u8] = b"svc.";

/// Bytes of a Call-ID that is hidden at most. A longer one would make a small message too large for a datagram.
pub const HIDDEN_BYTES_MAX: usize = 255;

/// The token of a Call-ID under the key generation of this id. `None`: that key is not held, or the Call-ID is longer than
/// [`HIDDEN_BYTES_MAX`].
//= PRIV-142
pub fn hide(keys: &Keys, generation: u8, call_id: &[u8]) -> Option<Vec<u8>> {
    if call_id.len() > HIDDEN_BYTES_MAX {
        return None;
    }
    let token = keys.seal_alike(Purpose::CallId, generation, call_id)?;
    Some([MARK, &token].concat())
}

/// The Call-ID behind a token of ours. `None` for everything else, at the price of a comparison.
//= PRIV-142
pub fn open(keys: &Keys, value: &[u8]) -> Option<Vec<u8>> {
    let token = value.strip_prefix(MARK)?;
    keys.open(Purpose::CallId, &[], token).ok()
}

/// Shows another Call-ID in a message. Gives the one that stood there.
pub fn show(draft: &mut Draft, call_id: &[u8]) -> Option<Vec<u8>> {
    let (row, before) = draft.first_at(Name::CallId)?;
    let before = before.to_vec();
    draft.set(row, &[call_id]);
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[u8]) -> Keys {
        let secrets: Vec<_> = ids.iter().map(|id| (*id, [*id; 32])).collect();
        Keys::new(&secrets, "T-home1", 7).unwrap()
    }

    //= PRIV-142 type=test
    #[test]
    fn a_token_is_a_legal_call_id_and_opens_to_the_one_behind_it() {
        let token = hide(&keys(&[1]), 1, b"a@10.0.0.7").unwrap();
        assert!(
            token
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
        );
        assert_eq!(open(&keys(&[2, 1]), &token).as_deref(), Some(&b"a@10.0.0.7"[..]));
        assert_eq!(open(&keys(&[2]), &token), None);
        let lower = token.to_ascii_lowercase();
        assert_eq!(open(&keys(&[1]), &lower), None);
    }

    #[test]
    fn what_is_no_token_of_ours_does_not_open() {
        let token = hide(&keys(&[1]), 1, b"a").unwrap();
        for value in [&b"a@b"[..], b"", b"svc.", b"svc.AAAA", &token[MARK.len()..]] {
            assert_eq!(open(&keys(&[1]), value), None);
        }
        let long = [MARK, &[b'A'; 10_000]].concat();
        assert_eq!(open(&keys(&[1]), &long), None);
    }

    #[test]
    fn a_call_id_is_hidden_up_to_its_maximum() {
        let long = [b'a'; HIDDEN_BYTES_MAX + 1];
        let token = hide(&keys(&[1]), 1, &long[1..]).unwrap();
        assert_eq!(open(&keys(&[1]), &token).as_deref(), Some(&long[1..]));
        assert_eq!(hide(&keys(&[1]), 1, &long), None);
    }
}
