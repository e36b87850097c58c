//! How a peer proved itself.

use std::net::SocketAddr;

use crate::{policy::ListenerId, sip::Transport};

/// Names one stream connection of this process; never used again after it closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The way a message came in: transport facts, complete before any header is read.
//= TRUST-014
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    pub listener: ListenerId,
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// `None` for datagrams.
    pub connection: Option<ConnectionId>,
}

impl std::fmt::Debug for Flow {
    /// Names no address: a peer may be a UE.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("listener", &self.listener)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// Where a message is to go: the choice of `locate`, before trust is judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Listener to leave by: its socket for datagrams, its address for new connections.
    pub listener: ListenerId,
    pub transport: Transport,
    pub remote: SocketAddr,
    /// An open connection to use; when it is gone, or `None` on a stream transport, the shell connects to `remote`
    /// (or reuses a connection it opened to the same `remote` itself).
    pub connection: Option<ConnectionId>,
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination")
            .field("listener", &self.listener)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
