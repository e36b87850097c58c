//! A stream cut in two ways gives the same messages and the same end. The first bytes say where it is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sipveil::sip::framing::{Frame, Framer, FramingFault, FramingLimits};

const LIMITS: FramingLimits = FramingLimits {
    start_line_bytes_max: 200,
    header_block_bytes_max: 2000,
    body_bytes_max: 2000,
};

fuzz_target!(|data: &[u8]| {
    let Some((cuts, stream)) = data.split_at_checked(8) else {
        return;
    };
    let whole = cut(&[stream]);
    let mut pieces = Vec::new();
    let mut rest = stream;
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut as usize).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(cut(&pieces), whole);
});

fn cut(pieces: &[&[u8]]) -> Vec<Result<Frame, FramingFault>> {
    let mut framer = Framer::new(LIMITS);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        frames.extend(framer.by_ref());
    }
    assert!(framer.buffer().len() <= LIMITS.header_block_bytes_max + LIMITS.body_bytes_max);
    frames
}
