//! Bytes as one header value of every kind, and as a URI: what is read stands in them, and means the same when printed.

#![no_main]

#[path = "../../tests/mutation/values.rs"]
mod values;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| values::check(data));
