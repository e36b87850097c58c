//! What registrar and proxies of T tell each other within Authorization and WWW-Authenticate: it crosses no border.

use smallvec::SmallVec;

use super::decision::{Action, Notes};
use crate::policy::StatedBy;
use crate::rule::Rule;
use crate::sip::headers::credentials::{self, Left, SESSION_KEYS};
use crate::sip::{Draft, Name};

/// The P-CSCF's word that a REGISTER came protected.
const CLAIM: &[u8] = b"integrity-protected";

/// Takes these parameters out of a message that comes from outside or goes there.
///
/// A row in which a claim of protection still stands afterwards, or a key where only some readers would see it, goes as a
/// whole.
//= TRUST-040
pub fn strip(draft: &mut Draft, notes: &mut Notes) {
    const ANY: u128 = Name::Authorization.bit() | Name::WwwAuthenticate.bit() | Name::ProxyAuthenticate.bit();
    if draft.names() & ANY == 0 {
        return;
    }
    parameters(draft, Name::Authorization, &[CLAIM], notes);
    //= PCSCF-005
    parameters(draft, Name::WwwAuthenticate, SESSION_KEYS, notes);
    parameters(draft, Name::ProxyAuthenticate, SESSION_KEYS, notes);
}

fn parameters(draft: &mut Draft, name: Name, gone: &[&[u8]], notes: &mut Notes) {
    if !draft.has(name) {
        return;
    }
    let rows: SmallVec<[_; 2]> = draft
        .rows_at(name)
        .map(|(row, value)| {
            let left = match credentials::without(value, gone) {
                Left::Unchanged if mentions_claim(value) => Left::Ambiguous,
                Left::Without(rest) if mentions_claim(&rest) => Left::Ambiguous,
                left => left,
            };
            (row, left)
        })
        .filter(|(_, left)| *left != Left::Unchanged)
        .collect();
    for (row, left) in rows.into_iter().rev() {
        match left {
            Left::Without(rest) => draft.set(row, &[&rest]),
            _ => draft.remove_row(row),
        }
        notes.note(name, Action::Rewritten, Rule::TRUST_040, StatedBy::Default);
    }
}

fn mentions_claim(value: &[u8]) -> bool {
    value.windows(CLAIM.len()).any(|text| text.eq_ignore_ascii_case(CLAIM))
}
