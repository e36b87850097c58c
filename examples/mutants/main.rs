//! Which faults in `trust/`, `privacy/` and `topology/` the tests notice: a score, and the faults that none of them did.
//!
//! ```text
//! cargo install cargo-mutants --version 27.1.0
//! cargo run --example mutants -- [FOLDER [PART OF A NAME]]
//! ```
//!
//! `cargo mutants` lists the faults. To build once for each of them would take days, so all of them are woven into one copy of
//! the crate below FOLDER (`target/mutants`), and an environment variable chooses the one that is in force. What does not
//! compile is no fault and does not count; what cannot be woven, because it is done when the crate is built, is built by itself,
//! unless it has a reason.
//!
//! Each test runs alone once and tells which functions it calls. A fault is tried with those that call its function until one
//! fails: first those that noticed faults near by, last the slow ones. What came out stands in FOLDER: a run that is broken off
//! goes on where it was, and after a change the test that noticed a fault is tried first.
//!
//! Survivors that are known stand in `docs/mutants.md` with a reason each; they are spared the slow tests. Exits 1 when
//! another one survived, or one of those did not.

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
mod ledger;
mod list;
mod reasons;
mod tests;
mod trial;
mod weave;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate_copy::{Binaries, Copy, MAIN, UNIT};
use ledger::Ledger;
use list::Mutant;
use tests::{Pace, Test};
use trial::Outcome;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().unwrap_or_else(|| "target/mutants".into()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    // Tests run elsewhere.
    let folder = folder.canonicalize().expect("the folder is there");
    let wanted = words.next().unwrap_or_default();
    let begin = Instant::now();
    let mutants = list::of_the_crate();
    let copy = Copy::make(&folder, &mutants);
    println!("{} mutants, of the sources {:x}", mutants.len(), copy.digest);
    let ledger = Ledger::open(&folder, copy.digest);
    let mut trials = Trials {
        reasons: reasons::read(),
        functions: list::functions(&mutants),
        apart: BTreeSet::new(),
        mutants,
        copy,
        ledger,
    };

    let binaries = trials.weave();
    let numbers: Vec<usize> = (0..trials.mutants.len())
        .filter(|number| trials.mutants[*number].name.contains(&wanted))
        .collect();
    let (apart, woven): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| trials.apart.contains(number));
    let recorded = |pace| tests::tests(&binaries, pace, &folder, trials.copy.digest, trials.copy.root());

    let quick = recorded(Pace::Quick);
    side_by_side(&woven, |_, number| trials.tried(*number, &quick));
    let left: Vec<usize> = woven.iter().copied().filter(|number| trials.is_left(*number)).collect();
    println!("{} of {} are left to the slow tests", left.len(), woven.len());
    if !left.is_empty() {
        let slow = recorded(Pace::Slow);
        side_by_side(&left, |_, number| trials.tried_again(*number, &slow));
    }
    trial::pass(&quick, trials.copy.root());
    apart
        .iter()
        .for_each(|number| trials.tried_alone(*number, &binaries, &quick));
    trials.report(&numbers, begin)
}

/// Everything about the faults.
struct Trials {
    mutants: Vec<Mutant>,
    /// The function each is in.
    functions: Vec<usize>,
    /// What cannot be woven.
    apart: BTreeSet<usize>,
    reasons: BTreeSet<Vec<String>>,
    copy: Copy,
    ledger: Ledger,
}

impl Trials {
    /// All that can be woven, built.
    fn weave(&mut self) -> Binaries {
        loop {
            let apart = |number: &usize| {
                let mutant = &self.mutants[*number];
                !mutant.can_be_woven() || self.ledger.is_constant(&mutant.name)
            };
            self.apart = (0..self.mutants.len()).filter(apart).collect();
            let refused = match self.copy.build(&self.mutants, &self.left_out()) {
                Ok(binaries) => return binaries,
                Err(refused) => refused,
            };
            for number in refused.wrong {
                self.ledger.settle(&self.mutants[number].name, Outcome::DoesNotCompile);
            }
            for number in refused.constant {
                self.ledger.set_constant(&self.mutants[number].name);
            }
        }
    }

    /// What is not woven.
    fn left_out(&self) -> BTreeSet<usize> {
        let wrong = |number: &usize| self.settled(*number) == Some(Outcome::DoesNotCompile);
        let wrong: BTreeSet<usize> = (0..self.mutants.len()).filter(wrong).collect();
        &wrong | &self.apart
    }

    fn settled(&self, number: usize) -> Option<Outcome> {
        self.ledger.settled(&self.mutants[number].name)
    }

    fn has_reason(&self, number: usize) -> bool {
        self.reasons.contains(&self.mutants[number].known_as())
    }

    fn is_left(&self, number: usize) -> bool {
        self.settled(number) == Some(Outcome::Left) && !self.has_reason(number)
    }

    /// With the tests that call its function, and first those that noticed others near by.
    fn tried(&self, number: usize, tests: &[Test]) {
        if self.settled(number).is_some() {
            return;
        }
        let mutant = &self.mutants[number];
        let mut callers = self.callers(number, tests);
        self.likeliest_first(mutant, &mut callers);
        let outcome = trial::tried(Some(number), &callers, self.copy.root());
        self.ledger.settle(&mutant.name, outcome);
    }

    /// With what is slow.
    fn tried_again(&self, number: usize, tests: &[Test]) {
        let outcome = trial::tried(Some(number), &self.callers(number, tests), self.copy.root());
        let outcome = if outcome == Outcome::Left {
            Outcome::Survived
        } else {
            outcome
        };
        self.ledger.settle(&self.mutants[number].name, outcome);
    }

    fn likeliest_first(&self, mutant: &Mutant, tests: &mut [&Test]) {
        tests.sort_by_cached_key(|test| Reverse(self.ledger.promise(&mutant.name, &test.name)));
    }

    fn callers<'t>(&self, number: usize, tests: &'t [Test]) -> Vec<&'t Test> {
        tests
            .iter()
            .filter(|test| test.functions.contains(&self.functions[number]))
            .collect()
    }

    /// Built for this fault alone, the smaller program first. What has a reason is not built.
    fn tried_alone(&self, number: usize, binaries: &Binaries, tests: &[Test]) {
        if self.settled(number).is_some() {
            return;
        }
        let mutant = &self.mutants[number];
        if self.has_reason(number) {
            return self.ledger.settle(&mutant.name, Outcome::Survived);
        }
        let outcome = self.copy.with(number, &self.mutants, &self.left_out(), || {
            for (name, program) in [(UNIT, &binaries.unit), (MAIN, &binaries.main)] {
                if !self.copy.compiles(name) {
                    return Outcome::DoesNotCompile;
                }
                let mut tests: Vec<&Test> = tests.iter().filter(|test| test.program == *program).collect();
                self.likeliest_first(mutant, &mut tests);
                if let noticed @ Outcome::Noticed(_) = trial::tried(None, &tests, self.copy.root()) {
                    return noticed;
                }
            }
            Outcome::Survived
        });
        self.ledger.settle(&mutant.name, outcome);
    }

    fn report(&self, numbers: &[usize], begin: Instant) -> ExitCode {
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        let mut reasons = self.reasons.clone();
        for number in numbers {
            let known_as = self.mutants[*number].known_as();
            let sum = sums.entry(self.mutants[*number].folder()).or_default();
            match self.settled(*number) {
                Some(Outcome::Noticed(_)) => sum.noticed += 1,
                Some(Outcome::DoesNotCompile) => sum.wrong += 1,
                Some(Outcome::Left | Outcome::Survived) if self.reasons.contains(&known_as) => {
                    reasons.remove(&known_as);
                    sum.known += 1;
                }
                _ => {
                    sum.new += 1;
                    println!(
                        "survived, without a reason: {}\n{}",
                        self.mutants[*number].name,
                        reasons::written(&known_as)
                    );
                }
            }
        }
        // Only of what was tried now.
        let tried = |known_as: &&Vec<String>| {
            numbers
                .iter()
                .any(|number| self.mutants[*number].known_as() == **known_as)
        };
        let needless: Vec<_> = reasons.iter().filter(tried).collect();
        for known_as in &needless {
            println!("has a reason, and was noticed: {}", reasons::written(known_as));
        }
        let mut all = Sum::default();
        for (folder, sum) in &sums {
            println!("{folder}: {sum}");
            all.noticed += sum.noticed;
            all.known += sum.known;
            all.new += sum.new;
            all.wrong += sum.wrong;
        }
        println!("all: {all}; {:.0} s", begin.elapsed().as_secs_f64());
        ExitCode::from(u8::from(all.new > 0 || !needless.is_empty()))
    }
}

/// What came out.
#[derive(Default)]
struct Sum {
    noticed: u32,
    known: u32,
    new: u32,
    wrong: u32,
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sum {
            noticed,
            known,
            new,
            wrong,
        } = self;
        let tried = noticed + known + new;
        let share = 100.0 * f64::from(*noticed) / f64::from(tried.max(1));
        write!(
            f,
            "{tried} mutants tried, {noticed} noticed: {share:.1} %; {known} survived with a reason and {new} without; \
             {wrong} do not compile"
        )
    }
}

/// As many at a time as there are processors; in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(at) else { break };
                    let result = work(at, one);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
