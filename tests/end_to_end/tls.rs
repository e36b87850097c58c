//! TLS: who comes in, whom we call, and what a certificate is worth as evidence.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use tempfile::TempDir;

use super::authority::{Authority, Identity, Wish, connect, dns};
use super::load::{Calls, answers_everything, calls_until};
use super::node::{Node, PATIENCE};
use super::phone::Phone;
use super::{Dialog, call};
use crate::world::{Sent, respond};

pub(super) const FRIEND: &str = "ibcf.home2.example";

/// A proxy with a trusted core over UDP and an edge over TLS, and the authority its edge believes.
pub(super) struct Border {
    folder: TempDir,
    pub(super) authority: Authority,
    pub(super) node: Node,
    core: Phone,
}

impl Border {
    fn new() -> Border {
        Border::with("127.0.0.1:0", "sip:127.0.0.1:9", CLIENTS)
    }

    /// What comes from the core goes to `next_hop`.
    pub(super) fn with(edge: &str, next_hop: &str, tls: &str) -> Border {
        let (folder, authority, core) = (TempDir::new().unwrap(), Authority::new(), Phone::on_udp());
        authority.issue(&dns(&["edge.example"])).put(folder.path(), "edge");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let text = policy(folder.path(), edge, next_hop, core.address, tls);
        let node = Node::start(folder.path(), &text);
        Border {
            folder,
            authority,
            node,
            core,
        }
    }

    fn edge(&self) -> SocketAddr {
        self.node.address("edge", "tls")
    }

    /// A telephone outside that shows this, connected.
    pub(super) fn outside(&self, shows: Option<&Identity>) -> Phone {
        connected(self.edge(), shows)
    }

    /// What reaches the core of a MESSAGE from outside that asserts an identity.
    pub(super) fn asserts(&mut self, shows: Option<&Identity>) -> Sent {
        let mut outside = self.outside(shows);
        outside.send(&message(&outside, "in"));
        let seen = self.core.receive_only("MESSAGE");
        self.core.send(&respond(&seen, "200 OK", "b", ""));
        outside.receive_only("SIP/2.0 200");
        seen
    }

    /// Whether the edge ends a connection on which this is shown, without a word of SIP.
    pub(super) fn refuses(&self, shows: Option<&Identity>) -> bool {
        let stream = TcpStream::connect(self.edge()).unwrap();
        let Ok(secured) = connect(stream, shows) else {
            return true;
        };
        let mut outside = rustls::StreamOwned::new(secured.0, secured.1);
        // It may be gone already.
        let _ = outside.write_all(
            b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKx\r\nMax-Forwards: 0\r\nFrom: <sip:x@y>;tag=a\r\n\
              To: <sip:x@y>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n",
        );
        !matches!(outside.read(&mut [0; 100]), Ok(length) if length > 0)
    }
}

fn connected(edge: SocketAddr, shows: Option<&Identity>) -> Phone {
    let stream = TcpStream::connect(edge).unwrap();
    Phone::secured(connect(stream, shows).unwrap())
}

pub(super) const CLIENTS: &str = r#"client_ca = "ca.pem", ca = "ca.pem""#;

pub(super) fn policy(folder: &Path, edge: &str, next_hop: &str, core: SocketAddr, tls: &str) -> String {
    let tls = tls.replace("ca.pem", folder.join("ca.pem").to_str().unwrap());
    format!(
        r#"
schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["udp://127.0.0.1:0"], peers = "trusted", secured_by = "physical" }},
    {{ name = "edge", bind = ["tls://{edge}"], peers = "listed", tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key", {tls} }} }},
]
peer = [
    {{ name = "friend", names = ["{FRIEND}", "localhost"], secured_by = "mutual-tls" }},
    {{ name = "other", names = ["other.example"], secured_by = "mutual-tls" }},
]
route = [
    {{ from = "core", next_hop = ["{next_hop}"], via = "edge" }},
    {{ from = "edge", next_hop = ["sip:{core}"], via = "core" }},
]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical", "mutual-tls"]
ue_security = ["physical"]
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 2
drain = "10s"
"#,
        folder = folder.display()
    )
}

pub(super) fn message(from: &Phone, call_id: &str) -> String {
    let (address, transport) = (from.address, from.via_transport());
    format!(
        "MESSAGE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch=z9hG4bK{call_id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:x@home2.example>;tag=a\r\nTo: <sip:bob@home1.example>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 MESSAGE\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:x@home2.example>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn is_believed(message: &Sent) -> bool {
    message.row("P-Asserted-Identity").is_some()
}

//= TRUST-020 type=test
//= TPT-008 type=test
#[test]
fn a_certificate_with_a_configured_name_is_evidence() {
    let mut border = Border::new();
    let friend = border.authority.issue(&dns(&[FRIEND]));
    assert!(is_believed(&border.asserts(Some(&friend))));
    let shouted = border.authority.issue(&dns(&["IBCF.home2.EXAMPLE"]));
    assert!(is_believed(&border.asserts(Some(&shouted))));
    // The SIP URI comes first, and then DNS names say nothing.
    let (uri, other_uri) = (format!("sip:{FRIEND}"), "sip:elsewhere.example".to_owned());
    let by_uri = |uri: &str, dns: &[&str]| {
        let uris = &[uri];
        let wish = Wish {
            uris,
            dns,
            ..Wish::default()
        };
        border.authority.issue(&wish)
    };
    let (right, wrong, user) = (
        by_uri(&uri, &["elsewhere.example"]),
        by_uri(&other_uri, &[FRIEND]),
        by_uri(&format!("sip:someone@{FRIEND}"), &[]),
    );
    assert!(is_believed(&border.asserts(Some(&right))));
    assert!(!is_believed(&border.asserts(Some(&wrong))));
    assert!(!is_believed(&border.asserts(Some(&user))));
    // The common name counts only where nothing else is said.
    let common_name = Some(FRIEND);
    let by_common_name = |dns| {
        border.authority.issue(&Wish {
            dns,
            common_name,
            ..Wish::default()
        })
    };
    let (alone, beside) = (by_common_name(&[]), by_common_name(&["elsewhere.example"]));
    assert!(is_believed(&border.asserts(Some(&alone))));
    assert!(!is_believed(&border.asserts(Some(&beside))));
    border.node.stop();
}

//= TRUST-010 type=test
//= TRUST-020 type=test
//= TRUST-031 type=test
#[test]
fn a_certificate_with_another_name_is_no_evidence() {
    let mut border = Border::new();
    for names in [
        &["stranger.example"][..],
        &["a.ibcf.home2.example"],
        &["*.home2.example"],
        &["home2.example"],
        // Two peers at once: it is not known which.
        &[FRIEND, "other.example"],
    ] {
        let identity = border.authority.issue(&dns(names));
        assert!(!is_believed(&border.asserts(Some(&identity))), "{names:?}");
    }
    border.node.stop();
}

//= TPT-008 type=test
//= TRUST-020 type=test
#[test]
fn who_shows_no_good_certificate_does_not_come_in() {
    let border = Border::new();
    let rogue = Authority::new().issue(&dns(&[FRIEND]));
    let expired = border.authority.issue(&Wish {
        expired: true,
        ..dns(&[FRIEND])
    });
    let own = Identity::self_signed(&dns(&[FRIEND]));
    for (what, shows) in [
        ("of a rogue authority", Some(&rogue)),
        ("expired", Some(&expired)),
        ("self-signed", Some(&own)),
        ("none", None),
    ] {
        assert!(border.refuses(shows), "{what}");
    }
    assert!(!border.refuses(Some(&border.authority.issue(&dns(&["stranger.example"])))));
    border.node.stop();
}

//= TRUST-020 type=test
#[test]
fn where_a_certificate_is_only_requested_one_without_is_a_stranger() {
    let tls = r#"client_ca = "ca.pem", client_certificate = "requested""#;
    let mut border = Border::with("127.0.0.1:0", "sip:127.0.0.1:9", tls);
    assert!(!is_believed(&border.asserts(None)));
    let friend = border.authority.issue(&dns(&[FRIEND]));
    assert!(is_believed(&border.asserts(Some(&friend))));
    assert!(border.refuses(Some(&Authority::new().issue(&dns(&[FRIEND])))));
    border.node.stop();
}

/// One listed itself is believed, and issues nothing: else every listed peer could make certificates for the others.
//= TRUST-020 type=test
#[test]
fn a_listed_certificate_is_believed_itself_and_is_no_issuer() {
    let mut border = Border::new();
    let listed = Identity::self_signed(&dns(&[FRIEND]));
    let expired = Identity::self_signed(&Wish {
        expired: true,
        ..dns(&[FRIEND])
    });
    let file = [border.authority.pem().as_str(), listed.pem(), expired.pem()].concat();
    std::fs::write(border.folder.path().join("ca.pem"), file).unwrap();
    border.node.signal("HUP");
    border.node.waits_for("the new policy is in force");
    assert!(is_believed(&border.asserts(Some(&listed))));
    assert!(border.refuses(Some(&expired)));
    assert!(border.refuses(Some(&listed.forges(&dns(&["other.example"])))));
    border.node.stop();
}

//= TPT-008 type=test
#[test]
fn old_versions_are_refused() {
    let border = Border::new();
    for version in [[3, 0], [3, 1], [3, 2]] {
        let mut stream = TcpStream::connect(border.edge()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&client_hello(version)).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        // A fatal alert, protocol_version.
        assert_eq!(answer.first(), Some(&21), "{answer:?}");
        assert_eq!(answer[5..], [2, 70]);
    }
    border.node.stop();
}

/// A hello of a client that knows no newer version.
fn client_hello([major, minor]: [u8; 2]) -> Vec<u8> {
    let mut body = vec![major, minor];
    body.extend([7; 32]);
    // No session; TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA and TLS_RSA_WITH_AES_128_CBC_SHA; no compression.
    body.extend([0, 0, 4, 0xc0, 0x09, 0x00, 0x2f, 1, 0]);
    // supported_groups: secp256r1; ec_point_formats: uncompressed; signature_algorithms: ecdsa_secp256r1_sha256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

/// A telephone that is called over TLS.
pub(super) struct Callee {
    pub(super) listener: TcpListener,
    pub(super) port: u16,
}

impl Callee {
    pub(super) fn new() -> Callee {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        Callee { listener, port }
    }
}

pub(super) fn from_core(border: &Border) -> Phone {
    Phone::on_udp().calls(border.node.address("core", "udp"))
}

//= TRUST-029 type=test
//= TPT-008 type=test
#[test]
fn who_we_call_is_trusted_by_the_name_in_its_certificate() {
    let callee = Callee::new();
    // The host name comes from the policy; `localhost` is one of the friend's names.
    let border = Border::with(
        "127.0.0.1:0",
        &format!("sip:localhost:{};transport=tls", callee.port),
        CLIENTS,
    );
    let shown = border.authority.issue(&dns(&["localhost"]));
    let mut caller = from_core(&border);
    caller.send(&message(&caller, "out"));
    // It asks for our certificate and gets it.
    let mut called = Phone::accepts(&callee.listener, shown.server(Some(&border.authority))).unwrap();
    let seen = called.receive_only("MESSAGE");
    assert!(
        is_believed(&seen),
        "asked for `id`, and still shown to a member of T: {}",
        seen.text()
    );
    assert!(seen.row("Via").unwrap().starts_with("SIP/2.0/TLS "));
    called.send(&respond(&seen, "200 OK", "b", ""));
    caller.receive_only("SIP/2.0 200");
    border.node.stop();
}

//= TPT-007 type=test
#[test]
fn who_was_called_comes_back_by_the_connection_we_opened() {
    let callee = Callee::new();
    let next_hop = format!("sip:localhost:{};transport=tls", callee.port);
    let mut border = Border::with("127.0.0.1:0", &next_hop, CLIENTS);
    let shown = border.authority.issue(&dns(&["localhost"]));
    let mut caller = from_core(&border);
    caller.send(&message(&caller, "out"));
    let mut called = Phone::accepts(&callee.listener, shown.server(Some(&border.authority))).unwrap();
    let seen = called.receive_only("MESSAGE");
    called.send(&respond(&seen, "200 OK", "b", ""));
    caller.receive_only("SIP/2.0 200");
    called.send(&message(&called, "back"));
    let seen = border.core.receive_only("MESSAGE");
    assert!(is_believed(&seen), "it proved its name to us: {}", seen.text());
    border.core.send(&respond(&seen, "200 OK", "b", ""));
    called.receive_only("SIP/2.0 200");
    border.node.stop();
}

//= TRUST-029 type=test
//= TPT-007 type=test
#[test]
fn a_stranger_by_address_is_called_over_tls_and_sees_no_identity() {
    let callee = Callee::new();
    let next_hop = format!("sip:127.0.0.1:{};transport=tls", callee.port);
    let border = Border::with("127.0.0.1:0", &next_hop, CLIENTS);
    let shown = border.authority.issue(&dns(&["127.0.0.1"]));
    let mut caller = from_core(&border);
    // rcgen makes an IP address of that name.
    caller.send(&message(&caller, "one"));
    let mut called = Phone::accepts(&callee.listener, shown.server(None)).unwrap();
    let seen = called.receive_only("MESSAGE");
    assert!(!is_believed(&seen));
    called.send(&respond(&seen, "200 OK", "b", ""));
    caller.receive_only("SIP/2.0 200");
    border.node.stop();
}

//= TRUST-029 type=test
//= TPT-008 type=test
#[test]
fn who_cannot_prove_its_name_gets_nothing() {
    let callee = Callee::new();
    let border = Border::with(
        "127.0.0.1:0",
        &format!("sip:localhost:{};transport=tls", callee.port),
        CLIENTS,
    );
    let wrong = border.authority.issue(&dns(&["other.example"]));
    let wildcard = border.authority.issue(&dns(&["*"]));
    let rogue = Authority::new().issue(&dns(&["localhost"]));
    let expired = border.authority.issue(&Wish {
        expired: true,
        ..dns(&["localhost"])
    });
    let mut caller = from_core(&border);
    for (number, shown) in [wrong, wildcard, rogue, expired].iter().enumerate() {
        caller.send(&message(&caller, &format!("out-{number}")));
        // IPv6 comes first where localhost has it; nobody listens there.
        let called = Phone::accepts(&callee.listener, shown.server(None));
        assert!(
            called.is_err() || called.is_ok_and(|mut called| called.is_closed()),
            "{number}"
        );
        let refused = caller.receive();
        assert!(
            refused.start().starts_with("SIP/2.0 500"),
            "{number}: {}",
            refused.text()
        );
    }
    border.node.stop();
}

/// A node that shows this connects, sends a request with this in its Via, and has the answer.
fn says(border: &mut Border, shows: &Identity, sent_by: &str) -> Phone {
    let mut outside = border.outside(Some(shows));
    let text = message(&outside, "alias");
    outside.send(&text.replacen(&outside.address.to_string(), sent_by, 1));
    let seen = border.core.receive_only("MESSAGE");
    border.core.send(&respond(&seen, "200 OK", "b", ""));
    outside.receive_only("SIP/2.0 200");
    outside
}

//= TPT-007 type=test
#[test]
fn a_node_that_proved_its_name_gets_requests_on_the_connection_it_opened() {
    let callee = Callee::new();
    let next_hop = format!("sip:localhost:{};transport=tls", callee.port);
    let mut border = Border::with("127.0.0.1:0", &next_hop, CLIENTS);
    let friend = border.authority.issue(&dns(&["localhost"]));
    let sent_by = format!("127.0.0.1:{};alias", callee.port);
    let mut outside = says(&mut border, &friend, &sent_by);
    let mut caller = from_core(&border);
    for number in 0..4 {
        // Whichever worker has the call.
        caller.send(&message(&caller, &format!("back-{number}")));
        let seen = outside.receive_only("MESSAGE");
        assert!(is_believed(&seen), "the same member of T: {}", seen.text());
        outside.send(&respond(&seen, "200 OK", "b", ""));
        caller.receive_only("SIP/2.0 200");
    }
    border.node.stop();
}

//= TPT-007 type=test
#[test]
fn who_says_alias_without_the_name_gets_nothing_by_it() {
    let callee = Callee::new();
    let next_hop = format!("sip:localhost:{};transport=tls", callee.port);
    let port = callee.port;
    for (names, sent_by) in [
        // Of another name; without a word; for another place.
        (&["other.example"][..], format!("127.0.0.1:{port};alias")),
        (&["stranger.example"], format!("127.0.0.1:{port};alias")),
        (&["localhost"], format!("127.0.0.1:{port}")),
        (&["localhost"], "127.0.0.1:9;alias".to_owned()),
    ] {
        let mut border = Border::with("127.0.0.1:0", &next_hop, CLIENTS);
        let shows = border.authority.issue(&dns(names));
        let _outside = says(&mut border, &shows, &sent_by);
        let shown = border.authority.issue(&dns(&["localhost"]));
        let mut caller = from_core(&border);
        caller.send(&message(&caller, "out"));
        let mut called = Phone::accepts(&callee.listener, shown.server(None)).unwrap();
        let seen = called.receive_only("MESSAGE");
        let via = seen.row("Via").unwrap();
        assert!(via.starts_with("SIP/2.0/TLS ") && via.ends_with(";alias"), "{via}");
        called.send(&respond(&seen, "200 OK", "b", ""));
        caller.receive_only("SIP/2.0 200");
        border.node.stop();
    }
}

/// Nodes of one cluster share a certificate: without `ca`, our own is believed, and nobody else's.
#[test]
fn without_ca_only_our_own_certificate_is_believed() {
    let callee = Callee::new();
    let border = Border::with(
        "127.0.0.1:0",
        &format!("sip:127.0.0.1:{};transport=tls", callee.port),
        "",
    );
    let mut caller = from_core(&border);
    let other = border.authority.issue(&dns(&["127.0.0.1"]));
    caller.send(&message(&caller, "other"));
    assert!(Phone::accepts(&callee.listener, other.server(None)).is_err());
    assert!(caller.receive().start().starts_with("SIP/2.0 500"));
    let mut border = border;
    let own = Identity::self_signed_authority(&dns(&["127.0.0.1"]));
    own.put(border.folder.path(), "edge");
    border.node.waits_for("the new certificates are in force");
    caller.send(&message(&caller, "own"));
    let mut called = Phone::accepts(&callee.listener, own.server(None)).unwrap();
    let seen = called.receive_only("MESSAGE");
    called.send(&respond(&seen, "200 OK", "b", ""));
    caller.receive_only("SIP/2.0 200");
    border.node.stop();
}

//= TPT-008 type=test
#[test]
fn ipv6_speaks_tls_too() {
    let mut border = Border::with("[::1]:0", "sip:127.0.0.1:9", CLIENTS);
    let friend = border.authority.issue(&dns(&[FRIEND]));
    let seen = border.asserts(Some(&friend));
    assert!(is_believed(&seen));
    border.node.stop();
}

//= TPT-008 type=test
#[test]
fn a_certificate_that_does_not_name_our_record_route_is_told() {
    let mut border = Border::new();
    let told = "the certificate of listener `edge` does not name 127.0.0.1";
    border.node.waits_for(told);
    border
        .authority
        .issue(&dns(&["127.0.0.1"]))
        .put(border.folder.path(), "edge");
    border.node.signal("HUP");
    border.node.waits_for("the new policy is in force");
    // Told for the first one, and perhaps once more when the new key stood beside it; never for the new.
    let log = border.node.stop();
    let after = log.rsplit("the new policy is in force").next().unwrap();
    assert!(!after.contains(told), "{log}");
}

//= SEC-002 type=test
#[test]
fn a_key_that_everybody_may_read_or_a_missing_file_stops_the_start() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let identity = authority.issue(&dns(&["edge.example"]));
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(
        &file,
        policy(folder.path(), "127.0.0.1:0", "sip:127.0.0.1:9", address, CLIENTS),
    )
    .unwrap();
    let refused = || {
        let mut run = Command::new(env!("CARGO_BIN_EXE_sipveil"));
        let output = run.arg("--config").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused().contains("edge.pem: cannot be read"));
    identity.put(folder.path(), "edge");
    let key = folder.path().join("edge.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused().contains("edge.key: everybody may read this key"));
    identity.put(folder.path(), "edge");
    std::fs::write(folder.path().join("edge.pem"), authority.pem()).unwrap();
    assert!(refused().contains("edge.pem: does not go with its key"));
    std::fs::write(folder.path().join("edge.pem"), "nothing").unwrap();
    assert!(refused().contains("edge.pem: holds no certificate"));
}

/// Calls run over connections that were there before, and over fresh ones, while the files are exchanged again and again.
//= TPT-008 type=test
#[test]
fn exchanging_certificates_under_load_loses_no_call() {
    let mut border = Border::new();
    let friend = border.authority.issue(&dns(&[FRIEND]));
    let mut old = border.outside(Some(&friend));
    for round in 0..6 {
        if round % 2 == 1 {
            let fresh = border
                .authority
                .issue(&dns(&["edge.example", &format!("round-{round}.example")]));
            fresh.put(border.folder.path(), "edge");
            border.node.signal("HUP");
            border.node.waits_for("the new policy is in force");
        }
        if round == 4 {
            // One that does not load leaves the one before.
            std::fs::write(border.folder.path().join("edge.pem"), "nothing").unwrap();
            border.node.waits_for("the certificates in force stay");
        }
        let mut fresh = border.outside(Some(&friend));
        for (name, phone) in [("old", &mut old), ("fresh", &mut fresh)] {
            for number in 0..3 {
                let call_id = format!("{name}-{round}-{number}");
                let seen = call(
                    &Dialog {
                        call_id: &call_id,
                        privacy: "",
                    },
                    phone,
                    &mut border.core,
                );
                assert!(is_believed(&seen[0]), "{call_id}");
            }
        }
        if round > 0 {
            let shown = fresh.server_certificate().unwrap();
            let names = String::from_utf8_lossy(&shown).into_owned();
            let latest = if round % 2 == 1 { round } else { round - 1 };
            assert!(names.contains(&format!("round-{latest}.example")), "round {round}");
        }
    }
    border.node.stop();
}

/// How many telephones call at once, and how often the certificate is another meanwhile.
const CALLERS: usize = 4;
const EXCHANGES: usize = 5;

/// Four telephones call without a pause, each with a call that lasts over every exchange, over old connections and fresh
/// ones: nobody waits for the exchange, and it waits for nobody.
//= TPT-008 type=test
#[test]
fn exchanging_certificates_while_calls_run_side_by_side_loses_none() {
    let Border {
        folder,
        authority,
        mut node,
        core,
    } = Border::new();
    let edge = node.address("edge", "tls");
    let friend = authority.issue(&dns(&[FRIEND]));
    let (end, core_address) = (AtomicBool::new(false), core.address);
    std::thread::scope(|threads| {
        threads.spawn(|| answers_everything(core, is_believed));
        let mut calls = Vec::new();
        for name in 0..CALLERS {
            let (done, ended) = channel();
            let (friend, end) = (&friend, &end);
            threads.spawn(move || calls_until(end, || connected(edge, Some(friend)), name, &done));
            calls.push(ended);
        }
        // However this ends, the threads do too.
        let calls = Calls {
            ended: calls,
            end: &end,
            callee: core_address,
        };
        for round in 0..EXCHANGES {
            calls.one_more_of_each();
            let name = format!("round-{round}.example");
            authority
                .issue(&dns(&["edge.example", &name]))
                .put(folder.path(), "edge");
            node.signal("HUP");
            node.waits_for("the new policy is in force");
            let shown = connected(edge, Some(&friend)).server_certificate().unwrap();
            assert!(String::from_utf8_lossy(&shown).contains(&name), "round {round}");
        }
        calls.one_more_of_each();
    });
    node.stop();
}
