//! Bytes as a capture: read to the end, with an error at most once and last.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sipveil::trace::capture::Capture;

fuzz_target!(|data: &[u8]| {
    let mut capture = Capture::new(data);
    let mut failed = false;
    for message in capture.by_ref() {
        assert!(!failed, "something follows an error");
        match message {
            Ok(message) => assert!(message.bytes.len() <= data.len()),
            Err(_) => failed = true,
        }
    }
    assert!(capture.bytes_read() <= data.len() as u64);
});
