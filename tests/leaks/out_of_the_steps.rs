//! Between hiding, scrubbing and clearing nothing can be taken out and changed.

use sipveil::privacy::scrub::Scrubbed;
use sipveil::sip::Draft;
use sipveil::topology::Hidden;

fn hidden(hidden: Hidden) -> Draft {
    hidden.into_draft()
}

fn scrubbed(scrubbed: Scrubbed) -> Draft {
    scrubbed.into_draft()
}

fn main() {}
