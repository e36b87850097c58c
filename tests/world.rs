//! An engine in a world of its own: addresses, virtual time, and what leaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sipveil::engine::event::Event;
use sipveil::engine::record::Record;
use sipveil::engine::storing::{Change, Piece};
use sipveil::engine::{Bound, Engine, Input, Now, Output, SendId, Setup, ShownBy};
use sipveil::pcscf::security;
use sipveil::policy::{ListenerId, Policy};
use sipveil::privacy::Outgoing;
use sipveil::seal::Keys;
use sipveil::sip::Transport;
use sipveil::trust::{ConnectionId, Destination, Flow};

/// When every world begins, seconds since 1970.
const START: u64 = 1_800_000_000;

/// One engine under a policy, with its clocks in hand.
pub struct World {
    pub engine: Engine,
    pub now: Now,
    /// What is to be kept, and for which answer.
    pub store: Vec<(SendId, Change)>,
    /// The same of what is to be written of a snapshot.
    pub pieces: Vec<Piece>,
    bound: Vec<Bound>,
    policy: Arc<Policy>,
    /// What was asked of the kernel, in order.
    pub changes: Vec<security::Change>,
    /// Connections that were to end.
    pub closed: Vec<ConnectionId>,
    /// Connections of peers that carry requests, and whereto.
    pub aliases: Vec<(ConnectionId, Destination, ShownBy)>,
    /// What the audit was told.
    pub records: Vec<Record>,
}

/// One message that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: SendId,
    pub to: SocketAddr,
    pub from_listener: String,
    pub transport: Transport,
    pub connection: Option<ConnectionId>,
    pub bytes: Bytes,
}

impl Sent {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The start line.
    pub fn start(&self) -> &str {
        self.text().split("\r\n").next().unwrap()
    }

    /// Values of the rows of this name, as written (long form, unfolded).
    pub fn rows(&self, name: &str) -> Vec<&str> {
        let head = self.text().split("\r\n\r\n").next().unwrap();
        let rows = head.split("\r\n").skip(1).filter_map(|row| row.split_once(':'));
        rows.filter(|(row, _)| row.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub fn row(&self, name: &str) -> Option<&str> {
        self.rows(name).first().copied()
    }
}

/// Three parties around the engine: `core` is trusted by a listener of its own, `ue` is served, `net` is a stranger. `ally` is
/// a peer by prefix on a listener where peers are listed.
pub const POLICY: &str = r#"
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
[[listener]]
name = "core"
bind = ["udp://10.20.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "net"
bind = ["udp://192.0.2.1:5060"]
peers = "listed"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.30.0.1:5060"]
peers = "ue"
[[peer]]
name = "ally"
prefixes = ["192.0.2.64/26"]
secured_by = "physical"
[[route]]
from = "core"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "core"
domain = ["ally.example"]
next_hop = ["sip:192.0.2.70:5060"]
via = "net"
[[route]]
from = "core"
domain = ["net.example"]
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "net"
domain = ["net.example"]
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "net"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "net"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
[[route]]
from = "access"
domain = ["ue.example"]
next_hop = ["sip:10.30.0.9:5060"]
via = "access"
[[route]]
from = "access"
domain = ["net.example"]
next_hop = ["sip:192.0.2.9:5060"]
via = "net"
[[route]]
from = "access"
next_hop = ["sip:10.20.0.9:5060"]
via = "core"
"#;

pub fn policy(text: &str) -> Policy {
    match sipveil::config::read(text, "test.toml") {
        Ok((policy, _)) => policy,
        Err(diagnostics) => panic!("{diagnostics:?}"),
    }
}

pub fn keys() -> Arc<Keys> {
    keys_of_instance(7)
}

pub fn keys_of_instance(instance: u64) -> Arc<Keys> {
    Arc::new(Keys::new(&[(1, [42; 32])], "T-home1", instance).unwrap())
}

impl World {
    pub fn new(text: &str) -> World {
        World::with(text, keys(), [1; 32])
    }

    pub fn with(text: &str, keys: Arc<Keys>, seed: [u8; 32]) -> World {
        World::under(Arc::new(policy(text)), keys, seed)
    }

    /// The same under a policy read before, for tests that need many worlds.
    pub fn under(policy: Arc<Policy>, keys: Arc<Keys>, seed: [u8; 32]) -> World {
        let bound = Bound::as_written(&policy);
        let now = Now {
            at: Duration::from_secs(1),
            unix: START,
        };
        let setup = Setup {
            policy: Arc::clone(&policy),
            bound: bound.clone(),
            seed,
            keys,
        };
        World {
            engine: Engine::new(setup, now),
            now,
            store: Vec::new(),
            pieces: Vec::new(),
            bound,
            policy,
            changes: Vec::new(),
            closed: Vec::new(),
            aliases: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The same with one more address, of a transport whatever the policy can write.
    pub fn bound_also(text: &str, listener: &str, transport: Transport, address: &str) -> World {
        let mut world = World::new(text);
        let id = world
            .policy
            .listeners
            .iter()
            .position(|own| own.name.value == listener)
            .unwrap();
        world.bound.push(Bound {
            listener: ListenerId(id as u16),
            transport,
            address: address.parse().unwrap(),
        });
        let setup = Setup {
            policy: Arc::clone(&world.policy),
            bound: world.bound.clone(),
            seed: [1; 32],
            keys: keys(),
        };
        world.engine = Engine::new(setup, world.now);
        world
    }

    /// One more address that messages come to, as far as the tests make them; the engine knows it by its listener.
    pub fn bind(&mut self, listener: &str, transport: Transport, address: &str) {
        let id = self.policy.listeners.iter().position(|own| own.name.value == listener);
        self.bound.push(Bound {
            listener: ListenerId(id.unwrap() as u16),
            transport,
            address: address.parse().unwrap(),
        });
    }

    /// A datagram from an address to the listener of this name.
    pub fn packet(&mut self, listener: &str, from: &str, text: &str) -> Vec<Sent> {
        self.packet_bytes(listener, from, Bytes::copy_from_slice(text.as_bytes()))
    }

    pub fn packet_bytes(&mut self, listener: &str, from: &str, bytes: Bytes) -> Vec<Sent> {
        let flow = self.flow(listener, Transport::Udp, from, None);
        self.engine.handle(self.now, Input::Packet { flow, bytes });
        self.drain()
    }

    /// A message framed from a connection.
    pub fn stream(&mut self, listener: &str, from: &str, connection: u64, text: &str) -> Vec<Sent> {
        let flow = self.flow(listener, Transport::Tcp, from, Some(ConnectionId(connection)));
        self.engine.handle(
            self.now,
            Input::Packet {
                flow,
                bytes: Bytes::copy_from_slice(text.as_bytes()),
            },
        );
        self.drain()
    }

    pub fn flow(&self, listener: &str, transport: Transport, from: &str, connection: Option<ConnectionId>) -> Flow {
        let id = self
            .policy
            .listeners
            .iter()
            .position(|own| own.name.value == listener)
            .unwrap();
        let id = ListenerId(id as u16);
        let remote: SocketAddr = from.parse().unwrap();
        let fits = |bound: &&Bound| bound.listener == id && bound.address.is_ipv4() == remote.is_ipv4();
        let local = self
            .bound
            .iter()
            .filter(fits)
            .find(|bound| bound.transport == transport);
        // Connections of ours may begin where nobody connects to.
        let local = local.or_else(|| self.bound.iter().find(fits));
        Flow {
            listener: id,
            transport,
            local: local.unwrap().address,
            remote,
            connection,
            certified: None,
        }
    }

    /// Lets time pass, deadline by deadline, and gives what left meanwhile with the second it left at.
    pub fn pass(&mut self, time: Duration) -> Vec<(Duration, Sent)> {
        let begin = self.now.at;
        let end = begin + time;
        let mut sent = Vec::new();
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            self.set_clock(next.max(self.now.at));
            self.engine.handle(self.now, Input::Tick);
            let at = self.now.at - begin;
            sent.extend(self.drain().into_iter().map(|message| (at, message)));
        }
        self.set_clock(end);
        sent
    }

    fn set_clock(&mut self, at: Duration) {
        self.now = Now {
            at,
            unix: START + at.as_secs(),
        };
    }

    pub fn input(&mut self, input: Input) -> Vec<Sent> {
        self.engine.handle(self.now, input);
        self.drain()
    }

    pub fn drain(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { id, message } => sent.push(self.sent(id, &message)),
                Output::Store { id, change } => self.store.push((id, change)),
                Output::Snapshot(piece) => self.pieces.push(piece),
                Output::Security(change) => self.changes.push(change),
                Output::Close(connection) => self.closed.push(connection),
                Output::Alias { connection, of, by } => self.aliases.push((connection, of, by)),
                Output::Record(record) => self.records.push(*record),
                _ => {}
            }
        }
        sent
    }

    pub fn sent(&self, id: SendId, message: &Outgoing) -> Sent {
        let destination = message.destination();
        Sent {
            id,
            to: destination.remote,
            from_listener: self.policy.listeners[destination.listener.0 as usize]
                .name
                .value
                .clone(),
            transport: destination.transport,
            connection: destination.connection,
            bytes: message.bytes().clone(),
        }
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.engine.poll_event()).collect()
    }
}

/// A response as a party would make it out of a request it received: every Via and Record-Route copied, a To tag of its own.
pub fn respond(request: &Sent, status: &str, to_tag: &str, extra: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route"] {
        for value in request.rows(name) {
            out += &format!("{name}: {value}\r\n");
        }
    }
    out += &format!("From: {}\r\n", request.row("From").unwrap());
    let to = request.row("To").unwrap();
    let tag = if to.contains(";tag=") {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    out += &format!("To: {to}{tag}\r\n");
    for name in ["Call-ID", "CSeq"] {
        out += &format!("{name}: {}\r\n", request.row(name).unwrap());
    }
    out + extra + "Content-Length: 0\r\n\r\n"
}

/// The Route rows of a party's later requests: the Record-Route it saw, in the order its role demands.
pub fn routes(record_route: &[&str], reversed: bool) -> String {
    let mut values: Vec<String> = record_route
        .iter()
        .flat_map(|row| row.split(", "))
        .map(str::to_owned)
        .collect();
    if reversed {
        values.reverse();
    }
    values.iter().map(|value| format!("Route: {value}\r\n")).collect()
}

/// The URI within a Contact.
pub fn contact_uri(value: &str) -> &str {
    let start = value.find('<').unwrap() + 1;
    &value[start..value.find('>').unwrap()]
}
