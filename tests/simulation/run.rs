//! One run: everything that happens, in the order of virtual time.

mod plan;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sipveil::engine::{Input, Output, SendId};
use sipveil::trust::Destination;

use super::dice::Dice;
use super::names::{self, NOBODY};
use super::node::{NODES, Node, Policies};
use super::oracle::{self, Oracle, Tally};
use super::person::{Person, Place};
use super::phone::{Alarm, Out, Phone, Story};
use super::streams::{Streams, Way};
use super::weather::Weather;
use super::wire::Wire;

/// More happenings than any run has: one that never comes to rest is a fault.
const HAPPENINGS_MAX: u64 = 200_000;
/// Later than the last timer of the last request of any run.
const END: Duration = Duration::from_secs(1_800);

enum Happening {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    },
    Framed {
        way: Way,
        bytes: Bytes,
    },
    /// The network says that what an engine sent reached nobody.
    Unreachable {
        node: usize,
        life: u32,
        id: SendId,
    },
    Located {
        node: usize,
        life: u32,
        input: Input,
    },
    Alarm {
        phone: usize,
        alarm: Alarm,
    },
    Begin {
        phone: usize,
        story: Story,
    },
    Crash(usize),
    Restart(usize),
    Reload(usize),
}

struct Run {
    now: Duration,
    dice: Dice,
    weather: Weather,
    nodes: Vec<Node>,
    phones: Vec<Phone>,
    streams: Streams,
    /// By time, and in order of entry.
    queue: BTreeMap<(Duration, u64), Happening>,
    entered: u64,
    oracle: Oracle,
    tally: Tally,
    second_answers: Vec<String>,
    /// A name led nowhere.
    hopeless: bool,
    digest: DefaultHasher,
    tells: bool,
}

/// Plays one seed to its end. `tells`: prints what happens.
pub fn play(policies: &Policies, seed: u64, tells: bool) -> Result<Tally, String> {
    let mut run = Run::new(policies, seed, tells);
    run.happen()?;
    run.over()
}

impl Run {
    fn new(policies: &Policies, seed: u64, tells: bool) -> Run {
        let mut dice = Dice::new(seed);
        let weather = Weather::of(&mut dice);
        let mut phone = |name, address, place| Phone::new(name, address, place, Person::of(&mut dice, place));
        let phones = vec![
            phone("core", "10.20.0.9:5060", Place::Core),
            phone("net", "192.0.2.9:5060", Place::Net),
            phone("net2", "192.0.2.30:5060", Place::Net),
            phone("ue", "10.30.0.9:5060", Place::Access),
        ];
        let nodes = (0..NODES.len()).map(|place| Node::new(policies, place, weather.between));
        let mut run = Run {
            now: Duration::from_secs(1),
            nodes: nodes.collect(),
            streams: Streams::default(),
            phones,
            queue: BTreeMap::new(),
            entered: 0,
            oracle: Oracle::default(),
            tally: Tally::default(),
            second_answers: Vec::new(),
            hopeless: false,
            digest: DefaultHasher::new(),
            dice,
            weather,
            tells,
        };
        run.plan();
        run
    }

    fn enter(&mut self, after: Duration, happening: Happening) {
        self.entered += 1;
        self.queue.insert((self.now + after, self.entered), happening);
    }

    /// Lets everything happen, until nothing is left to happen.
    fn happen(&mut self) -> Result<(), String> {
        for _ in 0..HAPPENINGS_MAX {
            let due = (0..self.nodes.len()).filter_map(|node| Some((self.nodes[node].deadline()?, node)));
            let due = due.min();
            let next = self.queue.keys().next().map(|(at, _)| *at);
            let Some(at) = due.map(|(at, _)| at).into_iter().chain(next).min() else {
                return Ok(());
            };
            if at > END {
                return Err(format!("something is still to happen at {at:?}"));
            }
            self.now = self.now.max(at);
            match due.filter(|(due, _)| next.is_none_or(|next| *due <= next)) {
                Some((_, node)) => self.feed(node, Input::Tick)?,
                None => {
                    let Some((_, happening)) = self.queue.pop_first() else {
                        return Ok(());
                    };
                    self.one(happening)?;
                }
            }
        }
        Err("it never comes to rest".to_owned())
    }

    fn one(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Datagram { from, to, bytes } => self.arrives(from, to, bytes),
            Happening::Unreachable { node, life, id } if self.nodes[node].life == life => {
                self.feed(node, Input::SendFailed(id))
            }
            Happening::Located { node, life, input } if self.nodes[node].life == life => self.feed(node, input),
            Happening::Unreachable { .. } | Happening::Located { .. } => Ok(()),
            Happening::Alarm { phone, alarm } => {
                self.with_phone(phone, |phone, out| phone.alarm(alarm, out));
                Ok(())
            }
            Happening::Begin { phone, story } => {
                self.with_phone(phone, |phone, out| phone.begin(&story, out));
                Ok(())
            }
            Happening::Crash(node) => {
                self.tell(|| format!("{} crashes", NODES[node]));
                self.tally.crashes += 1;
                self.nodes[node].crash();
                self.streams.close(node);
                Ok(())
            }
            Happening::Framed { way, bytes } => {
                let Some((to, from)) = self.streams.arrived(&way) else {
                    return Ok(());
                };
                let connection = Some(way.connection);
                let outputs = self.nodes[to.node].receive(self.now, from.seen, to.own, connection, bytes);
                self.carry_out(to.node, outputs)
            }
            Happening::Reload(node) => {
                let outputs = self.nodes[node].reload(self.now);
                self.carry_out(node, outputs)
            }
            Happening::Restart(node) => {
                if !self.nodes[node].is_alive() {
                    self.tell(|| format!("{} is back", NODES[node]));
                    self.nodes[node].start(self.now, &mut self.dice);
                }
                Ok(())
            }
        }
    }

    fn arrives(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) -> Result<(), String> {
        if let Some(node) = self.nodes.iter().position(|node| node.has(to)) {
            let outputs = self.nodes[node].receive(self.now, from, to, None, bytes);
            return self.carry_out(node, outputs);
        }
        if let Some(phone) = self.phones.iter().position(|phone| phone.address == to)
            && let Some(wire) = Wire::read(&bytes)
        {
            self.with_phone(phone, |phone, out| phone.received(from, &wire, out));
        }
        Ok(())
    }

    fn feed(&mut self, node: usize, input: Input) -> Result<(), String> {
        let outputs = self.nodes[node].handle(self.now, input);
        self.carry_out(node, outputs)
    }

    fn carry_out(&mut self, node: usize, outputs: Vec<Output>) -> Result<(), String> {
        let life = self.nodes[node].life;
        for output in outputs {
            match output {
                Output::Send { id, message } => {
                    let destination = *message.destination();
                    let to = destination.remote;
                    let bytes = message.bytes().clone();
                    self.oracle
                        .sent(self.now, (node, life), to, &bytes, &self.phones, &mut self.tally)
                        .map_err(|what| format!("{}: {what}\n{}", NODES[node], String::from_utf8_lossy(&bytes)))?;
                    let Some(from) = self.nodes[node].source(destination.listener) else {
                        return Err("a message leaves by no listener".to_owned());
                    };
                    if destination.transport.is_reliable() {
                        self.on_stream(node, from, &destination, id, bytes);
                        continue;
                    }
                    if id != SendId(0) && self.is_gone(to)? && self.dice.one_in(2) {
                        self.enter(Duration::from_millis(3), Happening::Unreachable { node, life, id });
                    }
                    self.transmit(from, to, bytes);
                }
                Output::Locate { id, question } => {
                    let said = names::answer(id, &question, self.weather.names, &mut self.dice);
                    self.hopeless |= !said.leads_somewhere;
                    let input = said.input;
                    self.enter(said.after, Happening::Located { node, life, input });
                }
                // Each node has one engine.
                Output::Learned { .. }
                | Output::Answer { .. }
                | Output::Alias { .. }
                | Output::Close(_)
                | Output::Record(_)
                | Output::Security(_)
                | Output::Store { .. }
                | Output::Snapshot(_) => {}
            }
        }
        Ok(())
    }

    /// Whether nobody is at this address now. An address that nobody ever has is a fault.
    fn is_gone(&self, to: SocketAddr) -> Result<bool, String> {
        if let Some(node) = self.nodes.iter().find(|node| node.has(to)) {
            return Ok(!node.is_alive());
        }
        if to.ip() == NOBODY || self.phones.iter().any(|phone| phone.address == to) {
            return Ok(to.ip() == NOBODY);
        }
        Err(format!("a request goes to {to}, where nobody ever was"))
    }

    fn on_stream(&mut self, node: usize, from: SocketAddr, to: &Destination, id: SendId, bytes: Bytes) {
        self.tally.datagrams += 1;
        (self.now, from, to.remote, &bytes).hash(&mut self.digest);
        let soonest = self.now + self.weather.delay(&mut self.dice);
        let way = self.streams.send(&self.nodes, node, from, to, soonest);
        self.tell(|| line(from, to.remote, &bytes, usize::from(way.is_some())));
        match way {
            Some(way) => self.enter(way.arrives - self.now, Happening::Framed { way, bytes }),
            None if id == SendId(0) => {}
            None => {
                let life = self.nodes[node].life;
                self.enter(Duration::from_millis(3), Happening::Unreachable { node, life, id });
            }
        }
    }

    fn transmit(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let arrivals = self.weather.arrivals(&mut self.dice);
        self.tally.datagrams += 1;
        self.tally.lost += u64::from(arrivals.is_empty());
        self.tally.repeated += u64::from(arrivals.len() > 1);
        (self.now, from, to, &bytes).hash(&mut self.digest);
        self.tell(|| line(from, to, &bytes, arrivals.len()));
        for after in arrivals {
            let bytes = bytes.clone();
            self.enter(after, Happening::Datagram { from, to, bytes });
        }
    }

    fn with_phone(&mut self, phone: usize, act: impl FnOnce(&mut Phone, &mut Out<'_>)) {
        let mut out = Out {
            now: self.now,
            dice: &mut self.dice,
            sends: Vec::new(),
            alarms: Vec::new(),
            second_answers: Vec::new(),
        };
        act(&mut self.phones[phone], &mut out);
        let Out {
            sends,
            alarms,
            second_answers,
            ..
        } = out;
        let from = self.phones[phone].address;
        for (at, alarm) in alarms {
            self.enter(at - self.now, Happening::Alarm { phone, alarm });
        }
        for (to, text) in sends {
            self.transmit(from, to, text.into());
        }
        self.second_answers.extend(second_answers);
    }

    fn tell(&self, line: impl FnOnce() -> String) {
        if self.tells {
            println!("{:>10.3} {}", self.now.as_secs_f64(), line());
        }
    }

    /// Nothing happens any more: what is left, and how did it end?
    fn over(mut self) -> Result<Tally, String> {
        for (node, name) in self.nodes.iter().zip(NODES) {
            let Some(held) = node.held() else {
                return Err(format!("{name} never came back"));
            };
            if held.servers + held.clients + held.pending + held.questions + held.deadlines > 0 {
                return Err(format!("{name} still holds {held:?}"));
            }
        }
        // Who is told twice was told by a node that had forgotten the first time.
        if let Some(second) = self.second_answers.first().filter(|_| self.weather.crashes.is_empty()) {
            return Err(second.clone());
        }
        oracle::over(&self.phones, &self.weather, self.hopeless, &mut self.tally)?;
        self.tally.runs = 1;
        self.tally.digest = self.digest.finish();
        Ok(self.tally)
    }
}

/// One message on its way, for the eye.
fn line(from: SocketAddr, to: SocketAddr, bytes: &[u8], copies: usize) -> String {
    let wire = Wire::read(bytes);
    let (start, cseq) = wire
        .as_ref()
        .map_or(("?", "?"), |wire| (&*wire.start, wire.first("cseq")));
    let start: String = start.chars().take(70).collect();
    format!("{from} -> {to} {start} [{cseq}] x{copies}")
}
