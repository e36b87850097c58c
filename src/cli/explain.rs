//! `sipveil explain`: what would happen to one message between two parties, header by header, and why.
//!
//! The message is the operator's own, so its values are shown; what cannot be printed is escaped. Opens no port, and reads no
//! key but those that open what this network hid, when they are given: tokens in what is shown are not ours to use.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program: reads the message"
)]

mod party;
mod reader;
mod rows;
mod screen;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use self::party::{Place, Side};
use self::reader::Reading;
use self::rows::Row;
use super::Exit;
use crate::admin::Question;
use crate::config::{self, key_file};
use crate::engine::event::What;
use crate::engine::judge::{Judge, Judgement, Outcome};
use crate::policy::Policy;
use crate::privacy::PrivacySet;
use crate::seal::{HidingKeys, Keys, SECRET_BYTES};
use crate::sip::headers::credentials;
use crate::sip::message::StartLine;
use crate::sip::parse::{Carrier, ParseError, ParseLimits, Refused, parse};
use crate::sip::{Message, Method, Name};
use crate::trust::{Bound, Evidence, OwnAddresses, Standing};

/// Bytes of a message file that are read; a datagram holds no more.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The message: a file with one SIP request or response.
    #[arg(value_name = "MESSAGE.sip")]
    message: PathBuf,

    /// Who sends it: the name of a [[peer]], LISTENER or LISTENER:ADDRESS, an address, or `trusted`, `untrusted`, `ue`.
    #[arg(long, value_name = "PEER")]
    from: String,

    /// Who is to get it; the same words.
    #[arg(long, value_name = "PEER")]
    to: String,

    /// The keys of [topology_hiding]: what this network hid is opened, as a running node would. Without, it stays as it is.
    #[arg(long, value_name = "KEYS")]
    hiding_keys: Option<PathBuf>,

    /// The same as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Everything that is told about one message.
#[derive(Debug, Serialize)]
struct Explanation {
    message: String,
    #[serde(flatten)]
    verdict: Verdict,
    from: Party,
    to: Party,
    /// Privacy values that count.
    asks_for: Vec<&'static str>,
    headers: Vec<Row>,
    /// What only a running proxy does to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<&'static str>,
    /// The message as it would leave; of a refused request, nothing.
    leaves: Option<String>,
    second_reader: Option<Reading>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum Verdict {
    Forwarded,
    Refused {
        status: u16,
        reason: String,
        why: String,
        rule: &'static str,
        clause: &'static str,
    },
    Dropped {
        why: &'static str,
    },
}

/// One end of the message's way, and how it was judged.
#[derive(Debug, Serialize)]
struct Party {
    listener: String,
    address: String,
    standing: &'static str,
    reason: &'static str,
    /// Where the policy says so, `FILE:LINE`; nothing: a default, or a party made for this question.
    policy: Option<String>,
}

/// Explains on standard output; on standard error why it cannot.
pub(super) fn explain(config: &Path, arguments: &Arguments) -> Exit {
    let policy = match config::load(config) {
        Ok((policy, _)) => policy,
        Err(found) => {
            super::check::tell(&found);
            return Exit::BadInput;
        }
    };
    match explanation(policy, arguments) {
        Ok(explanation) => {
            show(&explanation, arguments.json);
            Exit::Done
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            Exit::BadInput
        }
    }
}

fn show(explanation: &Explanation, json: bool) {
    let mut screen = anstream::stdout().lock();
    // A reader that went away (`| head`) wants no more.
    let _ = match json {
        true => serde_json::to_writer_pretty(&mut screen, explanation)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(screen)),
        false => write!(screen, "{}", screen::Screen(explanation)),
    };
}

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
enum Unexplained {
    #[error("{}: {error}; give a file with one SIP message", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: longer than {FILE_BYTES_MAX} bytes, which no message is", path.display())]
    TooLong { path: PathBuf },
    #[error("{}: byte {at}: {error}{}", path.display(), remedy(*error))]
    Message {
        path: PathBuf,
        at: usize,
        error: ParseError,
    },
    #[error(transparent)]
    Party(#[from] party::Unknown),
    #[error("the policy's domain makes no keys: {0}")]
    Keys(#[from] crate::seal::KeyError),
    #[error(transparent)]
    HidingKeys(#[from] key_file::KeyFileError),
}

fn remedy(error: ParseError) -> &'static str {
    match error {
        ParseError::NoBlankLine => "; end it with an empty line",
        ParseError::ShortBody => "; correct Content-Length, or leave it out",
        _ => "",
    }
}

fn explanation(policy: Policy, arguments: &Arguments) -> Result<Explanation, Unexplained> {
    let asked = Asked {
        path: &arguments.message,
        bytes: read(&arguments.message)?,
        from: &arguments.from,
        to: &arguments.to,
        hiding_keys: arguments.hiding_keys.as_deref(),
    };
    explained(policy, &asked)
}

/// The same for the operator's page, as JSON. `Err`: why it cannot be told.
pub(super) fn answer(policy: &Policy, question: &Question) -> Result<Value, String> {
    let asked = Asked {
        path: Path::new("the message"),
        bytes: Bytes::from(question.message.clone().into_bytes()),
        from: &question.from,
        to: &question.to,
        hiding_keys: None,
    };
    let explained = explained(policy.clone(), &asked).map_err(|error| error.to_string())?;
    serde_json::to_value(explained).map_err(|error| error.to_string())
}

struct Asked<'a> {
    path: &'a Path,
    bytes: Bytes,
    from: &'a str,
    to: &'a str,
    hiding_keys: Option<&'a Path>,
}

fn explained(mut policy: Policy, asked: &Asked<'_>) -> Result<Explanation, Unexplained> {
    let bytes = &asked.bytes;
    let limits = limits(&policy);
    let refused = |refused: Box<Refused>| Unexplained::Message {
        path: asked.path.to_owned(),
        at: fault_at(bytes, &refused),
        error: refused.error,
    };
    let message = parse(bytes.clone(), Carrier::Datagram, &limits)
        .and_then(|_| parse(as_sent(bytes), Carrier::Datagram, &limits))
        .map_err(refused)?;
    let from = Place::find(&mut policy, asked.from, Side::From)?;
    let to = Place::find(&mut policy, asked.to, Side::To)?;
    let secrets = [(0, [0; SECRET_BYTES])];
    let keys = Keys::new(&secrets, &policy.domain.id.value, 0)?.with_hiding(Some(HidingKeys::new(&secrets)?));
    let opens = match asked.hiding_keys {
        Some(path) => Some(keys.with_hiding(Some(key_file::hiding_keys(path)?))),
        None => None,
    };
    let own = OwnAddresses::new(&policy, &Bound::as_written(&policy));
    let judge = Judge {
        policy: &policy,
        keys: &keys,
        own: &own,
        opens: opens.as_ref(),
    };
    let judgement = judge.message(message.clone(), from.flow(), to.destination(), PrivacySet::EMPTY);
    Ok(told(&policy, &message, &judgement, (&from, &to)))
}

fn told(policy: &Policy, message: &Message, judgement: &Judgement, (from, to): (&Place, &Place)) -> Explanation {
    let leaving = match &judgement.outcome {
        Outcome::Cleared(outgoing) => Some(outgoing.bytes()),
        _ => None,
    };
    let read_again = leaving.and_then(|bytes| parse(bytes.clone(), Carrier::Datagram, &limits(policy)).ok());
    let decisions: Vec<_> = judgement.admitted.iter().chain(&judgement.cleared).copied().collect();
    let origin = (judgement.origin.standing(), *judgement.origin.evidence());
    let hop = (judgement.hop_standing(), *judgement.hop.evidence());
    Explanation {
        message: start_line(message, judgement.what),
        verdict: verdict(&judgement.outcome),
        from: party(policy, from, origin),
        to: party(policy, to, hop),
        asks_for: judgement.set.words(),
        headers: rows::rows(&policy.file, message, read_again.as_ref(), &decisions),
        beside: if leaving.is_some() {
            beside(message, judgement)
        } else {
            Vec::new()
        },
        leaves: read_again
            .as_ref()
            .map(|message| screen::sealed(&screen::printable(&credentials::without_secrets(message)))),
        second_reader: read_again.as_ref().map(reader::compare),
    }
}

fn beside(message: &Message, judgement: &Judgement) -> Vec<&'static str> {
    let mut beside = Vec::new();
    let opens_dialog = [Method::Invite, Method::Subscribe, Method::Refer, Method::Other];
    if message.method().is_some_and(|method| opens_dialog.contains(&method)) {
        beside.push("a Record-Route with a sealed token is added");
    }
    if judgement.origin.standing() == Standing::Served {
        beside.push("only a registered UE is served; its registration tells which identity is asserted");
        match message.method() {
            Some(Method::Register) => {
                beside.push("a Path with a sealed token is added, which the registrar must know of")
            }
            Some(_) => beside.push("what it begins takes the Service-Route of its registration"),
            None => return beside,
        }
        beside.push("towards T a P-Charging-Vector is added");
    }
    beside
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Cleared(_) => Verdict::Forwarded,
        Outcome::Dropped(why) => Verdict::Dropped { why: why.as_str() },
        Outcome::Refused(reject) => {
            let look = reject.look();
            Verdict::Refused {
                status: look.status,
                reason: look.reason,
                why: reject.to_string(),
                rule: look.rule.id,
                clause: look.rule.clause,
            }
        }
    }
}

fn party(policy: &Policy, place: &Place, (standing, evidence): (Standing, Evidence)) -> Party {
    let listener = policy.listeners.get(usize::from(place.listener.0));
    Party {
        listener: listener.map_or_else(String::new, |listener| listener.name.value.clone()),
        address: place.remote.to_string(),
        standing: match standing {
            Standing::Trusted => "trusted",
            Standing::Served => "served",
            Standing::Untrusted => "untrusted",
        },
        reason: evidence.reason(),
        policy: rows::place(&policy.file, evidence.policy_line()),
    }
}

fn start_line(message: &Message, what: What) -> String {
    match message.start() {
        StartLine::Request { .. } => {
            let uri = screen::line(message.request_uri());
            format!("{} {uri}", screen::line(message.method_name()))
        }
        StartLine::Response { status, .. } => match what.method() {
            Some(method) => format!("{status} to {}", method.label()),
            None => status.to_string(),
        },
    }
}

fn read(path: &Path) -> Result<Bytes, Unexplained> {
    let failed = |error| Unexplained::File {
        path: path.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let path = path.to_owned();
        return Err(Unexplained::TooLong { path });
    }
    Ok(Bytes::from(bytes))
}

/// The message with the line ends of SIP, where an editor wrote others; its body is left alone.
fn as_sent(bytes: &Bytes) -> Bytes {
    let blank = memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2);
    let (head, body) = bytes.split_at(blank);
    if head.contains(&b'\r') {
        return bytes.clone();
    }
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let head = lines.join(&b"\r\n"[..]);
    Bytes::from([&head, body].concat())
}

/// Where in the file the fault is, as near as the index of a half-read message tells.
fn fault_at(bytes: &Bytes, refused: &Refused) -> usize {
    let begin = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let Some(message) = &refused.message else { return begin };
    let text = message.bytes();
    let offset = |value: &[u8]| {
        (value.as_ptr() as usize)
            .saturating_sub(text.as_ptr() as usize)
            .min(text.len())
    };
    match refused.error {
        ParseError::HeaderRow
        | ParseError::HeaderTooLong
        | ParseError::HeaderBlockTooLarge
        | ParseError::BareCarriageReturn => {
            // Behind the last row that was read, or behind the start line.
            let read = message
                .all_rows()
                .last()
                .map_or(0, |(_, _, value)| offset(value) + value.len());
            let line_end = memchr::memchr(b'\n', text.get(read..).unwrap_or_default());
            begin + read + line_end.map_or(0, |at| at + 1)
        }
        ParseError::NoBlankLine => bytes.len(),
        ParseError::ContentLength => begin + message.rows(Name::ContentLength).last().map_or(0, offset),
        ParseError::ShortBody | ParseError::BodyTooLarge => begin + offset(message.body()),
        ParseError::NotSip
        | ParseError::RequestLine
        | ParseError::StatusLine
        | ParseError::Version
        | ParseError::StartLineTooLong => begin,
    }
}

fn limits(policy: &Policy) -> ParseLimits {
    let limits = &policy.limits;
    ParseLimits {
        start_line_bytes_max: limits.start_line_bytes_max as usize,
        header_bytes_max: limits.header_bytes_max as usize,
        header_block_bytes_max: limits.header_block_bytes_max as usize,
        header_rows_max: limits.header_rows_max as usize,
        body_bytes_max: limits.body_bytes_max as usize,
    }
}
