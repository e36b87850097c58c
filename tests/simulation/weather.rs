//! What the network does to a datagram, and what happens to the nodes, in one run.

use std::time::Duration;

use super::dice::Dice;
use super::names::Names;
use super::node::{Between, NODES};

/// The faults of one run, drawn once from its seed.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Datagrams that never arrive, in a hundred.
    lost: usize,
    /// Datagrams that arrive twice, in a hundred.
    twice: usize,
    /// Datagrams that are overtaken by many, in a hundred.
    late: usize,
    pub names: Names,
    pub crashes: Vec<Crash>,
    /// When a node is given its policy anew.
    pub reloads: Vec<(usize, Duration)>,
    pub between: Between,
}

/// A node that dies and comes back without its memory.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    pub node: usize,
    pub at: Duration,
    pub back: Duration,
}

impl Weather {
    pub fn of(dice: &mut Dice) -> Weather {
        let (rough, crashing) = match dice.below(5) {
            0 => (false, false),
            1 => (true, false),
            2 | 3 => (false, true),
            _ => (true, true),
        };
        let mut percent = |most: usize| if rough { dice.below(most) } else { 0 };
        let (lost, twice, late) = (percent(31), percent(16), percent(16));
        let names = match dice.below(8) {
            0 => Names::DeadFirst,
            1 => Names::Anything,
            2 | 3 if rough => Names::Anything,
            _ => Names::Sound,
        };
        let count = if crashing { 1 + dice.below(3) } else { 0 };
        let crashes = (0..count).map(|_| crash(dice)).collect();
        let count = dice.below(3);
        let reloads = (0..count).map(|_| (dice.below(NODES.len()), moment(dice))).collect();
        let between = if dice.one_in(3) {
            Between::Streams
        } else {
            Between::Datagrams
        };
        Weather {
            lost,
            twice,
            late,
            names,
            crashes,
            reloads,
            between,
        }
    }

    /// When each copy of a datagram arrives after it was sent; none when it is lost.
    pub fn arrivals(&self, dice: &mut Dice) -> Vec<Duration> {
        if dice.below(100) < self.lost {
            return Vec::new();
        }
        let copies = 1 + usize::from(dice.below(100) < self.twice);
        (0..copies).map(|_| self.delay(dice)).collect()
    }

    pub fn delay(&self, dice: &mut Dice) -> Duration {
        let late = dice.below(100) < self.late;
        let most = if late { 4_000_000 } else { 12_000 };
        Duration::from_micros(1_000 + dice.below(most) as u64)
    }

    /// Nothing is lost, repeated or late.
    pub fn is_calm(&self) -> bool {
        self.lost + self.twice + self.late == 0
    }

    /// Whether every node lived from `begin` to `end`, and a little before and after.
    pub fn all_alive(&self, begin: Duration, end: Duration) -> bool {
        let margin = Duration::from_secs(2);
        let meets = |crash: &Crash| crash.at <= end + margin && begin <= crash.back + margin;
        !self.crashes.iter().any(meets)
    }
}

fn crash(dice: &mut Dice) -> Crash {
    let at = moment(dice);
    // Now and then longer than any transaction lives.
    let most = if dice.one_in(4) { 60_000 } else { 6_000 };
    let away = Duration::from_millis(dice.below(most) as u64);
    Crash {
        node: dice.below(NODES.len()),
        at,
        back: at + away,
    }
}

/// Some time while there is something going on.
fn moment(dice: &mut Dice) -> Duration {
    Duration::from_millis(1_000 + dice.below(90_000) as u64)
}
