//! Inside addresses to sealed tokens.

use smallvec::SmallVec;

use super::call_id;
use crate::seal::{Keys, Purpose};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::{NameAddr, is_star};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Method, Name, Transport};
use crate::trust::Own;

/// A draft that shows no inside address its policy hides. Made only here.
#[derive(Debug)]
pub struct Hidden(Draft);

/// What to hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hiding {
    pub via: bool,
    pub record_route: bool,
    pub contact: Contacts,
    pub call_id: bool,
}

/// Which Contacts to hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Contacts {
    #[default]
    None,
    /// Those that could name someone.
    Naming,
    All,
}

/// What was taken out of a request, for its responses and for the other party's later requests.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Concealed {
    /// Via rows, in order.
    pub vias: Vec<Vec<u8>>,
    /// Record-Route values as one list.
    pub record_route: Option<Vec<u8>>,
    /// The Call-ID as received, where another was sent on.
    pub call_id: Option<Vec<u8>>,
}

/// Contact values of one message that are hidden at most. A remote target is one value; each that is hidden grows by the
/// length of a token, and many would make a small message a very large one.
//= SEC-009
pub const CONTACTS_MAX: usize = 16;

/// A Contact or the Call-ID is too long to be sealed into a token, or there are more Contacts than [`CONTACTS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Contact is too long to be hidden, or there are too many")]
pub struct TooLong;

impl Hidden {
    /// Hides in `draft` what `what` says. `own` is our address on the leg it leaves by.
    //= PRIV-083
    //= PRIV-084
    //= PRIV-085
    //= PRIV-087
    pub fn new(
        mut draft: Draft,
        what: Hiding,
        own: &Own,
        keys: &Keys,
        nonce: [u8; 12],
    ) -> Result<(Hidden, Concealed), TooLong> {
        let mut concealed = Concealed::default();
        if what.via {
            concealed.vias = draft.rows(Name::Via).map(<[u8]>::to_vec).collect();
            draft.remove(Name::Via);
        }
        if what.record_route && draft.has(Name::RecordRoute) {
            concealed.record_route = Some(record_route(&draft));
            draft.remove(Name::RecordRoute);
        }
        if what.call_id {
            let token = call_id::hide(keys, keys.newest(), draft.first(Name::CallId).unwrap_or_default());
            concealed.call_id = call_id::show(&mut draft, &token.ok_or(TooLong)?);
        }
        if what.contact != Contacts::None && carries_target(&draft) {
            contacts(&mut draft, what.contact, own, keys, nonce)?;
        }
        Ok((Hidden(draft), concealed))
    }

    /// A response whose Contact is too long to be hidden: it leaves without one.
    pub(crate) fn without_contact(mut draft: Draft) -> Hidden {
        draft.remove(Name::Contact);
        Hidden(draft)
    }

    /// For `privacy::scrub`, which alone takes it further.
    pub(crate) fn into_draft(self) -> Draft {
        self.0
    }
}

/// The Record-Route values of a message as one list.
pub fn record_route(draft: &Draft) -> Vec<u8> {
    let rows: Vec<&[u8]> = draft.rows(Name::RecordRoute).collect();
    rows.join(&b", "[..])
}

/// Whether the Contact of this message is its sender's own: not a registration's, not a redirection's.
//= PRIV-043
fn carries_target(draft: &Draft) -> bool {
    let redirects = (300..400).contains(&draft.status());
    draft.exchange() != Some(Method::Register) && !redirects
}

fn contacts(draft: &mut Draft, which: Contacts, own: &Own, keys: &Keys, nonce: [u8; 12]) -> Result<(), TooLong> {
    let rows: SmallVec<[_; 2]> = draft
        .rows_at(Name::Contact)
        .map(|(row, value)| (row, value.to_vec()))
        .collect();
    let mut count = 0;
    for (row, value) in rows {
        if is_star(&value) {
            continue;
        }
        let mut out = Vec::with_capacity(256);
        for span in list::values(&value) {
            count += 1;
            if count > CONTACTS_MAX {
                return Err(TooLong);
            }
            if !out.is_empty() {
                out.extend_from_slice(b", ");
            }
            contact(&mut out, span.of(&value), which, own, keys, nonce)?;
        }
        if out != value {
            draft.set(row, &[&out]);
        }
    }
    Ok(())
}

/// Writes one Contact value, hidden unless it may be seen.
//= PRIV-082
fn contact(
    out: &mut Vec<u8>,
    value: &[u8],
    which: Contacts,
    own: &Own,
    keys: &Keys,
    nonce: [u8; 12],
) -> Result<(), TooLong> {
    let parsed = NameAddr::parse(value).ok();
    let uri = parsed.as_ref().map_or(value, NameAddr::uri_bytes);
    if let Some(name_addr) = &parsed
        && which == Contacts::Naming
        && !names_someone(name_addr)
    {
        out.extend_from_slice(value);
        return Ok(());
    }
    let token = keys.seal(Purpose::Contact, &[b""], nonce, uri).ok_or(TooLong)?;
    out.extend_from_slice(b"<sip:");
    out.extend_from_slice(&token);
    out.push(b'@');
    out.extend_from_slice(own.host_port.as_bytes());
    if own.bound.transport != Transport::Udp {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(own.bound.transport.uri_name().as_bytes());
    }
    out.push(b'>');
    let Some(name_addr) = parsed else { return Ok(()) };
    for param in name_addr.params() {
        let names_device = [&b"+sip.instance"[..], b"reg-id", b"ob", b"gr"]
            .iter()
            .any(|name| param.is(name));
        if !names_device {
            out.extend_from_slice(param.span.of(value));
        }
    }
    Ok(())
}

/// Whether a Contact could tell who its owner is: a user part, a display name, an instance. A temporary GRUU does not.
//= PRIV-082
fn names_someone(contact: &NameAddr<'_>) -> bool {
    let device = contact
        .params()
        .any(|param| param.is(b"+sip.instance") || param.is(b"gr"));
    let Ok(uri) = Uri::parse(contact.uri_bytes()) else {
        return true;
    };
    let gruu = uri.param(b"gr");
    let temporary = gruu.is_some_and(|gruu| gruu.value.is_none())
        || uri
            .user()
            .is_some_and(|user| user.get(..6).is_some_and(|head| head.eq_ignore_ascii_case(b"tgruu.")));
    let public = gruu.is_some_and(|gruu| gruu.value.is_some());
    let named = contact.display().is_some_and(|name| !name.is_empty());
    device || public || named || (uri.user().is_some() && !temporary) || uri.host_ip().is_none() && !is_sip(&uri)
}

fn is_sip(uri: &Uri<'_>) -> bool {
    matches!(
        uri.scheme(),
        crate::sip::uri::Scheme::Sip | crate::sip::uri::Scheme::Sips
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    //= PRIV-082 type=test
    #[test]
    fn a_contact_that_is_an_address_of_a_machine_names_nobody() {
        let names = |contact: &str| names_someone(&NameAddr::parse(contact.as_bytes()).unwrap());
        for nobody in [
            "<sip:192.0.2.7>",
            "<sip:gw.home1.example>",
            "<sips:gw.home1.example:5061>",
            "<sip:[2001:db8::7]>",
        ] {
            assert!(!names(nobody), "{nobody}");
        }
        for somebody in [
            "<sip:alice@192.0.2.7>",
            "\"Alice\" <sip:192.0.2.7>",
            "<sip:192.0.2.7>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"",
            "<tel:+15551230001>",
            "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>",
            "<http://alice.example/>",
        ] {
            assert!(names(somebody), "{somebody}");
        }
    }
}
