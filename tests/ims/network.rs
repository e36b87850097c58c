//! The whole network: an HSS, an I-CSCF, an S-CSCF, and before them the proxy under test as the P-CSCF.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use super::hss::Hss;
use super::kamailio::Kamailio;
use super::places::Places;
use super::subscriber::Subscriber;
use crate::end_to_end::node::Node;

pub struct Network {
    pub hss: Hss,
    /// Where UEs reach it.
    pub access: SocketAddr,
    pub scscf: SocketAddr,
    node: Node,
    _icscf: Kamailio,
    _scscf: Kamailio,
    folder: TempDir,
}

impl Network {
    /// Ready to serve when this returns.
    pub fn opens(subscribers: impl Iterator<Item = Subscriber>) -> Network {
        let folder = TempDir::new().unwrap();
        let places = Places::new();
        let scscf = format!("sip:{}", places.scscf);
        let hss = Hss::opens(places.hss, &scscf, subscribers);
        let [mut icscf, mut scscf] = [("icscf", places.icscf), ("scscf", places.scscf)]
            .map(|(role, at)| Kamailio::start(role, at, hss.at, &scscf, folder.path()));
        icscf.is_open();
        scscf.is_open();
        hss.waits_for_peers(2);
        let node = Node::start(folder.path(), &policy(&places));
        Network {
            access: node.address("access", "udp"),
            hss,
            scscf: scscf.at,
            node,
            _icscf: icscf,
            _scscf: scscf,
            folder,
        }
    }

    /// For what a test writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it, and gives what the proxy logged.
    pub fn closes(self) -> String {
        self.node.stop()
    }
}

/// UEs without protection, which the operator has to accept in so many words.
fn policy(places: &Places) -> String {
    let Places {
        access,
        core,
        icscf,
        scscf,
        ..
    } = places;
    format!(
        r#"
schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "access", bind = ["udp://{access}", "tcp://{access}"], peers = "ue" }},
    {{ name = "core", bind = ["udp://{core}", "tcp://{core}"], peers = "trusted", secured_by = "physical" }},
]
peer = [
    {{ name = "core", prefixes = ["{}/32", "{}/32"], secured_by = "physical" }},
]
route = [
    {{ from = "access", method = ["REGISTER"], next_hop = ["sip:{icscf};lr"], via = "core" }},
]
[spec_t]
user_authentication = ["ims-aka"]
inter_node_security = ["physical"]
ue_security = ["none"]
i_accept_unprotected_access = true
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[pcscf]
visited_network_id = "home1.example"
[proxy]
workers = 2
drain = "10s"
"#,
        icscf.ip(),
        scscf.ip()
    )
}
