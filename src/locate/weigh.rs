//! The order of RFC 2782: by priority, and within one by chance, in proportion to the weights.

use rand_chacha::rand_core::Rng;

/// A weight counts so many times, so that the one chance the RFC leaves to weight 0 does not bend small weights.
const FINENESS: u64 = 64;

/// Puts servers of one priority in the order in which they are tried.
///
/// Each next one is drawn among those left. One of weight 0 has a small chance, unless all have weight 0: then the same.
//= LOC-004
pub fn draw<T>(mut servers: Vec<T>, weight: impl Fn(&T) -> u16, random: &mut impl Rng) -> Vec<T> {
    let fine = |server: &T| u64::from(weight(server)) * FINENESS;
    servers.sort_by_key(|server| weight(server) != 0);
    let mut sum: u64 = servers.iter().map(fine).sum();
    let mut drawn = Vec::with_capacity(servers.len());
    while servers.len() > 1 {
        // Both are far below 2^64, so what the division makes uneven is not to be measured.
        let at = if sum == 0 {
            (random.next_u64() % servers.len() as u64) as usize
        } else {
            let aim = random.next_u64() % (sum + 1);
            let mut passed = 0;
            let hit = servers.iter().position(|server| {
                passed += fine(server);
                passed >= aim
            });
            hit.unwrap_or(0)
        };
        let server = servers.remove(at);
        sum -= fine(&server);
        drawn.push(server);
    }
    drawn.append(&mut servers);
    drawn
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng};

    use super::*;

    fn firsts(weights: &[u16], draws: usize) -> Vec<usize> {
        let mut random = ChaCha12Rng::from_seed([3; 32]);
        let mut first = vec![0; weights.len()];
        for _ in 0..draws {
            let servers: Vec<usize> = (0..weights.len()).collect();
            let order = draw(servers, |server| weights[*server], &mut random);
            assert_eq!(order.len(), weights.len());
            first[order[0]] += 1;
        }
        first
    }

    //= LOC-004 type=test
    #[test]
    fn draws_follow_the_weights() {
        let first = firsts(&[1, 3], 10_000);
        assert!((2_350..2_650).contains(&first[0]), "{first:?}");
        let first = firsts(&[65_535, 65_535], 10_000);
        assert!((4_850..5_150).contains(&first[0]), "{first:?}");
        let first = firsts(&[1, 0], 10_000);
        assert!(
            (1..400).contains(&first[1]),
            "a weight of 0 has a small chance: {first:?}"
        );
        let first = firsts(&[0, 0, 0], 9_000);
        assert!(first.iter().all(|count| (2_800..3_200).contains(count)), "{first:?}");
        assert_eq!(firsts(&[7], 1), [1]);
        assert!(firsts(&[], 0).is_empty());
    }
}
