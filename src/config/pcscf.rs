//! `[pcscf]`.

use super::{
    grammar,
    read::{Fault, or_default, or_profile, shown},
    table::Table,
};
use crate::policy::{
    Domain, PCscf, Profile, Stated,
    pcscf::{PathUnsupported, ServiceRoute, UnprotectedAction},
};
use crate::sip::headers::grammar::{is_token, is_token_byte};

/// Characters of a text that is written into messages.
const TEXT_MAX: usize = 256;

pub(super) fn pcscf(table: Table<'_>, profile: Profile, domain: &Domain) -> PCscf {
    let path_unsupported = match profile {
        Profile::Ims => PathUnsupported::Insert,
        Profile::Rfc => PathUnsupported::Reject421,
    };
    let pcscf = PCscf {
        //= PCSCF-002
        path_unsupported: or_profile(table.word("path_unsupported"), path_unsupported),
        service_route: or_default(table.word("service_route"), ServiceRoute::Enforce),
        unprotected_action: or_default(table.word("unprotected_action"), UnprotectedAction::Reject403),
        oob_in_dialog_code: oob_in_dialog_code(&table),
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
    };
    table.close();
    pcscf
}

fn oob_in_dialog_code(table: &Table<'_>) -> Stated<u16> {
    let written = table
        .number("oob_in_dialog_code", 400..=499)
        .map(|code| code.map(|code| code as u16));
    if let Some(code) = written.as_ref().filter(|code| ![403, 481].contains(&code.value)) {
        table.reader.contradiction(
            code.at.clone(),
            "`oob_in_dialog_code` is no answer of that kind",
            "write 403 or 481",
        );
    }
    or_default(written, 403)
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
