//! Bytes to message: line ends, colons, the start line, and where the body ends. Values are read later, when asked for.

use std::cell::Cell;

use bytes::{Buf, Bytes};

use super::message::{Index, Line, Lines, Message, Span, StartLine};
use super::scan::{find, line_end, uri_end};
use super::{Method, Name};

/// Ceilings of what is read, bytes and rows.
//= MSG-012
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    pub start_line_bytes_max: usize,
    pub header_bytes_max: usize,
    pub header_block_bytes_max: usize,
    pub header_rows_max: usize,
    pub body_bytes_max: usize,
}

/// What carried the bytes, as far as the end of the body depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The body ends with the datagram, or where Content-Length says.
    Datagram,
    /// Framed already; Content-Length was there and right.
    Stream,
}

/// Why bytes are not a message. `index` of a half-read request is kept where an answer can still be made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("no start line of SIP")]
    NotSip,
    #[error("the request line is malformed")]
    RequestLine,
    #[error("the status line is malformed")]
    StatusLine,
    #[error("the version is not SIP/2.0")]
    Version,
    #[error("the start line is longer than the limit")]
    StartLineTooLong,
    #[error("a header row has no colon or no name")]
    HeaderRow,
    #[error("a header row is longer than the limit")]
    HeaderTooLong,
    #[error("the header block is larger than the limit, or has too many rows")]
    HeaderBlockTooLarge,
    #[error("a carriage return stands alone in the header block")]
    BareCarriageReturn,
    #[error("the header block has no end")]
    NoBlankLine,
    #[error("Content-Length is malformed or two rows disagree")]
    ContentLength,
    #[error("the body is shorter than Content-Length says")]
    ShortBody,
    #[error("the body is larger than the limit")]
    BodyTooLarge,
}

/// A message that was refused, as far as it could be indexed: enough to answer it when its Via is there.
#[derive(Debug, Clone)]
pub struct Refused {
    pub error: ParseError,
    /// Whatever could be indexed; `None` when not even the start line was read.
    pub message: Option<Message>,
}

/// Indexes one message. Bytes behind the end of a datagram's body are left out.
///
/// Fails with [`Refused`]; the engine answers 400, 413, 414, 505 or 513 to a request, and drops a response.
/// Linear in the size of the input. Source: RFC 3261 section 7 and 18.3.
//= SEC-001
pub fn parse(bytes: Bytes, carrier: Carrier, limits: &ParseLimits) -> Result<Message, Box<Refused>> {
    let begin = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut reader = Reader {
        bytes: &bytes,
        at: begin,
        bare_feed: false,
    };
    let start = match reader.start_line(limits) {
        Ok(start) => start,
        Err((error, start)) => {
            // The rows may still be readable, so that the request can be answered.
            let message = start.and_then(|start| {
                let (index, outcome) = reader.rows(start, limits);
                outcome.ok()?;
                let end = bytes.len();
                Some(assemble(bytes.clone(), begin, end, index))
            });
            return Err(Box::new(Refused { error, message }));
        }
    };
    let (mut index, outcome) = reader.rows(start, limits);
    if let Err(error) = outcome {
        let end = bytes.len();
        (index.blank, index.body) = (end as u32, end as u32);
        let message = Some(assemble(bytes, begin, end, index));
        return Err(Box::new(Refused { error, message }));
    }
    let (end, fault) = match body_end(&bytes, &index, carrier, limits) {
        Ok(end) => (end, None),
        Err(error) => (bytes.len(), Some(error)),
    };
    let message = assemble(bytes, begin, end, index);
    match fault {
        None => Ok(message),
        Some(error) => Err(Box::new(Refused {
            error,
            message: Some(message),
        })),
    }
}

/// Puts the message together; `begin` bytes of leading line ends are dropped from it.
fn assemble(mut bytes: Bytes, begin: usize, end: usize, mut index: Box<Index>) -> Message {
    if begin > 0 {
        index.shift(begin as u32);
    }
    let length = (end - begin) as u32;
    (index.blank, index.body) = (index.blank.min(length), index.body.min(length));
    bytes.truncate(end);
    bytes.advance(begin);
    Message { bytes, index }
}

//= MSG-005
fn body_end(bytes: &[u8], index: &Index, carrier: Carrier, limits: &ParseLimits) -> Result<usize, ParseError> {
    let body = index.body as usize;
    let available = bytes.len() - body;
    let mut stated = None;
    // It stands last more often than not.
    let rows = index.lines_for(Name::ContentLength).iter().rev();
    for line in rows.filter(|line| line.name == Name::ContentLength) {
        let length = decimal(line.value.of(bytes)).ok_or(ParseError::ContentLength)?;
        if stated.is_some_and(|before| before != length) {
            return Err(ParseError::ContentLength);
        }
        stated = Some(length);
        if index.repeated & Name::ContentLength.bit() == 0 {
            break;
        }
    }
    let length = match (stated, carrier) {
        (None, Carrier::Stream) => return Err(ParseError::ContentLength),
        (None, Carrier::Datagram) => available as u64,
        (Some(length), _) => length,
    };
    if length > limits.body_bytes_max as u64 {
        return Err(ParseError::BodyTooLarge);
    }
    if length > available as u64 {
        return Err(ParseError::ShortBody);
    }
    Ok(body + length as usize)
}

/// A number of at most 18 digits.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A line ended in a bare LF.
    bare_feed: bool,
}

impl Reader<'_> {
    /// The end of the line that goes on at `from`: of its text, and behind its line end. Each carriage return belongs to a
    /// line end, or some reader takes it for one.
    #[inline]
    fn line_end(&mut self, from: usize) -> Result<(usize, usize), ParseError> {
        let text_end = line_end(self.bytes, from);
        match self.bytes[text_end..] {
            [b'\r', b'\n', ..] => Ok((text_end, text_end + 2)),
            [b'\r', _, ..] => Err(ParseError::BareCarriageReturn),
            [b'\r'] | [] => Err(ParseError::NoBlankLine),
            _ => {
                self.bare_feed = true;
                Ok((text_end, text_end + 1))
            }
        }
    }

    /// Reads the start line. On failure: the line as far as it was understood, for an answer.
    fn start_line(&mut self, limits: &ParseLimits) -> Result<StartLine, (ParseError, Option<StartLine>)> {
        let from = self.at;
        let (text_end, end) = self.line_end(from).map_err(|_| (ParseError::NotSip, None))?;
        self.at = end;
        let line = &self.bytes[from..text_end];
        if line.len() > limits.start_line_bytes_max {
            let start = self
                .request_line(from, text_end, end)
                .or_else(|(_, start)| start.ok_or(()))
                .ok();
            return Err((ParseError::StartLineTooLong, start));
        }
        if line.starts_with(b"SIP/") || line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
            return self.status_line(from, text_end, end).map_err(|error| (error, None));
        }
        self.request_line(from, text_end, end)
    }

    fn request_line(
        &self,
        from: usize,
        text_end: usize,
        end: usize,
    ) -> Result<StartLine, (ParseError, Option<StartLine>)> {
        let line = &self.bytes[from..text_end];
        let not_sip = (ParseError::NotSip, None);
        let first = find(b' ', line).ok_or(not_sip)?;
        // As nearly every sender writes it; whatever is wrong is found out below.
        let (known, end_of_uri) = (Method::from_bytes(&line[..first]), uri_end(line, first + 1));
        if known != Method::Other && end_of_uri > first + 1 && line[end_of_uri..] == *b" SIP/2.0" {
            return Ok(StartLine::Request {
                method: known,
                name: Span::new(from, from + first),
                uri: Span::new(from + first + 1, from + end_of_uri),
                end: end as u32,
            });
        }
        let last = memchr::memrchr(b' ', line).ok_or(not_sip)?;
        let method = &line[..first];
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            return Err(not_sip);
        }
        let version = &line[last + 1..];
        let start = StartLine::Request {
            method: Method::from_bytes(method),
            name: Span::new(from, from + first),
            uri: Span::new(from + first + 1, from + last.max(first + 1)),
            end: end as u32,
        };
        if version.len() < 4 || !version[..4].eq_ignore_ascii_case(b"SIP/") {
            // A request line with something behind the version, or none of SIP at all.
            let sip_somewhere = line.windows(5).any(|window| window.eq_ignore_ascii_case(b" SIP/"));
            return Err(if sip_somewhere {
                (ParseError::RequestLine, Some(start))
            } else {
                not_sip
            });
        }
        //= MSG-002
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            return Err((ParseError::Version, Some(start)));
        }
        //= MSG-011
        let uri = &line[first + 1..last.max(first + 1)];
        let malformed = uri.is_empty()
            || uri
                .iter()
                .any(|byte| matches!(byte, b' ' | b'\t' | b'<' | b'>' | b'"' | 0..=0x1f | 0x7f));
        if malformed {
            return Err((ParseError::RequestLine, Some(start)));
        }
        Ok(start)
    }

    fn status_line(&self, from: usize, text_end: usize, end: usize) -> Result<StartLine, ParseError> {
        let line = &self.bytes[from..text_end];
        let is_ours = line.starts_with(b"SIP/2.0 ") || line.len() >= 8 && line[..8].eq_ignore_ascii_case(b"SIP/2.0 ");
        if !is_ours {
            return Err(ParseError::Version);
        }
        let code = line.get(8..11).and_then(decimal).ok_or(ParseError::StatusLine)?;
        let spaced = matches!(line.get(11), None | Some(b' '));
        if !(100..=699).contains(&code) || !spaced {
            return Err(ParseError::StatusLine);
        }
        let reason = Span::new(from + line.len().min(12), text_end);
        Ok(StartLine::Response {
            status: code as u16,
            reason,
            end: end as u32,
        })
    }

    /// Reads rows until the blank line, or as far as they can be read.
    fn rows(&mut self, start: StartLine, limits: &ParseLimits) -> (Box<Index>, Result<(), ParseError>) {
        let mut index = Box::new(Index {
            start,
            lines: Lines::new(),
            names: 0,
            repeated: 0,
            request_uri: Cell::new(None),
            bare_feed: false,
            blank: 0,
            body: 0,
        });
        // Most messages are shorter than any limit of a row and of their number, and nothing needs to be counted: a row takes
        // three bytes at least.
        let long = self.bytes.len()
            > limits
                .header_bytes_max
                .min(limits.header_block_bytes_max)
                .min(limits.header_rows_max.saturating_mul(3))
                .min(u16::MAX.into());
        let mut from = self.at;
        let outcome = loop {
            if !long {
                from = usual_rows(self.bytes, from, &mut index.lines);
            }
            match self.unusual(from) {
                Ok(Next::Row(line)) => {
                    index.lines.push(line);
                    from = line.end as usize;
                }
                Ok(Next::Blank { end }) => {
                    index.blank = from as u32;
                    from = end;
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
            if long && let Err(error) = check_limits(&index.lines, limits) {
                index.lines.pop();
                break Err(error);
            }
        };
        index.note_names();
        index.body = from as u32;
        index.bare_feed = self.bare_feed;
        (index, outcome)
    }

    /// Reads the row at `from` with its folds, however it is written, or the blank line.
    fn unusual(&mut self, from: usize) -> Result<Next, ParseError> {
        let text = &self.bytes[from..];
        if let Some(length) = line_end_length(text) {
            self.bare_feed |= length == 1;
            return Ok(Next::Blank { end: from + length });
        }
        let (name, name_bytes, colon) = row_name(text)?;
        let (value, end) = self.folded(from + colon + 1)?;
        Ok(Next::Row(Line {
            name,
            made: false,
            name_bytes: name_bytes as u16,
            start: from as u32,
            value,
            end: end as u32,
        }))
    }

    /// The value of a row behind its colon, without the white space around it, folds too; and where the row ends.
    fn folded(&mut self, from: usize) -> Result<(Span, usize), ParseError> {
        let (mut value_end, mut end) = self.line_end(from)?;
        while let Some(b' ' | b'\t') = self.bytes.get(end) {
            (value_end, end) = self.line_end(end)?;
        }
        let mut value = self.bytes.get(from..value_end).unwrap_or_default();
        while let [byte, rest @ ..] = value
            && is_blank(*byte)
        {
            value = rest;
        }
        let start = value_end - value.len();
        while let [rest @ .., byte] = value
            && is_blank(*byte)
        {
            value = rest;
        }
        Ok((Span::new(start, start + value.len()), end))
    }
}

/// What comes next in a header block.
enum Next {
    Row(Line),
    /// The line that ends it, and where that one ends.
    Blank {
        end: usize,
    },
}

/// Reads rows as long as they are as nearly every sender writes them. Gives where the last of them ends. A loop of its own: it
/// needs every register.
#[inline(never)]
fn usual_rows(bytes: &[u8], from: usize, lines: &mut Lines) -> usize {
    let mut from = from;
    while let Some(line) = usual_row(bytes, from) {
        lines.push(line);
        from = line.end as usize;
    }
    from
}

/// The row at `from`, when it has the usual capitals, the colon at once, one blank in front of its value, none behind it, and is
/// one line. `None` says nothing.
#[inline]
fn usual_row(bytes: &[u8], from: usize) -> Option<Line> {
    let (name, name_bytes) = Name::usual(bytes.get(from..)?)?;
    let behind_colon = from + name_bytes + 1;
    let text_end = line_end(bytes, behind_colon);
    let ends = matches!(bytes[text_end..], [b'\r', b'\n', next, ..] if !matches!(next, b' ' | b'\t'));
    let is_usual = ends
        && text_end > behind_colon + 1
        && bytes[behind_colon] == b' '
        && bytes[behind_colon + 1] > b' '
        && bytes[text_end - 1] > b' ';
    is_usual.then(|| Line {
        name,
        made: false,
        name_bytes: name_bytes as u16,
        start: from as u32,
        value: Span::new(behind_colon + 1, text_end),
        end: text_end as u32 + 2,
    })
}

/// How long the line end is that a text begins with; `None` when it begins with another.
fn line_end_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Whether the last row is within the limits, and all of them together.
fn check_limits(lines: &Lines, limits: &ParseLimits) -> Result<(), ParseError> {
    let Some(line) = lines.last() else { return Ok(()) };
    if lines.len() > limits.header_rows_max {
        return Err(ParseError::HeaderBlockTooLarge);
    }
    let (start, end) = (line.start as usize, line.end as usize);
    let value_start = line.value.start as usize;
    if end - start > limits.header_bytes_max || value_start - start > usize::from(u16::MAX) {
        return Err(ParseError::HeaderTooLong);
    }
    if end > limits.header_block_bytes_max {
        return Err(ParseError::HeaderBlockTooLarge);
    }
    Ok(())
}

/// The name a row begins with, its length, and the place of the colon.
fn row_name(text: &[u8]) -> Result<(Name, usize, usize), ParseError> {
    // A line without a colon gives a name with a line end in it, which is none.
    let colon = find(b':', text).ok_or_else(|| without_colon(text))?;
    let mut length = colon;
    while length > 0 && matches!(text[length - 1], b' ' | b'\t') {
        length -= 1;
    }
    let name = Name::from_bytes(&text[..length]);
    // A name we know is a token.
    if name == Name::Other && !(length > 0 && text[..length].iter().all(|byte| is_token(*byte))) {
        return Err(without_colon(text));
    }
    Ok((name, length, colon))
}

/// What is wrong with a line that does not begin with a name and a colon: it has no end, or is no header row.
#[cold]
fn without_colon(text: &[u8]) -> ParseError {
    match memchr::memchr(b'\n', text) {
        None => ParseError::NoBlankLine,
        Some(_) => ParseError::HeaderRow,
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A character of `token`, RFC 3261 section 25.1.
pub fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        table[byte] = c.is_ascii_alphanumeric()
            || matches!(c, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 8192,
        header_bytes_max: 16384,
        header_block_bytes_max: 65536,
        header_rows_max: 512,
        body_bytes_max: 262_144,
    };

    fn read(text: &[u8]) -> Result<Message, ParseError> {
        parse(Bytes::copy_from_slice(text), Carrier::Datagram, &LIMITS).map_err(|refused| refused.error)
    }

    //= MSG-010 type=test
    #[test]
    fn folds_and_blanks_belong_to_the_row() {
        let message = read(b"OPTIONS sip:x SIP/2.0\r\np-asserted-IDENTITY :<sip:a@x>,\r\n\t<tel:+1>\r\n\r\n").unwrap();
        assert_eq!(
            message.first(Name::PAssertedIdentity),
            Some(&b"<sip:a@x>,\r\n\t<tel:+1>"[..])
        );
    }

    //= MSG-002 type=test
    #[test]
    fn other_versions_are_named_so() {
        assert_eq!(read(b"OPTIONS sip:x SIP/7.0\r\n\r\n").unwrap_err(), ParseError::Version);
        assert_eq!(read(b"SIP/3.0 200 OK\r\n\r\n").unwrap_err(), ParseError::Version);
        assert!(read(b"OPTIONS sip:x sip/2.0\r\n\r\n").is_ok());
    }

    //= MSG-011 type=test
    #[test]
    fn blanks_and_brackets_in_a_request_uri_are_refused() {
        for line in [
            "OPTIONS <sip:x> SIP/2.0",
            "OPTIONS sip:x; lr SIP/2.0",
            "OPTIONS  sip:x SIP/2.0",
            "OPTIONS sip:x SIP/2.0 ",
        ] {
            let text = format!("{line}\r\n\r\n");
            assert_eq!(read(text.as_bytes()).unwrap_err(), ParseError::RequestLine, "{line}");
        }
    }

    //= MSG-005 type=test
    #[test]
    fn the_body_ends_where_content_length_says() {
        let message = read(b"MESSAGE sip:x SIP/2.0\r\nl: 2\r\n\r\nhixx").unwrap();
        assert_eq!((message.body(), message.bytes().ends_with(b"hi")), (&b"hi"[..], true));
        assert_eq!(read(b"MESSAGE sip:x SIP/2.0\r\n\r\nall").unwrap().body(), b"all");
        assert_eq!(
            read(b"MESSAGE sip:x SIP/2.0\r\nl: 9\r\n\r\nhi").unwrap_err(),
            ParseError::ShortBody
        );
        assert_eq!(
            read(b"MESSAGE sip:x SIP/2.0\r\nl: -1\r\n\r\n").unwrap_err(),
            ParseError::ContentLength
        );
        assert_eq!(
            read(b"MESSAGE sip:x SIP/2.0\r\nl: 0\r\nl: 1\r\n\r\nx").unwrap_err(),
            ParseError::ContentLength
        );
    }

    //= MSG-012 type=test
    #[test]
    fn every_ceiling_holds_at_and_past_it() {
        let limits = ParseLimits {
            header_rows_max: 2,
            header_bytes_max: 20,
            body_bytes_max: 3,
            ..LIMITS
        };
        let read = |text: &str| {
            parse(Bytes::copy_from_slice(text.as_bytes()), Carrier::Datagram, &limits).map_err(|refused| refused.error)
        };
        assert!(read("A sip:x SIP/2.0\r\nA: 1\r\nB: 2\r\n\r\nabc").is_ok());
        assert_eq!(
            read("A sip:x SIP/2.0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n").unwrap_err(),
            ParseError::HeaderBlockTooLarge
        );
        assert_eq!(
            read("A sip:x SIP/2.0\r\nA: 1\r\n\r\nabcd").unwrap_err(),
            ParseError::BodyTooLarge
        );
        assert!(read("A sip:x SIP/2.0\r\nA: 456789012345678\r\n\r\n").is_ok());
        assert_eq!(
            read("A sip:x SIP/2.0\r\nA: 4567890123456789\r\n\r\n").unwrap_err(),
            ParseError::HeaderTooLong
        );
    }

    #[test]
    fn hidden_line_ends_are_refused() {
        assert_eq!(
            read(b"A sip:x SIP/2.0\r\nX: a\rPrivacy: none\r\n\r\n").unwrap_err(),
            ParseError::BareCarriageReturn
        );
        assert_eq!(
            read(b"A sip:x SIP/2.0\r\nPrivacy x: id\r\n\r\n").unwrap_err(),
            ParseError::HeaderRow
        );
        assert_eq!(
            read(b"A sip:x SIP/2.0\r\nPrivacy\r\n : id\r\n\r\n").unwrap_err(),
            ParseError::HeaderRow
        );
        assert_eq!(
            read(b"A sip:x SIP/2.0\r\nX: a\r\n").unwrap_err(),
            ParseError::NoBlankLine
        );
    }

    #[test]
    fn a_refused_request_keeps_what_an_answer_needs() {
        let refused = parse(
            Bytes::from_static(b"\r\nOPTIONS sip:x SIP/7.0\r\nVia: SIP/2.0/UDP h\r\n\r\n"),
            Carrier::Datagram,
            &LIMITS,
        )
        .unwrap_err();
        let message = refused.message.unwrap();
        assert_eq!(message.first(Name::Via), Some(&b"SIP/2.0/UDP h"[..]));
        assert_eq!(message.method(), Some(Method::Options));
    }
}
