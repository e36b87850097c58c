//! A typed value a file. Each parses from the bytes of one header value, borrows from them, and keeps their offsets.
//!
//! The values handed in may hold folds: white space here is blank, tab, CR and LF alike. Parsing allocates nothing, takes
//! linear time and panics on no input. What a value *means* (who is trusted, what a privacy token asks for) is decided
//! elsewhere; nothing here knows a peer, a policy or a whole message. `Debug` of every type here shows no text of the message.
//! One keeps a copy instead of borrowing: `security`, whose lists are compared with those of a later message.

pub mod content_length;
pub mod credentials;
pub mod cseq;
pub mod grammar;
pub mod identity;
pub mod list;
pub mod max_forwards;
pub mod name_addr;
pub mod params;
pub mod privacy;
pub mod security;
mod span;
pub mod tokens;
pub mod via;

pub use cseq::CSeq;
pub use identity::{Identity, Verdict};
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use privacy::{Element, PrivacyHeader, PrivacyValue};
pub use span::Span;
pub use via::{Rport, Via};
