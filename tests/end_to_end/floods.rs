//! Datagrams faster than anybody can take them, from one stranger and from many: others are served meanwhile, and memory has
//! an end. `cargo test --test main floods:: -- --nocapture` prints the table of docs/reliability.md.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::attacks::Besieged;

/// Datagrams of one flood.
const FLOOD: u32 = 40_000;

/// Sent before it is looked whether others are served.
const WAVE: u32 = 5_000;

/// Strangers, each with an address of its own.
struct Crowd {
    sockets: Vec<UdpSocket>,
}

impl Crowd {
    fn of(size: u16) -> Crowd {
        let address = |number: u16| Ipv4Addr::new(127, 9, (number >> 8) as u8, number as u8 | 1);
        let bind = |number: u16| UdpSocket::bind((address(number * 2), 0)).unwrap();
        Crowd {
            sockets: (0..size).map(bind).collect(),
        }
    }

    /// One datagram; a full queue of the kernel is not ours to wait for.
    fn pour(&self, number: u32, to: SocketAddr, text: &[u8]) {
        let socket = &self.sockets[number as usize % self.sockets.len()];
        match socket.send_to(text, to) {
            Ok(_) => {}
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused),
                "{error}"
            ),
        }
    }
}

fn request(method: &str, number: u32) -> Vec<u8> {
    format!(
        "{method} sip:x{number}@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{method}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:flood@elsewhere.example>;tag={number}\r\nTo: <sip:x{number}@home1.example>\r\n\
         Call-ID: {method}{number}\r\nCSeq: 1 {method}\r\nContact: <sip:flood@127.0.0.1>\r\nExpires: 60\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn garbage(number: u32) -> Vec<u8> {
    let mut text = request("INVITE", number);
    match number % 4 {
        0 => text.truncate(number as usize % text.len()),
        1 => text
            .iter_mut()
            .step_by(7)
            .for_each(|byte| *byte = byte.wrapping_add(number as u8)),
        2 => text = vec![number as u8; 1 + number as usize % 1400],
        _ => text = [b"INVITE sip:x SIP/2.0\r\n", &b"X:y\r\n".repeat(12_000)[..]].concat(),
    }
    text
}

/// A stranger that is nobody's enemy gets an answer on the very port that is flooded, if it asks again as UDP must. Where many
/// flood, it may be that there is no room for strangers.
fn a_stranger_is_answered(besieged: &Besieged, answers: &[&str]) {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 3), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let to = besieged.node.address("outside", "udp");
    let text = String::from_utf8(request("OPTIONS", 0))
        .unwrap()
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    let mut buffer = [0; 2048];
    for _ in 0..100 {
        socket.send_to(text.as_bytes(), to).unwrap();
        let answer = socket.recv(&mut buffer).map(|length| &buffer[..length]);
        if answer.is_ok_and(|answer| answers.iter().any(|start| answer.starts_with(start.as_bytes()))) {
            return;
        }
    }
    panic!("no answer in twenty seconds");
}

fn flood(name: &str, crowd: u16, text: fn(u32) -> Vec<u8>) {
    // Takes what comes and never answers, so that everything that goes through is waited for.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let inside = format!("sip:{};transport=udp", silent.local_addr().unwrap());
    let mut besieged = Besieged::before("transactions_max = 10000", &inside);
    let to = besieged.node.address("outside", "udp");
    let crowd = Crowd::of(crowd);
    for wave in 0..FLOOD / WAVE {
        for number in wave * WAVE..(wave + 1) * WAVE {
            crowd.pour(number, to, &text(number));
        }
        besieged.others_are_served();
        let answers = ["SIP/2.0 483", "SIP/2.0 503"];
        let is_alone = crowd.sockets.len() == 1;
        a_stranger_is_answered(&besieged, if is_alone { &answers[..1] } else { &answers });
    }
    besieged.held(name);
}

//= SEC-009 type=test
#[test]
fn a_flood_of_options_holds_up_nobody() {
    flood("40,000 OPTIONS of one source", 1, |number| request("OPTIONS", number));
    flood("40,000 OPTIONS of 1,000 sources", 1000, |number| {
        request("OPTIONS", number)
    });
}

//= SEC-009 type=test
#[test]
fn a_flood_of_invites_holds_up_nobody() {
    flood("40,000 INVITE of one source", 1, |number| request("INVITE", number));
    flood("40,000 INVITE of 1,000 sources", 1000, |number| {
        request("INVITE", number)
    });
}

//= SEC-009 type=test
#[test]
fn a_flood_of_registrations_holds_up_nobody() {
    flood("40,000 REGISTER of one source", 1, |number| request("REGISTER", number));
    flood("40,000 REGISTER of 1,000 sources", 1000, |number| {
        request("REGISTER", number)
    });
}

//= SEC-009 type=test
//= SEC-001 type=test
#[test]
fn a_flood_of_garbage_holds_up_nobody() {
    flood("40,000 damaged datagrams of up to 60 kB, one source", 1, garbage);
    flood("the same of 1,000 sources", 1000, garbage);
}
