//! More is asked than there is room for: who is refused, how, and who is not.

use sipveil::engine::Input;

use super::{CORE, NET, after, request, seconds, starts, to, wide};
use crate::world::{Sent, World, respond, routes};

const OTHER: &str = "192.0.2.10:5060";

fn limited(limits: &str) -> World {
    World::new(&(wide() + "[limits]\n" + limits))
}

/// A request of a stranger to somebody inside.
fn asks(world: &mut World, method: &str, number: u32, from: &str) -> Vec<Sent> {
    let text = request(method, "home1.example", &format!("{method}{number}"), "").replace(CORE, from);
    world.packet("net", from, &text)
}

fn taken(sent: &[Sent]) -> bool {
    !to(sent, CORE).is_empty()
}

fn refused(sent: &[Sent]) -> bool {
    starts(sent) == ["SIP/2.0 503 Service Unavailable"]
}

//= SEC-009 type=test
#[test]
fn a_flood_of_one_stranger_is_refused_a_few_times_and_then_ignored() {
    for method in ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOVEL"] {
        let mut world = limited("requests_per_second_max = 20\nrefusals_per_second_max = 5\n");
        let flood: Vec<Vec<Sent>> = (0..1000).map(|number| asks(&mut world, method, number, NET)).collect();
        let count = |is: fn(&[Sent]) -> bool| flood.iter().filter(|sent| is(sent)).count();
        assert_eq!(count(taken), 20, "{method}");
        assert_eq!(count(refused), 5, "{method}");
        assert_eq!(count(<[Sent]>::is_empty), 975, "{method}: the rest gets silence");
        let seconds_asked = flood.iter().flatten().filter_map(|sent| sent.row("Retry-After"));
        assert!(seconds_asked.clone().count() == 5);
        assert!(
            seconds_asked
                .map(|value| value.parse::<u32>().unwrap())
                .all(|seconds| (4..=8).contains(&seconds))
        );
        assert_eq!(world.engine.transactions(), 20, "{method}");
        assert!(
            taken(&asks(&mut world, method, 2000, OTHER)),
            "{method}: another source"
        );
        let trusted = world.packet("core", CORE, &request(method, "net.example", "t", ""));
        assert!(!to(&trusted, NET).is_empty(), "{method}: a member of T");
        world.pass(seconds(1));
        assert!(taken(&asks(&mut world, method, 3000, NET)), "{method}: the next second");
    }
}

/// One network of IPv6 is one source, however many addresses it has.
//= SEC-009 type=test
#[test]
fn a_stranger_with_many_addresses_is_one() {
    let mut world = limited("requests_per_second_max = 20\n");
    let flood = (0..100).map(|number| {
        let from = format!("[2001:db8:2::{:x}]:5060", number + 16);
        asks(&mut world, "MESSAGE", number, &from)
    });
    assert_eq!(flood.filter(|sent| taken(sent)).count(), 20);
}

//= SEC-009 type=test
#[test]
fn a_stranger_holds_so_many_transactions_and_no_more() {
    let mut world = limited("transactions_per_source_max = 10\n");
    let took = |world: &mut World, first: u32| {
        let all = (first..first + 30).map(|number| taken(&asks(world, "MESSAGE", number, NET)));
        all.filter(|taken| *taken).count()
    };
    assert_eq!(took(&mut world, 0), 10);
    assert_eq!(took(&mut world, 100), 0);
    assert!(taken(&asks(&mut world, "MESSAGE", 200, OTHER)));
    world.pass(seconds(100));
    assert_eq!(world.engine.transactions(), 0);
    assert_eq!(took(&mut world, 300), 10, "room comes back");
}

/// What cannot be read is answered with at most one message each, and not without end.
//= SEC-009 type=test
#[test]
fn garbage_and_forgeries_of_a_stranger_count_as_well() {
    let forged = format!("Route: <sip:{}@192.0.2.1;lr>\r\n", "x".repeat(120));
    for (text, answer) in [
        (
            request("MESSAGE", "home1.example", "B", "").replace("Call-ID", "X-Call"),
            "SIP/2.0 400",
        ),
        (
            request("MESSAGE", "home1.example", "B", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
            "SIP/2.0 505",
        ),
        (request("CANCEL", "home1.example", "B", ""), "SIP/2.0 481"),
        (
            request("INVITE", "home1.example", "B", &forged)
                .replace("To: <sip:bob@home1.example>", "To: <sip:b@x>;tag=1"),
            "SIP/2.0 403",
        ),
    ] {
        let mut world = limited("requests_per_second_max = 20\n");
        let flood: Vec<Sent> = (0..500)
            .flat_map(|number| {
                let text = text.replace("z9hG4bKB", &format!("z9hG4bK{number}")).replace(CORE, NET);
                world.packet("net", NET, &text)
            })
            .collect();
        assert_eq!(flood.len(), 20, "{answer}");
        assert!(
            flood.iter().all(|sent| sent.start().starts_with(answer)),
            "{answer}: {:?}",
            starts(&flood)
        );
        assert_eq!(world.engine.transactions(), 0, "{answer}: nothing is held for it");
        assert_eq!(world.engine.next_deadline(), None, "{answer}: nor is anything due");
    }
}

/// A call that stands goes on and ends while its own caller floods.
//= SEC-009 type=test
#[test]
fn what_belongs_to_a_call_is_served_while_its_source_floods() {
    let mut world = limited("requests_per_second_max = 20\nrefusals_per_second_max = 5\n");
    let contact = "Contact: <sip:stranger@192.0.2.9>\r\n";
    let invite = request("INVITE", "home1.example", "call", contact).replace(CORE, NET);
    let sent = world.packet("net", NET, &invite);
    let ok = respond(to(&sent, CORE)[0], "200 OK", "b", "Contact: <sip:bob@10.20.0.9>\r\n");
    let sent = world.packet("core", CORE, &ok);
    let answer = to(&sent, NET)[0].clone();
    (0..500).for_each(|number| drop(asks(&mut world, "INVITE", number, NET)));
    let route = routes(&answer.rows("Record-Route"), true);
    for (method, number) in [("ACK", 1), ("INFO", 2), ("BYE", 3)] {
        let text = format!(
            "{method} sip:bob@10.20.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP {NET};branch=z9hG4bKin{number}\r\n{route}\
             From: {}\r\nTo: {}\r\nCall-ID: call-call\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
            answer.row("From").unwrap(),
            answer.row("To").unwrap(),
        );
        let sent = world.packet("net", NET, &text);
        assert!(taken(&sent), "{method}: {sent:#?}");
    }
    // A tag alone makes no dialog.
    let text = request("BYE", "home1.example", "x", "").replace(CORE, NET);
    let text = text.replace("To: <sip:bob@home1.example>", "To: <sip:bob@home1.example>;tag=z");
    assert!(!taken(&world.packet("net", NET, &text)));
}

/// An emergency call is taken from a source that used up all it may, and where there is no room for anything else.
//= SEC-009 type=test
#[test]
fn an_emergency_is_shed_last_of_all() {
    let sos = |number: u32, from: &str| {
        let route = "Route: <sip:10.20.0.9;lr>\r\n";
        let text = request("INVITE", "x", &format!("sos{number}"), route).replace(CORE, from);
        text.replace("sip:bob@x", "urn:service:sos.police")
    };
    let was_refused = |sent: &[Sent]| sent.is_empty() || sent.iter().any(|sent| sent.start().contains(" 503 "));
    let mut world = limited("requests_per_second_max = 20\ntransactions_max = 64\n");
    (0..500).for_each(|number| drop(asks(&mut world, "INVITE", number, NET)));
    assert!(!was_refused(&world.packet("net", NET, &sos(0, NET))));
    let mut world = limited("transactions_max = 16\n");
    for number in 0..40 {
        // As if in dialogs: nothing is taken that is refused later.
        let text = request("INFO", "net.example", &format!("i{number}"), "");
        let text = text.replace("To: <sip:bob@net.example>", "To: <sip:bob@net.example>;tag=z");
        world.packet("core", CORE, &text);
    }
    assert_eq!(world.engine.transactions(), 16);
    assert!(was_refused(&world.packet(
        "core",
        CORE,
        &request("INVITE", "net.example", "n", "")
    )));
    assert!(!was_refused(&world.packet("core", CORE, &sos(1, CORE))));
    assert!(
        was_refused(&world.packet("core", CORE, &sos(2, CORE))),
        "it has a maximum, too"
    );
}

/// A worker that cannot keep up refuses of what is new the more the less it matters, and nothing else.
//= SEC-009 type=test
#[test]
fn a_busy_worker_refuses_some_of_what_is_new() {
    let mut world = World::new(&wide());
    let mut next = 0;
    let mut took = |world: &mut World, from: &str, method: &str, tag: &str| {
        let all = (0..300).filter(|_| {
            next += 1;
            let domain = if from == CORE { "net.example" } else { "home1.example" };
            let text = request(method, domain, &format!("b{next}"), "").replace(CORE, from);
            let to_row = format!("To: <sip:bob@{domain}>");
            let text = text.replace(&to_row, &format!("{to_row}{tag}"));
            let listener = if from == CORE { "core" } else { "net" };
            let sent = world.packet(listener, from, &text);
            !to(&sent, if from == CORE { NET } else { CORE }).is_empty()
        });
        all.count()
    };
    world.input(Input::Load(20));
    for (from, method, tag, percent) in [
        (CORE, "INVITE", "", 100),
        (CORE, "OPTIONS", "", 100),
        (NET, "INVITE", "", 80),
        (NET, "SUBSCRIBE", "", 40),
        (CORE, "INVITE", ";tag=z", 100),
        (CORE, "BYE", ";tag=z", 100),
    ] {
        world.pass(seconds(1));
        let through = took(&mut world, from, method, tag);
        let wanted = 3 * percent;
        assert!(
            through.abs_diff(wanted) <= if percent == 100 { 0 } else { 30 },
            "{method} {tag} of {from}: {through}"
        );
    }
    world.input(Input::Load(0));
    assert_eq!(took(&mut world, CORE, "INVITE", ""), 300);
}

/// However many strangers there are, members of T still call.
//= SEC-009 type=test
#[test]
fn many_strangers_together_leave_room_for_members() {
    let mut world = limited("transactions_max = 160\n");
    let crowd = (0..500).filter(|number| {
        taken(&asks(
            &mut world,
            "INVITE",
            *number,
            &format!("198.51.100.{}:5060", number % 250),
        ))
    });
    assert_eq!(crowd.count(), 110);
    for (number, is_taken) in (0..50).map(|number| (number, number < 40)) {
        let sent = world.packet(
            "core",
            CORE,
            &request("INVITE", "net.example", &format!("m{number}"), ""),
        );
        assert_eq!(!to(&sent, NET).is_empty(), is_taken, "{number}");
    }
}

/// Our own 503, and the 500 a peer's becomes, say when to ask again.
//= SEC-009 type=test
//= PROXY-024 type=test
#[test]
fn whoever_is_refused_for_want_of_room_is_told_when_to_ask_again() {
    let mut world = World::new(&wide());
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "a", ""));
    let busy = respond(&sent[0], "503 Service Unavailable", "b", "Retry-After: 3600\r\n");
    let sent = world.packet("net", NET, &busy);
    assert_eq!(starts(&sent), ["SIP/2.0 500 Server Internal Error"]);
    let seconds_asked = sent[0].row("Retry-After").unwrap().parse::<u32>().unwrap();
    assert!(
        (4..=8).contains(&seconds_asked),
        "ours, not the peer's: {seconds_asked}"
    );
    let again = after(world.pass(seconds(1)));
    assert!(again.is_empty());
}
