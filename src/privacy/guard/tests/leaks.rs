//! What is found is counted, each for itself.

use super::*;

fn guarded(terms: Terms<'_>, body: &[u8]) -> Guarded {
    terms.response(body, ASKER, [0; 12]).unwrap()
}

//= P2P-060 type=test
#[test]
fn a_transaction_that_names_somebody_is_replaced() {
    let stage = Stage::new();
    let swarm = || SwarmResult::done(SwarmId::of_root([4; 32]));
    // The last one, drawn by chance, has an `@` in it for who decodes it.
    for (transaction, left, texts) in [
        ("sip:alice@home1.example", "0", 1),
        ("262015000000001", "0", 1),
        ("a8f3c1d2", "a8f3c1d2", 0),
        ("jAFAn4CQqrvM3e4BAgMEBQ", "jAFAn4CQqrvM3e4BAgMEBQ", 0),
    ] {
        let guarded = guarded(stage.terms(OnLeak::Redact), &written(transaction, swarm()));
        let expected = Leaks {
            texts,
            ..Leaks::default()
        };
        assert_eq!(guarded.leaks, expected, "{transaction}");
        assert_eq!(Response::read(&guarded.body).unwrap().transaction, left);
    }
}

//= P2P-058 type=test
#[test]
fn a_peer_is_told_no_name_of_its_own_that_is_none() {
    let stage = Stage::new();
    let good = minted(&stage.ids, 1, EPOCH);
    let swarm = SwarmResult {
        assigned: vec![
            "sip:alice@home1.example".into(),
            good.clone(),
            minted(&stage.ids, 1, EPOCH - 2),
        ],
        ..SwarmResult::done(SwarmId::of_root([4; 32]))
    };
    let guarded = guarded(stage.terms(OnLeak::Redact), &written("1", swarm));
    assert_eq!(swarm_in(&guarded.body).assigned, [good]);
    let expected = Leaks {
        removed: 2,
        ..Leaks::default()
    };
    assert_eq!(guarded.leaks, expected);
}

#[test]
fn tickets_pass_where_the_tracker_is_trusted() {
    let stage = Stage::new();
    let swarm = |ticket: Option<&str>| SwarmResult {
        ticket: ticket.map(str::to_string),
        ..SwarmResult::done(SwarmId::of_root([4; 32]))
    };
    let left = |passes_tickets, ticket| {
        let terms = Terms {
            passes_tickets,
            ..stage.terms(OnLeak::Redact)
        };
        let guarded = guarded(terms, &written("1", swarm(ticket)));
        (swarm_in(&guarded.body).ticket, guarded.leaks.texts)
    };
    assert_eq!(left(true, Some("a.b.c")), (Some("a.b.c".into()), 0));
    assert_eq!(left(false, Some("a.b.c")), (None, 1));
    assert_eq!(left(false, None), (None, 0));
}

//= P2P-059 type=test
#[test]
fn an_id_that_opens_no_more_is_no_name_to_hide() {
    let stage = Stage::new();
    // Of so many, some have an `@` in them for who decodes them.
    let old = (0..64)
        .map(|slot| entry(&minted(&stage.ids, slot, EPOCH - 2)))
        .collect::<Vec<_>>();
    for peers in old.chunks(16) {
        let guarded = guarded(stage.terms(OnLeak::Redact), &list(peers.to_vec()));
        let expected = Leaks {
            removed: 16,
            ..Leaks::default()
        };
        assert_eq!((swarm_in(&guarded.body).peers.len(), guarded.leaks), (0, expected));
    }
    // What was drawn, and says a name, is one.
    let drawn = format!("sip:t2.{}@{HOST}", BASE64URL_NOPAD.encode(b"sip:alice@home1.example"));
    let guarded = guarded(stage.terms(OnLeak::Redact), &list(vec![entry(&drawn)]));
    let expected = Leaks {
        redacted: 1,
        ..Leaks::default()
    };
    assert_eq!(guarded.leaks, expected);
    let hidden = &ids_in(&guarded.body)[0];
    let opened = stage.ids.open_identity(hidden.as_bytes(), ASKER).unwrap();
    assert_eq!(opened, (drawn.into_bytes(), EPOCH));
}

/// Sealed bytes read as a name once in some thousands.
#[test]
fn an_id_of_ours_that_opens_is_no_leak_whatever_it_looks_like() {
    let stage = Stage::new();
    let sealed = (0u32..).map(|number| {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&number.to_be_bytes());
        let identity = b"sip:alice@home1.example";
        stage.ids.seal_identity(identity, ASKER, EPOCH, nonce).unwrap()
    });
    let looks_like_one = |id: &String| names::names_somebody(stage.hosts.read(id.as_bytes()).unwrap().token);
    let id = sealed
        .take(100_000)
        .find(looks_like_one)
        .expect("one looks like a name");
    let guarded = guarded(stage.terms(OnLeak::Redact), &list(vec![entry(&id)]));
    assert_eq!((ids_in(&guarded.body), guarded.leaks), (vec![id], Leaks::default()));
}

#[test]
fn a_nonce_is_the_one_before_and_one() {
    let mut nonces = Nonces([0; 12]);
    let first = [nonces.next(), nonces.next(), nonces.next()];
    assert_eq!(first.map(|nonce| nonce[11]), [0, 1, 2]);
    assert!(first.iter().all(|nonce| nonce[..11] == [0; 11]));
    let mut nonces = Nonces([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0xff, 0xff]);
    nonces.next();
    assert_eq!(nonces.next(), [7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 0, 0]);
}

#[test]
fn what_is_shown_of_a_body_is_what_was_found() {
    let stage = Stage::new();
    let guarded = guarded(
        stage.terms(OnLeak::Remove),
        &list(vec![entry("sip:alice@home1.example")]),
    );
    assert_eq!(
        format!("{guarded:?}"),
        "Guarded { leaks: Leaks { redacted: 0, removed: 1, texts: 0 }, .. }"
    );
}
