//! The dialogs of served UEs, each as its two parties know it: what it takes to end one in the name of either.
//!
//! Kept where `pcscf.dialog_release` is on, and by this engine alone: those of another run of the process cannot be released.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use super::dialogs::TEXTS_BYTES_MAX;
use super::transactions::Id;
use crate::pcscf::FlowKey;
use crate::trust::Flow;

/// A dialog that this node is on the way of.
pub struct Call {
    /// Of who opened it, and of who answered.
    pub parties: [Party; 2],
    pub stage: Stage,
    /// Its token is worth nothing from then on.
    pub over_at: Duration,
    /// Until when its session lasts, if that has an end.
    pub session_until: Option<Duration>,
    due: Option<Duration>,
}

/// Who of a dialog is who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Party {
    /// A digest of its tag.
    pub tag: u64,
    /// The CSeq of its last request.
    pub cseq: u32,
    /// Which UE it is, if it is one of ours.
    pub owner: Option<u64>,
}

pub enum Stage {
    /// Its INVITE is not answered for good.
    Early(Id),
    Confirmed(Box<[End; 2]>),
}

/// What one party writes into its requests.
#[derive(Clone, PartialEq, Eq)]
pub struct End {
    /// How its messages come in.
    pub flow: Flow,
    pub call_id: Vec<u8>,
    /// From and To, with their tags.
    pub local: Vec<u8>,
    pub remote: Vec<u8>,
    pub target: Vec<u8>,
    /// Route values from ours on: those before are taken off before a message comes here.
    pub routes: Vec<Vec<u8>>,
}

impl End {
    fn bytes(&self) -> usize {
        let texts = [&self.call_id, &self.local, &self.remote, &self.target];
        let routes = self.routes.iter().map(Vec::len).sum::<usize>();
        routes + texts.into_iter().map(Vec::len).sum::<usize>()
    }

    /// The BYE that it would send now, but for a Via that leads anywhere.
    //= PCSCF-030
    pub fn bye(&self, cseq: u32, branch: u64) -> Vec<u8> {
        let mut text = Vec::with_capacity(1024);
        for part in [
            b"BYE ",
            &self.target[..],
            b" SIP/2.0\r\nVia: SIP/2.0/UDP released.invalid;branch=z9hG4bK",
            format!("{branch:016x}").as_bytes(),
            b"\r\nMax-Forwards: 70\r\n",
        ] {
            text.extend_from_slice(part);
        }
        for route in &self.routes {
            for part in [b"Route: ", &route[..], b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
        for part in [
            b"From: ",
            &self.local[..],
            b"\r\nTo: ",
            &self.remote,
            b"\r\nCall-ID: ",
            &self.call_id,
            b"\r\nCSeq: ",
            cseq.to_string().as_bytes(),
            b" BYE\r\nReason: ",
            REASON,
            b"\r\nContent-Length: 0\r\n\r\n",
        ] {
            text.extend_from_slice(part);
        }
        text
    }
}

/// Why this node ends what it did not begin.
pub const REASON: &[u8] = b"SIP;cause=503";

/// Early dialogs of one INVITE that are known; who answers it could make up as many as it likes.
const EARLY_MAX: usize = 16;

/// An INVITE of a UE or to one, until its final answer.
#[derive(Default)]
struct Asked {
    owners: SmallVec<[u64; 2]>,
    /// The early dialogs that its answers made.
    early: SmallVec<[u64; 1]>,
}

/// A UE that is gone, or that nothing leads to any more.
#[derive(Debug, Clone, Copy)]
pub struct Lost {
    pub owner: u64,
    /// The flow by which it is not to be reached; `None`: all that it was registered over.
    pub flow: Option<FlowKey>,
}

/// The table, never larger than it was made for.
pub struct Calls {
    all: BTreeMap<u64, Call>,
    by_owner: BTreeSet<(u64, u64)>,
    by_time: BTreeSet<(Duration, u64)>,
    asked: BTreeMap<Id, Asked>,
    asked_by: BTreeSet<(u64, Id)>,
    /// Dialogs that were released, and until when that is remembered.
    released: BTreeMap<u64, Duration>,
    released_by_time: BTreeSet<(Duration, u64)>,
    lost: VecDeque<Lost>,
    max: usize,
}

impl Calls {
    pub fn new(max: u32) -> Calls {
        Calls {
            all: BTreeMap::new(),
            by_owner: BTreeSet::new(),
            by_time: BTreeSet::new(),
            asked: BTreeMap::new(),
            asked_by: BTreeSet::new(),
            released: BTreeMap::new(),
            released_by_time: BTreeSet::new(),
            lost: VecDeque::new(),
            max: max as usize,
        }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether nothing is kept or remembered here.
    pub fn is_idle(&self) -> bool {
        self.all.is_empty() && self.asked.is_empty() && self.released.is_empty() && self.lost.is_empty()
    }

    /// When the next dialog is to be seen to.
    pub fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub fn of(&self, key: u64) -> Option<&Call> {
        self.all.get(&key)
    }

    // INVITEs.

    /// An INVITE comes from this UE, or goes to it.
    pub fn asks(&mut self, invite: Id, owner: u64) {
        if self.asked.len() < self.max || self.asked.contains_key(&invite) {
            let asked = self.asked.entry(invite).or_default();
            if !asked.owners.contains(&owner) {
                asked.owners.push(owner);
            }
            self.asked_by.insert((owner, invite));
        }
    }

    /// Who answers has rung: the dialog is early.
    pub fn rings(&mut self, invite: Id, key: u64, parties: [Party; 2], over_at: Duration) {
        let has_room = self.all.len() < self.max && !self.all.contains_key(&key) && !self.is_released(key);
        let asked = self.asked.get_mut(&invite).filter(|_| has_room);
        if let Some(asked) = asked.filter(|asked| asked.early.len() < EARLY_MAX) {
            asked.early.push(key);
            let stage = Stage::Early(invite);
            self.put(key, parties, stage, over_at);
        }
    }

    /// An INVITE has its final answer: what it opened is confirmed by now, or nothing.
    pub fn settled(&mut self, invite: Id) {
        let Some(asked) = self.asked.remove(&invite) else {
            return;
        };
        for owner in asked.owners {
            self.asked_by.remove(&(owner, invite));
        }
        for key in asked.early {
            if self
                .all
                .get(&key)
                .is_some_and(|call| matches!(call.stage, Stage::Early(_)))
            {
                self.end(key);
            }
        }
    }

    /// INVITEs under way of this UE, or to it.
    pub fn asked_of(&self, owner: u64) -> Vec<Id> {
        self.asked_by
            .range((owner, FIRST)..)
            .take_while(|(other, _)| *other == owner)
            .map(|(_, id)| *id)
            .collect()
    }

    pub fn all_asked(&self) -> Vec<Id> {
        self.asked.keys().copied().collect()
    }

    /// The early dialogs of an INVITE that is given up: later requests in them find nothing.
    pub fn give_up(&mut self, invite: Id, until: Duration) {
        let early = self.asked.get(&invite).map(|asked| asked.early.clone());
        for key in early.unwrap_or_default() {
            if self.end(key).is_some() {
                self.remember(key, until);
            }
        }
    }

    // Dialogs.

    /// A dialog that stands from now on. What is too long, or for which there is no room, is as without the table.
    pub fn confirmed(&mut self, key: u64, mut parties: [Party; 2], ends: Box<[End; 2]>, over_at: Duration) -> bool {
        let is_short = ends.iter().map(End::bytes).sum::<usize>() <= TEXTS_BYTES_MAX;
        if !is_short || self.is_released(key) {
            return false;
        }
        if let Some(early) = self.end(key) {
            for (party, before) in parties.iter_mut().zip(early.parties) {
                party.cseq = party.cseq.max(before.cseq);
            }
        }
        let has_room = self.all.len() < self.max;
        if has_room {
            self.put(key, parties, Stage::Confirmed(ends), over_at);
        }
        has_room
    }

    fn put(&mut self, key: u64, parties: [Party; 2], stage: Stage, over_at: Duration) {
        for owner in parties.iter().filter_map(|party| party.owner) {
            self.by_owner.insert((owner, key));
        }
        let call = Call {
            parties,
            stage,
            over_at,
            session_until: None,
            due: None,
        };
        self.all.insert(key, call);
    }

    /// A party has sent a request.
    pub fn spoke(&mut self, key: u64, tag: u64, cseq: u32) {
        let parties = self.all.get_mut(&key).into_iter().flat_map(|call| &mut call.parties);
        for party in parties.filter(|party| party.tag == tag) {
            party.cseq = party.cseq.max(cseq);
        }
    }

    /// What a party writes from now on, where that has changed: its way here, and whom it reaches. `tag`: its own.
    pub fn moved(&mut self, key: u64, tag: u64, flow: Flow, target: Option<Vec<u8>>) {
        let Some(call) = self.all.get_mut(&key) else { return };
        let Stage::Confirmed(ends) = &mut call.stage else {
            return;
        };
        for (_, end) in call
            .parties
            .iter()
            .zip(ends.iter_mut())
            .filter(|(party, _)| party.tag == tag)
        {
            end.flow = flow;
            if let Some(target) = target.clone().filter(|target| target.len() <= TEXTS_BYTES_MAX / 8) {
                end.target = target;
            }
        }
    }

    /// From now on the session of a dialog lasts until then, or as long as it likes.
    pub fn session(&mut self, key: u64, until: Option<Duration>) {
        if let Some(call) = self.all.get_mut(&key) {
            call.session_until = until;
        }
    }

    /// Sees to a dialog then, and not before.
    pub fn see_to(&mut self, key: u64, at: Duration) {
        if let Some(call) = self.all.get_mut(&key) {
            if let Some(before) = call.due.replace(at) {
                self.by_time.remove(&(before, key));
            }
            self.by_time.insert((at, key));
        }
    }

    /// The next dialog whose time has come; it has none until it gets one.
    pub fn pop_due(&mut self, now: Duration) -> Option<u64> {
        let (at, key) = self.by_time.first().copied().filter(|(at, _)| *at <= now)?;
        self.by_time.remove(&(at, key));
        if let Some(call) = self.all.get_mut(&key) {
            call.due = None;
        }
        Some(key)
    }

    pub fn of_owner(&self, owner: u64) -> Vec<u64> {
        self.by_owner
            .range((owner, 0)..=(owner, u64::MAX))
            .map(|(_, key)| *key)
            .collect()
    }

    /// Dialogs that one of their parties knows by this Call-ID.
    pub fn of_call_id(&self, call_id: &[u8]) -> Vec<u64> {
        let is_it = |call: &Call| match &call.stage {
            Stage::Confirmed(ends) => ends.iter().any(|end| end.call_id == call_id),
            Stage::Early(_) => false,
        };
        let found = self.all.iter().filter(|(_, call)| is_it(call));
        found.map(|(key, _)| *key).collect()
    }

    pub fn end(&mut self, key: u64) -> Option<Call> {
        let ended = self.all.remove(&key)?;
        for owner in ended.parties.iter().filter_map(|party| party.owner) {
            self.by_owner.remove(&(owner, key));
        }
        if let Some(due) = ended.due {
            self.by_time.remove(&(due, key));
        }
        Some(ended)
    }

    // What is over.

    /// Takes a dialog out for good: whatever its parties still send in it finds nothing.
    pub fn release(&mut self, key: u64) -> Option<Call> {
        let call = self.end(key)?;
        self.remember(key, call.over_at);
        Some(call)
    }

    pub fn is_released(&self, key: u64) -> bool {
        self.released.contains_key(&key)
    }

    /// At the maximum the one that is forgotten soonest makes room.
    fn remember(&mut self, key: u64, until: Duration) {
        if self.released.len() >= self.max
            && let Some((_, soonest)) = self.released_by_time.pop_first()
        {
            self.released.remove(&soonest);
        }
        if let Some(before) = self.released.insert(key, until) {
            self.released_by_time.remove(&(before, key));
        }
        self.released_by_time.insert((until, key));
    }

    /// Forgets what nobody can ask for any more.
    pub fn expire(&mut self, now: Duration) {
        while let Some((until, key)) = self.released_by_time.first().copied()
            && until <= now
        {
            self.released_by_time.remove(&(until, key));
            self.released.remove(&key);
        }
    }

    /// A UE whose dialogs are to be released, once what happens now is done.
    pub fn lose(&mut self, lost: Lost) {
        // Of one without dialogs nothing is to be done.
        if !self.of_owner(lost.owner).is_empty() || !self.asked_of(lost.owner).is_empty() {
            self.lost.push_back(lost);
        }
    }

    pub fn pop_lost(&mut self) -> Option<Lost> {
        self.lost.pop_front()
    }
}

/// None comes before it.
const FIRST: Id = Id { slot: 0, generation: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ListenerId;
    use crate::sip::Transport;

    fn end(local: &str) -> End {
        End {
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                local: "127.0.0.1:5060".parse().unwrap(),
                remote: "192.0.2.7:5060".parse().unwrap(),
                connection: None,
                certified: None,
            },
            call_id: b"c@h".to_vec(),
            local: local.as_bytes().to_vec(),
            remote: b"<sip:b@h>;tag=2".to_vec(),
            target: b"sip:b@192.0.2.9".to_vec(),
            routes: vec![b"<sip:x@h;lr>".to_vec(), b"<sip:y;lr>".to_vec()],
        }
    }

    fn parties(owner: u64) -> [Party; 2] {
        let party = |tag, owner| Party { tag, cseq: 4, owner };
        [party(1, Some(owner)), party(2, None)]
    }

    fn confirm(calls: &mut Calls, key: u64, local: &str) -> bool {
        let ends = Box::new([end(local), end("<sip:b@h>;tag=2")]);
        calls.confirmed(key, parties(7), ends, Duration::from_secs(100 + key))
    }

    const A: &str = "<sip:a@h>;tag=1";

    //= PCSCF-030 type=test
    #[test]
    fn a_bye_is_what_the_party_would_write() {
        let bye = String::from_utf8(end(A).bye(5, 0xab)).unwrap();
        assert_eq!(
            bye,
            "BYE sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP released.invalid;branch=z9hG4bK00000000000000ab\r\n\
             Max-Forwards: 70\r\nRoute: <sip:x@h;lr>\r\nRoute: <sip:y;lr>\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>;tag=2\r\nCall-ID: c@h\r\nCSeq: 5 BYE\r\nReason: SIP;cause=503\r\nContent-Length: 0\r\n\r\n"
        );
    }

    //= PCSCF-030 type=test
    #[test]
    fn at_the_maximum_no_other_is_kept_and_the_oldest_release_is_forgotten() {
        let mut calls = Calls::new(2);
        assert!(confirm(&mut calls, 1, A) && confirm(&mut calls, 2, A));
        assert!(!confirm(&mut calls, 3, A));
        assert_eq!((calls.len(), calls.of_owner(7)), (2, vec![1, 2]));
        for key in [1, 2] {
            assert!(calls.release(key).is_some() && calls.is_released(key));
        }
        assert!(calls.is_empty() && calls.of_owner(7).is_empty());
        // What was released is not confirmed again by an answer that comes late.
        assert!(!confirm(&mut calls, 1, A));
        assert!(confirm(&mut calls, 3, A) && calls.release(3).is_some());
        assert_eq!([1, 2, 3].map(|key| calls.is_released(key)), [false, true, true]);
        calls.expire(Duration::from_secs(102));
        assert_eq!([2, 3].map(|key| calls.is_released(key)), [false, true]);
        calls.expire(Duration::from_secs(103));
        assert!(calls.is_idle());
        // What is too long is not kept.
        assert!(!confirm(&mut calls, 4, &"x".repeat(TEXTS_BYTES_MAX)));
    }

    //= PCSCF-030 type=test
    #[test]
    fn an_invite_leaves_nothing_but_what_was_confirmed() {
        let id = |slot| Id { slot, generation: 1 };
        let mut calls = Calls::new(2);
        for slot in 1..=3 {
            calls.asks(id(slot), 7);
        }
        assert_eq!(calls.asked_of(7), [id(1), id(2)]);
        for key in [1, 2, 3] {
            calls.rings(id(1), key, parties(7), Duration::from_secs(9));
        }
        assert_eq!(calls.len(), 2);
        calls.spoke(1, 1, 9);
        assert!(confirm(&mut calls, 1, A));
        calls.settled(id(1));
        assert_eq!((calls.len(), calls.asked_of(7)), (1, vec![id(2)]));
        assert_eq!(calls.of(1).map(|call| call.parties[0].cseq), Some(9));
        calls.rings(id(2), 5, parties(7), Duration::from_secs(9));
        calls.give_up(id(2), Duration::from_secs(9));
        calls.settled(id(2));
        assert!(calls.is_released(5) && !calls.is_released(1));
    }

    //= PCSCF-030 type=test
    #[test]
    fn who_answers_an_invite_makes_up_so_many_dialogs_and_no_more() {
        let invite = Id { slot: 1, generation: 1 };
        let mut calls = Calls::new(1_000);
        calls.asks(invite, 7);
        for key in 0..100 {
            calls.rings(invite, key, parties(7), Duration::from_secs(9));
        }
        assert_eq!(calls.len(), EARLY_MAX);
        calls.settled(invite);
        assert!(calls.is_idle());
    }
}
