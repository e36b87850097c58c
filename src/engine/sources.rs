//! What one source outside T may ask of one engine, and how often it is told that it asked too much.
//!
//! A source is an IPv4 address, or the first 64 bits of an IPv6 address: behind those a stranger has as many as it likes.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use super::rate::{Place, Rate};
use super::shed::Weight;
use super::transactions::Keyed;
use crate::policy::Limits;
use crate::sip::Method;

/// The allowances of all sources; bounded, whoever asks.
pub struct Sources {
    requests: Rate,
    emergencies: Rate,
    options: Rate,
    refusals: Rate,
    live_max: u32,
}

/// What is done with a request beyond an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// It is told so.
    Refuse,
    /// Each answer could be for somebody else.
    Silence,
}

impl Sources {
    pub fn new(limits: &Limits) -> Sources {
        Sources {
            requests: Rate::new(limits.requests_per_second_max),
            emergencies: Rate::new(limits.requests_per_second_max),
            options: Rate::new(limits.options_per_second_max),
            refusals: Rate::new(limits.refusals_per_second_max),
            live_max: limits.transactions_per_source_max,
        }
    }

    pub fn limit(&mut self, limits: &Limits) {
        self.requests.limit(limits.requests_per_second_max);
        self.emergencies.limit(limits.requests_per_second_max);
        self.options.limit(limits.options_per_second_max);
        self.refusals.limit(limits.refusals_per_second_max);
        self.live_max = limits.transactions_per_source_max;
    }

    /// Whether a request may come in. `live`: the transactions its source has already.
    //= SEC-009
    pub fn take(&mut self, at: Duration, place: Place, weight: Weight, live: u32) -> Result<(), Beyond> {
        let allowed = match weight {
            Weight::InDialog | Weight::Refresh => true,
            Weight::Emergency => self.emergencies.allows(at, place),
            Weight::New(Method::Options) if !self.options.allows(at, place) => return Err(Beyond::Silence),
            Weight::New(_) | Weight::OfPeer(_) => live < self.live_max && self.requests.allows(at, place),
        };
        if allowed { Ok(()) } else { Err(self.refusal(at, place)) }
    }

    /// How a request is refused for which there is no room.
    //= SEC-009
    pub fn refusal(&mut self, at: Duration, place: Place) -> Beyond {
        match self.refusals.allows(at, place) {
            true => Beyond::Refuse,
            false => Beyond::Silence,
        }
    }

    /// Whether a request that is answered at once, and forgotten, is answered at all: it counts like any other.
    //= SEC-009
    pub fn answers(&mut self, at: Duration, place: Place) -> bool {
        self.requests.allows(at, place)
    }
}

/// The place of a source, under keys that no peer knows.
pub fn place(keyed: &Keyed, source: IpAddr) -> Place {
    let prefix = match source.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()) << 32 | 4,
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    };
    Place::of(keyed.hash_one(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(requests: u32, refusals: u32, live: u32) -> Sources {
        Sources::new(&Limits {
            requests_per_second_max: requests,
            refusals_per_second_max: refusals,
            transactions_per_source_max: live,
            ..Limits::default()
        })
    }

    const NEW: Weight = Weight::New(Method::Invite);

    //= SEC-009 type=test
    #[test]
    fn beyond_its_allowance_a_source_is_told_a_few_times_and_then_nothing() {
        let (mut sources, at, place) = (sources(3, 2, 100), Duration::from_secs(9), Place::of(7));
        let mut took = |weight| sources.take(at, place, weight, 0);
        assert_eq!([took(NEW), took(NEW), took(NEW)], [Ok(()); 3]);
        assert_eq!([took(NEW), took(NEW)], [Err(Beyond::Refuse); 2]);
        assert_eq!([took(NEW), took(NEW)], [Err(Beyond::Silence); 2]);
        assert_eq!([took(Weight::InDialog), took(Weight::Refresh)], [Ok(()); 2]);
        assert_eq!([took(Weight::Emergency); 1], [Ok(())]);
        assert!(!sources.answers(at, place));
        assert_eq!(sources.take(at, Place::of(8), NEW, 0), Ok(()), "another source");
        let next = at + Duration::from_secs(1);
        assert_eq!(sources.take(next, place, NEW, 0), Ok(()), "the next second");
    }

    //= SEC-009 type=test
    #[test]
    fn a_source_has_so_many_transactions_and_no_more() {
        let (mut sources, at, place) = (sources(100, 100, 10), Duration::ZERO, Place::of(7));
        assert_eq!(sources.take(at, place, NEW, 9), Ok(()));
        assert_eq!(sources.take(at, place, NEW, 10), Err(Beyond::Refuse));
        assert_eq!(sources.take(at, place, Weight::InDialog, 10), Ok(()));
        assert_eq!(sources.take(at, place, Weight::Emergency, 10), Ok(()));
    }

    //= SEC-009 type=test
    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let keyed = Keyed::new((1, 2));
        let place = |address: &str| place(&keyed, address.parse().unwrap());
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
        assert_eq!(place("192.0.2.1"), place("::ffff:192.0.2.1"));
    }
}
