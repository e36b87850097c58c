//! `[[route]]`: where a request without a usable Route goes.

use super::{ListenerId, Stated};

#[derive(Debug, Clone)]
pub struct Route {
    /// Where the request came in.
    pub from: Stated<ListenerId>,
    /// Empty: any. Upper case as methods are written.
    pub method: Vec<Stated<String>>,
    /// Hosts of the Request-URI, lower case. Empty: any.
    pub domain: Vec<Stated<String>>,
    /// SIP URIs as written, tried in order; at least one.
    pub next_hop: Vec<Stated<String>>,
    /// Listener to leave by.
    pub via: Stated<ListenerId>,
}
