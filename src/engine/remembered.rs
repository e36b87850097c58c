//! What answering parties gave when they entered their dialogs.
//!
//! Our token in the answering party's route set was made before it answered, so it cannot hold this; it is kept here, for
//! parties that asked for something. What is not known here, of a dialog another run of the process opened or one forgotten
//! for lack of room, counts as all that a party may ask of us: private rather than shown.

use std::collections::{HashMap, VecDeque};

use super::transactions::Keyed;
use crate::privacy::{DialogMemory, PrivacySet};
use std::hash::{BuildHasher, Hash};

/// What a party counts as having asked for when nobody knows any more. `id` alone would show the Contact and the texts of one
/// that asked for `user`; both readings leave a call that works.
pub const NOT_KNOWN: PrivacySet = PrivacySet::ID.union(PrivacySet::USER);

/// Sets of answering parties, oldest first out.
pub struct Remembered {
    keyed: Keyed,
    sets: HashMap<u64, PrivacySet, Keyed>,
    order: VecDeque<(u64, u64)>,
    max: usize,
    /// Dialogs opened before this moment may have been forgotten, seconds since 1970.
    forgotten_until: u64,
}

impl Remembered {
    pub fn new(keyed: Keyed, max: usize) -> Remembered {
        let sets = HashMap::with_hasher(keyed.clone());
        Remembered {
            keyed,
            sets,
            order: VecDeque::new(),
            max: max.max(1),
            forgotten_until: 0,
        }
    }

    /// Keeps what the party with this tag gave. At the maximum the oldest goes.
    //= PRIV-130
    pub fn keep(&mut self, call_id: &[u8], tag: &[u8], set: PrivacySet, created: u64) {
        let key = self.key(call_id, tag);
        if self.sets.contains_key(&key) {
            return;
        }
        if self.order.len() >= self.max
            && let Some((oldest, opened)) = self.order.pop_front()
        {
            self.sets.remove(&oldest);
            self.forgotten_until = self.forgotten_until.max(opened + 1);
        }
        self.sets.insert(key, set);
        self.order.push_back((key, created));
    }

    /// From now on a party counts as having asked for this as well.
    //= PRIV-131
    pub fn widen(&mut self, call_id: &[u8], tag: &[u8], set: PrivacySet, created: u64) {
        match self.sets.get_mut(&self.key(call_id, tag)) {
            Some(kept) => *kept = kept.union(set),
            None => self.keep(call_id, tag, set, created),
        }
    }

    /// What the answering party of this dialog gave.
    //= PRIV-135
    pub fn of(&self, call_id: &[u8], tag: &[u8], memory: &DialogMemory, instance: u64) -> PrivacySet {
        if !self.sets.is_empty()
            && let Some(set) = self.sets.get(&self.key(call_id, tag))
        {
            return *set;
        }
        let known = memory.instance == instance && u64::from(memory.created) >= self.forgotten_until;
        if known { PrivacySet::EMPTY } else { NOT_KNOWN }
    }

    /// What this party is known to have given; nothing is concluded from not knowing it.
    pub fn kept(&self, call_id: &[u8], tag: &[u8]) -> PrivacySet {
        if self.sets.is_empty() {
            return PrivacySet::EMPTY;
        }
        let set = self.sets.get(&self.key(call_id, tag));
        set.copied().unwrap_or(PrivacySet::EMPTY)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Forgets dialogs opened before `oldest`, seconds since 1970: their tokens are refused by now.
    pub fn expire(&mut self, oldest: u64) {
        while let Some((key, opened)) = self.order.front().copied()
            && opened < oldest
        {
            self.order.pop_front();
            self.sets.remove(&key);
        }
    }

    fn key(&self, call_id: &[u8], tag: &[u8]) -> u64 {
        let mut hasher = self.keyed.build_hasher();
        (call_id, tag).hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ListenerId;
    use crate::privacy::Side;
    use crate::sip::Transport;

    fn memory(created: u32, instance: u64) -> DialogMemory {
        let side = Side {
            listener: ListenerId(0),
            transport: Transport::Udp,
        };
        DialogMemory {
            creator: PrivacySet::EMPTY,
            other: None,
            created,
            instance,
            sides: [side, side],
            flows: [None, None],
            call_id: None,
            home: 0,
            from: None,
            record_route: None,
            stored: None,
            served: Default::default(),
            called: None,
        }
    }

    //= PRIV-135 type=test
    #[test]
    fn what_is_not_known_is_private() {
        let mut remembered = Remembered::new(Keyed::new((1, 2)), 2);
        assert_eq!(remembered.of(b"c", b"t", &memory(100, 7), 7), PrivacySet::EMPTY);
        assert_eq!(remembered.of(b"c", b"t", &memory(100, 8), 7), NOT_KNOWN);
        remembered.keep(b"c", b"t", PrivacySet::USER, 100);
        assert_eq!(remembered.of(b"c", b"t", &memory(100, 7), 7), PrivacySet::USER);
        assert_eq!(remembered.of(b"c", b"u", &memory(100, 7), 7), PrivacySet::EMPTY);
    }

    #[test]
    fn at_the_maximum_the_oldest_goes_and_counts_as_private() {
        let mut remembered = Remembered::new(Keyed::new((1, 2)), 2);
        remembered.keep(b"1", b"t", PrivacySet::NONE, 100);
        remembered.keep(b"2", b"t", PrivacySet::USER, 200);
        assert_eq!(remembered.len(), 2);
        assert_eq!(remembered.of(b"1", b"t", &memory(100, 7), 7), PrivacySet::NONE);
        remembered.keep(b"3", b"t", PrivacySet::USER, 300);
        assert_eq!(remembered.len(), 2);
        assert_eq!(remembered.of(b"1", b"t", &memory(100, 7), 7), NOT_KNOWN);
        assert_eq!(remembered.of(b"9", b"t", &memory(300, 7), 7), PrivacySet::EMPTY);
        remembered.expire(250);
        assert_eq!(remembered.len(), 1);
    }
}
