//! What a new connection goes through before its first message.

use std::{io, sync::Arc};

use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::tls::identities;
use crate::{
    policy::{CertifiedName, Policy},
    trust::evidence::recognise,
};

/// How a connection is secured.
pub(crate) enum Handshake {
    None,
    /// As a server; what a client shows is held against the names of this policy.
    Accept(Arc<ServerConfig>, Arc<Policy>),
    /// As a client of who must prove this name.
    Connect(Arc<ClientConfig>, ServerName<'static>),
}

/// A stream after it.
pub(crate) enum Secured {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Handshake {
    /// Gives the name that a client proved, if one counts. A server proves the name that was asked of it, or this fails.
    pub async fn carry_out(self, stream: TcpStream) -> io::Result<(Secured, Option<CertifiedName>)> {
        match self {
            Handshake::None => Ok((Secured::Plain(stream), None)),
            Handshake::Accept(config, policy) => {
                let stream = TlsAcceptor::from(config).accept(stream).await?;
                let shown = stream.get_ref().1.peer_certificates();
                let own = shown.and_then(<[_]>::first).map(|own| identities(own));
                let proved = own.and_then(|names| recognise(&policy, &names));
                Ok((Secured::Tls(Box::new(TlsStream::Server(stream))), proved))
            }
            Handshake::Connect(config, name) => {
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                Ok((Secured::Tls(Box::new(TlsStream::Client(stream))), None))
            }
        }
    }
}
