//! Nodes, phones and a DNS under one seed and virtual time, as many seeds as one likes.
//!
//! ```text
//! cargo run --release --example simulate -- 100000 [FIRST]
//! ```
//!
//! Plays that many seeds, beginning with FIRST (1). Exits 1 when one of them ended as none may, and says how to see it again.
//! What is simulated, and what must hold: `docs/reliability.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells"
)]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;
use std::time::Instant;

use simulation::{Policies, Tally, play};

/// Faults told in full; the rest is counted.
const TOLD: usize = 10;

fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    let (count, first) = match numbers.as_deref() {
        Some([count]) => (*count, 1),
        Some([count, first]) => (*count, *first),
        _ => {
            eprintln!("usage: simulate SEEDS [FIRST]");
            return ExitCode::from(2);
        }
    };
    let policies = Policies::read();
    let begin = Instant::now();
    let mut tally = Tally::default();
    let mut faults = 0;
    for seed in first..first.saturating_add(count) {
        match play(&policies, seed, false) {
            Ok(one) => tally.add(&one),
            Err(fault) => {
                faults += 1;
                if faults <= TOLD {
                    eprintln!("{fault}");
                }
            }
        }
    }
    println!("{tally}");
    println!("{faults} faults, {:.0} s", begin.elapsed().as_secs_f64());
    ExitCode::from(u8::from(faults > 0))
}
