//! Packets of a network interface, as a capture.
//!
//! A packet socket that only receives. The interface stays as it is: it is not made promiscuous, and nothing is sent.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, bind, setsockopt, socket, sockopt};

use super::{Dropped, Ending, Received, receive};

/// The largest packet that is read whole.
const PACKET_BYTES_MAX: usize = 256 * 1024;
/// What waits in the kernel, if it grants that.
const ROOM_BYTES: usize = 8 << 20;

/// Linux cooked, version 2: the same for interfaces of every kind.
const LINK_TYPE: u32 = 276;
const COOKED_BYTES: usize = 20;
const RECORD_BYTES: usize = 16;

/// Of `<linux/if_packet.h>`: what this machine sent itself.
const PACKET_OUTGOING: u8 = 4;
/// Of `<linux/if_arp.h>`.
const LOOPBACK: u16 = 772;

/// Why an interface cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub enum NotHeard {
    #[error("there is no interface {name}; this machine has {there}")]
    Unknown { name: String, there: String },
    #[error(
        "listening to an interface needs CAP_NET_RAW: run as root, or pipe `tcpdump -i {name} -U -w -` into `sipveil audit -`"
    )]
    NotAllowed { name: String },
    #[error("the interface cannot be listened to: {0}")]
    Socket(#[from] io::Error),
}

/// An interface that is listened to; read, it is a pcap file without an end.
pub struct Interface {
    socket: OwnedFd,
    name: String,
    index: usize,
    /// Everything is there twice.
    is_loopback: bool,
    ending: Ending,
    buffer: Vec<u8>,
    /// What is to be given next, from `given` on.
    record: Vec<u8>,
    given: usize,
    dropped: Dropped,
    counts: Arc<InterfaceCounts>,
}

/// Read while the interface is.
#[derive(Debug, Default)]
pub struct InterfaceCounts {
    /// Packets the kernel had no room for.
    pub dropped: AtomicU64,
    /// How often the interface was down.
    pub interrupted: AtomicU64,
}

impl Interface {
    pub fn open(name: &str, ending: Ending) -> Result<Interface, NotHeard> {
        let address = address(name)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = match socket(AddressFamily::Packet, SockType::Datagram, flags, SockProtocol::EthAll) {
            Err(Errno::EPERM | Errno::EACCES) => return Err(NotHeard::NotAllowed { name: name.to_owned() }),
            socket => socket.map_err(io::Error::from)?,
        };
        setsockopt(&socket, sockopt::RxqOvfl, &1).map_err(io::Error::from)?;
        // It may grant less; what then has no room is counted.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &ROOM_BYTES);
        bind(socket.as_raw_fd(), &address).map_err(io::Error::from)?;
        Ok(Interface {
            socket,
            name: name.to_owned(),
            index: address.ifindex(),
            is_loopback: address.hatype() == LOOPBACK,
            ending,
            buffer: vec![0; PACKET_BYTES_MAX],
            record: file_header(),
            given: 0,
            dropped: Dropped::default(),
            counts: Arc::default(),
        })
    }

    pub fn counts(&self) -> Arc<InterfaceCounts> {
        Arc::clone(&self.counts)
    }

    /// Waits for the next packet. False: it is over.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            if !self.ending.wait(&self.socket)? {
                return Ok(false);
            }
            let received = match receive::<LinkAddr>(&self.socket, &mut self.buffer) {
                Ok(None) => continue,
                Ok(Some(received)) => received,
                Err(error) if error.raw_os_error() == Some(Errno::ENETDOWN as i32) => {
                    self.interrupted()?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(count) = received.dropped {
                self.dropped.told(count);
                self.counts.dropped.store(self.dropped.sum, Ordering::Relaxed);
            }
            // Before the socket was bound it heard every interface.
            let Some(from) = received.from.filter(|from| from.ifindex() == self.index) else {
                continue;
            };
            if self.is_loopback && from.pkttype() == PACKET_OUTGOING {
                continue;
            }
            self.note(&received, u16::from_be(from.protocol()));
            return Ok(true);
        }
    }

    /// It may come back; another one of its name is another one.
    fn interrupted(&self) -> io::Result<()> {
        self.counts.interrupted.fetch_add(1, Ordering::Relaxed);
        match if_nametoindex(self.name.as_str()) {
            Ok(index) if index as usize == self.index => Ok(()),
            _ => Err(io::Error::other("the interface is gone")),
        }
    }

    fn note(&mut self, received: &Received<LinkAddr>, ether_type: u16) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let length = (COOKED_BYTES + received.bytes) as u32;
        self.given = 0;
        self.record.clear();
        for word in [
            at.as_secs() as u32,
            at.subsec_nanos(),
            length,
            length + u32::from(received.is_cut),
        ] {
            self.record.extend_from_slice(&word.to_le_bytes());
        }
        self.record.extend_from_slice(&ether_type.to_be_bytes());
        self.record.resize(RECORD_BYTES + COOKED_BYTES, 0);
        self.record.extend_from_slice(&self.buffer[..received.bytes]);
    }
}

impl Read for Interface {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.record.len() && !self.next()? {
            return Ok(0);
        }
        let bytes = (&self.record[self.given..]).read(out)?;
        self.given += bytes;
        Ok(bytes)
    }
}

/// pcap with nanoseconds, in this order of octets.
fn file_header() -> Vec<u8> {
    let mut header = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
    header.extend_from_slice(&[2, 0, 4, 0]);
    for word in [0, 0, PACKET_BYTES_MAX as u32, LINK_TYPE] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header
}

fn address(name: &str) -> Result<LinkAddr, NotHeard> {
    let mut there = Vec::new();
    for one in getifaddrs().map_err(io::Error::from)? {
        let Some(address) = one.address.as_ref().and_then(|address| address.as_link_addr()) else {
            continue;
        };
        if one.interface_name == name {
            return Ok(*address);
        }
        there.push(one.interface_name);
    }
    Err(NotHeard::Unknown {
        name: name.to_owned(),
        there: there.join(", "),
    })
}
