//! One next hop, not yet located.

use std::net::{IpAddr, SocketAddr};

use super::{HostName, Peer};
use crate::policy::{CertifiedName, ListenerId};
use crate::sip::Transport;
use crate::sip::uri::{Scheme, Uri};
use crate::trust::{ConnectionId, Destination, OwnAddresses};

/// Where a request is to go, as a URI or a flow says it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Listener to leave by.
    pub listener: ListenerId,
    /// `None`: what DNS says, else the default.
    pub transport: Option<Transport>,
    /// Only over TLS: the URI is `sips`.
    pub secure: bool,
    pub place: Place,
    /// `None`: what DNS says, else the default of the transport.
    pub port: Option<u16>,
    /// A connection to use rather than to make.
    pub connection: Option<ConnectionId>,
    /// What its other end proved.
    pub proved: Option<CertifiedName>,
}

/// Where a target is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    Address(IpAddr),
    /// A host name to be looked up.
    Name(HostName),
}

/// What is looked up: the part of a [`Target`] on which the answer depends.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Wish {
    pub host: HostName,
    pub transport: Option<Transport>,
    pub secure: bool,
    pub port: Option<u16>,
    pub ways: Ways,
}

/// By which transports and address families a listener can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ways {
    v4: u8,
    v6: u8,
}

impl Target {
    /// The next hop a URI names: its `maddr` or host, port and transport. `None` when no SIP can go there.
    ///
    /// `default` is taken without a `transport` parameter and a port: what the dialog uses.
    //= LOC-001
    //= LOC-002
    pub fn of_uri(uri: &Uri<'_>, listener: ListenerId, default: Option<Transport>) -> Option<Target> {
        let secure = match uri.scheme() {
            Scheme::Sip => false,
            Scheme::Sips => true,
            _ => return None,
        };
        // In one pass: this is asked for every request.
        let (mut maddr, mut written) = (None, None);
        for param in uri.params() {
            if maddr.is_none() && param.is(b"maddr") {
                maddr = Some(param.value);
            } else if written.is_none() && param.is(b"transport") {
                written = Some(param.value);
            }
        }
        let place = match maddr.flatten() {
            Some(maddr) => Place::of_host(maddr)?,
            None => match uri.host_ip() {
                Some(address) => Place::Address(address),
                None => Place::Name(HostName::parse(uri.host())?),
            },
        };
        let written = written.flatten().map(|name| Transport::from_name(name).ok_or(()));
        let is_settled = matches!(place, Place::Address(_)) || uri.port().is_some();
        let transport = match written.transpose().ok()? {
            Some(written) => Some(written),
            None => default.filter(|_| uri.port().is_none() && !secure),
        };
        let transport = match (transport, secure) {
            //= PROXY-017
            (Some(Transport::Udp), true) => return None,
            (Some(Transport::Tcp), true) => Some(Transport::Tls),
            (Some(Transport::Ws), true) => Some(Transport::Wss),
            (None, true) if is_settled => Some(Transport::Tls),
            (None, false) if is_settled => Some(Transport::Udp),
            (transport, _) => transport,
        };
        Some(Target {
            listener,
            transport,
            secure,
            place,
            port: uri.port(),
            connection: None,
            proved: None,
        })
    }

    /// An open connection or the flow of a UE: nothing is left to locate.
    pub fn of_flow(flow: &Destination) -> Target {
        Target {
            listener: flow.listener,
            transport: Some(flow.transport),
            secure: false,
            place: Place::Address(flow.remote.ip()),
            port: Some(flow.remote.port()),
            connection: flow.connection,
            proved: flow.certified,
        }
    }

    /// The same over TLS; `None` when it names a way without.
    //= PROXY-017
    pub fn secured(self) -> Option<Target> {
        let is_possible = matches!(self.transport, None | Some(Transport::Tls | Transport::Wss));
        is_possible.then_some(Target { secure: true, ..self })
    }

    /// The transport it has or is likely to get.
    pub fn likely_transport(&self) -> Transport {
        let unsaid = if self.secure { Transport::Tls } else { Transport::Udp };
        self.transport.unwrap_or(unsaid)
    }

    /// The destination at an address that needs no look-up.
    pub fn at(&self, address: IpAddr) -> Destination {
        let transport = self.likely_transport();
        let port = self.port.unwrap_or(default_port(transport));
        self.to(Peer {
            transport,
            address: SocketAddr::new(address, port),
        })
    }

    /// The destination at one of its peers.
    pub fn to(&self, peer: Peer) -> Destination {
        Destination {
            listener: self.listener,
            transport: peer.transport,
            remote: peer.address,
            connection: self.connection,
            certified: self.certified(peer.transport),
        }
    }

    /// The name a certificate must prove there: the host that was asked for, whatever DNS made of it. On an open connection what
    /// it proved already, if anything.
    //= TRUST-029
    fn certified(&self, transport: Transport) -> Option<CertifiedName> {
        if self.connection.is_some() {
            return self.proved;
        }
        transport.is_tls().then(|| match &self.place {
            Place::Name(name) => CertifiedName::of(name.as_str()),
            Place::Address(address) => CertifiedName::of(&address.to_string()),
        })
    }

    /// What has to be looked up to reach it by a name.
    pub fn wish(&self, host: HostName, ways: Ways) -> Wish {
        Wish {
            host,
            transport: self.transport,
            secure: self.secure,
            port: self.port,
            ways,
        }
    }
}

impl Place {
    /// A host as a `maddr` writes it: an address, an IPv6 one with or without brackets, or a name.
    fn of_host(text: &[u8]) -> Option<Place> {
        let bare = text
            .strip_prefix(b"[")
            .and_then(|text| text.strip_suffix(b"]"))
            .unwrap_or(text);
        let address = std::str::from_utf8(bare).ok().and_then(|text| text.parse().ok());
        match address {
            Some(address) => Some(Place::Address(address)),
            None => HostName::parse(text).map(Place::Name),
        }
    }
}

/// RFC 3261 section 19.1.2.
pub fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp | Transport::Ws => 5060,
        Transport::Tls | Transport::Wss => 5061,
    }
}

impl Ways {
    /// The ways of a listener, among all our addresses.
    pub fn of(own: &OwnAddresses, listener: ListenerId) -> Ways {
        let mut ways = Ways::default();
        for own in own.all().iter().filter(|own| own.bound.listener == listener) {
            ways.add(own.bound.transport, own.bound.address.is_ipv4());
        }
        ways
    }

    pub fn add(&mut self, transport: Transport, is_v4: bool) {
        let family = if is_v4 { &mut self.v4 } else { &mut self.v6 };
        *family |= bit(transport);
    }

    pub fn v4(self, transport: Transport) -> bool {
        self.v4 & bit(transport) != 0
    }

    pub fn v6(self, transport: Transport) -> bool {
        self.v6 & bit(transport) != 0
    }
}

fn bit(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 4,
        Transport::Ws => 8,
        Transport::Wss => 16,
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

    fn target(uri: &str) -> Option<(Option<Transport>, Option<u16>, bool)> {
        let target = Target::of_uri(&Uri::parse(uri.as_bytes()).unwrap(), ListenerId(0), None)?;
        let is_name = matches!(target.place, Place::Name(_));
        Some((target.transport, target.port, is_name))
    }

    fn destination(uri: &str) -> (Transport, String) {
        let target = Target::of_uri(&Uri::parse(uri.as_bytes()).unwrap(), ListenerId(0), None).unwrap();
        let Place::Address(address) = target.place else {
            panic!("a name")
        };
        let destination = target.at(address);
        (destination.transport, destination.remote.to_string())
    }

    //= LOC-001 type=test
    //= LOC-002 type=test
    #[test]
    fn a_uri_names_transport_port_and_place() {
        use Transport::{Tcp, Tls, Udp, Wss};
        assert_eq!(target("sip:example.com"), Some((None, None, true)));
        assert_eq!(target("sips:example.com"), Some((None, None, true)));
        assert_eq!(target("sip:example.com:5060"), Some((Some(Udp), Some(5060), true)));
        assert_eq!(target("sips:example.com:5061"), Some((Some(Tls), Some(5061), true)));
        assert_eq!(target("sip:example.com;transport=tcp"), Some((Some(Tcp), None, true)));
        assert_eq!(target("sips:example.com;transport=tcp"), Some((Some(Tls), None, true)));
        assert_eq!(target("sips:example.com;transport=ws"), Some((Some(Wss), None, true)));
        assert_eq!(target("sips:example.com;transport=udp"), None);
        assert_eq!(target("sip:example.com;transport=carrier-pigeon"), None);
        assert_eq!(target("tel:+15551234"), None);
        assert_eq!(destination("sip:192.0.2.1"), (Udp, "192.0.2.1:5060".to_owned()));
        assert_eq!(destination("sips:192.0.2.1"), (Tls, "192.0.2.1:5061".to_owned()));
        assert_eq!(
            destination("sip:a@[2001:db8::1]:5070;transport=TCP"),
            (Tcp, "[2001:db8::1]:5070".to_owned())
        );
        assert_eq!(
            destination("sip:example.com;maddr=192.0.2.7"),
            (Udp, "192.0.2.7:5060".to_owned())
        );
        assert_eq!(
            destination("sip:example.com;maddr=[2001:db8::7]"),
            (Udp, "[2001:db8::7]:5060".to_owned())
        );
        assert_eq!(target("sip:192.0.2.1;maddr=a.example"), Some((None, None, true)));
        assert_eq!(target("sip:192.0.2.1;maddr=fe80::1%25eth0"), None, "no zone");
    }

    #[test]
    fn the_transport_of_the_dialog_counts_without_a_port_only() {
        let target = |uri: &str, default| {
            let uri = Uri::parse(uri.as_bytes()).unwrap();
            Target::of_uri(&uri, ListenerId(0), default).and_then(|target| target.transport)
        };
        assert_eq!(target("sip:a.example", Some(Transport::Tcp)), Some(Transport::Tcp));
        assert_eq!(target("sip:a.example:5060", Some(Transport::Tcp)), Some(Transport::Udp));
        assert_eq!(target("sips:a.example", Some(Transport::Udp)), None, "TLS, as DNS says");
    }
}
