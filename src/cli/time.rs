//! Times as people write them: RFC 3339, UTC, to the second.

/// The civil date of a count of days: eras of 400 years, years that begin in March.
pub(super) fn time(unix: u64) -> String {
    let (days, seconds) = (unix / 86_400 + 719_468, unix % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since 1970 of such a text. `None`: it is none.
pub(super) fn read(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let is_formed = bytes.len() == 20
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            10 => matches!(byte, b'T' | b't' | b' '),
            13 | 16 => *byte == b':',
            19 => matches!(byte, b'Z' | b'z'),
            _ => byte.is_ascii_digit(),
        });
    if !is_formed {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years that begin in March, eras of 400 of them.
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    let unix = days * 86_400 + hour * 3600 + minute * 60 + second;
    // The 31st of a month that has none is another day.
    (time(unix).get(..10) == text.get(..10)).then_some(unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: [(u64, &str); 5] = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ];

    #[test]
    fn times_are_written_as_dates_and_read_again() {
        for (unix, text) in TIMES {
            assert_eq!((time(unix).as_str(), read(text)), (text, Some(unix)));
        }
        for unix in (0..4_200_000_000).step_by(86_399 * 7) {
            assert_eq!(read(&time(unix)), Some(unix));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T00:00:00+01:00",
            "+026-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "yesterday at teatime",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
