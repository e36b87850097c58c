//! Protected ports: where connections begin, which of them stand for one of ours, and when they end.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    datagrams::peer,
    policy::one,
    toy::{PATIENCE, Peer, start_on},
};
use crate::{
    driver::{Running, Sinks},
    ipsec::{Backend, Fault, Recorded},
    pcscf::security::Change,
    policy::{ListenerId, Policy, Protected},
    sip::Transport,
};

/// The listener in clear, the server port, the client port.
const SERVER: ListenerId = ListenerId(1);
const CLIENT: ListenerId = ListenerId(2);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Recorded>>);

impl Backend for Seen {
    fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        self.0.lock().unwrap().apply(change)
    }

    fn guard(&mut self, addresses: &[SocketAddr]) -> Result<(), Fault> {
        self.0.lock().unwrap().guard(addresses)
    }

    fn clear(&mut self) -> Result<usize, Fault> {
        self.0.lock().unwrap().clear()
    }
}

fn protected() -> Arc<Policy> {
    let mut policy = one(1);
    let ports = Protected {
        server_port: 0,
        client_ports: vec![0],
        legacy_algorithms: false,
        require_encryption: false,
        unacceptable_code: 494,
        require_verify_always: false,
    };
    policy.protect(ListenerId(0), ports);
    Arc::new(policy)
}

fn started() -> (Running, Seen) {
    let seen = Seen::default();
    let sinks = Sinks {
        backend: Some(Box::new(seen.clone())),
        ..Sinks::default()
    };
    let (running, _) = start_on(protected(), sinks).unwrap();
    (running, seen)
}

fn at(running: &Running, listener: ListenerId, transport: Transport) -> Option<SocketAddr> {
    let mut bound = running.bound.iter();
    let found = bound.find(|bound| (bound.listener, bound.transport) == (listener, transport));
    found.map(|bound| bound.address)
}

/// Tells the toy to send by the client port.
fn ask(client: SocketAddr, remote: SocketAddr) {
    let text = format!("SEND tcp {remote} x");
    peer().send_to(text.as_bytes(), client).unwrap();
}

/// The next connection. Fails when none comes: the client port may be in use over TCP by somebody else.
fn accepted(ue: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut there = [PollFd::new(ue.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut there, patience), Ok(1), "no connection came");
    ue.accept().unwrap()
}

/// Tells the toy something on a connection, and waits until it is done.
fn tell(connection: &mut Peer, words: &str) {
    connection.say(&format!("{words} x SIP/2.0\r\nl: 0\r\n\r\n"));
    assert!(connection.message().starts_with("SIP/2.0 200"));
}

//= PCSCF-025 type=test
//= AKA-002 type=test
#[test]
fn protected_ports_are_guarded_from_the_start_to_the_end() {
    let (running, seen) = started();
    let (server, client) = (
        at(&running, SERVER, Transport::Udp),
        at(&running, CLIENT, Transport::Udp),
    );
    assert_eq!(seen.0.lock().unwrap().guarded, [server.unwrap(), client.unwrap()]);
    running.stop_now();
    running.join().unwrap();
    assert!(seen.0.lock().unwrap().guarded.is_empty());
}

//= PCSCF-024 type=test
#[test]
fn connections_begin_at_the_client_port_and_nobody_connects_to_it() {
    let (running, _seen) = started();
    assert!(at(&running, SERVER, Transport::Tcp).is_some() && at(&running, CLIENT, Transport::Tcp).is_none());
    let client = at(&running, CLIENT, Transport::Udp).unwrap();
    std::net::TcpStream::connect_timeout(&client, PATIENCE).unwrap_err();
    let ues = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let connected = ues.each_ref().map(|ue| {
        ask(client, ue.local_addr().unwrap());
        let (stream, from) = accepted(ue);
        assert_eq!(from, client);
        let mut stream = Peer::on(stream);
        assert!(stream.message().starts_with("OPTIONS"));
        stream
    });
    // It is used again, and made anew from the same port to the same one when we ended it.
    let [mut first, _second] = connected;
    ask(client, ues[0].local_addr().unwrap());
    assert!(first.message().starts_with("OPTIONS"));
    first.say("CLOSE x SIP/2.0\r\nl: 0\r\n\r\n");
    assert!(first.is_closed());
    drop(first);
    ask(client, ues[0].local_addr().unwrap());
    let (stream, from) = accepted(&ues[0]);
    assert_eq!(from, client);
    assert!(Peer::on(stream).message().starts_with("OPTIONS"));
}

//= PCSCF-024 type=test
#[test]
fn the_connection_of_a_ue_carries_requests_as_long_as_it_lives() {
    let (running, _seen) = started();
    let (server, client) = (
        at(&running, SERVER, Transport::Tcp),
        at(&running, CLIENT, Transport::Udp),
    );
    let (server, client) = (server.unwrap(), client.unwrap());
    let ue = TcpListener::bind("127.0.0.1:0").unwrap();
    let reached_at = ue.local_addr().unwrap();
    let mut own = Peer::connect(server);
    tell(&mut own, &format!("STANDS {} {reached_at}", CLIENT.0));
    ask(client, reached_at);
    assert!(own.message().starts_with("OPTIONS"));
    // Only for that one UE, and by that one client port.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    ask(client, other.local_addr().unwrap());
    accepted(&other);
    own.say("CLOSE x SIP/2.0\r\nl: 0\r\n\r\n");
    assert!(own.is_closed());
    ask(client, reached_at);
    assert!(Peer::on(accepted(&ue).0).message().starts_with("OPTIONS"));
}

//= PCSCF-025 type=test
#[test]
fn connections_end_with_the_associations_they_run_over() {
    let (running, _seen) = started();
    let (server, client) = (
        at(&running, SERVER, Transport::Tcp),
        at(&running, CLIENT, Transport::Udp),
    );
    let (server, client) = (server.unwrap(), client.unwrap());
    let [ue, stays] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [gone, kept] = [&ue, &stays].map(|ue| ue.local_addr().unwrap());
    // One by the connection of the UE, one by ours.
    let mut by_ue = Peer::connect(server);
    tell(&mut by_ue, &format!("STANDS {} {gone}", CLIENT.0));
    let mut other_ue = Peer::connect(server);
    tell(&mut other_ue, &format!("STANDS {} {kept}", CLIENT.0));
    let third = TcpListener::bind("127.0.0.1:0").unwrap();
    ask(client, third.local_addr().unwrap());
    let mut by_us = Peer::on(accepted(&third).0);
    assert!(by_us.message().starts_with("OPTIONS"));
    tell(&mut other_ue, &format!("REMOVE {client} {gone}"));
    assert!(by_ue.is_closed());
    tell(
        &mut other_ue,
        &format!("REMOVE {client} {}", third.local_addr().unwrap()),
    );
    assert!(by_us.is_closed());
    ask(client, kept);
    assert!(other_ue.message().starts_with("OPTIONS"));
}
