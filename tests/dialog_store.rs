//! `dialog_memory = "store"`: what a token cannot hold, or must not be changed to hold, is kept by the process that made it.

use std::time::Duration;

use sipveil::engine::Input;

use crate::dialog::{AL_CONTACT, Call, End, opening};
use crate::legs::{
    CORE, FROM, NET, PAI, STRANGER, UE, pass, policy_with_privacy, tells_none_of, tells_nothing, world_of,
};
use crate::world::{Sent, World, contact_uri, keys_of_instance, respond, routes};

const INVITE_REFUSED: &str = "SIP/2.0 500 Privacy Service Failure: user";
const GONE: &str = "SIP/2.0 481 Call/Transaction Does Not Exist";

fn store() -> String {
    policy_with_privacy("dialog_memory = \"store\"")
}

fn token() -> String {
    policy_with_privacy("dialog_memory = \"token\"")
}

fn shows_pai(sent: &Sent) -> bool {
    !sent.rows("P-Asserted-Identity").is_empty()
}

//= PRIV-131 type=test
#[test]
fn a_wider_wish_holds_from_then_on() {
    for (policy, later) in [(store(), false), (token(), true)] {
        let mut call = Call::by_al(World::new(&policy), &format!("{PAI}Privacy: none\r\n"), "");
        assert!(shows_pai(&call.invite));
        assert!(shows_pai(&call.al_sends("INFO", 2, PAI)));
        assert!(!shows_pai(&call.al_sends(
            "UPDATE",
            3,
            &format!("{PAI}Privacy: id\r\n")
        )));
        assert_eq!(shows_pai(&call.al_sends("INFO", 4, PAI)), later, "{policy}");
        let asked = call.bob_sends("INFO", 2, "");
        assert_eq!(shows_pai(&call.al_answers(&asked, "200 OK", PAI)), later);
        // Nothing lifts it again.
        assert!(!shows_pai(&call.al_sends(
            "UPDATE",
            5,
            &format!("{PAI}Privacy: user\r\n")
        )));
        assert_eq!(shows_pai(&call.al_sends("INFO", 6, PAI)), later);
    }
}

//= PRIV-131 type=test
#[test]
fn who_answered_may_widen_too() {
    for (policy, later) in [(store(), false), (token(), true)] {
        let mut call = Call::by_bob(World::new(&policy), "", &format!("{PAI}Privacy: none\r\n"));
        assert!(shows_pai(&call.ok));
        let asked = call.bob_sends("INFO", 2, "");
        let answer = call.al_answers(&asked, "200 OK", &format!("{PAI}Privacy: id\r\n"));
        assert!(!shows_pai(&answer));
        assert_eq!(shows_pai(&call.al_sends("INFO", 2, PAI)), later);
        // Each for itself: what Al asked says nothing of Bob.
        assert_eq!(call.bob_sends("INFO", 3, "Subject: x\r\n").row("Subject"), Some("x"));
    }
}

/// The answer counts when it comes, not the request before it.
//= PRIV-131 type=test
#[test]
fn an_answer_is_under_what_was_asked_while_its_request_waited() {
    let mut call = Call::by_bob(World::new(&store()), "", &format!("{PAI}Privacy: none\r\n"));
    let first = call.bob_sends("INFO", 2, "");
    let second = call.bob_sends("UPDATE", 3, "");
    let wider = call.al_answers(&second, "200 OK", &format!("{PAI}Privacy: id\r\n"));
    assert!(!shows_pai(&wider));
    assert!(!shows_pai(&call.al_answers(&first, "200 OK", PAI)));
}

/// A dialog of another run of the process, or one forgotten: somebody may have asked for more.
//= PRIV-131 type=test
#[test]
fn what_may_have_been_forgotten_is_private() {
    for (privacy, shown) in [("", false), ("Privacy: none\r\n", false)] {
        let mut call = Call::by_al(World::new(&store()), &format!("{PAI}{privacy}"), "");
        assert!(shows_pai(&call.al_sends("INFO", 2, PAI)));
        call.world = World::with(&store(), keys_of_instance(8), [9; 32]);
        assert_eq!(shows_pai(&call.al_sends("INFO", 3, PAI)), shown, "{privacy}");
    }
}

/// A UE is called over twenty nodes by a caller who hides them.
struct Routed {
    world: World,
    invite: Sent,
    ue: End,
    list: String,
}

fn routed_invite(privacy: &str) -> (String, String) {
    let each: Vec<String> = (0..20)
        .map(|number| format!("<sip:10.20.0.{};lr>", number + 9))
        .collect();
    let list = each.join(", ");
    let rows = format!("Privacy: {privacy}\r\nRecord-Route: {list}\r\n");
    (opening(CORE, UE, "INVITE", FROM, AL_CONTACT, &rows), list)
}

impl Routed {
    fn open(policy: &str) -> Routed {
        let (text, list) = routed_invite("user;critical");
        let mut world = world_of(policy, &[UE]);
        let invite = pass(&mut world, CORE, UE, &text);
        let ue = End {
            party: UE,
            local: format!("{};tag=b", invite.row("To").unwrap()),
            remote: invite.row("From").unwrap().to_owned(),
            target: contact_uri(invite.row("Contact").unwrap()).to_owned(),
            routes: routes(&invite.rows("Record-Route"), false),
            contact: "<sip:ue@10.30.0.9>".to_owned(),
        };
        Routed {
            world,
            invite,
            ue,
            list,
        }
    }

    /// What the UE's request became at the core, or the answer it got.
    fn ue_sends(&mut self, method: &str, number: u32) -> Sent {
        let text = self.ue.request(method, number, "");
        let sent = self.world.packet(UE.listener, UE.address, &text);
        let one = sent.into_iter().find(|sent| !sent.start().starts_with("SIP/2.0 100"));
        one.unwrap()
    }

    #[track_caller]
    fn core_answers(&mut self, request: &Sent, status: &str, rows: &str) -> Sent {
        pass(&mut self.world, CORE, UE, &respond(request, status, "", rows))
    }

    fn stored(&mut self) -> usize {
        self.world.input(Input::Tick);
        self.world.engine.held().dialogs
    }
}

//= PRIV-143 type=test
#[test]
fn twenty_routes_fit_into_a_short_token() {
    let mut call = Routed::open(&store());
    for row in call.invite.rows("Record-Route") {
        let uri = row.strip_prefix("<sip:").unwrap();
        assert!(uri.find('@').unwrap_or_default() <= 128, "{row}");
    }
    tells_none_of(&call.invite, &["home1", "10.20.0.9", "10.20.0.28"]);
    assert_eq!(call.stored(), 1);
    let reinvite = call.ue_sends("INVITE", 1);
    assert_eq!(reinvite.rows("Route").join(", "), call.list);
    assert_eq!(reinvite.row("To"), Some(FROM));
    let ok = call.core_answers(&reinvite, "200 OK", &format!("Contact: {AL_CONTACT}\r\n"));
    tells_nothing(&ok);
    assert_eq!(call.stored(), 1);
    let bye = call.ue_sends("BYE", 2);
    assert_eq!(bye.rows("Route").join(", "), call.list);
    assert_eq!(bye.row("To"), Some(FROM));
    call.core_answers(&bye, "200 OK", "");
    assert_eq!(call.stored(), 0, "after the BYE nothing is kept");
    let text = routed_invite("user;critical").0;
    let sent = world_of(&token(), &[UE]).packet(CORE.listener, CORE.address, &text);
    assert_eq!(sent[0].start(), INVITE_REFUSED);
}

//= PRIV-143 type=test
#[test]
fn an_answer_that_ends_the_dialog_frees_its_place() {
    for (status, left) in [
        ("481 Gone", 0),
        ("408 Request Timeout", 0),
        ("500 Error", 1),
        ("401 Unauthorized", 1),
        ("200 OK", 1),
    ] {
        let mut call = Routed::open(&store());
        let info = call.ue_sends("INFO", 1);
        call.core_answers(&info, status, "");
        assert_eq!(call.stored(), left, "{status}");
    }
    // A BYE that was challenged comes again, with credentials.
    for status in ["401 Unauthorized", "407 Proxy Authentication Required", "503 Busy"] {
        let mut call = Routed::open(&store());
        let bye = call.ue_sends("BYE", 1);
        call.core_answers(&bye, status, "");
        let again = call.ue_sends("BYE", 2);
        assert_eq!(again.rows("Route").join(", "), call.list, "{status}");
        call.core_answers(&again, "200 OK", "");
        assert_eq!(call.stored(), 0);
    }
    // Our own 408.
    let mut call = Routed::open(&store());
    call.ue_sends("INFO", 1);
    call.world.pass(Duration::from_secs(40));
    assert_eq!(call.stored(), 0);
}

//= PRIV-143 type=test
#[test]
fn a_dialog_that_never_began_frees_its_place() {
    let mut call = Routed::open(&store());
    let refused = respond(&call.invite, "486 Busy Here", "b", "");
    call.world.packet(UE.listener, UE.address, &refused);
    assert_eq!(call.stored(), 0);
}

//= PRIV-143 type=test
#[test]
fn a_session_that_is_not_refreshed_frees_its_place() {
    let mut call = Routed::open(&store());
    let rows = "Contact: <sip:ue@10.30.0.9>\r\nSession-Expires: 90;refresher=uac\r\n";
    let ok = respond(&call.invite, "200 OK", "b", rows);
    pass(&mut call.world, UE, CORE, &ok);
    call.world.pass(Duration::from_secs(100));
    assert_eq!(call.stored(), 1);
    let update = call.ue_sends("UPDATE", 1);
    call.core_answers(&update, "200 OK", "Session-Expires: 90\r\n");
    call.world.pass(Duration::from_secs(100));
    assert_eq!(call.stored(), 1, "refreshed");
    call.world.pass(Duration::from_secs(100));
    assert_eq!(call.stored(), 0);
    assert_eq!(call.ue_sends("BYE", 2).start(), GONE);
}

//= PRIV-143 type=test
#[test]
fn a_stored_dialog_of_yesterday_is_over() {
    let mut call = Routed::open(&store());
    call.world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(call.stored(), 0);
    assert_eq!(call.ue_sends("BYE", 1).start(), GONE);
}

/// Another run of the process has the key, not what was kept.
//= PRIV-143 type=test
#[test]
fn what_another_process_kept_is_gone() {
    let mut call = Routed::open(&store());
    let dead = std::mem::replace(&mut call.world, World::with(&store(), keys_of_instance(8), [9; 32]));
    drop(dead);
    crate::calls::register(&mut call.world, UE.address);
    assert_eq!(call.ue_sends("BYE", 1).start(), GONE);
}

//= PRIV-143 type=test
#[test]
fn at_the_maximum_a_dialog_is_as_without_the_store() {
    let policy = store() + "\n[limits]\ndialogs_max = 2\n";
    let mut world = world_of(&policy, &[UE]);
    let open = |world: &mut World, number: u32| {
        let text = routed_invite("user;critical").0;
        let text = text
            .replace("call-1", &format!("call-{number}"))
            .replace("z9hG4bKopen", &format!("z9hG4bKopen{number}"));
        let sent = world.packet(CORE.listener, CORE.address, &text);
        let start = sent[0].start().to_owned();
        (start, sent)
    };
    for number in 1..=2 {
        assert!(open(&mut world, number).0.starts_with("INVITE "));
    }
    assert_eq!(open(&mut world, 3).0, INVITE_REFUSED);
    assert_eq!(world.engine.held().dialogs, 2);
    world.pass(Duration::from_secs(25 * 3600));
    assert!(open(&mut world, 4).0.starts_with("INVITE "), "there is room again");
}

/// Strangers that call each other leave half of the room to those who are known.
//= PRIV-143 type=test
//= SEC-009 type=test
#[test]
fn strangers_fill_half_of_the_store_at_most() {
    let mut world = world_of(&(store() + "\n[limits]\ndialogs_max = 2\n"), &[UE]);
    let long = format!("\"{}\" <sip:bob@net.example>;tag=7", "b".repeat(900));
    for number in 1..=2 {
        let text = opening(STRANGER, NET, "INVITE", &long, "<sip:x@192.0.2.8>", "Privacy: user\r\n")
            .replace("call-1", &format!("call-{number}"))
            .replace("z9hG4bKopen", &format!("z9hG4bKopen{number}"));
        world.packet(STRANGER.listener, STRANGER.address, &text);
        assert_eq!(world.engine.held().dialogs, 1);
    }
    let text = routed_invite("user;critical").0.replace("call-1", "call-9");
    let sent = world.packet(CORE.listener, CORE.address, &text);
    assert!(sent[0].start().starts_with("INVITE "), "{}", sent[0].text());
    assert_eq!(world.engine.held().dialogs, 2);
}

/// What is short enough travels in the token: the store is for the rest.
//= PRIV-135 type=test
#[test]
fn what_fits_into_a_token_is_not_stored() {
    let call = Call::by_al(World::new(&store()), "Privacy: user\r\n", "");
    assert_eq!(call.world.engine.held().dialogs, 0);
    let mut call = call;
    call.world = World::with(&store(), keys_of_instance(8), [9; 32]);
    assert_eq!(call.bob_sends("BYE", 2, "").row("To"), Some(FROM));
}
