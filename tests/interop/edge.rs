//! The proxy of one cell: a trusted side, an untrusted side, one transport, and certificates for everybody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use super::Carrier;
use crate::end_to_end::authority::{Authority, dns};
use crate::end_to_end::node::Node;

/// What there is before the proxy starts: a folder, an authority, and the addresses of the telephones.
pub struct Ground {
    folder: TempDir,
    pub authority: Authority,
    pub carrier: Carrier,
}

impl Ground {
    pub fn new(carrier: Carrier) -> Ground {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        authority.issue(&dns(&["127.0.0.1"])).put(folder.path(), "edge");
        Ground {
            folder,
            authority,
            carrier,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the proxy: what comes from inside goes to `callee`, what comes from outside to `caller`.
    pub fn start(&self, callee: SocketAddr, caller: SocketAddr) -> Edge {
        let routes = [
            format!(
                "from = \"core\", next_hop = [\"{}\"], via = \"outside\"",
                self.way(callee)
            ),
            format!(
                "from = \"outside\", next_hop = [\"{}\"], via = \"core\"",
                self.way(caller)
            ),
        ];
        self.start_with("untrusted", &routes, "")
    }

    /// Starts the proxy as a P-CSCF: what is outside are UEs. They register with `registrar`, and call by a Service-Route to
    /// `serving`, which is a node of T by its address.
    pub fn start_for_ues(&self, registrar: SocketAddr, serving: SocketAddr) -> Edge {
        let register = format!(
            "from = \"outside\", method = [\"REGISTER\"], next_hop = [\"{}\"], via = \"core\"",
            self.way(registrar)
        );
        let peer = format!(
            "[[peer]]\nname = \"serving\"\nprefixes = [\"{}/32\"]\nsecured_by = \"physical\"\n",
            serving.ip()
        );
        self.start_with("ue", &[register], &peer)
    }

    /// The URI by which somebody is reached over the transport of the cell.
    pub fn way(&self, to: SocketAddr) -> String {
        format!("sip:{to};transport={}", self.carrier)
    }

    /// `outside`: who is there.
    fn start_with(&self, outside: &str, routes: &[String], more: &str) -> Edge {
        let node = Node::start(self.folder(), &self.policy(outside, routes, more));
        let carrier = self.carrier.to_string();
        Edge {
            inside: node.address("core", &carrier),
            outside: node.address("outside", &carrier),
            node,
        }
    }

    fn policy(&self, outside: &str, routes: &[String], more: &str) -> String {
        let routes: String = routes.iter().map(|route| format!("    {{ {route} }},\n")).collect();
        let (carrier, folder) = (self.carrier, self.folder().display());
        let tls = match carrier {
            Carrier::Tls => format!(
                r#", tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key", ca = "{folder}/ca.pem" }}"#
            ),
            Carrier::Udp | Carrier::Tcp => String::new(),
        };
        format!(
            r#"
schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["{carrier}://127.0.0.1:0"], peers = "trusted", secured_by = "physical"{tls} }},
    {{ name = "outside", bind = ["{carrier}://127.0.0.1:0"], peers = "{outside}"{tls} }},
]
route = [
{routes}]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["tls"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 1
drain = "10s"
{more}"#
        )
    }
}

/// A running proxy between two telephones.
pub struct Edge {
    pub node: Node,
    /// Where the trusted side reaches it.
    pub inside: SocketAddr,
    /// Where strangers reach it.
    pub outside: SocketAddr,
}

/// A place for one telephone: an address of its own, and a port that is free there.
pub fn own_place() -> SocketAddr {
    TcpListener::bind((own_ip(), 0)).unwrap().local_addr().unwrap()
}

/// A loopback address nobody else in this run has.
pub fn own_ip() -> IpAddr {
    static LAST: AtomicU16 = AtomicU16::new(1);
    let [high, low] = LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    // Runs beside this one have another process number, thus mostly another second octet.
    let run = std::process::id().to_be_bytes()[3] % 120;
    IpAddr::V4(Ipv4Addr::new(127, 100 + run, high, low))
}
