//! What an engine asks of the shell.

use crate::{pcscf::Learned, privacy::Outgoing, trust::Flow};

/// One thing for the shell to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Put these bytes on the wire. Failures come back as [`super::Input::SendFailed`] with the id.
    Send { id: SendId, message: Outgoing },
    /// Tell the other engines of this process what the answer to a REGISTER of this flow taught.
    Learned { flow: Flow, learned: Learned },
    /// Resolve a host name to addresses and answer with [`super::Input::Located`].
    Locate { id: LocateId, name: String },
}

/// Names one sending, so that its failure finds its transaction. 0: nobody waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendId(pub u64);

/// Names one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocateId(pub u64);
