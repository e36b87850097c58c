//! A UE that is protected by IPsec: from its first REGISTER to its calls, as the network and the kernel see it.

mod streams;

use std::sync::Arc;
use std::time::Duration;

use sipveil::engine::Output;
use sipveil::pcscf::security::{Change, Direction};
use sipveil::policy::{ListenerId, Policy, Protected};

use crate::world::{POLICY, Sent, World, keys, policy};

const CORE: &str = "10.20.0.9:5060";
const UE: &str = "10.30.0.7";
/// Who the UE is, unless a test says otherwise.
const ALICE: Who = Who {
    name: "alice",
    address: UE,
};
/// The ports of the UE: in clear, client and server. The client port is another after each authentication.
const CLEAR: &str = "10.30.0.7:5060";
const SERVER_PORT: u16 = 31001;

const CK: &str = "101112131415161718191a1b1c1d1e1f";
const IK: &str = "000102030405060708090a0b0c0d0e0f";

fn protected() -> Policy {
    protected_by(Protected {
        server_port: 6101,
        client_ports: vec![6102, 6103, 6104],
        ..PROTECTED
    })
}

const PROTECTED: Protected = Protected {
    server_port: 0,
    client_ports: Vec::new(),
    legacy_algorithms: false,
    require_encryption: false,
    unacceptable_code: 494,
    require_verify_always: false,
};

fn protected_by(protected: Protected) -> Policy {
    let text = POLICY
        .replace("ue_security = [\"none\"]", "ue_security = [\"ipsec-3gpp\"]")
        .replace("i_accept_unprotected_access = true\n", "")
        .replace(
            "user_authentication = [\"none\"]",
            "user_authentication = [\"ims-aka\"]",
        );
    with_ports_of(policy(&text), protected)
}

pub fn with_ports(policy: Policy, client_ports: [u16; 3]) -> Policy {
    let protected = Protected {
        server_port: 6101,
        client_ports: client_ports.to_vec(),
        ..PROTECTED
    };
    with_ports_of(policy, protected)
}

fn with_ports_of(mut policy: Policy, protected: Protected) -> Policy {
    let access = policy.listeners.iter().position(|one| one.name.value == "access");
    policy.protect(ListenerId(access.unwrap() as u16), protected);
    policy
}

pub fn world() -> World {
    World::under(Arc::new(protected()), keys(), [1; 32])
}

/// Whose UE it is, and where.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    pub name: &'static str,
    pub address: &'static str,
}

impl Who {
    /// What Alice would write, in this name and from there.
    fn writes(self, text: &str) -> String {
        text.replace(ALICE.name, self.name).replace(ALICE.address, self.address)
    }
}

/// What a UE writes into a REGISTER, apart from what each test adds.
struct Register<'a> {
    number: u32,
    sent_by: &'a str,
    credentials: &'a str,
    client: Option<&'a str>,
    verify: Option<&'a str>,
    rows: &'a str,
    expires: u32,
}

impl Register<'_> {
    fn text(&self) -> String {
        let Register {
            number,
            sent_by,
            credentials,
            rows,
            expires,
            ..
        } = self;
        let row = |name: &str, value: Option<&str>| value.map_or(String::new(), |value| format!("{name}: {value}\r\n"));
        let client = row("Security-Client", self.client);
        let verify = row("Security-Verify", self.verify);
        format!(
            "REGISTER sip:home1.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP {sent_by};branch=z9hG4bKr{number};rport\r\n\
             From: <sip:alice@home1.example>;tag=1\r\nTo: <sip:alice@home1.example>\r\n\
             Call-ID: r@{UE}\r\nCSeq: {number} REGISTER\r\nMax-Forwards: 70\r\n\
             Contact: <sip:alice@{UE}:{SERVER_PORT}>;expires={expires}\r\n\
             Authorization: Digest username=\"alice@home1.example\", realm=\"home1.example\", \
             uri=\"sip:home1.example\", algorithm=AKAv1-MD5{credentials}\r\n\
             {client}{verify}{rows}Content-Length: 0\r\n\r\n"
        )
    }
}

const ASKS: &str = "Require: sec-agree\r\nProxy-Require: sec-agree\r\nSupported: path, sec-agree\r\n";
const NOTHING_YET: &str = ", nonce=\"\", response=\"\"";
const ANSWER: &str = ", nonce=\"n1\", response=\"0123\"";

fn client(port_c: u16) -> String {
    let spi = u32::from(port_c) - 30000;
    let one = |algorithms: &str| {
        format!(
            "ipsec-3gpp;{algorithms};spi-c={spi};spi-s={};port-c={port_c};port-s={SERVER_PORT}",
            spi + 1
        )
    };
    format!(
        "{}, {}",
        one("alg=hmac-sha-1-96;ealg=aes-cbc"),
        one("alg=hmac-sha-1-96")
    )
}

/// The UE begins in clear.
fn begin(world: &mut World, number: u32, port_c: u16) -> Vec<Sent> {
    begin_as(world, ALICE, number, port_c)
}

fn begin_as(world: &mut World, who: Who, number: u32, port_c: u16) -> Vec<Sent> {
    let register = Register {
        number,
        sent_by: CLEAR,
        credentials: NOTHING_YET,
        client: Some(&client(port_c)),
        verify: None,
        rows: ASKS,
        expires: 600,
    };
    world.packet("access", &who.writes(CLEAR), &who.writes(&register.text()))
}

/// The network's answer to a request it got.
pub fn answer(request: &Sent, status: &str, rows: &str) -> String {
    let copied = ["Via", "From", "Call-ID", "CSeq"];
    let copied: String = copied
        .into_iter()
        .flat_map(|name| {
            request
                .rows(name)
                .into_iter()
                .map(move |row| format!("{name}: {row}\r\n"))
        })
        .collect();
    let to = request.row("To").unwrap();
    format!("SIP/2.0 {status}\r\n{copied}To: {to};tag=9\r\n{rows}Content-Length: 0\r\n\r\n")
}

fn challenge(nonce: &str) -> String {
    format!(
        "WWW-Authenticate: Digest realm=\"home1.example\", nonce=\"{nonce}\", algorithm=AKAv1-MD5, ck=\"{CK}\", ik=\"{IK}\"\r\n"
    )
}

fn granted(expires: u32) -> String {
    format!(
        "Contact: <sip:alice@{UE}:{SERVER_PORT}>;expires={expires}\r\nP-Associated-URI: <sip:alice@home1.example>\r\n"
    )
}

pub fn from_core(world: &mut World, text: &str) -> Vec<Sent> {
    world.packet("core", CORE, text)
}

/// The only message that left.
pub fn only(sent: Vec<Sent>) -> Sent {
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent.into_iter().next().unwrap()
}

/// A UE between two messages: its client port, and what it was told last.
pub struct Ue {
    who: Who,
    port_c: u16,
    number: u32,
    server: String,
}

impl Ue {
    fn from(&self) -> String {
        format!("{}:{}", self.who.address, self.port_c)
    }

    pub fn sends(&self, world: &mut World, text: &str) -> Vec<Sent> {
        world.packet("access 6101", &self.from(), text)
    }

    fn register(&mut self, credentials: &str, client: Option<&str>, verify: Option<&str>) -> String {
        self.number += 1;
        let from = self.from();
        let register = Register {
            number: self.number,
            sent_by: &from,
            credentials,
            client,
            verify,
            rows: ASKS,
            expires: 600,
        };
        self.who.writes(&register.text())
    }

    /// The answer to its challenge.
    fn answers(&mut self) -> String {
        let (client, server) = (client(self.port_c), self.server.clone());
        self.register(ANSWER, Some(&client), Some(&server))
    }

    pub fn invite(&mut self, rows: &str) -> String {
        self.number += 1;
        let (number, from) = (self.number, self.from());
        let text = format!(
            "INVITE sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKi{number};rport\r\n\
             From: <sip:alice@home1.example>;tag=2\r\nTo: <sip:bob@home1.example>\r\n\
             Call-ID: i{number}@{UE}\r\nCSeq: {number} INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:alice@{UE}:{SERVER_PORT}>\r\n{rows}Content-Length: 0\r\n\r\n"
        );
        self.who.writes(&text)
    }
}

/// A UE that was challenged.
fn challenged(world: &mut World) -> Ue {
    challenged_as(world, ALICE)
}

fn challenged_as(world: &mut World, who: Who) -> Ue {
    let inward = only(begin_as(world, who, 1, 31000));
    let refusal = only(from_core(world, &answer(&inward, "401 Unauthorized", &challenge("n1"))));
    Ue {
        who,
        port_c: 31000,
        number: 1,
        server: refusal.row("Security-Server").unwrap().to_owned(),
    }
}

/// A UE that is registered for so many seconds.
pub fn registered(world: &mut World, expires: u32) -> Ue {
    registered_as(world, ALICE, expires)
}

pub fn registered_as(world: &mut World, who: Who, expires: u32) -> Ue {
    let mut ue = challenged_as(world, who);
    let text = ue.answers();
    let inward = only(ue.sends(world, &text));
    let granted = who.writes(&granted(expires));
    only(from_core(world, &answer(&inward, "200 OK", &granted)));
    ue
}

fn installed(world: &World) -> usize {
    world
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Install(_)))
        .count()
}

fn removed(world: &World) -> usize {
    world
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Remove(_)))
        .count()
}

fn start_of(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::start).collect()
}

//= AKA-001 type=test
//= PCSCF-004 type=test
//= PCSCF-019 type=test
#[test]
fn the_first_register_goes_in_unprotected_and_without_its_offer() {
    let mut world = world();
    let inward = only(begin(&mut world, 1, 31000));
    assert_eq!(
        (inward.to.to_string().as_str(), inward.from_listener.as_str()),
        (CORE, "core")
    );
    let credentials = inward.row("Authorization").unwrap();
    assert_eq!(
        credentials,
        "Digest integrity-protected=\"no\", username=\"alice@home1.example\", realm=\"home1.example\", \
         uri=\"sip:home1.example\", algorithm=AKAv1-MD5, nonce=\"\", response=\"\""
    );
    assert_eq!(inward.rows("Require"), ["path"]);
    for gone in ["Security-Client", "Security-Verify", "Proxy-Require"] {
        assert_eq!(inward.rows(gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(inward.row("Supported"), Some("path, sec-agree"));
    assert!(world.changes.is_empty());
}

//= AKA-002 type=test
//= AKA-003 type=test
//= AKA-011 type=test
//= PCSCF-005 type=test
#[test]
fn a_challenge_installs_two_pairs_before_the_ue_hears_of_them() {
    let mut world = world();
    let inward = only(begin(&mut world, 1, 31000));
    let text = answer(&inward, "401 Unauthorized", &challenge("n1"));
    let flow = world.flow("core", sipveil::sip::Transport::Udp, CORE, None);
    let bytes = text.into_bytes().into();
    world
        .engine
        .handle(world.now, sipveil::engine::Input::Packet { flow, bytes });
    let Some(Output::Security(Change::Install(install))) = world.engine.poll_output() else {
        panic!("the associations come first");
    };
    let pairs = install
        .associations
        .map(|one| (one.direction, one.from.to_string(), one.to.to_string()));
    let pair = |direction, from: &str, to: &str| (direction, from.to_owned(), to.to_owned());
    assert_eq!(
        pairs,
        [
            pair(Direction::In, "10.30.0.7:31000", "10.30.0.1:6101"),
            pair(Direction::Out, "10.30.0.1:6101", "10.30.0.7:31000"),
            pair(Direction::Out, "10.30.0.1:6102", "10.30.0.7:31001"),
            pair(Direction::In, "10.30.0.7:31001", "10.30.0.1:6102"),
        ]
    );
    let refusal = only(world.drain());
    assert_eq!(refusal.start(), "SIP/2.0 401 Unauthorized");
    assert_eq!(
        (refusal.to.to_string().as_str(), refusal.from_listener.as_str()),
        (CLEAR, "access")
    );
    assert!(!refusal.text().contains(CK) && !refusal.text().contains(IK));
    let server = refusal.row("Security-Server").unwrap();
    let ours = |name: &str| {
        let entry = server.split(", ").next().unwrap();
        let value = entry.split(';').find_map(|one| one.strip_prefix(name));
        value.unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(ours("spi-s="), install.associations[0].spi);
    assert_eq!(ours("spi-c="), install.associations[3].spi);
    assert_eq!((ours("port-s="), ours("port-c=")), (6101, 6102));
    assert_eq!(server.split(", ").count(), 4);
}

//= AKA-011 type=test
#[test]
fn two_offers_get_lists_that_differ_in_numbers_alone() {
    let plain = |list: &str| {
        let entries = list.split(", ").map(|entry| {
            let kept = entry
                .split(';')
                .filter(|one| !one.starts_with("spi-") && !one.starts_with("port-"));
            kept.collect::<Vec<_>>().join(";")
        });
        entries.collect::<Vec<_>>()
    };
    let mut one = world();
    let one = challenged(&mut one);
    let mut other = world();
    let mut ue = Register {
        number: 1,
        sent_by: CLEAR,
        credentials: NOTHING_YET,
        client: Some("ipsec-3gpp;alg=aes-gmac;spi-c=77777;spi-s=77778;port-c=32000;port-s=32001"),
        verify: None,
        rows: ASKS,
        expires: 600,
    };
    let inward = only(other.packet("access", CLEAR, &ue.text()));
    let refusal = only(from_core(
        &mut other,
        &answer(&inward, "401 Unauthorized", &challenge("n1")),
    ));
    assert_eq!(plain(&one.server), plain(refusal.row("Security-Server").unwrap()));
    ue.client = None;
    let told = only(other.packet("access", CLEAR, &Register { number: 2, ..ue }.text()));
    assert_eq!(plain(&one.server), plain(told.row("Security-Server").unwrap()));
}

//= AKA-010 type=test
//= AKA-013 type=test
#[test]
fn who_offers_nothing_that_is_served_is_told_what_is() {
    let foo = "ipsec-3gpp;alg=foo;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
    let nat = "ipsec-3gpp;alg=hmac-sha-1-96;mod=UDP-enc-tun;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
    let md5 = "ipsec-3gpp;alg=hmac-md5-96;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
    for (rows, client, status) in [
        ("Supported: path\r\n", None, "SIP/2.0 421 Extension Required"),
        ("Supported: path\r\n", Some(foo), "SIP/2.0 421 Extension Required"),
        (ASKS, None, "SIP/2.0 494 Security Agreement Required"),
        (ASKS, Some(foo), "SIP/2.0 494 Security Agreement Required"),
        (ASKS, Some(nat), "SIP/2.0 494 Security Agreement Required"),
        (ASKS, Some(md5), "SIP/2.0 494 Security Agreement Required"),
    ] {
        let mut world = world();
        let register = Register {
            number: 1,
            sent_by: CLEAR,
            credentials: NOTHING_YET,
            client,
            verify: None,
            rows,
            expires: 600,
        };
        let told = only(world.packet("access", CLEAR, &register.text()));
        assert_eq!((told.start(), told.to.to_string().as_str()), (status, CLEAR));
        assert_eq!(told.row("Require"), Some("sec-agree"));
        assert_eq!(told.row("Security-Server").unwrap().split(", ").count(), 4);
    }
}

//= AKA-005 type=test
#[test]
fn md5_is_taken_where_the_policy_says_so() {
    let policy = protected_by(Protected {
        server_port: 6101,
        client_ports: vec![6102],
        legacy_algorithms: true,
        ..PROTECTED
    });
    let mut world = World::under(Arc::new(policy), keys(), [1; 32]);
    let register = Register {
        number: 1,
        sent_by: CLEAR,
        credentials: NOTHING_YET,
        client: Some("ipsec-3gpp;alg=hmac-md5-96;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001"),
        verify: None,
        rows: ASKS,
        expires: 600,
    };
    let inward = only(world.packet("access", CLEAR, &register.text()));
    from_core(&mut world, &answer(&inward, "401 Unauthorized", &challenge("n1")));
    assert_eq!(installed(&world), 1);
}

//= AKA-005 type=test
//= AKA-013 type=test
#[test]
fn who_does_not_encrypt_is_refused_where_that_is_wanted() {
    let clear = "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1000;spi-s=1001;port-c=31000;port-s=31001";
    for (unacceptable_code, status, entries) in [
        (494, "SIP/2.0 494 Security Agreement Required", Some(2)),
        (403, "SIP/2.0 403 Forbidden", None),
    ] {
        let policy = protected_by(Protected {
            server_port: 6101,
            client_ports: vec![6102, 6103, 6104],
            require_encryption: true,
            unacceptable_code,
            ..PROTECTED
        });
        let mut world = World::under(Arc::new(policy), keys(), [1; 32]);
        let register = Register {
            number: 9,
            sent_by: CLEAR,
            credentials: NOTHING_YET,
            client: Some(clear),
            verify: None,
            rows: ASKS,
            expires: 600,
        };
        let told = only(world.packet("access", CLEAR, &register.text()));
        assert_eq!(told.start(), status);
        let list = told.row("Security-Server").map(|list| list.split(", ").count());
        assert_eq!(list, entries, "{}", told.text());
        // One that encrypts is told of nothing else, and served.
        let ue = challenged(&mut world);
        assert!(!ue.server.contains("ealg=null"), "{}", ue.server);
        assert_eq!(installed(&world), 1);
    }
}

//= LI-014 type=test
#[test]
fn a_pseudonym_registers_where_nobody_else_reads_it() {
    let with = |ue_security: &str, physical: bool, pseudonym: &str, required: bool| {
        let lines =
            format!("[pcscf]\npseudonyms = [\"{pseudonym}\"]\nrequire_protected_pseudonyms = {required}\n[[peer]]");
        let text = POLICY
            .replace("[[peer]]", &lines)
            .replace("ue_security = [\"none\"]", ue_security);
        match physical {
            true => text.replace("peers = \"ue\"", "peers = \"ue\"\nsecured_by = \"physical\""),
            false => text,
        }
    };
    let clear = "ue_security = [\"none\", \"ipsec-3gpp\"]";
    let own = "ue_security = [\"physical\", \"ipsec-3gpp\"]";
    let alice = "sip:%61lice@HOME1.example";
    let (none, some) = ("Supported: path\r\n", ASKS);
    let passes = "REGISTER sip:home1.example SIP/2.0";
    let (ask, list) = (
        "SIP/2.0 421 Extension Required",
        "SIP/2.0 494 Security Agreement Required",
    );
    for (text, rows, is_agreeing, start) in [
        (with(clear, false, alice, true), none, false, ask),
        (with(clear, false, alice, true), some, false, list),
        (with(clear, false, alice, true), some, true, passes),
        (with(clear, false, alice, false), none, false, passes),
        (with(clear, false, "sip:carol@home1.example", true), none, false, passes),
        (with(own, true, alice, true), none, false, passes),
    ] {
        for has_ports in [true, false] {
            let mut policy = policy(&text);
            if has_ports {
                policy = with_ports(policy, [6102, 6103, 6104]);
            }
            let mut world = World::under(Arc::new(policy), keys(), [1; 32]);
            let offer = client(31000);
            let register = Register {
                number: 1,
                sent_by: CLEAR,
                credentials: NOTHING_YET,
                client: Some(&offer[..]).filter(|_| is_agreeing),
                verify: None,
                rows,
                expires: 600,
            };
            let told = only(world.packet("access", CLEAR, &register.text()));
            // Where nothing can be agreed on, every way to ask for it is in vain.
            let start = if has_ports || start == passes && !is_agreeing {
                start
            } else {
                ask
            };
            assert_eq!(told.start(), start, "{rows} {has_ports} {text}");
        }
    }
}

//= AKA-020 type=test
//= PCSCF-004 type=test
//= PCSCF-024 type=test
//= TRAP-21 type=test
#[test]
fn the_answer_comes_protected_and_is_accepted_on_the_set() {
    let mut world = world();
    let mut ue = challenged(&mut world);
    let text = ue.answers();
    let inward = only(ue.sends(&mut world, &text));
    assert!(
        inward
            .row("Authorization")
            .unwrap()
            .starts_with("Digest integrity-protected=\"yes\", ")
    );
    assert_eq!(inward.row("Security-Verify"), None);
    let accepted = only(from_core(&mut world, &answer(&inward, "200 OK", &granted(600))));
    assert_eq!(accepted.start(), "SIP/2.0 200 OK");
    assert_eq!(
        (accepted.to.to_string().as_str(), accepted.from_listener.as_str()),
        ("10.30.0.7:31001", "access 6102")
    );
    // What the UE is told is where it is reached, not where it sent from.
    assert!(
        accepted
            .row("Via")
            .unwrap()
            .ends_with(";rport=31001;received=10.30.0.7"),
        "{accepted:#?}"
    );
    assert_eq!((installed(&world), removed(&world)), (1, 0));
}

//= PAI-001 type=test
//= PCSCF-020 type=test
//= PCSCF-024 type=test
//= PCSCF-025 type=test
#[test]
fn calls_go_over_the_set_and_nowhere_else() {
    let mut world = world();
    let mut ue = registered(&mut world, 600);
    let text = ue.invite("");
    let sent = ue.sends(&mut world, &text);
    assert_eq!(
        start_of(&sent),
        ["INVITE sip:bob@home1.example SIP/2.0", "SIP/2.0 100 Trying"]
    );
    assert_eq!(sent[0].row("P-Asserted-Identity"), Some("<sip:alice@home1.example>"));
    assert_eq!(sent[0].rows("Record-Route").len(), 2);
    assert!(
        sent[0].rows("Record-Route")[1].contains("10.30.0.1:6101"),
        "{:#?}",
        sent[0]
    );
    assert_eq!(
        (sent[1].to.to_string().as_str(), sent[1].from_listener.as_str()),
        ("10.30.0.7:31001", "access 6102")
    );
    // In clear the UE is nobody.
    let text = ue.invite("");
    assert_eq!(
        start_of(&world.packet("access", CLEAR, &text)),
        ["SIP/2.0 403 Forbidden"]
    );
    // At a protected port who has no set is not even answered.
    for (listener, from) in [
        ("access 6101", "10.30.0.7:31002"),
        ("access 6101", "10.30.0.8:31000"),
        ("access 6101", CLEAR),
        ("access 6102", "10.30.0.7:31000"),
        ("access 6103", "10.30.0.7:31001"),
    ] {
        let text = ue.invite("");
        assert_eq!(world.packet(listener, from, &text), [], "{listener} {from}");
        assert_eq!(world.packet(listener, from, "nonsense\r\n\r\n"), []);
    }
}

//= PCSCF-025 type=test
#[test]
fn a_temporary_set_takes_nothing_but_its_register() {
    let mut world = world();
    let mut ue = challenged(&mut world);
    let text = ue.invite("");
    assert_eq!(ue.sends(&mut world, &text), []);
    let text = ue.answers();
    assert_eq!(
        start_of(&ue.sends(&mut world, &text)),
        ["REGISTER sip:home1.example SIP/2.0"]
    );
}

//= PCSCF-022 type=test
//= PCSCF-024 type=test
#[test]
fn the_network_reaches_the_ue_over_its_set() {
    let mut world = world();
    let mut ue = challenged(&mut world);
    let text = ue.answers();
    let inward = only(ue.sends(&mut world, &text));
    let path = inward.row("Path").unwrap().to_owned();
    from_core(&mut world, &answer(&inward, "200 OK", &granted(600)));
    let invite = format!(
        "INVITE sip:alice@{UE}:{SERVER_PORT} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKc1\r\nRoute: {path}\r\n\
         From: <sip:bob@home1.example>;tag=3\r\nTo: <sip:alice@home1.example>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:bob@10.20.0.9>\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = from_core(&mut world, &invite);
    let outward = sent.iter().find(|one| one.start().starts_with("INVITE")).unwrap();
    assert_eq!(
        (outward.to.to_string().as_str(), outward.from_listener.as_str()),
        ("10.30.0.7:31001", "access 6102")
    );
    assert!(outward.row("Via").unwrap().starts_with("SIP/2.0/UDP 10.30.0.1:6101;"));
    // The UE answers from its client port to our server port.
    let text = answer(outward, "180 Ringing", "");
    assert_eq!(start_of(&ue.sends(&mut world, &text)), ["SIP/2.0 180 Ringing"]);
    // From elsewhere nobody answers for it.
    let text = answer(outward, "486 Busy Here", "");
    assert_eq!(world.packet("access 6101", "10.30.0.8:31000", &text), []);
    // Its registration is over, and its set: there is no way to it any more.
    let _ = world.pass(Duration::from_secs(631));
    let invite = invite
        .replace("z9hG4bKc1", "z9hG4bKc2")
        .replace("Call-ID: c1", "Call-ID: c2");
    let sent = from_core(&mut world, &invite);
    assert!(
        start_of(&sent).contains(&"SIP/2.0 480 Temporarily Unavailable"),
        "{sent:#?}"
    );
}

//= AKA-014 type=test
#[test]
fn what_was_changed_on_its_way_ends_the_procedure() {
    let swapped = |list: &str| {
        let entries: Vec<&str> = list.split(", ").collect();
        [&[entries[1], entries[0]], &entries[2..]].concat().join(", ")
    };
    for (which, status) in [
        ("verify", "SIP/2.0 494 Security Agreement Required"),
        ("client", "SIP/2.0 494 Security Agreement Required"),
        ("no verify", "SIP/2.0 400 Missing Security Agreement"),
        ("no client", "SIP/2.0 400 Missing Security Agreement"),
    ] {
        let mut world = world();
        let mut ue = challenged(&mut world);
        let (offered, server) = (client(31000), ue.server.clone());
        let (other_client, other_server) = (offered.replace("port-s=31001", "port-s=31003"), swapped(&server));
        let (said, verify) = match which {
            "verify" => (Some(&offered), Some(&other_server)),
            "client" => (Some(&other_client), Some(&server)),
            "no verify" => (Some(&offered), None),
            _ => (None, Some(&server)),
        };
        let text = ue.register(ANSWER, said.map(String::as_str), verify.map(String::as_str));
        let told = only(ue.sends(&mut world, &text));
        assert_eq!(told.start(), status, "{which}");
        assert_eq!(told.to.to_string(), "10.30.0.7:31001");
        if status.contains("494") {
            assert_eq!(told.row("Security-Server"), Some(server.as_str()));
        }
        // The right words come too late.
        let text = ue.answers();
        let told = only(ue.sends(&mut world, &text));
        assert_eq!(told.start(), "SIP/2.0 403 Forbidden");
        let _ = world.pass(Duration::from_secs(128));
        assert_eq!(removed(&world), 1);
    }
}

//= AKA-016 type=test
#[test]
fn a_call_that_repeats_another_list_is_refused() {
    let mut world = world();
    let mut ue = registered(&mut world, 600);
    let right = format!("Security-Verify: {}\r\n", ue.server);
    let text = ue.invite(&right);
    let sent = ue.sends(&mut world, &text);
    assert!(sent[0].start().starts_with("INVITE") && sent[0].row("Security-Verify").is_none());
    let text = ue.invite(&right.replace("aes-gcm", "null"));
    assert_eq!(
        start_of(&ue.sends(&mut world, &text)),
        ["SIP/2.0 494 Security Agreement Required"]
    );
}

//= AKA-013 type=test
//= PCSCF-005 type=test
//= AKA-025 type=test
#[test]
fn a_challenge_that_leads_to_no_set_is_not_passed_on() {
    // No keys.
    let mut world = world();
    let inward = only(begin(&mut world, 1, 31000));
    let keyless = challenge("n1").replace(&format!(", ik=\"{IK}\""), "");
    let told = only(from_core(&mut world, &answer(&inward, "401 Unauthorized", &keyless)));
    assert_eq!(told.start(), "SIP/2.0 500 Server Internal Error");
    assert!(!told.text().contains(CK));

    // Nothing to agree on: the associations it has stay.
    let mut world = self::world();
    let mut ue = registered(&mut world, 600);
    let text = ue.register(NOTHING_YET, None, None);
    let inward = only(ue.sends(&mut world, &text));
    let told = only(from_core(
        &mut world,
        &answer(&inward, "401 Unauthorized", &challenge("n2")),
    ));
    assert_eq!(told.start(), "SIP/2.0 403 Forbidden");
    assert_eq!((installed(&world), removed(&world)), (1, 0));

    // A client port that is in use.
    let inward = only(begin(&mut world, 90, 31000));
    let told = only(from_core(
        &mut world,
        &answer(&inward, "401 Unauthorized", &challenge("n3")),
    ));
    assert_eq!(told.start(), "SIP/2.0 403 Forbidden");
    let text = ue.invite("");
    assert!(ue.sends(&mut world, &text)[0].start().starts_with("INVITE"));
}

//= AKA-003 type=test
//= AKA-020 type=test
//= AKA-023 type=test
#[test]
fn a_reauthentication_takes_the_place_of_the_set_before() {
    let mut world = world();
    let mut ue = registered(&mut world, 600);
    let (next, server) = (client(31010), ue.server.clone());
    let text = ue.register(NOTHING_YET, Some(&next), Some(&server));
    let inward = only(ue.sends(&mut world, &text));
    assert!(
        inward
            .row("Authorization")
            .unwrap()
            .contains("integrity-protected=\"yes\"")
    );
    let told = only(from_core(
        &mut world,
        &answer(&inward, "401 Unauthorized", &challenge("n1")),
    ));
    // On the old set, which is not touched.
    assert_eq!(
        (told.to.to_string().as_str(), told.from_listener.as_str()),
        ("10.30.0.7:31001", "access 6102")
    );
    let mut new = Ue {
        who: ALICE,
        port_c: 31010,
        number: ue.number,
        server: told.row("Security-Server").unwrap().to_owned(),
    };
    assert!(new.server.contains("port-c=6103") && new.server.contains("port-s=6101"));
    let text = new.answers();
    let inward = only(new.sends(&mut world, &text));
    let path = inward.row("Path").unwrap().to_owned();
    let accepted = only(from_core(&mut world, &answer(&inward, "200 OK", &granted(600))));
    assert_eq!(accepted.from_listener, "access 6103");
    let message = |number: u32| {
        format!(
            "MESSAGE sip:alice@{UE}:{SERVER_PORT} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKm{number}\r\n\
             Route: {path}\r\nFrom: <sip:bob@home1.example>;tag=3\r\nTo: <sip:alice@home1.example>\r\n\
             Call-ID: m{number}\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    };
    // Until the UE uses the new one it is reached over the old one.
    assert_eq!(only(from_core(&mut world, &message(1))).from_listener, "access 6102");
    let text = new.invite("");
    assert!(new.sends(&mut world, &text)[0].start().starts_with("INVITE"));
    assert_eq!(only(from_core(&mut world, &message(2))).from_listener, "access 6103");
    assert_eq!((installed(&world), removed(&world)), (2, 0));
    let _ = world.pass(Duration::from_secs(128));
    assert_eq!(removed(&world), 1);
}

//= AKA-022 type=test
#[test]
fn who_begins_anew_in_clear_loses_its_set_when_it_is_accepted() {
    let mut world = world();
    let old = registered(&mut world, 600);
    let inward = only(begin(&mut world, 50, 31020));
    let told = only(from_core(
        &mut world,
        &answer(&inward, "401 Unauthorized", &challenge("n1")),
    ));
    assert_eq!((told.to.to_string().as_str(), removed(&world)), (CLEAR, 0));
    let mut new = Ue {
        who: ALICE,
        port_c: 31020,
        number: 51,
        server: told.row("Security-Server").unwrap().to_owned(),
    };
    let text = new.answers();
    let inward = only(new.sends(&mut world, &text));
    from_core(&mut world, &answer(&inward, "200 OK", &granted(600)));
    assert_eq!((installed(&world), removed(&world)), (2, 1));
    let mut old = old;
    let text = old.invite("");
    assert_eq!(old.sends(&mut world, &text), []);
}

//= AKA-024 type=test
//= AKA-028 type=test
#[test]
fn failed_authentications_leave_what_was_there() {
    let auts = ", nonce=\"n1\", response=\"\", auts=\"x\"";
    let causes = [
        "403",
        "401",
        "empty on the set",
        "auts in clear",
        "auts on the old set",
        "silence",
    ];
    for cause in causes {
        let mut world = world();
        let mut ue = registered(&mut world, 3600);
        let (next, server) = (client(31010), ue.server.clone());
        let text = ue.register(NOTHING_YET, Some(&next), Some(&server));
        let inward = only(ue.sends(&mut world, &text));
        let told = only(from_core(
            &mut world,
            &answer(&inward, "401 Unauthorized", &challenge("n1")),
        ));
        let mut new = Ue {
            who: ALICE,
            port_c: 31010,
            number: 20,
            server: told.row("Security-Server").unwrap().to_owned(),
        };
        let (client, server) = (client(31010), new.server.clone());
        match cause {
            "403" | "401" => {
                let text = new.answers();
                let inward = only(new.sends(&mut world, &text));
                let status = if cause == "403" {
                    "403 Forbidden"
                } else {
                    "401 Unauthorized"
                };
                let told = only(from_core(&mut world, &answer(&inward, status, &challenge("n2"))));
                // On the new set, and no second challenge on top of the first.
                assert_eq!(
                    (told.start(), told.from_listener.as_str()),
                    ("SIP/2.0 403 Forbidden", "access 6103")
                );
            }
            "empty on the set" => {
                let text = new.register(", nonce=\"n1\", response=\"\"", Some(&client), Some(&server));
                let inward = only(new.sends(&mut world, &text));
                assert!(
                    inward
                        .row("Authorization")
                        .unwrap()
                        .contains("integrity-protected=\"no\"")
                );
            }
            "auts in clear" => {
                let register = Register {
                    number: 30,
                    sent_by: CLEAR,
                    credentials: auts,
                    client: Some(&client),
                    verify: None,
                    rows: ASKS,
                    expires: 600,
                };
                let inward = only(world.packet("access", CLEAR, &register.text()));
                assert!(inward.row("Authorization").unwrap().ends_with(auts));
                assert_eq!(removed(&world), 1);
            }
            "auts on the old set" => {
                let text = ue.register(auts, Some(&client), None);
                let inward = only(ue.sends(&mut world, &text));
                assert!(inward.row("Authorization").unwrap().ends_with(auts));
                assert_eq!(removed(&world), 1);
            }
            _ => {}
        }
        let _ = world.pass(Duration::from_secs(240));
        assert_eq!((installed(&world), removed(&world)), (2, 1), "{cause}");
        let text = ue.invite("");
        let sent = ue.sends(&mut world, &text);
        assert_eq!(
            sent[0].row("P-Asserted-Identity"),
            Some("<sip:alice@home1.example>"),
            "{cause}"
        );
    }
}

//= AKA-028 type=test
#[test]
fn a_hundred_registers_of_strangers_change_nothing() {
    let mut world = world();
    let mut ue = registered(&mut world, 3600);
    for number in 0..100 {
        let from = format!("10.30.9.{number}:5060");
        let register = Register {
            number: 1,
            sent_by: &from,
            credentials: NOTHING_YET,
            client: Some(&client(31000)),
            verify: None,
            rows: ASKS,
            expires: 0,
        };
        let inward = only(world.packet("access", &from, &register.text()));
        from_core(&mut world, &answer(&inward, "401 Unauthorized", &challenge("n1")));
    }
    let text = ue.invite("");
    assert!(ue.sends(&mut world, &text)[0].start().starts_with("INVITE"));
    let _ = world.pass(Duration::from_secs(240));
    assert_eq!((installed(&world), removed(&world)), (101, 100));
}

//= AKA-021 type=test
//= PCSCF-011 type=test
#[test]
fn a_set_ends_with_its_registration() {
    let mut world = world();
    let ue = registered(&mut world, 600);
    let _ = world.pass(Duration::from_secs(629));
    assert_eq!(removed(&world), 0);
    let _ = world.pass(Duration::from_secs(1));
    assert_eq!(removed(&world), 1);
    let mut ue = ue;
    let text = ue.invite("");
    assert_eq!(ue.sends(&mut world, &text), []);

    let mut world = self::world();
    let mut ue = registered(&mut world, 600);
    let text = ue
        .register(NOTHING_YET, None, None)
        .replace(";expires=600", ";expires=0");
    let inward = only(ue.sends(&mut world, &text));
    let told = only(from_core(&mut world, &answer(&inward, "200 OK", "")));
    assert_eq!(
        (told.start(), told.from_listener.as_str()),
        ("SIP/2.0 200 OK", "access 6102")
    );
    let text = ue.invite("");
    assert_eq!(start_of(&ue.sends(&mut world, &text)), ["SIP/2.0 403 Forbidden"]);
    let _ = world.pass(Duration::from_secs(128));
    assert_eq!(removed(&world), 1);
}

//= PCSCF-006 type=test
#[test]
fn nobody_registers_somebody_else_over_its_set() {
    let mut world = world();
    let mut ue = registered(&mut world, 600);
    let text = ue
        .register(NOTHING_YET, None, None)
        .replace("username=\"alice", "username=\"bob");
    assert_eq!(start_of(&ue.sends(&mut world, &text)), ["SIP/2.0 403 Forbidden"]);
    // Nor from somewhere else, by its own word; a name is not looked up.
    for (host, start) in [
        ("10.30.0.8", "SIP/2.0 403 Forbidden"),
        ("[2001:db8::7]", "SIP/2.0 403 Forbidden"),
        ("ue.example", "REGISTER sip:home1.example SIP/2.0"),
    ] {
        let text = ue.register(NOTHING_YET, None, None);
        let text = text.replace("UDP 10.30.0.7:31000", &format!("UDP {host}:31000"));
        assert_eq!(start_of(&ue.sends(&mut world, &text)), [start], "{host}");
    }
}

//= LI-008 type=test
#[test]
fn no_key_is_shown_by_what_is_asked_of_the_kernel() {
    let mut world = world();
    let _ = challenged(&mut world);
    let shown = format!("{:?}", world.changes);
    assert_eq!(shown, "[Install]");
}
