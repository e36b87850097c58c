//! The keys that records are sealed with: one of each generation, the newest seals, all open.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::seal::{KeyError, SECRET_BYTES};

/// Bytes that sealing adds: generation, nonce, tag.
pub(super) const ADDED: usize = 1 + NONCE_LEN + 16;

pub struct AuditKeys {
    generations: Vec<(u8, LessSafeKey)>,
}

struct Key256;

impl KeyType for Key256 {
    fn len(&self) -> usize {
        32
    }
}

impl AuditKeys {
    /// Keys of secrets with their ids, newest first. A secret that seals tokens as well gives another key here.
    pub fn new(secrets: &[(u8, [u8; SECRET_BYTES])]) -> Result<AuditKeys, KeyError> {
        if secrets.is_empty() {
            return Err(KeyError::None);
        }
        let mut generations: Vec<(u8, LessSafeKey)> = Vec::with_capacity(secrets.len());
        for (id, secret) in secrets {
            if generations.iter().any(|(other, _)| other == id) {
                return Err(KeyError::SameId);
            }
            let secret = Salt::new(HKDF_SHA256, b"sipveil").extract(secret);
            let mut key = Zeroizing::new([0; 32]);
            let label: &[&[u8]] = &[b"sipveil audit record 1"];
            let output = secret.expand(label, Key256).map_err(|_| KeyError::Derivation)?;
            output.fill(&mut key[..]).map_err(|_| KeyError::Derivation)?;
            let key = UnboundKey::new(&AES_256_GCM_SIV, &key[..]).map_err(|_| KeyError::Derivation)?;
            generations.push((*id, LessSafeKey::new(key)));
        }
        Ok(AuditKeys { generations })
    }

    pub(super) fn seal(&self, bound: &[u8], nonce: [u8; NONCE_LEN], plain: &[u8]) -> Option<Vec<u8>> {
        let (id, key) = self.generations.first()?;
        let mut sealed = Vec::with_capacity(plain.len() + ADDED);
        sealed.push(*id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, text) = sealed.split_at_mut(1 + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(bound), text).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    pub(super) fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (head, text) = sealed.split_at_checked(1 + NONCE_LEN)?;
        let (_, key) = self.generations.iter().find(|(id, _)| *id == head[0])?;
        let nonce = Nonce::try_assume_unique_for_key(&head[1..]).ok()?;
        let mut text = text.to_vec();
        let length = key.open_in_place(nonce, Aad::from(bound), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

impl std::fmt::Debug for AuditKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditKeys").finish_non_exhaustive()
    }
}
