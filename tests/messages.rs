//! What a message must be, and what becomes of one that is not: section 2 of the catalogue, by status, reason and bytes.

use std::time::Duration;

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::sip::Transport;
use sipveil::sip::framing::{Framer, FramingLimits};
use sipveil::trust::ConnectionId;

use crate::world::{POLICY, Sent, World, respond};

const CORE: &str = "10.20.0.9:5060";
const NET: &str = "192.0.2.9:5060";

/// A request as a list of rows, to be spoilt one at a time.
struct Text {
    start: String,
    rows: Vec<String>,
    body: Vec<u8>,
}

impl Text {
    fn of(method: &str) -> Text {
        let rows = [
            "Via: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa",
            "From: \"Al\" <sip:al@home1.example>;tag=7",
            "To: <sip:bob@net.example>",
            "Call-ID: call",
            &format!("CSeq: 1 {method}"),
        ];
        Text {
            start: format!("{method} sip:bob@net.example SIP/2.0"),
            rows: rows.map(str::to_owned).to_vec(),
            body: Vec::new(),
        }
    }

    fn start(mut self, start: &str) -> Text {
        self.start = start.to_owned();
        self
    }

    fn without(mut self, name: &str) -> Text {
        self.rows.retain(|row| !row.starts_with(&format!("{name}:")));
        self
    }

    fn with(mut self, row: impl Into<String>) -> Text {
        self.rows.push(row.into());
        self
    }

    fn instead(self, row: &str) -> Text {
        let name = row.split(':').next().unwrap_or_default().to_owned();
        self.without(&name).with(row)
    }

    fn body(mut self, body: &[u8]) -> Text {
        self.body = body.to_vec();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.start).into_bytes();
        for row in &self.rows {
            out.extend_from_slice(row.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// What leaves when the core sends this in a datagram.
    fn sent_by_core(&self) -> Vec<Sent> {
        World::new(POLICY).packet_bytes("core", CORE, self.bytes().into())
    }

    /// The answer to it, which is all that leaves.
    fn answer(&self) -> String {
        let sent = self.sent_by_core();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        only_allowed_rows(&sent[0]);
        sent[0].start().to_owned()
    }

    /// The request as forwarded.
    fn forwarded(&self) -> Sent {
        let sent = self.sent_by_core();
        let forwarded = sent.into_iter().find(|sent| sent.to.to_string() == NET);
        forwarded.expect("it is forwarded")
    }
}

/// Whatever an answer of ours says, these rows are all it has.
fn only_allowed_rows(answer: &Sent) {
    let head = answer.text().split("\r\n\r\n").next().unwrap_or_default();
    let allowed = [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Content-Length",
        "Unsupported",
        "Retry-After",
    ];
    for row in head.split("\r\n").skip(1) {
        let name = row.split(':').next().unwrap_or_default();
        assert!(allowed.contains(&name), "an answer of ours has a row {row}");
    }
    assert!(answer.text().ends_with("\r\n\r\n"), "an answer of ours has a body");
}

//= MSG-001 type=test
#[test]
fn a_request_without_a_mandatory_field_is_told_which() {
    for name in ["Call-ID", "From", "To", "CSeq"] {
        let expected = format!("SIP/2.0 400 Missing {name}");
        assert_eq!(Text::of("OPTIONS").without(name).answer(), expected);
    }
    for (row, reason) in [
        ("From: <sip:al@home1.example", "Malformed From"),
        ("To: \"open <sip:bob@net.example>", "Malformed To"),
        ("Call-ID:", "Malformed Call-ID"),
        ("CSeq: one OPTIONS", "Malformed CSeq"),
    ] {
        let answer = Text::of("OPTIONS").instead(row).answer();
        assert_eq!(answer, format!("SIP/2.0 400 {reason}"), "{row}");
    }
    assert!(Text::of("OPTIONS").without("Via").sent_by_core().is_empty());
    assert!(Text::of("OPTIONS").instead("Via: nonsense").sent_by_core().is_empty());
    // An ACK is never answered.
    assert!(Text::of("ACK").without("Call-ID").sent_by_core().is_empty());
    // Max-Forwards is none of them.
    assert_eq!(Text::of("OPTIONS").forwarded().row("Max-Forwards"), Some("70"));
}

//= MSG-001 type=test
//= MSG-002 type=test
//= MSG-004 type=test
//= MSG-005 type=test
#[test]
fn a_broken_response_goes_nowhere() {
    let mut world = World::new(POLICY);
    let request = Text::of("OPTIONS");
    let sent = world.packet_bytes("core", CORE, request.bytes().into());
    let good = respond(&sent[0], "200 OK", "b", "");
    let broken = [
        good.replace("SIP/2.0 200", "SIP/3.0 200"),
        good.replace("CSeq: 1 OPTIONS", "CSeq: 36893488147419103232 OPTIONS"),
        good.replace("CSeq: 1 OPTIONS\r\n", ""),
        good.replace("Call-ID: call\r\n", ""),
        good.replace("From: ", "X-From: "),
        good.replace("To: ", "X-To: "),
        good.replace("Content-Length: 0", "Content-Length: 5"),
        good.replace("Via: ", "X-Via: "),
    ];
    for text in broken {
        assert_ne!(text, good);
        assert!(world.packet("net", NET, &text).is_empty(), "{text}");
    }
    assert_eq!(world.packet("net", NET, &good).len(), 1);
}

//= MSG-002 type=test
#[test]
fn another_version_of_sip_is_not_spoken() {
    let text = Text::of("OPTIONS").start("OPTIONS sip:bob@net.example SIP/7.0");
    assert_eq!(text.answer(), "SIP/2.0 505 Version Not Supported");
    let text = Text::of("OPTIONS").start("OPTIONS sip:bob@net.example sip/2.0");
    assert!(text.forwarded().start().starts_with("OPTIONS sip:bob@net.example"));
}

//= MSG-003 type=test
#[test]
fn cseq_names_the_method() {
    let text = Text::of("INVITE").instead("CSeq: 1 ACK");
    assert!(text.answer().starts_with("SIP/2.0 400 "));
    let text = Text::of("NEWMETHOD").instead("CSeq: 1 INVITE");
    assert!(text.answer().starts_with("SIP/2.0 501 "));
}

//= MSG-004 type=test
#[test]
fn numbers_have_ranges() {
    for number in ["36893488147419103232", "2147483648", "-1", "4294967296"] {
        let text = Text::of("OPTIONS").instead(&format!("CSeq: {number} OPTIONS"));
        assert!(text.answer().starts_with("SIP/2.0 400 "), "{number}");
    }
    let text = Text::of("OPTIONS").instead("CSeq: 2147483647 OPTIONS");
    assert_eq!(text.forwarded().row("CSeq"), Some("2147483647 OPTIONS"));
    for odd in ["300", "many", "-1", ""] {
        let text = Text::of("OPTIONS").with(format!("Max-Forwards: {odd}"));
        assert_eq!(text.forwarded().row("Max-Forwards"), Some("70"), "{odd}");
    }
    assert_eq!(
        Text::of("OPTIONS")
            .with("Max-Forwards: 255")
            .forwarded()
            .row("Max-Forwards"),
        Some("254")
    );
    let text = Text::of("SUBSCRIBE").with("Expires: 99999999999999999999");
    assert_eq!(text.forwarded().row("Expires"), Some("99999999999999999999"));
}

//= MSG-005 type=test
#[test]
fn a_datagram_ends_its_body() {
    let short = Text::of("MESSAGE").with("Content-Length: 9999").body(b"ten bytes.");
    assert!(short.answer().starts_with("SIP/2.0 400 "));
    let long = Text::of("MESSAGE").with("Content-Length: 3").body(b"bodyrest");
    assert!(long.forwarded().text().ends_with("\r\n\r\nbod"));
    let unsaid = Text::of("MESSAGE").body(b"all of it");
    assert!(unsaid.forwarded().text().ends_with("\r\n\r\nall of it"));
    let agreed = Text::of("MESSAGE").with("Content-Length: 4").with("l: 4").body(b"body");
    assert!(agreed.forwarded().text().ends_with("\r\n\r\nbody"));
}

//= MSG-005 type=test
#[test]
fn a_stream_that_lost_its_frames_is_answered_and_closed() {
    for rows in [
        &["Content-Length: 3", "Content-Length: 4"][..],
        &["Content-Length: 3", "l: 4"],
        &["Content-Length: three"],
        &["Content-Length: -3"],
        &["Content-Length: 99999999999999999999999"],
        &[],
    ] {
        let mut text = Text::of("MESSAGE").instead("Via: SIP/2.0/TCP 10.20.0.9:5060;branch=z9hG4bKa");
        text.rows.extend(rows.iter().map(|row| (*row).to_owned()));
        let second = Text::of("OPTIONS").with("Content-Length: 0");
        let bytes = [&text.bytes()[..], &second.bytes()].concat();
        let mut line = Line::open();
        let sent = line.feed(&bytes);
        assert_eq!(sent.len(), 1, "{rows:?} {sent:#?}");
        assert!(sent[0].start().starts_with("SIP/2.0 400 "), "{}", sent[0].start());
        assert_eq!(sent[0].connection, Some(ConnectionId(1)));
        only_allowed_rows(&sent[0]);
        assert!(line.framer.is_lost(), "{rows:?}");
        assert!(line.feed(&second.bytes()).is_empty());
    }
}

//= MSG-007 type=test
#[test]
fn a_field_that_is_single_stands_once() {
    for row in [
        "From: <sip:eve@home1.example>;tag=8",
        "f: <sip:eve@home1.example>;tag=8",
        "To: <sip:bob@net.example>",
        "Call-ID: call",
        "i: other",
        "CSeq: 1 OPTIONS",
    ] {
        assert!(
            Text::of("OPTIONS").with(row).answer().starts_with("SIP/2.0 400 "),
            "{row}"
        );
    }
    let text = Text::of("OPTIONS").with("Max-Forwards: 70").with("Max-Forwards: 69");
    assert!(text.answer().starts_with("SIP/2.0 400 "));
    let text = Text::of("OPTIONS").with("Date: one").with("Date: two");
    assert_eq!(text.forwarded().rows("Date"), ["one", "two"]);
}

//= MSG-008 type=test
#[test]
fn a_bare_cookie_is_no_branch_and_a_missing_one_is_old() {
    let mut world = World::new(POLICY);
    let bare = Text::of("OPTIONS").instead("Via: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK");
    let sent = world.packet_bytes("core", CORE, bare.bytes().into());
    assert_eq!(sent.len(), 1);
    assert!(sent[0].start().starts_with("SIP/2.0 400 "));
    assert_eq!(world.engine.transactions(), 0);
    let again = world.packet_bytes("core", CORE, bare.bytes().into());
    assert_eq!(again[0].bytes, sent[0].bytes, "the same answer, statelessly");
    for via in ["SIP/2.0/UDP 10.20.0.9:5060", "SIP/2.0/UDP 10.20.0.9:5060;branch=7"] {
        let mut world = World::new(POLICY);
        let old = Text::of("OPTIONS").instead(&format!("Via: {via}"));
        assert_eq!(world.packet_bytes("core", CORE, old.bytes().into()).len(), 1);
        assert!(
            world.packet_bytes("core", CORE, old.bytes().into()).is_empty(),
            "{via}: absorbed"
        );
        assert_eq!(world.engine.transactions(), 1);
        let other = old.instead("CSeq: 2 OPTIONS");
        assert_eq!(world.packet_bytes("core", CORE, other.bytes().into()).len(), 1);
    }
}

//= MSG-009 type=test
#[test]
fn what_no_rule_names_passes_byte_for_byte() {
    let rows = [
        "Date: not a date at all",
        "X-Foo:\tspaced  out \t",
        "x-FOO : again",
        "sUbJeCt:one\r\n two",
        "P-Asserted-Identity: <sip:alice%00bob@home1.example>",
        "Accept: a/b,,c/d",
        "Accept:",
        "Supported: x",
        "Warning: nonsense",
    ];
    let mut text = Text::of("NOVEL");
    for row in rows {
        text = text.with(row);
    }
    let body = b"\x00\xff body \r\n\r\n INVITE";
    let mut bytes = text.body(body).bytes();
    // And bytes that are no text.
    let at = memchr::memmem::find(&bytes, b"nonsense").unwrap();
    bytes.splice(at..at + 3, [0x80, 0x00, 0xff]);
    let mut world = World::new(POLICY);
    let bytes = replace(&bytes, b"net.example", b"ally.example");
    let sent = world.packet_bytes("core", CORE, bytes.clone().into());
    let forwarded = sent
        .iter()
        .find(|sent| sent.to.to_string() == "192.0.2.70:5060")
        .unwrap();
    let begin = |bytes: &[u8]| memchr::memmem::find(bytes, b"Date:").unwrap();
    let added = b"Max-Forwards: 70\r\nMax-Breadth: 60\r\n";
    let behind = |bytes: &[u8]| replace(&bytes[begin(bytes)..], added, b"");
    assert_eq!(behind(&forwarded.bytes), behind(&bytes));
    // Outside T, with id, the identity goes, odd as it is; everything else stays.
    let mut world = World::new(POLICY);
    let bytes = replace(&bytes, b"ally.example", b"net.example");
    let bytes = replace(&bytes, b"Date:", b"Privacy: id\r\nDate:");
    let sent = world.packet_bytes("core", CORE, bytes.clone().into());
    let identity = &b"P-Asserted-Identity: <sip:alice%00bob@home1.example>\r\n"[..];
    assert_eq!(behind(&sent[0].bytes), replace(&behind(&bytes), identity, b""));
}

fn replace(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(bytes, what) {
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(with);
        from = at + what.len();
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

//= MSG-010 type=test
#[test]
fn spellings_of_a_field_are_one() {
    for (row, others) in [
        ("p-asserted-IDENTITY :<sip:al@home1.example>,\r\n <tel:+15551>", ""),
        (
            "P-ASSERTED-IDENTITY\t:\r\n <sip:al@home1.example>",
            "P-Asserted-Identity: <tel:+15551>",
        ),
        (
            "P-Asserted-Identity:<sip:al@home1.example>",
            "Contact: <sip:x@10.20.0.9>",
        ),
    ] {
        for privacy in [
            "Privacy: id",
            "privacy :ID",
            "PRIVACY:\r\n id",
            "Privacy:\tid ;\r\n critical",
        ] {
            let mut text = Text::of("MESSAGE").with(row).with(privacy);
            if !others.is_empty() {
                text = text.with(others);
            }
            let text = text.forwarded().text().to_ascii_lowercase();
            assert!(!text.contains("p-asserted") && !text.contains("+15551"), "{text}");
        }
    }
    // Compact forms are the fields they stand for.
    let text = Text::of("MESSAGE")
        .with("Privacy: user")
        .with("s: secret")
        .with("m: <sip:al@10.20.0.9>");
    let forwarded = text.with("y: \"secret\"").forwarded();
    assert!(
        !forwarded.text().contains("secret") && !forwarded.text().contains("al@"),
        "{}",
        forwarded.text()
    );
}

//= MSG-011 type=test
#[test]
fn the_request_uri_is_one_we_serve() {
    for (uri, status) in [
        ("foo:bar", "416 "),
        ("mailto:bob@net.example", "416 "),
        ("<sip:bob@net.example>", "400 "),
        ("sip:bob@net.example ;x", "400 "),
        ("sip:bob@net.example; lr", "400 "),
        ("tel:+15551", "416 "),
        ("sip:", "400 "),
    ] {
        let answer = Text::of("INVITE").start(&format!("INVITE {uri} SIP/2.0")).answer();
        assert!(answer.starts_with(&format!("SIP/2.0 {status}")), "{uri}: {answer}");
    }
    let text = Text::of("INVITE")
        .start("INVITE tel:+1-555-1 SIP/2.0")
        .with("Route: <sip:192.0.2.9;lr>");
    assert_eq!(text.forwarded().start(), "INVITE tel:+1-555-1 SIP/2.0");
}

//= MSG-012 type=test
#[test]
fn each_size_has_a_limit_that_holds_and_one_more_is_refused() {
    let user = |bytes: usize| {
        let (head, tail) = ("OPTIONS sip:", "@net.example SIP/2.0");
        Text::of("OPTIONS").start(&format!("{head}{}{tail}", "u".repeat(bytes - head.len() - tail.len())))
    };
    assert!(user(8192).forwarded().start().ends_with("@net.example SIP/2.0"));
    assert!(user(8193).answer().starts_with("SIP/2.0 414 "));
    let row = |bytes: usize| Text::of("OPTIONS").with(format!("X-Long: {}", "x".repeat(bytes - 8)));
    // Whether its line end counts is not said; one of the next few bytes is too many.
    row(16 * 1024 - 2).forwarded();
    assert!(row(16 * 1024 + 1).answer().starts_with("SIP/2.0 513 "));
    let rows = |count: usize| (5..count).fold(Text::of("OPTIONS"), |text, at| text.with(format!("X-{at}: x")));
    rows(512).forwarded();
    assert!(rows(513).answer().starts_with("SIP/2.0 513 "));
    let block = |bytes: usize| {
        let text = (0..7).fold(Text::of("OPTIONS"), |text, _| {
            text.with(format!("X: {}", "x".repeat(8000)))
        });
        let missing = bytes - text.bytes().len() - "Y: \r\n".len();
        text.with(format!("Y: {}", "y".repeat(missing)))
    };
    block(65_500).forwarded();
    let vias = |count: usize| {
        (1..count).fold(Text::of("OPTIONS"), |text, at| {
            text.with(format!("Via: SIP/2.0/UDP h;branch=z9hG4bK{at}"))
        })
    };
    vias(100).forwarded();
    assert!(vias(101).answer().starts_with("SIP/2.0 513 "));
    let joined = vec!["SIP/2.0/UDP h;branch=z9hG4bKx"; 100].join(",");
    assert!(
        Text::of("OPTIONS")
            .with(format!("v: {joined}"))
            .answer()
            .starts_with("SIP/2.0 513 ")
    );
    let joined = vec!["<sip:h;lr>"; 101].join(", ");
    assert!(
        Text::of("INVITE")
            .with(format!("Record-Route: {joined}"))
            .answer()
            .starts_with("SIP/2.0 513 ")
    );
}

//= MSG-012 type=test
#[test]
fn a_header_block_too_large_for_us_leaves_the_stream_usable() {
    let filler = |text: Text| (0..9).fold(text, |text, _| text.with(format!("X: {}", "x".repeat(8000))));
    let large = filler(Text::of("OPTIONS")).with("Content-Length: 0");
    assert!(large.bytes().len() > 70 * 1024);
    let mut line = Line::open();
    let sent = line.feed(&large.bytes());
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].start(), "SIP/2.0 513 Message Too Large");
    assert!(!line.framer.is_lost());
    let body = Text::of("MESSAGE").with(format!("Content-Length: {}", 256 * 1024 + 1));
    let sent = line.feed(&body.body(&vec![b'x'; 256 * 1024 + 1]).bytes());
    assert_eq!(sent[0].start(), "SIP/2.0 413 Request Entity Too Large");
    let most = Text::of("MESSAGE").with(format!("Content-Length: {}", 256 * 1024));
    let sent = line.feed(&most.body(&vec![b'x'; 256 * 1024]).bytes());
    assert!(sent[0].start().starts_with("MESSAGE "));
    // In pieces, too.
    let good = Text::of("OPTIONS")
        .with("Content-Length: 0")
        .instead("CSeq: 9 OPTIONS")
        .bytes();
    let mut sent = Vec::new();
    for piece in good.chunks(7) {
        sent.extend(line.feed(piece));
    }
    assert_eq!(sent.len(), 1);
}

//= MSG-013 type=test
#[test]
fn an_identity_that_cannot_be_read_goes_all_the_same() {
    for broken in ["<sip:broken", "\"x", "\u{0}", "", "tel:", "<sip:a@x>, <sip:b"] {
        let row = format!("P-Asserted-Identity: {broken}");
        let text = Text::of("MESSAGE").with("Privacy: id").with(row.clone());
        assert!(text.forwarded().rows("P-Asserted-Identity").is_empty(), "{broken}");
        // From a stranger: without any wish.
        let mut world = World::new(POLICY);
        let text = Text::of("MESSAGE").with(row.clone());
        let bytes = replace(&text.bytes(), b"net.example", b"home1.example");
        let sent = world.packet_bytes("net", "192.0.2.30:5060", bytes.into());
        assert_eq!(sent[0].to.to_string(), CORE);
        assert!(sent[0].rows("P-Asserted-Identity").is_empty(), "{broken}");
        // Between nodes of T: as received.
        let bytes = replace(&text.bytes(), b"net.example", b"ally.example");
        let sent = World::new(POLICY).packet_bytes("core", CORE, bytes.into());
        assert_eq!(sent[0].rows("P-Asserted-Identity"), [broken.trim()], "{broken}");
    }
}

/// Whatever refuses a request, the answer repeats what came and says nothing else.
//= MSG-016 type=test
#[test]
fn an_answer_of_ours_carries_no_identity() {
    let secret = [
        "P-Asserted-Identity: <sip:secret@home1.example>",
        "Contact: <sip:secret@10.20.0.9>",
        "Privacy: user;critical;session",
        "Server: secret",
        "User-Agent: secret",
        "Organization: secret",
        "Call-Info: <http://secret>",
        "Record-Route: <sip:secret;lr>",
        "Warning: 399 secret \"x\"",
    ];
    let told = |text: Text| secret.iter().fold(text, |text, row| text.with(*row));
    let cases = [
        (told(Text::of("INVITE")), "500"),
        (told(Text::of("INVITE")).with("Max-Forwards: 0"), "483"),
        (told(Text::of("INVITE")).with("Proxy-Require: foo"), "420"),
        (
            told(Text::of("INVITE")).start("INVITE sip:x@home1.example SIP/2.0"),
            "404",
        ),
        (told(Text::of("INVITE")).start("INVITE foo:x SIP/2.0"), "416"),
        (told(Text::of("CANCEL")), "481"),
        (told(Text::of("BYE")).with("Content-Length: 7"), "400"),
    ];
    for (text, status) in cases {
        let sent = text.sent_by_core();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        assert!(
            sent[0].start().starts_with(&format!("SIP/2.0 {status} ")),
            "{}",
            sent[0].start()
        );
        only_allowed_rows(&sent[0]);
        assert!(!sent[0].text().contains("secret"), "{}", sent[0].text());
        assert_eq!(sent[0].row("From"), Some("\"Al\" <sip:al@home1.example>;tag=7"));
    }
}

/// No answer is left waiting for time to pass: what cannot be read leaves nothing behind.
#[test]
fn what_is_refused_by_its_form_holds_no_transaction() {
    let mut world = World::new(POLICY);
    for text in [
        Text::of("OPTIONS").without("Call-ID"),
        Text::of("OPTIONS").start("OPTIONS sip:x SIP/9"),
        Text::of("OPTIONS").instead("CSeq: 1 ACK"),
        Text::of("OPTIONS").with("no colon"),
    ] {
        assert_eq!(world.packet_bytes("core", CORE, text.bytes().into()).len(), 1);
    }
    assert_eq!(world.engine.transactions(), 0);
    assert!(world.pass(Duration::from_secs(60)).is_empty());
}

/// A stream to the core's listener, cut into messages as the shell cuts it.
struct Line {
    world: World,
    framer: Framer,
}

impl Line {
    fn open() -> Line {
        let policy = POLICY.replace(
            "\"udp://10.20.0.1:5060\"",
            "\"udp://10.20.0.1:5060\", \"tcp://10.20.0.1:5060\"",
        );
        let framer = Framer::new(FramingLimits {
            start_line_bytes_max: 16 * 1024,
            header_block_bytes_max: 128 * 1024,
            body_bytes_max: 512 * 1024,
        });
        Line {
            world: World::new(&policy),
            framer,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<Sent> {
        let flow = self
            .world
            .flow("core", Transport::Tcp, "10.20.0.9:4711", Some(ConnectionId(1)));
        self.framer.push(bytes);
        let mut sent = Vec::new();
        for frame in self.framer.by_ref() {
            let input = match frame {
                Ok(sipveil::sip::framing::Frame::Message(bytes)) => Input::Packet { flow, bytes },
                Ok(sipveil::sip::framing::Frame::KeepAlive) => continue,
                Err(fault) => Input::Unframed {
                    flow,
                    bytes: Bytes::clone(&fault.head),
                    fault: fault.error,
                },
            };
            sent.extend(self.world.input(input));
        }
        sent
    }
}
