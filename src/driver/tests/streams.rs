use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc::Receiver},
};

use super::{
    datagrams::peer,
    policy::{limited, one},
    toy::{Heard, PATIENCE, Peer, row, start},
};
use crate::{driver::Running, net::flows::ENTRY_BYTES, sip::Transport};

const OPTIONS: &str = "OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n";

//= TPT-001 type=test
#[test]
fn a_udp_bind_brings_tcp_at_the_same_port() {
    let (running, _heard) = start(Arc::new(one(2))).unwrap();
    assert_eq!(running.bound.len(), 2);
    assert_eq!(running.bound[0].address, running.bound[1].address);
    let mut peer = Peer::connect(tcp(&running));
    peer.say(OPTIONS);
    assert!(peer.message().starts_with("SIP/2.0 200"));
}

//= TPT-005 type=test
//= TPT-007 type=test
#[test]
fn any_segmentation_and_several_at_once() {
    let (running, _heard) = start(Arc::new(one(1))).unwrap();
    let mut peer = Peer::connect(tcp(&running));
    for byte in OPTIONS.chars() {
        peer.say(&byte.to_string());
    }
    assert!(peer.message().starts_with("SIP/2.0 200"));
    peer.say(&format!("{OPTIONS}\r\n{OPTIONS}{OPTIONS}"));
    for _ in 0..3 {
        assert!(peer.message().starts_with("SIP/2.0 200"));
    }
}

//= TPT-006 type=test
#[test]
fn a_keep_alive_is_answered_at_once() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let mut peer = Peer::connect(tcp(&running));
    peer.say("\r\n\r\n");
    assert_eq!(peer.bytes(2), b"\r\n");
    peer.say(OPTIONS);
    assert!(peer.message().starts_with("SIP/2.0 200"));
    assert_eq!(heard.try_iter().count(), 1, "the engine heard of the message alone");
}

#[test]
fn after_a_fault_the_answer_leaves_and_the_connection_ends() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let mut peer = Peer::connect(tcp(&running));
    peer.say("INVITE sip:x SIP/2.0\r\nl: many\r\n\r\n");
    assert_eq!(row(&peer.message(), "Note"), "400");
    assert!(peer.is_closed());
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Unframed));
}

#[test]
fn connections_of_peers_are_limited() {
    for limited in [
        limited(|limits| limits.connections_max = 2),
        limited(|limits| limits.connections_per_source_max = 2),
    ] {
        let (running, _heard) = start(limited).unwrap();
        let mut at_the_maximum: Vec<Peer> = (0..2).map(|_| Peer::connect(tcp(&running))).collect();
        for peer in &mut at_the_maximum {
            peer.say(OPTIONS);
            assert!(peer.message().starts_with("SIP/2.0 200"));
        }
        assert!(Peer::connect(tcp(&running)).is_closed());
        assert_eq!(running.counters().connections_refused.value(), 1);
        // The place of one that left is free again, at the latest when its end was noticed.
        at_the_maximum.pop();
        let answered = (0..1000).any(|_| {
            let mut peer = Peer::connect(tcp(&running));
            peer.say(OPTIONS);
            peer.stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
            std::io::BufRead::fill_buf(&mut peer.stream).is_ok_and(|answer| answer.starts_with(b"SIP/2.0 200"))
        });
        assert!(answered);
    }
}

#[test]
fn a_full_queue_closes_the_connection_and_fails_what_it_held() {
    let fits = 10 * (1000 + ENTRY_BYTES);
    let limited = limited(|limits| limits.connection_queue_bytes_max = fits as u32);
    let (running, heard) = start(limited).unwrap();
    let mut peer = Peer::connect(tcp(&running));
    // All of one input is queued before a connection's task runs.
    peer.say("FLOOD 10 1000 x SIP/2.0\r\nl: 0\r\n\r\n");
    assert_eq!(peer.bytes(10_000), vec![b'x'; 10_000]);
    assert_eq!(running.counters().connections_overflowed.value(), 0);
    peer.say("FLOOD 11 1000 x SIP/2.0\r\nl: 0\r\n\r\n");
    assert!(peer.is_closed());
    let failed = || heard.recv_timeout(PATIENCE).unwrap();
    let failures = std::iter::repeat_with(failed).filter(|heard| matches!(heard, Heard::Failed { .. }));
    assert_eq!(failures.take(11).count(), 11);
    assert_eq!(running.counters().connections_overflowed.value(), 1);
}

//= TPT-007 type=test
#[test]
fn a_connection_of_ours_is_used_again_and_a_peers_is_not() {
    let (running, _heard) = start(Arc::new(one(1))).unwrap();
    let next_hop = TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = |remote: SocketAddr| {
        let text = format!("SEND tcp {remote} x");
        peer().send_to(text.as_bytes(), running.bound[0].address).unwrap();
    };
    ask(next_hop.local_addr().unwrap());
    let mut first = Peer::on(next_hop.accept().unwrap().0);
    assert!(first.message().starts_with("OPTIONS"));
    ask(next_hop.local_addr().unwrap());
    assert!(first.message().starts_with("OPTIONS"), "came on the same connection");
    // What comes back on it is read, and answered there.
    first.say(OPTIONS);
    assert!(first.message().starts_with("SIP/2.0 200"));
    // A peer that connected to us, from the very address the request is for, gets none on that connection.
    let local = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let from = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    from.set_reuse_address(true).unwrap();
    from.bind(&local.into()).unwrap();
    from.connect(&tcp(&running).into()).unwrap();
    let mut stranger = Peer::on(from.into());
    stranger.say(OPTIONS);
    assert!(stranger.message().starts_with("SIP/2.0 200"));
    ask(local);
    stranger.say("WHICH x SIP/2.0\r\nl: 0\r\n\r\n");
    assert_ne!(
        row(&stranger.message(), "Note"),
        "0",
        "the next thing on it is the answer"
    );
}

#[test]
fn what_cannot_be_delivered_is_reported() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to_nobody = [
        format!("SEND tcp {closed} x"),
        format!("SEND tls {closed} x"),
        // A connection that never was, and one of a worker that is not.
        format!("ON 77 {closed} x"),
        format!("ON {} {closed} x", u64::MAX),
    ];
    for (count, text) in (1..).zip(to_nobody) {
        peer().send_to(text.as_bytes(), running.bound[0].address).unwrap();
        assert_eq!(failure(&heard), count, "{text}");
    }
}

#[test]
fn a_message_leaves_by_its_connection_only_where_it_was_cleared_for() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let mut peer_on_stream = Peer::connect(tcp(&running));
    peer_on_stream.say("WHICH x SIP/2.0\r\nl: 0\r\n\r\n");
    let connection = row(&peer_on_stream.message(), "Note").to_owned();
    let (right, wrong) = (peer_on_stream.stream.get_ref().local_addr().unwrap(), "127.0.0.1:9");
    peer()
        .send_to(
            format!("ON {connection} {wrong} x").as_bytes(),
            running.bound[0].address,
        )
        .unwrap();
    assert_eq!(failure(&heard), 2);
    peer()
        .send_to(
            format!("ON {connection} {right} x").as_bytes(),
            running.bound[0].address,
        )
        .unwrap();
    assert!(peer_on_stream.message().starts_with("NOTIFY"));
}

#[test]
fn every_worker_reaches_every_connection() {
    let (running, _heard) = start(Arc::new(one(2))).unwrap();
    let mut answered = std::collections::BTreeSet::new();
    for connection in 0..8 {
        let mut peer = Peer::connect(tcp(&running));
        for call in 0..8 {
            peer.say(&format!(
                "OPTIONS x SIP/2.0\r\nCall-ID: {connection}-{call}\r\nl: 0\r\n\r\n"
            ));
            answered.insert(row(&peer.message(), "Worker").to_owned());
        }
    }
    assert_eq!(answered.len(), 2);
    assert_eq!(running.counters().sends_failed.value(), 0);
}

fn tcp(running: &Running) -> SocketAddr {
    let mut streams = running.bound.iter().filter(|bound| bound.transport == Transport::Tcp);
    streams.next().expect("a UDP bind brings TCP").address
}

fn failure(heard: &Receiver<Heard>) -> u64 {
    loop {
        if let Heard::Failed { id, .. } = heard.recv_timeout(PATIENCE).unwrap() {
            return id;
        }
    }
}
