//! The tracker's door for HTTPS: TLS with a certificate of the client, HTTP/1.1, POST. Carries bytes and decides nothing.
//!
//! Nothing leaves here but an [`Answer`] of the guard, or a status without a body. No cookie is read or set, nothing is logged.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::flows::Sources;
use super::tls::{Certificates, uris};
use crate::engine::{POST_BYTES_MAX, Post};
use crate::policy::Limits;
use crate::privacy::guard::Answer;

/// Until a connection is secured, and until the rows of a request are there, and its body.
//= SEC-009
const ACCEPT_TIME_MAX: Duration = Duration::from_secs(10);
/// A connection lives so long at most: a peer asks now and then.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// The rows of a request.
const ROWS_MAX: usize = 64;
const ROWS_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept (no file descriptor left): before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bodies of the tracker protocol.
const MEDIA_TYPE: &str = "application/ppsp-tracker+json";

/// A request on its way to the engine, and where its answer is waited for.
pub(crate) struct Posted {
    pub post: Post,
    pub answer: oneshot::Sender<Answer>,
}

/// What stands behind the door.
pub(crate) struct Door {
    pub certificates: Arc<Certificates>,
    pub sources: Arc<Sources>,
    pub limits: Limits,
    pub posts: mpsc::Sender<Posted>,
}

/// Lets clients in until the worker is gone.
pub(crate) async fn serve(listener: TcpListener, door: Door) {
    let room = Arc::new(Semaphore::new(door.limits.connections_max as usize));
    let door = Arc::new(door);
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if door.posts.is_closed() {
            return;
        }
        let source = remote.ip();
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        if !door.sources.enter(source, door.limits.connections_per_source_max) {
            continue;
        }
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            let _ = timeout(CONNECTION_TIME_MAX, connection(&door, stream, remote)).await;
            door.sources.leave(source);
            drop(place);
        });
    }
}

/// Who a connection is of: what its certificate names, and which one it is.
#[derive(Clone)]
struct Client {
    names: Vec<String>,
    certificate: [u8; 32],
    remote: IpAddr,
}

async fn connection(door: &Arc<Door>, stream: TcpStream, remote: SocketAddr) -> Option<()> {
    let side = door.certificates.of_https()?;
    let _ = stream.set_nodelay(true);
    let accepting = TlsAcceptor::from(side.server).accept(stream);
    let stream = timeout(ACCEPT_TIME_MAX, accepting).await.ok()?.ok()?;
    let shown = stream.get_ref().1.peer_certificates()?.first()?;
    let mut certificate = [0; 32];
    certificate.copy_from_slice(digest(&SHA256, shown).as_ref());
    let client = Client {
        names: uris(shown),
        certificate,
        remote: remote.ip(),
    };
    let service = service_fn(move |request| {
        let (door, client) = (Arc::clone(door), client.clone());
        async move { Ok::<_, Infallible>(answer(&door, client, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ACCEPT_TIME_MAX)
        .max_headers(ROWS_MAX)
        .max_buf_size(ROWS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    served.await.ok()
}

async fn answer(door: &Door, client: Client, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/" {
        return bare(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::POST {
        let mut refused = bare(StatusCode::METHOD_NOT_ALLOWED);
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return refused;
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return bare(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let media_type = request.headers().get(CONTENT_TYPE);
    let media_type = media_type.map_or(Vec::new(), |value| value.as_bytes().to_vec());
    // One more than may be: the engine says that it is too much.
    let reading = Limited::new(request.into_body(), POST_BYTES_MAX + 1).collect();
    let body = match timeout(ACCEPT_TIME_MAX, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return bare(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return bare(StatusCode::REQUEST_TIMEOUT),
    };
    let post = Post {
        names: client.names,
        certificate: client.certificate,
        remote: client.remote,
        media_type,
        body,
    };
    let (answer, answered) = oneshot::channel();
    // Full, or going down: it may come again.
    if door.posts.try_send(Posted { post, answer }).is_err() {
        return bare(StatusCode::SERVICE_UNAVAILABLE);
    }
    match answered.await {
        Ok(answer) => written(&answer),
        Err(_) => bare(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn written(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body().clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let rows = response.headers_mut();
    rows.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    rows.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = answer.retry_after() {
        rows.insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
