//! DNS: what the names in the policies lead to, and how it fails.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sipveil::locate::{Answer, Data, Kind, Question, Record};

use super::dice::Dice;

/// An address where nobody is.
pub const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 99));

const EDGE1: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
const EDGE2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 3));
const INNER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 2));

/// How long a node waits for everything about one name: the default of `[dns] timeout`.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How DNS fails in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Sound,
    /// An address where nobody is may stand first; the others hold.
    DeadFirst,
    /// Nothing, nothing but dead addresses, or late.
    Anything,
}

/// The addresses of a name, and after what time they come.
pub fn resolve(name: &str, names: Names, dice: &mut Dice) -> (Duration, Vec<IpAddr>) {
    let mut addresses = match name {
        "inside.home1.example" => vec![INNER],
        // Where the UE is registered.
        "access.home1.example" => vec![EDGE1],
        "border.home1.example" if dice.one_in(2) => vec![EDGE1, EDGE2],
        "border.home1.example" => vec![EDGE2, EDGE1],
        _ => Vec::new(),
    };
    let mut most = 20;
    match (names, dice.below(8)) {
        (Names::Sound, _) => {}
        (_, 0 | 1) => addresses.insert(0, NOBODY),
        (Names::Anything, 2) => addresses = vec![NOBODY],
        (Names::Anything, 3) => addresses.clear(),
        (Names::Anything, 4) => most = 9_000,
        _ => {}
    }
    (Duration::from_millis(1 + dice.below(most) as u64), addresses)
}

/// What a name server says that knows these addresses, and no services.
pub fn answer(question: &Question, addresses: &[IpAddr]) -> Answer {
    let lifetime = Duration::from_secs(1);
    if question.kind != Kind::A || addresses.is_empty() {
        let lifetime = Some(lifetime);
        return Answer::Nothing { lifetime };
    }
    let record = |address: &IpAddr| Record {
        owner: question.name.clone(),
        data: Data::Address(*address),
    };
    let records = addresses.iter().map(record).collect();
    Answer::Found { records, lifetime }
}
