//! Which hosts are inside: what a neighbour of this network is not to see.

use ipnet::IpNet;

use crate::policy::{Policy, Stated};
use crate::sip::headers::grammar::ip;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::via::Via;
use crate::sip::uri::Uri;

/// The names and addresses of this network.
#[derive(Debug, Clone, Copy)]
pub struct Inside<'a> {
    domains: &'a [String],
    prefixes: &'a [Stated<IpNet>],
}

impl<'a> Inside<'a> {
    pub fn of(policy: &'a Policy) -> Inside<'a> {
        Inside {
            domains: &policy.domain.admin_domains.value,
            prefixes: &policy.topology_hiding.hidden_prefixes,
        }
    }

    #[cfg(test)]
    pub(super) fn new(domains: &'a [String], prefixes: &'a [Stated<IpNet>]) -> Inside<'a> {
        Inside { domains, prefixes }
    }

    /// Whether a host is one of ours: an address in a hidden prefix, one of our domains, or a name below one. As written in a
    /// URI or a sent-by.
    //= THIG-002
    pub fn has_host(&self, host: &[u8]) -> bool {
        match ip(host) {
            Some(address) => {
                let address = address.to_canonical();
                self.prefixes.iter().any(|prefix| prefix.value.contains(&address))
            }
            None => self.domains.iter().any(|domain| is_in(host, domain.as_bytes())),
        }
    }

    /// Whether a Via names one: who sent it by its own word or by what its receiver saw.
    //= THIG-002
    pub fn has_via(&self, value: &[u8]) -> bool {
        match Via::parse(value) {
            Ok((via, _)) => {
                let others = [via.received(), via.maddr()];
                self.has_host(via.host()) || others.into_iter().flatten().any(|host| self.has_host(host))
            }
            Err(_) => self.is_named_in(value),
        }
    }

    /// Whether the URI of a Route, or of what is like one, names one.
    //= THIG-002
    pub fn has_route(&self, value: &[u8]) -> bool {
        match NameAddr::parse(value).and_then(|route| route.uri()) {
            Ok(uri) => self.has_uri(&uri),
            Err(_) => self.is_named_in(value),
        }
    }

    fn has_uri(&self, uri: &Uri<'_>) -> bool {
        self.has_host(uri.host()) || uri.maddr().is_some_and(|host| self.has_host(host))
    }

    /// Whether a text that has no form names one, as a word or a word with a port.
    pub fn is_named_in(&self, text: &[u8]) -> bool {
        let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(byte);
        text.split(|byte| !is_of_host(byte)).any(|word| {
            let without_port = word
                .iter()
                .rposition(|byte| *byte == b':')
                .map_or(word, |at| &word[..at]);
            [word, without_port]
                .into_iter()
                .any(|host| !host.is_empty() && self.has_host(host))
        })
    }
}

/// Whether a name is this domain, or below it; the dot of the root behind it says nothing.
fn is_in(host: &[u8], domain: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    host[start..].eq_ignore_ascii_case(domain) && (start == 0 || host[start - 1] == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::StatedBy;

    fn with<T>(see: impl FnOnce(Inside<'_>) -> T) -> T {
        let domains = ["home1.example".to_owned()];
        let prefixes = ["10.20.0.0/16", "2001:db8:20::/48"].map(|prefix| Stated {
            value: prefix.parse().unwrap(),
            by: StatedBy::Default,
        });
        see(Inside {
            domains: &domains,
            prefixes: &prefixes,
        })
    }

    //= THIG-002 type=test
    #[test]
    fn a_host_is_inside_by_name_or_by_address() {
        let inside: &[&str] = &[
            "home1.example",
            "scscf1.HOME1.example",
            "a.b.home1.example.",
            "10.20.255.1",
            "[2001:db8:20::5]",
            "[::ffff:10.20.0.1]",
        ];
        let outside: &[&str] = &[
            "home2.example",
            "nothome1.example",
            "home1.example.net",
            "example",
            "",
            "10.21.0.1",
            "[2001:db8:21::5]",
        ];
        with(|all| {
            assert!(inside.iter().all(|host| all.has_host(host.as_bytes())));
            assert!(outside.iter().all(|host| !all.has_host(host.as_bytes())));
        });
    }

    //= THIG-002 type=test
    #[test]
    fn a_value_is_inside_by_each_host_in_it() {
        with(|inside| {
            for via in [
                "SIP/2.0/UDP scscf1.home1.example;branch=z9hG4bK1",
                "SIP / 2.0 / UDP scscf1.home1.example:5070 ;branch=z9hG4bK1",
                "SIP/2.0/UDP ue.example;received=10.20.0.9",
                "SIP/2.0/UDP ue.example;maddr=10.20.0.9",
                "SIP/2.0/UDP ue.example;rport=x;rport=y;via=10.20.0.9:5060",
            ] {
                assert!(inside.has_via(via.as_bytes()), "{via}");
            }
            for via in [
                "SIP/2.0/UDP pcscf.visited.example;branch=z9hG4bKhome1.example",
                "SIP/2.0/UDP 192.0.2.1;received=192.0.2.7",
                "nonsense",
            ] {
                assert!(!inside.has_via(via.as_bytes()), "{via}");
            }
            for route in [
                "<sip:orig@scscf1.home1.example;lr>",
                "\"S\" <sip:10.20.0.1:5060;lr>;x=1",
                "<sip:edge.example;maddr=10.20.0.1;lr>",
                "<sip:broken@scscf1.home1.example",
            ] {
                assert!(inside.has_route(route.as_bytes()), "{route}");
            }
            for route in ["<sip:home1.example@edge.example;lr>", "<tel:+1>", "nonsense"] {
                assert!(!inside.has_route(route.as_bytes()), "{route}");
            }
        });
    }

    //= THIG-012 type=test
    #[test]
    fn a_text_names_a_host_as_a_word() {
        with(|inside| {
            for text in [
                "at scscf1.home1.example:5060, twice",
                "(10.20.0.1)",
                "[2001:db8:20::1]:5060",
            ] {
                assert!(inside.is_named_in(text.as_bytes()), "{text}");
            }
            for text in ["nothing", "110.20.0.1", "home1-example", "x.home1.example.net", ""] {
                assert!(!inside.is_named_in(text.as_bytes()), "{text}");
            }
        });
    }
}
