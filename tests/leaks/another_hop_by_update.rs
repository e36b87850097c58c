//! Nor are they moved into a new value with another hop.

use sipveil::privacy::gate::Cleared;
use sipveil::trust::TrustedHop;

fn updated(cleared: Cleared<TrustedHop>, other: TrustedHop) -> Cleared<TrustedHop> {
    Cleared { hop: other, ..cleared }
}

fn main() {}
