//! What has to happen when: a timer wheel of two levels and a remainder.
//!
//! Time is cut into ticks of 10 ms. The near wheel has a slot for each of the next 4096 ticks (41 s: all usual timers of
//! transactions), the far wheel a slot for each of the next 4096 turns of the near one (46 h); what is later still waits
//! in a list. An entry is written once, moved at most twice, read once. Nothing is cancelled here: who takes an entry out
//! looks whether it is still meant.

mod pool;
mod wheel;

use std::{mem, time::Duration};

use pool::{Chain, Pool};
use wheel::{SLOTS, Wheel};

/// How exact a deadline is.
pub const TICK: Duration = Duration::from_millis(10);

const TICKS_PER_SECOND: u64 = 100;
/// The bits of a tick that name a slot.
const SLOT_BITS: u32 = SLOTS.ilog2();
/// No entry. The latest tick is the one before, some 5.8 billion years away.
const NEVER: u64 = u64::MAX;

/// Entries, each with the time at which it is due; times are those of `Now::at`.
///
/// None comes early, none more than a tick late. Earlier ticks come first; inside a tick the order depends on nothing but
/// the calls made. The memory of the most entries there ever were is kept; to bound their number is the caller's duty.
pub struct Deadlines<T> {
    /// All earlier ticks are over and empty.
    now: u64,
    /// The first tick with an entry, or `NEVER`.
    earliest: u64,
    len: usize,
    near: Wheel,
    far: Wheel,
    /// Of each used slot of the far wheel: the earliest tick within its turn.
    far_earliest: Box<[u16]>,
    beyond: Vec<(u64, T)>,
    /// The first tick in `beyond`, or `NEVER`.
    beyond_earliest: u64,
    pool: Pool<T>,
}

impl<T: Copy> Deadlines<T> {
    pub fn new() -> Deadlines<T> {
        Deadlines {
            now: 0,
            earliest: NEVER,
            len: 0,
            near: Wheel::new(),
            far: Wheel::new(),
            far_earliest: vec![0; SLOTS].into_boxed_slice(),
            beyond: Vec::new(),
            beyond_earliest: NEVER,
            pool: Pool::new(),
        }
    }

    /// Adds an entry. One whose time is over is due at once.
    pub fn insert(&mut self, at: Duration, entry: T) {
        let tick = tick_not_before(at).max(self.now);
        self.place(tick, entry);
        self.earliest = self.earliest.min(tick);
        self.len += 1;
    }

    /// Takes out the next entry that is due, until `None`.
    pub fn pop_due(&mut self, now: Duration) -> Option<T> {
        let now = tick_at(now);
        if self.earliest > now {
            self.advance(now);
            return None;
        }
        self.advance(self.earliest);
        let slot = slot_of(self.now);
        let (_, entry) = self.pool.pop(&mut self.near.chains[slot])?;
        self.len -= 1;
        if self.near.chains[slot].is_empty() {
            self.near.used.remove(slot);
            self.earliest = self.find_earliest();
        }
        Some(entry)
    }

    /// When the next entry is due; a time that is over when it is due already.
    pub fn next(&self) -> Option<Duration> {
        (self.earliest != NEVER).then(|| time_of(self.earliest))
    }

    /// Entries waiting, those nobody means any more included.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an entry where the distance of its tick says. `tick` is not before `self.now`.
    fn place(&mut self, tick: u64, entry: T) {
        let turns = turn_of(tick) - turn_of(self.now);
        if tick - self.now < SLOTS as u64 {
            let slot = slot_of(tick);
            self.near.used.add(slot);
            self.pool.push(&mut self.near.chains[slot], 0, entry);
        } else if turns < SLOTS as u64 {
            let (slot, within) = (slot_of(turn_of(tick)), slot_of(tick) as u16);
            let first = self.far.chains[slot].is_empty();
            self.far_earliest[slot] = if first {
                within
            } else {
                self.far_earliest[slot].min(within)
            };
            self.far.used.add(slot);
            self.pool.push(&mut self.far.chains[slot], within, entry);
        } else {
            self.beyond.push((tick, entry));
            self.beyond_earliest = self.beyond_earliest.min(tick);
        }
    }

    /// Lets time pass up to a tick before which there is no entry.
    fn advance(&mut self, tick: u64) {
        if tick <= self.now {
            return;
        }
        let turned = turn_of(tick) != turn_of(self.now);
        self.now = tick;
        if turned {
            self.bring_nearer();
        }
    }

    /// A turn of the near wheel begins: its entries come from the far wheel and, every 46 h, from beyond.
    fn bring_nearer(&mut self) {
        let turn = turn_of(self.now);
        if turn_of(self.beyond_earliest) <= turn {
            let mut i = 0;
            self.beyond_earliest = NEVER;
            while let Some(&(tick, entry)) = self.beyond.get(i) {
                if turn_of(tick) - turn < SLOTS as u64 {
                    self.beyond.swap_remove(i);
                    self.place(tick, entry);
                } else {
                    self.beyond_earliest = self.beyond_earliest.min(tick);
                    i += 1;
                }
            }
        }
        let slot = slot_of(turn);
        self.far.used.remove(slot);
        let mut chain = mem::replace(&mut self.far.chains[slot], Chain::EMPTY);
        while let Some((within, entry)) = self.pool.pop(&mut chain) {
            self.place(turn << SLOT_BITS | u64::from(within), entry);
        }
    }

    fn find_earliest(&self) -> u64 {
        let near = self.near.used.first_from(slot_of(self.now)).map_or(NEVER, |slot| {
            let ahead = slot.wrapping_sub(slot_of(self.now)) % SLOTS;
            self.now + ahead as u64
        });
        let turn = turn_of(self.now);
        if turn_of(near) == turn {
            // All of the far wheel and of what is beyond lies in later turns.
            return near;
        }
        let far = self.far.used.first_from(slot_of(turn)).map_or(NEVER, |slot| {
            let ahead = slot.wrapping_sub(slot_of(turn)) % SLOTS;
            (turn + ahead as u64) << SLOT_BITS | u64::from(self.far_earliest[slot])
        });
        near.min(far).min(self.beyond_earliest)
    }
}

impl<T: Copy> Default for Deadlines<T> {
    fn default() -> Self {
        Deadlines::new()
    }
}

/// The tick a time lies in.
fn tick_at(time: Duration) -> u64 {
    let within = u64::from(time.subsec_nanos() / TICK.subsec_nanos());
    time.as_secs()
        .saturating_mul(TICKS_PER_SECOND)
        .saturating_add(within)
        .min(NEVER - 1)
}

/// The first tick that begins at a time or after it.
fn tick_not_before(time: Duration) -> u64 {
    let tick = tick_at(time);
    if time.subsec_nanos().is_multiple_of(TICK.subsec_nanos()) {
        tick
    } else {
        (tick + 1).min(NEVER - 1)
    }
}

/// When a tick begins.
fn time_of(tick: u64) -> Duration {
    let within = (tick % TICKS_PER_SECOND) as u32;
    Duration::new(tick / TICKS_PER_SECOND, within * TICK.subsec_nanos())
}

/// The turn of the near wheel a tick lies in.
fn turn_of(tick: u64) -> u64 {
    tick >> SLOT_BITS
}

/// The slot of a tick in the near wheel, or of a turn in the far one.
fn slot_of(number: u64) -> usize {
    (number % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests;
