//! Requests that this node makes itself: cleared like any other, each with a transaction of its own, and nobody to pass the
//! answer to.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::transactions::{ClientMachine, ClientTransaction, Id};
use super::{Engine, Now, TIMERS};
use crate::privacy::call_id::CallId;
use crate::privacy::gate::{Gate, Request};
use crate::privacy::{Notes, Wanted};
use crate::sip::{Draft, Message};
use crate::transaction::{Client, ClientBranch, Reliability};
use crate::trust::{Hop, Origin, Own};

/// Slots that stand for no server transaction; the generation tells which subscription, or which list, it is about.
const SUBSCRIPTIONS: u32 = u32::MAX;
const LISTS: u32 = u32::MAX - 1;

/// What a request of ours is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// What becomes of a registration.
    Subscription(u32),
    /// Peers that share a content.
    List(u32),
}

impl About {
    /// `None`: somebody sent us that request.
    pub fn of(id: Id) -> Option<About> {
        match id.slot {
            SUBSCRIPTIONS => Some(About::Subscription(id.generation)),
            LISTS => Some(About::List(id.generation)),
            _ => None,
        }
    }

    fn id(self) -> Id {
        let (slot, generation) = match self {
            About::Subscription(number) => (SUBSCRIPTIONS, number),
            About::List(number) => (LISTS, number),
        };
        Id { slot, generation }
    }
}

impl Engine {
    /// Sends a request of ours, but for its Via. `false`: it is not cleared for this hop.
    pub(super) fn originate(&mut self, now: Now, about: About, draft: Draft, hop: Hop, own: &Own) -> bool {
        let branch = ClientBranch {
            slot: self.transactions.next_client_slot(),
            nonce: self.random.next_u64(),
            loop_part: self.random.next_u64(),
        };
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let request = Request {
            draft,
            hop,
            own,
            wanted: &Wanted::nothing(),
            branch: &branch.text(),
            dialog: None,
            call_id: CallId::Settled,
            nonce,
        };
        let policy = Arc::clone(&self.policy);
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        let Ok((outgoing, _)) = gate.request(request, &mut Notes::off()) else {
            return false;
        };
        let (machine, actions) = Client::start(Reliability::from(hop.destination().transport), &TIMERS);
        let client = self.transactions.add_client(|client| ClientTransaction {
            generation: client.generation,
            nonce: branch.nonce,
            machine: ClientMachine::Other(machine),
            server: about.id(),
            line: 0,
            kept: None,
            reverse_name: hop.reverse_name().map(Box::new),
            request: Some(outgoing),
            ack: None,
            cancel: None,
            cancel_wanted: false,
            cancel_reason: None,
            timer_c: Duration::ZERO,
        });
        self.carry_out_client(now, client, actions);
        true
    }

    /// What came back for a request of ours.
    pub(super) fn answered_to_us(&mut self, now: Now, about: About, origin: &Origin, answer: &Message) {
        match about {
            About::Subscription(number) => self.subscribed(now, number, origin, answer),
            About::List(number) => self.notified(number, answer.status()),
        }
    }

    /// Nothing came back, or it could not be sent.
    pub(super) fn not_answered_to_us(&mut self, now: Now, about: About) {
        match about {
            About::Subscription(number) => self.asked_in_vain(now, number),
            About::List(number) => self.notified(number, 408),
        }
    }
}
