//! SIPp at both ends: somebody else's SIP stack, with scenarios of `fixtures/sipp`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::node::{Node, PATIENCE};
use super::{ANYWHERE, own_address, policy};
use crate::interop::Carrier;
use crate::interop::phone_process::PhoneProcess;

const CALLS: &str = "50";

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
    let address = own_address();
    let mut callee = sipp(folder.path(), "callee", address, carrier, None);
    callee.until_open(address, carrier);
    let next_hop = format!("sip:{address};transport={carrier}");
    let node = Node::start(folder.path(), &policy(ANYWHERE, &next_hop, "sip:127.0.0.1:9", ""));
    let to = node.address("core", &carrier.to_string());
    let caller = sipp(folder.path(), "caller", own_address(), carrier, Some(to));
    caller.ends_well(String::new);
    callee.ends_well(String::new);
    node.stop();
}

fn sipp(folder: &Path, scenario: &str, at: SocketAddr, carrier: Carrier, to: Option<SocketAddr>) -> PhoneProcess {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/sipp/{scenario}.xml"));
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-m", CALLS, "-nostdin", "-i"]);
    command.arg(at.ip().to_string()).arg("-p").arg(at.port().to_string());
    command.args(["-t", if carrier == Carrier::Udp { "u1" } else { "t1" }]);
    let timeout = format!("{}s", PATIENCE.as_secs());
    command.args(["-timeout", &timeout, "-timeout_error"]);
    command
        .args(to.map(|to| to.to_string()))
        .args(to.map(|_| "-r").into_iter().chain(to.map(|_| "50")));
    PhoneProcess::start(scenario, "sip-tester", command.current_dir(folder))
}
