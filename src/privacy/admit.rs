//! The door in: what a stranger, a UE or a node of T may not say is gone before anything else is decided.

use smallvec::SmallVec;

use super::decision::{Action, Identity, Notes};
use super::effects::{IN_FROM_STRANGER, IN_FROM_UE};
use super::{of_ue, registrar};
use crate::policy::privacy::RemotePartyId;
use crate::policy::{Policy, StatedBy};
use crate::rule::Rule;
use crate::sip::headers::identity::{self, Verdict};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Name};
use crate::trust::{Origin, Standing};

/// Takes out of a message what its origin has no right to say. Whatever Privacy says, and before it is read.
///
/// From a UE, P-Preferred-Identity stays: who asserts reads it as a hint and then takes it out.
//= PAI-002
//= PAI-007
//= TRUST-040
//= PRIV-027
pub fn admit(policy: &Policy, origin: &Origin, draft: &mut Draft, notes: &mut Notes) {
    match origin.standing() {
        Standing::Trusted => from_node(policy, draft, notes),
        Standing::Served => {
            let gone = draft.remove_names(IN_FROM_UE);
            note_gone(notes, gone, Rule::PAI_001, Identity::RemovedUe);
            of_ue::strip(draft, notes);
            registrar::strip(draft, notes);
        }
        Standing::Untrusted => {
            let reason = if draft.is_request() { 0 } else { Name::Reason.bit() };
            let gone = draft.remove_names(IN_FROM_STRANGER | reason);
            note_gone(notes, gone, Rule::PAI_002, Identity::RemovedStranger);
            registrar::strip(draft, notes);
        }
    }
}

fn note_gone(notes: &mut Notes, gone: u128, identity: Rule, became: Identity) {
    if gone & Name::PAssertedIdentity.bit() != 0 {
        notes.identity(became);
    }
    if gone == 0 || !notes.is_on() {
        return;
    }
    let asserted = Name::PAssertedIdentity.bit();
    let preferred = Name::PPreferredIdentity.bit();
    notes.note_set(gone & asserted, Action::Removed, identity);
    notes.note_set(gone & preferred, Action::Removed, Rule::PAI_003);
    notes.note_set(gone & Name::RemotePartyId.bit(), Action::Removed, Rule::PRIV_097);
    notes.note_set(
        gone & !asserted & !preferred & !Name::RemotePartyId.bit(),
        Action::Removed,
        Rule::TRUST_040,
    );
}

fn from_node(policy: &Policy, draft: &mut Draft, notes: &mut Notes) {
    //= PAI-003
    if draft.remove(Name::PPreferredIdentity) > 0 {
        notes.note(
            Name::PPreferredIdentity,
            Action::Removed,
            Rule::PAI_003,
            StatedBy::Default,
        );
    }
    let remote_party_id = policy.privacy.remote_party_id;
    if remote_party_id.value == RemotePartyId::Drop && draft.remove(Name::RemotePartyId) > 0 {
        notes.note(Name::RemotePartyId, Action::Removed, Rule::PRIV_097, remote_party_id.by);
    }
    if draft.has(Name::PAssertedIdentity) {
        surplus_identities(draft, notes);
    }
}

/// Whether there is at most one sip URI and one tel URI, told by what they begin with and by nothing else. What cannot be read
/// is no surplus either.
fn at_most_one_of_each(draft: &Draft) -> bool {
    let (mut sips, mut tels) = (0, 0);
    for row in draft.rows(Name::PAssertedIdentity) {
        for span in list::values(row) {
            match NameAddr::parse(span.of(row)).map(|name_addr| name_addr.uri_bytes()) {
                Ok([b's', b'i', b'p', b':', ..]) => sips += 1,
                Ok([b't', b'e', b'l', b':', ..]) => tels += 1,
                Ok(_) => return false,
                Err(_) => {}
            }
        }
    }
    sips <= 1 && tels <= 1
}

/// Takes out identities beyond one sip or sips and one tel. A value that cannot be read stays on inner legs.
//= PAI-008
//= MSG-013
fn surplus_identities(draft: &mut Draft, notes: &mut Notes) {
    if at_most_one_of_each(draft) {
        return;
    }
    let surplus = |verdict| matches!(verdict, Verdict::Second | Verdict::ForeignScheme);
    if remove_identities(draft, surplus) {
        notes.identity(Identity::RemovedSurplus);
        notes.note(
            Name::PAssertedIdentity,
            Action::Rewritten,
            Rule::PAI_008,
            StatedBy::Default,
        );
    }
}

/// Takes out the identities that are judged so, and tells whether there were any.
pub(super) fn remove_identities(draft: &mut Draft, surplus: impl Fn(Verdict) -> bool) -> bool {
    if !identity::judged(draft.rows(Name::PAssertedIdentity)).any(|(_, verdict)| surplus(verdict)) {
        return false;
    }
    let rows: SmallVec<[_; 2]> = draft
        .rows_at(Name::PAssertedIdentity)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    let mut kept: SmallVec<[Vec<u8>; 2]> = rows.iter().map(|_| Vec::new()).collect();
    let values = rows.iter().map(|(_, value)| &value[..]);
    for (identity, verdict) in identity::judged(values) {
        if !surplus(verdict) {
            let row = &mut kept[identity.row];
            if !row.is_empty() {
                row.extend_from_slice(b", ");
            }
            row.extend_from_slice(identity.span.of(&rows[identity.row].1));
        }
    }
    for ((row, _), value) in rows.iter().zip(&kept).rev() {
        match value.is_empty() {
            true => draft.remove_row(*row),
            false => draft.set(*row, &[value]),
        }
    }
    true
}
