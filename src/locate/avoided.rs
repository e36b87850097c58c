//! Peers that failed of late: tried again after a while, before that only when no other is left.

use std::{hash::BuildHasher, net::SocketAddr, time::Duration};

use super::expiring::Expiring;
use crate::policy::ListenerId;
use crate::sip::Transport;
use crate::trust::Destination;

/// Who failed, and until when that counts.
pub struct Avoided<S> {
    peers: Expiring<(ListenerId, Transport, SocketAddr), (), S>,
}

impl<S: BuildHasher> Avoided<S> {
    pub fn new(hasher: S, max: usize) -> Self {
        Avoided {
            peers: Expiring::new(hasher, max),
        }
    }

    /// A peer failed. Beyond the maximum the one whose time ends soonest is tried again.
    //= LOC-004
    pub fn add(&mut self, peer: &Destination, until: Duration) {
        // A connection a UE opened is no place to come back to.
        if peer.connection.is_none() {
            self.peers.insert(key(peer), (), until);
        }
    }

    pub fn has(&self, peer: &Destination, now: Duration) -> bool {
        !self.peers.is_empty() && self.peers.get(&key(peer), now).is_some()
    }

    /// It answered, so it is well again.
    pub fn remove(&mut self, peer: &Destination) {
        if !self.peers.is_empty() {
            self.peers.remove(&key(peer));
        }
    }

    pub fn len(&self) -> usize {
        self.peers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

fn key(peer: &Destination) -> (ListenerId, Transport, SocketAddr) {
    (peer.listener, peer.transport, peer.remote)
}
