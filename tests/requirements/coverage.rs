//! The table of `docs/coverage.md`: where each rule is done and shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    catalogue::{Catalogue, Id, SERIES},
    citations::{Citation, Kind},
};

/// What the release under way is about: series, first and last number.
pub const SCOPE: &[(&str, u16, u16)] = &[
    ("MSG", 1, 16),
    ("PRIV", 1, 15),
    ("PRIV", 20, 66),
    ("PRIV", 80, 80),
    ("PRIV", 89, 89),
    ("PRIV", 130, 143),
    ("TRUST", 1, 14),
];

/// The places that cite one rule, each once.
#[derive(Default)]
pub struct Cited<'c> {
    code: BTreeSet<&'c str>,
    pub tests: BTreeSet<&'c str>,
    pub exceptions: BTreeSet<&'c str>,
    /// For a contradiction: the rules it was decided into, when all of those are done or excepted.
    pub decided: Vec<&'c Id>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Done,
    CodeOnly,
    TestOnly,
    NotDone,
    Exception,
}

const STATES: [State; 5] = [
    State::Done,
    State::CodeOnly,
    State::TestOnly,
    State::NotDone,
    State::Exception,
];

impl State {
    pub fn words(self) -> &'static str {
        match self {
            State::Done => "done",
            State::CodeOnly => "code only",
            State::TestOnly => "test only",
            State::NotDone => "not done",
            State::Exception => "exception",
        }
    }
}

impl Cited<'_> {
    /// A trap is itself a test: the rules it names have the code.
    pub fn state(&self, id: &Id) -> State {
        match (
            !self.exceptions.is_empty(),
            !self.code.is_empty(),
            !self.tests.is_empty(),
        ) {
            (true, ..) => State::Exception,
            (_, true, true) => State::Done,
            (_, false, true) if id.series() == "TRAP" => State::Done,
            _ if !self.decided.is_empty() => State::Done,
            (_, true, false) => State::CodeOnly,
            (_, false, true) => State::TestOnly,
            (_, false, false) => State::NotDone,
        }
    }
}

/// The whole page.
pub fn page(catalogue: &Catalogue, citations: &[Citation], regenerate: &str) -> String {
    let cited = cited(catalogue, citations);
    let mut page = String::new();
    head(&mut page, regenerate);
    open_in_scope(&mut page, catalogue, &cited);
    totals(&mut page, &cited);
    for series in SERIES {
        table(&mut page, series, catalogue, &cited);
    }
    page
}

/// Every rule with the places that cite it.
pub fn cited<'c>(catalogue: &'c Catalogue, citations: &'c [Citation]) -> BTreeMap<&'c Id, Cited<'c>> {
    let mut cited: BTreeMap<&Id, Cited<'_>> = catalogue.titles.keys().map(|id| (id, Cited::default())).collect();
    for citation in citations {
        let Some(places) = cited.get_mut(&citation.id) else {
            continue;
        };
        match &citation.kind {
            Kind::Code => places.code.insert(&citation.place),
            Kind::Test => places.tests.insert(&citation.place),
            Kind::Exception { reason } => places.exceptions.insert(reason),
        };
    }
    let is_settled = |id: &Id| {
        let places = cited.get(id);
        places.is_some_and(|places| matches!(places.state(id), State::Done | State::Exception))
    };
    let settled: Vec<(&Id, Vec<&Id>)> = catalogue
        .decided
        .iter()
        .filter(|(_, rules)| rules.iter().all(is_settled))
        .map(|(id, rules)| (id, rules.iter().collect()))
        .collect();
    for (id, rules) in settled {
        if let Some(places) = cited.get_mut(id) {
            places.decided = rules;
        }
    }
    cited
}

fn head(page: &mut String, regenerate: &str) {
    let _ = write!(
        page,
        "# Coverage\n\n\
         Where each rule of [requirements-sip.md](requirements-sip.md) and [requirements-p2p.md](requirements-p2p.md)\n\
         is done and shown. Made by `tests/requirements.rs`, which fails when this page is stale. Made anew by\n\n\
         ```sh\n{regenerate}\n```\n\n\
         *done*: code and a test cite the rule (for a trap: a test; for a contradiction: so for each rule it was decided into). A citation is the word of who wrote it, not a\n\
         proof that every clause of the rule is met. *exception*: knowingly\n\
         otherwise, with the reason. Code in `examples/peer` is that of a UE and of a cache, of which the rules of the P2P system speak too.\n\n"
    );
}

fn open_in_scope(page: &mut String, catalogue: &Catalogue, cited: &BTreeMap<&Id, Cited<'_>>) {
    let in_scope: Vec<(&&Id, &Cited<'_>)> = cited.iter().filter(|(id, _)| is_in_scope(id)).collect();
    let is_open = |id: &Id, places: &Cited<'_>| !matches!(places.state(id), State::Done | State::Exception);
    let open: Vec<&(&&Id, &Cited<'_>)> = in_scope.iter().filter(|(id, places)| is_open(id, places)).collect();
    let _ = writeln!(
        page,
        "## Not done yet in this release\n\n{} of {} rules.\n",
        open.len(),
        in_scope.len()
    );
    if open.is_empty() {
        return;
    }
    page.push_str("| id | rule | state |\n| --- | --- | --- |\n");
    for (id, places) in open {
        let _ = writeln!(
            page,
            "| {id} | {} | {} |",
            catalogue.titles[*id],
            places.state(id).words()
        );
    }
    page.push('\n');
}

fn is_in_scope(id: &Id) -> bool {
    SCOPE
        .iter()
        .any(|(series, first, last)| id.series() == *series && (*first..=*last).contains(&id.number()))
}

fn totals(page: &mut String, cited: &BTreeMap<&Id, Cited<'_>>) {
    page.push_str("## Totals\n\n| series | rules |");
    for state in STATES {
        let _ = write!(page, " {} |", state.words());
    }
    page.push_str("\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for series in SERIES {
        count(page, series, cited.iter().filter(|(id, _)| id.series() == *series));
    }
    count(page, "all", cited.iter());
    page.push('\n');
}

fn count<'a, 'c: 'a>(page: &mut String, name: &str, rules: impl Iterator<Item = (&'a &'a Id, &'a Cited<'c>)>) {
    let states: Vec<State> = rules.map(|(id, places)| places.state(id)).collect();
    let _ = write!(page, "| {name} | {} |", states.len());
    for state in STATES {
        let _ = write!(page, " {} |", states.iter().filter(|other| **other == state).count());
    }
    page.push('\n');
}

fn table(page: &mut String, series: &str, catalogue: &Catalogue, cited: &BTreeMap<&Id, Cited<'_>>) {
    let _ = writeln!(
        page,
        "## {series}\n\n| id | rule | state | code | tests |\n| --- | --- | --- | --- | --- |"
    );
    for (id, places) in cited.iter().filter(|(id, _)| id.series() == series) {
        let list = |places: &BTreeSet<&str>| places.iter().copied().collect::<Vec<_>>().join("<br>");
        let state = places.state(id);
        let reasons = if state == State::Exception {
            format!(": {}", list(&places.exceptions))
        } else {
            String::new()
        };
        let _ = writeln!(
            page,
            "| {id} | {} | {}{reasons} | {} | {} |",
            catalogue.titles[*id],
            state.words(),
            match places.decided.is_empty() {
                true => list(&places.code),
                false => places
                    .decided
                    .iter()
                    .map(|id| id.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            },
            list(&places.tests)
        );
    }
    page.push('\n');
}

#[cfg(test)]
mod planted {
    use super::*;
    use crate::tree::File;

    #[test]
    fn every_state_has_its_row_and_the_open_ones_stand_on_top() {
        let headings = "#### MSG-001 One\n#### MSG-002 Two\n#### MSG-003 Three\n#### MSG-004 Four\n#### SEC-001 Out\n| TRAP-01 | Trap | t |";
        let catalogue = Catalogue::read(&[File {
            path: "c.md".into(),
            text: headings.into(),
        }])
        .unwrap();
        let cite = |id: &str, kind: Kind, place: &str| Citation {
            id: Id::read(id).unwrap(),
            kind,
            place: place.into(),
            line: String::new(),
        };
        let citations = [
            cite("MSG-001", Kind::Code, "src/a.rs"),
            cite("MSG-001", Kind::Code, "src/a.rs"),
            cite("MSG-001", Kind::Test, "tests/b.rs: c"),
            cite("MSG-002", Kind::Code, "src/a.rs"),
            cite("MSG-003", Kind::Exception { reason: "why".into() }, "src/a.rs"),
            cite("TRAP-01", Kind::Test, "c.md"),
        ];
        let page = page(&catalogue, &citations, "make");
        for part in [
            "## Not done yet in this release\n\n2 of 4 rules.\n\n| id | rule | state |\n| --- | --- | --- |\n\
             | MSG-002 | Two | code only |\n| MSG-004 | Four | not done |\n\n## Totals",
            "| MSG | 4 | 1 | 1 | 0 | 1 | 1 |\n",
            "| all | 6 | 2 | 1 | 0 | 2 | 1 |\n",
            "| MSG-001 | One | done | src/a.rs | tests/b.rs: c |\n",
            "| MSG-003 | Three | exception: why |  |  |\n",
            "| SEC-001 | Out | not done |  |  |\n",
            "| TRAP-01 | Trap | done |  | c.md |\n",
        ] {
            assert!(page.contains(part), "{part}\nis not in\n{page}");
        }
    }
}
