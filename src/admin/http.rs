//! HTTP of the doors: who may ask, how much, and what each path is.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State as Of};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::{Inside, Shown, State, metrics, page};

/// Connections at once; beyond, who connects waits.
//= SEC-009
const CONNECTIONS_MAX: usize = 64;
/// A connection lives so long at most.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// Until the rows of a request are there.
const ROWS_TIME_MAX: Duration = Duration::from_secs(10);
/// Until a request is answered, its body and all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// The rows of a request.
const ROWS_MAX: usize = 64;
const ROWS_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 256 * 1024;
/// After a failed accept (no file descriptor left): before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Nothing but what comes from here, and nobody else's frame.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What who asks has to know. Only its digest is kept.
#[derive(Clone)]
pub struct Token(Digest);

impl Token {
    pub fn new(text: &str) -> Token {
        Token(digest(&SHA256, text.as_bytes()))
    }

    fn is(&self, said: &[u8]) -> bool {
        verify_slices_are_equal(self.0.as_ref(), digest(&SHA256, said).as_ref()).is_ok()
    }
}

pub struct Doors<I> {
    pub inside: Arc<I>,
    pub shown: Arc<dyn Shown>,
    token: Option<Token>,
}

/// Lets the operator in until nobody holds the other end of `ended`.
pub async fn serve(
    listener: TcpListener,
    token: Option<Token>,
    inside: Arc<impl Inside>,
    shown: Arc<dyn Shown>,
    mut ended: watch::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let doors = Arc::new(Doors { inside, shown, token });
    let router = router(doors);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = ended.changed() => return,
        };
        let Some((stream, place)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            let _ = timeout(CONNECTION_TIME_MAX, connection(stream, router)).await;
            drop(place);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    let _ = stream.set_nodelay(true);
    Some((stream, place))
}

async fn connection(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ROWS_TIME_MAX)
        .max_headers(ROWS_MAX)
        .max_buf_size(ROWS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Whoever goes away has its reasons.
    let _ = served.await;
}

/// Every path. Below `closed`: only with the token, where there is one.
fn router<I: Inside>(doors: Arc<Doors<I>>) -> Router {
    let closed = Router::new()
        .route("/metrics", get(counted::<I>))
        .merge(page::closed())
        .layer(from_fn_with_state(Arc::clone(&doors), admit::<I>));
    Router::new()
        .route("/healthz", get(healthy::<I>))
        .route("/readyz", get(ready::<I>))
        .merge(page::open())
        .merge(closed)
        .with_state(doors)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(guarded))
}

/// What holds of every path: whose name it was asked by, how long it takes, what a browser may make of the answer.
async fn guarded(request: Request, next: Next) -> Result<Response, Infallible> {
    let mut response = match is_by_address(request.headers()) {
        true => match timeout(ANSWER_TIME_MAX, next.run(request)).await {
            Ok(response) => response,
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not answered in time\n"),
        },
        // Else a page of anybody could ask by a name of its own that leads to this address.
        false => plain(
            StatusCode::MISDIRECTED_REQUEST,
            "ask by the IP address, or by localhost\n",
        ),
    };
    let rows = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| rows.insert(name, HeaderValue::from_static(value));
    put(CACHE_CONTROL, "no-store");
    put(CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(X_FRAME_OPTIONS, "DENY");
    put(REFERRER_POLICY, "no-referrer");
    Ok(response)
}

/// Whether the row Host names no name that somebody else could have chosen.
fn is_by_address(rows: &HeaderMap) -> bool {
    let Some(host) = rows.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// Only who has the token, where there is one.
async fn admit<I: Inside>(Of(doors): Of<Arc<Doors<I>>>, request: Request, next: Next) -> Response {
    let said = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let said = said.and_then(|said| said.strip_prefix(b"Bearer "));
    let is_known = match (&doors.token, said) {
        (None, _) => true,
        (Some(token), Some(said)) => token.is(said),
        (Some(_), None) => false,
    };
    if is_known {
        return next.run(request).await;
    }
    let mut refused = plain(StatusCode::UNAUTHORIZED, "the token is missing, or another one\n");
    let challenge = HeaderValue::from_static("Bearer realm=\"sipveil\"");
    refused.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    refused
}

/// The process lives.
async fn healthy<I: Inside>(Of(doors): Of<Arc<Doors<I>>>) -> Response {
    match doors.inside.state() {
        State::Ready | State::Draining => plain(StatusCode::OK, "ok\n"),
        State::Ended => plain(StatusCode::SERVICE_UNAVAILABLE, "no worker is left\n"),
    }
}

/// New requests may be sent here.
async fn ready<I: Inside>(Of(doors): Of<Arc<Doors<I>>>) -> Response {
    match doors.inside.state() {
        State::Ready => plain(StatusCode::OK, "ready\n"),
        State::Draining => plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        State::Ended => plain(StatusCode::SERVICE_UNAVAILABLE, "no worker is left\n"),
    }
}

async fn counted<I: Inside>(Of(doors): Of<Arc<Doors<I>>>) -> Response {
    let counts = doors.inside.counts().await;
    match metrics::text(&counts, &doors.inside.shell()) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT)], text).into_response(),
        Err(error) => {
            tracing::error!("metrics cannot be told: {error}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be told\n")
        }
    }
}

pub fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let value = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_may_have_is_no_address() {
        let asked = |host: &str| {
            let mut rows = HeaderMap::new();
            rows.insert(HOST, host.parse().unwrap());
            is_by_address(&rows)
        };
        for host in [
            "127.0.0.1",
            "127.0.0.1:8060",
            "[::1]:8060",
            "[::1]",
            "localhost",
            "LocalHost:1",
        ] {
            assert!(asked(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8060",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            assert!(!asked(host), "{host}");
        }
        assert!(!is_by_address(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_known_whole() {
        let token = Token::new("0123456789abcdef");
        assert!(token.is(b"0123456789abcdef"));
        for other in [&b""[..], b"0123456789abcde", b"0123456789abcdef0", b"0123456789abcdeF"] {
            assert!(!token.is(other));
        }
    }
}
