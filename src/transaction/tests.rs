//! What holds for all four machines: schedules in virtual time, and every state that any order of events can reach.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    fmt::Debug,
    hash::Hash,
    time::Duration,
};

use super::{client, invite_client, invite_server, server, *};

pub const TIMERS: [Timer; 13] = [
    Timer::A,
    Timer::B,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Trying100,
];

/// Actions and timers with their milliseconds, as a machine would ask for them.
pub fn actions(asked: &[Action], timers: &[(Timer, u64)]) -> Actions {
    let asked = asked.iter().fold(Actions::NONE, |actions, &action| actions.and(action));
    timers.iter().fold(asked, |actions, &(timer, milliseconds)| {
        actions.start(timer, Duration::from_millis(milliseconds))
    })
}

/// When, in milliseconds, an undisturbed machine asks for what, from its start until no timer is left.
fn schedule<M: Copy>(start: (M, Actions), on: impl Fn(M, Timer) -> (M, Actions)) -> Vec<(u128, Action)> {
    let (mut machine, mut done) = start;
    let mut now = Duration::ZERO;
    let mut running = BTreeSet::new();
    let mut seen = Vec::new();
    loop {
        seen.extend(done.iter().map(|action| (now.as_millis(), action)));
        running.extend(done.timers().map(|(timer, after)| (now + after, timer)));
        let Some((at, timer)) = running.pop_first() else {
            return seen;
        };
        now = at;
        (machine, done) = on(machine, timer);
    }
}

fn times(schedule: &[(u128, Action)], wanted: Action) -> Vec<u128> {
    schedule
        .iter()
        .filter(|(_, action)| *action == wanted)
        .map(|&(at, _)| at)
        .collect()
}

const NETWORK: &TimerSettings = &TimerSettings::NETWORK;

//= TXN-001 type=test
#[test]
fn an_unanswered_invite_is_sent_seven_times_in_32_seconds() {
    let seen = schedule(
        InviteClient::start(Reliability::Unreliable, NETWORK),
        |machine, timer| machine.on(invite_client::Event::Timer(timer), NETWORK),
    );
    assert_eq!(
        times(&seen, Action::SendRequest),
        [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]
    );
    assert_eq!(times(&seen, Action::PassTimeout), [32_000]);
    assert_eq!(times(&seen, Action::Terminated), [32_000]);
}

//= PCSCF-032 type=test
#[test]
fn an_unanswered_invite_to_a_ue_is_repeated_at_2_6_14_seconds_and_never_on_tcp() {
    let seen = |reliability| {
        let settings = &TimerSettings::UE;
        schedule(InviteClient::start(reliability, settings), |machine, timer| {
            machine.on(invite_client::Event::Timer(timer), settings)
        })
    };
    let udp = seen(Reliability::Unreliable);
    assert_eq!(
        times(&udp, Action::SendRequest),
        [0, 2_000, 6_000, 14_000, 30_000, 62_000, 126_000]
    );
    assert_eq!(times(&seen(Reliability::Reliable), Action::SendRequest), [0]);
}

//= TXN-003 type=test
#[test]
fn an_unanswered_request_is_sent_eleven_times_in_32_seconds() {
    let on = |machine: Client, timer| machine.on(client::Event::Timer(timer), NETWORK);
    let seen = schedule(Client::start(Reliability::Unreliable, NETWORK), on);
    let repeats = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(times(&seen, Action::SendRequest)[1..], repeats);
    assert_eq!(times(&seen, Action::PassTimeout), [32_000]);

    let seen = schedule(Client::start(Reliability::Reliable, NETWORK), on);
    assert_eq!(
        seen,
        [
            (0, Action::SendRequest),
            (32_000, Action::PassTimeout),
            (32_000, Action::Terminated)
        ]
    );
}

//= TXN-003 type=test
#[test]
fn a_provisional_response_lets_the_running_e_end_and_then_waits_t2() {
    let (trying, first) = Client::start(Reliability::Unreliable, NETWORK);
    let (proceeding, _) = trying.on(client::Event::Response(ResponseClass::Provisional), NETWORK);
    let seen = schedule((proceeding, first), |machine, timer| {
        machine.on(client::Event::Timer(timer), NETWORK)
    });
    let repeats = [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500];
    assert_eq!(times(&seen, Action::SendRequest)[1..], repeats);
    assert_eq!(times(&seen, Action::PassTimeout), [32_000]);
}

//= TXN-002 type=test
#[test]
fn an_unacknowledged_failure_is_repeated_until_h() {
    let seen = |reliability| {
        let proceeding = InviteServer::start(reliability).0;
        let refused = proceeding.on(invite_server::Event::Response(ResponseClass::Failure), NETWORK);
        schedule(refused, |machine, timer| {
            machine.on(invite_server::Event::Timer(timer), NETWORK)
        })
    };
    let udp = seen(Reliability::Unreliable);
    let repeats = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(times(&udp, Action::ResendResponse), repeats);
    assert_eq!(times(&udp, Action::PassTimeout), [32_000]);
    assert!(times(&seen(Reliability::Reliable), Action::ResendResponse).is_empty());
}

//= TXN-004 type=test
#[test]
fn a_slow_answer_has_one_100_at_3_5_seconds() {
    let seen = schedule(Server::start(Reliability::Unreliable, NETWORK), |machine, timer| {
        machine.on(server::Event::Timer(timer), NETWORK)
    });
    assert_eq!(seen, [(3_500, Action::SendTrying)]);
}

/// A machine in every reachable state together with the timers that run for it, a bit each.
///
/// Checks on each step: once terminated nothing follows; `Terminated` is asked for exactly when it becomes true; no
/// timer is started while it runs (which is why none has to be cancelled); unless the proxy owes the next event, a
/// running timer leads to the end.
fn explore<M: Copy + Eq + Hash + Debug, E: Copy + Debug>(
    starts: Vec<(M, Actions)>,
    events: &[(E, Option<Timer>)],
    on: impl Fn(M, E) -> (M, Actions),
    is_terminated: impl Fn(M) -> bool,
    proxy_owes: impl Fn(M) -> bool,
) -> usize {
    let bit = |timer: Timer| 1u16 << timer as u8;
    let begin = |running: u16, done: Actions| {
        done.timers().fold(running, |running, (timer, _)| {
            assert_eq!(running & bit(timer), 0, "{timer:?} runs twice");
            running | bit(timer)
        })
    };
    let mut seen = HashSet::new();
    let mut open: VecDeque<(M, u16)> = starts
        .into_iter()
        .map(|(machine, done)| (machine, begin(0, done)))
        .collect();
    while let Some((machine, running)) = open.pop_front() {
        if !seen.insert((machine, running)) {
            continue;
        }
        let mut can_end_by_time = false;
        for &(event, timer) in events {
            let left = match timer {
                Some(timer) if running & bit(timer) == 0 => continue,
                Some(timer) => running & !bit(timer),
                None => running,
            };
            let (next, done) = on(machine, event);
            if is_terminated(machine) {
                assert_eq!((next, done), (machine, Actions::NONE), "{event:?}");
            } else {
                assert_eq!(
                    is_terminated(next),
                    done.contains(Action::Terminated),
                    "{machine:?} {event:?}"
                );
            }
            can_end_by_time |= timer.is_some() && is_terminated(next);
            open.push_back((next, begin(left, done)));
        }
        assert!(
            can_end_by_time || is_terminated(machine) || proxy_owes(machine),
            "{machine:?} may stay for ever"
        );
    }
    seen.len()
}

fn with_timer<E: Copy>(events: &[E], timer: impl Fn(E) -> Option<Timer>) -> Vec<(E, Option<Timer>)> {
    events.iter().map(|&event| (event, timer(event))).collect()
}

const BOTH: [Reliability; 2] = [Reliability::Unreliable, Reliability::Reliable];

//= TXN-001 type=test
#[test]
fn no_order_of_events_leads_an_invite_client_astray() {
    use invite_client::{Event, State, tests::EVENTS};
    let events = with_timer(&EVENTS, |event| {
        if let Event::Timer(timer) = event {
            Some(timer)
        } else {
            None
        }
    });
    let starts = BOTH.map(|reliability| InviteClient::start(reliability, NETWORK));
    let states = explore(
        starts.to_vec(),
        &events,
        |machine, event| machine.on(event, NETWORK),
        |machine| machine.state() == State::Terminated,
        |machine| machine.state() == State::Proceeding,
    );
    assert!(states > 10);
}

//= TXN-002 type=test
#[test]
fn no_order_of_events_leads_an_invite_server_astray() {
    use invite_server::{Event, State, tests::EVENTS};
    let events = with_timer(&EVENTS, |event| {
        if let Event::Timer(timer) = event {
            Some(timer)
        } else {
            None
        }
    });
    let states = explore(
        BOTH.map(InviteServer::start).to_vec(),
        &events,
        |machine, event| machine.on(event, NETWORK),
        |machine| machine.state() == State::Terminated,
        |machine| machine.state() == State::Proceeding,
    );
    assert!(states > 10);
}

//= TXN-003 type=test
#[test]
fn no_order_of_events_leads_a_client_astray() {
    use client::{Event, State, tests::EVENTS};
    let events = with_timer(&EVENTS, |event| {
        if let Event::Timer(timer) = event {
            Some(timer)
        } else {
            None
        }
    });
    let starts = BOTH.map(|reliability| Client::start(reliability, NETWORK));
    let states = explore(
        starts.to_vec(),
        &events,
        |machine, event| machine.on(event, NETWORK),
        |machine| machine.state() == State::Terminated,
        |_| false,
    );
    assert!(states > 10);
}

//= TXN-004 type=test
#[test]
fn no_order_of_events_leads_a_server_astray() {
    use server::{Event, State, tests::EVENTS};
    let events = with_timer(&EVENTS, |event| {
        if let Event::Timer(timer) = event {
            Some(timer)
        } else {
            None
        }
    });
    let starts = BOTH.map(|reliability| Server::start(reliability, NETWORK));
    let states = explore(
        starts.to_vec(),
        &events,
        |machine, event| machine.on(event, NETWORK),
        |machine| machine.state() == State::Terminated,
        |machine| matches!(machine.state(), State::Trying | State::Proceeding),
    );
    assert!(states >= 10);
}

#[test]
fn a_machine_is_three_bytes_at_most() {
    assert!(size_of::<InviteClient>() <= 3 && size_of::<InviteServer>() <= 3);
    assert!(size_of::<Client>() <= 3 && size_of::<Server>() <= 2);
}

#[test]
fn actions_come_in_the_order_of_their_variants() {
    let all = actions(
        &[
            Action::Terminated,
            Action::SendAck,
            Action::PassResponse,
            Action::SendRequest,
        ],
        &[],
    );
    let order = [
        Action::SendRequest,
        Action::SendAck,
        Action::PassResponse,
        Action::Terminated,
    ];
    assert!(all.iter().eq(order));
    assert!(Actions::IN_ORDER.is_sorted());
}

#[test]
fn a_status_has_a_class_between_100_and_699() {
    assert_eq!(ResponseClass::from_status(99), None);
    assert_eq!(ResponseClass::from_status(199), Some(ResponseClass::Provisional));
    assert_eq!(ResponseClass::from_status(202), Some(ResponseClass::Success));
    assert_eq!(ResponseClass::from_status(300), Some(ResponseClass::Failure));
    assert_eq!(ResponseClass::from_status(699), Some(ResponseClass::Failure));
    assert_eq!(ResponseClass::from_status(700), None);
}
