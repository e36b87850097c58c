//! A dialog, or a single request and its answers, made by chance and played through an engine.

use std::sync::Arc;

use sipveil::policy::Policy;
use sipveil::seal::Keys;

use super::carriers::{Way, written};
use super::dice::Dice;
use super::facts::Facts;
use super::party::{Class, PARTIES, Party, UE_IDENTITIES};
use super::rows::{self, Message, Row};
use super::tables::Tables;
use super::verdict::{self, Leg, Verdict, uri_outside};
use super::wish::Wish;
use crate::world::{self, Sent, World};

/// Policies by chance, read once.
pub struct Policies {
    all: Vec<(Arc<Facts>, Arc<Policy>, String)>,
    keys: Arc<Keys>,
    tables: Tables,
}

/// Policies under which messages are played, in turn.
const POLICIES: usize = 300;

impl Policies {
    pub fn draw(seed: u64) -> Policies {
        let mut dice = Dice::new(seed);
        let draw = |_| {
            let (facts, text) = Facts::draw(&mut dice);
            (Arc::new(facts), Arc::new(world::policy(&text)), text)
        };
        Policies {
            all: (0..POLICIES).map(draw).collect(),
            keys: world::keys(),
            tables: Tables::of_the_catalogue(),
        }
    }

    /// The text of the policy that a number is played under.
    pub fn text(&self, number: u64) -> &str {
        &self.all[number as usize % POLICIES].2
    }
}

/// One message that went in, and what came out.
pub struct Seen {
    pub facts: Arc<Facts>,
    pub from: &'static Party,
    pub to: &'static Party,
    pub method: String,
    pub status: Option<u16>,
    pub in_dialog: bool,
    pub message: Message,
    pub text: String,
    remembered: Option<Wish>,
    called: Option<String>,
    pub expects: Expects,
    pub outcome: Outcome,
}

/// What its dialog says about a message.
#[derive(Debug, Clone, Default)]
pub struct Expects {
    pub start: String,
    /// Of a response: as its requester wrote it.
    pub from: Option<String>,
    pub to: String,
    /// `None`: the first request, the verdict says.
    pub call_id: Option<String>,
    /// Of a response: the Via and the Record-Route of its requester.
    pub vias: Vec<String>,
    pub record_routes: Vec<String>,
    /// Of a response: the charging vector of a request that came from T.
    pub charging: Option<String>,
}

#[derive(Debug)]
pub enum Outcome {
    Arrived(Message),
    Refused(u16),
    Nothing,
}

impl Seen {
    pub fn leg(&self) -> Leg<'_> {
        Leg {
            facts: &self.facts,
            from: self.from,
            to: self.to,
            method: &self.method,
            status: self.status,
            in_dialog: self.in_dialog,
            message: &self.message,
            remembered: self.remembered.as_ref(),
            call_id: self.expects.call_id.as_deref(),
            called: self.called.as_deref(),
        }
    }
}

/// Plays one number under one seed.
pub fn play(policies: &Policies, seed: u64, number: u64) -> Vec<Seen> {
    let (facts, policy, _) = &policies.all[number as usize % POLICIES];
    let mut dice = Dice::new(Dice::new(seed ^ number.rotate_left(32)).roll());
    let caller = dice.below(PARTIES.len());
    let callee = (caller + 1 + dice.below(PARTIES.len() - 1)) % PARTIES.len();
    let (caller, callee) = (&PARTIES[caller], &PARTIES[callee]);
    let mut world = World::under(Arc::clone(policy), Arc::clone(&policies.keys), [1; 32]);
    for party in [caller, callee] {
        if party.sends_as == Class::Ue {
            register(&mut world, party);
        }
    }
    let mut play = Play {
        tables: &policies.tables,
        facts: Arc::clone(facts),
        dice,
        world,
        seen: Vec::new(),
        branch: 0,
    };
    play.run(caller, callee);
    play.seen
}

struct Play<'p> {
    tables: &'p Tables,
    facts: Arc<Facts>,
    dice: Dice,
    world: World,
    seen: Vec<Seen>,
    branch: u32,
}

/// One side of a dialog: what it knows of it.
struct End {
    party: &'static Party,
    /// Its own address, as it writes it.
    local: String,
    /// The other's address, as it was told.
    remote: String,
    /// Where it sends to.
    target: String,
    routes: String,
    /// Where it really is.
    contact: String,
    call_id: String,
    asked: Wish,
    cseq: u32,
}

/// A request that was delivered.
struct Delivered {
    as_sent: Message,
    as_seen: Message,
    wish: Wish,
}

const FORMS_DIALOGS: &[&str] = &["INVITE", "SUBSCRIBE", "REFER", "FOO"];

impl Play<'_> {
    fn run(&mut self, caller: &'static Party, callee: &'static Party) {
        let methods = [
            "INVITE",
            "INVITE",
            "INVITE",
            "INVITE",
            "MESSAGE",
            "MESSAGE",
            "SUBSCRIBE",
            "REFER",
            "OPTIONS",
            "PUBLISH",
            "FOO",
        ];
        let method = *self.dice.pick(&methods);
        let Some(first) = self.first(caller, callee, method) else {
            return;
        };
        let called = self.called(&first, caller, callee);
        let Some((answer, asked)) = self.answers(&first, caller, callee, method, called.as_deref()) else {
            return;
        };
        let has_way = !answer.values("record-route").is_empty() && FORMS_DIALOGS.contains(&method);
        if !has_way || !answer.start.starts_with("SIP/2.0 2") {
            return;
        }
        let contact = |message: &Message| message.value("contact").map(|value| rows::uri(&value).to_owned());
        let (Some(at_caller), Some(at_callee)) = (contact(&answer), contact(&first.as_seen)) else {
            return;
        };
        let real = |party: &Party| format!("sip:{}@{}", name_of(party), party.host());
        let value = |message: &Message, name: &str| message.value(name).unwrap_or_default();
        let mut ends = [
            End {
                party: caller,
                local: value(&first.as_sent, "from"),
                remote: value(&answer, "to"),
                target: at_caller,
                routes: routes(caller, answer.values("record-route"), true),
                contact: contact(&first.as_sent).unwrap_or_else(|| real(caller)),
                call_id: value(&first.as_sent, "call-id"),
                asked: first.wish,
                cseq: 1,
            },
            End {
                party: callee,
                local: format!("{};tag=b", value(&first.as_seen, "to")),
                remote: value(&first.as_seen, "from"),
                target: at_callee,
                routes: routes(callee, first.as_seen.values("record-route"), false),
                contact: self.callee_contact(callee),
                call_id: value(&first.as_seen, "call-id"),
                asked,
                cseq: 100,
            },
        ];
        if method == "INVITE" {
            self.within(&mut ends, 0, "ACK");
        }
        for _ in 0..self.dice.below(4) {
            let sender = self.dice.below(2);
            let methods = [
                "INVITE",
                "UPDATE",
                "INFO",
                "MESSAGE",
                "REFER",
                "NOTIFY",
                "SUBSCRIBE",
                "PRACK",
                "OPTIONS",
                "FOO",
                "BYE",
            ];
            let method = *self.dice.pick(&methods);
            self.within(&mut ends, sender, method);
            if method == "BYE" {
                break;
            }
        }
    }

    /// The request that begins everything.
    fn first(&mut self, caller: &'static Party, callee: &'static Party, method: &str) -> Option<Delivered> {
        let forms = FORMS_DIALOGS.contains(&method);
        let from = *self.dice.pick(&[
            "\"Al Secret\" <sip:al-secret@home1.example>;tag=7",
            "\"Al Secret\" <sip:al-secret@home1.example>;tag=7",
            "<sip:al-secret@home1.example>;tag=7;foo=1",
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7",
            "\"Al Secret\" <sip:anonymous@anonymous.invalid>;tag=7",
            "Anonymous <sip:al-secret@far.example>;tag=7",
            "sip:al-secret@far.example;tag=7",
            "<tel:+15550001>;tag=7",
        ]);
        let called = match callee.sends_as == Class::Ue && self.dice.one_in(2) {
            true => format!("<{}>", UE_IDENTITIES[0]),
            false => format!("<sip:bob@{}>", callee.domain),
        };
        let call_id = *self.dice.pick(&[
            "call-1",
            "call-1",
            "call-1",
            "x@elsewhere.example",
            "x@10.99.0.7",
            "x@pc.home1.example",
            "x@phone.inside.example",
        ]);
        let uri = match self.dice.below(8) {
            0 => format!("sip:+1555;cpc=ordinary@{}", callee.domain),
            1 => format!("sip:bob@{};iotl=homea-homeb", callee.domain),
            _ => format!("sip:bob@{}", callee.domain),
        };
        let mut rows = self.way(caller, callee, true);
        if self.dice.one_in(2) {
            rows.push("Via: SIP/2.0/UDP phone.inside.example:5060;branch=z9hG4bKphone\r\n".to_owned());
        }
        if forms && !caller.proxy.is_empty() && self.dice.one_in(2) {
            rows.push(format!("Record-Route: <sip:{};lr>\r\n", caller.proxy));
        }
        if method != "MESSAGE" || self.dice.one_in(2) {
            rows.push(self.contact(caller, forms));
        }
        let head = [("From", "f", from), ("To", "t", &*called), ("Call-ID", "i", call_id)];
        let head: String = head
            .iter()
            .map(|(name, compact, value)| written(&mut self.dice, name, compact, value))
            .collect();
        let text = self.request(caller, method, &uri, 1, &head, &rows);
        let expects = Expects {
            start: start(method, &uri, callee),
            to: called,
            ..Expects::default()
        };
        let sender = Sender {
            from: caller,
            to: callee,
            remembered: None,
            in_dialog: false,
        };
        self.deliver(sender, method, &text, expects)
    }

    /// The text of a request. `head`: From, To, Call-ID, and Route within a dialog.
    fn request(&mut self, from: &Party, method: &str, uri: &str, cseq: u32, head: &str, rows: &[String]) -> String {
        self.branch += 1;
        let (branch, address) = (self.branch, from.address);
        let body = if method == "MESSAGE" {
            "al-secret says\r\n\r\nhello"
        } else {
            ""
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n{head}\
             CSeq: {cseq} {method}\r\n{}Content-Length: {}\r\n\r\n{body}",
            rows.concat(),
            body.len()
        )
    }

    fn deliver(&mut self, sender: Sender<'_>, method: &str, text: &str, expects: Expects) -> Option<Delivered> {
        let Sender {
            from,
            to,
            remembered,
            in_dialog,
        } = sender;
        let sent = self.world.packet(from.listener, from.address, text);
        let outcome = outcome_of_request(&sent, method, from);
        let message = Message::read(text);
        self.seen.push(Seen {
            facts: Arc::clone(&self.facts),
            from,
            to,
            method: method.to_owned(),
            status: None,
            in_dialog,
            message,
            text: text.to_owned(),
            remembered: remembered.cloned(),
            called: None,
            expects,
            outcome,
        });
        self.delivered()
    }

    /// The request seen last, if it arrived and was to arrive.
    fn delivered(&self) -> Option<Delivered> {
        let seen = self.seen.last()?;
        let Outcome::Arrived(as_seen) = &seen.outcome else {
            return None;
        };
        match verdict::decide(self.tables, &seen.leg()) {
            Verdict::Passed(passage) => Some(Delivered {
                as_sent: seen.message.clone(),
                as_seen: as_seen.clone(),
                wish: passage.wish,
            }),
            Verdict::Refused(_) => None,
        }
    }

    /// PAI-010: whom a first request to a UE called.
    fn called(&self, first: &Delivered, caller: &Party, callee: &Party) -> Option<String> {
        if callee.sends_as != Class::Ue {
            return None;
        }
        let named = first
            .as_sent
            .value("p-called-party-id")
            .filter(|_| caller.sends_as == Class::Trusted);
        let to = first.as_sent.value("to").unwrap_or_default();
        let registered = UE_IDENTITIES.contains(&rows::uri(&to));
        named
            .or_else(|| registered.then_some(to))
            .map(|value| format!("<{}>", rows::uri(&value)))
    }

    /// The answers of the callee: the last one as the caller sees it, and what the callee asked for.
    fn answers(
        &mut self,
        first: &Delivered,
        caller: &'static Party,
        callee: &'static Party,
        method: &str,
        called: Option<&str>,
    ) -> Option<(Message, Wish)> {
        let mut statuses = Vec::new();
        if method == "INVITE" && self.dice.one_in(2) {
            statuses.push(*self.dice.pick(&["180 Ringing", "183 Session Progress"]));
        }
        statuses.push(*self.dice.pick(&[
            "200 OK",
            "200 OK",
            "200 OK",
            "200 OK",
            "202 Accepted",
            "302 Moved Temporarily",
            "401 Unauthorized",
            "404 Not Found",
            "486 Busy Here",
            "603 Decline",
        ]));
        let forms = FORMS_DIALOGS.contains(&method);
        let behind = forms && !callee.proxy.is_empty() && self.dice.one_in(3);
        let mut asked: Option<Wish> = None;
        let mut last = None;
        for status in statuses {
            let answering = Answering {
                from: callee,
                to: caller,
                method,
                in_dialog: false,
                remembered: asked.clone(),
                called: called.map(str::to_owned),
                behind,
            };
            let (seen, wish) = self.answer(first, answering, status)?;
            // By the first that says anything: a 180 without a word is not what a 200 that hides takes back.
            if forms && asked.is_none() && wish != Wish::default() {
                asked = Some(wish);
            }
            last = Some(seen);
        }
        last.map(|last| (last, asked.unwrap_or_default()))
    }

    fn answer(&mut self, request: &Delivered, answering: Answering<'_>, status: &str) -> Option<(Message, Wish)> {
        let Answering {
            from,
            to,
            method,
            in_dialog,
            remembered,
            called,
            behind,
        } = answering;
        let mut rows = self.way(from, to, false);
        // Whether a wish that comes first in an answer within the dialog holds from then on, PRIV-131 leaves to the memory there
        // is: nothing is said there.
        let entered = remembered.as_ref() != Some(&Wish::default());
        if in_dialog && !entered && FORMS_DIALOGS.contains(&method) {
            rows.retain(|row| !["privacy", "p-asserted-identity"].contains(&&*Row::new(row).name()));
        }
        if method != "MESSAGE" && method != "BYE" {
            rows.push(match in_dialog || FORMS_DIALOGS.contains(&method) {
                true => format!("Contact: <{}>\r\n", self.callee_contact(from)),
                false => self.contact(from, false),
            });
        }
        let text = respond(&request.as_seen, from, status, behind, &rows);
        let sent = self.world.packet(from.listener, from.address, &text);
        let message = Message::read(&text);
        let wanted = format!("SIP/2.0 {status}");
        let arrived = sent
            .iter()
            .find(|sent| sent.to.to_string() == to.address && sent.start() == wanted);
        let outcome = arrived.map_or(Outcome::Nothing, |sent| Outcome::Arrived(Message::read(sent.text())));
        let requested = &request.as_sent;
        let mut to_value = requested.value("to").unwrap_or_default();
        if !to_value.contains(";tag=") {
            to_value += ";tag=b";
        }
        let record_routes: Vec<String> = requested.values("record-route");
        let expects = Expects {
            start: wanted,
            from: requested.value("from"),
            to: to_value,
            call_id: requested.value("call-id"),
            vias: requested.values("via"),
            record_routes,
            charging: requested
                .values("p-charging-vector")
                .into_iter()
                .next()
                .filter(|_| to.sends_as == Class::Trusted),
        };
        self.seen.push(Seen {
            facts: Arc::clone(&self.facts),
            from,
            to,
            method: method.to_owned(),
            status: message.status(),
            in_dialog,
            message,
            text,
            remembered,
            called,
            expects,
            outcome,
        });
        let seen = self.seen.last()?;
        let Outcome::Arrived(arrived) = &seen.outcome else {
            return None;
        };
        match verdict::decide(self.tables, &seen.leg()) {
            Verdict::Passed(passage) => Some((arrived.clone(), passage.wish)),
            Verdict::Refused(_) => None,
        }
    }

    /// One request within the dialog, and its answer.
    fn within(&mut self, ends: &mut [End; 2], sender: usize, method: &str) {
        let (own, other) = (&ends[sender], &ends[1 - sender]);
        let (from, to) = (own.party, other.party);
        let cseq = if method == "ACK" { 1 } else { own.cseq + 1 };
        let mut rows = self.way(from, to, true);
        if ["INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY", "FOO"].contains(&method) {
            rows.push(format!("Contact: <{}>\r\n", own.contact));
        }
        let head = format!(
            "{}From: {}\r\nTo: {}\r\nCall-ID: {}\r\n",
            own.routes, own.local, own.remote, own.call_id
        );
        let text = self.request(from, method, &own.target, cseq, &head, &rows);
        let expects = Expects {
            start: start(method, &other.contact, to),
            // The caller knows the callee by what it called.
            to: if sender == 1 {
                other.local.clone()
            } else {
                own.remote.clone()
            },
            call_id: Some(other.call_id.clone()),
            ..Expects::default()
        };
        let asked = own.asked.clone();
        let delivering = Sender {
            from,
            to,
            remembered: Some(&asked),
            in_dialog: true,
        };
        let delivered = self.deliver(delivering, method, &text, expects);
        ends[sender].cseq = cseq.max(ends[sender].cseq);
        let (Some(delivered), false) = (delivered, method == "ACK") else {
            return;
        };
        let status = *self.dice.pick(&[
            "200 OK",
            "200 OK",
            "200 OK",
            "404 Not Found",
            "480 Temporarily Unavailable",
        ]);
        let answering = Answering {
            from: to,
            to: from,
            method,
            in_dialog: true,
            remembered: Some(ends[1 - sender].asked.clone()),
            called: None,
            behind: false,
        };
        self.answer(&delivered, answering, status);
    }

    fn way(&mut self, from: &Party, to: &Party, request: bool) -> Vec<String> {
        let way = Way { from, to, request };
        way.rows(&mut self.dice)
    }

    /// A Contact row. One that is to be used leads to its party.
    fn contact(&mut self, party: &Party, used: bool) -> String {
        let host = party.host();
        let mut values = vec![
            format!("<sip:al-secret@{host}>"),
            format!("<sip:al-secret@{host}>"),
            format!("\"Al Secret\" <sip:al-secret@{host}>;audio"),
            format!("<sip:{host}>"),
            format!("\"Al Secret\" <sip:{host}>"),
            format!("<sip:{host}>;+sip.instance=\"<urn:uuid:al-secret>\";video"),
        ];
        if !used {
            values.extend([
                "<sip:al-secret@home1.example;gr=urn:uuid:1>".to_owned(),
                "<sip:tgruu.7hs==@home1.example;gr>".to_owned(),
                "sip:al-secret@10.99.0.7".to_owned(),
            ]);
        }
        let value = self.dice.pick(&values).clone();
        written(&mut self.dice, "Contact", "m", &value)
    }

    fn callee_contact(&self, party: &Party) -> String {
        format!("sip:{}@{}", name_of(party), party.host())
    }
}

struct Sender<'s> {
    from: &'static Party,
    to: &'static Party,
    remembered: Option<&'s Wish>,
    in_dialog: bool,
}

struct Answering<'a> {
    from: &'static Party,
    to: &'static Party,
    method: &'a str,
    in_dialog: bool,
    remembered: Option<Wish>,
    called: Option<String>,
    /// A node on the responder's side stays on the way.
    behind: bool,
}

fn name_of(party: &Party) -> &'static str {
    party.domain.split('.').next().unwrap_or_default()
}

/// The start line that a request arrives with (PRIV-106).
fn start(method: &str, uri: &str, to: &Party) -> String {
    match to.receives_as {
        Class::Untrusted => format!("{method} {} SIP/2.0", uri_outside(uri)),
        _ => format!("{method} {uri} SIP/2.0"),
    }
}

/// The Route rows of a party's requests, without the node in front of it, which has done its part.
fn routes(party: &Party, mut record_routes: Vec<String>, reversed: bool) -> String {
    if reversed {
        record_routes.reverse();
    }
    record_routes.retain(|value| party.proxy.is_empty() || !value.contains(&format!(":{};", party.proxy)));
    record_routes
        .iter()
        .map(|value| format!("Route: {value}\r\n"))
        .collect()
}

fn respond(request: &Message, from: &Party, status: &str, behind: bool, rows: &[String]) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for via in request.values("via") {
        text += &format!("Via: {via}\r\n");
    }
    if behind {
        text += &format!("Record-Route: <sip:{};lr>\r\n", from.proxy);
    }
    for value in request.values("record-route") {
        text += &format!("Record-Route: {value}\r\n");
    }
    let value = |name: &str| request.value(name).unwrap_or_default();
    let to = value("to");
    let tag = if to.contains(";tag=") { "" } else { ";tag=b" };
    text += &format!(
        "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
        value("from"),
        value("call-id"),
        value("cseq")
    );
    text + &rows.concat() + "Content-Length: 0\r\n\r\n"
}

fn outcome_of_request(sent: &[Sent], method: &str, from: &Party) -> Outcome {
    let is_it = |sent: &&Sent| sent.start().starts_with(&format!("{method} "));
    if let Some(arrived) = sent.iter().find(is_it) {
        return Outcome::Arrived(Message::read(arrived.text()));
    }
    let back = sent.iter().filter(|sent| sent.to.to_string() == from.address);
    let mut codes = back.filter_map(|sent| Message::read(sent.text()).status());
    codes
        .find(|code| *code > 100)
        .map_or(Outcome::Nothing, Outcome::Refused)
}

/// Registers a UE, as the network says it is called.
fn register(world: &mut World, party: &Party) {
    let ue = party.address;
    let request = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {ue};branch=z9hG4bKr{ue}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: reg{ue}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:ue@{ue}>;expires=600\r\nSupported: path\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = world.packet("access", ue, &request);
    let identities: Vec<String> = UE_IDENTITIES.iter().map(|identity| format!("<{identity}>")).collect();
    let more = format!(
        "Contact: <sip:ue@{ue}>;expires=600\r\nP-Associated-URI: {}\r\n",
        identities.join(", ")
    );
    if let Some(sent) = sent.first() {
        world.packet("core", "10.20.0.9:5060", &world::respond(sent, "200 OK", "s", &more));
    }
}
