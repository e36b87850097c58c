//! Whether a peer holds what it says: challenges, proofs, and what failing costs.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::buckets::Buckets;
use super::counts::Challenged;
use super::kept::FactId;
use super::table::{Slot, State, SwarmIndex, below};
use super::{Moment, Tracker, draw};
use crate::ppsp::Fault;
use crate::ppsp::challenge::Challenge;
use crate::ppsp::proof::TreeProof;
use crate::ppsp::request::{Proof, Shown};
use crate::ppsp::response::{self, Kind};
use crate::ppsp::tamper::{Reporter, Weight};

/// Leaves to show for what is new.
const SAMPLES_NEW: usize = 4;
/// Leaves to show again, now and then: so few that what ten million peers prove is less than 1200 leaves a second.
//= P2P-114
const SAMPLES_AGAIN: usize = 2;
/// And where others say that it does not give it.
const SAMPLES_SUSPECTED: usize = 16;
/// What the reports of so many usual members are worth makes a peer suspected.
const SUSPECTED_BY: u32 = 3;
/// Reporters remembered of one peer.
const REPORTERS_MAX: usize = 16;
/// Failures within a day after which a swarm, or all of them, are closed to an identity.
const FAILURES_MAX: u32 = 3;
const DAY: Duration = Duration::from_secs(86_400);

/// A challenge that waits for its proof.
pub(super) struct Open {
    challenge: Challenge,
    /// What is to be proved.
    claim: Buckets,
    asked_at: Duration,
    deadline: Duration,
}

/// Who said of a peer that it does not give what it announced.
#[derive(Default)]
pub(super) struct Suspected(Vec<(Reporter, Weight)>);

impl Suspected {
    pub fn add(&mut self, reporter: Reporter, weight: Weight) {
        if self.0.len() < REPORTERS_MAX && self.0.iter().all(|(known, _)| *known != reporter) {
            self.0.push((reporter, weight));
        }
    }

    //= P2P-113
    fn is_enough(&self) -> bool {
        let worth: u32 = self.0.iter().map(|(_, weight)| u32::from(weight.parts())).sum();
        worth >= SUSPECTED_BY * u32::from(Weight::ONE.parts())
    }
}

/// What failed lately, of one identity in one swarm.
pub(super) struct Failures {
    pub count: u32,
    /// Until when nothing of it is taken.
    pub wait_until: Duration,
}

impl Failures {
    /// As if it had failed too often.
    pub fn banned(until: Duration) -> Failures {
        Failures {
            count: FAILURES_MAX,
            wait_until: until,
        }
    }
}

impl Tracker {
    /// Whether an identity may announce in a swarm now.
    //= P2P-111
    pub(super) fn may_announce(&self, now: Moment, identity: &[u8], swarm: SwarmIndex) -> Result<(), Fault> {
        let who = self.table.hash(identity);
        if self.banned.live(&who, now.at).is_some() {
            return Err(Fault::Banned);
        }
        match self.failures.live(&(who, swarm), now.at) {
            Some(failures) if now.at < failures.wait_until && failures.count >= FAILURES_MAX => Err(Fault::Banned),
            Some(failures) if now.at < failures.wait_until => Err(Fault::Rate),
            _ => Ok(()),
        }
    }

    /// Whether an identity is out of a swarm.
    pub(super) fn is_banned_from(&self, now: Moment, who: u64, swarm: SwarmIndex) -> bool {
        let failures = self.failures.live(&(who, swarm), now.at);
        failures.is_some_and(|failures| now.at < failures.wait_until && failures.count >= FAILURES_MAX)
    }

    /// Asks for a proof of what was announced. A challenge stands until it is answered: the same claim gets the one that is open
    /// for it, and so does one of more, which is asked about when that is proved.
    //= P2P-104
    //= P2P-105
    //= P2P-108
    pub(super) fn challenge(
        &mut self,
        now: Moment,
        slot: Slot,
        swarm: SwarmIndex,
        samples: usize,
        random: &mut impl Rng,
    ) -> Option<response::Challenge> {
        let announcement = self.table.announcement(slot, swarm)?;
        let (claim, layout) = (announcement.held, self.table.swarm(swarm).layout);
        if claim.is_none() {
            return None;
        }
        let key = (slot, swarm);
        if self.open.get(&key).is_none() {
            let ranges = claim.ranges(layout.pieces());
            let challenge = Challenge::draw(draw(random), &layout, &ranges, samples).ok()?;
            let deadline = now.at + Duration::from_millis(self.settings.proof_milliseconds.into());
            self.open.insert(
                key,
                deadline,
                Open {
                    challenge,
                    claim,
                    asked_at: now.at,
                    deadline,
                },
            );
            self.counts.challenged(Challenged::Put);
        }
        let open = self.open.get(&key)?;
        let left = open.deadline.saturating_sub(now.at).as_millis();
        Some(response::Challenge {
            kind: Kind::Tree,
            nonce: *open.challenge.nonce(),
            leaves: open.challenge.leaves().iter().map(|leaf| u64::from(*leaf)).collect(),
            deadline_ms: left.try_into().unwrap_or(u32::MAX),
            peer_tag: None,
        })
    }

    /// Whether a claim leaves out something that this peer is being asked about.
    pub(super) fn takes_back(&self, slot: Slot, swarm: SwarmIndex, claim: Buckets) -> bool {
        let open = self.open.get(&(slot, swarm));
        open.is_some_and(|open| !open.claim.is_within(claim))
    }

    /// A peer takes back what it is being asked about, or goes: no proof came, and it cannot ask for other leaves by coming again.
    //= P2P-105
    //= P2P-111
    pub(super) fn walks_away(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex) {
        if self.open.remove(&(slot, swarm)).is_some() {
            self.counts.challenged(Challenged::Unanswered);
            self.failed(now, slot, swarm);
        }
        self.table.leave(slot, swarm);
    }

    /// The swarms in which a peer is being asked.
    pub(super) fn asked_in(&self, slot: Slot) -> Vec<SwarmIndex> {
        let joined = self.table.joined(slot);
        joined
            .filter(|swarm| self.open.get(&(slot, *swarm)).is_some())
            .collect()
    }

    /// For what is new.
    pub(super) fn challenge_new(
        &mut self,
        now: Moment,
        slot: Slot,
        swarm: SwarmIndex,
        random: &mut impl Rng,
    ) -> Option<response::Challenge> {
        self.challenge(now, slot, swarm, SAMPLES_NEW, random)
    }

    /// Now and then, for what was proved before; at once, where enough others say that it is not given.
    //= P2P-112
    //= P2P-113
    pub(super) fn challenge_again(
        &mut self,
        now: Moment,
        slot: Slot,
        swarm: SwarmIndex,
        random: &mut impl Rng,
    ) -> Option<response::Challenge> {
        let samples = self.samples_again(now, slot, swarm, random)?;
        self.challenge(now, slot, swarm, samples, random)
    }

    /// The same of who takes no question: it is not believed any more.
    //= P2P-112
    pub(super) fn doubt_again(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex, random: &mut impl Rng) {
        if self.samples_again(now, slot, swarm, random).is_some()
            && let Some(announcement) = self.table.announcement_mut(slot, swarm)
            && announcement.state == State::Verified
        {
            announcement.state = State::Provisional;
        }
    }

    /// Leaves that a peer is to show again now. `None`: none.
    fn samples_again(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex, random: &mut impl Rng) -> Option<usize> {
        let chosen = below(1000, random) < u64::from(self.settings.proofs_per_mille);
        let is_verified = self
            .table
            .announcement(slot, swarm)
            .is_some_and(|one| one.state == State::Verified);
        let key = (self.identity_hash(slot), swarm);
        let is_suspected = self.suspected.live(&key, now.at).is_some_and(Suspected::is_enough);
        if is_suspected {
            self.suspected.remove(&key);
            return Some(SAMPLES_SUSPECTED);
        }
        (chosen && is_verified).then_some(SAMPLES_AGAIN)
    }

    /// A proof, good for one challenge, of the peer it was put to.
    //= P2P-106
    //= P2P-108
    //= P2P-109
    pub(super) fn proved(&mut self, now: Moment, slot: Slot, proof: &Proof) -> Result<SwarmIndex, Fault> {
        let swarm = self.table.swarm_of(proof.swarm).ok_or(Fault::UnknownSwarm)?;
        // Used once, whatever comes of it.
        let open = self.open.remove(&(slot, swarm)).ok_or(Fault::ProofFailed)?;
        if now.at > open.deadline || !self.is_shown(&open, swarm, proof) {
            self.counts.challenged(Challenged::Refuted);
            self.unproven(now, slot, swarm);
            return Err(Fault::ProofFailed);
        }
        self.counts.proved(now.at.saturating_sub(open.asked_at));
        if let Some(announcement) = self.table.announcement_mut(slot, swarm)
            && announcement.held == open.claim
            && announcement.state == State::Provisional
        {
            announcement.state = State::Verified;
        }
        Ok(swarm)
    }

    fn is_shown(&self, open: &Open, swarm: SwarmIndex, proof: &Proof) -> bool {
        let Shown::Tree { leaves, hashes } = &proof.shown else {
            return false;
        };
        let shown = TreeProof {
            leaves: leaves.clone(),
            hashes: hashes.clone(),
        };
        let shape = self.table.swarm(swarm).layout.shape();
        proof.nonce == *open.challenge.nonce() && shown.verify(&proof.swarm, shape, &open.challenge).is_ok()
    }

    /// What was announced is not held: it goes, and comes again only after a while.
    //= P2P-111
    pub(super) fn unproven(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex) {
        // The content was closed meanwhile.
        if self.table.announcement(slot, swarm).is_none() {
            return;
        }
        self.failed(now, slot, swarm);
        self.table.leave(slot, swarm);
    }

    fn failed(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex) {
        let who = self.identity_hash(slot);
        let before = self
            .failures
            .live(&(who, swarm), now.at)
            .map_or(0, |failures| failures.count);
        let count = before + 1;
        let wait = match count {
            FAILURES_MAX.. => DAY,
            // 1, 4, 16 minutes.
            _ => Duration::from_secs(60 << (2 * (count - 1))),
        };
        let failures = Failures {
            count,
            wait_until: now.at + wait,
        };
        self.failures.insert((who, swarm), now.at + DAY, failures);
        self.note(FactId::Failures(who, swarm));
        if count >= FAILURES_MAX && self.swarms_failed(now, who) >= FAILURES_MAX as usize {
            self.banned.insert(who, now.at + DAY, ());
            self.note(FactId::Banned(who));
        }
    }

    /// Swarms that are closed to an identity.
    fn swarms_failed(&self, now: Moment, who: u64) -> usize {
        let of_who = self.failures.range((who, 0)..=(who, SwarmIndex::MAX));
        of_who
            .filter(|(ends_at, failures)| now.at < *ends_at && failures.count >= FAILURES_MAX)
            .count()
    }
}
