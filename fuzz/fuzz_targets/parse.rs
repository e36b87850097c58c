//! Bytes as one message: it parses or is refused, every value in it can be read, and what was parsed leaves as it came.

#![no_main]

#[path = "../../tests/mutation/reading.rs"]
mod reading;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let read = reading::read(&Bytes::copy_from_slice(data));
    assert_ne!(read, reading::Read::Changed, "a parsed message would leave changed");
});
