//! What stands on a stream: messages, keep-alives, or a fault. The only place in the shell that knows how framing is spelled.

use bytes::{Buf, Bytes, BytesMut};

use crate::{policy::Limits, sip::framing::FramingError};

/// One thing read from a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message(Bytes),
    /// CRLFCRLF between messages.
    KeepAlive,
    /// Nothing after this can be framed. What was read up to the fault.
    Fault {
        error: FramingError,
        head: Bytes,
    },
}

/// Cuts a stream into frames, however it is segmented.
pub(crate) struct Stream {
    buffer: BytesMut,
    /// No end of a header block begins before this.
    searched: usize,
    /// Length of the message at the front, once its header block is complete.
    length: Option<usize>,
    /// There was a fault.
    is_over: bool,
    header_max: usize,
    body_max: usize,
}

impl Stream {
    pub fn new(limits: &Limits) -> Self {
        Stream {
            buffer: BytesMut::new(),
            searched: 0,
            length: None,
            is_over: false,
            header_max: limits.header_block_bytes_max as usize,
            body_max: limits.body_bytes_max as usize,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether the first bytes of a message are here and its last are not, after [`Stream::next`] gave `None`.
    pub fn is_inside_message(&self) -> bool {
        self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next frame, or `None` until more is pushed. After a fault: nothing.
    pub fn next(&mut self) -> Option<Frame> {
        if self.is_over {
            return None;
        }
        if self.buffer.starts_with(b"\r\n") {
            // Half a keep-alive waits for its other half.
            match &self.buffer[2..] {
                [] | [b'\r'] => return None,
                [b'\r', b'\n', ..] => {
                    self.buffer.advance(4);
                    return Some(Frame::KeepAlive);
                }
                _ => self.buffer.advance(2),
            }
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.head_length()? {
                Ok(length) => *self.length.insert(length),
                Err(error) => {
                    self.is_over = true;
                    let head = std::mem::take(&mut self.buffer).freeze();
                    return Some(Frame::Fault { error, head });
                }
            },
        };
        if self.buffer.len() < length {
            return None;
        }
        (self.searched, self.length) = (0, None);
        Some(Frame::Message(self.buffer.split_to(length).freeze()))
    }

    /// Looks for the end of the header block and adds the length it announces.
    fn head_length(&mut self) -> Option<Result<usize, FramingError>> {
        let found = memchr::memmem::find(&self.buffer[self.searched..], b"\r\n\r\n");
        let Some(head) = found.map(|at| self.searched + at + 4) else {
            self.searched = self.buffer.len().saturating_sub(3);
            return (self.buffer.len() > self.header_max).then_some(Err(FramingError::HeaderTooLarge));
        };
        if head > self.header_max {
            return Some(Err(FramingError::HeaderTooLarge));
        }
        Some(match content_length(&self.buffer[..head]) {
            Ok(body) if body > self.body_max => Err(FramingError::BodyTooLarge),
            Ok(body) => Ok(head + body),
            Err(error) => Err(error),
        })
    }
}

fn content_length(head: &[u8]) -> Result<usize, FramingError> {
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = line[colon + 1..].trim_ascii();
        if value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
            return Err(FramingError::BadContentLength);
        }
        let value = value.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        if length.is_some_and(|length| length != value) {
            return Err(FramingError::ConflictingContentLength);
        }
        length = Some(value);
    }
    length.ok_or(FramingError::NoContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_frames() {
        let text =
            b"\r\n\r\n\r\nA x SIP/2.0\r\nl: 3\r\n\r\nabcB x SIP/2.0\r\nContent-Length : 0\r\n\r\n\r\n\r\nC\r\n\r\n";
        let whole = frames(text, text.len());
        assert_eq!(whole.len(), 5, "{whole:?}");
        assert_eq!(
            whole[1],
            Frame::Message(Bytes::from_static(b"A x SIP/2.0\r\nl: 3\r\n\r\nabc"))
        );
        for size in 1..text.len() {
            assert_eq!(frames(text, size), whole, "segments of {size}");
        }
    }

    #[test]
    fn header_and_body_are_limited() {
        let limits = Limits::default();
        let mut at = Stream::new(&limits);
        at.push(&vec![b'a'; limits.header_block_bytes_max as usize]);
        assert_eq!(at.next(), None);
        at.push(b"a");
        assert!(matches!(
            at.next(),
            Some(Frame::Fault {
                error: FramingError::HeaderTooLarge,
                ..
            })
        ));
        let mut body = Stream::new(&limits);
        body.push(format!("A\r\nl: {}\r\n\r\n", limits.body_bytes_max + 1).as_bytes());
        assert!(matches!(
            body.next(),
            Some(Frame::Fault {
                error: FramingError::BodyTooLarge,
                ..
            })
        ));
    }

    fn frames(text: &[u8], size: usize) -> Vec<Frame> {
        let mut stream = Stream::new(&Limits::default());
        let mut frames = Vec::new();
        for segment in text.chunks(size) {
            stream.push(segment);
            while let Some(frame) = stream.next() {
                frames.push(match frame {
                    Frame::Fault { error, .. } => Frame::Fault {
                        error,
                        head: Bytes::new(),
                    },
                    frame => frame,
                });
            }
        }
        frames
    }
}
