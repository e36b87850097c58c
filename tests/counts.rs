//! Every decision moves the counters it is to move, and no other. The cases of `fixtures/cases` say the same of theirs.

use sipveil::engine::Input;
use sipveil::engine::counts::Counts;

use crate::dialog::Call;
use crate::world::{POLICY, Sent, World, respond};

const CORE: &str = "10.20.0.9:5060";
const NET: &str = "192.0.2.9:5060";
const UE: &str = "10.30.0.9:5060";

/// The counters that differ, each with by how much.
pub fn moved(before: &Counts, after: &Counts) -> Vec<String> {
    let pairs = before.rows().into_iter().zip(after.rows());
    pairs
        .filter(|(before, after)| before.value != after.value)
        .map(|(before, after)| format!("{} {}", after.series(), after.value as i64 - before.value as i64))
        .collect()
}

/// A request of somebody to somebody.
fn request(method: &str, domain: &str, from: &str, rows: &str) -> String {
    format!(
        "{method} sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}\r\n\
         From: <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@{domain}>\r\nCall-ID: call\r\n\
         CSeq: 1 {method}\r\n{rows}Content-Length: 0\r\n\r\n"
    )
}

fn from_core(world: &mut World, method: &str, rows: &str) -> Vec<Sent> {
    world.packet("core", CORE, &request(method, "net.example", CORE, rows))
}

fn from_net(world: &mut World, method: &str, rows: &str) -> Vec<Sent> {
    world.packet("net", NET, &request(method, "home1.example", NET, rows))
}

/// What is done, beforehand and counted, under which limits; and what moves.
struct Row {
    limits: &'static str,
    before: fn(&mut World),
    done: fn(&mut World),
    moves: &'static [&'static str],
}

const NOTHING: fn(&mut World) = |_| {};

const ROWS: &[Row] = &[
    // A request with a fault, one that cannot be read, and what nobody can answer.
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            let text = request("OPTIONS", "net.example", CORE, "").replace("Call-ID: call\r\n", "");
            world.packet("core", CORE, &text);
        },
        moves: &[
            "sipveil_requests_total{method=\"OPTIONS\"} 1",
            "sipveil_refused_total{reason=\"faulty\"} 1",
        ],
    },
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            let text = request("OPTIONS", "net.example", CORE, "").replacen("SIP/2.0", "SIP/7.0", 1);
            world.packet("core", CORE, &text);
        },
        moves: &["sipveil_refused_total{reason=\"unparsable\"} 1"],
    },
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            world.packet("net", NET, "no message at all\r\n\r\n");
        },
        moves: &["sipveil_dropped_total{reason=\"unanswerable\"} 1"],
    },
    // a token that is not ours
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            let rows = format!("Route: <sip:{}@192.0.2.1;lr>\r\n", "x".repeat(120));
            from_net(world, "MESSAGE", &rows);
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_token_failures_total{place=\"route\"} 1",
            "sipveil_refused_total{reason=\"foreign_token\"} 1",
        ],
    },
    // the same in the Request-URI
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            let text = request("MESSAGE", "192.0.2.1", NET, "").replace("sip:bob", &format!("sip:{}", "x".repeat(120)));
            world.packet("net", NET, &text);
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_token_failures_total{place=\"request_uri\"} 1",
            "sipveil_refused_total{reason=\"foreign_token\"} 1",
        ],
    },
    // nobody waits
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            world.packet("net", NET, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n\r\n");
        },
        moves: &["sipveil_responses_total 1", "sipveil_dropped_total{reason=\"stray\"} 1"],
    },
    // told once, then ignored
    Row {
        limits: "requests_per_second_max = 1\nrefusals_per_second_max = 1\n",
        before: |world| drop(from_net(world, "INVITE", "")),
        done: |world| {
            from_net(world, "MESSAGE", "");
            from_net(world, "SUBSCRIBE", "");
        },
        moves: &[
            "sipveil_requests_total{method=\"SUBSCRIBE\"} 1",
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 2",
            "sipveil_refused_total{reason=\"too_much\"} 1",
            "sipveil_dropped_total{reason=\"too_often\"} 1",
        ],
    },
    // again
    Row {
        limits: "",
        before: |world| drop(from_core(world, "MESSAGE", "")),
        done: |world| {
            from_core(world, "MESSAGE", "");
        },
        moves: &[
            "sipveil_retransmissions_total 1",
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_dropped_total{reason=\"retransmission\"} 1",
        ],
    },
    // no room
    Row {
        limits: "transactions_max = 1\n",
        before: |world| drop(from_core(world, "MESSAGE", "")),
        done: |world| {
            from_core(world, "INVITE", "");
        },
        moves: &[
            "sipveil_requests_total{method=\"INVITE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_refused_total{reason=\"full\"} 1",
        ],
    },
    // an audit that cannot be written
    Row {
        limits: "[lawful_interception]\naudit = { file = \"a\", key_file = \"k\" }\nsink_required = true\n",
        before: |world| drop(world.input(Input::Audit(sipveil::engine::Sink::Refuses))),
        done: |world| {
            from_core(world, "INVITE", "");
        },
        moves: &[
            "sipveil_requests_total{method=\"INVITE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_refused_total{reason=\"unrecorded\"} 1",
        ],
    },
    // privacy that is not to be had
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(
                world,
                "INVITE",
                "Privacy: session;critical\r\nP-Asserted-Identity: <sip:al@home1.example>\r\n",
            );
        },
        moves: &[
            "sipveil_privacy_refusals_total 1",
            "sipveil_requests_total{method=\"INVITE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_refused_total{reason=\"privacy\"} 1",
        ],
    },
    // an odd header
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(
                world,
                "MESSAGE",
                "Privacy: id, none;foo\r\nPrivacy: \"x\"\r\nP-Asserted-Identity: <sip:al@home1.example>\r\n",
            );
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_pai_total{action=\"removed\",reason=\"id\"} 1",
            "sipveil_privacy_total{value=\"id\"} 1",
            "sipveil_privacy_total{value=\"unknown\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"comma\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"repeated\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"none_with_others\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"unknown_value\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"malformed\"} 1",
        ],
    },
    // critical alone
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(
                world,
                "MESSAGE",
                "Privacy: critical\r\nP-Asserted-Identity: <sip:al@home1.example>\r\n",
            );
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_pai_total{action=\"removed\",reason=\"critical\"} 1",
            "sipveil_privacy_total{value=\"critical\"} 1",
            "sipveil_privacy_anomalies_total{kind=\"critical_alone\"} 1",
        ],
    },
    // a claim of a stranger
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_net(world, "MESSAGE", "P-Asserted-Identity: <sip:boss@home1.example>\r\n");
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_cleared_total{hop=\"trusted\"} 1",
            "sipveil_pai_total{action=\"removed\",reason=\"untrusted_origin\"} 1",
        ],
    },
    // three identities
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(
                world,
                "MESSAGE",
                "P-Asserted-Identity: <sip:a@home1.example>, <sip:b@home1.example>\r\n",
            );
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_pai_total{action=\"kept\",reason=\"default\"} 1",
            "sipveil_pai_total{action=\"removed\",reason=\"surplus\"} 1",
        ],
    },
    // not registered
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            world.packet("access", UE, &request("MESSAGE", "net.example", UE, ""));
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"served\",reason=\"served-ue\"} 1",
            "sipveil_refused_total{reason=\"unregistered\"} 1",
        ],
    },
    // busy next hop
    Row {
        limits: "",
        before: |_| {},
        done: |world| {
            let sent = from_core(world, "MESSAGE", "");
            world.packet("net", NET, &respond(&sent[0], "503 Busy", "b", ""));
        },
        moves: &[
            "sipveil_responses_total 1",
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_refused_total{reason=\"next_hop_overloaded\"} 1",
            "sipveil_dropped_total{reason=\"held\"} 1",
        ],
    },
    // unreachable
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            let sent = from_core(world, "MESSAGE", "");
            world.input(Input::SendFailed(sent[0].id));
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_refused_total{reason=\"unreachable\"} 1",
        ],
    },
    // an answer that is private
    Row {
        limits: "",
        before: |_| {},
        done: |world| {
            let sent = from_core(world, "INVITE", "");
            let out = sent.iter().find(|sent| sent.to.to_string() == NET).unwrap().clone();
            let rows = "Privacy: id\r\nP-Asserted-Identity: <sip:b@x>\r\n";
            world.packet("net", NET, &respond(&out, "180 Ringing", "b", rows));
        },
        moves: &[
            "sipveil_responses_total 1",
            "sipveil_requests_total{method=\"INVITE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_cleared_total{hop=\"trusted\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_pai_total{action=\"removed\",reason=\"untrusted_origin\"} 1",
        ],
    },
    // to a stranger, nothing wished
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(world, "MESSAGE", "P-Asserted-Identity: <sip:a@home1.example>\r\n");
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_cleared_total{hop=\"untrusted\"} 1",
            "sipveil_pai_total{action=\"kept\",reason=\"default\"} 1",
        ],
    },
    // an ACK shows none
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(world, "ACK", "P-Asserted-Identity: <sip:a@home1.example>\r\n");
        },
        moves: &[
            "sipveil_requests_total{method=\"ACK\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_dropped_total{reason=\"ack_nowhere\"} 1",
        ],
    },
    // loops
    Row {
        limits: "",
        before: NOTHING,
        done: |world| {
            from_core(world, "MESSAGE", "Max-Forwards: 0\r\n");
        },
        moves: &[
            "sipveil_requests_total{method=\"MESSAGE\"} 1",
            "sipveil_origin_total{class=\"trusted\",reason=\"trusted-listener\"} 1",
            "sipveil_refused_total{reason=\"unfit\"} 1",
        ],
    },
    // a stranger that hides, where the law wants it known
    Row {
        limits: "[lawful_interception]\nanonymous_without_identity = \"reject\"\n",
        before: NOTHING,
        done: |world| {
            let text = request("INVITE", "home1.example", NET, "");
            let from = "From: <sip:anonymous@anonymous.invalid>;tag=7";
            world.packet("net", NET, &text.replace("From: <sip:al@home1.example>;tag=7", from));
        },
        moves: &[
            "sipveil_requests_total{method=\"INVITE\"} 1",
            "sipveil_origin_total{class=\"untrusted\",reason=\"no-member-evidence\"} 1",
            "sipveil_refused_total{reason=\"anonymous_433\"} 1",
        ],
    },
];

//= SEC-010 type=test
#[test]
fn each_decision_moves_its_counters_and_no_other() {
    let mut faults = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let mut world = World::new(&format!("{POLICY}[limits]\n{}", row.limits));
        (row.before)(&mut world);
        let before = world.engine.counts();
        (row.done)(&mut world);
        let moved = moved(&before, &world.engine.counts());
        if moved != row.moves {
            faults.push(format!("row {number}: {moved:#?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// An ACK carries no identity in any case; who asked for that is counted as somebody who asked.
//= PRIV-041 type=test
//= SEC-010 type=test
#[test]
fn an_identity_is_counted_under_what_took_it_out() {
    for (method, number, privacy, reason) in [
        ("ACK", 1, "", "method"),
        ("ACK", 1, "Privacy: id\r\n", "id"),
        ("INFO", 2, "Privacy: id\r\n", "id"),
    ] {
        let mut call = Call::by_al(World::new(POLICY), "", "");
        let before = call.world.engine.counts();
        let rows = format!("P-Asserted-Identity: <sip:al@home1.example>\r\n{privacy}");
        call.al_sends(method, number, &rows);
        let moved = moved(&before, &call.world.engine.counts());
        let counted: Vec<_> = moved
            .iter()
            .filter(|one| one.starts_with("sipveil_pai_total"))
            .collect();
        let expected = format!("sipveil_pai_total{{action=\"removed\",reason=\"{reason}\"}} 1");
        assert_eq!(counted, [&expected], "{method} {privacy}");
    }
}

/// No label is made of what a message says.
//= SEC-010 type=test
#[test]
fn no_counter_names_anybody() {
    let mut world = World::new(POLICY);
    let known = world.engine.counts().rows().len();
    let text = request(
        "NOVEL",
        "net.example",
        CORE,
        "P-Asserted-Identity: <sip:liddell@x>\r\nPrivacy: liddell\r\n",
    );
    world.packet("core", CORE, &text);
    let counts = world.engine.counts();
    assert_eq!(counts.rows().len(), known);
    let shown = counts.to_string();
    assert!(shown.contains("sipveil_requests_total{method=\"other\"}"), "{shown}");
    for secret in ["liddell", "NOVEL", "home1", "10.20.0", "call"] {
        assert!(!shown.replace("called", "").contains(secret), "{shown}");
    }
}
