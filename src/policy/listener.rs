//! `[[listener]]`: the sockets, and who can be at the other end of them.

use std::net::SocketAddr;

use super::{Part, Security, Stated, Tls};
use crate::sip::Transport;

/// Index into [`super::Policy::listeners`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

#[derive(Debug, Clone)]
pub struct Listener {
    pub name: Stated<String>,
    /// At least one.
    pub bind: Vec<Stated<Bind>>,
    pub peers: Stated<PeersAre>,
    /// Makes arrival here SECURE evidence (TRUST-023, 025).
    pub secured_by: Option<Stated<Security>>,
    /// On a secured listener: arrival is MEMBER evidence too (TS 33.203 section 5.4).
    pub implicit_member: Stated<bool>,
    /// Host[:port] to write into Via and Record-Route instead of the bound address (behind NAT).
    pub advertise: Option<Stated<String>>,
    /// Whether the inside of the network is hidden from those who are not listed otherwise (THIG-001).
    pub thig: Stated<bool>,
    /// There when a bind needs it.
    pub tls: Option<Tls>,
    /// There when its UEs are protected by IPsec.
    pub protected: Option<Part>,
}

impl Listener {
    /// Whether it can make a difference here what a peer is called in DNS: the way is secured, and not everybody is a member.
    pub fn may_have_members_by_name(&self) -> bool {
        self.peers.value == PeersAre::Listed && self.secured_by.is_some() && !self.implicit_member.value
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    pub transport: Transport,
    /// Port 0: chosen by the system at start (tests).
    pub address: SocketAddr,
}

/// Who can be at the other end of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeersAre {
    /// Everybody there is in T; the listener must be secured.
    Trusted,
    /// `[[peer]]` decides.
    Listed,
    /// Nobody there is in T.
    Untrusted,
    /// Served UEs.
    Ue,
}
