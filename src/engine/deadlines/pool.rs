//! The memory of a wheel: lists of entries in chunks that all slots share.

use std::mem;

/// Entries in the order they came, in chunks of a [`Pool`].
#[derive(Clone, Copy)]
pub struct Chain {
    first: u32,
    last: u32,
    /// Where the entries begin in the first chunk, and end in the last.
    begin: u16,
    end: u16,
}

pub const CHUNK: u16 = 16;
const NO_CHUNK: u32 = u32::MAX;

impl Chain {
    pub const EMPTY: Chain = Chain {
        first: NO_CHUNK,
        last: NO_CHUNK,
        begin: 0,
        end: CHUNK,
    };

    pub fn is_empty(self) -> bool {
        self.first == NO_CHUNK
    }
}

/// The memory of all chains. Chunks of emptied chains are used again before new ones are made.
pub struct Pool<T> {
    /// `CHUNK` a chunk; with each entry the tick within its turn, which only the far wheel asks for.
    entries: Vec<(u16, T)>,
    /// Of each chunk the one after it in its chain, or in the list of free ones.
    next: Vec<u32>,
    free: u32,
}

impl<T: Copy> Pool<T> {
    pub fn new() -> Pool<T> {
        Pool {
            entries: Vec::new(),
            next: Vec::new(),
            free: NO_CHUNK,
        }
    }

    /// Entries there is memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    pub fn push(&mut self, chain: &mut Chain, within: u16, entry: T) {
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

    pub fn pop(&mut self, chain: &mut Chain) -> Option<(u16, T)> {
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
