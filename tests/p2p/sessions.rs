//! INVITE and MESSAGE to a temporary ID: both parties meet, and neither learns who the other is.

use super::scene::{ALICE, BOB, CAROL, Scene, Ue, one};
use crate::world::{Sent, contact_uri, respond, routes};

pub const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
pub const OTHER_KEY: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";

pub fn sdp(ue: Ue, key: &str) -> String {
    format!(
        "v=0\r\no={name} 12345 1 IN IP4 {ip}\r\ns=Call of {name}\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=application 40000 RTP/SAVP 96\r\na=rtpmap:96 vnd.ppspp/90000\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na=sendrecv\r\n",
        name = ue.name,
        ip = "192.0.2.77"
    )
}

pub fn with_body(text: String, sdp: &str) -> String {
    text.replace(
        "Content-Length: 0\r\n\r\n",
        &format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        ),
    )
}

/// Nothing in it tells who this is, or where.
#[track_caller]
pub fn hides(sent: &Sent, hidden: Ue) {
    let at = hidden.at.split(':').next().unwrap();
    for told in [hidden.name, at, &hidden.at[at.len() + 1..], "P-Asserted-Identity"] {
        assert!(!sent.text().contains(told), "{told} in {}", sent.text());
    }
}

/// Both are in the swarm; what Alice is called by Bob.
pub fn met(scene: &mut Scene) -> String {
    scene.joins(BOB);
    scene.shares(ALICE);
    scene.listed(BOB).remove(0)
}

pub fn invite(scene: &mut Scene, ue: Ue, uri: &str, rows: &str, sdp: &str) -> Vec<Sent> {
    let rows = format!(
        "{rows}Content-Type: application/sdp\r\nUser-Agent: {}'s telephone\r\nSubject: it is {}\r\n",
        ue.name, ue.name
    );
    scene.request(ue, "INVITE", uri, &rows, sdp.as_bytes())
}

//= P2P-044 type=test
//= P2P-069 type=test
//= P2P-072 type=test
//= P2P-073 type=test
//= P2P-074 type=test
//= P2P-075 type=test
//= P2P-081 type=test
#[test]
fn two_peers_meet_and_neither_learns_who_the_other_is() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "Privacy: none\r\n", &sdp(BOB, KEY)));
    assert_eq!(
        at_alice.start(),
        "INVITE sip:alice@10.30.0.7:41007;transport=tcp SIP/2.0"
    );
    assert_eq!(
        at_alice.connection.map(|connection| connection.0),
        Some(ALICE.connection)
    );
    hides(&at_alice, BOB);
    let from = at_alice.row("From").unwrap();
    assert!(
        from.starts_with("\"Anonymous\" <sip:t1.") && from.contains("@tid.p2p.home1.example>;tag="),
        "{from}"
    );
    assert!(at_alice.text().contains(&format!("inline:{KEY}")));

    // Alice rings and answers.
    let contact = format!(
        "Contact: \"alice\" <{}>;+sip.instance=\"<urn:uuid:alice>\"\r\nServer: alice's telephone\r\n",
        ALICE.contact()
    );
    let ringing = one(scene.says(ALICE, &respond(&at_alice, "180 Ringing", "a", &contact)));
    hides(&ringing, ALICE);
    let ok = with_body(respond(&at_alice, "200 OK", "a", &contact), &sdp(ALICE, OTHER_KEY));
    let ok = one(scene.says(ALICE, &ok));
    assert_eq!(ok.start(), "SIP/2.0 200 OK");
    hides(&ok, ALICE);
    assert!(ok.text().contains(&format!("inline:{OTHER_KEY}")));
    assert!(ok.row("From").unwrap().starts_with("\"bob\" <sip:bob@home1.example>"));

    // Bob acknowledges, and both speak in the dialog.
    let within = |method: &str, cseq: u32, ue: Ue, target: &str, from: &str, to: &str, routes: &str, call_id: &str| {
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKd{cseq}{method}\r\nMax-Forwards: 70\r\n{routes}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{}>\r\n\
             User-Agent: {}'s telephone\r\nContent-Length: 0\r\n\r\n",
            ue.at,
            ue.contact(),
            ue.name
        )
    };
    let of_bob = |method: &str, cseq: u32| {
        let target = contact_uri(ok.row("Contact").unwrap());
        let (from, to) = (ok.row("From").unwrap(), ok.row("To").unwrap());
        let routes = routes(&ok.rows("Record-Route"), true);
        within(method, cseq, BOB, target, from, to, &routes, ok.row("Call-ID").unwrap())
    };
    let ack = one(scene.says(BOB, &of_bob("ACK", 1)));
    assert_eq!(ack.start(), "ACK sip:alice@10.30.0.7:41007;transport=tcp SIP/2.0");
    hides(&ack, BOB);
    // Two hours later, when nobody is called so any more.
    scene.pass(500);
    let info = one(scene.says(BOB, &of_bob("INFO", 2)));
    assert_eq!(info.start(), "INFO sip:alice@10.30.0.7:41007;transport=tcp SIP/2.0");
    hides(&info, BOB);
    assert_eq!(info.row("From"), at_alice.row("From"));
    let answered = one(scene.says(ALICE, &respond(&info, "200 OK", "a", &contact)));
    hides(&answered, ALICE);
    let bye = within(
        "BYE",
        9,
        ALICE,
        contact_uri(at_alice.row("Contact").unwrap()),
        &format!("{};tag=a", at_alice.row("To").unwrap()),
        at_alice.row("From").unwrap(),
        &routes(&at_alice.rows("Record-Route"), false),
        at_alice.row("Call-ID").unwrap(),
    );
    let bye = one(scene.says(ALICE, &bye));
    assert_eq!(bye.start(), "BYE sip:bob@10.30.0.8:41008;transport=tcp SIP/2.0");
    hides(&bye, ALICE);
    assert!(bye.row("To").unwrap().contains("sip:bob@home1.example"));
    let over = one(scene.says(BOB, &respond(&bye, "200 OK", "", "")));
    hides(&over, BOB);
}

//= P2P-073 type=test
#[test]
fn who_is_called_stays_hidden_however_it_answers() {
    for status in [
        "180 Ringing",
        "183 Session Progress",
        "404 Not Found",
        "486 Busy Here",
        "603 Decline",
    ] {
        let mut scene = Scene::new("clear_keys = true");
        let uri = met(&mut scene);
        let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
        let rows = format!(
            "Contact: <{0}>\r\nServer: alice's\r\nP-Asserted-Identity: <sip:alice@home1.example>\r\n\
             Warning: 399 alice.home1.example \"alice is busy\"\r\nReply-To: <sip:alice@home1.example>\r\n\
             Organization: alice's\r\nCall-Info: <http://alice.example/>\r\nHistory-Info: <sip:alice@home1.example>;index=1\r\n\
             P-Preferred-Identity: <sip:alice@home1.example>\r\nReason: SIP;cause=486;text=\"alice\"\r\n\
             P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=alice\r\nError-Info: <sip:alice@home1.example>\r\n",
            ALICE.contact()
        );
        let back: Vec<Sent> = scene.says(
            ALICE,
            &respond(&at_alice, status, "a", &rows).replace("To: <", "To: \"alice\" <"),
        );
        let at_bob = back
            .iter()
            .find(|sent| sent.connection.map(|one| one.0) == Some(BOB.connection));
        hides(at_bob.unwrap_or_else(|| panic!("{status}")), ALICE);
    }
}

//= P2P-076 type=test
#[test]
fn a_call_id_that_tells_where_it_is_from_is_another_one_on_the_way() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let body = sdp(BOB, KEY);
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {0};branch=z9hG4bKcall\r\nMax-Forwards: 70\r\nFrom: <sip:bob@home1.example>;\
         tag=f\r\nTo: <{uri}>\r\nCall-ID: abc@{0}\r\nCSeq: 1 INVITE\r\nContact: <{1}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {2}\r\n\r\n{body}",
        BOB.at,
        BOB.contact(),
        body.len()
    );
    let at_alice = one(scene.says(BOB, &text));
    hides(&at_alice, BOB);
    let back = one(scene.says(ALICE, &respond(&at_alice, "180 Ringing", "a", "")));
    assert_eq!(back.row("Call-ID"), Some(format!("abc@{}", BOB.at).as_str()));
}

//= P2P-070 type=test
#[test]
fn a_peer_cannot_send_its_caller_elsewhere() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let moved = respond(
        &at_alice,
        "302 Moved Temporarily",
        "a",
        "Contact: <sip:alice@elsewhere.example>\r\n",
    );
    let sent = scene.says(ALICE, &moved);
    let at_bob = sent.iter().find(|sent| sent.start().starts_with("SIP/2.0")).unwrap();
    assert!(at_bob.start().starts_with("SIP/2.0 4"), "{}", at_bob.start());
    hides(at_bob, ALICE);
    assert_eq!(at_bob.row("Contact"), None);
}

//= P2P-037 type=test
//= P2P-077 type=test
//= P2P-017 type=test
#[test]
fn an_id_is_of_use_to_members_alone_and_all_others_hear_the_same() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    // Carol is in no swarm.
    let stolen = one(invite(&mut scene, CAROL, &uri, "", &sdp(CAROL, KEY)));
    let made_up = format!("sip:t1.{}@tid.p2p.home1.example", "A".repeat(36));
    let forged = one(invite(&mut scene, BOB, &made_up, "", &sdp(BOB, KEY)));
    let plain = one(invite(
        &mut scene,
        BOB,
        "sip:alice@tid.p2p.home1.example",
        "",
        &sdp(BOB, KEY),
    ));
    scene.register(ALICE, 0);
    let gone = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    for answer in [stolen, forged, plain, gone] {
        assert_eq!(answer.start(), "SIP/2.0 404 Not Found");
        let names: Vec<&str> = answer
            .text()
            .lines()
            .filter_map(|line| line.split(':').next())
            .collect();
        assert_eq!(
            names,
            [
                "SIP/2.0 404 Not Found",
                "Via",
                "From",
                "To",
                "Call-ID",
                "CSeq",
                "Content-Length",
                ""
            ]
        );
    }
}

//= P2P-079 type=test
#[test]
fn an_id_is_no_address_to_chat_with() {
    let mut scene = Scene::new("");
    let uri = met(&mut scene);
    let text = one(scene.request(BOB, "MESSAGE", &uri, "Content-Type: text/plain\r\n", b"hello"));
    assert_eq!(text.start(), "SIP/2.0 415 Unsupported Media Type");
    let large = vec![b' '; 1300];
    let rows = "Content-Type: application/ppsp-tracker+json\r\n";
    let large = one(scene.request(BOB, "MESSAGE", &uri, rows, &large));
    assert_eq!(large.start(), "SIP/2.0 413 Request Entity Too Large");
    let find = scene.find();
    let small = one(scene.request(BOB, "MESSAGE", &uri, rows, &find));
    assert_eq!(small.start(), "MESSAGE sip:alice@10.30.0.7:41007;transport=tcp SIP/2.0");
    hides(&small, BOB);
}

//= P2P-084 type=test
//= P2P-087 type=test
//= P2P-088 type=test
#[test]
fn media_that_nobody_protects_do_not_pass() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let plain = sdp(BOB, KEY).replace("RTP/SAVP", "RTP/AVP");
    let bare: String = sdp(BOB, KEY)
        .lines()
        .filter(|line| !line.starts_with("a=crypto"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    for unprotected in [plain, bare] {
        let answer = one(invite(&mut scene, BOB, &uri, "", &unprotected));
        assert_eq!(answer.start(), "SIP/2.0 488 Not Acceptable Here");
    }
    // The key of the offer is no answer.
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    let echo = with_body(respond(&at_alice, "200 OK", "a", ""), &sdp(ALICE, KEY));
    let sent = scene.says(ALICE, &echo);
    let at_bob = sent.iter().find(|sent| sent.start().starts_with("SIP/2.0")).unwrap();
    assert_eq!(at_bob.start(), "SIP/2.0 488 Not Acceptable Here");
    // Keys do not go where anybody could read them.
    let mut scene = Scene::new("");
    let uri = met(&mut scene);
    let answer = one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    assert_eq!(answer.start(), "SIP/2.0 488 Not Acceptable Here");
}

/// Nobody here ends media for a peer: what asks the edge to is not passed on, and not answered.
//= P2P-090 type=test
#[test]
fn media_are_protected_from_end_to_end() {
    let mut scene = Scene::new("clear_keys = true");
    let uri = met(&mut scene);
    let asks = sdp(BOB, KEY).replace("a=sendrecv", "a=3ge2ae:requested\r\na=sendrecv");
    let at_alice = one(invite(&mut scene, BOB, &uri, "", &asks));
    assert!(!at_alice.text().contains("3ge2ae") && at_alice.text().contains("a=crypto"));
    let says = sdp(ALICE, OTHER_KEY).replace("a=sendrecv", "a=3ge2ae:applied\r\na=sendrecv");
    let contact = format!("Contact: <{}>\r\n", ALICE.contact());
    let ok = with_body(respond(&at_alice, "200 OK", "a", &contact), &says);
    let ok = one(scene.says(ALICE, &ok));
    assert!(!ok.text().contains("3ge2ae") && ok.text().contains("a=crypto"));
}
