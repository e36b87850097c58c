//! What a tracker answers with.

use crate::ppsp::Fault;
use crate::ppsp::response::{Outcome, Response, SwarmResult};

/// An answer: a status, what stands in its rows, a body.
#[derive(Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// SIP-ETag.
    pub etag: Option<String>,
    pub expires: Option<u32>,
    pub min_expires: Option<u32>,
    pub retry_after: Option<u32>,
    pub body: Option<Vec<u8>>,
    /// The word of a refusal, where its body has one.
    pub fault: Option<Fault>,
}

impl Reply {
    pub(super) fn bare(status: u16) -> Reply {
        Reply {
            status,
            etag: None,
            expires: None,
            min_expires: None,
            retry_after: None,
            body: None,
            fault: None,
        }
    }

    pub(super) fn failed(transaction: &str, fault: Fault, retry_after: Option<u32>) -> Reply {
        let response = Response {
            transaction: transaction.into(),
            outcome: Outcome::Failed { fault, retry_after },
        };
        Reply {
            retry_after,
            body: Some(response.to_bytes()),
            fault: Some(fault),
            ..Reply::bare(status_of(fault))
        }
    }

    /// What a success says of swarms; of no body nothing.
    pub(super) fn of_swarms(body: Option<&[u8]>) -> Vec<SwarmResult> {
        match body.and_then(Response::read).map(|response| response.outcome) {
            Some(Outcome::Successful(swarms)) => swarms,
            Some(Outcome::Failed { .. }) | None => Vec::new(),
        }
    }

    /// The body of a success.
    pub(super) fn swarms(transaction: &str, swarms: Vec<SwarmResult>) -> Vec<u8> {
        let response = Response {
            transaction: transaction.into(),
            outcome: Outcome::Successful(swarms),
        };
        response.to_bytes()
    }
}

/// The status of SIP, and of HTTP, that a fault is told with.
pub fn status_of(fault: Fault) -> u16 {
    match fault {
        Fault::BadBody | Fault::TidConflict | Fault::TidIsPermanent | Fault::Version => 400,
        Fault::NotMember | Fault::Banned | Fault::State | Fault::ProofFailed | Fault::Rate => 403,
        Fault::KeyNotAuthorised | Fault::Auth => 403,
        Fault::UnknownSwarm => 404,
        Fault::TooLarge => 413,
        Fault::Media => 415,
        Fault::Internal | Fault::Privacy => 500,
        Fault::Busy => 503,
    }
}

impl std::fmt::Debug for Reply {
    /// Shows the status: bodies and tags belong to their peer.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
