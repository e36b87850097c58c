//! The operator's doors of the built binary: who may ask, what is told, and that it names nobody.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use sipveil::admin::METRICS;
use tempfile::TempDir;

use crate::end_to_end::node::{Node, PATIENCE};
use crate::end_to_end::phone::Phone;
use crate::end_to_end::{ANYWHERE, Dialog, call, policy};

const HTTP: &str = "[admin]\nhttp = \"127.0.0.1:0\"\n";

/// An answer: status, rows, body.
pub struct Answered {
    pub status: u16,
    pub rows: String,
    pub body: String,
}

/// Asks as somebody who knows no more of HTTP than its first words. `rows` end with CRLF each.
pub fn ask(at: SocketAddr, request: &str, rows: &str) -> Answered {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nConnection: close\r\n{rows}\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answered {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        rows: head.to_lowercase(),
        body: body.to_owned(),
    }
}

pub fn get(at: SocketAddr, path: &str) -> Answered {
    ask(at, &format!("GET {path}"), &format!("Host: {at}\r\n"))
}

fn metrics(at: SocketAddr) -> String {
    let answered = get(at, "/metrics");
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert!(answered.rows.contains("content-type: text/plain; version=0.0.4"));
    // Chunks, if any, would stand between the lines.
    assert!(answered.rows.contains("content-length:"), "{}", answered.rows);
    answered.body
}

/// What `promtool` says of it; nothing when all is well.
fn promtool(words: &[&str], input: &str) -> String {
    let mut child = Command::new("promtool")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool does not start ({error}): apt-get install prometheus"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => String::from_utf8_lossy(&output.stderr).into_owned(),
        false => format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// A proxy of two workers, with these doors, and where they are.
pub fn started(folder: &TempDir, callee: &Phone, admin: &str) -> (Node, SocketAddr) {
    let callee = format!("sip:{}", callee.address);
    let node = Node::start(folder.path(), &policy(ANYWHERE, &callee, "sip:127.0.0.1:9", admin));
    let at = node.address("admin", "http");
    (node, at)
}

/// The folder that the tests of this file need is the repository's.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

//= SEC-010 type=test
//= LI-008 type=test
#[test]
fn a_call_is_counted_and_nobody_is_named() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (node, at) = started(&folder, &callee, HTTP);
    let before = metrics(at);
    assert!(
        before.contains("\nsipveil_requests_total{method=\"INVITE\"} 0\n"),
        "{before}"
    );
    let dialog = Dialog {
        call_id: "counted",
        privacy: "Privacy: id\r\n",
    };
    call(
        &dialog,
        &mut Phone::on_udp().calls(node.address("core", "udp")),
        &mut callee,
    );
    let after = metrics(at);
    for line in [
        "sipveil_ready 1",
        "sipveil_workers 2",
        "sipveil_unanswered 0",
        "sipveil_requests_total{method=\"INVITE\"} 1",
        "sipveil_requests_total{method=\"BYE\"} 1",
        "sipveil_privacy_total{value=\"id\"} 3",
        "sipveil_sends_failed_total 0",
    ] {
        assert!(after.lines().any(|told| told == line), "{line} is not in\n{after}");
    }
    assert_eq!(promtool(&["check", "metrics"], &after), "");
    for name in ["alice", "liddell", "home1", "127.0.0.1", "counted"] {
        assert!(!after.contains(name), "{name}");
    }
    let log = node.stop();
    assert!(!log.contains("metrics cannot be told"), "{log}");
}

#[test]
fn only_who_knows_the_token_is_told_anything() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("admin.token"), "a-token-of-tests-0123456789\n").unwrap();
    let (node, at) = started(
        &folder,
        &Phone::on_udp(),
        &format!("{HTTP}token_file = \"admin.token\"\n"),
    );
    let with = |token: &str| ask(at, "GET /metrics", &format!("Host: {at}\r\nAuthorization: {token}\r\n"));
    for wrong in [
        "",
        "Bearer",
        "Bearer a-token-of-tests-012345678",
        "Basic a-token-of-tests-0123456789",
    ] {
        let refused = with(wrong);
        assert_eq!(
            (refused.status, refused.body.contains("sipveil_")),
            (401, false),
            "{wrong}"
        );
        assert!(refused.rows.contains("www-authenticate: bearer"));
    }
    assert_eq!(get(at, "/metrics").status, 401);
    assert!(
        with("Bearer a-token-of-tests-0123456789")
            .body
            .contains("\nsipveil_ready 1\n")
    );
    // Who only looks at the health of the process needs none.
    assert_eq!((get(at, "/healthz").status, get(at, "/readyz").status), (200, 200));
    let log = node.stop();
    assert!(!log.contains("a-token-of-tests"), "{log}");
}

/// Somebody's page in the operator's browser may lead a name of its own to this address.
#[test]
fn who_asks_by_a_name_of_its_own_hears_nothing() {
    let folder = TempDir::new().unwrap();
    let (_node, at) = started(&folder, &Phone::on_udp(), HTTP);
    let asked = |rows: &str| ask(at, "GET /metrics", rows);
    for host in ["Host: evil.example\r\n", "Host: evil.example:8060\r\n", ""] {
        let refused = asked(host);
        assert!(matches!(refused.status, 400 | 421), "{}", refused.status);
        assert!(!refused.body.contains("sipveil_"));
    }
    let told = asked(&format!("Host: localhost:{}\r\n", at.port()));
    assert_eq!(told.status, 200);
    for row in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "frame-ancestors 'none'",
    ] {
        assert!(told.rows.contains(row), "{}", told.rows);
    }
    assert_eq!(get(at, "/nothing").status, 404);
    assert_eq!(ask(at, "POST /metrics", &format!("Host: {at}\r\n")).status, 405);
    let endless = format!("Host: {at}\r\nX: {}\r\n", "x".repeat(64 * 1024));
    assert_eq!(ask(at, "GET /metrics", &endless).status, 431);
}

/// A drain is told, so that nobody sends anything new here.
#[test]
fn who_drains_is_not_ready_and_lives() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (mut node, at) = started(&folder, &callee, HTTP);
    assert_eq!((get(at, "/healthz").status, get(at, "/readyz").status), (200, 200));
    let dialog = Dialog {
        call_id: "drained",
        privacy: "",
    };
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    caller.send(&dialog.invite(&caller));
    callee.receive_only("INVITE");
    node.signal("TERM");
    node.waits_for("draining");
    let ready = get(at, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining\n"));
    assert_eq!(get(at, "/healthz").status, 200);
    assert!(metrics(at).contains("\nsipveil_ready 0\n"));
}

#[test]
fn doors_that_cannot_be_opened_are_told_of() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let fails = |folder: &TempDir, admin: &str| {
        let file = folder.path().join("policy.toml");
        fs::write(&file, policy(ANYWHERE, "sip:127.0.0.1:9", "sip:127.0.0.1:9", admin)).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_sipveil"));
        let output = run
            .arg("--config")
            .arg(&file)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).unwrap()
    };
    let folder = TempDir::new().unwrap();
    let told = fails(&folder, &format!("[admin]\nhttp = \"{at}\"\n"));
    assert!(told.contains(&format!("cannot listen at http://{at}")), "{told}");
    let with_token = format!("{HTTP}token_file = \"admin.token\"\n");
    let told = fails(&folder, &with_token);
    assert!(told.contains("admin.token cannot be read"), "{told}");
    fs::write(folder.path().join("admin.token"), "short\n").unwrap();
    let told = fails(&folder, &with_token);
    assert!(
        told.contains("fewer than 16 characters") && !told.contains("short"),
        "{told}"
    );
}

/// The page of operators explains each metric, in the words of the code.
#[test]
fn each_metric_is_in_the_manual() {
    let row =
        |metric: &sipveil::admin::Metric| format!("| `{}` | {} | {} |", metric.name, metric.kind.as_str(), metric.help);
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    let page = read("docs/operations.md");
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `sipveil_")).collect();
    assert_eq!(
        written,
        expected,
        "docs/operations.md is to say:\n{}",
        expected.join("\n")
    );
}

/// What the dashboard and the alerts look at is told.
#[test]
fn dashboard_and_alerts_ask_for_what_there_is() {
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let rules = read("contrib/sipveil.rules.yml");
    let dashboard = read("contrib/grafana-dashboard.json");
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    for (file, at_least) in [(&rules, 6), (&dashboard, 12)] {
        let words = file.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("sipveil_")).collect();
        for name in &asked {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            assert!(known.contains(base.unwrap_or(name)), "{name}");
        }
        assert!(asked.len() >= at_least, "{asked:?}");
    }
    assert_eq!(promtool(&["check", "rules", "contrib/sipveil.rules.yml"], ""), "");
}
