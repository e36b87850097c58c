//! What was recorded, and what we would send, against what the hop may see.

use bytes::Bytes;

use super::finding::{Leak, SecondReader, Step};
use crate::engine::judge::{Judgement, Outcome};
use crate::engine::reject::Reject;
use crate::policy::Policy;
use crate::policy::privacy::Provided;
use crate::privacy::wanted::{IdentityFate, identity_fate};
use crate::privacy::{Action, PrivacySet, anonymous};
use crate::sip::second_reader::{self, Seen};
use crate::sip::{Method, Name};
use crate::trust::Hop;

/// A judgement with the leaks in it.
pub(super) fn step(policy: &Policy, recorded: &Bytes, judgement: Judgement) -> Step {
    let recorded_leak = recorded_leak(&judgement);
    let second_reader = match &judgement.outcome {
        Outcome::Cleared(outgoing) if !judgement.hop.is_trusted() => {
            match (
                second_reader::identities(recorded),
                second_reader::identities(outgoing.bytes()),
            ) {
                (Some(before), Some(after)) => SecondReader::Read(would_leak(policy, &judgement, &before, &after)),
                _ => SecondReader::NotCompared,
            }
        }
        _ => SecondReader::NotAsked,
    };
    Step {
        judgement,
        recorded_leak,
        second_reader,
    }
}

/// What the recording shows a hop outside T: every header the rules take out or replace on this very hop. The bookkeeping of
/// privacy itself names nobody.
fn recorded_leak(judgement: &Judgement) -> Option<Leak> {
    if judgement.hop.is_trusted() {
        return None;
    }
    if let Outcome::Refused(Reject::Privacy(_)) = judgement.outcome {
        return Some(Leak::Whole);
    }
    let mut shown: Vec<Name> = Vec::new();
    for decision in &judgement.cleared {
        let hides = matches!(
            decision.action,
            Action::Removed | Action::Anonymised | Action::Hidden | Action::Rewritten
        );
        let bookkeeping = matches!(decision.header, Name::Privacy | Name::ProxyRequire);
        if hides && !bookkeeping && !shown.contains(&decision.header) {
            shown.push(decision.header);
        }
    }
    (!shown.is_empty()).then_some(Leak::Headers(shown))
}

/// What another parser still finds in our output. Must be empty.
fn would_leak(policy: &Policy, judgement: &Judgement, before: &Seen, after: &Seen) -> Vec<Name> {
    let mut found = Vec::new();
    if identity_fate(policy, judgement.set) == IdentityFate::Remove && !after.asserted.is_empty() {
        found.push(Name::PAssertedIdentity);
    }
    if !after.preferred.is_empty() {
        found.push(Name::PPreferredIdentity);
    }
    let host = &policy.privacy.anonymous_host.value;
    if hides_from(policy, judgement)
        && let Some(uri) = &after.from_uri
        && before.from_uri.as_ref() == Some(uri)
        && !anonymous::is_anonymous(uri.as_bytes(), host)
    {
        found.push(Name::From);
    }
    let contact_hidden = judgement
        .cleared
        .iter()
        .any(|decision| decision.header == Name::Contact && decision.action == Action::Hidden);
    let same = |uri: &Option<String>| uri.is_some() && before.contact_uris.contains(uri);
    if contact_hidden && after.contact_uris.iter().all(same) && !after.contact_uris.is_empty() {
        found.push(Name::Contact);
    }
    found
}

/// Whether From of this message is to be anonymous: asked for, provided, and agreed with the peer.
fn hides_from(policy: &Policy, judgement: &Judgement) -> bool {
    use crate::engine::event::What;
    let What::Request(method) = judgement.what else {
        return false;
    };
    let provides = policy.privacy.values.value.contains(&Provided::User);
    let Hop::Untrusted(hop) = &judgement.hop else {
        return false;
    };
    let peer = hop.peer().and_then(|peer| policy.peers.get(peer.0 as usize));
    let agreed = peer.is_none_or(|peer| peer.anonymise_from_for_legacy.value);
    method != Method::Register && provides && agreed && judgement.set.has(PrivacySet::USER)
}
