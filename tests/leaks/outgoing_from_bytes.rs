//! What leaves is not made of bytes.

use sipveil::privacy::Outgoing;

fn uncleared(bytes: bytes::Bytes) -> Outgoing {
    Outgoing::from(bytes)
}

fn main() {}
