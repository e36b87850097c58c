//! The rows of one stack: every cell is run, some side by side, and the table is printed even where the test passes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::{Carrier, Scenario};

/// What a cell showed; one that fails panics.
pub enum Cell {
    Shown,
    /// Shown with something that must be known beside it.
    ShownWith(&'static str),
}

/// Cells of one stack that run at the same time: they wait far more than they work.
const SIDE_BY_SIDE: usize = 4;

/// Runs every cell of a stack and prints its rows; fails when one of them does.
pub fn fill(stack: &str, show: fn(Carrier, Scenario) -> Cell) {
    let wanted = wanted();
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(&(carrier, scenario)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = catch_unwind(AssertUnwindSafe(|| show(carrier, scenario))).map_err(words);
                    done.lock().unwrap().push((carrier, scenario, cell));
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    let failed = failures(stack, &done);
    let seconds = began.elapsed().as_secs_f32();
    // Not println!: what a passing test prints is hidden, and this is what the test is for.
    let _ = std::io::stdout().write_all(rows(stack, &done, seconds).as_bytes());
    assert!(failed.is_empty(), "{failed}");
}

fn wanted() -> Vec<(Carrier, Scenario)> {
    let row = |carrier| Scenario::ALL.into_iter().map(move |scenario| (carrier, scenario));
    Carrier::ALL.into_iter().flat_map(row).collect()
}

type Done = (Carrier, Scenario, Result<Cell, String>);

fn rows(stack: &str, done: &[Done], seconds: f32) -> String {
    let mut notes: Vec<&str> = Vec::new();
    let mut text = format!("\n{stack:<10}     ");
    for scenario in Scenario::ALL {
        let _ = write!(text, " {scenario:<10}");
    }
    for carrier in Carrier::ALL {
        let _ = write!(text, "\n{stack:<10} {carrier:<3} ");
        for scenario in Scenario::ALL {
            let cell = done.iter().find(|done| (done.0, done.1) == (carrier, scenario));
            let (word, note) = match cell.map(|done| &done.2) {
                Some(Ok(Cell::Shown)) => ("passes", None),
                Some(Ok(Cell::ShownWith(note))) => ("passes", Some(*note)),
                Some(Err(_)) => ("FAILS", None),
                None => ("NOT RUN", None),
            };
            let mark = note.map_or_else(String::new, |note| {
                let known = notes.iter().position(|known| *known == note);
                let place = known.unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                format!(" [{}]", place + 1)
            });
            let _ = write!(text, " {:<10}", format!("{word}{mark}"));
        }
    }
    for (place, note) in notes.iter().enumerate() {
        let _ = write!(text, "\n  [{}] {note}", place + 1);
    }
    let _ = writeln!(text, "\n  {} cells in {seconds:.1} s", done.len());
    text
}

fn failures(stack: &str, done: &[Done]) -> String {
    let mut text = String::new();
    for (carrier, scenario, cell) in done {
        if let Err(words) = cell {
            let _ = write!(text, "\n{stack}, {carrier}, {scenario}: {words}\n");
        }
    }
    text
}

fn words(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}
