//! What an operator hears of peers: counters without names, and lines of the log in which nobody can be told by another day.

use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};

use super::elsewhere;
use super::scene::{ALICE, BOB, CAROL, MEDIA_TYPE, Scene, Ue, one};
use super::sessions::{KEY, OTHER_KEY, invite, met, sdp, with_body};
use crate::counts::moved;
use crate::logs::logged;
use crate::world::respond;

/// What moved of what is counted of peers since a moment.
fn moved_of_peers(scene: &Scene, before: &sipveil::engine::counts::Counts) -> Vec<String> {
    let all = moved(before, &scene.world.engine.counts());
    let of_peers = all.iter().filter_map(|row| row.strip_prefix("sipveil_p2p_"));
    of_peers.map(str::to_owned).collect()
}

//= P2P-147 type=test
#[test]
fn what_peers_ask_and_what_becomes_of_it_is_counted() {
    let mut scene = Scene::new("clear_keys = true");
    let before = scene.world.engine.counts();
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    assert_eq!(
        moved_of_peers(&scene, &before),
        [
            "requests_total{request=\"announce\",result=\"done\"} 2",
            "requests_total{request=\"change\",result=\"done\"} 1",
            "challenges_total{result=\"put\"} 1",
            "challenges_total{result=\"proved\"} 1",
            "proof_seconds_bucket{le=\"0.01\"} 1",
            "proof_seconds_bucket{le=\"0.05\"} 1",
            "proof_seconds_bucket{le=\"0.1\"} 1",
            "proof_seconds_bucket{le=\"0.5\"} 1",
            "proof_seconds_bucket{le=\"1\"} 1",
            "proof_seconds_bucket{le=\"3\"} 1",
            "proof_seconds_bucket{le=\"+Inf\"} 1",
            "proof_seconds_count 1",
            "swarm_peers_bucket{le=\"0\"} -1",
            "swarm_peers_bucket{le=\"1\"} -1",
            "swarm_peers_sum 2",
            "peers 2",
        ]
    );
    let before = scene.world.engine.counts();
    let uri = scene.listed(BOB).remove(0);
    scene.asks(CAROL, 0);
    scene.publish(BOB, "SIP-If-Match: old\r\n", b"");
    scene.publish(BOB, "Expires: 1\r\n", b"{}");
    scene.publish(BOB, "", b"{}");
    assert_eq!(
        moved_of_peers(&scene, &before),
        [
            "requests_total{request=\"announce\",result=\"refused\"} 2",
            "requests_total{request=\"refresh\",result=\"refused\"} 1",
            "requests_total{request=\"list\",result=\"done\"} 1",
            "requests_total{request=\"list\",result=\"refused\"} 1",
            "errors_total{error=\"BAD_BODY\"} 1",
            "errors_total{error=\"NOT_MEMBER\"} 1",
            "errors_total{error=\"STALE_TAG\"} 1",
            "errors_total{error=\"TOO_BRIEF\"} 1",
        ]
    );
    let before = scene.world.engine.counts();
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let ok = with_body(respond(&at_alice, "200 OK", "a", ""), &sdp(ALICE, OTHER_KEY));
    scene.says(ALICE, &ok);
    scene.request(BOB, "MESSAGE", &uri, "Content-Type: text/plain\r\n", b"hello");
    scene.request(CAROL, "OPTIONS", &uri, "", b"");
    scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\nExpires: 0\r\n"), b"");
    assert_eq!(
        moved_of_peers(&scene, &before),
        [
            "requests_total{request=\"withdraw\",result=\"done\"} 1",
            "sessions_total{result=\"there\"} 1",
            "sessions_total{result=\"nowhere\"} 1",
            "sessions_total{result=\"unfit\"} 1",
            "answers_total{class=\"2xx\"} 1",
            "ids_used_total{key_days=\"0\"} 1",
            "guard_total{side=\"peer\",action=\"clean\"} 2",
            "swarm_peers_bucket{le=\"1\"} 1",
            "swarm_peers_sum -1",
            "peers -1",
        ]
    );
}

//= P2P-147 type=test
#[test]
fn a_challenge_nobody_answers_is_counted_and_what_was_counted_outlives_a_policy() {
    let mut scene = Scene::new("");
    let before = scene.world.engine.counts();
    let body = scene.seed();
    scene.publish(ALICE, "", &body);
    scene.pass(10);
    let unanswered = "challenges_total{result=\"unanswered\"} 1".to_owned();
    assert!(moved_of_peers(&scene, &before).contains(&unanswered));
    let off = super::scene::policy("").replace("\"embedded\"", "\"off\"");
    let policy = std::sync::Arc::new(crate::world::policy(&off));
    scene.world.input(sipveil::engine::Input::Policy(policy));
    assert!(moved_of_peers(&scene, &before).contains(&unanswered));
}

/// Whatever is done, each label is one of a few words.
//= P2P-147 type=test
#[test]
fn no_counter_of_peers_names_anybody() {
    let rows = |ue: Ue| {
        let mut scene = Scene::new("clear_keys = true");
        scene.joins(BOB);
        scene.shares(ue);
        let uri = scene.listed(BOB).remove(0);
        invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY));
        let rows = scene.world.engine.counts().rows();
        let of_peers = rows.iter().filter(|row| row.name.starts_with("sipveil_p2p_"));
        of_peers.map(|row| (row.series(), row.value)).collect::<Vec<_>>()
    };
    let of_alice = rows(ALICE);
    assert_eq!(of_alice, rows(CAROL));
    for (series, _) in of_alice {
        for told in ["alice", "bob", "carol", "home1", "t1.", "sha-256"] {
            assert!(!series.contains(told), "{told} in {series}");
        }
    }
}

//= P2P-147 type=test
#[test]
fn what_the_guard_does_is_counted_by_whose_words_they_are() {
    let entries = "{\"peer_id\":\"sip:alice@home1.example\",\"ims_have\":\"full\"}";
    for (tracker, side) in [
        (elsewhere::INSIDE, "tracker_inside"),
        (elsewhere::OUTSIDE, "tracker_outside"),
    ] {
        for (on_leak, action) in [("redact", "redacted"), ("remove", "removed"), ("refuse", "refused")] {
            let mut scene = elsewhere::scene(tracker, &format!("on_leak = \"{on_leak}\""));
            let text = elsewhere::list(&scene, entries);
            let before = scene.world.engine.counts();
            elsewhere::notified(&mut scene, tracker, MEDIA_TYPE, &text);
            assert_eq!(
                moved_of_peers(&scene, &before),
                [
                    format!("guard_total{{side=\"{side}\",action=\"{action}\"}} 1"),
                    "guard_total{side=\"to_tracker\",action=\"clean\"} 1".to_owned(),
                ]
            );
        }
    }
}

/// A tracker that names somebody in each of its lists is told of, and does not fill the log.
//= P2P-148 type=test
#[test]
fn a_leaking_tracker_does_not_fill_the_log() {
    let text = logged(|| {
        let mut scene = elsewhere::scene(elsewhere::INSIDE, "");
        let body = elsewhere::list(&scene, "{\"peer_id\":\"sip:alice@home1.example\"}");
        for _ in 0..120 {
            elsewhere::notified(&mut scene, elsewhere::INSIDE, MEDIA_TYPE, &body);
            scene.pass(64);
            scene.register(BOB, 600);
        }
    });
    let told: Vec<&str> = text.lines().filter(|line| line.contains("names somebody")).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[2].contains("WARN") && told[2].contains("count=100"), "{}", told[2]);
    assert!(!text.contains("alice@"));
}

/// All that peers do at the most talkative level.
fn a_day_of_peers(scene: &mut Scene) -> Vec<String> {
    let uri = met(scene);
    let at_alice = one(invite(scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let ok = with_body(respond(&at_alice, "200 OK", "a", ""), &sdp(ALICE, OTHER_KEY));
    scene.says(ALICE, &ok);
    invite(scene, CAROL, &uri, "", &sdp(CAROL, KEY));
    let key = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let weak = sdp(BOB, KEY).replace(&key, &format!("a=crypto:1 NULL inline:{KEY}\r\n"));
    invite(scene, BOB, &uri, "", &weak);
    invite(scene, BOB, &uri, "", KEY);
    let asked = "Event: p2p-key\r\nExpires: 600\r\nContent-Type: application/p2p-key+json\r\n";
    let jwk = format!("{{\"jwk\":{{\"kty\":\"oct\",\"k\":\"{OTHER_KEY}\"}}}}");
    let asked = one(scene.request(BOB, "SUBSCRIBE", "sip:ccs@home1.example", asked, jwk.as_bytes()));
    for kind in ["application/jose+json", "application/json"] {
        let answer = respond(&asked, "200 OK", "s", "");
        let typed = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{jwk}", jwk.len());
        let answer = answer.replace("Content-Length: 0\r\n\r\n", &typed);
        scene.world.packet("core", "10.20.0.9:5060", &answer);
    }
    scene.publish(BOB, "", KEY.as_bytes());
    vec![uri]
}

/// What follows each `peer=#` of a log.
fn tags(text: &str) -> BTreeSet<&str> {
    text.split("peer=#").skip(1).map(|rest| &rest[..16]).collect()
}

//= P2P-148 type=test
//= P2P-101 type=test
#[test]
fn the_log_of_peers_tells_neither_who_they_are_nor_a_key() {
    let mut ids = Vec::new();
    let mut swarm = String::new();
    let text = logged(|| {
        let mut scene = Scene::new("clear_keys = true");
        scene.world.engine.observe();
        swarm = scene.content.swarm().text();
        ids = a_day_of_peers(&mut scene);
        tracing::info!("{:?}", scene.world.events());
        tracing::info!("{:?} {:?}", scene.world.engine.counts(), scene.world.engine.held());
    });
    let mut secrets: Vec<String> = [ALICE, BOB, CAROL]
        .iter()
        .flat_map(|ue| [ue.identity(), ue.at.to_owned(), format!("{}@", ue.name)])
        .collect();
    for key in [KEY, OTHER_KEY] {
        let bytes = BASE64.decode(key.as_bytes()).unwrap();
        let dresses = [
            key.to_owned(),
            BASE64URL_NOPAD.encode(&bytes),
            HEXLOWER.encode(&bytes),
            HEXLOWER.encode(key.as_bytes()),
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ];
        secrets.extend(dresses);
    }
    secrets.push(swarm);
    secrets.extend(ids.iter().cloned());
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is told:\n{text}");
    }
    // Of the ID its beginning, and no more.
    let token = ids[0].split_once("t1.").unwrap().1;
    assert!(text.contains(&format!("id={}", &token[..8])) && !text.contains(&token[..9]));
    assert_eq!(tags(&text).len(), 2, "Alice and Bob, who asked");
    assert!(!text.contains("ERROR"), "{text}");
}

//= P2P-148 type=test
#[test]
fn what_a_peer_is_called_in_the_log_lasts_a_day() {
    let mut scene = Scene::new("");
    let mut etag = String::new();
    let mut first = String::new();
    let one_day = logged(|| {
        etag = scene.joins(BOB);
        first = scene.asks(BOB, 0).0.text().to_owned();
    });
    assert!(first.starts_with("SIP/2.0 200"));
    scene.pass(86_400);
    scene.register(BOB, 600);
    let another = logged(|| {
        scene.joins(BOB);
    });
    let (one_day, another) = (tags(&one_day), tags(&another));
    assert_eq!((one_day.len(), another.len()), (1, 1));
    assert_ne!(one_day, another);
    // Elsewhere it is another one on the same day.
    let seed = [9; 32];
    let policy = std::sync::Arc::new(crate::world::policy(&super::scene::policy("")));
    scene.world = crate::world::World::under(policy, crate::world::keys(), seed);
    scene.register(BOB, 600);
    let elsewhere = logged(|| {
        let body = scene.join();
        scene.publish(BOB, "", &body);
    });
    assert_ne!(tags(&elsewhere), one_day);
}
