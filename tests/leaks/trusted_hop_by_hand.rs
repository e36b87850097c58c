//! Nobody is a member of T because someone says so.

use sipveil::trust::hop::TrustedHop;
use sipveil::trust::{Destination, Evidence};

fn forged(destination: Destination, evidence: Evidence) -> TrustedHop {
    TrustedHop((destination, evidence))
}

fn main() {}
