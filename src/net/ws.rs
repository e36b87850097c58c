//! SIP over WebSocket (RFC 7118): one message a message, and nothing is ever connected from here.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use smallvec::SmallVec;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
    time::{Instant, Sleep, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{WebSocketConfig, frame::Utf8Bytes},
    },
};

use super::{
    Cleared,
    flows::{Backlog, Ends, Queued},
    tcp::{IDLE_MAX, MESSAGE_TIME_MAX, Reader, killed},
};
use crate::policy::Limits;

/// The subprotocol of SIP.
const SIP: &str = "sip";

/// Room to read into, a connection; the default is sixteen times this.
const READ_BYTES: usize = 8 * 1024;

/// Messages a flush.
const WRITE_BATCH: usize = 32;

/// A WebSocket over a stream that tells since when a message is under way.
pub(crate) type WebSocket<S> = WebSocketStream<Watched<S>>;

/// Carries out the handshake as its server: without the subprotocol `sip` the answer is 400.
//= TPT-010
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S, limits: &Limits) -> io::Result<WebSocket<S>> {
    let accepted = accept_hdr_async_with_config(Watched::new(stream), speaks_sip, Some(config(limits))).await;
    let socket = accepted.map_err(io::Error::other)?;
    socket.get_ref().under_way.end();
    Ok(socket)
}

/// The same ceilings as on a stream: what exceeds the limits of a message is answered, what exceeds these ends it.
fn config(limits: &Limits) -> WebSocketConfig {
    let message = (limits.header_block_bytes_max as usize)
        .saturating_add(limits.body_bytes_max as usize)
        .saturating_mul(2);
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(message))
        .max_frame_size(Some(message))
}

#[expect(clippy::result_large_err, reason = "the shape that the handshake asks for")]
fn speaks_sip(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut protocols = offered
        .iter()
        .filter_map(|row| row.to_str().ok())
        .flat_map(|row| row.split(','));
    if protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case(SIP)) {
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SIP));
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// Reads, hands on and writes until either side ends it.
pub(super) async fn serve<M: Cleared, S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocket<S>,
    reader: Reader<'_, M>,
    ends: &mut Ends<M>,
    batch: &mut VecDeque<Queued<M>>,
) {
    let under_way = Arc::clone(&socket.get_ref().under_way);
    let (sink, stream) = socket.split();
    let mut kill = pin!(killed(&mut ends.kill));
    let mut reads = pin!(read(stream, reader, &under_way));
    let mut writes = pin!(write_queue(sink, &mut ends.queue, batch, &ends.backlog));
    tokio::select! {
        // First of all: nothing is written to a peer given up.
        biased;
        () = &mut kill => {}
        () = &mut writes => {}
        () = &mut reads => {}
    }
}

/// Until the peer ends it, is silent too long, takes too long for one message, or floods us.
async fn read<M: Cleared, S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: SplitStream<WebSocket<S>>,
    reader: Reader<'_, M>,
    under_way: &UnderWay,
) {
    let mut alarm = pin!(sleep_until(Instant::now() + IDLE_MAX));
    loop {
        let idle_at = Instant::now() + IDLE_MAX;
        let bytes = match next(&mut stream, idle_at, under_way, alarm.as_mut()).await {
            Some(Message::Text(text)) => Bytes::from(text),
            Some(Message::Binary(bytes)) => bytes,
            Some(Message::Ping(_) | Message::Pong(_)) => continue,
            Some(Message::Close(_) | Message::Frame(_)) | None => return,
        };
        if !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            reader.hand_on(bytes).await;
        } else if bytes[..] == *b"\r\n\r\n" && !reader.answer_keep_alive() {
            return;
        }
    }
}

/// The next message in time. A message that is under way has its own time, from its first byte.
//= TPT-005
async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut SplitStream<WebSocket<S>>,
    idle_at: Instant,
    under_way: &UnderWay,
    mut alarm: Pin<&mut Sleep>,
) -> Option<Message> {
    poll_fn(|cx| {
        if let Poll::Ready(message) = stream.poll_next_unpin(cx) {
            under_way.end();
            return Poll::Ready(message.and_then(Result::ok));
        }
        let due = under_way
            .since()
            .map_or(idle_at, |since| idle_at.min(since + MESSAGE_TIME_MAX));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Writes what is queued, in order. Ends when the queue has ended and all is written, or when the stream breaks.
async fn write_queue<M: Cleared, S: AsyncRead + AsyncWrite + Unpin>(
    mut sink: SplitSink<WebSocket<S>, Message>,
    queue: &mut mpsc::UnboundedReceiver<Queued<M>>,
    batch: &mut VecDeque<Queued<M>>,
    backlog: &Backlog,
) {
    loop {
        match queue.recv().await {
            Some(queued) => batch.push_back(queued),
            None => {
                let _ = sink.close().await;
                return;
            }
        }
        while batch.len() < WRITE_BATCH
            && let Ok(queued) = queue.try_recv()
        {
            batch.push_back(queued);
        }
        let frames: SmallVec<[Message; 4]> = batch.iter().map(framed).collect();
        for frame in frames {
            if sink.feed(frame).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
        for queued in batch.drain(..) {
            backlog.leave(queued.bytes().len());
        }
    }
}

/// As text where it is text: browsers hand the other kind to nobody.
fn framed<M: Cleared>(queued: &Queued<M>) -> Message {
    let bytes = match queued {
        Queued::Message(_, message) => message.bytes().clone(),
        Queued::Pong => Bytes::from_static(b"\r\n"),
    };
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

/// Since when bytes came that are no whole message yet.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Option<Instant>>);

impl UnderWay {
    fn begin(&self) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert_with(Instant::now);
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that notes when something was read from it.
pub(crate) struct Watched<S> {
    stream: S,
    under_way: Arc<UnderWay>,
}

impl<S> Watched<S> {
    fn new(stream: S) -> Self {
        Watched {
            stream,
            under_way: Arc::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, room);
        if room.filled().len() > before {
            self.under_way.begin();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
