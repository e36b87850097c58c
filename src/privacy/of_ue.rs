//! What a UE may say of itself within fields that the network also writes (Table C, column "in from S").

use smallvec::SmallVec;

use super::decision::{Action, Notes};
use crate::policy::StatedBy;
use crate::rule::Rule;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::tokens;
use crate::sip::{Draft, Method, Name};

/// Takes out the parts that only the network may say.
//= TRUST-040
pub fn strip(draft: &mut Draft, notes: &mut Notes) {
    //= PCSCF-018
    rewrite(draft, Name::PAccessNetworkInfo, notes, |value| {
        (!mentions(value, b"network-provided")).then(|| value.to_vec())
    });
    //= PRIV-099
    rewrite(draft, Name::Geolocation, notes, without_source);
    let may_be_early = matches!(draft.method(), Some(Method::Invite | Method::Prack | Method::Update));
    rewrite(draft, Name::PEarlyMedia, notes, |value| {
        let supported = tokens::tokens(value).any(|token| token.eq_ignore_ascii_case(b"supported"));
        (may_be_early && supported).then(|| b"supported".to_vec())
    });
}

/// A Geolocation value without `loc-src`; one that names it where it cannot be cut goes.
fn without_source(value: &[u8]) -> Option<Vec<u8>> {
    if !mentions(value, b"loc-src") {
        return Some(value.to_vec());
    }
    let span = NameAddr::parse(value).ok()?.params().find(b"loc-src")?.span;
    let rest = [&value[..span.start()], &value[span.end()..]].concat();
    (!mentions(&rest, b"loc-src")).then_some(rest)
}

fn mentions(value: &[u8], word: &[u8]) -> bool {
    value.windows(word.len()).any(|text| text.eq_ignore_ascii_case(word))
}

/// Keeps of each row the values that `keep` gives back. A row of which all stay as they are is not touched.
fn rewrite(draft: &mut Draft, name: Name, notes: &mut Notes, keep: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    if !draft.has(name) {
        return;
    }
    let rows: SmallVec<[_; 2]> = draft
        .rows_at(name)
        .filter_map(|(row, value)| {
            let values: Vec<&[u8]> = list::values(value).map(|span| span.of(value)).collect();
            let kept: Vec<Vec<u8>> = values.iter().filter_map(|value| keep(value)).collect();
            (kept != values).then(|| (row, kept.join(&b", "[..])))
        })
        .collect();
    for (row, value) in rows.into_iter().rev() {
        match value.is_empty() {
            true => draft.remove_row(row),
            false => draft.set(row, &[&value]),
        }
        notes.note(name, Action::Rewritten, Rule::TRUST_040, StatedBy::Default);
    }
}
