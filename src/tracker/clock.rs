//! The wall clock, as a tracker goes by it: a jump of it moves nothing at once.

use std::time::Duration;

/// What may be wrong with a clock without a word, in seconds.
//= P2P-146
const SKEW_SECONDS: i64 = 30;
/// After a jump: seconds in which one second of it is caught up with.
const SLEW: u64 = 8;

/// How far the wall clock is from the one that never goes back, and how far the tracker goes along with that.
#[derive(Debug, Default)]
pub struct Clock {
    /// In seconds, as last seen. `None`: it was not looked at.
    seen: Option<i64>,
    followed: i64,
    /// Up to when a jump is caught up with, on the clock that never goes back. `None`: there is nothing to catch up with.
    slewed_to: Option<u64>,
}

impl Clock {
    /// Takes both clocks, of the same moment. Gives by how much the wall clock jumped since the last look, where that is more
    /// than a clock may be wrong.
    //= P2P-146
    pub fn look(&mut self, at: Duration, unix: u64) -> Option<i64> {
        let at = at.as_secs();
        let now = unix as i64 - at as i64;
        let before = self.seen.replace(now);
        let jump = now - before.unwrap_or(now);
        if before.is_none() {
            self.followed = now;
        }
        let jumped = jump.abs() > SKEW_SECONDS;
        if jumped && self.slewed_to.is_none() {
            self.slewed_to = Some(at);
        }
        let Some(slewed_to) = &mut self.slewed_to else {
            self.followed = now;
            return None;
        };
        let steps = at.saturating_sub(*slewed_to) / SLEW;
        *slewed_to += steps * SLEW;
        let behind = now - self.followed;
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        self.followed += behind.clamp(-steps, steps);
        if self.followed == now {
            self.slewed_to = None;
        }
        jumped.then_some(jump)
    }

    /// Seconds between what the wall clock says and what the tracker goes by.
    pub fn drift(&self) -> i64 {
        self.followed - self.seen.unwrap_or(self.followed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_796_000_000;

    /// Looks once a second at a clock that is so far off; what it goes by, against the time since the start, and the jumps.
    fn goes(clock: &mut Clock, seconds: std::ops::Range<u64>, off: i64) -> (i64, Vec<i64>) {
        let mut jumps = Vec::new();
        let mut by = 0;
        for at in seconds {
            let unix = (START + at).saturating_add_signed(off);
            jumps.extend(clock.look(Duration::from_secs(at), unix));
            by = unix as i64 + clock.drift() - (START + at) as i64;
        }
        (by, jumps)
    }

    //= P2P-146 type=test
    #[test]
    fn a_jump_is_told_and_followed_slowly_and_a_small_one_at_once() {
        for (off, way) in [(3600, 1), (-3600, -1)] {
            let mut clock = Clock::default();
            assert_eq!(goes(&mut clock, 0..10, 0), (0, vec![]));
            assert_eq!(goes(&mut clock, 10..20, 30 * way), (30 * way, vec![]));
            assert_eq!(goes(&mut clock, 20..30, 0), (0, vec![]));
            assert_eq!(goes(&mut clock, 30..31, off), (0, vec![off]));
            assert_eq!(goes(&mut clock, 31..111, off), (10 * way, vec![]));
            // Half-way it jumps back.
            assert_eq!(goes(&mut clock, 111..112, 0), (10 * way, vec![-off]));
            assert_eq!(goes(&mut clock, 112..400, 0), (0, vec![]));
            assert_eq!(goes(&mut clock, 400..40_000, off), (off, vec![off]));
            assert_eq!(goes(&mut clock, 40_000..40_001, off + 7), (off + 7, vec![]));
        }
    }

    /// A tracker that was asked nothing for long has not forgotten where it stood.
    //= P2P-146 type=test
    #[test]
    fn who_looks_seldom_follows_as_far() {
        let mut clock = Clock::default();
        goes(&mut clock, 0..1, 0);
        goes(&mut clock, 1..2, 1000);
        assert_eq!(goes(&mut clock, 801..802, 1000).0, 100);
        assert_eq!(goes(&mut clock, 100_000..100_001, 1000).0, 1000);
    }
}
