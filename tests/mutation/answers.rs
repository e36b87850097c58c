//! Answers of name servers nobody should trust: loops, floods, names too long, ports that are none, records not asked for.

use std::time::Duration;

use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng};
use sipveil::locate::answer::{Naptr, Srv};
use sipveil::locate::plan::PEERS_MAX;
use sipveil::locate::search::{LIFETIME_MAX, LIFETIME_MIN, QUESTIONS_MAX};
use sipveil::locate::{Answer, Data, Ending, HostName, Kind, Question, Record, Search, Wish};
use sipveil::sip::Transport;

/// More records than anybody reads.
const FLOOD: usize = 2_000;

/// An answer made by choices: `below(n)` chooses a number below `n`.
pub fn answer(question: &Question, below: &mut dyn FnMut(usize) -> usize) -> Answer {
    let lifetime = Duration::from_secs([0, 1, 60, 200_000][below(4)]);
    match below(8) {
        0 => return Answer::Failed,
        1 => return Answer::Nothing { lifetime: None },
        2 => {
            let lifetime = Some(lifetime);
            return Answer::Nothing { lifetime };
        }
        _ => {}
    }
    let count = match below(16) {
        0 => FLOOD,
        few => few,
    };
    let records = (0..count).filter_map(|_| record(question, below)).collect();
    Answer::Found { records, lifetime }
}

const CNAME: usize = 4;

fn record(question: &Question, below: &mut dyn FnMut(usize) -> usize) -> Option<Record> {
    let owner = match below(4) {
        0 => name(question, below)?,
        _ => question.name.clone(),
    };
    let kind = match below(8) {
        0 => CNAME,
        1 => below(4),
        _ if question.kind == Kind::Ptr => return reverse(question, below),
        _ => question.kind as usize,
    };
    let data = match kind {
        0 => Data::Naptr(Naptr {
            order: below(3) as u16,
            preference: below(3) as u16,
            flags: pick(below, &["s", "S", "u", "a", ""]),
            services: pick(below, &["SIP+D2U", "sip+d2t", "SIPS+D2T", "SIP+D2W", "E2U+sip", ""]),
            regexp: pick(below, &["", "", "", "!.*!x!"]),
            replacement: name(question, below),
        }),
        1 => Data::Srv(Srv {
            priority: below(3) as u16,
            weight: [0, 1, 100, u16::MAX][below(4)],
            port: [0, 5060, 5061, u16::MAX][below(4)],
            target: name(question, below),
        }),
        CNAME => Data::Cname(name(question, below)?),
        kind => address(kind == Kind::A as usize, below),
    };
    Some(Record { owner, data })
}

/// A name of T's domains only for one whose address no name leads back to; for the others one that looks like it.
fn reverse(question: &Question, below: &mut dyn FnMut(usize) -> usize) -> Option<Record> {
    let is_far = question.name.as_str().ends_with(".203.in-addr.arpa");
    let name = match below(3) {
        0 if is_far => HostName::parse(format!("host{}.home1.example", below(12)).as_bytes())?,
        0 => HostName::parse(b"evilhome1.example")?,
        _ => name(question, below)?,
    };
    let owner = question.name.clone();
    let data = Data::Ptr(name);
    Some(Record { owner, data })
}

fn pick(below: &mut dyn FnMut(usize) -> usize, from: &[&str]) -> Vec<u8> {
    from[below(from.len())].as_bytes().to_vec()
}

/// A name: few, so that they meet; the one asked for among them; the longest there is; none.
fn name(question: &Question, below: &mut dyn FnMut(usize) -> usize) -> Option<HostName> {
    match below(8) {
        0 => None,
        1 => Some(question.name.clone()),
        2 => question.name.below("_sip._udp."),
        3 => HostName::parse(format!("{}a", "a.".repeat(126)).as_bytes()),
        few => HostName::parse(format!("host{few}-{}.example", below(4)).as_bytes()),
    }
}

/// An address, of the parties of the storm or of places where no name should lead.
fn address(is_v4: bool, below: &mut dyn FnMut(usize) -> usize) -> Data {
    let v4 = [
        "192.0.2.9",
        "192.0.2.70",
        "10.20.0.9",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.1.1",
        "192.0.2.1",
    ];
    let v6 = [
        "2001:db8::9",
        "::1",
        "::",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "2001:db8:2::9",
    ];
    let known = if is_v4 { v4 } else { v6 };
    let address = known[below(known.len())].parse();
    Data::Address(address.unwrap_or([0, 0, 0, 0].into()))
}

/// Searches, with every answer made by choices, and looks at what comes of it.
#[allow(dead_code, reason = "the storm searches through an engine")]
pub fn search(wish: Wish, below: &mut dyn FnMut(usize) -> usize) -> Result<(), &'static str> {
    let is_secure = wish.secure;
    let mut search = Search::begin(wish);
    let mut open = Vec::new();
    let mut asked = 0;
    loop {
        while let Some((slot, question)) = search.next_question() {
            asked += 1;
            open.push((slot, question));
        }
        if open.is_empty() || below(64) == 0 {
            break;
        }
        let (slot, question) = open.swap_remove(below(open.len()));
        search.answer(slot, &answer(&question, below));
        search.answer(slot, &Answer::Failed);
    }
    if asked > QUESTIONS_MAX || (open.is_empty() && !search.is_done()) {
        return Err("it asks too much, or waits for what nobody answers");
    }
    let plan = search.finish();
    if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&plan.lifetime) {
        return Err("it counts too short or too long");
    }
    if plan.services.is_empty() == (plan.ending == Ending::Found) {
        return Err("the ending tells another story than the servers");
    }
    let peers = plan.order(&mut ChaCha12Rng::from_seed([1; 32]));
    let is_known = |at: usize| peers[..at].contains(&peers[at]);
    if peers.len() > PEERS_MAX || (0..peers.len()).any(is_known) {
        return Err("too many peers, or one of them twice");
    }
    if peers.iter().any(|peer| peer.address.port() == 0) {
        return Err("a port that is none");
    }
    if is_secure
        && peers
            .iter()
            .any(|peer| !matches!(peer.transport, Transport::Tls | Transport::Wss))
    {
        return Err("a sips URI leads past TLS");
    }
    Ok(())
}
