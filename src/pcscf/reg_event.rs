//! What the network says of a registration: reginfo documents of RFC 3680.
//!
//! Promises that reading one takes time and room in proportion to it, within the ceilings below: no entity is expanded, no
//! document type is looked at, nothing nests deeper than it has to.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use crate::policy::limits::{REGINFO_BYTES_MAX, REGINFO_CONTACTS_MAX, REGINFO_DEPTH_MAX, REGINFO_REGISTRATIONS_MAX};

/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 16;
/// Namespaces a document may bind at once.
const NAMESPACES_MAX: usize = 32;
/// Bytes of a URI, and of an identity.
const URI_BYTES_MAX: usize = 1024;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:reginfo";

/// A document.
#[derive(Clone, PartialEq, Eq)]
pub struct RegInfo {
    /// Counts up by one with each document of a subscription.
    pub version: u32,
    pub registrations: Vec<Registration>,
}

/// What became of one identity.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    pub identity: Vec<u8>,
    pub state: State,
    pub contacts: Vec<Contact>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    pub uri: Vec<u8>,
    pub is_active: bool,
    /// Its time was made shorter.
    pub is_shortened: bool,
    /// Seconds left.
    pub expires: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Init,
    Active,
    Terminated,
}

/// Why a document says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is larger, deeper or longer than a reginfo document has to be")]
    TooLarge,
    #[error("it is no well-formed XML in UTF-8")]
    NotXml,
    #[error("it declares a document type")]
    DocumentType,
    #[error("it is no reginfo document")]
    NotRegInfo,
    #[error("an element lacks what it must say, or says something else")]
    Malformed,
}

/// Reads a document.
//= PCSCF-013
pub fn read(body: &[u8]) -> Result<RegInfo, Unreadable> {
    if body.len() > REGINFO_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotXml)?;
    let mut xml = NsReader::from_str(text);
    xml.resolver_mut().set_max_namespace_bindings(NAMESPACES_MAX);
    let mut reading = Reading::default();
    loop {
        let (namespace, event) = xml.read_resolved_event().map_err(|_| Unreadable::NotXml)?;
        let is_ours = matches!(namespace, ResolveResult::Bound(Namespace(NAMESPACE)));
        match event {
            Event::Start(element) => reading.begin(&element, is_ours)?,
            Event::Empty(element) => {
                reading.begin(&element, is_ours)?;
                reading.end()?;
            }
            Event::End(_) => reading.end()?,
            Event::Text(text) => reading.text(&text.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(text) => reading.text(&text.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|_| Unreadable::NotXml)?;
                let character = character.or_else(|| predefined(&reference)).ok_or(Unreadable::NotXml)?;
                reading.text(character.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(Unreadable::DocumentType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return reading.done(),
        }
    }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

/// A document, as far as it was read.
#[derive(Default)]
struct Reading {
    document: Option<RegInfo>,
    is_over: bool,
    depth: usize,
    /// Depth of the element that is passed over with all in it.
    foreign: Option<usize>,
    contacts: usize,
    /// The text of a `uri` that is open.
    uri: Option<String>,
    has_uri: bool,
}

const DOCUMENT: usize = 1;
const REGISTRATION: usize = 2;
const CONTACT: usize = 3;
const URI: usize = 4;

impl Reading {
    fn begin(&mut self, element: &BytesStart<'_>, is_ours: bool) -> Result<(), Unreadable> {
        self.depth += 1;
        if self.depth > REGINFO_DEPTH_MAX {
            return Err(Unreadable::TooLarge);
        }
        if self.foreign.is_some() {
            return Ok(());
        }
        let name = element.local_name();
        match (self.depth, name.into_inner(), is_ours) {
            (DOCUMENT, "reginfo", true) if self.document.is_none() => self.document(&Attributes::of(element)?),
            (DOCUMENT, _, _) => Err(Unreadable::NotRegInfo),
            (REGISTRATION, "registration", true) => self.registration(&Attributes::of(element)?),
            (CONTACT, "contact", true) => self.contact(&Attributes::of(element)?),
            (URI, "uri", true) => {
                // Two would be read in two ways.
                if std::mem::replace(&mut self.has_uri, true) {
                    return Err(Unreadable::Malformed);
                }
                self.uri = Some(String::new());
                Ok(())
            }
            _ => {
                self.foreign = Some(self.depth);
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let depth = self.depth;
        self.depth = depth.checked_sub(1).ok_or(Unreadable::NotXml)?;
        if let Some(foreign) = self.foreign {
            self.foreign = Some(foreign).filter(|foreign| depth > *foreign);
            return Ok(());
        }
        match depth {
            URI => {
                let uri = self.uri.take().unwrap_or_default();
                let contact = self.open().and_then(|registration| registration.contacts.last_mut());
                contact.ok_or(Unreadable::Malformed)?.uri = uri.trim().as_bytes().to_vec();
            }
            CONTACT if !std::mem::take(&mut self.has_uri) => return Err(Unreadable::Malformed),
            DOCUMENT => self.is_over = true,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Unreadable> {
        match (&mut self.uri, self.depth) {
            (Some(uri), URI) => {
                uri.push_str(text);
                within(uri.len(), URI_BYTES_MAX)
            }
            // Between the elements stands nothing that counts.
            (None, 0) if !text.trim().is_empty() => Err(Unreadable::NotXml),
            _ => Ok(()),
        }
    }

    fn document(&mut self, attributes: &Attributes) -> Result<(), Unreadable> {
        if !matches!(attributes.required("state")?, "full" | "partial") {
            return Err(Unreadable::Malformed);
        }
        self.document = Some(RegInfo {
            version: number(attributes.required("version")?)?,
            registrations: Vec::new(),
        });
        Ok(())
    }

    fn registration(&mut self, attributes: &Attributes) -> Result<(), Unreadable> {
        let identity = attributes.required("aor")?;
        within(identity.len(), URI_BYTES_MAX)?;
        let state = match attributes.required("state")? {
            "init" => State::Init,
            "active" => State::Active,
            "terminated" => State::Terminated,
            _ => return Err(Unreadable::Malformed),
        };
        let registrations = self.document.as_mut().map(|document| &mut document.registrations);
        let registrations = registrations.ok_or(Unreadable::NotRegInfo)?;
        registrations.push(Registration {
            identity: identity.as_bytes().to_vec(),
            state,
            contacts: Vec::new(),
        });
        within(registrations.len(), REGINFO_REGISTRATIONS_MAX)
    }

    fn contact(&mut self, attributes: &Attributes) -> Result<(), Unreadable> {
        let is_active = match attributes.required("state")? {
            "active" => true,
            "terminated" => false,
            _ => return Err(Unreadable::Malformed),
        };
        let contact = Contact {
            uri: Vec::new(),
            is_active,
            is_shortened: attributes.required("event")? == "shortened",
            expires: attributes.optional("expires").map(number).transpose()?,
        };
        self.contacts += 1;
        within(self.contacts, REGINFO_CONTACTS_MAX)?;
        self.open().ok_or(Unreadable::NotRegInfo)?.contacts.push(contact);
        Ok(())
    }

    fn open(&mut self) -> Option<&mut Registration> {
        self.document.as_mut()?.registrations.last_mut()
    }

    fn done(self) -> Result<RegInfo, Unreadable> {
        let whole = self.is_over && self.depth == 0;
        self.document.filter(|_| whole).ok_or(Unreadable::NotXml)
    }
}

fn within(length: usize, max: usize) -> Result<(), Unreadable> {
    if length > max {
        Err(Unreadable::TooLarge)
    } else {
        Ok(())
    }
}

/// A number as it is written; one beyond 32 bits is none.
fn number(text: &str) -> Result<u32, Unreadable> {
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).ok_or(Unreadable::Malformed)
}

/// Attributes without a prefix, each once.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn of(element: &BytesStart<'_>) -> Result<Attributes, Unreadable> {
        let mut all = Vec::new();
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|_| Unreadable::NotXml)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| Unreadable::NotXml)?;
            all.push((attribute.key.as_ref().to_owned(), value.into_owned()));
            within(all.len(), ATTRIBUTES_MAX)?;
        }
        Ok(Attributes(all))
    }

    fn optional(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&str, Unreadable> {
        self.optional(name).ok_or(Unreadable::Malformed)
    }
}

shows_nothing! { RegInfo Registration Contact }

#[cfg(test)]
mod tests;
