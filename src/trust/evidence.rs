//! How a peer proved itself.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::policy::{Direction, ListenerId, PeerId, PeersAre, Policy, StatedBy};
use crate::sip::Transport;

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

/// The two facts a trusted hop needs, or why one is missing, with the line of the policy behind each.
//= TRUST-010
//= TRUST-014
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    pub secure: Secure,
    pub member: Member,
}

/// Whether the way is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secure {
    /// By the listener's `secured_by`.
    Listener { line: u32 },
    /// No SECURE evidence.
    Nothing,
    /// The listener is secured, but not in the way this peer promised.
    AnotherWay { line: u32 },
}

/// Whether the peer belongs to T.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Everybody on this listener does (`peers = "trusted"`, or `implicit_member`).
    Listener { line: u32 },
    /// Its address is in a prefix of this peer.
    Prefix { peer: PeerId, line: u32 },
    /// A prefix matches, but `direction` excludes this one.
    WrongDirection { peer: PeerId, line: u32 },
    /// A prefix matches a peer that has no `secured_by`: listed for its terms only.
    Stranger { peer: PeerId, line: u32 },
    /// A served UE, which is never in T.
    Served { line: u32 },
    /// Nobody on this listener is in T.
    UntrustedListener { line: u32 },
    /// No MEMBER evidence.
    Nothing,
}

impl Evidence {
    pub fn is_trusted(&self) -> bool {
        matches!(self.secure, Secure::Listener { .. })
            && matches!(self.member, Member::Listener { .. } | Member::Prefix { .. })
    }

    /// The peer whose terms apply, trusted or not.
    pub fn peer(&self) -> Option<PeerId> {
        match self.member {
            Member::Prefix { peer, .. } | Member::WrongDirection { peer, .. } | Member::Stranger { peer, .. } => {
                Some(peer)
            }
            _ => None,
        }
    }

    /// A bounded word for logs, metrics and explanations.
    pub fn reason(&self) -> &'static str {
        match (self.member, self.secure) {
            (Member::Served { .. }, _) => "served-ue",
            (Member::UntrustedListener { .. }, _) => "untrusted-listener",
            (Member::WrongDirection { .. }, _) => "wrong-direction",
            (Member::Stranger { .. }, _) => "stranger-with-terms",
            (Member::Nothing, _) => "no-member-evidence",
            (_, Secure::Nothing) => "no-secure-evidence",
            (_, Secure::AnotherWay { .. }) => "secured-another-way",
            (Member::Listener { .. }, _) => "trusted-listener",
            (Member::Prefix { .. }, _) => "peer-by-prefix",
        }
    }

    /// The line of the policy that settled it; 0 when nothing is written.
    pub fn policy_line(&self) -> u32 {
        match self.member {
            Member::Listener { line }
            | Member::Prefix { line, .. }
            | Member::WrongDirection { line, .. }
            | Member::Stranger { line, .. }
            | Member::Served { line }
            | Member::UntrustedListener { line } => line,
            Member::Nothing => match self.secure {
                Secure::Listener { line } | Secure::AnotherWay { line } => line,
                Secure::Nothing => 0,
            },
        }
    }
}

/// Which way a message crosses, for a peer whose `direction` excludes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    In,
    Out,
}

/// Collects the evidence for whoever is at `remote`, reached through `listener`.
///
/// The longest matching prefix decides which peer it is.
//= TRUST-005
//= TRUST-011
//= TRUST-023
//= TRUST-025
pub(super) fn collect(policy: &Policy, listener: ListenerId, remote: IpAddr, crossing: Crossing) -> Evidence {
    let Some(listener) = policy.listeners.get(listener.0 as usize) else {
        return Evidence {
            secure: Secure::Nothing,
            member: Member::Nothing,
        };
    };
    let secure = match &listener.secured_by {
        Some(by) => Secure::Listener { line: line_of(by.by) },
        None => Secure::Nothing,
    };
    let line = line_of(listener.peers.by);
    match listener.peers.value {
        PeersAre::Trusted => {
            return Evidence {
                secure,
                member: Member::Listener { line },
            };
        }
        PeersAre::Untrusted => {
            return Evidence {
                secure,
                member: Member::UntrustedListener { line },
            };
        }
        PeersAre::Ue => {
            return Evidence {
                secure,
                member: Member::Served { line },
            };
        }
        PeersAre::Listed => {}
    }
    let remote = remote.to_canonical();
    let prefixes = policy.peers.iter().enumerate().flat_map(|(id, peer)| {
        peer.prefixes
            .iter()
            .map(move |prefix| (PeerId(id as u16), peer, prefix))
    });
    let found = prefixes
        .filter(|(_, _, prefix)| holds(prefix.value, remote))
        .max_by_key(|(_, _, prefix)| prefix.value.prefix_len());
    let Some((id, peer, prefix)) = found else {
        let implicit = listener.implicit_member.value;
        let line = line_of(listener.implicit_member.by);
        return Evidence {
            secure,
            member: if implicit {
                Member::Listener { line }
            } else {
                Member::Nothing
            },
        };
    };
    let line = line_of(prefix.by);
    let Some(promised) = peer.secured_by else {
        return Evidence {
            secure,
            member: Member::Stranger { peer: id, line },
        };
    };
    let excluded = match peer.direction.value {
        Direction::Both => false,
        Direction::In => crossing == Crossing::Out,
        Direction::Out => crossing == Crossing::In,
    };
    if excluded {
        let line = line_of(peer.direction.by);
        return Evidence {
            secure,
            member: Member::WrongDirection { peer: id, line },
        };
    }
    //= TRUST-003
    let secure = match listener.secured_by {
        Some(way) if way.value != promised.value => Secure::AnotherWay {
            line: line_of(promised.by),
        },
        _ => secure,
    };
    Evidence {
        secure,
        member: Member::Prefix { peer: id, line },
    }
}

/// What `IpNet::contains` says, by one shift: this is asked of every prefix, for every message.
fn holds(prefix: IpNet, address: IpAddr) -> bool {
    match (prefix, address) {
        (IpNet::V4(prefix), IpAddr::V4(address)) => {
            let differing = prefix.addr().to_bits() ^ address.to_bits();
            differing.checked_shr(32 - u32::from(prefix.prefix_len())).unwrap_or(0) == 0
        }
        (IpNet::V6(prefix), IpAddr::V6(address)) => {
            let differing = prefix.addr().to_bits() ^ address.to_bits();
            differing.checked_shr(128 - u32::from(prefix.prefix_len())).unwrap_or(0) == 0
        }
        _ => false,
    }
}

fn line_of(by: StatedBy) -> u32 {
    match by {
        StatedBy::File { line } => line,
        StatedBy::Default | StatedBy::Profile => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
            any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        ]
    }

    proptest! {
        #[test]
        fn a_prefix_holds_what_its_crate_says(near in address(), other in address(), length in 0u8..=128, flipped in 0u32..128) {
            let length = if near.is_ipv4() { length.min(32) } else { length };
            let prefix = IpNet::new(near, length).unwrap();
            let neighbour = match near {
                IpAddr::V4(near) => IpAddr::V4((near.to_bits() ^ 1 << (flipped % 32)).into()),
                IpAddr::V6(near) => IpAddr::V6((near.to_bits() ^ 1 << flipped).into()),
            };
            for address in [near, neighbour, other] {
                prop_assert_eq!(holds(prefix, address), prefix.contains(&address));
            }
        }
    }
}
