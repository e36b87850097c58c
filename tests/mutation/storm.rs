//! An engine in a storm: damaged requests, damaged responses to what it sent, damaged requests within its dialogs.
//!
//! Nothing here knows what the right answer is. It knows what must never be: a panic, an asserted identity at a stranger
//! that the message it came in asked to hide, an identity a stranger invented inside, an output nobody can read, tables
//! that do not empty when nothing comes any more.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sipveil::engine::event::Event;
use sipveil::engine::{Bound, Engine, Input, LocateId, Now, Output, SendId, Setup};
use sipveil::locate::Question;
use sipveil::policy::{ListenerId, Policy};
use sipveil::privacy::Outgoing;
use sipveil::seal::Keys;
use sipveil::sip::Transport;
use sipveil::sip::framing::{Frame, Framer, FramingLimits};
use sipveil::trust::{ConnectionId, Destination, Flow};

use super::answers;
use super::dice::Dice;
use super::mutator::mutate;
use super::reading::{self, Read};
use super::rows::{self, rows};
use super::seeds::{ANSWERING, DOMAINS, FORGED, SECRET};

/// Three parties as in any deployment, next hops by address, by name and over TCP, and small ceilings, so that they are met.
const POLICY: &str = r#"
schema = 1
profile = "ims"
[domain]
id = "T-home1"
admin_domains = ["home1.example"]
[spec_t]
user_authentication = ["none"]
inter_node_security = ["physical"]
ue_security = ["none"]
i_accept_unprotected_access = true
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
[[listener]]
name = "core"
bind = ["udp://10.20.0.1:5060", "tcp://10.20.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "net"
bind = ["udp://192.0.2.1:5060", "tcp://192.0.2.1:5060"]
peers = "listed"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.30.0.1:5060", "tcp://10.30.0.1:5060"]
peers = "ue"
[[peer]]
name = "ally"
prefixes = ["192.0.2.64/26"]
secured_by = "physical"
[[route]]
from = "core"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "core"
domain = ["ally.example"]
next_hop = ["sip:192.0.2.70:5060", "sip:192.0.2.71:5060"]
via = "net"
[[route]]
from = "core"
domain = ["tcp.example"]
next_hop = ["sip:192.0.2.9:5060;transport=tcp"]
via = "net"
[[route]]
from = "core"
domain = ["named.example"]
next_hop = ["sip:edge.named.example", "sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "core"
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "net"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "net"
domain = ["net.example"]
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "net"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
[[route]]
from = "access"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
[evidence]
reverse_dns = true
[limits]
transactions_max = 3000
pending_max = 200
questions_max = 50
plans_max = 3
reverse_names_max = 2
avoided_max = 3
remembered_max = 200
"#;

/// Who sends: a listener, its local address, and who is there.
const SENDERS: [(u16, &str, &str); 5] = [
    (0, "10.20.0.1:5060", "10.20.0.9:5060"),
    (1, "192.0.2.1:5060", "192.0.2.9:5060"),
    (1, "192.0.2.1:5060", "203.0.113.7:40000"),
    (1, "192.0.2.1:5060", "192.0.2.70:5060"),
    (2, "10.30.0.1:5060", "10.30.0.9:5060"),
];

/// Places in [`SENDERS`] whose word counts for nothing.
const STRANGERS: [usize; 2] = [1, 2];

/// Messages sent that responses and later requests are made of.
const REMEMBERED_MAX: usize = 400;

/// Longest pause: every timer of a transaction is over, Timer C and its CANCEL too, and each of 64 addresses of a name has
/// kept silent for Timer B.
const QUIET: Duration = Duration::from_secs(3600);

pub struct Storm {
    engine: Engine,
    now: Now,
    dice: Dice,
    seeds: Vec<Vec<u8>>,
    /// What left, newest last.
    sent: VecDeque<(SendId, Destination, Bytes)>,
    /// What came in, newest last.
    came: VecDeque<(usize, Vec<u8>)>,
    asked: VecDeque<(LocateId, Question)>,
    pub tally: Tally,
}

/// What happened, counted.
#[derive(Debug, Default)]
pub struct Tally {
    pub messages: u64,
    pub parsed: u64,
    pub outputs: u64,
    pub cleared: u64,
    pub quiets: u64,
    /// Why the parser refused, or the engine refused or dropped.
    pub refused: BTreeMap<String, u64>,
    /// Times an oracle had something to compare.
    pub private_checked: u64,
    pub forgery_checked: u64,
    pub slowest: Slowest,
    /// Messages that took longer than 1, 5 and 50 ms.
    pub slow: [u64; 3],
}

/// The message that took longest.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "examples/mutate.rs shows it, the test does not")]
pub struct Slowest {
    pub time: Duration,
    pub kind: &'static str,
    pub bytes: Vec<u8>,
    /// Bytes it made leave.
    pub left: usize,
}

/// Something that must never be.
#[derive(Debug)]
pub struct Finding {
    pub what: String,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
}

/// One message on its way in.
struct Arriving {
    kind: &'static str,
    sender: usize,
    bytes: Vec<u8>,
    /// As its maker made it: what it says holds.
    whole: bool,
}

impl Storm {
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Storm {
        let mut dice = Dice::new(seed);
        let now = Now {
            at: Duration::from_secs(1),
            unix: 1_800_000_000,
        };
        let engine = engine(&mut dice, now);
        Storm {
            engine,
            now,
            dice,
            seeds,
            sent: VecDeque::new(),
            came: VecDeque::new(),
            asked: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// Every seed as it is, from every sender; then nothing.
    pub fn calm(&mut self) -> Result<(), Finding> {
        for at in 0..self.seeds.len() {
            for sender in 0..SENDERS.len() {
                let mut bytes = self.seeds[at].clone();
                replace(&mut bytes, b"z9hG4bK", format!("z9hG4bK{at}c").as_bytes());
                self.feed(Arriving {
                    kind: "seed",
                    sender,
                    bytes,
                    whole: true,
                })?;
            }
        }
        self.quiet()
    }

    /// One damaged message, and a little time.
    pub fn step(&mut self) -> Result<(), Finding> {
        let arriving = self.arriving();
        self.feed(arriving)?;
        while self.dice.one_in(2) && self.answer_one() {}
        self.oracle_outputs(None)?;
        if self.dice.one_in(40)
            && let Some((id, ..)) = self.sent.back()
        {
            let id = *id;
            self.engine.handle(self.now, Input::SendFailed(id));
            self.oracle_outputs(None)?;
        }
        let messages = self.tally.messages;
        match () {
            () if messages.is_multiple_of(8192) => self.quiet(),
            () if messages.is_multiple_of(1024) => self.pass(Duration::from_secs(40)),
            () if messages.is_multiple_of(64) => self.pass(Duration::from_secs(1)),
            () => self.pass(Duration::from_millis(5)),
        }
    }

    /// Lets all timers run out and looks at what is left; then another engine takes over.
    pub fn quiet(&mut self) -> Result<(), Finding> {
        self.pass(QUIET)?;
        self.tally.quiets += 1;
        let held = self.engine.held();
        let left = held.servers + held.clients + held.pending + held.questions + held.deadlines;
        if left > 0
            || held.remembered > 200
            || held.plans > 3
            || held.reverse_names > 2
            || held.avoided > 3
            || self.engine.poll_output().is_some()
        {
            return Err(finding(
                format!("tables are not empty after {QUIET:?}: {held:?}"),
                b"",
                b"",
            ));
        }
        self.engine = engine(&mut self.dice, self.now);
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> Result<(), Finding> {
        let end = self.now.at + time;
        loop {
            while self.answer_one() {}
            self.oracle_outputs(None)?;
            if !self.asked.is_empty() {
                continue;
            }
            let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) else {
                break;
            };
            self.set_clock(next);
            self.engine.handle(self.now, Input::Tick);
            self.oracle_outputs(None)?;
        }
        self.set_clock(end);
        Ok(())
    }

    fn set_clock(&mut self, at: Duration) {
        let at = at.max(self.now.at);
        self.now.unix += at.as_secs() - self.now.at.as_secs();
        self.now.at = at;
    }

    /// Answers a question to a name server, or leaves it without an answer.
    fn answer_one(&mut self) -> bool {
        let Some((id, question)) = self.asked.pop_front() else {
            return false;
        };
        if !self.dice.one_in(20) {
            let answer = answers::answer(&question, &mut |end| self.dice.below(end));
            self.engine.handle(self.now, Input::Located { id, answer });
        }
        true
    }

    // Messages.

    fn arriving(&mut self) -> Arriving {
        let sender = self.dice.below(SENDERS.len());
        let (kind, sender, made) = match self.dice.below(20) {
            0..10 => ("request", sender, Some(self.seeded())),
            10..15 => {
                let (sender, made) = self.response();
                ("response", sender, made)
            }
            15..18 => {
                let (sender, made) = self.within_dialog();
                ("in dialog", sender, made)
            }
            18 => {
                let (sender, made) = self.about_an_earlier();
                ("again", sender, made)
            }
            _ => ("noise", sender, Some(self.noise())),
        };
        let bytes = made.unwrap_or_else(|| self.seeded());
        if self.dice.one_in(5) {
            return Arriving {
                kind,
                sender,
                bytes,
                whole: kind != "noise",
            };
        }
        Arriving {
            kind,
            sender,
            bytes: mutate(&mut self.dice, &bytes, &self.seeds),
            whole: false,
        }
    }

    /// A seed with a Call-ID and a branch of its own, most often aimed at a host the policy knows.
    fn seeded(&mut self) -> Vec<u8> {
        let seed = self.dice.below(self.seeds.len());
        let mut out = self.seeds[seed].clone();
        let unique = self.dice.below(1 << 20);
        replace(&mut out, b"z9hG4bK", format!("z9hG4bK{unique}x").as_bytes());
        if self.dice.one_in(3) {
            return out;
        }
        let domain = *self.dice.pick(&DOMAINS);
        let start = rows::start_line(&out).to_vec();
        let mut words = start.split(|byte| *byte == b' ');
        if let (Some(method), Some(uri)) = (words.next(), words.next())
            && !method.starts_with(b"SIP")
        {
            let aimed = [method, b" sip:bob@", domain.as_bytes()].concat();
            let from = method.len() + 1 + uri.len();
            let begin = out.len() - out.trim_ascii_start().len();
            out.splice(begin..begin + from, aimed);
        }
        out
    }

    /// A response to something this engine sent, from the one who got it.
    fn response(&mut self) -> (usize, Option<Vec<u8>>) {
        let Some((destination, request)) = self.one_sent(|start| !start.starts_with(b"SIP/")) else {
            return (0, None);
        };
        let statuses = [
            "100 Trying",
            "180 Ringing",
            "183 Progress",
            "200 OK",
            "302 Moved",
            "404 Not Found",
            "503 Busy",
            "699 X",
        ];
        let mut out = format!("SIP/2.0 {}\r\n", self.dice.pick(&statuses)).into_bytes();
        for names in [&["Via", "v"][..], &["Record-Route"], &["From", "f"]] {
            let found = rows(&request)
                .into_iter()
                .filter(|row| row.is(names))
                .collect::<Vec<_>>();
            for row in found {
                push(&mut out, names[0], row.value);
            }
        }
        let to = rows::first(&request, &["To", "t"]).unwrap_or_default();
        let tag = if memchr::memmem::find(to, b"tag=").is_some() {
            ""
        } else {
            ";tag=callee"
        };
        push(&mut out, "To", &[to, tag.as_bytes()].concat());
        push(
            &mut out,
            "Call-ID",
            rows::first(&request, &["Call-ID", "i"]).unwrap_or_default(),
        );
        push(&mut out, "CSeq", rows::first(&request, &["CSeq"]).unwrap_or_default());
        let extras: [&str; 5] = [
            "",
            "Contact: <sip:callee@192.0.2.9>\r\n",
            "Privacy: id\r\nP-Asserted-Identity: <sip:answering-marker@home1.example>\r\nContact: <sip:callee@192.0.2.9>\r\n",
            "Privacy: user;id\r\nP-Asserted-Identity: \"x\" <sip:answering-marker@home1.example>\r\nContact: <sip:answering-marker@192.0.2.9>\r\n",
            "P-Asserted-Identity: <sip:forged-marker@home1.example>\r\n",
        ];
        out.extend_from_slice(self.dice.pick(&extras).as_bytes());
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        (sender_at(&destination), Some(out))
    }

    /// A request of the one who got a request or response, within the dialog that it opened.
    fn within_dialog(&mut self) -> (usize, Option<Vec<u8>>) {
        let Some((destination, seen)) = self.one_sent(|_| true) else {
            return (0, None);
        };
        let is_response = rows::start_line(&seen).starts_with(b"SIP/");
        let Some(target) = rows::first(&seen, &["Contact", "m"]).map(uri_of) else {
            return (0, None);
        };
        let method = *self
            .dice
            .pick(&["BYE", "INVITE", "UPDATE", "NOTIFY", "ACK", "INFO", "PRACK"]);
        let mut out = [method.as_bytes(), b" ", target, b" SIP/2.0\r\n"].concat();
        let unique = self.dice.below(1 << 20);
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bKd{unique}", destination.remote);
        push(&mut out, "Via", via.as_bytes());
        push(&mut out, "Max-Forwards", b"70");
        let mut routes: Vec<&[u8]> = rows(&seen)
            .iter()
            .filter(|row| row.is(&["Record-Route"]))
            .flat_map(|row| row.value.split(|byte| *byte == b','))
            .collect();
        if is_response {
            routes.reverse();
        }
        routes
            .iter()
            .for_each(|route| push(&mut out, "Route", route.trim_ascii()));
        let from = rows::first(&seen, &["From", "f"]).unwrap_or_default();
        let to = rows::first(&seen, &["To", "t"]).unwrap_or_default();
        let (mine, other) = if is_response { (from, to) } else { (to, from) };
        let tag: &[u8] = if memchr::memmem::find(mine, b"tag=").is_some() {
            b""
        } else {
            b";tag=callee"
        };
        push(&mut out, "From", &[mine, tag].concat());
        push(&mut out, "To", other);
        push(
            &mut out,
            "Call-ID",
            rows::first(&seen, &["Call-ID", "i"]).unwrap_or_default(),
        );
        push(&mut out, "CSeq", format!("{} {method}", 2 + unique).as_bytes());
        let extras = [
            "",
            "Privacy: id\r\nP-Asserted-Identity: <sip:secret-marker@home1.example>\r\n",
        ];
        out.extend_from_slice(self.dice.pick(&extras).as_bytes());
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        (sender_at(&destination), Some(out))
    }

    /// The same again, its CANCEL, or its ACK.
    fn about_an_earlier(&mut self) -> (usize, Option<Vec<u8>>) {
        if self.came.is_empty() {
            return (0, None);
        }
        let (sender, mut out) = self.came[self.dice.below(self.came.len())].clone();
        let method = *self.dice.pick(&["", "CANCEL", "ACK"]);
        if !method.is_empty() && out.starts_with(b"INVITE ") {
            replace(&mut out, b"INVITE ", format!("{method} ").as_bytes());
            replace(&mut out, b" INVITE\r\n", format!(" {method}\r\n").as_bytes());
        }
        (sender, Some(out))
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = self.dice.below(300);
        let mut out: Vec<u8> = (0..length).map(|_| self.dice.roll() as u8).collect();
        if self.dice.one_in(2) {
            out.splice(0..0, *b"OPTIONS sip:x SIP/2.0\r\n");
        }
        out
    }

    fn one_sent(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Option<(Destination, Bytes)> {
        for _ in 0..8 {
            let at = self.dice.below(self.sent.len());
            let (_, destination, bytes) = self.sent.get(at)?;
            if wanted(bytes) {
                return Some((*destination, bytes.clone()));
            }
        }
        None
    }

    // In and out.

    fn feed(&mut self, arriving: Arriving) -> Result<(), Finding> {
        let Arriving {
            kind, sender, bytes, ..
        } = &arriving;
        self.tally.messages += 1;
        let packet = Bytes::copy_from_slice(bytes);
        let read = catch_unwind(|| reading::read(&packet)).map_err(|_| finding("the parser panics", bytes, b""))?;
        match read {
            Read::Accepted => self.tally.parsed += 1,
            Read::Refused(error) => *self.tally.refused.entry(format!("parser: {error}")).or_default() += 1,
            Read::Changed => return Err(finding("parsed, it would leave changed", bytes, b"")),
        }
        let flow = self.flow(*sender, bytes);
        // What is due comes first, so that what leaves now is caused by this message.
        self.engine.handle(self.now, Input::Tick);
        self.oracle_outputs(None)?;
        let (engine, now) = (&mut self.engine, self.now);
        let begin = Instant::now();
        let input = Input::Packet { flow, bytes: packet };
        catch_unwind(AssertUnwindSafe(|| engine.handle(now, input)))
            .map_err(|_| finding("the engine panics", bytes, b""))?;
        let time = begin.elapsed();
        let before = self.tally.outputs;
        let left = self.oracle_outputs(Some(&arriving))?;
        for (slot, bound) in [1, 5, 50].into_iter().enumerate() {
            self.tally.slow[slot] += u64::from(time > Duration::from_millis(bound));
        }
        if time > self.tally.slowest.time {
            self.tally.slowest = Slowest {
                time,
                kind,
                bytes: bytes.clone(),
                left,
            };
        }
        if self.tally.outputs - before > 12 {
            return Err(finding("one message makes more than 12 leave", bytes, b""));
        }
        while let Some(event) = self.engine.poll_event() {
            let why = match event {
                Event::Cleared(_) => {
                    self.tally.cleared += 1;
                    continue;
                }
                Event::Refused { reject, .. } => format!("refused: {reject}"),
                Event::Dropped { why, .. } => format!("dropped: {}", why.as_str()),
                #[allow(unreachable_patterns, reason = "events are added as the engine grows")]
                _ => continue,
            };
            *self.tally.refused.entry(why).or_default() += 1;
        }
        self.came.push_back((*sender, arriving.bytes));
        if self.came.len() > REMEMBERED_MAX {
            self.came.pop_front();
        }
        Ok(())
    }

    fn flow(&mut self, sender: usize, bytes: &[u8]) -> Flow {
        let (listener, local, remote) = SENDERS[sender];
        // Larger than a datagram: only a stream can have brought it.
        let stream = bytes.len() > 65_000 || self.dice.one_in(6);
        Flow {
            listener: ListenerId(listener),
            transport: if stream { Transport::Tcp } else { Transport::Udp },
            local: address(local),
            remote: address(remote),
            connection: stream.then_some(ConnectionId(sender as u64)),
            certified: None,
        }
    }

    /// Takes out what left and looks at it. `cause`: the message that made it leave. Gives how many bytes left.
    fn oracle_outputs(&mut self, cause: Option<&Arriving>) -> Result<usize, Finding> {
        let mut left = 0;
        while let Some(output) = self.engine.poll_output() {
            let (id, message) = match output {
                Output::Locate { id, question } => {
                    self.asked.push_back((id, question));
                    continue;
                }
                Output::Send { id, message } => (id, message),
                #[allow(unreachable_patterns, reason = "outputs are added as the engine grows")]
                _ => continue,
            };
            self.tally.outputs += 1;
            left += message.bytes().len();
            let input = cause.map_or(&b""[..], |cause| &cause.bytes);
            self.check(cause, &message)
                .map_err(|what| finding(what, input, message.bytes()))?;
            self.sent
                .push_back((id, *message.destination(), message.bytes().clone()));
            if self.sent.len() > REMEMBERED_MAX {
                self.sent.pop_front();
            }
        }
        Ok(left)
    }

    fn check(&mut self, cause: Option<&Arriving>, message: &Outgoing) -> Result<(), &'static str> {
        let out = message.bytes();
        let to_stranger = matches!(message, Outgoing::Untrusted(_));
        if message.destination().transport.is_reliable() && !frames_as_one(out) {
            return Err("what leaves on a stream is not one message to who reads the stream");
        }
        let Some(cause) = cause else { return Ok(()) };
        let came = &cause.bytes;
        // An answer of the other direction may be caused by it too, and has an owner of its own.
        let same_kind = is_response(came) == is_response(out);
        let asserts = || rows(out).iter().any(|row| row.is(&["P-Asserted-Identity"]));
        if to_stranger && same_kind && asks_id(came) {
            self.tally.private_checked += 1;
            // From of a response is the caller's own.
            let secret = if is_response(out) { ANSWERING } else { SECRET };
            if asserts() {
                return Err("an asserted identity leaves though its owner asked for privacy");
            }
            if cause.whole && cause.kind != "again" && shows(out, secret) && kept_secret(came) {
                return Err("a secret leaves though its owner asked for privacy");
            }
        }
        if !to_stranger && same_kind && STRANGERS.contains(&cause.sender) {
            self.tally.forgery_checked += 1;
            let believed = rows(out)
                .iter()
                .any(|row| row.is(&["P-Asserted-Identity"]) && shows(row.value, FORGED));
            if believed {
                return Err("an identity a stranger invented is asserted inside");
            }
        }
        Ok(())
    }
}

fn engine(dice: &mut Dice, now: Now) -> Engine {
    let mut engine = Engine::new(setup(POLICY, dice.roll()), now);
    engine.observe();
    engine
}

fn setup(text: &str, seed: u64) -> Setup {
    let policy: Policy = match sipveil::config::read(text, "storm.toml") {
        Ok((policy, _)) => policy,
        Err(diagnostics) => panic!("{diagnostics:?}"),
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Setup {
        bound: Bound::as_written(&policy),
        policy: Arc::new(policy),
        seed: bytes,
        keys: Arc::new(Keys::new(&[(1, [42; 32])], "T-home1", 7).expect("one secret is enough")),
    }
}

fn finding(what: impl Into<String>, input: &[u8], output: &[u8]) -> Finding {
    Finding {
        what: what.into(),
        input: input.to_vec(),
        output: output.to_vec(),
    }
}

/// Whether a Privacy row in any spelling holds the token id.
fn asks_id(message: &[u8]) -> bool {
    rows(message).iter().filter(|row| row.is(&["Privacy"])).any(|row| {
        let tokens = row.value.split(|byte| matches!(byte, b';' | b','));
        tokens
            .map(<[u8]>::trim_ascii)
            .any(|token| token.eq_ignore_ascii_case(b"id"))
    })
}

/// Whether the whole message asks for user privacy too, so that no row may show who sent it. A REGISTER and its
/// answer say who it is, and the Contact of a redirection or failure is no remote target.
fn kept_secret(message: &[u8]) -> bool {
    let start = rows::start_line(message);
    let registers = rows::first(message, &["CSeq"]).is_some_and(|cseq| cseq.ends_with(b"REGISTER"));
    let tells = registers || matches!(start.get(8), Some(b'3'..=b'6') if is_response(message));
    let asks_user = |row: &rows::Row<'_>| row.is(&["Privacy"]) && row.value.starts_with(b"user;id");
    !tells && rows(message).iter().any(asks_user)
}

/// Whether the header block shows a text.
fn shows(message: &[u8], text: &str) -> bool {
    let head = &message[..message.len() - rows::body(message).len()];
    memchr::memmem::find(head, text.as_bytes()).is_some()
}

fn is_response(message: &[u8]) -> bool {
    rows::start_line(message)
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

fn frames_as_one(message: &Bytes) -> bool {
    let mut framer = Framer::new(FramingLimits {
        start_line_bytes_max: 1 << 20,
        header_block_bytes_max: 1 << 24,
        body_bytes_max: 1 << 24,
    });
    framer.push(message);
    matches!((framer.next(), framer.next()), (Some(Ok(Frame::Message(whole))), None) if whole == *message)
}

/// Who got a message that left for there.
fn sender_at(destination: &Destination) -> usize {
    let found = SENDERS.iter().position(|(listener, _, remote)| {
        *listener == destination.listener.0 && address(remote).ip() == destination.remote.ip()
    });
    found.unwrap_or(2)
}

fn uri_of(value: &[u8]) -> &[u8] {
    let begin = value.iter().position(|byte| *byte == b'<').map_or(0, |at| at + 1);
    let rest = &value[begin..];
    &rest[..rest
        .iter()
        .position(|byte| matches!(byte, b'>' | b',' | b';'))
        .unwrap_or(rest.len())]
}

fn push(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn replace(out: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    if let Some(at) = memchr::memmem::find(out, from) {
        out.splice(at..at + from.len(), to.iter().copied());
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a constant of this file")
}
