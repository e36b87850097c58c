//! How a peer proved itself.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::policy::{
    CertifiedName, Direction, Listener, ListenerId, PeerId, PeersAre, Policy, Security, Stated, StatedBy,
};
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
    /// The configured name that the peer's certificate proved on this very connection.
    pub certified: Option<CertifiedName>,
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
    /// An open connection to use, and no other: when it is gone, sending fails. `None` on a stream transport: the shell connects
    /// to `remote`, or takes a connection it opened there itself, or one whose other end proved to be who is to be there.
    pub connection: Option<ConnectionId>,
    /// The name that the peer's certificate must prove before a byte is written. `None` where there are no certificates, or
    /// where the open connection is enough.
    pub certified: Option<CertifiedName>,
}

impl From<&Destination> for Flow {
    /// What would come back from there.
    fn from(destination: &Destination) -> Flow {
        Flow {
            listener: destination.listener,
            transport: destination.transport,
            local: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
            remote: destination.remote,
            connection: destination.connection,
            certified: destination.certified,
        }
    }
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
    /// By TLS with the certificate of the peer whose `secured_by = "mutual-tls"` stands in this line.
    Certificate { line: u32 },
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
    /// Its certificate proves a name of this peer.
    Name { peer: PeerId, line: u32 },
    /// DNS gives its address a name of T's own domains, and that name leads back to it. Weak, so only for want of anything else.
    ReverseName { line: u32 },
    /// Its certificate says one peer, its address on a secured listener another.
    Contradiction { line: u32 },
    /// A prefix or name matches, but `direction` excludes this one.
    WrongDirection { peer: PeerId, line: u32 },
    /// A prefix or name matches a peer that has no `secured_by`: listed for its terms only.
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
        matches!(self.secure, Secure::Listener { .. } | Secure::Certificate { .. })
            && matches!(
                self.member,
                Member::Listener { .. } | Member::Prefix { .. } | Member::Name { .. } | Member::ReverseName { .. }
            )
    }

    /// The peer whose terms apply, trusted or not.
    pub fn peer(&self) -> Option<PeerId> {
        match self.member {
            Member::Prefix { peer, .. }
            | Member::Name { peer, .. }
            | Member::WrongDirection { peer, .. }
            | Member::Stranger { peer, .. } => Some(peer),
            _ => None,
        }
    }

    /// A bounded word for logs, metrics and explanations.
    pub fn reason(&self) -> &'static str {
        self.why().as_str()
    }

    pub fn why(&self) -> Reason {
        match (self.member, self.secure) {
            (Member::Served { .. }, _) => Reason::ServedUe,
            (Member::UntrustedListener { .. }, _) => Reason::UntrustedListener,
            (Member::WrongDirection { .. }, _) => Reason::WrongDirection,
            (Member::Stranger { .. }, _) => Reason::StrangerWithTerms,
            (Member::Contradiction { .. }, _) => Reason::ContradictingEvidence,
            //= PAI-012
            (Member::Nothing, _) => Reason::NoMemberEvidence,
            (_, Secure::Nothing) => Reason::NoSecureEvidence,
            (_, Secure::AnotherWay { .. }) => Reason::SecuredAnotherWay,
            (Member::Listener { .. }, _) => Reason::TrustedListener,
            (Member::Prefix { .. }, _) => Reason::PeerByPrefix,
            (Member::Name { .. }, _) => Reason::PeerByName,
            (Member::ReverseName { .. }, _) => Reason::SameDomainByReverseDns,
        }
    }

    /// The line of the policy that settled it; 0 when nothing is written.
    pub fn policy_line(&self) -> u32 {
        match self.member {
            Member::Listener { line }
            | Member::Prefix { line, .. }
            | Member::Name { line, .. }
            | Member::ReverseName { line }
            | Member::Contradiction { line }
            | Member::WrongDirection { line, .. }
            | Member::Stranger { line, .. }
            | Member::Served { line }
            | Member::UntrustedListener { line } => line,
            Member::Nothing => match self.secure {
                Secure::Listener { line } | Secure::Certificate { line } | Secure::AnotherWay { line } => line,
                Secure::Nothing => 0,
            },
        }
    }
}

/// What settled the class of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    TrustedListener,
    PeerByPrefix,
    PeerByName,
    SameDomainByReverseDns,
    ServedUe,
    UntrustedListener,
    WrongDirection,
    StrangerWithTerms,
    ContradictingEvidence,
    NoMemberEvidence,
    NoSecureEvidence,
    SecuredAnotherWay,
}

impl Reason {
    pub const ALL: [Reason; 12] = [
        Reason::TrustedListener,
        Reason::PeerByPrefix,
        Reason::PeerByName,
        Reason::SameDomainByReverseDns,
        Reason::ServedUe,
        Reason::UntrustedListener,
        Reason::WrongDirection,
        Reason::StrangerWithTerms,
        Reason::ContradictingEvidence,
        Reason::NoMemberEvidence,
        Reason::NoSecureEvidence,
        Reason::SecuredAnotherWay,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::TrustedListener => "trusted-listener",
            Reason::PeerByPrefix => "peer-by-prefix",
            Reason::PeerByName => "peer-by-name",
            Reason::SameDomainByReverseDns => "same-domain-by-reverse-dns",
            Reason::ServedUe => "served-ue",
            Reason::UntrustedListener => "untrusted-listener",
            Reason::WrongDirection => "wrong-direction",
            Reason::StrangerWithTerms => "stranger-with-terms",
            Reason::ContradictingEvidence => "contradicting-evidence",
            Reason::NoMemberEvidence => "no-member-evidence",
            Reason::NoSecureEvidence => "no-secure-evidence",
            Reason::SecuredAnotherWay => "secured-another-way",
        }
    }

    /// The class it leads to.
    pub fn class(self) -> &'static str {
        match self {
            Reason::TrustedListener | Reason::PeerByPrefix | Reason::PeerByName | Reason::SameDomainByReverseDns => {
                "trusted"
            }
            Reason::ServedUe => "served",
            _ => "untrusted",
        }
    }
}

/// Which way a message crosses, for a peer whose `direction` excludes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    In,
    Out,
}

/// What is known of the other end, before any header is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub listener: ListenerId,
    pub remote: IpAddr,
    /// Proved, or to be proved before a byte is written.
    pub certified: Option<CertifiedName>,
}

impl Facts {
    pub fn of_flow(flow: &Flow) -> Facts {
        Facts {
            listener: flow.listener,
            remote: flow.remote.ip(),
            certified: flow.certified,
        }
    }

    pub fn of_destination(destination: &Destination) -> Facts {
        Facts {
            listener: destination.listener,
            remote: destination.remote.ip(),
            certified: destination.certified,
        }
    }
}

/// Collects the evidence for whoever is at the other end.
///
/// A name that a certificate proves decides which peer it is, else the longest matching prefix. What DNS says of an address
/// is not asked here: see [`super::ReverseName`].
//= TRUST-005
//= TRUST-011
//= TRUST-023
//= TRUST-025
pub(super) fn collect(policy: &Policy, facts: Facts, crossing: Crossing) -> Evidence {
    let Some(listener) = policy.listeners.get(facts.listener.0 as usize) else {
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
    let of_listener = match listener.peers.value {
        PeersAre::Trusted => Some(Member::Listener { line }),
        PeersAre::Untrusted => Some(Member::UntrustedListener { line }),
        PeersAre::Ue => Some(Member::Served { line }),
        PeersAre::Listed => None,
    };
    if let Some(member) = of_listener {
        return Evidence { secure, member };
    }
    let named = facts.certified.and_then(|name| by_name(policy, name));
    let located = by_prefix(policy, facts.remote);
    //= TRUST-031
    if let (Some(named), Some(located), Secure::Listener { .. }) = (named, located, secure)
        && named.peer != located.peer
        && has_way(policy, named.peer)
        && has_way(policy, located.peer)
    {
        return Evidence {
            secure,
            member: Member::Contradiction { line: named.line },
        };
    }
    //= TRUST-024
    if policy.dedicated_untrusted.value && secure == Secure::Nothing {
        let member = match named.or(located) {
            Some(Found { peer, line, .. }) => Member::Stranger { peer, line },
            None => Member::UntrustedListener {
                line: line_of(policy.dedicated_untrusted.by),
            },
        };
        return Evidence { secure, member };
    }
    match named.or(located) {
        Some(found) => of_peer(policy, listener, secure, found, crossing),
        None => {
            let line = line_of(listener.implicit_member.by);
            let member = match listener.implicit_member.value {
                true => Member::Listener { line },
                false => Member::Nothing,
            };
            Evidence { secure, member }
        }
    }
}

/// Which of the names of a certificate counts: the one that is configured. `None` where none is, or where they are of
/// different peers: then it is not known which of them this is.
//= TRUST-020
//= TRUST-031
pub fn recognise(policy: &Policy, identities: &[String]) -> Option<CertifiedName> {
    let names = identities.iter().map(|name| CertifiedName::of(name));
    let mut found = names.filter_map(|name| Some((name, by_name(policy, name)?.peer)));
    let (name, peer) = found.next()?;
    found.all(|(_, other)| other == peer).then_some(name)
}

/// Which peer it is, and the line that says so.
#[derive(Clone, Copy)]
struct Found {
    peer: PeerId,
    line: u32,
    by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    Prefix,
}

//= TRUST-020
fn by_name(policy: &Policy, name: CertifiedName) -> Option<Found> {
    policy.peers.iter().enumerate().find_map(|(id, peer)| {
        let place = peer.certified.iter().position(|own| *own == name)?;
        Some(Found {
            peer: PeerId(id as u16),
            line: peer.names.get(place).map_or(0, |name| line_of(name.by)),
            by: By::Name,
        })
    })
}

fn by_prefix(policy: &Policy, remote: IpAddr) -> Option<Found> {
    let remote = remote.to_canonical();
    let mut longest: Option<(usize, &Stated<IpNet>)> = None;
    for (id, peer) in policy.peers.iter().enumerate() {
        for prefix in &peer.prefixes {
            let length = prefix.value.prefix_len();
            if holds(prefix.value, remote) && longest.is_none_or(|(_, other)| length >= other.value.prefix_len()) {
                longest = Some((id, prefix));
            }
        }
    }
    let (id, prefix) = longest?;
    Some(Found {
        peer: PeerId(id as u16),
        line: line_of(prefix.by),
        by: By::Prefix,
    })
}

fn has_way(policy: &Policy, peer: PeerId) -> bool {
    let peer = policy.peers.get(usize::from(peer.0));
    peer.is_some_and(|peer| peer.secured_by.is_some())
}

fn of_peer(policy: &Policy, listener: &Listener, secure: Secure, found: Found, crossing: Crossing) -> Evidence {
    let Found { peer: id, line, by } = found;
    let Some(peer) = policy.peers.get(usize::from(id.0)) else {
        return Evidence {
            secure,
            member: Member::Nothing,
        };
    };
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
    //= TRUST-022
    let line_of_way = line_of(promised.by);
    let secure = match (promised.value, by, listener.secured_by) {
        (Security::MutualTls, By::Name, _) => Secure::Certificate { line: line_of_way },
        (_, _, Some(way)) if way.value != promised.value => Secure::AnotherWay { line: line_of_way },
        _ => secure,
    };
    let member = match by {
        By::Name => Member::Name { peer: id, line },
        By::Prefix => Member::Prefix { peer: id, line },
    };
    Evidence { secure, member }
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

    #[test]
    fn what_is_printed_of_a_way_names_its_listener_and_no_address() {
        let destination = Destination {
            listener: ListenerId(7),
            transport: Transport::Tcp,
            remote: "192.0.2.9:5061".parse().unwrap(),
            connection: None,
            certified: None,
        };
        let flow = Flow::from(&destination);
        assert_eq!(flow.local.port(), 0);
        for printed in [format!("{destination:?}"), format!("{flow:?}")] {
            assert!(
                printed.contains("ListenerId(7)") && printed.contains("Tcp"),
                "{printed}"
            );
            assert!(!printed.contains("192"), "{printed}");
        }
    }

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
