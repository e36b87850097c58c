//! What was shown, as a table that is printed even where the test passes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::network::Network;
use super::places::recorded_row;

/// What it is called, and what shows it: it panics where it does not.
pub type Row = (&'static str, fn(&Network));

/// Plays every row on one network, and fails when one of them does.
pub fn show(network: &Network, rows: &[Row]) {
    let began = Instant::now();
    let (mut table, mut failed) = (String::new(), Vec::<&str>::new());
    let recorded = recorded_row();
    let is_played = |what: &str| recorded.as_ref().is_none_or(|row| row == what);
    for (what, show) in rows.iter().filter(|(what, _)| is_played(what)) {
        let shown = catch_unwind(AssertUnwindSafe(|| show(network))).is_ok();
        let _ = writeln!(table, "{:<44} {}", what, if shown { "passes" } else { "FAILS" });
        failed.extend((!shown).then_some(*what));
    }
    let seconds = began.elapsed().as_secs_f32();
    let head = "Kamailio's I-CSCF and S-CSCF, an HSS of ours";
    // Not println!: what a passing test prints is hidden, and this is what the test is for.
    let _ = std::io::stdout().write_all(format!("\n{head}\n{table}  {seconds:.1} s\n").as_bytes());
    assert!(failed.is_empty(), "{failed:?}");
}
