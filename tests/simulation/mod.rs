//! Several nodes, phones and a DNS under one seed and virtual time: loss, repetition, reordering, crashed nodes.
//!
//! `docs/reliability.md` says what is simulated and what must hold. `examples/simulate.rs` plays as many seeds as one likes.

#[allow(
    clippy::duplicate_mod,
    reason = "an example takes either of its users, so that none may lean on the other"
)]
#[path = "../mutation/dice.rs"]
mod dice;
mod names;
mod node;
mod oracle;
mod person;
mod phone;
mod run;
mod streams;
mod weather;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use node::Policies;
pub use oracle::Tally;

/// Plays one seed. A failure says how to see it again.
pub fn play(policies: &Policies, seed: u64, tells: bool) -> Result<Tally, String> {
    let played = catch_unwind(AssertUnwindSafe(|| run::play(policies, seed, tells)));
    played.unwrap_or_else(|_| Err("a panic".to_owned())).map_err(|what| {
        format!(
            "seed {seed}: {what}\nthe same again: SIPVEIL_SEED={seed} cargo test --test main simulation::one -- --nocapture"
        )
    })
}

/// The seed that a failure named: everything that happens is printed.
#[test]
fn one() {
    let seed = std::env::var("SIPVEIL_SEED").ok().and_then(|seed| seed.parse().ok());
    let played = play(&Policies::read(), seed.unwrap_or(0), seed.is_some());
    assert!(played.is_ok(), "{}", played.unwrap_err());
}

//= PRIV-135 type=test
//= TXN-009 type=test
#[test]
fn a_thousand_seeds_end_well() {
    let policies = Policies::read();
    let mut tally = Tally::default();
    let mut faults = Vec::new();
    for seed in 1..=1_000 {
        match play(&policies, seed, false) {
            Ok(one) => tally.add(&one),
            Err(fault) => faults.push(fault),
        }
    }
    println!("{tally}");
    assert!(faults.is_empty(), "{} faults, the first:\n{}", faults.len(), faults[0]);
    // The runs must have met what they watch for.
    let Tally {
        lost,
        repeated,
        crashes,
        ..
    } = tally;
    assert!(lost > 1_000 && repeated > 1_000 && crashes > 500, "{tally}");
    let Tally {
        fair,
        carried_on,
        watched,
        timed_out,
        ..
    } = tally;
    assert!(
        fair > 5_000 && carried_on > 300 && watched > 10_000 && timed_out > 50,
        "{tally}"
    );
}

//= SEC-012 type=test
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let policies = Policies::read();
    let digest = |seed| play(&policies, seed, false).map(|tally| tally.digest);
    for seed in 1..=50 {
        assert_eq!(digest(seed), digest(seed));
        assert_ne!(digest(seed), digest(seed + 1));
    }
}
