//! The seven steps.

pub mod deadlines;
pub mod input;
pub mod output;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use input::{Input, Now};
pub use output::{LocateId, Output, SendId};

use crate::{
    policy::{ListenerId, Policy},
    sip::Transport,
};

/// One worker's half of the proxy that decides. Feed one input, drain every output, wait for the next input or deadline.
pub struct Engine {}

/// An address a listener really has, after the system chose ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub listener: ListenerId,
    pub transport: Transport,
    pub address: SocketAddr,
}

/// What an engine is made of; the same for every worker of a process but for the seed.
pub struct Setup {
    pub policy: Arc<Policy>,
    pub bound: Vec<Bound>,
    /// Seeds branches, tags and nonces of this engine. 32 bytes from the system in production, fixed in tests.
    pub seed: [u8; 32],
    /// Seals dialog tokens; shared by all engines (and nodes) that carry on each other's dialogs.
    pub keys: Arc<crate::seal::Keys>,
}

impl Engine {
    pub fn new(_setup: Setup, _now: Now) -> Engine {
        Engine {}
    }

    /// Takes one input. Every output it causes is ready when it returns.
    pub fn handle(&mut self, _now: Now, _input: Input) {}

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When `Input::Tick` is wanted, if nothing comes before. Same epoch as [`Now::at`].
    pub fn next_deadline(&self) -> Option<Duration> {
        None
    }

    /// Live transactions; a drain waits until this is 0.
    pub fn transactions(&self) -> usize {
        0
    }
}
