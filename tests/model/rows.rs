//! A message as rows of text. Nothing here is shared with the crate.

/// A header row as it stands in the message, its line ends within a folded value included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub start: String,
    pub rows: Vec<Row>,
    pub body: String,
}

const COMPACT: &[(&str, &str)] = &[
    ("i", "call-id"),
    ("m", "contact"),
    ("e", "content-encoding"),
    ("l", "content-length"),
    ("c", "content-type"),
    ("f", "from"),
    ("s", "subject"),
    ("k", "supported"),
    ("t", "to"),
    ("v", "via"),
    ("r", "refer-to"),
    ("b", "referred-by"),
    ("o", "event"),
    ("u", "allow-events"),
    ("x", "session-expires"),
    ("y", "identity"),
    ("n", "identity-info"),
    ("a", "accept-contact"),
    ("d", "request-disposition"),
    ("j", "reject-contact"),
];

impl Row {
    pub fn new(text: impl Into<String>) -> Row {
        Row { text: text.into() }
    }

    /// The long name in lower case.
    pub fn name(&self) -> String {
        let name = self
            .text
            .split(':')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let long = COMPACT.iter().find(|(compact, _)| *compact == name);
        long.map_or(name, |(_, long)| (*long).to_owned())
    }

    /// The value on one line, without white space at its ends.
    pub fn value(&self) -> String {
        let value = self.text.split_once(':').map_or("", |(_, value)| value);
        let unfolded = value.replace("\r\n", " ").replace('\t', " ");
        unfolded.trim().to_owned()
    }
}

impl Message {
    pub fn read(text: &str) -> Message {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let (start, rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut rows: Vec<Row> = Vec::new();
        for line in rest.split("\r\n").filter(|line| !line.is_empty()) {
            match rows.last_mut() {
                Some(row) if line.starts_with([' ', '\t']) => row.text += &format!("\r\n{line}"),
                _ => rows.push(Row::new(line)),
            }
        }
        Message {
            start: start.to_owned(),
            rows,
            body: body.to_owned(),
        }
    }

    pub fn of<'m>(&'m self, name: &str) -> Vec<&'m Row> {
        self.rows.iter().filter(|row| row.name() == name).collect()
    }

    pub fn value(&self, name: &str) -> Option<String> {
        self.of(name).first().map(|row| row.value())
    }

    /// The single values of all rows of a name, comma lists taken apart.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.of(name).iter().flat_map(|row| split(&row.value(), ',')).collect()
    }

    pub fn status(&self) -> Option<u16> {
        let rest = self.start.strip_prefix("SIP/2.0 ")?;
        rest.get(..3)?.parse().ok()
    }
}

/// Splits at a separator that stands in no quoted string and between no angle brackets; trims, and leaves out what is empty.
pub fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for c in text.chars() {
        if c == separator && !quoted && !angle {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        match c {
            '"' if !escaped && !angle => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// The URI of a name-addr or of a bare address, without parameters of the header in the latter.
pub fn uri(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(begin), Some(end)) if begin < end => &value[begin + 1..end],
        (Some(_), _) => "",
        _ => value.split(';').next().unwrap_or_default().trim(),
    }
}

pub fn scheme(uri: &str) -> String {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.to_ascii_lowercase()
}

/// The user part of a SIP URI, if there is one.
pub fn user(uri: &str) -> Option<&str> {
    let rest = uri.split_once(':')?.1;
    Some(rest.split_once('@')?.0)
}

/// The host of a SIP URI, in lower case.
pub fn host(uri: &str) -> String {
    let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = rest.find([':', ';', '?']).unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

/// Headers within a URI.
pub fn embedded(uri: &str) -> Vec<(String, String)> {
    let Some((_, headers)) = uri.split_once('?') else {
        return Vec::new();
    };
    let pairs = headers
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The value of a parameter behind the address of a header value; empty when it has none.
pub fn parameter(value: &str, name: &str) -> Option<String> {
    split(value, ';').into_iter().skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or((&parameter, ""));
        let is_it = key.trim().eq_ignore_ascii_case(name);
        is_it.then(|| value.trim().to_ascii_lowercase())
    })
}

/// One value without a parameter.
pub fn without_parameter(value: &str, name: &str) -> String {
    let keeps = |part: &String| {
        let key = part.split('=').next().unwrap_or_default().trim();
        !key.eq_ignore_ascii_case(name)
    };
    let parts: Vec<String> = split(value, ';').into_iter().filter(keeps).collect();
    parts.join(";")
}

#[test]
fn rows_are_taken_apart() {
    let message = Message::read("A sip:x SIP/2.0\r\nm : \"a,b\" <sip:a,b@c>,\r\n <sip:d>\r\nx:\r\n\r\nbody");
    assert_eq!(message.values("contact"), ["\"a,b\" <sip:a,b@c>", "<sip:d>"]);
    assert_eq!(message.rows[1].name(), "session-expires");
    assert_eq!(message.body, "body");
    assert_eq!(
        parameter("<sip:x;a=1>;Privacy=Full", "privacy").as_deref(),
        Some("full")
    );
    assert_eq!((user("sip:a@b:1"), host("sip:a@B:1;c")), (Some("a"), "b".to_owned()));
}
