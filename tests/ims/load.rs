//! Many at once: SIPp registers them, and computes the answers of their cards by its own MILENAGE.

use std::path::Path;
use std::process::Command;

use super::hss;
use super::network::Network;
use super::subscriber::{self, Subscriber};
use crate::interop::edge::own_ip;
use crate::interop::phone_process::{PATIENCE, PhoneProcess};

const SUBSCRIBERS: u32 = 300;
const PER_SECOND: u32 = 60;

pub fn subscribers() -> impl Iterator<Item = Subscriber> {
    (1001..)
        .map(|number| Subscriber::new("", number))
        .take(SUBSCRIBERS as usize)
}

/// Each over a port of its own, as telephones do.
//= PCSCF-005 type=test
//= PCSCF-007 type=test
pub fn three_hundred_register(network: &Network) {
    let folder = network.folder();
    let file = folder.join("subscribers.csv");
    std::fs::write(&file, lines()).unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sipp/ims/register.xml");
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scenario).arg("-inf").arg(file);
    command.args(["-m", &SUBSCRIBERS.to_string(), "-r", &PER_SECOND.to_string()]);
    command.args([
        "-t",
        "un",
        "-max_socket",
        "1000",
        "-nostdin",
        "-i",
        &own_ip().to_string(),
    ]);
    command.args(["-timeout_error", "-timeout", &format!("{}s", PATIENCE.as_secs())]);
    command
        .args(["-trace_err", "-error_file"])
        .arg(folder.join("sipp.errors"));
    command.arg(network.access.to_string()).current_dir(folder);
    let sipp = PhoneProcess::start("sipp", "sip-tester", &mut command);
    sipp.ends_well(|| std::fs::read_to_string(folder.join("sipp.errors")).unwrap_or_default());
    let done = |command| network.hss.count_all(command);
    // More challenges than subscribers would be repetitions.
    assert_eq!(done(hss::Command::Assigned), SUBSCRIBERS as usize);
    assert!(done(hss::Command::Challenged) >= SUBSCRIBERS as usize);
}

/// One a subscriber, taken in turn: the user, and what SIPp makes Authorization of.
fn lines() -> String {
    let mut lines = "SEQUENTIAL\n".to_owned();
    for subscriber in subscribers() {
        let identity = subscriber.private_identity();
        let user = identity.split('@').next().unwrap();
        lines += &format!(
            "{user};[authentication username={identity} aka_OP=0x{} aka_AMF=0x8000 aka_K=0x{}]\n",
            subscriber::OP,
            subscriber::K
        );
    }
    lines
}
