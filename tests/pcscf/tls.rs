//! UEs over TLS that register by SIP digest: their connection is what a security association is to others.

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::sip::Transport;
use sipveil::trust::ConnectionId;

use super::{CORE, UE, one, register, request};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

/// TLS protects UEs, and SIP digest proves them; nothing else does.
fn world(profile: &str) -> World {
    let policy = POLICY
        .replace("profile = \"ims\"", &format!("profile = \"{profile}\""))
        .replace("ue_security = [\"none\"]", "ue_security = [\"tls\"]")
        .replace("i_accept_unprotected_access = true\n", "")
        .replace(
            "user_authentication = [\"none\"]",
            "user_authentication = [\"sip-digest\"]",
        );
    World::bound_also(&policy, "access", Transport::Tls, "10.30.0.1:5061")
}

/// A UE's message on one of its connections.
fn says(world: &mut World, connection: u64, text: &str) -> Vec<Sent> {
    let flow = world.flow("access", Transport::Tls, UE, Some(ConnectionId(connection)));
    let text = text.replace("SIP/2.0/UDP", "SIP/2.0/TLS");
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    world.input(Input::Packet { flow, bytes })
}

/// What the registrar reads as Authorization.
fn authorization(world: &mut World, connection: u64, number: u32, credentials: &str) -> (Sent, String) {
    let rows = format!("Supported: path\r\nAuthorization: Digest username=\"{credentials}\r\n");
    let forwarded = one(says(world, connection, &register(number, &rows)));
    let seen = forwarded.row("Authorization").unwrap().to_owned();
    (forwarded, seen)
}

fn accepts(world: &mut World, register: &Sent) {
    let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\n");
    let ok = one(world.packet("core", CORE, &respond(register, "200 OK", "s", &rows)));
    assert_eq!(ok.start(), "SIP/2.0 200 OK");
}

const ANSWER: &str = "ue@home1.example\", nonce=\"n\", response=\"0123\"";

//= AKA-030 type=test
//= PAI-001 type=test
//= PCSCF-016 type=test
//= PCSCF-020 type=test
#[test]
fn the_connection_a_ue_registered_over_is_its_own() {
    let mut world = world("ims");
    let (forwarded, _) = authorization(&mut world, 1, 1, ANSWER);
    accepts(&mut world, &forwarded);
    // Another connection of the same address, and a datagram, are nobody's.
    for (number, connection) in [(1, 2), (2, 3)] {
        let text = request(UE, "INVITE", &format!("X: {number}\r\n"));
        assert_eq!(
            one(says(&mut world, connection, &text)).start(),
            "SIP/2.0 403 Forbidden"
        );
    }
    let refused = one(world.packet("access", UE, &request(UE, "INVITE", "")));
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    let invite = one(says(&mut world, 1, &request(UE, "INVITE", "")));
    assert!(invite.start().starts_with("INVITE "), "{}", invite.text());
    assert_eq!(invite.rows("P-Asserted-Identity"), ["<sip:ue@home1.example>"]);
    let contact = "Contact: <sip:bob@10.20.0.9>\r\n";
    let ok = one(world.packet("core", CORE, &respond(&invite, "200 OK", "s", contact)));
    assert_eq!(ok.connection, Some(ConnectionId(1)));
    // Its dialog, too, is on that connection alone: another UE, on its own, does not get in.
    let other = register(
        9,
        "Supported: path\r\nAuthorization: Digest username=\"other\", nonce=\"n\", response=\"9\"\r\n",
    )
    .replace("sip:ue@home1", "sip:other@home1");
    let forwarded = one(says(&mut world, 4, &other));
    accepts(&mut world, &forwarded);
    for (connection, start) in [(4, "SIP/2.0 403 Forbidden"), (1, "BYE sip:bob@10.20.0.9 SIP/2.0")] {
        let bye = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/TLS {UE};branch=z9hG4bKbye{connection}\r\nMax-Forwards: 70\r\n{}From: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: 8 BYE\r\nContent-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap()),
            routes(&ok.rows("Record-Route"), true),
            ok.row("From").unwrap(),
            ok.row("To").unwrap(),
            ok.row("Call-ID").unwrap()
        );
        assert_eq!(one(says(&mut world, connection, &bye)).start(), start);
    }
}

//= AKA-030 type=test
//= PCSCF-004 type=test
#[test]
fn the_registrar_hears_how_much_the_connection_says() {
    let nothing = "ue@home1.example\", nonce=\"\", response=\"\"";
    let forged = format!("{ANSWER}, integrity-protected=\"tls-yes\"");
    let aka = format!("{ANSWER}, algorithm=AKAv1-MD5");
    let other = ANSWER.replace("ue@", "other@");
    let word = |seen: &str| {
        let found = seen.split("integrity-protected=\"").nth(1);
        found.map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
    };
    let mut world = self::world("ims");
    for (number, credentials, claim) in [
        (1, nothing, None),
        (2, ANSWER, Some("tls-pending")),
        (3, &forged, Some("tls-pending")),
        (4, &aka, None),
    ] {
        let (_, seen) = authorization(&mut world, 1, number, credentials);
        assert_eq!(word(&seen).as_deref(), claim, "{seen}");
        assert_eq!(
            seen.matches("integrity-protected").count(),
            usize::from(claim.is_some())
        );
    }
    let (forwarded, _) = authorization(&mut world, 1, 5, ANSWER);
    accepts(&mut world, &forwarded);
    for (connection, number, credentials, claim) in [
        (1, 6, ANSWER, Some("tls-yes")),
        (1, 7, nothing, Some("tls-yes")),
        (1, 8, &other, Some("tls-pending")),
        (2, 9, ANSWER, Some("tls-pending")),
        (2, 10, nothing, None),
    ] {
        let (_, seen) = authorization(&mut world, connection, number, credentials);
        assert_eq!(word(&seen).as_deref(), claim, "{connection} {seen}");
    }
    // It is a word of IMS.
    let (_, seen) = authorization(&mut self::world("rfc"), 1, 1, ANSWER);
    assert_eq!(word(&seen), None);
}
