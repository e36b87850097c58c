//! CANCEL, received and sent, and Timer C, which sends one for a branch that no one ends.

use std::sync::Arc;

use super::attempt::TIMER_C;
use super::branches::State;
use super::event::{Drop, What};
use super::output::{Output, SendId};
use super::reject::Reject;
use super::transactions::{ClientMachine, Failure, HashedKey, Id};
use super::{Due, Engine, KeyOf, Now, TIMERS};
use crate::privacy::Notes;
use crate::privacy::gate::{Answer, Gate};
use crate::sip::{Draft, Essentials, Method, Name};
use crate::transaction::{Action, Actions, Client, Reliability, ResponseClass, Timer, client, invite_client};
use crate::trust::Origin;

impl Engine {
    /// A CANCEL: answered at once, and the branch under way is cancelled as soon as it may be.
    //= PROXY-027
    pub(super) fn cancel_received(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: Draft,
        essentials: &Essentials,
        key: HashedKey,
    ) {
        let flow = *origin.flow();
        let invite = self.key_of(origin, &draft, essentials, KeyOf::CancelledInvite).ok();
        let Some(invite) = invite.and_then(|key| self.transactions.find(&key)) else {
            return self.answer_alone(now, flow, draft, &Reject::NothingToCancel);
        };
        if self.transactions.len() >= self.policy.limits.transactions_max as usize {
            return self.answer_alone(now, flow, draft, &Reject::Full);
        }
        let id = self.open_server(now, origin, None, &essentials.via, Method::Cancel, key);
        let tag = self
            .transactions
            .server(invite)
            .map(|server| server.tag)
            .unwrap_or_default();
        if let Some(server) = self.transactions.server(id) {
            let (hop, policy) = (server.back, Arc::clone(&server.policy));
            let tag = format!("{tag:016x}");
            let answer = Answer {
                status: 200,
                reason: "OK",
                to_tag: Some(tag.as_bytes()),
                received_to: None,
                rows: Default::default(),
                body: &[],
            };
            let message = Gate {
                policy: &policy,
                keys: &self.keys,
            }
            .answer(&draft, hop, &answer);
            self.server_response(now, id, ResponseClass::Success, message);
        }
        self.drop(What::Request(Method::Cancel), Drop::HopByHop);
        let reason = draft.first(Name::Reason).map(<[u8]>::to_vec);
        let Some(server) = self.transactions.server(invite) else {
            return;
        };
        let Some(work) = server.work.as_mut().filter(|work| work.cancelled.is_none()) else {
            return;
        };
        work.cancelled = Some(reason);
        let under_way = work.branches.under_way();
        // A line that waits for an address sent nothing.
        let unsent = work.branches.lines.iter_mut();
        unsent
            .filter(|line| line.client.is_none())
            .for_each(|line| line.state = State::Over);
        self.cancel_branches(now, &under_way);
        self.go_on(now, invite, &mut Notes::off());
    }

    /// Cancels branches, each as soon as it may be.
    //= PROXY-020
    pub(super) fn cancel_branches(&mut self, now: Now, clients: &[Id]) {
        for &id in clients {
            if let Some(client) = self.transactions.client(id) {
                client.cancel_wanted = true;
            }
            self.cancel_if_wanted(now, id);
        }
    }

    /// Sends the CANCEL of a branch that has a provisional response, once.
    pub(super) fn cancel_if_wanted(&mut self, now: Now, id: Id) {
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        let ClientMachine::Invite(machine) = client.machine else {
            return;
        };
        let due = client.cancel_wanted && client.cancel.is_none();
        if !due || machine.state() != invite_client::State::Proceeding {
            return;
        }
        let (server, own_reason) = (client.server, client.cancel_reason);
        let Some(invite) = client.request.clone() else { return };
        let reason = self
            .transactions
            .server(server)
            .and_then(|server| server.work.as_ref().and_then(|work| work.cancelled.clone().flatten()));
        let Some(message) = invite.cancel(reason.as_deref().or(own_reason)) else {
            // Nobody is told then, and nothing of it stays here.
            return self.branch_given_up(now, id);
        };
        let reliability = Reliability::from(invite.destination().transport);
        let (machine, actions) = Client::start(reliability, &TIMERS);
        if let Some(client) = self.transactions.client(id) {
            client.cancel = Some((machine, message));
        }
        self.carry_out_cancel(now, id, actions);
    }

    fn carry_out_cancel(&mut self, now: Now, id: Id, actions: Actions) {
        for (timer, after) in actions.timers() {
            self.deadlines.insert(now.at + after, Due::Cancel(id, timer));
        }
        let message = self
            .transactions
            .client(id)
            .and_then(|client| client.cancel.as_ref())
            .map(|(_, out)| out.clone());
        if actions.contains(Action::SendRequest)
            && let Some(message) = message
        {
            self.outputs.push_back(Output::Send { id: SendId(0), message });
        }
    }

    pub(super) fn cancel_answered(&mut self, now: Now, id: Id, status: u16) {
        if let Some(class) = ResponseClass::from_status(status) {
            self.cancel_event(now, id, client::Event::Response(class));
        }
    }

    fn cancel_event(&mut self, now: Now, id: Id, event: client::Event) {
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        let Some((machine, _)) = &mut client.cancel else { return };
        let (next, actions) = machine.on(event, &TIMERS);
        *machine = next;
        self.carry_out_cancel(now, id, actions);
    }

    pub(super) fn cancel_timer(&mut self, now: Now, id: Id, timer: Timer) {
        self.cancel_event(now, id, client::Event::Timer(timer));
        if timer == Timer::F {
            self.branch_given_up(now, id);
        }
    }

    // Timer C.

    pub(super) fn extend_timer_c(&mut self, now: Now, id: Id) {
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        let first = client.timer_c.is_zero();
        client.timer_c = now.at + TIMER_C;
        if first {
            self.deadlines.insert(now.at + TIMER_C, Due::TimerC(id));
        }
    }

    /// Timer C ran out: the branch is cancelled, and given up when that brings nothing.
    //= PROXY-019
    pub(super) fn timer_c(&mut self, now: Now, id: Id) {
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        let ClientMachine::Invite(machine) = client.machine else {
            return;
        };
        if machine.state() != invite_client::State::Proceeding || client.cancel.is_some() {
            return;
        }
        if client.timer_c > now.at {
            let at = client.timer_c;
            return self.deadlines.insert(at, Due::TimerC(id));
        }
        client.cancel_wanted = true;
        self.cancel_if_wanted(now, id);
    }

    /// A cancelled INVITE that nobody ends: it counts as not answered.
    fn branch_given_up(&mut self, now: Now, id: Id) {
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        let (server_id, line) = (client.server, client.line);
        let actions = self.client_event(now, id, invite_client::Event::GivenUp, client::Event::TransportError);
        if !actions.contains(Action::Terminated) {
            return;
        }
        self.transactions.remove_client(id);
        let Some(server) = self.transactions.server(server_id) else {
            return;
        };
        let Some(work) = server.work.as_mut() else { return };
        let Some(given_up) = work.branches.line(line).filter(|line| line.client == Some(id)) else {
            return;
        };
        given_up.client = None;
        given_up.failure = Failure::NoAnswer;
        let mut notes = Notes::off();
        self.try_next(now, server_id, line, &mut notes);
    }
}
