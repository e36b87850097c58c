//! Several branches of one request: which are tried, which answer counts, and what each may see.

use sipveil::engine::Input;

use super::{CORE, NET, after, request, seconds, starts, to, wide};
use crate::legs::PAI;
use crate::world::{Sent, World, respond};

/// A node of T on the listener where strangers are, too.
const ALLY: &str = "192.0.2.70:5060";
const SECOND: &str = "192.0.2.10:5060";
const THIRD: &str = "192.0.2.11:5060";

/// A world whose route to `fork.example` has these next hops, used as said.
fn forking(fork: &str, hops: &[&str]) -> World {
    World::new(&policy(fork, hops))
}

fn policy(fork: &str, hops: &[&str]) -> String {
    let hops: Vec<String> = hops.iter().map(|hop| format!("\"sip:{hop}\"")).collect();
    let route = format!(
        "[[route]]\nfrom = \"core\"\ndomain = [\"fork.example\"]\nnext_hop = [{}]\nvia = \"net\"\nfork = \"{fork}\"\n",
        hops.join(", ")
    );
    wide() + &route
}

fn send(world: &mut World, method: &str, rows: &str) -> Vec<Sent> {
    world.packet("core", CORE, &request(method, "fork.example", "f", rows))
}

fn answer(world: &mut World, hop: &str, out: &Sent, status: &str, rows: &str) -> Vec<Sent> {
    world.packet(
        "net",
        hop,
        &respond(out, status, &format!("of-{hop}").replace([':', '.'], "-"), rows),
    )
}

/// The one request of this method in what was sent to an address.
fn out(sent: &[Sent], hop: &str, method: &str) -> Sent {
    let found: Vec<_> = to(sent, hop)
        .into_iter()
        .filter(|sent| sent.start().starts_with(&format!("{method} ")))
        .collect();
    assert_eq!(found.len(), 1, "{method} to {hop}: {sent:#?}");
    found[0].clone()
}

fn upstream(sent: &[Sent]) -> Vec<&str> {
    let answers = to(sent, CORE).into_iter().map(Sent::start);
    answers.filter(|start| *start != "SIP/2.0 100 Trying").collect()
}

/// Every hop answers with its status, one after another or at once; what the caller gets in the end.
fn best_of(fork: &str, method: &str, statuses: &[(&str, &str)]) -> Sent {
    let hops: Vec<String> = (0..statuses.len()).map(|at| format!("192.0.2.{}", 20 + at)).collect();
    let hops: Vec<&str> = hops.iter().map(String::as_str).collect();
    let mut world = forking(fork, &hops);
    let mut sent = send(&mut world, method, "");
    for (hop, (status, rows)) in hops.iter().zip(statuses) {
        assert!(upstream(&sent).is_empty(), "{sent:#?}");
        let hop = format!("{hop}:5060");
        let request = out(&sent, &hop, method);
        let more = answer(&mut world, &hop, &request, status, rows);
        sent.retain(|sent| sent.to.to_string() != hop);
        sent.extend(more);
    }
    let answers: Vec<&Sent> = to(&sent, CORE)
        .into_iter()
        .filter(|sent| !sent.start().starts_with("SIP/2.0 100"))
        .collect();
    assert_eq!(answers.len(), 1, "{fork}: {sent:#?}");
    answers[0].clone()
}

//= PROXY-022 type=test
//= PROXY-024 type=test
#[test]
fn the_best_answer_of_all_is_the_answer() {
    let bare = |statuses: &[&'static str]| statuses.iter().map(|status| (*status, "")).collect::<Vec<_>>();
    for fork in ["serial", "parallel"] {
        for method in ["INVITE", "MESSAGE"] {
            for (statuses, best) in [
                (&["503 Busy", "407 Who", "501 No", "404 Gone"][..], "SIP/2.0 407 Who"),
                (&["404 Gone", "486 Busy"], "SIP/2.0 404 Gone"),
                (&["486 Busy", "404 Gone", "484 Short"], "SIP/2.0 484 Short"),
                (&["500 A", "301 Moved", "400 B"], "SIP/2.0 301 Moved"),
                (&["503 A", "500 B"], "SIP/2.0 500 B"),
                (&["503 A", "503 B"], "SIP/2.0 500 Server Internal Error"),
                (&["404 Gone", "603 Never"], "SIP/2.0 603 Never"),
            ] {
                assert_eq!(
                    best_of(fork, method, &bare(statuses)).start(),
                    best,
                    "{fork} {method} {statuses:?}"
                );
            }
        }
    }
    let kept = best_of("serial", "INVITE", &[("486 Busy", "Retry-After: 7\r\n"), ("500 B", "")]);
    assert_eq!((kept.start(), kept.row("Retry-After")), ("SIP/2.0 486 Busy", Some("7")));
}

//= PROXY-022 type=test
#[test]
fn a_target_that_keeps_silent_counts_as_408() {
    for (fork, statuses, best) in [
        ("serial", "501 No", "SIP/2.0 408 Request Timeout"),
        ("serial", "404 Gone", "SIP/2.0 404 Gone"),
        ("parallel", "501 No", "SIP/2.0 408 Request Timeout"),
        ("parallel", "302 Moved", "SIP/2.0 302 Moved"),
    ] {
        let mut world = forking(fork, &["192.0.2.9", "192.0.2.10"]);
        let mut sent = send(&mut world, "INVITE", "");
        out(&sent, NET, "INVITE");
        if fork == "serial" {
            sent = after(world.pass(seconds(32)));
        }
        let second = to(&sent, SECOND)[0].clone();
        let mut sent = answer(&mut world, SECOND, &second, statuses, "");
        if fork == "parallel" {
            assert!(upstream(&sent).is_empty());
            sent = after(world.pass(seconds(33)));
        }
        let answers = upstream(&sent);
        assert_eq!(answers.first(), Some(&best), "{fork} {statuses}");
    }
    // Of a request that is no INVITE silence is no answer at all.
    let mut world = forking("serial", &["192.0.2.9", "192.0.2.10"]);
    send(&mut world, "MESSAGE", "");
    let sent = after(world.pass(seconds(32)));
    let second = to(&sent, SECOND)[0].clone();
    assert_eq!(
        upstream(&answer(&mut world, SECOND, &second, "501 No", "")),
        ["SIP/2.0 501 No"]
    );
}

//= PROXY-023 type=test
#[test]
fn the_challenges_of_all_are_in_the_answer() {
    let www = |realm: &str| format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
    let proxy = |realm: &str| format!("Proxy-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
    for fork in ["serial", "parallel"] {
        let statuses = [
            ("407 Who", proxy("a")),
            ("404 Gone", String::new()),
            ("401 Who", www("b") + &www("c")),
            ("407 Who", proxy("d")),
        ];
        let statuses: Vec<(&str, &str)> = statuses.iter().map(|(status, rows)| (*status, &rows[..])).collect();
        let best = best_of(fork, "INVITE", &statuses);
        assert_eq!(best.start(), "SIP/2.0 401 Who");
        let realms = |name: &str| -> Vec<String> {
            let realm = |row: &&str| row.split('"').nth(1).unwrap_or_default().to_owned();
            best.rows(name).iter().map(realm).collect()
        };
        assert_eq!(
            (realms("WWW-Authenticate"), realms("Proxy-Authenticate")),
            (
                vec!["b".to_owned(), "c".to_owned()],
                vec!["a".to_owned(), "d".to_owned()]
            )
        );
        // When another one wins, no challenge is shown.
        let best = best_of(fork, "INVITE", &[("401 Who", &www("b")), ("603 Never", "")]);
        assert!(best.rows("WWW-Authenticate").is_empty());
    }
}

//= PROXY-023 type=test
#[test]
fn challenges_have_a_maximum() {
    for (max, found) in [(2, 3), (1, 2)] {
        let text = policy("serial", &["192.0.2.9", "192.0.2.10"]) + &format!("[limits]\nchallenges_max = {max}\n");
        let mut world = World::new(&text);
        let first = out(&send(&mut world, "MESSAGE", ""), NET, "MESSAGE");
        let row = "WWW-Authenticate: Digest realm=\"x\"\r\n";
        let sent = answer(&mut world, NET, &first, "401 Who", row);
        let second = out(&sent, SECOND, "MESSAGE");
        let sent = answer(&mut world, SECOND, &second, "401 Who", &row.repeat(2));
        assert_eq!(to(&sent, CORE)[0].rows("WWW-Authenticate").len(), found);
    }
}

#[test]
fn a_failover_asks_the_next_only_when_one_has_no_answer() {
    let mut world = forking("failover", &["192.0.2.9", "192.0.2.10"]);
    let first = out(&send(&mut world, "INVITE", ""), NET, "INVITE");
    let sent = answer(&mut world, NET, &first, "486 Busy", "");
    assert_eq!(upstream(&sent), ["SIP/2.0 486 Busy"]);
    assert!(to(&sent, SECOND).is_empty());
}

//= PROXY-005 type=test
#[test]
fn branches_share_the_breadth_and_wait_where_it_is_not_enough() {
    let hops = ["192.0.2.9", "192.0.2.10", "192.0.2.11"];
    let breadths = |sent: &[Sent]| -> Vec<u32> {
        let requests = sent.iter().filter(|sent| sent.start().starts_with("INVITE"));
        requests
            .map(|sent| sent.row("Max-Breadth").unwrap().parse().unwrap())
            .collect()
    };
    let mut world = forking("parallel", &hops);
    assert_eq!(breadths(&send(&mut world, "INVITE", "Max-Breadth: 8\r\n")), [3, 3, 2]);
    let mut world = forking("parallel", &hops);
    let sent = send(&mut world, "INVITE", "Max-Breadth: 2\r\n");
    assert_eq!(breadths(&sent), [1, 1]);
    let first = out(&sent, NET, "INVITE");
    let sent = answer(&mut world, NET, &first, "486 Busy", "");
    assert_eq!(breadths(&sent), [1]);
    out(&sent, THIRD, "INVITE");
    // One after another.
    let mut world = forking("parallel", &hops);
    let sent = send(&mut world, "INVITE", "Max-Breadth: 1\r\n");
    assert_eq!(breadths(&sent), [1]);
    // All or none.
    for (breadth, begun) in [(3, 3), (2, 0)] {
        let mut world = forking("parallel-only", &hops);
        let sent = send(&mut world, "INVITE", &format!("Max-Breadth: {breadth}\r\n"));
        assert_eq!(breadths(&sent).len(), begun);
        if begun == 0 {
            assert_eq!(starts(&sent), ["SIP/2.0 440 Max-Breadth Exceeded"]);
        }
    }
}

//= PROXY-020 type=test
#[test]
fn every_2xx_goes_up_and_the_others_are_cancelled() {
    let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10", "192.0.2.11"]);
    let sent = send(&mut world, "INVITE", "");
    let [first, second, third] = [NET, SECOND, THIRD].map(|hop| out(&sent, hop, "INVITE"));
    assert_eq!(
        upstream(&answer(&mut world, NET, &first, "180 Ringing", "")),
        ["SIP/2.0 180 Ringing"]
    );
    assert_eq!(
        upstream(&answer(&mut world, SECOND, &second, "183 Listen", "")),
        ["SIP/2.0 183 Listen"]
    );
    let sent = answer(&mut world, NET, &first, "200 OK", "");
    assert_eq!(upstream(&sent), ["SIP/2.0 200 OK"]);
    let cancel = out(&sent, SECOND, "CANCEL");
    assert_eq!(cancel.row("Via"), second.row("Via"));
    assert!(to(&sent, THIRD).is_empty(), "nothing came from there yet");
    let sent = answer(&mut world, THIRD, &third, "180 Ringing", "");
    assert!(upstream(&sent).is_empty());
    out(&sent, THIRD, "CANCEL");
    // One lost the race, another did not hear in time.
    let sent = answer(&mut world, THIRD, &third, "487 Terminated", "");
    assert_eq!(starts(&sent), [format!("ACK {} SIP/2.0", "sip:bob@fork.example")]);
    assert_eq!(
        upstream(&answer(&mut world, SECOND, &second, "200 OK", "")),
        ["SIP/2.0 200 OK"]
    );
    world.pass(seconds(300));
    assert_eq!((world.engine.transactions(), world.engine.held().clients), (0, 0));
}

//= PROXY-020 type=test
#[test]
fn a_6xx_ends_the_search_and_a_later_2xx_wins() {
    for late in ["200 OK", "487 Terminated"] {
        let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10"]);
        let sent = send(&mut world, "INVITE", "");
        let [first, second] = [NET, SECOND].map(|hop| out(&sent, hop, "INVITE"));
        answer(&mut world, SECOND, &second, "180 Ringing", "");
        let sent = answer(&mut world, NET, &first, "603 Never", "");
        assert!(upstream(&sent).is_empty());
        out(&sent, SECOND, "CANCEL");
        let best = if late == "200 OK" {
            "SIP/2.0 200 OK"
        } else {
            "SIP/2.0 603 Never"
        };
        assert_eq!(upstream(&answer(&mut world, SECOND, &second, late, "")), [best]);
    }
    // No new one is begun.
    let mut world = forking("serial", &["192.0.2.9", "192.0.2.10"]);
    let first = out(&send(&mut world, "INVITE", ""), NET, "INVITE");
    let sent = answer(&mut world, NET, &first, "603 Never", "");
    assert!(to(&sent, SECOND).is_empty() && upstream(&sent) == ["SIP/2.0 603 Never"]);
    let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10"]);
    let first = out(&send(&mut world, "INVITE", "Max-Breadth: 1\r\n"), NET, "INVITE");
    let sent = answer(&mut world, NET, &first, "603 Never", "");
    assert!(to(&sent, SECOND).is_empty() && upstream(&sent) == ["SIP/2.0 603 Never"]);
}

//= PROXY-027 type=test
#[test]
fn who_gives_up_cancels_every_branch() {
    let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10", "192.0.2.11"]);
    let sent = send(&mut world, "INVITE", "Max-Breadth: 2\r\n");
    let [first, second] = [NET, SECOND].map(|hop| out(&sent, hop, "INVITE"));
    answer(&mut world, NET, &first, "180 Ringing", "");
    let sent = world.packet("core", CORE, &request("CANCEL", "fork.example", "f", ""));
    out(&sent, NET, "CANCEL");
    assert!(to(&sent, SECOND).is_empty());
    let sent = answer(&mut world, SECOND, &second, "100 Trying", "");
    out(&sent, SECOND, "CANCEL");
    assert!(upstream(&answer(&mut world, NET, &first, "487 Terminated", "")).is_empty());
    let sent = answer(&mut world, SECOND, &second, "487 Terminated", "");
    assert_eq!(upstream(&sent), ["SIP/2.0 487 Terminated"]);
    assert!(to(&sent, THIRD).is_empty(), "nothing new is begun");
}

//= PROXY-019 type=test
#[test]
fn timer_c_watches_each_branch() {
    let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10"]);
    let sent = send(&mut world, "INVITE", "");
    let [first, second] = [NET, SECOND].map(|hop| out(&sent, hop, "INVITE"));
    answer(&mut world, NET, &first, "180 Ringing", "");
    world.pass(seconds(20));
    answer(&mut world, SECOND, &second, "180 Ringing", "");
    let cancels: Vec<(u64, String)> = world
        .pass(seconds(190))
        .into_iter()
        .filter(|(_, sent)| sent.start().starts_with("CANCEL"))
        .map(|(at, sent)| (at.as_secs(), sent.to.to_string()))
        .collect();
    assert!(
        cancels.contains(&(165, NET.to_owned())) && cancels.contains(&(185, SECOND.to_owned())),
        "{cancels:?}"
    );
}

//= PRIV-026 type=test
#[test]
fn each_branch_sees_what_it_may_see() {
    let mut world = forking("parallel", &["192.0.2.70", "192.0.2.9"]);
    let sent = send(&mut world, "INVITE", &format!("Privacy: id\r\n{PAI}"));
    assert_eq!(out(&sent, ALLY, "INVITE").rows("P-Asserted-Identity").len(), 1);
    assert!(out(&sent, NET, "INVITE").rows("P-Asserted-Identity").is_empty());
    // One that is asked after the other failed starts from what was received, too.
    for hops in [["192.0.2.70", "192.0.2.9"], ["192.0.2.9", "192.0.2.70"]] {
        let mut world = forking("serial", &hops);
        let mut sent = send(&mut world, "MESSAGE", &format!("Privacy: id\r\n{PAI}"));
        let mut seen = Vec::new();
        for hop in hops.map(|hop| format!("{hop}:5060")) {
            let request = out(&sent, &hop, "MESSAGE");
            seen.push((hop == ALLY, request.rows("P-Asserted-Identity").len() == 1));
            sent = answer(&mut world, &hop, &request, "480 Away", "");
        }
        assert!(seen.iter().all(|(is_ally, shown)| is_ally == shown), "{seen:?}");
    }
    // Two nodes of T see the same but for branch and breadth.
    let mut world = forking("parallel", &["192.0.2.70", "192.0.2.71"]);
    let sent = send(&mut world, "MESSAGE", PAI);
    let without = |sent: &Sent| sent.text().replace(sent.row("Via").unwrap(), "");
    assert_eq!(
        without(&out(&sent, ALLY, "MESSAGE")),
        without(&out(&sent, "192.0.2.71:5060", "MESSAGE"))
    );
}

/// The From that a branch hid comes back in its own answer, and the other branch's answer stays as it is.
//= PRIV-133 type=test
#[test]
fn what_a_branch_hid_comes_back_in_its_answers() {
    for first_to_answer in [ALLY, NET] {
        let mut world = forking("parallel", &["192.0.2.70", "192.0.2.9"]);
        let sent = send(&mut world, "INVITE", "Privacy: user\r\n");
        let requests = [ALLY, NET].map(|hop| out(&sent, hop, "INVITE"));
        assert!(requests[1].row("From").unwrap().contains("anonymous.invalid"));
        let at = usize::from(first_to_answer == NET);
        for (hop, request) in [(at, &requests[at]), (1 - at, &requests[1 - at])] {
            let sent = answer(&mut world, [ALLY, NET][hop], request, "180 Ringing", "");
            let ringing = to(&sent, CORE)[0].clone();
            assert_eq!(ringing.row("From"), Some("\"Al\" <sip:al@home1.example>;tag=7"));
            assert!(ringing.rows("Via").len() == 1, "{}", ringing.text());
        }
        // The one that is held is restored when its time comes.
        answer(&mut world, NET, &requests[1], "404 Gone", "");
        let sent = answer(&mut world, ALLY, &requests[0], "500 Broken", "");
        let answer = to(&sent, CORE)[0];
        assert_eq!(
            (answer.start(), answer.row("From")),
            ("SIP/2.0 404 Gone", Some("\"Al\" <sip:al@home1.example>;tag=7"))
        );
    }
}

//= PRIV-066 type=test
#[test]
fn a_branch_refused_for_privacy_is_a_500_among_the_others() {
    let critical = "Privacy: foo;critical\r\n";
    for fork in ["serial", "parallel"] {
        let mut world = forking(fork, &["192.0.2.9", "192.0.2.70"]);
        let sent = send(&mut world, "INVITE", critical);
        assert!(to(&sent, NET).is_empty(), "{sent:#?}");
        let request = out(&sent, ALLY, "INVITE");
        let sent = answer(&mut world, ALLY, &request, "486 Busy", "");
        assert_eq!(upstream(&sent), ["SIP/2.0 486 Busy"]);
        // A worse one does not hide it.
        let mut world = forking(fork, &["192.0.2.9", "192.0.2.70"]);
        let sent = send(&mut world, "INVITE", critical);
        let request = out(&sent, ALLY, "INVITE");
        let sent = world.input(Input::SendFailed(request.id));
        assert_eq!(upstream(&sent), ["SIP/2.0 500 Privacy Service Failure: foo"]);
    }
    let mut world = forking("parallel", &["192.0.2.9", "192.0.2.10"]);
    let sent = send(&mut world, "INVITE", critical);
    assert_eq!(starts(&sent), ["SIP/2.0 500 Privacy Service Failure: foo"]);
}
