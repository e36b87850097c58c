//! Runs of pieces, first and last included: in order, apart from each other, inside the content.

/// First and last piece of a run.
pub type PieceRange = (u32, u32);

/// Whether these are runs of a content of so many pieces, in order and apart from each other.
pub fn are_ranges(ranges: &[PieceRange], pieces: u32) -> bool {
    let mut next = 0;
    ranges.iter().all(|(first, last)| {
        let fits = *first >= next && first <= last && *last < pieces;
        next = last.saturating_add(1);
        fits
    })
}

/// Pieces in all.
pub fn count(ranges: &[PieceRange]) -> u64 {
    ranges
        .iter()
        .map(|(first, last)| u64::from(*last) - u64::from(*first) + 1)
        .sum()
}

/// What both have. Of two lists of runs each in order, in one walk.
pub fn intersection(one: &[PieceRange], other: &[PieceRange]) -> Vec<PieceRange> {
    let mut both = Vec::new();
    let (mut one, mut other) = (one, other);
    while let ([a, one_rest @ ..], [b, other_rest @ ..]) = (one, other) {
        let (first, last) = (a.0.max(b.0), a.1.min(b.1));
        if first <= last {
            both.push((first, last));
        }
        if a.1 <= b.1 {
            one = one_rest;
        } else {
            other = other_rest;
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_are_in_order_apart_and_inside() {
        let good: &[&[PieceRange]] = &[&[], &[(0, 9)], &[(0, 0), (1, 1), (9, 9)]];
        good.iter()
            .for_each(|ranges| assert!(are_ranges(ranges, 10), "{ranges:?}"));
        let bad: &[&[PieceRange]] = &[
            &[(0, 10)],
            &[(3, 2)],
            &[(0, 3), (3, 4)],
            &[(5, 6), (1, 2)],
            &[(0, u32::MAX)],
        ];
        bad.iter()
            .for_each(|ranges| assert!(!are_ranges(ranges, 10), "{ranges:?}"));
        assert!(!are_ranges(&[(0, u32::MAX - 1), (0, 0)], u32::MAX));
        assert!(!are_ranges(&[(0, 0)], 0));
    }

    fn runs_of(pieces: &[bool]) -> Vec<PieceRange> {
        let mut runs: Vec<PieceRange> = Vec::new();
        for piece in (0..pieces.len() as u32).filter(|piece| pieces[*piece as usize]) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == piece => *last = piece,
                _ => runs.push((piece, piece)),
            }
        }
        runs
    }

    proptest! {
        #[test]
        fn what_both_have_is_what_each_has(pieces in proptest::collection::vec(any::<(bool, bool)>(), 0..80)) {
            let (one, other): (Vec<bool>, Vec<bool>) = pieces.iter().copied().unzip();
            let both: Vec<bool> = pieces.iter().map(|(one, other)| *one && *other).collect();
            let found = intersection(&runs_of(&one), &runs_of(&other));
            prop_assert!(are_ranges(&found, pieces.len() as u32));
            prop_assert_eq!(&found, &runs_of(&both));
            prop_assert_eq!(count(&found), both.iter().filter(|both| **both).count() as u64);
        }
    }
}
