//! Which parts this node plays.

use crate::policy::Policy;
use crate::policy::proxy::Role;
use crate::trust::Standing;

/// Whether this node plays every part that a message between these two needs.
//= ROLE-001
pub fn plays(policy: &Policy, origin: Standing, hop: Standing) -> bool {
    let roles = &policy.proxy.roles.value;
    let part_of = |side: Standing| match side {
        Standing::Served => Role::PCscf,
        Standing::Untrusted => Role::Edge,
        Standing::Trusted => Role::Core,
    };
    match [origin, hop] {
        [Standing::Trusted, Standing::Trusted] => roles.contains(&Role::Core),
        sides => sides
            .into_iter()
            .filter(|side| *side != Standing::Trusted)
            .all(|side| roles.contains(&part_of(side))),
    }
}
