//! Lists of a tracker that means ill, as many as one likes: an identity planted in each, anywhere and in any dress.
//!
//! ```text
//! cargo run --release --example planted_names -- 1000000 [FIRST]
//! ```
//!
//! Plays that many cases, beginning with number FIRST (0). Exits 1 at the first of which the identity comes out of the guard.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells"
)]

#[path = "../tests/p2p/planted.rs"]
mod planted;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    let (cases, first) = match numbers.as_deref() {
        Some([cases]) => (*cases, 0),
        Some([cases, first]) => (*cases, *first),
        _ => {
            eprintln!("usage: planted_names CASES [FIRST]");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    match planted::play(first..first.saturating_add(cases)) {
        Ok(outcomes) => {
            let seconds = begin.elapsed().as_secs_f64();
            println!(
                "{cases} lists in {seconds:.0} s: {} passed, {} of them cleaned, {} barred; no identity came out",
                outcomes.passed, outcomes.cleaned, outcomes.barred
            );
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprintln!("an identity came out: {found}");
            ExitCode::from(1)
        }
    }
}
