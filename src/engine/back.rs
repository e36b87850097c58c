//! The same road back: responses, answers of our own, and the timers of the server side.

use std::sync::Arc;

use smallvec::SmallVec;

use super::branches::Challenge;
use super::dialogs::Wish;
use super::event::{self, Drop, Event, What};
use super::originate::About;
use super::output::{Output, SendId};
use super::p2p::asks_tracker;
use super::record::{self, Leg};
use super::reject::Reject;
use super::release::Answering;
use super::transactions::{ClientMachine, Failure, Id, Kept, SendTo, ServerMachine};
use super::{Due, Engine, Now, TIMERS, locating};
use crate::pcscf::{Learned, charging, register};
use crate::privacy::gate::{Answer, Gate, Response};
use crate::privacy::guard::headers::ask_for_privacy;
use crate::privacy::wanted::Wanted;
use crate::privacy::{DialogMemory, Notes, Outgoing, Party, Passes, PrivacySet, admit};
use crate::proxy::forward;
use crate::proxy::overload::{self, Asks};
use crate::sip::essentials::TopVia;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::via::Via;
use crate::sip::uri::UriList;
use crate::sip::{Draft, Essentials, Message, Method, Name};
use crate::topology::restore;
use crate::transaction::{Action, Actions, ResponseClass, Timer, client, invite_client, invite_server, server};
use crate::trust::assert::{self, Answered, Identities, Place};
use crate::trust::{Hop, Origin, Standing};

/// Whom a response comes from, as far as that changes what passes.
enum OfWhom {
    Anybody,
    Tracker,
    Peer,
}

impl Engine {
    /// A response for one of our client transactions.
    //= PROXY-020
    //= PROXY-032
    pub(super) fn answered(&mut self, now: Now, id: Id, origin: &Origin, message: Message, essentials: &Essentials) {
        let status = message.status();
        let what = What::Response {
            status,
            to: essentials.cseq_method,
        };
        let Some(class) = ResponseClass::from_status(status) else {
            return self.drop(what, Drop::Stray);
        };
        let answering = self.note_answering(id, origin, &message, essentials.cseq_method);
        let Some(client) = self.transactions.client(id) else {
            return self.drop(what, Drop::Stray);
        };
        let server_id = client.server;
        match &client.machine {
            ClientMachine::Invite(_) if essentials.cseq_method != Method::Invite => {
                return self.drop(what, Drop::Stray);
            }
            ClientMachine::Invite(_) => {
                if class == ResponseClass::Failure && client.ack.is_none() {
                    client.ack = message
                        .first(Name::To)
                        .and_then(|to| client.request.as_ref()?.ack_of_failure(to));
                }
                if class == ResponseClass::Provisional {
                    self.extend_timer_c(now, id);
                }
            }
            ClientMachine::Other(_) => {
                let method = self.transactions.server(server_id).map(|server| server.method);
                if method.is_some_and(|method| method != essentials.cseq_method) {
                    return self.drop(what, Drop::Stray);
                }
            }
        }
        let actions = self.client_event(
            now,
            id,
            invite_client::Event::Response(class),
            client::Event::Response(class),
        );
        if class == ResponseClass::Provisional {
            self.cancel_if_wanted(now, id);
        } else {
            self.forget_request(id);
        }
        match (actions.contains(Action::PassResponse), About::of(server_id)) {
            (false, _) => self.drop(what, Drop::Retransmission),
            (true, _) if status == 100 => self.drop(what, Drop::HopByHop),
            (true, Some(about)) => self.answered_to_us(now, about, origin, &message),
            (true, None) => self.pass_response(now, id, server_id, origin, message, essentials, answering),
        }
        if actions.contains(Action::Terminated) {
            self.transactions.remove_client(id);
        }
    }

    /// After a final response no one needs the request's bytes again.
    fn forget_request(&mut self, id: Id) {
        if let Some(client) = self.transactions.client(id) {
            client.request = None;
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of its own; a struct would be made here and taken apart below"
    )]
    fn pass_response(
        &mut self,
        now: Now,
        client: Id,
        id: Id,
        origin: &Origin,
        message: Message,
        essentials: &Essentials,
        answering: Option<Box<Answering>>,
    ) {
        let status = message.status();
        let what = What::Response {
            status,
            to: essentials.cseq_method,
        };
        let line = self.transactions.client(client).map_or(0, |client| client.line);
        let Some(server) = self.transactions.server(id) else {
            return self.drop(what, Drop::Stray);
        };
        let row = server.work.as_mut().and_then(|work| work.branches.line(line));
        let row = row.filter(|line| line.client == Some(client));
        let trying = row.as_ref().and_then(|line| line.trying);
        //= PROXY-024
        if status == 503
            && let Some(overloaded) = row
        {
            overloaded.client = None;
            overloaded.failure = Failure::Overloaded;
            overloaded.stay_on_connection();
            let retry_after = message.first(Name::RetryAfter).and_then(locating::retry_after);
            if let Some(peer) = trying {
                self.avoid_overloaded(now, &peer, retry_after);
            }
            self.drop(what, Drop::Held);
            let mut notes = if self.observing { Notes::on() } else { Notes::off() };
            return self.try_next(now, id, line, &mut notes);
        }
        if !self.avoided.is_empty()
            && let Some(peer) = trying
        {
            self.avoided.remove(&peer);
        }
        let class = ResponseClass::from_status(status).unwrap_or(ResponseClass::Failure);
        let is_guarded = server.peers.is_some() || self.p2p.is_some();
        let mut draft = Draft::from(message);
        if is_guarded && let Err(reject) = self.guard_back(now, id, origin, &mut draft, essentials) {
            self.drop(what, Drop::Held);
            return self.refuse_instead(now, id, client, line, reject);
        }
        let draft = match class {
            ResponseClass::Failure => self.hold(now, client, id, origin, draft, essentials),
            ResponseClass::Provisional | ResponseClass::Success => Some(draft),
        };
        let Some(mut draft) = draft else { return };
        if status == 401 && !self.take_keys(now, id, origin, &mut draft, &mut Vec::new()) {
            return self.drop(what, Drop::HopByHop);
        }
        let mut notes = if self.observing { Notes::on() } else { Notes::off() };
        let kept = self.transactions.client(client).and_then(|client| client.kept.take());
        let cleared = self.clear_response(now, id, origin, draft, essentials, kept.as_deref(), &[], &mut notes);
        let others = match class {
            ResponseClass::Success => self.others_under_way(id, client),
            ResponseClass::Provisional | ResponseClass::Failure => SmallVec::new(),
        };
        if class != ResponseClass::Failure
            && let Some(client) = self.transactions.client(client)
        {
            client.kept = kept;
        }
        let Some((outgoing, hop)) = cleared else {
            return self.drop(what, Drop::Stray);
        };
        self.note_cleared(what, origin, &hop, &mut notes);
        if let Some(answering) = answering {
            self.note_dialog(now, id, origin, essentials, *answering, &outgoing);
        }
        if let Some(outgoing) = self.hold_for_store(id, outgoing) {
            self.server_response(now, id, class, outgoing);
        }
        self.cancel_branches(now, &others);
    }

    /// What a tracker or a peer answers, as it may go back.
    fn guard_back(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<(), Reject> {
        self.guard_response(now, id, origin, draft)?;
        self.guard_answer(id, origin, draft, essentials)
    }

    /// A branch answered what must not go back: it counts as refused here.
    fn refuse_instead(&mut self, now: Now, id: Id, client: Id, line: usize, reject: Reject) {
        // Who only rings is not to go on.
        self.cancel_branches(now, &[client]);
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let Some(row) = server.work.as_mut().and_then(|work| work.branches.line(line)) else {
            return;
        };
        row.client = None;
        row.failure = Failure::Refused(reject);
        row.stay_on_connection();
        let mut notes = self.notes();
        self.try_next(now, id, line, &mut notes);
    }

    /// The branches of a request beside this one.
    fn others_under_way(&mut self, id: Id, client: Id) -> SmallVec<[Id; 1]> {
        let work = self.transactions.server(id).and_then(|server| server.work.as_ref());
        let mut others = work.map(|work| work.branches.under_way()).unwrap_or_default();
        others.retain(|other| *other != client);
        others
    }

    /// Turns a response into what the hop back may see.
    //= PRIV-024
    //= PRIV-133
    //= PROXY-026
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of its own; a struct would be made here and taken apart below"
    )]
    pub(super) fn clear_response(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        mut draft: Draft,
        essentials: &Essentials,
        of_branch: Option<&Kept>,
        challenges: &[Challenge],
        notes: &mut Notes,
    ) -> Option<(Outgoing, Hop)> {
        self.renew_back(now, id);
        let server = self.transactions.server(id)?;
        let policy = Arc::clone(&server.policy);
        let (hop, nonce, method, mut responder) = (server.back, server.nonce, server.method, server.responder);
        let of_whom = match server.peers.is_some() {
            true => OfWhom::Peer,
            false if self.p2p.is_some() && asks_tracker(server) => OfWhom::Tracker,
            false => OfWhom::Anybody,
        };
        let (asks, has_dialog, opens) = (server.asks, server.dialog.is_some(), server.opens);
        let of_request = server.kept.take();
        let kept = of_branch.or(of_request.as_deref());
        //= PRIV-130
        let may_enter = opens && responder.is_empty() && forms_dialog(method) && policy.privacy.dialog_sticky.value;
        if may_enter && let Some(to_tag) = essentials.to_tag() {
            // An earlier response by which it entered the dialog that this request opens.
            responder = self.remembered.kept(essentials.call_id(), to_tag);
        }
        //= PRIV-131
        if has_dialog && let Some(to_tag) = essentials.to_tag() {
            // A wider wish may have come in another message since this request did.
            responder = responder.union(self.remembered.kept(essentials.call_id(), to_tag));
        }
        let call_id_received = match record::audits(&policy) {
            true => draft.first(Name::CallId).map(<[u8]>::to_vec),
            false => None,
        };
        forward::pop_via(&mut draft, essentials.via.end);
        self.learn(now, id, origin, &draft);
        if self.security.is_some() && method == Method::Register {
            self.authenticated(now, id, origin, draft.status());
        }
        admit::admit(&policy, origin, &mut draft, notes);
        if origin.standing() == Standing::Served {
            self.assert_answer(now, method, origin, kept, &mut draft);
        }
        for (name, value) in challenges {
            draft.append(*name, &[value]);
        }
        // What cannot be read in a response asks for privacy; a response is never refused.
        let wanted = Wanted::read(&policy, &draft, origin.peer(), responder).unwrap_or(Wanted {
            set: PrivacySet::ID.union(responder),
            said: PrivacySet::ID,
            unprovidable: Default::default(),
            leave_header: true,
            anomalies: Default::default(),
            passes: Passes::Everything,
        });
        let wanted = match of_whom {
            OfWhom::Anybody => wanted,
            OfWhom::Tracker => wanted.of_tracker(),
            OfWhom::Peer => {
                ask_for_privacy(&mut draft);
                Wanted::between_peers(Vec::new())
            }
        };
        self.counts.anomalies(wanted.anomalies);
        if let Some(kept) = kept {
            for (name, value) in [(Name::From, &kept.from), (Name::To, &kept.to)] {
                if let (Some(value), Some((row, _))) = (value, draft.first_at(name)) {
                    draft.set(row, &[value]);
                }
            }
            let own = &self.own;
            restore::response(&mut draft, &kept.concealed, |row| {
                list::values(row).any(|span| {
                    let name_addr = NameAddr::parse(span.of(row));
                    name_addr.is_ok_and(|name_addr| {
                        name_addr
                            .uri()
                            .is_ok_and(|uri| own.named(uri.host(), uri.port()).is_some())
                    })
                })
            });
        }
        if let Some(vias) = of_request.as_ref().and_then(|kept| kept.vias.as_ref()) {
            restore::vias(&mut draft, vias);
        }
        let given = if responder.is_empty() { wanted.said } else { responder };
        if may_enter && draft.status() < 300 && !given.is_empty() {
            self.remember_responder(now, &mut draft, essentials, given, nonce);
        }
        if has_dialog {
            let wish = Wish {
                said: wanted.said,
                remembered: responder,
            };
            self.note_answer(now, id, &draft, essentials, wish);
        }
        self.tell_load(now, asks, &mut draft);
        let own = self.own_towards(hop.destination())?;
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        let before = record::audits(&policy).then(|| draft.clone());
        let arrived = origin.flow();
        let draft_has_way = draft.has(Name::ServiceRoute);
        let response = Response {
            shows_way: wanted.set.has(PrivacySet::HEADER) && self.shows_way(&draft),
            draft,
            hop,
            own,
            other_own: match draft_has_way {
                true => self.own.at(arrived.listener, arrived.transport, arrived.local),
                false => None,
            },
            wanted: &wanted,
            nonce,
        };
        let (outgoing, hides) = record::watched(&policy, notes, |notes| gate.response(response, notes));
        if let Some(before) = before.filter(|_| hides) {
            let leg = Leg {
                origin,
                hop: &hop,
                our_branch: essentials.branch().unwrap_or_default(),
                call_id_received: call_id_received.as_deref(),
                sent: &outgoing,
                privacy: wanted.set,
            };
            self.record(&policy, now, &before, &leg);
        }
        if let Some(server) = self.transactions.server(id) {
            server.kept = of_request;
        }
        Some((outgoing, hop))
    }

    /// Whether a response names nodes between us and who answers: above our own Record-Route.
    fn shows_way(&self, draft: &Draft) -> bool {
        let top = draft.first(Name::RecordRoute).map(NameAddr::parse_first);
        top.is_some_and(|top| {
            let uri = top.and_then(|(top, _)| top.uri());
            !uri.is_ok_and(|uri| self.own.named(uri.host(), uri.port()).is_some())
        })
    }

    /// What the answer to a served UE's REGISTER teaches, here and in the other engines.
    //= PCSCF-007
    fn learn(&mut self, now: Now, id: Id, origin: &Origin, response: &Draft) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let Some(asked) = server.work.as_ref().and_then(|work| work.asked.as_ref()) else {
            return;
        };
        let flow = *server.origin.flow();
        let by = register::Answerer {
            standing: origin.standing(),
            listener: origin.flow().listener,
        };
        let mut learned = register::learn(asked, response, by, now.unix);
        let flow = self.home(&flow);
        if !matches!(learned, Learned::Nothing) {
            let record = self.name_record(&flow, &mut learned);
            let is_registered = matches!(learned, Learned::Registered(_));
            self.outputs.push_back(Output::Learned {
                flow,
                learned: learned.clone(),
            });
            self.learned(now, &flow, learned);
            if let Some(record) = record {
                self.keep(now, id, &flow, record);
            }
            if is_registered {
                self.subscribe(now, id, origin);
            }
        }
    }

    /// Puts in who answers: the identity that was called.
    //= PAI-010
    fn assert_answer(&mut self, now: Now, method: Method, origin: &Origin, kept: Option<&Kept>, draft: &mut Draft) {
        let called = kept.and_then(|kept| kept.called.as_ref());
        let place = match called {
            Some(called) if called.in_dialog => Place::InDialog,
            _ => Place::Initial,
        };
        let answered = Answered {
            method,
            place,
            called: called.and_then(|called| called.party.as_deref()),
            to: called.map_or(b"", |called| &called.to_uri),
        };
        let nobody = UriList::default();
        let nobody = Identities {
            all: &nobody,
            default: 0,
        };
        let identities = self
            .bindings
            .ue(&self.home(origin.flow()), now.unix)
            .map_or(nobody, |ue| ue.identities());
        self.counts
            .asserted(assert::assert_response(draft, &answered, identities));
        //= PCSCF-017
        if let Some(of_request) = called.and_then(|called| called.charging.as_ref()) {
            charging::answer(draft, of_request, self.policy.pcscf.ioi.value.as_deref());
        }
    }

    /// The answering party entered the dialog: what it gave goes into the token of the other side's route set, and is kept
    /// here for its own.
    //= PRIV-130
    //= PRIV-138
    fn remember_responder(
        &mut self,
        now: Now,
        draft: &mut Draft,
        essentials: &Essentials,
        said: PrivacySet,
        nonce: [u8; 12],
    ) {
        let Some(to_tag) = essentials.to_tag() else {
            return;
        };
        let mut found = None;
        for (row, value) in draft.rows_at(Name::RecordRoute) {
            for span in list::values(value) {
                let Ok(name_addr) = NameAddr::parse(span.of(value)) else {
                    continue;
                };
                let Ok(uri) = name_addr.uri() else { continue };
                let (Some(user), Some(_)) = (uri.user(), self.own.named(uri.host(), uri.port())) else {
                    continue;
                };
                if !restore::looks_sealed(user) {
                    continue;
                }
                let opened = DialogMemory::open(&self.keys, essentials.call_id(), essentials.from_tag(), to_tag, user);
                let (Ok((memory, Party::Creator)), Some(at)) = (opened, memchr::memmem::find(value, user)) else {
                    continue;
                };
                found = Some((row, at..at + user.len(), memory));
            }
        }
        let oldest = now
            .unix
            .saturating_sub(self.policy.privacy.max_dialog_age.value.as_secs());
        self.remembered.expire(oldest);
        let created = found
            .as_ref()
            .map_or(now.unix, |(_, _, memory)| u64::from(memory.created));
        self.remembered.keep(essentials.call_id(), to_tag, said, created);
        if let Some((row, range, mut memory)) = found
            && memory.other.is_none()
        {
            memory.other = Some(said);
            let max = self.policy.privacy.token_max_bytes.value;
            if let Some(token) = memory.seal(&self.keys, essentials.call_id(), essentials.from_tag(), nonce, max) {
                draft.splice(row, range, &[&token]);
            }
        }
    }

    // The server transaction.

    /// Hands a response to the server transaction, which sends it.
    pub(super) fn server_response(&mut self, now: Now, id: Id, class: ResponseClass, outgoing: Outgoing) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let (next, actions) = machine.on(invite_server::Event::Response(class), &TIMERS);
                *machine = next;
                actions
            }
            ServerMachine::Other(machine) => {
                let (next, actions) = machine.on(server::Event::Response(class), &TIMERS);
                *machine = next;
                actions
            }
        };
        if class != ResponseClass::Provisional {
            server.work = None;
            if class == ResponseClass::Failure {
                server.kept = None;
            }
            if server.dialog.is_some() {
                self.settle_dialog(id, outgoing.status());
            }
            self.calls.settled(id);
            self.transactions.answered(id);
        }
        self.carry_out_server(now, id, actions, Some((outgoing, class)));
    }

    pub(super) fn carry_out_server(
        &mut self,
        now: Now,
        id: Id,
        actions: Actions,
        response: Option<(Outgoing, ResponseClass)>,
    ) {
        for (timer, after) in actions.timers() {
            self.deadlines.insert(now.at + after, Due::Server(id, timer));
        }
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        if actions.contains(Action::SendResponse)
            && let Some((message, class)) = response
        {
            // A 2xx to an INVITE is repeated by who made it, so it is not kept.
            let repeats = class == ResponseClass::Success && matches!(server.machine, ServerMachine::Invite(_));
            server.last = (!repeats && !server.is_ours).then(|| message.clone());
            if !server.is_ours {
                let id = SendTo::Back(id).name();
                self.outputs.push_back(Output::Send { id, message });
            }
        } else if actions.contains(Action::ResendResponse)
            && let Some(message) = server.last.clone()
        {
            self.outputs.push_back(Output::Send {
                id: SendTo::Back(id).name(),
                message,
            });
        }
        if actions.contains(Action::SendTrying) {
            self.send_trying(id);
        }
        if actions.contains(Action::Terminated) {
            match actions.contains(Action::SendResponse) {
                true => self.linger(now, id),
                false => self.transactions.remove_server(id),
            }
        }
    }

    /// The 100 of an INVITE that is on its way and not answered yet.
    //= TXN-002
    pub(super) fn trying(&mut self, _now: Now, id: Id) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        if let ServerMachine::Invite(machine) = server.machine
            && machine.state() == invite_server::State::Proceeding
            && server.last.is_none()
        {
            self.send_trying(id);
        }
    }

    fn send_trying(&mut self, id: Id) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let Some(work) = server.work.as_ref() else { return };
        let (hop, policy) = (server.back, Arc::clone(&server.policy));
        let received_to = server.kept.as_ref().and_then(|kept| kept.to.as_deref());
        let answer = Answer {
            status: 100,
            reason: "Trying",
            to_tag: None,
            received_to,
            rows: Default::default(),
            body: &[],
        };
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        let as_it_came = server.kept.as_ref().and_then(|kept| kept.vias.as_ref()).map(|vias| {
            let mut draft = work.draft.clone();
            restore::vias(&mut draft, vias);
            draft
        });
        let message = gate.answer(as_it_came.as_ref().unwrap_or(&work.draft), hop, &answer);
        server.last = Some(message.clone());
        self.outputs.push_back(Output::Send { id: SendId(0), message });
    }

    pub(super) fn server_timer(&mut self, now: Now, id: Id, timer: Timer) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let (next, actions) = machine.on(invite_server::Event::Timer(timer), &TIMERS);
                *machine = next;
                actions
            }
            ServerMachine::Other(machine) => {
                let (next, actions) = machine.on(server::Event::Timer(timer), &TIMERS);
                *machine = next;
                actions
            }
        };
        self.carry_out_server(now, id, actions, None);
    }

    // Answers of our own.

    /// Answers a request that has a transaction, once and for all.
    pub(super) fn refuse(&mut self, now: Now, id: Id, draft: &Draft, received_to: Option<&[u8]>, reject: &Reject) {
        self.renew_back(now, id);
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let what = What::Request(server.method);
        let origin = server.origin;
        if !reject.is_answer() {
            self.counters.refused += 1;
            self.counts.refused(reject.into());
        }
        event::log_refused(&self.policy, what, origin.flow().listener, origin.standing(), reject);
        if self.observing {
            let origin = Some((origin.standing(), *origin.evidence()));
            self.events.push_back(Event::Refused {
                what,
                origin,
                reject: reject.clone(),
            });
        }
        //= TXN-008
        if (*reject == Reject::NoAnswer || reject.is_silent())
            && let ServerMachine::Other(machine) = &mut server.machine
        {
            let (next, actions) = machine.on(server::Event::GivenUp, &TIMERS);
            *machine = next;
            server.work = None;
            self.settle_dialog(id, 408);
            return self.carry_out_server(now, id, actions, None);
        }
        let (hop, policy, tag, asks) = (server.back, Arc::clone(&server.policy), server.tag, server.asks);
        let mut draft = std::borrow::Cow::Borrowed(draft);
        if let Some(vias) = server.kept.as_ref().and_then(|kept| kept.vias.as_ref()) {
            restore::vias(draft.to_mut(), vias);
        }
        if asks == Asks::Load {
            self.tell_load(now, asks, draft.to_mut());
        }
        let outgoing = self.answer(&policy, &draft, hop, received_to, tag, reject);
        let class = match reject.is_answer() {
            true => ResponseClass::Success,
            false => ResponseClass::Failure,
        };
        self.server_response(now, id, class, outgoing);
    }

    fn answer(
        &self,
        policy: &crate::policy::Policy,
        draft: &Draft,
        hop: Hop,
        received_to: Option<&[u8]>,
        tag: u64,
        reject: &Reject,
    ) -> Outgoing {
        let look = reject.look_from(hop.is_trusted(), policy.proxy.absent_code.value);
        let look = match reject {
            // Who answers so has said how long to wait.
            //= P2P-027
            Reject::Replied(_) => look,
            _ => look.spread(tag),
        };
        let tag = look.to_tag.unwrap_or_else(|| format!("{tag:016x}"));
        let answer = Answer {
            status: look.status,
            reason: &look.reason,
            to_tag: Some(tag.as_bytes()),
            received_to,
            rows: look.rows,
            body: &look.body,
        };
        Gate {
            policy,
            keys: &self.keys,
        }
        .answer(draft, hop, &answer)
    }

    /// Answers a request that gets no transaction. The tag is made of the request, so that it is the same each time. A source
    /// outside T is answered as often as its allowance says.
    pub(super) fn answer_alone(&mut self, now: Now, flow: crate::trust::Flow, mut draft: Draft, reject: &Reject) {
        use std::hash::BuildHasher;
        let what = What::Request(draft.method().unwrap_or(Method::Other));
        if draft.method() == Some(Method::Ack) {
            return self.drop(what, Drop::Unanswerable);
        }
        let Some(via) = draft.first(Name::Via) else {
            return self.drop(what, Drop::Unanswerable);
        };
        let Ok((top, _)) = Via::parse(via) else {
            return self.drop(what, Drop::Unanswerable);
        };
        let top = TopVia::of(&top);
        let tag = self.keyed.hash_one((via, draft.first(Name::CallId)));
        let origin = self.origin_of(now, flow);
        if !self.answers(now, &origin, reject) {
            return self.drop(what, Drop::TooOften);
        }
        forward::mark_via(&mut draft, &top, self.shown_source(&flow));
        let asks = overload::take(&mut draft);
        if origin.is_trusted() {
            self.tell_load(now, asks, &mut draft);
        }
        let hop = self.back_to(&origin, &top);
        let message = self.answer(&self.policy, &draft, hop, None, tag, reject);
        self.counters.refused += 1;
        self.counts.refused(reject.into());
        event::log_refused(&self.policy, what, flow.listener, origin.standing(), reject);
        if self.observing {
            let origin = Some((origin.standing(), *origin.evidence()));
            self.events.push_back(Event::Refused {
                what,
                origin,
                reject: reject.clone(),
            });
        }
        self.outputs.push_back(Output::Send { id: SendId(0), message });
    }

    /// Lets everything happen whose time has come.
    pub(super) fn expire(&mut self, now: Now) {
        self.dialogs.expire(now.unix);
        if self.security.is_some() {
            self.expire_sets(now);
        }
        if !self.subscriptions.is_empty() {
            self.renew_subscriptions(now);
        }
        while let Some(due) = self.deadlines.pop_due(now.at) {
            match due {
                Due::Server(id, timer) => self.server_timer(now, id, timer),
                Due::Client(id, timer) => self.client_timer(now, id, timer),
                Due::Cancel(id, timer) => self.cancel_timer(now, id, timer),
                Due::TimerC(id) => self.timer_c(now, id),
                Due::Search(id) => self.search_overdue(now, id),
                Due::Reverse => self.reverse_overdue(now),
                Due::Lingered(id) => self.transactions.remove_server(id),
            }
        }
    }
}

/// Whether a request of this method can open a dialog that we record-route.
pub(super) fn forms_dialog(method: Method) -> bool {
    matches!(
        method,
        Method::Invite | Method::Subscribe | Method::Refer | Method::Other
    )
}
