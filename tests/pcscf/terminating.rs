//! What the network sends to a UE.

use std::time::Duration;

use super::{CORE, UE, one, registered, request};
use crate::world::{POLICY, Sent, World, keys_of_instance, respond};

fn to_ue(world: &mut World, path: &str, rows: &str) -> Sent {
    let invite = request(CORE, "INVITE", &format!("Route: {path}\r\n{rows}")).replace("To: <sip:bob", "To: <sip:ue");
    one(world.packet("core", CORE, &invite))
}

//= PCSCF-022 type=test
//= PCSCF-033 type=test
#[test]
fn the_network_is_told_what_became_of_a_ue() {
    let mut world = World::new(POLICY);
    let path = registered(&mut world, "").row("Path").unwrap().to_owned();
    assert_eq!(to_ue(&mut world, &path, "").to.to_string(), UE);
    // Another run of the process holds no registrations.
    let mut restarted = World::with(POLICY, keys_of_instance(8), [2; 32]);
    assert_eq!(to_ue(&mut restarted, &path, "").start(), "SIP/2.0 430 Flow Failed");
    registered(&mut restarted, "");
    assert_eq!(to_ue(&mut restarted, &path, "X: y\r\n").to.to_string(), UE);
    // The registration ends.
    world.pass(Duration::from_secs(601));
    assert_eq!(
        to_ue(&mut world, &path, "X: y\r\n").start(),
        "SIP/2.0 480 Temporarily Unavailable"
    );
    registered(&mut world, "");
    assert_eq!(to_ue(&mut world, &path, "X: yy\r\n").to.to_string(), UE);
    let tampered = path.replacen("sip:", "sip:A", 1);
    assert_eq!(
        to_ue(&mut world, &tampered, "X: yyy\r\n").start(),
        "SIP/2.0 403 Forbidden"
    );
}

//= PCSCF-023 type=test
#[test]
fn a_ue_learns_as_whom_it_was_called_and_does_not_say_so_itself() {
    let mut world = World::new(POLICY);
    let rows = "P-Associated-URI: <sip:ue@home1.example>, <sip:second@home1.example>\r\n";
    let path = registered(&mut world, rows).row("Path").unwrap().to_owned();
    let called = "P-Called-Party-ID: <sip:second@home1.example>\r\n";
    let invite = to_ue(&mut world, &path, called);
    assert_eq!(invite.rows("P-Called-Party-ID"), ["<sip:second@home1.example>"]);
    let answer = world.packet(
        "access",
        UE,
        &respond(&invite, "200 OK", "b", "P-Called-Party-ID: <sip:x@y>\r\n"),
    );
    assert_eq!(answer[0].rows("P-Asserted-Identity"), ["<sip:second@home1.example>"]);
    assert!(answer[0].rows("P-Called-Party-ID").is_empty());
    let sent = super::from_ue(&mut world, &request(UE, "MESSAGE", called));
    assert!(sent.rows("P-Called-Party-ID").is_empty(), "{}", sent.text());
    let sent = to_ue(&mut world, &path, "X: y\r\n");
    assert!(
        sent.rows("P-Called-Party-ID").is_empty(),
        "none is made here: {}",
        sent.text()
    );
}

const ROUTING: &str =
    "Via: SIP/2.0/UDP scscf.home1.example;branch=z9hG4bKcore\r\nRecord-Route: <sip:scscf.home1.example;lr>\r\n";

//= PRIV-084 type=test
//= PRIV-031 type=test
#[test]
fn who_is_anonymous_shows_a_ue_no_way_back_where_the_3gpp_text_counts() {
    let literal = POLICY.replace("profile = \"ims\"", "profile = \"rfc\"");
    for (policy, privacy, hidden) in [
        (POLICY, "user", true),
        (POLICY, "user;id", true),
        (POLICY, "id", false),
        (POLICY, "none", false),
        (&literal, "user", false),
        (&literal, "user;id", false),
    ] {
        let mut world = World::new(policy);
        let path = match policy == POLICY {
            true => registered(&mut world, ""),
            false => {
                let forwarded = super::from_ue(&mut world, &super::register(1, "Supported: path\r\n"));
                let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\n");
                super::from_core(&mut world, &forwarded, "200 OK", &rows);
                forwarded
            }
        };
        let path = path.row("Path").unwrap().to_owned();
        let sent = to_ue(&mut world, &path, &format!("Privacy: {privacy}\r\n{ROUTING}"));
        assert_eq!(sent.to.to_string(), UE);
        assert_eq!(
            !sent.text().contains("scscf.home1.example"),
            hidden,
            "{privacy}: {}",
            sent.text()
        );
        assert_eq!(sent.rows("Via").len(), if hidden { 1 } else { 3 });
        let answer = world.packet("access", UE, &respond(&sent, "180 Ringing", "b", ""));
        assert_eq!(answer[0].rows("Via").len(), 2, "back as it came");
    }
}
