//! Max-Forwards: how many hops are left.

use super::grammar::trim;

/// The number, 0 to 255; `None` for what is no number or larger, which is treated like an absent header.
//= MSG-004
pub fn read(value: &[u8]) -> Option<u8> {
    let digits = trim(value);
    if digits.is_empty() {
        return None;
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Stays too large once it is.
        number = (number * 10 + u32::from(digit - b'0')).min(256);
    }
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    //= MSG-004 type=test
    #[test]
    fn only_0_to_255_counts() {
        assert_eq!(read(b" 70\r\n "), Some(70));
        assert_eq!(read(b"0"), Some(0));
        assert_eq!(read(b"255"), Some(255));
        for value in [
            &b"256"[..],
            b"300",
            b"",
            b" ",
            b"-1",
            b"7 0",
            b"70x",
            b"99999999999999999999",
        ] {
            assert_eq!(read(value), None, "{}", value.escape_ascii());
        }
    }
}
