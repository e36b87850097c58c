//! Bytes as a reginfo document: read within its ceilings, and what a registration learns of it only ever takes away time.

#![no_main]

#[path = "../drafts.rs"]
mod drafts;

use libfuzzer_sys::fuzz_target;
use sipveil::pcscf::reg_event::{RegInfo, read};
use sipveil::pcscf::register::{Answerer, Asked, IDENTITIES_MAX, Learned, RegisteredUe, learn};
use sipveil::policy::ListenerId;
use sipveil::policy::limits::{REGINFO_BYTES_MAX, REGINFO_CONTACTS_MAX, REGINFO_REGISTRATIONS_MAX};
use sipveil::trust::Standing;

const NOW: u64 = 1_800_000_000;
const CONTACT: &[u8] = b"Contact: <sip:alice@192.0.2.7>\r\nTo: <sip:alice@home1.example>\r\n";
const GRANTED: &[u8] = b"Contact: <sip:alice@192.0.2.7>;expires=600\r\n\
    P-Associated-URI: <sip:alice@home1.example>, <sip:alice@192.0.2.7>, <tel:+15550001>\r\n";

fuzz_target!(|data: &[u8]| {
    let Ok(info) = read(data) else { return };
    let contacts = info.registrations.iter().map(|registration| registration.contacts.len());
    assert!(data.len() <= REGINFO_BYTES_MAX && contacts.sum::<usize>() <= REGINFO_CONTACTS_MAX);
    assert!(info.registrations.len() <= REGINFO_REGISTRATIONS_MAX);
    teaches(&info);
});

fn teaches(info: &RegInfo) {
    let ue = alice();
    let Learned::Registered(after) = ue.after(info, NOW) else { return };
    assert!(after.expires_at() <= ue.expires_at());
    assert!(after.contacts().eq(ue.contacts()) && after.service_route() == ue.service_route());
    let identities = after.identities().all;
    assert!((1..=IDENTITIES_MAX).contains(&identities.len()));
    assert!(after.identities().default < identities.len());
    assert!(matches!(after.after(info, NOW), Learned::Nothing), "told twice");
}

fn alice() -> RegisteredUe {
    let asked = drafts::register(CONTACT).map(|register| Asked::of(&register, false));
    let answer = drafts::response("200 OK", GRANTED);
    let by = Answerer {
        standing: Standing::Trusted,
        listener: ListenerId(0),
    };
    match asked.zip(answer).map(|(asked, answer)| learn(&asked, &answer, by, NOW)) {
        Some(Learned::Registered(ue)) => ue,
        _ => panic!("alice is not registered"),
    }
}
