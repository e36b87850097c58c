//! Sockets of which each is listened to by a thread, and one place where everything that comes is heard.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sipveil::engine::SendId;
use sipveil::sip::Transport;
use sipveil::sip::framing::{Frame, Framer, FramingLimits};
use socket2::{Domain, Socket, Type};

use crate::world::Sent;

/// For each message; an emulated machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One message, and the way it came.
pub struct Heard {
    pub message: Sent,
    pub from: SocketAddr,
    /// Our end.
    pub at: SocketAddr,
    /// The connection, which is also the way back.
    pub stream: Option<TcpStream>,
}

/// What comes to one party.
pub struct Ears {
    heard: Receiver<Heard>,
    teller: Sender<Heard>,
    /// What came before it was waited for.
    waiting: Vec<Heard>,
    /// Every datagram so far: one that is repeated counts once.
    known: HashSet<Bytes>,
}

impl Ears {
    pub fn new() -> Ears {
        let (teller, heard) = channel();
        Ears {
            heard,
            teller,
            waiting: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// A datagram socket at this address.
    pub fn datagrams(&self, at: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind(at).unwrap();
        let (listening, teller) = (socket.try_clone().unwrap(), self.teller.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 65_535];
            while let Ok((length, from)) = listening.recv_from(&mut buffer) {
                let message = sent(Bytes::copy_from_slice(&buffer[..length]), Transport::Udp, at);
                let stream = None;
                let heard = Heard {
                    message,
                    from,
                    at,
                    stream,
                };
                if teller.send(heard).is_err() {
                    break;
                }
            }
        });
        socket
    }

    /// Connections to this address.
    pub fn streams(&self, at: SocketAddr) {
        let listener = TcpListener::bind(at).unwrap();
        let teller = self.teller.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                read(stream, teller.clone());
            }
        });
    }

    /// A connection from here to there.
    pub fn connects(&self, at: SocketAddr, to: SocketAddr) -> TcpStream {
        let stream = connect(at, to).unwrap();
        read(stream.try_clone().unwrap(), self.teller.clone());
        stream
    }

    /// The next message that is wanted; the others wait.
    pub fn takes(&mut self, wanted: &str, is_it: impl Fn(&Sent) -> bool) -> Heard {
        if let Some(at) = self.waiting.iter().position(|heard| is_it(&heard.message)) {
            return self.waiting.remove(at);
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let Ok(heard) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                let waiting: Vec<&str> = self.waiting.iter().map(|heard| heard.message.start()).collect();
                panic!("no {wanted}; what came instead: {waiting:?}");
            };
            if heard.stream.is_none() && !self.known.insert(heard.message.bytes.clone()) {
                continue;
            }
            if is_it(&heard.message) {
                return heard;
            }
            self.waiting.push(heard);
        }
    }

    /// The next request of this method.
    pub fn takes_request(&mut self, method: &str) -> Heard {
        let start = format!("{method} ");
        self.takes(method, |message| message.start().starts_with(&start))
    }

    /// Whether a message that fits has come and nobody has waited for it.
    pub fn has_heard(&mut self, is_it: impl Fn(&Sent) -> bool) -> bool {
        self.waiting.extend(self.heard.try_iter());
        self.waiting.iter().any(|heard| is_it(&heard.message))
    }
}

pub fn connect(at: SocketAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(5))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Tells of everything that comes on a connection, until it ends.
fn read(mut stream: TcpStream, teller: Sender<Heard>) {
    std::thread::spawn(move || {
        let (Ok(from), Ok(at)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        let mut framer = Framer::new(FramingLimits {
            start_line_bytes_max: 10_000,
            header_block_bytes_max: 100_000,
            body_bytes_max: 100_000,
        });
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            framer.push(&buffer[..length]);
            for frame in framer.by_ref() {
                let Ok(Frame::Message(bytes)) = frame else { continue };
                let heard = Heard {
                    message: sent(bytes, Transport::Tcp, at),
                    from,
                    at,
                    stream: stream.try_clone().ok(),
                };
                if teller.send(heard).is_err() {
                    return;
                }
            }
        }
    });
}

/// The whole of a message on a connection.
pub fn write(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}

fn sent(bytes: Bytes, transport: Transport, to: SocketAddr) -> Sent {
    Sent {
        id: SendId(0),
        to,
        from_listener: String::new(),
        transport,
        connection: None,
        bytes,
    }
}
