//! What happened, as typed values: log lines, counters, replay and tests are made from them.

use tracing::span::EnteredSpan;

use crate::engine::reject::Reject;
use crate::policy::{ListenerId, Policy};
use crate::privacy::Decision;
use crate::redact::Private;
use crate::rule::Rule;
use crate::sip::Method;
use crate::trust::{Evidence, Hop, Origin, Standing, UntrustedKind};

/// One thing worth knowing about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request was cleared for a hop, or a response for the hop back.
    Cleared(Judged),
    /// A request was refused; the answer is an output.
    Refused {
        what: What,
        origin: Option<(Standing, Evidence)>,
        reject: Reject,
    },
    /// A message went no further, without an answer.
    Dropped { what: What, why: Drop },
}

/// A cleared message: who sent it, who gets it, and what was decided on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub what: What,
    pub origin: (Standing, Evidence),
    /// Standing of the hop, and why.
    pub hop: (Standing, Evidence),
    pub decisions: Vec<Decision>,
}

/// The kind of a message: bounded, names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Request(Method),
    Response { status: u16, to: Method },
    Unreadable,
}

impl What {
    /// The method of a request, or of the request a response answers.
    pub fn method(self) -> Option<Method> {
        match self {
            What::Request(method) | What::Response { to: method, .. } => Some(method),
            What::Unreadable => None,
        }
    }

    pub fn status(self) -> Option<u16> {
        match self {
            What::Response { status, .. } => Some(status),
            What::Request(_) | What::Unreadable => None,
        }
    }
}

/// Why a message went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    /// It came before; what was sent then is sent again, if anything.
    Retransmission,
    /// It ends here: a 100, an ACK of a failure, an answer to our CANCEL.
    HopByHop,
    /// No transaction of ours waits for this response.
    Stray,
    /// It cannot be read, and cannot be answered.
    Unanswerable,
    /// An ACK that leads nowhere, or that a rule refuses.
    AckNowhere,
    /// Another response or target is waited for.
    Held,
    /// The engine is full.
    Full,
    /// Its source asks more often than it may.
    TooOften,
    /// Its sender is a UE that is not registered, and the policy has no answer for one.
    Unregistered,
    /// It holds a token of hidden values that does not open.
    HiddenToken,
    /// It came to a protected port and belongs to no security association, or to one that is for other messages.
    NoAssociation,
}

impl Drop {
    pub const ALL: [Drop; 11] = [
        Drop::Retransmission,
        Drop::HopByHop,
        Drop::Stray,
        Drop::Unanswerable,
        Drop::AckNowhere,
        Drop::Held,
        Drop::Full,
        Drop::TooOften,
        Drop::Unregistered,
        Drop::HiddenToken,
        Drop::NoAssociation,
    ];

    /// One word, for counters.
    pub fn label(self) -> &'static str {
        match self {
            Drop::Retransmission => "retransmission",
            Drop::HopByHop => "hop_by_hop",
            Drop::Stray => "stray",
            Drop::Unanswerable => "unanswerable",
            Drop::AckNowhere => "ack_nowhere",
            Drop::Held => "held",
            Drop::Full => "full",
            Drop::TooOften => "too_often",
            Drop::Unregistered => "unregistered",
            Drop::HiddenToken => "hidden_token",
            Drop::NoAssociation => "no_association",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Drop::Retransmission => "retransmission",
            Drop::HopByHop => "ends here",
            Drop::Stray => "no transaction waits for it",
            Drop::Unanswerable => "unreadable, and not to be answered",
            Drop::AckNowhere => "an ACK that leads nowhere",
            Drop::Held => "held until the last target answered",
            Drop::Full => "no room",
            Drop::TooOften => "too many of its source",
            Drop::Unregistered => "of a UE that is not registered",
            Drop::HiddenToken => "a hidden value that does not open",
            Drop::NoAssociation => "no security association for it",
        }
    }

    /// The rule behind it.
    pub fn rule(self) -> Option<Rule> {
        match self {
            Drop::Unanswerable => Some(Rule::MSG_001),
            Drop::Full | Drop::TooOften => Some(Rule::SEC_009),
            Drop::Unregistered => Some(Rule::PCSCF_020),
            Drop::HiddenToken => Some(Rule::THIG_008),
            Drop::NoAssociation => Some(Rule::PCSCF_025),
            _ => None,
        }
    }
}

// Log lines, level debug. Nobody reads them, nothing is computed for them.

/// Every line about one message stands in a span that tells calls apart by a digest.
pub(super) fn span(call_id: &[u8]) -> EnteredSpan {
    tracing::debug_span!("message", call = %Private::new(call_id)).entered()
}

pub(super) fn log_cleared(policy: &Policy, what: What, origin: &Origin, hop: &Hop) {
    tracing::debug!(
        listener = listener(policy, origin.flow().listener),
        method = what.method().map(Method::label),
        status = what.status(),
        origin = class(origin.standing()),
        hop = class(standing_of(hop)),
        reason = hop.evidence().reason(),
        "cleared"
    );
}

pub(super) fn log_refused(policy: &Policy, what: What, from: ListenerId, origin: Standing, reject: &Reject) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let look = reject.look();
    tracing::debug!(
        listener = listener(policy, from),
        method = what.method().map(Method::label),
        status = look.status,
        rule = look.rule.id,
        origin = class(origin),
        reason = %reject,
        "refused"
    );
}

pub(super) fn log_dropped(what: What, why: Drop) {
    tracing::debug!(
        method = what.method().map(Method::label),
        status = what.status(),
        rule = why.rule().map(|rule| rule.id),
        reason = why.as_str(),
        "dropped"
    );
}

pub(super) fn standing_of(hop: &Hop) -> Standing {
    match hop {
        Hop::Trusted(_) => Standing::Trusted,
        Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served => Standing::Served,
        Hop::Untrusted(_) => Standing::Untrusted,
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Trusted => "trusted",
        Standing::Served => "served",
        Standing::Untrusted => "untrusted",
    }
}

fn listener(policy: &Policy, id: ListenerId) -> Option<&str> {
    let listener = policy.listeners.get(usize::from(id.0))?;
    Some(&listener.name.value)
}

/// Counters of one engine; every label is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    pub requests: u64,
    pub responses: u64,
    pub cleared_trusted: u64,
    pub cleared_untrusted: u64,
    pub refused: u64,
    pub dropped: u64,
    pub retransmissions: u64,
    pub token_failures: u64,
    pub privacy_refusals: u64,
    /// Requests a next hop was spared, as it asked for fewer.
    pub spared: u64,
    /// Asked of name servers.
    pub questions: u64,
    /// Names that led nowhere, or not in time.
    pub lookups_failed: u64,
    /// Addresses behind names that names must not lead to.
    pub addresses_refused: u64,
    /// Requests of nodes of T that break SIP in a way that defeats trust.
    pub violations: u64,
    /// Peers that did so more often than the policy lets pass.
    pub alarms: u64,
}

impl std::ops::AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        macro_rules! each {
            ($($field:ident),+ $(,)?) => {
                let Counters { $($field),+ } = other;
                $(self.$field += $field;)+
            };
        }
        each!(
            requests,
            responses,
            cleared_trusted,
            cleared_untrusted,
            refused,
            dropped,
            retransmissions,
            token_failures,
            privacy_refusals,
            spared,
            questions,
            lookups_failed,
            addresses_refused,
            violations,
            alarms,
        );
    }
}

/// How many entries each table of one engine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub servers: usize,
    pub clients: usize,
    /// Requests that wait for an answer from outside.
    pub pending: usize,
    /// Answering parties with remembered privacy.
    pub remembered: usize,
    /// Dialogs kept beside their tokens.
    pub dialogs: usize,
    /// Dialogs of UEs that can be released.
    pub calls: usize,
    /// Subscriptions to what becomes of UEs.
    pub subscriptions: usize,
    /// Questions to name servers under way.
    pub questions: usize,
    /// Names whose servers are known.
    pub plans: usize,
    /// Addresses of which it is known what DNS calls them.
    pub reverse_names: usize,
    /// Peers that failed of late.
    pub avoided: usize,
    pub deadlines: usize,
}
