//! Findings for a reader: a line a message, a line a decision beneath it.

use std::fmt;
use std::io::{self, Write};

use super::against::{Against, Difference};
use super::finding::{Finding, Kind, KindName, Leak, SecondReader, Step, Summary, refusal, standing};
use crate::config::Style;
use crate::engine::judge::Outcome;
use crate::privacy::Decision;
use crate::sip::Name;
use crate::trace::capture::CaptureCounts;

/// Which messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    All,
    /// Those with a decision, a refusal or a leak.
    Marked,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub shown: Shown,
    pub style: Style,
}

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Text {
    pub fn finding(&self, out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
        let plain = match &finding.kind {
            Kind::Judged(step) => step.is_plain(),
            Kind::Again(_) => true,
            Kind::Unreadable(_) => false,
        };
        if plain && self.shown == Shown::Marked {
            return Ok(());
        }
        let seconds = finding.at.as_secs_f64();
        write!(out, "{:>6} {seconds:>9.3}  ", finding.number)?;
        match &finding.kind {
            Kind::Again(number) => self.line(out, DIM, format_args!("the same as {number}, again")),
            Kind::Unreadable(error) => {
                let (from, to) = (finding.from, finding.to);
                writeln!(out, "{:<18} {from} > {to}: {error}", "unreadable")
            }
            Kind::Judged(step) => self.step(out, finding, step),
        }
    }

    /// A message that two policies treat differently: as the old one has it, then as the new one.
    pub fn difference(&self, out: &mut dyn Write, difference: &Difference) -> io::Result<()> {
        let every = Text {
            shown: Shown::All,
            ..*self
        };
        for (sign, colour, finding) in [("-", RED, &difference.old), ("+", GREEN, &difference.new)] {
            let mut lines = Vec::new();
            Text {
                style: Style::Plain,
                ..every
            }
            .finding(&mut lines, finding)?;
            for line in String::from_utf8_lossy(&lines).lines() {
                self.line(out, colour, format_args!("{sign}{line}"))?;
            }
        }
        Ok(())
    }

    /// How many differ, and the leaks by either policy.
    pub fn comparison(&self, out: &mut dyn Write, against: &Against) -> io::Result<()> {
        let [old, new] = against.summaries();
        writeln!(out, "{:<22}{:>8}", "messages", new.messages)?;
        writeln!(out, "{:<22}{:>8}", "treated differently", against.differing())?;
        for (name, old, new) in [
            ("refused", old.refused, new.refused),
            ("recorded leaks", old.recorded_leaks, new.recorded_leaks),
            ("we would leak", old.would_leak, new.would_leak),
        ] {
            writeln!(out, "  {name:<20}{old:>8} before, {new} now")?;
        }
        Ok(())
    }

    fn step(&self, out: &mut dyn Write, finding: &Finding, step: &Step) -> io::Result<()> {
        let judgement = &step.judgement;
        let (origin, hop) = (&judgement.origin, &judgement.hop);
        writeln!(
            out,
            "{:<18} {} {} ({}) > {} {} ({})",
            KindName(judgement.what).to_string(),
            finding.from,
            standing(origin.standing()),
            origin.evidence().reason(),
            finding.to,
            standing(judgement.hop_standing()),
            hop.evidence().reason(),
        )?;
        for (door, decisions) in [("in ", &judgement.admitted), ("out", &judgement.cleared)] {
            for decision in decisions {
                writeln!(out, "{INDENT}{door} {}", Shape(decision))?;
            }
        }
        match &judgement.outcome {
            Outcome::Cleared(_) => {}
            Outcome::Refused(reject) => {
                let look = reject.look();
                let (status, rule) = (look.status, look.rule);
                writeln!(
                    out,
                    "{INDENT}refused      {status} {}  {}, {}",
                    refusal(&look),
                    rule.id,
                    rule.clause
                )?;
            }
            Outcome::Dropped(why) => writeln!(out, "{INDENT}dropped      {}", why.as_str())?,
        }
        match &step.recorded_leak {
            None => {}
            Some(Leak::Whole) => {
                self.line(out, RED, format_args!("{INDENT}recorded leak: the message itself"))?;
            }
            Some(Leak::Headers(names)) => {
                self.line(out, RED, format_args!("{INDENT}recorded leak: {}", Names(names)))?;
            }
        }
        if !step.would_leak().is_empty() {
            let names = Names(step.would_leak());
            self.line(out, RED, format_args!("{INDENT}WOULD LEAK: {names}"))?;
        }
        if step.second_reader == SecondReader::NotCompared && self.shown == Shown::All {
            self.line(out, DIM, format_args!("{INDENT}not compared by the second reader"))?;
        }
        Ok(())
    }

    pub fn summary(&self, out: &mut dyn Write, summary: &Summary, counts: &CaptureCounts) -> io::Result<()> {
        let lines = [
            ("requests", summary.requests),
            ("responses", summary.responses),
            ("repeated", summary.repeated),
            ("unreadable", summary.unreadable),
            ("unchanged", summary.unchanged),
            ("refused", summary.refused),
            ("dropped", summary.dropped),
            ("claims taken out", summary.claims),
            ("headers kept", summary.kept),
            ("headers removed", summary.removed),
            ("headers rewritten", summary.rewritten),
            ("not compared", summary.not_compared),
            ("forgotten", summary.forgotten),
        ];
        writeln!(out, "{:<22}{:>8}", "messages", summary.messages)?;
        for (name, count) in lines.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(out, "  {name:<20}{count:>8}")?;
        }
        for (name, count) in passed_over(counts).into_iter().filter(|(_, count)| *count > 0) {
            writeln!(out, "  {name:<20}{count:>8}")?;
        }
        for (name, count) in [
            ("recorded leaks", summary.recorded_leaks),
            ("we would leak", summary.would_leak),
        ] {
            let colour = if count > 0 { RED } else { "" };
            self.line(out, colour, format_args!("{name:<22}{count:>8}"))?;
        }
        Ok(())
    }

    fn line(&self, out: &mut dyn Write, colour: &str, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.style == Style::Coloured && !colour.is_empty() {
            writeln!(out, "{colour}{text}{PLAIN}")
        } else {
            writeln!(out, "{text}")
        }
    }
}

const INDENT: &str = "                    ";

/// What of a capture was not judged, and how often.
pub(super) fn passed_over(counts: &CaptureCounts) -> [(&'static str, u64); 9] {
    [
        ("messages cut short", counts.truncated_messages),
        ("packets cut short", counts.truncated),
        ("packets not IP", counts.skipped_not_ip),
        ("tunnels too deep", counts.tunnels_too_deep),
        ("ESP not read", counts.esp_unread),
        ("fragments left out", counts.fragments_dropped),
        ("streams given up", counts.streams_evicted),
        ("gaps in streams", counts.gaps),
        ("not SIP in streams", counts.resyncs),
    ]
}

struct Shape<'a>(&'a Decision);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision {
            header,
            action,
            rule,
            policy_line,
        } = self.0;
        let (action, header) = (action.as_str(), header.as_str());
        write!(f, "{action:<11}  {header:<22} {}, {}", rule.id, rule.clause)?;
        match policy_line {
            0 => Ok(()),
            line => write!(f, ", policy line {line}"),
        }
    }
}

struct Names<'a>(&'a [Name]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{}", name.as_str())?;
        }
        Ok(())
    }
}
