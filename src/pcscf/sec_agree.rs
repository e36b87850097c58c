//! What a UE asks of this node alone, and nobody behind it: the option tag of the security agreement.

use crate::sip::headers::tokens::{self, Without};
use crate::sip::{Draft, Name};

const TAG: &[u8] = b"sec-agree";

/// Takes the tag out of what the next node would have to understand. What a UE supports it goes on saying.
//= PCSCF-019
pub fn leave(draft: &mut Draft) {
    if draft.names() & (Name::Require.bit() | Name::ProxyRequire.bit()) == 0 {
        return;
    }
    for name in [Name::Require, Name::ProxyRequire] {
        let rows: Vec<_> = draft
            .rows_at(name)
            .map(|(row, value)| (row, tokens::without(value, TAG)))
            .collect();
        for (row, left) in rows.into_iter().rev() {
            match left {
                Without::Unchanged => {}
                Without::Nothing => draft.remove_row(row),
                Without::Rest(rest) => draft.set(row, &[&rest]),
            }
        }
    }
}
