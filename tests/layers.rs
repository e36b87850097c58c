//! Who may import whom. A layer knows the layers below it; inside a row a module knows another only along an arrow.
//!
//! Reads every path of `src/`, in `use` and in passing. Sees no path that a macro builds.

mod paths;
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
        modules: &["sip", "seal", "redact", "rule"],
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
    "getrandom",
    "hickory_resolver",
    "nix",
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

#[cfg(test)]
mod planted {
    use super::{File, faults};

    fn found(path: &str, text: &str) -> Vec<String> {
        faults(&[File {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
    }

    #[track_caller]
    fn clean(path: &str, text: &str) {
        assert_eq!(found(path, text), Vec::<String>::new());
    }

    #[track_caller]
    fn caught(path: &str, text: &str, fault: &str) {
        assert_eq!(found(path, text), [format!("{path}:{fault}")]);
    }

    #[test]
    fn an_arrow_upwards() {
        caught(
            "src/sip/uri.rs",
            "\nuse crate::policy::Policy;",
            "2: sip (1 words) may not use policy (2 trust)",
        );
        caught(
            "src/locate.rs",
            "use super::engine::Now;",
            "1: locate (3 rules) may not use engine (5 flow)",
        );
        caught(
            "src/engine.rs",
            "use crate::net;",
            "1: engine (5 flow) may not use net (6 shell)",
        );
        clean(
            "src/engine/input.rs",
            "use crate::{policy::Policy, trust::Flow}; use super::output::SendId;",
        );
        clean(
            "src/policy/listener.rs",
            "use crate::sip::Transport; use super::{Security, Stated};",
        );
    }

    #[test]
    fn sideways_only_along_an_arrow() {
        clean("src/privacy/gate.rs", "use crate::topology::Hidden;");
        caught(
            "src/topology/hide.rs",
            "use crate::privacy;",
            "1: topology (3 rules) may not use privacy (3 rules)",
        );
        caught(
            "src/policy/peer.rs",
            "use crate::trust::Flow;",
            "1: policy (2 trust) may not use trust (2 trust)",
        );
        caught(
            "src/net/udp.rs",
            "use crate::dns::ask;",
            "1: net (6 shell) may not use dns (6 shell)",
        );
        clean("src/driver.rs", "use crate::{dns, net::udp, config};");
        clean("src/main.rs", "use sipveil::cli; fn main() { cli::run() }");
        caught(
            "src/trace/ladder.rs",
            "use crate::cli::X;",
            "1: trace (7 programs) may not use cli (7 programs)",
        );
    }

    #[test]
    fn roles_see_neither_privacy_nor_topology() {
        clean(
            "src/proxy/check.rs",
            "use crate::{locate, policy::Policy, sip, transaction, trust::Origin};",
        );
        for (module, text) in [
            ("privacy", "use crate::privacy::Cleared;"),
            ("topology", "fn f(_: crate::topology::Hidden) {}"),
        ] {
            for role in ["proxy", "pcscf", "tracker"] {
                caught(
                    &format!("src/{role}/mod.rs"),
                    text,
                    &format!("1: {role} (4 roles) may not use {module} (3 rules)"),
                );
            }
        }
    }

    #[test]
    fn nested_braces_aliases_and_passing_paths() {
        let text = "use crate::{\n    sip::{Method, uri::{self, Uri}},\n    engine::{Now as Then},\n};";
        caught(
            "src/trust/hop.rs",
            text,
            "3: trust (2 trust) may not use engine (5 flow)",
        );
        let text = "fn f() {\n    let x = Vec::<u8>::new();\n    crate::proxy::forward::<u8>(x)\n}";
        caught(
            "src/transaction/key.rs",
            text,
            "3: transaction (3 rules) may not use proxy (4 roles)",
        );
        let text = "mod inner {\n    mod more { use super::super::super::super::pcscf; }\n}";
        caught("src/sip/uri.rs", text, "2: sip (1 words) may not use pcscf (4 roles)");
        caught(
            "src/seal.rs",
            "pub(crate) use crate::*;",
            "1: seal names the whole crate",
        );
        caught("src/seal.rs", "use crate as all;", "1: seal names the whole crate");
        caught("src/seal.rs", "use super::*;", "1: seal names the whole crate");
        caught(
            "src/seal.rs",
            "use crate::Gate;",
            "1: crate::Gate is no module with a row in tests/layers.rs",
        );
    }

    #[test]
    fn the_shell_s_things_below_the_shell() {
        let of = |line, path: &str| format!("{line}: {path} belongs to the shell");
        caught(
            "src/engine.rs",
            "use std::{time::{Duration, Instant}, fmt};",
            &of(1, "std::time::Instant"),
        );
        caught(
            "src/engine.rs",
            "use std::time;\nfn f() { time::SystemTime::now(); }",
            &of(2, "std::time::SystemTime::now"),
        );
        caught(
            "src/sip/uri.rs",
            "fn f() { ::tokio::spawn(g()); }",
            &of(1, "tokio::spawn"),
        );
        caught("src/sip/uri.rs", "use std::net::*;", &of(1, "std::net::*"));
        caught(
            "src/sip/uri.rs",
            "use std::{self as s};\nfn f() { s::fs::read(p); }",
            &of(2, "std::fs::read"),
        );
        caught("src/sip/uri.rs", "extern crate tokio as t;", &of(1, "tokio"));
        caught("src/proxy/x.rs", "use aws_lc_rs::rand;", &of(1, "aws_lc_rs::rand"));
        clean("src/engine.rs", "use std::{net::{IpAddr, SocketAddr}, time::Duration};");
        clean("src/net/udp.rs", "use tokio::net::UdpSocket; use std::time::Instant;");
    }

    #[test]
    fn a_lifted_ban_below_the_shell() {
        let lift = "#![allow(clippy::disallowed_methods, reason = \"x\")]";
        caught(
            "src/policy/mod.rs",
            lift,
            "1: clippy::disallowed_methods is lifted below the shell",
        );
        let walk = "fn f() {\n    #[expect(clippy::iter_over_hash_type, reason = \"x\")]\n    for a in &b {}\n}";
        caught(
            "src/locate.rs",
            walk,
            "2: clippy::iter_over_hash_type is lifted below the shell",
        );
        caught(
            "src/lib.rs",
            "#![allow(clippy::all)]",
            "1: clippy::all is lifted below the shell",
        );
        clean(
            "src/locate.rs",
            "#[allow(clippy::too_many_arguments, reason = \"x\")] fn f() {}",
        );
        clean("src/net/udp.rs", lift);
        clean("src/main.rs", lift);
    }

    #[test]
    fn a_crate_out_of_its_place_and_a_module_without_a_row() {
        clean("src/sip/second_reader.rs", "use rsip::Request;");
        caught(
            "src/cli/explain.rs",
            "use rsip::Request;",
            "1: rsip belongs to src/sip/second_reader.rs alone",
        );
        caught(
            "src/helper.rs",
            "use std::fmt;",
            "1: helper has no row in tests/layers.rs",
        );
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        clean(
            "src/sip/uri.rs",
            "// use crate::engine;\n/* a /* b */ use crate::net; */ /// crate::cli::x\nfn f() {}",
        );
        clean(
            "src/sip/uri.rs",
            r###"const A: &str = "use crate::engine; \" crate::net::x"; const B: &str = r#"" crate::cli::x"#;"###,
        );
        clean(
            "src/sip/uri.rs",
            "fn f<'a>(c: &'a u8) -> bool { *c == b'\"' || x == '\\'' } // \" crate::net::x",
        );
        let after = "const Q: char = '\"'; const R: &[u8] = b\"\\\\\"; use crate::engine::Now;";
        caught("src/sip/uri.rs", after, "1: sip (1 words) may not use engine (5 flow)");
    }

    #[test]
    fn what_only_tests_compile_is_free() {
        let tests = "#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn f() { crate::engine::x(); }\n}\n";
        clean("src/sip/uri.rs", tests);
        clean("src/sip/uri.rs", "#[cfg(test)]\nuse std::{fs, env};");
        clean(
            "src/sip/uri.rs",
            "#[cfg(all(test, unix))]\n#[allow(dead_code)]\npub fn f(a: u8, b: u8) { std::fs::read(p); }",
        );
        let after = format!("{tests}use crate::engine;");
        caught("src/sip/uri.rs", &after, "6: sip (1 words) may not use engine (5 flow)");
        let not = "#[cfg(not(test))]\nuse std::fs;";
        caught("src/sip/uri.rs", not, "2: std::fs belongs to the shell");
        let files = [
            File {
                path: "src/transaction/mod.rs".into(),
                text: "#[cfg(test)]\nmod tests;".into(),
            },
            File {
                path: "src/transaction/tests.rs".into(),
                text: "use crate::engine::Engine;".into(),
            },
        ];
        assert_eq!(faults(&files), Vec::<String>::new());
    }
}
