//! A phone: transactions of its own, dialogs, and somebody who calls, answers, talks and hangs up by chance.
//!
//! Written from RFC 3261 alone, as simple as can be correct: it shares no code with the engine it talks to.

mod client;
mod dialog;
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

pub use client::{Client, Outcome};
pub use dialog::Dialog;
pub use server::{Server, Step};

use super::dice::Dice;
use super::person::{Of, Person, Place};
use super::wire::Wire;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64 times T1: how long anybody waits.
const LONG: Duration = Duration::from_secs(32);

/// Branch and method of a client transaction.
pub type ClientKey = (String, String);
/// Branch, sent-by and method of a server transaction.
pub type ServerKey = (String, String, String);
/// Call-ID, From tag, CSeq number and method: a request, wherever it is seen.
pub type RequestName = (String, String, u32, String);

/// Something a phone wants to be reminded of.
#[derive(Debug, Clone)]
pub enum Alarm {
    /// Send the request again.
    Resend(ClientKey),
    /// Nobody answered.
    Timeout(ClientKey),
    /// The caller has waited long enough.
    Impatient(ClientKey),
    /// The cancelled INVITE found no end.
    GiveUp(ClientKey),
    /// The next thing to answer.
    Answer(ServerKey, Step),
    /// Send the final response again.
    AnswerAgain(ServerKey),
    /// No ACK came.
    NoAck(ServerKey),
    /// Say something in this dialog, by its Call-ID.
    Talk(String),
}

/// What a phone does when something happens.
pub struct Out<'a> {
    pub now: Duration,
    pub dice: &'a mut Dice,
    pub sends: Vec<(SocketAddr, String)>,
    pub alarms: Vec<(Duration, Alarm)>,
    /// Second final answers: nobody may get one, unless a node forgot the first.
    pub second_answers: Vec<String>,
}

impl Out<'_> {
    fn remind(&mut self, after: Duration, alarm: Alarm) {
        self.alarms.push((self.now + after, alarm));
    }

    fn millis(&mut self, most: usize) -> Duration {
        Duration::from_millis(self.dice.below(most) as u64)
    }
}

pub struct Phone {
    pub name: &'static str,
    pub address: SocketAddr,
    pub place: Place,
    pub person: Person,
    pub clients: BTreeMap<ClientKey, Client>,
    servers: BTreeMap<ServerKey, Server>,
    dialogs: BTreeMap<String, Dialog>,
    /// The final answer it gave to each request; 0: none, ever.
    pub answers: BTreeMap<RequestName, u16>,
    count: u32,
}

/// Something to begin: a call, a request outside of any dialog.
#[derive(Debug, Clone)]
pub struct Story {
    pub method: &'static str,
    /// The Request-URI.
    pub target: String,
    /// The first hop.
    pub proxy: SocketAddr,
    pub cancel_after: Option<Duration>,
}

impl Phone {
    pub fn new(name: &'static str, address: &str, place: Place, person: Person) -> Phone {
        Phone {
            name,
            address: address.parse().unwrap_or_else(|_| panic!("{address}")),
            place,
            person,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            answers: BTreeMap::new(),
            count: 0,
        }
    }

    pub fn received(&mut self, from: SocketAddr, wire: &Wire, out: &mut Out<'_>) {
        match wire.status() {
            Some(status) => self.answered(wire, status, out),
            None => self.asked(from, wire, out),
        }
    }

    pub fn alarm(&mut self, alarm: Alarm, out: &mut Out<'_>) {
        match alarm {
            Alarm::Resend(key) => self.resend(&key, out),
            Alarm::Timeout(key) => self.timeout(&key, out),
            Alarm::Impatient(key) => self.impatient(&key, out),
            Alarm::GiveUp(key) => self.give_up(&key, out),
            Alarm::Answer(key, step) => self.answer(&key, step, out),
            Alarm::AnswerAgain(key) => self.answer_again(&key, out),
            Alarm::NoAck(key) => self.no_ack(&key, out),
            Alarm::Talk(call_id) => self.talk(&call_id, out),
        }
    }

    /// Begins a request outside of any dialog.
    pub fn begin(&mut self, story: &Story, out: &mut Out<'_>) {
        let Story { method, target, .. } = story;
        let registers = *method == "REGISTER";
        let call_id = format!("{:x}-{}", out.dice.roll(), self.count);
        let from = match registers {
            true => format!("<{}>", self.person.identity()),
            false => self.person.name_addr(),
        };
        let to = if registers { from.clone() } else { format!("<{target}>") };
        let rows = match registers {
            true => String::from("Expires: 600\r\n"),
            false => self.person.rows(Of::Request, true) + usage_rows(method),
        };
        let head = Head {
            method,
            target,
            routes: &[],
            from: &format!("{from};tag={:x}", out.dice.roll() >> 40),
            to: &to,
            call_id: &call_id,
            sequence: 1 + out.dice.below(1000) as u32,
            rows: &rows,
        };
        let key = self.send_request(&head, story.proxy, out);
        if let Some(after) = story.cancel_after {
            out.remind(after, Alarm::Impatient(key));
        }
    }

    /// Writes a request, with a branch of its own. Gives the branch.
    fn write(&mut self, head: &Head<'_>, rport: bool) -> (String, String) {
        self.count += 1;
        let branch = format!("z9hG4bK{}.{}", self.name, self.count);
        let Head {
            method,
            target,
            from,
            to,
            call_id,
            sequence,
            rows,
            ..
        } = head;
        let routes: String = head.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let contact = match *method {
            "INVITE" | "UPDATE" | "SUBSCRIBE" | "NOTIFY" | "REGISTER" => self.person.contact(&self.address.to_string()),
            _ => String::new(),
        };
        let rport = if rport { ";rport" } else { "" };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {}{rport};branch={branch}\r\nMax-Forwards: 70\r\n{routes}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n{contact}{rows}\
             Content-Length: 0\r\n\r\n",
            self.address
        );
        (branch, text)
    }
}

/// The rows of a subscription.
fn usage_rows(method: &str) -> &'static str {
    match method {
        "SUBSCRIBE" => "Event: presence\r\nExpires: 600\r\n",
        "NOTIFY" => "Event: presence\r\nSubscription-State: active\r\n",
        _ => "",
    }
}

/// What a request is made of.
struct Head<'a> {
    method: &'a str,
    target: &'a str,
    routes: &'a [String],
    from: &'a str,
    to: &'a str,
    call_id: &'a str,
    sequence: u32,
    rows: &'a str,
}
