//! The faults that no test can notice, and why: the list in `docs/mutants.md`.

use std::collections::BTreeSet;

const FILE: &str = "docs/mutants.md";

/// What a fault is known as: file, what is replaced by what, and the line from there on.
pub fn read() -> BTreeSet<Vec<String>> {
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    let entries = text.lines().filter(|line| line.starts_with("- `src/"));
    entries.map(entry).collect()
}

/// In the file as here.
pub fn written(known_as: &[String]) -> String {
    known_as
        .iter()
        .fold("-".to_owned(), |line, part| line + " `" + part + "`")
}

fn entry(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
