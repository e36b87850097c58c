//! What the tracker counts: challenges, how long proofs take, how old the keys are of IDs that are used, how large swarms are.

use std::ops::AddAssign;
use std::time::Duration;

use super::Tracker;
use crate::ppsp::Fault;

/// What became of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenged {
    /// Put to a peer.
    Put,
    Proved,
    /// Answered, and not with a proof.
    Refuted,
    /// Not answered in time.
    Unanswered,
}

impl Challenged {
    pub const ALL: [Challenged; 4] = [
        Challenged::Put,
        Challenged::Proved,
        Challenged::Refuted,
        Challenged::Unanswered,
    ];
}

/// Milliseconds a proof takes at most, each step with those before it.
pub const PROOF_MS: [u64; 6] = [10, 50, 100, 500, 1000, 3000];
/// Peers of a swarm at most, each step with those before it.
pub const SWARM_PEERS: [u64; 7] = [0, 1, 10, 100, 1000, 10_000, 100_000];
/// Days by which keys of IDs that still open are older than the newest ones; the last one stands for all beyond.
pub const DAYS: usize = 3;

/// Numbers that grow: none is of anybody.
//= P2P-147
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    pub challenges: [u64; Challenged::ALL.len()],
    pub proof_ms: Spread<{ PROOF_MS.len() }>,
    /// IDs that led to somebody, by the age of their keys.
    pub days_old: [u64; DAYS],
    /// What single swarms of a request that was done otherwise were refused for.
    pub faults: [u64; Fault::COUNT],
}

/// What there is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Peers with live announcements.
    pub peers: u64,
    /// Swarms by how many announced something in them.
    pub swarm_peers: Spread<{ SWARM_PEERS.len() }>,
}

/// How often values fell under each of some steps, or beyond the last one; and their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread<const STEPS: usize> {
    under: [u64; STEPS],
    beyond: u64,
    pub sum: u64,
}

impl<const STEPS: usize> Spread<STEPS> {
    fn add(&mut self, steps: &[u64; STEPS], value: u64) {
        match steps.iter().position(|step| value <= *step) {
            Some(at) => self.under[at] += 1,
            None => self.beyond += 1,
        }
        self.sum += value;
    }

    /// How many values there were up to each step.
    pub fn up_to(&self) -> [u64; STEPS] {
        let mut all = 0;
        self.under.map(|count| {
            all += count;
            all
        })
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.under.iter().sum::<u64>() + self.beyond
    }
}

impl<const STEPS: usize> Default for Spread<STEPS> {
    fn default() -> Spread<STEPS> {
        Spread {
            under: [0; STEPS],
            beyond: 0,
            sum: 0,
        }
    }
}

impl<const STEPS: usize> AddAssign<&Spread<STEPS>> for Spread<STEPS> {
    fn add_assign(&mut self, other: &Spread<STEPS>) {
        self.under
            .iter_mut()
            .zip(other.under)
            .for_each(|(own, other)| *own += other);
        self.beyond += other.beyond;
        self.sum += other.sum;
    }
}

impl Counts {
    pub(super) fn challenged(&mut self, what: Challenged) {
        self.challenges[what as usize] += 1;
    }

    pub(super) fn proved(&mut self, took: Duration) {
        self.challenged(Challenged::Proved);
        self.proof_ms.add(&PROOF_MS, took.as_millis() as u64);
    }

    pub(super) fn used_after(&mut self, days: usize) {
        self.days_old[days.min(DAYS - 1)] += 1;
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        let pairs: [(&mut [u64], &[u64]); 3] = [
            (&mut self.challenges, &other.challenges),
            (&mut self.days_old, &other.days_old),
            (&mut self.faults, &other.faults),
        ];
        for (own, others) in pairs {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
        self.proof_ms += &other.proof_ms;
    }
}

impl AddAssign<&Held> for Held {
    fn add_assign(&mut self, other: &Held) {
        self.peers += other.peers;
        self.swarm_peers += &other.swarm_peers;
    }
}

impl Tracker {
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Looks at every swarm, so it is for who asks now and then.
    pub fn held(&self) -> Held {
        let mut swarm_peers = Spread::default();
        self.table
            .sizes()
            .for_each(|size| swarm_peers.add(&SWARM_PEERS, size as u64));
        Held {
            peers: self.table.live() as u64,
            swarm_peers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= P2P-147 type=test
    #[test]
    fn a_spread_tells_how_many_were_up_to_each_step() {
        let mut spread = Spread::default();
        for value in [0, 1, 2, 10, 11, 100_000, 100_001] {
            spread.add(&SWARM_PEERS, value);
        }
        assert_eq!(spread.up_to(), [1, 2, 4, 5, 5, 5, 6]);
        assert_eq!((spread.count(), spread.sum), (7, 200_025));
        let mut twice = spread;
        twice += &spread;
        assert_eq!((twice.up_to(), twice.count()), ([2, 4, 8, 10, 10, 10, 12], 14));
    }

    #[test]
    fn what_is_counted_stands_in_its_place() {
        for (at, what) in Challenged::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, at);
        }
        let mut counts = Counts::default();
        counts.used_after(0);
        counts.used_after(9);
        counts.proved(Duration::from_millis(51));
        assert_eq!((counts.days_old, counts.challenges), ([1, 0, 1], [0, 1, 0, 0]));
        assert_eq!(counts.proof_ms.up_to(), [0, 0, 1, 1, 1, 1]);
    }
}
