//! Tables A2 and C: what besides the asserted identity may cross the border, row by row and direction by direction.

use crate::legs::{ALLY, CORE, FROM, NET, PAI, Party, STRANGER, UE, answered, forwarded, refused};
use crate::world::POLICY;

/// A field of Table C with a value, and whether it stays.
struct Row {
    field: &'static str,
    value: &'static str,
    in_from_u: bool,
    out_e: bool,
    out_u: bool,
}

const fn row(field: &'static str, value: &'static str, stays: [bool; 3]) -> Row {
    Row {
        field,
        value,
        in_from_u: stays[0],
        out_e: stays[1],
        out_u: stays[2],
    }
}

const NEVER: [bool; 3] = [false; 3];

/// In from U, out E, out U. P-Asserted-Identity has a table of its own.
const TABLE_C: &[Row] = &[
    row("P-Preferred-Identity", "<sip:x@home1.example>", NEVER),
    row(
        "P-Access-Network-Info",
        "3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11",
        NEVER,
    ),
    row(
        "Cellular-Network-Info",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=234",
        NEVER,
    ),
    row(
        "P-Charging-Vector",
        "icid-value=1234bc9876e;orig-ioi=home1.example",
        NEVER,
    ),
    row("P-Charging-Function-Addresses", "ccf=192.1.1.1", NEVER),
    row("P-Visited-Network-ID", "\"Visited network number 1\"", NEVER),
    row("P-Called-Party-ID", "<sip:called@home1.example>", [false, true, false]),
    row("P-Associated-URI", "<sip:other@home1.example>", [false, true, false]),
    row("P-Served-User", "<sip:served@home1.example>;sescase=orig", NEVER),
    row("P-Profile-Key", "<sip:chatroom-!.*!@home1.example>", NEVER),
    row("P-Private-Network-Indication", "private.example", NEVER),
    row("P-User-Database", "<aaa://host.home1.example;transport=tcp>", NEVER),
    row("P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.mmtel", NEVER),
    row("P-Early-Media", "sendrecv", [false, true, false]),
    row("P-Media-Authorization", "0123456789", NEVER),
    row("Resource-Priority", "wps.3", NEVER),
    row("Feature-Caps", "*;+g.3gpp.atcf", [false, true, false]),
    row("Restoration-Info", "noresponse", NEVER),
    row("Relayed-Charge", "sip:as.home1.example", NEVER),
    row("Service-Interact-Info", "1", NEVER),
    row("Response-Source", "<urn:3gpp:fe:cscf>", NEVER),
    row("Attestation-Info", "A", NEVER),
    row("Origination-Id", "123e4567-e89b-12d3-a456-426655440000", NEVER),
    row("Additional-Identity", "<sip:additional@home1.example>", NEVER),
    row("Priority-Share", "allowed", NEVER),
    row("Resource-Share", "media-sharing", NEVER),
    row("History-Info", "<sip:old@home1.example>;index=1", [true; 3]),
];

fn every(check: impl Fn(&Row, &str) -> Option<String>) {
    let faults: Vec<String> = TABLE_C
        .iter()
        .filter_map(|row| check(row, &format!("{}: {}\r\n", row.field, row.value)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn judge(way: &str, row: &Row, stays: bool, found: &[&str]) -> Option<String> {
    let wanted: &[&str] = if stays { &[row.value] } else { &[] };
    // A request of a UE gets a charging vector of ours in the place of its own.
    let ours = |value: &&&str| way != "S to T" || !value.contains("icid-generated-at=10.20.0.1;orig-ioi=home1.example");
    let found: Vec<&str> = found.iter().filter(ours).copied().collect();
    (found != wanted).then(|| format!("{way} {}: {found:?}", row.field))
}

/// The table in every Privacy a request can have, for the fields do not depend on it.
const PRIVACIES: &[&str] = &["", "Privacy: none\r\n", "Privacy: id\r\n", "Privacy: user\r\n"];

fn requests(from: Party, to: Party, way: &str, stays: fn(&Row) -> bool) {
    for privacy in PRIVACIES {
        every(|row, text| {
            let sent = forwarded(POLICY, from, to, "MESSAGE", &format!("{privacy}{text}"));
            judge(way, row, stays(row), &sent.rows(row.field))
        });
    }
}

fn responses(from: Party, to: Party, way: &str, stays: fn(&Row) -> bool) {
    for privacy in PRIVACIES {
        every(|row, text| {
            let sent = answered(POLICY, from, to, "200 OK", &format!("{privacy}{text}"));
            judge(way, row, stays(row), &sent.rows(row.field))
        });
    }
}

//= TRUST-040 type=test
//= PAI-003 type=test
#[test]
fn in_from_u_in_requests() {
    requests(NET, CORE, "U to T", |row| row.in_from_u);
}

//= TRUST-040 type=test
//= PAI-003 type=test
#[test]
fn in_from_u_in_responses() {
    responses(NET, CORE, "U to T", |row| row.in_from_u);
}

//= TRUST-040 type=test
#[test]
fn out_to_e_in_requests() {
    requests(CORE, UE, "T to E", |row| row.out_e);
}

//= TRUST-040 type=test
#[test]
fn out_to_u_in_requests() {
    requests(CORE, NET, "T to U", |row| row.out_u);
}

//= TRUST-040 type=test
#[test]
fn out_to_u_in_responses() {
    responses(CORE, NET, "T to U", |row| row.out_u);
}

//= TRUST-040 type=test
#[test]
fn out_to_e_in_responses() {
    responses(CORE, UE, "T to E", |row| row.out_e);
}

/// What a UE may say of itself to the network.
fn in_from_s(row: &Row) -> bool {
    matches!(
        row.field,
        "P-Access-Network-Info" | "Cellular-Network-Info" | "History-Info"
    )
}

//= TRUST-040 type=test
//= PAI-003 type=test
#[test]
fn in_from_s_in_both_directions() {
    requests(UE, CORE, "S to T", in_from_s);
    responses(UE, CORE, "S to T", in_from_s);
}

//= TRUST-040 type=test
#[test]
fn what_the_network_says_is_not_a_ues_to_say() {
    let rows = "P-Access-Network-Info: 3GPP-UTRAN;utran-cell-id-3gpp=1;network-provided\r\n\
                Geolocation: <sip:loc@lis.example>;loc-src=lis.example\r\nP-Early-Media: sendrecv\r\n";
    let sent = forwarded(POLICY, UE, CORE, "INVITE", rows);
    assert!(!sent.text().contains("network-provided"), "{}", sent.text());
    assert!(!sent.text().contains("loc-src"), "{}", sent.text());
    assert!(!sent.text().contains("sendrecv"), "{}", sent.text());
    assert_eq!(sent.row("Geolocation"), Some("<sip:loc@lis.example>"));
    let early = |method: &str, value: &str| {
        let sent = forwarded(POLICY, UE, CORE, method, &format!("P-Early-Media: {value}\r\n"));
        sent.row("P-Early-Media").map(str::to_owned)
    };
    for method in ["INVITE", "PRACK", "UPDATE"] {
        assert_eq!(early(method, "supported").as_deref(), Some("supported"));
        assert_eq!(early(method, "supported, sendrecv").as_deref(), Some("supported"));
    }
    assert_eq!(early("MESSAGE", "supported"), None);
    let two = "P-Access-Network-Info: 3GPP-GERAN;cgi-3gpp=1, 3GPP-UTRAN;network-provided\r\n";
    let sent = forwarded(POLICY, UE, CORE, "INVITE", two);
    assert_eq!(sent.rows("P-Access-Network-Info"), ["3GPP-GERAN;cgi-3gpp=1"]);
}

//= TRUST-040 type=test
#[test]
fn through_from_u_to_e_and_to_u() {
    requests(NET, UE, "U to E", |row| row.in_from_u && row.out_e);
    requests(STRANGER, NET, "U to U", |row| row.in_from_u && row.out_u);
}

//= TRUST-040 type=test
//= PAI-007 type=test
#[test]
fn between_nodes_of_t_everything_passes_but_a_preferred_identity() {
    requests(CORE, ALLY, "T to T", |row| row.field != "P-Preferred-Identity");
    requests(ALLY, CORE, "T to T", |row| row.field != "P-Preferred-Identity");
    responses(ALLY, CORE, "T to T", |row| row.field != "P-Preferred-Identity");
}

//= TRUST-040 type=test
#[test]
fn reason_goes_out_of_responses_and_stays_in_requests() {
    let reason = "Reason: Q.850;cause=16\r\n";
    for (from, to) in [(NET, CORE), (CORE, NET)] {
        assert!(
            answered(POLICY, from, to, "486 Busy Here", reason)
                .rows("Reason")
                .is_empty()
        );
    }
    assert_eq!(
        answered(POLICY, ALLY, CORE, "486 Busy Here", reason)
            .rows("Reason")
            .len(),
        1
    );
    for (from, to) in [(NET, CORE), (CORE, NET), (CORE, UE)] {
        assert_eq!(
            forwarded(POLICY, from, to, "BYE", reason).row("Reason"),
            Some("Q.850;cause=16")
        );
    }
}

//= TRUST-040 type=test
#[test]
fn path_of_a_stranger_does_not_come_in() {
    let path = "Path: <sip:evil.example;lr>\r\n";
    assert!(!forwarded(POLICY, NET, CORE, "REGISTER", path).text().contains("evil"));
    assert!(!forwarded(POLICY, UE, CORE, "REGISTER", path).text().contains("evil"));
    assert!(forwarded(POLICY, ALLY, CORE, "REGISTER", path).text().contains("evil"));
    assert!(!answered(POLICY, NET, CORE, "200 OK", path).text().contains("evil"));
    assert!(answered(POLICY, ALLY, CORE, "200 OK", path).text().contains("evil"));
}

/// Where a claim of protection stands as text of something else, a reader less careful than ours may take it for one.
//= TRUST-040 type=test
#[test]
fn a_claim_that_only_some_would_read_takes_its_row_with_it() {
    for value in [
        "Digest username=\"x\", realm=\"a, integrity-protected=yes\"",
        "Digest username=\"Integrity-Protected\", integrity-protected=\"yes\"",
    ] {
        let rows = format!("Authorization: {value}\r\nAuthorization: Digest username=\"y\"\r\n");
        for (from, to) in [(NET, CORE), (CORE, NET)] {
            let sent = forwarded(POLICY, from, to, "INVITE", &rows);
            assert_eq!(sent.rows("Authorization"), ["Digest username=\"y\""], "{value}");
        }
    }
}

//= TRUST-040 type=test
#[test]
fn words_between_registrar_and_proxy_do_not_cross_the_border() {
    let credentials = "Authorization: Digest username=\"x\", integrity-protected=\"yes\", uri=\"sip:x\"\r\n";
    let sent = forwarded(POLICY, NET, CORE, "REGISTER", credentials);
    assert!(
        !sent.text().contains("integrity-protected"),
        "in from U: {}",
        sent.text()
    );
    assert!(sent.row("Authorization").unwrap().contains("username=\"x\""));
    let sent = forwarded(POLICY, CORE, NET, "INVITE", credentials);
    assert!(
        !sent.text().contains("integrity-protected"),
        "out to U: {}",
        sent.text()
    );
    let sent = forwarded(POLICY, CORE, ALLY, "INVITE", credentials);
    assert!(sent.text().contains("integrity-protected"), "T to T: {}", sent.text());
    let challenge =
        "WWW-Authenticate: Digest realm=\"home1.example\", nonce=\"n\", ck=\"00ff\", ik=\"11ee\", qop=\"auth\"\r\n";
    for (from, to) in [(NET, CORE), (CORE, NET)] {
        let sent = answered(POLICY, from, to, "401 Unauthorized", challenge);
        assert!(
            !sent.text().contains("00ff") && !sent.text().contains("11ee"),
            "{}",
            sent.text()
        );
        assert!(
            sent.row("WWW-Authenticate").unwrap().contains("nonce=\"n\""),
            "{}",
            sent.text()
        );
    }
    let sent = answered(POLICY, ALLY, CORE, "401 Unauthorized", challenge);
    assert!(sent.text().contains("00ff"), "{}", sent.text());
}

//= TRUST-040 type=test
//= PRIV-099 type=test
#[test]
fn geolocation_keeps_its_source_from_a_stranger() {
    let geolocation = "Geolocation: <sip:loc@lis.example>;loc-src=lis.example\r\n";
    let sent = forwarded(POLICY, NET, CORE, "INVITE", geolocation);
    assert_eq!(
        sent.row("Geolocation"),
        Some("<sip:loc@lis.example>;loc-src=lis.example")
    );
}

//= MSG-010 type=test
//= TRUST-040 type=test
#[test]
fn no_spelling_gets_a_field_across() {
    for text in [
        "p-charging-VECTOR: icid-value=secret-1\r\n",
        "P-Charging-Vector : icid-value=secret-1\r\n",
        "P-Charging-Vector:\r\n icid-value=secret-1\r\n",
        "P-Charging-Vector: x\r\nP-Charging-Vector: icid-value=secret-1\r\n",
    ] {
        for (from, to) in [(NET, CORE), (CORE, NET), (CORE, UE)] {
            let sent = forwarded(POLICY, from, to, "INVITE", text);
            assert!(!sent.text().contains("secret-1"), "{}", sent.text());
        }
    }
}

// Table A2.

const ALL: &str = "user;id;critical";

//= PRIV-021 type=test
//= PRIV-061 type=test
#[test]
fn on_inner_legs_nothing_is_altered_for_privacy() {
    let rows = format!(
        "Privacy: {ALL};foo\r\nSubject: secret\r\nUser-Agent: Phone\r\nCall-Info: <http://al.example/>\r\n\
         Organization: Secret\r\nReply-To: <sip:al@x>\r\nRecord-Route: <sip:10.20.0.8;lr>\r\n\
         Via: SIP/2.0/UDP 10.99.0.7;branch=z9hG4bKue\r\n"
    );
    for (from, to) in [(CORE, ALLY), (ALLY, CORE), (NET, CORE)] {
        let sent = forwarded(POLICY, from, to, "INVITE", &rows);
        assert_eq!(sent.row("From"), Some(FROM));
        assert_eq!(sent.row("Contact"), Some("<sip:al-secret@10.99.0.7>"));
        assert_eq!(sent.row("Privacy"), Some("user;id;critical;foo"));
        assert_eq!(sent.rows("Via").len(), 3);
        assert_eq!(sent.rows("Record-Route").last(), Some(&"<sip:10.20.0.8;lr>"));
        for name in ["Subject", "User-Agent", "Call-Info", "Organization", "Reply-To"] {
            assert_eq!(sent.rows(name).len(), 1, "{name}");
        }
    }
}

//= PRIV-021 type=test
//= PRIV-105 type=test
#[test]
fn an_inner_leg_changes_only_what_a_proxy_must() {
    let sent = forwarded(
        POLICY,
        CORE,
        ALLY,
        "OPTIONS",
        &format!("Privacy: {ALL}\r\n{PAI}X-Odd:   y\r\n"),
    );
    let got = crate::legs::request(CORE, ALLY, "OPTIONS", &format!("Privacy: {ALL}\r\n{PAI}X-Odd:   y\r\n"));
    let without = |text: &str| -> Vec<String> {
        text.split("\r\n")
            .filter(|row| !row.starts_with("Max-Forwards:") && !row.starts_with("Max-Breadth:"))
            .map(str::to_owned)
            .collect()
    };
    let mut sent = without(sent.text());
    assert!(sent.remove(1).starts_with("Via: SIP/2.0/UDP 192.0.2.1:5060;"));
    assert_eq!(sent, without(&got));
}

//= PRIV-037 type=test
#[test]
fn the_privacy_header_by_leg() {
    for (from, to, left) in [
        (CORE, ALLY, ALL),
        (NET, CORE, ALL),
        (CORE, UE, "id"),
        (CORE, NET, "id"),
        (NET, UE, "id"),
        (STRANGER, NET, "id"),
    ] {
        let sent = forwarded(POLICY, from, to, "INVITE", &format!("Privacy: {ALL}\r\n"));
        assert_eq!(sent.row("Privacy"), Some(left), "{from:?} to {to:?}");
    }
}

//= PRIV-060 type=test
//= PRIV-061 type=test
#[test]
fn critical_by_leg() {
    let rows = "Privacy: id;foo;critical\r\n";
    for (from, to) in [(CORE, ALLY), (ALLY, CORE), (NET, CORE)] {
        assert_eq!(
            forwarded(POLICY, from, to, "INVITE", rows).row("Privacy"),
            Some("id;foo;critical")
        );
    }
    for (from, to) in [(CORE, UE), (CORE, NET), (NET, UE), (STRANGER, NET)] {
        let refused = refused(POLICY, from, to, "INVITE", rows);
        assert_eq!(
            refused.start(),
            "SIP/2.0 500 Privacy Service Failure: foo",
            "{from:?} to {to:?}"
        );
    }
}
