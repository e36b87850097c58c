//! What ICMP says of datagrams that did not arrive.
//!
//! The kernel tells it on the error queue of the socket, which is read beside the loop by a descriptor of its own. Several
//! sockets may share an address, and the one that hears is not always the one that sent, so every worker is told.

use std::{
    io::{self, IoSliceMut},
    net::{self, SocketAddr},
    os::fd::AsRawFd,
    sync::Arc,
};

use nix::{
    libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc::Sender,
};

use super::{
    handover::{Event, Handover},
    udp::address,
};

/// Notices of one socket.
pub(crate) struct Notices {
    socket: AsyncFd<net::UdpSocket>,
}

impl Notices {
    /// Inside a tokio runtime only.
    //= LOC-004
    pub fn of(socket: &net::UdpSocket) -> io::Result<Self> {
        let socket = socket.try_clone()?;
        if socket.local_addr()?.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        // Errors are reported whatever is asked for; this asks for nothing else, so datagrams wake nobody here.
        #[allow(
            deprecated,
            reason = "the one in its place is unsafe; a UdpSocket keeps its descriptor until it is dropped"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::PRIORITY)?;
        Ok(Notices { socket })
    }

    /// Who cannot be reached, as far as the next notices say.
    pub async fn next(&self) -> io::Result<Vec<SocketAddr>> {
        loop {
            let mut ready = self.socket.ready(Interest::ERROR).await?;
            let mut unreachable = Vec::new();
            while let Some(notice) = read(self.socket.get_ref()) {
                unreachable.extend(notice.filter(|remote| !unreachable.contains(remote)));
            }
            ready.clear_ready();
            if !unreachable.is_empty() {
                return Ok(unreachable);
            }
        }
    }
}

/// Tells every worker, its own first, until there is nobody to tell.
pub(crate) async fn tell<M>(notices: Notices, socket: usize, own: Sender<Event<M>>, handover: Arc<Handover<M>>) {
    while let Ok(unreachable) = notices.next().await {
        for remote in unreachable {
            if own.send(Event::Unreachable { socket, remote }).await.is_err() {
                return;
            }
            // One that is too busy to hear it hears its timers.
            (0..handover.workers())
                .filter_map(|worker| handover.inbox(worker))
                .for_each(|inbox| drop(inbox.try_send(Event::Unreachable { socket, remote })));
        }
    }
}

/// One notice, with whom it is about when it is final. `None`: there is none.
fn read(socket: &net::UdpSocket) -> Option<Option<SocketAddr>> {
    let mut room = nix::cmsg_space!([u8; 128]);
    // What was sent is of no interest, only where to.
    let mut nothing = [IoSliceMut::new(&mut [])];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut nothing, Some(&mut room), flags).ok()?;
    let is_final = message.cmsgs().is_ok_and(|mut notes| notes.any(|note| is_final(&note)));
    Some(message.address.as_ref().and_then(address).filter(|_| is_final))
}

/// Destination unreachable, but for a datagram that is too large. Exceeded times and quenches say nothing of the peer.
//= LOC-004
fn is_final(note: &ControlMessageOwned) -> bool {
    const UNREACHABLE_V4: u8 = 3;
    const TOO_LARGE_V4: u8 = 4;
    const UNREACHABLE_V6: u8 = 1;
    match note {
        ControlMessageOwned::Ipv4RecvErr(error, _) => {
            error.ee_origin == libc::SO_EE_ORIGIN_ICMP
                && error.ee_type == UNREACHABLE_V4
                && error.ee_code != TOO_LARGE_V4
        }
        ControlMessageOwned::Ipv6RecvErr(error, _) => {
            error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 && error.ee_type == UNREACHABLE_V6
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= LOC-004 type=test
    #[tokio::test]
    async fn a_closed_port_is_told_of_and_only_that() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let (Ok(own), Ok(alive), Ok(dead)) = (
                net::UdpSocket::bind(any),
                net::UdpSocket::bind(any),
                net::UdpSocket::bind(any),
            ) else {
                continue;
            };
            own.set_nonblocking(true).unwrap();
            let notices = Notices::of(&own).unwrap();
            let (alive_at, dead_at) = (alive.local_addr().unwrap(), dead.local_addr().unwrap());
            drop(dead);
            own.send_to(b"m", alive_at).unwrap();
            own.send_to(b"m", dead_at).unwrap();
            assert_eq!(notices.next().await.unwrap(), [dead_at]);
        }
    }
}
