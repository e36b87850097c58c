//! The connection to the proxy: TCP, or TLS with the authority that is believed. What comes is cut into messages.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use super::message::{Cutter, Message};

/// Messages that came and were not looked at yet, at most.
const WAITING_MAX: usize = 256;

/// Where the proxy is, and how it is reached.
#[derive(Debug, Clone)]
pub struct Way {
    pub to: SocketAddr,
    pub tls: Option<Tls>,
    /// The address of this machine that it goes from, where it has several.
    pub from: Option<IpAddr>,
}

#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificates of who issued the proxy's.
    pub authority: PathBuf,
    /// The name in it.
    pub name: String,
}

/// Both directions, apart: each message with its bytes.
pub struct Line {
    pub local: SocketAddr,
    pub transport: &'static str,
    writes: Box<dyn AsyncWrite + Unpin + Send>,
    came: mpsc::Receiver<(Message, Vec<u8>)>,
}

impl Line {
    pub async fn open(way: &Way) -> std::io::Result<Line> {
        let socket = match way.to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = way.from {
            socket.bind((from, 0).into())?;
        }
        let stream = socket.connect(way.to).await?;
        match &way.tls {
            None => Line::over(stream),
            Some(tls) => {
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(tls.name.clone()).map_err(std::io::Error::other)?;
                let stream = connector(&tls.authority, None)?.connect(name, stream).await?;
                Ok(Line::of(local, "TLS", stream))
            }
        }
    }

    /// On a connection that somebody else opened.
    pub fn over(stream: TcpStream) -> std::io::Result<Line> {
        let local = stream.local_addr()?;
        stream.set_nodelay(true)?;
        Ok(Line::of(local, "TCP", stream))
    }

    fn of(local: SocketAddr, transport: &'static str, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Line {
        let (reads, writes) = tokio::io::split(stream);
        let (teller, came) = mpsc::channel(WAITING_MAX);
        tokio::spawn(read(reads, teller));
        Line {
            local,
            transport,
            writes: Box::new(writes),
            came,
        }
    }

    pub async fn send(&mut self, message: &Message) -> std::io::Result<()> {
        self.writes.write_all(&message.write()).await?;
        self.writes.flush().await
    }

    /// `None`: the connection is over.
    pub async fn next(&mut self) -> Option<(Message, Vec<u8>)> {
        self.came.recv().await
    }
}

async fn read(mut reads: impl AsyncRead + Unpin, teller: mpsc::Sender<(Message, Vec<u8>)>) {
    let (mut cutter, mut buffer) = (Cutter::default(), vec![0; 16 << 10]);
    while let Ok(length @ 1..) = reads.read(&mut buffer).await {
        cutter.push(&buffer[..length]);
        loop {
            match cutter.cut() {
                Ok(Some(came)) => {
                    if teller.send(came).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// Who this is, to who asks for a certificate.
#[derive(Debug, Clone)]
pub struct Own {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

pub fn connector(authority: &Path, own: Option<&Own>) -> std::io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).map_err(std::io::Error::other)? {
        let certificate = certificate.map_err(std::io::Error::other)?;
        roots.add(certificate).map_err(std::io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&own.certificate)
                .map_err(std::io::Error::other)?
                .collect();
            let key = PrivateKeyDer::from_pem_file(&own.key).map_err(std::io::Error::other)?;
            let chain = chain.map_err(std::io::Error::other)?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(std::io::Error::other)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
