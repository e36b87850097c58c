//! The compiler, asked what it says of one program that uses this crate.
//!
//! The program is checked against the very library the tests were built with: cargo, asked again, names its file, and
//! nothing is built a second time. Of what the compiler says a short form is kept, which a new compiler changes seldom.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;

/// The crates a program here may name.
const CRATES: [&str; 2] = ["sipveil", "bytes"];

/// Files the compiler needs to read the crate's types.
pub struct Library {
    /// Of each of [`CRATES`], in that order.
    metadata: Vec<PathBuf>,
}

/// Why a program was refused; none for one that compiles.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(Vec<Fault>);

/// One error: what is wrong, and each place with what is said there.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    code: Option<String>,
    message: String,
    places: Vec<String>,
}

impl Library {
    /// The library cargo made for the tests.
    pub fn of_the_tests() -> Library {
        let asked = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["test", "--test", "main", "--no-run", "--offline", "--locked"])
            .args(["--message-format", "json"])
            .output()
            .expect("cargo runs: it built this test");
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        let built: Vec<Built> = lines(&asked.stdout).collect();
        Library {
            metadata: CRATES.iter().map(|name| metadata(&built, name)).collect(),
        }
    }

    /// What the compiler says of the program in this file, a path from the root of the crate.
    pub fn check(&self, program: &str) -> Result<(), Refused> {
        let mut rustc = Command::new(rustc());
        rustc
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "program"])
            .args(["--emit", "metadata", "--error-format", "json", program])
            .arg("-o")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("program.rmeta"));
        for (name, file) in CRATES.iter().zip(&self.metadata) {
            rustc.arg("--extern").arg(format!("{name}={}", file.display()));
            let folder = file.parent().expect("a file in a folder");
            rustc.arg("-L").arg(format!("dependency={}", folder.display()));
        }
        let said = rustc.output().expect("the compiler beside cargo runs");
        if said.status.success() {
            Ok(())
        } else {
            Err(Refused::read(program, &said))
        }
    }
}

impl Refused {
    fn read(program: &str, said: &Output) -> Refused {
        let faults: Vec<Fault> = lines::<Said>(&said.stderr)
            .filter(|one| one.level.starts_with("error") && !one.message.starts_with("aborting due to"))
            .map(|one| one.fault(program))
            .collect();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(!faults.is_empty(), "{program} fails without an error: {text}");
        Refused(faults)
    }
}

/// An error a line, then its places: those of the program by line and column, those of the crate by file, for its lines move.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{} {}", fault.code.as_deref().unwrap_or("error"), fault.message)?;
            for place in &fault.places {
                writeln!(f, "  {place}")?;
            }
        }
        Ok(())
    }
}

/// A line of cargo's JSON. Only those about a library carry all of it.
#[derive(Deserialize)]
struct Built {
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The one metadata file of a crate among all that was built.
fn metadata(built: &[Built], name: &str) -> PathBuf {
    let is_it = |target: &Target| target.name == name && target.kind.iter().any(|kind| kind == "lib");
    let files: Vec<&PathBuf> = built
        .iter()
        .filter(|one| one.target.as_ref().is_some_and(is_it))
        .flat_map(|one| &one.filenames)
        .filter(|file| file.extension().is_some_and(|ending| ending == "rmeta"))
        .collect();
    let [file] = files.as_slice() else {
        panic!("one library {name}, not {files:?}");
    };
    file.to_path_buf()
}

/// A line of the compiler's JSON.
#[derive(Deserialize)]
struct Said {
    level: String,
    message: String,
    code: Option<Code>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    column_start: u32,
    label: Option<String>,
}

impl Said {
    fn fault(self, program: &str) -> Fault {
        let mut spans = self.spans;
        spans.sort_by(|a, b| {
            let key = |span: &Span| (span.file_name != program, span.line_start, span.column_start);
            key(a).cmp(&key(b))
        });
        Fault {
            code: self.code.map(|code| code.code),
            message: self.message,
            places: spans.iter().map(|span| span.place(program)).collect(),
        }
    }
}

impl Span {
    fn place(&self, program: &str) -> String {
        let label = self.label.as_deref().unwrap_or_default();
        let place = if self.file_name == program {
            format!("{}:{}", self.line_start, self.column_start)
        } else {
            self.file_name.clone()
        };
        format!("{place} {label}").trim_end().to_owned()
    }
}

/// The compiler of the cargo that built this test.
fn rustc() -> PathBuf {
    match env::var_os("RUSTC") {
        Some(rustc) => rustc.into(),
        None => Path::new(env!("CARGO")).with_file_name("rustc"),
    }
}

/// The lines that are such an object; others are for people.
fn lines<T: for<'a> Deserialize<'a>>(json: &[u8]) -> impl Iterator<Item = T> {
    json.split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}
