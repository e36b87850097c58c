//! The page of a replay: nobody is named in it, and nothing that was recorded runs in it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;
use sipveil::cli::replay::{Page, play_to_page};
use sipveil::policy::Policy;
use sipveil::sip::Transport;
use sipveil::trace::capture::{Capture, CaptureCounts, Captured};
use sipveil::trace::playback::Playback;
use sipveil::trace::playback::report::{MESSAGES_MAX, Report};

use crate::replay::{policy, traces};

fn page(trace: &Path, policy: &Policy) -> String {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    let mut page = Page::create(&path).unwrap();
    let mut findings = Vec::new();
    let played = play_to_page(File::open(trace).unwrap(), policy, &mut page, &mut findings).unwrap();
    assert!(played.error.is_none());
    fs::read_to_string(path).unwrap()
}

/// What the page's script reads.
fn data(page: &str) -> Value {
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

pub fn is_of_name(one: char) -> bool {
    one.is_alphanumeric() || "._+-".contains(one)
}

/// Names and addresses that a recorded message has in it: what stands around an `@`, in quotes, and whence it came.
pub fn names(captured: &Captured) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&captured.bytes);
    let mut names = BTreeSet::from([captured.src, captured.dst].map(|at| at.ip().to_string()));
    for (at, _) in text.match_indices('@') {
        names.extend(text[..at].rsplit(|one| !is_of_name(one)).next().map(str::to_owned));
        names.extend(text[at + 1..].split(|one| !is_of_name(one)).next().map(str::to_owned));
    }
    let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    for row in head.lines().filter(|row| row.contains('<')) {
        names.extend(row.split('"').nth(1).map(str::to_owned));
    }
    names.retain(|name| name.len() > 3 && !name.to_lowercase().contains("anonymous"));
    names
}

/// What each page holds, a message a line. `SIPVEIL_BLESS=1` writes it anew; a changed one is reviewed like code.
#[test]
fn each_trace_has_its_page() {
    let policy = policy();
    let bless = std::env::var_os("SIPVEIL_BLESS").is_some();
    let mut other = Vec::new();
    for trace in traces() {
        let data = data(&page(&trace, &policy));
        let mut lines: Vec<String> = data["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        lines.push(data["summary"].to_string());
        let lines = lines.join("\n") + "\n";
        let name = trace.file_stem().unwrap().to_string_lossy().into_owned();
        let expected = format!("fixtures/traces/pages/{name}.jsonl");
        if bless {
            fs::write(&expected, &lines).unwrap();
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(lines.as_str()) {
            other.push(name);
        }
    }
    assert!(
        other.is_empty(),
        "pages that changed: {other:?}; SIPVEIL_BLESS=1 writes them anew"
    );
}

//= LI-008 type=test
#[test]
fn no_page_names_anybody() {
    let policy = policy();
    let (mut looked_for, mut shown) = (0, 0);
    for trace in traces() {
        let page = page(&trace, &policy);
        let data = data(&page);
        let captured: Vec<Captured> = Capture::new(File::open(&trace).unwrap()).map(Result::unwrap).collect();
        assert_eq!(
            data["messages"].as_array().unwrap().len(),
            captured.len(),
            "{}",
            trace.display()
        );
        assert_eq!(data["summary"]["messages"], captured.len());
        let text = data["messages"].to_string();
        // Longer ones wherever they stand; of "orig" there is more in "originating" than a name.
        let words: BTreeSet<&str> = text.split(|one| !is_of_name(one)).collect();
        for name in captured.iter().flat_map(names) {
            looked_for += 1;
            let is_there = words.contains(name.as_str()) || (name.len() > 5 && text.contains(&name));
            assert!(!is_there, "{name} in the page of {}", trace.display());
        }
        shown += text.matches("P-Asserted-Identity").count();
    }
    assert!(looked_for > 1_000 && shown > 50, "{looked_for} names, {shown} rows");
}

fn captured(number: u64, text: &str) -> Captured {
    Captured {
        number,
        at: std::time::Duration::from_millis(number),
        unix: 1_700_000_000,
        transport: Transport::Udp,
        src: "10.20.0.7:5060".parse().unwrap(),
        dst: "192.0.2.9:5060".parse().unwrap(),
        bytes: text.to_owned().into(),
        truncated: false,
    }
}

fn of(messages: impl Iterator<Item = Captured>) -> String {
    let policy = policy();
    let (mut playback, mut report, mut out) = (Playback::new(&policy), Report::default(), Vec::new());
    for captured in messages {
        let finding = playback.play(&captured);
        report.finding(&mut out, &captured, &finding).unwrap();
    }
    let counts = CaptureCounts::default();
    report.summary(&mut out, &playback.summary(), &counts).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_was_recorded_stays_text() {
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}";
    let rows = [
        "Subject",
        "User-Agent",
        "X-<script>",
        "P-Asserted-Identity",
        "Via",
        "Call-ID",
    ];
    let rows: String = rows.iter().map(|name| format!("{name}: {evil}\r\n")).collect();
    let invite = format!(
        "INVITE sip:{evil}@x SIP/2.0\r\n{rows}From: \"{evil}\" <sip:a@b>;tag={evil}\r\nTo: <sip:c@d>\r\nCSeq: 1 {evil}\r\n\r\n{evil}"
    );
    let answer = format!("SIP/2.0 200 {evil}\r\n{rows}\r\n");
    let page = of([captured(1, &invite), captured(2, &answer), captured(3, evil)].into_iter());
    assert_eq!(page.matches("<script").count(), 2, "the page's own");
    assert!(!page.contains("alert") && !page.contains("onerror"));
    assert_eq!(data(&page)["messages"].as_array().unwrap().len(), 3);
    // It fetches nothing, and says so to the browser.
    assert!(page.contains("default-src 'none'"));
    for elsewhere in ["http://", "https://", "src=", "@import", "url("] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_page_holds_so_many_messages_and_counts_the_rest() {
    let message = |number: u64| {
        let text = format!(
            "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
             Call-ID: {number}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        captured(number, &text)
    };
    let data = data(&of((1..=MESSAGES_MAX + 7).map(message)));
    assert_eq!(data["messages"].as_array().unwrap().len() as u64, MESSAGES_MAX);
    assert_eq!(data["summary"]["left_out"], 7);
    assert_eq!(data["messages"][41]["call"], 41);
}

#[test]
fn before_and_after_differ_where_something_was_decided() {
    let page = page(Path::new("fixtures/traces/call-privacy-id.pcap"), &policy());
    let data = data(&page);
    let leaking = data["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|message| message["recorded_leak"] != serde_json::json!([]));
    let leaking = leaking.unwrap();
    let has = |side: &str| {
        let rows = leaking[side].as_array().unwrap();
        rows.iter()
            .any(|row| row.as_str().unwrap().starts_with("P-Asserted-Identity: "))
    };
    assert!(has("before") && !has("after"));
    assert_eq!(leaking["call"], 0);
}
