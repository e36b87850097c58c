//! The operator's doors: whether the proxy works, what it counted, and what it decided, over HTTP.
//!
//! Promises that nothing that comes in by these doors changes what happens to a message, that nothing is asked of who only looks
//! at the health of the process, and that no name of anybody goes out. Has a thread of its own: no worker waits for it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: a socket, a thread and its timers are here"
)]

mod http;
mod metrics;
mod page;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;
use std::{io, thread};

use serde_json::Value;
use tokio::sync::watch;

pub use metrics::{Kind, METRICS, Metric};

use crate::engine::counts::Counts;
use crate::policy::Policy;
use crate::policy::admin::Admin;

/// Bytes of a token at least: it is all that keeps strangers out.
pub const TOKEN_BYTES_MIN: usize = 16;
/// Bytes of the file it stands in.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

/// What the doors show of. The driver has it.
pub trait Inside: Send + Sync + 'static {
    fn state(&self) -> State;

    /// What all engines decided so far.
    fn counts(&self) -> impl Future<Output = Counts> + Send;

    /// The policy in force, and since when.
    fn policy(&self) -> Option<(Arc<Policy>, SystemTime)>;

    /// What the shell counted, and how things stand now, each by the name of one of [`METRICS`].
    fn shell(&self) -> Vec<(&'static str, f64)>;
}

/// What the page shows beyond that. Programs above have it: they know how a message is judged and explained.
pub trait Shown: Send + Sync + 'static {
    /// Who is in the trust domain by this policy, and by what evidence.
    fn policy(&self, policy: &Policy) -> Value;

    /// The messages from this number on, names hidden. Whoever asks looks on: without anybody nothing is kept.
    fn messages(&self, from: u64) -> Value;

    /// What would happen to a message. `Err`: why that cannot be told.
    fn explain(&self, policy: &Policy, question: &Question) -> Result<Value, String>;
}

/// A message of the operator's own, and who would send it to whom.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub message: String,
    /// A peer, a listener, an address, or `trusted`, `untrusted`, `ue`.
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// New requests are taken.
    Ready,
    /// What is under way is finished, and nothing else is begun.
    Draining,
    /// No worker is left.
    Ended,
}

/// Why there are no doors.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(
        "cannot listen at http://{address} ({error}): see what else does (`ss -ltnp`), or change `http` of [admin]"
    )]
    Bind { address: SocketAddr, error: io::Error },
    #[error("the token file {file} cannot be read: {error}")]
    Token { file: String, error: io::Error },
    #[error("the token file {file} holds fewer than {TOKEN_BYTES_MIN} characters: write more (`openssl rand -hex 32`)")]
    ShortToken { file: String },
}

/// An address that is taken, and not served yet.
pub struct Doors {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<http::Token>,
}

impl Doors {
    /// What the policy asks for.
    pub fn open(admin: &Admin) -> Result<Option<Doors>, AdminError> {
        let Some(http) = &admin.http else { return Ok(None) };
        let token = http.token_file.as_ref().map(|file| token(&file.value)).transpose()?;
        let address = http.bind.value;
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = bound.map_err(|error| AdminError::Bind { address, error })?;
        Ok(Some(Doors {
            listener,
            address,
            token,
        }))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves from a thread of its own until what is given back is dropped.
    pub fn serve(self, inside: Arc<impl Inside>, shown: Arc<dyn Shown>) -> io::Result<Served> {
        let (until, ended) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = self.address;
        thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                // Registered with the runtime it is served from.
                let Ok(listener) = tokio::net::TcpListener::from_std(self.listener) else {
                    tracing::error!("[admin] cannot be served");
                    return;
                };
                http::serve(listener, self.token, inside, shown, ended).await;
            });
        })?;
        Ok(Served { address, _until: until })
    }
}

/// Doors that are open. Dropping it closes them.
pub struct Served {
    pub address: SocketAddr,
    _until: watch::Sender<()>,
}

fn token(file: &str) -> Result<http::Token, AdminError> {
    use std::io::Read;
    let mut text = zeroize::Zeroizing::new(String::new());
    let read = std::fs::File::open(file).and_then(|opened| opened.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text));
    if let Err(error) = read {
        let file = file.to_owned();
        return Err(AdminError::Token { file, error });
    }
    match text.trim() {
        long if long.len() >= TOKEN_BYTES_MIN => Ok(http::Token::new(long)),
        _ => Err(AdminError::ShortToken { file: file.to_owned() }),
    }
}
