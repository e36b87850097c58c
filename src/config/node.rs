//! `[domain]`, `[proxy]`, `[evidence]`, `[privacy]` and `[limits]`.

use std::time::Duration;

use super::{
    grammar,
    later::{not_provided, unless},
    on_behalf::agreements,
    read::{Fault, Written, from_word, or_default, or_profile, shown},
    table::Table,
};
use crate::policy::{
    Domain, Evidence, Limits, Listener, Privacy, Profile, Proxy, Stated, StatedBy, Undetermined, Word,
    privacy::{CallIds, DialogDowngrade, DialogStore, Provided, RemotePartyId, Unprovidable},
    proxy::{OptionsAnswer, Role},
};

/// Engines of one process.
const WORKERS_MAX: u32 = 1024;

/// Bytes of a sealed dialog token: what its fixed part needs, and what still fits a header line.
const TOKEN_BYTES: std::ops::RangeInclusive<u32> = 128..=8192;

pub(super) fn profile(top: &Table<'_>) -> Stated<Profile> {
    or_default(top.word("profile"), Profile::Ims)
}

pub(super) fn domain(table: Table<'_>) -> Domain {
    table.require("id", "\"T-home1\"");
    let id = table.parsed("id", |text| {
        match text.trim().is_empty() || text.chars().any(char::is_control) {
            false => Ok(text.to_owned()),
            true => Err(Fault {
                fault: "the trust domain needs a name".to_owned(),
                remedy: "write one that its members use for it, such as \"T-home1\"".to_owned(),
            }),
        }
    });
    let admin_domains = table.parsed_each("admin_domains", grammar::host);
    table.close();
    Domain {
        id: or_default(id, String::new()),
        admin_domains: or_default(admin_domains.map(values), Vec::new()),
    }
}

pub(super) fn proxy(table: Table<'_>) -> Proxy {
    let proxy = Proxy {
        name: or_default(table.parsed("name", grammar::host).map(|name| name.map(Some)), None),
        workers: or_default(
            table
                .number("workers", 0..=WORKERS_MAX)
                .map(|number| number.map(|number| u16::try_from(number).unwrap_or(u16::MAX))),
            0,
        ),
        drain: or_default(table.duration("drain"), Duration::from_secs(30)),
        key_file: or_default(table.parsed("key_file", file).map(|file| file.map(Some)), None),
        //= PROXY-025
        recurse: or_default(table.bool("recurse"), false),
        options_from_strangers: or_default(table.word("options_from_strangers"), OptionsAnswer::Answer),
        absent_code: or_default(table.code("absent_code", [404, 480]), 404),
        //= ROLE-001
        roles: or_default(table.words("roles").map(values), Role::ALL.to_vec()),
    };
    table.close();
    proxy
}

pub(super) fn evidence(table: Table<'_>, domain: &Domain, listeners: &[Listener]) -> Evidence {
    let reverse_dns = table.bool("reverse_dns");
    if let Some(written) = reverse_dns.as_ref().filter(|written| written.value) {
        reverse_dns_changes_something(&table, written, domain, listeners);
    }
    unless(&table, "require_dnssec", "false");
    let undetermined = table.word("undetermined");
    table.close();
    Evidence {
        reverse_dns: or_default(reverse_dns, false),
        //= TRUST-013
        undetermined: or_default(undetermined, Undetermined::Untrusted),
    }
}

/// A name in DNS counts only where nothing else says who is a member, over a way that is secured.
//= TRUST-026
fn reverse_dns_changes_something(table: &Table<'_>, written: &Written<bool>, domain: &Domain, listeners: &[Listener]) {
    if !listeners.iter().any(Listener::may_have_members_by_name) {
        table.reader.warn(
            written.at.clone(),
            "`reverse_dns` changes nothing here: it can only help on a secured listener whose members are listed, and there is none",
            "write `peers = \"listed\"` and `secured_by` for a listener, or take `reverse_dns` out",
        );
    }
    if domain.admin_domains.value.is_empty() {
        table.reader.warn(
            written.at.clone(),
            "`reverse_dns` changes nothing here: no name is of this domain, for `admin_domains` is empty",
            "write your domains into [domain], such as `admin_domains = [\"home1.example\"]`",
        );
    }
}

pub(super) fn privacy(table: Table<'_>, profile: Profile) -> Privacy {
    let ims = profile == Profile::Ims;
    let values = provided(&table);
    let on_behalf = agreements(&table, &values.value);
    unless(&table, "pidf_lo_counts", "false");
    if let Some((at, _)) = table.raw("media_anonymiser") {
        not_provided(&table, "media_anonymiser", at, "take it out");
    }
    let privacy = Privacy {
        values,
        on_behalf,
        anonymous_host: or_default(
            table.parsed("anonymous_host", grammar::host),
            "anonymous.invalid".to_owned(),
        ),
        call_id: or_default(table.word("call_id"), CallIds::Keep),
        //= ROLE-002
        dialog_sticky: or_profile(table.bool("dialog_sticky"), ims),
        dialog_downgrade: or_default(table.word("dialog_downgrade"), DialogDowngrade::Ignore),
        dialog_memory: or_default(table.word("dialog_memory"), DialogStore::Token),
        //= ROLE-002
        scrub_contact_user_on_user: or_profile(table.bool("scrub_contact_user_on_user"), ims),
        //= ROLE-002
        hide_routing_to_ue: or_profile(table.bool("hide_routing_to_ue"), ims),
        id_anonymises_from: or_default(table.bool("id_anonymises_from"), false),
        unprovidable_without_critical: or_default(table.word("unprovidable_without_critical"), Unprovidable::Forward),
        remote_party_id: or_default(table.word("remote_party_id"), RemotePartyId::Drop),
        strip_session_id_on_user: or_default(table.bool("strip_session_id_on_user"), false),
        strip_identity_on_id_to_ue: or_default(table.bool("strip_identity_on_id_to_ue"), false),
        token_max_bytes: or_default(table.number("token_max", TOKEN_BYTES), 600),
        max_dialog_age: or_default(table.duration("max_dialog_age"), Duration::from_secs(24 * 3600)),
    };
    table.close();
    privacy
}

/// What is provided unless the policy says otherwise. `header` changes where later requests go, so it is asked for by name.
const BUILT_IN: &[Provided] = &[
    Provided::None,
    Provided::Id,
    Provided::Critical,
    Provided::User,
    Provided::History,
];

/// What the node provides; known values it does not provide are refused, not ignored.
fn provided(table: &Table<'_>) -> Stated<Vec<Provided>> {
    let written = table.parsed_each("values", |text| match text {
        //= PRIV-034
        "session" => Err(Fault {
            fault: "the privacy value `session` needs a media function, which this version cannot route to".to_owned(),
            remedy: "take it out; provided are none, id, critical, user, header and history".to_owned(),
        }),
        _ => from_word::<Provided>("values", text),
    });
    let Some(written) = written else {
        return Stated {
            value: BUILT_IN.to_vec(),
            by: StatedBy::Default,
        };
    };
    let provides = |value: Provided| written.value.iter().any(|one| one.value == value);
    if !written.value.is_empty() && !provides(Provided::Id) {
        table.reader.warn(
            written.at.clone(),
            "`id` is not among the privacy values, so a request for it cannot be honoured as such",
            "add \"id\", or provide nothing with `values = []`",
        );
    }
    values(written).stated()
}

/// The limits, and which of them are written where.
pub(super) fn limits(table: Table<'_>) -> (Limits, Vec<(&'static str, StatedBy)>) {
    let built_in = Limits::default();
    let mut stated = Vec::new();
    let mut limit = |key: &'static str, built_in: u32| match table.number(key, 1..=u32::MAX) {
        Some(written) => {
            stated.push((key, StatedBy::File { line: written.line }));
            written.value
        }
        None => built_in,
    };
    //= MSG-012
    let limits = Limits {
        start_line_bytes_max: limit("start_line_bytes_max", built_in.start_line_bytes_max),
        header_bytes_max: limit("header_bytes_max", built_in.header_bytes_max),
        header_block_bytes_max: limit("header_block_bytes_max", built_in.header_block_bytes_max),
        header_rows_max: limit("header_rows_max", built_in.header_rows_max),
        body_bytes_max: limit("body_bytes_max", built_in.body_bytes_max),
        route_values_max: limit("route_values_max", built_in.route_values_max),
        datagram_request_bytes_max: limit("datagram_request_bytes_max", built_in.datagram_request_bytes_max),
        redirects_max: limit("redirects_max", built_in.redirects_max),
        challenges_max: limit("challenges_max", built_in.challenges_max),
        transactions_max: limit("transactions_max", built_in.transactions_max),
        transactions_per_source_max: limit("transactions_per_source_max", built_in.transactions_per_source_max),
        requests_per_second_max: limit("requests_per_second_max", built_in.requests_per_second_max),
        refusals_per_second_max: limit("refusals_per_second_max", built_in.refusals_per_second_max),
        options_per_second_max: limit("options_per_second_max", built_in.options_per_second_max),
        pending_max: limit("pending_max", built_in.pending_max),
        questions_max: limit("questions_max", built_in.questions_max),
        plans_max: limit("plans_max", built_in.plans_max),
        reverse_names_max: limit("reverse_names_max", built_in.reverse_names_max),
        avoided_max: limit("avoided_max", built_in.avoided_max),
        remembered_max: limit("remembered_max", built_in.remembered_max),
        dialogs_max: limit("dialogs_max", built_in.dialogs_max),
        calls_max: limit("calls_max", built_in.calls_max),
        registrations_max: limit("registrations_max", built_in.registrations_max),
        security_sets_max: limit("security_sets_max", built_in.security_sets_max),
        max_pending_auth: limit("max_pending_auth", built_in.max_pending_auth),
        hosts_max: limit("hosts_max", built_in.hosts_max),
        connections_max: limit("connections_max", built_in.connections_max),
        connections_per_source_max: limit("connections_per_source_max", built_in.connections_per_source_max),
        connection_queue_bytes_max: limit("connection_queue_bytes_max", built_in.connection_queue_bytes_max),
        handover_max: limit("handover_max", built_in.handover_max),
        audit_queue_max: limit("audit_queue_max", built_in.audit_queue_max),
        store_queue_max: limit("store_queue_max", built_in.store_queue_max),
        announces_per_second_max: limit("announces_per_second_max", built_in.announces_per_second_max),
        tracked_peers_max: limit("tracked_peers_max", built_in.tracked_peers_max),
        tracked_contents_max: limit("tracked_contents_max", built_in.tracked_contents_max),
    };
    table.close();
    (limits, stated)
}

/// The values of a list without their places; the list keeps its own.
pub(super) fn values<T>(list: Written<Vec<Written<T>>>) -> Written<Vec<T>> {
    list.map(|list| list.into_iter().map(|one| one.value).collect())
}

pub(super) fn file(text: &str) -> Result<String, Fault> {
    match text.is_empty() || text.contains('\0') {
        false => Ok(text.to_owned()),
        true => Err(Fault {
            fault: format!("`{}` is no file name", shown(text)),
            remedy: "write the path of the file".to_owned(),
        }),
    }
}
