//! The session keys of a challenge stop here.

use super::{CORE, UE, from_core, from_ue, register};
use crate::world::{POLICY, World, respond};

const CK: &str = "000102030405060708090a0b0c0d0e0f";
const IK: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"home1.example\", nonce=\"n\", algorithm=AKAv1-MD5";
const AUTHORIZATION: &str = "Authorization: Digest username=\"ue@home1.example\", realm=\"home1.example\", uri=\"sip:home1.example\", algorithm=AKAv1-MD5, nonce=\"\", response=\"\"\r\n";

//= PCSCF-005 type=test
#[test]
fn a_ue_does_not_see_the_keys_of_its_challenge() {
    for challenge in [
        format!("{CHALLENGE}, ck=\"{CK}\", ik=\"{IK}\"\r\n"),
        format!("{CHALLENGE},CK={CK} ,  Ik = {IK}\r\n"),
        format!("WWW-Authenticate: Basic realm=\"b\"\r\n{CHALLENGE}, ik={IK}, ck={CK}\r\n"),
        format!("{CHALLENGE}, ck={CK}, ik={IK}, Digest realm=\"second\", ck={CK}, ik={IK}, nonce=\"n\"\r\n"),
    ] {
        let mut world = World::new(POLICY);
        let forwarded = from_ue(&mut world, &register(1, AUTHORIZATION));
        let answer = from_core(&mut world, &forwarded, "401 Unauthorized", &challenge);
        assert_eq!(
            (answer.start(), answer.to.to_string().as_str()),
            ("SIP/2.0 401 Unauthorized", UE)
        );
        for secret in [CK, IK, "ck", "ik", "CK", "Ik"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
        assert!(answer.text().contains("nonce=\"n\""), "{}", answer.text());
        assert_eq!(
            challenge.contains("second"),
            answer.text().contains("Digest realm=\"second\"")
        );
    }
}

//= PCSCF-005 type=test
#[test]
fn a_challenge_without_both_keys_is_a_failure_of_the_network() {
    let answer_to = |authorization: &str, challenge: &str| {
        let mut world = World::new(POLICY);
        let forwarded = from_ue(&mut world, &register(1, authorization));
        from_core(&mut world, &forwarded, "401 Unauthorized", challenge)
            .start()
            .to_owned()
    };
    let failed = "SIP/2.0 500 Server Internal Error";
    for keys in [
        format!(", ck=\"{CK}\""),
        format!(", ik=\"{IK}\""),
        format!(", ck=\"{CK}\", ik=\"{}\"", &IK[1..]),
        String::new(),
    ] {
        assert_eq!(answer_to("", &format!("{CHALLENGE}{keys}\r\n")), failed, "{keys}");
    }
    let digest = "WWW-Authenticate: Digest realm=\"home1.example\", nonce=\"n\", algorithm=MD5\r\n";
    assert_eq!(answer_to(AUTHORIZATION, digest), failed);
    assert_eq!(answer_to(AUTHORIZATION, ""), failed);
    assert_eq!(answer_to("", digest), "SIP/2.0 401 Unauthorized");
}

//= PCSCF-005 type=test
#[test]
fn keys_are_in_no_other_message_to_a_ue() {
    let mut world = World::new(POLICY);
    let forwarded = from_ue(&mut world, &register(1, ""));
    let rows = format!("{CHALLENGE}, ck={CK}, Digest ik={IK}\r\nContact: <sip:ue@{UE}>;expires=600\r\n");
    let answer = from_core(&mut world, &forwarded, "200 OK", &rows);
    assert!(
        !answer.text().contains(CK) && !answer.text().contains(IK),
        "{}",
        answer.text()
    );
    let proxied = rows.replace("WWW-Authenticate", "Proxy-Authenticate");
    let forwarded = from_ue(&mut world, &register(2, ""));
    let answer = from_core(&mut world, &forwarded, "407 Proxy Authentication Required", &proxied);
    assert!(
        !answer.text().contains(CK) && !answer.text().contains(IK),
        "{}",
        answer.text()
    );
}

//= PCSCF-005 type=test
#[test]
fn of_several_registrars_none_tells_a_key() {
    let policy = POLICY.replace(
        "from = \"access\"\nnext_hop = [\"sip:10.20.0.9:5060\"]",
        "from = \"access\"\nfork = \"parallel\"\nnext_hop = [\"sip:10.20.0.9:5060\", \"sip:10.20.0.8:5060\"]",
    );
    let mut world = World::new(&policy);
    let forwarded = world.packet("access", UE, &register(1, AUTHORIZATION));
    assert_eq!(forwarded.len(), 2, "{forwarded:#?}");
    let challenge = |keys: &str| format!("{CHALLENGE}, {keys}\r\n");
    let keys = format!("ck={CK}, ik={IK}");
    let first = respond(&forwarded[0], "401 Unauthorized", "s", &challenge(&keys));
    assert!(world.packet("core", CORE, &first).is_empty());
    let second = respond(
        &forwarded[1],
        "401 Unauthorized",
        "t",
        &challenge(&format!("{keys}, Digest {keys}")),
    );
    let sent = world.packet("core", "10.20.0.8:5060", &second);
    assert_eq!(sent[0].rows("WWW-Authenticate").len(), 2, "{sent:#?}");
    assert!(
        !sent[0].text().contains(CK) && !sent[0].text().contains(IK),
        "{sent:#?}"
    );
}
