//! The Privacy header: how it is read, how it is rewritten, and what critical does.

use crate::counts::moved;
use crate::legs::{
    self, ALLY, ANONYMOUS, CORE, FROM, NET, PAI, Party, STRANGER, UE, answered, deliver, forwarded, policy,
    policy_with_id_handling, policy_with_privacy, refused, request, request_with_body, tells_nothing, world_of,
};
use crate::world::{POLICY, Sent, World};

fn to_ue(privacy_rows: &str) -> Sent {
    forwarded(POLICY, CORE, UE, "INVITE", &format!("{privacy_rows}{PAI}"))
}

#[track_caller]
fn hides_pai(privacy_rows: &str) {
    let sent = to_ue(privacy_rows);
    assert!(
        sent.rows("P-Asserted-Identity").is_empty(),
        "{privacy_rows} {}",
        sent.text()
    );
}

#[track_caller]
fn shows_pai(privacy_rows: &str) {
    let sent = to_ue(privacy_rows);
    assert_eq!(
        sent.rows("P-Asserted-Identity").len(),
        1,
        "{privacy_rows} {}",
        sent.text()
    );
}

// Reading.

//= PRIV-001 type=test
#[test]
fn known_values_are_known_together() {
    let sent = to_ue("Privacy: user;id;critical\r\n");
    assert_eq!(sent.row("Privacy"), Some("id"));
    assert_eq!(sent.row("From"), Some(ANONYMOUS));
    assert!(sent.rows("P-Asserted-Identity").is_empty());
}

//= PRIV-001 type=test
#[test]
fn a_disabled_value_is_like_an_unknown_one() {
    let policy = policy_with_privacy("values = [\"none\", \"id\", \"critical\"]");
    let refusal = refused(&policy, CORE, UE, "INVITE", "Privacy: user;critical\r\n");
    assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: user");
    let sent = forwarded(&policy, CORE, UE, "INVITE", &format!("Privacy: user\r\n{PAI}"));
    assert!(sent.rows("P-Asserted-Identity").is_empty());
    assert_eq!(sent.row("Privacy"), Some("user"));
}

/// More values than are kept: whatever is known among the rest counts, and what cannot be read whole is left as it came.
//= PRIV-011 type=test
#[test]
fn what_stands_behind_many_values_counts() {
    let ignored = policy_with_id_handling("unknown_token = \"ignore\"");
    let many: String = (0..40).map(|number| format!("x-{number};")).collect();
    let shown = forwarded(&ignored, CORE, NET, "INVITE", &format!("Privacy: {many}x\r\n{PAI}"));
    assert_eq!(shown.row("From"), Some(FROM));
    for (value, from, identities) in [("user", ANONYMOUS, 0), ("id", FROM, 0), ("x-40", FROM, 1)] {
        let sent = forwarded(
            &ignored,
            CORE,
            NET,
            "INVITE",
            &format!("Privacy: {many}{value}\r\n{PAI}"),
        );
        assert_eq!(sent.row("From"), Some(from), "{value}");
        assert_eq!(sent.rows("P-Asserted-Identity").len(), identities, "{value}");
        assert_eq!(sent.row("Privacy"), Some(&format!("{many}{value}")[..]));
    }
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"");
    let refusal = refused(&strict, CORE, NET, "INVITE", &format!("Privacy: {many}id\r\n"));
    assert!(refusal.start().starts_with("SIP/2.0 400 "), "{}", refusal.start());
}

/// That `header` can be had here does nothing to who does not ask for it.
//= PRIV-033 type=test
#[test]
fn header_is_for_who_asks() {
    let policy = policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\", \"header\"]");
    let via = "Via: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bK1\r\n";
    let entry = "<sip:al@home1.example>;index=1";
    for (privacy, vias) in [("", 3), ("Privacy: id\r\n", 3), ("Privacy: header\r\n", 1)] {
        let rows = format!("{via}{privacy}History-Info: {entry}\r\n");
        let sent = forwarded(&policy, CORE, NET, "INVITE", &rows);
        assert_eq!(sent.row("History-Info") == Some(entry), vias == 3, "{privacy}");
        assert_eq!(sent.rows("Via").len(), vias, "{privacy}{}", sent.text());
        let is_shown = sent.row("Contact") == Some("<sip:al-secret@10.99.0.7>");
        assert_eq!(is_shown, vias == 3, "{privacy}");
    }
}

/// A disabled value does nothing of what it would do, and `unknown_token` decides about the identity.
//= PRIV-001 type=test
//= PRIV-010 type=test
#[test]
fn a_disabled_value_does_nothing_by_itself() {
    let disabled = |handling: &str| {
        let values = "[privacy]\nvalues = [\"none\", \"id\", \"critical\"]\n[[peer]]";
        policy_with_id_handling(handling).replace("[[peer]]", values)
    };
    let rows = "Subject: s\r\nGeolocation: <cid:x>\r\nDiversion: <sip:d@x>;privacy=full\r\n";
    for value in ["user", "header", "history"] {
        let said = format!("Privacy: {value}\r\n{rows}{PAI}");
        let sent = forwarded(&disabled("unknown_token = \"ignore\""), CORE, NET, "INVITE", &said);
        for name in ["Subject", "Geolocation", "Diversion", "P-Asserted-Identity"] {
            assert_eq!(sent.rows(name).len(), 1, "{value} {name}");
        }
        assert_eq!((sent.row("From"), sent.row("Privacy")), (Some(FROM), Some(value)));
        assert!(
            forwarded(&disabled(""), CORE, NET, "INVITE", &said)
                .rows("P-Asserted-Identity")
                .is_empty()
        );
        let refusal = refused(&disabled("unknown_token = \"reject-500\""), CORE, NET, "INVITE", &said);
        assert_eq!(refusal.start(), format!("SIP/2.0 500 Privacy Service Failure: {value}"));
    }
}

//= PRIV-002 type=test
//= MSG-010 type=test
#[test]
fn case_and_white_space_do_not_matter() {
    for rows in [
        "Privacy: ID\r\n",
        "privacy:id\r\n",
        "PRIVACY : id ; critical \r\n",
        "Privacy: id;\r\n critical\r\n",
        "Privacy:\r\n\tid\r\n",
        "Privacy: session ;\tId\r\n",
    ] {
        hides_pai(rows);
    }
    // Values that stay keep their spelling.
    assert_eq!(to_ue("Privacy: USER; Id ;critical\r\n").row("Privacy"), Some("Id"));
}

//= PRIV-004 type=test
#[test]
fn a_comma_separates_too() {
    hides_pai("Privacy: session, id\r\n");
    hides_pai("Privacy: id,critical\r\n");
    let sent = to_ue("Privacy: id, session, user\r\n");
    assert_eq!(sent.row("Privacy"), Some("id;session"));
}

//= PRIV-005 type=test
#[test]
fn all_rows_are_one_set() {
    let sent = to_ue("Privacy: user\r\nX: y\r\nPrivacy: id\r\n");
    assert_eq!(sent.rows("Privacy"), ["id"]);
    assert_eq!(sent.row("From"), Some(ANONYMOUS));
    // A duplicate counts once; nothing to rewrite leaves the bytes.
    let sent = to_ue("Privacy: id;id\r\nPrivacy: id\r\n");
    assert_eq!(sent.rows("Privacy"), ["id;id", "id"]);
    assert!(sent.rows("P-Asserted-Identity").is_empty());
    assert_eq!(to_ue("Privacy: id;user;id\r\n").rows("Privacy"), ["id"]);
}

//= PRIV-007 type=test
#[test]
fn none_alone_forbids_every_function() {
    let policy = policy("ims", "remove", "remove");
    let rows = format!("Privacy: none\r\nSubject: s\r\n{PAI}");
    for to in [UE, NET] {
        let sent = forwarded(&policy, CORE, to, "INVITE", &rows);
        assert_eq!(sent.row("Privacy"), Some("none"));
        assert_eq!(sent.rows("P-Asserted-Identity").len(), 1);
        assert_eq!(sent.row("From"), Some(FROM));
        assert_eq!(sent.row("Subject"), Some("s"));
        assert_eq!(sent.row("Contact"), Some("<sip:al-secret@10.99.0.7>"));
    }
    let sent = forwarded(&policy, NET, CORE, "INVITE", &rows);
    assert!(sent.rows("P-Asserted-Identity").is_empty());
    assert_eq!(sent.row("Privacy"), Some("none"));
}

//= PRIV-008 type=test
#[test]
fn none_with_others_is_decided_by_the_policy() {
    for (value, anonymous) in [("none;id", false), ("id;none", false), ("none;user", true)] {
        let rows = format!("Privacy: {value}\r\n{PAI}");
        let ims = forwarded(&policy("ims", "keep", "keep"), CORE, UE, "INVITE", &rows);
        assert!(ims.rows("P-Asserted-Identity").is_empty());
        assert_eq!(ims.row("Privacy"), Some(value));
        assert_eq!(ims.row("From") == Some(ANONYMOUS), anonymous);
        let rfc = forwarded(&policy("rfc", "remove", "remove"), CORE, UE, "INVITE", &rows);
        assert_eq!(rfc.rows("P-Asserted-Identity").len(), 1);
        assert_eq!(rfc.row("Privacy"), Some(value));
        assert_eq!(rfc.row("From"), Some(FROM));
        let strict = policy_with_id_handling("conflict_none = \"reject-400\"");
        assert!(
            refused(&strict, CORE, UE, "INVITE", &rows)
                .start()
                .starts_with("SIP/2.0 400 ")
        );
    }
}

//= PRIV-009 type=test
#[test]
fn critical_counts_anywhere_and_alone_asks_for_id() {
    for value in ["critical;id;foo", "id;foo;critical", "id;critical;foo"] {
        let refusal = refused(POLICY, CORE, UE, "INVITE", &format!("Privacy: {value}\r\n"));
        assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: foo");
    }
    assert_eq!(to_ue("Privacy: critical;id\r\n").row("Privacy"), Some("id"));
    let alone = to_ue("Privacy: critical\r\n");
    assert!(alone.rows("P-Asserted-Identity").is_empty());
    assert_eq!(alone.row("Privacy"), Some("critical"));
}

//= PRIV-010 type=test
#[test]
fn an_unknown_value_hides_nothing_of_the_known_ones() {
    let sent = to_ue("Privacy: foo;user;id;bar\r\n");
    assert_eq!(sent.row("Privacy"), Some("foo;id;bar"));
    assert_eq!(sent.row("From"), Some(ANONYMOUS));
    assert!(sent.rows("P-Asserted-Identity").is_empty());
}

//= PRIV-010 type=test
#[test]
fn an_unknown_value_alone_is_as_the_policy_says() {
    hides_pai("Privacy: foo\r\n");
    assert_eq!(to_ue("Privacy: foo\r\n").row("Privacy"), Some("foo"));
    let rows = format!("Privacy: foo\r\n{PAI}");
    let ignores = policy_with_id_handling("unknown_token = \"ignore\"");
    let sent = forwarded(&ignores, CORE, UE, "INVITE", &rows);
    assert_eq!(sent.rows("P-Asserted-Identity").len(), 1);
    let strict = policy_with_id_handling("unknown_token = \"reject-500\"");
    assert!(
        refused(&strict, CORE, UE, "INVITE", &rows)
            .start()
            .starts_with("SIP/2.0 500 Privacy")
    );
    assert_eq!(
        forwarded(&strict, CORE, ALLY, "INVITE", &rows).row("Privacy"),
        Some("foo")
    );
}

//= PRIV-011 type=test
#[test]
fn what_is_no_token_is_as_unknown_and_stays() {
    for value in ["\"id\"", "id=1", "us\u{1}er", "\"a;user\""] {
        let sent = to_ue(&format!("Privacy: {value}\r\n"));
        assert!(sent.rows("P-Asserted-Identity").is_empty(), "{value}");
        assert_eq!(sent.row("Privacy"), Some(value));
    }
    let sent = to_ue("Privacy: \"x\";user\r\n");
    assert_eq!(sent.row("Privacy"), Some("\"x\";user"));
    assert_eq!(sent.row("From"), Some(ANONYMOUS));
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"");
    let refusal = refused(&strict, CORE, UE, "INVITE", "Privacy: \"id\"\r\n");
    assert!(refusal.start().starts_with("SIP/2.0 400 "));
}

//= PRIV-011 type=test
#[test]
fn an_empty_row_asks_for_nothing() {
    for value in ["", ";", " ; ;,"] {
        let sent = to_ue(&format!("Privacy: {value}\r\n"));
        assert_eq!(sent.rows("P-Asserted-Identity").len(), 1, "{value:?}");
        assert_eq!(sent.rows("Privacy"), [value.trim()]);
        let remove = forwarded(
            &policy("ims", "remove", "keep"),
            CORE,
            UE,
            "INVITE",
            &format!("Privacy: {value}\r\n{PAI}"),
        );
        assert!(remove.rows("P-Asserted-Identity").is_empty());
    }
    hides_pai("Privacy: id;\r\n");
}

//= PRIV-013 type=test
#[test]
fn tokens_of_abandoned_drafts() {
    for value in ["full", "name", "uri", "yes", "FULL"] {
        let sent = forwarded(POLICY, CORE, NET, "INVITE", &format!("Privacy: {value}\r\n{PAI}"));
        assert!(sent.rows("P-Asserted-Identity").is_empty(), "{value}");
        assert_eq!(sent.row("Privacy"), Some(value));
    }
    for value in ["off", "no"] {
        let rows = format!("Privacy: {value}\r\n{PAI}");
        assert_eq!(
            forwarded(POLICY, CORE, NET, "INVITE", &rows)
                .rows("P-Asserted-Identity")
                .len(),
            1
        );
        let remove = forwarded(&policy("ims", "remove", "remove"), CORE, NET, "INVITE", &rows);
        assert!(remove.rows("P-Asserted-Identity").is_empty(), "{value}");
        assert_eq!(remove.row("Privacy"), Some(value));
    }
    let other = policy_with_id_handling("legacy_tokens = { full = \"user\" }");
    let sent = forwarded(&other, CORE, NET, "INVITE", "Privacy: full\r\n");
    assert_eq!((sent.row("From"), sent.row("Privacy")), (Some(ANONYMOUS), Some("full")));
}

//= PRIV-013 type=test
#[test]
fn a_peers_alias_holds_for_that_peer_alone() {
    let policy = POLICY.replace(
        "prefixes = [\"192.0.2.64/26\"]",
        "prefixes = [\"192.0.2.64/26\"]\naliases = { off = \"none\" }",
    );
    let policy = policy.replace("to_untrusted = \"keep\"", "to_untrusted = \"remove\"");
    let rows = format!("Privacy: off\r\n{PAI}");
    assert_eq!(
        forwarded(&policy, ALLY, NET, "INVITE", &rows)
            .rows("P-Asserted-Identity")
            .len(),
        1
    );
    assert!(
        forwarded(&policy, CORE, NET, "INVITE", &rows)
            .rows("P-Asserted-Identity")
            .is_empty()
    );
}

/// Methods with a body of rules of their own, and one that nobody knows.
const METHODS: &[&str] = &[
    "INVITE",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "OPTIONS",
    "INFO",
    "REFER",
    "UPDATE",
    "PRACK",
    "BYE",
    "FOO",
];

//= PRIV-014 type=test
//= PRIV-041 type=test
#[test]
fn every_method_is_under_the_same_rules() {
    for method in METHODS {
        for to in [UE, NET] {
            let shown = forwarded(POLICY, CORE, to, method, PAI);
            assert_eq!(shown.rows("P-Asserted-Identity").len(), 1, "{method}");
            let hidden = forwarded(POLICY, CORE, to, method, &format!("Privacy: id;user\r\n{PAI}"));
            tells_nothing(&hidden);
            assert_eq!(hidden.row("From"), Some(ANONYMOUS), "{method}");
            assert_eq!(hidden.row("Privacy"), Some("id"), "{method}");
        }
        let inward = forwarded(POLICY, NET, CORE, method, &format!("Privacy: none\r\n{PAI}"));
        assert!(inward.rows("P-Asserted-Identity").is_empty(), "{method}");
    }
}

//= PRIV-041 type=test
#[test]
fn an_ack_never_carries_an_identity_out_or_in() {
    for rows in [PAI.to_owned(), format!("Privacy: none\r\n{PAI}")] {
        let sent = forwarded(POLICY, NET, CORE, "ACK", &rows);
        assert!(sent.rows("P-Asserted-Identity").is_empty(), "{}", sent.text());
        // Outside, one that belongs to no dialog of ours goes nowhere; others: tests/dialogs.rs.
        for to in [UE, NET] {
            let text = legs::request(CORE, to, "ACK", &rows);
            assert!(World::new(POLICY).packet(CORE.listener, CORE.address, &text).is_empty());
        }
    }
}

//= PRIV-015 type=test
#[test]
fn only_the_field_of_the_message_counts() {
    for rows in [
        "Contact: <sip:al@192.0.2.50?Privacy=id>\r\n",
        "Refer-To: <sip:x@y?Privacy=user>\r\n",
        "History-Info: <sip:x@y?Privacy=id>;index=1\r\n",
        "X-Privacy: id\r\n",
        "Subject: Privacy: id\r\n",
    ] {
        shows_pai(rows);
        assert_eq!(to_ue(rows).row("From"), Some(FROM));
    }
}

// Rewriting.

//= PRIV-037 type=test
#[test]
fn performed_values_go_and_id_stays_to_be_told_from_lost() {
    let rfc = policy("rfc", "keep", "keep");
    for (value, ims_left, rfc_left) in [
        ("user;id;critical", Some("id"), None),
        ("user", None, None),
        ("id", Some("id"), None),
        ("id;critical", Some("id"), None),
        ("user;critical", None, None),
        ("id;session", Some("id;session"), Some("session")),
        ("user;session", Some("session"), Some("session")),
    ] {
        let rows = format!("Privacy: {value}\r\n");
        assert_eq!(
            forwarded(POLICY, CORE, UE, "INVITE", &rows).row("Privacy"),
            ims_left,
            "ims {value}"
        );
        assert_eq!(
            forwarded(&rfc, CORE, UE, "INVITE", &rows).row("Privacy"),
            rfc_left,
            "rfc {value}"
        );
        assert_eq!(
            answered(POLICY, CORE, NET, "200 OK", &rows).row("Privacy"),
            ims_left,
            "200 {value}"
        );
    }
}

//= PRIV-037 type=test
#[test]
fn an_identity_lost_for_lack_of_trust_adds_no_privacy() {
    for (from, to) in [(NET, CORE), (NET, UE), (STRANGER, NET)] {
        let sent = forwarded(POLICY, from, to, "INVITE", PAI);
        assert!(sent.rows("P-Asserted-Identity").is_empty() && sent.rows("Privacy").is_empty());
    }
}

//= PRIV-039 type=test
#[test]
fn the_option_tag_goes_with_the_last_of_the_header() {
    let sent = forwarded(
        POLICY,
        CORE,
        UE,
        "INVITE",
        "Privacy: user\r\nProxy-Require: privacy\r\n",
    );
    assert!(sent.rows("Proxy-Require").is_empty() && sent.rows("Privacy").is_empty());
    let sent = forwarded(
        POLICY,
        CORE,
        UE,
        "INVITE",
        "Privacy: user\r\nProxy-Require: path, Privacy\r\n",
    );
    assert_eq!(sent.row("Proxy-Require"), Some("path"));
    let sent = forwarded(
        POLICY,
        CORE,
        UE,
        "INVITE",
        "Privacy: user;id\r\nProxy-Require: privacy\r\n",
    );
    assert_eq!(
        (sent.row("Proxy-Require"), sent.row("Privacy")),
        (Some("privacy"), Some("id"))
    );
    let sent = forwarded(
        POLICY,
        CORE,
        ALLY,
        "INVITE",
        "Privacy: user\r\nProxy-Require: privacy\r\n",
    );
    assert_eq!(sent.row("Proxy-Require"), Some("privacy"));
    let refusal = refused(
        POLICY,
        CORE,
        UE,
        "INVITE",
        "Privacy: user\r\nProxy-Require: privacy, foo\r\n",
    );
    assert!(refusal.start().starts_with("SIP/2.0 420 "));
    assert_eq!(refusal.row("Unsupported"), Some("foo"));
}

//= PRIV-039 type=test
#[test]
fn without_the_function_the_option_tag_is_not_understood() {
    let policy = policy_with_privacy("values = []");
    let refusal = refused(&policy, CORE, UE, "INVITE", "Proxy-Require: privacy\r\n");
    assert!(refusal.start().starts_with("SIP/2.0 420 "));
    assert_eq!(refusal.row("Unsupported"), Some("privacy"));
}

//= PRIV-028 type=test
#[test]
fn what_is_anonymous_already_stays_as_it_is() {
    for from in [
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
        "\"Nobody at all\" <sip:anonymous@anonymous.invalid>;tag=1;x=y",
    ] {
        let sent = forwarded(
            POLICY,
            CORE,
            UE,
            "INVITE",
            &format!("Privacy: user\r\nFrom: {from}\r\n"),
        );
        assert_eq!(sent.row("From"), Some(from));
    }
}

//= PRIV-028 type=test
#[test]
fn a_second_application_changes_nothing() {
    let rows = format!("Privacy: user;id\r\nSubject: s\r\nUser-Agent: u\r\n{PAI}");
    let once = forwarded(POLICY, CORE, NET, "MESSAGE", &rows);
    let again = once.text().replace("bob@net.example", "bob@ue.example");
    let mut other = World::with(POLICY, crate::world::keys_of_instance(9), [2; 32]);
    let twice = legs::deliver(&mut other, CORE, UE, &again);
    for name in ["From", "Contact", "Call-ID", "CSeq", "Privacy", "Subject", "User-Agent"] {
        assert_eq!(twice.rows(name).len(), once.rows(name).len(), "{name}");
    }
    assert_eq!(twice.row("From"), once.row("From"));
    assert_eq!(twice.row("Privacy"), once.row("Privacy"));
}

//= PRIV-101 type=test
//= PRIV-103 type=test
#[test]
fn what_only_its_sender_could_hide_is_counted_on_its_way_out() {
    let counted = |to: Party, rows: &str| {
        let mut world = world_of(POLICY, &[to]);
        let before = world.engine.counts();
        let sent = deliver(&mut world, CORE, to, &request(CORE, to, "MESSAGE", rows));
        rows.lines()
            .filter(|row| !row.starts_with("Privacy"))
            .for_each(|row| assert!(sent.text().contains(row)));
        let moved = moved(&before, &world.engine.counts());
        moved
            .into_iter()
            .filter(|row| row.starts_with("sipveil_left"))
            .collect::<Vec<_>>()
    };
    let credentials = "Privacy: user\r\nProxy-Authorization: Digest username=\"al\", realm=\"elsewhere\"\r\n";
    let cpim = "Privacy: user\r\nContent-Type: Message/CPIM ;charset=x\r\n";
    assert_eq!(
        counted(NET, credentials),
        ["sipveil_left_total{what=\"credentials\"} 1"]
    );
    assert_eq!(counted(NET, cpim), ["sipveil_left_total{what=\"body\"} 1"]);
    let nothing: [String; 0] = [];
    assert_eq!(counted(NET, "Privacy: user\r\nContent-Type: text/plain\r\n"), nothing);
    assert_eq!(counted(NET, &cpim.replace("user", "id")), nothing);
    assert_eq!(counted(ALLY, cpim), nothing);
}

//= ROLE-004 type=test
//= PRIV-103 type=test
//= PRIV-031 type=test
#[test]
fn tags_numbers_and_bodies_are_nobodys_business() {
    let body = "v=0\r\no=al-secret 1 1 IN IP4 10.99.0.7\r\ns=-\r\nc=IN IP4 10.99.0.7\r\nm=audio 4000 RTP/AVP 0\r\n";
    for value in ["none", "id", "user", "user;id;critical", "session"] {
        let rows = format!("Privacy: {value}\r\nContent-Type: application/sdp\r\n");
        for to in [UE, NET, ALLY] {
            let text = request_with_body(CORE, to, "INVITE", &rows, body);
            let sent = legs::deliver(&mut World::new(POLICY), CORE, to, &text);
            assert!(sent.text().ends_with(&format!("\r\n\r\n{body}")), "{}", sent.text());
            assert!(sent.row("From").unwrap().ends_with(";tag=7"));
            assert_eq!(sent.row("CSeq"), Some("1 INVITE"));
            assert_eq!(sent.row("Call-ID"), Some("call-1"));
        }
    }
}

// critical.

//= PRIV-060 type=test
#[test]
fn what_cannot_be_given_is_named_and_nothing_is_sent() {
    for (value, named) in [
        ("id;foo;critical", "foo"),
        ("session;foo;critical", "session, foo"),
        ("user;header;critical", "header"),
        ("history;foo;critical", "foo"),
    ] {
        for to in [UE, NET] {
            let refusal = refused(POLICY, CORE, to, "INVITE", &format!("Privacy: {value}\r\n{PAI}"));
            assert_eq!(refusal.start(), format!("SIP/2.0 500 Privacy Service Failure: {named}"));
            assert_eq!(refusal.row("From"), Some(FROM));
            assert!(refusal.rows("P-Asserted-Identity").is_empty());
        }
    }
    let without = policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\"]");
    let refusal = refused(&without, CORE, UE, "INVITE", "Privacy: history;critical\r\n");
    assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: history");
    let long = "x".repeat(300);
    let refusal = refused(POLICY, CORE, UE, "INVITE", &format!("Privacy: {long};critical\r\n"));
    assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: other");
    let exact = "x".repeat(32);
    let refusal = refused(POLICY, CORE, UE, "INVITE", &format!("Privacy: {exact};critical\r\n"));
    assert_eq!(refusal.start(), format!("SIP/2.0 500 Privacy Service Failure: {exact}"));
}

//= PRIV-062 type=test
#[test]
fn user_is_not_to_be_had_when_the_call_id_tells() {
    let legacy = POLICY.replace("[[peer]]\nname = \"ally\"", "[[peer]]\nname = \"old\"\nprefixes = [\"192.0.2.9/32\"]\nanonymise_from_for_legacy = false\n[[peer]]\nname = \"ally\"");
    let with_call_id = |call_id: &str, value: &str| {
        let rows = format!("Privacy: {value}\r\nVia: SIP/2.0/UDP phone.inside.example;branch=z9hG4bKp\r\n");
        legs::request(CORE, NET, "INVITE", &rows).replace("Call-ID: call-1", &format!("Call-ID: {call_id}"))
    };
    for call_id in [
        "x@10.99.0.7",
        "x@[2001:db8::7]",
        "x@home1.example",
        "x@pc.home1.example",
        "x@phone.inside.example",
    ] {
        let sent = World::new(POLICY).packet(CORE.listener, CORE.address, &with_call_id(call_id, "user;critical"));
        assert_eq!(
            sent[0].start(),
            "SIP/2.0 500 Privacy Service Failure: user",
            "{call_id}"
        );
        // Not critical: as well as can be.
        let sent = legs::deliver(&mut World::new(POLICY), CORE, NET, &with_call_id(call_id, "user"));
        assert_eq!(sent.row("From"), Some(ANONYMOUS));
        assert_eq!(sent.row("Privacy"), Some("user"));
    }
    for call_id in ["x", "x@elsewhere.example", "x@nothome1.example"] {
        let sent = legs::deliver(
            &mut World::new(POLICY),
            CORE,
            NET,
            &with_call_id(call_id, "user;critical"),
        );
        assert_eq!(sent.row("Privacy"), None, "{call_id}");
    }
    let refusal = refused(&legacy, CORE, NET, "INVITE", "Privacy: user;critical\r\n");
    assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: user");
    // What ends a call is not refused; that it was critical is still to be read, as it was not given.
    let bye = forwarded(&legacy, CORE, NET, "BYE", "Privacy: user;critical\r\n");
    assert_eq!(bye.row("Privacy"), Some("user;critical"));
}

//= PRIV-063 type=test
//= PRIV-034 type=test
#[test]
fn without_critical_what_is_possible_is_given() {
    let sent = to_ue("Privacy: session;id\r\n");
    assert!(sent.rows("P-Asserted-Identity").is_empty());
    assert_eq!(sent.row("Privacy"), Some("session;id"));
    let strict = policy_with_privacy("unprovidable_without_critical = \"reject-500\"");
    let refusal = refused(&strict, CORE, UE, "INVITE", "Privacy: session;id\r\n");
    assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: session");
    assert_eq!(
        forwarded(&strict, CORE, UE, "INVITE", "Privacy: id\r\n").row("Privacy"),
        Some("id")
    );
}

//= PRIV-064 type=test
#[test]
fn a_response_is_delivered_whatever_it_asks() {
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"\nconflict_none = \"reject-400\"");
    for policy in [POLICY, &strict] {
        for value in [
            "session;id;critical",
            "foo;id;critical",
            "\"x\";id;critical",
            "none;id;critical",
        ] {
            for status in ["183 Progress", "200 OK", "486 Busy Here"] {
                let sent = answered(policy, CORE, NET, status, &format!("Privacy: {value}\r\n{PAI}"));
                assert_eq!(sent.start(), format!("SIP/2.0 {status}"));
                assert!(sent.rows("P-Asserted-Identity").is_empty());
            }
        }
    }
}

/// Under a policy that refuses what cannot be read, a response keeps what can be.
//= PRIV-064 type=test
//= PRIV-010 type=test
#[test]
fn a_response_that_would_be_refused_gets_all_it_asks_for() {
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"\nconflict_none = \"reject-400\"");
    for value in ["\"x\";user", "none;user"] {
        let rows = format!("Privacy: {value}\r\nServer: al-secret\r\nContact: <sip:al-secret@10.20.0.9>\r\n");
        let sent = answered(&strict, CORE, NET, "200 OK", &rows);
        assert!(sent.rows("Server").is_empty(), "{}", sent.text());
        assert!(!sent.row("Contact").unwrap().contains("al-secret"), "{}", sent.text());
        assert_eq!(sent.row("Privacy"), Some(value));
    }
}

/// What ends a session, or has no answer, passes a policy that refuses what cannot be read, and hides what it can.
//= PRIV-065 type=test
//= PRIV-008 type=test
//= PRIV-011 type=test
#[test]
fn what_releases_a_session_is_not_refused_for_its_privacy_header() {
    let strict = policy_with_id_handling("malformed_privacy = \"reject-400\"\nconflict_none = \"reject-400\"");
    for value in ["\"x\";user", "none;user"] {
        for method in ["BYE", "PRACK"] {
            let rows = format!("Privacy: {value}\r\nUser-Agent: al-secret\r\n");
            let sent = forwarded(&strict, CORE, UE, method, &rows);
            assert_eq!(
                (sent.row("From"), sent.row("Privacy")),
                (Some(ANONYMOUS), Some(value)),
                "{method}"
            );
            assert!(sent.rows("User-Agent").is_empty(), "{method}");
        }
        let refusal = refused(&strict, CORE, UE, "UPDATE", &format!("Privacy: {value}\r\n"));
        assert_eq!(refusal.start(), "SIP/2.0 400 Bad Privacy");
    }
}

//= PRIV-065 type=test
#[test]
fn what_releases_a_session_is_always_forwarded() {
    for method in ["BYE", "PRACK"] {
        let sent = forwarded(POLICY, CORE, UE, method, &format!("Privacy: id;foo;critical\r\n{PAI}"));
        assert!(sent.rows("P-Asserted-Identity").is_empty(), "{method}");
        assert_eq!(sent.row("Privacy"), Some("id;foo;critical"));
    }
    for method in [
        "UPDATE",
        "INFO",
        "MESSAGE",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "OPTIONS",
        "FOO",
    ] {
        let refusal = refused(POLICY, CORE, UE, method, "Privacy: id;foo;critical\r\n");
        assert_eq!(refusal.start(), "SIP/2.0 500 Privacy Service Failure: foo", "{method}");
    }
}

//= PRIV-042 type=test
#[test]
fn a_registration_keeps_what_it_says() {
    let rows = "Privacy: user;foo;critical\r\nUser-Agent: u\r\nPath: <sip:10.20.0.8;lr>\r\n";
    // Inwards, and where a route of the policy leads a registration outside.
    for (from, to) in [(ALLY, CORE), (CORE, NET)] {
        let sent = forwarded(POLICY, from, to, "REGISTER", rows);
        assert_eq!(sent.row("From"), Some(FROM));
        assert_eq!(sent.row("Contact"), Some("<sip:al-secret@10.99.0.7>"));
        assert_eq!(sent.row("Privacy"), Some("user;foo;critical"));
        assert_eq!(sent.row("User-Agent"), Some("u"));
        assert_eq!(sent.rows("Path").last(), Some(&"<sip:10.20.0.8;lr>"));
    }
}

//= PRIV-042 type=test
#[test]
fn the_answer_to_a_registration_keeps_its_contacts() {
    let mut world = World::new(POLICY);
    let register = legs::deliver(&mut world, NET, CORE, &legs::request(NET, CORE, "REGISTER", ""));
    let rows = "Contact: <sip:al-secret@192.0.2.9>;expires=60\r\nPrivacy: user\r\n";
    let ok = legs::reply(&mut world, &register, CORE, NET, "200 OK", "r", rows);
    assert_eq!(ok.row("Contact"), Some("<sip:al-secret@192.0.2.9>;expires=60"));
}

//= PAI-008 type=test
#[test]
fn of_surplus_identities_the_first_pass() {
    let rows = "P-Asserted-Identity: <sip:a@x>,<sip:b@x>,<tel:+1>,<sips:c@x>\r\nP-Asserted-Identity: <mailto:d@x>, <tel:+2>\r\n";
    for to in [ALLY, UE, NET] {
        let sent = forwarded(POLICY, CORE, to, "INVITE", rows);
        let values: Vec<&str> = sent
            .rows("P-Asserted-Identity")
            .iter()
            .flat_map(|row| row.split(','))
            .map(str::trim)
            .collect();
        assert_eq!(values, ["<sip:a@x>", "<tel:+1>"]);
    }
    // Of each scheme alone.
    for (values, first) in [
        ("<tel:+1>, <tel:+2>", "<tel:+1>"),
        ("<sip:a@x>, <sip:b@x>", "<sip:a@x>"),
    ] {
        let rows = format!("P-Asserted-Identity: {values}\r\n");
        let sent = forwarded(POLICY, CORE, ALLY, "INVITE", &rows);
        assert_eq!(sent.rows("P-Asserted-Identity"), [first]);
    }
}

//= MSG-013 type=test
#[test]
fn an_unreadable_identity_stays_inside_and_never_gets_out() {
    let broken = "P-Asserted-Identity: <sip:broken-15550001\r\n";
    assert_eq!(
        forwarded(POLICY, CORE, ALLY, "INVITE", broken)
            .rows("P-Asserted-Identity")
            .len(),
        1
    );
    for (from, to, privacy) in [
        (CORE, UE, "Privacy: id\r\n"),
        (NET, CORE, ""),
        (NET, UE, ""),
        (CORE, NET, ""),
        (CORE, UE, ""),
    ] {
        let sent = forwarded(POLICY, from, to, "INVITE", &format!("{privacy}{broken}"));
        assert!(!sent.text().contains("15550001"), "{}", sent.text());
    }
    let beside = "Privacy: none\r\nP-Asserted-Identity: <sip:a@x>, <sip:broken-15550001\r\n";
    let sent = forwarded(POLICY, CORE, NET, "INVITE", beside);
    assert_eq!(sent.rows("P-Asserted-Identity"), ["<sip:a@x>"]);
}
