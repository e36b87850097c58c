//! Bytes as a packet from every kind of sender, then time, then the tables are empty.

#![no_main]

#[path = "../../tests/mutation/answers.rs"]
mod answers;
#[path = "../../tests/mutation/dice.rs"]
mod dice;
#[path = "../../tests/mutation/mutator.rs"]
#[allow(dead_code, reason = "the fuzzer damages")]
mod mutator;
#[path = "../../tests/mutation/reading.rs"]
mod reading;
#[path = "../../tests/mutation/rows.rs"]
mod rows;
#[path = "../../tests/mutation/seeds.rs"]
#[allow(dead_code, reason = "the fuzzer has a corpus of its own")]
mod seeds;
#[path = "../../tests/mutation/storm.rs"]
#[allow(dead_code, reason = "only its calm half is used")]
mod storm;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut storm = storm::Storm::new(vec![data.to_vec()], 1);
    if let Err(finding) = storm.calm() {
        panic!("{}\n{}", finding.what, finding.output.escape_ascii());
    }
});
