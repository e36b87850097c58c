//! A copy of the crate that holds the faults, and its test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::list::Mutant;
use crate::weave;

pub struct Copy {
    root: PathBuf,
    build: PathBuf,
}

/// The two test programs.
pub struct Binaries {
    pub unit: PathBuf,
    pub main: PathBuf,
}

impl Copy {
    /// Everything that is under version control, as it stands.
    pub fn make(folder: &Path) -> Copy {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        let folder = folder.canonicalize().expect("the folder is there");
        let copy = Copy {
            root: folder.join("crate"),
            build: folder.join("build"),
        };
        let listed = Command::new("git").arg("ls-files").output().expect("git starts");
        for file in String::from_utf8(listed.stdout).expect("names are text").lines() {
            copy.put(file, &std::fs::read(file).expect("a file of the crate"));
        }
        let lib = std::fs::read_to_string("src/lib.rs").expect("a file of the crate");
        copy.put("src/lib.rs", format!("{lib}{}", weave::MODULE).as_bytes());
        // Where proptest would keep what failed under one fault, and fail by it under all others.
        copy.put("proptest-regressions", b"");
        copy
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Weaves all but those left out, and builds. Those that do not compile otherwise.
    pub fn build(&self, mutants: &[Mutant], left_out: &BTreeSet<usize>) -> Result<Binaries, BTreeSet<usize>> {
        let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for (number, mutant) in mutants.iter().enumerate() {
            let file = by_file.entry(&mutant.file).or_default();
            if !left_out.contains(&number) {
                file.push((number, mutant));
            }
        }
        let mut woven = BTreeMap::new();
        for (file, mutants) in by_file {
            let source = std::fs::read_to_string(file).expect("a file of the crate");
            let text = weave::weave(&source, &mutants);
            self.put(file, text.as_bytes());
            woven.insert(file.to_string(), text);
        }
        self.cargo().map_err(|errors| {
            let at = |(file, line): &(String, usize)| weave::at_line(woven.get(file)?, *line);
            let refused: BTreeSet<usize> = errors.iter().filter_map(at).collect();
            assert!(
                !refused.is_empty(),
                "the copy does not compile, and no mutant is to blame: {errors:?}"
            );
            refused
        })
    }

    /// One fault in place of what stands there. `None`: it does not compile.
    pub fn build_one(&self, mutant: &Mutant) -> Option<Binaries> {
        let source = std::fs::read_to_string(&mutant.file).expect("a file of the crate");
        self.put(&mutant.file, mutant.applied(&source).as_bytes());
        let binaries = self.cargo().ok();
        self.put(&mutant.file, source.as_bytes());
        binaries
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

    /// The places of the errors otherwise: file and line.
    fn cargo(&self) -> Result<Binaries, Vec<(String, usize)>> {
        let output = Command::new("cargo")
            .args(["test", "--no-run", "--lib", "--test", "main", "--message-format=json"])
            .arg("--target-dir")
            .arg(&self.build)
            .env("RUSTFLAGS", "--cap-lints=warn")
            .current_dir(&self.root)
            .output()
            .expect("cargo starts");
        let messages = String::from_utf8_lossy(&output.stdout);
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (mut unit, mut main, mut errors) = (None, None, Vec::new());
        for message in messages {
            if let Some(program) = message["executable"].as_str() {
                match message["target"]["name"].as_str() {
                    Some("main") => main = Some(PathBuf::from(program)),
                    _ if message["target"]["kind"][0] == "lib" => unit = Some(PathBuf::from(program)),
                    _ => {}
                }
            }
            if message["message"]["level"] == "error" {
                let spans = message["message"]["spans"].as_array().cloned().unwrap_or_default();
                errors.extend(spans.iter().filter(|span| span["is_primary"] == true).filter_map(place));
            }
        }
        match (output.status.success(), unit, main) {
            (true, Some(unit), Some(main)) => Ok(Binaries { unit, main }),
            _ if errors.is_empty() => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            _ => Err(errors),
        }
    }
}

fn place(span: &Value) -> Option<(String, usize)> {
    let line = usize::try_from(span["line_start"].as_u64()?).ok()?;
    Some((span["file_name"].as_str()?.to_string(), line))
}
