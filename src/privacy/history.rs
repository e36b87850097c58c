//! History-Info on its way out of the trust domain: entries of our own domains lose their names.

use super::anonymous::ANONYMOUS_URI;
use super::decision::{Action, Notes};
use super::wanted::PrivacySet;
use crate::policy::privacy::Provided;
use crate::policy::{Policy, StatedBy};
use crate::rule::Rule;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Uri, same_text, unescaped};
use crate::sip::{Draft, Name};

/// Header parameters of an entry that tell of the way and not of a person (RFC 7044 section 5).
const OF_THE_WAY: [&[u8]; 4] = [b"index", b"rc", b"mp", b"np"];

/// Makes entries of our own domains anonymous: all of them when the message asks for it, else those that ask themselves.
/// What they ask of this domain is not for others to read, so it goes. Entries of others are theirs.
//= PRIV-096
//= PRIV-028
pub(super) fn anonymise(draft: &mut Draft, set: PrivacySet, policy: &Policy, notes: &mut Notes) {
    if !draft.has(Name::HistoryInfo) {
        return;
    }
    let provides = |value: Provided| policy.privacy.values.value.contains(&value);
    let by_message = (set.has(PrivacySet::HISTORY) && provides(Provided::History))
        || (set.has(PrivacySet::HEADER) && provides(Provided::Header));
    if !by_message && !provides(Provided::History) {
        return;
    }
    let rows: smallvec::SmallVec<[_; 2]> = draft
        .rows_at(Name::HistoryInfo)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    for (row, value) in rows.into_iter().rev() {
        let entries: Vec<Vec<u8>> = list::values(&value)
            .filter_map(|span| shown(span.of(&value), by_message, policy))
            .collect();
        let unchanged = entries
            .iter()
            .map(Vec::as_slice)
            .eq(list::values(&value).map(|span| span.of(&value)));
        match entries.is_empty() {
            _ if unchanged => continue,
            true => draft.remove_row(row),
            false => draft.set(row, &[&entries.join(&b", "[..])]),
        }
        notes.note(Name::HistoryInfo, Action::Anonymised, Rule::PRIV_096, StatedBy::Default);
    }
}

/// The entry as others may see it. `None`: it cannot be read, and the message or something in it asks for privacy.
fn shown(entry: &[u8], by_message: bool, policy: &Policy) -> Option<Vec<u8>> {
    let as_it_is = || Some(entry.to_vec());
    // It may be ours, and may ask.
    let unreadable = || match by_message || mentions_privacy(entry) {
        true => None,
        false => as_it_is(),
    };
    let Ok(name_addr) = NameAddr::parse(entry) else {
        return unreadable();
    };
    let Ok(uri) = name_addr.uri() else {
        return unreadable();
    };
    // The name of a host may end in the dot of the root.
    let host = uri.host().strip_suffix(b".").unwrap_or(uri.host());
    let is_own = |domain: &String| host.eq_ignore_ascii_case(domain.as_bytes());
    if !policy.domain.admin_domains.value.iter().any(is_own) {
        return as_it_is();
    }
    if by_message || asks(&uri) {
        return Some(nameless(&name_addr, &uri));
    }
    if !headers(&uri).any(is_privacy) {
        return as_it_is();
    }
    let span = name_addr.uri_span();
    let question = span.end() - uri.headers().map_or(0, |headers| headers.len() + 1);
    let mut out = entry[..question].to_vec();
    append(&mut out, headers(&uri).filter(|header| !is_privacy(header)));
    out.extend_from_slice(&entry[span.end()..]);
    Some(out)
}

/// The anonymous URI with what tells of the way: the reason, and the parameters of the entry.
fn nameless(entry: &NameAddr<'_>, uri: &Uri<'_>) -> Vec<u8> {
    let mut out = [b"<", ANONYMOUS_URI].concat();
    append(&mut out, headers(uri).filter(|header| is_called(header, b"Reason")));
    out.push(b'>');
    for param in entry.params() {
        if let Some(value) = param.value
            && OF_THE_WAY.iter().any(|name| param.is(name))
        {
            out.push(b';');
            out.extend_from_slice(param.name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
    out
}

/// The headers of a URI, `name=value` each.
fn headers<'u>(uri: &Uri<'u>) -> impl Iterator<Item = &'u [u8]> {
    let headers = uri.headers().unwrap_or_default();
    headers.split(|byte| *byte == b'&').filter(|header| !header.is_empty())
}

fn append<'u>(out: &mut Vec<u8>, headers: impl Iterator<Item = &'u [u8]>) {
    for (place, header) in headers.enumerate() {
        out.push(if place == 0 { b'?' } else { b'&' });
        out.extend_from_slice(header);
    }
}

fn is_called(header: &[u8], name: &[u8]) -> bool {
    let written = header.split(|byte| *byte == b'=').next().unwrap_or_default();
    same_text(written, name)
}

fn mentions_privacy(entry: &[u8]) -> bool {
    let text: Vec<u8> = unescaped(entry).map(|byte| byte.to_ascii_lowercase()).collect();
    memchr::memmem::find(&text, b"privacy").is_some()
}

fn is_privacy(header: &[u8]) -> bool {
    is_called(header, b"Privacy")
}

/// Whether an entry asks for itself that it stay nameless.
fn asks(uri: &Uri<'_>) -> bool {
    headers(uri).filter(|header| is_privacy(header)).any(|header| {
        let value: Vec<u8> = unescaped(header).skip_while(|byte| *byte != b'=').skip(1).collect();
        value
            .split(|byte| matches!(byte, b';' | b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"history"))
    })
}
