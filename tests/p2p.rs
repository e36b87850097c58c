//! The P2P system: what peers are told of each other, and what becomes of what they ask.

mod announce;
mod bindings;
mod documented;
mod elsewhere;
mod keeping;
mod lists;
mod load;
mod peer;
mod planted;
mod planted_whole;
mod posts;
mod roads;
mod scene;
mod sessions;
mod swapped;
mod told;
mod untouched;

/// As many as one likes: `cargo run --release --example planted_names -- 1000000`.
//= P2P-056 type=test
//= P2P-057 type=test
//= P2P-060 type=test
#[test]
fn no_identity_passes_wherever_a_tracker_plants_it() {
    let outcomes = planted::play(0..20_000).unwrap();
    // All kinds of cases came up.
    assert!(outcomes.cleaned > 2_000 && outcomes.barred > 2_000, "{outcomes:?}");
    assert_eq!(outcomes.passed + outcomes.barred, 20_000);
}

/// The same of whole messages through the engine: `cargo run --release --example planted_names -- whole 1000000`.
//= P2P-006 type=test
//= P2P-007 type=test
//= P2P-056 type=test
//= P2P-063 type=test
//= P2P-081 type=test
#[test]
fn no_identity_passes_wherever_it_is_planted_in_a_message() {
    let outcomes = planted_whole::play(0, 4_000).unwrap();
    assert!(outcomes.passed > 1_500 && outcomes.barred > 300, "{outcomes:?}");
}
