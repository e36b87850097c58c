//! Bytes as what a UE says of its protection: three pieces between zeros, for Security-Client, Security-Verify and Authorization.
//!
//! Whatever is offered and chosen, the UE that repeats both lists is taken on its set, and no other repetition is.

#![no_main]

#[path = "../drafts.rs"]
mod drafts;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sipveil::pcscf::keys::CkIk;
use sipveil::pcscf::security::register::{protected, unprotected};
use sipveil::pcscf::security::{
    Asked, Between, Max, Ports, Proof, Protection, Refusal, Sets, State, Terms, server_list, suite,
};
use sipveil::policy::ListenerId;
use sipveil::sip::headers::security::Mechanisms;
use sipveil::sip::{Draft, Name};

const ASKS: &[u8] = b"Require: sec-agree\r\nTo: <sip:alice@home1.example>\r\n";
const BETWEEN: Between = Between {
    listener: ListenerId(0),
    ue: IpAddr::V4(Ipv4Addr::new(10, 45, 0, 7)),
    us: IpAddr::V4(Ipv4Addr::new(10, 45, 0, 1)),
};

fuzz_target!(|data: &[u8]| {
    let [client, verify, credentials] = drafts::pieces(data);
    for terms in [Terms::USUAL, Terms::ALL] {
        let first = [
            ASKS,
            &drafts::rows("Security-Client", client),
            &drafts::rows("Authorization", credentials),
        ];
        let Some(first) = drafts::register(&first.concat()) else { return };
        challenged(&first, client, verify, terms);
    }
});

fn challenged(first: &Draft, client: &[u8], verify: &[u8], terms: Terms) {
    let Ok(registering) = unprotected(first, terms) else { return };
    assert!(registering.protection == Protection::No);
    let Some((mechanisms, offer)) = registering.offer else { return };
    assert!(suite::suites(terms).any(|suite| suite == offer.suite));
    assert!(offer.ends.spi_c > 255 && offer.ends.spi_s > 255 && offer.ends.spi_c != offer.ends.spi_s);
    assert!(offer.ends.port_c != offer.ends.port_s && ![offer.ends.port_c, offer.ends.port_s].contains(&5060));
    let max = Max {
        sets: 4,
        pending_of_source: 4,
    };
    let mut sets = Sets::new(max, (1, 2));
    let asked = Asked {
        impi: &registering.impi,
        between: BETWEEN,
        client: mechanisms,
        offer,
        on: None,
        nonce: b"n1",
    };
    let keys = CkIk {
        ck: [1; 16].into(),
        ik: [2; 16].into(),
    };
    let ports = Ports {
        server: 6101,
        clients: &[6102],
    };
    let mut number = 70_000_u32;
    let draw = || {
        number = number.wrapping_add(7919);
        number
    };
    let set = sets.challenged(Duration::ZERO, asked, &keys, ports, terms, draw);
    let seen = set.ok().and_then(|set| sets.seen(set)).expect("an empty table has room");
    assert!(seen.state == State::Temporary);
    let list = server_list(terms, Some(seen.ours));
    let answer = |verify: &[u8]| {
        let rows = [
            ASKS,
            &drafts::rows("Security-Client", client),
            &drafts::rows("Security-Verify", verify),
            b"Authorization: Digest username=\"",
            seen.impi,
            b"\", nonce=\"n1\", response=\"0\"\r\n",
        ];
        drafts::register(&rows.concat())
    };
    // A name with a quote in it is another one when it is written here.
    let is_plain = seen.impi.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(byte));
    if let Some(same) = answer(&list.to_bytes()).filter(|_| is_plain) {
        let read = protected(&same, &seen, terms, true).expect("both lists are repeated");
        assert!(read.protection == Protection::Yes && read.proof == Proof::Response && read.impi == seen.impi);
    }
    if let Some(other) = answer(verify).filter(|_| is_plain) {
        let is_same = Mechanisms::read(other.rows(Name::SecurityVerify)).is_ok_and(|read| read == list);
        match protected(&other, &seen, terms, true) {
            Ok(_) => assert!(is_same),
            Err(why) => assert!(!is_same && matches!(why, Refusal::Changed | Refusal::Incomplete)),
        }
    }
}
