//! Edits over a received message, and the only serialiser. A read after an edit sees the edit.

use bytes::Bytes;

use super::headers::cseq::CSeq;
use super::message::{Line, Message, Span, StartLine};
use super::scan::has;
use super::uri::Uri;
use super::{Malformed, Method, Name};

/// A message being edited. Rows nobody edits leave byte for byte, in their place.
//= MSG-009
pub struct Draft {
    /// The received message; its list of lines is the draft's own, with edits.
    message: Message,
    /// Text of the rows and the start line made here.
    made: Vec<u8>,
    /// The start line, when it was made here.
    start: Option<Span>,
    /// The Request-URI within `made`, when the start line was made here.
    uri: Span,
    /// The body, when it was made here.
    body: Option<Bytes>,
}

/// Room for the text a forwarded message usually gains: Via, Record-Route, a counted hop.
const MADE_BYTES: usize = 640;
/// Names a row of a draft until the next edit that adds or removes rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row(usize);

/// What a rewritten value is made of.
#[derive(Debug, Clone)]
pub enum Piece<'a> {
    /// This range of the value as it was.
    Kept(std::ops::Range<usize>),
    New(&'a [u8]),
}

impl Clone for Draft {
    /// A clone is made to be edited: it comes with room for text, so that the first edits move nothing.
    fn clone(&self) -> Draft {
        let mut made = Vec::with_capacity(self.made.len() + MADE_BYTES / 2);
        made.extend_from_slice(&self.made);
        let message = self.message.clone();
        Draft {
            message,
            made,
            start: self.start,
            uri: self.uri,
            body: self.body.clone(),
        }
    }
}

impl From<Message> for Draft {
    fn from(message: Message) -> Draft {
        Draft {
            message,
            made: Vec::new(),
            start: None,
            uri: Span::default(),
            body: None,
        }
    }
}

impl Draft {
    pub fn method(&self) -> Option<Method> {
        self.message.method()
    }

    /// The method of the request this is, or answers, as CSeq names it.
    pub fn exchange(&self) -> Option<Method> {
        self.method()
            .or_else(|| Some(CSeq::parse(self.first(Name::CSeq)?).ok()?.method))
    }

    pub fn method_name(&self) -> &[u8] {
        self.message.method_name()
    }

    pub fn status(&self) -> u16 {
        self.message.status()
    }

    pub fn is_request(&self) -> bool {
        self.message.method().is_some()
    }

    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or(self.message.body())
    }

    /// Replaces the body; its length is told as it is then.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.remove(Name::ContentLength);
        self.append(Name::ContentLength, &[body.len().to_string().as_bytes()]);
        self.body = Some(Bytes::from(body));
    }

    pub fn request_uri(&self) -> &[u8] {
        match self.start {
            Some(_) => self.uri.of(&self.made),
            None => self.message.request_uri(),
        }
    }

    /// The Request-URI, read; asked for more than once, it is read once.
    pub fn read_request_uri(&self) -> Result<Uri<'_>, Malformed> {
        let text = self.request_uri();
        if let Some(places) = self.message.index.request_uri.get() {
            return Ok(Uri::again(text, places));
        }
        let uri = Uri::parse(text)?;
        self.message.index.request_uri.set(Some(uri.places()));
        Ok(uri)
    }

    /// Values of the rows of this name, in order.
    pub fn rows(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let lines = self.message.lines_for(name).iter();
        lines
            .filter(move |line| line.name == name)
            .map(|line| self.value_of(line))
    }

    /// Values with the row they stand in.
    pub fn rows_at(&self, name: Name) -> impl Iterator<Item = (Row, &[u8])> {
        let lines = self.message.lines_for(name).iter().enumerate();
        lines
            .filter(move |(_, line)| line.name == name)
            .map(|(at, line)| (Row(at), self.value_of(line)))
    }

    pub fn first(&self, name: Name) -> Option<&[u8]> {
        self.rows(name).next()
    }

    pub fn first_at(&self, name: Name) -> Option<(Row, &[u8])> {
        self.rows_at(name).next()
    }

    pub fn has(&self, name: Name) -> bool {
        self.message.index.names & name.bit() != 0
    }

    pub fn count(&self, name: Name) -> usize {
        self.message.count(name)
    }

    /// A bit set of the known names that occur, one bit a [`Name`].
    pub fn names(&self) -> u128 {
        self.message.index.names
    }

    pub fn value(&self, row: Row) -> &[u8] {
        self.message
            .index
            .lines
            .get(row.0)
            .map_or(b"", |line| self.value_of(line))
    }

    /// Takes out every row of this name. Gives how many there were.
    pub fn remove(&mut self, name: Name) -> usize {
        if !self.has(name) {
            return 0;
        }
        let before = self.message.index.lines.len();
        self.message.index.lines.retain(|line| line.name != name);
        self.message.index.names &= !name.bit();
        before - self.message.index.lines.len()
    }

    /// Takes out every row but those that pass: by the name as written, the name as known, the value.
    pub fn retain(&mut self, passes: impl Fn(&[u8], Name, &[u8]) -> bool) {
        let kept: Vec<bool> = self
            .all_rows()
            .map(|(text, name, value)| passes(text, name, value))
            .collect();
        let mut kept = kept.into_iter();
        self.message.index.lines.retain(|_| kept.next().unwrap_or(true));
        let names = self.message.index.lines.iter().map(|line| line.name.bit());
        self.message.index.names = names.fold(0, |set, bit| set | bit);
    }

    /// Takes out every row whose name is in the set (see [`Draft::names`]). Gives the set of names that were there.
    pub fn remove_names(&mut self, set: u128) -> u128 {
        let found = self.names() & set;
        if found != 0 {
            self.message.index.lines.retain(|line| found & line.name.bit() == 0);
            self.message.index.names &= !found;
        }
        found
    }

    pub fn remove_row(&mut self, row: Row) {
        if row.0 < self.message.index.lines.len() {
            let name = self.message.index.lines.remove(row.0).name;
            if !self.message.index.lines.iter().any(|line| line.name == name) {
                self.message.index.names &= !name.bit();
            }
        }
    }

    /// Replaces the value of a row; its name keeps the received spelling.
    pub fn set(&mut self, row: Row, parts: &[&[u8]]) {
        let Some(&line) = self.message.index.lines.get(row.0) else {
            return;
        };
        let start = self.begin();
        self.copy(
            &line,
            line.start as usize..line.start as usize + usize::from(line.name_bytes),
        );
        let line = finish(&mut self.made, line.name, start, parts);
        self.note_fold(line.value);
        self.message.index.lines[row.0] = line;
    }

    /// Replaces a part of a row's value, keeping the rest byte for byte. `range` counts from the start of the value.
    pub fn splice(&mut self, row: Row, range: std::ops::Range<usize>, parts: &[&[u8]]) {
        let length = self.value(row).len();
        let mut pieces: smallvec::SmallVec<[Piece<'_>; 8]> = smallvec::smallvec![Piece::Kept(0..range.start)];
        pieces.extend(parts.iter().map(|part| Piece::New(part)));
        pieces.push(Piece::Kept(range.end..length));
        self.rewrite(row, &pieces);
    }

    /// Replaces the value of a row by pieces of it and new text. A piece that is not within the value changes nothing at all.
    pub fn rewrite(&mut self, row: Row, pieces: &[Piece<'_>]) {
        let Some(&line) = self.message.index.lines.get(row.0) else {
            return;
        };
        let (begin, length) = (line.value.start as usize, line.value.len());
        let is_within = |range: &std::ops::Range<usize>| range.start <= range.end && range.end <= length;
        if !pieces.iter().all(|piece| match piece {
            Piece::Kept(range) => is_within(range),
            Piece::New(_) => true,
        }) {
            return;
        }
        let start = self.begin();
        self.copy(
            &line,
            line.start as usize..line.start as usize + usize::from(line.name_bytes),
        );
        self.made.extend_from_slice(b": ");
        let value = self.made.len();
        for piece in pieces {
            match piece {
                Piece::Kept(range) => self.copy(&line, begin + range.start..begin + range.end),
                Piece::New(text) => self.made.extend_from_slice(text),
            }
        }
        let value = Span::new(value, self.made.len());
        self.note_fold(value);
        self.made.extend_from_slice(b"\r\n");
        self.message.index.lines[row.0] = Line {
            made: true,
            start: start as u32,
            value,
            end: self.made.len() as u32,
            ..line
        };
    }

    /// Where the next text made begins. The first one makes room for all: most responses make none.
    fn begin(&mut self) -> usize {
        if self.made.capacity() == 0 {
            self.made.reserve(MADE_BYTES);
        }
        self.made.len()
    }

    /// Copies a range of a row's source behind what was made.
    fn copy(&mut self, line: &Line, range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        match line.made {
            true => self.made.extend_from_within(range),
            false => self.made.extend_from_slice(&self.message.bytes[range]),
        }
    }

    /// Adds a row before the first of its name, or before all others when there is none.
    pub fn insert_top(&mut self, name: Name, parts: &[&[u8]]) {
        let at = self
            .message
            .index
            .lines
            .iter()
            .position(|line| line.name == name)
            .unwrap_or(0);
        self.insert(at, name, parts);
    }

    /// Adds a row right behind another.
    pub fn insert_after(&mut self, row: Row, name: Name, parts: &[&[u8]]) {
        self.insert((row.0 + 1).min(self.message.index.lines.len()), name, parts);
    }

    /// Adds a row behind the last of its name, or at the end when there is none.
    pub fn append(&mut self, name: Name, parts: &[&[u8]]) {
        let last = self.message.index.lines.iter().rposition(|line| line.name == name);
        self.insert(last.map_or(self.message.index.lines.len(), |at| at + 1), name, parts);
    }

    fn insert(&mut self, at: usize, name: Name, parts: &[&[u8]]) {
        let start = self.begin();
        self.made.extend_from_slice(name.as_str().as_bytes());
        let line = finish(&mut self.made, name, start, parts);
        self.note_fold(line.value);
        self.message.index.lines.insert(at, line);
        self.message.index.names |= name.bit();
    }

    /// Replaces the Request-URI. A response has none: nothing happens.
    pub fn set_request_uri(&mut self, uri: &[u8]) {
        let StartLine::Request { name, .. } = self.message.index.start else {
            return;
        };
        let uri = uri.to_vec();
        self.message.index.request_uri.set(None);
        let start = self.begin();
        self.made.extend_from_slice(name.of(&self.message.bytes));
        self.made.push(b' ');
        self.uri = Span::new(self.made.len(), self.made.len() + uri.len());
        self.made.extend_from_slice(&uri);
        self.made.extend_from_slice(b" SIP/2.0\r\n");
        self.start = Some(Span::new(start, self.made.len()));
    }

    /// Replaces what a response says of its status in words. A request has none: nothing happens.
    pub fn set_reason(&mut self, reason: &str) {
        let StartLine::Response { status, .. } = self.message.index.start else {
            return;
        };
        let start = self.begin();
        self.made
            .extend_from_slice(format!("SIP/2.0 {status:03} {reason}\r\n").as_bytes());
        self.start = Some(Span::new(start, self.made.len()));
    }

    /// The message as it would leave now.
    pub fn to_bytes(&self) -> Bytes {
        let received = &self.message.bytes[..];
        // Room for all that was received and made, without counting what of it is left: most of it is.
        let mut out = Vec::with_capacity(received.len() + self.made.len());
        let mut run = match self.start {
            Some(made) => {
                out.extend_from_slice(made.of(&self.made));
                Span::new(
                    self.message.index.start.end() as usize,
                    self.message.index.start.end() as usize,
                )
            }
            None => Span {
                start: 0,
                end: self.message.index.start.end(),
            },
        };
        for line in &self.message.index.lines {
            if line.made {
                out.extend_from_slice(run.of(received));
                run.start = run.end;
                out.extend_from_slice(
                    Span {
                        start: line.start,
                        end: line.end,
                    }
                    .of(&self.made),
                );
            } else if line.start == run.end {
                run.end = line.end;
            } else {
                out.extend_from_slice(run.of(received));
                run = Span {
                    start: line.start,
                    end: line.end,
                };
            }
        }
        if let Some(body) = &self.body {
            out.extend_from_slice(run.of(received));
            let blank = self.message.index.blank..self.message.index.body;
            out.extend_from_slice(&received[blank.start as usize..blank.end as usize]);
            out.extend_from_slice(body);
        } else if run.end == self.message.index.blank {
            run.end = received.len() as u32;
            out.extend_from_slice(run.of(received));
        } else {
            out.extend_from_slice(run.of(received));
            out.extend_from_slice(&received[self.message.index.blank as usize..]);
        }
        Bytes::from(out)
    }

    /// The message as it would leave now in a datagram, with CRLF behind every line of its head: some readers end no line at a
    /// bare LF, and would take the row behind it for a part of the one before.
    //= SEC-001
    pub fn to_datagram_bytes(&self) -> Bytes {
        self.with_line_ends(self.to_bytes())
    }

    /// The message as it would leave now on a stream, where nothing but this tells its reader the end of it: with a
    /// Content-Length, and CRLF behind every line of its head.
    //= MSG-005
    pub fn to_stream_bytes(&self) -> Bytes {
        if self.has(Name::ContentLength) {
            return self.with_line_ends(self.to_bytes());
        }
        let mut framed = self.clone();
        framed.append(Name::ContentLength, &[self.body().len().to_string().as_bytes()]);
        self.with_line_ends(framed.to_bytes())
    }

    /// Makes every line end of the head a CRLF, where one may be another.
    fn with_line_ends(&self, message: Bytes) -> Bytes {
        match self.message.index.bare_feed {
            true => with_line_ends(message, self.body().len()),
            false => message,
        }
    }

    /// A value made here that holds a fold may have it from another message, with a bare LF.
    fn note_fold(&mut self, value: Span) {
        if has(b'\n', value.of(&self.made)) {
            self.message.index.bare_feed = true;
        }
    }

    fn value_of(&self, line: &Line) -> &[u8] {
        line.value.of(self.source(line))
    }

    fn source(&self, line: &Line) -> &[u8] {
        if line.made { &self.made } else { &self.message.bytes }
    }

    /// Every row as it stands now: name as written, known name, value.
    pub fn all_rows(&self) -> impl Iterator<Item = (&[u8], Name, &[u8])> {
        self.message.index.lines.iter().map(|line| {
            let name = Span {
                start: line.start,
                end: line.start + u32::from(line.name_bytes),
            };
            (name.of(self.source(line)), line.name, self.value_of(line))
        })
    }
}

/// Makes every line end of the head a CRLF. A datagram may have come with a bare LF, which ends no line on a stream.
fn with_line_ends(message: Bytes, body_length: usize) -> Bytes {
    let (head, body) = message.split_at(message.len() - body_length);
    let is_bare = |at: usize| at == 0 || head[at - 1] != b'\r';
    let mut out = Vec::with_capacity(message.len() + 64);
    let mut done = 0;
    for at in memchr::memchr_iter(b'\n', head).filter(|at| is_bare(*at)) {
        out.extend_from_slice(&head[done..at]);
        out.push(b'\r');
        done = at;
    }
    out.extend_from_slice(&head[done..]);
    out.extend_from_slice(body);
    Bytes::from(out)
}

/// Ends a made row: its value from parts, its line end.
fn finish(made: &mut Vec<u8>, name: Name, start: usize, parts: &[&[u8]]) -> Line {
    let name_bytes = (made.len() - start) as u16;
    made.extend_from_slice(b": ");
    let value = made.len();
    for part in parts {
        made.extend_from_slice(part);
    }
    let value = Span::new(value, made.len());
    made.extend_from_slice(b"\r\n");
    Line {
        name,
        made: true,
        name_bytes,
        start: start as u32,
        value,
        end: made.len() as u32,
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft")
            .field("of", &self.message)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::{Carrier, ParseLimits, parse};

    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 8192,
        header_bytes_max: 16384,
        header_block_bytes_max: 65536,
        header_rows_max: 512,
        body_bytes_max: 262144,
    };

    fn draft(text: &str) -> Draft {
        parse(Bytes::copy_from_slice(text.as_bytes()), Carrier::Datagram, &LIMITS)
            .unwrap()
            .into()
    }

    const TEXT: &str = "MESSAGE sip:b@x SIP/2.0\r\nv : SIP/2.0/UDP h;branch=z9hG4bK1\r\nX-Odd:\tkept \r\nsubject: one\r\n two\r\nTo: <sip:b@x>\r\n\r\nbody";

    #[test]
    fn a_request_uri_is_read_anew_once_it_was_replaced() {
        let mut draft = draft(TEXT);
        for _ in 0..2 {
            let uri = draft.read_request_uri().unwrap();
            assert_eq!((uri.as_bytes(), uri.user()), (&b"sip:b@x"[..], Some(&b"b"[..])));
        }
        draft.set_request_uri(b"sip:other@example.com;lr");
        for draft in [&draft, &draft.clone()] {
            let uri = draft.read_request_uri().unwrap();
            assert_eq!((uri.host(), uri.lr()), (&b"example.com"[..], true));
        }
        draft.set_request_uri(b"none");
        assert!(draft.read_request_uri().is_err() && draft.read_request_uri().is_err());
    }

    //= MSG-009 type=test
    #[test]
    fn what_nobody_edits_leaves_byte_for_byte() {
        assert_eq!(draft(TEXT).to_bytes(), TEXT.as_bytes());
    }

    #[test]
    fn a_read_after_an_edit_sees_the_edit() {
        let mut draft = draft(TEXT);
        let (row, value) = draft.first_at(Name::Subject).unwrap();
        assert_eq!(value, b"one\r\n two");
        draft.set(row, &[b"three"]);
        assert_eq!(draft.first(Name::Subject), Some(&b"three"[..]));
        draft.insert_top(Name::Via, &[b"SIP/2.0/UDP me;branch=z9hG4bK2"]);
        assert_eq!(draft.rows(Name::Via).count(), 2);
        draft.set_request_uri(b"sip:c@y");
        assert_eq!(draft.request_uri(), b"sip:c@y");
        assert_eq!(draft.remove(Name::To), 1);
        let text = "MESSAGE sip:c@y SIP/2.0\r\nVia: SIP/2.0/UDP me;branch=z9hG4bK2\r\nv : SIP/2.0/UDP h;branch=z9hG4bK1\r\nX-Odd:\tkept \r\nsubject: three\r\n\r\nbody";
        assert_eq!(draft.to_bytes(), text.as_bytes());
    }

    #[test]
    fn splice_keeps_the_rest_of_the_value() {
        let mut draft = draft(TEXT);
        let (row, value) = draft.first_at(Name::Via).unwrap();
        let end = value.len();
        draft.splice(row, end..end, &[b";received=", b"192.0.2.1"]);
        assert_eq!(
            draft.first(Name::Via),
            Some(&b"SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1"[..])
        );
        draft.splice(row, 500..501, &[b"x"]);
        assert_eq!(
            draft.first(Name::Via),
            Some(&b"SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1"[..])
        );
    }

    //= MSG-005 type=test
    #[test]
    fn on_a_stream_every_message_says_where_it_ends() {
        let text = "MESSAGE sip:b@x SIP/2.0\r\nTo: <sip:b@x>\r\n\r\nl: 9\r\n\r\n";
        let framed = "MESSAGE sip:b@x SIP/2.0\r\nTo: <sip:b@x>\r\nContent-Length: 8\r\n\r\nl: 9\r\n\r\n";
        assert_eq!(draft(text).to_stream_bytes(), framed.as_bytes());
        assert_eq!(draft(framed).to_stream_bytes(), framed.as_bytes());
        let bare = "MESSAGE sip:b@x SIP/2.0\nTo: a\n b\r\nl: 3\n\na\nb";
        let whole = "MESSAGE sip:b@x SIP/2.0\r\nTo: a\r\n b\r\nl: 3\r\n\r\na\nb";
        assert_eq!(draft(bare).to_stream_bytes(), whole.as_bytes());
        assert_eq!(draft(bare).to_datagram_bytes(), whole.as_bytes());
        assert_eq!(draft(bare).to_bytes(), bare.as_bytes());
    }

    #[test]
    fn rows_are_appended_behind_their_like() {
        let mut draft = draft(TEXT);
        draft.append(Name::Via, &[b"SIP/2.0/UDP last"]);
        draft.append(Name::MaxForwards, &[b"70"]);
        let text = String::from_utf8(draft.to_bytes().to_vec()).unwrap();
        assert!(text.contains("branch=z9hG4bK1\r\nVia: SIP/2.0/UDP last\r\nX-Odd"));
        assert!(text.contains("To: <sip:b@x>\r\nMax-Forwards: 70\r\n\r\nbody"));
    }
}
