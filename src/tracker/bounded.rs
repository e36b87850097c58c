//! What ends by itself, and of which there is only so much.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Entries by key, each with its end. Full, it forgets what ends soonest.
pub(super) struct Bounded<K, V> {
    entries: BTreeMap<K, (Duration, V)>,
    ends: BTreeSet<(Duration, K)>,
    max: usize,
}

impl<K: Ord + Copy, V> Bounded<K, V> {
    pub fn new(max: usize) -> Bounded<K, V> {
        Bounded {
            entries: BTreeMap::new(),
            ends: BTreeSet::new(),
            max,
        }
    }

    /// Puts an entry in the place of one of the same key. Gives what had to go for want of room.
    pub fn insert(&mut self, key: K, ends_at: Duration, value: V) -> Option<(K, V)> {
        self.remove(&key);
        if self.max == 0 {
            return Some((key, value));
        }
        let gone = match self.entries.len() >= self.max {
            true => self.ends.pop_first(),
            false => None,
        };
        self.ends.insert((ends_at, key));
        self.entries.insert(key, (ends_at, value));
        let (_, soonest) = gone?;
        self.entries.remove(&soonest).map(|(_, value)| (soonest, value))
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// An entry with its end.
    pub fn entry(&self, key: &K) -> Option<(Duration, &V)> {
        self.entries.get(key).map(|(ends_at, value)| (*ends_at, value))
    }

    /// An entry that has not ended.
    pub fn live(&self, key: &K, now: Duration) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|(ends_at, _)| now < *ends_at)
            .map(|(_, value)| value)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (ends_at, value) = self.entries.remove(key)?;
        self.ends.remove(&(ends_at, *key));
        Some(value)
    }

    /// Entries of a range of keys, each with its end.
    pub fn range(&self, keys: impl std::ops::RangeBounds<K>) -> impl Iterator<Item = &(Duration, V)> {
        self.entries.range(keys).map(|(_, entry)| entry)
    }

    /// What ended first of what has ended.
    pub fn pop_ended(&mut self, now: Duration) -> Option<(K, V)> {
        let (ends_at, key) = *self.ends.first()?;
        if now < ends_at {
            return None;
        }
        self.remove(&key).map(|value| (key, value))
    }

    pub fn forget_ended(&mut self, now: Duration) {
        while self.pop_ended(now).is_some() {}
    }

    pub fn next_end(&self) -> Option<Duration> {
        self.ends.first().map(|(ends_at, _)| *ends_at)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_so_much_and_lets_go_of_what_ends_first() {
        let second = Duration::from_secs;
        let mut bounded = Bounded::new(2);
        let gone = [(1, 30), (2, 10), (2, 20), (3, 40)].map(|(key, ends_at)| {
            let gone = bounded.insert(key, second(ends_at), key * 10);
            gone.map(|(key, _)| key)
        });
        assert_eq!(gone, [None, None, None, Some(2)]);
        assert_eq!((bounded.len(), bounded.next_end()), (2, Some(second(30))));
        assert_eq!(
            [1, 2, 3].map(|key| bounded.get(&key).copied()),
            [Some(10), None, Some(30)]
        );
        assert_eq!(
            (bounded.live(&1, second(29)), bounded.live(&1, second(30))),
            (Some(&10), None)
        );
        assert_eq!(
            (bounded.pop_ended(second(29)), bounded.pop_ended(second(30))),
            (None, Some((1, 10)))
        );
        assert_eq!(
            (bounded.remove(&3), bounded.remove(&3), bounded.next_end()),
            (Some(30), None, None)
        );
        let mut none = Bounded::new(0);
        assert_eq!((none.insert(1, second(1), ()), none.len()), (Some((1, ())), 0));
    }
}
