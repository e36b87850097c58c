//! Messages as phones read and write them. Shares no code with the reader of the engine.

/// A message, its rows in order.
#[derive(Debug, Clone)]
pub struct Wire {
    pub start: String,
    rows: Vec<(String, String)>,
}

impl Wire {
    pub fn read(bytes: &[u8]) -> Option<Wire> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, _) = text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ");
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let rows = lines.map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Wire {
            start,
            rows: rows.collect::<Option<Vec<_>>>()?,
        })
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request, or of the request a response answers.
    pub fn method(&self) -> &str {
        match self.status() {
            None => self.start.split(' ').next().unwrap_or_default(),
            Some(_) => self.first("cseq").split_whitespace().nth(1).unwrap_or_default(),
        }
    }

    pub fn sequence(&self) -> u32 {
        let number = self.first("cseq").split_whitespace().next();
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// The first row of this name (lower case); empty when there is none.
    pub fn first(&self, name: &str) -> &str {
        let found = self.rows.iter().find(|(row, _)| row == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.rows.iter().filter(move |(row, _)| row == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The values of a list whose values hold no comma.
    pub fn values(&self, name: &str) -> Vec<String> {
        let values = self.all(name).flat_map(|row| row.split(','));
        values.map(|value| value.trim().to_owned()).collect()
    }

    pub fn call_id(&self) -> &str {
        self.first("call-id")
    }

    pub fn caller_tag(&self) -> &str {
        tag(self.first("from"))
    }

    pub fn called_tag(&self) -> &str {
        tag(self.first("to"))
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> &str {
        let via = self.first("via").split(',').next().unwrap_or_default();
        let param = via.split(';').find_map(|param| param.trim().strip_prefix("branch="));
        param.unwrap_or_default()
    }

    /// `host:port` of the topmost Via.
    pub fn sent_by(&self) -> &str {
        let via = self.first("via").split(';').next().unwrap_or_default();
        via.split_whitespace().nth(1).unwrap_or_default()
    }
}

/// The tag of a name-addr.
pub fn tag(name_addr: &str) -> &str {
    let found = name_addr.split(';').find_map(|param| param.trim().strip_prefix("tag="));
    found.unwrap_or_default()
}

/// The URI in a name-addr with angles.
pub fn uri(name_addr: &str) -> &str {
    let inner = name_addr.split_once('<').map_or(name_addr, |(_, rest)| rest);
    inner.split_once('>').map_or(inner, |(uri, _)| uri)
}

/// A response to a request, `rows` before its end.
pub fn response(request: &Wire, status: u16, to_tag: &str, rows: &str) -> String {
    let reason = if status < 200 { "Wait" } else { "Word" };
    let mut out = format!("SIP/2.0 {status} {reason}\r\n");
    for (name, value) in &request.rows {
        match &**name {
            "via" | "from" | "call-id" | "cseq" => out += &format!("{name}: {value}\r\n"),
            "record-route" if (101..300).contains(&status) => out += &format!("{name}: {value}\r\n"),
            "to" if tag(value).is_empty() && status > 100 => out += &format!("To: {value};tag={to_tag}\r\n"),
            "to" => out += &format!("To: {value}\r\n"),
            _ => {}
        }
    }
    out + rows + "Content-Length: 0\r\n\r\n"
}
