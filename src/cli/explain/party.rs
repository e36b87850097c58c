//! The two ends of the message, from the operator's words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::policy::{Bind, CertifiedName, Listener, ListenerId, Peer, PeersAre, Policy, Security, Stated, StatedBy};
use crate::sip::Transport;
use crate::trust::{Destination, Flow};

/// Somebody at the other end of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub listener: ListenerId,
    pub remote: SocketAddr,
    bind: Bind,
    /// What its certificate proves.
    certified: Option<CertifiedName>,
}

/// Which end of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// The words name nobody.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    #[error(
        "--{}: no peer, listener or address is called `{word}`{}; `sipveil explain --help` lists what can stand here",
        match side { Side::From => "from", Side::To => "to" },
        nearest.as_ref().map(|name| format!(", but there is `{name}`")).unwrap_or_default()
    )]
    Word {
        side: Side,
        word: String,
        nearest: Option<String>,
    },
    #[error("peer `{0}` has no prefixes: give one of its addresses instead")]
    NoPrefix(String),
    #[error("peer `{0}` is secured by mutual-tls, and no listener where [[peer]] decides binds tls://")]
    NoTls(String),
    #[error("no listener has an address of the family of {0}")]
    Family(IpAddr),
}

/// Where a party is that nobody gave an address: addresses of documentation, RFC 5737 and RFC 3849.
const SOMEWHERE: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1)),
];

const PORT: u16 = 5060;

impl Place {
    /// Finds the party. A class that the policy has no place for gets a listener of its own, at the end of the policy.
    pub fn find(policy: &mut Policy, word: &str, side: Side) -> Result<Place, Unknown> {
        let class = match word {
            "trusted" => Some(PeersAre::Trusted),
            "untrusted" => Some(PeersAre::Untrusted),
            "ue" => Some(PeersAre::Ue),
            _ => None,
        };
        if let Some(peer) = policy.peers.iter().find(|peer| peer.name.value == word) {
            return of_peer(policy, peer);
        }
        if let Some((id, listener)) = by_name(policy, word) {
            let remote = somewhere(policy, listener);
            return at(id, listener, remote).ok_or(Unknown::Family(remote.ip()));
        }
        if let Some(class) = class {
            return Ok(of_class(policy, class));
        }
        if let Some(remote) = address(word) {
            return of_address(policy, remote);
        }
        if let Some((name, rest)) = word.split_once(':')
            && let (Some((id, listener)), Some(remote)) = (by_name(policy, name), address(rest))
        {
            return at(id, listener, remote).ok_or(Unknown::Family(remote.ip()));
        }
        let listeners = policy.listeners.iter().map(|listener| listener.name.value.as_str());
        let peers = policy.peers.iter().map(|peer| peer.name.value.as_str());
        let names = listeners.chain(peers).chain(["trusted", "untrusted", "ue"]);
        let name = word.split(':').next().unwrap_or(word);
        let nearest = names
            .map(|known| (strsim::jaro_winkler(known, name), known))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        Err(Unknown::Word {
            side,
            word: word.to_owned(),
            nearest: nearest.map(|(_, known)| known.to_owned()),
        })
    }

    pub fn flow(&self) -> Flow {
        Flow {
            listener: self.listener,
            transport: self.bind.transport,
            local: self.bind.address,
            remote: self.remote,
            connection: None,
            certified: self.certified,
        }
    }

    pub fn destination(&self) -> Destination {
        Destination {
            listener: self.listener,
            transport: self.bind.transport,
            remote: self.remote,
            connection: None,
            certified: self.certified,
        }
    }
}

fn by_name<'a>(policy: &'a Policy, name: &str) -> Option<(ListenerId, &'a Listener)> {
    listeners(policy).find(|(_, listener)| listener.name.value == name)
}

fn listeners(policy: &Policy) -> impl Iterator<Item = (ListenerId, &Listener)> {
    let all = policy.listeners.iter().enumerate();
    all.map(|(id, listener)| (ListenerId(id as u16), listener))
}

/// At this listener, if it has an address of that family.
fn at(id: ListenerId, listener: &Listener, remote: SocketAddr) -> Option<Place> {
    let bind = listener
        .bind
        .iter()
        .find(|bind| bind.value.address.is_ipv4() == remote.is_ipv4())?;
    Some(Place {
        listener: id,
        remote,
        bind: bind.value,
        certified: None,
    })
}

/// A peer is where `[[peer]]` decides; there, rather where its own way of being secured is that of the listener.
fn of_peer(policy: &Policy, peer: &Peer) -> Result<Place, Unknown> {
    if peer.secured_by.is_some_and(|by| by.value == Security::MutualTls) {
        return by_certificate(policy, peer).ok_or_else(|| Unknown::NoTls(peer.name.value.clone()));
    }
    let prefixes = || peer.prefixes.iter().map(|prefix| prefix.value);
    let remotes: Vec<SocketAddr> = prefixes()
        .filter_map(|prefix| prefix.hosts().next())
        .map(|address| SocketAddr::new(address, PORT))
        .collect();
    let Some(first) = remotes.first() else {
        return Err(Unknown::NoPrefix(peer.name.value.clone()));
    };
    let promised = peer.secured_by.map(|by| by.value);
    let fits = |listener: &Listener| listener.secured_by.map(|by| by.value) == promised;
    let mut listed: Vec<_> = listeners(policy)
        .filter(|(_, listener)| listener.peers.value == PeersAre::Listed)
        .collect();
    listed.sort_by_key(|(_, listener)| !fits(listener));
    let mut places = listed
        .iter()
        .flat_map(|(id, listener)| remotes.iter().filter_map(|remote| at(*id, listener, *remote)));
    match places.next() {
        Some(place) => Ok(place),
        None => of_address(policy, *first),
    }
}

/// A peer known by its certificate, connected by TLS.
fn by_certificate(policy: &Policy, peer: &Peer) -> Option<Place> {
    listeners(policy)
        .filter(|(_, listener)| listener.peers.value == PeersAre::Listed)
        .find_map(|(id, listener)| {
            let bind = listener.bind.iter().find(|bind| bind.value.transport.is_tls())?.value;
            let same_family = |address: &IpAddr| address.is_ipv4() == bind.address.is_ipv4();
            let own = peer.prefixes.iter().filter_map(|prefix| prefix.value.hosts().next());
            let remote = own.chain(SOMEWHERE).find(same_family)?;
            Some(Place {
                listener: id,
                remote: SocketAddr::new(remote, PORT),
                bind,
                certified: peer.certified.first().copied(),
            })
        })
}

/// An address alone: the listener where a peer of that prefix is, else the first where strangers can be, else the first.
fn of_address(policy: &Policy, remote: SocketAddr) -> Result<Place, Unknown> {
    let listed = is_listed(policy, remote.ip());
    let rank = |listener: &Listener| match listener.peers.value {
        PeersAre::Listed if listed => 0,
        PeersAre::Untrusted => 1,
        PeersAre::Listed => 2,
        PeersAre::Ue => 3,
        PeersAre::Trusted => 4,
    };
    let mut all: Vec<_> = listeners(policy).collect();
    all.sort_by_key(|(_, listener)| rank(listener));
    let mut places = all.iter().filter_map(|(id, listener)| at(*id, listener, remote));
    places.next().ok_or(Unknown::Family(remote.ip()))
}

/// The first place of the policy where this class of party is; one made up when there is none.
fn of_class(policy: &mut Policy, class: PeersAre) -> Place {
    let found = listeners(policy).find(|(_, listener)| listener.peers.value == class);
    if let Some(place) = found.and_then(|(id, listener)| at(id, listener, somewhere(policy, listener))) {
        return place;
    }
    let listed = listeners(policy).find(|(_, listener)| {
        let strangers = class == PeersAre::Untrusted && !listener.implicit_member.value;
        listener.peers.value == PeersAre::Listed && strangers
    });
    if let Some((id, listener)) = listed {
        let remote = somewhere(policy, listener);
        if let Some(place) = at(id, listener, remote).filter(|_| !is_listed(policy, remote.ip())) {
            return place;
        }
    }
    made_up(policy, class)
}

fn made_up(policy: &mut Policy, class: PeersAre) -> Place {
    let name = match class {
        PeersAre::Trusted => "trusted",
        PeersAre::Ue => "ue",
        PeersAre::Untrusted | PeersAre::Listed => "untrusted",
    };
    let bind = Bind {
        transport: Transport::Udp,
        address: SocketAddr::from(([127, 0, 0, 1], PORT)),
    };
    fn built_in<T>(value: T) -> Stated<T> {
        Stated {
            value,
            by: StatedBy::Default,
        }
    }
    let id = ListenerId(policy.listeners.len() as u16);
    policy.listeners.push(Listener {
        name: built_in(name.to_owned()),
        bind: vec![built_in(bind)],
        peers: built_in(class),
        secured_by: (class == PeersAre::Trusted).then(|| built_in(Security::Physical)),
        implicit_member: built_in(false),
        advertise: None,
        thig: built_in(false),
        tls: None,
        protected: None,
    });
    Place {
        listener: id,
        remote: SocketAddr::new(SOMEWHERE[0], PORT),
        bind,
        certified: None,
    }
}

/// An address of documentation that a listener could see, rather one that no peer has.
fn somewhere(policy: &Policy, listener: &Listener) -> SocketAddr {
    let is_v4 = listener.bind.first().is_none_or(|bind| bind.value.address.is_ipv4());
    let family = || SOMEWHERE.into_iter().filter(move |address| address.is_ipv4() == is_v4);
    let free = family().find(|address| !is_listed(policy, *address));
    SocketAddr::new(free.or_else(|| family().next()).unwrap_or(SOMEWHERE[0]), PORT)
}

fn is_listed(policy: &Policy, address: IpAddr) -> bool {
    let mut prefixes = policy.peers.iter().flat_map(|peer| &peer.prefixes);
    prefixes.any(|prefix| prefix.value.contains(&address))
}

/// `192.0.2.1`, `192.0.2.1:5060`, `2001:db8::1`, `[2001:db8::1]:5060`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let with_port = text.parse().ok();
    with_port.or_else(|| Some(SocketAddr::new(bare.parse().ok()?, PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
schema = 1
domain = { id = "T" }
listener = [
    { name = "core", bind = ["udp://10.0.0.1:5060"], peers = "trusted", secured_by = "physical" },
    { name = "border", bind = ["udp://192.0.2.1:5060", "udp://[2001:db8::1]:5060"], peers = "listed", secured_by = "physical" },
]
peer = [{ name = "ally", prefixes = ["198.51.100.0/24"], secured_by = "physical" }]
[spec_t]
user_authentication = ["none"]
inter_node_security = ["physical"]
ue_security = ["physical"]
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
"#;

    fn found(word: &str) -> Result<(String, String), String> {
        let mut policy = crate::config::read(POLICY, "test.toml").unwrap().0;
        let place = Place::find(&mut policy, word, Side::From).map_err(|unknown| unknown.to_string())?;
        let listener = &policy.listeners[usize::from(place.listener.0)];
        Ok((listener.name.value.clone(), place.remote.to_string()))
    }

    #[test]
    fn every_word_finds_its_party() {
        for (word, listener, remote) in [
            ("ally", "border", "198.51.100.0:5060"),
            ("core", "core", "192.0.2.1:5060"),
            ("core:10.0.0.9", "core", "10.0.0.9:5060"),
            ("border:2001:db8::9", "border", "[2001:db8::9]:5060"),
            ("198.51.100.9:5070", "border", "198.51.100.9:5070"),
            ("203.0.113.9", "border", "203.0.113.9:5060"),
            ("trusted", "core", "192.0.2.1:5060"),
            ("untrusted", "border", "192.0.2.1:5060"),
            ("ue", "ue", "192.0.2.1:5060"),
        ] {
            let found = found(word).unwrap();
            assert_eq!(found.0, listener, "{word}");
            assert!(word == "ally" || found.1 == remote, "{word} is at {}", found.1);
        }
    }

    //= TRUST-020 type=test
    #[test]
    fn a_peer_of_certificates_shows_its_own() {
        let tls = "name = \"sure\", bind = [\"tls://192.0.2.1:5061\"], peers = \"listed\", tls = { certificate = \"c\", key = \"k\" }";
        let text = POLICY
            .replace("listener = [", &format!("listener = [\n    {{ {tls} }},"))
            .replace("[\"physical\"]\nue", "[\"physical\", \"mutual-tls\"]\nue")
            .replace(
                "peer = [",
                "peer = [{ name = \"friend\", names = [\"ibcf.home2.example\"], secured_by = \"mutual-tls\" }, ",
            );
        let mut policy = crate::config::read(&text, "test.toml").unwrap().0;
        let place = Place::find(&mut policy, "friend", Side::From).unwrap();
        assert!(crate::trust::Origin::judge(&policy, place.flow()).is_trusted());
        assert!(crate::trust::Hop::judge(&policy, place.destination()).is_trusted());
        // Without a listener for it nobody can say who it is.
        let mut without = crate::config::read(
            &text.replace(
                tls,
                "name = \"x\", bind = [\"udp://192.0.2.9:5060\"], peers = \"listed\"",
            ),
            "test.toml",
        )
        .unwrap()
        .0;
        let unknown = Place::find(&mut without, "friend", Side::To).unwrap_err().to_string();
        assert!(
            unknown.contains("no listener where [[peer]] decides binds tls://"),
            "{unknown}"
        );
    }

    #[test]
    fn a_word_nobody_is_called_is_told_with_the_nearest() {
        assert!(found("boarder").unwrap_err().contains("but there is `border`"));
        assert!(
            found("qqq")
                .unwrap_err()
                .contains("no peer, listener or address is called `qqq`;")
        );
        assert!(found("core:2001:db8::1").unwrap_err().contains("family"));
    }
}
