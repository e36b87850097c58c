//! Sealed tokens back to inside addresses: ours only.

use super::call_id;
use super::hide::Concealed;
use crate::seal::{Keys, NotOurs, Purpose};
use crate::sip::scan::base64url_end;
use crate::sip::{Draft, Name};

/// The URI behind the user part of a Contact we made.
//= PRIV-083
pub fn contact(keys: &Keys, token: &[u8]) -> Result<Vec<u8>, NotOurs> {
    keys.open(Purpose::Contact, &[b""], token)
}

/// Characters of the shortest token.
pub const SEALED_BYTES_MIN: usize = 80;

/// Whether a user part has the shape of a token of ours, before anything is opened.
pub fn looks_sealed(user: &[u8]) -> bool {
    user.len() >= SEALED_BYTES_MIN && base64url_end(user, 0) == user.len()
}

/// Puts these Via rows in the place of those that are there.
//= THIG-007
pub fn vias(draft: &mut Draft, rows: &[Vec<u8>]) {
    draft.remove(Name::Via);
    rows.iter().rev().for_each(|row| draft.insert_top(Name::Via, &[row]));
}

/// Puts back into a response what was taken out of its request: Call-ID, Via, and Record-Route behind the row at `own_row`,
/// which holds our own value.
//= PRIV-084
//= PRIV-085
//= PRIV-087
pub fn response(draft: &mut Draft, concealed: &Concealed, is_own: impl Fn(&[u8]) -> bool) {
    if let Some(call_id) = &concealed.call_id {
        call_id::show(draft, call_id);
    }
    for via in &concealed.vias {
        draft.append(Name::Via, &[via]);
    }
    if let Some(record_route) = &concealed.record_route {
        let own = draft
            .rows_at(Name::RecordRoute)
            .filter(|(_, value)| is_own(value))
            .map(|(row, _)| row)
            .last();
        match own {
            Some(row) => draft.insert_after(row, Name::RecordRoute, &[record_route]),
            None => draft.append(Name::RecordRoute, &[record_route]),
        }
    }
}
