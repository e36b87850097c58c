//! Which services of a domain lead to SIP, and which of them are for us: RFC 3263 section 4.1.

use super::answer::Naptr;
use super::{Data, HostName, Ways, Wish};
use crate::sip::Transport;

/// Services of one domain that are tried; the less preferred ones beyond are not.
pub const SERVICES_MAX: usize = 8;

/// A service to be looked up: a transport, and where its SRV records stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Service {
    pub transport: Transport,
    pub name: HostName,
}

/// What the NAPTR records of a domain say about SIP.
#[derive(Clone, PartialEq, Eq)]
pub enum Offer {
    /// Nothing at all.
    Silent,
    /// The services that are for us, best first; none when none is.
    Services(Vec<Service>),
}

/// The services of a domain that fit the wish and our ways, in the order the domain prefers.
//= LOC-001
pub fn offer(records: &[&Data], wish: &Wish) -> Offer {
    let mut sip: Vec<(&Naptr, Transport)> = Vec::new();
    for record in records {
        let Data::Naptr(naptr) = record else { continue };
        // Another flag or a regular expression is another application's.
        if naptr.flags.eq_ignore_ascii_case(b"s")
            && naptr.regexp.is_empty()
            && let Some(transport) = transport(&naptr.services)
        {
            sip.push((naptr, transport));
        }
    }
    if sip.is_empty() {
        return Offer::Silent;
    }
    sip.retain(|(_, transport)| wish.takes(*transport));
    sip.sort_by_key(|(naptr, _)| (naptr.order, naptr.preference));
    let services = sip.into_iter().filter_map(|(naptr, transport)| {
        let name = naptr.replacement.clone()?;
        Some(Service { transport, name })
    });
    Offer::Services(services.take(SERVICES_MAX).collect())
}

/// The services to look for in a domain that names none: one a transport.
//= LOC-001
pub fn usual(host: &HostName, wish: &Wish) -> Vec<Service> {
    let transports = match (wish.transport, wish.secure) {
        (Some(transport), _) => vec![transport],
        (None, true) => vec![Transport::Tls],
        (None, false) => vec![Transport::Udp, Transport::Tcp],
    };
    let wanted = transports.into_iter().filter(|transport| wish.takes(*transport));
    wanted
        .filter_map(|transport| {
            let name = host.below(prefix(transport)?)?;
            Some(Service { transport, name })
        })
        .collect()
}

/// The transport without any records: RFC 3263 section 4.1, last paragraph.
pub fn default_transport(wish: &Wish) -> Transport {
    match (wish.transport, wish.secure) {
        (Some(transport), _) => transport,
        (None, true) => Transport::Tls,
        (None, false) if !wish.ways.has(Transport::Udp) && wish.ways.has(Transport::Tcp) => Transport::Tcp,
        (None, false) => Transport::Udp,
    }
}

fn transport(services: &[u8]) -> Option<Transport> {
    const KNOWN: [(&[u8], Transport); 3] = [
        (b"SIP+D2U", Transport::Udp),
        (b"SIP+D2T", Transport::Tcp),
        (b"SIPS+D2T", Transport::Tls),
    ];
    let known = KNOWN.iter().find(|(name, _)| services.eq_ignore_ascii_case(name));
    known.map(|(_, transport)| *transport)
}

/// WebSocket has none: such a UA is reached by the connection it opened.
fn prefix(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp."),
        Transport::Tcp => Some("_sip._tcp."),
        Transport::Tls => Some("_sips._tcp."),
        Transport::Ws | Transport::Wss => None,
    }
}

impl Wish {
    /// Whether a service by this transport is any use.
    pub(super) fn takes(&self, transport: Transport) -> bool {
        self.ways.has(transport)
            && (!self.secure || transport == Transport::Tls)
            && self.transport.is_none_or(|wanted| wanted == transport)
    }
}

impl Ways {
    /// Whether a listener can send by this transport at all.
    pub fn has(self, transport: Transport) -> bool {
        self.v4(transport) || self.v6(transport)
    }
}
