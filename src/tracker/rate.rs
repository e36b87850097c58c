//! How often one peer may ask.

/// A window that refills: so many at once, then evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate {
    /// When everything asked so far would have been due, in seconds.
    due: u32,
}

impl Rate {
    /// Whether something was asked of late.
    pub fn is_used(self, now: u64) -> bool {
        self.due > now as u32
    }

    /// Whether one more may be asked now. What is refused does not count.
    //= P2P-026
    pub fn takes(&mut self, now: u64, per_minute: u32) -> bool {
        let now = now as u32;
        let each = 60 / per_minute.clamp(1, 60);
        let due = self.due.max(now);
        if due - now > 60 - each {
            return false;
        }
        self.due = due + each;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= P2P-026 type=test
    #[test]
    fn six_a_minute_come_at_once_and_then_one_in_ten_seconds() {
        let mut rate = Rate::default();
        let at = |rate: &mut Rate, now| rate.takes(now, 6);
        assert_eq!((0..7).map(|_| at(&mut rate, 1000)).filter(|taken| *taken).count(), 6);
        assert!(!at(&mut rate, 1009) && at(&mut rate, 1010) && !at(&mut rate, 1010));
        assert_eq!((0..7).map(|_| at(&mut rate, 2000)).filter(|taken| *taken).count(), 6);
    }
}
