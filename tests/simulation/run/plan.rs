//! What is to happen in a run: crashes, reloads, registrations, calls.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::phone::Story;
use super::{Happening, Run};

/// The phone that registers, and how often.
const UE: usize = 3;
const UE_EVERY: Duration = Duration::from_secs(15);
/// By then it is registered.
const BEGINS: Duration = Duration::from_secs(3);

impl Run {
    pub(super) fn plan(&mut self) {
        for node in 0..self.nodes.len() {
            self.nodes[node].start(self.now, &mut self.dice);
        }
        for crash in self.weather.crashes.clone() {
            self.enter(crash.at - self.now, Happening::Crash(crash.node));
            self.enter(crash.back - self.now, Happening::Restart(crash.node));
        }
        for (node, at) in self.weather.reloads.clone() {
            self.enter(at - self.now, Happening::Reload(node));
        }
        for turn in 0..6 {
            let story = Story {
                method: "REGISTER",
                target: "sip:home1.example".to_owned(),
                proxy: address("10.30.0.1:5060"),
                cancel_after: None,
            };
            self.enter(UE_EVERY * turn, Happening::Begin { phone: UE, story });
        }
        for _ in 0..3 + self.dice.below(8) {
            let phone = self.dice.below(self.phones.len());
            let story = self.story(phone);
            let at = BEGINS + Duration::from_millis(self.dice.below(60_000) as u64);
            self.enter(at, Happening::Begin { phone, story });
        }
    }

    fn story(&mut self, phone: usize) -> Story {
        let edge = *self.dice.pick(&["192.0.2.1:5060", "192.0.2.3:5060"]);
        let (domains, proxy): (&[&str], _) = match self.phones[phone].name {
            "core" => (&["net.example", "ue.example"], "10.20.0.2:5060"),
            "net" => (&["home1.example", "ue.example"], edge),
            "net2" => (&["home1.example", "ue.example", "net.example"], edge),
            _ => (&["home1.example", "net.example"], "10.30.0.1:5060"),
        };
        let method = *self.dice.pick(&[
            "INVITE",
            "INVITE",
            "INVITE",
            "INVITE",
            "MESSAGE",
            "OPTIONS",
            "SUBSCRIBE",
        ]);
        let cancels = method == "INVITE" && self.dice.one_in(4);
        let cancel_after = Duration::from_millis(self.dice.below(8_000) as u64);
        Story {
            method,
            target: format!("sip:someone@{}", self.dice.pick(domains)),
            proxy: address(proxy),
            cancel_after: cancels.then_some(cancel_after),
        }
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}
