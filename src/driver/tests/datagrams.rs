use std::{
    collections::BTreeSet,
    net::{TcpListener, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    policy::{limited, listening, one},
    toy::{Heard, PATIENCE, row, start},
};
use crate::{net::udp::BATCH, sip::Transport};

#[test]
fn a_call_lives_in_one_worker_whichever_socket_it_reaches() {
    let (running, _heard) = start(Arc::new(one(2))).unwrap();
    let address = running.bound[0].address;
    let mut workers = BTreeSet::new();
    for call in 0..64 {
        let of_call: BTreeSet<String> = (0..4)
            .map(|_| {
                let peer = peer();
                let text = format!("OPTIONS sip:x SIP/2.0\r\nCall-ID: call-{call}\r\n\r\n");
                peer.send_to(text.as_bytes(), address).unwrap();
                row(&answer(&peer), "Worker").to_owned()
            })
            .collect();
        assert_eq!(of_call.len(), 1, "call {call} reached {of_call:?}");
        workers.extend(of_call);
    }
    assert_eq!(workers.len(), 2, "both workers have calls");
    assert_eq!(running.counters().handover_dropped.value(), 0);
}

#[test]
fn a_worker_that_falls_behind_costs_its_own_calls_only() {
    let mut policy = one(2);
    policy.limits.handover_max = 2;
    let (running, _heard) = start(Arc::new(policy)).unwrap();
    let address = running.bound[0].address;
    let calls_of = |worker: &str| {
        let ask = |call: &u32| {
            let peer = peer();
            peer.send_to(format!("OPTIONS x\r\ni: {call}\r\n\r\n").as_bytes(), address)
                .unwrap();
            row(&answer(&peer), "Worker") == worker
        };
        (0..).find(ask).unwrap()
    };
    let (slow, other) = (calls_of("0"), calls_of("1"));
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let block = format!("BLOCK {} x\r\ni: {slow}\r\n\r\n", gate.local_addr().unwrap());
    peer().send_to(block.as_bytes(), address).unwrap();
    let blocked = gate.accept().unwrap();
    // The kernel gives some of these to the worker that is not blocked, which finds no room at the other.
    let start = Instant::now();
    while running.counters().handover_dropped.value() == 0 {
        assert!(start.elapsed() < PATIENCE, "nothing was dropped");
        peer()
            .send_to(format!("SILENCE x\r\ni: {slow}\r\n\r\n").as_bytes(), address)
            .unwrap();
    }
    // As a peer does, again and again: what finds no room is lost.
    let is_answered = |call: u32| {
        (0..100).any(|_| {
            let peer = peer();
            peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            peer.send_to(format!("OPTIONS x\r\ni: {call}\r\n\r\n").as_bytes(), address)
                .unwrap();
            peer.recv(&mut [0; 2000]).is_ok()
        })
    };
    assert!(is_answered(other), "calls of the other worker go on");
    drop(blocked);
    assert!(is_answered(slow), "the slow one catches up");
}

//= MSG-012 type=test
#[test]
fn the_largest_datagram_is_taken_whole() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    // 65,535 less the headers of IP and UDP.
    let largest = 65_507;
    let peer = peer();
    peer.send_to(&vec![b'M'; largest], running.bound[0].address).unwrap();
    assert_eq!(
        heard.recv_timeout(PATIENCE),
        Ok(Heard::Packet {
            worker: 0,
            length: largest
        })
    );
}

//= TPT-006 type=test
#[test]
fn keep_alives_and_stun_are_no_messages() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let peer = peer();
    for nothing in [&b""[..], b"\r\n", b"\r\n\r\n", b"\0\x01\0\0", b"\x01\x01"] {
        peer.send_to(nothing, running.bound[0].address).unwrap();
    }
    peer.send_to(b"\r\nMESSAGE", running.bound[0].address).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Packet { worker: 0, length: 9 }));
}

//= TPT-006 type=test
//= SEC-009 type=test
#[test]
fn a_binding_request_is_answered_as_often_as_allowed() {
    let (running, _heard) = start(limited(|limits| limits.options_per_second_max = 1)).unwrap();
    let peer = peer();
    let request = *b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction.";
    peer.send_to(&request, running.bound[0].address).unwrap();
    let mut answer = [0; 100];
    let length = peer.recv(&mut answer).unwrap();
    assert_eq!(
        (length, &answer[..2], &answer[8..20]),
        (32, &b"\x01\x01"[..], &request[8..])
    );
    let port = u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112;
    assert_eq!(port, peer.local_addr().unwrap().port());
    // A few seconds' allowance at most for a hundred of them, whatever the clock does meanwhile.
    for _ in 0..100 {
        peer.send_to(&request, running.bound[0].address).unwrap();
    }
    peer.send_to(b"OPTIONS x", running.bound[0].address).unwrap();
    let answers = std::iter::from_fn(|| peer.recv(&mut answer).ok().map(|_| answer[0]));
    let before = answers.take_while(|first| *first == 1).count();
    assert!(before < 50, "{before} answers");
}

#[test]
fn more_than_a_batch_goes_in_and_out() {
    let (running, _heard) = start(Arc::new(one(1))).unwrap();
    let peer = peer();
    let count = 3 * BATCH + 1;
    peer.send_to(format!("FLOOD {count} 100 x").as_bytes(), running.bound[0].address)
        .unwrap();
    let mut buffer = [0; 200];
    for _ in 0..count {
        assert_eq!(peer.recv(&mut buffer).unwrap(), 100);
    }
    for _ in 0..count {
        peer.send_to(b"OPTIONS x", running.bound[0].address).unwrap();
    }
    for _ in 0..count {
        assert!(answer(&peer).starts_with("SIP/2.0 200"));
    }
}

#[test]
fn one_bad_destination_fails_alone() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let peer = peer();
    // The kernel takes no datagram for port 0, and none of this size for anyone.
    peer.send_to(b"SEND udp 127.0.0.1:0 x", running.bound[0].address)
        .unwrap();
    peer.send_to(b"FLOOD 1 65508 x", running.bound[0].address).unwrap();
    peer.send_to(b"SEND udp [::1]:9 x", running.bound[0].address).unwrap();
    peer.send_to(b"OPTIONS x", running.bound[0].address).unwrap();
    assert!(answer(&peer).starts_with("SIP/2.0 200"));
    let mut failed: Vec<u64> = Vec::new();
    while failed.len() < 3 {
        if let Heard::Failed { id, .. } = heard.recv_timeout(PATIENCE).unwrap() {
            failed.push(id);
        }
    }
    failed.sort();
    assert_eq!(failed, [1, 2, 3]);
    assert_eq!(running.counters().sends_failed.value(), 3);
}

#[test]
fn each_listener_sends_by_its_own_socket() {
    let udp: &[(Transport, &str)] = &[(Transport::Udp, "127.0.0.1:0")];
    let (running, _heard) = start(Arc::new(listening(1, &[("a", udp), ("b", udp)]))).unwrap();
    for bound in running.bound.iter().filter(|bound| bound.transport == Transport::Udp) {
        let peer = peer();
        peer.send_to(b"OPTIONS x", bound.address).unwrap();
        let (_, from) = peer.recv_from(&mut [0; 2000]).unwrap();
        assert_eq!(from, bound.address);
    }
}

#[test]
fn a_deadline_wakes_the_engine() {
    let (running, _heard) = start(Arc::new(one(1))).unwrap();
    let peer = peer();
    for _ in 0..2 {
        peer.send_to(b"LATER x", running.bound[0].address).unwrap();
        assert!(answer(&peer).starts_with("SIP/2.0 200"));
    }
}

#[test]
fn a_name_is_looked_up_beside_the_loop() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    peer().send_to(b"LOCATE x", running.bound[0].address).unwrap();
    let located = std::iter::from_fn(|| heard.recv_timeout(PATIENCE).ok());
    let addresses = located.filter_map(|heard| match heard {
        Heard::Located { records } => Some(records),
        _ => None,
    });
    assert_ne!(addresses.take(1).sum::<usize>(), 0, "localhost has an address");
}

pub fn peer() -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer
}

pub fn answer(peer: &UdpSocket) -> String {
    let mut buffer = [0; 2000];
    let length = peer.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}
