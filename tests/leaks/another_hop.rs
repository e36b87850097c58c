//! Bytes cleared for one hop do not go to another.

use sipveil::privacy::gate::Cleared;
use sipveil::trust::TrustedHop;

fn redirected(mut cleared: Cleared<TrustedHop>, other: TrustedHop) -> Cleared<TrustedHop> {
    cleared.hop = other;
    cleared
}

fn main() {}
