//! `[domain]`: the trust domain T.

use super::Stated;

/// The trust domain this node belongs to.
#[derive(Debug, Clone)]
pub struct Domain {
    pub id: Stated<String>,
    /// Administrative domains of T, lower case. A host is inside one when it equals it.
    pub admin_domains: Stated<Vec<String>>,
}
