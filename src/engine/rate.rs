//! How often something may be asked from one place.

use std::time::Duration;

/// Places told apart. Those that fall together share one allowance, so what a stranger can make us hold never grows.
pub const SLOTS: usize = 4096;

/// Where a source is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u16);

impl Place {
    /// Of a hash made with a key that no peer knows.
    pub fn of(hash: u64) -> Place {
        Place((hash % SLOTS as u64) as u16)
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Counts by whole seconds.
pub struct Rate {
    slots: Vec<Slot>,
    per_second_max: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    second: u64,
    count: u32,
}

impl Rate {
    pub fn new(per_second_max: u32) -> Rate {
        Rate {
            slots: vec![Slot::default(); SLOTS],
            per_second_max,
        }
    }

    pub fn limit(&mut self, per_second_max: u32) {
        self.per_second_max = per_second_max;
    }

    /// Whether one more is allowed to this place.
    //= SEC-009
    pub fn allows(&mut self, at: Duration, place: Place) -> bool {
        let Some(slot) = self.slots.get_mut(place.index()) else {
            return false;
        };
        if slot.second != at.as_secs() {
            *slot = Slot {
                second: at.as_secs(),
                count: 0,
            };
        }
        let allowed = slot.count < self.per_second_max;
        slot.count += u32::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= SEC-009 type=test
    #[test]
    fn each_second_and_place_has_its_allowance() {
        let mut rate = Rate::new(3);
        let at = Duration::from_millis;
        for _ in 0..3 {
            assert!(rate.allows(at(1200), Place::of(7)));
        }
        assert!(!rate.allows(at(1999), Place::of(7)));
        assert!(rate.allows(at(1999), Place::of(8)));
        assert!(rate.allows(at(2000), Place::of(7)));
        assert!(rate.allows(at(2000), Place::of(7 + SLOTS as u64)));
        assert_eq!(Place::of(7), Place::of(7 + SLOTS as u64));
    }
}
