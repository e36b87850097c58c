//! Two networks whose borders face each other, each with an engine and keys of its own, and what crosses between them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sipveil::seal::{HidingKeys, Keys};

use super::reading;
use crate::legs::tells_none_of;
use crate::world::{Sent, World};

/// What a network must not show: the names and addresses of its nodes.
pub const INSIDE: [&[&str]; 2] = [&["scscf1", "pcscf1", "10.1.0."], &["scscf2", "pcscf2", "10.2.0."]];

/// How a border sees the one it faces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    Stranger,
    Member,
}

/// The policy of network 1 or 2. `hiding`: lines of its `[topology_hiding]`, `thig`: whether the neighbour is hidden from.
pub fn policy(network: usize, neighbour: Neighbour, thig: bool, hiding: &str) -> String {
    let other = 3 - network;
    let secured_by = match neighbour {
        Neighbour::Stranger => "",
        Neighbour::Member => "secured_by = \"physical\"\n",
    };
    format!(
        r#"
schema = 1
[domain]
id = "T-home{network}"
admin_domains = ["home{network}.example"]
[spec_t]
user_authentication = ["none"]
inter_node_security = ["physical"]
ue_security = ["none"]
i_accept_unprotected_access = true
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[topology_hiding]
hidden_prefixes = ["10.{network}.0.0/16"]
{hiding}
[limits]
datagram_request_bytes_max = 9000
[[listener]]
name = "core"
bind = ["udp://10.{network}.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "net"
bind = ["udp://192.0.2.{network}:5060"]
peers = "listed"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.{network}.1.1:5060"]
peers = "ue"
[[peer]]
name = "neighbour"
prefixes = ["192.0.2.{other}/32"]
{secured_by}thig = {thig}
[[route]]
from = "core"
domain = ["home{other}.example"]
next_hop = ["sip:192.0.2.{other}:5060"]
via = "net"
[[route]]
from = "core"
domain = ["ue.example"]
next_hop = ["sip:10.{network}.1.9:5060"]
via = "access"
[[route]]
from = "net"
domain = ["home{network}.example"]
next_hop = ["sip:10.{network}.0.9:5060"]
via = "core"
[[route]]
from = "net"
domain = ["home{other}.example"]
next_hop = ["sip:192.0.2.{other}:5060"]
via = "net"
"#
    )
}

pub const AEAD: &str = "mode = \"aead\"\nkey_file = \"hiding.keys\"";
pub const CBC: &str = "mode = \"aes-128-cbc\"\nkey_file = \"hiding.keys\"";

/// Keys of a network: those of dialogs and those of hiding, the latter of these generations.
pub fn keys(network: usize, generations: &[u8]) -> Arc<Keys> {
    let network = network as u8;
    let secrets: Vec<_> = generations
        .iter()
        .map(|generation| (*generation, [16 * network + generation; 32]))
        .collect();
    let hiding = HidingKeys::new(&secrets).unwrap();
    let keys = Keys::new(&[(1, [100 + network; 32])], &format!("T-home{network}"), 7).unwrap();
    Arc::new(keys.with_hiding(Some(hiding)))
}

/// A border of a network that hides from a stranger.
pub fn border(network: usize, mode: &str) -> World {
    let text = policy(network, Neighbour::Stranger, true, mode);
    World::with(&text, keys(network, &[1]), [network as u8; 32])
}

/// Two borders, and what crossed between them.
pub struct Networks {
    pub borders: [World; 2],
    pub crossed: Vec<Sent>,
}

impl Networks {
    pub fn new(neighbour: Neighbour, mode: &str) -> Networks {
        let border = |network: usize| {
            let text = policy(network, neighbour, true, mode);
            World::with(&text, keys(network, &[1]), [network as u8; 32])
        };
        Networks {
            borders: [border(1), border(2)],
            crossed: Vec::new(),
        }
    }

    /// A message of a network's inside, and everything it causes until nothing crosses any more. Gives what arrived inside, with
    /// the network. Whatever crosses shows nothing of where it comes from.
    #[track_caller]
    pub fn send(&mut self, network: usize, text: &str) -> Vec<(usize, Sent)> {
        let inside = format!("10.{network}.0.9:5060");
        let first = (network, "core", inside, Bytes::copy_from_slice(text.as_bytes()));
        let mut waiting = VecDeque::from([first]);
        let mut arrived = Vec::new();
        while let Some((network, listener, from, bytes)) = waiting.pop_front() {
            for sent in self.borders[network - 1].packet_bytes(listener, &from, bytes) {
                let other = 3 - network;
                if sent.to.to_string() != format!("192.0.2.{other}:5060") {
                    arrived.push((network, sent));
                    continue;
                }
                tells_none_of(&sent, INSIDE[network - 1]);
                reading::reads(&sent);
                waiting.push_back((other, "net", format!("192.0.2.{network}:5060"), sent.bytes.clone()));
                self.crossed.push(sent);
            }
        }
        arrived
    }

    /// The one message that arrives, which is no 100.
    #[track_caller]
    pub fn pass(&mut self, network: usize, text: &str) -> Sent {
        let other = 3 - network;
        let arrived = self.send(network, text);
        let mut final_ones = arrived
            .iter()
            .filter(|(_, sent)| !sent.start().starts_with("SIP/2.0 100"));
        match (final_ones.next(), final_ones.next()) {
            (Some((at, sent)), None) if *at == other => sent.clone(),
            _ => panic!("{text}\n{arrived:#?}"),
        }
    }
}

/// Values of the rows of this name, one by one. For values without commas in them.
pub fn values(sent: &Sent, name: &str) -> Vec<String> {
    let rows = sent.rows(name);
    rows.iter().flat_map(|row| row.split(", ")).map(str::to_owned).collect()
}
