//! What outlives the process: registrations and what the tracker knows of peers, in one file, each sealed by the engine that
//! learned it.
//!
//! A writer of its own takes changes from all workers, writes many at once, and says of each when it would survive a
//! crash. The file shows how many there are and when they end; who they are only the keys of `proxy.key_file` tell.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the file, the writer's thread and its clock are here"
)]

mod file;
mod snapshot;
mod writer;

pub use file::{Contents, File, OpenError};
pub use snapshot::{Snapshots, each_piece};
pub use writer::{Done, Store};

use std::collections::{BTreeSet, HashMap};

use crate::pcscf::RecordId;

/// Where the writer writes.
pub trait Durable: Send + 'static {
    /// All of these in their order, or none of them; on return they survive a crash.
    fn write(&mut self, changes: &[Write]) -> Result<(), Failed>;
}

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    Registrations,
    Peers,
}

/// One step of what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Put(Shelf, RecordId, Value),
    Remove(Shelf, RecordId),
    /// All of a shelf goes.
    Clear(Shelf),
}

/// What stands under the name of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Seconds since 1970.
    pub expires_at: u64,
    pub sealed: Vec<u8>,
}

/// Of each shelf, how many records there are that end by themselves; beyond: the one that ends soonest goes.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub registrations: usize,
    pub peers: usize,
}

/// A change that could not be made, by the words of who failed. They name no peer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Which records there are and when each ends. Those that do not end by themselves are not among them.
#[derive(Default)]
struct Ends {
    by_record: HashMap<RecordId, u64>,
    soonest: BTreeSet<(u64, RecordId)>,
}

impl Ends {
    fn put(&mut self, record: RecordId, expires_at: u64) {
        self.remove(record);
        if expires_at == u64::MAX {
            return;
        }
        self.by_record.insert(record, expires_at);
        self.soonest.insert((expires_at, record));
    }

    fn remove(&mut self, record: RecordId) {
        if let Some(expires_at) = self.by_record.remove(&record) {
            self.soonest.remove(&(expires_at, record));
        }
    }

    /// Takes out the one that ends first, if it has ended or there are more than `max`.
    fn pop(&mut self, now_unix: u64, max: usize) -> Option<RecordId> {
        let &(expires_at, record) = self.soonest.first()?;
        if expires_at > now_unix && self.soonest.len() <= max {
            return None;
        }
        self.remove(record);
        Some(record)
    }
}

#[cfg(test)]
mod tests;
