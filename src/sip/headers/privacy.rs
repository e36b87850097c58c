//! The Privacy header, read: which values its rows hold. Reading only: what a value asks for is decided elsewhere.

use std::fmt;

use smallvec::SmallVec;

use super::grammar::{is_token, trim};

/// Elements kept of all Privacy rows of a message; of those beyond, known values still count, and the rest is one
/// malformed element. Keeps the search for duplicates linear.
pub const ELEMENTS_MAX: usize = 32;

/// What an element of a Privacy header says.
//= PRIV-001
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivacyValue {
    None,
    Id,
    Critical,
    User,
    Header,
    Session,
    History,
    /// A token that no text known to us defines, to be told apart by its bytes.
    //= PRIV-010
    Other,
    /// No token at all: quoted, with `=`, with control bytes.
    //= PRIV-011
    Malformed,
}

/// One element, with its bytes as received, without the white space around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    pub value: PrivacyValue,
    pub bytes: &'a [u8],
}

/// All Privacy rows of one message as one set, in the order of first mention; a value given twice is here once.
///
/// Nothing in a row can make another element unreadable: whatever is not understood becomes an element of its own, which
/// the rules then take for a request for privacy.
//= PRIV-005
#[derive(Clone, Default)]
pub struct PrivacyHeader<'a> {
    /// Rows there were.
    pub rows: usize,
    pub none: bool,
    pub id: bool,
    pub critical: bool,
    pub user: bool,
    pub header: bool,
    pub session: bool,
    pub history: bool,
    /// There is an element that is no token, or there are more elements than are kept.
    pub malformed: bool,
    /// A comma stood as separator.
    //= PRIV-004
    pub comma_used: bool,
    /// There were more than [`ELEMENTS_MAX`] different elements: those kept are not all.
    pub overflow: bool,
    elements: SmallVec<[Element<'a>; 6]>,
}

impl<'a> PrivacyHeader<'a> {
    /// Reads the values of all Privacy rows of a message, in order. No row: the same as an empty one, but for `rows`.
    pub fn read(rows: impl IntoIterator<Item = &'a [u8]>) -> PrivacyHeader<'a> {
        let mut read = PrivacyHeader::default();
        for row in rows {
            read.rows += 1;
            let mut rest = row;
            loop {
                let separator = rest.iter().position(|byte| matches!(byte, b';' | b','));
                let (element, after) = rest.split_at(separator.unwrap_or(rest.len()));
                read.add(trim(element));
                match after.split_first() {
                    Some((separator, after)) => {
                        read.comma_used |= *separator == b',';
                        rest = after;
                    }
                    None => break,
                }
            }
        }
        read
    }

    fn add(&mut self, bytes: &'a [u8]) {
        if bytes.is_empty() {
            return;
        }
        let value = PrivacyValue::from_bytes(bytes);
        let flag = match value {
            PrivacyValue::None => &mut self.none,
            PrivacyValue::Id => &mut self.id,
            PrivacyValue::Critical => &mut self.critical,
            PrivacyValue::User => &mut self.user,
            PrivacyValue::Header => &mut self.header,
            PrivacyValue::Session => &mut self.session,
            PrivacyValue::History => &mut self.history,
            PrivacyValue::Other | PrivacyValue::Malformed => {
                self.malformed |= value == PrivacyValue::Malformed;
                if !self.elements.iter().any(|seen| seen.bytes.eq_ignore_ascii_case(bytes)) {
                    self.keep(Element { value, bytes });
                }
                return;
            }
        };
        if !std::mem::replace(flag, true) {
            self.keep(Element { value, bytes });
        }
    }

    fn keep(&mut self, element: Element<'a>) {
        if self.elements.len() < ELEMENTS_MAX {
            self.elements.push(element);
        } else {
            self.overflow = true;
            self.malformed = true;
        }
    }

    /// The elements, each once, in the order of first mention, spelt as received.
    //= PRIV-002
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    /// The elements that are no known value: tokens and what is none.
    pub fn unknown(&self) -> impl Iterator<Item = Element<'a>> {
        self.elements
            .iter()
            .copied()
            .filter(|element| matches!(element.value, PrivacyValue::Other | PrivacyValue::Malformed))
    }

    /// There is no row, or nothing but white space and separators in all of them: no request.
    //= PRIV-011
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// There are rows, and they say nothing: worth counting.
    //= PRIV-011
    pub fn is_blank(&self) -> bool {
        self.rows > 0 && self.is_empty()
    }

    /// `none` and nothing else.
    //= PRIV-007
    pub fn is_none_alone(&self) -> bool {
        self.none && self.elements.len() == 1 && !self.overflow
    }

    /// `none` beside anything else, which no text allows.
    //= PRIV-008
    pub fn is_conflict(&self) -> bool {
        self.none && !self.is_none_alone()
    }

    /// `critical` without anything it could apply to.
    //= PRIV-009
    pub fn is_critical_alone(&self) -> bool {
        self.critical && self.elements.len() == 1 && !self.overflow
    }
}

impl PrivacyValue {
    /// The value of one element, in any case, without white space around it.
    //= PRIV-002
    pub fn from_bytes(bytes: &[u8]) -> PrivacyValue {
        let known = [
            (&b"none"[..], PrivacyValue::None),
            (b"id", PrivacyValue::Id),
            (b"critical", PrivacyValue::Critical),
            (b"user", PrivacyValue::User),
            (b"header", PrivacyValue::Header),
            (b"session", PrivacyValue::Session),
            (b"history", PrivacyValue::History),
        ];
        match known.into_iter().find(|(name, _)| bytes.eq_ignore_ascii_case(name)) {
            Some((_, value)) => value,
            None if is_token(bytes) => PrivacyValue::Other,
            None => PrivacyValue::Malformed,
        }
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, out)
    }
}

impl fmt::Debug for PrivacyHeader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PrivacyHeader")
            .field("rows", &self.rows)
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PrivacyValue::*;
    use super::*;

    fn read<'a>(rows: &[&'a [u8]]) -> PrivacyHeader<'a> {
        PrivacyHeader::read(rows.iter().copied())
    }

    fn values(rows: &[&[u8]]) -> Vec<PrivacyValue> {
        read(rows).elements().iter().map(|element| element.value).collect()
    }

    //= PRIV-001 type=test
    //= PRIV-002 type=test
    #[test]
    fn known_values_in_any_case_and_spacing() {
        assert_eq!(values(&[b"user;id;critical"]), [User, Id, Critical]);
        let spaced = read(&[b" ID\t;\r\n cRitical ; none;header ;session;history"]);
        assert!(spaced.id && spaced.critical && spaced.none && spaced.header && spaced.session && spaced.history);
        assert!(!spaced.user && !spaced.malformed && !spaced.comma_used);
        assert_eq!(spaced.elements()[1].bytes, b"cRitical");
    }

    //= PRIV-004 type=test
    //= PRIV-005 type=test
    #[test]
    fn commas_rows_and_duplicates_make_one_set() {
        let read_one = read(&[b"id, critical"]);
        assert!(read_one.id && read_one.critical && read_one.comma_used);
        assert_eq!(values(&[b"header", b"id;ID", b"foo,Foo"]), [Header, Id, Other]);
        assert_eq!(read(&[b"header", b"id"]).rows, 2);
    }

    //= PRIV-007 type=test
    //= PRIV-008 type=test
    //= PRIV-009 type=test
    #[test]
    fn none_and_critical_alone_or_not() {
        assert!(read(&[b"None;none"]).is_none_alone());
        for rows in [
            &[&b"none;id"[..]][..],
            &[b"none", b"foo"],
            &[b"none;critical"],
            &[b"none;\"x\""],
        ] {
            assert!(read(rows).is_conflict() && !read(rows).is_none_alone());
        }
        assert!(read(&[b"critical;"]).is_critical_alone());
        assert!(!read(&[b"critical;foo"]).is_critical_alone() && !read(&[b"id"]).is_conflict());
    }

    //= PRIV-010 type=test
    //= PRIV-011 type=test
    #[test]
    fn what_is_not_understood_stays_an_element() {
        assert_eq!(
            values(&[b"id;foo;\"user\";a=b;id user;\0id"]),
            [Id, Other, Malformed, Malformed, Malformed, Malformed]
        );
        assert_eq!(values(&[b"\"id;user;x\""]), [Malformed, User, Malformed]);
        let unknown: Vec<_> = read(&[b"id;foo; \"id\" "])
            .unknown()
            .map(|element| element.bytes)
            .collect();
        assert_eq!(unknown, [&b"foo"[..], b"\"id\""]);
        for rows in [&[&b""[..]][..], &[b" ;,; "], &[b"", b"\r\n "]] {
            assert!(read(rows).is_blank());
        }
        assert!(read(&[]).is_empty() && !read(&[]).is_blank());
        assert_eq!(values(&[b"id;"]), [Id]);
    }

    #[test]
    fn elements_beyond_the_maximum_still_count() {
        let row = |count: usize| (0..count).map(|number| format!("t{number};")).collect::<String>();
        assert!(!read(&[row(ELEMENTS_MAX).as_bytes()]).overflow);
        let more = row(ELEMENTS_MAX) + "none;t0";
        let read_more = read(&[more.as_bytes()]);
        assert!(read_more.none && read_more.overflow && read_more.malformed && read_more.is_conflict());
        assert_eq!(read_more.elements().len(), ELEMENTS_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(row in proptest::collection::vec(any::<u8>(), 0..60)) {
            let read = read(&[&row]);
            let says_something = row.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b','));
            prop_assert_eq!(read.is_empty(), !says_something);
        }

        #[test]
        fn id_between_separators_is_never_missed(before in "[^;,]{0,20}[;,]\\PC{0,3}[;,]", after in "([;,]\\PC{0,20})?") {
            let row = format!("{before} Id\t{after}");
            prop_assert!(read(&[row.as_bytes()]).id);
        }
    }
}
