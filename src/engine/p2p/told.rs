//! What the operator hears of peers: counters and lines of the log, in which nobody has a name.
//!
//! A line has the tag of a peer or the beginning of a temporary ID, and never what content it is about.

use std::fmt;
use std::hash::BuildHasher as _;

use super::notes_bindings;
use crate::engine::counts::p2p::{Asked, Guarded, Led, Side};
use crate::engine::record::{Record, Session};
use crate::engine::reject::Reject;
use crate::engine::{Engine, Now, Output};
use crate::privacy::guard::Leaks;
use crate::seal::temporary_id::BEGINNING;
use crate::trust::Origin;

/// Of a temporary ID, so many characters are told.
const SHOWN: usize = 8;

/// What a peer is called in the log for a day: keyed, anew at each start.
//= P2P-148
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PeerTag(u64);

impl fmt::Display for PeerTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:016x}", self.0)
    }
}

/// A temporary ID as the log has it.
//= P2P-148
pub(super) struct Cut<'a>(pub &'a [u8]);

impl fmt::Display for Cut<'_> {
    /// The kind is no secret; of what follows, its beginning. Of what is no temporary ID, nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.0.strip_prefix(b"sip:t").and_then(|rest| rest.get(2..));
        let shown = token.unwrap_or_default().iter().take_while(|byte| is_of_token(**byte));
        for byte in shown.take(SHOWN) {
            write!(f, "{}", char::from(*byte))?;
        }
        Ok(())
    }
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

impl Engine {
    /// What the log calls a peer today.
    //= P2P-148
    pub(super) fn peer_tag(&self, now: Now, identity: &[u8]) -> PeerTag {
        let day = now.unix.saturating_sub(BEGINNING) / 86_400;
        PeerTag(self.keyed.hash_one(("peer", day, identity)))
    }

    /// A request was answered for the tracker.
    pub(super) fn note_asked(&mut self, asked: Asked, tag: Option<PeerTag>, answer: &Reject) {
        let is_done = answer.is_answer();
        self.counts.p2p.asked(asked, is_done);
        let (fault, status) = match answer {
            Reject::Replied(replied) => (replied.fault, replied.status),
            other => (None, other.look().status),
        };
        if !is_done {
            self.counts.p2p.error(fault, status);
        }
        tracing::debug!(
            peer = tag.map(tracing::field::display),
            request = ?asked,
            status,
            error = fault.map(|fault| fault.word()),
            "a peer asked the tracker"
        );
    }

    /// A request for a temporary ID led somewhere, or not.
    pub(super) fn note_led(&mut self, led: Led, uri: &[u8]) {
        self.counts.p2p.led(led);
        tracing::debug!(id = %Cut(uri), result = ?led, "a peer asked for another");
    }

    /// Writes down who is behind IDs that were not told before.
    //= P2P-149
    pub(in crate::engine) fn record_bindings(&mut self, now: Now) {
        let Some(p2p) = &mut self.p2p else { return };
        let is_required = self.policy.lawful_interception.sink_required.value;
        let is_unwritten = std::mem::take(&mut p2p.is_unwritten);
        let keys = p2p.tracker().filter(|_| is_unwritten);
        let keys = keys.and_then(|tracker| Record::of_keys(now, tracker.ids()));
        let bound = std::iter::from_fn(|| p2p.tracker()?.poll_bound());
        let records = keys
            .into_iter()
            .chain(bound.map(|bound| Record::of_bound(now, &bound, is_required)));
        self.outputs
            .extend(records.map(|record| Output::Record(Box::new(record))));
    }

    /// Writes down who is led to whom.
    //= P2P-149
    pub(super) fn record_session(&mut self, now: Now, session: &Session) {
        if notes_bindings(&self.policy) {
            let is_required = self.policy.lawful_interception.sink_required.value;
            let record = Record::of_led(now, session, is_required);
            self.outputs.push_back(Output::Record(Box::new(record)));
        }
    }

    /// The guard looked at a body.
    pub(super) fn note_guarded(&mut self, side: Side, what: Guarded) {
        self.counts.p2p.guarded(side, what);
    }

    /// A tracker's body passed; whatever it named is counted, and told of now and then.
    pub(super) fn note_leaks(&mut self, side: Side, origin: &Origin, leaks: Leaks) {
        if !leaks.any() {
            return self.note_guarded(side, Guarded::Clean);
        }
        if leaks.redacted + leaks.texts > 0 {
            self.note_guarded(side, Guarded::Redacted);
        }
        if leaks.removed > 0 {
            self.note_guarded(side, Guarded::Removed);
        }
        self.warn_of_leaks(origin);
    }

    /// Each peer is told of at the first, the tenth, the hundredth of its bodies, and so on.
    //= P2P-148
    pub(super) fn warn_of_leaks(&mut self, origin: &Origin) {
        if let Some(count) = self.leaking.add(origin.peer()) {
            tracing::warn!(
                peer = self.name_of(origin),
                count,
                "a tracker names somebody to a peer, or says what cannot be read; what [p2p] on_leak says was done"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= P2P-148 type=test
    #[test]
    fn of_an_id_its_beginning_is_told_and_of_anything_else_nothing() {
        let id = format!("sip:t1.AbCdEfGhIjKl{}@tid.p2p.home1.example", "x".repeat(24));
        assert_eq!(Cut(id.as_bytes()).to_string(), "AbCdEfGh");
        for other in [
            "sip:alice@home1.example",
            "tel:+15551230001",
            "sip:t",
            "",
            "t1.AbCdEfGh",
        ] {
            assert_eq!(Cut(other.as_bytes()).to_string(), "", "{other}");
        }
    }
}
