//! Bytes do not become cleared because someone says so.

use sipveil::privacy::gate::Cleared;
use sipveil::trust::TrustedHop;

fn uncleared(hop: TrustedHop, bytes: bytes::Bytes) -> Cleared<TrustedHop> {
    Cleared { hop, bytes }
}

fn main() {}
