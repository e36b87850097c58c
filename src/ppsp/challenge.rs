//! A challenge: which leaves of what a peer announced it has to show.
//!
//! The nonce alone decides, so that the peer has no say; who asks draws the nonce, and the same claim gets the same open challenge
//! again. Both are the tracker's to keep.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use super::layout::Layout;
use super::ranges::{self, PieceRange};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 16;
/// Leaves of one challenge at most.
pub const SAMPLES_MAX: usize = 16;
/// Draws at most. Sixteen of seventeen leaves are found in fewer, but for a chance below 2^-500.
const DRAWS_MAX: u32 = 4096;

/// What a challenge is made of. Used once.
pub type Nonce = [u8; NONCE_BYTES];

/// Leaves to show, in order, each once; at least one, and all inside the content.
//= P2P-116 type=exception reason=no content is announced while it grows: its manifest says how long it is
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    nonce: Nonce,
    leaves: Vec<u32>,
}

/// A claim that nothing can be asked of: no piece, or pieces out of order or outside the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the announced pieces are none, out of order or outside the content")]
pub struct NoClaim;

impl Challenge {
    /// `samples` leaves, one at least and [`SAMPLES_MAX`] at most, of the announced pieces; all of them where there are no more.
    //= P2P-105
    pub fn draw(nonce: Nonce, layout: &Layout, claimed: &[PieceRange], samples: usize) -> Result<Challenge, NoClaim> {
        if claimed.is_empty() || !ranges::are_ranges(claimed, layout.pieces()) {
            return Err(NoClaim);
        }
        let announced: u64 = claimed.iter().map(|range| layout.leaves_of(*range).len() as u64).sum();
        let samples = samples.clamp(1, SAMPLES_MAX);
        if announced <= samples as u64 {
            let leaves = claimed.iter().flat_map(|range| layout.leaves_of(*range)).collect();
            return Ok(Challenge { nonce, leaves });
        }
        let key = Key::new(HMAC_SHA256, &nonce);
        let mut leaves: Vec<u32> = Vec::with_capacity(samples);
        for draw in 0..DRAWS_MAX {
            if leaves.len() == samples {
                break;
            }
            let leaf = rank(&key, draw, announced).and_then(|rank| unrank(layout, claimed, rank));
            leaves.extend(leaf.filter(|leaf| !leaves.contains(leaf)));
        }
        leaves.sort_unstable();
        Ok(Challenge { nonce, leaves })
    }

    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// In order, each once.
    pub fn leaves(&self) -> &[u32] {
        &self.leaves
    }
}

/// A number below `count`, each as likely as any other. `None`: draw again.
fn rank(key: &Key, draw: u32, count: u64) -> Option<u64> {
    let tag = sign(key, &draw.to_be_bytes());
    let drawn = u64::from_be_bytes(*tag.as_ref().first_chunk()?);
    let even = u64::MAX - u64::MAX % count;
    (drawn < even).then_some(drawn % count)
}

/// The leaf that has `rank` announced leaves before it.
fn unrank(layout: &Layout, claimed: &[PieceRange], mut rank: u64) -> Option<u32> {
    for range in claimed {
        let leaves = layout.leaves_of(*range);
        match u32::try_from(rank) {
            Ok(rank) if (rank as usize) < leaves.len() => return Some(leaves.start + rank),
            _ => rank -= leaves.len() as u64,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PIECE: u64 = 256 << 10;

    fn layout(size: u64) -> Layout {
        Layout::new(size, PIECE).unwrap()
    }

    /// Drawn by a script of its own: Python's `hmac`, the leaves 0 to 1023 and 4096 to 5119 in one list.
    //= P2P-105 type=test
    #[test]
    fn a_known_nonce_draws_known_leaves() {
        let nonce = *b"0123456789abcdeg";
        let challenge = Challenge::draw(nonce, &layout(32 * PIECE), &[(0, 3), (16, 19)], 4).unwrap();
        assert_eq!(challenge.leaves(), KNOWN);
    }

    const KNOWN: &[u32] = &[46, 203, 282, 4354];

    #[test]
    fn a_claim_of_nothing_or_of_more_than_there_is_gets_no_challenge() {
        let bad: &[&[PieceRange]] = &[&[], &[(0, 8)], &[(2, 1)], &[(1, 2), (2, 3)], &[(7, u32::MAX)]];
        for claimed in bad {
            assert_eq!(
                Challenge::draw([0; 16], &layout(8 * PIECE), claimed, 4),
                Err(NoClaim),
                "{claimed:?}"
            );
        }
    }

    #[test]
    fn samples_hold_at_and_past_their_ends() {
        let drawn = |samples| {
            Challenge::draw([9; 16], &layout(8 * PIECE), &[(0, 7)], samples)
                .unwrap()
                .leaves
                .len()
        };
        assert_eq!(
            [0, 1, 4, SAMPLES_MAX, SAMPLES_MAX + 1, usize::MAX].map(drawn),
            [1, 1, 4, 16, 16, 16]
        );
        // Seventeen leaves, and three: the last piece is short.
        let all = |last: u64, samples| {
            let claim = [(1, 1)];
            Challenge::draw([9; 16], &layout(PIECE + last), &claim, samples)
                .unwrap()
                .leaves
        };
        assert_eq!(all(17 * 1024, 16).len(), 16);
        assert_eq!(all(2049, 4), [256, 257, 258]);
        assert_eq!(all(2049, 3), [256, 257, 258]);
    }

    proptest! {
        //= P2P-105 type=test
        #[test]
        fn leaves_are_of_announced_pieces_each_once(nonce: [u8; 16], pieces in proptest::collection::btree_set(0u32..40, 1..40)) {
            let layout = layout(39 * PIECE + 77);
            let claimed: Vec<PieceRange> = pieces.iter().map(|piece| (*piece, *piece)).collect();
            let challenge = Challenge::draw(nonce, &layout, &claimed, 16).unwrap();
            prop_assert!(challenge.leaves().is_sorted_by(|one, next| one < next));
            prop_assert!(challenge.leaves().iter().all(|leaf| pieces.contains(&(leaf / 256))));
            prop_assert!(challenge.leaves().iter().all(|leaf| *leaf < layout.shape().leaves()));
            let wanted = if pieces.len() == 1 && pieces.contains(&39) { 1 } else { 16 };
            prop_assert_eq!(challenge.leaves().len(), wanted);
            prop_assert_eq!(Challenge::draw(nonce, &layout, &claimed, 16), Ok(challenge));
        }
    }

    /// Chi-square over 64 equal shares of what was announced: 63 degrees of freedom, so 120 is passed once in 50,000 times.
    //= P2P-105 type=test
    #[test]
    fn no_announced_leaf_is_likelier_than_another() {
        let layout = layout(64 * PIECE);
        let claimed = [(3, 10), (20, 43)];
        let mut shares = [0u32; 64];
        let rounds = 4000u32;
        for round in 0..rounds {
            let mut nonce = [0; 16];
            nonce[..4].copy_from_slice(&round.to_be_bytes());
            let challenge = Challenge::draw(nonce, &layout, &claimed, 8).unwrap();
            for leaf in challenge.leaves() {
                let rank = if *leaf < 11 * 256 {
                    leaf - 3 * 256
                } else {
                    leaf - 20 * 256 + 8 * 256
                };
                shares[(rank / 128) as usize] += 1;
            }
        }
        let even = f64::from(rounds) * 8.0 / 64.0;
        let chi: f64 = shares
            .iter()
            .map(|share| (f64::from(*share) - even).powi(2) / even)
            .sum();
        assert!(chi < 120.0, "chi-square {chi}");
    }
}
