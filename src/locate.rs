//! RFC 3263, as far as it goes without NAPTR and SRV: numeric addresses, and names by A and AAAA.
//!
//! Chooses addresses; asks nobody. What has to be looked up is named, and the engine asks the shell.

use std::net::{IpAddr, SocketAddr};

use crate::policy::{CertifiedName, ListenerId};
use crate::sip::Transport;
use crate::sip::uri::{Scheme, Uri};
use crate::trust::{ConnectionId, Destination};

/// One next hop, not yet located.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Listener to leave by.
    pub listener: ListenerId,
    pub transport: Transport,
    pub place: Place,
    /// 0: the default of the transport.
    pub port: u16,
    /// A connection to use rather than to make.
    pub connection: Option<ConnectionId>,
}

/// Where a target is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    Address(IpAddr),
    /// A host name to be looked up.
    Name(String),
}

impl Target {
    /// The next hop a URI names: its host, port and transport. `None` when no SIP can go there.
    ///
    /// Without a `transport` parameter and a port, `default` is taken, else UDP; TLS for `sips`.
    //= LOC-001
    //= LOC-002
    pub fn of_uri(uri: &Uri<'_>, listener: ListenerId, default: Option<Transport>) -> Option<Target> {
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
            return None;
        }
        let transport = match (uri.transport(), uri.scheme()) {
            (Some(name), _) => Transport::from_name(name)?,
            (None, Scheme::Sips) => Transport::Tls,
            (None, _) => default.filter(|_| uri.port().is_none()).unwrap_or(Transport::Udp),
        };
        let place = match uri.host_ip() {
            Some(address) => Place::Address(address),
            None => Place::Name(std::str::from_utf8(uri.host()).ok()?.to_ascii_lowercase()),
        };
        Some(Target {
            listener,
            transport,
            place,
            port: uri.port().unwrap_or(0),
            connection: None,
        })
    }

    /// The flow of a UE: nothing is left to locate.
    pub fn of_flow(flow: &Destination) -> Target {
        Target {
            listener: flow.listener,
            transport: flow.transport,
            place: Place::Address(flow.remote.ip()),
            port: flow.remote.port(),
            connection: flow.connection,
        }
    }

    /// The destination at one of its addresses.
    pub fn at(&self, address: IpAddr) -> Destination {
        let port = match (self.port, self.transport) {
            (0, Transport::Tls | Transport::Wss) => 5061,
            (0, _) => 5060,
            (port, _) => port,
        };
        Destination {
            listener: self.listener,
            transport: self.transport,
            remote: SocketAddr::new(address, port),
            connection: self.connection,
            certified: self.certified(),
        }
    }

    /// The name a certificate must prove there: the host that was asked for, whatever DNS made of it.
    //= TRUST-029
    fn certified(&self) -> Option<CertifiedName> {
        let connects = self.transport.is_tls() && self.connection.is_none();
        connects.then(|| match &self.place {
            Place::Name(name) => CertifiedName::of(name),
            Place::Address(address) => CertifiedName::of(&address.to_string()),
        })
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("listener", &self.listener)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Option<(Transport, u16, bool)> {
        let target = Target::of_uri(&Uri::parse(uri.as_bytes()).unwrap(), ListenerId(0), None)?;
        let is_name = matches!(target.place, Place::Name(_));
        Some((
            target.transport,
            target.at(IpAddr::from([192, 0, 2, 1])).remote.port(),
            is_name,
        ))
    }

    //= LOC-001 type=test
    #[test]
    fn a_uri_names_transport_port_and_place() {
        assert_eq!(target("sip:192.0.2.1"), Some((Transport::Udp, 5060, false)));
        assert_eq!(
            target("sip:a@[2001:db8::1]:5070;transport=TCP"),
            Some((Transport::Tcp, 5070, false))
        );
        assert_eq!(target("sips:example.com"), Some((Transport::Tls, 5061, true)));
        assert_eq!(target("sip:example.com;transport=carrier-pigeon"), None);
        assert_eq!(target("tel:+15551234"), None);
    }
}
