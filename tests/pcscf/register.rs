//! REGISTER on its way to the registrar.

use super::{UE, from_ue, policy_with, register};
use crate::world::{POLICY, World};

fn forwarded(policy: &str, rows: &str) -> crate::world::Sent {
    from_ue(&mut World::new(policy), &register(1, rows))
}

//= PCSCF-002 type=test
#[test]
fn the_registrar_must_know_of_path_whatever_the_ue_says() {
    for rows in ["", "Supported: path\r\n", "Supported: gruu\r\nk: 100rel, PATH\r\n"] {
        let sent = forwarded(POLICY, rows);
        assert_eq!(
            (sent.rows("Path").len(), sent.rows("Require")),
            (1, vec!["path"]),
            "{rows}"
        );
    }
    assert_eq!(
        forwarded(POLICY, "Require: Path, gruu\r\n").rows("Require"),
        ["Path, gruu"]
    );
}

//= PCSCF-002 type=test
#[test]
fn a_ue_without_path_may_be_turned_away() {
    let literal = POLICY.replace("profile = \"ims\"", "profile = \"rfc\"");
    for policy in [literal.as_str(), &policy_with("path_unsupported = \"reject-421\"")] {
        let answer = forwarded(policy, "Supported: gruu\r\n");
        assert_eq!(
            (answer.start(), answer.rows("Require"), answer.to.to_string().as_str()),
            ("SIP/2.0 421 Extension Required", vec!["path"], UE)
        );
        assert_eq!(forwarded(policy, "Supported: gruu, Path\r\n").rows("Path").len(), 1);
    }
    let either = literal.replace("[[peer]]", "[pcscf]\npath_unsupported = \"insert\"\n[[peer]]");
    assert_eq!(forwarded(&either, "").rows("Require"), ["path"]);
}

//= PCSCF-003 type=test
#[test]
fn the_network_says_where_a_ue_is_and_the_ue_does_not() {
    let evil = "P-Visited-Network-ID: evil\r\np-visited-network-id : evil2, evil3\r\n";
    let sent = forwarded(POLICY, evil);
    assert!(!sent.text().contains("evil"), "{}", sent.text());
    assert!(sent.rows("P-Visited-Network-ID").is_empty());
    for (written, shown) in [
        ("visited1.example", "visited1.example"),
        ("Visited network \\\"no\\\" 1", "\"Visited network \\\"no\\\" 1\""),
    ] {
        let policy = policy_with(&format!("visited_network_id = \"{written}\""));
        let sent = forwarded(&policy, evil);
        assert_eq!(sent.rows("P-Visited-Network-ID"), [shown]);
        let mut world = World::new(&policy);
        super::registered(&mut world, "");
        let sent = from_ue(&mut world, &super::request(UE, "MESSAGE", evil));
        assert!(sent.rows("P-Visited-Network-ID").is_empty(), "{}", sent.text());
    }
}

//= PCSCF-006 type=test
#[test]
fn a_register_comes_from_the_ue_itself() {
    for more in ["Via: SIP/2.0/UDP 10.30.0.99;branch=z9hG4bKother\r\n", ""] {
        let answer = forwarded(POLICY, more);
        assert_eq!(
            answer.start() == "SIP/2.0 502 Bad Gateway",
            !more.is_empty(),
            "{}",
            answer.text()
        );
    }
    let in_a_row = register(1, "").replacen("\r\nMax-", ", SIP/2.0/UDP 10.30.0.99;branch=z9hG4bKother\r\nMax-", 1);
    let answer = from_ue(&mut World::new(POLICY), &in_a_row);
    assert_eq!(answer.start(), "SIP/2.0 502 Bad Gateway");
}

//= PCSCF-019 type=test
#[test]
fn what_a_ue_asks_of_this_node_goes_no_further() {
    let rows = "Require: sec-agree, 100rel\r\nProxy-Require: Sec-Agree\r\nRequire: SEC-AGREE\r\nSupported: sec-agree, path\r\n\
                Security-Client: ipsec-3gpp;alg=hmac-sha-1-96\r\nSecurity-Verify: ipsec-3gpp;q=0.1\r\n";
    let sent = forwarded(POLICY, rows);
    assert_eq!(sent.rows("Require"), ["100rel", "path"]);
    assert!(sent.rows("Proxy-Require").is_empty(), "{}", sent.text());
    assert_eq!(sent.rows("Supported"), ["sec-agree, path"]);
    assert!(!sent.text().contains("Security-"), "{}", sent.text());
    let mut world = World::new(POLICY);
    super::registered(&mut world, "");
    let sent = from_ue(&mut world, &super::request(UE, "INVITE", rows));
    assert_eq!(sent.rows("Require"), ["100rel"]);
    assert!(sent.rows("Proxy-Require").is_empty() && !sent.text().contains("Security-"));
}
