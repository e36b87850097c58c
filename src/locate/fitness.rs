//! Where a name may lead. A name server that is not ours chooses what stands behind a name, and must not aim us at ourselves
//! or at what only this machine can reach.

use std::net::IpAddr;

use super::Peer;
use crate::policy::dns::LocalAddresses;
use crate::policy::{ListenerId, Policy};
use crate::trust::OwnAddresses;

/// Judges the addresses behind names.
pub struct Fitness<'a> {
    pub policy: &'a Policy,
    pub own: &'a OwnAddresses,
    /// Listener to leave by.
    pub listener: ListenerId,
}

impl Fitness<'_> {
    /// Whether a request may be sent to an address that a name led to.
    //= LOC-007
    pub fn holds(&self, peer: &Peer) -> bool {
        let address = peer.address.ip();
        if is_nobody(address) || self.is_ours(peer) {
            return false;
        }
        match self.policy.dns.local_addresses.value {
            LocalAddresses::Accept => true,
            LocalAddresses::Refuse => !is_local(address) || self.leaves_by_loopback(),
        }
    }

    /// An address of ours on that transport: the request would come back.
    fn is_ours(&self, peer: &Peer) -> bool {
        self.own.all().iter().map(|own| own.bound).any(|own| {
            // Which addresses stand behind 0.0.0.0 nobody told us; the loopback is one of them for sure.
            let is_behind_all = own.address.ip().is_unspecified()
                && own.address.port() == peer.address.port()
                && peer.address.ip().is_loopback();
            own.transport == peer.transport && (own.address == peer.address || is_behind_all)
        })
    }

    /// A listener on the loopback reaches nothing else, so that it is bound there says that this is wanted.
    fn leaves_by_loopback(&self) -> bool {
        let mut own = self.own.all().iter().map(|own| own.bound);
        own.any(|bound| bound.listener == self.listener && bound.address.ip().is_loopback())
    }
}

/// No one machine: unspecified, multicast, broadcast, or an IPv4 address dressed up as an IPv6 one.
fn is_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || v6.to_ipv4_mapped().is_some(),
    }
}

/// Only this machine, or this link, can reach it.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}
