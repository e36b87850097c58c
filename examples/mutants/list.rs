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
    /// What is replaced.
    span: Span,
    genre: String,
    /// One hunk.
    diff: String,
}

#[derive(Deserialize)]
pub struct Function {
    /// With its type before it.
    pub function_name: String,
    return_type: String,
    pub span: Span,
}

#[derive(Deserialize, PartialEq, Eq)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

#[derive(Deserialize, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in letters.
    column: usize,
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
    /// Whether a function can hold the fault beside what it does without it. A constant is made when the crate is built.
    pub fn can_be_woven(&self) -> bool {
        match &self.function {
            Some(function) => !function.return_type.contains("impl ") || self.some_iterator().is_some(),
            None => false,
        }
    }

    /// The items of what its function gives, if that is an iterator of no named type.
    pub fn some_iterator(&self) -> Option<&str> {
        let of = self
            .function
            .as_ref()?
            .return_type
            .strip_prefix("-> impl Iterator<Item =")?;
        of.strip_suffix('>')
    }

    /// The folder of `src` that it is in.
    pub fn folder(&self) -> &str {
        self.file.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it stands in the function of this path, as the compiler writes it: with no more of its module than it needs.
    pub fn is_in(&self, path: &str) -> bool {
        let module = self
            .file
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .trim_end_matches("/mod");
        let function = self.function.as_ref();
        function.is_some_and(|function| {
            let whole = format!("{module}/{}", function.function_name).replace('/', "::");
            whole == path || whole.ends_with(&format!("::{path}"))
        })
    }

    /// What it is called as long as nobody touches the code: file, what is replaced by what, and for an operator or an arm
    /// the line it stands in, from there on.
    pub fn known_as(&self) -> Vec<String> {
        let what = self.name.splitn(4, ':').nth(3).unwrap_or_default();
        let mut known_as = vec![self.file.clone(), what.trim().to_owned()];
        if self.genre != "FnValue" {
            let source = std::fs::read_to_string(&self.file).expect("a file of the crate");
            let line = source.lines().nth(self.span.start.line - 1).unwrap_or_default();
            let rest: String = line.chars().skip(self.span.start.column - 1).collect();
            known_as.push(rest.trim_end().to_owned());
        }
        known_as
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

/// The function that each stands in, by the number of the first fault of it.
pub fn functions(mutants: &[Mutant]) -> Vec<usize> {
    let place = |mutant: &Mutant| mutant.function.as_ref().map(|function| function.span.start.line);
    let is_same = |one: &Mutant, other: &Mutant| one.file == other.file && place(one) == place(other);
    let first = |one| mutants.iter().position(|other| is_same(one, other));
    mutants.iter().map(|one| first(one).unwrap_or_default()).collect()
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
