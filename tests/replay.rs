//! Recorded traces, replayed: the expected findings beside each, and what nobody outside may be shown.
//!
//! `SIPVEIL_BLESS=1` writes the expected findings anew; a changed one is reviewed like code.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;
use sipveil::cli::replay::{Form, inside_policy, play};
use sipveil::config::Style;
use sipveil::engine::judge::Outcome;
use sipveil::policy::Policy;
use sipveil::sip::Transport;
use sipveil::trace::capture::{Capture, Captured};
use sipveil::trace::playback::text::{Shown, Text};
use sipveil::trace::playback::{Kind, Leak, Playback, REPEATED_AGE_MAX, Summary};

use crate::report::{is_of_name, names};
use crate::world;

const TRACES: &str = "fixtures/traces";

pub fn policy() -> Policy {
    world::policy(&fs::read_to_string(format!("{TRACES}/policy.toml")).unwrap())
}

pub fn traces() -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng");
    let mut traces: Vec<PathBuf> = fs::read_dir(TRACES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_capture)
        .collect();
    traces.sort();
    assert!(traces.len() >= 22, "the recorded traces are gone");
    traces
}

fn replayed(trace: &Path, policy: &Policy) -> (String, Summary) {
    let mut out = Vec::new();
    let text = Text {
        shown: Shown::All,
        style: Style::Plain,
    };
    let played = play(File::open(trace).unwrap(), policy, Form::Text(text), &mut out).unwrap();
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

/// As recorded: where this proxy was the P-CSCF, the registrar sent keys with each challenge, and no UE got one.
//= PCSCF-005 type=test
#[test]
fn no_ue_was_shown_a_key() {
    let ues: IpNet = "192.0.2.0/24".parse().unwrap();
    let key = |captured: &Captured| {
        let text = captured.bytes.to_ascii_lowercase();
        let has = |name: &[u8]| text.windows(name.len()).any(|part| part == name);
        has(b"ck=") || has(b"ik=")
    };
    for trace in traces() {
        let name = trace.file_stem().unwrap().to_str().unwrap();
        if !name.starts_with("ims-") || name == "ims-call" {
            continue;
        }
        let captured = Capture::new(File::open(&trace).unwrap()).map(Result::unwrap);
        let (to_ues, inside): (Vec<_>, Vec<_>) = captured.partition(|one| ues.contains(&one.dst.ip()));
        let challenges = |all: &[Captured]| all.iter().filter(|one| one.bytes.starts_with(b"SIP/2.0 401")).count();
        assert!(
            challenges(&to_ues) > 0 && challenges(&inside) >= challenges(&to_ues),
            "{name}"
        );
        let with_key = inside.iter().filter(|one| key(one)).count();
        assert_eq!(with_key, challenges(&inside), "{name}");
        assert!(!to_ues.iter().any(key), "{name}");
    }
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

/// A message from one address to another, as if captured.
fn captured(number: u64, seconds: u64, ends: [&str; 2], text: &str) -> Captured {
    let [src, dst] = ends.map(|end| end.parse().unwrap());
    Captured {
        number,
        at: Duration::from_secs(seconds),
        unix: 1_800_000_000 + seconds,
        transport: Transport::Udp,
        src,
        dst,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        truncated: false,
    }
}

const INSIDE: &str = "10.20.0.1:5060";
const OUTSIDE: &str = "192.0.2.20:5060";

fn request(method: &str, number: u32, to_tag: &str, extra: &str) -> String {
    format!(
        "{method} sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.1:5060;branch=z9hG4bK{method}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.net>{to_tag}\r\n\
         Call-ID: call\r\nCSeq: {number} {method}\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

fn response(status: &str, extra: &str) -> String {
    format!(
        "SIP/2.0 {status} Text\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK1\r\n\
         From: <sip:bob@example.net>;tag=b\r\nTo: <sip:alice@example.com>;tag=a\r\n\
         Call-ID: call\r\nCSeq: 1 INVITE\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

fn leaks(playback: &mut Playback, captured: &Captured) -> Vec<&'static str> {
    let Kind::Judged(step) = playback.play(captured).kind else {
        panic!("frame {} is not judged", captured.number)
    };
    match step.recorded_leak {
        Some(Leak::Headers(names)) => names.iter().map(|name| name.as_str()).collect(),
        Some(Leak::Whole) => vec!["*"],
        None => Vec::new(),
    }
}

const ASSERTED: &str = "P-Asserted-Identity: <sip:alice@example.com>\r\n";

//= PRIV-130 type=test
#[test]
fn what_a_party_asked_for_holds_for_its_dialog() {
    let mut playback = Playback::new(&policy());
    let private = format!("Privacy: id\r\n{ASSERTED}");
    let out = [INSIDE, OUTSIDE];
    let invite = captured(1, 0, out, &request("INVITE", 1, "", &private));
    assert_eq!(leaks(&mut playback, &invite), ["P-Asserted-Identity"]);
    let bye = request("BYE", 2, ";tag=b", ASSERTED);
    assert_eq!(
        leaks(&mut playback, &captured(2, 1, out, &bye)),
        ["P-Asserted-Identity"]
    );
    let elsewhere = bye.replace("Call-ID: call", "Call-ID: other");
    assert!(leaks(&mut playback, &captured(3, 2, out, &elsewhere)).is_empty());
    let another_hop = [INSIDE, "192.0.2.21:5060"];
    assert!(leaks(&mut playback, &captured(4, 3, another_hop, &bye)).is_empty());
    // A new request that opens one says itself what it wants.
    let again = request("INVITE", 3, "", ASSERTED);
    assert!(leaks(&mut playback, &captured(5, 4, out, &again)).is_empty());
}

//= PRIV-130 type=test
#[test]
fn what_the_answering_party_asked_for_holds_from_its_first_response() {
    let mut playback = Playback::new(&policy());
    let ringing = response("180", &format!("Privacy: id\r\n{ASSERTED}"));
    let ok = response("200", ASSERTED);
    let out = [INSIDE, OUTSIDE];
    assert_eq!(
        leaks(&mut playback, &captured(1, 0, out, &ringing)),
        ["P-Asserted-Identity"]
    );
    assert_eq!(leaks(&mut playback, &captured(2, 1, out, &ok)), ["P-Asserted-Identity"]);
    assert!(leaks(&mut Playback::new(&policy()), &captured(1, 0, out, &ok)).is_empty());
}

#[test]
fn the_same_bytes_are_judged_once_while_they_can_be_a_retransmission() {
    let mut playback = Playback::new(&policy());
    let text = request("INVITE", 1, "", &format!("Privacy: id\r\n{ASSERTED}"));
    let age = REPEATED_AGE_MAX.as_secs();
    let kinds: Vec<Kind> = [
        (1, 0, OUTSIDE),
        (2, age, OUTSIDE),
        (3, age + 1, OUTSIDE),
        (4, age + 1, "192.0.2.21:5060"),
    ]
    .map(|(number, at, to)| playback.play(&captured(number, at, [INSIDE, to], &text)).kind)
    .into();
    assert!(matches!(kinds[0], Kind::Judged(_)) && matches!(kinds[1], Kind::Again(1)));
    assert!(matches!(kinds[2], Kind::Judged(_)) && matches!(kinds[3], Kind::Judged(_)));
    let summary = playback.summary();
    assert_eq!((summary.messages, summary.repeated, summary.recorded_leaks), (4, 1, 3));
}

//= PAI-003 type=test
#[test]
fn a_preferred_identity_that_a_node_passed_on_is_a_leak_and_a_strangers_own_is_none() {
    let mut playback = Playback::new(&policy());
    let text = request("MESSAGE", 1, "", "P-Preferred-Identity: <sip:alice@example.com>\r\n");
    let from = |src| captured(1, 0, [src, OUTSIDE], &text);
    assert_eq!(leaks(&mut playback, &from(INSIDE)), ["P-Preferred-Identity"]);
    assert!(leaks(&mut playback, &from("192.0.2.21:5060")).is_empty());
    assert_eq!(playback.summary().claims, 2);
}

#[test]
fn a_request_whose_critical_privacy_is_not_to_be_had_should_not_have_gone_out() {
    let mut playback = Playback::new(&policy());
    let text = request("INVITE", 1, "", "Privacy: session;critical\r\n");
    assert_eq!(leaks(&mut playback, &captured(1, 0, [INSIDE, OUTSIDE], &text)), ["*"]);
    assert_eq!(playback.summary().refused, 1);
    let inner = captured(2, 0, [INSIDE, "10.20.0.10:5060"], &text);
    assert!(leaks(&mut playback, &inner).is_empty());
}

/// Our own listeners are known in a capture taken there, by their addresses.
//= TRUST-014 type=test
#[test]
fn traffic_of_a_listener_is_judged_by_it() {
    let policy = world::policy(world::POLICY);
    let standing = |ends: [&str; 2]| {
        let text = request("MESSAGE", 1, "", "");
        let Kind::Judged(step) = Playback::new(&policy).play(&captured(1, 0, ends, &text)).kind else {
            panic!("not judged")
        };
        (step.judgement.origin.standing(), step.judgement.hop_standing())
    };
    use sipveil::trust::Standing::{Served, Trusted, Untrusted};
    let (core, net, access) = ("10.20.0.1:5060", "192.0.2.1:5060", "10.30.0.1:5060");
    assert_eq!(standing(["10.20.0.9:5060", core]), (Trusted, Trusted));
    assert_eq!(standing(["198.51.100.1:5060", net]), (Untrusted, Trusted));
    assert_eq!(standing(["192.0.2.70:5060", net]), (Trusted, Trusted));
    assert_eq!(standing([access, "10.30.0.9:5060"]), (Trusted, Served));
    assert_eq!(standing(["10.30.0.9:5060", access]), (Served, Trusted));
    assert_eq!(standing(["192.0.2.70:5060", "198.51.100.1:5060"]), (Trusted, Untrusted));
    // Somebody else at another port of our address is not us.
    assert_eq!(
        standing(["192.0.2.1:5070", "198.51.100.1:5060"]),
        (Untrusted, Untrusted)
    );
}

//= SEC-001 type=test
#[test]
fn broken_captures_are_judged_as_far_as_they_go() {
    let policy = policy();
    let text = || {
        Form::Text(Text {
            shown: Shown::All,
            style: Style::Coloured,
        })
    };
    let mut random = 1u64;
    let mut next = |max: usize| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) as usize % max
    };
    let mut judged = 0;
    for trace in traces() {
        let whole = fs::read(&trace).unwrap();
        for round in 0..24 {
            let mut broken = whole.clone();
            for _ in 0..1 + round * 4 {
                let at = 24 + next(broken.len() - 24);
                broken[at] = match next(4) {
                    0 => b'\n',
                    1 => b';',
                    _ => next(256) as u8,
                };
            }
            if round % 4 == 0 {
                broken.truncate(next(broken.len()));
            }
            let played = play(&broken[..], &policy, text(), &mut std::io::sink()).unwrap();
            judged += played.summary.messages;
            assert_eq!(played.summary.would_leak, 0, "{} round {round}", trace.display());
        }
    }
    assert!(judged > 2000, "{judged} messages were still found");
}

#[test]
fn prefixes_alone_make_a_policy() {
    let inside: Vec<IpNet> = ["10.20.0.0/24", "2001:db8:20::/64"]
        .map(|net| net.parse().unwrap())
        .into();
    let policy = inside_policy(&inside).unwrap();
    let (_, summary) = replayed(Path::new("fixtures/traces/call-ipv6.pcap"), &policy);
    assert_eq!((summary.recorded_leaks, summary.would_leak), (2, 0));
    let nobody = inside_policy(&["203.0.113.1/32".parse().unwrap()]).unwrap();
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

/// What another policy would do otherwise, by a command, and by two replays of their own.
#[test]
fn two_policies_part_at_the_messages_that_one_key_changes() {
    let text = fs::read_to_string(format!("{TRACES}/policy.toml")).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let old = folder.path().join("old.toml");
    let old = old.to_str().unwrap();
    let against = |trace: &Path| {
        let trace = trace.to_str().unwrap();
        let config = ["--config", "fixtures/traces/policy.toml"];
        let output = sipveil(&[&config[..], &["replay", "--json", "--against", old, trace]].concat());
        let whole: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |difference: &serde_json::Value| {
            assert_eq!(difference["old"]["number"], difference["new"]["number"]);
            difference["new"]["number"].as_u64().unwrap()
        };
        let numbers: Vec<u64> = whole["differences"].as_array().unwrap().iter().map(number).collect();
        assert_eq!(whole["summary"]["differing"], numbers.len());
        (output.status.code().unwrap(), numbers)
    };
    let anonymised = |trace: &Path| {
        let mut playback = Playback::new(&policy());
        let mut numbers = Vec::new();
        for captured in Capture::new(File::open(trace).unwrap()).map(Result::unwrap) {
            let finding = playback.play(&captured);
            if let Kind::Judged(step) = &finding.kind
                && let Outcome::Cleared(outgoing) = &step.judgement.outcome
                && outgoing.bytes().windows(17).any(|some| some == b"anonymous.invalid")
                && !captured.bytes.windows(17).any(|some| some == b"anonymous.invalid")
            {
                numbers.push(finding.number);
            }
        }
        numbers
    };
    let mut changed = 0;
    for trace in traces() {
        fs::write(old, &text).unwrap();
        assert_eq!(against(&trace), (0, vec![]), "{}", trace.display());
        // Lines that moved, and other words for the same, are no difference.
        fs::write(
            old,
            format!("# A page.\n\n{text}\n[privacy]\nanonymous_host = \"anonymous.invalid\"\n"),
        )
        .unwrap();
        assert_eq!(against(&trace), (0, vec![]), "{}", trace.display());
        fs::write(old, format!("{text}\n[privacy]\nanonymous_host = \"nobody.invalid\"\n")).unwrap();
        let expected = anonymised(&trace);
        changed += expected.len();
        let code = i32::from(!expected.is_empty());
        assert_eq!(against(&trace), (code, expected), "{}", trace.display());
    }
    assert!(changed > 5, "{changed}");
    let trace = "fixtures/traces/call-privacy-id.pcap";
    let config = ["--config", "fixtures/traces/policy.toml", "replay", trace, "--against"];
    let refused = sipveil(&[&config[..], &["no-such.toml"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    // For people: as it was, as it is, and how many.
    fs::write(old, text.replace("10.20.0.0/24", "10.99.0.0/24")).unwrap();
    let output = sipveil(&[&config[..], &[old]].concat());
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("untrusted (no-member-evidence) > ") && shown.contains("treated differently"),
        "{shown}"
    );
    assert!(shown.lines().any(|line| line.starts_with('-')) && shown.lines().any(|line| line.starts_with('+')));
}

/// What would leave, as a capture of its own: as many messages as leave, each readable, between parties and of persons that nobody
/// knows, to us and to another reader.
//= LI-008 type=test
#[test]
fn what_would_leave_can_be_handed_on() {
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("leaves.pcap");
    let mut messages = 0;
    for trace in traces() {
        let config = ["--config", "fixtures/traces/policy.toml", "replay", "--json", "--pcap"];
        let output = sipveil(&[&config[..], &[out.to_str().unwrap(), trace.to_str().unwrap()]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let findings = String::from_utf8(output.stdout).unwrap();
        let cleared = findings
            .lines()
            .filter(|line| line.contains("\"result\":\"cleared\""))
            .count();
        let written: Vec<Captured> = Capture::new(File::open(&out).unwrap()).map(Result::unwrap).collect();
        assert_eq!(written.len(), cleared, "{}", trace.display());
        messages += cleared;
        let text: String = written
            .iter()
            .map(|one| format!("{one:?} {} {}", one.src, String::from_utf8_lossy(&one.bytes)))
            .collect();
        let words: BTreeSet<&str> = text.split(|one| !is_of_name(one)).collect();
        let recorded: Vec<Captured> = Capture::new(File::open(&trace).unwrap()).map(Result::unwrap).collect();
        // Where the policy listens is ours.
        let ours = ["10.20.0.2", "127.0.0.1"];
        for name in recorded
            .iter()
            .flat_map(names)
            .filter(|name| !ours.contains(&name.as_str()))
        {
            assert!(
                !words.contains(name.as_str()),
                "{name} in what leaves of {}",
                trace.display()
            );
        }
        let read = Command::new("tshark")
            .arg("-r")
            .arg(&out)
            .args(["-Y", "sip", "-T", "fields", "-e", "sip.CSeq"])
            .output();
        let read = read.unwrap_or_else(|error| panic!("tshark does not start ({error}): apt-get install tshark"));
        let lines = String::from_utf8(read.stdout).unwrap().lines().count();
        assert_eq!(lines, cleared, "as tshark reads what leaves of {}", trace.display());
    }
    assert!(messages > 300, "{messages}");
}
