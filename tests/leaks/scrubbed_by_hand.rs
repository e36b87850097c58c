//! A draft is scrubbed by scrubbing, and only when hidden before.

use sipveil::privacy::scrub::{Scrubbed, Terms};
use sipveil::privacy::{Notes, Wanted};
use sipveil::sip::Draft;

fn literal(draft: Draft) -> Scrubbed {
    Scrubbed(draft)
}

fn not_hidden(draft: Draft, wanted: &Wanted, terms: Terms<'_>, notes: &mut Notes) -> Scrubbed {
    Scrubbed::new(draft, wanted, terms, notes)
}

fn main() {}
