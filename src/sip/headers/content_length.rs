//! Content-Length: bytes of the body.

use super::grammar::trim_span;
use super::{Span, grammar};
use crate::sip::Malformed;

/// The number of bytes. One too large for the machine is the largest there is: no body has it.
//= MSG-005
pub fn read(value: &[u8]) -> Result<usize, Malformed> {
    let span = trim_span(value, Span::new(0, value.len()));
    let digits = span.of(value);
    let sound = grammar::skip_while(digits, 0, |byte| byte.is_ascii_digit());
    if digits.is_empty() || sound < digits.len() {
        return Err(Malformed {
            what: "Content-Length",
            offset: span.start() + sound,
        });
    }
    Ok(digits.iter().fold(0usize, |number, digit| {
        number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= MSG-005 type=test
    #[test]
    fn only_digits_count() {
        assert_eq!(read(b" 0042\t").unwrap(), 42);
        assert_eq!(read(b"99999999999999999999999").unwrap(), usize::MAX);
        for value in [&b""[..], b"-999", b"+5", b"5, 5", b"0x5", b"5 5"] {
            assert!(read(value).is_err(), "{}", value.escape_ascii());
        }
    }
}
