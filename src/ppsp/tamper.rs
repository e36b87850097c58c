//! Reports of tampered content, weighed: what a network does about a peer that others accuse.
//!
//! A claim alone convicts nobody. Claims add up to a visit of a shopper, an auditor that looks like any other peer; a valid signature
//! of the accused over a bad leaf, or two shoppers who each got one, convict. Three claims that have nothing to do with each other
//! take the accused out of the lists until a shopper has been there.
//!
//! No clock: times come in, in seconds. Who reports is a number that the caller made of a permanent identity, never shown.

use super::signed_run::Proven;

/// Somebody who reports, as a number that the caller keeps for a permanent identity.
pub type Reporter = u64;
/// The access network a reporter sits in.
pub type Network = u32;

/// Reporter, network, weight, time.
const REPORT_BYTES: usize = 8 + 4 + 2 + 8;
/// Reports kept of one accused; of one too many, the one that counts least goes.
pub const REPORTS_MAX: usize = 16;
/// Reporters from networks of their own that take an accused out of the lists, inside [`WINDOW_SECONDS`].
pub const INDEPENDENT: usize = 3;
/// How long a report counts.
pub const WINDOW_SECONDS: u64 = 3600;
/// Weight of reports that send a shopper: two ordinary reporters. Less also takes nobody out of the lists, however many say it.
pub const SUSPICION: Weight = Weight(128);
/// The first ban; each further case doubles it.
pub const FIRST_BAN_SECONDS: u64 = 24 * 3600;
/// Doublings at most: about two years and nine months.
pub const DOUBLINGS_MAX: u32 = 10;

/// What a reporter's word counts. In parts of 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    pub const ONE: Weight = Weight(64);
    const LEAST: Weight = Weight(1);
    const MOST: Weight = Weight(256);

    /// Whole parts, for what outlives the process.
    pub fn parts(self) -> u16 {
        self.0
    }

    /// The same back again, within what there can be.
    pub fn of_parts(parts: u16) -> Weight {
        Weight(parts).clamp(Weight::LEAST, Weight::MOST)
    }

    /// After a report of theirs was confirmed: a quarter more, four at most.
    #[must_use]
    pub fn confirmed(self) -> Weight {
        Weight(self.0 + 16).min(Weight::MOST)
    }

    /// After a report of theirs was refuted: half.
    //= P2P-124
    #[must_use]
    pub fn refuted(self) -> Weight {
        Weight(self.0 / 2).max(Weight::LEAST)
    }
}

impl Default for Weight {
    fn default() -> Weight {
        Weight::ONE
    }
}

/// A report that was admitted: its sender had a session with the accused in the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub reporter: Reporter,
    pub network: Network,
    pub weight: Weight,
    pub at: u64,
}

/// What happened about an accused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A claim, or evidence that did not hold.
    Claimed(Report),
    /// A claim with the accused's valid signature over a bad leaf.
    Shown(Report, Proven),
    /// A shopper got bad content.
    ShopperGotBad,
    /// A shopper got good content, and nothing else.
    ShopperGotGood,
    /// The shopper could not get there at all.
    ShopperFailed,
}

/// What follows, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Somebody who looks like any peer goes and buys.
    OrderShopper,
    /// Out of all lists; watchers are told, temporary IDs revoked.
    Quarantine,
    /// As before the reports.
    Clear,
    /// Out, for so many seconds.
    Convict { ban_seconds: u64 },
    /// These reporters were right: [`Weight::confirmed`].
    Confirmed(Vec<Reporter>),
    /// These reporters were wrong: [`Weight::refuted`].
    Refuted(Vec<Reporter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Free,
    /// A shopper is under way.
    Shopped {
        /// Out of the lists meanwhile.
        quarantined: bool,
        /// The shopper before this one got bad content.
        bad_once: bool,
    },
    Convicted,
}

/// One peer and what was reported of it. As large at its first report as at its thousandth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    state: State,
    /// Oldest first, one a reporter.
    reports: Vec<Report>,
    convictions: u32,
}

impl Case {
    /// Whether the accused is out of the lists.
    pub fn is_out(&self) -> bool {
        matches!(self.state, State::Convicted | State::Shopped { quarantined: true, .. })
    }

    /// Whether somebody is to go and look.
    pub fn is_looked_into(&self) -> bool {
        matches!(self.state, State::Shopped { .. })
    }

    pub fn is_convicted(&self) -> bool {
        self.state == State::Convicted
    }

    /// Whether it ever was: the next ban is longer.
    pub fn was_convicted(&self) -> bool {
        self.convictions > 0
    }

    /// Whether nothing is kept that a later event would need.
    pub fn is_forgettable(&self, at: u64) -> bool {
        self.state == State::Free && self.convictions == 0 && self.reports.iter().all(|report| !counts(report, at))
    }

    /// All of it, for what outlives the process.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (state, quarantined, bad_once) = match self.state {
            State::Free => (0, false, false),
            State::Shopped { quarantined, bad_once } => (1, quarantined, bad_once),
            State::Convicted => (2, false, false),
        };
        let mut bytes = vec![state, quarantined.into(), bad_once.into()];
        bytes.extend_from_slice(&self.convictions.to_be_bytes());
        for report in &self.reports {
            bytes.extend_from_slice(&report.reporter.to_be_bytes());
            bytes.extend_from_slice(&report.network.to_be_bytes());
            bytes.extend_from_slice(&report.weight.0.to_be_bytes());
            bytes.extend_from_slice(&report.at.to_be_bytes());
        }
        bytes
    }

    /// `None`: nothing that [`Case::to_bytes`] made.
    pub fn of_bytes(bytes: &[u8]) -> Option<Case> {
        let ([state, quarantined, bad_once], rest) = bytes.split_first_chunk()?;
        let (convictions, rest) = rest.split_first_chunk()?;
        let reports = rest.chunks(REPORT_BYTES).map(|report| {
            let (reporter, rest) = report.split_first_chunk()?;
            let (network, rest) = rest.split_first_chunk()?;
            let (weight, at) = rest.split_first_chunk()?;
            Some(Report {
                reporter: u64::from_be_bytes(*reporter),
                network: u32::from_be_bytes(*network),
                weight: Weight::of_parts(u16::from_be_bytes(*weight)),
                at: u64::from_be_bytes(at.try_into().ok()?),
            })
        });
        let reports = reports.collect::<Option<Vec<Report>>>()?;
        Some(Case {
            state: match state {
                0 => State::Free,
                1 => State::Shopped {
                    quarantined: *quarantined == 1,
                    bad_once: *bad_once == 1,
                },
                2 => State::Convicted,
                _ => return None,
            },
            reports: (reports.len() <= REPORTS_MAX).then_some(reports)?,
            convictions: u32::from_be_bytes(*convictions),
        })
    }

    /// The ban is over: what comes now is another case.
    pub fn released(self) -> Case {
        Case {
            convictions: self.convictions,
            ..Case::default()
        }
    }

    //= P2P-122
    //= P2P-124
    //= P2P-127
    pub fn on(mut self, event: Event) -> (Case, Vec<Consequence>) {
        if self.state == State::Convicted {
            return (self, Vec::new());
        }
        match event {
            Event::Claimed(report) => self.claimed(report),
            Event::Shown(report, Proven { .. }) => {
                self.keep(report);
                self.convict()
            }
            Event::ShopperGotBad => match self.state {
                State::Shopped { bad_once: true, .. } => self.convict(),
                State::Shopped { quarantined, .. } => {
                    self.state = State::Shopped {
                        quarantined,
                        bad_once: true,
                    };
                    (self, vec![Consequence::OrderShopper])
                }
                // Nobody was sent: a random audit got bad content, and is repeated as any other.
                _ => {
                    self.state = State::Shopped {
                        quarantined: false,
                        bad_once: true,
                    };
                    (self, vec![Consequence::OrderShopper])
                }
            },
            Event::ShopperGotGood => match self.state {
                State::Shopped { .. } => self.clear(),
                _ => (self, Vec::new()),
            },
            Event::ShopperFailed => match self.state {
                State::Shopped { .. } => (self, vec![Consequence::OrderShopper]),
                _ => (self, Vec::new()),
            },
        }
    }

    fn claimed(mut self, report: Report) -> (Case, Vec<Consequence>) {
        let at = report.at;
        self.keep(report);
        let counted = || self.reports.iter().filter(|report| counts(report, at));
        let weight: u32 = counted().map(|report| u32::from(report.weight.0)).sum();
        let suspected = weight >= u32::from(SUSPICION.0);
        let independent = suspected && independent(counted()) >= INDEPENDENT;
        let mut follows = Vec::new();
        match self.state {
            State::Free if suspected => {
                self.state = State::Shopped {
                    quarantined: independent,
                    bad_once: false,
                };
                if independent {
                    follows.push(Consequence::Quarantine);
                }
                follows.push(Consequence::OrderShopper);
            }
            State::Shopped {
                quarantined: false,
                bad_once,
            } if independent => {
                self.state = State::Shopped {
                    quarantined: true,
                    bad_once,
                };
                follows.push(Consequence::Quarantine);
            }
            _ => {}
        }
        (self, follows)
    }

    /// One report a reporter, the latest. Of too many the lightest goes, and the oldest of those: who has no standing drives out
    /// nobody who has.
    fn keep(&mut self, report: Report) {
        // While a shopper is under way, who sent it is to learn what became of that.
        let is_free = self.state == State::Free;
        self.reports
            .retain(|kept| kept.reporter != report.reporter && (!is_free || counts(kept, report.at)));
        self.reports.push(report);
        if self.reports.len() > REPORTS_MAX {
            let lightest = self.reports.iter().enumerate().min_by_key(|(_, kept)| kept.weight);
            if let Some((at, _)) = lightest {
                self.reports.remove(at);
            }
        }
    }

    fn convict(mut self) -> (Case, Vec<Consequence>) {
        let ban_seconds = FIRST_BAN_SECONDS << self.convictions.min(DOUBLINGS_MAX);
        self.convictions = self.convictions.saturating_add(1);
        self.state = State::Convicted;
        let mut follows = vec![Consequence::Convict { ban_seconds }];
        follows.extend(reporters(&mut self.reports).map(Consequence::Confirmed));
        (self, follows)
    }

    fn clear(mut self) -> (Case, Vec<Consequence>) {
        self.state = State::Free;
        let mut follows = vec![Consequence::Clear];
        follows.extend(reporters(&mut self.reports).map(Consequence::Refuted));
        (self, follows)
    }
}

/// Everybody who reported, who then has no report standing.
fn reporters(reports: &mut Vec<Report>) -> Option<Vec<Reporter>> {
    let reporters: Vec<Reporter> = reports.drain(..).map(|report| report.reporter).collect();
    (!reporters.is_empty()).then_some(reporters)
}

fn counts(report: &Report, at: u64) -> bool {
    at.saturating_sub(report.at) < WINDOW_SECONDS
}

/// How many of these sit in networks of their own; reporters are distinct already.
fn independent<'r>(reports: impl Iterator<Item = &'r Report>) -> usize {
    let mut networks: Vec<Network> = reports.map(|report| report.network).collect();
    networks.sort_unstable();
    networks.dedup();
    networks.len()
}

#[cfg(test)]
mod tests;
