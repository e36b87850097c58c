//! Lists of a tracker that means ill: an identity in any place, in any dress. None may come out of the guard.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sipveil::ppsp::json::Limits;
use sipveil::ppsp::response::{Have, Outcome, Peer, Role, State, SwarmResult};
use sipveil::ppsp::{Json, Response, SwarmId};
use sipveil::privacy::guard::{Addresses, OnLeak, Terms};
use sipveil::seal::TemporaryIds;
use sipveil::seal::temporary_id::{Binding, Encoding, Hosts, Place, Secret, Viewer};

const HOST: &str = "tid.p2p.home1.example";
const PARTNER: &str = "tid.p2p.partner.example";
const ASKER: &[u8] = b"sip:bob@home1.example";
const EPOCH: u32 = 16_760;

/// What stays the same from case to case.
pub struct Stage {
    hosts: Hosts,
    ids: TemporaryIds,
    good: String,
}

/// How many cases ended in which way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// A list came out, without the identity.
    pub passed: u64,
    /// Of those, lists in which something was found and hidden or taken out.
    pub cleaned: u64,
    /// Nothing came out.
    pub barred: u64,
}

/// Plays cases by their numbers. An error names the first of which an identity came out.
pub fn play(cases: std::ops::Range<u64>) -> Result<Outcomes, String> {
    let stage = Stage::new();
    let mut outcomes = Outcomes::default();
    for case in cases {
        stage.play(case, &mut outcomes)?;
    }
    Ok(outcomes)
}

pub const NAMES: [&str; 8] = [
    "sip:alice@home1.example",
    "sips:alice@home1.example",
    "tel:+15551230001",
    "alice@ims.home1.example",
    "262015000000001",
    "+15551230001",
    "urn:gsma:imei:90420156-025763-0",
    "sip:alice@home1.example;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
];

pub fn dressed(name: &str, random: &mut ChaCha8Rng) -> String {
    match random.next_u32() % 8 {
        0 => name.to_string(),
        1 => name.to_ascii_uppercase(),
        2 => BASE64.encode(name.as_bytes()),
        3 => BASE64URL_NOPAD.encode(name.as_bytes()),
        4 => name.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        5 => name.bytes().map(|byte| format!("{byte:02x}")).collect(),
        6 => BASE64URL_NOPAD.encode(BASE64.encode(name.as_bytes()).as_bytes()),
        _ => format!("x{name}y"),
    }
}

impl Stage {
    fn new() -> Stage {
        let hosts = Hosts::new(HOST, &[PARTNER.into()]);
        let secret = Secret::new(698, [7; 32], [8; 32]);
        let ids = TemporaryIds::new(secret, hosts.clone(), Encoding::Base64Url, 698, 1).unwrap();
        let binding = Binding {
            place: Place::of_slot(3),
            generation: 1,
            epoch: EPOCH,
            swarm: b"swarm",
            viewer: Viewer::Any,
        };
        let good = ids.mint(&binding).unwrap();
        Stage { hosts, ids, good }
    }

    fn terms(&self, on_leak: OnLeak) -> Terms<'_> {
        Terms {
            hosts: &self.hosts,
            ids: Some(&self.ids),
            network_peers: &[],
            addresses: Addresses::None,
            on_leak,
            tracker: b"tracker",
            passes_tickets: false,
            epoch: EPOCH,
            epochs_kept: 1,
        }
    }

    /// One list with a name planted in it. What comes out must not hold it, in any of the dresses.
    fn play(&self, case: u64, outcomes: &mut Outcomes) -> Result<(), String> {
        let mut random = ChaCha8Rng::seed_from_u64(case);
        let name = NAMES[random.next_u32() as usize % NAMES.len()];
        let dress = dressed(name, &mut random);
        let good = self.good.clone();
        let id = match random.next_u32() % 5 {
            0 => dress.clone(),
            1 => format!("sip:t2.{}@{HOST}", dress.replace(['@', ':', '+', '%', '/', '='], "")),
            2 => format!("sip:t1.{dress}@{PARTNER}"),
            3 => format!("{good};{dress}"),
            _ => good,
        };
        let list = list(&id);
        let mut body = Json::read(&list, Limits::PPSP).unwrap();
        let mut left = random.next_u32() % 12;
        plant(&mut body, &dress, &mut left, &mut random);
        let mut bytes = body.to_bytes();
        match random.next_u32() % 10 {
            0 => bytes.extend_from_slice(format!("\"{dress}\"").as_bytes()),
            1 => bytes.splice(0..0, format!("// {dress}\n").into_bytes()).for_each(drop),
            _ => {}
        }
        let on_leak = [OnLeak::Redact, OnLeak::Remove, OnLeak::Refuse][random.next_u32() as usize % 3];
        let Ok(guarded) = self.terms(on_leak).response(&bytes, ASKER, [0; 12]) else {
            outcomes.barred += 1;
            return Ok(());
        };
        let text = String::from_utf8(guarded.body).unwrap();
        for secret in [
            name,
            &dress,
            &name.to_ascii_uppercase(),
            &BASE64URL_NOPAD.encode(name.as_bytes()),
        ] {
            if text.contains(secret) {
                return Err(format!("case {case}: {secret} in {text}"));
            }
        }
        outcomes.passed += 1;
        outcomes.cleaned += u64::from(guarded.leaks.any());
        Ok(())
    }
}

fn list(id: &str) -> Vec<u8> {
    let peer = Peer {
        id: id.into(),
        role: Role::Peer,
        have: Some(Have::Full),
        addresses: Vec::new(),
    };
    let swarm = SwarmResult {
        peers: vec![peer],
        state: Some(State::Verified),
        ..SwarmResult::done(SwarmId::of_root([4; 32]))
    };
    let response = Response {
        transaction: "a8f3c1d2".into(),
        outcome: Outcome::Successful(vec![swarm]),
    };
    response.to_bytes()
}

/// Puts a name into one place of a document: as a value, as a member, as the name of one.
pub fn plant<'a>(json: &mut Json<'a>, dress: &'a str, left: &mut u32, random: &mut ChaCha8Rng) {
    let is_here = *left == 0;
    *left = left.wrapping_sub(1);
    match json {
        Json::Object(members) => {
            if is_here {
                match random.next_u32() % 3 {
                    0 => members.push((dress.into(), 1.into())),
                    1 => members.push(("impu".into(), dress.into())),
                    _ => members.insert(0, ("foo".into(), Json::List(vec![dress.into()]))),
                }
            }
            members
                .iter_mut()
                .for_each(|(_, value)| plant(value, dress, left, random));
        }
        Json::List(elements) => {
            if is_here {
                elements.push(dress.into());
            }
            elements
                .iter_mut()
                .for_each(|element| plant(element, dress, left, random));
        }
        Json::Text(text) if is_here => *text = dress.into(),
        Json::Number(_) if is_here => *json = dress.into(),
        _ => {}
    }
}
