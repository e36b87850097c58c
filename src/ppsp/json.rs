//! JSON within limits: read whole or not at all, written in one form.
//!
//! What is read borrows from its bytes; what is large is written piece by piece. The reader is ours, for that and for the limits,
//! which hold while it reads; that it takes what `serde_json` takes, and as that, is tested.

mod read;
mod scan;

use std::borrow::Cow;
use std::fmt;

pub use read::Reader;

/// How large a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub bytes_max: usize,
    /// Objects and lists within each other.
    pub depth_max: usize,
    /// Members of objects and elements of lists, in the whole document.
    pub members_max: usize,
    /// Bytes of a string or of a name.
    pub text_bytes_max: usize,
}

impl Limits {
    //= P2P-067
    pub const PPSP: Limits = Limits {
        bytes_max: 64 * 1024,
        // A list with ranges and addresses, which has both within its entries, is ten deep.
        depth_max: 10,
        members_max: 2048,
        text_bytes_max: 8192,
    };
}

/// A value. Members stand in the order they came in; none twice.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// A whole number that is not negative.
    Number(u64),
    /// Any other number: nothing that is known here is one.
    OtherNumber,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a document is not read. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the document is larger than allowed")]
    TooLarge,
    #[error("the document is no JSON, too deep, has too many members, or one of them twice")]
    Malformed,
}

impl<'a> Json<'a> {
    /// Reads a document: one value, and nothing behind it.
    //= P2P-057
    //= P2P-067
    pub fn read(bytes: &'a [u8], limits: Limits) -> Result<Json<'a>, Unreadable> {
        let mut reader = Reader::of(bytes, limits)?;
        let json = reader.value().ok_or(Unreadable::Malformed)?;
        reader.ends().ok_or(Unreadable::Malformed)?;
        Ok(json)
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Json::Object(members) = self else { return None };
        members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number, or the digits of one: senders write both.
    //= P2P-011
    pub fn number(&self) -> Option<u64> {
        match self {
            Json::Number(number) => Some(*number),
            Json::Text(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()
            }
            _ => None,
        }
    }

    /// The elements of a list; anything else is a list of itself.
    //= P2P-011
    pub fn one_or_many(&self) -> &[Json<'a>] {
        match self {
            Json::List(elements) => elements,
            one => std::slice::from_ref(one),
        }
    }

    pub fn list(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::List(elements) => Some(elements),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }

    /// Writes the value, without blanks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(1024);
        out.value(self);
        out.finish()
    }
}

/// An object of the members that are there.
pub fn object<'a, const N: usize>(members: [(&'static str, Option<Json<'a>>); N]) -> Json<'a> {
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.into(), value?)));
    Json::Object(present.collect())
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Json<'a> {
        Json::Text(text.into())
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Json::Text(text.into())
    }
}

impl From<u64> for Json<'_> {
    fn from(number: u64) -> Self {
        Json::Number(number)
    }
}

/// Writes a document, value by value, without blanks.
pub struct Writer {
    /// Behind each value stands a comma, until what it is in is closed.
    out: Vec<u8>,
}

impl Writer {
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer {
            out: Vec::with_capacity(bytes),
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.pop();
        self.out
    }

    /// An object, of the members that `inner` writes.
    pub fn object(&mut self, inner: impl FnOnce(&mut Writer)) {
        self.within(*b"{}", inner);
    }

    /// A list, of the values that `inner` writes.
    pub fn list(&mut self, inner: impl FnOnce(&mut Writer)) {
        self.within(*b"[]", inner);
    }

    fn within(&mut self, [open, close]: [u8; 2], inner: impl FnOnce(&mut Writer)) {
        self.out.push(open);
        inner(self);
        self.out.pop_if(|last| *last == b',');
        self.out.extend_from_slice(&[close, b',']);
    }

    /// A member by a name of ours, which nothing in it needs to be escaped; its value comes next.
    pub fn name(&mut self, name: &'static str) -> &mut Writer {
        debug_assert!(scan::is_plain(name.as_bytes()), "names of ours are words");
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    pub fn text(&mut self, text: &str) {
        self.quoted(text);
        self.out.push(b',');
    }

    pub fn number(&mut self, number: u64) {
        match number {
            0..10 => self.out.push(b'0' + number as u8),
            _ => self.out.extend_from_slice(number.to_string().as_bytes()),
        }
        self.out.push(b',');
    }

    pub fn value(&mut self, json: &Json<'_>) {
        match json {
            Json::Null | Json::OtherNumber => self.out.extend_from_slice(b"null,"),
            Json::Bool(true) => self.out.extend_from_slice(b"true,"),
            Json::Bool(false) => self.out.extend_from_slice(b"false,"),
            Json::Number(number) => self.number(*number),
            Json::Text(text) => self.text(text),
            Json::List(elements) => self.list(|out| elements.iter().for_each(|element| out.value(element))),
            Json::Object(members) => {
                self.object(|out| {
                    members.iter().for_each(|(name, value)| {
                        out.quoted(name);
                        out.out.push(b':');
                        out.value(value);
                    })
                });
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        match scan::is_plain(text.as_bytes()) {
            true => self.out.extend_from_slice(text.as_bytes()),
            false => text.bytes().for_each(|byte| match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                0..0x20 | 0x7f => self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.out.push(byte),
            }),
        }
        self.out.push(b'"');
    }
}

impl fmt::Debug for Writer {
    /// Shows nothing of what was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl fmt::Debug for Json<'_> {
    /// Shows the shape: what stands in it may name somebody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Json::Null => "Null",
            Json::Bool(_) => "Bool",
            Json::Number(_) | Json::OtherNumber => "Number",
            Json::Text(_) => "Text",
            Json::List(_) => "List",
            Json::Object(_) => "Object",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Json<'_>, Unreadable> {
        Json::read(text.as_bytes(), Limits::PPSP)
    }

    //= P2P-011 type=test
    #[test]
    fn numbers_and_lists_are_read_as_senders_write_them() {
        let json = read(r#"{"a":7,"b":"0042","c":[1,2],"d":-1,"e":1.5,"f":"4x","g":{"h":null}}"#).unwrap();
        let number = |name: &str| json.get(name).and_then(Json::number);
        let numbers = ["a", "b", "c", "d", "e", "f"].map(number);
        assert_eq!(numbers, [Some(7), Some(42), None, None, None, None]);
        assert_eq!(json.get("c").unwrap().one_or_many().len(), 2);
        assert_eq!(json.get("g").unwrap().one_or_many().len(), 1);
        assert_eq!(json.get("g").unwrap().get("h"), Some(&Json::Null));
    }

    //= P2P-067 type=test
    #[test]
    fn limits_hold_at_and_past_them() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(10)).is_ok() && read(&nested(11)) == Err(Unreadable::Malformed));
        let many = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert!(read(&many(2048)).is_ok() && read(&many(2049)) == Err(Unreadable::Malformed));
        let long = |length: usize| format!("[\"{}\"]", "a".repeat(length));
        assert!(read(&long(8192)).is_ok() && read(&long(8193)) == Err(Unreadable::Malformed));
        let name = |length: usize| format!("{{\"{}\":1}}", "a".repeat(length));
        assert!(read(&name(8192)).is_ok() && read(&name(8193)) == Err(Unreadable::Malformed));
        let padded = |length: usize| "1".to_string() + &" ".repeat(length - 1);
        assert!(read(&padded(64 * 1024)).is_ok() && read(&padded(64 * 1024 + 1)) == Err(Unreadable::TooLarge));
    }

    //= P2P-057 type=test
    #[test]
    fn what_readers_may_differ_on_is_not_read() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            &format!(
                "{{{},\"3\":0}}",
                (0..40)
                    .map(|name| format!("\"{name}\":0"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            r#"{"a":1} {"b":2}"#,
            r#"{"a":1}x"#,
            "{a:1}",
            r#"{"a":1,}"#,
            "// word\n1",
            "",
            "NaN",
            "\"\u{1}\"",
        ] {
            assert_eq!(read(text), Err(Unreadable::Malformed), "{text}");
        }
        assert_eq!(Json::read(b"\"\xff\"", Limits::PPSP), Err(Unreadable::Malformed));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(text in ".{0,40}", number: u64, truth: bool) {
            let inner = Json::List(vec![Json::Text(text.clone().into()), number.into(), Json::Bool(truth), Json::Null]);
            let json = Json::Object(vec![(text.into(), inner), ("\u{7f}\"\\".into(), Json::Object(Vec::new()))]);
            prop_assume!(matches!(&json, Json::Object(members) if members[0].0 != members[1].0));
            let bytes = json.to_bytes();
            prop_assert_eq!(Json::read(&bytes, Limits::PPSP), Ok(json));
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Json::read(&bytes, Limits::PPSP);
        }
    }

    #[test]
    fn what_is_printed_names_nobody() {
        assert_eq!(
            format!("{:?}", read(r#"{"a":"sip:alice@home1.example"}"#)),
            "Ok(Object)"
        );
    }
}
