//! Signed documents: JWS compact serialisation (RFC 7515), EdDSA over Ed25519 (RFC 8037) or ES256.
//!
//! The key says the algorithm; the header must agree and is not asked. It says what kind of document follows, so that none passes
//! for another, and nothing else: a `crit`, a key of its own or any further member is refused.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::tree;

/// What a signed document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Manifest,
    Ticket,
    Keys,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Kind::Manifest => "p2p-manifest",
            Kind::Ticket => "p2p-ticket",
            Kind::Keys => "p2p-keys",
        }
    }
}

/// Why a signed document is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    #[error("a signed document is longer than its kind may be")]
    TooLong,
    #[error("a signed document is no three parts of base64url")]
    Form,
    #[error("the header of a signed document has other members than alg and typ")]
    Header,
    #[error("the header of a signed document names another kind of document")]
    Kind,
    #[error("the header of a signed document names another algorithm than its key is for")]
    Algorithm,
    #[error("the signature of a document is not its signer's")]
    Signature,
}

/// Whose signatures are believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VerifyingKey {
    Ed25519([u8; 32]),
    /// An uncompressed point.
    P256([u8; 65]),
}

impl VerifyingKey {
    fn algorithm(&self) -> &'static str {
        match self {
            VerifyingKey::Ed25519(_) => "EdDSA",
            VerifyingKey::P256(_) => "ES256",
        }
    }

    /// Whether this key signed these bytes.
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            VerifyingKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature).is_ok(),
            VerifyingKey::P256(key) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
                key.verify(bytes, signature).is_ok()
            }
        }
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.algorithm()).finish()
    }
}

/// What we sign with. Ed25519 alone: an ES256 signature needs a random number of its own.
pub struct SigningKey(Ed25519KeyPair);

/// Bytes that are no seed of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key cannot be made of this seed")]
pub struct BadSeed;

impl SigningKey {
    pub fn from_seed(seed: &[u8; 32]) -> Result<SigningKey, BadSeed> {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(SigningKey)
            .map_err(|_| BadSeed)
    }

    pub fn verifying_key(&self) -> VerifyingKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey::Ed25519(key)
    }

    /// The signature of these bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(bytes).as_ref());
        signature
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
}

/// The document over this payload.
pub fn sign(kind: Kind, payload: &[u8], key: &SigningKey) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"{}"}}"#, kind.text());
    // Room for all of it: a payload may hold keys, and is not left behind where the text grew.
    let bytes = header.len() + payload.len() + 64;
    let mut text = String::with_capacity(BASE64URL_NOPAD.encode_len(bytes) + 4);
    BASE64URL_NOPAD.encode_append(header.as_bytes(), &mut text);
    text.push('.');
    BASE64URL_NOPAD.encode_append(payload, &mut text);
    let signature = key.sign(text.as_bytes());
    text.push('.');
    BASE64URL_NOPAD.encode_append(&signature, &mut text);
    text
}

/// A document that was cut apart, and is not verified.
pub(super) struct Unverified<'t> {
    kind: Kind,
    header: Vec<u8>,
    payload: Zeroizing<Vec<u8>>,
    signature: Vec<u8>,
    signed: &'t str,
}

impl<'t> Unverified<'t> {
    /// Cuts a text of up to `text_max` characters.
    pub fn read(kind: Kind, text: &'t str, text_max: usize) -> Result<Unverified<'t>, JwsError> {
        if text.len() > text_max {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Form)?;
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| JwsError::Form);
        Ok(Unverified {
            kind,
            header: decoded(header)?,
            payload: Zeroizing::new(decoded(payload)?),
            signature: decoded(signature)?,
            signed,
        })
    }

    /// What may be read only to choose the key.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, once it is known whose it is.
    //= P2P-118
    pub fn verified(self, key: &VerifyingKey) -> Result<Zeroizing<Vec<u8>>, JwsError> {
        let header: Header<'_> = serde_json::from_slice(&self.header).map_err(|_| JwsError::Header)?;
        if header.typ != self.kind.text() {
            return Err(JwsError::Kind);
        }
        if header.alg != key.algorithm() {
            return Err(JwsError::Algorithm);
        }
        if !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(self.payload)
    }
}

/// An Ed25519 key as it stands in a document: 43 characters of base64url.
pub(super) fn key_text(key: &[u8; 32]) -> String {
    BASE64URL_NOPAD.encode(key)
}

pub(super) fn key_of(text: &str) -> Option<[u8; 32]> {
    tree::bytes_of(text)
}

#[cfg(test)]
mod tests;
