//! What peers say of each other: content that was not what it should be. A claim convicts nobody; it sends somebody to look.

use std::time::Duration;

use super::kept::FactId;
use super::table::{Slot, State, SwarmIndex};
use super::verify::Failures;
use super::{Moment, Tracker};
use crate::ppsp::request::{Missing, Tamper};
use crate::ppsp::tamper::{Case, Consequence, Event, Network, Report, Reporter, WINDOW_SECONDS, Weight};
use crate::ppsp::{Fault, SwarmId};
use crate::seal::temporary_id::Viewer;

/// How long a session counts as one that could have gone wrong.
pub(super) const SESSION_KEPT: Duration = Duration::from_secs(3600);
/// How long a case stays open without a word, and how long what a reporter is worth is remembered.
const CASE_KEPT: Duration = Duration::from_secs(2 * WINDOW_SECONDS);
const STANDING_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Visits that wait to be made, at most: a further one waits until its case is spoken of again.
const ORDERS_MAX: usize = 1000;

/// A visit to a peer that others accuse: as one peer among others.
//= P2P-122
//= P2P-125
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    pub swarm: SwarmId,
    /// Where the accused is found, as anybody finds it.
    pub accused: String,
    pub case: CaseId,
}

/// Names a case; tells nothing of whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId(pub(super) u64, pub(super) SwarmIndex);

/// What a visit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Bad,
    Good,
    /// Nobody was there.
    Nothing,
}

impl Tracker {
    /// What a peer says of another, with whom it had a session lately.
    //= P2P-123
    //= P2P-124
    pub(super) fn reported(
        &mut self,
        now: Moment,
        reporter: Slot,
        network: Network,
        tamper: &Tamper,
    ) -> Result<(), Fault> {
        let (accused, swarm) = self.met(now, reporter, tamper.swarm, &tamper.sender)?;
        let who = self.identity_hash(reporter);
        let report = Report {
            reporter: who,
            network,
            weight: self.standing.live(&who, now.at).copied().unwrap_or_default(),
            at: now.unix,
        };
        let id = CaseId(self.identity_hash(accused), swarm);
        self.suspect(now, accused, swarm, who);
        self.case(now, id, Some(accused), Event::Claimed(report));
        Ok(())
    }

    /// What a peer says of another that it got nothing of.
    //= P2P-113
    pub(super) fn missed(&mut self, now: Moment, reporter: Slot, missing: &Missing) -> Result<(), Fault> {
        let (holder, swarm) = self.met(now, reporter, missing.swarm, &missing.holder)?;
        let who = self.identity_hash(reporter);
        self.suspect(now, holder, swarm, who);
        Ok(())
    }

    /// The peer behind an ID, which this one was led to lately in this swarm.
    fn met(&self, now: Moment, reporter: Slot, swarm: SwarmId, id: &str) -> Result<(Slot, SwarmIndex), Fault> {
        let index = self.table.swarm_of(swarm).ok_or(Fault::UnknownSwarm)?;
        self.table.announcement(reporter, index).ok_or(Fault::NotMember)?;
        let opened = self.ids.open(id.as_bytes()).map_err(|_| Fault::NotMember)?;
        let other = self.stands(&opened).map(|(slot, _)| slot);
        let is_of = self.ids.is_of(&opened, swarm.to_string().as_bytes());
        let other = other.filter(|_| is_of).ok_or(Fault::NotMember)?;
        let session = (reporter, other, index);
        self.sessions.live(&session, now.at).ok_or(Fault::NotMember)?;
        Ok((other, index))
    }

    fn suspect(&mut self, now: Moment, holder: Slot, swarm: SwarmIndex, reporter: Reporter) {
        let weight = self.standing.live(&reporter, now.at).copied().unwrap_or_default();
        let key = (self.identity_hash(holder), swarm);
        let mut suspected = self.suspected.remove(&key).unwrap_or_default();
        suspected.add(reporter, weight);
        self.suspected.insert(key, now.at + SESSION_KEPT, suspected);
    }

    /// What a visit came back with.
    //= P2P-122
    //= P2P-124
    pub fn visited(&mut self, now: Moment, case: CaseId, found: Found) {
        let event = match found {
            Found::Bad => Event::ShopperGotBad,
            Found::Good => Event::ShopperGotGood,
            Found::Nothing => Event::ShopperFailed,
        };
        let accused = self.table.holders_of(case.0, case.1);
        self.case(now, case, accused, event);
    }

    /// The next visit that is to be made.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    fn case(&mut self, now: Moment, id: CaseId, accused: Option<Slot>, event: Event) {
        let (case, consequences) = self.cases.remove(&id).unwrap_or_default().on(event);
        let mut kept = CASE_KEPT;
        for consequence in consequences {
            match consequence {
                Consequence::OrderShopper => self.order(now, id, accused),
                //= P2P-127
                Consequence::Quarantine => self.set_aside(now, accused, id.1, State::Quarantined),
                Consequence::Clear => self.set_aside(now, accused, id.1, State::Verified),
                Consequence::Convict { ban_seconds } => {
                    kept = Duration::from_secs(ban_seconds);
                    let failures = Failures::banned(now.at + kept);
                    self.failures.insert((id.0, id.1), now.at + kept, failures);
                    self.note(FactId::Failures(id.0, id.1));
                    if let Some(accused) = accused {
                        self.table.leave(accused, id.1);
                        self.rename(now, accused);
                    }
                }
                Consequence::Confirmed(reporters) => self.weigh(now, &reporters, Weight::confirmed),
                Consequence::Refuted(reporters) => self.weigh(now, &reporters, Weight::refuted),
            }
        }
        if !case.is_forgettable(now.unix) {
            self.cases.insert(id, now.at + kept, case);
        }
        self.note(FactId::Case(id));
    }

    /// Who is out of the lists is so whatever it announces meanwhile.
    //= P2P-127
    pub(super) fn stays_out(&mut self, slot: Slot, swarm: SwarmIndex) {
        let case = self.cases.get(&CaseId(self.identity_hash(slot), swarm));
        if case.is_some_and(Case::is_out)
            && let Some(announcement) = self.table.announcement_mut(slot, swarm)
        {
            announcement.state = State::Quarantined;
        }
    }

    fn set_aside(&mut self, now: Moment, accused: Option<Slot>, swarm: SwarmIndex, state: State) {
        let Some(accused) = accused else { return };
        let before = self
            .table
            .announcement_mut(accused, swarm)
            .map(|one| std::mem::replace(&mut one.state, state));
        if before.is_some_and(|before| before != state) && state == State::Quarantined {
            self.rename(now, accused);
        }
    }

    /// Voids what was told of a peer; it stays, under other names.
    //= P2P-036
    fn rename(&mut self, now: Moment, slot: Slot) {
        self.note(FactId::Place(slot));
        match self.table.bump(slot, now.day()) {
            true => self.note_renamed(slot),
            false => self.remove(now, slot),
        }
    }

    fn order(&mut self, now: Moment, case: CaseId, accused: Option<Slot>) {
        let accused = accused.and_then(|slot| self.shown_as(now, slot, case.1, Viewer::Any));
        if let Some(accused) = accused.filter(|_| self.orders.len() < ORDERS_MAX) {
            let swarm = self.table.swarm(case.1).id;
            self.orders.push_back(Order { swarm, accused, case });
        }
    }

    fn weigh(&mut self, now: Moment, reporters: &[Reporter], change: impl Fn(Weight) -> Weight) {
        for reporter in reporters {
            let before = self.standing.live(reporter, now.at).copied().unwrap_or_default();
            self.standing.insert(*reporter, now.at + STANDING_KEPT, change(before));
            self.note(FactId::Standing(*reporter));
        }
    }

    pub(super) fn identity_hash(&self, slot: Slot) -> u64 {
        self.table.hash(&*self.table.peer(slot).identity)
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("case", &self.case)
            .finish_non_exhaustive()
    }
}
