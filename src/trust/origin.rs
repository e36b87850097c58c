//! Who sent this.

use super::evidence::{Crossing, Evidence, Facts, Flow, Member, collect};
use super::recent::Recent;
use super::reverse::ReverseName;
use crate::policy::{PeerId, Policy};

/// Where a message came from, judged once on receipt from transport facts alone.
//= TRUST-014
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    flow: Flow,
    standing: Standing,
    evidence: Evidence,
}

/// The class of a peer: T, S or U of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// A member of T over a secured way.
    Trusted,
    /// A UE this node serves; never in T.
    Served,
    /// Everybody else.
    Untrusted,
}

impl Origin {
    /// Judges the sender of what arrived on `flow`.
    //= TRUST-010
    pub fn judge(policy: &Policy, flow: Flow) -> Origin {
        Origin::of(flow, collect(policy, Facts::of_flow(&flow), Crossing::In))
    }

    /// The same, of a peer that may have been judged before.
    pub fn judge_recent(recent: &mut Recent, flow: Flow) -> Origin {
        Origin::of(flow, recent.evidence(Facts::of_flow(&flow), Crossing::In))
    }

    /// The same with what DNS says of its address, where nothing else is known of it.
    //= TRUST-026
    pub fn supported_by(self, name: ReverseName) -> Origin {
        Origin::of(self.flow, self.evidence.supported(self.flow.remote.ip(), name))
    }

    /// What DNS says of it, if it is trusted for that.
    pub fn reverse_name(&self) -> Option<ReverseName> {
        ReverseName::of(&self.evidence, self.flow.remote.ip())
    }

    fn of(flow: Flow, evidence: Evidence) -> Origin {
        let standing = match evidence.member {
            Member::Served { .. } => Standing::Served,
            _ if evidence.is_trusted() => Standing::Trusted,
            _ => Standing::Untrusted,
        };
        Origin {
            flow,
            standing,
            evidence,
        }
    }

    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    pub fn is_trusted(&self) -> bool {
        self.standing == Standing::Trusted
    }

    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The peer whose terms apply.
    pub fn peer(&self) -> Option<PeerId> {
        self.evidence.peer()
    }
}
