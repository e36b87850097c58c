//! baresip, without sound: commands by its standard input, every SIP message on its standard output.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::Carrier;
use super::edge::{Ground, own_ip};
use super::phone_process::PhoneProcess;
use super::softphone::{Answers, Softphone};
use crate::end_to_end::authority::dns;

/// Fixed by baresip: TLS listens one above the others. The address is its own, so nobody else is there.
const PORT: u16 = 5060;

pub struct Baresip {
    process: PhoneProcess,
}

impl Softphone for Baresip {
    const IN_CALL: &str = "ACK sip:";
    const HOLDING: &str = "ACK sip:";

    fn place(carrier: Carrier) -> SocketAddr {
        SocketAddr::new(own_ip(), if carrier == Carrier::Tls { PORT + 1 } else { PORT })
    }

    fn start(name: &str, at: SocketAddr, aor: &str, way: &str, answers: Answers, ground: &Ground) -> Baresip {
        let folder = ground.folder().join(name);
        std::fs::create_dir(&folder).unwrap();
        ground
            .authority
            .issue(&dns(&[&at.ip().to_string()]))
            .put(&folder, "own");
        let pem = ["own.pem", "own.key"].map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
        std::fs::write(folder.join("both.pem"), pem.concat()).unwrap();
        std::fs::write(folder.join("config"), config(at.ip(), &folder, ground)).unwrap();
        let answers = match answers {
            Answers::AtOnce => "auto",
            Answers::Never => "manual",
        };
        let account = format!("<{aor}>;regint=0;answermode={answers};outbound=\"{way}\"\n");
        std::fs::write(folder.join("accounts"), account).unwrap();
        std::fs::write(folder.join("contacts"), "\"Bob\" <sip:bob@elsewhere.example>\n").unwrap();
        let mut command = Command::new("baresip");
        command.args(["-4", "-s", "-f"]).arg(&folder).env("HOME", &folder);
        let mut process = PhoneProcess::start(&format!("baresip {name}"), "baresip-core", &mut command);
        process.waits_for("baresip is ready.");
        process.until_open(at, ground.carrier);
        Baresip { process }
    }

    fn process(&mut self) -> &mut PhoneProcess {
        &mut self.process
    }

    fn dial(&mut self, uri: &str) {
        self.process.type_line(&format!("/dial {uri}"));
    }

    fn hang_up(&mut self) {
        self.process.type_line("/hangup");
    }

    fn hold(&mut self) {
        self.process.type_line("/hold");
    }

    fn take_back(&mut self) {
        self.process.type_line("/resume");
    }

    fn transfer(&mut self, uri: &str) {
        self.process.type_line(&format!("/transfer {uri}"));
    }

    /// To the only entry of its contacts, which is this URI.
    fn message(&mut self, _uri: &str, text: &str) {
        self.process.type_line(&format!("/message {text}"));
    }
}

/// Without a module that brings sound it is content with silence.
fn config(ip: IpAddr, folder: &Path, ground: &Ground) -> String {
    format!(
        "sip_listen {ip}:{PORT}\nnet_interface {ip}\n\
         sip_certificate {folder}/both.pem\nsip_cafile {ca}/ca.pem\n\
         audio_path /nowhere\n\
         module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\n\
         module_tmp account.so\nmodule_app contact.so\nmodule_app menu.so\n",
        folder = folder.display(),
        ca = ground.folder().display(),
    )
}
