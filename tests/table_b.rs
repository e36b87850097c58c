//! Table B: what the values of a privacy set do to each field on a boundary leg.

use crate::legs::{ALLY, ANONYMOUS, CORE, FROM, NET, PAI, UE, answered, forwarded, policy_with_privacy, tells_nothing};
use crate::world::POLICY;

//= PRIV-090 type=test
//= PRIV-089 type=test
#[test]
fn the_answer_of_a_party_with_privacy_user_names_no_host_of_its_own() {
    let rows = "Privacy: user\r\nWarning: 399 ue7.home.example \"x, y\", 307 10.99.0.7:5060 \"z\"\r\nServer: s\r\nReply-To: <sip:a@b>\r\n";
    let sent = answered(POLICY, CORE, NET, "200 OK", rows);
    assert_eq!(sent.row("Warning"), Some("399 anonymous \"x, y\", 307 anonymous \"z\""));
    assert!(sent.rows("Server").is_empty() && sent.rows("Reply-To").is_empty());
}

//= PRIV-091 type=test
#[test]
fn a_referrer_is_hidden_in_its_own_refer_only() {
    let rows = "Privacy: user\r\nReferred-By: <sip:al-secret@x>;cid=\"al-secret@x\"\r\nr: b\r\n";
    let sent = forwarded(POLICY, CORE, NET, "REFER", rows);
    assert_eq!(sent.row("Referred-By"), Some("<sip:anonymous@anonymous.invalid>"));
    let twice = "Privacy: user\r\nReferred-By: <sip:a@x>\r\nb: <sip:al-secret@x>\r\n";
    tells_nothing(&forwarded(POLICY, CORE, NET, "REFER", twice));
    let sent = forwarded(
        POLICY,
        CORE,
        NET,
        "INVITE",
        "Privacy: user\r\nReferred-By: <sip:alice@x>\r\n",
    );
    assert_eq!(sent.row("Referred-By"), Some("<sip:alice@x>"));
}

/// Either mark of a temporary GRUU is enough; a public one names its owner.
//= PRIV-082 type=test
#[test]
fn a_temporary_contact_names_nobody() {
    for (contact, is_shown) in [
        ("<sip:tgruu.a1@h.example;gr>", true),
        ("<sip:a1@h.example;gr>", true),
        ("<sip:TGRUU.a1@h.example>", true),
        ("<sip:a1@h.example>", false),
        ("<sip:a1@h.example;gr=urn:x>", false),
        ("<sip:h.example;gr=urn:x>", false),
        ("<sip:h.example>", true),
        ("\"Al\" <sip:h.example>", false),
    ] {
        let rows = format!("Privacy: user\r\nContact: {contact}\r\n");
        let sent = forwarded(POLICY, CORE, NET, "INVITE", &rows);
        assert_eq!(sent.row("Contact") == Some(contact), is_shown, "{contact}");
    }
}

//= PRIV-097 type=test
#[test]
fn diversion_and_remote_party_id() {
    let diversion = |value: &str, privacy: &str| {
        let rows = format!("Privacy: {privacy}\r\nDiversion: {value}\r\n");
        !forwarded(POLICY, CORE, NET, "INVITE", &rows)
            .rows("Diversion")
            .is_empty()
    };
    assert!(!diversion("<sip:bob@x>;privacy=full", "user"));
    assert!(diversion("<sip:bob@x>;privacy=off", "user"));
    assert!(diversion("<sip:bob@x>", "user"));
    assert!(diversion("<sip:bob@x>;privacy=full", "id"));
    assert!(!diversion("<sip:bob@x>", "history"));
    let party = "Remote-Party-ID: <sip:al@x>\r\n";
    for (from, to) in [(NET, CORE), (UE, CORE), (CORE, ALLY)] {
        assert!(
            forwarded(POLICY, from, to, "INVITE", party)
                .rows("Remote-Party-ID")
                .is_empty()
        );
    }
    let passes = policy_with_privacy("remote_party_id = \"pass\"");
    assert_eq!(
        forwarded(&passes, CORE, UE, "INVITE", party)
            .rows("Remote-Party-ID")
            .len(),
        1
    );
    let off = "Remote-Party-ID: <sip:al@x>;party=calling;screen=yes;privacy=OFF\r\n";
    assert_eq!(
        forwarded(&passes, CORE, UE, "INVITE", off)
            .rows("Remote-Party-ID")
            .len(),
        1
    );
    let hidden = forwarded(&passes, CORE, UE, "INVITE", &format!("Privacy: id\r\n{party}"));
    assert!(hidden.rows("Remote-Party-ID").is_empty());
    let own = forwarded(
        &passes,
        CORE,
        UE,
        "INVITE",
        "Remote-Party-ID: <sip:al@x>;privacy=full\r\n",
    );
    assert!(own.rows("Remote-Party-ID").is_empty());
}

//= PRIV-099 type=test
//= PRIV-100 type=test
//= PRIV-101 type=test
#[test]
fn places_signatures_and_session_ids() {
    let rows = "Geolocation: <cid:x>\r\nGeolocation-Routing: yes\r\nIdentity: x\r\nIdentity-Info: <http://x>\r\nSession-ID: ab\r\n";
    let names = [
        "Geolocation",
        "Geolocation-Routing",
        "Identity",
        "Identity-Info",
        "Session-ID",
    ];
    let left = |policy: &str, privacy: &str| {
        let sent = forwarded(policy, CORE, UE, "INVITE", &format!("Privacy: {privacy}\r\n{rows}"));
        names.map(|name| !sent.rows(name).is_empty())
    };
    assert_eq!(left(POLICY, "id"), [true; 5]);
    assert_eq!(left(POLICY, "user"), [false, false, false, false, true]);
    let strips = policy_with_privacy("strip_session_id_on_user = true\nstrip_identity_on_id_to_ue = true");
    assert_eq!(left(&strips, "user"), [false; 5]);
    assert_eq!(left(&strips, "id"), [true, true, false, false, true]);
}

/// A signature goes when From changes, and only then: an anonymous From that came signed stays signed.
//= PRIV-100 type=test
//= PRIV-028 type=test
#[test]
fn a_signature_goes_with_the_from_it_signs() {
    let left = |policy: &str, from: &str, privacy: &str| {
        let rows = format!("From: {from}\r\nPrivacy: {privacy}\r\nIdentity: x\r\nn: <http://x>\r\n");
        let sent = forwarded(policy, CORE, NET, "INVITE", &rows);
        (sent.rows("Identity").len(), sent.rows("n").len())
    };
    assert_eq!(left(POLICY, FROM, "user"), (0, 0));
    assert_eq!(left(POLICY, ANONYMOUS, "user"), (1, 1));
    let by_id = policy_with_privacy("id_anonymises_from = true");
    assert_eq!(left(&by_id, FROM, "id"), (0, 0));
    assert_eq!(left(POLICY, FROM, "id"), (1, 1));
}

//= PRIV-080 type=test
#[test]
fn the_anonymous_host_is_the_operators_choice() {
    let policy = policy_with_privacy("anonymous_host = \"home1.example\"");
    let rows = "Privacy: user\r\nFrom: \"Al\" <sip:al@x>;tag=7;foo=1\r\n";
    let sent = forwarded(&policy, CORE, UE, "MESSAGE", rows);
    assert_eq!(
        sent.row("From"),
        Some("\"Anonymous\" <sip:anonymous@home1.example>;tag=7")
    );
    assert_eq!(
        forwarded(POLICY, CORE, UE, "MESSAGE", rows).row("From"),
        Some(ANONYMOUS)
    );
    let sent = answered(POLICY, CORE, NET, "200 OK", "Privacy: user\r\n");
    assert_eq!(
        sent.row("From"),
        Some(FROM),
        "the From of a response is the requester's"
    );
}

//= PRIV-082 type=test
#[test]
fn a_contact_keeps_what_names_nobody() {
    let contact = |value: &str| {
        let rows = format!("Privacy: user\r\nContact: {value}\r\n");
        forwarded(POLICY, CORE, UE, "INVITE", &rows)
            .row("Contact")
            .unwrap()
            .to_owned()
    };
    let hidden = contact("<sip:+4930123@10.0.0.7;gr=urn:uuid:1>;audio;+sip.instance=\"<urn:uuid:1>\";ob;expires=5");
    assert!(hidden.ends_with("@10.30.0.1:5060>;audio;expires=5"), "{hidden}");
    assert!(!hidden.contains("4930123") && !hidden.contains("uuid"), "{hidden}");
    for kept in [
        "<sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr>",
        "<sip:10.0.0.7>",
    ] {
        assert_eq!(contact(kept), kept);
    }
}

/// A policy that provides everything but `session`.
fn everything() -> String {
    policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]")
}

//= PRIV-033 type=test
//= PRIV-036 type=test
//= PRIV-083 type=test
//= PRIV-084 type=test
//= PRIV-085 type=test
#[test]
fn the_column_header() {
    let rows = "Via: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bKal\r\nRecord-Route: <sip:10.99.0.7;lr>\r\n\
                Contact: <sip:10.99.0.7>;audio\r\nDiversion: <sip:al-secret@x>\r\nGeolocation: <cid:10.99.0.7>\r\n\
                Call-Info: <http://i>\r\nOrganization: o\r\nUser-Agent: u\r\nSubject: s\r\nReply-To: <sip:r@x>\r\nSession-ID: ab\r\n\
                Identity: i\r\nReferred-By: <sip:b@x>\r\n";
    for to in [UE, NET] {
        let sent = forwarded(
            &everything(),
            CORE,
            to,
            "INVITE",
            &format!("Privacy: header\r\n{PAI}{rows}"),
        );
        for gone in ["P-Asserted-Identity", "Diversion", "Geolocation", "Privacy"] {
            assert!(sent.rows(gone).is_empty(), "{gone}");
        }
        for kept in [
            "Call-Info",
            "Organization",
            "User-Agent",
            "Subject",
            "Reply-To",
            "Session-ID",
            "Identity",
        ] {
            assert_eq!(sent.rows(kept).len(), 1, "{kept}");
        }
        assert_eq!(sent.row("From"), Some(FROM), "header alone anonymises nobody");
        assert_eq!(sent.rows("Via").len(), 1);
        let is_ours = |row: &&str| row.contains("0.1:5060") || row.contains("192.0.2.1:5060");
        assert!(sent.rows("Record-Route").iter().all(is_ours), "{}", sent.text());
        let contact = sent.row("Contact").unwrap();
        assert!(
            contact.starts_with("<sip:") && contact.ends_with(">;audio"),
            "{contact}"
        );
        assert!(!sent.text().contains("10.99.0.7"), "{}", sent.text());
        let sent = forwarded(
            &everything(),
            CORE,
            to,
            "INVITE",
            &format!("Privacy: id;header\r\n{PAI}{rows}"),
        );
        assert_eq!((sent.row("Privacy"), sent.rows("Via").len()), (Some("id"), 1));
        assert_eq!(sent.row("From"), Some(FROM));
        let sent = forwarded(
            &everything(),
            CORE,
            to,
            "INVITE",
            &format!("Privacy: user;header;critical\r\n{PAI}{rows}"),
        );
        tells_nothing(&sent);
        assert!(sent.rows("Privacy").is_empty(), "all was given");
    }
    let inner = forwarded(
        &everything(),
        CORE,
        ALLY,
        "INVITE",
        &format!("Privacy: header\r\n{PAI}{rows}"),
    );
    assert_eq!((inner.rows("Via").len(), inner.row("Privacy")), (3, Some("header")));
    let registers = forwarded(
        &everything(),
        UE,
        CORE,
        "REGISTER",
        "Privacy: header\r\nContact: <sip:10.99.0.7>\r\n",
    );
    assert_eq!(registers.row("Contact"), Some("<sip:10.99.0.7>"));
}

//= PRIV-083 type=test
//= PRIV-043 type=test
#[test]
fn the_answer_of_a_party_that_hides_where_it_is() {
    let policy = everything();
    let rows = "Privacy: header\r\nContact: <sip:10.99.0.7>\r\n";
    let sent = answered(&policy, CORE, NET, "200 OK", rows);
    assert!(
        sent.row("Contact").unwrap().contains("@192.0.2.1:5060"),
        "{}",
        sent.text()
    );
    assert!(sent.rows("Privacy").is_empty());
    let sent = answered(&policy, CORE, NET, "302 Moved Temporarily", rows);
    assert_eq!(sent.row("Contact"), Some("<sip:10.99.0.7>"), "it leads elsewhere");
}

//= PRIV-096 type=test
//= PRIV-028 type=test
#[test]
fn of_a_history_the_own_entries_lose_their_names() {
    let shown = |policy: &str, privacy: &str, entries: &str| {
        let rows = format!("{privacy}History-Info: {entries}\r\n");
        let sent = forwarded(policy, CORE, NET, "INVITE", &rows);
        (
            sent.rows("History-Info").join(" | "),
            sent.row("Privacy").map(str::to_owned),
        )
    };
    let own =
        "\"Al\" <sip:al@home1.example;user=phone?Privacy=history&Reason=SIP%3Bcause%3D302&From=al>;index=1;rc=1;x=al";
    let plain = "<sip:bo@HOME1.example>;index=1.1";
    let foreign = "<sip:eve@net.example?Privacy=history>;index=1.2";
    let entries = format!("{own}, {foreign}, {plain}");
    let nameless = "<sip:anonymous@anonymous.invalid?Reason=SIP%3Bcause%3D302>;index=1;rc=1";
    let nobody = "<sip:anonymous@anonymous.invalid>;index=1.1";
    for privacy in ["", "Privacy: none\r\n", "Privacy: id\r\n"] {
        assert_eq!(
            shown(POLICY, privacy, &entries).0,
            format!("{nameless}, {foreign}, {plain}"),
            "{privacy}"
        );
    }
    let (history, privacy) = shown(POLICY, "Privacy: history\r\n", &entries);
    assert_eq!((history, privacy), (format!("{nameless}, {foreign}, {nobody}"), None));
    let (history, privacy) = shown(&everything(), "Privacy: header;id\r\n", &entries);
    assert_eq!(
        (history, privacy.as_deref()),
        (format!("{nameless}, {foreign}, {nobody}"), Some("id"))
    );
    // What it asks of this domain besides is not for others.
    let other = "<sip:bo@home1.example?Privacy=id&Reason=x>;index=1, <sip:bo@home1.example?%50rivacy=id>;index=2";
    let bare = "<sip:bo@home1.example?Reason=x>;index=1, <sip:bo@home1.example>;index=2";
    assert_eq!(shown(POLICY, "", other).0, bare);
    let escaped = "<sip:bo@home1.example?privacy=id%3B%48istory>;index=1";
    assert_eq!(
        shown(POLICY, "", escaped).0,
        "<sip:anonymous@anonymous.invalid>;index=1"
    );
    for untouched in [
        nameless,
        foreign,
        "  <sip:bo@home1.example> ;index=1 ,<tel:+1555>;index=2",
    ] {
        assert_eq!(shown(POLICY, "", untouched).0, untouched.trim());
    }
    let unreadable = "sip:al@home1.example?x y;index=1";
    assert_eq!(shown(POLICY, "", unreadable).0, unreadable);
    assert_eq!(shown(POLICY, "Privacy: history\r\n", unreadable).0, "");
    let asks = "\"Al <sip:al@home1.example?Priv%61cy=history>;index=1";
    assert_eq!(shown(POLICY, "", asks).0, "");
    let rooted = "<sip:al@home1.example.?Privacy=history>;index=1";
    assert_eq!(shown(POLICY, "", rooted).0, "<sip:anonymous@anonymous.invalid>;index=1");
    let without = policy_with_privacy("values = [\"none\", \"id\", \"critical\", \"user\"]");
    assert_eq!(
        shown(&without, "Privacy: history\r\n", &entries),
        (entries.clone(), Some("history".to_owned()))
    );
    let inner = forwarded(
        POLICY,
        CORE,
        ALLY,
        "INVITE",
        &format!("Privacy: history\r\nHistory-Info: {entries}\r\n"),
    );
    assert_eq!(inner.row("History-Info"), Some(&entries[..]));
}

//= PRIV-106 type=test
#[test]
fn a_stranger_gets_no_parameter_of_the_domain() {
    let rows = "P-Asserted-Identity: <tel:+1555;cpc=ordinary>, \"x\" <sip:+1555;OLI=02;phone-context=y@h;iotl=homea-homeb;user=phone>\r\n\
                Path: <sip:p;iotl=homea@h;%69otl=a;lr>\r\nService-Route: <sip:cpc@h;lr>\r\n";
    let sent = forwarded(POLICY, CORE, NET, "MESSAGE", rows);
    assert_eq!(
        sent.row("P-Asserted-Identity"),
        Some("<tel:+1555>, \"x\" <sip:+1555;phone-context=y@h;user=phone>")
    );
    assert_eq!(sent.row("Path"), Some("<sip:p@h;lr>"));
    assert_eq!(sent.row("Service-Route"), Some("<sip:cpc@h;lr>"));
    for to in [UE, ALLY] {
        let sent = forwarded(POLICY, CORE, to, "MESSAGE", rows);
        assert!(
            sent.row("P-Asserted-Identity")
                .unwrap()
                .starts_with("<tel:+1555;cpc=ordinary>")
        );
    }
}

/// What became of a field, the weaker first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Kept,
    Anonymous,
    Removed,
}

/// Every set of values does to every field what the strongest of its values does alone.
//= PRIV-036 type=test
#[test]
fn values_together_do_what_the_strongest_does_alone() {
    const VALUES: [&str; 5] = ["id", "user", "header", "session", "history"];
    let fields = [
        ("From", FROM),
        ("Contact", "<sip:al-secret@10.99.0.7>"),
        ("P-Asserted-Identity", "\"Al Secret\" <sip:+15550001@home1.example>"),
        ("Remote-Party-ID", "<sip:al@x>"),
        ("Diversion", "<sip:bob@x>;privacy=full"),
        ("Referred-By", "<sip:al-secret@x>"),
        ("Reply-To", "<sip:al-secret@x>"),
        ("Call-Info", "<http://www.example.com/al/>;purpose=card"),
        ("User-Agent", "al's telephone"),
        ("Organization", "home"),
        ("Subject", "a word"),
        ("In-Reply-To", "call-0"),
        ("Geolocation", "<cid:x>"),
        ("Geolocation-Routing", "yes"),
        ("Identity", "x"),
        ("Identity-Info", "<http://x>"),
        ("Session-ID", "ab"),
    ];
    let policy = policy_with_privacy(
        "values = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]\nremote_party_id = \"pass\"\n\
         strip_session_id_on_user = true",
    );
    let fates = |privacy: &[&str]| {
        let mut rows = format!("Privacy: {}\r\n", privacy.join(";"));
        for (name, value) in fields {
            rows += &format!("{name}: {value}\r\n");
        }
        let sent = forwarded(&policy, CORE, UE, "REFER", &rows);
        fields.map(|(name, value)| match sent.row(name) {
            None => Fate::Removed,
            Some(now) if now == value => Fate::Kept,
            Some(_) => Fate::Anonymous,
        })
    };
    let alone = VALUES.map(|value| fates(&[value]));
    for chosen in 1u32..1 << VALUES.len() {
        let is_chosen = |at: &usize| chosen >> at & 1 == 1;
        let values: Vec<&str> = (0..VALUES.len()).filter(is_chosen).map(|at| VALUES[at]).collect();
        let together = fates(&values);
        for (field, (name, _)) in fields.iter().enumerate() {
            let strongest = (0..VALUES.len()).filter(is_chosen).map(|at| alone[at][field]).max();
            assert_eq!(Some(together[field]), strongest, "{name} under {values:?}");
        }
    }
    // Each of the three came about.
    for fate in [Fate::Kept, Fate::Anonymous, Fate::Removed] {
        assert!(alone.as_flattened().contains(&fate), "{fate:?}");
    }
}
