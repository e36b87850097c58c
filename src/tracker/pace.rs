//! How fast peers come: after a start those who were there before come back one after the other, and at no time more announce
//! anew in a second than may.

use rand_chacha::rand_core::Rng;

use super::Moment;
use super::table::below;

/// The longest that anybody is asked to wait.
//= P2P-027
const WAIT_SECONDS_MAX: u64 = 600;
/// The least that who is refused waits for, by chance.
const REFUSED_SECONDS: u64 = 10;

/// Announcements of this second.
//= P2P-140 type=exception reason=the tracker is in one worker: 25,000 refreshes and 10,000 lists a second are what one core does at most, and 50,000 announcements after an outage are more; they are paced instead, and how long the slowest of a hundred waits was not measured
#[derive(Debug, Default)]
pub(super) struct Pace {
    second: u64,
    taken: u32,
}

impl Pace {
    /// Whether one more may come now.
    //= P2P-027
    pub fn takes(&mut self, now: Moment, per_second: u32) -> bool {
        if self.second != now.at.as_secs() {
            (self.second, self.taken) = (now.at.as_secs(), 0);
        }
        let takes = self.taken < per_second;
        self.taken += u32::from(takes);
        takes
    }
}

/// Seconds within which so many come at half of what may come. 0: they may come at once.
fn spread(awaited: usize, per_second: u32) -> u64 {
    (2 * awaited as u64 / u64::from(per_second.max(1))).min(WAIT_SECONDS_MAX)
}

/// What one of so many who are awaited is asked to wait before it announces anew. `None`: it need not.
//= P2P-027
pub(super) fn wait(awaited: usize, per_second: u32, random: &mut impl Rng) -> Option<u32> {
    let spread = spread(awaited, per_second);
    (spread > 0)
        .then(|| below(spread + 1, random) as u32)
        .filter(|wait| *wait > 0)
}

/// The same for one too many.
//= P2P-027
//= P2P-145
pub(super) fn wait_refused(awaited: usize, per_second: u32, random: &mut impl Rng) -> u32 {
    1 + below(spread(awaited, per_second).max(REFUSED_SECONDS), random) as u32
}
