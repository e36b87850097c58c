//! What was cleared for one hop goes to no other one, and shows nothing of itself.

use sipveil::policy::{ListenerId, Policy};
use sipveil::privacy::call_id::CallId;
use sipveil::privacy::gate::{Dialog, Request};
use sipveil::privacy::{Answer, DialogMemory, Gate, Notes, Outgoing, Party, PrivacySet, Side, Wanted};
use sipveil::sip::parse::{Carrier, ParseLimits, parse};
use sipveil::sip::{Draft, Transport};
use sipveil::trust::{Bound, ConnectionId, Destination, Hop, OwnAddresses};

use crate::world::{POLICY, keys, policy};

const LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: 8192,
    header_bytes_max: 8192,
    header_block_bytes_max: 65_536,
    header_rows_max: 100,
    body_bytes_max: 65_536,
};

/// A member by its prefix, and a stranger.
const MEMBER: &str = "192.0.2.70:5060";
const STRANGER: &str = "192.0.2.9:5060";

fn destination(remote: &str, connection: u64) -> Destination {
    Destination {
        listener: ListenerId(1),
        transport: Transport::Tcp,
        remote: remote.parse().unwrap(),
        connection: Some(ConnectionId(connection)),
        certified: None,
    }
}

fn draft() -> Draft {
    let request = "OPTIONS sip:a@x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: <sip:al@x>;tag=1\r\n\
                   To: <sip:a@x>\r\nCall-ID: secret\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    Draft::from(parse(request.into(), Carrier::Stream, &LIMITS).unwrap())
}

fn answer(policy: &Policy, hop: Hop) -> Outgoing {
    answer_to(policy, hop, &draft())
}

fn answer_to(policy: &Policy, hop: Hop, request: &Draft) -> Outgoing {
    let answer = Answer {
        status: 487,
        reason: "No",
        to_tag: None,
        received_to: None,
        rows: Default::default(),
        body: &[],
    };
    let keys = keys();
    Gate { policy, keys: &keys }.answer(request, hop, &answer)
}

//= TRUST-030 type=test
#[test]
fn an_answer_goes_by_another_connection_to_the_same_machine_alone() {
    let of_member = policy(POLICY);
    let elsewhere = |change: &dyn Fn(&mut Destination), remote: &str| {
        let mut destination = destination(remote, 2);
        change(&mut destination);
        Hop::judge(&of_member, destination)
    };
    for (remote, neighbour) in [(MEMBER, "192.0.2.71:5060"), (STRANGER, "192.0.2.10:5060")] {
        let cleared = answer(&of_member, Hop::judge(&of_member, destination(remote, 1)));
        assert_eq!(cleared.status(), 487);
        let other_port = elsewhere(&|to| to.remote.set_port(4000), remote);
        let again = cleared.by_another_connection(&of_member, other_port).unwrap();
        assert_eq!(again.bytes(), cleared.bytes());
        assert_eq!(again.destination(), other_port.destination());
        for hop in [
            elsewhere(&|_| {}, neighbour),
            elsewhere(&|to| to.transport = Transport::Tls, remote),
            elsewhere(&|to| to.listener = ListenerId(0), remote),
            elsewhere(&|to| to.listener = ListenerId(2), remote),
        ] {
            assert!(
                cleared.by_another_connection(&of_member, hop).is_none(),
                "{remote} {hop:?}"
            );
        }
    }
}

/// The same machine, of which something else is known by now.
//= TRUST-030 type=test
#[test]
fn an_answer_goes_to_nobody_who_is_somebody_else_by_now() {
    let of_member = policy(POLICY);
    let other_peer = "[[peer]]\nname = \"before\"\nprefixes = [\"203.0.113.0/24\"]\n[[peer]]";
    let renumbered = policy(&POLICY.replacen("[[peer]]", other_peer, 1));
    let distrusted = policy(&POLICY.replace("prefixes = [\"192.0.2.64/26\"]", "prefixes = [\"203.0.113.0/24\"]"));
    let of_ues = policy(&POLICY.replace("peers = \"listed\"\nsecured_by = \"physical\"", "peers = \"ue\""));
    let hop = |policy: &Policy, remote: &str| Hop::judge(policy, destination(remote, 2));
    let member = answer(&of_member, hop(&of_member, MEMBER));
    let stranger = answer(&of_member, hop(&of_member, STRANGER));
    assert!(hop(&renumbered, MEMBER).is_trusted() && !hop(&of_ues, STRANGER).is_trusted());
    for (cleared, policy, remote) in [
        (&member, &renumbered, MEMBER),
        (&member, &distrusted, MEMBER),
        (&stranger, &of_ues, STRANGER),
    ] {
        assert!(
            cleared.by_another_connection(policy, hop(policy, remote)).is_none(),
            "{remote}"
        );
    }
}

#[test]
fn what_is_printed_of_a_cleared_message_is_where_it_goes() {
    let policy = policy(POLICY);
    for (remote, kind) in [(MEMBER, "Trusted"), (STRANGER, "Untrusted")] {
        let destination = destination(remote, 1);
        let cleared = answer(&policy, Hop::judge(&policy, destination));
        assert_eq!(format!("{cleared:?}"), format!("{kind}({destination:?})"));
    }
}

/// A fold that came with a bare LF leaves with CRLF, once, and what follows it is there.
#[test]
fn a_fold_is_a_fold_in_an_answer_too() {
    let policy = policy(POLICY);
    let request = "OPTIONS sip:a@x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: <sip:al@x>\n ;x=1\r\n ;tag=1\r\n\
                   To: <sip:a@x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let message = parse(request.into(), Carrier::Datagram, &LIMITS).unwrap();
    let hop = Hop::judge(&policy, destination(STRANGER, 1));
    let answer = answer_to(&policy, hop, &Draft::from(message));
    let text = String::from_utf8(answer.bytes().to_vec()).unwrap();
    assert!(
        text.contains("\r\nFrom: <sip:al@x>\r\n ;x=1\r\n ;tag=1\r\nTo: "),
        "{text}"
    );
}

/// Who answers may bring so much that a token grows over its ceiling. The dialog goes on without what can be missed.
//= PRIV-143 type=test
#[test]
fn a_token_that_became_too_long_leaves_out_what_can_be_missed() {
    let policy = policy(&POLICY.replacen("[[peer]]", "[privacy]\ntoken_max = 300\n[[peer]]", 1));
    let own = OwnAddresses::new(&policy, &Bound::as_written(&policy));
    let hop = Hop::judge(
        &policy,
        Destination {
            transport: Transport::Udp,
            connection: None,
            ..destination(STRANGER, 1)
        },
    );
    let keys = keys();
    let side = Side {
        listener: ListenerId(1),
        transport: Transport::Udp,
    };
    let memory = DialogMemory {
        creator: PrivacySet::USER,
        other: Some(PrivacySet::ID),
        created: 1_700_000_000,
        instance: 7,
        sides: [side; 2],
        flows: [None, None],
        call_id: None,
        home: 5,
        from: Some(vec![b'f'; 300]),
        record_route: Some(vec![b'r'; 300]),
        stored: None,
        served: Default::default(),
        called: None,
    };
    let mut dialog = Dialog {
        memory: Box::new(memory.clone()),
        store: None,
        party: Party::Other,
        call_id: b"secret",
        creator_tag: b"1",
        other_own: None,
    };
    let request = Request {
        draft: draft(),
        hop,
        own: &own.all()[1],
        wanted: &Wanted::nothing(),
        branch: b"z9hG4bK2",
        dialog: Some(&mut dialog),
        call_id: CallId::Settled,
        nonce: [1; 12],
    };
    let gate = Gate {
        policy: &policy,
        keys: &keys,
    };
    let (sent, _) = gate.request(request, &mut Notes::off()).unwrap();
    let text = String::from_utf8(sent.bytes().to_vec()).unwrap();
    let (_, token) = text.split_once("Record-Route: <sip:").unwrap();
    let (token, _) = token.split_once('@').unwrap();
    assert!(token.len() <= 300, "{text}");
    let (opened, _) = DialogMemory::open(&keys, b"secret", b"1", b"", token.as_bytes()).unwrap();
    let bare = DialogMemory {
        from: None,
        record_route: None,
        ..memory
    };
    assert_eq!(opened, bare);
}
