//! Who is behind what is told of a place, for who writes it down.

use super::table::Slot;
use super::{Member, Tracker};
use crate::seal::temporary_id::Place;

/// What waits to be written down at most; beyond, the oldest is forgotten. Who asks after each request leaves a few.
const WAITING_MAX: usize = 10_000;

/// From now on, IDs of this place and generation are of this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Bound {
    pub identity: Vec<u8>,
    pub device: Vec<u8>,
    pub place: Place,
    pub generation: u8,
    /// The ID it drew itself, where others see it.
    pub drawn: Option<String>,
}

impl Tracker {
    /// The next binding that nobody wrote down; none where the settings want none.
    //= P2P-149
    pub fn poll_bound(&mut self) -> Option<Bound> {
        self.bound.pop_front()
    }

    pub(super) fn note_bound(&mut self, slot: Slot, member: Member<'_>, drawn: Option<&str>) {
        let drawn = drawn.map(|drawn| format!("sip:t2.{drawn}@{}", self.ids.hosts().own()));
        self.note_binding(slot, member.identity.to_vec(), member.device.to_vec(), drawn);
    }

    /// A peer has other names from now on.
    pub(super) fn note_renamed(&mut self, slot: Slot) {
        let peer = self.table.peer(slot);
        self.note_binding(slot, peer.identity.to_vec(), peer.device.to_vec(), None);
    }

    fn note_binding(&mut self, slot: Slot, identity: Vec<u8>, device: Vec<u8>, drawn: Option<String>) {
        if !self.settings.notes_bindings {
            return;
        }
        if self.bound.len() >= WAITING_MAX {
            self.bound.pop_front();
        }
        self.bound.push_back(Bound {
            identity,
            device,
            place: Place::of_slot(slot),
            generation: self.table.peer(slot).generation,
            drawn,
        });
    }
}

impl std::fmt::Debug for Bound {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").finish_non_exhaustive()
    }
}
