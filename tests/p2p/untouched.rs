//! What the P2P system leaves as it is, whom it refuses, and who is not there.

use super::scene::{ALICE, BOB, CAROL, MEDIA_TYPE, Scene, Ue, one, policy};
use super::sessions::{KEY, invite, met, sdp};
use crate::world::{Sent, respond};

const CORE: &str = "10.20.0.9:5060";

/// The same UE calls for help through a proxy with a tracker and through one without.
//= P2P-008 type=test
#[test]
fn a_call_for_help_is_what_it_would_be_without_peers() {
    let calls = |text: &str| {
        let help = "[[route]]\nfrom = \"access\"\nemergency = true\nnext_hop = [\"sip:10.20.0.30\"]\nvia = \"core\"\n[[route]]";
        let mut scene = Scene::under(&text.replacen("[[route]]", help, 1));
        let body = sdp(BOB, KEY).replace("RTP/SAVP", "RTP/AVP");
        let rows = format!(
            "Privacy: id\r\nGeolocation: <cid:bob@home1.example>\r\nContent-Type: application/sdp\r\n\
             User-Agent: bob's\r\nP-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp={}\r\n",
            BOB.name
        );
        let sos = one(scene.request(BOB, "INVITE", "urn:service:sos.police", &rows, body.as_bytes()));
        let event = format!("Event: p2p-content\r\nContent-Type: {MEDIA_TYPE}\r\n");
        let published = one(scene.request(BOB, "PUBLISH", "urn:service:sos", &event, b"{}"));
        [sos, published].map(|sent| (sent.to, without_tokens(&sent)))
    };
    let with = calls(&policy("clear_keys = false"));
    assert_eq!(with, calls(&policy("").replace("\"embedded\"", "\"off\"")));
    let body = sdp(BOB, KEY).replace("RTP/SAVP", "RTP/AVP");
    assert!(
        with[0].1.contains(&body) && with[0].1.contains("Geolocation"),
        "{}",
        with[0].1
    );
}

/// Sealed user parts and branches apart: they are drawn.
fn without_tokens(sent: &Sent) -> String {
    let word = |word: &str| match word.len() >= 24 || word.starts_with("z9hG4bK") {
        true => "TOKEN".to_owned(),
        false => word.to_owned(),
    };
    let rows = sent.text().split("\r\n").map(|row| {
        let words = row.split_inclusive([':', ';', '@', '=', ' ']);
        words
            .map(|piece| word(piece.trim_end_matches([':', ';', '@', '=', ' '])))
            .collect::<Vec<_>>()
            .join(" ")
    });
    let text: Vec<String> = rows.collect();
    match sent.text().split_once("\r\n\r\n") {
        Some((_, body)) => format!("{}\n{body}", text.join("\n")),
        None => text.join("\n"),
    }
}

/// Alice is behind a node of the network: within it everything that charging needs is there, at Bob's nothing of it.
//= P2P-083 type=test
#[test]
fn within_the_network_charging_and_identities_stay() {
    let mut scene = Scene::new("clear_keys = true");
    let body = String::from_utf8(scene.seed()).unwrap();
    let publish = |scene: &mut Scene, rows: &str, body: &str| {
        let number = scene.number();
        let text = format!(
            "PUBLISH sip:dora@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKp{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:dora@home1.example>;tag=p\r\nTo: <sip:dora@home1.example>\r\nCall-ID: p{number}\r\n\
             CSeq: 1 PUBLISH\r\nEvent: p2p-content\r\nAccept: {MEDIA_TYPE}\r\nContent-Type: {MEDIA_TYPE}\r\n{rows}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        one(scene.world.packet("core", CORE, &text))
    };
    // Nobody asserts who it is: it is refused.
    //= P2P-150 type=test
    let refused = publish(&mut scene, "", &body);
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    let dora = "P-Asserted-Identity: <sip:dora@home1.example>\r\n";
    assert_eq!(publish(&mut scene, dora, &body).start(), "SIP/2.0 200 OK");
    let uri = met(&mut scene);
    let number = scene.number();
    let from_dora = |rows: &str, method: &str| {
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKi{number}{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:dora@home1.example>;tag=d\r\nTo: <{uri}>\r\nCall-ID: i{number}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:dora@10.20.0.9>\r\nP-Charging-Vector: icid-value=dora;icid-generated-at=10.20.0.9\r\n{rows}\
             Content-Length: 0\r\n\r\n"
        )
    };
    //= P2P-150 type=test
    let refused = one(scene.world.packet("core", CORE, &from_dora("", "OPTIONS")));
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    let at_alice = one(scene.world.packet("core", CORE, &from_dora(dora, "INVITE")));
    assert!(
        at_alice.start().starts_with("INVITE sip:alice@"),
        "{}",
        at_alice.start()
    );
    for told in ["dora", "P-Charging-Vector", "P-Asserted-Identity"] {
        assert!(!at_alice.text().contains(told), "{told} in {}", at_alice.text());
    }
    // And what the network hears of Alice's answer is whole: it is cut at the last hop.
    let back = scene.says(
        ALICE,
        &respond(
            &at_alice,
            "180 Ringing",
            "a",
            &format!("Contact: <{}>\r\n", ALICE.contact()),
        ),
    );
    let at_core = back.iter().find(|sent| sent.to.to_string() == CORE).unwrap();
    assert!(
        at_core.row("Contact").unwrap().contains("sip:alice@"),
        "{}",
        at_core.text()
    );
}

fn drops(scene: &mut Scene, sent: &Sent) -> Vec<Sent> {
    scene.world.input(sipveil::engine::Input::SendFailed(sent.id))
}

/// The connection of a peer is gone: who calls hears that it is away, and no list has it for a minute.
//= P2P-071 type=test
#[test]
fn who_cannot_be_reached_is_away_and_out_of_lists_for_a_minute() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let answer = one(drops(&mut scene, &at_alice));
    assert_eq!(answer.start(), "SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(scene.listed(BOB), Vec::<String>::new());
    scene.pass(61);
    assert_eq!(scene.listed(BOB), [uri]);
}

/// Bob wants nothing to do with Alice: she is gone for him, and he for her, whatever they are called.
//= P2P-151 type=test
#[test]
fn a_peer_that_is_blocked_is_gone() {
    let mut scene = Scene::new("");
    let etag = scene.joins(BOB);
    scene.shares(ALICE);
    scene.shares(CAROL);
    let reached =
        |scene: &mut Scene, ue: Ue, id: &str| one(scene.request(ue, "OPTIONS", id, "", b"")).start().to_owned();
    let ids = scene.listed(BOB);
    assert_eq!(ids.len(), 2);
    let alice = ids
        .iter()
        .find(|id| reached(&mut scene, BOB, id).contains("sip:alice@"))
        .unwrap()
        .clone();
    let body = format!(
        "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"request_type\":\"STAT_REPORT\",\"transaction_id\":\"b1\",\
         \"stat_report\":{{\"ims_block\":[\"{alice}\"]}}}}}}"
    );
    let answer = scene.publish(BOB, &format!("SIP-If-Match: {etag}\r\n"), body.as_bytes());
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    assert!(!answer.text().contains("alice"));
    assert_eq!(reached(&mut scene, BOB, &alice), "SIP/2.0 404 Not Found");
    let listed = scene.listed(BOB);
    assert!(listed.len() == 1 && listed[0] != alice, "{listed:?}");
    assert_eq!(scene.listed(ALICE).len(), 1, "Carol");
}
