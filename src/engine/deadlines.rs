//! What has to happen when: a timer wheel of two levels and a remainder.
//!
//! Time is cut into ticks of 10 ms. The near wheel has a slot for each of the next 4096 ticks (41 s: all usual timers of
//! transactions), the far wheel a slot for each of the next 4096 turns of the near one (46 h); what is later still waits
//! in a list. An entry is written once, moved at most twice, read once. Nothing is cancelled here: who takes an entry out
//! looks whether it is still meant.

use std::{mem, time::Duration};

/// How exact a deadline is.
pub const TICK: Duration = Duration::from_millis(10);

const TICKS_PER_SECOND: u64 = 100;
/// Slots of each wheel, and the bits of a tick that name one.
const SLOTS: usize = 4096;
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

struct Wheel {
    chains: Box<[Chain]>,
    used: Occupied,
}

impl Wheel {
    fn new() -> Wheel {
        Wheel {
            chains: vec![Chain::EMPTY; SLOTS].into_boxed_slice(),
            used: Occupied {
                words: [0; SLOTS / 64],
                summary: 0,
            },
        }
    }
}

/// Which slots of a wheel have entries.
struct Occupied {
    words: [u64; SLOTS / 64],
    /// Which words are not zero.
    summary: u64,
}

impl Occupied {
    fn add(&mut self, slot: usize) {
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    fn remove(&mut self, slot: usize) {
        self.words[slot / 64] &= !(1 << (slot % 64));
        if self.words[slot / 64] == 0 {
            self.summary &= !(1 << (slot / 64));
        }
    }

    /// The first used slot from this one on, round the wheel.
    fn first_from(&self, slot: usize) -> Option<usize> {
        let word = slot / 64;
        let here = self.words[word] >> (slot % 64);
        if here != 0 {
            return Some(slot + here.trailing_zeros() as usize);
        }
        // Later words; then all, where this word can only show slots before the one asked for.
        let later = self.summary & (u64::MAX << word << 1);
        let words = if later != 0 { later } else { self.summary };
        let word = words.trailing_zeros() as usize;
        self.words
            .get(word)
            .map(|slots| word * 64 + slots.trailing_zeros() as usize)
    }
}

/// Entries in the order they came, in chunks of a [`Pool`].
#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
    /// Where the entries begin in the first chunk, and end in the last.
    begin: u16,
    end: u16,
}

const CHUNK: u16 = 16;
const NO_CHUNK: u32 = u32::MAX;

impl Chain {
    const EMPTY: Chain = Chain {
        first: NO_CHUNK,
        last: NO_CHUNK,
        begin: 0,
        end: CHUNK,
    };

    fn is_empty(self) -> bool {
        self.first == NO_CHUNK
    }
}

/// The memory of all chains. Chunks of emptied chains are used again before new ones are made.
struct Pool<T> {
    /// `CHUNK` a chunk; with each entry the tick within its turn, which only the far wheel asks for.
    entries: Vec<(u16, T)>,
    /// Of each chunk the one after it in its chain, or in the list of free ones.
    next: Vec<u32>,
    free: u32,
}

impl<T: Copy> Pool<T> {
    fn new() -> Pool<T> {
        Pool {
            entries: Vec::new(),
            next: Vec::new(),
            free: NO_CHUNK,
        }
    }

    fn push(&mut self, chain: &mut Chain, within: u16, entry: T) {
        if chain.end == CHUNK {
            let chunk = self.take(within, entry);
            if chain.is_empty() {
                chain.first = chunk;
            } else {
                self.next[chain.last as usize] = chunk;
            }
            chain.last = chunk;
            chain.end = 0;
        }
        self.entries[place_of(chain.last, chain.end)] = (within, entry);
        chain.end += 1;
    }

    fn pop(&mut self, chain: &mut Chain) -> Option<(u16, T)> {
        if chain.is_empty() {
            return None;
        }
        let entry = self.entries[place_of(chain.first, chain.begin)];
        chain.begin += 1;
        let only = chain.first == chain.last;
        if chain.begin == if only { chain.end } else { CHUNK } {
            let done = chain.first as usize;
            let rest = Chain {
                first: self.next[done],
                begin: 0,
                ..*chain
            };
            self.next[done] = mem::replace(&mut self.free, chain.first);
            *chain = if only { Chain::EMPTY } else { rest };
        }
        Some(entry)
    }

    /// A free chunk, or a new one full of this entry.
    fn take(&mut self, within: u16, entry: T) -> u32 {
        if self.free != NO_CHUNK {
            let chunk = self.free;
            self.free = self.next[chunk as usize];
            return chunk;
        }
        let chunk = u32::try_from(self.next.len()).expect("memory ends before 2^32 chunks of 16 entries are used");
        self.entries.extend(std::iter::repeat_n((within, entry), CHUNK.into()));
        self.next.push(NO_CHUNK);
        chunk
    }
}

fn place_of(chunk: u32, at: u16) -> usize {
    chunk as usize * usize::from(CHUNK) + usize::from(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn drain(deadlines: &mut Deadlines<u32>, now: Duration) -> Vec<u32> {
        std::iter::from_fn(|| deadlines.pop_due(now)).collect()
    }

    #[test]
    fn an_entry_comes_when_due_and_not_before() {
        let mut deadlines = Deadlines::new();
        deadlines.insert(milliseconds(505), 1);
        deadlines.insert(milliseconds(500), 2);
        deadlines.insert(milliseconds(32_000), 3);
        assert_eq!(deadlines.next(), Some(milliseconds(500)));
        assert_eq!(drain(&mut deadlines, milliseconds(499)), []);
        assert_eq!(drain(&mut deadlines, milliseconds(509)), [2]);
        assert_eq!(deadlines.next(), Some(milliseconds(510)));
        assert_eq!(drain(&mut deadlines, milliseconds(40_000)), [1, 3]);
        assert_eq!((deadlines.next(), deadlines.len()), (None, 0));
    }

    #[test]
    fn the_past_is_due_at_once() {
        let mut deadlines = Deadlines::new();
        assert_eq!(deadlines.pop_due(milliseconds(50_000)), None);
        deadlines.insert(milliseconds(7), 1);
        deadlines.insert(Duration::ZERO, 2);
        assert!(deadlines.next() <= Some(milliseconds(50_000)));
        assert_eq!(drain(&mut deadlines, milliseconds(50_000)), [1, 2]);
    }

    #[test]
    fn each_border_of_the_wheels_is_kept() {
        let turn = 4096u64;
        let ticks = [
            0,
            1,
            turn - 1,
            turn,
            turn + 1,
            2 * turn - 1,
            turn * turn - 1,
            turn * turn,
            turn * turn + 1,
        ];
        for start in [0, 1, turn - 1, 5 * turn + 17, turn * turn - 1] {
            let mut deadlines = Deadlines::new();
            assert_eq!(deadlines.pop_due(time_of(start)), None);
            for id in (0..ticks.len()).rev() {
                deadlines.insert(time_of(start + ticks[id]), id);
            }
            for (id, tick) in ticks.into_iter().enumerate() {
                assert_eq!(deadlines.next(), Some(time_of(start + tick)), "{start} {tick}");
                if tick > 0 {
                    assert_eq!(deadlines.pop_due(time_of(start + tick - 1)), None, "{start} {tick}");
                }
                assert_eq!(deadlines.pop_due(time_of(start + tick)), Some(id), "{start} {tick}");
            }
        }
    }

    #[test]
    fn the_end_of_time_breaks_nothing() {
        let mut deadlines = Deadlines::new();
        deadlines.insert(Duration::MAX, 1);
        deadlines.insert(milliseconds(10), 2);
        deadlines.insert(Duration::from_secs(u64::MAX / 100), 3);
        assert_eq!(drain(&mut deadlines, Duration::from_secs(100_000_000_000)), [2]);
        deadlines.insert(Duration::ZERO, 4);
        assert_eq!(drain(&mut deadlines, Duration::from_secs(100_000_000_000)), [4]);
        assert_eq!(drain(&mut deadlines, Duration::MAX), [3, 1]);
        deadlines.insert(Duration::MAX, 5);
        assert_eq!(drain(&mut deadlines, Duration::MAX), [5]);
        assert_eq!(drain(&mut deadlines, Duration::ZERO), []);
    }

    #[test]
    fn a_warm_wheel_takes_no_new_memory() {
        let mut deadlines = Deadlines::new();
        let mut turn_over = |from: u64| {
            for id in 0..200_000u32 {
                let now = milliseconds(from + u64::from(id) / 5);
                deadlines.insert(now + milliseconds(32_000), id);
                while deadlines.pop_due(now).is_some() {}
            }
            let left = drain(&mut deadlines, milliseconds(from + 80_000));
            assert!(left.len() >= 160_000 && deadlines.is_empty());
            deadlines.pool.entries.len()
        };
        let cold = turn_over(3);
        assert!(cold <= 160_000 + 2 * 16 * SLOTS);
        assert_eq!(turn_over(100_007), cold);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// Due so long after (or before) now.
        Insert {
            later: bool,
            by: Duration,
        },
        Pop,
        /// Time passes and all that is due is taken.
        Advance(Duration),
    }

    fn distance() -> impl Strategy<Value = Duration> {
        prop_oneof![
            4 => (0u64..100_000_000).prop_map(Duration::from_nanos),
            4 => (0u64..45_000).prop_map(milliseconds),
            3 => (0u64..300_000).prop_map(milliseconds),
            1 => (0u64..200_000).prop_map(Duration::from_secs),
            1 => (0u64..1_000_000_000_000).prop_map(Duration::from_secs),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (prop::bool::weighted(0.9), distance()).prop_map(|(later, by)| Step::Insert { later, by }),
            2 => Just(Step::Pop),
            3 => distance().prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(start in distance(), steps in prop::collection::vec(step(), 1..120)) {
            let mut deadlines = Deadlines::new();
            // By time and id; whether the time was still to come when the entry was inserted.
            let mut model: BTreeMap<(Duration, u32), bool> = BTreeMap::new();
            let mut due_of = Vec::new();
            let mut now = start;
            for step in steps {
                match step {
                    Step::Insert { later, by } => {
                        let at = if later { now + by } else { now.saturating_sub(by) };
                        let id = due_of.len() as u32;
                        due_of.push(at);
                        deadlines.insert(at, id);
                        model.insert((at, id), at > now);
                    }
                    Step::Pop | Step::Advance(_) => {
                        if let Step::Advance(by) = step {
                            now += by;
                        }
                        while let Some(id) = deadlines.pop_due(now) {
                            let at = due_of[id as usize];
                            prop_assert!(at <= now, "early");
                            let ahead = model.remove(&(at, id));
                            prop_assert!(ahead.is_some(), "came twice");
                            let next = model.iter().find_map(|((at, _), &ahead)| ahead.then_some(*at));
                            let in_order = next.is_none_or(|next| tick_not_before(at) <= tick_not_before(next));
                            prop_assert!(ahead == Some(false) || in_order, "out of order");
                            if matches!(step, Step::Pop) {
                                break;
                            }
                        }
                        if let (Step::Advance(_), Some(((at, _), _))) = (step, model.first_key_value()) {
                            prop_assert!(*at + TICK > now, "late");
                        }
                    }
                }
                prop_assert_eq!(deadlines.len(), model.len());
                match (deadlines.next(), model.first_key_value()) {
                    (None, None) => {}
                    (Some(next), Some(((at, _), _))) => {
                        prop_assert!(next <= now.max(*at + TICK), "next is late");
                        prop_assert!(next + TICK > *at, "next is early");
                    }
                    (next, _) => prop_assert!(false, "next is {next:?} with {} left", model.len()),
                }
            }
            let rest = drain(&mut deadlines, Duration::MAX);
            prop_assert_eq!(rest.len(), model.len());
        }

        #[test]
        fn earlier_ticks_come_first(times in prop::collection::vec(distance(), 1..200)) {
            let mut deadlines = Deadlines::new();
            for (id, &at) in (0u32..).zip(&times) {
                deadlines.insert(at, id);
            }
            let ticks: Vec<u64> = drain(&mut deadlines, Duration::MAX)
                .into_iter()
                .map(|id| tick_not_before(times[id as usize]))
                .collect();
            prop_assert_eq!(ticks.len(), times.len());
            prop_assert!(ticks.is_sorted());
        }
    }
}
