//! The home network: it knows the keys of the cards, and takes and makes calls.

use std::net::{SocketAddr, UdpSocket};

use data_encoding::{BASE64, HEXLOWER};

use crate::digest::{Challenge, param};
use crate::milenage::{Block, part, xor};
use crate::subscriber::{HOME, milenage};
use crate::unique;
use crate::wire::{Ears, Heard};
use crate::world::{Sent, respond};

pub const ADDRESS: &str = "10.20.0.9:5060";
const PROXY: &str = "10.20.0.1:5060";
const REGISTRAR: &str = "sip:home1.example";
const AMF: [u8; 2] = [0x80, 0];

pub struct Home {
    pub ears: Ears,
    socket: UdpSocket,
    /// Of the last challenge: every one is newer than the one before.
    sequence: u64,
}

/// What the last challenge must be answered by.
pub struct Expected {
    challenge: String,
    res: [u8; 8],
}

impl Home {
    pub fn opens() -> Home {
        let ears = Ears::new();
        let socket = ears.datagrams(ADDRESS.parse().unwrap());
        Home {
            ears,
            socket,
            sequence: 0,
        }
    }

    pub fn says(&self, text: &str) {
        self.socket
            .send_to(text.as_bytes(), PROXY.parse::<SocketAddr>().unwrap())
            .unwrap();
    }

    /// Challenges a REGISTER; the keys of the associations go along, to the proxy and no further.
    pub fn challenges(&mut self, register: &Sent) -> Expected {
        self.sequence += 1;
        let milenage = milenage();
        let mut rand: Block = [0; 16];
        getrandom::fill(&mut rand).unwrap();
        let derived = milenage.derive(&rand);
        let sequence = part(&self.sequence.to_be_bytes(), 2);
        let autn = [
            &xor(sequence, derived.ak)[..],
            &AMF,
            &milenage.mac(&rand, sequence, AMF),
        ]
        .concat();
        let challenge = format!(
            "Digest realm=\"{HOME}\", nonce=\"{}\", algorithm=AKAv1-MD5, qop=\"auth\"",
            BASE64.encode(&[&rand[..], &autn].concat())
        );
        let [ck, ik] = [derived.ck, derived.ik].map(|key| HEXLOWER.encode(&key));
        let rows = format!("WWW-Authenticate: {challenge}, ck=\"{ck}\", ik=\"{ik}\"\r\n");
        self.says(&respond(register, "401 Unauthorized", &unique("home"), &rows));
        let res = derived.res;
        Expected { challenge, res }
    }

    /// Accepts the answer to a challenge, if it is right.
    pub fn accepts(&mut self, register: &Sent, expected: &Expected) {
        let credentials = register.row("Authorization").unwrap();
        assert_eq!(param(credentials, "integrity-protected").as_deref(), Some("yes"));
        let user = param(credentials, "username").unwrap();
        let right = Challenge::of(&expected.challenge).answered(&user, REGISTRAR, &expected.res);
        assert_eq!(param(credentials, "response"), param(&right, "response"));
        let (contact, identity) = (register.row("Contact").unwrap(), register.row("To").unwrap());
        let rows =
            format!("Contact: {contact}\r\nP-Associated-URI: {identity}\r\nService-Route: <sip:orig@{ADDRESS};lr>\r\n");
        self.says(&respond(register, "200 OK", &unique("home"), &rows));
    }

    /// Answers, and gives the tag it did it with.
    pub fn answers(&self, request: &Heard, status: &str, rows: &str) -> String {
        let tag = unique("called");
        self.answers_as(&tag, request, status, rows);
        tag
    }

    pub fn answers_as(&self, tag: &str, request: &Heard, status: &str, rows: &str) {
        let rows = format!("Contact: <sip:bob@{ADDRESS}>\r\n{rows}");
        self.says(&respond(&request.message, status, tag, &rows));
    }
}
