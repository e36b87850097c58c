//! Which worker gets a message, and how it gets there.
//!
//! The kernel spreads datagrams over the workers by address, but one call must live in one engine whichever socket its
//! messages reach. So a message goes to the worker that a keyed hash of its Call-ID names. The key is drawn at each start:
//! a stranger cannot aim its calls at one worker.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use crate::{
    engine::{SendId, ShownBy},
    pcscf::Learned,
    seal::Keys,
    sip::framing::FramingError,
    topology::call_id,
    trust::{ConnectionId, Destination, Flow},
};

/// What reaches a worker from other tasks: its own connections, and the other workers.
pub(crate) enum Event<M> {
    Packet {
        flow: Flow,
        bytes: Bytes,
    },
    Unframed {
        flow: Flow,
        bytes: Bytes,
        fault: FramingError,
    },
    /// ICMP came for the datagram socket of this index: this peer cannot be reached.
    Unreachable {
        socket: usize,
        remote: std::net::SocketAddr,
    },
    /// A new connection, on the bind of this index among the stream binds of the worker.
    Accepted {
        bind: usize,
        stream: tokio::net::TcpStream,
    },
    /// A connection ended; what was still queued on it did not go out.
    Closed {
        connection: ConnectionId,
        unsent: Vec<Sending>,
    },
    /// A connection of this worker may carry requests to this destination.
    Alias {
        connection: ConnectionId,
        of: Destination,
        by: ShownBy,
    },
    /// A connection of this worker is to end.
    Close(ConnectionId),
    /// Another worker's message for a connection of ours, or for where one of ours leads.
    Send {
        sending: Sending,
        message: M,
    },
    /// What another engine learned.
    Learned {
        flow: Flow,
        learned: Learned,
    },
    /// A sending of ours failed at another worker.
    Failed(SendId),
}

/// Whose sending it is: failures go back to the engine that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    pub worker: usize,
    pub id: SendId,
}

/// The ways to all workers.
pub(crate) struct Handover<M> {
    inboxes: Vec<Sender<Event<M>>>,
    key: RandomState,
    keys: Option<Arc<InForce>>,
}

/// The keys in force, for whoever reads Call-IDs before an engine does.
pub(crate) struct InForce(RwLock<Arc<Keys>>);

impl InForce {
    pub fn new(keys: Arc<Keys>) -> InForce {
        InForce(RwLock::new(keys))
    }

    pub fn set(&self, keys: Arc<Keys>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn open(&self, call_id: &[u8]) -> Option<Vec<u8>> {
        call_id::open(&self.0.read().unwrap_or_else(PoisonError::into_inner), call_id)
    }
}

impl<M> Handover<M> {
    /// One bounded inbox a worker, in their order; at least one. With `keys`, both forms of a Call-ID that a dialog has two
    /// of name one worker.
    pub fn new(inboxes: Vec<Sender<Event<M>>>, keys: Option<Arc<InForce>>) -> Self {
        assert!(!inboxes.is_empty(), "a proxy has at least one worker");
        Handover {
            inboxes,
            key: RandomState::new(),
            keys,
        }
    }

    /// The worker whose engine is to have this message. Without a Call-ID: the first.
    pub fn worker_of(&self, message: &[u8]) -> usize {
        let workers = self.inboxes.len();
        if workers == 1 {
            return 0;
        }
        match call_id_of(message) {
            Some(call_id) => {
                let keys = self.keys.as_ref();
                let hash = match keys.and_then(|keys| keys.open(call_id)) {
                    Some(opened) => self.key.hash_one(&opened[..]),
                    None => self.key.hash_one(call_id),
                };
                (hash % workers as u64) as usize
            }
            None => 0,
        }
    }

    pub fn workers(&self) -> usize {
        self.inboxes.len()
    }

    pub fn inbox(&self, worker: usize) -> Option<&Sender<Event<M>>> {
        self.inboxes.get(worker)
    }
}

/// The Call-ID by a scan of raw bytes: the first row of that name, long or compact, in any case, with blanks or a fold around
/// the colon. Need not be valid; need only be the same for every message of a call. Linear.
fn call_id_of(message: &[u8]) -> Option<&[u8]> {
    for end in memchr::memchr_iter(b'\n', message) {
        let line = &message[end + 1..];
        let name = match line.first()? {
            b'C' | b'c' if line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"call-id")) => 7,
            b'I' | b'i' => 1,
            b'\r' | b'\n' => return None,
            _ => continue,
        };
        let Some(value) = line[name..].trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let value = value.trim_ascii_start();
        let length = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        return Some(&value[..length]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_id_is_found_in_every_spelling() {
        for spelling in [
            "Call-ID: a@b\r\n",
            "i:a@b\r\n",
            "CALL-id\t :  a@b  \r\n",
            "I :\r\n a@b\r\n",
            "Call-ID: a@b",
        ] {
            let message = format!("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nIndex: 9\r\n{spelling}");
            assert_eq!(call_id_of(message.as_bytes()), Some(&b"a@b"[..]), "{spelling:?}");
        }
    }

    #[test]
    fn call_id_is_not_looked_for_in_the_body() {
        for message in [
            "MESSAGE sip:x SIP/2.0\r\nTo: y\r\n\r\nCall-ID: a\r\n",
            "MESSAGE sip:x SIP/2.0\nTo: y\n\ni: a\n",
            "i: start line\r\n",
            "",
            "\n",
            "\nCall-I",
        ] {
            assert_eq!(call_id_of(message.as_bytes()), None, "{message:?}");
        }
    }

    //= PRIV-142 type=test
    #[test]
    fn both_forms_of_a_call_id_name_one_worker() {
        let inboxes = (0..8).map(|_| tokio::sync::mpsc::channel::<Event<()>>(1).0).collect();
        let keys = Arc::new(Keys::new(&[(1, [1; 32])], "T", 0).unwrap());
        let handover = Handover::new(inboxes, Some(Arc::new(InForce::new(Arc::clone(&keys)))));
        let message = |call_id: &str| format!("BYE sip:x SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n");
        for call in 0..100 {
            let call = format!("{call}@host");
            let token = String::from_utf8(call_id::hide(&keys, 1, call.as_bytes()).unwrap()).unwrap();
            let one = handover.worker_of(message(&call).as_bytes());
            assert_eq!(one, handover.worker_of(message(&token).as_bytes()));
        }
    }

    #[test]
    fn calls_spread_over_the_workers_and_each_stays_with_one() {
        let inboxes = (0..4).map(|_| tokio::sync::mpsc::channel::<Event<()>>(1).0).collect();
        let handover = Handover::new(inboxes, None);
        let message = |call: u32| format!("BYE sip:x SIP/2.0\r\nCall-ID: {call}\r\n\r\n");
        let mut calls = [0; 4];
        for call in 0..400 {
            let worker = handover.worker_of(message(call).as_bytes());
            assert_eq!(
                worker,
                handover.worker_of(message(call).replace("Call-ID", "i").as_bytes())
            );
            calls[worker] += 1;
        }
        assert!(calls.iter().all(|calls| *calls > 40), "{calls:?}");
        assert_eq!(handover.worker_of(b"BYE sip:x SIP/2.0\r\n\r\n"), 0);
    }
}
