//! Path: our own address with a sealed flow in its user part, by which the network reaches the UE again.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::binding::FlowKey;
use crate::policy::ListenerId;
use crate::seal::{Keys, NotOurs, Purpose};
use crate::sip::Transport;
use crate::trust::{ConnectionId, Destination, Flow, Own};

/// A flow read back from a token of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedFlow {
    pub listener: ListenerId,
    pub transport: Transport,
    pub remote: SocketAddr,
    /// `None` for datagrams.
    pub connection: Option<ConnectionId>,
    /// The run of the process that sealed it: only there the connection means anything.
    pub instance: u64,
}

impl std::fmt::Debug for SealedFlow {
    /// Names no address: the peer is a UE.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFlow")
            .field("listener", &self.listener)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

const VERSION: u8 = 1;
const IS_IPV6: u8 = 1;
const HAS_CONNECTION: u8 = 2;
/// Version and flags, listener, transport, instance, connection, address, scope, port.
const PLAIN_BYTES: usize = 1 + 2 + 1 + 8 + 8 + 16 + 4 + 2;

const TRANSPORTS: [Transport; 5] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Ws,
    Transport::Wss,
];

/// Seals where a REGISTER came from into a token that is legal in a user part and always of the same length.
///
/// `nonce` must be fresh. `None` only when the keys cannot seal.
//= PCSCF-001
//= SEC-004
pub fn seal(keys: &Keys, flow: &Flow, nonce: [u8; 12]) -> Option<Vec<u8>> {
    keys.seal(Purpose::Flow, &[b""], nonce, &encode(flow, keys.instance()))
}

/// Binds a token to what it is for beside a Path.
const SUBSCRIPTION: &[u8] = b"reg-event";

/// The same for the Contact by which the network tells what becomes of a registration.
//= PCSCF-012
pub fn seal_subscription(keys: &Keys, flow: &Flow, nonce: [u8; 12]) -> Option<Vec<u8>> {
    keys.seal(Purpose::Flow, &[SUBSCRIPTION], nonce, &encode(flow, keys.instance()))
}

/// Opens a token that `seal_subscription` made.
//= PCSCF-013
pub fn open_subscription(keys: &Keys, token: &[u8]) -> Result<SealedFlow, NotOurs> {
    decode(&keys.open(Purpose::Flow, &[SUBSCRIPTION], token)?).ok_or(NotOurs)
}

/// Opens a token that `seal` made with any held key generation. Who presents it is not known by it: see
/// [`SealedFlow::is_of`].
//= PCSCF-022
//= SEC-004
pub fn open(keys: &Keys, token: &[u8]) -> Result<SealedFlow, NotOurs> {
    decode(&keys.open(Purpose::Flow, &[b""], token)?).ok_or(NotOurs)
}

/// The Path value: `<sip:token@host:port;transport=tcp;lr>`. `own` is our address towards the network.
///
/// Without `ob`: it would promise all of RFC 5626, of which this is the keep-alives and the flow.
//= PCSCF-001
pub fn path_value(own: &Own, token: &[u8]) -> Vec<u8> {
    value(&own.host_port, own.bound.transport, token)
}

fn value(host_port: &str, transport: Transport, token: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(token.len() + host_port.len() + 32);
    value.extend_from_slice(b"<sip:");
    value.extend_from_slice(token);
    value.push(b'@');
    value.extend_from_slice(host_port.as_bytes());
    if transport != Transport::Udp {
        value.extend_from_slice(b";transport=");
        value.extend_from_slice(transport.uri_name().as_bytes());
    }
    value.extend_from_slice(b";lr>");
    value
}

impl SealedFlow {
    /// Where to send what is meant for this UE. `None`: the flow is gone: a connection ends with its run.
    //= PCSCF-022
    pub fn destination(&self, instance: u64) -> Option<Destination> {
        self.is_reachable(instance).then_some(Destination {
            listener: self.listener,
            transport: self.transport,
            remote: self.remote,
            connection: self.connection,
            certified: None,
        })
    }

    /// The key of its registration in a table of this run; `None`: as for [`SealedFlow::destination`].
    pub fn key(&self, instance: u64) -> Option<FlowKey> {
        let key = || FlowKey::new(self.listener, self.transport, self.remote, self.connection);
        self.is_reachable(instance).then(key)
    }

    /// Whether it is the flow a message came in on: a UE may present no other's token.
    //= PCSCF-016
    pub fn is_of(&self, flow: &Flow, instance: u64) -> bool {
        self.listener == flow.listener && self.transport == flow.transport && self.key(instance) == Some(flow.into())
    }

    fn is_reachable(&self, instance: u64) -> bool {
        self.connection.is_none() || self.instance == instance
    }
}

fn encode(flow: &Flow, instance: u64) -> Vec<u8> {
    let mut flags = 0;
    flags |= if flow.remote.is_ipv6() { IS_IPV6 } else { 0 };
    flags |= if flow.connection.is_some() { HAS_CONNECTION } else { 0 };
    let transport = TRANSPORTS.iter().position(|transport| *transport == flow.transport);
    let (address, scope) = match flow.remote {
        SocketAddr::V4(remote) => (remote.ip().to_ipv6_mapped(), 0),
        SocketAddr::V6(remote) => (*remote.ip(), remote.scope_id()),
    };
    let mut plain = Vec::with_capacity(PLAIN_BYTES);
    plain.push(VERSION << 4 | flags);
    plain.extend_from_slice(&flow.listener.0.to_be_bytes());
    plain.push(transport.unwrap_or_default() as u8);
    plain.extend_from_slice(&instance.to_be_bytes());
    plain.extend_from_slice(&flow.connection.map_or(0, |connection| connection.0).to_be_bytes());
    plain.extend_from_slice(&address.octets());
    plain.extend_from_slice(&scope.to_be_bytes());
    plain.extend_from_slice(&flow.remote.port().to_be_bytes());
    debug_assert_eq!(plain.len(), PLAIN_BYTES);
    plain
}

fn decode(plain: &[u8]) -> Option<SealedFlow> {
    let (flags, rest) = take::<1>(plain)?;
    let (listener, rest) = take::<2>(rest)?;
    let (transport, rest) = take::<1>(rest)?;
    let (instance, rest) = take::<8>(rest)?;
    let (connection, rest) = take::<8>(rest)?;
    let (address, rest) = take::<16>(rest)?;
    let (scope, rest) = take::<4>(rest)?;
    let (port, rest) = take::<2>(rest)?;
    let flags = flags[0];
    if flags >> 4 != VERSION || !rest.is_empty() {
        return None;
    }
    let (address, port) = (Ipv6Addr::from(address), u16::from_be_bytes(port));
    let remote = match flags & IS_IPV6 {
        0 => SocketAddr::new(IpAddr::V4(address.to_ipv4_mapped()?), port),
        _ => SocketAddr::V6(SocketAddrV6::new(address, port, 0, u32::from_be_bytes(scope))),
    };
    let connection = ConnectionId(u64::from_be_bytes(connection));
    Some(SealedFlow {
        listener: ListenerId(u16::from_be_bytes(listener)),
        transport: *TRANSPORTS.get(usize::from(transport[0]))?,
        remote,
        connection: (flags & HAS_CONNECTION != 0).then_some(connection),
        instance: u64::from_be_bytes(instance),
    })
}

fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(first, rest)| (*first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::headers::name_addr::NameAddr;

    fn keys(instance: u64) -> Keys {
        Keys::new(&[(1, [7; 32])], "home1", instance).unwrap()
    }

    fn flow(transport: Transport, remote: &str, connection: Option<u64>) -> Flow {
        Flow {
            listener: ListenerId(3),
            transport,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: connection.map(ConnectionId),
            certified: None,
        }
    }

    //= SEC-004 type=test
    #[test]
    fn a_flow_comes_back_as_it_was_sealed() {
        for (transport, remote, connection) in [
            (Transport::Udp, "192.0.2.7:5062", None),
            (Transport::Tcp, "192.0.2.7:40000", Some(u64::MAX)),
            (Transport::Wss, "[2001:db8::7]:1", Some(0)),
            (Transport::Udp, "[::ffff:192.0.2.7]:65535", None),
            (Transport::Udp, "[fe80::7%4]:5062", None),
        ] {
            let flow = flow(transport, remote, connection);
            let opened = open(&keys(9), &seal(&keys(9), &flow, [1; 12]).unwrap()).unwrap();
            assert_eq!((opened.listener, opened.transport), (flow.listener, transport));
            assert_eq!((opened.remote, opened.connection), (flow.remote, flow.connection));
            assert_eq!(opened.instance, 9);
            assert!(opened.is_of(&flow, 9));
        }
    }

    //= SEC-004 type=test
    #[test]
    fn a_token_that_was_touched_or_made_for_something_else_is_not_ours() {
        let keys = keys(9);
        let token = seal(&keys, &flow(Transport::Udp, "192.0.2.7:5062", None), [1; 12]).unwrap();
        for at in 0..token.len() {
            let mut touched = token.clone();
            touched[at] = if touched[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&keys, &touched), Err(NotOurs), "byte {at}");
        }
        assert_eq!(open(&keys, b""), Err(NotOurs));
        let plain = encode(&flow(Transport::Udp, "192.0.2.7:5062", None), 9);
        let dialog = keys.seal(Purpose::Dialog, &[b""], [1; 12], &plain).unwrap();
        assert_eq!(open(&keys, &dialog), Err(NotOurs));
    }

    #[test]
    fn only_whole_flows_are_read() {
        let plain = encode(&flow(Transport::Tcp, "192.0.2.7:5062", Some(1)), 9);
        assert!(decode(&plain).is_some());
        for end in 0..plain.len() {
            assert!(decode(&plain[..end]).is_none(), "{end} bytes");
        }
        assert!(decode(&[&plain[..], b"\0"].concat()).is_none());
        let with = |at: usize, byte: u8| {
            let mut plain = plain.clone();
            plain[at] = byte;
            decode(&plain)
        };
        assert!(with(0, 2 << 4).is_none(), "another version");
        assert!(with(3, 5).is_none(), "no such transport");
        assert!(with(20, 1).is_none(), "no mapped IPv4 address");
    }

    //= PCSCF-022 type=test
    #[test]
    fn a_connection_ends_with_the_run_that_held_it() {
        let stream = flow(Transport::Tcp, "192.0.2.7:40000", Some(5));
        let opened = open(&keys(9), &seal(&keys(8), &stream, [1; 12]).unwrap()).unwrap();
        assert_eq!(opened.destination(9), None);
        assert_eq!(opened.destination(8).and_then(|to| to.connection), stream.connection);
        assert!(!opened.is_of(&stream, 9));
        let datagrams = flow(Transport::Udp, "192.0.2.7:5062", None);
        let opened = open(&keys(9), &seal(&keys(8), &datagrams, [1; 12]).unwrap()).unwrap();
        assert_eq!(opened.destination(9).map(|to| to.remote), Some(datagrams.remote));
    }

    //= PCSCF-016 type=test
    #[test]
    fn a_token_belongs_to_one_flow() {
        let datagrams = flow(Transport::Udp, "192.0.2.7:5062", None);
        let opened = open(&keys(9), &seal(&keys(9), &datagrams, [1; 12]).unwrap()).unwrap();
        assert!(opened.is_of(&datagrams, 9));
        assert!(!opened.is_of(&flow(Transport::Udp, "192.0.2.7:5063", None), 9));
        assert!(!opened.is_of(&flow(Transport::Udp, "192.0.2.8:5062", None), 9));
        let listener = ListenerId(4);
        assert!(!opened.is_of(&Flow { listener, ..datagrams }, 9));
        let stream = flow(Transport::Tcp, "192.0.2.7:5062", Some(1));
        assert!(!opened.is_of(&stream, 9));
    }

    //= PCSCF-001 type=test
    #[test]
    fn the_path_value_shows_the_token_and_nothing_of_the_flow() {
        let token = |remote| seal(&keys(9), &flow(Transport::Udp, remote, None), [1; 12]).unwrap();
        let value = value("pcscf1.home1.example:5070", Transport::Tcp, &token("192.0.2.7:5062"));
        let parsed = NameAddr::parse(&value).unwrap();
        let uri = parsed.uri().unwrap();
        assert!(uri.lr() && parsed.params().next().is_none());
        assert_eq!((uri.host(), uri.port()), (&b"pcscf1.home1.example"[..], Some(5070)));
        assert_eq!(uri.transport(), Some(&b"tcp"[..]));
        let opened = open(&keys(9), uri.user().unwrap()).unwrap();
        assert_eq!(opened.remote, "192.0.2.7:5062".parse().unwrap());
        assert!(!value.windows(9).any(|text| text == b"192.0.2.7"));
        assert_eq!(
            token("192.0.2.7:5062").len(),
            token("[2001:db8:1:2:3:4:5:6]:50620").len()
        );
        assert_eq!(super::value("h:1", Transport::Udp, b"T"), b"<sip:T@h:1;lr>");
    }

    #[test]
    fn what_is_printed_names_no_address() {
        let flow = flow(Transport::Udp, "192.0.2.7:5062", None);
        let opened = open(&keys(9), &seal(&keys(9), &flow, [1; 12]).unwrap()).unwrap();
        assert!(!format!("{opened:?}").contains("192.0.2.7"));
    }
}
