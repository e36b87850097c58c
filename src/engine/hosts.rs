//! The names of hosts we connect to with TLS, so that the shell can ask each for its own certificate.
//!
//! Only a hint to the server: what its certificate must prove travels with the message.

use std::collections::{HashMap, VecDeque};

use crate::locate::{Place, Target};
use crate::policy::CertifiedName;

/// The latest of them.
pub struct Hosts {
    names: HashMap<CertifiedName, String>,
    /// Oldest first.
    order: VecDeque<CertifiedName>,
    max: usize,
}

impl Hosts {
    pub fn new(max: usize) -> Hosts {
        Hosts {
            names: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// Keeps the host of a target that must prove it; beyond the maximum the oldest goes.
    pub fn remember(&mut self, target: &Target) {
        let Place::Name(name) = &target.place else { return };
        // Without a transport DNS may still say TLS.
        if target.transport.is_some_and(|transport| !transport.is_tls()) {
            return;
        }
        let certified = CertifiedName::of(name.as_str());
        if self.names.contains_key(&certified) {
            return;
        }
        if self.order.len() >= self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        self.order.push_back(certified);
        self.names.insert(certified, name.as_str().to_owned());
    }

    pub fn name(&self, certified: CertifiedName) -> Option<&str> {
        self.names.get(&certified).map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::HostName;
    use crate::policy::ListenerId;
    use crate::sip::Transport;

    fn target(name: &str, transport: Transport) -> Target {
        Target {
            listener: ListenerId(0),
            transport: Some(transport),
            secure: false,
            place: Place::Name(HostName::parse(name.as_bytes()).unwrap()),
            port: None,
            connection: None,
            proved: None,
        }
    }

    #[test]
    fn past_the_maximum_the_oldest_goes() {
        let mut hosts = Hosts::new(2);
        hosts.remember(&target("plain.example", Transport::Tcp));
        assert!(hosts.is_empty());
        for name in ["a.example", "b.example", "a.example"] {
            hosts.remember(&target(name, Transport::Tls));
        }
        assert_eq!(hosts.len(), 2);
        assert_eq!(hosts.name(CertifiedName::of("a.example")), Some("a.example"));
        hosts.remember(&target("c.example", Transport::Tls));
        assert_eq!(hosts.len(), 2);
        assert_eq!(hosts.name(CertifiedName::of("a.example")), None);
        assert_eq!(hosts.name(CertifiedName::of("c.example")), Some("c.example"));
    }
}
