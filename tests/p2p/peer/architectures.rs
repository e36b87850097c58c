//! Each of the five architectures around the built proxy. The second is the rule, and `whole` has it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sipveil::ppsp::jws::SigningKey;
use sipveil::ppsp::ticket::{Ticket, viewer_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::content::{Incoming, Whole};
use super::download::{Download, Ended};
use super::frame::Frame;
use super::ground::Ground;
use super::line::{Own, connector};
use super::outside;
use super::published::{NOW, Published};
use super::upload::Upload;
use super::whole::{Played, Scene, folder, play_in};
use crate::end_to_end::node::Node;

/// What both heard by SIP names neither to the other, and the film is the film.
fn is_told_of_nobody(played: &Played) {
    played.fetched.as_ref().unwrap();
    assert!(played.file("fetched") == played.file("film"));
    for (who, others) in [("shares", "dodgson"), ("fetches", "liddell")] {
        assert!(!played.heard(who).contains(others), "{who} heard {others}");
    }
}

/// Peers meet where the list says they are, and show each other the tracker's word.
//= P2P-082 type=test
//= P2P-131 type=test
#[test]
fn outside_of_the_network_peers_meet_by_ticket() {
    let played = play_in(folder(), |ground| Scene {
        lines: ground.lines(1),
        is_outside: true,
        ..Scene::default()
    });
    is_told_of_nobody(&played);
    assert!(played.heard("fetches").contains("\"peer_addr\":[{"));
    for who in ["shares", "fetches"] {
        assert!(!played.heard(who).contains("invite"), "{who} was called");
    }
}

/// The network leads nobody to a peer, where peers are to meet without it.
//= P2P-131 type=test
#[test]
fn outside_of_the_network_it_leads_nowhere() {
    let played = play_in(folder(), |ground| Scene {
        lines: ground.lines(1),
        ..Scene::default()
    });
    assert!(played.fetched.is_err());
    assert!(played.heard("fetches").contains("sip/2.0 404 not found"));
}

/// Join, proof, list and leave by HTTPS: by SIP the tracker hears nothing.
//= P2P-132 type=test
#[test]
fn the_tracker_is_asked_directly() {
    let played = play_in(folder(), |ground| Scene {
        lines: ground.lines(3),
        is_outside: true,
        is_direct: true,
        ..Scene::default()
    });
    is_told_of_nobody(&played);
    for who in ["shares", "fetches"] {
        let heard = played.heard(who);
        assert!(!heard.contains("publish") && !heard.contains("p2p-content"), "{heard}");
    }
}

/// What a peer spoils comes from the CDN, which is told nothing but what is wanted.
//= P2P-135 type=test
#[test]
fn a_cdn_has_what_peers_do_not() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let played = play_in(folder(), |ground| Scene {
        lines: format!(
            "arch = [2, 4]\ncdn = [\"{}\"]",
            cdn(&ground.path(""), Arc::clone(&asked))
        ),
        alters_one_in: Some(2_000),
        ..Scene::default()
    });
    is_told_of_nobody(&played);
    let asked = asked.lock().unwrap();
    let [request] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert!(
        request.starts_with("GET /content HTTP/1.1\r\nHost: 127.0.0.1:"),
        "{request}"
    );
    assert_eq!(request.trim_end().lines().count(), 3, "{request}");
}

/// Who is near is asked first; the server that knows who is hears of nobody.
//= P2P-134 type=test
#[test]
fn alto_says_who_is_near_and_hears_of_nobody() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let alto = alto(Arc::clone(&asked));
    let far = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    let others = vec![
        ("carroll", "sip:lewis.carroll@home1.example", far),
        ("hargreaves", "sip:reginald.hargreaves@home1.example", far),
    ];
    let played = play_in(folder(), |_| Scene {
        lines: format!(
            "arch = [2, 5]\nalto = {{ network_map = \"http://{alto}/networkmap\", cost_map = \"http://{alto}/costmap\" }}"
        ),
        others,
        awaits: Some("ranked by ALTO"),
        ..Scene::default()
    });
    is_told_of_nobody(&played);
    assert!(played.heard("shares").contains("invite sip:"), "who is near was called");
    for who in ["carroll", "hargreaves"] {
        assert!(!played.heard(who).contains("invite"), "{who} is far and was called");
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2, "once each, not once a list: {asked:?}");
    for (request, document) in asked.iter().zip(["networkmap", "costmap"]) {
        let expected =
            format!("GET /{document} HTTP/1.1\r\nhost: {alto}\r\naccept: application/alto-{document}+json\r\n\r\n");
        assert_eq!(request, &expected);
    }
}

/// Loopback is near, the third of its addresses is far.
fn alto(asked: Arc<Mutex<Vec<String>>>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8(request[..length].to_vec()).unwrap();
            let document = match request.contains("/networkmap ") {
                true => {
                    r#"{"meta":{"vtag":{"resource-id":"map","tag":"75ed013b3cb58f896e839582504f6228"}},
                    "network-map":{"near":{"ipv4":["127.0.0.1/32"]},"far":{"ipv4":["127.0.0.0/8"]}}}"#
                }
                false => {
                    r#"{"meta":{"dependent-vtags":[{"resource-id":"map","tag":"75ed013b3cb58f896e839582504f6228"}],
                    "cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"}},
                    "cost-map":{"near":{"near":1,"far":10},"far":{"near":10,"far":1}}}"#
                }
            };
            asked.lock().unwrap().push(request);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                document.len()
            );
            stream.write_all((head + document).as_bytes()).unwrap();
        }
    });
    address
}

/// Serves what is published, by TLS. Gives its URL.
fn cdn(folder: &Path, asked: Arc<Mutex<Vec<String>>>) -> String {
    let chain = CertificateDer::pem_file_iter(folder.join("edge.pem"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("edge.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let content = std::fs::read(folder.join("published/content")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/content", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            asked
                .lock()
                .unwrap()
                .push(String::from_utf8(request[..length].to_vec()).unwrap());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&content).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    url
}

const NAME: &str = "sip:t1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789@tid.p2p.home1.example";

fn ticket(swarm: sipveil::ppsp::SwarmId, name: &str, at: u64, seed: u8) -> String {
    let key = SigningKey::from_seed(&[seed; 32]).unwrap();
    Ticket::new(at, swarm, viewer_of(name), &[(0, 0)]).sign(&key).unwrap()
}

//= P2P-082 type=test
#[test]
fn a_ticket_of_another_swarm_name_time_or_signer_lets_nobody_in() {
    let published = Published::new(300_000, false);
    let mut manifest = published.manifest.clone();
    let sipveil::ppsp::jws::VerifyingKey::Ed25519(key) = SigningKey::from_seed(&[6; 32]).unwrap().verifying_key()
    else {
        unreachable!("it signs with Ed25519")
    };
    manifest.tracker_key = key;
    let other = sipveil::ppsp::SwarmId::of_root([9; 32]);
    let is_member = |ticket: &str| outside::is_member(&manifest, NAME, ticket, NOW);
    assert!(is_member(&ticket(manifest.root, NAME, NOW, 6)));
    assert!(!is_member(&ticket(other, NAME, NOW, 6)), "of another swarm");
    assert!(
        !is_member(&ticket(manifest.root, "sip:t1.x@tid.p2p.home1.example", NOW, 6)),
        "of another member"
    );
    assert!(!is_member(&ticket(manifest.root, NAME, NOW - 600, 6)), "over");
    assert!(!is_member(&ticket(manifest.root, NAME, NOW + 1, 6)), "longer than any");
    assert!(!is_member(&ticket(manifest.root, NAME, NOW, 7)), "of no tracker");
    assert!(!is_member(""), "none");
}

/// Who shows no ticket gets no answer where the manifest says `closed`, not even a no.
//= P2P-082 type=test
#[test]
fn without_a_ticket_nothing_is_served() {
    let published = Published::new(300_000, false);
    let mut manifest = published.manifest.clone();
    let content = Arc::new(Whole::open(&published.files().content(), &manifest).unwrap());
    let upload = Upload {
        content,
        ticket: None,
        alters_one_in: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut fetched = |is_closed: bool| {
        manifest.closed = is_closed;
        let mut download = Download::new(manifest.root, manifest.layout, published.runs());
        let incoming = Incoming::create(&published.path().join("incoming")).unwrap();
        runtime.block_on(async {
            let socket = Arc::new(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
            let at = socket.local_addr().unwrap();
            let serving = tokio::spawn(outside::serve(socket, manifest.clone(), upload.clone()));
            let hello = Frame::Hello {
                name: NAME.into(),
                ticket: ticket(manifest.root, NAME, super::now(), 9),
            };
            let ended = outside::fetch(at, &hello, &mut download, &incoming).await.unwrap();
            serving.abort();
            ended
        })
    };
    assert_eq!(fetched(true), Ended::Lost);
    assert_eq!(fetched(false), Ended::Done);
}

/// What the door answers to this text.
async fn says(at: std::net::SocketAddr, folder: &Path, own: Option<&Own>, text: &str) -> std::io::Result<String> {
    let stream = tokio::net::TcpStream::connect(at).await?;
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = connector(&folder.join("ca.pem"), own)?.connect(name, stream).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// One kind of request is answered, to who shows a certificate; nothing that is answered is to be kept or sent again with the next.
//= P2P-132 type=test
#[test]
fn the_door_takes_posts_of_who_shows_a_certificate() {
    let folder = folder();
    let path = folder.path();
    let ground = Ground::new(path, Path::new(""), Path::new("")).unwrap();
    let lines = ground.lines(3);
    let policy = ground.policy_with("127.0.0.1:9", false, &lines);
    let published = format!("manifests = [\"{}/published/content.manifest\"]\n", path.display());
    let node = Node::start(path, &policy.replace(&published, ""));
    let at = node.address("tracker", "https");
    let own = Own {
        certificate: path.join("shares.pem"),
        key: path.join("shares.key"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asks = |own: Option<&Own>, text: &str| runtime.block_on(says(at, path, own, text));
    let rows = "Host: x\r\nConnection: close\r\n";
    let post = |more: &str, body: &str| {
        let length = body.len();
        format!("POST / HTTP/1.1\r\n{rows}Cookie: a=b\r\n{more}Content-Length: {length}\r\n\r\n{body}")
    };
    let kind = "Content-Type: application/ppsp-tracker+json\r\n";
    let status = |text: &str| asks(Some(&own), text).unwrap()[9..12].to_owned();
    assert_eq!(status(&post(kind, "{}")), "400");
    assert_eq!(status(&post("", "{}")), "415");
    assert_eq!(status(&post(&format!("{kind}Content-Encoding: gzip\r\n"), "{}")), "415");
    assert_eq!(status(&post(kind, &" ".repeat((64 << 10) + 1))), "413");
    assert_eq!(status(&post("", "").replace("POST / ", "POST /other ")), "404");
    let get = asks(Some(&own), &format!("GET / HTTP/1.1\r\n{rows}\r\n"))
        .unwrap()
        .to_lowercase();
    assert!(
        get.starts_with("http/1.1 405") && get.contains("\r\nallow: post\r\n"),
        "{get}"
    );
    let answer = asks(Some(&own), &post(kind, "{}")).unwrap().to_lowercase();
    assert!(
        answer.contains("\r\ncache-control: no-store\r\n") && !answer.contains("cookie"),
        "{answer}"
    );
    // The proxy's own certificate is of the same issuer, and names no user.
    let edge = Own {
        certificate: path.join("edge.pem"),
        key: path.join("edge.key"),
    };
    assert!(
        asks(Some(&edge), &post(kind, "{}"))
            .unwrap()
            .starts_with("HTTP/1.1 401")
    );
    assert!(
        asks(None, &post(kind, "{}")).is_err(),
        "who shows none does not come in"
    );
    let log = node.stop();
    assert!(!log.contains("liddell"), "{log}");
}
