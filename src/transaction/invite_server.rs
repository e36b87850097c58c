//! The INVITE server transaction: RFC 3261 section 17.2.1 with the Accepted state of RFC 6026 section 7.1.

use super::{Action, Actions, Reliability, ResponseClass, Timer, TimerSettings};

/// An INVITE this node received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InviteServer {
    state: State,
    reliability: Reliability,
    /// How often Timer G has fired.
    repeats: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// 100 went out at once; the proxy owes a final response.
    Proceeding,
    /// A failure went out, and goes out again until it is acknowledged.
    Completed,
    /// The failure was acknowledged.
    Confirmed,
    /// A 2xx went out. Whoever made it repeats it, not this transaction.
    Accepted,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The INVITE came again.
    Invite,
    /// An ACK of this INVITE came.
    Ack,
    /// The proxy has a response to send.
    Response(ResponseClass),
    Timer(Timer),
    /// A response did not reach the peer.
    TransportError,
}

impl InviteServer {
    /// A new transaction; its 100 goes out at once.
    //= TXN-002
    pub fn start(reliability: Reliability) -> (InviteServer, Actions) {
        let proceeding = InviteServer {
            state: State::Proceeding,
            reliability,
            repeats: 0,
        };
        (proceeding, Actions::of(Action::SendTrying))
    }

    pub fn state(self) -> State {
        self.state
    }

    pub fn on(self, event: Event, settings: &TimerSettings) -> (InviteServer, Actions) {
        match self.state {
            State::Proceeding => self.proceeding(event, settings),
            State::Completed => self.completed(event, settings),
            State::Confirmed => self.confirmed(event),
            State::Accepted => self.accepted(event),
            State::Terminated => (self, Actions::NONE),
        }
    }

    fn proceeding(self, event: Event, settings: &TimerSettings) -> (InviteServer, Actions) {
        let send = Actions::of(Action::SendResponse);
        match event {
            Event::Invite => (self, Actions::of(Action::ResendResponse)),
            Event::Response(ResponseClass::Provisional) => (self, send),
            Event::Response(ResponseClass::Success) => (
                self.enter(State::Accepted),
                send.start(Timer::L, settings.first(Timer::L)),
            ),
            Event::Response(ResponseClass::Failure) => {
                let mut send = send;
                if self.reliability == Reliability::Unreliable {
                    send = send.start(Timer::G, settings.first(Timer::G));
                }
                (
                    self.enter(State::Completed),
                    send.start(Timer::H, settings.first(Timer::H)),
                )
            }
            Event::TransportError => self.not_delivered(),
            Event::Ack | Event::Timer(_) => (self, Actions::NONE),
        }
    }

    fn completed(self, event: Event, settings: &TimerSettings) -> (InviteServer, Actions) {
        match event {
            Event::Invite => (self, Actions::of(Action::ResendResponse)),
            Event::Ack => match self.reliability {
                Reliability::Unreliable => (
                    self.enter(State::Confirmed),
                    Actions::NONE.start(Timer::I, settings.first(Timer::I)),
                ),
                // Timer I is zero: the state is left in the moment it is entered.
                Reliability::Reliable => self.end(Actions::NONE),
            },
            Event::Timer(Timer::G) => {
                let repeats = self.repeats.saturating_add(1);
                let again = Actions::of(Action::ResendResponse).start(Timer::G, settings.doubled_to_t2(repeats));
                (InviteServer { repeats, ..self }, again)
            }
            Event::Timer(Timer::H) => self.end(Actions::of(Action::PassTimeout)),
            Event::TransportError => self.not_delivered(),
            Event::Response(_) | Event::Timer(_) => (self, Actions::NONE),
        }
    }

    fn confirmed(self, event: Event) -> (InviteServer, Actions) {
        match event {
            Event::Timer(Timer::I) => self.end(Actions::NONE),
            _ => (self, Actions::NONE),
        }
    }

    fn accepted(self, event: Event) -> (InviteServer, Actions) {
        match event {
            Event::Ack => (self, Actions::of(Action::PassAck)),
            Event::Response(ResponseClass::Success) => (self, Actions::of(Action::SendResponse)),
            Event::Timer(Timer::L) => self.end(Actions::NONE),
            Event::TransportError => self.not_delivered(),
            Event::Invite | Event::Response(_) | Event::Timer(_) => (self, Actions::NONE),
        }
    }

    /// The transaction lives on (RFC 6026): the peer may ask again and get its answer then.
    //= PROXY-032
    fn not_delivered(self) -> (InviteServer, Actions) {
        (self, Actions::of(Action::PassTransportError))
    }

    fn enter(self, state: State) -> InviteServer {
        InviteServer { state, ..self }
    }

    fn end(self, actions: Actions) -> (InviteServer, Actions) {
        (self.enter(State::Terminated), actions.and(Action::Terminated))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Action::*, Event::*, Reliability::*, ResponseClass::*, State::*, Timer::*, *};
    use crate::transaction::tests::{TIMERS, actions};

    pub const EVENTS: [Event; 6 + TIMERS.len()] = {
        let mut events = [Invite; 6 + TIMERS.len()];
        events[1] = Ack;
        events[2] = TransportError;
        events[3] = Response(Provisional);
        events[4] = Response(Success);
        events[5] = Response(Failure);
        let mut i = 0;
        while i < TIMERS.len() {
            events[6 + i] = Event::Timer(TIMERS[i]);
            i += 1;
        }
        events
    };

    /// RFC 6026 figure 7 (RFC 3261 figure 7 with Accepted): every arrow, and nothing else.
    fn arrow(state: State, event: Event, reliability: Reliability) -> Option<(State, Actions)> {
        let udp = reliability == Unreliable;
        Some(match (state, event) {
            (Proceeding, Invite) => (Proceeding, actions(&[ResendResponse], &[])),
            (Proceeding, Response(Provisional)) => (Proceeding, actions(&[SendResponse], &[])),
            (Proceeding, Response(Success)) => (Accepted, actions(&[SendResponse], &[(L, 32_000)])),
            (Proceeding, Response(Failure)) if udp => (Completed, actions(&[SendResponse], &[(G, 500), (H, 32_000)])),
            (Proceeding, Response(Failure)) => (Completed, actions(&[SendResponse], &[(H, 32_000)])),
            (Completed, Invite) => (Completed, actions(&[ResendResponse], &[])),
            (Completed, Event::Timer(G)) => (Completed, actions(&[ResendResponse], &[(G, 1_000)])),
            (Completed, Event::Timer(H)) => (State::Terminated, actions(&[PassTimeout, Action::Terminated], &[])),
            (Completed, Ack) if udp => (Confirmed, actions(&[], &[(I, 5_000)])),
            (Completed, Ack) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Confirmed, Event::Timer(I)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Accepted, Ack) => (Accepted, actions(&[PassAck], &[])),
            (Accepted, Response(Success)) => (Accepted, actions(&[SendResponse], &[])),
            (Accepted, Event::Timer(L)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Proceeding | Completed | Accepted, TransportError) => (state, actions(&[PassTransportError], &[])),
            _ => return None,
        })
    }

    //= TXN-002 type=test
    //= PROXY-032 type=test
    #[test]
    fn every_state_and_event_is_an_arrow_of_the_figure_or_does_nothing() {
        for reliability in [Unreliable, Reliable] {
            for state in [Proceeding, Completed, Confirmed, Accepted, State::Terminated] {
                for event in EVENTS {
                    let before = InviteServer {
                        state,
                        reliability,
                        repeats: 0,
                    };
                    let (after, done) = before.on(event, &TimerSettings::default());
                    let expected = arrow(state, event, reliability).unwrap_or((state, Actions::NONE));
                    assert_eq!((after.state, done), expected, "{state:?} {event:?} {reliability:?}");
                }
            }
        }
    }

    //= TXN-002 type=test
    #[test]
    fn a_100_goes_out_at_once() {
        for reliability in [Unreliable, Reliable] {
            let (server, done) = InviteServer::start(reliability);
            assert_eq!((server.state(), done), (Proceeding, actions(&[SendTrying], &[])));
        }
    }
}
