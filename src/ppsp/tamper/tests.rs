use proptest::prelude::*;

use super::*;

fn report(reporter: Reporter, at: u64) -> Report {
    Report {
        reporter,
        network: reporter as Network,
        weight: Weight::ONE,
        at,
    }
}

/// All that follows of these events, one list an event.
fn follow(mut case: Case, events: &[Event]) -> (Case, Vec<Vec<Consequence>>) {
    let mut follows = Vec::new();
    for event in events {
        let (next, consequences) = case.on(*event);
        case = next;
        follows.push(consequences);
    }
    (case, follows)
}

fn claims(count: u64) -> Vec<Event> {
    (0..count)
        .map(|reporter| Event::Claimed(report(reporter, 10)))
        .collect()
}

use Consequence::{Clear, Confirmed, Convict, OrderShopper, Quarantine, Refuted};

//= P2P-124 type=test
#[test]
fn slander_of_two_three_or_ten_convicts_nobody() {
    let (two, follows) = follow(Case::default(), &claims(2));
    assert_eq!(follows, [vec![], vec![OrderShopper]]);
    assert!(!two.is_out());
    let (three, follows) = follow(Case::default(), &claims(3));
    assert_eq!(follows[2], [Quarantine]);
    assert!(three.is_out());
    let (ten, follows) = follow(Case::default(), &claims(10));
    assert!(follows[3..].iter().all(Vec::is_empty), "{follows:?}");
    assert!(ten.is_out());
    for (case, reporters) in [(two, 2), (three, 3), (ten, 10)] {
        let (case, follows) = case.on(Event::ShopperGotGood);
        assert_eq!(follows, [Clear, Refuted((0..reporters).collect())]);
        assert!(!case.is_out());
        assert!(case.is_forgettable(10));
    }
}

//= P2P-124 type=test
#[test]
fn only_reporters_of_networks_of_their_own_quarantine() {
    let same_network: Vec<Event> = (0..10)
        .map(|reporter| {
            Event::Claimed(Report {
                network: 1,
                ..report(reporter, 10)
            })
        })
        .collect();
    assert!(!follow(Case::default(), &same_network).0.is_out());
    let same_reporter: Vec<Event> = (0..10)
        .map(|network| {
            Event::Claimed(Report {
                network,
                ..report(1, 10)
            })
        })
        .collect();
    let (case, follows) = follow(Case::default(), &same_reporter);
    assert!(
        !case.is_out() && follows.iter().all(Vec::is_empty),
        "one reporter counts once"
    );
    let slowly: Vec<Event> = (0..10)
        .map(|reporter| Event::Claimed(report(reporter, reporter * WINDOW_SECONDS)))
        .collect();
    let (case, follows) = follow(Case::default(), &slowly);
    assert!(
        !case.is_out() && follows.iter().all(Vec::is_empty),
        "an hour later it counts no more"
    );
    let just_inside = [0, 1800, WINDOW_SECONDS - 1]
        .iter()
        .enumerate()
        .map(|(n, at)| Event::Claimed(report(n as u64, *at)));
    assert!(follow(Case::default(), &just_inside.collect::<Vec<_>>()).0.is_out());
}

//= P2P-126 type=test
#[test]
fn a_valid_signature_over_a_bad_leaf_convicts_at_once() {
    let (case, follows) = Case::default().on(Event::Shown(report(4, 10), Proven::IN_TESTS));
    assert_eq!(
        follows,
        [
            Convict {
                ban_seconds: FIRST_BAN_SECONDS
            },
            Confirmed(vec![4])
        ]
    );
    assert!(case.is_out());
}

#[test]
fn two_shoppers_convict_and_one_does_not() {
    let mut events = claims(2);
    events.push(Event::ShopperGotBad);
    let (case, follows) = follow(Case::default(), &events);
    assert_eq!(follows[2], [OrderShopper]);
    assert!(!case.is_out());
    let (convicted, follows) = case.clone().on(Event::ShopperGotBad);
    assert_eq!(
        follows,
        [
            Convict {
                ban_seconds: FIRST_BAN_SECONDS
            },
            Confirmed(vec![0, 1])
        ]
    );
    assert!(convicted.is_out());
    assert_eq!(case.on(Event::ShopperGotGood).1[0], Clear);
    // A random audit, with nobody's report.
    let (case, follows) = Case::default().on(Event::ShopperGotBad);
    assert_eq!(follows, [OrderShopper]);
    assert_eq!(
        case.on(Event::ShopperGotBad).1,
        [Convict {
            ban_seconds: FIRST_BAN_SECONDS
        }]
    );
}

#[test]
fn a_shopper_who_did_not_get_there_goes_again() {
    let (case, _) = follow(Case::default(), &claims(3));
    let (case, follows) = case.on(Event::ShopperFailed);
    assert_eq!(follows, [OrderShopper]);
    assert!(case.is_out());
    for event in [Event::ShopperFailed, Event::ShopperGotGood] {
        assert_eq!(Case::default().on(event), (Case::default(), vec![]));
    }
}

#[test]
fn each_case_doubles_the_ban() {
    let mut case = Case::default();
    for round in 0..20 {
        let (convicted, follows) = case.on(Event::Shown(report(1, 10), Proven::IN_TESTS));
        let ban_seconds = FIRST_BAN_SECONDS * 2u64.pow(round.min(DOUBLINGS_MAX));
        assert_eq!(follows[0], Convict { ban_seconds }, "case {round}");
        let (same, follows) = convicted.clone().on(Event::Claimed(report(2, 10)));
        assert_eq!((same, follows.len()), (convicted.clone(), 0), "convicted already");
        case = convicted.released();
        assert!(!case.is_out() && !case.is_forgettable(u64::MAX), "it is remembered");
    }
}

//= P2P-124 type=test
#[test]
fn standing_rises_slowly_and_falls_fast() {
    let mut weight = Weight::default();
    let mut times = 0;
    while weight.confirmed() != weight {
        weight = weight.confirmed();
        times += 1;
    }
    assert_eq!((times, weight), (12, Weight(4 * 64)));
    let halves: Vec<u16> = std::iter::successors(Some(weight), |weight| Some(weight.refuted()))
        .map(|w| w.0)
        .take(11)
        .collect();
    assert_eq!(halves, [256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 1]);
}

/// Those who were refuted three times are not believed by their number.
//= P2P-124 type=test
#[test]
fn who_lost_standing_sends_no_shopper() {
    let weight = Weight::ONE.refuted().refuted().refuted();
    let events: Vec<Event> = (0..15)
        .map(|reporter| {
            Event::Claimed(Report {
                weight,
                network: 1,
                ..report(reporter, 10)
            })
        })
        .collect();
    let (_, follows) = follow(Case::default(), &events);
    assert!(follows.iter().all(Vec::is_empty));
}

/// Three who slandered once: the next time their three claims do nothing, and it takes others to be heard.
//= P2P-124 type=test
#[test]
fn the_same_slander_does_not_work_twice() {
    let weight = Weight::ONE.refuted();
    let again: Vec<Event> = (0..3)
        .map(|reporter| {
            Event::Claimed(Report {
                weight,
                ..report(reporter, 10)
            })
        })
        .collect();
    let (case, follows) = follow(Case::default(), &again);
    assert!(!case.is_out() && follows.iter().all(Vec::is_empty));
    assert_eq!(case.on(Event::Claimed(report(9, 20))).1, [Quarantine, OrderShopper]);
}

#[test]
fn reports_hold_at_and_past_their_ceiling() {
    let (case, _) = follow(Case::default(), &claims(REPORTS_MAX as u64 + 3));
    assert_eq!(case.reports.len(), REPORTS_MAX);
    assert_eq!(case.reports[0].reporter, 3, "the oldest went");
    let light = Report {
        weight: Weight::LEAST,
        ..report(99, 10)
    };
    let (case, _) = case.on(Event::Claimed(light));
    assert!(
        case.reports.iter().all(|kept| kept.reporter != 99),
        "the lightest went, though it is the latest"
    );
    assert_eq!(case.reports.len(), REPORTS_MAX);
}

#[test]
fn what_counts_no_more_is_dropped_unless_a_shopper_is_out() {
    let late = Event::Claimed(report(7, 10 + WINDOW_SECONDS));
    let (case, _) = follow(Case::default(), &[claims(1)[0], late]);
    assert_eq!(case.reports.len(), 1);
    let (case, _) = follow(Case::default(), &[claims(2)[0], claims(2)[1], late]);
    assert_eq!(case.on(Event::ShopperGotGood).1, [Clear, Refuted(vec![0, 1, 7])]);
}

fn event() -> impl Strategy<Value = Event> {
    let report = (0u64..20, 0u32..4, 1u16..=256, 0u64..10_000).prop_map(|(reporter, network, weight, at)| Report {
        reporter,
        network,
        weight: Weight(weight),
        at,
    });
    prop_oneof![
        8 => report.clone().prop_map(Event::Claimed),
        1 => report.prop_map(|report| Event::Shown(report, Proven::IN_TESTS)),
        1 => Just(Event::ShopperGotBad),
        1 => Just(Event::ShopperGotGood),
        1 => Just(Event::ShopperFailed),
    ]
}

proptest! {
    //= P2P-124 type=test
    #[test]
    fn nobody_is_convicted_by_claims(events in proptest::collection::vec(event(), 0..100)) {
        let mut case = Case::default();
        let mut bad_visits = 0;
        for event in events {
            let (next, follows) = case.on(event);
            case = next;
            match event {
                Event::ShopperGotBad => bad_visits += 1,
                Event::ShopperGotGood => bad_visits = 0,
                _ => {}
            }
            let convicted = follows.iter().any(|follows| matches!(follows, Convict { .. }));
            prop_assert!(!convicted || matches!(event, Event::Shown(..)) || bad_visits >= 2);
            prop_assert!(case.reports.len() <= REPORTS_MAX);
            prop_assert!(!follows.contains(&Quarantine) || case.is_out());
            if convicted {
                case = case.released();
                bad_visits = 0;
            }
        }
    }
}
