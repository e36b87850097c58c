//! What a UE says, held against what was agreed.

use super::*;
use crate::pcscf::register::tests::draft;
use crate::pcscf::security::server_list::{OurEnds, server_list};
use crate::pcscf::security::set::{Agreed, Between, SetId};
use crate::pcscf::security::suite::Ends;
use crate::policy::ListenerId;

const CLIENT: &str = "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
const CREDENTIALS: &str = "Digest username=\"alice@home1.example\"";

fn register(rows: &[&str]) -> Draft {
    let rows: String = rows.iter().map(|row| format!("{row}\r\n")).collect();
    draft(&format!(
        "REGISTER sip:home1.example SIP/2.0\r\nTo: <sip:alice@home1.example>\r\n{rows}\r\n"
    ))
}

fn listed() -> Mechanisms {
    let ours = OurEnds {
        spi_c: 5000,
        spi_s: 5001,
        port_c: 6102,
        port_s: 6101,
    };
    server_list(Terms::USUAL, Some(ours))
}

fn agreed() -> Agreed {
    Agreed {
        client: Said::list(&Mechanisms::read([CLIENT.as_bytes()].into_iter()).unwrap()),
        server: Said::list(&listed()),
        nonce: Said::of(b"abc"),
    }
}

fn server() -> String {
    String::from_utf8(listed().to_bytes()).unwrap()
}

fn on(state: State, rows: &[&str]) -> Result<Registering, Refusal> {
    on_strictly(state, rows, false)
}

fn on_strictly(state: State, rows: &[&str], always: bool) -> Result<Registering, Refusal> {
    let agreed = agreed();
    let seen = Seen {
        id: SetId(0),
        state,
        impi: b"alice@home1.example",
        agreed: &agreed,
        between: Between {
            listener: ListenerId(0),
            ue: "10.30.0.7".parse().unwrap(),
            us: "10.30.0.1".parse().unwrap(),
        },
        theirs: Ends {
            spi_c: 1000,
            spi_s: 1001,
            port_c: 31000,
            port_s: 31001,
        },
        ours: OurEnds {
            spi_c: 5000,
            spi_s: 5001,
            port_c: 6102,
            port_s: 6101,
        },
        transport: crate::sip::Transport::Udp,
    };
    protected(&register(rows), &seen, Terms::USUAL, always)
}

//= AKA-010 type=test
//= AKA-013 type=test
#[test]
fn who_comes_unprotected_must_offer_what_is_served_here() {
    let client = format!("Security-Client: {CLIENT}");
    let of = |rows: &[&str]| unprotected(&register(rows), Terms::USUAL).err();
    assert_eq!(of(&[&client]), Some(Refusal::NoAgreement));
    for tag in [
        "Require: sec-agree",
        "Proxy-Require: a, SEC-AGREE",
        "Supported: path,sec-agree",
    ] {
        assert_eq!(of(&[tag, &client]), None, "{tag}");
        assert_eq!(of(&[tag]), Some(Refusal::NothingInCommon), "{tag}");
        let other = "Security-Client: ipsec-3gpp;alg=foo;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
        assert_eq!(of(&[tag, other]), Some(Refusal::NothingInCommon));
        assert_eq!(of(&[tag, "Security-Client: ;"]), Some(Refusal::NothingInCommon));
    }
}

//= PCSCF-006 type=test
#[test]
fn the_identity_is_read_in_one_way_or_not_at_all() {
    let rows = ["Supported: sec-agree", &format!("Security-Client: {CLIENT}")];
    let of = |more: &[&str]| {
        let rows = [&rows[..], more].concat();
        unprotected(&register(&rows), Terms::USUAL).map(|one| String::from_utf8(one.impi).unwrap())
    };
    assert_eq!(of(&[]), Ok("alice@home1.example".to_owned()));
    assert_eq!(
        of(&["Authorization: Digest username=\"bob\", realm=\"x\""]),
        Ok("bob".to_owned())
    );
    let twice = "Authorization: Digest username=\"bob\"";
    assert_eq!(of(&[twice, twice]), Ok("bob".to_owned()));
    for row in [
        "Authorization: Digest username=\"a\"\r\nAuthorization: Digest username=\"b\"",
        "Authorization: Digest username=\"a\", username=\"b\"",
        "Authorization: Digest username=\"a\", Digest username=\"b\"",
        "Authorization: Digest username=\"a\"\r\nAuthorization: Bearer x",
        "Authorization: Digest realm=\"x\"",
    ] {
        assert_eq!(of(&[row]), Err(Refusal::AnotherIdentity), "{row}");
    }
    let long = |length| format!("Authorization: Digest username=\"{}\"", "a".repeat(length));
    assert!(of(&[&long(IDENTITY_BYTES_MAX)]).is_ok());
    assert!(of(&[&long(IDENTITY_BYTES_MAX + 1)]).is_err());
}

//= AKA-014 type=test
#[test]
fn on_a_temporary_set_both_lists_come_back_as_they_were_said() {
    let credentials = format!("Authorization: {CREDENTIALS}, nonce=\"abc\", response=\"1\"");
    let (client, server) = (CLIENT.to_owned(), server());
    let of = |client: &str, verify: &str| {
        let rows = [client, verify, &credentials].map(str::to_owned);
        let rows: Vec<&str> = rows.iter().map(String::as_str).filter(|row| !row.is_empty()).collect();
        on(State::Temporary, &rows).err()
    };
    let says = |name: &str, list: &str| format!("Security-{name}: {list}");
    let both = (says("Client", &client), says("Verify", &server));
    assert_eq!(of(&both.0, &both.1), None);
    assert_eq!(of(&both.0, ""), Some(Refusal::Incomplete));
    assert_eq!(of("", &both.1), Some(Refusal::Incomplete));
    // In other letters, and in a row for each entry.
    let rows: Vec<String> = server.split(", ").map(|entry| says("Verify", entry)).collect();
    assert_eq!(of(&both.0, &rows.join("\r\n")), None);
    assert_eq!(of(&both.0, &both.1.to_ascii_uppercase()), None);
    let entries: Vec<&str> = server.split(", ").collect();
    let swapped = [&[entries[1], entries[0]], &entries[2..]].concat().join(", ");
    for verify in [swapped.as_str(), entries[0], "", "=", &server.replace("5000", "5002")] {
        assert_eq!(of(&both.0, &says("Verify", verify)), Some(Refusal::Changed), "{verify}");
    }
    let other_port = client.replace("31001", "31003");
    assert_eq!(of(&says("Client", &other_port), &both.1), Some(Refusal::Changed));
}

//= PCSCF-004 type=test
//= AKA-024 type=test
#[test]
fn protected_is_who_answers_the_challenge_of_its_set_or_needs_none() {
    let lists = [
        format!("Security-Client: {CLIENT}"),
        format!("Security-Verify: {}", server()),
    ];
    let of = |state, params: &str| {
        let credentials = format!("Authorization: {CREDENTIALS}{params}");
        let rows = [lists[0].as_str(), lists[1].as_str(), &credentials];
        on(state, &rows).map(|one| (one.protection, one.proof)).unwrap()
    };
    let (yes, no) = (Protection::Yes, Protection::No);
    for (params, temporary, established, proof) in [
        (", nonce=\"abc\", response=\"1\"", yes, yes, Proof::Response),
        (", nonce=\"other\", response=\"1\"", no, no, Proof::Response),
        (", nonce=\"\", response=\"\"", no, yes, Proof::None),
        ("", no, yes, Proof::None),
        (", nonce=\"abc\", response=\"\"", no, no, Proof::Failure),
        (", nonce=\"abc\"", no, no, Proof::Failure),
        (", nonce=\"abc\", response=\"1\", auts=\"2\"", no, no, Proof::Failure),
    ] {
        assert_eq!(of(State::Temporary, params), (temporary, proof), "{params}");
        assert_eq!(of(State::Established, params), (established, proof), "{params}");
        assert_eq!(of(State::Old, params), (no, proof), "{params}");
    }
}

//= PCSCF-006 type=test
#[test]
fn nobody_registers_another_on_its_set() {
    let rows = |credentials: &str| on(State::Established, &[&format!("Authorization: {credentials}")]).err();
    assert_eq!(rows(CREDENTIALS), None);
    assert_eq!(rows("Digest username=\"bob\""), Some(Refusal::AnotherIdentity));
    assert_eq!(on(State::Established, &[]).err(), None);
}

//= AKA-016 type=test
#[test]
fn later_security_verify_is_compared_where_it_stands() {
    let verify = format!("Security-Verify: {}", server());
    for (rows, refusal, strict) in [
        (&[][..], None, Some(Refusal::Incomplete)),
        (&[verify.as_str()], None, None),
        (
            &["Security-Verify: tls"],
            Some(Refusal::Changed),
            Some(Refusal::Changed),
        ),
    ] {
        assert_eq!(on_strictly(State::Established, rows, false).err(), refusal);
        assert_eq!(on_strictly(State::Established, rows, true).err(), strict);
    }
}
