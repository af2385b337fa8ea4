//! The picture of who may do what: users with the same rights are one row, however many orgs they are in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use keyholder_security::{Depth, Verb};
use uuid::Uuid;

use super::markup::Page;
use crate::audit::facts::{Facts, OrgFacts, Rights, ServiceUser, UserKind};
use crate::audit::report::text;
use crate::audit::rules::far_reaching;
use crate::declaration::{Right, in_words};

/// How many tables have a column; what else somebody may do is told in words.
const COLUMNS: usize = 8;
/// How many users of a row are named; the table of service users has all.
const NAMED: usize = 8;
/// How many sentences a row has for what no column shows.
const SENTENCES: usize = 6;
/// Up to how many rows are told again in whole sentences.
const FEW: usize = 100;

/// The verbs in the order of the role editor, each with its letter.
const VERBS: [(Verb, char); 8] = [
    (Verb::Create, 'C'),
    (Verb::Read, 'R'),
    (Verb::Write, 'W'),
    (Verb::Delete, 'D'),
    (Verb::Append, 'L'),
    (Verb::AppendTo, 'T'),
    (Verb::Assign, 'A'),
    (Verb::Share, 'S'),
];

/// Depths, the deepest first, each with its class and its words.
const DEPTHS: [(Depth, &str, &str); 4] = [
    (Depth::Global, "g", "in the whole org"),
    (Depth::Deep, "p", "in its business unit and those below"),
    (Depth::Local, "l", "in its business unit"),
    (Depth::Basic, "o", "its own"),
];

/// What somebody may do with one table.
type Cell = BTreeMap<usize, Depth>;

/// Users with the same rights.
pub(super) struct Pattern<'a> {
    rights: &'a Rights,
    tables: BTreeMap<&'a str, Cell>,
    far: Vec<String>,
    users: Vec<(&'a OrgFacts, &'a ServiceUser)>,
}

/// All rights that anybody has.
pub(super) struct Patterns<'a> {
    all: Vec<Pattern<'a>>,
    /// Which pattern is whose, by the org's address and the user's id.
    of_user: BTreeMap<(&'a str, Uuid), usize>,
    columns: Vec<&'a str>,
    /// How many users there are of whom it is not known.
    unknown: usize,
}

impl<'a> Patterns<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        let mut grouped: BTreeMap<(bool, Vec<Right>, &[String]), Pattern<'a>> = BTreeMap::new();
        let mut unknown = 0;
        for (org, user) in facts.users().filter(|(_, user)| user.kind != UserKind::Administrative) {
            let Some(rights) = user.rights.as_deref() else {
                unknown += 1;
                continue;
            };
            let mut sorted = rights.rights.clone();
            sorted.sort();
            let pattern = grouped.entry((rights.is_everything, sorted, &rights.words)).or_insert_with(|| Pattern {
                rights,
                tables: tables(&rights.rights),
                far: far_reaching(rights),
                users: Vec::new(),
            });
            pattern.users.push((org, user));
        }
        let mut all: Vec<Pattern<'a>> = grouped.into_values().collect();
        // What opens the most comes first.
        all.sort_by_key(|one| {
            (Reverse(one.rights.is_everything), Reverse(one.far.len()), Reverse(one.users.len()), first_name(one))
        });
        let mut of_user = BTreeMap::new();
        for (place, pattern) in all.iter().enumerate() {
            of_user.extend(pattern.users.iter().map(|(org, user)| ((org.url.as_str(), user.id), place)));
        }
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for (table, users) in all.iter().flat_map(|one| one.tables.keys().map(|table| (*table, one.users.len()))) {
            *held.entry(table).or_default() += users;
        }
        let mut columns: Vec<(&str, usize)> = held.into_iter().collect();
        columns.sort_by_key(|(table, users)| (Reverse(*users), *table));
        columns.truncate(COLUMNS);
        Self { all, of_user, columns: columns.into_iter().map(|(table, _)| table).collect(), unknown }
    }

    /// The number of a user's row.
    pub(super) fn row(&self, org: &OrgFacts, user: &ServiceUser) -> Option<usize> {
        self.of_user.get(&(org.url.as_str(), user.id)).map(|place| place + 1)
    }
}

fn first_name<'a>(pattern: &Pattern<'a>) -> &'a str {
    pattern.users.first().map_or("", |(_, user)| user.name.as_str())
}

fn tables(rights: &[Right]) -> BTreeMap<&str, Cell> {
    let mut tables: BTreeMap<&str, Cell> = BTreeMap::new();
    for right in rights {
        let (table, verbs, depth): (_, Vec<usize>, _) = match right {
            Right::Table { table, verb, depth } => {
                (table, VERBS.iter().position(|(known, _)| known == verb).into_iter().collect(), *depth)
            }
            Right::Every { table, depth } => (table, (0..VERBS.len()).collect(), *depth),
            Right::Privilege { .. } => continue,
        };
        let cell = tables.entry(table).or_default();
        for verb in verbs {
            let widest = cell.entry(verb).or_insert(depth);
            *widest = (*widest).max(depth);
        }
    }
    tables
}

pub(super) fn section(page: &mut Page, patterns: &Patterns<'_>) {
    page.raw("<section id=\"rights\">\n<h2>Who may do what</h2>\n");
    if patterns.unknown > 0 {
        page.raw("<p>Of ")
            .text(&text::counted(patterns.unknown, "service user"))
            .raw(" the rights could not be read.</p>\n");
    }
    if patterns.all.is_empty() {
        page.raw("<p>Nobody's rights are known.</p>\n</section>\n");
        return;
    }
    legend(page);
    page.raw("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Rights by table\"><table class=\"cards matrix\">\n");
    page.raw("<thead><tr><th scope=\"col\">Who</th>");
    for table in &patterns.columns {
        page.raw("<th scope=\"col\">").name(table).raw("</th>");
    }
    page.raw("<th scope=\"col\">Far-reaching, and further rights</th></tr></thead>\n<tbody>\n");
    for (place, pattern) in patterns.all.iter().enumerate() {
        row(page, place + 1, pattern, &patterns.columns);
    }
    page.raw("</tbody></table></div>\n");
    words(page, patterns);
    page.raw("</section>\n");
}

fn legend(page: &mut Page) {
    page.raw("<p>Users with the same rights share a row. Letters say what: C create, R read, W change, D delete, L link, T link \
        others to, A give away, S share. Marks say how far:</p>\n<ul class=\"legend\">\n");
    for (_, class, words) in DEPTHS {
        page.raw("<li><i class=\"").raw(class).raw("\" aria-hidden=\"true\"></i> ").raw(words).raw("</li>\n");
    }
    page.raw("</ul>\n");
}

/// A row, without the end tags that HTML lets it leave out: there may be a thousand.
fn row(page: &mut Page, number: usize, pattern: &Pattern<'_>, columns: &[&str]) {
    page.raw("<tr id=\"r")
        .number(&number)
        .raw("\"><th scope=\"row\"><span class=\"soft\">")
        .number(&number)
        .raw(".</span> ");
    who(page, pattern);

    if pattern.rights.is_everything {
        page.raw("<td class=\"all\"");
        page.raw(" colspan=\"").number(&(columns.len() + 1)).raw("\">Everything: System Administrator\n");
        return;
    }
    let mut empty = 0;
    for table in columns {
        match pattern.tables.get(table) {
            Some(held) => {
                nothing(page, &mut empty);
                cell(page, table, held);
            }
            None => empty += 1,
        }
    }
    nothing(page, &mut empty);
    page.raw("<td class=\"far\">");
    if !pattern.far.is_empty() {
        page.raw("<strong>").sentence(&merged(&pattern.far).join("; ")).raw("</strong><br>");
    }
    let is_shown = |right: &&Right| match right {
        Right::Table { table, .. } | Right::Every { table, .. } => columns.contains(&table.as_str()),
        Right::Privilege { .. } => false,
    };
    let further: Vec<Right> = pattern.rights.rights.iter().filter(|right| !is_shown(right)).cloned().collect();
    if pattern.rights.rights.is_empty() {
        page.raw("nothing beyond what every role has");
    }
    said(page, &merged(&in_words(&further)));
    page.raw("\n");
}

/// Cells without anything in them, as one.
fn nothing(page: &mut Page, empty: &mut usize) {
    match std::mem::take(empty) {
        0 => {}
        1 => {
            page.raw("<td>");
        }
        more => {
            page.raw("<td colspan=\"").number(&more).raw("\">");
        }
    }
}

/// Sentences, as many as a row has room for.
fn said(page: &mut Page, sentences: &[String]) {
    for (place, sentence) in sentences.iter().take(SENTENCES).enumerate() {
        page.raw(if place == 0 { "" } else { "; " }).sentence(sentence);
    }
    if sentences.len() > SENTENCES {
        page.raw("; and so on, in ").number(&(sentences.len() - SENTENCES)).raw(" more sentences, which JSON has");
    }
}

/// The same with what is said of several tables said once: "may change every account, case in the org".
fn merged(sentences: &[String]) -> Vec<String> {
    const ALL: &str = " in the org";
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for sentence in sentences {
        let parts = sentence.strip_suffix(ALL).and_then(|sentence| sentence.split_once(" every "));
        let (verbs, table) = parts.unwrap_or((sentence, ""));
        match said.iter_mut().find(|(known, tables)| known == verbs && !table.is_empty() && !tables.is_empty()) {
            Some((_, tables)) => tables.push(table),
            None => said.push((verbs.to_owned(), Some(table).filter(|table| !table.is_empty()).into_iter().collect())),
        }
    }
    said.into_iter()
        .map(|(verbs, tables)| match tables.as_slice() {
            [] => verbs,
            tables => format!("{verbs} every {}{ALL}", tables.join(", ")),
        })
        .collect()
}

/// The users of a row, each with its orgs.
fn who(page: &mut Page, pattern: &Pattern<'_>) {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (org, user) in &pattern.users {
        names.entry(&user.name).or_default().insert(&org.name);
    }
    for (place, (name, orgs)) in names.iter().take(NAMED).enumerate() {
        page.raw(if place == 0 { "" } else { ", " }).name(name).raw(" <span class=\"soft\">in ");
        match orgs.first() {
            Some(org) if orgs.len() == 1 => page.name(org),
            _ => page.text(&text::counted(orgs.len(), "org")),
        };
        page.raw("</span>");
    }
    if names.len() > NAMED {
        page.raw(" and ").number(&(names.len() - NAMED)).raw(" more");
    }
}

fn cell(page: &mut Page, table: &str, held: &Cell) {
    page.raw("<td data-t=\"").text(&text::name(table)).raw("\">");
    for (depth, class, _) in DEPTHS {
        let at = held.iter().filter(|(_, known)| **known == depth).filter_map(|(verb, _)| VERBS.get(*verb));
        let letters: String = at.map(|(_, letter)| *letter).collect();
        if !letters.is_empty() {
            page.raw("<i class=\"").raw(class).raw("\">").text(&letters).raw("</i>");
        }
    }
}

/// All of it in sentences, where there are few rows; many have the most of it in their last column.
fn words(page: &mut Page, patterns: &Patterns<'_>) {
    if patterns.all.len() > FEW {
        return;
    }
    page.raw("<h3>In words</h3>\n<ol class=\"words\">\n");
    for pattern in &patterns.all {
        page.raw("<li><span class=\"soft\">").name(first_name(pattern));
        if pattern.users.len() > 1 {
            page.raw(" and ").number(&(pattern.users.len() - 1)).raw(" more");
        }
        page.raw("</span> ");
        let words = &pattern.rights.words;
        for (place, sentence) in words.iter().enumerate() {
            page.raw(if place == 0 { "" } else { "; " }).sentence(sentence);
        }
        if words.is_empty() {
            page.raw("may do nothing beyond what every role allows");
        }
        page.raw(".</li>\n");
    }
    page.raw("</ol>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_several_tables_is_said_once() {
        let said =
            ["may act in the name of any other user", "may change every account in the org", "may read its own tasks"];
        let said: Vec<String> =
            said.into_iter().chain(["may change every case in the org"]).map(str::to_owned).collect();
        let expected = [said[0].as_str(), "may change every account, case in the org", said[2].as_str()];
        assert_eq!(merged(&said), expected);
    }
}
