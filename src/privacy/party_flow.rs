//! The way by which a party of a dialog is reached, as it travels in the token of the dialog.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::memory::Side;
use crate::policy::CertifiedName;
use crate::trust::{ConnectionId, Destination};

/// By which connection a party is reached, beside the listener and transport of its [`Side`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartyFlow {
    pub remote: SocketAddr,
    /// `None` for datagrams. It means something only in the run of the process that wrote it.
    pub connection: Option<ConnectionId>,
    /// What the party proved on it: whoever sends there holds the connection against it once more.
    pub certified: Option<CertifiedName>,
}

const IS_IPV6: u8 = 1;
const HAS_SCOPE: u8 = 2;
const IS_CERTIFIED: u8 = 4;
const IS_DATAGRAMS: u8 = 8;
const FLAGS: u8 = IS_IPV6 | HAS_SCOPE | IS_CERTIFIED | IS_DATAGRAMS;

impl PartyFlow {
    /// Where to send what is meant for this party.
    pub fn destination(&self, side: Side) -> Destination {
        Destination {
            listener: side.listener,
            transport: side.transport,
            remote: self.remote,
            connection: self.connection,
            certified: self.certified,
        }
    }

    /// Bytes that `encode` writes.
    pub(super) fn encoded_bytes(&self) -> usize {
        let scope = if self.scope().is_some() { 4 } else { 0 };
        let certified = if self.certified.is_some() {
            CertifiedName::BYTES
        } else {
            0
        };
        let address = if self.remote.is_ipv4() { 4 } else { 16 };
        let connection = if self.connection.is_some() { 8 } else { 0 };
        1 + connection + 2 + address + scope + certified
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        flags |= if self.remote.is_ipv6() { IS_IPV6 } else { 0 };
        flags |= if self.scope().is_some() { HAS_SCOPE } else { 0 };
        flags |= if self.certified.is_some() { IS_CERTIFIED } else { 0 };
        flags |= if self.connection.is_none() { IS_DATAGRAMS } else { 0 };
        out.push(flags);
        if let Some(connection) = self.connection {
            out.extend_from_slice(&connection.0.to_be_bytes());
        }
        out.extend_from_slice(&self.remote.port().to_be_bytes());
        match self.remote.ip() {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
        if let Some(scope) = self.scope() {
            out.extend_from_slice(&scope.to_be_bytes());
        }
        if let Some(name) = self.certified {
            out.extend_from_slice(&name.to_bytes());
        }
    }

    /// Reads one off the front; what is behind it stays.
    pub(super) fn decode(plain: &mut &[u8]) -> Option<PartyFlow> {
        let [flags] = take(plain)?;
        if flags & !FLAGS != 0 {
            return None;
        }
        let connection = match flags & IS_DATAGRAMS {
            0 => Some(ConnectionId(u64::from_be_bytes(take(plain)?))),
            _ => None,
        };
        let port = u16::from_be_bytes(take(plain)?);
        let address = match flags & IS_IPV6 {
            0 => IpAddr::V4(Ipv4Addr::from(take::<4>(plain)?)),
            _ => IpAddr::V6(Ipv6Addr::from(take::<16>(plain)?)),
        };
        let scope = match flags & HAS_SCOPE {
            0 => 0,
            _ => u32::from_be_bytes(take(plain)?),
        };
        let certified = match flags & IS_CERTIFIED {
            0 => None,
            _ => Some(CertifiedName::from_bytes(take(plain)?)),
        };
        let remote = match address {
            IpAddr::V4(address) => SocketAddr::from((address, port)),
            IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, scope).into(),
        };
        Some(PartyFlow {
            remote,
            connection,
            certified,
        })
    }

    /// Tells link-local peers apart.
    fn scope(&self) -> Option<u32> {
        match self.remote {
            SocketAddr::V6(remote) => Some(remote.scope_id()).filter(|scope| *scope != 0),
            SocketAddr::V4(_) => None,
        }
    }
}

fn take<const N: usize>(plain: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = plain.split_first_chunk()?;
    *plain = rest;
    Some(*first)
}

impl std::fmt::Debug for PartyFlow {
    /// Names no address: the party may be a UE.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartyFlow").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(remote: &str, certified: Option<&str>) -> PartyFlow {
        PartyFlow {
            remote: remote.parse().unwrap(),
            connection: Some(ConnectionId(u64::MAX - 1)),
            certified: certified.map(CertifiedName::of),
        }
    }

    //= SEC-004 type=test
    #[test]
    fn it_comes_back_as_it_was_written_and_only_whole() {
        let datagrams = PartyFlow {
            connection: None,
            ..flow("192.0.2.7:5062", None)
        };
        for flow in [
            datagrams,
            flow("192.0.2.7:40000", None),
            flow("192.0.2.7:1", Some("edge.example")),
            flow("[2001:db8::7]:65535", None),
            flow("[fe80::7%4]:5062", Some("edge.example")),
        ] {
            let mut plain = Vec::new();
            flow.encode(&mut plain);
            assert_eq!(plain.len(), flow.encoded_bytes());
            for end in 0..plain.len() {
                assert_eq!(PartyFlow::decode(&mut &plain[..end]), None, "{end} bytes");
            }
            let behind = [&plain[..], b"behind"].concat();
            let mut rest = &behind[..];
            assert_eq!(PartyFlow::decode(&mut rest), Some(flow));
            assert_eq!(rest, b"behind");
            plain[0] |= 16;
            assert_eq!(PartyFlow::decode(&mut &plain[..]), None, "an unknown flag");
        }
    }

    #[test]
    fn what_is_printed_names_no_address() {
        let shown = format!("{:?}", flow("192.0.2.7:40000", Some("edge.example")));
        assert_eq!(shown, "PartyFlow { .. }");
    }
}
