//! Registrations that outlive an engine: what is asked of the store, and what waits for it.

use std::sync::Arc;

use sipveil::engine::storing::{Change, Stored};
use sipveil::engine::{Input, SendId};
use sipveil::seal::{Keys, SECRET_BYTES};

use crate::legs::{CORE, OTHER_UE, UE, request};
use crate::world::{POLICY, Sent, World, keys, keys_of_instance, respond};

fn policy() -> String {
    POLICY.to_owned() + "\n[store]\nurl = \"file:never-opened.redb\"\n"
}

fn register(number: u32, seconds: u32) -> String {
    let ue = UE.address;
    format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {ue};branch=z9hG4bKr{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: reg\r\nCSeq: {number} REGISTER\r\n\
         Contact: <sip:ue@{ue}>;expires={seconds}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A REGISTER and the network's yes, as far as the engine goes on its own; what reached the network, and what left.
fn registers(world: &mut World, number: u32, seconds: u32) -> (Sent, Vec<Sent>) {
    let sent = world.packet(UE.listener, UE.address, &register(number, seconds));
    let contact = format!("Contact: <sip:ue@{}>;expires={seconds}\r\n", UE.address);
    let contact = if seconds == 0 { String::new() } else { contact };
    let answer = respond(&sent[0], "200 OK", "s", &contact);
    let answered = world.packet(CORE.listener, CORE.address, &answer);
    (sent[0].clone(), answered)
}

/// The one change asked for since the last time.
fn asked(world: &mut World) -> (SendId, Change) {
    assert_eq!(world.store.len(), 1, "{:?}", world.store);
    world.store.remove(0)
}

fn put(change: Change) -> Stored {
    match change {
        Change::Put(stored) => stored,
        _ => panic!("{change:?}"),
    }
}

fn called_by(path: &str) -> String {
    let route = format!("Route: {path}\r\n");
    request(CORE, UE, "MESSAGE", &route)
}

//= PCSCF-033 type=test
#[test]
fn a_ue_hears_that_it_is_registered_when_that_is_kept_and_the_next_run_knows_it() {
    let mut world = World::new(&policy());
    let (at_core, answered) = registers(&mut world, 1, 600);
    assert!(answered.is_empty(), "{answered:#?}");
    let again = world.packet(UE.listener, UE.address, &register(1, 600));
    assert!(again.is_empty(), "{again:#?}");
    let (id, change) = asked(&mut world);
    let answered = world.input(Input::Stored { id, is_kept: true });
    assert_eq!(answered.len(), 1);
    assert_eq!(answered[0].start(), "SIP/2.0 200 OK");
    assert_eq!(answered[0].to.to_string(), UE.address);
    // Said twice, it does nothing; sent again, the answer comes again.
    assert!(world.input(Input::Stored { id, is_kept: true }).is_empty());
    let again = world.packet(UE.listener, UE.address, &register(1, 600));
    assert_eq!(again[0].bytes, answered[0].bytes);
    // Another run: the UE is called at once, and calls.
    let stored = put(change);
    let path = at_core.row("Path").unwrap();
    for (knows, status) in [(true, "MESSAGE "), (false, "SIP/2.0 403")] {
        let mut next = World::with(&policy(), keys_of_instance(8), [2; 32]);
        let kept: &[Stored] = if knows { std::slice::from_ref(&stored) } else { &[] };
        assert_eq!(next.engine.recall(next.now, kept), 0);
        let sent = next.packet(UE.listener, UE.address, &request(UE, CORE, "MESSAGE", ""));
        assert!(sent[0].start().starts_with(status), "{}", sent[0].start());
        if knows {
            assert_eq!(sent[0].row("P-Asserted-Identity"), Some("<sip:ue@home1.example>"));
            let called = next.packet(CORE.listener, CORE.address, &called_by(path));
            assert_eq!(called[0].to.to_string(), UE.address);
        }
    }
}

//= PCSCF-033 type=test
#[test]
fn what_is_kept_of_a_registration_has_one_name_and_goes_with_it() {
    let mut world = World::new(&policy());
    let one = |world: &mut World, number, seconds| {
        registers(world, number, seconds);
        let (id, change) = asked(world);
        assert_eq!(world.input(Input::Stored { id, is_kept: true }).len(), 1);
        change
    };
    let first = put(one(&mut world, 1, 600));
    let second = put(one(&mut world, 2, 1200));
    assert_eq!(second.record, first.record);
    assert_eq!(second.expires_at, first.expires_at + 600);
    assert_eq!(one(&mut world, 3, 0), Change::Remove(first.record));
    // A new run renews it under the old name.
    let mut next = World::with(&policy(), keys_of_instance(8), [2; 32]);
    assert_eq!(next.engine.recall(next.now, std::slice::from_ref(&second)), 0);
    assert_eq!(put(one(&mut next, 1, 600)).record, first.record);
}

/// Who goes for want of room would come back with the next run, in the place of who came after it.
//= PCSCF-033 type=test
#[test]
fn what_is_kept_goes_with_who_has_to_go() {
    let mut world = World::new(&(policy() + "[limits]\nregistrations_max = 1\n"));
    registers(&mut world, 1, 600);
    let first = put(asked(&mut world).1);
    let other = |text: String| text.replace(UE.address, OTHER_UE.address);
    let sent = world.packet(OTHER_UE.listener, OTHER_UE.address, &other(register(2, 1200)));
    let contact = other(format!("Contact: <sip:ue@{}>;expires=1200\r\n", UE.address));
    world.packet(CORE.listener, CORE.address, &respond(&sent[0], "200 OK", "s", &contact));
    assert_eq!(world.store.remove(0).1, Change::Remove(first.record));
    assert_ne!(put(asked(&mut world).1).record, first.record);
}

/// Who was not there is not taken out, and waits for nothing.
//= PCSCF-033 type=test
#[test]
fn who_leaves_without_having_come_changes_nothing() {
    let mut world = World::new(&policy());
    let (_, answered) = registers(&mut world, 1, 0);
    assert_eq!(answered[0].start(), "SIP/2.0 200 OK");
    assert!(world.store.is_empty());
}

//= PCSCF-033 type=test
#[test]
fn who_cannot_be_kept_is_told_to_come_again() {
    let mut world = World::new(&policy());
    registers(&mut world, 1, 600);
    let (id, _) = asked(&mut world);
    let refused = world.input(Input::Stored { id, is_kept: false });
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].start(), "SIP/2.0 503 Service Unavailable");
    assert!(refused[0].row("Retry-After").is_some());
    let (_, answered) = registers(&mut world, 2, 600);
    assert!(answered.is_empty());
    let (id, _) = asked(&mut world);
    assert_eq!(
        world.input(Input::Stored { id, is_kept: true })[0].start(),
        "SIP/2.0 200 OK"
    );
}

/// What is sealed says nothing to who has no key, and is bound to its name.
//= PCSCF-033 type=test
//= SEC-004 type=test
#[test]
fn what_is_kept_opens_with_the_keys_and_under_its_name_alone() {
    let mut world = World::new(&policy());
    registers(&mut world, 1, 600);
    let stored = put(asked(&mut world).1);
    for secret in ["home1", "10.30.0.9", "sip:"] {
        assert!(
            !stored
                .sealed
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
    let other = Arc::new(Keys::new(&[(1, [43; SECRET_BYTES])], "T-home1", 8).unwrap());
    let mut renamed = stored.clone();
    renamed.record.0 ^= 1;
    let mut ended = stored.clone();
    ended.expires_at = 1;
    for (keys, stored, unreadable) in [
        (keys(), &stored, 0),
        (other, &stored, 1),
        (keys(), &renamed, 1),
        (keys(), &ended, 0),
    ] {
        let mut next = World::with(&policy(), keys, [2; 32]);
        assert_eq!(next.engine.recall(next.now, std::slice::from_ref(stored)), unreadable);
    }
    let elsewhere = policy().replace("\"access\"", "\"other\"");
    let mut next = World::with(&elsewhere, keys(), [2; 32]);
    assert_eq!(next.engine.recall(next.now, std::slice::from_ref(&stored)), 1);
}

#[test]
fn without_a_store_nothing_waits() {
    let mut world = World::new(POLICY);
    let (_, answered) = registers(&mut world, 1, 600);
    assert_eq!(answered.len(), 1);
    assert!(world.store.is_empty());
}
