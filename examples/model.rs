//! The model of the decision against the engine, on as many messages as one likes.
//!
//! ```text
//! cargo run --release --example model -- MESSAGES [FIRST [SEED]]
//! ```
//!
//! Plays dialogs of generated messages until that many were compared, beginning with number FIRST (0) under SEED (1). Exits 1
//! at a disagreement, and shows the message, both verdicts and the command that shows it again. `docs/reliability.md` says more.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells"
)]

#[path = "../tests/model/mod.rs"]
mod model;
#[allow(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use model::Comparison;

/// Disagreements told in full, one of a kind; the rest is counted.
const TOLD: usize = 200;
/// Characters by which a kind is known.
const KIND: usize = 400;

fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    let (messages, first, seed) = match numbers.as_deref() {
        Some([messages]) => (*messages, 0, 1),
        Some([messages, first]) => (*messages, *first, 1),
        Some([messages, first, seed]) => (*messages, *first, *seed),
        _ => {
            eprintln!("usage: model MESSAGES [FIRST [SEED]]");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let comparison = Comparison::new(seed);
    let (mut compared, mut dialogs, mut disagreements, mut told) = (0, 0, 0, 0);
    let mut kinds = BTreeMap::new();
    while compared < messages {
        let number = first + dialogs;
        dialogs += 1;
        match comparison.play(number) {
            Ok(count) => compared += count,
            Err(what) => {
                compared += 1;
                disagreements += 1;
                let kind: String = what.chars().take(KIND).collect();
                let count = kinds.entry(kind).or_insert(0u64);
                *count += 1;
                if *count == 1 && told < TOLD {
                    told += 1;
                    eprintln!("{what}\n--- policy\n{}", comparison.policy(number));
                }
            }
        }
    }
    for (kind, count) in kinds {
        println!("{count:>9} {kind}");
    }
    println!(
        "{compared} messages of {dialogs} dialogs compared, {disagreements} disagreements, {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(disagreements > 0))
}
