//! linphone-daemon, without sound: commands by its standard input, its log with every SIP message on its standard output.

use std::net::SocketAddr;
use std::process::Command;

use super::edge::{Ground, own_place};
use super::phone_process::PhoneProcess;
use super::softphone::{self, Answers, Softphone};
use super::table::Cell;
use super::{Carrier, Scenario, served};

/// Over TLS it is a UE, for nobody else can call it.
pub fn show(carrier: Carrier, scenario: Scenario) -> Cell {
    match carrier {
        Carrier::Tls => served::show(scenario),
        Carrier::Udp | Carrier::Tcp => softphone::show::<Linphone>(carrier, scenario),
    }
}

pub struct Linphone {
    process: PhoneProcess,
}

impl Linphone {
    /// The same with a registration, which it asks for at once.
    pub fn registers(name: &str, at: SocketAddr, aor: &str, way: &str, answers: Answers, ground: &Ground) -> Linphone {
        Linphone::with_config(name, &config(at, aor, way, Some(600), ground), at, answers, ground)
    }

    fn with_config(name: &str, config: &str, at: SocketAddr, answers: Answers, ground: &Ground) -> Linphone {
        let folder = ground.folder().join(name);
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let rc = folder.join("linphonerc");
        std::fs::write(&rc, config).unwrap();
        let mut command = Command::new("linphone-daemon");
        command
            .arg("--config")
            .arg(&rc)
            .args(["--factory-config", "/dev/null", "--log", "/dev/stdout"]);
        match answers {
            Answers::AtOnce => command.arg("--auto-answer"),
            Answers::Never => &mut command,
        };
        command.env("HOME", &folder).current_dir(&folder);
        let mut process = PhoneProcess::start(&format!("linphone {name}"), "linphone-cli", &mut command);
        process.waits_for("Creating listening point");
        process.until_open(at, ground.carrier);
        Linphone { process }
    }
}

impl Softphone for Linphone {
    const IN_CALL: &str = "Event: LinphoneCallStreamsRunning";
    const HOLDING: &str = "Event: LinphoneCallPaused";

    fn place(_: Carrier) -> SocketAddr {
        own_place()
    }

    fn start(name: &str, at: SocketAddr, aor: &str, way: &str, answers: Answers, ground: &Ground) -> Linphone {
        Linphone::with_config(name, &config(at, aor, way, None, ground), at, answers, ground)
    }

    fn process(&mut self) -> &mut PhoneProcess {
        &mut self.process
    }

    fn dial(&mut self, uri: &str) {
        self.process.type_line(&format!("call {uri}"));
    }

    fn hang_up(&mut self) {
        self.process.type_line("terminate 1");
    }

    fn hold(&mut self) {
        self.process.type_line("call-pause 1");
    }

    fn take_back(&mut self) {
        self.process.type_line("call-resume 1");
    }

    fn transfer(&mut self, uri: &str) {
        self.process.type_line(&format!("call-transfer 1 {uri}"));
    }

    fn message(&mut self, uri: &str, text: &str) {
        self.process.type_line(&format!("message {uri} {text}"));
    }
}

/// Its Contact names the port of a connection it opened, where nobody listens: it is reached by that connection.
/// Of a certificate it verifies the chain, not the name: it finds no IP address in one.
/// It registers for so many seconds, or not at all.
fn config(at: SocketAddr, aor: &str, way: &str, registers: Option<u32>, ground: &Ground) -> String {
    let (ip, carrier) = (at.ip(), ground.carrier);
    let port = |wanted| if carrier == wanted { i32::from(at.port()) } else { 0 };
    format!(
        "[sip]\nbind_address={ip}\nuse_ipv6=0\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\n\
         default_proxy=0\nroot_ca={ca}/ca.pem\nverify_server_cn=0\nregister_only_when_network_is_up=0\n\
         [proxy_0]\nreg_proxy=<{way}>\nreg_route=<{way};lr>\n\
         reg_identity=<{aor}>\nreg_expires={expires}\nreg_sendregister={sends}\npublish=0\n\
         [rtp]\naudio_rtp_port=-1\nbind_address={ip}\n[video]\nenabled=0\ncapture=0\ndisplay=0\n\
         [misc]\nauto_net_state_mon=0\n",
        expires = registers.unwrap_or(0),
        sends = u8::from(registers.is_some()),
        udp = port(Carrier::Udp),
        tcp = port(Carrier::Tcp),
        tls = port(Carrier::Tls),
        ca = ground.folder().display(),
    )
}
