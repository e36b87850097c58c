//! The promise, as often as one likes: dialogs that differ only in who hides look the same to everybody who must not know.
//!
//! ```text
//! cargo run --release --example noninterference -- 1000000 [FIRST]
//! cargo run --release --example noninterference -- planted 3000
//! ```
//!
//! Plays that many dialogs, each twice, beginning with number FIRST (0). Exits 1 at the first that tells, with the first row
//! that differs and the command that plays it alone. With `planted` the engine is given faults among that many dialogs, one at a
//! time, and the run fails where one is not noticed. What is compared: `docs/reliability.md`.

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

#[path = "../tests/non_interference/carriers.rs"]
mod carriers;
#[path = "../tests/non_interference/chance.rs"]
mod chance;
#[path = "../tests/non_interference/compare.rs"]
mod compare;
#[path = "../tests/non_interference/dialog.rs"]
mod dialog;
#[path = "../tests/non_interference/kind.rs"]
mod kind;
#[path = "../tests/non_interference/oblivion.rs"]
mod oblivion;
#[path = "../tests/non_interference/planted.rs"]
mod planted;
#[path = "../tests/non_interference/proof.rs"]
mod proof;
#[path = "../tests/non_interference/scene.rs"]
mod scene;
#[path = "../tests/non_interference/wishes.rs"]
mod wishes;
#[path = "../tests/non_interference/words.rs"]
mod words;
#[path = "../tests/world.rs"]
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use proof::{Figures, Proof};

/// Dialogs taken at once by one thread.
const BATCH: u64 = 1_000;
/// How often it tells how far it is, in dialogs.
const TELL: u64 = 50_000;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let plants = words.next_if(|word| word == "planted").is_some();
    let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
    let (count, first) = match numbers.as_deref() {
        Some([count]) if plants => return plant(*count),
        Some([count]) => (*count, 0),
        Some([count, first]) => (*count, *first),
        _ => {
            eprintln!("usage: noninterference DIALOGS [FIRST], or: noninterference planted DIALOGS");
            return ExitCode::from(2);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let run = Run {
        next: AtomicU64::new(first),
        end: first.saturating_add(count),
        done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        begin,
    };
    let results: Vec<Result<Figures, (u64, String)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| run.work())).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker tells its panic itself"))
            .collect()
    });
    let mut figures = Figures::default();
    let mut faults = Vec::new();
    for result in results {
        match result {
            Ok(part) => figures.add(part),
            Err(fault) => faults.push(fault),
        }
    }
    faults.sort();
    for (number, told) in &faults {
        eprintln!("{told}\nagain: cargo run --release --example noninterference -- 1 {number}");
    }
    println!("{figures}");
    println!(
        "{} differ, {:.0} s, {threads} threads",
        faults.len(),
        begin.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(!faults.is_empty()))
}

fn plant(dialogs: u64) -> ExitCode {
    let planted = planted::planted(&Proof::read(), dialogs);
    for (faults, what) in [
        (&planted.missed, "not noticed"),
        (&planted.untried, "no opportunity for"),
    ] {
        faults.iter().for_each(|fault| println!("{what}: {fault}"));
    }
    println!(
        "{} faults noticed, {} not, {} without an opportunity",
        planted.noticed,
        planted.missed.len(),
        planted.untried.len()
    );
    ExitCode::from(u8::from(!planted.missed.is_empty() || !planted.untried.is_empty()))
}

struct Run {
    next: AtomicU64,
    end: u64,
    done: AtomicU64,
    failed: AtomicBool,
    begin: Instant,
}

impl Run {
    /// Takes batches until all are played, or one of anybody's told who hides.
    fn work(&self) -> Result<Figures, (u64, String)> {
        let proof = Proof::read();
        let mut figures = Figures::default();
        while !self.failed.load(Ordering::Relaxed) {
            let batch = self.next.fetch_add(BATCH, Ordering::Relaxed);
            if batch >= self.end {
                break;
            }
            let end = self.end.min(batch + BATCH);
            for number in batch..end {
                match proof.check(number) {
                    Ok(one) => figures.add(one),
                    Err(told) => {
                        self.failed.store(true, Ordering::Relaxed);
                        return Err((number, told));
                    }
                }
            }
            let before = self.done.fetch_add(end - batch, Ordering::Relaxed);
            if before / TELL != (before + end - batch) / TELL {
                let seconds = self.begin.elapsed().as_secs_f64();
                println!("{} dialogs, {seconds:.0} s", before + end - batch);
            }
        }
        Ok(figures)
    }
}
