//! SUBSCRIBE and NOTIFY: who else is there.

use super::scene::{ALICE, BOB, CAROL, Scene, peers};
use crate::world::respond;

/// Nothing in it tells who or where anybody but Bob is.
#[track_caller]
fn names_nobody(text: &str) {
    for told in ["alice", "carol", "10.30.0.7", "10.30.0.9", "4100"] {
        assert!(!text.replace("41008", "").contains(told), "{told} in {text}");
    }
}

//= P2P-046 type=test
//= P2P-047 type=test
//= P2P-053 type=test
#[test]
fn a_list_names_temporary_ids_and_nothing_else() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    scene.shares(ALICE);
    scene.shares(CAROL);
    let (answer, notify) = scene.asks(BOB, 0);
    let notify = notify.unwrap();
    assert_eq!((answer.start(), answer.row("Expires")), ("SIP/2.0 200 OK", Some("0")));
    assert_eq!(notify.row("Subscription-State"), Some("terminated;reason=timeout"));
    assert_eq!(notify.start(), "NOTIFY sip:bob@10.30.0.8:41008;transport=tcp SIP/2.0");
    assert_eq!(answer.row("To"), notify.row("From"));
    assert_eq!(peers(&notify).len(), 2);
    names_nobody(notify.text());
    names_nobody(answer.text());
}

//= P2P-048 type=test
#[test]
fn who_is_not_in_the_swarm_hears_nothing_of_it() {
    let mut scene = Scene::new("");
    scene.shares(ALICE);
    let (answer, notify) = scene.asks(BOB, 0);
    assert_eq!((answer.start(), notify), ("SIP/2.0 403 Forbidden", None));
}

//= P2P-055 type=test
#[test]
fn who_watches_hears_when_somebody_is_gone() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    let etag = scene.shares(ALICE);
    scene.shares(CAROL);
    let (answer, notify) = scene.asks(BOB, 600);
    assert_eq!(answer.row("Expires"), Some("600"));
    let notify = notify.unwrap();
    assert_eq!(notify.row("Subscription-State"), Some("active;expires=600"));
    assert_eq!(peers(&notify).len(), 2);
    scene.publish(ALICE, &format!("SIP-If-Match: {etag}\r\nExpires: 0\r\n"), b"");
    let told: Vec<_> = scene.pass(31);
    let [told] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!(told.row("CSeq"), Some("2 NOTIFY"));
    assert_eq!(peers(told).len(), 1);
    assert_eq!(scene.says(BOB, &respond(told, "200 OK", "", "")), []);
    // Nothing changes, nothing is told; then it is over.
    let told = scene.pass(600);
    let [over] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!(over.row("Subscription-State"), Some("terminated;reason=timeout"));
}

//= P2P-046 type=test
#[test]
fn a_watch_goes_on_and_ends_within_its_dialog() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    scene.shares(ALICE);
    let (answer, notify) = scene.asks(BOB, 600);
    let (to, call_id) = (answer.row("To").unwrap(), answer.row("Call-ID").unwrap());
    assert_eq!(answer.row("Contact"), Some("<sip:10.30.0.1:5060;transport=tcp>"));
    assert_eq!(notify.as_ref().unwrap().row("Contact"), answer.row("Contact"));
    let from = notify.as_ref().unwrap().row("To").unwrap();
    let again = |cseq: u32, expires: u32, to: &str| {
        format!(
            "SUBSCRIBE sip:10.30.0.1:5060;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKagain{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\n\
             Contact: <{}>\r\nEvent: p2p-content\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n",
            BOB.at,
            BOB.contact()
        )
    };
    let sent = scene.says(BOB, &again(2, 900, to));
    let starts: Vec<&str> = sent.iter().map(|sent| sent.start()).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert_eq!((starts[0], sent[0].row("Expires")), ("SIP/2.0 200 OK", Some("900")));
    assert_eq!(sent[1].row("Subscription-State"), Some("active;expires=900"));
    // Nobody else may end it.
    let other = scene.says(CAROL, &again(3, 0, to).replace("10.30.0.8:41008", CAROL.at));
    assert_eq!(other[0].start(), "SIP/2.0 481 Subscription does not exist");
    let sent = scene.says(BOB, &again(4, 0, to));
    assert_eq!(sent[1].row("Subscription-State"), Some("terminated;reason=timeout"));
    let gone = scene.says(BOB, &again(5, 600, to));
    assert_eq!(gone[0].start(), "SIP/2.0 481 Subscription does not exist");
}

//= P2P-026 type=test
#[test]
fn a_refresh_that_is_refused_leaves_the_watch_as_it_was() {
    let mut scene = Scene::new("");
    scene.joins(BOB);
    scene.shares(ALICE);
    let (answer, notify) = scene.asks(BOB, 600);
    let (to, call_id) = (answer.row("To").unwrap(), answer.row("Call-ID").unwrap());
    let from = notify.as_ref().unwrap().row("To").unwrap();
    // Six lists a minute, of which one is had.
    let refused = (2..9).find_map(|cseq| {
        let text = format!(
            "SUBSCRIBE sip:10.30.0.1:5060;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKmore{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\n\
             Contact: <{}>\r\nEvent: p2p-content\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
            BOB.at,
            BOB.contact()
        );
        let sent = scene.says(BOB, &text);
        if let Some(notify) = sent.get(1) {
            scene.says(BOB, &respond(notify, "200 OK", "", ""));
        }
        Some(sent).filter(|sent| sent[0].start() != "SIP/2.0 200 OK")
    });
    let refused = refused.expect("a refusal");
    assert_eq!((refused.len(), refused[0].start()), (1, "SIP/2.0 403 Forbidden"));
    let told = scene.pass(601);
    let over: Vec<_> = told.iter().filter_map(|sent| sent.row("Subscription-State")).collect();
    assert_eq!(over, ["terminated;reason=timeout"]);
}

#[test]
fn there_are_only_so_many_watches() {
    let text = super::scene::policy("").replace("[[peer]]", "[limits]\nregistrations_max = 3\n[[peer]]");
    let mut scene = Scene::under(&text);
    for ue in [BOB, ALICE, CAROL] {
        scene.joins(ue);
        assert_eq!(scene.asks(ue, 600).0.start(), "SIP/2.0 200 OK");
    }
    let (answer, notify) = scene.asks(BOB, 600);
    assert_eq!((answer.start(), notify), ("SIP/2.0 503 Service Unavailable", None));
    // When they are over there is room again; so are the registrations.
    scene.pass(601);
    for ue in [BOB, ALICE] {
        scene.register(ue, 600);
        scene.joins(ue);
        assert_eq!(scene.asks(ue, 600).0.start(), "SIP/2.0 200 OK");
    }
}

/// Two who hold the same change places: what Bob hears is the same, but for what is sealed.
//= P2P-056 type=test
#[test]
fn whoever_it_is_that_shares_a_list_is_the_same() {
    let heard = |first: super::scene::Ue, second: super::scene::Ue| {
        let mut scene = Scene::new("");
        scene.joins(BOB);
        scene.shares(first);
        scene.shares(second);
        let (answer, notify) = scene.asks(BOB, 600);
        let ids = peers(notify.as_ref().unwrap());
        let mut text = format!("{}{}", answer.text(), notify.unwrap().text());
        for id in ids {
            text = text.replace(&id, "ID");
        }
        text
    };
    assert_eq!(heard(ALICE, CAROL), heard(CAROL, ALICE));
}
