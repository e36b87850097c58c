//! What a search amounts to: the servers of a name, from which an order is drawn for each request.

use std::{net::SocketAddr, time::Duration};

use rand_chacha::rand_core::Rng;

use super::weigh;
use crate::sip::Transport;

/// Peers drawn for one request; the less preferred ones beyond are not tried.
pub const PEERS_MAX: usize = 64;

/// One machine to try.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    pub transport: Transport,
    pub address: SocketAddr,
}

/// All servers of a name, and until when that is so.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// Best first.
    pub services: Vec<Servers>,
    pub ending: Ending,
    /// How long it is valid.
    pub lifetime: Duration,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There are servers.
    Found,
    /// DNS says that there is nothing.
    Nothing,
    /// The name offers services, but none for us.
    NoWay,
    /// DNS did not say.
    Failed,
}

/// The servers of one service, in any order.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    pub transport: Transport,
    pub servers: Vec<Server>,
}

/// One SRV record and the addresses of its target, in the order of DNS.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub priority: u16,
    pub weight: u16,
    pub addresses: Vec<SocketAddr>,
}

impl Plan {
    /// The order in which one request tries the peers: service by service, priority by priority, within one by weight.
    //= LOC-004
    pub fn order(&self, random: &mut impl Rng) -> Vec<Peer> {
        let mut peers: Vec<Peer> = Vec::new();
        for service in &self.services {
            let transport = service.transport;
            let mut servers: Vec<&Server> = service.servers.iter().collect();
            servers.sort_by_key(|server| server.priority);
            for same in servers.chunk_by(|one, other| one.priority == other.priority) {
                for server in weigh::draw(same.to_vec(), |server| server.weight, random) {
                    for &address in &server.addresses {
                        let peer = Peer { transport, address };
                        if !peers.contains(&peer) {
                            peers.push(peer);
                        }
                        if peers.len() == PEERS_MAX {
                            return peers;
                        }
                    }
                }
            }
        }
        peers
    }
}

impl std::fmt::Debug for Plan {
    /// Shows no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("services", &self.services.len())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Peer {
    /// Shows no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
