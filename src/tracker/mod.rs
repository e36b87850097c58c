//! The tracker: who holds what, told to others without saying who it is.
//!
//! Promises that an identity that was handed in comes out of [`Tracker::resolve`] and nowhere else: lists and answers hold
//! temporary IDs. What is soft is in memory and bounded; a list costs as much in a swarm of a million as in one of a hundred.
//! Knows no SIP message and no socket: whoever calls says who is asserted, hands bodies in and gets status and body. Knows no
//! clock and draws nothing itself.

mod apart;
mod bound;
mod bounded;
mod buckets;
mod calls;
mod clock;
pub mod counts;
mod kept;
mod list;
mod pace;
mod post;
mod publish;
mod rate;
pub mod reply;
mod reports;
mod resolve;
mod settings;
mod snapshot;
mod table;
mod tickets;
mod verify;
mod visits;
mod watch;
mod whereabouts;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

pub use bound::Bound;
pub use clock::Clock;
pub use kept::{FACTS_THAT_END_MAX, Fact, FactId, Kept, Root};
pub use publish::Publish;
pub use reply::Reply;
pub use resolve::{NotLed, Target};
pub use settings::{Addresses, Expose, NetworkPeer, Settings, Startup, View};
pub use snapshot::{Recalled, Snapshot};
pub use table::Full;
pub use visits::{IDLE_SECONDS, Sent, VISIT_SECONDS};
pub use watch::{Notice, WatchId};

use crate::locate::Expiring;
use crate::ppsp::SwarmId;
use crate::ppsp::alto::Alto;
use crate::ppsp::jws::SigningKey;
use crate::ppsp::layout::Layout;
use crate::ppsp::tamper::{Case, Network, Reporter, Weight};
use crate::seal::temporary_id::{BEGINNING, TemporaryIds};
use bounded::Bounded;
use calls::Calls;
use counts::{Challenged, Counts};
use kept::{Keeping, Orphan};
use pace::Pace;
use rate::Rate;
use table::{Hashing, Slot, SwarmIndex, Table};
use verify::Open;
use watch::Watches;
use whereabouts::Whereabouts;

/// How long a rate is of interest.
const RATE_KEPT: Duration = Duration::from_secs(60);

/// When something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// On a clock that never goes back.
    pub at: Duration,
    /// Seconds of Unix time.
    pub unix: u64,
}

impl Moment {
    /// Seconds since temporary IDs began to count.
    fn seconds(self) -> u64 {
        self.unix.saturating_sub(BEGINNING)
    }

    fn day(self) -> u32 {
        (self.seconds() / 86_400) as u32
    }
}

/// Who asks: as asserted, never as claimed.
//= P2P-004
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    pub identity: &'a [u8],
    /// Tells the devices of one user apart.
    pub device: &'a [u8],
    /// How this device is reached; means nothing here.
    pub reach: &'a [u8],
    /// Whether the way to it carries large messages.
    pub path: Path,
    /// Tells apart whence users come in.
    pub network: Network,
    /// Where it is itself, when it came straight from there.
    pub address: Option<IpAddr>,
}

/// What a way carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    Stream,
    Datagram,
}

/// One tracker.
//= P2P-143 type=exception reason=one process has all of it; an ID has room for the number of a shard, and every one is of shard 0
pub struct Tracker {
    settings: Settings,
    ids: TemporaryIds,
    /// What tickets are signed with.
    signs: Option<SigningKey>,
    table: Table,
    /// Challenges that wait for their proof, by who is to give it.
    open: Bounded<(Slot, SwarmIndex), Open>,
    /// What failed, by whom and in which swarm.
    failures: Bounded<(u64, SwarmIndex), verify::Failures>,
    /// Who is out everywhere.
    banned: Bounded<u64, ()>,
    /// Names that peers drew, with whose they are. Their own values, so that a clash is seen.
    drawn: Bounded<u64, (Slot, u8)>,
    /// The same by place, where others are to see them.
    names: Bounded<Slot, (u8, Box<str>)>,
    /// Where peers are, as far as that is of use.
    places: Bounded<Slot, Whereabouts>,
    /// What ways cost, while that is known.
    costs: Option<Arc<Alto>>,
    calls: Calls,
    /// Who was led to whom, in which swarm.
    sessions: Expiring<(Slot, Slot, SwarmIndex), (), Hashing>,
    /// What peers are accused of.
    cases: Bounded<reports::CaseId, Case>,
    /// What reporters are worth, who are worth more or less than others.
    standing: Bounded<Reporter, Weight>,
    orders: VecDeque<visits::Order>,
    under_way: Bounded<u64, visits::UnderWay>,
    /// When somebody was last visited by chance.
    by_chance_at: Option<Duration>,
    watches: Watches,
    /// The last answers, for who asks the same again.
    answered: Bounded<Slot, publish::Answered>,
    pace: Pace,
    /// How often who has gone changed something in the last minute, by who it is.
    left: Bounded<u64, Rate>,
    /// What is to outlive the process, where anything is.
    keeping: Option<Keeping>,
    /// Until when IDs of earlier runs open, in seconds of Unix time.
    earlier_until: Option<u64>,
    /// What is kept of contents that are not known now.
    orphans: Vec<Orphan>,
    /// Pairs that never meet, by who they are.
    blocked: Bounded<(u64, u64), ()>,
    /// Who was not there when somebody called.
    away: Bounded<Slot, ()>,
    /// Of whom others say that it does not give what it announced.
    suspected: Bounded<(u64, SwarmIndex), verify::Suspected>,
    counts: Counts,
    /// Waits to be written down.
    bound: VecDeque<Bound>,
}

impl Tracker {
    /// `hash_keys` keep peers from choosing what lies beside what.
    pub fn new(settings: Settings, ids: TemporaryIds, hash_keys: (u64, u64)) -> Tracker {
        let hashing = Hashing::new(hash_keys);
        Tracker {
            table: Table::new(hashing, settings.peers_max, settings.swarms_max),
            open: Bounded::new(settings.challenges_max),
            failures: Bounded::new(settings.failures_max),
            banned: Bounded::new(settings.failures_max),
            drawn: Bounded::new(settings.drawn_max),
            names: Bounded::new(settings.drawn_max),
            places: Bounded::new(settings.peers_max),
            costs: None,
            calls: Calls::new(hashing, settings.sessions_max),
            answered: Bounded::new(settings.answers_max),
            sessions: Expiring::new(hashing, settings.sessions_max),
            cases: Bounded::new(settings.failures_max),
            standing: Bounded::new(settings.failures_max),
            orders: VecDeque::new(),
            pace: Pace::default(),
            left: Bounded::new(settings.answers_max),
            keeping: None,
            earlier_until: None,
            orphans: Vec::new(),
            under_way: Bounded::new(visits::VISITS_MAX),
            by_chance_at: None,
            watches: Watches::new(settings.watches_max),
            blocked: Bounded::new(settings.blocked_max),
            away: Bounded::new(settings.challenges_max),
            suspected: Bounded::new(settings.failures_max),
            counts: Counts::default(),
            bound: VecDeque::new(),
            settings,
            ids,
            signs: None,
        }
    }

    /// Makes a content known: only what is known can be announced. `false`: there is no room.
    //= P2P-021
    pub fn register(&mut self, swarm: SwarmId, layout: Layout) -> bool {
        let is_known = self.table.register(swarm, layout);
        self.adopt_orphans(swarm);
        is_known
    }

    /// A content is not to be shared any more: nobody holds it here.
    //= P2P-127
    pub fn close(&mut self, swarm: SwarmId) {
        self.table.close(swarm);
    }

    /// The keys of what peers are called.
    pub fn ids(&self) -> &TemporaryIds {
        &self.ids
    }

    /// Peers with live announcements, and announcements.
    pub fn len(&self) -> (usize, usize) {
        (self.table.live(), self.table.announcements())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    /// When [`Tracker::expire`] or [`Tracker::poll_notice`] is wanted next, on the clock that never goes back.
    pub fn next_deadline(&self) -> Option<Duration> {
        let all = [self.open.next_end(), self.watches.next(), self.next_keeping()];
        all.into_iter().flatten().min()
    }

    /// Lets what is over be over: proofs that did not come, announcements that were not refreshed.
    //= P2P-109
    pub fn expire(&mut self, now: Moment) {
        if self.ids.move_to(now.day()) == Ok(true) {
            self.note(FactId::Root);
        }
        if self.earlier_until.is_some_and(|until| until <= now.unix) {
            self.earlier_until = None;
            self.ids.forget_runs_before_this();
            self.note(FactId::Root);
        }
        while let Some(((slot, swarm), _)) = self.open.pop_ended(now.at) {
            self.counts.challenged(Challenged::Unanswered);
            self.unproven(now, slot, swarm);
        }
        for slot in self.table.expired(now.seconds()) {
            self.remove(now, slot);
        }
        self.answered.forget_ended(now.at);
        self.left.forget_ended(now.at);
        self.names.forget_ended(now.at);
        self.places.forget_ended(now.at);
        self.calls.forget_ended(now.at);
        self.failures.forget_ended(now.at);
        self.banned.forget_ended(now.at);
        self.sessions.forget_ended(now.at);
        self.cases.forget_ended(now.at);
        self.expire_visits(now);
        self.standing.forget_ended(now.at);
        self.blocked.forget_ended(now.at);
        self.away.forget_ended(now.at);
        self.suspected.forget_ended(now.at);
    }

    /// The registration of a device is over, and with it what it announced.
    //= P2P-024
    pub fn deregistered(&mut self, now: Moment, identity: &[u8], device: &[u8]) {
        if let Some(slot) = self.table.find(identity, device) {
            self.remove(now, slot);
        }
    }

    /// Takes a peer out. All that was told of it is void from here on.
    //= P2P-017
    //= P2P-036
    fn remove(&mut self, now: Moment, slot: Slot) {
        for swarm in self.asked_in(slot) {
            self.walks_away(now, slot, swarm);
        }
        self.clear(slot);
        let changes = self.table.peer(slot).changes;
        if changes.is_used(now.seconds()) {
            let who = self.identity_hash(slot);
            self.left.insert(who, now.at + RATE_KEPT, changes);
        }
        self.table.remove(slot, now.day());
        self.note(FactId::Place(slot));
    }

    /// What is under way with a peer is over, but for what it is to prove.
    fn clear(&mut self, slot: Slot) {
        self.answered.remove(&slot);
        self.places.remove(&slot);
        self.watches.end_of(slot);
    }

    fn epoch(&self, now: Moment) -> u32 {
        (now.seconds() / self.settings.epoch_seconds.max(1)) as u32
    }
}

fn draw<const N: usize>(random: &mut impl Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Member<'_> {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
