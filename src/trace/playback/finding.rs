//! What was found about recorded messages. Names nobody: parties are letters, headers have no values.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::ADDRESSES_MAX;
use crate::engine::event::What;
use crate::engine::judge::{Judgement, Outcome};
use crate::engine::reject::Look;
use crate::privacy::{Action, Decision};
use crate::sip::Name;
use crate::sip::parse::ParseError;
use crate::trust::Standing;

/// One recorded message.
#[derive(Debug)]
pub struct Finding {
    /// Frame number in the capture, from 1.
    pub number: u64,
    /// Since the first packet.
    pub at: Duration,
    pub from: Party,
    pub to: Party,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    Judged(Box<Step>),
    /// The same bytes as the message in the frame of this number.
    Again(u64),
    Unreadable(ParseError),
}

/// A judged message, and what is wrong with it.
#[derive(Debug)]
pub struct Step {
    pub judgement: Judgement,
    /// What the recording shows a hop outside T, and the policy forbids.
    pub recorded_leak: Option<Leak>,
    pub second_reader: SecondReader,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leak {
    Headers(Vec<Name>),
    /// The message should not have gone there at all.
    Whole,
}

/// What an independent parser says of our output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondReader {
    /// The hop is in T, or nothing leaves.
    NotAsked,
    /// It refuses the message; that is no fault.
    NotCompared,
    /// Headers in which it still finds what was to be hidden: none, or there is a defect.
    Read(Vec<Name>),
}

impl Step {
    /// Whether there is anything to say but that it passed.
    pub fn is_plain(&self) -> bool {
        let judgement = &self.judgement;
        judgement.admitted.is_empty()
            && judgement.cleared.is_empty()
            && matches!(judgement.outcome, Outcome::Cleared(_))
            && self.recorded_leak.is_none()
            && self.would_leak().is_empty()
    }

    /// Headers of our output in which the second reader finds what was to be hidden.
    pub fn would_leak(&self) -> &[Name] {
        match &self.second_reader {
            SecondReader::Read(found) => found,
            SecondReader::NotAsked | SecondReader::NotCompared => &[],
        }
    }
}

/// An address of the capture, by a letter: the first seen is A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party(Option<usize>);

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.0 else { return f.write_str("*") };
        let letter = char::from(b'A' + (number % 26) as u8);
        match number / 26 {
            0 => write!(f, "{letter}"),
            round => write!(f, "{letter}{round}"),
        }
    }
}

/// The letters given so far.
#[derive(Default)]
pub(super) struct Parties(HashMap<IpAddr, usize>);

impl Parties {
    pub fn of(&mut self, address: IpAddr) -> Party {
        let next = self.0.len();
        match self.0.get(&address) {
            Some(number) => Party(Some(*number)),
            None if next >= ADDRESSES_MAX => Party(None),
            None => {
                self.0.insert(address, next);
                Party(Some(next))
            }
        }
    }
}

/// Counts over a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub messages: u64,
    pub requests: u64,
    pub responses: u64,
    /// Messages recorded before, byte for byte: a retransmission, or captured twice. Not judged again.
    pub repeated: u64,
    pub unreadable: u64,
    /// Judged messages that pass with no decision about any header.
    pub unchanged: u64,
    /// Requests that would be refused.
    pub refused: u64,
    /// Messages that would go no further, without an answer.
    pub dropped: u64,
    /// Decisions about headers, by what was decided.
    pub kept: u64,
    pub removed: u64,
    pub rewritten: u64,
    /// Messages that said what their sender has no right to say.
    pub claims: u64,
    /// Messages that show a hop outside T, as recorded, what the policy forbids.
    pub recorded_leaks: u64,
    /// Messages in whose output the second reader finds what was to be hidden. Anything but 0 is a defect.
    pub would_leak: u64,
    /// Messages to a hop outside T that the second reader refuses.
    pub not_compared: u64,
    /// Remembered parties and messages that were forgotten for lack of room.
    pub forgotten: u64,
}

impl Summary {
    /// Whether anything was or would be shown that the policy forbids.
    pub fn leaks(&self) -> bool {
        self.recorded_leaks > 0 || self.would_leak > 0
    }

    pub(super) fn count(&mut self, finding: &Finding) {
        self.messages += 1;
        let step = match &finding.kind {
            Kind::Again(_) => {
                self.repeated += 1;
                return;
            }
            Kind::Unreadable(_) => {
                self.unreadable += 1;
                return;
            }
            Kind::Judged(step) => step,
        };
        match step.judgement.what {
            What::Request(_) => self.requests += 1,
            What::Response { .. } => self.responses += 1,
            What::Unreadable => {}
        }
        match step.judgement.outcome {
            Outcome::Cleared(_) => self.unchanged += u64::from(step.is_plain()),
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Dropped(_) => self.dropped += 1,
        }
        for decision in step.judgement.admitted.iter().chain(&step.judgement.cleared) {
            match decision.action {
                Action::Kept => self.kept += 1,
                Action::Removed => self.removed += 1,
                Action::Anonymised | Action::Hidden | Action::Restored | Action::Rewritten | Action::Added => {
                    self.rewritten += 1;
                }
                Action::NotProvided => {}
            }
        }
        let is_claim = |decision: &Decision| decision.action != Action::Restored;
        self.claims += u64::from(step.judgement.admitted.iter().any(is_claim));
        self.recorded_leaks += u64::from(step.recorded_leak.is_some());
        self.would_leak += u64::from(!step.would_leak().is_empty());
        self.not_compared += u64::from(step.second_reader == SecondReader::NotCompared);
    }
}

/// The kind of a message, as reports name it: `INVITE`, `200 to INVITE`.
pub struct KindName(pub What);

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            What::Request(method) => f.write_str(method.label()),
            What::Response { status, to } => write!(f, "{status} to {}", to.label()),
            What::Unreadable => f.write_str("unreadable"),
        }
    }
}

/// The word for a standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Trusted => "trusted",
        Standing::Served => "served",
        Standing::Untrusted => "untrusted",
    }
}

/// What a refusal is called: its reason phrase, without what the message itself said.
pub fn refusal(look: &Look) -> &str {
    look.reason.split(": ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_become_letters_up_to_the_maximum() {
        let mut parties = Parties::default();
        let mut of = |number: u32| parties.of(Ipv4Addr::from_bits(number).into()).to_string();
        assert_eq!((of(7), of(9), of(7)), ("A".to_owned(), "B".to_owned(), "A".to_owned()));
        let last = (0..ADDRESSES_MAX as u32 - 2).map(|number| of(100 + number)).last();
        assert_eq!(last.as_deref(), Some("P384"));
        assert_eq!((of(1), of(2), of(9)), ("*".to_owned(), "*".to_owned(), "B".to_owned()));
    }
}
