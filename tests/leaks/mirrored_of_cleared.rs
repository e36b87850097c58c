//! A message that was cleared for one hop is not thereby one to look at.

use sipveil::privacy::Outgoing;
use sipveil::privacy::mirrored::Mirrored;

fn shown(outgoing: &Outgoing) -> Mirrored {
    Mirrored::from(outgoing)
}

fn main() {}
