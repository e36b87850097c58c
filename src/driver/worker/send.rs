//! What leaves a worker: by its sockets, by connections, or by the hand of another worker.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpStream;

use super::{Decides, Word, Worker};
use crate::{
    engine::{Bound, LocateId, SendId, ShownBy},
    locate::Question,
    net::{
        Cleared,
        flows::{Ends, Flows, NotQueued, Way},
        handover::{Event, Sending},
        handshake::{Handshake, Security},
        tcp::{self, Origin, Report},
        tls::server_name,
    },
    pcscf::security::Removal,
    policy::Part,
    sip::Transport,
    trust::{ConnectionId, evidence::Destination},
};

impl<D: Decides> Worker<D> {
    pub(super) fn send(&mut self, id: SendId, message: D::Message) {
        let sending = Sending { worker: self.index, id };
        if message.destination().transport == Transport::Udp {
            return self.send_datagram(sending, message);
        }
        let destination = *message.destination();
        match destination.connection {
            None => match self.alias_elsewhere(&destination) {
                Some(owner) => self.send_by(owner, sending, message),
                None => self.send_stream(sending, message),
            },
            Some(connection) => {
                let owner = Flows::<D::Message>::owner(connection);
                if owner == self.index {
                    self.send_on(Some(connection), sending, message);
                } else {
                    self.send_by(owner, sending, message);
                }
            }
        }
    }

    /// Puts a message that leaves into the mirror, if there is one.
    pub(super) fn show(&self, message: &D::Message) {
        let Some(mirror) = self.mirror.as_ref().filter(|mirror| mirror.is_looked_at()) else {
            return;
        };
        let to = message.destination();
        let fits = |bound: &&Bound| bound.listener == to.listener && bound.address.is_ipv4() == to.remote.is_ipv4();
        let mut datagrams = self.sockets.iter().map(|socket| &socket.bound);
        let own = match to.transport {
            Transport::Udp => datagrams.find(fits),
            _ => self
                .streams
                .iter()
                .filter(|bound| bound.transport == to.transport)
                .find(fits),
        };
        // Of a connection that we opened, the port is another one; whoever looks on wants to know whose it is.
        if let Some(own) = own {
            mirror.left(message, own.address);
        }
    }

    fn send_by(&mut self, owner: usize, sending: Sending, message: D::Message) {
        if self.hand_over(owner, Event::Send { sending, message }).is_err() {
            self.fail(sending);
        }
    }

    /// The other worker whose connection leads there, when none of this one does.
    //= TPT-007
    fn alias_elsewhere(&self, destination: &Destination) -> Option<usize> {
        let way = Way::from(destination);
        if self.flows.ours(&way).is_some() {
            return None;
        }
        let owner = Flows::<D::Message>::owner(self.flows.aliased(&way)?);
        (owner != self.index).then_some(owner)
    }

    /// By a connection of this worker, a new one if there is none.
    pub(super) fn send_stream(&mut self, sending: Sending, message: D::Message) {
        match self.connection_to(message.destination()) {
            Some(connection) => self.send_on(Some(connection), sending, message),
            None => self.fail(sending),
        }
    }

    /// Tells the worker of a connection what it stands for. When its inbox is full, the next request says so again.
    pub(super) fn alias(&mut self, connection: ConnectionId, of: Destination, by: ShownBy) {
        let owner = Flows::<D::Message>::owner(connection);
        if owner == self.index {
            self.flows.alias(connection, Way::from(&of), by);
        } else if self.hand_over(owner, Event::Alias { connection, of, by }).is_err() {
            self.counters.handover_dropped.add(1);
        }
    }

    /// Ends a connection. When the inbox of its worker is full, its next message says so again.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        let owner = Flows::<D::Message>::owner(connection);
        if owner == self.index {
            self.flows.cut(connection);
        } else if self.hand_over(owner, Event::Close(connection)).is_err() {
            self.counters.handover_dropped.add(1);
        }
    }

    /// Ends the connections that carry requests over security associations that end: what is still queued would go unprotected.
    pub(super) fn cut_off(&mut self, removal: &Removal) {
        for association in &removal.associations {
            let mut bound = self.sockets.iter().map(|socket| socket.bound);
            let Some(own) = bound.find(|bound| bound.address == association.from) else {
                continue;
            };
            let way = Way {
                listener: own.listener,
                transport: Transport::Tcp,
                remote: association.to,
                certified: None,
            };
            let ended = [self.flows.ours(&way), self.flows.aliased(&way)];
            ended
                .into_iter()
                .flatten()
                .for_each(|connection| self.close(connection));
        }
    }

    fn send_datagram(&mut self, sending: Sending, message: D::Message) {
        let destination = message.destination();
        let fits = |bound: &Bound| {
            bound.listener == destination.listener && bound.address.is_ipv4() == destination.remote.is_ipv4()
        };
        let Some(socket) = self.sockets.iter_mut().find(|socket| fits(&socket.bound)) else {
            return self.fail(sending);
        };
        if let Some(dropped) = socket.push(sending.id, message) {
            self.counters.datagrams_dropped.add(1);
            self.failed.push(dropped);
        }
        if socket.has_batch() {
            socket.flush(&mut self.sender, &mut self.failed);
        }
    }

    /// On this very connection of this worker; another is not looked for when it is gone, because what was cleared was cleared
    /// for it.
    pub(super) fn send_on(&mut self, connection: Option<ConnectionId>, sending: Sending, message: D::Message) {
        let sent = match connection {
            Some(connection) => self.flows.send(connection, sending, message),
            None => Err(NotQueued::Gone),
        };
        if let Err(reason) = sent {
            if reason == NotQueued::Overflow {
                self.counters.connections_overflowed.add(1);
            }
            self.fail(sending);
        }
    }

    /// The connection we opened there, one of the peer that stands for it, or a new one.
    //= TPT-007
    fn connection_to(&mut self, destination: &Destination) -> Option<ConnectionId> {
        let way = Way::from(destination);
        if let Some(connection) = self.flows.ours(&way) {
            return Some(connection);
        }
        if let Some(connection) = self.flows.aliased(&way)
            && self.flows.is_alive(connection)
        {
            return Some(connection);
        }
        let origin = Origin::Ours(self.leaves_from(&way)?);
        let handshake = self.towards(&way)?;
        let ends = self.flows.open(way).ok()?;
        let id = ends.id;
        self.spawn(ends, origin, handshake);
        Some(id)
    }

    /// Where a connection on this way begins: at a port of the system's choice, or at the client port of security associations.
    //= PCSCF-024
    fn leaves_from(&self, way: &Way) -> Option<SocketAddr> {
        let fits = |bound: &Bound| bound.listener == way.listener && bound.address.is_ipv4() == way.remote.is_ipv4();
        if let Some(Part::Client { .. }) = self.policy.part(way.listener) {
            let mut own = self.sockets.iter().map(|socket| socket.bound);
            return own.find(fits).map(|bound| bound.address);
        }
        let mut own = self.streams.iter();
        let from = own.find(|bound| fits(bound) && bound.transport == way.transport)?;
        Some(SocketAddr::new(from.address.ip(), 0))
    }

    /// `None`: this way cannot be gone. Over WebSocket the other side connects, always.
    //= TPT-010
    fn towards(&self, way: &Way) -> Option<Handshake> {
        match way.transport {
            Transport::Tcp => Some(plainly(Security::None)),
            Transport::Tls => {
                let side = self.certificates.of(way.listener)?;
                let host = |name| self.engine.host(name);
                let name = server_name(way.certified?, way.remote.ip(), host)?;
                Some(plainly(Security::Connect(side.client, name)))
            }
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        }
    }

    pub(super) fn accepted(&mut self, bind: usize, stream: TcpStream) {
        let Ok(remote) = stream.peer_addr() else {
            return;
        };
        let bound = self.streams[bind];
        let way = Way {
            listener: bound.listener,
            transport: bound.transport,
            remote,
            certified: None,
        };
        let security = match (bound.transport.is_tls(), self.certificates.of(bound.listener)) {
            (false, _) => Security::None,
            (true, Some(side)) => Security::Accept(side.server, Arc::clone(&self.policy)),
            (true, None) => return self.counters.connections_refused.add(1),
        };
        let handshake = Handshake {
            security,
            web_socket: matches!(bound.transport, Transport::Ws | Transport::Wss),
        };
        match self.flows.accept(way) {
            Ok(ends) => self.spawn(ends, Origin::Accepted(stream), handshake),
            Err(_) => self.counters.connections_refused.add(1),
        }
    }

    fn spawn(&self, ends: Ends<D::Message>, origin: Origin, handshake: Handshake) {
        let report = Report {
            worker: self.index,
            tasks: self.to_tasks.clone(),
            handover: Arc::clone(&self.handover),
        };
        tokio::spawn(tcp::run(ends, origin, handshake, self.policy.limits.clone(), report));
    }

    pub(super) fn locate(&mut self, id: LocateId, question: &Question) {
        match self.dns.as_ref().and_then(|dns| dns.ask(question)) {
            Some(answer) => {
                let words = self.to_words.clone();
                tokio::spawn(async move {
                    let answer = answer.await;
                    let _ = words.send(Word::Located { id, answer }).await;
                });
            }
            None => {
                self.counters.questions_refused.add(1);
                self.unasked.push(id);
            }
        }
    }

    /// Back to the engine that asked. When its inbox is full it hears nothing, as if the message were lost on the way.
    pub(super) fn fail(&mut self, sending: Sending) {
        if sending.worker == self.index {
            self.failed.push(sending.id);
        } else if self.hand_over(sending.worker, Event::Failed(sending.id)).is_err() {
            self.counters.handover_dropped.add(1);
        }
    }

    pub(super) fn hand_over(&self, worker: usize, event: Event<D::Message>) -> Result<(), ()> {
        let inbox = self.handover.inbox(worker).ok_or(())?;
        inbox.try_send(event).map_err(|_| ())
    }
}

fn plainly(security: Security) -> Handshake {
    let web_socket = false;
    Handshake { security, web_socket }
}
