//! Whoever a peer is, nobody else can tell, as often as one likes.
//!
//! ```text
//! cargo run --release --example swapped_peers -- 100000 [FIRST]
//! cargo run --release --example swapped_peers -- planted 500
//! ```
//!
//! Plays that many runs of peers, each twice with another one in the place of one of them, beginning with number FIRST (0).
//! Exits 1 at the first that tells. With `planted` a row that is to be hidden is let through among that many runs, one at a
//! time, and the run fails where that is not noticed.

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

#[path = "../tests/non_interference/chance.rs"]
mod chance;
#[path = "../tests/p2p/scene.rs"]
mod scene;
#[path = "../tests/p2p/swapped.rs"]
mod swapped;
#[path = "../tests/world.rs"]
mod world;

/// What the runs take their chances from, where the tests have it.
mod non_interference {
    pub use crate::chance::Chance;
}

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use swapped::Figures;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u64>> = words
        .iter()
        .filter(|word| *word != "planted")
        .map(|word| word.parse().ok())
        .collect();
    let plants = words.first().is_some_and(|word| word == "planted");
    match (plants, numbers.as_deref()) {
        (true, Some([count])) => plant(*count),
        (false, Some([count])) => play(0, *count),
        (false, Some([count, first])) => play(*first, *count),
        _ => {
            eprintln!("usage: swapped_peers RUNS [FIRST], or: swapped_peers planted RUNS");
            ExitCode::from(2)
        }
    }
}

fn play(first: u64, count: u64) -> ExitCode {
    let begin = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, end) = (AtomicU64::new(first), first.saturating_add(count));
    let work = || {
        let mut figures = Figures::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok(figures);
            }
            match swapped::check(number) {
                Ok(one) => figures.add(one),
                Err(told) => {
                    next.store(end, Ordering::Relaxed);
                    return Err(told);
                }
            }
        }
    };
    let results: Vec<Result<Figures, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker tells its panic itself"))
            .collect()
    });
    let mut figures = Figures::default();
    let mut differ = 0;
    for result in results {
        match result {
            Ok(part) => figures.add(part),
            Err(told) => {
                differ += 1;
                eprintln!("{told}");
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{figures}\n{differ} differ, {seconds:.0} s, {threads} threads");
    ExitCode::from(u8::from(differ > 0))
}

fn plant(runs: u64) -> ExitCode {
    let (noticed, missed) = swapped::planted(runs);
    missed.iter().for_each(|fault| println!("not noticed: {fault}"));
    println!("{noticed} faults noticed, {} not", missed.len());
    ExitCode::from(u8::from(!missed.is_empty()))
}
