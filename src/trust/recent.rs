//! What was found out about the peers met last.

use std::sync::Arc;

use super::evidence::{Crossing, Evidence, Facts, collect};
use crate::policy::Policy;

/// Peers whose evidence is at hand; beyond: the oldest makes room. Few, because each is compared: neighbours of a trunk come
/// again with the next message, UEs do not.
const RECENT_MAX: usize = 4;

/// Evidence as [`collect`] gives it, at hand for the peers met last. It is of one policy, and of facts that are the same in all.
#[derive(Debug)]
pub struct Recent {
    policy: Arc<Policy>,
    known: [Option<(Facts, Crossing, Evidence)>; RECENT_MAX],
    oldest: usize,
}

impl Recent {
    /// Of this policy alone: another one needs another.
    pub fn new(policy: Arc<Policy>) -> Recent {
        Recent {
            policy,
            known: [None; RECENT_MAX],
            oldest: 0,
        }
    }

    //= TRUST-014
    pub(super) fn evidence(&mut self, facts: Facts, crossing: Crossing) -> Evidence {
        for (known, way, evidence) in self.known.iter().flatten() {
            if *known == facts && *way == crossing {
                return *evidence;
            }
        }
        let evidence = collect(&self.policy, facts, crossing);
        self.known[self.oldest] = Some((facts, crossing, evidence));
        self.oldest = (self.oldest + 1) % RECENT_MAX;
        evidence
    }
}
