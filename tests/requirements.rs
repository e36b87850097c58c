//! The catalogues against the crate: every rule that is cited exists, `docs/coverage.md` says where each stands, and
//! `docs/conformance.md` which clause is backed by what.

mod catalogue;
mod citations;
mod conformance;
mod coverage;

use catalogue::Catalogue;
use citations::Citations;

use crate::tree::{self, File};

const COVERAGE: &str = "docs/coverage.md";
const CONFORMANCE: &str = "docs/conformance.md";
const VARIABLE: &str = "SIPVEIL_WRITE_COVERAGE";
const REGENERATE: &str = "SIPVEIL_WRITE_COVERAGE=1 cargo test --test main requirements::";

#[test]
fn every_cited_rule_exists() {
    let faults = faults(&catalogue(), &citations(), &tree::files("src", ".rs"));
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Rules without code or test are listed on the page; they do not fail.
#[test]
fn the_coverage_page_is_fresh() {
    is_fresh(COVERAGE, &coverage::page(&catalogue(), &citations().all, REGENERATE));
}

#[test]
fn the_conformance_page_is_fresh() {
    is_fresh(
        CONFORMANCE,
        &conformance::page(&catalogue(), &citations().all, REGENERATE),
    );
}

#[track_caller]
fn is_fresh(path: &str, page: &str) {
    if std::env::var_os(VARIABLE).is_some() {
        tree::write(path, page);
    }
    let written = tree::file(path).map(|file| file.text).unwrap_or_default();
    let stale = page
        .lines()
        .zip(written.lines())
        .find(|(wanted, written)| wanted != written);
    let (wanted, found) = stale.unwrap_or(("", "lines too many or too few at its end"));
    assert!(
        page == written,
        "{path} is stale.\nnow:   {wanted}\nthere: {found}\nmake it anew: {REGENERATE}"
    );
}

#[test]
fn the_catalogues_are_whole() {
    let titles = catalogue().titles;
    let count = |series| titles.keys().filter(|id| id.series() == series).count();
    assert_eq!((count("TRAP"), count("C"), count("P2P")), (22, 28, 151));
    assert_eq!(titles.len(), 244 + 22 + 28 + 151);
    for (series, first, last) in coverage::SCOPE {
        let in_range = |id: &&catalogue::Id| id.series() == *series && (*first..=*last).contains(&id.number());
        assert!(
            titles.keys().any(|id| in_range(&id)),
            "nothing in {series} {first} to {last}"
        );
    }
}

fn catalogue() -> Catalogue {
    let files: Vec<File> = tree::files("docs", ".md")
        .into_iter()
        .filter(|file| file.path.contains("/requirements-"))
        .collect();
    Catalogue::read(&files).unwrap_or_else(|faults| panic!("\n{}\n", faults.join("\n")))
}

fn citations() -> Citations {
    let mut citations = Citations::default();
    // What rules of peers and caches ask of them is done by those that we have.
    for folder in ["src", "tests", "examples/peer"] {
        tree::files(folder, ".rs")
            .iter()
            .for_each(|file| citations.read_rust(file));
    }
    for case in tree::files("fixtures/cases", ".md")
        .iter()
        .filter(|case| !case.path.ends_with("README.md"))
    {
        citations.read_case(case);
    }
    citations
}

/// Malformed citations, citations of no rule, and ids mentioned in `sources` that no catalogue has.
fn faults(catalogue: &Catalogue, citations: &Citations, sources: &[File]) -> Vec<String> {
    let mut faults = citations.faults.clone();
    let cited = citations
        .all
        .iter()
        .map(|citation| (citation.line.clone(), citation.id.clone()));
    let mentioned = sources.iter().flat_map(|file| {
        citations::mentions(&file.text)
            .into_iter()
            .map(|(line, id)| (format!("{}:{line}", file.path), id))
    });
    let unknown = cited
        .chain(mentioned)
        .filter(|(_, id)| !catalogue.titles.contains_key(id));
    faults.extend(unknown.map(|(line, id)| format!("{line}: {id} is in no catalogue")));
    faults.sort();
    faults.dedup();
    faults
}

#[test]
fn an_unknown_id_is_found() {
    let catalogue = Catalogue::read(&[File {
        path: "c.md".into(),
        text: "#### PRIV-020 Set".into(),
    }])
    .unwrap();
    let source = |path: &str, text: &str| File {
        path: path.into(),
        text: text.into(),
    };
    let files = [
        source("src/a.rs", "//= PRIV-020\nfn f() {}\n//= PRIV-012\nfn g() {}"),
        source("src/b.rs", "// as PRIV-013 says"),
    ];
    let mut citations = Citations::default();
    files.iter().for_each(|file| citations.read_rust(file));
    assert_eq!(
        faults(&catalogue, &citations, &files),
        [
            "src/a.rs:3: PRIV-012 is in no catalogue",
            "src/b.rs:1: PRIV-013 is in no catalogue"
        ]
    );
}
