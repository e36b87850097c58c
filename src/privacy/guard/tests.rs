use data_encoding::BASE64URL_NOPAD;

use super::*;
use crate::ppsp::response::{Have, State};
use crate::ppsp::{SwarmId, request};
use crate::seal::temporary_id::{Binding, Encoding, Place, Secret, Viewer};

mod leaks;

const HOST: &str = "tid.p2p.home1.example";
const PARTNER: &str = "tid.p2p.partner.example";
const ASKER: &[u8] = b"sip:bob@home1.example";
const CACHE: &str = "sip:ccs1@p2p.home1.example";
const EPOCH: u32 = 16_760;

fn hosts() -> Hosts {
    Hosts::new(HOST, &[PARTNER.into()])
}

fn ids() -> TemporaryIds {
    TemporaryIds::new(Secret::new(698, [7; 32], [8; 32]), hosts(), Encoding::Base64Url, 698, 1).unwrap()
}

fn minted(ids: &TemporaryIds, slot: u32, epoch: u32) -> String {
    let binding = Binding {
        place: Place::of_slot(slot),
        generation: 1,
        epoch,
        swarm: b"swarm",
        viewer: Viewer::Any,
    };
    ids.mint(&binding).unwrap()
}

struct Stage {
    hosts: Hosts,
    ids: TemporaryIds,
    network: Vec<String>,
}

impl Stage {
    fn new() -> Stage {
        Stage {
            hosts: hosts(),
            ids: ids(),
            network: vec![CACHE.into()],
        }
    }

    fn terms(&self, on_leak: OnLeak) -> Terms<'_> {
        Terms {
            hosts: &self.hosts,
            ids: Some(&self.ids),
            network_peers: &self.network,
            addresses: Addresses::None,
            on_leak,
            tracker: b"tracker",
            passes_tickets: false,
            epoch: EPOCH,
            epochs_kept: 1,
        }
    }
}

fn entry(id: &str) -> Peer {
    Peer {
        id: id.into(),
        role: Role::Peer,
        have: Some(Have::Full),
        addresses: Vec::new(),
    }
}

fn list(peers: Vec<Peer>) -> Vec<u8> {
    let swarm = SwarmResult {
        peers,
        state: Some(State::Verified),
        ..SwarmResult::done(SwarmId::of_root([4; 32]))
    };
    written("a8f3c1d2", swarm)
}

fn written(transaction: &str, swarm: SwarmResult) -> Vec<u8> {
    let response = Response {
        transaction: transaction.into(),
        outcome: Outcome::Successful(vec![swarm]),
    };
    response.to_bytes()
}

/// The one swarm of a list.
fn swarm_in(body: &[u8]) -> SwarmResult {
    match Response::read(body).unwrap().outcome {
        Outcome::Successful(mut swarms) => swarms.remove(0),
        Outcome::Failed { .. } => panic!("a failure"),
    }
}

fn ids_in(body: &[u8]) -> Vec<String> {
    swarm_in(body).peers.into_iter().map(|peer| peer.id).collect()
}

//= P2P-058 type=test
//= P2P-047 type=test
#[test]
fn an_entry_is_a_temporary_id_or_it_is_none() {
    let stage = Stage::new();
    let terms = stage.terms(OnLeak::Remove);
    let good = [
        minted(&stage.ids, 1, EPOCH),
        minted(&stage.ids, 2, EPOCH - 1),
        stage
            .ids
            .seal_identity(b"sip:alice@home1.example", ASKER, EPOCH, [1; 12])
            .unwrap(),
        format!("sip:t2.kZ3v0m1lqX9sT7yQ4cR2bA@{HOST}"),
        format!("sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz_123456789@{PARTNER}"),
    ];
    for id in &good {
        let guarded = terms.response(&list(vec![entry(id)]), ASKER, [0; 12]).unwrap();
        assert_eq!(
            (ids_in(&guarded.body), guarded.leaks),
            (vec![id.clone()], Leaks::default())
        );
    }
    for id in [
        "sip:alice@home1.example".into(),
        "tel:+15551230001".into(),
        "sip:alice@home1.example;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into(),
        // Forged, of another host's key, too old, of a time to come, for somebody else.
        format!("sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz_123456789@{HOST}"),
        minted(&stage.ids, 1, EPOCH).replace(HOST, "tid.p2p.elsewhere.example"),
        minted(&stage.ids, 1, EPOCH - 2),
        minted(&stage.ids, 1, EPOCH + 1),
        stage
            .ids
            .seal_identity(b"sip:alice@home1.example", b"sip:carol@home1.example", EPOCH, [1; 12])
            .unwrap(),
        // What a peer drew says its name to who decodes it.
        format!("sip:t2.{}@{HOST}", BASE64URL_NOPAD.encode(b"sip:alice@home1.example")),
        format!("sip:t2.{}@{PARTNER}", BASE64URL_NOPAD.encode(b"262015000000001 alice")),
        // Or to who reads it.
        format!("sip:t2.262015000000001AbCdEfGh@{HOST}"),
        String::new(),
    ] {
        let id: String = id;
        let guarded = terms.response(&list(vec![entry(&id)]), ASKER, [0; 12]).unwrap();
        assert_eq!((ids_in(&guarded.body).len(), guarded.leaks.removed), (0, 1), "{id}");
    }
}

//= P2P-059 type=test
#[test]
fn a_name_is_hidden_or_its_entry_goes_or_all_of_it() {
    let stage = Stage::new();
    let (good, bad) = (minted(&stage.ids, 1, EPOCH), "sip:alice@home1.example");
    let body = list(vec![entry(&good), entry(bad), entry(bad)]);
    let redacted = stage.terms(OnLeak::Redact).response(&body, ASKER, [0xff; 12]).unwrap();
    let shown = ids_in(&redacted.body);
    assert_eq!((shown.len(), redacted.leaks.redacted), (3, 2));
    assert!(shown[1] != shown[2], "a nonce is used once");
    let opened = stage.ids.open_identity(shown[1].as_bytes(), ASKER);
    assert_eq!(opened.unwrap(), (bad.as_bytes().to_vec(), EPOCH));
    let removed = stage.terms(OnLeak::Remove).response(&body, ASKER, [0; 12]).unwrap();
    assert_eq!((ids_in(&removed.body), removed.leaks.removed), (vec![good], 2));
    assert_eq!(
        stage.terms(OnLeak::Refuse).response(&body, ASKER, [0; 12]),
        Err(Barred::Names)
    );
    // Without keys nothing can be hidden.
    let terms = Terms {
        ids: None,
        ..stage.terms(OnLeak::Redact)
    };
    assert_eq!(terms.response(&body, ASKER, [0; 12]).unwrap().leaks.removed, 2);
}

//= P2P-065 type=test
#[test]
fn a_second_guard_changes_nothing() {
    let stage = Stage::new();
    let terms = stage.terms(OnLeak::Redact);
    let body = list(vec![
        entry("sip:alice@home1.example"),
        entry(&minted(&stage.ids, 1, EPOCH)),
    ]);
    let once = terms.response(&body, ASKER, [0; 12]).unwrap();
    let twice = terms.response(&once.body, ASKER, [1; 12]).unwrap();
    assert!(twice.body == once.body && !twice.leaks.any());
    // A node without keys takes what the first one made by its form.
    let visited = Terms { ids: None, ..terms };
    assert!(visited.response(&once.body, ASKER, [1; 12]).unwrap().body == once.body);
}

//= P2P-061 type=test
//= P2P-006 type=test
#[test]
fn what_cannot_be_read_does_not_pass() {
    let stage = Stage::new();
    let terms = stage.terms(OnLeak::Redact);
    let good = String::from_utf8(list(Vec::new())).unwrap();
    for body in [
        "",
        "{}",
        "sip:alice@home1.example",
        "--boundary\r\nContent-Type: application/ppsp-tracker+json\r\n\r\n{}",
        "\u{1f}\u{8b}",
        &format!("{good}{good}"),
        &good.replace("\"version\":1", "\"version\":2"),
        &format!("{}{good}{}", "[".repeat(30), "]".repeat(30)),
    ] {
        assert_eq!(
            terms.response(body.as_bytes(), ASKER, [0; 12]),
            Err(Barred::Unreadable),
            "{body}"
        );
    }
}

//= P2P-064 type=test
#[test]
fn addresses_pass_as_the_architecture_has_it() {
    let stage = Stage::new();
    let relay: IpAddr = [192, 0, 2, 200].into();
    let address = |ip: IpAddr, kind| PeerAddress {
        ip,
        port: 4000,
        kind,
        priority: 1,
    };
    let mut peer = entry(&minted(&stage.ids, 1, EPOCH));
    peer.addresses = vec![
        address([198, 51, 100, 7].into(), Kind::Host),
        address(relay, Kind::Proxy),
        address([198, 51, 100, 8].into(), Kind::Proxy),
        address(relay, Kind::Host),
    ];
    let body = list(vec![peer]);
    let left = |addresses| {
        let terms = Terms {
            addresses,
            ..stage.terms(OnLeak::Redact)
        };
        let guarded = terms.response(&body, ASKER, [0; 12]).unwrap();
        let peer = swarm_in(&guarded.body).peers.remove(0);
        peer.addresses
            .into_iter()
            .map(|address| (address.ip, address.kind))
            .collect::<Vec<_>>()
    };
    let relays = [relay];
    assert_eq!(left(Addresses::None), []);
    assert_eq!(left(Addresses::Relays(&relays)), [(relay, Kind::Proxy)]);
    assert_eq!(left(Addresses::All).len(), 4);
}

#[test]
fn a_node_of_the_network_is_one_that_is_known() {
    let stage = Stage::new();
    let of = |id: &str, role| Peer { role, ..entry(id) };
    let body = list(vec![
        of(CACHE, Role::Cache),
        of("sip:alice@home1.example", Role::Cache),
        of("sip:alice@home1.example", Role::Cdn),
        of(CACHE, Role::Peer),
    ]);
    let guarded = stage.terms(OnLeak::Remove).response(&body, ASKER, [0; 12]).unwrap();
    assert_eq!((ids_in(&guarded.body), guarded.leaks.removed), (vec![CACHE.into()], 3));
}

//= P2P-062 type=test
//= P2P-068 type=test
#[test]
fn a_tracker_outside_learns_a_pseudonym_and_no_address() {
    let body = |peer_id: &str, transaction: &str| {
        let text = r#"{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"TRANSACTION","peer_id":"PEER",
            "impu":"sip:alice@home1.example","connect":{"peer_addr":[{"ip_address":"198.51.100.7","port":80},
            {"ip_address":"192.0.2.200","port":80},{"ip_address":"192.0.2.200","port":81,"type":"PROXY"},
            {"ip_address":"198.51.100.8","port":82,"type":"PROXY"}],
            "swarm_action":[{"swarm_id":"SWARM","action":"JOIN","peer_mode":"LEECH","impi":"alice@home1.example"}]}}}"#;
        text.replace("SWARM", &SwarmId::of_root([4; 32]).to_string())
            .replace("PEER", peer_id)
            .replace("TRANSACTION", transaction)
    };
    let pseudonym = ids().pseudonym(b"sip:alice@home1.example", b"tracker.example").unwrap();
    let out = request_for_outside(
        body("kZ3v0m1lqX9sT7yQ4cR2bA", "1").as_bytes(),
        &pseudonym,
        &Hosts::new("tid.p2p.home1.example", &[]),
        Addresses::None,
    )
    .unwrap();
    let text = String::from_utf8(out.clone()).unwrap();
    assert!(
        !text.contains("alice") && !text.contains("198.51") && !text.contains("kZ3v"),
        "{text}"
    );
    assert_eq!(Request::read(&out).unwrap().peer_id, Some(pseudonym.clone()));
    let relay = request_for_outside(
        body("k", "1").as_bytes(),
        &pseudonym,
        &Hosts::new("tid.p2p.home1.example", &[]),
        Addresses::Relays(&[[192, 0, 2, 200].into()]),
    );
    let request::What::Connect(connect) = Request::read(&relay.unwrap()).unwrap().what else {
        panic!("no CONNECT");
    };
    assert_eq!(
        connect.addresses.iter().map(|address| address.port).collect::<Vec<_>>(),
        [81]
    );
    for (peer_id, transaction) in [
        ("sip:alice@home1.example", "1"),
        ("262015000000001", "1"),
        ("k", "tel:+15551230001"),
    ] {
        let refused = request_for_outside(
            body(peer_id, transaction).as_bytes(),
            &pseudonym,
            &Hosts::new("tid.p2p.home1.example", &[]),
            Addresses::None,
        );
        assert_eq!(refused, None, "{peer_id} {transaction}");
    }
}

//= P2P-068 type=test
#[test]
fn a_pseudonym_comes_back_as_an_id_or_its_entry_goes() {
    let stage = Stage::new();
    let terms = stage.terms(OnLeak::Redact);
    let listed = |identity: &[u8]| {
        let pseudonym = stage.ids.pseudonym(identity, b"tracker").unwrap();
        let guarded = terms.response(&list(vec![entry(&pseudonym)]), b"bob", [1; 12]).unwrap();
        let Outcome::Successful(swarms) = Response::read(&guarded.body).unwrap().outcome else {
            panic!("no success");
        };
        (swarms[0].peers.clone(), guarded.leaks)
    };
    let (peers, leaks) = listed(b"sip:alice@home1.example");
    assert_eq!(leaks, Leaks::default());
    let opened = stage.ids.open_identity(peers[0].id.as_bytes(), b"bob").unwrap();
    assert_eq!(opened.0, b"sip:alice@home1.example");
    // One too long to be hidden whole.
    let (peers, leaks) = listed(&[b'a'; 250]);
    let removed = Leaks {
        removed: 1,
        ..Leaks::default()
    };
    assert_eq!((peers.len(), leaks), (0, removed));
}

//= P2P-062 type=test
#[test]
fn who_is_accused_has_an_id_or_is_accused_of_nothing() {
    let report = |sender: &str| {
        let request = Request {
            transaction: "t1".into(),
            peer_id: None,
            what: request::What::StatReport(request::StatReport {
                tamper: vec![request::Tamper {
                    swarm: SwarmId::of_root([4; 32]),
                    piece: 0,
                    leaf: 0,
                    sender: sender.into(),
                    seen: [5; 32],
                    time: 1,
                    evidence: None,
                }],
                ..Default::default()
            }),
        };
        request_for_peer(&request.to_bytes(), &hosts(), Addresses::None)
    };
    let id = minted(&ids(), 3, EPOCH);
    let written = report(&id).expect("a report");
    assert!(String::from_utf8(written).unwrap().contains(&id));
    for named in [
        "sip:alice@home1.example",
        "alice",
        "sip:t2.262011234567890aaaaaaaa@tid.p2p.home1.example",
    ] {
        assert_eq!(report(named), None, "{named}");
    }
}
