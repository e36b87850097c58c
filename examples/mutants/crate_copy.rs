//! A copy of the crate that holds the faults, and its test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::list::{self, Mutant};
use crate::weave;

pub struct Copy {
    root: PathBuf,
    build: PathBuf,
    /// Of all that tests are made of.
    pub digest: u64,
}

/// The two test programs.
#[derive(Default)]
pub struct Binaries {
    pub unit: PathBuf,
    pub main: PathBuf,
}

/// What cargo calls them.
pub const UNIT: &str = "--lib";
pub const MAIN: &str = "--test=main";

/// What must be left out for the copy to compile.
#[derive(Default)]
pub struct Refused {
    /// These do not compile.
    pub wrong: BTreeSet<usize>,
    /// These stand in functions that something asks at compile time.
    pub constant: BTreeSet<usize>,
}

/// Words that would end the build at what a fault may well do.
const LINTS: &str = "[lints.rust]\narithmetic_overflow = \"allow\"\nunconditional_panic = \"allow\"";

impl Copy {
    /// Everything that is under version control, as it stands; but what faults are woven into waits for them.
    pub fn make(folder: &Path, mutants: &[Mutant]) -> Copy {
        let mut copy = Copy {
            root: folder.join("crate"),
            build: folder.join("build"),
            digest: 0,
        };
        let listed = Command::new("git").arg("ls-files").output().expect("git starts");
        let mut digest = DefaultHasher::new();
        for file in String::from_utf8(listed.stdout).expect("names are text").lines() {
            let mut bytes = std::fs::read(file).expect("a file of the crate");
            if ["src/", "tests/", "fixtures/", "Cargo."]
                .iter()
                .any(|part| file.starts_with(part))
            {
                (file, &bytes).hash(&mut digest);
            }
            match file {
                "src/lib.rs" => bytes.extend_from_slice(weave::MODULE.as_bytes()),
                "Cargo.toml" => {
                    let text = String::from_utf8(bytes).expect("a manifest is text");
                    bytes = text.replacen("[lints.rust]", LINTS, 1).into_bytes();
                }
                _ => {}
            }
            if !mutants.iter().any(|mutant| mutant.file == file) {
                copy.put(file, &bytes);
            }
        }
        copy.digest = digest.finish();
        // Where proptest would keep what failed under one fault, and fail by it under all others.
        copy.put("proptest-regressions", b"");
        copy
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Weaves all but those left out, and builds.
    pub fn build(&self, mutants: &[Mutant], left_out: &BTreeSet<usize>) -> Result<Binaries, Refused> {
        let files: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file.as_str()).collect();
        let functions = list::functions(mutants);
        let mut woven = BTreeMap::new();
        for file in files {
            let text = weave::weave(&source(file), &of_file(file, mutants, left_out), &functions);
            self.put(file, text.as_bytes());
            woven.insert(file.to_string(), text);
        }
        self.cargo(&[UNIT, MAIN]).map_err(|errors| {
            let mut refused = Refused::default();
            for error in &errors {
                let at = woven.get(&error.file).and_then(|text| weave::at_line(text, error.line));
                match at {
                    Some(number) => _ = refused.wrong.insert(number),
                    None => refused.constant.extend((0..mutants.len()).filter(|number| {
                        error.names.iter().any(|name| mutants[*number].is_in(name)) && !left_out.contains(number)
                    })),
                }
            }
            assert!(
                !refused.wrong.is_empty() || !refused.constant.is_empty(),
                "the copy does not compile, and no mutant is to blame: {errors:?}"
            );
            refused
        })
    }

    /// Does something while one fault stands in place of what is right. The others stay woven where no line moves by it: so little
    /// is built anew.
    pub fn with<T>(&self, at: usize, mutants: &[Mutant], left_out: &BTreeSet<usize>, work: impl FnOnce() -> T) -> T {
        let mutant = &mutants[at];
        let woven = std::fs::read(self.root.join(&mutant.file)).expect("a file of the copy");
        let applied = mutant.applied(&source(&mutant.file));
        let text = match mutant.growth() {
            0 => {
                let others = of_file(&mutant.file, mutants, left_out);
                weave::weave(&applied, &others, &list::functions(mutants))
            }
            _ => applied,
        };
        self.put(&mutant.file, text.as_bytes());
        let done = work();
        self.put(&mutant.file, &woven);
        done
    }

    /// Builds one of the programs anew, in its place, if it compiles.
    pub fn compiles(&self, program: &str) -> bool {
        self.cargo(&[program]).is_ok()
    }

    /// Writes what differs, so that the rest is not built again.
    fn put(&self, file: &str, bytes: &[u8]) {
        let path = self.root.join(file);
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return;
        }
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder can be made");
        std::fs::write(&path, bytes).expect("the copy can be written");
    }

    fn cargo(&self, programs: &[&str]) -> Result<Binaries, Vec<Error>> {
        let output = Command::new("cargo")
            .args(["test", "--no-run", "--message-format=json"])
            .args(programs)
            .arg("--target-dir")
            .arg(&self.build)
            .current_dir(&self.root)
            .output()
            .expect("cargo starts");
        let messages = String::from_utf8_lossy(&output.stdout);
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (mut binaries, mut errors) = (Binaries::default(), Vec::new());
        for message in messages {
            if let Some(program) = message["executable"].as_str() {
                match message["target"]["name"].as_str() {
                    Some("main") => binaries.main = program.into(),
                    _ if message["target"]["kind"][0] == "lib" => binaries.unit = program.into(),
                    _ => {}
                }
            }
            if message["message"]["level"] == "error" {
                errors.extend(Error::of(&message["message"]));
            }
        }
        match output.status.success() {
            true => Ok(binaries),
            false if errors.is_empty() => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            false => Err(errors),
        }
    }
}

fn source(file: &str) -> String {
    std::fs::read_to_string(file).expect("a file of the crate")
}

/// What is woven into a file.
fn of_file<'m>(file: &str, mutants: &'m [Mutant], left_out: &BTreeSet<usize>) -> Vec<(usize, &'m Mutant)> {
    let numbered = mutants.iter().enumerate();
    numbered
        .filter(|(number, mutant)| mutant.file == file && !left_out.contains(number))
        .collect()
}

const CALLED_AT_COMPILE_TIME: &str = "E0015";

/// One place of what the compiler says.
#[derive(Debug)]
struct Error {
    file: String,
    line: usize,
    /// The function that it says is called where only a `const` one can be.
    names: Vec<String>,
}

impl Error {
    fn of(message: &Value) -> Vec<Error> {
        let text = message["message"].as_str().unwrap_or_default();
        let names: Vec<String> = match message["code"]["code"].as_str() {
            Some(CALLED_AT_COMPILE_TIME) => text.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let spans = message["spans"].as_array().cloned().unwrap_or_default();
        let place = |span: &Value| {
            Some(Error {
                file: span["file_name"].as_str()?.to_owned(),
                line: usize::try_from(span["line_start"].as_u64()?).ok()?,
                names: names.clone(),
            })
        };
        spans
            .iter()
            .filter(|span| span["is_primary"] == true)
            .filter_map(place)
            .collect()
    }
}
