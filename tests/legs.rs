//! One message over one leg: who sends it, who gets it, and what it looks like there.
//!
//! The originator of every message here is called Al. Whatever holds one of [`SECRETS`] tells who Al is or where.

use crate::calls::register;
use crate::world::{POLICY, Sent, World, respond, routes};

/// A machine around the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    pub listener: &'static str,
    pub address: &'static str,
    /// A domain that the engine routes to this party.
    pub domain: &'static str,
}

/// A node of T on the core listener.
pub const CORE: Party = party("core", "10.20.0.9:5060", "home1.example");
/// Another node of T, a peer by prefix on the listener where strangers are too.
pub const ALLY: Party = party("net", "192.0.2.70:5060", "ally.example");
/// A stranger.
pub const NET: Party = party("net", "192.0.2.9:5060", "net.example");
/// Another stranger, who only ever sends.
pub const STRANGER: Party = party("net", "192.0.2.8:5060", "");
/// A UE. It registers when it sends.
pub const UE: Party = party("access", "10.30.0.9:5060", "ue.example");
/// Another UE, who only ever sends.
pub const OTHER_UE: Party = party("access", "10.30.0.8:5060", "");
/// What the network says a registered UE is called.
pub const UE_IDENTITY: &str = "<sip:ue@home1.example>";

const fn party(listener: &'static str, address: &'static str, domain: &'static str) -> Party {
    Party {
        listener,
        address,
        domain,
    }
}

/// Al's identity as a node of T asserts it, or a stranger claims it.
pub const PAI: &str = "P-Asserted-Identity: \"Al Secret\" <sip:+15550001@home1.example>\r\n";
/// Parts of what Al is called and where Al is.
pub const SECRETS: &[&str] = &["Al Secret", "15550001", "al-secret", "10.99.0.7"];
pub const FROM: &str = "\"Al Secret\" <sip:al-secret@home1.example>;tag=7";
pub const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7";

/// A request of Al from one party to another, with more rows.
pub fn request(from: Party, to: Party, method: &str, rows: &str) -> String {
    request_with_body(from, to, method, rows, "")
}

pub fn request_with_body(from: Party, to: Party, method: &str, rows: &str, body: &str) -> String {
    let (address, domain, length) = (from.address, to.domain, body.len());
    let from_row = if rows.contains("From: ") {
        String::new()
    } else {
        format!("From: {FROM}\r\n")
    };
    let contact = if rows.contains("Contact: ") || method == "CANCEL" || method == "BYE" {
        ""
    } else {
        "Contact: <sip:al-secret@10.99.0.7>\r\n"
    };
    let tag = match needs_dialog(from, method) {
        true => ";tag=b",
        false => "",
    };
    let called = match to == UE {
        true => format!("{UE_IDENTITY}{tag}"),
        false => format!("<sip:bob@{domain}>{tag}"),
    };
    format!(
        "{method} sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKreq\r\nMax-Forwards: 70\r\n\
         {from_row}To: {called}\r\nCall-ID: call-1\r\nCSeq: 1 {method}\r\n{contact}{rows}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// The policy of the world with profile and defaults as said.
pub fn policy(profile: &str, to_ue: &str, to_untrusted: &str) -> String {
    let defaults = format!("default_privacy = {{ to_ue = \"{to_ue}\", to_untrusted = \"{to_untrusted}\" }}");
    POLICY
        .replace("profile = \"ims\"", &format!("profile = \"{profile}\""))
        .replace(
            "default_privacy = { to_ue = \"keep\", to_untrusted = \"keep\" }",
            &defaults,
        )
}

/// The policy of the world with lines more in `[privacy]`.
pub fn policy_with_privacy(lines: &str) -> String {
    POLICY.replace("[[peer]]", &format!("[privacy]\n{lines}\n[[peer]]"))
}

/// The policy of the world with lines more in `[spec_t.id_handling]`.
pub fn policy_with_id_handling(lines: &str) -> String {
    POLICY.replacen(
        "[[listener]]",
        &format!("[spec_t.id_handling]\n{lines}\n[[listener]]"),
        1,
    )
}

/// A request sent through a world: the one message that reached `to`.
pub fn forwarded(policy: &str, from: Party, to: Party, method: &str, rows: &str) -> Sent {
    let mut world = world_of(policy, &[from]);
    let text = request(from, to, method, rows);
    let text = match needs_dialog(from, method) {
        true => within_dialog(&mut world, from, to, &text),
        false => text,
    };
    deliver(&mut world, from, to, &text)
}

/// A UE may send some only within a dialog.
fn needs_dialog(from: Party, method: &str) -> bool {
    from.listener == "access" && ["BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"].contains(&method)
}

/// The same request within a dialog that is opened for it.
fn within_dialog(world: &mut World, from: Party, to: Party, text: &str) -> String {
    let invite = deliver(world, from, to, &request(from, to, "INVITE", ""));
    let contact = format!("sip:bob@{}", to.address);
    let ok = reply(
        world,
        &invite,
        to,
        from,
        "200 OK",
        "b",
        &format!("Contact: <{contact}>\r\n"),
    );
    let routes = routes(&ok.rows("Record-Route"), true);
    text.replacen(&format!("sip:bob@{} SIP", to.domain), &format!("{contact} SIP"), 1)
        .replacen("Max-Forwards", &format!("{routes}Max-Forwards"), 1)
}

/// A world in which the UEs among these parties are registered.
pub fn world_of(policy: &str, parties: &[Party]) -> World {
    let mut world = World::new(policy);
    for ue in parties.iter().filter(|party| party.listener == "access") {
        register(&mut world, ue.address);
    }
    world
}

/// Hands a request in and gives what reached the party it was for.
pub fn deliver(world: &mut World, from: Party, to: Party, text: &str) -> Sent {
    let sent = world.packet(from.listener, from.address, text);
    let arrived: Vec<&Sent> = sent.iter().filter(|sent| reached(sent, to)).collect();
    assert_eq!(arrived.len(), 1, "to {to:?}: {sent:#?}");
    arrived[0].clone()
}

/// Hands a message in and gives the one that reached `to`, which is no 100.
#[track_caller]
pub fn pass(world: &mut World, from: Party, to: Party, text: &str) -> Sent {
    let sent = world.packet(from.listener, from.address, text);
    let arrived: Vec<&Sent> = sent
        .iter()
        .filter(|sent| sent.to.to_string() == to.address && !sent.start().starts_with("SIP/2.0 100"))
        .collect();
    assert_eq!(arrived.len(), 1, "{text}\n{sent:#?}");
    arrived[0].clone()
}

/// The refusal of a request; nothing but it (and a 100) left.
pub fn refused(policy: &str, from: Party, to: Party, method: &str, rows: &str) -> Sent {
    let mut world = world_of(policy, &[from]);
    let sent = world.packet(from.listener, from.address, &request(from, to, method, rows));
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].to.to_string(), from.address, "{sent:#?}");
    assert!(sent[0].start().starts_with("SIP/2.0 "), "{sent:#?}");
    sent[0].clone()
}

/// A response of `responder` to an INVITE of `requester`, as it arrives back there.
pub fn answered(policy: &str, responder: Party, requester: Party, status: &str, rows: &str) -> Sent {
    let mut world = world_of(policy, &[responder, requester]);
    let invite = deliver(
        &mut world,
        requester,
        responder,
        &request(requester, responder, "INVITE", ""),
    );
    reply(&mut world, &invite, responder, requester, status, "b", rows)
}

/// Hands in the answer to a request that reached `responder`, and gives what reached `requester`.
pub fn reply(
    world: &mut World,
    request: &Sent,
    responder: Party,
    requester: Party,
    status: &str,
    tag: &str,
    rows: &str,
) -> Sent {
    let text = respond(request, status, tag, rows);
    let sent = world.packet(responder.listener, responder.address, &text);
    let arrived: Vec<&Sent> = sent
        .iter()
        .filter(|sent| sent.to.to_string() == requester.address)
        .collect();
    assert_eq!(arrived.len(), 1, "to {requester:?}: {sent:#?}");
    arrived[0].clone()
}

fn reached(sent: &Sent, to: Party) -> bool {
    sent.to.to_string() == to.address && !sent.start().starts_with("SIP/2.0 ")
}

/// Fails on a message that tells who Al is, in clear or within anything that reads as base64.
#[track_caller]
pub fn tells_nothing(sent: &Sent) {
    tells_none_of(sent, SECRETS);
}

#[track_caller]
pub fn tells_none_of(sent: &Sent, secrets: &[&str]) {
    if let Some(told) = told(sent, secrets) {
        panic!("{told}");
    }
}

/// What a message tells of these secrets, if anything.
pub fn told(sent: &Sent, secrets: &[&str]) -> Option<String> {
    let text = sent.text();
    for secret in secrets {
        if text.contains(secret) {
            return Some(format!("{secret} in\n{text}"));
        }
        let word = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_+/".contains(c)))
            .find(|word| decodes_to(word, secret.as_bytes()));
        if let Some(word) = word {
            return Some(format!("{secret} within {word} in\n{text}"));
        }
    }
    None
}

/// Whether a word, read as base64 from any of its first four characters on, holds these bytes.
fn decodes_to(word: &str, secret: &[u8]) -> bool {
    let word = word.replace('+', "-").replace('/', "_");
    (0..4.min(word.len())).any(|from| {
        let whole = (word.len() - from) / 4 * 4;
        let decoded = data_encoding::BASE64URL_NOPAD.decode(&word.as_bytes()[from..from + whole]);
        decoded.is_ok_and(|bytes| bytes.windows(secret.len()).any(|window| window == secret))
    })
}

#[test]
fn a_secret_in_base64_is_found() {
    for lead in ["", "x", "xy", "xyz"] {
        let word = data_encoding::BASE64URL_NOPAD.encode(format!("{lead}sip:al-secret@home").as_bytes());
        assert!(decodes_to(&word, b"al-secret"), "{word}");
        assert!(decodes_to(&format!("A{word}"), b"al-secret"), "{word}");
    }
    assert!(!decodes_to("AAAABBBBCCCC", b"al-secret"));
}
