//! The kinds of message in which a carrier might be forgotten.

use crate::world::Sent;

/// One kind: a request outside or within a dialog, or a class of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Request {
        method: &'static str,
        within: bool,
    },
    /// By the first digit of its status.
    Response {
        to_invite: bool,
        class: u16,
    },
    /// What the proxy makes itself of the INVITE.
    Cancel,
    FailureAck,
}

pub const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "UPDATE",
    "PRACK",
    "INFO",
    "MESSAGE",
    "REFER",
    "NOTIFY",
    "OPTIONS",
    "SUBSCRIBE",
    "PUBLISH",
    "NOVEL",
    "REGISTER",
];

impl Kind {
    pub const CANCEL: Kind = Kind::Cancel;
    pub const FAILURE_ACK: Kind = Kind::FailureAck;

    pub fn request(method: &'static str, within: bool) -> Kind {
        Kind::Request { method, within }
    }

    pub fn response(method: &str, status: u16) -> Kind {
        Kind::Response {
            to_invite: method == "INVITE",
            class: status / 100,
        }
    }

    /// The kind of a message that left.
    pub fn of_sent(sent: &Sent) -> Kind {
        let method = sent
            .row("CSeq")
            .and_then(|cseq| cseq.split(' ').nth(1))
            .unwrap_or_default();
        if let Some(status) = sent.start().strip_prefix("SIP/2.0 ") {
            return Kind::response(method, status[..3].parse().unwrap_or_default());
        }
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("NOVEL");
        // The ACK of a failure is made of the INVITE, so it has no more than its rows.
        let is_bare = sent.row("X-Plain").is_none();
        match method {
            "CANCEL" => Kind::Cancel,
            "ACK" if is_bare => Kind::FailureAck,
            _ => Kind::request(method, sent.row("To").is_some_and(|to| to.contains(";tag="))),
        }
    }
}
