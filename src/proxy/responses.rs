//! The best of several failures: RFC 3261 section 16.7.

/// How a failure compares with others: the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u16);

impl Rank {
    /// Of what is no answer at all.
    pub const NONE: Rank = Rank(u16::MAX);
    /// Of a request that gets no answer because nobody answered it.
    pub const SILENCE: Rank = Rank(u16::MAX - 1);

    /// A 6xx before all; else the lowest class, and among 4xx first those that tell how to ask again. A 503 speaks for one
    /// machine only.
    //= PROXY-022
    pub fn of(status: u16) -> Rank {
        const USUAL: u16 = 5;
        let within = match status {
            600.. => return Rank(0),
            401 => 0,
            407 => 1,
            415 => 2,
            420 => 3,
            484 => 4,
            503 => 6,
            _ => USUAL,
        };
        Rank(status / 100 * 10 + within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= PROXY-022 type=test
    #[test]
    fn a_6xx_then_the_lowest_class_then_what_can_be_mended() {
        let best_first = [603, 302, 401, 407, 415, 420, 484, 404, 500, 503];
        assert!(best_first.is_sorted_by_key(|status| Rank::of(*status)));
        assert_eq!(Rank::of(404), Rank::of(486), "the first to come stays");
        assert!(Rank::of(503) < Rank::SILENCE && Rank::SILENCE < Rank::NONE);
    }
}
