//! Lists that are kept up: who watches a swarm is told when somebody of its list is gone, and when names change.
//!
//! A watch is looked at once in its interval and then tells what it has to, so no burst of changes makes a burst of notices.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::bounded::Bounded;
use super::reply::Reply;
use super::table::{Slot, State, SwarmIndex};
use super::{Member, Moment, Path, Tracker};
use crate::ppsp::Request;
use crate::ppsp::request::What;
use crate::ppsp::response::{Peer, SwarmResult};

/// How often a watch tells something at most.
const INTERVAL: Duration = Duration::from_secs(30);

/// Names one watch; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(u64);

/// Of one peer, on one swarm.
struct Watch {
    slot: Slot,
    generation: u8,
    swarm: SwarmIndex,
    transaction: String,
    wanted: usize,
    /// Who was told of, in which epoch.
    told: Vec<(Slot, u8)>,
    epoch: u32,
    until: Duration,
    path: Path,
}

/// A list that a watcher is to hear of.
#[derive(Clone, PartialEq)]
pub struct Notice {
    pub watch: WatchId,
    pub body: Vec<u8>,
}

/// What happened to a watch whose time came.
enum Looked {
    Told(Notice),
    Nothing,
    Over,
}

/// All watches, by when each is looked at next.
pub(super) struct Watches {
    all: Bounded<WatchId, Watch>,
    /// Those of one place, so that they end with it.
    by_slot: BTreeMap<(Slot, WatchId), ()>,
    last: u64,
}

impl Watches {
    pub fn new(max: usize) -> Watches {
        Watches {
            all: Bounded::new(max),
            by_slot: BTreeMap::new(),
            last: 0,
        }
    }

    pub fn next(&self) -> Option<Duration> {
        self.all.next_end()
    }

    #[cfg(test)]
    pub fn kept(&self) -> (usize, usize) {
        (self.all.len(), self.by_slot.len())
    }

    /// Keeps a watch until it is to be looked at. At the maximum the one that would be looked at next has to go.
    fn keep(&mut self, id: WatchId, at: Duration, watch: Watch) {
        self.by_slot.insert((watch.slot, id), ());
        if let Some((gone, watch)) = self.all.insert(id, at, watch) {
            self.by_slot.remove(&(watch.slot, gone));
        }
    }

    /// Ends what a place watched.
    pub fn end_of(&mut self, slot: Slot) {
        let range = (slot, WatchId(0))..=(slot, WatchId(u64::MAX));
        let ended: Vec<(Slot, WatchId)> = self.by_slot.range(range).map(|(key, ())| *key).collect();
        for key in ended {
            self.by_slot.remove(&key);
            self.all.remove(&key.1);
        }
    }
}

impl Tracker {
    /// A list, kept up for so many seconds. The reply holds the first one; what follows comes by [`Tracker::poll_notice`].
    //= P2P-046
    //= P2P-055
    pub fn watch(
        &mut self,
        now: Moment,
        member: Member<'_>,
        body: &[u8],
        (seconds, peers_max): (u32, usize),
        random: &mut impl Rng,
    ) -> (Reply, Option<WatchId>) {
        let reply = self.find(now, member, body, peers_max, random);
        let found = Request::read(body).ok().and_then(|request| match request.what {
            What::Find(find) => Some((request.transaction, find)),
            _ => None,
        });
        let (200, Some((transaction, find))) = (reply.status, found) else {
            return (reply, None);
        };
        let (Some(swarm), Some(slot)) = (
            self.table.swarm_of(find.swarm),
            self.table.find(member.identity, member.device),
        ) else {
            return (reply, None);
        };
        let wanted = find
            .peer_count
            .map_or(super::list::PEERS_USUAL, usize::from)
            .min(peers_max);
        let peers = self.list(now, slot, swarm, wanted, random);
        let watch = Watch {
            slot,
            generation: self.table.peer(slot).generation,
            swarm,
            told: self.told_of(&peers),
            epoch: self.epoch(now),
            until: now.at + Duration::from_secs(seconds.into()),
            wanted,
            transaction,
            path: member.path,
        };
        let reply = Reply {
            body: Some(self.list_body(now, &watch, peers, random)),
            ..reply
        };
        self.watches.last += 1;
        let id = WatchId(self.watches.last);
        self.watches.keep(id, now.at + INTERVAL, watch);
        (reply, Some(id))
    }

    /// Nobody wants to hear of it any more.
    pub fn unwatch(&mut self, id: WatchId) {
        if let Some(watch) = self.watches.all.remove(&id) {
            self.watches.by_slot.remove(&(watch.slot, id));
        }
    }

    /// The next list that somebody is to hear of, until `None`.
    //= P2P-055
    pub fn poll_notice(&mut self, now: Moment, random: &mut impl Rng) -> Option<Notice> {
        self.expire(now);
        while let Some((id, watch)) = self.watches.all.pop_ended(now.at) {
            let slot = watch.slot;
            match self.look(now, id, watch, random) {
                Looked::Told(notice) => return Some(notice),
                Looked::Nothing => {}
                Looked::Over => {
                    self.watches.by_slot.remove(&(slot, id));
                }
            }
        }
        None
    }

    fn look(&mut self, now: Moment, id: WatchId, mut watch: Watch, random: &mut impl Rng) -> Looked {
        let watcher = self.table.peer(watch.slot);
        let is_there = watcher.generation == watch.generation && watcher.expires_at > now.seconds();
        if !is_there || watch.until <= now.at || self.table.announcement(watch.slot, watch.swarm).is_none() {
            return Looked::Over;
        }
        let stands = |(slot, generation): &(Slot, u8)| {
            let peer = self.table.peer(*slot);
            let state = self.table.announcement(*slot, watch.swarm).map(|one| one.state);
            let is_there = peer.generation == *generation && peer.expires_at > now.seconds();
            is_there && state == Some(State::Verified) && !self.are_apart(watch.slot, *slot)
        };
        if watch.epoch == self.epoch(now) && watch.told.iter().all(stands) {
            self.watches.keep(id, now.at + INTERVAL, watch);
            return Looked::Nothing;
        }
        let peers = self.list(now, watch.slot, watch.swarm, watch.wanted, random);
        watch.told = self.told_of(&peers);
        watch.epoch = self.epoch(now);
        let body = self.list_body(now, &watch, peers, random);
        self.watches.keep(id, now.at + INTERVAL, watch);
        Looked::Told(Notice { watch: id, body })
    }

    /// A full list: no change to one that may not have come.
    fn list_body(&self, now: Moment, watch: &Watch, peers: Vec<Peer>, random: &mut impl Rng) -> Vec<u8> {
        let swarm = SwarmResult {
            peers,
            ..self.vouched(now, watch.slot, watch.swarm, watch.path, random)
        };
        Reply::swarms(&watch.transaction, vec![swarm])
    }

    /// The places behind the IDs of a list of ours.
    fn told_of(&self, peers: &[Peer]) -> Vec<(Slot, u8)> {
        peers
            .iter()
            .filter_map(|peer| self.place_of(peer.id.as_bytes()))
            .collect()
    }
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notice")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}
