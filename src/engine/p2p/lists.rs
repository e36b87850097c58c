//! Lists of peers that are kept up: SUBSCRIBE is answered here, NOTIFY is made here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::Rng;
use smallvec::SmallVec;

use super::{Asker, MEDIA_TYPE, PEERS_BY_NOTIFY, PEERS_BY_STREAM, expires, foreign_body, moment, refusal, replied};
use crate::engine::reject::{Reject, Replied};
use crate::engine::transactions::{ClientMachine, ClientTransaction, Id};
use crate::engine::{Engine, Now, TIMERS};
use crate::ppsp::request::{Find, What};
use crate::ppsp::{Fault, Request, SwarmId};
use crate::privacy::call_id::CallId;
use crate::privacy::gate::{self, Gate};
use crate::privacy::{Notes, Wanted};
use crate::rule::Rule;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, parse};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Name};
use crate::tracker::{Path, WatchId};
use crate::transaction::{Client, ClientBranch, Reliability};
use crate::trust::{Destination, Origin};

/// The slot of NOTIFYs: nobody sent them to us. The generation tells of which list they are.
pub(in crate::engine) const OURS: u32 = u32::MAX - 1;

/// Seconds a list is kept up: least, without a word, most.
const EXPIRES: (u32, u32, u32) = (60, 600, 3600);

/// A list that somebody keeps hearing of.
struct Watcher {
    asker: Asker,
    to: Destination,
    /// Its From row, ours with our tag, its Contact, its Call-ID.
    theirs: Vec<u8>,
    ours: Vec<u8>,
    target: Vec<u8>,
    call_id: Vec<u8>,
    their_tag: Vec<u8>,
    our_tag: String,
    /// Of our last NOTIFY.
    cseq: u32,
    until: Duration,
    find: Vec<u8>,
    watch: Option<WatchId>,
}

/// What a watcher is still to be told.
struct Word {
    number: u32,
    body: Vec<u8>,
    ends: Option<&'static str>,
}

/// All of them, never more than the table was made for.
pub(super) struct Lists {
    all: BTreeMap<u32, Watcher>,
    by_watch: BTreeMap<WatchId, u32>,
    by_end: BTreeSet<(Duration, u32)>,
    words: VecDeque<Word>,
    last: u32,
    max: usize,
}

impl Lists {
    pub fn new(max: usize) -> Lists {
        Lists {
            all: BTreeMap::new(),
            by_watch: BTreeMap::new(),
            by_end: BTreeSet::new(),
            words: VecDeque::new(),
            last: 0,
            max,
        }
    }

    pub fn next(&self) -> Option<Duration> {
        match self.words.is_empty() {
            true => self.by_end.first().map(|(at, _)| *at),
            false => Some(Duration::ZERO),
        }
    }

    fn add(&mut self, watcher: Watcher) -> u32 {
        self.last = self.last.wrapping_add(1).max(1);
        let number = self.last;
        self.by_end.insert((watcher.until, number));
        if let Some(watch) = watcher.watch {
            self.by_watch.insert(watch, number);
        }
        self.all.insert(number, watcher);
        number
    }

    fn remove(&mut self, number: u32) -> Option<Watcher> {
        let watcher = self.all.remove(&number)?;
        self.by_end.remove(&(watcher.until, number));
        if let Some(watch) = watcher.watch {
            self.by_watch.remove(&watch);
        }
        Some(watcher)
    }

    fn of_dialog(&self, essentials: &Essentials) -> Option<u32> {
        let is_meant = |watcher: &&Watcher| {
            watcher.call_id == essentials.call_id()
                && watcher.their_tag == essentials.from_tag()
                && Some(watcher.our_tag.as_bytes()) == essentials.to_tag()
        };
        let tag = essentials.to_tag()?;
        // Our tag begins with the number of its list.
        let number = u32::from_str_radix(std::str::from_utf8(tag.get(..8)?).ok()?, 16).ok()?;
        self.all.get(&number).filter(is_meant).map(|_| number)
    }
}

impl Engine {
    /// Answers a SUBSCRIBE to the peers of a swarm.
    //= P2P-046
    //= P2P-047
    pub(super) fn subscribe_to_list(
        &mut self,
        now: Now,
        origin: &Origin,
        asker: Asker,
        draft: &Draft,
        essentials: &Essentials,
    ) -> Reject {
        if let Some(reject) = foreign_body(draft) {
            return reject;
        }
        let (least, usual, most) = EXPIRES;
        let seconds = match expires(draft).unwrap_or(usual) {
            0 => 0,
            short if short < least => return too_brief(least),
            seconds => seconds.min(most),
        };
        if essentials.to_tag().is_some() {
            return self.subscribed_again(now, asker, essentials, seconds);
        }
        let Some(p2p) = &self.p2p else {
            return refusal(Fault::Internal);
        };
        let Some(swarm) = swarm_at(draft.request_uri(), &p2p.domain) else {
            return refusal(Fault::UnknownSwarm);
        };
        if p2p.lists.all.len() >= p2p.lists.max {
            return refusal(Fault::Busy);
        }
        let find = match draft.body() {
            [] => asks_for(swarm),
            body => match Request::read(body) {
                Ok(Request {
                    what: What::Find(find), ..
                }) if find.swarm == swarm => body.to_vec(),
                _ => return refusal(Fault::BadBody),
            },
        };
        let contact = draft.first(Name::Contact).and_then(|row| NameAddr::parse(row).ok());
        let (Some(contact), Some(theirs), Some(to)) = (contact, draft.first(Name::From), draft.first(Name::To)) else {
            return refusal(Fault::BadBody);
        };
        let from = origin.flow();
        let destination = Destination {
            listener: from.listener,
            transport: from.transport,
            remote: from.remote,
            connection: from.connection,
            certified: from.certified,
        };
        let Some(own) = self.own_towards(&destination).cloned() else {
            return refusal(Fault::Internal);
        };
        let number = self.p2p.as_ref().map_or(0, |p2p| p2p.lists.last.wrapping_add(1).max(1));
        let our_tag = format!("{number:08x}{:08x}", self.random.next_u32());
        let watcher = Watcher {
            to: destination,
            theirs: theirs.to_vec(),
            ours: [to, b";tag=", our_tag.as_bytes()].concat(),
            target: contact.uri_bytes().to_vec(),
            call_id: essentials.call_id().to_vec(),
            their_tag: essentials.from_tag().to_vec(),
            our_tag: our_tag.clone(),
            cseq: 0,
            until: now.at + Duration::from_secs(seconds.into()),
            find,
            watch: None,
            asker,
        };
        match self.watch_list(now, watcher, seconds) {
            Err(reject) => reject,
            Ok(()) => accepted(seconds, our_tag, &own.host_port),
        }
    }

    /// The same within its dialog: longer, or no more.
    fn subscribed_again(&mut self, now: Now, asker: Asker, essentials: &Essentials, seconds: u32) -> Reject {
        let Some(p2p) = &mut self.p2p else {
            return refusal(Fault::Internal);
        };
        let found = p2p.lists.of_dialog(essentials);
        let is_own = |number: &u32| {
            let watcher = p2p.lists.all.get(number);
            watcher.is_some_and(|watcher| watcher.asker.identity == asker.identity)
        };
        let Some(number) = found.filter(is_own) else {
            return Reject::NotTold(481);
        };
        let Some(mut watcher) = p2p.lists.remove(number) else {
            return Reject::NotTold(481);
        };
        if let (Some(watch), Some(tracker)) = (watcher.watch.take(), p2p.tracker()) {
            tracker.unwatch(watch);
        }
        let Some(own) = self.own_towards(&watcher.to).cloned() else {
            return refusal(Fault::Internal);
        };
        watcher.until = now.at + Duration::from_secs(seconds.into());
        watcher.asker = asker;
        let our_tag = watcher.our_tag.clone();
        match self.watch_list_as(now, Some(number), watcher, seconds) {
            Err(reject) => reject,
            Ok(()) => accepted(seconds, our_tag, &own.host_port),
        }
    }

    fn watch_list(&mut self, now: Now, watcher: Watcher, seconds: u32) -> Result<(), Reject> {
        self.watch_list_as(now, None, watcher, seconds)
    }

    /// Asks the tracker, keeps the watcher, and has the first list ready for it.
    //= P2P-055
    fn watch_list_as(
        &mut self,
        now: Now,
        number: Option<u32>,
        mut watcher: Watcher,
        seconds: u32,
    ) -> Result<(), Reject> {
        let peers_max = match watcher.asker.path {
            Path::Stream => PEERS_BY_STREAM,
            Path::Datagram => PEERS_BY_NOTIFY,
        };
        let Engine { p2p, random, .. } = self;
        let Some(p2p) = p2p else {
            return Err(refusal(Fault::Internal));
        };
        let Some(tracker) = p2p.tracker() else {
            return Err(refusal(Fault::Internal));
        };
        let (reply, watch) = match seconds {
            0 => (
                tracker.find(moment(now), watcher.asker.member(), &watcher.find, peers_max, random),
                None,
            ),
            _ => {
                let how = (seconds, peers_max);
                tracker.watch(moment(now), watcher.asker.member(), &watcher.find, how, random)
            }
        };
        if reply.status != 200 {
            return Err(replied(reply, Rule::P2P_046));
        }
        watcher.watch = watch;
        let number = match number {
            None => p2p.lists.add(watcher),
            Some(number) => {
                p2p.lists.by_end.insert((watcher.until, number));
                if let Some(watch) = watch {
                    p2p.lists.by_watch.insert(watch, number);
                }
                p2p.lists.all.insert(number, watcher);
                number
            }
        };
        p2p.lists.words.push_back(Word {
            number,
            body: reply.body.unwrap_or_default(),
            ends: (seconds == 0).then_some("timeout"),
        });
        Ok(())
    }

    /// Tells watchers what there is to tell.
    //= P2P-055
    pub(in crate::engine) fn tell_lists(&mut self, now: Now) {
        let Engine { p2p, random, .. } = self;
        let Some(p2p) = p2p else { return };
        if p2p.next().is_none_or(|due| due > now.at) {
            return;
        }
        if let super::Part::Tracker(tracker) = &mut p2p.part {
            while let Some(notice) = tracker.poll_notice(moment(now), random) {
                if let Some(number) = p2p.lists.by_watch.get(&notice.watch) {
                    let number = *number;
                    p2p.lists.words.push_back(Word {
                        number,
                        body: notice.body,
                        ends: None,
                    });
                }
            }
        }
        while let Some(&(until, number)) = p2p.lists.by_end.first()
            && until <= now.at
        {
            p2p.lists.by_end.remove(&(until, number));
            let is_told = p2p.lists.words.iter().any(|word| word.number == number);
            if !is_told {
                p2p.lists.words.push_back(Word {
                    number,
                    body: Vec::new(),
                    ends: Some("timeout"),
                });
            }
        }
        while let Some(word) = self.p2p.as_mut().and_then(|p2p| p2p.lists.words.pop_front()) {
            self.notify(now, word);
        }
    }

    /// A watcher did not take a NOTIFY: it hears no more.
    pub(in crate::engine) fn notified(&mut self, number: u32, status: u16) {
        if status >= 300 {
            self.end_list(number);
        }
    }

    fn end_list(&mut self, number: u32) {
        let Some(p2p) = &mut self.p2p else { return };
        let watch = p2p.lists.remove(number).and_then(|watcher| watcher.watch);
        if let (Some(watch), Some(tracker)) = (watch, p2p.tracker()) {
            tracker.unwatch(watch);
        }
    }

    fn notify(&mut self, now: Now, word: Word) {
        let Some(watcher) = self.p2p.as_mut().and_then(|p2p| p2p.lists.all.get_mut(&word.number)) else {
            return;
        };
        watcher.cseq += 1;
        let state = match word.ends {
            Some(reason) => format!("terminated;reason={reason}"),
            None => format!("active;expires={}", watcher.until.saturating_sub(now.at).as_secs()),
        };
        let (to, target) = (watcher.to, watcher.target.clone());
        let text = notify_text(watcher, &state, &word.body);
        let sent = self.send_notify(now, word.number, to, &target, text);
        if sent.is_none() || word.ends.is_some() {
            self.end_list(word.number);
        }
    }

    fn send_notify(&mut self, now: Now, number: u32, to: Destination, target: &[u8], text: Notify) -> Option<()> {
        let to = self.by_association(now, to, target).ok()?;
        let hop = self.hop_to(now, to);
        let own = self.own_towards(hop.destination())?.clone();
        let text = text.with_contact(&own.host_port);
        let draft = Draft::from(parse(text.into(), Carrier::Datagram, &self.limits).ok()?);
        let branch = ClientBranch {
            slot: self.transactions.next_client_slot(),
            nonce: self.random.next_u64(),
            loop_part: self.random.next_u64(),
        };
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let request = gate::Request {
            draft,
            hop,
            own: &own,
            wanted: &Wanted::nothing(),
            branch: &branch.text(),
            dialog: None,
            call_id: CallId::Settled,
            nonce,
        };
        let policy = Arc::clone(&self.policy);
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        let (outgoing, _) = gate.request(request, &mut Notes::off()).ok()?;
        let (machine, actions) = Client::start(Reliability::from(hop.destination().transport), &TIMERS);
        let client = self.transactions.add_client(|client| ClientTransaction {
            generation: client.generation,
            nonce: branch.nonce,
            machine: ClientMachine::Other(machine),
            server: Id {
                slot: OURS,
                generation: number,
            },
            line: 0,
            kept: None,
            reverse_name: hop.reverse_name().map(Box::new),
            request: Some(outgoing),
            ack: None,
            cancel: None,
            cancel_wanted: false,
            cancel_reason: None,
            timer_c: Duration::ZERO,
        });
        self.carry_out_client(now, client, actions);
        Some(())
    }
}

/// A NOTIFY but for its Via and Contact.
struct Notify {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Notify {
    fn with_contact(self, host_port: &str) -> Vec<u8> {
        let mut text = self.head;
        text.extend_from_slice(format!("Contact: <sip:{host_port}>\r\n").as_bytes());
        if !self.body.is_empty() {
            text.extend_from_slice(format!("Content-Type: {MEDIA_TYPE}\r\n").as_bytes());
        }
        text.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        text.extend_from_slice(&self.body);
        text
    }
}

fn notify_text(watcher: &Watcher, state: &str, body: &[u8]) -> Notify {
    let mut head = Vec::with_capacity(512);
    for part in [
        b"NOTIFY ",
        &watcher.target[..],
        b" SIP/2.0\r\nMax-Forwards: 70\r\nFrom: ",
        &watcher.ours,
        b"\r\nTo: ",
        &watcher.theirs,
        b"\r\nCall-ID: ",
        &watcher.call_id,
        b"\r\nCSeq: ",
        watcher.cseq.to_string().as_bytes(),
        b" NOTIFY\r\nEvent: p2p-content\r\nSubscription-State: ",
        state.as_bytes(),
        b"\r\n",
    ] {
        head.extend_from_slice(part);
    }
    Notify {
        head,
        body: body.to_vec(),
    }
}

/// The swarm that an address of its list names.
fn swarm_at(uri: &[u8], domain: &str) -> Option<SwarmId> {
    let uri = Uri::parse(uri).ok()?;
    let is_here = uri.host().eq_ignore_ascii_case(domain.as_bytes());
    let user = uri.user().filter(|_| is_here)?.strip_prefix(b"sw.")?;
    SwarmId::of_text(std::str::from_utf8(user).ok()?)
}

/// What is asked without a body.
fn asks_for(swarm: SwarmId) -> Vec<u8> {
    let request = Request {
        transaction: "0".to_owned(),
        peer_id: None,
        what: What::Find(Find {
            swarm,
            peer_count: None,
        }),
    };
    request.to_bytes()
}

fn accepted(seconds: u32, our_tag: String, host_port: &str) -> Reject {
    let mut rows = SmallVec::new();
    rows.push((Name::Expires, seconds.to_string()));
    rows.push((Name::Contact, format!("<sip:{host_port}>")));
    Reject::Replied(Box::new(Replied {
        status: 200,
        rows,
        body: Vec::new(),
        to_tag: Some(our_tag),
        rule: Rule::P2P_046,
    }))
}

fn too_brief(least: u32) -> Reject {
    let mut rows = SmallVec::new();
    rows.push((Name::MinExpires, least.to_string()));
    Reject::Replied(Box::new(Replied {
        status: 423,
        rows,
        body: Vec::new(),
        to_tag: None,
        rule: Rule::P2P_046,
    }))
}
