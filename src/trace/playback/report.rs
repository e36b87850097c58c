//! Findings as a page for a browser: one file, nothing of it from elsewhere. A ladder of each call, its parties by their standing, and
//! of each message what it was and what it would become.
//!
//! Of the messages themselves it has their form ([`crate::privacy::masked`]): nobody's name, number or address is in the file. What it holds is text
//! in a JSON document, which the page's script shows as text; so nothing that somebody wrote into a message runs or draws.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::finding::{Finding, Kind, Summary};
use super::{UNLIMITED, json};
use crate::engine::judge::Outcome;
use crate::privacy::masked::Masks;
use crate::sip::Name;
use crate::sip::parse::{Carrier, parse};
use crate::trace::capture::{CaptureCounts, Captured};

/// Messages that a page holds; beyond: they are counted, and the page says so.
pub const MESSAGES_MAX: u64 = 20_000;

const HEAD: &str = concat!(
    include_str!("report/head.html"),
    "<style>\n",
    include_str!("../../admin/page/ladder.css"),
    "</style>\n</head>\n",
    include_str!("report/body.html"),
    "<script type=\"application/json\" id=\"data\">\n{\"messages\":[\n",
);
const TAIL: &str = concat!(
    "\n</script>\n<script>\n",
    include_str!("../../admin/page/ladder.js"),
    include_str!("report/page.js"),
    "</script>\n</body>\n</html>\n"
);

/// A page being written, message by message.
#[derive(Default)]
pub struct Report {
    written: u64,
    left_out: u64,
    masks: Masks,
    calls: HashMap<u64, usize>,
    hasher: RandomState,
}

impl Report {
    pub fn finding(&mut self, out: &mut dyn Write, captured: &Captured, finding: &Finding) -> io::Result<()> {
        if self.written == MESSAGES_MAX {
            self.left_out += 1;
            return Ok(());
        }
        out.write_all(if self.written == 0 { HEAD } else { ",\n" }.as_bytes())?;
        self.written += 1;
        let object = self.object(captured, finding);
        out.write_all(in_script(&Value::Object(object)).as_bytes())
    }

    /// What is shown of one message.
    pub fn object(&mut self, captured: &Captured, finding: &Finding) -> Map<String, Value> {
        let mut object = json::object(finding);
        object.insert("call".to_owned(), self.call(captured).into());
        object.insert("before".to_owned(), self.masks.message(&captured.bytes).into());
        if let Kind::Judged(step) = &finding.kind
            && let Outcome::Cleared(outgoing) = &step.judgement.outcome
        {
            object.insert("after".to_owned(), self.masks.message(outgoing.bytes()).into());
        }
        object
    }

    /// The rows of a message, masked as all others are.
    pub fn rows(&mut self, message: &[u8]) -> Vec<String> {
        self.masks.message(message)
    }

    /// Calls that have a number.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Ends the page.
    pub fn summary(&mut self, out: &mut dyn Write, summary: &Summary, counts: &CaptureCounts) -> io::Result<()> {
        if self.written == 0 {
            out.write_all(HEAD.as_bytes())?;
        }
        let mut summary = json::summary(summary, counts);
        summary["left_out"] = self.left_out.into();
        write!(out, "\n],\"summary\":{}}}{TAIL}", in_script(&summary))
    }

    /// The number of the call that a message is of, from 0; all that cannot be read are of none.
    fn call(&mut self, captured: &Captured) -> Option<usize> {
        let message = parse(captured.bytes.clone(), Carrier::Datagram, &UNLIMITED);
        let message = message.or_else(|refused| refused.message.ok_or(())).ok()?;
        let key = self.hasher.hash_one(message.first(Name::CallId)?);
        let next = self.calls.len();
        Some(*self.calls.entry(key).or_insert(next))
    }
}

/// As it may stand in a script: no `<` ends it.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}
