//! A response that cannot go back the way its request came.

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
        match back.is_some_and(|back| is_replaceable(&back)) {
            true => self.deadlines.insert(now.at + LINGER, Due::Lingered(id)),
            false => self.transactions.remove_server(id),
        }
    }

    /// The connection of a request is gone: its response goes by a new one to the same machine, at the port its Via names.
    ///
    /// Only there: what was cleared was cleared for that machine. A certificate would have to be shown anew, and a WebSocket is
    /// only ever opened by the other side.
    //= LOC-006
    //= TRUST-030
    //= LOC-006 type=exception reason=a host that only the Via names is not looked up: another machine would need the response cleared anew
    pub(super) fn response_failed(&mut self, id: Id) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let old = *server.back.destination();
        if !is_replaceable(&server.back) {
            return;
        }
        let mut remote = old.remote;
        remote.set_port(server.sent_by_port);
        let destination = Destination {
            remote,
            connection: None,
            ..old
        };
        let policy = Arc::clone(&server.policy);
        server.back = Hop::back(&policy, &server.origin, destination);
        let again = server
            .last
            .take()
            .and_then(|last| last.by_another_connection(server.back));
        server.last.clone_from(&again);
        if let Some(message) = again {
            let id = SendTo::Back(id).name();
            self.outputs.push_back(Output::Send { id, message });
        }
    }
}

/// A UE is known by its flow, so it gets nothing by another one.
fn is_replaceable(back: &Hop) -> bool {
    let to = back.destination();
    let is_ue = matches!(back, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served);
    to.transport == Transport::Tcp && to.connection.is_some() && !is_ue
}
