//! What must hold for every message that a node sends, and for a run when it is over.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::names::Names;
use super::person::{FORGED, Place};
use super::phone::{Client, Outcome, Phone, RequestName};
use super::weather::Weather;
use super::wire::Wire;

/// One life of one node.
pub type Life = (usize, u32);

/// Counted over all runs: a test that never met what it watches for shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub runs: u64,
    pub datagrams: u64,
    pub lost: u64,
    pub repeated: u64,
    pub crashes: u64,
    pub requests: u64,
    pub answered: u64,
    pub timed_out: u64,
    /// Requests whose answer had to be the one that was given.
    pub fair: u64,
    /// Requests within a dialog that succeeded after a node on their way forgot everything.
    pub carried_on: u64,
    /// Messages for somebody outside while somebody hides.
    pub watched: u64,
    /// Of every datagram: when, where from, where to, what.
    pub digest: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            runs,
            datagrams,
            lost,
            repeated,
            ..
        } = self;
        let Tally {
            crashes,
            requests,
            answered,
            timed_out,
            ..
        } = self;
        let Tally {
            fair,
            carried_on,
            watched,
            digest,
            ..
        } = self;
        write!(
            out,
            "{runs} runs: {datagrams} datagrams, {lost} lost, {repeated} twice; {crashes} crashes; {requests} requests, \
             {answered} answered, {timed_out} given up, {fair} in fair weather, {carried_on} carried on after a crash; \
             {watched} looks for a secret; digest {digest:016x}"
        )
    }
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.datagrams += other.datagrams;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.crashes += other.crashes;
        self.requests += other.requests;
        self.answered += other.answered;
        self.timed_out += other.timed_out;
        self.fair += other.fair;
        self.carried_on += other.carried_on;
        self.watched += other.watched;
        self.digest = self.digest.rotate_left(1) ^ other.digest;
    }
}

/// What each life of a node has sent.
#[derive(Default)]
pub struct Oracle {
    requests: BTreeMap<(Life, SocketAddr, String, String), Bytes>,
    finals: BTreeMap<(Life, SocketAddr, String, String), Final>,
}

/// How long a server transaction remembers its final answer: timers H, J and L. A copy that comes later begins a new one.
const REMEMBERED: Duration = Duration::from_secs(32);

struct Final {
    at: Duration,
    status: u16,
    to_tag: String,
    bytes: Bytes,
}

impl Oracle {
    /// Looks at one message that a node sends.
    pub fn sent(
        &mut self,
        now: Duration,
        life: Life,
        to: SocketAddr,
        bytes: &Bytes,
        phones: &[Phone],
        tally: &mut Tally,
    ) -> Result<(), String> {
        let Some(wire) = Wire::read(bytes) else {
            return Err(format!("a message nobody can read: {}", bytes.escape_ascii()));
        };
        show_no_secret(to, bytes, phones, tally)?;
        match wire.status() {
            Some(status) => self.response(now, life, to, &wire, status, bytes),
            None => self.request(life, to, &wire, bytes),
        }
    }

    /// A request that goes out again is the same request.
    fn request(&mut self, life: Life, to: SocketAddr, wire: &Wire, bytes: &Bytes) -> Result<(), String> {
        let key = (life, to, wire.branch().to_owned(), wire.method().to_owned());
        let first = self.requests.entry(key).or_insert_with(|| bytes.clone());
        match first == bytes {
            true => Ok(()),
            false => Err(format!("a retransmission differs from the first: {}", wire.start)),
        }
    }

    /// A server transaction has one final answer, and nothing provisional after it.
    fn response(
        &mut self,
        now: Duration,
        life: Life,
        to: SocketAddr,
        wire: &Wire,
        status: u16,
        bytes: &Bytes,
    ) -> Result<(), String> {
        let key = (life, to, wire.first("via").to_owned(), wire.first("cseq").to_owned());
        if let Some(before) = self.finals.get(&key).filter(|before| now < before.at + REMEMBERED) {
            if status < 200 {
                return Err(format!("{status} after a final {}", before.status));
            }
            if (before.status, &*before.to_tag) != (status, wire.called_tag()) || before.bytes != *bytes {
                return Err(format!("a second final answer: {} and then {status}", before.status));
            }
            return Ok(());
        }
        if status >= 200 {
            let to_tag = wire.called_tag().to_owned();
            let bytes = bytes.clone();
            self.finals.insert(
                key,
                Final {
                    at: now,
                    status,
                    to_tag,
                    bytes,
                },
            );
        }
        Ok(())
    }
}

/// Nobody outside T sees what somebody else hides, and nobody at all what a stranger claims to be.
fn show_no_secret(to: SocketAddr, bytes: &[u8], phones: &[Phone], tally: &mut Tally) -> Result<(), String> {
    let shows = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    if shows(FORGED) {
        return Err("what a stranger claims to be gets inside".to_owned());
    }
    let receiver = phones.iter().find(|phone| phone.address == to);
    let Some(receiver) = receiver.filter(|phone| phone.place != Place::Core) else {
        return Ok(());
    };
    for phone in phones.iter().filter(|phone| phone.address != to) {
        let Some(secret) = &phone.person.secret else { continue };
        tally.watched += 1;
        if shows(secret) {
            return Err(format!("{} sees what {} hides", receiver.name, phone.name));
        }
    }
    Ok(())
}

/// What holds for the phones when all is over.
///
/// `hopeless`: some name led nowhere.
pub fn over(phones: &[Phone], weather: &Weather, hopeless: bool, tally: &mut Tally) -> Result<(), String> {
    let mut answers: BTreeMap<&RequestName, u16> = BTreeMap::new();
    for phone in phones {
        answers.extend(phone.answers.iter().map(|(name, status)| (name, *status)));
    }
    for phone in phones {
        for client in phone.clients.values() {
            tally.requests += 1;
            let answer = answers.get(&client.name).copied();
            request_over(phone, client, answer, weather, hopeless, tally)
                .map_err(|what| format!("{what} ({} of {} at {:?})", client.name.3, phone.name, client.begun))?;
        }
    }
    Ok(())
}

fn request_over(
    phone: &Phone,
    client: &Client,
    answer: Option<u16>,
    weather: &Weather,
    hopeless: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let Some((ended, outcome)) = client.outcome else {
        return Err("a request never had an end".to_owned());
    };
    match outcome {
        Outcome::Answered(_) => tally.answered += 1,
        Outcome::TimedOut => tally.timed_out += 1,
    }
    let method = &*client.name.3;
    // An INVITE waits until the next address is tried; other requests end when the first is given up.
    let found = weather.names == Names::Sound || client.in_dialog || (method == "INVITE" && !hopeless);
    if method == "CANCEL" || !found || !weather.is_calm() || !weather.all_alive(client.begun, ended) {
        return Ok(());
    }
    // The edge that forgot its registrations, or never had one, wants one first.
    let crashed = weather.crashes.iter().any(|crash| crash.at <= ended);
    if phone.place == Place::Access && (crashed || weather.names != Names::Sound) && outcome == Outcome::Answered(403) {
        return Ok(());
    }
    tally.fair += 1;
    if client.in_dialog && crashed && outcome == Outcome::Answered(200) {
        tally.carried_on += 1;
    }
    let met = match (answer, outcome) {
        (None | Some(0), Outcome::Answered(487)) if client.cancelled => true,
        (Some(0), Outcome::Answered(408)) => method == "INVITE",
        // Who hung up gives up at the very time when the proxy does.
        (Some(0), Outcome::TimedOut) => method != "INVITE" || client.cancelled,
        (Some(_), Outcome::Answered(487)) if client.cancelled => true,
        (Some(503), Outcome::Answered(500)) => true,
        (Some(given), Outcome::Answered(got)) => given == got,
        _ => false,
    };
    match met {
        true => Ok(()),
        false => Err(format!(
            "in fair weather the called party gave {answer:?} and the caller had {outcome:?}"
        )),
    }
}
