use super::*;
use crate::sip::parse::{Carrier, ParseLimits, parse};

const LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: 1000,
    header_bytes_max: 1000,
    header_block_bytes_max: 1000,
    header_rows_max: 100,
    body_bytes_max: 1000,
};

fn draft(text: &str) -> Draft {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    Draft::from(parse(bytes, Carrier::Datagram, &LIMITS).unwrap())
}

fn text(draft: &Draft) -> String {
    String::from_utf8(draft.to_bytes().to_vec()).unwrap()
}

//= P2P-063 type=test
#[test]
fn what_nobody_needs_goes_and_a_reason_is_one_of_ours() {
    let mut draft = draft(
        "SIP/2.0 486 alice is busy\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@h>;tag=1\r\nTo: \"Alice\" <sip:t>;tag=2\r\n\
         X-Who: alice\r\nError-Info: <sip:alice@h>\r\nRSeq: 1\r\nUser-Agent: alice's\r\nWWW-Authenticate: Digest realm=\"alice\"\r\n\
         Supported: sip:alice@h\r\nAllow: INVITE\r\nc: application/sdp;who=alice\r\nl: 0\r\n\r\n",
    );
    answer_to(&mut draft, b"<sip:t>");
    keep_known(&mut draft, OF_PEER);
    assert_eq!(
        text(&draft),
        "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@h>;tag=1\r\nTo: <sip:t>;tag=2\r\nRSeq: 1\r\n\
         Allow: INVITE\r\nc: application/sdp\r\nl: 0\r\n\r\n"
    );
}

//= P2P-063 type=test
#[test]
fn a_tracker_may_ask_a_peer_who_it_is_and_say_no_more_than_that() {
    let mut draft = draft(
        "SIP/2.0 401 of alice\r\nVia: SIP/2.0/UDP h\r\nWWW-Authenticate: Digest realm=\"home1.example\"\r\n\
         P-Asserted-Identity: <sip:alice@h>\r\nSubject: alice\r\nSIP-ETag: 1\r\n\r\n",
    );
    keep_known(&mut draft, OF_TRACKER);
    assert_eq!(
        text(&draft),
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h\r\nWWW-Authenticate: Digest realm=\"home1.example\"\r\n\
         SIP-ETag: 1\r\n\r\n"
    );
}

//= P2P-073 type=test
#[test]
fn a_response_within_a_dialog_is_to_whom_its_request_was() {
    let mut draft = draft("SIP/2.0 200 OK\r\nTo: \"Alice\" <sip:alice@h>;tag=2\r\n\r\n");
    answer_to(&mut draft, b"<sip:t>;tag=9");
    assert_eq!(draft.first(Name::To), Some(&b"<sip:t>;tag=9"[..]));
}

//= P2P-063 type=test
#[test]
fn of_what_stays_nothing_beside_it_names_anybody() {
    let rows = "Via: SIP/2.0/UDP 10.20.0.9;branch=z9hG4bKn;owner=sip:alice@home1.example\r\n\
                From: \"alice@home1.example\" <sip:tracker.example;x=tel:+15551230001>;tag=s;owner=alice\r\n\
                To: \"bob\" <sip:bob@home1.example>;tag=b\r\n\
                Contact: \"alice\" <sip:tracker.example;transport=tcp>;+sip.instance=\"<urn:uuid:1>\"\r\n\
                Event: p2p-content;id=7;owner=c2lwOmFsaWNlQGhvbWUxLmV4YW1wbGU\r\nRSeq: 4294967295\r\nMax-Breadth: 60\r\n\
                Subscription-State: active;expires=600\r\nAllow-Events: sip:alice@home1.example\r\n";
    let mut notify = draft(&format!("NOTIFY sip:bob@10.30.0.8 SIP/2.0\r\n{rows}\r\n"));
    keep_known(&mut notify, OF_TRACKER);
    assert_eq!(
        text(&notify),
        "NOTIFY sip:bob@10.30.0.8 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9;branch=z9hG4bKn\r\nFrom: <sip:tracker.example>;tag=s\r\n\
         To: <sip:bob@home1.example>;tag=b\r\nContact: <sip:tracker.example;transport=tcp>\r\nEvent: p2p-content;id=7\r\n\
         Max-Breadth: 60\r\nSubscription-State: active;expires=600\r\n\r\n"
    );
    let contact = |value: &str| contacts(value.as_bytes(), true).map(|value| String::from_utf8(value).unwrap());
    assert_eq!(
        contact("<sip:tracker.example>").as_deref(),
        Some("<sip:tracker.example>")
    );
    for value in [
        "<sip:+15551230001@tracker.example>",
        "<sip:tracker.example;x=sip:alice@home1.example>",
        "<sip:tracker.example?Subject=alice@home1.example>",
        "nonsense <",
    ] {
        assert_eq!(contact(value), None, "{value}");
    }
    assert!(is_usual(b"RAck", b"776656 1 INVITE") && is_usual(b"RSeq", b"4294967295"));
    assert!(!is_usual(b"RAck", b"15551230001 1 INVITE") && !is_usual(b"RSeq", b"alice"));
}
