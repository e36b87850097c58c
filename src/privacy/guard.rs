//! What peers are told of each other passes here: every body of the tracker protocol on its way to a peer is written anew from
//! what may be said, and each name in it is looked at. Whoever the tracker is; what cannot be read does not pass.

mod answer;
pub mod headers;
pub mod names;
pub mod sdp;

use std::net::IpAddr;

pub use self::answer::Answer;
pub use crate::policy::p2p::OnLeak;
use crate::ppsp::address::{Kind, PeerAddress};
use crate::ppsp::request::What;
use crate::ppsp::response::{Outcome, Peer, Role, SwarmResult};
use crate::ppsp::{Request, Response};
use crate::seal::TemporaryIds;
use crate::seal::temporary_id::{Form, Hosts};

/// What the guard goes by.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Hosts whose temporary IDs are taken.
    pub hosts: &'a Hosts,
    /// Where this node holds the keys: ours must open, and what names somebody can be hidden.
    pub ids: Option<&'a TemporaryIds>,
    /// Names of caches and of a CDN.
    pub network_peers: &'a [String],
    pub addresses: Addresses<'a>,
    pub on_leak: OnLeak,
    /// What pseudonyms of peers towards this tracker are bound to.
    pub tracker: &'a [u8],
    /// Whether tickets pass: those of a tracker of the trust domain do.
    pub passes_tickets: bool,
    /// What temporary IDs count time in, now, and how many of those before still count.
    pub epoch: u32,
    pub epochs_kept: u32,
}

/// Which addresses of peers pass.
//= P2P-064
#[derive(Debug, Clone, Copy)]
pub enum Addresses<'a> {
    None,
    /// Those of relays that are known.
    Relays(&'a [IpAddr]),
    All,
}

impl Addresses<'_> {
    fn passes(self, address: &PeerAddress) -> bool {
        match self {
            Addresses::None => false,
            Addresses::Relays(relays) => address.kind == Kind::Proxy && relays.contains(&address.ip),
            Addresses::All => true,
        }
    }
}

/// What a body became.
#[derive(Clone, PartialEq)]
pub struct Guarded {
    pub body: Vec<u8>,
    pub leaks: Leaks,
}

/// What was found, for counters: no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaks {
    /// Names that were hidden.
    pub redacted: u32,
    /// Entries that were taken out.
    pub removed: u32,
    /// Strings that said more than they should.
    pub texts: u32,
}

impl Leaks {
    pub fn any(self) -> bool {
        self != Leaks::default()
    }
}

/// A body does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    #[error("a body for a peer cannot be read")]
    Unreadable,
    #[error("a body for a peer names somebody, and the policy refuses that")]
    Names,
}

impl Terms<'_> {
    /// A response of a tracker, as it may reach this peer. `nonce` is random and used once; entries count on from it.
    //= P2P-007
    //= P2P-056
    //= P2P-057
    //= P2P-059
    //= P2P-065
    pub fn response(&self, body: &[u8], asker: &[u8], nonce: [u8; 12]) -> Result<Guarded, Barred> {
        let mut response = Response::read(body).ok_or(Barred::Unreadable)?;
        let mut leaks = Leaks::default();
        let mut nonces = Nonces(nonce);
        if names::names_somebody(response.transaction.as_bytes()) {
            leaks.texts += 1;
            response.transaction = "0".into();
        }
        if let Outcome::Successful(swarms) = &mut response.outcome {
            for swarm in swarms.iter_mut() {
                self.swarm(swarm, asker, &mut nonces, &mut leaks);
            }
        }
        match self.on_leak == OnLeak::Refuse && leaks.any() {
            true => Err(Barred::Names),
            false => Ok(Guarded {
                body: response.to_bytes(),
                leaks,
            }),
        }
    }

    fn swarm(&self, swarm: &mut SwarmResult, asker: &[u8], nonces: &mut Nonces, leaks: &mut Leaks) {
        swarm.peers.retain_mut(|peer| self.peer(peer, asker, nonces, leaks));
        let before = swarm.assigned.len();
        swarm.assigned.retain(|name| self.is_temporary(name, asker));
        leaks.removed += (before - swarm.assigned.len()) as u32;
        if !self.passes_tickets && swarm.ticket.take().is_some() {
            leaks.texts += 1;
        }
    }

    /// Whether an entry stays.
    //= P2P-058
    fn peer(&self, peer: &mut Peer, asker: &[u8], nonces: &mut Nonces, leaks: &mut Leaks) -> bool {
        peer.addresses.retain(|address| self.addresses.passes(address));
        match peer.role {
            Role::Cache | Role::Cdn => {
                let is_known = self.network_peers.contains(&peer.id);
                leaks.removed += u32::from(!is_known);
                return is_known;
            }
            Role::Peer if self.is_temporary(&peer.id, asker) => return true,
            Role::Peer => {}
        }
        // One of ours that does not open, or is too old, names nobody and leads nowhere: it is no leak, and no entry either.
        let token = self.hosts.read(peer.id.as_bytes()).map(|read| read.token);
        if token.is_some_and(|token| !names::names_somebody(token)) {
            leaks.removed += 1;
            return false;
        }
        //= P2P-068
        if let Some(ids) = self.ids
            && let Ok(identity) = ids.open_pseudonym(peer.id.as_bytes(), self.tracker)
        {
            let hidden = ids.seal_identity(&identity, asker, self.epoch, nonces.next());
            leaks.removed += u32::from(hidden.is_none());
            return hidden.map(|hidden| peer.id = hidden).is_some();
        }
        let hidden = match (self.on_leak, self.ids) {
            (OnLeak::Redact, Some(ids)) => ids.seal_identity(peer.id.as_bytes(), asker, self.epoch, nonces.next()),
            _ => None,
        };
        match hidden {
            Some(hidden) => {
                leaks.redacted += 1;
                // Where it is was said of somebody who is known by name.
                peer.addresses.clear();
                peer.id = hidden;
                true
            }
            None => {
                leaks.removed += 1;
                false
            }
        }
    }

    /// Whether this is a temporary ID that this peer may have: by its form, and by our keys where it is one of ours.
    fn is_temporary(&self, id: &str, asker: &[u8]) -> bool {
        let Some(read) = self.hosts.read(id.as_bytes()) else {
            return false;
        };
        let counts = |epoch: u32| epoch <= self.epoch && self.epoch - epoch <= self.epochs_kept;
        let ids = self.ids.filter(|_| read.host == self.hosts.own());
        match (read.form, ids) {
            (Form::Sealed, Some(ids)) => ids.open_read(Some(read)).is_ok_and(|opened| counts(opened.epoch)),
            (Form::Whole, Some(ids)) => ids
                .open_identity(id.as_bytes(), asker)
                .is_ok_and(|(_, epoch)| counts(epoch)),
            // What does not open here may be anything that somebody wrote.
            _ => !names::names_somebody(read.token),
        }
    }
}

/// A request on its way to a tracker outside the trust domain: written anew, the peer called by its pseudonym, its addresses
/// left out unless they are to be known there. `None`: it cannot be read, or names somebody.
//= P2P-062
//= P2P-068
pub fn request_for_outside(body: &[u8], pseudonym: &str, hosts: &Hosts, addresses: Addresses<'_>) -> Option<Vec<u8>> {
    let mut request = without_names(body, hosts, addresses)?;
    request.peer_id = Some(pseudonym.to_string());
    Some(request.to_bytes())
}

/// A request that one peer sends another, or a tracker that may know who asks: written anew, and nobody named in it. `None`: it
/// cannot be read, or names somebody.
//= P2P-056
//= P2P-062
pub fn request_for_peer(body: &[u8], hosts: &Hosts, addresses: Addresses<'_>) -> Option<Vec<u8>> {
    without_names(body, hosts, addresses).map(|request| request.to_bytes())
}

fn without_names(body: &[u8], hosts: &Hosts, addresses: Addresses<'_>) -> Option<Request> {
    let mut request = Request::read(body).ok()?;
    let names = |text: &str| names::names_somebody(text.as_bytes());
    if request.peer_id.as_deref().is_some_and(names) || names(&request.transaction) {
        return None;
    }
    match &mut request.what {
        What::Connect(connect) => connect.addresses.retain(|address| addresses.passes(address)),
        What::StatReport(report) => {
            let is_temporary = |id: &str| {
                let read = hosts.read(id.as_bytes());
                read.is_some_and(|read| !names::names_somebody(read.token))
            };
            let named = report.tamper.iter().map(|tamper| &tamper.sender);
            let named = named.chain(report.missing.iter().map(|missing| &missing.holder));
            if !named.chain(&report.block).all(|id| is_temporary(id)) {
                return None;
            }
        }
        What::Find(_) => {}
    }
    Some(request)
}

/// One nonce after another.
struct Nonces([u8; 12]);

impl Nonces {
    fn next(&mut self) -> [u8; 12] {
        let nonce = self.0;
        for byte in self.0.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        nonce
    }
}

impl std::fmt::Debug for Guarded {
    /// Shows what was found, not what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded")
            .field("leaks", &self.leaks)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
