//! The network tells what becomes of a registration.

use std::time::Duration;

use sipveil::engine::Input;
use sipveil::engine::storing::Change;

use super::{CORE, UE, from_ue, one, policy_with, register, request};
use crate::world::{POLICY, Sent, World, contact_uri, respond};

fn policy() -> String {
    policy_with("reg_event = true")
}

/// Registers the UE and gives the messages that its 200 leads to: the SUBSCRIBE if there is one, and the 200.
fn registered(world: &mut World, number: u32) -> (Sent, Vec<Sent>) {
    let forwarded = from_ue(world, &register(number, ""));
    let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\nP-Associated-URI: <sip:ue@home1.example>\r\n");
    let mut sent = world.packet("core", CORE, &respond(&forwarded, "200 OK", "s", &rows));
    let ok = sent.iter().position(|sent| sent.to.to_string() == UE).unwrap();
    assert_eq!(sent.remove(ok).start(), "SIP/2.0 200 OK");
    (forwarded, sent)
}

fn subscribed(world: &mut World) -> Sent {
    let (_, sent) = registered(world, 1);
    let subscribe = one(sent);
    assert!(
        world
            .packet("core", CORE, &respond(&subscribe, "200 OK", "n", "Expires: 600000\r\n"))
            .is_empty()
    );
    subscribe
}

/// A NOTIFY of the subscription, number and version in one.
fn notify(subscribe: &Sent, number: u32, rows: &str, inside: &str) -> String {
    let body = match inside {
        "" => String::new(),
        _ => format!(
            "<?xml version=\"1.0\"?><reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{number}\" state=\"partial\">\
             {inside}</reginfo>"
        ),
    };
    let kind = match rows.contains("Content-Type") {
        true => "",
        false => "Content-Type: application/reginfo+xml\r\n",
    };
    format!(
        "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKn{number}\r\nMax-Forwards: 70\r\nFrom: {};tag=n\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: {number} NOTIFY\r\nEvent: reg\r\n{rows}{kind}Content-Length: {}\r\n\r\n{body}",
        contact_uri(subscribe.row("Contact").unwrap()),
        subscribe.row("To").unwrap(),
        subscribe.row("From").unwrap(),
        subscribe.row("Call-ID").unwrap(),
        body.len()
    )
}

const ACTIVE: &str = "Subscription-State: active;expires=600000\r\n";

/// What a registration is said to be, with the UE's contact.
fn registration(identity: &str, state: &str, contact: &str) -> String {
    format!(
        "<registration aor=\"{identity}\" id=\"r\" state=\"{state}\"><contact id=\"c\" {contact}><uri>sip:ue@{UE}</uri></contact>\
         </registration>"
    )
}

const OURS: &str = "sip:ue@home1.example";

#[track_caller]
fn told(world: &mut World, text: &str) -> String {
    one(world.packet("core", CORE, text)).start().to_owned()
}

//= PCSCF-012 type=test
#[test]
fn who_registered_is_asked_about() {
    let mut world = World::new(&policy());
    let (register, sent) = registered(&mut world, 1);
    let subscribe = one(sent);
    assert_eq!(subscribe.start(), "SUBSCRIBE sip:ue@home1.example SIP/2.0");
    assert_eq!(
        (subscribe.to.to_string().as_str(), subscribe.from_listener.as_str()),
        (CORE, "core")
    );
    assert_eq!(subscribe.row("To"), Some("<sip:ue@home1.example>"));
    assert!(subscribe.row("From").unwrap().starts_with("<sip:10.20.0.1:5060>;tag="));
    assert_eq!(
        (subscribe.row("Event"), subscribe.row("Accept")),
        (Some("reg"), Some("application/reginfo+xml"))
    );
    assert_eq!(subscribe.row("Expires"), Some("600000"));
    assert_eq!(subscribe.row("P-Asserted-Identity"), register.row("Path"));
    let contact = contact_uri(subscribe.row("Contact").unwrap());
    assert!(
        contact.contains("@10.20.0.1:5060") && !contact.contains("10.30"),
        "{contact}"
    );
    assert!(!subscribe.text().contains(UE));
    // Unanswered it is repeated, and given up.
    let again = world.pass(Duration::from_secs(40));
    assert!(
        again.iter().all(|(_, sent)| sent.bytes == subscribe.bytes) && again.len() > 5,
        "{again:#?}"
    );
    assert_eq!(world.engine.held().clients, 0);
}

//= PCSCF-012 type=test
#[test]
fn who_is_told_already_does_not_ask_again() {
    let mut world = World::new(&policy());
    let subscribe = subscribed(&mut world);
    let text = notify(
        &subscribe,
        1,
        ACTIVE,
        &registration(OURS, "active", "state=\"active\" event=\"registered\""),
    );
    assert_eq!(told(&mut world, &text), "SIP/2.0 200 OK");
    assert!(registered(&mut world, 2).1.is_empty());
    // The network ends it: the next REGISTER begins anew.
    let over = notify(&subscribe, 2, "Subscription-State: terminated;reason=timeout\r\n", "");
    assert_eq!(told(&mut world, &over), "SIP/2.0 200 OK");
    assert!(one(registered(&mut world, 3).1).start().starts_with("SUBSCRIBE"));
    // Where the policy does not ask, nobody is asked.
    let mut world = World::new(POLICY);
    assert!(registered(&mut world, 1).1.is_empty());
}

/// A subscription that lasts so many seconds, by way of a node that stays on it.
fn subscribed_for(world: &mut World, seconds: u32) -> Sent {
    let (_, sent) = registered(world, 1);
    let subscribe = one(sent);
    let rows = format!(
        "Expires: {seconds}\r\nRecord-Route: <sip:10.20.0.9;lr>, <sip:scscf@10.20.0.8;lr>\r\nContact: <sip:reg@10.20.0.8>\r\n"
    );
    let answer = respond(&subscribe, "200 OK", "n", &rows);
    assert!(world.packet("core", CORE, &answer).is_empty());
    subscribe
}

/// The requests of the next so many seconds, once each, with the second they left at.
fn asked_in(world: &mut World, seconds: u64) -> Vec<(u64, Sent)> {
    let mut sent = world.pass(Duration::from_secs(seconds));
    sent.dedup_by(|(_, one), (_, before)| one.bytes == before.bytes);
    sent.into_iter().map(|(at, sent)| (at.as_secs(), sent)).collect()
}

//= PCSCF-012 type=test
#[test]
fn a_subscription_is_renewed_in_its_dialog_before_its_end() {
    let mut world = World::new(&policy());
    let first = subscribed_for(&mut world, 1000);
    let [(at, again)] = &asked_in(&mut world, 501)[..] else {
        panic!("one of them");
    };
    assert_eq!((*at, again.start()), (500, "SUBSCRIBE sip:reg@10.20.0.8 SIP/2.0"));
    assert_eq!(again.to.to_string(), CORE);
    assert_eq!(again.rows("Route"), ["<sip:scscf@10.20.0.8;lr>", "<sip:10.20.0.9;lr>"]);
    assert_eq!(again.row("To"), Some("<sip:ue@home1.example>;tag=n"));
    assert_eq!(again.row("CSeq"), Some("2 SUBSCRIBE"));
    for same in ["From", "Call-ID", "Contact", "Event", "Expires", "P-Asserted-Identity"] {
        assert_eq!(again.row(same), first.row(same), "{same}");
    }
    // It goes on from its answer; a REGISTER meanwhile asks for nothing.
    let answer = respond(again, "200 OK", "n", "Expires: 200\r\n");
    assert!(world.packet("core", CORE, &answer).is_empty());
    assert!(registered(&mut world, 2).1.is_empty());
    let [(at, third)] = &asked_in(&mut world, 101)[..] else {
        panic!("one of them");
    };
    assert_eq!((*at, third.row("CSeq")), (100, Some("3 SUBSCRIBE")));
    // Gone in the network: it is begun anew.
    let sent = world.packet("core", CORE, &respond(third, "481 Gone", "n", ""));
    let anew = one(sent);
    assert_eq!(anew.start(), "SUBSCRIBE sip:ue@home1.example SIP/2.0");
    assert_eq!(
        (anew.row("To"), anew.row("CSeq"), anew.rows("Route").len()),
        (Some("<sip:ue@home1.example>"), Some("1 SUBSCRIBE"), 0)
    );
    assert_ne!(anew.row("Call-ID"), first.row("Call-ID"));
    // Its documents count from the beginning, those of the one before not at all.
    let over = registration(OURS, "terminated", "state=\"terminated\" event=\"deactivated\"");
    assert_eq!(told(&mut world, &notify(&anew, 0, ACTIVE, &over)), "SIP/2.0 200 OK");
    assert!(
        asked_in(&mut world, 2000)
            .iter()
            .all(|(_, sent)| sent.bytes == anew.bytes)
    );
}

//= PCSCF-012 type=test
#[test]
fn a_subscription_that_was_not_renewed_is_begun_anew_at_its_end() {
    for answer in ["500 Not Now", ""] {
        let mut world = World::new(&policy());
        let first = subscribed_for(&mut world, 1000);
        world.pass(Duration::from_secs(499));
        assert!(registered(&mut world, 2).1.is_empty());
        let (_, again) = asked_in(&mut world, 2).remove(0);
        if !answer.is_empty() {
            world.packet("core", CORE, &respond(&again, answer, "n", ""));
        }
        let later = asked_in(&mut world, 550);
        let anew = later
            .iter()
            .filter(|(_, sent)| sent.bytes != again.bytes)
            .collect::<Vec<_>>();
        let [(at, anew)] = anew[..] else { panic!("{later:#?}") };
        assert_eq!((*at, anew.row("CSeq")), (499, Some("1 SUBSCRIBE")), "{answer}");
        assert_ne!(anew.row("Call-ID"), first.row("Call-ID"));
    }
}

//= PCSCF-012 type=test
//= PCSCF-013 type=test
#[test]
fn who_was_given_up_asks_again_as_long_as_the_ue_is_there() {
    let over = "Subscription-State: terminated;reason=deactivated\r\n";
    let mut world = World::new(&policy());
    let subscribe = subscribed(&mut world);
    assert_eq!(told(&mut world, &notify(&subscribe, 1, over, "")), "SIP/2.0 200 OK");
    let [(at, anew)] = &asked_in(&mut world, 31)[..] else {
        panic!("one of them");
    };
    assert_eq!((*at, anew.row("CSeq")), (30, Some("1 SUBSCRIBE")));
    assert_ne!(anew.row("Call-ID"), subscribe.row("Call-ID"));
    // Without the UE there is nothing to be told of.
    let mut world = World::new(&policy());
    let subscribe = subscribed(&mut world);
    let body = registration(OURS, "terminated", "state=\"terminated\" event=\"deactivated\"");
    assert_eq!(told(&mut world, &notify(&subscribe, 1, over, &body)), "SIP/2.0 200 OK");
    assert!(asked_in(&mut world, 1000).is_empty());
    // Nor when its registration has run out.
    let mut world = World::new(&policy());
    subscribed_for(&mut world, 1400);
    assert!(asked_in(&mut world, 5000).is_empty());
}

//= PCSCF-013 type=test
#[test]
fn a_ue_that_the_network_gives_up_is_not_served() {
    for (registration_state, contact) in [
        ("terminated", "state=\"terminated\" event=\"deactivated\""),
        ("active", "state=\"terminated\" event=\"rejected\""),
    ] {
        let mut world = World::new(&policy());
        let subscribe = subscribed(&mut world);
        assert!(
            from_ue(&mut world, &request(UE, "INVITE", ""))
                .start()
                .starts_with("INVITE")
        );
        let text = notify(&subscribe, 1, ACTIVE, &registration(OURS, registration_state, contact));
        assert_eq!(told(&mut world, &text), "SIP/2.0 200 OK");
        assert_eq!(
            from_ue(&mut world, &request(UE, "INVITE", "X: y\r\n")).start(),
            "SIP/2.0 403 Forbidden"
        );
        // And nobody is there any more to be told of.
        let text = notify(
            &subscribe,
            2,
            ACTIVE,
            &registration(OURS, "active", "state=\"active\" event=\"created\""),
        );
        assert_eq!(told(&mut world, &text), "SIP/2.0 481 Subscription does not exist");
    }
}

//= PCSCF-013 type=test
#[test]
fn an_identity_is_added_and_time_is_taken() {
    let mut world = World::new(&policy());
    let subscribe = subscribed(&mut world);
    let preferred = "P-Preferred-Identity: <sip:work@home1.example>\r\n";
    let asserted = |world: &mut World, number: usize| {
        let sent = from_ue(
            world,
            &request(UE, "MESSAGE", &format!("{preferred}X: {}\r\n", "y".repeat(number))),
        );
        sent.row("P-Asserted-Identity")
            .unwrap_or_else(|| panic!("{}", sent.text()))
            .to_owned()
    };
    assert_eq!(asserted(&mut world, 1), "<sip:ue@home1.example>");
    let added = registration("sip:work@home1.example", "active", "state=\"active\" event=\"created\"");
    assert_eq!(
        told(&mut world, &notify(&subscribe, 3, ACTIVE, &added)),
        "SIP/2.0 200 OK"
    );
    assert_eq!(asserted(&mut world, 2), "<sip:work@home1.example>");
    // What is older changes nothing.
    let gone = registration(
        "sip:work@home1.example",
        "terminated",
        "state=\"terminated\" event=\"expired\"",
    );
    assert_eq!(
        told(&mut world, &notify(&subscribe, 2, ACTIVE, &gone)),
        "SIP/2.0 200 OK"
    );
    assert_eq!(asserted(&mut world, 3), "<sip:work@home1.example>");
    let shortened = registration(OURS, "active", "state=\"active\" event=\"shortened\" expires=\"60\"");
    assert_eq!(
        told(&mut world, &notify(&subscribe, 4, ACTIVE, &shortened)),
        "SIP/2.0 200 OK"
    );
    world.pass(Duration::from_secs(50));
    assert_eq!(asserted(&mut world, 4), "<sip:work@home1.example>");
    world.pass(Duration::from_secs(20));
    assert_eq!(
        from_ue(&mut world, &request(UE, "INVITE", "")).start(),
        "SIP/2.0 403 Forbidden"
    );
}

//= PCSCF-013 type=test
#[test]
fn what_is_not_of_the_subscription_or_no_document_changes_nothing() {
    let mut world = World::new(&policy());
    let subscribe = subscribed(&mut world);
    let over = registration(OURS, "terminated", "state=\"terminated\" event=\"deactivated\"");
    let good = |number| notify(&subscribe, number, ACTIVE, &over);
    let missing = "SIP/2.0 481 Subscription does not exist";
    let tag = subscribe.row("From").unwrap().split(";tag=").nth(1).unwrap();
    for (text, answer) in [
        (good(1).replace(tag, "another"), missing),
        (good(2).replace("Call-ID: ", "Call-ID: x"), missing),
        (good(3).replace("Event: reg", "Event: presence"), missing),
        (
            notify(&subscribe, 4, "Content-Type: application/pidf+xml\r\n", &over),
            "SIP/2.0 415 Unsupported Media Type",
        ),
        (
            notify(&subscribe, 5, "Content-Encoding: gzip\r\n", &over),
            "SIP/2.0 415 Unsupported Media Type",
        ),
        (
            good(6).replace("<?xml version=\"1.0\"?>", "<!DOCTYPE rrrrrrrrrrr>"),
            "SIP/2.0 400 Bad Document",
        ),
        (good(7).replace("</reginfo>", "</reginfx>"), "SIP/2.0 400 Bad Document"),
    ] {
        assert_eq!(told(&mut world, &text), answer, "{text}");
    }
    // Who is not of T is told that this is nothing of its own.
    let text = good(8).replace(&format!("UDP {CORE}"), "UDP 192.0.2.9:5060");
    let refused = one(world.packet("net", "192.0.2.9:5060", &text));
    assert_eq!(refused.start(), "SIP/2.0 403 Forbidden");
    // Another run of the process knows neither.
    let mut restarted = World::with(&policy(), crate::world::keys_of_instance(8), [2; 32]);
    registered(&mut restarted, 1);
    assert_eq!(told(&mut restarted, &good(9)), missing);
    assert!(
        from_ue(&mut world, &request(UE, "INVITE", ""))
            .start()
            .starts_with("INVITE")
    );
}

/// What the network takes, no later run has.
//= PCSCF-013 type=test
//= PCSCF-033 type=test
#[test]
fn what_is_kept_of_a_registration_follows_what_is_told() {
    let mut world = World::new(&(policy() + "\n[store]\nurl = \"file:never-opened.redb\"\n"));
    let forwarded = from_ue(&mut world, &register(1, ""));
    let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\nP-Associated-URI: <sip:ue@home1.example>\r\n");
    let subscribe = one(world.packet("core", CORE, &respond(&forwarded, "200 OK", "s", &rows)));
    let (id, kept) = world.store.remove(0);
    let Change::Put(kept) = kept else { panic!("{kept:?}") };
    assert_eq!(one(world.input(Input::Stored { id, is_kept: true })).to.to_string(), UE);
    let shorter = registration(OURS, "active", "state=\"active\" event=\"shortened\" expires=\"60\"");
    let text = notify(&subscribe, 1, ACTIVE, &shorter);
    assert_eq!(told(&mut world, &text), "SIP/2.0 200 OK");
    let (id, change) = world.store.remove(0);
    let Change::Put(shortened) = change else {
        panic!("{change:?}")
    };
    assert_eq!(
        (shortened.record, shortened.expires_at),
        (kept.record, kept.expires_at - 540)
    );
    assert!(world.input(Input::Stored { id, is_kept: true }).is_empty());
    let over = registration(OURS, "terminated", "state=\"terminated\" event=\"deactivated\"");
    let text = notify(&subscribe, 2, ACTIVE, &over);
    assert_eq!(told(&mut world, &text), "SIP/2.0 200 OK");
    assert_eq!(world.store.remove(0).1, Change::Remove(kept.record));
}
