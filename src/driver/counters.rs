//! What the shell dropped, refused or could not do. Touched only when that happens, so all workers share them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Grows only.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// Since the start, over all workers.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages for another worker whose inbox was full (`handover_max`).
    pub handover_dropped: Count,
    /// Datagrams that waited for room in a socket and had to make it for newer ones.
    pub datagrams_dropped: Count,
    /// Errors the kernel reported instead of a datagram.
    pub receive_errors: Count,
    /// Connections of peers closed at a ceiling (`connections_max`, `connections_per_source_max`).
    pub connections_refused: Count,
    /// Connections closed because their queue was full (`connection_queue_bytes_max`).
    pub connections_overflowed: Count,
    /// Messages that did not leave, for whatever reason.
    pub sends_failed: Count,
    /// Records that the audit did not take.
    pub audit_refused: Count,
    /// Questions about host names not asked, because too many were.
    pub questions_refused: Count,
}
