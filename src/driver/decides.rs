//! What the loop needs of an engine. Private, so that outside of tests only [`Engine`] decides and only what it cleared is sent.

use std::time::Duration;

use crate::{
    engine::{Engine, Input, LocateId, Now, Output, SendId, counts::Counts},
    locate::Question,
    net::Cleared,
    pcscf::Learned,
    policy::CertifiedName,
    privacy::Outgoing,
    trust::{ConnectionId, Destination, Flow},
};

pub(super) trait Decides: 'static {
    type Message: Cleared;

    fn handle(&mut self, now: Now, input: Input);
    fn poll_output(&mut self) -> Option<Asked<Self::Message>>;
    fn next_deadline(&self) -> Option<Duration>;
    fn transactions(&self) -> usize;

    /// What was decided so far.
    fn counts(&self) -> Counts;

    /// The host behind the name that the destination of a message must prove.
    fn host(&self, certified: CertifiedName) -> Option<String>;
}

/// [`Output`], for any message.
pub(super) enum Asked<M> {
    Send { id: SendId, message: M },
    Locate { id: LocateId, question: Question },
    Learned { flow: Flow, learned: Learned },
    Alias { connection: ConnectionId, of: Destination },
}

impl Decides for Engine {
    type Message = Outgoing;

    fn handle(&mut self, now: Now, input: Input) {
        Engine::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Option<Asked<Outgoing>> {
        Engine::poll_output(self).map(|output| match output {
            Output::Send { id, message } => Asked::Send { id, message },
            Output::Learned { flow, learned } => Asked::Learned { flow, learned },
            Output::Alias { connection, of } => Asked::Alias { connection, of },
            Output::Locate { id, question } => Asked::Locate { id, question },
        })
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
