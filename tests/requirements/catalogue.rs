//! The catalogues: which requirement ids exist, and what they are called.

use std::collections::BTreeMap;

use crate::tree::File;

/// The series, as the catalogues order them.
pub const SERIES: &[&str] = &[
    "ROLE", "MSG", "PRIV", "PAI", "LI", "TRUST", "PCSCF", "AKA", "THIG", "PROXY", "TXN", "LOC", "TPT", "SEC", "TRAP",
    "C", "P2P",
];

/// An id such as `PRIV-020`; ordered by series as in [`SERIES`], then by number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    series: usize,
    number: u16,
}

impl Id {
    /// Two digits for traps and contradictions, three for the rest, nothing before or after.
    pub fn read(text: &str) -> Option<Id> {
        let (name, digits) = text.rsplit_once('-')?;
        let series = SERIES.iter().position(|series| *series == name)?;
        let right = digits.len() == width(name) && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Id {
            series,
            number: digits.parse().ok().filter(|_| right)?,
        })
    }

    pub fn series(&self) -> &'static str {
        SERIES[self.series]
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}-{:0width$}",
            self.series(),
            self.number,
            width = width(self.series())
        )
    }
}

fn width(series: &str) -> usize {
    if matches!(series, "TRAP" | "C") { 2 } else { 3 }
}

/// Every id with its title.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub titles: BTreeMap<Id, String>,
    /// Where a rule comes from, as its line `Source:` says.
    pub sources: BTreeMap<Id, String>,
    /// The rules that a contradiction was decided into.
    pub decided: BTreeMap<Id, Vec<Id>>,
}

impl Catalogue {
    /// Reads headings `#### ID title`, and the tables of traps and contradictions. Faults: a heading of that level
    /// without an id, an id given twice, a series whose announced count is not what follows.
    pub fn read(files: &[File]) -> Result<Catalogue, Vec<String>> {
        let mut catalogue = Catalogue::default();
        let mut announced = Vec::new();
        let mut faults = Vec::new();
        for file in files {
            let mut rule = None;
            for (at, line) in file.text.lines().enumerate() {
                if let (Some(source), Some(id)) = (line.strip_prefix("Source: "), &rule) {
                    catalogue.sources.insert(Id::clone(id), source.to_owned());
                }
                let place = format!("{}:{}", file.path, at + 1);
                match entry(line) {
                    Entry::Rule(id, title) => {
                        rule = Some(id.clone());
                        if id.series() == "C" {
                            catalogue.decided.insert(id.clone(), rules_of(line));
                        }
                        if catalogue.titles.insert(id.clone(), title).is_some() {
                            faults.push(format!("{place}: {id} is there twice"));
                        }
                    }
                    Entry::Nameless => faults.push(format!("{place}: a heading of a rule without an id")),
                    Entry::Count(series, count) => announced.push((place, series, count)),
                    Entry::Other => {}
                }
            }
        }
        for (place, series, count) in announced {
            let found = catalogue.titles.keys().filter(|id| id.series() == series).count();
            if found != count {
                faults.push(format!("{place}: {series} announces {count} rules, {found} follow"));
            }
        }
        if faults.is_empty() { Ok(catalogue) } else { Err(faults) }
    }
}

enum Entry {
    Rule(Id, String),
    Nameless,
    Count(&'static str, usize),
    Other,
}

fn entry(line: &str) -> Entry {
    if let Some(heading) = line.strip_prefix("#### ") {
        let named = heading
            .split_once(' ')
            .and_then(|(id, title)| Some((Id::read(id)?, title)));
        return named.map_or(Entry::Nameless, |(id, title)| Entry::Rule(id, title.trim().to_owned()));
    }
    let Some(cells) = line.strip_prefix('|') else {
        return Entry::Other;
    };
    let mut cells = cells.split('|').map(str::trim);
    let first = cells.next().unwrap_or_default();
    if let Some(id) = Id::read(first) {
        return Entry::Rule(id, first_sentence(cells.next().unwrap_or_default()));
    }
    let series = SERIES.iter().find(|series| **series == first);
    match (series, cells.nth(1).and_then(|count| count.parse().ok())) {
        (Some(series), Some(count)) => Entry::Count(series, count),
        _ => Entry::Other,
    }
}

/// `PRIV-021, 025`, `THIG-002…008`: the rules in the last brackets of a row. A number alone is of the series before it.
fn rules_of(row: &str) -> Vec<Id> {
    let named = row.rsplit_once('(').map_or("", |(_, behind)| behind);
    let named = named.split(')').next().unwrap_or_default();
    let mut series = "";
    let mut rules = Vec::new();
    for part in named.split(',').map(str::trim) {
        let (name, numbers) = part.rsplit_once('-').unwrap_or((series, part));
        series = name;
        let (first, last) = numbers.split_once('…').unwrap_or((numbers, numbers));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            continue;
        };
        rules.extend((first..=last).filter_map(|number| Id::read(&format!("{series}-{number:03}"))));
    }
    rules
}

fn first_sentence(text: &str) -> String {
    text.split(". ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod planted {
    use super::*;

    fn read(text: &str) -> Result<Catalogue, Vec<String>> {
        Catalogue::read(&[File {
            path: "c.md".into(),
            text: text.into(),
        }])
    }

    #[test]
    fn headings_and_rows_are_rules() {
        let text = "| MSG | syntax | 1 |\n#### MSG-002 Version\n### 2.1 Words\n| TRAP-01 | Read. Twice. | t |\n| C-28 | a | b |";
        let titles: Vec<_> = read(text)
            .unwrap()
            .titles
            .into_iter()
            .map(|(id, title)| format!("{id} {title}"))
            .collect();
        assert_eq!(titles, ["MSG-002 Version", "TRAP-01 Read", "C-28 a"]);
    }

    #[test]
    fn faults_are_told() {
        let text = [
            "| MSG | syntax | 3 |",
            "#### MSG-001 One",
            "#### MSG-001 Again",
            "#### No id",
            "#### MSG-2 Short",
        ];
        assert_eq!(
            read(&text.join("\n")).unwrap_err(),
            [
                "c.md:3: MSG-001 is there twice",
                "c.md:4: a heading of a rule without an id",
                "c.md:5: a heading of a rule without an id",
                "c.md:1: MSG announces 3 rules, 1 follow",
            ]
        );
    }

    #[test]
    fn a_contradiction_names_its_rules() {
        let rules = |row: &str| rules_of(row).iter().map(Id::to_string).collect::<Vec<_>>();
        assert_eq!(
            rules("| C-01 | x (y). | Both (PRIV-021, 025). |"),
            ["PRIV-021", "PRIV-025"]
        );
        assert_eq!(
            rules("| C-02 | x | (LI-001, THIG-002…004). |"),
            ["LI-001", "THIG-002", "THIG-003", "THIG-004"]
        );
        assert!(rules("| C-03 | x | y |").is_empty());
    }

    #[test]
    fn ids_are_exact() {
        for wrong in [
            "PRIV-01",
            "PRIV-0001",
            "priv-001",
            "PRIV001",
            "PRIV-+01",
            "TRAP-001",
            "XYZ-001",
            "PRIV-001,",
            "",
        ] {
            assert_eq!(Id::read(wrong), None, "{wrong}");
        }
        assert!(
            Id::read("ROLE-005") < Id::read("MSG-001"),
            "order of the catalogue, not of the alphabet"
        );
    }
}
