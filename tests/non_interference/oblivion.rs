//! An engine with a fault: it forgets one carrier in one kind of message, and lets it out as it came.

use std::rc::Rc;

use super::carriers::{CALL_ID, CARRIERS, FROM, REQUEST_URI};
use super::dialog::Message;
use super::kind::Kind;
use crate::world::Sent;

/// What is forgotten, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    pub carrier: usize,
    pub kind: Kind,
}

/// The messages of the hiding parties that this one was made of: the one that was passed on, and for what the proxy makes
/// itself the INVITE and what ended it.
pub fn sources(said: &[Rc<Message>], sent: &Sent, kind: Kind) -> Vec<Rc<Message>> {
    let cseq = sent.row("CSeq").unwrap_or_default();
    let whose = match kind {
        Kind::Response { .. } => sent.row("To"),
        _ => sent.row("From"),
    };
    let whose = whose.unwrap_or_default();
    let is_of =
        |message: &Message, cseq: &str| message.cseq == cseq && whose.contains(&format!(";tag={}", message.tag));
    let last = |cseq: &str, kind: Kind| {
        let found = said
            .iter()
            .rev()
            .find(|message| is_of(message, cseq) && message.kind == kind);
        found.map(Rc::clone)
    };
    let number = cseq.split(' ').next().unwrap_or_default();
    let invites = || {
        let invite = format!("{number} INVITE");
        [false, true].map(|within| last(&invite, Kind::request("INVITE", within)))
    };
    match kind {
        Kind::Cancel => invites().into_iter().chain([last(cseq, kind)]).flatten().collect(),
        Kind::FailureAck => invites().into_iter().flatten().collect(),
        _ => last(cseq, kind).into_iter().collect(),
    }
}

/// The message with a row as it was received.
pub fn forget(text: &str, carrier: usize, row: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    let row = row.trim_end_matches("\r\n");
    match carrier {
        REQUEST_URI => lines[0] = lines[0].replacen("sip:bob@", &format!("sip:bob{row}@"), 1),
        FROM | CALL_ID => replace(&mut lines, row),
        _ if CARRIERS[carrier].name == "Contact" => {
            lines.retain(|line| !line.starts_with("Contact:"));
            lines.push(row.to_owned());
        }
        _ => {
            let name = row.split(':').next().unwrap_or_default().trim();
            let alike = |line: &&String| line.split(':').next().unwrap_or_default().eq_ignore_ascii_case(name);
            let behind = lines
                .iter()
                .rposition(|line| alike(&line))
                .map_or(lines.len(), |at| at + 1);
            lines.insert(behind, row.to_owned());
        }
    }
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

fn replace(lines: &mut [String], row: &str) {
    let name = row.split(':').next().unwrap_or_default();
    let begin = format!("{name}:");
    if let Some(line) = lines.iter_mut().find(|line| line.starts_with(&begin)) {
        *line = row.to_owned();
    }
}
