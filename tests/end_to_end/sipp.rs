//! SIPp at both ends: somebody else's SIP stack, with scenarios of `fixtures/sipp`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use super::node::{Lines, Node, PATIENCE};
use super::{ANYWHERE, free_address, policy};

const CALLS: &str = "50";

#[derive(Clone, Copy)]
enum Carrier {
    Udp,
    Tcp,
}

//= PRIV-031 type=test
#[test]
fn calls_over_udp_show_no_asserted_identity() {
    calls(Carrier::Udp);
}

#[test]
fn calls_over_tcp_show_no_asserted_identity() {
    calls(Carrier::Tcp);
}

fn calls(carrier: Carrier) {
    let folder = TempDir::new().unwrap();
    let address = free_address();
    let (mut callee, mut callee_says) = sipp(folder.path(), "callee", address, carrier, None);
    until_open(address, carrier, &mut callee);
    let (next_hop, transport) = match carrier {
        Carrier::Udp => (format!("sip:{address}"), "udp"),
        Carrier::Tcp => (format!("sip:{address};transport=tcp"), "tcp"),
    };
    let node = Node::start(folder.path(), &policy(ANYWHERE, &next_hop, "sip:127.0.0.1:9", ""));
    let to = node.address("core", transport);
    let (mut caller, mut caller_says) = sipp(folder.path(), "caller", free_address(), carrier, Some(to));
    let said = caller_says.rest();
    let status = caller.wait().unwrap();
    assert!(status.success(), "the caller ended with {status}: {said}");
    let said = callee_says.rest();
    let status = callee.wait().unwrap();
    assert!(status.success(), "the callee ended with {status}: {said}");
    node.stop();
}

fn sipp(folder: &Path, scenario: &str, at: SocketAddr, carrier: Carrier, to: Option<SocketAddr>) -> (Child, Lines) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/sipp/{scenario}.xml"));
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-m", CALLS, "-nostdin", "-i"]);
    command.arg(at.ip().to_string()).arg("-p").arg(at.port().to_string());
    command.arg("-t").arg(match carrier {
        Carrier::Udp => "u1",
        Carrier::Tcp => "t1",
    });
    let timeout = format!("{}s", PATIENCE.as_secs());
    command.args(["-timeout", &timeout, "-timeout_error"]);
    command
        .args(to.map(|to| to.to_string()))
        .args(to.map(|_| "-r").into_iter().chain(to.map(|_| "50")));
    let spawned = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("sipp: {error}; run: apt-get install sip-tester"));
    let says = Lines::of(child.stderr.take().unwrap());
    (child, says)
}

/// Waits until somebody listens at an address, as the kernel tells it: SIPp says nothing when it is ready.
fn until_open(address: SocketAddr, carrier: Carrier, child: &mut Child) {
    let (table, state) = match carrier {
        Carrier::Udp => ("/proc/net/udp", "07"),
        Carrier::Tcp => ("/proc/net/tcp", "0A"),
    };
    let own = format!("0100007F:{:04X}", address.port());
    let until = Instant::now() + PATIENCE;
    loop {
        let rows = std::fs::read_to_string(table).unwrap();
        let is_own = |row: &str| {
            let columns: Vec<&str> = row.split_whitespace().collect();
            columns.get(1) == Some(&own.as_str()) && columns.get(3) == Some(&state)
        };
        if rows.lines().any(is_own) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "sipp ended before it listened");
        assert!(Instant::now() < until, "sipp does not listen");
        std::thread::yield_now();
    }
}
