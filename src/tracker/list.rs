//! Who else is in a swarm: temporary IDs, by chance.

use rand_chacha::rand_core::Rng;

use super::reply::Reply;
use super::settings::{Startup, View};
use super::table::{Announcement, Slot, State, SwarmIndex, shuffle};
use super::{Member, Moment, Tracker};
use crate::ppsp::request::{PEERS_MAX, What};
use crate::ppsp::response::{Have, Peer, Role, SwarmResult};
use crate::ppsp::{Fault, Request, SwarmId};
use crate::seal::temporary_id::{Minting, Place, Viewer};

/// Peers of a list, where nobody says how many.
pub(super) const PEERS_USUAL: usize = 8;
/// Candidates looked at, for each that is wanted, and at least.
const CANDIDATES_EACH: usize = 4;
const CANDIDATES_MIN: usize = 32;

impl Tracker {
    /// Answers a FIND: one list. `peers_max`: what fits the way to who asks.
    //= P2P-046
    //= P2P-048
    //= P2P-051
    pub fn find(
        &mut self,
        now: Moment,
        member: Member<'_>,
        body: &[u8],
        peers_max: usize,
        random: &mut impl Rng,
    ) -> Reply {
        self.expire(now);
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(fault) => return Reply::failed("0", fault, None),
        };
        let transaction = request.transaction;
        let What::Find(find) = request.what else {
            return Reply::failed(&transaction, Fault::State, None);
        };
        let wanted = find.peer_count.map_or(PEERS_USUAL, usize::from).min(peers_max);
        match self.listed(now, member, find.swarm, wanted, random) {
            Ok(swarm) => Reply {
                body: Some(Reply::swarms(&transaction, vec![swarm])),
                ..Reply::bare(200)
            },
            Err(fault) => Reply::failed(&transaction, fault, (fault == Fault::Rate).then_some(60)),
        }
    }

    fn listed(
        &mut self,
        now: Moment,
        member: Member<'_>,
        swarm: SwarmId,
        wanted: usize,
        random: &mut impl Rng,
    ) -> Result<SwarmResult, Fault> {
        let swarm = self.table.swarm_of(swarm).ok_or(Fault::UnknownSwarm)?;
        let slot = self
            .table
            .find(member.identity, member.device)
            .ok_or(Fault::NotMember)?;
        self.table.announcement(slot, swarm).ok_or(Fault::NotMember)?;
        let per_minute = self.settings.lists_per_minute;
        if !self.table.peer_mut(slot).lists.takes(now.seconds(), per_minute) {
            return Err(Fault::Rate);
        }
        let peers = self.list(now, slot, swarm, wanted, random);
        Ok(SwarmResult {
            peers,
            ..self.vouched(now, slot, swarm, member.path, random)
        })
    }

    /// Entries of a list, for one who asks.
    //= P2P-047
    //= P2P-049
    //= P2P-050
    //= P2P-053
    //= P2P-054
    //= P2P-071
    //= P2P-151
    pub(super) fn list(
        &self,
        now: Moment,
        asker: Slot,
        swarm: SwarmIndex,
        wanted: usize,
        random: &mut impl Rng,
    ) -> Vec<Peer> {
        let wanted = wanted.min(PEERS_MAX.into());
        let seeders_min = self.settings.seeders_min;
        let (mut verified, mut provisional) = (Vec::with_capacity(wanted), Vec::new());
        let candidates = (wanted * CANDIDATES_EACH).max(CANDIDATES_MIN);
        for one in self.table.sample(swarm, candidates, random) {
            let is_live = self.table.peer(one.peer).expires_at > now.seconds();
            let is_to_be_had = is_live && !self.is_away(now, one.peer) && !self.are_apart(asker, one.peer);
            if one.peer == asker || !is_to_be_had || one.held.is_none() {
                continue;
            }
            //= P2P-110
            match one.state {
                State::Verified => verified.push(one),
                State::Provisional if provisional.len() < seeders_min => provisional.push(one),
                State::Provisional | State::Quarantined => {}
            }
            // Who is nearest is known among all of them.
            if verified.len() >= wanted.max(seeders_min) && !self.is_ranked() {
                break;
            }
        }
        let missing = seeders_min.saturating_sub(verified.len());
        // Drawn in no order; of those that are as near as each other, none stands before another but by chance.
        let mut chosen = verified;
        if self.is_ranked() {
            chosen.sort_by_key(|one| self.cost(one.peer, asker));
        }
        if missing > 0 && self.settings.fills_up {
            chosen.extend(provisional.into_iter().take(missing));
            chosen.truncate(wanted);
            if !self.is_ranked() {
                // Nothing tells who of them has proved it.
                shuffle(&mut chosen, random);
            }
        }
        chosen.truncate(wanted);
        let name = self.table.swarm(swarm).id.name();
        let minting = self.ids.minting(self.epoch(now), &name);
        let mut peers: Vec<Peer> = chosen
            .into_iter()
            .filter_map(|one| Some(self.entry(now, minting.as_ref()?, asker, swarm, one)))
            .collect();
        let network = self.settings.network_peers.iter().map(|network| Peer {
            id: network.id.clone(),
            role: network.role,
            have: Some(Have::Full),
            addresses: Vec::new(),
        });
        //= P2P-135
        //= P2P-136 type=exception reason=nobody is asked to join: caches that hold everything stand in the policy, and are told of where few peers have proved that they hold a content
        // Where peers do not suffice the network's own come first, and where who has nothing yet is to begin at once; else last.
        let begins = self
            .table
            .announcement(asker, swarm)
            .is_none_or(|own| own.held.is_none());
        match missing > 0 || (self.settings.startup == Startup::Network && begins) {
            true => {
                peers.splice(0..0, network.take(wanted));
                peers.truncate(wanted);
            }
            false => peers.extend(network.take(wanted - peers.len())),
        }
        peers
    }

    fn entry(&self, now: Moment, minting: &Minting<'_>, asker: Slot, swarm: SwarmIndex, one: &Announcement) -> Peer {
        let viewer = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(asker)),
        };
        let pieces = self.table.swarm(swarm).layout.pieces();
        let generation = self.table.peer(one.peer).generation;
        Peer {
            id: self
                .drawn_by(now, one.peer)
                .unwrap_or_else(|| minting.mint(Place::of_slot(one.peer), generation, viewer)),
            role: Role::Peer,
            have: Some(match one.held.is_full(pieces) {
                true => Have::Full,
                false => Have::Eighths(one.held.eighths(pieces).max(1)),
            }),
            addresses: self.addresses_of(one.peer),
        }
    }
}
