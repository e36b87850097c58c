//! What a party may ask for: every combination of values, spelled in every way that is to be understood.

use super::chance::Chance;
use super::scene::Terms;

/// Values of Privacy, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set(u8);

impl Set {
    pub const EMPTY: Set = Set(0);
    pub const ID: Set = Set(1);
    pub const USER: Set = Set(1 << 1);
    pub const HEADER: Set = Set(1 << 2);
    pub const HISTORY: Set = Set(1 << 3);
    pub const CRITICAL: Set = Set(1 << 4);
    pub const SESSION: Set = Set(1 << 5);
    /// A value that nobody knows, or that is no token.
    pub const UNKNOWN: Set = Set(1 << 6);
    /// Nothing, and that expressly.
    pub const NONE: Set = Set(NONE);

    /// Both; beside others `none` counts for nothing.
    pub const fn and(self, other: Set) -> Set {
        match self.0 | other.0 {
            NONE => Set(NONE),
            both => Set(both & !NONE),
        }
    }

    /// What it asks to be done; neither `critical` nor `none` is that.
    pub const fn levels(self) -> Set {
        Set(self.0 & !(NONE | Set::CRITICAL.0))
    }

    /// Whether any value of `other` is in here.
    pub const fn has(self, other: Set) -> bool {
        self.0 & other.0 != 0
    }
}

const NONE: u8 = 1 << 7;

/// Privacy rows as one party may write them, and what they ask for.
#[derive(Debug, Clone)]
pub struct Wish {
    pub rows: String,
    pub asks: Set,
}

const VALUES: [(&str, Set); 5] = [
    ("id", Set::ID),
    ("user", Set::USER),
    ("header", Set::HEADER),
    ("history", Set::HISTORY),
    ("critical", Set::CRITICAL),
];

/// Words that are not among the values, and what each counts as (PRIV-008, 010, 011, 013, 034).
const ODD: [(&str, Set); 9] = [
    ("none", Set::NONE),
    ("session", Set::SESSION),
    ("foo", Set::UNKNOWN),
    ("\"id\"", Set::UNKNOWN),
    ("a=b", Set::UNKNOWN),
    ("full", Set::ID),
    ("uri", Set::ID),
    ("name", Set::ID),
    ("off", Set::EMPTY),
];

/// A wish by chance: each of the 32 subsets as often as any other, now and then with an odd word.
pub fn any(chance: &mut Chance, terms: Terms) -> Wish {
    let subset = chance.below(1 << VALUES.len());
    let mut words: Vec<(&str, Set)> = Vec::new();
    for (at, value) in VALUES.into_iter().enumerate() {
        if subset & 1 << at != 0 {
            words.push(match value {
                (word, Set::HEADER) if !terms.provides_header => (word, Set::UNKNOWN),
                value => value,
            });
        }
    }
    if chance.percent(12) {
        words.push(chance.of(&ODD));
    }
    spelled(chance, terms, words)
}

/// What a later message may say to take a wish back, and cannot.
pub fn none() -> Wish {
    Wish {
        rows: "Privacy: none\r\n".to_owned(),
        asks: Set::NONE,
    }
}

fn spelled(chance: &mut Chance, terms: Terms, mut words: Vec<(&str, Set)>) -> Wish {
    let mut asks = words.iter().fold(Set::EMPTY, |set, (_, value)| set.and(*value));
    if terms.none_wins && words.iter().any(|(word, _)| *word == "none") {
        asks = Set::NONE;
    }
    if words.is_empty() {
        return Wish {
            rows: String::new(),
            asks,
        };
    }
    if chance.percent(10) {
        let again = chance.of(&words);
        words.push(again);
    }
    for at in (1..words.len()).rev() {
        words.swap(at, chance.below(at + 1));
    }
    let in_two_rows = words.len() > 1 && chance.percent(15);
    let cut = if in_two_rows { 1 } else { words.len() };
    let mut rows = String::new();
    for part in [&words[..cut], &words[cut..]] {
        if part.is_empty() {
            continue;
        }
        rows += chance.of(&[
            "Privacy: ",
            "Privacy: ",
            "Privacy:",
            "privacy : ",
            "PRIVACY:\t",
            "Privacy:\r\n ",
        ]);
        let between = chance.of(&[";", ";", ";", "; ", " ; ", ",", ", ", ";\r\n "]);
        let written: Vec<String> = part.iter().map(|(word, _)| in_case(chance, word)).collect();
        rows += &written.join(between);
        rows += chance.of(&["", "", "", "", ";", " "]);
        rows += "\r\n";
    }
    Wish { rows, asks }
}

fn in_case(chance: &mut Chance, word: &str) -> String {
    match chance.below(6) {
        0 => word.to_uppercase(),
        1 => word[..1].to_uppercase() + &word[1..],
        _ => word.to_owned(),
    }
}
