//! A UE speaks in its own dialogs only.

use super::{CORE, UE, from_core, from_ue, registered, request};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

const OTHER: &str = "10.30.0.8:5060";

/// Registers another UE, with another identity.
fn register_other(world: &mut World) {
    let text = super::register(1, "")
        .replace(UE, OTHER)
        .replace("sip:ue@home1", "sip:other@home1");
    let sent = super::one(world.packet("access", OTHER, &text));
    let rows = format!("Contact: <sip:ue@{OTHER}>;expires=600\r\n");
    world.packet("core", CORE, &respond(&sent, "200 OK", "s", &rows));
}

fn of_creator(from: &str, ok: &Sent, method: &str, number: u32) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKd{number}\r\nMax-Forwards: 70\r\n{}\
         From: <sip:ue@home1.example>;tag=f\r\nTo: <sip:bob@home1.example>;tag=s\r\nCall-ID: call-{UE}\r\n\
         CSeq: {number} {method}\r\nContact: <sip:ue@{from}>\r\nContent-Length: 0\r\n\r\n",
        contact_uri(ok.row("Contact").unwrap()),
        routes(&ok.rows("Record-Route"), true)
    )
}

fn answered(world: &mut World) -> Sent {
    registered(world, "");
    let invite = from_ue(world, &request(UE, "INVITE", ""));
    from_core(world, &invite, "200 OK", "Contact: <sip:bob@10.20.0.9>\r\n")
}

//= PCSCF-016 type=test
#[test]
fn another_ue_does_not_get_into_a_dialog() {
    let mut world = World::new(POLICY);
    let ok = answered(&mut world);
    register_other(&mut world);
    for (number, method) in [(8, "INVITE"), (9, "BYE"), (10, "INFO")] {
        let refused = super::one(world.packet("access", OTHER, &of_creator(OTHER, &ok, method, number)));
        assert_eq!(
            (refused.start(), refused.to.to_string().as_str()),
            ("SIP/2.0 403 Forbidden", OTHER)
        );
        let sent = from_ue(&mut world, &of_creator(UE, &ok, method, number));
        assert!(sent.start().starts_with(method), "{}", sent.text());
    }
    // Nor by a way of its own making, or by none.
    for rows in ["Route: <sip:10.20.0.9;lr>\r\n", ""] {
        let text =
            request(OTHER, "MESSAGE", rows).replace("bob@home1.example>\r\nCall", "bob@home1.example>;tag=s\r\nCall");
        let refused = super::one(world.packet("access", OTHER, &text));
        assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    }
    // Nor as the party in the network.
    let as_core = of_creator(OTHER, &ok, "BYE", 11)
        .replace(
            "From: <sip:ue@home1.example>;tag=f",
            "From: <sip:bob@home1.example>;tag=s",
        )
        .replace("To: <sip:bob@home1.example>;tag=s", "To: <sip:ue@home1.example>;tag=f");
    let refused = super::one(world.packet("access", OTHER, &as_core));
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    assert!(
        world
            .packet("access", OTHER, &of_creator(OTHER, &ok, "ACK", 7))
            .is_empty()
    );
}

//= PCSCF-016 type=test
#[test]
fn the_ue_that_was_called_is_known_too() {
    let mut world = World::new(POLICY);
    let path = registered(&mut world, "").row("Path").unwrap().to_owned();
    register_other(&mut world);
    let invite = request(CORE, "INVITE", &format!("Route: {path}\r\n")).replace("To: <sip:bob", "To: <sip:ue");
    let invite = super::one(world.packet("core", CORE, &invite));
    world.packet(
        "access",
        UE,
        &respond(&invite, "200 OK", "b", &format!("Contact: <sip:ue@{UE}>\r\n")),
    );
    let bye = |from: &str| {
        format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKb\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\n\
             To: {}\r\nCall-ID: call-{CORE}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            contact_uri(invite.row("Contact").unwrap()),
            routes(&invite.rows("Record-Route"), false),
            invite.row("To").unwrap(),
            invite.row("From").unwrap()
        )
    };
    assert_eq!(
        super::one(world.packet("access", OTHER, &bye(OTHER))).start(),
        "SIP/2.0 403 Forbidden"
    );
    let sent = from_ue(&mut world, &bye(UE));
    assert_eq!(
        (sent.to.to_string().as_str(), sent.start().starts_with("BYE")),
        ("10.20.0.9:5060", true)
    );
}

//= PCSCF-016 type=test
#[test]
fn a_ue_keeps_its_dialog_over_a_new_flow() {
    let mut world = World::new(POLICY);
    let ok = answered(&mut world);
    let moved = "10.30.0.7:6000";
    let text = super::register(9, "").replace(UE, moved);
    let sent = super::one(world.packet("access", moved, &text));
    world.packet(
        "core",
        CORE,
        &respond(
            &sent,
            "200 OK",
            "s",
            &format!("Contact: <sip:ue@{moved}>;expires=600\r\n"),
        ),
    );
    let sent = super::one(world.packet("access", moved, &of_creator(moved, &ok, "BYE", 8)));
    assert!(sent.start().starts_with("BYE"), "{}", sent.text());
}
