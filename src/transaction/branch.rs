//! How a response finds the request this node sent.

use super::key::MAGIC_COOKIE;
use crate::sip::scan::find_from;

/// The branch of a request this node sends: it says where its client transaction is, so a response needs no search.
///
/// A CANCEL has the branch of its INVITE; their responses are told apart by the method in CSeq (RFC 3261 section 17.1.3).
/// On the wire `z9hG4bK` and 33 digits of base32 in lower case: 7 for the slot, 13 for the nonce, 13 for the loop part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientBranch {
    /// Where the client transaction is.
    pub slot: u32,
    /// Tells this use of the slot from every other, and cannot be guessed.
    pub nonce: u64,
    /// Equal in two branches when the request came back unchanged (RFC 5393 section 4.2).
    //= PROXY-004
    pub loop_part: u64,
}

impl ClientBranch {
    /// Bytes on the wire.
    pub const LENGTH: usize = MAGIC_COOKIE.len() + Self::SLOT_DIGITS + 2 * Self::WORD_DIGITS;

    const SLOT_DIGITS: usize = 7;
    const WORD_DIGITS: usize = 13;

    /// Appends the branch as written in a Via.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }

    /// The branch as written in a Via.
    pub fn text(&self) -> [u8; Self::LENGTH] {
        let mut text = [0; Self::LENGTH];
        let (cookie, digits) = text.split_at_mut(MAGIC_COOKIE.len());
        cookie.copy_from_slice(MAGIC_COOKIE);
        let (slot, words) = digits.split_at_mut(Self::SLOT_DIGITS);
        let (nonce, loop_part) = words.split_at_mut(Self::WORD_DIGITS);
        write_base32(self.slot.into(), slot);
        write_base32(self.nonce, nonce);
        write_base32(self.loop_part, loop_part);
        text
    }

    /// Whether a text holds something of the shape of a branch of ours; cheaper than reading every value in it.
    pub fn stands_in(text: &[u8]) -> bool {
        let mut at = find_from(MAGIC_COOKIE[0], text, 0);
        while at < text.len() {
            if text[at..].starts_with(MAGIC_COOKIE) {
                let digits = text.get(at + MAGIC_COOKIE.len()..at + Self::LENGTH);
                if digits.is_some_and(|digits| digits.iter().all(|digit| DIGITS[usize::from(*digit)] < 32)) {
                    return true;
                }
            }
            at = find_from(MAGIC_COOKIE[0], text, at + 1);
        }
        false
    }

    /// Reads exactly what `write` writes, and nothing else.
    pub fn parse(branch: &[u8]) -> Option<ClientBranch> {
        let digits = branch.strip_prefix(MAGIC_COOKIE)?;
        let (slot, words) = digits.split_at_checked(Self::SLOT_DIGITS)?;
        let (nonce, loop_part) = words.split_at_checked(Self::WORD_DIGITS)?;
        if loop_part.len() != Self::WORD_DIGITS {
            return None;
        }
        Some(ClientBranch {
            slot: u32::try_from(parse_base32(slot)?).ok()?,
            nonce: parse_base32(nonce)?,
            loop_part: parse_base32(loop_part)?,
        })
    }
}

/// The alphabet of RFC 4648 section 6 in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Most significant digit first; fills all of it.
fn write_base32(value: u64, digits: &mut [u8]) {
    let mut left = value;
    for digit in digits.iter_mut().rev() {
        *digit = BASE32[(left % 32) as usize];
        left /= 32;
    }
}

/// What each byte counts as a digit; no more than 31 where it is one.
static DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < BASE32.len() {
        digits[BASE32[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// `None` for any other byte and for more than 64 bits.
fn parse_base32(digits: &[u8]) -> Option<u64> {
    let (mut value, mut lost, mut all) = (0u64, 0, 0);
    for digit in digits {
        let low = DIGITS[usize::from(*digit)];
        // Bits that are pushed out at the top, and those that no digit has: looked at once, behind the loop.
        (lost, all) = (lost | value >> 59, all | low);
        value = value << 5 | u64::from(low & 31);
    }
    (lost == 0 && all < 32).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_branch_reads_back_and_nothing_else_does(slot: u32, nonce: u64, loop_part: u64, at in 0usize..40, byte: u8) {
            let branch = ClientBranch { slot, nonce, loop_part };
            let mut text = Vec::new();
            branch.write(&mut text);
            prop_assert_eq!(text.len(), ClientBranch::LENGTH);
            prop_assert_eq!(ClientBranch::parse(&text), Some(branch));

            text[at] = byte;
            if let Some(read) = ClientBranch::parse(&text) {
                let mut again = Vec::new();
                read.write(&mut again);
                prop_assert_eq!(again, text);
            }
        }

        #[test]
        fn any_bytes_are_a_branch_only_in_our_form(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(ClientBranch::parse(&text), None);
        }
    }

    #[test]
    fn a_branch_of_another_form_is_not_ours() {
        let branch = ClientBranch {
            slot: u32::MAX,
            nonce: u64::MAX,
            loop_part: 0,
        };
        let mut text = Vec::new();
        branch.write(&mut text);
        assert_eq!(text, b"z9hG4bKd777777p777777777777aaaaaaaaaaaaa");
        assert_eq!(ClientBranch::parse(&text[..39]), None);
        assert_eq!(ClientBranch::parse(&[&text[..], b"a"].concat()), None);
        assert_eq!(ClientBranch::parse(&text.to_ascii_uppercase()), None);
        assert_eq!(ClientBranch::parse(b"z9hG4bK"), None);
        // One more than fits into the slot, and into the nonce.
        assert_eq!(ClientBranch::parse(b"z9hG4bKeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), None);
        assert_eq!(ClientBranch::parse(b"z9hG4bKaaaaaaaqaaaaaaaaaaaaaaaaaaaaaaaaa"), None);
    }

    //= PROXY-004 type=test
    #[test]
    fn the_loop_part_is_compared_alone() {
        let sent = ClientBranch {
            slot: 1,
            nonce: 2,
            loop_part: 3,
        };
        let mut text = Vec::new();
        sent.write(&mut text);
        let seen = ClientBranch::parse(&text).unwrap();
        assert_eq!(
            seen.loop_part,
            ClientBranch {
                slot: 9,
                nonce: 9,
                loop_part: 3
            }
            .loop_part
        );
        assert_ne!(
            seen.loop_part,
            ClientBranch {
                slot: 1,
                nonce: 2,
                loop_part: 4
            }
            .loop_part
        );
    }
}
