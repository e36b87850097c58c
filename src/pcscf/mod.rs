//! The P-CSCF: who is registered over which flow, and how the network finds the way back to that flow.
//!
//! Promises that a [`RegisteredUe`] exists only where a node of T answered a REGISTER with a 2xx. Says where, never what
//! may be seen: no type of `privacy` or `topology` occurs here. Knows no clock: the time comes in as a value.

/// What is printed of these kinds, and that is their name: they hold identities.
macro_rules! shows_nothing {
    ($($kind:ident)*) => {$(
        impl std::fmt::Debug for $kind {
            /// Names nobody.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($kind)).finish_non_exhaustive()
            }
        }
    )*};
}

pub mod access_network;
pub mod authentication;
pub mod binding;
pub mod charging;
pub mod integrity;
pub mod keys;
pub mod path;
pub mod pseudonym;
pub mod reg_event;
pub mod register;
pub mod sec_agree;
pub mod security;
pub mod service_route;
pub mod session;
pub mod visited_network;

pub use binding::{Bindings, FlowKey, Room};
pub use path::SealedFlow;
pub use register::{Asked, Gone, Learned, RecordId, RegisteredUe};
