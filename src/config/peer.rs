//! `[[peer]]`: members of T and strangers, and whether they can be told apart.

use std::collections::{HashMap, hash_map::Entry};

use ipnet::IpNet;

use super::{
    grammar,
    later::{not_provided, unless},
    listener::name,
    read::{Written, or_default, shown},
    spec_t::{list, meanings},
    table::Table,
    topology_hiding::thig,
};
use crate::policy::{
    CertifiedName, Direction, Domain, Listener, Overload, Peer, PeersAre, Security, SpecT, Stated, TopologyHiding, Word,
};

/// Peers of one policy.
pub(super) const PEERS_MAX: usize = 10_000;

pub(super) fn peers(
    top: &Table<'_>,
    spec_t: &SpecT,
    listeners: &[Listener],
    hiding: (&Domain, &TopologyHiding),
) -> Vec<Peer> {
    let mut taken_names: HashMap<&str, u32> = HashMap::new();
    let mut claims = Claims::default();
    let mut peers = Vec::new();
    for table in top.tables("peer") {
        if peers.len() == PEERS_MAX {
            let fault = format!("more than {PEERS_MAX} peers");
            table.reader.error(table.at(), fault, Some("join prefixes".to_owned()));
            break;
        }
        let name = name(&table, &mut taken_names);
        peers.push(peer(table, name, spec_t, listeners, hiding, &mut claims));
    }
    peers
}

fn peer(
    table: Table<'_>,
    name: Stated<String>,
    spec_t: &SpecT,
    listeners: &[Listener],
    (domain, hiding): (&Domain, &TopologyHiding),
    claims: &mut Claims,
) -> Peer {
    let names = table
        .parsed_each("names", grammar::host)
        .map(|list| list.value)
        .unwrap_or_default();
    let prefixes = table
        .parsed_each("prefixes", grammar::prefix)
        .map(|list| list.value)
        .unwrap_or_default();
    let secured_by: Option<Written<Security>> = table.word("secured_by");
    let trusted = secured_by.is_some();
    if let Some(at) = table.at()
        && table.raw("names").is_none()
        && table.raw("prefixes").is_none()
    {
        let fault = "the peer has neither `names` nor `prefixes`, so it is nobody";
        table
            .reader
            .contradiction(at, fault, "add `prefixes = [\"192.0.2.32/28\"]`");
    }
    if let Some(security) = &secured_by {
        security_holds(&table, security, spec_t, listeners);
    }
    claims.enter(&table, &name.value, trusted, &names, &prefixes);
    unless(&table, "require_tls", "false");
    for key in ["name_suffix", "require"] {
        if let Some((at, _)) = table.raw(key) {
            not_provided(&table, key, at, "take it out");
        }
    }
    let rfc5876 = match table.bool("rfc5876") {
        Some(written) => written.stated(),
        //= TRUST-008
        None => Stated {
            value: spec_t
                .compliance_asserted_identity
                .value
                .iter()
                .any(|rfc| rfc == "rfc5876"),
            by: spec_t.compliance_asserted_identity.by,
        },
    };
    let peer = Peer {
        name,
        certified: names.iter().map(|name| CertifiedName::of(&name.value)).collect(),
        names: names.into_iter().map(Written::stated).collect(),
        prefixes: prefixes.into_iter().map(Written::stated).collect(),
        secured_by: secured_by.map(Written::stated),
        //= TRUST-011
        direction: or_default(table.word("direction"), Direction::Both),
        aliases: meanings(table.table("aliases")),
        rfc5876,
        anonymise_from_for_legacy: or_default(table.bool("anonymise_from_for_legacy"), true),
        overload_control: or_default(table.word("overload_control"), Overload::Off),
        thig: thig(&table, domain, hiding),
    };
    table.close();
    peer
}

//= TRUST-003
fn security_holds(table: &Table<'_>, security: &Written<Security>, spec_t: &SpecT, listeners: &[Listener]) {
    let word = security.value.word();
    let agreed = &spec_t.inter_node_security.value;
    if !agreed.contains(&security.value) {
        let fault = format!("`{word}` is not in `inter_node_security`, so it makes nobody a member of T");
        let remedy = format!("[spec_t] names {}; add it there or use one of those", list(agreed));
        table.reader.contradiction(security.at.clone(), fault, remedy);
        return;
    }
    if security.value == Security::MutualTls {
        return certificate_holds(table, security, listeners);
    }
    let holds = |listener: &Listener| {
        matches!(listener.peers.value, PeersAre::Listed | PeersAre::Trusted)
            && listener
                .secured_by
                .is_some_and(|secured| secured.value == security.value)
    };
    if !listeners.iter().any(holds) {
        let fault = format!("this peer never counts as a member of T: no listener is secured by `{word}`");
        let remedy = format!("write `secured_by = \"{word}\"` at the listener it comes to");
        table.reader.warn(security.at.clone(), fault, remedy);
    }
}

/// A certificate counts only where TLS is, and only for a peer that has a name for it.
//= TRUST-020
fn certificate_holds(table: &Table<'_>, security: &Written<Security>, listeners: &[Listener]) {
    let listed = || {
        let listed = |listener: &&Listener| listener.peers.value == PeersAre::Listed;
        listeners
            .iter()
            .filter(listed)
            .filter_map(|listener| listener.tls.as_ref())
    };
    let (fault, remedy) = if table.raw("names").is_none() {
        (
            "this peer never counts as a member of T: `mutual-tls` goes by the name in its certificate, and it has no `names`",
            "add `names = [\"ibcf.home2.example\"]`",
        )
    } else if listed().next().is_none() {
        (
            "this peer never counts as a member of T: no listener where [[peer]] decides binds tls://",
            "write \"tls://127.0.0.1:5061\" into the `bind` of the listener it comes to, with `tls`",
        )
    } else if listed().all(|tls| tls.client_ca.is_none()) {
        (
            "this peer counts as a member of T only when we call it: no listener asks for its certificate",
            "add `client_ca` to the `tls` of the listener it comes to",
        )
    } else {
        return;
    };
    table.reader.warn(security.at.clone(), fault, remedy);
}

/// Which peer an address or a name is, so that nobody is member and stranger at once.
//= TRUST-001
#[derive(Default)]
struct Claims {
    prefixes: HashMap<IpNet, Claim>,
    names: HashMap<String, Claim>,
}

struct Claim {
    peer: String,
    trusted: bool,
    line: u32,
}

impl Claims {
    fn enter(
        &mut self,
        table: &Table<'_>,
        peer: &str,
        trusted: bool,
        names: &[Written<String>],
        prefixes: &[Written<IpNet>],
    ) {
        for name in names {
            contradict(table, &mut self.names, name, peer, trusted);
        }
        for prefix in prefixes {
            contradict(table, &mut self.prefixes, prefix, peer, trusted);
        }
    }
}

fn contradict<T: std::hash::Hash + Eq + Clone + std::fmt::Display>(
    table: &Table<'_>,
    claims: &mut HashMap<T, Claim>,
    claimed: &Written<T>,
    peer: &str,
    trusted: bool,
) {
    match claims.entry(claimed.value.clone()) {
        Entry::Vacant(vacant) => {
            vacant.insert(Claim {
                peer: peer.to_owned(),
                trusted,
                line: claimed.line,
            });
        }
        Entry::Occupied(other) => {
            let Claim {
                peer: other,
                trusted: other_trusted,
                line,
            } = other.get();
            if *other_trusted != trusted {
                let (here, there) = match trusted {
                    true => ("a member of T", "a stranger"),
                    false => ("a stranger", "a member of T"),
                };
                let other = shown(other);
                let fault = format!(
                    "`{}` is {here} here and {there} as the peer `{other}` in line {line}",
                    claimed.value
                );
                table
                    .reader
                    .contradiction(claimed.at.clone(), fault, "take it out of one of them");
            }
        }
    }
}
