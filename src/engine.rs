//! The seven steps of one message: receive, admit, match, decide, locate, clear, send.
//!
//! Promises that nothing below reads a clock, a socket or a random source, and that the same inputs give the same outputs,
//! byte for byte. Shape: [`Engine::handle`] one input, [`Engine::poll_output`] until `None`, wait for the next input or for
//! [`Engine::next_deadline`].

mod alias;
pub mod attempt;
pub mod back;
pub mod branches;
mod by_peer;
pub mod calls;
pub mod cancel;
mod challenged;
mod compliance;
pub mod counts;
pub mod deadlines;
pub mod decide;
pub mod dialogs;
pub mod event;
pub mod feedback;
mod from_ue;
mod hidden;
pub mod hosts;
pub mod input;
mod intake;
pub mod judge;
mod locating;
mod originate;
pub mod output;
mod p2p;
mod party_flows;
pub mod pending;
pub mod rate;
pub mod record;
mod reg_event;
pub mod reject;
mod release;
pub mod remembered;
pub mod reverse;
pub mod security;
pub mod shed;
pub mod sources;
pub mod storing;
pub mod subscriptions;
pub mod transactions;
mod way_back;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use self::by_peer::ByPeer;
use self::calls::{Calls, Lost};
use self::compliance::Violations;
use self::counts::{Counts, InHand};
use self::deadlines::Deadlines;
use self::decide::{Author, Decided};
use self::dialogs::Dialogs;
use self::event::{Counters, Drop, Event, Held, What};
use self::feedback::Feedback;
use self::hosts::Hosts;
pub use self::input::{Input, Now, Sink};
pub use self::output::{LocateId, Output, SendId, ShownBy};
use self::p2p::P2p;
pub use self::p2p::{POST_BYTES_MAX, Post, PostId, Recalling};
use self::pending::{Pending, SearchId};
use self::rate::Place;
use self::reject::Reject;
use self::remembered::Remembered;
use self::reverse::Reverse;
use self::security::{Authentication, Security};
use self::shed::Pressure;
use self::sources::{Beyond, Sources};
use self::subscriptions::Subscriptions;
use self::transactions::{HashedKey, Id, Keyed, ServerMachine, ServerTransaction, Transactions};
use crate::locate::{Avoided, Expiring, Plan, Wish};
use crate::pcscf::{Bindings, Learned, Room};
use crate::policy::{CertifiedName, Policy};
use crate::privacy::{Notes, PrivacySet, admit};
use crate::proxy::forward;
use crate::proxy::overload::{self, Asks};
use crate::proxy::routes::Routes;
use crate::seal::Keys;
use crate::sip::essentials::{Fault, TopVia};
use crate::sip::headers::via::Rport;
use crate::sip::parse::{Carrier, ParseLimits, Refused, parse};
use crate::sip::{Draft, Essentials, Message, Method, Name, Transport};
use crate::topology::call_id;
use crate::transaction::{
    Action, ClientBranch, InviteServer, Reliability, RequestParts, Rfc2543Parts, Server, ServerKey, Timer,
    TimerSettings, invite_server, server,
};
pub use crate::trust::Bound;
use crate::trust::{Flow, Hop, Origin, OwnAddresses, Recent};

/// One worker's half of the proxy that decides.
pub struct Engine {
    policy: Arc<Policy>,
    /// Who was met last, by the same policy.
    recent: Recent,
    /// What DNS calls who is not known, if the policy wants to know.
    reverse: Option<Box<Reverse>>,
    /// Where its routes lead.
    routes: Routes,
    keys: Arc<Keys>,
    bound: Vec<Bound>,
    own: OwnAddresses,
    limits: ParseLimits,
    random: ChaCha12Rng,
    keyed: Keyed,
    transactions: Transactions,
    deadlines: Deadlines<Due>,
    pending: Pending,
    /// The servers of names, as long as DNS says.
    plans: Expiring<Wish, Arc<Plan>, Keyed>,
    avoided: Avoided<Keyed>,
    remembered: Remembered,
    dialogs: Dialogs,
    calls: Calls,
    bindings: Bindings,
    security: Option<Box<Security>>,
    subscriptions: Subscriptions,
    p2p: Option<Box<P2p>>,
    hosts: Hosts,
    sources: Sources,
    feedback: Feedback,
    pressure: Pressure,
    violations: Violations,
    unopened: ByPeer,
    leaking: ByPeer,
    sink: Sink,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
    observing: bool,
    counters: Counters,
    counts: Counts,
}

/// What an engine is made of; the same for every worker of a process but for the seed.
pub struct Setup {
    pub policy: Arc<Policy>,
    pub bound: Vec<Bound>,
    /// Seeds branches, tags and nonces of this engine. 32 bytes from the system in production, fixed in tests.
    pub seed: [u8; 32],
    /// Seals dialog tokens; shared by all engines (and nodes) that carry on each other's dialogs.
    pub keys: Arc<Keys>,
}

/// What is due when a deadline comes.
#[derive(Debug, Clone, Copy)]
enum Due {
    Server(Id, Timer),
    Client(Id, Timer),
    Cancel(Id, Timer),
    TimerC(Id),
    Search(SearchId),
    Reverse,
    Lingered(Id),
}

/// Timers of the legs between nodes.
const TIMERS: TimerSettings = TimerSettings::NETWORK;

impl Engine {
    //= SEC-012
    pub fn new(setup: Setup, now: Now) -> Engine {
        let Setup {
            policy,
            bound,
            seed,
            keys,
        } = setup;
        let mut random = ChaCha12Rng::from_seed(seed);
        let keyed = Keyed::new((random.next_u64(), random.next_u64()));
        let p2p = P2p::of(&policy, &keys, now, &mut random);
        let mut bindings = Bindings::new(policy.limits.registrations_max);
        if policy.pcscf.dialog_release.value {
            bindings.tell_owners();
        }
        Engine {
            recent: Recent::new(Arc::clone(&policy)),
            reverse: Reverse::of(&policy, &keyed),
            routes: Routes::of(Arc::clone(&policy)),
            own: OwnAddresses::new(&policy, &bound),
            limits: parse_limits(&policy),
            transactions: Transactions::default(),
            deadlines: Deadlines::new(),
            pending: Pending::new(
                keyed.clone(),
                policy.limits.pending_max as usize,
                policy.limits.questions_max as usize,
            ),
            plans: Expiring::new(keyed.clone(), policy.limits.plans_max as usize),
            avoided: Avoided::new(keyed.clone(), policy.limits.avoided_max as usize),
            remembered: Remembered::new(keyed.clone(), policy.limits.remembered_max as usize),
            dialogs: Dialogs::new(keyed.clone(), policy.limits.dialogs_max as usize),
            calls: Calls::new(policy.limits.calls_max),
            bindings,
            security: Security::of(&policy, &keyed),
            subscriptions: Subscriptions::new(policy.limits.registrations_max),
            p2p,
            sources: Sources::new(&policy.limits),
            feedback: Feedback::default(),
            pressure: Pressure::default(),
            violations: Violations::of(&policy),
            unopened: ByPeer::of(&policy),
            leaking: ByPeer::of(&policy),
            sink: Sink::Takes,
            hosts: Hosts::new(policy.limits.hosts_max as usize),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            observing: false,
            counters: Counters::default(),
            counts: Counts::default(),
            policy,
            keys,
            bound,
            random,
            keyed,
        }
    }

    /// Takes one input. Every output it causes is ready when it returns.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.expire(now);
        self.look_at_clocks(now);
        match input {
            Input::Packet { flow, bytes } => self.receive(now, flow, bytes, carrier(&flow)),
            Input::Unframed { flow, bytes, .. } => self.receive(now, flow, bytes, Carrier::Stream),
            Input::SendFailed(id) => self.send_failed(now, id),
            Input::Located { id, answer } => self.located(now, id, &answer),
            Input::Learned { flow, learned } => self.learned(now, &flow, learned),
            Input::Policy(policy) => self.adopt(now, policy),
            Input::Keys(keys) => {
                if let Some(p2p) = &mut self.p2p {
                    p2p.sign_with(&keys);
                }
                self.keys = keys;
            }
            Input::Audit(sink) => self.sink = sink,
            Input::Unrecorded(id) => self.unrecorded(now, id),
            Input::Stored { id, is_kept } => self.stored(now, id, is_kept),
            Input::Snapshotted { is_kept } => self.snapshot_written(now, is_kept),
            Input::Closing => self.close_snapshots(now),
            Input::Uninstalled(set) => self.uninstalled(now, set),
            Input::Release { call_id } => self.release_called(now, &call_id),
            Input::Load(percent) => self.pressure.set(percent),
            Input::Costs(costs) => {
                if let Some(p2p) = &mut self.p2p {
                    p2p.rank_by(costs);
                }
            }
            Input::Post { id, post } => self.take_post(now, id, &post),
            Input::Tick => {}
        }
        if !self.calls.is_idle() {
            self.release_what_is_due(now);
        }
        if self.p2p.is_some() {
            self.tell_lists(now);
            self.record_bindings(now);
            self.keep_facts(now);
            self.write_snapshot(now);
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `Input::Tick` is wanted, if nothing comes before. Same epoch as [`Now::at`].
    pub fn next_deadline(&self) -> Option<Duration> {
        let all = [
            self.deadlines.next(),
            self.next_set_end(),
            self.subscriptions.next(),
            self.calls.next(),
            self.p2p.as_ref().and_then(|p2p| p2p.next()),
        ];
        all.into_iter().flatten().min()
    }

    /// The host that a connection must prove to be, for a message that [`Engine::poll_output`] gave. `None`: it is an address,
    /// or too long ago.
    pub fn host(&self, certified: CertifiedName) -> Option<&str> {
        self.hosts.name(certified)
    }

    /// Live server transactions, those included that only absorb what is sent again.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// Requests without a final answer; a drain waits until this is 0.
    pub fn unanswered(&self) -> usize {
        self.transactions.unanswered()
    }

    /// What the engine holds, all of it bounded. Nothing but `remembered`, `dialogs`, `calls` and `subscriptions` outlives the
    /// transactions it belongs to.
    pub fn held(&self) -> Held {
        Held {
            servers: self.transactions.len(),
            clients: self.transactions.clients(),
            pending: self.pending.len(),
            remembered: self.remembered.len(),
            dialogs: self.dialogs.len(),
            calls: self.calls.len(),
            subscriptions: self.subscriptions.len(),
            questions: self.pending.questions(),
            plans: self.plans.len(),
            reverse_names: self.reverse.as_ref().map_or(0, |reverse| reverse.len()),
            avoided: self.avoided.len(),
            deadlines: self.deadlines.len(),
        }
    }

    /// From now on, what is decided about each message is told by [`Engine::poll_event`]. Costs an allocation a message.
    pub fn observe(&mut self) {
        self.observing = true;
    }

    /// What happened, in order, when observed.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Everything counted so far, by kind and reason.
    //= SEC-010
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        counts.totals = self.counters;
        counts.now = InHand {
            unanswered: self.unanswered() as u64,
            transactions: self.transactions() as u64,
            registrations: self.bindings.len() as u64,
            dialogs: self.dialogs.len() as u64,
        };
        if let Some(p2p) = &self.p2p {
            p2p.add_counts(&mut counts);
            p2p.add_held(&mut counts);
        }
        counts
    }

    //= TRUST-032
    //= TRUST-032 type=exception reason=connections of a peer taken out stay open: each message is judged anew, and they prove nothing more
    fn adopt(&mut self, now: Now, policy: Arc<Policy>) {
        self.violations = Violations::of(&policy);
        self.unopened = ByPeer::of(&policy);
        self.leaking = ByPeer::of(&policy);
        self.recent = Recent::new(Arc::clone(&policy));
        self.routes = Routes::of(Arc::clone(&policy));
        self.own = OwnAddresses::new(&policy, &self.bound);
        self.limits = parse_limits(&policy);
        // The name servers may be others now.
        self.plans.clear();
        if let Some(reverse) = &self.reverse {
            reverse.end(&mut self.pending);
        }
        self.reverse = Reverse::of(&policy, &self.keyed);
        self.sources.limit(&policy.limits);
        self.adopt_ports(now, &policy);
        match &mut self.p2p {
            Some(p2p) if p2p.is_of(&policy) => p2p.know(&policy.p2p.contents),
            _ => self.replace_tracker(now, &policy),
        }
        match policy.pcscf.dialog_release.value {
            true => self.bindings.tell_owners(),
            false => self.calls = Calls::new(policy.limits.calls_max),
        }
        self.policy = policy;
    }

    // Receive.

    fn receive(&mut self, now: Now, flow: Flow, bytes: Bytes, carrier: Carrier) {
        if self.security.is_some() && !self.enters(now, &flow, &bytes) {
            return self.drop(What::Unreadable, Drop::NoAssociation);
        }
        match parse(bytes, carrier, &self.limits) {
            Ok(message) if message.method().is_some() => self.request(now, flow, message),
            Ok(message) => self.response(now, flow, message),
            Err(refused) => self.unreadable(now, flow, *refused),
        }
    }

    fn unreadable(&mut self, now: Now, flow: Flow, refused: Refused) {
        self.pressure.count(true);
        let Some(message) = refused.message else {
            return self.drop(What::Unreadable, Drop::Unanswerable);
        };
        match message.method() {
            None | Some(Method::Ack) => self.drop(what(&message), Drop::Unanswerable),
            Some(_) => self.answer_alone(now, flow, Draft::from(message), &Reject::Unparsable(refused.error)),
        }
    }

    /// A request, from its bytes to the first attempt to send it on.
    fn request(&mut self, now: Now, flow: Flow, message: Message) {
        self.counters.requests += 1;
        let what = what(&message);
        let method = message.method().unwrap_or(Method::Other);
        self.counts.method(method);
        let mut essentials = match Essentials::read(&message) {
            Ok(essentials) => essentials,
            Err(fault) => return self.faulty(now, flow, message, method, fault),
        };
        self.open_call_id(&mut essentials);
        let _span = event::span(essentials.call_id());
        if too_many_routes(&message, self.policy.limits.route_values_max as usize) {
            return match method {
                Method::Ack => self.drop(what, Drop::Unanswerable),
                _ => self.answer_alone(now, flow, Draft::from(message), &Reject::TooManyRouteValues),
            };
        }
        // Admit.
        let origin = self.origin_of(now, flow);
        self.counts.origin(origin.evidence().why());
        let mut draft = Draft::from(message);
        forward::mark_via(&mut draft, &essentials.via, self.shown_source(&flow));
        let mut notes = if self.observing { Notes::on() } else { Notes::off() };
        // Match.
        let key = match self.key_of(&origin, &draft, &essentials, KeyOf::Itself) {
            Ok(key) => key,
            Err(_) if method == Method::Ack => return self.drop(what, Drop::Unanswerable),
            Err(_) => return self.answer_alone(now, flow, draft, &Reject::BareCookie),
        };
        match (self.transactions.find(&key), method) {
            (None, _) if self.ignores(now, &origin, &draft) => return self.drop(what, Drop::Unregistered),
            (Some(id), Method::Ack) => return self.acknowledged(now, id, &origin, draft, essentials, notes),
            (None, Method::Ack) => {
                overload::take_noted(&mut draft, &essentials.via);
                admit::admit(&self.policy, &origin, &mut draft, &mut notes);
                return self.forward_ack(now, &origin, draft, &essentials, notes);
            }
            (Some(id), _) => return self.again(now, id, what),
            (None, Method::Cancel) => return self.cancel_received(now, &origin, draft, &essentials, key),
            (None, _) => {}
        }
        let place = (!origin.is_trusted()).then(|| sources::place(&self.keyed, flow.remote.ip()));
        match self.take(now, &origin, place, &draft, &essentials, method) {
            Ok(()) => {}
            Err((Beyond::Refuse, reject)) => return self.answer_alone(now, flow, draft, &reject),
            Err((Beyond::Silence, _)) => return self.drop(what, Drop::TooOften),
        }
        self.take_alias(&origin, &draft);
        let asks = overload::take_noted(&mut draft, &essentials.via);
        // Before what is for this node alone is taken out.
        let agreed = match self.security.is_some() {
            true => self.agree(now, &origin, &draft, method),
            false => Ok(None),
        };
        let agreed = agreed.and_then(|agreed| self.take_pseudonym(&origin, &draft, method).map(|()| agreed));
        admit::admit(&self.policy, &origin, &mut draft, &mut notes);
        let tally = notes.take_tally();
        self.watch(&origin, tally, &essentials);
        self.counts.tally(tally);
        let id = self.open_server(now, &origin, place, &essentials.via, method, key);
        self.note_asks(id, &origin, asks);
        let authentication = match agreed {
            Ok(authentication) => authentication,
            Err(reject) => return self.refuse(now, id, &draft, None, &reject),
        };
        // Decide, locate, clear, send.
        match self.decide(now, &origin, draft, essentials, Author::Peer) {
            Ok(decided) => {
                self.note_request(now, id, &origin, &decided.work.essentials);
                self.set_out(now, id, decided, authentication, &mut notes);
                self.trying(now, id);
            }
            Err(refused) => {
                let (draft, received_to, reject) = *refused;
                // Who makes up tokens gets no place in the tables by it.
                if matches!(reject, Reject::ForeignToken | Reject::HiddenToken) && place.is_some() {
                    self.transactions.remove_server(id);
                    return self.answer_alone(now, flow, draft, &reject);
                }
                if let Some((draft, received_to, reject)) = self.hold_for_facts(id, (draft, received_to, reject)) {
                    self.refuse(now, id, &draft, received_to.as_deref(), &reject);
                }
            }
        }
    }

    /// Locate, clear, send: a request goes to where it was decided that it goes.
    fn set_out(
        &mut self,
        now: Now,
        id: Id,
        decided: Decided,
        authentication: Option<Box<Authentication>>,
        notes: &mut Notes,
    ) {
        let Decided {
            mut work,
            kept,
            responder,
            dialog,
            peers,
        } = decided;
        work.authentication = authentication;
        if let Some(server) = self.transactions.server(id) {
            server.opens = work.essentials.to_tag().is_none();
            server.work = Some(work);
            server.kept = kept;
            server.peers = peers;
            server.responder = responder;
            server.dialog = dialog;
        }
        self.go_on(now, id, notes);
    }

    /// A response, from its bytes to the hop back.
    fn response(&mut self, now: Now, flow: Flow, message: Message) {
        self.counters.responses += 1;
        let Ok(mut essentials) = Essentials::read(&message) else {
            return self.drop(what(&message), Drop::Unanswerable);
        };
        self.open_call_id(&mut essentials);
        let _span = event::span(essentials.call_id());
        let what = What::Response {
            status: message.status(),
            to: essentials.cseq_method,
        };
        // Match.
        let branch = essentials.branch().and_then(ClientBranch::parse);
        let ours = self
            .own
            .named(essentials.sent_by_host(), essentials.sent_by_port)
            .is_some();
        let client = branch
            .filter(|_| ours)
            .and_then(|branch| self.transactions.client_of_branch(branch.slot, branch.nonce));
        let Some(client) = client else {
            return self.drop(what, Drop::Stray);
        };
        if essentials.cseq_method == Method::Cancel {
            self.cancel_answered(now, client, message.status());
            return self.drop(what, Drop::HopByHop);
        }
        let origin = self.origin_of_answer(client, flow);
        self.counts.origin(origin.evidence().why());
        let Some(message) = self.open_hidden_in_response(&origin, message) else {
            return self.drop(what, Drop::HiddenToken);
        };
        self.hear_load(now, &origin, &message);
        // Admit, decide, clear, send.
        self.answered(now, client, &origin, message, &essentials);
    }

    /// Everything here goes by the Call-ID that the party who opened a dialog gave it. The message still shows what came.
    //= PRIV-142
    fn open_call_id(&self, essentials: &mut Essentials) {
        if let Some(call_id) = call_id::open(&self.keys, essentials.call_id()) {
            essentials.set_call_id(&call_id);
        }
    }

    fn faulty(&mut self, now: Now, flow: Flow, message: Message, method: Method, fault: Fault) {
        let via = matches!(fault, Fault::Missing(Name::Via) | Fault::Malformed(Name::Via));
        if via || method == Method::Ack {
            return self.drop(what(&message), Drop::Unanswerable);
        }
        let reject = Reject::Faulty {
            fault,
            method_known: method != Method::Other,
        };
        self.answer_alone(now, flow, Draft::from(message), &reject);
    }

    /// The same request once more: what was sent then is sent again.
    //= TXN-009
    fn again(&mut self, now: Now, id: Id, what: What) {
        self.counters.retransmissions += 1;
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let actions = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let (next, actions) = machine.on(invite_server::Event::Invite, &TIMERS);
                *machine = next;
                actions
            }
            ServerMachine::Other(machine) => {
                let (next, actions) = machine.on(server::Event::Request, &TIMERS);
                *machine = next;
                actions
            }
        };
        self.carry_out_server(now, id, actions, None);
        self.drop(what, Drop::Retransmission);
    }

    /// An ACK with the branch of an INVITE: it ends here when it acknowledges a failure.
    //= PROXY-029
    fn acknowledged(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        mut draft: Draft,
        essentials: Essentials,
        mut notes: Notes,
    ) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let ServerMachine::Invite(machine) = &mut server.machine else {
            return;
        };
        let (next, actions) = machine.on(invite_server::Event::Ack, &TIMERS);
        *machine = next;
        self.carry_out_server(now, id, actions, None);
        if actions.contains(Action::PassAck) {
            overload::take_noted(&mut draft, &essentials.via);
            admit::admit(&self.policy, origin, &mut draft, &mut notes);
            self.forward_ack(now, origin, draft, &essentials, notes);
        } else {
            self.drop(What::Request(Method::Ack), Drop::HopByHop);
        }
    }

    fn open_server(
        &mut self,
        now: Now,
        origin: &Origin,
        place: Option<Place>,
        via: &TopVia,
        method: Method,
        key: HashedKey,
    ) -> Id {
        let reliability = Reliability::from(origin.flow().transport);
        let (machine, actions) = match method {
            Method::Invite => (ServerMachine::Invite(InviteServer::start(reliability).0), None),
            _ => {
                let (machine, actions) = Server::start(reliability, &TIMERS);
                (ServerMachine::Other(machine), Some(actions))
            }
        };
        let back = self.back_to(origin, via);
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let id = self.transactions.add_server(ServerTransaction {
            generation: 0,
            machine,
            key,
            method,
            origin: *origin,
            place,
            asks: Asks::Nothing,
            back,
            sent_by_port: via.port.unwrap_or(5060),
            policy: Arc::clone(&self.policy),
            tag: self.random.next_u64(),
            nonce,
            opens: true,
            responder: PrivacySet::EMPTY,
            dialog: None,
            last: None,
            kept: None,
            peers: None,
            work: None,
            answered: false,
            is_ours: false,
        });
        if let Some(actions) = actions {
            actions
                .timers()
                .for_each(|(timer, after)| self.deadlines.insert(now.at + after, Due::Server(id, timer)));
        }
        id
    }

    fn key_of(
        &self,
        origin: &Origin,
        draft: &Draft,
        essentials: &Essentials,
        of: KeyOf,
    ) -> Result<HashedKey, crate::transaction::KeyError> {
        //= TXN-005
        // What DNS says of a peer may change between a request and its repetition, so it must not change what matches.
        let is_lasting = origin.is_trusted() && origin.reverse_name().is_none();
        let flow = (!is_lasting).then(|| self.keyed.other_end(origin.flow()));
        let parts = RequestParts {
            method: draft.method_name(),
            branch: essentials.branch(),
            sent_by_host: essentials.sent_by_host(),
            sent_by_port: essentials.sent_by_port,
            flow,
        };
        let old = || Rfc2543Parts {
            request_uri: draft.request_uri(),
            to_tag: essentials.to_tag(),
            from_tag: Some(essentials.from_tag()).filter(|tag| !tag.is_empty()),
            call_id: essentials.call_id(),
            cseq: essentials.cseq,
            top_via: draft.first(Name::Via).unwrap_or_default(),
        };
        let key = match of {
            KeyOf::Itself => ServerKey::of(&parts, old),
            KeyOf::CancelledInvite => ServerKey::invite_of_cancel(&parts, old),
        }?;
        Ok(HashedKey::new(key, &self.keyed))
    }

    /// Where the responses to a request go: its connection, or its source as its Via says.
    //= LOC-006
    fn back_to(&mut self, origin: &Origin, via: &TopVia) -> Hop {
        let flow = origin.flow();
        let mut remote = flow.remote;
        if flow.connection.is_none() && via.rport == Rport::Absent {
            remote.set_port(via.port.unwrap_or(5060));
        }
        let destination = crate::trust::Destination {
            listener: flow.listener,
            transport: flow.transport,
            remote,
            connection: flow.connection,
            certified: flow.certified,
        };
        let destination = self.back_by_association(flow).unwrap_or(destination);
        Hop::judge_recent(&mut self.recent, destination).for_responses_to(origin)
    }

    /// Enters what the answer to a REGISTER taught.
    //= PCSCF-007
    fn learned(&mut self, now: Now, flow: &Flow, learned: Learned) {
        let before = self.bindings.owner(flow.into());
        let peer = self.peer_of(now, flow);
        if let Room::Displaced(record) = self.bindings.learn(flow, learned, now.unix) {
            tracing::warn!("limits.registrations_max is reached: the registration that ends soonest had to go");
            self.forget(record);
        }
        if !self.subscriptions.is_empty() {
            self.note_told(now, flow);
        }
        if let Some(peer) = peer.filter(|_| self.bindings.ue(flow, now.unix).is_none()) {
            self.forget_peer(now, &peer);
        }
        //= PCSCF-011
        let is_there = |owner: &u64| self.bindings.ue(flow, now.unix).is_some_and(|ue| ue.owner() == *owner);
        if let Some(owner) = before.filter(|owner| !is_there(owner)) {
            self.calls.lose(Lost { owner, flow: None });
        }
    }

    fn notes(&self) -> Notes {
        if self.observing { Notes::on() } else { Notes::off() }
    }

    fn drop(&mut self, what: What, why: Drop) {
        self.counters.dropped += 1;
        self.counts.dropped(why);
        event::log_dropped(what, why);
        if self.observing {
            self.events.push_back(Event::Dropped { what, why });
        }
    }
}

enum KeyOf {
    Itself,
    CancelledInvite,
}

fn carrier(flow: &Flow) -> Carrier {
    match flow.transport {
        // A message of its own frame, as long as that frame.
        //= TPT-010
        Transport::Ws | Transport::Wss => Carrier::Datagram,
        _ if flow.connection.is_some() => Carrier::Stream,
        _ => Carrier::Datagram,
    }
}

fn what(message: &Message) -> What {
    match message.method() {
        Some(method) => What::Request(method),
        None => What::Response {
            status: message.status(),
            to: Method::Other,
        },
    }
}

fn parse_limits(policy: &Policy) -> ParseLimits {
    let limits = &policy.limits;
    ParseLimits {
        start_line_bytes_max: limits.start_line_bytes_max as usize,
        header_bytes_max: limits.header_bytes_max as usize,
        header_block_bytes_max: limits.header_block_bytes_max as usize,
        header_rows_max: limits.header_rows_max as usize,
        body_bytes_max: limits.body_bytes_max as usize,
    }
}

//= MSG-012
fn too_many_routes(message: &Message, max: usize) -> bool {
    [Name::Via, Name::RecordRoute].into_iter().any(|name| {
        // A value takes two bytes at least, with its comma.
        let at_most = |row: &[u8]| row.len() / 2 + 1;
        let few = match message.is_repeated(name) {
            true => message.rows(name).map(at_most).sum::<usize>() <= max,
            false => message.first(name).is_none_or(|row| at_most(row) <= max),
        };
        if few {
            return false;
        }
        let at_most = |row: &[u8]| 1 + memchr::memchr_iter(b',', row).count();
        message.rows(name).map(at_most).sum::<usize>() > max
            && message
                .rows(name)
                .map(|row| crate::sip::headers::list::values(row).count())
                .sum::<usize>()
                > max
    })
}
