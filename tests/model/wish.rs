//! What a party asks for: its Privacy rows (section 3 of the catalogue), what was agreed with it, what it asked before.

use super::facts::{Conflict, Facts, Unknown};
use super::party::Party;
use super::rows::{self, Message};

/// A set of privacy values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub none: bool,
    pub id: bool,
    pub user: bool,
    pub header: bool,
    pub session: bool,
    pub history: bool,
    pub critical: bool,
    /// Something that nobody here knows, or no token at all.
    pub unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Absent,
    None,
    Id,
    Critical,
    User,
    Header,
    Session,
    History,
    Unknown,
    Malformed,
}

/// One element of a Privacy row.
#[derive(Debug, Clone)]
struct Element {
    text: String,
    meaning: Meaning,
    /// Spelt as the standard has it. What stands for something by our policy is never rewritten (PRIV-013).
    standard: bool,
}

/// The Privacy rows of a message.
#[derive(Debug, Clone, Default)]
pub struct Said {
    elements: Vec<Element>,
}

impl Said {
    pub fn read(message: &Message, facts: &Facts, sender: &Party) -> Said {
        let mut elements = Vec::new();
        for row in message.of("privacy") {
            let value = row.value();
            let parts = value.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
            elements.extend(parts.map(|text| element(text, facts, sender)));
        }
        Said { elements }
    }

    fn has(&self, meaning: Meaning) -> bool {
        self.elements.iter().any(|element| element.meaning == meaning)
    }

    fn levels(&self) -> bool {
        let is_level =
            |element: &Element| !matches!(element.meaning, Meaning::Absent | Meaning::None | Meaning::Critical);
        self.elements.iter().any(is_level)
    }

    /// PRIV-008.
    pub fn conflict(&self) -> bool {
        self.has(Meaning::None) && (self.levels() || self.has(Meaning::Critical))
    }

    pub fn malformed(&self) -> bool {
        self.has(Meaning::Malformed)
    }

    /// What stays as it was received, whatever is done: PRIV-008, 009, 011. What was agreed counts as said (PRIV-020).
    pub fn anomalous(&self, agreed: bool) -> bool {
        let critical_alone = self.has(Meaning::Critical) && !self.levels() && !agreed;
        self.conflict() || critical_alone || self.malformed()
    }

    /// With what was agreed written behind it (LI-010).
    pub fn with(mut self, agreed: &[&str], facts: &Facts, sender: &Party) -> Said {
        self.elements
            .extend(agreed.iter().map(|token| element(token, facts, sender)));
        self
    }

    pub fn asks(&self) -> bool {
        self.wish(Conflict::PrivacyWins) != Wish::default()
    }

    /// What it asks for, with a conflict decided.
    pub fn wish(&self, conflict: Conflict) -> Wish {
        let none_counts = !self.conflict() || conflict == Conflict::NoneWins;
        if self.has(Meaning::None) && none_counts {
            return Wish {
                none: true,
                ..Wish::default()
            };
        }
        Wish {
            none: false,
            id: self.has(Meaning::Id),
            user: self.has(Meaning::User),
            header: self.has(Meaning::Header),
            session: self.has(Meaning::Session),
            history: self.has(Meaning::History),
            critical: self.has(Meaning::Critical),
            unknown: self.has(Meaning::Unknown) || self.has(Meaning::Malformed),
        }
    }

    /// The one value that is left when what was done is taken out (PRIV-037); `None`: nothing is to be taken out.
    pub fn left(&self, done: &Done) -> Option<String> {
        let goes = |element: &Element| {
            element.standard
                && match element.meaning {
                    Meaning::Id => done.id,
                    Meaning::User => done.user,
                    Meaning::Header => done.header,
                    Meaning::History => done.history,
                    Meaning::Critical => done.everything,
                    _ => false,
                }
        };
        if !self.elements.iter().any(goes) {
            return None;
        }
        let mut left: Vec<&str> = Vec::new();
        for element in self.elements.iter().filter(|element| !goes(element)) {
            if !left.iter().any(|other| other.eq_ignore_ascii_case(&element.text)) {
                left.push(&element.text);
            }
        }
        // If no level remains the header goes, `critical` with it.
        let critical = |element: &Element| element.standard && element.meaning == Meaning::Critical;
        let level = |element: &Element| !goes(element) && !critical(element);
        match self.elements.iter().any(level) {
            true => Some(left.join(";")),
            false => Some(String::new()),
        }
    }

    pub fn tokens(&self) -> Vec<String> {
        self.elements.iter().map(|element| element.text.clone()).collect()
    }

    /// The tokens of `more` that are not said yet.
    pub fn lacking(&self, more: &[&'static str]) -> Vec<&'static str> {
        let said = |value: &&&str| {
            !self
                .elements
                .iter()
                .any(|element| element.text.eq_ignore_ascii_case(value))
        };
        more.iter().filter(said).copied().collect()
    }
}

/// Which values a message leaves with nothing to ask for any more.
#[derive(Debug)]
pub struct Done {
    pub id: bool,
    pub user: bool,
    pub header: bool,
    pub history: bool,
    pub everything: bool,
}

fn element(text: &str, facts: &Facts, sender: &Party) -> Element {
    let lower = text.to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let (meaning, standard) = if !text.chars().all(is_token) {
        (Meaning::Malformed, true)
    } else if let Some(meaning) = standard(&lower) {
        (meaning, true)
    } else {
        let mut table = sender.aliases.iter().chain(facts.legacy);
        match table.find(|(token, _)| *token == lower) {
            Some((_, "absent")) => (Meaning::Absent, false),
            Some((_, value)) => (standard(value).unwrap_or(Meaning::Unknown), false),
            None => (Meaning::Unknown, true),
        }
    };
    let spelt = match meaning {
        Meaning::None => "none",
        Meaning::Id => "id",
        Meaning::Critical => "critical",
        Meaning::User => "user",
        Meaning::Header => "header",
        Meaning::History => "history",
        _ => "",
    };
    // PRIV-001: what is disabled is as what is unknown.
    let disabled = !spelt.is_empty() && !facts.values.contains(&spelt);
    Element {
        text: text.to_owned(),
        meaning: if disabled { Meaning::Unknown } else { meaning },
        standard,
    }
}

fn standard(token: &str) -> Option<Meaning> {
    Some(match token {
        "none" => Meaning::None,
        "id" => Meaning::Id,
        "critical" => Meaning::Critical,
        "user" => Meaning::User,
        "header" => Meaning::Header,
        "session" => Meaning::Session,
        "history" => Meaning::History,
        _ => return None,
    })
}

impl Wish {
    pub fn levels(&self) -> bool {
        self.id || self.user || self.header || self.session || self.history || self.unknown
    }

    /// `critical` without any level (PRIV-009).
    pub fn critical_alone(&self) -> bool {
        self.critical && !self.levels()
    }

    /// PRIV-020: both, where `none` counts only if nothing is asked for.
    pub fn and(&self, other: &Wish) -> Wish {
        let mut both = Wish {
            none: false,
            id: self.id || other.id,
            user: self.user || other.user,
            header: self.header || other.header,
            session: self.session || other.session,
            history: self.history || other.history,
            critical: self.critical || other.critical,
            unknown: self.unknown || other.unknown,
        };
        both.none = (self.none || other.none) && !both.levels() && !both.critical;
        both
    }

    /// LI-010: what was agreed with whoever is asserted.
    pub fn with_agreed(mut self, agreed: &[&str]) -> Wish {
        if !self.none {
            self.id |= agreed.contains(&"id");
            self.user |= agreed.contains(&"user");
            self.header |= agreed.contains(&"header");
        }
        self
    }

    pub fn reads_unknown_as_id(&self, facts: &Facts) -> bool {
        self.unknown && facts.unknown != Unknown::Ignore
    }
}

/// Values agreed for these asserted identities, in the order of the policy.
pub fn agreed(facts: &Facts, asserted: &[String], method: &str) -> Vec<&'static str> {
    let is_asserted = |identity: &str| asserted.iter().any(|value| same_identity(rows::uri(value), identity));
    let mut values = Vec::new();
    for agreement in facts.agreements {
        let methods = agreement.methods;
        if is_asserted(agreement.identity) && (methods.is_empty() || methods.contains(&method)) {
            values.extend(agreement.values);
        }
    }
    values
}

/// MSG-014, as far as the identities here need it.
pub fn same_identity(one: &str, other: &str) -> bool {
    identity(one) == identity(other)
}

fn identity(uri: &str) -> String {
    let digits = |number: &str| number.replace(['-', '.', '(', ')'], "");
    let (scheme, user, host) = (rows::scheme(uri), rows::user(uri).unwrap_or_default(), rows::host(uri));
    match &*scheme {
        "tel" => format!("tel:{}", digits(&uri[4..])),
        _ if uri.to_ascii_lowercase().ends_with(";user=phone") => format!("tel:{}", digits(user)),
        _ => format!("{scheme}:{user}@{host}"),
    }
}
