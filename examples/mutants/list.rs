//! The faults, as `cargo mutants` lists them.

use std::process::Command;

use serde::Deserialize;

const MODULES: [&str; 3] = ["src/trust/**", "src/privacy/**", "src/topology/**"];

#[derive(Deserialize)]
pub struct Mutant {
    /// File, line, column and what is replaced by what.
    pub name: String,
    pub file: String,
    pub function: Option<Function>,
    /// One hunk.
    pub diff: String,
}

#[derive(Deserialize)]
pub struct Function {
    pub return_type: String,
    pub span: Span,
}

#[derive(Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

#[derive(Deserialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
}

pub fn of_the_crate() -> Vec<Mutant> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json", "--diff"]);
    for module in MODULES {
        command.args(["--file", module]);
    }
    let output = command.output().expect("cargo starts");
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        panic!("cargo mutants gives no list; it is installed by `cargo install cargo-mutants`");
    }
    serde_json::from_slice(&output.stdout).expect("the list is JSON of the shape known here")
}

impl Mutant {
    /// Whether the function can hold the fault beside what it does without it.
    pub fn can_be_woven(&self) -> bool {
        let Some(function) = &self.function else { return false };
        let source = std::fs::read_to_string(&self.file).expect("a file of the crate");
        let line = source.lines().nth(function.span.start.line - 1).unwrap_or_default();
        let is_const = line.split('(').next().unwrap_or_default().contains("const fn");
        !is_const && !function.return_type.contains("impl ")
    }

    /// The file with this fault in it.
    pub fn applied(&self, source: &str) -> String {
        let hunk = Hunk::of(&self.diff);
        let lines: Vec<&str> = source.split('\n').collect();
        let (before, rest) = lines.split_at(hunk.first - 1);
        let after = &rest[hunk.old_lines..];
        [before, &hunk.new, after].concat().join("\n")
    }

    /// By how many lines the file grows.
    pub fn growth(&self) -> isize {
        let hunk = Hunk::of(&self.diff);
        hunk.new.len() as isize - hunk.old_lines as isize
    }
}

struct Hunk<'a> {
    /// Line of the file, from 1.
    first: usize,
    old_lines: usize,
    new: Vec<&'a str>,
}

impl<'a> Hunk<'a> {
    fn of(diff: &'a str) -> Hunk<'a> {
        let mut lines = diff
            .trim_end_matches('\n')
            .split('\n')
            .skip_while(|line| !line.starts_with("@@"));
        let header = lines.next().expect("a diff has a hunk");
        let (first, _) = header
            .strip_prefix("@@ -")
            .and_then(|rest| rest.split_once([',', ' ']))
            .expect("a hunk says where it is");
        let body: Vec<&str> = lines.filter(|line| !line.starts_with('\\')).collect();
        let new = body.iter().filter(|line| !line.starts_with('-'));
        Hunk {
            first: first.parse().expect("a line number"),
            old_lines: body.iter().filter(|line| !line.starts_with('+')).count(),
            new: new.map(|line| line.get(1..).unwrap_or_default()).collect(),
        }
    }
}
