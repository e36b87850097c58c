//! Whether a worker keeps up: told by rounds that find as much waiting as they can take.

use std::time::Duration;

/// How long a worker is looked at before it is judged.
const WINDOW: Duration = Duration::from_millis(100);

/// Fewer rounds say nothing: after a rest, one can find a lot waiting.
const ROUNDS_MIN: u32 = 4;

/// More of a hundred new requests, or fewer, are to be refused after each window.
const STEP: u8 = 10;

/// What is refused at most: by the rest it shows whether it is still too much.
const MAX: u8 = 90;

/// Of a hundred new requests, how many are refused so that the worker keeps up.
#[derive(Default)]
pub(super) struct Pressure {
    since: Duration,
    rounds: u32,
    rested: bool,
    percent: u8,
}

impl Pressure {
    /// One round, and whether it left more waiting. Gives the percentage after each window, unless it was and stays 0.
    //= SEC-009
    pub fn round(&mut self, at: Duration, left_more: bool) -> Option<u8> {
        self.rounds += 1;
        self.rested |= !left_more;
        let time = at.saturating_sub(self.since);
        if time < WINDOW {
            return None;
        }
        let is_behind = !self.rested && self.rounds >= ROUNDS_MIN;
        let windows = u8::try_from(time.as_millis() / WINDOW.as_millis()).unwrap_or(u8::MAX);
        let percent = match is_behind {
            true => (self.percent + STEP).min(MAX),
            false => self.percent.saturating_sub(STEP.saturating_mul(windows)),
        };
        let matters = percent > 0 || self.percent > 0;
        *self = Pressure {
            since: at,
            percent,
            ..Pressure::default()
        };
        matters.then_some(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of 10 ms from this one on.
    fn rounds(pressure: &mut Pressure, from: u64, count: u64, left_more: bool) -> Vec<u8> {
        let at = |round| Duration::from_millis((from + round) * 10);
        (0..count)
            .filter_map(|round| pressure.round(at(round), left_more))
            .collect()
    }

    //= SEC-009 type=test
    #[test]
    fn it_grows_while_the_worker_is_behind_and_goes_when_it_rests() {
        let mut pressure = Pressure::default();
        assert!(rounds(&mut pressure, 100, 30, false).is_empty());
        assert_eq!(rounds(&mut pressure, 130, 31, true), [10, 20, 30]);
        assert_eq!(
            rounds(&mut pressure, 161, 100, true),
            [40, 50, 60, 70, 80, 90, 90, 90, 90, 90]
        );
        assert_eq!(rounds(&mut pressure, 261, 20, false), [80, 70]);
        // After a second without a message nothing is left of it.
        assert_eq!(rounds(&mut pressure, 400, 1, false), [0]);
    }

    #[test]
    fn one_busy_round_is_no_pressure() {
        let mut pressure = Pressure::default();
        for second in 1..10 {
            assert!(rounds(&mut pressure, second * 100, 3, true).is_empty());
        }
        // Nor are many with a rest among them.
        for tenth in 100..110 {
            let first = rounds(&mut pressure, tenth * 10, 9, true);
            let rest = rounds(&mut pressure, tenth * 10 + 9, 1, false);
            assert!(first.is_empty() && rest.is_empty());
        }
    }
}
