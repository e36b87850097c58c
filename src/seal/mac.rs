//! HMAC-SHA-256 (RFC 2104) of short texts under keys that last: each key is worked up once, to the two states that all of its
//! tags begin with, so that a tag costs no more than its blocks. The rounds are those of `sha2`.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// FIPS 180-4, 5.3.3.
const BEGINNING: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
const BLOCK: usize = 64;
/// What stands behind a text: a bit, and its length in bits.
const END: usize = 1 + 8;

/// A key, worked up.
pub(super) struct Mac {
    inner: Zeroizing<[u32; 8]>,
    outer: Zeroizing<[u32; 8]>,
}

impl Mac {
    pub fn new(key: &[u8; 32]) -> Mac {
        let begun = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = Zeroizing::new(BEGINNING);
            compress256(&mut state, std::slice::from_ref(&*block));
            state
        };
        Mac {
            inner: begun(0x36),
            outer: begun(0x5c),
        }
    }

    /// The first bytes of the tag of these parts, one behind the other.
    pub fn first<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut inner = Digest::behind_one_block(&self.inner);
        parts.iter().for_each(|part| inner.update(part));
        let mut outer = Digest::behind_one_block(&self.outer);
        outer.update(&inner.finish());
        outer.finish().first_chunk().copied().unwrap_or([0; N])
    }
}

struct Digest {
    state: [u32; 8],
    block: [u8; BLOCK],
    filled: usize,
    bytes: u64,
}

impl Digest {
    fn behind_one_block(state: &[u32; 8]) -> Digest {
        Digest {
            state: *state,
            block: [0; BLOCK],
            filled: 0,
            bytes: BLOCK as u64,
        }
    }

    fn update(&mut self, mut text: &[u8]) {
        self.bytes += text.len() as u64;
        while let Some((now, later)) = text.split_at_checked(BLOCK - self.filled) {
            self.block[self.filled..].copy_from_slice(now);
            compress256(&mut self.state, &[self.block]);
            (self.filled, text) = (0, later);
        }
        self.block[self.filled..self.filled + text.len()].copy_from_slice(text);
        self.filled += text.len();
    }

    fn finish(mut self) -> [u8; 32] {
        self.block[self.filled] = 0x80;
        self.block[self.filled + 1..].fill(0);
        if self.filled + END > BLOCK {
            compress256(&mut self.state, &[self.block]);
            self.block = [0; BLOCK];
        }
        self.block[BLOCK - 8..].copy_from_slice(&(self.bytes * 8).to_be_bytes());
        compress256(&mut self.state, &[self.block]);
        let mut digest = [0; 32];
        let words = digest.chunks_exact_mut(4).zip(self.state);
        words.for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
        digest
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;

    /// Each length around each end of a block, in one part and in several.
    #[test]
    fn tags_are_those_of_another_library() {
        let text: Vec<u8> = (0..400u32).map(|at| (at * 31 % 251) as u8).collect();
        for seed in [0, 7, 255] {
            let key = [seed; 32];
            let (mac, other) = (Mac::new(&key), hmac::Key::new(hmac::HMAC_SHA256, &key));
            for length in 0..text.len() {
                let text = &text[..length];
                let expected = hmac::sign(&other, text);
                assert_eq!(mac.first::<32>(&[text])[..], *expected.as_ref(), "{length}");
                let (one, rest) = text.split_at(length / 3);
                let (two, three) = rest.split_at(rest.len() / 2);
                assert_eq!(
                    mac.first::<32>(&[one, b"", two, three])[..],
                    *expected.as_ref(),
                    "{length}"
                );
                assert_eq!(mac.first::<10>(&[text])[..], expected.as_ref()[..10], "{length}");
            }
        }
    }
}
