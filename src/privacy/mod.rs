//! What may be seen, by whom.

pub mod gate;

pub use gate::Outgoing;
