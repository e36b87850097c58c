//! The tables of a policy, asked key by key.
//!
//! A reader asks a [`Table`] for the keys it knows, each by its kind, and then closes it: what is left over is unknown,
//! and the nearest of the keys asked for is offered. So the list of valid keys is the code that reads them.

use std::{cell::RefCell, ops::Range, time::Duration};

use toml::de::{DeTable, DeValue};

use super::{
    grammar,
    read::{Fault, Reader, Written, from_word, shown},
};
use crate::policy::Word;

/// One table of the text, or the absence of it.
pub(super) struct Table<'r> {
    pub(super) reader: &'r Reader,
    /// As an operator would name it: `[domain]`.
    title: String,
    at: Option<Range<usize>>,
    entries: Option<&'r DeTable<'r>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'r> Table<'r> {
    pub(super) fn top(reader: &'r Reader, entries: &'r DeTable<'r>) -> Table<'r> {
        Table::new(reader, "the file".to_owned(), None, Some(entries))
    }

    fn new(reader: &'r Reader, title: String, at: Option<Range<usize>>, entries: Option<&'r DeTable<'r>>) -> Self {
        Table {
            reader,
            title,
            at,
            entries,
            asked: RefCell::default(),
        }
    }

    /// Where the table is written, to point at it as a whole.
    pub(super) fn at(&self) -> Option<Range<usize>> {
        self.at.clone()
    }

    /// Says that a key without default is not there.
    pub(super) fn require(&self, key: &'static str, example: &str) {
        if self.raw(key).is_none() {
            let (title, lack) = (&self.title, format!("`{key}`, which has no default"));
            match (self.entries, &self.at) {
                (Some(_), _) => self.missing(&format!("{title} lacks {lack}"), &format!("write `{key} = {example}`")),
                // It is there and no table; that is said already.
                (None, Some(_)) => {}
                (None, None) => self.missing(
                    &format!("{title} is missing, and with it {lack}"),
                    &format!("write {title} and below it `{key} = {example}`"),
                ),
            }
        }
    }

    /// Notes what is not in this table, or not there at all.
    pub(super) fn missing(&self, fault: &str, remedy: &str) {
        self.reader.missing(self.at(), fault, remedy);
    }

    pub(super) fn bool(&self, key: &'static str) -> Option<Written<bool>> {
        let (at, value) = self.raw(key)?;
        match value.as_bool() {
            Some(value) => Some(self.reader.written(at, value)),
            None => self.wrong_kind(key, at, value, "true or false"),
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Written<&'r str>> {
        let (at, value) = self.raw(key)?;
        match value.as_str() {
            Some(value) => Some(self.reader.written(at, value)),
            None => self.wrong_kind(key, at, value, "a text in quotes"),
        }
    }

    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(&self, key: &'static str) -> Option<Written<Vec<Written<&'r str>>>> {
        let (at, value) = self.raw(key)?;
        if let Some(one) = value.as_str() {
            let one = self.reader.written(at.clone(), one);
            return Some(self.reader.written(at, vec![one]));
        }
        let Some(list) = value.as_array() else {
            return self.wrong_kind(key, at, value, "a list of texts");
        };
        let mut texts = Vec::new();
        for element in list.iter() {
            match element.get_ref().as_str() {
                Some(text) => texts.push(self.reader.written(element.span(), text)),
                None => {
                    let _: Option<()> = self.wrong_kind(key, element.span(), element.get_ref(), "a list of texts");
                }
            }
        }
        Some(self.reader.written(at, texts))
    }

    /// A whole number between two others, both allowed.
    pub(super) fn number(&self, key: &'static str, allowed: std::ops::RangeInclusive<u32>) -> Option<Written<u32>> {
        let (at, value) = self.raw(key)?;
        let Some(number) = value.as_integer() else {
            return self.wrong_kind(key, at, value, "a whole number");
        };
        match u32::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) if allowed.contains(&value) => Some(self.reader.written(at, value)),
            _ => {
                let fault = format!("`{key}` is out of range");
                let remedy = format!("write a number from {} to {}", allowed.start(), allowed.end());
                self.reader.error(Some(at), fault, Some(remedy));
                None
            }
        }
    }

    /// One of two status codes.
    pub(super) fn code(&self, key: &'static str, codes: [u16; 2]) -> Option<Written<u16>> {
        let written = self.number(key, 400..=499)?.map(|code| code as u16);
        if !codes.contains(&written.value) {
            let fault = format!("`{key}` is no answer of that kind");
            let [one, other] = codes;
            let remedy = format!("write {one} or {other}");
            self.reader.contradiction(written.at.clone(), fault, remedy);
        }
        Some(written)
    }

    /// A list of whole numbers between two others, both allowed.
    pub(super) fn numbers(
        &self,
        key: &'static str,
        allowed: std::ops::RangeInclusive<u32>,
    ) -> Option<Written<Vec<Written<u32>>>> {
        let (at, value) = self.raw(key)?;
        let Some(array) = value.as_array() else {
            return self.wrong_kind(key, at, value, "a list of whole numbers");
        };
        let mut numbers = Vec::new();
        for item in array {
            let number = item.get_ref().as_integer();
            let number = number.and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
            match number.filter(|number| allowed.contains(number)) {
                Some(number) => numbers.push(self.reader.written(item.span(), number)),
                None => {
                    let fault = format!("`{key}` is a list of whole numbers");
                    let remedy = format!("write numbers from {} to {}", allowed.start(), allowed.end());
                    self.reader.error(Some(item.span()), fault, Some(remedy));
                }
            }
        }
        Some(self.reader.written(at, numbers))
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Written<Duration>> {
        match self.raw(key) {
            Some((at, value)) if !value.is_str() => {
                self.wrong_kind(key, at, value, "a duration in quotes, such as \"30s\"")
            }
            _ => self.parsed(key, grammar::duration),
        }
    }

    /// A text that has a grammar.
    pub(super) fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<Written<T>> {
        let text = self.text(key)?;
        self.parse_one(text, &parse)
    }

    /// A list of texts that have a grammar; the ones that break it are noted and left out.
    pub(super) fn parsed_each<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Written<Vec<Written<T>>>> {
        let texts = self.texts(key)?;
        Some(texts.map(|texts| {
            texts
                .into_iter()
                .filter_map(|text| self.parse_one(text, &parse))
                .collect()
        }))
    }

    /// One of a few words.
    pub(super) fn word<T: Word>(&self, key: &'static str) -> Option<Written<T>> {
        match self.raw(key) {
            Some((at, value)) if !value.is_str() => {
                let words: Vec<String> = T::ALL.iter().map(|value| format!("\"{}\"", value.word())).collect();
                self.wrong_kind(key, at, value, &words.join(" or "))
            }
            _ => self.parsed(key, |text| from_word(key, text)),
        }
    }

    /// Some of a few words, each at most once, in the order written.
    pub(super) fn words<T: Word>(&self, key: &'static str) -> Option<Written<Vec<Written<T>>>> {
        let words = self.parsed_each(key, |text| from_word(key, text))?;
        let mut seen: Vec<T> = Vec::new();
        for word in &words.value {
            if seen.contains(&word.value) {
                let fault = format!("`{}` stands twice in `{key}`", word.value.word());
                self.reader
                    .error(Some(word.at.clone()), fault, Some("take it out".to_owned()));
            }
            if !seen.contains(&word.value) {
                seen.push(word.value);
            }
        }
        Some(words)
    }

    /// A table inside this one; the absent one has no keys.
    pub(super) fn table(&self, key: &'static str) -> Table<'r> {
        let title = self.title_of(key);
        match self.raw(key) {
            None => Table::new(self.reader, title, None, None),
            Some((at, value)) => {
                if value.as_table().is_none() {
                    let wanted = format!("it as a table: {title}, or `{key} = {{ … }}`");
                    let _: Option<()> = self.wrong_kind(key, at.clone(), value, &wanted);
                }
                Table::new(self.reader, title, Some(at), value.as_table())
            }
        }
    }

    /// The tables of `[[key]]`, in order.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let Some((at, value)) = self.raw(key) else {
            return Vec::new();
        };
        let title = format!("[{}]", self.title_of(key));
        let Some(list) = value.as_array() else {
            let _: Option<()> = self.wrong_kind(key, at, value, &format!("it as {title}"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in list.iter() {
            match element.get_ref().as_table() {
                Some(entries) => tables.push(Table::new(
                    self.reader,
                    title.clone(),
                    Some(element.span()),
                    Some(entries),
                )),
                None => {
                    let _: Option<()> =
                        self.wrong_kind(key, element.span(), element.get_ref(), &format!("it as {title}"));
                }
            }
        }
        tables
    }

    /// Every key of a table whose keys are the operator's own, with its value as text.
    pub(super) fn own_keys(&self) -> Vec<(Written<&'r str>, Written<&'r str>)> {
        let mut pairs = Vec::new();
        for (key, value) in self.entries.into_iter().flatten() {
            let name: &'r str = key.get_ref();
            match value.get_ref().as_str() {
                Some(text) => pairs.push((
                    self.reader.written(key.span(), name),
                    self.reader.written(value.span(), text),
                )),
                None => {
                    let _: Option<()> = self.wrong_kind(name, value.span(), value.get_ref(), "a text in quotes");
                }
            }
        }
        pairs.sort_by_key(|(key, _)| key.at.start);
        pairs
    }

    /// Whether the key is written, and where its value is; for keys whose value does not matter.
    pub(super) fn raw(&self, key: &'static str) -> Option<(Range<usize>, &'r DeValue<'r>)> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.entries
            .and_then(|entries| entries.get(key))
            .map(|value| (value.span(), value.get_ref()))
    }

    /// Notes every key nobody asked for.
    pub(super) fn close(&self) {
        let asked = self.asked.borrow();
        for (key, value) in self.entries.into_iter().flatten() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let fault = match self.at {
                None if value.get_ref().is_table() => format!("unknown table [{}]", shown(name)),
                _ => format!("unknown key `{}` in {}", shown(name), self.title),
            };
            let remedy = match grammar::nearest(name, asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("valid keys here: {}", asked.join(", ")),
            };
            self.reader.error(Some(key.span()), fault, Some(remedy));
        }
    }

    fn title_of(&self, key: &str) -> String {
        match self.at {
            None if self.title == "the file" => format!("[{key}]"),
            _ => format!("[{}.{key}]", self.title.trim_matches(['[', ']'])),
        }
    }

    fn parse_one<T>(&self, text: Written<&str>, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<Written<T>> {
        match parse(text.value) {
            Ok(value) => Some(text.map(|_| value)),
            Err(Fault { fault, remedy }) => {
                self.reader.error(Some(text.at), fault, Some(remedy));
                None
            }
        }
    }

    fn wrong_kind<T>(&self, key: &str, at: Range<usize>, value: &DeValue<'_>, wanted: &str) -> Option<T> {
        let found = match value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let fault = format!("`{}` is {found}", shown(key));
        self.reader.error(Some(at), fault, Some(format!("write {wanted}")));
        None
    }
}
