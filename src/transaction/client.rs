//! The client transaction of every method but INVITE and ACK: RFC 3261 section 17.1.2.

use super::{Action, Actions, Reliability, ResponseClass, Timer, TimerSettings};

/// A request, not an INVITE, this node sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    state: State,
    reliability: Reliability,
    /// How often Timer E has fired.
    repeats: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The request is out, nothing came back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came; further ones are absorbed.
    Completed,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    Response(ResponseClass),
    Timer(Timer),
    /// The request did not reach the peer.
    TransportError,
}

impl Client {
    /// A new transaction, and the first sending of its request.
    //= TXN-003
    pub fn start(reliability: Reliability, settings: &TimerSettings) -> (Client, Actions) {
        let trying = Client {
            state: State::Trying,
            reliability,
            repeats: 0,
        };
        let mut actions = Actions::of(Action::SendRequest);
        if reliability == Reliability::Unreliable {
            actions = actions.start(Timer::E, settings.first(Timer::E));
        }
        (trying, actions.start(Timer::F, settings.first(Timer::F)))
    }

    pub fn state(self) -> State {
        self.state
    }

    pub fn on(self, event: Event, settings: &TimerSettings) -> (Client, Actions) {
        match self.state {
            State::Trying | State::Proceeding => self.waiting(event, settings),
            State::Completed => self.completed(event),
            State::Terminated => (self, Actions::NONE),
        }
    }

    /// Trying and Proceeding differ in one thing: how long Timer E runs next.
    fn waiting(self, event: Event, settings: &TimerSettings) -> (Client, Actions) {
        match event {
            Event::Response(ResponseClass::Provisional) => {
                (self.enter(State::Proceeding), Actions::of(Action::PassResponse))
            }
            Event::Response(ResponseClass::Success | ResponseClass::Failure) => self.answered(settings),
            Event::Timer(Timer::E) => {
                let repeats = self.repeats.saturating_add(1);
                let pause = match self.state {
                    State::Proceeding => settings.t2,
                    _ => settings.doubled_to_t2(repeats),
                };
                (
                    Client { repeats, ..self },
                    Actions::of(Action::SendRequest).start(Timer::E, pause),
                )
            }
            Event::Timer(Timer::F) => self.end(Actions::of(Action::PassTimeout)),
            Event::TransportError => self.end(Actions::of(Action::PassTransportError)),
            Event::Timer(_) => (self, Actions::NONE),
        }
    }

    fn answered(self, settings: &TimerSettings) -> (Client, Actions) {
        let pass = Actions::of(Action::PassResponse);
        match self.reliability {
            Reliability::Unreliable => (
                self.enter(State::Completed),
                pass.start(Timer::K, settings.first(Timer::K)),
            ),
            // Timer K is zero: the state is left in the moment it is entered.
            Reliability::Reliable => self.end(pass),
        }
    }

    fn completed(self, event: Event) -> (Client, Actions) {
        match event {
            Event::Timer(Timer::K) => self.end(Actions::NONE),
            _ => (self, Actions::NONE),
        }
    }

    fn enter(self, state: State) -> Client {
        Client { state, ..self }
    }

    fn end(self, actions: Actions) -> (Client, Actions) {
        (self.enter(State::Terminated), actions.and(Action::Terminated))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Action::*, Event::*, Reliability::*, ResponseClass::*, State::*, Timer::*, *};
    use crate::transaction::tests::{TIMERS, actions};

    pub const EVENTS: [Event; 4 + TIMERS.len()] = {
        let mut events = [TransportError; 4 + TIMERS.len()];
        events[1] = Response(Provisional);
        events[2] = Response(Success);
        events[3] = Response(Failure);
        let mut i = 0;
        while i < TIMERS.len() {
            events[4 + i] = Event::Timer(TIMERS[i]);
            i += 1;
        }
        events
    };

    /// RFC 3261 figure 6: every arrow, and nothing else.
    fn arrow(state: State, event: Event, reliability: Reliability) -> Option<(State, Actions)> {
        let udp = reliability == Unreliable;
        Some(match (state, event) {
            (Trying, Event::Timer(E)) => (Trying, actions(&[SendRequest], &[(E, 1_000)])),
            (Proceeding, Event::Timer(E)) => (Proceeding, actions(&[SendRequest], &[(E, 4_000)])),
            (Trying | Proceeding, Response(Provisional)) => (Proceeding, actions(&[PassResponse], &[])),
            (Trying | Proceeding, Response(Success | Failure)) if udp => {
                (Completed, actions(&[PassResponse], &[(K, 5_000)]))
            }
            (Trying | Proceeding, Response(Success | Failure)) => {
                (State::Terminated, actions(&[PassResponse, Action::Terminated], &[]))
            }
            (Trying | Proceeding, Event::Timer(F)) => {
                (State::Terminated, actions(&[PassTimeout, Action::Terminated], &[]))
            }
            (Trying | Proceeding, TransportError) => (
                State::Terminated,
                actions(&[PassTransportError, Action::Terminated], &[]),
            ),
            (Completed, Event::Timer(K)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            _ => return None,
        })
    }

    //= TXN-003 type=test
    #[test]
    fn every_state_and_event_is_an_arrow_of_the_figure_or_does_nothing() {
        for reliability in [Unreliable, Reliable] {
            for state in [Trying, Proceeding, Completed, State::Terminated] {
                for event in EVENTS {
                    let before = Client {
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

    //= TXN-003 type=test
    #[test]
    fn the_request_goes_out_at_once_and_e_runs_on_udp_only() {
        let settings = TimerSettings::default();
        let (udp, first) = Client::start(Unreliable, &settings);
        assert_eq!(
            (udp.state(), first),
            (Trying, actions(&[SendRequest], &[(E, 500), (F, 32_000)]))
        );
        let (tcp, first) = Client::start(Reliable, &settings);
        assert_eq!((tcp.state(), first), (Trying, actions(&[SendRequest], &[(F, 32_000)])));
    }
}
