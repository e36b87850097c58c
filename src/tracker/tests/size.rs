//! What does not depend on how many there are.

use super::*;
use crate::seal::temporary_id::tags_made;

/// As much cryptography for one of twenty thousand peers in sixty contents as for one of ten in one. Time is measured in
/// `examples/tracker.rs`.
//= P2P-032 type=test
#[test]
fn an_id_is_opened_and_looked_up_in_as_many_steps_however_many_peers_and_contents_there_are() {
    let steps = |peers: u32, contents: u8| {
        let mut world = world(settings());
        let layout = Layout::new(4 << 20, 1 << 20).unwrap();
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        let of = |seed: u8| SwarmId::of_root([seed; 32]);
        (0..contents).for_each(|seed| assert!(world.tracker.register(of(seed), layout)));
        for number in 0..peers {
            let name = format!("sip:peer{number}@home1.example");
            world.connect(&name, None, vec![join(of(0), Mode::Leech, &none)]);
        }
        let all = (0..contents).map(|seed| join(of(seed), Mode::Leech, &none)).collect();
        let id = swarms(&world.connect(ALICE, None, all)).remove(0).assigned.remove(0);
        world.connect(BOB, None, vec![join(of(0), Mode::Leech, &none)]);
        let before = tags_made();
        assert_eq!(world.resolve(BOB, &id), Ok(ALICE.into()));
        tags_made() - before
    };
    let few = steps(10, 1);
    assert!(few > 0);
    assert_eq!(few, steps(20_000, 60));
}
