//! Parameters of a URI that mean something in the trust domain only: the kind of a calling party, its line, the kind of a leg.

use smallvec::SmallVec;

use super::decision::{Action, Notes};
use super::effects::set;
use crate::policy::StatedBy;
use crate::rule::Rule;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::scan::{find, places};
use crate::sip::uri::{Uri, same_text};
use crate::sip::{Draft, Name};

const PARAMETERS: [&[u8]; 3] = [b"cpc", b"oli", b"iotl"];

/// Where they are looked for beside the Request-URI.
const PLACES: [Name; 4] = [Name::PAssertedIdentity, Name::Route, Name::Path, Name::ServiceRoute];

const ANY_PLACE: u128 = set(&PLACES);

/// Takes them out of what a stranger gets.
//= PRIV-106
pub(super) fn strip(draft: &mut Draft, notes: &mut Notes) {
    if let Some(uri) = without(draft.request_uri()) {
        draft.set_request_uri(&uri);
    }
    let names = draft.names();
    if names & ANY_PLACE == 0 {
        return;
    }
    for name in PLACES.into_iter().filter(|name| names & name.bit() != 0) {
        let rows: SmallVec<[_; 2]> = draft
            .rows_at(name)
            .filter(|(_, value)| may_hold(value))
            .map(|(row, value)| (row, value.to_vec()))
            .collect();
        for (row, value) in rows {
            let spans: SmallVec<[_; 4]> = list::values(&value).collect();
            // From the last to the first, so that the places of those before stay right.
            for span in spans.into_iter().rev() {
                let Ok(name_addr) = NameAddr::parse(span.of(&value)) else {
                    continue;
                };
                let Some(uri) = without(name_addr.uri_bytes()) else {
                    continue;
                };
                let place = name_addr.uri_span();
                draft.splice(row, span.start() + place.start()..span.start() + place.end(), &[&uri]);
                notes.note(name, Action::Rewritten, Rule::PRIV_106, StatedBy::Default);
            }
        }
    }
}

/// The URI without them; `None`: it has none.
fn without(uri: &[u8]) -> Option<Vec<u8>> {
    if !may_hold(uri) {
        return None;
    }
    let parsed = Uri::parse(uri).ok()?;
    let user = parsed.user_span().unwrap_or_default();
    let mut out = Vec::with_capacity(uri.len());
    let mut at = 0;
    // Of a tel URI the number is the user part, and its parameters are those of the URI.
    for (start, param) in pieces(user.of(uri), user.start()).chain(parsed.params().map(|param| {
        let text = param.span.of(uri);
        (param.span.start(), text)
    })) {
        if is_bound(param) {
            out.extend_from_slice(&uri[at..start]);
            at = start + param.len();
        }
    }
    if at == 0 {
        return None;
    }
    out.extend_from_slice(&uri[at..]);
    Some(out)
}

/// The parameters of a user part, each from its semicolon.
fn pieces(user: &[u8], start: usize) -> impl Iterator<Item = (usize, &[u8])> {
    places(b';', user).map(move |at| {
        let length = find(b';', &user[at + 1..]).map_or(user.len() - at, |length| length + 1);
        (start + at, &user[at..at + length])
    })
}

/// `;name=value`, or `;name`.
fn is_bound(param: &[u8]) -> bool {
    let name = param.get(1..).unwrap_or_default();
    let name = name.split(|byte| *byte == b'=').next().unwrap_or_default();
    PARAMETERS.iter().any(|bound| same_text(name, bound))
}

/// Told without reading the URI: most hold no parameter at all.
fn may_hold(text: &[u8]) -> bool {
    places(b';', text).any(|at| {
        let name = text[at + 1..].first().map(u8::to_ascii_lowercase);
        matches!(name, Some(b'c' | b'o' | b'i' | b'%' | b' ' | b'\t' | b'\r'))
    })
}
