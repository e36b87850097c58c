//! Several faults in one file, each behind a question which one is in force.

use std::collections::BTreeMap;

use crate::list::{Mutant, Span};

/// The environment variable that says which fault is in force.
pub const VARIABLE: &str = "SIPVEIL_MUTANT";
/// The one that names a file for the functions that are called: the number of the first fault of each.
pub const RECORD: &str = "SIPVEIL_MUTANT_REACHED";

/// What the crate copy needs to ask.
pub const MODULE: &str = r#"
#[allow(warnings, clippy::all)]
pub mod mutant {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static IN_FORCE: LazyLock<(Option<usize>, Option<File>)> = LazyLock::new(|| {
        let number = std::env::var("SIPVEIL_MUTANT").ok().and_then(|number| number.parse().ok());
        let record = std::env::var_os("SIPVEIL_MUTANT_REACHED");
        let open = |path| OpenOptions::new().create(true).append(true).open(path).expect("the record can be written");
        (number, record.map(open))
    });
    static REACHED: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];

    /// The fault in force, if it is one of this function's.
    pub fn in_force(first: usize, last: usize) -> Option<usize> {
        let (number, record) = &*IN_FORCE;
        if let Some(mut record) = record.as_ref()
            && !REACHED[first].swap(true, Ordering::Relaxed)
        {
            record.write_all(format!("{first}\n").as_bytes()).expect("the record can be written");
        }
        number.filter(|number| (first..=last).contains(number))
    }

    /// The iterator of a fault, or that of what it is tried against.
    pub enum Either<A, B> {
        This(A),
        Other(B),
    }

    /// What an error of its type is told of, and not the whole function.
    pub fn gives<T, I: Iterator<Item = T>>(iterator: I) -> I {
        iterator
    }

    impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
        type Item = T;
        fn next(&mut self) -> Option<T> {
            match self {
                Either::This(this) => this.next(),
                Either::Other(other) => other.next(),
            }
        }
    }
}
"#;

/// The file with all of these in it. Numbers are those of the whole list; `functions` says of each which function it is in.
pub fn weave(source: &str, mutants: &[(usize, &Mutant)], functions: &[usize]) -> String {
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
        let faults: Vec<(usize, String)> = mutants
            .iter()
            .map(|(number, mutant)| {
                let applied = mutant.applied(source);
                let applied: Vec<&str> = applied.split('\n').collect();
                let last = last.checked_add_signed(mutant.growth()).expect("a line of the file");
                (*number, open(&applied[first - 1..last]).1)
            })
            .collect();
        let (number, mutant) = mutants[0];
        let range = format!("{}, {}", functions[number], mutants[mutants.len() - 1].0);
        // Where it must be `const`, the copy does not compile and the function is left out.
        woven.push_str(&signature.replacen("const fn", "fn", 1));
        match mutant.some_iterator() {
            Some(item) => woven.push_str(&iterators(&range, item, &faults, &body)),
            None => woven.push_str(&returns(&range, &faults, &body)),
        }
        woven.push('\n');
        next = last + 1;
    }
    woven.push_str(&lines[next - 1..].join("\n"));
    woven
}

/// The body behind one way out for each fault. Bodies come with the brace that closes them.
fn returns(range: &str, faults: &[(usize, String)], body: &str) -> String {
    let mut out = format!("\nmatch crate::mutant::in_force({range}) {{\n");
    for (number, fault) in faults {
        out.push_str(&format!(
            "Some({number}) => {}{{ return {{{fault}; }} {END}\n",
            begins(*number)
        ));
    }
    out + "_ => {} }" + body
}

/// The same where the type of what is given is not named, and so is another one with each fault.
fn iterators(range: &str, item: &str, faults: &[(usize, String)], body: &str) -> String {
    let all = faults
        .iter()
        .rev()
        .fold(format!("{{{body}"), |others, (number, fault)| {
            let begins = begins(*number);
            format!(
                "if number == Some({number}) {begins}{{ crate::mutant::Either::This(\n\
                 crate::mutant::gives::<{item}, _>({{{fault}) ) }} {END}\n\
                 else {{ crate::mutant::Either::Other({others}) }}",
            )
        });
    format!("\nlet number = crate::mutant::in_force({range});\n{all}\n}}")
}

/// The fault that stands at this line of a woven file.
pub fn at_line(woven: &str, line: usize) -> Option<usize> {
    let mut inside = None;
    for (before, text) in woven.lines().take(line).enumerate() {
        if let Some((_, rest)) = text.split_once(BEGIN) {
            inside = rest.split_once(' ').and_then(|(number, _)| number.parse().ok());
        }
        if text.contains(END) && before + 1 < line {
            inside = None;
        }
    }
    inside
}

const BEGIN: &str = "/* mutant ";
const END: &str = "// end of mutant";

fn begins(number: usize) -> String {
    format!("{BEGIN}{number} */ ")
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
