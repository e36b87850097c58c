//! `[lawful_interception]`.

use super::{node::file, read::or_default, table::Table};
use crate::policy::{Audit, LawfulInterception};

/// RFC 5079, and for networks that do not know it.
const REJECT_CODES: [u32; 2] = [433, 403];

pub(super) fn lawful_interception(table: Table<'_>) -> LawfulInterception {
    let reject_code = table.number("reject_code", 400..=499).filter(|code| {
        let known = REJECT_CODES.contains(&code.value);
        if !known {
            let fault = format!("{} says something else than that anonymity is not allowed", code.value);
            let remedy = "write 433, or 403 for networks that do not know it".to_owned();
            table.reader.error(Some(code.at.clone()), fault, Some(remedy));
        }
        known
    });
    let audit = audit(&table);
    let sink_required = table.bool("sink_required");
    if let (Some(required), None) = (sink_required.as_ref().filter(|required| required.value), &audit) {
        table.reader.contradiction(
            required.at.clone(),
            "`sink_required` without `audit`: there is nothing to write to",
            "add `audit = { file = \"audit.log\", key_file = \"audit.key\" }`, or take it out",
        );
    }
    let built_in = LawfulInterception::default();
    let anonymous = table.word("anonymous_without_identity");
    let lawful = LawfulInterception {
        anonymous_without_identity: or_default(anonymous, built_in.anonymous_without_identity.value),
        reject_code: or_default(reject_code, built_in.reject_code.value),
        unidentified: or_default(table.word("unidentified"), built_in.unidentified.value),
        audit,
        sink_required: or_default(sink_required, built_in.sink_required.value),
    };
    table.close();
    lawful
}

/// The table of the sealed audit.
fn audit(lawful: &Table<'_>) -> Option<Audit> {
    let table = lawful.table("audit");
    table.at()?;
    table.require("file", "\"audit.log\"");
    table.require("key_file", "\"audit.key\"");
    let (records, keys) = (table.parsed("file", file), table.parsed("key_file", file));
    if let (Some(records), Some(keys)) = (&records, &keys)
        && records.value == keys.value
    {
        table.reader.contradiction(
            keys.at.clone(),
            "the records and their keys are one file",
            "name another file for the keys, where who may read the records does not reach it",
        );
    }
    table.close();
    Some(Audit {
        file: or_default(records, String::new()),
        key_file: or_default(keys, String::new()),
    })
}
