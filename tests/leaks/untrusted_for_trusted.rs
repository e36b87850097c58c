//! A message cleared for a hop outside T is none for a hop in T.

use sipveil::privacy::Outgoing;
use sipveil::privacy::gate::Cleared;
use sipveil::trust::{Hop, UntrustedHop};

fn promoted(cleared: Cleared<UntrustedHop>) -> Outgoing {
    Outgoing::Trusted(cleared)
}

fn hop(hop: UntrustedHop) -> Hop {
    Hop::Trusted(hop)
}

fn main() {}
