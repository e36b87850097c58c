//! The keys by which the nodes at a network's border hide its inside, and open what one of them hid.
//!
//! One layout for both ciphers: format, key generation, nonce or IV, sealed text. AES-256-GCM-SIV is what we mean by hiding.
//! AES-128-CBC is what the 3GPP text names: it proves nothing of who wrote a text, so whoever opens one looks at what came
//! out. Whatever is wrong, opening takes the same steps and says the same. Knows nothing of what is hidden.

use aes::Aes128;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use super::{KeyError, SECRET_BYTES, STEP, TAG, are_generations, derive};

/// How a text is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-256-GCM-SIV: nobody else can read it, make one, or change one.
    Aead,
    /// AES-128-CBC with PKCS#7: nobody else can read it.
    Aes128Cbc,
}

const CIPHERS: [Cipher; 2] = [Cipher::Aead, Cipher::Aes128Cbc];

impl Cipher {
    /// The first byte of what it hides.
    fn format(self) -> u8 {
        match self {
            Cipher::Aead => 1,
            Cipher::Aes128Cbc => 2,
        }
    }

    /// Bytes of its nonce or IV.
    fn fresh_bytes(self) -> usize {
        match self {
            Cipher::Aead => NONCE_LEN,
            Cipher::Aes128Cbc => BLOCK,
        }
    }
}

const BLOCK: usize = 16;
/// Format and key generation.
const HEAD: usize = 2;
/// Bytes that are hidden at once at most.
pub const PLAIN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a hidden text at most; a longer one is not looked at.
const SEALED_BYTES_MAX: usize = HEAD + NONCE_LEN + PLAIN_BYTES_MAX + STEP + TAG;

/// Key generations of hiding, newest first. Apart from those of every other token.
//= THIG-005
//= SEC-002
pub struct HidingKeys {
    generations: Vec<Generation>,
}

struct Generation {
    id: u8,
    aead: LessSafeKey,
    cbc: Zeroizing<[u8; BLOCK]>,
    /// Makes IVs that nobody can foretell.
    ivs: hmac::Key,
}

/// What came out of a hidden text.
pub struct Opened {
    pub plain: Vec<u8>,
    pub cipher: Cipher,
    /// `false`: it is no text of ours. It is to be looked at as if it were, and refused then: how long it took tells nothing.
    pub is_ours: bool,
}

impl HidingKeys {
    /// Keys of secrets with their ids, newest first.
    pub fn new(secrets: &[(u8, [u8; SECRET_BYTES])]) -> Result<HidingKeys, KeyError> {
        are_generations(secrets)?;
        let mut generations: Vec<Generation> = Vec::with_capacity(secrets.len());
        for (id, secret) in secrets {
            let secret = Salt::new(HKDF_SHA256, b"sipveil hiding").extract(secret);
            let aead = derive(&secret, b"sipveil hiding aead 1")?;
            let aead = UnboundKey::new(&AES_256_GCM_SIV, &aead[..]).map_err(|_| KeyError::Derivation)?;
            let mut cbc = Zeroizing::new([0; BLOCK]);
            cbc.copy_from_slice(&derive(&secret, b"sipveil hiding aes-128-cbc 1")?[..BLOCK]);
            generations.push(Generation {
                id: *id,
                aead: LessSafeKey::new(aead),
                cbc,
                ivs: hmac::Key::new(HMAC_SHA256, &derive(&secret, b"sipveil hiding iv 1")?[..]),
            });
        }
        Ok(HidingKeys { generations })
    }

    /// Hides `plain` under the newest generation, bound to `bound` as far as the cipher can. `fresh` is random, and of one
    /// message: there the same text gives the same bytes, anywhere else others. `None`: it is too long.
    //= THIG-003
    //= THIG-004
    pub fn seal(&self, cipher: Cipher, bound: &[&[u8]], fresh: [u8; NONCE_LEN], plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > PLAIN_BYTES_MAX {
            return None;
        }
        let generation = self.generations.first()?;
        let mut out = Vec::with_capacity(HEAD + BLOCK + plain.len() + STEP + TAG);
        out.extend_from_slice(&[cipher.format(), generation.id]);
        match cipher {
            Cipher::Aead => generation.seal(bound, fresh, plain, &mut out)?,
            Cipher::Aes128Cbc => generation.encrypt(fresh, plain, &mut out),
        }
        Some(out)
    }

    /// Opens what any held generation hid, by either cipher.
    //= THIG-004
    //= THIG-005
    //= THIG-008
    pub fn open(&self, bound: &[&[u8]], sealed: &[u8]) -> Opened {
        let id = sealed.get(1).copied();
        let of_id = self.generations.iter().find(|held| Some(held.id) == id);
        let named = sealed.first().copied();
        let cipher = CIPHERS.into_iter().find(|cipher| Some(cipher.format()) == named);
        // A key that is not held is made up for by another one: it must not be told by how soon the answer comes.
        let is_known = of_id.is_some() && cipher.is_some() && sealed.len() <= SEALED_BYTES_MAX;
        let cipher = cipher.unwrap_or(Cipher::Aead);
        let plain = of_id.or(self.generations.first()).and_then(|generation| {
            let (fresh, text) = sealed.get(HEAD..)?.split_at_checked(cipher.fresh_bytes())?;
            Some(match cipher {
                Cipher::Aead => generation.unseal(bound, fresh, text),
                Cipher::Aes128Cbc => generation.decrypt(fresh, text),
            })
        });
        let (plain, is_ours) = plain.unwrap_or_default();
        Opened {
            plain,
            cipher,
            is_ours: is_ours && is_known,
        }
    }
}

impl Generation {
    fn seal(&self, bound: &[&[u8]], fresh: [u8; NONCE_LEN], plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&fresh);
        let start = out.len();
        out.extend_from_slice(plain);
        out.push(0x80);
        out.resize(start + (plain.len() / STEP + 1) * STEP, 0);
        let (_, text) = out.split_at_mut(start);
        let bound = Aad::from(joined(bound));
        // One nonce for all texts of a message: GCM-SIV bears that, and tells no more than that two texts are the same.
        let tag = self
            .aead
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(fresh), bound, text)
            .ok()?;
        out.extend_from_slice(tag.as_ref());
        Some(())
    }

    fn unseal(&self, bound: &[&[u8]], fresh: &[u8], text: &[u8]) -> (Vec<u8>, bool) {
        let mut text = text.to_vec();
        let bound = Aad::from(joined(bound));
        let opened = Nonce::try_assume_unique_for_key(fresh)
            .and_then(|nonce| self.aead.open_in_place(nonce, bound, &mut text))
            .ok()
            .and_then(|plain| plain.iter().rposition(|byte| *byte == 0x80));
        text.truncate(opened.unwrap_or(0));
        (text, opened.is_some())
    }

    /// The IV is made of what is random about the message and of the text, under a key of its own: nobody can foretell it, and
    /// another text never gets the same.
    fn encrypt(&self, fresh: [u8; NONCE_LEN], plain: &[u8], out: &mut Vec<u8>) {
        let mut digest = hmac::Context::with_key(&self.ivs);
        digest.update(&fresh);
        digest.update(plain);
        let mut iv = [0; BLOCK];
        iv.copy_from_slice(&digest.sign().as_ref()[..BLOCK]);
        out.extend_from_slice(&iv);
        let start = out.len();
        out.extend_from_slice(plain);
        let padding = BLOCK - plain.len() % BLOCK;
        out.resize(out.len() + padding, padding as u8);
        let mut mode = cbc::Encryptor::<Aes128>::new(&Array(*self.cbc), &Array(iv));
        let (blocks, _) = out[start..].as_chunks_mut::<BLOCK>();
        for block in blocks {
            let mut text = Array(*block);
            mode.encrypt_block(&mut text);
            *block = text.0;
        }
    }

    fn decrypt(&self, iv: &[u8], text: &[u8]) -> (Vec<u8>, bool) {
        let Ok(iv) = <[u8; BLOCK]>::try_from(iv) else {
            return (Vec::new(), false);
        };
        let mut plain = text.to_vec();
        let mut mode = cbc::Decryptor::<Aes128>::new(&Array(*self.cbc), &Array(iv));
        let (blocks, rest) = plain.as_chunks_mut::<BLOCK>();
        let is_whole = rest.is_empty();
        for block in blocks {
            let mut text = Array(*block);
            mode.decrypt_block(&mut text);
            *block = text.0;
        }
        let (length, is_padded) = without_padding(&plain);
        plain.truncate(length);
        (plain, is_padded && is_whole)
    }
}

/// Where a padded text ends, and whether its padding is one. The last block is looked at whole, whatever it holds.
fn without_padding(text: &[u8]) -> (usize, bool) {
    let Some(last) = text.last_chunk::<BLOCK>() else {
        return (0, false);
    };
    let padding = last[BLOCK - 1];
    let mut wrong = u8::from(padding == 0) | u8::from(usize::from(padding) > BLOCK);
    for (at, byte) in last.iter().rev().enumerate() {
        wrong |= u8::from(at < usize::from(padding)) & u8::from(*byte != padding);
    }
    match wrong {
        0 => (text.len() - usize::from(padding), true),
        _ => (text.len(), false),
    }
}

/// The parts, each with its length.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(64);
    for part in parts {
        joined.extend_from_slice(&(part.len() as u32).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

impl std::fmt::Debug for HidingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HidingKeys")
            .field("generations", &self.generations.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Opened {
    /// Shows nothing of what was hidden.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("cipher", &self.cipher)
            .field("is_ours", &self.is_ours)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::GENERATIONS_MAX;
    use super::*;

    const BOUND: &[&[u8]] = &[b"Via", b"home1.example"];

    fn keys(ids: &[u8]) -> HidingKeys {
        let secrets: Vec<_> = ids.iter().map(|id| (*id, [*id; SECRET_BYTES])).collect();
        HidingKeys::new(&secrets).unwrap()
    }

    fn opened(keys: &HidingKeys, bound: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = keys.open(bound, sealed);
        opened.is_ours.then_some(opened.plain)
    }

    //= THIG-003 type=test
    //= THIG-004 type=test
    #[test]
    fn what_one_node_hides_another_with_its_keys_opens() {
        for cipher in CIPHERS {
            for length in [0, 1, 15, 16, 17, 31, 32, 300, PLAIN_BYTES_MAX] {
                let plain = vec![0x80; length];
                let sealed = keys(&[1]).seal(cipher, BOUND, [3; 12], &plain).unwrap();
                assert_eq!(
                    opened(&keys(&[2, 1]), BOUND, &sealed),
                    Some(plain),
                    "{cipher:?} {length}"
                );
                assert_eq!(opened(&keys(&[2]), BOUND, &sealed), None, "{cipher:?} {length}");
            }
            let long = [0; PLAIN_BYTES_MAX + 1];
            assert_eq!(keys(&[1]).seal(cipher, BOUND, [3; 12], &long), None);
        }
    }

    //= THIG-003 type=test
    #[test]
    fn the_same_text_hidden_twice_shows_nothing_alike() {
        for cipher in CIPHERS {
            let sealed = |fresh: u8| keys(&[1]).seal(cipher, BOUND, [fresh; 12], &[b'a'; 64]).unwrap();
            let (one, other) = (sealed(1), sealed(2));
            assert!(
                one.chunks(BLOCK)
                    .zip(other.chunks(BLOCK))
                    .all(|(one, other)| one != other)
            );
            assert_eq!(one, sealed(1));
        }
    }

    //= THIG-004 type=test
    #[test]
    fn a_flipped_bit_or_another_place_is_refused() {
        let keys = keys(&[1]);
        let sealed = keys.seal(Cipher::Aead, BOUND, [3; 12], b"SIP/2.0/UDP scscf").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&keys, BOUND, &flipped), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(opened(&keys, BOUND, &sealed[..length]), None, "{length} bytes");
        }
        assert_eq!(opened(&keys, &[b"Route", BOUND[1]], &sealed), None);
        assert_eq!(opened(&keys, &[BOUND[0], b"home2.example"], &sealed), None);
        assert_eq!(opened(&keys, BOUND, &[1; SEALED_BYTES_MAX + 1]), None);
    }

    //= THIG-008 type=test
    #[test]
    fn padding_is_right_or_wrong_and_nothing_between() {
        for padding in 0..=u8::MAX {
            let mut text = [b'a'; 32];
            let from = 32 - usize::from(padding).min(32);
            text[from..].fill(padding);
            let is_padding = (1..=16).contains(&padding);
            let length = if is_padding { 32 - usize::from(padding) } else { 32 };
            assert_eq!(without_padding(&text), (length, is_padding), "{padding}");
        }
        let mut text = [4; 16];
        text[12] = 5;
        assert_eq!(without_padding(&text), (16, false));
        assert_eq!(without_padding(&[1; 15]), (0, false));
    }

    /// The example of NIST SP 800-38A, F.2.1, so that what is called AES-128-CBC is it.
    //= THIG-003 type=test
    #[test]
    fn the_cipher_is_the_one_named() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let mut keys = keys(&[1]);
        keys.generations[0]
            .cbc
            .copy_from_slice(&hex("2b7e151628aed2a6abf7158809cf4f3c"));
        let text = hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
        let iv = hex("000102030405060708090a0b0c0d0e0f");
        let (plain, is_padded) = keys.generations[0].decrypt(&iv, &text);
        assert_eq!(
            plain,
            hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
        );
        assert!(!is_padded);
    }

    #[test]
    fn ceilings_hold_at_and_past_them() {
        let secrets = |count: u8| (0..count).map(|id| (id, [id; SECRET_BYTES])).collect::<Vec<_>>();
        let most = GENERATIONS_MAX as u8;
        assert!(HidingKeys::new(&secrets(most)).is_ok());
        assert_eq!(HidingKeys::new(&secrets(most + 1)).unwrap_err(), KeyError::TooMany);
        assert_eq!(HidingKeys::new(&[]).unwrap_err(), KeyError::None);
        let same = [(1, [0; 32]), (1, [1; 32])];
        assert_eq!(HidingKeys::new(&same).unwrap_err(), KeyError::SameId);
    }
}
