//! TLS for a stack that has none: a relay before its telephone, both ways.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::edge::Ground;
use crate::end_to_end::authority::dns;

/// Dropped, it ends.
pub struct Relay {
    /// Who speaks TLS to this, speaks to the telephone.
    pub secured: SocketAddr,
    /// Where the telephone calls; `calls` says where that goes to.
    pub plain: SocketAddr,
    _ends: oneshot::Sender<()>,
}

impl Relay {
    /// Before the telephone at this place. What the telephone sends to `plain` goes to `proxy`, when there is one.
    pub fn before(telephone: SocketAddr, proxy: Option<SocketAddr>, ground: &Ground) -> Relay {
        let shown = ground.authority.issue(&dns(&[&telephone.ip().to_string()]));
        let acceptor = TlsAcceptor::from(shown.server(None));
        let connector = TlsConnector::from(believes(&ground.authority.pem()));
        let (secured, secured_at) = open(telephone.ip());
        let (plain, plain_at) = open(telephone.ip());
        let (ends, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let secured = TcpListener::from_std(secured).unwrap();
                let plain = TcpListener::from_std(plain).unwrap();
                tokio::select! {
                    () = calls_to(secured, acceptor, telephone) => {}
                    () = calls_from(plain, connector, proxy) => {}
                    _ = ended => {}
                }
            });
        });
        Relay {
            secured: secured_at,
            plain: plain_at,
            _ends: ends,
        }
    }
}

/// A listener at a free port, for the runtime.
pub fn open(ip: IpAddr) -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn believes(authority: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
}

/// An end that goes away ends the other; the telephones notice what is missing.
async fn calls_to(listener: TcpListener, acceptor: TlsAcceptor, telephone: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut secured = acceptor.accept(stream).await?;
            let mut plain = TcpStream::connect(telephone).await?;
            copy_bidirectional(&mut secured, &mut plain).await
        });
    }
}

async fn calls_from(listener: TcpListener, connector: TlsConnector, proxy: Option<SocketAddr>) {
    while let Ok((mut plain, _)) = listener.accept().await {
        let connector = connector.clone();
        tokio::spawn(async move {
            let proxy = proxy.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            let name = ServerName::from(proxy.ip());
            let mut secured = connector.connect(name, TcpStream::connect(proxy).await?).await?;
            copy_bidirectional(&mut plain, &mut secured).await
        });
    }
}
