//! `[[route]]`: where requests go, by the names of listeners.

use std::collections::HashMap;

use super::{
    grammar,
    listener::by_name,
    read::{Fault, Written, or_default, shown},
    table::Table,
};
use crate::{
    policy::{Listener, ListenerId, Route, route::Fork},
    sip::Transport,
};

/// Routes of one policy.
pub(super) const ROUTES_MAX: usize = 10_000;

/// Places to try of one route.
const NEXT_HOPS_MAX: usize = 16;

pub(super) fn routes(top: &Table<'_>, listeners: &[Listener]) -> Vec<Route> {
    let mut everything: HashMap<ListenerId, u32> = HashMap::new();
    let mut routes = Vec::new();
    for table in top.tables("route") {
        if routes.len() == ROUTES_MAX {
            let fault = format!("more than {ROUTES_MAX} routes");
            table
                .reader
                .error(table.at(), fault, Some("join domains into one route".to_owned()));
            break;
        }
        routes.extend(route(table, listeners, &mut everything));
    }
    routes
}

fn route(table: Table<'_>, listeners: &[Listener], everything: &mut HashMap<ListenerId, u32>) -> Option<Route> {
    table.require("from", "\"core\"");
    table.require("next_hop", "[\"sip:10.20.0.5:5060;lr\"]");
    table.require("via", "\"core\"");
    let from = listener(&table, "from", listeners);
    let via = listener(&table, "via", listeners);
    let method = stated_each(table.parsed_each("method", grammar::method));
    let domain = stated_each(table.parsed_each("domain", grammar::host));
    let leaves_by = via.as_ref().and_then(|via| listeners.get(usize::from(via.value.0)));
    let next_hop = next_hops(&table, leaves_by);
    let emergency = or_default(table.bool("emergency"), false);
    if emergency.value
        && let Some((at, _)) = table.raw("domain")
    {
        let fault = "a call for help names no domain, so this route takes nothing";
        table.reader.contradiction(at, fault, "take `domain` out");
    }
    if let (Some(from), Some(at), false) = (&from, table.at(), emergency.value) {
        let line = table.reader.line(&at);
        if let Some(earlier) = everything.get(&from.value) {
            table.reader.warn(
                at,
                format!("no request reaches this route: the one in line {earlier} takes everything from there"),
                "move it up, or take it out",
            );
        } else if table.raw("method").is_none() && table.raw("domain").is_none() {
            everything.insert(from.value, line);
        }
    }
    let fork = table.word("fork");
    table.close();
    Some(Route {
        from: from?.stated(),
        method,
        domain,
        emergency,
        next_hop,
        fork: or_default(fork, Fork::Failover),
        via: via?.stated(),
    })
}

fn listener(table: &Table<'_>, key: &'static str, listeners: &[Listener]) -> Option<Written<ListenerId>> {
    let name = table.text(key)?;
    match by_name(listeners, key, name.value) {
        Ok(id) => Some(name.map(|_| id)),
        // It may be the one whose name is missing; that is said already.
        Err(_) if listeners.iter().any(|listener| listener.name.value.is_empty()) => None,
        Err(fault) => {
            table.reader.contradiction(name.at, fault.fault, fault.remedy);
            None
        }
    }
}

fn next_hops(table: &Table<'_>, leaves_by: Option<&Listener>) -> Vec<crate::policy::Stated<String>> {
    let Some(written) = table.parsed_each("next_hop", grammar::next_hop) else {
        return Vec::new();
    };
    if table.texts("next_hop").is_some_and(|list| list.value.is_empty()) {
        let fault = "`next_hop` is empty";
        table.reader.contradiction(
            written.at.clone(),
            fault,
            "write where requests go: \"sip:10.20.0.5:5060;lr\"",
        );
    }
    if written.value.len() > NEXT_HOPS_MAX {
        let fault = format!("more than {NEXT_HOPS_MAX} next hops of one route");
        table.reader.error(
            Some(written.at.clone()),
            fault,
            Some("give them one DNS name with SRV records".to_owned()),
        );
    }
    for hop in &written.value {
        if let (Some((named, words)), Some(listener)) = (grammar::transport_named(&hop.value), leaves_by) {
            reachable(table, hop, named, words, listener);
        }
    }
    stated_each(Some(written))
}

/// Warns of a next hop that no socket of the listener reaches.
fn reachable(
    table: &Table<'_>,
    hop: &Written<String>,
    named: Result<Transport, Fault>,
    words: &str,
    listener: &Listener,
) {
    let (fault, remedy) = match named {
        //= TPT-010
        Ok(Transport::Ws | Transport::Wss) => (
            "a WebSocket is only ever opened by the other side".to_owned(),
            "name another transport: udp, tcp or tls".to_owned(),
        ),
        Ok(transport) if listener.bind.iter().any(|bind| bind.value.transport == transport) => return,
        Ok(transport) => {
            let name = transport.uri_name();
            let listener = shown(&listener.name.value);
            (
                format!(
                    "`{}` leaves by {name}, and the listener `{listener}` has none",
                    shown(words)
                ),
                format!("write \"{name}://…\" into its `bind`, or name another in `via`"),
            )
        }
        Err(fault) => (fault.fault, fault.remedy),
    };
    let fault = format!("this next hop is never reached: {fault}");
    table.reader.warn(hop.at.clone(), fault, &remedy);
}

fn stated_each<T>(list: Option<Written<Vec<Written<T>>>>) -> Vec<crate::policy::Stated<T>> {
    list.map(|list| list.value)
        .unwrap_or_default()
        .into_iter()
        .map(Written::stated)
        .collect()
}
