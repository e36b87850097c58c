//! A second reading of the catalogue, and the engine held against it.
//!
//! `verdict.rs` says what becomes of a message, out of the tables and rules of `docs/requirements-sip.md` alone: it works on
//! text, shares nothing with the crate, and was written before its author read how the engine does it. `play.rs` makes messages
//! with every carrier of identity, sends them through an engine under policies of chance, and `compare.rs` tells the two apart.
//! `examples/model.rs` plays as many as one likes.

mod carriers;
mod compare;
#[allow(
    clippy::duplicate_mod,
    reason = "an example takes either of its users, so that none may lean on the other"
)]
#[path = "../mutation/dice.rs"]
mod dice;
mod facts;
mod party;
mod play;
mod rows;
mod tables;
mod verdict;
mod wish;

pub use play::{Policies, Seen};
use tables::Tables;

/// Of the numbers in a test run, when their messages are counted.
#[cfg(test)]
const MESSAGES: u64 = 20_000;

/// What was said before in a dialog, in a line.
fn brief(seen: &Seen) -> String {
    let privacy: Vec<String> = seen.message.of("privacy").iter().map(|row| row.value()).collect();
    format!(
        "  {} from {}: Privacy {privacy:?}\n",
        seen.message.start, seen.from.domain
    )
}

/// Model and engine under one seed.
pub struct Comparison {
    seed: u64,
    policies: Policies,
    tables: Tables,
}

impl Comparison {
    pub fn new(seed: u64) -> Comparison {
        Comparison {
            seed,
            policies: Policies::draw(seed),
            tables: Tables::of_the_catalogue(),
        }
    }

    /// Plays one number: how many messages were compared, and what differed.
    pub fn play(&self, number: u64) -> Result<u64, String> {
        let seen = play::play(&self.policies, self.seed, number);
        for (place, one) in seen.iter().enumerate() {
            if let Some(what) = compare::difference(&self.tables, one) {
                let before: String = seen[..place].iter().map(brief).collect();
                return Err(self.told(number, &what, one) + "\nbefore:\n" + &before);
            }
        }
        Ok(seen.len() as u64)
    }

    fn told(&self, number: u64, what: &str, seen: &Seen) -> String {
        let Seen {
            from,
            to,
            method,
            status,
            text,
            outcome,
            ..
        } = seen;
        let left = match outcome {
            play::Outcome::Arrived(message) => message
                .rows
                .iter()
                .fold(message.start.clone(), |all, row| all + "\n" + &row.text),
            other => format!("{other:?}"),
        };
        format!(
            "{what}\n--- {method} {status:?} from {} ({:?}) to {} ({:?})\n{text}\n--- left\n{left}\n--- model\n{:#?}\n\
             --- facts\n{:?}\nagain: cargo run --example model -- 1 {number} {}",
            from.domain,
            from.sends_as,
            to.domain,
            to.receives_as,
            verdict::decide(&self.tables, &seen.leg()),
            seen.facts,
            self.seed
        )
    }

    /// Which of these tables, each wrong in one cell, nobody would notice by this number.
    #[cfg(test)]
    fn unnoticed(&self, number: u64, wrong: Vec<(String, Tables)>) -> Vec<(String, Tables)> {
        let seen = play::play(&self.policies, self.seed, number);
        // What the right tables disagree on proves nothing.
        let right = |one: &&Seen| compare::difference(&self.tables, one).is_none();
        let seen: Vec<&Seen> = seen.iter().filter(right).collect();
        let agrees = |tables: &Tables| seen.iter().all(|one| compare::difference(tables, one).is_none());
        wrong.into_iter().filter(|(_, tables)| agrees(tables)).collect()
    }

    /// The policy of a number, as an operator would write it.
    pub fn policy(&self, number: u64) -> &str {
        self.policies.text(number)
    }
}

//= PRIV-020 type=test
//= PRIV-021 type=test
//= PRIV-024 type=test
//= PRIV-029 type=test
//= PRIV-036 type=test
//= PRIV-037 type=test
//= PRIV-130 type=test
//= TRUST-040 type=test
#[test]
fn the_engine_does_what_a_second_reading_of_the_catalogue_says() {
    let comparison = Comparison::new(1);
    let (mut compared, mut number) = (0, 0);
    while compared < MESSAGES {
        match comparison.play(number) {
            Ok(count) => compared += count,
            Err(what) => panic!("{what}\n--- policy\n{}", comparison.policy(number)),
        }
        number += 1;
    }
    println!("{compared} messages of {number} dialogs");
}

/// The comparison is worth something: a table that is wrong in any one cell does not agree with the engine.
#[test]
fn a_cell_turned_round_is_noticed() {
    let comparison = Comparison::new(1);
    let mut wrong = Tables::of_the_catalogue().turned();
    let cells = wrong.len();
    let mut numbers = 0..20_000;
    while let (false, Some(number)) = (wrong.is_empty(), numbers.next()) {
        wrong = comparison.unnoticed(number, wrong);
    }
    let left: Vec<&String> = wrong.iter().map(|(cell, _)| cell).collect();
    assert!(left.is_empty(), "of {cells} cells nobody would notice {left:#?}");
    println!("{cells} cells, the last by number {}", numbers.start);
}
