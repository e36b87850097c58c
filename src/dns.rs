//! Answers the engine's questions to name servers, beside the loop and never in it.
//!
//! Knows how a server is asked and how records are read, and nothing of SIP: what is asked, in which order the answers are
//! used and how long they count is the business of `locate`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: asks name servers, within a time"
)]

mod records;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};
use tokio::time::timeout;

use crate::{
    locate::{Answer, Question},
    policy,
};

/// Questions under way; beyond: answered at once, as failed.
pub(crate) const QUESTIONS_MAX: usize = 1024;

/// Tries within the time of one question.
const TRIES: u32 = 2;

/// The resolver of one worker, with its cache.
#[derive(Clone)]
pub(crate) struct Dns {
    resolver: Arc<TokioResolver>,
    questions: Arc<AtomicUsize>,
    timeout: Duration,
}

impl Dns {
    /// Asks the servers of the policy, or those of the system. `None`, with a log line: the system names none that can be read.
    pub fn of(policy: &policy::Dns) -> Option<Self> {
        let limit = policy.timeout.value;
        let builder = match policy.servers.value.as_slice() {
            [] => TokioResolver::builder_tokio(),
            servers => {
                let servers = servers.iter().map(|server| name_server(*server)).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                Ok(TokioResolver::builder_with_config(
                    config,
                    TokioRuntimeProvider::default(),
                ))
            }
        };
        let built = builder.and_then(|mut builder| {
            set(builder.options_mut(), limit);
            builder.build()
        });
        match built {
            Ok(resolver) => Some(Dns {
                resolver: Arc::new(resolver),
                questions: Arc::default(),
                timeout: limit,
            }),
            Err(error) => {
                tracing::error!(%error, "no host name can be resolved: write [dns] servers, or correct /etc/resolv.conf and restart");
                None
            }
        }
    }

    /// The answer to a question, to be awaited elsewhere. `None`: too many are under way.
    //= LOC-007
    pub fn ask(&self, question: &Question) -> Option<impl Future<Output = Answer> + Send + 'static> {
        let under_way = UnderWay::new(&self.questions)?;
        let resolver = Arc::clone(&self.resolver);
        let limit = self.timeout;
        // Host names of SIP are absolute: the search list of this machine has no say.
        let name = format!("{}.", question.name.as_str());
        let kind = records::kind(question.kind);
        Some(async move {
            let _under_way = under_way;
            match timeout(limit, resolver.lookup(name, kind)).await {
                Ok(Ok(found)) => {
                    let lifetime = found.valid_until().saturating_duration_since(Instant::now());
                    let records = records::read(found.answers());
                    Answer::Found { records, lifetime }
                }
                Ok(Err(error)) => refused(&error),
                Err(_) => Answer::Failed,
            }
        })
    }
}

/// What no records means: that there are none, or that nobody knows.
fn refused(error: &NetError) -> Answer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if records::says_nothing(none.response_code) => {
            let lifetime = none.negative_ttl.map(u64::from).map(Duration::from_secs);
            Answer::Nothing { lifetime }
        }
        _ => Answer::Failed,
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn set(options: &mut ResolverOpts, limit: Duration) {
    options.timeout = limit / TRIES;
    options.attempts = TRIES as usize;
    options.preserve_intermediates = true;
    options.max_active_requests = QUESTIONS_MAX;
}

/// Counts itself among the questions under way until dropped.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn new(questions: &Arc<AtomicUsize>) -> Option<Self> {
        let under_way = UnderWay(Arc::clone(questions));
        (questions.fetch_add(1, Ordering::Relaxed) < QUESTIONS_MAX).then_some(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
