use proptest::prelude::*;

use super::*;
use crate::ppsp::address::Kind as AddressKind;

const SWARM: &str = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk";
const TID: &str = "sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789@tid.p2p.home1.example";

fn read(text: &str) -> Option<Response> {
    Response::read(text.replace("SWARM", SWARM).replace("TID", TID).as_bytes())
}

fn whole() -> Response {
    let peer = |role, have| Peer {
        id: TID.into(),
        role,
        have,
        addresses: vec![PeerAddress {
            ip: [192, 0, 2, 9].into(),
            port: 4000,
            kind: AddressKind::Proxy,
            priority: 1,
        }],
    };
    Response {
        transaction: "a8f3c1d2".into(),
        outcome: Outcome::Successful(vec![
            SwarmResult {
                peers: vec![
                    peer(Role::Peer, Some(Have::Full)),
                    peer(Role::Cache, Some(Have::Eighths(3))),
                    peer(Role::Cdn, Some(Have::Ranges(vec![(1, 5)]))),
                    peer(Role::Peer, None),
                ],
                state: Some(State::Provisional),
                challenge: Some(Challenge {
                    kind: Kind::Tree,
                    nonce: [3; 16],
                    leaves: vec![17, 90_211],
                    deadline_ms: 3000,
                    peer_tag: None,
                }),
                assigned: vec![TID.into()],
                ticket: Some("aa.bb.cc".into()),
                ..SwarmResult::done(SwarmId::parse(SWARM).unwrap())
            },
            SwarmResult::failed(SwarmId::of_root([1; 32]), Fault::UnknownSwarm),
        ]),
    }
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let failed = Response {
        transaction: "1".into(),
        outcome: Outcome::Failed {
            fault: Fault::Busy,
            retry_after: Some(30),
        },
    };
    for response in [whole(), failed] {
        let bytes = response.to_bytes();
        assert!(
            Response::read(&bytes).unwrap() == response,
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

/// The answers of another tracker, in the ways RFC 7846 has them.
//= P2P-011 type=test
#[test]
fn a_list_of_another_tracker_is_read() {
    let text = r#"{"PPSPTrackerProtocol":{"version":"1","response_type":0,"error_code":0,"transaction_id":"12345",
        "peer_addr":{"ip_address":"192.0.2.2","port":80,"priority":1,"type":"HOST"},
        "swarm_result":{"swarm_id":"SWARM","result":0,"peer_group":{"peer_info":{"peer_id":"TID",
        "peer_addr":{"ip_address":"192.0.2.2","port":80,"priority":1,"type":"PROXY"}}}}}}"#;
    let Outcome::Successful(swarms) = read(text).unwrap().outcome else {
        panic!("it failed")
    };
    assert_eq!((swarms.len(), swarms[0].is_done, swarms[0].peers.len()), (1, true, 1));
    assert_eq!(
        (swarms[0].peers[0].role, swarms[0].peers[0].id.as_str()),
        (Role::Peer, TID)
    );
    let failed = r#"{"PPSPTrackerProtocol":{"version":1,"response_type":1,"error_code":5,"transaction_id":"1"}}"#;
    assert!(
        read(failed).unwrap().outcome
            == Outcome::Failed {
                fault: Fault::Busy,
                retry_after: None
            }
    );
}

/// Every place that no member of ours is in.
//= P2P-057 type=test
//= P2P-010 type=test
#[test]
fn what_is_not_known_does_not_come_out_again() {
    let text = String::from_utf8(whole().to_bytes()).unwrap();
    let planted = text.replace('{', r#"{"foo":"sip:alice@home1.example","sip:alice@home1.example":1,"#);
    let read = Response::read(planted.as_bytes()).unwrap();
    assert!(read == whole());
    assert!(!String::from_utf8(read.to_bytes()).unwrap().contains("alice"));
    assert!(Response::read(format!("{text}\"sip:alice@home1.example\"").as_bytes()).is_none());
    assert!(Response::read(text.replace("\"version\":1", "\"version\":1,\"version\":1").as_bytes()).is_none());
}

#[test]
fn entries_that_cannot_be_read_are_none() {
    let of = |entry: &str| {
        let text = r#"{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"1",
            "swarm_result":[{"swarm_id":"SWARM","result":0,"peer_group":{"peer_info":[ENTRY]}}]}}"#;
        match read(&text.replace("ENTRY", entry)).unwrap().outcome {
            Outcome::Successful(swarms) => swarms[0].peers.len(),
            Outcome::Failed { .. } => 99,
        }
    };
    assert_eq!(of(r#"{"peer_id":"TID"}"#), 1);
    for entry in [
        r#"{"peer_id":7}"#,
        r#"{}"#,
        r#"7"#,
        r#"{"peer_id":"TID","ims_role":"friend"}"#,
        r#"{"peer_id":"TID","ims_have":9}"#,
        r#"{"peer_id":"TID","ims_have":"b4d"}"#,
        r#"{"peer_id":"TID","peer_addr":"192.0.2.1"}"#,
    ] {
        assert_eq!(of(entry), 0, "{entry}");
    }
    assert_eq!(of(&vec![r#"{"peer_id":"TID"}"#; 40].join(",")), 29);
}

proptest! {
    #[test]
    fn no_body_breaks_it(at in 0usize..2000, byte: u8, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Response::read(&bytes);
        let mut damaged = whole().to_bytes();
        let at = at % damaged.len();
        damaged[at] = byte;
        let _ = Response::read(&damaged);
    }
}

#[test]
fn what_is_printed_names_nobody() {
    assert_eq!(format!("{:?}", whole()), "Successful(2)");
}
