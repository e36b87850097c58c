//! The door out.

use bytes::Bytes;

use crate::trust::evidence::Destination;

/// A message cleared for exactly one hop: the only thing a socket takes.
#[derive(Debug, Clone)]
pub enum Outgoing {}

impl Outgoing {
    /// What to put on the wire.
    pub fn bytes(&self) -> &Bytes {
        match *self {}
    }

    /// Where to; bytes cleared for one hop cannot go to another.
    pub fn destination(&self) -> &Destination {
        match *self {}
    }
}
