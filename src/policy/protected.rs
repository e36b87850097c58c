//! `protected` of a `[[listener]]`: the ports at which the security associations of its UEs end.
//!
//! Each such port is a listener of its own behind those that are written: where a message came in, and by which socket one
//! leaves, is then told like everywhere else.

use std::net::IpAddr;

use super::{Bind, Listener, ListenerId, Policy, Stated, StatedBy};
use crate::sip::Transport;

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The port that UEs send to (`port_ps`); none of SIP in clear.
    pub server_port: u16,
    /// The ports that UEs are sent to from (`port_pc`); each authentication of a UE takes another.
    pub client_ports: Vec<u16>,
    /// HMAC-MD5 and DES, too.
    //= AKA-005
    pub legacy_algorithms: bool,
    /// UEs that do not encrypt are refused.
    //= AKA-005
    pub require_encryption: bool,
    /// 494 or 403: the answer to a UE that offers nothing of what is served.
    //= AKA-013
    pub unacceptable_code: u16,
    /// Requests of a UE without Security-Verify are refused, too.
    //= AKA-016
    pub require_verify_always: bool,
}

/// What a listener has to do with security associations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// UEs begin here, unprotected.
    Entry(Entry),
    /// The server port of this entry.
    Server { entry: ListenerId },
    /// A client port of this entry.
    Client { entry: ListenerId },
}

/// A listener whose UEs are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub protected: Protected,
    pub server: ListenerId,
    /// One for each client port, in its order.
    pub clients: Vec<ListenerId>,
}

impl Policy {
    /// Gives a listener its protected ports, at every address it is bound to.
    ///
    /// UDP and TCP at the server port. By the client ports datagrams leave, and connections of ours begin there.
    //= AKA-003
    //= PCSCF-024
    pub fn protect(&mut self, entry: ListenerId, protected: Protected) {
        let Some(listener) = self.listeners.get(usize::from(entry.0)).cloned() else {
            return;
        };
        let server = self.add_port(
            &listener,
            protected.server_port,
            &[Transport::Udp, Transport::Tcp],
            Part::Server { entry },
        );
        let mut clients = Vec::with_capacity(protected.client_ports.len());
        for port in &protected.client_ports {
            clients.push(self.add_port(&listener, *port, &[Transport::Udp], Part::Client { entry }));
        }
        if let Some(listener) = self.listeners.get_mut(usize::from(entry.0)) {
            listener.protected = Some(Part::Entry(Entry {
                protected,
                server,
                clients,
            }));
        }
    }

    fn add_port(&mut self, entry: &Listener, port: u16, transports: &[Transport], part: Part) -> ListenerId {
        let mut addresses: Vec<(IpAddr, StatedBy)> = Vec::new();
        for bind in &entry.bind {
            let address = bind.value.address.ip();
            if addresses.iter().all(|(other, _)| *other != address) {
                addresses.push((address, bind.by));
            }
        }
        let bind = addresses.iter().flat_map(|(address, by)| {
            transports.iter().map(|transport| Stated {
                value: Bind {
                    transport: *transport,
                    address: (*address, port).into(),
                },
                by: *by,
            })
        });
        let host = entry.advertise.as_ref().map(|advertise| Stated {
            value: without_port(&advertise.value).to_owned(),
            by: advertise.by,
        });
        self.listeners.push(Listener {
            name: Stated {
                value: format!("{} {port}", entry.name.value),
                by: entry.name.by,
            },
            bind: bind.collect(),
            advertise: host,
            tls: None,
            protected: Some(part),
            ..entry.clone()
        });
        ListenerId((self.listeners.len() - 1) as u16)
    }

    /// The listener that is written for this one: itself, or the one whose protected port it is.
    pub fn entry_of(&self, listener: ListenerId) -> ListenerId {
        match self.part(listener) {
            Some(Part::Server { entry } | Part::Client { entry }) => *entry,
            Some(Part::Entry(_)) | None => listener,
        }
    }

    pub fn part(&self, listener: ListenerId) -> Option<&Part> {
        self.listeners.get(usize::from(listener.0))?.protected.as_ref()
    }

    /// The entry a listener belongs to, if its UEs are protected.
    pub fn protects(&self, listener: ListenerId) -> Option<&Entry> {
        match self.part(self.entry_of(listener)) {
            Some(Part::Entry(entry)) => Some(entry),
            _ => None,
        }
    }
}

/// The host of `host[:port]`.
fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => host,
        _ => text,
    }
}
