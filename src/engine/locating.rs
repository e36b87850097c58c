//! The step that locates: from a target to the peers to try, at once or when the name servers have answered.

use std::sync::Arc;
use std::time::Duration;

use super::branches::{Line, State};
use super::event::{Drop, What};
use super::output::{LocateId, Output};
use super::pending::{Ended, Full, SearchId, Waiting};
use super::transactions::{Failure, Id};
use super::{Due, Engine, Now};
use crate::locate::{Answer, Ending, Fitness, Place, Plan, Target, Ways, Wish};
use crate::sip::Method;
use crate::trust::Destination;

impl Engine {
    /// What is known of the servers behind a target's name.
    pub(super) fn plan_of(&self, now: Now, target: &Target) -> Option<Arc<Plan>> {
        self.plans.get(&self.wish_of(target)?, now.at).map(Arc::clone)
    }

    /// Asks for the servers behind a target's name; `who` is resumed when they are known.
    //= LOC-007
    pub(super) fn ask(&mut self, now: Now, target: &Target, who: Waiting) -> Result<(), Full> {
        let Some(wish) = self.wish_of(target) else {
            return Err(Full);
        };
        if let Some(search) = self.pending.wait(wish, who)? {
            let overdue = now.at + self.policy.dns.timeout.value;
            self.deadlines.insert(overdue, Due::Search(search));
            self.carry_on(now, search);
        }
        Ok(())
    }

    fn wish_of(&self, target: &Target) -> Option<Wish> {
        match &target.place {
            Place::Address(_) => None,
            Place::Name(host) => {
                let ways = Ways::of(&self.own, target.listener);
                Some(target.wish(host.clone(), ways))
            }
        }
    }

    /// A name server answered, or failed to.
    pub(super) fn located(&mut self, now: Now, id: LocateId, answer: &Answer) {
        if let Some(search) = self.pending.answered(id, answer) {
            self.carry_on(now, search);
        } else {
            self.reverse_answered(now, id, answer);
        }
    }

    /// Asks what there is to ask now, or ends the search.
    fn carry_on(&mut self, now: Now, search: SearchId) {
        while let Some((id, question)) = self.pending.next_question(search) {
            self.counters.questions += 1;
            self.outputs.push_back(Output::Locate { id, question });
        }
        if let Some(ended) = self.pending.ended(search) {
            self.searched(now, ended);
        }
    }

    /// The time of a search is over: what is known by now has to do.
    //= LOC-007
    pub(super) fn search_overdue(&mut self, now: Now, search: SearchId) {
        if let Some(ended) = self.pending.end(search) {
            self.searched(now, ended);
        }
    }

    fn searched(&mut self, now: Now, ended: Ended) {
        let Ended { wish, plan, waiting } = ended;
        self.counters.lookups_failed += u64::from(plan.ending != Ending::Found);
        let plan = Arc::new(plan);
        self.plans.insert(wish, Arc::clone(&plan), now.at + plan.lifetime);
        for who in waiting {
            match who {
                Waiting::Request(id, line) => self.resume(now, id, line, &plan),
                Waiting::Ack(ack) => {
                    let peers = self.peers(&plan, &ack.target);
                    let mut notes = self.notes();
                    match self.best(now, &peers) {
                        Some(destination) => self.send_ack(now, *ack, destination, &mut notes),
                        None => self.drop(What::Request(Method::Ack), Drop::AckNowhere),
                    }
                }
            }
        }
    }

    fn resume(&mut self, now: Now, id: Id, line: usize, plan: &Plan) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let Some(mut work) = server.work.take() else { return };
        let waits = work.branches.line(line).filter(|line| line.state == State::Runs);
        let is_waiting = waits.is_some();
        if let Some(line) = waits
            && let Some(target) = line
                .next_target
                .checked_sub(1)
                .and_then(|at| line.targets.get(at))
                .cloned()
        {
            self.take_peers(line, &target, plan);
        }
        self.put_back(id, work);
        if is_waiting {
            let mut notes = self.notes();
            self.try_next(now, id, line, &mut notes);
        }
    }

    /// Draws the order in which a request tries the servers of its target.
    pub(super) fn take_peers(&mut self, line: &mut Line, target: &Target, plan: &Plan) {
        let mut peers = self.peers(plan, target);
        if peers.is_empty() && line.failure == Failure::Nothing {
            line.failure = Failure::Unreachable;
        }
        peers.reverse();
        line.addresses = peers.into();
    }

    /// The peers of a plan in the order for one request, without those a name must not lead to.
    //= LOC-004
    pub(super) fn peers(&mut self, plan: &Plan, target: &Target) -> Vec<Destination> {
        let fitness = Fitness {
            policy: &self.policy,
            own: &self.own,
            listener: target.listener,
        };
        let mut peers = plan.order(&mut self.random);
        let found = peers.len();
        peers.retain(|peer| fitness.holds(peer));
        self.counters.addresses_refused += (found - peers.len()) as u64;
        peers.into_iter().map(|peer| target.to(peer)).collect()
    }

    /// The one to send to when there is only one try.
    pub(super) fn best(&self, now: Now, peers: &[Destination]) -> Option<Destination> {
        let well = peers.iter().find(|peer| !self.avoided.has(peer, now.at));
        well.or(peers.first()).copied()
    }

    // Who failed of late.

    /// The peer of a client transaction failed.
    //= LOC-004
    pub(super) fn avoid_peer_of(&mut self, now: Now, client: Id) {
        let sent = self
            .transactions
            .client(client)
            .and_then(|client| client.request.as_ref());
        if let Some(peer) = sent.map(|sent| *sent.destination()) {
            self.avoided.add(&peer, now.at + self.policy.dns.avoid_time.value);
        }
    }

    /// The peer of this request said that it can take no more, and perhaps for how long.
    //= LOC-004
    pub(super) fn avoid_overloaded(&mut self, now: Now, peer: &Destination, retry_after: Option<Duration>) {
        let avoid_time = self.policy.dns.avoid_time.value;
        let time = retry_after.map_or(avoid_time, |asked| asked.min(avoid_time));
        self.avoided.add(peer, now.at + time);
    }
}

/// The seconds of a Retry-After.
pub(super) fn retry_after(value: &[u8]) -> Option<Duration> {
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = std::str::from_utf8(&value[..digits]).ok()?.parse::<u32>().ok()?;
    Some(Duration::from_secs(u64::from(seconds)))
}
