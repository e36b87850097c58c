//! Inside addresses out of sight, and back again.
//!
//! Promises that what was hidden can be restored exactly, and that only our own tokens are ever opened. Two reasons, which
//! know nothing of each other: a caller's wish, of which `privacy` says what it hides ([`Hidden`]), and the border of the
//! network, where the policy says from whom its inside is hidden whoever calls ([`Tokenized`]).

pub mod border;
pub mod call_id;
pub mod hide;
pub mod inside;
mod mentions;
pub mod open;
pub mod quoted;
pub mod restore;
pub mod token;
pub mod tokenize;

pub use border::Border;
pub use hide::{Concealed, Contacts, Hidden, Hiding};
pub use tokenize::Tokenized;
