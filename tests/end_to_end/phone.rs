//! A telephone small enough to read: one line, UDP or TCP, and no opinion of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use bytes::Bytes;
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use sipveil::engine::SendId;
use sipveil::sip::Transport;

use super::node::PATIENCE;
use crate::world::Sent;

/// One end of a call.
pub struct Phone {
    /// Where it is called.
    pub address: SocketAddr,
    line: Line,
}

enum Line {
    Datagrams {
        socket: UdpSocket,
        proxy: Option<SocketAddr>,
    },
    Listening(TcpListener),
    Connected {
        stream: TcpStream,
        read: Vec<u8>,
    },
    Secured {
        stream: Secured,
        read: Vec<u8>,
    },
}

/// TLS, whichever end of it.
enum Secured {
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Secured::Client(stream) => stream.read(buffer),
            Secured::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Secured::Client(stream) => stream.write(bytes),
            Secured::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Secured::Client(stream) => stream.flush(),
            Secured::Server(stream) => stream.flush(),
        }
    }
}

impl Phone {
    pub fn on_udp() -> Phone {
        Phone::on_udp_at("127.0.0.1:0".parse().unwrap())
    }

    pub fn on_udp_at(address: SocketAddr) -> Phone {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Phone {
            address: socket.local_addr().unwrap(),
            line: Line::Datagrams { socket, proxy: None },
        }
    }

    /// Waits to be called over TCP.
    pub fn on_tcp() -> Phone {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Phone {
            address: listener.local_addr().unwrap(),
            line: Line::Listening(listener),
        }
    }

    /// Calls over TCP.
    pub fn connected_to(proxy: SocketAddr) -> Phone {
        Phone::on(TcpStream::connect_timeout(&proxy, PATIENCE).unwrap())
    }

    /// On a connection that stands.
    pub fn on(stream: TcpStream) -> Phone {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Phone {
            address: stream.local_addr().unwrap(),
            line: Line::Connected {
                stream,
                read: Vec::new(),
            },
        }
    }

    /// On a connection whose handshake is over.
    pub fn secured((connection, stream): (ClientConnection, TcpStream)) -> Phone {
        let address = stream.local_addr().unwrap();
        let stream = Secured::Client(Box::new(StreamOwned::new(connection, stream)));
        Phone {
            address,
            line: Line::Secured {
                stream,
                read: Vec::new(),
            },
        }
    }

    /// Takes one connection and carries out the handshake as its server.
    pub fn accepts(listener: &TcpListener, config: Arc<ServerConfig>) -> std::io::Result<Phone> {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = ServerConnection::new(config).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        let stream = Secured::Server(Box::new(StreamOwned::new(connection, stream)));
        Ok(Phone {
            address: listener.local_addr()?,
            line: Line::Secured {
                stream,
                read: Vec::new(),
            },
        })
    }

    /// Whether the other side ends the connection before it says anything.
    pub fn is_closed(&mut self) -> bool {
        match &mut self.line {
            Line::Connected { stream, .. } => !matches!(stream.read(&mut [0]), Ok(1)),
            Line::Secured { stream, .. } => !matches!(stream.read(&mut [0]), Ok(1)),
            Line::Datagrams { .. } | Line::Listening(_) => panic!("there is no connection"),
        }
    }

    /// What the proxy showed.
    pub fn server_certificate(&self) -> Option<Vec<u8>> {
        match &self.line {
            Line::Secured {
                stream: Secured::Client(stream),
                ..
            } => Some(stream.conn.peer_certificates()?.first()?.to_vec()),
            _ => None,
        }
    }

    /// Datagrams go here from now on.
    pub fn calls(mut self, to: SocketAddr) -> Phone {
        if let Line::Datagrams { proxy, .. } = &mut self.line {
            *proxy = Some(to);
        }
        self
    }

    pub fn via_transport(&self) -> &'static str {
        match self.line {
            Line::Datagrams { .. } => "UDP",
            Line::Secured { .. } => "TLS",
            _ => "TCP",
        }
    }

    pub fn send(&mut self, text: &str) {
        match &mut self.line {
            Line::Datagrams { socket, proxy } => {
                let sent = socket.send_to(text.as_bytes(), proxy.expect("a phone that knows its proxy"));
                assert_eq!(sent.unwrap(), text.len());
            }
            Line::Listening(_) => panic!("nobody is connected"),
            Line::Connected { stream, .. } => stream.write_all(text.as_bytes()).unwrap(),
            Line::Secured { stream, .. } => stream.write_all(text.as_bytes()).unwrap(),
        }
    }

    /// The next message that is no 100.
    pub fn receive(&mut self) -> Sent {
        loop {
            let message = self.receive_any();
            if !message.start().starts_with("SIP/2.0 100") {
                return message;
            }
        }
    }

    /// The next message whose start line begins like this; others, which must be repetitions, are passed over.
    pub fn receive_only(&mut self, start: &str) -> Sent {
        loop {
            let message = self.receive();
            if message.start().starts_with(start) {
                return message;
            }
        }
    }

    fn receive_any(&mut self) -> Sent {
        if let Line::Listening(listener) = &self.line {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            self.line = Line::Connected {
                stream,
                read: Vec::new(),
            };
        }
        let (bytes, transport) = match &mut self.line {
            Line::Datagrams { socket, proxy } => {
                let mut buffer = [0; 65_535];
                let (length, from) = again(|| socket.recv_from(&mut buffer)).expect("a message in time");
                proxy.get_or_insert(from);
                (buffer[..length].to_vec(), Transport::Udp)
            }
            Line::Connected { stream, read } => (framed(stream, read), Transport::Tcp),
            Line::Secured { stream, read } => (framed(stream, read), Transport::Tls),
            Line::Listening(_) => unreachable!("connected above"),
        };
        Sent {
            id: SendId(0),
            to: self.address,
            from_listener: String::new(),
            transport,
            connection: None,
            bytes: Bytes::from(bytes),
        }
    }
}

/// One message off a stream; what follows it stays in `read`.
fn framed(stream: &mut impl Read, read: &mut Vec<u8>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8(read[..head].to_vec()).unwrap();
            let length = text
                .split("\r\n")
                .find_map(|row| row.strip_prefix("Content-Length:"))
                .map_or(0, |length| length.trim().parse::<usize>().unwrap());
            if read.len() >= head + 4 + length {
                let rest = read.split_off(head + 4 + length);
                return std::mem::replace(read, rest);
            }
        }
        let length = again(|| stream.read(&mut buffer)).expect("a message in time");
        assert_ne!(length, 0, "the connection was closed");
        read.extend_from_slice(&buffer[..length]);
    }
}

/// A signal of another test in this process ends a read that has a timeout; it is begun again.
fn again<T>(mut read: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
