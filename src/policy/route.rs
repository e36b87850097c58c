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
    /// It takes calls for help (`urn:service:sos` and what is below) and nothing else; any other route takes none of them.
    pub emergency: Stated<bool>,
    /// SIP URIs as written; at least one.
    pub next_hop: Vec<Stated<String>>,
    /// What the next hops after the first are for.
    pub fork: Stated<Fork>,
    /// Listener to leave by.
    pub via: Stated<ListenerId>,
}

/// How several next hops are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// One instead of another: the next is tried when one cannot be reached, keeps silent or is overloaded.
    Failover,
    /// One after another: the next is tried after every failure but a 6xx.
    Serial,
    /// At once, as far as Max-Breadth allows; the others as those end.
    Parallel,
    /// All at once or none.
    ParallelOnly,
}
