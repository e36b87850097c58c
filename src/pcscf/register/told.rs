//! What a reginfo document changes of a registration.

use super::{Gone, IDENTITIES_MAX, Learned, RegisteredUe, default_of, same_uri};
use crate::pcscf::reg_event::{RegInfo, State};

/// What the network has told so far, by the subscription to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Of the last document.
    pub version: Option<u32>,
    /// Seconds since 1970 until which there is a subscription.
    pub until: u64,
}

impl RegisteredUe {
    pub fn told(&self) -> Told {
        self.told.unwrap_or_default()
    }

    /// The same with what is told of the subscription itself.
    pub fn with_told(mut self, told: Told) -> RegisteredUe {
        self.told = Some(told);
        self
    }

    /// Goes on with the subscription of an earlier registration of the same UE.
    pub(in crate::pcscf) fn goes_on_from(&mut self, before: &RegisteredUe) {
        if self.owner == before.owner {
            self.told = self.told.or(before.told);
        }
    }

    /// What a document of this subscription teaches. One that is older than what is known teaches nothing.
    ///
    /// An identity ends with its registration, or with the contact that this UE has here; with the last of them the UE is
    /// gone. An identity that is registered with that contact is one of its own. Time is only ever taken away.
    //= PCSCF-013
    //= PCSCF-011
    pub fn after(&self, info: &RegInfo, now_unix: u64) -> Learned {
        let told = self.told();
        if told.version.is_some_and(|known| info.version <= known) {
            return Learned::Nothing;
        }
        let mut ue = self.clone();
        ue.told = Some(Told {
            version: Some(info.version),
            ..told
        });
        let mut identities: Vec<&[u8]> = self.identities.iter().collect();
        for registration in &info.registrations {
            let own = identities
                .iter()
                .position(|identity| same_uri(identity, &registration.identity));
            let is_here = |uri: &[u8]| self.contacts.iter().any(|contact| same_uri(contact, uri));
            let here = registration.contacts.iter().find(|contact| is_here(&contact.uri));
            let is_over = registration.state == State::Terminated || here.is_some_and(|contact| !contact.is_active);
            match (own, here) {
                (Some(own), _) if is_over => {
                    identities.remove(own);
                }
                (None, Some(_))
                    if !is_over && registration.state == State::Active && identities.len() < IDENTITIES_MAX =>
                {
                    identities.push(&registration.identity);
                }
                _ => {}
            }
            let shortened = here.filter(|contact| contact.is_active && contact.is_shortened);
            if let Some(seconds) = shortened.and_then(|contact| contact.expires) {
                ue.expires_at = ue.expires_at.min(now_unix.saturating_add(u64::from(seconds)));
            }
        }
        if identities.is_empty() && !self.identities.is_empty() {
            return Learned::Gone(Gone(None));
        }
        ue.identities = identities.into_iter().collect();
        ue.default = default_of(&ue.identities);
        Learned::Registered(ue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::reg_event::{Contact, Registration};
    use crate::pcscf::register::tests::ue;

    const HOME: &str = "sip:alice@192.0.2.7";
    const ALICE: &str = "sip:alice@home1.example";

    /// Its URI, whether it is active, and the seconds left when it was shortened.
    type OfContact<'a> = (&'a str, bool, Option<u32>);

    fn info(version: u32, registrations: &[(&str, State, &[OfContact<'_>])]) -> RegInfo {
        let contact = |(uri, is_active, shortened): &OfContact<'_>| Contact {
            uri: uri.as_bytes().to_vec(),
            is_active: *is_active,
            is_shortened: shortened.is_some(),
            expires: *shortened,
        };
        let registrations = registrations.iter().map(|(identity, state, contacts)| Registration {
            identity: identity.as_bytes().to_vec(),
            state: *state,
            contacts: contacts.iter().map(contact).collect(),
        });
        RegInfo {
            version,
            registrations: registrations.collect(),
        }
    }

    fn registered(learned: Learned) -> RegisteredUe {
        match learned {
            Learned::Registered(ue) => ue,
            other => panic!("{other:?}"),
        }
    }

    //= PCSCF-013 type=test
    #[test]
    fn a_registration_ends_as_the_network_says() {
        for (registration, is_over) in [
            ((ALICE, State::Terminated, &[][..]), true),
            ((ALICE, State::Active, &[(HOME, false, None)]), true),
            (
                (
                    "sip:%61lice@HOME1.example",
                    State::Active,
                    &[("sip:alice@192.0.2.7:5060", false, None)],
                ),
                false,
            ),
            ((ALICE, State::Active, &[("sip:alice@192.0.2.8", false, None)]), false),
            ((ALICE, State::Active, &[(HOME, true, None)]), false),
            (
                ("sip:bob@home1.example", State::Terminated, &[(HOME, false, None)]),
                false,
            ),
        ] {
            let learned = ue(HOME, 100).after(&info(1, &[registration]), 0);
            assert_eq!(
                matches!(learned, Learned::Gone(Gone(None))),
                is_over,
                "{registration:?}"
            );
        }
    }

    //= PCSCF-013 type=test
    #[test]
    fn identities_come_and_go_and_time_only_goes() {
        let here = &[(HOME, true, None)][..];
        let before = ue(HOME, 1_000);
        let both = registered(before.after(&info(4, &[("tel:+15550007", State::Active, here)]), 0));
        assert_eq!((both.identities().all.len(), both.identities().default), (2, 0));
        let other = [
            (ALICE, State::Terminated, &[][..]),
            ("sip:work@home1.example", State::Init, here),
            (
                "sip:away@home1.example",
                State::Active,
                &[("sip:x@192.0.2.8", true, None)],
            ),
        ];
        let left = registered(both.after(&info(5, &other), 0));
        assert!(left.identities().all.iter().eq([b"tel:+15550007"]));
        for (seconds, expires_at) in [(300, 500), (5_000, 1_000)] {
            let shortened = info(6, &[(ALICE, State::Active, &[(HOME, true, Some(seconds))])]);
            assert_eq!(registered(before.after(&shortened, 200)).expires_at(), expires_at);
        }
    }

    //= PCSCF-013 type=test
    #[test]
    fn what_is_older_teaches_nothing() {
        let over = |version| info(version, &[(ALICE, State::Terminated, &[])]);
        let told = registered(ue(HOME, 100).after(&info(5, &[]), 0));
        for (version, teaches) in [(0, false), (4, false), (5, false), (6, true)] {
            assert_eq!(
                !matches!(told.after(&over(version), 0), Learned::Nothing),
                teaches,
                "{version}"
            );
        }
    }

    //= PCSCF-013 type=test
    #[test]
    fn identities_have_a_ceiling() {
        let mut known = ue(HOME, 100);
        for number in 0..=IDENTITIES_MAX {
            let identity = format!("sip:{number}@home1.example");
            let info = info(number as u32 + 1, &[(&identity, State::Active, &[(HOME, true, None)])]);
            known = registered(known.after(&info, 0));
        }
        assert_eq!(known.identities().all.len(), IDENTITIES_MAX);
    }
}
