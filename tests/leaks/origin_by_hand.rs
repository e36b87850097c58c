//! Who sent a message is judged, not told.

use sipveil::trust::{Evidence, Flow, Origin, Standing};

fn forged(flow: Flow, evidence: Evidence) -> Origin {
    Origin {
        flow,
        standing: Standing::Trusted,
        evidence,
    }
}

fn main() {}
