//! `call_id = "map"`: the far side of a hidden caller's dialog knows it by a token, the hidden side by the Call-ID it gave.

use std::sync::Arc;

use sipveil::seal::Keys;

use crate::legs::{ANONYMOUS, CORE, FROM, NET, Party, pass, policy_with_privacy};
use crate::world::{Sent, World, contact_uri, respond, routes};

const HIDDEN: &str = "f81d4fae@10.99.0.7";
const AL_CONTACT: &str = "<sip:al-secret@10.20.0.9>";
const BOB_CONTACT: &str = "<sip:bob@192.0.2.9>";

fn map() -> String {
    policy_with_privacy("call_id = \"map\"")
}

fn keys(ids: &[u8]) -> Arc<Keys> {
    let secrets: Vec<_> = ids.iter().map(|id| (*id, [*id; 32])).collect();
    Arc::new(Keys::new(&secrets, "T-home1", 7).unwrap())
}

fn call_id(sent: &Sent) -> &str {
    let rows = sent.rows("Call-ID");
    assert_eq!(rows.len(), 1, "{}", sent.text());
    rows[0]
}

/// A token of ours, which holds nothing of what it stands for.
#[track_caller]
fn is_token(call_id: &str) -> bool {
    assert!(!call_id.contains("f81d4fae") && !call_id.contains("10.99"), "{call_id}");
    call_id.starts_with("svc.")
        && call_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A request of a caller in T to Bob, who is a stranger.
fn opening(method: &str, rows: &str) -> String {
    request_of(
        CORE,
        "net.example",
        method,
        HIDDEN,
        FROM,
        &format!("Contact: {AL_CONTACT}\r\n{rows}"),
    )
}

fn request_of(from: Party, domain: &str, method: &str, call_id: &str, from_row: &str, rows: &str) -> String {
    format!(
        "{method} sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKopen-{method}-{}\r\nMax-Forwards: 70\r\n\
         From: {from_row}\r\nTo: <sip:bob@{domain}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n{rows}\
         Content-Length: 0\r\n\r\n",
        from.address,
        &call_id[..call_id.len().min(5)]
    )
}

/// A dialog of a caller in T and Bob.
struct Call {
    world: World,
    invite: Sent,
    ok: Sent,
}

impl Call {
    fn open(world: World, privacy: &str) -> Call {
        Call::answered(world, privacy, "")
    }

    fn answered(mut world: World, privacy: &str, answer: &str) -> Call {
        let invite = pass(&mut world, CORE, NET, &opening("INVITE", privacy));
        let rows = format!("Contact: {BOB_CONTACT}\r\n{answer}");
        let ok = pass(&mut world, NET, CORE, &respond(&invite, "200 OK", "b", &rows));
        Call { world, invite, ok }
    }

    fn by_al(&self, method: &str, number: u32, rows: &str) -> String {
        let Call { ok, .. } = self;
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKal-{method}-{number}\r\nMax-Forwards: 70\r\n{}From: {}\r\n\
             To: {}\r\nCall-ID: {HIDDEN}\r\nCSeq: {number} {method}\r\n{rows}Content-Length: 0\r\n\r\n",
            contact_uri(ok.row("Contact").unwrap()),
            CORE.address,
            routes(&ok.rows("Record-Route"), true),
            ok.row("From").unwrap(),
            ok.row("To").unwrap(),
        )
    }

    fn by_bob(&self, method: &str, number: u32, target: Option<&str>, rows: &str) -> String {
        let Call { invite, .. } = self;
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKbob-{method}-{number}\r\nMax-Forwards: 70\r\n{}\
             From: {};tag=b\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n{rows}Content-Length: 0\r\n\r\n",
            target.unwrap_or(contact_uri(invite.row("Contact").unwrap())),
            NET.address,
            routes(&invite.rows("Record-Route"), false),
            invite.row("To").unwrap(),
            invite.row("From").unwrap(),
            call_id(invite),
        )
    }
}

//= PRIV-087 type=test
//= PRIV-133 type=test
//= PRIV-142 type=test
//= TRAP-15 type=test
#[test]
fn the_far_side_sees_one_token_and_the_hidden_side_its_own() {
    let mut call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let token = call_id(&call.invite).to_owned();
    assert!(is_token(&token));
    assert_eq!(call.invite.row("From"), Some(ANONYMOUS));
    assert_eq!(call_id(&call.ok), HIDDEN);
    let methods = [
        "ACK", "INVITE", "UPDATE", "INFO", "MESSAGE", "REFER", "NOTIFY", "FOO", "BYE",
    ];
    for (number, method) in (2..).zip(methods) {
        let text = call.by_al(method, number, &format!("Contact: {AL_CONTACT}\r\n"));
        let sent = pass(&mut call.world, CORE, NET, &text);
        assert_eq!(call_id(&sent), token, "{method}");
        let statuses = match method {
            "ACK" => continue,
            "INVITE" => &["183 Progress", "200 OK"][..],
            _ => &["200 OK"],
        };
        for status in statuses {
            let answer = pass(&mut call.world, NET, CORE, &respond(&sent, status, "b", ""));
            assert_eq!(call_id(&answer), HIDDEN, "{status} to {method}");
        }
        let text = call.by_bob(method, number, None, "");
        let asked = pass(&mut call.world, NET, CORE, &text);
        assert_eq!(call_id(&asked), HIDDEN, "{method}");
        for status in statuses {
            let answer = pass(&mut call.world, CORE, NET, &respond(&asked, status, "7", ""));
            assert_eq!(call_id(&answer), token, "{status} to {method}");
        }
    }
}

//= PRIV-087 type=test
//= PRIV-134 type=test
#[test]
fn what_this_node_makes_itself_shows_each_side_its_own() {
    let mut world = World::new(&map());
    let sent = world.packet(CORE.listener, CORE.address, &opening("INVITE", "Privacy: user\r\n"));
    let reached = |sent: &[Sent], to: Party| -> Vec<String> {
        let arrived = sent.iter().filter(|sent| sent.to.to_string() == to.address);
        arrived.map(|sent| call_id(sent).to_owned()).collect()
    };
    let token = reached(&sent, NET).swap_remove(0);
    assert_eq!(reached(&sent, CORE), [HIDDEN]);
    let invite = sent
        .iter()
        .find(|sent| sent.to.to_string() == NET.address)
        .unwrap()
        .clone();
    pass(&mut world, NET, CORE, &respond(&invite, "180 Ringing", "b", ""));
    let cancel = opening("CANCEL", "").replace("open-CANCEL", "open-INVITE");
    let sent = world.packet(CORE.listener, CORE.address, &cancel);
    assert_eq!(reached(&sent, NET), std::slice::from_ref(&token));
    assert_eq!(reached(&sent, CORE), [HIDDEN]);
    // The ACK of the failure, and the failure itself.
    let sent = world.packet(
        NET.listener,
        NET.address,
        &respond(&invite, "487 Request Terminated", "b", ""),
    );
    assert_eq!(reached(&sent, NET), [token]);
    assert_eq!(reached(&sent, CORE), [HIDDEN]);
}

/// An answer of ours to the far side's request shows the token it came with.
//= PRIV-087 type=test
#[test]
fn a_refusal_shows_what_came() {
    let mut call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let text = call
        .by_bob("INFO", 2, None, "")
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    let refusal = pass(&mut call.world, NET, NET, &text);
    assert!(refusal.start().starts_with("SIP/2.0 483"), "{}", refusal.text());
    assert_eq!(call_id(&refusal), call_id(&call.invite));
}

//= PRIV-142 type=test
#[test]
fn a_new_key_and_another_node_carry_the_dialog_on() {
    let old = Call::open(World::with(&map(), keys(&[1]), [1; 32]), "Privacy: user\r\n");
    let token = call_id(&old.invite).to_owned();
    // Another node with the same key gives the same token.
    let other = Call::open(World::with(&map(), keys(&[1]), [9; 32]), "Privacy: user\r\n");
    assert_eq!(call_id(&other.invite), token);
    // The key is changed in the middle of the dialog.
    let world = World::with(&map(), keys(&[2, 1]), [8; 32]);
    let mut call = Call { world, ..old };
    let text = call.by_al("INFO", 2, "");
    assert_eq!(call_id(&pass(&mut call.world, CORE, NET, &text)), token);
    let text = call.by_bob("BYE", 2, None, "");
    let bye = pass(&mut call.world, NET, CORE, &text);
    assert_eq!(call_id(&bye), HIDDEN);
    let answer = pass(&mut call.world, CORE, NET, &respond(&bye, "200 OK", "7", ""));
    assert_eq!(call_id(&answer), token);
    let new = Call::open(World::with(&map(), keys(&[2, 1]), [8; 32]), "Privacy: user\r\n");
    assert_ne!(call_id(&new.invite), token);
}

/// The policy changed: what began with a token goes on with it.
//= PRIV-087 type=test
#[test]
fn a_dialog_keeps_its_token_when_the_policy_changes() {
    let old = Call::open(World::new(&map()), "Privacy: user\r\n");
    let world = World::new(&policy_with_privacy("call_id = \"keep\""));
    let mut call = Call { world, ..old };
    let text = call.by_al("BYE", 2, "");
    assert_eq!(call_id(&pass(&mut call.world, CORE, NET, &text)), call_id(&call.invite));
    let text = call.by_bob("BYE", 2, None, "");
    assert_eq!(call_id(&pass(&mut call.world, NET, CORE, &text)), HIDDEN);
}

//= PRIV-087 type=test
//= TRAP-15 type=test
#[test]
fn without_map_or_without_user_nothing_changes() {
    for (policy, privacy) in [
        (policy_with_privacy("call_id = \"keep\""), "Privacy: user\r\n"),
        (map(), ""),
        (map(), "Privacy: id\r\n"),
    ] {
        let mut call = Call::open(World::new(&policy), privacy);
        assert_eq!(call_id(&call.invite), HIDDEN);
        // Who answers in private did not make the Call-ID.
        let text = call.by_al("INFO", 2, "Privacy: user\r\n");
        assert_eq!(call_id(&pass(&mut call.world, CORE, NET, &text)), HIDDEN);
        let text = call.by_bob("BYE", 2, None, "Privacy: user\r\n");
        assert_eq!(call_id(&pass(&mut call.world, NET, CORE, &text)), HIDDEN);
    }
}

//= PRIV-062 type=test
#[test]
fn a_call_id_that_tells_the_host_is_hidden_when_mapped() {
    let critical = opening("INVITE", "Privacy: user;critical\r\n");
    let mut world = World::new(&policy_with_privacy("call_id = \"keep\""));
    let sent = world.packet(CORE.listener, CORE.address, &critical);
    assert!(
        sent.iter().any(|sent| sent.start().starts_with("SIP/2.0 500")),
        "{sent:#?}"
    );
    let mut world = World::new(&map());
    assert!(is_token(call_id(&pass(&mut world, CORE, NET, &critical))));
    // The longest that is hidden, and one past it.
    let long = |length: usize| critical.replace(HIDDEN, &format!("{}@10.99.0.7", "f".repeat(length - 10)));
    let mut world = World::new(&map());
    assert!(is_token(call_id(&pass(&mut world, CORE, NET, &long(255)))));
    let mut world = World::new(&map());
    let sent = world.packet(CORE.listener, CORE.address, &long(256));
    assert!(
        sent.iter().any(|sent| sent.start().starts_with("SIP/2.0 500")),
        "{sent:#?}"
    );
}

/// The far side aims requests of its own, with the token, at itself: nobody learns there what stands behind it.
//= PRIV-087 type=test
//= PRIV-142 type=test
#[test]
fn nobody_outside_gets_a_token_opened() {
    let mut call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let token = call_id(&call.invite).to_owned();
    let text = call.by_bob("INFO", 2, Some("sip:me@10.20.0.9"), "");
    assert_eq!(call_id(&pass(&mut call.world, NET, CORE, &text)), token);
    let text = request_of(NET, "net.example", "MESSAGE", &token, "<sip:eve@net.example>;tag=e", "");
    let sent = pass(&mut call.world, NET, NET, &text);
    assert_eq!(call_id(&sent), token);
    let rows = format!("Replaces: {token};to-tag=7;from-tag=b\r\n");
    let text = request_of(
        NET,
        "net.example",
        "INVITE",
        "eve",
        "<sip:eve@net.example>;tag=e",
        &rows,
    );
    let sent = pass(&mut call.world, NET, NET, &text);
    assert!(sent.row("Replaces").unwrap().starts_with(&token));
    // Made up, or spoiled: it passes as it is.
    let spoiled = format!("{token}A");
    let text = request_of(
        NET,
        "home1.example",
        "OPTIONS",
        &spoiled,
        "<sip:eve@net.example>;tag=e",
        "",
    );
    assert_eq!(call_id(&pass(&mut call.world, NET, CORE, &text)), spoiled);
}

//= PRIV-088 type=test
//= TRAP-15 type=test
#[test]
fn a_field_that_quotes_a_token_quotes_the_original_in_t() {
    let mut call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let token = call_id(&call.invite).to_owned();
    let escaped = HIDDEN.replace('@', "%40");
    for (name, value, expected) in [
        (
            "Replaces",
            "@;to-tag=7;from-tag=b;early-only",
            format!("{HIDDEN};to-tag=7;from-tag=b;early-only"),
        ),
        ("Join", "@;from-tag=b;to-tag=7", format!("{HIDDEN};from-tag=b;to-tag=7")),
        ("Target-Dialog", "@;local-tag=b", format!("{HIDDEN};local-tag=b")),
        ("In-Reply-To", "x@y, @ , z", format!("x@y, {HIDDEN} , z")),
        (
            "Refer-To",
            "<sip:al@h?Replaces=@%3Bto-tag%3D7>",
            format!("<sip:al@h?Replaces={escaped}%3Bto-tag%3D7>"),
        ),
        (
            "r",
            "<sip:al@h?Subject=s&Join=@%3Bto-tag%3D7>",
            format!("<sip:al@h?Subject=s&Join={escaped}%3Bto-tag%3D7>"),
        ),
        // What is no token of ours, or no quotation, stays as it is.
        (
            "Replaces",
            "x@y;to-tag=7;from-tag=b",
            "x@y;to-tag=7;from-tag=b".to_owned(),
        ),
        ("Refer-To", "<sip:@@h>", format!("<sip:{token}@h>")),
    ] {
        let value = match value {
            "x@y;to-tag=7;from-tag=b" => value.to_owned(),
            "x@y, @ , z" => format!("x@y, {token} , z"),
            "<sip:@@h>" => format!("<sip:{token}@h>"),
            _ => value.replace("al@h", "al#h").replace('@', &token).replace('#', "@"),
        };
        let method = if name.starts_with('R') && name != "Replaces" || name == "r" {
            "REFER"
        } else {
            "INVITE"
        };
        let rows = format!("{name}: {value}\r\nContact: {BOB_CONTACT}\r\n");
        let from = "<sip:carol@net.example>;tag=c";
        let text = request_of(
            NET,
            "home1.example",
            method,
            &format!("other-{}", expected.len()),
            from,
            &rows,
        );
        let text = text.replace("z9hG4bKopen", &format!("z9hG4bK{}{name}", expected.len()));
        let sent = pass(&mut call.world, NET, CORE, &text);
        assert_eq!(sent.row(name), Some(&expected[..]));
    }
}

//= PRIV-088 type=test
#[test]
fn of_many_quoted_tokens_eight_are_opened() {
    let mut call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let token = call_id(&call.invite).to_owned();
    for count in [8, 9] {
        let rows = format!(
            "In-Reply-To: {}\r\nContact: {BOB_CONTACT}\r\n",
            vec![token.clone(); count].join(", ")
        );
        let from = "<sip:carol@net.example>;tag=c";
        let text = request_of(NET, "home1.example", "INVITE", &format!("many-{count}"), from, &rows);
        let sent = pass(
            &mut call.world,
            NET,
            CORE,
            &text.replace("z9hG4bKopen", &format!("z9hG4bK{count}")),
        );
        let quoted: Vec<&str> = sent.row("In-Reply-To").unwrap().split(", ").collect();
        let opened = quoted.iter().filter(|quoted| **quoted == HIDDEN).count();
        assert_eq!((quoted.len(), opened), (count, 8));
    }
}

/// Limits: an original that is quoted outwards is not known here as one that has a token, and bodies are not read.
//= PRIV-088 type=test
#[test]
fn an_original_quoted_outwards_and_a_body_are_left_alone() {
    let call = Call::open(World::new(&map()), "Privacy: user\r\n");
    let mut world = call.world;
    let quotes = format!("Replaces: {HIDDEN};to-tag=b;from-tag=7\r\nContact: {AL_CONTACT}\r\n");
    let text = request_of(
        CORE,
        "net.example",
        "INVITE",
        "third",
        "<sip:dan@home1.example>;tag=d",
        &quotes,
    );
    let sent = pass(&mut world, CORE, NET, &text);
    assert_eq!(sent.row("Replaces"), Some(&*format!("{HIDDEN};to-tag=b;from-tag=7")));
    let body = format!("{};x", call_id(&call.invite));
    let text = request_of(
        NET,
        "home1.example",
        "MESSAGE",
        "m",
        "<sip:carol@net.example>;tag=c",
        "",
    );
    let text = text.replace(
        "Content-Length: 0\r\n\r\n",
        &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
    );
    let sent = pass(&mut world, NET, CORE, &text);
    assert!(sent.text().ends_with(&body));
}

/// A request that opens no dialog, refused by a stranger: the answer comes back under the Call-ID it was asked with.
//= PRIV-087 type=test
#[test]
fn a_request_without_a_dialog_is_answered_under_its_own() {
    for (method, status) in [
        ("MESSAGE", "200 OK"),
        ("OPTIONS", "404 Not Found"),
        ("SUBSCRIBE", "486 Busy Here"),
    ] {
        let mut world = World::new(&map());
        let sent = pass(&mut world, CORE, NET, &opening(method, "Privacy: user\r\n"));
        assert!(is_token(call_id(&sent)), "{method}");
        let answer = pass(&mut world, NET, CORE, &respond(&sent, status, "b", ""));
        assert_eq!(call_id(&answer), HIDDEN, "{method}");
    }
}
