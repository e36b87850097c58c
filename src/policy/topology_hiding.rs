//! `[topology_hiding]`: what of the inside of this network its neighbours do not see, and which of them.

use ipnet::IpNet;

use super::{ListenerId, PeerId, Policy, Stated, StatedBy};

/// How the inside of the network is hidden. From whom: `thig` of a listener or a peer.
#[derive(Debug, Clone)]
pub struct TopologyHiding {
    pub mode: Stated<HidingMode>,
    /// Keys of the hiding network. `None`: nothing is hidden here, and nothing opened.
    pub key_file: Stated<Option<String>>,
    /// Addresses that are inside, beside the names in `admin_domains`.
    pub hidden_prefixes: Vec<Stated<IpNet>>,
    /// Whether the name of this operator in charging fields goes on to a neighbour in T.
    pub orig_ioi: Stated<OrigIoi>,
}

impl Default for TopologyHiding {
    fn default() -> Self {
        TopologyHiding {
            //= THIG-004
            mode: built_in(HidingMode::Aead),
            key_file: built_in(None),
            hidden_prefixes: Vec::new(),
            orig_ioi: built_in(OrigIoi::Keep),
        }
    }
}

fn built_in<T>(value: T) -> Stated<T> {
    Stated {
        value,
        by: StatedBy::Default,
    }
}

/// The cipher that hides. What the other one hid opens all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HidingMode {
    /// Nothing is hidden; what was hidden before opens.
    Off,
    Aead,
    /// For networks whose nodes hide as the 3GPP text says.
    Aes128Cbc,
}

/// What becomes of `orig-ioi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrigIoi {
    Keep,
    Remove,
}

impl Policy {
    /// Whether the inside of the network is hidden from this peer at this listener: its own word, else the listener's.
    //= THIG-001
    pub fn hides_from(&self, listener: ListenerId, peer: Option<PeerId>) -> bool {
        let peer = peer.and_then(|peer| self.peers.get(usize::from(peer.0)));
        match peer.and_then(|peer| peer.thig) {
            Some(thig) => thig.value,
            None => {
                let listener = self.listeners.get(usize::from(listener.0));
                listener.is_some_and(|listener| listener.thig.value)
            }
        }
    }

    /// Whether it is hidden from anybody.
    pub fn hides(&self) -> bool {
        self.listeners.iter().any(|listener| listener.thig.value)
            || self.peers.iter().any(|peer| peer.thig.is_some_and(|thig| thig.value))
    }
}
