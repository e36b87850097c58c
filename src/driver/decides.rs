//! What the loop needs of an engine. Private, so that outside of tests only [`Engine`] decides and only what it cleared is sent.

use std::time::Duration;

use crate::{
    engine::{Engine, Input, Now, Output, counts::Counts},
    net::Cleared,
    policy::CertifiedName,
    privacy::Outgoing,
};

pub(super) trait Decides: 'static {
    type Message: Cleared;

    fn handle(&mut self, now: Now, input: Input);
    fn poll_output(&mut self) -> Option<Output<Self::Message>>;
    fn next_deadline(&self) -> Option<Duration>;
    fn transactions(&self) -> usize;

    /// What was decided so far.
    fn counts(&self) -> Counts;

    /// The host behind the name that the destination of a message must prove.
    fn host(&self, certified: CertifiedName) -> Option<String>;
}

impl Decides for Engine {
    type Message = Outgoing;

    fn handle(&mut self, now: Now, input: Input) {
        Engine::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Engine::poll_output(self)
    }

    fn next_deadline(&self) -> Option<Duration> {
        Engine::next_deadline(self)
    }

    fn transactions(&self) -> usize {
        Engine::unanswered(self)
    }

    fn counts(&self) -> Counts {
        Engine::counts(self)
    }

    fn host(&self, certified: CertifiedName) -> Option<String> {
        Engine::host(self, certified).map(str::to_owned)
    }
}
