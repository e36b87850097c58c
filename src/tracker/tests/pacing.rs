//! Many who come at once, and in which order what they say counts.

use rand_chacha::rand_core::Rng;

use super::kept::Kept;
use super::*;

/// A hundred thousand peers come back to a tracker that was killed. Each tries to refresh at a moment of its own within the first
/// minute, waits as long as it is told, and announces anew.
//= P2P-027 type=test
#[test]
fn after_a_crash_peers_come_back_below_the_ceiling() {
    const PEERS: usize = 100_000;
    const CEILING: u32 = 1_000;
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let settings = Settings {
        announces_per_second: CEILING,
        ..settings()
    };
    let name = |number: usize| format!("sip:peer{number}@home1.example");
    let mut world = World::begins(super::settings(), &kept, &[&content], kept::start(), [1; 32]);
    let mut tags = Vec::new();
    for number in 0..PEERS {
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        let reply = world.connect(&name(number), None, vec![join(content.swarm, Mode::Leech, &none)]);
        tags.push(tag(&reply));
        world.writes_all(&mut kept);
    }
    let mut world = world.dies_after(settings, (&kept, &[]), &[&content]);
    // Who comes in which second, with its tag or without one.
    let mut coming: Vec<Vec<(usize, bool)>> = vec![Vec::new(); 2000];
    for number in 0..PEERS {
        coming[world.random.next_u32() as usize % 60].push((number, true));
    }
    let (mut announced, mut most) = (0, 0);
    for second in 0..coming.len() {
        let mut taken = 0;
        for (number, has_tag) in std::mem::take(&mut coming[second]) {
            let reply = match has_tag {
                true => world.publish(&name(number), Some(&tags[number]), None, None),
                false => {
                    let none = ChunkMap::of_ranges(4, &[]).unwrap();
                    world.connect(&name(number), None, vec![join(content.swarm, Mode::Leech, &none)])
                }
            };
            let wait = reply.retry_after.unwrap_or_default() as usize;
            assert!(wait <= 600, "{wait}");
            match (has_tag, reply.status) {
                (false, 200) => taken += 1,
                (true, 412) | (false, 503) => coming[second + wait.max(1)].push((number, false)),
                other => panic!("{other:?}"),
            }
        }
        most = most.max(taken);
        announced += taken;
        world.pass(1);
    }
    assert_eq!((announced, world.tracker.table.awaited()), (PEERS, 0));
    assert!(most <= CEILING as usize, "{most} in one second");
}

/// Who asks nobody when to come is told when; and nobody waits where nobody is awaited.
//= P2P-027 type=test
//= P2P-145 type=test
#[test]
fn at_no_time_more_announce_than_may() {
    let content = Content::new(1, 4);
    let mut world = world(Settings {
        announces_per_second: 10,
        ..settings()
    });
    world.tracker.register(content.swarm, content.layout);
    let none = ChunkMap::of_ranges(4, &[]).unwrap();
    let comes = |world: &mut World, number: u32| {
        let name = format!("sip:peer{number}@home1.example");
        world.connect(&name, None, vec![join(content.swarm, Mode::Leech, &none)])
    };
    let replies: Vec<Reply> = (0..30).map(|number| comes(&mut world, number)).collect();
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [[200; 10], [503; 10], [503; 10]].concat());
    let waits: BTreeSet<u32> = replies.iter().filter_map(|reply| reply.retry_after).collect();
    assert!(
        waits.len() > 4 && waits.iter().all(|wait| (1..=10).contains(wait)),
        "{waits:?}"
    );
    // What is there is kept up all the same.
    let kept_up = world.publish("sip:peer3@home1.example", Some(&tag(&replies[3])), None, None);
    assert_eq!(kept_up.status, 200);
    world.pass(1);
    assert_eq!(comes(&mut world, 20).status, 200);
    let stale = world.publish(ALICE, Some(&tag(&replies[3])), None, None);
    assert_eq!((stale.status, stale.retry_after), (412, None));
}

/// As they come, so they count.
//= P2P-019 type=test
#[test]
fn what_one_peer_says_counts_in_the_order_it_was_said() {
    let content = Content::new(1, 64);
    let mut world = world(settings());
    world.tracker.register(content.swarm, content.layout);
    let mut last = tag(&world.connect(
        ALICE,
        None,
        vec![join(
            content.swarm,
            Mode::Leech,
            &ChunkMap::of_ranges(64, &[(0, 0)]).unwrap(),
        )],
    ));
    for change in 0..100u32 {
        let map = ChunkMap::of_ranges(64, &[(0, change % 63)]).unwrap();
        let stat = Stat {
            swarm: content.swarm,
            uploaded_bytes: 0,
            downloaded_bytes: 0,
            map: Some(map),
        };
        let report = StatReport {
            stats: vec![stat],
            ..Default::default()
        };
        let reply = world.report(ALICE, &last, report);
        assert_eq!(reply.status, 200);
        last = tag(&reply);
    }
    let slot = world.tracker.table.find(ALICE.as_bytes(), b"1").unwrap();
    let held = world.tracker.table.announcement(slot, 0).unwrap().held;
    // The last one: 99 % 63 and all before.
    assert_eq!(held.0, (1 << 37) - 1);
}
