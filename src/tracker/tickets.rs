//! Membership tickets: the tracker's signed word to a member, for other peers and for who gives keys.

use rand_chacha::rand_core::Rng;

use super::buckets::Buckets;
use super::settings::View;
use super::table::{Announcement, Slot, State, SwarmIndex};
use super::{Moment, Path, Tracker};
use crate::ppsp::chunk_map::ChunkMap;
use crate::ppsp::jws::SigningKey;
use crate::ppsp::response::SwarmResult;
use crate::ppsp::ticket::{Ticket, viewer_of};
use crate::seal::temporary_id::{Place, Viewer};

/// Holders that are looked at for what there is to be had.
const HOLDERS: usize = 32;

impl Tracker {
    /// From here on tickets are signed with this key, or none are given.
    //= P2P-082
    pub fn sign_tickets(&mut self, key: Option<SigningKey>) {
        self.signs = key;
    }

    /// What goes with a list: the tracker's word, and whom it is for, as that changes with each epoch. By datagrams it would not
    /// fit.
    pub(super) fn vouched(
        &self,
        now: Moment,
        slot: Slot,
        swarm: SwarmIndex,
        path: Path,
        random: &mut impl Rng,
    ) -> SwarmResult {
        let done = SwarmResult::done(self.table.swarm(swarm).id);
        let ticket = match path {
            Path::Stream => self.ticket(now, slot, swarm, random),
            Path::Datagram => None,
        };
        match ticket {
            Some(ticket) => SwarmResult {
                assigned: self.assigned(now, slot, swarm).into_iter().collect(),
                ticket: Some(ticket),
                ..done
            },
            None => done,
        }
    }

    /// That a peer is in a swarm, and which pieces others have proved to hold. `None`: no tickets are signed here, or the peer
    /// says that it holds something and has not proved it.
    ///
    /// It is for the name that others know the peer by. Where each knows it by another, nobody but who signs could tell.
    //= P2P-082
    //= P2P-095
    pub(super) fn ticket(&self, now: Moment, slot: Slot, swarm: SwarmIndex, random: &mut impl Rng) -> Option<String> {
        let key = self.signs.as_ref()?;
        let own = self.table.announcement(slot, swarm)?;
        if !own.held.is_none() && own.state != State::Verified {
            return None;
        }
        let pieces = self.table.swarm(swarm).layout.pieces();
        let is_usable =
            |one: &&Announcement| one.state == State::Verified && self.table.peer(one.peer).expires_at > now.seconds();
        let held = match self.settings.network_peers.is_empty() {
            // A node of the network has all of it.
            false => Buckets::of(&ChunkMap::full(pieces)),
            true => {
                let holders = self.table.sample(swarm, HOLDERS, random);
                let usable = holders.filter(is_usable);
                Buckets(usable.fold(0, |held, one| held | one.held.0))
            }
        };
        let seen_by = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(slot)),
        };
        let viewer = viewer_of(&self.called(now, slot, swarm, seen_by)?);
        let ticket = Ticket::new(now.unix, self.table.swarm(swarm).id, viewer, &held.ranges(pieces));
        ticket.sign(key).ok()
    }
}
