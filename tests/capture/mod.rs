//! Captures, built in memory, read into messages.

mod broken;
mod formats;
mod layers;
mod streams;
pub mod wire;

use sipveil::trace::capture::{Capture, CaptureCounts, CaptureError, Captured};

/// Everything a capture gives.
struct Outcome {
    messages: Vec<Captured>,
    error: Option<CaptureError>,
    counts: CaptureCounts,
    bytes_read: u64,
}

impl Outcome {
    fn texts(&self) -> Vec<&[u8]> {
        self.messages.iter().map(|message| &message.bytes[..]).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.messages.iter().map(|message| message.number).collect()
    }
}

fn outcome(file: &[u8]) -> Outcome {
    let mut capture = Capture::new(file);
    let mut messages = Vec::new();
    let mut error = None;
    for item in capture.by_ref() {
        assert!(error.is_none(), "something after the error");
        match item {
            Ok(message) => messages.push(message),
            Err(fault) => error = Some(fault),
        }
    }
    assert!(capture.next().is_none(), "something after the end");
    Outcome {
        messages,
        error,
        counts: capture.counts().clone(),
        bytes_read: capture.bytes_read(),
    }
}

/// The outcome of a capture without faults.
fn read(file: &[u8]) -> Outcome {
    let outcome = outcome(file);
    if let Some(error) = &outcome.error {
        panic!("{error}");
    }
    assert_eq!(outcome.bytes_read, file.len() as u64);
    assert_eq!(outcome.counts.sip_messages, outcome.messages.len() as u64);
    outcome
}
