//! The INVITE client transaction: RFC 3261 section 17.1.1 with the Accepted state of RFC 6026 section 7.2.

use super::{Action, Actions, Reliability, ResponseClass, Timer, TimerSettings};

/// An INVITE this node sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InviteClient {
    state: State,
    reliability: Reliability,
    /// How often Timer A has fired.
    repeats: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The INVITE is out, nothing came back.
    Calling,
    /// A provisional response came; the proxy's Timer C watches over the rest.
    Proceeding,
    /// A failure came; it is acknowledged as often as it comes.
    Completed,
    /// A 2xx came; every further one is passed on.
    Accepted,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    Response(ResponseClass),
    Timer(Timer),
    /// The request or an ACK did not reach the peer.
    TransportError,
    /// The proxy waits no longer: its CANCEL brought no final response (RFC 3261 section 9.1).
    GivenUp,
}

impl InviteClient {
    /// A new transaction, and the first sending of its request.
    //= TXN-001
    pub fn start(reliability: Reliability, settings: &TimerSettings) -> (InviteClient, Actions) {
        let calling = InviteClient {
            state: State::Calling,
            reliability,
            repeats: 0,
        };
        let mut actions = Actions::of(Action::SendRequest);
        if reliability == Reliability::Unreliable {
            actions = actions.start(Timer::A, settings.first(Timer::A));
        }
        (calling, actions.start(Timer::B, settings.first(Timer::B)))
    }

    pub fn state(self) -> State {
        self.state
    }

    pub fn on(self, event: Event, settings: &TimerSettings) -> (InviteClient, Actions) {
        match self.state {
            State::Calling => self.calling(event, settings),
            State::Proceeding => self.proceeding(event, settings),
            State::Completed => self.completed(event),
            State::Accepted => self.accepted(event),
            State::Terminated => (self, Actions::NONE),
        }
    }

    /// RFC 3261 section 17.1.1.2.
    fn calling(self, event: Event, settings: &TimerSettings) -> (InviteClient, Actions) {
        match event {
            Event::Response(class) => self.answered(class, settings),
            Event::Timer(Timer::A) => {
                let repeats = self.repeats.saturating_add(1);
                let again = Actions::of(Action::SendRequest).start(Timer::A, settings.doubled(repeats));
                (InviteClient { repeats, ..self }, again)
            }
            Event::Timer(Timer::B) => self.end(Actions::of(Action::PassTimeout)),
            Event::TransportError => self.end(Actions::of(Action::PassTransportError)),
            Event::GivenUp => self.end(Actions::NONE),
            Event::Timer(_) => (self, Actions::NONE),
        }
    }

    /// Nothing is sent here, so a transport error can only be the late news of a sending that the answer has overtaken.
    fn proceeding(self, event: Event, settings: &TimerSettings) -> (InviteClient, Actions) {
        match event {
            Event::Response(class) => self.answered(class, settings),
            Event::GivenUp => self.end(Actions::NONE),
            Event::Timer(_) | Event::TransportError => (self, Actions::NONE),
        }
    }

    fn completed(self, event: Event) -> (InviteClient, Actions) {
        match event {
            Event::Response(ResponseClass::Failure) => (self, Actions::of(Action::SendAck)),
            Event::Timer(Timer::D) => self.end(Actions::NONE),
            Event::TransportError => self.end(Actions::of(Action::PassTransportError)),
            Event::Response(_) | Event::Timer(_) | Event::GivenUp => (self, Actions::NONE),
        }
    }

    /// RFC 6026 section 7.2.
    fn accepted(self, event: Event) -> (InviteClient, Actions) {
        match event {
            Event::Response(ResponseClass::Success) => (self, Actions::of(Action::PassResponse)),
            Event::Timer(Timer::M) => self.end(Actions::NONE),
            Event::Response(_) | Event::Timer(_) | Event::TransportError | Event::GivenUp => (self, Actions::NONE),
        }
    }

    /// A response where no final one came before.
    fn answered(self, class: ResponseClass, settings: &TimerSettings) -> (InviteClient, Actions) {
        let pass = Actions::of(Action::PassResponse);
        match class {
            ResponseClass::Provisional => (self.enter(State::Proceeding), pass),
            ResponseClass::Success => (
                self.enter(State::Accepted),
                pass.start(Timer::M, settings.first(Timer::M)),
            ),
            ResponseClass::Failure => {
                let acknowledge = pass.and(Action::SendAck);
                match self.reliability {
                    Reliability::Unreliable => (
                        self.enter(State::Completed),
                        acknowledge.start(Timer::D, settings.first(Timer::D)),
                    ),
                    // Timer D is zero: the state is left in the moment it is entered.
                    Reliability::Reliable => self.end(acknowledge),
                }
            }
        }
    }

    fn enter(self, state: State) -> InviteClient {
        InviteClient { state, ..self }
    }

    fn end(self, actions: Actions) -> (InviteClient, Actions) {
        (self.enter(State::Terminated), actions.and(Action::Terminated))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::{Action::*, Event::*, Reliability::*, ResponseClass::*, State::*, Timer::*, *};
    use crate::transaction::tests::{TIMERS, actions};

    pub const EVENTS: [Event; 5 + TIMERS.len()] = {
        let mut events = [GivenUp; 5 + TIMERS.len()];
        events[1] = TransportError;
        events[2] = Response(Provisional);
        events[3] = Response(Success);
        events[4] = Response(Failure);
        let mut i = 0;
        while i < TIMERS.len() {
            events[5 + i] = Event::Timer(TIMERS[i]);
            i += 1;
        }
        events
    };

    /// RFC 6026 figure 8 (RFC 3261 figure 5 with Accepted): every arrow, and nothing else.
    fn arrow(state: State, event: Event, reliability: Reliability) -> Option<(State, Actions)> {
        let udp = reliability == Unreliable;
        Some(match (state, event) {
            (Calling, Event::Timer(A)) => (Calling, actions(&[SendRequest], &[(A, 1_000)])),
            (Calling, Event::Timer(B)) => (State::Terminated, actions(&[PassTimeout, Action::Terminated], &[])),
            (Calling, TransportError) => (
                State::Terminated,
                actions(&[PassTransportError, Action::Terminated], &[]),
            ),
            (Calling | Proceeding, GivenUp) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Calling | Proceeding, Response(Provisional)) => (Proceeding, actions(&[PassResponse], &[])),
            (Calling | Proceeding, Response(Success)) => (Accepted, actions(&[PassResponse], &[(M, 32_000)])),
            (Calling | Proceeding, Response(Failure)) if udp => {
                (Completed, actions(&[SendAck, PassResponse], &[(D, 32_000)]))
            }
            (Calling | Proceeding, Response(Failure)) => (
                State::Terminated,
                actions(&[SendAck, PassResponse, Action::Terminated], &[]),
            ),
            (Completed, Response(Failure)) => (Completed, actions(&[SendAck], &[])),
            (Completed, Event::Timer(D)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            (Completed, TransportError) => (
                State::Terminated,
                actions(&[PassTransportError, Action::Terminated], &[]),
            ),
            (Accepted, Response(Success)) => (Accepted, actions(&[PassResponse], &[])),
            (Accepted, Event::Timer(M)) => (State::Terminated, actions(&[Action::Terminated], &[])),
            _ => return None,
        })
    }

    //= TXN-001 type=test
    #[test]
    fn every_state_and_event_is_an_arrow_of_the_figure_or_does_nothing() {
        for reliability in [Unreliable, Reliable] {
            for state in [Calling, Proceeding, Completed, Accepted, State::Terminated] {
                for event in EVENTS {
                    let before = InviteClient {
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

    //= TXN-001 type=test
    #[test]
    fn the_request_goes_out_at_once_and_a_runs_on_udp_only() {
        let settings = TimerSettings::default();
        let (udp, first) = InviteClient::start(Unreliable, &settings);
        assert_eq!(
            (udp.state(), first),
            (Calling, actions(&[SendRequest], &[(A, 500), (B, 32_000)]))
        );
        let (tcp, first) = InviteClient::start(Reliable, &settings);
        assert_eq!((tcp.state(), first), (Calling, actions(&[SendRequest], &[(B, 32_000)])));
    }

    #[test]
    fn a_doubles_without_a_ceiling() {
        let settings = TimerSettings::default();
        let mut client = InviteClient::start(Unreliable, &settings).0;
        for seconds in [1, 2, 4, 8, 16, 32, 64] {
            let (next, done) = client.on(Event::Timer(A), &settings);
            assert!(done.timers().eq([(A, Duration::from_secs(seconds))]));
            client = next;
        }
    }
}
