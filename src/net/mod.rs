//! Bytes in and out: sockets, connections, and which worker gets what.
//!
//! Promises that nothing reaches a socket but a message that was cleared ([`Cleared`]; outside of tests that is
//! [`Outgoing`] alone), or what the guard answers by HTTPS ([`crate::privacy::guard::Answer`]), or, at the mirror alone, what may be shown to who
//! only watches ([`crate::privacy::mirrored::Mirrored`]); and that evidence about a sender is complete before its bytes are handed on. Knows nothing of SIP
//! but where one message ends on a stream and where its Call-ID stands.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: sockets and their timers are here"
)]

pub(crate) mod aliases;
pub(crate) mod flows;
pub(crate) mod get;
pub(crate) mod handover;
pub(crate) mod handshake;
pub(crate) mod https;
pub mod listen;
pub(crate) mod mirror;
pub(crate) mod stun;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod unreachable;
pub(crate) mod ws;

use bytes::Bytes;

use crate::{privacy::Outgoing, trust::evidence::Destination};

/// A message cleared for one hop. Private to the crate, so that only tests of the shell can bring another than [`Outgoing`].
pub(crate) trait Cleared: Send + 'static {
    fn bytes(&self) -> &Bytes;
    fn destination(&self) -> &Destination;
}

impl Cleared for Outgoing {
    fn bytes(&self) -> &Bytes {
        Outgoing::bytes(self)
    }

    fn destination(&self) -> &Destination {
        Outgoing::destination(self)
    }
}
