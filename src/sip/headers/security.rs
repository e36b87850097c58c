//! Security-Client, Security-Server, Security-Verify: mechanisms and their parameters (RFC 3329 section 2.2).
//!
//! What is read is kept in one spelling, so that two lists that say the same are equal, and a list that was changed on its
//! way is not. Knows no mechanism by itself.

use super::grammar::{is_token, is_token_byte, skip_lws, skip_while, trim};
use super::list;
use super::params::next_param;

/// Entries of one list; a longer one is malformed.
pub const MECHANISMS_MAX: usize = 32;
/// Parameters of one entry; one with more is malformed.
pub const PARAMETERS_MAX: usize = 16;

/// The entries of all rows of one of these headers, in order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Mechanisms(Vec<Mechanism>);

/// One entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Mechanism {
    name: Vec<u8>,
    /// By name; each name once.
    parameters: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Why a list cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("an entry of a security agreement is malformed")]
    Entry,
    #[error("a parameter of a security agreement stands twice")]
    Twice,
    #[error("a security agreement has too many entries or parameters")]
    TooMany,
}

impl Mechanisms {
    /// Reads the rows of one header. Without rows: an empty list.
    //= MSG-010
    pub fn read<'a>(rows: impl Iterator<Item = &'a [u8]>) -> Result<Mechanisms, Malformed> {
        let mut all = Vec::new();
        for row in rows {
            for span in list::values(row) {
                if all.len() == MECHANISMS_MAX {
                    return Err(Malformed::TooMany);
                }
                all.push(Mechanism::read(span.of(row))?);
            }
        }
        Ok(Mechanisms(all))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Mechanism> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As one row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Vec::new();
        for mechanism in &self.0 {
            if !row.is_empty() {
                row.extend_from_slice(b", ");
            }
            mechanism.write(&mut row);
        }
        row
    }
}

impl FromIterator<Mechanism> for Mechanisms {
    fn from_iter<I: IntoIterator<Item = Mechanism>>(all: I) -> Mechanisms {
        Mechanisms(all.into_iter().take(MECHANISMS_MAX).collect())
    }
}

impl Mechanism {
    /// An entry of our own. `None`: it could not be read back.
    //= SEC-001
    pub fn new(name: &str, parameters: &[(&str, String)]) -> Option<Mechanism> {
        let mut text = name.to_owned();
        for (name, value) in parameters {
            text.push_str(&format!(";{name}={value}"));
        }
        Mechanism::read(text.as_bytes()).ok()
    }

    fn read(value: &[u8]) -> Result<Mechanism, Malformed> {
        let value = trim(value);
        let name_end = skip_while(value, 0, is_token_byte);
        if name_end == 0 {
            return Err(Malformed::Entry);
        }
        let mut parameters: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        let mut at = name_end;
        while let Some(parameter) = next_param(value, at).map_err(|_| Malformed::Entry)? {
            at = parameter.span.end();
            if parameter.name.is_empty() {
                continue;
            }
            if parameters.len() == PARAMETERS_MAX {
                return Err(Malformed::TooMany);
            }
            let name = parameter.name.to_ascii_lowercase();
            let value = match parameter.value {
                Some(text) => Some(one_spelling(&name, text)?),
                None => None,
            };
            match parameters.binary_search_by(|(other, _)| other.cmp(&name)) {
                Ok(_) => return Err(Malformed::Twice),
                Err(place) => parameters.insert(place, (name, value)),
            }
        }
        if skip_lws(value, at) != value.len() {
            return Err(Malformed::Entry);
        }
        Ok(Mechanism {
            name: value[..name_end].to_ascii_lowercase(),
            parameters,
        })
    }

    /// In lower case.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The value of a parameter, by its name in lower case; a token in lower case, too.
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        let by_name = |(other, _): &(Vec<u8>, _)| other.as_slice().cmp(name.as_bytes());
        let place = self.parameters.binary_search_by(by_name).ok()?;
        self.parameters[place].1.as_deref()
    }

    /// The value of a parameter that is a decimal number.
    pub fn number(&self, name: &str) -> Option<u32> {
        number(self.find(name)?)
    }

    fn write(&self, row: &mut Vec<u8>) {
        row.extend_from_slice(&self.name);
        for (name, value) in &self.parameters {
            row.push(b';');
            row.extend_from_slice(name);
            if let Some(value) = value {
                row.push(b'=');
                row.extend_from_slice(value);
            }
        }
    }
}

/// A preference in thousandths, a number without leading zeros, a token in lower case; anything else as written.
fn one_spelling(name: &[u8], value: &[u8]) -> Result<Vec<u8>, Malformed> {
    if name == b"q" {
        let thousandths = thousandths(value).ok_or(Malformed::Entry)?;
        return Ok(preference(thousandths).into_bytes());
    }
    if let Some(number) = number(value) {
        return Ok(number.to_string().into_bytes());
    }
    match value.first() {
        Some(b'"') if !value.iter().any(u8::is_ascii_control) => Ok(value.to_vec()),
        _ if is_token(value) => Ok(value.to_ascii_lowercase()),
        _ => Err(Malformed::Entry),
    }
}

/// Ten digits at most, as the grammar of SPIs says.
fn number(text: &[u8]) -> Option<u32> {
    let is_number = (1..=10).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// A `qvalue` of RFC 3261.
fn thousandths(text: &[u8]) -> Option<u32> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    if !matches!(whole, b"0" | b"1") || fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut value = u32::from(whole == b"1");
    for place in 0..3 {
        let digit = fraction.get(place).map_or(0, |digit| u32::from(digit - b'0'));
        value = value * 10 + digit;
    }
    (value <= 1000).then_some(value)
}

/// A preference as it is written.
pub fn preference(thousandths: u32) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

impl std::fmt::Debug for Mechanisms {
    /// Shows nothing a peer wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mechanisms")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mechanism").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(rows: &[&str]) -> Result<Mechanisms, Malformed> {
        Mechanisms::read(rows.iter().map(|row| row.as_bytes()))
    }

    //= MSG-010 type=test
    #[test]
    fn what_is_spelt_differently_and_says_the_same_is_equal() {
        let plain = read(&["ipsec-3gpp;alg=hmac-sha-1-96;port-c=5062;q=0.5;spi-c=7", "tls;q=0.1"]);
        for rows in [
            &["ipsec-3gpp;alg=hmac-sha-1-96;port-c=5062;q=0.5;spi-c=7, tls;q=0.1"][..],
            &[
                " IPsec-3GPP ; Alg = HMAC-SHA-1-96;\r\n PORT-C=5062;spi-c=0000000007;q=0.500",
                "TLS;Q=0.10",
            ],
            &["ipsec-3gpp;;q=.5;alg=x", "tls"],
        ] {
            let other = read(rows);
            assert_eq!(other == plain, other.is_ok(), "{rows:?}");
        }
        assert_eq!(
            plain.unwrap().to_bytes(),
            b"ipsec-3gpp;alg=hmac-sha-1-96;port-c=5062;q=0.5;spi-c=7, tls;q=0.1"
        );
    }

    //= AKA-014 type=test
    #[test]
    fn another_order_another_value_and_another_parameter_are_seen() {
        let sent = read(&["a;q=0.2;x=1, b;q=0.1"]).unwrap();
        for changed in [
            "b;q=0.1, a;q=0.2;x=1",
            "a;q=0.3;x=1, b;q=0.1",
            "a;q=0.2;x=2, b;q=0.1",
            "a;q=0.2, b;q=0.1",
            "a;q=0.2;x, b;q=0.1",
            "a;q=0.2;x=\"1\", b;q=0.1",
            "a;q=0.2;x=1;y=1, b;q=0.1",
            "a;q=0.2;x=1",
            "a;q=0.2;x=1, b;q=0.1, b;q=0.1",
        ] {
            assert_ne!(read(&[changed]).unwrap(), sent, "{changed}");
        }
    }

    #[test]
    fn what_no_one_can_read_in_one_way_is_malformed() {
        for (row, fault) in [
            ("a;q=2", Malformed::Entry),
            ("a;q=1.001", Malformed::Entry),
            ("a;q=0.1234", Malformed::Entry),
            ("a;q=", Malformed::Entry),
            ("a b", Malformed::Entry),
            ("a;x=\"1", Malformed::Entry),
            ("a;x=\"1\r\n 2\"", Malformed::Entry),
            ("a;x=b/c", Malformed::Entry),
            ("=1", Malformed::Entry),
            (";q=1", Malformed::Entry),
            ("a;spi-c=1;SPI-C=1", Malformed::Twice),
        ] {
            assert_eq!(read(&[row]), Err(fault), "{row}");
        }
        assert!(read(&[]).unwrap().is_empty());
        assert!(read(&[" , "]).unwrap().is_empty());
    }

    #[test]
    fn a_list_holds_so_many_entries_and_an_entry_so_many_parameters() {
        let entries = |count| vec!["a"; count].join(",");
        assert!(read(&[&entries(MECHANISMS_MAX)]).is_ok());
        assert_eq!(read(&[&entries(MECHANISMS_MAX), "a"]), Err(Malformed::TooMany));
        let parameters = |count| {
            let all: String = (0..count).map(|number| format!(";p{number}")).collect();
            format!("a{all}")
        };
        assert!(read(&[&parameters(PARAMETERS_MAX)]).is_ok());
        assert_eq!(read(&[&parameters(PARAMETERS_MAX + 1)]), Err(Malformed::TooMany));
    }

    #[test]
    fn numbers_are_those_of_32_bits() {
        let spi = |text: &str| read(&[&format!("a;spi-c={text}")]).unwrap().0[0].number("spi-c");
        assert_eq!(spi("4294967295"), Some(u32::MAX));
        assert_eq!(spi("0000000256"), Some(256));
        assert_eq!(spi("4294967296"), None);
        assert_eq!(spi("00000000256"), None);
        assert_eq!(spi("1x"), None);
    }

    //= MSG-016 type=test
    #[test]
    fn debug_shows_nothing_of_it() {
        let list = read(&["secret;spi-c=4711"]).unwrap();
        assert!(!format!("{list:?}{:?}", list.0[0]).contains("4711"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(rows in proptest::collection::vec("[ -~\\r\\n\\t]{0,60}|([a-z]{1,3}(;[qx]=[0-9.]{1,4}){0,3},?){0,4}", 0..3)) {
            if let Ok(list) = Mechanisms::read(rows.iter().map(|row| row.as_bytes())) {
                let row = list.to_bytes();
                prop_assert!(!row.iter().any(u8::is_ascii_control));
                prop_assert_eq!(read(&[std::str::from_utf8(&row).unwrap()]), Ok(list));
            }
        }
    }
}
