//! What was done to a header, by which rule, and because of which line of the policy.

use crate::policy::StatedBy;
use crate::rule::Rule;
use crate::sip::Name;

/// One decision about one header of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub header: Name,
    pub action: Action,
    pub rule: Rule,
    /// Line of the policy that decided, 0 when it is a default or no policy is involved.
    pub policy_line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kept,
    Removed,
    /// Replaced by the anonymous form.
    Anonymised,
    /// Replaced by something only we can turn back.
    Hidden,
    /// Turned back for the party it belongs to.
    Restored,
    /// Edited otherwise.
    Rewritten,
    Added,
    /// Asked for, and not to be had here.
    NotProvided,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Kept => "kept",
            Action::Removed => "removed",
            Action::Anonymised => "anonymised",
            Action::Hidden => "hidden",
            Action::Restored => "restored",
            Action::Rewritten => "rewritten",
            Action::Added => "added",
            Action::NotProvided => "not provided",
        }
    }
}

/// What became of the asserted identity of one message, and why; for counters, so it names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    KeptInside,
    KeptNone,
    KeptDefault,
    RemovedStranger,
    RemovedUe,
    RemovedSurplus,
    RemovedId,
    RemovedUser,
    RemovedHeader,
    RemovedUnknown,
    RemovedCritical,
    RemovedDefault,
    RemovedMethod,
    RemovedBefore5876,
}

impl Identity {
    pub const ALL: [Identity; 14] = [
        Identity::KeptInside,
        Identity::KeptNone,
        Identity::KeptDefault,
        Identity::RemovedStranger,
        Identity::RemovedUe,
        Identity::RemovedSurplus,
        Identity::RemovedId,
        Identity::RemovedUser,
        Identity::RemovedHeader,
        Identity::RemovedUnknown,
        Identity::RemovedCritical,
        Identity::RemovedDefault,
        Identity::RemovedMethod,
        Identity::RemovedBefore5876,
    ];

    /// Action and reason, as labels.
    pub fn labels(self) -> (&'static str, &'static str) {
        match self {
            Identity::KeptInside => ("kept", "trusted_hop"),
            Identity::KeptNone => ("kept", "none"),
            Identity::KeptDefault => ("kept", "default"),
            Identity::RemovedStranger => ("removed", "untrusted_origin"),
            Identity::RemovedUe => ("removed", "served_origin"),
            Identity::RemovedSurplus => ("removed", "surplus"),
            Identity::RemovedId => ("removed", "id"),
            Identity::RemovedUser => ("removed", "user"),
            Identity::RemovedHeader => ("removed", "header"),
            Identity::RemovedUnknown => ("removed", "unknown_value"),
            Identity::RemovedCritical => ("removed", "critical"),
            Identity::RemovedDefault => ("removed", "default"),
            Identity::RemovedMethod => ("removed", "method"),
            Identity::RemovedBefore5876 => ("removed", "before_rfc5876"),
        }
    }
}

/// What was decided about a message, as sets: what the counters of an engine are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    identities: u16,
    functions: u8,
    left: u8,
}

/// What a message with `user` keeps on its way out of T, as only its sender could take it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Credentials,
    Body,
}

impl Tally {
    pub fn is_empty(self) -> bool {
        self == Tally::default()
    }

    pub fn identities(self) -> impl Iterator<Item = Identity> {
        let there = move |identity: &Identity| self.has(*identity);
        Identity::ALL.into_iter().filter(there)
    }

    pub fn has(self, identity: Identity) -> bool {
        self.identities & 1 << identity as u16 != 0
    }

    /// Bits of [`Left`].
    pub fn left(self) -> u8 {
        self.left
    }

    /// Bits of the privacy set that a hop outside T was cleared under.
    pub fn functions(self) -> u8 {
        self.functions
    }
}

/// Where decisions are noted, when somebody wants them: `explain`, `replay`, tests. On the proxy's path nobody does; there the
/// tally alone is kept.
#[derive(Debug, Default)]
pub struct Notes {
    decisions: Option<Vec<Decision>>,
    tally: Tally,
}

impl Notes {
    /// Notes that keep nothing.
    pub fn off() -> Notes {
        Notes::default()
    }

    pub fn on() -> Notes {
        Notes {
            decisions: Some(Vec::new()),
            tally: Tally::default(),
        }
    }

    pub fn note(&mut self, header: Name, action: Action, rule: Rule, by: StatedBy) {
        if let Some(decisions) = &mut self.decisions {
            let policy_line = match by {
                StatedBy::File { line } => line,
                StatedBy::Default | StatedBy::Profile => 0,
            };
            let decision = Decision {
                header,
                action,
                rule,
                policy_line,
            };
            if !decisions.contains(&decision) {
                decisions.push(decision);
            }
        }
    }

    pub fn note_set(&mut self, set: u128, action: Action, rule: Rule) {
        if self.decisions.is_some() {
            Name::of_set(set).for_each(|name| self.note(name, action, rule, StatedBy::Default));
        }
    }

    pub fn is_on(&self) -> bool {
        self.decisions.is_some()
    }

    //= SEC-010
    pub fn identity(&mut self, became: Identity) {
        self.tally.identities |= 1 << became as u16;
    }

    //= SEC-010
    pub fn functions(&mut self, set: u8) {
        self.tally.functions |= set;
    }

    pub fn left(&mut self, what: Left) {
        self.tally.left |= 1 << what as u8;
    }

    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Takes over what was noted elsewhere.
    pub fn absorb(&mut self, other: &mut Notes, decisions: Vec<Decision>) {
        let tally = other.take_tally();
        self.tally.identities |= tally.identities;
        self.tally.functions |= tally.functions;
        self.tally.left |= tally.left;
        if let Some(own) = &mut self.decisions {
            let new = decisions.into_iter().filter(|decision| !own.contains(decision));
            let new: Vec<Decision> = new.collect();
            own.extend(new);
        }
    }

    pub fn take(&mut self) -> Vec<Decision> {
        self.decisions.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
