//! What the sealed audit is told of a message in which something was hidden: who is behind it.
//!
//! Made only under a policy that has an audit, and handed out just before the sending it belongs to. Nothing that is sent
//! depends on it.

mod peers;

pub use peers::{BOUND, Bindings, Found, KEYS, LED, Session, Since};

use super::{Engine, Now, Output};
use crate::policy::Policy;
use crate::privacy::{Action, Decision, Notes, Outgoing, PrivacySet};
use crate::rule::Rule;
use crate::sip::headers::via::Via;
use crate::sip::{Draft, Name};
use crate::trust::{Hop, Origin, Standing};

/// Rows of Contact and of P-Asserted-Identity that a record keeps, each; beyond: left out.
pub const ROWS_MAX: usize = 16;

/// Bytes of one value that a record keeps; beyond: cut.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// One message that left with less than it came with.
//= LI-006
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Seconds since 1970.
    pub unix: u64,
    /// Who sent it, and who gets it.
    pub origin: Standing,
    pub hop: Standing,
    pub method: Vec<u8>,
    /// 0: a request.
    pub status: u16,
    /// As received and as sent: with `call_id = "map"` the other side knows another.
    pub call_id_received: Vec<u8>,
    pub call_id_sent: Vec<u8>,
    /// The top Via's, as received and as sent.
    pub branch_received: Vec<u8>,
    pub branch_sent: Vec<u8>,
    /// As they were before anything was hidden.
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub contacts: Vec<Vec<u8>>,
    pub asserted: Vec<Vec<u8>>,
    pub privacy: PrivacySet,
    /// Whether the message must not leave when the record is not taken.
    pub is_required: bool,
}

impl std::fmt::Debug for Record {
    /// Shows nothing of what it holds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

/// The message a record is made of, beside the draft before anything was hidden.
pub(super) struct Leg<'a> {
    pub origin: &'a Origin,
    pub hop: &'a Hop,
    /// The branch that the draft does not show: ours, of a request as sent, of a response as received.
    pub our_branch: &'a [u8],
    /// The Call-ID it came with. `None`: that of the draft.
    pub call_id_received: Option<&'a [u8]>,
    pub sent: &'a Outgoing,
    pub privacy: PrivacySet,
}

impl Record {
    fn of(policy: &Policy, now: Now, draft: &Draft, leg: &Leg<'_>) -> Record {
        let one = |name: Name| draft.first(name).map(clipped).unwrap_or_default();
        let all = |name: Name| draft.rows(name).take(ROWS_MAX).map(clipped).collect();
        let their_branch = top_branch(draft);
        let our_branch = clipped(leg.our_branch);
        let is_request = draft.is_request();
        let (branch_received, branch_sent) = match is_request {
            true => (their_branch, our_branch),
            false => (our_branch, their_branch),
        };
        Record {
            unix: now.unix,
            origin: leg.origin.standing(),
            hop: super::event::standing_of(leg.hop),
            method: method(draft),
            status: if is_request { 0 } else { draft.status() },
            call_id_received: leg.call_id_received.map_or_else(|| one(Name::CallId), clipped),
            call_id_sent: leg.sent.call_id().as_deref().map(clipped).unwrap_or_default(),
            branch_received,
            branch_sent,
            from: one(Name::From),
            to: one(Name::To),
            contacts: all(Name::Contact),
            asserted: all(Name::PAssertedIdentity),
            privacy: leg.privacy,
            is_required: policy.lawful_interception.sink_required.value && super::intake::opens(draft),
        }
    }
}

impl Engine {
    /// Hands out the record of a message that is sent next.
    pub(super) fn record(&mut self, policy: &Policy, now: Now, draft: &Draft, leg: &Leg<'_>) {
        let record = Box::new(Record::of(policy, now, draft, leg));
        self.outputs.push_back(Output::Record(record));
    }
}

/// Lets the gate clear a message; tells whether it hid anything. Nobody looks where there is no audit.
pub(super) fn watched<T>(policy: &Policy, notes: &mut Notes, clear: impl FnOnce(&mut Notes) -> T) -> (T, bool) {
    if !audits(policy) {
        return (clear(notes), false);
    }
    let mut of_gate = Notes::on();
    let cleared = clear(&mut of_gate);
    let decisions = of_gate.take();
    let hides = decisions.iter().any(is_privacy);
    notes.absorb(&mut of_gate, decisions);
    (cleared, hides)
}

/// Whether there is an audit to tell.
pub(super) fn audits(policy: &Policy) -> bool {
    policy.lawful_interception.audit.is_some()
}

/// What belongs to the trust domain or to the network whoever calls (TRUST-040, PRIV-106, THIG) tells of nobody's wish.
fn is_privacy(decision: &Decision) -> bool {
    let changed = matches!(
        decision.action,
        Action::Removed | Action::Anonymised | Action::Hidden | Action::Rewritten
    );
    let is_of_domain = [Rule::TRUST_040, Rule::PRIV_106, Rule::THIG_002, Rule::THIG_012].contains(&decision.rule);
    changed && !is_of_domain
}

fn top_branch(draft: &Draft) -> Vec<u8> {
    let top = draft.first(Name::Via).and_then(|via| Via::parse(via).ok());
    top.and_then(|(via, _)| via.branch().map(clipped)).unwrap_or_default()
}

/// The request's own word, also where this node does not know it.
fn method(draft: &Draft) -> Vec<u8> {
    if draft.is_request() {
        return clipped(draft.method_name());
    }
    let cseq = draft.first(Name::CSeq).unwrap_or_default().trim_ascii();
    let method = cseq.rsplit(u8::is_ascii_whitespace).next();
    method.map(clipped).unwrap_or_default()
}

fn clipped(value: &[u8]) -> Vec<u8> {
    value[..value.len().min(VALUE_BYTES_MAX)].to_vec()
}
