//! Roads by which an identity could leave a session between peers: later requests, answers nobody foresaw, other policies.

use std::sync::Arc;

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::sip::Transport;
use sipveil::trust::ConnectionId;

use super::scene::{ALICE, BOB, CAROL, MEDIA_TYPE, Scene, Ue, one, policy};
use super::sessions::{KEY, OTHER_KEY, hides, invite, met, sdp, with_body};
use crate::world::{self, Sent, contact_uri, respond, routes};

/// A call that stands, as each of them sees it.
struct Call {
    /// The INVITE as Alice got it, and the 200 as Bob did.
    at_alice: Sent,
    at_bob: Sent,
}

impl Call {
    fn new(scene: &mut Scene) -> Call {
        let uri = met(scene);
        let at_alice = one(invite(scene, BOB, &uri, "", &sdp(BOB, KEY)));
        let contact = format!("Contact: <{}>\r\n", ALICE.contact());
        let ok = with_body(respond(&at_alice, "200 OK", "a", &contact), &sdp(ALICE, OTHER_KEY));
        let at_bob = one(scene.says(ALICE, &ok));
        let call = Call { at_alice, at_bob };
        let ack = call.of_bob("ACK", 1, "", "");
        assert!(one(scene.says(BOB, &ack)).start().starts_with("ACK "));
        call
    }

    fn of_bob(&self, method: &str, cseq: u32, rows: &str, body: &str) -> String {
        let sent = &self.at_bob;
        let (from, to) = (sent.row("From").unwrap(), sent.row("To").unwrap());
        let routes = routes(&sent.rows("Record-Route"), true);
        within(BOB, method, cseq, sent, from, to, &routes, rows, body)
    }

    fn of_alice(&self, method: &str, cseq: u32, rows: &str, body: &str) -> String {
        let sent = &self.at_alice;
        let from = format!("{};tag=a", sent.row("To").unwrap());
        let routes = routes(&sent.rows("Record-Route"), false);
        within(
            ALICE,
            method,
            cseq,
            sent,
            &from,
            sent.row("From").unwrap(),
            &routes,
            rows,
            body,
        )
    }
}

#[expect(clippy::too_many_arguments, reason = "a message has as many parts")]
fn within(
    ue: Ue,
    method: &str,
    cseq: u32,
    seen: &Sent,
    from: &str,
    to: &str,
    routes: &str,
    rows: &str,
    body: &str,
) -> String {
    let target = contact_uri(seen.row("Contact").unwrap());
    let call_id = seen.row("Call-ID").unwrap();
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKw{cseq}{method}\r\nMax-Forwards: 70\r\n{routes}\
         From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{}>\r\n\
         User-Agent: {}'s telephone\r\n{rows}Content-Length: {}\r\n\r\n{body}",
        ue.at,
        ue.contact(),
        ue.name,
        body.len()
    )
}

//= P2P-061 type=test
//= P2P-084 type=test
#[test]
fn another_package_in_an_event_row_lets_no_body_through() {
    for event in ["p2p-content", "p2p-key"] {
        let mut scene = Scene::new("clear_keys = true");
        let uri = met(&mut scene);
        let rows = format!("Event: {event}\r\n");
        let plain = sdp(BOB, KEY).replace("RTP/SAVP", "RTP/AVP");
        assert_eq!(
            one(invite(&mut scene, BOB, &uri, &rows, &plain)).start(),
            "SIP/2.0 488 Not Acceptable Here"
        );
        let call = Call::new(&mut scene);
        let typed = format!("Event: {event}\r\nContent-Type: text/plain\r\n");
        for method in ["INFO", "UPDATE", "MESSAGE", "SUBSCRIBE"] {
            let sent = one(scene.says(ALICE, &call.of_alice(method, 11, &typed, "it is alice")));
            assert!(sent.start().starts_with("SIP/2.0 4"), "{method} {}", sent.start());
        }
        let notify = call.of_alice("NOTIFY", 12, &typed, "it is alice");
        assert_eq!(
            one(scene.says(ALICE, &notify)).start(),
            "SIP/2.0 500 Server Internal Error"
        );
    }
}

//= P2P-065 type=test
//= P2P-075 type=test
#[test]
fn a_session_goes_on_hidden_when_the_policy_wants_no_peers_any_more() {
    let mut scene = Scene::new("clear_keys = true");
    let call = Call::new(&mut scene);
    let other = world::policy(&policy("").replace("\"embedded\"", "\"off\""));
    scene.world.input(Input::Policy(Arc::new(other)));
    let info = one(scene.says(BOB, &call.of_bob("INFO", 2, "X-Who: bob\r\n", "")));
    assert_eq!(info.start(), "INFO sip:alice@10.30.0.7:41007;transport=tcp SIP/2.0");
    hides(&info, BOB);
    let answer = respond(&info, "200 alice", "a", "X-Who: alice\r\nServer: alice's\r\n");
    hides(&one(scene.says(ALICE, &answer)), ALICE);
    let plain = sdp(BOB, KEY).replace("RTP/SAVP", "RTP/AVP");
    let again = call.of_bob("INVITE", 3, "Content-Type: application/sdp\r\n", &plain);
    assert_eq!(one(scene.says(BOB, &again)).start(), "SIP/2.0 488 Not Acceptable Here");
    let bye = one(scene.says(ALICE, &call.of_alice("BYE", 9, "X-Who: alice\r\n", "")));
    assert_eq!(bye.start(), "BYE sip:bob@10.30.0.8:41008;transport=tcp SIP/2.0");
    hides(&bye, ALICE);
}

//= P2P-073 type=test
#[test]
fn who_is_gone_says_good_bye_under_the_same_name() {
    let text = policy("clear_keys = true")
        .replace("values =", "dialog_memory = \"store\"\nvalues =")
        .replace("[p2p]", "[pcscf]\ndialog_release = true\n[p2p]");
    let mut scene = Scene::under(&text);
    let _call = Call::new(&mut scene);
    scene.register(ALICE, 0);
    let byes: Vec<Sent> = scene
        .pass(40)
        .into_iter()
        .filter(|sent| sent.start().starts_with("BYE"))
        .collect();
    let to_bob = byes
        .iter()
        .find(|sent| sent.connection.map(|one| one.0) == Some(BOB.connection));
    hides(to_bob.expect("a BYE"), ALICE);
}

//= P2P-074 type=test
#[test]
fn a_node_of_the_network_on_the_way_back_is_told_that_it_is_private() {
    let mut scene = Scene::new("clear_keys = true");
    scene.shares(ALICE);
    let core = "10.20.0.9:5060";
    let asserted = "P-Asserted-Identity: <sip:dave@home1.example>\r\n";
    let request = |method: &str, uri: &str, rows: &str, body: &str| {
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {core};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:dave@home1.example>;tag=d\r\nTo: <{uri}>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:dave@10.20.0.77>\r\n{asserted}{rows}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let join = String::from_utf8(scene.join()).unwrap();
    let rows = format!("Event: p2p-content\r\nContent-Type: {MEDIA_TYPE}\r\n");
    let joined = one(scene.world.packet(
        "core",
        core,
        &request("PUBLISH", "sip:dave@home1.example", &rows, &join),
    ));
    assert_eq!(joined.start(), "SIP/2.0 200 OK");
    scene.joins(BOB);
    let uri = scene.listed(BOB).remove(0);
    let text = request("INVITE", &uri, "Content-Type: application/sdp\r\n", &sdp(BOB, KEY));
    let at_alice = one(scene.world.packet("core", core, &text));
    for told in ["dave", "10.20.0.77", "10.20.0.9"] {
        assert!(!at_alice.text().contains(told), "{told} in {}", at_alice.text());
    }
    let ringing = one(scene.says(ALICE, &respond(&at_alice, "180 Ringing", "a", "Privacy: none\r\n")));
    assert_eq!(ringing.to.to_string(), core);
    assert_eq!(ringing.rows("Privacy"), ["id;user;header;history;critical"]);
}

//= P2P-088 type=test
#[test]
fn keys_that_came_encrypted_do_not_leave_in_clear() {
    let mut scene = Scene::new("");
    // Bob is on a connection of TLS, Alice on one of TCP.
    scene.world.bind("access", Transport::Tls, "10.30.0.1:5061");
    let over_tls = |scene: &mut Scene, text: &str| {
        let flow = scene
            .world
            .flow("access", Transport::Tls, BOB.at, Some(ConnectionId(88)));
        let bytes = Bytes::copy_from_slice(text.replace("SIP/2.0/TCP", "SIP/2.0/TLS").as_bytes());
        scene.world.input(Input::Packet { flow, bytes })
    };
    let register = scene.register_text(BOB, 600);
    let forwarded = one(over_tls(&mut scene, &register));
    let rows = format!("Contact: <{}>;expires=600\r\n", BOB.contact());
    scene
        .world
        .packet("core", "10.20.0.9:5060", &respond(&forwarded, "200 OK", "s", &rows));
    let uri = met(&mut scene);
    let rows = "Content-Type: application/sdp\r\n";
    let text = scene.request_text(BOB, "INVITE", &uri, rows, sdp(BOB, KEY).as_bytes());
    assert_eq!(
        one(over_tls(&mut scene, &text)).start(),
        "SIP/2.0 488 Not Acceptable Here"
    );
    // Without keys in it there is nothing to keep.
    let text = scene.request_text(BOB, "OPTIONS", &uri, "", b"");
    assert!(
        one(over_tls(&mut scene, &text))
            .start()
            .starts_with("OPTIONS sip:alice@")
    );
}

//= P2P-087 type=test
#[test]
fn an_early_answer_that_may_not_pass_ends_the_ringing() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let early = with_body(
        respond(&at_alice, "183 Session Progress", "a", ""),
        &sdp(ALICE, OTHER_KEY).replace("RTP/SAVP", "RTP/AVP"),
    );
    let sent = scene.says(ALICE, &early);
    let starts: Vec<&str> = sent.iter().map(|sent| sent.start()).collect();
    assert!(
        starts.iter().any(|start| start.starts_with("CANCEL sip:alice@")),
        "{starts:?}"
    );
    assert!(starts.contains(&"SIP/2.0 488 Not Acceptable Here"), "{starts:?}");
    for sent in sent
        .iter()
        .filter(|sent| sent.connection.map(|one| one.0) == Some(BOB.connection))
    {
        hides(sent, ALICE);
    }
}

//= P2P-087 type=test
#[test]
fn an_answer_that_may_not_pass_does_not_pass_however_often_it_comes() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let rows = format!(
        "Contact: <{}>\r\nP-Asserted-Identity: <sip:alice@home1.example>\r\n",
        ALICE.contact()
    );
    let bad = with_body(
        respond(&at_alice, "200 OK", "a", &rows),
        &sdp(ALICE, OTHER_KEY).replace("RTP/SAVP", "RTP/AVP"),
    );
    let good = with_body(respond(&at_alice, "200 OK", "a", &rows), &sdp(ALICE, OTHER_KEY));
    let first = scene.says(ALICE, &bad);
    assert!(
        first
            .iter()
            .any(|sent| sent.start() == "SIP/2.0 488 Not Acceptable Here")
    );
    for text in [&bad, &good, &bad] {
        for sent in scene.says(ALICE, text) {
            assert!(!sent.start().starts_with("SIP/2.0 2"), "{}", sent.text());
            hides(&sent, ALICE);
        }
    }
}

//= P2P-073 type=test
#[test]
fn a_200_that_comes_again_hides_as_much() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let rows = format!("Contact: <{}>\r\nX-Who: alice\r\n", ALICE.contact());
    let ok = with_body(respond(&at_alice, "200 alice", "a", &rows), &sdp(ALICE, OTHER_KEY));
    let ok = ok.replace("To: <", "To: \"alice\" <");
    for _ in 0..3 {
        let sent = one(scene.says(ALICE, &ok));
        assert_eq!(sent.start(), "SIP/2.0 200 OK");
        hides(&sent, ALICE);
    }
}

//= P2P-056 type=test
#[test]
fn what_must_pass_passes_without_its_body() {
    let mut scene = Scene::new("clear_keys = true");
    let call = Call::new(&mut scene);
    let text = call.of_alice("BYE", 9, "Content-Type: text/plain\r\n", "it was alice");
    let bye = one(scene.says(ALICE, &text));
    assert_eq!(bye.start(), "BYE sip:bob@10.30.0.8:41008;transport=tcp SIP/2.0");
    hides(&bye, ALICE);
    let answer = respond(&bye, "200 OK", "", "").replace(
        "Content-Length: 0\r\n\r\n",
        "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nit was bob",
    );
    let answer = one(scene.says(BOB, &answer));
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    assert!(answer.text().ends_with("\r\n\r\n"), "{}", answer.text());
}

//= P2P-079 type=test
//= P2P-056 type=test
#[test]
fn what_one_peer_writes_another_is_written_anew() {
    let mut scene = Scene::new("");
    let uri = met(&mut scene);
    let rows = format!("Content-Type: {MEDIA_TYPE};from=bob\r\n");
    let find = String::from_utf8(scene.find()).unwrap();
    let telling = find.replacen("\"version\"", "\"impu\":\"sip:bob@home1.example\",\"version\"", 1);
    assert_ne!(find, telling);
    let message = one(scene.request(BOB, "MESSAGE", &uri, &rows, telling.as_bytes()));
    assert!(message.start().starts_with("MESSAGE sip:alice@"), "{}", message.start());
    hides(&message, BOB);
    for text in ["{}", "it is bob"] {
        let refused = one(scene.request(BOB, "MESSAGE", &uri, &rows, text.as_bytes()));
        assert_eq!(refused.start(), "SIP/2.0 500 Server Internal Error");
    }
}

#[test]
fn an_id_is_one_however_its_uri_is_dressed() {
    let mut scene = Scene::new("");
    let uri = met(&mut scene);
    for dressed in [
        format!("{uri}?Subject=a@b"),
        format!("{uri}:5060"),
        format!("{uri};x=a@b"),
        format!("{uri}."),
        uri.replace("sip:", "sips:"),
        uri.replace("tid.p2p", "TID.P2P").replace("t1.", "t9."),
    ] {
        let answer = one(scene.request(BOB, "OPTIONS", &dressed, "", b""));
        assert!(answer.start().starts_with("SIP/2.0 4"), "{dressed}: {}", answer.start());
    }
}

//= P2P-071 type=test
#[test]
fn a_peer_that_comes_by_another_connection_is_found_there() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let etag = scene.last_etag();
    let moved = Ue {
        connection: 77,
        ..ALICE
    };
    scene.register(moved, 600);
    let refreshed = scene.publish(moved, &format!("SIP-If-Match: {etag}\r\n"), b"");
    assert_eq!(refreshed.start(), "SIP/2.0 200 OK");
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    assert_eq!(at_alice.connection.map(|one| one.0), Some(77));
    let _ = CAROL;
}

//= P2P-084 type=test
//= P2P-088 type=test
#[test]
fn media_whose_keys_are_not_in_the_message_pass_by_any_way() {
    let mut scene = Scene::new("");
    let uri = met(&mut scene);
    let print = ["AB"; 32].join(":");
    let dtls: String = sdp(BOB, KEY)
        .replace("RTP/SAVP", "UDP/TLS/RTP/SAVP")
        .lines()
        .map(|line| match line.starts_with("a=crypto") {
            true => format!("a=fingerprint:sha-256 {print}\r\na=setup:actpass\r\n"),
            false => format!("{line}\r\n"),
        })
        .collect();
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &dtls));
    assert!(
        at_alice.start().starts_with("INVITE sip:alice@"),
        "{}",
        at_alice.start()
    );
    assert!(at_alice.text().contains(&print));
    let answer = with_body(
        respond(&at_alice, "200 OK", "a", ""),
        &dtls.replace("actpass", "active"),
    );
    let answer = one(scene.says(ALICE, &answer));
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
}
