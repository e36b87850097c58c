//! Messages to damage: our own, those of the fixtures, and those of the recorded calls.

use std::fs;
use std::path::Path;

use sipveil::trace::capture::Capture;

/// Stands in every identity of the built-in messages that asks for privacy. Never to be seen outside the trust domain
/// while the message is whole.
pub const SECRET: &str = "secret-marker";

/// The same for who answers.
pub const ANSWERING: &str = "answering-marker";

/// Stands in identities a stranger invents. Never to be asserted inside.
pub const FORGED: &str = "forged-marker";

/// Hosts of the policy under which the storm runs; the Request-URI is aimed at one of them.
pub const DOMAINS: [&str; 6] = [
    "net.example",
    "ally.example",
    "ue.example",
    "tcp.example",
    "named.example",
    "home1.example",
];

const FILE_BYTES_MAX: u64 = 300_000;

/// Every message there is, the built-in ones first. `root` is the folder of the crate, `more` another folder of messages.
pub fn all(root: &Path, more: Option<&Path>) -> Vec<Vec<u8>> {
    let mut seeds = built_in();
    let folders = [
        root.join("fixtures/torture"),
        root.join("fixtures/messages"),
        root.join("fixtures/cases"),
        root.join("fixtures/traces"),
    ];
    for folder in folders.iter().map(|folder| &**folder).chain(more) {
        collect(folder, &mut seeds);
    }
    seeds
}

fn collect(folder: &Path, seeds: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, seeds);
            continue;
        }
        if fs::metadata(&path).is_ok_and(|data| data.len() > FILE_BYTES_MAX) {
            continue;
        }
        let Ok(bytes) = fs::read(&path) else { continue };
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("pcap" | "pcapng") => {
                let messages = Capture::new(&bytes[..]).flatten();
                seeds.extend(
                    messages
                        .map(|message| message.bytes.to_vec())
                        .filter(|bytes| !bytes.is_empty()),
                );
            }
            Some("md") => seeds.extend(fenced(&bytes)),
            Some("sh" | "cfg" | "xml" | "toml" | "expected") => {}
            _ if bytes.is_empty() => {}
            _ => seeds.push(bytes),
        }
    }
}

/// Fenced blocks of a page that look like SIP.
fn fenced(page: &[u8]) -> Vec<Vec<u8>> {
    let page = String::from_utf8_lossy(page);
    let blocks = page.split("```").skip(1).step_by(2);
    let texts = blocks.filter_map(|block| block.split_once('\n').map(|(_, text)| text));
    texts
        .filter(|text| text.lines().next().is_some_and(|line| line.contains("SIP/2.0")))
        .map(|text| {
            let whole = if text.contains("\n\n") {
                text.to_owned()
            } else {
                format!("{text}\n")
            };
            whole.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
        })
        .collect()
}

fn built_in() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (method, extra, body) in REQUESTS {
        for privacy in [
            "",
            "Privacy: id\r\n",
            "Privacy: user;id\r\n",
            "Privacy: user;id;critical\r\n",
            "Privacy: none\r\n",
        ] {
            // Who asks for nothing is no secret.
            let name = if privacy.contains("id") { SECRET } else { "plain" };
            let text = request(method, name, &format!("{privacy}{extra}"), body);
            seeds.push(text.into_bytes());
        }
    }
    seeds.extend(ODD.iter().map(|text| text.as_bytes().to_vec()));
    seeds
}

fn request(method: &str, name: &str, extra: &str, body: &str) -> String {
    let extra = extra.replace("NAME", name);
    format!(
        "{method} sip:bob@net.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKseed;rport\r\n\
         Max-Forwards: 70\r\nFrom: \"{name}\" <sip:{name}@home1.example>;tag=7\r\nTo: <sip:bob@net.example>\r\n\
         Call-ID: seed-call@10.20.0.9\r\nCSeq: 1 {method}\r\nP-Asserted-Identity: <sip:{name}@home1.example>, <tel:+15551230001>\r\n\
         {extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Method, further rows, body.
const REQUESTS: [(&str, &str, &str); 11] = [
    (
        "INVITE",
        "Contact: <sip:NAME@10.20.0.9>\r\nRecord-Route: <sip:10.20.0.8;lr>\r\nContent-Type: application/sdp\r\n",
        "v=0\r\no=- 1 1 IN IP4 10.20.0.9\r\ns=-\r\nc=IN IP4 10.20.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    ),
    (
        "INVITE",
        "Contact: \"NAME\" <sip:NAME@10.20.0.9;transport=tcp>;+sip.instance=\"<urn:uuid:1>\"\r\nSupported: 100rel, timer\r\n\
         Subject: NAME\r\nOrganization: NAME\r\nReply-To: NAME <sip:NAME@h>\r\n",
        "",
    ),
    (
        "REGISTER",
        "Contact: <sip:NAME@10.30.0.9>;expires=60\r\nSupported: path\r\n",
        "",
    ),
    ("OPTIONS", "Accept: application/sdp\r\n", ""),
    ("MESSAGE", "Content-Type: text/plain\r\n", "hello"),
    (
        "SUBSCRIBE",
        "Event: presence\r\nExpires: 600\r\nContact: <sip:NAME@10.20.0.9>\r\n",
        "",
    ),
    (
        "NOTIFY",
        "Event: presence\r\nSubscription-State: active\r\nContact: <sip:NAME@10.20.0.9>\r\n",
        "",
    ),
    (
        "REFER",
        "Refer-To: <sip:c@net.example?Replaces=1>\r\nReferred-By: <sip:NAME@home1.example>\r\nContact: <sip:NAME@10.20.0.9>\r\n",
        "",
    ),
    ("PUBLISH", "Event: presence\r\n", ""),
    ("UPDATE", "Contact: <sip:NAME@10.20.0.9>\r\n", ""),
    ("BYE", "Reason: Q.850;cause=16\r\n", ""),
];

/// Messages no template gives.
const ODD: [&str; 6] = [
    "ACK sip:bob@net.example SIP/2.0\r\nv: SIP/2.0/TCP [2001:db8::9]:5060;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\n\
     t: <sip:b@h>;tag=2\r\ni: 1\r\nCSeq: 1 ACK\r\nl: 0\r\n\r\n",
    "INVITE sip:b@net.example SIP/2.0\r\nv: SIP/2.0/UDP old\r\nFrom: sip:a@h\r\nTo: sip:b@h\r\nCall-ID: old\r\n\
     CSeq: 1 INVITE\r\nMax-Forwards: 3\r\n\r\n",
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nFrom: <sip:a@h>;tag=1\r\n\
     To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
    "INVITE tel:+15551230001;phone-context=net.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKt\r\nMax-Forwards: 9\r\n\
     From: <tel:+15551230002>;tag=1\r\nTo: <tel:+15551230001>\r\nCall-ID: tel\r\nCSeq: 1 INVITE\r\n\
     Route: <sip:10.20.0.1;lr>, <sip:192.0.2.9;lr>\r\nContent-Length: 0\r\n\r\n",
    "INVITE urn:service:sos SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKu\r\nMax-Forwards: 9\r\nFrom: <sip:a@h>;tag=1\r\n\
     To: <urn:service:sos>\r\nCall-ID: sos\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
    "\r\n\r\nOPTIONS sip:net.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKo;received=1.2.3.4\r\nFrom: <sip:a@h>;tag=1\r\n\
     To: <sip:net.example>\r\nCall-ID: o\r\nCSeq: 4294967295 OPTIONS\r\nMax-Forwards: 0\r\n\r\n",
];
