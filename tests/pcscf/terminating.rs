//! What the network sends to a UE.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

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

/// Each bit of what is sealed, and of the text it is sealed in as far as it stays a user part.
//= PCSCF-022 type=test
//= PRIV-141 type=test
#[test]
fn a_path_with_a_flipped_bit_anywhere_is_refused_alike() {
    let mut world = World::new(POLICY);
    let path = registered(&mut world, "").row("Path").unwrap().to_owned();
    let (token, rest) = path.strip_prefix("<sip:").unwrap().split_once('@').unwrap();
    let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let of_bytes = (0..sealed.len() * 8).map(|bit| BASE64URL_NOPAD.encode(&flipped(&sealed, bit)));
    let of_text = (0..token.len() * 8).filter_map(|bit| String::from_utf8(flipped(token.as_bytes(), bit)).ok());
    let is_user = |text: &String| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let mut refusal = None;
    for (number, token) in of_bytes.chain(of_text.filter(is_user)).enumerate() {
        let sent = to_ue(&mut world, &format!("<sip:{token}@{rest}"), &format!("X: {number}\r\n"));
        assert_eq!(sent.start(), "SIP/2.0 403 Forbidden");
        // The branch and our tag differ from one to the next.
        let rows = sent
            .text()
            .lines()
            .filter(|row| !row.starts_with("Via") && !row.starts_with("To"));
        let text: String = rows.collect();
        assert_eq!(refusal.get_or_insert_with(|| text.clone()), &text);
    }
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
