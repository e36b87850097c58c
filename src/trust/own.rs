//! Which addresses are ours: what Via and Record-Route name, and how our own values are known again.

use std::net::{IpAddr, SocketAddr};

use crate::policy::{ListenerId, Policy};
use crate::sip::Transport;

/// An address a listener really has, after the system chose ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub listener: ListenerId,
    pub transport: Transport,
    pub address: SocketAddr,
}

impl Bound {
    /// Every address as the policy writes it, for an engine without sockets.
    pub fn as_written(policy: &Policy) -> Vec<Bound> {
        let listeners = policy.listeners.iter().enumerate();
        let all = listeners.flat_map(|(id, listener)| {
            listener.bind.iter().map(move |bind| Bound {
                listener: ListenerId(id as u16),
                transport: bind.value.transport,
                address: bind.value.address,
            })
        });
        all.collect()
    }
}

/// One address of ours, with the text it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub bound: Bound,
    /// `host:port`, as in a sent-by or a URI.
    pub host_port: String,
    /// Our Via up to the branch itself.
    pub via: String,
    host: String,
    port: u16,
}

/// All addresses of this node.
#[derive(Debug, Clone, Default)]
pub struct OwnAddresses {
    all: Vec<Own>,
}

impl Own {
    /// Its host alone: a name, or an address as it stands in a URI.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a host and port as written in a URI or a sent-by name this address and no other of ours. Without a port the
    /// default of SIP, 5060, is meant.
    pub fn is_named(&self, host: &[u8], port: Option<u16>) -> bool {
        let port = port.unwrap_or(5060);
        let by_name = self.port == port && host.eq_ignore_ascii_case(self.host.as_bytes());
        by_name || self.bound.address.port() == port && is_address(host, self.bound.address.ip())
    }
}

impl OwnAddresses {
    pub fn new(policy: &Policy, bound: &[Bound]) -> OwnAddresses {
        let all = bound.iter().map(|&bound| {
            let advertise = policy
                .listeners
                .get(bound.listener.0 as usize)
                .and_then(|own| own.advertise.as_ref());
            let (host, port) = match (advertise, &policy.proxy.name.value) {
                (Some(advertise), _) => split(&advertise.value, bound.address.port()),
                (None, Some(name)) => (name.clone(), bound.address.port()),
                (None, None) => (bracketed(bound.address.ip()), bound.address.port()),
            };
            Own {
                bound,
                host_port: format!("{host}:{port}"),
                via: format!("SIP/2.0/{} {host}:{port};branch=", bound.transport.via_name()),
                host,
                port,
            }
        });
        OwnAddresses { all: all.collect() }
    }

    /// The address to leave by: of this listener and transport, of the family of `towards`.
    pub fn of(&self, listener: ListenerId, transport: Transport, towards: IpAddr) -> Option<&Own> {
        let fits = |own: &&Own| own.bound.listener == listener && own.bound.transport == transport;
        let same_family = |own: &&Own| own.bound.address.is_ipv4() == towards.is_ipv4();
        self.all.iter().find(|own| fits(own) && same_family(own))
    }

    /// The address that arrival on a flow proves.
    pub fn at(&self, listener: ListenerId, transport: Transport, local: SocketAddr) -> Option<&Own> {
        let fits = |own: &&Own| own.bound.listener == listener && own.bound.transport == transport;
        let exact = self.all.iter().find(|own| fits(own) && own.bound.address == local);
        exact.or_else(|| self.of(listener, transport, local.ip()))
    }

    /// Our address that a host and port name, if any. `host` as written in a URI or sent-by.
    ///
    /// Without a port in the text the default of SIP, 5060, is meant.
    pub fn named(&self, host: &[u8], port: Option<u16>) -> Option<&Own> {
        let port = port.unwrap_or(5060);
        let same_host = |own: &Own| {
            // As written first: letter by letter it is dearer.
            host == own.host.as_bytes()
                || host.eq_ignore_ascii_case(own.host.as_bytes())
                || (own.bound.address.port() == port && is_address(host, own.bound.address.ip()))
        };
        self.all
            .iter()
            .find(|own| (own.port == port || own.bound.address.port() == port) && same_host(own))
    }

    /// What [`OwnAddresses::named`] says of a `host:port` that is written as we write it ourselves.
    pub fn written(&self, host_port: &[u8]) -> Option<&Own> {
        let own = self.all.iter().find(|own| own.host_port.as_bytes() == host_port)?;
        self.named(own.host.as_bytes(), Some(own.port))
    }

    /// Whether a host names this node, whatever the port.
    pub fn is_host(&self, host: &[u8]) -> bool {
        self.all
            .iter()
            .any(|own| host.eq_ignore_ascii_case(own.host.as_bytes()))
    }

    pub fn all(&self) -> &[Own] {
        &self.all
    }
}

fn is_address(host: &[u8], address: IpAddr) -> bool {
    let host = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"))
        .unwrap_or(host);
    std::str::from_utf8(host)
        .ok()
        .and_then(|host| host.parse::<IpAddr>().ok())
        == Some(address)
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Splits `host[:port]`; an IPv6 address stands in brackets.
fn split(text: &str, default_port: u16) -> (String, u16) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')) => {
            (host.to_owned(), port.parse().unwrap_or(default_port))
        }
        _ => (text.to_owned(), default_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        assert_eq!(split("edge.example", 5060), ("edge.example".to_owned(), 5060));
        assert_eq!(split("edge.example:5070", 5060), ("edge.example".to_owned(), 5070));
        assert_eq!(split("[2001:db8::1]:5070", 5060), ("[2001:db8::1]".to_owned(), 5070));
        for address in ["[2001:db8::1]", "[2001:db8::1:2]"] {
            assert_eq!(split(address, 5060), (address.to_owned(), 5060));
        }
    }

    fn own(listener: u16, host: &str, port: u16, address: &str) -> Own {
        let bound = Bound {
            listener: ListenerId(listener),
            transport: Transport::Udp,
            address: address.parse().unwrap(),
        };
        Own {
            bound,
            host_port: format!("{host}:{port}"),
            via: String::new(),
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn an_address_of_ours_is_known_by_its_name_and_by_its_number_with_either_port() {
        // Behind a translator: what is written is not what is bound.
        let addresses = OwnAddresses {
            all: vec![own(0, "edge.example", 5070, "192.0.2.1:5080")],
        };
        for (host, port, is_ours) in [
            ("edge.example", Some(5070), true),
            ("EDGE.example", Some(5070), true),
            ("edge.example", Some(5080), true),
            ("192.0.2.1", Some(5080), true),
            ("edge.example", None, false),
            ("192.0.2.1", None, false),
            ("192.0.2.1", Some(5070), false),
            ("192.0.2.2", Some(5080), false),
            ("other.example", Some(5070), false),
        ] {
            let found = addresses.named(host.as_bytes(), port);
            assert_eq!(found.is_some(), is_ours, "{host} {port:?}");
        }
        let this = &addresses.all()[0];
        for (host, port, is_this) in [
            ("Edge.example", Some(5070), true),
            ("192.0.2.1", Some(5080), true),
            ("edge.example", Some(5080), false),
            ("192.0.2.1", Some(5070), false),
            ("192.0.2.2", Some(5080), false),
            ("edge.example", None, false),
        ] {
            assert_eq!(this.is_named(host.as_bytes(), port), is_this, "{host} {port:?}");
        }
        assert!(addresses.is_host(b"Edge.example") && !addresses.is_host(b"192.0.2.1"));
        let by_default = OwnAddresses {
            all: vec![own(0, "edge.example", 5060, "192.0.2.1:5060")],
        };
        assert!(by_default.named(b"edge.example", None).is_some() && by_default.named(b"192.0.2.1", None).is_some());
    }

    #[test]
    fn arrival_proves_the_address_it_came_to() {
        let addresses = OwnAddresses {
            all: vec![
                own(0, "a", 5060, "192.0.2.1:5060"),
                own(0, "b", 5060, "192.0.2.2:5060"),
                own(1, "c", 5060, "192.0.2.3:5060"),
            ],
        };
        let at = |listener, local: &str| {
            let own = addresses.at(ListenerId(listener), Transport::Udp, local.parse().unwrap());
            own.map(|own| own.host.as_str())
        };
        assert_eq!(at(0, "192.0.2.2:5060"), Some("b"));
        assert_eq!(at(0, "192.0.2.9:5060"), Some("a"));
        assert_eq!(at(1, "192.0.2.2:5060"), Some("c"));
        assert_eq!(at(2, "192.0.2.1:5060"), None);
        assert_eq!(at(0, "[2001:db8::1]:5060"), None);
    }

    #[test]
    fn what_we_write_ourselves_is_known_as_any_other_way_of_writing_it() {
        let own = OwnAddresses {
            all: vec![
                own(0, "edge.example", 5060, "192.0.2.1:5060"),
                own(1, "192.0.2.1", 5060, "192.0.2.1:5060"),
                own(2, "[2001:db8::1]", 5060, "[2001:db8::1]:5060"),
            ],
        };
        for host in ["edge.example", "192.0.2.1", "[2001:db8::1]"] {
            let written = own.written(format!("{host}:5060").as_bytes());
            assert!(written.is_some());
            assert_eq!(written, own.named(host.as_bytes(), Some(5060)));
        }
        for other in [
            "EDGE.example:5060",
            "edge.example",
            "edge.example:5061",
            "edge.example:5060;x",
            "",
        ] {
            assert_eq!(own.written(other.as_bytes()), None);
        }
    }
}
