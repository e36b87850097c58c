//! `[p2p]`: content that IMS users share among each other, and the tracker that tells them of each other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Stated, StatedBy};
use crate::ppsp::SwarmId;
use crate::ppsp::layout::Layout;

/// How peers find each other, and what they learn of each other.
#[derive(Debug, Clone)]
pub struct P2p {
    pub tracker: Stated<TrackerIs>,
    /// Lists are asked for at `sw.…@` it, temporary IDs stand at `tid.` and it.
    pub domain: Stated<String>,
    /// What pseudonyms are made with. `None`: fresh ones, of this run alone.
    pub key_file: Stated<Option<String>>,
    /// Files with a signed manifest each: only content that is known can be announced.
    pub manifests: Vec<Stated<String>>,
    pub sources: Vec<Source>,
    /// Caches of the network that a list may name.
    pub network_peers: Vec<Stated<String>>,
    /// Domains whose temporary IDs may stand in a list, beside ours.
    pub partner_domains: Vec<Stated<String>>,
    pub on_leak: Stated<OnLeak>,
    pub addresses: Stated<Addresses>,
    pub media: Stated<Media>,
    pub relays: Vec<Stated<IpAddr>>,
    /// Whether keys of media may cross hops that do not encrypt.
    pub clear_keys: Stated<bool>,
    pub view: Stated<View>,
    pub expose: Stated<Expose>,
    /// How long a temporary ID is the newest of its peer, and how long after that it still leads to it.
    pub epoch: Stated<Duration>,
    pub grace: Stated<Duration>,
    /// How long the sealed audit answers who was behind a temporary ID. Zero: it is not written down.
    pub audit_retention: Stated<Duration>,
    /// What the manifests say, once their files were read.
    pub contents: Arc<[Content]>,
}

/// A content that is known: its name and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub swarm: SwarmId,
    pub layout: Layout,
}

/// Where the tracker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerIs {
    Off,
    /// In this process.
    Embedded,
    /// Behind this next hop.
    At(String),
}

/// Who signs manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: Stated<String>,
    /// An Ed25519 key.
    pub key: Stated<[u8; 32]>,
}

/// What becomes of a list that names somebody.
//= P2P-059
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeak {
    /// The name is hidden in an ID of ours; where we have no keys, its entry goes.
    Redact,
    /// Its entry goes.
    Remove,
    /// All of it is refused.
    Refuse,
}

/// Which addresses of peers a list may show.
//= P2P-064
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    None,
    Relay,
    Real,
}

/// What peers see of each other's addresses in a session.
//= P2P-080
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Direct,
    Relay,
}

/// To how many an ID of a peer is told.
//= P2P-035
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All who ask in an epoch hear the same.
    Shared,
    /// Each hears another, which is of no use to anybody else.
    Pairwise,
}

/// Whether others see the very ID that a peer drew.
//= P2P-044
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expose {
    /// One of the tracker's.
    Sealed,
    /// That very value.
    Drawn,
}

impl P2p {
    /// Whether anything of it is done here.
    pub fn is_on(&self) -> bool {
        self.tracker.value != TrackerIs::Off
    }

    /// The host of temporary IDs.
    pub fn id_host(&self) -> String {
        format!("tid.{}", self.domain.value)
    }
}

impl Default for P2p {
    fn default() -> P2p {
        P2p {
            tracker: built_in(TrackerIs::Off),
            domain: built_in(String::new()),
            key_file: built_in(None),
            manifests: Vec::new(),
            sources: Vec::new(),
            network_peers: Vec::new(),
            partner_domains: Vec::new(),
            on_leak: built_in(OnLeak::Redact),
            addresses: built_in(Addresses::None),
            media: built_in(Media::Direct),
            relays: Vec::new(),
            clear_keys: built_in(false),
            view: built_in(View::Shared),
            expose: built_in(Expose::Sealed),
            epoch: built_in(Duration::from_secs(3600)),
            grace: built_in(Duration::from_secs(600)),
            audit_retention: built_in(Duration::ZERO),
            contents: Arc::new([]),
        }
    }
}

fn built_in<T>(value: T) -> Stated<T> {
    Stated {
        value,
        by: StatedBy::Default,
    }
}
