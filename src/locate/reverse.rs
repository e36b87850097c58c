//! From an address to a name of T's own domains that leads back to it, one question after the other.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use super::{
    Answer, Data, HostName, Kind, Question,
    search::{FAILURE_LIFETIME, LIFETIME_MAX, lifetime},
};
use crate::policy::Policy;
use crate::trust::{ReverseName, reverse::is_of_domain};

/// Names of one address looked at, in the order of the server; what stands behind them is not there.
pub const NAMES_MAX: usize = 8;

/// One address being looked up.
pub struct ReverseSearch {
    address: IpAddr,
    /// The name whose addresses are asked for. `None`: what the address is called is.
    name: Option<HostName>,
    /// Names to ask for after that.
    names: VecDeque<HostName>,
    /// How long it counts what the address is called.
    called: Duration,
    /// And the shortest of all answers: that nothing was found counts no longer.
    shortest: Duration,
}

/// What came of it, and how long that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub name: Option<ReverseName>,
    pub lifetime: Duration,
}

impl Finding {
    /// Nobody could say.
    pub const FAILED: Finding = Finding {
        name: None,
        lifetime: FAILURE_LIFETIME,
    };
}

impl ReverseSearch {
    /// Of an address as it counts here: IPv4 is IPv4, however it is written.
    pub fn begin(address: IpAddr) -> ReverseSearch {
        ReverseSearch {
            address: address.to_canonical(),
            name: None,
            names: VecDeque::new(),
            called: LIFETIME_MAX,
            shortest: LIFETIME_MAX,
        }
    }

    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What to ask now.
    pub fn question(&self) -> Question {
        match &self.name {
            None => Question {
                name: HostName::of_address(self.address),
                kind: Kind::Ptr,
            },
            Some(name) => Question {
                name: name.clone(),
                kind: match self.address {
                    IpAddr::V4(_) => Kind::A,
                    IpAddr::V6(_) => Kind::Aaaa,
                },
            },
        }
    }

    /// Takes the answer to that. `None`: there is another question.
    //= TRUST-026
    pub fn answer(&mut self, policy: &Policy, answer: &Answer) -> Option<Finding> {
        let said = answer.to(&self.question());
        let lifetime = lifetime(answer, &said);
        self.shortest = self.shortest.min(lifetime);
        match &self.name {
            None => {
                self.called = lifetime;
                let names = said.iter().take(NAMES_MAX).filter_map(|data| match data {
                    Data::Ptr(name) if is_of_domain(policy, name.as_str()) => Some(name.clone()),
                    _ => None,
                });
                self.names = names.collect();
            }
            Some(name) => {
                let addresses: Vec<IpAddr> = said
                    .iter()
                    .filter_map(|data| match data {
                        Data::Address(address) => Some(*address),
                        _ => None,
                    })
                    .collect();
                let name = ReverseName::confirm(policy, self.address, name.as_str(), &addresses);
                if name.is_some() {
                    let lifetime = lifetime.min(self.called);
                    return Some(Finding { name, lifetime });
                }
            }
        }
        self.name = self.names.pop_front();
        let nothing = Finding {
            name: None,
            lifetime: self.shortest,
        };
        self.name.is_none().then_some(nothing)
    }
}

impl std::fmt::Debug for ReverseSearch {
    /// Shows no name and no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReverseSearch")
            .field("names", &self.names.len())
            .finish_non_exhaustive()
    }
}
