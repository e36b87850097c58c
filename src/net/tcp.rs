//! One stream connection: a task that reads, frames and writes until either side ends it.

use std::{
    collections::VecDeque,
    future::{pending, poll_fn},
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::ready,
    time::Duration,
};

use smallvec::SmallVec;
use tokio::{
    io::{self as streams, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Cleared,
    flows::{Backlog, Ends, Queued, Way},
    handover::{Event, Handover, Sending},
    handshake::{Established, Handshake},
    ws,
};
use crate::{
    policy::Limits,
    sip::framing::{Frame, Framer, FramingFault, FramingLimits},
    trust::Flow,
};

/// A connection on which nothing came for so long is closed.
//= TPT-005
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(600);

/// From the first byte of a message to its last, and for the last words after a fault.
//= TPT-005
pub(crate) const MESSAGE_TIME_MAX: Duration = Duration::from_secs(32);

/// Until a connection of ours stands, and again until it is secured.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(4);

/// Bytes a read; messages a write.
const READ_BYTES: usize = 8 * 1024;
const WRITE_BATCH: usize = 32;

/// Until a connection of a peer is secured.
//= SEC-009
const ACCEPT_TIME_MAX: Duration = Duration::from_secs(10);

/// Where the stream comes from.
pub(crate) enum Origin {
    Accepted(TcpStream),
    /// To be connected, from this address; port 0: the system chooses one.
    Ours(SocketAddr),
}

/// Where a connection's task reports to.
pub(crate) struct Report<M> {
    /// The worker it belongs to.
    pub worker: usize,
    pub tasks: mpsc::Sender<Event<M>>,
    pub handover: Arc<Handover<M>>,
}

/// Runs until the connection ends; the last report is [`Event::Closed`] with what did not go out.
pub(crate) async fn run<M: Cleared>(
    mut ends: Ends<M>,
    origin: Origin,
    handshake: Handshake,
    limits: Limits,
    report: Report<M>,
) {
    let mut batch = VecDeque::new();
    if let Some((stream, local)) = establish(&mut ends, origin, handshake, &limits).await {
        let reader = Reader {
            flow: flow(&ends, local),
            own: ends.own.clone(),
            backlog: ends.backlog.clone(),
            report: &report,
        };
        match stream {
            Established::Plain(mut stream) => serve(stream.split(), reader, &mut ends, &mut batch, &limits).await,
            Established::Tls(stream) => {
                serve(streams::split(stream), reader, &mut ends, &mut batch, &limits).await;
            }
            Established::Ws(socket) => ws::serve(*socket, reader, &mut ends, &mut batch).await,
            Established::Wss(socket) => ws::serve(*socket, reader, &mut ends, &mut batch).await,
        }
    }
    let unsent = unsent(&mut ends.queue, batch);
    let connection = ends.id;
    let _ = report.tasks.send(Event::Closed { connection, unsent }).await;
}

/// A stream that can be read from and written to, its other end known as well as it will ever be.
async fn establish<M>(
    ends: &mut Ends<M>,
    origin: Origin,
    handshake: Handshake,
    limits: &Limits,
) -> Option<(Established, SocketAddr)> {
    let (origin, time_max) = match origin {
        Origin::Accepted(stream) => (Ok(stream), ACCEPT_TIME_MAX),
        Origin::Ours(from) => (connect(from, ends.way.remote).await, CONNECT_TIME_MAX),
    };
    let stream = origin.ok()?;
    let local = stream.local_addr().ok()?;
    // Messages are whole when written: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let mut kill = pin!(killed(&mut ends.kill));
    let established = tokio::select! {
        biased;
        () = &mut kill => None,
        established = timeout(time_max, handshake.carry_out(stream, limits)) => established.ok(),
    };
    let (established, proved) = established?.ok()?;
    if let Some(name) = proved {
        let _ = ends.proved.set(name);
    }
    Some((established, local))
}

/// What exceeds the limits of a message is answered and the connection stays; what exceeds these ends it.
fn framing(limits: &Limits) -> FramingLimits {
    let beyond = |limit: u32| limit as usize * 2;
    FramingLimits {
        start_line_bytes_max: beyond(limits.start_line_bytes_max),
        header_block_bytes_max: beyond(limits.header_block_bytes_max),
        body_bytes_max: beyond(limits.body_bytes_max),
    }
}

async fn connect(from: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if from.port() != 0 {
        // Connections to several peers begin there, and the one before to this peer may be in TIME_WAIT.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(from)?;
    timeout(CONNECT_TIME_MAX, socket.connect(remote)).await?
}

async fn serve<M: Cleared, R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    (read, write): (R, W),
    reader: Reader<'_, M>,
    ends: &mut Ends<M>,
    batch: &mut VecDeque<Queued<M>>,
    limits: &Limits,
) {
    let framer = Framer::new(framing(limits));
    let mut kill = pin!(killed(&mut ends.kill));
    let mut reads = pin!(reader.run(read, framer));
    let mut writes = pin!(write_queue(write, &mut ends.queue, batch, &ends.backlog));
    tokio::select! {
        // First of all: nothing is written to a peer given up.
        biased;
        () = &mut kill => {}
        () = &mut writes => {}
        ended = &mut reads => {
            if let ReadEnd::Fault = ended {
                // The worker closes the queue once the engine has had its last word.
                tokio::select! {
                    biased;
                    () = &mut kill => {}
                    _ = timeout(MESSAGE_TIME_MAX, &mut writes) => {}
                }
            }
        }
    }
}

/// As everything that comes in on this connection came in.
//= TRUST-014
fn flow<M>(ends: &Ends<M>, local: SocketAddr) -> Flow {
    let Way {
        listener,
        transport,
        remote,
        certified,
    } = ends.way;
    Flow {
        listener,
        transport,
        local,
        remote,
        connection: Some(ends.id),
        certified: ends.proved.get().copied().or(certified),
    }
}

pub(super) async fn killed(kill: &mut tokio::sync::oneshot::Receiver<()>) {
    if kill.await.is_err() {
        pending().await
    }
}

/// Everything queued that the kernel did not take whole.
fn unsent<M>(queue: &mut mpsc::UnboundedReceiver<Queued<M>>, batch: VecDeque<Queued<M>>) -> Vec<Sending> {
    queue.close();
    let rest = std::iter::from_fn(|| queue.try_recv().ok());
    let messages = batch.into_iter().chain(rest);
    messages
        .filter_map(|queued| match queued {
            Queued::Message(sending, _) => Some(sending),
            Queued::Pong => None,
        })
        .collect()
}

enum ReadEnd {
    /// The peer ended it, was silent too long, or floods us.
    Closed,
    Fault,
}

/// Where what is read goes to.
pub(super) struct Reader<'a, M> {
    flow: Flow,
    own: mpsc::WeakUnboundedSender<Queued<M>>,
    backlog: Backlog,
    report: &'a Report<M>,
}

impl<M: Cleared> Reader<'_, M> {
    async fn run(self, mut read: impl AsyncRead + Unpin, mut framer: Framer) -> ReadEnd {
        let mut idle_at = Instant::now() + IDLE_MAX;
        let mut message_at = None;
        // Armed for the earliest of the two; one that fires early is armed again.
        let mut alarm = pin!(sleep_until(idle_at));
        loop {
            tokio::select! {
                length = read_some(&mut read, &mut framer) => {
                    if !length.is_ok_and(|length| length > 0) {
                        return ReadEnd::Closed;
                    }
                }
                () = &mut alarm => {
                    let due = message_at.map_or(idle_at, |at: Instant| at.min(idle_at));
                    if Instant::now() >= due {
                        return ReadEnd::Closed;
                    }
                    alarm.as_mut().reset(due);
                    continue;
                }
            }
            let mut message_ended = false;
            for frame in framer.by_ref() {
                message_ended = true;
                match frame {
                    Ok(Frame::Message(bytes)) => self.hand_on(bytes).await,
                    Ok(Frame::KeepAlive) => {
                        if !self.answer_keep_alive() {
                            return ReadEnd::Closed;
                        }
                    }
                    Err(FramingFault { error, head }) => {
                        let (flow, bytes) = (self.flow, head);
                        let unframed = Event::Unframed {
                            flow,
                            bytes,
                            fault: error,
                        };
                        let _ = self.report.tasks.send(unframed).await;
                        return ReadEnd::Fault;
                    }
                }
            }
            let now = Instant::now();
            idle_at = now + IDLE_MAX;
            message_at = match message_at {
                _ if !framer.is_mid_message() => None,
                Some(at) if !message_ended => Some(at),
                _ => Some(now + MESSAGE_TIME_MAX),
            };
            if let Some(at) = message_at.filter(|at| *at < alarm.deadline()) {
                alarm.as_mut().reset(at);
            }
        }
    }

    /// To the worker of its call. Waits while that worker is busy: the peer feels it as a closed window.
    pub(super) async fn hand_on(&self, bytes: bytes::Bytes) {
        let worker = self.report.handover.worker_of(&bytes);
        let packet = Event::Packet { flow: self.flow, bytes };
        let inbox = match self.report.handover.inbox(worker) {
            Some(inbox) if worker != self.report.worker => inbox,
            _ => &self.report.tasks,
        };
        let _ = inbox.send(packet).await;
    }

    //= TPT-006
    pub(super) fn answer_keep_alive(&self) -> bool {
        // No queue: the connection is about to end, nobody needs to be kept alive.
        let Some(queue) = self.own.upgrade() else {
            return true;
        };
        let pong = Queued::<M>::Pong;
        self.backlog.enter(pong.bytes().len()) && queue.send(pong).is_ok()
    }
}

/// What is there, into the framer; how much it was. The room for it is on the stack, so an idle connection holds none.
async fn read_some(read: &mut (impl AsyncRead + Unpin), framer: &mut Framer) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut chunk = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *read).poll_read(cx, &mut chunk))?;
        framer.push(chunk.filled());
        Ok(chunk.filled().len()).into()
    })
    .await
}

/// Writes what is queued, in order. Ends when the queue has ended and all is written, or when the stream breaks.
async fn write_queue<M: Cleared>(
    mut write: impl AsyncWrite + Unpin,
    queue: &mut mpsc::UnboundedReceiver<Queued<M>>,
    batch: &mut VecDeque<Queued<M>>,
    backlog: &Backlog,
) {
    // Of the first in the batch.
    let mut written = 0;
    loop {
        if batch.is_empty() {
            match queue.recv().await {
                Some(queued) => batch.push_back(queued),
                None => {
                    let _ = write.shutdown().await;
                    return;
                }
            }
        }
        while batch.len() < WRITE_BATCH
            && let Ok(queued) = queue.try_recv()
        {
            batch.push_back(queued);
        }
        let taken = {
            let mut slices: SmallVec<[IoSlice; WRITE_BATCH]> =
                batch.iter().map(|queued| IoSlice::new(queued.bytes())).collect();
            slices[0].advance(written);
            write.write_vectored(&slices).await
        };
        match taken {
            Ok(0) | Err(_) => return,
            Ok(taken) => written += taken,
        }
        // Taken by TLS is not yet taken by the kernel.
        if write.flush().await.is_err() {
            return;
        }
        while let Some(length) = batch.front().map(|queued| queued.bytes().len())
            && written >= length
        {
            written -= length;
            backlog.leave(length);
            batch.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use rustls::{ServerConfig, pki_types::PrivateKeyDer};

    use super::*;
    use crate::{
        net::{flows::Flows, handshake::Security},
        policy::ListenerId,
        privacy::Outgoing,
        sip::Transport,
    };

    //= TPT-005 type=test
    #[test]
    fn half_a_header_then_silence_is_closed_in_time() {
        // 5 s after the start of the message some more of it: it gains no time by that.
        let lasted = lasts(&[(0, "OPTIONS sip:x SIP/2.0\r\n"), (5, "Via: ")]);
        assert_eq!(lasted, MESSAGE_TIME_MAX.as_secs());
    }

    //= TPT-005 type=test
    #[test]
    fn silence_between_messages_is_closed_when_idle() {
        assert_eq!(lasts(&[]), IDLE_MAX.as_secs());
        assert_eq!(lasts(&[(100, "A b SIP/2.0\r\nl: 0\r\n\r\n")]), 100 + IDLE_MAX.as_secs());
        // Each message has its own time.
        let second = "A b SIP/2.0\r\nl: 0\r\n\r\nB b SIP/2.0\r\n";
        assert_eq!(
            lasts(&[(0, "A b SIP/2.0\r\n"), (20, "l: 0\r\n\r\n"), (40, second)]),
            40 + MESSAGE_TIME_MAX.as_secs()
        );
    }

    //= TPT-005 type=test
    //= SEC-009 type=test
    #[test]
    fn a_handshake_that_does_not_end_is_ended() {
        let secured = || {
            let certified = rcgen::generate_simple_self_signed(["edge.example".to_owned()]).unwrap();
            let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
            let chain = vec![certified.cert.der().clone()];
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap();
            let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
            Security::Accept(Arc::new(config), Arc::new(crate::driver::tests::policy::one(1)))
        };
        let half_hello = "\u{16}\u{3}\u{1}\0";
        for says in [
            &[][..],
            &[(0, half_hello)],
            &[(3, "\u{16}"), (6, "\u{3}"), (9, "\u{1}")],
        ] {
            let lasted = lasts_after(secured(), false, says);
            assert_eq!(lasted, ACCEPT_TIME_MAX.as_secs(), "TLS: {says:?}");
        }
        for says in [&[][..], &[(0, "GET / HTTP/1.1\r\n")], &[(3, "G"), (6, "E"), (9, "T")]] {
            let lasted = lasts_after(Security::None, true, says);
            assert_eq!(lasted, ACCEPT_TIME_MAX.as_secs(), "WebSocket: {says:?}");
        }
    }

    //= TPT-005 type=test
    //= TPT-010 type=test
    #[test]
    fn a_web_socket_has_the_same_times() {
        let hello = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                     Sec-WebSocket-Protocol: sip\r\n\r\n";
        let lasts = |says: &[(u64, &str)]| {
            let mut all = vec![(0, hello)];
            all.extend(says);
            lasts_after(Security::None, true, &all)
        };
        // Text frames, masked with zeros: one of two bytes, and one of which only the first of five comes.
        let (whole, half) = ("\u{1}\u{2}\0\0\0\0hi", "\u{1}\u{5}\0\0\0\0h");
        assert_eq!(lasts(&[]), IDLE_MAX.as_secs());
        assert_eq!(lasts(&[(100, whole)]), 100 + IDLE_MAX.as_secs());
        assert_eq!(lasts(&[(100, half), (120, "e")]), 100 + MESSAGE_TIME_MAX.as_secs());
        assert_eq!(
            lasts(&[(100, half), (120, "ello"), (130, half)]),
            130 + MESSAGE_TIME_MAX.as_secs()
        );
    }

    /// Seconds of the runtime's clock until the connection is closed on a peer that writes these at these times.
    fn lasts(says: &[(u64, &str)]) -> u64 {
        lasts_after(Security::None, false, says)
    }

    fn lasts_after(security: Security, web_socket: bool, says: &[(u64, &str)]) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            // What it writes is there at once: the clock waits for nobody.
            peer.set_nodelay(true).unwrap();
            let (stream, remote) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let limits = Limits::default();
            let mut flows = Flows::<Outgoing>::new(0, limits.clone(), Arc::default(), Arc::default());
            let (listener, transport) = (ListenerId(0), Transport::Tcp);
            let Ok(ends) = flows.accept(Way {
                listener,
                transport,
                remote,
                certified: None,
            }) else {
                panic!("the first connection is refused");
            };
            let (tasks, mut events) = mpsc::channel(8);
            let report = Report {
                worker: 0,
                handover: Arc::new(Handover::new(vec![tasks.clone()], None)),
                tasks,
            };
            let start = Instant::now();
            let handshake = Handshake { security, web_socket };
            let origin = Origin::Accepted(TcpStream::from_std(stream).unwrap());
            let connection = tokio::spawn(run(ends, origin, handshake, limits, report));
            for (at, text) in says {
                sleep_until(start + Duration::from_secs(*at)).await;
                peer.write_all(&frames(text)).unwrap();
            }
            connection.await.unwrap();
            let mut last = None;
            while let Ok(event) = events.try_recv() {
                last = Some(event);
            }
            assert!(matches!(last, Some(Event::Closed { .. })), "the last word is the end");
            // What it was told before is no matter here: there is an end.
            peer.read_to_end(&mut Vec::new()).unwrap();
            start.elapsed().as_secs()
        })
    }

    /// The bytes of a text. In front of a WebSocket frame stand two that are no text: the final fragment of a text, and the
    /// length with the mask bit.
    fn frames(text: &str) -> Vec<u8> {
        match text.as_bytes() {
            [1, length, rest @ ..] => [&[0x81, 0x80 | length], rest].concat(),
            bytes => bytes.to_vec(),
        }
    }
}
