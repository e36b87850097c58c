//! PUBLISH: what a UE announces, keeps up and takes back.

use super::scene::{ALICE, BOB, CAROL, Scene, one, result};
use crate::world::respond;

//= P2P-003 type=test
#[test]
fn who_is_not_registered_announces_nothing() {
    let mut scene = Scene::new("");
    scene.register(ALICE, 0);
    let answer = scene.publish(ALICE, "", b"");
    assert_eq!(answer.start(), "SIP/2.0 403 Forbidden");
}

//= P2P-013 type=test
//= P2P-014 type=test
//= P2P-110 type=test
#[test]
fn a_holder_is_listed_when_it_has_proved_what_it_holds_and_not_before() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    assert_eq!(scene.listed(BOB), [""; 0]);
    scene.shares(ALICE);
    let listed = scene.listed(BOB);
    assert_eq!(listed.len(), 1);
    assert!(
        listed[0].starts_with("sip:t1.") && listed[0].ends_with("@tid.p2p.home1.example"),
        "{listed:?}"
    );
}

//= P2P-015 type=test
//= P2P-018 type=test
//= P2P-020 type=test
#[test]
fn it_is_kept_up_without_a_body_and_by_its_tag_alone() {
    let mut scene = Scene::new("");
    let etag = scene.shares(ALICE);
    let refreshed = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\nExpires: 7200\r\n"), b"");
    assert_eq!(
        (refreshed.start(), refreshed.row("Expires")),
        ("SIP/2.0 200 OK", Some("3600"))
    );
    assert_ne!(refreshed.row("SIP-ETag"), Some(etag.as_str()));
    let stale = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\n"), b"");
    assert_eq!(stale.start(), "SIP/2.0 412 Conditional Request Failed");
    let etag = refreshed.row("SIP-ETag").unwrap();
    let brief = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\nExpires: 30\r\n"), b"");
    assert_eq!(
        (brief.start(), brief.row("Min-Expires")),
        ("SIP/2.0 423 Interval Too Brief", Some("60"))
    );
}

//= P2P-017 type=test
//= P2P-024 type=test
#[test]
fn it_ends_when_it_is_taken_back_and_when_the_registration_ends() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    scene.shares(CAROL);
    assert_eq!(scene.listed(BOB).len(), 2);
    let gone = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\nExpires: 0\r\n"), b"");
    assert_eq!((gone.start(), gone.row("Expires")), ("SIP/2.0 200 OK", Some("0")));
    assert_eq!(scene.listed(BOB).len(), 1);
    scene.register(CAROL, 0);
    assert_eq!(scene.listed(BOB).len(), 0);
}

//= P2P-004 type=test
#[test]
fn who_announces_is_who_is_registered_whatever_is_claimed() {
    let mut scene = Scene::new("");
    scene.shares(ALICE);
    scene.joins(BOB);
    // Bob claims to be Alice, and takes nothing of hers.
    let forged = "P-Asserted-Identity: <sip:alice@home1.example>\r\nExpires: 0\r\n";
    let answer = scene.publish(BOB, forged, b"");
    assert_eq!(answer.start(), "SIP/2.0 400 Bad Request");
    assert_eq!(scene.listed(BOB).len(), 1);
}

/// A UE of two identities is one peer: it stands in a list once, and what one did the other did.
//= P2P-025 type=test
#[test]
fn a_ue_is_one_peer_whichever_of_its_identities_it_shows() {
    let mut scene = Scene::new("");
    let text = scene.register_text(ALICE, 600);
    let forwarded = one(scene.says(ALICE, &text));
    let rows = format!(
        "Contact: <{}>;expires=600\r\nP-Associated-URI: <sip:alice@home1.example>, <tel:+15551230001>\r\n",
        ALICE.contact()
    );
    let answer = respond(&forwarded, "200 OK", "s", &rows);
    scene.world.packet("core", "10.20.0.9:5060", &answer);
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    let other = "P-Preferred-Identity: <tel:+15551230001>\r\n";
    let body = scene.join();
    assert_eq!(scene.publish(ALICE, other, &body).start(), "SIP/2.0 200 OK");
    // It took the place of what was announced before.
    let stale = scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\n"), b"");
    assert_eq!(stale.start(), "SIP/2.0 412 Conditional Request Failed");
    assert_eq!(scene.listed(BOB), [""; 0]);
}

//= P2P-061 type=test
#[test]
fn another_kind_of_body_is_refused_with_what_is_taken() {
    let mut scene = Scene::new("");
    let rows = "Event: p2p-content\r\nContent-Type: application/pidf+xml\r\n";
    let answer = one(scene.request(ALICE, "PUBLISH", &ALICE.identity(), rows, b"<presence/>"));
    assert_eq!(
        (answer.start(), answer.row("Accept")),
        (
            "SIP/2.0 415 Unsupported Media Type",
            Some("application/ppsp-tracker+json")
        )
    );
}

//= P2P-001 type=test
#[test]
fn without_a_tracker_here_and_for_other_packages_it_goes_on_untouched() {
    let mut scene = Scene::new("");
    let presence = one(scene.request(ALICE, "PUBLISH", &ALICE.identity(), "Event: presence\r\n", b""));
    assert_eq!(presence.start(), "PUBLISH sip:alice@home1.example SIP/2.0");
    let text = super::scene::policy("").replace("tracker = \"embedded\"", "tracker = \"off\"");
    let mut scene = Scene::under(&text);
    let forwarded = scene.publish(ALICE, "", b"{}");
    assert_eq!(
        (
            forwarded.start(),
            forwarded.row("Event"),
            forwarded.text().ends_with("\r\n\r\n{}")
        ),
        ("PUBLISH sip:alice@home1.example SIP/2.0", Some("p2p-content"), true)
    );
}

//= P2P-045 type=test
#[test]
fn a_peer_is_told_what_others_call_it() {
    let mut scene = Scene::new("clear_keys = true");
    scene.shares(ALICE);
    let body = scene.join();
    let joined = scene.publish(BOB, "", &body);
    let own = result(&joined).assigned;
    // Alice hears it where Bob calls.
    let called = scene.listed(BOB).remove(0);
    let invite = one(super::sessions::invite(
        &mut scene,
        BOB,
        &called,
        "",
        &super::sessions::sdp(BOB, super::sessions::KEY),
    ));
    let heard = invite.row("From").unwrap();
    assert!(own.len() == 1 && heard.contains(&format!("<{}>", own[0])), "{heard}");
    // Where each hears another, there is none to tell.
    let mut scene = Scene::new("view = \"pairwise\"");
    let body = scene.join();
    assert_eq!(result(&scene.publish(BOB, "", &body)).assigned, [""; 0]);
}

/// What is its own stays: who it is, where it is registered, under which address it asked.
//= P2P-066 type=test
#[test]
fn a_peer_hears_its_own_name() {
    let mut scene = Scene::new("");
    let text = scene.register_text(ALICE, 600);
    let forwarded = one(scene.says(ALICE, &text));
    let rows = format!(
        "Contact: <{}>;expires=600\r\nP-Associated-URI: <sip:alice@home1.example>, <tel:+15551230001>\r\n",
        ALICE.contact()
    );
    let answer = respond(&forwarded, "200 OK", "s", &rows);
    let answer = one(scene.world.packet("core", "10.20.0.9:5060", &answer));
    assert_eq!(
        answer.row("P-Associated-URI"),
        Some("<sip:alice@home1.example>, <tel:+15551230001>")
    );
    scene.shares(ALICE);
    let (accepted, list) = scene.asks(ALICE, 600);
    for (sent, row) in [(accepted, "From"), (list.unwrap(), "To")] {
        let value = sent.row(row).unwrap();
        assert!(value.starts_with("\"alice\" <sip:alice@home1.example>"), "{value}");
    }
}
