//! What goes back to a peer that asks by HTTPS: made here and nowhere else, so that none reaches a socket unseen.

use bytes::Bytes;

use super::{Leaks, Terms};
use crate::ppsp::Fault;
use crate::ppsp::response::{Outcome, Response};

/// An answer as it may be sent: its body holds what [`Terms::response`] lets pass, or a refusal in one word.
#[derive(Clone, PartialEq)]
pub struct Answer {
    status: u16,
    retry_after: Option<u32>,
    body: Bytes,
}

impl Answer {
    /// A refusal that no tracker said: it names a fault, and nobody.
    pub fn refused(fault: Fault, status: u16, retry_after: Option<u32>) -> Answer {
        let response = Response {
            transaction: "0".into(),
            outcome: Outcome::Failed { fault, retry_after },
        };
        Answer {
            status,
            retry_after,
            body: response.to_bytes().into(),
        }
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// Seconds after which it may be asked again.
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl Terms<'_> {
    /// What a tracker says, as it may reach this peer. What cannot be read is answered 502.
    //= P2P-056
    //= P2P-132
    pub fn answer(
        &self,
        (status, retry_after): (u16, Option<u32>),
        body: &[u8],
        asker: &[u8],
        nonce: [u8; 12],
    ) -> (Answer, Leaks) {
        match self.response(body, asker, nonce) {
            Ok(guarded) => {
                let answer = Answer {
                    status,
                    retry_after,
                    body: guarded.body.into(),
                };
                (answer, guarded.leaks)
            }
            Err(_) => (Answer::refused(Fault::Privacy, 502, None), Leaks::default()),
        }
    }
}

impl std::fmt::Debug for Answer {
    /// Shows nothing of the body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
