//! The built binary from outside: what it says, where, and how it ends.
//!
//! `fixtures/messages/NAME.expected` is what `explain` says; `SIPVEIL_BLESS=1 cargo test cli` writes it anew; review it like
//! code.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const POLICY: &str = "trust-domain.toml";

/// The binary in the folder of the crate, so that paths are shown as an operator writes them.
fn sipveil(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sipveil"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUST_LOG")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn ends_with(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", out(output), err(output));
}

fn message(name: &str) -> String {
    format!("fixtures/messages/{name}.sip")
}

#[test]
fn check_says_ok_or_points_at_the_mistake() {
    let good = sipveil(&["check"]);
    ends_with(&good, 0);
    assert_eq!(out(&good), "trust-domain.toml: ok\n");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bad.toml");
    let text = std::fs::read_to_string(root().join(POLICY)).unwrap();
    std::fs::write(&file, text.replace("next_hop", "next_hob")).unwrap();
    let bad = sipveil(&["--config", file.to_str().unwrap(), "check"]);
    ends_with(&bad, 2);
    assert_eq!(out(&bad), "");
    assert!(
        err(&bad).contains("next_hob") && err(&bad).contains("`next_hop`"),
        "{}",
        err(&bad)
    );
    // Run with it is refused in the same words.
    let run = sipveil(&["--config", file.to_str().unwrap()]);
    ends_with(&run, 2);
    assert!(err(&run).contains("`next_hop`"), "{}", err(&run));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(root().join(POLICY)).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(
        &file,
        text.replace("127.0.0.1:5060", &address)
            .replace("127.0.0.1:5070", "127.0.0.1:0"),
    )
    .unwrap();
    let output = sipveil(&["--config", file.to_str().unwrap(), "run"]);
    ends_with(&output, 3);
    assert_eq!(out(&output), "");
    assert!(
        err(&output).contains(&address) && err(&output).contains("`outside`"),
        "{}",
        err(&output)
    );
}

#[test]
fn help_names_every_command() {
    let help = sipveil(&["--help"]);
    ends_with(&help, 0);
    for command in ["run", "check", "spec", "explain", "completions", "man", "--config"] {
        assert!(out(&help).contains(command), "{command} is not in\n{}", out(&help));
    }
    ends_with(&sipveil(&["explian"]), 2);
}

#[test]
fn the_manual_and_the_completions_name_every_command() {
    let man = sipveil(&["man"]);
    ends_with(&man, 0);
    assert!(
        out(&man).starts_with(".ie") && out(&man).contains("explain"),
        "{}",
        out(&man)
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = sipveil(&["completions", shell]);
        ends_with(&completions, 0);
        assert!(out(&completions).contains("explain"), "{shell}");
    }
    ends_with(&sipveil(&["completions", "tcsh"]), 2);
}

/// The words for the whole policy of an interconnect stand in `fixtures/policies/good/interconnect.spec.md`.
//= TRUST-009 type=test
#[test]
fn spec_states_the_eight_items_in_order() {
    let folder = root().join("fixtures/policies/good");
    for name in ["interconnect", "p-cscf"] {
        let said = sipveil(&[
            "--config",
            folder.join(format!("{name}.toml")).to_str().unwrap(),
            "spec",
        ]);
        ends_with(&said, 0);
        let file = folder.join(format!("{name}.spec.md"));
        if std::env::var_os("SIPVEIL_BLESS").is_some() {
            std::fs::write(&file, out(&said)).unwrap();
        }
        assert_eq!(out(&said), std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
        let items: Vec<&str> = out(&said).lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(items.len(), 8);
        assert!(
            items
                .iter()
                .enumerate()
                .all(|(at, item)| item.starts_with(&format!("## {}. ", at + 1)))
        );
    }
    ends_with(
        &sipveil(&["--config", "fixtures/policies/bad/privacy-values.toml", "spec"]),
        2,
    );
}

//= TRUST-026 type=test
#[test]
fn spec_says_where_a_name_in_dns_makes_a_member() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    let text = std::fs::read_to_string(root().join("fixtures/policies/good/interconnect.toml")).unwrap();
    std::fs::write(&file, text.replace("[evidence]\n", "[evidence]\nreverse_dns = true\n")).unwrap();
    let said = sipveil(&["--config", file.to_str().unwrap(), "spec"]);
    ends_with(&said, 0);
    let names: Vec<&str> = out(&said).lines().filter(|line| line.contains("DNS names")).collect();
    assert_eq!(names.len(), 1, "not where everybody is a member: {names:?}");
    assert!(names[0].starts_with("- On the listener `exchange`"), "{names:?}");
}

//= PRIV-031 type=test
#[test]
fn explain_privacy_id_to_a_stranger() {
    let said = explained("invite-privacy-id", "core", "outside");
    assert!(
        said.contains("removed      P-Asserted-Identity:") && said.contains("PRIV-031"),
        "{said}"
    );
}

#[test]
fn explain_privacy_user_to_a_stranger() {
    let said = explained("invite-privacy-user", "trusted", "untrusted");
    let leaves = said.split("leaves as").nth(1).unwrap();
    assert!(!leaves.to_lowercase().contains("alice@"), "{leaves}");
}

//= PAI-002 type=test
#[test]
fn explain_an_identity_forged_by_a_stranger() {
    let said = explained("invite-forged", "outside:203.0.113.7", "core");
    assert!(
        said.contains("removed      p-asserted-identity:") && said.contains("PAI-002"),
        "{said}"
    );
}

//= PRIV-060 type=test
#[test]
fn explain_a_critical_wish_that_cannot_be_met() {
    let said = explained("invite-critical", "core", "outside");
    assert!(said.contains("refused with 500"), "{said}");
    assert!(!said.contains("leaves as"), "{said}");
}

//= PRIV-024 type=test
#[test]
fn explain_a_response() {
    let said = explained("response-privacy-id", "core", "outside");
    assert!(said.contains("removed      P-Asserted-Identity:"), "{said}");
}

#[test]
fn explain_within_the_trust_domain() {
    let said = explained("invite-privacy-id", "trusted", "trusted");
    assert!(said.contains("kept         P-Asserted-Identity:"), "{said}");
}

//= PCSCF-005 type=test
#[test]
fn explain_shows_no_key_and_nothing_that_proves_who_one_is() {
    let folder = TempDir::new().unwrap();
    let head = "Via: SIP/2.0/UDP 10.46.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
                Call-ID: c\r\nCSeq: 1 REGISTER\r\n";
    let challenge =
        "WWW-Authenticate: Digest realm=\"r\", ck=\"0123456789abcdef\",\r\n ik=fedcba9876543210, nonce=\"n\"\r\n";
    let credentials =
        "Authorization: Digest username=\"u\", response=\"0123456789abcdef\", auts=\"fedcba9876543210\"\r\n";
    let explain = ["--config", "fixtures/policies/good/p-cscf.toml", "explain"];
    for (text, from, to) in [
        (
            format!("SIP/2.0 401 Unauthorized\r\n{head}{challenge}\r\n"),
            "core",
            "access",
        ),
        (
            format!("SIP/2.0 401 Unauthorized\r\n{head}{challenge}\r\n"),
            "core",
            "core",
        ),
        (
            format!("REGISTER sip:b SIP/2.0\r\n{head}{credentials}\r\n"),
            "access",
            "core",
        ),
    ] {
        let file = folder.path().join("message.sip");
        std::fs::write(&file, &text).unwrap();
        for json in [&[][..], &["--json"]] {
            let said = sipveil(
                &[
                    &explain[..],
                    &[file.to_str().unwrap(), "--from", from, "--to", to],
                    json,
                ]
                .concat(),
            );
            ends_with(&said, 0);
            let said = out(&said);
            assert!(said.contains("***"), "{said}");
            assert!(
                !said.contains("0123456789abcdef") && !said.contains("fedcba9876543210"),
                "{said}"
            );
        }
    }
}

//= ROLE-001 type=test
#[test]
fn explain_knows_the_roles_of_the_node() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    let text = std::fs::read_to_string(root().join("trust-domain.toml")).unwrap();
    std::fs::write(&file, format!("{text}\n[proxy]\nroles = [\"core\"]\n")).unwrap();
    let (file, invite) = (file.to_str().unwrap(), message("invite-privacy-id"));
    for (to, goes) in [("trusted", true), ("outside", false)] {
        let said = sipveil(&["--config", file, "explain", &invite, "--from", "core", "--to", to]);
        ends_with(&said, 0);
        assert_eq!(!out(&said).contains("403"), goes, "{to}: {}", out(&said));
    }
}

/// What `explain` says; it must be what stands beside the message.
fn explained(name: &str, from: &str, to: &str) -> String {
    let output = sipveil(&["explain", &message(name), "--from", from, "--to", to]);
    ends_with(&output, 0);
    let said = out(&output).to_owned();
    assert!(!said.contains('\x1b'), "colours in a pipe");
    let words = format!("$ sipveil explain {} --from {from} --to {to}\n{said}", message(name));
    let name = if to == "trusted" {
        format!("{name}-inside")
    } else {
        name.to_owned()
    };
    let expected = root().join(format!("fixtures/messages/{name}.expected"));
    if std::env::var_os("SIPVEIL_BLESS").is_some() {
        std::fs::write(&expected, &words).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&expected).unwrap_or_default(),
        words,
        "{name} has other words"
    );
    said
}

#[test]
fn explain_as_json_says_the_same() {
    let file = message("invite-privacy-id");
    let output = sipveil(&["explain", &file, "--from", "core", "--to", "outside", "--json"]);
    ends_with(&output, 0);
    let told: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(told["verdict"], "forwarded");
    assert_eq!(told["from"]["standing"], "trusted");
    assert_eq!(told["to"]["standing"], "untrusted");
    assert_eq!(told["asks_for"], serde_json::json!(["id"]));
    let headers = told["headers"].as_array().unwrap();
    let asserted = headers
        .iter()
        .find(|row| row["header"] == "P-Asserted-Identity")
        .unwrap();
    assert_eq!(
        (asserted["fate"].as_str(), asserted["rule"].as_str()),
        (Some("removed"), Some("PRIV-031"))
    );
    assert!(!told["leaves"].as_str().unwrap().contains("P-Asserted-Identity"));
    assert_eq!(told["second_reader"]["compared"], "same");
}

#[test]
fn explain_tells_what_it_cannot_read_or_find() {
    let broken = sipveil(&["explain", &message("broken"), "--from", "core", "--to", "outside"]);
    ends_with(&broken, 2);
    let place = std::fs::read_to_string(root().join(message("broken")))
        .unwrap()
        .find("no colon")
        .unwrap();
    assert!(
        err(&broken).contains(&format!("byte {place}: a header row has no colon")),
        "{}",
        err(&broken)
    );
    let missing = sipveil(&["explain", "nowhere.sip", "--from", "core", "--to", "outside"]);
    ends_with(&missing, 2);
    assert!(err(&missing).contains("nowhere.sip"));
    let unknown = sipveil(&["explain", &message("invite-forged"), "--from", "outsid", "--to", "core"]);
    ends_with(&unknown, 2);
    assert!(
        err(&unknown).contains("`outsid`, but there is `outside`"),
        "{}",
        err(&unknown)
    );
}

#[test]
fn no_colour_where_nobody_wants_it() {
    // `script` gives the command a terminal.
    let run = |variables: &str| {
        let command = format!(
            "env -u NO_COLOR TERM=xterm {variables} {} explain {} --from core --to outside",
            env!("CARGO_BIN_EXE_sipveil"),
            message("invite-privacy-id")
        );
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .output()
            .expect("script, of bsdutils, is part of every Debian");
        String::from_utf8(output.stdout).unwrap()
    };
    let coloured = run("");
    assert!(coloured.contains("\x1b[31mremoved"), "{coloured}");
    let plain = run("NO_COLOR=1");
    assert!(plain.contains("removed") && !plain.contains('\x1b'), "{plain}");
}

#[test]
fn the_readme_shows_what_is_said() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for (name, lines) in [("invite-privacy-user", usize::MAX), ("invite-critical", 4)] {
        let words = std::fs::read_to_string(root().join(format!("fixtures/messages/{name}.expected"))).unwrap();
        let words: Vec<&str> = words.lines().take(lines).collect();
        assert!(
            readme.contains(&words.join("\n")),
            "README.md has other words for {name}"
        );
    }
    let policy = readme
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("readme.toml");
    std::fs::write(&file, policy).unwrap();
    ends_with(&sipveil(&["--config", file.to_str().unwrap(), "check"]), 0);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
