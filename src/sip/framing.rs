//! Where one message ends on a stream.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::headers::content_length;
use super::headers::grammar::{is_token_byte, trim};

/// Why a stream can no longer be read as SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("no Content-Length on a stream")]
    NoContentLength,
    #[error("Content-Length is not a number")]
    BadContentLength,
    #[error("two Content-Length rows disagree")]
    ConflictingContentLength,
    #[error("the header block is larger than the limit")]
    HeaderTooLarge,
    #[error("the body is larger than the limit")]
    BodyTooLarge,
    #[error("this is not SIP")]
    NotSip,
}

/// Ceilings of what one stream may hold back, bytes. Beyond them framing is lost, so they stand above those of a message,
/// whose excess is answered.
//= MSG-012
#[derive(Debug, Clone, Copy)]
pub struct FramingLimits {
    /// The start line, without its line end.
    pub start_line_bytes_max: usize,
    /// Start line and header block with the empty line.
    pub header_block_bytes_max: usize,
    pub body_bytes_max: usize,
}

/// One thing read off a stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message: start line, header block, as many bytes of body as its Content-Length says.
    Message(Bytes),
    /// Two line ends between messages (RFC 5626 section 4.4.1); one line end is the answer.
    KeepAlive,
}

/// The end of a stream's sense. Nothing after it is read; the connection is closed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct FramingFault {
    pub error: FramingError,
    /// The header block, as far as it was read, for a 400, 413 or 513 to be made of; empty when it is not SIP.
    pub head: Bytes,
}

/// Cuts a stream into messages. Feed it with [`Framer::push`] or [`Framer::buffer`], then take [`Iterator::next`] until it
/// gives `None`: then it holds less than one message within its limits.
///
/// How the stream was cut into pieces does not matter, and each byte is looked at a bounded number of times. After a
/// fault it gives nothing any more: there is no resynchronising, since any start line might be part of a body.
//= MSG-005
pub struct Framer {
    buffer: BytesMut,
    limits: FramingLimits,
    state: State,
}

enum State {
    /// Up to `scanned` there is no empty line; the line being read begins at `line_start`.
    Head {
        line_start: usize,
        scanned: usize,
    },
    /// The header block is known to be sound; the message ends at this length.
    Body {
        total: usize,
    },
    Lost,
}

const AT_START: State = State::Head {
    line_start: 0,
    scanned: 0,
};

impl Framer {
    pub fn new(limits: FramingLimits) -> Framer {
        Framer {
            buffer: BytesMut::new(),
            limits,
            state: AT_START,
        }
    }

    /// Adds what was received; nothing once the stream has lost its sense.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_lost() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Where a read may append received bytes without a copy. What is there already must stay.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a fault was given: the connection is to be closed.
    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Whether part of a message waits for its rest, so that a connection closed now loses something.
    pub fn is_mid_message(&self) -> bool {
        !self.is_lost() && self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    fn fault(&mut self, error: FramingError, head_length: usize) -> FramingFault {
        let head = self.buffer.split_to(head_length).freeze();
        self.buffer = BytesMut::new();
        self.state = State::Lost;
        FramingFault { error, head }
    }

    /// Takes line ends off the front of a message. `None`: nothing to say yet, or there were none.
    fn take_line_ends(&mut self) -> Option<Frame> {
        loop {
            match &self.buffer[..] {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.buffer.advance(4);
                    return Some(Frame::KeepAlive);
                }
                // The start of a keep-alive that is not complete.
                [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\r', b'\n', ..] => self.buffer.advance(2),
                _ => return None,
            }
        }
    }

    /// Looks for the empty line, going on where it stopped.
    fn scan(&mut self, mut line_start: usize, mut scanned: usize) -> Result<Option<usize>, FramingFault> {
        let window_end = self.buffer.len().min(self.limits.header_block_bytes_max);
        while let Some(length) = memchr(b'\n', &self.buffer[scanned..window_end]) {
            let line_feed = scanned + length;
            scanned = line_feed + 1;
            // A reader that takes a bare LF for a line end would see other lines than one that does not.
            if line_feed == line_start || self.buffer[line_feed - 1] != b'\r' {
                return Err(self.fault(FramingError::NotSip, 0));
            }
            let line = &self.buffer[line_start..line_feed - 1];
            if line_start == 0 && (line.len() > self.limits.start_line_bytes_max || !is_start_line(line)) {
                return Err(self.fault(FramingError::NotSip, 0));
            }
            if line.is_empty() {
                return Ok(Some(scanned));
            }
            line_start = scanned;
        }
        if line_start == 0 && window_end >= self.limits.start_line_bytes_max.saturating_add(2) {
            return Err(self.fault(FramingError::NotSip, 0));
        }
        if window_end == self.limits.header_block_bytes_max {
            return Err(self.fault(FramingError::HeaderTooLarge, window_end));
        }
        self.state = State::Head {
            line_start,
            scanned: window_end,
        };
        Ok(None)
    }

    fn read_head(&mut self, line_start: usize, scanned: usize) -> Option<Result<Frame, FramingFault>> {
        if scanned == 0 {
            if let Some(keep_alive) = self.take_line_ends() {
                return Some(Ok(keep_alive));
            }
            match self.buffer.first() {
                Some(byte) if is_token_byte(*byte) => {}
                Some(b'\r') if matches!(self.buffer[..], [_] | [_, b'\n', ..]) => return None,
                Some(_) => return Some(Err(self.fault(FramingError::NotSip, 0))),
                None => return None,
            }
        }
        let head_length = match self.scan(line_start, scanned) {
            Ok(Some(length)) => length,
            Ok(None) => return None,
            Err(fault) => return Some(Err(fault)),
        };
        match content_length_of(&self.buffer[..head_length]) {
            Ok(length) if length > self.limits.body_bytes_max => {
                Some(Err(self.fault(FramingError::BodyTooLarge, head_length)))
            }
            Ok(length) => {
                self.state = State::Body {
                    total: head_length + length,
                };
                self.read_body(head_length + length)
            }
            Err(error) => Some(Err(self.fault(error, head_length))),
        }
    }

    fn read_body(&mut self, total: usize) -> Option<Result<Frame, FramingFault>> {
        if self.buffer.len() < total {
            return None;
        }
        self.state = AT_START;
        Some(Ok(Frame::Message(self.buffer.split_to(total).freeze())))
    }
}

/// Gives `None` until more is pushed, and may give more afterwards.
impl Iterator for Framer {
    type Item = Result<Frame, FramingFault>;

    fn next(&mut self) -> Option<Result<Frame, FramingFault>> {
        match self.state {
            State::Head { line_start, scanned } => self.read_head(line_start, scanned),
            State::Body { total } => self.read_body(total),
            State::Lost => None,
        }
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Framer")
            .field("held_bytes", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(bytes) => write!(out, "Message({} bytes)", bytes.len()),
            Frame::KeepAlive => out.write_str("KeepAlive"),
        }
    }
}

impl fmt::Debug for FramingFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FramingFault({:?}, head of {} bytes)", self.error, self.head.len())
    }
}

/// A request or status line of some version of SIP: which one, and whether it is sound, is for the parser to say.
//= MSG-002
fn is_start_line(line: &[u8]) -> bool {
    let names_sip = |text: &[u8]| text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    names_sip(line) || memchr::memchr_iter(b' ', line).any(|blank| names_sip(&line[blank + 1..]))
}

/// The Content-Length of a header block whose every line ends in CRLF: long or compact name, blanks before the colon,
/// folded value. Rows that agree are one.
//= MSG-005
//= MSG-010
fn content_length_of(head: &[u8]) -> Result<usize, FramingError> {
    let mut found = None;
    let mut rest = after_line(head);
    while !rest.is_empty() {
        let mut after = after_line(rest);
        while matches!(after.first(), Some(b' ' | b'\t')) {
            after = after_line(after);
        }
        let row = &rest[..rest.len() - after.len()];
        rest = after;
        if !matches!(row[0], b'c' | b'C' | b'l' | b'L') {
            continue;
        }
        let Some(colon) = memchr(b':', row) else { continue };
        let name = trim(&row[..colon]);
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let length = content_length::read(&row[colon + 1..]).map_err(|_| FramingError::BadContentLength)?;
        if found.replace(length).is_some_and(|before| before != length) {
            return Err(FramingError::ConflictingContentLength);
        }
    }
    found.ok_or(FramingError::NoContentLength)
}

/// What follows the first line.
fn after_line(text: &[u8]) -> &[u8] {
    memchr(b'\n', text).map_or(&[], |line_feed| &text[line_feed + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FramingLimits = FramingLimits {
        start_line_bytes_max: 40,
        header_block_bytes_max: 120,
        body_bytes_max: 30,
    };

    const START: &str = "OPTIONS sip:x SIP/2.0\r\n";

    fn cut(limits: FramingLimits, pieces: &[&[u8]]) -> Vec<Result<Frame, FramingFault>> {
        let mut framer = Framer::new(limits);
        let mut frames = Vec::new();
        for piece in pieces {
            framer.push(piece);
            frames.extend(framer.by_ref());
        }
        frames
    }

    fn one_message(text: &str) -> Result<Frame, FramingError> {
        let mut frames = cut(LIMITS, &[text.as_bytes()]);
        assert_eq!(frames.len(), 1, "{text}");
        frames.remove(0).map_err(|fault| fault.error)
    }

    fn message(text: &str) -> Frame {
        Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    //= MSG-005 type=test
    //= MSG-010 type=test
    #[test]
    fn all_spellings_of_content_length_count() {
        for row in [
            "Content-Length: 3",
            "content-LENGTH \t:3",
            "l:\r\n 3 ",
            "L : \t3\r\n\t",
            "l: 3\r\nContent-Length: 03",
            "Via: a\r\n l: 9\r\nl: 3",
        ] {
            let text = format!("{START}{row}\r\n\r\nabc");
            assert_eq!(one_message(&text), Ok(message(&text)), "{row}");
        }
    }

    //= MSG-005 type=test
    #[test]
    fn a_missing_bad_or_conflicting_length_ends_the_stream() {
        for (rows, error) in [
            ("", FramingError::NoContentLength),
            ("X-Content-Length: 3\r\n", FramingError::NoContentLength),
            ("Call-ID: a\r\n l: 3\r\n", FramingError::NoContentLength),
            ("l: -3\r\n", FramingError::BadContentLength),
            ("l: 3, 3\r\n", FramingError::BadContentLength),
            ("l:\r\n", FramingError::BadContentLength),
            ("l: 3\r\nContent-Length: 4\r\n", FramingError::ConflictingContentLength),
        ] {
            let head = format!("{START}{rows}\r\n");
            let next = format!("{START}l: 0\r\n\r\n");
            let frames = cut(LIMITS, &[head.as_bytes(), next.as_bytes()]);
            let fault = FramingFault {
                error,
                head: Bytes::from(head),
            };
            assert_eq!(frames, [Err(fault)], "{rows}");
        }
    }

    //= MSG-012 type=test
    #[test]
    fn limits_hold_at_the_byte() {
        let of_head = |length: usize| {
            let fill = "a".repeat(length - START.len() - "l: 0\r\nX: \r\n\r\n".len());
            one_message(&format!("{START}l: 0\r\nX: {fill}\r\n\r\n"))
        };
        assert!(of_head(LIMITS.header_block_bytes_max).is_ok());
        assert_eq!(
            of_head(LIMITS.header_block_bytes_max + 1),
            Err(FramingError::HeaderTooLarge)
        );

        let of_body = |length: usize| one_message(&format!("{START}l: {length}\r\n\r\n{}", "b".repeat(length)));
        assert!(of_body(LIMITS.body_bytes_max).is_ok());
        assert_eq!(of_body(LIMITS.body_bytes_max + 1), Err(FramingError::BodyTooLarge));
        let huge = format!("{START}l: 99999999999999999999999\r\n\r\n");
        assert_eq!(one_message(&huge), Err(FramingError::BodyTooLarge));

        let of_line = |length: usize| {
            let user = "a".repeat(length - "BYE sip: SIP/2.0".len());
            one_message(&format!("BYE sip:{user} SIP/2.0\r\nl: 0\r\n\r\n"))
        };
        assert!(of_line(LIMITS.start_line_bytes_max).is_ok());
        assert_eq!(of_line(LIMITS.start_line_bytes_max + 1), Err(FramingError::NotSip));
    }

    #[test]
    fn what_is_not_sip_ends_the_stream_at_once() {
        for text in [
            "\u{16}\u{3}\u{1}",
            "GET / HTTP/1.1\r\n",
            " OPTIONS sip:x SIP/2.0\r\n",
            "\rOPTIONS",
            "\r\n\rO",
            "\nOPTIONS",
            "OPTIONS sip:x SIP/2.0\n",
            "OPTIONS sip:x SIP/2.0\r\nl: 0\n\n",
        ] {
            assert_eq!(one_message(text), Err(FramingError::NotSip), "{}", text.escape_debug());
        }
        assert_eq!(cut(LIMITS, &[&[b'a'; 41]]), []);
        assert_eq!(one_message(&"a".repeat(42)), Err(FramingError::NotSip));
        let other_version = "OPTIONS sip:x sip/7.0\r\nl: 0\r\n\r\n";
        assert_eq!(one_message(other_version), Ok(message(other_version)));
    }

    #[test]
    fn line_ends_between_messages_are_pings_or_nothing() {
        let text = format!("{START}l: 1\r\n\r\nx");
        let stream = format!("\r\n{text}\r\n\r\n{text}\r\n\r\n\r\n{text}\r\n");
        let frames: Vec<_> = cut(LIMITS, &[stream.as_bytes()])
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let whole = message(&text);
        assert_eq!(
            frames,
            [whole.clone(), Frame::KeepAlive, whole.clone(), Frame::KeepAlive, whole]
        );
    }

    #[test]
    fn a_large_head_in_single_bytes_is_scanned_once() {
        let limits = FramingLimits {
            header_block_bytes_max: 1 << 20,
            ..LIMITS
        };
        let text = format!("{START}l: 0\r\nX: {}\r\n\r\n", "a".repeat(500_000));
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(cut(limits, &pieces), [Ok(message(&text))]);
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            6 => "(INVITE|BYE) sip:[a-z]{1,3} SIP/2.0\r\n(V: [a-z]{0,9}\r\n( f\r\n)?){0,3}l ?:( |\r\n )3\r\n\r\n\\PC[ab]{2}",
            2 => Just("OPTIONS sip:x SIP/2.0\r\nl: 4\r\n\r\n\r\n\r\n".to_owned()),
            2 => "(\r\n){1,4}",
            1 => "[ -~\r\n]{0,50}",
            1 => "OPTIONS sip:[a-z]{0,40} SIP/2.0\r\n(V: [a-z]{0,60}\r\n){0,3}(l: [0-9]{0,3}\r\n){0,2}\r\n",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(stream in stream(), mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut places: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect();
            let single: Vec<&[u8]> = stream.chunks(1).collect();
            let whole = cut(LIMITS, &[&stream]);
            prop_assert_eq!(&cut(LIMITS, &pieces), &whole);
            prop_assert_eq!(&cut(LIMITS, &single), &whole);
        }

        #[test]
        fn any_bytes_are_cut_or_refused(stream in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framer = Framer::new(LIMITS);
            framer.push(&stream);
            framer.by_ref().count();
            prop_assert!(framer.buffer().len() <= LIMITS.header_block_bytes_max + LIMITS.body_bytes_max);
        }
    }
}
