//! Findings for programs: one JSON object, a line a message.
//!
//! ```json
//! {"messages":[
//! {"number":3,"at":0.001,"from":"A","to":"B","result":"cleared","kind":"INVITE",
//!  "origin":{"standing":"trusted","reason":"peer-by-prefix","policy_line":20},
//!  "hop":{"standing":"untrusted","reason":"no-member-evidence","policy_line":0},
//!  "decisions":[{"door":"out","header":"P-Asserted-Identity","action":"removed",
//!                "rule":"PRIV-031","clause":"RFC 3325 section 7","policy_line":0}],
//!  "recorded_leak":["P-Asserted-Identity"],"would_leak":[],"second_reader":"compared"}
//! ],"summary":{"messages":13,"recorded_leaks":2,"would_leak":0}}
//! ```
//!
//! Of two policies (`--against`) it is `{"differences":[{"old":…,"new":…}],"summary":…}`, `old` and `new` each such a message.
//!
//! `result` is `cleared`, `refused` (with `refusal`: status, reason, rule, clause), `dropped` (with `why`), `repeated` (with
//! `same_as`: the number of the first) or `unreadable` (with `error`); the last two have no more than the first five
//! members. `door` is `in` for what the sender had no right to say, `out` for what the receiver may not see.
//! `recorded_leak` lists headers, `["*"]` for a message that should not have gone there. `second_reader` is `compared`,
//! `not compared` or `not asked`. A `policy_line` of 0 is a default. `summary` has every count; those of what was passed over
//! in the capture are in `summary.capture`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::against::{Against, Difference};
use super::finding::{Finding, Kind, KindName, Leak, SecondReader, Step, Summary, refusal, standing};
use super::text::passed_over;
use crate::engine::judge::Outcome;
use crate::privacy::Decision;
use crate::sip::Name;
use crate::trace::capture::CaptureCounts;
use crate::trust::{Evidence, Standing};

/// Writes the object piece by piece, so that a capture of any size needs no room.
#[derive(Debug, Default)]
pub struct Json {
    written: bool,
}

impl Json {
    pub fn finding(&mut self, out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
        let before = if self.written { ",\n" } else { "{\"messages\":[\n" };
        self.written = true;
        write!(out, "{before}{}", Value::Object(object(finding)))
    }

    /// A message that two policies treat differently: an object with `old` and `new`, each as a message has it elsewhere.
    pub fn difference(&mut self, out: &mut dyn Write, difference: &Difference) -> io::Result<()> {
        let before = if self.written { ",\n" } else { "{\"differences\":[\n" };
        self.written = true;
        let [old, new] = [&difference.old, &difference.new].map(|finding| Value::Object(object(finding)));
        write!(out, "{before}{}", json!({"old": old, "new": new}))
    }

    pub fn comparison(&mut self, out: &mut dyn Write, against: &Against) -> io::Result<()> {
        let before = if self.written { "\n" } else { "{\"differences\":[" };
        let of = |summary: &Summary| {
            json!({
                "refused": summary.refused,
                "recorded_leaks": summary.recorded_leaks,
                "would_leak": summary.would_leak,
            })
        };
        let [old, new] = against.summaries();
        let summary = json!({
            "messages": new.messages,
            "differing": against.differing(),
            "old": of(&old),
            "new": of(&new),
        });
        writeln!(out, "{before}],\"summary\":{summary}}}")
    }

    pub fn summary(&mut self, out: &mut dyn Write, summary: &Summary, counts: &CaptureCounts) -> io::Result<()> {
        let before = if self.written { "\n" } else { "{\"messages\":[" };
        writeln!(out, "{before}],\"summary\":{}}}", self::summary(summary, counts))
    }
}

/// Every count of a replay.
pub fn summary(summary: &Summary, counts: &CaptureCounts) -> Value {
    let capture: Map<String, Value> = passed_over(counts)
        .into_iter()
        .map(|(name, count)| (name.replace(' ', "_").to_lowercase(), count.into()))
        .collect();
    json!({
        "messages": summary.messages,
        "requests": summary.requests,
        "responses": summary.responses,
        "repeated": summary.repeated,
        "unreadable": summary.unreadable,
        "unchanged": summary.unchanged,
        "refused": summary.refused,
        "dropped": summary.dropped,
        "claims": summary.claims,
        "kept": summary.kept,
        "removed": summary.removed,
        "rewritten": summary.rewritten,
        "recorded_leaks": summary.recorded_leaks,
        "would_leak": summary.would_leak,
        "not_compared": summary.not_compared,
        "forgotten": summary.forgotten,
        "packets": counts.packets,
        "capture": capture,
    })
}

/// A message as it stands in the list.
pub fn object(finding: &Finding) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("number", finding.number.into());
    put("at", finding.at.as_secs_f64().into());
    put("from", finding.from.to_string().into());
    put("to", finding.to.to_string().into());
    match &finding.kind {
        Kind::Again(number) => {
            put("result", "repeated".into());
            put("same_as", (*number).into());
        }
        Kind::Unreadable(error) => {
            put("result", "unreadable".into());
            put("error", error.to_string().into());
        }
        Kind::Judged(step) => judged(&mut put, step),
    }
    object
}

fn judged(put: &mut dyn FnMut(&str, Value), step: &Step) {
    let judgement = &step.judgement;
    put("kind", KindName(judgement.what).to_string().into());
    let origin = &judgement.origin;
    put("origin", end(origin.standing(), origin.evidence()));
    put("hop", end(judgement.hop_standing(), judgement.hop.evidence()));
    match &judgement.outcome {
        Outcome::Cleared(_) => put("result", "cleared".into()),
        Outcome::Refused(reject) => {
            let look = reject.look();
            put("result", "refused".into());
            let (status, rule) = (look.status, look.rule);
            put(
                "refusal",
                json!({"status": status, "reason": refusal(&look), "rule": rule.id, "clause": rule.clause}),
            );
        }
        Outcome::Dropped(why) => {
            put("result", "dropped".into());
            put("why", why.as_str().into());
        }
    }
    put("decisions", decisions(step));
    let recorded_leak = match &step.recorded_leak {
        None => Vec::new(),
        Some(Leak::Whole) => vec!["*".into()],
        Some(Leak::Headers(headers)) => names(headers),
    };
    put("recorded_leak", recorded_leak.into());
    put("would_leak", names(step.would_leak()).into());
    let second_reader = match step.second_reader {
        SecondReader::NotAsked => "not asked",
        SecondReader::NotCompared => "not compared",
        SecondReader::Read(_) => "compared",
    };
    put("second_reader", second_reader.into());
}

/// What was decided on a message, on arrival and on leaving.
pub fn decisions(step: &Step) -> Value {
    let judgement = &step.judgement;
    let both = [("in", &judgement.admitted), ("out", &judgement.cleared)].into_iter();
    both.flat_map(|(door, decisions)| decisions.iter().map(move |one| decision(door, one)))
        .collect()
}

fn end(stands: Standing, evidence: &Evidence) -> Value {
    json!({"standing": standing(stands), "reason": evidence.reason(), "policy_line": evidence.policy_line()})
}

fn decision(door: &str, decision: &Decision) -> Value {
    json!({
        "door": door,
        "header": decision.header.as_str(),
        "action": decision.action.as_str(),
        "rule": decision.rule.id,
        "clause": decision.rule.clause,
        "policy_line": decision.policy_line,
    })
}

fn names(names: &[Name]) -> Vec<Value> {
    names.iter().map(|name| name.as_str().into()).collect()
}
