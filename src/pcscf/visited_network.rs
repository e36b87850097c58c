//! P-Visited-Network-ID: in which network a UE registers.

use crate::sip::headers::grammar::is_token;
use crate::sip::{Draft, Name};

/// Names the network, in quotes where it is no token.
//= PCSCF-003
pub fn add(draft: &mut Draft, network: &str) {
    if is_token(network.as_bytes()) {
        return draft.append(Name::PVisitedNetworkId, &[network.as_bytes()]);
    }
    let quoted = network.replace('\\', "\\\\").replace('"', "\\\"");
    draft.append(Name::PVisitedNetworkId, &[b"\"", quoted.as_bytes(), b"\""]);
}
