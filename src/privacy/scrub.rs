//! Applies the tables to a message that leaves the trust domain.

use super::admit::remove_identities;
use super::anonymous;
use super::decision::{Action, Identity, Left, Notes};
use super::effects::{DELETED, DELETIONS, bound_to_domain};
use super::guard::headers;
use super::wanted::{IdentityFate, Passes, PrivacySet, Unprovidable, Wanted, identity_fate};
use super::{history, of_domain, registrar};
use crate::policy::spec_t::DefaultPrivacy;
use crate::policy::{Policy, Stated, StatedBy};
use crate::rule::Rule;
use crate::sip::headers::identity::Verdict;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::privacy::{PrivacyHeader, PrivacyValue};
use crate::sip::headers::tokens::{self, Without};
use crate::sip::{Draft, Method, Name};
use crate::topology::Hidden;
use crate::trust::UntrustedKind;

/// A draft without anything its hop outside T must not see. Made only here, out of a [`Hidden`].
#[derive(Debug)]
pub struct Scrubbed(Draft);

/// What scrubbing needs to know beside the message.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub policy: &'a Policy,
    pub kind: UntrustedKind,
    /// Whether From may be rewritten towards this peer (PRIV-140).
    pub rewrites_from: bool,
    /// What is not given on this leg in full, so that its value stays in the header.
    pub lacking: &'a [Unprovidable],
}

impl Scrubbed {
    //= PRIV-027
    //= PRIV-036
    pub fn new(hidden: Hidden, wanted: &Wanted, terms: Terms<'_>, notes: &mut Notes) -> Scrubbed {
        let mut draft = hidden.into_draft();
        let is_request = draft.is_request();
        asserted_identity(&mut draft, wanted.set, terms, notes);
        let gone = draft.remove_names(bound_to_domain(terms.kind, is_request));
        notes.note_set(gone, Action::Removed, Rule::TRUST_040);
        registrar::strip(&mut draft, notes);
        if terms.kind == UntrustedKind::Stranger {
            of_domain::strip(&mut draft, notes);
        }
        history::anonymise(&mut draft, wanted.set, terms.policy, notes);
        //= PRIV-042
        let registers = draft.exchange() == Some(Method::Register);
        if !registers && !wanted.set.is_empty() && wanted.set != PrivacySet::NONE {
            notes.functions(wanted.set.to_byte());
            deletions(&mut draft, wanted.set, notes);
            if is_request {
                request_fields(&mut draft, wanted, terms, notes);
            } else if wanted.set.has(PrivacySet::USER) {
                warnings(&mut draft, notes);
            }
            diversion(&mut draft, wanted.set, notes);
            session_id(&mut draft, wanted.set, terms, notes);
            if wanted.set.has(PrivacySet::USER) {
                left_alone(&draft, notes);
            }
            privacy_header(&mut draft, wanted, terms, notes);
        }
        match &wanted.passes {
            Passes::Everything => {}
            Passes::OfTracker => headers::keep_known(&mut draft, headers::OF_TRACKER),
            Passes::OfPeer { .. } => headers::keep_known(&mut draft, headers::OF_PEER),
        }
        Scrubbed(draft)
    }

    /// For `privacy::gate`, which alone takes it further.
    pub(super) fn into_draft(self) -> Draft {
        self.0
    }
}

/// Table A for a hop outside T.
//= PRIV-029
//= PRIV-030
//= PRIV-031
//= PRIV-032
//= MSG-013
fn asserted_identity(draft: &mut Draft, set: PrivacySet, terms: Terms<'_>, notes: &mut Notes) {
    if !draft.has(Name::PAssertedIdentity) && !draft.has(Name::RemotePartyId) {
        return;
    }
    let policy = terms.policy;
    let default = default_privacy(policy, terms.kind);
    let (remove, rule, by, became) = match identity_fate(policy, set) {
        IdentityFate::Keep => (false, Rule::PRIV_007, StatedBy::Default, Identity::KeptNone),
        IdentityFate::Remove => {
            let (rule, by, became) = why_removed(policy, set);
            (true, rule, by, became)
        }
        IdentityFate::Default => match default.value {
            DefaultPrivacy::Remove => (true, Rule::PRIV_030, default.by, Identity::RemovedDefault),
            DefaultPrivacy::Keep => (false, Rule::PRIV_030, default.by, Identity::KeptDefault),
        },
    };
    //= PRIV-041
    let carries_none = matches!(draft.method(), Some(Method::Ack | Method::Cancel));
    let action = if remove || carries_none {
        Action::Removed
    } else {
        Action::Kept
    };
    if !remove && remote_party_asks(draft) && draft.remove(Name::RemotePartyId) > 0 {
        notes.note(Name::RemotePartyId, Action::Removed, Rule::PRIV_097, StatedBy::Default);
    }
    if draft.has(Name::PAssertedIdentity) {
        notes.identity(if carries_none && !remove {
            Identity::RemovedMethod
        } else {
            became
        });
    }
    // Valid values pass, and what cannot be read is none.
    //= MSG-013
    if action == Action::Kept && remove_identities(draft, |verdict| verdict == Verdict::Unreadable) {
        notes.note(
            Name::PAssertedIdentity,
            Action::Rewritten,
            Rule::MSG_013,
            StatedBy::Default,
        );
    }
    for name in [Name::PAssertedIdentity, Name::RemotePartyId] {
        if draft.has(name) {
            notes.note(name, action, rule, by);
            if action == Action::Removed {
                draft.remove(name);
            }
        }
    }
}

/// Whether a Remote-Party-ID asks for privacy by itself; what cannot be read does.
//= PRIV-097
fn remote_party_asks(draft: &Draft) -> bool {
    draft.rows(Name::RemotePartyId).any(|value| {
        list::values(value).any(|span| match NameAddr::parse(span.of(value)) {
            Ok(party) => party.params().any(|param| {
                param.is(b"privacy") && !param.value.is_some_and(|value| value.eq_ignore_ascii_case(b"off"))
            }),
            Err(_) => true,
        })
    })
}

fn default_privacy(policy: &Policy, kind: UntrustedKind) -> Stated<DefaultPrivacy> {
    match kind {
        UntrustedKind::Served => policy.spec_t.default_privacy_to_ue,
        UntrustedKind::Stranger => policy.spec_t.default_privacy_to_untrusted,
    }
}

fn why_removed(policy: &Policy, set: PrivacySet) -> (Rule, StatedBy, Identity) {
    let handling = &policy.spec_t.id_handling;
    if set.has(PrivacySet::ID) {
        (Rule::PRIV_031, StatedBy::Default, Identity::RemovedId)
    } else if set.has(PrivacySet::USER) && handling.user_removes_pai.value {
        (Rule::PRIV_032, handling.user_removes_pai.by, Identity::RemovedUser)
    } else if set.has(PrivacySet::HEADER) {
        (Rule::PRIV_033, StatedBy::Default, Identity::RemovedHeader)
    } else if set.has(PrivacySet::UNKNOWN) {
        (Rule::PRIV_010, handling.unknown_token.by, Identity::RemovedUnknown)
    } else {
        (Rule::PRIV_009, StatedBy::Default, Identity::RemovedCritical)
    }
}

/// Table B, the rows that remove.
//= PRIV-089
fn deletions(draft: &mut Draft, set: PrivacySet, notes: &mut Notes) {
    if draft.names() & DELETED == 0 {
        return;
    }
    let is_request = draft.is_request();
    for row in DELETIONS {
        let applies = if is_request { row.requests } else { row.responses };
        if applies && set.has(row.by) && draft.remove(row.name) > 0 {
            notes.note(row.name, Action::Removed, row.rule, StatedBy::Default);
        }
    }
}

fn request_fields(draft: &mut Draft, wanted: &Wanted, terms: Terms<'_>, notes: &mut Notes) {
    let set = wanted.set;
    let by_id = set.has(PrivacySet::ID) && terms.policy.privacy.id_anonymises_from.value;
    if (set.has(PrivacySet::USER) || by_id) && terms.rewrites_from {
        let called = match &wanted.passes {
            Passes::OfPeer { called } if !called.is_empty() => Some(&called[..]),
            _ => None,
        };
        from(draft, called, terms, notes);
    }
    if set.has(PrivacySet::USER) && draft.method() == Some(Method::Refer) {
        referred_by(draft, notes);
    }
    let strips = terms.policy.privacy.strip_identity_on_id_to_ue;
    if set.has(PrivacySet::ID) && strips.value && terms.kind == UntrustedKind::Served {
        for name in [Name::Identity, Name::IdentityInfo] {
            if draft.remove(name) > 0 {
                notes.note(name, Action::Removed, Rule::PRIV_100, strips.by);
            }
        }
    }
}

/// From becomes anonymous; its tag stays, other parameters go. What was signed with it no longer verifies, so the signature
/// goes too.
//= PRIV-080
//= PRIV-028
//= PRIV-100
//= P2P-072
fn from(draft: &mut Draft, called: Option<&[u8]>, terms: Terms<'_>, notes: &mut Notes) {
    let host = &terms.policy.privacy.anonymous_host;
    let Some((row, value)) = draft.first_at(Name::From) else {
        return;
    };
    let Ok(name_addr) = NameAddr::parse(value) else { return };
    if called.is_none() && anonymous::is_anonymous(name_addr.uri_bytes(), &host.value) {
        return;
    }
    let tag = name_addr.tag().map(<[u8]>::to_vec);
    let mut parts = anonymous::from(&host.value);
    if let Some(called) = called {
        parts = [b"\"Anonymous\" <", called, b">"];
    }
    let [display, name, end] = parts;
    match &tag {
        Some(tag) => draft.set(row, &[display, name, end, b";tag=", tag]),
        None => draft.set(row, &[display, name, end]),
    }
    notes.note(Name::From, Action::Anonymised, Rule::PRIV_080, host.by);
    for name in [Name::Identity, Name::IdentityInfo] {
        if draft.remove(name) > 0 {
            notes.note(name, Action::Removed, Rule::PRIV_100, StatedBy::Default);
        }
    }
}

/// There is to be one Referred-By; should there be more, none is left as it was.
//= PRIV-091
fn referred_by(draft: &mut Draft, notes: &mut Notes) {
    let rows: smallvec::SmallVec<[_; 2]> = draft.rows_at(Name::ReferredBy).map(|(row, _)| row).collect();
    let Some((first, others)) = rows.split_first() else {
        return;
    };
    draft.set(*first, &[b"<", anonymous::ANONYMOUS_URI, b">"]);
    others.iter().rev().for_each(|row| draft.remove_row(*row));
    notes.note(Name::ReferredBy, Action::Anonymised, Rule::PRIV_091, StatedBy::Default);
}

/// The agent of each warning becomes a pseudonym; code and text stay.
//= PRIV-090
fn warnings(draft: &mut Draft, notes: &mut Notes) {
    let rows: smallvec::SmallVec<[_; 2]> = draft
        .rows_at(Name::Warning)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    for (row, value) in rows {
        let mut out: Vec<u8> = Vec::with_capacity(value.len());
        for span in list::values(&value) {
            let warning = span.of(&value);
            let mut words = warning.splitn(3, |byte| *byte == b' ');
            let (Some(code), Some(_agent)) = (words.next(), words.next()) else {
                continue;
            };
            if !out.is_empty() {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(code);
            out.push(b' ');
            out.extend_from_slice(anonymous::WARN_AGENT);
            out.push(b' ');
            out.extend_from_slice(words.next().unwrap_or(b"\"\""));
        }
        draft.set(row, &[&out]);
        notes.note(Name::Warning, Action::Rewritten, Rule::PRIV_090, StatedBy::Default);
    }
}

//= PRIV-097
fn diversion(draft: &mut Draft, set: PrivacySet, notes: &mut Notes) {
    if !draft.has(Name::Diversion) {
        return;
    }
    let asks = |value: &[u8]| {
        list::values(value).any(|span| {
            let Ok(name_addr) = NameAddr::parse(span.of(value)) else {
                return true;
            };
            let privacy = name_addr.params().find(b"privacy");
            privacy.is_some_and(|param| !param.value.is_some_and(|value| value.eq_ignore_ascii_case(b"off")))
        })
    };
    let always = set.has(PrivacySet::HEADER.union(PrivacySet::HISTORY));
    let by_user = set.has(PrivacySet::USER) && draft.rows(Name::Diversion).any(asks);
    if always || by_user {
        draft.remove(Name::Diversion);
        notes.note(Name::Diversion, Action::Removed, Rule::PRIV_097, StatedBy::Default);
    }
}

/// What can name the originator and is nobody's to edit: counted, so that an operator learns of it.
//= PRIV-101
//= PRIV-103
fn left_alone(draft: &Draft, notes: &mut Notes) {
    if draft.has(Name::Authorization) || draft.has(Name::ProxyAuthorization) {
        notes.left(Left::Credentials);
    }
    let types = draft.first(Name::ContentType).map(content_type);
    if types.is_some_and(|found| TELLING.iter().any(|telling| found.eq_ignore_ascii_case(telling))) {
        notes.left(Left::Body);
    }
}

/// Bodies that carry identities of their own.
const TELLING: [&[u8]; 4] = [
    b"message/cpim",
    b"application/pidf+xml",
    b"message/sipfrag",
    b"application/resource-lists+xml",
];

/// `a/b` of `a/b;c=d`.
fn content_type(value: &[u8]) -> &[u8] {
    value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

//= PRIV-101
fn session_id(draft: &mut Draft, set: PrivacySet, terms: Terms<'_>, notes: &mut Notes) {
    let strips = terms.policy.privacy.strip_session_id_on_user;
    if set.has(PrivacySet::USER) && strips.value && draft.remove(Name::SessionId) > 0 {
        notes.note(Name::SessionId, Action::Removed, Rule::PRIV_101, strips.by);
    }
}

/// Takes performed values out of the Privacy header. `id` stays where the policy retains it, so that the receiver can
/// tell "asked for" from "lost in transit".
//= PRIV-037
//= PRIV-002
//= PRIV-005
fn privacy_header(draft: &mut Draft, wanted: &Wanted, terms: Terms<'_>, notes: &mut Notes) {
    if wanted.leave_header || !draft.has(Name::Privacy) {
        return;
    }
    let retain_id = terms.policy.spec_t.id_handling.retain_id;
    let provided = |value: &Unprovidable| !terms.lacking.contains(value);
    let said = [
        (PrivacySet::USER, Unprovidable::User),
        (PrivacySet::HEADER, Unprovidable::Header),
    ];
    let all_performed = wanted.unprovidable.is_empty()
        && said
            .iter()
            .all(|(value, lacking)| provided(lacking) || !wanted.said.has(*value));
    let mut kept: Vec<u8> = Vec::new();
    let mut levels = 0;
    let mut dropped = false;
    let rows: smallvec::SmallVec<[Vec<u8>; 2]> = draft.rows(Name::Privacy).map(<[u8]>::to_vec).collect();
    let header = PrivacyHeader::read(rows.iter().map(|row| &row[..]));
    for element in header.elements() {
        let (keep, is_level) = match element.value {
            PrivacyValue::User => (!provided(&Unprovidable::User), true),
            PrivacyValue::Header => (!provided(&Unprovidable::Header), true),
            PrivacyValue::History => (!provided(&Unprovidable::History), true),
            PrivacyValue::Id => (retain_id.value, true),
            PrivacyValue::Critical => (!all_performed, false),
            _ => (true, true),
        };
        if !keep {
            dropped = true;
            continue;
        }
        levels += usize::from(is_level);
        if !kept.is_empty() {
            kept.push(b';');
        }
        kept.extend_from_slice(element.bytes);
    }
    if !dropped {
        return;
    }
    let first = draft.first_at(Name::Privacy).map(|(row, _)| row);
    if levels == 0 {
        draft.remove(Name::Privacy);
        notes.note(Name::Privacy, Action::Removed, Rule::PRIV_037, retain_id.by);
        option_tag(draft, notes);
        return;
    }
    let Some(first) = first else { return };
    draft.set(first, &[&kept]);
    let others: smallvec::SmallVec<[_; 2]> = draft.rows_at(Name::Privacy).skip(1).map(|(row, _)| row).collect();
    others.into_iter().rev().for_each(|row| draft.remove_row(row));
    notes.note(Name::Privacy, Action::Rewritten, Rule::PRIV_037, retain_id.by);
}

/// The option tag `privacy` goes with the last of the header.
//= PRIV-039
fn option_tag(draft: &mut Draft, notes: &mut Notes) {
    let rows: smallvec::SmallVec<[_; 2]> = draft
        .rows_at(Name::ProxyRequire)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    for (row, value) in rows.into_iter().rev() {
        match tokens::without(&value, b"privacy") {
            Without::Unchanged => continue,
            Without::Nothing => draft.remove_row(row),
            Without::Rest(rest) => draft.set(row, &[&rest]),
        }
        notes.note(Name::ProxyRequire, Action::Rewritten, Rule::PRIV_039, StatedBy::Default);
    }
}
