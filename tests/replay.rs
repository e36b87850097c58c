//! Recorded traces, replayed: the expected findings beside each, and what nobody outside may be shown.
//!
//! `SIPVEIL_BLESS=1` writes the expected findings anew; a changed one is reviewed like code.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ipnet::IpNet;
use sipveil::cli::replay::{Form, inside_policy, play};
use sipveil::config::Style;
use sipveil::engine::judge::Outcome;
use sipveil::policy::Policy;
use sipveil::trace::capture::Capture;
use sipveil::trace::playback::text::{Shown, Text};
use sipveil::trace::playback::{Kind, Playback, Summary};

use crate::world;

const TRACES: &str = "fixtures/traces";

fn policy() -> Policy {
    world::policy(&fs::read_to_string(format!("{TRACES}/policy.toml")).unwrap())
}

fn traces() -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng");
    let mut traces: Vec<PathBuf> = fs::read_dir(TRACES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_capture)
        .collect();
    traces.sort();
    assert!(traces.len() >= 17, "the recorded traces are gone");
    traces
}

fn replayed(trace: &Path, policy: &Policy) -> (String, Summary) {
    let mut out = Vec::new();
    let text = Text {
        shown: Shown::All,
        style: Style::Plain,
    };
    let played = play(File::open(trace).unwrap(), policy, Form::Text(text), &mut out, |_| {}).unwrap();
    assert!(played.error.is_none(), "{}: {:?}", trace.display(), played.error);
    (String::from_utf8(out).unwrap(), played.summary)
}

#[test]
fn every_trace_is_judged_as_expected() {
    let bless = std::env::var_os("SIPVEIL_BLESS").is_some();
    let policy = policy();
    let mut wrong = Vec::new();
    for trace in traces() {
        let (found, summary) = replayed(&trace, &policy);
        let beside = trace.with_extension("expected");
        if bless {
            fs::write(&beside, &found).unwrap();
        }
        if fs::read_to_string(&beside).unwrap_or_default() != found {
            wrong.push(beside);
        }
        assert_eq!(summary.would_leak, 0, "{}", trace.display());
        assert_eq!(summary.unreadable + summary.forgotten, 0, "{}", trace.display());
    }
    assert!(
        wrong.is_empty(),
        "not as expected: {wrong:?}; SIPVEIL_BLESS=1 writes anew"
    );
}

/// The strings of one `never` block, and to whom they must not be shown.
struct Never {
    to: IpNet,
    strings: Vec<String>,
    with_body: bool,
}

fn never(page: &str) -> Vec<Never> {
    let with_body = !page.contains("bodies are not edited");
    let mut blocks = Vec::new();
    for section in page.split("\n## Never shown to ").skip(1) {
        let (to, text) = section.split_once('\n').unwrap();
        let text = text.split("\n## ").next().unwrap();
        let Some((_, block)) = text.split_once("```never\n") else {
            assert!(text.contains("Nothing:"), "neither a block nor `Nothing:`");
            continue;
        };
        let to = to
            .parse()
            .unwrap_or_else(|_| IpNet::from(to.parse::<std::net::IpAddr>().unwrap()));
        let strings: Vec<String> = block.split("```").next().unwrap().lines().map(str::to_owned).collect();
        assert!(!strings.is_empty());
        blocks.push(Never { to, strings, with_body });
    }
    blocks
}

//= PRIV-021 type=test
//= PRIV-105 type=test
#[test]
fn nobody_is_shown_what_the_page_of_a_trace_forbids() {
    let policy = policy();
    let (mut blocks, mut compared) = (0, 0);
    for trace in traces() {
        let page = fs::read_to_string(trace.with_extension("md")).unwrap();
        for never in never(&page) {
            blocks += 1;
            let mut playback = Playback::new(&policy);
            for captured in Capture::new(File::open(&trace).unwrap()) {
                let captured = captured.unwrap();
                let Kind::Judged(step) = playback.play(&captured).kind else {
                    continue;
                };
                let Outcome::Cleared(outgoing) = &step.judgement.outcome else {
                    continue;
                };
                if !never.to.contains(&captured.dst.ip()) {
                    continue;
                }
                let sent = outgoing.bytes();
                let head = sent.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(sent.len());
                let seen = if never.with_body { &sent[..] } else { &sent[..head] };
                for string in &never.strings {
                    let there = seen.windows(string.len()).any(|part| part == string.as_bytes());
                    assert!(!there, "{}: frame {} shows {string}", trace.display(), captured.number);
                    compared += 1;
                }
            }
        }
    }
    assert!(
        blocks >= 13 && compared > 150,
        "{blocks} blocks, {compared} comparisons"
    );
}

#[test]
fn what_is_reported_names_nobody() {
    let policy = policy();
    for trace in traces() {
        let (text, _) = replayed(&trace, &policy);
        for name in ["alice", "bob@", "+1555", "10.20.0", "192.0.2", "2001:db8", "@example"] {
            assert!(!text.contains(name), "{}: {name}", trace.display());
        }
    }
}

#[test]
fn prefixes_alone_make_a_policy() {
    let inside: Vec<IpNet> = ["10.20.0.0/24", "2001:db8:20::/64"]
        .map(|net| net.parse().unwrap())
        .into();
    let policy = world::policy(&inside_policy(&inside));
    let (_, summary) = replayed(Path::new("fixtures/traces/call-ipv6.pcap"), &policy);
    assert_eq!((summary.recorded_leaks, summary.would_leak), (2, 0));
    let nobody = world::policy(&inside_policy(&["203.0.113.1/32".parse().unwrap()]));
    let (_, summary) = replayed(Path::new("fixtures/traces/call-ipv6.pcap"), &nobody);
    assert_eq!(summary.claims, 4, "both INVITEs and both BYEs come from strangers");
    assert_eq!(summary.recorded_leaks, 0);
}

fn sipveil(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sipveil"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_exit_code_tells_what_was_found() {
    let code = |arguments: &[&str]| sipveil(arguments).status.code().unwrap();
    let config = ["--config", "fixtures/traces/policy.toml", "replay"];
    let with = |rest: &[&str]| code(&[&config[..], rest].concat());
    let (leaks, clean) = (
        "fixtures/traces/call-privacy-id.pcap",
        "fixtures/traces/plain-call.pcap",
    );
    assert_eq!(with(&[leaks]), 0);
    assert_eq!(with(&[leaks, "--deny-leaks"]), 1);
    assert_eq!(with(&[clean, "--deny-leaks"]), 0);
    assert_eq!(with(&["fixtures/traces/README.md"]), 2);
    assert_eq!(with(&["fixtures/traces/no-such.pcap"]), 2);
    assert_eq!(code(&["--config", "no-such.toml", "replay", clean]), 2);
    assert_eq!(code(&["replay", "--inside", "10.20.0.0/33", clean]), 2);
    assert_eq!(code(&["replay", "--inside", "10.20.0.0/24", "--deny-leaks", leaks]), 1);
    assert_eq!(code(&["replay", "--inside", "10.20.0.0/24", "--deny-leaks", clean]), 0);
}

#[test]
fn json_is_one_object_with_a_line_a_message() {
    let trace = "fixtures/traces/refer-transfer.pcap";
    let output = sipveil(&["--config", "fixtures/traces/policy.toml", "replay", "--json", trace]);
    let text = String::from_utf8(output.stdout).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let messages = whole["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 25);
    assert_eq!(text.lines().count(), 27);
    let leaks: Vec<u64> = messages
        .iter()
        .filter(|message| message["recorded_leak"] != serde_json::json!([]))
        .map(|message| message["number"].as_u64().unwrap())
        .collect();
    assert_eq!(leaks, [3, 9, 11, 17, 21, 23]);
    assert_eq!(whole["summary"]["recorded_leaks"], 6);
    assert_eq!(messages[2]["decisions"][0]["rule"], "PRIV-031");
    assert!(!text.contains("alice") && !text.contains("10.20.0"));
}

#[test]
fn a_capture_without_sip_is_an_empty_object() {
    let mut empty = tempfile::NamedTempFile::new().unwrap();
    let header: [u8; 24] = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0,
    ];
    std::io::Write::write_all(&mut empty, &header).unwrap();
    let path = empty.path().to_str().unwrap();
    let output = sipveil(&["replay", "--inside", "10.0.0.0/8", "--json", "--deny-leaks", path]);
    assert_eq!(output.status.code(), Some(0));
    let whole: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(whole["summary"]["messages"], 0);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no SIP message"));
}
