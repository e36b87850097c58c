//! The wheel against a sorted map, and at each of its borders.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn drain(deadlines: &mut Deadlines<u32>, now: Duration) -> Vec<u32> {
    std::iter::from_fn(|| deadlines.pop_due(now)).collect()
}

#[test]
fn an_entry_comes_when_due_and_not_before() {
    let mut deadlines = Deadlines::new();
    deadlines.insert(milliseconds(505), 1);
    deadlines.insert(milliseconds(500), 2);
    deadlines.insert(milliseconds(32_000), 3);
    assert_eq!(deadlines.next(), Some(milliseconds(500)));
    assert!(drain(&mut deadlines, milliseconds(499)).is_empty());
    assert_eq!(drain(&mut deadlines, milliseconds(509)), [2]);
    assert_eq!(deadlines.next(), Some(milliseconds(510)));
    assert_eq!(drain(&mut deadlines, milliseconds(40_000)), [1, 3]);
    assert_eq!((deadlines.next(), deadlines.len()), (None, 0));
}

#[test]
fn the_past_is_due_at_once() {
    let mut deadlines = Deadlines::new();
    assert_eq!(deadlines.pop_due(milliseconds(50_000)), None);
    deadlines.insert(milliseconds(7), 1);
    deadlines.insert(Duration::ZERO, 2);
    assert!(deadlines.next() <= Some(milliseconds(50_000)));
    assert_eq!(drain(&mut deadlines, milliseconds(50_000)), [1, 2]);
}

#[test]
fn each_border_of_the_wheels_is_kept() {
    let turn = 4096u64;
    let ticks = [
        0,
        1,
        turn - 1,
        turn,
        turn + 1,
        2 * turn - 1,
        turn * turn - 1,
        turn * turn,
        turn * turn + 1,
    ];
    for start in [0, 1, turn - 1, 5 * turn + 17, turn * turn - 1] {
        let mut deadlines = Deadlines::new();
        assert_eq!(deadlines.pop_due(time_of(start)), None);
        for id in (0..ticks.len()).rev() {
            deadlines.insert(time_of(start + ticks[id]), id);
        }
        for (id, tick) in ticks.into_iter().enumerate() {
            assert_eq!(deadlines.next(), Some(time_of(start + tick)), "{start} {tick}");
            if tick > 0 {
                assert_eq!(deadlines.pop_due(time_of(start + tick - 1)), None, "{start} {tick}");
            }
            assert_eq!(deadlines.pop_due(time_of(start + tick)), Some(id), "{start} {tick}");
        }
    }
}

#[test]
fn the_end_of_time_breaks_nothing() {
    let mut deadlines = Deadlines::new();
    deadlines.insert(Duration::MAX, 1);
    deadlines.insert(milliseconds(10), 2);
    deadlines.insert(Duration::from_secs(u64::MAX / 100), 3);
    assert_eq!(drain(&mut deadlines, Duration::from_secs(100_000_000_000)), [2]);
    deadlines.insert(Duration::ZERO, 4);
    assert_eq!(drain(&mut deadlines, Duration::from_secs(100_000_000_000)), [4]);
    assert_eq!(drain(&mut deadlines, Duration::MAX), [3, 1]);
    deadlines.insert(Duration::MAX, 5);
    assert_eq!(drain(&mut deadlines, Duration::MAX), [5]);
    assert!(drain(&mut deadlines, Duration::ZERO).is_empty());
}

#[test]
fn a_warm_wheel_takes_no_new_memory() {
    let mut deadlines = Deadlines::new();
    let mut turn_over = |from: u64| {
        for id in 0..200_000u32 {
            let now = milliseconds(from + u64::from(id) / 5);
            deadlines.insert(now + milliseconds(32_000), id);
            while deadlines.pop_due(now).is_some() {}
        }
        let left = drain(&mut deadlines, milliseconds(from + 80_000));
        assert!(left.len() >= 160_000 && deadlines.is_empty());
        deadlines.pool.capacity()
    };
    let cold = turn_over(3);
    assert!(cold <= 160_000 + 2 * usize::from(pool::CHUNK) * SLOTS);
    assert_eq!(turn_over(100_007), cold);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Due so long after (or before) now.
    Insert {
        later: bool,
        by: Duration,
    },
    Pop,
    /// Time passes and all that is due is taken.
    Advance(Duration),
}

fn distance() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0u64..100_000_000).prop_map(Duration::from_nanos),
        4 => (0u64..45_000).prop_map(milliseconds),
        3 => (0u64..300_000).prop_map(milliseconds),
        1 => (0u64..200_000).prop_map(Duration::from_secs),
        1 => (0u64..1_000_000_000_000).prop_map(Duration::from_secs),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::bool::weighted(0.9), distance()).prop_map(|(later, by)| Step::Insert { later, by }),
        2 => Just(Step::Pop),
        3 => distance().prop_map(Step::Advance),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_map(start in distance(), steps in prop::collection::vec(step(), 1..120)) {
        let mut deadlines = Deadlines::new();
        // By time and id; whether the time was still to come when the entry was inserted.
        let mut model: BTreeMap<(Duration, u32), bool> = BTreeMap::new();
        let mut due_of = Vec::new();
        let mut now = start;
        for step in steps {
            match step {
                Step::Insert { later, by } => {
                    let at = if later { now + by } else { now.saturating_sub(by) };
                    let id = due_of.len() as u32;
                    due_of.push(at);
                    deadlines.insert(at, id);
                    model.insert((at, id), at > now);
                }
                Step::Pop | Step::Advance(_) => {
                    if let Step::Advance(by) = step {
                        now += by;
                    }
                    while let Some(id) = deadlines.pop_due(now) {
                        let at = due_of[id as usize];
                        prop_assert!(at <= now, "early");
                        let ahead = model.remove(&(at, id));
                        prop_assert!(ahead.is_some(), "came twice");
                        let next = model.iter().find_map(|((at, _), &ahead)| ahead.then_some(*at));
                        let in_order = next.is_none_or(|next| tick_not_before(at) <= tick_not_before(next));
                        prop_assert!(ahead == Some(false) || in_order, "out of order");
                        if matches!(step, Step::Pop) {
                            break;
                        }
                    }
                    if let (Step::Advance(_), Some(((at, _), _))) = (step, model.first_key_value()) {
                        prop_assert!(*at + TICK > now, "late");
                    }
                }
            }
            prop_assert_eq!(deadlines.len(), model.len());
            match (deadlines.next(), model.first_key_value()) {
                (None, None) => {}
                (Some(next), Some(((at, _), _))) => {
                    prop_assert!(next <= now.max(*at + TICK), "next is late");
                    prop_assert!(next + TICK > *at, "next is early");
                }
                (next, _) => prop_assert!(false, "next is {next:?} with {} left", model.len()),
            }
        }
        let rest = drain(&mut deadlines, Duration::MAX);
        prop_assert_eq!(rest.len(), model.len());
    }

    #[test]
    fn earlier_ticks_come_first(times in prop::collection::vec(distance(), 1..200)) {
        let mut deadlines = Deadlines::new();
        for (id, &at) in (0u32..).zip(&times) {
            deadlines.insert(at, id);
        }
        let ticks: Vec<u64> = drain(&mut deadlines, Duration::MAX)
            .into_iter()
            .map(|id| tick_not_before(times[id as usize]))
            .collect();
        prop_assert_eq!(ticks.len(), times.len());
        prop_assert!(ticks.is_sorted());
    }
}
