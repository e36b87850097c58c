//! From a temporary ID to the one device behind it, for those who may.

use super::reports::SESSION_KEPT;
use super::settings::{Expose, View};
use super::table::{Peer, Slot, SwarmIndex};
use super::{Member, Moment, Tracker};
use crate::seal::temporary_id::{Form, Opened, Place, Viewer};

/// Where a temporary ID leads, for one who asks.
pub struct Target<'a> {
    pub identity: &'a [u8],
    pub reach: &'a [u8],
    /// What the one who asks is called in the same swarm, by the one it leads to.
    pub caller: String,
}

/// Why nobody is led anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLed {
    /// For whatever reason: nobody is told which.
    #[error("a temporary ID leads nowhere for who asks")]
    Unusable,
    #[error("who asks, or who is asked for, has too many calls")]
    TooOften { retry_after: u32 },
    #[error("who asks has tried too many IDs that lead nowhere")]
    Barred,
}

/// Who asks, whom it asks for, and a swarm both are in.
struct Led {
    asker: Slot,
    slot: Slot,
    swarm: SwarmIndex,
    /// How old the keys of the ID are.
    days_old: usize,
}

impl Tracker {
    /// The device behind a temporary ID. Who asks must be in the same swarm.
    //= P2P-032
    //= P2P-033
    //= P2P-037
    //= P2P-069
    //= P2P-077
    pub fn resolve(&mut self, now: Moment, caller: Member<'_>, uri: &[u8]) -> Result<Target<'_>, NotLed> {
        let known_as = self.table.hash(caller.identity);
        if self.calls.is_barred(now, known_as) {
            return Err(NotLed::Barred);
        }
        let Some(Led {
            asker,
            slot,
            swarm,
            days_old,
        }) = self.led(now, caller, uri)
        else {
            self.calls.missed(now, known_as, &self.settings);
            return Err(NotLed::Unusable);
        };
        self.calls.takes(now, (asker, slot), &mut self.table, &self.settings)?;
        let seen_by = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(slot)),
        };
        let caller = self.called(now, asker, swarm, seen_by).ok_or(NotLed::Unusable)?;
        self.sessions.insert((asker, slot, swarm), (), now.at + SESSION_KEPT);
        self.counts.used_after(days_old);
        let peer = self.table.peer(slot);
        Ok(Target {
            identity: &peer.identity,
            reach: &peer.reach,
            caller,
        })
    }

    /// Who asks, whom it asks for, and the swarm both are in.
    fn led(&self, now: Moment, caller: Member<'_>, uri: &[u8]) -> Option<Led> {
        let asker = self.table.find(caller.identity, caller.device)?;
        let read = self.ids.hosts().read(uri)?;
        let led = match read.form {
            Form::Drawn if self.settings.expose == Expose::Drawn => self.led_by_drawn(now, asker, read.token),
            _ => self.led_by_sealed(now, asker, uri),
        };
        //= P2P-151
        led.filter(|led| !self.are_apart(led.asker, led.slot))
    }

    fn led_by_sealed(&self, now: Moment, asker: Slot, uri: &[u8]) -> Option<Led> {
        let opened = self.ids.open(uri).ok()?;
        let ends_at = (u64::from(opened.epoch) + 1) * self.settings.epoch_seconds + self.settings.grace_seconds;
        let (slot, peer) = self.stands(&opened)?;
        let viewer = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(asker)),
        };
        // Keys are asked only of what both are in, which is little.
        let is_of = |swarm: &SwarmIndex| {
            self.table.announcement(asker, *swarm).is_some()
                && self.ids.is_bound(&opened, &self.table.swarm(*swarm).id.name(), viewer)
        };
        let swarm = self.table.joined(slot).find(is_of)?;
        let is_live = peer.expires_at > now.seconds() && now.seconds() < ends_at;
        is_live.then(|| Led {
            asker,
            slot,
            swarm,
            days_old: self.ids.days_old(&opened),
        })
    }

    /// The same for a name that the peer drew itself.
    //= P2P-044
    fn led_by_drawn(&self, now: Moment, asker: Slot, drawn: &[u8]) -> Option<Led> {
        let hash = self.table.hash(drawn);
        let (slot, generation) = *self.drawn.live(&hash, now.at)?;
        let (slot, peer) = self.table.at(Place::of_slot(slot), generation)?;
        let is_shared = |swarm: &SwarmIndex| self.table.announcement(asker, *swarm).is_some();
        let swarm = self.table.joined(slot).find(is_shared)?;
        (peer.expires_at > now.seconds()).then_some(Led {
            asker,
            slot,
            swarm,
            days_old: 0,
        })
    }

    /// The place behind an ID of ours, whoever it is shown to.
    pub(super) fn place_of(&self, uri: &[u8]) -> Option<(Slot, u8)> {
        let read = self.ids.hosts().read(uri)?;
        let (slot, peer) = match read.form {
            Form::Drawn => {
                let (slot, generation) = self.drawn.get(&self.table.hash(read.token))?;
                self.table.at(Place::of_slot(*slot), *generation)?
            }
            Form::Sealed | Form::Whole => self.stands(&self.ids.open(uri).ok()?)?,
        };
        Some((slot, peer.generation))
    }

    /// Who stands where an ID leads, if it is who stood there in the run that told it.
    //= P2P-036
    //= P2P-042
    pub(super) fn stands(&self, opened: &Opened) -> Option<(Slot, &Peer)> {
        let at = self.table.at(opened.place, opened.generation);
        at.filter(|(_, peer)| peer.since <= opened.run)
    }

    /// What a peer is called by others in this swarm.
    //= P2P-044
    pub(super) fn called(&self, now: Moment, slot: Slot, swarm: SwarmIndex, viewer: Viewer) -> Option<String> {
        self.drawn_by(now, slot)
            .or_else(|| self.shown_as(now, slot, swarm, viewer))
    }

    /// The name that a peer drew, where others see it.
    pub(super) fn drawn_by(&self, now: Moment, slot: Slot) -> Option<String> {
        let (generation, drawn) = self.names.live(&slot, now.at)?;
        let is_shown = self.settings.expose == Expose::Drawn && *generation == self.table.peer(slot).generation;
        is_shown.then(|| format!("sip:t2.{drawn}@{}", self.ids.hosts().own()))
    }
}

impl std::fmt::Debug for Target<'_> {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}
