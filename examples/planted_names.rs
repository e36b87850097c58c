//! Lists of a tracker that means ill, as many as one likes: an identity planted in each, anywhere and in any dress.
//!
//! ```text
//! cargo run --release --example planted_names -- 1000000 [FIRST]
//! cargo run --release --example planted_names -- whole 1000000 [FIRST]
//! ```
//!
//! Plays that many cases, beginning with number FIRST (0). Exits 1 at the first of which the identity comes out of the guard. With
//! `whole`: that many messages of peers and trackers through an engine, with an identity in any row, parameter or body.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads its arguments, measures time and tells; and it shares files with the tests, which use more of them"
)]

#[path = "../tests/p2p/planted.rs"]
mod planted;
#[path = "../tests/p2p/planted_whole.rs"]
mod planted_whole;
#[path = "../tests/p2p/scene.rs"]
mod scene;
#[path = "../tests/world.rs"]
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let is_whole = words.next_if(|word| word == "whole").is_some();
    let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
    let (cases, first) = match numbers.as_deref() {
        Some([cases]) => (*cases, 0),
        Some([cases, first]) => (*cases, *first),
        _ => {
            eprintln!("usage: planted_names CASES [FIRST], or: planted_names whole MESSAGES [FIRST]");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    if is_whole {
        return whole(first, cases);
    }
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

fn whole(first: u64, messages: u64) -> ExitCode {
    let begin = Instant::now();
    match planted_whole::play(first, messages) {
        Ok(outcomes) => {
            let seconds = begin.elapsed().as_secs_f64();
            println!(
                "{} messages in {} runs, {seconds:.0} s: {} passed, {} did not; no identity came out",
                outcomes.messages(),
                outcomes.runs,
                outcomes.passed,
                outcomes.barred
            );
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprintln!("an identity came out: {found}");
            ExitCode::from(1)
        }
    }
}
