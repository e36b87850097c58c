//! REGISTERs of alice, the answers to them, and what is known afterwards.

use super::*;
use crate::sip::parse::{Carrier, ParseLimits, parse};

pub(in crate::pcscf) fn draft(text: &str) -> Draft {
    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 8192,
        header_bytes_max: 16384,
        header_block_bytes_max: 65536,
        header_rows_max: 512,
        body_bytes_max: 262144,
    };
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    parse(bytes, Carrier::Datagram, &LIMITS).unwrap().into()
}

fn request(rows: &str) -> Draft {
    draft(&format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP ue;branch=z9hG4bK1\r\n{rows}\r\n"
    ))
}

fn by(standing: Standing) -> Answerer {
    let listener = ListenerId(0);
    Answerer { standing, listener }
}

/// What an answer teaches to a REGISTER for alice.
fn taught(request_rows: &str, response_rows: &str) -> Learned {
    let asked = Asked::of(
        &request(&format!("To: <sip:alice@home1.example>\r\n{request_rows}")),
        false,
    );
    let response = draft(&format!("SIP/2.0 200 OK\r\n{response_rows}\r\n"));
    learn(&asked, &response, by(Standing::Trusted), 1_000)
}

/// A registration of alice's until then.
pub(in crate::pcscf) fn ue(contact: &str, expires_at: u64) -> RegisteredUe {
    RegisteredUe {
        identities: std::iter::once("sip:alice@home1.example").collect(),
        default: 0,
        contacts: std::iter::once(contact).collect(),
        service_route: Arc::default(),
        inwards: ListenerId(0),
        owner: 0,
        told: None,
        expires_at,
        authenticated_by: None,
        record: None,
    }
}

impl RegisteredUe {
    /// The same with this list.
    pub(in crate::pcscf) fn with_service_route(mut self, list: &[u8]) -> RegisteredUe {
        self.service_route = list.into();
        self
    }
}

pub(in crate::pcscf) fn gone(contacts: Option<&[&str]>) -> Learned {
    let owned = |contacts: &[&str]| contacts.iter().map(|contact| contact.as_bytes().to_vec()).collect();
    Learned::Gone(Gone(contacts.map(owned)))
}

fn registered(learned: Learned) -> RegisteredUe {
    match learned {
        Learned::Registered(ue) => ue,
        other => panic!("{other:?}"),
    }
}

const CONTACT: &str = "Contact: <sip:alice@192.0.2.7>\r\n";

/// Seconds granted; 0: gone.
fn seconds_of(request_rows: &str, response_rows: &str) -> u64 {
    match taught(request_rows, response_rows) {
        Learned::Registered(ue) => ue.expires_at() - 1_000,
        Learned::Gone(_) => 0,
        Learned::Nothing => panic!("nothing learned"),
    }
}

//= PCSCF-001 type=test
#[test]
fn our_path_is_on_top_and_that_of_a_ue_goes() {
    let ours = b"<sip:TOKEN@pcscf1.home1.example:5070;lr>";
    let rows = "Path: <sip:evil@ue;lr>, <sip:evil2@ue;lr>\r\npath : <sip:evil3@ue;lr>\r\n";
    let paths = |standing| {
        let mut draft = request(rows);
        inward(&mut draft, standing, ours);
        let paths: Vec<Vec<u8>> = draft.rows(Name::Path).map(<[u8]>::to_vec).collect();
        assert!(
            draft
                .to_bytes()
                .starts_with(b"REGISTER sip:home1.example SIP/2.0\r\nVia: ")
        );
        paths
    };
    assert_eq!(paths(Standing::Served), [ours]);
    assert_eq!(paths(Standing::Untrusted), [ours]);
    let below = paths(Standing::Trusted);
    assert_eq!((below.len(), &below[0][..]), (3, &ours[..]));
}

//= PCSCF-004 type=test
#[test]
fn only_a_node_of_t_may_claim_protection() {
    let claim = "Authorization: Digest username=\"a\", integrity-protected=\"yes\"\r\n";
    for (standing, stays) in [
        (Standing::Served, false),
        (Standing::Untrusted, false),
        (Standing::Trusted, true),
    ] {
        let mut draft = request(claim);
        inward(&mut draft, standing, b"<sip:T@h;lr>");
        let row = draft.first(Name::Authorization).unwrap();
        assert_eq!(row.ends_with(b"\"yes\""), stays, "{standing:?}");
    }
}

//= PCSCF-008 type=test
#[test]
fn the_listed_identities_are_known_and_the_first_sip_uri_stands_for_the_ue() {
    let rows = "P-Associated-URI: <tel:+1555>, \"A\" <sip:alice2@home1.example>;p=1\r\nP-Associated-URI: <urn:x:y>, <sip:broken,\r\nP-Associated-URI: <sips:alice3@home1.example>\r\n";
    let ue = registered(taught(CONTACT, &format!("{CONTACT}{rows}")));
    let listed = [
        &b"tel:+1555"[..],
        b"sip:alice2@home1.example",
        b"sips:alice3@home1.example",
    ];
    assert!(ue.identities.iter().eq(listed));
    assert_eq!(ue.default, 1);
    let ue = registered(taught(
        CONTACT,
        &format!("{CONTACT}P-Associated-URI: <tel:+1>, <tel:+2>\r\n"),
    ));
    assert_eq!(ue.default, 0);
}

//= PCSCF-008 type=test
#[test]
fn without_a_list_it_is_the_to_identity_alone() {
    for list in ["", "P-Associated-URI:\r\n"] {
        let ue = registered(taught(CONTACT, &format!("{CONTACT}{list}")));
        assert!(ue.identities.iter().eq([b"sip:alice@home1.example"]));
    }
    let unreadable = registered(taught(CONTACT, &format!("{CONTACT}P-Associated-URI: <sip:a@b@c>\r\n")));
    assert!(unreadable.identities.is_empty());
}

//= PCSCF-008 type=test
#[test]
fn the_to_identity_carries_nothing_that_no_registrar_looked_at() {
    let identity = |to: &str| Asked::of(&request(&format!("To: {to}\r\n")), false).identity;
    let alice = Some(b"sip:alice@home1.example".to_vec());
    assert_eq!(
        identity("\"Bob <sip:bob@x>\" <sip:alice@home1.example;cpc=police>;tag=1"),
        alice
    );
    assert_eq!(identity("<sip:alice@home1.example?P-Asserted-Identity=bob>"), alice);
    assert_eq!(identity("sip:alice@home1.example;cpc=police"), alice);
    assert_eq!(
        identity("<tel:555;phone-context=+1>"),
        Some(b"tel:555;phone-context=+1".to_vec())
    );
    assert_eq!(identity("<sip:alice:word@home1.example>"), None);
    assert_eq!(identity("<mailto:alice@home1.example>"), None);
    assert_eq!(identity("<sip:alice"), None);
}

//= PCSCF-007 type=test
#[test]
fn the_expiry_is_the_one_granted_to_this_contact() {
    let other = "Contact: <sip:alice@192.0.2.99>;expires=9000\r\n";
    let listed = |params: &str| format!("{other}Contact: <sip:alice@192.0.2.7;ob>{params}\r\n");
    assert_eq!(seconds_of(CONTACT, &listed(";q=0.5;Expires=120")), 120);
    assert_eq!(seconds_of(CONTACT, &format!("{}Expires: 60\r\n", listed(""))), 60);
    assert_eq!(
        seconds_of(CONTACT, &format!("{}Expires: 60\r\n", listed(";expires=7"))),
        7
    );
    assert_eq!(seconds_of(CONTACT, &listed("")), 3600);
    assert_eq!(seconds_of(CONTACT, "Expires: 61\r\n"), 61);
    assert_eq!(seconds_of(CONTACT, ""), 3600);
    assert_eq!(seconds_of(CONTACT, other), 0);
}

//= MSG-004 type=test
#[test]
fn an_expiry_out_of_range_counts_as_the_default() {
    let granted = |text: &str| seconds_of(CONTACT, &format!("Contact: <sip:alice@192.0.2.7>;expires={text}\r\n"));
    assert_eq!(granted("4294967295"), 4_294_967_295);
    assert_eq!(granted("4294967296"), 3600);
    assert_eq!(granted("+5"), 3600);
    assert_eq!(granted("\"5\""), 3600);
}

//= PCSCF-011 type=test
#[test]
fn zero_ends_a_registration() {
    assert_eq!(seconds_of(CONTACT, "Contact: <sip:alice@192.0.2.7>;expires=0\r\n"), 0);
    assert_eq!(seconds_of(&format!("{CONTACT}Expires: 0\r\n"), ""), 0);
    assert_eq!(
        seconds_of("Contact: <sip:alice@192.0.2.7>;expires=0\r\nExpires: 5\r\n", ""),
        0
    );
    assert_eq!(seconds_of("Contact: *\r\nExpires: 0\r\n", ""), 0);
    let two = "Contact: <sip:old@192.0.2.7>;expires=0, <sip:alice@192.0.2.7>\r\n";
    let ue = registered(taught(two, &format!("{CONTACT}Expires: 30\r\n")));
    assert_eq!(ue.contacts().collect::<Vec<_>>(), [b"sip:alice@192.0.2.7"]);
    assert_eq!(ue.expires_at(), 1_030);
}

//= PCSCF-007 type=test
#[test]
fn only_a_2xx_of_a_node_of_t_to_a_request_with_contacts_teaches() {
    let asked = Asked::of(&request(&format!("To: <sip:alice@home1.example>\r\n{CONTACT}")), false);
    let answer = |status: &str, standing| {
        let response = draft(&format!("SIP/2.0 {status} X\r\n{CONTACT}\r\n"));
        matches!(learn(&asked, &response, by(standing), 0), Learned::Nothing)
    };
    assert!(!answer("200", Standing::Trusted) && !answer("299", Standing::Trusted));
    assert!(answer("401", Standing::Trusted) && answer("100", Standing::Trusted));
    assert!(answer("200", Standing::Untrusted) && answer("200", Standing::Served));
    assert!(matches!(taught("", CONTACT), Learned::Nothing));
}

//= PCSCF-007 type=test
#[test]
fn the_service_route_is_kept_as_one_list() {
    let rows = "Service-Route: <sip:s1;lr;x=\"a\">,\r\n <sip:s2;lr>\r\nService-Route: <sip:s3;lr>\r\n";
    let ue = registered(taught(CONTACT, rows));
    assert_eq!(ue.service_route(), b"<sip:s1;lr;x=\"a\">, <sip:s2;lr>, <sip:s3;lr>");
    assert_eq!(registered(taught(CONTACT, "")).service_route(), b"");
    let route = |length: usize| format!("Service-Route: <sip:{}>\r\n", "s".repeat(length - 6));
    let ue = registered(taught(CONTACT, &route(SERVICE_ROUTE_BYTES_MAX)));
    assert_eq!(ue.service_route().len(), SERVICE_ROUTE_BYTES_MAX);
    let ue = registered(taught(CONTACT, &route(SERVICE_ROUTE_BYTES_MAX + 1)));
    assert_eq!(ue.service_route(), b"");
}

#[test]
fn contacts_and_identities_beyond_the_maximum_teach_nothing() {
    let list = |count: usize, uri: &str| {
        let uris: Vec<String> = (0..count).map(|at| format!("<sip:u{at}@{uri}>")).collect();
        uris.join(", ")
    };
    let associated = |count| format!("P-Associated-URI: {}\r\n", list(count, "home1.example"));
    for (count, kept) in [(IDENTITIES_MAX, IDENTITIES_MAX), (IDENTITIES_MAX + 1, IDENTITIES_MAX)] {
        assert_eq!(registered(taught(CONTACT, &associated(count))).identities.len(), kept);
    }
    for (count, kept) in [(CONTACTS_MAX, CONTACTS_MAX), (CONTACTS_MAX + 1, CONTACTS_MAX)] {
        let contacts = format!("Contact: {}\r\n", list(count, "192.0.2.7"));
        assert_eq!(registered(taught(&contacts, "")).contacts().count(), kept);
    }
}

#[test]
fn what_is_printed_names_nobody() {
    let asked = Asked::of(&request(&format!("To: <sip:alice@home1.example>\r\n{CONTACT}")), false);
    let learned = taught(CONTACT, "");
    let shown = format!("{asked:?} {learned:?} {:?}", gone(Some(&["sip:alice@192.0.2.7"])));
    assert!(!shown.contains("alice") && !shown.contains("97, 108, 105"), "{shown}");
}
