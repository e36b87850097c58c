//! What passes this proxy while somebody looks, judged and masked message by message as in the report of a capture.
//!
//! A message that leaves is shown beside the one that came for it, with what was decided between the two.
//!
//! Promises that nothing is kept while nobody looks, that what is kept has a maximum, and that nobody's name or address is in it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program: how long ago somebody looked"
)]

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::capture::Captured;
use super::playback::report::Report;
use super::playback::{Playback, UNLIMITED, json as told};
use crate::net::mirror::Watcher;
use crate::policy::Policy;
use crate::privacy::mirrored::{Seen, Way};
use crate::sip::parse::{Carrier, parse};
use crate::sip::{Name, Transport};
use crate::trust::{Bound, ConnectionId, Destination, Flow};

/// Messages that are kept; beyond: the oldest goes.
pub const KEPT_MAX: usize = 2_000;
/// What is asked for at a time.
const TOLD_MAX: usize = 500;
/// Messages that are judged within a second; beyond: they are counted only.
pub const PER_SECOND_MAX: u32 = 500;
/// Messages that came for which nothing has left yet; beyond: all are forgotten.
const CAME_MAX: usize = 4_096;
/// Calls that get a number; beyond: all begins anew.
const CALLS_MAX: usize = 10_000;
/// What this proxy is called as a party.
const OURSELVES: &str = "sipveil";
/// Nobody looks who has not asked for so long.
const LOOKS_FOR: Duration = Duration::from_secs(20);

/// Shared by the one who sees and by those who ask.
pub struct Journal {
    began: Instant,
    /// Until when somebody looks, in milliseconds since `began`.
    looked_at_until: AtomicU64,
    /// Where the proxy listens.
    bound: OnceLock<Vec<Bound>>,
    /// There while somebody looks.
    watching: Mutex<Option<Watching>>,
}

struct Watching {
    playback: Playback,
    report: Report,
    /// Of the listeners, by their number.
    listeners: Vec<String>,
    /// Messages that came, until what leaves for them does; by what both have in common.
    came: HashMap<u64, Came>,
    hasher: RandomState,
    kept: VecDeque<Value>,
    /// The number of the next one.
    next: u64,
    left_out: u64,
    /// The second that is, and how many were judged in it.
    second: (u64, u32),
}

/// A message that came.
struct Came {
    flow: Flow,
    bytes: Bytes,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            began: Instant::now(),
            looked_at_until: AtomicU64::new(0),
            bound: OnceLock::new(),
            watching: Mutex::new(None),
        }
    }
}

impl Journal {
    /// Where the proxy listens, once that is known; nothing is watched before.
    pub fn listens_at(&self, bound: &[Bound]) {
        let _ = self.bound.set(bound.to_vec());
    }

    /// The messages from this number on. Whoever asks looks from now on, for a while.
    pub fn told(&self, from: u64) -> Value {
        let until = self.began.elapsed() + LOOKS_FOR;
        let was_looked_at = self.wants();
        self.looked_at_until.store(until.as_millis() as u64, Ordering::Relaxed);
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if !was_looked_at {
            *watching = None;
        }
        let Some(watching) = &*watching else {
            return json!({"from": 0, "next": 0, "left_out": 0, "messages": []});
        };
        let first = watching.next - watching.kept.len() as u64;
        // Whoever asks for more than there is saw an earlier run.
        let from = if from > watching.next { first } else { from.max(first) };
        let skipped = (from - first) as usize;
        let messages: Vec<&Value> = watching.kept.iter().skip(skipped).take(TOLD_MAX).collect();
        json!({
            "from": from,
            "next": from + messages.len() as u64,
            "left_out": watching.left_out,
            "messages": messages,
        })
    }
}

impl Watcher for Journal {
    fn wants(&self) -> bool {
        (self.began.elapsed().as_millis() as u64) < self.looked_at_until.load(Ordering::Relaxed)
    }

    fn saw(&self, seen: &Seen, policy: &Policy) {
        let Some(bound) = self.bound.get() else { return };
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = watching.as_ref().is_some_and(|one| one.report.calls() >= CALLS_MAX);
        if is_full {
            *watching = None;
        }
        watching.get_or_insert_with(|| Watching::new(policy, bound)).saw(seen);
    }
}

impl Watching {
    fn new(policy: &Policy, bound: &[Bound]) -> Watching {
        Watching {
            playback: Playback::new(&as_bound(policy, bound)),
            report: Report::default(),
            listeners: policy.listeners.iter().map(|one| one.name.value.clone()).collect(),
            came: HashMap::new(),
            hasher: RandomState::new(),
            kept: VecDeque::new(),
            next: 0,
            left_out: 0,
            second: (0, 0),
        }
    }

    fn saw(&mut self, seen: &Seen) {
        let second = seen.at.as_secs();
        if self.second.0 != second {
            self.second = (second, 0);
        }
        if self.second.1 >= PER_SECOND_MAX {
            self.left_out += 1;
            return;
        }
        self.second.1 += 1;
        let (src, dst) = match seen.way {
            Way::Came => (seen.remote, seen.own),
            Way::Left => (seen.own, seen.remote),
        };
        let captured = Captured {
            number: self.next + 1,
            at: seen.at,
            unix: second,
            transport: match seen.transport {
                Transport::Udp => Transport::Udp,
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Transport::Tcp,
            },
            src,
            dst,
            bytes: seen.bytes.clone(),
            truncated: false,
        };
        let finding = self.playback.play(&captured);
        let mut object = self.report.object(&captured, &finding);
        self.between(seen, &captured, &mut object);
        // A party is known by the listener where it is, and by a letter.
        let listener = self.listeners.get(usize::from(seen.listener.0));
        let other = |letter: String| format!("{} {letter}", listener.map_or("", String::as_str));
        let (from, to) = (finding.from.to_string(), finding.to.to_string());
        let (from, to) = match seen.way {
            Way::Came => (other(from), OURSELVES.to_owned()),
            Way::Left => (OURSELVES.to_owned(), other(to)),
        };
        object.insert("from".to_owned(), from.into());
        object.insert("to".to_owned(), to.into());
        self.kept.push_back(Value::Object(object));
        self.next += 1;
        if self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
        }
    }
}

impl Watching {
    /// Puts in what was decided on between the message that came and this one, which leaves for it.
    fn between(&mut self, seen: &Seen, captured: &Captured, object: &mut Map<String, Value>) {
        let Some(key) = in_common(&seen.bytes).map(|common| self.hasher.hash_one(common)) else {
            return;
        };
        let connection = (seen.transport != Transport::Udp).then_some(ConnectionId(0));
        if seen.way == Way::Came {
            if self.came.len() >= CAME_MAX {
                self.came.clear();
            }
            let flow = Flow {
                listener: seen.listener,
                transport: captured.transport,
                local: seen.own,
                remote: seen.remote,
                connection,
                certified: None,
            };
            let bytes = seen.bytes.clone();
            self.came.insert(key, Came { flow, bytes });
            return;
        }
        let Some(came) = self.came.get(&key) else { return };
        let to = Destination {
            listener: seen.listener,
            transport: captured.transport,
            remote: seen.remote,
            connection,
            certified: None,
        };
        let through = Captured {
            src: came.flow.remote,
            bytes: came.bytes.clone(),
            ..captured.clone()
        };
        if let Some(step) = self.playback.between(&through, came.flow, to) {
            object.insert("decisions".to_owned(), told::decisions(&step));
        }
        object.insert("before".to_owned(), self.report.rows(&came.bytes).into());
        object.insert("after".to_owned(), self.report.rows(&seen.bytes).into());
    }
}

/// What a message has in common with the one that leaves for it: what it is, its call, and where it stands in it.
fn in_common(bytes: &Bytes) -> Option<impl Hash> {
    let message = parse(bytes.clone(), Carrier::Datagram, &UNLIMITED).ok()?;
    let what = (message.method(), message.status());
    let row = |name| Some(message.first(name)?.to_vec());
    Some((what, row(Name::CallId)?, row(Name::CSeq)?))
}

/// The policy, with the ports that the system chose.
fn as_bound(policy: &Policy, bound: &[Bound]) -> Policy {
    let mut policy = policy.clone();
    for (index, listener) in policy.listeners.iter_mut().enumerate() {
        let mut here = bound.iter().filter(|bound| usize::from(bound.listener.0) == index);
        for bind in &mut listener.bind {
            let same = |bound: &&Bound| bound.transport == bind.value.transport;
            if bind.value.address.port() == 0
                && let Some(bound) = here.find(same)
            {
                bind.value.address = bound.address;
            }
        }
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::tests::policy::one;
    use crate::policy::ListenerId;

    const OPTIONS: &str = "OPTIONS sip:bob@biloxi.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKNUMBER\r\n\
        From: <sip:alice@home1.example>;tag=1\r\nTo: <sip:bob@biloxi.example>\r\nCall-ID: NUMBER\r\nCSeq: 1 OPTIONS\r\n\r\n";

    fn journal() -> Journal {
        let journal = Journal::default();
        journal.listens_at(&[Bound {
            listener: ListenerId(0),
            transport: Transport::Udp,
            address: "127.0.0.1:5060".parse().unwrap(),
        }]);
        journal
    }

    /// A request of its own, at a second.
    fn passes(journal: &Journal, second: u64, number: u64) {
        let seen = Seen {
            way: Way::Came,
            listener: ListenerId(0),
            transport: Transport::Udp,
            own: "127.0.0.1:5060".parse().unwrap(),
            remote: "192.0.2.7:5060".parse().unwrap(),
            at: Duration::from_secs(second),
            bytes: OPTIONS.replace("NUMBER", &number.to_string()).into(),
        };
        journal.saw(&seen, &one(1));
    }

    fn numbers(told: &Value) -> Vec<u64> {
        let messages = told["messages"].as_array().unwrap().iter();
        messages.map(|message| message["number"].as_u64().unwrap()).collect()
    }

    #[test]
    fn who_asks_looks_and_sees_what_comes_then() {
        let journal = journal();
        assert!(!journal.wants());
        assert_eq!(numbers(&journal.told(0)), [] as [u64; 0]);
        assert!(journal.wants());
        (0..3).for_each(|number| passes(&journal, 0, number));
        let told = journal.told(0);
        assert_eq!((numbers(&told), &told["next"]), (vec![1, 2, 3], &json!(3)));
        assert_eq!(numbers(&journal.told(2)), [3]);
        // Who comes from an earlier run gets all there is.
        let told = journal.told(77);
        assert_eq!((numbers(&told), &told["from"]), (vec![1, 2, 3], &json!(0)));
        let text = told.to_string();
        for name in ["alice", "home1", "bob", "biloxi", "192.0.2.7"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        assert!(text.contains("OPTIONS sip:‹"), "{text}");
        assert!(
            text.contains("\"from\":\"access A\"") && text.contains("\"to\":\"sipveil\""),
            "{text}"
        );
        // Nobody looked for a while: what was kept goes.
        journal.looked_at_until.store(0, Ordering::Relaxed);
        assert_eq!(numbers(&journal.told(0)), [] as [u64; 0]);
    }

    #[test]
    fn what_is_kept_has_a_maximum() {
        let journal = journal();
        journal.told(0);
        let seconds = KEPT_MAX as u64 / u64::from(PER_SECOND_MAX) + 1;
        for second in 0..seconds {
            (0..=u64::from(PER_SECOND_MAX)).for_each(|number| passes(&journal, second, second * 1000 + number));
        }
        let told = journal.told(0);
        assert_eq!(told["left_out"], seconds, "one too many each second");
        assert_eq!(told["from"], PER_SECOND_MAX);
        assert_eq!(numbers(&told).len(), TOLD_MAX);
        let mut from = 0;
        let mut all = 0;
        while let Some(last) = numbers(&journal.told(from)).last() {
            all += numbers(&journal.told(from)).len();
            from = *last;
        }
        assert_eq!(all, KEPT_MAX);
    }

    #[test]
    fn with_too_many_calls_all_begins_anew() {
        let journal = journal();
        journal.told(0);
        for number in 0..=CALLS_MAX as u64 {
            passes(&journal, number / 400, number);
        }
        assert_eq!(numbers(&journal.told(0)), [1]);
    }
}
