//! What the engine asks about security associations, and what becomes of it.

use crate::engine::Bound;
use crate::ipsec::{Backend, Fault};
use crate::pcscf::security::{Change, SetId};
use crate::policy::{Part, Policy};
use crate::sip::Transport;

/// The kernel, where a listener has protected ports.
pub(super) struct Associations {
    backend: Option<Box<dyn Backend>>,
    /// Sets that could not be installed, for the engine to hear of.
    lost: Vec<SetId>,
}

impl Associations {
    /// From now on nothing passes at protected ports but over an association.
    //= PCSCF-025
    pub fn new(backend: Option<Box<dyn Backend>>, policy: &Policy, bound: &[Bound]) -> Result<Associations, Fault> {
        let lost = Vec::new();
        let mut associations = Associations { backend, lost };
        if let Some(backend) = &mut associations.backend {
            let is_protected = |bound: &&Bound| {
                let part = policy.part(bound.listener);
                bound.transport == Transport::Udp && matches!(part, Some(Part::Server { .. } | Part::Client { .. }))
            };
            let own: Vec<_> = bound.iter().filter(is_protected).map(|bound| bound.address).collect();
            backend.guard(&own)?;
        }
        Ok(associations)
    }

    pub fn apply(&mut self, change: &Change) {
        let Some(backend) = &mut self.backend else { return };
        if let Err(fault) = backend.apply(change) {
            match change {
                Change::Install(install) => {
                    tracing::error!(%fault, "a UE gets no security association");
                    self.lost.push(install.set);
                }
                Change::Remove(_) => tracing::error!(%fault, "a security association stays in the kernel"),
            }
        }
    }

    pub fn take_lost(&mut self) -> Option<SetId> {
        self.lost.pop()
    }
}

impl Drop for Associations {
    /// Nobody answers at these ports any more, and no key stays behind.
    fn drop(&mut self) {
        if let Some(backend) = &mut self.backend
            && let Err(fault) = backend.clear()
        {
            tracing::error!(%fault, "security associations stay in the kernel");
        }
    }
}
