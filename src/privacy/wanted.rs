//! What the originator of a message wants hidden: its Privacy header, what is remembered of it in this dialog, and the
//! policy's reading of odd tokens. Reads; changes nothing.

use smallvec::SmallVec;

use super::on_behalf;
use crate::policy::privacy::{DialogDowngrade, Provided};
use crate::policy::spec_t::{ConflictNone, MalformedPrivacy, TokenMeaning, UnknownToken};
use crate::policy::{PeerId, Policy};
use crate::sip::headers::privacy::{Element, PrivacyHeader, PrivacyValue};
use crate::sip::{Draft, Method, Name};

/// A set of privacy values, one byte, as it travels in a dialog token.
//= PRIV-020
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrivacySet(u8);

impl PrivacySet {
    pub const EMPTY: PrivacySet = PrivacySet(0);
    pub const NONE: PrivacySet = PrivacySet(1);
    pub const ID: PrivacySet = PrivacySet(1 << 1);
    pub const USER: PrivacySet = PrivacySet(1 << 2);
    pub const HEADER: PrivacySet = PrivacySet(1 << 3);
    pub const SESSION: PrivacySet = PrivacySet(1 << 4);
    pub const HISTORY: PrivacySet = PrivacySet(1 << 5);
    pub const CRITICAL: PrivacySet = PrivacySet(1 << 6);
    /// Some value that nobody knows, or that is no token.
    pub const UNKNOWN: PrivacySet = PrivacySet(1 << 7);
    const LEVELS: PrivacySet = PrivacySet(!(1 | 1 << 6));

    pub const fn union(self, other: PrivacySet) -> PrivacySet {
        PrivacySet(self.0 | other.0)
    }

    pub const fn without(self, other: PrivacySet) -> PrivacySet {
        PrivacySet(self.0 & !other.0)
    }

    /// Whether any value of `other` is in here.
    pub const fn has(self, other: PrivacySet) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn to_byte(self) -> u8 {
        self.0
    }

    pub const fn from_byte(byte: u8) -> PrivacySet {
        PrivacySet(byte)
    }

    /// What it asks for, for people.
    pub fn words(self) -> Vec<&'static str> {
        [
            (PrivacySet::NONE, "none"),
            (PrivacySet::ID, "id"),
            (PrivacySet::USER, "user"),
            (PrivacySet::HEADER, "header"),
            (PrivacySet::SESSION, "session"),
            (PrivacySet::HISTORY, "history"),
            (PrivacySet::UNKNOWN, "unknown"),
            (PrivacySet::CRITICAL, "critical"),
        ]
        .into_iter()
        .filter(|(value, _)| self.has(*value))
        .map(|(_, word)| word)
        .collect()
    }

    fn has_levels(self) -> bool {
        self.has(PrivacySet::LEVELS)
    }
}

/// The wish behind one message.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The effective set: said here, or remembered of this party in this dialog.
    pub set: PrivacySet,
    /// What this very message says, after aliases; to be remembered when it enters a dialog.
    pub said: PrivacySet,
    /// What the message's own header asks for that this node does not provide, by name, for the reason phrase.
    pub unprovidable: SmallVec<[Unprovidable; 2]>,
    /// The header breaks RFC 3323 section 4.2 in a way that leaves it as received (PRIV-008, 009, 011).
    pub leave_header: bool,
    /// What is odd about the header, for counters.
    pub anomalies: Anomalies,
    pub passes: Passes,
}

/// What of a message reaches who is outside T, beside what the originator wants hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passes {
    Everything,
    /// A tracker elsewhere says it to a peer: what the protocol needs.
    OfTracker,
    /// One peer says it to another: the same, and who says it is called so. Empty: nothing that is known.
    OfPeer {
        called: Vec<u8>,
    },
}

/// Oddities of a Privacy header, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Anomalies(u8);

impl Anomalies {
    /// The name of each bit, as a label.
    pub const NAMES: [&'static str; 7] = [
        "comma",
        "repeated",
        "none_with_others",
        "critical_alone",
        "unknown_value",
        "malformed",
        "alias",
    ];
    const COMMA: Anomalies = Anomalies(1);
    const REPEATED: Anomalies = Anomalies(1 << 1);
    const NONE_WITH_OTHERS: Anomalies = Anomalies(1 << 2);
    const CRITICAL_ALONE: Anomalies = Anomalies(1 << 3);
    const UNKNOWN: Anomalies = Anomalies(1 << 4);
    const MALFORMED: Anomalies = Anomalies(1 << 5);
    const ALIAS: Anomalies = Anomalies(1 << 6);

    pub fn bits(self) -> u8 {
        self.0
    }

    fn add(&mut self, other: Anomalies) {
        self.0 |= other.0;
    }
}

/// A value that cannot be provided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unprovidable {
    Header,
    Session,
    History,
    /// Known in general, but not to be had for this message.
    User,
    Id,
    /// Received text: a token of at most 32 bytes, else `None`.
    Other(Option<Box<str>>),
}

impl Unprovidable {
    /// The name as the reason phrase shows it.
    pub fn as_str(&self) -> &str {
        match self {
            Unprovidable::Header => "header",
            Unprovidable::Session => "session",
            Unprovidable::History => "history",
            Unprovidable::User => "user",
            Unprovidable::Id => "id",
            Unprovidable::Other(Some(token)) => token,
            Unprovidable::Other(None) => "other",
        }
    }
}

/// A Privacy header that the policy says to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("none stands beside other privacy values, and the policy refuses that")]
    NoneWithOthers,
    #[error("the Privacy header is malformed, and the policy refuses that")]
    Malformed,
}

impl Wanted {
    /// Nothing is to be hidden, whatever was said: who calls for help is to be found.
    //= ROLE-005
    pub fn nothing() -> Wanted {
        Wanted {
            set: PrivacySet::NONE,
            said: PrivacySet::NONE,
            unprovidable: SmallVec::new(),
            leave_header: true,
            anomalies: Anomalies::default(),
            passes: Passes::Everything,
        }
    }

    /// One peer says it to another: whatever was said, neither is to learn who the other is, or it is not said at all.
    //= P2P-006
    //= P2P-072
    //= P2P-074
    pub fn between_peers(called: Vec<u8>) -> Wanted {
        let all = [
            PrivacySet::ID,
            PrivacySet::USER,
            PrivacySet::HEADER,
            PrivacySet::HISTORY,
            PrivacySet::CRITICAL,
        ];
        let set = all.into_iter().fold(PrivacySet::EMPTY, PrivacySet::union);
        Wanted {
            set,
            said: set,
            unprovidable: SmallVec::new(),
            leave_header: false,
            anomalies: Anomalies::default(),
            passes: Passes::OfPeer { called },
        }
    }

    /// The same of what a tracker elsewhere says to a peer.
    //= P2P-063
    pub fn of_tracker(self) -> Wanted {
        Wanted {
            passes: Passes::OfTracker,
            ..self
        }
    }

    /// Whether one peer says it to another.
    pub fn is_of_peer(&self) -> bool {
        matches!(self.passes, Passes::OfPeer { .. })
    }

    /// Reads the wish of the originator of `draft`.
    ///
    /// `peer`: whose aliases apply. `remembered`: what this party gave when it entered the dialog; empty outside one.
    //= PRIV-005
    //= PRIV-014
    //= PRIV-015
    pub fn read(
        policy: &Policy,
        draft: &Draft,
        peer: Option<PeerId>,
        remembered: PrivacySet,
    ) -> Result<Wanted, Unreadable> {
        //= PRIV-064
        //= PRIV-065
        let releases = matches!(
            draft.method(),
            Some(Method::Ack | Method::Cancel | Method::Bye | Method::Prack)
        );
        let mut said = Said {
            set: PrivacySet::EMPTY,
            unprovidable: SmallVec::new(),
            malformed: false,
            by_party: false,
            refusable: draft.is_request() && !releases,
            anomalies: Anomalies::default(),
        };
        if draft.has(Name::Privacy) {
            let header = PrivacyHeader::read(draft.rows(Name::Privacy));
            if header.comma_used {
                said.anomalies.add(Anomalies::COMMA);
            }
            if header.rows > 1 {
                said.anomalies.add(Anomalies::REPEATED);
            }
            header
                .elements()
                .iter()
                .for_each(|element| said.add(policy, peer, element));
            if header.overflow {
                said.overflow(policy, &header);
            }
        }
        said.by_party = !said.set.is_empty();
        //= LI-010
        if !policy.privacy.on_behalf.is_empty() && !said.set.has(PrivacySet::NONE) {
            said.set = said.set.union(on_behalf::values(policy, draft));
        }
        said.settle(policy, remembered)
    }
}

struct Said {
    set: PrivacySet,
    unprovidable: SmallVec<[Unprovidable; 2]>,
    malformed: bool,
    /// The party itself asks for something. What the network agreed to is no word of its, and takes no wish back.
    //= PRIV-131
    by_party: bool,
    /// A response is not refused for what it says, nor is what closes a transaction or releases a session.
    refusable: bool,
    anomalies: Anomalies,
}

impl Said {
    fn add(&mut self, policy: &Policy, peer: Option<PeerId>, element: &Element<'_>) {
        if let Some(meaning) = meaning_of(element.value) {
            return self.mean(policy, meaning);
        }
        //= PRIV-011
        if element.value == PrivacyValue::Malformed {
            self.malformed = true;
            self.anomalies.add(Anomalies::MALFORMED);
            return self.unknown(None);
        }
        match alias(policy, peer, element.bytes) {
            Some(meaning) => {
                self.anomalies.add(Anomalies::ALIAS);
                self.mean(policy, meaning);
            }
            None => {
                self.anomalies.add(Anomalies::UNKNOWN);
                self.unknown(Some(element.bytes));
            }
        }
    }

    /// More elements than are kept: those that are known still count, and something unknown is among the rest.
    fn overflow(&mut self, policy: &Policy, header: &PrivacyHeader<'_>) {
        self.malformed = true;
        self.anomalies.add(Anomalies::MALFORMED);
        self.unknown(None);
        let known = [
            (header.none, TokenMeaning::None),
            (header.id, TokenMeaning::Id),
            (header.critical, TokenMeaning::Critical),
            (header.user, TokenMeaning::User),
            (header.header, TokenMeaning::Header),
            (header.session, TokenMeaning::Session),
            (header.history, TokenMeaning::History),
        ];
        known
            .into_iter()
            .filter(|(there, _)| *there)
            .for_each(|(_, meaning)| self.mean(policy, meaning));
    }

    //= PRIV-013
    //= PRIV-034
    fn mean(&mut self, policy: &Policy, meaning: TokenMeaning) {
        let provides = |value: Provided| policy.privacy.values.value.contains(&value);
        let (value, lacking) = match meaning {
            TokenMeaning::Absent => return,
            TokenMeaning::None => (PrivacySet::NONE, None),
            TokenMeaning::Critical => (PrivacySet::CRITICAL, None),
            TokenMeaning::Id => (PrivacySet::ID, (!provides(Provided::Id)).then_some(Unprovidable::Id)),
            TokenMeaning::User => (
                PrivacySet::USER,
                (!provides(Provided::User)).then_some(Unprovidable::User),
            ),
            TokenMeaning::Header => (
                PrivacySet::HEADER,
                (!provides(Provided::Header)).then_some(Unprovidable::Header),
            ),
            TokenMeaning::Session => (PrivacySet::SESSION, Some(Unprovidable::Session)),
            TokenMeaning::History => (
                PrivacySet::HISTORY,
                (!provides(Provided::History)).then_some(Unprovidable::History),
            ),
        };
        self.set = self.set.union(provided(policy, value));
        if let Some(lacking) = lacking
            && !self.unprovidable.contains(&lacking)
        {
            self.unprovidable.push(lacking);
        }
    }

    //= PRIV-010
    fn unknown(&mut self, token: Option<&[u8]>) {
        self.set = self.set.union(PrivacySet::UNKNOWN);
        let shown = token
            .filter(|token| token.len() <= 32)
            .and_then(|token| std::str::from_utf8(token).ok());
        let lacking = Unprovidable::Other(shown.map(Box::from));
        if !self.unprovidable.contains(&lacking) {
            self.unprovidable.push(lacking);
        }
    }

    fn settle(mut self, policy: &Policy, remembered: PrivacySet) -> Result<Wanted, Unreadable> {
        let handling = &policy.spec_t.id_handling;
        if self.refusable && self.malformed && handling.malformed_privacy.value == MalformedPrivacy::Reject400 {
            return Err(Unreadable::Malformed);
        }
        let mut leave_header = self.malformed;
        //= PRIV-008
        if self.set.has(PrivacySet::NONE) && self.set != PrivacySet::NONE {
            leave_header = true;
            self.anomalies.add(Anomalies::NONE_WITH_OTHERS);
            match handling.conflict_none.value {
                ConflictNone::Reject400 if self.refusable => return Err(Unreadable::NoneWithOthers),
                ConflictNone::PrivacyWins | ConflictNone::Reject400 => self.set = self.set.without(PrivacySet::NONE),
                ConflictNone::NoneWins => {
                    self.set = PrivacySet::NONE;
                    self.unprovidable.clear();
                }
            }
        }
        //= PRIV-009
        if self.set.has(PrivacySet::CRITICAL) && !self.set.has_levels() {
            leave_header = true;
            self.anomalies.add(Anomalies::CRITICAL_ALONE);
        }
        let downgrade = match self.by_party {
            true => policy.privacy.dialog_downgrade.value,
            false => DialogDowngrade::Ignore,
        };
        let set = together(self.set, remembered, downgrade);
        Ok(Wanted {
            set,
            said: self.set,
            unprovidable: self.unprovidable,
            leave_header,
            anomalies: self.anomalies,
            passes: Passes::Everything,
        })
    }
}

/// What this node does not provide is as what nobody knows. `id` is given even where it is not listed, and `session` has a
/// column of its own in Table A.
//= PRIV-001
fn provided(policy: &Policy, value: PrivacySet) -> PrivacySet {
    let provides = |value: Provided| policy.privacy.values.value.contains(&value);
    let extras = [
        (PrivacySet::USER, Provided::User),
        (PrivacySet::HEADER, Provided::Header),
        (PrivacySet::HISTORY, Provided::History),
    ];
    let lacks = |(set, extra): &(PrivacySet, Provided)| *set == value && !provides(*extra);
    match extras.iter().any(lacks) {
        true => PrivacySet::UNKNOWN,
        false => value,
    }
}

/// The effective set of what is said and what is remembered.
//= PRIV-130
//= PRIV-131
fn together(said: PrivacySet, remembered: PrivacySet, downgrade: DialogDowngrade) -> PrivacySet {
    if remembered.is_empty() {
        return said;
    }
    let honoured = downgrade == DialogDowngrade::Honour && !said.is_empty();
    if honoured {
        return said;
    }
    let union = said.union(remembered);
    if union == PrivacySet::NONE {
        union
    } else {
        union.without(PrivacySet::NONE)
    }
}

/// Whether an element says `none`, in its own word or in one that the policy gives this meaning.
pub(super) fn says_none(policy: &Policy, peer: Option<PeerId>, element: &Element<'_>) -> bool {
    let meaning = meaning_of(element.value).or_else(|| alias(policy, peer, element.bytes));
    meaning == Some(TokenMeaning::None)
}

fn meaning_of(value: PrivacyValue) -> Option<TokenMeaning> {
    Some(match value {
        PrivacyValue::None => TokenMeaning::None,
        PrivacyValue::Id => TokenMeaning::Id,
        PrivacyValue::Critical => TokenMeaning::Critical,
        PrivacyValue::User => TokenMeaning::User,
        PrivacyValue::Header => TokenMeaning::Header,
        PrivacyValue::Session => TokenMeaning::Session,
        PrivacyValue::History => TokenMeaning::History,
        PrivacyValue::Other | PrivacyValue::Malformed => return None,
    })
}

/// What an odd token means: by the peer's aliases first, then by `legacy_tokens`.
fn alias(policy: &Policy, peer: Option<PeerId>, token: &[u8]) -> Option<TokenMeaning> {
    let of_peer = peer
        .and_then(|peer| policy.peers.get(peer.0 as usize))
        .and_then(|peer| {
            peer.aliases
                .iter()
                .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()))
                .map(|(_, to)| to.value)
        });
    let legacy = &policy.spec_t.id_handling.legacy_tokens.value;
    of_peer.or_else(|| {
        legacy
            .iter()
            .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, to)| *to)
    })
}

/// What an asserted identity meets on a boundary leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFate {
    Keep,
    Remove,
    /// Nobody asked: the policy's default for this kind of hop decides.
    Default,
}

/// Table A for a hop outside T, by the effective set.
//= PRIV-029
pub fn identity_fate(policy: &Policy, set: PrivacySet) -> IdentityFate {
    let handling = &policy.spec_t.id_handling;
    if set == PrivacySet::NONE {
        return IdentityFate::Keep;
    }
    if set.has(PrivacySet::ID.union(PrivacySet::HEADER)) {
        return IdentityFate::Remove;
    }
    if set.has(PrivacySet::USER) && handling.user_removes_pai.value {
        return IdentityFate::Remove;
    }
    if set.has(PrivacySet::UNKNOWN) && handling.unknown_token.value != UnknownToken::Ignore {
        return IdentityFate::Remove;
    }
    if set == PrivacySet::CRITICAL {
        return IdentityFate::Remove;
    }
    IdentityFate::Default
}

#[cfg(test)]
mod tests {
    use super::*;

    //= PRIV-131 type=test
    #[test]
    fn later_wishes_widen_and_do_not_narrow() {
        use DialogDowngrade::{Honour, Ignore};
        let (none, id, user) = (PrivacySet::NONE, PrivacySet::ID, PrivacySet::USER);
        assert_eq!(together(none, id, Ignore), id);
        assert_eq!(together(none, id, Honour), none);
        assert_eq!(together(id, none, Ignore), id);
        assert_eq!(together(PrivacySet::EMPTY, none, Ignore), none);
        assert_eq!(together(PrivacySet::EMPTY, id, Honour), id);
        assert_eq!(together(user, id, Ignore), id.union(user));
        assert_eq!(together(user, PrivacySet::EMPTY, Ignore), user);
    }

    /// Nodes of one trust domain read each other's tokens.
    //= PRIV-135 type=test
    #[test]
    fn a_set_travels_as_one_byte_with_a_bit_for_each_value() {
        let values = [
            (PrivacySet::NONE, 1, "none"),
            (PrivacySet::ID, 2, "id"),
            (PrivacySet::USER, 4, "user"),
            (PrivacySet::HEADER, 8, "header"),
            (PrivacySet::SESSION, 16, "session"),
            (PrivacySet::HISTORY, 32, "history"),
            (PrivacySet::CRITICAL, 64, "critical"),
            (PrivacySet::UNKNOWN, 128, "unknown"),
        ];
        let mut all = PrivacySet::EMPTY;
        for (value, byte, word) in values {
            assert_eq!((value.to_byte(), PrivacySet::from_byte(byte)), (byte, value), "{word}");
            assert_eq!(value.words(), [word]);
            assert!(!value.is_empty() && !all.has(value), "{word}");
            let is_level = !matches!(word, "none" | "critical");
            assert_eq!(value.has_levels(), is_level, "{word}");
            all = all.union(value);
            assert_eq!(all.without(value).union(value), all);
            assert!(all.has(value) && !all.without(value).has(value), "{word}");
        }
        assert_eq!(all.to_byte(), 255);
        assert!(PrivacySet::EMPTY.is_empty() && all.without(all).is_empty());
        assert_eq!(all.union(PrivacySet::ID), all);
        assert_eq!(PrivacySet::ID.without(PrivacySet::USER), PrivacySet::ID);
    }

    #[test]
    fn an_anomaly_is_counted_under_its_name() {
        let anomalies = [
            (Anomalies::COMMA, "comma"),
            (Anomalies::REPEATED, "repeated"),
            (Anomalies::NONE_WITH_OTHERS, "none_with_others"),
            (Anomalies::CRITICAL_ALONE, "critical_alone"),
            (Anomalies::UNKNOWN, "unknown_value"),
            (Anomalies::MALFORMED, "malformed"),
            (Anomalies::ALIAS, "alias"),
        ];
        let mut all = Anomalies::default();
        for (place, (anomaly, name)) in anomalies.into_iter().enumerate() {
            assert_eq!((anomaly.bits(), Anomalies::NAMES[place]), (1 << place, name));
            all.add(anomaly);
            all.add(anomaly);
        }
        assert_eq!(all.bits(), 127);
    }
}
