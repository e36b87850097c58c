//! SIP messages as this program writes and reads them: rows of text and a body. The proxy reads them with more care.

/// Bytes of a message at most.
pub const BYTES_MAX: usize = 128 << 10;

/// One message. Names nobody in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub start: String,
    rows: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").finish_non_exhaustive()
    }
}

impl Message {
    pub fn new(start: impl Into<String>) -> Message {
        Message {
            start: start.into(),
            rows: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Message {
        self.rows.push((name.to_owned(), value.into()));
        self
    }

    pub fn with_body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Message {
        self.body = body.into();
        self.with("Content-Type", kind)
    }

    /// `None`: head and body that are no message.
    pub fn read(head: &[u8], body: &[u8]) -> Option<Message> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut message = Message::new(lines.next()?);
        for line in lines.filter(|line| !line.is_empty()) {
            match (line.strip_prefix([' ', '\t']), message.rows.last_mut()) {
                (Some(folded), Some((_, value))) => *value += &format!(" {}", folded.trim()),
                (Some(_), None) => return None,
                (None, _) => {
                    let (name, value) = line.split_once(':')?;
                    message
                        .rows
                        .push((long(name.trim()).to_owned(), value.trim().to_owned()));
                }
            }
        }
        message.body = body.to_vec();
        Some(message)
    }

    pub fn write(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.rows {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub fn rows<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_named = move |row: &&(String, String)| row.0.eq_ignore_ascii_case(name);
        self.rows.iter().filter(is_named).map(|(_, value)| value.as_str())
    }

    pub fn row(&self, name: &str) -> Option<&str> {
        self.rows
            .iter()
            .find(|row| row.0.eq_ignore_ascii_case(name))
            .map(|row| row.1.as_str())
    }

    /// The status of a response. `None`: it is a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    pub fn method(&self) -> &str {
        let of_request = self.start.split(' ').next().unwrap_or_default();
        match self.status() {
            None => of_request,
            Some(_) => self
                .row("CSeq")
                .and_then(|row| row.split(' ').next_back())
                .unwrap_or_default(),
        }
    }

    /// Whether a row begins with this media type or event, parameters aside.
    pub fn is_of(&self, name: &str, kind: &str) -> bool {
        let value = self.row(name).and_then(|row| row.split(';').next());
        value.is_some_and(|value| value.trim().eq_ignore_ascii_case(kind))
    }

    /// The answer to this request, as its sender knows it again. `tag`: ours, where it has none.
    pub fn answer(&self, status: &str, tag: &str) -> Message {
        let mut answer = Message::new(format!("SIP/2.0 {status}"));
        for name in ["Via", "Record-Route", "From"] {
            answer = self.rows(name).fold(answer, |answer, value| answer.with(name, value));
        }
        let to = self.row("To").unwrap_or_default();
        let to = match parameter(to, "tag") {
            None => format!("{to};tag={tag}"),
            Some(_) => to.to_owned(),
        };
        answer
            .with("To", to)
            .with("Call-ID", self.row("Call-ID").unwrap_or_default())
            .with("CSeq", self.row("CSeq").unwrap_or_default())
    }
}

fn long(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        "o" => "Event",
        "k" => "Supported",
        _ => name,
    }
}

/// The URI of a From, To, Contact or Route value, without its angle brackets.
pub fn uri(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// A parameter behind the URI.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let behind = value.rsplit_once('>').map_or(value, |(_, behind)| behind);
    behind.split(';').skip(1).find_map(|parameter| {
        let (of, value) = parameter.trim().split_once('=')?;
        of.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The values of rows that may hold several, each in angle brackets.
pub fn routes<'a>(rows: impl Iterator<Item = &'a str>) -> Vec<String> {
    let values = rows.flat_map(|row| row.split(',')).map(str::trim);
    values.map(str::to_owned).collect()
}

/// Cuts messages out of a stream.
#[derive(Default)]
pub struct Cutter(Vec<u8>);

/// What comes is no stream of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side sends what is no SIP, or too long")]
pub struct NoMessage;

impl Cutter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message, with its bytes.
    pub fn cut(&mut self) -> Result<Option<(Message, Vec<u8>)>, NoMessage> {
        // Line ends between messages keep a connection alive.
        let begins = self.0.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.0.drain(..begins);
        let Some(end) = self.0.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if self.0.len() > BYTES_MAX {
                Err(NoMessage)
            } else {
                Ok(None)
            };
        };
        let head = Message::read(&self.0[..end], &[]).ok_or(NoMessage)?;
        let length = head.row("Content-Length").map_or(Ok(0), str::parse::<usize>);
        let length = length.ok().filter(|length| *length <= BYTES_MAX).ok_or(NoMessage)?;
        let whole = end + 4 + length;
        if self.0.len() < whole {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.0.drain(..whole).collect();
        let message = Message {
            body: bytes[end + 4..].to_vec(),
            ..head
        };
        Ok(Some((message, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::new("MESSAGE sip:b@c SIP/2.0")
            .with("Via", "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1")
            .with("From", "\"A; <x>\" <sip:a@c>;tag=1")
            .with("To", "<sip:b@c>")
            .with("Call-ID", "1")
            .with("CSeq", "7 MESSAGE")
            .with_body("text/plain", "hello")
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_breaks() {
        let bytes = [message().write(), b"\r\n\r\n".to_vec(), message().write()].concat();
        for portion in [1, 7, 50, 1000] {
            let (mut cutter, mut cut) = (Cutter::default(), Vec::new());
            for some in bytes.chunks(portion) {
                cutter.push(some);
                while let Some((message, _)) = cutter.cut().unwrap() {
                    cut.push(message);
                }
            }
            assert_eq!(cut.len(), 2);
            for read in cut {
                assert_eq!(read.start, message().start);
                assert_eq!(read.body, message().body);
                assert_eq!((read.row("cseq"), read.method()), (Some("7 MESSAGE"), "MESSAGE"));
            }
        }
    }

    #[test]
    fn what_is_no_message_ends_the_stream() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nno row\r\n\r\n"[..],
            b"X\r\nContent-Length: -1\r\n\r\n",
            &[b'a'; BYTES_MAX + 1],
        ] {
            let mut cutter = Cutter::default();
            cutter.push(bytes);
            assert_eq!(cutter.cut(), Err(NoMessage));
        }
    }

    #[test]
    fn an_answer_is_known_again() {
        let answer = message().answer("200 OK", "b");
        assert_eq!(answer.status(), Some(200));
        assert_eq!(answer.row("To"), Some("<sip:b@c>;tag=b"));
        assert_eq!(answer.method(), "MESSAGE");
        let value = "\"A; <x>\" <sip:a@c;lr>;tag=1";
        assert_eq!(parameter(value, "tag"), Some("1"));
        assert_eq!(uri("<sip:a@c;lr>;tag=1"), "sip:a@c;lr");
        assert_eq!(uri("sip:a@c;tag=1"), "sip:a@c");
    }
}
