//! Max-Breadth: over how many branches at once a request may spread, here and behind us. RFC 5393 section 5.3.

use crate::sip::{Draft, Method, Name};

use super::check::Unfit;

/// What a request gets that brought none, and the most that we pass on.
pub const BREADTH_MAX: u32 = 60;

/// The breadth a request brought, within our own maximum. Of several rows the least counts; one that is no number says nothing.
pub fn allowed(draft: &Draft) -> u32 {
    let said = draft.rows(Name::MaxBreadth).filter_map(read).min();
    said.map_or(BREADTH_MAX, |said| said.min(BREADTH_MAX))
}

fn read(value: &[u8]) -> Option<u32> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A number of many digits is above our maximum whatever it is.
    let number = std::str::from_utf8(digits).ok()?.parse();
    Some(number.unwrap_or(u32::MAX))
}

/// Whether there is breadth for one branch at least. An ACK opens none.
//= PROXY-005
pub fn check(draft: &Draft) -> Result<(), Unfit> {
    let is_spent = draft.has(Name::MaxBreadth) && draft.method() != Some(Method::Ack) && allowed(draft) == 0;
    if is_spent { Err(Unfit::NoBreadth) } else { Ok(()) }
}

/// Writes the one Max-Breadth of a copy that goes on. A row that says so already stays as it is.
//= PROXY-005
pub fn share(draft: &mut Draft, breadth: u32) {
    let Some((row, value)) = draft.first_at(Name::MaxBreadth) else {
        // Written into nearly every request: nothing is formatted for it.
        return match breadth {
            BREADTH_MAX => add(draft, b"60"),
            less => add(draft, less.to_string().as_bytes()),
        };
    };
    if read(value) != Some(breadth) {
        draft.set(row, &[breadth.to_string().as_bytes()]);
    }
    let second = |draft: &Draft| draft.rows_at(Name::MaxBreadth).nth(1).map(|(row, _)| row);
    while let Some(surplus) = second(draft) {
        draft.remove_row(surplus);
    }
}

/// Adds the row beside the other one that counts.
fn add(draft: &mut Draft, breadth: &[u8]) {
    match draft.first_at(Name::MaxForwards).map(|(row, _)| row) {
        Some(row) => draft.insert_after(row, Name::MaxBreadth, &[breadth]),
        None => draft.append(Name::MaxBreadth, &[breadth]),
    }
}
