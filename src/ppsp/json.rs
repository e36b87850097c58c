//! JSON within limits: read whole or not at all, written in one form.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

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
pub enum Json {
    Null,
    Bool(bool),
    /// A whole number that is not negative.
    Number(u64),
    /// Any other number: nothing that is known here is one.
    OtherNumber,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Why a document is not read. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the document is larger than allowed")]
    TooLarge,
    #[error("the document is no JSON, too deep, has too many members, or one of them twice")]
    Malformed,
}

impl Json {
    /// Reads a document: one value, and nothing behind it.
    //= P2P-057
    //= P2P-067
    pub fn read(bytes: &[u8], limits: Limits) -> Result<Json, Unreadable> {
        if bytes.len() > limits.bytes_max {
            return Err(Unreadable::TooLarge);
        }
        let left = Cell::new(limits.members_max);
        let value = Value {
            limits,
            left: &left,
            depth: 0,
        };
        let mut document = serde_json::Deserializer::from_slice(bytes);
        let read = value.deserialize(&mut document);
        let json = read.map_err(|_| Unreadable::Malformed)?;
        document.end().map_err(|_| Unreadable::Malformed)?;
        Ok(json)
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
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
    pub fn one_or_many(&self) -> &[Json] {
        match self {
            Json::List(elements) => elements,
            one => std::slice::from_ref(one),
        }
    }

    pub fn list(&self) -> Option<&[Json]> {
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
        let mut out = Vec::with_capacity(1024);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null | Json::OtherNumber => out.extend_from_slice(b"null"),
            Json::Bool(true) => out.extend_from_slice(b"true"),
            Json::Bool(false) => out.extend_from_slice(b"false"),
            Json::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Json::Text(text) => write_text(text, out),
            Json::List(elements) => {
                out.push(b'[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    element.write(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (place, (name, value)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// An object of the members that are there.
pub fn object<const N: usize>(members: [(&str, Option<Json>); N]) -> Json {
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_string(), value?)));
    Json::Object(present.collect())
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_string())
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Json {
        Json::Number(number)
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Members of an object that are looked through one by one.
const FEW: usize = 16;

/// One value of a document that is being read.
#[derive(Clone, Copy)]
struct Value<'a> {
    limits: Limits,
    /// Members that may still come.
    left: &'a Cell<usize>,
    depth: usize,
}

impl Value<'_> {
    fn text<E: de::Error>(&self, text: &str) -> Result<String, E> {
        match text.len() <= self.limits.text_bytes_max {
            true => Ok(text.to_string()),
            false => Err(E::custom("text")),
        }
    }

    fn inner<E: de::Error>(&self) -> Result<Self, E> {
        match self.depth < self.limits.depth_max {
            true => Ok(Value {
                depth: self.depth + 1,
                ..*self
            }),
            false => Err(E::custom("depth")),
        }
    }

    fn count<E: de::Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom("members"))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        self.text(text).map(Json::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(inner)? {
            self.count()?;
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.count()?;
            let name = self.text(&name)?;
            // Readers differ on which of two counts.
            let is_twice = match members.len() {
                0..FEW => members.iter().any(|(other, _)| *other == name),
                FEW => {
                    names.extend(members.iter().map(|(name, _)| name.clone()));
                    !names.insert(name.clone())
                }
                _ => !names.insert(name.clone()),
            };
            if is_twice {
                return Err(de::Error::custom("twice"));
            }
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Json::Object(members))
    }
}

impl fmt::Debug for Json {
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

    fn read(text: &str) -> Result<Json, Unreadable> {
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
            let inner = Json::List(vec![Json::Text(text.clone()), number.into(), Json::Bool(truth), Json::Null]);
            let json = Json::Object(vec![(text, inner), ("\u{7f}\"\\".into(), Json::Object(Vec::new()))]);
            prop_assume!(matches!(&json, Json::Object(members) if members[0].0 != members[1].0));
            prop_assert_eq!(Json::read(&json.to_bytes(), Limits::PPSP), Ok(json));
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
