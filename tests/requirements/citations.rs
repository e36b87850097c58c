//! Where the crate cites a rule.
//!
//! In Rust, a comment line of its own, one id a line, above the item or the lines it belongs to:
//!
//! ```text
//! //= ID                                      does it
//! //= ID type=test                            shows it
//! //= ID type=exception reason=why not        knowingly does otherwise
//! ```
//!
//! In a case, one line `Requirements: ID, ID`, which counts as a test.

use super::catalogue::{Id, SERIES};
use crate::tree::File;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Code,
    Test,
    Exception { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub id: Id,
    pub kind: Kind,
    /// The file; for a test in Rust also the name of its function.
    pub place: String,
    /// File and line, for faults.
    pub line: String,
}

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Citations {
    pub all: Vec<Citation>,
    pub faults: Vec<String>,
}

impl Citations {
    /// Reads a file of `src/`, `tests/` or `examples/peer/`.
    pub fn read_rust(&mut self, file: &File) {
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        let tests_from = tests_from(file);
        for (at, line) in lines.iter().enumerate() {
            let Some(said) = line.strip_prefix("//=") else { continue };
            let place = format!("{}:{}", file.path, at + 1);
            match annotation(said).and_then(|(id, kind)| Ok((id, at_home(kind, at >= tests_from)?))) {
                Ok((id, Kind::Test)) => match test_at(&lines, at) {
                    Some(name) => self.push(id, Kind::Test, format!("{}: {name}", file.path), place),
                    None => self.faults.push(format!("{place}: type=test above no test")),
                },
                Ok((id, kind)) => self.push(id, kind, file.path.clone(), place),
                Err(fault) => self.faults.push(format!("{place}: {fault}")),
            }
        }
    }

    /// Reads a case of `fixtures/cases/`. Exactly one line of requirements, outside the fenced blocks.
    pub fn read_case(&mut self, file: &File) {
        let mut fenced = false;
        let mut stated = 0;
        for (at, line) in file.text.lines().enumerate() {
            fenced ^= line.starts_with("```");
            let Some(ids) = line.strip_prefix("Requirements:").filter(|_| !fenced) else {
                continue;
            };
            stated += 1;
            let place = format!("{}:{}", file.path, at + 1);
            for id in ids.split(',').map(str::trim) {
                match Id::read(id) {
                    Some(id) => self.push(id, Kind::Test, file.path.clone(), place.clone()),
                    None => self.faults.push(format!("{place}: '{id}' is no id of a requirement")),
                }
            }
        }
        if stated != 1 {
            self.faults.push(format!(
                "{}: {stated} lines 'Requirements: ID, ID', 1 expected",
                file.path
            ));
        }
    }

    fn push(&mut self, id: Id, kind: Kind, place: String, line: String) {
        self.all.push(Citation { id, kind, place, line });
    }
}

/// Every id a text mentions anywhere, with its line counted from 1. `C-nn` is left out: other things are called so.
pub fn mentions(text: &str) -> Vec<(usize, Id)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = |line| str::split(line, move |c| !is_part(c));
    let series = |id: &Id| SERIES.contains(&id.series()) && id.series() != "C";
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(at, line)| {
            words(line)
                .filter_map(Id::read)
                .filter(series)
                .map(move |id| (at + 1, id))
        })
        .collect()
}

fn annotation(said: &str) -> Result<(Id, Kind), String> {
    let said = said.strip_prefix(' ').ok_or("no space after //=")?;
    let (id, rest) = said.split_once(' ').unwrap_or((said, ""));
    let id = Id::read(id).ok_or_else(|| format!("'{id}' is no id of a requirement"))?;
    let kind = match rest.split_once(" reason=") {
        None if rest.is_empty() => Kind::Code,
        None if rest == "type=test" => Kind::Test,
        Some(("type=exception", reason)) if !reason.trim().is_empty() => Kind::Exception {
            reason: reason.to_owned(),
        },
        _ => return Err(format!("'{rest}' is neither type=test nor type=exception reason=...")),
    };
    Ok((id, kind))
}

/// The line (from 0) at which the tests of a file begin: an unindented `#[cfg(test)]` of a module with a body, or the
/// first line of a file that is a test module itself.
fn tests_from(file: &File) -> usize {
    if file.path.starts_with("tests/") || file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
        return 0;
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let is_module = |line: &&&str| !line.starts_with('#');
    let begins = |at: &usize| {
        let item = lines[at + 1..].iter().find(is_module);
        lines[*at] == "#[cfg(test)]" && item.is_some_and(|item| item.contains("mod ") && item.ends_with('{'))
    };
    (0..lines.len()).find(begins).unwrap_or(lines.len())
}

/// Nothing among tests counts as the product, and nothing of the product as a test.
fn at_home(kind: Kind, among_tests: bool) -> Result<Kind, &'static str> {
    match (&kind, among_tests) {
        (Kind::Test, false) => Err("type=test outside the tests"),
        (Kind::Code | Kind::Exception { .. }, true) => Err("among tests it is type=test"),
        _ => Ok(kind),
    }
}

/// The function a test annotation stands above, past attributes and further annotations, or else stands in.
fn test_at<'t>(lines: &[&'t str], at: usize) -> Option<&'t str> {
    let between = |line: &&&str| line.starts_with("//") || line.starts_with('#') || line.is_empty();
    let below = lines[at + 1..]
        .iter()
        .find(|line| !between(line))
        .and_then(|line| function(line));
    below.or_else(|| lines[..at].iter().rev().find_map(|line| function(line)))
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?;
    Some(&name[..name.find(['(', '<']).unwrap_or(name.len())])
}

#[cfg(test)]
mod planted {
    use super::*;

    fn rust(path: &str, lines: &[&str]) -> Citations {
        let mut citations = Citations::default();
        citations.read_rust(&File {
            path: path.into(),
            text: lines.join("\n"),
        });
        citations
    }

    fn told(citations: &Citations) -> Vec<String> {
        citations
            .all
            .iter()
            .map(|c| format!("{} {:?} {} ({})", c.id, c.kind, c.place, c.line))
            .collect()
    }

    #[test]
    fn each_kind_is_read() {
        let lines = [
            "//= PRIV-020",
            "fn f() {",
            "    //= PRIV-021 type=exception reason=we are no B2BUA",
            "}",
            "#[cfg(test)]",
            "mod tests {",
            "//= PRIV-024 type=test",
            "//= TRAP-04 type=test",
            "#[test]",
            "fn responses_too() {",
            "    x();",
            "    //= PRIV-026 type=test",
            "    assert!(y());",
        ];
        let citations = rust("src/a.rs", &lines);
        assert_eq!(
            told(&citations),
            [
                "PRIV-020 Code src/a.rs (src/a.rs:1)",
                "PRIV-021 Exception { reason: \"we are no B2BUA\" } src/a.rs (src/a.rs:3)",
                "PRIV-024 Test src/a.rs: responses_too (src/a.rs:7)",
                "TRAP-04 Test src/a.rs: responses_too (src/a.rs:8)",
                "PRIV-026 Test src/a.rs: responses_too (src/a.rs:12)",
            ]
        );
        assert_eq!(citations.faults, Vec::<String>::new());
    }

    #[test]
    fn what_is_malformed_fails() {
        for (line, fault) in [
            ("//=PRIV-020", "no space after //="),
            ("//= PRIV-20", "'PRIV-20' is no id of a requirement"),
            ("//= PRIV-020, PRIV-021", "'PRIV-020,' is no id of a requirement"),
            (
                "//= PRIV-020 and more",
                "'and more' is neither type=test nor type=exception reason=...",
            ),
            (
                "//= PRIV-020 type=exception",
                "'type=exception' is neither type=test nor type=exception reason=...",
            ),
            (
                "//= PRIV-020 type=exception reason= ",
                "'type=exception reason=' is neither type=test nor type=exception reason=...",
            ),
            ("//= PRIV-020 type=test", "type=test outside the tests"),
        ] {
            let citations = rust("src/a.rs", &[line, "struct A;"]);
            assert_eq!(citations.faults, [format!("src/a.rs:1: {fault}")], "{line}");
            assert_eq!(citations.all, []);
        }
        for (line, fault) in [
            ("//= PRIV-020", "among tests it is type=test"),
            ("//= PRIV-020 type=test", "type=test above no test"),
        ] {
            assert_eq!(
                rust("tests/a.rs", &[line, "struct A;"]).faults,
                [format!("tests/a.rs:1: {fault}")]
            );
        }
        let foot = [
            "fn f() {}",
            "#[cfg(test)]",
            "#[allow(x)]",
            "pub(super) mod tests {",
            "//= PRIV-020",
            "fn f() {}",
        ];
        assert_eq!(
            rust("src/a.rs", &foot).faults,
            ["src/a.rs:5: among tests it is type=test"]
        );
    }

    #[test]
    fn a_case_cites_in_one_line() {
        let read = |text: &str| {
            let mut citations = Citations::default();
            citations.read_case(&File {
                path: "c.md".into(),
                text: text.into(),
            });
            citations
        };
        let good = read("# Title\n\nRequirements: PRIV-031, TRAP-03\n\n```in\nRequirements: none\n```\n");
        assert_eq!(
            told(&good),
            ["PRIV-031 Test c.md (c.md:3)", "TRAP-03 Test c.md (c.md:3)"]
        );
        assert_eq!(good.faults, Vec::<String>::new());
        assert_eq!(
            read("Requirements: PRIV-31").faults,
            ["c.md:1: 'PRIV-31' is no id of a requirement"]
        );
        assert_eq!(
            read("# Title").faults,
            ["c.md: 0 lines 'Requirements: ID, ID', 1 expected"]
        );
    }

    #[test]
    fn ids_in_passing_are_seen() {
        let found: Vec<String> = mentions("/// (TRUST-023, 025)\n\"PRIV-999\" XPRIV-001 C-01 UTF-8")
            .into_iter()
            .map(|(line, id)| format!("{line} {id}"))
            .collect();
        assert_eq!(found, ["1 TRUST-023", "2 PRIV-999"]);
    }
}
