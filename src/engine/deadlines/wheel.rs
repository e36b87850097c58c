//! A ring of slots that knows its next used one.

use super::pool::Chain;

pub const SLOTS: usize = 4096;

/// The slots of one level.
pub struct Wheel {
    pub chains: Box<[Chain]>,
    pub used: Occupied,
}

impl Wheel {
    pub fn new() -> Wheel {
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
pub struct Occupied {
    words: [u64; SLOTS / 64],
    /// Which words are not zero.
    summary: u64,
}

impl Occupied {
    pub fn add(&mut self, slot: usize) {
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    pub fn remove(&mut self, slot: usize) {
        self.words[slot / 64] &= !(1 << (slot % 64));
        if self.words[slot / 64] == 0 {
            self.summary &= !(1 << (slot / 64));
        }
    }

    /// The first used slot from this one on, round the wheel.
    pub fn first_from(&self, slot: usize) -> Option<usize> {
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
