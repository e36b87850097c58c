//! The subscriptions of this engine to what becomes of registrations: one a flow, each with the time it is seen to.
//!
//! Times are those of the monotonic clock. Which of them the network still keeps is the network's to say: what is known here
//! is what it said last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::pcscf::FlowKey;
use crate::trust::{Destination, Flow};

/// How long before its end a subscription is asked for anew.
//= PCSCF-012
const AHEAD: Duration = Duration::from_secs(600);
/// How long who was given up waits before it asks again.
pub const RETRY: Duration = Duration::from_secs(30);
/// Bytes of what the network says of its end of one subscription; of one that says more only the end is known.
pub const REMOTE_BYTES_MAX: usize = 8 * 1024;

/// One subscription.
pub struct Subscription {
    /// Tells its answers from those to the one before.
    pub number: u32,
    /// Where the UE is that it is about.
    pub arrived: Flow,
    /// Who is asked.
    pub registrar: Destination,
    /// What every SUBSCRIBE of it says.
    pub said: Said,
    /// The network's end, once it has answered.
    pub remote: Option<Remote>,
    /// Until when the network goes on telling. `None`: it has not said yet.
    pub until: Option<Duration>,
    due: Option<Duration>,
}

/// Our end, as its dialog has it.
#[derive(Clone)]
pub struct Said {
    pub identity: Vec<u8>,
    pub call_id: String,
    pub tag: String,
    /// As written: Contact, and P-Asserted-Identity, which is the Path of the UE.
    pub contact: Vec<u8>,
    pub path: Vec<u8>,
    /// Of the last one.
    pub cseq: u32,
}

/// The other end.
#[derive(Clone)]
pub struct Remote {
    /// To with its tag.
    pub to: Vec<u8>,
    pub target: Vec<u8>,
    /// Route rows, in their order.
    pub routes: Vec<Vec<u8>>,
}

/// The table, never larger than it was made for; beyond, a UE is asked about once and not again.
pub struct Subscriptions {
    by_flow: BTreeMap<FlowKey, Subscription>,
    by_number: BTreeMap<u32, FlowKey>,
    by_time: BTreeSet<(Duration, FlowKey)>,
    last: u32,
    max: usize,
}

impl Subscriptions {
    pub fn new(max: u32) -> Subscriptions {
        Subscriptions {
            by_flow: BTreeMap::new(),
            by_number: BTreeMap::new(),
            by_time: BTreeSet::new(),
            last: 0,
            max: max as usize,
        }
    }

    pub fn len(&self) -> usize {
        self.by_flow.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_flow.is_empty()
    }

    /// When the next one is to be seen to.
    pub fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes in a new one in the place of the one before, and names it. 0: there is no room.
    pub fn begin(&mut self, arrived: Flow, registrar: Destination, said: Said) -> u32 {
        let key = FlowKey::from(&arrived);
        self.end(key);
        if self.by_flow.len() >= self.max {
            return 0;
        }
        self.last = self.last.wrapping_add(1).max(1);
        let number = self.last;
        self.by_number.insert(number, key);
        let subscription = Subscription {
            number,
            arrived,
            registrar,
            said,
            remote: None,
            until: None,
            due: None,
        };
        self.by_flow.insert(key, subscription);
        number
    }

    pub fn of(&mut self, key: FlowKey) -> Option<&mut Subscription> {
        self.by_flow.get_mut(&key)
    }

    pub fn numbered(&mut self, number: u32) -> Option<&mut Subscription> {
        self.by_flow.get_mut(self.by_number.get(&number)?)
    }

    /// Whether the network is asked, and either tells or has not answered yet.
    pub fn is_live(&self, key: FlowKey, now: Duration) -> bool {
        let until = self.by_flow.get(&key).map(|subscription| subscription.until);
        until.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// The network tells until then: it is seen to before, 600 s or half of the time.
    //= PCSCF-012
    pub fn lasts(&mut self, key: FlowKey, now: Duration, until: Duration) {
        let left = until.saturating_sub(now);
        let ahead = if left > AHEAD * 2 { AHEAD } else { left / 2 };
        self.see_to(key, until.saturating_sub(ahead).max(now + Duration::from_secs(1)));
        if let Some(subscription) = self.by_flow.get_mut(&key) {
            subscription.until = Some(until);
        }
    }

    /// It is over: it is seen to a while later, and begun anew then.
    pub fn over(&mut self, key: FlowKey, now: Duration) {
        self.see_to(key, now + RETRY);
        if let Some(subscription) = self.by_flow.get_mut(&key) {
            subscription.until = Some(now);
        }
    }

    /// Sees to it at its end and not before: asking for more was in vain.
    pub fn wait_for_its_end(&mut self, key: FlowKey, now: Duration) {
        let until = self.by_flow.get(&key).and_then(|subscription| subscription.until);
        if let Some(until) = until {
            self.see_to(key, until.max(now + RETRY));
        }
    }

    fn see_to(&mut self, key: FlowKey, at: Duration) {
        if let Some(subscription) = self.by_flow.get_mut(&key) {
            if let Some(before) = subscription.due.replace(at) {
                self.by_time.remove(&(before, key));
            }
            self.by_time.insert((at, key));
        }
    }

    /// The next one whose time has come; it has no time then until it gets one.
    pub fn pop_due(&mut self, now: Duration) -> Option<FlowKey> {
        let (at, key) = self.by_time.first().copied().filter(|(at, _)| *at <= now)?;
        self.by_time.remove(&(at, key));
        if let Some(subscription) = self.by_flow.get_mut(&key) {
            subscription.due = None;
        }
        Some(key)
    }

    pub fn end(&mut self, key: FlowKey) -> Option<Subscription> {
        let ended = self.by_flow.remove(&key)?;
        self.by_number.remove(&ended.number);
        if let Some(due) = ended.due {
            self.by_time.remove(&(due, key));
        }
        Some(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ListenerId;
    use crate::sip::Transport;

    fn flow(port: u16) -> Flow {
        Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: ([192, 0, 2, 7], port).into(),
            connection: None,
            certified: None,
        }
    }

    fn begin(table: &mut Subscriptions, port: u16) -> u32 {
        let arrived = flow(port);
        let registrar = Destination {
            listener: ListenerId(1),
            transport: Transport::Udp,
            remote: "10.0.0.1:5060".parse().unwrap(),
            connection: None,
            certified: None,
        };
        let said = Said {
            identity: b"sip:a@h".to_vec(),
            call_id: "c".to_owned(),
            tag: "t".to_owned(),
            contact: Vec::new(),
            path: Vec::new(),
            cseq: 1,
        };
        table.begin(arrived, registrar, said)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    //= PCSCF-012 type=test
    #[test]
    fn it_is_seen_to_ten_minutes_or_half_of_its_time_before_its_end() {
        for (left, due) in [(600_000, 599_400), (1_201, 601), (1_200, 600), (100, 50), (0, 1)] {
            let mut table = Subscriptions::new(10);
            begin(&mut table, 1);
            table.lasts((&flow(1)).into(), seconds(5), seconds(5 + left));
            assert_eq!(table.next(), Some(seconds(5 + due)), "{left}");
        }
    }

    //= PCSCF-012 type=test
    #[test]
    fn at_the_maximum_no_other_is_kept() {
        let mut table = Subscriptions::new(2);
        assert!(begin(&mut table, 1) > 0 && begin(&mut table, 2) > 0);
        assert_eq!((begin(&mut table, 3), table.len()), (0, 2));
        // Another of the same flow takes its place.
        let again = begin(&mut table, 2);
        assert!(table.numbered(again).is_some() && table.len() == 2);
        table.over((&flow(2)).into(), seconds(1));
        assert_eq!((table.pop_due(seconds(30)), table.by_time.len()), (None, 1));
        assert!(table.pop_due(seconds(31)) == Some((&flow(2)).into()) && table.by_time.is_empty());
        assert!(table.end((&flow(2)).into()).is_some() && table.numbered(again).is_none());
        assert!(begin(&mut table, 3) > 0);
    }
}
