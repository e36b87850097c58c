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

/// Where decisions are noted, when somebody wants them: `explain`, `replay`, tests. On the proxy's path nobody does.
#[derive(Debug, Default)]
pub struct Notes(Option<Vec<Decision>>);

impl Notes {
    /// Notes that keep nothing.
    pub fn off() -> Notes {
        Notes(None)
    }

    pub fn on() -> Notes {
        Notes(Some(Vec::new()))
    }

    pub fn note(&mut self, header: Name, action: Action, rule: Rule, by: StatedBy) {
        if let Some(decisions) = &mut self.0 {
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
        if self.0.is_some() {
            Name::of_set(set).for_each(|name| self.note(name, action, rule, StatedBy::Default));
        }
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub fn take(&mut self) -> Vec<Decision> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
