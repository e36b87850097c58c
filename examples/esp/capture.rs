//! Everything that passes between the UE and the proxy, as it is on the wire.

use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, socket};

use crate::ue::CLEAR;

const ESP: u8 = 50;
const TCP: u8 = 6;
const UDP: u8 = 17;

pub struct Capture(Arc<Mutex<Vec<Vec<u8>>>>);

/// What a part of it holds.
#[derive(Default, Clone, Copy)]
pub struct Found {
    pub esp: usize,
    /// A REGISTER in clear, and the challenge to it.
    pub in_clear: usize,
}

impl Capture {
    /// Of this interface, from now on.
    pub fn of(interface: &str) -> Capture {
        let index = if_nametoindex(interface).unwrap() as usize;
        let flags = SockFlag::empty();
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap();
        let frames = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&frames);
        std::thread::spawn(move || {
            let mut buffer = [0; 65_535];
            while let Ok((length, from)) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
                if from.is_some_and(|from| from.ifindex() == index) {
                    kept.lock().unwrap().push(buffer[..length].to_vec());
                }
            }
        });
        Capture(frames)
    }

    /// How much there is by now.
    pub fn length(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Holds a part of it against what may be there: ESP, and REGISTERs in clear with their challenges. `secret`: what must not be
    /// readable in ESP either.
    pub fn judge(&self, from: usize, secret: &[&str]) -> Found {
        let mut found = Found::default();
        for frame in &self.0.lock().unwrap()[from..] {
            // ARP, and what IPv6 says of itself.
            if frame[12..14] != [0x08, 0] {
                continue;
            }
            let packet = &frame[14..];
            let payload = &packet[usize::from(packet[0] & 15) * 4..];
            match packet[9] {
                ESP => {
                    found.esp += 1;
                    for secret in secret {
                        assert!(!holds(payload, secret), "{secret} can be read in ESP");
                    }
                }
                UDP | TCP => {
                    let port = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
                    assert!(
                        port(0) == CLEAR || port(2) == CLEAR,
                        "{} to {} without ESP",
                        port(0),
                        port(2)
                    );
                    let said = match packet[9] {
                        UDP => &payload[8..],
                        _ => &payload[usize::from(payload[12] >> 4) * 4..],
                    };
                    let may_be = |start: &str| said.starts_with(start.as_bytes());
                    assert!(
                        said.is_empty() || may_be("REGISTER ") || may_be("SIP/2.0 401 "),
                        "in clear: {}",
                        said.escape_ascii()
                    );
                    found.in_clear += usize::from(!said.is_empty());
                }
                // What the network itself says.
                other => assert_eq!(other, 1, "neither ESP nor ICMP"),
            }
        }
        found
    }

    /// Whether the proxy said anything to this port of the UE, ESP aside.
    pub fn is_answered(&self, from: usize, port: u16) -> bool {
        self.0.lock().unwrap()[from..].iter().any(|frame| {
            let packet = &frame[14..];
            frame[12..14] == [0x08, 0]
                && packet[9] != ESP
                && packet[12..16] == crate::ue::PROXY
                && (packet[9] == 1 || packet[22..24] == port.to_be_bytes())
        })
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
