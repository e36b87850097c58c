//! `sipveil audit` of traffic as it happens: from a pipe, from HEP3 agents and from an interface.

mod namespace;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use sipveil::cli::replay::{Form, inside_policy, play};
use sipveil::hep::{self, Packet};
use sipveil::sip::Transport;
use sipveil::trace::capture::{Capture, Captured};
use sipveil::trace::playback::Summary;
use sipveil::trace::playback::json::Json;

use self::namespace::{FAR, Namespace, SENDER};
use crate::end_to_end::node::Lines;

const TRACE: &str = "fixtures/traces/call-privacy-id.pcap";
const INSIDE: &str = "10.20.0.0/24";

/// The command at work. Dropped, it is killed.
pub struct Audit {
    child: Child,
    screen: Lines,
    told: Lines,
}

impl Audit {
    pub fn starts(arguments: &[&str]) -> (Audit, ChildStdin) {
        Audit::by(Command::new(env!("CARGO_BIN_EXE_sipveil")).arg("audit").args(arguments))
    }

    fn by(command: &mut Command) -> (Audit, ChildStdin) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let audit = Audit {
            screen: Lines::of(child.stdout.take().unwrap()),
            told: Lines::of(child.stderr.take().unwrap()),
            child,
        };
        (audit, stdin)
    }

    /// What it says first: that it listens.
    pub fn listens(&mut self) -> String {
        let line = self.told.next().unwrap_or_default();
        assert!(line.starts_with("audit: listening to "), "{line}");
        line
    }

    pub fn heps(&mut self) -> SocketAddr {
        self.listens().rsplit("udp:").next().unwrap().parse().unwrap()
    }

    /// The next line, an object.
    pub fn object(&mut self) -> Value {
        serde_json::from_str(&self.screen.next().expect("another line")).unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// How it ends, with the lines that are left.
    pub fn ends(mut self) -> (Option<i32>, String) {
        let rest = self.screen.rest();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn recorded() -> Vec<Captured> {
    Capture::new(&fs::read(TRACE).unwrap()[..])
        .map(Result::unwrap)
        .collect()
}

/// What `replay` finds in the trace.
fn replayed() -> Summary {
    let policy = inside_policy(&[INSIDE.parse().unwrap()]).unwrap();
    let form = Form::Json(Json::default());
    let summary = play(&fs::read(TRACE).unwrap()[..], &policy, form, &mut Vec::new())
        .unwrap()
        .summary;
    assert!(summary.recorded_leaks > 0, "the trace shows a leak");
    summary
}

fn summary(last: &str) -> Value {
    let object: Value = serde_json::from_str(last.trim_end().lines().last().unwrap()).unwrap();
    object["summary"].clone()
}

fn told_of(captured: &Captured, password: Option<&[u8]>) -> Vec<u8> {
    let packet = Packet {
        ip_protocol: match captured.transport {
            Transport::Udp => hep::UDP,
            _ => hep::TCP,
        },
        src: captured.src,
        dst: captured.dst,
        at: captured.at,
        protocol: hep::SIP,
        agent: 7,
        password,
        correlation: None,
        payload: &captured.bytes,
    };
    packet.encode().unwrap()
}

#[test]
fn a_leak_is_told_while_the_pipe_is_open() {
    let (mut audit, mut pipe) = Audit::starts(&["-", "--inside", INSIDE, "--json", "--addresses"]);
    pipe.write_all(&fs::read(TRACE).unwrap()).unwrap();
    let expected = replayed();
    for number in 0..expected.recorded_leaks {
        let leak = audit.object();
        assert_ne!(leak["recorded_leak"], Value::Array(Vec::new()), "{leak}");
        let frame = leak["number"].as_u64().unwrap();
        let of = recorded()
            .into_iter()
            .find(|captured| captured.number == frame)
            .unwrap();
        assert_eq!(leak["src"], of.src.to_string(), "leak {number}");
        assert_eq!(leak["dst"], of.dst.to_string());
    }
    drop(pipe);
    let (code, rest) = audit.ends();
    let sums = summary(&rest);
    assert_eq!(rest.lines().count(), 1, "{rest}");
    assert_eq!(
        (code, &sums["recorded_leaks"]),
        (Some(1), &expected.recorded_leaks.into())
    );
    assert_eq!(sums["messages"], expected.messages);
}

/// In the middle of a record, and with nobody who closes the pipe.
#[test]
fn a_signal_ends_it_with_the_sums() {
    let (mut audit, mut pipe) = Audit::starts(&["-", "--inside", INSIDE]);
    let trace = fs::read(TRACE).unwrap();
    pipe.write_all(&trace[..trace.len() - 5]).unwrap();
    let time = audit.screen.next().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    audit.signal("USR1");
    let mut so_far = audit.told.next().unwrap();
    while !so_far.starts_with("recorded leaks") {
        so_far = audit.told.next().unwrap();
    }
    assert!(!so_far.ends_with(" 0"), "{so_far}");
    audit.signal("TERM");
    let (code, rest) = audit.ends();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("recorded leak: P-Asserted-Identity"), "{rest}");
    assert!(rest.lines().any(|line| line.starts_with("recorded leaks")), "{rest}");
    drop(pipe);
}

#[test]
fn what_agents_tell_is_judged_as_a_replay_is() {
    let (mut audit, _stdin) = Audit::starts(&["--hep", "udp:127.0.0.1:0", "--inside", INSIDE, "--json", "--all"]);
    let to = audit.heps();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut numbers = 0;
    for captured in recorded() {
        agent.send_to(b"HEP3\0\x06", to).unwrap();
        agent.send_to(&told_of(&captured, None), to).unwrap();
        let object = audit.object();
        numbers += 2;
        assert_eq!(object["number"], numbers, "{object}");
    }
    audit.signal("INT");
    let (code, rest) = audit.ends();
    let (sums, expected) = (summary(&rest), replayed());
    assert_eq!(code, Some(1));
    for (name, count) in [
        ("messages", expected.messages),
        ("requests", expected.requests),
        ("removed", expected.removed),
        ("recorded_leaks", expected.recorded_leaks),
        ("would_leak", 0),
    ] {
        assert_eq!(sums[name], count, "{name}");
    }
    assert_eq!(sums["unseen"]["not_hep3"], expected.messages);
    assert_eq!(sums["unseen"]["dropped_by_the_kernel"], 0);
}

#[test]
fn an_agent_without_the_password_is_not_let_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open sesame\n").unwrap();
    let arguments = [
        "--hep",
        "udp:127.0.0.1:0",
        "--hep-password-file",
        file.to_str().unwrap(),
        "--inside",
        INSIDE,
        "--json",
        "--all",
    ];
    let (mut audit, _stdin) = Audit::starts(&arguments);
    let to = audit.heps();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let message = &recorded()[0];
    for password in [None, Some(&b"open sesam"[..]), Some(b"open sesame\n")] {
        agent.send_to(&told_of(message, password), to).unwrap();
    }
    agent.send_to(&told_of(message, Some(b"open sesame")), to).unwrap();
    assert_eq!(audit.object()["number"], 4);
    audit.signal("TERM");
    let (code, rest) = audit.ends();
    assert_eq!(
        (code, &summary(&rest)["unseen"]["without_the_password"]),
        (Some(0), &3.into())
    );
}

/// While it stands still the kernel has room for so many, and counts the others.
#[test]
fn what_the_kernel_had_no_room_for_is_counted() {
    const FLOOD: u64 = 20_000;
    let (mut audit, _stdin) = Audit::starts(&["--hep", "udp:127.0.0.1:0", "--inside", INSIDE, "--json", "--all"]);
    let to = audit.heps();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sends = |method: &str, number: u64| {
        let text = format!(
            "{method} sip:a@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK{number}\r\nFrom: <sip:a@x>;tag=1\r\n\
             To: <sip:b@x>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        let captured = Captured {
            bytes: text.into(),
            ..recorded().swap_remove(0)
        };
        agent.send_to(&told_of(&captured, None), to).unwrap();
    };
    audit.signal("STOP");
    for number in 0..FLOOD {
        sends("MESSAGE", number);
    }
    audit.signal("CONT");
    let mut seen = 0;
    loop {
        let kind = audit.object()["kind"].clone();
        if kind == "OPTIONS" {
            break;
        }
        assert_eq!(kind, "MESSAGE");
        seen += 1;
        sends("OPTIONS", FLOOD + seen);
    }
    audit.signal("TERM");
    let (_, rest) = audit.ends();
    let dropped = summary(&rest)["unseen"]["dropped_by_the_kernel"].as_u64().unwrap();
    assert!(
        seen < FLOOD && dropped >= FLOOD - seen,
        "{seen} were seen, {dropped} dropped"
    );
}

/// An INVITE that asks not to tell who calls, and tells.
fn invite(number: usize) -> String {
    format!(
        "INVITE sip:bob@elsewhere.example SIP/2.0\r\nVia: SIP/2.0/UDP {SENDER}:5060;branch=z9hG4bK{number}\r\n\
         From: <sip:anonymous@anonymous.invalid>;tag=1\r\nTo: <sip:bob@elsewhere.example>\r\nCall-ID: {number}@x\r\n\
         CSeq: 1 INVITE\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:alice@home1.example>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn on_interface(namespace: &Namespace, interface: &str) -> Audit {
    let binary = env!("CARGO_BIN_EXE_sipveil");
    let words = [
        binary,
        "audit",
        "--interface",
        interface,
        "--inside",
        INSIDE,
        "--json",
        "--all",
        "--addresses",
    ];
    let (mut audit, _) = Audit::by(&mut namespace.command(&words));
    audit.listens();
    audit
}

//= LI-008 type=test
#[test]
fn an_interface_is_heard_and_nothing_is_sent() {
    let namespace = Namespace::new();
    let mut audit = on_interface(&namespace, FAR);
    for number in 0..5 {
        namespace.sends(invite(number).as_bytes(), "198.51.100.7", 5060);
        let leak = audit.object();
        assert_eq!(
            leak["recorded_leak"],
            serde_json::json!(["P-Asserted-Identity"]),
            "{leak}"
        );
        assert_eq!(leak["dst"], "198.51.100.7:5060");
        assert!(leak["src"].as_str().unwrap().starts_with(SENDER), "{leak}");
    }
    audit.signal("TERM");
    let (code, rest) = audit.ends();
    let sums = summary(&rest);
    assert_eq!(
        (code, &sums["messages"], &sums["recorded_leaks"]),
        (Some(1), &5.into(), &5.into())
    );
    assert_eq!(sums["unseen"]["dropped_by_the_kernel"], 0);
    assert!(!rest.contains("alice"), "{rest}");
    assert_eq!(namespace.packets(FAR), [0, 5], "what left by it, what came");
    assert_eq!(namespace.packets("lo"), [0, 0]);
}

/// What a machine says to itself is on the loopback interface on its way out and on its way in.
#[test]
fn the_loopback_interface_has_everything_once() {
    let namespace = Namespace::new();
    let mut audit = on_interface(&namespace, "lo");
    for number in 0..3 {
        namespace.sends(invite(number).as_bytes(), "127.0.0.1", 5060);
        let object = audit.object();
        assert_eq!(
            (&object["result"], &object["kind"]),
            (&"cleared".into(), &"INVITE".into()),
            "{object}"
        );
    }
    audit.signal("TERM");
    let (_, rest) = audit.ends();
    assert_eq!(summary(&rest)["messages"], 3);
}

#[test]
fn an_interface_that_cannot_be_heard_is_refused_with_the_remedy() {
    let namespace = Namespace::new();
    let audit = |command: &mut Command| {
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let binary = env!("CARGO_BIN_EXE_sipveil");
    let unknown = [binary, "audit", "--interface", "eth7", "--inside", INSIDE];
    let (code, told) = audit(&mut namespace.command(&unknown));
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("no interface eth7") && told.contains("far") && told.contains("lo"),
        "{told}"
    );
    // Whose root is root of nothing that is here.
    let powerless = [
        "--map-root-user",
        binary,
        "audit",
        "--interface",
        "lo",
        "--inside",
        INSIDE,
    ];
    let (code, told) = audit(Command::new("unshare").args(powerless));
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("CAP_NET_RAW") && told.contains("tcpdump"), "{told}");
}

#[test]
fn bad_arguments_are_refused() {
    for (arguments, words) in [
        (&[][..], "--interface, --hep, or a capture"),
        (&["--hep", "tcp:127.0.0.1:9060"], "udp:127.0.0.1:9060"),
        (
            &["--hep", "udp:127.0.0.1:0", "--interface", "lo"],
            "cannot be used with",
        ),
        (&["--hep-password-file", "x", "-"], "cannot be used with"),
        (&["--hep-password-file", "x"], "--hep <"),
        (&["no-such-file.pcap"], "cannot be read"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sipveil"))
            .args(["audit", "--inside", INSIDE])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}
