//! Whoever a peer is, nobody else can tell: a run of peers is played twice, with another one in the place of one of them, and
//! what all others receive must be the same.
//!
//! Another one: another identity, address, port, connection, and other words in everything it alone writes. The same up to what
//! is declared random: text sealed into user parts and Call-IDs of ours, branches of ours, `t3` IDs, pseudonyms, what names and
//! counts descriptions of media.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use sipveil::policy::Policy;

use super::scene::{Content, MEDIA_TYPE, Scene, Ue, policy};
use crate::non_interference::Chance;
use crate::world::{Sent, contact_uri, respond, routes};

/// Who is always the same: a counterpart, a third in the swarm, somebody who is in none.
const MATE: Ue = Ue {
    name: "mallory",
    at: "10.30.0.8:41008",
    connection: 8,
};
const THIRD: Ue = Ue {
    name: "trent",
    at: "10.30.0.9:41009",
    connection: 9,
};
const STRANGER: Ue = Ue {
    name: "sybil",
    at: "10.30.0.10:41010",
    connection: 10,
};

/// Who may stand in the place of the one who is hidden.
const PERSONS: usize = 200;
/// Beginnings of all words that tell of one.
const MARKS: [&str; 3] = ["amelia", "zephyr", "10.31."];
/// All of a port of one but its last digit. In a longer word it is there by chance: tags are of hexadecimal digits.
const PORT_MARK: &str = "4331";

/// Where a run that tells leaves something out, for the comparison to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// A row that is let through as it came.
    pub row: &'static str,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Request,
    Within,
    Response,
}

/// What everybody but the one who is hidden received, and what this could have told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Played {
    pub seen: Vec<String>,
    /// Rows of the hidden one by the kind of message that was made of them.
    pub carried: BTreeSet<Fault>,
}

/// Figures of many runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    pub runs: u64,
    pub messages: u64,
    pub carried: u64,
}

impl Figures {
    pub fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.messages += other.messages;
        self.carried += other.carried;
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures {
            runs,
            messages,
            carried,
        } = self;
        write!(
            f,
            "{runs} runs, {messages} messages compared, {carried} kinds of hidden rows in them"
        )
    }
}

/// Plays one run twice. `Err`: what told.
pub fn check(number: u64) -> Result<Figures, String> {
    let [one, other] = pair(number, None);
    if let Some(told) = difference(&one.seen, &other.seen) {
        return Err(format!("run {number}: {told}"));
    }
    match one.seen.iter().find(|text| tells(text)) {
        Some(text) => Err(format!("run {number}: a word of the hidden one stands in:\n{text}")),
        None => Ok(Figures {
            runs: 1,
            messages: one.seen.len() as u64,
            carried: one.carried.len() as u64,
        }),
    }
}

/// Whether a word of the one who is hidden stands in a text.
fn tells(text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_port = |word: &str| word.len() == PORT_MARK.len() + 1 && word.starts_with(PORT_MARK);
    MARKS.iter().any(|mark| text.contains(mark)) || text.split(|c| !is_of_word(c)).any(is_port)
}

pub fn pair(number: u64, fault: Option<Fault>) -> [Played; 2] {
    let mut chance = Chance::new(number ^ 0x5ca1_ab1e);
    let one = chance.below(PERSONS);
    let other = (one + 1 + chance.below(PERSONS - 1)) % PERSONS;
    [one, other].map(|person| play(number, person, fault))
}

/// The first message that differs.
pub fn difference(one: &[String], other: &[String]) -> Option<String> {
    let pairs = one.iter().zip(other);
    let differing = pairs.into_iter().find(|(one, other)| one != other);
    match differing {
        Some((one, other)) => Some(format!("--- one\n{one}\n--- other\n{other}")),
        None => (one.len() != other.len()).then(|| {
            let longer = if one.len() > other.len() { one } else { other };
            let extra = &longer[one.len().min(other.len())];
            format!("{} messages against {}: {extra}", one.len(), other.len())
        }),
    }
}

/// What stays the same from run to run.
struct Stage {
    persons: Vec<Ue>,
    policies: Vec<Arc<Policy>>,
    content: Arc<Content>,
}

const POLICIES: [&str; 6] = [
    "clear_keys = true",
    "clear_keys = true\nview = \"pairwise\"",
    "clear_keys = true\nmedia = \"relay\"\nrelays = [\"192.0.2.77\"]",
    "clear_keys = true\nexpose = \"ue\"\naddresses = \"none\"",
    "",
    "clear_keys = true\nepoch = \"15m\"\ngrace = \"0s\"",
];

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let content = Arc::new(Content::of(5_000, 1));
        let persons = (0..PERSONS).map(|number| {
            let mut chance = Chance::new(number as u64);
            let length = chance.below(12);
            let tail: String = (0..length).map(|_| char::from(b'a' + chance.below(26) as u8)).collect();
            let name = format!("amelia{number:03}{tail}");
            let at = format!("10.31.{}.{}:4331{}", chance.below(200), number + 1, chance.below(10));
            Ue {
                name: name.leak(),
                at: at.leak(),
                connection: 1000 + number as u64,
            }
        });
        Stage {
            persons: persons.collect(),
            policies: POLICIES
                .iter()
                .map(|lines| Scene::policy_with(&policy(lines), &content))
                .collect(),
            content,
        }
    })
}

fn play(number: u64, person: usize, fault: Option<Fault>) -> Played {
    let stage = stage();
    let mut chance = Chance::new(number);
    let policy = &stage.policies[chance.below(stage.policies.len())];
    let hidden = stage.persons[person];
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let ues = [hidden, MATE, THIRD, STRANGER];
    let scene = Scene::of(Arc::clone(policy), Arc::clone(&stage.content), seed, &ues);
    let mut run = Run {
        scene,
        hidden,
        person,
        call_id_tells: chance.percent(50),
        fault,
        chance,
        played: Played::default(),
        numbers: 0,
        of_mate: String::new(),
        of_hidden: String::new(),
        etag: String::new(),
    };
    run.begin();
    for _ in 0..3 + run.chance.below(6) {
        run.act();
    }
    run.played
}

struct Run {
    scene: Scene,
    hidden: Ue,
    /// From which its words are drawn.
    person: usize,
    call_id_tells: bool,
    fault: Option<Fault>,
    /// The same in both runs.
    chance: Chance,
    played: Played,
    numbers: u32,
    /// What the hidden one calls the counterpart, and what the counterpart calls it.
    of_mate: String,
    of_hidden: String,
    /// Of the hidden one's announcement.
    etag: String,
}

/// One end of a dialog.
struct End {
    ue: Ue,
    target: String,
    from: String,
    to: String,
    routes: String,
    call_id: String,
    cseq: u32,
}

const REQUEST_ROWS: [&str; 15] = [
    "User-Agent",
    "Subject",
    "Organization",
    "Call-Info",
    "Reply-To",
    "P-Access-Network-Info",
    "History-Info",
    "Geolocation",
    "Referred-By",
    "Alert-Info",
    "Accept-Language",
    "Remote-Party-ID",
    "Date",
    "X-Owner",
    "P-Preferred-Identity",
];

const RESPONSE_ROWS: [&str; 15] = [
    "Server",
    "Warning",
    "Organization",
    "Call-Info",
    "Reply-To",
    "P-Access-Network-Info",
    "History-Info",
    "Error-Info",
    "P-Asserted-Identity",
    "Remote-Party-ID",
    "Reason",
    "Accept-Language",
    "Date",
    "X-Owner",
    "P-Preferred-Identity",
];

const KEYS: [&str; 2] = [
    "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
    "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
];

impl Run {
    fn is_hidden(&self, ue: Ue) -> bool {
        ue.connection == self.hidden.connection
    }

    /// A row of a party: of the hidden one, with a word that nobody else has.
    fn row(&self, ue: Ue, name: &str) -> String {
        let word = match self.is_hidden(ue) {
            true => format!("zephyr{}{}", self.person * 7919, "x".repeat(self.person % 11)),
            false => ue.name.to_owned(),
        };
        let identity = ue.identity();
        let value = match name {
            "Call-Info" | "Alert-Info" | "Error-Info" => format!("<http://{word}.example/>"),
            "Reply-To" | "Geolocation" => format!("<sip:{word}@home1.example>"),
            "History-Info" => format!("<sip:{word}@home1.example>;index=1"),
            "Referred-By" | "Remote-Party-ID" | "P-Preferred-Identity" | "P-Asserted-Identity" => {
                format!("<{identity}>")
            }
            "P-Access-Network-Info" => format!("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp={word}"),
            "Warning" => format!("399 {word}.example \"{word}\""),
            "Reason" => format!("SIP;cause=486;text=\"{word}\""),
            _ => word,
        };
        format!("{name}: {value}\r\n")
    }

    fn rows(&mut self, ue: Ue, names: &[&str]) -> String {
        let chosen: Vec<&str> = names.iter().copied().filter(|_| self.chance.percent(40)).collect();
        chosen.iter().map(|name| self.row(ue, name)).collect()
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// What a party says; what everybody else gets of it is seen.
    fn says(&mut self, ue: Ue, text: &str) -> Vec<Sent> {
        let sent = self.scene.says(ue, text);
        self.see(&sent, self.is_hidden(ue).then_some(text));
        sent
    }

    /// `of`: the words of the hidden one that this was made of.
    fn see(&mut self, sent: &[Sent], of: Option<&str>) {
        for one in sent {
            if one.connection.map(|connection| connection.0) == Some(self.hidden.connection)
                || one.from_listener == "core"
            {
                continue;
            }
            let mut text = one.text().to_owned();
            if let Some(said) = of {
                self.forget(said, &mut text);
            }
            let at = self.scene.world.now.at;
            self.played
                .seen
                .push(format!("{at:?} to {}\n{}", one.to, normal(&text)));
        }
    }

    /// Notes the rows a message could have carried, and lets one through where that is the fault.
    fn forget(&mut self, said: &str, text: &mut String) {
        let kind = |message: &str| {
            let head = message.split("\r\n\r\n").next().unwrap_or_default();
            let has_tag = head.lines().any(|row| row.starts_with("To:") && row.contains(";tag="));
            match (message.starts_with("SIP/2.0"), has_tag) {
                (true, _) => Kind::Response,
                (false, true) => Kind::Within,
                (false, false) => Kind::Request,
            }
        };
        let kind_said = kind(said);
        if kind_said != kind(text) {
            return;
        }
        for name in REQUEST_ROWS.iter().chain(&RESPONSE_ROWS) {
            let Some(row) = said.lines().find(|row| row.split(':').next() == Some(*name)) else {
                continue;
            };
            let fault = Fault {
                row: name,
                kind: kind_said,
            };
            self.played.carried.insert(fault);
            if self.fault == Some(fault) {
                *text = text.replacen("\r\n", &format!("\r\n{row}\r\n"), 1);
            }
        }
    }

    fn request(&mut self, ue: Ue, method: &str, uri: &str, rows: &str, body: &str) -> Vec<Sent> {
        let number = self.number();
        let call_id = match self.call_id_tells && self.is_hidden(ue) {
            true => format!("c{number}@{}", ue.at.split(':').next().unwrap()),
            false => format!("c{number}"),
        };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {at};branch=z9hG4bKs{number}\r\nMax-Forwards: 70\r\n\
             From: \"{name}\" <{identity}>;tag=f{number}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
             Contact: <{contact}>;+sip.instance=\"<urn:uuid:{name}>\"\r\n{rows}Content-Length: {length}\r\n\r\n{body}",
            at = ue.at,
            name = ue.name,
            identity = ue.identity(),
            contact = ue.contact(),
            length = body.len(),
        );
        self.says(ue, &text)
    }

    fn begin(&mut self) {
        let hidden = self.hidden;
        let mut parties = [hidden, MATE];
        if self.chance.percent(50) {
            parties.swap(0, 1);
        }
        for ue in parties {
            let etag = self.scene.shares(ue);
            if self.is_hidden(ue) {
                self.etag = etag;
            }
        }
        self.scene.joins(THIRD);
        self.of_hidden = self.lists(MATE, 0).into_iter().next().unwrap_or_default();
        self.of_mate = self.lists(hidden, 0).into_iter().next().unwrap_or_default();
        if self.chance.percent(50) {
            self.lists(THIRD, 600);
        }
    }

    /// Asks who is there; what the peers are called.
    fn lists(&mut self, ue: Ue, expires: u32) -> Vec<String> {
        let body = String::from_utf8(self.scene.find()).unwrap();
        let uri = self.scene.swarm_uri();
        let rows = format!("Event: p2p-content\r\nExpires: {expires}\r\nContent-Type: {MEDIA_TYPE}\r\n");
        let sent = self.request(ue, "SUBSCRIBE", &uri, &rows, &body);
        self.hears(ue, &sent)
    }

    /// Answers NOTIFYs; what the last of them lists.
    fn hears(&mut self, ue: Ue, sent: &[Sent]) -> Vec<String> {
        let mut listed = Vec::new();
        for one in sent.iter().filter(|sent| sent.start().starts_with("NOTIFY")) {
            if one.text().contains("peer_info") {
                listed = super::scene::peers(one);
            }
            let answered = respond(one, "200 OK", "", "");
            self.says(ue, &answered);
        }
        listed
    }

    fn act(&mut self) {
        let hidden = self.hidden;
        let [caller, callee] = match self.chance.percent(50) {
            true => [hidden, MATE],
            false => [MATE, hidden],
        };
        match self.chance.below(14) {
            0..=4 => self.call(caller, callee),
            5 | 6 => self.message(caller, callee),
            7 => {
                let rows = self.rows(caller, &REQUEST_ROWS);
                let uri = self.id_of(callee);
                let sent = self.request(caller, "OPTIONS", &uri, &rows, "");
                self.answers(callee, &sent, "200 OK", "");
            }
            8 => {
                let uri = self.of_hidden.clone();
                let body = self.sdp(STRANGER, 0);
                self.request(STRANGER, "INVITE", &uri, "Content-Type: application/sdp\r\n", &body);
            }
            9 => {
                self.lists(THIRD, 0);
            }
            10 => self.passes(31),
            11 => {
                let tag = self.etag.clone();
                let rows = format!("SIP-If-Match: {tag}\r\nExpires: 0\r\nEvent: p2p-content\r\n");
                let uri = hidden.identity();
                self.request(hidden, "PUBLISH", &uri, &rows, "");
                self.passes(31);
            }
            12 => {
                let rows = self.rows(hidden, &REQUEST_ROWS);
                let (uri, plain) = (self.of_mate.clone(), self.chance.percent(50));
                let kind = if plain { "text/plain" } else { "application/sdp" };
                self.request(
                    hidden,
                    "INVITE",
                    &uri,
                    &format!("{rows}Content-Type: {kind}\r\n"),
                    "v=0\r\nnonsense",
                );
            }
            _ => {
                self.scene.register(hidden, 0);
                self.passes(1);
                self.scene.register(hidden, 600);
            }
        }
    }

    fn passes(&mut self, seconds: u64) {
        let sent = self.scene.pass(seconds);
        self.see(&sent, None);
        for ue in [MATE, THIRD] {
            let at: Vec<Sent> = sent
                .iter()
                .filter(|sent| sent.to.to_string() == ue.at)
                .cloned()
                .collect();
            self.hears(ue, &at);
        }
    }

    fn id_of(&self, ue: Ue) -> String {
        match self.is_hidden(ue) {
            true => self.of_hidden.clone(),
            false => self.of_mate.clone(),
        }
    }

    fn message(&mut self, caller: Ue, callee: Ue) {
        let rows = self.rows(caller, &REQUEST_ROWS);
        let body = String::from_utf8(self.scene.find()).unwrap();
        let uri = self.id_of(callee);
        let sent = self.request(
            caller,
            "MESSAGE",
            &uri,
            &format!("{rows}Content-Type: {MEDIA_TYPE}\r\n"),
            &body,
        );
        let status = self.chance.of(&["200 OK", "404 Not Found", "480 Away", "603 Decline"]);
        self.answers(callee, &sent, status, "");
    }

    /// A party answers what it got, if it got something.
    fn answers(&mut self, ue: Ue, sent: &[Sent], status: &str, body: &str) -> Option<(Sent, Vec<Sent>)> {
        let got = sent
            .iter()
            .find(|sent| {
                sent.connection.map(|one| one.0) == Some(ue.connection) && !sent.start().starts_with("SIP/2.0")
            })?
            .clone();
        let rows = self.rows(ue, &RESPONSE_ROWS);
        let rows = format!("Contact: \"{}\" <{}>\r\n{rows}", ue.name, ue.contact());
        let mut text = respond(&got, status, "answer", &rows).replacen("To: ", &format!("To: \"{}\" ", ue.name), 1);
        if !body.is_empty() {
            let typed = format!(
                "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            text = text.replace("Content-Length: 0\r\n\r\n", &typed);
        }
        let back = self.says(ue, &text);
        Some((got, back))
    }

    fn sdp(&mut self, ue: Ue, key: usize) -> String {
        let own = match self.is_hidden(ue) {
            true => format!(
                "{} {} {} IN IP4 {}",
                ue.name,
                1000 + self.person,
                15_551_230_000 + self.person as u64,
                ue.at.split(':').next().unwrap()
            ),
            false => "- 7 1 IN IP4 192.0.2.77".to_owned(),
        };
        // Where the media go is said to the peer, by the policy.
        format!(
            "v=0\r\no={own}\r\ns={name}\r\ni={name}\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\na=tool:{name}\r\n\
             m=application 40000 RTP/SAVP 96\r\na=rtpmap:96 vnd.ppspp/90000\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\na=ssrc:1 cname:{name}\r\na=sendrecv\r\n",
            KEYS[key],
            name = ue.name,
        )
    }

    fn call(&mut self, caller: Ue, callee: Ue) {
        let rows = self.rows(caller, &REQUEST_ROWS);
        let uri = self.id_of(callee);
        let offer = self.sdp(caller, 0);
        let sent = match self.chance.percent(85) {
            true => self.request(
                caller,
                "INVITE",
                &uri,
                &format!("{rows}Content-Type: application/sdp\r\n"),
                &offer,
            ),
            false => self.request(caller, "INVITE", &uri, &rows, ""),
        };
        for status in ["180 Ringing", "183 Session Progress"] {
            if self.chance.percent(40) {
                let answer = self.sdp(callee, 1);
                let body = if status.starts_with("183") {
                    answer
                } else {
                    String::new()
                };
                self.answers(callee, &sent, status, &body);
            }
        }
        let ends = [
            "200 OK",
            "200 OK",
            "200 OK",
            "302 Moved",
            "404 Not Found",
            "486 Busy",
            "500 Error",
            "603 Decline",
        ];
        let status = self.chance.of(&ends);
        let answer = self.sdp(callee, 1);
        let body = if status == "200 OK" { answer } else { String::new() };
        let Some((invite, back)) = self.answers(callee, &sent, status, &body) else {
            return;
        };
        let ok = back.into_iter().find(|sent| {
            sent.start().starts_with("SIP/2.0 2") && sent.connection.map(|one| one.0) == Some(caller.connection)
        });
        let Some(ok) = ok.filter(|ok| ok.row("Contact").is_some()) else {
            return;
        };
        let mut ends = [
            End {
                ue: caller,
                target: contact_uri(ok.row("Contact").unwrap()).to_owned(),
                from: ok.row("From").unwrap().to_owned(),
                to: ok.row("To").unwrap().to_owned(),
                routes: routes(&ok.rows("Record-Route"), true),
                call_id: ok.row("Call-ID").unwrap().to_owned(),
                cseq: 1,
            },
            End {
                ue: callee,
                target: contact_uri(invite.row("Contact").unwrap()).to_owned(),
                from: format!("{};tag=answer", invite.row("To").unwrap()),
                to: invite.row("From").unwrap().to_owned(),
                routes: routes(&invite.rows("Record-Route"), false),
                call_id: invite.row("Call-ID").unwrap().to_owned(),
                cseq: 100,
            },
        ];
        self.within(&mut ends, 0, "ACK", "");
        for _ in 0..self.chance.below(4) {
            let at = self.chance.below(2);
            let method = self
                .chance
                .of(&["INFO", "UPDATE", "INVITE", "OPTIONS", "REFER", "MESSAGE"]);
            let body = self.sdp(ends[at].ue, at);
            let body = if method == "INVITE" { body } else { String::new() };
            ends[at].cseq += 1;
            let sent = self.within(&mut ends, at, method, &body);
            let status = self.chance.of(&["200 OK", "200 OK", "488 No"]);
            let other = ends[1 - at].ue;
            self.answers(other, &sent, status, "");
            if method == "INVITE" {
                self.within(&mut ends, at, "ACK", "");
            }
        }
        let at = self.chance.below(2);
        ends[at].cseq += 1;
        let sent = self.within(&mut ends, at, "BYE", "");
        let other = ends[1 - at].ue;
        self.answers(other, &sent, "200 OK", "");
    }

    /// A request within a dialog.
    fn within(&mut self, ends: &mut [End; 2], at: usize, method: &str, body: &str) -> Vec<Sent> {
        let ue = ends[at].ue;
        let rows = self.rows(ue, &REQUEST_ROWS);
        let number = self.number();
        let typed = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let End {
            target,
            from,
            to,
            routes,
            call_id,
            cseq,
            ..
        } = &ends[at];
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKw{number}\r\nMax-Forwards: 70\r\n{routes}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{}>\r\n{rows}{typed}\
             Content-Length: {}\r\n\r\n{body}",
            ue.at,
            ue.contact(),
            body.len()
        );
        self.says(ue, &text)
    }
}

/// The text with what is declared random made equal.
fn normal(text: &str) -> String {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| is_of_word(*byte)).count();
        let (word, behind) = rest.split_at(length);
        let sealed =
            length >= 80 && (out.ends_with("sip:") || out.ends_with("Call-ID: svc.") || out.ends_with("sip:t3."));
        let branch = word.starts_with("z9hG4bK") && length == sipveil::transaction::ClientBranch::LENGTH;
        let session = out.ends_with("\r\no=- ");
        // Counted from elsewhere in each dialog.
        let version = out.ends_with("\r\no=- SESSION ");
        out.push_str(match (sealed, branch, session, version) {
            (true, ..) => "SEALED",
            (_, true, ..) => "BRANCH",
            (_, _, true, _) => "SESSION",
            (.., true) => "VERSION",
            _ => word,
        });
        let next = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    out
}

/// Each fault in runs that could show it: how many were noticed, and those that were not.
pub fn planted(runs: u64) -> (usize, Vec<String>) {
    let (mut noticed, mut missed) = (0, Vec::new());
    let mut tried: std::collections::BTreeMap<Fault, u32> = std::collections::BTreeMap::new();
    for number in 0..runs {
        for fault in pair(number, None)[0].carried.clone() {
            let times = tried.entry(fault).or_default();
            if *times >= 3 {
                continue;
            }
            *times += 1;
            let [one, other] = pair(number, Some(fault));
            match difference(&one.seen, &other.seen) {
                Some(_) => noticed += 1,
                None => missed.push(format!("{} in a {:?} (run {number})", fault.row, fault.kind)),
            }
        }
    }
    (noticed, missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as one likes: `cargo run --release --example swapped_peers -- 100000`.
    //= P2P-056 type=test
    //= P2P-072 type=test
    //= P2P-073 type=test
    //= P2P-075 type=test
    //= P2P-081 type=test
    #[test]
    fn whoever_a_peer_is_nobody_else_can_tell() {
        let mut figures = Figures::default();
        for number in 0..300 {
            match check(number) {
                Ok(one) => figures.add(one),
                Err(told) => panic!("{told}"),
            }
        }
        assert!(figures.messages > 2_500 && figures.carried > 3_500, "{figures}");
    }

    #[test]
    fn a_port_tells_and_digits_in_a_longer_word_do_not() {
        for text in [
            "Via: SIP/2.0/TCP 192.0.2.1:43317;branch=b",
            "rport=43310",
            "m=audio 43319 RTP/SAVP",
        ] {
            assert!(tells(text), "{text}");
        }
        for text in ["To: <sip:x@home1.example>;tag=43318b7e39caeebc", "sip:t1.a-43318b@tid"] {
            assert!(!tells(text), "{text}");
        }
    }

    /// Whatever row is let through, in requests, within dialogs and in answers, the comparison notices.
    #[test]
    fn a_row_that_is_let_through_is_noticed() {
        let (noticed, missed) = planted(60);
        assert_eq!(missed, Vec::<String>::new());
        assert!(noticed > 100, "{noticed}");
    }
}
