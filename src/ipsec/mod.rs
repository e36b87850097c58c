//! Security associations outside of this process: the kernel's, and a record of what would be asked of it.
//!
//! Promises that no key is in an error or a log. Knows nothing of SIP: what is to be done comes as a value
//! ([`crate::pcscf::security::Change`]), and is done before it returns.

pub mod kernel;
pub mod recorded;
mod request;

pub use kernel::Kernel;
pub use recorded::Recorded;

use std::net::SocketAddr;

use crate::pcscf::security::{Change, Suite, Terms};
use crate::policy::{Part, Policy};

/// Who installs and removes.
//= AKA-002
pub trait Backend: Send {
    /// Does what is asked. After a fault nothing of it is left.
    fn apply(&mut self, change: &Change) -> Result<(), Fault>;

    /// From now on nothing comes or goes at these addresses but over an association.
    fn guard(&mut self, addresses: &[SocketAddr]) -> Result<(), Fault>;

    /// Takes away whatever this program made, in a run before, too. Gives how many associations that were.
    fn clear(&mut self) -> Result<usize, Fault>;
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

/// Why UEs cannot be protected on this machine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    #[error("{0}\n  a [[listener]] with `protected` needs CAP_NET_ADMIN and a kernel with XFRM and ESP")]
    Fault(#[from] Fault),
    #[error(
        "the kernel lacks {}\n  load the modules of ESP (esp4, esp6) and of these algorithms, with their IV generators",
        named(.0)
    )]
    Lacks(Vec<(Suite, Fault)>),
}

/// The kernel, if any listener has protected ports, and if it has all that UEs are told we have; removes what a run before left.
pub fn ready(policy: &Policy) -> Result<Option<Kernel>, NotReady> {
    let entries = policy
        .listeners
        .iter()
        .filter_map(|listener| match &listener.protected {
            Some(Part::Entry(entry)) => Some(Terms::of(&entry.protected)),
            _ => None,
        });
    // What any of them serves.
    let all = entries.reduce(|one, other| Terms {
        legacy: one.legacy || other.legacy,
        encrypted_only: one.encrypted_only && other.encrypted_only,
    });
    let Some(terms) = all else { return Ok(None) };
    let mut kernel = Kernel::open()?;
    let left = kernel.clear()?;
    if left > 0 {
        tracing::info!(left, "security associations of a run before were removed");
    }
    let lacking = kernel.lacks(terms);
    match lacking.is_empty() {
        true => Ok(Some(kernel)),
        false => Err(NotReady::Lacks(lacking)),
    }
}

fn named(lacking: &[(Suite, Fault)]) -> String {
    let one = |(suite, fault): &(Suite, Fault)| {
        let error = std::io::Error::from_raw_os_error(fault.errno);
        format!("{} with {} ({error})", suite.encryption.word(), suite.integrity.word())
    };
    lacking.iter().map(one).collect::<Vec<_>>().join(", ")
}
