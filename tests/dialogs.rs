//! Whole dialogs: what a party asked for when it entered holds for every message until the end, in both directions.

use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Input;
use sipveil::seal::Keys;

use crate::dialog::{AL_CONTACT, BOB_CONTACT, Call, End, INNER, PLACES, opening};
use crate::legs::{
    ALLY, ANONYMOUS, CORE, FROM, NET, PAI, UE, pass, policy, policy_with_id_handling, policy_with_privacy,
    tells_none_of, tells_nothing, world_of,
};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

/// Every kind of request of PRIV-130 that a party sends within a dialog.
const WITHIN: &[&str] = &[
    "PRACK",
    "UPDATE",
    "INVITE",
    "INFO",
    "MESSAGE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "FOO",
    "ACK",
    "BYE",
];

fn has_pai(sent: &Sent) -> bool {
    !sent.rows("P-Asserted-Identity").is_empty()
}

/// Rows of the caller that ask for nothing any more, but tell.
fn telling(privacy: &str) -> String {
    format!("{privacy}{PAI}")
}

//= PRIV-130 type=test
//= TRAP-04 type=test
#[test]
fn what_the_caller_asked_holds_for_every_message() {
    let mut call = Call::by_al(World::new(POLICY), &telling("Privacy: id\r\n"), "");
    assert!(!has_pai(&call.invite));
    for (number, method) in WITHIN.iter().enumerate() {
        let sent = call.al_sends(method, number as u32 + 2, PAI);
        assert!(!has_pai(&sent), "{method}");
        // And in Al's answers to Bob.
        if *method != "ACK" {
            let asked = call.bob_sends(method, number as u32 + 2, "");
            let provisional = (*method == "INVITE").then_some("183 Progress");
            for status in provisional.into_iter().chain(["200 OK"]) {
                let answer = call.al_answers(&asked, status, PAI);
                assert!(!has_pai(&answer), "{status} to {method}");
            }
        }
    }
}

//= PRIV-130 type=test
//= PRIV-082 type=test
#[test]
fn a_caller_with_privacy_user_stays_unknown_in_every_message() {
    let asked = telling(&format!("Privacy: user\r\n{INNER}"));
    let mut call = Call::by_al(World::new(POLICY), &asked, "");
    let telling = format!("{PAI}Subject: al-secret\r\nUser-Agent: al-secret\r\nOrganization: al-secret\r\n");
    for (number, method) in WITHIN.iter().enumerate() {
        let sent = call.al_sends(method, number as u32 + 2, &telling);
        tells_nothing(&sent);
        assert_eq!(sent.row("From"), Some(ANONYMOUS), "{method}");
        assert_eq!(sent.row("Call-ID"), Some("call-1"));
        if *method != "ACK" {
            let back = call.bob_answers(&sent, "200 OK", "");
            assert_eq!(back.row("From"), Some(FROM), "{method}");
            let asked = call.bob_sends(method, number as u32 + 2, "");
            assert_eq!(asked.row("To"), Some(FROM), "{method}");
            let rows = format!("{PAI}Contact: {AL_CONTACT}\r\nServer: al-secret\r\nReply-To: <sip:al-secret@x>\r\n");
            let answer = call.al_answers(&asked, "200 OK", &rows);
            tells_none_of(&answer, PLACES);
            assert_eq!(answer.row("To"), Some(ANONYMOUS), "{method}");
        }
    }
}

//= PRIV-130 type=test
//= PRIV-024 type=test
#[test]
fn what_the_called_party_asked_holds_for_every_message() {
    let mut call = Call::by_bob(
        World::new(POLICY),
        "",
        &telling("Privacy: user\r\nServer: al-secret\r\n"),
    );
    tells_none_of(&call.ok, PLACES);
    for (number, method) in WITHIN.iter().filter(|method| **method != "ACK").enumerate() {
        let asked = call.bob_sends(method, number as u32 + 2, "");
        assert!(asked.start().contains(" sip:al-secret@10.20.0.9 "), "{}", asked.start());
        let answer = call.al_answers(&asked, "200 OK", &telling(&format!("Contact: {AL_CONTACT}\r\n")));
        tells_none_of(&answer, PLACES);
        let sent = call.al_sends(method, number as u32 + 2, PAI);
        tells_nothing(&sent);
        assert_eq!(sent.row("From"), Some(ANONYMOUS), "{method}");
    }
}

//= PRIV-130 type=test
#[test]
fn without_memory_each_message_speaks_for_itself() {
    let policy = policy("rfc", "keep", "keep");
    let mut call = Call::by_al(World::new(&policy), &telling("Privacy: id\r\n"), "");
    assert!(!has_pai(&call.invite));
    assert!(has_pai(&call.al_sends("INFO", 2, PAI)));
    assert!(!has_pai(&call.al_sends("INFO", 3, &telling("Privacy: id\r\n"))));
}

//= PRIV-131 type=test
#[test]
fn nothing_later_lifts_what_was_asked() {
    let mut call = Call::by_al(World::new(POLICY), &telling("Privacy: id\r\n"), "");
    for (number, privacy) in [
        "Privacy: none\r\n",
        "Privacy: history\r\n",
        "Privacy: off\r\n",
        "Privacy: \r\n",
    ]
    .iter()
    .enumerate()
    {
        let sent = call.al_sends("INVITE", 2 + number as u32, &telling(privacy));
        assert!(!has_pai(&sent), "{privacy}");
    }
    let honours = policy_with_privacy("dialog_downgrade = \"honour\"");
    let mut call = Call::by_al(World::new(&honours), &telling("Privacy: id\r\n"), "");
    assert!(has_pai(&call.al_sends("INFO", 2, &telling("Privacy: none\r\n"))));
    assert!(!has_pai(&call.al_sends("INFO", 3, PAI)));
}

//= PRIV-131 type=test
#[test]
fn a_wider_wish_counts_for_its_message() {
    let mut call = Call::by_al(World::new(POLICY), &telling("Privacy: none\r\n"), "");
    assert!(has_pai(&call.invite));
    assert!(!has_pai(&call.al_sends("UPDATE", 2, &telling("Privacy: id\r\n"))));
    let sent = call.al_sends("UPDATE", 3, &telling("Privacy: user\r\n"));
    assert_eq!(sent.row("From"), Some(ANONYMOUS));
    let back = call.bob_answers(&sent, "200 OK", "");
    assert_eq!(back.row("From"), Some(FROM));
}

//= PRIV-020 type=test
//= TRAP-11 type=test
#[test]
fn each_party_asks_for_itself_alone() {
    let mut call = Call::by_al(World::new(POLICY), &telling("Privacy: id\r\n"), "");
    let asked = call.bob_sends("INFO", 2, "");
    let answer = call.al_answers(&asked, "200 OK", "");
    assert!(answer.rows("Privacy").is_empty());
    // The other way: Bob asked, and Al, who did not, is shown.
    let mut call = Call::by_bob(World::new(POLICY), "Privacy: user;id\r\n", PAI);
    assert!(has_pai(&call.ok));
    assert!(has_pai(&call.al_sends("INFO", 2, PAI)));
    let asked = call.bob_sends("INFO", 2, "");
    assert!(has_pai(&call.al_answers(&asked, "200 OK", PAI)));
}

//= PRIV-133 type=test
//= PRIV-083 type=test
#[test]
fn towards_the_hidden_party_everything_is_as_it_made_it() {
    let mut call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
    assert_eq!(call.ok.row("From"), Some(FROM));
    for method in ["BYE", "INVITE", "NOTIFY", "FOO"] {
        let asked = call.bob_sends(method, 5, "");
        assert!(
            asked.start().starts_with(&format!("{method} sip:al-secret@10.20.0.9 ")),
            "{}",
            asked.start()
        );
        assert_eq!(asked.row("To"), Some(FROM));
        assert!(asked.rows("Route").is_empty());
        let answer = call.al_answers(&asked, "200 OK", "");
        assert_eq!(answer.row("To"), Some(ANONYMOUS));
        assert_eq!(answer.rows("Via").len(), 1);
    }
}

//= PRIV-133 type=test
//= MSG-016 type=test
#[test]
fn answers_of_our_own_show_each_side_what_it_said() {
    let mut call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
    // The 100 of a re-INVITE, and a refusal.
    let text = call.bob.request("INVITE", 5, "");
    let sent = call.world.packet(NET.listener, NET.address, &text);
    let trying = sent.iter().find(|sent| sent.start() == "SIP/2.0 100 Trying").unwrap();
    assert_eq!(trying.row("To"), Some(ANONYMOUS));
    tells_nothing(trying);
    let text = call
        .bob
        .request("OPTIONS", 6, "")
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    let sent = call.world.packet(NET.listener, NET.address, &text);
    assert!(sent[0].start().starts_with("SIP/2.0 483"), "{}", sent[0].text());
    tells_nothing(&sent[0]);
    // Nobody answers: the failure shows Al what Al said, and Bob what Bob said.
    let text = call.bob.request("INVITE", 7, "");
    call.world.packet(NET.listener, NET.address, &text);
    for (_, sent) in call.world.pass(Duration::from_secs(40)) {
        if sent.to.to_string() == NET.address {
            tells_nothing(&sent);
        }
    }
    let text = call.al.request("INVITE", 8, "");
    call.world.packet(CORE.listener, CORE.address, &text);
    let sent = call.world.pass(Duration::from_secs(40));
    let timeout = sent
        .iter()
        .find(|(_, sent)| sent.start() == "SIP/2.0 408 Request Timeout" && sent.to.to_string() == CORE.address);
    assert_eq!(timeout.unwrap().1.row("From"), Some(FROM));
}

//= PRIV-084 type=test
//= PRIV-085 type=test
#[test]
fn a_ue_sees_no_route_of_a_caller_with_privacy_user() {
    let mut world = World::new(POLICY);
    let rows = "Privacy: user\r\nVia: SIP/2.0/UDP hop-secret.example;branch=z9hG4bK2, SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK1\r\n\
                Record-Route: <sip:p2-secret.example;lr>, <sip:p1-secret.example;lr>\r\n";
    let text = opening(CORE, UE, "INVITE", FROM, AL_CONTACT, rows);
    let invite = pass(&mut world, CORE, UE, &text);
    assert_eq!(invite.rows("Via").len(), 1);
    assert!(
        invite
            .rows("Record-Route")
            .iter()
            .all(|row| row.contains("@10.30.0.1:5060") || row.contains(":10.20.0.1:5060")),
        "{}",
        invite.text()
    );
    tells_none_of(&invite, &["secret", "10.99.0.7", "10.20.0.9"]);
    for status in ["180 Ringing", "200 OK"] {
        let back = pass(
            &mut world,
            UE,
            CORE,
            &respond(&invite, status, "b", &format!("Contact: {BOB_CONTACT}\r\n")),
        );
        assert_eq!(
            back.rows("Via"),
            [
                "SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKopen",
                "SIP/2.0/UDP hop-secret.example;branch=z9hG4bK2, SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK1"
            ],
            "{}",
            back.text()
        );
        let recorded: Vec<String> = back
            .rows("Record-Route")
            .iter()
            .flat_map(|row| row.split(", "))
            .map(str::to_owned)
            .collect();
        let count = recorded.len();
        assert_eq!(
            &recorded[count - 2..],
            ["<sip:p2-secret.example;lr>", "<sip:p1-secret.example;lr>"]
        );
        assert!(recorded[..count - 2].iter().all(|value| !value.contains("secret")));
    }
    // Later requests of the caller hide them too, and carry no Record-Route beside ours.
    let stranger = pass(
        &mut World::new(POLICY),
        CORE,
        NET,
        &opening(CORE, NET, "INVITE", FROM, AL_CONTACT, rows),
    );
    assert_eq!(stranger.rows("Via").len(), 3, "only towards a UE");
    let rfc = policy("rfc", "keep", "keep");
    let shown = pass(&mut World::new(&rfc), CORE, UE, &text);
    assert_eq!(shown.rows("Via").len(), 3, "only with hide_routing_to_ue");
}

//= PRIV-085 type=test
//= PRIV-031 type=test
#[test]
fn id_alone_hides_no_route() {
    let rows = "Privacy: id\r\nVia: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK1\r\nRecord-Route: <sip:p1.example;lr>\r\n";
    let invite = pass(
        &mut World::new(POLICY),
        CORE,
        UE,
        &opening(CORE, UE, "INVITE", FROM, AL_CONTACT, rows),
    );
    assert_eq!(invite.rows("Via").len(), 3);
    assert_eq!(invite.rows("Record-Route").last(), Some(&"<sip:p1.example;lr>"));
    assert_eq!(
        (invite.row("From"), invite.row("Contact")),
        (Some(FROM), Some(AL_CONTACT))
    );
}

//= PRIV-033 type=test
//= PRIV-083 type=test
//= PRIV-085 type=test
//= PRIV-133 type=test
#[test]
fn header_hides_the_way_through_the_whole_dialog_and_requests_find_it_back() {
    let policy = policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\", \"header\"]");
    let way = &["10.99.0.7", "10.20.0.9"];
    let asked = format!("Privacy: header;critical\r\nVia: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK1\r\n{INNER}");
    let mut call = Call::by_al(World::new(&policy), &asked, "");
    tells_none_of(&call.invite, way);
    assert_eq!(call.invite.row("From"), Some(FROM));
    assert_eq!(call.invite.rows("Privacy"), Vec::<&str>::new());
    assert_eq!(call.ok.rows("Via").len(), 2);
    let recorded = call.ok.rows("Record-Route").join(", ");
    assert!(recorded.ends_with(", <sip:10.20.0.9;lr>"), "{recorded}");
    for (number, method) in ["ACK", "INVITE", "INFO", "BYE"].into_iter().enumerate() {
        let rows = "Via: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK2\r\n";
        tells_none_of(&call.al_sends(method, number as u32 + 2, rows), way);
    }
    for (number, method) in ["INVITE", "BYE"].into_iter().enumerate() {
        let sent = call.bob_sends(method, number as u32 + 1, "");
        assert!(sent.start().contains("sip:al-secret@10.20.0.9"), "{}", sent.text());
        assert_eq!(sent.rows("Route"), ["<sip:10.20.0.9;lr>"]);
    }
}

/// Who answers and asks for `header` is not told that it was given when the nodes before it are shown.
//= PRIV-085 type=test
#[test]
fn header_stays_in_a_response_that_shows_the_way_to_who_answers() {
    let policy = policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\", \"header\"]");
    for (more, privacy) in [("", None), ("<sip:10.20.0.8;lr>, ", Some("header"))] {
        let mut world = World::new(&policy);
        let text = opening(NET, CORE, "INVITE", FROM, BOB_CONTACT, "");
        let invite = pass(&mut world, NET, CORE, &text);
        let ours = invite.rows("Record-Route")[0];
        let answer = respond(
            &invite,
            "200 OK",
            "b",
            &format!("Contact: {AL_CONTACT}\r\nPrivacy: header\r\n"),
        );
        let answer = answer.replace(ours, &format!("{more}{ours}"));
        let ok = pass(&mut world, CORE, NET, &answer);
        assert!(ok.rows("Record-Route").join(", ").starts_with(more), "{}", ok.text());
        assert_eq!(ok.row("Privacy"), privacy, "{}", ok.text());
    }
}

/// A hidden Contact that was none: nothing is made of it.
//= PRIV-083 type=test
#[test]
fn a_hidden_contact_that_is_no_uri_leads_nowhere() {
    for contact in ["<sip:al-secret@10.20.0 x", "sip:al-secret@x\r\n y", "\"al-secret"] {
        let mut world = World::new(POLICY);
        let text = opening(CORE, NET, "INVITE", FROM, contact, "Privacy: user\r\n");
        let invite = pass(&mut world, CORE, NET, &text);
        tells_nothing(&invite);
        let target = contact_uri(invite.row("Contact").unwrap());
        let bye = format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\n\
             To: {}\r\nCall-ID: call-1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            NET.address,
            routes(&invite.rows("Record-Route"), false),
            invite.row("To").unwrap(),
            invite.row("From").unwrap()
        );
        let sent = world.packet(NET.listener, NET.address, &bye);
        let starts: Vec<&str> = sent.iter().map(Sent::start).collect();
        assert_eq!(starts, ["SIP/2.0 404 Not Found"], "{contact}");
    }
}

//= PRIV-134 type=test
//= TRAP-14 type=test
#[test]
fn cancel_and_the_ack_of_a_failure_are_made_of_what_was_sent() {
    let mut world = World::new(POLICY);
    let text = opening(CORE, NET, "INVITE", FROM, AL_CONTACT, &telling("Privacy: user;id\r\n"));
    let invite = pass(&mut world, CORE, NET, &text);
    world.packet(NET.listener, NET.address, &respond(&invite, "180 Ringing", "b", ""));
    let cancel = text
        .replace("INVITE sip", "CANCEL sip")
        .replace("1 INVITE", "1 CANCEL")
        .replace(
            &format!("Contact: {AL_CONTACT}\r\n"),
            "Reason: SIP;cause=200;text=\"al-secret\"\r\n",
        );
    let cancel = pass(&mut world, CORE, NET, &cancel);
    assert!(cancel.start().starts_with("CANCEL "), "{}", cancel.text());
    tells_nothing(&cancel);
    assert_eq!(cancel.row("From"), Some(ANONYMOUS));
    assert_eq!(cancel.row("Via"), invite.row("Via"));
    let sent = world.packet(
        NET.listener,
        NET.address,
        &respond(&invite, "487 Request Terminated", "b", ""),
    );
    let ack = sent.iter().find(|sent| sent.start().starts_with("ACK ")).unwrap();
    tells_nothing(ack);
    assert_eq!((ack.row("From"), ack.row("Via")), (Some(ANONYMOUS), invite.row("Via")));
    assert!(ack.row("To").unwrap().ends_with(";tag=b"));
    let end = sent
        .iter()
        .find(|sent| sent.start() == "SIP/2.0 487 Request Terminated")
        .unwrap();
    assert_eq!(end.row("From"), Some(FROM));
}

//= SEC-002 type=test
#[test]
fn under_new_keys_a_dialog_goes_on_as_long_as_the_old_one_is_held() {
    let generations = |ids: &[u8]| {
        let secrets: Vec<_> = ids.iter().map(|id| (*id, [*id; 32])).collect();
        Arc::new(Keys::new(&secrets, "T-home1", 7).unwrap())
    };
    let world = World::with(POLICY, generations(&[1]), [9; 32]);
    let mut call = Call::by_al(world, "Privacy: user\r\n", "");
    call.world.input(Input::Keys(generations(&[2, 1])));
    assert_eq!(call.bob_sends("INFO", 2, "").row("To"), Some(FROM));
    tells_nothing(&call.al_sends("INVITE", 2, PAI));
    call.world.input(Input::Keys(generations(&[2])));
    let text = call.bob.request("BYE", 3, "");
    let sent = call.world.packet(NET.listener, NET.address, &text);
    assert!(sent[0].start().starts_with("SIP/2.0 4"), "{}", sent[0].text());
}

//= PRIV-135 type=test
#[test]
fn another_process_with_the_same_keys_carries_on() {
    for method in ["BYE", "INVITE"] {
        let call = Call::by_al(World::new(POLICY), &telling("Privacy: user\r\n"), "");
        let mut call = call.in_another_process();
        let sent = call.al_sends(method, 2, PAI);
        tells_nothing(&sent);
        assert_eq!(sent.row("From"), Some(ANONYMOUS));
        let asked = call.bob_sends(method, 2, "");
        assert_eq!(asked.row("To"), Some(FROM));
        assert!(asked.start().contains(" sip:al-secret@10.20.0.9 "), "{}", asked.start());
        tells_none_of(
            &call.al_answers(&asked, "200 OK", &telling(&format!("Contact: {AL_CONTACT}\r\n"))),
            PLACES,
        );
    }
}

//= PRIV-135 type=test
#[test]
fn what_the_called_party_asked_outlives_the_process_too() {
    for (answer, privacy_known) in [("Privacy: user\r\n", true), ("", false)] {
        let call = Call::by_bob(World::new(POLICY), "", &telling(answer));
        let mut call = call.in_another_process();
        // Bob's route set was made after Al asked.
        let asked = call.bob_sends("INVITE", 2, "");
        let answer = call.al_answers(&asked, "200 OK", PAI);
        assert!(!privacy_known || !has_pai(&answer));
        // Al's was not: what is not known counts as user and id.
        for method in ["INVITE", "BYE"] {
            let sent = call.al_sends(method, 2, &telling(""));
            assert!(!has_pai(&sent), "{}", sent.text());
            tells_none_of(&sent, &["Al Secret", "15550001", "al-secret"]);
            // Bob finds Al all the same, and Al sees what Al sent.
            if method == "INVITE" {
                let answer = call.bob_answers(&sent, "200 OK", &format!("Contact: {BOB_CONTACT}\r\n"));
                assert_eq!(answer.row("From"), Some(&*call.al.local));
                call.bob.target = contact_uri(sent.row("Contact").unwrap()).to_owned();
                let asked = call.bob_sends("UPDATE", 3, "");
                assert!(asked.start().contains(" sip:al-secret@10.20.0.9 "), "{}", asked.start());
            }
        }
    }
}

//= PRIV-136 type=test
#[test]
fn a_notify_that_overtakes_the_200_is_restored() {
    let mut world = World::new(POLICY);
    let text = opening(
        CORE,
        NET,
        "SUBSCRIBE",
        FROM,
        AL_CONTACT,
        "Privacy: user\r\nEvent: presence\r\n",
    );
    let subscribe = pass(&mut world, CORE, NET, &text);
    assert_eq!(subscribe.row("From"), Some(ANONYMOUS));
    let bob = End {
        party: NET,
        local: format!("{};tag=b", subscribe.row("To").unwrap()),
        remote: subscribe.row("From").unwrap().to_owned(),
        target: contact_uri(subscribe.row("Contact").unwrap()).to_owned(),
        routes: routes(&subscribe.rows("Record-Route"), false),
        contact: BOB_CONTACT.to_owned(),
    };
    let notify = pass(&mut world, NET, CORE, &bob.request("NOTIFY", 1, ""));
    assert_eq!(notify.row("To"), Some(FROM));
    assert!(notify.start().starts_with("NOTIFY sip:al-secret@10.20.0.9 "));
    assert!(!notify.rows("Record-Route").is_empty(), "as the SUBSCRIBE had one");
}

//= PRIV-136 type=test
#[test]
fn what_stands_alone_gets_no_route_back() {
    for method in ["MESSAGE", "OPTIONS", "PUBLISH"] {
        let mut world = World::new(POLICY);
        let sent = pass(
            &mut world,
            CORE,
            NET,
            &opening(CORE, NET, method, FROM, AL_CONTACT, "Privacy: user\r\n"),
        );
        assert!(sent.rows("Record-Route").is_empty(), "{method}");
        let back = pass(&mut world, NET, CORE, &respond(&sent, "200 OK", "b", ""));
        assert_eq!(back.row("From"), Some(FROM));
    }
    for method in ["INVITE", "SUBSCRIBE", "REFER", "FOO"] {
        let sent = pass(
            &mut World::new(POLICY),
            CORE,
            NET,
            &opening(CORE, NET, method, FROM, AL_CONTACT, "Privacy: user\r\n"),
        );
        assert!(!sent.rows("Record-Route").is_empty(), "{method}");
    }
}

/// Who entered a dialog without a word and says `none` later says it of that message.
//= PRIV-130 type=test
//= PRIV-131 type=test
#[test]
fn a_later_none_of_who_answered_in_silence_lifts_nothing_from_then_on() {
    let mut call = Call::by_bob(World::new(&policy("ims", "remove", "remove")), "", PAI);
    assert!(!has_pai(&call.ok));
    let again = call.bob_sends("INVITE", 2, "");
    let rows = format!("{PAI}Privacy: none\r\nContact: {AL_CONTACT}\r\n");
    assert!(has_pai(&call.al_answers(&again, "200 OK", &rows)));
    assert!(!has_pai(&call.al_sends("INFO", 2, PAI)));
    let asked = call.bob_sends("INFO", 3, "");
    assert!(!has_pai(&call.al_answers(&asked, "200 OK", PAI)));
}

//= PRIV-138 type=test
#[test]
fn of_forked_answers_each_asks_for_itself() {
    let mut world = World::new(POLICY);
    let from = "<sip:bob@net.example>;tag=b";
    let invite = pass(
        &mut world,
        NET,
        CORE,
        &opening(NET, CORE, "INVITE", from, BOB_CONTACT, ""),
    );
    let hidden = pass(
        &mut world,
        CORE,
        NET,
        &respond(&invite, "183 Progress", "x", &telling("Privacy: id\r\n")),
    );
    let shown = pass(&mut world, CORE, NET, &respond(&invite, "183 Progress", "y", PAI));
    let again = pass(
        &mut world,
        CORE,
        NET,
        &respond(&invite, "180 Ringing", "x", &telling("Privacy: id\r\n")),
    );
    assert!(!has_pai(&hidden) && has_pai(&shown) && !has_pai(&again));
    for sent in [hidden, shown, again] {
        assert_eq!(sent.row("From"), Some(from));
    }
}

//= PRIV-130 type=test
#[test]
fn a_called_party_that_asked_in_a_183_is_hidden_in_its_200() {
    let mut world = World::new(POLICY);
    let from = "<sip:bob@net.example>;tag=b";
    let invite = pass(
        &mut world,
        NET,
        CORE,
        &opening(NET, CORE, "INVITE", from, BOB_CONTACT, ""),
    );
    let first = pass(
        &mut world,
        CORE,
        NET,
        &respond(&invite, "183 Progress", "x", &telling("Privacy: id\r\n")),
    );
    assert!(!has_pai(&first));
    let other = pass(&mut world, CORE, NET, &respond(&invite, "183 Progress", "y", PAI));
    assert!(has_pai(&other), "another branch asked for nothing");
    let ok = pass(&mut world, CORE, NET, &respond(&invite, "200 OK", "x", PAI));
    assert!(!has_pai(&ok), "{}", ok.text());
}

//= PRIV-139 type=test
#[test]
fn a_dialog_made_by_transfer_starts_anew() {
    let call = Call::by_al(World::new(POLICY), &telling("Privacy: user;id\r\n"), "");
    let mut world = call.world;
    let text = opening(
        CORE,
        NET,
        "INVITE",
        FROM,
        AL_CONTACT,
        &telling("Replaces: call-1;to-tag=b;from-tag=7\r\n"),
    );
    let text = text
        .replace("Call-ID: call-1", "Call-ID: call-2")
        .replace("z9hG4bKopen", "z9hG4bKother")
        .replace("tag=7\r\nTo", "tag=70\r\nTo");
    let sent = pass(&mut world, CORE, NET, &text);
    assert!(has_pai(&sent));
    assert!(sent.row("From").unwrap().starts_with("\"Al Secret\""));
    assert_eq!(sent.row("Replaces"), Some("call-1;to-tag=b;from-tag=7"));
}

/// An ACK has no answer: one that is not sent on leaves a call half open.
//= PRIV-065 type=test
//= PRIV-011 type=test
#[test]
fn an_ack_with_an_unreadable_privacy_header_arrives() {
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"\nconflict_none = \"reject-400\"");
    for value in ["\"x\";user", "none;user"] {
        let mut call = Call::by_al(World::new(&strict), "", "");
        let ack = call.al_sends("ACK", 1, &telling(&format!("Privacy: {value}\r\n")));
        assert_eq!((ack.row("From"), ack.row("Privacy")), (Some(ANONYMOUS), Some(value)));
        assert!(!has_pai(&ack));
    }
}

/// What the network agreed to is no word of the caller, which could take its wish back where the policy honours that.
//= PRIV-131 type=test
//= LI-010 type=test
#[test]
fn an_agreement_takes_no_wish_back() {
    let honours = policy_with_privacy("dialog_downgrade = \"honour\"");
    let agreement =
        "[[privacy.on_behalf]]\nidentity = \"sip:+15550001@home1.example\"\nvalues = [\"history\"]\n[[peer]]";
    let policy = honours.replacen("[[peer]]", agreement, 1);
    let mut call = Call::by_al(World::new(&policy), "Privacy: user\r\n", "");
    let sent = call.al_sends("UPDATE", 2, PAI);
    assert_eq!(sent.row("From"), Some(ANONYMOUS), "{}", sent.text());
    let taken_back = call.al_sends("INFO", 3, "Privacy: none\r\n");
    assert_eq!(taken_back.row("From"), Some(FROM));
    // Nor where it is written into the request of a UE.
    let agreement = agreement.replace("+15550001@", "ue@");
    let policy = honours.replacen("[[peer]]", &agreement, 1);
    let mut world = world_of(&policy, &[UE]);
    let contact = "<sip:al-secret@10.30.0.9>";
    let text = opening(UE, NET, "INVITE", FROM, contact, "Privacy: user\r\n");
    let invite = pass(&mut world, UE, NET, &text);
    let ok = respond(&invite, "200 OK", "b", "Contact: <sip:bob@192.0.2.9>\r\n");
    let ok = pass(&mut world, NET, UE, &ok);
    let update = opening(
        UE,
        NET,
        "UPDATE",
        FROM,
        contact,
        &routes(&ok.rows("Record-Route"), true),
    )
    .replacen("sip:bob@net.example", "sip:bob@192.0.2.9", 1)
    .replace("To: <sip:bob@net.example>", "To: <sip:bob@net.example>;tag=b")
    .replace("z9hG4bKopen", "z9hG4bKupdate");
    let sent = pass(&mut world, UE, NET, &update);
    assert_eq!(sent.row("From"), Some(ANONYMOUS), "{}", sent.text());
}

//= PRIV-140 type=test
#[test]
fn a_peer_that_matches_whole_froms_gets_them() {
    let policy = POLICY.replacen(
        "[[peer]]",
        "[[peer]]\nname = \"old\"\nprefixes = [\"192.0.2.9/32\"]\nanonymise_from_for_legacy = false\n[[peer]]",
        1,
    );
    let mut call = Call::by_al(World::new(&policy), &telling("Privacy: user\r\nSubject: s\r\n"), "");
    assert_eq!(call.invite.row("From"), Some(FROM));
    assert_eq!(call.invite.row("Privacy"), Some("user"), "not given in full");
    assert!(!has_pai(&call.invite) && call.invite.rows("Subject").is_empty());
    assert_eq!(call.bob_sends("BYE", 2, "").row("To"), Some(FROM));
    let text = opening(CORE, NET, "INVITE", FROM, AL_CONTACT, "Privacy: user;critical\r\n");
    let sent = World::new(&policy).packet(CORE.listener, CORE.address, &text);
    assert_eq!(sent[0].start(), "SIP/2.0 500 Privacy Service Failure: user");
    // Nor is it rewritten because of `id`, where the policy has that.
    let by_id = policy.replacen("[[peer]]", "[privacy]\nid_anonymises_from = true\n[[peer]]", 1);
    let call = Call::by_al(World::new(&by_id), &telling("Privacy: id\r\n"), "");
    assert_eq!(call.invite.row("From"), Some(FROM));
}

//= PRIV-080 type=test
//= PRIV-133 type=test
#[test]
fn from_hidden_by_id_is_restored_as_well() {
    let policy = policy_with_privacy("id_anonymises_from = true");
    let mut call = Call::by_al(World::new(&policy), "Privacy: id\r\n", "");
    assert_eq!(call.invite.row("From"), Some(ANONYMOUS));
    assert_eq!(call.ok.row("From"), Some(FROM));
    assert_eq!(call.bob_sends("BYE", 2, "").row("To"), Some(FROM));
    assert_eq!(call.al_sends("BYE", 2, "").row("From"), Some(ANONYMOUS));
}

//= PRIV-025 type=test
#[test]
fn between_two_strangers_this_node_is_first_and_last() {
    let mut world = World::new(POLICY);
    let sent = pass(
        &mut world,
        crate::legs::STRANGER,
        NET,
        &opening(
            crate::legs::STRANGER,
            NET,
            "INVITE",
            FROM,
            "<sip:al-secret@192.0.2.8>",
            &telling("Privacy: user;id\r\n"),
        ),
    );
    tells_nothing(&sent);
    assert_eq!((sent.row("From"), sent.row("Privacy")), (Some(ANONYMOUS), Some("id")));
    let back = pass(
        &mut world,
        NET,
        crate::legs::STRANGER,
        &respond(&sent, "200 OK", "b", ""),
    );
    assert_eq!(back.row("From"), Some(FROM));
}

// Tokens.

/// The value of the first Route with its token changed at one place.
fn tampered(call: &Call, at: usize) -> String {
    let start = call.bob.routes.find("<sip:").unwrap() + 5 + at;
    let mut routes = call.bob.routes.clone();
    let other = if &routes[start..=start] == "A" { "B" } else { "A" };
    routes.replace_range(start..=start, other);
    routes
}

//= PRIV-141 type=test
//= TRAP-13 type=test
#[test]
fn a_tampered_token_is_refused() {
    let call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
    let length = call.bob.routes.find('@').unwrap() - call.bob.routes.find("<sip:").unwrap() - 5;
    for at in [0, 1, 17, 40, length / 2, length - 2] {
        let mut world = World::new(POLICY);
        let bob = End {
            routes: tampered(&call, at),
            ..call.bob.clone()
        };
        let sent = world.packet(NET.listener, NET.address, &bob.request("BYE", 2, ""));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden", "character {at}");
        tells_nothing(&sent[0]);
    }
    // The token of a Contact alike.
    let mut bob = call.bob.clone();
    bob.target = bob.target.replacen("sip:", "sip:A", 1);
    let sent = World::new(POLICY).packet(NET.listener, NET.address, &bob.request("BYE", 2, ""));
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
}

//= SEC-004 type=test
//= PRIV-141 type=test
#[test]
fn a_token_of_another_dialog_is_refused() {
    let mut call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
    let text = call
        .bob
        .request("INFO", 2, "")
        .replace("Call-ID: call-1", "Call-ID: call-2");
    let sent = call.world.packet(NET.listener, NET.address, &text);
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
    let text = call.bob.request("INFO", 3, "").replace(";tag=7", ";tag=8");
    let sent = call.world.packet(NET.listener, NET.address, &text);
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
    let sent = call.bob_sends("INFO", 4, "");
    assert_eq!(sent.row("To"), Some(FROM));
}

//= PRIV-141 type=test
#[test]
fn keys_of_another_network_open_nothing() {
    let call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
    let keys = sipveil::seal::Keys::new(&[(1, [43; 32])], "T-home1", 7).unwrap();
    let mut world = World::with(POLICY, std::sync::Arc::new(keys), [3; 32]);
    let sent = world.packet(NET.listener, NET.address, &call.bob.request("BYE", 2, ""));
    assert_eq!(sent[0].start(), "SIP/2.0 403 Forbidden");
}

//= PRIV-141 type=test
//= TRAP-13 type=test
#[test]
fn nothing_a_stranger_gets_decodes_to_an_identity() {
    let asked = telling("Privacy: user;id\r\nVia: SIP/2.0/UDP hop.example;branch=z9hG4bK1\r\n");
    let mut call = Call::by_al(World::new(POLICY), &asked, "");
    for sent in [
        call.invite.clone(),
        call.al_sends("INVITE", 2, PAI),
        call.al_sends("BYE", 3, PAI),
    ] {
        tells_nothing(&sent);
    }
    let (one, other) = (
        call.invite.row("Record-Route"),
        Call::by_al(World::with(POLICY, crate::world::keys(), [77; 32]), &asked, "").invite,
    );
    assert_ne!(one, other.row("Record-Route"), "the same secret never looks the same");
    let longer = FROM.replace("al-secret", "al-secreta");
    let text = opening(CORE, NET, "INVITE", &longer, AL_CONTACT, &asked);
    let padded = pass(&mut World::new(POLICY), CORE, NET, &text);
    assert_eq!(
        padded.row("Record-Route").unwrap().len(),
        one.unwrap().len(),
        "lengths are padded"
    );
}

//= PRIV-143 type=test
#[test]
fn a_token_that_would_be_too_long_is_not_made() {
    let policy = policy_with_privacy("token_max = 128");
    let critical = opening(CORE, NET, "INVITE", FROM, AL_CONTACT, "Privacy: user;critical\r\n");
    let sent = World::new(&policy).packet(CORE.listener, CORE.address, &critical);
    assert_eq!(sent[0].start(), "SIP/2.0 500 Privacy Service Failure: user");
    let mut call = Call::by_al(World::new(&policy), &telling("Privacy: user\r\n"), "");
    assert_eq!(call.invite.row("From"), Some(ANONYMOUS));
    assert_eq!(call.invite.row("Privacy"), Some("user"));
    // The wish itself is still remembered.
    tells_nothing(&call.al_sends("INFO", 2, PAI));
    assert!(call.bob_sends("INFO", 2, "").row("To").unwrap().ends_with(";tag=7"));
}

/// A token holds the caller's From where another one leaves, and only there.
//= PRIV-143 type=test
#[test]
fn a_token_is_no_longer_for_a_from_that_nobody_hides() {
    let length = |policy: &str, from: &str, rows: &str| {
        let text = opening(CORE, NET, "INVITE", from, AL_CONTACT, rows);
        let sent = pass(&mut World::new(policy), CORE, NET, &text);
        sent.row("Record-Route").unwrap().len()
    };
    let by_id = policy_with_privacy("id_anonymises_from = true");
    let long = format!("\"{}\" <sip:al@home1.example>;tag=7", "a".repeat(200));
    for (policy, rows, is_held) in [
        (POLICY, "", false),
        (POLICY, "Privacy: id\r\n", false),
        (&by_id, "", false),
        (&by_id, "Privacy: id\r\n", true),
        (POLICY, "Privacy: user\r\n", true),
    ] {
        let is_longer = length(policy, &long, rows) > length(policy, FROM, rows);
        assert_eq!(is_longer, is_held, "{rows}");
    }
}

//= PRIV-143 type=test
#[test]
fn twenty_routes_of_a_ues_caller_come_back() {
    let policy = policy_with_privacy("token_max = 2000");
    let list: Vec<String> = (0..20)
        .map(|number| format!("<sip:10.20.0.{};lr>", number + 9))
        .collect();
    let list = list.join(", ");
    let rows = format!("Privacy: user;critical\r\nRecord-Route: {list}\r\n");
    let text = opening(CORE, UE, "INVITE", FROM, AL_CONTACT, &rows);
    let mut world = world_of(&policy, &[UE]);
    let invite = pass(&mut world, CORE, UE, &text);
    assert!(invite.rows("Record-Route").iter().all(|row| row.len() <= 2040));
    tells_none_of(&invite, &["home1", "10.20.0.9", "10.20.0.28"]);
    let ue = End {
        party: UE,
        local: format!("{};tag=b", invite.row("To").unwrap()),
        remote: invite.row("From").unwrap().to_owned(),
        target: contact_uri(invite.row("Contact").unwrap()).to_owned(),
        routes: routes(&invite.rows("Record-Route"), false),
        contact: "<sip:ue@10.30.0.9>".to_owned(),
    };
    let bye = pass(&mut world, UE, CORE, &ue.request("BYE", 1, ""));
    assert_eq!(bye.rows("Route").join(", "), list);
    assert_eq!(bye.row("To"), Some(FROM));
    let sent = World::new(POLICY).packet(CORE.listener, CORE.address, &text);
    assert_eq!(
        sent[0].start(),
        "SIP/2.0 500 Privacy Service Failure: user",
        "beyond the default of 600"
    );
}

//= PRIV-143 type=test
#[test]
fn a_dialog_of_yesterday_is_over() {
    for (hours, status) in [(23, None), (25, Some("SIP/2.0 481 Call/Transaction Does Not Exist"))] {
        let mut call = Call::by_al(World::new(POLICY), "Privacy: user\r\n", "");
        call.world.pass(Duration::from_secs(hours * 3600));
        for (end, to) in [(call.bob.clone(), CORE), (call.al.clone(), NET)] {
            let sent = call
                .world
                .packet(end.party.listener, end.party.address, &end.request("BYE", 2, ""));
            match status {
                None => assert_eq!(sent[0].to.to_string(), to.address),
                Some(status) => assert_eq!(sent[0].start(), status),
            }
        }
    }
}

//= PRIV-130 type=test
#[test]
fn between_nodes_of_t_a_dialog_is_left_as_it_is() {
    let mut world = World::new(POLICY);
    let text = opening(CORE, ALLY, "INVITE", FROM, AL_CONTACT, &telling("Privacy: user;id\r\n"));
    let invite = pass(&mut world, CORE, ALLY, &text);
    assert!(has_pai(&invite));
    assert_eq!(
        (invite.row("From"), invite.row("Contact")),
        (Some(FROM), Some(AL_CONTACT))
    );
}
