//! A draft does not leave: only what the gate made of it does.

use sipveil::privacy::Outgoing;
use sipveil::sip::Draft;

fn uncleared(draft: Draft) -> Outgoing {
    Outgoing::Untrusted(draft)
}

fn main() {}
