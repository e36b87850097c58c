//! What a mirror shows is what was hidden, not what somebody put together.

use sipveil::privacy::mirrored::Mirrored;

fn shown(of: Mirrored, bytes: bytes::Bytes) -> Mirrored {
    Mirrored { bytes, ..of }
}

fn main() {}
