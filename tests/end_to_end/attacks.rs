//! Peers that want to hold the proxy up: others are served meanwhile, and what each can take has an end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::authority::{Authority, connect, dns};
use super::node::{Node, PATIENCE};
use super::phone::Phone;
use super::{ANYWHERE, Dialog, call, policy};

/// Megabytes a besieged proxy may hold at most, whatever is done to it here.
pub const MEGABYTES_MAX: u64 = 200;

/// A proxy between a caller and a callee over TCP, with these limits, and a listener with TLS.
pub struct Besieged {
    _folder: TempDir,
    pub node: Node,
    caller: Phone,
    callee: Phone,
    pub calls: u32,
    at_first: u64,
}

impl Besieged {
    pub fn with(limits: &str) -> Besieged {
        Besieged::before(limits, "sip:127.0.0.1:9")
    }

    /// Requests from outside go to `inside`.
    pub fn before(limits: &str, inside: &str) -> Besieged {
        let folder = TempDir::new().unwrap();
        Authority::new()
            .issue(&dns(&["edge.example"]))
            .put(folder.path(), "edge");
        let callee = Phone::on_udp();
        let text = policy(
            ANYWHERE,
            &format!("sip:{};transport=udp", callee.address),
            inside,
            &format!("[limits]\n{limits}\n"),
        );
        let tls = format!(
            r#"peers = "untrusted" }}, {{ name = "secured", bind = ["tls://127.0.0.1:0", "ws://127.0.0.1:0"], peers = "untrusted", tls = {{ certificate = "{0}/edge.pem", key = "{0}/edge.key" }} }}, {{ name = "inner", bind = ["udp://127.0.0.1:0"], peers = "untrusted""#,
            folder.path().display()
        );
        let text = text.replace(r#"peers = "untrusted""#, &tls);
        // The callee has a socket of its own: it does not ask again when a flood washes its answer away.
        let text = text.replacen(r#"via = "outside""#, r#"via = "inner""#, 1);
        let node = Node::start_telling(folder.path(), &text, "info");
        let at_first = node.memory().now;
        // From an address of its own: what others do is not counted against it.
        let caller = Phone::on(from(Ipv4Addr::new(127, 0, 0, 2), node.address("core", "tcp")));
        Besieged {
            _folder: folder,
            node,
            caller,
            callee,
            calls: 0,
            at_first,
        }
    }

    /// Prints a line of the table in docs/reliability.md, and ends it.
    pub fn held(self, what: &str) {
        let peak = self.node.memory().peak;
        println!(
            "| {what} | {} | {:.0} | {:.0} |",
            self.calls,
            self.at_first as f64 / 1024.0,
            peak as f64 / 1024.0
        );
        assert!(peak < MEGABYTES_MAX * 1024, "{what}: {peak} kB");
        self.node.stop();
    }

    fn core(&self) -> SocketAddr {
        self.node.address("core", "tcp")
    }

    /// A whole call.
    pub fn others_are_served(&mut self) {
        self.calls += 1;
        let call_id = format!("siege-{}", self.calls);
        let dialog = Dialog {
            call_id: &call_id,
            privacy: "",
        };
        call(&dialog, &mut self.caller, &mut self.callee);
    }
}

/// A connection from this loopback address.
pub fn from(own: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn open(to: SocketAddr) -> TcpStream {
    from(Ipv4Addr::LOCALHOST, to)
}

/// Everything until the other side ends the connection.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether a keep-alive is answered.
fn lives(stream: &mut TcpStream) -> bool {
    let mut pong = [0; 2];
    stream.write_all(b"\r\n\r\n").is_ok() && stream.read_exact(&mut pong).is_ok() && pong == *b"\r\n"
}

//= SEC-009 type=test
//= TPT-005 type=test
#[test]
fn slow_and_half_messages_hold_up_nobody() {
    let mut besieged = Besieged::with("");
    let mut slow: Vec<TcpStream> = (0..200).map(|_| open(besieged.core())).collect();
    let half = b"INVITE sip:bob@elsewhere.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhalf\r\n";
    for (number, byte) in half.iter().enumerate() {
        for stream in &mut slow {
            stream.write_all(&[*byte]).unwrap();
        }
        if number % 32 == 0 {
            besieged.others_are_served();
        }
    }
    // A body that never comes, and a handshake that never does.
    for stream in &mut slow[..50] {
        stream.write_all(b"Content-Length: 200000\r\n\r\nv=0").unwrap();
    }
    for transport in ["tls", "ws"] {
        let address = besieged.node.address("secured", transport);
        slow.extend((0..50).map(|number| {
            let mut stream = open(address);
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1][..number % 9]).unwrap();
            stream
        }));
    }
    besieged.others_are_served();
    besieged.held("200 messages byte by byte, 50 bodies and 100 handshakes that never come");
}

//= SEC-009 type=test
//= MSG-012 type=test
#[test]
fn endless_headers_come_to_an_end() {
    let mut besieged = Besieged::with("header_block_bytes_max = 8192");
    let mut endless = open(besieged.core());
    endless.write_all(b"OPTIONS sip:x SIP/2.0\r\n").unwrap();
    let mut written = 0;
    // What the kernels of both ends hold is not the proxy's doing: a few megabytes.
    while endless.write_all(&[b"X: y\r\n".repeat(100)].concat()).is_ok() {
        written += 600;
        assert!(written < 64 << 20, "it goes on and on");
    }
    let mut one_line = open(besieged.core());
    while one_line.write_all(&[b'x'; 1000]).is_ok() {
        written += 1000;
        assert!(written < 128 << 20, "it goes on and on");
    }
    besieged.others_are_served();
    besieged.held("headers without end, one line without end");
}

//= SEC-009 type=test
//= MSG-005 type=test
#[test]
fn a_length_nobody_can_hold_ends_the_connection() {
    let mut besieged = Besieged::with("");
    for length in ["999999999", "4294967296", "18446744073709551616", "-1", "1e9"] {
        let mut liar = open(besieged.core());
        liar.write_all(
            format!(
                "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
                 From: <sip:x@y>;tag=a\r\nTo: <sip:x@y>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: {length}\r\n\r\n"
            )
            .as_bytes(),
        )
        .unwrap();
        let said = rest(&mut liar);
        assert!(
            said.starts_with("SIP/2.0 413 ") || said.starts_with("SIP/2.0 400 "),
            "{length}: {said:?}"
        );
    }
    besieged.others_are_served();
    besieged.held("Content-Length beyond all measure");
}

//= SEC-009 type=test
//= TPT-005 type=test
#[test]
fn of_500_idle_connections_of_one_source_those_past_the_maximum_are_closed() {
    let mut besieged = Besieged::with("connections_per_source_max = 120");
    let core = besieged.core();
    let mut idle: Vec<TcpStream> = (0..500).map(|_| open(core)).collect();
    let alive: Vec<bool> = idle.iter_mut().map(lives).collect();
    assert_eq!(alive.iter().filter(|alive| **alive).count(), 120);
    besieged.others_are_served();
    // Room comes back with each that goes.
    drop(idle);
    let came_back = (0..10_000).any(|_| lives(&mut open(core)));
    assert!(came_back);
    besieged.others_are_served();
    besieged.held("500 idle connections of one source, 120 allowed");
}

//= SEC-009 type=test
#[test]
fn the_maximum_of_all_connections_holds_and_ours_are_counted_apart() {
    // Two workers, each with its own maximum.
    let mut besieged = Besieged::with("connections_max = 40");
    let core = besieged.core();
    let mut many: Vec<TcpStream> = (0..300).map(|_| open(core)).collect();
    let alive = many.iter_mut().map(lives).filter(|alive| *alive).count();
    assert!((1..=79).contains(&alive), "{alive} besides the caller's");
    besieged.others_are_served();
    besieged.held("300 connections, 40 allowed to a worker");
}

/// Answers that nobody reads pile up to a maximum.
//= SEC-009 type=test
#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let mut besieged = Besieged::with("connection_queue_bytes_max = 65536");
    let mut deaf = open(besieged.core());
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    let ask = |number: u32| {
        format!(
            "OPTIONS sip:x@home1.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{number}\r\nMax-Forwards: 0\r\n\
             From: <sip:x@y>;tag=a\r\nTo: <sip:x@y>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let given_up = (0..1_000_000).find(|number| deaf.write_all(ask(*number).as_bytes()).is_err());
    assert!(given_up.is_some());
    besieged.others_are_served();
    besieged.held("a peer that asks and does not read");
}

/// What one source can make the proxy hold of messages that never end: as many connections as it may have, each with as much
/// as a message may have before it must be whole.
//= SEC-009 type=test
//= TPT-005 type=test
#[test]
fn of_half_messages_only_so_much_is_held() {
    let mut besieged = Besieged::with("connections_per_source_max = 500\nbody_bytes_max = 65536");
    let row = [b"X-Long: ", &[b'x'; 8000][..], b"\r\n"].concat();
    let half = [
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKh\r\n",
        &row.repeat(7)[..],
    ]
    .concat();
    let body = [&half[..], b"Content-Length: 65536\r\n\r\n", &[b'v'; 65535]].concat();
    let core = besieged.core();
    let mut held: Vec<TcpStream> = (0..500).map(|_| open(core)).collect();
    for (number, stream) in held.iter_mut().enumerate() {
        stream.write_all(if number % 2 == 0 { &half } else { &body }).unwrap();
        if number % 100 == 0 {
            besieged.others_are_served();
        }
    }
    besieged.others_are_served();
    drop(held);
    besieged.held("500 halves of messages of 56 to 120 kB");
}

/// What is no SIP, on every port.
//= SEC-001 type=test
#[test]
fn noise_ends_its_own_connection_alone() {
    let mut besieged = Besieged::with("");
    let (tls, ws) = (
        besieged.node.address("secured", "tls"),
        besieged.node.address("secured", "ws"),
    );
    for address in [besieged.core(), tls, ws] {
        for noise in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            &[0; 4096],
            &[0xff; 4096],
            &[0x16, 0x03, 0x01, 0xff, 0xff, 0x01, 0xff, 0xff, 0xff],
            b"\x80\x80\x80\x80INVITE",
        ] {
            let mut stream = open(address);
            stream.write_all(noise).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            rest(&mut stream);
        }
    }
    besieged.others_are_served();
    // And behind a good handshake.
    let (connection, stream) = connect(open(tls), None).unwrap();
    let mut secured = rustls::StreamOwned::new(connection, stream);
    secured.write_all(&[0xfe; 4096]).unwrap();
    let mut answer = Vec::new();
    let _ = secured.read_to_end(&mut answer);
    besieged.others_are_served();
    besieged.held("noise on TCP, TLS and WebSocket");
}

/// Next hops that take a connection and then nothing: requests to them fail in time, others go through.
//= SEC-009 type=test
#[test]
fn a_next_hop_that_never_finishes_its_handshake_holds_up_nobody() {
    let black_hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    Authority::new()
        .issue(&dns(&["edge.example"]))
        .put(folder.path(), "edge");
    let mut callee = Phone::on_udp();
    let text = policy(
        ANYWHERE,
        &format!("sip:{};transport=udp", callee.address),
        "sip:127.0.0.1:9",
        "",
    );
    let text = text
        .replace(
            r#"bind = ["udp://127.0.0.1:0"], peers = "untrusted""#,
            &format!(
                r#"bind = ["udp://127.0.0.1:0", "tls://127.0.0.1:0"], peers = "untrusted", tls = {{ certificate = "{0}/edge.pem", key = "{0}/edge.key" }}"#,
                folder.path().display()
            ),
        )
        .replace(
            "route = [",
            &format!(
                "route = [\n    {{ from = \"core\", domain = [\"hole.example\"], next_hop = [\"sip:{};transport=tls\"], via = \"outside\" }},",
                black_hole.local_addr().unwrap()
            ),
        );
    let node = Node::start(folder.path(), &text);
    let mut caller = Phone::connected_to(node.address("core", "tcp"));
    let lost = Dialog {
        call_id: "lost",
        privacy: "",
    };
    let lost = lost.invite(&caller).replace("elsewhere.example", "hole.example");
    caller.send(&lost);
    let held = black_hole.accept().unwrap();
    let through = Dialog {
        call_id: "through",
        privacy: "",
    };
    let mut other = Phone::connected_to(node.address("core", "tcp"));
    call(&through, &mut other, &mut callee);
    // It is given up when the handshake has taken too long.
    let refused = caller.receive();
    assert!(refused.start().starts_with("SIP/2.0 500"), "{}", refused.text());
    drop(held);
    node.stop();
}
