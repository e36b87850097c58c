//! Faults on purpose: for every carrier and every kind of message an engine that forgets just this carrier in just these.
//!
//! A fault that nobody notices would mean that the dialogs do not exercise it.

use std::collections::BTreeMap;

use super::carriers::{CALL_ID, CANCEL_REASON, CARRIERS, CONTACT, Carrier, RECORD_ROUTE, REGISTERED, REQUEST_URI};
use super::compare::difference;
use super::kind::Kind;
use super::oblivion::Forgotten;
use super::proof::Proof;

/// Dialogs in which one fault is tried at most.
const TRIED: usize = 3;

/// What became of the faults.
#[derive(Debug, Default)]
pub struct Planted {
    pub noticed: usize,
    /// Faults that changed what somebody outside received, and that the comparison took for nothing.
    pub missed: Vec<String>,
    /// Faults that no dialog gives an opportunity for.
    pub untried: Vec<String>,
}

/// Plants every fault in dialogs among the first so many.
pub fn planted(proof: &Proof, dialogs: u64) -> Planted {
    let mut chances: BTreeMap<(usize, Kind), Vec<u64>> = BTreeMap::new();
    for number in 0..dialogs {
        let [one, _] = proof.pair(number, None);
        for at in one.carried {
            let numbers = chances.entry(at).or_default();
            if numbers.len() < TRIED && numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
    let mut outcome = Planted::default();
    for ((carrier, kind), numbers) in &chances {
        let forgotten = Forgotten {
            carrier: *carrier,
            kind: *kind,
        };
        for number in numbers {
            let [one, other] = proof.pair(*number, Some(forgotten));
            match difference(&one.seen, &other.seen, proof.lengths(*number)) {
                Some(_) => outcome.noticed += 1,
                None => outcome
                    .missed
                    .push(format!("{} (dialog {number})", Proof::name(forgotten))),
            }
        }
    }
    let wanted = CARRIERS.iter().enumerate().flat_map(|(at, carrier)| {
        let kinds = kinds().into_iter().filter(move |kind| may_carry(at, carrier, *kind));
        kinds.map(move |kind| Forgotten { carrier: at, kind })
    });
    outcome.untried = wanted
        .filter(|fault| !chances.contains_key(&(fault.carrier, fault.kind)))
        .map(Proof::name)
        .collect();
    outcome
}

/// Every kind of message somebody outside gets from a party that hides, or because of one.
fn kinds() -> Vec<Kind> {
    let first = [
        "INVITE",
        "INFO",
        "MESSAGE",
        "REFER",
        "OPTIONS",
        "SUBSCRIBE",
        "PUBLISH",
        "NOVEL",
    ];
    let within = [
        "INVITE",
        "ACK",
        "BYE",
        "UPDATE",
        "PRACK",
        "INFO",
        "MESSAGE",
        "REFER",
        "NOTIFY",
        "OPTIONS",
        "SUBSCRIBE",
        "NOVEL",
    ];
    let classes = [
        (true, 1),
        (true, 2),
        (true, 3),
        (true, 4),
        (true, 5),
        (true, 6),
        (false, 1),
        (false, 2),
        (false, 4),
        (false, 5),
    ];
    let mut kinds = vec![Kind::Cancel, Kind::FailureAck];
    kinds.extend(first.map(|method| Kind::request(method, false)));
    kinds.extend(within.map(|method| Kind::request(method, true)));
    kinds.extend(classes.map(|(to_invite, class)| Kind::Response { to_invite, class }));
    kinds
}

/// Whether a message of this kind can hold the carrier, where it must be hidden.
fn may_carry(at: usize, carrier: &Carrier, kind: Kind) -> bool {
    let has_contact = |method| matches!(method, "INVITE" | "SUBSCRIBE" | "REFER" | "UPDATE" | "NOTIFY" | "NOVEL");
    match (at, kind) {
        // Seen by itself nowhere: it is asserted, and then stands in P-Asserted-Identity.
        (REGISTERED, _) => false,
        (CANCEL_REASON, kind) => kind == Kind::Cancel,
        (CONTACT, Kind::Request { method, .. }) => has_contact(method),
        (CONTACT, Kind::Response { class, .. }) => class <= 2,
        (RECORD_ROUTE | REQUEST_URI, Kind::Request { within, .. }) => !within,
        (CALL_ID, Kind::Response { .. }) => false,
        _ => carrier.stands_in(kind),
    }
}
