//! How often one peer may call, be called, call the same one, and try IDs that lead nowhere.

use std::time::Duration;

use super::Moment;
use super::rate::Rate;
use super::resolve::NotLed;
use super::settings::Settings;
use super::table::{Hashing, Slot, Table};
use crate::locate::Expiring;

/// How long a rate is of interest.
const KEPT: Duration = Duration::from_secs(60);
/// How long who tried too many is not led anywhere.
//= P2P-038
const BARRED: Duration = Duration::from_secs(600);

/// Calls of the last minute, but for those that a peer made and got in all: these stand with the peer.
pub(super) struct Calls {
    pairs: Expiring<(Slot, Slot), Rate, Hashing>,
    /// By identity: who is no peer at all may try too.
    misses: Expiring<u64, Rate, Hashing>,
    barred: Expiring<u64, (), Hashing>,
}

impl Calls {
    pub fn new(hashing: Hashing, max: usize) -> Calls {
        Calls {
            pairs: Expiring::new(hashing, max),
            misses: Expiring::new(hashing, max),
            barred: Expiring::new(hashing, max),
        }
    }

    pub fn is_barred(&self, now: Moment, identity: u64) -> bool {
        self.barred.get(&identity, now.at).is_some()
    }

    /// An ID led nowhere for this identity.
    //= P2P-038
    pub fn missed(&mut self, now: Moment, identity: u64, settings: &Settings) {
        let mut rate = self.misses.get(&identity, now.at).copied().unwrap_or_default();
        if !rate.takes(now.seconds(), settings.misses_per_minute) {
            self.barred.insert(identity, (), now.at + BARRED);
        }
        self.misses.insert(identity, rate, now.at + KEPT);
    }

    /// Counts one call, unless there were too many.
    //= P2P-078
    pub fn takes(
        &mut self,
        now: Moment,
        pair: (Slot, Slot),
        table: &mut Table,
        settings: &Settings,
    ) -> Result<(), NotLed> {
        let (caller, called) = pair;
        let mut of_pair = self.pairs.get(&pair, now.at).copied().unwrap_or_default();
        let mut of_caller = table.peer(caller).calls;
        let mut of_called = table.peer(called).called;
        let takes = |rate: &mut Rate, per_minute: u32| match rate.takes(now.seconds(), per_minute) {
            true => Ok(()),
            false => Err(NotLed::TooOften {
                retry_after: 60 / per_minute.max(1),
            }),
        };
        takes(&mut of_pair, settings.calls_per_pair_and_minute)?;
        takes(&mut of_caller, settings.calls_per_minute)?;
        takes(&mut of_called, settings.called_per_minute)?;
        self.pairs.insert(pair, of_pair, now.at + KEPT);
        table.peer_mut(caller).calls = of_caller;
        table.peer_mut(called).called = of_called;
        Ok(())
    }

    pub fn forget_ended(&mut self, now: Duration) {
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

    fn hashing() -> Hashing {
        Hashing::new((1, 2))
    }

    /// Peers at the first places.
    fn peers(count: u32) -> Table {
        let mut table = Table::new(hashing(), 1000, 1);
        (0..count).for_each(|slot| assert_eq!(table.enter(&slot.to_be_bytes(), b"1", b"", 0), Ok(slot)));
        table
    }

    //= P2P-078 type=test
    #[test]
    fn a_pair_a_caller_and_who_is_called_have_their_rates() {
        let (mut calls, mut table, settings) = (Calls::new(hashing(), 1000), peers(100), Settings::default());
        let mut takes = |seconds, pair| calls.takes(at(seconds), pair, &mut table, &settings);
        let mut took =
            |pairs: &mut dyn Iterator<Item = (Slot, Slot)>| pairs.filter(|pair| takes(1, *pair).is_ok()).count();
        assert_eq!(took(&mut (0..10).map(|_| (1, 2))), 3);
        assert_eq!(took(&mut (10..100).map(|called| (3, called))), 30);
        assert_eq!(took(&mut (10..100).map(|caller| (caller, 4))), 60);
        assert_eq!(takes(1, (1, 2)), Err(NotLed::TooOften { retry_after: 20 }));
        assert_eq!(takes(21, (1, 2)), Ok(()));
    }

    //= P2P-038 type=test
    #[test]
    fn who_tries_many_ids_that_lead_nowhere_is_led_nowhere_for_ten_minutes() {
        let (mut calls, settings) = (Calls::new(hashing(), 1000), Settings::default());
        for _ in 0..20 {
            calls.missed(at(1), 7, &settings);
        }
        assert!(!calls.is_barred(at(1), 7));
        calls.missed(at(1), 7, &settings);
        assert!(calls.is_barred(at(600), 7) && !calls.is_barred(at(601), 7) && !calls.is_barred(at(1), 8));
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut calls, mut table, settings) = (Calls::new(hashing(), 10), peers(101), Settings::default());
        for slot in 0..100 {
            calls.takes(at(1), (slot, slot + 1), &mut table, &settings).unwrap();
            calls.missed(at(1), slot.into(), &settings);
        }
        assert_eq!([calls.pairs.len(), calls.misses.len()], [10; 2]);
        calls.forget_ended(Duration::from_secs(100));
        assert_eq!(calls.pairs.len(), 0);
    }
}
