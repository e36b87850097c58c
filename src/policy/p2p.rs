//! `[p2p]`: content that IMS users share among each other, and the tracker that tells them of each other.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{Stated, StatedBy, Tls};
use crate::ppsp::SwarmId;
use crate::ppsp::layout::Layout;

/// How peers find each other, and what they learn of each other.
#[derive(Debug, Clone)]
pub struct P2p {
    pub tracker: Stated<TrackerIs>,
    /// In which ways peers get to the tracker, to each other, and to content.
    //= P2P-131
    pub arch: Stated<Vec<Arch>>,
    /// Lists are asked for at `sw.…@` it, temporary IDs stand at `tid.` and it.
    pub domain: Stated<String>,
    /// What pseudonyms are made with. `None`: fresh ones, of this run alone.
    pub key_file: Stated<Option<String>>,
    /// What the embedded tracker signs membership tickets with. `None`: it gives none.
    //= P2P-082
    pub ticket_key: Stated<Option<String>>,
    /// Files with a signed manifest each: only content that is known can be announced.
    /// The tracker's direct interface.
    //= P2P-132
    pub https: Option<Https>,
    pub manifests: Vec<Stated<String>>,
    pub sources: Vec<Source>,
    /// Caches of the network that a list may name.
    pub network_peers: Vec<Stated<String>>,
    /// Where a CDN has content, as lists name it.
    //= P2P-135
    pub cdn: Vec<Stated<String>>,
    /// Who stands first in the list of who has nothing yet.
    pub startup: Stated<Startup>,
    //= P2P-134
    pub alto: Option<Alto>,
    /// Domains whose temporary IDs may stand in a list, beside ours.
    pub partner_domains: Vec<Stated<String>>,
    /// Who looks at what peers share: subscriptions of the network's own, two at least.
    pub auditors: Vec<Stated<String>>,
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

/// One of the five architectures of the system; a policy has several at once.
//= P2P-131
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 1: peers signal to each other outside of the network.
    Outside,
    /// 2: peers signal to each other through the network.
    Core,
    /// 3: peers ask the tracker directly, by HTTPS.
    Direct,
    /// 4: a CDN holds content too.
    Cdn,
    /// 5: an ALTO server knows who is near to whom.
    Alto,
}

impl Arch {
    pub const ALL: [Arch; 5] = [Arch::Outside, Arch::Core, Arch::Direct, Arch::Cdn, Arch::Alto];

    /// As it is counted.
    pub fn number(self) -> u32 {
        1 + self as u32
    }
}

/// Where peers ask the tracker without SIP, and whose certificates say who they are.
#[derive(Debug, Clone)]
pub struct Https {
    /// Port 0: chosen by the system at start (tests).
    pub bind: Stated<SocketAddr>,
    /// With a `client_ca`: nobody comes in without a certificate.
    pub tls: Tls,
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
    //= P2P-133 type=exception reason=a tracker elsewhere is asked by SIP; one that only speaks HTTPS is asked by the UEs themselves, and what it tells them is not guarded
    At(String),
}

/// Who signs manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: Stated<String>,
    /// An Ed25519 key.
    pub key: Stated<[u8; 32]>,
}

/// Who stands first in a list for a peer that has nothing yet.
//= P2P-135
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Startup {
    /// Other peers, as long as there are enough.
    Peers,
    /// Caches and the CDN: they answer at once.
    Network,
}

/// Where the two documents of an ALTO server are: each a file, or a URL of HTTP.
#[derive(Debug, Clone)]
pub struct Alto {
    pub network_map: Stated<String>,
    pub cost_map: Stated<String>,
    /// Whose certificate is believed of a server with TLS.
    pub ca: Option<Stated<String>>,
    /// After which they are read again.
    pub refresh: Stated<Duration>,
}

impl Alto {
    pub const REFRESH: Duration = Duration::from_secs(300);
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

    /// Whether an architecture is among those of the policy.
    //= P2P-131
    pub fn has(&self, arch: Arch) -> bool {
        self.arch.value.contains(&arch)
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
            arch: built_in(vec![Arch::Core]),
            https: None,
            domain: built_in(String::new()),
            key_file: built_in(None),
            ticket_key: built_in(None),
            manifests: Vec::new(),
            sources: Vec::new(),
            network_peers: Vec::new(),
            cdn: Vec::new(),
            startup: built_in(Startup::Peers),
            alto: None,
            partner_domains: Vec::new(),
            auditors: Vec::new(),
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
