//! Looking through texts, sixteen bytes at a time.

use wide::u8x16;

/// Bytes looked at together.
const LANES: usize = 16;

/// Where a quote, an escape or what may not stand in a text comes first; the end where none does.
pub(super) fn run(text: &[u8]) -> usize {
    let (chunks, rest) = text.as_chunks::<LANES>();
    for (place, chunk) in chunks.iter().enumerate() {
        let found = ends(u8x16::new(*chunk)).to_bitmask();
        if found != 0 {
            return place * LANES + found.trailing_zeros() as usize;
        }
    }
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    text.len() - rest.len() + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Whether nothing in a text is to be escaped.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let escapes = |lanes: u8x16| ends(lanes) | equal(lanes, 0x7f);
    let Some(last) = text.last_chunk::<LANES>() else {
        return !text.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f));
    };
    let (chunks, _) = text.as_chunks::<LANES>();
    let found = chunks.iter().fold(escapes(u8x16::new(*last)), |found, chunk| {
        found | escapes(u8x16::new(*chunk))
    });
    found.to_bitmask() == 0
}

fn ends(lanes: u8x16) -> u8x16 {
    let control = lanes.min(u8x16::splat(0x1f)).simd_eq(lanes);
    control | equal(lanes, b'"') | equal(lanes, b'\\')
}

fn equal(lanes: u8x16, byte: u8) -> u8x16 {
    lanes.simd_eq(u8x16::splat(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_found(mut text in proptest::collection::vec(b'!'..0xff, 1..60), place: usize, which in 0usize..6) {
            let place = place % text.len();
            text[place] = [b'"', b'\\', 0, 0x1f, b' ', 0x7f][which];
            let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            prop_assert_eq!(run(&text), text.iter().position(is_end).unwrap_or(text.len()));
            prop_assert_eq!(is_plain(&text), !text.iter().any(|byte| is_end(byte) || *byte == 0x7f));
        }
    }
}
