//! Content over SRTP: one socket a session, what is said and taken is decided elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::content::Incoming;
use super::download::{Download, Ended, Taken};
use super::frame::Frame;
use super::random;
use super::sdp::End;
use super::srtp::{MASTER_BYTES, Master, Opening, Sealing};
use super::upload::Upload;

/// Bytes of a packet at most.
const PACKET_MAX: usize = 1500;
/// What the system is asked to keep until it is read: some windows of a download.
const BUFFER_BYTES: usize = 4 << 20;
/// Who asks for nothing so long is gone.
const IDLE: Duration = Duration::from_secs(60);

/// Our end, before the other is known.
pub struct Half {
    socket: UdpSocket,
    master: Master,
    address: SocketAddr,
}

impl Half {
    pub async fn open(ip: IpAddr) -> std::io::Result<Half> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES)?;
        Ok(Half {
            address: socket.local_addr()?,
            socket,
            master: Master::new(random::bytes::<MASTER_BYTES>()),
        })
    }

    /// What is said of it in SDP.
    pub fn described(&self) -> String {
        let end = End {
            address: self.address,
            master: self.master.clone(),
        };
        end.write(u32::from_be_bytes(random::bytes()))
    }

    pub async fn joined(self, other: &End) -> std::io::Result<Media> {
        self.socket.connect(other.address).await?;
        Ok(Media {
            socket: self.socket,
            sealing: Sealing::new(
                &self.master,
                u32::from_be_bytes(random::bytes()),
                u16::from_be_bytes(random::bytes()),
            ),
            opening: Opening::new(&other.master),
            buffer: vec![0; PACKET_MAX],
        })
    }
}

/// Both ends of one stream each way.
pub struct Media {
    socket: UdpSocket,
    sealing: Sealing,
    opening: Opening,
    buffer: Vec<u8>,
}

impl Media {
    async fn send(&mut self, frame: &Frame) -> std::io::Result<()> {
        let packet = self
            .sealing
            .seal(&frame.write())
            .map_err(|_| std::io::Error::other("the key is used up"))?;
        match self.socket.send(&packet).await {
            // Nobody there yet, or not any more: what is missing is asked for again.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
            sent => sent.map(|_| ()),
        }
    }

    /// The next message. What is no packet of the other side is passed over.
    async fn receive(&mut self) -> std::io::Result<Frame> {
        loop {
            let length = match self.socket.recv(&mut self.buffer).await {
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
                length => length?,
            };
            let payload = self.opening.open(&self.buffer[..length]);
            if let Some(frame) = payload.ok().and_then(|payload| Frame::read(&payload)) {
                return Ok(frame);
            }
        }
    }

    /// Answers until nobody asks any more.
    pub async fn serve(mut self, upload: Upload) -> std::io::Result<()> {
        loop {
            let Ok(frame) = tokio::time::timeout(IDLE, self.receive()).await else {
                return Ok(());
            };
            for answer in upload.answers(&frame?) {
                self.send(&answer).await?;
            }
        }
    }

    /// Fetches until there is nothing more to be had here. Gives the ticket, where the other side has some.
    pub async fn fetch(mut self, download: &mut Download, into: &Incoming) -> std::io::Result<(Ended, Option<String>)> {
        let begin = Instant::now();
        let mut ticket = None;
        loop {
            while let Some(frame) = download.poll(begin.elapsed()) {
                self.send(&frame).await?;
            }
            if let Some(ended) = download.ended() {
                return Ok((ended, ticket));
            }
            let deadline = begin + download.next_deadline().unwrap_or(IDLE);
            let frame = tokio::select! {
                frame = self.receive() => frame?,
                () = sleep_until(deadline) => continue,
            };
            match download.take(begin.elapsed(), frame) {
                Taken::Nothing => {}
                Taken::Leaf { leaf, bytes } => into.put(leaf, &bytes)?,
                Taken::Ticket(text) => ticket = Some(text),
            }
        }
    }
}
