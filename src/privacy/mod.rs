//! What may be seen, by whom.
//!
//! Promises that a message for a hop outside T passes hide, scrub and clear in that order, and that [`Outgoing`] is made in
//! `gate.rs` alone. Deliberately does not know transactions, sockets or where a message goes.

pub mod admit;
pub mod anonymous;
pub mod call_id;
pub mod decision;
pub mod effects;
pub mod gate;
pub mod guard;
mod history;
pub mod lawful;
pub mod masked;
pub mod memory;
pub mod mirrored;
mod of_domain;
pub mod of_ue;
pub mod on_behalf;
pub mod party_flow;
pub mod registrar;
pub mod scrub;
pub mod wanted;

pub use decision::{Action, Decision, Identity, Left, Notes, Tally};
pub use gate::{Answer, Gate, Outgoing, Refusal};
pub use memory::{DialogMemory, Party, Side};
pub use party_flow::PartyFlow;
pub use wanted::{Anomalies, Passes, PrivacySet, Wanted};
