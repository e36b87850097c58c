//! What a name server is asked.

use super::HostName;

/// One question, complete in itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    pub name: HostName,
    pub kind: Kind,
}

/// The type of the records wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Which services a domain has (RFC 3403).
    Naptr,
    /// Which servers a service has (RFC 2782).
    Srv,
    /// IPv4 addresses of a host.
    A,
    /// IPv6 addresses of a host.
    Aaaa,
    /// What an address is called (RFC 1035 section 3.5).
    Ptr,
}
