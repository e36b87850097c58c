//! `[topology_hiding]`, and whether who asks for it can have it.

use std::net::IpAddr;

use super::{
    grammar,
    node::file,
    read::{Written, or_default},
    table::Table,
};
use crate::policy::{
    Domain, HidingMode, LawfulInterception, Proxy, Stated, StatedBy, TopologyHiding, topology_hiding::OrigIoi,
};

/// Prefixes of one network.
const PREFIXES_MAX: usize = 1_000;

pub(super) fn topology_hiding(table: Table<'_>, proxy: &Proxy, lawful: &LawfulInterception) -> TopologyHiding {
    let mode: Option<Written<HidingMode>> = table.word("mode");
    let key_file = table.parsed("key_file", file);
    if let Some(mode) = mode.as_ref().filter(|mode| mode.value != HidingMode::Off)
        && table.raw("key_file").is_none()
    {
        table.reader.contradiction(
            mode.at.clone(),
            "`mode` without `key_file`: there is nothing to hide with",
            "add `key_file = \"hiding.keys\"`, or take `mode` out",
        );
    }
    if let Some(key_file) = &key_file {
        let of_audit = lawful.audit.as_ref().map(|audit| &audit.key_file.value);
        keys_are_apart(&table, key_file, &[proxy.key_file.value.as_ref(), of_audit]);
    }
    let mut hidden_prefixes: Vec<_> = table
        .parsed_each("hidden_prefixes", grammar::prefix)
        .map(|list| list.value)
        .unwrap_or_default();
    if let Some(beyond) = hidden_prefixes.get(PREFIXES_MAX) {
        let fault = format!("more than {PREFIXES_MAX} prefixes");
        table
            .reader
            .error(Some(beyond.at.clone()), fault, Some("join prefixes".to_owned()));
        hidden_prefixes.truncate(PREFIXES_MAX);
    }
    let hiding = TopologyHiding {
        mode: or_default(mode, HidingMode::Aead),
        key_file: or_default(key_file.map(|file| file.map(Some)), None),
        hidden_prefixes: hidden_prefixes.into_iter().map(Written::stated).collect(),
        orig_ioi: or_default(table.word("orig_ioi"), OrigIoi::Keep),
    };
    table.close();
    hiding
}

/// Each kind of key has a file of its own: who may hide addresses need not read calls.
//= SEC-002
pub(super) fn keys_are_apart(table: &Table<'_>, key_file: &Written<String>, others: &[Option<&String>]) {
    if others.iter().flatten().any(|other| **other == key_file.value) {
        table.reader.contradiction(
            key_file.at.clone(),
            "this file holds keys of another kind already",
            "name another file; one that does not exist is made",
        );
    }
}

/// `thig` of a listener or a peer, when it is written.
//= THIG-001
pub(super) fn thig(table: &Table<'_>, domain: &Domain, hiding: &TopologyHiding) -> Option<Stated<bool>> {
    let written = table.bool("thig")?;
    let lack = match written.value {
        false => None,
        true if hiding.mode.value == HidingMode::Off => Some((
            "`thig` hides nothing: `mode` in [topology_hiding] is off",
            "write `mode = \"aead\"` there, or take `thig` out",
        )),
        true if hiding.key_file.value.is_none() => Some((
            "`thig` has no keys to hide with",
            "write `key_file = \"hiding.keys\"` into [topology_hiding]",
        )),
        //= THIG-006
        true if domain
            .admin_domains
            .value
            .iter()
            .all(|domain| domain.parse::<IpAddr>().is_ok()) =>
        {
            Some((
                "`thig` has no domain to name in what it hides: there is no name in `admin_domains`",
                "write your domains into [domain], such as `admin_domains = [\"home1.example\"]`",
            ))
        }
        true => None,
    };
    if let Some((fault, remedy)) = lack {
        table.reader.contradiction(written.at.clone(), fault, remedy);
    }
    Some(written.stated())
}

/// The same of a listener: nothing is hidden from UEs so.
//= THIG-001
pub(super) fn thig_of_listener(
    table: &Table<'_>,
    faces_ues: bool,
    domain: &Domain,
    hiding: &TopologyHiding,
) -> Stated<bool> {
    let not_written = Stated {
        value: false,
        by: StatedBy::Default,
    };
    match table.raw("thig") {
        Some((at, value)) if faces_ues && value.as_bool() == Some(true) => {
            table.reader.contradiction(
                at,
                "`thig` on a listener of UEs, from whom nothing is hidden so",
                "take it out; `hide_routing_to_ue` in [privacy] is for UEs",
            );
            not_written
        }
        _ => thig(table, domain, hiding).unwrap_or(not_written),
    }
}
