//! CSeq: number and method.

use super::grammar::{is_lws, is_token_byte, skip_lws, skip_while};
use crate::sip::{Malformed, Method};

/// A CSeq value. The number is at most 2³¹−1 (RFC 3261 section 8.1.1.5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    pub number: u32,
    pub method: Method,
    /// The method as written: what is compared with the request line when it is [`Method::Other`].
    pub method_name: &'a [u8],
}

impl<'a> CSeq<'a> {
    //= MSG-004
    pub fn parse(value: &'a [u8]) -> Result<CSeq<'a>, Malformed> {
        let start = skip_lws(value, 0);
        let mut end = start;
        let mut number = 0u32;
        while let Some(digit @ b'0'..=b'9') = value.get(end) {
            // Stays above the limit once it is.
            number = number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
            end += 1;
        }
        if end == start || number > i32::MAX as u32 {
            return Err(malformed(start));
        }
        // As nearly every sender writes it.
        if let [b' ', method_name @ ..] = &value[end..]
            && let method = Method::from_bytes(method_name)
            && method != Method::Other
        {
            return Ok(CSeq {
                number,
                method,
                method_name,
            });
        }
        let name_start = skip_lws(value, end);
        let name_end = skip_while(value, name_start, is_token_byte);
        if name_start == end || name_end == name_start || !value[name_end..].iter().all(|byte| is_lws(*byte)) {
            return Err(malformed(name_end));
        }
        let method_name = &value[name_start..name_end];
        Ok(CSeq {
            number,
            method: Method::from_bytes(method_name),
            method_name,
        })
    }

    /// Whether a request line with this method may carry it; methods are case-sensitive.
    //= MSG-003
    pub fn is_for(&self, method_name: &[u8]) -> bool {
        self.method_name == method_name
    }
}

impl std::fmt::Debug for CSeq<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CSeq")
            .field("number", &self.number)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

fn malformed(offset: usize) -> Malformed {
    Malformed { what: "CSeq", offset }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    //= MSG-004 type=test
    #[test]
    fn numbers_end_at_31_bits() {
        assert_eq!(CSeq::parse(b"0 ACK").unwrap().number, 0);
        assert_eq!(CSeq::parse(b"2147483647 ACK").unwrap().number, 2_147_483_647);
        for value in [
            &b"2147483648 ACK"[..],
            b"36893488147419103232 ACK",
            b"-1 ACK",
            b"ACK",
            b"1",
            b"1ACK",
            b"1 ",
            b"1 A B",
            b"",
        ] {
            assert!(CSeq::parse(value).is_err(), "{}", value.escape_ascii());
        }
    }

    //= MSG-003 type=test
    #[test]
    fn methods_are_told_apart_by_case_and_name() {
        let cseq = CSeq::parse(b" 0009\r\n  INVITE ").unwrap();
        assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
        assert!(cseq.is_for(b"INVITE") && !cseq.is_for(b"invite"));
        assert_eq!(CSeq::parse(b"1 NEWMETHOD").unwrap().method, Method::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = CSeq::parse(&value);
        }
    }
}
