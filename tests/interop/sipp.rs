//! SIPp at both ends, with the scenarios of `fixtures/sipp/interop`: each fails by itself when it is not shown what it expects.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::edge::{Ground, own_place};
use super::phone_process::{PATIENCE, PhoneProcess};
use super::relay::Relay;
use super::table::Cell;
use super::{Carrier, Scenario};

pub fn show(carrier: Carrier, scenario: Scenario) -> Cell {
    let ground = Ground::new(carrier);
    let (callee_place, caller_place) = (own_place(), own_place());
    let callee = Sipp::answers(&format!("{scenario}-callee"), callee_place, &ground);
    let edge = ground.start(callee.reached_at, caller_place);
    let caller = Sipp::calls(&format!("{scenario}-caller"), caller_place, None, edge.inside, &ground);
    caller.ends_well();
    callee.ends_well();
    edge.node.stop();
    match carrier {
        Carrier::Tls => Cell::ShownWith("SIPp as Debian builds it has no TLS: a relay of the test encrypts for it"),
        Carrier::Udp | Carrier::Tcp => Cell::Shown,
    }
}

/// One SIPp, for one call.
pub struct Sipp {
    process: PhoneProcess,
    messages: PathBuf,
    /// Where others reach it, by the transport of the cell.
    pub reached_at: SocketAddr,
    _relay: Option<Relay>,
}

impl Sipp {
    /// Waits to be called; it can be by the time this returns.
    pub fn answers(scenario: &str, at: SocketAddr, ground: &Ground) -> Sipp {
        let relay = (ground.carrier == Carrier::Tls).then(|| Relay::before(at, None, ground));
        let mut sipp = Sipp::start(scenario, &own_file(scenario), at, None, ground, relay);
        sipp.process.until_open(at, ground.carrier);
        sipp
    }

    /// Calls at once. `route`: by which Route its first request goes, if by any.
    pub fn calls(scenario: &str, at: SocketAddr, route: Option<&str>, proxy: SocketAddr, ground: &Ground) -> Sipp {
        let file = route.map_or_else(|| own_file(scenario), |route| with_route(scenario, route, ground));
        let relay = (ground.carrier == Carrier::Tls).then(|| Relay::before(at, Some(proxy), ground));
        let to = relay.as_ref().map_or(proxy, |relay| relay.plain);
        Sipp::start(scenario, &file, at, Some(to), ground, relay)
    }

    fn start(
        scenario: &str,
        file: &Path,
        at: SocketAddr,
        to: Option<SocketAddr>,
        ground: &Ground,
        relay: Option<Relay>,
    ) -> Sipp {
        let messages = ground.folder().join(format!("{scenario}.messages"));
        let reached_at = relay.as_ref().map_or(at, |relay| relay.secured);
        let (carrier, seconds) = (ground.carrier, PATIENCE.as_secs());
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(file)
            .args(["-m", "1", "-nostdin", "-timeout_error"]);
        command.args(["-timeout", &format!("{seconds}s"), "-i", &at.ip().to_string()]);
        command.args([
            "-p",
            &at.port().to_string(),
            "-t",
            if carrier == Carrier::Udp { "u1" } else { "t1" },
        ]);
        let via = format!("{} {reached_at}", carrier.to_string().to_uppercase());
        command.args(["-key", "via", &via]);
        command.args(["-key", "contact", &format!("{reached_at};transport={carrier}")]);
        command.arg("-trace_msg").arg("-message_file").arg(&messages);
        command.args(to.map(|to| to.to_string())).current_dir(ground.folder());
        Sipp {
            process: PhoneProcess::start(&format!("sipp {scenario}"), "sip-tester", &mut command),
            messages,
            reached_at,
            _relay: relay,
        }
    }

    /// Waits until its scenario was played to the end.
    pub fn ends_well(self) {
        let messages = self.messages;
        self.process
            .ends_well(|| std::fs::read_to_string(messages).unwrap_or_default());
    }
}

fn own_file(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/sipp/interop/{scenario}.xml"))
}

/// The scenario with a Route in its first request; later ones go by what was recorded.
fn with_route(scenario: &str, route: &str, ground: &Ground) -> PathBuf {
    const BEFORE: &str = "Max-Forwards: 70\n";
    let text = std::fs::read_to_string(own_file(scenario)).unwrap();
    let text = text.replacen(BEFORE, &format!("{BEFORE}      Route: {route}\n"), 1);
    let file = ground.folder().join(format!("{scenario}.xml"));
    std::fs::write(&file, text).unwrap();
    file
}
