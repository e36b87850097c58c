//! `[[privacy.on_behalf]]`.

use super::{
    grammar,
    node::values,
    read::{Fault, Written, from_word, or_default, shown},
    table::Table,
};
use crate::policy::{
    on_behalf::{Agreements, OnBehalf},
    privacy::Provided,
};
use crate::sip::uri::{Scheme, Uri};

/// Agreements of one policy.
const AGREEMENTS_MAX: usize = 100_000;

pub(super) fn agreements(privacy: &Table<'_>, provided: &[Provided]) -> Agreements {
    let mut all = Vec::new();
    for table in privacy.tables("on_behalf") {
        if all.len() == AGREEMENTS_MAX {
            let fault = format!("more than {AGREEMENTS_MAX} agreements");
            let remedy = "let the subscribers' own network write their Privacy".to_owned();
            table.reader.error(table.at(), fault, Some(remedy));
            break;
        }
        all.extend(agreement(table, provided));
    }
    Agreements::new(all)
}

fn agreement(table: Table<'_>, provided: &[Provided]) -> Option<OnBehalf> {
    table.require("identity", "\"sip:+15551230001@home1.example\"");
    table.require("values", "[\"user\", \"id\"]");
    let identity = table.parsed("identity", identity);
    let written = table.parsed_each("values", value);
    if let Some(written) = &written {
        for value in written.value.iter().filter(|value| !provided.contains(&value.value)) {
            table.reader.warn(
                value.at.clone(),
                "this node does not provide the value, so another must",
                "add it to `values` of [privacy], if none does",
            );
        }
    }
    let methods = table.parsed_each("methods", grammar::method).map(|list| list.value);
    table.close();
    Some(OnBehalf {
        identity: identity?.stated(),
        values: or_default(Some(values(written?)), Vec::new()),
        methods: methods.unwrap_or_default().into_iter().map(Written::stated).collect(),
    })
}

/// Nobody asks for `none` or `critical` in another's name.
//= LI-010
fn value(text: &str) -> Result<Provided, Fault> {
    match from_word::<Provided>("values", text)? {
        Provided::None | Provided::Critical => Err(Fault {
            fault: format!("`{text}` is never asked for on someone's behalf"),
            remedy: "write user, id, header or history".to_owned(),
        }),
        value => Ok(value),
    }
}

/// The URI of a person.
pub(super) fn identity(text: &str) -> Result<String, Fault> {
    let names_someone = Uri::parse(text.as_bytes())
        .is_ok_and(|uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel) && uri.user().is_some());
    match names_someone {
        true => Ok(text.to_owned()),
        false => Err(Fault {
            fault: format!("`{}` is no identity of a subscriber", shown(text)),
            remedy: "write a SIP or tel URI: \"sip:+15551230001@home1.example\" or \"tel:+15551230001\"".to_owned(),
        }),
    }
}
