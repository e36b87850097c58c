//! Policies that load, and policies that do not, with the words an operator then reads.
//!
//! `fixtures/policies/bad/NAME.toml` stands beside `NAME.expected`. `SIPVEIL_BLESS=1 cargo test policies` writes the
//! expected words anew; review them like code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sipveil::{
    config::{self, Diagnostic, Severity, Style},
    policy::{
        Bind, Direction, PeersAre, Policy, Profile, StatedBy,
        spec_t::{ConflictNone, DefaultPrivacy, TokenMeaning},
    },
    sip::Transport,
};

#[test]
fn bench_loads() {
    let (policy, warnings) = good("bench.toml");
    assert_eq!(warnings, "");
    assert_eq!(policy.listeners.len(), 1);
}

fn good(name: &str) -> (Policy, String) {
    let path = folder("good").join(name);
    match config::load(&path) {
        Ok((policy, warnings)) => (policy, rendered(&warnings)),
        Err(found) => panic!("{}", rendered(&found)),
    }
}

fn rendered(found: &[Diagnostic]) -> String {
    found
        .iter()
        .map(|one| one.render(Style::Plain) + "\n")
        .collect::<Vec<_>>()
        .join("\n")
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/policies")
        .join(name)
}
