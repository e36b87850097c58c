//! The tests against one fault.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::tests::Test;
use crate::weave::VARIABLE;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// By this test, or by one of these.
    Noticed(String),
    /// The quick tests let it pass.
    Left,
    Survived,
    DoesNotCompile,
}

/// Tests that are run at first for a fault; when they let it pass, twice as many follow, and so on.
const FIRST: usize = 16;

/// What fault is in force in the programs, if one of several is; and the tests that may notice it, the likeliest first.
pub fn tried(fault: Option<usize>, tests: &[&Test], root: &Path) -> Outcome {
    let (mut rest, mut count) = (tests, FIRST);
    while !rest.is_empty() {
        let (group, others) = rest.split_at(count.min(rest.len()));
        if let Some(noticed) = failing(fault, group, root) {
            return Outcome::Noticed(noticed);
        }
        (rest, count) = (others, count * 2);
    }
    Outcome::Left
}

/// All of them without a fault, or what they notice proves nothing.
pub fn pass(tests: &[Test], root: &Path) {
    let failed = failing(None, &tests.iter().collect::<Vec<_>>(), root);
    assert!(failed.is_none(), "{failed:?} fails without a fault");
}

fn sum(tests: &[&Test]) -> Duration {
    tests.iter().map(|test| test.takes).sum()
}

/// The first that fails, breaks off or does not come to an end.
fn failing(fault: Option<usize>, tests: &[&Test], root: &Path) -> Option<String> {
    let mut programs: Vec<&Path> = tests.iter().map(|test| test.program.as_path()).collect();
    programs.sort_unstable();
    programs.dedup();
    programs.into_iter().find_map(|program| {
        let tests: Vec<&Test> = tests.iter().copied().filter(|test| test.program == program).collect();
        fails(fault, program, &tests, root)
    })
}

/// A fault may ask for memory or time without end: there is one to what is given. Time is that of the processor, which others
/// may be using as well.
fn bounded(seconds: u64) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v 3000000; ulimit -t {seconds}; exec \"$0\" \"$@\""),
    ]);
    command
}

fn fails(fault: Option<usize>, program: &Path, tests: &[&Test], root: &Path) -> Option<String> {
    let patience = sum(tests) * 3 + Duration::from_secs(2);
    let mut command = bounded(patience.as_secs());
    command.arg(program).args(["--exact", "--test-threads=1"]);
    command.args(tests.iter().map(|test| &test.name)).current_dir(root);
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
            let Some(rest) = line.strip_prefix("test ") else {
                continue;
            };
            if let Some((name, _)) = rest.split_once(" ... ").filter(|_| line.ends_with("FAILED")) {
                let _ = told.send(name.to_owned());
            }
        }
    });
    // An error: the reader came to the end of the output, or nobody waits any longer, for somebody who waits himself.
    let failed = match heard.recv_timeout(patience * 20) {
        Ok(name) => Some(name),
        Err(mpsc::RecvTimeoutError::Timeout) => Some(format!("{}, without end", tests[0].name)),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
    };
    if failed.is_some() {
        let _ = child.kill();
    }
    let status = child.wait().expect("a child can be waited for");
    let _ = reader.join();
    failed.or_else(|| (!status.success()).then(|| format!("{}, broken off", tests[0].name)))
}
