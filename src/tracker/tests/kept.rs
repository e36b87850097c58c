//! Runs that end at any moment, and what the next one knows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand_chacha::rand_core::Rng;

use super::visits::AUDITORS;
use super::*;
use crate::seal::temporary_id::Viewer;

/// What is kept, as a store has it.
#[derive(Clone, Default)]
pub(super) struct Kept(BTreeMap<u128, (u64, Vec<u8>)>);

impl World {
    /// Begins a run on what is kept.
    pub(super) fn begins(settings: Settings, kept: &Kept, contents: &[&Content], now: Moment, seed: [u8; 32]) -> World {
        World::goes_on(settings, (kept, &[]), contents, now, seed)
    }

    /// The same with the pieces of a snapshot.
    fn goes_on(
        settings: Settings,
        (kept, pieces): (&Kept, &[Vec<u8>]),
        contents: &[&Content],
        now: Moment,
        seed: [u8; 32],
    ) -> World {
        let mut random = ChaCha12Rng::from_seed(seed);
        let root = match kept.0.get(&Root::NAME) {
            Some((_, plain)) => Root::read(plain, [8; 32]).unwrap(),
            None => Root::new(now.day(), [8; 32], &mut random),
        };
        let (hash_keys, mut run) = (root.hash_keys, [0; 16]);
        random.fill_bytes(&mut run);
        let ids = root.next_run(Hosts::new(HOST, &[]), (now.day(), 1), run).unwrap();
        let mut tracker = Tracker::new(settings, ids, hash_keys);
        for content in contents {
            assert!(tracker.register(content.swarm, content.layout));
        }
        tracker.keep(now);
        for (until, plain) in kept
            .0
            .iter()
            .filter(|(name, _)| **name != Root::NAME)
            .map(|(_, kept)| kept)
        {
            tracker.recall(now, plain, *until, &mut random);
        }
        let mut recalled = Recalled::default();
        for piece in pieces {
            tracker.recall_piece(now, &mut recalled, piece).unwrap();
        }
        tracker.recalled(now);
        World {
            tracker,
            random,
            now,
            transaction: 0,
        }
    }

    /// Writes down at most so many facts, one by one.
    fn writes(&mut self, kept: &mut Kept, max: usize) -> usize {
        let mut count = 0;
        while count < max
            && let Some((id, fact)) = self.tracker.poll_fact(self.now)
        {
            match fact.kept {
                Some(value) => kept.0.insert(fact.name, (value.until, value.plain.to_vec())),
                None => kept.0.remove(&fact.name),
            };
            self.tracker.kept(self.now, id, true);
            count += 1;
        }
        count
    }

    pub(super) fn writes_all(&mut self, kept: &mut Kept) {
        self.writes(kept, usize::MAX);
    }

    /// The process is killed; the next one finds what is kept.
    fn dies(mut self, kept: &Kept, contents: &[&Content]) -> World {
        World::begins(settings(), kept, contents, self.now, draw(&mut self.random))
    }

    /// The same, with a snapshot there.
    pub(super) fn dies_after(mut self, settings: Settings, found: (&Kept, &[Vec<u8>]), contents: &[&Content]) -> World {
        World::goes_on(settings, found, contents, self.now, draw(&mut self.random))
    }

    fn snapshot(&self) -> Vec<Vec<u8>> {
        let mut snapshot = Snapshot::default();
        std::iter::from_fn(|| self.tracker.piece(self.now, &mut snapshot)).collect()
    }

    /// Enters a swarm, and what it is called there.
    fn enters(&mut self, name: &str, content: &Content) -> String {
        let none = ChunkMap::of_ranges(4, &[]).unwrap();
        let reply = self.connect(name, None, vec![join(content.swarm, Mode::Leech, &none)]);
        swarm(&reply).assigned.remove(0)
    }
}

//= P2P-042 type=test
//= P2P-141 type=test
#[test]
fn an_id_of_an_earlier_run_leads_to_the_same_device_once_it_is_back() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    let alice = world.enters(ALICE, &content);
    let tag = tag(&world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none())]));
    world.writes_all(&mut kept);
    let mut world = world.dies(&kept, &[&content]);
    // Nobody has announced anything, and no tag is good.
    assert_eq!(world.tracker.len(), (2, 0));
    assert_eq!(world.publish(BOB, Some(&tag), None, None).status, 412);
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    world.enters(BOB, &content);
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    assert_ne!(world.enters(ALICE, &content), alice, "each run has names of its own");
    assert_eq!(world.resolve(BOB, &alice), Ok(ALICE.into()));
    // Two runs later as well, and not once its time is over.
    world.writes_all(&mut kept);
    let mut world = world.dies(&kept, &[&content]);
    world.enters(BOB, &content);
    world.enters(ALICE, &content);
    world.pass(600);
    assert_eq!(world.resolve(BOB, &alice), Ok(ALICE.into()));
    world.pass(3601);
    world.enters(BOB, &content);
    world.enters(ALICE, &content);
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    assert_eq!(world.tracker.ids().runs().len(), 1, "what they made opens no more");
}

/// Without what it was made with, or without the run it is of, an ID opens no more.
//= P2P-042 type=test
#[test]
fn an_id_of_a_run_of_which_nothing_is_kept_leads_nowhere() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    for forgets_all in [true, false] {
        let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
        let before = kept.clone();
        let alice = world.enters(ALICE, &content);
        world.enters(BOB, &content);
        assert_eq!(world.resolve(BOB, &alice), Ok(ALICE.into()));
        world.writes_all(&mut kept);
        let found = if forgets_all { Kept::default() } else { before };
        let mut world = world.dies(&found, &[&content]);
        world.enters(BOB, &content);
        world.enters(ALICE, &content);
        assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
    }
}

//= P2P-042 type=test
#[test]
fn who_does_not_come_back_in_time_loses_its_place_for_good() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    let alice = world.enters(ALICE, &content);
    world.writes_all(&mut kept);
    let mut world = world.dies(&kept, &[&content]);
    world.writes_all(&mut kept);
    world.pass(4200);
    world.tracker.expire(world.now);
    assert_eq!(world.tracker.len(), (0, 0));
    world.writes_all(&mut kept);
    assert_eq!(kept.0.keys().collect::<Vec<_>>(), [&Root::NAME]);
    let mut world = world.dies(&kept, &[&content]);
    world.enters(CAROL, &content);
    world.enters(BOB, &content);
    assert_eq!(world.resolve(BOB, &alice), Err(Unusable));
}

/// A day's keys go with it, from what is kept as well.
//= P2P-040 type=test
#[test]
fn what_keys_come_out_of_moves_on_where_it_is_kept() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    world.writes_all(&mut kept);
    let first = kept.0[&Root::NAME].clone();
    for _ in 0..3 {
        world.pass(86_400);
        world.tracker.expire(world.now);
    }
    world.writes_all(&mut kept);
    assert_ne!(kept.0[&Root::NAME], first);
    let secret = |kept: &Kept| Root::read(&kept.0[&Root::NAME].1, [8; 32]).unwrap();
    let hosts = || Hosts::new(HOST, &[]);
    let opens = |root: Root, day: u32| root.next_run(hosts(), (day, 1), [0; 16]).unwrap().secret().day();
    assert_eq!(opens(secret(&kept), world.now.day()), world.now.day() - 1);
    // Nothing leads back.
    assert_eq!(opens(secret(&kept), 0), world.now.day() - 1);
}

//= P2P-111 type=test
//= P2P-141 type=test
#[test]
fn who_was_out_stays_out() {
    let contents: Vec<Content> = (0..3).map(|seed| Content::new(seed, 4)).collect();
    let all: Vec<&Content> = contents.iter().collect();
    let mut kept = Kept::default();
    let mut world = World::begins(settings(), &kept, &all, start(), [1; 32]);
    let claims = |world: &mut World, content: &Content| {
        let map = ChunkMap::full(4);
        fault(&world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &map)]))
    };
    // Each time the proof does not come.
    let mut told = Vec::new();
    for wait in [60, 240, 300] {
        assert_eq!(claims(&mut world, &contents[0]), (200, None));
        world.pass(4);
        world.tracker.expire(world.now);
        world.writes_all(&mut kept);
        world = world.dies(&kept, &all);
        told.push(claims(&mut world, &contents[0]));
        world.pass(wait - 5);
        told.push(claims(&mut world, &contents[0]));
        world.pass(6);
    }
    let (wait, banned) = ((403, Some(Fault::Rate)), (403, Some(Fault::Banned)));
    assert_eq!(told, [wait, wait, wait, wait, banned, banned]);
    assert_eq!(claims(&mut world, &contents[0]), banned);
    // Three contents, and it is out of all of them.
    for content in &contents[1..] {
        for wait in [61, 241, 0] {
            claims(&mut world, content);
            world.pass(4);
            world.tracker.expire(world.now);
            world.pass(wait);
        }
    }
    world.writes_all(&mut kept);
    let other = Content::new(9, 4);
    let mut world = world.dies(&kept, &[&other]);
    assert_eq!(claims(&mut world, &other), banned);
    // What is kept of a content counts again once it is known again.
    world.pass(86_401);
    assert_eq!(claims(&mut world, &other), (200, None));
}

//= P2P-127 type=test
//= P2P-141 type=test
#[test]
fn what_is_kept_of_a_content_waits_until_that_is_known_again() {
    let (content, other, mut kept) = (Content::new(1, 4), Content::new(2, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    let full = ChunkMap::full(4);
    world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &full)]);
    world.pass(4);
    world.tracker.expire(world.now);
    world.writes_all(&mut kept);
    let mut world = world.dies(&kept, &[&other]);
    assert!(world.tracker.register(content.swarm, content.layout));
    let reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &full)]);
    assert_eq!(fault(&reply), (403, Some(Fault::Rate)));
}

/// Who is set aside stays so through a crash, and whatever it announces meanwhile; and who spoke is worth what it was worth.
//= P2P-124 type=test
//= P2P-127 type=test
//= P2P-141 type=test
#[test]
fn who_is_looked_into_stays_so() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    world.holds(ALICE, &content, &ChunkMap::full(4));
    world.enters(BOB, &content);
    let alice = world.list(BOB, content.swarm).remove(0);
    for number in 0..3 {
        world.accuses(
            &format!("sip:slanderer{number}@home1.example"),
            number,
            &content,
            &alice,
        );
    }
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    world.holds_again(ALICE, &content);
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    world.writes_all(&mut kept);
    let mut world = world.dies(&kept, &[&content]);
    world.enters(BOB, &content);
    world.holds_again(ALICE, &content);
    assert_eq!(world.list(BOB, content.swarm), Vec::<String>::new());
    let (accused, number) = world.is_sent(AUDITORS[0], &content).unwrap();
    assert_eq!(world.resolve(AUDITORS[0], &accused.peer), Ok(ALICE.into()));
    assert!(world.comes_back(AUDITORS[0], number, Found::Good));
    assert_eq!(world.list(BOB, content.swarm).len(), 1);
    world.writes_all(&mut kept);
    let world = world.dies(&kept, &[&content]);
    let slanderer = world.tracker.table.hash("sip:slanderer0@home1.example".as_bytes());
    assert_eq!(world.tracker.standing.get(&slanderer), Some(&Weight::ONE.refuted()));
}

impl World {
    /// Announces and proves anew, whatever comes of it.
    fn holds_again(&mut self, name: &str, content: &Content) {
        let full = ChunkMap::full(4);
        let reply = self.connect(name, None, vec![join(content.swarm, Mode::Seeder, &full)]);
        if let Some(asked) = swarm(&reply).challenge {
            let proof = Some(content.proof(&asked, &full));
            self.report(
                name,
                &tag(&reply),
                StatReport {
                    proof,
                    ..Default::default()
                },
            );
        }
    }
}

/// All of it: tags, lists, IDs, who is verified, names that peers drew; under other numbers of the contents.
//= P2P-142 type=test
#[test]
fn a_snapshot_brings_back_what_stands() {
    let contents: Vec<Content> = (0..3).map(|seed| Content::new(seed, 4)).collect();
    let (mut kept, full) = (Kept::default(), ChunkMap::full(4));
    let drawn = Settings {
        expose: Expose::Drawn,
        ..settings()
    };
    let all: Vec<&Content> = contents.iter().collect();
    let mut world = World::begins(drawn.clone(), &kept, &all, start(), [1; 32]);
    let what = What::Connect(Connect {
        swarms: vec![
            join(contents[1].swarm, Mode::Seeder, &full),
            join(contents[2].swarm, Mode::Leech, &none()),
        ],
        peer_count: None,
        addresses: Vec::new(),
    });
    let body = world.body(what, Some("3fA-8_kQzYw1vTn5RbXh2LmPsUeG"));
    let first = world.publish(ALICE, None, None, Some(&body));
    let proof = contents[1].proof(&swarm(&first).challenge.unwrap(), &full);
    let proof = StatReport {
        proof: Some(proof),
        ..Default::default()
    };
    let alice = tag(&world.report(ALICE, &tag(&first), proof));
    let bob = contents.iter().map(|content| join(content.swarm, Mode::Leech, &none()));
    let bob = tag(&world.connect(BOB, None, bob.collect()));
    let brief = world.connect(CAROL, None, vec![join(contents[0].swarm, Mode::Leech, &none())]);
    let carol = tag(&world.publish(CAROL, Some(&tag(&brief)), Some(60), None));
    let id = world.list(BOB, contents[1].swarm).remove(0);
    assert!(id.starts_with("sip:t2."), "{id}");
    world.writes_all(&mut kept);
    let pieces = world.snapshot();
    world.pass(100);
    // One content is gone, the others come in another order; and one peer's time is over.
    let mut world = world.dies_after(drawn, (&kept, &pieces), &[&contents[2], &contents[1]]);
    assert_eq!(world.tracker.len(), (3, 4));
    assert_eq!(world.list(BOB, contents[1].swarm), std::slice::from_ref(&id));
    assert_eq!(world.resolve(BOB, &id), Ok(ALICE.into()));
    assert_eq!(world.publish(ALICE, Some(&alice), None, None).status, 200);
    assert_eq!(world.publish(BOB, Some(&bob), None, None).status, 200);
    assert_eq!(world.publish(CAROL, Some(&carol), None, None).status, 412);
    // It ends as it would have ended.
    world.pass(1750);
    world.tracker.expire(world.now);
    assert_eq!(world.tracker.len(), (3, 4));
    world.pass(51);
    world.tracker.expire(world.now);
    assert_eq!(world.tracker.len(), (1, 0), "who is expected back is waited for");
}

/// What happened since to a place, or to who stands there, counts more than what a snapshot says of it.
//= P2P-141 type=test
//= P2P-142 type=test
#[test]
fn a_snapshot_does_not_undo_what_happened_since() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let peers: Vec<String> = ["gone", "anew", "failed", "aside", "stays"]
        .map(|who| format!("sip:{who}@home1.example"))
        .into();
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    let tags: Vec<String> = peers
        .iter()
        .map(|peer| world.holds(peer, &content, &ChunkMap::full(4)))
        .collect();
    world.enters(BOB, &content);
    assert_eq!(world.list(BOB, content.swarm).len(), 5);
    let pieces = world.snapshot();
    world.tracker.deregistered(world.now, peers[0].as_bytes(), b"1");
    // Its place is somebody else's now.
    world.enters(CAROL, &content);
    let failed = world.connect(
        &peers[2],
        None,
        vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))],
    );
    assert!(swarm(&failed).challenge.is_some());
    world.pass(4);
    world.tracker.expire(world.now);
    let aside = world.tracker.table.find(peers[3].as_bytes(), b"1").unwrap();
    let aside = world.tracker.shown_as(world.now, aside, 0, Viewer::Any).unwrap();
    for number in 0..3 {
        world.accuses(
            &format!("sip:slanderer{number}@home1.example"),
            number,
            &content,
            &aside,
        );
    }
    let anew = world.holds(&peers[1], &content, &ChunkMap::full(4));
    world.writes_all(&mut kept);
    let mut world = world.dies_after(settings(), (&kept, &pieces), &[&content]);
    // Bob, who anew and who stays; the snapshot had five more that are not what it says.
    let listed = world.list(BOB, content.swarm);
    let named: BTreeSet<String> = listed.iter().map(|id| world.resolve(BOB, id).unwrap()).collect();
    assert_eq!(named, BTreeSet::from([peers[1].clone(), peers[4].clone()]));
    assert_eq!(world.publish(&peers[4], Some(&tags[4]), None, None).status, 200);
    // A tag of after the snapshot is not known, and who brings it announces anew.
    assert_eq!(world.publish(&peers[1], Some(&anew), None, None).status, 412);
    assert_eq!(world.publish(&peers[0], Some(&tags[0]), None, None).status, 412);
}

/// Pieces hold so many each, and one that is cut short brings back what is before the cut.
//= P2P-142 type=test
#[test]
fn a_snapshot_comes_in_pieces() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    for number in 0..5000 {
        world.enters(&format!("sip:peer{number}@home1.example"), &content);
        if number % 200 == 0 {
            world.writes_all(&mut kept);
        }
    }
    world.writes_all(&mut kept);
    let pieces = world.snapshot();
    assert_eq!(pieces.len(), 1 + 3);
    let next = |pieces: &[Vec<u8>], cut: Option<usize>| {
        let mut world = World::begins(settings(), &kept, &[&content], start(), [2; 32]);
        let mut recalled = Recalled::default();
        let taken = pieces.iter().map(|piece| {
            let piece = &piece[..cut.map_or(piece.len(), |cut| piece.len() - cut)];
            world.tracker.recall_piece(start(), &mut recalled, piece).is_some()
        });
        (taken.filter(|taken| *taken).count(), world.tracker.len().1)
    };
    assert_eq!(next(&pieces, None), (4, 5000));
    assert_eq!(next(&pieces[..2], None), (2, 2048));
    let (taken, there) = next(&pieces, Some(1));
    assert_eq!(
        (taken, there),
        (0, 0),
        "without its contents, and with its last rows cut"
    );
    let mut other = pieces[1].clone();
    other[0] += 1;
    assert_eq!(next(&[pieces[0].clone(), other], None), (1, 0));
}

/// What could not be kept is told again, after a pause; what changed while it was under way as well.
//= P2P-141 type=test
#[test]
fn a_fact_is_told_until_it_is_kept() {
    let (content, kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    world.enters(ALICE, &content);
    let (root, _) = world.tracker.poll_fact(world.now).unwrap();
    let (place, _) = world.tracker.poll_fact(world.now).unwrap();
    assert_eq!((root, place), (FactId::Root, FactId::Place(0)));
    assert_eq!(world.tracker.unkept(ALICE.as_bytes(), b"1"), [place, root]);
    world.tracker.kept(world.now, root, true);
    world.tracker.kept(world.now, place, false);
    assert!(world.tracker.poll_fact(world.now).is_none());
    assert_eq!(
        world.tracker.next_keeping(),
        Some(world.now.at + Duration::from_secs(1))
    );
    world.pass(1);
    assert_eq!(world.tracker.poll_fact(world.now).unwrap().0, place);
    world.tracker.deregistered(world.now, ALICE.as_bytes(), b"1");
    assert!(world.tracker.poll_fact(world.now).is_none(), "one after the other");
    world.tracker.kept(world.now, place, true);
    assert!(!world.tracker.is_kept(place));
    let (again, fact) = world.tracker.poll_fact(world.now).unwrap();
    assert!(again == place && fact.kept.is_none());
    world.tracker.kept(world.now, place, true);
    assert!(world.tracker.is_kept(place));
    // So many are under way at once.
    for number in 0..300 {
        world.enters(&format!("sip:peer{number}@home1.example"), &content);
    }
    let told = std::iter::from_fn(|| world.tracker.poll_fact(world.now)).count();
    assert_eq!(told, 256);
}

#[test]
fn of_what_is_not_whole_nothing_is_recalled() {
    let (content, mut kept) = (Content::new(1, 4), Kept::default());
    let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
    world.enters(ALICE, &content);
    world.writes_all(&mut kept);
    let (_, place) = &kept.0[&(1 << 120)];
    let (_, root) = &kept.0[&Root::NAME];
    for length in 0..place.len() - ALICE.len() - 1 {
        assert!(
            !world
                .tracker
                .recall(world.now, &place[..length], u64::MAX, &mut world.random),
            "{length}"
        );
    }
    for length in (0..root.len() - 20).chain(root.len() - 19..root.len()) {
        assert!(Root::read(&root[..length], [8; 32]).is_none(), "{length}");
    }
    let mut other = place.clone();
    other[0] += 1;
    assert!(!world.tracker.recall(world.now, &other, u64::MAX, &mut world.random));
}

pub(super) fn start() -> Moment {
    Moment {
        at: Duration::from_secs(1000),
        unix: NOW,
    }
}

fn none() -> ChunkMap {
    ChunkMap::of_ranges(4, &[]).unwrap()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enters(u8),
    Leaves(u8),
    Writes(u8),
    Dies,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..5).prop_map(Step::Enters),
        3 => (0u8..5).prop_map(Step::Leaves),
        2 => (1u8..4).prop_map(Step::Writes),
        1 => Just(Step::Dies),
    ]
}

proptest! {
    /// Whatever is written when the process dies, an ID leads to whom it was told of, or nowhere.
    //= P2P-042 type=test
    //= P2P-036 type=test
    #[test]
    fn no_id_reaches_anybody_else(steps in proptest::collection::vec(step(), 1..80)) {
        let (content, mut kept) = (Content::new(1, 4), Kept::default());
        let mut world = World::begins(settings(), &kept, &[&content], start(), [1; 32]);
        let name = |number: u8| format!("sip:peer{number}@home1.example");
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Enters(number) => {
                    let id = world.enters(&name(number), &content);
                    told.insert((id, name(number)));
                }
                Step::Leaves(number) => world.tracker.deregistered(world.now, name(number).as_bytes(), b"1"),
                Step::Writes(count) => {
                    world.writes(&mut kept, count.into());
                }
                Step::Dies => world = world.dies(&kept, &[&content]),
            }
            world.pass(1);
        }
        for number in 0..5 {
            world.enters(&name(number), &content);
        }
        world.enters(BOB, &content);
        for (count, (id, of)) in told.iter().enumerate() {
            if count % 15 == 14 {
                world.pass(61);
            }
            let found = world.resolve(BOB, id);
            prop_assert!(found == Err(Unusable) || found.as_ref() == Ok(of), "{:?} is not {}", found, of);
        }
    }
}
