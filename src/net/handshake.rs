//! What a new connection goes through before its first message.

use std::{io, sync::Arc};

use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{
    tls::identities,
    ws::{self, WebSocket},
};
use crate::{
    policy::{CertifiedName, Limits, Policy},
    trust::evidence::recognise,
};

/// How a connection begins.
pub(crate) struct Handshake {
    pub security: Security,
    /// Then as the server of a WebSocket.
    pub web_socket: bool,
}

/// How a connection is secured.
pub(crate) enum Security {
    None,
    /// As a server; what a client shows is held against the names of this policy.
    Accept(Arc<ServerConfig>, Arc<Policy>),
    /// As a client of who must prove this name.
    Connect(Arc<ClientConfig>, ServerName<'static>),
}

/// A stream after it.
pub(crate) enum Established {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Ws(Box<WebSocket<TcpStream>>),
    Wss(Box<WebSocket<TlsStream<TcpStream>>>),
}

impl Handshake {
    /// Gives the name that a client proved, if one counts. A server proves the name that was asked of it, or this fails.
    pub async fn carry_out(
        self,
        stream: TcpStream,
        limits: &Limits,
    ) -> io::Result<(Established, Option<CertifiedName>)> {
        let (stream, proved) = match self.security {
            Security::None if self.web_socket => {
                let socket = ws::accept(stream, limits).await?;
                return Ok((Established::Ws(Box::new(socket)), None));
            }
            Security::None => return Ok((Established::Plain(stream), None)),
            Security::Accept(config, policy) => {
                let stream = TlsAcceptor::from(config).accept(stream).await?;
                let shown = stream.get_ref().1.peer_certificates();
                let own = shown.and_then(<[_]>::first).map(|own| identities(own));
                let proved = own.and_then(|names| recognise(&policy, &names));
                (TlsStream::Server(stream), proved)
            }
            Security::Connect(config, name) => {
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                (TlsStream::Client(stream), None)
            }
        };
        let established = match self.web_socket {
            true => Established::Wss(Box::new(ws::accept(stream, limits).await?)),
            false => Established::Tls(Box::new(stream)),
        };
        Ok((established, proved))
    }
}
