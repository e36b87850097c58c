//! Evidence anyone can write down; it takes the policy and the transport to make a hop of it.

use sipveil::trust::{Destination, Evidence, Hop, Member, Secure};

fn forged(destination: Destination) -> Hop {
    let evidence = Evidence {
        secure: Secure::Listener { line: 1 },
        member: Member::Listener { line: 1 },
    };
    Hop::of(destination, evidence)
}

fn main() {}
