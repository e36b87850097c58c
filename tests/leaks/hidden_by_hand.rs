//! A draft is hidden by hiding, not by name.

use sipveil::sip::Draft;
use sipveil::topology::Hidden;

fn literal(draft: Draft) -> Hidden {
    Hidden(draft)
}

fn without_hiding(draft: Draft) -> Hidden {
    Hidden::without_contact(draft)
}

fn main() {}
