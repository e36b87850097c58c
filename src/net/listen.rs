//! All sockets of the policy, or none.
//!
//! A UDP bind brings a TCP listener at the same address and port, but for the client ports of security associations. With several workers each has a socket of its own at
//! every bind and the kernel spreads what arrives.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    engine::Bound,
    policy::{ListenerId, Part, Policy},
    sip::Transport,
};

/// Asked of the kernel for each UDP socket and direction; it may give less.
const DATAGRAM_BUFFER_BYTES: usize = 4 << 20;

/// Connections that completed their handshake and wait to be accepted.
const BACKLOG: i32 = 1024;

/// Ports tried until one is free for UDP and TCP alike, when the system may choose.
const PORT_TRIES: usize = 16;

/// Open sockets, nothing read yet.
pub(crate) struct Listening {
    /// In the order of the policy.
    pub bound: Vec<Bound>,
    /// One for each worker; each has a socket for every one of `bound`.
    pub workers: Vec<Sockets>,
}

/// The sockets of one worker.
#[derive(Default)]
pub(crate) struct Sockets {
    pub datagrams: Vec<(Bound, UdpSocket)>,
    pub streams: Vec<(Bound, TcpListener)>,
}

/// A listener cannot have its address. The text names it, the reason, and what to do.
#[derive(Debug, thiserror::Error)]
#[error(
    "listener `{listener}` cannot listen on {}://{address}: {source}\n  {}",
    .transport.uri_name(),
    remedy(.source, .address)
)]
pub struct BindError {
    pub listener: String,
    pub transport: Transport,
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Opens every socket for so many workers. On a failure all are closed again.
//= ROLE-003
pub(crate) fn listen(policy: &Policy, workers: usize) -> Result<Listening, BindError> {
    let mut listening = Listening {
        bound: Vec::new(),
        workers: (0..workers).map(|_| Sockets::default()).collect(),
    };
    for place in places(policy) {
        let failed = |(transport, source)| BindError {
            listener: policy.listeners[usize::from(place.listener.0)].name.value.clone(),
            transport,
            address: place.address,
            source,
        };
        open(place, &mut listening).map_err(failed)?;
    }
    Ok(listening)
}

/// One address of one listener, and what is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    listener: ListenerId,
    address: SocketAddr,
    datagrams: bool,
    /// What is spoken on connections.
    streams: Option<Transport>,
}

/// The binds of the policy, UDP and TCP at one address taken together.
fn places(policy: &Policy) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (index, listener) in policy.listeners.iter().enumerate() {
        let id = ListenerId(index as u16);
        for bind in listener.bind.iter().map(|bind| bind.value) {
            //= TPT-001
            let datagrams = bind.transport == Transport::Udp;
            let implied = || (!is_taken(policy, bind.address)).then_some(Transport::Tcp);
            let streams = match bind.transport {
                // From there connections of ours begin; a port somebody listens at could not be shared with them.
                //= PCSCF-024
                Transport::Udp if matches!(listener.protected, Some(Part::Client { .. })) => None,
                Transport::Udp => implied(),
                transport => Some(transport),
            };
            let together = |place: &&mut Place| {
                place.listener == id
                    && place.address == bind.address
                    && [place.streams, streams].map(|streams| streams.unwrap_or(Transport::Tcp)) == [Transport::Tcp; 2]
            };
            match places.iter_mut().find(together) {
                Some(place) => {
                    place.datagrams |= datagrams;
                    place.streams = place.streams.or(streams);
                }
                None => places.push(Place {
                    listener: id,
                    address: bind.address,
                    datagrams,
                    streams,
                }),
            }
        }
    }
    places
}

/// Whether something else than the TCP that UDP brings is spoken on connections to this very address.
fn is_taken(policy: &Policy, address: SocketAddr) -> bool {
    let mut binds = policy.listeners.iter().flat_map(|listener| &listener.bind);
    address.port() != 0 && binds.any(|bind| bind.value.transport != Transport::Udp && bind.value.address == address)
}

fn open(place: Place, listening: &mut Listening) -> Result<(), (Transport, io::Error)> {
    let shared = listening.workers.len() > 1;
    if shared && place.address.port() != 0 {
        // Sockets that share a port would also share it with another process that does the same; this one shares with nobody.
        open_both(place, place.address, false)?;
    }
    let mut address = place.address;
    for worker in 0..listening.workers.len() {
        let (datagrams, streams) = if address.port() == 0 {
            open_at_a_free_port(place, shared)?
        } else {
            open_both(place, address, shared)?
        };
        let bound = |transport, local: io::Result<SocketAddr>| {
            let address = local.map_err(|error| (transport, error))?;
            Ok(Bound {
                listener: place.listener,
                transport,
                address,
            })
        };
        let sockets = &mut listening.workers[worker];
        if let Some(socket) = datagrams {
            let bound = bound(Transport::Udp, socket.local_addr())?;
            address = bound.address;
            sockets.datagrams.push((bound, socket));
            listening.bound.extend((worker == 0).then_some(bound));
        }
        if let (Some(socket), Some(transport)) = (streams, place.streams) {
            let bound = bound(transport, socket.local_addr())?;
            address = bound.address;
            sockets.streams.push((bound, socket));
            listening.bound.extend((worker == 0).then_some(bound));
        }
    }
    Ok(())
}

type Pair = (Option<UdpSocket>, Option<TcpListener>);

fn open_at_a_free_port(place: Place, shared: bool) -> Result<Pair, (Transport, io::Error)> {
    let mut tries = 1;
    loop {
        match open_both(place, place.address, shared) {
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => tries += 1,
            opened => return opened,
        }
    }
}

fn open_both(place: Place, mut address: SocketAddr, shared: bool) -> Result<Pair, (Transport, io::Error)> {
    let mut pair = (None, None);
    if place.datagrams {
        let socket = open_datagrams(address, shared).map_err(|error| (Transport::Udp, error))?;
        address = socket.local_addr().map_err(|error| (Transport::Udp, error))?;
        pair.0 = Some(socket);
    }
    if let Some(transport) = place.streams {
        pair.1 = Some(open_streams(address, shared).map_err(|error| (transport, error))?);
    }
    Ok(pair)
}

fn open_datagrams(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address, shared)?;
    // Best effort: the kernel's own ceiling is the operator's to raise.
    let _ = socket.set_recv_buffer_size(DATAGRAM_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(DATAGRAM_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn open_streams(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    prepare(&socket, address, shared)?;
    // A restart must not wait for connections of the process before to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The socket of the tracker's direct interface, where the policy has one.
//= P2P-132
pub(crate) fn listen_https(policy: &Policy) -> Result<Option<TcpListener>, BindError> {
    let Some(https) = &policy.p2p.https else {
        return Ok(None);
    };
    let opened = open_streams(https.bind.value, false);
    let failed = |source| BindError {
        listener: "https in [p2p]".to_owned(),
        transport: Transport::Tls,
        address: https.bind.value,
        source,
    };
    opened.map(Some).map_err(failed)
}

fn prepare(socket: &Socket, address: SocketAddr, shared: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    Ok(())
}

fn remedy(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has it: stop it (`ss -lntup 'sport = :{}'` names it) or write another port in `bind`",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address: `ip address` lists those it has".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or write a higher port in `bind`".to_owned()
        }
        _ => "correct `bind` of this listener in the policy".to_owned(),
    }
}
