//! From a temporary ID to the one device behind it, for those who may.

use super::reports::SESSION_KEPT;
use super::settings::View;
use super::table::SwarmIndex;
use super::{Member, Moment, Tracker};
use crate::seal::temporary_id::{Place, Viewer};

/// Where a temporary ID leads, for one who asks.
pub struct Target<'a> {
    pub identity: &'a [u8],
    pub reach: &'a [u8],
    /// What the one who asks is called in the same swarm, by the one it leads to.
    pub caller: String,
}

/// A temporary ID leads nowhere, for whatever reason: nobody is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a temporary ID leads nowhere for who asks")]
pub struct Unusable;

impl Tracker {
    /// The device behind a temporary ID. Who asks must be in the same swarm.
    //= P2P-032
    //= P2P-033
    //= P2P-037
    //= P2P-069
    //= P2P-077
    pub fn resolve(&mut self, now: Moment, caller: Member<'_>, uri: &[u8]) -> Result<Target<'_>, Unusable> {
        let opened = self.ids.open(uri).map_err(|_| Unusable)?;
        let ends_at = (u64::from(opened.epoch) + 1) * self.settings.epoch_seconds + self.settings.grace_seconds;
        let (slot, peer) = self.table.at(opened.place, opened.generation).ok_or(Unusable)?;
        let asker = self.table.find(caller.identity, caller.device).ok_or(Unusable)?;
        let viewer = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(asker)),
        };
        // Keys are asked only of what both are in, which is little.
        let is_of = |swarm: &SwarmIndex| {
            self.table.announcement(asker, *swarm).is_some()
                && self.ids.is_bound(&opened, &self.table.swarm(*swarm).id.name(), viewer)
        };
        let swarm = self.table.joined(slot).find(is_of).ok_or(Unusable)?;
        let is_live = peer.expires_at > now.seconds() && now.seconds() < ends_at;
        if !is_live {
            return Err(Unusable);
        }
        let seen_by = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(slot)),
        };
        let caller = self.shown_as(now, asker, swarm, seen_by).ok_or(Unusable)?;
        self.sessions.insert((asker, slot, swarm), now.at + SESSION_KEPT, ());
        let peer = self.table.peer(slot);
        Ok(Target {
            identity: &peer.identity,
            reach: &peer.reach,
            caller,
        })
    }
}

impl std::fmt::Debug for Target<'_> {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}
