//! What DNS calls the peers of which nothing else is known: looked up beside the messages, never waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::output::{LocateId, Output};
use super::pending::Pending;
use super::transactions::{Id, Keyed};
use super::{Due, Engine, Now};
use crate::locate::{Answer, Expiring, Finding, Question, ReverseSearch};
use crate::policy::Policy;
use crate::trust::{Destination, Flow, Hop, Origin, ReverseName};

/// The addresses looked up of late, and those being looked up. Of one policy: another one needs another.
pub struct Reverse {
    /// As long as DNS says, and that there was nothing, too.
    known: Expiring<IpAddr, Option<ReverseName>, Keyed>,
    /// By the one question that each waits for; the oldest first.
    under_way: BTreeMap<LocateId, UnderWay>,
    /// The addresses of those.
    addresses: BTreeSet<IpAddr>,
    /// How long a question may take.
    timeout: Duration,
    /// When it is looked whether one took longer.
    timed: Option<Duration>,
}

struct UnderWay {
    search: ReverseSearch,
    /// Nobody needs the answer any more then.
    overdue: Duration,
}

impl Reverse {
    /// `None`: the policy does not ask for it, or has no domain that a name could be of.
    //= TRUST-026
    pub fn of(policy: &Policy, keyed: &Keyed) -> Option<Box<Reverse>> {
        let asks = policy.evidence.reverse_dns.value && !policy.domain.admin_domains.value.is_empty();
        asks.then(|| {
            Box::new(Reverse {
                known: Expiring::new(keyed.clone(), policy.limits.reverse_names_max as usize),
                under_way: BTreeMap::new(),
                addresses: BTreeSet::new(),
                timeout: policy.dns.timeout.value,
                timed: None,
            })
        })
    }

    /// Addresses of which something is known, be it that there is nothing.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Gives up all that is under way, and the places it took.
    pub fn end(&self, pending: &mut Pending) {
        self.under_way.keys().for_each(|_| pending.aside_done());
    }

    fn begin(&mut self, now: Now, pending: &mut Pending, address: IpAddr) -> Option<(LocateId, Question)> {
        if self.addresses.contains(&address) {
            return None;
        }
        // Without room it is as if nobody had come by: the next message asks again.
        let id = pending.ask_aside()?;
        self.addresses.insert(address);
        Some((id, self.wait(now, id, ReverseSearch::begin(address))))
    }

    fn wait(&mut self, now: Now, id: LocateId, search: ReverseSearch) -> Question {
        let question = search.question();
        let overdue = now.at + self.timeout;
        self.under_way.insert(id, UnderWay { search, overdue });
        question
    }

    /// An answer came. Gives the next question of the same address.
    fn answered(
        &mut self,
        now: Now,
        pending: &mut Pending,
        policy: &Policy,
        id: LocateId,
        answer: &Answer,
    ) -> Option<(LocateId, Question)> {
        let UnderWay { mut search, .. } = self.under_way.remove(&id)?;
        pending.aside_done();
        match search.answer(policy, answer) {
            Some(finding) => self.found(now, search.address(), finding),
            None => match pending.ask_aside() {
                Some(id) => return Some((id, self.wait(now, id, search))),
                None => self.found(now, search.address(), Finding::FAILED),
            },
        }
        None
    }

    /// When to look next, if that is not settled. Questions of one policy all have the same time, so the oldest is overdue first.
    fn wants_timer(&mut self) -> Option<Duration> {
        if self.timed.is_none() {
            self.timed = self.under_way.values().next().map(|oldest| oldest.overdue);
            return self.timed;
        }
        None
    }

    fn give_up_overdue(&mut self, now: Now, pending: &mut Pending) {
        while let Some(oldest) = self.under_way.first_entry()
            && oldest.get().overdue <= now.at
        {
            let address = oldest.remove().search.address();
            pending.aside_done();
            self.found(now, address, Finding::FAILED);
        }
    }

    fn found(&mut self, now: Now, address: IpAddr, finding: Finding) {
        self.addresses.remove(&address);
        self.known.insert(address, finding.name, now.at + finding.lifetime);
    }
}

impl Engine {
    /// Who sent this, by what is known now.
    #[inline]
    pub(super) fn origin_of(&mut self, now: Now, flow: Flow) -> Origin {
        let origin = Origin::judge_recent(&mut self.recent, flow);
        match self.reverse.is_some() && origin.evidence().wants_member() {
            false => origin,
            true => self
                .reverse_name(now, flow.remote.ip())
                .map_or(origin, |name| origin.supported_by(name)),
        }
    }

    /// Who gets this, by what is known now.
    #[inline]
    pub(super) fn hop_to(&mut self, now: Now, destination: Destination) -> Hop {
        let hop = Hop::judge_recent(&mut self.recent, destination);
        match self.reverse.is_some() && hop.evidence().wants_member() {
            false => hop,
            true => self
                .reverse_name(now, destination.remote.ip())
                .map_or(hop, |name| hop.supported_by(name)),
        }
    }

    /// Who answers a request of ours: trusted for the name of its address if the request went there so, and only then.
    //= TRUST-026
    pub(super) fn origin_of_answer(&mut self, client: Id, flow: Flow) -> Origin {
        let origin = Origin::judge_recent(&mut self.recent, flow);
        if !origin.evidence().wants_member() {
            return origin;
        }
        let name = self
            .transactions
            .client(client)
            .and_then(|client| client.reverse_name.as_deref().copied());
        name.map_or(origin, |name| origin.supported_by(name))
    }

    /// What is known of this address. If nothing is, somebody is asked, for the messages to come.
    #[cold]
    fn reverse_name(&mut self, now: Now, address: IpAddr) -> Option<ReverseName> {
        let address = address.to_canonical();
        let reverse = self.reverse.as_mut()?;
        if let Some(known) = reverse.known.get(&address, now.at) {
            return *known;
        }
        let next = reverse.begin(now, &mut self.pending, address);
        self.ask_reverse(next);
        None
    }

    /// A name server answered what nobody waits for.
    pub(super) fn reverse_answered(&mut self, now: Now, id: LocateId, answer: &Answer) {
        let Some(reverse) = self.reverse.as_mut() else { return };
        let next = reverse.answered(now, &mut self.pending, &self.policy, id, answer);
        self.ask_reverse(next);
    }

    /// The time of a question is over, unless it was one of an earlier policy.
    pub(super) fn reverse_overdue(&mut self, now: Now) {
        let Some(reverse) = self.reverse.as_mut() else { return };
        if reverse.timed.is_some_and(|at| at <= now.at) {
            reverse.timed = None;
            reverse.give_up_overdue(now, &mut self.pending);
            self.ask_reverse(None);
        }
    }

    fn ask_reverse(&mut self, next: Option<(LocateId, Question)>) {
        if let Some((id, question)) = next {
            self.counters.questions += 1;
            self.outputs.push_back(Output::Locate { id, question });
        }
        if let Some(at) = self.reverse.as_mut().and_then(|reverse| reverse.wants_timer()) {
            self.deadlines.insert(at, Due::Reverse);
        }
    }
}
