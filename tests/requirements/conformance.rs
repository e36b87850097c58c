//! The table of `docs/conformance.md`: each clause of a standard that a rule comes from, with the tests that back it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    catalogue::{Catalogue, Id},
    citations::Citation,
    coverage::{Cited, State, cited},
};

/// A document, in the order of the page: RFCs by number, then specifications of 3GPP, then the texts this project began with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Document {
    Rfc(u32),
    Ts(String),
    Text(String),
}

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Document::Rfc(number) => write!(f, "RFC {number}"),
            Document::Ts(number) => write!(f, "TS {number}"),
            Document::Text(number) => write!(f, "Source text {number}"),
        }
    }
}

/// A clause as it sorts: its numbers, then its name as written. Empty: the document as a whole.
type Clause = (Vec<u32>, String);

/// The whole page.
pub fn page(catalogue: &Catalogue, citations: &[Citation], regenerate: &str) -> String {
    let cited = cited(catalogue, citations);
    let mut clauses: BTreeMap<Document, BTreeMap<Clause, BTreeSet<&Id>>> = BTreeMap::new();
    for (id, source) in &catalogue.sources {
        for (document, clause) in read(source) {
            clauses
                .entry(document)
                .or_default()
                .entry(clause)
                .or_default()
                .insert(id);
        }
    }
    let mut page = format!(
        "# Conformance\n\n\
         Each clause that a rule of [requirements-sip.md](requirements-sip.md) or [requirements-p2p.md](requirements-p2p.md) comes\n\
         from, with the rule, where that stands, and the tests that back it. Clauses that no rule takes up are not here. Made by\n\
         `tests/requirements.rs` from the rules' sources and the citations in code and tests; it fails when this page is stale.\n\
         Made anew by\n\n```sh\n{regenerate}\n```\n\n"
    );
    totals(&mut page, &clauses, &cited);
    for (document, clauses) in &clauses {
        let _ = writeln!(
            page,
            "## {document}\n\n| clause | rule | state | backed by |\n| --- | --- | --- | --- |"
        );
        for ((_, clause), ids) in clauses {
            for id in ids {
                row(&mut page, clause, id, catalogue, &cited);
            }
        }
        page.push('\n');
    }
    page
}

fn totals(
    page: &mut String,
    clauses: &BTreeMap<Document, BTreeMap<Clause, BTreeSet<&Id>>>,
    cited: &BTreeMap<&Id, Cited<'_>>,
) {
    page.push_str("| document | clauses | all their rules done, or excepted with a reason |\n| --- | --- | --- |\n");
    for (document, clauses) in clauses {
        let is_met = |ids: &&BTreeSet<&Id>| {
            ids.iter()
                .all(|id| matches!(cited[*id].state(id), State::Done | State::Exception))
        };
        let met = clauses.values().filter(is_met).count();
        let _ = writeln!(page, "| {document} | {} | {met} |", clauses.len());
    }
    page.push('\n');
}

fn row(page: &mut String, clause: &str, id: &Id, catalogue: &Catalogue, cited: &BTreeMap<&Id, Cited<'_>>) {
    let places = &cited[id];
    let state = places.state(id);
    let backed = match state {
        State::Exception => places.exceptions.iter().copied().collect::<Vec<_>>().join("<br>"),
        _ => places.tests.iter().copied().collect::<Vec<_>>().join("<br>"),
    };
    let clause = if clause.is_empty() { "as a whole" } else { clause };
    let _ = writeln!(
        page,
        "| {clause} | {id} {} | {} | {backed} |",
        catalogue.titles[id],
        state.words()
    );
}

/// The documents and clauses a source line names.
fn read(source: &str) -> Vec<(Document, Clause)> {
    let mut found = Vec::new();
    for part in source.split(';').map(str::trim) {
        let mut words = part.split_whitespace();
        let document = match (words.next(), words.next()) {
            (Some("RFC"), Some(number)) => number.trim_end_matches(',').parse().ok().map(Document::Rfc),
            (Some("TS"), Some(number)) => Some(Document::Ts(number.trim_end_matches([',', '²']).to_owned())),
            (Some(number @ ("003" | "004")), _) => Some(Document::Text(number.to_owned())),
            _ => None,
        };
        let Some(document) = document else { continue };
        // What stands in brackets explains, and may name clauses of others.
        let named = part.split('(').next().unwrap_or_default();
        let clauses: Vec<String> = match &document {
            Document::Text(number) => vec![
                named
                    .trim_start_matches(&number[..])
                    .trim_matches([' ', ',', '✓', '²'])
                    .to_owned(),
            ],
            _ => named
                .split('§')
                .skip(1)
                .map(clause)
                .filter(|clause| !clause.is_empty())
                .collect(),
        };
        let sorted = |clause: String| (numbers(&clause), clause);
        match clauses.is_empty() {
            true => found.push((document, sorted(String::new()))),
            false => found.extend(clauses.into_iter().map(|clause| (document.clone(), sorted(clause)))),
        }
    }
    found
}

/// `5.1.8` of `5.1.8 ✓`, `3.1.1.3–5` of `3.1.1.3–5, `.
fn clause(text: &str) -> String {
    let end = text.find([' ', ',', ')', '✓', '²']).unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

fn numbers(clause: &str) -> Vec<u32> {
    clause
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod planted {
    use super::*;
    use crate::requirements::citations::Kind;
    use crate::tree::File;

    #[test]
    fn sources_are_read_by_document_and_clause() {
        let source =
            "RFC 3261 §8.1.1, §16.3 item 1 ✓; 004 5.2.1 (RFC 9999 §1); design; TS 33.203 §5.4² ; RFC 3323; seen in §7";
        let read: Vec<String> = read(source)
            .into_iter()
            .map(|(document, (_, clause))| format!("{document} {clause}"))
            .collect();
        assert_eq!(
            read,
            [
                "RFC 3261 8.1.1",
                "RFC 3261 16.3",
                "Source text 004 5.2.1",
                "TS 33.203 5.4",
                "RFC 3323 "
            ]
        );
    }

    #[test]
    fn a_clause_shows_its_tests_and_clauses_sort_by_number() {
        let text = "#### MSG-001 One\nSource: RFC 3261 §16.10\n#### MSG-002 Two\nSource: RFC 3261 §16.2 ✓";
        let catalogue = Catalogue::read(&[File {
            path: "c.md".into(),
            text: text.into(),
        }])
        .unwrap();
        let citations = [Citation {
            id: Id::read("MSG-001").unwrap(),
            kind: Kind::Test,
            place: "tests/b.rs: c".into(),
            line: String::new(),
        }];
        let page = page(&catalogue, &citations, "make");
        let rows = "| 16.2 | MSG-002 Two | not done |  |\n| 16.10 | MSG-001 One | test only | tests/b.rs: c |\n";
        assert!(page.contains(rows), "{page}");
        assert!(page.contains("| RFC 3261 | 2 | 0 |"), "{page}");
    }
}
