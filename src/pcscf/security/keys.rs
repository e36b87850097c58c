//! Keys of security associations, made of CK and IK: TS 33.203 Annex I.
//!
//! They leave memory when dropped, and nothing prints them.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::{Zeroize, Zeroizing};

use super::suite::{Encryption, Integrity, Suite};

/// Bytes of CK and of IK.
pub const KEY_BYTES: usize = 16;

/// The confidentiality key of a UE's authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Ck(Zeroizing<[u8; KEY_BYTES]>);

/// The integrity key of a UE's authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Ik(Zeroizing<[u8; KEY_BYTES]>);

/// The key of one algorithm, with its salt where it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct EspKey(Zeroizing<Vec<u8>>);

/// What a suite needs. `None`: that half of it is null.
#[derive(Clone, PartialEq, Eq)]
pub struct EspKeys {
    pub encryption: Option<EspKey>,
    pub integrity: Option<EspKey>,
}

impl Ck {
    pub fn new(key: [u8; KEY_BYTES]) -> Ck {
        Ck(Zeroizing::new(key))
    }
}

impl Ik {
    pub fn new(key: [u8; KEY_BYTES]) -> Ik {
        Ik(Zeroizing::new(key))
    }
}

impl EspKey {
    fn of(parts: &[&[u8]]) -> EspKey {
        // All of it at once: a vector that grows leaves its old bytes behind.
        EspKey(Zeroizing::new(parts.concat()))
    }

    /// The key itself, for whoever installs it; a salt stands behind it, as the kernel wants it.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl EspKeys {
    /// The keys of a suite.
    //= AKA-006
    pub fn expand(suite: Suite, ck: &Ck, ik: &Ik) -> EspKeys {
        let salt = |code, label| salt(code, label, ck, ik);
        let encryption = match suite.encryption {
            Encryption::AesGcm => Some(EspKey::of(&[&*ck.0, &*salt(0x59, b"AES_GCM_SALT")])),
            Encryption::AesCbc => Some(EspKey::of(&[&*ck.0])),
            // CK1, CK2, CK1: its halves and the first again.
            Encryption::DesEde3Cbc => Some(EspKey::of(&[&*ck.0, &ck.0[..KEY_BYTES / 2]])),
            Encryption::Null => None,
        };
        let integrity = match suite.integrity {
            Integrity::HmacSha1 => Some(EspKey::of(&[&*ik.0, &[0; 4]])),
            Integrity::HmacMd5 => Some(EspKey::of(&[&*ik.0])),
            Integrity::AesGmac => Some(EspKey::of(&[&*ik.0, &*salt(0x58, b"AES_GMAC_SALT")])),
            Integrity::Null => None,
        };
        EspKeys { encryption, integrity }
    }
}

/// The last four bytes of the key derivation function of TS 33.220 Annex B, keyed with CK and IK.
fn salt(code: u8, label: &[u8], ck: &Ck, ik: &Ik) -> Zeroizing<[u8; 4]> {
    let mut both = [0; 2 * KEY_BYTES];
    both[..KEY_BYTES].copy_from_slice(&*ck.0);
    both[KEY_BYTES..].copy_from_slice(&*ik.0);
    let key = hmac::Key::new(HMAC_SHA256, &both);
    both.zeroize();
    let mut input = vec![code];
    input.extend_from_slice(label);
    input.extend_from_slice(&(label.len() as u16).to_be_bytes());
    let tag = hmac::sign(&key, &input);
    let mut salt = Zeroizing::new([0; 4]);
    for (to, from) in salt.iter_mut().zip(tag.as_ref().iter().skip(28)) {
        *to = *from;
    }
    salt
}

macro_rules! prints_nothing {
    ($($kind:ident)*) => {$(
        impl std::fmt::Debug for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($kind)).finish_non_exhaustive()
            }
        }
    )*};
}

prints_nothing! { Ck Ik EspKey EspKeys }

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: &Option<EspKey>) -> String {
        let bytes = key.as_ref().map_or(&[][..], |key| key.reveal());
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn keys() -> (Ck, Ik) {
        let count = |from: u8| std::array::from_fn(|place| from + place as u8);
        (Ck::new(count(0x10)), Ik::new(count(0)))
    }

    fn expand(encryption: Encryption, integrity: Integrity) -> (String, String) {
        let (ck, ik) = keys();
        let keys = EspKeys::expand(Suite { encryption, integrity }, &ck, &ik);
        (hex(&keys.encryption), hex(&keys.integrity))
    }

    const CK: &str = "101112131415161718191a1b1c1d1e1f";
    const IK: &str = "000102030405060708090a0b0c0d0e0f";

    //= AKA-006 type=test
    #[test]
    fn keys_without_a_salt_are_made_as_annex_i_says() {
        let sha1 = "000102030405060708090a0b0c0d0e0f00000000".to_owned();
        assert_eq!(
            expand(Encryption::Null, Integrity::HmacSha1),
            (String::new(), sha1.clone())
        );
        assert_eq!(expand(Encryption::AesCbc, Integrity::HmacSha1), (CK.to_owned(), sha1));
        assert_eq!(
            expand(Encryption::DesEde3Cbc, Integrity::HmacMd5),
            (format!("{CK}1011121314151617"), IK.to_owned())
        );
    }

    /// The salts are the last eight digits of what `openssl dgst -sha256 -mac HMAC -macopt hexkey:CK||IK` prints for
    /// `\x58AES_GMAC_SALT\x00\x0d` and `\x59AES_GCM_SALT\x00\x0c`.
    //= AKA-006 type=test
    #[test]
    fn salts_are_those_of_another_implementation() {
        assert_eq!(
            expand(Encryption::AesGcm, Integrity::Null),
            (format!("{CK}01ef6dcb"), String::new())
        );
        assert_eq!(
            expand(Encryption::Null, Integrity::AesGmac),
            (String::new(), format!("{IK}c0e23b0a"))
        );
    }

    //= AKA-006 type=test
    #[test]
    fn a_salt_depends_on_both_keys() {
        let (ck, ik) = keys();
        let other = [7; KEY_BYTES];
        let salts = [
            salt(0x59, b"AES_GCM_SALT", &ck, &ik),
            salt(0x59, b"AES_GCM_SALT", &Ck::new(other), &ik),
            salt(0x59, b"AES_GCM_SALT", &ck, &Ik::new(other)),
        ];
        assert!(salts[0] != salts[1] && salts[0] != salts[2] && salts[1] != salts[2]);
    }

    //= LI-008 type=test
    #[test]
    fn no_key_is_printed() {
        let (ck, ik) = keys();
        let suite = Suite {
            encryption: Encryption::AesGcm,
            integrity: Integrity::Null,
        };
        let keys = EspKeys::expand(suite, &ck, &ik);
        let shown = format!("{ck:?}{ik:?}{keys:?}{:?}", keys.encryption);
        assert_eq!(shown, "Ck { .. }Ik { .. }EspKeys { .. }Some(EspKey { .. })");
    }
}
