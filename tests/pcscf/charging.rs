//! What the network tells itself about a UE's requests: who pays, and by which access.

use super::{CORE, UE, from_core, from_ue, policy_with, register, registered, request};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

const FORGED: &str = "P-Charging-Vector: icid-value=forged;orig-ioi=evil\r\n";

fn world(policy: &str) -> World {
    let mut world = World::new(policy);
    registered(&mut world, "");
    world
}

/// The icid of a message, which has one vector and nothing forged.
#[track_caller]
fn icid(sent: &Sent) -> String {
    let vectors = sent.rows("P-Charging-Vector");
    assert_eq!(vectors.len(), 1, "{}", sent.text());
    let icid = vectors[0]
        .strip_prefix("icid-value=")
        .and_then(|rest| rest.split(';').next())
        .unwrap();
    assert_eq!(
        vectors[0],
        format!("icid-value={icid};icid-generated-at=10.20.0.1;orig-ioi=home1.example")
    );
    icid.to_owned()
}

//= PCSCF-017 type=test
#[test]
fn a_request_of_a_ue_gets_an_icid_of_its_own() {
    let mut world = world(POLICY);
    let mut seen = vec![icid(&from_ue(&mut world, &register(2, FORGED)))];
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS"] {
        seen.push(icid(&from_ue(&mut world, &request(UE, method, FORGED))));
    }
    assert!(seen.iter().all(|icid| icid.len() == 24));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    // Outside, nobody sees one.
    let sent = from_ue(
        &mut world,
        &request(UE, "INVITE", "X: y\r\n").replace("bob@home1", "bob@net"),
    );
    assert_eq!(
        (sent.to.to_string().as_str(), sent.rows("P-Charging-Vector").len()),
        ("192.0.2.9:5060", 0)
    );
    let mut elsewhere = self::world(&policy_with("ioi = \"op.example\""));
    let sent = from_ue(&mut elsewhere, &request(UE, "INVITE", ""));
    assert!(sent.row("P-Charging-Vector").unwrap().ends_with(";orig-ioi=op.example"));
}

//= PCSCF-017 type=test
#[test]
fn a_dialog_is_charged_as_one() {
    let mut world = world(POLICY);
    let invite = from_ue(&mut world, &request(UE, "INVITE", FORGED));
    let first = icid(&invite);
    let ok = from_core(&mut world, &invite, "200 OK", "Contact: <sip:bob@10.20.0.9>\r\n");
    let in_dialog = |method: &str, number: u32| {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {UE};branch=z9hG4bKd{number}\r\nMax-Forwards: 70\r\n{}\
             From: <sip:ue@home1.example>;tag=f\r\nTo: <sip:bob@home1.example>;tag=s\r\nCall-ID: call-{UE}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:ue@{UE}>\r\n{FORGED}Content-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap()),
            routes(&ok.rows("Record-Route"), true)
        )
    };
    let ack = from_ue(&mut world, &in_dialog("ACK", 7));
    assert!(ack.rows("P-Charging-Vector").is_empty(), "{}", ack.text());
    for (number, method) in [(8, "INVITE"), (9, "UPDATE"), (10, "BYE")] {
        assert_eq!(
            icid(&from_ue(&mut world, &in_dialog(method, number))),
            first,
            "{method}"
        );
    }
    // Neither a CANCEL nor the ACK of a failure says anything of it.
    let invite = from_ue(
        &mut world,
        &request(UE, "INVITE", "X: y\r\n").replace("call-", "other-"),
    );
    world.packet("core", CORE, &respond(&invite, "180 Ringing", "s", ""));
    let cancel = request(UE, "INVITE", "X: y\r\n")
        .replace("call-", "other-")
        .replace("INVITE", "CANCEL");
    let cancel = cancel.replace("z9hG4bKCANCEL", "z9hG4bKINVITE");
    let sent = world.packet("access", UE, &cancel);
    let sent = sent.iter().find(|sent| sent.start().starts_with("CANCEL")).unwrap();
    assert!(sent.rows("P-Charging-Vector").is_empty());
    let sent = world.packet("core", CORE, &respond(&invite, "487 Request Terminated", "s", ""));
    let ack = sent.iter().find(|sent| sent.start().starts_with("ACK")).unwrap();
    assert!(ack.rows("P-Charging-Vector").is_empty());
}

//= PCSCF-017 type=test
#[test]
fn the_answer_of_a_ue_carries_the_vector_of_its_request() {
    let mut world = World::new(POLICY);
    let path = registered(&mut world, "").row("Path").unwrap().to_owned();
    let vector = "icid-value=\"core;1\";orig-ioi=home2.example";
    let rows = format!("Route: {path}\r\nP-Charging-Vector: {vector}\r\n");
    let invite = request(CORE, "INVITE", &rows).replace("To: <sip:bob", "To: <sip:ue");
    let sent = super::one(world.packet("core", CORE, &invite));
    assert_eq!(
        (sent.to.to_string().as_str(), sent.rows("P-Charging-Vector").len()),
        (UE, 0)
    );
    for status in ["180 Ringing", "200 OK"] {
        let answer = world.packet("access", UE, &respond(&sent, status, "b", FORGED));
        assert_eq!(
            answer[0].rows("P-Charging-Vector"),
            [format!("{vector};term-ioi=home1.example")],
            "{status}"
        );
    }
    // Where the request had none, the answer has none.
    let invite = request(CORE, "MESSAGE", &format!("Route: {path}\r\n"));
    let sent = super::one(world.packet("core", CORE, &invite));
    let answer = world.packet("access", UE, &respond(&sent, "200 OK", "b", FORGED));
    assert!(answer[0].rows("P-Charging-Vector").is_empty());
}

//= PCSCF-018 type=test
#[test]
fn what_a_ue_says_of_its_access_stays_and_what_the_network_says_is_added() {
    let of_ue = "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0A , IEEE-802.11;Network-Provided\r\n";
    let sent = from_ue(&mut world(POLICY), &request(UE, "INVITE", of_ue));
    assert_eq!(
        sent.rows("P-Access-Network-Info"),
        ["3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0A"]
    );
    let policy = policy_with("pani_network_provided = \"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0B\"");
    let mut world = world(&policy);
    let added = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0B;network-provided";
    for text in [request(UE, "INVITE", of_ue), register(2, of_ue)] {
        let sent = from_ue(&mut world, &text);
        assert_eq!(
            sent.rows("P-Access-Network-Info"),
            ["3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0A", added]
        );
    }
    let sent = from_ue(
        &mut world,
        &request(UE, "MESSAGE", of_ue).replace("bob@home1", "bob@net"),
    );
    assert!(sent.rows("P-Access-Network-Info").is_empty(), "{}", sent.text());
}
