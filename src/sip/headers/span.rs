//! A part of a value.

/// Part of a value: the bytes from `start` up to, not including, `end`, counted from the first byte of that value.
///
/// No value is longer than a message, and no message than 4 GiB: half the size of two `usize`, because these are moved about
/// by the dozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    pub fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    #[inline]
    pub fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// The bytes of this span in the value it was made from; of a shorter one, nothing.
    #[inline]
    pub fn of(self, value: &[u8]) -> &[u8] {
        value.get(self.range()).unwrap_or_default()
    }

    #[inline]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start()..self.end()
    }

    #[inline]
    pub fn len(self) -> usize {
        self.end() - self.start()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}
