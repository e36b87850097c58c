//! The timers of RFC 3261 table 4 and RFC 6026, by name.

use std::time::Duration;

/// A timer of a transaction. Timer C is the proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Timer {
    /// INVITE client, unreliable: send the request again.
    A,
    /// INVITE client: nobody answered.
    B,
    /// INVITE client, unreliable: how long failures sent again are acknowledged.
    D,
    /// Client, unreliable: send the request again.
    E,
    /// Client: nobody answered.
    F,
    /// INVITE server, unreliable: send the failure again.
    G,
    /// INVITE server: nobody acknowledged the failure.
    H,
    /// INVITE server, unreliable: how long ACKs sent again are absorbed.
    I,
    /// Server, unreliable: how long requests sent again are answered.
    J,
    /// Client, unreliable: how long responses sent again are absorbed.
    K,
    /// INVITE server: how long INVITEs sent again are absorbed after a 2xx.
    L,
    /// INVITE client: how long further 2xx are passed on.
    M,
    /// Server: the moment at which a peer's Timer E would be set to T2, and a 100 is due. Source: RFC 4320 section 4.1.
    Trying100,
}

/// Whether the transport repeats what gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reliability {
    /// UDP.
    Unreliable,
    /// Everything else.
    Reliable,
}

impl From<crate::sip::Transport> for Reliability {
    fn from(transport: crate::sip::Transport) -> Self {
        if transport.is_reliable() {
            Reliability::Reliable
        } else {
            Reliability::Unreliable
        }
    }
}

/// T1, T2 and T4 of the leg a transaction is on; all others follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerSettings {
    /// Estimate of a round trip.
    pub t1: Duration,
    /// Longest pause before a request (not an INVITE) or a failure of an INVITE is sent again.
    pub t2: Duration,
    /// How long a message can remain in the network.
    pub t4: Duration,
}

impl TimerSettings {
    /// Between network elements. Source: RFC 3261 table 4.
    pub const NETWORK: TimerSettings = TimerSettings {
        t1: Duration::from_millis(500),
        t2: Duration::from_secs(4),
        t4: Duration::from_secs(5),
    };

    /// Towards a UE over the air. Source: TS 24.229 table 7.7.1.
    //= PCSCF-032
    pub const UE: TimerSettings = TimerSettings {
        t1: Duration::from_secs(2),
        t2: Duration::from_secs(16),
        t4: Duration::from_secs(17),
    };

    /// How long a timer runs when it is first started.
    pub fn first(&self, timer: Timer) -> Duration {
        match timer {
            Timer::A | Timer::E | Timer::G => self.t1,
            Timer::B | Timer::F | Timer::H | Timer::J | Timer::L | Timer::M => self.t1.saturating_mul(64),
            Timer::D => self.t1.saturating_mul(64).max(Duration::from_secs(32)),
            Timer::I | Timer::K => self.t4,
            Timer::Trying100 => self.until_e_reaches_t2(),
        }
    }

    /// T1 doubled so many times, without a ceiling: Timer A.
    pub fn doubled(&self, times: u8) -> Duration {
        self.t1
            .saturating_mul(1u32.checked_shl(times.into()).unwrap_or(u32::MAX))
    }

    /// T1 doubled so many times, T2 at most: Timers E and G.
    pub fn doubled_to_t2(&self, times: u8) -> Duration {
        self.doubled(times).min(self.t2)
    }

    /// From the first sending of a request until the firing that sets Timer E to T2: 3.5 s with T1 = 0.5 s and T2 = 4 s.
    //= TXN-004
    fn until_e_reaches_t2(&self) -> Duration {
        let firings = (1..31).find(|&times| self.doubled(times) >= self.t2).unwrap_or(31);
        self.doubled(firings).saturating_sub(self.t1)
    }
}

impl Default for TimerSettings {
    fn default() -> Self {
        TimerSettings::NETWORK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_lengths_are_those_of_table_4() {
        let settings = TimerSettings::default();
        for (timer, milliseconds) in [
            (Timer::A, 500),
            (Timer::B, 32_000),
            (Timer::D, 32_000),
            (Timer::E, 500),
            (Timer::F, 32_000),
            (Timer::G, 500),
            (Timer::H, 32_000),
            (Timer::I, 5_000),
            (Timer::J, 32_000),
            (Timer::K, 5_000),
            (Timer::L, 32_000),
            (Timer::M, 32_000),
            (Timer::Trying100, 3_500),
        ] {
            assert_eq!(settings.first(timer), Duration::from_millis(milliseconds), "{timer:?}");
        }
    }

    #[test]
    fn d_is_never_below_32_seconds() {
        let quick = TimerSettings {
            t1: Duration::from_millis(100),
            ..TimerSettings::default()
        };
        assert_eq!(quick.first(Timer::D), Duration::from_secs(32));
        assert_eq!(TimerSettings::UE.first(Timer::D), Duration::from_secs(128));
    }

    #[test]
    fn a_100_waits_for_e_to_reach_t2_on_any_settings() {
        assert_eq!(TimerSettings::UE.first(Timer::Trying100), Duration::from_secs(14));
        let of = |t1, t2| {
            let t4 = Duration::from_secs(5);
            TimerSettings {
                t1: Duration::from_millis(t1),
                t2: Duration::from_millis(t2),
                t4,
            }
            .first(Timer::Trying100)
        };
        // E runs 0.5, 1, 2, then 3 (the ceiling) from 3.5 s on.
        assert_eq!(of(500, 3_000), Duration::from_millis(1_500 + 2_000));
        assert_eq!(of(500, 500), Duration::from_millis(500));
        assert_eq!(of(500, 100), Duration::from_millis(500));
        assert_eq!(of(0, 4_000), Duration::ZERO);
    }

    #[test]
    fn extreme_settings_saturate() {
        let endless = TimerSettings {
            t1: Duration::MAX,
            t2: Duration::MAX,
            t4: Duration::MAX,
        };
        assert_eq!(endless.first(Timer::B), Duration::MAX);
        assert_eq!(endless.doubled(u8::MAX), Duration::MAX);
        assert_eq!(TimerSettings::NETWORK.doubled_to_t2(u8::MAX), Duration::from_secs(4));
    }
}
