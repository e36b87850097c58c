//! What a UE begins goes the way the network gave it.

use super::{UE, from_ue, policy_with, registered, request};
use crate::world::{POLICY, Sent, World};

const STORED: &str = "<sip:10.20.0.20:5070;lr>, <sip:orig@scscf.home1.example;lr>";

fn world(policy: &str) -> World {
    let mut world = World::new(policy);
    registered(&mut world, &format!("Service-Route: {STORED}\r\n"));
    world
}

fn sent(policy: &str, rows: &str) -> Sent {
    from_ue(&mut world(policy), &request(UE, "INVITE", rows))
}

//= PCSCF-014 type=test
//= TRUST-027 type=test
#[test]
fn whatever_route_a_ue_writes_its_service_route_counts() {
    for rows in [
        String::new(),
        format!("Route: {STORED}\r\n"),
        format!("Route: <sip:10.30.0.1:5060;lr>, {STORED}\r\n"),
        "Route: <sip:attacker.example;lr>\r\n".to_owned(),
        format!("Route: {STORED}\r\nRoute: <sip:attacker.example;lr>\r\n"),
        "Route: <sip:10.20.0.9;lr>\r\n".to_owned(),
        "Route: <sip:10.30.0.1:5060;lr>, <sip:10.20.0.20:5070;lr>\r\n".to_owned(),
    ] {
        let sent = sent(POLICY, &rows);
        assert_eq!(
            (sent.to.to_string().as_str(), sent.from_listener.as_str()),
            ("10.20.0.20:5070", "core"),
            "{rows}"
        );
        assert_eq!(sent.rows("Route"), [STORED], "{rows}");
        assert!(!sent.text().contains("attacker"));
    }
}

//= PCSCF-014 type=test
#[test]
fn another_route_may_be_refused() {
    let policy = policy_with("service_route = \"reject-400\"");
    for rows in [
        "",
        "Route: <sip:attacker.example;lr>\r\n",
        "Route: <sip:10.20.0.20:5070;lr>\r\n",
    ] {
        assert_eq!(sent(&policy, rows).start(), "SIP/2.0 400 Bad Route", "{rows}");
    }
    let same =
        "Route: <sip:10.30.0.1:5060;lr>, <sip:10.20.0.20:5070;lr>\r\nRoute: <sip:orig@SCSCF.home1.example;lr>\r\n";
    let sent = sent(&policy, same);
    assert_eq!(sent.to.to_string(), "10.20.0.20:5070");
    assert_eq!(sent.rows("Route").len(), 2, "as it came: {}", sent.text());
}

//= PCSCF-007 type=test
#[test]
fn the_newest_service_route_counts() {
    let mut world = world(POLICY);
    let forwarded = from_ue(&mut world, &super::register(2, ""));
    let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\nService-Route: <sip:10.20.0.21;lr>\r\n");
    super::from_core(&mut world, &forwarded, "200 OK", &rows);
    let sent = from_ue(&mut world, &request(UE, "INVITE", ""));
    assert_eq!(
        (sent.to.to_string().as_str(), sent.rows("Route")),
        ("10.20.0.21:5060", vec!["<sip:10.20.0.21;lr>"])
    );
    // None any more: what the policy says.
    let forwarded = from_ue(&mut world, &super::register(3, ""));
    super::from_core(
        &mut world,
        &forwarded,
        "200 OK",
        &format!("Contact: <sip:ue@{UE}>;expires=600\r\n"),
    );
    let sent = from_ue(&mut world, &request(UE, "MESSAGE", "Route: <sip:10.20.0.21;lr>\r\n"));
    assert_eq!(
        (sent.to.to_string().as_str(), sent.rows("Route").len()),
        ("10.20.0.9:5060", 0)
    );
}

//= PROXY-030 type=test
#[test]
fn who_asks_this_node_what_it_can_is_answered_here() {
    let options = request(UE, "OPTIONS", "").replace("sip:bob@home1.example SIP", "sip:10.30.0.1:5060 SIP");
    for policy in [POLICY, &policy_with("service_route = \"reject-400\"")] {
        let answer = from_ue(&mut world(policy), &options);
        assert_eq!((answer.start(), answer.to.to_string().as_str()), ("SIP/2.0 200 OK", UE));
    }
}

//= PCSCF-014 type=test
#[test]
fn a_call_for_help_goes_where_the_policy_says() {
    let help =
        "[[route]]\nfrom = \"access\"\nemergency = true\nnext_hop = [\"sip:10.20.0.30\"]\nvia = \"core\"\n[[route]]\n";
    let policy = POLICY.replacen("[[route]]\n", help, 1);
    let call = request(UE, "INVITE", "Route: <sip:10.20.0.9;lr>\r\n")
        .replace("sip:bob@home1.example SIP", "urn:service:sos SIP");
    // Of a UE that nobody knows.
    let sent = from_ue(&mut World::new(&policy), &call);
    assert_eq!(
        (sent.to.to_string().as_str(), sent.rows("Route").len()),
        ("10.20.0.30:5060", 0)
    );
    assert!(sent.rows("P-Asserted-Identity").is_empty());
    let sent = from_ue(&mut world(&policy), &call.replace("Route: <sip:10.20.0.9;lr>\r\n", ""));
    assert_eq!(sent.to.to_string(), "10.20.0.30:5060");
    assert_eq!(from_ue(&mut World::new(POLICY), &call).start(), "SIP/2.0 403 Forbidden");
}
