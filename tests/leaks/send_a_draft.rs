//! The shell is given no draft to send.

use sipveil::engine::{Output, SendId};
use sipveil::sip::Draft;

fn uncleared(draft: Draft) -> Output {
    Output::Send {
        id: SendId(0),
        message: draft,
    }
}

fn main() {}
