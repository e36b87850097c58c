//! Security associations outside of this process: the kernel's, and a record of what would be asked of it.
//!
//! Promises that no key is in an error or a log. Knows nothing of SIP: what is to be done comes as a value
//! ([`crate::pcscf::security::Change`]), and is done before it returns.
//!
//! Not asked by the driver yet: `protected` of a listener is refused until all workers share their sets.

pub mod kernel;
pub mod recorded;
mod request;

pub use kernel::Kernel;
pub use recorded::Recorded;

use crate::pcscf::security::Change;

/// Who installs and removes.
//= AKA-002
pub trait Backend {
    /// Does what is asked. After a fault nothing of it is left.
    fn apply(&mut self, change: &Change) -> Result<(), Fault>;
}

/// What could not be done, and the kernel's number for it. Everything else about it could show a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel refuses {what}: {}", std::io::Error::from_raw_os_error(*errno))]
pub struct Fault {
    pub what: What,
    pub errno: i32,
}

/// The steps of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Socket,
    Association,
    Policy,
    Listing,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            What::Socket => "a netlink socket (is CAP_NET_ADMIN given, and XFRM built in?)",
            What::Association => "a security association (is ESP built in, with the algorithms?)",
            What::Policy => "a policy of a security association",
            What::Listing => "to list its security associations",
        })
    }
}
