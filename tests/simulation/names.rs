//! DNS: what the names in the policies lead to, and how it fails.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::dice::Dice;

/// An address where nobody is.
pub const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 99));

const EDGE1: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
const EDGE2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 3));
const INNER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 2));

/// The addresses of a name, and after what time they come.
pub fn resolve(name: &str, fails: bool, dice: &mut Dice) -> (Duration, Vec<IpAddr>) {
    let mut addresses = match name {
        "inside.home1.example" => vec![INNER],
        // Where the UE is registered.
        "access.home1.example" => vec![EDGE1],
        "border.home1.example" if dice.one_in(2) => vec![EDGE1, EDGE2],
        "border.home1.example" => vec![EDGE2, EDGE1],
        _ => Vec::new(),
    };
    let mut most = 20;
    if fails {
        match dice.below(8) {
            0 => addresses.clear(),
            1 => addresses.insert(0, NOBODY),
            2 => addresses = vec![NOBODY],
            3 => most = 9_000,
            _ => {}
        }
    }
    (Duration::from_millis(1 + dice.below(most) as u64), addresses)
}
