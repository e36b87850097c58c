//! What peers say of each other: content that was not what it should be. A claim convicts nobody; it sends somebody to look.

use std::time::Duration;

use super::kept::FactId;
use super::table::{Slot, State, SwarmIndex};
use super::verify::Failures;
use super::visits::Order;
use super::{Moment, Tracker};
use crate::ppsp::request::{Missing, Tamper};
use crate::ppsp::tamper::{Case, Consequence, Event, Network, Report, Reporter, WINDOW_SECONDS, Weight};
use crate::ppsp::{Fault, SwarmId};

/// How long a session counts as one that could have gone wrong.
pub(super) const SESSION_KEPT: Duration = Duration::from_secs(3600);
/// How long a case stays open without a word, and how long what a reporter is worth is remembered.
const CASE_KEPT: Duration = Duration::from_secs(2 * WINDOW_SECONDS);
const STANDING_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long it is remembered that somebody was convicted, after the ban: a further one lasts longer.
const CONVICTED_KEPT: Duration = Duration::from_secs(180 * 86_400);

/// Names a case; tells nothing of whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId(pub(super) u64, pub(super) SwarmIndex);

impl CaseId {
    pub fn new(who: u64, swarm: SwarmIndex) -> CaseId {
        CaseId(who, swarm)
    }

    pub fn who(self) -> u64 {
        self.0
    }

    pub fn swarm(self) -> SwarmIndex {
        self.1
    }
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
        let order = Order::new(id, accused, Some(tamper.piece));
        self.case(now, Event::Claimed(report), order);
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
        self.sessions.get(&session, now.at).ok_or(Fault::NotMember)?;
        Ok((other, index))
    }

    fn suspect(&mut self, now: Moment, holder: Slot, swarm: SwarmIndex, reporter: Reporter) {
        let weight = self.standing.live(&reporter, now.at).copied().unwrap_or_default();
        let key = (self.identity_hash(holder), swarm);
        let mut suspected = self.suspected.remove(&key).unwrap_or_default();
        suspected.add(reporter, weight);
        self.suspected.insert(key, now.at + SESSION_KEPT, suspected);
    }

    /// Something happened about an accused. `order`: the visit that comes of it, if one does.
    pub(super) fn case(&mut self, now: Moment, event: Event, order: Order) {
        let id = order.case();
        let accused = self.accused(&order);
        let mut case = self.cases.remove(&id).unwrap_or_default();
        if self.is_served(now, id, &case) {
            case = case.released();
        }
        let (case, consequences) = case.on(event);
        let mut kept = match case.was_convicted() {
            true => CONVICTED_KEPT,
            false => CASE_KEPT,
        };
        let mut order = Some(order);
        for consequence in consequences {
            match consequence {
                Consequence::OrderShopper => order.take().into_iter().for_each(|order| self.order(order)),
                //= P2P-127
                Consequence::Quarantine => self.set_aside(now, accused, id.1),
                Consequence::Clear => {
                    // What was announced meanwhile is still to be proved.
                    let is_open = accused.is_some_and(|slot| self.open.get(&(slot, id.1)).is_some());
                    let state = if is_open { State::Provisional } else { State::Verified };
                    self.is_listed_again(accused, id.1, state);
                }
                Consequence::Convict { ban_seconds } => {
                    let ban = Duration::from_secs(ban_seconds);
                    kept = ban + CONVICTED_KEPT;
                    self.failures
                        .insert((id.0, id.1), now.at + ban, Failures::banned(now.at + ban));
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
    pub(super) fn stays_out(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex) {
        if self.is_set_aside(now, slot, swarm)
            && let Some(announcement) = self.table.announcement_mut(slot, swarm)
        {
            announcement.state = State::Quarantined;
        }
    }

    fn set_aside(&mut self, now: Moment, accused: Option<Slot>, swarm: SwarmIndex) {
        let Some(accused) = accused else { return };
        let announcement = self.table.announcement_mut(accused, swarm);
        let before = announcement.map(|one| std::mem::replace(&mut one.state, State::Quarantined));
        if before.is_some_and(|before| before != State::Quarantined) {
            self.rename(now, accused);
        }
    }

    /// Who was not set aside stays what it is.
    fn is_listed_again(&mut self, accused: Option<Slot>, swarm: SwarmIndex, state: State) {
        let announcement = accused.and_then(|slot| self.table.announcement_mut(slot, swarm));
        if let Some(announcement) = announcement.filter(|one| one.state == State::Quarantined) {
            announcement.state = state;
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

    /// Whether a peer is out of the lists until somebody has been there.
    fn is_set_aside(&self, now: Moment, slot: Slot, swarm: SwarmIndex) -> bool {
        let id = CaseId(self.identity_hash(slot), swarm);
        let case = self.cases.get(&id);
        case.is_some_and(|case| case.is_out() && !self.is_served(now, id, case))
    }

    /// Whether a verdict was, and its ban is over.
    fn is_served(&self, now: Moment, id: CaseId, case: &Case) -> bool {
        case.is_convicted() && !self.is_banned_from(now, id.0, id.1)
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
