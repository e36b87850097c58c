//! What passes to a peer beside a body: what the protocol needs, and nothing that could say who anybody is.

use super::names::names_somebody;
use crate::privacy::effects::set;
use crate::sip::draft::Row;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Method, Name, reason};

/// Rows that pass, by their names; those that no rule is keyed on by their text.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    names: u128,
    texts: &'static [&'static str],
    /// Whether its From and its Via are its own, and no work of the gate.
    is_tracker: bool,
}

/// From one peer to another.
pub const OF_PEER: Known = Known {
    names: NEEDED,
    texts: &["RSeq", "RAck", "Subscription-State"],
    is_tracker: false,
};

/// From a tracker to a peer, which may have to show who it is.
pub const OF_TRACKER: Known = Known {
    names: NEEDED | set(&[Name::WwwAuthenticate, Name::ProxyAuthenticate]),
    texts: &["Subscription-State", "Allow-Events", "Authentication-Info"],
    is_tracker: true,
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
        Name::Event,
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
    Name::Expires,
    Name::SessionExpires,
    Name::MinSe,
    Name::MinExpires,
    Name::SipEtag,
]);

/// Takes out everything else, and says in usual words what a status means. Of what stays, words and parameters that name
/// somebody go.
//= P2P-063
pub fn keep_known(draft: &mut Draft, known: Known) {
    draft.retain(|text, name, value| match name {
        Name::Other => {
            let passes = |known: &&str| text.eq_ignore_ascii_case(known.as_bytes());
            known.texts.iter().any(passes) && is_usual(text, value)
        }
        name if known.names & name.bit() == 0 => false,
        name => WORDS & name.bit() == 0 || name == Name::ContentType || !names_somebody(value),
    });
    let is_request = draft.is_request();
    edit(draft, Name::ContentType, |value| Some(first_piece(value).to_vec()));
    edit(draft, Name::Event, without_names);
    edit(draft, Name::Contact, |value| contacts(value, known.is_tracker));
    if !is_request {
        // Of no meaning there.
        draft.remove_names(set(&[Name::MaxForwards, Name::MaxBreadth]));
        draft.set_reason(reason::usual(draft.status()));
        return;
    }
    edit(draft, Name::To, bare);
    if known.is_tracker {
        edit(draft, Name::From, bare);
        edit(draft, Name::Via, without_names);
    }
}

/// Writes each row of a name anew; `None`: it goes.
fn edit(draft: &mut Draft, name: Name, anew: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let rows: Vec<(Row, Option<Vec<u8>>)> = draft
        .rows_at(name)
        .map(|(row, value)| (row, anew(value)))
        .filter(|(row, value)| value.as_deref() != Some(draft.value(*row)))
        .collect();
    // From behind: a row that goes moves those behind it.
    for (row, value) in rows.into_iter().rev() {
        match value {
            Some(value) => draft.set(row, &[&value]),
            None => draft.remove_row(row),
        }
    }
}

/// Whether a row that no rule is keyed on says what such a row says.
fn is_usual(name: &[u8], value: &[u8]) -> bool {
    let is_counted = name.eq_ignore_ascii_case(b"RSeq") || name.eq_ignore_ascii_case(b"RAck");
    match is_counted {
        // Numbers of 32 bits, and a method.
        true => value.split(u8::is_ascii_whitespace).all(|word| {
            let is_number = word.len() <= 10 && word.iter().all(u8::is_ascii_digit);
            is_number || Method::from_bytes(word) != Method::Other
        }),
        false => !names_somebody(value),
    }
}

fn first_piece(value: &[u8]) -> &[u8] {
    value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// A value without the parameters that name somebody.
fn without_names(value: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = list::pieces(value, b';');
    let mut anew = pieces.next()?.to_vec();
    for piece in pieces.filter(|piece| !names_somebody(piece)) {
        anew.push(b';');
        anew.extend_from_slice(piece);
    }
    Some(anew)
}

/// From or To as a dialog needs it: the address and the tag.
fn bare(value: &[u8]) -> Option<Vec<u8>> {
    let name_addr = NameAddr::parse(value).ok()?;
    let mut anew = [b"<", &plain_uri(name_addr.uri_bytes())[..], b">"].concat();
    if let Some(tag) = name_addr.tag() {
        anew.extend_from_slice(b";tag=");
        anew.extend_from_slice(tag);
    }
    Some(anew)
}

/// Contacts as addresses alone: what stands beside one tells of a device. A tracker's own names nobody; a peer's is hidden before.
fn contacts(value: &[u8], is_tracker: bool) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for span in list::values(value) {
        let name_addr = NameAddr::parse(span.of(value)).ok()?;
        let user = name_addr.uri().ok().and_then(|uri| uri.user().map(<[u8]>::to_vec));
        let user = user.filter(|_| is_tracker).unwrap_or_default();
        if user.iter().any(|byte| b"?;:=&/".contains(byte)) || names_somebody(&user) {
            return None;
        }
        all.push([b"<", &plain_uri(name_addr.uri_bytes())[..], b">"].concat());
    }
    (!all.is_empty()).then(|| all.join(&b", "[..]))
}

/// A URI without headers, and without the parameters that name somebody.
fn plain_uri(uri: &[u8]) -> Vec<u8> {
    let after_user = memchr::memchr(b'@', uri).map_or(0, |at| at + 1);
    let (user, rest) = uri.split_at(after_user);
    let rest = rest.split(|byte| *byte == b'?').next().unwrap_or_default();
    let rest = without_names(rest).unwrap_or_default();
    [user, &rest].concat()
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

/// The From and the To of an answer are those of what was asked.
//= P2P-063
//= P2P-066
pub fn echo(draft: &mut Draft, asked: &Draft) {
    if let (Some((row, _)), Some(from)) = (draft.first_at(Name::From), asked.first(Name::From)) {
        draft.set(row, &[from]);
    }
    if let Some(to) = asked.first(Name::To) {
        answer_to(draft, to);
    }
}

/// Takes out a body.
pub fn strip_body(draft: &mut Draft) {
    draft.remove(Name::ContentType);
    draft.set_body(Vec::new());
}

#[cfg(test)]
mod tests;
