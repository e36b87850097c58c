//! `[pcscf]`.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    grammar,
    on_behalf::identity,
    read::{Fault, Written, or_default, or_profile, shown},
    table::Table,
};
use crate::policy::{
    Domain, PCscf, Privacy, Profile, Stated,
    pcscf::{PathUnsupported, ServiceRoute, UnprotectedAction},
    privacy::DialogStore,
};
use crate::sip::headers::grammar::{is_token, is_token_byte};

/// Characters of a text that is written into messages.
const TEXT_MAX: usize = 256;
/// Pseudonyms of one policy.
const PSEUDONYMS_MAX: usize = 1_000;
/// How long a session may be at least, before it must be refreshed.
const SESSIONS: RangeInclusive<Duration> = Duration::from_secs(90)..=Duration::from_secs(24 * 3600);

pub(super) fn pcscf(table: Table<'_>, profile: Profile, domain: &Domain, privacy: &Privacy) -> PCscf {
    let path_unsupported = match profile {
        Profile::Ims => PathUnsupported::Insert,
        Profile::Rfc => PathUnsupported::Reject421,
    };
    let (pseudonyms, require_protected_pseudonyms) = pseudonyms(&table);
    let pcscf = PCscf {
        //= PCSCF-002
        path_unsupported: or_profile(table.word("path_unsupported"), path_unsupported),
        service_route: or_default(table.word("service_route"), ServiceRoute::Enforce),
        unprotected_action: or_default(table.word("unprotected_action"), UnprotectedAction::Reject403),
        oob_in_dialog_code: or_default(table.code("oob_in_dialog_code", [403, 481]), 403),
        visited_network_id: or_default(table.parsed("visited_network_id", network).map(|id| id.map(Some)), None),
        pani_network_provided: or_default(
            table
                .parsed("pani_network_provided", access)
                .map(|value| value.map(Some)),
            None,
        ),
        reg_event: or_default(table.bool("reg_event"), false),
        ioi: or_default(
            table.parsed("ioi", grammar::host).map(|ioi| ioi.map(Some)),
            domain.admin_domains.value.first().cloned(),
        ),
        pseudonyms,
        require_protected_pseudonyms,
        dialog_release: dialog_release(&table, privacy),
        min_se: min_se(&table),
    };
    table.close();
    pcscf
}

/// The pseudonyms that are listed, and whether a REGISTER for one must be unreadable to others.
//= LI-014
fn pseudonyms(table: &Table<'_>) -> (Vec<Stated<String>>, Stated<bool>) {
    let listed = table.parsed_each("pseudonyms", identity);
    let required = table.bool("require_protected_pseudonyms");
    if let Some(listed) = listed.as_ref().filter(|listed| listed.value.len() > PSEUDONYMS_MAX) {
        let fault = format!("more than {PSEUDONYMS_MAX} pseudonyms");
        let remedy = "protect the whole access instead: `ue_security` without \"none\"".to_owned();
        table.reader.error(Some(listed.at.clone()), fault, Some(remedy));
    }
    let is_any = listed.is_some() && table.texts("pseudonyms").is_some_and(|listed| !listed.value.is_empty());
    if let Some(required) = required.as_ref().filter(|required| required.value && !is_any) {
        table.reader.contradiction(
            required.at.clone(),
            "`require_protected_pseudonyms`, but no pseudonym is listed",
            "add `pseudonyms = [\"sip:nobody.7@home1.example\"]`, or take it out",
        );
    }
    let listed = listed.map(|listed| listed.value).unwrap_or_default();
    let listed = listed.into_iter().map(Written::stated).collect();
    (listed, or_default(required, false))
}

/// The shortest session that is let through. RFC 4028 section 5 has none below 90 s.
//= PCSCF-030
fn min_se(table: &Table<'_>) -> Stated<Option<Duration>> {
    let written = table.duration("min_se");
    if let Some(short) = written.as_ref().filter(|written| !SESSIONS.contains(&written.value)) {
        table.reader.error(
            Some(short.at.clone()),
            "`min_se` is out of range",
            Some("write a duration from \"90s\" to \"1d\"".to_owned()),
        );
    }
    or_default(written.map(|written| written.map(Some)), None)
}

/// Whether dialogs of UEs that are gone are ended by this node. What it takes for that is kept in the store.
//= PCSCF-030
fn dialog_release(table: &Table<'_>, privacy: &Privacy) -> Stated<bool> {
    let written = table.bool("dialog_release");
    let has_store = privacy.dialog_memory.value == DialogStore::Store;
    if let Some(written) = written.as_ref().filter(|written| written.value && !has_store) {
        table.reader.contradiction(
            written.at.clone(),
            "`dialog_release` needs to know the dialogs, and `dialog_memory` keeps none",
            "write `dialog_memory = \"store\"` into [privacy], or take it out",
        );
    }
    or_default(written, false)
}

/// A text that can stand in quotes.
fn network(text: &str) -> Result<String, Fault> {
    match !text.is_empty() && text.len() <= TEXT_MAX && text.chars().all(|one| !one.is_control()) {
        true => Ok(text.to_owned()),
        false => Err(Fault {
            fault: format!("`{}` is no name of a network", shown(text)),
            remedy: format!("write a text of at most {TEXT_MAX} characters, such as \"visited1.example\""),
        }),
    }
}

/// An access type and its parameters.
fn access(text: &str) -> Result<String, Fault> {
    let kind = text.split(';').next().unwrap_or_default().trim();
    let is_plain = |byte: u8| is_token_byte(byte) || b";=\": @/[]".contains(&byte);
    let quotes = text.matches('"').count();
    let marks_itself = text.to_ascii_lowercase().contains("network-provided");
    match is_token(kind.as_bytes())
        && text.len() <= TEXT_MAX
        && text.bytes().all(is_plain)
        && quotes.is_multiple_of(2)
        && !marks_itself
    {
        true => Ok(text.trim().to_owned()),
        false => Err(Fault {
            fault: format!("`{}` is no access network", shown(text)),
            remedy: "write its type and parameters without `network-provided`, which is added, such as \
                     \"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=00101D0FCE11\""
                .to_owned(),
        }),
    }
}
