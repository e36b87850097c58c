//! What the engine asks about security associations, and what becomes of it.

use crate::ipsec::{Backend, Fault, Kernel};
use crate::pcscf::security::{Change, SetId};
use crate::policy::Policy;

/// The kernel, where a listener has protected ports.
pub(super) struct Associations {
    kernel: Option<Kernel>,
    /// Sets that could not be installed, for the engine to hear of.
    lost: Vec<SetId>,
}

impl Associations {
    pub fn of(policy: &Policy) -> Result<Associations, Fault> {
        let is_any = policy.listeners.iter().any(|listener| listener.protected.is_some());
        Ok(Associations {
            kernel: is_any.then(Kernel::open).transpose()?,
            lost: Vec::new(),
        })
    }

    pub fn apply(&mut self, change: &Change) {
        let Some(kernel) = &mut self.kernel else { return };
        if let Err(fault) = kernel.apply(change) {
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
        if let Some(kernel) = &mut self.kernel
            && let Err(fault) = kernel.reconcile()
        {
            tracing::error!(%fault, "security associations stay in the kernel");
        }
    }
}
