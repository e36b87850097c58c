//! A name server in the head: what it knows stands in lines, who asks for more hears that there is nothing.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use sipveil::engine::{Input, LocateId, Output};
use sipveil::locate::answer::{Naptr, Srv};
use sipveil::locate::{Answer, Data, HostName, Kind, Question, Record};

use crate::world::{Sent, World};

/// The lines, and what was asked.
pub struct Zone {
    lines: Vec<(String, Vec<String>)>,
    pub lifetime: Duration,
    pub asked: Vec<(LocateId, Question)>,
    waiting: VecDeque<(LocateId, Question)>,
}

impl Zone {
    /// A line a record: `NAME NAPTR order preference flags services replacement`, `NAME SRV priority weight port target`,
    /// `NAME A address`, `NAME AAAA address`, `NAME PTR name`, `NAME CNAME alias`. `NAME SILENT` never answers, `NAME SERVFAIL` fails.
    pub fn new(text: &str) -> Zone {
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.collect()))
        });
        Zone {
            lines: lines.collect(),
            lifetime: Duration::from_secs(300),
            asked: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// What was asked so far, as `NAME KIND`, and forgets it.
    pub fn questions(&mut self) -> Vec<String> {
        let shown = |(_, question): (LocateId, Question)| format!("{} {:?}", question.name.as_str(), question.kind);
        self.asked.drain(..).map(shown).collect()
    }

    /// A datagram from an address to a listener, with every question it causes answered.
    pub fn packet(&mut self, world: &mut World, listener: &str, from: &str, text: &str) -> Vec<Sent> {
        let flow = world.flow(listener, sipveil::sip::Transport::Udp, from, None);
        let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
        self.input(world, Input::Packet { flow, bytes })
    }

    pub fn input(&mut self, world: &mut World, input: Input) -> Vec<Sent> {
        let now = world.now;
        world.engine.handle(now, input);
        self.serve(world)
    }

    /// Answers until nothing is asked any more.
    pub fn serve(&mut self, world: &mut World) -> Vec<Sent> {
        let mut sent = self.take(world);
        while let Some((id, question)) = self.waiting.pop_front() {
            if let Some(answer) = self.answer(&question) {
                let now = world.now;
                world.engine.handle(now, Input::Located { id, answer });
                sent.extend(self.take(world));
            }
        }
        sent
    }

    fn take(&mut self, world: &mut World) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(output) = world.engine.poll_output() {
            match output {
                Output::Locate { id, question } => {
                    self.asked.push((id, question.clone()));
                    self.waiting.push_back((id, question));
                }
                Output::Send { id, message } => sent.push(world.sent(id, &message)),
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
        sent
    }

    /// `None`: never.
    pub fn answer(&self, question: &Question) -> Option<Answer> {
        let mut records = Vec::new();
        let mut name = question.name.as_str().to_owned();
        let mut is_known = true;
        for _ in 0..4 {
            let lines = self.lines.iter().filter(|(owner, _)| *owner == name);
            let mut alias = None;
            for (owner, words) in lines {
                match words[0].as_str() {
                    "SILENT" => return None,
                    "SERVFAIL" => is_known = false,
                    "CNAME" => alias = Some(words[1].clone()),
                    _ => {}
                }
                records.extend(data(words).map(|data| Record {
                    owner: host(owner),
                    data,
                }));
            }
            match alias {
                Some(alias) => name = alias,
                None => break,
            }
        }
        if !is_known {
            return Some(Answer::Failed);
        }
        let lifetime = self.lifetime;
        let is_of_kind = |record: &Record| match (&record.data, question.kind) {
            (Data::Cname(_), _) | (Data::Naptr(_), Kind::Naptr) | (Data::Srv(_), Kind::Srv) => true,
            (Data::Ptr(_), Kind::Ptr) => true,
            (Data::Address(address), Kind::A) => address.is_ipv4(),
            (Data::Address(address), Kind::Aaaa) => address.is_ipv6(),
            _ => false,
        };
        records.retain(is_of_kind);
        if records.is_empty() {
            let lifetime = Some(lifetime);
            return Some(Answer::Nothing { lifetime });
        }
        Some(Answer::Found { records, lifetime })
    }
}

pub fn host(text: &str) -> HostName {
    HostName::parse(text.as_bytes()).unwrap()
}

fn data(words: &[String]) -> Option<Data> {
    let number = |at: usize| words[at].parse::<u16>().unwrap();
    let name = |at: usize| (words[at] != ".").then(|| host(&words[at]));
    Some(match words[0].as_str() {
        "NAPTR" => Data::Naptr(Naptr {
            order: number(1),
            preference: number(2),
            flags: words[3].clone().into_bytes(),
            services: words[4].clone().into_bytes(),
            regexp: Vec::new(),
            replacement: name(5),
        }),
        "SRV" => Data::Srv(Srv {
            priority: number(1),
            weight: number(2),
            port: number(3),
            target: name(4),
        }),
        "A" | "AAAA" => Data::Address(words[1].parse::<IpAddr>().unwrap()),
        "CNAME" => Data::Cname(host(&words[1])),
        "PTR" => Data::Ptr(host(&words[1])),
        _ => return None,
    })
}
