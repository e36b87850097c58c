//! Who is at the other end: judged from how a message arrived or would leave, never from what it says.

pub mod evidence;

pub use evidence::{ConnectionId, Flow};
