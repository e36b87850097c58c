//! Addresses of peers, where an architecture has them in lists.

use std::net::IpAddr;

use super::json::{Json, object};

/// Addresses of a peer at most.
pub const ADDRESSES_MAX: usize = 8;

/// How an address is a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Host,
    Reflexive,
    /// A relay's: it tells nothing of the peer.
    Proxy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress {
    pub ip: IpAddr,
    pub port: u16,
    pub kind: Kind,
    pub priority: u32,
}

impl PeerAddress {
    /// `None`: it is none that can be read.
    //= P2P-011
    pub fn read(json: &Json<'_>) -> Option<PeerAddress> {
        let ip = json.get("ip_address")?;
        let ip = ip.get("address").unwrap_or(ip).text()?.parse().ok()?;
        let kind = match json.get("type").and_then(Json::text) {
            None | Some("HOST") => Kind::Host,
            Some("REFLEXIVE") => Kind::Reflexive,
            Some("PROXY") => Kind::Proxy,
            Some(_) => return None,
        };
        Some(PeerAddress {
            ip,
            port: u16::try_from(json.get("port")?.number()?).ok()?,
            kind,
            priority: json
                .get("priority")
                .and_then(Json::number)
                .map_or(0, |priority| priority as u32),
        })
    }

    /// All that a value holds; one that cannot be read, or too many, make all of them unreadable.
    pub fn read_all(json: Option<&Json<'_>>) -> Option<Vec<PeerAddress>> {
        let Some(json) = json else { return Some(Vec::new()) };
        let all = json.one_or_many();
        if all.len() > ADDRESSES_MAX {
            return None;
        }
        all.iter().map(PeerAddress::read).collect()
    }

    pub fn to_json(self) -> Json<'static> {
        let family = match self.ip {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        };
        let kind = match self.kind {
            Kind::Host => "HOST",
            Kind::Reflexive => "REFLEXIVE",
            Kind::Proxy => "PROXY",
        };
        let address = self.ip.to_string();
        let ip = object([("type", Some(family.into())), ("address", Some(address.into()))]);
        object([
            ("ip_address", Some(ip)),
            ("port", Some(u64::from(self.port).into())),
            ("priority", Some(u64::from(self.priority).into())),
            ("type", Some(kind.into())),
        ])
    }
}

impl std::fmt::Debug for PeerAddress {
    /// Names no machine.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerAddress")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
