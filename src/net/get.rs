//! One document of a server: GET, and nothing more is said to it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls::{TlsError, client};
use crate::policy::Url;

/// For all of it.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Why there is no document. Says nothing of what was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotGot {
    #[error("it cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("what it answers is too long, or ends too early")]
    Body,
    #[error("it takes too long")]
    Slow,
    #[error("its URL cannot be asked for")]
    Url,
}

/// What is at a URL whose host has this address, in one of these media types. Redirections are not followed.
//= P2P-134
pub(crate) async fn get(
    url: &Url,
    address: IpAddr,
    ca: Option<&Path>,
    media_types: &str,
    bytes_max: usize,
) -> Result<Bytes, NotGot> {
    let got = async {
        let stream = TcpStream::connect((address, url.port)).await?;
        match (url.is_tls, ca) {
            (false, _) => exchange(stream, url, media_types, bytes_max).await,
            (true, None) => Err(NotGot::Url),
            (true, Some(ca)) => {
                let name = ServerName::try_from(url.host.clone()).map_err(|_| NotGot::Url)?;
                let stream = TlsConnector::from(Arc::new(client(ca)?)).connect(name, stream).await?;
                exchange(stream, url, media_types, bytes_max).await
            }
        }
    };
    timeout(TIME_MAX, got).await.unwrap_or(Err(NotGot::Slow))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    media_types: &str,
    bytes_max: usize,
) -> Result<Bytes, NotGot> {
    let (mut asks, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(url.path.as_str())
        .header(HOST, url.authority.as_str())
        .header(ACCEPT, media_types)
        .body(Empty::<Bytes>::new())
        .map_err(|_| NotGot::Url)?;
    let asking = async {
        let response = asks.send_request(request).await?;
        match response.status() {
            StatusCode::OK => {
                let body = Limited::new(response.into_body(), bytes_max).collect().await;
                Ok(body.map_err(|_| NotGot::Body)?.to_bytes())
            }
            status => Err(NotGot::Status(status)),
        }
    };
    let mut connection = std::pin::pin!(connection);
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        biased;
        got = &mut asking => got,
        // It may be over with the last byte.
        _ = &mut connection => asking.await,
    }
}
