//! Reads every file under a folder as one message of a datagram and looks whether it would leave byte for byte as it came.
//!
//! ```text
//! cargo run --release --example roundtrip -- FOLDER
//! ```
//!
//! Line ends before the start line and bytes behind the body that Content-Length states do not count as a difference.
//! Exits 1 when a message would be changed, 2 when the folder cannot be read. Prints names of files, never their text.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it reads files and tells"
)]

#[path = "../tests/mutation/reading.rs"]
mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use reading::Read;
use sipveil::sip::headers::name_addr::NameAddr;
use sipveil::sip::parse::{Carrier, parse};
use sipveil::sip::{Name, second_reader};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: roundtrip FOLDER");
        return ExitCode::from(2);
    };
    let mut files = Vec::new();
    if let Err(error) = collect(Path::new(&folder), &mut files) {
        eprintln!("{}: {error}", Path::new(&folder).display());
        return ExitCode::from(2);
    }
    files.sort();
    let mut sum = Sum::default();
    for file in &files {
        match std::fs::read(file) {
            Ok(bytes) => sum.add(file, Bytes::from(bytes)),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    sum.print();
    if sum.changed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What was found in all files.
#[derive(Default)]
struct Sum {
    files: usize,
    same: usize,
    changed: usize,
    refused: BTreeMap<String, usize>,
    /// From URIs that an independent reader finds too, and those where it finds another.
    agreed: usize,
    disagreed: usize,
}

impl Sum {
    fn add(&mut self, file: &Path, bytes: Bytes) {
        self.files += 1;
        match reading::read(&bytes) {
            Read::Accepted => self.same += 1,
            Read::Changed => {
                self.changed += 1;
                println!("{}: would leave changed", file.display());
            }
            Read::Refused(error) => {
                *self.refused.entry(error.to_string()).or_default() += 1;
                println!("{}: {error}", file.display());
                return;
            }
        }
        let Some(theirs) = second_reader::identities(&bytes).and_then(|seen| seen.from_uri) else {
            return;
        };
        if ours(bytes).is_some_and(|ours| ours == theirs.as_bytes()) {
            self.agreed += 1;
        } else {
            self.disagreed += 1;
            println!("{}: another reader finds another From", file.display());
        }
    }

    fn print(&self) {
        let refused: usize = self.refused.values().sum();
        println!("{} in, {} byte for byte, {refused} refused", self.files, self.same);
        for (reason, count) in &self.refused {
            println!("  {count} {reason}");
        }
        let compared = self.agreed + self.disagreed;
        println!(
            "From compared with another reader: {compared}, the same: {}",
            self.agreed
        );
    }
}

/// The URI of From.
fn ours(bytes: Bytes) -> Option<Vec<u8>> {
    let message = parse(bytes, Carrier::Datagram, &reading::limits()).ok()?;
    let from = NameAddr::parse(message.first(Name::From)?).ok()?;
    Some(from.uri_bytes().to_vec())
}
