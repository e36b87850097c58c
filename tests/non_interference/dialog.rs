//! One dialog between two parties or three, by chance: requests and responses from every side, loss, repetition, passing time.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::engine::counts::Counts;
use sipveil::engine::event::Event;
use sipveil::sip::Transport;
use sipveil::trust::ConnectionId;

use super::carriers::{
    CALL_ID, CANCEL_REASON, CARRIERS, CONTACT, FROM, RECORD_ROUTE, REGISTERED, REQUEST_URI, Sight, Towards, VIA,
};
use super::chance::Chance;
use super::kind::Kind;
use super::oblivion::{self, Forgotten};
use super::scene::{Cast, Scene, Seat, Side, Terms};
use super::wishes::{self, Set, Wish};
use super::words::{Person, shown};
use crate::world::{Sent, World, contact_uri, keys, routes};

/// What a dialog left behind.
pub struct Played {
    /// What left for anyone outside T but the hiding party.
    pub seen: Vec<Seen>,
    /// What the engine counted.
    pub counts: Counts,
    /// Which carriers, hidden from those outside, were in what became which kind of message for them.
    pub carried: Vec<(usize, Kind)>,
}

/// One message that left for somebody who must not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub at: Duration,
    pub sent: Sent,
}

/// The same with what the engine tells of it.
pub struct Observed {
    pub played: Played,
    pub events: Vec<Event>,
}

/// Plays dialog `seed`, in which `person` hides. `forgotten`: what an engine with a fault would let out.
pub fn play(scene: &Scene, seed: u64, cast: &'static Cast, person: Person, forgotten: Option<Forgotten>) -> Played {
    let mut dialog = Dialog::new(scene, seed, cast, person);
    dialog.forgotten = forgotten;
    dialog.run();
    dialog.played()
}

/// The same for somebody who wants to know all about it.
pub fn play_observed(scene: &Scene, seed: u64, cast: &'static Cast, person: Person) -> Observed {
    let mut dialog = Dialog::new(scene, seed, cast, person);
    dialog.world.engine.observe();
    dialog.run();
    Observed {
        events: dialog.world.events(),
        played: dialog.played(),
    }
}

struct Dialog {
    world: World,
    chance: Chance,
    terms: Terms,
    cast: &'static Cast,
    person: Person,
    /// The caller, and whom it may reach.
    parties: Vec<Party>,
    inbox: VecDeque<(usize, Sent)>,
    next_branch: u32,
    seen: Vec<Seen>,
    last_out: Option<Sent>,
    /// The INVITE of the caller that waits for its final response, to be cancelled.
    cancellable: Option<Rc<Message>>,
    /// What the hiding parties sent.
    said: Vec<Rc<Message>>,
    carried: Vec<(usize, Kind)>,
    forgotten: Option<Forgotten>,
    /// What the message being written asks for beyond what holds anyway.
    saying: Set,
}

/// A message as a party sends it.
pub struct Message {
    pub text: String,
    pub kind: Kind,
    /// CSeq, and whose tag stands in From (of a request) or To (of a response).
    pub cseq: String,
    pub tag: &'static str,
    /// What Privacy asks for in it, beyond what its sender asked for when it entered the dialog.
    pub wider: Set,
    /// What of it is hidden from those outside: the carrier, and its row or value.
    pub hidden: Vec<(usize, String)>,
}

struct Party {
    /// What it calls the dialog, once it knows.
    call_id: String,
    seat: Seat,
    hides: bool,
    wish: Wish,
    /// What it asked for later in a message that went through, and in any.
    widened: Set,
    widened_perhaps: Set,
    tag: &'static str,
    cseq: u32,
    remote: Option<Remote>,
    /// Its wish passed the proxy in a message of this dialog, so it need not be repeated.
    entered: bool,
    owed: Vec<Sent>,
    last: Option<Rc<Message>>,
}

/// What a party knows of the other once there is a dialog.
#[derive(Clone)]
struct Remote {
    name_addr: String,
    target: String,
    routes: String,
}

const CALLER: usize = 0;
const TAGS: [&str; 3] = ["caller", "callee1", "callee2"];
const NOBODYS: &str = "sip:gone@192.0.2.200";
/// The host of a node between the caller and us.
const BEHIND: &str = "10.20.0.77";

impl Dialog {
    fn played(self) -> Played {
        Played {
            counts: self.world.engine.counts(),
            seen: self.seen,
            carried: self.carried,
        }
    }

    fn new(scene: &Scene, seed: u64, cast: &'static Cast, person: Person) -> Dialog {
        let mut chance = Chance::new(seed);
        let seats = std::iter::once(cast.caller).chain(cast.callees.iter().copied());
        let parties = seats.enumerate().map(|(who, seat)| {
            let hides = (who == CALLER) == cast.caller_hides;
            Party {
                call_id: String::new(),
                seat,
                hides,
                wish: match hides {
                    true => wishes::any(&mut chance, scene.terms),
                    false => wishes::none(),
                },
                widened: Set::EMPTY,
                widened_perhaps: Set::EMPTY,
                tag: TAGS[who],
                cseq: 1,
                remote: None,
                entered: false,
                owed: Vec::new(),
                last: None,
            }
        });
        let parties = parties.collect();
        let mut world_seed = [0; 32];
        world_seed[..8].copy_from_slice(&seed.to_le_bytes());
        let mut dialog = Dialog {
            world: World::under(Arc::clone(&scene.policy), keys(), world_seed),
            chance,
            terms: scene.terms,
            cast,
            person,
            parties,
            inbox: VecDeque::new(),
            next_branch: 0,
            seen: Vec::new(),
            last_out: None,
            cancellable: None,
            said: Vec::new(),
            carried: Vec::new(),
            forgotten: None,
            saying: Set::EMPTY,
        };
        dialog.name_it();
        dialog.register();
        dialog
    }

    /// The caller's Call-ID, one that tells of it where that is hidden.
    fn name_it(&mut self) {
        let sight = self.sight(CALLER, "INVITE", None, self.parties[CALLER].wish.asks);
        let plain = format!("cid-{:x}", self.chance.next());
        let form = self.chance.of(CARRIERS[CALL_ID].forms);
        let tells = self.parties[CALLER].hides && CARRIERS[CALL_ID].is_hidden(&sight);
        self.parties[CALLER].call_id = match tells {
            true => format!("{plain}.{}", self.person.words(CALL_ID).fill(form)),
            false => plain,
        };
    }

    /// Served UEs are known to the network, by an identity that may have to be hidden, too.
    fn register(&mut self) {
        let form = self.chance.of(CARRIERS[REGISTERED].forms);
        for who in 0..self.parties.len() {
            let Party { seat, hides, wish, .. } = &self.parties[who];
            if seat.side != Side::Served {
                continue;
            }
            let asks = wish.asks;
            let sight = self.sight(who, "INVITE", None, asks);
            let words = match *hides && CARRIERS[REGISTERED].is_hidden(&sight) {
                true => self.person.words(REGISTERED),
                false => shown(REGISTERED),
            };
            let (seat, host) = (*seat, host(seat.address));
            let via = format!(
                "Via: SIP/2.0/{} {};branch=z9hG4bKr{who}\r\n",
                word(seat.transport),
                seat.address
            );
            let register = format!(
                "REGISTER sip:home1.example SIP/2.0\r\n{via}Max-Forwards: 70\r\n\
                 From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: reg{who}\r\nCSeq: 1 REGISTER\r\n\
                 Contact: <sip:ue@{host}>;expires=600\r\nContent-Length: 0\r\n\r\n"
            );
            let sent = self.hand_in(seat, &register);
            let extra = format!(
                "Contact: <sip:ue@{host}>;expires=600\r\nP-Associated-URI: {}\r\n",
                words.fill(form)
            );
            let ok = crate::world::respond(&sent[0], "200 OK", "s", &extra);
            self.world.packet("core", "10.20.0.9:5060", &ok);
        }
    }

    fn run(&mut self) {
        let method = match self.chance.percent(75) {
            true => "INVITE",
            false => self
                .chance
                .of(&["SUBSCRIBE", "REFER", "MESSAGE", "OPTIONS", "PUBLISH", "NOVEL", "INFO"]),
        };
        self.request(CALLER, method);
        for _ in 0..4 + self.chance.below(10) {
            self.settle();
            self.step();
        }
        // Everything comes to an end.
        self.settle();
        self.answer_all();
        let by = self.anyone();
        self.request(by, "BYE");
        self.settle();
        self.answer_all();
        self.wait(Duration::from_secs(400));
        self.settle();
        self.answer_all();
        self.wait(Duration::from_secs(400));
        assert_eq!(self.world.engine.transactions(), 0, "transactions are left over");
    }

    fn anyone(&mut self) -> usize {
        self.chance.below(self.parties.len())
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..45 => {
                let who = self.anyone();
                self.answer(who);
            }
            45..68 => {
                let who = self.anyone();
                let method = self.chance.of(&[
                    "INVITE",
                    "INVITE",
                    "UPDATE",
                    "PRACK",
                    "INFO",
                    "MESSAGE",
                    "REFER",
                    "NOTIFY",
                    "OPTIONS",
                    "SUBSCRIBE",
                    "NOVEL",
                    "BYE",
                ]);
                self.request(who, method);
            }
            68..72 => self.faulty(),
            72..77 => self.cancel(),
            77..84 => {
                let who = self.anyone();
                if let Some(message) = self.parties[who].last.clone() {
                    self.transmit(who, &message);
                }
            }
            84..87 => {
                if let Some(sent) = &self.last_out {
                    let id = sent.id;
                    let sent = self.world.input(Input::SendFailed(id));
                    self.left(sent);
                }
            }
            _ => {
                let millis = self.chance.of(&[50, 250, 700, 2_500, 6_000, 33_000, 186_000]);
                self.wait(Duration::from_millis(millis));
            }
        }
    }

    // The network.

    fn hand_in(&mut self, seat: Seat, text: &str) -> Vec<Sent> {
        let connection = seat.connection.map(ConnectionId);
        let flow = self.world.flow(seat.listener, seat.transport, seat.address, connection);
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.world.input(Input::Packet { flow, bytes })
    }

    /// A party sends; the network may lose it or bring it twice.
    fn transmit(&mut self, who: usize, message: &Rc<Message>) {
        self.parties[who].last = Some(Rc::clone(message));
        self.send(who, message);
    }

    /// The same for what is not sent again by chance.
    fn send(&mut self, who: usize, message: &Rc<Message>) {
        if self.parties[who].hides {
            self.said.push(Rc::clone(message));
        }
        let before = self.seen.len();
        let (lost, twice) = (self.chance.percent(4), self.chance.percent(6));
        let seat = self.parties[who].seat;
        let times = match (lost, twice, seat.connection) {
            (true, _, None) => 0,
            (_, true, None) => 2,
            _ => 1,
        };
        for _ in 0..times {
            let sent = self.hand_in(seat, &message.text);
            self.left(sent);
        }
        if self.parties[who].hides && message.wider != Set::EMPTY {
            self.widen(who, message, before);
        }
    }

    /// A wider wish holds once a message of the dialog with it went through: a request within it, or an answer that opens it.
    fn widen(&mut self, who: usize, message: &Message, before: usize) {
        let counts = match message.kind {
            Kind::Request { method, within } => within && method != "ACK",
            Kind::Response { class, .. } => class <= 2,
            Kind::Cancel | Kind::FailureAck => false,
        };
        let is_it =
            |seen: &Seen| seen.sent.row("CSeq") == Some(&message.cseq) && Kind::of_sent(&seen.sent) == message.kind;
        let party = &mut self.parties[who];
        party.widened_perhaps = party.widened_perhaps.and(message.wider);
        if counts && self.seen[before..].iter().any(is_it) {
            party.widened = party.widened.and(message.wider);
        }
    }

    fn wait(&mut self, time: Duration) {
        let sent = self.world.pass(time);
        self.left(sent.into_iter().map(|(_, sent)| sent).collect());
    }

    fn left(&mut self, sent: Vec<Sent>) {
        for mut sent in sent {
            let to = sent
                .to
                .ip()
                .to_string()
                .replace(BEHIND, host(self.parties[CALLER].seat.address));
            let receiver = self.parties.iter().position(|party| host(party.seat.address) == to);
            let in_domain = sent.from_listener == "core" || sent.from_listener == "inner" || to == "192.0.2.70";
            if !in_domain && !receiver.is_some_and(|who| self.parties[who].hides) {
                self.seen_outside(&mut sent);
            }
            let Some(who) = receiver else { continue };
            if who != CALLER {
                self.last_out = Some(sent.clone());
            }
            if !self.chance.percent(4) {
                self.inbox.push_back((who, sent));
            }
        }
    }

    /// Somebody outside gets this. An engine with a fault forgets what it should have hidden.
    fn seen_outside(&mut self, sent: &mut Sent) {
        let kind = Kind::of_sent(sent);
        for message in oblivion::sources(&self.said, sent, kind) {
            for (carrier, row) in &message.hidden {
                self.carried.push((*carrier, kind));
                if self.forgotten
                    == Some(Forgotten {
                        carrier: *carrier,
                        kind,
                    })
                {
                    sent.bytes = oblivion::forget(sent.text(), *carrier, row).into();
                }
            }
        }
        let at = self.world.now.at;
        self.seen.push(Seen { at, sent: sent.clone() });
    }

    /// Hands over what is on its way, and what that causes at once.
    fn settle(&mut self) {
        for _ in 0..200 {
            let Some((who, sent)) = self.inbox.pop_front() else {
                return;
            };
            match sent.start().starts_with("SIP/2.0") {
                true => self.response_came(who, &sent),
                false => self.request_came(who, sent),
            }
        }
    }

    // The parties.

    fn request_came(&mut self, who: usize, sent: Sent) {
        let method = method_of(sent.start());
        match method {
            "ACK" => return,
            "CANCEL" => {
                let ok = self.response(who, &sent, "200 OK");
                self.transmit(who, &ok);
                let branch = sent.row("Via").map(str::to_owned);
                let owed = &self.parties[who].owed;
                let cancelled = owed
                    .iter()
                    .position(|owed| owed.row("Via").map(str::to_owned) == branch);
                if let Some(at) = cancelled.filter(|_| self.chance.percent(80)) {
                    let invite = self.parties[who].owed.remove(at);
                    let ended = self.response(who, &invite, "487 Request Terminated");
                    self.transmit(who, &ended);
                }
                return;
            }
            _ => {}
        }
        // A UE that names no Contact cannot be reached; a stranger might be anywhere.
        let reached = match self.cast.towards {
            Towards::Ue => target(&sent),
            Towards::Strangers => target(&sent).or_else(|| Some(NOBODYS.to_owned())),
        };
        let party = &mut self.parties[who];
        if who != CALLER && party.remote.is_none() {
            party.call_id = sent.row("Call-ID").unwrap_or_default().to_owned();
            party.remote = reached.map(|target| Remote {
                name_addr: sent.row("From").unwrap_or_default().to_owned(),
                target,
                routes: routes(&sent.rows("Record-Route"), false),
            });
        }
        if !party.owed.iter().any(|owed| owed.bytes == sent.bytes) {
            party.owed.push(sent);
        }
    }

    fn response_came(&mut self, who: usize, sent: &Sent) {
        let status: u16 = sent.start()[8..11].parse().unwrap_or_default();
        let cseq = sent.row("CSeq").unwrap_or_default();
        let is_invite = cseq.ends_with("INVITE");
        let forms = is_invite || cseq.ends_with("SUBSCRIBE") || cseq.ends_with("REFER");
        let to = sent.row("To").unwrap_or_default().to_owned();
        let mut remote = self.parties[who].remote.clone();
        if who == CALLER && forms && (101..300).contains(&status) {
            let answerer = (1..self.parties.len()).find(|who| to.ends_with(&format!(";tag={}", TAGS[*who])));
            if let Some(answerer) = answerer {
                self.parties[answerer].entered = true;
                let this = Remote {
                    name_addr: to.clone(),
                    target: target(sent).unwrap_or_else(|| format!("sip:bob@{}", self.cast.domain)),
                    routes: self.way_of_caller(sent),
                };
                self.parties[CALLER].remote.get_or_insert_with(|| this.clone());
                remote = Some(this);
            }
        }
        if status >= 200 && is_invite {
            if who == CALLER {
                self.cancellable = None;
            }
            let number = cseq.split(' ').next().unwrap_or_default().to_owned();
            self.acknowledge(who, status, &number, &to, remote);
        }
    }

    /// The caller's route set. The node behind it takes its own value off.
    fn way_of_caller(&self, sent: &Sent) -> String {
        let all = routes(&sent.rows("Record-Route"), true);
        let ours = all.split_inclusive("\r\n").filter(|row| !row.contains(BEHIND));
        ours.collect()
    }

    fn acknowledge(&mut self, who: usize, status: u16, number: &str, to: &str, remote: Option<Remote>) {
        let last = self.parties[who].last.clone();
        let Some(last) = last.filter(|message| message.text.starts_with("INVITE")) else {
            return;
        };
        let cseq = format!("{number} ACK");
        if status >= 300 {
            let uri = last.text.split(' ').nth(1).unwrap_or_default().to_owned();
            let via = last.text.split("\r\n").nth(1).unwrap_or_default().to_owned();
            let sight = self.sight(who, "ACK", None, self.parties[who].wish.asks);
            let from = self.from(who, &sight, &mut Vec::new());
            let text = format!(
                "ACK {uri} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{from}To: {to}\r\nCall-ID: {}\r\nCSeq: {cseq}\r\n\
                 Content-Length: 0\r\n\r\n",
                self.parties[who].call_id
            );
            // It ends at the proxy, whose own went before.
            let message = self.message(who, text, Kind::FAILURE_ACK, cseq, Vec::new());
            return self.send(who, &message);
        }
        let Some(Remote { target, routes, .. }) = remote else {
            return;
        };
        let (wish, asks) = self.wish(who);
        let sight = self.sight(who, "ACK", None, asks);
        let mut hidden = Vec::new();
        let via = self.via(who, &sight, &mut hidden);
        let from = self.from(who, &sight, &mut hidden);
        let rows = self.rows(who, &sight, &mut hidden);
        let text = format!(
            "ACK {target} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{routes}{from}To: {to}\r\nCall-ID: {}\r\n\
             CSeq: {cseq}\r\n{wish}{rows}X-Plain: {number}\r\nContent-Length: 0\r\n\r\n",
            self.parties[who].call_id
        );
        let message = self.message(who, text, Kind::request("ACK", true), cseq, hidden);
        self.send(who, &message);
    }

    fn request(&mut self, who: usize, method: &'static str) {
        if let Some(message) = self.written(who, method) {
            if who == CALLER && method == "INVITE" {
                self.cancellable = Some(Rc::clone(&message));
            }
            self.transmit(who, &message);
        }
    }

    /// A request of a party, if it can send one now.
    fn written(&mut self, who: usize, method: &'static str) -> Option<Rc<Message>> {
        let initial = who == CALLER && self.parties[who].cseq == 1;
        let mut hidden = Vec::new();
        let (wish, asks) = self.wish(who);
        let sight = self.sight(who, method, None, asks);
        let (uri, to, routes) = match self.parties[who].remote.clone() {
            Some(remote) if !initial => (remote.target, remote.name_addr, remote.routes),
            _ if initial => {
                let uri = format!("sip:bob@{}", self.cast.domain);
                (
                    self.request_uri(who, &sight, &mut hidden),
                    format!("<{uri}>"),
                    String::new(),
                )
            }
            _ => return None,
        };
        let via = self.via(who, &sight, &mut hidden);
        let from = self.from(who, &sight, &mut hidden);
        self.parties[who].cseq += 1;
        let number = self.parties[who].cseq;
        let mut rows = String::new();
        if matches!(method, "INVITE" | "SUBSCRIBE" | "REFER" | "UPDATE" | "NOTIFY" | "NOVEL") {
            rows += &self.contact(who, &sight, &mut hidden);
        }
        rows += &self.rows(who, &sight, &mut hidden);
        if method == "REFER" {
            rows += "Refer-To: <sip:carol@net.example>\r\n";
        }
        if initial && self.parties[who].seat.side == Side::Inside && self.chance.percent(40) {
            rows += &self.built(who, RECORD_ROUTE, &sight, &mut hidden);
        }
        let body = self.chance.of(&["", "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\n"]);
        let cseq = format!("{number} {method}");
        let text = format!(
            "{method} {uri} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{routes}{from}To: {to}\r\nCall-ID: {}\r\n\
             CSeq: {cseq}\r\n{wish}{rows}X-Plain: {number}\r\nContent-Length: {}\r\n\r\n{body}",
            self.parties[who].call_id,
            body.len()
        );
        Some(self.message(who, text, Kind::request(method, !initial), cseq, hidden))
    }

    /// A request that the proxy refuses itself: to whoever sent it, also one who must not know.
    fn faulty(&mut self) {
        let who = self.anyone();
        let method = self.chance.of(&["INVITE", "UPDATE", "INFO", "MESSAGE", "BYE", "REFER"]);
        let fault = match self.chance.below(6) {
            // A BYE goes its way all the same.
            3 if method == "BYE" => 0,
            fault => fault,
        };
        if who == CALLER && self.parties[who].cseq == 1 {
            return;
        }
        let Some(message) = self.written(who, method) else {
            return;
        };
        let text = &message.text;
        let faulty = match fault {
            0 => text.replacen("Max-Forwards: 70", "Max-Forwards: 0", 1),
            1 => text.replacen("Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: unheard-of", 1),
            2 => text.replacen("CSeq: ", "CSeq: x", 1),
            3 => text.replacen("Max-Forwards: 70", "Privacy: session;critical\r\nMax-Forwards: 70", 1),
            4 => text.replacen("Route: <sip:", "Route: <sip:A", 1),
            _ => text.replacen("Max-Forwards: 70", "Max-Forwards: seventy", 1),
        };
        if fault == 3 {
            self.saying = Set::SESSION;
        }
        let message = self.message(who, faulty, message.kind, message.cseq.clone(), Vec::new());
        self.send(who, &message);
    }

    fn cancel(&mut self) {
        let Some(invite) = self.cancellable.clone() else { return };
        let mut lines = invite.text.split("\r\n");
        let start = lines.next().unwrap_or_default().replacen("INVITE", "CANCEL", 1);
        let kept = ["Via:", "Max-Forwards:", "Route:", "From:", "To:", "Call-ID:", "CSeq:"];
        let mut text = format!("{start}\r\n");
        let mut vias = 0;
        for line in lines.filter(|line| kept.iter().any(|name| line.starts_with(name))) {
            vias += usize::from(line.starts_with("Via:"));
            if line.starts_with("Via:") && vias > 1 {
                continue;
            }
            text += &line.replace(" INVITE", " CANCEL");
            text += "\r\n";
        }
        let mut hidden = Vec::new();
        let (wish, asks) = self.wish(CALLER);
        let sight = self.sight(CALLER, "CANCEL", None, asks);
        text += &wish;
        if self.chance.percent(40) {
            text += &self.built(CALLER, CANCEL_REASON, &sight, &mut hidden);
        }
        // Nothing of it goes on but what the INVITE showed, so whatever it holds may be another.
        text += &self.rows(CALLER, &sight, &mut hidden);
        text += "Content-Length: 0\r\n\r\n";
        let cseq = invite.cseq.replace("INVITE", "CANCEL");
        let message = self.message(CALLER, text, Kind::CANCEL, cseq, hidden);
        self.send(CALLER, &message);
    }

    fn answer(&mut self, who: usize) {
        if self.parties[who].owed.is_empty() {
            return;
        }
        let at = self.chance.below(self.parties[who].owed.len());
        let request = self.parties[who].owed[at].clone();
        let status = match request.start().starts_with("INVITE") {
            true => self.chance.of(&[
                "100 Trying",
                "180 Ringing",
                "183 Session Progress",
                "180 Ringing",
                "200 OK",
                "200 OK",
                "200 OK",
                "486 Busy Here",
                "404 Not Found",
                "503 Service Unavailable",
                "504 Server Time-out",
                "500 Odd",
                "603 Decline",
                "302 Moved Temporarily",
            ]),
            false => self.chance.of(&[
                "200 OK",
                "200 OK",
                "202 Accepted",
                "481 Gone",
                "500 Odd",
                "183 Odd",
                "180 Odd",
                "180 Odd",
                "503 Later",
            ]),
        };
        // A 2xx to an INVITE may come again, and from another fork.
        let is_final = !status.starts_with('1');
        if is_final && !self.chance.percent(10) {
            self.parties[who].owed.remove(at);
        }
        let message = self.response(who, &request, status);
        self.transmit(who, &message);
    }

    fn answer_all(&mut self) {
        for who in 0..self.parties.len() {
            for request in std::mem::take(&mut self.parties[who].owed) {
                let message = self.response(who, &request, "200 OK");
                self.transmit(who, &message);
            }
        }
        self.settle();
    }

    // The text of messages.

    fn message(&self, who: usize, text: String, kind: Kind, cseq: String, hidden: Vec<(usize, String)>) -> Rc<Message> {
        Rc::new(Message {
            text,
            kind,
            cseq,
            tag: self.parties[who].tag,
            wider: self.saying,
            hidden,
        })
    }

    fn response(&mut self, who: usize, request: &Sent, status: &str) -> Rc<Message> {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "v", "Record-Route"] {
            for value in request.rows(name) {
                out += &format!("{name}: {value}\r\n");
            }
        }
        let to = request.row("To").unwrap_or_default();
        let tag = match to.contains(";tag=") || status.starts_with("100") {
            true => String::new(),
            false => format!(";tag={}", self.parties[who].tag),
        };
        out += &format!("From: {}\r\nTo: {to}{tag}\r\n", request.row("From").unwrap_or_default());
        for name in ["Call-ID", "CSeq"] {
            out += &format!("{name}: {}\r\n", request.row(name).unwrap_or_default());
        }
        let (wish, asks) = self.wish(who);
        out += &wish;
        let method = literal(method_of(request.start()));
        let number: u16 = status[..3].parse().unwrap_or_default();
        let sight = self.sight(who, method, Some(number), asks);
        let mut hidden = Vec::new();
        out += &self.rows(who, &sight, &mut hidden);
        if status.starts_with('2') || status.starts_with("18") {
            out += &self.contact(who, &sight, &mut hidden);
        }
        let text = out + "X-Plain: yes\r\nContent-Length: 0\r\n\r\n";
        let cseq = request.row("CSeq").unwrap_or_default().to_owned();
        self.message(who, text, Kind::response(method, number), cseq, hidden)
    }

    /// Privacy rows of a message, and what its sender has asked for with them: a wish once said holds within the dialog.
    fn wish(&mut self, who: usize) -> (String, Set) {
        let Party {
            hides,
            remote,
            entered,
            wish,
            ..
        } = &self.parties[who];
        self.saying = Set::EMPTY;
        if !hides {
            return (String::new(), Set::EMPTY);
        }
        let holds = self.terms.remembers && if who == CALLER { remote.is_some() } else { *entered };
        let wish = wish.clone();
        let draw = self.chance.below(100);
        let (rows, asks) = match draw {
            _ if !holds => (wish.rows, wish.asks),
            0..45 => (wish.rows, wish.asks),
            45..88 => (String::new(), wish.asks),
            88..93 => (wishes::none().rows, wish.asks.and(Set::NONE)),
            _ => {
                let wider = wishes::any(&mut self.chance, self.terms);
                self.saying = wider.asks.levels();
                (wider.rows, wish.asks.and(wider.asks))
            }
        };
        // Who asked for nothing when it entered, and says `none` in an answer later, is taken at that word from then on.
        let takes_it_back = holds && wish.asks == Set::EMPTY && asks == Set::NONE;
        if takes_it_back {
            return (String::new(), Set::EMPTY);
        }
        (rows, asks)
    }

    /// What a message is under: what it asks for, and in a store what other messages asked for before it.
    fn under(&self, who: usize, asks: Set) -> Set {
        let party = &self.parties[who];
        if !self.terms.widens || !party.hides {
            return asks;
        }
        let asks = asks.and(party.widened);
        // `critical` alone hides the identity; beside another value, which may have gone through, that one decides.
        match asks == Set::CRITICAL && party.widened_perhaps != Set::EMPTY {
            true => asks.and(Set::SESSION),
            false => asks,
        }
    }

    fn sight(&self, who: usize, method: &'static str, status: Option<u16>, asked: Set) -> Sight {
        Sight {
            asked: self.under(who, asked),
            method,
            status,
            from_inside: self.parties[who].seat.side == Side::Inside,
            towards: self.cast.towards,
            terms: self.terms,
        }
    }

    /// Rows of carriers by chance, in a message of this party.
    fn rows(&mut self, who: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        let most = if self.parties[who].hides {
            &[0, 5, 12, 30][..]
        } else {
            &[0, 5]
        };
        let percent = self.chance.of(most);
        let mut out = String::new();
        if percent == 0 {
            return out;
        }
        for (at, carrier) in CARRIERS.iter().enumerate() {
            if carrier.fits(sight) && self.chance.percent(percent) {
                out += &self.built(who, at, sight, hidden);
            }
        }
        out
    }

    /// One row, or for some carriers one value, of this party: somebody's where it must be hidden, else the same in every run.
    fn built(&mut self, who: usize, carrier: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        let Party { hides, seat, .. } = &self.parties[who];
        let form = self
            .chance
            .of(CARRIERS[carrier].forms)
            .replace("{at}", host(seat.address));
        // Whatever stands in a CANCEL ends here.
        let is_hidden = *hides && (sight.method == "CANCEL" || CARRIERS[carrier].is_hidden(sight));
        let mut text = match is_hidden {
            true => self.person.words(carrier).fill(&form),
            false => shown(carrier).fill(&form),
        };
        if !matches!(carrier, FROM | REQUEST_URI) {
            text += "\r\n";
        }
        if is_hidden {
            hidden.push((carrier, text.clone()));
        }
        text
    }

    fn contact(&mut self, who: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        self.built(who, CONTACT, sight, hidden)
    }

    fn request_uri(&mut self, who: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        let line = match self.chance.percent(15) && sight.towards == Towards::Strangers {
            true => self.built(who, REQUEST_URI, sight, hidden),
            false => String::new(),
        };
        format!("sip:bob{line}@{}", self.cast.domain)
    }

    fn via(&mut self, who: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        self.next_branch += 1;
        let seat = self.parties[who].seat;
        let rport = match seat.transport {
            Transport::Udp => self.chance.of(&["", ";rport"]),
            _ => "",
        };
        let top = format!(
            "Via: SIP/2.0/{} {};branch=z9hG4bK{who}-{}{rport}\r\n",
            word(seat.transport),
            seat.address,
            self.next_branch
        );
        // Only within T is there somebody before the one who sends.
        match self.parties[who].hides && self.chance.percent(30) {
            true => top + &self.built(who, VIA, sight, hidden),
            false => top,
        }
    }

    /// The same in every message of a dialog.
    fn from(&mut self, who: usize, sight: &Sight, hidden: &mut Vec<(usize, String)>) -> String {
        let tag = self.parties[who].tag;
        let asks = self.parties[who].wish.asks;
        let sight = Sight { asked: asks, ..*sight };
        let form = CARRIERS[FROM].forms[(self.parties[who].wish.rows.len() + who) % CARRIERS[FROM].forms.len()];
        let is_hidden = self.parties[who].hides && CARRIERS[FROM].is_hidden(&sight);
        let text = match is_hidden {
            true => self.person.words(FROM).fill(form),
            false => shown(FROM).fill(form),
        };
        let odd = match is_hidden {
            true => self.chance.of(&["", ";x=1"]),
            false => "",
        };
        let value = format!("{text};tag={tag}{odd}");
        if is_hidden {
            hidden.push((FROM, format!("From: {value}\r\n")));
        }
        if self.parties[who].hides && who == CALLER && self.parties[who].call_id.contains('.') {
            hidden.push((CALL_ID, format!("Call-ID: {}\r\n", self.parties[who].call_id)));
        }
        format!("From: {value}\r\n")
    }
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
        Transport::Ws => "WS",
        Transport::Wss => "WSS",
    }
}

fn host(address: &str) -> &str {
    address.split(':').next().unwrap_or_default()
}

fn method_of(start: &str) -> &str {
    start.split(' ').next().unwrap_or_default()
}

/// The method as one of those that are used here.
fn literal(method: &str) -> &'static str {
    super::kind::METHODS
        .iter()
        .find(|known| **known == method)
        .unwrap_or(&"NOVEL")
}

fn target(sent: &Sent) -> Option<String> {
    let contact = sent.row("Contact").or_else(|| sent.row("m"))?;
    Some(contact_uri(contact).to_owned())
}
