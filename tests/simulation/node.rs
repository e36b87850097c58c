//! The nodes: two edges beside each other and one behind them, all with the same keys.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sipveil::engine::event::Held;
use sipveil::engine::{Bound, Engine, Input, Now, Output, Setup};
use sipveil::policy::{ListenerId, Policy};
use sipveil::seal::Keys;
use sipveil::sip::Transport;
use sipveil::trust::{ConnectionId, Flow};

use super::dice::Dice;

const INNER: usize = 2;
/// Names of the nodes, for the log of a run.
pub const NODES: [&str; 3] = ["edge1", "edge2", "inner"];

/// The last number of a node's addresses.
const NUMBERS: [u8; 3] = [1, 3, 2];

/// When every run begins, seconds since 1970.
const START: u64 = 1_800_000_000;

const DOMAIN: &str = r#"
schema = 1
profile = "ims"
[domain]
id = "T-home1"
admin_domains = ["home1.example"]
[spec_t]
user_authentication = ["none"]
inter_node_security = ["physical"]
ue_security = ["none"]
i_accept_unprotected_access = true
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
"#;

const EDGE: &str = r#"
[[listener]]
name = "core"
bind = ["udp://10.20.0.N:5060", "tcp://10.20.0.N:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "net"
bind = ["udp://192.0.2.N:5060"]
peers = "listed"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.30.0.N:5060"]
peers = "ue"
[[route]]
from = "core"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "core"
domain = ["net.example"]
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "net"
next_hop = ["sip:inside.home1.example:5060"]
via = "core"
[[route]]
from = "access"
next_hop = ["sip:inside.home1.example:5060"]
via = "core"
"#;

const BEHIND: &str = r#"
[[listener]]
name = "core"
bind = ["udp://10.20.0.N:5060", "tcp://10.20.0.N:5060"]
peers = "trusted"
secured_by = "physical"
[[route]]
from = "core"
domain = ["ue.example"]
next_hop = ["sip:access.home1.example:5060"]
via = "core"
[[route]]
from = "core"
domain = ["net.example"]
next_hop = ["sip:border.home1.example"]
via = "core"
[[route]]
from = "core"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
"#;

/// How the nodes speak to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Datagrams,
    Streams,
}

/// The policies, read once for all runs.
pub struct Policies([[Arc<Policy>; 3]; 2]);

impl Policies {
    pub fn read() -> Policies {
        let policy = |node: usize, between: Between| {
            let sides = if node == INNER { BEHIND } else { EDGE };
            let sides = sides.replace(".N:", &format!(".{}:", NUMBERS[node]));
            let sides = match between {
                Between::Datagrams => sides,
                Between::Streams => sides
                    .replace(".home1.example:5060", ".home1.example:5060;transport=tcp")
                    .replace("border.home1.example", "border.home1.example;transport=tcp"),
            };
            match sipveil::config::read(&format!("{DOMAIN}{sides}"), NODES[node]) {
                Ok((policy, _)) => Arc::new(policy),
                Err(diagnostics) => panic!("{diagnostics:?}"),
            }
        };
        let all = |between| [policy(0, between), policy(1, between), policy(2, between)];
        Policies([all(Between::Datagrams), all(Between::Streams)])
    }
}

/// One node; `None` within: it is dead.
pub struct Node {
    policy: Arc<Policy>,
    bound: Vec<Bound>,
    engine: Option<Engine>,
    /// How often it was started.
    pub life: u32,
}

impl Node {
    pub fn new(policies: &Policies, place: usize, between: Between) -> Node {
        let policy = Arc::clone(&policies.0[usize::from(between == Between::Streams)][place]);
        Node {
            bound: Bound::as_written(&policy),
            policy,
            engine: None,
            life: 0,
        }
    }

    /// A new process: nothing is known but the keys.
    pub fn start(&mut self, at: Duration, dice: &mut Dice) {
        self.life += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&dice.roll().to_le_bytes());
        let keys = Keys::new(&[(1, [42; 32])], "T-home1", dice.roll());
        let setup = Setup {
            policy: Arc::clone(&self.policy),
            bound: self.bound.clone(),
            seed,
            keys: Arc::new(keys.unwrap_or_else(|error| panic!("{error}"))),
        };
        self.engine = Some(Engine::new(setup, now(at)));
    }

    pub fn crash(&mut self) {
        self.engine = None;
    }

    pub fn is_alive(&self) -> bool {
        self.engine.is_some()
    }

    pub fn has(&self, address: SocketAddr) -> bool {
        self.bound.iter().any(|bound| bound.address == address)
    }

    pub fn deadline(&self) -> Option<Duration> {
        self.engine.as_ref()?.next_deadline()
    }

    pub fn held(&self) -> Option<Held> {
        Some(self.engine.as_ref()?.held())
    }

    /// A message arrives at one of its addresses. Nothing happens to a dead node.
    pub fn receive(
        &mut self,
        at: Duration,
        from: SocketAddr,
        to: SocketAddr,
        connection: Option<ConnectionId>,
        bytes: Bytes,
    ) -> Vec<Output> {
        let Some(bound) = self.bound.iter().find(|bound| bound.address == to) else {
            return Vec::new();
        };
        let flow = Flow {
            listener: bound.listener,
            transport: connection.map_or(Transport::Udp, |_| Transport::Tcp),
            local: to,
            remote: from,
            connection,
            certified: None,
        };
        self.handle(at, Input::Packet { flow, bytes })
    }

    /// The same policy once more, as after a reload.
    pub fn reload(&mut self, at: Duration) -> Vec<Output> {
        let policy = Arc::clone(&self.policy);
        self.handle(at, Input::Policy(policy))
    }

    /// The address that what leaves by a listener comes from.
    pub fn source(&self, listener: ListenerId) -> Option<SocketAddr> {
        let bound = self.bound.iter().find(|bound| bound.listener == listener);
        bound.map(|bound| bound.address)
    }

    pub fn handle(&mut self, at: Duration, input: Input) -> Vec<Output> {
        let Some(engine) = &mut self.engine else {
            return Vec::new();
        };
        engine.handle(now(at), input);
        std::iter::from_fn(|| engine.poll_output()).collect()
    }
}

fn now(at: Duration) -> Now {
    Now {
        at,
        unix: START + at.as_secs(),
    }
}
