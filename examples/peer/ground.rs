//! What the demo stands on: a folder with keys, certificates and the policy, and the processes around the proxy.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sipveil::ppsp::jws::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::keyfile::{Secret, key_of, key_text, public_path};
use super::process::Process;
use super::random;

/// Who shares and who fetches, in clear nowhere but on their own side.
pub const SHARES: &str = "sip:alice.liddell@home1.example";
pub const FETCHES: &str = "sip:charles.dodgson@home1.example";
pub const SOURCE: &str = "studio.example";
/// Who looks at what peers serve.
pub const AUDITORS: [&str; 2] = ["sip:test1@home1.example", "sip:test2@home1.example"];
pub const CACHE: &str = "sip:ccs@ccs.p2p.home1.example";
/// In the proxy's certificate.
pub const NAME: &str = "pcscf1.home1.example";

pub struct Ground<'a> {
    folder: &'a Path,
    own: &'a Path,
    program: &'a Path,
    source_key: String,
    /// Of the tracker, for tickets.
    pub tracker_key: [u8; 32],
}

/// The proxy, and where UEs reach it.
pub struct Proxy {
    pub process: Process,
    pub access: String,
    /// The tracker's direct interface, where there is one.
    pub tracker: Option<String>,
}

impl<'a> Ground<'a> {
    /// `own`: this program; `program`: the proxy.
    pub fn new(folder: &'a Path, own: &'a Path, program: &'a Path) -> Result<Ground<'a>, String> {
        let path = |name: &str| folder.join(name);
        certificates(folder).map_err(|error| format!("certificates: {error}"))?;
        Secret::load_or_make(&path("ccs.key")).map_err(|error| error.to_string())?;
        let source = Secret::load_or_make(&path("source.key")).map_err(|error| error.to_string())?;
        let source = source.public().ok_or("the source has no key")?;
        let tracker_key = make_ticket_key(&path("ticket.key"))?;
        Ok(Ground {
            folder,
            own,
            program,
            source_key: key_text(&source.signs),
            tracker_key,
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn start(&self, name: &'static str, words: &[String]) -> Result<Process, String> {
        let errors = self.path(&format!("{name}.log"));
        Process::start(name, self.own, words, &errors)
    }

    fn failure(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// Publishes the film. Gives the name of its swarm.
    pub fn publish(&self, encrypt: Option<&str>) -> Result<String, String> {
        let keys = public_path(&self.path("ccs.key")).display().to_string();
        let mut words = ["publish", &self.text("film"), "--out", &self.text("published")]
            .map(str::to_owned)
            .to_vec();
        words.extend(["--key", &self.text("source.key"), "--source", SOURCE].map(str::to_owned));
        words.push("--closed".to_owned());
        words.extend(["--tracker-key".to_owned(), key_text(&self.tracker_key)]);
        words.extend(["--cache", CACHE, "--cache-keys", &keys].map(str::to_owned));
        words.extend(encrypt.map(str::to_owned));
        let process = self.start("source", &words)?;
        let mut swarm = String::new();
        let ended = process.ends(|line| line.clone_into(&mut swarm))?;
        ended.success().then_some(swarm).ok_or_else(|| self.failure("source"))
    }

    /// Registrar and cache, and where they are.
    pub fn network(&self) -> Result<(Process, String), String> {
        let mut words = ["network", "--keys", &self.text("ccs.key"), "--cache", CACHE]
            .map(str::to_owned)
            .to_vec();
        words.extend(["--content", &self.text("published")].map(str::to_owned));
        words.extend(self.source_words());
        let process = self.start("network", &words)?;
        let line = process
            .until("listens at ", |_| {})
            .map_err(|error| error + "\n" + &self.failure("network"))?;
        let at = line.trim_start_matches("listens at ").to_owned();
        Ok((process, at))
    }

    /// Who signs, and with what.
    pub fn source(&self) -> Option<(&'static str, [u8; 32])> {
        Some((SOURCE, key_of(&self.source_key)?))
    }

    fn source_words(&self) -> [String; 4] {
        ["--source", SOURCE, "--source-key", &self.source_key].map(str::to_owned)
    }

    /// `under`: the program, with its words, that starts it in its stead.
    pub fn proxy(&self, core: &str, lists_cache: bool, arch: u8, under: &[String]) -> Result<Proxy, String> {
        let file = self.path("policy.toml");
        let policy = self.policy_with(core, lists_cache, &self.lines(arch));
        std::fs::write(&file, policy).map_err(|error| error.to_string())?;
        let mut words = under.to_vec();
        words.extend([self.program, Path::new("--config"), &file].map(|word| word.display().to_string()));
        let program = PathBuf::from(words.remove(0));
        let process = Process::start("proxy", &program, &words, &self.path("proxy.log"))?;
        let (mut access, mut tracker) = (None, None);
        let started = process.until("stop with", |line| {
            let mut of_line = line.split_whitespace();
            let (name, mut words) = (of_line.next(), of_line);
            let mut at = |prefix: &str| words.find_map(|word| word.strip_prefix(prefix)).map(str::to_owned);
            match name {
                Some("access") if access.is_none() => access = at("tls://"),
                Some("tracker") if tracker.is_none() => tracker = at("https://"),
                _ => {}
            }
        });
        started.map_err(|error| error + "\n" + &self.failure("proxy"))?;
        let access = access.ok_or("the proxy does not say where UEs come in")?;
        Ok(Proxy {
            process,
            access,
            tracker,
        })
    }

    /// The words of a UE.
    pub fn ue(&self, proxy: &Proxy, identity: &str, name: &str, arch: u8) -> Vec<String> {
        let (authority, record) = (self.text("ca.pem"), self.text(&format!("{name}.sip")));
        let words = [
            "--proxy",
            &proxy.access,
            "--authority",
            &authority,
            "--name",
            NAME,
            "--record",
            &record,
        ];
        let mut words = words.map(str::to_owned).to_vec();
        words.extend(
            [
                "--identity",
                identity,
                "--home",
                "home1.example",
                "--p2p",
                "p2p.home1.example",
            ]
            .map(str::to_owned),
        );
        words.extend(self.source_words());
        if let Some(tracker) = &proxy.tracker {
            let [certificate, key] = ["pem", "key"].map(|kind| self.text(&format!("{name}.{kind}")));
            let door = [
                "--tracker",
                tracker,
                "--certificate",
                &certificate,
                "--certificate-key",
                &key,
            ];
            words.extend(door.map(str::to_owned));
        }
        words.extend((arch != 2).then(|| "--outside".to_owned()));
        words
    }

    /// What an architecture takes of `[p2p]`.
    pub fn lines(&self, arch: u8) -> String {
        let folder = self.folder.display();
        match arch {
            1 => "arch = [1]\naddresses = \"real\"".to_owned(),
            3 => format!(
                "arch = [1, 3]\naddresses = \"real\"\nhttps = {{ bind = \"127.0.0.1:0\", certificate = \"{folder}/edge.pem\", \
                 key = \"{folder}/edge.key\", client_ca = \"{folder}/ca.pem\" }}"
            ),
            _ => String::new(),
        }
    }

    /// A policy as short as can be: `core`, the address of registrar and cache; `lines`, more of `[p2p]`.
    pub fn policy_with(&self, core: &str, lists_cache: bool, lines: &str) -> String {
        let (folder, source_key) = (self.folder.display(), &self.source_key);
        let network_peers = if lists_cache {
            format!("network_peers = [\"{CACHE}\"]")
        } else {
            String::new()
        };
        format!(
            r#"schema = 1
profile = "ims"
domain = {{ id = "T-demo", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["tcp://127.0.0.1:0"], peers = "trusted", secured_by = "physical" }},
    {{ name = "access", bind = ["tls://127.0.0.1:0"], peers = "ue", tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key" }} }},
]
route = [{{ from = "access", next_hop = ["sip:{core};transport=tcp;lr"], via = "core" }}]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["tls"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 1
drain = "2s"
[privacy]
values = ["none", "id", "critical", "user", "header", "history"]
[p2p]
tracker = "embedded"
domain = "p2p.home1.example"
key_file = "{folder}/p2p.keys"
ticket_key = "{folder}/ticket.key"
manifests = ["{folder}/published/content.manifest"]
sources = [{{ name = "{SOURCE}", key = "{source_key}" }}]
media = "direct"
auditors = {AUDITORS:?}
{network_peers}
{lines}
"#
        )
    }
}

/// A key file of the proxy, made before it starts: manifests name its other half. Gives that.
fn make_ticket_key(path: &Path) -> Result<[u8; 32], String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let seed = Zeroizing::new(random::bytes::<32>());
    let text = Zeroizing::new(format!("1 {}\n", HEXLOWER.encode(&*seed)));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)?;
    match SigningKey::from_seed(&seed).map(|key| key.verifying_key()) {
        Ok(VerifyingKey::Ed25519(key)) => Ok(key),
        _ => Err("the tracker has no key".to_owned()),
    }
}

/// An authority, and what it issued to the proxy.
fn certificates(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut params = rcgen::CertificateParams::new(Vec::new())?;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate()?;
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate()?;
    let edge = rcgen::CertificateParams::new(["127.0.0.1", NAME].map(str::to_owned))?.signed_by(&key, &issuer)?;
    std::fs::write(folder.join("edge.pem"), edge.pem())?;
    write_secret(&folder.join("edge.key"), &key.serialize_pem())?;
    for (name, identity) in [("shares", SHARES), ("fetches", FETCHES)] {
        let key = rcgen::KeyPair::generate()?;
        let mut params = rcgen::CertificateParams::new(Vec::new())?;
        params.subject_alt_names = vec![rcgen::SanType::URI(identity.try_into()?)];
        std::fs::write(
            folder.join(format!("{name}.pem")),
            params.signed_by(&key, &issuer)?.pem(),
        )?;
        write_secret(&folder.join(format!("{name}.key")), &key.serialize_pem())?;
    }
    Ok(())
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.and_then(|mut made| made.write_all(text.as_bytes()))
}
