//! The server transaction of every method but INVITE and ACK: RFC 3261 section 17.2.2 with RFC 4320 section 4.1.

use super::{Action, Actions, Reliability, ResponseClass, Timer, TimerSettings};

/// A request, not an INVITE, this node received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Server {
    state: State,
    reliability: Reliability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was sent; the request, when it comes again, is absorbed.
    Trying,
    /// 100 was sent; the proxy owes a final response, or gives up.
    Proceeding,
    /// A final response was sent; it is sent again for each request that comes again.
    Completed,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The request came again.
    Request,
    /// The proxy has a response to send.
    Response(ResponseClass),
    /// The proxy will send no response: what it forwarded ran into a timeout.
    GivenUp,
    Timer(Timer),
    /// A response did not reach the peer.
    TransportError,
}

impl Server {
    /// A new transaction. Its 100 waits for the moment at which the peer would not repeat the request sooner anyway.
    //= TXN-004
    pub fn start(reliability: Reliability, settings: &TimerSettings) -> (Server, Actions) {
        let trying = Server {
            state: State::Trying,
            reliability,
        };
        (
            trying,
            Actions::NONE.start(Timer::Trying100, settings.first(Timer::Trying100)),
        )
    }

    pub fn state(self) -> State {
        self.state
    }

    pub fn on(self, event: Event, settings: &TimerSettings) -> (Server, Actions) {
        match self.state {
            State::Trying | State::Proceeding => self.waiting(event, settings),
            State::Completed => self.completed(event),
            State::Terminated => (self, Actions::NONE),
        }
    }

    fn waiting(self, event: Event, settings: &TimerSettings) -> (Server, Actions) {
        match event {
            Event::Request if self.state == State::Proceeding => (self, Actions::of(Action::ResendResponse)),
            Event::Timer(Timer::Trying100) if self.state == State::Trying => {
                (self.enter(State::Proceeding), Actions::of(Action::SendTrying))
            }
            Event::Response(ResponseClass::Success | ResponseClass::Failure) => self.answered(settings),
            //= TXN-008
            Event::GivenUp => self.end(Actions::NONE),
            Event::TransportError => self.not_delivered(),
            // A provisional response to a request that is not an INVITE goes nowhere (RFC 4320 section 4.1).
            Event::Request | Event::Response(ResponseClass::Provisional) | Event::Timer(_) => (self, Actions::NONE),
        }
    }

    fn answered(self, settings: &TimerSettings) -> (Server, Actions) {
        let send = Actions::of(Action::SendResponse);
        match self.reliability {
            Reliability::Unreliable => (
                self.enter(State::Completed),
                send.start(Timer::J, settings.first(Timer::J)),
            ),
            // Timer J is zero: the state is left in the moment it is entered.
            Reliability::Reliable => self.end(send),
        }
    }

    fn completed(self, event: Event) -> (Server, Actions) {
        match event {
            Event::Request => (self, Actions::of(Action::ResendResponse)),
            Event::Timer(Timer::J) => self.end(Actions::NONE),
            Event::TransportError => self.not_delivered(),
            Event::Response(_) | Event::GivenUp | Event::Timer(_) => (self, Actions::NONE),
        }
    }

    /// The transaction lives on (RFC 6026): the peer may ask again and get its answer then.
    //= PROXY-032
    fn not_delivered(self) -> (Server, Actions) {
        (self, Actions::of(Action::PassTransportError))
    }

    fn enter(self, state: State) -> Server {
        Server { state, ..self }
    }

    fn end(self, actions: Actions) -> (Server, Actions) {
        (self.enter(State::Terminated), actions.and(Action::Terminated))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Action::*, Event::*, Reliability::*, ResponseClass::*, State::*, Timer::*, *};
    use crate::transaction::tests::{TIMERS, actions};

    pub const EVENTS: [Event; 6 + TIMERS.len()] = {
        let mut events = [Request; 6 + TIMERS.len()];
        events[1] = GivenUp;
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

    /// RFC 3261 figure 8 as RFC 4320 and RFC 6026 leave it: every arrow, and nothing else.
    fn arrow(state: State, event: Event, reliability: Reliability) -> Option<(State, Actions)> {
        let udp = reliability == Unreliable;
        Some(match (state, event) {
            (Trying, Event::Timer(Trying100)) => (Proceeding, actions(&[SendTrying], &[])),
            (Proceeding, Request) => (Proceeding, actions(&[ResendResponse], &[])),
            (Trying | Proceeding, Response(Success | Failure)) if udp => {
                (Completed, actions(&[SendResponse], &[(J, 32_000)]))
            }
            (Trying | Proceeding, Response(Success | Failure)) => {
                (State::Terminated, actions(&[SendResponse, Action::Terminated], &[]))
            }
            (Trying | Proceeding, GivenUp) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Completed, Request) => (Completed, actions(&[ResendResponse], &[])),
            (Completed, Event::Timer(J)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Trying | Proceeding | Completed, TransportError) => (state, actions(&[PassTransportError], &[])),
            _ => return None,
        })
    }

    //= TXN-004 type=test
    //= TXN-008 type=test
    //= PROXY-032 type=test
    #[test]
    fn every_state_and_event_is_an_arrow_of_the_figure_or_does_nothing() {
        for reliability in [Unreliable, Reliable] {
            for state in [Trying, Proceeding, Completed, State::Terminated] {
                for event in EVENTS {
                    let before = Server { state, reliability };
                    let (after, done) = before.on(event, &TimerSettings::default());
                    let expected = arrow(state, event, reliability).unwrap_or((state, Actions::NONE));
                    assert_eq!((after.state, done), expected, "{state:?} {event:?} {reliability:?}");
                }
            }
        }
    }

    //= TXN-004 type=test
    #[test]
    fn nothing_goes_out_before_a_100_is_due() {
        for reliability in [Unreliable, Reliable] {
            let (server, done) = Server::start(reliability, &TimerSettings::default());
            assert_eq!((server.state(), done), (Trying, actions(&[], &[(Trying100, 3_500)])));
        }
    }
}
