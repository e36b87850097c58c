//! What the tracker knows outlives an engine: what is asked of the store, and what waits for it.

use std::sync::Arc;

use sipveil::engine::storing::{Change, Piece};
use sipveil::engine::{Input, Output, PostId};
use sipveil::seal::Keys;

use super::posts::{LINES, post_of};
use super::scene::{ALICE, BOB, CAROL, Kept, Scene, Ue, one, policy};
use crate::world;

fn with_store(lines: &str) -> String {
    policy(lines) + "\n[store]\nurl = \"file:never-opened.redb\"\n"
}

fn registered(mut scene: Scene, ues: &[Ue]) -> Scene {
    ues.iter().for_each(|ue| scene.register(*ue, 600));
    scene
}

/// All three there, with a store.
fn keeping() -> Scene {
    registered(Scene::on(&with_store(""), &Kept::default(), 2), &[ALICE, BOB, CAROL])
}

/// Killed, and up again.
fn again(scene: &Scene, instance: u64) -> Scene {
    let kept = scene.kept.as_ref().unwrap();
    registered(Scene::on(&with_store(""), kept, instance), &[ALICE, BOB, CAROL])
}

fn calls(scene: &mut Scene, by: Ue, id: &str) -> String {
    one(scene.request(by, "OPTIONS", id, "", b"")).start().to_owned()
}

//= P2P-042 type=test
//= P2P-141 type=test
#[test]
fn an_id_told_before_a_crash_leads_to_the_same_device_once_both_are_back_and_to_no_other() {
    let mut scene = keeping();
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    let id = scene.listed(BOB).remove(0);
    let mut scene = again(&scene, 3);
    let stale = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\n"), b"");
    assert_eq!(stale.start(), "SIP/2.0 412 Conditional Request Failed");
    scene.joins(BOB);
    scene.joins(CAROL);
    assert_eq!(calls(&mut scene, BOB, &id), "SIP/2.0 404 Not Found");
    scene.shares(ALICE);
    assert_eq!(
        calls(&mut scene, BOB, &id),
        format!("OPTIONS {} SIP/2.0", ALICE.contact())
    );
    assert_ne!(scene.listed(BOB)[0], id, "another run tells other names");
    // Who left before the crash left.
    scene.register(ALICE, 0);
    let mut scene = again(&scene, 4);
    scene.joins(BOB);
    scene.shares(ALICE);
    assert_eq!(calls(&mut scene, BOB, &id), "SIP/2.0 404 Not Found");
}

//= P2P-042 type=test
#[test]
fn a_peer_hears_that_it_is_announced_when_its_place_is_kept() {
    let mut scene = keeping();
    scene.kept = None;
    let body = scene.join();
    let rows = "Event: p2p-content\r\nContent-Type: application/ppsp-tracker+json\r\n";
    let text = scene.request_text(ALICE, "PUBLISH", &ALICE.identity(), rows, &body);
    assert_eq!(scene.says(ALICE, &text), []);
    assert_eq!(scene.says(ALICE, &text), [], "said again, it waits as before");
    let changes = std::mem::take(&mut scene.world.store);
    let (id, place) = &changes[0];
    assert!(matches!(place, Change::PutFact(_)), "{changes:?}");
    let answered = scene.world.input(Input::Stored { id: *id, is_kept: true });
    assert_eq!(one(answered).start(), "SIP/2.0 200 OK");
    // A refresh changes nothing that is kept.
    let refreshed = scene.publish(ALICE, "", &body);
    assert_eq!((refreshed.start(), scene.world.store.len()), ("SIP/2.0 200 OK", 0));
    // What cannot be kept is not announced, and is tried again.
    let text = scene.request_text(BOB, "PUBLISH", &BOB.identity(), rows, &body);
    assert_eq!(scene.says(BOB, &text), []);
    let (id, _) = scene.world.store.remove(0);
    let refused = one(scene.world.input(Input::Stored { id, is_kept: false }));
    assert_eq!(refused.start(), "SIP/2.0 503 Service Unavailable");
    assert!(refused.row("Retry-After").is_some());
    assert!(scene.world.store.is_empty());
    scene.pass(1);
    assert!(matches!(scene.world.store.remove(0).1, Change::PutFact(_)));
}

//= P2P-111 type=test
//= P2P-141 type=test
#[test]
fn who_failed_is_not_taken_by_the_next_run() {
    let mut scene = keeping();
    let body = scene.seed();
    assert_eq!(scene.publish(ALICE, "", &body).start(), "SIP/2.0 200 OK");
    scene.pass(5);
    // Somebody asks something, so that what is due is done; it is kept meanwhile.
    scene.joins(BOB);
    let mut scene = again(&scene, 3);
    let refused = scene.publish(ALICE, "", &body);
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    assert!(refused.text().contains("RATE"), "{}", refused.text());
}

/// Under other keys nothing of it is readable, and nothing of it comes back.
//= P2P-042 type=test
//= P2P-148 type=test
#[test]
fn what_is_kept_is_sealed() {
    let mut scene = keeping();
    scene.joins(BOB);
    scene.shares(ALICE);
    let id = scene.listed(BOB).remove(0);
    let kept = scene.kept.clone().unwrap();
    assert_eq!(kept.0.len(), 3);
    let pieces = scene.closes();
    let facts = kept.0.values().map(|stored| &stored.sealed);
    for sealed in facts.chain(pieces.iter().map(|piece| &piece.sealed)) {
        let text = String::from_utf8_lossy(sealed);
        for secret in ["alice", "bob", "home1", "10.30.0"] {
            assert!(!text.contains(secret));
        }
    }
    let other = Arc::new(Keys::new(&[(1, [43; 32])], "T-home1", 5).unwrap());
    let (next, lost) = Scene::recalling(&with_store(""), (&kept, &pieces), other);
    assert_eq!(lost, 3 + pieces.len());
    let mut next = registered(next, &[ALICE, BOB]);
    next.joins(BOB);
    next.shares(ALICE);
    assert_eq!(calls(&mut next, BOB, &id), "SIP/2.0 404 Not Found");
    assert_eq!(next.kept.unwrap().0.len(), 3, "what nobody can read went");
}

//= P2P-141 type=test
#[test]
fn without_a_store_nothing_is_kept_and_nobody_waits() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    scene.shares(ALICE);
    scene.pass(301);
    assert!(scene.world.store.is_empty() && scene.world.pieces.is_empty());
    assert_eq!(scene.closes(), []);
}

/// After an orderly end nobody announces anew; who is reached over a connection is as soon as there is another one.
//= P2P-042 type=test
//= P2P-142 type=test
#[test]
fn what_stood_at_the_end_stands_at_the_start() {
    let mut scene = keeping();
    let bob = scene.joins(BOB);
    let alice = scene.shares(ALICE);
    let id = scene.listed(BOB).remove(0);
    let (kept, pieces) = (scene.kept.clone().unwrap(), scene.closes());
    let begins = |pieces: &[Piece], instance| {
        let keys = world::keys_of_instance(instance);
        Scene::recalling(&with_store(""), (&kept, pieces), keys)
    };
    let (next, lost) = begins(&pieces, 3);
    assert_eq!(lost, 0);
    let mut next = registered(next, &[ALICE, BOB]);
    assert_eq!(next.listed(BOB).len(), 1);
    assert_eq!(calls(&mut next, BOB, &id), "SIP/2.0 480 Temporarily Unavailable");
    for (ue, etag) in [(ALICE, alice), (BOB, bob)] {
        let refreshed = next.publish(ue, &format!("SIP-If-Match: {etag}\r\n"), b"");
        assert_eq!(refreshed.start(), "SIP/2.0 200 OK");
    }
    assert_eq!(
        calls(&mut next, BOB, &id),
        format!("OPTIONS {} SIP/2.0", ALICE.contact())
    );
    // In another order, or out of another snapshot, a piece is not read.
    let mut other = pieces.clone();
    other[1].number = 0;
    assert_eq!(begins(&other, 4).1, 1);
    other[1].number = 1;
    other[1].of ^= 1;
    assert_eq!(begins(&other, 4).1, 1);
}

//= P2P-142 type=test
#[test]
fn every_five_minutes_what_stands_is_written_piece_by_piece() {
    let mut scene = keeping();
    scene.joins(BOB);
    let written = |scene: &mut Scene| -> Vec<(u32, bool)> {
        let pieces = scene.world.pieces.drain(..);
        pieces.map(|piece| (piece.number, piece.is_last)).collect()
    };
    scene.pass(299);
    assert_eq!(written(&mut scene), []);
    scene.pass(1);
    assert_eq!(written(&mut scene), [(0, false)]);
    // Not before the last one is written.
    scene.pass(100);
    assert_eq!(written(&mut scene), []);
    let kept = |scene: &mut Scene, is_kept| {
        scene.world.input(Input::Snapshotted { is_kept });
        scene.pass(1);
        written(scene)
    };
    assert_eq!(kept(&mut scene, true), [(1, false)]);
    assert_eq!(kept(&mut scene, true), [(2, true)]);
    assert_eq!(kept(&mut scene, true), []);
    scene.pass(300);
    assert_eq!(written(&mut scene), [(0, false)]);
    // What cannot be written is begun anew, the next time.
    assert_eq!(kept(&mut scene, false), []);
    scene.pass(300);
    assert_eq!(written(&mut scene), [(0, false)]);
    // At the end it is begun anew as well.
    let last: Vec<(u32, bool)> = scene
        .closes()
        .iter()
        .map(|piece| (piece.number, piece.is_last))
        .collect();
    assert_eq!(last, [(0, false), (1, false), (2, true)]);
    scene.pass(1000);
    assert_eq!(written(&mut scene), []);
}

/// What was kept of a tracker goes with it.
//= P2P-141 type=test
#[test]
fn another_tracker_begins_with_nothing() {
    let mut scene = keeping();
    scene.joins(BOB);
    let before = scene.kept.as_ref().unwrap().0.len();
    let other = world::policy(&with_store("").replace("p2p.home1", "other.home1"));
    scene.world.input(Input::Policy(Arc::new(other)));
    let first = &scene.world.store[0].1;
    assert_eq!((before, first), (2, &Change::ForgetFacts));
    let root = &scene.world.store[1].1;
    assert!(
        matches!(root, Change::PutFact(stored) if stored.record.0 == 0),
        "{root:?}"
    );
    assert_eq!(scene.world.store.len(), 2);
}

/// By HTTPS, too; and where it cannot be kept it hears to come later.
//= P2P-132 type=test
//= P2P-141 type=test
#[test]
fn who_asks_by_https_hears_that_it_is_announced_when_its_place_is_kept() {
    for (is_kept, status) in [(true, 200), (false, 503)] {
        let mut scene = registered(Scene::on(&with_store(LINES), &Kept::default(), 2), &[ALICE]);
        scene.kept = None;
        let body = scene.join();
        let mut asked = |input: Input| {
            scene.world.engine.handle(scene.world.now, input);
            let (mut stores, mut answers) = (Vec::new(), Vec::new());
            while let Some(output) = scene.world.engine.poll_output() {
                match output {
                    Output::Store { id, .. } => stores.push(id),
                    Output::Answer { id, answer } => answers.push((id, answer.status())),
                    _ => {}
                }
            }
            (stores, answers)
        };
        let (id, post) = (PostId(9), post_of(ALICE, &body));
        let (stores, answers) = asked(Input::Post { id, post });
        assert_eq!((stores.len(), answers), (1, Vec::new()));
        let (_, answers) = asked(Input::Stored { id: stores[0], is_kept });
        assert_eq!(answers, [(PostId(9), status)]);
    }
}
