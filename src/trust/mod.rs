//! Who is at the other end: judged from how a message arrived or would leave, never from what it says.
//!
//! Promises that a hop is trusted only with SECURE and MEMBER evidence together, that origin and hop are judged apart,
//! and that a [`TrustedHop`] or an [`UntrustedHop`] is made nowhere else. Knows nothing of headers, but for those that
//! say who a served UE is: [`mod@assert`] writes them from its registration alone.

pub mod assert;
pub mod evidence;
pub mod hop;
pub mod origin;
pub mod own;
pub mod recent;
pub mod reverse;

pub use evidence::{ConnectionId, Destination, Evidence, Flow, Member, Reason, Secure};
pub use hop::{Hop, TrustedHop, UntrustedHop, UntrustedKind};
pub use origin::{Origin, Standing};
pub use own::{Bound, Own, OwnAddresses};
pub use recent::Recent;
pub use reverse::ReverseName;
