//! UEs and their registrar, with names as long as those of a real network.

use std::net::Ipv4Addr;
use std::ops::Range;

use bytes::Bytes;
use sipveil::engine::Input;
use sipveil::sip::Transport;
use sipveil::trust::{ConnectionId, Flow};

use crate::world::{Sent, World};

const REGISTRAR: &str = "10.20.0.9:5060";
const HOME: &str = "ims.mnc001.mcc001.3gppnetwork.org";
const CLIENT_PORT: u16 = 31000;
const SERVER_PORT: u16 = 31001;

/// How UEs reach the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Datagrams without protection.
    Udp,
    /// Datagrams under security associations, as TS 33.203 has it.
    Ipsec,
    /// A connection for each UE.
    Tls,
}

impl Access {
    pub const ALL: [Access; 3] = [Access::Udp, Access::Ipsec, Access::Tls];

    pub fn name(self) -> &'static str {
        match self {
            Access::Udp => "udp",
            Access::Ipsec => "ipsec",
            Access::Tls => "tls",
        }
    }

    pub fn of(name: &str) -> Option<Access> {
        Access::ALL.into_iter().find(|access| access.name() == name)
    }

    fn policy(self, count: u32) -> String {
        let (user, ue, bind, protected) = match self {
            Access::Udp => ("ims-aka", "none", "udp", ""),
            Access::Ipsec => (
                "ims-aka",
                "ipsec-3gpp",
                "udp",
                "protected = { server_port = 6101, client_ports = [6102, 6103, 6104] }",
            ),
            Access::Tls => (
                "ims-aka",
                "tls",
                "tls",
                "tls = { certificate = \"edge.pem\", key = \"edge.key\" }",
            ),
        };
        let accepts = if self == Access::Udp {
            "i_accept_unprotected_access = true"
        } else {
            ""
        };
        let max = count + 1;
        let sets_max = 2 * max;
        format!(
            r#"
schema = 1
profile = "ims"
[domain]
id = "T-home1"
admin_domains = ["{HOME}"]
[spec_t]
user_authentication = ["{user}"]
inter_node_security = ["physical"]
ue_security = ["{ue}"]
{accepts}
default_privacy = {{ to_ue = "keep", to_untrusted = "keep" }}
[proxy]
workers = 1
[[listener]]
name = "access"
bind = ["{bind}://10.0.0.1:5060"]
peers = "ue"
{protected}
[[listener]]
name = "core"
bind = ["udp://10.20.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[route]]
from = "access"
next_hop = ["sip:{REGISTRAR};lr"]
via = "core"
[limits]
registrations_max = {max}
security_sets_max = {sets_max}
"#
        )
    }
}

pub struct Network {
    pub world: World,
    access: Access,
}

impl Network {
    pub fn of(access: Access, count: u32) -> Network {
        let world = World::new(&access.policy(count));
        Network { world, access }
    }

    /// These UEs register.
    pub fn register(&mut self, ues: Range<u32>) {
        for number in ues {
            let ue = Ue { number };
            let flow = self.flow(&ue, Step::First);
            let asked = self.inward(flow, &ue.register(self.access, flow, "nonce=\"\", response=\"\"", ""));
            let challenged = self.outward(&asked, "401 Unauthorized", CHALLENGE);
            let flow = self.flow(&ue, Step::Second);
            let agreed = challenged
                .row("Security-Server")
                .map(|list| format!("Security-Verify: {list}\r\n"));
            let asked = self.inward(
                flow,
                &ue.register(self.access, flow, ANSWER, &agreed.unwrap_or_default()),
            );
            let accepted = self.outward(&asked, "200 OK", &ue.granted());
            assert!(accepted.start().starts_with("SIP/2.0 200"), "{}", accepted.text());
        }
    }

    /// Whether this UE is served: who is not registered is refused. Where its message goes is a question for DNS.
    pub fn serves(&mut self, number: u32) -> bool {
        let ue = Ue { number };
        let flow = self.flow(&ue, Step::Second);
        let bytes = Bytes::from(ue.message(flow));
        let sent = self.world.input(Input::Packet { flow, bytes });
        sent.is_empty()
    }

    fn flow(&self, ue: &Ue, step: Step) -> Flow {
        let (listener, port) = match (self.access, step) {
            (Access::Ipsec, Step::Second) => ("access 6101", CLIENT_PORT),
            _ => ("access", 5060),
        };
        let (transport, connection) = match self.access {
            Access::Tls => (Transport::Tls, Some(ConnectionId(u64::from(ue.number) + 1))),
            Access::Udp | Access::Ipsec => (Transport::Udp, None),
        };
        let from = format!("{}:{port}", ue.address());
        self.world.flow(listener, transport, &from, connection)
    }

    /// The request as the registrar gets it.
    fn inward(&mut self, flow: Flow, text: &str) -> Sent {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let mut sent = self.world.input(Input::Packet { flow, bytes });
        match (sent.pop(), sent.is_empty()) {
            (Some(sent), true) if sent.from_listener == "core" => sent,
            other => panic!("{other:?} for\n{text}"),
        }
    }

    /// The answer as the UE gets it.
    fn outward(&mut self, request: &Sent, status: &str, rows: &str) -> Sent {
        let text = answer(request, status, rows);
        let mut sent = self.world.packet("core", REGISTRAR, &text);
        match (sent.pop(), sent.is_empty()) {
            (Some(sent), true) => sent,
            other => panic!("{other:?} for\n{text}"),
        }
    }
}

enum Step {
    First,
    Second,
}

/// CK and IK are for the proxy alone.
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"ims.mnc001.mcc001.3gppnetwork.org\", \
    nonce=\"I1U8vpY3qJ0hiuZNrke/NSZyDWVKQoAAKiuiYV+2Ix0=\", algorithm=AKAv1-MD5, qop=\"auth\", \
    ck=\"b40ba9a3c58b2a05bbf0d987b21bf8cb\", ik=\"f769bcd751044604127672711c6d3441\"\r\n";
const ANSWER: &str = "nonce=\"I1U8vpY3qJ0hiuZNrke/NSZyDWVKQoAAKiuiYV+2Ix0=\", qop=auth, nc=00000001, \
    cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"";

struct Ue {
    number: u32,
}

/// UEs come neither in the order of their addresses nor in that of their numbers. Odd, so that no two are the same.
const SCATTERED: u32 = 2_654_435_761;

impl Ue {
    fn address(&self) -> Ipv4Addr {
        let scattered = self.number.wrapping_mul(SCATTERED) % (1 << 22);
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 64, 0, 0)) + scattered)
    }

    fn user(&self) -> String {
        format!("00101{:010}", u64::from(self.number) * 7_654_321 % 9_999_999_967)
    }

    fn contact(&self) -> String {
        format!("sip:{}@{}:{SERVER_PORT}", self.user(), self.address())
    }

    /// What a telephone writes whose maker cares for every network.
    fn offer(&self) -> String {
        let spi = 1_000_000 + self.number * 2;
        let entry = |algorithms: &str| {
            format!(
                "ipsec-3gpp;{algorithms};mod=trans;prot=esp;spi-c={spi};spi-s={};port-c={CLIENT_PORT};port-s={SERVER_PORT}",
                spi + 1
            )
        };
        let offered = [
            "alg=hmac-sha-1-96;ealg=aes-cbc",
            "alg=hmac-sha-1-96;ealg=null",
            "alg=hmac-md5-96;ealg=aes-cbc",
            "alg=hmac-md5-96;ealg=null",
        ];
        let rows = offered.map(|one| format!("Security-Client: {}\r\n", entry(one)));
        rows.concat() + "Require: sec-agree\r\nProxy-Require: sec-agree\r\n"
    }

    fn register(&self, access: Access, flow: Flow, credentials: &str, rows: &str) -> String {
        let (user, contact, sent_by) = (self.user(), self.contact(), flow.remote);
        let offer = if access == Access::Ipsec {
            self.offer()
        } else {
            String::new()
        };
        let (step, via) = (
            if rows.is_empty() && !credentials.contains("qop") {
                1
            } else {
                2
            },
            flow.transport.via_name(),
        );
        format!(
            "REGISTER sip:{HOME} SIP/2.0\r\nVia: SIP/2.0/{via} {sent_by};branch=z9hG4bK{user}{step};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{HOME}>;tag=1\r\nTo: <sip:{user}@{HOME}>\r\n\
             Call-ID: {user}@{}\r\nCSeq: {step} REGISTER\r\nSupported: path, sec-agree, gruu\r\n\
             Contact: <{contact}>;expires=600000;+sip.instance=\"<urn:gsma:imei:35622410-483840-0>\";\
             +g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"\r\n\
             P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01\r\n\
             Authorization: Digest username=\"{user}@{HOME}\", realm=\"{HOME}\", uri=\"sip:{HOME}\", \
             algorithm=AKAv1-MD5, {credentials}\r\n{offer}{rows}Content-Length: 0\r\n\r\n",
            flow.remote.ip()
        )
    }

    fn message(&self, flow: Flow) -> String {
        let (user, via, sent_by) = (self.user(), flow.transport.via_name(), flow.remote);
        format!(
            "MESSAGE sip:bob@{HOME} SIP/2.0\r\nVia: SIP/2.0/{via} {sent_by};branch=z9hG4bK{user}m;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{HOME}>;tag=2\r\nTo: <sip:bob@{HOME}>\r\n\
             Call-ID: m{user}@{}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
            flow.remote.ip()
        )
    }

    fn granted(&self) -> String {
        let (user, contact, number) = (self.user(), self.contact(), self.number);
        format!(
            "Contact: <{contact}>;expires=600000\r\n\
             P-Associated-URI: <sip:+1555{number:07}@{HOME}>, <tel:+1555{number:07}>, <sip:{user}@{HOME}>\r\n\
             Service-Route: <sip:orig@scscf1.{HOME}:6060;lr>\r\n\
             P-Charging-Vector: icid-value=1234bc9876e;orig-ioi=home1.example\r\n\
             P-Charging-Function-Addresses: ccf=ccf1.{HOME}\r\n"
        )
    }
}

fn answer(request: &Sent, status: &str, rows: &str) -> String {
    crate::world::respond(request, status, "s", rows)
}
