//! A name of an address that DNS did not confirm in both directions makes no member.

use sipveil::trust::{Hop, ReverseName};

fn forged(hop: Hop) -> Hop {
    let name = ReverseName {
        address: [192, 0, 2, 1].into(),
        line: 1,
    };
    hop.supported_by(name)
}

fn main() {}
