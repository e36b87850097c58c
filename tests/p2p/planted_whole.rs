//! Whole messages with an identity planted somewhere: in a row, a parameter, a display name, a reason, a body; said by a peer to
//! a peer, or by a tracker to one. None may come out at the other end, in any dress.

use std::sync::{Arc, OnceLock};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sipveil::policy::Policy;
use sipveil::ppsp::Json;
use sipveil::ppsp::json::Limits;

use super::planted::{NAMES, dressed, plant};
use super::scene::{Content, MEDIA_TYPE, Scene, Ue, peers, policy};
use crate::world::{Sent, contact_uri, respond, routes};

const CALLER: Ue = Ue {
    name: "mallory",
    at: "10.30.0.8:41008",
    connection: 8,
};
const CALLED: Ue = Ue {
    name: "trent",
    at: "10.30.0.9:41009",
    connection: 9,
};
const INSIDE: &str = "10.20.0.9:5060";
const OUTSIDE: &str = "192.0.2.9:5060";

/// How many messages ended in which way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes {
    pub runs: u64,
    /// Something came out at the other end, without the identity.
    pub passed: u64,
    /// Nothing did.
    pub barred: u64,
}

impl Outcomes {
    pub fn messages(&self) -> u64 {
        self.passed + self.barred
    }
}

/// Plays runs from a number on until so many messages were said. An error names the first of which an identity came out.
pub fn play(first: u64, messages: u64) -> Result<Outcomes, String> {
    let mut outcomes = Outcomes::default();
    while outcomes.messages() < messages {
        let number = first + outcomes.runs;
        run(number, &mut outcomes).map_err(|told| format!("run {number}: {told}"))?;
        outcomes.runs += 1;
    }
    Ok(outcomes)
}

struct Stage {
    embedded: Vec<Arc<Policy>>,
    elsewhere: Vec<(&'static str, Arc<Policy>)>,
    content: Arc<Content>,
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let content = Arc::new(Content::of(5_000, 1));
        let embedded = [
            "",
            "\nmedia = \"relay\"\nrelays = [\"192.0.2.77\"]",
            "\nview = \"pairwise\"",
        ]
        .map(|lines| Scene::policy_with(&policy(&format!("clear_keys = true{lines}")), &content));
        let elsewhere = [INSIDE, OUTSIDE].into_iter().flat_map(|tracker| {
            let via = if tracker == INSIDE { "core" } else { "net" };
            let route = |by: &str| {
                format!("[[route]]\nfrom = \"access\"\n{by}\nnext_hop = [\"sip:{tracker}\"]\nvia = \"{via}\"\n")
            };
            let routes = [
                route("method = [\"PUBLISH\"]"),
                route("domain = [\"p2p.home1.example\"]"),
                "[[route]]".to_owned(),
            ];
            ["redact", "remove", "refuse"].map(|on_leak| {
                let text = policy(&format!("on_leak = \"{on_leak}\"")).replacen("[[route]]", &routes.concat(), 1);
                let text = text.replace("\"embedded\"", &format!("\"sip:{tracker};lr\""));
                (tracker, Scene::policy_with(&text, &content))
            })
        });
        Stage {
            embedded: embedded.into(),
            elsewhere: elsewhere.collect(),
            content,
        }
    })
}

fn run(number: u64, outcomes: &mut Outcomes) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let stage = stage();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let scene =
        |policy: &Arc<Policy>| Scene::of(Arc::clone(policy), Arc::clone(&stage.content), seed, &[CALLER, CALLED]);
    match random.next_u32() % 2 {
        0 => {
            let policy = &stage.embedded[random.next_u32() as usize % stage.embedded.len()];
            Run {
                scene: scene(policy),
                random,
                outcomes,
            }
            .between_peers()
        }
        _ => {
            let (tracker, policy) = &stage.elsewhere[random.next_u32() as usize % stage.elsewhere.len()];
            Run {
                scene: scene(policy),
                random,
                outcomes,
            }
            .of_tracker(tracker)
        }
    }
}

/// A name in its dress.
struct Planted {
    name: String,
    dress: String,
}

struct Run<'o> {
    scene: Scene,
    random: ChaCha8Rng,
    outcomes: &'o mut Outcomes,
}

/// Rows that hold words of whoever writes them.
const ROWS: [&str; 40] = [
    "Subject",
    "Organization",
    "User-Agent",
    "Server",
    "Call-Info",
    "Alert-Info",
    "Error-Info",
    "Reply-To",
    "In-Reply-To",
    "Warning",
    "Reason",
    "History-Info",
    "Diversion",
    "Remote-Party-ID",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "P-Called-Party-ID",
    "P-Associated-URI",
    "P-Served-User",
    "P-Access-Network-Info",
    "P-Visited-Network-ID",
    "P-Charging-Vector",
    "P-Charging-Function-Addresses",
    "Identity",
    "Referred-By",
    "Refer-To",
    "Replaces",
    "Join",
    "Date",
    "MIME-Version",
    "Content-Disposition",
    "Content-Language",
    "Accept-Language",
    "Accept-Encoding",
    "Authorization",
    "Authentication-Info",
    "Priority",
    "Feature-Caps",
    "X-Owner",
    "sip-old-owner",
];

/// Rows of which the words pass when they are the usual ones.
const WORDS: [&str; 17] = [
    "Expires",
    "Min-Expires",
    "Session-Expires",
    "Min-SE",
    "Max-Breadth",
    "Require",
    "Proxy-Require",
    "RSeq",
    "RAck",
    "SIP-ETag",
    "Supported",
    "Unsupported",
    "Accept",
    "Allow",
    "Allow-Events",
    "Retry-After",
    "Subscription-State",
];

impl Run<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.random.next_u32() as usize % count
    }

    /// A name that nothing said before.
    fn name(&mut self) -> Planted {
        let number = self.scene.number() % 1000;
        let name = NAMES[self.below(NAMES.len())]
            .replace("alice", &format!("alice{number:03}"))
            .replace("0001", &format!("{number:04}"))
            .replace("5763", &format!("{number:04}"));
        Planted {
            dress: dressed(&name, &mut self.random),
            name,
        }
    }

    /// The message with a name in it.
    fn planted(&mut self, text: &str, planted: &Planted) -> String {
        let dress = &planted.dress;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
        let mut body = body.to_owned();
        let row = |lines: &[String], name: &str| lines.iter().position(|line| line.starts_with(&format!("{name}:")));
        match self.below(if body.is_empty() { 7 } else { 12 }) {
            0 | 1 => {
                let name = ROWS[self.below(ROWS.len())];
                let value = [
                    format!("<{dress}>"),
                    dress.clone(),
                    format!("\"{dress}\" <sip:a@b.example>"),
                ];
                lines.push(format!("{name}: {}", value[self.below(3)]));
            }
            2 => {
                let name = WORDS[self.below(WORDS.len())];
                lines.push(format!("{name}: {dress}"));
            }
            3 => {
                let name = ["Contact", "From", "To", "Event", "Content-Type", "Subscription-State"][self.below(6)];
                if let Some(at) = row(&lines, name) {
                    lines[at] += &format!(";owner={dress}");
                }
            }
            4 => {
                let name = ["Contact", "From", "To"][self.below(3)];
                if let Some(at) = row(&lines, name) {
                    lines[at] = lines[at].replacen(": ", &format!(": \"{dress}\" "), 1);
                }
            }
            5 => {
                if let Some(at) = row(&lines, "Contact") {
                    let more = [format!(";x={dress}>"), format!("?Subject={dress}>")];
                    lines[at] = lines[at].replacen('>', &more[self.below(2)], 1);
                }
            }
            6 if lines[0].starts_with("SIP/2.0") => {
                let status = lines[0].split(' ').nth(1).unwrap().to_owned();
                lines[0] = format!("SIP/2.0 {status} {dress}");
            }
            6 => {
                if let Some(at) = row(&lines, "Via") {
                    lines[at] += &format!(";owner={dress}");
                }
            }
            7 => body = format!("--b\r\nContent-Type: text/plain\r\n\r\n{dress}\r\n--b--\r\n{body}"),
            _ if body.starts_with("v=0") => body = self.planted_sdp(&body, dress),
            _ => body = self.planted_json(body, dress),
        }
        lines.retain(|line| !line.starts_with("Content-Length:"));
        if self.below(20) == 0 {
            let kinds = [
                "multipart/mixed;boundary=b",
                "text/plain",
                "application/json",
                "message/sip",
            ];
            let kind = kinds[self.below(4)];
            lines.retain(|line| !line.starts_with("Content-Type:"));
            lines.push(format!("Content-Type: {kind}"));
        }
        format!("{}\r\nContent-Length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len())
    }

    fn planted_sdp(&mut self, body: &str, dress: &str) -> String {
        let attributes = [
            "tool",
            "cname",
            "label",
            "mid",
            "msid",
            "ice-ufrag",
            "ice-pwd",
            "x-owner",
            "fmtp:96 owner",
            "content",
            "candidate",
            "extmap",
            "group",
            "identity",
            "sendrecv",
            "rtcp",
            "ssrc:1 cname",
            "setup",
            "rtpmap:97",
        ];
        match self.below(7) {
            0 => {
                let kind = ["s", "i", "u", "e", "p", "o", "k", "r", "z", "b", "c", "t"][self.below(12)];
                body.replacen("t=0 0", &format!("{kind}={dress}\r\nt=0 0"), 1)
            }
            1 => body.replacen("s=-", &format!("s={dress}"), 1),
            2 => body.replacen("o=- ", &format!("o={dress} "), 1),
            3 => body.replacen("ppspp", dress, 1),
            4 => body.replacen("7 1 IN", &format!("7 {dress} IN"), 1),
            _ => {
                let name = attributes[self.below(attributes.len())];
                let sign = [":", "=", " "][self.below(3)];
                format!("{body}a={name}{sign}{dress}\r\n")
            }
        }
    }

    fn planted_json(&mut self, body: String, dress: &str) -> String {
        let Ok(mut json) = Json::read(body.as_bytes(), Limits::PPSP) else {
            return body.clone() + dress;
        };
        let mut left = self.random.next_u32() % 14;
        plant(&mut json, dress, &mut left, &mut self.random);
        let bytes = json.to_bytes();
        let text = String::from_utf8(bytes).unwrap();
        match self.below(8) {
            0 => format!("{text}\"{dress}\""),
            1 => format!("/* {dress} */{text}"),
            2 => text.replacen('{', &format!("{{\"\\u0069mpu\":\"{dress}\","), 1),
            _ => text,
        }
    }

    /// Whether something came out at who is to get it, without the name.
    fn looks(&mut self, sent: &[Sent], to: Ue, planted: &Planted) -> Result<(), String> {
        let upper = planted.name.to_ascii_uppercase();
        let encoded = data_encoding::BASE64URL_NOPAD.encode(planted.name.as_bytes());
        let mut came_out = false;
        for one in sent
            .iter()
            .filter(|sent| sent.connection.map(|one| one.0) == Some(to.connection))
        {
            came_out = true;
            for told in [&planted.name, &planted.dress, &upper, &encoded] {
                if one.text().contains(told) {
                    return Err(format!("{told} in\n{}", one.text()));
                }
            }
        }
        match came_out {
            true => self.outcomes.passed += 1,
            false => self.outcomes.barred += 1,
        }
        Ok(())
    }

    /// A message of one, with a name in it, on its way to the other.
    fn says(&mut self, from: Ue, to: Ue, text: &str) -> Result<Vec<Sent>, String> {
        let planted = self.name();
        let text = self.planted(text, &planted);
        let sent = self.scene.says(from, &text);
        self.looks(&sent, to, &planted)
            .map_err(|told| format!("{told}\nof\n{text}"))?;
        Ok(sent)
    }

    fn request(&mut self, method: &str, uri: &str, kind: &str, body: &str) -> Result<Vec<Sent>, String> {
        let rows = if kind.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {kind}\r\n")
        };
        let text = self.scene.request_text(CALLER, method, uri, &rows, body.as_bytes());
        self.says(CALLER, CALLED, &text)
    }

    /// What came out at the one who is called, of what was said.
    fn got(sent: &[Sent]) -> Option<Sent> {
        let is_request = |sent: &&Sent| !sent.start().starts_with("SIP/2.0");
        let is_there = |sent: &&Sent| sent.connection.map(|one| one.0) == Some(CALLED.connection);
        sent.iter().filter(is_there).find(is_request).cloned()
    }

    fn between_peers(&mut self) -> Result<(), String> {
        self.scene.joins(CALLER);
        self.scene.shares(CALLED);
        let uri = self.scene.listed(CALLER).remove(0);
        let find = String::from_utf8(self.scene.find()).unwrap();
        for _ in 0..3 {
            let sent = self.request("MESSAGE", &uri, MEDIA_TYPE, &find)?;
            if let Some(got) = Self::got(&sent) {
                let contact = format!("Contact: <{}>\r\n", CALLED.contact());
                let status = ["200 OK", "404 Not Found", "603 Decline"][self.below(3)];
                self.says(CALLED, CALLER, &respond(&got, status, "a", &contact))?;
            }
            self.scene.pass(21);
            let sent = self.request("INVITE", &uri, "application/sdp", &sdp(0))?;
            let Some(invite) = Self::got(&sent) else {
                self.scene.pass(21);
                continue;
            };
            self.dialog(&invite)?;
            self.scene.pass(21);
        }
        Ok(())
    }

    fn dialog(&mut self, invite: &Sent) -> Result<(), String> {
        let contact = format!("Contact: <{}>\r\n", CALLED.contact());
        self.says(CALLED, CALLER, &respond(invite, "180 Ringing", "a", &contact))?;
        let answer = sdp(1);
        let typed = format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        let status = ["200 OK", "200 OK", "302 Moved", "486 Busy"][self.below(4)];
        let ok = respond(invite, status, "a", &contact).replace("Content-Length: 0\r\n\r\n", &typed);
        let sent = self.says(CALLED, CALLER, &ok)?;
        let is_ok = |sent: &&Sent| sent.start().starts_with("SIP/2.0 200") && sent.row("Contact").is_some();
        let Some(ok) = sent.iter().find(is_ok) else {
            return Ok(());
        };
        for (cseq, method) in [(1, "ACK"), (2, "INFO"), (3, "UPDATE"), (4, "BYE")] {
            let text = format!(
                "{method} {} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKd{}{method}\r\nMax-Forwards: 70\r\n{}\
                 From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <{}>\r\nContent-Length: 0\r\n\r\n",
                contact_uri(ok.row("Contact").unwrap()),
                CALLER.at,
                self.scene.number(),
                routes(&ok.rows("Record-Route"), true),
                ok.row("From").unwrap(),
                ok.row("To").unwrap(),
                ok.row("Call-ID").unwrap(),
                CALLER.contact(),
            );
            let sent = self.says(CALLER, CALLED, &text)?;
            if let Some(got) = Self::got(&sent).filter(|_| method != "ACK") {
                self.says(CALLED, CALLER, &respond(&got, "200 OK", "", &contact))?;
            }
        }
        Ok(())
    }

    /// A tracker says what it likes to who asked it.
    fn of_tracker(&mut self, tracker: &str) -> Result<(), String> {
        let listener = if tracker == INSIDE { "core" } else { "net" };
        let list = format!(
            "{{\"PPSPTrackerProtocol\":{{\"version\":1,\"response_type\":0,\"error_code\":0,\"transaction_id\":\"t1\",\
             \"swarm_result\":[{{\"swarm_id\":\"{}\",\"result\":0,\"peer_group\":{{\"peer_info\":[\
             {{\"peer_id\":\"sip:amelia@home1.example\",\"ims_have\":\"full\"}}]}}}}]}}}}",
            self.scene.content.swarm()
        );
        let typed = format!(
            "Content-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n{list}",
            list.len()
        );
        let with_list = |text: String| text.replace("Content-Length: 0\r\n\r\n", &typed);
        for _ in 0..3 {
            let body = self.scene.seed();
            let rows = format!("Event: p2p-content\r\nAccept: {MEDIA_TYPE}\r\nContent-Type: {MEDIA_TYPE}\r\n");
            let sent = self.scene.request(CALLER, "PUBLISH", &CALLER.identity(), &rows, &body);
            if let Some(publish) = sent.iter().find(|sent| sent.to.to_string() == tracker) {
                let rows = "SIP-ETag: abc\r\nExpires: 1800\r\n";
                let answer = with_list(respond(publish, "200 OK", "s", rows));
                self.tracker_says(listener, tracker, &answer)?;
            }
            let (uri, find) = (self.scene.swarm_uri(), self.scene.find());
            let rows = format!("Event: p2p-content\r\nExpires: 600\r\nContent-Type: {MEDIA_TYPE}\r\n");
            let sent = self.scene.request(CALLER, "SUBSCRIBE", &uri, &rows, &find);
            let Some(subscribe) = sent.into_iter().find(|sent| sent.to.to_string() == tracker) else {
                continue;
            };
            let rows = "Expires: 600\r\nContact: <sip:tracker.example>\r\n";
            self.tracker_says(listener, tracker, &respond(&subscribe, "200 OK", "s", rows))?;
            for cseq in 1..4 {
                let notify = format!(
                    "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {tracker};branch=z9hG4bKn{}\r\nMax-Forwards: 70\r\n{}From: {};tag=s\r\n\
                     To: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:tracker.example>\r\nEvent: p2p-content\r\n\
                     Subscription-State: active;expires=600\r\nContent-Length: 0\r\n\r\n",
                    contact_uri(subscribe.row("Contact").unwrap()),
                    self.scene.number(),
                    routes(&subscribe.rows("Record-Route"), false),
                    subscribe.row("To").unwrap(),
                    subscribe.row("From").unwrap(),
                    subscribe.row("Call-ID").unwrap(),
                );
                let sent = self.tracker_says(listener, tracker, &with_list(notify))?;
                for got in sent.iter().filter(|sent| sent.start().starts_with("NOTIFY")) {
                    if got.text().contains("peer_info") && peers(got).iter().any(|id| id.contains("amelia")) {
                        return Err(format!("a name in\n{}", got.text()));
                    }
                    self.scene.says(CALLER, &respond(got, "200 OK", "", ""));
                }
            }
        }
        Ok(())
    }

    fn tracker_says(&mut self, listener: &str, tracker: &str, text: &str) -> Result<Vec<Sent>, String> {
        let planted = self.name();
        let text = self.planted(text, &planted);
        let sent = self.scene.world.packet(listener, tracker, &text);
        self.looks(&sent, CALLER, &planted)
            .map_err(|told| format!("{told}\nof\n{text}"))?;
        Ok(sent)
    }
}

fn sdp(key: usize) -> String {
    let keys = [
        "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
        "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
    ];
    format!(
        "v=0\r\no=- 7 1 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\nm=application 40000 RTP/SAVP 96\r\n\
         a=rtpmap:96 vnd.ppspp/90000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\na=mid:0\r\na=sendrecv\r\n",
        keys[key]
    )
}
