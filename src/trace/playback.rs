//! Recorded messages, played to the rules of the engine: what would become of each, and what the recording itself shows.
//!
//! Between the sender and the receiver of every recorded message this node is imagined, and the message judged as if it
//! came from the one and went to the other ([`crate::engine::judge`]: admit, decide and clear as in the engine). Trust
//! follows from the addresses by the peers and listeners of the policy. So a message that was recorded on several hops is
//! judged on each, by itself.
//!
//! What a party asked for when it entered a dialog is remembered by Call-ID and tag, as the engine remembers it in its
//! tokens, and a party outside that would have seen an anonymous From is taken to answer to that name. Transactions are not
//! followed: a CANCEL, and the ACK of a failure, is judged as it was recorded, where the engine would make its own; and an
//! identity that a registration would let this node assert is not put in. Time is that of the capture.
//!
//! A capture is hostile: nothing in it is trusted, everything remembered has a maximum, and what was forgotten is counted.

pub mod against;
mod compare;
pub mod finding;
pub mod json;
mod recent;
pub mod report;
mod stand;
pub mod text;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

pub use self::finding::{Finding, Kind, Leak, Party, Step, Summary};
use self::recent::Recent;
use self::stand::Stand;
use super::capture::Captured;
use crate::engine::judge::{Judge, Judgement, Outcome};
use crate::policy::Policy;
use crate::privacy::{Action, Decision, PrivacySet, anonymous};
use crate::rule::Rule;
use crate::seal::{HidingKeys, Keys};
use crate::sip::headers::NameAddr;
use crate::sip::parse::{Carrier, ParseError, ParseLimits, parse};
use crate::sip::{Draft, Essentials, Message, Method, Name, Transport};
use crate::trust::{Destination, Flow, Hop};

/// Parties of dialogs that are remembered, each on one hop; beyond: the oldest is forgotten.
pub const PARTIES_MAX: usize = 100_000;
/// Messages that are known again when they are repeated; beyond: the oldest is forgotten.
pub const REPEATED_MAX: usize = 100_000;
/// How long after a message the same bytes are the same message: a transaction's 64 × T1, and some.
pub const REPEATED_AGE_MAX: Duration = Duration::from_secs(40);
/// How long a party of a dialog is remembered after its last message.
pub const PARTY_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Addresses that get a letter of their own; beyond: all others share one.
pub const ADDRESSES_MAX: usize = 10_000;

/// A capture being played.
pub struct Playback {
    stand: Stand,
    keys: Keys,
    /// Of this network, when they were given.
    opens: Option<Keys>,
    hasher: RandomState,
    parties: Recent<Remembered>,
    repeated: Recent<Before>,
    addresses: finding::Parties,
    summary: Summary,
}

/// What is remembered of a party of a dialog.
#[derive(Clone, Copy)]
struct Remembered {
    set: PrivacySet,
    /// The other side sees an anonymous From in its place.
    hidden: bool,
}

/// A message that was there before.
#[derive(Clone, Copy)]
struct Before {
    number: u64,
    at: Duration,
}

impl Playback {
    pub fn new(policy: &Policy) -> Playback {
        Playback {
            stand: Stand::new(policy),
            // Nothing made here is ever sent or kept: the tokens only have to be there.
            keys: Keys::new(&[(1, [0; 32])], &policy.domain.id.value, 0)
                .expect("one generation with one id is a key ring")
                .with_hiding(HidingKeys::new(&[(1, [0; 32])]).ok()),
            hasher: RandomState::new(),
            parties: Recent::new(PARTIES_MAX, PARTY_AGE_MAX),
            repeated: Recent::new(REPEATED_MAX, REPEATED_AGE_MAX),
            opens: None,
            addresses: finding::Parties::default(),
            summary: Summary::default(),
        }
    }

    /// The same, and what this network hid is opened with its keys.
    //= THIG-007
    pub fn opening(self, hiding: HidingKeys) -> Playback {
        Playback {
            opens: Some(self.keys.with_hiding(Some(hiding))),
            ..self
        }
    }

    /// Judges one recorded message. To be called in the order of the capture.
    pub fn play(&mut self, captured: &Captured) -> Finding {
        let kind = self.kind(captured);
        let finding = Finding {
            number: captured.number,
            at: captured.at,
            from: self.addresses.of(captured.src.ip()),
            to: self.addresses.of(captured.dst.ip()),
            kind,
        };
        self.summary.count(&finding);
        finding
    }

    /// What is decided on one message between these two, whatever their addresses tell. `None`: it cannot be read. Is counted nowhere.
    pub fn between(&mut self, captured: &Captured, from: Flow, to: Destination) -> Option<Step> {
        let message = self.read(captured).ok()?;
        Some(self.judge(captured, message, (from, to)))
    }

    /// What was found so far.
    pub fn summary(&self) -> Summary {
        Summary {
            forgotten: self.parties.forgotten() + self.repeated.forgotten(),
            ..self.summary
        }
    }

    fn kind(&mut self, captured: &Captured) -> Kind {
        let key = self
            .hasher
            .hash_one((captured.src, captured.dst, captured.transport, &captured.bytes[..]));
        let before = self.repeated.of(key).copied();
        if let Some(before) = before
            && captured.at.abs_diff(before.at) <= REPEATED_AGE_MAX
        {
            return Kind::Again(before.number);
        }
        self.repeated.keep(
            captured.at,
            key,
            Before {
                number: captured.number,
                at: captured.at,
            },
        );
        match self.read(captured) {
            Ok(message) => {
                let ends = self.stand.ends(captured);
                Kind::Judged(Box::new(self.judge(captured, message, ends)))
            }
            Err(error) => Kind::Unreadable(error),
        }
    }

    /// The message; of a truncated one, what there is of it when its headers are whole.
    fn read(&self, captured: &Captured) -> Result<Message, ParseError> {
        let carrier = match captured.transport {
            Transport::Udp => Carrier::Datagram,
            _ => Carrier::Stream,
        };
        match parse(captured.bytes.clone(), carrier, &parse_limits(&self.stand.policy)) {
            Ok(message) => Ok(message),
            Err(refused) => match (refused.error, refused.message) {
                (ParseError::ShortBody, Some(message)) if captured.truncated => Ok(message),
                (error, _) => Err(error),
            },
        }
    }

    fn judge(&mut self, captured: &Captured, message: Message, (from, to): (Flow, Destination)) -> Step {
        let essentials = Essentials::read(&message).ok();
        let dialog = essentials.as_ref().map(|essentials| Dialog::of(captured, essentials));
        let remembered = dialog.as_ref().map_or(PrivacySet::EMPTY, |dialog| {
            self.remembered(&message, dialog, essentials.as_ref())
        });
        let shown_outside = !Hop::judge(&self.stand.policy, to).is_trusted();
        let answering = dialog
            .as_ref()
            .filter(|_| shown_outside)
            .and_then(|dialog| self.as_it_was_called(&message, dialog));
        let judge = Judge {
            policy: &self.stand.policy,
            keys: &self.keys,
            own: &self.stand.own,
            opens: self.opens.as_ref(),
        };
        let renamed = answering.is_some();
        let played = answering.unwrap_or_else(|| message.clone());
        let mut judgement = judge.message(played, from, to, remembered);
        if renamed {
            judgement.cleared.push(Decision {
                header: Name::To,
                action: Action::Anonymised,
                rule: Rule::PRIV_133,
                policy_line: 0,
            });
        }
        if let (Some(dialog), Some(essentials)) = (&dialog, &essentials) {
            self.remember(&message, dialog, essentials, &judgement);
        }
        compare::step(&self.stand.policy, message.bytes(), judgement)
    }

    /// What the originator of a message gave when it entered the dialog.
    //= PRIV-130
    fn remembered(&mut self, message: &Message, dialog: &Dialog, essentials: Option<&Essentials>) -> PrivacySet {
        let Some(essentials) = essentials.filter(|_| self.stand.policy.privacy.dialog_sticky.value) else {
            return PrivacySet::EMPTY;
        };
        let tag = match message.method() {
            // It opens the dialog: what it says itself counts, and nothing else.
            Some(method) if essentials.to_tag().is_none() && method != Method::Cancel => return PrivacySet::EMPTY,
            Some(_) => essentials.from_tag(),
            None => essentials.to_tag().unwrap_or_default(),
        };
        let key = dialog.party(&self.hasher, tag);
        self.parties.seen(dialog.at, key);
        self.parties.of(key).map_or(PrivacySet::EMPTY, |party| party.set)
    }

    /// A response to a party outside that knows its sender only as anonymous: with To as that party would have written it.
    //= PRIV-133
    fn as_it_was_called(&self, message: &Message, dialog: &Dialog) -> Option<Message> {
        if message.method().is_some() {
            return None;
        }
        let to = NameAddr::parse(message.first(Name::To)?).ok()?;
        let tag = to.tag()?;
        let hidden = self.parties.of(dialog.party(&self.hasher, tag))?.hidden;
        let host = &self.stand.policy.privacy.anonymous_host.value;
        if !hidden || anonymous::is_anonymous(to.uri_bytes(), host) {
            return None;
        }
        let tag = tag.to_vec();
        let mut draft = Draft::from(message.clone());
        let (row, _) = draft.first_at(Name::To)?;
        let [display, uri, end] = anonymous::from(host);
        draft.set(row, &[display, uri, end, b";tag=", &tag]);
        parse(draft.to_bytes(), Carrier::Datagram, &UNLIMITED).ok()
    }

    /// Keeps what a party gave when it entered the dialog.
    //= PRIV-130
    fn remember(&mut self, message: &Message, dialog: &Dialog, essentials: &Essentials, judgement: &Judgement) {
        let said = judgement.said;
        match message.method() {
            Some(method) => {
                let key = dialog.party(&self.hasher, essentials.from_tag());
                let hidden = !judgement.hop.is_trusted()
                    && matches!(judgement.outcome, Outcome::Cleared(_))
                    && anonymises_from(judgement);
                if essentials.to_tag().is_none() && forms_dialog(method) {
                    if !said.is_empty() || hidden || self.parties.of(key).is_some() {
                        self.parties.keep(dialog.at, key, Remembered { set: said, hidden });
                    }
                } else if essentials.to_tag().is_some() && hidden {
                    let set = self.parties.of(key).map_or(PrivacySet::EMPTY, |party| party.set);
                    self.parties.keep(dialog.at, key, Remembered { set, hidden });
                }
            }
            None => {
                let enters = (101..300).contains(&message.status()) && forms_dialog(essentials.cseq_method);
                let Some(tag) = essentials.to_tag().filter(|_| enters && !said.is_empty()) else {
                    return;
                };
                let key = dialog.party(&self.hasher, tag);
                if self.parties.of(key).is_none() {
                    self.parties.keep(
                        dialog.at,
                        key,
                        Remembered {
                            set: said,
                            hidden: false,
                        },
                    );
                }
            }
        }
    }
}

fn anonymises_from(judgement: &Judgement) -> bool {
    let of_from = |decision: &Decision| decision.header == Name::From && decision.action == Action::Anonymised;
    judgement.cleared.iter().any(of_from)
}

/// A dialog on one hop.
struct Dialog {
    between: [IpAddr; 2],
    call_id: Bytes,
    /// When this message of it was recorded.
    at: Duration,
}

impl Dialog {
    fn of(captured: &Captured, essentials: &Essentials) -> Dialog {
        let mut between = [captured.src.ip(), captured.dst.ip()];
        between.sort();
        Dialog {
            between,
            call_id: Bytes::copy_from_slice(essentials.call_id()),
            at: captured.at,
        }
    }

    fn party(&self, hasher: &RandomState, tag: &[u8]) -> u64 {
        hasher.hash_one((self.between, &self.call_id[..], tag))
    }
}

fn forms_dialog(method: Method) -> bool {
    matches!(
        method,
        Method::Invite | Method::Subscribe | Method::Refer | Method::Other
    )
}

/// What was read once is read again whatever its size.
pub(super) const UNLIMITED: ParseLimits = ParseLimits {
    start_line_bytes_max: usize::MAX,
    header_bytes_max: usize::MAX,
    header_block_bytes_max: usize::MAX,
    header_rows_max: usize::MAX,
    body_bytes_max: usize::MAX,
};

fn parse_limits(policy: &Policy) -> ParseLimits {
    let limits = &policy.limits;
    ParseLimits {
        start_line_bytes_max: limits.start_line_bytes_max as usize,
        header_bytes_max: limits.header_bytes_max as usize,
        header_block_bytes_max: limits.header_block_bytes_max as usize,
        header_rows_max: limits.header_rows_max as usize,
        body_bytes_max: limits.body_bytes_max as usize,
    }
}
