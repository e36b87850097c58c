//! What can happen to an engine.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Post, PostId,
    output::{LocateId, SendId},
};
use crate::{
    locate::Answer,
    pcscf::{Learned, security::SetId},
    policy::Policy,
    ppsp::alto::Alto,
    seal::Keys,
    trust::Flow,
};

/// The two clocks, read by the shell just before each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, since an epoch of the shell's choice.
    pub at: Duration,
    /// Wall clock, seconds since 1970.
    pub unix: u64,
}

/// One thing that happened.
pub enum Input {
    /// One datagram, or one message framed from a stream. Evidence about its sender is complete.
    Packet { flow: Flow, bytes: Bytes },
    /// A stream that can no longer be framed: what was read up to the fault. Answered if possible; the shell closes it after.
    Unframed {
        flow: Flow,
        bytes: Bytes,
        fault: crate::sip::framing::FramingError,
    },
    /// What was sent under this id did not reach its peer: connect, write or ICMP failed.
    SendFailed(SendId),
    /// The answer to [`super::Output::Locate`].
    Located { id: LocateId, answer: Answer },
    /// What another engine of this process learned about a flow.
    Learned { flow: Flow, learned: Learned },
    /// A new policy. What is under way keeps its decisions.
    Policy(Arc<Policy>),
    /// The keys of sealed tokens from now on, of the same instance. What an older one of them sealed opens on.
    Keys(Arc<Keys>),
    /// Whether the audit takes records, when that has changed. It does at first.
    Audit(Sink),
    /// What was to be sent under this id did not leave, because its record was not taken.
    Unrecorded(SendId),
    /// What [`super::Output::Store`] asked for under this id is done, for good; or it cannot be.
    Stored { id: SendId, is_kept: bool },
    /// What [`super::Output::Snapshot`] asked for is done, or it cannot be.
    Snapshotted { is_kept: bool },
    /// The process ends when no [`super::Output::Snapshot`] waits for its answer any more.
    Closing,
    /// The security associations of a set could not be installed.
    Uninstalled(SetId),
    /// The operator ends the dialogs that one of their parties knows by this Call-ID, and what is on its way to become one.
    Release { call_id: Vec<u8> },
    /// Of a hundred new requests so many are to be refused, as the shell cannot keep up; 0: none any more.
    Load(u8),
    /// What ways between peers cost, from here on; `None`: nobody knows any more.
    Costs(Option<Arc<Alto>>),
    /// A request of the tracker's direct interface. Answered by [`super::Output::Answer`] with the same id.
    Post { id: PostId, post: Post },
    /// The deadline of `next_deadline` has come.
    Tick,
}

/// What the audit does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    Takes,
    Refuses,
}

impl std::fmt::Debug for Input {
    /// Shows nothing a peer wrote, and no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Packet { flow, bytes } => {
                let bytes = bytes.len();
                f.debug_struct("Packet")
                    .field("flow", flow)
                    .field("bytes", &bytes)
                    .finish()
            }
            Input::Unframed { flow, fault, .. } => f
                .debug_struct("Unframed")
                .field("flow", flow)
                .field("fault", fault)
                .finish_non_exhaustive(),
            Input::SendFailed(id) => f.debug_tuple("SendFailed").field(id).finish(),
            Input::Located { id, answer } => f
                .debug_struct("Located")
                .field("id", id)
                .field("answer", answer)
                .finish(),
            Input::Learned { flow, .. } => f.debug_struct("Learned").field("flow", flow).finish_non_exhaustive(),
            Input::Policy(_) => f.write_str("Policy"),
            Input::Keys(_) => f.write_str("Keys"),
            Input::Audit(sink) => f.debug_tuple("Audit").field(sink).finish(),
            Input::Unrecorded(id) => f.debug_tuple("Unrecorded").field(id).finish(),
            Input::Stored { id, is_kept } => f
                .debug_struct("Stored")
                .field("id", id)
                .field("is_kept", is_kept)
                .finish(),
            Input::Snapshotted { is_kept } => f.debug_struct("Snapshotted").field("is_kept", is_kept).finish(),
            Input::Closing => f.write_str("Closing"),
            Input::Uninstalled(set) => f.debug_tuple("Uninstalled").field(set).finish(),
            Input::Release { .. } => f.debug_struct("Release").finish_non_exhaustive(),
            Input::Load(percent) => f.debug_tuple("Load").field(percent).finish(),
            Input::Costs(costs) => f.debug_tuple("Costs").field(costs).finish(),
            Input::Post { id, post } => f.debug_struct("Post").field("id", id).field("post", post).finish(),
            Input::Tick => f.write_str("Tick"),
        }
    }
}
