//! Answers the engine's questions about host names, beside the loop and never in it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: asks name servers, within a time"
)]

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use hickory_resolver::{TokioResolver, config::LookupIpStrategy};
use tokio::time::timeout;

/// Questions under way; beyond: answered at once with no address.
pub(crate) const QUESTIONS_MAX: usize = 1024;

/// For one question, over all servers and tries.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Until the next server or try.
const TRY_TIME: Duration = Duration::from_secs(2);

/// The resolver of one worker, with its cache.
pub(crate) struct Dns {
    resolver: Arc<TokioResolver>,
    questions: Arc<AtomicUsize>,
}

impl Dns {
    /// Uses the servers of the system. `None`, with a log line: the system names none that can be read.
    pub fn of_system() -> Option<Self> {
        let built = TokioResolver::builder_tokio().and_then(|mut builder| {
            let options = builder.options_mut();
            options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
            options.timeout = TRY_TIME;
            builder.build()
        });
        match built {
            Ok(resolver) => Some(Dns::with(resolver)),
            Err(error) => {
                tracing::error!(%error, "no host name can be resolved: correct /etc/resolv.conf, then restart");
                None
            }
        }
    }

    fn with(resolver: TokioResolver) -> Self {
        Dns {
            resolver: Arc::new(resolver),
            questions: Arc::default(),
        }
    }

    /// The addresses of a host, to be awaited elsewhere; none when there are none, or not in time. `None`: too many questions
    /// are under way.
    pub fn ask(&self, name: String) -> Option<impl Future<Output = Vec<IpAddr>> + Send + 'static> {
        let question = Question::new(&self.questions)?;
        let resolver = Arc::clone(&self.resolver);
        Some(async move {
            let _question = question;
            // Host names of SIP are absolute: the search list of this machine has no say.
            let name = if name.ends_with('.') { name } else { name + "." };
            match timeout(ANSWER_TIME_MAX, resolver.lookup_ip(name)).await {
                Ok(Ok(answer)) => answer.iter().collect(),
                Ok(Err(_)) | Err(_) => Vec::new(),
            }
        })
    }
}

/// Counts itself among the questions under way until dropped.
struct Question(Arc<AtomicUsize>);

impl Question {
    fn new(questions: &Arc<AtomicUsize>) -> Option<Self> {
        let question = Question(Arc::clone(questions));
        (questions.fetch_add(1, Ordering::Relaxed) < QUESTIONS_MAX).then_some(question)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use hickory_resolver::{
        config::{ConnectionConfig, NameServerConfig, ResolverConfig},
        net::runtime::TokioRuntimeProvider,
    };

    use super::*;

    /// Answers nobody, because nothing reads the server's socket.
    fn against_silence(silent: &UdpSocket) -> Dns {
        let address = silent.local_addr().unwrap();
        let mut connection = ConnectionConfig::udp();
        connection.port = address.port();
        let server = NameServerConfig::new(address.ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Dns::with(builder.build().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_an_empty_answer_within_the_time() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let start = tokio::time::Instant::now();
        let answer = against_silence(&silent).ask("a.test".to_owned()).unwrap().await;
        assert!(answer.is_empty());
        assert!(start.elapsed() <= ANSWER_TIME_MAX + Duration::from_millis(10));
    }

    #[tokio::test]
    async fn questions_under_way_are_limited() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = against_silence(&silent);
        let mut asked: Vec<_> = (0..QUESTIONS_MAX).map(|_| dns.ask("a.test".to_owned())).collect();
        assert!(asked.iter().all(Option::is_some));
        assert!(dns.ask("a.test".to_owned()).is_none());
        asked.pop();
        assert!(dns.ask("a.test".to_owned()).is_some());
    }
}
