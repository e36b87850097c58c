//! What an engine asks of the shell.

use super::{
    PostId,
    record::Record,
    storing::{Change, Piece},
};
use crate::{
    locate::Question,
    pcscf::{Learned, security},
    privacy::{Outgoing, guard::Answer},
    trust::{ConnectionId, Destination, Flow},
};

/// One thing for the shell to do, in order. `M` is what it puts on the wire.
#[derive(Debug)]
pub enum Output<M = Outgoing> {
    /// Write this down, sealed, before the next [`Output::Send`]. Only under a policy with an audit.
    Record(Box<Record>),
    /// Put these bytes on the wire. Failures come back as [`super::Input::SendFailed`] with the id.
    Send { id: SendId, message: M },
    /// Keep this beyond this run, and answer with [`super::Input::Stored`] and the same id. Only under a policy with a store.
    Store { id: SendId, change: Change },
    /// Write this beyond this run, some time soon, and answer with [`super::Input::Snapshotted`]. Only under a policy with a store.
    Snapshot(Piece),
    /// Tell the other engines of this process what the answer to a REGISTER of this flow taught.
    Learned { flow: Flow, learned: Learned },
    /// A connection that a peer opened is as good as one opened to this destination, as long as it lives.
    Alias {
        connection: ConnectionId,
        of: Destination,
        by: ShownBy,
    },
    /// End this connection at once: nothing that comes on it is taken.
    Close(ConnectionId),
    /// Install or remove security associations, before the next [`Output::Send`]. Only under a policy with protected ports.
    Security(security::Change),
    /// What a request of the direct interface is answered: the guard made it.
    Answer { id: PostId, answer: Answer },
    /// Ask a name server and answer with [`super::Input::Located`], also when there is no answer.
    Locate { id: LocateId, question: Question },
}

/// What shows that a connection leads to who is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownBy {
    /// The name that the peer's certificate proved on it.
    Certificate,
    /// The security associations of one UE, of which its own end is another port than the one it is reached at.
    Association,
}

/// Names one sending, so that its failure finds its transaction. 0: nobody waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendId(pub u64);

/// Names one question. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocateId(pub u64);
