//! The promise itself: two dialogs that differ only in who hides leave the same bytes for everybody who must not know.
//!
//! The same up to what is declared random: text sealed into user parts of ours, and branches of ours.

mod chance;
mod dialog;
mod person;

use std::sync::Arc;

use sipveil::policy::Policy;

use crate::world;
pub use chance::Chance;
use dialog::{Asks, CASTS, Cast, Seen, play};
use person::{Person, SECRETS};

/// Set to the number of one dialog to play that alone, and see what differs.
const VARIABLE: &str = "SIPVEIL_DIALOG";
const DIALOGS: u64 = 12_000;

//= PRIV-024 type=test
//= PRIV-032 type=test
//= PRIV-041 type=test
//= PRIV-089 type=test
//= PRIV-130 type=test
//= PRIV-134 type=test
//= PRIV-141 type=test
#[test]
fn whoever_hides_a_stranger_receives_the_same_bytes() {
    let policy = Arc::new(world::policy(&text()));
    let numbers: Vec<u64> = match std::env::var(VARIABLE) {
        Ok(number) => vec![number.parse().expect("the number of a dialog")],
        Err(_) => (0..DIALOGS).collect(),
    };
    let mut messages = 0;
    for number in numbers {
        let (cast, asks) = case(number);
        let [one, other] = pair(&policy, number, asks);
        messages += one.len();
        if let Some(difference) = difference(&one, &other).or_else(|| secret_in(&one)) {
            panic!(
                "dialog {number} ({cast:?}, {asks:?}) tells who hides:\n{difference}\n\
                 again: {VARIABLE}={number} cargo test --test main non_interference::whoever"
            );
        }
    }
    println!("{messages} messages compared");
}

/// The same where the far side sees a token as Call-ID, which may then name who hides.
//= PRIV-087 type=test
//= PRIV-134 type=test
//= PRIV-142 type=test
#[test]
fn a_mapped_call_id_tells_nothing_of_who_hides() {
    let mapped = text().replace("[[peer]]", "[privacy]\ncall_id = \"map\"\n[[peer]]");
    let policy = Arc::new(world::policy(&mapped));
    let mut mapped = 0;
    for number in 0..DIALOGS / 4 {
        let (cast, _) = case(number);
        let [one, other] = pair(&policy, number, Asks::User);
        let is_token = |seen: &&Seen| seen.sent.text().contains("Call-ID: svc.");
        mapped += one.iter().filter(is_token).count();
        if let Some(difference) = difference(&one, &other).or_else(|| secret_in(&one)) {
            panic!("dialog {number} ({cast:?}) tells who hides:\n{difference}");
        }
    }
    assert!(mapped > 1000, "{mapped}");
}

/// The comparison is worth something: without a wish for privacy it finds the difference.
#[test]
fn without_privacy_the_comparison_sees_the_difference() {
    let policy = Arc::new(world::policy(&text()));
    let seen = (0..300)
        .filter(|number| {
            let [one, other] = pair(&policy, *number, Asks::Nothing);
            difference(&one, &other).is_some()
        })
        .count();
    // In the others the network lost what would have told, or nothing was said.
    assert!(seen > 270, "{seen} of 300");
}

/// One header that escapes in one message is noticed.
#[test]
fn a_single_row_that_escapes_is_seen() {
    let policy = Arc::new(world::policy(&text()));
    let [one, other] = pair(&policy, 0, Asks::User);
    assert_eq!(difference(&one, &other), None);
    for at in 0..one.len() {
        let mut escaped = one.clone();
        let planted = escaped[at].sent.text().replacen("X-Plain", "Subject: q\r\nX-Plain", 1);
        if planted == escaped[at].sent.text() {
            continue;
        }
        escaped[at].sent.bytes = planted.into();
        assert!(difference(&escaped, &other).is_some());
    }
    let mut fewer = one.clone();
    fewer.pop();
    assert!(difference(&fewer, &other).is_some());
}

fn text() -> String {
    let tcp = world::POLICY
        .replace(
            "\"udp://10.20.0.1:5060\"",
            "\"udp://10.20.0.1:5060\", \"tcp://10.20.0.1:5060\"",
        )
        .replace(
            "\"udp://192.0.2.1:5060\"",
            "\"udp://192.0.2.1:5060\", \"tcp://192.0.2.1:5060\"",
        );
    tcp + "[[route]]\nfrom = \"core\"\ndomain = [\"tcp.example\"]\nnext_hop = [\"sip:192.0.2.9:5060;transport=tcp\"]\nvia = \"net\"\n"
}

fn case(number: u64) -> (Cast, Asks) {
    let cast = CASTS[(number % CASTS.len() as u64) as usize];
    let asks = match number % 3 {
        0 => Asks::Id,
        _ => Asks::User,
    };
    (cast, asks)
}

fn pair(policy: &Arc<Policy>, number: u64, asks: Asks) -> [Vec<Seen>; 2] {
    let (cast, _) = case(number);
    let persons = [2 * number, 2 * number + 1].map(|seed| Person::of(seed ^ 0x5eed_0000));
    persons.map(|person| play(policy, number, cast, asks, &person))
}

/// The first message in which two views differ.
fn difference(one: &[Seen], other: &[Seen]) -> Option<String> {
    for (at, (left, right)) in one.iter().zip(other).enumerate() {
        let (shown_left, shown_right) = (normal(left), normal(right));
        if shown_left != shown_right {
            return Some(format!(
                "message {at}:\n--- one\n{shown_left}\n--- other\n{shown_right}"
            ));
        }
    }
    (one.len() != other.len()).then(|| {
        let longer = if one.len() > other.len() { one } else { other };
        let extra = &longer[one.len().min(other.len())];
        format!(
            "{} messages against {}, the next:\n{}",
            one.len(),
            other.len(),
            normal(extra)
        )
    })
}

fn secret_in(seen: &[Seen]) -> Option<String> {
    let told = |seen: &&Seen| SECRETS.iter().any(|secret| seen.sent.text().contains(secret));
    seen.iter()
        .find(told)
        .map(|seen| format!("a secret stands in:\n{}", seen.sent.text()))
}

/// When, by which way, and the text with what is declared random made equal: sealed user parts, our branches.
fn normal(seen: &Seen) -> String {
    let Seen { at, sent } = seen;
    let mut out = format!("{at:?} {} {:?} {}\n", sent.to, sent.transport, sent.from_listener);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let mut rest = sent.text();
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| word(*byte)).count();
        let (this, behind) = rest.split_at(length);
        let sealed = length >= 80 && out.ends_with("sip:") && behind.starts_with('@');
        let branch = length == BRANCH && this.starts_with("z9hG4bK") && out.ends_with(";branch=");
        let call_id = length >= 80 && out.ends_with("Call-ID: svc.");
        match (sealed || call_id, branch) {
            (true, _) => out.push_str("SEALED"),
            (_, true) => out.push_str("BRANCH"),
            _ => out.push_str(this),
        }
        let next = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    out
}

const BRANCH: usize = sipveil::transaction::ClientBranch::LENGTH;

fn invite_to_core() -> String {
    "INVITE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
     From: <sip:al@far.example>;tag=7\r\nTo: <sip:bob@home1.example>\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\n\
     Contact: <sip:al@192.0.2.30>\r\nContent-Length: 0\r\n\r\n"
        .to_owned()
}

/// Who asked for privacy in its 180 has it in its 200 too; another that answers the same INVITE does not.
//= PRIV-130 type=test
//= PRIV-138 type=test
#[test]
fn an_answerer_who_entered_the_dialog_in_private_stays_private() {
    let mut world = world::World::new(world::POLICY);
    let invite = world.packet("net", "192.0.2.30:5060", &invite_to_core()).swap_remove(0);
    let asserted = "P-Asserted-Identity: <sip:bob@home1.example>\r\n";
    let private = format!("Privacy: id\r\n{asserted}");
    let mut answer = |status: &str, tag: &str, rows: &str| {
        let text = world::respond(&invite, status, tag, rows);
        world.packet("core", "10.20.0.9:5060", &text).swap_remove(0)
    };
    let ringing = answer("180 Ringing", "b", &private);
    assert_eq!(ringing.row("P-Asserted-Identity"), None);
    assert!(
        answer("183 Session Progress", "c", asserted)
            .row("P-Asserted-Identity")
            .is_some()
    );
    let ok = answer("200 OK", "b", asserted);
    assert_eq!(ok.row("P-Asserted-Identity"), None, "{}", ok.text());
    // The caller's route set carries the wish on: the token of the 200 is not the one the INVITE went out with.
    assert_ne!(ok.rows("Record-Route"), invite.rows("Record-Route"));
}
