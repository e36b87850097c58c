//! Strangers without an identity, and privacy that the network asks for.

use crate::legs::{
    ALLY, CORE, FROM, NET, PAI, STRANGER, UE, deliver, forwarded, refused, request, tells_none_of, world_of,
};
use crate::world::POLICY;

const ANONYMOUS: &str = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=7\r\n";

fn policy(lines: &str) -> String {
    POLICY.replacen("[[peer]]", &format!("[lawful_interception]\n{lines}\n[[peer]]"), 1)
}

//= LI-001 type=test
//= LI-002 type=test
#[test]
fn a_stranger_that_hides_is_turned_away_where_the_policy_says_so() {
    let rejects = policy("anonymous_without_identity = \"reject\"");
    let froms = [
        "\"Anonymous\" <sip:al@net.example>",
        "anonymous <sip:al@net.example>",
        "<sip:x@Anonymous.Invalid>",
        "<sip:x@y.anonymous.invalid>",
    ];
    let hidden = froms.map(|from| format!("From: {from};tag=7\r\n"));
    let asked = ["id", "USER", "foo;user;critical"].map(|values| format!("Privacy: {values}\r\n"));
    for rows in hidden.iter().chain(&asked) {
        for (to, method) in [(CORE, "INVITE"), (UE, "MESSAGE"), (NET, "FOO")] {
            let no = refused(&rejects, STRANGER, to, method, &format!("{PAI}{rows}"));
            assert_eq!(no.start(), "SIP/2.0 433 Anonymity Disallowed", "{method} {rows}");
        }
        forwarded(POLICY, STRANGER, CORE, "INVITE", rows);
    }
    let old = policy("anonymous_without_identity = \"reject\"\nreject_code = 403");
    let no = refused(&old, STRANGER, CORE, "INVITE", ANONYMOUS);
    assert_eq!(no.start(), "SIP/2.0 403 Forbidden");
    for from in [
        "<sip:anonymous@net.example>",
        "<sip:x@notanonymous.invalid>",
        "\"Anon\" <sip:a@b>",
    ] {
        forwarded(&rejects, STRANGER, CORE, "INVITE", &format!("From: {from};tag=7\r\n"));
    }
    for privacy in ["none", "header", "critical"] {
        forwarded(&rejects, STRANGER, CORE, "INVITE", &format!("Privacy: {privacy}\r\n"));
    }
    for vouched_for in [ALLY, CORE] {
        forwarded(&rejects, vouched_for, UE, "INVITE", &format!("{PAI}{ANONYMOUS}"));
    }
    forwarded(&rejects, UE, CORE, "INVITE", ANONYMOUS);
    // A node of T may have nobody to vouch for.
    for node in [ALLY, CORE] {
        forwarded(&rejects, node, UE, "INVITE", ANONYMOUS);
    }
}

//= LI-004 type=test
#[test]
fn a_stranger_nobody_vouches_for_is_turned_away_where_the_policy_says_so() {
    let rejects = policy("unidentified = \"reject\"");
    for rows in ["", PAI, ANONYMOUS] {
        let no = refused(&rejects, STRANGER, CORE, "INVITE", rows);
        assert_eq!(no.start(), "SIP/2.0 403 Forbidden");
    }
    let both = policy("unidentified = \"reject\"\nanonymous_without_identity = \"reject\"");
    let no = refused(&both, STRANGER, CORE, "INVITE", ANONYMOUS);
    assert_eq!(no.start(), "SIP/2.0 433 Anonymity Disallowed");
    forwarded(&rejects, ALLY, CORE, "INVITE", PAI);
    forwarded(&rejects, ALLY, CORE, "INVITE", "");
    forwarded(&rejects, UE, CORE, "INVITE", "");
}

//= LI-005 type=test
#[test]
fn what_stands_already_is_left_to_its_end() {
    let rejects = policy("unidentified = \"reject\"\nanonymous_without_identity = \"reject\"");
    for method in ["BYE", "INVITE", "UPDATE", "ACK"] {
        let mut world = world_of(&rejects, &[]);
        let text = request(STRANGER, CORE, method, ANONYMOUS).replace("\r\nCall-ID", ";tag=b\r\nCall-ID");
        assert!(text.contains(";tag=b"), "{text}");
        deliver(&mut world, STRANGER, CORE, &text);
    }
    let help = "[[route]]\nfrom = \"net\"\nemergency = true\nnext_hop = [\"sip:10.20.0.9:5060\"]\nvia = \"core\"\n";
    let with_help = format!("{rejects}{help}");
    let answers = |text: &str| {
        let mut world = world_of(&with_help, &[]);
        let sent = world.packet(STRANGER.listener, STRANGER.address, text);
        let starts = sent.iter().map(|sent| sent.start().to_owned());
        starts.collect::<Vec<_>>().join(" | ")
    };
    let cancel = answers(&request(STRANGER, CORE, "CANCEL", ANONYMOUS));
    assert_eq!(cancel, "SIP/2.0 481 Call/Transaction Does Not Exist");
    let help = request(STRANGER, CORE, "INVITE", ANONYMOUS);
    let uri = help.split(' ').nth(1).unwrap().to_owned();
    let help = answers(&help.replacen(&uri, "urn:service:sos.fire", 1));
    assert_eq!(help, "INVITE urn:service:sos.fire SIP/2.0 | SIP/2.0 100 Trying");
    forwarded(&rejects, STRANGER, CORE, "REGISTER", "");
}

/// The world with what was agreed with Al, who is known by a number, and with the UE.
fn agreed() -> String {
    let with = |identity: &str| {
        format!(
            "[[privacy.on_behalf]]\nidentity = \"{identity}\"\nvalues = [\"user\", \"id\"]\nmethods = [\"INVITE\"]\n"
        )
    };
    let both = with("tel:+1-555-0001") + &with("sip:ue@HOME1.example");
    POLICY.replacen("[[peer]]", &format!("{both}[[peer]]"), 1)
}

//= LI-010 type=test
//= PRIV-020 type=test
#[test]
fn what_was_agreed_is_written_for_a_ue_and_done_for_everyone() {
    let policy = agreed();
    let privacy = |method: &str, rows: &str| {
        let sent = forwarded(&policy, UE, CORE, method, rows);
        sent.rows("Privacy").join(" | ")
    };
    assert_eq!(privacy("INVITE", ""), "user;id");
    assert_eq!(privacy("INVITE", "Privacy: id\r\n"), "id;user");
    assert_eq!(
        privacy("INVITE", "Privacy: foo\r\nPrivacy: critical\r\n"),
        "foo | critical;user;id"
    );
    assert_eq!(privacy("INVITE", "Privacy: None\r\n"), "None");
    assert_eq!(privacy("INVITE", "Privacy: user; id\r\n"), "user; id");
    let off = policy.replacen(
        "[[listener]]",
        "[spec_t.id_handling]\nlegacy_tokens = { off = \"none\" }\n[[listener]]",
        1,
    );
    let sent = forwarded(&off, UE, CORE, "INVITE", "Privacy: Off\r\n");
    assert_eq!(sent.rows("Privacy"), ["Off"], "which means none here");
    assert_eq!(privacy("MESSAGE", ""), "");
    let from = forwarded(&policy, CORE, NET, "INVITE", "From: <tel:+15550001>;tag=7\r\n");
    assert_eq!(
        from.row("From"),
        Some("<tel:+15550001>;tag=7"),
        "From is nobody's identity"
    );
    let asserted = "P-Asserted-Identity: \"Al Secret\" <sip:+1(555)0001@home1.example;user=phone>\r\n";
    for to in [NET, UE] {
        let sent = forwarded(&policy, CORE, to, "INVITE", asserted);
        tells_none_of(&sent, &["Al Secret", "5550001", "al-secret"]);
        assert!(sent.rows("Privacy").is_empty(), "nobody asked in the message");
        let sent = forwarded(&policy, CORE, to, "INVITE", &format!("{asserted}Privacy: none\r\n"));
        assert_eq!(sent.rows("P-Asserted-Identity").len(), 1);
    }
    let inner = forwarded(&policy, CORE, ALLY, "INVITE", asserted);
    let rows = |name: &str| inner.rows(name).len();
    assert_eq!((rows("Privacy"), rows("P-Asserted-Identity")), (0, 1));
    let other = forwarded(&policy, CORE, NET, "INVITE", "P-Asserted-Identity: <tel:+15550002>\r\n");
    assert_eq!(other.rows("P-Asserted-Identity").len(), 1);
}

//= ROLE-005 type=test
#[test]
fn who_calls_for_help_is_shown_and_goes_where_help_is() {
    let rows = format!("{PAI}Privacy: user;id;critical;foo\r\n");
    let help = |from, to| {
        let text = request(from, to, "INVITE", &rows);
        let uri = text.split(' ').nth(1).unwrap().to_owned();
        text.replacen(&uri, "urn:service:sos", 1)
    };
    for from in [CORE, UE, NET, STRANGER] {
        let mut world = world_of(POLICY, &[from]);
        let sent = world.packet(from.listener, from.address, &help(from, NET));
        let starts: Vec<&str> = sent.iter().map(|sent| sent.start()).collect();
        assert_eq!(starts, ["SIP/2.0 403 Forbidden"], "no route takes it");
    }
    let route = "[[route]]\nfrom = \"core\"\nemergency = true\nnext_hop = [\"sip:192.0.2.9:5060\"]\nvia = \"net\"\n";
    let policy = POLICY.replace("to_untrusted = \"keep\"", "to_untrusted = \"remove\"") + route;
    let sent = deliver(&mut world_of(&policy, &[]), CORE, NET, &help(CORE, NET));
    assert_eq!(sent.start(), "INVITE urn:service:sos SIP/2.0");
    assert_eq!(sent.row("Privacy"), Some("user;id;critical;foo"));
    assert_eq!(sent.row("From"), Some(FROM));
    assert_eq!(
        format!("P-Asserted-Identity: {}\r\n", sent.row("P-Asserted-Identity").unwrap()),
        PAI
    );
    let other = forwarded(&policy, CORE, NET, "INVITE", "Privacy: id\r\n");
    assert!(
        other.start().starts_with("INVITE sip:"),
        "the route is for nothing else"
    );
}
