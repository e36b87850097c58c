//! Whole calls through one engine.

use std::time::Duration;

use crate::world::{POLICY, World, contact_uri, respond, routes};

fn invite(domain: &str, extra: &str) -> String {
    format!(
        "INVITE sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
         From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@{domain}>\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:al@10.20.0.9>\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_call_with_privacy_user_shows_the_stranger_nothing_and_the_caller_everything() {
    let mut world = World::new(POLICY);
    let extra = "Privacy: user;id;critical\r\nP-Asserted-Identity: <sip:al@home1.example>\r\nRecord-Route: <sip:10.20.0.8;lr>\r\n";
    let sent = world.packet("core", "10.20.0.9:5060", &invite("net.example", extra));
    assert_eq!(sent.len(), 2, "{sent:#?}");
    let (invite, trying) = (&sent[0], &sent[1]);
    assert_eq!(trying.start(), "SIP/2.0 100 Trying");
    assert_eq!(invite.to.to_string(), "192.0.2.9:5060");
    assert!(!invite.text().contains("al@"), "{}", invite.text());
    assert!(!invite.text().contains("Al\""));
    assert_eq!(
        invite.row("From"),
        Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7")
    );
    assert_eq!(invite.row("Privacy"), Some("id"));
    assert_eq!(invite.row("Max-Forwards"), Some("69"));
    // The callee answers.
    let contact = "Contact: <sip:bob@192.0.2.9>\r\n";
    let sent = world.packet("net", "192.0.2.9:5060", &respond(invite, "200 OK", "b", contact));
    let ok = &sent[0];
    assert_eq!(ok.to.to_string(), "10.20.0.9:5060");
    assert_eq!(ok.row("From"), Some("\"Al\" <sip:al@home1.example>;tag=7"));
    assert_eq!(ok.rows("Via").len(), 1);
    // The caller acknowledges.
    let route = routes(&ok.rows("Record-Route"), true);
    let request = |method: &str, number: u32| {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n{route}\
             From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@net.example>;tag=b\r\nCall-ID: call\r\n\
             CSeq: {number} {method}\r\nP-Asserted-Identity: <sip:al@home1.example>\r\nContent-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap())
        )
        .replace("Route: <sip:10.20.0.8;lr>\r\n", "")
    };
    let sent = world.packet("core", "10.20.0.9:5060", &request("ACK", 1));
    assert_eq!(sent.len(), 1, "{sent:#?} {:#?}", world.events());
    assert!(sent[0].start().starts_with("ACK sip:bob@192.0.2.9"));
    assert!(!sent[0].text().contains("al@"), "{}", sent[0].text());
    assert!(sent[0].rows("Route").is_empty());
    // The callee hangs up.
    let route = routes(&invite.rows("Record-Route"), false);
    let bye = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKb\r\nMax-Forwards: 70\r\n{route}\
         From: <sip:bob@net.example>;tag=b\r\nTo: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7\r\nCall-ID: call\r\n\
         CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        contact_uri(invite.row("Contact").unwrap())
    );
    let sent = world.packet("net", "192.0.2.9:5060", &bye);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let bye = &sent[0];
    assert!(bye.start().starts_with("BYE sip:al@10.20.0.9 SIP"), "{}", bye.text());
    assert_eq!(bye.row("To"), Some("\"Al\" <sip:al@home1.example>;tag=7"));
    let sent = world.packet("core", "10.20.0.9:5060", &respond(bye, "200 OK", "", ""));
    assert_eq!(
        sent[0].row("To"),
        Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7")
    );
    // Everything ends.
    world.pass(Duration::from_secs(200));
    assert_eq!(world.engine.transactions(), 0);
}

/// Registers the UE at an address; the network gives it two identities, and leaves its requests to the routes of the policy.
pub fn register(world: &mut World, ue: &str) {
    let register = format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {ue};branch=z9hG4bKr{ue}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: reg{ue}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:ue@{ue}>;expires=600\r\nSupported: path\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = world.packet("access", ue, &register);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].rows("Path").len(), 1);
    let extra =
        format!("Contact: <sip:ue@{ue}>;expires=600\r\nP-Associated-URI: <sip:ue@home1.example>, <tel:+15550007>\r\n");
    let sent = world.packet("core", "10.20.0.9:5060", &respond(&sent[0], "200 OK", "s", &extra));
    assert_eq!(sent[0].to.to_string(), ue);
}

//= PAI-001 type=test
//= PCSCF-007 type=test
//= PCSCF-020 type=test
#[test]
fn a_registered_ue_is_asserted_as_the_network_says_and_an_unregistered_one_refused() {
    let mut world = World::new(POLICY);
    let invite = invite("home1.example", "P-Asserted-Identity: <sip:mallory@home1.example>\r\n")
        .replace("10.20.0.9:5060", "10.30.0.7:5060");
    let sent = world.packet("access", "10.30.0.7:5060", &invite);
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
    register(&mut world, "10.30.0.7:5060");
    let again = invite.replace("z9hG4bKa", "z9hG4bKb");
    let sent = world.packet("access", "10.30.0.7:5060", &again);
    assert_eq!(sent[0].rows("P-Asserted-Identity"), ["<sip:ue@home1.example>"]);
    world.pass(Duration::from_secs(601));
    let late = invite.replace("z9hG4bKa", "z9hG4bKc");
    let sent = world.packet("access", "10.30.0.7:5060", &late);
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
}

//= PRIV-083 type=test
//= PRIV-043 type=test
#[test]
fn a_private_party_that_declines_shows_no_contact_and_one_that_redirects_keeps_its_targets() {
    for (status, shown) in [("486 Busy Here", false), ("302 Moved Temporarily", true)] {
        let mut world = World::new(POLICY);
        let invite = invite("home1.example", "").replace("10.20.0.9:5060", "192.0.2.9:5060");
        let sent = world.packet("net", "192.0.2.9:5060", &invite);
        let extra = "Privacy: user\r\nContact: <sip:secret.name@10.20.0.9>\r\n";
        let sent = world.packet("core", "10.20.0.9:5060", &respond(&sent[0], status, "s", extra));
        let answer = sent.iter().find(|sent| sent.start().ends_with(status)).unwrap();
        assert_eq!(answer.text().contains("secret.name"), shown, "{}", answer.text());
    }
}

//= PRIV-133 type=test
#[test]
fn a_callee_that_sends_itself_its_own_request_does_not_learn_who_called() {
    let mut world = World::new(POLICY);
    let sent = world.packet("core", "10.20.0.9:5060", &invite("net.example", "Privacy: user;id\r\n"));
    let invite = sent[0].clone();
    world.packet(
        "net",
        "192.0.2.9:5060",
        &respond(&invite, "200 OK", "b", "Contact: <sip:b@192.0.2.9>\r\n"),
    );
    let route = routes(&invite.rows("Record-Route"), false);
    for (number, (target, more)) in [
        ("sip:b@192.0.2.9", ""),
        (
            contact_uri(invite.row("Contact").unwrap()),
            "Route: <sip:192.0.2.9;lr>\r\n",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let info = format!(
            "INFO {target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKi{number}\r\nMax-Forwards: 70\r\n{route}{more}\
             From: <sip:bob@net.example>;tag=b\r\nTo: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7\r\n\
             Call-ID: call\r\nCSeq: {number} INFO\r\nContent-Length: 0\r\n\r\n"
        );
        let sent = world.packet("net", "192.0.2.9:5060", &info);
        assert_eq!(sent.len(), 1, "{sent:#?}");
        assert!(!sent[0].row("To").unwrap().contains("al@"), "{}", sent[0].text());
    }
}
