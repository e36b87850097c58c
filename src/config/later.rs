//! What belongs to the policy's contract and is served by a later version: refused by name, never silently ignored.

use std::ops::Range;

use toml::de::DeValue;

use super::table::Table;

/// A key whose only served value asks for nothing.
pub(super) fn unless(table: &Table<'_>, key: &'static str, nothing: &str) {
    let Some((at, value)) = table.raw(key) else {
        return;
    };
    let asks_for_nothing = match value {
        DeValue::String(text) => text == nothing,
        DeValue::Boolean(on) => nothing == if *on { "true" } else { "false" },
        _ => false,
    };
    if !asks_for_nothing {
        let nothing = match nothing {
            "true" | "false" => nothing.to_owned(),
            _ => format!("\"{nothing}\""),
        };
        not_provided(table, key, at, &format!("write `{key} = {nothing}`, or take it out"));
    }
}

pub(super) fn not_provided(table: &Table<'_>, what: &str, at: Range<usize>, remedy: &str) {
    let what = match what.contains([' ', '[']) {
        true => what.to_owned(),
        false => format!("`{what}`"),
    };
    let fault = format!("{what} is not provided by this version");
    table.reader.error(Some(at), fault, Some(remedy.to_owned()));
}
