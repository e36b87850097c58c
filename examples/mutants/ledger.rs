//! What came out for each fault, in a file: a run that was broken off goes on where it was.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use crate::trial::Outcome;

// What stands in the file in place of a test.
const CONSTANT: &str = "called when the crate is built";
const LEFT: &str = "left to the slow tests";
const SURVIVED: &str = "survived";
const WRONG: &str = "does not compile";

pub struct Ledger {
    file: Mutex<File>,
    digest: String,
    /// Of the crate as it is.
    settled: Mutex<HashMap<String, Outcome>>,
    /// What stands in a function that is called when the crate is built.
    constant: HashSet<String>,
    /// The test that noticed it last, in the crate as it was then: the first to be tried.
    hints: HashMap<String, String>,
    /// How often, by module and test.
    noticed: Mutex<HashMap<(String, String), usize>>,
}

impl Ledger {
    pub fn open(folder: &Path, digest: u64) -> Ledger {
        let path = folder.join("outcomes");
        let digest = format!("{digest:x}");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let (mut settled, mut hints, mut constant) = (HashMap::new(), HashMap::new(), HashSet::new());
        let mut noticed = HashMap::new();
        for line in text.lines() {
            let mut words = line.split('\t');
            let (Some(of), Some(outcome), Some(name)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if outcome == CONSTANT {
                if of == digest {
                    constant.insert(name.to_owned());
                }
                continue;
            }
            let outcome = match outcome {
                LEFT => Outcome::Left,
                SURVIVED => Outcome::Survived,
                WRONG => Outcome::DoesNotCompile,
                test => Outcome::Noticed(test.to_owned()),
            };
            if let Outcome::Noticed(test) = &outcome {
                hints.insert(name.to_owned(), test.clone());
                *noticed.entry(place(name, test)).or_default() += 1;
            }
            if of == digest {
                settled.insert(name.to_owned(), outcome);
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ledger {
            file: Mutex::new(file.expect("the folder can be written")),
            digest,
            settled: Mutex::new(settled),
            constant,
            hints,
            noticed: Mutex::new(noticed),
        }
    }

    pub fn settled(&self, name: &str) -> Option<Outcome> {
        self.settled.lock().unwrap().get(name).cloned()
    }

    pub fn is_constant(&self, name: &str) -> bool {
        self.constant.contains(name)
    }

    /// How many faults of a module a test has noticed; one that noticed this very fault before is worth all others.
    pub fn promise(&self, name: &str, test: &str) -> usize {
        let of_module = self.noticed.lock().unwrap().get(&place(name, test)).copied();
        match self.hints.get(name).is_some_and(|hint| hint == test) {
            true => usize::MAX,
            false => of_module.unwrap_or_default(),
        }
    }

    pub fn set_constant(&mut self, name: &str) {
        self.line(name, CONSTANT);
        self.constant.insert(name.to_owned());
    }

    pub fn settle(&self, name: &str, outcome: Outcome) {
        match &outcome {
            Outcome::Noticed(test) => self.line(name, test),
            Outcome::Left => self.line(name, LEFT),
            Outcome::Survived => self.line(name, SURVIVED),
            Outcome::DoesNotCompile => self.line(name, WRONG),
        }
        if let Outcome::Noticed(test) = &outcome {
            *self.noticed.lock().unwrap().entry(place(name, test)).or_default() += 1;
        }
        self.settled.lock().unwrap().insert(name.to_owned(), outcome);
    }

    fn line(&self, name: &str, word: &str) {
        println!("{name}: {word}");
        let mut file = self.file.lock().unwrap();
        writeln!(file, "{}\t{word}\t{name}", self.digest).expect("the folder can be written");
    }
}

/// The module a fault is in, and the test.
fn place(name: &str, test: &str) -> (String, String) {
    let (module, _) = name.rsplit_once(".rs:").unwrap_or_default();
    let (module, _) = module.rsplit_once('/').unwrap_or_default();
    (module.to_owned(), test.to_owned())
}
