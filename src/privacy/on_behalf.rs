//! Privacy that the network asks for on a subscriber's behalf, as agreed with it.

use super::wanted::{PrivacySet, says_none};
use crate::policy::on_behalf::OnBehalf;
use crate::policy::privacy::Provided;
use crate::policy::{PeerId, Policy, Word};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::privacy::PrivacyHeader;
use crate::sip::{Draft, Name};

/// The values agreed with the subscriber whose asserted identity a message carries; what it writes as From counts for nothing.
//= LI-010
pub(super) fn values(policy: &Policy, draft: &Draft) -> PrivacySet {
    let agreed = entries(policy, draft)
        .into_iter()
        .flat_map(|agreement| &agreement.values.value);
    agreed.fold(PrivacySet::EMPTY, |set, value| set.union(bit(*value)))
}

/// Writes those values into the Privacy header of a request of a served UE, beside what it says itself: whoever provides
/// privacy later must know. Beside `none`, or a word that means it here, nothing is written. `peer`: whose aliases apply.
//= LI-010
pub fn write(policy: &Policy, peer: Option<PeerId>, draft: &mut Draft) {
    if policy.privacy.on_behalf.is_empty() {
        return;
    }
    let rows: Vec<Vec<u8>> = draft.rows(Name::Privacy).map(<[u8]>::to_vec).collect();
    let said = PrivacyHeader::read(rows.iter().map(Vec::as_slice));
    if said.none || said.elements().iter().any(|element| says_none(policy, peer, element)) {
        return;
    }
    let mut words: Vec<&str> = Vec::new();
    for value in entries(policy, draft)
        .into_iter()
        .flat_map(|agreement| &agreement.values.value)
    {
        let is_said = match value {
            Provided::Id => said.id,
            Provided::User => said.user,
            Provided::Header => said.header,
            Provided::History => said.history,
            Provided::None | Provided::Critical => true,
        };
        if !is_said && !words.contains(&value.word()) {
            words.push(value.word());
        }
    }
    if words.is_empty() {
        return;
    }
    let words = words.join(";");
    match draft.rows_at(Name::Privacy).map(|(row, _)| row).last() {
        Some(row) => {
            let value = rows.last().map(Vec::as_slice).unwrap_or_default();
            let between: &[u8] = if value.is_empty() { b"" } else { b";" };
            draft.set(row, &[value, between, words.as_bytes()]);
        }
        None => draft.append(Name::Privacy, &[words.as_bytes()]),
    }
}

/// The agreements with the subscriber whom a message asserts, as far as they are about its method.
fn entries<'p>(policy: &'p Policy, draft: &Draft) -> Vec<&'p OnBehalf> {
    let method = match draft.is_request() {
        true => draft.method_name(),
        false => draft.exchange().map_or(&b""[..], |method| method.label().as_bytes()),
    };
    let mut found: Vec<&OnBehalf> = Vec::new();
    for row in draft.rows(Name::PAssertedIdentity) {
        for span in list::values(row) {
            let Ok(asserted) = NameAddr::parse(span.of(row)) else {
                continue;
            };
            let Ok(identity) = asserted.uri() else { continue };
            found.extend(policy.privacy.on_behalf.of(&identity).filter(|agreement| {
                let methods = &agreement.methods;
                methods.is_empty() || methods.iter().any(|one| one.value.as_bytes() == method)
            }));
        }
    }
    found
}

fn bit(value: Provided) -> PrivacySet {
    match value {
        Provided::None => PrivacySet::NONE,
        Provided::Id => PrivacySet::ID,
        Provided::Critical => PrivacySet::CRITICAL,
        Provided::User => PrivacySet::USER,
        Provided::Header => PrivacySet::HEADER,
        Provided::History => PrivacySet::HISTORY,
    }
}
