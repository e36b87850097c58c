//! Table B: what the values of a privacy set do to each field on a boundary leg.

use crate::legs::{ALLY, ANONYMOUS, CORE, FROM, NET, UE, answered, forwarded, policy_with_privacy, tells_nothing};
use crate::world::POLICY;

//= PRIV-090 type=test
//= PRIV-089 type=test
#[test]
fn the_answer_of_a_party_with_privacy_user_names_no_host_of_its_own() {
    let rows = "Privacy: user\r\nWarning: 399 ue7.home.example \"x, y\", 307 10.99.0.7:5060 \"z\"\r\nServer: s\r\nReply-To: <sip:a@b>\r\n";
    let sent = answered(POLICY, CORE, NET, "200 OK", rows);
    assert_eq!(sent.row("Warning"), Some("399 anonymous \"x, y\", 307 anonymous \"z\""));
    assert!(sent.rows("Server").is_empty() && sent.rows("Reply-To").is_empty());
}

//= PRIV-091 type=test
#[test]
fn a_referrer_is_hidden_in_its_own_refer_only() {
    let rows = "Privacy: user\r\nReferred-By: <sip:al-secret@x>;cid=\"al-secret@x\"\r\nr: b\r\n";
    let sent = forwarded(POLICY, CORE, NET, "REFER", rows);
    assert_eq!(sent.row("Referred-By"), Some("<sip:anonymous@anonymous.invalid>"));
    let twice = "Privacy: user\r\nReferred-By: <sip:a@x>\r\nb: <sip:al-secret@x>\r\n";
    tells_nothing(&forwarded(POLICY, CORE, NET, "REFER", twice));
    let sent = forwarded(
        POLICY,
        CORE,
        NET,
        "INVITE",
        "Privacy: user\r\nReferred-By: <sip:alice@x>\r\n",
    );
    assert_eq!(sent.row("Referred-By"), Some("<sip:alice@x>"));
}

//= PRIV-097 type=test
#[test]
fn diversion_and_remote_party_id() {
    let diversion = |value: &str, privacy: &str| {
        let rows = format!("Privacy: {privacy}\r\nDiversion: {value}\r\n");
        !forwarded(POLICY, CORE, NET, "INVITE", &rows)
            .rows("Diversion")
            .is_empty()
    };
    assert!(!diversion("<sip:bob@x>;privacy=full", "user"));
    assert!(diversion("<sip:bob@x>;privacy=off", "user"));
    assert!(diversion("<sip:bob@x>", "user"));
    assert!(diversion("<sip:bob@x>;privacy=full", "id"));
    assert!(!diversion("<sip:bob@x>", "history"));
    let party = "Remote-Party-ID: <sip:al@x>\r\n";
    for (from, to) in [(NET, CORE), (UE, CORE), (CORE, ALLY)] {
        assert!(
            forwarded(POLICY, from, to, "INVITE", party)
                .rows("Remote-Party-ID")
                .is_empty()
        );
    }
    let passes = policy_with_privacy("remote_party_id = \"pass\"");
    assert_eq!(
        forwarded(&passes, CORE, UE, "INVITE", party)
            .rows("Remote-Party-ID")
            .len(),
        1
    );
    let hidden = forwarded(&passes, CORE, UE, "INVITE", &format!("Privacy: id\r\n{party}"));
    assert!(hidden.rows("Remote-Party-ID").is_empty());
    let own = forwarded(
        &passes,
        CORE,
        UE,
        "INVITE",
        "Remote-Party-ID: <sip:al@x>;privacy=full\r\n",
    );
    assert!(own.rows("Remote-Party-ID").is_empty());
}

//= PRIV-099 type=test
//= PRIV-100 type=test
//= PRIV-101 type=test
#[test]
fn places_signatures_and_session_ids() {
    let rows = "Geolocation: <cid:x>\r\nGeolocation-Routing: yes\r\nIdentity: x\r\nIdentity-Info: <http://x>\r\nSession-ID: ab\r\n";
    let names = [
        "Geolocation",
        "Geolocation-Routing",
        "Identity",
        "Identity-Info",
        "Session-ID",
    ];
    let left = |policy: &str, privacy: &str| {
        let sent = forwarded(policy, CORE, UE, "INVITE", &format!("Privacy: {privacy}\r\n{rows}"));
        names.map(|name| !sent.rows(name).is_empty())
    };
    assert_eq!(left(POLICY, "id"), [true; 5]);
    assert_eq!(left(POLICY, "user"), [false, false, false, false, true]);
    let strips = policy_with_privacy("strip_session_id_on_user = true\nstrip_identity_on_id_to_ue = true");
    assert_eq!(left(&strips, "user"), [false; 5]);
    assert_eq!(left(&strips, "id"), [true, true, false, false, true]);
}

//= PRIV-080 type=test
#[test]
fn the_anonymous_host_is_the_operators_choice() {
    let policy = policy_with_privacy("anonymous_host = \"home1.example\"");
    let rows = "Privacy: user\r\nFrom: \"Al\" <sip:al@x>;tag=7;foo=1\r\n";
    let sent = forwarded(&policy, CORE, UE, "MESSAGE", rows);
    assert_eq!(
        sent.row("From"),
        Some("\"Anonymous\" <sip:anonymous@home1.example>;tag=7")
    );
    assert_eq!(
        forwarded(POLICY, CORE, UE, "MESSAGE", rows).row("From"),
        Some(ANONYMOUS)
    );
    let sent = answered(POLICY, CORE, NET, "200 OK", "Privacy: user\r\n");
    assert_eq!(
        sent.row("From"),
        Some(FROM),
        "the From of a response is the requester's"
    );
}

//= PRIV-082 type=test
#[test]
fn a_contact_keeps_what_names_nobody() {
    let contact = |value: &str| {
        let rows = format!("Privacy: user\r\nContact: {value}\r\n");
        forwarded(POLICY, CORE, UE, "INVITE", &rows)
            .row("Contact")
            .unwrap()
            .to_owned()
    };
    let hidden = contact("<sip:+4930123@10.0.0.7;gr=urn:uuid:1>;audio;+sip.instance=\"<urn:uuid:1>\";ob;expires=5");
    assert!(hidden.ends_with("@10.30.0.1:5060>;audio;expires=5"), "{hidden}");
    assert!(!hidden.contains("4930123") && !hidden.contains("uuid"), "{hidden}");
    for kept in [
        "<sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr>",
        "<sip:10.0.0.7>",
    ] {
        assert_eq!(contact(kept), kept);
    }
}
