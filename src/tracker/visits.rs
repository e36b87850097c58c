//! Visits: auditors of the network's own, who look to others like any peer, see what somebody serves, where it was complained of
//! and now and then by chance.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::reports::CaseId;
use super::settings::View;
use super::table::{Slot, State, SwarmIndex};
use super::{Member, Moment, Tracker, draw};
use crate::ppsp::tamper::{Case, Event};
use crate::ppsp::visit::{Accused, Found, Visit};
use crate::seal::temporary_id::{Place, Viewer};

/// Visits that wait to be made, at most, and that are under way: a further one waits until its case is spoken of again.
pub(super) const VISITS_MAX: usize = 1000;
/// How long a visit may take; then nobody was there.
pub const VISIT_SECONDS: u32 = 900;
/// When an auditor that has nothing to do asks again.
pub const IDLE_SECONDS: u32 = 60;
/// Places that are drawn to find somebody who holds something; when nobody was found the next question draws again.
const DRAWS: usize = 16;
/// Of all peers, so many in a thousand are visited by chance in an hour.
const BY_CHANCE_PER_MILLE: u64 = 1;

/// A visit that is to be made.
pub(super) struct Order {
    case: CaseId,
    /// Where the accused was when it was accused.
    slot: Slot,
    piece: Option<u32>,
    /// Who got bad content there: somebody else goes now.
    not_by: Option<u64>,
}

impl Order {
    pub fn new(case: CaseId, slot: Slot, piece: Option<u32>) -> Order {
        Order {
            case,
            slot,
            piece,
            not_by: None,
        }
    }

    pub fn case(&self) -> CaseId {
        self.case
    }
}

/// A visit that is being made.
pub(super) struct UnderWay {
    order: Order,
    by: u64,
}

/// What an auditor is sent to do, and under which number it tells what came of it.
pub struct Sent {
    pub visit: Visit,
    /// `None`: it is not in the swarm, and asks again when it is.
    pub number: Option<u64>,
}

impl Tracker {
    /// Whom an auditor is to visit next. `None`: nobody.
    //= P2P-122
    //= P2P-125
    pub fn next_visit(&mut self, now: Moment, auditor: Member<'_>, random: &mut impl Rng) -> Option<Sent> {
        self.expire(now);
        self.forget_orders();
        let by = self.table.hash(auditor.identity);
        let at = self.orders.iter().position(|order| {
            let is_free = order.not_by != Some(by) && order.case.who() != by;
            is_free && self.accused(order).is_some()
        });
        let order = match at {
            Some(at) => self.orders.remove(at)?,
            None => self.by_chance(now, by, random)?,
        };
        let (accused, swarm) = (self.accused(&order)?, order.case.swarm());
        let id = self.table.swarm(swarm).id;
        let asker = self.table.find(auditor.identity, auditor.device);
        let Some(asker) = asker.filter(|slot| self.table.announcement(*slot, swarm).is_some()) else {
            self.orders.push_front(order);
            let visit = Visit {
                swarm: id,
                accused: None,
            };
            return Some(Sent { visit, number: None });
        };
        let viewer = match self.settings.view {
            View::Shared => Viewer::Any,
            View::Pairwise => Viewer::Peer(Place::of_slot(asker)),
        };
        let accused = Accused {
            peer: self.called(now, accused, swarm, viewer)?,
            piece: order.piece,
        };
        let number = u64::from_be_bytes(draw(random));
        let ends_at = now.at + Duration::from_secs(VISIT_SECONDS.into());
        self.under_way.insert(number, ends_at, UnderWay { order, by });
        let visit = Visit {
            swarm: id,
            accused: Some(accused),
        };
        Some(Sent {
            visit,
            number: Some(number),
        })
    }

    /// What an auditor found. `false`: it is on no such visit, or not any more.
    //= P2P-122
    //= P2P-124
    pub fn visited(&mut self, now: Moment, auditor: Member<'_>, number: u64, found: Found) -> bool {
        self.expire(now);
        let by = self.table.hash(auditor.identity);
        let visit = self.under_way.live(&number, now.at);
        if visit.is_none_or(|visit| visit.by != by) {
            return false;
        }
        let visit = self.under_way.remove(&number);
        visit.map(|visit| self.found(now, visit, found)).is_some()
    }

    /// Visits that nobody came back from.
    pub(super) fn expire_visits(&mut self, now: Moment) {
        while let Some((_, visit)) = self.under_way.pop_ended(now.at) {
            self.found(now, visit, Found::Nothing);
        }
    }

    fn found(&mut self, now: Moment, UnderWay { order, by }: UnderWay, found: Found) {
        let (event, not_by) = match found {
            Found::Bad => (Event::ShopperGotBad, Some(by)),
            Found::Good => (Event::ShopperGotGood, None),
            Found::Nothing => (Event::ShopperFailed, order.not_by),
        };
        self.case(now, event, Order { not_by, ..order });
    }

    /// Puts a visit on the list of those to be made.
    pub(super) fn order(&mut self, order: Order) {
        if self.orders.len() == VISITS_MAX {
            self.forget_orders();
        }
        if self.orders.len() < VISITS_MAX {
            self.orders.push_back(order);
        }
    }

    /// Orders whose case is forgotten; those by chance have none, and last as long as somebody is there.
    fn forget_orders(&mut self) {
        let mut orders = std::mem::take(&mut self.orders);
        orders.retain(|order| self.cases.get(&order.case).is_some() || self.accused(order).is_some());
        self.orders = orders;
    }

    /// Who is being looked into announces anew, maybe at another place, maybe to another run of the process: it is visited there.
    pub(super) fn is_back(&mut self, slot: Slot, swarm: SwarmIndex) {
        let case = CaseId::new(self.identity_hash(slot), swarm);
        if !self.cases.get(&case).is_some_and(Case::is_looked_into) {
            return;
        }
        if let Some(order) = self.orders.iter_mut().find(|order| order.case == case) {
            order.slot = slot;
        } else if !self.under_way.range(..).any(|(_, visit)| visit.order.case == case) {
            self.order(Order::new(case, slot, None));
        }
    }

    /// Where the accused is, as long as it is in the swarm.
    pub(super) fn accused(&self, order: &Order) -> Option<Slot> {
        let is_there = self.table.announcement(order.slot, order.case.swarm()).is_some();
        (is_there && self.identity_hash(order.slot) == order.case.who()).then_some(order.slot)
    }

    /// Somebody who holds something, now and then.
    //= P2P-122
    fn by_chance(&mut self, now: Moment, by: u64, random: &mut impl Rng) -> Option<Order> {
        let live = self.table.live() as u64;
        let every =
            Duration::from_secs(3600) * 1000 / u32::try_from(BY_CHANCE_PER_MILLE * live.max(1)).unwrap_or(u32::MAX);
        if self.by_chance_at.is_some_and(|last| now.at < last + every) {
            return None;
        }
        let (slot, swarm) = self.any_holder(random)?;
        let case = CaseId::new(self.identity_hash(slot), swarm);
        if case.who() == by || self.cases.get(&case).is_some() {
            return None;
        }
        self.by_chance_at = Some(now.at);
        Some(Order::new(case, slot, None))
    }

    fn any_holder(&self, random: &mut impl Rng) -> Option<(Slot, SwarmIndex)> {
        (0..DRAWS).find_map(|_| {
            let slot = self.table.any_peer(random)?;
            let holds = |swarm: &SwarmIndex| {
                let announcement = self.table.announcement(slot, *swarm);
                announcement.is_some_and(|one| one.state == State::Verified)
            };
            self.table.joined(slot).find(holds).map(|swarm| (slot, swarm))
        })
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}
