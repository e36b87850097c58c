//! Dialogs that this node ends: of UEs that are gone, of sessions that are over, and where the operator says so.

use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Input;

use super::{CORE, UE, from_core, from_ue, one, register, registered, request};
use crate::legs::{ANONYMOUS, FROM, tells_nothing};
use crate::security_agreement;
use crate::world::{POLICY, Sent, World, contact_uri, keys, respond, routes};

const GONE: &str = "SIP/2.0 481 Call/Transaction Does Not Exist";

/// A policy under which dialogs can be released, with more lines of `[privacy]` and `[pcscf]`.
fn policy(privacy: &str, pcscf: &str) -> String {
    let lines =
        format!("[privacy]\ndialog_memory = \"store\"\n{privacy}\n[pcscf]\ndialog_release = true\n{pcscf}\n[[peer]]");
    POLICY.replace("[[peer]]", &lines)
}

fn release(world: &mut World, call_id: &str) -> Vec<Sent> {
    let call_id = call_id.as_bytes().to_vec();
    world.input(Input::Release { call_id })
}

/// What leaves for the core, and what leaves for the UE.
#[track_caller]
fn both(sent: Vec<Sent>) -> (Sent, Sent) {
    let at_core = |sent: &Sent| sent.to.to_string() == CORE;
    match &sent[..] {
        [one, other] if at_core(one) && !at_core(other) => (one.clone(), other.clone()),
        [one, other] if at_core(other) && !at_core(one) => (other.clone(), one.clone()),
        _ => panic!("{sent:#?}"),
    }
}

/// The UE calls; what reached the core, and the 200 that came back.
fn by_ue(world: &mut World, rows: &str) -> (Sent, Sent) {
    registered(world, "");
    let invite = from_ue(world, &request(UE, "INVITE", ""));
    let rows = format!("Contact: <sip:bob@10.20.0.9>\r\n{rows}");
    let ok = from_core(world, &invite, "200 OK", &rows);
    (invite, ok)
}

/// Al, somewhere behind the core, calls the UE and hides.
fn by_al(world: &mut World) -> Sent {
    let path = registered(world, "").row("Path").unwrap().to_owned();
    let invite = format!(
        "INVITE sip:ue@{UE} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKal\r\nMax-Forwards: 70\r\nRoute: {path}\r\n\
         Record-Route: <sip:10.20.0.9;lr>\r\nFrom: {FROM}\r\nTo: <sip:ue@home1.example>\r\nCall-ID: call-al\r\n\
         CSeq: 3 INVITE\r\nContact: <sip:al-secret@10.99.0.7>\r\nPrivacy: user;id\r\nContent-Length: 0\r\n\r\n"
    );
    one(world.packet("core", CORE, &invite))
}

/// A request of the UE in a dialog that it was called into.
fn of_called(invite: &Sent, method: &str, number: u32) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {UE};branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
        contact_uri(invite.row("Contact").unwrap()),
        routes(&invite.rows("Record-Route"), false),
        invite.row("To").unwrap(),
        invite.row("From").unwrap(),
        invite.row("Call-ID").unwrap()
    )
}

/// A request of the UE in a dialog that it opened.
fn of_caller(ok: &Sent, method: &str, number: u32, rows: &str) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {UE};branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n{}From: {}\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n{rows}Content-Length: 0\r\n\r\n",
        contact_uri(ok.row("Contact").unwrap()),
        routes(&ok.rows("Record-Route"), true),
        ok.row("From").unwrap(),
        ok.row("To").unwrap(),
        ok.row("Call-ID").unwrap()
    )
}

//= PCSCF-030 type=test
#[test]
fn the_operator_ends_a_call_and_each_side_sees_what_it_always_saw() {
    for privacy in ["", "call_id = \"map\""] {
        let mut world = World::new(&policy(privacy, ""));
        let invite = by_al(&mut world);
        let contact = format!("Contact: <sip:ue@{UE}>\r\n");
        world.packet("access", UE, &respond(&invite, "200 OK", "b", &contact));
        let info = from_ue(&mut world, &of_called(&invite, "INFO", 6));
        world.packet("core", CORE, &respond(&info, "200 OK", "", ""));
        assert_eq!(world.engine.held().calls, 1);
        let (core, ue) = both(release(&mut world, "call-al"));
        assert_eq!(core.start(), "BYE sip:al-secret@10.99.0.7 SIP/2.0");
        assert_eq!(
            (core.row("From"), core.row("To")),
            (Some("<sip:ue@home1.example>;tag=b"), Some(FROM))
        );
        assert_eq!(
            (core.row("Call-ID"), core.row("CSeq"), core.rows("Route")),
            (Some("call-al"), Some("7 BYE"), vec!["<sip:10.20.0.9;lr>"])
        );
        assert_eq!(ue.start(), format!("BYE sip:ue@{UE} SIP/2.0"));
        assert_eq!(
            (ue.row("From"), ue.row("To")),
            (Some(ANONYMOUS), Some("<sip:ue@home1.example>;tag=b"))
        );
        assert_eq!(
            (ue.row("Call-ID"), ue.row("CSeq")),
            (invite.row("Call-ID"), Some("4 BYE"))
        );
        tells_nothing(&ue);
        for bye in [&core, &ue] {
            assert_eq!((bye.rows("Via").len(), bye.row("Reason")), (1, Some("SIP;cause=503")));
            assert!(!bye.text().contains("released.invalid"));
        }
        // Their answers go nowhere, and what comes later finds nothing.
        assert!(world.packet("core", CORE, &respond(&core, "200 OK", "", "")).is_empty());
        assert!(world.packet("access", UE, &respond(&ue, "200 OK", "", "")).is_empty());
        assert_eq!(from_ue(&mut world, &of_called(&invite, "INFO", 8)).start(), GONE);
        assert_eq!(world.engine.held().calls, 0);
        world.pass(Duration::from_secs(40));
        assert_eq!((world.engine.transactions(), world.engine.held().clients), (0, 0));
        assert!(release(&mut world, "call-al").is_empty());
    }
}

//= PCSCF-030 type=test
#[test]
fn a_ue_that_leaves_leaves_no_call_behind() {
    let mut world = World::new(&policy("", ""));
    let (_, ok) = by_ue(&mut world, "");
    let leaving = register(2, "").replace("expires=600", "expires=0");
    let leaving = from_ue(&mut world, &leaving);
    let mut sent = world.packet("core", CORE, &respond(&leaving, "200 OK", "s", ""));
    assert_eq!(sent.remove(0).start(), "SIP/2.0 200 OK");
    let (core, ue) = both(sent);
    assert_eq!(
        (core.start(), core.row("From"), core.row("CSeq")),
        ("BYE sip:bob@10.20.0.9 SIP/2.0", ok.row("From"), Some("8 BYE"))
    );
    assert_eq!((ue.row("To"), ue.row("From")), (ok.row("From"), ok.row("To")));
    assert_eq!((ue.to.to_string().as_str(), ue.row("CSeq")), (UE, Some("1 BYE")));
    // It registers again, and does not find the call again.
    let again = from_ue(&mut world, &register(3, ""));
    let contact = format!("Contact: <sip:ue@{UE}>;expires=600\r\n");
    from_core(&mut world, &again, "200 OK", &contact);
    assert_eq!(from_ue(&mut world, &of_caller(&ok, "INFO", 12, "")).start(), GONE);
}

//= PCSCF-030 type=test
#[test]
fn a_registration_that_runs_out_ends_its_calls_and_one_that_is_refreshed_does_not() {
    let mut world = World::new(&policy("", ""));
    let (_, ok) = by_ue(&mut world, "");
    assert!(world.pass(Duration::from_secs(590)).is_empty());
    let again = from_ue(&mut world, &register(2, ""));
    from_core(
        &mut world,
        &again,
        "200 OK",
        &format!("Contact: <sip:ue@{UE}>;expires=600\r\n"),
    );
    assert!(world.pass(Duration::from_secs(500)).is_empty());
    let info = from_ue(&mut world, &of_caller(&ok, "INFO", 8, ""));
    from_core(&mut world, &info, "200 OK", "");
    let sent = world.pass(Duration::from_secs(110));
    let bye = sent
        .iter()
        .find(|(_, sent)| sent.start().starts_with("BYE sip:bob"))
        .unwrap();
    assert_eq!(
        (bye.1.to.to_string().as_str(), bye.1.row("CSeq")),
        (CORE, Some("9 BYE"))
    );
    assert_eq!(world.engine.held().calls, 0);
}

//= PCSCF-030 type=test
#[test]
fn a_session_that_nobody_refreshes_is_over() {
    let timer = "Session-Expires: 90;refresher=uac\r\n";
    let mut world = World::new(&policy("", ""));
    let (_, ok) = by_ue(&mut world, timer);
    assert!(world.pass(Duration::from_secs(80)).is_empty());
    let update = from_ue(
        &mut world,
        &of_caller(&ok, "UPDATE", 8, "Contact: <sip:ue@10.30.0.7:5070>\r\n"),
    );
    from_core(
        &mut world,
        &update,
        "200 OK",
        &format!("Contact: <sip:bob@10.20.0.77>\r\n{timer}"),
    );
    assert!(
        world
            .pass(Duration::from_secs(119))
            .iter()
            .all(|(_, sent)| !sent.start().starts_with("BYE"))
    );
    assert_eq!(world.engine.held().calls, 1);
    let sent = world.pass(Duration::from_secs(4));
    // Where they are since their last refresh.
    for start in ["BYE sip:bob@10.20.0.77 SIP/2.0", "BYE sip:ue@10.30.0.7:5070 SIP/2.0"] {
        assert!(sent.iter().any(|(_, sent)| sent.start() == start), "{sent:#?}");
    }
    assert_eq!(world.engine.held().calls, 0);
    assert_eq!(from_ue(&mut world, &of_caller(&ok, "BYE", 9, "")).start(), GONE);

    // Who comes to agree on no time any more has as much of it as there is.
    let mut world = World::new(&policy("", ""));
    let (_, ok) = by_ue(&mut world, timer);
    let update = from_ue(
        &mut world,
        &of_caller(&ok, "UPDATE", 8, &format!("Contact: <sip:ue@{UE}>\r\n")),
    );
    from_core(&mut world, &update, "200 OK", "Contact: <sip:bob@10.20.0.9>\r\n");
    assert!(world.pass(Duration::from_secs(500)).is_empty());
    assert_eq!(world.engine.held().calls, 1);
}

//= PCSCF-030 type=test
#[test]
fn a_call_that_still_rings_is_given_up_on_both_sides() {
    // The UE calls.
    let mut world = World::new(&policy("", ""));
    registered(&mut world, "");
    let invite = from_ue(&mut world, &request(UE, "INVITE", ""));
    let ringing = from_core(&mut world, &invite, "180 Ringing", "Contact: <sip:bob@10.20.0.9>\r\n");
    let (cancel, refused) = both(release(&mut world, invite.row("Call-ID").unwrap()));
    assert!(cancel.start().starts_with("CANCEL "), "{}", cancel.text());
    assert_eq!(
        (cancel.row("Reason"), cancel.row("Via")),
        (Some("SIP;cause=503"), invite.row("Via"))
    );
    assert_eq!(refused.start(), "SIP/2.0 500 Server Internal Error");
    assert_eq!(
        from_ue(&mut world, &of_caller(&ringing, "PRACK", 8, "RAck: 1 7 INVITE\r\n")).start(),
        GONE
    );
    let terminated = world.packet("core", CORE, &respond(&invite, "487 Request Terminated", "s", ""));
    assert!(one(terminated).start().starts_with("ACK "));

    // The UE is called, and goes before anybody has answered.
    let mut world = World::new(&policy("", ""));
    let invite = by_al(&mut world);
    world.packet("access", UE, &respond(&invite, "180 Ringing", "b", ""));
    let leaving = register(2, "").replace("expires=600", "expires=0");
    let leaving = from_ue(&mut world, &leaving);
    let mut sent = world.packet("core", CORE, &respond(&leaving, "200 OK", "s", ""));
    assert_eq!(sent.remove(0).start(), "SIP/2.0 200 OK");
    let (refused, cancel) = both(sent);
    assert_eq!(
        (refused.start(), refused.row("Call-ID")),
        ("SIP/2.0 500 Server Internal Error", Some("call-al"))
    );
    assert!(cancel.start().starts_with("CANCEL "), "{}", cancel.text());
    tells_nothing(&cancel);

    // Nobody has rung yet: the CANCEL waits until it may be sent, and says the same then.
    let mut world = World::new(&policy("", ""));
    registered(&mut world, "");
    let invite = from_ue(&mut world, &request(UE, "INVITE", ""));
    let refused = one(release(&mut world, invite.row("Call-ID").unwrap()));
    assert_eq!(refused.start(), "SIP/2.0 500 Server Internal Error");
    let cancel = world.packet("core", CORE, &respond(&invite, "180 Ringing", "s", ""));
    assert_eq!(one(cancel).row("Reason"), Some("SIP;cause=503"));
}

//= PCSCF-030 type=test
#[test]
fn a_call_that_ends_by_itself_leaves_nothing_to_release() {
    let mut world = World::new(&policy("", ""));
    let (_, ok) = by_ue(&mut world, "");
    let bye = from_ue(&mut world, &of_caller(&ok, "BYE", 8, ""));
    assert_eq!(world.engine.held().calls, 1);
    from_core(&mut world, &bye, "200 OK", "");
    assert_eq!(world.engine.held().calls, 0);
    assert!(release(&mut world, ok.row("Call-ID").unwrap()).is_empty());
    // One that was refused, neither.
    let invite = from_ue(&mut world, &request(UE, "INVITE", "X: y\r\n"));
    from_core(&mut world, &invite, "180 Ringing", "");
    assert_eq!(world.engine.held().calls, 1);
    let sent = world.packet("core", CORE, &respond(&invite, "486 Busy Here", "s", ""));
    assert_eq!((sent.len(), world.engine.held().calls), (2, 0));
    assert!(release(&mut world, ok.row("Call-ID").unwrap()).is_empty());
}

//= PCSCF-030 type=test
#[test]
fn without_the_word_of_the_policy_nothing_is_released() {
    let store = POLICY.replace("[[peer]]", "[privacy]\ndialog_memory = \"store\"\n[[peer]]");
    for policy in [POLICY, &store] {
        let mut world = World::new(policy);
        let (_, ok) = by_ue(&mut world, "Session-Expires: 90\r\n");
        assert_eq!(world.engine.held().calls, 0);
        assert!(release(&mut world, ok.row("Call-ID").unwrap()).is_empty());
        let sent = world.pass(Duration::from_secs(700));
        assert!(sent.is_empty(), "{sent:#?}");
    }
}

//= PCSCF-030 type=test
#[test]
fn at_the_maximum_a_call_is_as_without_release() {
    let mut world = World::new(&(policy("", "") + "\n[limits]\ncalls_max = 1\n"));
    let (_, ok) = by_ue(&mut world, "");
    let second = request(UE, "INVITE", "X: y\r\n").replace("Call-ID: ", "Call-ID: second-");
    let invite = from_ue(&mut world, &second);
    let other = from_core(&mut world, &invite, "200 OK", "Contact: <sip:bob@10.20.0.9>\r\n");
    assert_eq!(world.engine.held().calls, 1);
    assert!(release(&mut world, other.row("Call-ID").unwrap()).is_empty());
    assert!(
        from_ue(&mut world, &of_caller(&other, "INFO", 8, ""))
            .start()
            .starts_with("INFO")
    );
    both(release(&mut world, ok.row("Call-ID").unwrap()));
}

/// The associations of the UE are gone, so nothing leads to it: the other side is told all the same.
//= PCSCF-030 type=test
#[test]
fn a_ue_without_its_associations_has_no_calls() {
    let text = policy("", "")
        .replace("ue_security = [\"none\"]", "ue_security = [\"ipsec-3gpp\"]")
        .replace("i_accept_unprotected_access = true\n", "")
        .replace(
            "user_authentication = [\"none\"]",
            "user_authentication = [\"ims-aka\"]",
        );
    let by_ports = |client_ports: [u16; 3]| {
        let policy = crate::world::policy(&text);
        Arc::new(security_agreement::with_ports(policy, client_ports))
    };
    let mut world = World::under(by_ports([6102, 6103, 6104]), keys(), [1; 32]);
    let mut ue = security_agreement::registered(&mut world, 600);
    let text = ue.invite("");
    let invite = ue.sends(&mut world, &text)[0].clone();
    let ok = respond(&invite, "200 OK", "b", "Contact: <sip:bob@10.20.0.9>\r\n");
    security_agreement::only(security_agreement::from_core(&mut world, &ok));
    // Under another policy the ports are others.
    let bye = one(world.input(Input::Policy(by_ports([6112, 6113, 6114]))));
    assert_eq!(
        (bye.start(), bye.to.to_string().as_str()),
        ("BYE sip:bob@10.20.0.9 SIP/2.0", CORE)
    );
    assert_eq!(world.engine.held().calls, 0);
}

/// Nobody repeats in a BYE of ours what the party asked for, and it holds all the same.
//= PCSCF-030 type=test
#[test]
fn a_caller_who_hid_is_not_shown_by_the_end_of_its_call() {
    for (sticky, privacy) in [(true, "user"), (false, "user"), (true, "user;id")] {
        let mut world = World::new(&policy(&format!("dialog_sticky = {sticky}"), ""));
        registered(&mut world, "");
        let invite = request(UE, "INVITE", &format!("Privacy: {privacy}\r\n")).replace("bob@home1", "bob@net");
        let invite = from_ue(&mut world, &invite);
        assert_eq!(invite.to.to_string(), "192.0.2.9:5060");
        let answer = respond(&invite, "200 OK", "s", "Contact: <sip:bob@192.0.2.9>\r\n");
        one(world.packet("net", "192.0.2.9:5060", &answer));
        let sent = release(&mut world, invite.row("Call-ID").unwrap());
        let bye = sent.iter().find(|sent| sent.to == invite.to).unwrap();
        assert_eq!(bye.start(), "BYE sip:bob@192.0.2.9 SIP/2.0");
        assert_eq!(bye.row("From"), invite.row("From"));
        crate::legs::tells_none_of(bye, &["ue@home1", "10.20.0"]);
    }
}

//= PCSCF-030 type=test
#[test]
fn a_session_shorter_than_the_policy_wants_is_refused() {
    let mut world = World::new(&super::policy_with("min_se = \"120s\""));
    registered(&mut world, "");
    let short = "Session-Expires: 90\r\nSupported: timer\r\n";
    let refused = from_ue(&mut world, &request(UE, "INVITE", short));
    assert_eq!(
        (refused.start(), refused.row("Min-SE")),
        ("SIP/2.0 422 Session Interval Too Small", Some("120"))
    );
    let long = "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nSupported: timer\r\n";
    let passed = from_ue(&mut world, &request(UE, "INVITE", long));
    assert_eq!(
        (passed.row("Session-Expires"), passed.row("Min-SE")),
        (Some("1800;refresher=uac"), Some("90"))
    );
}
