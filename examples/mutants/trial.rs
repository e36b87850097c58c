//! The tests against one fault after another.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::crate_copy::Binaries;
use crate::weave::VARIABLE;

/// Tests of the whole programs, of neighbours and of the sources themselves say nothing of these modules that others do not.
const APART: &[&str] = &[
    "end_to_end::",
    "ims::",
    "interop",
    "layers::",
    "leaks::",
    "requirements::",
];

/// Slow ones, or far from these modules: for what the others let pass.
const THOROUGH: &[&str] = &[
    "audit::",
    "capture::",
    "locating::",
    "model::",
    "mutation::",
    "non_interference::",
    "policies::",
    "simulation::",
    "storms::",
];

/// Stages before the thorough one.
const QUICK: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Noticed,
    Survived,
}

pub struct Suite {
    stages: Vec<Stage>,
    root: PathBuf,
}

struct Stage {
    program: PathBuf,
    arguments: Vec<String>,
    patience: Duration,
}

impl Suite {
    /// Passes once without a fault, or nothing is shown; so it is known how long a stage takes.
    pub fn of(binaries: Binaries, root: &Path) -> Suite {
        let skip = |names: &[&str]| {
            names
                .iter()
                .flat_map(|name| ["--skip".into(), (*name).into()])
                .collect()
        };
        let mut suite = Suite {
            stages: [
                (binaries.unit, Vec::new()),
                (binaries.main.clone(), skip(&[APART, THOROUGH].concat())),
                (binaries.main, THOROUGH.iter().map(|name| (*name).into()).collect()),
            ]
            .map(|(program, arguments)| Stage {
                program,
                arguments,
                patience: Duration::from_secs(3600),
            })
            .into(),
            root: root.to_path_buf(),
        };
        for number in 0..suite.stages.len() {
            let begin = Instant::now();
            suite.stages[number].passes(&suite.root);
            suite.stages[number].patience = begin.elapsed() * 10 + Duration::from_secs(20);
        }
        suite
    }

    /// Whether it still passes without a fault: else what it noticed before proves nothing.
    pub fn passes(&self) {
        self.stages.iter().for_each(|stage| stage.passes(&self.root));
    }

    /// The quick stages for all of them, and the thorough one for what they let pass. A line each.
    pub fn try_all<'a>(&self, numbers: &[usize], name: impl Fn(usize) -> &'a str + Sync) -> Vec<(usize, Outcome)> {
        let (quick, thorough) = self.stages.split_at(QUICK);
        let mut outcomes = self.side_by_side(quick, numbers, &name);
        let passed = |outcome: &(usize, Outcome)| outcome.1 == Outcome::Survived;
        let left: Vec<usize> = outcomes
            .iter()
            .filter(|one| passed(one))
            .map(|(number, _)| *number)
            .collect();
        println!("{} of {} are left to the thorough tests", left.len(), numbers.len());
        outcomes.retain(|one| !passed(one));
        outcomes.extend(self.side_by_side(thorough, &left, &name));
        outcomes
    }

    /// As many at a time as there are processors.
    fn side_by_side<'a>(
        &self,
        stages: &[Stage],
        numbers: &[usize],
        name: &(impl Fn(usize) -> &'a str + Sync),
    ) -> Vec<(usize, Outcome)> {
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::new());
        let work = || {
            while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.tried(stages, Some(number));
                println!("{outcome:?} {}", name(number));
                outcomes.lock().unwrap().push((number, outcome));
            }
        };
        let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(work);
            }
        });
        outcomes.into_inner().unwrap()
    }

    pub fn try_one(&self, fault: Option<usize>) -> Outcome {
        self.tried(&self.stages, fault)
    }

    fn tried(&self, stages: &[Stage], fault: Option<usize>) -> Outcome {
        match stages.iter().any(|stage| stage.notices(fault, &self.root)) {
            true => Outcome::Noticed,
            false => Outcome::Survived,
        }
    }
}

impl Stage {
    fn passes(&self, root: &Path) {
        assert!(!self.notices(None, root), "{:?} fails without a fault", self.arguments);
    }

    /// Whether a test fails, the program breaks off, or it does not come to an end.
    fn notices(&self, fault: Option<usize>, root: &Path) -> bool {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--test-threads=1").current_dir(root);
        command
            .env_remove(VARIABLE)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(number) = fault {
            command.env(VARIABLE, number.to_string());
        }
        let mut child = command.spawn().expect("a test program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let (told, heard) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.starts_with("test ") && line.ends_with("FAILED") {
                    let _ = told.send(true);
                }
            }
        });
        // An error: the reader came to the end of the output, or nobody waits any longer.
        let stopped = match heard.recv_timeout(self.patience) {
            Ok(failed) => failed,
            Err(mpsc::RecvTimeoutError::Timeout) => true,
            Err(mpsc::RecvTimeoutError::Disconnected) => false,
        };
        if stopped {
            let _ = child.kill();
        }
        let status = child.wait().expect("a child can be waited for");
        let _ = reader.join();
        stopped || !status.success()
    }
}
