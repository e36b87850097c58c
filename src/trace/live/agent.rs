//! Messages that HEP3 agents tell of, over UDP.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use nix::sys::socket::{SockaddrStorage, setsockopt, sockopt};

use super::{Dropped, Ending, receive};
use crate::hep::{self, Packet};
use crate::sip::Transport;
use crate::trace::capture::Captured;

/// What waits in the kernel, if it grants that.
const ROOM_BYTES: usize = 8 << 20;

/// Where agents are listened to. Gives the messages in the order in which they come, with the time at which they do: clocks of agents
/// differ.
pub struct Agents {
    socket: UdpSocket,
    ending: Ending,
    /// What every agent has to show.
    password: Option<Vec<u8>>,
    buffer: Vec<u8>,
    began: Instant,
    dropped: Dropped,
    counts: AgentCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentCounts {
    /// Datagrams that came.
    pub packets: u64,
    /// Those that cannot be read.
    pub unreadable: u64,
    /// Those that did not show the password.
    pub not_let_in: u64,
    /// Those of something else than SIP over UDP or TCP.
    pub not_sip: u64,
    /// Those the kernel had no room for.
    pub dropped: u64,
}

impl Agents {
    pub fn open(at: SocketAddr, password: Option<Vec<u8>>, ending: Ending) -> io::Result<Agents> {
        let socket = UdpSocket::bind(at)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        // It may grant less; what then has no room is counted.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &ROOM_BYTES);
        Ok(Agents {
            socket,
            ending,
            password,
            buffer: vec![0; hep::PACKET_BYTES_MAX],
            began: Instant::now(),
            dropped: Dropped::default(),
            counts: AgentCounts::default(),
        })
    }

    /// Where they reach it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub fn counts(&self) -> AgentCounts {
        AgentCounts {
            dropped: self.dropped.sum,
            ..self.counts
        }
    }

    /// The message in a packet, if it is let in.
    fn read(&mut self, bytes: usize) -> Option<Captured> {
        self.counts.packets += 1;
        let Ok(packet) = Packet::decode(&self.buffer[..bytes]) else {
            self.counts.unreadable += 1;
            return None;
        };
        if self.password.as_deref().is_some_and(|password| !packet.shows(password)) {
            self.counts.not_let_in += 1;
            return None;
        }
        let transport = match packet.ip_protocol {
            hep::UDP => Transport::Udp,
            hep::TCP => Transport::Tcp,
            _ => {
                self.counts.not_sip += 1;
                return None;
            }
        };
        if packet.protocol != hep::SIP {
            self.counts.not_sip += 1;
            return None;
        }
        Some(Captured {
            number: self.counts.packets,
            at: self.began.elapsed(),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
            transport,
            src: packet.src,
            dst: packet.dst,
            bytes: Bytes::copy_from_slice(packet.payload),
            truncated: false,
        })
    }
}

impl Iterator for Agents {
    type Item = io::Result<Captured>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ending.wait(&self.socket) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let received = match receive::<SockaddrStorage>(&self.socket, &mut self.buffer) {
                Ok(Some(received)) => received,
                Ok(None) => continue,
                Err(error) => return Some(Err(error)),
            };
            if let Some(count) = received.dropped {
                self.dropped.told(count);
            }
            if let Some(captured) = self.read(received.bytes) {
                return Some(Ok(captured));
            }
        }
    }
}
