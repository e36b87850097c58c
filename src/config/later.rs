//! What belongs to the policy's contract and is served by a later version: refused by name, never silently ignored.

use std::ops::Range;

use toml::de::DeValue;

use super::{grammar, read::shown, table::Table};

/// Tables of which this version serves nothing, and the keys each will have.
const TABLES: &[(&str, &[&str])] = &[
    ("admin", &["http", "hep", "otlp"]),
    ("topology_hiding", &["key_file"]),
    ("p2p", &["domain"]),
];

/// The tables above, and `[store]`.
pub(super) fn tables(top: &Table<'_>) {
    for (name, keys) in TABLES {
        let table = top.table(name);
        match *name {
            "topology_hiding" => unless(&table, "mode", "off"),
            "p2p" => unless(&table, "tracker", "off"),
            _ => {}
        }
        for key in *keys {
            if let Some((at, _)) = table.raw(key) {
                not_provided(&table, &format!("{name}.{key}"), at, "take it out");
            }
        }
        table.close();
    }
    store(top.table("store"));
}

/// Checked only for its form: nothing is stored yet.
fn store(table: Table<'_>) {
    if let Some(url) = table.text("url") {
        let valid = url.value == "memory:" || url.value.strip_prefix("file:").is_some_and(|file| !file.is_empty());
        if url.value.starts_with("valkey:") {
            not_provided(
                &table,
                "a store at `valkey:`",
                url.at,
                "write \"memory:\" or \"file:sipveil.redb\"",
            );
        } else if !valid {
            let scheme = url.value.split(':').next().unwrap_or_default();
            let remedy = match grammar::nearest(scheme, ["memory", "file"].into_iter()) {
                Some(near) => format!("did you mean `{near}:`?"),
                None => "write \"memory:\" or \"file:sipveil.redb\"".to_owned(),
            };
            let fault = format!("`{}` is no store", shown(url.value));
            table.reader.error(Some(url.at), fault, Some(remedy));
        }
    }
    table.close();
}

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
