//! Overload control between neighbours: what we tell those who ask, and whom we spare because they asked. RFC 7339.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::shed::Weight;
use super::transactions::{Id, Work};
use super::{Engine, Now};
use crate::policy::{Overload, PeerId};
use crate::proxy::overload::{self, Asks, Sequence, Told};
use crate::sip::{Draft, Message, Name};
use crate::trust::{Hop, Origin};

/// What next hops asked for, and the order of our own words.
#[derive(Default)]
pub struct Feedback {
    heard: BTreeMap<SocketAddr, Heard>,
    /// Where our `oc-seq` is: the second, and how many words fell into it.
    said: (u64, u32),
}

#[derive(Clone, Copy)]
struct Heard {
    loss: u8,
    until: Duration,
    sequence: Sequence,
}

/// The largest fraction of a second in `oc-seq`.
const FRACTION_MAX: u32 = 99_999;

impl Feedback {
    /// Takes the word of one server, if it is newer than its last. Beyond `servers_max`, those whose time is over make room, or
    /// it is not heard.
    pub fn hear(&mut self, at: Duration, server: SocketAddr, told: Told, servers_max: usize) {
        if self
            .heard
            .get(&server)
            .is_some_and(|last| last.sequence >= told.sequence)
        {
            return;
        }
        if self.heard.len() >= servers_max && !self.heard.contains_key(&server) {
            self.heard.retain(|_, heard| heard.until > at);
            if self.heard.len() >= servers_max {
                return;
            }
        }
        let Told {
            loss,
            validity,
            sequence,
        } = told;
        let until = at + validity;
        self.heard.insert(server, Heard { loss, until, sequence });
    }

    /// Of a hundred requests that a server could be spared, how many it wants to be.
    pub fn loss(&self, at: Duration, server: &SocketAddr) -> u8 {
        let heard = self.heard.get(server).filter(|heard| heard.until > at);
        heard.map_or(0, |heard| heard.loss)
    }

    fn next_sequence(&mut self, unix: u64) -> Sequence {
        let (second, count) = self.said;
        self.said = match unix > second {
            true => (unix, 0),
            false => (second, (count + 1).min(FRACTION_MAX)),
        };
        Sequence::new(self.said.0, self.said.1)
    }
}

/// What we ask our neighbours to spare us: nothing while three quarters of the table suffice, everything when nothing new fits.
//= SEC-009
pub fn wanted_loss(live: usize, max: u32) -> u8 {
    let (from, to) = (u64::from(max / 16 * 12), u64::from(max - max / 16));
    let over = (live as u64).saturating_sub(from) * 100;
    let percent = over.checked_div(to.saturating_sub(from)).unwrap_or_default();
    percent.min(100) as u8
}

impl Engine {
    /// Who asks for our load is told, if it is a node of T.
    pub(super) fn note_asks(&mut self, id: Id, origin: &Origin, asks: Asks) {
        if asks == Asks::Load
            && origin.is_trusted()
            && let Some(server) = self.transactions.server(id)
        {
            server.asks = asks;
        }
    }

    /// Writes our load into a response for who asked, and takes out whatever somebody behind us wrote there.
    pub(super) fn tell_load(&mut self, now: Now, asks: Asks, draft: &mut Draft) {
        overload::take(draft);
        if asks == Asks::Load {
            let loss = wanted_loss(self.transactions.len(), self.policy.limits.transactions_max);
            overload::tell(
                draft,
                loss.max(self.pressure.of_members()),
                self.feedback.next_sequence(now.unix),
            );
        }
    }

    /// Takes the word of a next hop about its load: of a peer that was to be asked, in a response to what we sent it.
    pub(super) fn hear_load(&mut self, now: Now, origin: &Origin, response: &Message) {
        if self.controls(origin.peer())
            && let Some(told) = response.first(Name::Via).and_then(overload::told)
        {
            let servers_max = self.policy.limits.avoided_max as usize;
            self.feedback.hear(now.at, origin.flow().remote, told, servers_max);
        }
    }

    /// Whether a request is not sent because its next hop asked for fewer. What belongs to a dialog always is, and emergencies.
    //= SEC-009
    pub(super) fn spares(&mut self, now: Now, hop: &Hop, work: &Work) -> bool {
        if self.feedback.heard.is_empty() || !self.controls(hop.peer()) {
            return false;
        }
        let method = work.draft.method().unwrap_or(crate::sip::Method::Other);
        let weight = Weight::of(method, &work.draft, work.essentials.to_tag().is_some(), false, None);
        let loss = self.feedback.loss(now.at, &hop.destination().remote);
        let can_be_spared = loss > 0 && weight.opens() && weight != Weight::Emergency;
        let spared = can_be_spared && self.random.next_u32() % 100 < u32::from(loss);
        self.counters.spared += u64::from(spared);
        spared
    }

    fn controls(&self, peer: Option<PeerId>) -> bool {
        let peer = peer.and_then(|peer| self.policy.peers.get(usize::from(peer.0)));
        peer.is_some_and(|peer| peer.overload_control.value == Overload::Loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(loss: u8, milliseconds: u64, second: u64) -> Told {
        Told {
            loss,
            validity: Duration::from_millis(milliseconds),
            sequence: Sequence::new(second, 0),
        }
    }

    fn server(number: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], number))
    }

    #[test]
    fn the_newest_word_counts_as_long_as_it_says() {
        let (mut feedback, at) = (Feedback::default(), Duration::from_secs(10));
        let in_time = |milliseconds| at + Duration::from_millis(milliseconds);
        feedback.hear(at, server(1), told(20, 500, 7), 10);
        assert_eq!(feedback.loss(in_time(499), &server(1)), 20);
        assert_eq!(feedback.loss(in_time(500), &server(1)), 0);
        assert_eq!(feedback.loss(at, &server(2)), 0);
        for old in [6, 7] {
            feedback.hear(at, server(1), told(90, 500, old), 10);
            assert_eq!(feedback.loss(at, &server(1)), 20);
        }
        feedback.hear(at, server(1), told(90, 500, 8), 10);
        assert_eq!(feedback.loss(at, &server(1)), 90);
        feedback.hear(at, server(1), told(90, 0, 9), 10);
        assert_eq!(feedback.loss(at, &server(1)), 0, "it is over");
    }

    //= SEC-009 type=test
    #[test]
    fn servers_have_a_maximum() {
        let (mut feedback, at) = (Feedback::default(), Duration::from_secs(10));
        for number in 0..3 {
            feedback.hear(at, server(number), told(20, 500, 7), 2);
        }
        assert_eq!([0, 1, 2].map(|number| feedback.loss(at, &server(number))), [20, 20, 0]);
        let later = at + Duration::from_secs(1);
        feedback.hear(later, server(2), told(20, 500, 7), 2);
        assert_eq!(feedback.loss(later, &server(2)), 20);
        assert_eq!(feedback.heard.len(), 1);
    }

    #[test]
    fn our_words_are_in_order_whatever_the_clock_does() {
        let mut feedback = Feedback::default();
        let words: Vec<Sequence> = [7, 7, 6, 8, 8].map(|unix| feedback.next_sequence(unix)).to_vec();
        assert!(words.is_sorted() && words[0] < words[2] && words[2] < words[3]);
    }

    //= SEC-009 type=test
    #[test]
    fn we_ask_for_less_the_fuller_we_are() {
        let asked = [0, 120, 121, 135, 149, 150, 160, 170].map(|live| wanted_loss(live, 160));
        assert_eq!(asked, [0, 0, 3, 50, 96, 100, 100, 100]);
        assert_eq!(wanted_loss(5, 3), 100);
        assert_eq!(wanted_loss(0, 1), 0);
    }
}
