//! Which algorithms protect a UE's messages: what is offered, in which order, and what is chosen.

use crate::policy::Protected;
use crate::sip::headers::security::{Mechanism, Mechanisms};

/// The mechanism of 3GPP (TS 33.203 Annex H).
pub const MECHANISM: &str = "ipsec-3gpp";

/// Integrity: `alg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    HmacSha1,
    AesGmac,
    HmacMd5,
    /// By the encryption, which is authenticated.
    Null,
}

/// Confidentiality: `ealg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    AesGcm,
    AesCbc,
    DesEde3Cbc,
    Null,
}

/// One of each that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    pub encryption: Encryption,
    pub integrity: Integrity,
}

/// Which of them are served, as the policy has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Those that later texts took out, too.
    pub legacy: bool,
    /// None that leaves a message readable.
    pub encrypted_only: bool,
}

impl Terms {
    pub const USUAL: Terms = Terms {
        legacy: false,
        encrypted_only: false,
    };
    /// Every one there is.
    pub const ALL: Terms = Terms {
        legacy: true,
        encrypted_only: false,
    };

    /// As a listener has them.
    pub fn of(protected: &Protected) -> Terms {
        Terms {
            legacy: protected.legacy_algorithms,
            encrypted_only: protected.require_encryption,
        }
    }
}

const fn suite(encryption: Encryption, integrity: Integrity) -> Suite {
    Suite { encryption, integrity }
}

/// What is offered and chosen, best first. TS 33.203 section 7.2 took MD5 and DES out, so they come last and only where the
/// policy says so.
//= AKA-005
const SUITES: [Suite; 4] = [
    suite(Encryption::AesGcm, Integrity::Null),
    suite(Encryption::AesCbc, Integrity::HmacSha1),
    suite(Encryption::Null, Integrity::AesGmac),
    suite(Encryption::Null, Integrity::HmacSha1),
];
const LEGACY: [Suite; 4] = [
    suite(Encryption::AesCbc, Integrity::HmacMd5),
    suite(Encryption::DesEde3Cbc, Integrity::HmacSha1),
    suite(Encryption::DesEde3Cbc, Integrity::HmacMd5),
    suite(Encryption::Null, Integrity::HmacMd5),
];

/// What this node offers, best first.
//= AKA-005
pub fn suites(terms: Terms) -> impl Iterator<Item = Suite> {
    let old: &[Suite] = match terms.legacy {
        true => &LEGACY,
        false => &[],
    };
    let all = SUITES.into_iter().chain(old.iter().copied());
    all.filter(move |suite| !terms.encrypted_only || suite.encryption != Encryption::Null)
}

/// What a UE offers in one entry, as far as this node could take it: ESP in transport mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub suite: Suite,
    pub ends: Ends,
}

/// The numbers a UE receives by: its two SPIs and its two ports. A peer's word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub spi_c: u32,
    pub spi_s: u32,
    pub port_c: u16,
    pub port_s: u16,
}

impl std::fmt::Debug for Ends {
    /// Tells no UE from another.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

/// The first of our suites that the UE offers too. `None`: nothing in common.
//= AKA-005
pub fn choose(offered: &Mechanisms, terms: Terms) -> Option<Offer> {
    suites(terms).find_map(|suite| {
        offered
            .iter()
            .filter_map(Offer::read)
            .find(|offer| offer.suite == suite)
    })
}

impl Offer {
    /// `None`: another mechanism, another mode or protocol (a UE behind NAT offers `UDP-enc-tun`), an unknown algorithm,
    /// or numbers that no security association can have.
    //= AKA-007
    fn read(entry: &Mechanism) -> Option<Offer> {
        let is = |name, usual: &[u8]| entry.find(name).is_none_or(|value| value == usual);
        if entry.name() != MECHANISM.as_bytes() || !is("prot", b"esp") || !is("mod", b"trans") {
            return None;
        }
        let suite = Suite {
            integrity: Integrity::of(entry.find("alg")?)?,
            encryption: match entry.find("ealg") {
                Some(word) => Encryption::of(word)?,
                None => Encryption::Null,
            },
        };
        let ends = Ends {
            spi_c: spi(entry, "spi-c")?,
            spi_s: spi(entry, "spi-s")?,
            port_c: port(entry, "port-c")?,
            port_s: port(entry, "port-s")?,
        };
        let differ = ends.spi_c != ends.spi_s && ends.port_c != ends.port_s;
        differ.then_some(Offer { suite, ends })
    }
}

/// The first 256 are reserved (RFC 4303 section 2.1).
fn spi(entry: &Mechanism, name: &str) -> Option<u32> {
    entry.number(name).filter(|spi| *spi > 255)
}

/// A protected port is none of those of SIP in clear.
//= AKA-003
fn port(entry: &Mechanism, name: &str) -> Option<u16> {
    let port = u16::try_from(entry.number(name)?).ok()?;
    (!matches!(port, 0 | 5060 | 5061)).then_some(port)
}

impl Integrity {
    pub fn word(self) -> &'static str {
        match self {
            Integrity::HmacSha1 => "hmac-sha-1-96",
            Integrity::AesGmac => "aes-gmac",
            Integrity::HmacMd5 => "hmac-md5-96",
            Integrity::Null => "null",
        }
    }

    fn of(word: &[u8]) -> Option<Integrity> {
        let all = [
            Integrity::HmacSha1,
            Integrity::AesGmac,
            Integrity::HmacMd5,
            Integrity::Null,
        ];
        all.into_iter().find(|one| one.word().as_bytes() == word)
    }
}

impl Encryption {
    pub fn word(self) -> &'static str {
        match self {
            Encryption::AesGcm => "aes-gcm",
            Encryption::AesCbc => "aes-cbc",
            Encryption::DesEde3Cbc => "des-ede3-cbc",
            Encryption::Null => "null",
        }
    }

    fn of(word: &[u8]) -> Option<Encryption> {
        let all = [
            Encryption::AesGcm,
            Encryption::AesCbc,
            Encryption::DesEde3Cbc,
            Encryption::Null,
        ];
        all.into_iter().find(|one| one.word().as_bytes() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: &str = "spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";

    fn chosen(entries: &[&str], terms: Terms) -> Option<(Encryption, Integrity)> {
        let rows: Vec<String> = entries.iter().map(|entry| format!("{entry};{NUMBERS}")).collect();
        let offered = Mechanisms::read(rows.iter().map(|row| row.as_bytes())).unwrap();
        choose(&offered, terms).map(|offer| (offer.suite.encryption, offer.suite.integrity))
    }

    //= AKA-005 type=test
    #[test]
    fn our_order_decides_not_the_ues() {
        for (offered, choice) in [
            (
                &[
                    "ipsec-3gpp;alg=hmac-sha-1-96;q=0.9",
                    "ipsec-3gpp;alg=null;ealg=aes-gcm;q=0.1",
                ][..],
                Some((Encryption::AesGcm, Integrity::Null)),
            ),
            (
                &["ipsec-3gpp;alg=aes-gmac", "IPSEC-3GPP;ALG=HMAC-SHA-1-96;EALG=AES-CBC"],
                Some((Encryption::AesCbc, Integrity::HmacSha1)),
            ),
            (
                &["ipsec-3gpp;alg=hmac-sha-1-96;ealg=null", "ipsec-3gpp;alg=aes-gmac"],
                Some((Encryption::Null, Integrity::AesGmac)),
            ),
            (
                &["ipsec-3gpp;alg=foo", "ipsec-3gpp;alg=hmac-sha-1-96"],
                Some((Encryption::Null, Integrity::HmacSha1)),
            ),
            // Each is known, but they do not go together: nothing would protect, or two would.
            (&["ipsec-3gpp;alg=null", "ipsec-3gpp;alg=aes-gmac;ealg=aes-gcm"], None),
            (&["ipsec-3gpp;alg=foo", "tls", "ipsec-ike"], None),
            (&[], None),
        ] {
            assert_eq!(chosen(offered, Terms::USUAL), choice, "{offered:?}");
        }
    }

    //= AKA-005 type=test
    #[test]
    fn md5_and_des_are_chosen_last_and_only_where_the_policy_says_so() {
        for offered in [
            "ipsec-3gpp;alg=hmac-md5-96",
            "ipsec-3gpp;alg=hmac-md5-96;ealg=aes-cbc",
            "ipsec-3gpp;alg=hmac-sha-1-96;ealg=des-ede3-cbc",
            "ipsec-3gpp;alg=hmac-md5-96;ealg=des-ede3-cbc",
        ] {
            assert_eq!(chosen(&[offered], Terms::USUAL), None, "{offered}");
            assert!(chosen(&[offered], Terms::ALL).is_some(), "{offered}");
            let with_better = [offered, "ipsec-3gpp;alg=hmac-sha-1-96"];
            let better = Some((Encryption::Null, Integrity::HmacSha1));
            assert_eq!(chosen(&with_better, Terms::ALL), better, "{offered}");
        }
    }

    //= AKA-005 type=test
    #[test]
    fn where_encryption_is_wanted_nothing_without_it_is_chosen() {
        let wanted = |legacy| Terms {
            legacy,
            encrypted_only: true,
        };
        for offered in [
            "ipsec-3gpp;alg=hmac-sha-1-96",
            "ipsec-3gpp;alg=aes-gmac;ealg=null",
            "ipsec-3gpp;alg=hmac-md5-96",
        ] {
            assert_eq!(chosen(&[offered], wanted(true)), None, "{offered}");
            let encrypted = chosen(&[offered, "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc"], wanted(false));
            assert_eq!(encrypted, Some((Encryption::AesCbc, Integrity::HmacSha1)), "{offered}");
        }
        assert_eq!(suites(wanted(false)).count(), 2);
    }

    //= AKA-007 type=test
    #[test]
    fn nothing_but_esp_in_transport_mode_is_taken() {
        let plain = "ipsec-3gpp;alg=hmac-sha-1-96";
        for other in ["mod=UDP-enc-tun", "mod=tun", "prot=ah"] {
            assert_eq!(chosen(&[&format!("{plain};{other}")], Terms::ALL), None, "{other}");
        }
        assert!(chosen(&[&format!("{plain};mod=trans;prot=esp")], Terms::USUAL).is_some());
    }

    //= AKA-003 type=test
    //= AKA-004 type=test
    #[test]
    fn numbers_that_no_association_can_have_are_no_offer() {
        let offer = |numbers: &str| {
            let row = format!("ipsec-3gpp;alg=hmac-sha-1-96;{numbers}");
            let offered = Mechanisms::read([row.as_bytes()].into_iter()).unwrap();
            choose(&offered, Terms::USUAL).map(|offer| offer.ends)
        };
        let ends = offer("spi-c=256;spi-s=4294967295;port-c=1;port-s=65535").unwrap();
        assert_eq!(
            (ends.spi_c, ends.spi_s, ends.port_c, ends.port_s),
            (256, u32::MAX, 1, 65535)
        );
        for numbers in [
            "spi-c=255;spi-s=1001;port-c=31000;port-s=31001",
            "spi-c=1000;spi-s=0;port-c=31000;port-s=31001",
            "spi-c=1000;spi-s=1000;port-c=31000;port-s=31001",
            "spi-c=1000;spi-s=1001;port-c=5060;port-s=31001",
            "spi-c=1000;spi-s=1001;port-c=31000;port-s=5061",
            "spi-c=1000;spi-s=1001;port-c=31000;port-s=31000",
            "spi-c=1000;spi-s=1001;port-c=0;port-s=31001",
            "spi-c=1000;spi-s=1001;port-c=31000;port-s=65536",
            "spi-c=1000;spi-s=x;port-c=31000;port-s=31001",
            "spi-c=1000;port-c=31000;port-s=31001",
        ] {
            assert_eq!(offer(numbers), None, "{numbers}");
        }
    }
}
