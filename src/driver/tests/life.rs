use std::{net::UdpSocket, sync::Arc, time::Duration};

use super::{
    datagrams::{answer, peer},
    policy::{listening, one, tls},
    toy::{Heard, PATIENCE, Peer, start},
};
use crate::{
    driver::{ListenersChanged, NotReloaded, StartError},
    sip::Transport,
};

//= ROLE-003 type=test
#[test]
fn all_sockets_or_none() {
    // An address no other test uses: a port that is free here stays free.
    let taken = UdpSocket::bind("127.0.0.77:0").unwrap();
    let free = UdpSocket::bind("127.0.0.77:0").unwrap();
    let (taken_at, free_at) = (taken.local_addr().unwrap(), free.local_addr().unwrap());
    drop(free);
    for workers in [1, 2] {
        let policy = listening(
            workers,
            &[
                ("access", &[(Transport::Udp, &free_at.to_string())]),
                ("core", &[(Transport::Udp, &taken_at.to_string())]),
            ],
        );
        let Err(StartError::Bind(error)) = start(Arc::new(policy)) else {
            panic!("started at an address in use");
        };
        let text = error.to_string();
        assert!(
            text.contains("`core`") && text.contains(&format!("udp://{taken_at}")),
            "{text}"
        );
        assert!(text.contains("ss -lntup"), "{text}");
        drop(UdpSocket::bind(free_at).expect("what was opened is closed again"));
    }
}

#[test]
fn two_proxies_do_not_share_a_port() {
    let (first, _heard) = start(Arc::new(one(2))).unwrap();
    let address = first.bound[0].address.to_string();
    let second = listening(2, &[("access", &[(Transport::Udp, &address)])]);
    assert!(matches!(start(Arc::new(second)), Err(StartError::Bind(_))));
}

//= SEC-002 type=test
#[test]
fn without_its_certificate_nothing_opens() {
    let mut policy = listening(1, &[("access", &[(Transport::Tls, "127.0.0.1:0")])]);
    policy.listeners[0].tls = Some(tls("/nowhere/edge.pem"));
    let Err(StartError::Tls(error)) = start(Arc::new(policy)) else {
        panic!("started");
    };
    assert!(
        error.to_string().starts_with("/nowhere/edge.pem: cannot be read"),
        "{error}"
    );
}

#[test]
fn without_transactions_a_stop_is_at_once() {
    for workers in [1, 2] {
        let (running, _heard) = start(Arc::new(one(workers))).unwrap();
        running.stop();
        // The toy says 1 for each worker.
        let decided = running.join().map(|counts| counts.totals.requests);
        assert_eq!(decided, Ok(u64::from(workers)));
    }
}

//= ROLE-003 type=test
#[test]
fn a_drain_waits_for_the_transactions_of_all_workers() {
    let (running, heard) = start(Arc::new(one(2))).unwrap();
    let address = running.bound[0].address;
    let peer = peer();
    for call in 0..8 {
        peer.send_to(format!("HOLD x\r\nCall-ID: {call}\r\n\r\n").as_bytes(), address)
            .unwrap();
        answer(&peer);
    }
    running.stop();
    for call in 0..8 {
        peer.send_to(format!("RELEASE x\r\nCall-ID: {call}\r\n\r\n").as_bytes(), address)
            .unwrap();
        assert!(answer(&peer).starts_with("SIP/2.0 200"), "still served while draining");
    }
    assert_eq!(running.join().map(drop), Ok(()));
    assert_eq!(heard.iter().count(), 16);
}

#[test]
fn a_drain_is_bounded_and_can_be_cut_short() {
    for drain in [Duration::from_millis(60), Duration::from_secs(3600)] {
        let mut policy = one(1);
        policy.proxy.drain.value = drain;
        let (running, _heard) = start(Arc::new(policy)).unwrap();
        let peer = peer();
        peer.send_to(b"HOLD x", running.bound[0].address).unwrap();
        answer(&peer);
        running.stop();
        if drain > PATIENCE {
            running.stop_now();
        }
        assert_eq!(running.join().map(drop), Ok(()));
    }
}

#[test]
fn last_words_leave_before_the_end() {
    let (running, heard) = start(Arc::new(one(1))).unwrap();
    let mut peer = Peer::connect(running.bound[1].address);
    peer.say("FLOOD 100 10000 x SIP/2.0\r\nl: 0\r\n\r\n");
    heard.recv_timeout(PATIENCE).unwrap();
    running.stop();
    assert_eq!(peer.bytes(1_000_000).len(), 1_000_000);
    assert!(peer.is_closed());
    assert_eq!(running.join().map(drop), Ok(()));
}

#[test]
fn a_reload_reaches_every_engine() {
    let (running, heard) = start(Arc::new(one(2))).unwrap();
    running.reload(Arc::new(one(2)), None).unwrap();
    for _ in 0..2 {
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Policy));
    }
}

#[test]
fn a_reload_that_moves_listeners_changes_nothing() {
    let udp: &[(Transport, &str)] = &[(Transport::Udp, "127.0.0.1:0")];
    let (running, heard) = start(Arc::new(listening(1, &[("a", udp), ("b", udp)]))).unwrap();
    for changed in [
        listening(1, &[("b", udp), ("a", udp)]),
        listening(1, &[("a", udp)]),
        listening(1, &[("a", udp), ("b", &[(Transport::Udp, "127.0.0.2:0")])]),
    ] {
        let refused = running.reload(Arc::new(changed), None);
        assert!(matches!(refused, Err(NotReloaded::Listeners(ListenersChanged))));
    }
    running.stop();
    assert_eq!(running.join().map(drop), Ok(()));
    assert_eq!(heard.iter().count(), 0);
}

#[test]
fn the_end_of_every_worker_is_told() {
    let (mut running, _heard) = start(Arc::new(one(2))).unwrap();
    running.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ended: Vec<Option<()>> = (0..3).map(|_| runtime.block_on(running.worker_ended())).collect();
    assert_eq!(ended, [Some(()), Some(()), None]);
}

#[test]
fn dropping_it_ends_it() {
    let (running, heard) = start(Arc::new(one(2))).unwrap();
    drop(running);
    assert!(heard.recv_timeout(PATIENCE).is_err());
    // The engines are gone, not merely silent.
    assert_eq!(heard.recv(), Err(std::sync::mpsc::RecvError));
}
