//! The tracker asked by HTTPS: the same questions have the same answers as by SIP, whoever's certificate it is.

use bytes::Bytes;
use sipveil::engine::{Input, Output, POST_BYTES_MAX, Post, PostId};
use sipveil::ppsp::request::{Action, Connect, Find, Mode, StatReport, SwarmAction, What};
use sipveil::ppsp::response::{Outcome, SwarmResult};
use sipveil::ppsp::{ChunkMap, Fault, Request, Response, SwarmId};
use sipveil::privacy::guard::Answer;

use super::scene::{ALICE, BOB, MEDIA_TYPE, Scene, Ue};

/// Both ways in.
pub const LINES: &str = "arch = [2, 3]\n\
    https = { bind = \"127.0.0.1:0\", certificate = \"edge.pem\", key = \"edge.key\", client_ca = \"ue-ca.pem\" }";

pub fn post_of(ue: Ue, body: &[u8]) -> Post {
    Post {
        names: vec![ue.identity()],
        certificate: [ue.connection as u8; 32],
        remote: "10.30.0.77".parse().unwrap(),
        media_type: MEDIA_TYPE.into(),
        body: Bytes::copy_from_slice(body),
    }
}

fn asks(scene: &mut Scene, post: Post) -> Answer {
    let (id, now) = (PostId(7), scene.world.now);
    scene.world.engine.handle(now, Input::Post { id, post });
    let mut answers = Vec::new();
    while let Some(output) = scene.world.engine.poll_output() {
        match output {
            Output::Answer { id: of, answer } if of == id => answers.push(answer),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Sip,
    Https,
}

/// A conversation by one way, each answer with what it is called by each.
struct Talk {
    scene: Scene,
    by: By,
    etags: Vec<(&'static str, String)>,
    number: u32,
}

impl Talk {
    fn begin(by: By) -> Talk {
        Talk {
            scene: Scene::new(LINES),
            by,
            etags: Vec::new(),
            number: 0,
        }
    }

    fn body(&mut self, what: What) -> Vec<u8> {
        self.number += 1;
        let request = Request {
            transaction: format!("n{}", self.number),
            peer_id: None,
            what,
        };
        request.to_bytes()
    }

    /// Status and body of the answer.
    fn says(&mut self, ue: Ue, body: &[u8], is_find: bool) -> (u16, Vec<u8>) {
        match self.by {
            By::Https => {
                let answer = asks(&mut self.scene, post_of(ue, body));
                (answer.status(), answer.body().to_vec())
            }
            By::Sip if is_find => {
                let uri = self.scene.swarm_uri();
                let rows = format!("Event: p2p-content\r\nExpires: 0\r\nContent-Type: {MEDIA_TYPE}\r\n");
                let sent = self.scene.request(ue, "SUBSCRIBE", &uri, &rows, body);
                let status = sent[0].start()[8..11].parse().unwrap();
                let told = sent.last().unwrap();
                (status, text_body(told.text()))
            }
            By::Sip => {
                let known = self.etags.iter().position(|(name, _)| *name == ue.name);
                let rows = known.map_or(String::new(), |at| {
                    format!("SIP-If-Match: {}\r\n", self.etags.remove(at).1)
                });
                let answer = self.scene.publish(ue, &rows, body);
                let etag = answer.row("SIP-ETag").map(str::to_owned);
                // What is refused leaves what was.
                let before = rows.trim().strip_prefix("SIP-If-Match: ").map(str::to_owned);
                self.etags.extend(etag.or(before).map(|etag| (ue.name, etag)));
                (answer.start()[8..11].parse().unwrap(), text_body(answer.text()))
            }
        }
    }

    fn connect(&mut self, ue: Ue, swarm: SwarmId, action: Action, mode: Mode, map: Option<ChunkMap>) -> Told {
        let swarms = vec![SwarmAction {
            swarm,
            action,
            mode,
            map,
        }];
        let what = What::Connect(Connect {
            swarms,
            peer_count: None,
            addresses: Vec::new(),
        });
        let body = self.body(what);
        Told::of(self.says(ue, &body, false))
    }

    fn find(&mut self, ue: Ue) -> Told {
        let swarm = self.scene.content.swarm();
        let body = self.body(What::Find(Find {
            swarm,
            peer_count: Some(8),
        }));
        Told::of(self.says(ue, &body, true))
    }

    /// All of it: what is refused, a holder that proves, a member that asks, and the end.
    fn plays(mut self) -> Vec<Told> {
        let swarm = self.scene.content.swarm();
        let (full, none) = (self.scene.content.full(), self.scene.content.none());
        let unknown = SwarmId::of_root([9; 32]);
        let mut told = vec![
            Told::of(self.says(ALICE, b"{\"x\":", false)),
            self.connect(ALICE, unknown, Action::Join, Mode::Seeder, Some(full.clone())),
            self.connect(ALICE, swarm, Action::Join, Mode::Seeder, Some(none.clone())),
            self.find(BOB),
            self.connect(BOB, swarm, Action::Join, Mode::Leech, Some(none)),
            self.find(BOB),
        ];
        let joined = self.connect(ALICE, swarm, Action::Join, Mode::Seeder, Some(full));
        let proof = self.scene.content.proof(joined.asked.as_ref().expect("a challenge"));
        told.push(joined);
        let report = StatReport {
            proof: Some(proof),
            ..StatReport::default()
        };
        let proved = self.body(What::StatReport(report.clone()));
        told.push(Told::of(self.says(ALICE, &proved, false)));
        // A proof is good once.
        let again = self.body(What::StatReport(report));
        told.push(Told::of(self.says(ALICE, &again, false)));
        told.push(self.find(BOB));
        told.push(self.connect(ALICE, swarm, Action::Leave, Mode::Seeder, None));
        told.push(self.find(BOB));
        told
    }
}

fn text_body(text: &str) -> Vec<u8> {
    text.split_once("\r\n\r\n").unwrap().1.as_bytes().to_vec()
}

/// What an answer says, but for what is drawn anew each time.
#[derive(PartialEq)]
struct Told {
    status: u16,
    fault: Option<Fault>,
    transaction: String,
    swarms: Vec<String>,
    asked: Option<sipveil::ppsp::response::Challenge>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Told {
            status,
            fault,
            transaction,
            swarms,
            asked: _,
        } = self;
        write!(f, "{status} {fault:?} {transaction} {swarms:?}")
    }
}

impl Told {
    fn of((status, body): (u16, Vec<u8>)) -> Told {
        let response = Response::read(&body).unwrap_or_else(|| panic!("{status} {}", String::from_utf8_lossy(&body)));
        let (fault, swarms) = match response.outcome {
            Outcome::Successful(swarms) => (None, swarms),
            Outcome::Failed { fault, .. } => (Some(fault), Vec::new()),
        };
        Told {
            status,
            fault,
            transaction: response.transaction,
            asked: swarms.first().and_then(|swarm| swarm.challenge.clone()),
            swarms: swarms.iter().map(summary).collect(),
        }
    }

    /// The same without the draw.
    fn drawn_alike(mut self) -> Told {
        self.asked = None;
        self
    }
}

fn summary(swarm: &SwarmResult) -> String {
    let challenge = swarm
        .challenge
        .as_ref()
        .map(|asked| (asked.kind, asked.leaves.len(), asked.deadline_ms));
    let peers: Vec<_> = swarm
        .peers
        .iter()
        .map(|peer| (peer.role, &peer.have, peer.addresses.len()))
        .collect();
    format!(
        "{} {} {:?} {:?} {challenge:?} {} {peers:?} {}",
        swarm.swarm,
        swarm.is_done,
        swarm.fault,
        swarm.state,
        swarm.assigned.len(),
        swarm.ticket.is_some()
    )
}

//= P2P-132 type=test
#[test]
fn the_same_is_answered_whichever_way_it_is_asked() {
    let [by_sip, by_https] = [By::Sip, By::Https].map(|by| {
        let told = Talk::begin(by).plays();
        told.into_iter().map(Told::drawn_alike).collect::<Vec<_>>()
    });
    for (sip, https) in by_sip.iter().zip(&by_https) {
        assert_eq!(sip, https);
    }
    let statuses: Vec<u16> = by_https.iter().map(|told| told.status).collect();
    assert_eq!(statuses, [400, 404, 400, 403, 200, 200, 200, 200, 403, 200, 200, 200]);
    assert!(
        by_https[9].swarms[0].contains("(Peer, Some(Full), 0)"),
        "{:?}",
        by_https[9]
    );
}

/// Only a certificate says who asks: one SIP URI of a domain of ours, and no second one.
//= P2P-132 type=test
#[test]
fn who_shows_no_identity_of_ours_is_nobody() {
    let mut scene = Scene::new(LINES);
    let body = scene.join();
    let mut status = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        asks(
            &mut scene,
            Post {
                names,
                ..post_of(BOB, &body)
            },
        )
        .status()
    };
    for names in [
        &[][..],
        &["sip:bob@elsewhere.example"],
        &["sip:home1.example"],
        &["sips:bob@home1.example"],
        &["tel:+358401234567"],
        &["sip:bob@home1.example", "sip:alice@home1.example"],
        &["sip:bob@home1.example\r\nX: y"],
    ] {
        assert_eq!(status(names), 401, "{names:?}");
    }
    assert_eq!(status(&["https://ue.example/", "sip:bob@HOME1.example"]), 200);
}

//= P2P-132 type=test
#[test]
fn what_is_no_body_of_the_tracker_is_refused() {
    let mut scene = Scene::new(LINES);
    let body = scene.join();
    let mut of = |media_type: &str, body: &[u8]| {
        let post = Post {
            media_type: media_type.into(),
            ..post_of(BOB, body)
        };
        let told = Told::of({
            let answer = asks(&mut scene, post);
            (answer.status(), answer.body().to_vec())
        });
        (told.status, told.fault)
    };
    assert_eq!(of("text/plain", &body), (415, Some(Fault::Media)));
    assert_eq!(of("", &body), (415, Some(Fault::Media)));
    assert_eq!(
        of(MEDIA_TYPE, &vec![b' '; POST_BYTES_MAX + 1]),
        (413, Some(Fault::TooLarge))
    );
    // A permanent identity is no name for a peer, here either.
    let named = String::from_utf8(body.clone()).unwrap().replacen(
        "\"connect\"",
        "\"peer_id\":\"sip:bob@home1.example\",\"connect\"",
        1,
    );
    assert_eq!(of(MEDIA_TYPE, named.as_bytes()), (400, Some(Fault::TidIsPermanent)));
    assert_eq!(of(&format!("{MEDIA_TYPE}; charset=utf-8"), &body), (200, None));
}

/// The architecture is not there without its number.
//= P2P-131 type=test
#[test]
fn without_the_direct_interface_nothing_is_answered() {
    let mut scene = Scene::new("");
    let body = scene.join();
    assert_eq!(asks(&mut scene, post_of(BOB, &body)).status(), 500);
}

//= SEC-009 type=test
#[test]
fn a_source_that_asks_too_often_is_told_to_come_later() {
    let mut scene = Scene::new(&format!("{LINES}\n[limits]\nrequests_per_second_max = 3"));
    let mut answers = (0..4).map(|_| asks(&mut scene, post_of(BOB, b"x")));
    assert!(answers.by_ref().take(3).all(|answer| answer.status() == 400));
    let beyond = answers.next().unwrap();
    assert_eq!((beyond.status(), beyond.retry_after()), (503, Some(5)));
}
