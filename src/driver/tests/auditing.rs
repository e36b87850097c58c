use std::{
    io,
    net::UdpSocket,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use super::{
    policy::one,
    toy::{Heard, PATIENCE, start_auditing},
};
use crate::{
    audit::{Append, Sink},
    engine::{self, record::Record},
};

/// Writes when told to, as told.
struct Told {
    to_write: Receiver<io::Result<()>>,
    writes: SyncSender<()>,
}

impl Append for Told {
    fn append(&mut self, _records: &[Box<Record>]) -> io::Result<()> {
        let _ = self.writes.send(());
        self.to_write.recv().unwrap_or(Ok(()))
    }
}

//= LI-006 type=test
#[test]
fn what_needs_a_record_does_not_leave_without_it() {
    let (tell, to_write) = sync_channel(0);
    let (writes, written) = sync_channel(16);
    let sink = Sink::start(4, Told { to_write, writes }).unwrap();
    let (running, heard) = start_auditing(Arc::new(one(1)), Some(sink)).unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let says = |text: &str| {
        peer.send_to(format!("{text} x\r\n\r\n").as_bytes(), running.bound[0].address)
            .unwrap()
    };
    let is_answered = || peer.recv(&mut [0; 2000]).unwrap();
    let hears = || heard.recv_timeout(PATIENCE).unwrap();

    says("RECORD required");
    is_answered();
    assert!(matches!(hears(), Heard::Packet { .. }));
    written.recv().unwrap();
    tell.send(Err(io::Error::other("no space left"))).unwrap();
    written.recv().unwrap();

    says("RECORD required");
    assert!(matches!(hears(), Heard::Audit(engine::Sink::Refuses)));
    assert!(matches!(hears(), Heard::Packet { .. }));
    assert!(matches!(hears(), Heard::Unrecorded(2)));
    assert_eq!(running.counters().audit_refused.value(), 1);

    says("RECORD wanted");
    is_answered();
    assert!(matches!(hears(), Heard::Packet { .. }));
    assert_eq!(running.counters().audit_refused.value(), 2);
    assert_eq!(running.counters().sends_failed.value(), 0, "no peer is blamed");
    drop(tell);
}
