//! Damaged messages against parser and engine, as many as one likes.
//!
//! ```text
//! cargo run --release --example mutate -- --messages 2000000 --seed 1
//! ```
//!
//! `--more FOLDER` adds messages to damage, `--slowest FILE` keeps the one that took longest. Exits 1 at the first thing that
//! must never be, and leaves the message in `mutate-finding.sip`; with the same seed it comes again.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads files, measures time and tells"
)]

#[path = "../tests/mutation/answers.rs"]
mod answers;
#[path = "../tests/mutation/dice.rs"]
mod dice;
#[path = "../tests/mutation/mutator.rs"]
mod mutator;
#[path = "../tests/mutation/reading.rs"]
mod reading;
#[path = "../tests/mutation/rows.rs"]
mod rows;
#[path = "../tests/mutation/seeds.rs"]
mod seeds;
#[path = "../tests/mutation/storm.rs"]
mod storm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use storm::{Finding, Storm, Tally};

struct Arguments {
    messages: u64,
    seed: u64,
    more: Option<PathBuf>,
    slowest: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: mutate [--messages N] [--seed N] [--more FOLDER] [--slowest FILE]");
        return ExitCode::from(2);
    };
    let seeds = seeds::all(Path::new(env!("CARGO_MANIFEST_DIR")), arguments.more.as_deref());
    println!("{} messages to damage, seed {}", seeds.len(), arguments.seed);
    let mut storm = Storm::new(seeds, arguments.seed);
    let begin = Instant::now();
    let mut resident = 0;
    let outcome = run(&mut storm, &arguments, &mut resident);
    print(&storm.tally, resident);
    println!("{:.0} s", begin.elapsed().as_secs_f64());
    if let Some(file) = arguments.slowest
        && let Err(error) = std::fs::write(&file, &storm.tally.slowest.bytes)
    {
        eprintln!("{}: {error}", file.display());
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            eprintln!("{}", finding.what);
            eprintln!("--- out\n{}", finding.output.escape_ascii());
            if let Err(error) = std::fs::write("mutate-finding.sip", &finding.input) {
                eprintln!("mutate-finding.sip: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        messages: 100_000,
        seed: 1,
        more: None,
        slowest: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match &*word {
            "--messages" => arguments.messages = value.parse().ok()?,
            "--seed" => arguments.seed = value.parse().ok()?,
            "--more" => arguments.more = Some(value.into()),
            "--slowest" => arguments.slowest = Some(value.into()),
            _ => return None,
        }
    }
    Some(arguments)
}

/// `resident`: bytes of memory in KiB after a tenth of the messages, when every table has had its size once.
fn run(storm: &mut Storm, arguments: &Arguments, resident: &mut u64) -> Result<(), Finding> {
    storm.calm()?;
    while storm.tally.messages < arguments.messages {
        storm.step()?;
        if storm.tally.messages == arguments.messages / 10 {
            *resident = resident_kib();
        }
    }
    storm.quiet()
}

fn print(tally: &Tally, resident: u64) {
    println!(
        "messages {}, parsed {}, cleared {}, outputs {}, quiet times {}",
        tally.messages, tally.parsed, tally.cleared, tally.outputs, tally.quiets
    );
    println!(
        "privacy looked at {} times, forgery {} times",
        tally.private_checked, tally.forgery_checked
    );
    for (why, count) in &tally.refused {
        println!("  {count:>9} {why}");
    }
    let slowest = &tally.slowest;
    println!(
        "slowest {} us ({}, {} bytes in, {} out); over 1 ms {}, over 5 ms {}, over 50 ms {}",
        slowest.time.as_micros(),
        slowest.kind,
        slowest.bytes.len(),
        slowest.left,
        tally.slow[0],
        tally.slow[1],
        tally.slow[2]
    );
    println!(
        "resident {resident} KiB after a tenth, {} KiB at the end",
        resident_kib()
    );
}

/// Resident memory of this process; 0 where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let row = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    row.and_then(|row| row.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
