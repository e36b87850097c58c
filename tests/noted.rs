//! What is noted of a message is what was done to it, and all of it: `explain`, `replay` and the audit tell what is noted.

use sipveil::engine::event::Event;
use sipveil::privacy::{Action, Decision};
use sipveil::sip::Name;

use crate::legs::{ALLY, CORE, NET, Party, STRANGER, UE, policy, policy_with_privacy, request, world_of};
use crate::world::{POLICY, Sent, World, respond};

/// A row of each kind that some rule takes out or writes anew.
const ROWS: &[(Name, &str)] = &[
    (Name::PAssertedIdentity, "\"Al\" <sip:+1555@home1.example;cpc=payphone>"),
    (Name::PPreferredIdentity, "<sip:+1555@home1.example>"),
    (Name::RemotePartyId, "<sip:al@home1.example>;privacy=full"),
    (Name::Identity, "abc"),
    (Name::IdentityInfo, "<https://home1.example/cert>"),
    (Name::CallInfo, "<http://home1.example/al.jpg>"),
    (Name::UserAgent, "Al's"),
    (Name::Organization, "Al's"),
    (Name::Server, "Al's"),
    (Name::Subject, "Al's"),
    (Name::ReplyTo, "<sip:al@home1.example>"),
    (Name::InReplyTo, "a@home1.example"),
    (Name::Geolocation, "<cid:a>;loc-src=home1.example"),
    (Name::GeolocationRouting, "yes"),
    (Name::ReferredBy, "<sip:al@home1.example>"),
    (Name::Diversion, "<sip:al@home1.example>;privacy=full"),
    (Name::HistoryInfo, "<sip:al@home1.example?Privacy=history>;index=1"),
    (Name::HistoryInfo, "<sip:bob@other.example>;index=2"),
    (Name::Warning, "399 al.home1.example \"text\""),
    (Name::SessionId, "a1b2"),
    (Name::PAccessNetworkInfo, "3GPP-UTRAN-TDD; network-provided"),
    (
        Name::PChargingVector,
        "icid-value=1;icid-generated-at=10.20.0.1;orig-ioi=home1.example",
    ),
    (Name::PChargingFunctionAddresses, "ccf=10.20.0.1"),
    (Name::PCalledPartyId, "<sip:al@home1.example>"),
    (Name::PEarlyMedia, "supported, gated"),
    (Name::Reason, "Q.850;cause=16"),
    (
        Name::Authorization,
        "Digest username=\"al\", integrity-protected=\"yes\"",
    ),
    (Name::ProxyRequire, "privacy"),
    (Name::RecordRoute, "<sip:p1.home1.example;lr>"),
];

const PRIVACY: &[&str] = &[
    "",
    "Privacy: none\r\n",
    "Privacy: id\r\n",
    "Privacy: user\r\n",
    "Privacy: header\r\n",
    "Privacy: history\r\n",
    "Privacy: critical\r\n",
    "Privacy: x-unknown\r\n",
    "Privacy: user;header;id;history\r\n",
];

/// What changes beside what is noted: a proxy's own rows.
const OF_EVERY_PROXY: [Name; 5] = [
    Name::Via,
    Name::Route,
    Name::RecordRoute,
    Name::MaxForwards,
    Name::ContentLength,
];

fn policies() -> [String; 5] {
    [
        POLICY.to_owned(),
        policy("rfc", "remove", "remove"),
        policy_with_privacy(
            "strip_session_id_on_user = true\nstrip_identity_on_id_to_ue = true\nid_anonymises_from = true\n\
             hide_routing_to_ue = true\ncall_id = \"map\"\n\
             values = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]",
        ),
        policy_with_privacy("strip_identity_on_id_to_ue = true"),
        policy_with_privacy("remote_party_id = \"pass\"").replace(
            "prefixes = [\"192.0.2.64/26\"]",
            "prefixes = [\"192.0.2.64/26\"]\nrfc5876 = false\nanonymise_from_for_legacy = false",
        ),
    ]
}

/// All rows at once, none, and each alone.
fn rows() -> Vec<String> {
    let row = |(name, value): &(Name, &str)| format!("{}: {value}\r\n", name.as_str());
    let alone = ROWS.iter().map(row);
    let all: String = ROWS.iter().map(row).collect();
    [String::new(), all].into_iter().chain(alone).collect()
}

/// What this node writes itself for a UE of its own, whatever came.
const OF_A_UE: [Name; 3] = [Name::PAssertedIdentity, Name::PPreferredIdentity, Name::PChargingVector];

/// Notes that are not true of what came and what left, and changes of which nothing is noted.
fn untrue(from: Party, came: &str, left: &Sent, decisions: &[Decision]) -> Vec<String> {
    let is_ours = |name: &Name| OF_EVERY_PROXY.contains(name) || from == UE && OF_A_UE.contains(name);
    let mut untrue = Vec::new();
    for Decision {
        header, action, rule, ..
    } in decisions.iter().filter(|one| !is_ours(&one.header))
    {
        let (before, after) = (values(came, *header), values(left.text(), *header));
        let is_true = match action {
            Action::Kept => !before.is_empty() && !after.is_empty(),
            Action::Removed => after.len() < before.len(),
            Action::Added => after.len() > before.len(),
            _ => !before.is_empty() && before != after,
        };
        if !is_true {
            untrue.push(format!("{} {action:?} by {rule:?}", header.as_str()));
        }
    }
    let others = [Name::From, Name::Contact, Name::CallId, Name::Privacy];
    for name in ROWS
        .iter()
        .map(|(name, _)| *name)
        .chain(others)
        .filter(|name| !is_ours(name))
    {
        let is_noted = decisions
            .iter()
            .any(|one| one.header == name && one.action != Action::Kept);
        if !is_noted && values(came, name) != values(left.text(), name) {
            untrue.push(format!("{} changed", name.as_str()));
        }
    }
    // What a node before this one wrote there leaves as it is, or is hidden.
    let is_request = !came.starts_with("SIP/2.0 ");
    for name in [Name::Via, Name::RecordRoute].into_iter().filter(|_| is_request) {
        let (before, after) = (values(came, name), values(left.text(), name));
        let is_hidden = before.iter().any(|value| !after.contains(value));
        let is_noted = decisions
            .iter()
            .any(|one| one.header == name && one.action == Action::Hidden);
        if is_hidden != is_noted {
            untrue.push(format!("{} hidden: {is_hidden}", name.as_str()));
        }
    }
    let mut again = decisions
        .iter()
        .enumerate()
        .filter(|(at, one)| decisions[..*at].contains(one));
    untrue.extend(again.next().map(|(_, one)| format!("{one:?} twice")));
    untrue
        .into_iter()
        .map(|what| format!("{what}\n{came}\n{}", left.text()))
        .collect()
}

/// One of each kind.
fn assert_none(mut untrue: Vec<String>) {
    let what = |one: &String| one.lines().next().map(str::to_owned);
    untrue.sort_by_key(what);
    untrue.dedup_by_key(|one| what(one));
    assert!(untrue.is_empty(), "{}", untrue.join("\n\n"));
}

fn values(text: &str, name: Name) -> Vec<&str> {
    let head = text.split("\r\n\r\n").next().unwrap();
    let rows = head.split("\r\n").skip(1).filter_map(|row| row.split_once(": "));
    rows.filter(|(row, _)| row.eq_ignore_ascii_case(name.as_str()))
        .map(|(_, value)| value)
        .collect()
}

/// What left for a party, and what was noted of it.
fn observed(world: &mut World, from: Party, to: Party, text: &str) -> Option<(Sent, Vec<Decision>)> {
    world.engine.observe();
    world.events();
    let sent = world.packet(from.listener, from.address, text);
    let decisions = world.events().into_iter().find_map(|event| match event {
        Event::Cleared(judged) => Some(judged.decisions),
        _ => None,
    });
    let is_answer = text.starts_with("SIP/2.0 ");
    let arrived = sent
        .into_iter()
        .find(|one| one.to.to_string() == to.address && one.start().starts_with("SIP/2.0 ") == is_answer);
    arrived.zip(decisions)
}

#[test]
fn what_is_noted_of_a_request_is_what_was_done() {
    let (mut seen, mut all) = (0, Vec::new());
    for policy in policies() {
        for (from, to) in [
            (CORE, NET),
            (CORE, UE),
            (CORE, ALLY),
            (STRANGER, CORE),
            (UE, CORE),
            (UE, NET),
            (ALLY, CORE),
        ] {
            for method in ["INVITE", "MESSAGE", "REFER"] {
                for privacy in PRIVACY {
                    let mut world = world_of(&policy, &[from]);
                    for (number, rows) in rows().iter().enumerate() {
                        let text = request(from, to, method, &format!("{privacy}{rows}"));
                        let text = text
                            .replace("z9hG4bKreq", &format!("z9hG4bK{number}"))
                            .replace("call-1", &format!("c{number}@10.99.0.7"));
                        if let Some((sent, decisions)) = observed(&mut world, from, to, &text) {
                            all.extend(untrue(from, &text, &sent, &decisions));
                            seen += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(seen > 15_000, "{seen}");
    assert_none(all);
}

#[test]
fn what_is_noted_of_a_response_is_what_was_done() {
    let (mut seen, mut all) = (0, Vec::new());
    for policy in policies() {
        for (from, to) in [(NET, CORE), (CORE, STRANGER), (UE, CORE), (CORE, UE), (ALLY, CORE)] {
            for (number, rows) in rows().iter().enumerate() {
                for privacy in PRIVACY {
                    let mut world = world_of(&policy, &[from, to]);
                    let text = request(to, from, "INVITE", "");
                    let Some((invite, _)) = observed(&mut world, to, from, &text) else {
                        continue;
                    };
                    let contact = "Contact: <sip:al@10.99.0.7>\r\n";
                    let text = respond(
                        &invite,
                        "200 OK",
                        &format!("t{number}"),
                        &format!("{contact}{privacy}{rows}"),
                    );
                    if let Some((sent, decisions)) = observed(&mut world, from, to, &text) {
                        all.extend(untrue(from, &text, &sent, &decisions));
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 4_000, "{seen}");
    assert_none(all);
}
