//! The loop around the engine: wait, feed, drain; reload, shutdown.
//!
//! [`start`] opens every socket of the policy or none, then runs one worker per core, each with an engine, a thread and a
//! runtime of its own. Workers share the policy, the keys and the counters. Nothing here knows what a message says.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: clocks, threads and tasks are here"
)]

mod counters;
mod decides;
mod inside;
#[cfg(test)]
pub(crate) mod tests;
mod worker;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::SystemTime,
};

use tokio::sync::{mpsc, watch};

pub use crate::net::{listen::BindError, tls::TlsError};
use crate::{
    admin::{AdminError, Doors, Served, Shown},
    audit::{AuditFile, AuditKeys, OpenError, Sink},
    config::key_file::{self, KeyFileError},
    engine::{Bound, Engine, Now, Recalling, Setup, counts::Counts, storing::Stored},
    ipsec::{self, Backend, NotReady},
    net::{
        aliases::Aliases,
        flows::Sources,
        handover::{Handover, InForce},
        listen::{Sockets, listen, listen_https},
        mirror::{Mirror, Watcher},
        tls::Certificates,
    },
    policy::{self, Policy},
    seal::Keys,
    store::{self, Snapshots, Store},
    tracker::FACTS_THAT_END_MAX,
};
pub use counters::{Count, Counters};
use decides::Decides;
use inside::Asked;
use worker::{Post, Worker};

/// Events of its own connections that a worker has not taken yet; beyond: the connections wait.
const TASK_EVENTS_MAX: usize = 1024;

/// What the operator's page is made of, besides what the driver itself knows.
pub struct Stage {
    pub shown: Arc<dyn Shown>,
    pub watcher: Arc<dyn Watcher>,
}

/// Opens all sockets and starts all workers. When it returns, every address in [`Running::bound`] is served.
pub fn start(policy: Arc<Policy>, keys: Arc<Keys>, stage: Stage) -> Result<Running, StartError> {
    //= AKA-002
    let kernel = ipsec::ready(&policy)?;
    let doors = Doors::open(&policy.admin)?;
    let audit = audit(&policy)?;
    let (store, snapshots, kept) = match store(&policy)? {
        Some(Opened { store, snapshots, kept }) => (Some(store), Some(snapshots), Some(kept)),
        None => (None, None, None),
    };
    let Stage { shown, watcher } = stage;
    let watcher = doors.is_some().then_some(watcher);
    let hep = policy.admin.hep.as_ref();
    let is_looked_at = hep.is_some() || watcher.is_some();
    let mirror = is_looked_at.then(|| Mirror::start(hep, watcher, Arc::clone(&policy)));
    let mirror = mirror.transpose();
    let sealed = Some(Arc::clone(&keys));
    let sinks = Sinks {
        audit,
        mirror: mirror.map_err(StartError::Mirror)?,
        store,
        snapshots,
        backend: kernel.map(|kernel| Box::new(kernel) as Box<dyn Backend>),
    };
    let mut running = start_with(policy, sealed, sinks, move |policy, bound, now| {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let (policy, bound, keys) = (Arc::clone(policy), bound.to_vec(), Arc::clone(&keys));
        let setup = Setup {
            policy,
            bound,
            seed,
            keys,
        };
        let mut engine = Engine::new(setup, now);
        if let Some(kept) = &kept {
            let unreadable = engine.recall(now, &kept.registrations);
            if unreadable > 0 {
                tracing::warn!(
                    unreadable,
                    "some of the registrations in the store are of other keys or listeners"
                );
            }
            recall_peers(&mut engine, now, kept)?;
        }
        Ok(engine)
    })?;
    if let Some(doors) = doors {
        running.admin = Some(doors.serve(Arc::new(running.inside()), shown)?);
    }
    Ok(running)
}

/// What the tracker of an earlier run knew of peers.
//= P2P-042
//= P2P-142
fn recall_peers(engine: &mut Engine, now: Now, kept: &Kept) -> io::Result<()> {
    let mut recalling = Recalling::default();
    let read = kept
        .file
        .each_of_peers(|stored| engine.recall_fact(now, &mut recalling, &stored));
    read.map_err(io::Error::other)?;
    let pieces = store::each_piece(&kept.snapshot, |piece| engine.recall_piece(now, &mut recalling, &piece));
    match pieces {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!("what peers had announced is there in part: its file is cut short, or of other keys")
        }
        Err(error) => tracing::warn!("what peers had announced cannot be read: {error}; they announce anew"),
    }
    let expected = engine.recalled(now, &recalling);
    if recalling.lost > 0 {
        let lost = recalling.lost;
        tracing::warn!(
            lost,
            "some of what the store keeps of peers has ended or is of other keys"
        );
    }
    let back = recalling.back();
    if back + expected > 0 {
        tracing::info!(back, expected, "the tracker knows who was there before");
    }
    Ok(())
}

/// What takes things down for all workers, and who installs security associations.
#[derive(Default)]
struct Sinks {
    audit: Option<Sink>,
    mirror: Option<Mirror>,
    store: Option<Store>,
    snapshots: Option<Snapshots>,
    backend: Option<Box<dyn Backend>>,
}

/// A store with its writer, and what it holds.
struct Opened {
    store: Store,
    snapshots: Snapshots,
    kept: Kept,
}

struct Kept {
    registrations: Vec<Stored>,
    file: store::File,
    snapshot: PathBuf,
}

/// The store the policy names.
//= PCSCF-033
fn store(policy: &Policy) -> Result<Option<Opened>, StartError> {
    let policy::store::Store::File(path) = &policy.store.value else {
        return Ok(None);
    };
    let (file, kept) = store::File::open(Path::new(path))?;
    let room = store::Room {
        registrations: policy.limits.registrations_max as usize,
        peers: FACTS_THAT_END_MAX,
    };
    let queue_max = policy.limits.store_queue_max as usize;
    let store = Store::start(file.clone(), &kept, queue_max, room)?;
    let snapshot = PathBuf::from(format!("{path}.peers"));
    Ok(Some(Opened {
        store,
        snapshots: Snapshots::start(snapshot.clone())?,
        kept: Kept {
            registrations: kept.registrations,
            file,
            snapshot,
        },
    }))
}

/// The audit the policy names, with its writer.
fn audit(policy: &Policy) -> Result<Option<Sink>, StartError> {
    let Some(audit) = &policy.lawful_interception.audit else {
        return Ok(None);
    };
    let secrets = key_file::secrets(Path::new(&audit.key_file.value))?;
    let keys = AuditKeys::new(&secrets).map_err(KeyFileError::from)?;
    let file = AuditFile::open(Path::new(&audit.file.value), keys)?;
    let sink = Sink::start(policy.limits.audit_queue_max as usize, file)?;
    Ok(Some(sink))
}

/// Why there is no proxy. Nothing is open any more.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Ipsec(#[from] NotReady),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    AuditKeys(#[from] KeyFileError),
    #[error(transparent)]
    Audit(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("nothing can be mirrored: {0}\n  see whether there is a route to `hep` of [admin]")]
    Mirror(#[source] io::Error),
    #[error("a worker cannot start: {0}\n  see whether this process may open enough files (`ulimit -n`) and threads")]
    Worker(#[from] io::Error),
}

/// A proxy at work. Dropping it ends it at once.
pub struct Running {
    /// Where it listens, with the ports the system chose; TCP beside each UDP.
    pub bound: Vec<Bound>,
    /// Where the tracker is asked directly.
    pub https: Option<SocketAddr>,
    counters: Arc<Counters>,
    certificates: Arc<Certificates>,
    in_force: Option<Arc<InForce>>,
    /// The operator's doors, while they are open.
    admin: Option<Served>,
    mirror: Option<Arc<Mirror>>,
    orders: Arc<watch::Sender<Orders>>,
    asked: Asked,
    began_at: SystemTime,
    ended: mpsc::Receiver<()>,
    threads: Vec<JoinHandle<Counts>>,
}

impl Running {
    /// Ends when no transaction lives any more, at the latest after `proxy.drain`.
    pub fn stop(&self) {
        self.orders
            .send_modify(|orders| orders.stop = orders.stop.max(Stop::Drain));
    }

    /// Ends without waiting for anything.
    pub fn stop_now(&self) {
        self.orders.send_modify(|orders| orders.stop = Stop::Now);
    }

    /// Gives every engine a new policy and, if there are any, new keys, and every handshake from now on the certificates it names. Refused, with nothing
    /// changed, when its listeners are not the ones that are open (a listener's place in the policy is how traffic, and with
    /// it trust, is told apart), or when a certificate does not load.
    pub fn reload(&self, policy: Arc<Policy>, keys: Option<Arc<Keys>>) -> Result<(), NotReloaded> {
        if !has_same_listeners(&self.orders.borrow().policy, &policy) {
            return Err(ListenersChanged.into());
        }
        if !has_same_audit(&self.orders.borrow().policy, &policy) {
            return Err(NotReloaded::AuditChanged);
        }
        if self.orders.borrow().policy.store.value != policy.store.value {
            return Err(NotReloaded::StoreChanged);
        }
        if !has_same_doors(&self.orders.borrow().policy, &policy) {
            return Err(NotReloaded::AdminChanged);
        }
        self.certificates.renew(&policy)?;
        if let Some(mirror) = &self.mirror {
            mirror.looks_by(Arc::clone(&policy));
        }
        // First who gets what: a token of the new keys is known before any is made.
        if let (Some(in_force), Some(keys)) = (&self.in_force, &keys) {
            in_force.set(Arc::clone(keys));
        }
        self.orders.send_modify(|orders| {
            orders.policy = policy;
            orders.policy_at = SystemTime::now();
            if keys.is_some() {
                orders.keys = keys;
                orders.rotation += 1;
            }
        });
        Ok(())
    }

    /// Reads the certificates again if one of their files is another than at the last look; whether it was. Connections go
    /// on. A failure is told once, and leaves those that hold.
    pub fn renew_certificates(&self) -> Result<bool, TlsError> {
        let policy = Arc::clone(&self.orders.borrow().policy);
        self.certificates.renew_if_changed(&policy)
    }

    /// What was dropped, refused or failed so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What all engines decided so far. One that does not answer within [`inside::TELL_TIME_MAX`] is left out.
    //= SEC-010
    pub async fn counts(&self) -> Counts {
        self.asked.ask(&self.orders, self.threads.len()).await
    }

    /// Where the operator's doors are.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|served| served.address)
    }

    fn inside(&self) -> inside::View {
        inside::View::of(self)
    }

    /// Waits until another worker has ended. `None`: all have.
    pub async fn worker_ended(&mut self) -> Option<()> {
        self.ended.recv().await
    }

    /// Waits until all workers have ended. Gives what their engines decided.
    pub fn join(mut self) -> Result<Counts, WorkerFailed> {
        let ended: Vec<_> = std::mem::take(&mut self.threads)
            .into_iter()
            .map(JoinHandle::join)
            .collect();
        ended.into_iter().try_fold(Counts::default(), |mut sum, counts| {
            sum += &counts.map_err(|_| WorkerFailed)?;
            Ok(sum)
        })
    }
}

/// Why the running policy stays.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    #[error(transparent)]
    Listeners(#[from] ListenersChanged),
    #[error("the new policy changes lawful_interception.audit: restart to apply it")]
    AuditChanged,
    #[error("the new policy changes [store]: restart to apply it")]
    StoreChanged,
    #[error("the new policy changes [admin]: restart to apply it")]
    AdminChanged,
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A new policy moves, adds or takes away listeners.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the new policy changes the listeners (name, order or `bind`), or where `https` of [p2p] is: restart to apply it"
)]
pub struct ListenersChanged;

/// A defect ended a worker.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker ended by a defect of this program")]
pub struct WorkerFailed;

/// What all workers are to do.
#[derive(Clone)]
struct Orders {
    policy: Arc<Policy>,
    /// Since when it is in force.
    policy_at: SystemTime,
    keys: Option<Arc<Keys>>,
    /// How often there were other keys.
    rotation: u64,
    stop: Stop,
    /// How often it was asked what was decided, and whom to tell.
    question: u64,
    tell: Option<mpsc::Sender<Counts>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    No,
    Drain,
    Now,
}

/// [`start`] for any decider.
fn start_with<D: Decides>(
    policy: Arc<Policy>,
    keys: Option<Arc<Keys>>,
    sinks: Sinks,
    make: impl Fn(&Arc<Policy>, &[Bound], Now) -> io::Result<D> + Send + Sync + 'static,
) -> Result<Running, StartError> {
    let workers = match policy.proxy.workers.value {
        0 => thread::available_parallelism().map_or(1, usize::from),
        workers => usize::from(workers),
    };
    let certificates = Arc::new(Certificates::load(&policy)?);
    let listening = listen(&policy, workers)?;
    let mut https = listen_https(&policy)?;
    let https_at = https.as_ref().map(TcpListener::local_addr).transpose()?;
    let inbox_max = (policy.limits.handover_max as usize).max(1);
    let (inboxes, handed): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel(inbox_max)).unzip();
    let in_force = keys.clone().map(|keys| Arc::new(InForce::new(keys)));
    let handover = Arc::new(Handover::new(inboxes, in_force.clone()));
    let live: Arc<[AtomicU64]> = (0..workers).map(|_| AtomicU64::new(u64::MAX)).collect();
    let (counters, sources) = (Arc::<Counters>::default(), Arc::<Sources>::default());
    let aliases = Arc::<Aliases>::default();
    let (audit, store, mut backend) = (sinks.audit.map(Arc::new), sinks.store.map(Arc::new), sinks.backend);
    let snapshots = sinks.snapshots.map(Arc::new);
    let mirror = sinks.mirror.map(Arc::new);
    let stop = Stop::No;
    let began_at = SystemTime::now();
    let (orders, received) = watch::channel(Orders {
        policy,
        policy_at: began_at,
        keys,
        rotation: 0,
        stop,
        question: 0,
        tell: None,
    });
    let (ending, ended) = mpsc::channel(workers);
    let (ready, readiness) = std::sync::mpsc::channel();
    let make = Arc::new(make);
    let mut running = Running {
        bound: listening.bound.clone(),
        https: https_at,
        counters: Arc::clone(&counters),
        certificates: Arc::clone(&certificates),
        in_force,
        admin: None,
        mirror: mirror.clone(),
        orders: Arc::new(orders),
        asked: Asked::default(),
        began_at,
        ended,
        threads: Vec::with_capacity(workers),
    };
    for (index, (sockets, handed)) in listening.workers.into_iter().zip(handed).enumerate() {
        let post = Post {
            index,
            bound: listening.bound.clone(),
            orders: received.clone(),
            handed,
            handover: Arc::clone(&handover),
            live: Arc::clone(&live),
            counters: Arc::clone(&counters),
            sources: Arc::clone(&sources),
            aliases: Arc::clone(&aliases),
            audit: audit.clone(),
            mirror: mirror.clone(),
            store: store.clone(),
            snapshots: snapshots.clone(),
            backend: backend.take(),
            certificates: Arc::clone(&certificates),
            https: https.take(),
        };
        let (make, ready, ending) = (Arc::clone(&make), ready.clone(), Ending(ending.clone()));
        let thread = thread::Builder::new().name(format!("worker-{index}"));
        let work = move || {
            let _ending = ending;
            work(post, sockets, make.as_ref(), ready)
        };
        running.threads.push(thread.spawn(work)?);
    }
    drop(ready);
    // Also an error when a worker ended without a word: all the senders are gone before all have reported.
    let report = || readiness.recv().unwrap_or_else(|_| Err(io::Error::other(WorkerFailed)));
    let started: io::Result<()> = (0..workers).try_for_each(|_| report());
    if let Err(error) = started {
        running.stop_now();
        let _ = running.join();
        return Err(error.into());
    }
    Ok(running)
}

/// One worker, from its first breath to its last.
fn work<D: Decides>(
    post: Post<D::Message>,
    sockets: Sockets,
    make: &(impl Fn(&Arc<Policy>, &[Bound], Now) -> io::Result<D> + ?Sized),
    ready: std::sync::mpsc::Sender<io::Result<()>>,
) -> Counts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Counts::default();
        }
    };
    runtime.block_on(async {
        match Worker::new(post, sockets, make) {
            Ok(worker) => {
                let _ = ready.send(Ok(()));
                drop(ready);
                worker.run().await
            }
            Err(error) => {
                let _ = ready.send(Err(error));
                Counts::default()
            }
        }
    })
}

/// Tells, however a worker ends, that it did.
struct Ending(mpsc::Sender<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

fn has_same_listeners(old: &Policy, new: &Policy) -> bool {
    let pairs = || old.listeners.iter().zip(&new.listeners);
    let https = |policy: &Policy| policy.p2p.https.as_ref().map(|https| https.bind.value);
    old.listeners.len() == new.listeners.len()
        && https(old) == https(new)
        && pairs().all(|(old, new)| old.name.value == new.name.value)
        && pairs().all(|(old, new)| {
            let (old, new) = (old.bind.iter(), new.bind.iter());
            old.map(|bind| bind.value).eq(new.map(|bind| bind.value))
        })
}

/// The files are what counts, not the line they are named in.
fn has_same_audit(old: &Policy, new: &Policy) -> bool {
    let files = |policy: &Policy| {
        let audit = policy.lawful_interception.audit.as_ref();
        audit.map(|audit| (audit.file.value.clone(), audit.key_file.value.clone()))
    };
    files(old) == files(new)
}

fn has_same_doors(old: &Policy, new: &Policy) -> bool {
    let doors = |policy: &Policy| {
        let http = policy.admin.http.as_ref();
        let http = http.map(|http| (http.bind.value, http.token_file.as_ref().map(|file| file.value.clone())));
        let hep = policy.admin.hep.as_ref();
        (
            http,
            hep.map(|hep| (hep.to.value, hep.identities.value, hep.agent.value)),
        )
    };
    doors(old) == doors(new)
}

/// Whether every worker has said that none of its transactions lives.
fn all_quiet(live: &[AtomicU64]) -> bool {
    live.iter().all(|live| live.load(Ordering::Relaxed) == 0)
}
