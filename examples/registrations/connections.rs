//! UEs over TLS at a proxy that runs: what a registration and its connection take of it, with all that the runtime keeps for them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::{resident, world};

const HOST: &str = "localhost";
/// Connections before the first look: until then the proxy takes memory for itself.
const BEFORE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that the program at this path grows by with each.
pub fn bytes_of_one(program: &Path, count: usize) -> usize {
    let registrar = UdpSocket::bind("127.0.0.1:0").unwrap();
    registrar.set_read_timeout(Some(PATIENCE)).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let certificate = issue(folder.path());
    let proxy = Proxy::start(program, folder.path(), registrar.local_addr().unwrap());
    let client = client(certificate);
    let mut ues: Vec<Ue> = (0..BEFORE)
        .map(|number| Ue::registers(number, proxy.access, &client, &registrar))
        .collect();
    let before = resident::bytes_of(proxy.child.id());
    ues.extend((BEFORE..BEFORE + count).map(|number| Ue::registers(number, proxy.access, &client, &registrar)));
    (resident::bytes_of(proxy.child.id()) - before) / count
}

type Ue = StreamOwned<ClientConnection, TcpStream>;

trait Registers {
    fn registers(number: usize, at: SocketAddr, client: &Arc<ClientConfig>, registrar: &UdpSocket) -> Self;
}

impl Registers for Ue {
    fn registers(number: usize, at: SocketAddr, client: &Arc<ClientConfig>, registrar: &UdpSocket) -> Ue {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let own = stream.local_addr().unwrap();
        let session = ClientConnection::new(Arc::clone(client), ServerName::try_from(HOST).unwrap()).unwrap();
        let mut ue = StreamOwned::new(session, stream);
        write!(
            ue,
            "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/TLS {own};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:ue{number}@home1.example>;tag=1\r\nTo: <sip:ue{number}@home1.example>\r\n\
             Call-ID: {number}@{own}\r\nCSeq: 1 REGISTER\r\nSupported: path\r\n\
             Contact: <sip:ue{number}@{own};transport=tls>;expires=600000\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        is_granted(registrar);
        let mut answer = [0; 4096];
        let length = ue.read(&mut answer).unwrap();
        assert!(
            answer[..length].starts_with(b"SIP/2.0 200"),
            "{}",
            answer[..length].escape_ascii()
        );
        ue
    }
}

/// The registrar says yes to who asks next.
fn is_granted(registrar: &UdpSocket) {
    let mut bytes = [0; 4096];
    let (length, proxy) = registrar.recv_from(&mut bytes).unwrap();
    let request = world::Sent {
        id: sipveil::engine::SendId(0),
        to: proxy,
        from_listener: String::new(),
        transport: sipveil::sip::Transport::Udp,
        connection: None,
        bytes: bytes::Bytes::copy_from_slice(&bytes[..length]),
    };
    let contact = request.row("Contact").unwrap();
    let rows = format!(
        "Contact: {contact}\r\nService-Route: <sip:orig@scscf1.home1.example;lr>\r\n\
         P-Associated-URI: {}, <tel:+15550001>\r\n",
        request.row("To").unwrap()
    );
    let answer = world::respond(&request, "200 OK", "s", &rows);
    registrar.send_to(answer.as_bytes(), proxy).unwrap();
}

struct Proxy {
    child: Child,
    access: SocketAddr,
}

impl Proxy {
    fn start(program: &Path, folder: &Path, registrar: SocketAddr) -> Proxy {
        std::fs::write(folder.join("trust-domain.toml"), policy(folder, registrar)).unwrap();
        let mut child = Command::new(program.canonicalize().unwrap())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = BufReader::new(child.stdout.take().unwrap());
        let told: Vec<String> = screen
            .lines()
            .map(Result::unwrap)
            .take_while(|line| !line.starts_with("stop with"))
            .collect();
        let line = told.iter().find(|line| line.trim().starts_with("access "));
        let access = line.and_then(|line| line.split("tls://").nth(1)?.split(' ').next()?.parse().ok());
        Proxy {
            child,
            access: access.unwrap_or_else(|| panic!("it does not say where it listens: {told:?}")),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn policy(folder: &Path, registrar: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        r#"
schema = 1
domain = {{ id = "T-home1", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "access", bind = ["tls://127.0.0.1:0"], peers = "ue", tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key" }} }},
    {{ name = "core", bind = ["udp://127.0.0.1:0"], peers = "trusted", secured_by = "physical" }},
]
route = [ {{ from = "access", next_hop = ["sip:{registrar};lr"], via = "core" }} ]
[spec_t]
user_authentication = ["none"]
inter_node_security = ["physical"]
ue_security = ["tls"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 1
[limits]
connections_per_source_max = 100000
"#
    )
}

fn issue(folder: &Path) -> CertificateDer<'static> {
    let issued = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(folder.join("edge.pem"), issued.cert.pem()).unwrap();
    let key = folder.join("edge.key");
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    issued.cert.der().clone()
}

fn client(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(client)
}
