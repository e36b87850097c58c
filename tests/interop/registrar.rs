//! A registrar inside T that says yes to everybody, over TLS.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use sipveil::engine::SendId;
use sipveil::sip::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::edge::{Ground, own_ip};
use super::phone_process::PATIENCE;
use super::relay::open;
use crate::end_to_end::authority::dns;
use crate::world::{Sent, respond};

/// Dropped, it ends.
pub struct Registrar {
    /// Where the proxy reaches it.
    pub at: SocketAddr,
    paths: Receiver<String>,
    _ends: oneshot::Sender<()>,
}

impl Registrar {
    /// Its answers send the first requests of who registers to `next`, by Service-Route.
    pub fn opens(next: &str, ground: &Ground) -> Registrar {
        let ip = own_ip();
        let shown = ground.authority.issue(&dns(&[&ip.to_string()]));
        let acceptor = TlsAcceptor::from(shown.server(None));
        let (listener, at) = open(ip);
        let (seen, paths) = channel();
        let (ends, ended) = oneshot::channel();
        let service_route = format!("<{next};lr>");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = registers(listener, acceptor, service_route, seen) => {}
                    _ = ended => {}
                }
            });
        });
        Registrar { at, paths, _ends: ends }
    }

    /// The Path that the next REGISTER came with.
    pub fn path(&self) -> String {
        self.paths.recv_timeout(PATIENCE).expect("somebody registers")
    }
}

async fn registers(listener: TcpListener, acceptor: TlsAcceptor, service_route: String, seen: Sender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service_route, seen) = (acceptor.clone(), service_route.clone(), seen.clone());
        tokio::spawn(async move { answers(acceptor.accept(stream).await?, &service_route, &seen).await });
    }
}

/// Until the proxy goes, or sends what has no Path or no Contact.
async fn answers(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service_route: &str,
    seen: &Sender<String>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            if stream.read_line(&mut text).await? == 0 {
                return Ok(());
            }
        }
        let register = received(text);
        let (Some(path), Some(contact)) = (register.row("Path"), register.row("Contact")) else {
            return Err(std::io::ErrorKind::InvalidData.into());
        };
        let (from, _) = register
            .row("From")
            .unwrap_or_default()
            .split_once(';')
            .unwrap_or_default();
        let rows = format!(
            "Path: {path}\r\nContact: {contact}\r\nExpires: 600\r\nP-Associated-URI: {from}\r\n\
             Service-Route: {service_route}\r\n"
        );
        let answer = respond(&register, "200 OK", "registrar", &rows);
        stream.write_all(answer.as_bytes()).await?;
        let _ = seen.send(path.to_owned());
    }
}

fn received(text: String) -> Sent {
    Sent {
        id: SendId(0),
        to: SocketAddr::from(([127, 0, 0, 1], 0)),
        from_listener: String::new(),
        transport: Transport::Tls,
        connection: None,
        bytes: Bytes::from(text),
    }
}
