//! What else tells a neighbour of the inside: who warns, what software answers, where charging is done.

use smallvec::SmallVec;

use super::border::Border;
use super::inside::Inside;
use super::tokenize::Changes;
use crate::policy::topology_hiding::OrigIoi;
use crate::sip::headers::grammar::ip;
use crate::sip::headers::list;
use crate::sip::{Draft, Name};

/// Takes it out of a message.
//= THIG-012
pub(super) fn strip(draft: &mut Draft, border: &Border<'_>, changes: &mut Changes) {
    let gone = Name::Server.bit() | Name::PChargingFunctionAddresses.bit();
    changes.removed |= draft.remove_names(gone);
    let inside = border.inside();
    rewrite(draft, Name::Warning, changes, |value| {
        let warnings = list::values(value).map(|span| warning(span.of(value), inside, border));
        warnings.collect::<Vec<_>>().join(&b", "[..])
    });
    let leaves_ioi = border.policy.topology_hiding.orig_ioi.value == OrigIoi::Keep;
    rewrite(draft, Name::PChargingVector, changes, |value| {
        let kept = list::pieces(value, b';').filter(|parameter| {
            let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is = |other: &[u8]| name.trim_ascii().eq_ignore_ascii_case(other);
            !(is(b"icid-generated-at") && inside.is_named_in(parameter) || is(b"orig-ioi") && !leaves_ioi)
        });
        kept.collect::<Vec<_>>().join(&b";"[..])
    });
}

/// Gives each row the value that is made of it; one that is left with nothing goes.
fn rewrite(draft: &mut Draft, name: Name, changes: &mut Changes, becomes: impl Fn(&[u8]) -> Vec<u8>) {
    if !draft.has(name) {
        return;
    }
    let rows: SmallVec<[_; 2]> = draft
        .rows_at(name)
        .map(|(row, value)| (row, becomes(value), value.to_vec()))
        .filter(|(_, after, before)| after != before)
        .collect();
    for (row, after, _) in rows.into_iter().rev() {
        changes.rewritten |= name.bit();
        match after.is_empty() {
            true => draft.remove_row(row),
            false => draft.set(row, &[&after]),
        }
    }
}

/// `code agent "text"`: an agent that may be one of ours becomes our domain, a text that names one becomes empty.
fn warning(warning: &[u8], inside: Inside<'_>, border: &Border<'_>) -> Vec<u8> {
    let mut words = warning.splitn(3, |byte| *byte == b' ');
    let (Some(code), Some(agent), text) = (words.next(), words.next(), words.next()) else {
        return match inside.is_named_in(warning) {
            true => b"399 - \"\"".to_vec(),
            false => warning.to_vec(),
        };
    };
    let domain = border.policy.domain.admin_domains.value.first();
    let agent = match is_another(agent) && !inside.is_named_in(agent) {
        true => agent,
        false => domain.map_or(&b"-"[..], |domain| domain.as_bytes()),
    };
    let text = text.filter(|text| !inside.is_named_in(text)).unwrap_or(b"\"\"");
    [code, agent, text].join(&b' ')
}

/// Whether an agent names a host in full. A bare word is a name that somebody inside goes by.
fn is_another(agent: &[u8]) -> bool {
    ip(agent).is_some() || agent.contains(&b'.') || agent.contains(&b':')
}
