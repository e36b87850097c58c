//! Who a served UE is: its registered identities and its P-Preferred-Identity become P-Asserted-Identity.
//!
//! From, display names and what the UE itself asserts play no part, and no setting lets them.

use smallvec::SmallVec;

use crate::sip::headers::identity::identities;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Scheme, Uri, UriList, equal};
use crate::sip::{Draft, Method, Name};

/// Values of P-Preferred-Identity that are looked at; RFC 3325 knows two.
pub const PREFERRED_MAX: usize = 8;

/// The public identities registered for the flow a message came in on, without the barred ones.
#[derive(Clone, Copy)]
pub struct Identities<'a> {
    /// URIs as registered.
    pub all: &'a UriList,
    /// Which of them stands for the UE when it prefers none.
    pub default: usize,
}

/// What the operator leaves or takes. `Default` is the catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    pub mismatch: Mismatch,
    pub in_dialog: InDialog,
}

/// `ppi_mismatch`: what becomes of a request that prefers only identities that are not its sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mismatch {
    #[default]
    DefaultIdentity,
    Reject,
}

/// `assert_in_dialog`: what becomes of requests within a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InDialog {
    #[default]
    Assert,
    Leave,
}

/// What was asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asserted {
    /// What the UE prefers, as registered.
    Preferred,
    Default,
    /// The identity that a response's request was sent to.
    Called,
    /// This message carries no assertion.
    Nothing,
}

/// Why nothing can be asserted; the sender sees a 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    #[error("the sender has no registered identity")]
    NotRegistered,
    #[error("the sender prefers an identity that is not its own")]
    NotItsOwn,
}

/// Asserts who sent a request that came from a served UE.
///
/// P-Preferred-Identity and any received P-Asserted-Identity are gone afterwards, also when it fails.
//= PAI-001
//= LI-013
//= PAI-003
pub fn assert(draft: &mut Draft, ue: Identities<'_>, terms: Terms) -> Result<Asserted, NoIdentity> {
    let preferred = preferred(draft, ue);
    strip(draft);
    //= PAI-009
    let exempt = matches!(
        draft.method(),
        None | Some(Method::Ack | Method::Cancel | Method::Register)
    );
    if exempt || (terms.in_dialog == InDialog::Leave && is_in_dialog(draft)) {
        return Ok(Asserted::Nothing);
    }
    //= PAI-006
    let default = ue.default().ok_or(NoIdentity::NotRegistered)?;
    //= PAI-004
    match preferred {
        Preference::Own(uris) => {
            write(draft, uris);
            Ok(Asserted::Preferred)
        }
        Preference::NotItsOwn if terms.mismatch == Mismatch::Reject => Err(NoIdentity::NotItsOwn),
        Preference::NotItsOwn | Preference::None => {
            write(draft, [default]);
            Ok(Asserted::Default)
        }
    }
}

/// What is known of the request that a response of a served UE answers, as it was sent to that UE.
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    pub method: Method,
    pub place: Place,
    /// The P-Called-Party-ID value a node of T gave.
    pub called: Option<&'a [u8]>,
    /// The URI of To.
    pub to: &'a [u8],
}

/// Whether a request stands for itself or belongs to a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No tag in To.
    Initial,
    InDialog,
}

/// Asserts who answers: the identity that was called, never the default one.
///
/// P-Preferred-Identity and any received P-Asserted-Identity are gone afterwards.
//= PAI-010
//= PAI-003
pub fn assert_response(draft: &mut Draft, request: &Answered<'_>, ue: Identities<'_>) -> Asserted {
    strip(draft);
    if !answers_are_asserted(request, draft.status()) {
        return Asserted::Nothing;
    }
    let identity = match request.called {
        Some(called) => NameAddr::parse(called).ok().and_then(|called| called.uri().ok()),
        None => Uri::parse(request.to).ok().and_then(|to| ue.registered_as(&to)),
    };
    match identity.filter(is_assertable) {
        Some(identity) => {
            write(draft, [identity.as_bytes()]);
            Asserted::Called
        }
        None => Asserted::Nothing,
    }
}

impl<'a> Identities<'a> {
    fn uris(self) -> impl Iterator<Item = Uri<'a>> {
        self.all
            .iter()
            .filter_map(|identity| Uri::parse(identity).ok())
            .filter(is_assertable)
    }

    fn default(self) -> Option<&'a [u8]> {
        let default = self
            .all
            .get(self.default)
            .and_then(|identity| Uri::parse(identity).ok());
        let default = default.filter(is_assertable).or_else(|| self.uris().next());
        default.map(|uri| uri.as_bytes())
    }

    /// The identity equal to a URI, rather one of its scheme than a telephone number written in the other.
    //= MSG-014
    fn registered_as(self, uri: &Uri<'_>) -> Option<Uri<'a>> {
        let same_scheme = self.uris().find(|own| own.scheme() == uri.scheme() && equal(own, uri));
        same_scheme.or_else(|| self.uris().find(|own| equal(own, uri)))
    }
}

enum Preference {
    /// The UE states none.
    None,
    /// It states some, none of them registered.
    NotItsOwn,
    /// Identities as registered, at most one sip or sips and one tel.
    Own(SmallVec<[Vec<u8>; 2]>),
}

//= PAI-004
//= PAI-008
fn preferred(draft: &Draft, ue: Identities<'_>) -> Preference {
    let mut stated = false;
    let mut sip = None;
    let mut tel = None;
    let mut order = SmallVec::new();
    for preferred in identities(draft.rows(Name::PPreferredIdentity)).take(PREFERRED_MAX) {
        stated = true;
        let Some(own) = preferred.uri.and_then(|uri| ue.registered_as(&uri)) else {
            continue;
        };
        let taken = match own.scheme() {
            Scheme::Tel => tel.replace(()),
            _ => sip.replace(()),
        };
        if taken.is_none() {
            order.push(own.as_bytes().to_vec());
        }
    }
    match (stated, order.is_empty()) {
        (_, false) => Preference::Own(order),
        (true, true) => Preference::NotItsOwn,
        (false, true) => Preference::None,
    }
}

fn strip(draft: &mut Draft) {
    draft.remove_names(Name::PPreferredIdentity.bit() | Name::PAssertedIdentity.bit());
}

/// One row a value, `<uri>` each. A URI that parsed holds no white space, quote or bracket.
//= SEC-001
fn write<T: AsRef<[u8]>>(draft: &mut Draft, uris: impl IntoIterator<Item = T>) {
    for uri in uris {
        draft.append(Name::PAssertedIdentity, &[b"<", uri.as_ref(), b">"]);
    }
}

fn is_assertable(uri: &Uri<'_>) -> bool {
    matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel)
}

fn is_in_dialog(draft: &Draft) -> bool {
    draft
        .first(Name::To)
        .and_then(|to| NameAddr::parse(to).ok())
        .is_some_and(|to| to.tag().is_some())
}

/// A method nobody knows may form a dialog: it is treated as one that does, which asserts less.
//= PAI-010
fn answers_are_asserted(request: &Answered<'_>, status: u16) -> bool {
    if request.place == Place::InDialog || status == 100 {
        return false;
    }
    match request.method {
        Method::Invite | Method::Subscribe | Method::Refer | Method::Other => status < 300,
        Method::Message | Method::Options | Method::Publish | Method::Notify | Method::Info => true,
        Method::Ack | Method::Cancel | Method::Register | Method::Bye | Method::Prack | Method::Update => false,
    }
}

#[cfg(test)]
mod tests;
