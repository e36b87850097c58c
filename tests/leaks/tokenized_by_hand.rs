//! What became bytes went through hiding; nobody gives a draft that name.

use sipveil::sip::Draft;
use sipveil::topology::Tokenized;

fn literal(draft: &Draft) -> Tokenized<'_> {
    Tokenized(draft)
}

fn taken_out<'d>(tokenized: &'d Tokenized<'d>) -> &'d Draft {
    tokenized.draft()
}

fn main() {}
