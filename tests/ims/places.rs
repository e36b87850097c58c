//! Where everybody is: on loopback addresses nobody else in this run has, or where a trace is recorded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::interop::edge::{own_ip, own_place};

/// Names the one row that is played to be recorded, at the addresses of `fixtures/traces/README.md`. They have to be there:
/// `fixtures/traces/record/record.sh` plays it in a network namespace.
const RECORDED: &str = "SIPVEIL_RECORDED_ROW";

/// The row that is recorded. `None`: all are played, and none is.
pub fn recorded_row() -> Option<String> {
    std::env::var(RECORDED).ok()
}

pub struct Places {
    /// Of the proxy, towards UEs and towards the CSCFs; port 0: any.
    pub access: SocketAddr,
    pub core: SocketAddr,
    pub icscf: SocketAddr,
    pub scscf: SocketAddr,
    pub hss: IpAddr,
}

impl Places {
    pub fn new() -> Places {
        match recorded_row() {
            None => Places {
                access: (Ipv4Addr::LOCALHOST, 0).into(),
                core: (Ipv4Addr::LOCALHOST, 0).into(),
                icscf: own_place(),
                scscf: own_place(),
                hss: own_place().ip(),
            },
            Some(_) => Places {
                access: inside(2),
                core: inside(1),
                icscf: inside(10),
                scscf: inside(11),
                hss: inside(12).ip(),
            },
        }
    }
}

/// For the next UE.
pub fn of_ue() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(10);
    match recorded_row() {
        None => (own_ip(), 0).into(),
        Some(_) => ([192, 0, 2, LAST.fetch_add(1, Ordering::Relaxed)], 5060).into(),
    }
}

fn inside(number: u8) -> SocketAddr {
    ([10, 20, 0, number], 5060).into()
}
