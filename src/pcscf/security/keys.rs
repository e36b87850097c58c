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

/// The last four bytes of what is derived with one label.
fn salt(code: u8, label: &[u8], keys: &CkIk) -> Zeroizing<[u8; 4]> {
    let derived = derive(code, &[label], keys);
    let mut salt = Zeroizing::new([0; 4]);
    salt.copy_from_slice(&derived[DERIVED_BYTES - 4..]);
    salt
}

const DERIVED_BYTES: usize = 32;

/// The key derivation function of TS 33.220 Annex B, keyed with CK and IK.
fn derive(code: u8, parameters: &[&[u8]], keys: &CkIk) -> Zeroizing<[u8; DERIVED_BYTES]> {
    let mut both = [0; 2 * KEY_BYTES];
    both[..KEY_BYTES].copy_from_slice(&*keys.ck);
    both[KEY_BYTES..].copy_from_slice(&*keys.ik);
    let key = hmac::Key::new(HMAC_SHA256, &both);
    both.zeroize();
    let mut input = vec![code];
    for parameter in parameters {
        input.extend_from_slice(parameter);
        input.extend_from_slice(&(parameter.len() as u16).to_be_bytes());
    }
    let tag = hmac::sign(&key, &input);
    let mut derived = Zeroizing::new([0; DERIVED_BYTES]);
    for (to, from) in derived.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    derived
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

    fn key(text: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        Zeroizing::new(bytes.try_into().unwrap())
    }

    /// RFC 9048 appendix D, cases 1 to 3: the function of TS 33.220 keyed with CK and IK, FC 0x20, of a network's name and SQN
    /// xor AK, gives CK' and IK'. No text publishes what Annex I makes with it.
    //= AKA-006 type=test
    #[test]
    fn what_is_derived_is_what_is_published_for_eap_aka() {
        let (ck, ik) = ("5349fbe098649f948f5d2e973a81c00f", "9744871ad32bf9bbd1dd5ce54e3e2e5a");
        let concealed = [0xbb, 0x52, 0xe9, 0x1c, 0x74, 0x7a];
        for (ck, ik, network, concealed, derived) in [
            (
                ck,
                ik,
                "WLAN",
                concealed,
                "0093962d0dd84aa5684b045c9edffa04ccfc230ca74fcc96c0a5d61164f5a76c",
            ),
            (
                ck,
                ik,
                "HRPD",
                concealed,
                "3820f0277fa5f77732b1fb1d90c1a0dadb94a0ab557ef6c9ab48619ca05b9a9f",
            ),
            (
                "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0",
                "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0",
                "WLAN",
                [0xa0; 6],
                "cd4c8e5c68f57dd1d7d7dfd0c538e5773ece6b705dbbf7dfc459a11280c65524",
            ),
        ] {
            let keys = CkIk {
                ck: key(ck),
                ik: key(ik),
            };
            let made = super::derive(0x20, &[network.as_bytes(), &concealed], &keys);
            assert_eq!(data_encoding::HEXLOWER.encode(&*made), derived, "{network}");
        }
    }

    /// RFC 4231 section 4.2 to 4.4: the HMAC under it, by itself.
    #[test]
    fn hmac_sha_256_is_that_of_rfc_4231() {
        for (key, data, tag) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
        ] {
            let made = hmac::sign(&hmac::Key::new(HMAC_SHA256, key), data);
            assert_eq!(data_encoding::HEXLOWER.encode(made.as_ref()), tag);
        }
    }

    /// CK and IK of TS 35.208 section 4.3, test set 1.
    //= AKA-006 type=test
    #[test]
    fn the_keys_of_a_published_challenge_are_laid_out_as_annex_i_says() {
        let (ck, ik) = ("b40ba9a3c58b2a05bbf0d987b21bf8cb", "f769bcd751044604127672711c6d3441");
        let of = |encryption, integrity| {
            let keys = CkIk {
                ck: key(ck),
                ik: key(ik),
            };
            let keys = EspKeys::expand(Suite { encryption, integrity }, &keys);
            (hex(&keys.encryption), hex(&keys.integrity))
        };
        assert_eq!(
            of(Encryption::AesCbc, Integrity::HmacSha1),
            (ck.to_owned(), format!("{ik}00000000"))
        );
        assert_eq!(
            of(Encryption::DesEde3Cbc, Integrity::HmacMd5),
            (format!("{ck}{}", &ck[..16]), ik.to_owned())
        );
        let (gcm, gmac) = (
            of(Encryption::AesGcm, Integrity::Null).0,
            of(Encryption::Null, Integrity::AesGmac).1,
        );
        assert!(gcm.len() == 40 && gcm.starts_with(ck) && gmac.len() == 40 && gmac.starts_with(ik));
        assert_ne!(gcm[32..], gmac[32..]);
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
