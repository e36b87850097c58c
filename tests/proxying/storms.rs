//! Whatever comes in whatever order, in the end nothing is left.

use std::time::Duration;

use sipveil::engine::Input;

use super::{CORE, NET, request, seconds, wide};
use crate::non_interference::Chance;
use crate::world::{Sent, World, keys, policy, respond};

const STORMS: u64 = 60;

/// Requests, responses, cancellations, failures and time in any order; then quiet, and empty tables.
//= SEC-009 type=test
#[test]
fn after_any_storm_the_tables_are_empty() {
    let policy = std::sync::Arc::new(policy(&wide()));
    for seed in 0..STORMS {
        let mut world = World::under(std::sync::Arc::clone(&policy), keys(), [seed as u8; 32]);
        let mut chance = Chance::new(seed);
        let mut seen: Vec<Sent> = Vec::new();
        for number in 0..200 {
            let sent = one(&mut world, &mut chance, number, &seen);
            seen.extend(sent);
        }
        let left = world.pass(seconds(500));
        assert!(
            left.iter().all(|(at, _)| *at < seconds(300)),
            "seed {seed}: it never ends"
        );
        assert_eq!(world.engine.transactions(), 0, "seed {seed}");
        assert_eq!(world.engine.next_deadline(), None, "seed {seed}: a timer is left over");
    }
}

fn one(world: &mut World, chance: &mut Chance, number: usize, seen: &[Sent]) -> Vec<Sent> {
    let branch = format!("s{}", chance.below(number + 1));
    let domain = chance.of(&[
        "net.example",
        "two.example",
        "ally.example",
        "home1.example",
        "tcp.example",
    ]);
    match chance.below(10) {
        0..4 => {
            let method = chance.of(&["INVITE", "INVITE", "MESSAGE", "SUBSCRIBE", "BYE", "NOVEL"]);
            let rows = chance.of(&[
                "",
                "Privacy: user\r\n",
                "Privacy: user;critical;session\r\n",
                "Max-Forwards: 0\r\n",
            ]);
            world.packet("core", CORE, &request(method, domain, &branch, rows))
        }
        4 => world.packet("core", CORE, &request("CANCEL", domain, &branch, "")),
        5 => world.packet("core", CORE, &request("ACK", domain, &branch, "")),
        6..8 => {
            let requests: Vec<&Sent> = seen
                .iter()
                .filter(|sent| !sent.start().starts_with("SIP/2.0"))
                .collect();
            if requests.is_empty() {
                return Vec::new();
            }
            let about = requests[chance.below(requests.len())];
            let status = chance.of(&[
                "100 T", "180 R", "200 OK", "202 A", "302 M", "486 B", "487 T", "503 S", "603 D", "999 X",
            ]);
            let tag = chance.of(&["x", "y"]);
            world.packet("net", NET, &respond(about, status, tag, ""))
        }
        8 => match seen.last() {
            Some(last) => world.input(Input::SendFailed(last.id)),
            None => Vec::new(),
        },
        _ => {
            let time = chance.of(&[10, 400, 3_000, 20_000, 190_000]);
            let sent = world.pass(Duration::from_millis(time));
            sent.into_iter().map(|(_, sent)| sent).collect()
        }
    }
}
