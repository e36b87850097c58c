//! `[lawful_interception]`.

use super::{
    later::{not_provided, unless},
    read::or_default,
    table::Table,
};
use crate::policy::LawfulInterception;

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
    if let Some((at, _)) = table.raw("audit") {
        not_provided(&table, "lawful_interception.audit", at, "take it out");
    }
    unless(&table, "sink_required", "false");
    let built_in = LawfulInterception::default();
    let anonymous = table.word("anonymous_without_identity");
    let lawful = LawfulInterception {
        anonymous_without_identity: or_default(anonymous, built_in.anonymous_without_identity.value),
        reject_code: or_default(reject_code, built_in.reject_code.value),
        unidentified: or_default(table.word("unidentified"), built_in.unidentified.value),
    };
    table.close();
    lawful
}
