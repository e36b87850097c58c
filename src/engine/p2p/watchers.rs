//! Who keeps hearing of peers: one entry a subscription, never more than the table was made for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::Asker;
use crate::sip::Essentials;
use crate::tracker::WatchId;
use crate::trust::Destination;

/// A list that somebody keeps hearing of.
pub(super) struct Watcher {
    pub asker: Asker,
    pub to: Destination,
    /// Its From row, ours with our tag, its Contact, its Call-ID.
    pub theirs: Vec<u8>,
    pub ours: Vec<u8>,
    pub target: Vec<u8>,
    pub call_id: Vec<u8>,
    pub their_tag: Vec<u8>,
    pub our_tag: String,
    /// Of our last NOTIFY.
    pub cseq: u32,
    pub until: Duration,
    /// What it asks for, as we write it.
    pub find: Vec<u8>,
    pub watch: Option<WatchId>,
}

/// What a watcher is still to be told.
pub(super) struct Word {
    pub number: u32,
    pub body: Vec<u8>,
    pub ends: bool,
}

pub(super) struct Watchers {
    all: BTreeMap<u32, Watcher>,
    by_watch: BTreeMap<WatchId, u32>,
    by_end: BTreeSet<(Duration, u32)>,
    words: VecDeque<Word>,
    last: u32,
    max: usize,
}

impl Watchers {
    pub fn new(max: usize) -> Watchers {
        Watchers {
            all: BTreeMap::new(),
            by_watch: BTreeMap::new(),
            by_end: BTreeSet::new(),
            words: VecDeque::new(),
            last: 0,
            max,
        }
    }

    pub fn is_full(&self) -> bool {
        self.all.len() >= self.max
    }

    /// When there is something to tell.
    pub fn next(&self) -> Option<Duration> {
        match self.words.is_empty() {
            true => self.by_end.first().map(|(at, _)| *at),
            false => Some(Duration::ZERO),
        }
    }

    /// A number that none of them has.
    pub fn number(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.all.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    /// Puts a watcher in the place of the one of the same number. Gives what that one watched.
    pub fn put(&mut self, number: u32, watcher: Watcher) -> Option<WatchId> {
        let before = self.remove(number).and_then(|before| before.watch);
        self.by_end.insert((watcher.until, number));
        if let Some(watch) = watcher.watch {
            self.by_watch.insert(watch, number);
        }
        self.all.insert(number, watcher);
        before
    }

    pub fn remove(&mut self, number: u32) -> Option<Watcher> {
        let watcher = self.all.remove(&number)?;
        self.by_end.remove(&(watcher.until, number));
        if let Some(watch) = watcher.watch {
            self.by_watch.remove(&watch);
        }
        Some(watcher)
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Watcher> {
        self.all.get_mut(&number)
    }

    /// The watcher that a request within a dialog is of.
    pub fn of_dialog(&self, essentials: &Essentials) -> Option<(u32, &Watcher)> {
        let tag = essentials.to_tag()?;
        // Our tag begins with its number.
        let number = u32::from_str_radix(std::str::from_utf8(tag.get(..8)?).ok()?, 16).ok()?;
        let watcher = self.all.get(&number)?;
        let is_meant = watcher.call_id == essentials.call_id()
            && watcher.their_tag == essentials.from_tag()
            && watcher.our_tag.as_bytes() == tag;
        is_meant.then_some((number, watcher))
    }

    pub fn say(&mut self, word: Word) {
        self.words.push_back(word);
    }

    /// A list for whoever watches it.
    pub fn say_to(&mut self, watch: WatchId, body: Vec<u8>) {
        if let Some(&number) = self.by_watch.get(&watch) {
            let ends = false;
            self.say(Word { number, body, ends });
        }
    }

    /// The next thing to say: what waits, then that a time is over.
    pub fn pop(&mut self, now: Duration) -> Option<Word> {
        if let Some(word) = self.words.pop_front() {
            return Some(word);
        }
        let (_, number) = *self.by_end.first().filter(|(until, _)| *until <= now)?;
        Some(Word {
            number,
            body: Vec::new(),
            ends: true,
        })
    }
}
