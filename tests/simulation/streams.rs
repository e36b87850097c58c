//! TCP between the nodes: nothing is lost or overtaken, and a connection dies with either of its ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sipveil::trust::{ConnectionId, Destination};

use super::node::Node;

/// One side of a connection.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub node: usize,
    life: u32,
    /// The address of its listener.
    pub own: SocketAddr,
    /// The address the other side sees.
    pub seen: SocketAddr,
}

struct Stream {
    /// First who opened it.
    ends: [End; 2],
    /// When the last message towards each end arrives.
    last: [Duration; 2],
}

#[derive(Default)]
pub struct Streams {
    open: BTreeMap<u64, Stream>,
    count: u64,
}

/// One message on its way.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub connection: ConnectionId,
    /// Which end it goes to.
    towards: usize,
    pub arrives: Duration,
}

impl Streams {
    /// Puts a message on the connection that its destination names, on one that leads there, or on a new one. `None`: nobody
    /// is there. `from` is the listener's address, `soonest` when a datagram would arrive.
    pub fn send(
        &mut self,
        nodes: &[Node],
        node: usize,
        from: SocketAddr,
        to: &Destination,
        soonest: Duration,
    ) -> Option<Way> {
        let is_own = |end: &End| end.node == node && end.life == nodes[node].life;
        let named = to.connection.and_then(|ConnectionId(id)| {
            let ends = &self.open.get(&id)?.ends;
            Some((id, 1 - ends.iter().position(is_own)?))
        });
        let made = || {
            let found = self.open.iter();
            let mut found = found.filter(|(_, stream)| is_own(&stream.ends[0]) && stream.ends[1].seen == to.remote);
            found.next().map(|(id, _)| (*id, 1))
        };
        let (id, towards) = match named.or_else(made) {
            Some(found) => found,
            None => (self.connect(nodes, node, from, to.remote)?, 1),
        };
        let stream = self.open.get_mut(&id)?;
        let arrives = soonest.max(stream.last[towards] + Duration::from_micros(1));
        stream.last[towards] = arrives;
        Some(Way {
            connection: ConnectionId(id),
            towards,
            arrives,
        })
    }

    fn connect(&mut self, nodes: &[Node], node: usize, from: SocketAddr, to: SocketAddr) -> Option<u64> {
        let other = nodes.iter().position(|other| other.has(to) && other.is_alive())?;
        self.count += 1;
        let end = |node: usize, own: SocketAddr, seen: SocketAddr| End {
            node,
            life: nodes[node].life,
            own,
            seen,
        };
        let port = SocketAddr::new(from.ip(), 40_000 + (self.count % 20_000) as u16);
        let ends = [end(node, from, port), end(other, to, to)];
        let last = [Duration::ZERO; 2];
        self.open.insert(self.count, Stream { ends, last });
        Some(self.count)
    }

    /// Both ends of a connection as a message that arrives sees them: the receiver first. `None`: the connection is gone.
    pub fn arrived(&self, way: &Way) -> Option<(End, End)> {
        let ends = &self.open.get(&way.connection.0)?.ends;
        Some((ends[way.towards], ends[1 - way.towards]))
    }

    /// A node died, and its connections with it.
    pub fn close(&mut self, node: usize) {
        self.open
            .retain(|_, stream| stream.ends.iter().all(|end| end.node != node));
    }
}
