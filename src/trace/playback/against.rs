//! Two policies on one capture: which messages become something else.

use super::Playback;
use super::finding::{Finding, Kind, Step, Summary, standing};
use crate::engine::judge::Outcome;
use crate::privacy::Decision;
use crate::trace::capture::Captured;

/// A capture being played to two policies.
pub struct Against {
    old: Playback,
    new: Playback,
    differing: u64,
}

/// A message that one policy treats otherwise than the other.
#[derive(Debug)]
pub struct Difference {
    pub old: Finding,
    pub new: Finding,
}

impl Against {
    pub fn new(old: Playback, new: Playback) -> Against {
        Against { old, new, differing: 0 }
    }

    /// Judges one recorded message by both. To be called in the order of the capture.
    pub fn play(&mut self, captured: &Captured) -> Option<Difference> {
        let (old, new) = (self.old.play(captured), self.new.play(captured));
        let differs = match (&old.kind, &new.kind) {
            (Kind::Judged(old), Kind::Judged(new)) => differs(old, new),
            (Kind::Again(_), Kind::Again(_)) => false,
            (Kind::Unreadable(old), Kind::Unreadable(new)) => old != new,
            _ => true,
        };
        self.differing += u64::from(differs);
        differs.then_some(Difference { old, new })
    }

    /// Messages that differ so far.
    pub fn differing(&self) -> u64 {
        self.differing
    }

    /// What was found by the old policy, and by the new one.
    pub fn summaries(&self) -> [Summary; 2] {
        [self.old.summary(), self.new.summary()]
    }
}

/// Whether anybody would notice: who is trusted, what is decided, what leaves, what leaks. Why, and by which line of a policy, is
/// another matter.
fn differs(old: &Step, new: &Step) -> bool {
    let standings = |step: &Step| {
        let judgement = &step.judgement;
        [judgement.origin.standing(), judgement.hop_standing()].map(standing)
    };
    let decided = |step: &Step| {
        let judgement = &step.judgement;
        let of = |decisions: &[Decision]| decisions.iter().map(|one| (one.header, one.action)).collect::<Vec<_>>();
        [of(&judgement.admitted), of(&judgement.cleared)]
    };
    let is_same = match (&old.judgement.outcome, &new.judgement.outcome) {
        (Outcome::Cleared(old), Outcome::Cleared(new)) => old.bytes() == new.bytes(),
        (Outcome::Refused(old), Outcome::Refused(new)) => {
            let (old, new) = (old.look(), new.look());
            (old.status, old.reason) == (new.status, new.reason)
        }
        (Outcome::Dropped(old), Outcome::Dropped(new)) => old == new,
        _ => false,
    };
    !is_same
        || standings(old) != standings(new)
        || decided(old) != decided(new)
        || old.recorded_leak != new.recorded_leak
        || old.would_leak() != new.would_leak()
}
