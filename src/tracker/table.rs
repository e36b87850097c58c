//! Peers and swarms, as flat arrays: a peer is a place, a swarm a row of announcements without gaps.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rand_chacha::rand_core::Rng;
use siphasher::sip::SipHasher13;

use super::buckets::Buckets;
use super::rate::Rate;
use crate::ppsp::SwarmId;
use crate::ppsp::layout::Layout;
use crate::seal::temporary_id::{KEPT_DAYS_MAX, Place};

pub(super) type Slot = u32;
pub(super) type SwarmIndex = u32;

/// Places in all: 30 bits of a temporary ID.
const PLACES_MAX: usize = 1 << 30;
/// Peers that end within the same so many seconds are looked at together.
const TICK_SECONDS: u64 = 16;
/// Generations of one place, of which none comes again while the keys it was told under are held.
const GENERATIONS: u8 = u8::MAX;

/// The table has no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tracker has no room for another peer")]
pub struct Full;

/// One peer that announced something: a user on a device.
pub(super) struct Peer {
    pub identity: Box<[u8]>,
    pub device: Box<[u8]>,
    pub reach: Box<[u8]>,
    pub etag: u64,
    /// Seconds since temporary IDs began to count.
    pub expires_at: u64,
    /// What is told of this place holds for this generation.
    pub generation: u8,
    /// The run of the process in which that began.
    pub since: u32,
    /// Generations that went by since a day, and that day.
    spent: u8,
    spent_since: u32,
    pub changes: Rate,
    pub lists: Rate,
    /// Calls that it made, and got.
    pub calls: Rate,
    pub called: Rate,
    joined: Vec<Joined>,
    is_live: bool,
    /// Stands among those that may have ended.
    is_due: bool,
    /// Was there in an earlier run, and said nothing in this one.
    is_awaited: bool,
}

/// An announcement, seen from its peer.
#[derive(Clone, Copy)]
struct Joined {
    swarm: SwarmIndex,
    /// Among the announcements of the swarm.
    position: u32,
}

pub(super) struct Swarm {
    pub id: SwarmId,
    pub layout: Layout,
    members: Vec<Announcement>,
    /// Not to be shared any more.
    is_closed: bool,
}

/// An announcement, seen from its swarm.
#[derive(Clone, Copy)]
pub(super) struct Announcement {
    pub held: Buckets,
    pub peer: Slot,
    /// Among what the peer joined.
    back: u32,
    pub state: State,
}

/// How far an announcement is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Asked for a proof, or nothing to be proved by this peer.
    Provisional,
    Verified,
    /// Of a peer that is looked into.
    Quarantined,
}

pub(super) struct Table {
    peers: Vec<Peer>,
    /// Places of nobody.
    free: VecDeque<Slot>,
    /// Places whose generations are used up, and the day from which they can be used again.
    parked: VecDeque<(u32, Slot)>,
    by_member: HashTable<Slot>,
    swarms: Vec<Swarm>,
    by_id: HashTable<SwarmIndex>,
    /// Peers by when they may have ended. A peer stands here once.
    due: BTreeMap<u64, Vec<Slot>>,
    announcements: usize,
    awaited: usize,
    pub hashing: Hashing,
    /// This run of the process.
    pub run: u32,
    peers_max: usize,
    swarms_max: usize,
}

/// How what stands in tables is found: nobody who does not know the keys chooses what lies beside what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashing {
    keys: (u64, u64),
}

impl Hashing {
    pub fn new(keys: (u64, u64)) -> Hashing {
        Hashing { keys }
    }

    pub fn keys(self) -> (u64, u64) {
        self.keys
    }
}

impl BuildHasher for Hashing {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.keys.0, self.keys.1)
    }
}

impl Table {
    pub fn new(hashing: Hashing, peers_max: usize, swarms_max: usize) -> Table {
        Table {
            peers: Vec::new(),
            free: VecDeque::new(),
            parked: VecDeque::new(),
            by_member: HashTable::new(),
            swarms: Vec::new(),
            by_id: HashTable::new(),
            due: BTreeMap::new(),
            announcements: 0,
            awaited: 0,
            hashing,
            run: 0,
            peers_max: peers_max.min(PLACES_MAX),
            swarms_max: swarms_max.min(u32::MAX as usize),
        }
    }

    pub fn hash(&self, value: impl Hash) -> u64 {
        self.hashing.hash_one(value)
    }

    pub fn live(&self) -> usize {
        self.by_member.len()
    }

    pub fn announcements(&self) -> usize {
        self.announcements
    }

    // Swarms.

    pub fn register(&mut self, id: SwarmId, layout: Layout) -> bool {
        if let Some(index) = self.index_of(id) {
            self.swarms[index as usize].is_closed = false;
            return self.swarms[index as usize].layout == layout;
        }
        if self.swarms.len() >= self.swarms_max {
            return false;
        }
        let index = self.swarms.len() as SwarmIndex;
        self.swarms.push(Swarm {
            id,
            layout,
            members: Vec::new(),
            is_closed: false,
        });
        let (hashing, swarms) = (self.hashing, &self.swarms);
        let hash = |index: &SwarmIndex| hashing.hash_one(swarms[*index as usize].id);
        self.by_id.insert_unique(hash(&index), index, hash);
        true
    }

    /// A content that can be announced.
    pub fn swarm_of(&self, id: SwarmId) -> Option<SwarmIndex> {
        self.index_of(id)
            .filter(|index| !self.swarms[*index as usize].is_closed)
    }

    fn index_of(&self, id: SwarmId) -> Option<SwarmIndex> {
        let found = self
            .by_id
            .find(self.hash(id), |index| self.swarms[*index as usize].id == id);
        found.copied()
    }

    /// All of them from this one on, in their order.
    pub fn swarm_ids(&self, from: SwarmIndex) -> impl Iterator<Item = SwarmId> {
        self.swarms.iter().skip(from as usize).map(|swarm| swarm.id)
    }

    pub fn swarm(&self, index: SwarmIndex) -> &Swarm {
        &self.swarms[index as usize]
    }

    /// How many announced something, of each swarm that can be joined.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        let open = self.swarms.iter().filter(|swarm| !swarm.is_closed);
        open.map(|swarm| swarm.members.len())
    }

    pub fn close(&mut self, id: SwarmId) {
        let Some(index) = self.index_of(id) else { return };
        self.swarms[index as usize].is_closed = true;
        while let Some(last) = self.swarms[index as usize].members.last() {
            let peer = last.peer;
            self.leave(peer, index);
        }
    }

    // Peers.

    pub fn find(&self, identity: &[u8], device: &[u8]) -> Option<Slot> {
        let hash = self.hash((identity, device));
        let is_theirs = |slot: &Slot| {
            let peer = &self.peers[*slot as usize];
            &*peer.identity == identity && &*peer.device == device
        };
        self.by_member.find(hash, is_theirs).copied()
    }

    /// The peer at a place, if it is the one that IDs of this generation were told of.
    pub fn at(&self, place: Place, generation: u8) -> Option<(Slot, &Peer)> {
        let slot = (place.shard() == 0).then_some(place.slot())?;
        let peer = self.peers.get(slot as usize)?;
        (peer.is_live && peer.generation == generation).then_some((slot, peer))
    }

    /// Who stands at a place, if anybody does.
    pub fn seated(&self, slot: Slot) -> Option<&Peer> {
        self.peers.get(slot as usize).filter(|peer| peer.is_live)
    }

    pub fn peer(&self, slot: Slot) -> &Peer {
        &self.peers[slot as usize]
    }

    pub fn peer_mut(&mut self, slot: Slot) -> &mut Peer {
        &mut self.peers[slot as usize]
    }

    /// A place for a device that has none.
    pub fn enter(&mut self, identity: &[u8], device: &[u8], reach: &[u8], day: u32) -> Result<Slot, Full> {
        while let Some((_, slot)) = self.parked.pop_front_if(|(from, _)| *from <= day) {
            self.peers[slot as usize].spent = 0;
            self.free.push_back(slot);
        }
        if self.by_member.len() >= self.peers_max {
            return Err(Full);
        }
        let slot = match self.free.pop_front() {
            Some(slot) => slot,
            None if self.peers.len() < PLACES_MAX => {
                self.peers.push(Peer::nobody());
                (self.peers.len() - 1) as Slot
            }
            None => return Err(Full),
        };
        let peer = &mut self.peers[slot as usize];
        peer.reach = reach.into();
        peer.since = self.run;
        peer.changes = Rate::default();
        peer.lists = Rate::default();
        self.sit(slot, identity, device);
        Ok(slot)
    }

    /// Puts somebody into a place that is free.
    fn sit(&mut self, slot: Slot, identity: &[u8], device: &[u8]) {
        let peer = &mut self.peers[slot as usize];
        peer.identity = identity.into();
        peer.device = device.into();
        peer.is_live = true;
        let (hashing, peers) = (self.hashing, &self.peers);
        let hash = |slot: &Slot| {
            let peer = &peers[*slot as usize];
            hashing.hash_one((&*peer.identity, &*peer.device))
        };
        self.by_member.insert_unique(hash(&slot), slot, hash);
    }

    /// Gives who had a place in an earlier run that place again. `false`: it is taken, or there is no room. Followed by
    /// [`Table::all_seated`] once everybody sits.
    //= P2P-042
    pub fn seat(&mut self, slot: Slot, (generation, since): (u8, u32), identity: &[u8], device: &[u8]) -> bool {
        let place = slot as usize;
        if place >= PLACES_MAX || self.by_member.len() >= self.peers_max || self.find(identity, device).is_some() {
            return false;
        }
        if self.peers.len() <= place {
            self.peers.resize_with(place + 1, Peer::nobody);
        }
        if self.peers[place].is_live {
            return false;
        }
        self.peers[place].generation = generation;
        self.peers[place].since = since;
        self.peers[place].is_awaited = true;
        self.awaited += 1;
        self.sit(slot, identity, device);
        true
    }

    /// The places between those where somebody sits are free. Who sits there and announced nothing yet may do so until then;
    /// gives how many that are.
    pub fn all_seated(&mut self, until: u64) -> usize {
        let peers = || (0..).zip(&self.peers);
        self.free = peers()
            .filter(|(_, peer)| !peer.is_live)
            .map(|(slot, _)| slot)
            .collect();
        let expected = peers().filter(|(_, peer)| peer.is_live && !peer.is_due);
        let expected: Vec<Slot> = expected.map(|(slot, _)| slot).collect();
        expected.iter().for_each(|slot| self.prolong(*slot, until));
        expected.len()
    }

    /// Who was there in an earlier run has come.
    pub fn arrived(&mut self, slot: Slot) {
        let was_awaited = std::mem::take(&mut self.peers[slot as usize].is_awaited);
        self.awaited -= usize::from(was_awaited);
    }

    /// How many there are who have not.
    pub fn awaited(&self) -> usize {
        self.awaited
    }

    /// Places there are, free ones among them.
    pub fn places(&self) -> usize {
        self.peers.len()
    }

    /// A peer may have come by another way than before.
    pub fn moved(&mut self, slot: Slot, reach: &[u8]) {
        self.peer_mut(slot).reach = reach.into();
    }

    /// Prolongs all that a peer announced.
    //= P2P-015
    pub fn prolong(&mut self, slot: Slot, expires_at: u64) {
        let peer = &mut self.peers[slot as usize];
        peer.expires_at = expires_at;
        if !std::mem::replace(&mut peer.is_due, true) {
            self.due.entry(tick(expires_at)).or_default().push(slot);
        }
    }

    /// Peers whose time is over.
    pub fn expired(&mut self, now: u64) -> Vec<Slot> {
        let mut over = Vec::new();
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= tick(now)) {
            let is_last = *entry.key() == tick(now);
            let slots = entry.remove();
            let mut early = Vec::new();
            for slot in slots {
                let peer = &mut self.peers[slot as usize];
                let expires_at = peer.expires_at;
                if expires_at <= now {
                    peer.is_due = false;
                    over.extend(peer.is_live.then_some(slot));
                } else if tick(expires_at) == tick(now) {
                    early.push(slot);
                } else {
                    self.due.entry(tick(expires_at)).or_default().push(slot);
                }
            }
            if is_last {
                if !early.is_empty() {
                    self.due.insert(tick(now), early);
                }
                break;
            }
        }
        over
    }

    /// Takes a peer out of everything, and voids what was told of it.
    pub fn remove(&mut self, slot: Slot, day: u32) {
        self.leave_all(slot);
        self.arrived(slot);
        let hash = {
            let peer = &self.peers[slot as usize];
            self.hash((&*peer.identity, &*peer.device))
        };
        if let Ok(entry) = self.by_member.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.bump(slot, day);
        let peer = &mut self.peers[slot as usize];
        *peer = Peer {
            is_due: peer.is_due,
            generation: peer.generation,
            since: peer.since,
            spent: peer.spent,
            spent_since: peer.spent_since,
            ..Peer::nobody()
        };
        match peer.spent {
            GENERATIONS => self.parked.push_back((day + KEPT_DAYS_MAX + 1, slot)),
            _ => self.free.push_back(slot),
        }
    }

    /// Voids what was told of a place. `false`: its generations are used up, for as long as old ones are known; whoever stands
    /// there has to go.
    //= P2P-036
    pub fn bump(&mut self, slot: Slot, day: u32) -> bool {
        let peer = &mut self.peers[slot as usize];
        if day.saturating_sub(peer.spent_since) > KEPT_DAYS_MAX {
            (peer.spent, peer.spent_since) = (0, day);
        }
        peer.generation = peer.generation.wrapping_add(1);
        peer.since = self.run;
        peer.spent = peer.spent.saturating_add(1);
        peer.spent < GENERATIONS
    }

    // Announcements.

    /// Who stands at a place that is drawn, if anybody does.
    pub fn any_peer(&self, random: &mut impl Rng) -> Option<Slot> {
        let slot = (!self.peers.is_empty()).then(|| below(self.peers.len() as u64, random) as Slot)?;
        (!self.peers[slot as usize].identity.is_empty()).then_some(slot)
    }

    /// The swarms that a peer joined.
    pub fn joined(&self, slot: Slot) -> impl Iterator<Item = SwarmIndex> {
        self.peers[slot as usize].joined.iter().map(|joined| joined.swarm)
    }

    pub fn joined_count(&self, slot: Slot) -> usize {
        self.peers[slot as usize].joined.len()
    }

    pub fn announcement(&self, slot: Slot, swarm: SwarmIndex) -> Option<&Announcement> {
        let position = self.position(slot, swarm)?;
        self.swarms[swarm as usize].members.get(position as usize)
    }

    pub fn announcement_mut(&mut self, slot: Slot, swarm: SwarmIndex) -> Option<&mut Announcement> {
        let position = self.position(slot, swarm)?;
        self.swarms[swarm as usize].members.get_mut(position as usize)
    }

    fn position(&self, slot: Slot, swarm: SwarmIndex) -> Option<u32> {
        let joined = &self.peers[slot as usize].joined;
        joined
            .iter()
            .find(|joined| joined.swarm == swarm)
            .map(|joined| joined.position)
    }

    /// Enters an announcement, or changes the one that is there: one holder a device and content.
    //= P2P-025
    pub fn join(&mut self, slot: Slot, swarm: SwarmIndex, held: Buckets) {
        if let Some(there) = self.announcement_mut(slot, swarm) {
            if there.held != held {
                there.state = State::Provisional;
            }
            there.held = held;
            return;
        }
        let joined = &mut self.peers[slot as usize].joined;
        let members = &mut self.swarms[swarm as usize].members;
        members.push(Announcement {
            held,
            peer: slot,
            back: joined.len() as u32,
            state: State::Provisional,
        });
        joined.push(Joined {
            swarm,
            position: members.len() as u32 - 1,
        });
        self.announcements += 1;
    }

    /// Takes an announcement out; what stood last takes its place. `false`: it was not there.
    //= P2P-144
    pub fn leave(&mut self, slot: Slot, swarm: SwarmIndex) -> bool {
        let Some(position) = self.position(slot, swarm) else {
            return false;
        };
        let members = &mut self.swarms[swarm as usize].members;
        let gone = members.swap_remove(position as usize);
        if let Some(moved) = members.get(position as usize) {
            self.peers[moved.peer as usize].joined[moved.back as usize].position = position;
        }
        let joined = &mut self.peers[slot as usize].joined;
        joined.swap_remove(gone.back as usize);
        if let Some(moved) = joined.get(gone.back as usize) {
            self.swarms[moved.swarm as usize].members[moved.position as usize].back = gone.back;
        }
        self.announcements -= 1;
        true
    }

    /// Takes all announcements of a peer out.
    pub fn leave_all(&mut self, slot: Slot) {
        while let Some(joined) = self.peers[slot as usize].joined.last() {
            let swarm = joined.swarm;
            self.leave(slot, swarm);
        }
    }

    /// Announcements of a swarm by chance, none twice, so many at most: each order as likely as any other. What is not asked for
    /// is not drawn.
    //= P2P-050
    pub fn sample<'a>(
        &'a self,
        swarm: SwarmIndex,
        count: usize,
        random: &mut impl Rng,
    ) -> impl Iterator<Item = &'a Announcement> {
        let members = &self.swarms[swarm as usize].members;
        let is_small = members.len() / 2 < count;
        // Of a small swarm all places, in order from there on where it is drawn; of a large one those that were drawn.
        let mut places: Vec<usize> = match is_small {
            true => (0..members.len()).collect(),
            false => Vec::with_capacity(count),
        };
        (0..count.min(members.len())).map(move |drawn| {
            let place = match is_small {
                true => {
                    places.swap(drawn, drawn + below((members.len() - drawn) as u64, random) as usize);
                    places[drawn]
                }
                false => loop {
                    let place = below(members.len() as u64, random) as usize;
                    if !places.contains(&place) {
                        places.push(place);
                        break place;
                    }
                },
            };
            &members[place]
        })
    }
}

impl Peer {
    fn nobody() -> Peer {
        Peer {
            identity: Box::default(),
            device: Box::default(),
            reach: Box::default(),
            etag: 0,
            expires_at: 0,
            generation: 0,
            since: 0,
            spent: 0,
            spent_since: 0,
            changes: Rate::default(),
            lists: Rate::default(),
            calls: Rate::default(),
            called: Rate::default(),
            joined: Vec::new(),
            is_live: false,
            is_due: false,
            is_awaited: false,
        }
    }
}

fn tick(seconds: u64) -> u64 {
    seconds / TICK_SECONDS
}

/// A number below `count`, each as likely as any other to within 2^-32.
pub(super) fn below(count: u64, random: &mut impl Rng) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(count)) >> 64) as u64
}

pub(super) fn shuffle<T>(values: &mut [T], random: &mut impl Rng) {
    for end in (1..values.len()).rev() {
        values.swap(end, below(end as u64 + 1, random) as usize);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn table(swarms: u8) -> Table {
        let mut table = Table::new(Hashing::new((1, 2)), 100, 100);
        (0..swarms).for_each(|swarm| assert!(table.register(SwarmId::of_root([swarm; 32]), layout())));
        table
    }

    fn layout() -> Layout {
        Layout::new(64 << 20, 1 << 20).unwrap()
    }

    /// What stands in arrays, with as much room to spare as arrays that grow have at most; an identity of 36 bytes, a flow of 96.
    /// Measured it is less: `examples/tracker.rs`.
    //= P2P-139 type=test
    #[test]
    fn ten_million_peers_of_a_hundred_million_announcements_have_room_in_16_gb() {
        let (peers, swarms, announcements) = (10_000_000, 5_000_000, 100_000_000);
        let blocks = 48 + 16 + 96 + 16 * size_of::<Joined>();
        let peer = 2 * size_of::<Peer>() + blocks + 2 * (size_of::<Slot>() + 1);
        let swarm = 2 * size_of::<Swarm>() + 2 * (size_of::<SwarmIndex>() + 1);
        let all = peers * peer + swarms * swarm + announcements * 2 * size_of::<Announcement>();
        assert!(all < 16_000_000_000, "{all}");
        assert!(PLACES_MAX > peers);
    }

    fn enter(table: &mut Table, name: &str, day: u32) -> Slot {
        table.enter(name.as_bytes(), b"d", b"r", day).unwrap()
    }

    proptest! {
        /// Whatever comes and goes, both sides of each announcement name each other.
        //= P2P-144 type=test
        #[test]
        fn both_sides_agree(steps in proptest::collection::vec((0u8..8, 0u32..5, any::<bool>()), 1..200)) {
            let mut table = table(5);
            let mut model = std::collections::BTreeSet::new();
            for (peer, swarm, comes) in steps {
                let name = [peer];
                let slot = table.find(&name, b"d").unwrap_or_else(|| table.enter(&name, b"d", b"r", 1).unwrap());
                match comes {
                    true => {
                        table.join(slot, swarm, Buckets(1));
                        model.insert((slot, swarm));
                    }
                    false => prop_assert_eq!(table.leave(slot, swarm), model.remove(&(slot, swarm))),
                }
                prop_assert_eq!(table.announcements(), model.len());
                for index in 0..5 {
                    for (position, member) in table.swarm(index).members.iter().enumerate() {
                        let joined = table.peers[member.peer as usize].joined[member.back as usize];
                        prop_assert_eq!((joined.swarm, joined.position), (index, position as u32));
                        prop_assert!(model.contains(&(member.peer, index)));
                    }
                }
            }
        }
    }

    //= P2P-036 type=test
    #[test]
    fn a_generation_does_not_come_again_while_it_is_known() {
        let mut table = table(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..600 {
            let slot = enter(&mut table, "alice", 1);
            assert!(seen.insert((slot, table.peer(slot).generation)), "it came again");
            table.remove(slot, 1);
        }
        assert_eq!(table.peers.len(), 3);
        // Days later the places are good again.
        for _ in 0..600 {
            let slot = enter(&mut table, "alice", 6);
            table.remove(slot, 6);
        }
        assert_eq!(table.peers.len(), 3);
    }

    //= P2P-015 type=test
    #[test]
    fn who_is_prolonged_does_not_end_before() {
        let mut table = table(1);
        let (one, other) = (enter(&mut table, "alice", 1), enter(&mut table, "bob", 1));
        table.prolong(one, 100);
        table.prolong(other, 100);
        table.prolong(other, 1000);
        assert_eq!(table.expired(99), Vec::<Slot>::new());
        assert_eq!(table.expired(100), [one]);
        table.remove(one, 1);
        assert_eq!(table.expired(999), Vec::<Slot>::new());
        assert_eq!(table.expired(5000), [other]);
        assert!(table.due.is_empty());
    }

    /// A swarm of a thousand.
    fn crowd() -> Table {
        let mut table = Table::new(Hashing::new((1, 2)), 2000, 1);
        table.register(SwarmId::of_root([0; 32]), layout());
        for peer in 0..1000u32 {
            let slot = table.enter(&peer.to_be_bytes(), b"d", b"r", 1).unwrap();
            table.join(slot, 0, Buckets(1));
        }
        table
    }

    /// 999 degrees of freedom, variance 2 x 999: within five deviations. Seeds are fixed.
    fn is_even(counts: &[u32]) -> bool {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let chi: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum();
        (chi - 999.0).abs() < 5.0 * 44.7
    }

    //= P2P-050 type=test
    #[test]
    fn a_sample_is_fair() {
        let (table, mut counts) = (crowd(), vec![0u32; 1000]);
        let mut random = ChaCha12Rng::from_seed([3; 32]);
        for _ in 0..10_000 {
            let sample: Vec<Slot> = table.sample(0, 32, &mut random).map(|one| one.peer).collect();
            let distinct: std::collections::BTreeSet<_> = sample.iter().collect();
            assert_eq!((sample.len(), distinct.len()), (32, 32));
            sample.iter().for_each(|peer| counts[*peer as usize] += 1);
        }
        assert!(is_even(&counts));
    }

    /// Of a swarm that is small for what is asked, too, and whoever comes third.
    //= P2P-050 type=test
    #[test]
    fn a_sample_has_no_order() {
        let table = crowd();
        let mut random = ChaCha12Rng::from_seed([4; 32]);
        for count in [32, 600, 5000] {
            let mut counts = vec![0u32; 1000];
            for _ in 0..50_000 {
                let third = table.sample(0, count, &mut random).nth(2).unwrap();
                counts[third.peer as usize] += 1;
            }
            assert!(is_even(&counts), "{count}");
        }
        let all: std::collections::BTreeSet<_> = table.sample(0, 5000, &mut random).map(|one| one.peer).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn rooms_have_a_size() {
        let mut table = Table::new(Hashing::new((1, 2)), 2, 1);
        assert!(table.register(SwarmId::of_root([0; 32]), layout()));
        assert!(!table.register(SwarmId::of_root([1; 32]), layout()));
        let first = enter(&mut table, "alice", 1);
        enter(&mut table, "bob", 1);
        assert_eq!(table.enter(b"carol", b"d", b"r", 1), Err(Full));
        table.remove(first, 1);
        assert!(table.enter(b"carol", b"d", b"r", 1).is_ok());
    }

    //= P2P-127 type=test
    #[test]
    fn a_closed_swarm_has_nobody() {
        let mut table = table(2);
        let slot = enter(&mut table, "alice", 1);
        table.join(slot, 0, Buckets(1));
        table.join(slot, 1, Buckets(1));
        table.close(SwarmId::of_root([0; 32]));
        assert_eq!(
            (
                table.swarm_of(SwarmId::of_root([0; 32])),
                table.joined(slot).collect::<Vec<_>>()
            ),
            (None, vec![1])
        );
    }
}
