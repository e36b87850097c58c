//! `[admin]`: the doors of the operator.

use std::net::SocketAddr;

use super::Stated;

#[derive(Debug, Clone, Default)]
pub struct Admin {
    /// There when something is to be seen over HTTP.
    pub http: Option<Http>,
    /// There when messages are mirrored.
    pub hep: Option<Hep>,
}

#[derive(Debug, Clone)]
pub struct Http {
    /// Port 0: chosen by the system at start (tests).
    pub bind: Stated<SocketAddr>,
    /// Whoever says what stands in this file is the operator. There wherever others than this machine can ask.
    pub token_file: Option<Stated<String>>,
}

/// Each message that comes or leaves is told there, as HEP3.
#[derive(Debug, Clone)]
pub struct Hep {
    pub to: Stated<SocketAddr>,
    pub identities: Stated<Identities>,
    /// What tells this node from others there.
    pub agent: Stated<u32>,
}

/// Whether who looks on is shown names, numbers and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identities {
    Hidden,
    Clear,
}
