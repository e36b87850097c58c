//! Received bytes and an index of their lines.

use std::cell::Cell;

use bytes::Bytes;
use smallvec::SmallVec;

use super::uri::Places;
use super::{Method, Name};

/// A message as received: its bytes, and where everything is. Clones share the bytes.
#[derive(Clone)]
pub struct Message {
    pub(super) bytes: Bytes,
    /// On the heap: a message is moved often, and its rows need not move with it.
    pub(super) index: Box<Index>,
}

/// Where everything is in a message.
pub(super) struct Index {
    pub(super) start: StartLine,
    pub(super) lines: Lines,
    /// The names that occur, one bit each: most questions are about a header that is not there.
    pub(super) names: u128,
    /// Those of them that were received in more than one row.
    pub(super) repeated: u128,
    /// What was found out about the Request-URI when it was read last.
    pub(super) request_uri: Cell<Option<Places>>,
    /// Some line of the head may end in a bare LF.
    pub(super) bare_feed: bool,
    /// Where the blank line begins that ends the header block.
    pub(super) blank: u32,
    /// Where the body begins.
    pub(super) body: u32,
}

/// The rows of most messages, with what forwarding adds, need no memory beside the index.
pub(super) type Lines = SmallVec<[Line; 32]>;

impl Clone for Index {
    fn clone(&self) -> Index {
        Index {
            // In one piece, which `clone` is not.
            lines: Lines::from_slice(&self.lines),
            request_uri: self.request_uri.clone(),
            ..*self
        }
    }
}

impl Index {
    /// The rows to look through for this name: none when it does not occur.
    pub(super) fn lines_for(&self, name: Name) -> &[Line] {
        if self.names & name.bit() == 0 { &[] } else { &self.lines }
    }

    /// Notes which names occur, and which of them more than once.
    pub(super) fn note_names(&mut self) {
        // In halves: a bit of 128 takes twice the work.
        let (mut low, mut high) = (Seen::default(), Seen::default());
        for line in &self.lines {
            match line.name as u8 {
                name @ ..64 => low.note(1 << name),
                name => high.note(1 << (name % 64)),
            }
        }
        let whole = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        (self.names, self.repeated) = (whole(high.once, low.once), whole(high.again, low.again));
    }

    /// Counts every place from `less` bytes further on.
    pub(super) fn shift(&mut self, less: u32) {
        let back = |span: &mut Span| (span.start, span.end) = (span.start - less, span.end - less);
        match &mut self.start {
            StartLine::Request { name, uri, end, .. } => {
                back(name);
                back(uri);
                *end -= less;
            }
            StartLine::Response { reason, end, .. } => {
                back(reason);
                *end -= less;
            }
        }
        for line in &mut self.lines {
            line.start -= less;
            back(&mut line.value);
            line.end -= less;
        }
        self.blank -= less;
        self.body -= less;
    }
}

/// Names as a set of bits: those that were met, and those that were met again.
#[derive(Default)]
struct Seen {
    once: u64,
    again: u64,
}

impl Seen {
    fn note(&mut self, bit: u64) {
        self.again |= self.once & bit;
        self.once |= bit;
    }
}

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
pub enum StartLine {
    Request {
        method: Method,
        name: Span,
        uri: Span,
        end: u32,
    },
    Response {
        status: u16,
        reason: Span,
        end: u32,
    },
}

impl StartLine {
    pub(super) fn end(&self) -> u32 {
        match *self {
            StartLine::Request { end, .. } | StartLine::Response { end, .. } => end,
        }
    }
}

/// One header row with its folds, in the received bytes or in the text a draft made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub name: Name,
    pub made: bool,
    /// How long the name is as written, white space behind it not counted.
    pub name_bytes: u16,
    pub start: u32,
    /// The value without white space around it.
    pub value: Span,
    /// Behind the line end.
    pub end: u32,
}

impl Message {
    pub fn start(&self) -> &StartLine {
        &self.index.start
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<Method> {
        match self.index.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The method as written; empty for a response.
    pub fn method_name(&self) -> &[u8] {
        match self.index.start {
            StartLine::Request { name, .. } => name.of(&self.bytes),
            StartLine::Response { .. } => b"",
        }
    }

    /// The Request-URI as received; empty for a response.
    pub fn request_uri(&self) -> &[u8] {
        match self.index.start {
            StartLine::Request { uri, .. } => uri.of(&self.bytes),
            StartLine::Response { .. } => b"",
        }
    }

    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.index.start {
            StartLine::Request { .. } => 0,
            StartLine::Response { status, .. } => status,
        }
    }

    /// The rows to look through for this name: none when it does not occur.
    pub(super) fn lines_for(&self, name: Name) -> &[Line] {
        self.index.lines_for(name)
    }

    /// Values of the rows of this name, in order.
    pub fn rows(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.lines_for(name)
            .iter()
            .filter(move |line| line.name == name)
            .map(|line| line.value.of(&self.bytes))
    }

    pub fn first(&self, name: Name) -> Option<&[u8]> {
        self.rows(name).next()
    }

    /// Whether more than one row of this name was received.
    pub fn is_repeated(&self, name: Name) -> bool {
        self.index.repeated & name.bit() != 0
    }

    pub fn count(&self, name: Name) -> usize {
        self.lines_for(name).iter().filter(|line| line.name == name).count()
    }

    /// Every row: name as written, known name, value.
    pub fn all_rows(&self) -> impl Iterator<Item = (&[u8], Name, &[u8])> {
        self.index.lines.iter().map(|line| {
            let name = Span {
                start: line.start,
                end: line.start + u32::from(line.name_bytes),
            };
            (name.of(&self.bytes), line.name, line.value.of(&self.bytes))
        })
    }

    pub fn body(&self) -> &[u8] {
        &self.bytes[self.index.body as usize..]
    }

    /// The whole message, byte for byte as received (without what followed it in a datagram).
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl std::fmt::Debug for Message {
    /// Shows nothing a peer wrote but the kind of message.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, what) = match self.index.start {
            StartLine::Request { method, .. } => ("Request", method.label().to_owned()),
            StartLine::Response { status, .. } => ("Response", status.to_string()),
        };
        f.debug_struct(kind)
            .field("what", &what)
            .field("rows", &self.index.lines.len())
            .finish_non_exhaustive()
    }
}
