//! `sipveil run`: the proxy, its start text, and the signals that steer it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: reads the environment and the clock"
)]

use std::{
    cell::RefCell,
    fmt::{self, Display, Formatter},
    io::{self, IsTerminal, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    time::interval,
};

use tracing_subscriber::EnvFilter;

use super::{Exit, page};
use crate::{
    config::{self, contents, key_file},
    driver::{self, Running},
    engine::{Bound, counts::Counts},
    policy::{Policy, Route, p2p::Media},
    ppsp::jws::{SigningKey, VerifyingKey},
    seal::Keys,
    sip::{Transport, uri::Uri},
    trace::journal::Journal,
};

/// How often the certificates' files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The proxy could not start, or a defect ended it.
const FAILED: u8 = Exit::CouldNotStart as u8;

/// The command: reads the policy and the keys, and runs.
pub fn main(path: &Path) -> ExitCode {
    log_to_standard_error();
    let mut policy = match read(path) {
        Ok(policy) => policy,
        Err(exit) => return exit.into(),
    };
    if let Err(error) = contents::load(&mut policy.p2p, now_unix()) {
        return refuse(&error);
    }
    let keys = match key_file::keys(&policy) {
        Ok(keys) => Arc::new(keys),
        Err(error) => return refuse(&error),
    };
    tell_ticket_key(&keys);
    let held = RefCell::new(Arc::clone(&keys));
    run(policy, keys, || read_again(path, &held))
}

/// Whose signature manifests are to name for tickets.
//= P2P-082
fn tell_ticket_key(keys: &Keys) {
    let signs = keys.of_tickets().and_then(|seed| SigningKey::from_seed(seed).ok());
    if let Some(VerifyingKey::Ed25519(key)) = signs.map(|signs| signs.verifying_key()) {
        let key = BASE64URL_NOPAD.encode(&key);
        tracing::info!("tickets are signed with the key {key}: manifests name it as the tracker's");
    }
}

/// What is read again while the proxy runs.
pub struct Again {
    pub policy: Arc<Policy>,
    /// `None`: those in force stay.
    pub keys: Option<Arc<Keys>>,
}

/// The policy and the keys it names, both or neither. `held`: the keys that were read last.
//= SEC-002
fn read_again(path: &Path, held: &RefCell<Arc<Keys>>) -> Option<Again> {
    let mut policy = read(path).ok()?;
    if let Err(error) = contents::load(&mut policy.p2p, now_unix()) {
        let _ = writeln!(io::stderr(), "error: {error}");
        return None;
    }
    let keys = key_file::again(&policy, &held.borrow());
    match keys.map(Arc::new) {
        Ok(keys) => {
            held.replace(Arc::clone(&keys));
            Some(Again {
                policy: Arc::new(policy),
                keys: Some(keys),
            })
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            None
        }
    }
}

/// Seconds since 1970.
fn now_unix() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The policy, or its mistakes on standard error.
fn read(path: &Path) -> Result<Policy, Exit> {
    let (policy, diagnostics) = match config::load(path) {
        Ok((policy, warnings)) => (Some(policy), warnings),
        Err(mistakes) => (None, mistakes),
    };
    super::check::tell(&diagnostics);
    policy.ok_or(Exit::BadInput)
}

/// `RUST_LOG` chooses what is written; `info` when it is not set.
fn log_to_standard_error() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // The resolver writes down whom it is asked for.
    let filter = ["hickory_net=off", "hickory_proto=off", "hickory_resolver=off"]
        .iter()
        .filter_map(|off| off.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A second subscriber in one process is refused; the first keeps writing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(ansi)
        .try_init();
}

/// Runs until SIGTERM or SIGINT, and then until the drain is over; a second one ends it at once. SIGHUP asks `reload` for a
/// new policy; `None`, or one with other listeners, leaves the running one. SIGUSR1 writes what was decided so far.
///
/// Exit code 0 after a drain, 3 when it could not start.
pub fn run(policy: Policy, keys: Arc<Keys>, reload: impl Fn() -> Option<Again>) -> ExitCode {
    let policy = Arc::new(policy);
    //= P2P-080
    if policy.p2p.is_on() && policy.p2p.media.value == Media::Direct {
        tracing::warn!("peers see each other's addresses: media in [p2p] is \"direct\"");
    }
    // The signals are caught before anything opens: none of them finds the process unprepared.
    let (runtime, signals) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&format_args!("signals cannot be received: {error}")),
    };
    let journal = Arc::<Journal>::default();
    let running = match driver::start(Arc::clone(&policy), keys, page::stage(&journal)) {
        Ok(running) => running,
        Err(error) => return refuse(&error),
    };
    journal.listens_at(&running.bound);
    let text = StartText {
        policy: &policy,
        bound: &running.bound,
        https: running.https,
        admin: running.admin(),
    };
    // Nobody has to read it: a closed pipe is no reason not to serve.
    let _ = write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
    match runtime.block_on(steer(running, signals, reload)) {
        Ok(counts) => {
            tell(&counts);
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error),
    }
}

/// What was decided so far, on standard error.
//= SEC-010
fn tell(counts: &Counts) {
    let _ = write!(io::stderr(), "decided so far\n{counts}");
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

fn prepare() -> io::Result<(Runtime, Signals)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        }
    };
    Ok((runtime, signals))
}

async fn steer(
    mut running: Running,
    mut signals: Signals,
    reload: impl Fn() -> Option<Again>,
) -> Result<Counts, driver::WorkerFailed> {
    let mut stops = 0;
    let mut look = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            ended = running.worker_ended() => {
                // One alone ends only by a defect: half a proxy must not look like a whole one.
                if stops == 0 {
                    running.stop_now();
                }
                if stops == 0 || ended.is_none() {
                    return running.join();
                }
                continue;
            }
            _ = signals.terminate.recv() => stops += 1,
            _ = signals.interrupt.recv() => stops += 1,
            _ = look.tick() => {
                renew(&running);
                continue;
            }
            _ = signals.user.recv() => {
                tell(&running.counts().await);
                continue;
            }
            _ = signals.hang_up.recv() => {
                take_over(&running, reload());
                continue;
            }
        }
        if stops == 1 {
            tracing::info!("draining; a second signal ends it at once");
            running.stop();
        } else {
            running.stop_now();
        }
    }
}

/// Certificates are exchanged by putting new files in the place of the old.
fn renew(running: &Running) {
    match running.renew_certificates() {
        Ok(true) => tracing::info!("the new certificates are in force"),
        Ok(false) => {}
        Err(error) => tracing::error!("the certificates in force stay: {error}"),
    }
}

fn take_over(running: &Running, again: Option<Again>) {
    match again.map(|Again { policy, keys }| running.reload(policy, keys)) {
        Some(Ok(())) => tracing::info!("the new policy is in force"),
        Some(Err(error)) => tracing::error!("the running policy stays: {error}"),
        None => tracing::error!("the running policy stays: the file, or the key file it names, cannot be used"),
    }
}

fn refuse(error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(FAILED)
}

/// Where it listens, where requests go, what to try.
struct StartText<'a> {
    policy: &'a Policy,
    bound: &'a [Bound],
    https: Option<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl Display for StartText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "sipveil {} guards {}",
            env!("CARGO_PKG_VERSION"),
            self.policy.domain.id.value
        )?;
        writeln!(f, "listens")?;
        for (index, listener) in self.policy.listeners.iter().enumerate() {
            write!(f, "  {:<14}", listener.name.value)?;
            for bound in self.bound.iter().filter(|bound| usize::from(bound.listener.0) == index) {
                write!(f, "  {}://{}", bound.transport.uri_name(), bound.address)?;
            }
            writeln!(f)?;
        }
        if let Some(https) = self.https {
            writeln!(f, "  {:<14}  https://{https}", "tracker")?;
        }
        if let Some(admin) = self.admin {
            writeln!(f, "  {:<14}  http://{admin}", "admin")?;
        }
        writeln!(f, "routes")?;
        if self.policy.routes.is_empty() {
            writeln!(
                f,
                "  none: only requests with a Route are forwarded; add a [[route]] to {}",
                self.policy.file
            )?;
        }
        for route in &self.policy.routes {
            self.route(f, route)?;
        }
        if let Some(bound) = self.bound.iter().find(|bound| bound.transport == Transport::Udp) {
            writeln!(f, "try")?;
            if let Some(callee) = self.next_hop_of(bound) {
                writeln!(
                    f,
                    "  sipp -sn uas -i {} -p {}   # in another terminal: a callee",
                    callee.ip(),
                    callee.port()
                )?;
            }
            writeln!(f, "  sipp -sn uac {} -m 1", reachable(bound.address))?;
        }
        writeln!(
            f,
            "stop with Ctrl-C, twice to end at once; `kill -HUP {}` reads {} again",
            std::process::id(),
            self.policy.file
        )
    }
}

impl StartText<'_> {
    /// Where a call goes that comes in here, when it is an address.
    fn next_hop_of(&self, bound: &Bound) -> Option<SocketAddr> {
        let route = self
            .policy
            .routes
            .iter()
            .find(|route| route.from.value == bound.listener)?;
        let hop = Uri::parse(route.next_hop.first()?.value.as_bytes()).ok()?;
        Some(SocketAddr::new(hop.host_ip()?, hop.port().unwrap_or(5060)))
    }

    fn route(&self, f: &mut Formatter<'_>, route: &Route) -> fmt::Result {
        let name = |id: crate::policy::ListenerId| {
            let listener = self.policy.listeners.get(usize::from(id.0));
            listener.map_or("?", |listener| listener.name.value.as_str())
        };
        let words = |stated: &[crate::policy::Stated<String>], any: &str| match stated {
            [] => any.to_owned(),
            stated => stated
                .iter()
                .map(|word| word.value.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        };
        writeln!(
            f,
            "  {:<14}  {} for {} to {} by {}",
            name(route.from.value),
            words(&route.method, "any method"),
            words(&route.domain, "any domain"),
            words(&route.next_hop, "nowhere"),
            name(route.via.value),
        )
    }
}

/// An address that can be called from this machine, also when it listens everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        driver::tests::policy::{listening, stated},
        policy::ListenerId,
    };

    #[test]
    fn the_start_text_says_where_it_listens_and_what_to_try() {
        let udp: &[(Transport, &str)] = &[(Transport::Udp, "0.0.0.0:0")];
        let mut policy = listening(1, &[("access", udp), ("core", udp)]);
        let bound: Vec<Bound> = [(0, Transport::Udp), (0, Transport::Tcp), (1, Transport::Udp)]
            .map(|(listener, transport)| Bound {
                listener: ListenerId(listener),
                transport,
                address: SocketAddr::from(([0, 0, 0, 0], 5060 + listener)),
            })
            .to_vec();
        let text = StartText {
            policy: &policy,
            bound: &bound,
            https: None,
            admin: None,
        }
        .to_string();
        for line in [
            "  access          udp://0.0.0.0:5060  tcp://0.0.0.0:5060\n",
            "  core            udp://0.0.0.0:5061\n",
            "  none: only requests with a Route are forwarded; add a [[route]] to test.toml\n",
            "  sipp -sn uac 127.0.0.1:5060 -m 1\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        policy.routes.push(Route {
            from: stated(ListenerId(0)),
            method: vec![stated("REGISTER".to_owned())],
            domain: Vec::new(),
            next_hop: vec![stated("sip:10.20.0.5;lr".to_owned())],
            emergency: stated(false),
            fork: stated(crate::policy::route::Fork::Failover),
            via: stated(ListenerId(1)),
        });
        let text = StartText {
            policy: &policy,
            bound: &bound,
            https: None,
            admin: None,
        }
        .to_string();
        assert!(
            text.contains("  access          REGISTER for any domain to sip:10.20.0.5;lr by core\n"),
            "{text}"
        );
    }
}
