//! The last so many of something, by a hash of what names them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// At the maximum the oldest goes, and is counted. What is older than its age is worth nothing any more, and goes without a word.
pub(super) struct Recent<V> {
    values: HashMap<u64, Kept<V>>,
    /// Each key once, with the time at which it was put here.
    order: VecDeque<(Duration, u64)>,
    max: usize,
    age_max: Duration,
    forgotten: u64,
}

struct Kept<V> {
    at: Duration,
    value: V,
}

impl<V> Recent<V> {
    pub fn new(max: usize, age_max: Duration) -> Recent<V> {
        Recent {
            values: HashMap::new(),
            order: VecDeque::new(),
            max: max.max(1),
            age_max,
            forgotten: 0,
        }
    }

    pub fn of(&self, key: u64) -> Option<&V> {
        self.values.get(&key).map(|kept| &kept.value)
    }

    /// It is as young again as if it were kept now.
    pub fn seen(&mut self, at: Duration, key: u64) {
        if let Some(kept) = self.values.get_mut(&key) {
            kept.at = kept.at.max(at);
        }
    }

    /// Keeps a value, in the place of an earlier one of the same key.
    pub fn keep(&mut self, at: Duration, key: u64, value: V) {
        self.drop_old(at);
        if self.values.insert(key, Kept { at, value }).is_some() {
            return;
        }
        if self.order.len() >= self.max
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.values.remove(&oldest);
            self.forgotten += 1;
        }
        self.order.push_back((at, key));
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn drop_old(&mut self, now: Duration) {
        while let Some((put, key)) = self.order.front().copied()
            && now.saturating_sub(put) > self.age_max
        {
            self.order.pop_front();
            match self.values.get(&key) {
                Some(kept) if now.saturating_sub(kept.at) <= self.age_max => self.order.push_back((kept.at, key)),
                _ => drop(self.values.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn at_the_maximum_the_oldest_goes() {
        let mut recent = Recent::new(2, Duration::MAX);
        recent.keep(NOW, 1, 'a');
        recent.keep(NOW, 2, 'b');
        recent.keep(NOW, 1, 'c');
        assert_eq!(
            (recent.of(1), recent.of(2), recent.forgotten()),
            (Some(&'c'), Some(&'b'), 0)
        );
        recent.keep(NOW, 3, 'd');
        assert_eq!((recent.of(1), recent.of(2), recent.forgotten()), (None, Some(&'b'), 1));
        assert_eq!(recent.of(3), Some(&'d'));
    }

    #[test]
    fn what_is_too_old_goes_without_a_word() {
        let at = Duration::from_secs;
        let mut recent = Recent::new(3, at(10));
        for (second, key) in [(0, 1), (1, 2), (2, 3)] {
            recent.keep(at(second), key, key);
        }
        recent.keep(at(5), 1, 7);
        recent.seen(at(6), 2);
        recent.keep(at(13), 4, 4);
        assert_eq!(
            [1, 2, 3, 4].map(|key| recent.of(key).copied()),
            [Some(7), Some(2), None, Some(4)]
        );
        recent.keep(at(17), 5, 5);
        assert_eq!(
            [1, 2, 4, 5].map(|key| recent.of(key).copied()),
            [None, None, Some(4), Some(5)]
        );
        assert_eq!((recent.forgotten(), recent.order.len(), recent.values.len()), (0, 2, 2));
    }

    /// However long it goes on, and whoever is kept again and again.
    #[test]
    fn it_never_holds_more_than_its_maximum() {
        let mut recent = Recent::new(8, Duration::from_secs(5));
        for second in 0..10_000 {
            recent.keep(Duration::from_secs(second), second % 13, second);
            recent.keep(Duration::from_secs(second), 99, second);
            assert!(
                recent.order.len() <= 8 && recent.order.len() == recent.values.len(),
                "at {second}"
            );
        }
    }
}
