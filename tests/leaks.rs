//! Programs that must not compile, each with the compiler's words beside it: ways to send what was not cleared for its hop.
//!
//! `leaks/NAME.rs` stands beside `NAME.expected`; `leaks/control` holds a program that does compile. `SIPVEIL_BLESS=1 cargo
//! test --test main leaks::` writes the words anew; a change in them is reviewed like code.

use crate::{compiler::Library, tree};

const CONTROL: &str = "tests/leaks/control/sends_what_was_cleared.rs";

//= PRIV-027 type=test
//= TRUST-010 type=test
#[test]
fn no_program_sends_what_was_not_cleared_for_its_hop() {
    let bless = std::env::var_os("SIPVEIL_BLESS").is_some();
    let library = Library::of_the_tests();
    if let Err(refused) = library.check(CONTROL) {
        panic!("a program that does nothing wrong is refused, so the others prove nothing:\n{refused}");
    }
    let mut programs = tree::files("tests/leaks", ".rs");
    programs.retain(|program| program.path != CONTROL);
    assert!(programs.len() >= 20, "only {} programs", programs.len());
    let mut wrong = Vec::new();
    for program in programs {
        let Err(refused) = library.check(&program.path) else {
            wrong.push(format!("{} compiles", program.path));
            continue;
        };
        let words = refused.to_string();
        let expected = program.path.replace(".rs", ".expected");
        if bless {
            tree::write(&expected, &words);
        } else if tree::file(&expected).is_none_or(|file| file.text != words) {
            wrong.push(format!("{} is now refused so:\n{words}", program.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Within the crate privacy rules hold by the module: each of these is written down in one file.
//= PRIV-027 type=test
#[test]
fn each_step_is_made_in_one_file() {
    for (made, home) in [
        ("Cleared {", "src/privacy/gate.rs"),
        ("Outgoing::Trusted(Cleared", "src/privacy/gate.rs"),
        ("Outgoing::Untrusted(Cleared", "src/privacy/gate.rs"),
        ("TrustedHop(", "src/trust/hop.rs"),
        ("UntrustedHop {", "src/trust/hop.rs"),
        ("Hidden(", "src/topology/hide.rs"),
        ("Scrubbed(", "src/privacy/scrub.rs"),
        ("Scrubbed::new(", "src/privacy/gate.rs"),
        ("Hidden::new(", "src/privacy/gate.rs"),
        ("Hidden::without_contact(", "src/privacy/gate.rs"),
        ("Tokenized(", "src/topology/tokenize.rs"),
        ("Tokenized::request(", "src/privacy/gate.rs"),
        ("Tokenized::response(", "src/privacy/gate.rs"),
        ("Cleared for", "src/net/mod.rs"),
        ("Mirrored {", "src/privacy/mirrored.rs"),
    ] {
        let mut files = tree::files("src", ".rs");
        files.retain(|file| !file.path.contains("/tests"));
        let makers: Vec<&str> = files
            .iter()
            .filter(|file| code(file).lines().any(|line| makes(line, made)))
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(makers, [home], "{made}");
    }
}

/// A file without the tests at its foot.
fn code(file: &tree::File) -> &str {
    file.text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Whether code on this line makes it: no comment, no other name that ends the same.
fn makes(line: &str, made: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(made).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}
