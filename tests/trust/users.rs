//! SPEC(T) items 1 and 6 at run time: by which method users showed who they are, and how the nodes of T keep to SIP.

use crate::counts::moved;
use crate::legs::{ALLY, CORE, NET, Party, UE, deliver, request, world_of};
use crate::world::{POLICY, World, respond};

/// Whether the INVITE of a UE goes on that registered with these rows.
fn may_call(listed: &str, rows: &str) -> bool {
    let policy = POLICY.replacen(
        "user_authentication = [\"none\"]",
        &format!("user_authentication = [{listed}]"),
        1,
    );
    let mut world = World::new(&policy);
    let register = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKr\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: reg\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:ue@{}>;expires=600\r\n{rows}Content-Length: 0\r\n\r\n",
        UE.address, UE.address
    );
    let sent = world.packet(UE.listener, UE.address, &register);
    let contact = format!("Contact: <sip:ue@{}>;expires=600\r\n", UE.address);
    world.packet(CORE.listener, CORE.address, &respond(&sent[0], "200 OK", "s", &contact));
    let sent = world.packet(UE.listener, UE.address, &request(UE, NET, "INVITE", ""));
    match sent[0].start() {
        "SIP/2.0 403 Forbidden" => false,
        start => {
            assert!(start.starts_with("INVITE "), "{start}");
            true
        }
    }
}

//= TRUST-002 type=test
#[test]
fn identities_are_asserted_for_users_of_a_listed_method() {
    let digest = "Authorization: Digest username=\"ue\", realm=\"home1.example\", algorithm=MD5, response=\"0\"\r\n";
    let aka = &digest.replace("MD5", "AKAv1-MD5");
    for (listed, rows, may) in [
        ("\"ims-aka\"", digest, false),
        ("\"ims-aka\"", aka, true),
        ("\"sip-digest\"", aka, false),
        ("\"sip-digest\"", digest, true),
        ("\"ims-aka\", \"sip-digest\"", digest, true),
        ("\"none\"", digest, true),
        ("\"ims-aka\"", "", true),
    ] {
        assert_eq!(may_call(listed, rows), may, "{listed} {rows}");
    }
}

const THREE: &str =
    "P-Asserted-Identity: <sip:a@home1.example>, <tel:+1555>\r\nP-Asserted-Identity: <sip:b@home1.example>\r\n";

//= TRUST-007 type=test
#[test]
fn a_peer_that_breaks_sip_too_often_raises_an_alarm_and_stays_what_it_is() {
    let alarms = |limit: &str, count: u32| {
        let policy = POLICY.replacen(
            "[[listener]]",
            &format!("[spec_t.compliance]\n{limit}\n[[listener]]"),
            1,
        );
        let mut world = World::new(&policy);
        let before = world.engine.counts();
        for number in 0..count {
            let text = format!(
                "MESSAGE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.70;branch=z9hG4bK{number}\r\n\
                 From: <sip:x@y>;tag=7\r\nTo: <sip:bob@home1.example>\r\nCall-ID: {number}\r\nCSeq: 1 MESSAGE\r\n\
                 {THREE}Content-Length: 0\r\n\r\n"
            );
            let sent = world.packet("net", "192.0.2.70:5060", &text);
            assert!(sent[0].row("P-Asserted-Identity").is_some(), "still believed");
        }
        let rows = moved(&before, &world.engine.counts());
        let of = |name: &str| {
            let row = rows
                .iter()
                .find_map(|row| row.strip_prefix(name)?.trim().parse::<u32>().ok());
            row.unwrap_or_default()
        };
        (of("sipveil_violations_total"), of("sipveil_alarms_total"))
    };
    assert_eq!(alarms("violation_limit = 10", 10), (10, 0));
    assert_eq!(alarms("violation_limit = 10", 11), (11, 1));
    assert_eq!(alarms("violation_limit = 10", 30), (30, 1), "told once");
    assert_eq!(alarms("", 11), (11, 1));
}

//= TRUST-007 type=test
#[test]
fn a_branch_without_the_cookie_is_counted_for_a_peer_alone() {
    for (listener, from, counted) in [
        ("net", "192.0.2.70:5060", "sipveil_violations_total 1"),
        ("net", "192.0.2.9:5060", ""),
    ] {
        let mut world = World::new(POLICY);
        let before = world.engine.counts();
        let text = format!(
            "MESSAGE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=1\r\nFrom: <sip:x@y>;tag=7\r\n\
             To: <sip:bob@home1.example>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
        );
        world.packet(listener, from, &text);
        let rows = moved(&before, &world.engine.counts());
        let found = rows
            .iter()
            .find(|row| row.starts_with("sipveil_violations"))
            .map_or("", |row| row);
        assert_eq!(found, counted);
    }
}

/// A pseudonym is an identity like any other: nothing links it to the others of its user.
//= LI-013 type=test
#[test]
fn a_pseudonym_that_was_called_or_preferred_stands_alone() {
    let mut world = World::new(POLICY);
    let register = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKr\r\nMax-Forwards: 70\r\n\
         From: <sip:real@home1.example>;tag=r\r\nTo: <sip:real@home1.example>\r\nCall-ID: reg\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:ue@{}>;expires=600\r\nContent-Length: 0\r\n\r\n",
        UE.address, UE.address
    );
    let sent = world.packet(UE.listener, UE.address, &register);
    let rows = format!(
        "Contact: <sip:ue@{}>;expires=600\r\n\
         P-Associated-URI: <sip:real@home1.example>, <tel:+15550007>, <sip:pseudo@home1.example>\r\n",
        UE.address
    );
    world.packet(CORE.listener, CORE.address, &respond(&sent[0], "200 OK", "s", &rows));
    let called = request(CORE, UE, "INVITE", "P-Called-Party-ID: <sip:pseudo@home1.example>\r\n");
    let invite = deliver(
        &mut world,
        CORE,
        UE,
        &called.replace("<sip:ue@home1.example>", "<sip:pseudo@home1.example>"),
    );
    for status in ["180 Ringing", "200 OK"] {
        let rows = format!("Contact: <sip:ue@{}>\r\n", UE.address);
        let sent = world.packet(UE.listener, UE.address, &respond(&invite, status, "u", &rows));
        let back = sent.iter().find(|sent| sent.to.to_string() == CORE.address).unwrap();
        assert_eq!(
            back.rows("P-Asserted-Identity"),
            ["<sip:pseudo@home1.example>"],
            "{status}"
        );
        assert!(
            !back.text().contains("real@") && !back.text().contains("15550007"),
            "{}",
            back.text()
        );
    }
    let prefers = "P-Preferred-Identity: <sip:pseudo@home1.example>\r\nFrom: <sip:pseudo@home1.example>;tag=9\r\n";
    let text = request(UE, NET, "MESSAGE", prefers)
        .replace("call-1", "call-2")
        .replace("z9hG4bKreq", "z9hG4bKtwo");
    let sent = deliver(&mut world, UE, NET, &text);
    assert_eq!(sent.rows("P-Asserted-Identity"), ["<sip:pseudo@home1.example>"]);
    assert!(!sent.text().contains("real@"), "{}", sent.text());
}

//= ROLE-001 type=test
#[test]
fn a_message_that_needs_a_role_this_node_does_not_play_is_refused() {
    let goes = |roles: &str, from: Party, to: Party| {
        let policy = POLICY.replacen("[[listener]]", &format!("[proxy]\nroles = [{roles}]\n[[listener]]"), 1);
        let mut world = world_of(&policy, &[from, to]);
        let sent = world.packet(from.listener, from.address, &request(from, to, "INVITE", ""));
        match sent[0].start() {
            "SIP/2.0 403 Forbidden" => false,
            start => {
                assert!(start.starts_with("INVITE "), "{start}");
                true
            }
        }
    };
    let (edge, p_cscf, core) = ("\"edge\"", "\"p-cscf\", \"core\"", "\"core\"");
    for (roles, from, to, may) in [
        (edge, NET, CORE, true),
        (edge, CORE, NET, true),
        (edge, CORE, ALLY, false),
        (p_cscf, NET, CORE, false),
        (p_cscf, UE, CORE, true),
        (p_cscf, CORE, UE, true),
        (p_cscf, UE, NET, false),
        (p_cscf, CORE, ALLY, true),
        (core, CORE, ALLY, true),
        (core, ALLY, CORE, true),
        (core, CORE, NET, false),
        ("\"core\", \"edge\", \"p-cscf\"", UE, NET, true),
    ] {
        assert_eq!(
            goes(roles, from, to),
            may,
            "{roles}: {} to {}",
            from.address,
            to.address
        );
    }
}
