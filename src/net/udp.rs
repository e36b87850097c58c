//! Datagrams in and out, in batches.
//!
//! What a datagram costs here is the kernel's part of it, one copy into memory of its own size, and no more: no task, no
//! channel, no clock.

use std::{
    array,
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    net::{self, Ipv4Addr, SocketAddr},
    os::fd::AsRawFd,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::Cleared;
use crate::engine::{Bound, SendId};

/// Datagrams a system call.
pub(crate) const BATCH: usize = 64;

/// Datagrams a system call while there are fewer: each slot of a call costs, filled or not.
const SOME: usize = 16;
const FEW: usize = 4;

/// Datagrams waiting for room in one socket; beyond: the oldest is dropped.
pub(crate) const QUEUE_MAX: usize = 4096;

/// Datagrams remembered after they left, in case ICMP comes back; beyond: the oldest is forgotten.
const GONE_MAX: usize = 1024;

/// Times in a row that the kernel may refuse a datagram for the sake of another.
const REFUSALS_MAX: u32 = 2;

/// Room for any datagram. Not a power of two, so that the first lines of all buffers do not fall into the same cache sets.
//= MSG-012
const BUFFER_BYTES: usize = 65_535 + 1_089;

type Headers = MultiHeaders<SockaddrStorage>;

/// Where datagrams land before they are copied out: one for all sockets of a worker.
pub(crate) struct Landing {
    buffers: Vec<u8>,
}

impl Landing {
    pub fn new() -> Self {
        Landing {
            buffers: vec![0; BATCH * BUFFER_BYTES],
        }
    }
}

/// One datagram, and the socket of the worker it came by.
pub(crate) struct Datagram {
    pub socket: usize,
    pub remote: SocketAddr,
    pub bytes: Bytes,
}

/// What a send needs besides the socket: one for all sockets of a worker.
pub(crate) struct Sender {
    headers: Headers,
    addresses: Vec<Option<SockaddrStorage>>,
}

impl Sender {
    /// `nix` counts what was sent by walking address slots that only a receive ever fills, so they are filled once, here, with
    /// datagrams to ourselves: nothing is read later that was never written.
    pub fn new() -> io::Result<Self> {
        let own = net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        own.connect(own.local_addr()?)?;
        let mut headers = Headers::preallocate(BATCH, None);
        for _ in 0..BATCH {
            own.send(&[])?;
        }
        let mut slots: [_; BATCH] = array::from_fn(|_| [IoSliceMut::new(&mut [])]);
        let filled = recvmmsg(
            own.as_raw_fd(),
            &mut headers,
            slots.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?
        .count();
        if filled != BATCH {
            return Err(io::Error::other("the loopback interface loses datagrams"));
        }
        Ok(Sender {
            headers,
            addresses: Vec::with_capacity(BATCH),
        })
    }
}

/// One bound socket and what waits to leave by it.
pub(crate) struct Socket<M> {
    pub bound: Bound,
    /// Asked only what can be read: each datagram that left would wake the worker once more to say that there is room.
    udp: AsyncFd<net::UdpSocket>,
    /// The same socket, asked for room, while it is full.
    room: Option<AsyncFd<net::UdpSocket>>,
    headers: Headers,
    queue: VecDeque<(SendId, M)>,
    /// How many datagrams the next call asks for: [`FEW`], [`SOME`] or a [`BATCH`].
    asks_for: usize,
    /// Where the last datagrams went that somebody may hear a failure of, newest last.
    gone: VecDeque<(SendId, SocketAddr)>,
    /// The kernel said it has no room; it will tell when it has.
    full: bool,
}

impl<M: Cleared> Socket<M> {
    /// Inside a tokio runtime only.
    pub fn new(bound: Bound, socket: net::UdpSocket) -> io::Result<Self> {
        Ok(Socket {
            bound,
            udp: watch(socket, Interest::READABLE)?,
            room: None,
            headers: Headers::preallocate(BATCH, None),
            queue: VecDeque::with_capacity(BATCH),
            asks_for: FEW,
            gone: VecDeque::new(),
            full: false,
        })
    }

    /// Ready when at least one datagram was appended; at most [`BATCH`].
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        index: usize,
        landing: &mut Landing,
        datagrams: &mut Vec<Datagram>,
        errors: &mut u64,
    ) -> Poll<()> {
        let before = datagrams.len();
        loop {
            // An error here says that the runtime is shutting down.
            let Ok(mut ready) = ready!(self.udp.poll_read_ready(cx)) else {
                return Poll::Pending;
            };
            let headers = &mut self.headers;
            let asked = self.asks_for;
            let result = ready.try_io(|udp| {
                let received = match asked {
                    FEW => receive::<FEW>(udp, headers, index, landing, datagrams),
                    SOME => receive::<SOME>(udp, headers, index, landing, datagrams),
                    _ => receive::<BATCH>(udp, headers, index, landing, datagrams),
                };
                self.asks_for = match received {
                    Ok(received) if received >= SOME => BATCH,
                    Ok(received) if received >= FEW => SOME,
                    _ => FEW,
                };
                match received {
                    Ok(received) if received == asked => Ok(()),
                    Err(Errno::EINTR) => Ok(()),
                    // Fewer than asked for: the socket is empty, and the next arrival is reported anew.
                    Ok(_) | Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
                    Err(error) => Err(error.into()),
                }
            });
            // What an ICMP message left behind says nothing of the datagrams still to be read.
            if let Ok(Err(_)) = result {
                *errors += 1;
            }
            if datagrams.len() > before {
                return Poll::Ready(());
            }
        }
    }

    /// Queues a message; it leaves with the next [`Socket::flush`]. Gives back the one that had to go for it, if any.
    pub fn push(&mut self, id: SendId, message: M) -> Option<SendId> {
        self.queue.push_back((id, message));
        if self.queue.len() > QUEUE_MAX {
            return self.queue.pop_front().map(|(id, _)| id);
        }
        None
    }

    /// Sends what is no message of ours but the answer to a keep-alive; when the kernel has no room, it is lost.
    pub fn answer(&self, remote: SocketAddr, bytes: &[u8]) {
        let _ = self.udp.get_ref().send_to(bytes, remote);
    }

    /// Whether a whole batch waits and the kernel may have room for it.
    pub fn has_batch(&self) -> bool {
        self.queue.len() >= BATCH && !self.full
    }

    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Ready when a full socket has room again.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.full {
            return Poll::Pending;
        }
        if self.room.is_none() {
            let again = self.udp.get_ref().try_clone();
            self.room = again.and_then(|socket| watch(socket, Interest::WRITABLE)).ok();
        }
        // Without a second way to ask (no file descriptor is left), the next flush finds out.
        if let Some(room) = &self.room {
            let _ = ready!(room.poll_write_ready(cx));
        }
        (self.room, self.full) = (None, false);
        Poll::Ready(())
    }

    /// Sends what is queued, until all is gone or the kernel has no room. Appends the ids of what cannot be sent.
    pub fn flush(&mut self, sender: &mut Sender, failed: &mut Vec<SendId>) {
        let mut refusals = 0;
        while !self.full && !self.queue.is_empty() {
            let udp = self.udp.get_ref();
            let sent = match self.queue.len() {
                few if few <= FEW => send::<M, FEW>(udp, sender, &self.queue),
                some if some <= SOME => send::<M, SOME>(udp, sender, &self.queue),
                _ => send::<M, BATCH>(udp, sender, &self.queue),
            };
            match sent {
                Ok(sent) => {
                    refusals = 0;
                    self.note_gone(sent);
                }
                Err(Errno::EAGAIN) => self.full = true,
                Err(Errno::EINTR) => {}
                // It may speak of a datagram sent earlier, once (see `unreachable`).
                Err(_) if refusals < REFUSALS_MAX => refusals += 1,
                // The kernel stops at the first datagram it will not take: that one failed, the rest is tried again.
                Err(_) => {
                    refusals = 0;
                    failed.extend(self.queue.pop_front().map(|(id, _)| id));
                }
            }
        }
    }
}

impl<M: Cleared> Socket<M> {
    /// So many left from the front of the queue.
    fn note_gone(&mut self, sent: usize) {
        for (id, message) in self.queue.drain(..sent).filter(|(id, _)| *id != SendId(0)) {
            if self.gone.len() == GONE_MAX {
                self.gone.pop_front();
            }
            self.gone.push_back((id, message.destination().remote));
        }
    }

    /// ICMP says that somebody cannot be reached: what was sent there last has failed.
    //= LOC-004
    pub fn unreachable(&mut self, remote: SocketAddr, failed: &mut Vec<SendId>) {
        let lost = self.gone.iter().filter(|(_, to)| *to == remote).map(|(id, _)| *id);
        failed.extend(lost);
        self.gone.retain(|(_, to)| *to != remote);
    }
}

fn watch(socket: net::UdpSocket, interest: Interest) -> io::Result<AsyncFd<net::UdpSocket>> {
    #[allow(
        deprecated,
        reason = "the one in its place is unsafe; a UdpSocket keeps its descriptor until it is dropped"
    )]
    AsyncFd::with_interest(socket, interest)
}

/// One `recvmmsg` of at most `N` datagrams.
fn receive<const N: usize>(
    socket: &impl AsRawFd,
    headers: &mut Headers,
    index: usize,
    landing: &mut Landing,
    datagrams: &mut Vec<Datagram>,
) -> nix::Result<usize> {
    let mut buffers = landing.buffers.chunks_exact_mut(BUFFER_BYTES);
    let mut slots: [_; N] = array::from_fn(|_| [IoSliceMut::new(buffers.next().unwrap_or_default())]);
    let messages = recvmmsg(
        socket.as_raw_fd(),
        headers,
        slots.iter_mut(),
        MsgFlags::MSG_DONTWAIT,
        None,
    )?;
    let mut received = 0;
    for message in messages {
        received += 1;
        let Some(remote) = message.address.as_ref().and_then(address) else {
            continue;
        };
        // One slot a message, so one slice; none for an empty datagram, which is no message (TPT-006).
        if let Some(bytes) = message.iovs().next() {
            datagrams.push(Datagram {
                socket: index,
                remote,
                bytes: Bytes::copy_from_slice(bytes),
            });
        }
    }
    Ok(received)
}

/// One `sendmmsg` of at most `N` from the front of the queue; how many went out.
fn send<M: Cleared, const N: usize>(
    socket: &impl AsRawFd,
    sender: &mut Sender,
    queue: &VecDeque<(SendId, M)>,
) -> nix::Result<usize> {
    let batch = || queue.iter().take(N).map(|(_, message)| message);
    let address = |message: &M| Some(SockaddrStorage::from(message.destination().remote));
    sender.addresses.clear();
    sender.addresses.extend(batch().map(address));
    // There are as many messages as addresses: of the slices the first that many are sent.
    let mut messages = batch();
    let slices: [_; N] = array::from_fn(|_| [IoSlice::new(messages.next().map_or(&[][..], |message| message.bytes()))]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    Ok(sendmmsg(
        socket.as_raw_fd(),
        &mut sender.headers,
        &slices,
        &sender.addresses,
        [],
        flags,
    )?
    .count())
}

pub(super) fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match storage.as_sockaddr_in() {
        Some(address) => Some(SocketAddr::from(*address)),
        None => storage.as_sockaddr_in6().map(|address| SocketAddr::from(*address)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::{policy::ListenerId, sip::Transport, trust::evidence::Destination};

    struct Message(Bytes, Destination);

    impl Cleared for Message {
        fn bytes(&self) -> &Bytes {
            &self.0
        }

        fn destination(&self) -> &Destination {
            &self.1
        }
    }

    #[tokio::test]
    async fn past_the_maximum_the_oldest_goes() {
        let mut socket = socket();
        for id in 1..=QUEUE_MAX as u64 {
            assert_eq!(socket.push(SendId(id), message(9)), None);
        }
        assert_eq!(socket.push(SendId(0), message(9)), Some(SendId(1)));
        assert_eq!(socket.push(SendId(0), message(9)), Some(SendId(2)));
        assert_eq!(socket.queue.len(), QUEUE_MAX);
    }

    #[tokio::test]
    async fn the_bad_ones_of_a_batch_fail_and_the_rest_leaves() {
        let mut socket = socket();
        let receiver = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = receiver.local_addr().unwrap().port();
        for id in 1..=2 * BATCH as u64 {
            let port = if id % 3 == 0 { 0 } else { port };
            socket.push(SendId(id), message(port));
        }
        let (mut sender, mut failed) = (Sender::new().unwrap(), Vec::new());
        while !socket.is_idle() {
            poll_fn(|cx| match socket.full {
                true => socket.poll_room(cx),
                false => Poll::Ready(()),
            })
            .await;
            socket.flush(&mut sender, &mut failed);
        }
        let bad: Vec<SendId> = (1..=2 * BATCH as u64).filter(|id| id % 3 == 0).map(SendId).collect();
        assert_eq!(failed, bad);
        for _ in 0..2 * BATCH - bad.len() {
            assert_eq!(receiver.recv(&mut [0; 9]).unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn both_families_are_told_apart() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let peer = net::UdpSocket::bind(address).unwrap();
            let own = net::UdpSocket::bind(address).unwrap();
            own.set_nonblocking(true).unwrap();
            for _ in 0..2 * BATCH {
                peer.send_to(b"m", own.local_addr().unwrap()).unwrap();
            }
            let mut headers = Headers::preallocate(BATCH, None);
            let (mut landing, mut datagrams) = (Landing::new(), Vec::new());
            for _ in 0..2 {
                assert_eq!(
                    receive::<BATCH>(&own, &mut headers, 7, &mut landing, &mut datagrams),
                    Ok(BATCH)
                );
            }
            assert_eq!(datagrams.len(), 2 * BATCH);
            assert!(
                datagrams
                    .iter()
                    .all(|datagram| datagram.remote == peer.local_addr().unwrap())
            );
            assert!(
                datagrams
                    .iter()
                    .all(|datagram| datagram.socket == 7 && datagram.bytes == b"m"[..])
            );
        }
    }

    fn socket() -> Socket<Message> {
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let (listener, transport) = (ListenerId(0), Transport::Udp);
        let address = socket.local_addr().unwrap();
        Socket::new(
            Bound {
                listener,
                transport,
                address,
            },
            socket,
        )
        .unwrap()
    }

    fn message(port: u16) -> Message {
        let destination = Destination {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            connection: None,
            certified: None,
        };
        Message(Bytes::from_static(b"m"), destination)
    }
}
