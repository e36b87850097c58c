//! A machine that cannot keep up, or whose clock jumps.

use std::collections::BTreeSet;

use sipveil::engine::Input;
use sipveil::ppsp::visit::Visit;

use super::scene::{ALICE, BOB, MEDIA_TYPE, Scene, one};

//= P2P-145 type=test
#[test]
fn a_worker_that_is_behind_refuses_statistics_first_refreshes_last_and_all_of_it_before_other_calls() {
    const EACH: usize = 300;
    let mut scene = Scene::new("");
    // One that leads nowhere: how often Bob may call Alice is another matter.
    let id = format!("sip:t1.{}@tid.p2p.home1.example", "A".repeat(36));
    let (swarm, own) = (scene.swarm_uri(), BOB.identity());
    let typed = format!("Event: p2p-content\r\nContent-Type: {MEDIA_TYPE}\r\n");
    let with_tag = format!("{typed}SIP-If-Match: none\r\n");
    let kinds: [(&str, &str, &str, &[u8]); 7] = [
        ("PUBLISH", &own, &with_tag, b"{\"request_type\":\"STAT_REPORT\"}"),
        ("SUBSCRIBE", &swarm, &typed, b""),
        ("PUBLISH", &own, &typed, b"{\"request_type\":\"CONNECT\"}"),
        (
            "PUBLISH",
            &own,
            &with_tag,
            b"{\"request_type\":\"STAT_REPORT\",\"ims_proof\":{}}",
        ),
        ("OPTIONS", &id, "", b""),
        ("PUBLISH", &own, "Event: p2p-content\r\nSIP-If-Match: none\r\n", b""),
        ("MESSAGE", "sip:carol@home1.example", "", b""),
    ];
    scene.world.input(Input::Load(10));
    let mut waits = BTreeSet::new();
    let refused = kinds.map(|(method, uri, rows, body)| {
        let mut refused = 0;
        for number in 0..EACH {
            // What one source may ask in a second is another matter.
            if number % 100 == 0 {
                scene.pass(1);
            }
            let sent = scene.request(BOB, method, uri, rows, body);
            let answer = sent.iter().find(|sent| sent.start().starts_with("SIP/2.0 503"));
            waits.extend(answer.map(|answer| answer.row("Retry-After").unwrap().to_owned()));
            // Who is refused often is refused in silence.
            refused += usize::from(sent.is_empty() || answer.is_some());
        }
        refused
    });
    assert_eq!(refused[0], EACH);
    assert!(refused.is_sorted_by(|one, next| one > next), "{refused:?}");
    assert!(waits.len() > 2, "{waits:?}");
}

//= P2P-146 type=test
#[test]
fn a_clock_that_jumps_ends_neither_announcements_nor_ids() {
    let mut scene = Scene::new("");
    // Registrations end by the clock all the same.
    [ALICE, BOB].into_iter().for_each(|ue| scene.register(ue, 20_000));
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    let id = scene.listed(BOB).remove(0);
    scene.world.now.unix += 7200;
    assert_eq!(scene.listed(BOB), [id.as_str()]);
    let refreshed = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\n"), b"");
    assert_eq!(refreshed.start(), "SIP/2.0 200 OK");
    let called = scene.request(BOB, "OPTIONS", &id, "", b"");
    assert!(
        called[0].start().starts_with("OPTIONS sip:alice@"),
        "{}",
        called[0].start()
    );
}

/// An auditor is sent by the clock that IDs go by: where it is sent, it gets.
//= P2P-122 type=test
//= P2P-146 type=test
#[test]
fn a_clock_that_jumps_sends_no_auditor_astray() {
    let mut scene = Scene::new("auditors = [\"sip:bob@home1.example\", \"sip:carol@home1.example\"]");
    [ALICE, BOB].into_iter().for_each(|ue| scene.register(ue, 20_000));
    scene.joins(BOB);
    scene.shares(ALICE);
    scene.world.now.unix += 7200;
    let rows = "Event: p2p-visit\r\nAccept: application/p2p-visit+json\r\n";
    let sent = one(scene.request(BOB, "PUBLISH", &BOB.identity(), rows, b""));
    let (_, body) = sent.text().split_once("\r\n\r\n").unwrap();
    let accused = Visit::read(body.as_bytes()).and_then(|visit| visit.accused);
    let peer = accused.expect("somebody is looked at by chance").peer;
    assert_eq!(scene.listed(BOB), [peer.as_str()]);
    let called = scene.request(BOB, "OPTIONS", &peer, "", b"");
    assert!(
        called[0].start().starts_with("OPTIONS sip:alice@"),
        "{}",
        called[0].start()
    );
}
