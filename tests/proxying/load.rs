//! Neighbours that tell each other what they can take: RFC 7339.

use std::time::Duration;

use super::{CORE, NET, request, starts, to, wide};
use crate::world::{Sent, World, respond};

/// A node of T beside strangers, which the policy says to listen to.
const ALLY: &str = "192.0.2.70:5060";

const ASKS: &str = ";oc;oc-algo=\"loss\"";

fn world(limits: &str) -> World {
    let prefixes = "prefixes = [\"192.0.2.64/26\"]";
    let listens = format!("{prefixes}\noverload_control = \"loss\"");
    World::new(&(wide().replace(prefixes, &listens) + "[limits]\n" + limits))
}

/// A request whose sender wants to be told our load.
fn asking(text: &str) -> String {
    text.replacen("\r\nFrom:", &format!("{ASKS}\r\nFrom:"), 1)
}

/// What a message says of load, anywhere.
fn says(sent: &Sent) -> bool {
    sent.rows("Via").iter().any(|via| via.contains(";oc"))
}

/// A response that claims this load in every Via.
fn claiming(about: &Sent, claim: &str) -> String {
    respond(about, "200 OK", "b", "").replace("\r\nFrom:", &format!("{claim}\r\nFrom:"))
}

#[test]
fn a_node_of_t_that_asks_is_told_and_nobody_else_is() {
    let mut world = world("transactions_max = 160\n");
    let sent = world.packet("core", CORE, &asking(&request("MESSAGE", "net.example", "a", "")));
    let forwarded = to(&sent, NET)[0].clone();
    assert!(!says(&forwarded), "it goes no further: {}", forwarded.text());
    // Somebody behind us writes into the Via of somebody before us.
    let answer = claiming(&forwarded, ";oc=77;oc-validity=9;oc-seq=9.9;OC-Algo=\"loss\"");
    let sent = world.packet("net", NET, &answer);
    let via = sent[0].row("Via").unwrap();
    let (_, told) = via.split_once(";oc").unwrap();
    assert!(
        told.starts_with("=0;oc-algo=\"loss\";oc-validity=500;oc-seq=1800000000.000"),
        "{via}"
    );
    assert!(!told.contains("77") && told.matches("oc").count() == 3, "{via}");
    // A member that does not ask, and a stranger that does.
    let sent = world.packet("core", CORE, &request("MESSAGE", "net.example", "b", ""));
    let sent = world.packet("net", NET, &claiming(to(&sent, NET)[0], ";oc=77"));
    assert!(!says(&sent[0]), "{}", sent[0].text());
    let stranger = asking(&request("MESSAGE", "home1.example", "c", "").replace(CORE, NET));
    let sent = world.packet("net", NET, &stranger);
    assert!(!says(to(&sent, CORE)[0]));
    let sent = world.packet("core", CORE, &claiming(to(&sent, CORE)[0], ";oc=1"));
    assert!(!says(to(&sent, NET)[0]));
}

//= SEC-009 type=test
#[test]
fn the_fuller_it_gets_the_more_it_wants_to_be_spared() {
    let mut world = world("transactions_max = 160\n");
    let told = |world: &mut World, number: usize| {
        let text = asking(&request("MESSAGE", "net.example", &format!("m{number}"), ""));
        let sent = world.packet("core", CORE, &text);
        let answer = match to(&sent, NET).first() {
            Some(forwarded) => world.packet("net", NET, &respond(forwarded, "200 OK", "b", "")),
            None => sent,
        };
        let via = answer[0].row("Via").unwrap().to_owned();
        let percent = via.split(";oc=").nth(1).unwrap().split(';').next().unwrap();
        (answer[0].start().to_owned(), percent.parse::<u32>().unwrap())
    };
    let all: Vec<(String, u32)> = (0..155).map(|number| told(&mut world, number)).collect();
    assert_eq!(all[100].1, 0);
    assert_eq!(all[134], ("SIP/2.0 200 OK".to_owned(), 50));
    assert!(all.windows(2).all(|two| two[0].1 <= two[1].1));
    assert_eq!(all[152], ("SIP/2.0 503 Service Unavailable".to_owned(), 100));
}

/// To this peer only; what it says counts in order, for its time, and for what it can be spared.
//= SEC-009 type=test
#[test]
fn a_next_hop_that_asks_for_less_gets_less() {
    let mut world = world("");
    let mut next = 0;
    let mut send = |world: &mut World, rows: &str, tag: &str| {
        next += 1;
        let text = request("MESSAGE", "ally.example", &format!("n{next}"), rows);
        let text = text.replace(
            "To: <sip:bob@ally.example>",
            &format!("To: <sip:bob@ally.example>{tag}"),
        );
        let text = if rows.is_empty() {
            text
        } else {
            text.replacen("sip:bob@ally.example", "urn:service:sos", 1)
        };
        world.packet("core", CORE, &text)
    };
    let claim = |loss: u32, validity: u32, second: u32| {
        format!(";oc={loss};oc-algo=\"loss\";oc-validity={validity};oc-seq={second}.5")
    };
    let first = send(&mut world, "", "");
    let first = to(&first, ALLY)[0].clone();
    assert!(first.rows("Via")[0].ends_with(ASKS), "{}", first.text());
    let others = world.packet("core", CORE, &request("MESSAGE", "net.example", "o", ""));
    assert!(!says(to(&others, NET)[0]));
    // A stranger's word counts for nothing.
    world.packet("net", NET, &claiming(to(&others, NET)[0], &claim(100, 60_000, 10)));
    world.packet(
        "net",
        ALLY,
        &respond(&first, "200 OK", "b", "").replacen(ASKS, &claim(100, 1000, 10), 1),
    );
    assert!(
        !to(
            &world.packet("core", CORE, &request("MESSAGE", "net.example", "p", "")),
            NET
        )
        .is_empty()
    );
    let refused = send(&mut world, "", "");
    assert_eq!(starts(&refused), ["SIP/2.0 500 Server Internal Error"]);
    assert!(refused[0].row("Retry-After").is_some());
    assert_eq!(world.engine.counters().spared, 1);
    let in_dialog = send(&mut world, "", ";tag=z");
    assert!(!to(&in_dialog, ALLY).is_empty());
    let emergency = send(&mut world, "Route: <sip:192.0.2.70;lr>\r\n", "");
    assert_eq!(to(&emergency, ALLY).len(), 1, "{emergency:#?}");
    // An older word than the last does not count; a newer one does.
    let again = |world: &mut World, about: &Sent, claim: &str| {
        let answer = respond(about, "200 OK", "b", "").replacen(ASKS, claim, 1);
        world.packet("net", ALLY, &answer);
    };
    again(&mut world, to(&in_dialog, ALLY)[0], &claim(0, 1000, 9));
    assert!(to(&send(&mut world, "", ""), ALLY).is_empty());
    again(&mut world, to(&emergency, ALLY)[0], &claim(50, 1000, 11));
    let through = (0..400)
        .filter(|_| !to(&send(&mut world, "", ""), ALLY).is_empty())
        .count();
    assert!((120..280).contains(&through), "{through} of 400");
    world.pass(Duration::from_secs(1));
    assert!(
        (0..50).all(|_| !to(&send(&mut world, "", ""), ALLY).is_empty()),
        "its time is over"
    );
}
