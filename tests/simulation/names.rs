//! DNS: what the names in the policies lead to, and how it fails.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sipveil::engine::{Input, LocateId};
use sipveil::locate::answer::Srv;
use sipveil::locate::{Answer, Data, HostName, Kind, Question, Record};

use super::dice::Dice;

/// An address where nobody is.
pub const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 99));

const EDGE1: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
const EDGE2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 3));
const INNER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 2));

/// How DNS fails in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Sound,
    /// An address where nobody is may stand first; the others hold.
    DeadFirst,
    /// Nothing, nothing but dead addresses, or late.
    Anything,
}

/// What a name server says, when it comes, and whether it leads to somebody.
pub struct Said {
    pub after: Duration,
    pub input: Input,
    pub leads_somewhere: bool,
}

/// The answer to a question of an engine.
pub fn answer(id: LocateId, question: &Question, names: Names, dice: &mut Dice) -> Said {
    let mut data = records(question, dice);
    // That there is no record of a kind is no fault.
    let is_there = !data.is_empty();
    let addresses = question.kind == Kind::A && is_there;
    let (mut most, mut leads_somewhere, mut fails) = (20, true, false);
    match (names, dice.below(8)) {
        (Names::Sound, _) => {}
        (_, 0 | 1) if addresses => data.insert(0, Data::Address(NOBODY)),
        (Names::Anything, 2) if addresses => {
            data = vec![Data::Address(NOBODY)];
            leads_somewhere = false;
        }
        (Names::Anything, 3) => {
            fails = dice.one_in(2);
            data.clear();
            leads_somewhere = !is_there;
        }
        // Later than an engine waits, perhaps.
        (Names::Anything, 4) => {
            most = 9_000;
            leads_somewhere = false;
        }
        _ => {}
    }
    let lifetime = Duration::from_secs(dice.below(30) as u64);
    let record = |data| Record {
        owner: question.name.clone(),
        data,
    };
    let answer = match (fails, data.is_empty()) {
        (true, _) => Answer::Failed,
        (false, true) => Answer::Nothing {
            lifetime: Some(lifetime),
        },
        (false, false) => Answer::Found {
            records: data.into_iter().map(record).collect(),
            lifetime,
        },
    };
    Said {
        after: Duration::from_millis(1 + dice.below(most) as u64),
        input: Input::Located { id, answer },
        leads_somewhere,
    }
}

/// What the zone holds. The border is found by its service, or by its addresses in either order.
fn records(question: &Question, dice: &mut Dice) -> Vec<Data> {
    let addresses = |addresses: &[IpAddr]| addresses.iter().copied().map(Data::Address).collect();
    match (question.kind, question.name.as_str()) {
        (Kind::A, "inside.home1.example") => addresses(&[INNER]),
        // Where the UE is registered.
        (Kind::A, "access.home1.example" | "edge1.home1.example") => addresses(&[EDGE1]),
        (Kind::A, "edge2.home1.example") => addresses(&[EDGE2]),
        (Kind::A, "border.home1.example") if dice.one_in(2) => addresses(&[EDGE1, EDGE2]),
        (Kind::A, "border.home1.example") => addresses(&[EDGE2, EDGE1]),
        (Kind::Srv, "_sip._udp.border.home1.example" | "_sip._tcp.border.home1.example") => {
            vec![server("edge1", dice), server("edge2", dice)]
        }
        _ => Vec::new(),
    }
}

fn server(host: &str, dice: &mut Dice) -> Data {
    Data::Srv(Srv {
        priority: dice.below(2) as u16,
        weight: dice.below(3) as u16,
        port: 5060,
        target: HostName::parse(format!("{host}.home1.example").as_bytes()),
    })
}
