//! The mirror: each message that comes or leaves, told to a collector as HEP3 (`hep` of [admin]), and to who looks at the operator's
//! page.
//!
//! Its socket takes nothing but [`Mirrored`], so nothing that could name anybody reaches it unless the operator asked. A worker puts what
//! it saw into a queue and goes on: hiding, writing and sending are a thread's, and what does not fit into the queue is not told.

use std::hash::RandomState;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::hep::{self, Packet};
use crate::policy::Policy;
use crate::policy::admin::Hep;
use crate::privacy::mirrored::{Glass, Mirrored, Seen, Way};
use crate::sip::Transport;
use crate::trust::Flow;

/// Messages that wait; beyond: the newest are not told.
const WAITING_MAX: usize = 4096;
/// What they hold together.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// Between two looks, so that a busy worker does not wake the thread for each message.
const PAUSE: Duration = Duration::from_millis(1);
/// Between two warnings that not all is told.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Who looks on within this process, when somebody does.
pub trait Watcher: Send + Sync + 'static {
    /// Whether anybody wants to see anything now. Asked for each message: cheap.
    fn wants(&self) -> bool;

    fn saw(&self, seen: &Seen, policy: &Policy);
}

/// Where workers put what they see. The last one dropped, the thread tells what waits, and ends.
pub(crate) struct Mirror {
    queue: Option<SyncSender<Seen>>,
    state: Arc<State>,
    /// Whether all is told to a collector; else only what somebody wants to see.
    has_collector: bool,
    watcher: Option<Arc<dyn Watcher>>,
    writer: Option<JoinHandle<()>>,
}

struct State {
    waiting_bytes: AtomicUsize,
    counts: Arc<MirrorCounts>,
    policy: Mutex<Arc<Policy>>,
}

/// What became of messages that were to be mirrored.
#[derive(Debug, Default)]
pub(crate) struct MirrorCounts {
    pub sent: AtomicU64,
    /// There was no room in the queue.
    pub dropped: AtomicU64,
    /// Too long for a datagram, or the kernel did not take it.
    pub failed: AtomicU64,
}

impl Mirror {
    pub fn start(hep: Option<&Hep>, watcher: Option<Arc<dyn Watcher>>, policy: Arc<Policy>) -> io::Result<Mirror> {
        let collector = hep.map(Collector::of).transpose()?;
        let (queue, seen) = sync_channel(WAITING_MAX);
        let state = Arc::new(State {
            waiting_bytes: AtomicUsize::new(0),
            counts: Arc::default(),
            policy: Mutex::new(policy),
        });
        let teller = Teller {
            collector,
            watcher: watcher.clone(),
            state: Arc::clone(&state),
        };
        let writer = thread::Builder::new().name("mirror".to_owned());
        Ok(Mirror {
            queue: Some(queue),
            state,
            has_collector: hep.is_some(),
            watcher,
            writer: Some(writer.spawn(move || teller.tell(&seen))?),
        })
    }

    pub fn counts(&self) -> Arc<MirrorCounts> {
        Arc::clone(&self.state.counts)
    }

    /// Looks by another policy from now on.
    pub fn looks_by(&self, policy: Arc<Policy>) {
        *self.state.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Whether anybody wants to see anything now.
    pub fn is_looked_at(&self) -> bool {
        self.has_collector || self.watcher.as_ref().is_some_and(|watcher| watcher.wants())
    }

    /// A message that came.
    pub fn came(&self, flow: &Flow, bytes: &Bytes) {
        self.take(Seen {
            way: Way::Came,
            listener: flow.listener,
            transport: flow.transport,
            own: flow.local,
            remote: flow.remote,
            at: now(),
            bytes: bytes.clone(),
        });
    }

    /// A message that leaves, from our end `own`.
    pub fn left(&self, message: &impl super::Cleared, own: SocketAddr) {
        let to = message.destination();
        self.take(Seen {
            way: Way::Left,
            listener: to.listener,
            transport: to.transport,
            own,
            remote: to.remote,
            at: now(),
            bytes: message.bytes().clone(),
        });
    }

    /// Never waits.
    fn take(&self, seen: Seen) {
        let bytes = seen.bytes.len();
        let waiting = self.state.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = waiting + bytes <= WAITING_BYTES_MAX;
        let taken = fits && self.queue.as_ref().is_some_and(|queue| queue.try_send(seen).is_ok());
        if !taken {
            self.state.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.state.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The thread.
struct Teller {
    collector: Option<Collector>,
    watcher: Option<Arc<dyn Watcher>>,
    state: Arc<State>,
}

/// Who is told as HEP3.
struct Collector {
    socket: UdpSocket,
    agent: u32,
    glass: Glass,
}

impl Teller {
    fn tell(&self, seen: &Receiver<Seen>) {
        let (mut warned, mut untold) = (None::<Instant>, 0);
        while let Ok(first) = seen.recv() {
            let policy = Arc::clone(&self.state.policy.lock().unwrap_or_else(PoisonError::into_inner));
            for seen in std::iter::once(first).chain(seen.try_iter()) {
                self.state.waiting_bytes.fetch_sub(seen.bytes.len(), Ordering::Relaxed);
                if let Some(watcher) = self.watcher.as_ref().filter(|watcher| watcher.wants()) {
                    watcher.saw(&seen, &policy);
                }
                let Some(collector) = &self.collector else { continue };
                let count = match collector.send(&collector.glass.shows(&policy, &seen)) {
                    Ok(()) => &self.state.counts.sent,
                    Err(_) => &self.state.counts.failed,
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
            let counts = &self.state.counts;
            let (dropped, failed) = (
                counts.dropped.load(Ordering::Relaxed),
                counts.failed.load(Ordering::Relaxed),
            );
            if dropped + failed > untold && warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                tracing::warn!(dropped, failed, "not all messages reach the mirror of [admin]");
                (warned, untold) = (Some(Instant::now()), dropped + failed);
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Collector {
    fn of(hep: &Hep) -> io::Result<Collector> {
        let from: SocketAddr = match hep.to.value {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(from)?;
        socket.connect(hep.to.value)?;
        Ok(Collector {
            socket,
            agent: hep.agent.value,
            glass: Glass::new(hep.identities.value, RandomState::new()),
        })
    }

    /// The only way to the socket.
    fn send(&self, mirrored: &Mirrored) -> io::Result<()> {
        let packet = Packet {
            ip_protocol: match mirrored.transport() {
                Transport::Udp => hep::UDP,
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => hep::TCP,
            },
            src: mirrored.src(),
            dst: mirrored.dst(),
            at: mirrored.at(),
            protocol: hep::SIP,
            agent: self.agent,
            password: None,
            correlation: mirrored.call().map(str::as_bytes),
            payload: mirrored.bytes(),
        };
        let bytes = packet.encode().map_err(io::Error::other)?;
        self.socket.send(&bytes).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ListenerId;

    /// One that nobody empties.
    fn full() -> (Mirror, Receiver<Seen>) {
        let (queue, seen) = sync_channel(WAITING_MAX);
        let mirror = Mirror {
            queue: Some(queue),
            state: Arc::new(State {
                waiting_bytes: AtomicUsize::new(0),
                counts: Arc::default(),
                policy: Mutex::new(Arc::new(crate::driver::tests::policy::one(1))),
            }),
            has_collector: true,
            watcher: None,
            writer: None,
        };
        (mirror, seen)
    }

    fn seen(bytes: usize) -> Seen {
        Seen {
            way: Way::Came,
            listener: ListenerId(0),
            transport: Transport::Udp,
            own: "127.0.0.1:5060".parse().unwrap(),
            remote: "192.0.2.7:5060".parse().unwrap(),
            at: Duration::ZERO,
            bytes: vec![b'x'; bytes].into(),
        }
    }

    fn dropped(mirror: &Mirror) -> u64 {
        mirror.counts().dropped.load(Ordering::Relaxed)
    }

    #[test]
    fn at_most_so_many_messages_wait() {
        let (mirror, waiting) = full();
        (0..WAITING_MAX).for_each(|_| mirror.take(seen(1)));
        assert_eq!(dropped(&mirror), 0);
        mirror.take(seen(1));
        assert_eq!(dropped(&mirror), 1);
        assert_eq!(mirror.state.waiting_bytes.load(Ordering::Relaxed), WAITING_MAX);
        assert_eq!(waiting.try_iter().count(), WAITING_MAX);
    }

    #[test]
    fn at_most_so_many_bytes_wait() {
        let (mirror, waiting) = full();
        mirror.take(seen(WAITING_BYTES_MAX - 10));
        mirror.take(seen(11));
        assert_eq!(dropped(&mirror), 1);
        mirror.take(seen(10));
        assert_eq!((dropped(&mirror), waiting.try_iter().count()), (1, 2));
    }

    #[test]
    fn what_waits_is_told_before_it_ends_and_what_is_too_long_is_not() {
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        let hep = Hep {
            to: crate::driver::tests::policy::stated(collector.local_addr().unwrap()),
            identities: crate::driver::tests::policy::stated(crate::policy::admin::Identities::Hidden),
            agent: crate::driver::tests::policy::stated(9),
        };
        let mirror = Mirror::start(Some(&hep), None, Arc::new(crate::driver::tests::policy::one(1))).unwrap();
        let state = Arc::clone(&mirror.state);
        (0..20).for_each(|_| mirror.take(seen(3)));
        mirror.take(Seen {
            bytes: vec![b','; hep::PACKET_BYTES_MAX].into(),
            ..seen(0)
        });
        drop(mirror);
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!([count(&state.counts.sent), count(&state.counts.failed)], [20, 1]);
        assert_eq!(state.waiting_bytes.load(Ordering::Relaxed), 0);
        collector.set_nonblocking(true).unwrap();
        let mut buffer = vec![0; 2000];
        for _ in 0..20 {
            let bytes = collector.recv(&mut buffer).unwrap();
            assert_eq!(Packet::decode(&buffer[..bytes]).unwrap().agent, 9);
        }
    }
}
