//! Topology hiding at the border of a network: what a neighbour sees of its inside, and what each side gets back.

mod networks;
mod reading;
mod talk;
mod tokens;

use sipveil::engine::event::Event;
use sipveil::privacy::Decision;
use sipveil::rule::Rule;

use crate::legs::tells_none_of;
use crate::world::{Sent, World, respond};
use networks::{AEAD, CBC, INSIDE, Neighbour, Networks, border, keys, policy, values};
use talk::{Talk, answer, has_own_vias, recorded, request, vias};

const NEIGHBOUR: &str = "192.0.2.2:5060";
const CORE: &str = "10.1.0.9:5060";

/// What left of a request of network 1's inside for the neighbour.
#[track_caller]
fn leaves(world: &mut World, text: &str) -> Sent {
    let sent = world.packet("core", CORE, text);
    let found = sent.iter().find(|sent| sent.to.to_string() == NEIGHBOUR);
    found.unwrap_or_else(|| panic!("{sent:#?}")).clone()
}

/// What the neighbour's message caused.
fn brings(world: &mut World, text: &str) -> Vec<Sent> {
    world.packet("net", NEIGHBOUR, text)
}

fn invite() -> String {
    request(1, "INVITE", 1, false, &recorded(1))
}

//= THIG-001 type=test
#[test]
fn nothing_is_hidden_unless_the_peer_says_so() {
    let off = policy(1, Neighbour::Stranger, false, AEAD);
    let shown = leaves(&mut World::with(&off, keys(1, &[1]), [1; 32]), &invite());
    let [top, others] = vias(1, "INVITE1");
    assert_eq!(values(&shown, "Via")[1..], [top]);
    assert_eq!(shown.rows("v"), [&others[..]]);
    assert!(
        shown
            .rows("Record-Route")
            .join(", ")
            .ends_with("<sip:10.1.0.9;lr>, <sip:pcscf1.home1.example;lr>")
    );
    // The word of a listener counts for those who are not listed, and a peer's own word before it.
    let all =
        policy(1, Neighbour::Stranger, true, AEAD).replace("peers = \"listed\"", "peers = \"listed\"\nthig = true");
    let unlisted = all.replace("192.0.2.2/32", "192.0.2.99/32");
    tells_none_of(
        &leaves(&mut World::with(&unlisted, keys(1, &[1]), [1; 32]), &invite()),
        INSIDE[0],
    );
    let not_this = all.replace("thig = true\n[[route]]", "thig = false\n[[route]]");
    let shown = leaves(&mut World::with(&not_this, keys(1, &[1]), [1; 32]), &invite());
    assert!(shown.text().contains("pcscf1"));
}

//= THIG-001 type=test
#[test]
fn a_ue_gets_no_tokens() {
    let mut world = border(1, AEAD);
    let text = invite().replace("sip:bob@home2.example", "sip:bob@ue.example");
    let sent = world.packet("core", CORE, &text);
    let to_ue = sent.iter().find(|sent| sent.to.to_string() == "10.1.1.9:5060").unwrap();
    assert!(
        to_ue.text().contains("pcscf1") && !to_ue.text().contains("tokenized-by"),
        "{}",
        to_ue.text()
    );
}

//= THIG-002 type=test
//= THIG-006 type=test
#[test]
fn values_of_the_inside_leave_as_tokens_and_others_as_they_are() {
    for mode in [AEAD, CBC] {
        let sent = leaves(&mut border(1, mode), &invite());
        tells_none_of(&sent, INSIDE[0]);
        reading::reads(&sent);
        // Ours of this leg, one token for the two values that follow each other, and the Via that is not of this network.
        let shown: Vec<String> = values(&sent, "Via").into_iter().chain(values(&sent, "v")).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert!(shown[0].starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch="));
        let host = reading::via(&shown[1]).unwrap();
        assert!(host.ends_with(".home1.example"), "{host}");
        assert!(shown[1].ends_with(";tokenized-by=home1.example"));
        assert_eq!(shown[2], "SIP/2.0/UDP ue1.visited.example;branch=z9hG4bKuINVITE1");
        // Ours of this leg, and one token for our other side and the two nodes behind it.
        let recorded = values(&sent, "Record-Route");
        assert_eq!(recorded.len(), 2, "{recorded:?}");
        assert!(recorded[0].ends_with("@192.0.2.1:5060;lr>"));
        assert!(recorded[1].ends_with("@home1.example;tokenized-by=home1.example;lr>"));
    }
}

/// A bare word may be somebody inside; who names a host of another network in full is left.
//= THIG-012 type=test
#[test]
fn the_agent_of_a_warning_is_shown_when_it_is_another() {
    for (agent, shown) in [
        ("gw.visited.example", "gw.visited.example"),
        ("gw:5060", "gw:5060"),
        ("192.0.2.77", "192.0.2.77"),
        ("scscf1", "home1.example"),
        ("scscf1.home1.example:5060", "home1.example"),
    ] {
        let mut world = World::with(&policy(1, Neighbour::Member, true, AEAD), keys(1, &[1]), [1; 32]);
        let rows = format!("Warning: 399 {agent} \"t\"\r\n");
        let sent = leaves(&mut world, &request(1, "MESSAGE", 1, false, &rows));
        assert_eq!(sent.row("Warning"), Some(&format!("399 {shown} \"t\"")[..]));
    }
}

/// What follows each other goes into one token, up to a length with the commas between; beyond it, into several.
//= THIG-006 type=test
#[test]
fn a_long_run_becomes_more_than_one_token() {
    let tokens = |lengths: &[usize]| {
        let form = "<sip:@10.1.0.9;lr>";
        let value = |length: &usize| form.replace('@', &format!("{}@", "a".repeat(length - form.len())));
        let rows: String = lengths
            .iter()
            .map(|length| format!("Path: {}\r\n", value(length)))
            .collect();
        let mut world = World::with(&policy(1, Neighbour::Member, true, AEAD), keys(1, &[1]), [1; 32]);
        let sent = leaves(&mut world, &request(1, "MESSAGE", 1, false, &rows));
        tells_none_of(&sent, INSIDE[0]);
        values(&sent, "Path").len()
    };
    for (lengths, expected) in [
        (&[1000, 1046][..], 1),
        (&[1000, 1047], 2),
        (&[500, 500, 1044], 1),
        (&[500, 500, 1045], 2),
        (&[2100, 30], 2),
    ] {
        assert_eq!(tokens(lengths), expected, "{lengths:?}");
    }
}

/// Only a token of this network is left as it is: what says to be another's, and names a host of ours, is none.
//= THIG-002 type=test
#[test]
fn what_only_looks_like_a_token_is_hidden() {
    let rows = "Path: <sip:a@10.1.0.9;tokenized-by=home2.example;lr>\r\n\
                Via: SIP/2.0/UDP 10.1.0.9;branch=z9hG4bKx;tokenized-by=home2.example\r\n";
    let mut world = World::with(&policy(1, Neighbour::Member, true, AEAD), keys(1, &[1]), [1; 32]);
    let sent = leaves(&mut world, &request(1, "MESSAGE", 1, false, rows));
    tells_none_of(&sent, INSIDE[0]);
    assert!(
        values(&sent, "Path")[0].contains("tokenized-by=home1.example"),
        "{}",
        sent.text()
    );
}

/// `explain` and `replay` tell what became a token, what went and what was written anew.
//= THIG-002 type=test
//= THIG-012 type=test
#[test]
fn what_is_hidden_is_noted() {
    let decided = |rows: &str| {
        let mut world = World::with(&policy(1, Neighbour::Member, true, AEAD), keys(1, &[1]), [1; 32]);
        world.engine.observe();
        leaves(
            &mut world,
            &request(1, "INVITE", 1, false, &format!("{}{rows}", recorded(1))),
        );
        let mut decided: Vec<String> = Vec::new();
        for event in world.events() {
            if let Event::Cleared(judged) = event {
                let by_hiding = |one: &&Decision| [Rule::THIG_002, Rule::THIG_012].contains(&one.rule);
                let told = judged.decisions.iter().filter(by_hiding);
                decided.extend(told.map(|one| format!("{} {}", one.header.as_str(), one.action.as_str())));
            }
        }
        decided.sort_unstable();
        decided
    };
    assert_eq!(decided(""), ["Record-Route hidden", "Via hidden"]);
    let rows = "Server: s\r\nP-Charging-Function-Addresses: ccf=10.1.0.9\r\nWarning: 399 scscf1 \"t\"\r\n\
                P-Charging-Vector: icid-value=1;icid-generated-at=10.1.0.9\r\n";
    assert_eq!(
        decided(rows),
        [
            "P-Charging-Function-Addresses removed",
            "P-Charging-Vector rewritten",
            "Record-Route hidden",
            "Server removed",
            "Via hidden",
            "Warning rewritten",
        ]
    );
}

/// The example of the catalogue: of three Vias only the one of this network is hidden.
//= THIG-002 type=test
#[test]
fn a_foreign_via_between_stays_where_it_was() {
    let rows = "Via: SIP/2.0/UDP pcscf.visited.example;branch=z9hG4bKp, SIP/2.0/UDP scscf1.home1.example;branch=z9hG4bKx\r\n\
                Via: SIP/2.0/UDP ue.visited.example;branch=z9hG4bKu\r\n";
    let [top, _] = vias(1, "INVITE1");
    let text = invite().replace(&format!("Via: {top}\r\n"), &format!("Via: {top}\r\n{rows}"));
    let sent = leaves(&mut border(1, AEAD), &text);
    let shown = values(&sent, "Via");
    assert_eq!(shown.len(), 5, "{shown:?}");
    for (at, hidden) in [false, true, false, true, false].into_iter().enumerate() {
        assert_eq!(shown[at].contains("tokenized-by"), hidden, "{shown:?}");
    }
    assert_eq!(shown[2], "SIP/2.0/UDP pcscf.visited.example;branch=z9hG4bKp");
}

/// A call that is opened, answered, changed by both sides and ended, through two networks that hide from each other.
fn call(networks: &mut Networks, ends: usize) {
    let asked = networks.pass(1, &request(1, "INVITE", 1, false, &recorded(1)));
    let mut ringing = asked.clone();
    for status in ["180 Ringing", "200 OK"] {
        let arrived = networks.pass(2, &answer(2, &asked, status, "Server: scscf2 on 10.2.0.9\r\n"));
        has_own_vias(&arrived, 1, "INVITE1");
        let own = values(&arrived, "Record-Route");
        let behind = &own[own.len() - 3..];
        assert_eq!(
            behind,
            [
                "<sip:10.1.0.1:5060;lr>",
                "<sip:10.1.0.9;lr>",
                "<sip:pcscf1.home1.example;lr>"
            ]
        );
        assert_eq!(arrived.row("Server"), None);
        ringing = arrived;
    }
    let talk = Talk::new(1, &asked, &ringing);
    let inside = |network: usize| {
        [
            format!("<sip:10.{network}.0.9;lr>"),
            format!("<sip:pcscf{network}.home{network}.example;lr>"),
        ]
    };
    let ack = networks.pass(1, &talk.request(1, "ACK", 1, ""));
    assert_eq!(values(&ack, "Route"), inside(2), "{}", ack.text());
    for (number, from, method) in [(2, 1, "INVITE"), (7, 2, "INVITE"), (8, 2, "INFO"), (9, ends, "BYE")] {
        let other = 3 - from;
        let asked = networks.pass(from, &talk.request(from, method, number, ""));
        assert_eq!(values(&asked, "Route"), inside(other), "{}", asked.text());
        let answered = networks.pass(other, &answer(other, &asked, "200 OK", ""));
        has_own_vias(&answered, from, &format!("{method}{number}"));
        if method == "INVITE" {
            let ack = networks.pass(from, &talk.request(from, "ACK", number, ""));
            assert_eq!(values(&ack, "Route"), inside(other));
        }
    }
}

//= THIG-002 type=test
//= THIG-006 type=test
//= THIG-007 type=test
//= THIG-009 type=test
//= THIG-012 type=test
#[test]
fn a_whole_call_between_two_networks_shows_neither_inside_and_finds_its_way() {
    for (mode, neighbour) in [
        (AEAD, Neighbour::Stranger),
        (CBC, Neighbour::Stranger),
        (AEAD, Neighbour::Member),
    ] {
        for ends in [1, 2] {
            let mut networks = Networks::new(neighbour, mode);
            call(&mut networks, ends);
            // Four exchanges of an INVITE with its 100 and its ACK or more, and two of others.
            assert_eq!(networks.crossed.len(), 17);
        }
    }
}

/// Without the token of a dialog, what the neighbour did not get from us leads nowhere.
//= THIG-009 type=test
#[test]
fn a_call_that_is_given_up_or_refused_shows_nothing_either() {
    let mut networks = Networks::new(Neighbour::Stranger, AEAD);
    let asked = networks.pass(1, &request(1, "INVITE", 1, false, &recorded(1)));
    networks.pass(2, &answer(2, &asked, "180 Ringing", ""));
    let [top, _] = vias(1, "INVITE1");
    let cancel = format!(
        "CANCEL sip:bob@home2.example SIP/2.0\r\nVia: {top}\r\nMax-Forwards: 70\r\n\
         From: <sip:al@home1.example>;tag=t1\r\nTo: <sip:bob@home2.example>\r\nCall-ID: call\r\nCSeq: 1 CANCEL\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let arrived = networks.send(1, &cancel);
    let (_, cancelled) = arrived
        .iter()
        .find(|(network, sent)| *network == 2 && sent.start().starts_with("CANCEL"))
        .unwrap_or_else(|| panic!("{arrived:#?}"));
    assert_eq!(cancelled.rows("Via").len(), 1);
    let text = answer(
        2,
        &asked,
        "487 Request Terminated",
        "Warning: 399 scscf2.home2.example \"at 10.2.0.9\"\r\n",
    );
    let arrived = networks.send(2, &text);
    let (_, refused) = arrived
        .iter()
        .find(|(network, sent)| *network == 1 && sent.start().starts_with("SIP/2.0 487"))
        .unwrap_or_else(|| panic!("{arrived:#?}"));
    has_own_vias(refused, 1, "INVITE1");
    assert_eq!(refused.row("Warning"), Some("399 home2.example \"\""));
    // Each ACK goes to the next node and no further.
    assert!(
        arrived
            .iter()
            .any(|(network, sent)| *network == 2 && sent.start().starts_with("ACK"))
    );
}

//= THIG-009 type=test
#[test]
fn a_subscription_finds_its_way_both_ways() {
    let mut networks = Networks::new(Neighbour::Stranger, AEAD);
    let asked = networks.pass(
        1,
        &request(1, "SUBSCRIBE", 1, false, &format!("Event: presence\r\n{}", recorded(1))),
    );
    let answered = networks.pass(2, &answer(2, &asked, "200 OK", "Expires: 60\r\n"));
    let talk = Talk::new(1, &asked, &answered);
    let notified = networks.pass(
        2,
        &talk.request(2, "NOTIFY", 5, "Event: presence\r\nSubscription-State: active\r\n"),
    );
    assert_eq!(
        values(&notified, "Route"),
        ["<sip:10.1.0.9;lr>", "<sip:pcscf1.home1.example;lr>"]
    );
    let answered = networks.pass(1, &answer(1, &notified, "200 OK", ""));
    has_own_vias(&answered, 2, "NOTIFY5");
    let again = networks.pass(1, &talk.request(1, "SUBSCRIBE", 2, "Event: presence\r\nExpires: 0\r\n"));
    assert_eq!(
        values(&again, "Route"),
        ["<sip:10.2.0.9;lr>", "<sip:pcscf2.home2.example;lr>"]
    );
}

/// A UE of network 2 that is in network 1: its home learns a way to it, and it learns a way home, and neither shows who is on it.
//= THIG-009 type=test
//= THIG-012 type=test
#[test]
fn a_registration_teaches_both_networks_ways_that_show_nobody() {
    let mut networks = Networks::new(Neighbour::Member, AEAD);
    let asked = request(
        1,
        "REGISTER",
        1,
        false,
        "Path: <sip:10.1.0.9;lr>\r\nSupported: path\r\n",
    )
    .replace("REGISTER sip:bob@home2.example", "REGISTER sip:home2.example")
    .replace(
        "Max-Forwards",
        "P-Charging-Vector: icid-value=\"a;b\";icid-generated-at=10.1.0.9;orig-ioi=home1.example\r\n\
             P-Charging-Function-Addresses: ccf=10.1.0.30\r\nMax-Forwards",
    );
    let registered = networks.pass(1, &asked);
    assert_eq!(
        registered.row("P-Charging-Vector"),
        Some("icid-value=\"a;b\";orig-ioi=home1.example")
    );
    assert_eq!(registered.row("P-Charging-Function-Addresses"), None);
    let path = values(&registered, "Path");
    assert_eq!(path.len(), 3, "{path:?}");
    assert!(path[0].ends_with("@10.2.0.1:5060;lr>") && path[1].ends_with("@192.0.2.1:5060;lr>"));
    assert!(path[2].ends_with(";tokenized-by=home1.example;lr>"));
    let rows = format!("Path: {}\r\nService-Route: <sip:orig@10.2.0.9;lr>\r\n", path.join(", "));
    let text = respond(&registered, "200 OK", "t2", &rows);
    let answered = networks.pass(2, &text);
    has_own_vias(&answered, 1, "REGISTER1");
    assert_eq!(
        values(&answered, "Path").last().map(String::as_str),
        Some("<sip:10.1.0.9;lr>")
    );
    let way_home = values(&answered, "Service-Route");
    assert_eq!(way_home.len(), 2, "{way_home:?}");
    assert_eq!(way_home[0], "<sip:192.0.2.2:5060;lr>");
    // Outwards by the Service-Route.
    let routes: String = way_home.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let arrived = networks.pass(1, &request(1, "INVITE", 2, false, &routes));
    assert_eq!(values(&arrived, "Route"), ["<sip:orig@10.2.0.9;lr>"]);
    // Inwards by the Path.
    let routes: String = path.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let text = request(2, "MESSAGE", 3, false, &routes).replace("Call-ID: call", "Call-ID: other");
    let arrived = networks.pass(2, &text);
    assert_eq!(values(&arrived, "Route"), ["<sip:10.1.0.9;lr>"]);
}

/// What the neighbour sees of an answer of the inside with these rows.
#[track_caller]
fn answered(method: &str, rows: &str) -> Sent {
    let mut world = World::with(&policy(1, Neighbour::Member, true, AEAD), keys(1, &[1]), [1; 32]);
    let asked = request(2, method, 1, false, "").replace("REGISTER sip:al@home1.example", "REGISTER sip:home1.example");
    let came = brings(&mut world, &asked);
    let inside = came.iter().find(|sent| sent.to.to_string() == CORE);
    let inside = inside.unwrap_or_else(|| panic!("{came:#?}"));
    let sent = world.packet("core", CORE, &respond(inside, "200 OK", "t", rows));
    let left = sent.iter().find(|sent| sent.to.to_string() == NEIGHBOUR);
    left.unwrap_or_else(|| panic!("{sent:#?}")).clone()
}

/// Our own value stands once, on top of a Service-Route that leads through the inside, and nowhere else.
//= THIG-009 type=test
#[test]
fn a_way_home_leads_by_us_and_by_the_side_it_came_from() {
    const OURS: &str = "<sip:192.0.2.1:5060;lr>";
    let inside = "Service-Route: <sip:orig@10.1.0.9;lr>\r\n";
    let ways = |method: &str, rows: &str| values(&answered(method, rows), "Service-Route");
    let taught = ways("REGISTER", inside);
    assert_eq!((taught.len(), &taught[0][..]), (2, OURS));
    let again = ways(
        "REGISTER",
        &format!("Service-Route: {OURS}, <sip:orig@10.1.0.9;lr>\r\n"),
    );
    assert_eq!((again.len(), &again[0][..]), (2, OURS), "{again:?}");
    // It is no way home in the answer to anything else: hidden, and that is all.
    let other = ways("MESSAGE", inside);
    assert_eq!(other.len(), 1);
    // Behind the one of a registration stands our other side, too.
    assert!(taught[1].len() > other[0].len(), "{taught:?} {other:?}");
    assert_eq!(ways("MESSAGE", ""), Vec::<String>::new());
    assert_eq!(ways("REGISTER", ""), Vec::<String>::new());
    let abroad = "<sip:orig@scscf.visited.example;lr>";
    assert_eq!(ways("REGISTER", &format!("Service-Route: {abroad}\r\n")), [abroad]);
}

/// A stranger goes by the way that it was given, and by no other: what it writes itself leads nowhere.
//= THIG-009 type=test
#[test]
fn a_stranger_goes_inside_by_what_this_network_gave_it_alone() {
    let mut world = border(1, AEAD);
    let given = values(&leaves(&mut world, &invite()), "Record-Route")[1].clone();
    let mut sent = |number: u32, routes: &str| {
        let text = request(2, "MESSAGE", number, false, &format!("Route: {routes}\r\n"));
        let came = brings(&mut world, &text.replace("Call-ID: call", "Call-ID: other"));
        came.iter()
            .map(|sent| (sent.to.to_string(), sent.start().to_owned()))
            .collect::<Vec<_>>()
    };
    let followed = sent(2, &given);
    assert_eq!(followed[0].0, CORE, "{followed:?}");
    for (number, routes) in [
        (3, "<sip:203.0.113.9;lr>".to_owned()),
        (4, format!("<sip:203.0.113.9;lr>, {given}")),
        (5, format!("<sip:203.0.113.9;lr>, {given}, <sip:203.0.113.9;lr>")),
    ] {
        let refused = sent(number, &routes);
        assert!(refused.iter().all(|(to, _)| to == NEIGHBOUR), "{routes} {refused:?}");
        assert!(refused[0].1.starts_with("SIP/2.0 4"), "{refused:?}");
    }
}

/// The top Via is its sender's, whatever it looks like; any other is opened, wherever it stands.
//= THIG-007 type=test
#[test]
fn the_top_via_alone_is_not_opened() {
    let token = values(&leaves(&mut border(1, AEAD), &invite()), "Via")[1].clone();
    let came = |vias: &str, number: u32| {
        let mut world = border(1, AEAD);
        let text = request(2, "MESSAGE", number, false, "");
        let top = text.lines().find(|line| line.starts_with("Via: ")).unwrap().to_owned();
        let text = text.replace(&top, &vias.replace("TOP", top.trim_start_matches("Via: ")));
        let sent = brings(&mut world, &text);
        let inside = sent.iter().find(|sent| sent.to.to_string() == CORE);
        let inside = inside.unwrap_or_else(|| panic!("{sent:#?}"));
        values(inside, "Via")[1..].join(", ")
    };
    for (number, vias) in [
        format!("Via: TOP, {token}"),
        format!("Via: TOP\r\nVia: {token}"),
        format!("Via: TOP\r\nVia: {token}, {token}"),
    ]
    .iter()
    .enumerate()
    {
        let shown = came(vias, number as u32 + 1);
        assert!(
            shown.contains("pcscf1.home1.example") && !shown.contains("tokenized-by"),
            "{shown}"
        );
    }
    let shown = came(&format!("Via: {token}\r\nVia: TOP"), 9);
    assert!(shown.contains("tokenized-by") && !shown.contains("pcscf1"), "{shown}");
}

//= THIG-012 type=test
#[test]
fn the_name_of_the_operator_goes_where_the_policy_says() {
    let text = policy(1, Neighbour::Member, true, &format!("{AEAD}\norig_ioi = \"remove\""));
    let mut world = World::with(&text, keys(1, &[1]), [1; 32]);
    let vector = "P-Charging-Vector: icid-value=1;icid-generated-at=edge.example;orig-ioi=home1.example\r\n";
    let sent = leaves(&mut world, &request(1, "MESSAGE", 1, false, vector));
    assert_eq!(
        sent.row("P-Charging-Vector"),
        Some("icid-value=1;icid-generated-at=edge.example")
    );
}

/// One node hides, another of the same network opens.
//= THIG-005 type=test
#[test]
fn the_nodes_of_a_network_open_what_one_of_them_hid() {
    let mut networks = Networks::new(Neighbour::Stranger, AEAD);
    let asked = networks.pass(1, &request(1, "INVITE", 1, false, &recorded(1)));
    let answered = networks.pass(2, &answer(2, &asked, "200 OK", ""));
    let talk = Talk::new(1, &asked, &answered);
    // The first node dies; the next one has the same keys, and another after the keys were changed has them still.
    for generations in [&[1][..], &[2, 1]] {
        let text = policy(1, Neighbour::Stranger, true, AEAD);
        networks.borders[0] = World::with(&text, keys(1, generations), [9; 32]);
        let number = 10 + generations.len() as u32;
        let arrived = networks.pass(2, &talk.request(2, "INFO", number, ""));
        assert_eq!(
            values(&arrived, "Route"),
            ["<sip:10.1.0.9;lr>", "<sip:pcscf1.home1.example;lr>"]
        );
    }
    // And what one cipher hid, while the other makes the new ones, or none at all.
    for mode in [CBC, "mode = \"off\"\nkey_file = \"hiding.keys\""] {
        let is_off = mode.contains("off");
        let text = policy(1, Neighbour::Stranger, !is_off, mode);
        networks.borders[0] = World::with(&text, keys(1, &[1]), [10; 32]);
        let number = 20 + u32::from(is_off);
        let arrived = networks.pass(2, &talk.request(2, "INFO", number, ""));
        assert_eq!(
            values(&arrived, "Route"),
            ["<sip:10.1.0.9;lr>", "<sip:pcscf1.home1.example;lr>"]
        );
    }
}

/// The keys change while a call lasts.
//= THIG-005 type=test
//= SEC-002 type=test
#[test]
fn a_call_outlives_a_change_of_keys() {
    let mut networks = Networks::new(Neighbour::Stranger, AEAD);
    let asked = networks.pass(1, &request(1, "INVITE", 1, false, &recorded(1)));
    let answered = networks.pass(2, &answer(2, &asked, "200 OK", ""));
    let talk = Talk::new(1, &asked, &answered);
    for network in [1, 2] {
        networks.borders[network - 1].input(sipveil::engine::Input::Keys(keys(network, &[2, 1])));
    }
    for (from, number) in [(1, 2), (2, 3)] {
        let asked = networks.pass(from, &talk.request(from, "BYE", number, ""));
        let answered = networks.pass(3 - from, &answer(3 - from, &asked, "200 OK", ""));
        has_own_vias(&answered, from, &format!("BYE{number}"));
    }
}

/// A node without keys, and the tokens of others.
//= THIG-005 type=test
//= THIG-007 type=test
#[test]
fn tokens_of_others_pass_untouched() {
    let token = leaves(&mut border(1, AEAD), &invite());
    let via = values(&token, "Via")[1].clone();
    let route = values(&token, "Record-Route")[1].clone();
    let rows = format!("Via: {via}\r\nRecord-Route: {route}\r\n");
    let text = request(2, "MESSAGE", 1, false, &rows).replace("home1.example>", "home2.example>");
    let text = text.replace("sip:al@home1.example SIP", "sip:al@home2.example SIP");
    // Network 2 has keys, but not these.
    let mut other = border(2, AEAD);
    let arrived = other.packet("net", "192.0.2.1:5060", &text);
    assert!(arrived[0].rows("Via").contains(&&via[..]), "{arrived:#?}");
    assert!(arrived[0].rows("Record-Route").contains(&&route[..]), "{arrived:#?}");
    // A node of network 1 that has none.
    let none = policy(1, Neighbour::Stranger, false, "");
    let mut none = World::new(&none);
    let text = text.replace("sip:al@home2.example SIP", "sip:al@home1.example SIP");
    let arrived = brings(&mut none, &text);
    assert!(arrived[0].rows("Via").contains(&&via[..]), "{arrived:#?}");
    assert!(arrived[0].rows("Record-Route").contains(&&route[..]), "{arrived:#?}");
}

/// A request that left and comes back to where it was.
//= THIG-011 type=test
#[test]
fn a_loop_through_the_neighbour_is_found() {
    let mut world = border(1, AEAD);
    let sent = leaves(&mut world, &invite());
    let again = format!("INVITE sip:bob@home2.example SIP/2.0\r\nVia: SIP/2.0/UDP {NEIGHBOUR};branch=z9hG4bKback");
    let rest = sent.text().split_once("\r\n").unwrap().1;
    let (mut ended, mut turns) = (Vec::new(), 0);
    let mut rest = rest.to_owned();
    for turn in 0..80 {
        turns += 1;
        let came = brings(&mut world, &format!("{again}{turn}\r\n{rest}"));
        ended.extend(
            came.iter()
                .filter(|sent| sent.start().starts_with("SIP/2.0 48"))
                .cloned(),
        );
        match came.iter().find(|sent| sent.start().starts_with("INVITE")) {
            Some(sent) if ended.is_empty() => {
                tells_none_of(sent, INSIDE[0]);
                rest = sent.text().split_once("\r\n").unwrap().1.to_owned();
            }
            _ => break,
        }
    }
    let start = ended[0].start();
    assert!(
        start.starts_with("SIP/2.0 482") || start.starts_with("SIP/2.0 483"),
        "{start}"
    );
    tells_none_of(&ended[0], INSIDE[0]);
    // Found as soon as the same came back from where it had been sent, long before its hops were used up.
    assert_eq!(turns, 2);
}

/// More values than one token takes come back in their order, from who called as from who was called.
//= THIG-006 type=test
//= THIG-009 type=test
#[test]
fn a_long_way_through_the_inside_keeps_its_order() {
    let node = |at: usize| format!("<sip:{}{at:02}@10.1.0.9;lr>", "node".repeat(15));
    let way: Vec<String> = (0..60).map(node).collect();
    let mut world = border(1, AEAD);
    // The neighbour is called.
    let asked = leaves(
        &mut world,
        &request(1, "INVITE", 1, false, &format!("Record-Route: {}\r\n", way.join(", "))),
    );
    let tokens = values(&asked, "Record-Route").len() - 1;
    assert!((2..=4).contains(&tokens), "{tokens}");
    let routes = crate::world::routes(&asked.rows("Record-Route"), false);
    let came = brings(&mut world, &request(2, "INFO", 1, true, &routes));
    assert_eq!(values(&came[0], "Route"), way, "{}", came[0].text());
    // And the neighbour calls.
    let mut world = border(1, AEAD);
    let came = brings(&mut world, &request(2, "INVITE", 1, false, ""));
    let inwards = came.iter().find(|sent| sent.to.to_string() == CORE).unwrap();
    let backwards: Vec<&str> = way.iter().rev().map(String::as_str).collect();
    let text = respond(inwards, "200 OK", "t1", "Contact: <sip:al@ue1.visited.example>\r\n").replacen(
        "Record-Route: ",
        &format!("Record-Route: {}\r\nRecord-Route: ", backwards.join(", ")),
        1,
    );
    let answered = world.packet("core", CORE, &text);
    assert!(values(&answered[0], "Record-Route").len() <= 5);
    let routes = crate::world::routes(&answered[0].rows("Record-Route"), true);
    let came = brings(&mut world, &request(2, "INFO", 2, true, &routes));
    assert_eq!(values(&came[0], "Route"), way, "{}", came[0].text());
}

/// Where we are is no secret, also where our name is one of the domain: who goes on from the neighbour to us must read it.
//= THIG-002 type=test
#[test]
fn our_own_value_stays_wherever_it_is_needed() {
    let named = policy(1, Neighbour::Stranger, true, AEAD).replace(
        "[topology_hiding]",
        "[proxy]\nname = \"edge.home1.example\"\n[topology_hiding]",
    );
    let mut world = World::with(&named, keys(1, &[1]), [1; 32]);
    let rows = format!(
        "Route: <sip:192.0.2.2:5060;lr>\r\nRoute: <sip:edge.home1.example:5060;lr>, <sip:pcscf1.home1.example;lr>\r\n{}",
        recorded(1)
    );
    let sent = leaves(&mut world, &request(1, "INVITE", 1, false, &rows));
    tells_none_of(&sent, INSIDE[0]);
    let routes = values(&sent, "Route");
    assert_eq!(routes.len(), 3, "{routes:?}");
    assert_eq!(
        routes[..2],
        ["<sip:192.0.2.2:5060;lr>", "<sip:edge.home1.example:5060;lr>"]
    );
    assert!(routes[2].contains(";tokenized-by=home1.example"));
    let ours = values(&sent, "Record-Route");
    assert!(ours[0].ends_with("@edge.home1.example:5060;lr>"), "{ours:?}");
    assert!(values(&sent, "Via")[0].starts_with("SIP/2.0/UDP edge.home1.example:5060;branch="));
}

/// What a caller asks for comes first, and the rest is hidden all the same.
//= THIG-002 type=test
//= PRIV-084 type=test
//= PRIV-085 type=test
#[test]
fn privacy_that_hides_the_way_and_hiding_go_together() {
    let mut networks = Networks::new(Neighbour::Stranger, AEAD);
    let values_of = "[privacy]\nvalues = [\"none\", \"id\", \"critical\", \"user\", \"header\"]\n[limits]";
    let text = policy(1, Neighbour::Stranger, true, AEAD).replace("[limits]", values_of);
    networks.borders[0] = World::with(&text, keys(1, &[1]), [1; 32]);
    let rows = format!("Privacy: header;critical\r\n{}", recorded(1));
    let asked = networks.pass(1, &request(1, "INVITE", 1, false, &rows));
    let left = networks
        .crossed
        .iter()
        .find(|sent| sent.start().starts_with("INVITE"))
        .unwrap();
    assert_eq!(
        values(left, "Via").len() + values(left, "v").len(),
        1,
        "{}",
        left.text()
    );
    // Our other side, which nobody asked to hide but the policy.
    assert_eq!(values(left, "Record-Route").len(), 2, "{}", left.text());
    let answered = networks.pass(2, &answer(2, &asked, "200 OK", ""));
    has_own_vias(&answered, 1, "INVITE1");
    let talk = Talk::new(1, &asked, &answered);
    for (from, number) in [(1, 2), (2, 3)] {
        let asked = networks.pass(from, &talk.request(from, "INFO", number, ""));
        let other = 3 - from;
        let way = [
            format!("<sip:10.{other}.0.9;lr>"),
            format!("<sip:pcscf{other}.home{other}.example;lr>"),
        ];
        assert_eq!(values(&asked, "Route"), way, "{}", asked.text());
        let answered = networks.pass(other, &answer(other, &asked, "200 OK", ""));
        has_own_vias(&answered, from, &format!("INFO{number}"));
    }
}

/// Answers of our own show who asked what it wrote, tokens too.
//= THIG-007 type=test
#[test]
fn an_answer_of_ours_opens_nothing_for_who_asked() {
    let mut world = border(1, AEAD);
    let token = values(&leaves(&mut world, &invite()), "Via")[1].clone();
    for (to, expected) in [("home1.example", "SIP/2.0 100"), ("nowhere.example", "SIP/2.0 403")] {
        let text = request(2, "INVITE", 4, false, &format!("Via: {token}\r\n"))
            .replace("sip:al@home1.example SIP", &format!("sip:al@{to} SIP"))
            .replace("Call-ID: call", &format!("Call-ID: {to}"))
            .replace("z9hG4bKsINVITE4", &format!("z9hG4bK{to}"));
        let came = brings(&mut world, &text);
        let answer = came.iter().find(|sent| sent.start().starts_with(expected)).unwrap();
        assert!(answer.rows("Via").contains(&&token[..]), "{}", answer.text());
        tells_none_of(answer, INSIDE[0]);
        // The inside sees its own again, and its answer shows the neighbour what the neighbour wrote.
        if let Some(inwards) = came.iter().find(|sent| sent.to.to_string() == CORE) {
            assert!(inwards.text().contains("pcscf1.home1.example"), "{}", inwards.text());
            let busy = world.packet("core", CORE, &respond(inwards, "486 Busy Here", "x", ""));
            let back = busy.iter().find(|sent| sent.to.to_string() == NEIGHBOUR).unwrap();
            assert!(back.rows("Via").contains(&&token[..]), "{}", back.text());
            tells_none_of(back, INSIDE[0]);
        }
    }
}

/// At the maximum all of it is hidden; beyond, a request is refused and a response goes without.
//= THIG-002 type=test
//= SEC-009 type=test
#[test]
fn what_cannot_be_hidden_does_not_leave() {
    let alternating = |count: usize| -> String {
        let one = |at: usize| {
            format!("Via: SIP/2.0/UDP 10.1.0.9;branch=z9hG4bK{at}, SIP/2.0/UDP v.example;branch=z9hG4bK{at}\r\n")
        };
        (0..count).map(one).collect()
    };
    let text = |rows: &str| {
        let [top, others] = vias(1, "MESSAGE1");
        request(1, "MESSAGE", 1, false, "").replace(
            &format!("Via: {top}\r\nv: {others}\r\n"),
            &format!("Via: SIP/2.0/UDP v.example;branch=z9hG4bKt\r\n{rows}"),
        )
    };
    let most = leaves(&mut border(1, AEAD), &text(&alternating(16)));
    tells_none_of(&most, &["10.1.0.9;"]);
    let mut world = border(1, AEAD);
    let refused = world.packet("core", CORE, &text(&alternating(17)));
    assert!(refused[0].start().starts_with("SIP/2.0 513"), "{refused:#?}");
    // One value that no token holds, and one that it does.
    for (length, leaves_it) in [(8000, true), (8192, false)] {
        let value = format!("<sip:{}@10.1.0.9;lr>", "a".repeat(length));
        let mut world = border(1, AEAD);
        let sent = world.packet(
            "core",
            CORE,
            &request(1, "INVITE", 1, false, &format!("Record-Route: {value}\r\n")),
        );
        assert_eq!(sent.iter().any(|sent| sent.to.to_string() == NEIGHBOUR), leaves_it);
        let mut world = border(1, AEAD);
        let asked = request(2, "INVITE", 1, false, "");
        let arrived = brings(&mut world, &asked);
        let inwards = arrived.iter().find(|sent| sent.to.to_string() == CORE).unwrap();
        let text = answer(1, inwards, "200 OK", "").replacen(
            "Record-Route: ",
            &format!("Record-Route: {value}\r\nRecord-Route: "),
            1,
        );
        let sent = world.packet("core", CORE, &text);
        assert_eq!(sent.len(), 1);
        tells_none_of(&sent[0], &["aaaaaaaaaaaaaaaaaaaaaaaa"]);
    }
}

//= THIG-001 type=test
//= ROLE-003 type=test
#[test]
fn the_policy_says_who_sees_the_inside_and_prints_it() {
    let text = std::fs::read_to_string("fixtures/policies/good/topology-hiding.toml").unwrap();
    let policy = crate::world::policy(&text);
    let printed = sipveil::config::effective(&policy);
    for line in [
        "mode = \"aead\"  (test.toml:19)",
        "key_file = \"hiding.keys\"  (test.toml:20)",
        "hidden_prefixes = \"10.20.0.0/16\"  (test.toml:21)",
        "orig_ioi = \"keep\"  (test.toml:22)",
        "thig = true  (test.toml:35)",
        "thig = false  (test.toml:46)",
        "thig = false  (default)",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in\n{printed}");
    }
}
