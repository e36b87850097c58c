//! How often one peer may call, be called, call the same one, and try IDs that lead nowhere.

use std::time::Duration;

use super::Moment;
use super::bounded::Bounded;
use super::rate::Rate;
use super::resolve::NotLed;
use super::settings::Settings;
use super::table::Slot;

/// How long a rate is of interest.
const KEPT: Duration = Duration::from_secs(60);
/// How long who tried too many is not led anywhere.
//= P2P-038
const BARRED: Duration = Duration::from_secs(600);

/// Calls of the last minute.
pub(super) struct Calls {
    callers: Bounded<Slot, Rate>,
    called: Bounded<Slot, Rate>,
    pairs: Bounded<(Slot, Slot), Rate>,
    /// By identity: who is no peer at all may try too.
    misses: Bounded<u64, Rate>,
    barred: Bounded<u64, ()>,
}

impl Calls {
    pub fn new(max: usize) -> Calls {
        Calls {
            callers: Bounded::new(max),
            called: Bounded::new(max),
            pairs: Bounded::new(max),
            misses: Bounded::new(max),
            barred: Bounded::new(max),
        }
    }

    pub fn is_barred(&self, now: Moment, identity: u64) -> bool {
        self.barred.live(&identity, now.at).is_some()
    }

    /// An ID led nowhere for this identity.
    //= P2P-038
    pub fn missed(&mut self, now: Moment, identity: u64, settings: &Settings) {
        let mut rate = self.misses.get(&identity).copied().unwrap_or_default();
        if !rate.takes(now.seconds(), settings.misses_per_minute) {
            self.barred.insert(identity, now.at + BARRED, ());
        }
        self.misses.insert(identity, now.at + KEPT, rate);
    }

    /// Counts one call, unless there were too many.
    //= P2P-078
    pub fn takes(&mut self, now: Moment, pair: (Slot, Slot), settings: &Settings) -> Result<(), NotLed> {
        let (caller, called) = pair;
        let mut of_pair = self.pairs.get(&pair).copied().unwrap_or_default();
        let mut of_caller = self.callers.get(&caller).copied().unwrap_or_default();
        let mut of_called = self.called.get(&called).copied().unwrap_or_default();
        let takes = |rate: &mut Rate, per_minute: u32| match rate.takes(now.seconds(), per_minute) {
            true => Ok(()),
            false => Err(NotLed::TooOften {
                retry_after: 60 / per_minute.max(1),
            }),
        };
        takes(&mut of_pair, settings.calls_per_pair_and_minute)?;
        takes(&mut of_caller, settings.calls_per_minute)?;
        takes(&mut of_called, settings.called_per_minute)?;
        let until = now.at + KEPT;
        self.pairs.insert(pair, until, of_pair);
        self.callers.insert(caller, until, of_caller);
        self.called.insert(called, until, of_called);
        Ok(())
    }

    pub fn forget_ended(&mut self, now: Duration) {
        self.callers.forget_ended(now);
        self.called.forget_ended(now);
        self.pairs.forget_ended(now);
        self.misses.forget_ended(now);
        self.barred.forget_ended(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment {
            at: Duration::from_secs(seconds),
            unix: 1_796_000_000 + seconds,
        }
    }

    //= P2P-078 type=test
    #[test]
    fn a_pair_a_caller_and_who_is_called_have_their_rates() {
        let (mut calls, settings) = (Calls::new(1000), Settings::default());
        let took = |calls: &mut Calls, pairs: &mut dyn Iterator<Item = (Slot, Slot)>| {
            pairs
                .filter(|pair| calls.takes(at(1), *pair, &settings).is_ok())
                .count()
        };
        assert_eq!(took(&mut calls, &mut (0..10).map(|_| (1, 2))), 3);
        assert_eq!(took(&mut calls, &mut (10..100).map(|called| (3, called))), 30);
        assert_eq!(took(&mut calls, &mut (10..100).map(|caller| (caller, 4))), 60);
        let again = calls.takes(at(1), (1, 2), &settings);
        assert_eq!(again, Err(NotLed::TooOften { retry_after: 20 }));
        assert_eq!(calls.takes(at(21), (1, 2), &settings), Ok(()));
    }

    //= P2P-038 type=test
    #[test]
    fn who_tries_many_ids_that_lead_nowhere_is_led_nowhere_for_ten_minutes() {
        let (mut calls, settings) = (Calls::new(1000), Settings::default());
        for _ in 0..20 {
            calls.missed(at(1), 7, &settings);
        }
        assert!(!calls.is_barred(at(1), 7));
        calls.missed(at(1), 7, &settings);
        assert!(calls.is_barred(at(600), 7) && !calls.is_barred(at(601), 7) && !calls.is_barred(at(1), 8));
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut calls, settings) = (Calls::new(10), Settings::default());
        for slot in 0..100 {
            calls.takes(at(1), (slot, slot + 1), &settings).unwrap();
            calls.missed(at(1), slot.into(), &settings);
        }
        let kept = [
            calls.callers.len(),
            calls.called.len(),
            calls.pairs.len(),
            calls.misses.len(),
        ];
        assert_eq!(kept, [10; 4]);
        calls.forget_ended(Duration::from_secs(100));
        assert_eq!(calls.pairs.len(), 0);
    }
}
