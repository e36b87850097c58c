//! What a name server said, as values that can only hold sense.

use std::{net::IpAddr, time::Duration};

use super::{HostName, Kind, Question};

/// Records looked at of one answer; what stands behind them is not there.
pub const RECORDS_MAX: usize = 512;

/// CNAME records followed from the name asked for; beyond: as if the chain led nowhere.
pub const ALIASES_MAX: usize = 8;

/// The answer to one [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Records of any kind and owner, in the order of the server, and how long they are valid.
    Found { records: Vec<Record>, lifetime: Duration },
    /// The name, or a record of that kind, does not exist, and for how long that is valid, if it was said.
    Nothing { lifetime: Option<Duration> },
    /// No answer in time, or one that is no use: SERVFAIL, REFUSED, something unreadable.
    Failed,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub owner: HostName,
    pub data: Data,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq)]
pub enum Data {
    Naptr(Naptr),
    Srv(Srv),
    Address(IpAddr),
    /// The owner is another name of this one.
    Cname(HostName),
    /// A name of the address that the owner stands for.
    Ptr(HostName),
}

/// RFC 3403 section 4.1.
#[derive(Clone, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: Vec<u8>,
    pub services: Vec<u8>,
    pub regexp: Vec<u8>,
    /// `None`: the root, which is no name of a service.
    pub replacement: Option<HostName>,
}

/// RFC 2782.
#[derive(Clone, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// `None`: the root, which says that the service is decidedly not there.
    pub target: Option<HostName>,
}

impl Answer {
    /// What an answer has to say to its question: the records of that kind whose owner is the name asked for, or the end of
    /// the chain of aliases that begins there. Anything else in it is not believed.
    //= LOC-007
    pub fn to(&self, question: &Question) -> Vec<&Data> {
        let Answer::Found { records, .. } = self else {
            return Vec::new();
        };
        let records = &records[..records.len().min(RECORDS_MAX)];
        let mut name = &question.name;
        for _ in 0..=ALIASES_MAX {
            let found: Vec<&Data> = records
                .iter()
                .filter(|record| record.owner == *name && record.data.is(question.kind))
                .map(|record| &record.data)
                .collect();
            if !found.is_empty() {
                return found;
            }
            let alias = records.iter().find_map(|record| match &record.data {
                Data::Cname(alias) if record.owner == *name => Some(alias),
                _ => None,
            });
            match alias {
                Some(alias) => name = alias,
                None => break,
            }
        }
        Vec::new()
    }
}

impl Data {
    fn is(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Data::Naptr(_), Kind::Naptr) | (Data::Srv(_), Kind::Srv) | (Data::Ptr(_), Kind::Ptr) => true,
            (Data::Address(address), Kind::A) => address.is_ipv4(),
            (Data::Address(address), Kind::Aaaa) => address.is_ipv6(),
            _ => false,
        }
    }
}

impl std::fmt::Debug for Data {
    /// Shows no name and no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Data::Naptr(_) => "NAPTR",
            Data::Srv(_) => "SRV",
            Data::Address(IpAddr::V4(_)) => "A",
            Data::Address(IpAddr::V6(_)) => "AAAA",
            Data::Cname(_) => "CNAME",
            Data::Ptr(_) => "PTR",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HostName {
        HostName::parse(text.as_bytes()).unwrap()
    }

    fn alias(owner: &str, of: &str) -> Record {
        Record {
            owner: name(owner),
            data: Data::Cname(name(of)),
        }
    }

    fn address(owner: &str) -> Record {
        Record {
            owner: name(owner),
            data: Data::Address([192, 0, 2, 1].into()),
        }
    }

    fn found(records: Vec<Record>) -> usize {
        let question = Question {
            name: name("a"),
            kind: Kind::A,
        };
        let lifetime = Duration::ZERO;
        Answer::Found { records, lifetime }.to(&question).len()
    }

    //= LOC-007 type=test
    #[test]
    fn aliases_are_followed_so_far_and_no_further() {
        assert_eq!(found(vec![address("a"), address("a")]), 2);
        assert_eq!(found(vec![address("c"), alias("b", "c"), alias("a", "b")]), 1);
        // Loops end.
        assert_eq!(found(vec![alias("a", "a"), address("b")]), 0);
        assert_eq!(found(vec![alias("a", "b"), alias("b", "a"), address("c")]), 0);
        // The longest chain, and one longer.
        let chain = |length: usize| {
            let mut records = vec![alias("a", "n0")];
            records.extend((1..length).map(|at| alias(&format!("n{}", at - 1), &format!("n{at}"))));
            records.push(address(&format!("n{}", length - 1)));
            records
        };
        assert_eq!(found(chain(ALIASES_MAX)), 1);
        assert_eq!(found(chain(ALIASES_MAX + 1)), 0);
    }

    //= LOC-007 type=test
    #[test]
    fn what_was_not_asked_for_is_not_believed() {
        assert_eq!(found(vec![address("other")]), 0);
        let six = Record {
            owner: name("a"),
            data: Data::Address([0; 16].into()),
        };
        assert_eq!(found(vec![six]), 0);
        let mut many: Vec<Record> = (0..RECORDS_MAX - 1).map(|_| address("other")).collect();
        many.push(address("a"));
        assert_eq!(found(many.clone()), 1);
        many.insert(0, address("other"));
        assert_eq!(found(many), 0, "one record more than is looked at");
    }
}
