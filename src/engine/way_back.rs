//! A response that cannot go back the way its request came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::output::Output;
use super::transactions::{Id, SendTo};
use super::{Due, Engine, Now};
use crate::sip::Transport;
use crate::trust::{Destination, Hop, UntrustedKind};

/// How long a transaction that ends with its response is kept, in case that its connection turns out to be gone.
const LINGER: Duration = Duration::from_secs(1);

impl Engine {
    /// A transaction has ended with its last response. Over a connection, which repeats nothing, only its failure can still come.
    pub(super) fn linger(&mut self, now: Now, id: Id) {
        let back = self.transactions.server(id).map(|server| server.back);
        match back.is_some_and(|back| self.is_replaceable(&back)) {
            true => self.deadlines.insert(now.at + LINGER, Due::Lingered(id)),
            false => self.transactions.remove_server(id),
        }
    }

    /// The connection of a request is gone: its response goes by a new one to the same machine, at the port its Via names.
    ///
    /// Only there: what was cleared was cleared for that machine. A certificate would have to be shown anew, and a WebSocket is
    /// only ever opened by the other side. To a protected UE it goes by its security associations.
    //= LOC-006
    //= TRUST-030
    //= LOC-006 type=exception reason=a host that only the Via names is not looked up: another machine would need the response cleared anew
    pub(super) fn response_failed(&mut self, now: Now, id: Id) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let (back, flow, port) = (server.back, *server.origin.flow(), server.sent_by_port);
        if !self.is_replaceable(&back) {
            return;
        }
        let old = *back.destination();
        let destination = match self.is_protected(&old) {
            true => self.back_anew(now, &flow, port),
            false => Some(Destination {
                remote: SocketAddr::new(old.remote.ip(), port),
                connection: None,
                ..old
            }),
        };
        let (Some(destination), Some(server)) = (destination, self.transactions.server(id)) else {
            return;
        };
        let policy = Arc::clone(&server.policy);
        server.back = Hop::back(&policy, &server.origin, destination);
        let again = server
            .last
            .take()
            .and_then(|last| last.by_another_connection(&policy, server.back));
        server.last.clone_from(&again);
        if let Some(message) = again {
            let id = SendTo::Back(id).name();
            self.outputs.push_back(Output::Send { id, message });
        }
    }

    /// The security associations that a request came by have ended meanwhile: its answer goes by those in their place.
    //= AKA-023
    pub(super) fn renew_back(&mut self, now: Now, id: Id) {
        if self.security.is_none() {
            return;
        }
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let (old, flow, sent_by_port) = (*server.back.destination(), *server.origin.flow(), server.sent_by_port);
        if !self.is_protected(&old) || self.has_set(&flow) {
            return;
        }
        let port = old.connection.map_or(old.remote.port(), |_| sent_by_port);
        let destination = self.back_anew(now, &flow, port);
        if let (Some(destination), Some(server)) = (destination, self.transactions.server(id)) {
            server.back = Hop::back(&Arc::clone(&server.policy), &server.origin, destination);
        }
    }

    /// A UE is known by its flow, so it gets nothing by another one; a protected one is known by its security associations.
    fn is_replaceable(&self, back: &Hop) -> bool {
        let to = back.destination();
        let is_ue = matches!(back, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served);
        to.transport == Transport::Tcp && to.connection.is_some() && (!is_ue || self.is_protected(to))
    }
}
