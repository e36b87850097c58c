//! One search: which questions a name needs, one round after another, and what the answers amount to.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::answer::Srv;
use super::plan::{Ending, Plan, Server, Servers};
use super::service::{self, Offer, Service};
use super::target::default_port;
use super::{Answer, Data, HostName, Kind, Question, Wish};
use crate::sip::Transport;

/// SRV records of one service that are used: the ones of the best priorities.
pub const SERVERS_MAX: usize = 16;

/// Hosts of one search whose addresses are asked for.
pub const HOSTS_MAX: usize = 32;

/// Addresses of one host and family that are used.
pub const ADDRESSES_MAX: usize = 8;

/// Questions of one search, over all its rounds.
pub const QUESTIONS_MAX: usize = 1 + service::SERVICES_MAX + 2 * HOSTS_MAX;

/// How long an answer counts at least and at most, whatever it says itself.
//= LOC-007
pub const LIFETIME_MIN: Duration = Duration::from_secs(1);
pub const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long it counts that there was nothing, when the answer does not say, or that there was no answer.
pub const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// Names one question of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(usize);

/// A look-up under way.
pub struct Search {
    wish: Wish,
    asked: Vec<Asked>,
    /// Of `asked`, how many have no answer yet.
    open: usize,
    unsent: VecDeque<Slot>,
    services: Vec<Found>,
    hosts: Vec<Host>,
    lifetime: Duration,
    failed: bool,
    no_way: bool,
}

struct Asked {
    question: Question,
    about: About,
    is_open: bool,
}

#[derive(Clone, Copy)]
enum About {
    /// The services of the domain.
    Services,
    /// The servers of this one of them.
    Servers(usize),
    /// The addresses of this host.
    Addresses(usize),
}

/// A service, and what came of it.
struct Found {
    service: Service,
    /// `None`: no SRV record, or no answer.
    servers: Option<Vec<Listed>>,
}

/// A server and where its host stands among `hosts`.
struct Listed {
    priority: u16,
    weight: u16,
    port: u16,
    host: usize,
}

struct Host {
    name: HostName,
    asked: Vec<Kind>,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

impl Search {
    /// Begins with the question that the URI leaves open: services, servers, or addresses only.
    //= LOC-001
    //= LOC-002
    pub fn begin(wish: Wish) -> Search {
        let mut search = Search {
            wish,
            asked: Vec::new(),
            open: 0,
            unsent: VecDeque::new(),
            services: Vec::new(),
            hosts: Vec::new(),
            lifetime: LIFETIME_MAX,
            failed: false,
            no_way: false,
        };
        match (search.wish.port, search.wish.transport) {
            (Some(port), _) => search.directly(service::default_transport(&search.wish), port),
            (None, Some(_)) => search.look_for(service::usual(&search.wish.host, &search.wish)),
            (None, None) => search.ask(search.wish.host.clone(), Kind::Naptr, About::Services),
        }
        search
    }

    /// The next question to ask, until `None`; more come up with the answers.
    pub fn next_question(&mut self) -> Option<(Slot, Question)> {
        let slot = self.unsent.pop_front()?;
        Some((slot, self.asked.get(slot.0)?.question.clone()))
    }

    /// Whether nothing is asked any more: [`Search::finish`] it.
    pub fn is_done(&self) -> bool {
        self.open == 0
    }

    /// Takes an answer. One that nobody waits for does nothing.
    pub fn answer(&mut self, slot: Slot, answer: &Answer) {
        let Some(asked) = self.asked.get_mut(slot.0).filter(|asked| asked.is_open) else {
            return;
        };
        asked.is_open = false;
        self.open -= 1;
        let about = asked.about;
        let said = answer.to(&asked.question);
        self.lifetime = self.lifetime.min(lifetime(answer, &said));
        match about {
            About::Services => self.services_said(&said),
            About::Servers(of) => self.servers_said(of, &said, answer),
            About::Addresses(of) => self.addresses_said(of, &said, answer),
        }
        let no_servers = || self.services.iter().all(|found| found.servers.is_none());
        // What could not be asked may exist; going on without it would ask a host for what it does not do.
        if self.open == 0 && matches!(about, About::Servers(_)) && !self.failed && no_servers() {
            let best = self.services.first().map(|found| found.service.transport);
            let transport = best.unwrap_or(service::default_transport(&self.wish));
            self.directly(transport, default_port(transport));
        }
    }

    /// What is known by now, also before all is answered.
    pub fn finish(self) -> Plan {
        let failed = self.failed || self.open > 0;
        let mut services = Vec::new();
        for found in &self.services {
            let transport = found.service.transport;
            let listed = found.servers.iter().flatten();
            let servers = listed.filter_map(|listed| self.server(listed, transport)).collect();
            services.push(Servers { transport, servers });
        }
        services.retain(|service| !service.servers.is_empty());
        let ending = match (services.is_empty(), self.no_way, failed) {
            (false, ..) => Ending::Found,
            (true, true, _) => Ending::NoWay,
            (true, false, true) => Ending::Failed,
            (true, false, false) => Ending::Nothing,
        };
        let lifetime = match ending {
            // A part of the answers is missing: they are asked for again soon.
            _ if failed => self.lifetime.min(FAILURE_LIFETIME),
            _ => self.lifetime,
        };
        Plan {
            services,
            ending,
            lifetime,
        }
    }

    //= LOC-001
    fn services_said(&mut self, said: &[&Data]) {
        match service::offer(said, &self.wish) {
            Offer::Silent => self.look_for(service::usual(&self.wish.host, &self.wish)),
            //= PROXY-017
            Offer::Services(services) if services.is_empty() => self.no_way = true,
            Offer::Services(services) => self.look_for(services),
        }
    }

    fn look_for(&mut self, services: Vec<Service>) {
        if services.is_empty() {
            let transport = service::default_transport(&self.wish);
            return self.directly(transport, default_port(transport));
        }
        for service in services {
            let name = service.name.clone();
            self.services.push(Found { service, servers: None });
            self.ask(name, Kind::Srv, About::Servers(self.services.len() - 1));
        }
    }

    fn servers_said(&mut self, of: usize, said: &[&Data], answer: &Answer) {
        self.failed |= *answer == Answer::Failed;
        let mut srv: Vec<&Srv> = said
            .iter()
            .filter_map(|data| match data {
                Data::Srv(srv) => Some(srv),
                _ => None,
            })
            .collect();
        if srv.is_empty() {
            return;
        }
        srv.sort_by_key(|srv| srv.priority);
        srv.truncate(SERVERS_MAX);
        // No target: the service is decidedly not there, so an empty list is kept.
        let mut listed = Vec::new();
        for srv in srv {
            let Some(name) = srv.target.clone().filter(|_| srv.port != 0) else {
                continue;
            };
            let Some(host) = self.host(name) else { break };
            listed.push(Listed {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host,
            });
        }
        if let Some(found) = self.services.get_mut(of) {
            let transport = found.service.transport;
            let hosts: Vec<usize> = listed.iter().map(|listed| listed.host).collect();
            found.servers = Some(listed);
            hosts.into_iter().for_each(|host| self.ask_addresses(host, transport));
        }
    }

    /// The host of the wish itself, by address records only.
    //= LOC-002
    fn directly(&mut self, transport: Transport, port: u16) {
        if !self.wish.takes(transport) {
            self.no_way = true;
            return;
        }
        let name = self.wish.host.clone();
        let Some(host) = self.host(name.clone()) else { return };
        self.services = vec![Found {
            service: Service { transport, name },
            servers: Some(vec![Listed {
                priority: 0,
                weight: 0,
                port,
                host,
            }]),
        }];
        self.ask_addresses(host, transport);
    }

    /// Asks for the addresses that a transport can use, once.
    fn ask_addresses(&mut self, of: usize, transport: Transport) {
        let ways = self.wish.ways;
        for (kind, can_send) in [(Kind::Aaaa, ways.v6(transport)), (Kind::A, ways.v4(transport))] {
            let Some(host) = self.hosts.get_mut(of).filter(|_| can_send) else {
                continue;
            };
            if !host.asked.contains(&kind) {
                host.asked.push(kind);
                let name = host.name.clone();
                self.ask(name, kind, About::Addresses(of));
            }
        }
    }

    fn addresses_said(&mut self, of: usize, said: &[&Data], answer: &Answer) {
        self.failed |= *answer == Answer::Failed;
        let Some(host) = self.hosts.get_mut(of) else { return };
        for data in said {
            let Data::Address(address) = data else { continue };
            let list = if address.is_ipv4() { &mut host.v4 } else { &mut host.v6 };
            if list.len() < ADDRESSES_MAX {
                list.push(*address);
            }
        }
    }

    /// The place of a host among those of the search; `None`: there are too many.
    fn host(&mut self, name: HostName) -> Option<usize> {
        if let Some(known) = self.hosts.iter().position(|host| host.name == name) {
            return Some(known);
        }
        if self.hosts.len() == HOSTS_MAX {
            return None;
        }
        self.hosts.push(Host {
            name,
            asked: Vec::new(),
            v4: Vec::new(),
            v6: Vec::new(),
        });
        Some(self.hosts.len() - 1)
    }

    fn ask(&mut self, name: HostName, kind: Kind, about: About) {
        self.unsent.push_back(Slot(self.asked.len()));
        self.asked.push(Asked {
            question: Question { name, kind },
            about,
            is_open: true,
        });
        self.open += 1;
    }

    /// `None`: its host has no address that we can send to.
    fn server(&self, listed: &Listed, transport: Transport) -> Option<Server> {
        let host = self.hosts.get(listed.host)?;
        let ways = self.wish.ways;
        // IPv6 first, as RFC 6724 has it for a machine with both.
        let v6 = host.v6.iter().filter(|_| ways.v6(transport));
        let v4 = host.v4.iter().filter(|_| ways.v4(transport));
        let addresses: Vec<SocketAddr> = v6
            .chain(v4)
            .map(|address| SocketAddr::new(*address, listed.port))
            .collect();
        (!addresses.is_empty()).then_some(Server {
            priority: listed.priority,
            weight: listed.weight,
            addresses,
        })
    }
}

/// How long an answer counts.
//= LOC-007
pub(super) fn lifetime(answer: &Answer, said: &[&Data]) -> Duration {
    let stated = match answer {
        Answer::Found { lifetime, .. } if !said.is_empty() => Some(*lifetime),
        Answer::Found { .. } | Answer::Failed => None,
        Answer::Nothing { lifetime } => *lifetime,
    };
    stated.unwrap_or(FAILURE_LIFETIME).clamp(LIFETIME_MIN, LIFETIME_MAX)
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search")
            .field("asked", &self.asked.len())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
