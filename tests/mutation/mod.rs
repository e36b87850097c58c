//! Damaged messages, a fixed number with a fixed seed. `examples/mutate.rs` runs as many as one likes.

pub mod answers;
pub mod dice;
mod mutator;
pub mod reading;
pub mod rows;
mod seeds;
mod storm;
mod values;

use std::path::Path;

use storm::Storm;

const MESSAGES: u64 = 20_000;

//= SEC-001 type=test
#[test]
fn damaged_messages_break_nothing_and_leave_nothing_behind() {
    let seeds = seeds::all(Path::new(env!("CARGO_MANIFEST_DIR")), None);
    let mut storm = Storm::new(seeds, 1);
    let run = |storm: &mut Storm| {
        storm.calm()?;
        while storm.tally.messages < MESSAGES {
            storm.step()?;
        }
        storm.quiet()
    };
    if let Err(finding) = run(&mut storm) {
        panic!(
            "{}\n--- in\n{}\n--- out\n{}",
            finding.what,
            finding.input.escape_ascii(),
            finding.output.escape_ascii()
        );
    }
    // The storm must have met what it watches for.
    let tally = &storm.tally;
    assert!(tally.private_checked > 100 && tally.forgery_checked > 100, "{tally:?}");
    assert!(
        tally.cleared > MESSAGES / 10 && tally.parsed > MESSAGES / 4,
        "{tally:?}"
    );
}

/// Every value of every known message, and every beginning of it, as a value of every kind.
//= MSG-010 type=test
//= SEC-001 type=test
#[test]
fn a_value_printed_means_what_was_read() {
    let mut checked = 0;
    for seed in seeds::all(Path::new(env!("CARGO_MANIFEST_DIR")), None) {
        values::check(
            rows::start_line(&seed)
                .split(|byte| *byte == b' ')
                .nth(1)
                .unwrap_or_default(),
        );
        for row in rows::rows(&seed).iter().filter(|row| row.value.len() <= 300) {
            (0..=row.value.len()).for_each(|end| values::check(&row.value[..end]));
            checked += 1;
        }
    }
    assert!(checked > 1000, "only {checked} values");
}
