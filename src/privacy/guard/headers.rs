//! What passes to a peer beside a body: what the protocol needs, and nothing that could say who anybody is.

use super::names::names_somebody;
use crate::privacy::effects::set;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Name, reason};

/// Rows that pass, by their names; those that no rule is keyed on by their text.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    names: u128,
    texts: &'static [&'static str],
    /// Whether words in them are looked at.
    reads_words: bool,
}

/// From one peer to another.
pub const OF_PEER: Known = Known {
    names: NEEDED,
    texts: &["RSeq", "RAck", "Subscription-State"],
    reads_words: true,
};

/// From a tracker to a peer, which may have to show who it is.
pub const OF_TRACKER: Known = Known {
    names: NEEDED | set(&[Name::WwwAuthenticate, Name::ProxyAuthenticate]),
    texts: &["Subscription-State", "Allow-Events", "Authentication-Info"],
    reads_words: false,
};

const NEEDED: u128 = WORDS
    | set(&[
        Name::Via,
        Name::Route,
        Name::RecordRoute,
        Name::From,
        Name::To,
        Name::CallId,
        Name::CSeq,
        Name::MaxForwards,
        Name::MaxBreadth,
        Name::Contact,
        Name::ContentLength,
        Name::Privacy,
        Name::Expires,
        Name::Event,
        Name::SessionExpires,
        Name::MinSe,
        Name::MinExpires,
        Name::SipEtag,
        Name::SipIfMatch,
    ]);

/// Words that their sender chooses, and that say nothing of it when they are the usual ones.
const WORDS: u128 = set(&[
    Name::ContentType,
    Name::Require,
    Name::ProxyRequire,
    Name::Supported,
    Name::Unsupported,
    Name::Accept,
    Name::Allow,
    Name::RetryAfter,
]);

/// Takes out everything else, and says in usual words what a status means.
//= P2P-063
pub fn keep_known(draft: &mut Draft, known: Known) {
    draft.retain(|text, name, value| match name {
        Name::Other => known
            .texts
            .iter()
            .any(|passes| text.eq_ignore_ascii_case(passes.as_bytes())),
        name if known.names & name.bit() == 0 => false,
        name => !(known.reads_words && WORDS & name.bit() != 0 && names_somebody(value)),
    });
    if known.reads_words
        && let Some((row, value)) = draft.first_at(Name::ContentType)
    {
        let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
        let kind = kind.trim_ascii().to_vec();
        draft.set(row, &[&kind]);
    }
    if !draft.is_request() {
        draft.set_reason(reason::usual(draft.status()));
    }
}

/// What its sender wants hidden, whatever it says itself: every node of T on the way is told.
//= P2P-074
pub fn ask_for_privacy(draft: &mut Draft) {
    draft.remove(Name::Privacy);
    draft.append(Name::Privacy, &[b"id;user;header;history;critical"]);
}

/// The To of a response: that of its request, with the tag of who answers.
//= P2P-073
pub fn answer_to(draft: &mut Draft, asked: &[u8]) {
    let Some((row, value)) = draft.first_at(Name::To) else {
        return;
    };
    let tag = NameAddr::tag_of(value).ok().flatten().map(|tag| tag.of(value).to_vec());
    let has_tag = NameAddr::tag_of(asked).is_ok_and(|tag| tag.is_some());
    match tag.filter(|_| !has_tag) {
        Some(tag) => draft.set(row, &[asked, b";tag=", &tag]),
        None => draft.set(row, &[asked]),
    }
}

/// Takes out a body.
pub fn strip_body(draft: &mut Draft) {
    draft.remove(Name::ContentType);
    draft.set_body(Vec::new());
}

#[cfg(test)]
mod tests;
