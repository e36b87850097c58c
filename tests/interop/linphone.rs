//! linphone-daemon, without sound: commands by its standard input, its log with every SIP message on its standard output.

use std::net::SocketAddr;
use std::process::Command;

use super::baresip::Baresip;
use super::edge::{Ground, own_place};
use super::phone_process::PhoneProcess;
use super::softphone::{self, Answers, Pair, Softphone};
use super::table::Cell;
use super::{Carrier, Scenario};

/// As caller and as callee; over TLS as caller alone.
pub fn show(carrier: Carrier, scenario: Scenario) -> Cell {
    let tls = carrier == Carrier::Tls;
    match scenario {
        Scenario::Privacy if tls => {
            return Cell::Impossible("linphone takes no TLS connection, and as caller it asserts nothing");
        }
        _ if !tls => return softphone::show::<Linphone>(carrier, scenario),
        _ => Pair::<Linphone, Baresip>::plays(carrier, scenario),
    }
    Cell::ShownWith("linphone calls baresip: linphone takes no TLS connection")
}

pub struct Linphone {
    process: PhoneProcess,
}

impl Softphone for Linphone {
    const IN_CALL: &str = "Event: LinphoneCallStreamsRunning";
    const HOLDING: &str = "Event: LinphoneCallPaused";

    fn place(_: Carrier) -> SocketAddr {
        own_place()
    }

    fn start(name: &str, at: SocketAddr, aor: &str, proxy: SocketAddr, answers: Answers, ground: &Ground) -> Linphone {
        let folder = ground.folder().join(name);
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let rc = folder.join("linphonerc");
        std::fs::write(&rc, config(at, aor, proxy, ground)).unwrap();
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
fn config(at: SocketAddr, aor: &str, proxy: SocketAddr, ground: &Ground) -> String {
    let (ip, carrier) = (at.ip(), ground.carrier);
    let port = |wanted| if carrier == wanted { i32::from(at.port()) } else { 0 };
    format!(
        "[sip]\nbind_address={ip}\nuse_ipv6=0\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\n\
         default_proxy=0\nroot_ca={ca}/ca.pem\nverify_server_cn=0\nregister_only_when_network_is_up=0\n\
         [proxy_0]\nreg_proxy=<sip:{proxy};transport={carrier}>\nreg_route=<sip:{proxy};transport={carrier};lr>\n\
         reg_identity=<{aor}>\nreg_expires=0\nreg_sendregister=0\npublish=0\n\
         [rtp]\naudio_rtp_port=-1\nbind_address={ip}\n[video]\nenabled=0\ncapture=0\ndisplay=0\n\
         [misc]\nauto_net_state_mon=0\n",
        udp = port(Carrier::Udp),
        tcp = port(Carrier::Tcp),
        tls = port(Carrier::Tls),
        ca = ground.folder().display(),
    )
}
