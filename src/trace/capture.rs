//! Captures (pcap, pcapng) into the SIP messages they carry, with addresses and times.
//!
//! Reads any stream of bytes once, in bounded memory. Everything in a capture is hostile: what cannot be read is counted
//! and passed over. Decides nothing about a message beyond that it begins like SIP; decrypts nothing.

mod dissect;
mod esp;
mod file;
mod fragments;
mod ip;
mod link;
mod messages;
mod section;
mod start_line;
mod streams;
mod tcp;
mod tunnel;

use std::{
    fmt,
    io::{self, Read},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;

use self::{dissect::Dissector, file::PacketFile};
use crate::sip::Transport;

/// One SIP message as it was seen on the wire.
///
/// A datagram is given whole. A message on TCP carries the number and time of the segment that completed it; where
/// segments are missing it may be given late, after messages with higher numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Captured {
    /// Frame number in the file, from 1.
    pub number: u64,
    /// Since the first packet of the file; zero for packets dated before it.
    pub at: Duration,
    /// Wall clock, seconds since 1970.
    pub unix: u64,
    /// UDP or TCP.
    pub transport: Transport,
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub bytes: Bytes,
    /// The end of the message is not in the capture: cut by the snap length, a lost segment or the end of the file.
    pub truncated: bool,
}

impl fmt::Debug for Captured {
    /// Neither the text nor the addresses: both can name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("number", &self.number)
            .field("at", &self.at)
            .field("transport", &self.transport)
            .field("len", &self.bytes.len())
            .field("truncated", &self.truncated)
            .finish_non_exhaustive()
    }
}

/// Why a capture could not be read any further. Everything before the offset has been given.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("reading the capture failed at byte {offset}: {source}")]
    Read { offset: u64, source: io::Error },
    #[error("this is neither pcap nor pcapng: convert it first, for example with editcap")]
    NotACapture,
    #[error("this is compressed: unpack it first")]
    Compressed,
    #[error("the capture ends inside the {what} that begins at byte {offset}")]
    CutShort { what: &'static str, offset: u64 },
    #[error("the {what} at byte {offset} of the capture is malformed")]
    Malformed { what: &'static str, offset: u64 },
    #[error("the {what} at byte {offset} of the capture is larger than {max} bytes")]
    TooLarge {
        what: &'static str,
        offset: u64,
        max: usize,
    },
}

/// What was seen so far, and what was passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Packets in the file.
    pub packets: u64,
    /// SIP messages found, the truncated ones included.
    pub sip_messages: u64,
    /// SIP messages whose end is not in the capture.
    pub truncated_messages: u64,
    /// Packets the capture holds only the beginning of.
    pub truncated: u64,
    /// Packets of an unknown link type, without IP, or with an IP header that makes no sense.
    pub skipped_not_ip: u64,
    /// Packets in more tunnels than [`TUNNEL_DEPTH_MAX`].
    pub tunnels_too_deep: u64,
    /// ESP packets that are encrypted, or whose content was not recognised.
    pub esp_unread: u64,
    /// IP fragments that never became a datagram.
    pub fragments_dropped: u64,
    /// TCP streams, each direction of a connection by itself.
    pub streams: u64,
    /// Streams forgotten to stay within the maxima.
    pub streams_evicted: u64,
    /// TCP segments that brought nothing new.
    pub retransmissions: u64,
    /// Places where a stream goes on after segments that are not in the capture.
    pub gaps: u64,
    /// Places where a stream did not read as SIP and the next start line was looked for.
    pub resyncs: u64,
    /// CRLF and STUN keep-alives (RFC 5626 section 3.5).
    pub keep_alives: u64,
}

pub use self::{
    dissect::TUNNEL_DEPTH_MAX,
    file::RECORD_BYTES_MAX,
    fragments::{FRAGMENT_AGE_MAX, FRAGMENT_BYTES_MAX, FRAGMENTED_DATAGRAMS_MAX, FRAGMENTS_PER_DATAGRAM_MAX},
    messages::{BODY_BYTES_MAX, HEADER_BYTES_MAX},
    section::INTERFACES_MAX,
    start_line::START_LINE_BYTES_MAX,
    streams::{STREAM_BYTES_MAX, STREAMS_MAX},
    tcp::{MIDWAY_SEGMENTS_MAX, PENDING_AGE_MAX, PENDING_BYTES_MAX, PENDING_SEGMENTS_MAX, SEQUENCE_WINDOW},
};

/// The SIP messages of one capture, in the order in which they were complete.
///
/// After an error, which comes at most once and last, there is nothing more.
pub struct Capture<R: Read> {
    file: PacketFile<R>,
    dissector: Dissector,
    progress: Progress,
}

enum Progress {
    Reading,
    /// Nothing more to read; what was found, then the error, are still to be given.
    Ended(Option<CaptureError>),
}

impl<R: Read> Capture<R> {
    pub fn new(reader: R) -> Capture<R> {
        Capture {
            file: PacketFile::new(reader),
            dissector: Dissector::default(),
            progress: Progress::Reading,
        }
    }

    pub fn counts(&self) -> &CaptureCounts {
        &self.dissector.counts
    }

    /// How far into the file the reading is, in bytes.
    pub fn bytes_read(&self) -> u64 {
        self.file.offset()
    }
}

impl<R: Read> Iterator for Capture<R> {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(message) = self.dissector.found.pop_front() {
                return Some(Ok(message));
            }
            if let Progress::Ended(error) = &mut self.progress {
                return error.take().map(Err);
            }
            let error = match self.file.next_packet() {
                Ok(Some(packet)) => {
                    self.dissector.packet(packet);
                    continue;
                }
                Ok(None) => None,
                Err(error) => Some(error),
            };
            self.dissector.finish();
            self.progress = Progress::Ended(error);
        }
    }
}
