//! Traffic as it happens: what comes by an interface, from a HEP3 agent or through a pipe, until somebody ends it.
//!
//! Only receives. No type here has a way to send, and the sockets are not shown. What the kernel had no room for is counted.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program: sockets and the clock are here"
)]

pub mod agent;
pub mod interface;

use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrLike, recvmsg};

/// Ends every waiting of its [`Ending`] when it is dropped.
#[derive(Debug)]
pub struct Ender(#[expect(dead_code, reason = "closed when dropped, and that is what the other end sees")] UnixStream);

/// What a source looks at while it waits.
#[derive(Debug, Clone)]
pub struct Ending(Arc<UnixStream>);

impl Ending {
    pub fn new() -> io::Result<(Ender, Ending)> {
        let (held, watched) = UnixStream::pair()?;
        Ok((Ender(held), Ending(Arc::new(watched))))
    }

    /// Waits until there is something to read. False: it is over.
    fn wait(&self, source: &impl AsFd) -> io::Result<bool> {
        let mut both = [self.0.as_fd(), source.as_fd()].map(|one| PollFd::new(one, PollFlags::POLLIN));
        loop {
            match poll(&mut both, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(both[0].revents().is_none_or(|events| events.is_empty())),
            }
        }
    }
}

/// A stream that ends when it is over.
pub struct Pipe<R> {
    pub stream: R,
    pub ending: Ending,
}

impl<R: Read + AsFd> Read for Pipe<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ending.wait(&self.stream)? {
            true => self.stream.read(buffer),
            false => Ok(0),
        }
    }
}

/// What was in one receiving.
struct Received<A> {
    bytes: usize,
    from: Option<A>,
    is_cut: bool,
    /// How many the kernel dropped on this socket, of which this is told from time to time.
    dropped: Option<u32>,
}

/// One datagram or packet. `None`: there is none yet after all.
fn receive<A: SockaddrLike>(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<Option<Received<A>>> {
    let mut room = cmsg_space!(u32);
    let mut parts = [IoSliceMut::new(buffer)];
    let socket = socket.as_fd().as_raw_fd();
    let received = match recvmsg::<A>(socket, &mut parts, Some(&mut room), MsgFlags::MSG_DONTWAIT) {
        Err(Errno::EINTR | Errno::EAGAIN) => return Ok(None),
        received => received?,
    };
    let mut dropped = None;
    for message in received.cmsgs()? {
        if let ControlMessageOwned::RxqOvfl(count) = message {
            dropped = Some(count);
        }
    }
    Ok(Some(Received {
        bytes: received.bytes,
        from: received.address,
        is_cut: received.flags.contains(MsgFlags::MSG_TRUNC),
        dropped,
    }))
}

/// What the kernel counts, which begins anew after its maximum.
#[derive(Debug, Default)]
struct Dropped {
    last: u32,
    sum: u64,
}

impl Dropped {
    fn told(&mut self, count: u32) {
        self.sum += u64::from(count.wrapping_sub(self.last));
        self.last = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_waiting_source_is_ended() {
        let (ender, ending) = Ending::new().unwrap();
        let (mut writer, stream) = UnixStream::pair().unwrap();
        let mut pipe = Pipe { stream, ending };
        writer.write_all(b"text").unwrap();
        let mut buffer = [0; 9];
        assert_eq!(pipe.read(&mut buffer).unwrap(), 4);
        let waits = std::thread::spawn(move || pipe.read(&mut [0; 9]).unwrap());
        drop(ender);
        assert_eq!(waits.join().unwrap(), 0);
        drop(writer);
    }

    #[test]
    fn a_counter_of_the_kernel_may_begin_anew() {
        let mut dropped = Dropped::default();
        for count in [0, 3, 3, u32::MAX, 4] {
            dropped.told(count);
        }
        assert_eq!(dropped.sum, u64::from(u32::MAX) + 5);
    }
}
