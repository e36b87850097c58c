//! One dialog between two parties, by chance: requests and responses from either side, loss, repetition, passing time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Input;
use sipveil::policy::Policy;
use sipveil::policy::privacy::CallIds;

use super::chance::Chance;
use super::person::Person;
use crate::world::{Sent, World, contact_uri, keys, routes};

/// Who calls whom, and who of them hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// A node of T calls a stranger.
    Outwards,
    /// A node of T calls a served UE.
    ToUe,
    /// A node of T calls a stranger behind TCP, over TCP.
    OutwardsByTcp,
    /// A member of T by its prefix calls a stranger who shares the listener with it.
    FromAlly,
    /// A stranger who hides calls another.
    BetweenStrangers,
    /// A stranger calls into T, and the one who answers hides.
    Inwards,
    /// The same over TCP.
    InwardsByTcp,
}

pub const CASTS: [Cast; 7] = [
    Cast::Outwards,
    Cast::ToUe,
    Cast::OutwardsByTcp,
    Cast::FromAlly,
    Cast::BetweenStrangers,
    Cast::Inwards,
    Cast::InwardsByTcp,
];

/// What the hiding party asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// `user`, perhaps with more: everything in [`Person`] is secret.
    User,
    /// `id` or what counts as it: what is asserted and what is bound to T is secret, the rest is not.
    Id,
    /// Nothing: then everything shows.
    Nothing,
}

/// Plays dialog `seed` and gives what left for anyone outside T but the hiding party: when, where to, the bytes.
pub fn play(policy: &Arc<Policy>, seed: u64, cast: Cast, asks: Asks, person: &Person) -> Vec<Seen> {
    let mut dialog = Dialog::new(policy, seed, cast, asks, person.clone());
    dialog.run();
    dialog.seen
}

/// One message that left for somebody who must not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub at: Duration,
    pub sent: Sent,
}

struct Dialog {
    world: World,
    chance: Chance,
    asks: Asks,
    privacy: &'static str,
    parties: [Party; 2],
    inbox: VecDeque<(usize, Sent)>,
    domain: &'static str,
    next_branch: u32,
    seen: Vec<Seen>,
    last: [Option<String>; 2],
    last_out: Option<Sent>,
    /// The request of the first party that waits for its final response, to be cancelled.
    cancellable: Option<String>,
}

/// A node between the caller and us.
const BEHIND: &str = "Route: <sip:10.20.0.77;lr>\r\n";

const CALLER: usize = 0;
const CALLEE: usize = 1;

struct Party {
    /// What it calls the dialog, once it knows.
    call_id: String,
    listener: &'static str,
    address: &'static str,
    stream: Option<u64>,
    hides: bool,
    /// Shown where a name is asserted or bound to T.
    asserted: Person,
    /// Shown everywhere else.
    told: Person,
    tag: String,
    cseq: u32,
    remote: Option<Remote>,
    /// Its wish passed the proxy in a message of this dialog, so it need not be repeated.
    entered: bool,
    owed: Vec<Sent>,
}

/// What a party knows of the other once there is a dialog.
#[derive(Clone)]
struct Remote {
    name_addr: String,
    target: String,
    routes: String,
}

impl Dialog {
    fn new(policy: &Arc<Policy>, seed: u64, cast: Cast, asks: Asks, person: Person) -> Dialog {
        let mut chance = Chance::new(seed);
        let open = Person {
            user: "open".into(),
            display: "Open".into(),
            number: "+3160000".into(),
            text: "open text".into(),
        };
        let told = if asks == Asks::Id { &open } else { &person };
        let party = |listener, address, stream, hides: bool, tag: &str| Party {
            call_id: String::new(),
            listener,
            address,
            stream,
            hides,
            asserted: if hides { person.clone() } else { open.clone() },
            told: if hides { told.clone() } else { open.clone() },
            tag: tag.to_owned(),
            cseq: 1,
            remote: None,
            entered: false,
            owed: Vec::new(),
        };
        let (caller, callee, domain) = match cast {
            Cast::Outwards => (
                ("core", "10.20.0.9:5060", None),
                ("net", "192.0.2.9:5060", None),
                "net.example",
            ),
            Cast::ToUe => (
                ("core", "10.20.0.9:5060", None),
                ("access", "10.30.0.9:5060", None),
                "ue.example",
            ),
            Cast::OutwardsByTcp => (
                ("core", "10.20.0.9:4711", Some(1)),
                ("net", "192.0.2.9:5060", Some(2)),
                "tcp.example",
            ),
            Cast::FromAlly => (
                ("net", "192.0.2.70:5060", None),
                ("net", "192.0.2.9:5060", None),
                "net.example",
            ),
            Cast::BetweenStrangers => (
                ("net", "192.0.2.30:5060", None),
                ("net", "192.0.2.9:5060", None),
                "net.example",
            ),
            Cast::Inwards => (
                ("net", "192.0.2.30:5060", None),
                ("core", "10.20.0.9:5060", None),
                "home1.example",
            ),
            Cast::InwardsByTcp => (
                ("net", "192.0.2.30:4711", Some(1)),
                ("core", "10.20.0.9:5060", None),
                "home1.example",
            ),
        };
        let answerer_hides = matches!(cast, Cast::Inwards | Cast::InwardsByTcp);
        let privacy = match asks {
            Asks::User => chance.of(&[
                "Privacy: user\r\n",
                "Privacy: user;id\r\n",
                "Privacy: id;user;critical\r\n",
                "privacy :USER ; Id\r\n",
                "Privacy: user\r\nPrivacy: id\r\n",
                "Privacy: none;user\r\n",
                "Privacy: header;user\r\n",
                "Privacy: user;\r\n id\r\n",
            ]),
            Asks::Id => chance.of(&[
                "Privacy: id\r\n",
                "Privacy: ID;critical\r\n",
                "Privacy: x-odd\r\n",
                "Privacy: header\r\n",
                "Privacy: id;history\r\n",
                "Privacy: \"id\"\r\n",
            ]),
            Asks::Nothing => "",
        };
        let mut call_id = format!("call-{:x}", chance.next());
        if !answerer_hides && asks == Asks::User && policy.privacy.call_id.value == CallIds::Map {
            // Its name and its host, as some telephones make them.
            call_id = format!("{call_id}.{}@10.20.0.9", person.user);
        }
        let mut world_seed = [0; 32];
        world_seed[..8].copy_from_slice(&seed.to_le_bytes());
        let (name_a, at_a, stream_a) = caller;
        let (name_b, at_b, stream_b) = callee;
        let mut dialog = Dialog {
            world: World::under(Arc::clone(policy), keys(), world_seed),
            asks,
            privacy,
            parties: [
                party(name_a, at_a, stream_a, !answerer_hides, "caller"),
                party(name_b, at_b, stream_b, answerer_hides, "callee"),
            ],
            inbox: VecDeque::new(),
            chance,
            domain,
            next_branch: 0,
            seen: Vec::new(),
            last: [None, None],
            last_out: None,
            cancellable: None,
        };
        dialog.parties[CALLER].call_id = call_id;
        dialog
    }

    fn run(&mut self) {
        let method = match self.chance.percent(75) {
            true => "INVITE",
            false => self
                .chance
                .of(&["SUBSCRIBE", "REFER", "MESSAGE", "OPTIONS", "PUBLISH", "NOVEL"]),
        };
        self.request(CALLER, method);
        for _ in 0..4 + self.chance.below(10) {
            self.settle();
            self.step();
        }
        // Everything comes to an end.
        self.settle();
        self.answer_all();
        let by = self.chance.below(2);
        self.request(by, "BYE");
        self.settle();
        self.answer_all();
        self.wait(Duration::from_secs(400));
        self.settle();
        self.answer_all();
        self.wait(Duration::from_secs(400));
        assert_eq!(self.world.engine.transactions(), 0, "transactions are left over");
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..45 => {
                let who = self.chance.below(2);
                self.answer(who);
            }
            45..70 => {
                let who = self.chance.below(2);
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
            70..76 => self.cancel(),
            76..84 => {
                let who = self.chance.below(2);
                if let Some(text) = self.last[who].clone() {
                    self.transmit(who, &text);
                }
            }
            84..86 => {
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

    /// A party sends; the network may lose it or bring it twice.
    fn transmit(&mut self, who: usize, text: &str) {
        self.last[who] = Some(text.to_owned());
        let (lost, twice) = (self.chance.percent(4), self.chance.percent(6));
        let party = &self.parties[who];
        let times = match (lost, twice, party.stream) {
            (true, _, None) => 0,
            (_, true, None) => 2,
            _ => 1,
        };
        let (listener, address, stream) = (party.listener, party.address, party.stream);
        for _ in 0..times {
            let sent = match stream {
                None => self.world.packet(listener, address, text),
                Some(connection) => self.world.stream(listener, address, connection, text),
            };
            self.left(sent);
        }
    }

    fn wait(&mut self, time: Duration) {
        let sent = self.world.pass(time);
        self.left(sent.into_iter().map(|(_, sent)| sent).collect());
    }

    fn left(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            let to = sent
                .to
                .ip()
                .to_string()
                .replace("10.20.0.77", host(self.parties[CALLER].address));
            let receiver = self.parties.iter().position(|party| host(party.address) == to);
            let in_domain = sent.from_listener == "core" || to == "192.0.2.70";
            if !in_domain && !receiver.is_some_and(|who| self.parties[who].hides) {
                let at = self.world.now.at;
                self.seen.push(Seen { at, sent: sent.clone() });
            }
            let Some(who) = receiver else { continue };
            if who == CALLEE {
                self.last_out = Some(sent.clone());
            }
            if !self.chance.percent(4) {
                self.inbox.push_back((who, sent));
            }
        }
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
        let method = sent.start().split(' ').next().unwrap_or_default().to_owned();
        match method.as_str() {
            "ACK" => return,
            "CANCEL" => {
                let ok = self.response(who, &sent, "200 OK");
                self.transmit(who, &ok);
                let branch = sent.row("Via").map(str::to_owned);
                let cancelled = self.parties[who]
                    .owed
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
        if who == CALLEE && self.parties[who].remote.is_none() {
            self.parties[who].call_id = sent.row("Call-ID").unwrap_or_default().to_owned();
            self.parties[who].remote = Some(Remote {
                name_addr: sent.row("From").unwrap_or_default().to_owned(),
                target: target(&sent).unwrap_or_else(|| "sip:gone@192.0.2.200".into()),
                routes: routes(&sent.rows("Record-Route"), false),
            });
        }
        if !self.parties[who].owed.iter().any(|owed| owed.bytes == sent.bytes) {
            self.parties[who].owed.push(sent);
        }
    }

    fn response_came(&mut self, who: usize, sent: &Sent) {
        let status: u16 = sent.start()[8..11].parse().unwrap_or_default();
        let cseq = sent.row("CSeq").unwrap_or_default();
        let is_invite = cseq.ends_with("INVITE");
        let forms = is_invite || cseq.ends_with("SUBSCRIBE") || cseq.ends_with("REFER");
        let tag_of_callee = format!(";tag={}", self.parties[CALLEE].tag);
        let to = sent.row("To").unwrap_or_default().to_owned();
        if who == CALLER && forms && (101..300).contains(&status) && to.contains(&tag_of_callee) {
            self.parties[CALLEE].entered = true;
            if self.parties[CALLER].remote.is_none() {
                self.parties[CALLER].remote = Some(Remote {
                    name_addr: to.clone(),
                    target: target(sent).unwrap_or_else(|| format!("sip:bob@{}", self.domain)),
                    // The node behind the caller takes its own value off.
                    routes: routes(&sent.rows("Record-Route"), true).replace(BEHIND, ""),
                });
            }
        }
        if status >= 200 && is_invite {
            if who == CALLER {
                self.cancellable = None;
            }
            let number = cseq.split(' ').next().unwrap_or_default().to_owned();
            self.acknowledge(who, status, &number, &to);
        }
    }

    fn acknowledge(&mut self, who: usize, status: u16, number: &str, to: &str) {
        let Some(last) = self.last[who].clone().filter(|text| text.starts_with("INVITE")) else {
            return;
        };
        let Some(Remote { target, routes, .. }) = self.parties[who].remote.clone() else {
            return;
        };
        let text = if status < 300 {
            let (via, from) = (self.via(who), self.from(who));
            let wish = self.wish(who);
            format!(
                "ACK {target} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{routes}{from}To: {to}\r\nCall-ID: {}\r\n\
                 CSeq: {number} ACK\r\n{wish}Content-Length: 0\r\n\r\n",
                self.parties[who].call_id
            )
        } else {
            let uri = last.split(' ').nth(1).unwrap_or_default().to_owned();
            let via = last.split("\r\n").nth(1).unwrap_or_default().to_owned();
            let from = self.from(who);
            format!(
                "ACK {uri} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{from}To: {to}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\n\
                 Content-Length: 0\r\n\r\n",
                self.parties[who].call_id
            )
        };
        let kept = self.last[who].clone();
        self.transmit(who, &text);
        self.last[who] = kept;
    }

    fn request(&mut self, who: usize, method: &'static str) {
        let remote = self.parties[who].remote.clone();
        let initial = who == CALLER && self.parties[who].cseq == 1;
        let (uri, to, routes) = match remote {
            Some(remote) if !initial => (remote.target, remote.name_addr, remote.routes),
            _ if initial => {
                let uri = format!("sip:bob@{}", self.domain);
                (uri.clone(), format!("<{uri}>"), String::new())
            }
            _ => return,
        };
        let (via, from, wish) = (self.via(who), self.from(who), self.wish(who));
        self.parties[who].cseq += 1;
        let (number, host) = (self.parties[who].cseq, host(self.parties[who].address));
        let mut rows = String::new();
        let told = self.parties[who].told.clone();
        if matches!(method, "INVITE" | "SUBSCRIBE" | "REFER" | "UPDATE" | "NOTIFY" | "NOVEL") {
            rows += &told.contact(host, &mut self.chance);
        }
        rows += &told.told(&mut self.chance);
        if method == "REFER" {
            rows += "Refer-To: <sip:carol@net.example>\r\n";
            rows += &format!("Referred-By: {}\r\n", told.name_addr("home1.example"));
        }
        if initial && self.parties[who].listener == "core" && self.chance.percent(40) {
            rows += &format!("Record-{BEHIND}");
        }
        let body = self.chance.of(&["", "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\n"]);
        let text = format!(
            "{method} {uri} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{routes}{from}To: {to}\r\nCall-ID: {}\r\n\
             CSeq: {number} {method}\r\n{wish}{rows}X-Plain: {number}\r\nContent-Length: {}\r\n\r\n{body}",
            self.parties[who].call_id,
            body.len()
        );
        if who == CALLER && method == "INVITE" {
            self.cancellable = Some(text.clone());
        }
        self.transmit(who, &text);
    }

    fn cancel(&mut self) {
        let Some(invite) = self.cancellable.clone() else { return };
        let mut lines = invite.split("\r\n");
        let start = lines.next().unwrap_or_default().replacen("INVITE", "CANCEL", 1);
        let kept = ["Via:", "Max-Forwards:", "Route:", "From:", "To:", "Call-ID:", "CSeq:"];
        let mut text = format!("{start}\r\n");
        for line in lines.filter(|line| kept.iter().any(|name| line.starts_with(name))) {
            text += &line.replace(" INVITE", " CANCEL");
            text += "\r\n";
        }
        if self.chance.percent(30) {
            let told = &self.parties[CALLER].told;
            text += &format!("Reason: SIP;cause=200;text=\"{}\"\r\n", told.text);
        }
        text += "Content-Length: 0\r\n\r\n";
        let kept = self.last[CALLER].clone();
        self.transmit(CALLER, &text);
        self.last[CALLER] = kept;
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
                "503 Later",
            ]),
        };
        // A 2xx to an INVITE may come again, and from another fork.
        let is_final = !status.starts_with('1');
        if is_final && !self.chance.percent(10) {
            self.parties[who].owed.remove(at);
        }
        let text = self.response(who, &request, status);
        self.transmit(who, &text);
    }

    fn answer_all(&mut self) {
        for who in [CALLER, CALLEE] {
            for request in std::mem::take(&mut self.parties[who].owed) {
                let text = self.response(who, &request, "200 OK");
                self.transmit(who, &text);
            }
        }
        self.settle();
    }

    // The text of messages.

    fn response(&mut self, who: usize, request: &Sent, status: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
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
        out += &self.wish(who);
        let (told, host) = (self.parties[who].told.clone(), host(self.parties[who].address));
        out += &told.answered(&mut self.chance);
        if status.starts_with('2') || status.starts_with("18") {
            out += &told.contact(host, &mut self.chance);
        }
        out + "X-Plain: yes\r\nContent-Length: 0\r\n\r\n"
    }

    /// Privacy, unless the party may count on being remembered, and what is asserted about it.
    fn wish(&mut self, who: usize) -> String {
        let party = &self.parties[who];
        if !party.hides {
            return String::new();
        }
        let again = self.chance.percent(50);
        let sticky = (who == CALLER && party.remote.is_some()) || (who == CALLEE && party.entered);
        let mut rows = String::new();
        if again || !sticky {
            rows += self.privacy;
        }
        let asserted = self.parties[who].asserted.clone();
        if self.chance.percent(70) {
            rows += &asserted.asserted(&mut self.chance);
        }
        rows + &asserted.bound(&mut self.chance)
    }

    fn via(&mut self, who: usize) -> String {
        self.next_branch += 1;
        let party = &self.parties[who];
        let (transport, rport) = match party.stream {
            Some(_) => ("TCP", ""),
            None => ("UDP", self.chance.of(&["", ";rport"])),
        };
        format!(
            "Via: SIP/2.0/{transport} {};branch=z9hG4bK{who}-{}{rport}\r\n",
            party.address, self.next_branch
        )
    }

    fn from(&mut self, who: usize) -> String {
        let party = &self.parties[who];
        let odd = match self.asks {
            Asks::User if party.hides => self.chance.of(&["", ";x=1"]),
            _ => "",
        };
        format!(
            "From: {};tag={}{odd}\r\n",
            party.told.name_addr("home1.example"),
            party.tag
        )
    }
}

fn host(address: &str) -> &str {
    address.split(':').next().unwrap_or_default()
}

fn target(sent: &Sent) -> Option<String> {
    let contact = sent.row("Contact").or_else(|| sent.row("m"))?;
    Some(contact_uri(contact).to_owned())
}
