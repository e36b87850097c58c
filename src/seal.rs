//! Sealed tokens: what a dialog needs later travels through others' hands, readable and forgeable by nobody.
//!
//! AES-256-GCM-SIV under keys derived from one secret for each purpose. A token is base64url without padding, legal in a
//! user part: key generation, nonce, sealed text padded to steps of 32 bytes. Knows nothing of what it seals.

pub mod hiding;
pub mod temporary_id;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

pub use hiding::HidingKeys;
pub use temporary_id::TemporaryIds;

/// What a token is for. A token of one purpose does not open as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Memory of a dialog, in our own Record-Route.
    Dialog,
    /// The remote target of a hidden party, in Contact.
    Contact,
    /// The flow of a registered UE, in Path.
    Flow,
    /// A Call-ID, where the other side of a dialog sees another.
    CallId,
    /// A registration, in the store.
    Registration,
    /// What the tracker keeps of peers, in the store.
    Peers,
}

const PURPOSES: [Purpose; 6] = [
    Purpose::Dialog,
    Purpose::Contact,
    Purpose::Flow,
    Purpose::CallId,
    Purpose::Registration,
    Purpose::Peers,
];

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Dialog => b"sipveil dialog token 1",
            Purpose::Contact => b"sipveil contact token 1",
            Purpose::Flow => b"sipveil flow token 1",
            Purpose::CallId => b"sipveil call-id token 1",
            Purpose::Registration => b"sipveil registration 1",
            Purpose::Peers => b"sipveil peers 1",
        }
    }
}

/// Bytes of the secret that keys are derived from.
pub const SECRET_BYTES: usize = 32;
/// Key generations held at once: the newest seals, all open.
pub const GENERATIONS_MAX: usize = 8;
/// Characters of a token at most; longer ones are not looked at.
const TOKEN_TEXT_MAX: usize = 4096;
const STEP: usize = 32;
const TAG: usize = 16;

/// Key generations of sealed tokens, newest first. Shared by all nodes that carry on each other's dialogs.
pub struct Keys {
    generations: Arc<[Generation]>,
    /// Purpose and domain, each with its length: what every token of a purpose is bound to.
    prefixes: [Vec<u8>; PURPOSES.len()],
    instance: u64,
    /// What hides the inside of the network, where this node is to do so.
    hiding: Option<Arc<HidingKeys>>,
    /// What pseudonyms of peers are made with.
    pseudonyms: Option<Arc<Zeroizing<[u8; SECRET_BYTES]>>>,
    /// What membership tickets are signed with.
    tickets: Option<Arc<Zeroizing<[u8; SECRET_BYTES]>>>,
}

struct Generation {
    id: u8,
    keys: [LessSafeKey; PURPOSES.len()],
    /// Makes the nonces of tokens that are the same for the same text.
    nonces: hmac::Key,
}

const NONCES: &[u8] = b"sipveil nonces 1";

/// A token did not open: another key, another binding, or bytes that nobody sealed. One error for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token does not open with the keys of this node")]
pub struct NotOurs;

/// Keys that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key generation")]
    None,
    #[error("there are more than {GENERATIONS_MAX} key generations")]
    TooMany,
    #[error("two key generations have the same id")]
    SameId,
    #[error("a key could not be derived")]
    Derivation,
}

/// Characters of the token of so many bytes.
pub fn token_bytes(plain_bytes: usize) -> usize {
    BASE64URL_NOPAD.encode_len(1 + NONCE_LEN + (plain_bytes / STEP + 1) * STEP + TAG)
}

struct Key256;

impl KeyType for Key256 {
    fn len(&self) -> usize {
        32
    }
}

/// Whether these can be the key generations of one file.
fn are_generations(secrets: &[(u8, [u8; SECRET_BYTES])]) -> Result<(), KeyError> {
    let is_twice = |(place, (id, _)): (usize, &(u8, _))| secrets[..place].iter().any(|(other, _)| other == id);
    match secrets.len() {
        0 => Err(KeyError::None),
        1..=GENERATIONS_MAX if secrets.iter().enumerate().any(is_twice) => Err(KeyError::SameId),
        1..=GENERATIONS_MAX => Ok(()),
        _ => Err(KeyError::TooMany),
    }
}

/// One key of a secret.
fn derive(secret: &Prk, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let label = [label];
    let mut key = Zeroizing::new([0u8; 32]);
    let output = secret.expand(&label, Key256).map_err(|_| KeyError::Derivation)?;
    output.fill(&mut key[..]).map_err(|_| KeyError::Derivation)?;
    Ok(key)
}

impl Keys {
    /// Keys of secrets with their ids, newest first, bound to the trust domain's id. `instance` tells this run of the
    /// process from others: what is only in memory is known to tokens of the same instance alone.
    pub fn new(secrets: &[(u8, [u8; SECRET_BYTES])], domain: &str, instance: u64) -> Result<Keys, KeyError> {
        are_generations(secrets)?;
        let mut generations: Vec<Generation> = Vec::with_capacity(secrets.len());
        for (id, secret) in secrets {
            let secret = Salt::new(HKDF_SHA256, b"sipveil").extract(secret);
            let sealing = |purpose: Purpose| -> Result<LessSafeKey, KeyError> {
                let key = derive(&secret, purpose.label())?;
                let key = UnboundKey::new(&AES_256_GCM_SIV, &key[..]).map_err(|_| KeyError::Derivation)?;
                Ok(LessSafeKey::new(key))
            };
            generations.push(Generation {
                id: *id,
                keys: [
                    sealing(PURPOSES[0])?,
                    sealing(PURPOSES[1])?,
                    sealing(PURPOSES[2])?,
                    sealing(PURPOSES[3])?,
                    sealing(PURPOSES[4])?,
                    sealing(PURPOSES[5])?,
                ],
                nonces: hmac::Key::new(HMAC_SHA256, &derive(&secret, NONCES)?[..]),
            });
        }
        let prefix = |purpose: Purpose| {
            let mut prefix = Vec::new();
            for part in [purpose.label(), domain.as_bytes()] {
                prefix.extend_from_slice(&(part.len() as u32).to_be_bytes());
                prefix.extend_from_slice(part);
            }
            prefix
        };
        Ok(Keys {
            generations: generations.into(),
            prefixes: PURPOSES.map(prefix),
            instance,
            hiding: None,
            pseudonyms: None,
            tickets: None,
        })
    }

    /// The same keys with these for hiding, or with none.
    pub fn with_hiding(&self, hiding: Option<HidingKeys>) -> Keys {
        Keys {
            generations: Arc::clone(&self.generations),
            prefixes: self.prefixes.clone(),
            instance: self.instance,
            hiding: hiding.map(Arc::new),
            pseudonyms: self.pseudonyms.clone(),
            tickets: self.tickets.clone(),
        }
    }

    /// The same keys with this secret for pseudonyms of peers, or with none.
    pub fn with_pseudonyms(self, secret: Option<Zeroizing<[u8; SECRET_BYTES]>>) -> Keys {
        Keys {
            pseudonyms: secret.map(Arc::new),
            ..self
        }
    }

    /// The same keys with this seed of what membership tickets are signed with, or with none.
    pub fn with_tickets(self, seed: Option<Zeroizing<[u8; SECRET_BYTES]>>) -> Keys {
        Keys {
            tickets: seed.map(Arc::new),
            ..self
        }
    }

    /// The seed of what membership tickets are signed with.
    pub fn of_tickets(&self) -> Option<&[u8; SECRET_BYTES]> {
        self.tickets.as_deref().map(|seed| &**seed)
    }

    /// What pseudonyms of peers are made with, where a file says so.
    pub fn of_pseudonyms(&self) -> Option<[u8; SECRET_BYTES]> {
        self.pseudonyms.as_deref().map(|secret| **secret)
    }

    /// What hides the inside of the network. `None`: this node neither hides nor opens.
    //= THIG-005
    pub fn hiding(&self) -> Option<&HidingKeys> {
        self.hiding.as_deref()
    }

    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// The generation that seals.
    pub fn newest(&self) -> u8 {
        self.generations.first().map_or(0, |generation| generation.id)
    }

    /// Seals `plain`, bound to `binding`: it opens only with the same. `None` when it is too long for a token.
    //= PRIV-141
    pub fn seal(&self, purpose: Purpose, binding: &[&[u8]], nonce: [u8; NONCE_LEN], plain: &[u8]) -> Option<Vec<u8>> {
        self.seal_under(self.generations.first()?, purpose, binding, nonce, plain)
    }

    /// Seals `plain` under the key generation of this id, to the same token each time, here and on every node with that key.
    /// `None`: no such generation is held, or it is too long for a token.
    //= PRIV-142
    pub fn seal_alike(&self, purpose: Purpose, generation: u8, plain: &[u8]) -> Option<Vec<u8>> {
        let generation = self.generations.iter().find(|held| held.id == generation)?;
        // Made of the text under a key of its own, as RFC 5297 makes its synthetic IV; GCM-SIV bears it even if two texts met.
        let mut digest = hmac::Context::with_key(&generation.nonces);
        digest.update(&self.prefixes[purpose as usize]);
        digest.update(plain);
        let nonce = digest.sign().as_ref().first_chunk().copied()?;
        self.seal_under(generation, purpose, &[], nonce, plain)
    }

    fn seal_under(
        &self,
        generation: &Generation,
        purpose: Purpose,
        binding: &[&[u8]],
        nonce: [u8; NONCE_LEN],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let sealed = self.bytes_under(generation, purpose, binding, nonce, plain)?;
        let mut out = vec![0; BASE64URL_NOPAD.encode_len(sealed.len())];
        BASE64URL_NOPAD.encode_mut(&sealed, &mut out);
        (out.len() <= TOKEN_TEXT_MAX).then_some(out)
    }

    /// As [`Keys::seal`], to bytes of any length instead of a token.
    pub fn seal_bytes(
        &self,
        purpose: Purpose,
        binding: &[&[u8]],
        nonce: [u8; NONCE_LEN],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        self.bytes_under(self.generations.first()?, purpose, binding, nonce, plain)
    }

    fn bytes_under(
        &self,
        generation: &Generation,
        purpose: Purpose,
        binding: &[&[u8]],
        nonce: [u8; NONCE_LEN],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let padded = (plain.len() / STEP + 1) * STEP;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + padded + TAG);
        sealed.push(generation.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        sealed.push(0x80);
        sealed.resize(1 + NONCE_LEN + padded, 0);
        let (_, text) = sealed.split_at_mut(1 + NONCE_LEN);
        let key = &generation.keys[purpose as usize];
        let bound = Aad::from(self.bound(purpose, binding));
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound, text)
            .ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// Opens a token sealed with any held generation for this purpose and binding.
    //= PRIV-141
    pub fn open(&self, purpose: Purpose, binding: &[&[u8]], token: &[u8]) -> Result<Vec<u8>, NotOurs> {
        if token.len() > TOKEN_TEXT_MAX {
            return Err(NotOurs);
        }
        let mut sealed = vec![0; BASE64URL_NOPAD.decode_len(token.len()).map_err(|_| NotOurs)?];
        BASE64URL_NOPAD.decode_mut(token, &mut sealed).map_err(|_| NotOurs)?;
        self.open_bytes(purpose, binding, sealed)
    }

    /// Opens what [`Keys::seal_bytes`] made.
    pub fn open_bytes(&self, purpose: Purpose, binding: &[&[u8]], mut sealed: Vec<u8>) -> Result<Vec<u8>, NotOurs> {
        if sealed.len() < 1 + NONCE_LEN + STEP + TAG {
            return Err(NotOurs);
        }
        let (head, text) = sealed.split_at_mut(1 + NONCE_LEN);
        let of_id = self.generations.iter().find(|generation| generation.id == head[0]);
        // A key that is not held is made up for by another one: it must not be told by how soon the answer comes.
        let generation = of_id.or(self.generations.first()).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[1..]).map_err(|_| NotOurs)?;
        let bound = Aad::from(self.bound(purpose, binding));
        let plain = generation.keys[purpose as usize]
            .open_in_place(nonce, bound, text)
            .map_err(|_| NotOurs)?;
        let plain = of_id.map(|_| plain).ok_or(NotOurs)?;
        let length = plain.iter().rposition(|byte| *byte == 0x80).ok_or(NotOurs)?;
        sealed.truncate(1 + NONCE_LEN + length);
        sealed.drain(..1 + NONCE_LEN);
        Ok(sealed)
    }

    /// What a token of this purpose is bound to in all: the purpose and the domain, each with its length, and the parts of
    /// `binding` one behind the other.
    fn bound(&self, purpose: Purpose, binding: &[&[u8]]) -> Vec<u8> {
        let prefix = &self.prefixes[purpose as usize];
        let mut bound = Vec::with_capacity(prefix.len() + binding.iter().map(|part| part.len()).sum::<usize>());
        bound.extend_from_slice(prefix);
        binding.iter().for_each(|part| bound.extend_from_slice(part));
        bound
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("generations", &self.generations.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[u8]) -> Keys {
        let secrets: Vec<_> = ids.iter().map(|id| (*id, [*id; SECRET_BYTES])).collect();
        Keys::new(&secrets, "T-home1", 7).unwrap()
    }

    //= PRIV-141 type=test
    #[test]
    fn a_token_opens_only_as_it_was_sealed() {
        let keys_one = keys(&[1]);
        let token = keys_one
            .seal(Purpose::Dialog, &[b"call"], [3; 12], b"sip:al@x")
            .unwrap();
        assert_eq!(keys_one.open(Purpose::Dialog, &[b"call"], &token).unwrap(), b"sip:al@x");
        assert_eq!(keys_one.open(Purpose::Contact, &[b"call"], &token), Err(NotOurs));
        assert_eq!(keys_one.open(Purpose::Dialog, &[b"other"], &token), Err(NotOurs));
        assert_eq!(keys(&[2]).open(Purpose::Dialog, &[b"call"], &token), Err(NotOurs));
        for at in 0..token.len() {
            let mut flipped = token.clone();
            flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                keys_one.open(Purpose::Dialog, &[b"call"], &flipped),
                Err(NotOurs),
                "byte {at}"
            );
        }
    }

    //= PRIV-141 type=test
    #[test]
    fn a_token_is_legal_in_a_user_part_and_tells_nothing_of_its_length() {
        let keys = keys(&[1]);
        let token = |plain: &[u8]| keys.seal(Purpose::Contact, &[b""], [9; 12], plain).unwrap();
        assert!(
            token(b"sip:al@x")
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        );
        assert_eq!(token(b"").len(), token(&[b'a'; 31]).len());
        assert!(token(&[b'a'; 32]).len() > token(&[b'a'; 31]).len());
        assert_eq!(
            keys.open(Purpose::Contact, &[b""], &token(&[0x80; 40])).unwrap(),
            [0x80; 40]
        );
    }

    //= PRIV-142 type=test
    #[test]
    fn the_same_text_is_sealed_alike_by_every_node_with_the_key() {
        let seal = |keys: &Keys, generation, plain: &[u8]| keys.seal_alike(Purpose::CallId, generation, plain);
        let token = seal(&keys(&[1]), 1, b"a@host").unwrap();
        assert_eq!(seal(&keys(&[1]), 1, b"a@host").as_ref(), Some(&token));
        assert_eq!(seal(&keys(&[2, 1]), 1, b"a@host").as_ref(), Some(&token));
        assert_ne!(seal(&keys(&[1]), 1, b"b@host").as_ref(), Some(&token));
        assert_ne!(seal(&keys(&[2]), 2, b"a@host").as_ref(), Some(&token));
        assert_eq!(seal(&keys(&[2]), 1, b"a@host"), None);
        let other = Keys::new(&[(1, [1; SECRET_BYTES])], "T-other", 7).unwrap();
        assert_ne!(seal(&other, 1, b"a@host").as_ref(), Some(&token));
        assert_eq!(keys(&[2, 1]).open(Purpose::CallId, &[], &token).unwrap(), b"a@host");
        assert_eq!(keys(&[1]).open(Purpose::Contact, &[], &token), Err(NotOurs));
    }

    #[test]
    fn bytes_of_any_length_open_as_they_were_sealed() {
        let keys = keys(&[1]);
        let plain = vec![7; 3 * TOKEN_TEXT_MAX];
        assert_eq!(keys.seal(Purpose::Registration, &[b"1"], [3; 12], &plain), None);
        let sealed = keys
            .seal_bytes(Purpose::Registration, &[b"1"], [3; 12], &plain)
            .unwrap();
        let open = |binding: &[u8], sealed: &[u8]| keys.open_bytes(Purpose::Registration, &[binding], sealed.to_vec());
        assert_eq!(open(b"1", &sealed), Ok(plain));
        assert_eq!(open(b"2", &sealed), Err(NotOurs));
        for at in [0, 1, 13, sealed.len() / 2, sealed.len() - 1] {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(open(b"1", &flipped), Err(NotOurs), "byte {at}");
        }
        assert_eq!(open(b"1", &sealed[..40]), Err(NotOurs));
    }

    /// Of whatever purpose, as a token and as bytes; also where the bit names another generation, held or not.
    //= PRIV-141 type=test
    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let keys = keys(&[2, 3]);
        let flipped = |bytes: &[u8], bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        for purpose in PURPOSES {
            let token = keys.seal(purpose, &[b"call"], [3; 12], b"sip:al@x").unwrap();
            let sealed = keys.seal_bytes(purpose, &[b"call"], [3; 12], b"sip:al@x").unwrap();
            for bit in 0..token.len() * 8 {
                assert_eq!(keys.open(purpose, &[b"call"], &flipped(&token, bit)), Err(NotOurs));
            }
            for bit in 0..sealed.len() * 8 {
                let flipped = flipped(&sealed, bit);
                assert_eq!(keys.open_bytes(purpose, &[b"call"], flipped), Err(NotOurs), "bit {bit}");
            }
        }
    }

    #[test]
    fn an_older_generation_still_opens() {
        let token = keys(&[1]).seal(Purpose::Dialog, &[b""], [3; 12], b"x").unwrap();
        assert_eq!(keys(&[2, 1]).open(Purpose::Dialog, &[b""], &token).unwrap(), b"x");
        assert_eq!(keys(&[2]).open(Purpose::Dialog, &[b""], &token), Err(NotOurs));
    }

    #[test]
    fn ceilings_hold_at_and_past_them() {
        let most: Vec<u8> = (0..GENERATIONS_MAX as u8).collect();
        assert_eq!(keys(&most).generations.len(), GENERATIONS_MAX);
        let secrets: Vec<_> = (0..=GENERATIONS_MAX as u8).map(|id| (id, [id; SECRET_BYTES])).collect();
        assert_eq!(Keys::new(&secrets, "T", 0).unwrap_err(), KeyError::TooMany);
        assert_eq!(Keys::new(&[], "T", 0).unwrap_err(), KeyError::None);
        assert_eq!(
            Keys::new(&[(1, [0; 32]), (1, [1; 32])], "T", 0).unwrap_err(),
            KeyError::SameId
        );
        let keys = keys(&[1]);
        assert!(keys.seal(Purpose::Dialog, &[b""], [3; 12], &[0; 3000]).is_some());
        assert!(keys.seal(Purpose::Dialog, &[b""], [3; 12], &[0; 3100]).is_none());
        assert_eq!(keys.open(Purpose::Dialog, &[b""], &[b'A'; 10_000]), Err(NotOurs));
    }
}
