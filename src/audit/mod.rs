//! The sealed audit: who is behind what was hidden, in one file that only the holder of its key reads.
//!
//! Promises that a record once written is never touched again, that a changed, missing or moved byte before the end is found,
//! and that a record cut short by a sudden end is recognised as such. It does not promise to notice that whole records are
//! missing at the very end: compare the count and the digest that `sipveil audit read` tells. Deliberately knows nothing of
//! messages; the engine says what to write.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: files, a thread and random bytes"
)]

mod encoding;
mod file;
mod frame;
mod keys;
mod reading;
mod sink;

pub use file::{AuditFile, OpenError};
pub use frame::RECORD_BYTES_MAX;
pub use keys::AuditKeys;
pub use reading::{Reading, Step};
pub use sink::{Append, Refused, Sink};
