//! Who may import whom. A layer knows the layers below it; inside a row a module knows another only along an arrow.
//!
//! Reads every path of `src/`, in `use` and in passing. Sees no path that a macro builds.

mod paths;
mod planted;
mod source;

use std::collections::BTreeSet;

use crate::tree::{self, File};

/// One row of the map in `src/lib.rs`.
struct Row {
    name: &'static str,
    modules: &'static [&'static str],
    arrows: &'static [(&'static str, &'static str)],
}

/// From the bottom up.
const ROWS: &[Row] = &[
    Row {
        name: "1 words",
        modules: &["sip", "ppsp", "hep", "seal", "redact", "rule"],
        arrows: &[],
    },
    Row {
        name: "2 trust",
        modules: &["trust", "policy"],
        arrows: &[("trust", "policy")],
    },
    Row {
        name: "3 rules",
        modules: &["privacy", "topology", "transaction", "locate"],
        arrows: &[("privacy", "topology")],
    },
    Row {
        name: "4 roles",
        modules: &["proxy", "pcscf", "tracker"],
        arrows: &[],
    },
    Row {
        name: "5 flow",
        modules: &["engine"],
        arrows: &[],
    },
    Row {
        name: "6 shell",
        modules: &["driver", "net", "dns", "store", "ipsec", "audit", "admin", "config"],
        arrows: &[
            ("driver", "net"),
            ("driver", "dns"),
            ("driver", "store"),
            ("driver", "ipsec"),
            ("driver", "audit"),
            ("driver", "admin"),
            ("driver", "config"),
        ],
    },
    Row {
        name: "7 programs",
        modules: &["main", "cli", "trace"],
        arrows: &[("main", "cli"), ("cli", "trace")],
    },
];

const ROLES: usize = 3;
const SHELL: usize = 5;

/// What no role may see, though it lies below: so no role can clear a message.
const UNSEEN_BY_ROLES: &[&str] = &["privacy", "topology"];

/// Clock, tasks, sockets, files, environment and randomness come in as values below the shell.
const SHELL_ONLY: &[&str] = &[
    "tokio",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::os",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "aws_lc_rs::rand",
    "axum",
    "getrandom",
    "hickory_resolver",
    "http_body_util",
    "hyper",
    "hyper_util",
    "netlink_packet_core",
    "netlink_packet_xfrm",
    "netlink_sys",
    "nix",
    "prometheus",
    "rand",
    "socket2",
];

/// Lints that keep the same inputs giving the same bytes, and the groups they come in.
const KEPT_BELOW_SHELL: &[&str] = &[
    "clippy::all",
    "clippy::style",
    "clippy::restriction",
    "clippy::disallowed_macros",
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
    "clippy::iter_over_hash_type",
    "clippy::print_stderr",
    "clippy::print_stdout",
];

/// Crates with one place.
const ONE_PLACE: &[(&str, &str)] = &[("rsip", "src/sip/second_reader.rs")];

#[test]
fn no_module_looks_upwards() {
    let files = tree::files("src", ".rs");
    assert!(files.len() > 30, "only {} files found under src", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// `autotests` is off, so a file that nobody names would silently never run.
#[test]
fn every_file_of_tests_is_run() {
    let main = tree::file("tests/main.rs").expect("this binary was made of it").text;
    let manifest = tree::file("Cargo.toml").expect("this binary was made by it").text;
    for File { path, .. } in tree::files("tests", ".rs") {
        let name = path.trim_start_matches("tests/").trim_end_matches(".rs");
        let module = main.lines().any(|line| line.trim() == format!("mod {name};"));
        let below = name.contains('/');
        assert!(
            below || name == "main" || module || manifest.contains(&path),
            "{path} is run by nobody"
        );
    }
}

/// Every forbidden arrow, lifted ban and unknown module of `files`, one line each.
fn faults(files: &[File]) -> Vec<String> {
    let read: Vec<(&File, Vec<String>, source::Code<'_>)> = files
        .iter()
        .map(|file| (file, module_of(&file.path), source::code(&file.text)))
        .collect();
    let only_tests: Vec<Vec<String>> = read
        .iter()
        .flat_map(|(_, module, code)| {
            code.test_modules
                .iter()
                .map(|name| module.iter().cloned().chain([(*name).to_owned()]).collect())
        })
        .collect();
    let mut found = BTreeSet::new();
    for (file, module, code) in &read {
        if only_tests.iter().any(|test| module.starts_with(test)) {
            continue;
        }
        for named in paths::named(module, &code.tokens) {
            if let Some(fault) = fault(&file.path, module, &named.path) {
                found.insert((&file.path, named.line, fault));
            }
        }
    }
    found
        .into_iter()
        .map(|(path, line, fault)| format!("{path}:{line}: {fault}"))
        .collect()
}

/// `src/sip/headers/via.rs` is `sip::headers::via`; the root of the library is empty.
fn module_of(path: &str) -> Vec<String> {
    let inside = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod");
    if inside == "lib" {
        Vec::new()
    } else {
        inside.split('/').map(str::to_owned).collect()
    }
}

fn fault(file: &str, module: &[String], path: &[String]) -> Option<String> {
    let from = module.first().map(String::as_str);
    let text = path.join("::");
    let row = match from {
        None => 0,
        Some(from) => match row_of(from) {
            Some(row) => row,
            None => return Some(format!("{from} has no row in tests/layers.rs")),
        },
    };
    if let "crate" | "sipveil" = path[0].as_str() {
        return arrow(from?, row, path.get(1).map(String::as_str));
    }
    if row < SHELL && KEPT_BELOW_SHELL.contains(&text.as_str()) {
        return Some(format!("{text} is lifted below the shell"));
    }
    if row < SHELL && SHELL_ONLY.iter().any(|forbidden| reaches(&text, forbidden)) {
        return Some(format!("{text} belongs to the shell"));
    }
    let elsewhere = ONE_PLACE
        .iter()
        .find(|(name, place)| path[0] == *name && *place != file);
    elsewhere.map(|(name, place)| format!("{name} belongs to {place} alone"))
}

fn arrow(from: &str, row: usize, to: Option<&str>) -> Option<String> {
    let Some(to) = to.filter(|to| *to != "*") else {
        return Some(format!("{from} names the whole crate"));
    };
    let Some(to_row) = row_of(to) else {
        return Some(format!("crate::{to} is no module with a row in tests/layers.rs"));
    };
    let unseen = row == ROLES && UNSEEN_BY_ROLES.contains(&to);
    let allowed = from == to || (to_row < row && !unseen) || ROWS[row].arrows.contains(&(from, to));
    (!allowed).then(|| format!("{from} ({}) may not use {to} ({})", ROWS[row].name, ROWS[to_row].name))
}

fn row_of(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.modules.contains(&module))
}

/// Whether `path` is `forbidden`, lies in it, or takes it in by a glob.
fn reaches(path: &str, forbidden: &str) -> bool {
    let inside = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    inside(forbidden, path) || path.strip_suffix("::*").is_some_and(|outer| inside(outer, forbidden))
}
