//! Security-Server: what this node says it can do, the same to every UE but for the numbers.

use super::suite::{MECHANISM, Terms, suites};
use crate::sip::headers::security::{Mechanism, Mechanisms, preference};

/// The numbers this node receives by in one set of security associations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OurEnds {
    pub spi_c: u32,
    pub spi_s: u32,
    pub port_c: u16,
    pub port_s: u16,
}

impl std::fmt::Debug for OurEnds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OurEnds").finish_non_exhaustive()
    }
}

/// What goes into a 401 with the numbers of its set, and into a 421 or 494, where there is no set, without.
///
/// It does not depend on what the UE offers, or somebody between it and us could choose for both.
//= AKA-011
pub fn server_list(terms: Terms, ends: Option<OurEnds>) -> Mechanisms {
    let count = suites(terms).count() as u32;
    let entries = suites(terms).zip(0u32..).filter_map(|(suite, place)| {
        let mut parameters = vec![
            ("q", preference(1000 * (count - place) / (count + 1))),
            ("alg", suite.integrity.word().to_owned()),
            ("ealg", suite.encryption.word().to_owned()),
            ("prot", "esp".to_owned()),
            ("mod", "trans".to_owned()),
        ];
        if let Some(ends) = ends {
            parameters.push(("spi-c", ends.spi_c.to_string()));
            parameters.push(("spi-s", ends.spi_s.to_string()));
            parameters.push(("port-c", ends.port_c.to_string()));
            parameters.push(("port-s", ends.port_s.to_string()));
        }
        Mechanism::new(MECHANISM, &parameters)
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pcscf::security::suite::{Encryption, choose};

    fn ends(spi: u32, port: u16) -> OurEnds {
        OurEnds {
            spi_c: spi,
            spi_s: spi + 1,
            port_c: port,
            port_s: 6101,
        }
    }

    //= AKA-011 type=test
    #[test]
    fn it_is_the_whole_list_and_differs_in_nothing_but_numbers() {
        for terms in [Terms::USUAL, Terms::ALL] {
            let one = server_list(terms, Some(ends(1000, 6102)));
            let other = server_list(terms, Some(ends(2000, 6103)));
            assert_eq!(one.iter().count(), suites(terms).count());
            let text = String::from_utf8(one.to_bytes()).unwrap();
            let renumbered = text
                .replace("spi-c=1000", "spi-c=2000")
                .replace("spi-s=1001", "spi-s=2001")
                .replace("port-c=6102", "port-c=6103");
            assert_eq!(renumbered.as_bytes(), other.to_bytes());
            assert!(text.contains(Encryption::AesGcm.word()) && text.contains(Encryption::AesCbc.word()));
        }
    }

    //= AKA-011 type=test
    #[test]
    fn preferences_are_distinct_and_fall() {
        for terms in [Terms::USUAL, Terms::ALL] {
            let list = server_list(terms, None);
            let all: Vec<f32> = list
                .iter()
                .map(|entry| std::str::from_utf8(entry.find("q").unwrap()).unwrap().parse().unwrap())
                .collect();
            assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
            assert!(all.iter().all(|q| (0.0..1.0).contains(q)));
            let distinct: BTreeSet<_> = list.iter().map(|entry| entry.find("q")).collect();
            assert_eq!(distinct.len(), all.len());
        }
    }

    //= AKA-011 type=test
    #[test]
    fn a_ue_that_gets_it_finds_each_entry_readable() {
        let list = server_list(Terms::ALL, Some(ends(1000, 6102)));
        let again = Mechanisms::read([list.to_bytes().as_slice()].into_iter()).unwrap();
        assert_eq!(again, list);
        assert!(choose(&again, Terms::USUAL).is_some());
    }
}
