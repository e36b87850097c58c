//! REGISTER on its way to the network, and what the answer teaches.

pub mod stored;
mod told;

use std::sync::Arc;

pub use told::Told;

use super::{authentication, integrity, visited_network};
use crate::policy::ListenerId;
use crate::policy::spec_t::UserAuthentication;
use crate::sip::headers::name_addr::{NameAddr, is_star};
use crate::sip::headers::{identity, list, tokens};
use crate::sip::uri::{self, Scheme, Uri, UriList};
use crate::sip::{Draft, Name};
use crate::trust::Standing;
use crate::trust::assert::Identities;

/// Contacts of one REGISTER that are looked at; those beyond are forwarded, and teach nothing.
pub const CONTACTS_MAX: usize = 8;
/// Identities kept of one registration; those beyond are forwarded to the UE, and never asserted.
pub const IDENTITIES_MAX: usize = 64;
/// Bytes of a Service-Route list that is kept; a longer one counts as none.
pub const SERVICE_ROUTE_BYTES_MAX: usize = 8 * 1024;
/// Seconds of a registration whose expiry nobody states, or states unreadably.
const EXPIRES_DEFAULT: u32 = 3600;

/// Gives a REGISTER what it needs to go inward: our Path on top, and no claim about protection that its sender made.
///
/// `path` is the value that [`super::path::path_value`] makes. Path values of a node of T stay below ours; those of
/// anyone else go.
//= PCSCF-001
pub fn inward(draft: &mut Draft, standing: Standing, path: &[u8]) {
    if standing != Standing::Trusted {
        draft.remove(Name::Path);
        integrity::unclaim(draft);
    }
    match draft.has(Name::Path) {
        true => draft.insert_top(Name::Path, &[path]),
        false => draft.append(Name::Path, &[path]),
    }
}

/// What the REGISTER of a served UE gets beside: the registrar must know of our Path, and learns in which network the UE is.
//= PCSCF-002
//= PCSCF-003
pub fn of_ue(draft: &mut Draft, visited_network: Option<&str>) {
    if !draft.rows(Name::Require).any(|row| tokens::contains(row, PATH)) {
        draft.append(Name::Require, &[PATH]);
    }
    if let Some(network) = visited_network {
        visited_network::add(draft, network);
    }
}

/// Whether who registers says that it knows of Path.
//= PCSCF-002
pub fn supports_path(draft: &Draft) -> bool {
    draft.rows(Name::Supported).any(|row| tokens::contains(row, PATH))
}

const PATH: &[u8] = b"path";

/// What a REGISTER asks for: taken from it as received, kept until its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// To, as far as it names an identity.
    identity: Option<Vec<u8>>,
    contacts: Contacts,
    /// The user name of its credentials.
    private_identity: Option<Vec<u8>>,
    authenticated_by: Option<UserAuthentication>,
}

#[derive(Clone, PartialEq, Eq)]
enum Contacts {
    /// `*`: all that are there.
    All,
    /// None: the REGISTER only asks what is there.
    These(Vec<Contact>),
}

#[derive(Clone, PartialEq, Eq)]
struct Contact {
    uri: Vec<u8>,
    /// Seconds; `None`: not stated.
    expires: Option<u32>,
}

/// What an answer taught of the flow its REGISTER came in on.
#[derive(Debug, Clone)]
pub enum Learned {
    /// Replaces what was known.
    Registered(RegisteredUe),
    Gone(Gone),
    /// What was known stands.
    Nothing,
}

/// Contacts that are no longer registered.
#[derive(Clone)]
pub struct Gone(Option<Vec<Vec<u8>>>);

/// A UE whose registration a node of T has confirmed. Made only by [`learn`], and by [`stored`] from what `learn` once made.
//= PCSCF-007
#[derive(Clone)]
pub struct RegisteredUe {
    identities: UriList,
    contacts: UriList,
    /// Shared: most registrations have the same.
    service_route: Arc<[u8]>,
    owner: u64,
    /// `None`: nothing of its own; what was told of the registration before stands.
    told: Option<Told>,
    expires_at: u64,
    /// Which of its identities stands for it.
    default: u16,
    inwards: ListenerId,
    authenticated_by: Option<UserAuthentication>,
    /// `None`: it is not kept beyond this run of the process.
    record: Option<RecordBytes>,
}

/// A [`RecordId`] in bytes: where none is kept, a number of its size would double the room.
type RecordBytes = [u8; 16];

/// Names what is kept of a registration in the store. Drawn at random; it tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub u128);

impl Asked {
    /// `proved_by_certificate`: its sender showed a client certificate.
    pub fn of(draft: &Draft, proved_by_certificate: bool) -> Asked {
        let authenticated_by = authentication::of_register(draft, proved_by_certificate);
        let private_identity = authentication::private_identity(draft);
        let default = expires_header(draft);
        let mut contacts = Vec::new();
        for value in values(draft, Name::Contact) {
            if is_star(value) {
                return Asked {
                    identity: address_of_record(draft),
                    contacts: Contacts::All,
                    private_identity,
                    authenticated_by,
                };
            }
            if let Ok(contact) = NameAddr::parse(value)
                && contacts.len() < CONTACTS_MAX
            {
                contacts.push(Contact {
                    uri: contact.uri_bytes().to_vec(),
                    expires: expires_param(&contact).or(default),
                });
            }
        }
        Asked {
            identity: address_of_record(draft),
            contacts: Contacts::These(contacts),
            private_identity,
            authenticated_by,
        }
    }

    /// What its sender showed, as far as that is seen here.
    pub fn authenticated_by(&self) -> Option<UserAuthentication> {
        self.authenticated_by
    }
}

/// Who answered a REGISTER.
#[derive(Debug, Clone, Copy)]
pub struct Answerer {
    pub standing: Standing,
    /// The listener that leads to it.
    pub listener: ListenerId,
}

/// What `response` teaches about the UE that asked. `now_unix`: seconds since 1970.
///
/// Only a 2xx of a node of T teaches anything. A contact that was asked for and is not among those listed is not
/// registered.
//= PCSCF-007
//= PCSCF-011
pub fn learn(asked: &Asked, response: &Draft, by: Answerer, now_unix: u64) -> Learned {
    if by.standing != Standing::Trusted || !(200..300).contains(&response.status()) {
        return Learned::Nothing;
    }
    let contacts = match &asked.contacts {
        Contacts::All => return Learned::Gone(Gone(None)),
        Contacts::These(contacts) if contacts.is_empty() => return Learned::Nothing,
        Contacts::These(contacts) => contacts,
    };
    let mut longest = 0;
    let mut registered = Vec::new();
    for contact in contacts {
        let seconds = granted(contact, response);
        if seconds > 0 {
            longest = longest.max(seconds);
            registered.push(&contact.uri);
        }
    }
    if registered.is_empty() {
        let gone = contacts.iter().map(|contact| contact.uri.clone());
        return Learned::Gone(Gone(Some(gone.collect())));
    }
    let identities = associated(response).unwrap_or_else(|| asked.identity.iter().collect());
    let default = default_of(&identities);
    let own = asked.private_identity.as_deref();
    let owner = owner(own.or(identities.get(usize::from(default))));
    Learned::Registered(RegisteredUe {
        identities,
        contacts: registered.into_iter().collect(),
        service_route: service_route(response).into(),
        owner,
        told: None,
        expires_at: now_unix.saturating_add(u64::from(longest)),
        default,
        inwards: by.listener,
        authenticated_by: asked.authenticated_by,
        record: None,
    })
}

impl RegisteredUe {
    /// Its public identities as registered, for `trust::assert`.
    pub fn identities(&self) -> Identities<'_> {
        Identities {
            all: &self.identities,
            default: usize::from(self.default),
        }
    }

    /// The Route of its initial requests, as one list; empty when the network gave none.
    //= TRUST-027 type=exception reason=it steers, and alone does: but its nodes are members only where a [[peer]] or a listener says so too
    pub fn service_route(&self) -> &[u8] {
        &self.service_route
    }

    /// Takes the list it was given from those that others were given, where it is one of them.
    pub(super) fn shares_service_route(&mut self, given: &[Arc<[u8]>]) -> bool {
        let same = given.iter().find(|given| **given == self.service_route);
        if let Some(same) = same {
            self.service_route = Arc::clone(same);
        }
        same.is_some()
    }

    pub(super) fn shared_service_route(&self) -> Arc<[u8]> {
        Arc::clone(&self.service_route)
    }

    /// Tells it from other UEs, whichever flow it uses: a digest of its private identity, or of its default one where it showed
    /// none.
    pub fn owner(&self) -> u64 {
        self.owner
    }

    /// Whether this is its private identity.
    pub(super) fn is_owned_by(&self, private_identity: &[u8]) -> bool {
        self.owner == owner(Some(private_identity))
    }

    /// The identity that stands for it, when it has any.
    pub fn default_identity(&self) -> Option<&[u8]> {
        self.identities.get(usize::from(self.default))
    }

    /// The listener that leads to its network.
    pub fn inwards(&self) -> ListenerId {
        self.inwards
    }

    /// Contact URIs it registered over this flow.
    pub fn contacts(&self) -> impl Iterator<Item = &[u8]> {
        self.contacts.iter()
    }

    /// How it showed who it is, where that was seen.
    pub fn authenticated_by(&self) -> Option<UserAuthentication> {
        self.authenticated_by
    }

    /// What is kept of it beyond this run.
    pub fn record(&self) -> Option<RecordId> {
        self.record.map(u128::from_be_bytes).map(RecordId)
    }

    pub fn keep_as(&mut self, record: RecordId) {
        self.record = Some(record.0.to_be_bytes());
    }

    /// Seconds since 1970.
    pub fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// Forgets the contacts that are gone; whether any is left.
    //= PCSCF-011
    pub(super) fn keeps_after(&mut self, gone: &Gone) -> bool {
        let is_gone = |contact: &[u8]| match &gone.0 {
            None => true,
            Some(gone) => gone.iter().any(|gone| same_uri(gone, contact)),
        };
        self.contacts = self.contacts.iter().filter(|contact| !is_gone(contact)).collect();
        !self.contacts.is_empty()
    }
}

/// It travels sealed, so nobody can aim at it.
fn owner(identity: Option<&[u8]>) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0, 0);
    identity.hash(&mut hasher);
    hasher.finish()
}

/// Seconds granted to a contact: its own `expires`, or Expires, or the default; 0: it is not registered.
fn granted(asked: &Contact, response: &Draft) -> u32 {
    let stated = || expires_header(response).unwrap_or(EXPIRES_DEFAULT);
    if !response.has(Name::Contact) {
        // Registrars that list nothing confirm what was asked.
        return if asked.expires == Some(0) { 0 } else { stated() };
    }
    values(response, Name::Contact)
        .filter_map(|value| NameAddr::parse(value).ok())
        .find(|listed| same_uri(listed.uri_bytes(), &asked.uri))
        .map_or(0, |listed| expires_param(&listed).unwrap_or_else(stated))
}

fn expires_param(contact: &NameAddr<'_>) -> Option<u32> {
    contact.params().find(b"expires")?.value.map(seconds)
}

fn expires_header(draft: &Draft) -> Option<u32> {
    draft.first(Name::Expires).map(seconds)
}

//= MSG-004
fn seconds(text: &[u8]) -> u32 {
    let digits = text.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number);
    number.and_then(|text| text.parse().ok()).unwrap_or(EXPIRES_DEFAULT)
}

/// The identities the network lists; `None`: it lists none at all.
//= PCSCF-008
fn associated(response: &Draft) -> Option<UriList> {
    values(response, Name::PAssociatedUri).next()?;
    let listed = identity::identities(response.rows(Name::PAssociatedUri))
        .filter_map(|identity| identity.uri)
        .filter(|uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel));
    Some(listed.take(IDENTITIES_MAX).map(|uri| uri.as_bytes()).collect())
}

/// The identity a REGISTER is for. What a registrar does not look at (RFC 3261 section 10.3, step 5) goes: a UE could
/// write there what it likes, and it would be asserted.
//= PCSCF-008
fn address_of_record(draft: &Draft) -> Option<Vec<u8>> {
    let to = NameAddr::parse(draft.first(Name::To)?).ok()?.uri().ok()?;
    match to.scheme() {
        Scheme::Tel => Some(to.as_bytes().to_vec()),
        Scheme::Sip | Scheme::Sips if to.password().is_none() => {
            Some(to.as_bytes()[..to.params_span().start()].to_vec())
        }
        _ => None,
    }
}

fn service_route(response: &Draft) -> Vec<u8> {
    let mut route = Vec::new();
    for value in values(response, Name::ServiceRoute) {
        if !route.is_empty() {
            route.extend_from_slice(b", ");
        }
        route.extend_from_slice(value);
    }
    if route.len() > SERVICE_ROUTE_BYTES_MAX {
        route.clear();
    }
    route
}

fn values(draft: &Draft, name: Name) -> impl Iterator<Item = &[u8]> {
    draft
        .rows(name)
        .flat_map(|row| list::values(row).map(move |span| span.of(row)))
}

/// The place of the identity that stands for a UE: its first SIP URI, or its first one. There are never so many.
fn default_of(identities: &UriList) -> u16 {
    let first = identities.iter().position(is_sip);
    first.and_then(|first| u16::try_from(first).ok()).unwrap_or(0)
}

fn is_sip(identity: &[u8]) -> bool {
    Uri::parse(identity).is_ok_and(|uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips))
}

fn same_uri(a: &[u8], b: &[u8]) -> bool {
    let equal = |a, b| Some(uri::equal(&Uri::parse(a).ok()?, &Uri::parse(b).ok()?));
    a == b || equal(a, b).unwrap_or(false)
}

shows_nothing! { Asked Gone RegisteredUe }

#[cfg(test)]
pub(super) mod tests;
