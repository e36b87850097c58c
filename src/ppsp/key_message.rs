//! The message that hands content keys to one UE: signed by the cache server, encrypted to the UE's key of this one request.

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::SwarmId;
use super::content_key::{GroupKey, KeyId};
use super::jwe::{self, About, Fresh, JweError, PrivateKey, PublicKey};
use super::jws::{self, JwsError, Kind, SigningKey, Unverified, VerifyingKey};
use super::tree;

/// Keys of one message at most.
pub const KEYS_MAX: usize = 64;

/// A content key that a UE may use for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantedKey {
    pub id: KeyId,
    pub key: GroupKey,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970; at that moment the UE erases it.
    pub expires: u64,
}

impl std::fmt::Debug for GrantedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantedKey").finish_non_exhaustive()
    }
}

/// Why a message hands over no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyMessageError {
    #[error("content keys: {0}")]
    Encrypted(#[from] JweError),
    #[error("content keys: {0}")]
    Signed(#[from] JwsError),
    #[error("a message of content keys is no JSON of keys and nonce, or names another swarm")]
    Json,
    #[error("a message has 1 to {KEYS_MAX} content keys")]
    Keys,
    #[error("a message of content keys was signed for another request")]
    Nonce,
    #[error("a message of content keys is signed by nobody the manifest names")]
    UnknownSigner,
}

/// In the order of RFC 8785. Borrows, so that no key is copied while it is read.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<Key<'a>>,
    nonce: &'a str,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Key<'a> {
    exp: u64,
    g: u32,
    k: &'a str,
    kid: &'a str,
    nbf: u64,
    /// The group's salt: the UE has no master key to derive it from.
    s: &'a str,
}

/// Base64url of a key, wiped when dropped.
struct KeyText {
    id: String,
    key: Zeroizing<String>,
    salt: String,
}

impl KeyText {
    fn of(granted: &GrantedKey) -> KeyText {
        KeyText {
            id: granted.id.to_string(),
            key: Zeroizing::new(BASE64URL_NOPAD.encode(granted.key.key())),
            salt: BASE64URL_NOPAD.encode(granted.key.salt()),
        }
    }

    fn beside(&self, granted: &GrantedKey) -> Key<'_> {
        Key {
            exp: granted.expires,
            g: granted.id.group,
            k: &self.key,
            kid: &self.id,
            nbf: granted.not_before,
            s: &self.salt,
        }
    }
}

/// Signs the keys for the request that `about` tells of, and encrypts them to the key it came with.
//= P2P-094
//= P2P-097
//= P2P-100 type=exception reason=keys are asked for one time after the other, and who is entitled is looked at each time: there is no subscription to end
pub fn seal(
    keys: &[GrantedKey],
    about: &About<'_>,
    signing: &SigningKey,
    to: &PublicKey,
    fresh: Fresh,
) -> Result<String, KeyMessageError> {
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return Err(KeyMessageError::Keys);
    }
    if keys.iter().any(|granted| granted.id.swarm != *about.swarm) {
        return Err(KeyMessageError::Json);
    }
    let texts: Vec<KeyText> = keys.iter().map(KeyText::of).collect();
    let nonce = BASE64URL_NOPAD.encode(about.nonce);
    let document = Document {
        keys: keys
            .iter()
            .zip(&texts)
            .map(|(granted, text)| text.beside(granted))
            .collect(),
        nonce: &nonce,
    };
    // Text and numbers: nothing here fails to be JSON. Room enough, so that no key is left behind where it grew.
    let mut payload = Zeroizing::new(Vec::with_capacity(256 * (keys.len() + 1)));
    serde_json::to_writer(&mut *payload, &document).map_err(|_| KeyMessageError::Json)?;
    let signed = Zeroizing::new(jws::sign(Kind::Keys, &payload, signing));
    Ok(jwe::seal(to, about, fresh, signed.as_bytes())?)
}

/// Opens the answer to the request of this nonce about this swarm. `key_of` knows the keys of the cache servers that the manifest
/// names.
//= P2P-094
pub fn open(
    text: &str,
    key: &PrivateKey,
    nonce: &[u8],
    swarm: &SwarmId,
    key_of: impl FnOnce(&str) -> Option<VerifyingKey>,
) -> Result<Vec<GrantedKey>, KeyMessageError> {
    let opened = jwe::open(text, key, nonce, swarm)?;
    let signer = key_of(&opened.signer).ok_or(KeyMessageError::UnknownSigner)?;
    let signed = std::str::from_utf8(&opened.plain).map_err(|_| JwsError::Form)?;
    let payload = Unverified::read(Kind::Keys, signed, jwe::TEXT_MAX)?.verified(&signer)?;
    let document: Document<'_> = serde_json::from_slice(&payload).map_err(|_| KeyMessageError::Json)?;
    if document.nonce != BASE64URL_NOPAD.encode(nonce) {
        return Err(KeyMessageError::Nonce);
    }
    if !(1..=KEYS_MAX).contains(&document.keys.len()) {
        return Err(KeyMessageError::Keys);
    }
    let granted = |key: &Key<'_>| {
        let id = KeyId::read(key.kid).filter(|id| id.swarm == *swarm && id.group == key.g)?;
        Some(GrantedKey {
            id,
            key: GroupKey::new(tree::bytes_of(key.k)?, tree::bytes_of(key.s)?),
            not_before: key.nbf,
            expires: key.exp,
        })
    };
    let keys: Option<Vec<GrantedKey>> = document.keys.iter().map(granted).collect();
    keys.ok_or(KeyMessageError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ppsp::content_key::{ContentMaster, Version};
    use crate::ppsp::jwe::Curve;

    const SWARM: SwarmId = SwarmId::of_root([6; 32]);
    const NONCE: &[u8] = b"nonce of the UE!";

    fn granted(groups: u32) -> Vec<GrantedKey> {
        let master = ContentMaster::new([0x5A; 32]);
        let granted = |group| GrantedKey {
            id: KeyId {
                swarm: SWARM,
                group,
                version: 2,
            },
            key: master.group(&Version::of_title("title", 2), group),
            not_before: 1000,
            expires: u64::MAX,
        };
        (0..groups).map(granted).collect()
    }

    fn signer() -> SigningKey {
        SigningKey::from_seed(&[3; 32]).unwrap()
    }

    fn ue() -> PrivateKey {
        PrivateKey::new(Curve::X25519, &[4; 32]).unwrap()
    }

    fn sealed(keys: &[GrantedKey], nonce: &[u8]) -> Result<String, KeyMessageError> {
        let fresh = Fresh {
            ephemeral: [9; 32],
            content_key: [8; 16],
            iv: [7; 12],
        };
        let about = About {
            nonce,
            swarm: &SWARM,
            signer: "ccs1",
        };
        seal(keys, &about, &signer(), &ue().public_key().unwrap(), fresh)
    }

    fn opened(text: &str, nonce: &[u8]) -> Result<Vec<GrantedKey>, KeyMessageError> {
        open(text, &ue(), nonce, &SWARM, |name| {
            (name == "ccs1").then(|| signer().verifying_key())
        })
    }

    /// From the master key to a piece in clear at the UE.
    //= P2P-094 type=test
    #[test]
    fn the_ue_gets_the_keys_it_was_granted() {
        let keys = granted(3);
        let received = opened(&sealed(&keys, NONCE).unwrap(), NONCE).unwrap();
        assert_eq!(received, keys);
        let mut piece = *b"a piece of some content";
        keys[1].key.apply(5, 64, &mut piece).unwrap();
        assert_ne!(&piece, b"a piece of some content");
        received[1].key.apply(5, 64, &mut piece).unwrap();
        assert_eq!(&piece, b"a piece of some content");
    }

    //= P2P-094 type=test
    #[test]
    fn another_nonce_or_signer_is_refused() {
        let text = sealed(&granted(1), NONCE).unwrap();
        assert_eq!(opened(&text, b"another nonce!!!"), Err(JweError::Nonce.into()));
        let with = |key_of: fn(&str) -> Option<VerifyingKey>| open(&text, &ue(), NONCE, &SWARM, key_of);
        assert_eq!(with(|_| None), Err(KeyMessageError::UnknownSigner));
        let other = |_: &str| Some(SigningKey::from_seed(&[1; 32]).unwrap().verifying_key());
        assert_eq!(with(other), Err(JwsError::Signature.into()));
    }

    /// Signed for one request and wrapped again for another, by whoever once received it.
    //= P2P-094 type=test
    #[test]
    fn a_signed_answer_does_not_serve_another_request() {
        let text = sealed(&granted(1), NONCE).unwrap();
        let inside = jwe::open(&text, &ue(), NONCE, &SWARM).unwrap().plain;
        let about = About {
            nonce: b"another nonce!!!",
            swarm: &SWARM,
            signer: "ccs1",
        };
        let fresh = Fresh {
            ephemeral: [1; 32],
            content_key: [2; 16],
            iv: [3; 12],
        };
        let again = jwe::seal(&ue().public_key().unwrap(), &about, fresh, &inside).unwrap();
        assert_eq!(opened(&again, b"another nonce!!!"), Err(KeyMessageError::Nonce));
    }

    #[test]
    fn keys_hold_at_and_past_their_ceiling() {
        let text = sealed(&granted(KEYS_MAX as u32), NONCE).unwrap();
        assert_eq!(opened(&text, NONCE).unwrap().len(), KEYS_MAX);
        assert_eq!(sealed(&granted(KEYS_MAX as u32 + 1), NONCE), Err(KeyMessageError::Keys));
        assert_eq!(sealed(&[], NONCE), Err(KeyMessageError::Keys));
        let mut keys = granted(1);
        keys[0].id.swarm = SwarmId::of_root([1; 32]);
        assert_eq!(sealed(&keys, NONCE), Err(KeyMessageError::Json));
    }

    #[test]
    fn no_key_is_in_clear_or_shown() {
        let keys = granted(1);
        let text = sealed(&keys, NONCE).unwrap();
        let key = keys[0].key.key();
        let shown = format!("{keys:?} {:?}", opened(&text, NONCE));
        let spellings = [
            BASE64URL_NOPAD.encode(key),
            data_encoding::HEXLOWER.encode(key),
            format!("{key:?}"),
        ];
        for spelling in spellings {
            assert!(!text.contains(&spelling) && !shown.contains(&spelling));
        }
        let decoded: Vec<Vec<u8>> = text
            .split('.')
            .map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap())
            .collect();
        assert!(decoded.iter().all(|part| !part.windows(16).any(|window| window == key)));
        assert!(jwe::is_encrypted(&text));
    }
}
