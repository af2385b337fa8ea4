//! The page that counts how other people's queries fare: `docs/queries.md`, a section for each kind.
//!
//! The queries do not ship with the project. With `KEYHOLDER_WRITE_REPORT` set a section is written anew. More
//! may be answered than the page says, never fewer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const TITLE: &str = "\
# Queries of other people\n\
\n\
What the local org makes of queries that were found elsewhere. Tests keep this page: every query is asked of an org on SQLite and of its like\n\
on PostgreSQL, over rows that have the values which queries look for, and both must answer the same to the letter. Where the oracle\n\
(a naive evaluator of the bound query, over what the Web API tells of the rows) can say something, the answer must be the oracle's.\n\
\n\
Invalid is what is refused with the service's own error for a mistake: a name that none of the tables has, a value of another type, text\n\
that the grammar does not have, an option where the documents forbid it. No live org was asked.\n\
";

/// How a query fared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Answered,
    /// The row that the address names is not there: the query itself was understood.
    NoSuchRow,
    Refused(String),
    Invalid(String),
}

/// What a query is when no schema at hand has what it names.
pub(crate) const LACKING: &str = "a table, column or operation that the schema lacks";

impl Outcome {
    /// Whether an org with other tables may have more to say.
    pub(crate) fn is_lacking(&self) -> bool {
        matches!(self, Self::Invalid(kind) if kind.contains("that the schema lacks"))
    }
}

pub(crate) fn shared() -> PathBuf {
    std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

fn section(heading: &str, about: &str, outcomes: &BTreeMap<Outcome, usize>, agreed: usize) -> String {
    let count = |wanted: fn(&Outcome) -> bool| -> usize {
        outcomes.iter().filter(|(outcome, _)| wanted(outcome)).map(|(_, count)| count).sum()
    };
    let all: usize = outcomes.values().sum();
    let invalid = count(|outcome| matches!(outcome, Outcome::Invalid(_)));
    let answered = count(|outcome| matches!(outcome, Outcome::Answered | Outcome::NoSuchRow));
    let valid = all - invalid;
    let mut page = format!(
        "## {heading}\n\n{all} {about}\n\nAnswered: **{answered} of {valid}** that are valid here.\n\n\
         {agreed} of the answers could be held against the oracle, and agree with it.\n\n\
         | outcome | queries |\n| --- | ---: |\n"
    );
    let mut lines: Vec<(String, usize)> = outcomes
        .iter()
        .map(|(outcome, count)| {
            let line = match outcome {
                Outcome::Answered => "answered".to_owned(),
                Outcome::NoSuchRow => "understood; the row or definition that it names is not there".to_owned(),
                Outcome::Refused(kind) => format!("refused by name: {kind}"),
                Outcome::Invalid(kind) => format!("invalid: {kind}"),
            };
            (line, *count)
        })
        .collect();
    lines.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    for (line, count) in lines {
        let _ = writeln!(page, "| {} | {count} |", line.replace('|', "\\|"));
    }
    page
}

/// How many a section says are answered.
fn answered(section: &str) -> usize {
    let number = section.split_once("**").and_then(|(_, rest)| rest.split_once(' '));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or_default()
}

/// Holds these counts against the page; gives what there is to say about it.
pub(crate) fn keep(heading: &str, about: &str, outcomes: &BTreeMap<Outcome, usize>, agreed: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/queries.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let found = section(heading, about, outcomes, agreed);
    let mut kept: BTreeMap<&str, String> = page
        .split("\n## ")
        .skip(1)
        .filter_map(|section| Some((section.split_once('\n')?.0, format!("## {}\n", section.trim_end()))))
        .collect();
    let before = kept.insert(heading, found.clone()).unwrap_or_default();
    if std::env::var_os("KEYHOLDER_WRITE_REPORT").is_some() {
        // The oldest front door first.
        let sections: Vec<&str> = kept.values().rev().map(String::as_str).collect();
        std::fs::write(&path, format!("{TITLE}\n{}", sections.join("\n"))).unwrap();
        return "docs/queries.md is written".to_owned();
    }
    assert!(answered(&found) >= answered(&before), "fewer are answered:\n{found}\nthan:\n{before}");
    if found == before {
        return "docs/queries.md says so".to_owned();
    }
    format!("docs/queries.md is out of date; set KEYHOLDER_WRITE_REPORT and run this test again:\n{found}")
}
