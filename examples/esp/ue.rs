//! A UE that is protected: its card, its ports, its own half of the security associations.

use std::net::{SocketAddr, TcpStream, UdpSocket};

use sipveil::ipsec::{Backend, Kernel};
use sipveil::pcscf::keys::CkIk;
use sipveil::pcscf::security::{Association, Change, Direction, Encryption, EspKeys, Install, SetId, Suite};
use sipveil::sip::Transport;
use zeroize::Zeroizing;

use crate::dialog::Dialog;
use crate::digest::Challenge;
use crate::home::{Expected, Home};
use crate::milenage::part;
use crate::subscriber::{HOME, Subscriber, milenage};
use crate::unique;
use crate::usim::{Usim, Verdict};
use crate::wire::{Ears, Heard, write};
use crate::world::{Sent, respond};

pub const ADDRESS: [u8; 4] = [10, 30, 0, 2];
pub const PROXY: [u8; 4] = [10, 30, 0, 1];
/// The ports of the proxy: in clear, and its server port.
pub const CLEAR: u16 = 5060;
pub const SERVER: u16 = 6101;
const REGISTRAR: &str = "sip:home1.example";

pub struct Ue {
    pub subscriber: Subscriber,
    pub over: Transport,
    pub ears: Ears,
    suite: Suite,
    kernel: Kernel,
    usim: Usim,
    number: u16,
    /// How often it was challenged.
    sets: u16,
    clear: Option<UdpSocket>,
    line: Option<Line>,
    /// The port of the proxy that requests of the newest set come from.
    pub proxy_client: u16,
    call_id: String,
    last_number: u32,
    /// What was said in the agreement that holds.
    client: String,
    server: String,
    service_route: Vec<String>,
    /// By which the network reaches it.
    pub path: String,
}

/// What a set sends by: from its client port to the server port of the proxy.
enum Line {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Ue {
    pub fn new(number: u16, over: Transport, suite: Suite) -> Ue {
        let name = Box::leak(format!("subscriber{number}").into_boxed_str());
        let ears = Ears::new();
        let server = (ADDRESS, server_port(number)).into();
        // Requests come here, over both.
        let datagrams = ears.datagrams(server);
        ears.streams(server);
        drop(datagrams);
        Ue {
            subscriber: Subscriber::new(name, u32::from(number)),
            over,
            ears,
            suite,
            kernel: Kernel::open().unwrap(),
            usim: Usim::new(),
            number,
            sets: 0,
            clear: None,
            line: None,
            proxy_client: 0,
            call_id: unique("register"),
            last_number: 0,
            client: String::new(),
            server: String::new(),
            service_route: Vec::new(),
            path: String::new(),
        }
    }

    /// The same, registered.
    pub fn registered(number: u16, over: Transport, suite: Suite, home: &mut Home) -> Ue {
        let mut ue = Ue::new(number, over, suite);
        ue.registers(home);
        ue
    }

    /// Asked, answered, accepted.
    pub fn registers(&mut self, home: &mut Home) {
        let expected = self.is_challenged(home);
        self.proves(home, &expected.0, &expected.1);
    }

    /// The REGISTER that asks, in clear at first and then over the set there is, and the challenge. Sets up what it leads to.
    pub fn is_challenged(&mut self, home: &mut Home) -> (Sent, Expected) {
        self.sets += 1;
        let user = self.subscriber.private_identity();
        let nothing =
            format!("Digest username=\"{user}\", realm=\"{HOME}\", nonce=\"\", uri=\"{REGISTRAR}\", response=\"\"");
        let (offer, verify) = (self.offer(), self.server.clone());
        let register = self.register(&nothing, &offer, &verify);
        match self.line {
            Some(_) => self.says(&register),
            None => self.says_in_clear(&register),
        }
        let asked = home.ears.takes_request("REGISTER").message;
        assert_eq!(asked.row("Security-Client"), None, "{asked:?}");
        let protection = if self.line.is_some() { "yes" } else { "no" };
        assert!(
            asked
                .row("Authorization")
                .unwrap()
                .contains(&format!("integrity-protected=\"{protection}\""))
        );
        let expected = home.challenges(&asked);
        let challenged = self.is_told("REGISTER", "SIP/2.0 401").message;
        let shown = challenged.row("WWW-Authenticate").unwrap();
        assert!(!shown.contains("ck=") && !shown.contains("ik="), "{shown}");
        self.client = offer;
        self.server = challenged.row("Security-Server").unwrap().to_owned();
        self.clear = None;
        (challenged, expected)
    }

    /// Sets up its half of the associations, and answers the challenge over them.
    pub fn proves(&mut self, home: &mut Home, challenged: &Sent, expected: &Expected) {
        let challenge = Challenge::of(challenged.row("WWW-Authenticate").unwrap());
        let nonce = challenge.nonce();
        let Verdict::Answer(res) = self.usim.reads(&nonce) else {
            panic!("the card refuses\n{}", challenged.text());
        };
        let derived = milenage().derive(&part(&nonce, 0));
        let keys = CkIk {
            ck: Zeroizing::new(derived.ck),
            ik: Zeroizing::new(derived.ik),
        };
        self.sets_up(&keys);
        let user = self.subscriber.private_identity();
        let authorization = challenge.answered(&user, REGISTRAR, &res);
        let (client, verify) = (self.client.clone(), self.server.clone());
        let register = self.register(&authorization, &client, &verify);
        self.says(&register);
        let proven = home.ears.takes_request("REGISTER").message;
        self.path = proven.row("Path").unwrap().to_owned();
        home.accepts(&proven, expected);
        let accepted = self.is_told("REGISTER", "SIP/2.0 200");
        if self.over == Transport::Udp {
            assert_eq!(
                (accepted.at.port(), accepted.from.port()),
                (server_port(self.number), self.proxy_client)
            );
        }
        let routes = accepted.message.rows("Service-Route").into_iter();
        self.service_route = routes.map(str::to_owned).collect();
    }

    /// The mirror of what the proxy installs.
    fn sets_up(&mut self, keys: &CkIk) {
        let theirs = |name: &str| {
            let entry = self.server.split(", ").next().unwrap();
            let value = entry.split(';').find_map(|one| one.strip_prefix(name)).unwrap();
            value.parse::<u32>().unwrap()
        };
        let (proxy_server, proxy_client) = (theirs("port-s=") as u16, theirs("port-c=") as u16);
        assert_eq!(proxy_server, SERVER);
        let ue = |port: u16| SocketAddr::from((ADDRESS, port));
        let proxy = |port: u16| SocketAddr::from((PROXY, port));
        let [spi_c, spi_s] = spis(self.number, self.sets);
        let (own_client, own_server) = (client_port(self.number, self.sets), server_port(self.number));
        let one = |direction, spi, from, to| Association {
            direction,
            spi,
            from,
            to,
        };
        let set = u64::from(self.number) << 8 | u64::from(self.sets);
        let install = Install {
            set: SetId(set),
            associations: [
                one(Direction::In, spi_c, proxy(proxy_server), ue(own_client)),
                one(Direction::Out, theirs("spi-s="), ue(own_client), proxy(proxy_server)),
                one(Direction::Out, theirs("spi-c="), ue(own_server), proxy(proxy_client)),
                one(Direction::In, spi_s, proxy(proxy_client), ue(own_server)),
            ],
            suite: self.suite,
            keys: EspKeys::expand(self.suite, keys),
        };
        self.kernel.apply(&Change::Install(install)).unwrap();
        self.proxy_client = proxy_client;
        self.line = Some(match self.over {
            Transport::Tcp => Line::Stream(self.ears.connects(ue(own_client), proxy(SERVER))),
            _ => Line::Datagrams(self.ears.datagrams(ue(own_client))),
        });
    }

    fn offer(&self) -> String {
        let [spi_c, spi_s] = spis(self.number, self.sets);
        let (port_c, port_s) = (client_port(self.number, self.sets), server_port(self.number));
        let ealg = match self.suite.encryption {
            Encryption::Null => String::new(),
            encryption => format!(";ealg={}", encryption.word()),
        };
        format!(
            "ipsec-3gpp;alg={}{ealg};spi-c={spi_c};spi-s={spi_s};port-c={port_c};port-s={port_s}",
            self.suite.integrity.word()
        )
    }

    fn register(&mut self, authorization: &str, client: &str, verify: &str) -> String {
        self.last_number += 1;
        let (number, call_id, branch) = (self.last_number, &self.call_id, unique("z9hG4bK"));
        let (identity, contact) = (self.subscriber.sip_identity(), self.contact());
        let sent_by = match self.line {
            None if verify.is_empty() => SocketAddr::from((ADDRESS, clear_port(self.number))),
            _ => self.reached_at(),
        };
        let transport = self.transport();
        let verify = match verify {
            "" => String::new(),
            verify => format!("Security-Verify: {verify}\r\n"),
        };
        format!(
            "REGISTER {REGISTRAR} SIP/2.0\r\nVia: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{identity}>;tag={number}\r\nTo: <{identity}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {number} REGISTER\r\nContact: {contact};expires=600\r\nRequire: sec-agree\r\n\
             Proxy-Require: sec-agree\r\nSupported: path, sec-agree\r\nSecurity-Client: {client}\r\n{verify}\
             Authorization: {authorization}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn transport(&self) -> &'static str {
        match self.over {
            Transport::Tcp => "TCP",
            _ => "UDP",
        }
    }

    /// Its protected server port.
    fn reached_at(&self) -> SocketAddr {
        (ADDRESS, server_port(self.number)).into()
    }

    /// What it registers, and is called by.
    pub fn contact(&self) -> String {
        format!("<{}>", self.target())
    }

    pub fn target(&self) -> String {
        format!("sip:{}@{}", self.subscriber.name, self.reached_at())
    }

    /// The client port of its newest set.
    pub fn client(&self) -> u16 {
        client_port(self.number, self.sets)
    }

    fn says_in_clear(&mut self, text: &str) {
        let (own, proxy) = (
            SocketAddr::from((ADDRESS, clear_port(self.number))),
            SocketAddr::from((PROXY, CLEAR)),
        );
        match self.over {
            Transport::Tcp => write(&self.ears.connects(own, proxy), text),
            _ => {
                let socket = self.ears.datagrams(own);
                socket.send_to(text.as_bytes(), proxy).unwrap();
                self.clear = Some(socket);
            }
        }
    }

    /// By the newest set.
    pub fn says(&self, text: &str) {
        match self.line.as_ref().unwrap() {
            Line::Datagrams(socket) => {
                socket
                    .send_to(text.as_bytes(), SocketAddr::from((PROXY, SERVER)))
                    .unwrap();
            }
            Line::Stream(stream) => write(stream, text),
        }
    }

    /// Ends the connection of its newest set, and waits until the proxy did the same.
    pub fn hangs_up(&mut self) {
        let Some(Line::Stream(stream)) = self.line.take() else {
            panic!("there is no connection");
        };
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(crate::wire::PATIENCE)).unwrap();
        // The reader of its own hears the end, too; whoever is first.
        while !matches!(std::io::Read::read(&mut &stream, &mut [0; 64]), Ok(0) | Err(_)) {}
    }

    /// The answer with this start to its last request of this method.
    pub fn is_told(&mut self, method: &str, start: &str) -> Heard {
        let what = format!("{start} to {method}");
        let mut told = self.ears.takes(&what, |message| {
            let of = message.row("CSeq").unwrap_or_default();
            message.start().starts_with("SIP/2.0 ")
                && !message.start().starts_with("SIP/2.0 100")
                && of.ends_with(method)
        });
        let is_it = told.message.start().starts_with(start);
        assert!(
            is_it,
            "{}",
            std::mem::replace(&mut told.message.bytes, bytes::Bytes::new()).escape_ascii()
        );
        told
    }

    /// Begins something, by the way the network gave.
    pub fn begins(&mut self, method: &str, to: &str, rows: &str) -> Dialog {
        let own = self.subscriber.sip_identity();
        let first = format!("<sip:{}:{SERVER};lr>", std::net::Ipv4Addr::from(PROXY));
        let route: Vec<String> = std::iter::once(first)
            .chain(self.service_route.iter().cloned())
            .collect();
        let mut dialog = Dialog::begun(&format!("<{own}>"), to, &route);
        self.goes_on(&mut dialog, method, rows);
        dialog
    }

    /// The next request of a dialog.
    pub fn goes_on(&self, dialog: &mut Dialog, method: &str, rows: &str) {
        let request = dialog.request(method, self.reached_at(), &self.contact(), rows);
        let via = format!("Via: SIP/2.0/{} ", self.transport());
        self.says(&request.replacen("Via: SIP/2.0/UDP ", &via, 1));
    }

    /// Answers a request: over its connection, or as a datagram from the newest set.
    pub fn answers(&self, request: &Heard, status: &str, tag: &str) {
        let rows = format!("Contact: {}\r\n", self.contact());
        let answer = respond(&request.message, status, tag, &rows);
        match &request.stream {
            Some(stream) => write(stream, &answer),
            None => self.says(&answer),
        }
    }
}

fn server_port(number: u16) -> u16 {
    31_000 + 10 * number
}

fn client_port(number: u16, set: u16) -> u16 {
    server_port(number) + set
}

fn clear_port(number: u16) -> u16 {
    20_000 + number
}

fn spis(number: u16, set: u16) -> [u32; 2] {
    let first = 10_000 + 100 * u32::from(number) + 2 * u32::from(set);
    [first, first + 1]
}
