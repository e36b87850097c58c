//! What passes the proxy, mirrored as HEP3: who looks on sees where it goes and not whose it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ipnet::IpNet;
use serde_json::Value;
use sipveil::cli::replay::inside_policy;
use sipveil::hep::{self, Packet};
use sipveil::policy::ListenerId;
use sipveil::policy::admin::Identities;
use sipveil::privacy::mirrored::{Glass, Seen, Way};
use sipveil::sip::headers::NameAddr;
use sipveil::sip::parse::{Carrier, ParseLimits, parse};
use sipveil::sip::{Message, Name};
use sipveil::trace::capture::{Capture, Captured};
use tempfile::TempDir;

use crate::end_to_end::node::{Node, PATIENCE};
use crate::end_to_end::phone::Phone;
use crate::end_to_end::{ANYWHERE, Dialog, call, policy};
use crate::interop::edge::own_place;
use crate::live::Audit;
use crate::replay::traces;
use crate::report::{is_of_name, names};

const LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: 8192,
    header_bytes_max: 8192,
    header_block_bytes_max: 65_536,
    header_rows_max: 100,
    body_bytes_max: 65_536,
};

/// What is in no message of [`call`] but somebody's.
const NAMES: [&str; 6] = ["alice", "liddell", "home1.example", "bob", "elsewhere", "mirrored-call"];

fn a_call(privacy: &str) -> Dialog<'_> {
    Dialog {
        call_id: "mirrored-call",
        privacy,
    }
}

/// A call through a proxy that mirrors; what came out of the mirror.
fn mirrored(more: &str) -> Vec<Vec<u8>> {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let hep = collector.local_addr().unwrap();
    let admin = format!("[admin]\nhep = \"udp://{hep}\"\nhep_agent = 77\n{more}");
    let policy = policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", &admin);
    let node = Node::start(folder.path(), &policy);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    call(&a_call("Privacy: id\r\n"), &mut caller, &mut callee);
    let log = node.stop();
    assert!(!log.contains("mirrored-call"), "{log}");
    // Its mirror tells everything before it ends, and on this way nothing is late.
    collector.set_nonblocking(true).unwrap();
    let mut told = Vec::new();
    let mut buffer = vec![0; hep::PACKET_BYTES_MAX];
    loop {
        match collector.recv(&mut buffer) {
            Ok(bytes) => told.push(buffer[..bytes].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return told,
            Err(error) => panic!("{error}"),
        }
    }
}

fn read(bytes: &[u8]) -> Message {
    parse(Bytes::copy_from_slice(bytes), Carrier::Datagram, &LIMITS).unwrap_or_else(|refused| {
        panic!("{:?}:\n{}", refused.error, String::from_utf8_lossy(bytes));
    })
}

//= LI-008 type=test
#[test]
fn what_passes_is_told_and_names_nobody() {
    let told = mirrored("");
    let packets: Vec<Packet<'_>> = told.iter().map(|bytes| Packet::decode(bytes).unwrap()).collect();
    // Five messages of a call came and left; a 100 may have left too.
    assert!(packets.len() >= 10, "{} packets", packets.len());
    let calls: BTreeSet<&[u8]> = packets.iter().filter_map(|packet| packet.correlation).collect();
    assert_eq!(calls.len(), 1, "one call, by one name");
    let mut methods = Vec::new();
    for packet in &packets {
        assert_eq!(
            (packet.agent, packet.protocol, packet.ip_protocol),
            (77, hep::SIP, hep::UDP)
        );
        let lower = String::from_utf8_lossy(packet.payload).to_lowercase();
        let found = NAMES.iter().find(|name| lower.contains(**name));
        assert_eq!(found, None, "{lower}");
        let message = read(packet.payload);
        methods.push(format!("{:?} {}", message.method(), message.status()));
    }
    for kind in ["Some(Invite) 0", "Some(Ack) 0", "Some(Bye) 0", "None 200"] {
        let times = methods.iter().filter(|method| *method == kind).count();
        assert_eq!(times, if kind == "None 200" { 4 } else { 2 }, "{kind} in {methods:?}");
    }
    let asserted = |packet: &&Packet<'_>| read(packet.payload).first(Name::PAssertedIdentity).is_some();
    assert!(packets.iter().filter(asserted).count() >= 3, "what came had one");
}

#[test]
fn whoever_asks_sees_names() {
    let told = mirrored("hep_identities = \"clear\"\n");
    let text: String = told.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    for name in NAMES {
        assert!(text.contains(name), "{name}");
    }
    let correlations = told
        .iter()
        .map(|bytes| Packet::decode(bytes).unwrap().correlation.unwrap().to_vec());
    assert!(correlations.into_iter().all(|call| !call.starts_with(b"mirrored")));
}

/// The proxy keeps an asserted identity that the auditor's policy wants removed: seen through the mirror, it is a leak all the same.
#[test]
fn the_mirror_shows_enough_to_be_audited() {
    let [core, outside, hep] = [own_place(), own_place(), own_place()];
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let written = policy(
        [&core.to_string(), &outside.to_string()],
        &format!("sip:{}", callee.address),
        "sip:127.0.0.1:9",
        &format!("[admin]\nhep = \"udp://{hep}\"\n"),
    );
    let strict = folder.path().join("strict.toml");
    let wanted = written.replace("to_untrusted = \"keep\"", "to_untrusted = \"remove\"");
    assert_ne!(wanted, written);
    fs::write(&strict, wanted).unwrap();
    let listen = format!("udp:{hep}");
    let arguments = [
        "--config",
        strict.to_str().unwrap(),
        "--hep",
        &listen,
        "--json",
        "--all",
    ];
    let (mut audit, _stdin) = Audit::starts(&arguments);
    audit.listens();
    let node = Node::start(folder.path(), &written);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    call(&a_call(""), &mut caller, &mut callee);
    node.stop();
    let mut leaks = Vec::new();
    for _ in 0..10 {
        let object = audit.object();
        assert_ne!(object["result"], "unreadable", "{object}");
        if object["recorded_leak"] != Value::Array(Vec::new()) {
            leaks.push((object["kind"].clone(), object["recorded_leak"][0].clone()));
        }
    }
    audit.signal("TERM");
    let (code, _) = audit.ends();
    assert_eq!(code, Some(1));
    assert!(
        leaks.contains(&("INVITE".into(), "P-Asserted-Identity".into())),
        "{leaks:?}"
    );
}

/// Every recorded message: still a message, with the same rows, and with nobody's name.
//= LI-008 type=test
#[test]
fn a_mirrored_message_has_the_form_of_the_message() {
    let glass = Glass::new(Identities::Hidden, Default::default());
    let nobody = inside_policy(&["203.0.113.1/32".parse::<IpNet>().unwrap()]).unwrap();
    let (mut compared, mut looked_for) = (0, 0);
    for trace in traces() {
        for captured in Capture::new(fs::File::open(&trace).unwrap()).map(Result::unwrap) {
            let Ok(message) = parse(captured.bytes.clone(), Carrier::Datagram, &LIMITS) else {
                continue;
            };
            let seen = seen(&captured);
            let mirrored = glass.shows(&nobody, &seen);
            let again = read(mirrored.bytes());
            let rows = |message: &Message| -> Vec<Name> { message.all_rows().map(|(_, name, _)| name).collect() };
            assert_eq!(rows(&again), rows(&message), "{}", trace.display());
            assert_eq!((again.method(), again.status()), (message.method(), message.status()));
            assert_eq!(again.first(Name::CSeq), message.first(Name::CSeq));
            for name in [Name::From, Name::To] {
                let tags = [&message, &again].map(|message| {
                    let value = NameAddr::parse(message.first(name).unwrap());
                    let value = value.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(mirrored.bytes())));
                    value.tag().is_some()
                });
                assert_eq!(tags[0], tags[1]);
            }
            let told = String::from_utf8_lossy(mirrored.bytes()).to_lowercase();
            let words: BTreeSet<&str> = told.split(|one| !is_of_name(one)).collect();
            for name in names(&captured) {
                let name = name.to_lowercase();
                let is_told = match name.chars().all(is_of_name) {
                    true => words.contains(&*name),
                    false => told.contains(&name),
                };
                assert!(!is_told, "{name} in\n{told}");
                looked_for += 1;
            }
            assert_ne!(mirrored.src().ip(), captured.src.ip());
            compared += 1;
        }
    }
    assert!(
        compared > 200 && looked_for > 1000,
        "{compared} messages, {looked_for} names"
    );
}

fn seen(captured: &Captured) -> Seen {
    Seen {
        way: Way::Came,
        listener: ListenerId(0),
        transport: captured.transport,
        own: captured.dst,
        remote: captured.src,
        at: Duration::from_secs(captured.unix),
        bytes: captured.bytes.clone(),
    }
}

/// sngrep has a reader of HEP3 of its own, and writes what it read as a capture; tshark reads that.
#[test]
fn others_read_what_the_mirror_says() {
    let told = mirrored("");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("told.pcap");
    let at = own_place();
    let listen = format!("udp:{at}");
    let sngrep = sngrep(&["-L", &listen, "-O", file.to_str().unwrap()]);
    let agent = connected(at);
    for bytes in &told {
        agent.send(bytes).unwrap();
    }
    wait_until(|| messages_in(&file) == told.len());
    drop(sngrep);
    let shown = tshark(
        &file,
        &[
            "ip.src",
            "udp.srcport",
            "ip.dst",
            "udp.dstport",
            "sip.Method",
            "sip.Status-Code",
            "sip.Call-ID",
            "sip.CSeq",
        ],
    );
    let expected: Vec<String> = told
        .iter()
        .map(|bytes| expected_row(&Packet::decode(bytes).unwrap()))
        .collect();
    assert_eq!(shown, expected);
}

fn expected_row(packet: &Packet<'_>) -> String {
    let message = read(packet.payload);
    let text = |name| String::from_utf8_lossy(message.first(name).unwrap()).into_owned();
    let start = String::from_utf8_lossy(packet.payload).into_owned();
    let [method, status] = match message.method() {
        Some(_) => [start.split(' ').next().unwrap().to_owned(), String::new()],
        None => [String::new(), message.status().to_string()],
    };
    let (src, dst) = (packet.src, packet.dst);
    [
        src.ip().to_string(),
        src.port().to_string(),
        dst.ip().to_string(),
        dst.port().to_string(),
        method,
        status,
        text(Name::CallId),
        text(Name::CSeq),
    ]
    .join("|")
}

/// And the other way: sngrep tells of a recorded call.
#[test]
fn what_another_agent_says_is_read() {
    let (mut audit, _stdin) = Audit::starts(&[
        "--hep",
        "udp:127.0.0.1:0",
        "--inside",
        "10.20.0.0/24",
        "--json",
        "--all",
    ]);
    let to = format!("udp:{}", audit.heps());
    let trace = "fixtures/traces/call-privacy-id.pcap";
    let mut sngrep = sngrep(&["-I", trace, "-H", &to]);
    let recorded = Capture::new(fs::File::open(trace).unwrap()).count();
    let leaks = (0..recorded)
        .filter(|_| audit.object()["recorded_leak"][0].is_string())
        .count();
    assert!(leaks > 0);
    assert!(sngrep.0.wait().unwrap().success());
    audit.signal("TERM");
    let (_, rest) = audit.ends();
    assert!(rest.contains("\"not_hep3\":0"), "{rest}");
}

struct Sngrep(Child);

impl Drop for Sngrep {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sngrep(arguments: &[&str]) -> Sngrep {
    let mut command = Command::new("sngrep");
    command.args(["-N", "-F", "-q"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Sngrep(command.spawn().unwrap())
}

/// As soon as somebody is there: before, the machine says at once that nobody is.
fn connected(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    wait_until(|| socket.send(b"nothing that is HEP3").is_ok() && socket.take_error().unwrap().is_none());
    socket
}

fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it does not come");
        yield_now();
    }
}

fn messages_in(file: &Path) -> usize {
    match fs::File::open(file) {
        Ok(file) => Capture::new(file).filter(Result::is_ok).count(),
        Err(_) => 0,
    }
}

/// A row a packet, its fields between bars.
fn tshark(file: &Path, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    // Wherever it went: the port says nothing to tshark.
    command
        .arg("-r")
        .arg(file)
        .args(["-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_address_of_a_node_is_shown_and_no_other() {
    let glass = Glass::new(Identities::Hidden, Default::default());
    let policy = inside_policy(&["10.20.0.0/24".parse::<IpNet>().unwrap()]).unwrap();
    let trace = fs::File::open("fixtures/traces/call-privacy-id.pcap").unwrap();
    let (mut shown, mut hidden) = (0, 0);
    for captured in Capture::new(trace).map(Result::unwrap) {
        let mirrored = glass.shows(&policy, &seen(&captured));
        assert_eq!(mirrored.dst(), captured.dst, "our end");
        match captured.src.ip().to_string().starts_with("10.20.0.") {
            true => {
                assert_eq!(mirrored.src(), captured.src);
                shown += 1;
            }
            false => {
                let stand_in = mirrored.src().ip().to_string();
                assert!(stand_in.starts_with("24") || stand_in.starts_with("25"), "{stand_in}");
                hidden += 1;
            }
        }
    }
    assert!(shown > 0 && hidden > 0);
}
