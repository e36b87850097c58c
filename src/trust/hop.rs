//! Who gets this.

use super::evidence::{Crossing, Destination, Evidence, Facts, Member, collect};
use super::origin::Origin;
use super::recent::Recent;
use super::reverse::ReverseName;
use crate::policy::{PeerId, Policy};

/// A next hop inside T. Made only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedHop(Peer);

/// A next hop outside T: a served UE or a stranger. Made only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntrustedHop {
    peer: Peer,
    kind: UntrustedKind,
}

/// The machine a message goes to. It lives inside the hop, so bytes cleared for one peer cannot go to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    destination: Destination,
    evidence: Evidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    Trusted(TrustedHop),
    Untrusted(UntrustedHop),
}

/// E or U of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UntrustedKind {
    /// A UE this node serves.
    Served,
    /// Anybody else.
    Stranger,
}

impl Hop {
    /// Judges the next hop of a request, after its address was chosen.
    //= TRUST-010
    //= TRUST-011
    pub fn judge(policy: &Policy, destination: Destination) -> Hop {
        let evidence = collect(policy, Facts::of_destination(&destination), Crossing::Out);
        Hop::of(destination, evidence)
    }

    /// The same, of a peer that may have been judged before.
    pub fn judge_recent(recent: &mut Recent, destination: Destination) -> Hop {
        let evidence = recent.evidence(Facts::of_destination(&destination), Crossing::Out);
        Hop::of(destination, evidence)
    }

    /// Judges the next hop of a response: trusted only if the request's origin was, and the way back is too.
    pub fn back(policy: &Policy, origin: &Origin, destination: Destination) -> Hop {
        Hop::judge(policy, destination).for_responses_to(origin)
    }

    /// A hop as it counts for the responses to what came from `origin`.
    //= TRUST-030
    pub fn for_responses_to(self, origin: &Origin) -> Hop {
        // What DNS said of a sender counts for the answer, whatever it says by then.
        let hop = match origin.reverse_name() {
            Some(name) => self.supported_by(name),
            None => self,
        };
        match hop {
            Hop::Trusted(TrustedHop(peer)) if !origin.is_trusted() => Hop::Untrusted(UntrustedHop {
                peer,
                kind: UntrustedKind::Stranger,
            }),
            hop => hop,
        }
    }

    /// The same with what DNS says of its address, where nothing else is known of it.
    //= TRUST-026
    pub fn supported_by(self, name: ReverseName) -> Hop {
        let destination = *self.destination();
        Hop::of(destination, self.evidence().supported(destination.remote.ip(), name))
    }

    /// What DNS says of it, if it is trusted for that.
    pub fn reverse_name(&self) -> Option<ReverseName> {
        ReverseName::of(self.evidence(), self.destination().remote.ip())
    }

    fn of(destination: Destination, evidence: Evidence) -> Hop {
        let peer = Peer { destination, evidence };
        match evidence.member {
            Member::Served { .. } => Hop::Untrusted(UntrustedHop {
                peer,
                kind: UntrustedKind::Served,
            }),
            _ if evidence.is_trusted() => Hop::Trusted(TrustedHop(peer)),
            _ => Hop::Untrusted(UntrustedHop {
                peer,
                kind: UntrustedKind::Stranger,
            }),
        }
    }

    pub fn destination(&self) -> &Destination {
        match self {
            Hop::Trusted(hop) => hop.destination(),
            Hop::Untrusted(hop) => hop.destination(),
        }
    }

    pub fn evidence(&self) -> &Evidence {
        match self {
            Hop::Trusted(hop) => &hop.0.evidence,
            Hop::Untrusted(hop) => &hop.peer.evidence,
        }
    }

    pub fn is_trusted(&self) -> bool {
        matches!(self, Hop::Trusted(_))
    }

    /// The peer whose terms apply.
    pub fn peer(&self) -> Option<PeerId> {
        self.evidence().peer()
    }
}

impl TrustedHop {
    pub fn destination(&self) -> &Destination {
        &self.0.destination
    }

    pub fn peer(&self) -> Option<PeerId> {
        self.0.evidence.peer()
    }
}

impl UntrustedHop {
    pub fn destination(&self) -> &Destination {
        &self.peer.destination
    }

    pub fn kind(&self) -> UntrustedKind {
        self.kind
    }

    pub fn peer(&self) -> Option<PeerId> {
        self.peer.evidence.peer()
    }
}
