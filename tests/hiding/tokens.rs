//! Tokens that do not open: whatever is wrong with one, it is refused alike.

use std::process::Command;
use std::time::Duration;

use data_encoding::{BASE32_NOPAD_NOCASE, BASE64URL_NOPAD, HEXLOWER};

use super::networks::{AEAD, CBC, INSIDE, Neighbour, border, keys, policy, values};
use super::{NEIGHBOUR, brings, invite, leaves};
use crate::capture::wire;
use crate::legs::tells_none_of;
use crate::world::{Sent, World, respond};
use sipveil::engine::event::Event;
use sipveil::policy::PeerId;

/// A request of the neighbour with these rows, told from others by `number`.
fn with(rows: &str, number: usize) -> String {
    format!(
        "MESSAGE sip:al@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {NEIGHBOUR};branch=z9hG4bKt{number:05}\r\n{rows}\
         Max-Forwards: 70\r\nFrom: <sip:bob@home2.example>;tag=b\r\nTo: <sip:al@home1.example>\r\nCall-ID: {number:05}\r\n\
         CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The one refusal, with what differs from request to request taken out.
#[track_caller]
fn refusal(world: &mut World, rows: &str, number: usize) -> String {
    // Who asks as often as this is not answered each time, unless time goes by.
    world.pass(Duration::from_secs(1));
    let sent = brings(world, &with(rows, number));
    assert_eq!(sent.len(), 1, "{sent:#?}");
    tells_none_of(&sent[0], INSIDE[0]);
    let text = sent[0].text().replace(rows, "").replace(&format!("{number:05}"), "");
    let tag = text
        .split(";tag=")
        .nth(2)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap()
        .to_owned();
    text.replace(&tag, "")
}

/// A Via and a Record-Route that hide the inside of network 1.
fn tokens(mode: &str) -> (String, String) {
    let sent = leaves(&mut border(1, mode), &invite());
    (
        values(&sent, "Via")[1].clone(),
        values(&sent, "Record-Route")[1].clone(),
    )
}

fn sealed_in_via(value: &str) -> Vec<u8> {
    let host = value.strip_prefix("SIP/2.0/UDP ").unwrap().split(';').next().unwrap();
    let labels = host.strip_suffix(".home1.example").unwrap().replace('.', "");
    BASE32_NOPAD_NOCASE.decode(labels.as_bytes()).unwrap()
}

fn via_of(sealed: &[u8]) -> String {
    let labels: Vec<String> = BASE32_NOPAD_NOCASE
        .encode(sealed)
        .to_ascii_lowercase()
        .as_bytes()
        .chunks(63)
        .map(|label| String::from_utf8(label.to_vec()).unwrap())
        .collect();
    let host = labels.join(".");
    format!("SIP/2.0/UDP {host}.home1.example;branch=z9hG4bKx;tokenized-by=home1.example")
}

fn sealed_in_route(value: &str) -> Vec<u8> {
    let user = value.strip_prefix("<sip:").unwrap().split('@').next().unwrap();
    BASE64URL_NOPAD.decode(user.as_bytes()).unwrap()
}

fn route_of(sealed: &[u8]) -> String {
    let user = BASE64URL_NOPAD.encode(sealed);
    format!("<sip:{user}@home1.example;tokenized-by=home1.example;lr>")
}

/// The forms of this test are those of the product: what is only written anew still opens.
#[track_caller]
fn opens(world: &mut World, rows: &str, number: usize) {
    let sent = brings(world, &with(rows, number));
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(sent[0].start().starts_with("MESSAGE"), "{}", sent[0].text());
    assert!(sent[0].text().contains("pcscf1.home1.example"), "{}", sent[0].text());
}

//= THIG-004 type=test
//= THIG-008 type=test
#[test]
fn a_flipped_bit_anywhere_is_refused_alike() {
    let (via, route) = tokens(AEAD);
    let mut world = border(1, AEAD);
    opens(&mut world, &format!("Via: {}\r\n", via_of(&sealed_in_via(&via))), 0);
    opens(
        &mut world,
        &format!("Record-Route: {}\r\n", route_of(&sealed_in_route(&route))),
        1,
    );
    let mut number = 1;
    let mut seen: Option<String> = None;
    let mut same = |world: &mut World, rows: String| {
        number += 1;
        let text = refusal(world, &rows, number);
        assert!(text.starts_with("SIP/2.0 400 Bad Request\r\n"), "{text}");
        assert_eq!(seen.get_or_insert_with(|| text.clone()), &text);
        number
    };
    let mut last = 0;
    for bit in 0..sealed_in_via(&via).len() * 8 {
        let mut sealed = sealed_in_via(&via);
        sealed[bit / 8] ^= 1 << (bit % 8);
        last = same(&mut world, format!("Via: {}\r\n", via_of(&sealed)));
    }
    for at in 0..sealed_in_route(&route).len() {
        let mut sealed = sealed_in_route(&route);
        sealed[at] ^= 1 << (at % 8);
        for name in ["Route", "Record-Route"] {
            last = same(&mut world, format!("{name}: {}\r\n", route_of(&sealed)));
        }
    }
    // Every letter of the text as well, and what is no token at all.
    for at in 5..route.find('@').unwrap() {
        let mut text = route.clone().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        if text != route.as_bytes() {
            last = same(
                &mut world,
                format!("Record-Route: {}\r\n", String::from_utf8(text).unwrap()),
            );
        }
    }
    for value in [
        "<sip:home1.example;tokenized-by=home1.example;lr>".to_owned(),
        "<sip:x@home1.example;Tokenized-By=HOME1.example;lr>".to_owned(),
        format!(
            "<sip:{}@home1.example;tokenized-by=home1.example;lr>",
            "A".repeat(12_000)
        ),
        route_of(&sealed_in_via(&via)),
    ] {
        last = same(&mut world, format!("Record-Route: {value}\r\n"));
    }
    last = last.max(same(
        &mut world,
        "Via: SIP/2.0/UDP x.home1.example;branch=z9hG4bKy;tokenized-by=home1.example\r\n".to_owned(),
    ));
    // Counted, by whose they were.
    assert_eq!(world.engine.unopened(Some(PeerId(0))), last as u64 - 1);
    assert_eq!(world.engine.unopened(None), 0);
    let counts = world.engine.counts().to_string();
    assert!(
        counts.contains("sipveil_token_failures_total{place=\"hidden\"}"),
        "{counts}"
    );
}

//= THIG-003 type=test
//= THIG-008 type=test
#[test]
fn without_integrity_what_is_wrong_still_shows_nothing() {
    let (via, route) = tokens(CBC);
    let (again, _) = tokens(CBC);
    assert_eq!(again, via, "the same world hides alike");
    let mut world = border(1, CBC);
    let other = values(
        &leaves(
            &mut world,
            &invite()
                .replace("Call-ID: call", "Call-ID: two")
                .replace("INVITE1", "INVITE2"),
        ),
        "Via",
    )[1]
    .clone();
    assert_ne!(other, via, "another transaction does not");
    opens(&mut world, &format!("Via: {via}\r\n"), 0);
    opens(&mut world, &format!("Via: {other}\r\n"), 1);
    let (sealed, of_route) = (sealed_in_via(&via), sealed_in_route(&route));
    let with = |at: usize, by: u8| {
        let mut sealed = sealed.clone();
        sealed[at] ^= by;
        sealed
    };
    let length = sealed.len();
    let wrong = [
        // The last block, a block in the middle, the padding alone by way of the block before it, the key generation, the
        // cipher, a length that is no number of blocks, and nothing at all.
        with(length - 1, 1),
        with(2 + 16 + 20, 1),
        with(length - 17, 0xff),
        with(1, 0xff),
        with(0, 3),
        sealed[..length - 1].to_vec(),
        Vec::new(),
        of_route,
    ];
    let seen: Vec<String> = wrong
        .iter()
        .enumerate()
        .map(|(number, sealed)| refusal(&mut world, &format!("Via: {}\r\n", via_of(sealed)), number + 2))
        .collect();
    assert!(seen[0].starts_with("SIP/2.0 400 Bad Request\r\n"), "{}", seen[0]);
    assert!(seen.iter().all(|text| text == &seen[0]), "{seen:#?}");
}

/// A key that nobody here holds looks no different from a token that was changed.
//= THIG-008 type=test
#[test]
fn an_unknown_key_is_refused_like_a_wrong_token() {
    let (via, _) = tokens(AEAD);
    let mut world = border(1, AEAD);
    world.input(sipveil::engine::Input::Keys(keys(1, &[3, 2])));
    let unknown = refusal(&mut world, &format!("Via: {via}\r\n"), 1);
    let mut world = border(1, AEAD);
    let mut sealed = sealed_in_via(&via);
    sealed[20] ^= 1;
    assert_eq!(
        unknown,
        refusal(&mut world, &format!("Via: {}\r\n", via_of(&sealed)), 1)
    );
}

//= THIG-008 type=test
#[test]
fn a_response_that_does_not_open_is_dropped_and_the_true_one_still_counts() {
    let mut world = border(1, AEAD);
    world.engine.observe();
    let sent = leaves(&mut world, &invite());
    world.events();
    let token = values(&sent, "Via")[1].clone();
    let mut sealed = sealed_in_via(&token);
    sealed[30] ^= 1;
    for status in ["183 Progress", "200 OK", "486 Busy Here"] {
        let text = respond(&sent, status, "b", "").replace(&token, &via_of(&sealed));
        assert!(brings(&mut world, &text).is_empty());
        let events = world.events();
        assert!(
            matches!(&events[..], [Event::Dropped { why, .. }] if why.label() == "hidden_token"),
            "{events:?}"
        );
    }
    assert_eq!(world.engine.unopened(Some(PeerId(0))), 3);
    let came: Vec<Sent> = brings(&mut world, &respond(&sent, "200 OK", "b", ""));
    assert_eq!(came.len(), 1, "{came:#?}");
    assert!(came[0].text().contains("pcscf1.home1.example"));
}

/// An ACK is never answered.
//= THIG-008 type=test
#[test]
fn an_ack_that_does_not_open_goes_nowhere() {
    let (_, route) = tokens(AEAD);
    let mut sealed = sealed_in_route(&route);
    sealed[30] ^= 1;
    let text = with(&format!("Route: {}\r\n", route_of(&sealed)), 1).replace("MESSAGE", "ACK");
    assert!(brings(&mut border(1, AEAD), &text).is_empty());
}

/// At the maximum all are opened, one more and none is.
//= THIG-008 type=test
//= SEC-009 type=test
#[test]
fn so_many_tokens_are_opened_and_no_more() {
    let (_, route) = tokens(AEAD);
    let rows = |count: usize| format!("Record-Route: {}\r\n", vec![&route[..]; count].join(", "));
    opens(&mut border(1, AEAD), &rows(16), 1);
    let refused = refusal(&mut border(1, AEAD), &rows(17), 1);
    assert!(refused.starts_with("SIP/2.0 400 "), "{refused}");
}

/// What the neighbour brings back, by a command that has the keys of the hiding network, has none, or has others.
//= THIG-007 type=test
//= THIG-008 type=test
#[test]
fn explain_and_replay_open_what_they_have_the_keys_of() {
    let folder = tempfile::TempDir::new().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        file.display().to_string()
    };
    let key_file = |name: &str, byte: u8| put(name, format!("1 {}\n", HEXLOWER.encode(&[byte; 32])).as_bytes());
    // As in `networks::keys`.
    let (own, other) = (key_file("own.keys", 17), key_file("other.keys", 18));
    let policy = put("policy.toml", policy(1, Neighbour::Stranger, true, AEAD).as_bytes());
    let (via, route) = tokens(AEAD);
    let text = with(&format!("Via: {via}\r\nRecord-Route: {route}\r\n"), 1);
    let message = put("message.sip", text.as_bytes());
    let (from, to) = (wire::address(NEIGHBOUR), wire::address("10.1.0.9:5060"));
    let packet = wire::udp(from, to, text.as_bytes());
    let capture = put("capture.pcap", &wire::pcap(wire::RAW, &[packet]));
    let run = |arguments: &[&str], keys: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sipveil"));
        command.args(["--config", &policy]).args(arguments);
        command.args(keys.into_iter().flat_map(|keys| ["--hiding-keys", keys]));
        let output = command.current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let explain = ["explain", &message, "--from", "neighbour", "--to", "core"];
    let (code, said) = run(&explain, Some(&own));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("THIG-007") && said.contains("pcscf1.home1.example"),
        "{said}"
    );
    let (_, said) = run(&explain, None);
    assert!(
        !said.contains("THIG-007") && !said.contains("pcscf1") && said.contains("forwarded"),
        "{said}"
    );
    let (_, said) = run(&explain, Some(&other));
    assert!(said.contains("refused with 400") && said.contains("THIG-008"), "{said}");
    let replay = ["replay", &capture];
    let (_, said) = run(&replay, Some(&own));
    assert!(said.contains("THIG-007"), "{said}");
    assert!(!run(&replay, None).1.contains("THIG-007"));
    let (_, said) = run(&replay, Some(&other));
    assert!(said.contains("THIG-008"), "{said}");
    let (code, said) = run(&replay, Some("no-such.keys"));
    assert!(code == Some(2) && said.contains("no-such.keys"), "{said}");
}
