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

use super::{Cleared, aliases::Aliases, handover::Sending};
use crate::{
    engine::ShownBy,
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
    /// it connected to us, unless it proved to be who the request is for.
    ours: HashMap<Way, ConnectionId>,
    aliases: Arc<Aliases>,
    accepted: usize,
    sources: Arc<Sources>,
}

struct Entry<M> {
    way: Way,
    /// What it stands for besides.
    alias: Option<Way>,
    proved: Proved,
    /// `None`: what is queued still goes out, then it ends.
    queue: Option<mpsc::UnboundedSender<Queued<M>>>,
    backlog: Backlog,
    kill: Option<oneshot::Sender<()>>,
    accepted: bool,
}

impl<M: Cleared> Flows<M> {
    pub fn new(worker: usize, limits: Limits, sources: Arc<Sources>, aliases: Arc<Aliases>) -> Self {
        Flows {
            worker,
            limits,
            last: 0,
            open: HashMap::new(),
            ours: HashMap::new(),
            aliases,
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
        self.ours
            .get(way)
            .copied()
            .filter(|connection| self.is_alive(*connection))
    }

    /// Whether a connection of this worker still takes messages. Its end may not have been reported yet.
    pub fn is_alive(&self, connection: ConnectionId) -> bool {
        let queue = self.open.get(&connection).and_then(|entry| entry.queue.as_ref());
        queue.is_some_and(|queue| !queue.is_closed())
    }

    /// The connection that its peer opened, perhaps to another worker, and that stands for one on this way.
    pub fn aliased(&self, way: &Way) -> Option<ConnectionId> {
        self.aliases.of(way)
    }

    /// From now on a connection of a peer stands for one we would open on this way: to the same machine, and to the name that it
    /// proved on this very connection, or to the UE whose security associations it runs over.
    //= TPT-007
    //= PCSCF-024
    pub fn alias(&mut self, connection: ConnectionId, way: Way, by: ShownBy) {
        let Some(entry) = self.open.get_mut(&connection) else {
            return;
        };
        let ends = |way: &Way| (way.transport, way.remote.ip());
        let is_shown = match by {
            ShownBy::Certificate => {
                entry.way.listener == way.listener
                    && way.certified.is_some()
                    && way.certified == entry.proved.get().copied()
            }
            ShownBy::Association => way.certified.is_none(),
        };
        let fits = entry.accepted
            && entry.queue.is_some()
            && entry.alias.is_none()
            && ends(&entry.way) == ends(&way)
            && is_shown;
        if fits {
            entry.alias = Some(way);
            self.aliases.enter(way, connection);
        }
    }

    /// Queues a message on a connection, if that connection runs where the message was cleared for, or stands for one there, and
    /// its other end is (or, before anything is written, will have proved to be) who it was cleared for.
    //= TRUST-029
    pub fn send(&mut self, connection: ConnectionId, sending: Sending, message: M) -> Result<(), NotQueued> {
        let way = Way::from(message.destination());
        let is_for = |entry: &&mut Entry<M>| {
            let proved = entry.proved.get().copied().or(entry.way.certified);
            let leads_there = entry.way.same_ends(&way) || entry.alias == Some(way);
            leads_there && (way.certified.is_none() || way.certified == proved)
        };
        let Some(entry) = self.open.get_mut(&connection).filter(is_for) else {
            return Err(NotQueued::Gone);
        };
        let Some(queue) = &entry.queue else {
            return Err(NotQueued::Gone);
        };
        if !entry.backlog.enter(message.bytes().len()) {
            self.cut(connection);
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
            if let Some(alias) = entry.alias.take() {
                self.aliases.leave(&alias, connection);
            }
            if self.ours.get(&entry.way) == Some(&connection) {
                self.ours.remove(&entry.way);
            }
        }
    }

    /// Ends a connection at once, whatever is queued.
    pub fn cut(&mut self, connection: ConnectionId) {
        if let Some(entry) = self.open.get_mut(&connection) {
            entry.kill.take().map(|kill| kill.send(()));
            self.finish(connection);
        }
    }

    pub fn finish_all(&mut self) {
        let open: Vec<ConnectionId> = self.open.keys().copied().collect();
        open.into_iter().for_each(|connection| self.finish(connection));
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
            alias: None,
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
    pub fn enter(&self, source: IpAddr, max: u32) -> bool {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sources.get(&source).copied().unwrap_or(0);
        if open < max {
            sources.insert(source, open + 1);
        }
        open < max
    }

    pub fn leave(&self, source: IpAddr) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.get_mut(&source) {
            Some(open) if *open > 1 => *open -= 1,
            _ => drop(sources.remove(&source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::engine::SendId;

    struct Toy(Destination);

    impl Cleared for Toy {
        fn bytes(&self) -> &Bytes {
            static NOTHING: Bytes = Bytes::new();
            &NOTHING
        }

        fn destination(&self) -> &Destination {
            &self.0
        }
    }

    const SENDING: Sending = Sending {
        worker: 0,
        id: SendId(0),
    };

    /// From where a peer connected, and where it is reached.
    const THERE: &str = "192.0.2.9:40000";
    const HERE: &str = "192.0.2.9:5061";

    fn way(remote: &str, certified: Option<&str>) -> Way {
        Way {
            listener: ListenerId(0),
            transport: Transport::Tls,
            remote: remote.parse().unwrap(),
            certified: certified.map(CertifiedName::of),
        }
    }

    fn to(way: Way) -> Toy {
        Toy(Destination {
            listener: way.listener,
            transport: way.transport,
            remote: way.remote,
            connection: None,
            certified: way.certified,
        })
    }

    fn flows() -> Flows<Toy> {
        Flows::new(0, Limits::default(), Arc::default(), Arc::default())
    }

    /// A connection of a peer that proved this name.
    fn accepted(flows: &mut Flows<Toy>, proved: Option<&str>) -> Ends<Toy> {
        let ends = flows.accept(way(THERE, None)).unwrap();
        if let Some(name) = proved {
            ends.proved.set(CertifiedName::of(name)).unwrap();
        }
        ends
    }

    //= TPT-007 type=test
    #[test]
    fn a_peers_connection_stands_for_the_name_it_proved_at_its_own_address() {
        let mut flows = flows();
        let ends = accepted(&mut flows, Some("friend.example"));
        let friend = way(HERE, Some("friend.example"));
        assert_eq!(flows.aliased(&friend), None, "it has to ask for it");
        flows.alias(ends.id, friend, ShownBy::Certificate);
        assert_eq!(flows.aliased(&friend), Some(ends.id));
        assert_eq!(flows.send(ends.id, SENDING, to(friend)), Ok(()));
        for other in [
            way(HERE, Some("other.example")),
            way(HERE, None),
            way("192.0.2.9:5062", Some("friend.example")),
            way("192.0.2.10:5061", Some("friend.example")),
            Way {
                listener: ListenerId(1),
                ..friend
            },
        ] {
            assert_eq!(flows.aliased(&other), None);
            assert_eq!(flows.send(ends.id, SENDING, to(other)), Err(NotQueued::Gone));
        }
        // One connection stands for one place.
        flows.alias(
            ends.id,
            way("192.0.2.9:5062", Some("friend.example")),
            ShownBy::Certificate,
        );
        assert_eq!(flows.aliased(&way("192.0.2.9:5062", Some("friend.example"))), None);
    }

    //= PCSCF-024 type=test
    #[test]
    fn the_connection_of_a_protected_ue_stands_for_its_server_port_without_a_name() {
        let mut flows = flows();
        let tcp = |listener, remote: &str| Way {
            listener: ListenerId(listener),
            transport: Transport::Tcp,
            ..way(remote, None)
        };
        let ends = flows.accept(tcp(1, "192.0.2.9:31000")).unwrap();
        let (server, elsewhere) = (tcp(2, "192.0.2.9:31001"), tcp(2, "192.0.2.10:31001"));
        flows.alias(ends.id, elsewhere, ShownBy::Association);
        flows.alias(ends.id, way("192.0.2.9:31001", None), ShownBy::Association);
        flows.alias(
            ends.id,
            way("192.0.2.9:31001", Some("ue.example")),
            ShownBy::Association,
        );
        assert_eq!(flows.send(ends.id, SENDING, to(server)), Err(NotQueued::Gone));
        flows.alias(ends.id, server, ShownBy::Association);
        assert_eq!(flows.aliased(&server), Some(ends.id));
        assert_eq!(flows.send(ends.id, SENDING, to(server)), Ok(()));
        assert_eq!(flows.send(ends.id, SENDING, to(elsewhere)), Err(NotQueued::Gone));
        flows.cut(ends.id);
        assert_eq!(flows.aliased(&server), None);
    }

    #[test]
    fn a_connection_whose_end_is_not_reported_yet_carries_nothing_new() {
        let mut flows = flows();
        let friend = way(HERE, Some("friend.example"));
        let ends = flows.open(friend).unwrap();
        assert_eq!(flows.ours(&friend), Some(ends.id));
        drop(ends.queue);
        assert_eq!((flows.ours(&friend), flows.is_alive(ends.id)), (None, false));
        let again = flows.open(friend).unwrap();
        flows.closed(ends.id);
        assert_eq!(flows.ours(&friend), Some(again.id));
    }

    //= TPT-007 type=test
    #[test]
    fn nobody_stands_for_a_name_or_an_address_that_is_not_its_own() {
        let mut flows = flows();
        let friend = way(HERE, Some("friend.example"));
        let elsewhere = way("192.0.2.10:5061", Some("friend.example"));
        for (proved, asked) in [
            (None, friend),
            (None, way(HERE, None)),
            (Some("other.example"), friend),
            (Some("friend.example"), elsewhere),
            (Some("friend.example"), way(HERE, None)),
        ] {
            let ends = accepted(&mut flows, proved);
            flows.alias(ends.id, asked, ShownBy::Certificate);
            assert_eq!(flows.aliased(&asked), None);
            assert_eq!(flows.send(ends.id, SENDING, to(asked)), Err(NotQueued::Gone));
        }
        let ours = flows.open(friend).unwrap();
        flows.alias(
            ours.id,
            way("192.0.2.9:5062", Some("friend.example")),
            ShownBy::Certificate,
        );
        assert_eq!(flows.aliased(&way("192.0.2.9:5062", Some("friend.example"))), None);
    }

    //= TPT-007 type=test
    #[test]
    fn a_connection_that_ends_stands_for_nothing() {
        let mut flows = flows();
        let friend = way(HERE, Some("friend.example"));
        let [old, new] = [(); 2].map(|()| accepted(&mut flows, Some("friend.example")));
        flows.alias(old.id, friend, ShownBy::Certificate);
        flows.alias(new.id, friend, ShownBy::Certificate);
        assert_eq!(flows.aliased(&friend), Some(new.id), "the newest");
        flows.closed(old.id);
        assert_eq!(flows.aliased(&friend), Some(new.id), "it has taken over");
        flows.finish(new.id);
        assert_eq!(flows.aliased(&friend), None);
        assert_eq!(flows.send(new.id, SENDING, to(friend)), Err(NotQueued::Gone));
        flows.closed(new.id);
        // A later one has another number, so what was cleared for this one reaches nobody.
        let later = accepted(&mut flows, Some("friend.example"));
        assert_ne!(later.id, new.id);
        assert_eq!(flows.send(new.id, SENDING, to(way(THERE, None))), Err(NotQueued::Gone));
        assert_eq!(flows.send(later.id, SENDING, to(way(THERE, None))), Ok(()));
        flows.alias(later.id, friend, ShownBy::Certificate);
        flows.finish_all();
        assert_eq!(flows.aliased(&friend), None);
        flows.alias(later.id, friend, ShownBy::Certificate);
        assert_eq!(flows.aliased(&friend), None, "nothing more is taken for it");
    }
}
