//! `[[listener]]`: the sockets, and whether what is said of their peers can be true.

use std::{collections::HashMap, ops::Range};

use super::{
    grammar,
    protected::{Beside, protected},
    read::{Fault, Reader, Written, or_default, shown},
    spec_t::{Places, list},
    table::Table,
    topology_hiding::thig_of_listener,
};
use crate::{
    policy::{
        Bind, Domain, Listener, ListenerId, PeersAre, Protected, Proxy, Security, SpecT, Stated, TopologyHiding, Word,
        spec_t::UeSecurity,
    },
    sip::Transport,
};

/// Listeners of one policy.
pub(super) const LISTENERS_MAX: usize = 256;

/// What only one bind can have: datagrams of an address, or connections to it, whatever is spoken on them.
type Socket = (bool, std::net::SocketAddr);

fn socket(bind: Bind) -> Socket {
    (bind.transport == Transport::Udp, bind.address)
}

/// Sockets of one listener.
const BINDS_MAX: usize = 64;

/// The listeners as written, and which of them get protected ports.
pub(super) fn listeners(
    top: &Table<'_>,
    spec_t: &SpecT,
    places: &Places,
    proxy: &Proxy,
    hiding: (&Domain, &TopologyHiding),
) -> (Vec<Listener>, Vec<(ListenerId, Protected)>) {
    let tables = top.tables("listener");
    if top.raw("listener").is_none() {
        top.missing(
            "there is no [[listener]], so nothing can be heard",
            "add one: `[[listener]]` with `name` and `bind`",
        );
    }
    let mut names: HashMap<&str, u32> = HashMap::new();
    let mut taken: HashMap<Socket, String> = HashMap::new();
    let mut listeners = Vec::new();
    let mut protected = Vec::new();
    for table in tables {
        let reader = table.reader;
        if listeners.len() == LISTENERS_MAX {
            let fault = format!("more than {LISTENERS_MAX} listeners");
            reader.error(table.at(), fault, Some("a listener can have several binds".to_owned()));
            break;
        }
        let name = name(&table, &mut names);
        let binds = binds(&table, &name.value, &mut taken);
        let (listener, ports) = listener(table, name, binds, spec_t, places, proxy, hiding);
        protected.extend(ports.map(|ports| (ListenerId(listeners.len() as u16), ports)));
        listeners.push(listener);
    }
    for listener in &mut listeners {
        add_implied_tcp(listener, &taken);
    }
    (listeners, protected)
}

/// The name of a listener or a peer: one of its kind.
pub(super) fn name<'r>(table: &Table<'r>, names: &mut HashMap<&'r str, u32>) -> Stated<String> {
    table.require("name", "\"core\"");
    let written = table.text("name");
    if let Some(written) = &written {
        let error = |fault: String, remedy: &str| {
            table
                .reader
                .error(Some(written.at.clone()), fault, Some(remedy.to_owned()));
        };
        if written.value.is_empty() || written.value.len() > NAME_MAX || written.value.chars().any(char::is_control) {
            let fault = format!("`{}` is no name", shown(written.value));
            error(fault, "write a short one, it appears in logs and explanations");
        } else if let Some(line) = names.insert(written.value, written.line) {
            let fault = format!("the name `{}` is already used in line {line}", shown(written.value));
            error(fault, "choose another");
        }
    }
    or_default(written.map(|name| name.map(str::to_owned)), String::new())
}

/// Characters of a name.
const NAME_MAX: usize = 64;

fn binds(table: &Table<'_>, listener: &str, taken: &mut HashMap<Socket, String>) -> Vec<Stated<Bind>> {
    table.require("bind", "[\"udp://127.0.0.1:5060\", \"tcp://127.0.0.1:5060\"]");
    let transport = table.parsed("transport", grammar::transport);
    let unwritten = transport.as_ref().map_or(Transport::Udp, |transport| transport.value);
    let Some(mut written) = table.parsed_each("bind", |text| {
        let bind = grammar::bind(text, unwritten)?;
        match &transport {
            Some(transport) if transport.value != bind.transport => Err(Fault {
                fault: format!("`{}` contradicts `transport`", shown(text)),
                remedy: "take out `transport`".to_owned(),
            }),
            _ => Ok(bind),
        }
    }) else {
        return Vec::new();
    };
    let reader = table.reader;
    if table.texts("bind").is_some_and(|list| list.value.is_empty()) {
        let fault = "a listener without an address hears nothing";
        reader.contradiction(
            written.at.clone(),
            fault,
            "write \"udp://127.0.0.1:5060\" into the list",
        );
    }
    if written.value.len() > BINDS_MAX {
        let fault = format!("more than {BINDS_MAX} addresses of one listener");
        reader.error(
            Some(written.at.clone()),
            fault,
            Some("write another listener".to_owned()),
        );
        written.value.truncate(BINDS_MAX);
    }
    for bind in &written.value {
        let Bind { transport, address } = bind.value;
        if address.port() == 0 {
            continue;
        }
        if let Some(other) = taken.insert(socket(bind.value), listener.to_owned()) {
            let name = transport.uri_name();
            let fault = format!(
                "`{name}://{address}` is already bound by the listener `{}`",
                shown(&other)
            );
            reader.error(Some(bind.at.clone()), fault, Some("choose another port".to_owned()));
        }
    }
    written.value.into_iter().map(Written::stated).collect()
}

/// RFC 3261 section 18: who takes SIP over UDP takes it over TCP at the same port too.
//= TPT-001
fn add_implied_tcp(listener: &mut Listener, taken: &HashMap<Socket, String>) {
    let implied: Vec<Stated<Bind>> = listener
        .bind
        .iter()
        .filter(|bind| bind.value.transport == Transport::Udp)
        .map(|bind| Stated {
            value: Bind {
                transport: Transport::Tcp,
                address: bind.value.address,
            },
            by: bind.by,
        })
        .filter(|tcp| !taken.contains_key(&socket(tcp.value)))
        .collect();
    for tcp in implied {
        if !listener.bind.iter().any(|bind| bind.value == tcp.value) {
            listener.bind.push(tcp);
        }
    }
}

fn listener(
    table: Table<'_>,
    name: Stated<String>,
    bind: Vec<Stated<Bind>>,
    spec_t: &SpecT,
    places: &Places,
    proxy: &Proxy,
    (domain, hiding): (&Domain, &TopologyHiding),
) -> (Listener, Option<Protected>) {
    let peers: Option<Written<PeersAre>> = table.word("peers");
    let secured_by: Option<Written<Security>> = table.word("secured_by");
    let implicit_member: Option<Written<bool>> = table.bool("implicit_member");
    let advertise = table.parsed("advertise", grammar::host_port);
    let tls = super::tls::tls(&table, &bind);
    let kind = peers.as_ref().map_or(PeersAre::Listed, |peers| peers.value);
    let thig = thig_of_listener(&table, kind == PeersAre::Ue, domain, hiding);
    let beside = Beside {
        binds: &bind,
        peers: kind,
        spec_t,
        proxy,
    };
    let protected = protected(&table, &beside);
    let unspecified = bind.iter().any(|bind| bind.value.address.ip().is_unspecified());
    let check = Check {
        reader: table.reader,
        at: table.at().unwrap_or_default(),
        peers: kind,
        peers_at: peers.as_ref().map(|peers| peers.at.clone()),
        secured_by: secured_by.as_ref(),
        implicit_member: implicit_member.as_ref(),
        has_tls: tls.is_some(),
        is_protected: protected.is_some(),
    };
    check.security(spec_t);
    check.membership();
    check.access(spec_t, places);
    if unspecified && advertise.is_none() && proxy.name.value.is_none() {
        table.reader.warn(
            check.at.clone(),
            "the listener is bound to every address, so Via and Record-Route have none to name",
            "write `advertise = \"host\"` here or `name` in [proxy]",
        );
    }
    table.close();
    let peers = or_default(peers, PeersAre::Listed);
    let implicit_member = match peers.value {
        PeersAre::Trusted => Stated {
            value: true,
            by: peers.by,
        },
        _ => or_default(implicit_member, false),
    };
    let listener = Listener {
        name,
        bind,
        peers,
        secured_by: secured_by.map(Written::stated),
        implicit_member,
        thig,
        advertise: advertise.map(Written::stated),
        tls,
        protected: None,
    };
    (listener, protected)
}

/// What a listener says of its peers, held against itself and against SPEC(T).
struct Check<'l> {
    reader: &'l Reader,
    at: Range<usize>,
    peers: PeersAre,
    peers_at: Option<Range<usize>>,
    secured_by: Option<&'l Written<Security>>,
    implicit_member: Option<&'l Written<bool>>,
    has_tls: bool,
    is_protected: bool,
}

impl Check<'_> {
    /// Arrival on the socket is SECURE evidence only for a security that a socket can have and T names.
    //= TRUST-023
    //= TRUST-025
    fn security(&self, spec_t: &SpecT) {
        let Some(security) = self.secured_by else {
            return;
        };
        let word = security.value.word();
        let at = security.at.clone();
        match (self.peers, security.value) {
            (_, Security::MutualTls) => self.reader.contradiction(
                at,
                "`mutual-tls` is shown by each connection, a listener cannot have it",
                "a listener is secured by zb-ipsec, za-seg or physical",
            ),
            (PeersAre::Trusted | PeersAre::Listed, value) if !spec_t.inter_node_security.value.contains(&value) => {
                let fault = format!("`{word}` is not in `inter_node_security`, so it makes nobody a member of T");
                let remedy = format!(
                    "[spec_t] names {}; add it there or use one of those",
                    list(&spec_t.inter_node_security.value)
                );
                self.reader.contradiction(at, fault, remedy);
            }
            (PeersAre::Ue, Security::ZbIpsec | Security::ZaSeg) => {
                let fault = format!("`{word}` protects nodes, not UEs");
                self.reader
                    .contradiction(at, fault, "a listener for UEs is secured by physical, or by nothing");
            }
            (PeersAre::Untrusted, _) => self.reader.warn(
                at,
                "`secured_by` changes nothing here: `peers = \"untrusted\"` says that nobody is a member of T",
                "take it out, or write `peers = \"listed\"`",
            ),
            _ => {}
        }
    }

    //= TRUST-010
    //= TRUST-023
    fn membership(&self) {
        if self.peers == PeersAre::Trusted && self.secured_by.is_none() {
            let at = self.peers_at.clone().unwrap_or_else(|| self.at.clone());
            let fault = "`peers = \"trusted\"` without `secured_by`: an unsecured connection makes no member of T";
            self.reader
                .contradiction(at, fault, "say how it is secured, such as `secured_by = \"physical\"`");
        }
        let Some(implicit_member) = self.implicit_member else {
            return;
        };
        let at = implicit_member.at.clone();
        match (self.peers, implicit_member.value) {
            (PeersAre::Trusted, false) => self.reader.contradiction(
                at,
                "`peers = \"trusted\"` says that everybody here is a member of T, and this that they are not",
                "take it out, or write `peers = \"listed\"`",
            ),
            (PeersAre::Untrusted | PeersAre::Ue, true) => {
                let fault = format!("nobody is a member of T where `peers = \"{}\"`", self.peers.word());
                self.reader
                    .contradiction(at, fault, "take it out, or write `peers = \"listed\"`");
            }
            (PeersAre::Listed, true) if self.secured_by.is_none() => self.reader.contradiction(
                at,
                "`implicit_member` on a listener that is not secured",
                "add `secured_by`, or take it out and list the members as [[peer]]",
            ),
            _ => {}
        }
    }

    /// Whether UEs can be served here as SPEC(T) item 3 wants it.
    //= TRUST-004
    fn access(&self, spec_t: &SpecT, places: &Places) {
        if self.peers != PeersAre::Ue {
            return;
        }
        let allowed = &spec_t.ue_security.value;
        let unprotected = allowed.contains(&UeSecurity::None);
        if unprotected && !spec_t.i_accept_unprotected_access.value {
            let at = places.ue_security.clone().unwrap_or_else(|| self.at.clone());
            let fault = "`ue_security` allows \"none\", and a listener serves UEs";
            self.reader.contradiction(
                at,
                fault,
                "take \"none\" out, or write `i_accept_unprotected_access = true` below it",
            );
        }
        let physical = self.secured_by.is_some() && allowed.contains(&UeSecurity::Physical);
        let tls = self.has_tls && allowed.contains(&UeSecurity::Tls);
        if !unprotected && !physical && !tls && !self.is_protected {
            let fault = "no UE can be served here: nothing in `ue_security` holds on this listener";
            self.reader.warn(
                self.peers_at.clone().unwrap_or_else(|| self.at.clone()),
                fault,
                "this version provides \"ipsec-3gpp\", with `protected` here, \"physical\", with `secured_by = \"physical\"`, \"tls\", with a `tls://` bind, and \"none\"",
            );
        }
    }
}

/// The listener of this name, or the mistake of naming none.
pub(super) fn by_name(listeners: &[Listener], key: &str, name: &str) -> Result<ListenerId, Fault> {
    let found = listeners.iter().position(|listener| listener.name.value == name);
    match found.and_then(|index| u16::try_from(index).ok()) {
        Some(index) => Ok(ListenerId(index)),
        None => {
            let names = listeners.iter().map(|listener| listener.name.value.as_str());
            Err(Fault {
                fault: format!("`{key}` names no listener: `{}`", shown(name)),
                remedy: match grammar::nearest(name, names.clone()) {
                    Some(near) => format!("did you mean `{}`?", shown(near)),
                    None => format!("listeners are: {}", names.map(shown).collect::<Vec<_>>().join(", ")),
                },
            })
        }
    }
}
