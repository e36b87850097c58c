//! `[admin]`.

use std::net::SocketAddr;

use super::{
    later,
    node::file,
    read::{Fault, or_default, shown},
    table::Table,
};
use crate::policy::admin::{Admin, Hep, Http, Identities};
use crate::policy::{Bind, Listener};
use crate::sip::Transport;

pub(super) fn admin(table: Table<'_>, listeners: &[Listener]) -> Admin {
    let bind = table.parsed("http", bind);
    let token_file = table.parsed("token_file", file);
    let hep = hep(&table, listeners);
    if let Some((at, _)) = table.raw("otlp") {
        later::not_provided(&table, "admin.otlp", at, "take it out");
    }
    table.close();
    match (&bind, &token_file) {
        (Some(bind), None) if !bind.value.ip().is_loopback() => table.reader.contradiction(
            bind.at.clone(),
            "others than this machine can ask here, and nobody is asked who they are",
            "add `token_file = \"admin.token\"`, or write `http = \"127.0.0.1:8060\"`",
        ),
        (Some(bind), Some(_)) if !bind.value.ip().is_loopback() => table.reader.warn(
            bind.at.clone(),
            "the token crosses the network in clear",
            "keep this address within the network of the operator, or put a server for TLS in front of it",
        ),
        (None, Some(token)) if table.raw("http").is_none() => table.reader.contradiction(
            token.at.clone(),
            "`token_file` without `http`",
            "add `http = \"127.0.0.1:8060\"`, or take it out",
        ),
        _ => {}
    }
    Admin {
        http: bind.map(|bind| Http {
            bind: bind.stated(),
            token_file: token_file.map(|file| file.stated()),
        }),
        hep,
    }
}

fn bind(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault {
        fault: format!("`{}` is no address to listen at", shown(text)),
        remedy: "write an IP address and a port: \"127.0.0.1:8060\" or \"[::1]:8060\"".to_owned(),
    })
}

fn hep(table: &Table<'_>, listeners: &[Listener]) -> Option<Hep> {
    let to = table.parsed("hep", collector);
    let identities = table.word::<Identities>("hep_identities");
    let agent = table.number("hep_agent", 1..=u32::MAX);
    if table.raw("hep").is_none() {
        for (key, at) in [
            ("hep_identities", identities.as_ref().map(|written| &written.at)),
            ("hep_agent", agent.as_ref().map(|written| &written.at)),
        ] {
            if let Some(at) = at {
                table.reader.warn(
                    at.clone(),
                    format!("`{key}` changes nothing here: nothing is mirrored"),
                    "say where to, `hep = \"udp://127.0.0.1:9060\"`, or take it out",
                );
            }
        }
    }
    if let Some(identities) = identities.as_ref().filter(|written| written.value == Identities::Clear) {
        table.reader.warn(
            identities.at.clone(),
            "who looks at the mirror sees names, numbers, addresses and bodies, whatever privacy was asked for",
            "write `hep_identities = \"hidden\"`, or make sure of who reads there, and of the way to it",
        );
    }
    if let Some(to) = &to
        && is_ours(to.value, listeners)
    {
        table.reader.contradiction(
            to.at.clone(),
            "a listener of this proxy is there: what is mirrored would come in, and be mirrored again",
            "name the port of the collector, such as \"udp://127.0.0.1:9060\"",
        );
    }
    to.map(|to| Hep {
        to: to.stated(),
        identities: or_default(identities, Identities::Hidden),
        agent: or_default(agent, 1),
    })
}

fn is_ours(to: SocketAddr, listeners: &[Listener]) -> bool {
    let mut binds = listeners.iter().flat_map(|listener| &listener.bind);
    binds.any(|bind| {
        let Bind { transport, address } = bind.value;
        let is_there = address.ip() == to.ip() || address.ip().is_unspecified();
        transport == Transport::Udp && address.port() == to.port() && is_there
    })
}

fn collector(text: &str) -> Result<SocketAddr, Fault> {
    let address: Option<SocketAddr> = text.strip_prefix("udp://").and_then(|address| address.parse().ok());
    address
        .filter(|address| address.port() != 0 && !address.ip().is_unspecified())
        .ok_or_else(|| Fault {
            fault: format!("`{}` is no place to mirror to", shown(text)),
            remedy: "write an address and a port, such as \"udp://127.0.0.1:9060\"".to_owned(),
        })
}
