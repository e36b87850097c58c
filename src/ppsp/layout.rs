//! A content cut into pieces: what is announced, listed and asked for. A piece is a run of leaves of the tree.

use super::chunk_map::PIECES_MAX;
use super::ranges::PieceRange;
use super::tree::{LEAF_BYTES, Shape};

/// Bytes of a piece, the fewest and the most; always a power of two.
pub const PIECE_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=8 << 20;

/// Size and piece size of a content, fitting together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    piece_bytes: u64,
}

/// A size and a piece size that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("the size is 0 or above {} bytes", super::tree::SIZE_MAX)]
    Size,
    #[error("the piece size is no power of two from 256 KiB to 8 MiB")]
    PieceBytes,
    #[error("there are more than {PIECES_MAX} pieces: choose a larger piece size")]
    Pieces,
}

impl Layout {
    //= P2P-120
    pub fn new(size: u64, piece_bytes: u64) -> Result<Layout, LayoutError> {
        let shape = Shape::of(size).ok_or(LayoutError::Size)?;
        if !piece_bytes.is_power_of_two() || !PIECE_BYTES.contains(&piece_bytes) {
            return Err(LayoutError::PieceBytes);
        }
        if size.div_ceil(piece_bytes) > u64::from(PIECES_MAX) {
            return Err(LayoutError::Pieces);
        }
        Ok(Layout { shape, piece_bytes })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    pub fn piece_bytes(&self) -> u64 {
        self.piece_bytes
    }

    pub fn pieces(&self) -> u32 {
        // PIECES_MAX at most.
        self.shape.size().div_ceil(self.piece_bytes) as u32
    }

    /// Leaves of every piece but the last.
    pub fn piece_leaves(&self) -> u32 {
        // 8192 at most.
        (self.piece_bytes / LEAF_BYTES as u64) as u32
    }

    /// First leaf and the one behind the last, of a run of pieces. An empty span where there is no such piece.
    pub fn leaves_of(&self, (first, last): PieceRange) -> std::ops::Range<u32> {
        let begins = |piece: u32| piece.saturating_mul(self.piece_leaves()).min(self.shape.leaves());
        begins(first)..begins(last.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    //= P2P-120 type=test
    #[test]
    fn only_sizes_that_fit_together_make_a_layout() {
        assert_eq!(Layout::new(0, 256 * KIB), Err(LayoutError::Size));
        assert_eq!(Layout::new(u64::MAX, 8192 * KIB), Err(LayoutError::Size));
        for piece in [0, 1, 128 * KIB, 300 * KIB, 16384 * KIB, u64::MAX] {
            assert_eq!(Layout::new(1, piece), Err(LayoutError::PieceBytes), "{piece}");
        }
        let most = u64::from(PIECES_MAX) * 256 * KIB;
        assert_eq!(Layout::new(most, 256 * KIB).unwrap().pieces(), PIECES_MAX);
        assert_eq!(Layout::new(most + 1, 256 * KIB), Err(LayoutError::Pieces));
        assert_eq!(Layout::new(most + 1, 512 * KIB).unwrap().pieces(), 4097);
        assert_eq!(
            Layout::new(super::super::tree::SIZE_MAX, 8192 * KIB).unwrap().pieces(),
            PIECES_MAX
        );
    }

    #[test]
    fn a_piece_is_a_run_of_leaves() {
        let layout = Layout::new(2 * 256 * KIB + 1500, 256 * KIB).unwrap();
        assert_eq!((layout.pieces(), layout.piece_leaves()), (3, 256));
        assert_eq!(layout.leaves_of((0, 0)), 0..256);
        assert_eq!(layout.leaves_of((1, 2)), 256..514);
        assert_eq!(layout.leaves_of((2, 2)), 512..514);
        assert!(layout.leaves_of((3, u32::MAX)).is_empty());
    }
}
