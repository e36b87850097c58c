//! What outlives the process: where who stands, what IDs are made with, who is out and why, what a reporter's word is worth.
//!
//! Each of them is a fact with a name of its own and a value as it is now. A fact that changed is told once, however often it
//! changed meanwhile, and again until it is kept; facts may be kept in any order, and any of them may be missing after a crash:
//! an ID is of the run that told it, and leads nowhere but to who stood there in that run. Announcements are no facts: who made
//! them makes them again.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::time::Duration;

use rand_chacha::rand_core::Rng;
use siphasher::sip128::{Hasher128, SipHasher13};
use zeroize::Zeroizing;

use super::reports::CaseId;
use super::table::{Slot, SwarmIndex};
use super::verify::Failures;
use super::{Moment, Tracker, draw};
use crate::ppsp::SwarmId;
use crate::ppsp::tamper::{Case, Reporter, Weight};
use crate::seal::KeyError;
use crate::seal::temporary_id::{Encoding, Hosts, RUNS_MAX, Run, Secret, TemporaryIds};

/// Facts that are told and not yet kept, at most; others wait.
const UNDER_WAY_MAX: usize = 256;
/// After a fact could not be kept: before it is told again.
const PAUSE: Duration = Duration::from_secs(1);
/// Beyond what an announcement may last: for who stood here before and is to come back in its turn.
const COMEBACK_SECONDS: u64 = 600;
/// Facts of contents that are not known, at most.
const ORPHANS_MAX: usize = 100_000;
/// Facts that end by themselves: as many as a tracker holds of each kind.
pub const FACTS_THAT_END_MAX: usize = 4 * 100_000;
const VERSION: u8 = 1;

/// One thing that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactId {
    /// What the others hang on: told first.
    Root,
    Place(Slot),
    Banned(u64),
    Failures(u64, SwarmIndex),
    Standing(Reporter),
    Case(CaseId),
}

/// A fact as it is now.
pub struct Fact {
    /// The same in each run.
    pub name: u128,
    /// `None`: there is nothing to be kept any more.
    pub kept: Option<Kept>,
}

pub struct Kept {
    /// Seconds of Unix time, after which it may be forgotten; [`u64::MAX`] where that is told.
    pub until: u64,
    /// Names people and holds keys: for a place where it is sealed.
    pub plain: Zeroizing<Vec<u8>>,
}

/// What is still to be kept.
#[derive(Default)]
pub(super) struct Keeping {
    changed: BTreeSet<FactId>,
    under_way: BTreeSet<FactId>,
    /// Nothing is told before.
    paused_until: Option<Duration>,
}

/// What is kept of one identity in a content that is not known now.
pub(super) struct Orphan {
    swarm: SwarmId,
    of: Recalled,
}

enum Recalled {
    Failures(u64, Duration, Failures),
    Case(u64, Duration, Case),
}

/// What all of an earlier run hangs on.
pub struct Root {
    pub hash_keys: (u64, u64),
    secret: Secret,
    runs: Vec<Run>,
}

impl Root {
    /// The name that it is kept under.
    pub const NAME: u128 = 0;

    /// Of a tracker that had none.
    pub fn new(day: u32, lasting: [u8; 32], random: &mut impl Rng) -> Root {
        Root {
            hash_keys: (random.next_u64(), random.next_u64()),
            secret: Secret::new(day, draw(random), lasting),
            runs: Vec::new(),
        }
    }

    /// `None`: written by another version.
    pub fn read(plain: &[u8], lasting: [u8; 32]) -> Option<Root> {
        let mut bytes = Bytes::of(plain, 0)?;
        let hash_keys = (bytes.u64()?, bytes.u64()?);
        let secret = Secret::new(bytes.u32()?, bytes.array()?, lasting);
        let mut runs = Vec::new();
        while !bytes.0.is_empty() {
            runs.push(Run {
                number: bytes.u32()?,
                drawn: bytes.array()?,
            });
        }
        Some(Root {
            hash_keys,
            secret,
            runs,
        })
    }

    /// What the next run makes IDs with; those of the runs before it open.
    //= P2P-042
    pub fn next_run(
        mut self,
        hosts: Hosts,
        (today, kept_days): (u32, u32),
        drawn: [u8; 16],
    ) -> Result<TemporaryIds, KeyError> {
        let number = self.runs.iter().map(|run| run.number).max().unwrap_or_default();
        let number = number.checked_add(1).ok_or(KeyError::TooMany)?;
        self.runs.insert(0, Run { number, drawn });
        self.runs.truncate(RUNS_MAX);
        TemporaryIds::new(self.secret, hosts, Encoding::Base64Url, today, kept_days)?.with_runs(self.runs)
    }
}

impl Tracker {
    /// From here on all that changes is told by [`Tracker::poll_fact`].
    //= P2P-141
    pub fn keep(&mut self, now: Moment) {
        self.keeping = Some(Keeping::default());
        self.table.run = self.ids.runs().first().map_or(0, |run| run.number);
        let lasts = self.settings.epoch_seconds + self.settings.grace_seconds;
        self.earlier_until = (self.ids.runs().len() > 1).then_some(now.unix + lasts);
        self.note(FactId::Root);
    }

    pub(super) fn note(&mut self, fact: FactId) {
        if let Some(keeping) = &mut self.keeping {
            keeping.changed.insert(fact);
        }
    }

    /// The next fact that changed and is not told yet. [`Tracker::kept`] is to say what became of it.
    pub fn poll_fact(&mut self, now: Moment) -> Option<(FactId, Fact)> {
        let keeping = self.keeping.as_mut()?;
        if keeping.under_way.len() >= UNDER_WAY_MAX || keeping.paused_until.is_some_and(|until| now.at < until) {
            return None;
        }
        keeping.paused_until = None;
        let mut changed = keeping.changed.iter();
        let id = *changed.find(|id| !keeping.under_way.contains(id))?;
        keeping.changed.remove(&id);
        keeping.under_way.insert(id);
        let (name, kept) = (self.name_of(id), self.value_of(now, id));
        Some((id, Fact { name, kept }))
    }

    /// A fact that was told is kept, or could not be.
    pub fn kept(&mut self, now: Moment, id: FactId, is_kept: bool) {
        let Some(keeping) = &mut self.keeping else { return };
        keeping.under_way.remove(&id);
        if !is_kept {
            keeping.changed.insert(id);
            keeping.paused_until = Some(now.at + PAUSE);
        }
    }

    pub fn is_kept(&self, id: FactId) -> bool {
        let is_open = |keeping: &Keeping| keeping.changed.contains(&id) || keeping.under_way.contains(&id);
        !self.keeping.as_ref().is_some_and(is_open)
    }

    /// What is still to be kept of somebody.
    pub fn unkept(&self, identity: &[u8], device: &[u8]) -> Vec<FactId> {
        let Some(keeping) = &self.keeping else {
            return Vec::new();
        };
        let who = self.table.hash(identity);
        let place = self.table.find(identity, device).map(FactId::Place);
        let own = place.into_iter().chain([FactId::Root, FactId::Banned(who)]);
        let own = own.filter(|id| !self.is_kept(*id));
        let failures = FactId::Failures(who, 0)..=FactId::Failures(who, SwarmIndex::MAX);
        let of = |facts: &BTreeSet<FactId>| facts.range(failures.clone()).copied().collect::<Vec<_>>();
        own.chain(of(&keeping.changed)).chain(of(&keeping.under_way)).collect()
    }

    pub(super) fn next_keeping(&self) -> Option<Duration> {
        self.keeping.as_ref()?.paused_until
    }

    fn name_of(&self, id: FactId) -> u128 {
        let hashed = |kind: u128, who: u64, swarm: Option<SwarmIndex>| {
            let (first, second) = self.table.hashing.keys();
            let mut hasher = SipHasher13::new_with_keys(first, second);
            (who, swarm.map(|swarm| self.table.swarm(swarm).id)).hash(&mut hasher);
            kind << 120 | hasher.finish128().as_u128() >> 8
        };
        match id {
            FactId::Root => Root::NAME,
            FactId::Place(slot) => 1 << 120 | u128::from(slot),
            FactId::Banned(who) => hashed(2, who, None),
            FactId::Failures(who, swarm) => hashed(3, who, Some(swarm)),
            FactId::Standing(who) => hashed(4, who, None),
            FactId::Case(CaseId(who, swarm)) => hashed(5, who, Some(swarm)),
        }
    }

    fn value_of(&self, now: Moment, id: FactId) -> Option<Kept> {
        let unix = |at: Duration| now.unix + at.saturating_sub(now.at).as_secs();
        let root = |swarm: SwarmIndex| *self.table.swarm(swarm).id.root();
        let (until, plain) = match id {
            FactId::Root => (u64::MAX, self.root()),
            FactId::Place(slot) => {
                let peer = self.table.seated(slot)?;
                let mut plain = written(1);
                plain.extend_from_slice(&slot.to_be_bytes());
                plain.push(peer.generation);
                plain.extend_from_slice(&peer.since.to_be_bytes());
                plain.extend_from_slice(&(peer.identity.len() as u32).to_be_bytes());
                plain.extend_from_slice(&peer.identity);
                plain.extend_from_slice(&peer.device);
                (u64::MAX, plain)
            }
            FactId::Banned(who) => {
                let (ends_at, ()) = self.banned.entry(&who)?;
                let mut plain = written(2);
                plain.extend_from_slice(&who.to_be_bytes());
                (unix(ends_at), plain)
            }
            FactId::Failures(who, swarm) => {
                let (ends_at, failures) = self.failures.entry(&(who, swarm))?;
                let mut plain = written(3);
                plain.extend_from_slice(&who.to_be_bytes());
                plain.extend_from_slice(&root(swarm));
                plain.extend_from_slice(&failures.count.to_be_bytes());
                plain.extend_from_slice(&unix(failures.wait_until).to_be_bytes());
                (unix(ends_at), plain)
            }
            FactId::Standing(who) => {
                let (ends_at, weight) = self.standing.entry(&who)?;
                let mut plain = written(4);
                plain.extend_from_slice(&who.to_be_bytes());
                plain.extend_from_slice(&weight.parts().to_be_bytes());
                (unix(ends_at), plain)
            }
            FactId::Case(id) => {
                let (ends_at, case) = self.cases.entry(&id)?;
                let mut plain = written(5);
                plain.extend_from_slice(&id.0.to_be_bytes());
                plain.extend_from_slice(&root(id.1));
                plain.extend_from_slice(&case.to_bytes());
                (unix(ends_at), plain)
            }
        };
        Some(Kept { until, plain })
    }

    fn root(&self) -> Zeroizing<Vec<u8>> {
        let secret = self.ids.secret();
        let mut plain = written(0);
        let (first, second) = self.table.hashing.keys();
        plain.extend_from_slice(&first.to_be_bytes());
        plain.extend_from_slice(&second.to_be_bytes());
        plain.extend_from_slice(&secret.day().to_be_bytes());
        plain.extend_from_slice(secret.reveal().0);
        for run in self.ids.runs() {
            plain.extend_from_slice(&run.number.to_be_bytes());
            plain.extend_from_slice(&run.drawn);
        }
        plain
    }

    /// Takes in a fact of an earlier run whose root this tracker came out of; called before anything is asked of it, and followed
    /// by [`Tracker::recalled`]. `false`: it is of no use, and goes.
    //= P2P-141
    pub fn recall(&mut self, now: Moment, plain: &[u8], until: u64, random: &mut impl Rng) -> bool {
        match plain.get(1) {
            Some(1) => self.recall_place(plain, random).is_some(),
            Some(kind @ 2..=5) if now.unix < until => self.recall_other(now, *kind, plain, until).is_some(),
            _ => false,
        }
    }

    /// Who stood here before is expected back at the same place, with nothing announced.
    //= P2P-042
    fn recall_place(&mut self, plain: &[u8], random: &mut impl Rng) -> Option<()> {
        let mut bytes = Bytes::of(plain, 1)?;
        let (slot, [generation], since) = (bytes.u32()?, bytes.array()?, bytes.u32()?);
        let (identity, device) = (bytes.text()?, bytes.0);
        if !self.table.seat(slot, (generation, since), identity, device) {
            return None;
        }
        // Whatever tag it had is no good any more.
        self.table.peer_mut(slot).etag = u64::from_be_bytes(draw(random));
        Some(())
    }

    fn recall_other(&mut self, now: Moment, kind: u8, plain: &[u8], until: u64) -> Option<()> {
        let mut bytes = Bytes::of(plain, kind)?;
        let at = |unix: u64| now.at + Duration::from_secs(unix.saturating_sub(now.unix));
        let (who, ends_at) = (bytes.u64()?, at(until));
        let (swarm, of) = match kind {
            2 => {
                self.banned.insert(who, ends_at, ());
                return Some(());
            }
            3 => {
                let swarm = SwarmId::of_root(bytes.array()?);
                let failures = Failures {
                    count: bytes.u32()?,
                    wait_until: at(bytes.u64()?),
                };
                (swarm, Recalled::Failures(who, ends_at, failures))
            }
            4 => {
                let weight = Weight::of_parts(u16::from_be_bytes(bytes.array()?));
                self.standing.insert(who, ends_at, weight);
                return Some(());
            }
            _ => {
                let swarm = SwarmId::of_root(bytes.array()?);
                (swarm, Recalled::Case(who, ends_at, Case::of_bytes(bytes.0)?))
            }
        };
        match self.table.swarm_of(swarm) {
            Some(index) => self.know_of(index, of),
            // Its content may be known again some day.
            None if self.orphans.len() < ORPHANS_MAX => self.orphans.push(Orphan { swarm, of }),
            None => {}
        }
        Some(())
    }

    fn know_of(&mut self, swarm: SwarmIndex, of: Recalled) {
        match of {
            Recalled::Failures(who, ends_at, failures) => {
                self.failures.insert((who, swarm), ends_at, failures);
            }
            Recalled::Case(who, ends_at, case) => {
                self.cases.insert(CaseId(who, swarm), ends_at, case);
            }
        }
    }

    pub(super) fn adopt_orphans(&mut self, swarm: SwarmId) {
        let Some(index) = self.table.swarm_of(swarm).filter(|_| !self.orphans.is_empty()) else {
            return;
        };
        let (theirs, others) = std::mem::take(&mut self.orphans)
            .into_iter()
            .partition(|orphan| orphan.swarm == swarm);
        self.orphans = others;
        let theirs: Vec<Orphan> = theirs;
        theirs.into_iter().for_each(|orphan| self.know_of(index, orphan.of));
    }

    /// All that was kept is taken in. Gives how many peers are expected back.
    pub fn recalled(&mut self, now: Moment) -> usize {
        let lasts = u64::from(self.settings.expires.2) + COMEBACK_SECONDS;
        self.table.all_seated(now.seconds() + lasts)
    }
}

fn written(kind: u8) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![VERSION, kind])
}

/// What is left to be read of a fact.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// `None`: of another version or kind.
    fn of(plain: &'a [u8], kind: u8) -> Option<Bytes<'a>> {
        Some(Bytes(plain.strip_prefix(&[VERSION, kind])?))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// With its length in front.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

impl std::fmt::Debug for Fact {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fact").finish_non_exhaustive()
    }
}
