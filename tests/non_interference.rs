//! The promise itself: two dialogs that differ only in who hides leave the same bytes for everybody who must not know.
//!
//! The same up to what is declared random: text sealed into user parts and Call-IDs of ours, and branches of ours. What must be
//! hidden follows from what a party asks for, by tables written from the catalogue and not from the proxy.

mod carriers;
mod chance;
mod compare;
mod dialog;
mod kind;
mod oblivion;
mod planted;
mod proof;
mod scene;
mod wishes;
mod words;

use crate::world;
pub use chance::Chance;
use compare::{Lengths, difference};
pub use dialog::Observed;
use proof::Figures;
pub use proof::Proof;
pub use words::{SECRETS, SHOWN};

/// Set to the number of one dialog to play that alone, and see what differs.
const VARIABLE: &str = "SIPVEIL_DIALOG";
/// Dialogs of one part; four parts are played side by side.
const DIALOGS: u64 = 5_000;

fn part(at: u64) {
    let numbers: Vec<u64> = match std::env::var(VARIABLE) {
        Ok(number) => vec![number.parse().expect("the number of a dialog")],
        Err(_) => (at * DIALOGS..(at + 1) * DIALOGS).collect(),
    };
    let proof = Proof::read();
    let mut figures = Figures::default();
    for number in numbers {
        match proof.check(number) {
            Ok(one) => figures.add(one),
            Err(told) => panic!("{told}\nagain: {VARIABLE}={number} cargo test --test main non_interference::whoever"),
        }
    }
    println!("{figures}");
}

//= PRIV-020 type=test
//= PRIV-024 type=test
//= PRIV-026 type=test
//= PRIV-032 type=test
//= PRIV-033 type=test
//= PRIV-041 type=test
//= PRIV-089 type=test
//= PRIV-130 type=test
//= PRIV-131 type=test
//= PRIV-134 type=test
//= PRIV-141 type=test
#[test]
fn whoever_hides_a_stranger_receives_the_same_bytes() {
    part(0);
}

//= PRIV-031 type=test
//= PRIV-096 type=test
//= PRIV-097 type=test
//= PRIV-099 type=test
//= TRUST-040 type=test
#[test]
fn whoever_hides_a_stranger_receives_the_same_bytes_2() {
    part(1);
}

//= PRIV-082 type=test
//= PRIV-084 type=test
//= PRIV-085 type=test
#[test]
fn whoever_hides_a_stranger_receives_the_same_bytes_3() {
    part(2);
}

//= PRIV-087 type=test
//= PRIV-142 type=test
#[test]
fn whoever_hides_a_stranger_receives_the_same_bytes_4() {
    part(3);
}

/// An engine that forgets one carrier in one kind of message, for every carrier and every kind that can hold it: the comparison
/// notices each, in every dialog it is tried in.
#[test]
fn whatever_an_engine_forgets_is_noticed() {
    let planted = planted::planted(&Proof::read(), 9_000);
    assert!(planted.missed.is_empty(), "not noticed:\n{}", planted.missed.join("\n"));
    let untried = planted.untried.join("\n");
    assert!(planted.untried.is_empty(), "no dialog gives an opportunity:\n{untried}");
    // Some hundred pairs of carrier and kind, most in three dialogs.
    assert!(planted.noticed > 4_000, "{}", planted.noticed);
}

/// Where the policy says `map`, a Call-ID that tells of its maker is a token outside, in some thousand messages.
#[test]
fn call_ids_that_tell_are_hidden_where_the_policy_says_so() {
    let proof = Proof::read();
    let is_token = |seen: &&dialog::Seen| seen.sent.text().contains("Call-ID: svc.");
    let tokens: usize = (0..2_000)
        .map(|number| proof.pair(number, None)[0].seen.iter().filter(is_token).count())
        .sum();
    assert!(tokens > 500, "{tokens}");
}

/// A message more, or one at another time, is a difference, too.
#[test]
fn a_message_that_is_late_or_not_there_is_a_difference() {
    let [one, other] = Proof::read().pair(0, None);
    assert_eq!(difference(&one.seen, &other.seen, Lengths::Count), None);
    let mut fewer = one.seen.clone();
    fewer.pop();
    assert!(difference(&fewer, &other.seen, Lengths::Differ).is_some());
    let mut late = one.seen.clone();
    late[0].at += std::time::Duration::from_millis(1);
    assert!(difference(&late, &other.seen, Lengths::Differ).is_some());
}

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
