//! What the operator's page shows of a running proxy that only programs know: who is in the trust domain, what passes, and what would
//! happen to a message.

use std::sync::Arc;

use serde_json::{Value, json};

use super::explain;
use crate::admin::{Question, Shown};
use crate::driver::Stage;
use crate::policy::{ListenerId, PeersAre, Policy, Security, Stated, Word};
use crate::trace::journal::Journal;

/// For [`crate::driver::start`].
pub(super) fn stage(journal: &Arc<Journal>) -> Stage {
    Stage {
        shown: Arc::new(Page(Arc::clone(journal))),
        watcher: Arc::clone(journal) as Arc<_>,
    }
}

struct Page(Arc<Journal>);

impl Shown for Page {
    fn policy(&self, policy: &Policy) -> Value {
        let name = |id: ListenerId| {
            let listener = policy.listeners.get(usize::from(id.0));
            listener.map(|listener| listener.name.value.as_str())
        };
        let listeners = policy.listeners.iter().map(|listener| {
            let binds = listener.bind.iter();
            let binds: Vec<String> = binds
                .map(|bind| format!("{}://{}", bind.value.transport.uri_name(), bind.value.address))
                .collect();
            json!({
                "name": listener.name.value,
                "peers": listener.peers.value.word(),
                "who": who(listener.peers.value),
                "secured_by": secured_by(listener.secured_by),
                "binds": binds,
            })
        });
        let peers = policy.peers.iter().map(|peer| {
            let names = peer.names.iter().map(|name| name.value.clone());
            let prefixes = peer.prefixes.iter().map(|prefix| prefix.value.to_string());
            json!({
                "name": peer.name.value,
                "known_by": names.chain(prefixes).collect::<Vec<_>>(),
                "secured_by": secured_by(peer.secured_by),
                "direction": peer.direction.value.word(),
            })
        });
        let routes = policy.routes.iter().map(|route| {
            json!({
                "from": name(route.from.value),
                "methods": words(&route.method, "any"),
                "domains": words(&route.domain, "any"),
                "next_hops": words(&route.next_hop, "nowhere"),
                "via": name(route.via.value),
            })
        });
        json!({
            "file": policy.file,
            "domain": policy.domain.id.value,
            "listeners": listeners.collect::<Vec<_>>(),
            "peers": peers.collect::<Vec<_>>(),
            "routes": routes.collect::<Vec<_>>(),
        })
    }

    fn messages(&self, from: u64) -> Value {
        self.0.told(from)
    }

    fn explain(&self, policy: &Policy, question: &Question) -> Result<Value, String> {
        explain::answer(policy, question)
    }
}

fn who(peers: PeersAre) -> &'static str {
    match peers {
        PeersAre::Trusted => "members of the domain",
        PeersAre::Listed => "strangers, but for peers",
        PeersAre::Untrusted => "strangers",
        PeersAre::Ue => "served UEs",
    }
}

fn secured_by(by: Option<Stated<Security>>) -> Option<&'static str> {
    by.map(|by| by.value.word())
}

fn words(stated: &[Stated<String>], any: &str) -> String {
    let words: Vec<&str> = stated.iter().map(|word| word.value.as_str()).collect();
    match words.is_empty() {
        true => any.to_owned(),
        false => words.join(" "),
    }
}
