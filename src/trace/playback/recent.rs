//! The last so many of something, by a hash of what names them.

use std::collections::{HashMap, VecDeque};

/// At the maximum the oldest goes, and is counted.
pub(super) struct Recent<V> {
    values: HashMap<u64, V>,
    order: VecDeque<u64>,
    max: usize,
    forgotten: u64,
}

impl<V> Recent<V> {
    pub fn new(max: usize) -> Recent<V> {
        Recent {
            values: HashMap::new(),
            order: VecDeque::new(),
            max: max.max(1),
            forgotten: 0,
        }
    }

    pub fn of(&self, key: u64) -> Option<&V> {
        self.values.get(&key)
    }

    /// Keeps a value, in the place of an earlier one of the same key.
    pub fn keep(&mut self, key: u64, value: V) {
        if self.values.insert(key, value).is_some() {
            return;
        }
        if self.order.len() >= self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
            self.forgotten += 1;
        }
        self.order.push_back(key);
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_maximum_the_oldest_goes() {
        let mut recent = Recent::new(2);
        recent.keep(1, 'a');
        recent.keep(2, 'b');
        recent.keep(1, 'c');
        assert_eq!(
            (recent.of(1), recent.of(2), recent.forgotten()),
            (Some(&'c'), Some(&'b'), 0)
        );
        recent.keep(3, 'd');
        assert_eq!((recent.of(1), recent.of(2), recent.forgotten()), (None, Some(&'b'), 1));
        assert_eq!(recent.of(3), Some(&'d'));
    }
}
