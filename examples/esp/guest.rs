//! In the booted machine: starts the proxy in its own network, and shows what there is to show.

use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, Stdio};

use sipveil::pcscf::security::{Encryption, Terms, suite::suites};
use sipveil::sip::Transport;

use crate::LEGACY;
use crate::capture::Found;
use crate::rows::{self, Ground};

/// The last word, when everything held.
pub const HELD: &str = "everything held";

const POLICY: &str = r#"
schema = 1
profile = "ims"
[domain]
id = "T-home1"
admin_domains = ["home1.example"]
[spec_t]
user_authentication = ["ims-aka"]
inter_node_security = ["physical"]
ue_security = ["ipsec-3gpp"]
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
[proxy]
workers = 1
[dns]
servers = ["10.20.0.9"]
[[listener]]
name = "core"
bind = ["udp://10.20.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.30.0.1:5060"]
peers = "ue"
protected = { server_port = 6101, client_ports = [6102, 6103, 6104], legacy_algorithms = LEGACY }
[[route]]
from = "access"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
"#;

/// What the proxy says.
const LOG: &str = "/tmp/proxy.log";

/// What nobody between UE and proxy may read.
const SECRET: [&str; 5] = ["SIP/2.0", "home1.example", "subscriber", "INVITE", "REGISTER"];

/// A row of the table, for one transport or both.
type Row = (&'static str, &'static [Transport], fn(&mut Ground, Transport));
const BOTH: &[Transport] = &[Transport::Udp, Transport::Tcp];
const ROWS: [Row; 6] = [
    ("registers, and again over its set", BOTH, rows::registers),
    ("a call of the UE", BOTH, rows::a_call_of_the_ue),
    ("a call to the UE", BOTH, rows::a_call_to_the_ue),
    (
        "a change of the set in two calls: nothing is lost",
        BOTH,
        rows::a_change_loses_nothing,
    ),
    (
        "a request of 1,400 bytes goes over TCP",
        &[Transport::Udp],
        rows::large_ones_go_over_tcp,
    ),
    (
        "without a connection of its own it gets one",
        &[Transport::Tcp],
        rows::is_connected_to,
    ),
];

/// What was found so far.
#[derive(Default)]
struct Sum {
    failed: bool,
    esp: usize,
    in_clear: usize,
}

impl Sum {
    /// Plays one, and holds the wire against what may be on it. `secret`: what may not be read in ESP.
    fn plays(&mut self, ground: &mut Ground, secret: &[&str], play: impl FnOnce(&mut Ground)) -> &'static str {
        let mark = ground.capture.length();
        let held = catch_unwind(AssertUnwindSafe(|| {
            play(ground);
            let found = ground.capture.judge(mark, secret);
            assert!(found.esp > 0, "nothing was protected");
            found
        }));
        let Found { esp, in_clear } = *held.as_ref().unwrap_or(&Found::default());
        self.esp += esp;
        self.in_clear += in_clear;
        self.failed |= held.is_err();
        if held.is_ok() { "passes" } else { "FAILS" }
    }

    fn tells(&mut self, what: &str, show: impl FnOnce()) {
        let held = catch_unwind(AssertUnwindSafe(show)).is_ok();
        self.failed |= !held;
        println!("{what:<52} {}", if held { "passes" } else { "FAILS" });
    }
}

pub fn main(legacy: &str) -> ExitCode {
    let is_legacy = legacy == LEGACY;
    let mut proxy = starts(is_legacy);
    let mut ground = Ground::opens();
    let mut sum = Sum::default();
    println!("{:<52} {:<8} tcp", "", "udp");
    for (what, over, play) in ROWS {
        let mut of = |transport| match over.contains(&transport) {
            true => sum.plays(&mut ground, &SECRET, |ground| play(ground, transport)),
            false => "",
        };
        let (udp, tcp) = (of(Transport::Udp), of(Transport::Tcp));
        println!("{what:<52} {udp:<8} {tcp}");
    }
    let taken = if is_legacy { Terms::ALL } else { Terms::USUAL };
    // Those that hide nothing come last: what they let be read is their own.
    let (hiding, open): (Vec<_>, Vec<_>) = suites(taken).partition(|suite| suite.encryption != Encryption::Null);
    for suite in hiding.into_iter().chain(open) {
        let is_open = suite.encryption == Encryption::Null;
        let secret: &[&str] = if is_open { &[] } else { &SECRET };
        let [udp, tcp] = [Transport::Udp, Transport::Tcp]
            .map(|over| sum.plays(&mut ground, secret, |ground| rows::a_suite(ground, over, suite)));
        let what = format!(
            "{} with {}, a message each way",
            suite.encryption.word(),
            suite.integrity.word()
        );
        println!("{what:<52} {udp:<8} {tcp}");
    }
    let (esp, in_clear) = (sum.esp, sum.in_clear);
    println!("on the wire: {esp} packets of ESP, {in_clear} messages in clear (REGISTER and its 401), nothing else");
    sum.tells("no packet was refused by a kernel", || {
        let refused = [statistics(None), statistics(Some("edge"))];
        assert!(refused.iter().all(String::is_empty), "{refused:?}");
    });
    sum.tells("clear text at protected ports: no answer, not passed on", || {
        rows::clear_text_is_refused(&mut ground);
    });
    sum.tells("when it ends, the proxy leaves nothing in the kernel", || {
        let status = Command::new("kill").arg(proxy.id().to_string()).status().unwrap();
        assert!(status.success() && proxy.wait().unwrap().success());
        let left = ["state", "policy"].map(|what| in_edge(&["ip", "xfrm", what]));
        assert!(left.iter().all(String::is_empty), "{left:?}");
    });
    match sum.failed {
        true => println!("what the proxy said\n{}", fs::read_to_string(LOG).unwrap_or_default()),
        false => println!("{HELD}"),
    }
    ExitCode::from(u8::from(sum.failed))
}

/// The proxy, when it says that it listens.
fn starts(is_legacy: bool) -> Child {
    fs::write(
        "/tmp/trust-domain.toml",
        POLICY.replace("LEGACY", &is_legacy.to_string()),
    )
    .unwrap();
    let mut proxy = Command::new("ip")
        .args(["netns", "exec", "edge", "sipveil", "--config", "/tmp/trust-domain.toml"])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(LOG).unwrap())
        .spawn()
        .unwrap();
    let said = BufReader::new(proxy.stdout.take().unwrap());
    let has_started = said
        .lines()
        .map_while(Result::ok)
        .any(|line| line.starts_with("stop with"));
    assert!(has_started, "the proxy does not start");
    proxy
}

/// How many packets the guard of the protected ports has stopped.
pub fn stopped_by_guard() -> u64 {
    let statistics = statistics(Some("edge"));
    let mut stopped = statistics
        .lines()
        .filter_map(|line| line.strip_prefix("XfrmInPolBlock"));
    stopped.next().map_or(0, |count| count.trim().parse().unwrap())
}

/// What the kernel counts in a network, without the zeros.
fn statistics(network: Option<&str>) -> String {
    let all = match network {
        None => fs::read_to_string("/proc/net/xfrm_stat").unwrap(),
        Some(_) => in_edge(&["cat", "/proc/net/xfrm_stat"]),
    };
    let counted = all.lines().filter(|line| !line.ends_with("\t0"));
    counted.map(|line| format!("{line}\n")).collect()
}

fn in_edge(words: &[&str]) -> String {
    let told = Command::new("ip")
        .args(["netns", "exec", "edge"])
        .args(words)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}
