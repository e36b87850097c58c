//! Several faults in one file, each behind a question which one is in force.

use std::collections::BTreeMap;

use crate::list::{Mutant, Span};

/// The environment variable that says which fault is in force.
pub const VARIABLE: &str = "SIPVEIL_MUTANT";

/// What the crate copy needs to ask.
pub const MODULE: &str = r#"
#[allow(warnings, clippy::all)]
pub mod mutant {
    static IN_FORCE: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("SIPVEIL_MUTANT").ok()?.parse().ok());
    pub fn is(number: usize) -> bool {
        *IN_FORCE == Some(number)
    }
}
"#;

/// The file with all of them in it. Numbers are those of the whole list.
pub fn weave(source: &str, mutants: &[(usize, &Mutant)]) -> String {
    let mut by_function: BTreeMap<(usize, usize), Vec<(usize, &Mutant)>> = BTreeMap::new();
    for &(number, mutant) in mutants {
        if let Some(function) = &mutant.function {
            let Span { start, end } = &function.span;
            by_function
                .entry((start.line, end.line))
                .or_default()
                .push((number, mutant));
        }
    }
    let lines: Vec<&str> = source.split('\n').collect();
    let mut woven = String::new();
    let mut next = 1;
    for ((first, last), mutants) in by_function {
        push_lines(&mut woven, &lines[next - 1..first - 1]);
        let (signature, body) = open(&lines[first - 1..last]);
        woven.push_str(&signature);
        for (number, mutant) in mutants {
            let applied = mutant.applied(source);
            let applied: Vec<&str> = applied.split('\n').collect();
            let last = last.checked_add_signed(mutant.growth()).expect("a line of the file");
            let (_, mutated) = open(&applied[first - 1..last]);
            woven.push_str(&format!(
                "\n{}{{ return {{{mutated}; }} {}\n",
                begins(number),
                ends(number)
            ));
        }
        woven.push_str(&body);
        woven.push('\n');
        next = last + 1;
    }
    woven.push_str(&lines[next - 1..].join("\n"));
    woven
}

/// The fault that stands at this line of a woven file.
pub fn at_line(woven: &str, line: usize) -> Option<usize> {
    let mut inside = None;
    for (before, text) in woven.lines().take(line).enumerate() {
        if let Some((_, rest)) = text.split_once(BEGIN) {
            inside = rest.split_once(')').and_then(|(number, _)| number.parse().ok());
        }
        if text.contains(END) && before + 1 < line {
            inside = None;
        }
    }
    inside
}

const BEGIN: &str = "if crate::mutant::is(";
const END: &str = "// end of mutant";

fn begins(number: usize) -> String {
    format!("{BEGIN}{number}) ")
}

fn ends(number: usize) -> String {
    format!("{END} {number}")
}

/// A function as its signature with the brace, and the rest with the brace that closes it.
fn open(lines: &[&str]) -> (String, String) {
    let text = lines.join("\n");
    let brace = text.find('{').expect("a function has a body");
    (text[..=brace].to_string(), text[brace + 1..].to_string())
}

fn push_lines(woven: &mut String, lines: &[&str]) {
    for line in lines {
        woven.push_str(line);
        woven.push('\n');
    }
}
