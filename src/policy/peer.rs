//! `[[peer]]`: a member of T, or a stranger with terms of its own.

use ipnet::IpNet;

use super::{CertifiedName, Security, Stated, spec_t::TokenMeaning};

/// Index into [`super::Policy::peers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u16);

#[derive(Debug, Clone)]
pub struct Peer {
    pub name: Stated<String>,
    /// Certificate identities and DNS names, lower case.
    pub names: Vec<Stated<String>>,
    /// The same as certificates prove them, in the same order.
    pub certified: Vec<CertifiedName>,
    pub prefixes: Vec<Stated<IpNet>>,
    /// `None`: never in T, listed for its terms only.
    pub secured_by: Option<Stated<Security>>,
    pub direction: Stated<Direction>,
    /// What this peer's odd Privacy tokens mean; lower case.
    pub aliases: Vec<(String, Stated<TokenMeaning>)>,
    /// Knows RFC 5876 (PAI-014).
    pub rfc5876: Stated<bool>,
    /// From headers may be rewritten towards it (PRIV-140).
    pub anonymise_from_for_legacy: Stated<bool>,
    /// Whether it is asked for its load, and listened to (RFC 7339).
    pub overload_control: Stated<Overload>,
    /// Whether the inside of the network is hidden from it; `None`: as the listener says.
    pub thig: Option<Stated<bool>>,
}

/// How a peer tells what it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// It is not asked.
    Off,
    /// By the share of requests it wants to be spared.
    Loss,
}

/// In which direction a peer counts as a member of T.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Both,
    In,
    Out,
}
