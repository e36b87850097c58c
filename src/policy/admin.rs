//! `[admin]`: the doors of the operator.

use std::net::SocketAddr;

use super::Stated;

#[derive(Debug, Clone, Default)]
pub struct Admin {
    /// There when something is to be seen over HTTP.
    pub http: Option<Http>,
}

#[derive(Debug, Clone)]
pub struct Http {
    /// Port 0: chosen by the system at start (tests).
    pub bind: Stated<SocketAddr>,
    /// Whoever says what stands in this file is the operator. There wherever others than this machine can ask.
    pub token_file: Option<Stated<String>>,
}
