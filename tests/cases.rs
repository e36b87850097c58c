//! Cases: Markdown in `fixtures/cases/`, read by people like an example of an RFC and run here.
//!
//! Fenced blocks, in order: `policy` (lines that replace lines of the world's policy which begin alike, or stand before its
//! first `[[listener]]`), `in from=NAME` (a message), `out to=NAME` (rows of what then reaches NAME, in any order; a first line
//! without colon is the start line; `~` before a row: no row of that name), `never` (strings that nothing sent outside T holds,
//! a line each), `counts` (every counter that moved, and by how much). In an `in`, `{NAME of row}` stands for the rows of that name in the message that was last checked.

use crate::counts::moved;
use crate::legs::{ALLY, CORE, NET, OTHER_UE, Party, STRANGER, UE, told, world_of};
use crate::tree;
use crate::world::{POLICY, Sent, World};

const PARTIES: &[(&str, Party)] = &[
    ("core", CORE),
    ("ally", ALLY),
    ("net", NET),
    ("stranger", STRANGER),
    ("ue", UE),
    ("other-ue", OTHER_UE),
];

/// One fenced block: what its fence says, and its lines.
struct Block<'t> {
    kind: &'t str,
    party: Option<&'t str>,
    lines: Vec<&'t str>,
}

//= SEC-010 type=test
#[test]
fn every_case_holds() {
    let files = tree::files("fixtures/cases", ".md");
    let cases: Vec<_> = files.iter().filter(|file| !file.path.ends_with("README.md")).collect();
    assert!(cases.len() >= 12, "{} cases", cases.len());
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let fault = match case.text.contains("```counts\n") {
                true => run(&case.text).err(),
                // Each says what it counts.
                false => run(&format!("{}\n```counts\n```\n", case.text)).err(),
            };
            fault.map(|fault| format!("{}: {fault}", case.path))
        })
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn run(text: &str) -> Result<(), String> {
    let blocks = blocks(text)?;
    let policy = policy(&blocks);
    let senders = senders(&blocks)?;
    let mut world = world_of(&policy, &senders);
    play(&blocks, &mut world).map(drop)
}

/// Plays a case and gives what its parties sent and received, and all that the engine tells of it.
pub fn observed(text: &str) -> Result<(Vec<String>, String), String> {
    let blocks = blocks(text)?;
    let mut world = world_of(&policy(&blocks), &senders(&blocks)?);
    world.engine.observe();
    let sent = play(&blocks, &mut world)?;
    let ins = blocks.iter().filter(|block| block.kind == "in");
    let mut messages: Vec<String> = ins.map(|block| block.lines.join("\r\n")).collect();
    messages.extend(sent.iter().map(|sent| sent.text().to_owned()));
    let counts = world.engine.counts();
    let moved = moved(&Default::default(), &counts).join("\n");
    Ok((messages, format!("{:?}\n{counts:?}\n{moved}", world.events())))
}

/// Gives all that left.
fn play(blocks: &[Block<'_>], world: &mut World) -> Result<Vec<Sent>, String> {
    let before = world.engine.counts();
    let mut sent: Vec<Sent> = Vec::new();
    let mut all: Vec<Sent> = Vec::new();
    let mut last: Option<Sent> = None;
    let mut outs = 0;
    for block in blocks {
        match block.kind {
            "policy" | "never" | "counts" => {}
            "in" => {
                let from = party(block.party)?;
                sent = put_in(world, from, &block.lines, last.as_ref());
                all.extend(sent.iter().cloned());
            }
            "out" => {
                outs += 1;
                let to = party(block.party)?;
                last = Some(check(&sent, to, &block.lines)?);
            }
            other => return Err(format!("a block called '{other}'")),
        }
    }
    let never: Vec<&str> = blocks
        .iter()
        .filter(|block| block.kind == "never")
        .flat_map(|block| block.lines.iter().copied())
        .collect();
    if outs == 0 || never.is_empty() {
        return Err("nothing is expected, or nothing is forbidden".to_owned());
    }
    if let Some(block) = blocks.iter().find(|block| block.kind == "counts") {
        let moved = moved(&before, &world.engine.counts());
        if moved != block.lines {
            return Err(format!("what was counted is\n{}", moved.join("\n")));
        }
    }
    let told = all
        .iter()
        .filter(|message| is_outside(message))
        .find_map(|message| told(message, &never));
    told.map_or(Ok(all.clone()), |told| {
        Err(format!("what must never be seen is seen: {told}"))
    })
}

fn is_outside(message: &Sent) -> bool {
    let to = message.to.to_string();
    ![CORE, ALLY].iter().any(|node| node.address == to)
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, String> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(fence), false) => {
                let (kind, rest) = fence.split_once(' ').unwrap_or((fence, ""));
                let party = rest.split_once('=').map(|(_, name)| name);
                blocks.push(Block {
                    kind,
                    party,
                    lines: Vec::new(),
                });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => blocks.last_mut().ok_or("no block")?.lines.push(line),
            (None, false) => {}
        }
    }
    match open {
        true => Err("a block that does not end".to_owned()),
        false => Ok(blocks),
    }
}

/// The policy of the world, changed as the case says.
fn policy(blocks: &[Block<'_>]) -> String {
    let mut policy = POLICY.to_owned();
    for line in blocks
        .iter()
        .filter(|block| block.kind == "policy")
        .flat_map(|block| &block.lines)
    {
        let key = line.split('=').next().unwrap_or_default();
        let there = policy
            .lines()
            .find(|own| line.contains('=') && own.starts_with(key))
            .map(str::to_owned);
        policy = match there {
            Some(own) => policy.replacen(&own, line, 1),
            None => policy.replacen("[[listener]]", &format!("{line}\n[[listener]]"), 1),
        };
    }
    policy
}

fn party(name: Option<&str>) -> Result<Party, String> {
    let name = name.ok_or("a block without from= or to=")?;
    let found = PARTIES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, party)| *party)
        .ok_or(format!("nobody is called '{name}'"))
}

fn senders(blocks: &[Block<'_>]) -> Result<Vec<Party>, String> {
    let mut senders = Vec::new();
    for block in blocks.iter().filter(|block| block.kind == "in") {
        let sender = party(block.party)?;
        if !senders.contains(&sender) {
            senders.push(sender);
        }
    }
    Ok(senders)
}

fn put_in(world: &mut World, from: Party, lines: &[&str], last: Option<&Sent>) -> Vec<Sent> {
    let mut text = String::new();
    for line in lines {
        match line.strip_prefix('{').and_then(|line| line.strip_suffix('}')) {
            Some(name) => {
                let rows = last.map(|sent| sent.rows(name)).unwrap_or_default();
                rows.iter().for_each(|value| text += &format!("{name}: {value}\r\n"));
            }
            None => text += &format!("{line}\r\n"),
        }
    }
    world.packet(from.listener, from.address, &format!("{text}Content-Length: 0\r\n\r\n"))
}

/// The message that reached `to` and holds these rows.
fn check(sent: &[Sent], to: Party, lines: &[&str]) -> Result<Sent, String> {
    let arrived = sent
        .iter()
        .find(|sent| sent.to.to_string() == to.address && !sent.start().starts_with("SIP/2.0 100"));
    let Some(arrived) = arrived else {
        return Err(format!("nothing reached {}: {sent:#?}", to.address));
    };
    let missing = lines.iter().find(|line| !holds(arrived, line));
    match missing {
        Some(line) => Err(format!("'{line}' does not hold of\n{}", arrived.text())),
        None => Ok(arrived.clone()),
    }
}

fn holds(sent: &Sent, line: &str) -> bool {
    if let Some(name) = line.strip_prefix('~') {
        return sent.rows(name.trim()).is_empty();
    }
    let is_start = line.starts_with("SIP/2.0 ") || line.ends_with(" SIP/2.0");
    match line.split_once(": ") {
        _ if is_start => sent.start() == line,
        Some((name, value)) => sent.rows(name).contains(&value),
        None => false,
    }
}

#[test]
fn a_case_that_does_not_hold_is_reported() {
    let case = |out: &str, never: &str| {
        format!(
            "```in from=core\nMESSAGE sip:bob@net.example SIP/2.0\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa\n\
             From: <sip:al@x>;tag=1\nTo: <sip:bob@net.example>\nCall-ID: c\nCSeq: 1 MESSAGE\n```\n\
             ```out to=net\n{out}\n```\n```never\n{never}\n```\n"
        )
    };
    assert_eq!(run(&case("From: <sip:al@x>;tag=1\n~ Privacy", "secret")), Ok(()));
    assert!(run(&case("From: <sip:other@x>;tag=1", "secret")).is_err());
    assert!(run(&case("~ From", "secret")).is_err());
    assert!(run(&case("INVITE sip:bob@net.example SIP/2.0", "secret")).is_err());
    assert!(run(&case("~ Privacy", "sip:al@x")).is_err());
    assert!(run(&case("~ Privacy", "secret").replace("to=net", "to=ue")).is_err());
    assert!(run("no block").is_err());
    assert!(run(&(case("~ Privacy", "secret") + "```counts\nsipveil_responses_total 1\n```\n")).is_err());
}
