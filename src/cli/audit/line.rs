//! A record as one line, for people and for programs.

use serde_json::{Value, json};

use super::super::time::time;
use crate::engine::record::{KEYS, Record};
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
        shown(from(record)),
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
        "from": String::from_utf8_lossy(from(record)),
        "to": text(&record.to),
        "contact": texts(&record.contacts),
        "p_asserted_identity": texts(&record.asserted),
        "privacy": record.privacy.words(),
    })
    .to_string()
}

/// Secrets of temporary IDs are for whoever looks one up, and for no screen.
fn from(record: &Record) -> &[u8] {
    match record.method == KEYS {
        true => b"-",
        false => &record.from,
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Trusted => "trusted",
        Standing::Served => "served",
        Standing::Untrusted => "untrusted",
    }
}

pub(in crate::cli) fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let each = text.chars().map(|one| match one.is_control() {
        true => one.escape_default().to_string(),
        false => one.to_string(),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_reaches_a_terminal() {
        assert_eq!(shown(b"a\x1b[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
    }
}
