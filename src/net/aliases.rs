//! Connections that a peer opened and that serve for requests towards it, too: RFC 5923, and TS 33.203 for UEs.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::flows::Way;
use crate::trust::ConnectionId;

/// Which connection stands for one we would open, over all workers. Each connection stands for one at most, so there are never
/// more than `limits.connections_max` of a worker. Touched where a connection would be made, never for another message.
#[derive(Default)]
pub(crate) struct Aliases(Mutex<HashMap<Way, ConnectionId>>);

impl Aliases {
    pub fn of(&self, way: &Way) -> Option<ConnectionId> {
        self.lock().get(way).copied()
    }

    /// The newest counts: the one before it may be dead without our knowing.
    pub fn enter(&self, way: Way, connection: ConnectionId) {
        self.lock().insert(way, connection);
    }

    /// A connection ends; what another has taken over stays.
    pub fn leave(&self, way: &Way, connection: ConnectionId) {
        let mut aliases = self.lock();
        if aliases.get(way) == Some(&connection) {
            aliases.remove(way);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Way, ConnectionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
