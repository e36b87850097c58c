//! A record as one line, for people and for programs.

use serde_json::{Value, json};

use crate::engine::record::Record;
use crate::trust::Standing;

/// What a peer wrote is shown with its control characters escaped.
pub(super) fn text(record: &Record) -> String {
    let status = match record.status {
        0 => String::new(),
        status => format!(" {status}"),
    };
    let lists = [("contact", &record.contacts), ("asserted", &record.asserted)];
    let lists = lists.map(|(name, list)| {
        let each = list.iter().map(|one| format!("  {name} {}", shown(one)));
        each.collect::<String>()
    });
    format!(
        "{} {}{status}  {} to {}  privacy {}  call-id {} as {}  branch {} as {}  from {}  to {}{}",
        time(record.unix),
        shown(&record.method),
        class(record.origin),
        class(record.hop),
        record.privacy.words().join(";"),
        shown(&record.call_id_received),
        shown(&record.call_id_sent),
        shown(&record.branch_received),
        shown(&record.branch_sent),
        shown(&record.from),
        shown(&record.to),
        lists.concat(),
    )
}

pub(super) fn json(record: &Record) -> String {
    let text = |value: &Vec<u8>| Value::from(String::from_utf8_lossy(value));
    let texts = |list: &Vec<Vec<u8>>| list.iter().map(text).collect::<Vec<Value>>();
    json!({
        "time": time(record.unix),
        "origin": class(record.origin),
        "hop": class(record.hop),
        "method": text(&record.method),
        "status": (record.status != 0).then_some(record.status),
        "received": { "call_id": text(&record.call_id_received), "branch": text(&record.branch_received) },
        "sent": { "call_id": text(&record.call_id_sent), "branch": text(&record.branch_sent) },
        "from": text(&record.from),
        "to": text(&record.to),
        "contact": texts(&record.contacts),
        "p_asserted_identity": texts(&record.asserted),
        "privacy": record.privacy.words(),
    })
    .to_string()
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Trusted => "trusted",
        Standing::Served => "served",
        Standing::Untrusted => "untrusted",
    }
}

pub(super) fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let each = text.chars().map(|one| match one.is_control() {
        true => one.escape_default().to_string(),
        false => one.to_string(),
    });
    each.collect()
}

/// RFC 3339, UTC. The civil date of a count of days: eras of 400 years, years that begin in March.
fn time(unix: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        assert_eq!(shown(b"a\x1b[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
    }
}
