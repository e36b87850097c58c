//! Files of the crate, for the tests that read the crate itself.

use std::{fs, path::Path};

/// A text file; its path is written from the root of the crate, with `/`.
pub struct File {
    pub path: String,
    pub text: String,
}

/// Every file under `folder` whose name ends in `ending`, in the order of the paths. No such folder: no files.
pub fn files(folder: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(folder, ending, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// One file of the crate, `None` when there is none.
pub fn file(path: &str) -> Option<File> {
    let text = fs::read_to_string(root().join(path)).ok()?;
    Some(File {
        path: path.to_owned(),
        text,
    })
}

pub fn write(path: &str, text: &str) {
    fs::write(root().join(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &str, ending: &str, found: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{folder}: {error}"));
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&path, ending, found);
        } else if path.ends_with(ending) {
            found.push(file(&path).unwrap_or_else(|| panic!("{path} is not readable text")));
        }
    }
}
