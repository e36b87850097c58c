//! One TLS connection whose peer does not read for a while: everything arrives, whole and in order, both ways.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc::Receiver},
};

use bytes::Bytes;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, ServerName},
};
use tokio::sync::mpsc;

use crate::{
    engine::SendId,
    net::{
        Cleared,
        flows::{Ends, Flows, Way},
        handover::{Event, Handover, Sending},
        handshake::{Handshake, Security},
        tcp,
    },
    policy::{Limits, ListenerId},
    sip::Transport,
    trust::evidence::Destination,
};

/// Each way.
const MESSAGES: usize = 400;

/// Of the kernel, asked for each end: what waits does so with us.
const SOCKET_BYTES: usize = 16 * 1024;

/// At least so much of what we say waits while the peer does not read.
const WAITING_BYTES: usize = 400_000;

const HOST: &str = "edge.example";

//= TPT-007 type=test
//= TPT-008 type=test
#[test]
fn all_arrives_whole_and_in_order_at_a_peer_that_reads_late_and_little() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (security, root) = certified();
    let address = listener.local_addr().unwrap();
    let (reads_now, gate) = std::sync::mpsc::channel();
    let peer = std::thread::spawn(move || peer(address, root, &gate));
    let (stream, remote) = listener.accept().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(talk(stream, remote, security, || reads_now.send(()).unwrap()));
    let (read, ours) = (
        peer.join().unwrap(),
        (0..MESSAGES).map(message).collect::<Vec<_>>().concat(),
    );
    // No comparison that prints: the texts are long.
    assert_eq!(read.len(), ours.len());
    assert!(read == ours);
}

/// The proxy's end. `late` lets the peer read, once all it has to say is here and nearly all of ours waits.
async fn talk(stream: TcpStream, remote: SocketAddr, security: Security, late: impl FnOnce()) {
    socket2::SockRef::from(&stream)
        .set_send_buffer_size(SOCKET_BYTES)
        .unwrap();
    stream.set_nonblocking(true).unwrap();
    let limits = Limits::default();
    let mut flows = Flows::<Text>::new(0, limits.clone(), Arc::default(), Arc::default());
    let Ok(ends) = flows.accept(way(remote)) else {
        panic!("the first connection is refused");
    };
    let (connection, backlog) = (ends.id, ends.backlog.clone());
    let mut ours = (0..MESSAGES).map(|number| {
        let sending = Sending {
            worker: 0,
            id: SendId(number as u64),
        };
        (sending, Text::new(remote, message(number)))
    });
    // Some wait for the handshake already, the others come in while the peer does not read.
    for (sending, text) in ours.by_ref().take(MESSAGES / 4) {
        flows.send(connection, sending, text).unwrap();
    }
    let mut events = serve(stream, ends, security, &limits);
    for number in 0..MESSAGES {
        let Some(Event::Packet { bytes, .. }) = events.recv().await else {
            panic!("message {number} is missing");
        };
        assert!(bytes == message(number), "message {number} is another");
        if let Some((sending, text)) = ours.next() {
            flows.send(connection, sending, text).unwrap();
        }
    }
    assert!(
        !backlog.enter(limits.connection_queue_bytes_max as usize - WAITING_BYTES),
        "the kernel took it all: this shows nothing"
    );
    late();
    flows.finish(connection);
    let Some(Event::Closed { unsent, .. }) = events.recv().await else {
        panic!("it says more");
    };
    assert!(unsent.is_empty());
}

/// Runs the connection; gives what it reports.
fn serve(stream: TcpStream, ends: Ends<Text>, security: Security, limits: &Limits) -> mpsc::Receiver<Event<Text>> {
    let (tasks, events) = mpsc::channel(8);
    let report = tcp::Report {
        worker: 0,
        handover: Arc::new(Handover::new(vec![tasks.clone()], None)),
        tasks,
    };
    let origin = tcp::Origin::Accepted(tokio::net::TcpStream::from_std(stream).unwrap());
    let handshake = Handshake {
        security,
        web_socket: false,
    };
    tokio::spawn(tcp::run(ends, origin, handshake, limits.clone(), report));
    events
}

/// The other end: says everything, waits, then reads a little at a time until the end. Gives what it read.
fn peer(address: SocketAddr, root: RootCertStore, gate: &Receiver<()>) -> Vec<u8> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
    socket.connect(&address.into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(root)
        .with_no_client_auth();
    let name = ServerName::try_from(HOST).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = StreamOwned::new(connection, TcpStream::from(socket));
    for number in 0..MESSAGES {
        tls.write_all(&message(number)).unwrap();
    }
    gate.recv().unwrap();
    let mut read = Vec::new();
    let mut chunk = [0; 1500];
    loop {
        let room = 1 + read.len() % chunk.len();
        match tls.read(&mut chunk[..room]).unwrap() {
            0 => return read,
            length => read.extend_from_slice(&chunk[..length]),
        }
    }
}

/// Each of its own length, none at all to a few longer than any TLS record; each of its own letters.
fn message(number: usize) -> Vec<u8> {
    let length = if number % 100 == 50 {
        70_000
    } else {
        number * 7919 % 1500
    };
    let body = (0..length).map(|at| b'a' + ((at + number) % 26) as u8);
    let head = format!("MESSAGE sip:x SIP/2.0\r\ni: {number}\r\nl: {length}\r\n\r\n");
    head.into_bytes().into_iter().chain(body).collect()
}

/// How we accept, and what a peer must believe.
fn certified() -> (Security, RootCertStore) {
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let own = certified.cert.der().clone();
    let mut root = RootCertStore::empty();
    root.add(own.clone()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own], key)
        .unwrap();
    let policy = Arc::new(crate::driver::tests::policy::one(1));
    (Security::Accept(Arc::new(config), policy), root)
}

fn way(remote: SocketAddr) -> Way {
    Way {
        listener: ListenerId(0),
        transport: Transport::Tls,
        remote,
        certified: None,
    }
}

/// What is sent, as if it was cleared.
struct Text {
    bytes: Bytes,
    destination: Destination,
}

impl Text {
    fn new(remote: SocketAddr, bytes: Vec<u8>) -> Text {
        Text {
            bytes: bytes.into(),
            destination: Destination {
                listener: ListenerId(0),
                transport: Transport::Tls,
                remote,
                connection: None,
                certified: None,
            },
        }
    }
}

impl Cleared for Text {
    fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn destination(&self) -> &Destination {
        &self.destination
    }
}
