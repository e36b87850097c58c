//! Each test names what a UE says and what the network then reads.

use proptest::prelude::*;

use super::*;
use crate::sip::parse::{Carrier, ParseLimits, parse};

const LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: 8192,
    header_bytes_max: 16384,
    header_block_bytes_max: 65536,
    header_rows_max: 512,
    body_bytes_max: 262144,
};

const ALICE: &[&str] = &[
    "tel:+1555123",
    "sip:alice@home1.example",
    "sip:alice2@home1.example",
    "sips:alice3@home1.example",
];

fn draft(text: &str) -> Draft {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    parse(bytes, Carrier::Datagram, &LIMITS).unwrap().into()
}

fn request(method: &str, rows: &str) -> Draft {
    draft(&format!(
        "{method} sip:bob@home2.example SIP/2.0\r\nFrom: \"Bob\" <sip:bob@home1.example>;tag=1\r\n{rows}\r\n"
    ))
}

fn owned(uris: &[&str]) -> UriList {
    uris.iter().collect()
}

fn rows(draft: &Draft) -> Vec<String> {
    assert!(!draft.has(Name::PPreferredIdentity));
    draft
        .rows(Name::PAssertedIdentity)
        .map(|row| String::from_utf8_lossy(row).into_owned())
        .collect()
}

/// What is asserted of alice, whose default is her sip URI.
fn asserted_by(terms: Terms, method: &str, text: &str) -> (Result<Asserted, NoIdentity>, Vec<String>) {
    let mut draft = request(method, text);
    let all = owned(ALICE);
    let result = assert(&mut draft, Identities { all: &all, default: 1 }, terms);
    (result, rows(&draft))
}

fn asserted(method: &str, text: &str) -> Vec<String> {
    let (result, rows) = asserted_by(Terms::default(), method, text);
    result.unwrap();
    rows
}

fn preferring(values: &str) -> Vec<String> {
    asserted("INVITE", &format!("P-Preferred-Identity: {values}\r\n"))
}

const DEFAULT: [&str; 1] = ["<sip:alice@home1.example>"];

//= PAI-001 type=test
#[test]
fn what_the_ue_asserts_and_writes_in_from_plays_no_part() {
    let text = "P-Asserted-Identity: <sip:bob@home1.example>\r\np-asserted-identity : <sip:alice2@home1.example>\r\n";
    assert_eq!(asserted("INVITE", text), DEFAULT);
    assert_eq!(asserted("INVITE", ""), DEFAULT);
}

//= PAI-004 type=test
#[test]
fn a_registered_preference_is_asserted_as_registered() {
    assert_eq!(
        preferring("\"X\" <sip:%61lice2@HOME1.example;cpc=police>;p=1"),
        ["<sip:alice2@home1.example>"]
    );
    assert_eq!(preferring("<tel:+1-555-123>"), ["<tel:+1555123>"]);
    assert_eq!(
        preferring("<sip:+1555123@home1.example;user=phone>"),
        ["<tel:+1555123>"]
    );
    assert_eq!(
        preferring("\"<sip:alice@home1.example>\" <sip:alice2@home1.example>"),
        ["<sip:alice2@home1.example>"]
    );
}

//= PAI-004 type=test
#[test]
fn an_identity_of_the_scheme_that_was_written_comes_first() {
    let all = owned(&["tel:+1555123", "sip:+1555123@home1.example;user=phone"]);
    let mut draft = request(
        "INVITE",
        "P-Preferred-Identity: <sip:+1555123@home1.example;user=phone>\r\n",
    );
    assert(&mut draft, Identities { all: &all, default: 0 }, Terms::default()).unwrap();
    assert_eq!(rows(&draft), ["<sip:+1555123@home1.example;user=phone>"]);
}

//= PAI-004 type=test
#[test]
fn a_foreign_preference_means_the_default_or_a_refusal() {
    let reject = Terms {
        mismatch: Mismatch::Reject,
        ..Terms::default()
    };
    for value in [
        "<sip:bob@home1.example>",
        "<sip:Alice@home1.example>",
        "<sips:alice@home1.example>",
        "<sip:alice@home1.example:5060>",
        "<sip:alice@home1.example>\"",
        "<mailto:alice@home1.example>",
    ] {
        let text = format!("P-Preferred-Identity: {value}\r\n");
        assert_eq!(
            asserted_by(Terms::default(), "INVITE", &text),
            (Ok(Asserted::Default), DEFAULT.map(str::to_owned).to_vec()),
            "{value}"
        );
        assert_eq!(
            asserted_by(reject, "INVITE", &text),
            (Err(NoIdentity::NotItsOwn), Vec::new()),
            "{value}"
        );
    }
    let (result, _) = asserted_by(reject, "INVITE", "P-Preferred-Identity:\r\n");
    assert_eq!(result, Ok(Asserted::Default));
}

//= PAI-008 type=test
#[test]
fn one_sip_and_one_tel_at_most_each_in_a_row_of_its_own() {
    assert_eq!(
        preferring(
            "<sip:nobody@x>, <tel:+1555123>, <sips:alice3@home1.example>, <sip:alice2@home1.example>, <tel:+1555123>"
        ),
        ["<tel:+1555123>", "<sips:alice3@home1.example>"]
    );
}

#[test]
fn preferences_beyond_the_maximum_are_not_looked_at() {
    let behind = |count: usize| format!("{}<sip:alice2@home1.example>", "<sip:x@y>, ".repeat(count));
    assert_eq!(preferring(&behind(PREFERRED_MAX - 1)), ["<sip:alice2@home1.example>"]);
    assert_eq!(preferring(&behind(PREFERRED_MAX)), DEFAULT);
}

//= PAI-003 type=test
//= PAI-009 type=test
#[test]
fn every_method_asserts_but_three_and_none_forwards_a_preference() {
    let text = "P-Preferred-Identity: <sip:alice2@home1.example>\r\nP-Asserted-Identity: <sip:bob@home1.example>\r\nTo: <sip:bob@home2.example>;tag=2\r\n";
    for method in [
        "INVITE", "BYE", "UPDATE", "MESSAGE", "PUBLISH", "INFO", "PRACK", "REFER", "OPTIONS", "NEWEST", "invite",
    ] {
        assert_eq!(asserted(method, text), ["<sip:alice2@home1.example>"], "{method}");
    }
    for method in ["ACK", "CANCEL", "REGISTER"] {
        assert_eq!(
            asserted_by(Terms::default(), method, text),
            (Ok(Asserted::Nothing), Vec::new()),
            "{method}"
        );
    }
}

//= PAI-009 type=test
#[test]
fn within_a_dialog_the_operator_decides() {
    let terms = Terms {
        in_dialog: InDialog::Leave,
        ..Terms::default()
    };
    let outside = asserted_by(terms, "INVITE", "To: <sip:bob@home2.example;tag=1>\r\n");
    assert_eq!(outside.0, Ok(Asserted::Default));
    let text = "To: <sip:bob@home2.example>;tag=2\r\nP-Preferred-Identity: <sip:alice@home1.example>\r\n";
    assert_eq!(asserted_by(terms, "BYE", text), (Ok(Asserted::Nothing), Vec::new()));
}

//= PAI-006 type=test
#[test]
fn without_an_identity_nothing_is_asserted() {
    let text = "P-Preferred-Identity: <sip:alice@home1.example>\r\nP-Asserted-Identity: <sip:bob@home1.example>\r\n";
    for all in [&[][..], &["mailto:alice@home1.example", "sip:a@b>\r\nEvil: 1"]] {
        let all = owned(all);
        let mut invite = request("INVITE", text);
        let result = assert(&mut invite, Identities { all: &all, default: 0 }, Terms::default());
        assert_eq!((result, rows(&invite)), (Err(NoIdentity::NotRegistered), Vec::new()));
        let mut ack = request("ACK", text);
        let result = assert(&mut ack, Identities { all: &all, default: 0 }, Terms::default());
        assert_eq!((result, rows(&ack)), (Ok(Asserted::Nothing), Vec::new()));
    }
}

//= SEC-001 type=test
#[test]
fn an_identity_never_breaks_the_line() {
    let all = owned(&["sip:a\r\nEvil: 1@x", "sip:a%0d%0aEvil:1@x"]);
    let mut draft = request("INVITE", "");
    assert(&mut draft, Identities { all: &all, default: 0 }, Terms::default()).unwrap();
    assert_eq!(rows(&draft), ["<sip:a%0d%0aEvil:1@x>"]);
    assert_eq!(draft.to_bytes().windows(2).filter(|pair| pair == b"\r\n").count(), 4);
}

/// What is asserted of alice when she answers.
fn answered(method: Method, place: Place, called: Option<&str>, to: &str, status: u16) -> Vec<String> {
    let mut response = draft(&format!(
        "SIP/2.0 {status} X\r\nP-Asserted-Identity: <sip:mallory@x>\r\nP-Preferred-Identity: <sip:alice2@home1.example>\r\n\r\n"
    ));
    let all = owned(ALICE);
    let request = Answered {
        method,
        place,
        called: called.map(str::as_bytes),
        to: to.as_bytes(),
    };
    let asserted = assert_response(&mut response, &request, Identities { all: &all, default: 1 });
    let rows = rows(&response);
    assert_eq!(asserted == Asserted::Called, !rows.is_empty());
    rows
}

const CALLED: Option<&str> = Some("\"P\" <sip:pseudonym@home1.example>;npi=yes");

//= PAI-010 type=test
#[test]
fn the_called_identity_answers() {
    let from = |method, status| answered(method, Place::Initial, CALLED, "sip:alice@home1.example", status);
    for (method, status) in [
        (Method::Message, 486),
        (Method::Message, 200),
        (Method::Options, 404),
        (Method::Invite, 180),
        (Method::Invite, 200),
        (Method::Subscribe, 202),
        (Method::Other, 200),
    ] {
        assert_eq!(
            from(method, status),
            ["<sip:pseudonym@home1.example>"],
            "{method:?} {status}"
        );
    }
    for (method, status) in [
        (Method::Invite, 100),
        (Method::Message, 100),
        (Method::Invite, 300),
        (Method::Invite, 486),
        (Method::Other, 486),
        (Method::Register, 200),
        (Method::Cancel, 200),
    ] {
        assert!(from(method, status).is_empty(), "{method:?} {status}");
    }
    assert!(answered(Method::Invite, Place::InDialog, CALLED, "sip:alice@home1.example", 200).is_empty());
}

//= PAI-010 type=test
#[test]
fn without_a_called_identity_it_is_to_if_registered_and_never_the_default() {
    let to = |to| answered(Method::Invite, Place::Initial, None, to, 200);
    assert_eq!(to("sip:alice2@HOME1.example;x=y"), ["<sip:alice2@home1.example>"]);
    assert!(to("sip:bob@home1.example").is_empty());
    assert!(to("anonymous").is_empty());
    let unreadable = Some("<sip:a@b@c>");
    assert!(
        answered(
            Method::Invite,
            Place::Initial,
            unreadable,
            "sip:alice2@home1.example",
            200
        )
        .is_empty()
    );
}

proptest! {
    //= PAI-001 type=test
    #[test]
    fn whatever_the_ue_prefers_only_its_own_identities_are_asserted(
        value in "[<>\", :@;x]{0,6}((<?(sip:alice2?|sips:alice3|sip:bob|SIP:alice)@home1\\.example|<?tel:\\+1-?555123)[>,;\" <]{0,3}){0,6}",
    ) {
        let rows = preferring(&value);
        let own = |row: &String| ALICE.iter().any(|own| *row == format!("<{own}>"));
        prop_assert!((1..=2).contains(&rows.len()) && rows.iter().all(own));
    }
}
