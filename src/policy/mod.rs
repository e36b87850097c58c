//! The operator's SPEC(T), checked and immutable: what `trust-domain.toml` says, after defaults and profile.
//!
//! Promises that a `Policy` in hand is whole: there is no half-checked policy. Knows nothing of TOML (that is
//! `config`), of sockets or of messages.

pub mod admin;
pub mod certified;
pub mod dns;
pub mod domain;
pub mod evidence;
pub mod lawful;
pub mod limits;
pub mod listener;
pub mod on_behalf;
pub mod p2p;
pub mod pcscf;
pub mod peer;
pub mod privacy;
pub mod protected;
pub mod proxy;
pub mod route;
pub mod spec_t;
pub mod store;
pub mod tls;
pub mod topology_hiding;
pub mod url;
pub mod word;

pub use admin::Admin;
pub use certified::CertifiedName;
pub use dns::Dns;
pub use domain::Domain;
pub use evidence::{Evidence, Undetermined};
pub use lawful::{Audit, LawfulInterception};
pub use limits::Limits;
pub use listener::{Bind, Listener, ListenerId, PeersAre};
pub use p2p::P2p;
pub use pcscf::PCscf;
pub use peer::{Direction, Overload, Peer, PeerId};
pub use privacy::Privacy;
pub use protected::{Part, Protected};
pub use proxy::Proxy;
pub use route::Route;
pub use spec_t::{IdHandling, SpecT};
pub use tls::{ClientCertificate, Tls};
pub use topology_hiding::{HidingMode, TopologyHiding};
pub use url::Url;
pub use word::Word;

/// Everything the engine may know of the operator's wishes. Shared between workers as `Arc<Policy>`.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Name of the file it was read from, for diagnostics and explanations.
    pub file: String,
    pub profile: Stated<Profile>,
    /// This node is for the Internet: nobody is in T but on a listener that is itself secured, towards the core.
    pub dedicated_untrusted: Stated<bool>,
    pub domain: Domain,
    pub spec_t: SpecT,
    pub proxy: Proxy,
    /// Indexed by [`ListenerId`]; never empty.
    pub listeners: Vec<Listener>,
    /// Indexed by [`PeerId`].
    pub peers: Vec<Peer>,
    pub evidence: Evidence,
    /// First match wins.
    pub routes: Vec<Route>,
    pub privacy: Privacy,
    pub lawful_interception: LawfulInterception,
    pub pcscf: PCscf,
    pub topology_hiding: TopologyHiding,
    pub p2p: P2p,
    pub dns: Dns,
    pub store: Stated<store::Store>,
    pub admin: Admin,
    pub limits: Limits,
    /// The limits that are written in the file, by name, and where; the others are built in.
    pub limits_stated: Vec<(&'static str, StatedBy)>,
}

/// A value and where it was stated, so that every decision can cite its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated<T> {
    pub value: T,
    pub by: StatedBy,
}

/// Who stated a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedBy {
    /// Built in.
    Default,
    /// Follows from `profile`.
    Profile,
    /// Written in the policy file, at this line (counted from 1).
    File { line: u32 },
}

/// How contradictions between the sources are decided.
//= ROLE-002
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The reading of the 3GPP texts.
    Ims,
    /// The literal IETF reading.
    Rfc,
}

/// How a connection between nodes is secured (SPEC(T) item 2), also `secured_by` of a listener or a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    ZbIpsec,
    ZaSeg,
    MutualTls,
    Physical,
}
