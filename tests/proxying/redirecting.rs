//! Redirections: passed on as they are, or followed where the policy says so.

use super::{CORE, NET, request, to, wide};
use crate::legs::PAI;
use crate::world::{Sent, World, respond};

/// A node of T, and where the route of `home1.example` leads.
const ALLY: &str = "192.0.2.70:5060";

fn world(lines: &str) -> World {
    let route = "[[route]]\nfrom = \"core\"\ndomain = [\"home1.example\", \"far.example\"]\nnext_hop = [\"sip:192.0.2.70\"]\n\
                 via = \"net\"\n[[route]]\nfrom = \"core\"\ndomain = [\"stranger.example\"]\nnext_hop = [\"sip:192.0.2.9\"]\n\
                 via = \"net\"\n";
    World::new(&(wide() + route + lines))
}

fn following(limits: &str) -> World {
    world(&format!("[proxy]\nrecurse = true\n{limits}"))
}

fn send(world: &mut World, method: &str, domain: &str, rows: &str) -> Sent {
    let sent = world.packet("core", CORE, &request(method, domain, "r", rows));
    sent.into_iter()
        .find(|sent| !sent.start().starts_with("SIP/2.0 "))
        .unwrap()
}

fn redirect(world: &mut World, hop: &str, out: &Sent, contacts: &str) -> Vec<Sent> {
    let rows = format!("Contact: {contacts}\r\n");
    world.packet("net", hop, &respond(out, "302 Moved", "b", &rows))
}

fn requests(sent: &[Sent]) -> Vec<(String, String)> {
    let requests = sent.iter().filter(|sent| sent.start().ends_with(" SIP/2.0"));
    let requests = requests.filter(|sent| !sent.start().starts_with("ACK"));
    requests
        .map(|sent| {
            let uri = sent.start().split(' ').nth(1).unwrap_or_default().to_owned();
            (uri, sent.to.to_string())
        })
        .collect()
}

fn answers(sent: &[Sent]) -> Vec<Sent> {
    to(sent, CORE).into_iter().cloned().collect()
}

//= PROXY-025 type=test
//= PRIV-043 type=test
#[test]
fn by_default_a_redirection_reaches_the_caller_intact() {
    for method in ["INVITE", "MESSAGE"] {
        let mut world = world("");
        let out = send(&mut world, method, "home1.example", "Privacy: user;id\r\n");
        let contacts = "\"Bob\" <sip:bob@192.0.2.9>;q=0.7, <tel:+1555>";
        let sent = redirect(&mut world, ALLY, &out, contacts);
        assert!(requests(&sent).is_empty());
        let answer = &answers(&sent)[0];
        assert_eq!(
            (answer.start(), answer.rows("Contact")),
            ("SIP/2.0 302 Moved", vec![contacts])
        );
    }
}

//= PROXY-025 type=test
//= PRIV-043 type=test
#[test]
fn where_the_policy_says_so_it_is_followed_and_each_place_judged_anew() {
    for method in ["INVITE", "MESSAGE"] {
        let mut world = following("");
        let out = send(&mut world, method, "home1.example", &format!("Privacy: id\r\n{PAI}"));
        assert_eq!(out.rows("P-Asserted-Identity").len(), 1);
        // The best first, those of equal standing at once.
        let contacts = "<sip:c@192.0.2.71>;q=0.1, <sip:a@192.0.2.9>, <sip:b@192.0.2.72>;q=1.0";
        let sent = redirect(&mut world, ALLY, &out, contacts);
        let pair = |uri: &str, to: &str| (uri.to_owned(), to.to_owned());
        assert_eq!(
            requests(&sent),
            [
                pair("sip:a@192.0.2.9", NET),
                pair("sip:b@192.0.2.72", "192.0.2.72:5060")
            ]
        );
        assert!(answers(&sent).is_empty());
        let [stranger, node] = [NET, "192.0.2.72:5060"].map(|hop| to(&sent, hop)[0].clone());
        assert!(
            stranger.rows("P-Asserted-Identity").is_empty(),
            "what a stranger may not see"
        );
        assert_eq!(node.rows("P-Asserted-Identity").len(), 1);
        assert_eq!(
            (stranger.row("Max-Breadth"), node.row("Max-Breadth")),
            (Some("30"), Some("30"))
        );
        assert!(
            world
                .packet("net", NET, &respond(&stranger, "404 Gone", "x", ""))
                .iter()
                .all(|sent| sent.to.to_string() == NET)
        );
        let sent = world.packet("net", "192.0.2.72:5060", &respond(&node, "486 Busy", "y", ""));
        assert_eq!(requests(&sent), [pair("sip:c@192.0.2.71", "192.0.2.71:5060")]);
        let last = to(&sent, "192.0.2.71:5060")[0].clone();
        let sent = world.packet("net", "192.0.2.71:5060", &respond(&last, "500 Broken", "z", ""));
        // The redirection was followed as a whole, so it is no answer any more.
        assert_eq!(answers(&sent)[0].start(), "SIP/2.0 404 Gone");
    }
}

//= PROXY-025 type=test
#[test]
fn what_is_not_followed_is_left_to_who_asked() {
    let mut world = following("");
    let out = send(&mut world, "INVITE", "home1.example", "");
    let sent = redirect(
        &mut world,
        ALLY,
        &out,
        "<sip:a@192.0.2.71>, <tel:+1555>, <sip:x@192.0.2.72?Privacy=none>, <sip:bob@home1.example>",
    );
    assert_eq!(requests(&sent).len(), 1);
    let next = to(&sent, "192.0.2.71:5060")[0].clone();
    let sent = world.packet("net", "192.0.2.71:5060", &respond(&next, "404 Gone", "x", ""));
    let answer = &answers(&sent)[0];
    assert_eq!(answer.start(), "SIP/2.0 302 Moved");
    let left = "<tel:+1555>, <sip:x@192.0.2.72?Privacy=none>, <sip:bob@home1.example>";
    assert_eq!(answer.rows("Contact"), [left]);
}

/// Who may not send a request somewhere else: a stranger, anybody for users of another domain, and not within a dialog.
//= PROXY-025 type=test
#[test]
fn only_a_node_of_t_is_followed_and_only_for_our_own_users() {
    let place = "<sip:a@10.20.0.77>";
    let mut world = following("");
    let out = send(&mut world, "INVITE", "stranger.example", "");
    assert_eq!(
        answers(&redirect(&mut world, NET, &out, place))[0].rows("Contact"),
        [place]
    );
    let mut world = following("");
    let out = send(&mut world, "INVITE", "far.example", "");
    assert_eq!(
        answers(&redirect(&mut world, ALLY, &out, place))[0].rows("Contact"),
        [place]
    );
    // Our own user, but the stranger that the call was redirected to redirects it again.
    let mut world = following("");
    let out = send(&mut world, "INVITE", "home1.example", "");
    let sent = redirect(&mut world, ALLY, &out, "<sip:a@192.0.2.9>");
    let second = to(&sent, NET)[0].clone();
    assert_eq!(
        answers(&redirect(&mut world, NET, &second, place))[0].rows("Contact"),
        [place]
    );
    for status in ["305 Use Proxy", "380 Alternative Service"] {
        let mut world = following("");
        let out = send(&mut world, "INVITE", "home1.example", "");
        let text = respond(&out, status, "b", "Contact: <sip:a@192.0.2.9>\r\n");
        assert_eq!(
            answers(&world.packet("net", ALLY, &text))[0].start(),
            format!("SIP/2.0 {status}")
        );
    }
    let mut world = following("");
    let text = request("MESSAGE", "home1.example", "d", "").replace("example>\r\nCall", "example>;tag=t\r\nCall");
    let out = to(&world.packet("core", CORE, &text), ALLY)[0].clone();
    assert_eq!(
        answers(&redirect(&mut world, ALLY, &out, "<sip:a@192.0.2.9>"))[0].start(),
        "SIP/2.0 302 Moved"
    );
}

//= PROXY-025 type=test
#[test]
fn a_sips_request_is_not_redirected_to_sip() {
    let mut world = following("");
    let text = request("INVITE", "home1.example", "s", "");
    let out = to(&world.packet("core", CORE, &text), ALLY)[0].clone();
    // The other way round there is no TLS here to go by: it is left to who asked.
    let sent = redirect(&mut world, ALLY, &out, "<sips:a@192.0.2.71;transport=udp>");
    assert_eq!(answers(&sent)[0].start(), "SIP/2.0 302 Moved");
    assert!(requests(&sent).is_empty());
}

//= PROXY-025 type=test
#[test]
fn redirections_have_a_maximum_and_go_nowhere_twice() {
    for (max, followed) in [(3, 3), (2, 2)] {
        let mut world = following(&format!("[limits]\nredirects_max = {max}\n"));
        let mut out = send(&mut world, "INVITE", "home1.example", "");
        let mut hops = 0;
        let answer = loop {
            let next = format!("<sip:{hops}@192.0.2.70>, <sip:0@192.0.2.70>");
            let sent = redirect(&mut world, ALLY, &out, &next);
            if let Some(answer) = answers(&sent).first() {
                break answer.clone();
            }
            hops += 1;
            let next: Vec<Sent> = to(&sent, ALLY)
                .into_iter()
                .filter(|sent| sent.start().starts_with("INVITE"))
                .cloned()
                .collect();
            assert_eq!(next.len(), 1, "{sent:#?}");
            out = next[0].clone();
        };
        assert_eq!((hops, answer.start()), (followed, "SIP/2.0 302 Moved"));
    }
}
