//! Who is kept apart: peers of which one wants nothing to do with the other, and peers that are not there.

use std::time::Duration;

use super::table::Slot;
use super::{Moment, Tracker};

/// How long a pair is kept apart: as good as for ever. The oldest goes where there is no room.
const KEPT: Duration = Duration::from_secs(10 * 366 * 86_400);
/// How long who was not there stands in no list.
const AWAY: Duration = Duration::from_secs(60);

impl Tracker {
    /// One peer wants to have nothing to do with another any more, whatever either is called. Of an ID that leads nowhere
    /// nothing is said: neither learns who the other is, nor whether there is one.
    //= P2P-151
    //= P2P-151 type=exception reason=pairs are kept in memory: after a start of the process they must be said again
    pub(super) fn block(&mut self, now: Moment, slot: Slot, uri: &str) {
        if let Some((other, _)) = self.place_of(uri.as_bytes()).filter(|(other, _)| *other != slot) {
            let pair = self.pair(slot, other);
            self.blocked.insert(pair, now.at + KEPT, ());
        }
    }

    /// Whether two are never to meet.
    //= P2P-151
    pub(super) fn are_apart(&self, one: Slot, other: Slot) -> bool {
        !self.blocked.is_empty() && self.blocked.get(&self.pair(one, other)).is_some()
    }

    /// By who they are, whichever of them said so.
    fn pair(&self, one: Slot, other: Slot) -> (u64, u64) {
        let (one, other) = (self.identity_hash(one), self.identity_hash(other));
        (one.min(other), one.max(other))
    }

    /// The peer behind an ID was not there.
    //= P2P-071
    pub fn unreachable(&mut self, now: Moment, uri: &[u8]) {
        if let Some((slot, _)) = self.place_of(uri) {
            self.away.insert(slot, now.at + AWAY, ());
        }
    }

    /// It has just said something.
    pub(super) fn is_heard(&mut self, slot: Slot) {
        self.away.remove(&slot);
    }

    pub(super) fn is_away(&self, now: Moment, slot: Slot) -> bool {
        self.away.live(&slot, now.at).is_some()
    }
}
