//! P-Access-Network-Info: by which access a UE comes. What the network adds bears its mark, which a UE may not write.

use crate::sip::{Draft, Name};

/// Adds what the network knows of it. What a UE wrote stays, without such marks (Table C).
//= PCSCF-018
pub fn add(draft: &mut Draft, access: &str) {
    draft.append(Name::PAccessNetworkInfo, &[access.as_bytes(), b";network-provided"]);
}
