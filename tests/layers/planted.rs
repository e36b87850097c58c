//! Violations planted in texts, and what must be said of each.

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
