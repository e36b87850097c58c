//! No secret of a call reaches a log line, a Debug or a Display; no call makes an error of itself.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sipveil::engine::{Input, LocateId, Output};
use sipveil::locate::{Answer, Data, HostName, Record};
use sipveil::sip::parse::{Carrier, ParseLimits, parse};
use sipveil::sip::{Draft, Essentials, Transport};
use sipveil::trust::{Destination, Hop, Origin};
use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

use crate::end_to_end::node::Node;
use crate::end_to_end::phone::Phone;
use crate::end_to_end::{ANYWHERE, Dialog, call, policy};
use crate::world::{POLICY, Sent, World, keys, respond};

/// Everything a call here must not leave behind: names, numbers, hosts, addresses, the Call-ID, tokens, the key.
const SECRETS: &[&str] = &[
    "liddell",
    "15551230001",
    "rabbithole",
    "10.20.0.77",
    "192.0.2.99",
    "secret-call-id",
    "hatter",
    "2a2a2a2a",
    "42, 42",
];

const INVITE: &str = "INVITE sip:hatter@net.example SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.20.0.77:5060;branch=z9hG4bKliddell\r\nMax-Forwards: 70\r\n\
    From: \"Alice Liddell\" <sip:liddell@rabbithole.example>;tag=liddell\r\nTo: <sip:hatter@net.example>\r\n\
    Call-ID: secret-call-id@10.20.0.77\r\nCSeq: 1 INVITE\r\nContact: <sip:liddell@10.20.0.77>\r\n\
    P-Asserted-Identity: <tel:+15551230001>\r\nPrivacy: PRIVACY\r\nContent-Length: 0\r\n\r\n";

/// What was written so far, by one thread's subscriber.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Written;

    fn make_writer(&'a self) -> Written {
        self.clone()
    }
}

fn assert_silent(text: &str) {
    let lower = text.to_lowercase();
    for secret in SECRETS {
        assert!(!lower.contains(secret), "{secret} is shown:\n{text}");
    }
    assert!(!text.contains("ERROR"), "an error:\n{text}");
}

/// Runs what `scene` does under a subscriber that takes everything, and gives what was written.
pub fn logged(scene: impl FnOnce()) -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, scene);
    written.text()
}

#[test]
fn the_engine_logs_what_it_did_and_to_nobody_in_particular() {
    let text = logged(|| {
        let mut world = World::new(POLICY);
        world.engine.observe();
        let invite = INVITE.replace("PRIVACY", "user;id");
        let sent = world.packet("core", "10.20.0.77:5060", &invite);
        let at_callee = first_to(&sent, "192.0.2.9:5060");
        let extra = "Contact: <sip:hatter@192.0.2.99>\r\nP-Asserted-Identity: <sip:hatter@rabbithole.example>\r\n";
        world.packet("net", "192.0.2.9:5060", &respond(at_callee, "200 OK", "hatter", extra));
        // Again, refused, unreadable, stray, cancelled, not answered.
        world.packet("core", "10.20.0.77:5060", &invite);
        let critical = INVITE
            .replace("PRIVACY", "session;critical")
            .replace("bKliddell", "bK2liddell");
        world.packet("core", "10.20.0.77:5060", &critical);
        world.packet("core", "10.20.0.77:5060", &INVITE.replace("CSeq: 1", "CSeq: liddell"));
        world.packet("core", "10.20.0.77:5060", "liddell");
        world.packet(
            "net",
            "192.0.2.99:5060",
            &respond(at_callee, "486 Busy Here", "hatter", ""),
        );
        let other = INVITE.replace("bKliddell", "bK3liddell").replace("PRIVACY", "id");
        world.packet("core", "10.20.0.77:5060", &other);
        world.packet("core", "10.20.0.77:5060", &other.replace("INVITE", "CANCEL"));
        world.pass(std::time::Duration::from_secs(300));
        let mut shown = String::new();
        for event in world.events() {
            write!(shown, "{event:?}").unwrap();
        }
        assert!(!shown.is_empty());
        assert_silent(&shown);
    });
    assert_silent(&text);
    for word in [
        "cleared",
        "refused",
        "dropped",
        "call=#",
        "no-member-evidence",
        "PRIV-060",
    ] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

fn first_to<'a>(sent: &'a [Sent], to: &str) -> &'a Sent {
    sent.iter().find(|sent| sent.to.to_string() == to).unwrap()
}

#[test]
fn what_is_held_shows_nobody_when_it_is_printed() {
    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 8192,
        header_bytes_max: 8192,
        header_block_bytes_max: 65_536,
        header_rows_max: 100,
        body_bytes_max: 65_536,
    };
    let mut world = World::new(POLICY);
    let policy = crate::world::policy(POLICY);
    let invite = INVITE.replace("PRIVACY", "user;id");
    let flow = world.flow("core", Transport::Udp, "10.20.0.77:5060", None);
    let destination = Destination {
        listener: flow.listener,
        transport: Transport::Udp,
        remote: "192.0.2.99:5060".parse().unwrap(),
        connection: None,
        certified: None,
    };
    let message = parse(invite.clone().into(), Carrier::Datagram, &LIMITS).unwrap();
    let refused = parse(invite.replace("Call-ID:", "Call-ID").into(), Carrier::Datagram, &LIMITS).unwrap_err();
    let essentials = Essentials::read(&message).unwrap();
    let draft = Draft::from(message.clone());
    let mut shown = format!(
        "{flow:?} {destination:?} {message:?} {refused:?} {} {essentials:?} {draft:?}",
        refused.error
    );
    write!(
        shown,
        "{:?} {:?}",
        Origin::judge(&policy, flow),
        Hop::judge(&policy, destination)
    )
    .unwrap();
    write!(shown, "{:?}", keys()).unwrap();
    // Inputs and outputs, with the messages in them.
    let input = Input::Packet {
        flow,
        bytes: invite.into(),
    };
    write!(shown, "{input:?}").unwrap();
    let located = Input::Located {
        id: LocateId(1),
        answer: Answer::Found {
            records: vec![Record {
                owner: HostName::parse(b"rabbithole.example").unwrap(),
                data: Data::Address("192.0.2.99".parse().unwrap()),
            }],
            lifetime: Duration::from_secs(60),
        },
    };
    write!(shown, "{located:?}").unwrap();
    let now = world.now;
    world.engine.handle(now, input);
    let outputs: Vec<Output> = std::iter::from_fn(|| world.engine.poll_output()).collect();
    assert!(!outputs.is_empty());
    write!(shown, "{outputs:?}").unwrap();
    assert_silent(&shown);
}

#[test]
fn a_proxy_that_writes_down_everything_names_nobody() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let text = policy(ANYWHERE, &format!("sip:{}", callee.address), "sip:127.0.0.1:9", "");
    let node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let dialog = Dialog {
        call_id: "secret-call-id",
        privacy: "Privacy: user;id\r\n",
    };
    call(&dialog, &mut caller, &mut callee);
    let ports = [caller.address.port(), callee.address.port()].map(|port| format!(":{port}"));
    let log = node.stop();
    assert!(log.contains("cleared"), "{log}");
    assert_silent(&log);
    for port in ports {
        assert!(!log.contains(&port), "{port} is shown:\n{log}");
    }
}
