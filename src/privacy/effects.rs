//! The tables: which value of a privacy set does what to which header, and what belongs to the trust domain alone.

use super::wanted::PrivacySet;
use crate::rule::Rule;
use crate::sip::Name;
use crate::trust::UntrustedKind;

/// A row of Table B whose action is to take the header out.
pub struct Deletion {
    pub name: Name,
    pub requests: bool,
    pub responses: bool,
    /// Any of these in the privacy set of the message's originator.
    pub by: PrivacySet,
    pub rule: Rule,
}

const USER: PrivacySet = PrivacySet::USER;
const USER_HEADER: PrivacySet = PrivacySet::USER.union(PrivacySet::HEADER);
const ID_USER_HEADER: PrivacySet = USER_HEADER.union(PrivacySet::ID);

/// Table B, the rows that remove.
//= PRIV-089
//= PRIV-099
pub const DELETIONS: &[Deletion] = &[
    row(Name::CallInfo, true, true, USER, Rule::PRIV_089),
    row(Name::UserAgent, true, false, USER, Rule::PRIV_089),
    row(Name::Organization, true, true, USER, Rule::PRIV_089),
    row(Name::Server, false, true, USER, Rule::PRIV_089),
    row(Name::Subject, true, false, USER, Rule::PRIV_089),
    row(Name::ReplyTo, true, true, USER, Rule::PRIV_089),
    row(Name::InReplyTo, true, false, USER, Rule::PRIV_089),
    row(Name::RemotePartyId, true, true, ID_USER_HEADER, Rule::PRIV_097),
    row(Name::Geolocation, true, false, USER_HEADER, Rule::PRIV_099),
    row(Name::GeolocationRouting, true, false, USER_HEADER, Rule::PRIV_099),
];

/// All names of [`DELETIONS`].
pub const DELETED: u128 = {
    let (mut names, mut at) = (0, 0);
    while at < DELETIONS.len() {
        names |= DELETIONS[at].name.bit();
        at += 1;
    }
    names
};

const fn row(name: Name, requests: bool, responses: bool, by: PrivacySet, rule: Rule) -> Deletion {
    Deletion {
        name,
        requests,
        responses,
        by,
        rule,
    }
}

/// Fields of the trust domain that nobody outside may put in, from strangers and from UEs alike (Table C).
const BOUND: u128 = set(&[
    Name::PAssertedIdentity,
    Name::PChargingVector,
    Name::PChargingFunctionAddresses,
    Name::PVisitedNetworkId,
    Name::PCalledPartyId,
    Name::PServedUser,
    Name::PProfileKey,
    Name::PPrivateNetworkIndication,
    Name::PUserDatabase,
    Name::PAssertedService,
    Name::PEarlyMedia,
    Name::PMediaAuthorization,
    Name::ResourcePriority,
    Name::FeatureCaps,
    Name::RestorationInfo,
    Name::RelayedCharge,
    Name::ServiceInteractInfo,
    Name::ResponseSource,
    Name::AttestationInfo,
    Name::OriginationId,
    Name::AdditionalIdentity,
    Name::PriorityShare,
    Name::ResourceShare,
    Name::RemotePartyId,
]);

/// Table C, column "in from S". P-Preferred-Identity is read before it goes, so it is not here; nor is P-Early-Media, of
/// which a part stays.
pub const IN_FROM_UE: u128 = (BOUND & !set(&[Name::PEarlyMedia]))
    | set(&[
        Name::Path,
        Name::PAssociatedUri,
        Name::SecurityClient,
        Name::SecurityVerify,
    ]);

/// Table C, column "in from U".
//= PAI-002
//= PAI-003
pub const IN_FROM_STRANGER: u128 = BOUND
    | set(&[
        Name::PPreferredIdentity,
        Name::PAccessNetworkInfo,
        Name::CellularNetworkInfo,
        Name::PAssociatedUri,
        Name::Path,
        Name::SecurityClient,
        Name::SecurityVerify,
    ]);

/// Table C, columns "out E" and "out U" where they agree. P-Asserted-Identity follows Table A.
const OUT: u128 = set(&[
    Name::PPreferredIdentity,
    Name::PAccessNetworkInfo,
    Name::CellularNetworkInfo,
    Name::PChargingVector,
    Name::PChargingFunctionAddresses,
    Name::PVisitedNetworkId,
    Name::PServedUser,
    Name::PProfileKey,
    Name::PPrivateNetworkIndication,
    Name::PUserDatabase,
    Name::PAssertedService,
    Name::PMediaAuthorization,
    Name::ResourcePriority,
    Name::RestorationInfo,
    Name::RelayedCharge,
    Name::ServiceInteractInfo,
    Name::ResponseSource,
    Name::AttestationInfo,
    Name::OriginationId,
    Name::AdditionalIdentity,
    Name::PriorityShare,
    Name::ResourceShare,
]);

/// Fields of the trust domain that a hop outside must not get.
//= TRUST-040
pub fn bound_to_domain(kind: UntrustedKind, is_request: bool) -> u128 {
    let reason = if is_request { 0 } else { Name::Reason.bit() };
    match kind {
        UntrustedKind::Served => OUT | reason,
        UntrustedKind::Stranger => {
            OUT | reason
                | set(&[
                    Name::PCalledPartyId,
                    Name::PAssociatedUri,
                    Name::PEarlyMedia,
                    Name::FeatureCaps,
                ])
        }
    }
}

pub const fn set(names: &[Name]) -> u128 {
    let mut set = 0;
    let mut at = 0;
    while at < names.len() {
        set |= names[at].bit();
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: u128) -> Vec<Name> {
        Name::of_set(set).collect()
    }

    #[test]
    fn a_set_holds_its_names_and_no_other() {
        assert_eq!(set(&[]), 0);
        assert_eq!(
            names(set(&[Name::From, Name::Via, Name::From])),
            [Name::Via, Name::From]
        );
        let mut deleted: Vec<Name> = DELETIONS.iter().map(|row| row.name).collect();
        deleted.sort_by_key(|name| name.bit());
        assert_eq!(names(DELETED), deleted);
    }

    /// What of the trust domain's fields the one may say and the other may not.
    //= TRUST-040 type=test
    #[test]
    fn a_ue_may_say_more_than_a_stranger() {
        let both = BOUND & !Name::PEarlyMedia.bit()
            | set(&[
                Name::Path,
                Name::PAssociatedUri,
                Name::SecurityClient,
                Name::SecurityVerify,
            ]);
        assert_eq!(names(IN_FROM_UE), names(both));
        let strangers_alone = [
            Name::PEarlyMedia,
            Name::PPreferredIdentity,
            Name::PAccessNetworkInfo,
            Name::CellularNetworkInfo,
        ];
        assert_eq!(names(IN_FROM_STRANGER), names(both | set(&strangers_alone)));
        let to_all = [
            Name::PPreferredIdentity,
            Name::PChargingVector,
            Name::RelayedCharge,
            Name::ResourceShare,
        ];
        for kind in [UntrustedKind::Served, UntrustedKind::Stranger] {
            let (in_requests, in_responses) = (bound_to_domain(kind, true), bound_to_domain(kind, false));
            assert_eq!(names(in_responses & !in_requests), [Name::Reason]);
            assert!(to_all.iter().all(|name| in_requests & name.bit() != 0));
            assert_eq!(in_requests & Name::PAssertedIdentity.bit(), 0, "Table A decides");
        }
        assert!(IN_FROM_UE & Name::PAssertedIdentity.bit() != 0 && IN_FROM_UE & Name::PCalledPartyId.bit() != 0);
    }
}
