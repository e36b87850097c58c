//! Header rows as a second pair of eyes reads them. Shares no code with the reader it watches.

/// One row with its folds, without its last line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Trimmed, as written.
    pub name: &'a [u8],
    /// Trimmed; folds are still in it.
    pub value: &'a [u8],
}

impl Row<'_> {
    /// Whether the row has this name, long or compact, in any case.
    pub fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The start line without its line end.
pub fn start_line(message: &[u8]) -> &[u8] {
    lines(message).first().copied().unwrap_or_default()
}

/// Every row up to the empty line. Lines end in LF, with or without a CR.
pub fn rows(message: &[u8]) -> Vec<Row<'_>> {
    let lines = lines(message);
    let mut rows = Vec::new();
    let mut at = 1;
    while at < lines.len() && !lines[at].is_empty() {
        let begin = offset(message, lines[at]);
        let mut end = begin + lines[at].len();
        at += 1;
        while at < lines.len() && matches!(lines[at].first(), Some(b' ' | b'\t')) {
            end = offset(message, lines[at]) + lines[at].len();
            at += 1;
        }
        let text = &message[begin..end];
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        rows.push(Row {
            name: text[..colon].trim_ascii(),
            value: text.get(colon + 1..).unwrap_or_default().trim_ascii(),
        });
    }
    rows
}

/// The value of the first row with one of these names.
pub fn first<'a>(message: &'a [u8], names: &[&str]) -> Option<&'a [u8]> {
    rows(message).into_iter().find(|row| row.is(names)).map(|row| row.value)
}

/// What stands behind the empty line.
pub fn body(message: &[u8]) -> &[u8] {
    let lines = lines(message);
    let Some(empty) = lines.iter().skip(1).find(|line| line.is_empty()) else {
        return &[];
    };
    let rest = &message[offset(message, empty)..];
    rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).unwrap_or(rest)
}

fn lines(message: &[u8]) -> Vec<&[u8]> {
    let skipped = message.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut lines = Vec::new();
    for line in message[skipped..].split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        lines.push(line);
        if line.is_empty() {
            break;
        }
    }
    lines
}

/// Where a part of `message` begins in it.
fn offset(message: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - message.as_ptr() as usize
}
