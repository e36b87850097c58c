//! Where one message ends and the next begins in one direction of a TCP stream, as far as it was captured.
//!
//! More patient than a server may be: a capture can begin in the middle of a message and have holes.

use bytes::Bytes;
use memchr::memchr;

use super::start_line::{START_LINE_BYTES_MAX, Start, empty_lines, find_start, is_start_line, is_token};

/// The longest start line and headers together. A longer text is not SIP.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The longest body that is waited for. Of a message with a longer one the headers are given.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// An empty buffer larger than this is given back.
const IDLE_BYTES_MAX: usize = 4 * 1024;

/// A message cut out of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framed {
    pub bytes: Bytes,
    pub truncated: bool,
}

/// Bytes in, messages out. Empty it with [`Messages::next`] after each [`Messages::push`].
#[derive(Default)]
pub(super) struct Messages {
    buffer: Vec<u8>,
    /// `buffer` is used up to here; the next message, or the search for it, begins here.
    used: usize,
    state: State,
    /// While searching: this many octets are known to have no empty line, so that none is looked at twice.
    barren: usize,
    /// Inside a run of empty lines between messages.
    in_empty_lines: bool,
    pub keep_alives: u64,
    /// How often the next start line had to be looked for.
    pub resyncs: u64,
}

#[derive(Default, Clone, Copy)]
enum State {
    /// A message should begin here.
    #[default]
    Start,
    /// What is here is not SIP: looking for a start line.
    Searching,
    /// After a start line. Lines were looked at up to this many octets.
    Headers { scanned: usize },
    /// The headers are there; this many octets will be the message.
    Body { total: usize },
}

impl Messages {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What is missing will not come: gives what there is of the message under way, and looks for the next.
    pub fn lose(&mut self) -> Option<Framed> {
        let text = &self.buffer[self.used..];
        let cut = match self.state {
            State::Body { .. } => Some(Framed {
                bytes: Bytes::copy_from_slice(text),
                truncated: true,
            }),
            State::Headers { .. } => text.iter().rposition(|&octet| octet == b'\n').map(|end| Framed {
                bytes: Bytes::copy_from_slice(&text[..=end]),
                truncated: true,
            }),
            State::Start | State::Searching => None,
        };
        self.used = self.buffer.len();
        self.barren = 0;
        self.state = State::Searching;
        self.settle();
        cut
    }

    /// Another connection begins: so does a message.
    pub fn restart(&mut self) {
        self.state = State::Start;
        self.in_empty_lines = false;
    }

    /// The next message that is there as a whole.
    pub fn next(&mut self) -> Option<Framed> {
        let framed = self.read();
        if framed.is_none() {
            self.settle();
        }
        framed
    }

    /// How much memory this holds.
    pub fn bytes(&self) -> usize {
        self.buffer.capacity()
    }

    fn read(&mut self) -> Option<Framed> {
        loop {
            let text = &self.buffer[self.used..];
            match self.state {
                State::Start => self.start()?,
                State::Searching => match find_start(text) {
                    Start::At(at) => {
                        // Not to be judged again: what the search finds is read, so each turn uses up bytes.
                        self.used += at;
                        let scanned = self.barren.saturating_sub(at);
                        self.state = State::Headers { scanned };
                    }
                    Start::Perhaps(at) => {
                        self.used += at;
                        self.barren = self.barren.saturating_sub(at);
                        return None;
                    }
                },
                State::Headers { scanned } => {
                    let whole_window = text.len() >= HEADER_BYTES_MAX;
                    match headers_end(&text[..text.len().min(HEADER_BYTES_MAX)], scanned) {
                        HeadersEnd::At(end) => {
                            if let Some(framed) = self.headers(end) {
                                return Some(framed);
                            }
                        }
                        HeadersEnd::NotBefore(scanned) if whole_window => self.pass_over_line(scanned),
                        HeadersEnd::NotBefore(scanned) => {
                            self.state = State::Headers { scanned };
                            return None;
                        }
                    }
                }
                State::Body { total } if text.len() < total => return None,
                State::Body { total } => return Some(self.cut_out(total, false)),
            }
        }
    }

    /// None: more is needed.
    fn start(&mut self) -> Option<()> {
        let empty = empty_lines(&self.buffer[self.used..]);
        if empty > 0 && !self.in_empty_lines {
            self.in_empty_lines = true;
            self.keep_alives += 1;
        }
        self.used += empty;
        let text = &self.buffer[self.used..];
        let first = text.first()?;
        self.in_empty_lines = false;
        let line_bytes = memchr(b'\n', &text[..text.len().min(START_LINE_BYTES_MAX)]);
        match line_bytes {
            Some(end) if is_start_line(&text[..end]) => self.state = State::Headers { scanned: end },
            None if is_token(*first) && text.len() < START_LINE_BYTES_MAX => return None,
            _ => self.search(),
        }
        Some(())
    }

    /// After the headers: waits for the body, or gives what cannot wait.
    fn headers(&mut self, end: usize) -> Option<Framed> {
        let (headers, body) = self.buffer[self.used..].split_at(end);
        match content_length(headers) {
            Some(length) if length > BODY_BYTES_MAX => {
                let framed = self.cut_out(end, true);
                self.search();
                Some(framed)
            }
            Some(length) => {
                self.state = State::Body { total: end + length };
                None
            }
            // Without a length the body ends where the next message begins, or the segment does.
            None => {
                let body = &body[..body.len().min(BODY_BYTES_MAX)];
                let length = match find_start(body) {
                    Start::At(at) => at,
                    Start::Perhaps(_) => body.len(),
                };
                Some(self.cut_out(end + length, false))
            }
        }
    }

    fn search(&mut self) {
        self.resyncs += 1;
        self.barren = 0;
        self.state = State::Searching;
    }

    /// The headers under this start line do not end in time: look for another below it.
    fn pass_over_line(&mut self, scanned: usize) {
        let text = &self.buffer[self.used..];
        let line_bytes = memchr(b'\n', text).map_or(text.len(), |end| end + 1);
        self.used += line_bytes;
        self.search();
        self.barren = scanned.saturating_sub(line_bytes);
    }

    fn cut_out(&mut self, bytes: usize, truncated: bool) -> Framed {
        let end = self.used + bytes;
        let framed = Framed {
            bytes: Bytes::copy_from_slice(&self.buffer[self.used..end]),
            truncated,
        };
        self.used = end;
        self.state = State::Start;
        framed
    }

    /// Moves what is left to the front.
    fn settle(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = Vec::new();
        }
    }
}

enum HeadersEnd {
    /// After the empty line.
    At(usize),
    /// The empty line is not among these octets.
    NotBefore(usize),
}

/// Looks for an empty line, with or without CR, from a line feed at or after `from`.
fn headers_end(text: &[u8], from: usize) -> HeadersEnd {
    let mut from = from;
    while let Some(line_feed) = memchr(b'\n', &text[from..]).map(|at| from + at) {
        match &text[line_feed + 1..] {
            [b'\n', ..] => return HeadersEnd::At(line_feed + 2),
            [b'\r', b'\n', ..] => return HeadersEnd::At(line_feed + 3),
            [] | [b'\r'] => return HeadersEnd::NotBefore(line_feed),
            _ => from = line_feed + 1,
        }
    }
    HeadersEnd::NotBefore(text.len())
}

/// The first Content-Length, or `l`, that is a number.
fn content_length(headers: &[u8]) -> Option<usize> {
    headers.split(|&octet| octet == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
        let name = name.trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            return None;
        }
        let digits = value[1..].trim_ascii();
        let number = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| !digits.starts_with('+'))?;
        number.parse::<usize>().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> String {
        format!(
            "MESSAGE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a.example\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn all(messages: &mut Messages) -> Vec<String> {
        std::iter::from_fn(|| messages.next())
            .map(|framed| {
                format!(
                    "{}{}",
                    String::from_utf8_lossy(&framed.bytes),
                    if framed.truncated { "…" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn any_split_gives_the_same_messages() {
        let stream = format!(
            "\r\n\r\n{}{}\r\n\r\n{}",
            request("one"),
            request(""),
            request("SIP/2.0 200 OK\r\nVia: x\r\n")
        );
        let expected = vec![request("one"), request(""), request("SIP/2.0 200 OK\r\nVia: x\r\n")];
        for first in 0..stream.len() {
            let mut messages = Messages::default();
            messages.push(&stream.as_bytes()[..first]);
            let mut found = all(&mut messages);
            messages.push(&stream.as_bytes()[first..]);
            found.extend(all(&mut messages));
            assert_eq!(found, expected, "split at {first}");
            assert_eq!((messages.keep_alives, messages.resyncs), (2, 0), "split at {first}");
        }
    }

    #[test]
    fn lengths_are_read_in_every_form() {
        assert_eq!(content_length(b"A b SIP/2.0\r\nl:  7 \r\n"), Some(7));
        assert_eq!(content_length(b"A b SIP/2.0\r\nCONTENT-LENGTH \t: 12\r\n"), Some(12));
        assert_eq!(content_length(b"A b SIP/2.0\r\nX-Content-Length: 12\r\n"), None);
        assert_eq!(
            content_length(b"A b SIP/2.0\r\nl: -1\r\nl: +2\r\nl: x\r\nl: 3\r\n"),
            Some(3)
        );
        assert_eq!(content_length(b"A b SIP/2.0\r\nl: 99999999999999999999999\r\n"), None);
    }

    #[test]
    fn garbage_costs_only_itself() {
        let mut messages = Messages::default();
        messages.push(format!("{}\x16\x03\x01garbage\r\nmore{}", request("one"), request("two")).as_bytes());
        assert_eq!(all(&mut messages), [request("one"), request("two")]);
        assert_eq!(messages.resyncs, 1);
    }

    #[test]
    fn a_message_without_length_ends_at_the_next() {
        let mut messages = Messages::default();
        messages.push(b"BYE sip:a@a.example SIP/2.0\nVia: x\n\nbody");
        messages.push(request("").as_bytes());
        let found = all(&mut messages);
        assert_eq!(
            found,
            ["BYE sip:a@a.example SIP/2.0\nVia: x\n\nbody".to_owned(), request("")]
        );
    }

    #[test]
    fn what_is_lost_is_marked() {
        let mut messages = Messages::default();
        messages.push(&request("long body").as_bytes()[..request("long body").len() - 4]);
        assert_eq!(messages.next(), None);
        let cut = messages.lose().unwrap();
        assert!(cut.truncated && cut.bytes.ends_with(b"long "));
        messages.push(format!("body{}", request("next")).as_bytes());
        assert_eq!(all(&mut messages), [request("next")]);
    }

    #[test]
    fn headers_have_a_longest_length() {
        for (over, expected) in [(0, 2), (1, 1)] {
            let line = "MESSAGE sip:bob@b.example SIP/2.0\r\nl: 0\r\nX: \r\n\r\n";
            let filler = "x".repeat(HEADER_BYTES_MAX - line.len() + over);
            let mut messages = Messages::default();
            messages.push(line.replace("X: ", &format!("X: {filler}")).as_bytes());
            let mut found = all(&mut messages);
            messages.push(request("after").as_bytes());
            found.extend(all(&mut messages));
            assert_eq!(found.len(), expected, "{over} over");
            assert_eq!(found.last(), Some(&request("after")));
        }
    }

    #[test]
    fn headers_without_end_are_read_once() {
        // Read again from each line, this would take minutes.
        let mut messages = Messages::default();
        messages.push("A b:c SIP/2.0\nX: y\n".repeat(200_000).as_bytes());
        assert_eq!(messages.next(), None);
        assert!(messages.resyncs > 100_000);
        messages.push(format!("\n{}", request("after")).as_bytes());
        let found = all(&mut messages);
        assert_eq!(found.last(), Some(&request("after")));
        assert!(found[0].len() <= HEADER_BYTES_MAX);
    }

    #[test]
    fn bodies_have_a_longest_length() {
        let header = |length: usize| format!("MESSAGE sip:b@b.example SIP/2.0\r\nl: {length}\r\n\r\n");
        let mut messages = Messages::default();
        messages.push(format!("{}{}", header(BODY_BYTES_MAX), "x".repeat(BODY_BYTES_MAX)).as_bytes());
        assert_eq!(all(&mut messages).len(), 1);
        assert!(messages.bytes() <= IDLE_BYTES_MAX);
        messages.push(header(BODY_BYTES_MAX + 1).as_bytes());
        assert_eq!(all(&mut messages), [header(BODY_BYTES_MAX + 1) + "…"]);
    }
}
