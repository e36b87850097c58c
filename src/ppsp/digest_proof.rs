//! The digest proof: 32 bytes however many leaves were asked for, for peers that no long answer can reach (UDP). Who verifies holds
//! the content, or an item of a bank that the source made for it. Off unless the operator turns it on.
//!
//! In two steps, so that a bank's value is the same for all and the answer is not: the inner value is made of the nonce and the
//! leaves, the answer of the peer's tag and the inner value.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};

use super::challenge::{Challenge, Nonce};
use super::layout::Layout;
use super::ranges::PieceRange;

/// Bytes of an answer, and of the inner value.
pub const DIGEST_BYTES: usize = 32;
/// Bytes of a peer's tag.
pub const TAG_BYTES: usize = 16;
/// Leaves that an item of a bank asks for.
pub const BANK_SAMPLES: usize = 4;
/// Bytes of an item: its nonce, four leaves, the inner value.
pub const ITEM_BYTES: usize = 16 + BANK_SAMPLES * 8 + DIGEST_BYTES;
/// Items of one content at most.
pub const BANK_MAX: usize = 1024;

/// What a peer mixes into its answer, so that nobody else can give it. Told to the peer with the challenge.
pub type PeerTag = [u8; TAG_BYTES];

/// A digest that answers a challenge.
pub type Answer = [u8; DIGEST_BYTES];

/// The tag of the peer in this slot, under the tracker's key for tags.
//= P2P-108
pub fn peer_tag(key: &[u8; 32], slot: u64) -> PeerTag {
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&keyed(key, &slot.to_be_bytes())[..TAG_BYTES]);
    tag
}

fn keyed(key: &[u8], bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    copied(&hmac::sign(&Key::new(HMAC_SHA256, key), bytes))
}

fn copied(tag: &hmac::Tag) -> [u8; DIGEST_BYTES] {
    let mut bytes = [0; DIGEST_BYTES];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// What the nonce makes of the leaves, whoever answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Inner([u8; DIGEST_BYTES]);

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Inner {
    /// `None`: a leaf is not at hand.
    //= P2P-107
    pub fn of(challenge: &Challenge, read: impl FnMut(u32) -> Option<Vec<u8>>) -> Option<Inner> {
        let mut inner = hmac::Context::with_key(&Key::new(HMAC_SHA256, challenge.nonce()));
        for leaf in challenge.leaves().iter().copied().map(read) {
            inner.update(&leaf?);
        }
        Some(Inner(copied(&inner.sign())))
    }

    /// What the peer with this tag answers.
    pub fn answer(&self, tag: &PeerTag) -> Answer {
        keyed(tag, &self.0)
    }

    /// Whether the peer with this tag answered so. Takes as long for a wrong answer as for the right one.
    //= P2P-107
    //= P2P-108
    pub fn is_answered(&self, tag: &PeerTag, answer: &[u8]) -> bool {
        hmac::verify(&Key::new(HMAC_SHA256, tag), &self.0, answer).is_ok()
    }
}

/// A challenge over a whole content together with its inner value, made where the content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankItem {
    pub challenge: Challenge,
    pub inner: Inner,
}

impl BankItem {
    /// `None`: a leaf is not at hand.
    pub fn prepare(nonce: Nonce, layout: &Layout, read: impl FnMut(u32) -> Option<Vec<u8>>) -> Option<BankItem> {
        let challenge = whole(nonce, layout)?;
        let inner = Inner::of(&challenge, read)?;
        Some(BankItem { challenge, inner })
    }

    /// `None`: the content has fewer leaves than an item asks for.
    pub fn write(&self) -> Option<[u8; ITEM_BYTES]> {
        let mut bytes = [0; ITEM_BYTES];
        let leaves: &[u32; BANK_SAMPLES] = self.challenge.leaves().try_into().ok()?;
        bytes[..16].copy_from_slice(self.challenge.nonce());
        for (at, leaf) in leaves.iter().enumerate() {
            bytes[16 + at * 8..24 + at * 8].copy_from_slice(&u64::from(*leaf).to_be_bytes());
        }
        bytes[ITEM_BYTES - DIGEST_BYTES..].copy_from_slice(&self.inner.0);
        Some(bytes)
    }

    /// Reads what [`BankItem::write`] wrote. The nonce says the leaves; where the item says others it is refused.
    pub fn read(bytes: &[u8; ITEM_BYTES], layout: &Layout) -> Option<BankItem> {
        let inner = Inner(*bytes.last_chunk()?);
        let challenge = whole(*bytes.first_chunk()?, layout)?;
        let item = BankItem { challenge, inner };
        (item.write()? == *bytes).then_some(item)
    }
}

fn whole(nonce: Nonce, layout: &Layout) -> Option<Challenge> {
    Challenge::draw(nonce, layout, &[(0, layout.pieces() - 1)], BANK_SAMPLES).ok()
}

/// Items of one content. Each serves one peer once: whoever takes it has it alone.
#[derive(Debug, Clone, Default)]
pub struct Bank(Vec<BankItem>);

impl Bank {
    /// Adds an item; `false` when the bank is full or has an item of that nonce.
    pub fn add(&mut self, item: BankItem) -> bool {
        let is_new = self
            .0
            .iter()
            .all(|held| held.challenge.nonce() != item.challenge.nonce());
        let fits = is_new && self.0.len() < BANK_MAX;
        if fits {
            self.0.push(item);
        }
        fits
    }

    /// An item that asks only for announced leaves, which is then gone. `None`: a tree proof, or wait.
    //= P2P-107
    pub fn take(&mut self, layout: &Layout, claimed: &[PieceRange]) -> Option<BankItem> {
        let is_claimed = |leaf: &u32| claimed.iter().any(|range| layout.leaves_of(*range).contains(leaf));
        let fits = |item: &BankItem| item.challenge.leaves().iter().all(is_claimed);
        let at = self.0.iter().rposition(fits)?;
        Some(self.0.swap_remove(at))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ppsp::sample::Sample;
    use proptest::prelude::*;

    const PIECE: usize = 256 << 10;

    fn item(sample: &Sample, nonce: u8) -> BankItem {
        BankItem::prepare([nonce; 16], &sample.layout, |leaf| sample.leaf(leaf)).unwrap()
    }

    //= P2P-107 type=test
    #[test]
    fn who_holds_the_leaves_answers() {
        let sample = Sample::new(2 * PIECE + 100);
        let challenge = Challenge::draw([4; 16], &sample.layout, &[(0, 2)], 16).unwrap();
        let tag = peer_tag(&[8; 32], 17);
        let at_peer = Inner::of(&challenge, |leaf| sample.leaf(leaf)).unwrap().answer(&tag);
        let at_server = Inner::of(&challenge, |leaf| sample.leaf(leaf)).unwrap();
        assert!(at_server.is_answered(&tag, &at_peer));
        assert!(!at_server.is_answered(&tag, &at_peer[..31]) && !at_server.is_answered(&tag, &[]));
        for bit in 0..256 {
            let mut flipped = at_peer;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!at_server.is_answered(&tag, &flipped), "bit {bit}");
        }
        let one_bit_off = |leaf| {
            let mut bytes = sample.leaf(leaf)?;
            bytes[0] ^= u8::from(leaf == challenge.leaves()[15]);
            Some(bytes)
        };
        let spoilt = Inner::of(&challenge, one_bit_off).unwrap();
        assert!(!at_server.is_answered(&tag, &spoilt.answer(&tag)));
        assert_eq!(Inner::of(&challenge, |_| None), None);
    }

    //= P2P-108 type=test
    #[test]
    fn two_honest_peers_cannot_swap_their_answers() {
        let sample = Sample::new(PIECE);
        let item = item(&sample, 1);
        let (one, other) = (peer_tag(&[8; 32], 1), peer_tag(&[8; 32], 2));
        assert!(item.inner.is_answered(&one, &item.inner.answer(&one)));
        assert!(!item.inner.is_answered(&one, &item.inner.answer(&other)));
        assert!(!item.inner.is_answered(&other, &item.inner.answer(&one)));
        assert_ne!(one, peer_tag(&[9; 32], 1));
    }

    //= P2P-107 type=test
    #[test]
    fn ten_items_serve_ten_peers() {
        let sample = Sample::new(PIECE);
        let mut bank = Bank::default();
        assert!((0..10).all(|nonce| bank.add(item(&sample, nonce))));
        assert!(!bank.add(item(&sample, 3)), "the same item twice");
        let taken: Vec<BankItem> = std::iter::from_fn(|| bank.take(&sample.layout, &[(0, 0)]))
            .take(11)
            .collect();
        assert_eq!((taken.len(), bank.len(), bank.is_empty()), (10, 0, true));
        let nonces: std::collections::BTreeSet<&Nonce> = taken.iter().map(|item| item.challenge.nonce()).collect();
        assert_eq!(nonces.len(), 10);
    }

    #[test]
    fn an_item_asks_only_for_what_was_announced() {
        let sample = Sample::new(2 * PIECE);
        let mut bank = Bank::default();
        (0..40).for_each(|nonce| assert!(bank.add(item(&sample, nonce))));
        let mut taken = 0;
        while let Some(item) = bank.take(&sample.layout, &[(1, 1)]) {
            assert!(item.challenge.leaves().iter().all(|leaf| *leaf >= 256));
            taken += 1;
        }
        assert!(taken < 40, "four of four in one half: some one in sixteen");
        assert_eq!(bank.len(), 40 - taken);
    }

    #[test]
    fn a_bank_holds_no_more_than_its_ceiling() {
        let sample = Sample::new(5000);
        let mut bank = Bank::default();
        for nonce in 0..=BANK_MAX as u128 {
            let item = BankItem::prepare(nonce.to_be_bytes(), &sample.layout, |leaf| sample.leaf(leaf)).unwrap();
            assert_eq!(bank.add(item), nonce < BANK_MAX as u128);
        }
    }

    proptest! {
        #[test]
        fn an_item_is_read_as_it_was_written(nonce: [u8; 16], at in 0..ITEM_BYTES, bit in 0u8..8) {
            let sample = Sample::new(20_000);
            let item = BankItem::prepare(nonce, &sample.layout, |leaf| sample.leaf(leaf)).unwrap();
            let mut bytes = item.write().unwrap();
            prop_assert_eq!(BankItem::read(&bytes, &sample.layout), Some(item));
            bytes[at] ^= 1 << bit;
            // A changed inner value is another item; a changed leaf is none.
            let is_read = BankItem::read(&bytes, &sample.layout).is_some();
            prop_assert!(!is_read || !(16..48).contains(&at));
        }
    }
}
