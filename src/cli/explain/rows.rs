//! What became of each header: the rows received beside the rows that leave, and the decisions that explain the difference.

use serde::Serialize;

use super::screen::{line, sealed};
use crate::privacy::{Action, Decision};
use crate::rule::Rule;
use crate::sip::headers::credentials;
use crate::sip::{Message, Name};

/// One row of the message, or one that was added to it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub header: String,
    pub value: String,
    pub fate: &'static str,
    /// What leaves instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<&'static str>,
    /// `FILE:LINE` when a line of the policy decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// `FILE:LINE`; nothing for line 0, which stands for a default.
pub(super) fn place(file: &str, line: u32) -> Option<String> {
    (line > 0).then(|| format!("{file}:{line}"))
}

/// Every row of `received` in order, then what was added. Without `leaving`, nothing leaves.
pub(super) fn rows(file: &str, received: &Message, leaving: Option<&Message>, decisions: &[Decision]) -> Vec<Row> {
    let came: Vec<Written> = received.all_rows().map(Written::from).collect();
    let Some(leaving) = leaving else {
        return came.iter().map(|row| unsent(file, row, decisions)).collect();
    };
    let mut goes: Vec<Option<Written>> = leaving.all_rows().map(|row| Some(Written::from(row))).collect();
    let mut fates: Vec<Option<Fate>> = vec![None; came.len()];
    // What leaves as it came, in order.
    for (row, fate) in came.iter().zip(&mut fates) {
        let same = |other: &&mut Option<Written>| other.as_ref().is_some_and(|other| other == row);
        if let Some(other) = goes.iter_mut().find(same) {
            *other = None;
            *fate = Some(Fate::Kept);
        }
    }
    // The last of a name that is left on either side is the same row, changed: what is added stands on top.
    for (row, fate) in came.iter().zip(&mut fates).rev() {
        let is_hidden = decisions
            .iter()
            .any(|decision| decision.header == row.name && decision.action == Action::Hidden)
            && matches!(row.name, Name::Via | Name::RecordRoute);
        let same_name = |other: &&mut Option<Written>| other.as_ref().is_some_and(|other| other.is_called_as(row));
        if fate.is_none() && !is_hidden {
            let changed = goes.iter_mut().rev().find(same_name).and_then(Option::take);
            *fate = changed.map(|other| Fate::Changed(other.value));
        }
    }
    let told = came.iter().zip(fates).map(|(row, fate)| {
        let (word, becomes, by) = match fate {
            Some(Fate::Kept) => (
                "kept",
                None,
                decided(decisions, row.name, &[Action::Kept, Action::NotProvided]),
            ),
            Some(Fate::Changed(value)) => {
                let by =
                    decided(decisions, row.name, &CHANGES).or_else(|| decided(decisions, row.name, &[Action::Removed]));
                (by.map_or("rewritten", |by| by.word), Some(value), by)
            }
            None => {
                let by = decided(decisions, row.name, &[Action::Removed, Action::Hidden]);
                let word = by.map_or("removed", |by| by.word);
                (word, None, by.or_else(|| decided(decisions, row.name, &CHANGES)))
            }
        };
        let by = by.or_else(|| becomes.as_ref().and_then(|_| unnoted(row.name)));
        row.told(file, word, becomes, by)
    });
    let mut told: Vec<Row> = told.collect();
    let added = goes
        .into_iter()
        .flatten()
        .map(|row| row.told(file, "added", None, unnoted(row.name)));
    told.extend(added);
    told
}

#[derive(Debug, Clone)]
enum Fate {
    Kept,
    Changed(String),
}

/// A row as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    header: String,
    name: Name,
    value: String,
}

impl From<(&[u8], Name, &[u8])> for Written {
    fn from((header, name, value): (&[u8], Name, &[u8])) -> Written {
        let value = match credentials::ROWS.contains(&name) {
            true => line(&credentials::masked(value)),
            false => line(value),
        };
        Written {
            header: line(header),
            name,
            value,
        }
    }
}

impl Written {
    fn is_called_as(&self, other: &Written) -> bool {
        self.name == other.name && (self.name != Name::Other || self.header.eq_ignore_ascii_case(&other.header))
    }

    fn told(&self, file: &str, fate: &'static str, becomes: Option<String>, by: Option<By>) -> Row {
        Row {
            header: self.header.clone(),
            value: sealed(&self.value),
            fate,
            becomes: becomes.map(|value| sealed(&value)),
            rule: by.map(|by| by.rule.id),
            clause: by.map(|by| by.rule.clause),
            policy: by.and_then(|by| place(file, by.policy_line)),
        }
    }
}

/// The decision behind a fate.
#[derive(Debug, Clone, Copy)]
struct By {
    word: &'static str,
    rule: Rule,
    policy_line: u32,
}

const CHANGES: [Action; 5] = [
    Action::Anonymised,
    Action::Hidden,
    Action::Restored,
    Action::Rewritten,
    Action::Added,
];

/// The last decision about this header that did one of these.
fn decided(decisions: &[Decision], name: Name, actions: &[Action]) -> Option<By> {
    let fits = |decision: &&Decision| decision.header == name && actions.contains(&decision.action);
    decisions.iter().rev().find(fits).map(|decision| By {
        word: decision.action.as_str(),
        rule: decision.rule,
        policy_line: decision.policy_line,
    })
}

/// What every proxy does to every message, and nobody notes.
fn unnoted(name: Name) -> Option<By> {
    let rule = match name {
        Name::Via => Rule::TPT_002,
        Name::MaxForwards => Rule::PROXY_003,
        Name::MaxBreadth => Rule::PROXY_005,
        _ => return None,
    };
    Some(By {
        word: "rewritten",
        rule,
        policy_line: 0,
    })
}

fn unsent(file: &str, row: &Written, decisions: &[Decision]) -> Row {
    match decided(decisions, row.name, &[Action::Removed]) {
        Some(by) => row.told(file, by.word, None, Some(by)),
        None => row.told(file, "not sent", None, None),
    }
}
