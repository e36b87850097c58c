//! Which faults in `trust/`, `privacy/` and `topology/` the tests notice: a score, and the faults that none of them did.
//!
//! ```text
//! cargo install cargo-mutants --version 27.1.0
//! cargo run --release --example mutants -- [FOLDER [PART OF A NAME]]
//! ```
//!
//! `cargo mutants` lists the faults. To build once for each of them would take days, so all of them are woven into one copy of
//! the crate below FOLDER (`target/mutants`), and an environment variable chooses the one that is in force. What does not
//! compile is no fault and does not count; what cannot be woven (a function that is `const`, or gives an `impl Trait`) is
//! built by itself. Exits 1 when a fault survived.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it starts others, measures time and tells"
)]

mod crate_copy;
mod list;
mod trial;
mod weave;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use crate_copy::Copy;
use list::Mutant;
use trial::{Outcome, Suite};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().unwrap_or_else(|| "target/mutants".into()));
    let wanted = words.next().unwrap_or_default();
    let begin = Instant::now();
    let mutants: Vec<Mutant> = list::of_the_crate()
        .into_iter()
        .filter(|mutant| mutant.name.contains(&wanted))
        .collect();
    println!("{} mutants", mutants.len());

    let copy = Copy::make(&folder);
    let apart: BTreeSet<usize> = (0..mutants.len()).filter(|&n| !mutants[n].can_be_woven()).collect();
    let mut unviable = BTreeSet::new();
    let suite = loop {
        let left_out = &unviable | &apart;
        match copy.build(&mutants, &left_out) {
            Ok(binaries) => break Suite::of(binaries, copy.root()),
            Err(refused) => {
                println!("{} do not compile", refused.len());
                unviable.extend(refused);
            }
        }
    };
    let woven: Vec<usize> = (0..mutants.len())
        .filter(|n| !unviable.contains(n) && !apart.contains(n))
        .collect();
    let mut outcomes = suite.try_all(&woven, |n| &mutants[n].name);
    suite.passes();
    for &number in &apart {
        match copy.build_one(&mutants[number]) {
            Some(binaries) => outcomes.push((number, Suite::of(binaries, copy.root()).try_one(None))),
            None => {
                unviable.insert(number);
            }
        }
    }
    outcomes.sort_by_key(|(number, _)| *number);
    report(&mutants, &outcomes, unviable.len(), begin)
}

fn report(mutants: &[Mutant], outcomes: &[(usize, Outcome)], unviable: usize, begin: Instant) -> ExitCode {
    let survivors: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Survived)
        .map(|(number, _)| mutants[*number].name.as_str())
        .collect();
    let noticed = outcomes.len() - survivors.len();
    for name in &survivors {
        println!("survived: {name}");
    }
    println!(
        "{} mutants tried, {noticed} noticed, {} survived, {unviable} do not compile: {:.1} %, {:.0} s",
        outcomes.len(),
        survivors.len(),
        100.0 * noticed as f64 / outcomes.len().max(1) as f64,
        begin.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(!survivors.is_empty()))
}
