//! What is kept of a map of pieces: 64 parts of the content, each held whole or not.

use crate::ppsp::ChunkMap;
use crate::ppsp::ranges::PieceRange;

const BUCKETS: u32 = u64::BITS;

/// Parts of a content; of one with fewer pieces than 64, its pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets(pub u64);

impl Buckets {
    /// A part counts when all of its pieces are there.
    pub fn of(map: &ChunkMap) -> Buckets {
        let pieces = map.pieces();
        let count = BUCKETS.min(pieces);
        let mut held = 0;
        let mut ranges = map.ranges().iter().peekable();
        for bucket in 0..count {
            let (first, last) = span(bucket, pieces);
            while ranges.peek().is_some_and(|range| range.1 < last) {
                ranges.next();
            }
            if ranges.peek().is_some_and(|range| range.0 <= first) {
                held |= 1 << bucket;
            }
        }
        Buckets(held)
    }

    /// Whether all of it is among what another holds.
    pub fn is_within(self, other: Buckets) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    pub fn is_full(self, pieces: u32) -> bool {
        self.0.count_ones() == BUCKETS.min(pieces)
    }

    /// Eighths of the content that are held.
    //= P2P-052
    pub fn eighths(self, pieces: u32) -> u8 {
        let count = BUCKETS.min(pieces).max(1);
        (self.0.count_ones() * 8 / count) as u8
    }

    /// The pieces of all parts that are held.
    pub fn ranges(self, pieces: u32) -> Vec<PieceRange> {
        let mut ranges: Vec<PieceRange> = Vec::new();
        for bucket in (0..BUCKETS.min(pieces)).filter(|bucket| self.0 >> bucket & 1 == 1) {
            let (first, last) = span(bucket, pieces);
            match ranges.last_mut() {
                Some(before) if before.1 + 1 == first => before.1 = last,
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }
}

/// First and last piece of a part.
fn span(bucket: u32, pieces: u32) -> PieceRange {
    let count = u64::from(BUCKETS.min(pieces));
    let begin = |bucket: u64| (bucket * u64::from(pieces) / count) as u32;
    (begin(bucket.into()), begin(u64::from(bucket) + 1) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_held_whole_or_not() {
        for pieces in [1, 2, 63, 64, 65, 100, 8192] {
            let full = Buckets::of(&ChunkMap::full(pieces));
            assert!(full.is_full(pieces) && full.eighths(pieces) == 8, "{pieces}");
            assert_eq!(full.ranges(pieces), [(0, pieces - 1)]);
        }
        let half = Buckets::of(&ChunkMap::of_ranges(128, &[(0, 62), (64, 127)]).unwrap());
        assert_eq!(half.0, !(1 << 31));
        assert_eq!((half.eighths(128), half.is_full(128)), (7, false));
        assert_eq!(half.ranges(128), [(0, 61), (64, 127)]);
        let few = Buckets::of(&ChunkMap::of_ranges(10, &[(1, 1), (3, 9)]).unwrap());
        assert_eq!(few.ranges(10), [(1, 1), (3, 9)]);
        assert!(Buckets::of(&ChunkMap::of_ranges(10, &[]).unwrap()).is_none());
    }
}
