//! A tracker that is another node's, in the trust domain or outside: what it learns, and what of its words reaches a peer.

use sipveil::ppsp::Request;
use sipveil::ppsp::request::What;
use sipveil::seal::temporary_id::Hosts;

use super::scene::{ALICE, BOB, MEDIA_TYPE, Scene, one, peers, policy};
use crate::world::{Sent, respond, routes};

pub const INSIDE: &str = "10.20.0.9:5060";
pub const OUTSIDE: &str = "192.0.2.9:5060";

pub fn scene(tracker: &str, lines: &str) -> Scene {
    let via = if tracker == INSIDE { "core" } else { "net" };
    let routes = format!(
        "[[route]]\nfrom = \"access\"\nmethod = [\"PUBLISH\"]\nnext_hop = [\"sip:{tracker}\"]\nvia = \"{via}\"\n\
         [[route]]\nfrom = \"access\"\ndomain = [\"p2p.home1.example\"]\nnext_hop = [\"sip:{tracker}\"]\nvia = \"{via}\"\n[[route]]"
    );
    let text = policy(lines).replace("\"embedded\"", &format!("\"sip:{tracker};lr\""));
    Scene::under(&text.replacen("[[route]]", &routes, 1))
}

fn with_body(text: &str, kind: &str, body: &str) -> String {
    let typed = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    text.replace("Content-Length: 0\r\n\r\n", &typed)
}

/// A list of these entries, as a careless tracker writes it.
pub fn list(scene: &Scene, entries: &str) -> String {
    format!(
        "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"response_type\":0,\"error_code\":0,\"transaction_id\":\"t1\",\
         \"impu\":\"sip:alice@home1.example\",\"swarm_result\":[{{\"swarm_id\":\"{}\",\"result\":0,\
         \"peer_group\":{{\"peer_info\":[{entries}]}}}}]}}}}",
        scene.content.swarm()
    )
}

/// Alice announces; what the tracker gets.
fn announced(scene: &mut Scene) -> Sent {
    let body = format!(
        "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"request_type\":\"CONNECT\",\"transaction_id\":\"t9\",\
         \"impu\":\"sip:alice@home1.example\",\"peer_id\":\"kZ3v0m1lqX9sT7yQ4cR2bA\",\"connect\":{{\"swarm_action\":[{{\
         \"swarm_id\":\"{}\",\"action\":\"JOIN\",\"peer_mode\":\"SEEDER\",\"ims_chunk_map\":{{\"n\":3,\"enc\":\"full\"}}}}]}}}}}}",
        scene.content.swarm()
    );
    scene.publish(ALICE, "", body.as_bytes())
}

fn body(sent: &Sent) -> &str {
    sent.text().split_once("\r\n\r\n").unwrap().1
}

/// Bob subscribes; the tracker's NOTIFY with this body, as Bob gets it, or what the tracker is answered.
pub fn notified(scene: &mut Scene, tracker: &str, kind: &str, text: &str) -> Sent {
    let listener = if tracker == INSIDE { "core" } else { "net" };
    let find = scene.find();
    let uri = scene.swarm_uri();
    let rows = format!("Event: p2p-content\r\nExpires: 600\r\nContent-Type: {MEDIA_TYPE}\r\n");
    let subscribe = one(scene.request(BOB, "SUBSCRIBE", &uri, &rows, &find));
    assert_eq!(subscribe.to.to_string(), tracker);
    let accepted = respond(
        &subscribe,
        "200 OK",
        "s",
        "Expires: 600\r\nContact: <sip:tracker.example>\r\n",
    );
    let accepted = one(scene.world.packet(listener, tracker, &accepted));
    assert_eq!(accepted.start(), "SIP/2.0 200 OK");
    let notify = format!(
        "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {tracker};branch=z9hG4bKn\r\nMax-Forwards: 70\r\n{}From: {};tag=s\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 NOTIFY\r\nContact: <sip:tracker.example>\r\nEvent: p2p-content\r\n\
         Subscription-State: active;expires=600\r\nContent-Length: 0\r\n\r\n",
        crate::world::contact_uri(subscribe.row("Contact").unwrap()),
        routes(&subscribe.rows("Record-Route"), false),
        subscribe.row("To").unwrap(),
        subscribe.row("From").unwrap(),
        subscribe.row("Call-ID").unwrap(),
    );
    one(scene.world.packet(listener, tracker, &with_body(&notify, kind, text)))
}

//= P2P-002 type=test
//= P2P-004 type=test
//= P2P-010 type=test
#[test]
fn a_tracker_inside_hears_who_is_asserted_and_nothing_that_was_claimed() {
    let mut scene = scene(INSIDE, "");
    let sent = announced(&mut scene);
    assert_eq!(sent.start(), "PUBLISH sip:alice@home1.example SIP/2.0");
    assert_eq!(
        (sent.row("Event"), sent.row("P-Asserted-Identity")),
        (Some("p2p-content"), Some("<sip:alice@home1.example>"))
    );
    assert!(!body(&sent).contains("impu") && body(&sent).contains("kZ3v0m1lqX9sT7yQ4cR2bA"));
}

/// What a filter of the network looks at: method, address and package.
//= P2P-005 type=test
#[test]
fn what_leads_to_a_tracker_stays_as_it_was() {
    let mut scene = scene(INSIDE, "");
    let own = ALICE.identity();
    let list = scene.swarm_uri();
    let find = scene.find();
    let rows = format!("Event: p2p-content;id=7\r\nExpires: 600\r\nContent-Type: {MEDIA_TYPE}\r\n");
    for (method, uri) in [("PUBLISH", own), ("SUBSCRIBE", list)] {
        let sent = one(scene.request(ALICE, method, &uri, &rows, &find));
        assert_eq!(sent.start(), format!("{method} {uri} SIP/2.0"));
        assert_eq!(sent.row("Event"), Some("p2p-content;id=7"));
        // No node is named that the policy does not name: nobody is led past the filter.
        assert_eq!(sent.rows("Route"), [""; 0]);
        assert_eq!(sent.to.to_string(), INSIDE);
    }
}

//= P2P-068 type=test
#[test]
fn a_tracker_outside_hears_no_name() {
    let mut scene = scene(OUTSIDE, "");
    let sent = announced(&mut scene);
    assert_eq!(sent.to.to_string(), OUTSIDE);
    for told in [
        "alice",
        "10.30.0.7",
        "41007",
        "kZ3v0m1lqX9sT7yQ4cR2bA",
        "P-Asserted-Identity",
    ] {
        assert!(!sent.text().contains(told), "{told} in {}", sent.text());
    }
    assert_eq!(sent.row("Event"), Some("p2p-content"));
    let request = Request::read(body(&sent).as_bytes()).unwrap();
    let pseudonym = request.peer_id.unwrap();
    assert!(pseudonym.starts_with("p1.") && sent.start().contains(&pseudonym));
    assert!(matches!(request.what, What::Connect(_)));
    // It answers, and Alice sees what she said.
    let answer = respond(&sent, "200 OK", "s", "SIP-ETag: abc\r\nExpires: 1800\r\n");
    let answer = one(scene.world.packet("net", OUTSIDE, &answer));
    assert_eq!(
        (answer.start(), answer.row("SIP-ETag")),
        ("SIP/2.0 200 OK", Some("abc"))
    );
    assert!(answer.row("To").unwrap().starts_with("<sip:alice@home1.example>"));
    // The same each time, for this tracker.
    let again = announced(&mut scene);
    assert!(again.start().contains(&pseudonym));
}

//= P2P-062 type=test
#[test]
fn a_ue_that_calls_itself_by_a_name_is_refused() {
    for name in ["sip:alice@home1.example", "+15551230001", "262011234567890"] {
        let mut scene = scene(INSIDE, "");
        let swarm = scene.content.swarm();
        let body = format!(
            "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"request_type\":\"CONNECT\",\"transaction_id\":\"t9\",\
             \"peer_id\":\"{name}\",\"connect\":{{\"swarm_action\":[{{\"swarm_id\":\"{swarm}\",\"action\":\"LEAVE\",\
             \"peer_mode\":\"LEECH\"}}]}}}}}}"
        );
        let answer = scene.publish(ALICE, "", body.as_bytes());
        assert_eq!(answer.start(), "SIP/2.0 400 Bad Request", "{name}");
    }
}

//= P2P-007 type=test
//= P2P-047 type=test
//= P2P-056 type=test
//= P2P-058 type=test
//= P2P-059 type=test
//= P2P-138 type=test
#[test]
fn of_a_careless_tracker_no_name_reaches_a_peer() {
    let entries = "{\"peer_id\":\"sip:alice@home1.example\",\"ims_have\":\"full\"},{\"peer_id\":\"tel:+15551230001\"}";
    for tracker in [INSIDE, OUTSIDE] {
        for (on_leak, count) in [("redact", 2), ("remove", 0)] {
            let mut scene = scene(tracker, &format!("on_leak = \"{on_leak}\""));
            let text = list(&scene, entries);
            let notify = notified(&mut scene, tracker, MEDIA_TYPE, &text);
            assert_eq!(notify.start(), "NOTIFY sip:bob@10.30.0.8:41008;transport=tcp SIP/2.0");
            assert!(!notify.text().contains("alice") && !notify.text().contains("15551230001"));
            let listed = peers(&notify);
            assert_eq!(listed.len(), count, "{on_leak}");
            let hosts = Hosts::new("tid.p2p.home1.example", &[]);
            assert!(listed.iter().all(|id| hosts.read(id.as_bytes()).is_some()));
        }
        let mut scene = scene(tracker, "on_leak = \"refuse\"");
        let text = list(&scene, entries);
        let refused = notified(&mut scene, tracker, MEDIA_TYPE, &text);
        assert_eq!(
            (refused.start(), refused.to.to_string().as_str()),
            ("SIP/2.0 500 Server Internal Error", tracker)
        );
    }
}

//= P2P-061 type=test
//= P2P-006 type=test
#[test]
fn what_the_guard_cannot_read_does_not_pass() {
    for (kind, text) in [
        ("text/plain", "sip:alice@home1.example"),
        ("multipart/mixed;boundary=b", "--b\r\n\r\nalice\r\n--b--\r\n"),
        ("message/external-body", "x"),
        (MEDIA_TYPE, "{\"PPSPTrackerProtocol\":"),
    ] {
        let mut scene = scene(INSIDE, "");
        let refused = notified(&mut scene, INSIDE, kind, text);
        assert_eq!(
            (refused.start(), refused.to.to_string().as_str()),
            ("SIP/2.0 500 Server Internal Error", INSIDE)
        );
    }
}

//= P2P-056 type=test
#[test]
fn what_it_answers_is_looked_at_as_well() {
    let mut scene = scene(INSIDE, "");
    let sent = announced(&mut scene);
    let text = list(&scene, "{\"peer_id\":\"sip:carol@home1.example\"}");
    let answer = with_body(&respond(&sent, "200 OK", "s", "SIP-ETag: abc\r\n"), MEDIA_TYPE, &text);
    let answer = one(scene.world.packet("core", INSIDE, &answer));
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    assert!(!answer.text().contains("carol") && peers(&answer)[0].starts_with("sip:t3."));
    // One that cannot be read is answered for.
    let sent = announced(&mut scene);
    let answer = with_body(&respond(&sent, "200 OK", "s", ""), "text/plain", "carol");
    let answer = one(scene.world.packet("core", INSIDE, &answer));
    assert_eq!(answer.start(), "SIP/2.0 500 Server Internal Error");
}

//= P2P-059 type=test
//= P2P-077 type=test
#[test]
fn who_was_hidden_in_an_id_is_reached_by_it_and_by_nobody_else() {
    let mut scene = scene(INSIDE, "");
    let text = list(&scene, "{\"peer_id\":\"sip:alice@home1.example\"}");
    let notify = notified(&mut scene, INSIDE, MEDIA_TYPE, &text);
    let id = peers(&notify).remove(0);
    let rows = format!("Content-Type: {MEDIA_TYPE}\r\n");
    let find = scene.find();
    let led = one(scene.request(BOB, "MESSAGE", &id, &rows, &find));
    assert_eq!(
        (led.start(), led.to.to_string().as_str()),
        ("MESSAGE sip:alice@home1.example SIP/2.0", INSIDE)
    );
    assert_eq!(led.row("Privacy"), Some("id;user;header;history;critical"));
    let other = one(scene.request(ALICE, "MESSAGE", &id, &rows, &find));
    assert_eq!(other.start(), "SIP/2.0 404 Not Found");
}

//= P2P-097 type=test
#[test]
fn content_keys_pass_encrypted_and_as_nothing_else() {
    let keys = |scene: &mut Scene, kind: &str, text: &str| {
        let rows = "Event: p2p-key\r\nExpires: 600\r\nContent-Type: application/p2p-key+json\r\n";
        let asked = one(scene.request(BOB, "SUBSCRIBE", "sip:ccs@home1.example", rows, b"{}"));
        let answer = with_body(&respond(&asked, "200 OK", "s", ""), kind, text);
        one(scene.world.packet("core", INSIDE, &answer))
    };
    let part = |length: usize| "A".repeat(length);
    let clear = "{\"keys\":[{\"k\":\"AAAAAAAAAAAAAAAAAAAAAA\"}]}";
    let mut scene = scene(INSIDE, "");
    for (kind, text) in [
        ("application/jose+json", clear.to_owned()),
        ("application/json", clear.to_owned()),
        ("application/jose", part(17_000)),
    ] {
        assert_eq!(
            keys(&mut scene, kind, &text).start(),
            "SIP/2.0 500 Server Internal Error"
        );
    }
}

//= P2P-063 type=test
#[test]
fn beside_a_list_a_tracker_says_what_it_must_and_no_more() {
    let mut scene = scene(INSIDE, "");
    let sent = announced(&mut scene);
    let rows =
        "P-Asserted-Identity: <sip:carol@home1.example>\r\nSubject: carol\r\nX-Holder: carol\r\nSIP-ETag: abc\r\n";
    let answer = one(scene
        .world
        .packet("core", INSIDE, &respond(&sent, "200 for carol", "s", rows)));
    assert_eq!(
        (answer.start(), answer.row("SIP-ETag")),
        ("SIP/2.0 200 OK", Some("abc"))
    );
    assert!(!answer.text().contains("carol"), "{}", answer.text());
    // Who it asks for credentials is asked.
    let sent = announced(&mut scene);
    let rows = "WWW-Authenticate: Digest realm=\"home1.example\", nonce=\"n\"\r\nX-Holder: carol\r\n";
    let answer = one(scene
        .world
        .packet("core", INSIDE, &respond(&sent, "401 Unauthorized", "s", rows)));
    assert_eq!(
        answer.row("WWW-Authenticate"),
        Some("Digest realm=\"home1.example\", nonce=\"n\"")
    );
    assert!(!answer.text().contains("carol"));
}

//= P2P-068 type=test
#[test]
fn where_one_of_two_trackers_is_outside_neither_hears_a_name() {
    let text = policy("").replace("\"embedded\"", "\"sip:192.0.2.70;lr\"");
    let routes = "[[route]]\nfrom = \"access\"\nmethod = [\"PUBLISH\"]\nnext_hop = [\"sip:192.0.2.70\", \"sip:192.0.2.9\"]\n\
                  via = \"net\"\n[[route]]";
    let mut scene = Scene::under(&text.replacen("[[route]]", routes, 1));
    let sent = announced(&mut scene);
    assert_eq!(sent.to.to_string(), "192.0.2.70:5060");
    assert!(sent.start().contains("p1."), "{}", sent.start());
    for told in ["alice", "kZ3v0m1lqX9sT7yQ4cR2bA"] {
        assert!(!body(&sent).contains(told), "{told}");
    }
}

//= P2P-062 type=test
#[test]
fn who_is_accused_is_named_to_no_tracker() {
    for (tracker, status) in [
        (INSIDE, "SIP/2.0 400 Bad Request"),
        (OUTSIDE, "SIP/2.0 400 Bad Request"),
    ] {
        let mut scene = scene(tracker, "");
        let swarm = scene.content.swarm();
        let body = format!(
            "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"request_type\":\"STAT_REPORT\",\"transaction_id\":\"t9\",\
             \"stat_report\":{{\"stat\":[],\"ims_tamper\":[{{\"swarm_id\":\"{swarm}\",\"piece\":0,\"leaf\":0,\
             \"tid\":\"sip:carol@home1.example\",\"digest\":\"{}\",\"time\":1}}]}}}}}}",
            "A".repeat(43)
        );
        let answer = scene.publish(ALICE, "", body.as_bytes());
        assert_eq!(answer.start(), status);
    }
}

//= P2P-056 type=test
#[test]
fn a_ticket_of_a_tracker_outside_is_nobodys_to_read() {
    let with_ticket = |scene: &Scene| {
        // Whoever wrote it may have put a name in.
        list(scene, "{\"peer_id\":\"sip:alice@home1.example\"}").replace(
            "\"result\":0,",
            "\"result\":0,\"ims_ticket\":\"eyJ.c2lwOmFsaWNlQGhvbWUx.sig\",",
        )
    };
    let mut outside = scene(OUTSIDE, "");
    let text = with_ticket(&outside);
    assert!(
        !notified(&mut outside, OUTSIDE, MEDIA_TYPE, &text)
            .text()
            .contains("c2lwOmFsaWNl")
    );
    let mut inside = scene(INSIDE, "");
    let text = with_ticket(&inside);
    assert!(
        notified(&mut inside, INSIDE, MEDIA_TYPE, &text)
            .text()
            .contains("ims_ticket")
    );
}

//= P2P-137 type=test
//= P2P-138 type=test
#[test]
fn an_id_of_a_partner_goes_there_and_its_caller_stays_hidden() {
    let mut scene = scene(OUTSIDE, "partner_domains = [\"p2p.net.example\"]");
    let text = format!("sip:t1.{}@tid.p2p.net.example", "A".repeat(36));
    // By the route of the tests for net.example, which knows no subdomain: by one of its own.
    let sent = scene.request(BOB, "OPTIONS", &text, "User-Agent: bob's\r\n", b"");
    let sent = one(sent);
    assert_eq!(sent.start(), format!("OPTIONS {text} SIP/2.0"));
    assert_eq!(sent.row("Privacy"), Some("id;user;header;history;critical"));
    // Towards a stranger it has no name at all.
    let routes = "[[route]]\nfrom = \"access\"\ndomain = [\"tid.p2p.net.example\"]\nnext_hop = [\"sip:192.0.2.9\"]\nvia = \"net\"\n\
                  [[route]]";
    let policy = policy("partner_domains = [\"p2p.net.example\"]").replacen("[[route]]", routes, 1);
    let mut scene = Scene::under(&policy);
    let sent = one(scene.request(BOB, "OPTIONS", &text, "User-Agent: bob's\r\n", b""));
    assert_eq!(sent.to.to_string(), OUTSIDE);
    let from = sent.row("From").unwrap();
    assert!(
        from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="),
        "{from}"
    );
    assert!(!sent.text().contains("bob"), "{}", sent.text());
}
