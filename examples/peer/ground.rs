//! What the demo stands on: a folder with keys, certificates and the policy, and the processes around the proxy.

use std::path::{Path, PathBuf};

use super::keyfile::{Secret, key_of, key_text, public_path};
use super::process::Process;

pub const SOURCE: &str = "studio.example";
pub const CACHE: &str = "sip:ccs@ccs.p2p.home1.example";
/// In the proxy's certificate.
pub const NAME: &str = "pcscf1.home1.example";

pub struct Ground<'a> {
    folder: &'a Path,
    own: &'a Path,
    program: &'a Path,
    source_key: String,
}

/// The proxy, and where UEs reach it.
pub struct Proxy {
    pub process: Process,
    pub access: String,
}

impl<'a> Ground<'a> {
    /// `own`: this program; `program`: the proxy.
    pub fn new(folder: &'a Path, own: &'a Path, program: &'a Path) -> Result<Ground<'a>, String> {
        let path = |name: &str| folder.join(name);
        certificates(folder).map_err(|error| format!("certificates: {error}"))?;
        Secret::load_or_make(&path("ccs.key")).map_err(|error| error.to_string())?;
        let source = Secret::load_or_make(&path("source.key")).map_err(|error| error.to_string())?;
        let source = source.public().ok_or("the source has no key")?;
        Ok(Ground {
            folder,
            own,
            program,
            source_key: key_text(&source.signs),
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
    pub fn proxy(&self, core: &str, lists_cache: bool, under: &[String]) -> Result<Proxy, String> {
        let file = self.path("policy.toml");
        std::fs::write(&file, self.policy(core, lists_cache)).map_err(|error| error.to_string())?;
        let mut words = under.to_vec();
        words.extend([self.program, Path::new("--config"), &file].map(|word| word.display().to_string()));
        let program = PathBuf::from(words.remove(0));
        let process = Process::start("proxy", &program, &words, &self.path("proxy.log"))?;
        let mut access = None;
        let started = process.until("stop with", |line| {
            let mut of_line = line.split_whitespace();
            if of_line.next() == Some("access") && access.is_none() {
                access = of_line.find_map(|word| word.strip_prefix("tls://")).map(str::to_owned);
            }
        });
        started.map_err(|error| error + "\n" + &self.failure("proxy"))?;
        let access = access.ok_or("the proxy does not say where UEs come in")?;
        Ok(Proxy { process, access })
    }

    /// The words of a UE.
    pub fn ue(&self, proxy: &Proxy, identity: &str, name: &str) -> Vec<String> {
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
        words
    }

    /// One that is as short as can be: `core`, the address of registrar and cache.
    pub fn policy(&self, core: &str, lists_cache: bool) -> String {
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
manifests = ["{folder}/published/content.manifest"]
sources = [{{ name = "{SOURCE}", key = "{source_key}" }}]
media = "direct"
{network_peers}
"#
        )
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
