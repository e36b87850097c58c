//! Keys of security associations, made of CK and IK: TS 33.203 Annex I.
//!
//! They leave memory when dropped, and nothing prints them.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::{Zeroize, Zeroizing};

use super::suite::{Encryption, Integrity, Suite};
use crate::pcscf::keys::{CkIk, KEY_BYTES};

/// The key of one algorithm, with its salt where it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct EspKey(Zeroizing<Vec<u8>>);

/// What a suite needs. `None`: that half of it is null.
#[derive(Clone, PartialEq, Eq)]
pub struct EspKeys {
    pub encryption: Option<EspKey>,
    pub integrity: Option<EspKey>,
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
    pub fn expand(suite: Suite, keys: &CkIk) -> EspKeys {
        let CkIk { ck, ik } = keys;
        let salt = |code, label| salt(code, label, keys);
        let encryption = match suite.encryption {
            Encryption::AesGcm => Some(EspKey::of(&[&**ck, &*salt(0x59, b"AES_GCM_SALT")])),
            Encryption::AesCbc => Some(EspKey::of(&[&**ck])),
            // CK1, CK2, CK1: its halves and the first again.
            Encryption::DesEde3Cbc => Some(EspKey::of(&[&**ck, &ck[..KEY_BYTES / 2]])),
            Encryption::Null => None,
        };
        let integrity = match suite.integrity {
            Integrity::HmacSha1 => Some(EspKey::of(&[&**ik, &[0; 4]])),
            Integrity::HmacMd5 => Some(EspKey::of(&[&**ik])),
            Integrity::AesGmac => Some(EspKey::of(&[&**ik, &*salt(0x58, b"AES_GMAC_SALT")])),
            Integrity::Null => None,
        };
        EspKeys { encryption, integrity }
    }
}

/// The last four bytes of the key derivation function of TS 33.220 Annex B, keyed with CK and IK.
fn salt(code: u8, label: &[u8], keys: &CkIk) -> Zeroizing<[u8; 4]> {
    let mut both = [0; 2 * KEY_BYTES];
    both[..KEY_BYTES].copy_from_slice(&*keys.ck);
    both[KEY_BYTES..].copy_from_slice(&*keys.ik);
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

prints_nothing! { EspKey EspKeys }

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: &Option<EspKey>) -> String {
        let bytes = key.as_ref().map_or(&[][..], |key| key.reveal());
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn keys() -> CkIk {
        let count = |from: u8| Zeroizing::new(std::array::from_fn(|place| from + place as u8));
        CkIk {
            ck: count(0x10),
            ik: count(0),
        }
    }

    fn expand(encryption: Encryption, integrity: Integrity) -> (String, String) {
        let keys = EspKeys::expand(Suite { encryption, integrity }, &keys());
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
        let other = || Zeroizing::new([7; KEY_BYTES]);
        let of = |keys: CkIk| salt(0x59, b"AES_GCM_SALT", &keys);
        let salts = [
            of(keys()),
            of(CkIk { ck: other(), ..keys() }),
            of(CkIk { ik: other(), ..keys() }),
        ];
        assert!(salts[0] != salts[1] && salts[0] != salts[2] && salts[1] != salts[2]);
    }

    //= LI-008 type=test
    #[test]
    fn no_key_is_printed() {
        let suite = Suite {
            encryption: Encryption::AesGcm,
            integrity: Integrity::Null,
        };
        let keys = EspKeys::expand(suite, &keys());
        let shown = format!("{keys:?}{:?}", keys.encryption);
        assert_eq!(shown, "EspKeys { .. }Some(EspKey { .. })");
    }
}
