//! What is encrypted to one UE: JWE compact serialisation (RFC 7516), ECDH-ES+A128KW with A128GCM (RFC 7518), over X25519
//! (RFC 8037) or P-256.
//!
//! `apu` echoes the nonce of the request and `apv` names the swarm; both go into the key, so that a message answers one request.
//! All that must be random comes in as a value.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::key_wrap::{AES_128, AesKek, KeyWrap};
use data_encoding::BASE64URL_NOPAD;
use zeroize::{Zeroize, Zeroizing};

use super::{SwarmId, tree};

/// Characters of an encrypted document at most.
pub const TEXT_MAX: usize = 64 << 10;
/// Bytes of a request's nonce.
pub const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
/// Characters of the name of who signed what is inside.
pub const SIGNER_MAX: usize = 256;

const KEY_BYTES: usize = 16;
const WRAPPED_BYTES: usize = KEY_BYTES + 8;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const ALGORITHM: &str = "ECDH-ES+A128KW";
const ENCRYPTION: &str = "A128GCM";

/// Why a document is not encrypted, or does not open. Says nothing of what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    #[error("a public key is no X25519 key and no point of P-256")]
    PublicKey,
    #[error("a private key is out of its curve's range: draw again")]
    PrivateKey,
    #[error("a nonce has 8 to 64 bytes, and a signer's name 1 to {SIGNER_MAX} characters")]
    Value,
    #[error("an encrypted document is longer than {TEXT_MAX} characters")]
    TooLong,
    #[error("an encrypted document is no five parts of base64url")]
    Form,
    #[error("the header of an encrypted document has other members or algorithms than it should")]
    Header,
    #[error("an encrypted document answers another request")]
    Nonce,
    #[error("an encrypted document is about another swarm")]
    Swarm,
    #[error("an encrypted document does not open with this key")]
    Closed,
}

/// A public key in JSON (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    pub crv: String,
    pub kty: String,
    pub x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

/// Whom something is encrypted to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PublicKey {
    X25519([u8; 32]),
    /// An uncompressed point.
    P256([u8; 65]),
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

impl PublicKey {
    pub fn read(jwk: &Jwk) -> Result<PublicKey, JweError> {
        let coordinate = |text: &str| tree::bytes_of::<32>(text).ok_or(JweError::PublicKey);
        match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
            ("OKP", "X25519", None) => Ok(PublicKey::X25519(coordinate(&jwk.x)?)),
            ("EC", "P-256", Some(y)) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&coordinate(&jwk.x)?);
                point[33..].copy_from_slice(&coordinate(y)?);
                Ok(PublicKey::P256(point))
            }
            _ => Err(JweError::PublicKey),
        }
    }

    pub fn write(&self) -> Jwk {
        let (kty, crv, x, y) = match self {
            PublicKey::X25519(x) => ("OKP", "X25519", &x[..], None),
            PublicKey::P256(point) => ("EC", "P-256", &point[1..33], Some(&point[33..])),
        };
        Jwk {
            crv: crv.to_owned(),
            kty: kty.to_owned(),
            x: BASE64URL_NOPAD.encode(x),
            y: y.map(|y| BASE64URL_NOPAD.encode(y)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            PublicKey::X25519(key) => key,
            PublicKey::P256(point) => point,
        }
    }

    fn curve(&self) -> Curve {
        match self {
            PublicKey::X25519(_) => Curve::X25519,
            PublicKey::P256(_) => Curve::P256,
        }
    }
}

/// Where a key pair lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    X25519,
    P256,
}

impl Curve {
    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Curve::X25519 => &X25519,
            Curve::P256 => &ECDH_P256,
        }
    }
}

/// The other half of a [`PublicKey`].
pub struct PrivateKey {
    curve: Curve,
    key: agreement::PrivateKey,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// The key of these bytes, which nobody can guess.
    pub fn new(curve: Curve, bytes: &[u8; 32]) -> Result<PrivateKey, JweError> {
        let key = agreement::PrivateKey::from_private_key(curve.algorithm(), bytes);
        key.map(|key| PrivateKey { curve, key })
            .map_err(|_| JweError::PrivateKey)
    }

    pub fn public_key(&self) -> Result<PublicKey, JweError> {
        let public = self.key.compute_public_key().map_err(|_| JweError::PrivateKey)?;
        let public = match self.curve {
            Curve::X25519 => public.as_ref().try_into().map(PublicKey::X25519),
            Curve::P256 => public.as_ref().try_into().map(PublicKey::P256),
        };
        public.map_err(|_| JweError::PrivateKey)
    }

    /// The key of `bytes` bytes that both sides come to (RFC 7518 clause 4.6.2), 32 at most: one round of SHA-256.
    fn agree(
        &self,
        with: &PublicKey,
        algorithm: &str,
        party_u: &[u8],
        party_v: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, JweError> {
        let with = UnparsedPublicKey::new(with.curve().algorithm(), with.bytes());
        agreement::agree(&self.key, with, JweError::PublicKey, |shared| {
            let mut round = Zeroizing::new(Vec::with_capacity(512));
            round.extend_from_slice(&1u32.to_be_bytes());
            round.extend_from_slice(shared);
            for part in [algorithm.as_bytes(), party_u, party_v] {
                round.extend_from_slice(&(part.len() as u32).to_be_bytes());
                round.extend_from_slice(part);
            }
            round.extend_from_slice(&(KEY_BYTES as u32 * 8).to_be_bytes());
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            key.copy_from_slice(&digest(&SHA256, &round).as_ref()[..KEY_BYTES]);
            Ok(key)
        })
    }
}

/// What has to be random in one message, and is used for no other.
pub struct Fresh {
    pub ephemeral: [u8; 32],
    pub content_key: [u8; KEY_BYTES],
    pub iv: [u8; IV_BYTES],
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.ephemeral.zeroize();
        self.content_key.zeroize();
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fresh").finish_non_exhaustive()
    }
}

/// What a message answers, and who signed what is inside. Stands in clear in the protected header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    pub nonce: &'a [u8],
    pub swarm: &'a SwarmId,
    pub signer: &'a str,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    apu: String,
    apv: String,
    enc: String,
    epk: Jwk,
    iss: String,
}

/// Encrypts `plain` to who has the private key of `to`.
//= P2P-094
//= P2P-097
pub fn seal(to: &PublicKey, about: &About<'_>, fresh: Fresh, plain: &[u8]) -> Result<String, JweError> {
    if !NONCE_BYTES.contains(&about.nonce.len()) || !(1..=SIGNER_MAX).contains(&about.signer.len()) {
        return Err(JweError::Value);
    }
    let ephemeral = PrivateKey::new(to.curve(), &fresh.ephemeral)?;
    let wrapping = ephemeral.agree(to, ALGORITHM, about.nonce, about.swarm.root())?;
    let mut wrapped = [0; WRAPPED_BYTES];
    AesKek::new(&AES_128, &wrapping[..])
        .and_then(|key| key.wrap(&fresh.content_key, &mut wrapped).map(|_| ()))
        .map_err(|_| JweError::PrivateKey)?;
    let header = Header {
        alg: ALGORITHM.to_owned(),
        apu: BASE64URL_NOPAD.encode(about.nonce),
        apv: about.swarm.text(),
        enc: ENCRYPTION.to_owned(),
        epk: ephemeral.public_key()?.write(),
        iss: about.signer.to_owned(),
    };
    // Text alone: nothing here fails to be JSON.
    let mut text = BASE64URL_NOPAD.encode(&serde_json::to_vec(&header).unwrap_or_default());
    let mut sealed = Zeroizing::new(plain.to_vec());
    let tag = content_cipher(&fresh.content_key)
        .and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(fresh.iv);
            key.seal_in_place_separate_tag(nonce, Aad::from(text.as_bytes()), &mut sealed)
                .ok()
        })
        .ok_or(JweError::TooLong)?;
    for part in [&wrapped[..], &fresh.iv, &sealed, tag.as_ref()] {
        text.push('.');
        BASE64URL_NOPAD.encode_append(part, &mut text);
    }
    (text.len() <= TEXT_MAX).then_some(text).ok_or(JweError::TooLong)
}

/// Opens what was encrypted to this key, as the answer to the request of this nonce about this swarm. Gives what was inside and
/// the name of its signer.
//= P2P-094
pub fn open(text: &str, key: &PrivateKey, nonce: &[u8], swarm: &SwarmId) -> Result<Opened, JweError> {
    let parts = Parts::read(text)?;
    if parts.header.apu != BASE64URL_NOPAD.encode(nonce) {
        return Err(JweError::Nonce);
    }
    if parts.header.apv != swarm.text() {
        return Err(JweError::Swarm);
    }
    let ephemeral = PublicKey::read(&parts.header.epk)?;
    if ephemeral.curve() != key.curve {
        return Err(JweError::PublicKey);
    }
    let wrapping = key.agree(&ephemeral, ALGORITHM, nonce, swarm.root())?;
    let mut content_key = Zeroizing::new([0; KEY_BYTES]);
    AesKek::new(&AES_128, &wrapping[..])
        .and_then(|key| key.unwrap(&parts.wrapped, &mut content_key[..]).map(|_| ()))
        .map_err(|_| JweError::Closed)?;
    let mut plain = Zeroizing::new(parts.sealed);
    let length = content_cipher(&content_key)
        .and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(parts.iv);
            let opened = key.open_in_place(nonce, Aad::from(parts.protected.as_bytes()), &mut plain);
            opened.ok().map(|plain| plain.len())
        })
        .ok_or(JweError::Closed)?;
    plain.truncate(length);
    Ok(Opened {
        plain,
        signer: parts.header.iss,
    })
}

fn content_cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_128_GCM, key).ok().map(LessSafeKey::new)
}

/// What was inside. Wiped when dropped.
pub struct Opened {
    pub plain: Zeroizing<Vec<u8>>,
    pub signer: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Whether this is an encrypted document by its form, for who passes it on and cannot open it.
//= P2P-097
pub fn is_encrypted(text: &str) -> bool {
    Parts::read(text).is_ok()
}

struct Parts<'t> {
    protected: &'t str,
    header: Header,
    wrapped: [u8; WRAPPED_BYTES],
    iv: [u8; IV_BYTES],
    /// With its tag.
    sealed: Vec<u8>,
}

impl<'t> Parts<'t> {
    fn read(text: &'t str) -> Result<Parts<'t>, JweError> {
        if text.len() > TEXT_MAX {
            return Err(JweError::TooLong);
        }
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(JweError::Form);
        let (protected, wrapped, iv, sealed, tag) = (part()?, part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(JweError::Form);
        }
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| JweError::Form);
        let header: Header = serde_json::from_slice(&decoded(protected)?).map_err(|_| JweError::Header)?;
        if header.alg != ALGORITHM || header.enc != ENCRYPTION {
            return Err(JweError::Header);
        }
        let mut sealed = decoded(sealed)?;
        sealed.extend_from_slice(&tree::bytes_of::<TAG_BYTES>(tag).ok_or(JweError::Form)?);
        Ok(Parts {
            protected,
            header,
            wrapped: tree::bytes_of(wrapped).ok_or(JweError::Form)?,
            iv: tree::bytes_of(iv).ok_or(JweError::Form)?,
            sealed,
        })
    }
}

#[cfg(test)]
mod tests;
