//! No answer, a refusal, a broken way: the next target, and what the caller is told in the end.

use std::time::Duration;

use sipveil::engine::Input;
use sipveil::locate::Answer;

use super::{CORE, NET, after, request, seconds, starts, to, wide, world};
use crate::locating::zone::Zone;
use crate::world::{Sent, World, respond};

const SECOND: &str = "192.0.2.10:5060";

//= PROXY-018 type=test
//= TXN-001 type=test
//= TXN-009 type=test
#[test]
fn an_invite_that_nobody_answers_is_408_and_each_copy_is_the_same() {
    let mut world = world();
    let sent = world.packet(
        "core",
        CORE,
        &request(
            "INVITE",
            "net.example",
            "a",
            "Privacy: user\r\nContact: <sip:al@10.20.0.9>\r\n",
        ),
    );
    let out = to(&sent, NET)[0].clone();
    let sent = world.pass(seconds(31));
    let times: Vec<u128> = sent.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15500]);
    assert!(
        sent.iter()
            .all(|(_, again)| again.bytes == out.bytes && again.to == out.to)
    );
    let sent = after(world.pass(seconds(2)));
    assert_eq!(to(&sent, CORE)[0].start(), "SIP/2.0 408 Request Timeout");
}

//= TXN-003 type=test
//= TXN-008 type=test
//= TXN-009 type=test
#[test]
fn a_non_invite_that_nobody_answers_ends_in_silence() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "a", ""));
    let out = sent[0].clone();
    let sent = world.pass(seconds(200));
    let copies: Vec<u128> = sent
        .iter()
        .filter(|(_, sent)| sent.to == out.to)
        .map(|(at, _)| at.as_millis())
        .collect();
    assert_eq!(
        copies,
        [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    );
    assert!(
        sent.iter()
            .filter(|(_, sent)| sent.to == out.to)
            .all(|(_, again)| again.bytes == out.bytes)
    );
    let upstream: Vec<&str> = sent
        .iter()
        .filter(|(_, sent)| sent.to != out.to)
        .map(|(_, sent)| sent.start())
        .collect();
    assert!(
        upstream.iter().all(|start| *start == "SIP/2.0 100 Trying"),
        "{upstream:?}"
    );
    assert_eq!(world.engine.transactions(), 0);
}

//= TXN-009 type=test
//= TXN-002 type=test
#[test]
fn a_request_that_comes_again_is_absorbed_and_its_answer_sent_again() {
    let mut world = world();
    let invite = request("INVITE", "net.example", "a", "Privacy: user\r\n");
    let sent = world.packet("core", CORE, &invite);
    let out = to(&sent, NET)[0].clone();
    let trying = to(&sent, CORE)[0].clone();
    let again = world.packet("core", CORE, &invite);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].bytes, trying.bytes);
    let ringing = world
        .packet("net", NET, &respond(&out, "180 Ringing", "b", ""))
        .swap_remove(0);
    assert_eq!(world.packet("core", CORE, &invite)[0].bytes, ringing.bytes);
    world.packet("net", NET, &respond(&out, "200 OK", "b", ""));
    // Its 2xx is repeated by who made it.
    assert!(world.packet("core", CORE, &invite).is_empty());
    let message = request("MESSAGE", "net.example", "m", "");
    let out = world.packet("core", CORE, &message).swap_remove(0);
    assert!(world.packet("core", CORE, &message).is_empty());
    let ok = world
        .packet("net", NET, &respond(&out, "200 OK", "b", ""))
        .swap_remove(0);
    assert_eq!(world.packet("core", CORE, &message)[0].bytes, ok.bytes);
}

//= PROXY-018 type=test
#[test]
fn three_dead_addresses_are_408_in_the_end() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "three.example", "a", ""));
    assert_eq!(to(&sent, NET).len(), 1);
    let sent = after(world.pass(seconds(33)));
    assert!(to(&sent, CORE).is_empty());
    assert!(!to(&sent, SECOND).is_empty());
    let first_branches = branches(&sent);
    let sent = after(world.pass(seconds(33)));
    assert!(to(&sent, CORE).is_empty());
    assert!(!to(&sent, "192.0.2.11:5060").is_empty());
    assert!(
        branches(&sent).iter().any(|branch| !first_branches.contains(branch)),
        "each try has its own branch"
    );
    let sent = after(world.pass(seconds(33)));
    assert_eq!(to(&sent, CORE)[0].start(), "SIP/2.0 408 Request Timeout");
}

fn branches(sent: &[Sent]) -> Vec<String> {
    let via = |sent: &Sent| sent.row("Via").unwrap_or_default().to_owned();
    sent.iter()
        .filter(|sent| sent.start().starts_with("INVITE"))
        .map(via)
        .collect()
}

//= PROXY-018 type=test
//= PROXY-024 type=test
#[test]
fn what_cannot_be_sent_and_what_is_refused_with_503_goes_to_the_next() {
    for way in ["send", "503"] {
        for method in ["INVITE", "MESSAGE"] {
            let mut world = world();
            let sent = world.packet("core", CORE, &request(method, "two.example", "a", ""));
            let first = to(&sent, NET)[0].clone();
            let fail = |world: &mut World, hop: &str, out: &Sent| match way {
                "send" => world.input(Input::SendFailed(out.id)),
                _ => world.packet(
                    "net",
                    hop,
                    &respond(out, "503 Service Unavailable", "b", "Retry-After: 9\r\n"),
                ),
            };
            let sent = fail(&mut world, NET, &first);
            assert!(to(&sent, CORE).is_empty(), "{way} {method} {sent:#?}");
            let second = to(&sent, SECOND)[0].clone();
            assert_ne!(second.row("Via"), first.row("Via"));
            let sent = fail(&mut world, SECOND, &second);
            // The last 503 is ours to soften.
            let answer = to(&sent, CORE)[0];
            assert_eq!(answer.start(), "SIP/2.0 500 Server Internal Error", "{way} {method}");
            // What the peer asked for is its own; ours stands where another try can help.
            let asked_back = answer
                .row("Retry-After")
                .map(|seconds| (4..=8).contains(&seconds.parse::<u32>().unwrap()));
            assert_eq!(asked_back, (way == "503").then_some(true), "{way} {method}");
        }
    }
    // The second one answers: its answer counts, and a late one of the first does not.
    let mut world = world();
    let sent = world.packet("core", CORE, &request("MESSAGE", "two.example", "b", ""));
    let first = to(&sent, NET)[0].clone();
    let sent = world.input(Input::SendFailed(first.id));
    let second = to(&sent, SECOND)[0].clone();
    assert!(world.packet("net", NET, &respond(&first, "200 OK", "x", "")).is_empty());
    assert_eq!(
        world.packet("net", SECOND, &respond(&second, "200 OK", "y", "")).len(),
        1
    );
}

//= PROXY-032 type=test
#[test]
fn a_response_that_cannot_be_delivered_ends_nothing() {
    let mut world = world();
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "a", ""));
    let out = to(&sent, NET)[0].clone();
    let ringing = world
        .packet("net", NET, &respond(&out, "180 Ringing", "b", ""))
        .swap_remove(0);
    assert!(world.input(Input::SendFailed(ringing.id)).is_empty());
    assert_eq!(world.packet("net", NET, &respond(&out, "200 OK", "b", "")).len(), 1);
}

//= LOC-004 type=test
#[test]
fn names_are_looked_up_and_every_address_is_tried() {
    let mut world = world();
    let mut zone = Zone::new("edge.net.example A 192.0.2.50\nedge.net.example A 192.0.2.51\n");
    let sent = zone.packet(&mut world, "core", CORE, &request("INVITE", "named.example", "a", ""));
    assert_eq!(zone.questions(), ["edge.net.example Aaaa", "edge.net.example A"]);
    let first = to(&sent, "192.0.2.50:5070")[0].clone();
    let sent = zone.input(&mut world, Input::SendFailed(first.id));
    let second = to(&sent, "192.0.2.51:5070")[0].clone();
    let sent = zone.input(&mut world, Input::SendFailed(second.id));
    assert_eq!(to(&sent, SECOND).len(), 1, "then the next target");
    // No such name: the next target at once.
    let mut world = super::world();
    let sent = Zone::new("").packet(&mut world, "core", CORE, &request("INVITE", "named.example", "b", ""));
    assert_eq!(to(&sent, SECOND).len(), 1);
}

#[test]
fn who_waits_for_a_name_server_is_absorbed_and_may_give_up() {
    let mut world = world();
    let mut zone = Zone::new("edge.net.example SILENT\n");
    let text = request("INVITE", "named.example", "a", "");
    assert_eq!(
        starts(&zone.packet(&mut world, "core", CORE, &text)),
        ["SIP/2.0 100 Trying"]
    );
    let asked = zone.asked.clone();
    assert_eq!(asked.len(), 2);
    // While it waits, the same request is absorbed and a CANCEL ends it.
    let again = zone.packet(&mut world, "core", CORE, &text);
    assert_eq!((starts(&again), zone.asked.len()), (vec!["SIP/2.0 100 Trying"], 2));
    let sent = world.packet("core", CORE, &request("CANCEL", "named.example", "a", ""));
    let mut begun = starts(&sent);
    begun.sort_unstable();
    assert_eq!(begun, ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    for (id, _) in asked.iter().chain(&asked) {
        let (id, answer) = (*id, Answer::Failed);
        assert!(world.input(Input::Located { id, answer }).is_empty());
    }
}

//= SEC-009 type=test
#[test]
fn a_full_engine_says_503_with_retry_after_and_drops_an_ack() {
    let mut world = World::new(&(wide() + "[limits]\ntransactions_max = 3\n"));
    for branch in ["a", "b", "c"] {
        let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", branch, ""));
        assert_eq!(to(&sent, NET).len(), 1);
    }
    for method in ["MESSAGE", "INVITE"] {
        let sent = world.packet("core", CORE, &request(method, "net.example", "d", ""));
        assert_eq!(starts(&sent), ["SIP/2.0 503 Service Unavailable"]);
        assert!(sent[0].row("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
    }
    assert!(
        world
            .packet("core", CORE, &request("ACK", "net.example", "d", ""))
            .is_empty()
    );
    assert_eq!(world.engine.transactions(), 3);
    // What is known already is still served, and room comes back.
    assert!(
        world
            .packet("core", CORE, &request("MESSAGE", "net.example", "a", ""))
            .is_empty()
    );
    world.pass(seconds(100));
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "e", ""));
    assert_eq!(to(&sent, NET).len(), 1);
}

#[test]
fn questions_have_a_maximum_too() {
    let mut world = World::new(
        &(wide().replace(", \"sip:192.0.2.10\"]\nvia = \"net\"\n", "]\nvia = \"net\"\n")
            + "[limits]\npending_max = 2\n"),
    );
    for branch in ["a", "b"] {
        let sent = world.packet("core", CORE, &request("INVITE", "named.example", branch, ""));
        assert!(
            to(&sent, CORE).iter().all(|sent| sent.start() == "SIP/2.0 100 Trying"),
            "{sent:#?}"
        );
    }
    let sent = world.packet("core", CORE, &request("INVITE", "named.example", "c", ""));
    assert_eq!(starts(&sent), ["SIP/2.0 503 Service Unavailable"]);
    assert!(sent[0].row("Retry-After").is_some());
    assert!(world.pass(Duration::from_secs(1)).len() <= 2);
}

/// The nearer to full, the more a request must matter: a call that cannot be ended costs more than one that cannot begin.
//= SEC-009 type=test
#[test]
fn what_ends_a_call_is_served_when_nothing_else_is() {
    let mut world = World::new(&(wide() + "[limits]\ntransactions_max = 32\n"));
    let mut next = 0;
    let mut asks = |world: &mut World, method: &str, tag: &str| {
        next += 1;
        let text = request(method, "net.example", &format!("n{next}"), "");
        let text = text.replace("To: <sip:bob@net.example>", &format!("To: <sip:bob@net.example>{tag}"));
        let sent = world.packet("core", CORE, &text);
        starts(&sent).iter().all(|start| !start.starts_with("SIP/2.0 503"))
    };
    let mut fill_until_refused = |world: &mut World, method: &str| {
        let taken = (0..40).take_while(|_| asks(world, method, "")).count();
        (taken, asks(world, "BYE", ";tag=b"))
    };
    assert_eq!(fill_until_refused(&mut world, "OPTIONS"), (24, true));
    assert_eq!(fill_until_refused(&mut world, "SUBSCRIBE"), (1, true));
    assert_eq!(fill_until_refused(&mut world, "INVITE"), (3, true));
    assert_eq!(world.engine.transactions(), 31);
    assert!(asks(&mut world, "INFO", ";tag=b"), "in a dialog, the last place");
    assert!(!asks(&mut world, "BYE", ";tag=b"), "the maximum is one for everybody");
    assert_eq!(world.engine.transactions(), 32);
}

//= SEC-009 type=test
#[test]
fn a_stranger_that_asks_again_and_again_gets_silence_and_others_answers() {
    let mut world = World::new(&(wide() + "[limits]\noptions_per_second_max = 10\n"));
    let asks = |world: &mut World, number: u32, from: &str| {
        let text = request("OPTIONS", "net.example", &format!("o{number}"), "Max-Forwards: 0\r\n").replace(CORE, from);
        let listener = if from == CORE { "core" } else { "net" };
        world.packet(listener, from, &text).len()
    };
    let answered: usize = (0..1000).map(|number| asks(&mut world, number, NET)).sum();
    assert_eq!(answered, 10);
    assert_eq!(asks(&mut world, 2000, SECOND), 1, "another source");
    let trusted: usize = (3000..3100).map(|number| asks(&mut world, number, CORE)).sum();
    assert_eq!(trusted, 100, "a member of T");
    world.pass(Duration::from_secs(1));
    assert_eq!(asks(&mut world, 4000, NET), 1, "the next second");
}
