//! The traps of the catalogue's section 19: faults that published configurations have, one test each.

use crate::legs::{
    ALLY, ANONYMOUS, CORE, FROM, NET, PAI, STRANGER, UE, UE_IDENTITY, answered, deliver, forwarded, policy, refused,
    reply, request, tells_none_of, tells_nothing, world_of,
};
use crate::security_agreement::{self, Who};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

fn has_pai(sent: &Sent) -> bool {
    !sent.rows("P-Asserted-Identity").is_empty()
}

//= TRAP-01 type=test
#[test]
fn trap_01_the_header_is_no_string_to_compare() {
    for value in ["id;critical", "user;id", "ID", "id "] {
        let sent = forwarded(POLICY, CORE, UE, "INVITE", &format!("Privacy: {value}\r\n{PAI}"));
        assert!(!has_pai(&sent), "{value}");
    }
}

//= TRAP-02 type=test
#[test]
fn trap_02_what_cannot_be_read_is_private() {
    for value in ["id;foo", "none;id", "foo", "\"id\"", "\u{7f}"] {
        let sent = forwarded(POLICY, CORE, UE, "INVITE", &format!("Privacy: {value}\r\n{PAI}"));
        assert!(!has_pai(&sent), "{value}");
    }
}

//= TRAP-03 type=test
#[test]
fn trap_03_every_row_counts() {
    let sent = forwarded(
        POLICY,
        CORE,
        UE,
        "INVITE",
        &format!("Privacy: history\r\nX: y\r\nPrivacy: id\r\n{PAI}"),
    );
    assert!(!has_pai(&sent));
}

//= TRAP-04 type=test
#[test]
fn trap_04_not_in_the_first_request_alone() {
    // Responses of a hidden party that answers a UE.
    for status in ["183 Progress", "200 OK"] {
        let sent = answered(POLICY, CORE, UE, status, &format!("Privacy: id\r\n{PAI}"));
        assert!(!has_pai(&sent), "{status}");
    }
    // And its requests afterwards.
    let mut world = world_of(POLICY, &[UE]);
    let invite = deliver(&mut world, UE, CORE, &request(UE, CORE, "INVITE", ""));
    reply(
        &mut world,
        &invite,
        CORE,
        UE,
        "200 OK",
        "b",
        &format!("Privacy: id\r\nContact: <sip:x@10.20.0.9>\r\n{PAI}"),
    );
    let route = routes(&invite.rows("Record-Route"), false);
    for method in ["INVITE", "UPDATE", "INFO", "BYE"] {
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n{route}\
             From: {};tag=b\r\nTo: {}\r\nCall-ID: call-1\r\nCSeq: 9 {method}\r\n{PAI}Content-Length: 0\r\n\r\n",
            "sip:ue@10.30.0.9",
            invite.row("To").unwrap(),
            invite.row("From").unwrap()
        );
        assert!(!has_pai(&deliver(&mut world, CORE, UE, &text)), "{method}");
    }
}

//= TRAP-05 type=test
//= TRAP-06 type=test
#[test]
fn trap_06_what_a_ue_asserts_itself_is_not_seen_again() {
    for rows in [
        "From: <sip:bob@home1.example>;tag=7\r\n",
        "P-Asserted-Identity: <sip:bob@home1.example>\r\n",
        "P-Asserted-Identity: <tel:+15550007>\r\n",
    ] {
        let sent = forwarded(POLICY, UE, CORE, "INVITE", rows);
        assert_eq!(sent.rows("P-Asserted-Identity"), [UE_IDENTITY], "{rows}");
    }
}

//= TRAP-07 type=test
//= PRIV-026 type=test
#[test]
fn trap_07_each_attempt_is_cleared_for_its_own_hop() {
    let second = POLICY.replace(
        "next_hop = [\"sip:192.0.2.70:5060\"]",
        "next_hop = [\"sip:192.0.2.70:5060\", \"sip:192.0.2.9:5060\"]",
    );
    let mut world = World::new(&second);
    let rows = format!("Privacy: user;id\r\n{PAI}");
    let first = deliver(&mut world, CORE, ALLY, &request(CORE, ALLY, "MESSAGE", &rows));
    assert!(has_pai(&first));
    assert_eq!((first.row("From"), first.row("Privacy")), (Some(FROM), Some("user;id")));
    let busy = respond(&first, "503 Service Unavailable", "x", "");
    let sent = world.packet(ALLY.listener, ALLY.address, &busy);
    let next = sent.iter().find(|sent| sent.to.to_string() == NET.address).unwrap();
    tells_nothing(next);
    assert_eq!((next.row("From"), next.row("Privacy")), (Some(ANONYMOUS), Some("id")));
    // The other way round the second, trusted one lost nothing to the first.
    let second = POLICY.replace(
        "next_hop = [\"sip:192.0.2.70:5060\"]",
        "next_hop = [\"sip:192.0.2.9:5060\", \"sip:192.0.2.70:5060\"]",
    );
    let mut world = World::new(&second);
    let sent = world.packet(CORE.listener, CORE.address, &request(CORE, ALLY, "MESSAGE", &rows));
    assert!(!has_pai(&sent[0]));
    let busy = respond(&sent[0], "503 Service Unavailable", "x", "");
    let sent = world.packet(NET.listener, NET.address, &busy);
    let next = sent.iter().find(|sent| sent.to.to_string() == ALLY.address).unwrap();
    assert!(has_pai(next));
    assert_eq!((next.row("From"), next.row("Privacy")), (Some(FROM), Some("user;id")));
}

//= TRAP-08 type=test
//= PAI-002 type=test
#[test]
fn trap_08_none_from_outside_lets_no_forgery_in() {
    for privacy in ["Privacy: none\r\n", "", "Privacy: none;id\r\n"] {
        let sent = forwarded(POLICY, NET, CORE, "INVITE", &format!("{privacy}{PAI}"));
        assert!(!has_pai(&sent), "{privacy}");
        assert!(!has_pai(&answered(
            POLICY,
            NET,
            CORE,
            "200 OK",
            &format!("{privacy}{PAI}")
        )));
    }
}

//= TRAP-09 type=test
#[test]
fn trap_09_none_forbids_stripping_and_stays() {
    let sent = forwarded(
        &policy("ims", "remove", "remove"),
        CORE,
        NET,
        "INVITE",
        &format!("Privacy: none\r\n{PAI}"),
    );
    assert!(
        sent.text().contains(&format!("Privacy: none\r\n{PAI}")),
        "{}",
        sent.text()
    );
}

//= TRAP-10 type=test
#[test]
fn trap_10_towards_the_own_core_nothing_is_lost() {
    let sent = forwarded(POLICY, UE, CORE, "INVITE", "Privacy: user;id\r\n");
    assert_eq!(sent.rows("P-Asserted-Identity"), [UE_IDENTITY]);
    assert_eq!((sent.row("Privacy"), sent.row("From")), (Some("user;id"), Some(FROM)));
    let sent = forwarded(POLICY, ALLY, CORE, "INVITE", &format!("Privacy: id\r\n{PAI}"));
    assert!(has_pai(&sent));
    assert_eq!(sent.row("Privacy"), Some("id"));
}

//= TRAP-11 type=test
#[test]
fn trap_11_the_callers_privacy_is_not_the_callees() {
    for (asked, answered, shown) in [("Privacy: id\r\n", "", true), ("", "Privacy: id\r\n", false)] {
        let mut world = World::new(POLICY);
        let invite = deliver(&mut world, STRANGER, CORE, &request(STRANGER, CORE, "INVITE", asked));
        let ok = reply(
            &mut world,
            &invite,
            CORE,
            STRANGER,
            "200 OK",
            "b",
            &format!("{answered}{PAI}"),
        );
        assert_eq!(has_pai(&ok), shown);
    }
}

//= TRAP-12 type=test
#[test]
fn trap_12_an_identity_has_many_carriers() {
    let rows = format!(
        "Privacy: user;id\r\n{PAI}Remote-Party-ID: <sip:al-secret@x>;privacy=full\r\nDiversion: <sip:al-secret@x>;privacy=full\r\n\
         P-Access-Network-Info: 3GPP;utran-cell-id-3gpp=al-secret\r\nGeolocation: <cid:al-secret@x>\r\n\
         Contact: \"Al Secret\" <sip:+15550001@10.99.0.7;gr=urn:uuid:al-secret>;+sip.instance=\"<urn:al-secret>\"\r\n\
         Identity: al-secret\r\nIdentity-Info: <http://al-secret>\r\nReply-To: <sip:al-secret@x>\r\nSubject: al-secret\r\n\
         Call-Info: <http://x/al-secret>\r\nOrganization: al-secret\r\nUser-Agent: al-secret\r\nIn-Reply-To: al-secret\r\n"
    );
    for to in [UE, NET] {
        let sent = forwarded(POLICY, CORE, to, "INVITE", &rows);
        tells_nothing(&sent);
    }
}

//= TRAP-13 type=test
#[test]
fn trap_13_what_is_kept_for_later_is_sealed() {
    let sent = forwarded(POLICY, CORE, UE, "INVITE", &format!("Privacy: user;id\r\n{PAI}"));
    tells_none_of(&sent, &["al-secret", "Al Secret", "15550001", "10.99.0", "10.20.0.9"]);
    let route = routes(&sent.rows("Record-Route"), false);
    let at = route.find("<sip:").unwrap() + 60;
    let other = if &route[at..=at] == "A" { "B" } else { "A" };
    let flipped = format!("{}{other}{}", &route[..at], &route[at + 1..]);
    let mut world = world_of(POLICY, &[UE]);
    for (route, refused) in [(route, false), (flipped, true)] {
        let bye = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP 10.30.0.9:5060;branch=z9hG4bKbye{refused}\r\nMax-Forwards: 70\r\n{route}\
             From: {UE_IDENTITY};tag=b\r\nTo: {}\r\nCall-ID: call-1\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
            contact_uri(sent.row("Contact").unwrap()),
            sent.row("From").unwrap()
        );
        let sent = world.packet(UE.listener, UE.address, &bye);
        match refused {
            true => assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden"),
            false => assert_eq!(sent[0].row("To"), Some(FROM), "{sent:#?}"),
        }
    }
}

//= TRAP-14 type=test
#[test]
fn trap_14_a_whole_call_towards_a_ue_never_shows_the_caller() {
    let mut world = world_of(POLICY, &[UE]);
    let rows = "Privacy: user\r\nRecord-Route: <sip:10.20.0.9;lr>\r\n";
    let invite = deliver(&mut world, CORE, UE, &request(CORE, UE, "INVITE", rows));
    let ok = reply(
        &mut world,
        &invite,
        UE,
        CORE,
        "200 OK",
        "b",
        "Contact: <sip:ue@10.30.0.9>\r\n",
    );
    assert_eq!(ok.row("From"), Some(FROM));
    let route = routes(&ok.rows("Record-Route"), true).replace("Route: <sip:10.20.0.9;lr>\r\n", "");
    for method in ["ACK", "INVITE", "BYE"] {
        let text = format!(
            "{method} sip:ue@10.30.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n{route}\
             From: {FROM}\r\nTo: {UE_IDENTITY};tag=b\r\nCall-ID: call-1\r\nCSeq: 2 {method}\r\nContact: <sip:al-secret@10.99.0.7>\r\n\
             Privacy: foo;critical\r\nContent-Length: 0\r\n\r\n"
        );
        let text = if method == "INVITE" {
            text.replace("foo;critical", "none")
        } else {
            text
        };
        let sent = deliver(&mut world, CORE, UE, &text);
        tells_nothing(&sent);
        assert_eq!(sent.row("From"), Some(ANONYMOUS), "{method}");
        if method != "ACK" {
            let back = reply(&mut world, &sent, UE, CORE, "200 OK", "b", "");
            assert_eq!(back.row("From"), Some(FROM), "{method}");
        }
    }
    let route = routes(&invite.rows("Record-Route"), false);
    let bye = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP 10.30.0.9:5060;branch=z9hG4bKue\r\nMax-Forwards: 70\r\n{route}\
         From: {UE_IDENTITY};tag=b\r\nTo: {}\r\nCall-ID: call-1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        contact_uri(invite.row("Contact").unwrap()),
        invite.row("From").unwrap()
    );
    let sent = deliver(&mut world, UE, CORE, &bye);
    assert!(
        sent.start().starts_with("BYE sip:al-secret@10.99.0.7 "),
        "{}",
        sent.start()
    );
    assert_eq!(
        (sent.row("To"), sent.rows("Route")),
        (Some(FROM), vec!["<sip:10.20.0.9;lr>"])
    );
}

//= TRAP-15 type=test
#[test]
fn trap_15_tags_and_call_id_are_not_ours_to_change() {
    for to in [ALLY, UE, NET] {
        let sent = forwarded(
            POLICY,
            CORE,
            to,
            "INVITE",
            "Privacy: user;id\r\nReplaces: call-9;to-tag=1;from-tag=2\r\n",
        );
        assert_eq!(sent.row("Call-ID"), Some("call-1"));
        assert!(sent.row("From").unwrap().ends_with(";tag=7"));
        assert_eq!(sent.row("Replaces"), Some("call-9;to-tag=1;from-tag=2"));
        assert_eq!(sent.row("CSeq"), Some("1 INVITE"));
    }
}

//= TRAP-16 type=test
#[test]
fn trap_16_critical_is_judged_at_the_border_and_in_requests() {
    let rows = "Privacy: foo;critical\r\n";
    for to in [UE, NET] {
        let start = "SIP/2.0 500 Privacy Service Failure: foo";
        assert_eq!(refused(POLICY, CORE, to, "INVITE", rows).start(), start);
    }
    for (from, to) in [(UE, CORE), (CORE, ALLY), (NET, CORE)] {
        assert_eq!(
            forwarded(POLICY, from, to, "INVITE", rows).row("Privacy"),
            Some("foo;critical")
        );
    }
    let sent = answered(POLICY, CORE, UE, "200 OK", &format!("{rows}{PAI}"));
    assert_eq!((sent.start(), has_pai(&sent)), ("SIP/2.0 200 OK", false));
}

//= TRAP-17 type=test
#[test]
fn trap_17_asked_for_and_lost_can_be_told_apart() {
    let sent = forwarded(
        POLICY,
        CORE,
        UE,
        "INVITE",
        &format!("Privacy: user;id;critical\r\n{PAI}"),
    );
    assert_eq!(sent.rows("Privacy"), ["id"]);
    let sent = forwarded(POLICY, NET, UE, "INVITE", PAI);
    assert!(!has_pai(&sent) && sent.rows("Privacy").is_empty());
}

//= TRAP-18 type=test
#[test]
fn trap_18_nobody_is_trusted_for_what_a_message_says() {
    let rows = format!("Via: SIP/2.0/UDP scscf.home1.example;branch=z9hG4bKx\r\n{PAI}");
    assert!(!has_pai(&forwarded(POLICY, NET, CORE, "INVITE", &rows)));
    let text = request(NET, CORE, "INVITE", PAI).replace("192.0.2.9:5060;branch", "10.20.0.9:5060;branch");
    assert!(!has_pai(&deliver(&mut World::new(POLICY), NET, CORE, &text)));
    // A member's address proves nothing on a listener that nothing secures.
    let plain = POLICY.replace("peers = \"listed\"\nsecured_by = \"physical\"", "peers = \"listed\"");
    assert!(has_pai(&forwarded(POLICY, ALLY, CORE, "INVITE", PAI)));
    assert!(!has_pai(&forwarded(&plain, ALLY, CORE, "INVITE", PAI)));
    assert!(!has_pai(&forwarded(
        &plain,
        CORE,
        ALLY,
        "INVITE",
        &format!("Privacy: id\r\n{PAI}")
    )));
}

//= TRAP-20 type=test
#[test]
fn trap_20_no_identity_is_not_anonymous_and_anonymous_is_not_refused() {
    let sent = forwarded(POLICY, NET, CORE, "INVITE", "");
    assert_eq!(sent.row("From"), Some(FROM));
    let anonymous = format!("From: {ANONYMOUS}\r\nPrivacy: id\r\n");
    assert_eq!(
        forwarded(POLICY, NET, CORE, "INVITE", &anonymous).row("From"),
        Some(ANONYMOUS)
    );
    assert!(!has_pai(&forwarded(
        POLICY,
        ALLY,
        UE,
        "INVITE",
        &format!("{anonymous}{PAI}")
    )));
}

/// The UE sends from port_uc and asks for `rport`; it is answered at port_us, whoever answers, and told so.
//= TRAP-21 type=test
//= PCSCF-024 type=test
#[test]
fn trap_21_a_protected_ue_is_answered_at_its_server_port() {
    let mut world = security_agreement::world();
    let mut ue = security_agreement::registered(&mut world, 600);
    let text = ue.invite("");
    assert!(
        text.contains("10.30.0.7:31000;branch") && text.contains(";rport\r\n"),
        "{text}"
    );
    let sent = ue.sends(&mut world, &text);
    let (invite, trying) = (&sent[0], &sent[1]);
    let ringing = security_agreement::answer(invite, "180 Ringing", "");
    let ringing = security_agreement::only(security_agreement::from_core(&mut world, &ringing));
    let no_dialog = ue.invite("").replace("INVITE", "INFO");
    let refused = security_agreement::only(ue.sends(&mut world, &no_dialog));
    for (answer, start) in [
        (trying, "SIP/2.0 100 Trying"),
        (&ringing, "SIP/2.0 180 Ringing"),
        (&refused, "SIP/2.0 403 Forbidden"),
    ] {
        assert_eq!(answer.start(), start);
        assert_eq!(
            (answer.to.to_string().as_str(), answer.from_listener.as_str()),
            ("10.30.0.7:31001", "access 6102")
        );
        let via = answer.row("Via").unwrap();
        assert!(via.contains(";rport=31001") && !via.contains("rport=31000"), "{via}");
    }
}

/// Both UEs are protected and registered; only one of them has this call.
//= TRAP-22 type=test
//= PCSCF-016 type=test
#[test]
fn trap_22_a_token_is_worth_nothing_on_another_ues_association() {
    let mut world = security_agreement::world();
    let mut alice = security_agreement::registered(&mut world, 600);
    let carol = Who {
        name: "carol",
        address: "10.30.0.8",
    };
    let carol = security_agreement::registered_as(&mut world, carol, 600);
    let text = alice.invite("");
    let invite = alice.sends(&mut world, &text)[0].clone();
    let contact = "Contact: <sip:bob@10.20.0.9>\r\n";
    let ok = security_agreement::from_core(&mut world, &respond(&invite, "200 OK", "b", contact));
    let ok = security_agreement::only(ok);
    let in_dialog = |method: &str, from: &str| {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n{}From: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: 9 {method}\r\nContent-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap()),
            routes(&ok.rows("Record-Route"), true),
            ok.row("From").unwrap(),
            ok.row("To").unwrap(),
            ok.row("Call-ID").unwrap()
        )
    };
    for method in ["BYE", "INFO", "REFER"] {
        let refused = security_agreement::only(carol.sends(&mut world, &in_dialog(method, "10.30.0.8:31000")));
        assert_eq!(
            (refused.start(), refused.to.to_string().as_str()),
            ("SIP/2.0 403 Forbidden", "10.30.0.8:31001"),
            "{method}"
        );
    }
    let bye = security_agreement::only(alice.sends(&mut world, &in_dialog("BYE", "10.30.0.7:31000")));
    assert!(bye.start().starts_with("BYE sip:bob@10.20.0.9 "), "{}", bye.text());
}
