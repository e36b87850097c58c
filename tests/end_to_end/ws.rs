//! SIP over WebSocket: the handshake, a UE that can be reached by its connection alone, and what ends a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use sipveil::engine::SendId;
use sipveil::sip::Transport;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use super::authority::{Authority, connect, dns};
use super::node::{Node, PATIENCE};
use super::phone::Phone;
use crate::world::{Sent, contact_uri, respond, routes};

const AOR: &str = "sip:alice@home1.example";

/// What a WebSocket runs over.
trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A browser's SIP stack, near enough: its Via and Contact name a host that nobody can find.
struct Browser {
    socket: WebSocket<Box<dyn Stream>>,
    via: &'static str,
    address: SocketAddr,
}

impl Browser {
    fn open(address: SocketAddr) -> Browser {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Browser::on(Box::new(stream), "WS", address)
    }

    fn on(stream: Box<dyn Stream>, via: &'static str, address: SocketAddr) -> Browser {
        let (socket, response) = client(request(Some("sip")), stream).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
        Browser { socket, via, address }
    }

    fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    fn receive(&mut self) -> Sent {
        loop {
            let message = self.socket.read().expect("a message in time");
            let Message::Text(text) = message else {
                assert!(message.is_ping() || message.is_pong(), "{message:?}");
                continue;
            };
            let sent = Sent {
                id: SendId(0),
                to: self.address,
                from_listener: String::new(),
                transport: Transport::Ws,
                connection: None,
                bytes: Bytes::from(text),
            };
            if !sent.start().starts_with("SIP/2.0 100") {
                return sent;
            }
        }
    }

    fn request(&self, method: &str, uri: &str, number: u32, call_id: &str, rows: &str) -> String {
        let to = if rows.contains("To: ") {
            String::new()
        } else {
            format!("To: <{uri}>\r\n")
        };
        // No Content-Length: the frame says where the message ends.
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} df7jal23ls0d.invalid;branch=z9hG4bK{call_id}{method}{number}\r\n\
             Max-Forwards: 70\r\nFrom: <{AOR}>;tag=a\r\n{to}Call-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>\r\n{rows}\r\n",
            self.via
        )
    }

    /// Registers, as far as the core says yes; gives the Path.
    fn registers(&mut self, core: &mut Phone) -> String {
        let rows = format!("To: <{AOR}>\r\nExpires: 600\r\nSupported: path\r\n");
        self.send(&self.request("REGISTER", "sip:home1.example", 1, "register", &rows));
        let register = core.receive_only("REGISTER");
        let path = register.row("Path").unwrap().to_owned();
        let rows = format!(
            "Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>;expires=600\r\nP-Associated-URI: <{AOR}>\r\n"
        );
        core.send(&respond(&register, "200 OK", "r", &rows));
        assert!(self.receive().start().starts_with("SIP/2.0 200"));
        path
    }
}

fn request(protocol: Option<&'static str>) -> tokio_tungstenite::tungstenite::handshake::client::Request {
    let mut request = "ws://edge.example/".into_client_request().unwrap();
    if let Some(protocol) = protocol {
        let value = HeaderValue::from_static(protocol);
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    request
}

fn start(bind: &str, tls: &str) -> (TempDir, Node, Phone) {
    start_for("ue", bind, tls)
}

fn start_for(peers: &str, bind: &str, tls: &str) -> (TempDir, Node, Phone) {
    let (folder, core) = (TempDir::new().unwrap(), Phone::on_udp());
    Authority::new()
        .issue(&dns(&["edge.example"]))
        .put(folder.path(), "edge");
    let text = format!(
        r#"
schema = 1
domain = {{ id = "T-test", admin_domains = ["home1.example"] }}
listener = [
    {{ name = "core", bind = ["udp://127.0.0.1:0"], peers = "trusted", secured_by = "physical" }},
    {{ name = "access", bind = ["{bind}"], peers = "{peers}", {tls} }},
]
route = [{{ from = "access", next_hop = ["sip:{}"], via = "core" }}]
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["{security}"]
i_accept_unprotected_access = true
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 2
drain = "10s"
[limits]
header_block_bytes_max = 8192
body_bytes_max = 8192
"#,
        core.address,
        security = if tls.is_empty() { "none" } else { "tls" },
    );
    let text = text.replace("edge.", &format!("{}/edge.", folder.path().display()));
    let node = Node::start(folder.path(), &text);
    let core = core.calls(node.address("core", "udp"));
    (folder, node, core)
}

/// A later request from the core: along the routes the dialog gave it, to where the other side said it is.
fn from_core(core: &Phone, method: &str, seen: &Sent, number: u32) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKcore{method}{number}\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
        contact_uri(seen.row("Contact").unwrap()),
        core.address,
        routes(&seen.rows("Record-Route"), false),
        seen.row("To").unwrap(),
        seen.row("From").unwrap(),
        seen.row("Call-ID").unwrap(),
    )
}

//= TPT-010 type=test
//= PCSCF-022 type=test
#[test]
fn a_browser_calls_and_is_reached_by_its_connection_alone() {
    let (_folder, node, mut core) = start("ws://127.0.0.1:0", "");
    let mut browser = Browser::open(node.address("access", "ws"));
    calls_and_is_called(&mut browser, &mut core);
    node.stop();
}

//= TPT-010 type=test
//= TRUST-004 type=test
#[test]
fn a_browser_over_tls_does_the_same() {
    let tls = r#"tls = { certificate = "edge.pem", key = "edge.key" }"#;
    let (_folder, node, mut core) = start("wss://127.0.0.1:0", tls);
    let address = node.address("access", "wss");
    let (connection, stream) = connect(TcpStream::connect(address).unwrap(), None).unwrap();
    let stream = rustls::StreamOwned::new(connection, stream);
    let mut browser = Browser::on(Box::new(stream), "WSS", address);
    calls_and_is_called(&mut browser, &mut core);
    node.stop();
}

fn calls_and_is_called(browser: &mut Browser, core: &mut Phone) {
    let path = browser.registers(core);
    // It calls, and either side hangs up.
    for (call_id, browser_ends) in [("out-1", true), ("out-2", false)] {
        browser.send(&browser.request("INVITE", "sip:bob@home1.example", 1, call_id, ""));
        let invite = core.receive_only("INVITE");
        assert_eq!(invite.row("P-Asserted-Identity"), Some(format!("<{AOR}>").as_str()));
        let via = invite.rows("Via")[1].to_owned();
        assert!(
            via.contains("df7jal23ls0d.invalid") && via.contains(";received=127.0.0.1"),
            "{via}"
        );
        let contact = format!("Contact: <sip:bob@{}>\r\n", core.address);
        core.send(&respond(&invite, "200 OK", "b", &contact));
        let ok = browser.receive();
        let target = contact_uri(ok.row("Contact").unwrap()).to_owned();
        let rows = |ok: &Sent| {
            format!(
                "To: {}\r\n{}",
                ok.row("To").unwrap(),
                routes(&ok.rows("Record-Route"), true)
            )
        };
        browser.send(&browser.request("ACK", &target, 1, call_id, &rows(&ok)));
        core.receive_only("ACK");
        if browser_ends {
            browser.send(&browser.request("BYE", &target, 2, call_id, &rows(&ok)));
            let bye = core.receive_only("BYE");
            core.send(&respond(&bye, "200 OK", "b", ""));
            assert_eq!(browser.receive().row("CSeq"), Some("2 BYE"));
        } else {
            core.send(&from_core(core, "BYE", &invite, 1));
            let bye = browser.receive();
            assert!(
                bye.start().starts_with("BYE sip:alice@df7jal23ls0d.invalid"),
                "{}",
                bye.text()
            );
            assert!(bye.row("Route").is_none(), "{}", bye.text());
            browser.send(&respond(&bye, "200 OK", "a", ""));
            assert!(core.receive().start().starts_with("SIP/2.0 200"));
        }
    }
    // It is called, by its Path, and either side hangs up.
    for (call_id, browser_ends) in [("in-1", true), ("in-2", false)] {
        let address = core.address;
        core.send(&format!(
            "INVITE sip:alice@df7jal23ls0d.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{call_id}\r\n\
             Route: {path}\r\nMax-Forwards: 70\r\nFrom: <sip:bob@home1.example>;tag=b\r\nTo: <{AOR}>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:bob@{address}>\r\nContent-Length: 0\r\n\r\n"
        ));
        let invite = browser.receive();
        assert!(invite.start().starts_with("INVITE "), "{}", invite.text());
        let contact = "Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>\r\n";
        browser.send(&respond(&invite, "200 OK", "a", contact));
        let ok = core.receive_only("SIP/2.0 200");
        let later = |method: &str, number: u32| {
            format!(
                "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{call_id}{method}\r\nMax-Forwards: 70\r\n{}\
                 From: <sip:bob@home1.example>;tag=b\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
                 Content-Length: 0\r\n\r\n",
                contact_uri(ok.row("Contact").unwrap()),
                routes(&ok.rows("Record-Route"), true),
                ok.row("To").unwrap(),
            )
        };
        core.send(&later("ACK", 1));
        assert!(browser.receive().start().starts_with("ACK "));
        if browser_ends {
            let rows = format!(
                "To: {}\r\n{}",
                invite.row("From").unwrap(),
                routes(&invite.rows("Record-Route"), false)
            );
            let target = contact_uri(invite.row("Contact").unwrap()).to_owned();
            browser.send(&browser.request("BYE", &target, 2, call_id, &rows));
            let bye = core.receive_only("BYE");
            core.send(&respond(&bye, "200 OK", "b", ""));
            assert!(browser.receive().start().starts_with("SIP/2.0 200"));
        } else {
            core.send(&later("BYE", 2));
            let bye = browser.receive();
            assert!(bye.start().starts_with("BYE "), "{}", bye.text());
            browser.send(&respond(&bye, "200 OK", "a", ""));
            assert!(core.receive_only("SIP/2.0 200").row("CSeq") == Some("2 BYE"));
        }
    }
}

/// Nobody registers: it is a stranger that calls.
//= TPT-010 type=test
#[test]
fn a_browser_that_is_not_served_is_reached_by_its_connection_as_long_as_that_lives() {
    let (_folder, node, mut core) = start_for("untrusted", "ws://127.0.0.1:0", "");
    let mut browser = Browser::open(node.address("access", "ws"));
    browser.send(&browser.request("INVITE", "sip:bob@home1.example", 1, "call", ""));
    let invite = core.receive_only("INVITE");
    let contact = format!("Contact: <sip:bob@{}>\r\n", core.address);
    core.send(&respond(&invite, "200 OK", "b", &contact));
    assert!(browser.receive().start().starts_with("SIP/2.0 200"));
    core.send(&from_core(&core, "INFO", &invite, 1));
    let info = browser.receive();
    assert!(
        info.start().starts_with("INFO sip:alice@df7jal23ls0d.invalid"),
        "{}",
        info.text()
    );
    browser.send(&respond(&info, "200 OK", "a", ""));
    core.receive_only("SIP/2.0 200");
    browser.socket.close(None).unwrap();
    while browser.socket.read().is_ok() {}
    core.send(&from_core(&core, "BYE", &invite, 2));
    assert_eq!(core.receive().start(), "SIP/2.0 430 Flow Failed");
    node.stop();
}

//= TPT-010 type=test
#[test]
fn without_the_subprotocol_the_handshake_is_refused() {
    let (_folder, node, _core) = start("ws://127.0.0.1:0", "");
    for protocol in [None, Some("mqtt"), Some("sipx")] {
        let stream = TcpStream::connect(node.address("access", "ws")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let refused = client(request(protocol), stream).map(|_| ()).unwrap_err();
        let tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Http(response)) = refused else {
            panic!("{protocol:?}: {refused:?}");
        };
        assert_eq!(response.status(), 400, "{protocol:?}");
    }
    let stream = TcpStream::connect(node.address("access", "ws")).unwrap();
    client(request(Some("mqtt, sip")), stream).unwrap();
    node.stop();
}

//= TPT-010 type=test
//= TPT-006 type=test
#[test]
fn binary_text_and_keep_alives_are_taken_and_too_much_is_not() {
    let (_folder, node, mut core) = start("ws://127.0.0.1:0", "");
    let mut browser = Browser::open(node.address("access", "ws"));
    browser.registers(&mut core);
    let options = |browser: &Browser, call_id| browser.request("OPTIONS", "sip:bob@home1.example", 1, call_id, "");
    let mut asks = |browser: &mut Browser, message: Message| {
        browser.socket.send(message).unwrap();
        let asked = core.receive_only("OPTIONS");
        core.send(&respond(&asked, "200 OK", "b", ""));
        assert!(browser.receive().start().starts_with("SIP/2.0 200"));
    };
    let text = options(&browser, "text");
    asks(&mut browser, Message::text(text));
    let binary = options(&browser, "binary");
    asks(&mut browser, Message::binary(binary));
    browser.socket.send(Message::text("\r\n\r\n")).unwrap();
    assert_eq!(browser.socket.read().unwrap(), Message::text("\r\n"));
    browser
        .socket
        .send(Message::Ping(Bytes::from_static(b"are you there")))
        .unwrap();
    assert_eq!(
        browser.socket.read().unwrap(),
        Message::Pong(Bytes::from_static(b"are you there"))
    );
    // What is no message is not answered and ends nothing; what is too large for one ends the connection.
    browser.socket.send(Message::text("not SIP at all")).unwrap();
    let again = options(&browser, "again");
    asks(&mut browser, Message::text(again));
    let huge = vec![b'x'; 2 * (8192 + 8192) + 1];
    let sent = browser.socket.send(Message::binary(huge));
    let end = sent.and_then(|()| browser.socket.read());
    assert!(
        match &end {
            Ok(message) => message.is_close(),
            Err(Error::Io(error)) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Err(_) => true,
        },
        "{end:?}"
    );
    node.stop();
}
