//! A table whose entries end by themselves, and that never holds more than its maximum.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    time::Duration,
};

/// Entries with an end. Beyond the maximum the one that ends soonest goes.
pub struct Expiring<K, V, S> {
    entries: HashMap<K, Entry<V>, S>,
    /// When which entry ends; the number tells entries of one moment apart.
    ends: BTreeMap<(Duration, u64), K>,
    entered: u64,
    max: usize,
}

struct Entry<V> {
    value: V,
    end: (Duration, u64),
}

impl<K: Hash + Eq + Clone, V, S: BuildHasher> Expiring<K, V, S> {
    pub fn new(hasher: S, max: usize) -> Self {
        Expiring {
            entries: HashMap::with_hasher(hasher),
            ends: BTreeMap::new(),
            entered: 0,
            max,
        }
    }

    /// What is entered under a key and has not ended.
    pub fn get(&self, key: &K, now: Duration) -> Option<&V> {
        let entry = self.entries.get(key).filter(|entry| entry.end.0 > now)?;
        Some(&entry.value)
    }

    /// Enters a value in place of the one before.
    pub fn insert(&mut self, key: K, value: V, end: Duration) {
        self.remove(&key);
        while self.entries.len() >= self.max.max(1) {
            let Some((_, soonest)) = self.ends.pop_first() else {
                break;
            };
            self.entries.remove(&soonest);
        }
        self.entered += 1;
        let end = (end, self.entered);
        self.ends.insert(end, key.clone());
        self.entries.insert(key, Entry { value, end });
    }

    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.ends.remove(&entry.end);
        }
    }

    /// Lets go of what has ended.
    pub fn forget_ended(&mut self, now: Duration) {
        while let Some(first) = self.ends.first_entry().filter(|first| first.key().0 <= now) {
            self.entries.remove(&first.remove());
        }
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.ends.clear();
    }

    /// Entries held, ended ones among them until their room is needed or they are let go.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn entries_end_and_the_maximum_holds() {
        let mut table = Expiring::new(RandomState::new(), 2);
        table.insert("a", 1, at(10));
        table.insert("b", 2, at(20));
        assert_eq!((table.get(&"a", at(9)), table.get(&"a", at(10))), (Some(&1), None));
        table.insert("c", 3, at(15));
        assert_eq!(table.len(), 2);
        assert_eq!(table.get(&"a", at(0)), None, "it ended soonest");
        table.insert("b", 4, at(30));
        assert_eq!((table.len(), table.get(&"b", at(29))), (2, Some(&4)));
        assert_eq!(table.get(&"c", at(0)), Some(&3));
        table.remove(&"c");
        table.insert("d", 5, at(1));
        assert_eq!((table.len(), table.get(&"b", at(0))), (2, Some(&4)));
        table.forget_ended(at(1));
        assert_eq!((table.len(), table.get(&"d", at(0)), table.ends.len()), (1, None, 1));
        table.clear();
        assert!(table.is_empty() && table.ends.is_empty());
    }
}
