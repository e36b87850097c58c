//! Locate, clear, send: one attempt after another until one is answered.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::decide::{Author, Plan};
use super::event::{self, Drop, Event, Judged, What};
use super::originate::About;
use super::output::{Output, SendId};
use super::pending::{Waiting, WaitingAck};
use super::record::{self, Leg};
use super::reject::Reject;
use super::transactions::{Called, ClientMachine, ClientTransaction, Failure, Id, Kept, SendTo, Work};
use super::{Due, Engine, Now, TIMERS};
use crate::locate::Place;
use crate::pcscf::charging::{self, Icid};
use crate::pcscf::{access_network, integrity, path, register};
use crate::policy::Policy;
use crate::policy::route::Fork;
use crate::privacy::call_id::CallId;
use crate::privacy::gate::{Dialog, Gate, Request};
use crate::privacy::{DialogMemory, Notes, Outgoing, Party, PrivacySet};
use crate::proxy::roles;
use crate::proxy::targets::{ChosenBy, NoTarget, is_secure};
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Essentials, Method, Name, Transport};
use crate::topology::call_id;
use crate::transaction::{
    Action, Actions, Client, ClientBranch, InviteClient, Reliability, Timer, client, invite_client,
};
use crate::trust::{Destination, Hop, Origin, Own, Standing, UntrustedKind};

/// From the last provisional response to an INVITE until it is given up.
//= PROXY-019
pub(super) const TIMER_C: Duration = Duration::from_secs(185);

/// A request as it leaves by one way.
struct Clear {
    outgoing: Outgoing,
    /// What its responses get back.
    concealed: crate::topology::Concealed,
    hides: bool,
    /// What its token is too short for.
    stored: Option<Box<DialogMemory>>,
}

impl Engine {
    /// Tries the next address of a line, then its next target, until one request is out or none is left.
    //= PROXY-018
    //= LOC-004
    pub(super) fn try_next(&mut self, now: Now, id: Id, line: usize, notes: &mut Notes) {
        loop {
            let Some(server) = self.transactions.server(id) else {
                return;
            };
            let method = server.method;
            let Some(mut work) = server.work.take() else { return };
            let (is_closed, is_serial) = (work.is_closed(), work.branches.fork == Fork::Serial);
            let Some(row) = work.branches.line(line).filter(|_| !is_closed) else {
                self.put_back(id, work);
                return self.line_over(now, id, line, notes);
            };
            if let Some(destination) = row.addresses.pop() {
                if !row.tries_all && self.avoided.has(&destination, now.at) {
                    row.later.push(destination);
                    self.put_back(id, work);
                    continue;
                }
                let over_tcp = Destination {
                    transport: Transport::Tcp,
                    ..destination
                };
                // It was there, and did not answer or want it.
                let was_there = row.trying == Some(over_tcp) && row.failure != Failure::Unreachable;
                if row.large == Some(destination) && was_there {
                    self.put_back(id, work);
                    continue;
                }
                row.trying = Some(destination);
                let attempt = self.attempt(now, id, &work, line, destination, notes);
                let is_out = matches!(attempt, Ok(Attempt::Sent(_)));
                if let Some(row) = work.branches.line(line) {
                    match attempt {
                        Ok(Attempt::Sent(client)) => row.client = Some(client),
                        Ok(Attempt::TooLarge { over_tcp }) => {
                            row.large = Some(destination);
                            row.addresses.push(destination);
                            // Where TCP did not reach of late, the datagram is what is left, and its silence counts.
                            if row.tries_all || !self.avoided.has(&over_tcp, now.at) {
                                row.addresses.push(over_tcp);
                            }
                        }
                        Err(reject) => row.failure = Failure::Refused(reject),
                    }
                }
                self.put_back(id, work);
                if is_out {
                    return;
                }
                continue;
            }
            let target = row.targets.get(row.next_target).cloned();
            // What was left for the end: of all targets where one stands for another, of this one where each is its own.
            if (target.is_none() || is_serial) && !row.later.is_empty() {
                row.tries_all = true;
                row.addresses = std::mem::take(&mut row.later).into();
                row.addresses.reverse();
                self.put_back(id, work);
                continue;
            }
            let Some(target) = target else {
                self.put_back(id, work);
                return self.line_over(now, id, line, notes);
            };
            row.next_target += 1;
            if is_serial {
                row.tries_all = false;
                let failure = std::mem::replace(&mut row.failure, Failure::Nothing);
                work.branches.settle(failure, method);
            }
            self.hosts.remember(&target);
            if let Some(row) = work.branches.line(line)
                && let Place::Address(address) = target.place
            {
                row.addresses.push(target.at(address));
                self.put_back(id, work);
                continue;
            }
            if let Some(plan) = self.plan_of(now, &target) {
                if let Some(row) = work.branches.line(line) {
                    self.take_peers(row, &target, &plan);
                }
                self.put_back(id, work);
                continue;
            }
            self.put_back(id, work);
            if self.ask(now, &target, Waiting::Request(id, line)).is_ok() {
                return;
            }
            let work = self.transactions.server(id).and_then(|server| server.work.as_mut());
            if let Some(row) = work.and_then(|work| work.branches.line(line)) {
                row.failure = Failure::Refused(Reject::Full);
                row.next_target = row.targets.len();
            }
        }
    }

    pub(super) fn put_back(&mut self, id: Id, work: Box<Work>) {
        if let Some(server) = self.transactions.server(id) {
            server.work = Some(work);
        }
    }

    /// No target is left: what the failures amount to is the answer.
    //= PROXY-024
    //= TXN-008
    pub(super) fn give_up(&mut self, now: Now, id: Id, work: Box<Work>, failure: Failure) {
        //= P2P-071
        let peers = self.transactions.server(id).and_then(|server| server.peers.as_ref());
        let led_by = peers.map(|peers| peers.id.clone()).filter(|id| !id.is_empty());
        let reject = match (&work.cancelled, failure) {
            (Some(_), _) => Reject::Cancelled,
            (None, Failure::Unreachable | Failure::Nothing | Failure::Refused(Reject::FlowGone))
                if led_by.is_some() =>
            {
                self.peer_is_away(now, &led_by.unwrap_or_default())
            }
            (None, Failure::Refused(reject)) => reject,
            (None, Failure::NoAnswer) => Reject::NoAnswer,
            (None, Failure::Overloaded) => Reject::Overloaded,
            //= PROXY-017
            (None, Failure::Unreachable | Failure::Nothing) if is_secure(&work.draft) => {
                Reject::NoTarget(NoTarget::NoSecureWay)
            }
            (None, Failure::Unreachable | Failure::Nothing) => Reject::Unreachable,
        };
        let received_to = self
            .transactions
            .server(id)
            .and_then(|server| server.kept.as_ref()?.to.clone());
        let draft = work.draft.clone();
        self.put_back(id, work);
        self.refuse(now, id, &draft, received_to.as_deref(), &reject);
    }

    /// Clears the request for one destination and sends it.
    //= LOC-005
    fn attempt(
        &mut self,
        now: Now,
        id: Id,
        work: &Work,
        line: usize,
        destination: Destination,
        notes: &mut Notes,
    ) -> Result<Attempt, Reject> {
        let Some(server) = self.transactions.server(id) else {
            return Err(Reject::Unreachable);
        };
        let policy = Arc::clone(&server.policy);
        let (origin, nonce, method) = (server.origin, server.nonce, server.method);
        let wanted = destination;
        let destination = self.by_association(now, wanted, work.draft.request_uri())?;
        let hop = match Arc::ptr_eq(&policy, &self.policy) {
            true => self.hop_to(now, destination),
            false => Hop::judge(&policy, destination),
        };
        if self.spares(now, &hop, work) {
            return Err(Reject::Overloaded);
        }
        if !roles::plays(&policy, origin.standing(), event::standing_of(&hop)) {
            return Err(Reject::RoleOff);
        }
        if method == Method::Register && !may_register(&policy, work, &hop) {
            return Err(Reject::RegisterToStranger);
        }
        let branch = ClientBranch {
            slot: self.transactions.next_client_slot(),
            nonce: self.random.next_u64(),
            loop_part: work.loop_part,
        };
        let Clear {
            outgoing,
            concealed,
            hides,
            stored,
        } = self
            .clear(&policy, &origin, work, line, hop, &branch, nonce, notes)
            .inspect_err(|reject| {
                self.counters.privacy_refusals += u64::from(matches!(reject, Reject::Privacy(_)));
            })?;
        if let Some(over_tcp) = self.instead(&policy, work, line, &hop, wanted, outgoing.bytes().len()) {
            return Ok(Attempt::TooLarge { over_tcp });
        }
        if hides && self.is_unrecorded(&work.draft) {
            return Err(Reject::Unrecorded);
        }
        if let Some(memory) = stored {
            self.store(id, branch.nonce, memory);
        }
        self.note_called(id, method, &destination);
        let from_changes =
            !hop.is_trusted() && (work.wanted.set.has(PrivacySet::USER) || policy.privacy.id_anonymises_from.value);
        let called = match &hop {
            Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served => Some(whom(work)),
            _ => None,
        };
        let mut kept = None;
        if from_changes || called.is_some() || concealed != Default::default() {
            let from = work
                .draft
                .first(crate::sip::Name::From)
                .filter(|_| from_changes)
                .map(<[u8]>::to_vec);
            let server = self.transactions.server(id);
            let to = server.and_then(|server| server.kept.as_ref()?.to.clone());
            kept = Some(Box::new(Kept {
                concealed,
                from,
                to,
                called,
                vias: None,
            }));
        }
        self.note_cleared(What::Request(method), &origin, &hop, notes);
        if hides {
            let mut our_branch = Vec::with_capacity(ClientBranch::LENGTH);
            branch.write(&mut our_branch);
            let leg = Leg {
                origin: &origin,
                hop: &hop,
                our_branch: &our_branch,
                call_id_received: None,
                sent: &outgoing,
                privacy: work.wanted.set,
            };
            self.record(&policy, now, &work.draft, &leg);
        }
        let reliability = Reliability::from(destination.transport);
        let (machine, actions) = match method {
            Method::Invite => {
                let (machine, actions) = InviteClient::start(reliability, &TIMERS);
                (ClientMachine::Invite(machine), actions)
            }
            _ => {
                let (machine, actions) = Client::start(reliability, &TIMERS);
                (ClientMachine::Other(machine), actions)
            }
        };
        let client = self.transactions.add_client(|client| ClientTransaction {
            generation: client.generation,
            nonce: branch.nonce,
            machine,
            server: id,
            line,
            kept,
            reverse_name: hop.reverse_name().map(Box::new),
            request: Some(outgoing),
            ack: None,
            cancel: None,
            cancel_wanted: false,
            cancel_reason: None,
            timer_c: Duration::ZERO,
        });
        self.carry_out_client(now, client, actions);
        Ok(Attempt::Sent(client))
    }

    /// Where a request goes that is too large for a datagram: the same place over TCP. A UE is where its flow is, unless its
    /// security associations are for both, and a route that says `transport=udp` itself is taken at its word. `wanted` is what
    /// the hop was chosen for.
    //= TPT-004
    fn instead(
        &self,
        policy: &Policy,
        work: &Work,
        line: usize,
        hop: &Hop,
        wanted: Destination,
        bytes: usize,
    ) -> Option<Destination> {
        let is_ue = matches!(hop, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served);
        if hop.destination().transport != Transport::Udp
            || bytes <= policy.limits.datagram_request_bytes_max as usize
            || work.branches.lines.get(line).and_then(|line| line.large) == Some(wanted)
            || is_ue && !self.is_protected(&wanted)
            || work.insists_on_udp
        {
            return None;
        }
        let over_tcp = Destination {
            transport: Transport::Tcp,
            ..wanted
        };
        self.own_towards(&over_tcp).map(|_| over_tcp)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of its own; a struct would be made here and taken apart below"
    )]
    fn clear(
        &self,
        policy: &Policy,
        origin: &Origin,
        work: &Work,
        line: usize,
        hop: Hop,
        branch: &ClientBranch,
        nonce: [u8; 12],
        notes: &mut Notes,
    ) -> Result<Clear, Reject> {
        let destination = *hop.destination();
        let own = self.own_towards(&destination).ok_or(Reject::Unreachable)?;
        let text = branch.text();
        let arrived = origin.flow();
        let opens = work.essentials.to_tag().is_none();
        let mut dialog = work.dialog.as_ref().map(|(memory, party)| {
            let mut memory = memory.clone();
            if opens && origin.standing() == Standing::Served {
                memory.served.icid = Some(nonce);
            }
            self.note_sides(&mut memory, *party, origin, &work.draft, &hop);
            let differs = arrived.listener != destination.listener || arrived.transport != destination.transport;
            Dialog {
                memory,
                store: self.place(policy, origin.standing(), branch.nonce).filter(|_| opens),
                party: *party,
                call_id: work.essentials.call_id(),
                creator_tag: match party {
                    Party::Creator => work.essentials.from_tag(),
                    Party::Other => work.essentials.to_tag().unwrap_or_default(),
                },
                other_own: if differs {
                    self.own.at(arrived.listener, arrived.transport, arrived.local)
                } else {
                    None
                },
            }
        });
        let gate = Gate {
            policy,
            keys: &self.keys,
        };
        let mut draft = work.draft.clone();
        work.branches.shape(line, &mut draft);
        let other = work.call_id.as_ref();
        let received = other.and_then(|other| call_id::show(&mut draft, other));
        let call_id = match other {
            Some(_) => CallId::Settled,
            None => CallId::of(&draft, &work.essentials),
        };
        //= PCSCF-001
        if draft.method() == Some(Method::Register)
            && let Some(token) = path::seal(&self.keys, &self.home(arrived), nonce)
        {
            register::inward(&mut draft, origin.standing(), &path::path_value(own, &token));
            let by_association = work.authentication.as_ref().map(|one| one.registering.protection);
            if let Some(protection) = by_association.or(work.by_tls) {
                integrity::claim(&mut draft, protection);
            }
        }
        if origin.standing() == Standing::Served {
            of_ue(policy, &mut draft, &work.icid.unwrap_or(nonce), own);
        }
        let request = Request {
            draft,
            hop,
            own,
            wanted: &work.wanted,
            branch: &text,
            dialog: dialog.as_mut(),
            call_id,
            nonce,
        };
        let (cleared, hides) = record::watched(policy, notes, |notes| gate.request(request, notes));
        let (outgoing, mut concealed) = cleared?;
        if received.is_some() {
            concealed.call_id = received;
        }
        let stored = dialog.filter(|dialog| opens && dialog.memory.stored.is_some());
        Ok(Clear {
            outgoing,
            concealed,
            hides,
            stored: stored.map(|dialog| dialog.memory),
        })
    }

    pub(super) fn own_towards(&self, destination: &Destination) -> Option<&Own> {
        let listener = match self.security {
            Some(_) => self.shown_listener(destination.listener),
            None => destination.listener,
        };
        self.own.of(listener, destination.transport, destination.remote.ip())
    }

    pub(super) fn note_cleared(&mut self, what: What, origin: &Origin, hop: &Hop, notes: &mut Notes) {
        match hop.is_trusted() {
            true => self.counters.cleared_trusted += 1,
            false => self.counters.cleared_untrusted += 1,
        }
        self.counts.hop(event::standing_of(hop));
        self.counts.tally(notes.take_tally());
        event::log_cleared(&self.policy, what, origin, hop);
        if self.observing {
            let standing = event::standing_of(hop);
            self.events.push_back(Event::Cleared(Judged {
                what,
                origin: (origin.standing(), *origin.evidence()),
                hop: (standing, *hop.evidence()),
                decisions: notes.take(),
            }));
        }
    }

    /// The ACK of a 2xx: forwarded without a transaction, never answered.
    //= PROXY-029
    pub(super) fn forward_ack(
        &mut self,
        now: Now,
        origin: &Origin,
        mut draft: Draft,
        essentials: &Essentials,
        mut notes: Notes,
    ) {
        let mut kept = Kept::default();
        let nowhere = What::Request(Method::Ack);
        let Ok(plan) = self.plan(now, origin, &mut draft, essentials, &mut kept, Author::Peer) else {
            return self.drop(nowhere, Drop::AckNowhere);
        };
        let Plan {
            wanted,
            dialog,
            call_id,
            mut targets,
            ..
        } = plan;
        if targets.list.is_empty() {
            return self.drop(nowhere, Drop::AckNowhere);
        }
        let call_id_received = call_id.and_then(|call_id| call_id::show(&mut draft, &call_id));
        let target = targets.list.swap_remove(0);
        let ack = WaitingAck {
            origin: *origin,
            knows_dialog: dialog.is_some(),
            draft,
            call_id_received,
            wanted,
            target,
        };
        self.hosts.remember(&ack.target);
        if let Place::Address(address) = ack.target.place {
            let destination = ack.target.at(address);
            return self.send_ack(now, ack, destination, &mut notes);
        }
        let target = ack.target.clone();
        if let Some(plan) = self.plan_of(now, &target) {
            let peers = self.peers(&plan, &target);
            return match self.best(now, &peers) {
                Some(destination) => self.send_ack(now, ack, destination, &mut notes),
                None => self.drop(nowhere, Drop::AckNowhere),
            };
        }
        if self.ask(now, &target, Waiting::Ack(Box::new(ack))).is_err() {
            self.drop(nowhere, Drop::Full);
        }
    }

    pub(super) fn send_ack(&mut self, now: Now, ack: WaitingAck, destination: Destination, notes: &mut Notes) {
        let WaitingAck {
            origin,
            knows_dialog,
            draft,
            call_id_received,
            wanted,
            ..
        } = ack;
        let policy = Arc::clone(&self.policy);
        let Ok(destination) = self.by_association(now, destination, draft.request_uri()) else {
            return self.drop(What::Request(Method::Ack), Drop::AckNowhere);
        };
        let hop = self.hop_to(now, destination);
        //= PRIV-130
        // Every INVITE is record-routed, so the ACK of its 2xx brings our token. One without is the late ACK of a failure, or
        // belongs to no dialog of ours: what it may show outside T is not known.
        if !knows_dialog && !hop.is_trusted() {
            return self.drop(What::Request(Method::Ack), Drop::AckNowhere);
        }
        let branch = ClientBranch {
            slot: u32::MAX,
            nonce: self.random.next_u64(),
            loop_part: self.random.next_u64(),
        };
        let text = branch.text();
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let Some(own) = self.own_towards(&destination) else {
            return self.drop(What::Request(Method::Ack), Drop::AckNowhere);
        };
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        let before = record::audits(&policy).then(|| draft.clone());
        let request = Request {
            draft,
            hop,
            own,
            wanted: &wanted,
            branch: &text,
            dialog: None,
            call_id: CallId::Settled,
            nonce,
        };
        let (cleared, hides) = record::watched(&policy, notes, |notes| gate.request(request, notes));
        match cleared {
            Ok((message, _)) => {
                self.note_cleared(What::Request(Method::Ack), &origin, &hop, notes);
                if let Some(before) = before.filter(|_| hides) {
                    let leg = Leg {
                        origin: &origin,
                        hop: &hop,
                        our_branch: &text,
                        call_id_received: call_id_received.as_deref(),
                        sent: &message,
                        privacy: wanted.set,
                    };
                    self.record(&policy, now, &before, &leg);
                }
                self.outputs.push_back(Output::Send { id: SendId(0), message });
            }
            Err(_) => self.drop(What::Request(Method::Ack), Drop::AckNowhere),
        }
    }

    // The client transaction.

    pub(super) fn client_event(
        &mut self,
        now: Now,
        id: Id,
        invite: invite_client::Event,
        other: client::Event,
    ) -> Actions {
        let Some(client) = self.transactions.client(id) else {
            return Actions::NONE;
        };
        let actions = match &mut client.machine {
            ClientMachine::Invite(machine) => {
                let (next, actions) = machine.on(invite, &TIMERS);
                *machine = next;
                actions
            }
            ClientMachine::Other(machine) => {
                let (next, actions) = machine.on(other, &TIMERS);
                *machine = next;
                actions
            }
        };
        self.carry_out_client(now, id, actions);
        actions
    }

    /// Does what a client machine wants, but for handing responses up and for its end, which the caller does last.
    pub(super) fn carry_out_client(&mut self, now: Now, id: Id, actions: Actions) {
        for (timer, after) in actions.timers() {
            self.deadlines.insert(now.at + after, Due::Client(id, timer));
        }
        let Some(client) = self.transactions.client(id) else {
            return;
        };
        if actions.contains(Action::SendRequest)
            && let Some(message) = client.request.clone()
        {
            let id = SendTo::On(id).name();
            self.outputs.push_back(Output::Send { id, message });
        }
        if actions.contains(Action::SendAck)
            && let Some(message) = client.ack.clone()
        {
            self.outputs.push_back(Output::Send { id: SendId(0), message });
        }
    }

    /// What was sent under this id did not arrive.
    pub(super) fn send_failed(&mut self, now: Now, id: SendId) {
        let id = match SendTo::named(id) {
            SendTo::On(id) => id,
            SendTo::Back(id) => return self.response_failed(now, id),
            SendTo::Fact(_) => return,
        };
        self.avoid_peer_of(now, id);
        let actions = self.client_event(
            now,
            id,
            invite_client::Event::TransportError,
            client::Event::TransportError,
        );
        self.after_client(now, id, actions, Failure::Unreachable);
    }

    /// What was to be sent under this id was withheld: its record was not taken. The peer has no part in it.
    pub(super) fn unrecorded(&mut self, now: Now, id: SendId) {
        let SendTo::On(id) = SendTo::named(id) else { return };
        let actions = self.client_event(
            now,
            id,
            invite_client::Event::TransportError,
            client::Event::TransportError,
        );
        self.after_client(now, id, actions, Failure::Refused(Reject::Unrecorded));
    }

    pub(super) fn client_timer(&mut self, now: Now, id: Id, timer: Timer) {
        let is_silent = self.transactions.client(id).is_some_and(|client| client.is_silent());
        let actions = self.client_event(now, id, invite_client::Event::Timer(timer), client::Event::Timer(timer));
        if is_silent && actions.contains(Action::PassTimeout) {
            self.avoid_peer_of(now, id);
        }
        self.after_client(now, id, actions, Failure::NoAnswer);
    }

    /// Failures go to the next target; what has ended is forgotten.
    pub(super) fn after_client(&mut self, now: Now, id: Id, actions: Actions, failure: Failure) {
        let failed = actions.contains(Action::PassTimeout) || actions.contains(Action::PassTransportError);
        let of = self.transactions.client(id).map(|client| (client.server, client.line));
        if actions.contains(Action::Terminated) {
            self.transactions.remove_client(id);
        }
        let Some((server_id, line)) = of.filter(|_| failed) else {
            return;
        };
        if let Some(about) = About::of(server_id) {
            return self.not_answered_to_us(now, about);
        }
        let Some(server) = self.transactions.server(server_id) else {
            return;
        };
        let Some(work) = server.work.as_mut() else { return };
        let Some(failed) = work.branches.line(line).filter(|line| line.client == Some(id)) else {
            return;
        };
        failed.client = None;
        if failure != Failure::Unreachable {
            failed.stay_on_connection();
        }
        let by_flow = failed.trying.is_some_and(|tried| tried.connection.is_some());
        failed.failure = match failure {
            //= PCSCF-022
            Failure::Unreachable if by_flow => Failure::Refused(Reject::FlowGone),
            other => other,
        };
        let mut notes = if self.observing { Notes::on() } else { Notes::off() };
        self.try_next(now, server_id, line, &mut notes);
    }
}

/// What became of one.
enum Attempt {
    Sent(Id),
    /// For a datagram; nothing was sent.
    TooLarge {
        over_tcp: Destination,
    },
}

/// Whom a request is for, as far as the answer of a served UE depends on it.
//= PAI-010
fn whom(work: &Work) -> Called {
    let to = work.draft.first(Name::To).and_then(|to| NameAddr::parse(to).ok());
    Called {
        //= PCSCF-023
        party: work.draft.first(Name::PCalledPartyId).map(<[u8]>::to_vec),
        to_uri: to.map(|to| to.uri_bytes().to_vec()).unwrap_or_default(),
        in_dialog: to.is_some_and(|to| to.tag().is_some()),
        charging: work.draft.first(Name::PChargingVector).map(<[u8]>::to_vec),
    }
}

/// What the network says of a request of a served UE. Outside T nobody gets to see it.
fn of_ue(policy: &Policy, draft: &mut Draft, icid: &Icid, own: &Own) {
    let terms = &policy.pcscf;
    charging::begin(draft, icid, own.host(), terms.ioi.value.as_deref());
    if let Some(access) = &terms.pani_network_provided.value {
        access_network::add(draft, access);
    }
    if draft.method() == Some(Method::Register) {
        register::of_ue(draft, terms.visited_network_id.value.as_deref());
    }
}

/// A REGISTER leaves for a stranger only where the policy says so.
//= PRIV-042
fn may_register(policy: &Policy, work: &Work, hop: &Hop) -> bool {
    let home = crate::sip::uri::Uri::parse(work.draft.request_uri()).is_ok_and(|uri| {
        policy
            .domain
            .admin_domains
            .value
            .iter()
            .any(|domain| uri.host().eq_ignore_ascii_case(domain.as_bytes()))
    });
    hop.is_trusted() || home || matches!(work.chosen_by, ChosenBy::Policy(_))
}
