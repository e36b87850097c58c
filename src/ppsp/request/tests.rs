use proptest::prelude::*;

use super::*;
use crate::ppsp::address::Kind;

const SWARM: &str = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk";

fn read(text: &str) -> Result<Request, Fault> {
    Request::read(text.replace("SWARM", SWARM).as_bytes())
}

fn swarm() -> SwarmId {
    SwarmId::parse(SWARM).unwrap()
}

/// The same requests as different senders write them: both readings of RFC 7846.
//= P2P-011 type=test
#[test]
fn every_spelling_of_a_request_is_one_request() {
    let strict = read(
        r#"{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"12345","peer_id":"656164657220",
        "connect":{"peer_num":{"peer_count":5},
        "peer_addr":[{"ip_address":{"type":"ipv4","address":"192.0.2.2"},"port":80,"priority":1,"type":"HOST"}],
        "swarm_action":[{"swarm_id":"SWARM","action":"JOIN","peer_mode":"SEEDER","ims_chunk_map":{"n":8,"enc":"full"}}]}}}"#,
    );
    let loose = read(
        r#"{"PPSPTrackerProtocol":{"version":"1","request_type":"CONNECT","transaction_id":12345,"peer_id":"656164657220",
        "connect":{"peer_num":{"peer_count":"5","ability_nat":"STUN","concurrent_links":"5","upload_bandwidth":"600 kbps"},
        "peer_addr":{"ip_address":"192.0.2.2","port":"80","priority":1,"type":"HOST","connection":"wireless","asn":"45645"},
        "swarm_action":{"swarm_id":"SWARM","action":"JOIN","peer_mode":"SEEDER","ims_chunk_map":{"n":"8","enc":"full"},
        "foo":1},"foo":{}},"foo":[1]},"foo":1}"#,
    );
    let request = strict.unwrap();
    assert!(loose.unwrap() == request);
    let What::Connect(connect) = &request.what else {
        panic!("no CONNECT")
    };
    assert_eq!((connect.peer_count, connect.swarms.len()), (Some(5), 1));
    assert_eq!((connect.addresses[0].port, connect.addresses[0].kind), (80, Kind::Host));
    assert!(connect.swarms[0].map == Some(ChunkMap::full(8)));

    let beside = r#"{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"12345","peer_id":"656164657221",
        "swarm_id":"SWARM","peer_num":{"peer_count":5}}}"#;
    let inside = r#"{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"12345","peer_id":"656164657221",
        "find":{"swarm_id":"SWARM","peer_num":{"peer_count":5}}}}"#;
    assert!(read(beside).unwrap() == read(inside).unwrap());

    let report = |stat: &str| {
        read(&format!(
            r#"{{"PPSPTrackerProtocol":{{"version":1,"request_type":"STAT_REPORT","transaction_id":"12345",
            "stat_report":{{"type":"STREAM_STATS",{stat}}}}}}}"#
        ))
    };
    let counted = r#"{"swarm_id":"SWARM","uploaded_bytes":512,"downloaded_bytes":"768","available_bandwidth":1024000}"#;
    let upper = report(&format!(r#""Stat":[{counted}]"#)).unwrap();
    assert!(report(&format!(r#""stat":{counted}"#)).unwrap() == upper);
    let What::StatReport(report) = upper.what else {
        panic!("no STAT_REPORT")
    };
    assert_eq!(
        (report.stats[0].uploaded_bytes, report.stats[0].downloaded_bytes),
        (512, 768)
    );
}

//= P2P-011 type=test
#[test]
fn what_is_written_is_canonical_and_read_as_it_was() {
    let requests = [
        What::Connect(Connect {
            swarms: vec![SwarmAction {
                swarm: swarm(),
                action: Action::Leave,
                mode: Mode::Leech,
                map: None,
            }],
            peer_count: None,
            addresses: Vec::new(),
        }),
        What::Find(Find {
            swarm: swarm(),
            peer_count: Some(20),
        }),
        What::StatReport(StatReport {
            stats: vec![Stat {
                swarm: swarm(),
                uploaded_bytes: 1,
                downloaded_bytes: 2,
                map: ChunkMap::of_ranges(9, &[(1, 2), (4, 4)]).ok(),
            }],
            proof: Some(Proof {
                swarm: swarm(),
                nonce: [1; 16],
                shown: Shown::Tree {
                    leaves: vec![vec![7; 1024], vec![8]],
                    hashes: vec![[9; 32]; 3],
                },
            }),
            tamper: vec![Tamper {
                swarm: swarm(),
                piece: 3,
                leaf: 12,
                sender: "sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789@tid.p2p.home1.example".into(),
                seen: [2; 32],
                time: 1,
                evidence: Some(vec![5; 100]),
            }],
            missing: vec![Missing {
                swarm: swarm(),
                holder: "sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789@tid.p2p.home1.example".into(),
            }],
            block: vec!["sip:t2.kZ3v0m1lqX9sT7yQ4cR2bA@tid.p2p.home1.example".into()],
        }),
    ];
    for what in requests {
        let request = Request {
            transaction: "a8f3c1d2".into(),
            peer_id: Some("kZ3v0m1lqX9sT7yQ4cR2bA".into()),
            what,
        };
        let bytes = request.to_bytes();
        assert!(Request::read(&bytes).unwrap() == request);
        assert_eq!(Request::read(&bytes).unwrap().to_bytes(), bytes);
    }
}

#[test]
fn what_is_no_request_is_told_why() {
    let root = |members: &str| format!("{{\"PPSPTrackerProtocol\":{{{members}}}}}");
    let connect = |swarms: &str| {
        root(&format!(
            r#""version":1,"request_type":"CONNECT","transaction_id":"1","connect":{{"swarm_action":[{swarms}]}}"#
        ))
    };
    let join = r#"{"swarm_id":"SWARM","action":"JOIN","peer_mode":"SEEDER"}"#;
    assert!(read(&connect(&vec![join; 64].join(","))).is_ok());
    for (text, why) in [
        (String::new(), Fault::BadBody),
        ("[]".into(), Fault::BadBody),
        (root(""), Fault::BadBody),
        (
            root(r#""version":2,"request_type":"FIND","transaction_id":"1","swarm_id":"SWARM""#),
            Fault::Version,
        ),
        (
            root(r#""version":1,"request_type":"FIND","swarm_id":"SWARM""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"FIND","transaction_id":"","swarm_id":"SWARM""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"FIND","transaction_id":"a b","swarm_id":"SWARM""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"FIND","transaction_id":"1""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"FIND","transaction_id":"1","swarm_id":"1111""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"find","transaction_id":"1","swarm_id":"SWARM""#),
            Fault::BadBody,
        ),
        (
            root(r#""version":1,"request_type":"FIND","transaction_id":"1","swarm_id":"SWARM","peer_id":7"#),
            Fault::BadBody,
        ),
        (connect(""), Fault::BadBody),
        (
            connect(r#"{"swarm_id":"SWARM","action":"STAY","peer_mode":"SEEDER"}"#),
            Fault::BadBody,
        ),
        (connect(r#"{"swarm_id":"SWARM","action":"JOIN"}"#), Fault::BadBody),
        (
            connect(r#"{"swarm_id":"SWARM","action":"JOIN","peer_mode":"LEECH","ims_chunk_map":7}"#),
            Fault::BadBody,
        ),
        (connect(&vec![join; 65].join(",")), Fault::BadBody),
        (" ".repeat(70_000), Fault::TooLarge),
    ] {
        assert_eq!(read(&text).map(|_| ()), Err(why), "{}", &text[..text.len().min(200)]);
    }
}

//= P2P-051 type=test
#[test]
fn a_list_is_of_29_at_most() {
    let asked = |count: &str| {
        let text = r#"{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"1","swarm_id":"SWARM",
            "peer_num":{"peer_count":COUNT}}}"#;
        match read(&text.replace("COUNT", count)).unwrap().what {
            What::Find(find) => find.peer_count,
            _ => None,
        }
    };
    assert_eq!(["1", "29", "30", "1000", "0"].map(asked), [1, 29, 29, 29, 1].map(Some));
}

proptest! {
    #[test]
    fn no_body_breaks_it(body in "\\PC{0,80}", at in 0usize..400, byte: u8) {
        let _ = Request::read(body.as_bytes());
        let mut damaged = read_example();
        let at = at % damaged.len();
        damaged[at] = byte;
        let _ = Request::read(&damaged);
    }
}

fn read_example() -> Vec<u8> {
    let swarms = vec![SwarmAction {
        swarm: swarm(),
        action: Action::Join,
        mode: Mode::Leech,
        map: ChunkMap::of_ranges(9, &[(1, 2), (4, 4)]).ok(),
    }];
    let connect = Connect {
        swarms,
        peer_count: Some(8),
        addresses: Vec::new(),
    };
    let request = Request {
        transaction: "1".into(),
        peer_id: None,
        what: What::Connect(connect),
    };
    request.to_bytes()
}
