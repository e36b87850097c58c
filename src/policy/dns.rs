//! `[dns]`: who is asked for names, how long, and what is believed.

use std::{net::SocketAddr, time::Duration};

use super::{Stated, StatedBy};

#[derive(Debug, Clone)]
pub struct Dns {
    /// In the order of preference; empty: the ones of the system.
    pub servers: Stated<Vec<SocketAddr>>,
    /// For all questions about one next hop together.
    pub timeout: Stated<Duration>,
    /// How long a peer that failed is tried only when no other is left.
    pub avoid_time: Stated<Duration>,
    /// Names that lead to this machine or this link.
    pub local_addresses: Stated<LocalAddresses>,
}

impl Default for Dns {
    fn default() -> Self {
        fn built_in<T>(value: T) -> Stated<T> {
            let by = StatedBy::Default;
            Stated { value, by }
        }
        Dns {
            servers: built_in(Vec::new()),
            //= LOC-007
            timeout: built_in(Duration::from_secs(5)),
            avoid_time: built_in(Duration::from_secs(60)),
            local_addresses: built_in(LocalAddresses::Refuse),
        }
    }
}

impl Dns {
    /// Whether the same servers are asked in the same way.
    pub fn asks_like(&self, other: &Dns) -> bool {
        (&self.servers.value, self.timeout.value) == (&other.servers.value, other.timeout.value)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAddresses {
    Refuse,
    Accept,
}
