//! How the nodes of T keep to SIP (SPEC(T) item 6): what defeats the trust in one of them is counted, and told the operator
//! when it is too much. Nobody loses trust by it.

use super::Engine;
use crate::policy::{PeerId, Policy};
use crate::privacy::{Identity, Tally};
use crate::sip::Essentials;
use crate::transaction::MAGIC_COOKIE;
use crate::trust::Origin;

/// Violations by peer, as the policy lists them.
#[derive(Default)]
pub struct Violations(Vec<u32>);

impl Violations {
    pub fn of(policy: &Policy) -> Violations {
        Violations(vec![0; policy.peers.len()])
    }

    /// One more; whether that is the first beyond the limit.
    fn add(&mut self, peer: PeerId, limit: u32) -> bool {
        let Some(count) = self.0.get_mut(usize::from(peer.0)) else {
            return false;
        };
        *count = count.saturating_add(1);
        limit.checked_add(1) == Some(*count)
    }
}

impl Engine {
    /// Looks at a request of a node of T: identities beyond the two that RFC 3325 knows, a branch without the cookie.
    //= TRUST-007
    //= TRUST-007 type=exception reason=a Via whose sent-by is not the peer's own is not counted: behind an address translator it never is
    pub(super) fn watch(&mut self, origin: &Origin, tally: Tally, essentials: &Essentials) {
        let Some(peer) = origin.peer().filter(|_| origin.is_trusted()) else {
            return;
        };
        let has_cookie = essentials
            .branch()
            .is_some_and(|branch| branch.starts_with(MAGIC_COOKIE));
        if has_cookie && !tally.has(Identity::RemovedSurplus) {
            return;
        }
        self.counters.violations += 1;
        let limit = self.policy.spec_t.violation_limit.value;
        if self.violations.add(peer, limit) {
            self.counters.alarms += 1;
            let name = self.policy.peers.get(usize::from(peer.0)).map(|peer| &peer.name.value);
            tracing::warn!(
                peer = name,
                limit,
                "a node of the trust domain violates SIP more often than spec_t.compliance.violation_limit"
            );
        }
    }
}
