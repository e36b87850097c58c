//! `[admin]`.

use std::net::SocketAddr;

use super::{
    later,
    node::file,
    read::{Fault, shown},
    table::Table,
};
use crate::policy::admin::{Admin, Http};

pub(super) fn admin(table: Table<'_>) -> Admin {
    let bind = table.parsed("http", bind);
    let token_file = table.parsed("token_file", file);
    for key in ["hep", "otlp"] {
        if let Some((at, _)) = table.raw(key) {
            later::not_provided(&table, &format!("admin.{key}"), at, "take it out");
        }
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
    }
}

fn bind(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault {
        fault: format!("`{}` is no address to listen at", shown(text)),
        remedy: "write an IP address and a port: \"127.0.0.1:8060\" or \"[::1]:8060\"".to_owned(),
    })
}
