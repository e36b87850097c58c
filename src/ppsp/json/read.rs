//! From text to values, in one pass, without what does not keep within the limits.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Json, Limits, Unreadable, scan};

/// Members of an object that are compared one by one.
const FEW: usize = 16;
/// Members of an object that is not held, as a rule.
const USUAL: usize = 8;

/// Reads a document from its beginning to its end. Who knows what is in it takes values as they come, and holds no tree of them.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    /// Members that may still come.
    left: usize,
    /// Objects and lists that are open.
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Before the one value of a document.
    //= P2P-067
    pub fn of(bytes: &'a [u8], limits: Limits) -> Result<Reader<'a>, Unreadable> {
        if bytes.len() > limits.bytes_max {
            return Err(Unreadable::TooLarge);
        }
        let mut reader = Reader {
            text: std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed)?,
            at: 0,
            limits,
            left: limits.members_max,
            depth: 0,
        };
        reader.blanks();
        Ok(reader)
    }

    /// Nothing stands behind what was read.
    pub fn ends(mut self) -> Option<()> {
        self.blanks();
        (self.at == self.text.len()).then_some(())
    }

    /// The value that is next. Like all of these: `None` says that the document is none.
    pub fn value(&mut self) -> Option<Json<'a>> {
        match self.peek()? {
            b'"' => self.quoted().map(Json::Text),
            b'{' => self.object().map(Json::Object),
            b'[' => {
                let mut elements = Vec::new();
                self.each_element(|reader| {
                    elements.push(reader.value()?);
                    Some(())
                })?;
                Some(Json::List(elements))
            }
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    /// The text that is next; `Some(None)`: it was another value.
    pub fn text(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.peek()? {
            b'"' => self.quoted().map(Some),
            _ => self.value().map(|_| None),
        }
    }

    /// The members of the object that is next: `member` is told each name, and reads its value. Another value has none.
    //= P2P-057
    pub fn members(&mut self, mut member: impl FnMut(&mut Reader<'a>, &str) -> Option<()>) -> Option<()> {
        if self.peek()? != b'{' {
            return self.value().map(drop);
        }
        let mut names: SmallVec<[Cow<'a, str>; USUAL]> = SmallVec::new();
        self.each_member(|reader, name| {
            member(reader, &name)?;
            names.push(name);
            Some(())
        })?;
        (!has_twice(&names, |name| name)).then_some(())
    }

    /// The elements of the list that is next, each read by `element`; anything else is a list of itself.
    //= P2P-011
    pub fn elements(&mut self, mut element: impl FnMut(&mut Reader<'a>) -> Option<()>) -> Option<()> {
        match self.peek()? {
            b'[' => self.each_element(element),
            _ => element(self),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, json: Json<'a>) -> Option<Json<'a>> {
        let is_there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(json)
    }

    fn object(&mut self) -> Option<Vec<(Cow<'a, str>, Json<'a>)>> {
        let mut members = Vec::new();
        self.each_member(|reader, name| {
            members.push((name, reader.value()?));
            Some(())
        })?;
        // Readers differ on which of two counts.
        (!has_twice(&members, |(name, _)| name)).then_some(members)
    }

    fn each_member(&mut self, mut member: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Option<()>) -> Option<()> {
        let mut more = self.begins(b'}')?;
        while more {
            let name = self.quoted()?;
            self.blanks();
            if !self.takes(b':') {
                return None;
            }
            self.blanks();
            member(self, name)?;
            more = self.goes_on(b'}')?;
        }
        Some(())
    }

    fn each_element(&mut self, mut element: impl FnMut(&mut Reader<'a>) -> Option<()>) -> Option<()> {
        let mut more = self.begins(b']')?;
        while more {
            element(self)?;
            more = self.goes_on(b']')?;
        }
        Some(())
    }

    /// Opens a list or an object. Whether there is something in it.
    fn begins(&mut self, close: u8) -> Option<bool> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            return None;
        }
        self.at += 1;
        self.blanks();
        let is_empty = self.takes(close);
        self.depth -= usize::from(is_empty);
        Some(!is_empty)
    }

    /// Counts what was read. Whether more follows.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        self.blanks();
        match self.next()? {
            b',' => {
                self.blanks();
                Some(true)
            }
            byte if byte == close => {
                self.depth -= 1;
                Some(false)
            }
            _ => None,
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        if !self.takes(b'"') {
            return None;
        }
        let begin = self.at;
        let run = self.run();
        let text = match self.next()? {
            b'"' => Cow::Borrowed(run),
            b'\\' => Cow::Owned(self.escaped(begin)?),
            _ => return None,
        };
        (text.len() <= self.limits.text_bytes_max).then_some(text)
    }

    /// Up to a quote, an escape, or what may not stand in a text.
    fn run(&mut self) -> &'a str {
        let begin = self.at;
        self.at += scan::run(&self.text.as_bytes()[begin..]);
        &self.text[begin..self.at]
    }

    /// The rest of a text that began at `begin`, from behind its first escape.
    fn escaped(&mut self, begin: usize) -> Option<String> {
        let mut text = self.text[begin..self.at - 1].to_string();
        loop {
            text.push(match self.next()? {
                byte @ (b'"' | b'\\' | b'/') => char::from(byte),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unit()?,
                _ => return None,
            });
            text.push_str(self.run());
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => {}
                _ => return None,
            }
        }
    }

    /// The character of one or, above the first plane, two units of UTF-16.
    fn unit(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !(self.takes(b'\\') && self.takes(b'u')) {
            return None;
        }
        let second = self.four_digits().filter(|second| (0xdc00..0xe000).contains(second))?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00)))
    }

    fn four_digits(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | char::from(self.next()?).to_digit(16)?))
    }

    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }

    fn number(&mut self) -> Option<Json<'a>> {
        let begin = self.at;
        let is_negative = self.takes(b'-');
        let is_zero = self.peek() == Some(b'0');
        let digits_begin = self.at;
        self.digits()?;
        if is_zero && self.at > digits_begin + 1 {
            return None;
        }
        let mut is_whole = !is_negative;
        if self.takes(b'.') {
            is_whole = false;
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            is_whole = false;
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let text = &self.text[begin..self.at];
        match text.parse().ok().filter(|_| is_whole) {
            Some(number) => Some(Json::Number(number)),
            // Beyond what a number can be, readers differ.
            None => text
                .parse::<f64>()
                .is_ok_and(f64::is_finite)
                .then_some(Json::OtherNumber),
        }
    }
}

fn has_twice<T>(members: &[T], name: impl Fn(&T) -> &str) -> bool {
    if members.len() <= FEW {
        let mut places = members.iter().enumerate();
        return places.any(|(place, member)| members[..place].iter().any(|other| name(other) == name(member)));
    }
    let mut names: Vec<&str> = members.iter().map(name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What another library says of a text. Two members of one name it takes; that is asked of the document before.
    fn other(text: &str) -> Option<serde_json::Value> {
        serde_json::from_str(text).ok()
    }

    fn is_same(json: &Json<'_>, other: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (json, other) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(one), Value::Bool(other)) => one == other,
            (Json::Number(one), Value::Number(other)) => other.as_u64() == Some(*one),
            (Json::OtherNumber, Value::Number(other)) => other.as_u64().is_none(),
            (Json::Text(one), Value::String(other)) => one == other,
            (Json::List(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
            }
            (Json::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .all(|(name, value)| other.get(&**name).is_some_and(|other| is_same(value, other)))
            }
            _ => false,
        }
    }

    fn agree(text: &str) -> Result<(), String> {
        let limits = Limits {
            bytes_max: usize::MAX,
            depth_max: 100,
            members_max: usize::MAX,
            text_bytes_max: usize::MAX,
        };
        match (Json::read(text.as_bytes(), limits).ok(), other(text)) {
            (None, None) => Ok(()),
            (Some(json), Some(other)) if is_same(&json, &other) => Ok(()),
            // One of two members of a name is enough for others.
            (None, Some(_)) if text.matches(':').count() > 1 => Ok(()),
            (ours, theirs) => Err(format!("{text}: {} {}", ours.is_some(), theirs.is_some())),
        }
    }

    #[test]
    fn what_another_library_takes_is_taken_and_as_that() {
        for text in [
            "0",
            "-0",
            "00",
            "01",
            "-",
            "-1",
            "1.",
            "1.5",
            ".5",
            "1e5",
            "1E+5",
            "1e-5",
            "1e",
            "1e+",
            "+1",
            "1e400",
            "-1e400",
            "1e-400",
            "18446744073709551615",
            "18446744073709551616",
            "9223372036854775808",
            "-9223372036854775809",
            "tru",
            "true",
            "truex",
            "false",
            "null",
            "nul",
            "nullnull",
            "",
            " ",
            " 1 ",
            "\u{c}1",
            "\u{a0}1",
            "\u{feff}1",
            "[]",
            "[ ]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1",
            "]",
            "[1}",
            "{}",
            "{ }",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a" : 1 , "b":2}"#,
            r#"{"a":1,}"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            r#"{"a":1]"#,
            r#"""#,
            r#""a"#,
            r#""\""#,
            r#""\\""#,
            r#""\"""#,
            r#""\/\b\f\n\r\t""#,
            r#""\x""#,
            r#""\u0041""#,
            r#""\u00e9\u00E9""#,
            r#""\u004""#,
            r#""\u004g""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\u0041""#,
            r#""\ud83d\n""#,
            r#""\ude00""#,
            r#""\uD83D\uD83D""#,
            r#""\u0000""#,
            "\"\u{1f}\"",
            "\"\u{7f}é😀\"",
            "\"\t\"",
            r#""é\n😀""#,
            r#"{"\u0061":1}"#,
            "1 // x",
            "NaN",
            "Infinity",
            "'a'",
            "\"a\u{0}b\"",
            "[[[[[[[[[[1]]]]]]]]]]",
        ] {
            assert_eq!(agree(text), Ok(()));
        }
    }

    proptest! {
        /// Texts of the characters that matter, most of them none.
        #[test]
        fn on_texts_by_chance_both_agree(text in r#"[ \[\]{},:"\\/bfnrtu0-9a-fA-F.eE+\-\t\ntrueflsn]{0,24}"#) {
            prop_assert_eq!(agree(&text), Ok(()));
            prop_assert_eq!(agree(&format!("[{text}]")), Ok(()));
            prop_assert_eq!(agree(&format!("\"{text}\"")), Ok(()));
        }
    }
}
