//! What goes wrong with peers, counted by peer: told now and then, however often it happens.

use crate::policy::{PeerId, Policy};

/// What went wrong so and so often, by peer, as the policy lists them; behind them everybody else.
#[derive(Default)]
pub struct ByPeer(Vec<u64>);

impl ByPeer {
    pub fn of(policy: &Policy) -> ByPeer {
        ByPeer(vec![0; policy.peers.len() + 1])
    }

    fn place(&self, peer: Option<PeerId>) -> usize {
        let others = self.0.len().saturating_sub(1);
        peer.map_or(others, |peer| usize::from(peer.0).min(others))
    }

    /// One more. How many it makes, where that is to be told of: at the first, the tenth, the hundredth, and so on.
    pub(super) fn add(&mut self, peer: Option<PeerId>) -> Option<u64> {
        let place = self.place(peer);
        let count = self.0.get_mut(place)?;
        *count = count.saturating_add(1);
        let is_round = count.checked_ilog10().is_some_and(|log| *count == 10u64.pow(log));
        is_round.then_some(*count)
    }

    pub(super) fn count(&self, peer: Option<PeerId>) -> u64 {
        self.0.get(self.place(peer)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= P2P-148 type=test
    #[test]
    fn of_a_million_seven_are_told_of() {
        let mut by_peer = ByPeer(vec![0; 3]);
        let told: Vec<u64> = (0..1_000_000).filter_map(|_| by_peer.add(Some(PeerId(1)))).collect();
        assert_eq!(told, [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]);
        // Whoever is not listed shares the last place.
        assert_eq!((by_peer.add(None), by_peer.add(Some(PeerId(9)))), (Some(1), None));
        assert_eq!((by_peer.count(Some(PeerId(1))), by_peer.count(None)), (1_000_000, 2));
    }
}
