//! What waits for an answer from outside, by name.

use std::collections::{BTreeMap, HashMap};

use super::output::LocateId;
use super::transactions::{Id, Keyed};
use crate::locate::{Answer, Plan, Question, Search, Slot, Target, Wish};
use crate::privacy::Wanted;
use crate::sip::Draft;
use crate::trust::Origin;

/// Who waits for the peers of a next hop.
pub enum Waiting {
    /// A line of the branches of a request with a transaction.
    Request(Id, usize),
    /// The ACK of a 2xx, which has none.
    Ack(Box<WaitingAck>),
}

/// An ACK ready to leave but for its address.
pub struct WaitingAck {
    pub origin: Origin,
    /// It brought the token of its dialog, so what was asked for there is known.
    pub knows_dialog: bool,
    pub draft: Draft,
    /// The Call-ID it came with, when the draft shows another.
    pub call_id_received: Option<Vec<u8>>,
    pub wanted: Wanted,
    pub target: Target,
}

/// Names one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchId(u64);

/// Searches under way, one for all who wait for the same, and who waits.
pub struct Pending {
    searches: BTreeMap<SearchId, Under>,
    by_wish: HashMap<Wish, SearchId, Keyed>,
    questions: BTreeMap<u64, (SearchId, Slot)>,
    /// Questions of no search: nobody waits for them.
    aside: usize,
    next: u64,
    waiting: usize,
    waiting_max: usize,
    questions_max: usize,
}

/// A search under way.
struct Under {
    wish: Wish,
    search: Search,
    waiting: Vec<Waiting>,
}

/// What came of a search, and who waited for it.
pub struct Ended {
    pub wish: Wish,
    pub plan: Plan,
    pub waiting: Vec<Waiting>,
}

/// There is no room for another one who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Pending {
    pub fn new(keyed: Keyed, waiting_max: usize, questions_max: usize) -> Pending {
        Pending {
            searches: BTreeMap::new(),
            by_wish: HashMap::with_hasher(keyed),
            questions: BTreeMap::new(),
            aside: 0,
            next: 0,
            waiting: 0,
            waiting_max,
            questions_max,
        }
    }

    /// Waits for what somebody asked already, or begins to ask: then with the search, whose questions are to be drawn.
    pub fn wait(&mut self, wish: Wish, who: Waiting) -> Result<Option<SearchId>, Full> {
        if self.waiting >= self.waiting_max {
            return Err(Full);
        }
        self.waiting += 1;
        let known = self.by_wish.get(&wish).copied();
        if let Some(under) = known.and_then(|id| self.searches.get_mut(&id)) {
            under.waiting.push(who);
            return Ok(None);
        }
        self.next += 1;
        let id = SearchId(self.next);
        self.by_wish.insert(wish.clone(), id);
        let under = Under {
            search: Search::begin(wish.clone()),
            wish,
            waiting: vec![who],
        };
        self.searches.insert(id, under);
        Ok(Some(id))
    }

    /// The next question of a search, until `None`. One for which there is no room counts as failed.
    pub fn next_question(&mut self, id: SearchId) -> Option<(LocateId, Question)> {
        let search = &mut self.searches.get_mut(&id)?.search;
        loop {
            let (slot, question) = search.next_question()?;
            if self.questions.len() + self.aside >= self.questions_max {
                search.answer(slot, &Answer::Failed);
                continue;
            }
            self.next += 1;
            self.questions.insert(self.next, (id, slot));
            return Some((LocateId(self.next), question));
        }
    }

    /// A place for a question that nobody waits for. They get half of all, so that strangers who cause them do not keep the
    /// messages of others from being located. `None`: there is no room.
    pub fn ask_aside(&mut self) -> Option<LocateId> {
        if self.questions() >= self.questions_max || self.aside >= self.questions_max.div_ceil(2) {
            return None;
        }
        self.aside += 1;
        self.next += 1;
        Some(LocateId(self.next))
    }

    /// One of those is answered, or given up.
    pub fn aside_done(&mut self) {
        self.aside = self.aside.saturating_sub(1);
    }

    /// An answer came: gives the search it belongs to. One that nobody waits for does nothing.
    pub fn answered(&mut self, id: LocateId, answer: &Answer) -> Option<SearchId> {
        let (id, slot) = self.questions.remove(&id.0)?;
        self.searches.get_mut(&id)?.search.answer(slot, answer);
        Some(id)
    }

    /// Ends a search that has no question left.
    pub fn ended(&mut self, id: SearchId) -> Option<Ended> {
        self.searches.get(&id).filter(|under| under.search.is_done())?;
        self.end(id)
    }

    /// Ends a search, answered or not. What is still asked is no longer waited for.
    pub fn end(&mut self, id: SearchId) -> Option<Ended> {
        let Under { wish, search, waiting } = self.searches.remove(&id)?;
        if !search.is_done() {
            self.questions.retain(|_, (of, _)| *of != id);
        }
        self.by_wish.remove(&wish);
        self.waiting -= waiting.len();
        let plan = search.finish();
        Some(Ended { wish, plan, waiting })
    }

    /// Who waits, over all searches.
    pub fn len(&self) -> usize {
        self.waiting
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Questions not answered yet.
    pub fn questions(&self) -> usize {
        self.questions.len() + self.aside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::{HostName, Ways};
    use crate::sip::Transport;

    fn wish(host: &str) -> Wish {
        let mut ways = Ways::default();
        ways.add(Transport::Udp, true);
        Wish {
            host: HostName::parse(host.as_bytes()).unwrap(),
            transport: None,
            secure: false,
            port: Some(5060),
            ways,
        }
    }

    fn who() -> Waiting {
        Waiting::Request(Id { slot: 0, generation: 1 }, 0)
    }

    fn pending(waiting_max: usize, questions_max: usize) -> Pending {
        Pending::new(Keyed::new((1, 2)), waiting_max, questions_max)
    }

    #[test]
    fn the_maximum_of_who_waits_holds() {
        let mut pending = pending(2, 10);
        let first = pending.wait(wish("a"), who()).unwrap().unwrap();
        assert_eq!(pending.wait(wish("a"), who()), Ok(None), "the same is asked once");
        assert_eq!(pending.wait(wish("b"), who()), Err(Full));
        let (question, _) = pending.next_question(first).unwrap();
        assert!(pending.next_question(first).is_none() && pending.ended(first).is_none());
        assert_eq!(pending.answered(question, &Answer::Failed), Some(first));
        assert_eq!(pending.ended(first).unwrap().waiting.len(), 2);
        assert!(pending.is_empty() && pending.by_wish.is_empty());
        assert!(pending.wait(wish("b"), who()).is_ok());
    }

    #[test]
    fn the_maximum_of_questions_holds() {
        let mut pending = pending(10, 2);
        let searches: Vec<SearchId> = ["a", "b", "c"]
            .iter()
            .map(|host| pending.wait(wish(host), who()).unwrap().unwrap())
            .collect();
        assert!(pending.next_question(searches[0]).is_some() && pending.next_question(searches[1]).is_some());
        assert!(pending.next_question(searches[2]).is_none());
        assert_eq!(
            pending.ended(searches[2]).unwrap().waiting.len(),
            1,
            "it failed at once"
        );
        // One that is given up leaves its room.
        assert_eq!(pending.end(searches[0]).unwrap().waiting.len(), 1);
        let another = pending.wait(wish("d"), who()).unwrap().unwrap();
        assert!(pending.next_question(another).is_some());
        assert_eq!((pending.questions(), pending.len()), (2, 2));
    }
    //= TRUST-026 type=test
    #[test]
    fn questions_that_nobody_waits_for_leave_room_for_the_others() {
        let mut pending = pending(10, 4);
        let aside: Vec<_> = (0..2).map(|_| pending.ask_aside().unwrap()).collect();
        assert!(pending.ask_aside().is_none(), "half of all");
        let searches: Vec<SearchId> = ["a", "b", "c"]
            .iter()
            .map(|host| pending.wait(wish(host), who()).unwrap().unwrap())
            .collect();
        assert!(pending.next_question(searches[0]).is_some() && pending.next_question(searches[1]).is_some());
        assert!(pending.next_question(searches[2]).is_none(), "all of them together");
        assert_eq!(pending.questions(), 4);
        assert!(pending.answered(aside[0], &Answer::Failed).is_none());
        pending.aside_done();
        assert!(pending.ask_aside().is_some_and(|id| id > aside[1]));
        assert!(pending.ask_aside().is_none());
    }
}
