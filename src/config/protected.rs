//! `protected` of a `[[listener]]`: the ports of its security associations.

use std::collections::HashSet;

use super::{read::or_default, spec_t::list, table::Table};
use crate::policy::{Bind, PeersAre, Protected, Proxy, SpecT, Stated, spec_t::UeSecurity};

/// Client ports of one listener. An authentication takes one that the two before have not.
const CLIENT_PORTS: std::ops::RangeInclusive<usize> = 3..=64;

/// What is held against it.
pub(super) struct Beside<'p> {
    pub binds: &'p [Stated<Bind>],
    pub peers: PeersAre,
    pub spec_t: &'p SpecT,
    pub proxy: &'p Proxy,
}

pub(super) fn protected(listener: &Table<'_>, beside: &Beside<'_>) -> Option<Protected> {
    let table = listener.table("protected");
    let at = table.at()?;
    table.require("server_port", "6101");
    table.require("client_ports", "[6102, 6103, 6104]");
    let server_port = table.number("server_port", 1..=u32::from(u16::MAX));
    let client_ports = table.numbers("client_ports", 1..=u32::from(u16::MAX));
    let legacy_algorithms = or_default(table.bool("legacy_algorithms"), false);
    let require_encryption = or_default(table.bool("require_encryption"), false);
    let unacceptable_code = or_default(table.code("unacceptable_code", [494, 403]), 494);
    let require_verify_always = or_default(table.bool("require_verify_always"), false);
    let reader = table.reader;
    let wrong = |fault: &str, remedy: &str| reader.contradiction(at.clone(), fault, remedy);
    if beside.peers != PeersAre::Ue {
        wrong(
            "`protected` is for UEs, and this listener has none",
            "write `peers = \"ue\"`, or take it out",
        );
    }
    let ue_security = &beside.spec_t.ue_security.value;
    if !ue_security.contains(&UeSecurity::Ipsec3gpp) {
        let remedy = format!(
            "it lists {}; add \"ipsec-3gpp\", or take `protected` out",
            list(ue_security)
        );
        wrong("`protected`, but `ue_security` does not list \"ipsec-3gpp\"", &remedy);
    }
    if beside.binds.iter().any(|bind| bind.value.address.ip().is_unspecified()) {
        wrong(
            "security associations stand between two addresses, and this listener is bound to every one",
            "write the address of the machine into `bind`",
        );
    }
    if beside.proxy.workers.value != 1 {
        wrong(
            "security associations are known to one worker alone in this version",
            "write `workers = 1` into [proxy]",
        );
    }
    let mut seen: HashSet<u32> = beside
        .binds
        .iter()
        .map(|bind| u32::from(bind.value.address.port()))
        .collect();
    seen.extend([5060, 5061]);
    let ports = server_port.iter().map(|port| (port.value, port.at.clone()));
    let all = client_ports.iter().flat_map(|ports| &ports.value);
    for (port, at) in ports.chain(all.map(|port| (port.value, port.at.clone()))) {
        if !seen.insert(port) {
            let fault = format!("port {port} is taken: by `bind`, by SIP in clear, or by another protected port");
            reader.contradiction(at, fault, "choose another");
        }
    }
    if let Some(ports) = &client_ports
        && !CLIENT_PORTS.contains(&ports.value.len())
    {
        let fault = format!("`client_ports` holds {} ports", ports.value.len());
        let remedy = format!(
            "write {} to {}: a UE that authenticates again takes another while two may still be in use",
            CLIENT_PORTS.start(),
            CLIENT_PORTS.end()
        );
        reader.contradiction(ports.at.clone(), fault, remedy);
    }
    table.close();
    let ports = client_ports?.value.into_iter().map(|port| port.value as u16);
    Some(Protected {
        // In range, as read.
        server_port: server_port?.value as u16,
        client_ports: ports.collect(),
        legacy_algorithms: legacy_algorithms.value,
        require_encryption: require_encryption.value,
        unacceptable_code: unacceptable_code.value,
        require_verify_always: require_verify_always.value,
    })
}
