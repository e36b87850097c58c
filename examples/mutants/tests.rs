//! The tests, and which functions each of them calls.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::crate_copy::Binaries;
use crate::side_by_side;
use crate::weave::{RECORD, VARIABLE};

/// Tests of whole programs and of neighbours, of the compiler and of the sources, say nothing of these modules that others do not.
const APART: [&str; 6] = [
    "end_to_end::",
    "ims::",
    "interop",
    "layers::",
    "leaks::",
    "requirements::",
];

/// Slow ones, for what the others let pass.
const SLOW: [&str; 10] = [
    "model::",
    "mutation::",
    "non_interference::",
    "nothing_in_clear::",
    "policies::",
    "properties::",
    "proxying::storms::",
    "simulation::",
    "smuggling::",
    "torture::",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Quick,
    Slow,
}

pub struct Test {
    pub program: PathBuf,
    pub name: String,
    /// Alone.
    pub takes: Duration,
    /// By the first fault of each.
    pub functions: BTreeSet<usize>,
}

/// The tests of a pace, quickest first. Each is run alone once, without a fault; all must pass, or nothing is shown. What came out stays
/// in a file of the folder, good for this digest.
pub fn tests(binaries: &Binaries, pace: Pace, folder: &Path, digest: u64, root: &Path) -> Vec<Test> {
    let path = folder.join("tests");
    let head = format!("{digest:x}");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = text.strip_prefix(&head).unwrap_or("\n");
    // The last line may have come down in part.
    let kept = &kept[..kept.rfind('\n').map_or(0, |end| end + 1)];
    std::fs::write(&path, head + kept).expect("the folder can be written");
    let mut tests: Vec<Test> = kept.lines().filter_map(|line| read(line, binaries)).collect();
    tests.retain(|test| test.pace() == pace);
    let mut names = all(binaries, root);
    names.retain(|(_, name)| pace_of(name) == pace);
    names.retain(|(program, name)| !tests.iter().any(|test| test.name == *name && test.program == *program));
    let file = OpenOptions::new().append(true).open(&path);
    let file = Mutex::new(file.expect("the folder can be written"));
    println!("{} tests, each alone ({pace:?})", names.len());
    tests.extend(side_by_side(&names, |at, (program, name)| {
        let test = run(program, name, &folder.join(format!("reached-{at}")), root);
        let line = written(&test, binaries);
        file.lock()
            .unwrap()
            .write_all(line.as_bytes())
            .expect("the folder can be written");
        test
    }));
    tests.sort_by_key(|test| test.takes);
    tests
}

impl Test {
    fn pace(&self) -> Pace {
        pace_of(&self.name)
    }
}

fn pace_of(name: &str) -> Pace {
    match SLOW.iter().any(|part| name.starts_with(part)) {
        true => Pace::Slow,
        false => Pace::Quick,
    }
}

/// Program and name of each.
fn all(binaries: &Binaries, root: &Path) -> Vec<(PathBuf, String)> {
    let mut names = Vec::new();
    for program in [&binaries.unit, &binaries.main] {
        let listed = Command::new(program)
            .args(["--list", "--format=terse"])
            .current_dir(root)
            .output();
        let listed = listed.expect("a test program starts");
        let text = String::from_utf8(listed.stdout).expect("names are text");
        let all = text.lines().filter_map(|line| line.strip_suffix(": test"));
        let all = all.filter(|name| !APART.iter().any(|part| name.starts_with(part)));
        names.extend(all.map(|name| (program.clone(), name.to_owned())));
    }
    names
}

fn run(program: &Path, name: &str, record: &Path, root: &Path) -> Test {
    let begin = Instant::now();
    let output = Command::new(program)
        .args(["--exact", name])
        .env_remove(VARIABLE)
        .env(RECORD, record)
        .current_dir(root)
        .output()
        .expect("a test program starts");
    let takes = begin.elapsed();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name} fails without a fault: {told}");
    let reached = std::fs::read_to_string(record).unwrap_or_default();
    let _ = std::fs::remove_file(record);
    Test {
        program: program.to_owned(),
        name: name.to_owned(),
        takes,
        functions: reached.lines().filter_map(|line| line.parse().ok()).collect(),
    }
}

fn written(test: &Test, binaries: &Binaries) -> String {
    let program = if test.program == binaries.unit { "unit" } else { "main" };
    let functions = test.functions.iter().map(|function| format!(" {function}"));
    let functions: String = functions.collect();
    format!("{program} {} {}{functions}\n", test.name, test.takes.as_millis())
}

fn read(line: &str, binaries: &Binaries) -> Option<Test> {
    let mut words = line.split(' ');
    let program = match words.next()? {
        "unit" => &binaries.unit,
        "main" => &binaries.main,
        _ => return None,
    };
    Some(Test {
        program: program.clone(),
        name: words.next()?.to_owned(),
        takes: Duration::from_millis(words.next()?.parse().ok()?),
        functions: words.filter_map(|number| number.parse().ok()).collect(),
    })
}
