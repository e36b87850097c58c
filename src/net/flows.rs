//! The open stream connections of one worker.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

use super::{Cleared, handover::Sending};
use crate::{
    policy::{CertifiedName, Limits, ListenerId},
    sip::Transport,
    trust::{ConnectionId, evidence::Destination},
};

/// Charged to a connection's queue for each entry besides its bytes, so that many small ones are bounded too.
pub(crate) const ENTRY_BYTES: usize = 64;

/// Bits of a connection's id that count within its worker; the worker stands above them.
const WORKER_SHIFT: u32 = 48;

/// Between whom a connection runs. What we open is shared by all messages of the same way.
//= TPT-007
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub listener: ListenerId,
    pub transport: Transport,
    pub remote: SocketAddr,
    /// The name that the other end must prove before anything is written; connections of different names are not shared.
    pub certified: Option<CertifiedName>,
}

impl Way {
    fn same_ends(&self, other: &Way) -> bool {
        (self.listener, self.transport, self.remote) == (other.listener, other.transport, other.remote)
    }
}

impl From<&Destination> for Way {
    fn from(destination: &Destination) -> Self {
        Way {
            listener: destination.listener,
            transport: destination.transport,
            remote: destination.remote,
            certified: destination.certified,
        }
    }
}

/// The name that the other end of a connection proved, once it has: written by its task before any message is handed on.
pub(crate) type Proved = Arc<OnceLock<CertifiedName>>;

/// One thing to write.
pub(crate) enum Queued<M> {
    Message(Sending, M),
    /// The answer to a keep-alive.
    Pong,
}

impl<M: Cleared> Queued<M> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Queued::Message(_, message) => message.bytes(),
            Queued::Pong => b"\r\n",
        }
    }
}

/// Bytes queued for one connection and not yet taken by the kernel.
#[derive(Clone)]
pub(crate) struct Backlog {
    bytes: Arc<AtomicUsize>,
    max: usize,
}

impl Backlog {
    /// Counts an entry in; `false`: there is no room, nothing was counted.
    pub fn enter(&self, bytes: usize) -> bool {
        let charge = bytes + ENTRY_BYTES;
        let fits = self.bytes.fetch_add(charge, Ordering::Relaxed) + charge <= self.max;
        if !fits {
            self.leave(bytes);
        }
        fits
    }

    pub fn leave(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes + ENTRY_BYTES, Ordering::Relaxed);
    }
}

/// What the task of a connection holds.
pub(crate) struct Ends<M> {
    pub id: ConnectionId,
    pub way: Way,
    pub proved: Proved,
    pub queue: mpsc::UnboundedReceiver<Queued<M>>,
    /// Weak, so that the queue ends when the table lets go of it.
    pub own: mpsc::WeakUnboundedSender<Queued<M>>,
    pub backlog: Backlog,
    /// Sent: end at once.
    pub kill: oneshot::Receiver<()>,
}

/// Why a message was not queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// No such connection (any more), or not between these two.
    Gone,
    /// Its peer reads too slowly; the connection is being closed.
    Overflow,
}

/// Why there is no new connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    TooMany,
    TooManyFromSource,
}

/// The table.
pub(crate) struct Flows<M> {
    worker: usize,
    limits: Limits,
    last: u64,
    open: HashMap<ConnectionId, Entry<M>>,
    /// Connections we opened and may use for requests. Those opened by the peer are never here: nobody gets a request because
    /// it connected to us.
    ours: HashMap<Way, ConnectionId>,
    accepted: usize,
    sources: Arc<Sources>,
}

struct Entry<M> {
    way: Way,
    proved: Proved,
    /// `None`: what is queued still goes out, then it ends.
    queue: Option<mpsc::UnboundedSender<Queued<M>>>,
    backlog: Backlog,
    kill: Option<oneshot::Sender<()>>,
    accepted: bool,
}

impl<M: Cleared> Flows<M> {
    pub fn new(worker: usize, limits: Limits, sources: Arc<Sources>) -> Self {
        Flows {
            worker,
            limits,
            last: 0,
            open: HashMap::new(),
            ours: HashMap::new(),
            accepted: 0,
            sources,
        }
    }

    /// The worker that has this connection.
    pub fn owner(connection: ConnectionId) -> usize {
        (connection.0 >> WORKER_SHIFT) as usize
    }

    /// Holds for connections from now on.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Enters a connection that a peer opened.
    pub fn accept(&mut self, way: Way) -> Result<Ends<M>, Refused> {
        if self.accepted >= self.limits.connections_max as usize {
            return Err(Refused::TooMany);
        }
        if !self
            .sources
            .enter(way.remote.ip(), self.limits.connections_per_source_max)
        {
            return Err(Refused::TooManyFromSource);
        }
        self.accepted += 1;
        Ok(self.enter(way, true))
    }

    /// Enters a connection of ours, still to be made. Counted apart from those of peers, so that they cannot use up ours.
    pub fn open(&mut self, way: Way) -> Result<Ends<M>, Refused> {
        if self.open.len() - self.accepted >= self.limits.connections_max as usize {
            return Err(Refused::TooMany);
        }
        let ends = self.enter(way, false);
        self.ours.insert(way, ends.id);
        Ok(ends)
    }

    /// The connection we opened on this way.
    pub fn ours(&self, way: &Way) -> Option<ConnectionId> {
        self.ours.get(way).copied()
    }

    /// Queues a message on a connection, if that connection runs where the message was cleared for, and its other end is
    /// (or, before anything is written, will have proved to be) who it was cleared for.
    //= TRUST-029
    pub fn send(&mut self, connection: ConnectionId, sending: Sending, message: M) -> Result<(), NotQueued> {
        let way = Way::from(message.destination());
        let is_for = |entry: &&mut Entry<M>| {
            let proved = entry.proved.get().copied().or(entry.way.certified);
            entry.way.same_ends(&way) && (way.certified.is_none() || way.certified == proved)
        };
        let Some(entry) = self.open.get_mut(&connection).filter(is_for) else {
            return Err(NotQueued::Gone);
        };
        let Some(queue) = &entry.queue else {
            return Err(NotQueued::Gone);
        };
        if !entry.backlog.enter(message.bytes().len()) {
            entry.kill.take().map(|kill| kill.send(()));
            self.finish(connection);
            return Err(NotQueued::Overflow);
        }
        queue
            .send(Queued::Message(sending, message))
            .map_err(|_| NotQueued::Gone)
    }

    /// Takes nothing more for a connection; what is queued goes out first.
    pub fn finish(&mut self, connection: ConnectionId) {
        if let Some(entry) = self.open.get_mut(&connection) {
            entry.queue = None;
            if self.ours.get(&entry.way) == Some(&connection) {
                self.ours.remove(&entry.way);
            }
        }
    }

    pub fn finish_all(&mut self) {
        self.ours.clear();
        self.open.values_mut().for_each(|entry| entry.queue = None);
    }

    /// Forgets a connection whose task ended.
    pub fn closed(&mut self, connection: ConnectionId) {
        self.finish(connection);
        if let Some(entry) = self.open.remove(&connection)
            && entry.accepted
        {
            self.accepted -= 1;
            self.sources.leave(entry.way.remote.ip());
        }
    }

    fn enter(&mut self, way: Way, accepted: bool) -> Ends<M> {
        self.last += 1;
        let id = ConnectionId((self.worker as u64) << WORKER_SHIFT | self.last);
        let (sender, queue) = mpsc::unbounded_channel();
        let (kill, killed) = oneshot::channel();
        let backlog = Backlog {
            bytes: Arc::default(),
            max: self.limits.connection_queue_bytes_max as usize,
        };
        let proved = Proved::default();
        let ends = Ends {
            id,
            way,
            proved: Arc::clone(&proved),
            queue,
            own: sender.downgrade(),
            backlog: backlog.clone(),
            kill: killed,
        };
        let entry = Entry {
            way,
            proved,
            queue: Some(sender),
            backlog,
            kill: Some(kill),
            accepted,
        };
        self.open.insert(id, entry);
        ends
    }
}

/// How many connections each address has open to us, over all workers: the ceiling must not grow with their number. Touched
/// when a connection opens or closes, never for a message.
#[derive(Default)]
pub(crate) struct Sources(Mutex<HashMap<IpAddr, u32>>);

impl Sources {
    fn enter(&self, source: IpAddr, max: u32) -> bool {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sources.get(&source).copied().unwrap_or(0);
        if open < max {
            sources.insert(source, open + 1);
        }
        open < max
    }

    fn leave(&self, source: IpAddr) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.get_mut(&source) {
            Some(open) if *open > 1 => *open -= 1,
            _ => drop(sources.remove(&source)),
        }
    }
}
