//! SIP as bytes: messages, their parts, their grammar. Knows nothing of trust, privacy or sockets.
//!
//! Two levels. The view ([`Message`], [`Draft`]) can show any bytes and keeps the ones nobody edits. The typed values
//! (`headers`, [`uri`]) can only hold sense; they are parsed when asked for, borrow from the bytes and print back what they read.

pub mod draft;
pub mod essentials;
pub mod framing;
pub mod headers;
pub mod message;
pub mod method;
pub mod name;
pub mod parse;
pub mod reason;
pub(crate) mod scan;
pub mod second_reader;
pub mod uri;

pub use draft::Draft;
pub use essentials::Essentials;
pub use message::Message;
pub use method::Method;
pub use name::Name;

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// As written in a Via: `UDP`.
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// As written in a `transport` URI parameter: `udp`.
    pub fn uri_name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// The transport of this name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Transport> {
        [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
        ]
        .into_iter()
        .find(|transport| name.eq_ignore_ascii_case(transport.uri_name().as_bytes()))
    }

    /// Whether the peer shows a certificate when we connect to it.
    pub fn is_tls(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// Whether the transport itself repeats what gets lost.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }
}

/// A header value, URI or line that does not follow its grammar. Holds no text of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is malformed at byte {offset}")]
pub struct Malformed {
    /// The header or part, e.g. `Via`.
    pub what: &'static str,
    /// Where in the value, counted from 0.
    pub offset: usize,
}
